// Does what the CloudWatch console does for a custom widget: calls the function, removes everything unsafe from the
// returned HTML, shows it, and connects its actions to clicks (Amazon CloudWatch User Guide, "Details about custom
// widgets" and "Interactivity in the custom widget").
"use strict";

const at = id => document.getElementById(`dash-${id}`);
const [ranges, error, widget, popup, content, confirmation, question] =
  ["ranges", "error", "widget", "popup", "content", "confirm", "question"].map(at);

const HOUR = 3_600_000;
const RANGES = { "1h": HOUR, "3h": 3 * HOUR, "12h": 12 * HOUR, "1d": 24 * HOUR, "3d": 72 * HOUR, "1w": 168 * HOUR };
const ALL = "all";

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

function context(typed) {
  const end = about.isPast ? about.asOf : Date.now();
  const length = RANGES[range];
  const start = length ? end - length : about.first ?? end - RANGES["1w"];
  const minutes = isLocal() ? -new Date().getTimezoneOffset() : 0;
  const two = number => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return {
    dashboardName: "serve",
    widgetId: "widget-1",
    accountId: "",
    locale: LANGUAGE,
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
    forms: { all: typed ? forms() : {} },
    params: configured,
    width: widget.clientWidth,
    height: widget.clientHeight,
  };
}

async function asked(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error((await answer.text()).trim() || filled("status", answer.status));
  return answer.json();
}

// Calls the function and shows the answer in an element. A later call for the same element cancels this one. What was typed
// into forms is sent along, unless the call restores a view.
async function call(place, given, typed = true) {
  place.calling?.abort();
  const { signal } = place.calling = new AbortController();
  place.ariaBusy = "true";
  try {
    const body = JSON.stringify({ ...given, widgetContext: context(typed) });
    const headers = { "Content-Type": "application/json" };
    const answer = await asked("/widget", { method: "POST", headers, body, signal });
    if (signal.aborted) return;
    complain("");
    show(place, answer);
  } catch (problem) {
    if (!signal.aborted) complain(filled("no_call", problem.message));
  } finally {
    if (!signal.aborted) place.ariaBusy = "false";
  }
}

// Returns a function that moves the focus, after the content of a place is replaced: to the message about a decision, to the
// control with the name or the label of the focused one, or to the heading.
function focusOf(place, focused) {
  const label = one => one.name || one.ariaLabel || one.textContent.replace(/[^\p{L}\p{N}:/]+/gu, " ").trim();
  const alike = () => [...place.querySelectorAll(focused.localName)].filter(one => label(one) === wanted);
  const wanted = label(focused);
  const at = alike().indexOf(focused);
  return () => {
    const found = alike();
    const message = place === content && place.querySelector(".notice[role=status]");
    const to = message || (found[at] ?? found.at(-1)) || place.querySelector("h2, h3");
    if (!to) return;
    if (to === message || /^h\d$/.test(to.localName)) to.tabIndex = -1;
    to.focus({ preventScroll: true });
    if (to.type === "search") to.setSelectionRange(to.value.length, to.value.length);
  };
}

function show(place, answer) {
  if (place === content && !popup.open) popup.showModal();
  at("link").hidden = !shared();
  if (typeof answer === "string") {
    const fragment = cleaned(answer);
    bind(fragment);
    assist(fragment);
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const refocus = focused ? focusOf(place, focused) : () => {};
    place.replaceChildren(fragment);
    refocus();
  } else if (typeof answer?.markdown === "string") {
    place.replaceChildren(rendered(answer.markdown));
  } else {
    place.replaceChildren(element("pre", JSON.stringify(answer, null, 2)));
  }
  place.scrollTop = 0;
  const heading = (popup.open ? content : widget).querySelector("h2")?.textContent;
  document.title = heading ? `${heading} – ${texts.name}` : at("name").textContent;
}

function stop(place) {
  place.calling?.abort();
  place.ariaBusy = "false";
}

// ---- Actions -------------------------------------------------------------------------------------------

// Asks before a call. The first line of the text is the question, the rest is the consequence; the button has the name of
// the action.
function confirmed(text, name) {
  const [first, ...rest] = text.split("\n");
  question.textContent = first;
  at("consequence").textContent = rest.join("\n");
  at("ok").textContent = name || texts.ok;
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
      act(action, element);
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

async function act(action, element) {
  const place = action.getAttribute("display") === "popup" ? content : widget;
  const text = action.getAttribute("confirmation");
  for (const field of element.closest("form")?.querySelectorAll("input[required]") ?? []) field.value = field.value.trim();
  if (text && element.closest("form")?.querySelector(":invalid")?.reportValidity() === false) return;
  if (text && !await confirmed(text, element.textContent.trim())) return;
  if (action.getAttribute("action") !== "call") {
    stop(place);
    return show(place, action.innerHTML);
  }
  if (action.getAttribute("endpoint") !== about.endpoint) return complain(texts.other_function);
  let given;
  try {
    given = JSON.parse(action.textContent.trim() || "{}");
  } catch {
    return complain(texts.no_json);
  }
  if (place === widget) return list(given);
  // A decision shows the same page again, so it adds no entry to the history.
  const decides = "decide" in given;
  if (decides) isStale = true;
  visit({ popup: kept(given) }, !decides);
  return call(content, given);
}

// Shows the list that a call returns; without `typed`, with the parameters alone. A refresh repeats the call with these
// parameters, which may contain typed values.
function list(given, typed = true) {
  parameters = given;
  visit({ list: kept({ ...given, ...typed ? asking() : {} }), popup: null });
  isStale = false;
  const calling = call(widget, given, typed);
  shut();
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
// Whether the page itself closes the popup. The event about it comes later, maybe after the next view was called.
let isShutting = false;

function shut() {
  if (!popup.open) return;
  isShutting = true;
  popup.close();
  tidy();
}

function tidy() {
  stop(content);
  complain("");
  content.replaceChildren();
  document.title = at("name").textContent;
  if (isStale) {
    isStale = false;
    refresh();
  }
}

popup.addEventListener("close", () => {
  if (isShutting) {
    isShutting = false;
    return;
  }
  tidy();
  // Closed by the person: back to the address of the list below.
  if (!view.popup) return;
  const opened = history.state?.popups ?? 0;
  view.popup = null;
  if (opened) history.go(-opened);
  else visit({}, false);
});

// ---- Addresses -----------------------------------------------------------------------------------------
//
// The part of the address behind # has the parameters of the calls that made the view: those of the list, `range`, and with
// `open.` before their names those of the open popup. So Reload, Back and Forward show the same view again.

const OPEN = "open.";

// Parameters of a decision: an address opens views, it does not decide.
const DECIDING = ["decide", "version", "mute_for", "reason", "who"];

// The view that is shown: the parameters of the list, those of the popup or null, and the time range or null for the usual.
let view = { list: {}, popup: null, range: null };

// Whether a decision was made since the list was called.
let isStale = false;

// Returns the parameters that an address holds: ids, fixed words, numbers and what is searched for.
function kept(given) {
  const isKept = ([name, value]) => !DECIDING.includes(name) && value !== "" && typeof value !== "object";
  return Object.fromEntries(Object.entries(given).filter(isKept).map(([name, value]) => [name, String(value)]));
}

// Returns what is typed and selected in the search form of the list.
function asking() {
  const fields = widget.querySelectorAll("form.ask :is(input, select)[name]");
  return Object.fromEntries([...fields].map(field => [field.name, field.value]));
}

function address() {
  const { list, popup, range } = view;
  const pairs = new URLSearchParams(list);
  if (range) pairs.set("range", range);
  for (const [name, value] of Object.entries(popup ?? {})) pairs.set(OPEN + name, value);
  const text = pairs.toString();
  return location.pathname + location.search + (text && `#${text}`);
}

// Notes a change of the view in the address: as a new entry of the history, or in place of the current one.
function visit(change, isNew = true) {
  view = { ...view, ...change };
  const to = address();
  if (to === location.pathname + location.search + location.hash) return;
  const popups = view.popup ? (history.state?.popups ?? 0) + Number(isNew) : 0;
  if (isNew) history.pushState({ popups }, "", to);
  else history.replaceState({ popups }, "", to);
}

// Returns the view of the current address. `#ID` opens the page of a cluster, sensitive call or incident.
function addressed() {
  const cluster = /^#([a-z2-7]{26})$/i.exec(location.hash)?.[1];
  if (cluster) return { list: {}, popup: { cluster: cluster.toLowerCase() }, range: null };
  const found = { list: {}, popup: null, range: null };
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name.startsWith(OPEN)) (found.popup ??= {})[name.slice(OPEN.length)] = value;
    else if (name === "range") found.range = value === ALL || value in RANGES ? value : null;
    else found.list[name] = value;
  }
  return found;
}

// Shows the view of the address.
async function restore() {
  const next = addressed();
  const isOther = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
  const isOtherList = isOther([next.list, next.range], [view.list, view.range]);
  const isOtherPopup = isOther(next.popup, view.popup);
  view = next;
  if (isOtherPopup && !next.popup) shut();
  if (isOtherList) {
    parameters = next.list;
    range = next.range;
    await refresh(false);
  }
  if (isOtherPopup && next.popup) await open(next.popup);
}

function open(given) {
  return call(content, given.describe ? { ...given, describe: true } : given, false);
}

addEventListener("popstate", restore);
addEventListener("hashchange", restore);

// ---- Help in this page alone: a custom widget in CloudWatch has no script --------------------------------

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* The browser keeps nothing. */ }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without the focus or the permission: from a field in the place that has the focus.
    const field = element("textarea", text);
    (popup.open ? content : document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  at("said").textContent = texts.copied;
  setTimeout(() => { at("said").textContent = ""; }, 2000);
}

// Draws two sheets, one over the other.
function icon() {
  const drawn = name => document.createElementNS("http://www.w3.org/2000/svg", name);
  const svg = drawn("svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  for (const place of [1, 4]) {
    const sheet = drawn("rect");
    for (const [name, value] of Object.entries({ x: place, y: place, width: 7, height: 7 })) sheet.setAttribute(name, value);
    svg.append(sheet);
  }
  return svg;
}

// Adds a copy button to each element with the class `copy`, and fills in the name of the person who decides.
function assist(fragment) {
  for (const one of fragment.querySelectorAll(".copy")) {
    const button = element("button", one.localName === "pre" ? texts.copy : icon());
    button.type = "button";
    button.className = "dash-copy";
    button.title = button.ariaLabel = texts.copy;
    button.addEventListener("click", () => copy(one.textContent));
    if (one.localName === "pre") one.before(button);
    else one.after(button);
  }
  for (const field of fragment.querySelectorAll("input[name=who]")) {
    field.value ||= stored("name") ?? about.user ?? "";
    field.addEventListener("change", () => store("name", field.value));
  }
}

// Returns what shows the page in the popup again: the address of the dashboard with the id, else a command; of a caller or
// an account, which no command shows, the address of this page.
function shared() {
  const { cluster, incident, caller, account_page } = view.popup ?? {};
  if (caller || account_page) return location.origin + address();
  const id = incident ?? cluster;
  const command = about.commands?.[incident ? "incident" : "cluster"];
  if (!id || !command) return null;
  return about.console ? `${about.console} ${id}` : command.replace("{id}", () => id);
}

function explain() {
  const rows = texts.keys.map(([key, words]) => {
    const head = element("th", element("kbd", key));
    head.scope = "row";
    return element("tr", head, element("td", words));
  });
  const heads = [texts.key, texts.does].map(text => Object.assign(element("th", text), { scope: "col" }));
  const table = element("table", element("thead", element("tr", ...heads)), element("tbody", ...rows));
  if (!popup.open) popup.showModal();
  stop(content);
  at("link").hidden = true;
  content.replaceChildren(element("h2", texts.shortcuts), table);
}

// Moves the focus to the next or the previous row.
function step(by) {
  const rows = [...(popup.open ? content : widget).querySelectorAll("a.open")];
  const to = rows.indexOf(document.activeElement) + by;
  rows[to < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(to, rows.length - 1)]?.focus();
}

let isGoing = false;
document.addEventListener("keydown", event => {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping || confirmation.open || event.isComposing) return;
  const wasGoing = isGoing;
  isGoing = event.key === "g";
  const shortcuts = {
    "/": () => widget.querySelector("input[type=search]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    l: () => wasGoing && list({}, false),
    "?": explain,
  };
  if (popup.open && event.key === "/") return;
  if (!Object.hasOwn(shortcuts, event.key)) return;
  event.preventDefault();
  shortcuts[event.key]();
});

// ---- The bar -------------------------------------------------------------------------------------------

// Calls the list again. Without `typed` it has the parameters of the address alone.
async function refresh(typed = true) {
  widget.ariaBusy = "true";
  try {
    about = await asked("/about");
  } catch (problem) {
    widget.ariaBusy = "false";
    return complain(filled("no_server", problem.message));
  }
  document.title = at("name").textContent = filled("name_of", about.name);
  const usual = about.isPast ? ALL : "1d";
  range ??= usual;
  // The data of a file change only by a scan; they are read again when the window gets the focus.
  at("refresh").hidden = about.isPast;
  const names = about.isPast ? [...Object.keys(RANGES), ALL] : Object.keys(RANGES);
  if (ranges.childElementCount !== names.length) {
    ranges.replaceChildren(...names.map(name => {
      const button = element("button", texts[name]);
      button.type = "button";
      button.dataset.range = name;
      button.addEventListener("click", () => {
        range = name;
        visit({ list: kept({ ...parameters, ...asking() }), range: name === usual ? null : name });
        refresh();
      });
      return button;
    }));
  }
  for (const button of ranges.children) button.ariaPressed = String(button.dataset.range === range);
  return call(widget, parameters, typed);
}

function isLocal() {
  return stored("zone") === "local";
}

// Writes the texts of the page in its language.
function write() {
  document.documentElement.lang = LANGUAGE === "zh" ? "zh-CN" : "en";
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = texts[one.dataset.word];
  document.title = at("name").textContent = texts.name;
  ranges.ariaLabel = texts.ranges;
  popup.ariaLabel = texts.details;
  at("close").ariaLabel = texts.close;
  at("zone").textContent = isLocal() ? texts.zone_local : texts.zone_utc;
  const other = LANGUAGE === "zh" ? "en" : "zh";
  at("language").textContent = texts.other_language;
  at("language").lang = other === "zh" ? "zh-CN" : "en";
  at("language").href = `?lang=${other}`;
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  at("theme").textContent = theme === "dark" ? texts.light : texts.dark;
}

// Calls again what is shown, after a change of how it is shown.
function again() {
  refresh();
  if (popup.open && view.popup) open(view.popup);
}

at("refresh").addEventListener("click", () => refresh());
at("keys").addEventListener("click", explain);
at("describe").addEventListener("click", () => {
  visit({ popup: { describe: "true" } });
  open(view.popup);
});
at("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  store("theme", theme);
  dress(theme);
  again();
});
at("zone").addEventListener("click", () => {
  store("zone", isLocal() ? "utc" : "local");
  write();
  again();
});
at("language").addEventListener("click", () => { at("language").href += location.hash; });
at("link").addEventListener("click", () => copy(shared()));
addEventListener("focus", async () => {
  if (!about.isPast || widget.ariaBusy === "true") return;
  const now = await asked("/about").catch(() => about);
  if (now.version !== about.version) refresh();
});

write();
dress(stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
view = addressed();
parameters = view.list;
range = view.range;
refresh(false).then(() => view.popup && open(view.popup));
