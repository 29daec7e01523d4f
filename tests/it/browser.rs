//! The report page in a real browser: no overflow, enough contrast, no requests; its tables filter and sort, and it prints.
//!
//! The browser is Chromium; without one these tests print a message and pass. Pictures are saved in `target/tmp/page`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::bad_input::hostile;
use crate::binary::Folder;
use crate::chromium::Chromium;
use crate::dashboard::{audit, axe};
use crate::page::demo;
use crate::records::lines;
use crate::widget_pages::latin_words;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The values of `preferredColorScheme` in Chromium.
const SCHEMES: [(&str, &str); 2] = [("dark", "0"), ("light", "1")];

/// Time limit for a page; a machine that is busy with a build is slow.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How often a page is opened in a new browser if none has answered in time: Chromium hangs now and then at its start.
const TRIES: u32 = 3;

/// Options for tests: no window, no background requests, no connections beyond this machine. As root, for example in a
/// container, Chromium needs to run without its sandbox.
pub const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A browser with a new profile for each run.
pub struct Browser(pub &'static str);

impl Browser {
    /// Looks for Chromium; prints a message if there is none.
    pub fn find() -> Option<Self> {
        let runs = |name: &&str| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        };
        let found = NAMES.into_iter().find(runs);
        if found.is_none() {
            eprintln!(
                "skipped: there is no browser; looked for {}",
                NAMES.join(", ")
            );
        }
        found.map(Self)
    }

    /// Opens a page; returns stdout and stderr of the browser.
    fn open(&self, page: &Path, arguments: &[&str]) -> (String, String) {
        let mut outputs = (0..TRIES).map(|_| self.open_once(page, arguments));
        let output = outputs.find_map(|output| output);
        output.unwrap_or_else(|| panic!("{} takes longer than {PATIENCE:?}", page.display()))
    }

    /// Opens a page in a new browser; `None` if it takes longer than its share of [`PATIENCE`].
    fn open_once(&self, page: &Path, arguments: &[&str]) -> Option<(String, String)> {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(self.0)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = all_of(child.stdout.take().unwrap());
        let stderr = all_of(child.stderr.take().unwrap());
        let outputs = [stdout, stderr].map(|all| all.recv_timeout(PATIENCE / TRIES).ok());
        let [Some(stdout), Some(stderr)] = outputs else {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        };
        assert!(child.wait().unwrap().success(), "{stderr}");
        Some((stdout, stderr))
    }

    /// Measures a page at several widths, through an outer page that frames it.
    fn measure(&self, folder: &Folder, scheme: &str) -> Vec<Value> {
        folder.write("probe.html", include_str!("../fixtures/page/probe.html"));
        let setting = format!("--blink-settings=preferredColorScheme={scheme}");
        let arguments = [
            "--allow-file-access-from-files",
            "--dump-dom",
            "--virtual-time-budget=60000",
            &setting,
        ];
        let (dom, stderr) = self.open(&folder.path("probe.html"), &arguments);
        let measured = dom.split("<pre id=\"measured\">").nth(1);
        let json = measured.and_then(|rest| rest.split("</pre>").next());
        let json = json.unwrap_or_else(|| panic!("{dom} {stderr}"));
        let json = json
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
    }
}

/// Returns all bytes from a pipe until its other end is closed.
fn all_of(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (send, all) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        // Who has lost patience does not listen any more.
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    all
}

/// Returns folders that each hold a report: one of the demo trail in English and in Chinese, one of hostile text.
fn reports() -> [(&'static str, Folder); 3] {
    let chinese = demo();
    let words = ["--language", "zh", "--time-zone", "+08:00"];
    chinese.scan(
        &[&["--html", "report.html"], &words[..], &["in"]].concat(),
        0,
    );
    let evil = Folder::with_lines(lines(&hostile()));
    evil.scan(&["--html", "report.html", "trail.jsonl"], 0);
    let demo = demo();
    demo.scan(&["--html", "report.html", "in"], 0);
    [("demo", demo), ("hostile", evil), ("chinese", chinese)]
}

#[test]
fn the_page_fits_and_is_easy_to_read_at_any_width_in_light_and_dark() {
    let Some(browser) = Browser::find() else {
        return;
    };
    for (name, folder) in reports() {
        for (scheme, setting) in SCHEMES {
            let measured = browser.measure(&folder, setting);
            assert_eq!(
                measured.len(),
                6,
                "three widths, with details closed and open"
            );
            for page in measured {
                let what = format!("{name}, {scheme}, {} px: {page}", page["width"]);
                assert_eq!(page["scrollWidth"], page["width"], "overflows: {what}");
                for culprits in ["outside", "faint", "tiny", "active"] {
                    assert_eq!(page[culprits], serde_json::json!([]), "{culprits}: {what}");
                }
                let paper = page["paper"].as_f64().unwrap();
                assert_eq!(paper > 0.5, scheme == "light", "{what}");
                assert!(page["styled"] == true && page["titled"] == true, "{what}");
            }
        }
    }
}

#[test]
fn the_page_paints_at_phone_and_desk_size() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let painted = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&painted).unwrap();
    for (name, folder) in reports() {
        for (scheme, setting) in SCHEMES {
            for width in [320_u32, 1400] {
                let picture = painted.join(format!("{name}-{scheme}-{width}.png"));
                let _ = fs::remove_file(&picture);
                let arguments = [
                    format!("--blink-settings=preferredColorScheme={setting}"),
                    format!("--window-size={width},2400"),
                    format!("--screenshot={}", picture.display()),
                ];
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                browser.open(&folder.path("report.html"), &arguments);
                let png = fs::read(&picture).unwrap();
                assert_eq!(png[..4], *b"\x89PNG");
                assert_eq!(png[16..20], width.to_be_bytes(), "{}", picture.display());
                // A blank page of this size takes far less.
                assert!(png.len() > 40_000, "{} is blank", picture.display());
            }
        }
    }
}

/// Returns the network addresses that a page requested, and the messages on its console.
fn asked_and_said(browser: &Browser, folder: &Folder, page: &str) -> (Vec<String>, Vec<String>) {
    let log = folder.path("net.json");
    let arguments = [
        &format!("--log-net-log={}", log.display()),
        "--enable-logging=stderr",
        "--timeout=20000",
        "--dump-dom",
    ];
    let (_, stderr) = browser.open(&folder.path(page), &arguments);
    let log = fs::read_to_string(log).unwrap();
    let said = stderr.lines().filter(|line| line.contains("CONSOLE"));
    (
        log.lines().filter_map(asked_by_a_page).collect(),
        said.map(str::to_owned).collect(),
    )
}

/// Returns the address in a line of the browser's event log, if a page requested it. Requests of the browser itself
/// have no origin.
fn asked_by_a_page(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line.trim_end_matches([',', ']'])).ok()?;
    let initiator = event["params"]["initiator"].as_str()?;
    let asked = event["params"]["url"].as_str()?;
    (initiator != "not an origin").then(|| asked.to_owned())
}

#[test]
fn the_page_fetches_nothing_and_the_console_stays_empty() {
    let Some(browser) = Browser::find() else {
        return;
    };
    for (name, folder) in reports() {
        let (asked, said) = asked_and_said(&browser, &folder, "report.html");
        assert!(
            asked.is_empty() && said.is_empty(),
            "{name}: {asked:?} {said:?}"
        );
        // What these two look for is seen where it is there.
        let page = fs::read_to_string(folder.path("report.html")).unwrap();
        let control = "<p style='color: red'>x</p><img src='http://127.0.0.1:9/x.png'></body>";
        folder.write("control.html", page.replace("</body>", control));
        let (asked, said) = asked_and_said(&browser, &folder, "control.html");
        assert!(asked.is_empty(), "the page's policy lets through {asked:?}");
        assert_eq!(said.len(), 2, "{said:?}");
        folder.write("control.html", control);
        let (asked, _) = asked_and_said(&browser, &folder, "control.html");
        assert!(
            asked.contains(&"http://127.0.0.1:9/x.png".to_owned()),
            "{asked:?}"
        );
    }
}

/// Opens the report of the demo at the size of a desk.
fn opened() -> Option<(Chromium, Folder)> {
    let mut browser = Chromium::find()?;
    let folder = demo();
    folder.scan(&["--html", "report.html", "in"], 0);
    browser.size(1400, 900);
    browser.open(&format!("file://{}", folder.path("report.html").display()));
    Some((browser, folder))
}

#[test]
fn the_report_is_accessible_in_both_languages() {
    let (Some(mut browser), Some(axe)) = (Chromium::find(), axe()) else {
        return;
    };
    browser.size(1400, 900);
    for (name, folder) in reports() {
        browser.open(&format!("file://{}", folder.path("report.html").display()));
        browser.ask(&axe);
        browser.ask("document.querySelectorAll('.cards, .cards details').forEach((of, at) => of.open = at < 9)");
        audit(&mut browser, name);
        let html = fs::read_to_string(folder.path("report.html")).unwrap();
        if name == "chinese" {
            assert_eq!(latin_words(&html), ["cloudtrail", "inspector"]);
        }
    }
}

/// The rows of the table of clusters that are shown.
const ROWS: &str =
    "[...document.querySelectorAll('[data-section=failing] tbody tr:not([hidden])')]";

#[test]
fn a_reader_filters_and_sorts_the_clusters_and_opens_one() {
    let Some((mut browser, _folder)) = opened() else {
        return;
    };
    let shown = "document.querySelector('.filters output').textContent";
    let all = browser.text(shown);
    browser.click("document.querySelector('.tiles .error a')");
    let severities = format!("[...new Set({ROWS}.map(row => row.cells[0].textContent))]");
    assert_eq!(browser.ask(&severities), json!(["error"]));
    assert_ne!(browser.text(shown), all);
    browser.ask("document.querySelector('.filters input').focus()");
    browser.write("PutObject delivery");
    let calls = format!("{ROWS}.map(row => row.querySelector('.call').textContent)");
    assert_eq!(browser.ask(&calls), json!(["s3:PutObject"]));
    browser.ask(&format!("{ROWS}[0].querySelector('a').click()"));
    browser.until("document.querySelector(':target').checkVisibility()");
    let card = browser.text("document.querySelector(':target').textContent");
    assert!(card.contains("delivery.logs.amazonaws.com"), "{card}");
    // The third column has the numbers of events: the most first, then the fewest.
    let counts = "[...document.querySelectorAll('[data-section=failing] td.count data')].map(of => +of.value)";
    let head = "document.querySelectorAll('[data-section=failing] thead button')[2]";
    for direction in ["b - a", "a - b"] {
        browser.ask(&format!("{head}.click()"));
        let sorted = format!("{counts}.join() === {counts}.sort((a, b) => {direction}).join()");
        assert_eq!(browser.ask(&sorted), true, "{direction}");
    }
    assert!(browser.said.is_empty(), "{:?}", browser.said);
}

#[test]
fn the_report_fits_on_paper() {
    let Some((mut browser, _folder)) = opened() else {
        return;
    };
    // A4 between margins of 1 cm, at 96 dots per inch.
    browser.size(718, 1000);
    browser.call("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    for (what, expression) in [
        (
            "no column is cut off",
            "document.documentElement.scrollWidth <= 718",
        ),
        (
            "the fields stay on the screen",
            "!document.querySelector('.filters').checkVisibility()",
        ),
        (
            "all columns are there",
            "[...document.querySelectorAll('[data-section=failing] th')].every(of => of.checkVisibility())",
        ),
    ] {
        assert_eq!(browser.ask(expression), true, "{what}");
    }
    let printed = browser.call("Page.printToPDF", &json!({"printBackground": true}));
    let pdf = BASE64_STANDARD
        .decode(printed["data"].as_str().unwrap())
        .unwrap();
    let text = String::from_utf8_lossy(&pdf);
    let pages = text.matches("/Type /Page\n").count();
    assert!(
        pdf.starts_with(b"%PDF-") && (3..=12).contains(&pages),
        "{pages} pages"
    );
}
