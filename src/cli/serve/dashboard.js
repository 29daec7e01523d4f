// Does what the CloudWatch console does for a custom widget: calls the function, removes everything unsafe from the
// returned HTML, shows it, and connects its actions to clicks (Amazon CloudWatch User Guide, "Details about custom
// widgets" and "Interactivity in the custom widget").
"use strict";

const at = id => document.getElementById(`dash-${id}`);
const [ranges, error, widget, popup, content, confirmation, question] =
  ["ranges", "error", "widget", "popup", "content", "confirm", "question"].map(at);

const HOUR = 3_600_000;
const RANGES = { "1h": HOUR, "3h": 3 * HOUR, "12h": 12 * HOUR, "1d": 24 * HOUR, "3d": 72 * HOUR, "1w": 168 * HOUR };
const EVERYTHING = "everything";

// Parameters of the widget as configured, parameters of its last call, the store, and the selected time range.
const configured = {};
let parameters = configured;
let about = { name: "", endpoint: "", asOf: 0, first: null, isPast: false };
let range = null;

// ---- Allowed HTML ------------------------------------------------------------------------------------

const ELEMENTS = new Set(`a abbr address article aside b bdi bdo blockquote br button caption cite code col colgroup
  cwdb-action data datalist dd del details dfn div dl dt em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6
  header hr i img input ins kbd label legend li main mark meter nav ol optgroup option output p pre progress q s samp
  section select small span strong style sub summary sup table tbody td textarea tfoot th thead time tr u ul var wbr
  svg g path rect circle ellipse line polyline polygon text tspan title desc defs lineargradient radialgradient stop
  clippath pattern marker`.split(/\s+/));

// Elements that are removed with their content. Of other elements that are not allowed, the content stays.
const DROPPED = "script, noscript, template, iframe, frame, frameset, object, embed, applet, use, foreignObject, " +
  "animate, set, animateMotion, animateTransform, link, meta, base, math, audio, video, canvas, portal, title:not(svg *)";

const ATTRIBUTES = new Set(`abbr action alt align checked class cols colspan confirmation datetime dir disabled display
  endpoint event for headers height hidden high href id label lang list low max maxlength min minlength multiple name
  open optimum pattern placeholder readonly required reversed role rows rowspan scope selected size span spellcheck src
  start step style tabindex title translate type value valign width wrap
  clip-path clip-rule cx cy d dominant-baseline dx dy fill fill-opacity fill-rule font-family font-size font-weight
  gradienttransform gradientunits offset opacity patternunits points preserveaspectratio r rx ry shape-rendering
  stop-color stop-opacity stroke stroke-dasharray stroke-linecap stroke-linejoin stroke-opacity stroke-width
  text-anchor transform vector-effect viewbox x x1 x2 xmlns y y1 y2`.split(/\s+/));

// Checks that a style loads nothing, also if it is written with escapes or comments.
function isPlain(style) {
  const spelled = style
    .replace(/\\([0-9a-f]{1,6})\s?/gi, (_, code) => String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff)))
    .replace(/\\(.)/g, "$1")
    .replace(/\/\*.*?\*\//gs, "");
  return !/(src|image|image-set|element|expression)\s*\(|url\s*\(\s*(?!["']?#)|@import/i.test(spelled);
}

function isAllowed(element, name, value) {
  if (name === "href") return element.localName === "a" && /^\s*(https?:|mailto:|#)/i.test(value);
  if (name === "src") return element.localName === "img" && /^data:image\/(png|gif|jpeg|webp);/i.test(value);
  if (name === "action") return element.localName === "cwdb-action";
  // Elements of other kinds that have a name would replace properties of the document.
  if (name === "name") return element.matches("input, select, textarea, details");
  if (name === "type") return !(element.localName === "input" && /^\s*(file|image|submit)\s*$/i.test(value));
  if (!ATTRIBUTES.has(name) && !/^(aria|data)-[\w-]+$/.test(name)) return false;
  return isPlain(value) || !/^(style|fill|stroke|clip-path)$/.test(name);
}

// Returns the safe part of HTML. The HTML is parsed in a separate document, so nothing is loaded or run by parsing.
function cleaned(html) {
  const body = new DOMParser().parseFromString(`<body>${html}`, "text/html").body;
  body.querySelectorAll(DROPPED).forEach(element => element.remove());
  // Elements with these names would replace properties of their form.
  for (const element of body.querySelectorAll(":not(form):is([name], [id])")) {
    for (const name of ["name", "id"]) {
      if (element.getAttribute(name) in HTMLFormElement.prototype) element.removeAttribute(name);
    }
  }
  for (const element of [...body.querySelectorAll("*")]) {
    const name = element.localName.toLowerCase();
    if (!ELEMENTS.has(name)) {
      element.replaceWith(...element.childNodes);
      continue;
    }
    if (name === "style" && !isPlain(element.textContent)) element.remove();
    for (const { name, value } of [...element.attributes]) {
      if (!isAllowed(element, name.toLowerCase(), value)) element.removeAttribute(name);
    }
    // A button must not submit a form, and a link opens a new tab.
    if (name === "button") element.type = "button";
    if (name === "a" && /^\s*https?:/i.test(element.getAttribute("href") ?? "")) {
      element.target = "_blank";
      element.rel = "noopener noreferrer";
    }
  }
  const fragment = document.createDocumentFragment();
  fragment.append(...[...body.childNodes].map(node => document.adoptNode(node)));
  return fragment;
}

// ---- Markdown, as far as documentation needs it --------------------------------------------------------

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

// Returns the code and the strong words of a line.
function words(line) {
  return line.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map(part =>
    /^`.+`$/.test(part) ? element("code", part.slice(1, -1))
      : /^\*\*.+\*\*$/.test(part) ? element("strong", part.slice(2, -2)) : part);
}

function row(line, name) {
  const cells = line.trim().replace(/^\||\|$/g, "").split("|");
  return element("tr", ...cells.map(cell => element(name, ...words(cell.trim()))));
}

function rendered(markdown) {
  const fragment = document.createDocumentFragment();
  const lines = markdown.split("\n");
  while (lines.length) {
    const line = lines.shift();
    const take = (of, from = [line]) => {
      while (lines.length && of.test(lines[0])) from.push(lines.shift());
      return from;
    };
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (/^```/.test(line)) {
      fragment.append(element("pre", take(/^(?!```)/, []).join("\n")));
      lines.shift();
    } else if (heading) {
      fragment.append(element(`h${heading[1].length}`, ...words(heading[2])));
    } else if (/^\s*[-*]\s/.test(line)) {
      const items = take(/^\s*[-*]\s/).map(item => element("li", ...words(item.replace(/^\s*[-*]\s+/, ""))));
      fragment.append(element("ul", ...items));
    } else if (line.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[0] ?? "")) {
      lines.shift();
      const body = take(/\|/, []).map(line => row(line, "td"));
      fragment.append(element("table", row(line, "th"), ...body));
    } else if (line.trim()) {
      fragment.append(element("p", ...words(take(/^(?!\s*$|#|```|\s*[-*]\s)/).join(" "))));
    }
  }
  return fragment;
}

// ---- Calls ---------------------------------------------------------------------------------------------

function complain(sentence) {
  // An open dialog covers the page, so the error is shown in the dialog.
  (popup.open ? content : widget).before(error);
  error.textContent = sentence;
  error.hidden = !sentence;
}

// Returns the values of the form fields in the widget and in the open dialog.
function forms() {
  const all = {};
  for (const place of popup.open ? [widget, content] : [widget]) {
    for (const field of place.querySelectorAll("input[name], select[name], textarea[name]")) {
      const isChoice = field.type === "checkbox" || field.type === "radio";
      if (!isChoice || field.checked) all[field.name] = field.value;
    }
  }
  return all;
}

function context() {
  const end = about.isPast ? about.asOf : Date.now();
  const length = RANGES[range];
  const start = length ? end - length : about.first ?? end - RANGES["1w"];
  const minutes = -new Date().getTimezoneOffset();
  const two = number => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return {
    dashboardName: "local",
    widgetId: "widget-1",
    accountId: "000000000000",
    locale: navigator.language.split("-")[0],
    timezone: {
      label: minutes ? "Local" : "UTC",
      offsetISO: `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`,
      offsetInMinutes: minutes,
    },
    period: 300,
    isAutoPeriod: true,
    timeRange: length ? { mode: "relative", start, end, relativeStart: length } : { mode: "absolute", start, end },
    theme: document.documentElement.dataset.theme,
    linkCharts: true,
    title: document.title,
    forms: { all: forms() },
    params: configured,
    width: widget.clientWidth,
    height: widget.clientHeight,
  };
}

async function asked(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error((await answer.text()).trim() || `the server answers ${answer.status}`);
  return answer.json();
}

// Calls the function and shows the answer in an element. A later call for the same element cancels this one.
async function call(place, given) {
  place.calling?.abort();
  const { signal } = place.calling = new AbortController();
  place.ariaBusy = "true";
  try {
    const body = JSON.stringify({ ...given, widgetContext: context() });
    const headers = { "Content-Type": "application/json" };
    const answer = await asked("/widget", { method: "POST", headers, body, signal });
    if (signal.aborted) return;
    complain("");
    show(place, answer);
  } catch (problem) {
    if (!signal.aborted) complain(`The widget cannot be called: ${problem.message}`);
  } finally {
    if (!signal.aborted) place.ariaBusy = "false";
  }
}

function show(place, answer) {
  if (place === content && !popup.open) popup.showModal();
  if (typeof answer === "string") {
    const fragment = cleaned(answer);
    bind(fragment);
    place.replaceChildren(fragment);
  } else if (typeof answer?.markdown === "string") {
    place.replaceChildren(rendered(answer.markdown));
  } else {
    place.replaceChildren(element("pre", JSON.stringify(answer, null, 2)));
  }
  place.scrollTop = 0;
}

function stop(place) {
  place.calling?.abort();
  place.ariaBusy = "false";
}

// ---- Actions -------------------------------------------------------------------------------------------

function confirmed(text) {
  question.textContent = text;
  confirmation.returnValue = "";
  confirmation.showModal();
  return new Promise(done => {
    confirmation.addEventListener("close", () => done(confirmation.returnValue === "ok"), { once: true });
  });
}

// Connects each action to the element before it.
function bind(fragment) {
  const actions = [...fragment.querySelectorAll("cwdb-action")];
  for (const action of actions.filter(action => !action.parentElement?.closest("cwdb-action"))) {
    const element = action.previousElementSibling;
    action.remove();
    if (!element) continue;
    const event = action.getAttribute("event") ?? "click";
    const events = action.getAttribute("action") === "call" ? ["click", "dblclick"] : ["click", "dblclick", "mouseenter"];
    if (!events.includes(event)) continue;
    element.dataset.acts = event;
    element.addEventListener(event, given => {
      if (element.localName === "a") given.preventDefault();
      act(action);
    });
    if (event === "click" && !element.matches("a[href], button, input, select, textarea, summary")) {
      element.tabIndex = 0;
      if (element.localName === "a") element.setAttribute("role", "button");
      element.addEventListener("keydown", key => {
        if (key.target === element && key.key === "Enter") element.click();
      });
    }
  }
}

async function act(action) {
  const place = action.getAttribute("display") === "popup" ? content : widget;
  const text = action.getAttribute("confirmation");
  if (text && !await confirmed(text)) return;
  if (action.getAttribute("action") !== "call") {
    stop(place);
    return show(place, action.innerHTML);
  }
  if (action.getAttribute("endpoint") !== about.endpoint) {
    return complain("This action calls another function, which is not available here.");
  }
  let given;
  try {
    given = JSON.parse(action.textContent.trim() || "{}");
  } catch {
    return complain("The parameters of this action are not JSON.");
  }
  const calling = call(place, given);
  if (place === widget) {
    // A refresh repeats the call with these parameters, which may contain typed values.
    parameters = given;
    popup.close();
  }
  return calling;
}

// Enter in a field clicks the first primary button of the same form.
document.addEventListener("keydown", event => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches(".cwdb input:not([type=checkbox], [type=radio])")) return;
  event.preventDefault();
  event.target.closest("form, .cwdb").querySelector(".btn-primary")?.click();
});
document.addEventListener("submit", event => {
  if (event.target.closest(".cwdb")) event.preventDefault();
});
popup.addEventListener("close", () => {
  stop(content);
  complain("");
  content.replaceChildren();
});

// ---- The bar -------------------------------------------------------------------------------------------

async function refresh() {
  widget.ariaBusy = "true";
  try {
    about = await asked("/about");
  } catch (problem) {
    widget.ariaBusy = "false";
    return complain(`The server does not answer: ${problem.message}`);
  }
  at("name").textContent = `CloudTrail errors in ${about.name}`;
  range ??= about.isPast ? EVERYTHING : "1d";
  const names = about.isPast ? [...Object.keys(RANGES), EVERYTHING] : Object.keys(RANGES);
  if (ranges.childElementCount !== names.length) {
    ranges.replaceChildren(...names.map(name => {
      const button = element("button", name);
      button.type = "button";
      button.addEventListener("click", () => { range = name; refresh(); });
      return button;
    }));
  }
  for (const button of ranges.children) button.ariaPressed = String(button.textContent === range);
  return call(widget, parameters);
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  at("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

at("refresh").addEventListener("click", refresh);
at("describe").addEventListener("click", () => {
  popup.showModal();
  call(content, { describe: true });
});
at("theme").addEventListener("click", () => {
  dress(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  refresh();
});

// Opens the page of the cluster or sensitive call whose id is behind the # of the address.
function openAddressed() {
  const cluster = /^#([a-z2-7]{26})$/i.exec(location.hash)?.[1];
  if (cluster) call(content, { cluster });
}

addEventListener("hashchange", openAddressed);
dress(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
refresh().then(openAddressed);
