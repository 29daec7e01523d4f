//! All views show the same about a cluster. Status, severity, count, code, first and last event and decision are
//! compared for all clusters, between the commands, the report, the pages of `serve` and the widget of a stack.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clusters::fingerprint::{ClusterId, NO_CODE};
use clusters::journal::JournalEntry;
use clusters::triage::Triage;
use input::{Layout, Limits};
use pollster::block_on;
use records::time::{Timestamp, Window};
use serde_json::{Value, json};
use service::ingest::{commit, fold};
use service::ports::{Store, TriageStore};
use service::rules::Rules;
use service::widget::{StoreState, WidgetResponse, answer};
use sqlite::SqliteStore;

use crate::binary::Folder;
use crate::corpus::corpus;
use crate::effort;
use crate::html::Page;
use crate::page::demo;
use crate::records::recorded;
use crate::table::{MemoryTable, now, store, telling};
use crate::widget::{Whole, setting};

/// Values that a view shows of a cluster, by name.
type Said = BTreeMap<&'static str, String>;

/// Values that a view shows of all clusters, by cluster ID.
type All = BTreeMap<String, Said>;

/// Returns the values of a cluster in JSON.
fn of_json(cluster: &Value) -> (String, Said) {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let code = match (cluster["class"].as_str(), &cluster["error_code"]) {
        (Some("watch"), _) => "succeeded".to_owned(),
        (_, Value::Null) => text(&cluster["identity"]["code"]),
        (_, code) => text(code),
    };
    // Pages have words where AWS has no code.
    let code = match code.as_str() {
        NO_CODE => "no error code".to_owned(),
        _ => code,
    };
    let triage = match &cluster["mark"] {
        Value::Null => "none".to_owned(),
        triage if triage["ended"].is_null() => text(&triage["decision"]),
        triage => format!("{}, over", text(&triage["decision"])),
    };
    let said = [
        ("status", text(&cluster["status"])),
        ("severity", text(&cluster["severity"])),
        ("count", cluster["count"].to_string()),
        ("code", code),
        ("first", text(&cluster["first_seen"])),
        ("last", text(&cluster["last_seen"])),
        ("mark", triage),
    ];
    (text(&cluster["cluster_id"]), said.into())
}

fn of_list(list: &Value) -> All {
    list["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(of_json)
        .collect()
}

/// Asserts that a view shows all clusters, and that every value that it shows is the expected one.
#[track_caller]
fn assert_same(view: &str, expected: &All, said: &All) {
    let mut differences = Vec::new();
    for (id, expected) in expected {
        let Some(said) = said.get(id) else {
            differences.push(format!("{id} is not in it: {expected:?}"));
            continue;
        };
        for (name, value) in said {
            if expected[name] != *value {
                differences.push(format!(
                    "{id} {name}: {value} instead of {}",
                    expected[name]
                ));
            }
        }
    }
    assert_eq!(differences, Vec::<String>::new(), "{view}");
    assert_eq!(said.len(), expected.len(), "{view}");
}

/// Reduces values to those of a list: times to the minute, and only decisions in effect.
fn as_listed(all: &All) -> All {
    let minute = |time: &str| match time {
        "none" => "undated".to_owned(),
        time => time.replace('T', " ").chars().take(16).collect(),
    };
    let mut all = all.clone();
    for said in all.values_mut() {
        said.insert("last", minute(&said["last"]));
        if said["mark"].ends_with(", over") {
            said.insert("mark", "none".to_owned());
        }
    }
    all
}

/// Returns the values in the table of a report.
fn of_report(html: &str) -> All {
    let page = Page::read(html);
    let text = |row: usize, name: &str, class: &str| {
        let mut cells = page.all(name);
        let cell =
            cells.find(|(at, cell)| page.within(*at, row) && cell.get("class") == Some(class));
        cell.map(|(_, cell)| cell.text.trim().to_owned())
    };
    let mut all = All::new();
    for (row, _) in page.all("tr") {
        let mut links = page.all("a");
        let link = links.find(|(at, link)| page.within(*at, row) && link.get("href").is_some());
        let Some(id) = link.and_then(|(_, link)| link.get("href")?.strip_prefix("#c-")) else {
            continue;
        };
        let mut badges = page.all("span");
        // The ten most frequent errors are listed once more, without a severity.
        let Some((_, badge)) = badges.find(|(at, _)| page.within(*at, row)) else {
            continue;
        };
        let said = [
            ("severity", badge.text.clone()),
            (
                "count",
                text(row, "td", "n count")
                    .unwrap()
                    .replace(['\u{202f}', '\u{a0}', ','], ""),
            ),
            ("status", text(row, "td", "wide status").unwrap()),
            ("code", text(row, "bdi", "code").unwrap()),
        ];
        all.insert(id.to_owned(), said.into());
    }
    all
}

/// The widget, or a page of `serve`, over a store at a time.
struct Shown<'a, S> {
    store: &'a S,
    known: StoreState,
    as_of: Timestamp,
}

impl<S: Whole> Shown<'_, S> {
    fn ask(&self, event: &Value) -> String {
        let setting = service::widget::WidgetSetting {
            as_of: self.as_of,
            now: now(),
            ..setting()
        };
        let known = async |_: Option<&str>| Ok(self.known.clone());
        match block_on(answer(&event.to_string(), self.store, known, &setting)).unwrap() {
            WidgetResponse::Html(html) => html,
            WidgetResponse::Markdown(markdown) => panic!("{markdown}"),
        }
    }

    /// Reads all pages of the list.
    fn list(&self) -> All {
        let mut all = All::new();
        for number in 1.. {
            let page =
                Page::read(&self.ask(&json!({"status": "all", "sort": "what", "page": number})));
            let before = all.len();
            all.extend(rows(&page));
            if all.len() == before {
                return all;
            }
        }
        unreachable!()
    }

    /// Reads the JSON in the page of a cluster, and the values that the page shows.
    fn cluster(&self, id: &str) -> (String, Said) {
        let page = Page::read(&self.ask(&json!({"cluster": id, "export": true})));
        let (_, json) = page.all("pre").next().unwrap();
        let export: Value = serde_json::from_str(&json.text).unwrap();
        let (id, said) = of_json(&export["cluster"]);
        let page = Page::read(&self.ask(&json!({"cluster": id})));
        let badges = page.all("span").filter_map(|(_, span)| {
            span.get("class")?
                .starts_with("badge")
                .then_some(span.text.as_str())
        });
        let badges: Vec<&str> = badges.take(2).collect();
        assert_eq!(
            badges,
            [&said["severity"], &said["status"]],
            "the page of {id}"
        );
        (id, said)
    }
}

/// Reads the rows of a list.
fn rows(page: &Page) -> All {
    let mut all = All::new();
    for (row, _) in page.all("tr") {
        let cell = |name: &str, class: &str| {
            let mut cells = page.all(name);
            let cell =
                cells.find(|(at, cell)| page.within(*at, row) && cell.get("class") == Some(class));
            cell.map(|(at, cell)| (at, cell.text.trim().to_owned()))
        };
        // A sensitive call has a severity and no state.
        let (Some((severity, _)), Some((state, _))) = (cell("td", "severity"), cell("td", "state"))
        else {
            continue;
        };
        let badge = |outer: usize| {
            let mut spans = page.all("span");
            spans
                .find(|(at, _)| page.within(*at, outer))
                .unwrap()
                .1
                .text
                .clone()
        };
        let mut actions = page.all("cwdb-action");
        let action = actions.find(|(at, _)| page.within(*at, row)).unwrap().1;
        let call: Value = serde_json::from_str(&action.text).unwrap();
        let triage = cell("span", "mark").map_or("none".to_owned(), |(_, triage)| triage);
        let said = [
            ("severity", badge(severity)),
            ("status", badge(state)),
            ("mark", triage),
            ("code", cell("bdi", "code").unwrap().1),
            ("last", cell("div", "abs").unwrap().1),
            (
                "count",
                cell("td", "n")
                    .unwrap()
                    .1
                    .replace(['\u{202f}', '\u{a0}', ','], ""),
            ),
        ];
        all.insert(call["cluster"].as_str().unwrap().to_owned(), said.into());
    }
    all
}

/// Returns the state that an inspection would save for the hours before `until`.
fn known(store: &(impl Store + TriageStore), until: Option<Window>) -> (StoreState, Window) {
    let listing = recorded(store, |all| all.replay(until).listing(now()));
    let next = listing.until;
    (StoreState::from(listing), next)
}

/// Compares all views of the clusters of some inputs.
fn compare(folder: &Folder, inputs: &[PathBuf]) {
    let paths: Vec<&str> = inputs.iter().map(|path| path.to_str().unwrap()).collect();
    folder
        .run(&[&["scan", "--db", "x.db"], &paths[..]].concat())
        .printed();
    let listed = || {
        of_list(
            &folder
                .run(&["clusters", "list", "--format", "json", "--db", "x.db"])
                .json(),
        )
    };
    decide(folder, &listed());
    let expected = listed();
    let step = expected
        .len()
        .div_ceil(effort::cases(5, 1000) as usize)
        .max(1);
    let some = expected.iter().step_by(step);
    let some: All = some.map(|(id, said)| (id.clone(), said.clone())).collect();
    compare_commands(folder, paths[0], &expected, &some);
    let file = SqliteStore::open(&folder.path("x.db")).unwrap();
    let until = compare_pages("serve", &file, None, &expected, &some);
    let table = MemoryTable::default();
    let mut function = store(&table, telling()).counting();
    for path in inputs {
        ingest_all(&mut function, path);
    }
    copy_decisions(&file, &function);
    compare_pages("widget", &function, Some(until), &expected, &some);
}

/// Compares the output of the commands on a file with the report. Scanning an input once more changes nothing.
fn compare_commands(folder: &Folder, input: &str, expected: &All, some: &All) {
    let run = |arguments: &[&str]| {
        folder
            .run(&[arguments, &["--format", "json", "--db", "x.db"]].concat())
            .json()
    };
    let scanned = run(&["scan", "--html", "x.html", input]);
    assert_same("scan", expected, &of_list(&scanned));
    let report = fs::read_to_string(folder.path("x.html")).unwrap();
    assert_same("report", expected, &of_report(&report));
    let top = run(&["top", "--by", "cluster", "--limit", "0"]);
    assert_same(
        "top",
        expected,
        &top.as_array().unwrap().iter().map(of_top).collect(),
    );
    let shown = some
        .keys()
        .map(|id| of_json(&run(&["clusters", "show", id])));
    assert_same("clusters show", some, &shown.collect());
}

/// Compares the list and the pages of a widget over a store whose hours before `until` are inspected.
fn compare_pages(
    view: &str,
    store: &impl Whole,
    until: Option<Window>,
    expected: &All,
    some: &All,
) -> Window {
    let (known, until) = known(store, until);
    let shown = Shown {
        store,
        known,
        as_of: until.start(),
    };
    assert_same(
        &format!("{view}, list"),
        &as_listed(expected),
        &shown.list(),
    );
    let pages = some.keys().map(|id| shown.cluster(id));
    assert_same(&format!("{view}, page"), some, &pages.collect());
    until
}

fn of_top(entry: &Value) -> (String, Said) {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let said = [
        ("count", entry["count"].to_string()),
        ("first", text(&entry["first_seen"])),
        ("last", text(&entry["last_seen"])),
    ];
    (text(&entry["name"]), said.into())
}

/// Saves decisions about a few clusters.
fn decide(folder: &Folder, all: &All) {
    let decisions = [
        &["resolve"][..],
        &["acknowledge"],
        &["expect"],
        &["mute", "--for", "30d"],
    ];
    for (id, decision) in all.keys().zip(decisions) {
        let common = ["--db", "x.db", "--reason", "known", "--actor", "ann", id];
        let (verb, options) = decision.split_first().unwrap();
        folder
            .run(&[&["clusters", verb], options, &common[..]].concat())
            .printed();
    }
}

/// Saves the decisions of a file in a table too.
fn copy_decisions(file: &SqliteStore, table: &impl Whole) {
    let snapshot = block_on(file.sums(None)).unwrap();
    let clusters: Vec<ClusterId> = snapshot.facts.keys().copied().collect();
    for (cluster, versioned) in block_on(file.triages(&clusters)).unwrap() {
        let triage: Triage = versioned.triage.unwrap();
        let entry: JournalEntry = triage.made();
        assert!(block_on(table.set_triage(cluster, Some(&triage), 0, &entry)).unwrap());
    }
}

/// Reads and commits a file, or all files of a folder.
fn ingest_all(store: &mut impl Store, path: &Path) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        entries.iter().for_each(|entry| ingest_all(store, entry));
        return;
    }
    let name = path.to_str().unwrap();
    if ![".json", ".json.gz", ".jsonl", ".jsonl.gz"]
        .iter()
        .any(|end| name.ends_with(end))
    {
        return;
    }
    let layout = match name.contains(".jsonl") {
        true => Layout::Lines,
        false => Layout::Guess,
    };
    let (limits, rules) = (Limits::default(), Rules::default());
    if let Ok(folded) = fold(File::open(path).unwrap(), layout, &limits, None, &rules) {
        block_on(commit(store, name, folded)).unwrap();
    }
}

#[test]
fn clusters_of_the_demo_are_told_the_same_everywhere() {
    let folder = demo();
    let input = folder.path("in");
    compare(&folder, &[input]);
}

#[test]
fn a_job_that_fails_every_night_is_told_the_same_everywhere() {
    let input = fs::canonicalize("tests/fixtures/nightly.jsonl").unwrap();
    compare(&Folder::new(), &[input]);
}

#[test]
fn clusters_of_real_events_are_told_the_same_everywhere() {
    let folders = ["trail-files", "events"].map(corpus);
    for input in folders.into_iter().flatten() {
        compare(&Folder::new(), &[fs::canonicalize(input).unwrap()]);
    }
}
