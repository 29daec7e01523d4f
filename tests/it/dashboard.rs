//! `serve`, the real program: who may send requests, and what a user sees and does in Chromium.
//!
//! Pictures are saved in `target/tmp/dashboard`. With `UPDATE_SCREENSHOTS=1` the pictures in `docs` are replaced.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use demo::{Plan, trail};
use serde_json::{Value, json};

use crate::bad_input::{hostile, hostile_calls};
use crate::binary::Folder;
use crate::chromium::{Chromium, with_text};
use crate::emulator::Emulator;
use crate::page::demo;
use crate::records::{id, lines, record};

/// Size of the pictures in `docs`, in pixels, and the maximum size of a file, in bytes.
const WINDOW: (u32, u32) = (1120, 680);
const PICTURE_BYTES_MAX: usize = 200_000;

/// A server that runs until it is dropped.
struct Served {
    child: Child,
    port: u16,
    token: String,
    folder: Folder,
}

impl Served {
    /// Scans the files of a folder into a SQLite file, and serves it.
    fn new(folder: Folder, input: &str) -> Self {
        let scanned = folder.run(&["scan", "--db", "trail.db", input]);
        assert_eq!(scanned.code, Some(0), "{scanned:?}");
        let command = folder.command(&["serve", "--db", "trail.db", "--port", "0"]);
        Self::start(folder, command)
    }

    fn start(folder: Folder, mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.strip_prefix("http://127.0.0.1:").unwrap();
        let (port, token) = address.trim_end().split_once("/?token=").unwrap();
        let (port, token) = (port.parse().unwrap(), token.to_owned());
        Self {
            child,
            port,
            token,
            folder,
        }
    }

    fn of(records: &[Value]) -> Self {
        Self::new(Folder::with_lines(lines(records)), "trail.jsonl")
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Sends the bytes of a request unchanged, and returns the answer.
    fn send(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // It answers what is too long before it has read all of it.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// Sends a request with the token and some headers, and returns the answer.
    fn ask(&self, line: &str, headers: &[&str], body: &str) -> String {
        let authorization = format!("Authorization: token {}", self.token);
        self.ask_as_anybody(line, &[&[authorization.as_str()], headers].concat(), body)
    }

    fn ask_as_anybody(&self, line: &str, headers: &[&str], body: &str) -> String {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for header in headers {
            request += &header.replace("PORT", &self.port.to_string());
            request += "\r\n";
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send(request.as_bytes())
    }

    /// Sends a request with the token and some headers, and returns the status code.
    fn code(&self, line: &str, headers: &[&str], body: &str) -> u16 {
        let answer = self.ask(line, headers, body);
        code(&answer)
    }

    /// Opens the page and waits for the list; `None` if there is no browser.
    fn open(&self, scheme: &str) -> Option<Chromium> {
        let mut browser = Chromium::find()?;
        browser.prefer(scheme);
        browser.open(&format!("{}?token={}", self.address(), self.token));
        settle(&mut browser);
        Some(browser)
    }

    fn assert_quiet(&self, browser: &Chromium) {
        let own = |url: &&String| !url.starts_with(&self.address());
        assert_eq!(browser.asked.iter().find(own), None);
        assert_eq!(browser.said, Vec::<String>::new());
    }
}

/// Returns the status code of an answer.
fn code(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until no request of the page is open.
fn settle(browser: &mut Chromium) {
    browser.until("widget.hasChildNodes() && !document.querySelector('[aria-busy=true]')");
}

/// Confirms the dialog of a decision, and waits for the message about the decision.
fn confirm(browser: &mut Chromium) {
    browser.until("confirmation.open");
    browser.click(&with_text("#dash-confirm button", "OK"));
    browser.until("content.querySelector('[role=status]')");
    settle(browser);
}

fn close(browser: &mut Chromium) {
    browser.click("popup.querySelector('[aria-label=Close]')");
    browser.until("!popup.open");
}

/// Returns failed calls of `count` different actions, one an hour.
fn failures(count: u64) -> Vec<Value> {
    let failure = |number: u64| {
        let time = format!("2026-11-{:02}T{:02}:10:00Z", 2 + number / 24, number % 24);
        record(json!({
            "eventID": id(number), "eventTime": time, "errorCode": "AccessDenied",
            "eventName": format!("GetThing{number:02}"), "errorMessage": "Access Denied",
        }))
    };
    (1..=count).map(failure).collect()
}

fn calls(browser: &mut Chromium) -> Vec<String> {
    let calls =
        browser.ask("[...widget.querySelectorAll('tbody .call')].map(of => of.textContent)");
    serde_json::from_value(calls).unwrap()
}

#[test]
fn only_its_own_page_on_this_machine_may_ask() {
    const JSON: &str = "Content-Type: application/json";
    let served = Served::of(&failures(1));
    let post = |headers: &[&str], body: &str| served.code("POST /widget", headers, body);
    let host = "Host: 127.0.0.1:PORT";
    assert_eq!(post(&[host, JSON], "{}"), 200);
    assert_eq!(
        post(
            &[
                "Host: localhost:PORT",
                "Origin: http://localhost:PORT",
                JSON
            ],
            "{}"
        ),
        200
    );
    assert_eq!(post(&["Host: evil.example:PORT", JSON], "{}"), 421);
    assert_eq!(post(&["Host: 127.0.0.1", JSON], "{}"), 421);
    assert_eq!(
        post(&[host, "Origin: http://evil.example", JSON], "{}"),
        403
    );
    assert_eq!(post(&[host, "Origin: null", JSON], "{}"), 403);
    assert_eq!(
        post(&[host, "Origin: http://localhost:PORT", JSON], "{}"),
        403
    );
    assert_eq!(post(&[host], "{}"), 415);
    assert_eq!(post(&[host, "Content-Type: text/plain"], "{}"), 415);
    assert_eq!(post(&[host, JSON], &" ".repeat((256 << 10) + 1)), 413);
    assert_eq!(
        post(
            &[host, JSON],
            &format!("{{}}{}", " ".repeat((256 << 10) - 2))
        ),
        200
    );
    let of = |line: &str, host: &str| served.code(line, &[host], "");
    assert_eq!(of("GET /widget", host), 405);
    assert_eq!(of("DELETE /", host), 405);
    assert_eq!(of("GET /other", host), 404);
    for path in ["/", "/about", "/dashboard.js", "/dashboard.css"] {
        assert_eq!(of(&format!("GET {path}"), host), 200, "{path}");
        assert_eq!(
            of(&format!("GET {path}"), "Host: evil.example"),
            421,
            "{path}"
        );
    }
    assert_eq!(
        post(&[host, JSON], "no JSON"),
        200,
        "the widget says what is wrong"
    );
}

/// Headers that every request has.
const USUAL: [&str; 2] = ["Host: 127.0.0.1:PORT", "Content-Type: application/json"];

/// All requests that the server answers.
const LINES: [&str; 7] = [
    "GET /",
    "GET /about",
    "GET /dashboard.js",
    "GET /dashboard.css",
    "GET /favicon.ico",
    "GET /other",
    "POST /widget",
];

/// A served cluster, and the widget event that resolves it.
struct Undecided {
    served: Served,
    cluster: String,
    decision: String,
}

impl Undecided {
    fn new() -> Self {
        let served = Served::of(&failures(1));
        let list = ["clusters", "list", "--db", "trail.db", "--format", "json"];
        let listed = served.folder.run(&list).json();
        let cluster = listed["clusters"][0]["cluster_id"].as_str().unwrap();
        let decision = json!({"cluster": cluster, "decide": "resolve", "version": 0});
        Self {
            cluster: cluster.to_owned(),
            decision: decision.to_string(),
            served,
        }
    }

    /// Sends a request that would save a decision, and expects an answer.
    fn answers(&self, code_of: u16, line: &str, headers: &[&str]) -> String {
        let headers = [&USUAL[..], headers].concat();
        let answer = self.served.ask_as_anybody(line, &headers, &self.decision);
        assert_eq!(code(&answer), code_of, "{line} {headers:?}: {answer}");
        answer
    }

    fn is_decided(&self) -> bool {
        let history = ["clusters", "history", "--db", "trail.db", &self.cluster];
        let history = self.served.folder.run(&history).printed();
        history.contains("resolved")
    }
}

#[test]
fn who_has_no_token_sees_and_decides_nothing() {
    let undecided = Undecided::new();
    let (token, port) = (&undecided.served.token, undecided.served.port);
    let wrong = format!("{}x", &token[1..]);
    for proof in [
        "X-None: x".to_owned(),
        format!("Cookie: cloudtrail-inspector-{port}={wrong}"),
        format!("Cookie: cloudtrail-inspector-1={token}"),
        format!("Authorization: token {wrong}"),
        format!("Authorization: Basic {token}"),
    ] {
        for line in LINES {
            let answer = undecided.answers(401, line, &[&proof]);
            let sentence = "Open the address that serve printed when it started";
            assert!(answer.contains(sentence), "{answer}");
        }
    }
    for line in [
        format!("GET /?token={wrong}"),
        format!("GET /about?token={token}"),
        format!("POST /widget?token={token}"),
    ] {
        undecided.answers(401, &line, &[]);
    }
    assert!(!undecided.is_decided());
}

#[test]
fn the_first_visit_trades_the_token_for_a_cookie_that_other_sites_cannot_use() {
    let undecided = Undecided::new();
    let (token, port) = (&undecided.served.token, undecided.served.port);
    let first = format!("GET /?token={token}");
    let visit = undecided.answers(303, &first, &[]);
    assert!(visit.contains("\r\nlocation: /\r\n"), "{visit}");
    let cookie = format!("cloudtrail-inspector-{port}={token}");
    let attributes = format!("\r\nset-cookie: {cookie}; Path=/; HttpOnly; SameSite=Strict\r\n");
    assert!(visit.contains(&attributes), "{visit}");
    let cookie = format!("Cookie: other=1; {cookie}");
    for line in LINES.into_iter().chain([first.as_str()]) {
        undecided.answers(403, line, &[&cookie, "Sec-Fetch-Site: cross-site"]);
    }
    assert!(!undecided.is_decided());
    for line in LINES {
        let code_of = match line {
            "GET /favicon.ico" => 204,
            "GET /other" => 404,
            _ => 200,
        };
        undecided.answers(code_of, line, &[&cookie]);
    }
    assert!(undecided.is_decided());
}

#[test]
fn nothing_that_is_logged_has_the_token() {
    let folder = Folder::with_lines(lines(&failures(1)));
    let scan = ["scan", "--db", "trail.db", "trail.jsonl"];
    folder.run(&scan).printed();
    let said = folder.path("stderr");
    let mut command = folder.command(&["serve", "--db", "trail.db", "--port", "0"]);
    command.env("RUST_LOG", "trace");
    command.stderr(fs::File::create(&said).unwrap());
    let served = Served::start(folder, command);
    // An error is caused by replacing the store with another file.
    fs::write(served.folder.path("trail.db"), "no store").unwrap();
    let first = format!("GET /?token={}", served.token);
    for line in [first.as_str(), "GET /about"] {
        served.ask(line, &USUAL[..1], "");
    }
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("error: "), "{said}");
    assert!(!said.contains(&served.token), "{said}");
}

#[test]
fn the_address_in_a_browser_has_no_token() {
    let served = Served::of(&failures(1));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    assert_eq!(browser.text("location.href"), served.address());
    assert_eq!(browser.text("document.cookie"), "", "a script can read it");
    // The cookie is enough from now on.
    browser.open(&served.address());
    settle(&mut browser);
    assert_eq!(calls(&mut browser), ["s3:GetThing01"]);
    served.assert_quiet(&browser);
}

#[test]
fn each_answer_says_what_a_browser_may_do_with_it() {
    let served = Served::of(&failures(1));
    for path in ["/", "/dashboard.js", "/about", "/other"] {
        let answer = served.ask(&format!("GET {path}"), &["Host: 127.0.0.1:PORT"], "");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; \
             style-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
    }
}

#[test]
fn nobody_beyond_this_machine_is_listened_to() {
    let served = Served::of(&failures(1));
    // Nothing is sent; this asks by which address others see this machine.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let Ok(own) = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr())
    else {
        eprintln!("skipped: this machine has no other address");
        return;
    };
    assert!(!own.ip().is_loopback());
    assert!(TcpStream::connect((own.ip(), served.port)).is_err());
}

#[cfg(unix)]
#[test]
fn it_ends_well_when_it_is_told_to() {
    for signal in ["INT", "TERM"] {
        let mut served = Served::of(&failures(1));
        // An open connection without a request must not delay the end.
        let _silent = TcpStream::connect(("127.0.0.1", served.port)).unwrap();
        let process = served.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(sent.unwrap().success());
        assert_eq!(served.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_table_is_served_as_of_now() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let folder = Folder::with_lines(lines(&failures(2)));
    let command = |arguments: &[&str]| {
        let mut command = folder.command(&[arguments, &["--table", emulator.name()]].concat());
        command.envs(emulator.environment());
        command
    };
    assert!(
        command(&["scan", "trail.jsonl"])
            .status()
            .unwrap()
            .success()
    );
    let serve = command(&["serve", "--port", "0"]);
    let served = Served::start(folder, serve);
    let headers = ["Host: 127.0.0.1:PORT", "Content-Type: application/json"];
    let page = served.ask("POST /widget", &headers, r#"{"status": "all"}"#);
    assert!(
        page.contains("s3:GetThing01") && page.contains("s3:GetThing02"),
        "{page}"
    );
    assert!(!page.contains("The inspection is behind"), "{page}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let folder = Folder::new();
    let missing = folder.run(&["serve", "--db", "gone.db"]);
    missing.fails(1, "gone.db: no such file; create it with scan --db");
    assert!(!folder.path("gone.db").exists());
    folder.run(&["serve"]).fails(1, "give a stack with --stack");
    let served = Served::of(&failures(1));
    let port = served.port.to_string();
    let taken = served
        .folder
        .run(&["serve", "--db", "trail.db", "--port", &port]);
    taken.fails(1, "use --port 0 for a free port");
    let help = folder.run(&["serve", "--help"]).printed();
    assert!(help.contains("Examples:"), "{help}");
}

#[test]
fn clusters_are_listed_searched_sorted_and_paged_through() {
    let served = Served::of(&failures(30));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    let name = |number: usize| format!("s3:GetThing{number:02}");
    let newest: Vec<String> = (6..=30).rev().map(name).collect();
    assert_eq!(calls(&mut browser), newest);
    browser.click(&with_text("a", "Next"));
    settle(&mut browser);
    assert_eq!(
        calls(&mut browser),
        (1..=5).rev().map(name).collect::<Vec<_>>()
    );
    browser.click(&with_text("a", "Previous"));
    settle(&mut browser);
    assert_eq!(calls(&mut browser), newest);
    browser.click("widget.querySelector('th.what .sort')");
    settle(&mut browser);
    assert_eq!(calls(&mut browser), (1..=25).map(name).collect::<Vec<_>>());
    browser.click("widget.querySelector('th.what .sort')");
    settle(&mut browser);
    assert_eq!(calls(&mut browser), newest);
    browser.click("widget.querySelector('input[name=search]')");
    browser.write("thing17 mia");
    browser.press("Enter");
    settle(&mut browser);
    assert_eq!(calls(&mut browser), [name(17)]);
    // What is typed stays while one looks at other times; the file's newest event is the end of them.
    browser.click(&with_text("button", "3h"));
    settle(&mut browser);
    assert_eq!(calls(&mut browser), Vec::<String>::new());
    browser.ask("widget.querySelector('input[name=search]').value = ''");
    browser.click(&with_text("button", "3h"));
    settle(&mut browser);
    assert_eq!(calls(&mut browser), [name(30), name(29), name(28)]);
    browser.click(&with_text("button", "everything"));
    settle(&mut browser);
    assert_eq!(calls(&mut browser).len(), 25);
    served.assert_quiet(&browser);
}

#[test]
fn what_is_scanned_meanwhile_shows_at_the_next_refresh() {
    let served = Served::of(&failures(2));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    assert_eq!(calls(&mut browser).len(), 2);
    served.folder.write("trail.jsonl", lines(&failures(3)));
    served
        .folder
        .run(&["scan", "--db", "trail.db", "trail.jsonl"])
        .printed();
    browser.click("at('refresh')");
    settle(&mut browser);
    assert_eq!(calls(&mut browser)[0], "s3:GetThing03");
    served.assert_quiet(&browser);
}

#[test]
fn a_sensitive_call_has_a_row_of_its_own_and_a_page_that_an_address_leads_to() {
    let mut records = failures(1);
    records.push(record(json!({
        "eventID": id(90), "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging",
        "eventTime": "2026-11-02T01:20:00Z", "readOnly": false, "requestParameters": {"name": "org-trail"},
    })));
    let served = Served::of(&records);
    let Some(mut browser) = served.open("light") else {
        return;
    };
    let row = browser.text("widget.querySelector('table.calls tbody').innerText");
    assert!(
        row.contains("cloudtrail:StopLogging") && row.contains("org-trail"),
        "{row}"
    );
    let clusters = browser.text("widget.querySelector('table.list tbody').innerText");
    assert!(!clusters.contains("StopLogging"), "{clusters}");
    browser.click(&with_text("a.open", "cloudtrail:StopLogging"));
    browser.until("content.querySelector('.facts')");
    settle(&mut browser);
    let title = browser.text("content.querySelector('h2').innerText");
    browser.click(&with_text("#dash-content a", "JSON"));
    browser.until("content.querySelector('pre.copy')");
    let json = browser.text("content.querySelector('pre.copy').innerText");
    let json: Value = serde_json::from_str(&json).unwrap();
    let call = json["sensitive_call"]["call_id"].as_str().unwrap();
    close(&mut browser);
    browser.until("!content.hasChildNodes()");
    browser.ask(&format!("location.hash = '{call}'"));
    browser.until("content.querySelector('.facts')");
    assert_eq!(browser.text("content.querySelector('h2').innerText"), title);
    served.assert_quiet(&browser);
}

#[test]
fn one_click_and_ctrl_c_copy_a_dimension() {
    let served = Served::of(&failures(1));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.copy')");
    settle(&mut browser);
    for pair in [
        "event_name:GetThing01",
        "account_id:111122223333",
        "error_code:AccessDenied",
    ] {
        browser.click(&with_text("#dash-content .copy", pair));
        browser.until(&format!("getSelection().toString() === {}", json!(pair)));
        assert_eq!(browser.copied(), pair);
    }
    browser.click(&with_text("#dash-content a", "JSON"));
    browser.until("content.querySelector('pre.copy')");
    browser.click("content.querySelector('pre.copy')");
    let copied: Value = serde_json::from_str(&browser.copied()).unwrap();
    assert_eq!(copied["cluster"]["count"], 1, "{copied}");
    served.assert_quiet(&browser);
}

#[test]
fn what_is_decided_shows_in_the_list_and_can_be_taken_back() {
    let served = Served::of(&failures(2));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    let triages = "[...widget.querySelectorAll('.mark')].map(of => of.textContent)";
    for (button, word, told) in [
        ("Acknowledge", "acknowledged", "Done: acknowledged."),
        ("Mute", "muted", "Done: muted until "),
    ] {
        browser.click("widget.querySelector('a.open')");
        browser.until("content.querySelector('.acts')");
        settle(&mut browser);
        browser.ask("content.querySelector('select[name=mute_for]')?.focus()");
        browser.ask("content.querySelector('select[name=mute_for]').value = '7d'");
        browser.click("content.querySelector('input[name=reason]')");
        browser.write("they know <b>");
        browser.click("content.querySelector('input[name=who]')");
        browser.write("ann");
        browser.click(&with_text("#dash-content a", button));
        confirm(&mut browser);
        let notice = browser.text("content.querySelector('[role=status]').innerText");
        assert!(notice.starts_with(told), "{notice}");
        let history = browser.text("content.querySelector('.journal').innerText");
        assert!(history.contains("ann at dashboard local"), "{history}");
        assert!(history.contains("they know <b>"), "{history}");
        close(&mut browser);
        browser.click("at('refresh')");
        settle(&mut browser);
        assert_eq!(browser.ask(triages), json!([word]));
    }
    let shown = served
        .folder
        .run(&["clusters", "list", "--db", "trail.db"])
        .printed();
    assert!(shown.contains("muted"), "the commands see it, too: {shown}");
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.acts')");
    settle(&mut browser);
    browser.click(&with_text("#dash-content a", "Take back"));
    confirm(&mut browser);
    let notice = browser.text("content.querySelector('[role=status]').innerText");
    assert!(
        notice.starts_with("Done: unmarked, was muted until "),
        "{notice}"
    );
    close(&mut browser);
    browser.click("at('refresh')");
    settle(&mut browser);
    assert_eq!(browser.ask(triages), json!([]));
    served.assert_quiet(&browser);
}

/// Expression for the problems of a page: elements outside of the page, and text with too little contrast.
const MEASURE: &str = r#"(place => {
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = channels(color).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const named = of => `${of.tagName}.${of.getAttribute("class")} ${of.textContent.slice(0, 40)}`;
  const outside = [], faint = [], width = document.documentElement.clientWidth;
  for (const element of place.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (!box.width || element.closest("svg, style, pre")) continue;
    if (box.right > width + 0.5 || box.left < -0.5) outside.push(named(element));
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const [one, other] = [getComputedStyle(element).color, ground(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${named(element)}`);
  }
  return { outside: outside.slice(0, 5), faint: faint.slice(0, 5),
    overflows: document.documentElement.scrollWidth - width, within: place.scrollWidth - place.clientWidth };
})"#;

/// Returns servers for the demo trail and for hostile text.
fn groups() -> [(&'static str, Served); 2] {
    [
        ("demo", Served::new(demo(), "in")),
        (
            "hostile",
            Served::of(&[hostile(), hostile_calls()].concat()),
        ),
    ]
}

#[test]
fn it_fits_and_is_easy_to_read_at_any_width_in_light_and_dark() {
    let painted = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
    fs::create_dir_all(&painted).unwrap();
    for (name, served) in groups() {
        for scheme in ["light", "dark"] {
            let Some(mut browser) = served.open(scheme) else {
                return;
            };
            for width in [320, 1280] {
                browser.size(width, 900);
                let what = format!("{name}-{scheme}-{width}");
                look(
                    &mut browser,
                    "document.body",
                    &painted.join(format!("{what}-list.png")),
                );
                browser.click("widget.querySelector('a.open')");
                browser.until("content.querySelector('.facts')");
                settle(&mut browser);
                look(
                    &mut browser,
                    "content",
                    &painted.join(format!("{what}-cluster.png")),
                );
                close(&mut browser);
            }
            assert_eq!(
                browser.text("getComputedStyle(document.documentElement).colorScheme"),
                scheme
            );
            served.assert_quiet(&browser);
        }
    }
}

/// Takes a picture of a part of the page, and checks it for overflow and contrast.
fn look(browser: &mut Chromium, place: &str, painted: &Path) {
    fs::write(painted, browser.picture()).unwrap();
    let measured = browser.ask(&format!("{MEASURE}({place})"));
    let fine = json!({"outside": [], "faint": [], "overflows": 0, "within": 0});
    assert_eq!(measured, fine, "{}", painted.display());
}

#[test]
fn hostile_text_is_nothing_but_text_on_each_page_of_the_list_and_in_each_cluster() {
    let served = Served::of(&[hostile(), hostile_calls()].concat());
    let Some(mut browser) = served.open("light") else {
        return;
    };
    browser.ask("widget.querySelector('select[name=status]').value = 'all'");
    browser.click(&with_text("a", "Search"));
    settle(&mut browser);
    let mut clusters = 0;
    loop {
        let rows = browser
            .ask("widget.querySelectorAll('a.open').length")
            .as_u64()
            .unwrap();
        for row in 0..rows {
            browser.ask(&format!("widget.querySelectorAll('a.open')[{row}].click()"));
            browser.until("content.querySelector('.facts')");
            settle(&mut browser);
            assert_harmless(&mut browser, "content");
            browser.ask("popup.close()");
            browser.until("!content.hasChildNodes()");
        }
        clusters += rows;
        assert_harmless(&mut browser, "widget");
        if browser.ask(&format!("!{}", with_text("a", "Next"))) == true {
            break;
        }
        browser.click(&with_text("a", "Next"));
        settle(&mut browser);
    }
    assert!(clusters > 50, "{clusters}");
    served.assert_quiet(&browser);
}

/// Asserts that a part of the page has only our own elements, no attribute with text of callers, and no characters that
/// change the direction of text.
fn assert_harmless(browser: &mut Chromium, place: &str) {
    let bad = browser.ask(&format!(
        "[...{place}.querySelectorAll('script, img, iframe, object, embed, base, link, meta')].map(of => of.outerHTML)"
    ));
    assert_eq!(bad, json!([]));
    let steering = browser.ask(&format!(
        "/[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]/.exec(\
         [...{place}.querySelectorAll('bdi, code, td, th, p, pre, dd')].map(of => of.textContent).join())?.[0] ?? null"
    ));
    assert_eq!(steering, Value::Null);
}

#[test]
fn pictures_of_the_demo_are_made_where_somebody_asks_for_them() {
    let folder = Folder::new();
    for file in trail(&Plan::default()).files {
        folder.write(format!("in/{}", file.name), file.gzip());
    }
    let served = Served::new(folder, "in");
    let Some(mut browser) = served.open("light") else {
        return;
    };
    browser.size(WINDOW.0, WINDOW.1);
    let list = browser.picture();
    let loud = with_text(
        "a.open",
        "secretsmanager:BatchGetSecretValue AccessDeniedException",
    );
    browser.click(&loud);
    browser.until("content.querySelector('.facts')");
    settle(&mut browser);
    let cluster = browser.picture();
    let are_asked_for = std::env::var_os("UPDATE_SCREENSHOTS").is_some();
    for (name, picture) in [
        ("dashboard-list.png", list),
        ("dashboard-cluster.png", cluster),
    ] {
        assert!(picture.len() > 20_000, "{name} is blank");
        assert!(
            picture.len() < PICTURE_BYTES_MAX,
            "{name} has {} bytes",
            picture.len()
        );
        if are_asked_for {
            fs::write(Path::new("docs").join(name), picture).unwrap();
        }
    }
}
