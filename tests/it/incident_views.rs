//! Incidents as users of the command line see them: in the table, as JSON, one by one, in the timeline, in the report and
//! as previews of alerts.

use std::fs;

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::html::Page;
use crate::incident_alerts::{call, story};
use crate::records::lines;

/// Returns a folder with the records of the made-up attack, beside a failure that belongs to no incident.
fn folder() -> Folder {
    let throttled = json!({"errorCode": "ThrottlingException", "errorMessage": "Rate exceeded"});
    let mut records = story();
    records.push(call(99, "11:00:00", "ssm:GetParameter", throttled));
    Folder::with_lines(lines(&records))
}

fn keys(value: &Value) -> String {
    let keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.join(" ")
}

#[test]
fn the_table_has_incidents_above_the_clusters_and_says_which_cluster_belongs_to_one() {
    let printed = folder().run(&["scan", "-v", "trail.jsonl"]).printed();
    let (incidents, clusters) = printed.split_once("\nClusters: ").unwrap();
    assert!(incidents.contains("user mia"), "{incidents}");
    assert!(!incidents.contains("GetParameter"), "{incidents}");
    let belongs = |action: &str| {
        let from = clusters.find(action).unwrap();
        let below = clusters[from..].lines().nth(1).unwrap();
        below.contains("incident 1")
    };
    assert!(belongs("iam:ListUsers") && belongs("kms:ListKeys"));
    assert!(!belongs("ssm:GetParameter"));
}

#[test]
fn an_incident_is_listed_and_shown_by_the_beginning_of_its_id() {
    let folder = folder();
    folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    let listed = folder
        .run(&["incidents", "list", "--db", "x.db", "--format", "json"])
        .json();
    let incidents = listed["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1);
    let id = incidents[0]["incident_id"].as_str().unwrap();
    let shown = folder.run(&["incidents", "show", "--db", "x.db", &id[..6]]);
    expect_file!["wire/incident_shown.txt"].assert_eq(&shown.printed());
    let json = folder
        .run(&["incidents", "show", "--db", "x.db", id, "--format", "json"])
        .json();
    assert_eq!(json, incidents[0]);
    let wrong = folder.run(&["incidents", "show", "--db", "x.db", "zzzz"]);
    wrong.fails(1, "zzzz");
    // The second scan of the same records changes nothing.
    folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    let again = folder
        .run(&["incidents", "list", "--db", "x.db", "--format", "json"])
        .json();
    assert_eq!(again, listed);
}

#[test]
fn the_json_of_an_incident_has_steps_ledger_and_what_to_do_without_a_whole_key() {
    let scan = folder().scan(&["trail.jsonl"], 0);
    let incident = &scan["incidents"][0];
    expect!["account_id actor advice began clusters events evidence incident_id last ledger members members_total open sensitive_calls severity severity_reason sources steps steps_total tactics until"].assert_eq(&keys(incident));
    expect!["count event_name event_source first_seen identities last_seen outcome strong tactic targets technique"].assert_eq(&keys(&incident["steps"][0]));
    expect!["removals_seen stands stands_total was_open was_open_total ways_in"]
        .assert_eq(&keys(&incident["ledger"]));
    let text = incident.to_string();
    for key in [
        "AKIAQNZGKIQY56JQ7WML",
        "ASIAQNZGKIQY56JQ7WML",
        "AKIAQNZGKIQYNEVER222",
    ] {
        assert!(!text.contains(key), "{key}");
    }
    assert_eq!(incident["actor"]["name"], "mia");
    assert_eq!(incident["members_total"], 3);
}

#[test]
fn the_report_has_a_card_of_the_incident_first() {
    let folder = folder();
    folder.scan(&["--html", "report.html", "trail.jsonl"], 0);
    let html = fs::read_to_string(folder.path("report.html")).unwrap();
    let page = Page::read(&html);
    let card = &page.all("article").next().unwrap().1.text;
    for said in [
        "user mia",
        "cloudtrail:StopLogging",
        "T1685.002",
        "helper",
        "aws iam",
    ] {
        assert!(card.contains(said), "{said}: {card}");
    }
    assert!(page.all("script").all(|(_, of)| of.get("src").is_none()));
}

#[test]
fn the_timeline_and_the_preview_of_alerts_have_the_incident() {
    let folder = folder();
    let timeline = folder.run(&["scan", "--inspect", "trail.jsonl"]).printed();
    let stages: Vec<&str> = timeline
        .lines()
        .filter(|line| line.starts_with("2026-"))
        .filter_map(|line| line.split_once(" incident ")?.1.trim().split(':').next())
        .collect();
    assert_eq!(stages, ["opened", "grew", "closed"], "{timeline}");
    let alerts = folder.run(&[
        "notify",
        "--dry-run",
        "--format",
        "json",
        "--kind",
        "incident",
        "trail.jsonl",
    ]);
    let alerts = alerts.json();
    assert!(!alerts.as_array().unwrap().is_empty(), "{alerts}");
}
