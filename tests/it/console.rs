//! The page of `serve` in Chromium, with a widget made by the test.
//!
//! The page does what the CloudWatch console does. Nothing in a widget's HTML runs, loads or sends anything.

use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::bootstrap::Function;
use crate::chromium::{Chromium, with_text};
use crate::emulator::Emulator;
use crate::gaps::this_moment;
use crate::http::{self, Request};
use crate::records::{ACCOUNT, id, ingest, lines, record};
use crate::table::telling;

const HTML: &str = include_str!("../../src/cli/serve/dashboard.html");
const SCRIPT: &str = include_str!("../../src/cli/serve/dashboard.js");
const WORDS: &str = include_str!("../../src/cli/serve/words.js");
const STYLE: &str = include_str!("../../src/cli/serve/dashboard.css");

const ENDPOINT: &str = "arn:aws:lambda:local:000000000000:function:serve";

/// A server with the page and a widget of the test. It sends no content security policy, so that only the page itself
/// protects against the widget's HTML.
struct Widget {
    address: String,
    events: Arc<Mutex<Vec<Value>>>,
}

/// Returns the HTML for an event; `None` is a failure.
type Answer = Box<dyn Fn(&Value) -> Option<Value> + Send>;

impl Widget {
    /// Answers events with the results of a function, one after another; `None` is a failure.
    fn new(answer: impl Fn(&Value) -> Option<Value> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                // A browser keeps connections open to be ready, and closes them or not. No other connection waits for that.
                thread::spawn(move || serve(&stream.unwrap(), &heard, &answer));
            }
        });
        Self { address, events }
    }

    /// Answers all events with the same HTML.
    fn showing(html: &str) -> Self {
        let html = html.to_owned();
        Self::new(move |event| {
            Some(match event["describe"].is_null() {
                true => json!(html),
                false => json!({"markdown": MARKDOWN}),
            })
        })
    }

    fn last(&self) -> Value {
        self.events.lock().unwrap().last().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    /// Opens the page; `None` if there is no browser.
    fn open(&self) -> Option<Chromium> {
        let mut browser = Chromium::find()?;
        browser.open(&self.address);
        browser.until("at('widget').ariaBusy === 'false'");
        Some(browser)
    }
}

const MARKDOWN: &str = "## What <it> is\n\nA **fine** `widget`.\n\n- one\n- two\n\n\
                        Param | Description\n---|---\n**a** | `<b>`\n\n``` yaml\na: <1>\n```\n";

fn serve(
    mut stream: &TcpStream,
    heard: &Mutex<Vec<Value>>,
    answer: &Mutex<Answer>,
) -> std::io::Result<()> {
    let Some(request) = Request::read(&mut BufReader::new(stream)) else {
        return Ok(());
    };
    let about = json!({"name": "made up", "endpoint": ENDPOINT, "asOf": 1_793_750_400_000_i64,
        "first": 1_793_577_981_000_i64, "isPast": true});
    let (code, kind, content) = match request.path() {
        "/" => (200, "text/html", HTML.to_owned()),
        "/dashboard.js" => (200, "text/javascript", SCRIPT.to_owned()),
        "/words.js" => (200, "text/javascript", WORDS.to_owned()),
        "/dashboard.css" => (200, "text/css", STYLE.to_owned()),
        "/about" => (200, "application/json", about.to_string()),
        "/widget" => {
            let event: Value = serde_json::from_slice(&request.body).unwrap();
            let answered = answer.lock().unwrap()(&event);
            heard.lock().unwrap().push(event);
            match answered {
                Some(answer) => (200, "application/json", answer.to_string()),
                None => (500, "text/plain", "it is broken".to_owned()),
            }
        }
        _ => (204, "text/plain", String::new()),
    };
    let headers = format!("Content-Type: {kind}; charset=utf-8\r\nConnection: close\r\n");
    stream.write_all(&http::answer(
        &format!("{code} x"),
        &headers,
        content.as_bytes(),
    ))
}

/// Returns an HTML element with a `cwdb-action`.
fn acting(element: &str, attributes: &str, content: &str) -> String {
    format!("{element}<cwdb-action {attributes} endpoint=\"{ENDPOINT}\">{content}</cwdb-action>")
}

fn assert_quiet(browser: &Chromium, widget: &Widget) {
    let own = |url: &&String| !url.starts_with(&widget.address);
    assert_eq!(browser.asked.iter().find(own), None);
    assert_eq!(browser.said, Vec::<String>::new());
}

#[test]
fn a_call_carries_its_parameters_what_was_typed_and_what_is_looked_at() {
    let popup = acting("<a class=btn>Deeper</a>", "action=call", r#"{"deep": 2}"#);
    let popup =
        format!("<p>above</p><input name=who value=ann><input name=search value=over>{popup}");
    let list = format!(
        "<form><input name=search value='a b'><input type=checkbox name=off><input type=checkbox name=on checked>
         <select name=sort><option>x<option selected>y</select><textarea name=why>z</textarea></form>{}{}",
        acting("<a class=btn>Open</a>", "action=call display=popup", r#"{"open": {"id": "1"}}"#),
        acting("<a class=btn>Next</a>", "action=call", r#"{"page": 2}"#),
    );
    let widget = Widget::new(move |event| {
        Some(json!(match event["open"].is_null() {
            true => &list,
            false => &popup,
        }))
    });
    let Some(mut browser) = widget.open() else {
        return;
    };
    let first = widget.last();
    assert_eq!(
        first.as_object().unwrap().len(),
        1,
        "nothing is configured: {first}"
    );
    let context = &first["widgetContext"];
    let range =
        json!({"mode": "absolute", "start": 1_793_577_981_000_i64, "end": 1_793_750_400_000_i64});
    assert_eq!(context["timeRange"], range);
    assert_eq!(context["theme"], "light");
    assert_eq!(context["forms"], json!({"all": {}}));
    assert!(context["width"].as_i64() > Some(500), "{context}");
    for name in ["dashboardName", "widgetId", "accountId", "locale", "title"] {
        assert!(context[name].is_string(), "{name}");
    }
    browser.click(&with_text("a", "Open"));
    browser.until("popup.open && content.ariaBusy === 'false'");
    let opened = widget.last();
    assert_eq!(opened["open"], json!({"id": "1"}));
    let typed = json!({"search": "a b", "on": "on", "sort": "y", "why": "z"});
    assert_eq!(opened["widgetContext"]["forms"]["all"], typed);
    browser.click(&with_text("a", "Deeper"));
    browser.until("!popup.open && widget.ariaBusy === 'false'");
    let deeper = widget.last();
    assert_eq!(deeper["deep"], 2);
    let typed = json!({"search": "over", "who": "ann", "on": "on", "sort": "y", "why": "z"});
    assert_eq!(deeper["widgetContext"]["forms"]["all"], typed);
    // A refresh asks for the same again, and a range ends where the events do.
    browser.click(&with_text("button", "3h"));
    browser.until("ranges.querySelector('[aria-pressed=true]').textContent === '3h'");
    browser.until("widget.ariaBusy === 'false'");
    let again = widget.last();
    assert_eq!(again["deep"], 2);
    let end = 1_793_750_400_000_i64;
    let range = json!({"mode": "relative", "start": end - 10_800_000, "end": end, "relativeStart": 10_800_000});
    assert_eq!(again["widgetContext"]["timeRange"], range);
    browser.click("at('theme')");
    browser.until("at('theme').textContent === 'Light' && widget.ariaBusy === 'false'");
    assert_eq!(widget.last()["widgetContext"]["theme"], "dark");
    assert_quiet(&browser, &widget);
}

#[test]
fn what_asks_first_does_nothing_until_somebody_says_ok() {
    let attributes = "action=call display=popup confirmation=\"Really &lt;b&gt;?\"";
    let widget = Widget::showing(&acting(
        "<a class=btn>Mute</a>",
        attributes,
        r#"{"mute": true}"#,
    ));
    let Some(mut browser) = widget.open() else {
        return;
    };
    for way_out in ["Cancel", "Escape"] {
        browser.click(&with_text("a", "Mute"));
        browser.until("confirmation.open && question.textContent === 'Really <b>?'");
        match way_out {
            "Cancel" => browser.click(&with_text("#dash-confirm button", "Cancel")),
            key => browser.press(key),
        }
        browser.until("!confirmation.open");
        assert_eq!(widget.count(), 1, "{way_out}");
    }
    browser.click(&with_text("a", "Mute"));
    browser.until("confirmation.open");
    browser.click(&with_text("#dash-confirm button", "Mute"));
    browser.until("popup.open && content.ariaBusy === 'false'");
    assert_eq!(widget.last()["mute"], true);
    browser.click("popup.querySelector('[aria-label=Close]')");
    browser.until("!popup.open && !content.hasChildNodes()");
    assert_quiet(&browser, &widget);
}

#[test]
fn html_of_an_action_is_shown_where_it_says() {
    let inner = acting("<b id=inner>inner</b>", "", "<i>in the inner</i>");
    let widget = Widget::showing(&format!(
        "{}{}{}<p>plain</p>",
        acting(
            "<a class=btn>Above</a>",
            "display=popup",
            &format!("<p>popped</p>{inner}")
        ),
        acting(
            "<span id=over>hover</span>",
            "event=mouseenter display=popup",
            "<p>hovered</p>"
        ),
        acting(
            "<span id=never>never</span>",
            "event=mouseenter action=call",
            "{}"
        ),
    ));
    let Some(mut browser) = widget.open() else {
        return;
    };
    browser.click("document.querySelector('#never')");
    browser.click(&with_text("a", "Above"));
    browser.until("popup.open && content.innerText.includes('popped')");
    assert_eq!(
        browser.ask("document.querySelectorAll('cwdb-action').length"),
        0
    );
    browser.click("document.querySelector('#inner')");
    browser.until("widget.innerText === 'in the inner'");
    browser.click("popup.querySelector('[aria-label=Close]')");
    browser.ask("refresh()");
    browser.until("document.querySelector('#over') && widget.ariaBusy === 'false'");
    browser.click("document.querySelector('#over')");
    browser.until("content.innerText.includes('hovered')");
    assert_eq!(widget.count(), 2, "only the page itself has called");
    assert_quiet(&browser, &widget);
}

/// Hostile widget HTML: each tries to run a script, to load something from the test's server, or to imitate an element
/// of the page.
const EVIL: &str = r##"
<script>window.ran = 1</script><img src=x onerror="window.ran = 2"><img src="ADDRESSimg.png">
<svg><script>window.ran = 3</script><use href="ADDRESSuse.svg#x"/><image href="ADDRESSimage.png"/>
<animate attributeName=href values="javascript:window.ran=4"/><foreignObject><iframe src="ADDRESSframe"></iframe>
</foreignObject><rect fill="url(ADDRESSfill#x)" width=9 height=9 onload="window.ran = 5"/></svg>
<a id=run href="javascript:window.ran=6">one</a><a id=run2 href=" java&#10;script:window.ran=7">two</a>
<a href="data:text/html,<script>1</script>">three</a><a id=out href="https://example.com/">out</a>
<iframe srcdoc="<script>parent.ran = 8</script>"></iframe><object data="ADDRESSobject"></object><embed src="ADDRESSembed">
<style>@import "ADDRESSimport.css"; p { color: red }</style><style>p { background: u\72l(ADDRESSstyle.png) }</style>
<p id=styled style="background: url('ADDRESSattribute.png')">styled</p><p style="background: ur\6c (ADDRESSescaped)">e</p>
<link rel=stylesheet href="ADDRESSlink.css"><meta http-equiv=refresh content="0;url=ADDRESSmeta"><base href="ADDRESSbase/">
<form id=f action="ADDRESSform" method=post><input name=attributes><input name=childNodes><input name=parentNode>
<input name=querySelector><input id=localName onfocus="window.ran = 9" autofocus><button formaction="ADDRESSform">send</button></form>
<img name=createElement><form name=getElementById></form><video poster="ADDRESSposter"></video><audio src="ADDRESSaudio"></audio>
<math><mtext><table><mglyph><style><img src onerror="window.ran = 10"></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src onerror='window.ran = 11'>">x</p></noscript><template><img src=x></template>
<body onload="window.ran = 12" background="ADDRESSbody"><unknown-thing onclick="window.ran = 13"><b>kept</b></unknown-thing>
<p id=late onclick="window.ran = 14" onmouseover="window.ran = 15">late</p><a ping="ADDRESSping" href="#here">here</a>
<input type=image src="ADDRESSinput"><p style="color: rgb(1, 2, 3)" id=plain>plain</p>
"##;

#[test]
fn nothing_that_a_widget_returns_runs_loads_or_sends_anything() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", other.local_addr().unwrap());
    let evil = EVIL.replace("ADDRESS", &address);
    let popping = acting("<a class=btn>Pop</a>", "display=popup", &evil);
    let widget = Widget::showing(&format!("{popping}{evil}"));
    let Some(mut browser) = widget.open() else {
        return;
    };
    let look = |browser: &mut Chromium, place: &str| {
        for id in ["run", "run2", "late"] {
            browser.click(&format!("{place}.querySelector('#{id}')"));
        }
        browser.click(&format!(
            "[...{place}.querySelectorAll('button')].find(of => of.textContent === 'send')"
        ));
        let found = format!(
            "(() => {{ const place = {place}; const bad = [];
               for (const of of place.querySelectorAll('*')) {{
                 const all = Element.prototype.getAttributeNames.call(of);
                 const names = all.filter(name => /^on|^(src|srcdoc|action|formaction|data|background|poster|ping)$/.test(name));
                 bad.push(...names.map(name => `${{of.nodeName}} ${{name}}`));
               }}
               const never = place.querySelectorAll('script, iframe, object, embed, use, image, link, meta, base, math, template, foreignObject');
               bad.push(...[...never].map(of => of.nodeName));
               return bad; }})()"
        );
        assert_eq!(browser.ask(&found), json!([]), "{place}");
        let plain = format!("getComputedStyle({place}.querySelector('#plain')).color");
        assert_eq!(browser.ask(&plain), "rgb(1, 2, 3)");
        let out = format!("(({{target, rel}}) => [target, rel])({place}.querySelector('#out'))");
        assert_eq!(browser.ask(&out), json!(["_blank", "noopener noreferrer"]));
        assert!(browser.text(&format!("{place}.innerText")).contains("kept"));
    };
    look(&mut browser, "widget");
    browser.click(&with_text("a", "Pop"));
    browser.until("popup.open && content.querySelector('#run')");
    look(&mut browser, "content");
    assert_eq!(browser.ask("window.ran ?? null"), Value::Null);
    assert_eq!(browser.text("location.href.split('#')[0]"), widget.address);
    assert_quiet(&browser, &widget);
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "somebody was asked");
}

#[test]
fn all_can_be_done_with_the_keyboard() {
    let widget = Widget::showing(&format!(
        "<form><input name=search>{}{}</form>{}",
        acting(
            "<a class=btn>First</a>",
            "action=call",
            r#"{"by": "first"}"#
        ),
        acting(
            "<a class='btn btn-primary'>Search</a>",
            "action=call",
            r#"{"by": "search"}"#
        ),
        acting(
            "<a class='btn btn-primary'>Other</a>",
            "action=call display=popup",
            r#"{"by": "other"}"#
        ),
    ));
    let Some(mut browser) = widget.open() else {
        return;
    };
    browser.click("widget.querySelector('input')");
    browser.write("x y");
    browser.press("Enter");
    browser.until("widget.ariaBusy === 'false' && !widget.querySelector('input').value");
    assert_eq!(widget.last()["by"], "search");
    assert_eq!(
        widget.last()["widgetContext"]["forms"]["all"]["search"],
        "x y"
    );
    browser.ask("widget.querySelector('input').focus()");
    for name in ["First", "Search", "Other"] {
        browser.press("Tab");
        assert_eq!(browser.text("document.activeElement.textContent"), name);
        assert_eq!(
            browser.text("document.activeElement.getAttribute('role')"),
            "button"
        );
    }
    browser.press("Enter");
    browser.until("popup.open && content.ariaBusy === 'false'");
    assert_eq!(widget.last()["by"], "other");
    browser.press("Escape");
    browser.until("!popup.open");
    assert_quiet(&browser, &widget);
}

#[test]
fn what_cannot_be_called_is_said_in_a_sentence() {
    let list = format!(
        "{}{}<a class=btn>Elsewhere</a><cwdb-action action=call endpoint='arn:aws:lambda:x'>{{}}</cwdb-action>",
        acting(
            "<a class=btn>Break</a>",
            "action=call display=popup",
            r#"{"break": true}"#
        ),
        acting("<a class=btn>Odd</a>", "action=call", "{odd}"),
    );
    let widget = Widget::new(move |event| event["break"].is_null().then(|| json!(list)));
    let Some(mut browser) = widget.open() else {
        return;
    };
    for (button, sentence) in [
        ("Odd", "The parameters of this action are not JSON."),
        (
            "Elsewhere",
            "This action calls another function, which is not available here.",
        ),
        ("Break", "The widget cannot be called: it is broken"),
    ] {
        browser.click(&with_text("a", button));
        browser.until(&format!(
            "!error.hidden && error.innerText === {}",
            json!(sentence)
        ));
    }
    browser.ask("refresh()");
    browser.until("error.hidden && widget.ariaBusy === 'false'");
    // The console may contain only the message about the failed call.
    let of_the_failure = browser.said.iter().all(|of| of.contains("500"));
    assert!(of_the_failure, "{:?}", browser.said);
}

#[test]
fn what_is_called_later_wins() {
    let list = format!(
        "{}{}",
        acting("<a class=btn>Slow</a>", "action=call", r#"{"say": "slow"}"#),
        acting("<a class=btn>Fast</a>", "action=call", r#"{"say": "fast"}"#),
    );
    let widget = Widget::new(move |event| {
        Some(match event["say"].as_str() {
            Some(said) => json!(format!("<p>{said}</p>")),
            None => json!(list),
        })
    });
    let Some(mut browser) = widget.open() else {
        return;
    };
    // The first is in flight when the second begins, as neither lets the other finish.
    browser.ask(&format!(
        "{}.click(); {}.click()",
        with_text("a", "Slow"),
        with_text("a", "Fast")
    ));
    browser.until("widget.ariaBusy === 'false'");
    assert_eq!(browser.text("widget.innerText"), "fast");
    browser.ask("refresh()");
    browser.until("widget.ariaBusy === 'false'");
    assert_eq!(widget.last()["say"], "fast");
}

#[test]
fn documentation_is_rendered_and_stays_text() {
    let widget = Widget::showing("<p>x</p>");
    let Some(mut browser) = widget.open() else {
        return;
    };
    browser.click("at('describe')");
    browser.until("popup.open && content.ariaBusy === 'false'");
    assert_eq!(widget.last()["describe"], true);
    assert_eq!(
        browser.text("content.innerHTML"),
        "<h2>What &lt;it&gt; is</h2><p>A <strong>fine</strong> <code>widget</code>.</p><ul><li>one</li><li>two</li></ul>\
         <table><tr><th>Param</th><th>Description</th></tr><tr><td><strong>a</strong></td><td><code>&lt;b&gt;</code></td></tr></table>\
         <pre>a: &lt;1&gt;</pre>"
    );
    assert_quiet(&browser, &widget);
}

#[test]
fn elements_look_as_cloudwatch_makes_them_unless_a_widget_does_not_want_it() {
    for (class, background) in [
        ("", "rgb(186, 75, 4)"),
        ("cwdb-no-default-styles", "rgba(0, 0, 0, 0)"),
    ] {
        let widget = Widget::showing(&format!(
            "<div class='{class}'></div><a class='btn btn-primary'>x</a>"
        ));
        let Some(mut browser) = widget.open() else {
            return;
        };
        let found = browser.text("getComputedStyle(widget.querySelector('a')).backgroundColor");
        assert_eq!(found, background, "{class}");
    }
}

/// ARN by which the page calls the function in tests.
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:ingest";

#[test]
fn the_real_function_is_looked_at_and_decided_at() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    emulator.make_bucket();
    let mut store = emulator.store(telling());
    let time = this_moment().after(-60).unwrap().to_string();
    let failure = |number: u64| {
        let call = ["GetObject", "PutObject"][number as usize % 2];
        record(json!({
            "eventID": id(number), "eventTime": time, "eventName": call,
            "errorCode": "AccessDenied", "errorMessage": "<b>Access Denied</b>",
        }))
    };
    ingest(&mut store, &lines(&[failure(1), failure(2), failure(4)]));
    let mut settings = vec![
        ("_HANDLER", "widget"),
        ("OWN_ACCOUNT_ID", ACCOUNT),
        ("DECISIONS", "true"),
        ("LOG_LEVEL", "info"),
    ];
    settings.extend(emulator.environment());
    let function = Function::start(&settings);
    let widget = Widget::new(move |event| {
        // The time range of this page is long in the past, so it is not sent to the function.
        let mut event = event.clone();
        event["widgetContext"]["timeRange"] = Value::Null;
        let answer = function.ask(event.to_string().into_bytes()).ok()?;
        let html = answer
            .as_str()
            .map(|html| json!(html.replace(FUNCTION, ENDPOINT)));
        Some(html.unwrap_or(answer))
    });
    let Some(mut browser) = widget.open() else {
        return;
    };
    browser.until("widget.querySelectorAll('table:not(.top) tbody tr').length === 2");
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.decide')");
    let keys = browser.text("content.querySelector('.keys').innerText");
    assert!(
        keys.contains("AKIAEXAMPLEEXAMPLE01") && keys.contains("IAM was not asked yet"),
        "{keys}"
    );
    browser.click("content.querySelector('input[name=reason]')");
    browser.write("known");
    browser.click(&with_text("#dash-content a", "Acknowledge"));
    browser.until("confirmation.open");
    browser.click(&with_text("#dash-confirm button", "Acknowledge"));
    browser.until("content.querySelector('[role=status]')");
    let notice = browser.text("content.querySelector('[role=status]').innerText");
    assert_eq!(notice, "Done: acknowledged.");
    browser.click("popup.querySelector('[aria-label=Close]')");
    browser.ask("refresh()");
    browser.until("widget.querySelector('.mark')");
    assert_quiet(&browser, &widget);
}
