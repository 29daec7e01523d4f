//! Attack techniques behind a history: which would be alerted, after how long, and what hides the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use demo::techniques::{self, Place};
use demo::{Plan, trail};
use records::Record;
use records::time::Timestamp;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::corpus::corpus;
use crate::records::{denied, record};

/// Returns a folder with a made-up trail under `trail` and a store of it.
fn demo_store() -> Folder {
    let folder = Folder::new();
    let demo = trail(&Plan {
        seed: 5,
        hours: 8,
        events_per_hour: 200,
        ..Plan::default()
    });
    for file in &demo.files {
        folder.write(format!("trail/{}", file.name), file.gzip());
    }
    folder.scan(&["--db", "trail.db", "trail"], 0);
    folder
}

/// Runs `rehearse` and returns the results by the name of the technique.
fn rehearsed(folder: &Folder, arguments: &[&str], code: i32) -> BTreeMap<String, Value> {
    let ran = folder.run(&[&["rehearse", "--format", "json"], arguments].concat());
    assert_eq!(ran.code, Some(code), "{ran:?}");
    let techniques = ran.json()["techniques"].as_array().unwrap().clone();
    let name = |of: &Value| of["technique"].as_str().unwrap().to_owned();
    techniques.iter().map(|of| (name(of), of.clone())).collect()
}

fn hidden(results: &BTreeMap<String, Value>) -> BTreeMap<&str, &Value> {
    let hidden = results.iter().filter(|(_, of)| of["is_hidden"] == true);
    hidden
        .map(|(name, of)| (name.as_str(), &of["held_back"]))
        .collect()
}

/// Returns the alert of a kind, and what it is about: the time and the call.
fn alert<'r>(result: &'r Value, kind: &str) -> Option<(i64, &'r str)> {
    let alerts = result["alerts"].as_array().unwrap().iter();
    let mut of_kind = alerts.filter(|of| of["kind"] == kind);
    let found = of_kind.next()?;
    Some((found["after_seconds"].as_i64()?, found["call"].as_str()?))
}

/// Returns how long after the first call of a technique another one is made, in seconds. `number` counts from 1.
fn seconds_until(technique: &str, number: usize) -> i64 {
    let place = Place {
        account_id: "111122223333".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-central-1".to_owned(),
    };
    let start = Timestamp::parse("2026-11-02T08:05:00Z").unwrap();
    let technique = techniques::all().iter().find(|of| of.name == technique);
    let records = technique.unwrap().records(&place, start, 1);
    let record = Record::parse(&records[number - 1]).unwrap();
    let at = Timestamp::parse(record.event_time.as_deref().unwrap()).unwrap();
    at.seconds_since(start)
}

#[test]
fn each_technique_has_the_calls_that_are_listed_with_its_page() {
    let documented: Vec<[String; 4]> = include_str!("../../docs/techniques.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let id = cells[1].trim_start_matches('[').split(']').next().unwrap();
            let page = cells[2].split("](").nth(1).unwrap().trim_end_matches(')');
            [
                cells[0].replace('`', ""),
                id.to_owned(),
                page.to_owned(),
                cells[3].replace('`', ""),
            ]
        })
        .collect();
    let catalogue = techniques::all().iter().map(|of| {
        let [name, attack, page] = [of.name, of.attack, of.page].map(str::to_owned);
        [name, attack, page, of.calls().join(" ")]
    });
    let (documented, catalogue) = (sorted_calls(documented), sorted_calls(catalogue.collect()));
    assert_eq!(documented, catalogue);
    assert!(catalogue.len() >= 30);
}

/// Sorts the calls in the last cell of each row: a page lists them in another order than they are made in.
fn sorted_calls(mut rows: Vec<[String; 4]>) -> Vec<[String; 4]> {
    for row in &mut rows {
        let mut calls: Vec<&str> = row[3].split(' ').collect();
        calls.sort_unstable();
        row[3] = calls.join(" ");
    }
    rows
}

#[test]
fn single_calls_are_alerted_at_once_and_breadth_depth_and_tactics_at_the_call_that_completes_them()
{
    let folder = demo_store();
    let results = rehearsed(&folder, &["--db", "trail.db"], 0);
    assert_eq!(hidden(&results), BTreeMap::new());
    for (technique, call) in [
        ("stopped-trail", "cloudtrail:StopLogging"),
        ("key-for-another-user", "iam:CreateAccessKey"),
        ("shared-snapshot", "ec2:ModifySnapshotAttribute"),
        ("sign-in-of-root", "signin:ConsoleLogin"),
        ("key-scheduled-for-deletion", "kms:ScheduleKeyDeletion"),
    ] {
        assert_eq!(
            alert(&results[technique], "sensitive_call"),
            Some((0, call))
        );
    }
    for (technique, number, call) in [
        // Ten distinct calls of three services.
        ("search-in-services", 10, "s3:ListBuckets"),
        // Ten targets of one call.
        ("passwords-of-instances", 10, "ec2:GetPasswordData"),
        (
            "user-data-of-instances",
            10,
            "ec2:DescribeInstanceAttribute",
        ),
        // Ten wrong passwords.
        ("guessed-password", 10, "signin:ConsoleLogin"),
        // Two strong calls with two tactics.
        ("from-function-to-key", 7, "iam:AttachUserPolicy"),
    ] {
        let expected = Some((seconds_until(technique, number), call));
        assert_eq!(
            alert(&results[technique], "incident"),
            expected,
            "{technique}"
        );
    }
}

#[test]
fn a_rule_that_ignores_or_expects_one_technique_hides_it_and_is_named() {
    let folder = demo_store();
    for (technique, rule) in [
        (
            "stopped-trail",
            r#"when = { eventName = ["StopLogging"] }
            ignore = true
            reason = "the trail moves""#,
        ),
        (
            "deleted-log-group",
            r#"when = { eventName = ["DeleteLogGroup"] }
            expected = true
            reason = "clean-up"
            owner = "platform"
            until = "2099-01-01""#,
        ),
        (
            "leaving-the-organization",
            r#"when = { eventName = ["LeaveOrganization"] }
            severity = "info""#,
        ),
    ] {
        folder.write(
            "rules.toml",
            format!("[[rule]]\nname = \"quiet please\"\n{rule}\n"),
        );
        let results = rehearsed(&folder, &["--db", "trail.db", "--rules", "rules.toml"], 1);
        let by = json!([{"by": "rule", "name": "quiet please"}]);
        assert_eq!(hidden(&results), BTreeMap::from([(technique, &by)]));
    }
}

#[test]
fn a_seeded_mute_that_hides_one_technique_is_found() {
    let folder = Folder::new();
    let action = "organizations:LeaveOrganization";
    let message = format!(
        "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: {action} because no identity-based policy \
         allows the {action} action"
    );
    let refused = denied(
        1,
        json!({
            "eventSource": "organizations.amazonaws.com",
            "eventName": "LeaveOrganization",
            "errorCode": "AccessDeniedException",
            "errorMessage": message,
            "readOnly": false,
        }),
    );
    folder.write("trail.jsonl", refused.to_string());
    let scan = folder.scan(&["--db", "trail.db", "trail.jsonl"], 0);
    let cluster = scan["clusters"][0]["cluster_id"].as_str().unwrap();
    let mute = [
        "clusters", "mute", cluster, "--db", "trail.db", "--for", "7d",
    ];
    folder
        .run(&[&mute[..], &["--reason", "known", "--actor", "mia"]].concat())
        .printed();
    let results = rehearsed(&folder, &["--db", "trail.db"], 1);
    let by = json!([{"by": "triage", "decision": "muted", "cluster_id": cluster}]);
    assert_eq!(
        hidden(&results),
        BTreeMap::from([("leaving-the-organization", &by)])
    );
    let table = folder.run(&["rehearse", "--db", "trail.db"]);
    assert_eq!(table.code, Some(1));
    let expected = format!("HIDDEN\n    by cluster {cluster} is muted\n");
    assert!(table.stdout.contains(&expected), "{}", table.stdout);
    assert!(table.stdout.contains(" 1 hidden\n"));
}

#[test]
fn coverage_errors_hides_calls_that_succeed_and_wider_coverage_hides_none() {
    let folder = demo_store();
    let results = rehearsed(&folder, &["--db", "trail.db", "--coverage", "errors"], 1);
    let hidden_now: BTreeSet<&str> = hidden(&results).into_keys().collect();
    for technique in [
        "stopped-trail",
        "user-with-all-permissions",
        "secrets-one-by-one",
    ] {
        assert!(hidden_now.contains(technique), "{technique}");
        let by = &results[technique]["held_back"];
        let by = by.as_array().unwrap();
        assert!(
            by.contains(&json!({"by": "coverage", "coverage": "errors"})),
            "{by:?}"
        );
    }
    for technique in [
        "search-in-services",
        "passwords-of-instances",
        "sign-in-of-root",
        "guessed-password",
    ] {
        assert!(!hidden_now.contains(technique), "{technique}");
    }
    for coverage in ["watched", "changes"] {
        rehearsed(&folder, &["--db", "trail.db", "--coverage", coverage], 0);
    }
}

#[test]
fn a_policy_hides_what_it_sends_to_none_of_the_sinks() {
    let folder = demo_store();
    let policy =
        |sink: &str| format!("[[policy]]\nsink = \"{sink}\"\nmin_severity = \"critical\"\n");
    let run = |arguments: &[&str], code| {
        let all = [&["--db", "trail.db", "--rules", "rules.toml"], arguments].concat();
        hidden(&rehearsed(&folder, &all, code))
            .into_keys()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    folder.write("rules.toml", policy("all"));
    let of_all = run(&[], 1);
    assert!(of_all.contains("deleted-log-group") && !of_all.contains("stopped-trail"));
    // Another sink gets what this policy holds back, unless there is none.
    folder.write("rules.toml", policy("pager"));
    assert_eq!(run(&[], 0), BTreeSet::new());
    assert_eq!(run(&["--sink", "pager"], 1), of_all);
}

#[test]
fn the_store_and_what_is_beside_it_stay_as_they_are() {
    let folder = demo_store();
    let state = || {
        let names = fs::read_dir(folder.path("")).unwrap();
        let names: BTreeSet<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        (fs::read(folder.path("trail.db")).unwrap(), names)
    };
    let before = state();
    rehearsed(&folder, &["--db", "trail.db"], 0);
    assert!(state() == before, "the store has changed");
    // A folder and a store of it are one history.
    let of_folder = rehearsed(&folder, &["trail"], 0);
    assert_eq!(of_folder, rehearsed(&folder, &["--db", "trail.db"], 0));
}

#[test]
fn a_table_fits_into_eighty_columns_and_the_list_needs_no_history() {
    let folder = Folder::with_lines(record(json!({})).to_string());
    folder.write("rules.toml", "[[rule]]\nname = \"a rule with a name that is much too long for a line of a table with eighty columns\"\nwhen = { eventName = [\"StopLogging\"] }\nignore = true\nreason = \"x\"\n");
    let table = folder.run(&["rehearse", "--rules", "rules.toml", "trail.jsonl"]);
    assert_eq!(table.code, Some(1));
    assert!(
        table.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        table.stdout
    );
    let list = folder.run(&["rehearse", "--list"]).printed();
    assert!(list.contains("stopped-trail (T1685.002)\n"), "{list}");
    let one = rehearsed(&folder, &["--technique", "open-port", "trail.jsonl"], 0);
    assert_eq!(one.into_keys().collect::<Vec<_>>(), ["open-port"]);
}

#[test]
fn wrong_usage_exits_with_2_and_a_missing_store_with_1() {
    let folder = Folder::with_lines(record(json!({})).to_string());
    folder.run(&["rehearse"]).fails(2, "required");
    folder
        .run(&["rehearse", "--db", "a.db", "trail.jsonl"])
        .fails(2, "cannot be used with");
    let unknown = ["rehearse", "--technique", "magic", "trail.jsonl"];
    folder.run(&unknown).fails(2, "--list prints the names");
    folder
        .run(&["rehearse", "--db", "none.db"])
        .fails(1, "no such file");
}

#[test]
fn every_technique_is_alerted_behind_recorded_trails() {
    for folder in ["trail-files/invictus", "trail-files/sans504"] {
        let Some(path) = corpus(folder) else { return };
        let path = fs::canonicalize(path).unwrap();
        let ran = Folder::new().run(&["rehearse", "--format", "json", path.to_str().unwrap()]);
        assert_eq!(ran.json()["hidden"], 0, "{folder}");
    }
}
