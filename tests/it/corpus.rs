//! Real events: none is lost and none is counted twice, compared with an independent count.
//!
//! The events are read from `$CLOUDTRAIL_CORPUS`, else from `../shared/cloudtrail`. If they are absent, these tests
//! print a message and pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::binary;

pub fn corpus(folder: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where real events are is the machine's to say"
    )]
    let corpus = std::env::var("CLOUDTRAIL_CORPUS").unwrap_or("../shared/cloudtrail".to_owned());
    let path = Path::new(&corpus).join(folder);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there are no real events in {}", path.display());
    None
}

fn scan(paths: &[&Path]) -> Value {
    scan_with(&[], paths)
}

fn scan_with(options: &[&str], paths: &[&Path]) -> Value {
    let output = Command::new(binary::inspector())
        .args(["scan", "--format", "json"])
        .args(options)
        .args(paths)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Counts by `tests/count_ids.py`: records read, failed calls, distinct failed calls, dry runs.
fn counted(path: &Path) -> [u64; 4] {
    let output = Command::new("python3")
        .arg("tests/count_ids.py")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let counts: Vec<u64> = text
        .split_whitespace()
        .map(|count| count.parse().unwrap())
        .collect();
    counts.try_into().unwrap()
}

fn failures(scanned: &Value) -> u64 {
    let clusters = scanned["clusters"].as_array().unwrap();
    clusters
        .iter()
        .filter(|cluster| cluster["class"] != "watch")
        .map(|cluster| cluster["count"].as_u64().unwrap())
        .sum()
}

fn count(scanned: &Value, name: &str) -> u64 {
    scanned["records"][name].as_u64().unwrap()
}

#[test]
fn every_failing_event_is_in_exactly_one_cluster() {
    for folder in ["trail-files", "events"] {
        let Some(path) = corpus(folder) else { return };
        let [read, _, distinct, dry_runs] = counted(&path);
        let scanned = scan(&[&path]);
        assert!(read > 0, "{folder} is empty");
        assert_eq!(count(&scanned, "read"), read, "{folder}");
        assert_eq!(failures(&scanned), distinct, "{folder}");
        assert_eq!(count(&scanned, "ignored"), dry_runs, "{folder}");
        let outcomes = ["clustered", "duplicate", "ignored", "quarantined"];
        let outcomes: u64 = outcomes
            .iter()
            .map(|outcome| count(&scanned, outcome))
            .sum();
        assert_eq!(count(&scanned, "selected"), outcomes, "{folder}");
    }
}

#[test]
fn the_same_events_in_two_folders_count_once() {
    let (Some(events), Some(files)) = (corpus("events"), corpus("trail-files")) else {
        return;
    };
    let alone = scan(&[&events]);
    let both = scan(&[&files, &events]);
    assert_eq!(both["clusters"], alone["clusters"]);
}

#[test]
fn the_broken_log_delivery_is_two_clusters_with_exact_counts() {
    let Some(path) = corpus("events/sans504.jsonl.gz") else {
        return;
    };
    let scanned = scan(&[&path]);
    let storm: Vec<(&str, u64)> = scanned["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cluster| {
            cluster["facets"]["principal"]["values"][0]["value"] == "delivery.logs.amazonaws.com"
        })
        .map(|cluster| {
            (
                cluster["event_name"].as_str().unwrap(),
                cluster["count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(storm, [("PutObject", 9686), ("HeadBucket", 325)]);
    assert_eq!(9686 + 325, 10_011);
}

#[test]
fn an_attack_is_one_incident_and_no_alert_is_sent_twice() {
    let Some(files) = corpus("trail-files") else {
        return;
    };
    let told = scan_with(&["--inspect"], &[&files]);
    let transitions = told["transitions"].as_array().unwrap();
    let incidents = told["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let new = transitions.iter().filter(|of| of["transition"] == "new");
    assert_eq!(new.count(), told["clusters"].as_array().unwrap().len());
    // An incident absorbs most alerts about new clusters.
    let new = transitions.iter().filter(|of| of["transition"] == "new");
    let (absorbed, sent): (Vec<&Value>, Vec<&Value>) = new.partition(|of| of["alert"].is_null());
    assert!(
        absorbed.len() > sent.len(),
        "{} {}",
        absorbed.len(),
        sent.len()
    );
    let alerts = transitions.iter().filter(|of| !of["alert"].is_null());
    let ids: Vec<&Value> = alerts.map(|of| &of["alert"]["alert_id"]).collect();
    let distinct: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), ids.len());
}
