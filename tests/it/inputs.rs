//! Every form in which people have records is read, and what is not read is said.
//!
//! The fixtures in `tests/fixtures/inputs` were made by hand after the shapes that their owners document; a table there
//! names the sources. All hold the records of `bare.jsonl`.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clusters::selection::PREFILTER;
use formats::Opened;
use input::file::Reader;
use input::{Layout, Limits, ReadError};
use serde_json::{Value, json};
use service::ingest::{self, Folded};
use service::memory::MemoryStore;
use service::rules::Rules;

use crate::binary::{Folder, Ran};
use crate::effort::cases;
use crate::fuzz::checks::{assert_agreement, assert_same_fold};
use crate::records::{denied, lines};

/// The fixture that does not hold all fields: no messages, accounts and roles.
const CONSOLE_CSV: &str = "console-event-history.csv";

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inputs");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("README.md"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 40);
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures/inputs").join(name)).unwrap()
}

/// The facts about each explained record that an input of any form must keep.
fn kept(explained: &Value, is_whole: bool) -> Value {
    let facet = |name: &str| explained["facets"][name].clone();
    let always = json!([
        explained["event_id"],
        explained["selected"],
        explained["class"],
        facet("error_code"),
        facet("iam_action"),
        facet("region"),
        facet("source_ip"),
        facet("access_key")
    ]);
    match is_whole {
        true => json!([
            always,
            explained["cluster_id"],
            explained["template"],
            facet("principal"),
            facet("resource")
        ]),
        false => always,
    }
}

#[test]
fn each_form_of_the_records_gives_the_clusters_of_the_bare_records() {
    let folder = Folder::new();
    let explained = |path: &str| -> Vec<Value> {
        let ran = folder.run(&["explain", "--format", "jsonl", path]);
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let ids = |scan: &Value| -> Vec<Value> {
        let clusters = scan["clusters"].as_array().unwrap().iter();
        clusters
            .map(|of| json!([of["cluster_id"], of["count"], of["first_seen"]]))
            .collect()
    };
    let paths = fixtures();
    let bare = paths
        .iter()
        .find(|path| name(path) == "bare.jsonl")
        .unwrap();
    let bare = bare.to_str().unwrap();
    let (bare_records, bare_scan) = (explained(bare), folder.scan(&[bare], 0));
    assert_eq!(bare_scan["records"]["clustered"], 2);
    for path in &paths {
        let (name, path) = (name(path), path.to_str().unwrap());
        let is_whole = name != CONSOLE_CSV;
        let facts = |of: &[Value]| of.iter().map(|of| kept(of, is_whole)).collect::<Vec<_>>();
        assert_eq!(facts(&explained(path)), facts(&bare_records), "{name}");
        let scan = folder.scan(&[path], 0);
        assert_eq!(scan["records"]["read"], 3, "{name}");
        assert_eq!(scan["records"]["clustered"], 2, "{name}");
        assert_eq!(scan["files"]["failed"], json!([]), "{name}");
        if is_whole {
            assert_eq!(ids(&scan), ids(&bare_scan), "{name}");
        }
    }
}

#[test]
fn what_used_to_pass_as_clean_is_read() {
    let folder = Folder::new();
    for name in [
        "logs-filter-log-events.json",
        "logs-get-log-events.json",
        "insights-get-query-results.json",
        "sqs-receive-message.json",
        "sns-http-notification.jsonl",
        "lake-get-query-results.json",
        "elastic-search.json",
        "splunk-export.json",
        "security-lake.jsonl",
    ] {
        // Once named, and once from a pipe.
        let ran = folder.run_with(fixture(name), &["scan", "--format", "json", "-"]);
        assert_eq!(ran.json()["records"]["clustered"], 2, "{name}: {ran:?}");
    }
    folder.write("package/package.json", r#"{"name":"x","version":"1.0.0"}"#);
    folder
        .run(&["scan", "package"])
        .fails(1, "it looks like an object with the members name, version");
}

fn opened(bytes: &[u8]) -> Option<Opened> {
    formats::open(Box::new(Cursor::new(bytes.to_vec())), &Limits::default()).ok()
}

fn folded(bytes: &[u8], layout: Layout) -> Option<Result<Folded, ReadError>> {
    let opened = opened(bytes)?;
    let layout = match opened.is_by_lines {
        true => Layout::Lines,
        false => layout,
    };
    let (limits, rules) = (Limits::default(), Rules::default());
    Some(ingest::fold(opened.records, layout, &limits, None, &rules))
}

/// A cut input may hold all records, or none. If it holds some, either a failure is among them or something is said.
#[test]
fn an_input_that_was_cut_never_reads_as_clean() {
    for path in fixtures() {
        // The list of a zip archive is at its end; without it nothing is read.
        if name(&path).ends_with(".zip") {
            continue;
        }
        let whole = fs::read(&path).unwrap();
        let layout = match path.to_str().unwrap().ends_with(".jsonl") {
            true => Layout::Lines,
            false => Layout::Guess,
        };
        let step = whole.len() / cases(40, 2_000) as usize + 1;
        for length in (0..whole.len()).step_by(step) {
            let Some(Ok(folded)) = folded(&whole[..length], layout) else {
                continue;
            };
            let mut store = MemoryStore::default();
            let counts = pollster::block_on(ingest::commit(&mut store, "x", folded));
            let counts = counts.unwrap().record_counts;
            let is_clean = counts.read > 0 && counts.selected == 0;
            let is_silent =
                counts.read < 3 && counts.quarantined() == 0 && counts.read > counts.selected;
            assert!(
                !is_clean && !is_silent,
                "{} cut at {length}: {counts:?}",
                path.display()
            );
        }
    }
}

#[test]
fn the_fast_path_reads_each_form_as_the_reference_reader_does() {
    let mut reader = Reader::new(Arc::clone(&PREFILTER));
    for path in fixtures() {
        let input = fs::read(&path).unwrap();
        for layout in [Layout::Guess, Layout::Lines] {
            assert_agreement(&mut reader, &input, layout, &Limits::default());
            assert_same_fold(&input, layout);
        }
    }
}

#[test]
fn one_bad_element_is_rejected_alone() {
    for (name, from, to) in [
        (
            "logs-filter-log-events.json",
            "\"message\": \"{",
            "\"message\": \"oops {",
        ),
        (
            "sqs-lambda-event.json",
            "\"body\": \"{",
            "\"body\": \"oops {",
        ),
        (
            "sns-lambda-event.json",
            "\"Message\": \"{",
            "\"Message\": \"",
        ),
        ("kinesis-get-records.json", "\"Data\": \"", "\"Data\": \"!"),
        ("lookup-events-query.json", "\"{", "\"{{"),
        (
            "insights-get-query-results.json",
            "\"value\": \"{",
            "\"value\": \"{{",
        ),
        ("splunk-results.json", "\"_raw\": \"{", "\"_raw\": \"oops {"),
        (
            "elastic-search.json",
            "\"original\": \"{",
            "\"original\": \"",
        ),
    ] {
        let text = String::from_utf8(fixture(name)).unwrap();
        assert!(text.contains(from), "{name}");
        let folder = Folder::new();
        folder.write("bad.json", text.replacen(from, to, 1));
        let scan = folder.scan(&["bad.json"], 0);
        let counts = &scan["records"];
        assert_eq!(
            [&counts["quarantined"], &counts["clustered"]],
            [1, 1],
            "{name}: {scan}"
        );
        folder
            .run(&["scan", "-v", "--strict", "bad.json"])
            .fails(1, "quarantined: bad.json: record");
        folder
            .run(&["explain", "--strict", "bad.json"])
            .fails(1, "");
    }
}

#[test]
fn wrappings_are_opened_to_a_depth_and_what_is_deeper_is_no_clean_record() {
    let mut text = denied(1, json!({})).to_string();
    for depth in 0..16 {
        let Some(Ok(folded)) = folded(format!("[{text}]").as_bytes(), Layout::Guess) else {
            panic!("depth {depth}");
        };
        match folded.events() {
            1 => assert!(depth <= 8),
            _ => assert!(
                depth > 8 && folded.without_events().is_some(),
                "depth {depth}"
            ),
        }
        text = json!({"MessageId": "1", "Body": text}).to_string();
    }
}

#[test]
fn the_files_of_a_folder_that_were_not_read_are_counted() {
    let folder = Folder::new();
    folder.write("in/trail.jsonl", lines(&[denied(1, json!({}))]));
    for name in [
        "cost.csv",
        "more.csv",
        "app.log",
        "notes.md",
        "picture.png",
        "LICENSE",
    ] {
        folder.write(format!("in/{name}"), "month,cost\n1,2\n");
    }
    folder.write("in/export/000000.gz", fixture("logs-export.gz"));
    folder.write("in/athena.csv", fixture("athena.csv"));
    folder.write("in/trail.zip", fixture("trail.zip"));
    folder.write("in/lake.parquet", fixture("security-lake.parquet"));
    let said = "7 files were not read: 2 .csv, 1 .log, 2 .md, 1 .png, 1 without an ending";
    let ran = folder.run(&["scan", "--format", "json", "in"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), format!("{said}\n").as_str())
    );
    let files = &ran.json()["files"];
    assert_eq!(
        files["skipped"],
        json!({".csv": 2, ".log": 1, ".md": 2, ".png": 1, "without an ending": 1})
    );
    assert_eq!(
        [&files["read"], &ran.json()["records"]["clustered"]],
        [6, 3],
        "{files}"
    );
    for command in ["scan", "top", "explain"] {
        let ran = folder.run(&[command, "in"]);
        assert_eq!(
            (ran.code, ran.stderr.trim_end()),
            (Some(0), said),
            "{command}"
        );
        folder.run(&[command, "--strict", "in"]).fails(1, said);
    }
}

#[test]
fn a_folder_without_anything_readable_fails_and_one_without_events_does_not() {
    let folder = Folder::new();
    folder.write("in/a.txt", "no records");
    folder.write("in/b.csv", "month,cost\n");
    let said = "2 files were not read: 1 .csv, 1 .txt";
    for command in ["scan", "top", "explain"] {
        folder.run(&[command, "in"]).fails(1, said);
    }
    let scan = folder.run(&["scan", "in"]);
    assert!(!scan.stdout.contains("0 clusters"), "{scan:?}");
    folder
        .run(&["scan", "in/a.txt"])
        .fails(1, "in/a.txt: no CloudTrail records");
    let digest = json!({"awsAccountId": "111122223333", "digestEndTime": "2026-11-02T08:00:00Z", "logFiles": []});
    folder.write(
        "digests/111122223333_CloudTrail-Digest_eu-central-1_trail.json",
        digest.to_string(),
    );
    for content in [
        json!({"Records": []}),
        json!({"events": [], "searchedLogStreams": []}),
        json!({"hits": {"hits": []}}),
    ] {
        folder.write("empty.json", content.to_string());
        let scan = folder.run(&["scan", "--strict", "empty.json"]).printed();
        assert!(
            scan.contains("0 records read") && !scan.contains("0 clusters"),
            "{scan}"
        );
    }
    folder.run(&["scan", "--strict", "digests"]).printed();
}

#[test]
fn what_is_not_read_is_named_with_the_next_step() {
    let folder = Folder::new();
    folder.write("trail.jsonl", lines(&[denied(1, json!({}))]));
    folder
        .run(&["scan", "--db", "trail.db", "trail.jsonl"])
        .printed();
    folder.write("x.tar.bz2", "BZh91AY&SY");
    folder.write("x.xz", "\u{fffd}");
    folder.write("x.xz", [0xfd, b'7', b'z', b'X', b'Z', 0]);
    folder.write(
        "few.csv",
        "eventname,eventsource\nGetObject,s3.amazonaws.com\n",
    );
    for (name, saying) in [
        ("trail.db", "clusters list --db trail.db"),
        (
            "x.tar.bz2",
            "bzip2 data is not read; unpack it first: bunzip2 -k x.tar.bz2",
        ),
        ("x.xz", "xz data is not read; unpack it first: unxz -k x.xz"),
        (
            "few.csv",
            "it has no column errorcode, so failures would look like successes",
        ),
    ] {
        folder.run(&["scan", name]).fails(1, saying);
        folder.run(&["explain", name]).fails(1, saying);
    }
    let ran: Ran = folder.run_with(fixture("trail.zip"), &["scan", "-"]);
    ran.fails(
        1,
        "a zip archive that is named as a trail file, inside of another file or on standard input is not read",
    );
}

#[test]
fn what_is_no_event_or_no_whole_answer_is_said_and_strict_fails() {
    let success = json!({"eventVersion": "1.11", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": "1"});
    let ocsf = json!({"class_uid": 3005, "metadata": {"uid": "x"}, "status": "failure", "api": {"operation": "GetObject", "service": {"name": "s3.amazonaws.com"}}});
    let folder = Folder::new();
    for (content, said) in [
        (
            json!({"Records": [success, {"messageId": "m", "body": "x"}]}),
            "1 record is no CloudTrail event; it looks like",
        ),
        (
            json!({"events": [success], "nextToken": "x"}),
            "the answer is incomplete: there are further pages",
        ),
    ] {
        folder.write("part.json", content.to_string());
        for command in ["scan", "explain"] {
            let ran = folder.run(&[command, "part.json"]);
            assert!(ran.code == Some(0) && ran.stderr.contains(said), "{ran:?}");
            folder
                .run(&[command, "--strict", "part.json"])
                .fails(1, said);
        }
    }
    let running = json!({"status": "Running", "results": []});
    folder.write("running.json", running.to_string());
    folder
        .run(&["scan", "running.json"])
        .fails(1, "the query still runs");
    // The same bytes give the same records, from a file and from a pipe.
    let bare = json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": "1"});
    let mixed = lines(&[bare, ocsf]);
    folder.write("mixed.jsonl", &mixed);
    let scan = folder.scan(&["mixed.jsonl"], 0);
    assert_eq!(scan["records"]["clustered"], 1, "{scan}");
    let piped = folder.run_with(mixed, &["scan", "--format", "json", "-"]);
    assert_eq!(piped.json()["records"]["clustered"], 1, "{piped:?}");
}

#[test]
fn a_damaged_file_of_an_archive_fails_alone() {
    let mut archive = fixture("trail.zip");
    let folder = Folder::new();
    let at = archive
        .windows(9)
        .position(|window| window == b"more.json")
        .unwrap()
        + 30;
    archive[at] ^= 0x55;
    folder.write("trail.zip", &archive);
    let scan = folder.scan(&["trail.zip"], 1);
    assert_eq!(scan["records"]["clustered"], 1, "{scan}");
    assert_eq!(
        scan["files"]["failed"][0]["file"],
        "trail.zip/AWSLogs/more.json"
    );
    archive.truncate(archive.len() - 30);
    folder.write("cut.zip", &archive);
    folder
        .run(&["scan", "cut.zip"])
        .fails(1, "the zip archive cannot be read");
}
