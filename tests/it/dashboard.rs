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
use crate::corpus::corpus;
use crate::effort;
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
        self.open_at(scheme, "")
    }

    /// Opens the page at an address, given from its query on, and waits for the view.
    fn open_at(&self, scheme: &str, rest: &str) -> Option<Chromium> {
        let mut browser = Chromium::find()?;
        browser.prefer(scheme);
        browser.open(&format!("{}?token={}{rest}", self.address(), self.token));
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

/// Confirms the dialog of a decision by the button with its name, and waits for the message about the decision.
fn confirm(browser: &mut Chromium, name: &str) {
    browser.until("confirmation.open");
    browser.click(&with_text("#dash-confirm button", name));
    browser.until("content.querySelector('[role=status]')");
    settle(browser);
}

fn close(browser: &mut Chromium) {
    browser.click("at('close')");
    browser.until("!popup.open && !content.hasChildNodes() && !location.hash.includes('open.')");
    settle(browser);
}

/// Presses the key of a shortcut.
fn shortcut(browser: &mut Chromium, key: &str) {
    let event = format!(
        "new KeyboardEvent('keydown', {{key: {}, bubbles: true}})",
        json!(key)
    );
    browser.ask(&format!("document.activeElement.dispatchEvent({event})"));
}

/// Returns the part of the address behind #.
fn hash(browser: &mut Chromium) -> String {
    browser.text("location.hash")
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
    let calls = browser
        .ask("[...widget.querySelectorAll('table:not(.top) .call')].map(of => of.textContent)");
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
    for path in [
        "/",
        "/about",
        "/dashboard.js",
        "/words.js",
        "/dashboard.css",
    ] {
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
const LINES: [&str; 8] = [
    "GET /",
    "GET /about",
    "GET /dashboard.js",
    "GET /words.js",
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
        let decision =
            json!({"cluster": cluster, "decide": "resolve", "version": 0, "reason": "repaired"});
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
    browser.click(&with_text("button", "All"));
    settle(&mut browser);
    assert_eq!(calls(&mut browser).len(), 25);
    served.assert_quiet(&browser);
}

#[test]
fn what_is_scanned_meanwhile_shows_when_the_window_gets_the_focus() {
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
    assert_eq!(
        browser.ask("at('refresh').hidden"),
        true,
        "a file changes by a scan only"
    );
    browser.ask("dispatchEvent(new Event('focus'))");
    browser.until("widget.querySelectorAll('table:not(.top) tbody tr').length === 3");
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
        "ct_event_name:GetThing01",
        "account_id:111122223333",
        "ct_error_code:AccessDenied",
    ] {
        browser.click(&with_text("#dash-content .copy", pair));
        browser.until(&format!("getSelection().toString() === {}", json!(pair)));
        assert_eq!(browser.copied(), pair);
    }
    // A button beside it does the same with one click less.
    browser.click("content.querySelector('.pairs .dash-copy')");
    browser.until("at('said').textContent === 'Copied'");
    let copied = browser.text("navigator.clipboard.readText()");
    assert_eq!(copied, "account_id:111122223333");
    browser.click(&with_text("#dash-content a", "JSON"));
    browser.until("content.querySelector('pre.copy')");
    browser.click("content.querySelector('pre.copy')");
    let copied: Value = serde_json::from_str(&browser.copied()).unwrap();
    assert_eq!(copied["cluster"]["count"], 1, "{copied}");
    served.assert_quiet(&browser);
}

/// Writes a reason and a name on the page of a cluster, and makes a decision.
fn decide(browser: &mut Chromium, name: &str) {
    browser.click("content.querySelector('input[name=reason]')");
    browser.write("they know <b>");
    browser.ask("content.querySelector('input[name=who]').value = 'ann'");
    browser.click(&with_text("#dash-content a", name));
    confirm(browser, name);
}

#[test]
fn what_is_decided_shows_in_the_list_and_can_be_taken_back() {
    let served = Served::of(&failures(2));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    let triages = "[...widget.querySelectorAll('.mark')].map(of => of.textContent)";
    for (button, word, done) in [
        ("Acknowledge", "acknowledged", "Done: acknowledged."),
        ("Mute", "muted", "Done: muted until "),
    ] {
        browser.click("widget.querySelector('a.open')");
        browser.until("content.querySelector('.decide')");
        settle(&mut browser);
        browser.ask("content.querySelector('select[name=mute_for]').value = '7d'");
        decide(&mut browser, button);
        let notice = browser.text("content.querySelector('[role=status]').innerText");
        assert!(notice.starts_with(done), "{notice}");
        let history = browser.text("content.querySelector('.journal').innerText");
        assert!(history.contains("ann at dashboard serve"), "{history}");
        assert!(history.contains("they know <b>"), "{history}");
        // The list is called again after a decision.
        close(&mut browser);
        browser.until("widget.querySelector('.mark')");
        settle(&mut browser);
        assert_eq!(browser.ask(triages), json!([word]));
    }
    let shown = served
        .folder
        .run(&["clusters", "list", "--db", "trail.db"])
        .printed();
    assert!(shown.contains("muted"), "the commands see it, too: {shown}");
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.decide')");
    settle(&mut browser);
    decide(&mut browser, "Take back");
    let notice = browser.text("content.querySelector('[role=status]').innerText");
    assert_eq!(notice, "Done: unmarked.");
    close(&mut browser);
    browser.until("!widget.querySelector('.mark')");
    served.assert_quiet(&browser);
}

#[test]
fn a_decision_without_a_reason_is_refused_and_its_consequence_is_named_first() {
    let undecided = Undecided::new();
    let asked = undecided.decision.replace("repaired", " \u{200b}");
    let answer = undecided.served.ask("POST /widget", &USUAL, &asked);
    assert!(
        answer.contains("Nothing was saved: enter a reason"),
        "{answer}"
    );
    assert!(!undecided.is_decided());
    let Some(mut browser) = undecided.served.open("light") else {
        return;
    };
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.decide')");
    settle(&mut browser);
    browser.click(&with_text("#dash-content a", "Resolve"));
    let focused = "document.activeElement.name === 'reason' && !confirmation.open";
    assert_eq!(browser.ask(focused), true);
    browser.write("repaired");
    browser.click(&with_text("#dash-content a", "Resolve"));
    browser.until("confirmation.open");
    assert_eq!(browser.text("question.textContent"), "Resolve?");
    let consequence = browser.text("at('consequence').textContent");
    assert!(
        consequence.starts_with("The failure is over."),
        "{consequence}"
    );
    browser.press("Escape");
    browser.until("!confirmation.open");
    assert!(!undecided.is_decided());
}

/// Asserts that the link of the open page is a command for a colleague.
fn assert_shared(browser: &mut Chromium) {
    let command = browser.text("shared()");
    let is_command = command.starts_with("cloudtrail-inspector clusters show ");
    assert!(
        is_command && command.ends_with(" --db trail.db"),
        "{command}"
    );
}

#[test]
fn each_view_has_an_address_that_survives_reload_back_and_forward() {
    let served = Served::of(&failures(30));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    browser.click("widget.querySelector('input[name=search]')");
    browser.write("getthing mia&<1>");
    browser.press("Enter");
    settle(&mut browser);
    assert_eq!(calls(&mut browser), Vec::<String>::new());
    let searched = hash(&mut browser);
    assert!(
        searched.contains("search=getthing+mia%26%3C1%3E"),
        "{searched}"
    );
    browser.ask("history.back()");
    browser.until("widget.querySelectorAll('table:not(.top) tbody tr').length === 25");
    browser.click("widget.querySelector('th.what .sort')");
    settle(&mut browser);
    browser.click(&with_text("a", "Next"));
    settle(&mut browser);
    browser.click(&with_text("button", "1w"));
    settle(&mut browser);
    let page = ["s3:GetThing26", "s3:GetThing27"];
    assert_eq!(calls(&mut browser)[..2], page);
    let list = hash(&mut browser);
    assert!(
        list.contains("sort=what") && list.contains("range=1w"),
        "{list}"
    );
    browser.click("widget.querySelector('a.open')");
    browser.until("content.querySelector('.facts')");
    settle(&mut browser);
    browser.click(&with_text("#dash-content a", "JSON"));
    browser.until("content.querySelector('pre.copy')");
    settle(&mut browser);
    let json = hash(&mut browser);
    assert!(
        json.starts_with(&list) && json.contains("open.export=true"),
        "{json}"
    );
    assert!(!json.contains(&served.token), "{json}");
    browser.ask("document.isOld = true");
    browser.call("Page.reload", &json!({}));
    browser.until("!document.isOld && content.querySelector('pre.copy')");
    settle(&mut browser);
    assert_eq!(calls(&mut browser)[..2], page);
    assert_eq!(hash(&mut browser), json);
    // Back leads over the page of the cluster to the list.
    browser.ask("history.back()");
    browser.until("popup.open && content.querySelector('.facts')");
    settle(&mut browser);
    let opened = hash(&mut browser);
    browser.ask("history.back()");
    browser.until("!popup.open");
    assert_eq!(hash(&mut browser), list);
    assert_eq!(calls(&mut browser)[..2], page);
    // Forward opens the page again. Closing it leads back, too.
    browser.ask("history.forward()");
    browser.until("popup.open && content.querySelector('.facts')");
    settle(&mut browser);
    assert_eq!(hash(&mut browser), opened);
    assert_shared(&mut browser);
    close(&mut browser);
    assert_eq!(hash(&mut browser), list);
    // An address that a person changes by hand is followed, too.
    browser.ask("location.hash = 'search=thing07&status=all'");
    browser.until("widget.querySelectorAll('table:not(.top) tbody tr').length === 1");
    settle(&mut browser);
    assert_eq!(calls(&mut browser), ["s3:GetThing07"]);
    served.assert_quiet(&browser);
}

#[test]
fn the_keyboard_alone_reaches_and_does_everything() {
    let served = Served::of(&failures(3));
    let Some(mut browser) = served.open("light") else {
        return;
    };
    shortcut(&mut browser, "/");
    assert_eq!(browser.text("document.activeElement.name"), "search");
    // A key that is typed is a letter.
    shortcut(&mut browser, "j");
    assert_eq!(browser.text("document.activeElement.name"), "search");
    browser.ask("document.activeElement.blur()");
    shortcut(&mut browser, "j");
    shortcut(&mut browser, "j");
    let rows = "[...widget.querySelectorAll('a.open')].indexOf(document.activeElement)";
    assert_eq!(browser.ask(rows), 1);
    shortcut(&mut browser, "k");
    assert_eq!(browser.ask(rows), 0);
    browser.press("Enter");
    browser.until("content.querySelector('.facts')");
    settle(&mut browser);
    // Everything in the page can be reached by Tab.
    let all = "[...popup.querySelectorAll('a, button, input, select, summary, [tabindex=\"0\"]')]
        .filter(of => of.checkVisibility())";
    let count = browser.ask(&format!("{all}.length")).as_u64().unwrap();
    browser.ask("document.reached = new Set()");
    for _ in 0..count + 3 {
        browser.ask("document.reached.add(document.activeElement)");
        browser.press("Tab");
    }
    let missed = browser.ask(&format!(
        "{all}.filter(of => !document.reached.has(of)).map(of => of.outerHTML.slice(0, 90))"
    ));
    assert_eq!(missed, json!([]));
    browser.press("Escape");
    browser.until("!popup.open && location.hash === ''");
    shortcut(&mut browser, "?");
    browser.until("content.querySelectorAll('kbd').length > 5");
    browser.press("Escape");
    browser.until("!popup.open");
    browser.click("widget.querySelector('th.what .sort')");
    settle(&mut browser);
    browser.ask("document.activeElement.blur()");
    shortcut(&mut browser, "g");
    shortcut(&mut browser, "l");
    browser.until("location.hash === '' && widget.ariaBusy === 'false'");
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

/// A way to look at the page: scheme, width and language.
type Look = (&'static str, u32, &'static str);

/// The ways that are looked at each time; with `EFFORT=whole` all are. The first two are checked by axe-core as well.
const LOOKS: [Look; 3] = [
    ("light", 1400, "en"),
    ("dark", 320, "zh"),
    ("light", 800, "zh"),
];
const AUDITED: usize = 2;

fn looks() -> Vec<(Look, bool)> {
    if effort::cases(0, 1) == 0 {
        let looks = LOOKS.into_iter().enumerate();
        return looks.map(|(at, look)| (look, at < AUDITED)).collect();
    }
    let schemes = ["light", "dark"].into_iter();
    schemes
        .flat_map(|scheme| [320, 800, 1400].map(|width| (scheme, width)))
        .flat_map(|(scheme, width)| ["en", "zh"].map(|language| ((scheme, width, language), true)))
        .collect()
}

#[test]
fn each_view_fits_and_is_accessible_at_any_width_in_light_and_dark_and_both_languages() {
    let painted = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
    fs::create_dir_all(&painted).unwrap();
    let axe = axe();
    for (name, served) in groups() {
        for (look @ (scheme, width, language), is_audited) in looks() {
            let Some(mut browser) = served.open_at(scheme, &format!("&lang={language}")) else {
                return;
            };
            browser.size(width, 900);
            let axe = axe.as_deref().filter(|_| is_audited && name == "demo");
            if let Some(axe) = axe {
                browser.ask(axe);
            }
            walk(
                &mut browser,
                &format!("{name}-{scheme}-{width}-{language}"),
                &painted,
                axe.is_some(),
            );
            let shown = browser.text("getComputedStyle(document.documentElement).colorScheme");
            assert_eq!(shown, scheme, "{look:?}");
            served.assert_quiet(&browser);
            if name == "hostile" && effort::cases(0, 1) == 0 {
                break;
            }
        }
    }
}

/// Looks at each kind of view.
fn walk(browser: &mut Chromium, name: &str, painted: &Path, is_audited: bool) {
    let check = |browser: &mut Chromium, place: &str, view: &str| {
        look(browser, place, &painted.join(format!("{name}-{view}.png")));
        if is_audited {
            audit(browser, &format!("{name} {view}"));
        }
    };
    check(browser, "document.body", "list");
    for (link, view) in [
        (".list a.open", "cluster"),
        (".calls a.open", "call"),
        (".incidents a.open", "incident"),
        (".list a.open-caller", "caller"),
        (".list a.open-account", "account"),
    ] {
        let row = format!("widget.querySelector('{link}')");
        if browser.ask(&format!("!{row}")) == true {
            continue;
        }
        browser.ask(&format!("{row}.click()"));
        browser.until("content.querySelector('.facts')");
        settle(browser);
        check(browser, "content", view);
        if name.ends_with("zh") {
            assert_chinese(browser, view);
        }
        if view == "cluster" {
            browser.ask("content.querySelector('input[name=reason]').value = 'because'");
            browser.ask("content.querySelector('.choices a').click()");
            browser.until("confirmation.open");
            check(browser, "confirmation", "decision");
            browser.ask("confirmation.close()");
        }
        browser.ask("popup.close()");
        browser.until("!content.hasChildNodes() && !location.hash.includes('open.')");
    }
    browser.ask("location.hash = 'search=zzzz'");
    browser.until("widget.querySelector('input[name=search]')?.value === 'zzzz'");
    settle(browser);
    check(browser, "document.body", "empty");
}

/// Returns the source of axe-core, installed first if it is missing; `None` with a message if it cannot be installed.
pub fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("venv");
    let made = Command::new("python3")
        .args(["infra/tools/environment.py", "axe"])
        .arg(&folder)
        .output()
        .unwrap();
    if made.status.code() == Some(3) {
        eprintln!(
            "skipped: no axe-core: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        return None;
    }
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let script = folder.join("axe/node_modules/axe-core/axe.min.js");
    Some(fs::read_to_string(script).unwrap())
}

/// Asserts that axe-core finds nothing in the page.
pub fn audit(browser: &mut Chromium, what: &str) {
    let found = browser.ask(
        "axe.run(document, {preload: false, resultTypes: ['violations']}).then(of => of.violations.map(
           one => `${one.impact} ${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 120)).join(' | ')}`))",
    );
    assert_eq!(found, json!([]), "{what}");
}

/// Names of AWS and of formats, which stay in any language.
const NAMES: &str = "AWS|IAM|VPC|SDK|JSON|CloudTrail|Logs|Insights|Guance|ATT&CK|UTC|MFA|ARN|API";

/// Asserts that the open page, which is in Chinese, has no English but names and texts of records.
fn assert_chinese(browser: &mut Chromium, what: &str) {
    let english = browser.ask(&format!(
            "(() => {{ const copy = content.cloneNode(true);
               copy.querySelectorAll('style, bdi, code, pre, h2 .code, time, option, .dash-copy').forEach(of => of.remove());
               const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT), found = [];
               while (walker.nextNode()) {{
                 const left = walker.currentNode.data.replace(/\\b({NAMES})\\b/g, '');
                 if (/[A-Za-z]{{3,}}/.test(left) && !walker.currentNode.parentElement.closest('.advice, a[href]')) found.push(left);
               }}
               return found; }})()"
        ));
    assert_eq!(english, json!([]), "{what}");
}

/// Clicks an element, and counts the click.
fn clicked(browser: &mut Chromium, clicks: &mut u32, element: &str) {
    browser.click(element);
    *clicks += 1;
    settle(browser);
}

#[test]
fn what_people_look_for_is_at_most_three_clicks_away() {
    let Some(events) = corpus("events") else {
        return;
    };
    let events = fs::canonicalize(events).unwrap();
    let served = Served::new(Folder::new(), events.to_str().unwrap());
    const CRITICAL: &str = "[...widget.querySelectorAll('table.list tbody tr, table.calls tbody tr')].find(row => row.querySelector('.badge.critical')).querySelector('a.open')";
    const MOST: &str = "widget.querySelector('table.list a.open')";
    let Some(mut browser) = served.open_at("light", "#status=all") else {
        return;
    };
    let address = browser.text("location.href");
    for (goal, path, found) in [
        (
            "the worst actor and all that they did",
            &["widget.querySelector('table.incidents a.open')"][..],
            &["bert-jan"][..],
        ),
        ("the newest critical", &[CRITICAL], &["critical"]),
        (
            "what fails most, and on which resource",
            &["widget.querySelector('th.n .sort')", MOST],
            &["s3:PutObject", "9,686", "falsimentis-log"],
        ),
    ] {
        browser.open(&address);
        browser.until("!popup.open");
        settle(&mut browser);
        let mut clicks = 0;
        for element in path {
            clicked(&mut browser, &mut clicks, element);
        }
        browser.until("content.querySelector('.facts')");
        settle(&mut browser);
        let page = browser.text("content.innerText");
        for text in found {
            assert!(page.contains(text), "{goal}: {text}: {page}");
        }
        assert!(clicks <= 3, "{goal}: {clicks}");
        served.assert_quiet(&browser);
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
    browser.click("widget.querySelector('.incidents a.open')");
    browser.until("content.querySelector('.facts')");
    settle(&mut browser);
    let incident = browser.picture();
    browser.press("Escape");
    browser.until("!popup.open");
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
        ("dashboard-incident.png", incident),
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
