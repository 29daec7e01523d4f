//! `diff`: what is new, has risen or is gone between two stores that are a day apart.

use std::fs;

use demo::{Demo, Plan, trail};
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::records::{id, lines, record};

/// Returns a folder with the store of a made-up trail after its first day, `old.db`, and after two days, `new.db`.
fn a_day_apart() -> Folder {
    let folder = Folder::new();
    let demo: Demo = trail(&Plan {
        seed: 5,
        hours: 48,
        events_per_hour: 25,
        broken: false,
        ..Plan::default()
    });
    let is_first_day = |record: &String| record.contains("\"eventTime\":\"2026-11-02T");
    let records = || demo.files.iter().flat_map(|file| &file.records);
    let first: Vec<&str> = records()
        .filter(|of| is_first_day(of))
        .map(String::as_str)
        .collect();
    let all: Vec<&str> = records().map(String::as_str).collect();
    assert!(
        first.len() * 4 < all.len() * 3 && first.len() > 200,
        "{}",
        first.len()
    );
    folder.write("first.jsonl", first.join("\n"));
    folder.write("all.jsonl", all.join("\n"));
    folder
        .run(&["scan", "--db", "old.db", "first.jsonl"])
        .printed();
    folder
        .run(&["scan", "--db", "new.db", "all.jsonl"])
        .printed();
    folder
}

fn ids(changes: &Value, change: &str, kind: &str) -> Vec<String> {
    let changes = changes["changes"].as_array().unwrap().iter();
    let found = changes.filter(|of| of["change"] == change && of["kind"] == kind);
    let mut ids: Vec<String> = found
        .map(|of| of["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_comparison_finds_what_the_second_day_of_a_trail_added() {
    let folder = a_day_apart();
    let files = || ["old.db", "new.db"].map(|name| fs::read(folder.path(name)).unwrap());
    let before = files();
    let changes = folder
        .run(&["diff", "--format", "json", "old.db", "new.db"])
        .json();
    // New is what the second day has and the first has not, of each kind.
    for (list, kind, name) in [
        ("clusters", "cluster", "cluster_id"),
        ("sensitive_calls", "sensitive_call", "call_id"),
        ("incidents", "incident", "incident_id"),
    ] {
        let of = |file: &str| -> Vec<String> {
            let scanned = folder.scan(&[file], 0);
            let list = scanned[list].as_array().unwrap().iter();
            list.map(|of| of[name].as_str().unwrap().to_owned())
                .collect()
        };
        let (first, mut new) = (of("first.jsonl"), of("all.jsonl"));
        new.retain(|id| !first.contains(id));
        new.sort();
        assert_eq!(ids(&changes, "new", kind), new, "{kind}");
        assert!(!new.is_empty(), "{kind}");
    }
    let all = changes["changes"].as_array().unwrap();
    let changed = |change: &'static str| all.iter().filter(move |of| of["change"] == change);
    assert!(changed("risen").all(|of| of["reasons"] != json!([]) && of["before"] != Value::Null));
    assert!(changed("gone").all(|of| of["status"] == "recovered" || of["status"] == "over"));
    assert!(
        changed("risen").count() > 0 && changed("gone").count() > 0,
        "{changes:#}"
    );
    // Neither store is changed, and nothing is left beside it.
    assert_eq!(before, files());
    let names = fs::read_dir(folder.path("")).unwrap();
    assert_eq!(names.count(), 4);

    let table = folder
        .run(&["diff", "--limit", "0", "old.db", "new.db"])
        .printed();
    let lines: Vec<&str> = table.lines().collect();
    // Two files, the head of the table, and three totals.
    assert_eq!(lines.len(), 2 + 1 + all.len() + 3, "{table}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 200),
        "{table}"
    );
    let short = folder
        .run(&["diff", "--limit", "1", "old.db", "new.db"])
        .printed();
    assert!(
        short.contains(" more new; --limit 0 shows all\n"),
        "{short}"
    );

    // Nothing is new the other way round, and a store does not differ from itself.
    let back = folder.run(&["diff", "new.db", "old.db"]);
    assert!(
        back.stderr
            .contains("new.db has newer events than old.db; the older file comes first"),
        "{back:?}"
    );
    let same = folder.run(&["diff", "old.db", "old.db"]).printed();
    assert!(same.ends_with("\n0 new\n0 risen\n0 gone\n"), "{same}");
}

fn refused(number: u64, time: &str, name: &str) -> Value {
    record(
        json!({"eventID": id(number), "eventTime": time, "eventName": name, "errorCode": "AccessDenied"}),
    )
}

#[test]
fn a_pipeline_stops_at_something_new_that_is_severe_enough() {
    let folder = Folder::new();
    let first = [refused(1, "2026-11-02T10:00:00Z", "GetObject")];
    let second = [
        first.to_vec(),
        vec![refused(2, "2026-11-03T10:00:00Z", "ListBuckets")],
    ]
    .concat();
    folder.write("first.jsonl", lines(&first));
    folder.write("second.jsonl", lines(&second));
    folder
        .run(&["scan", "--db", "old.db", "first.jsonl"])
        .printed();
    folder
        .run(&["scan", "--db", "new.db", "second.jsonl"])
        .printed();
    let severity = folder
        .run(&["diff", "--format", "json", "old.db", "new.db"])
        .json();
    assert_eq!(
        severity["changes"][0]["severity"], "warning",
        "{severity:#}"
    );
    for (limit, code) in [("info", 3), ("warning", 3), ("error", 0), ("critical", 0)] {
        let ran = folder.run(&["diff", "--fail-on", limit, "old.db", "new.db"]);
        assert_eq!(ran.code, Some(code), "{limit}: {ran:?}");
    }
    // What was there before is not new, however severe.
    let ran = folder.run(&["diff", "--fail-on", "info", "new.db", "new.db"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
