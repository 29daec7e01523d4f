//! Tests of the demo: the same plan gives the same bytes, the truth agrees with a recount over the text of the records,
//! and every documented kind of event occurs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::LazyLock;

use clusters::class::Class;
use clusters::classification;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;

const SENSITIVE: &[&str] = &[
    "CreateUser",
    "AttachUserPolicy",
    "CreateAccessKey",
    "StopLogging",
    "PutRolePolicy",
    "DeactivateMFADevice",
    "ModifySnapshotAttribute",
];

/// The trail of the default plan, generated once for all tests.
static DEMO: LazyLock<Demo> = LazyLock::new(|| trail(&Plan::default()));

fn plan(seed: u64, hours: u32, events_per_hour: u32) -> Plan {
    Plan {
        seed,
        hours,
        events_per_hour,
        ..Plan::default()
    }
}

fn digest(demo: &Demo) -> Vec<u8> {
    let mut hash = Sha256::new();
    for file in &demo.files {
        hash.update(file.name.as_bytes());
        hash.update(file.gzip());
        hash.update(payload("111122223333", "eu-west-1", &file.records));
    }
    hash.finalize().to_vec()
}

fn texts(demo: &Demo) -> impl Iterator<Item = &String> {
    demo.files.iter().flat_map(|file| &file.records)
}

fn events(demo: &Demo) -> Vec<Value> {
    texts(demo)
        .filter_map(|text| serde_json::from_str(text).ok())
        .filter(Value::is_object)
        .collect()
}

fn has_value(event: &Value, key: &str) -> bool {
    !matches!(&event[key], Value::Null) && event[key] != ""
}

fn is_sign_in(event: &Value, outcome: &str) -> bool {
    let name = event["eventName"].as_str().unwrap_or_default();
    event["eventSource"] == "signin.amazonaws.com"
        && ["responseElements", "serviceEventDetails"]
            .iter()
            .any(|field| event[*field][name] == outcome)
}

/// Counts the outcomes from the text of the records alone.
fn recount(demo: &Demo) -> Truth {
    let mut truth = Truth {
        records: texts(demo).count() as u64,
        ..Truth::default()
    };
    for text in texts(demo) {
        let Some(event) = serde_json::from_str(text).ok().filter(Value::is_object) else {
            truth.broken += 1;
            continue;
        };
        let id = event["eventID"].as_str().map(str::to_owned);
        let name = event["eventName"].as_str().unwrap_or_default();
        let failed = has_value(&event, "errorCode") || has_value(&event, "errorMessage");
        if event["eventVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("2."))
        {
            truth.broken += 1;
        } else if has_value(&event, "insightDetails") || has_value(&event, "digestS3Object") {
            truth.non_api += 1;
        } else if event["errorCode"]
            .as_str()
            .is_some_and(|code| code.contains("DryRun"))
        {
            truth.dry_runs += 1;
        } else if failed || is_sign_in(&event, "Failure") {
            truth.failing_without_id += u64::from(id.is_none());
            truth.failing_ids.extend(id);
        } else if SENSITIVE.contains(&name) {
            truth.watch_ids.extend(id);
        }
    }
    truth
}

#[test]
fn the_same_plan_gives_the_same_bytes_and_another_seed_others() {
    let small = plan(7, 4, 500);
    assert_eq!(digest(&trail(&small)), digest(&trail(&small)));
    assert_ne!(digest(&trail(&small)), digest(&trail(&plan(8, 4, 500))));
}

#[test]
fn the_bytes_do_not_change_unnoticed() {
    // Documentation and screenshots show this trail. After an intended change, write the new hash here.
    let demo = trail(&plan(1, 2, 300));
    let hash = texts(&demo)
        .fold(Sha256::new(), Sha256::chain_update)
        .finalize();
    let hash: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash, "d68317ced8fc05c3");
}

#[test]
fn the_truth_agrees_with_a_recount() {
    for plan in [Plan::default(), plan(2, 5, 900), plan(3, 0, 0)] {
        let demo = trail(&plan);
        let counted = Truth {
            storm: Storm::default(),
            recon: Reconnaissance::default(),
            sleeping_key: String::new(),
            ..demo.truth.clone()
        };
        assert_eq!(counted, recount(&demo), "{plan:?}");
        let rejected = texts(&demo)
            .filter(|text| Record::parse(text).is_err())
            .count();
        assert_eq!(counted.broken, rejected as u64, "{plan:?}");
    }
}

#[test]
fn about_one_event_in_ten_fails_and_a_fifth_of_these_is_the_storm() {
    let truth = &DEMO.truth;
    let failing = truth.failing_ids.len() as u64;
    assert!(
        (9..=11).contains(&(100 * failing / truth.records)),
        "{failing}"
    );
    assert!((18..=22).contains(&(100 * truth.storm.events.values().sum::<u64>() / failing)));
    assert!(truth.watch_ids.len() < 20 && truth.dry_runs > 0 && truth.non_api >= 4);
    assert!(truth.broken > 10 && truth.failing_without_id == 1);
}

#[test]
fn the_storm_is_a_cluster_of_its_own() {
    let demo = &*DEMO;
    let storm = &demo.truth.storm;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in events(demo) {
        let name = event["eventName"].as_str().unwrap_or_default().to_owned();
        if event["recipientAccountId"] == *storm.account_id
            && event["eventSource"] == *storm.event_source
            && event["errorCode"] == *storm.error_code
            && storm.events.contains_key(&name)
        {
            assert_eq!(event["userIdentity"]["invokedBy"], *storm.invoked_by);
            assert_eq!(event["requestParameters"]["bucketName"], *storm.bucket);
            found
                .entry(name)
                .or_default()
                .insert(event["eventID"].to_string());
        }
    }
    let found: BTreeMap<_, _> = found
        .into_iter()
        .map(|(name, ids)| (name, ids.len() as u64))
        .collect();
    assert_eq!(&found, &storm.events);
}

#[test]
fn the_recon_is_25_apis_in_six_minutes_from_a_new_address() {
    let demo = &*DEMO;
    let (mut apis, mut times, mut addresses) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for event in events(demo) {
        let identity = &event["userIdentity"];
        let failed = has_value(&event, "errorCode");
        if identity["arn"] == *demo.truth.recon.principal_arn {
            assert_eq!(identity["accessKeyId"], *demo.truth.recon.access_key_id);
            let address = event["sourceIPAddress"].as_str().unwrap();
            assert!(address.starts_with("203.0.113.") || !failed, "{address}");
        }
        if failed && identity["arn"] == *demo.truth.recon.principal_arn {
            apis.insert((
                event["eventSource"].to_string(),
                event["eventName"].to_string(),
            ));
            times.push(Timestamp::parse(event["eventTime"].as_str().unwrap()).unwrap());
            addresses.insert(event["sourceIPAddress"].to_string());
        }
    }
    assert_eq!(
        (apis.len(), demo.truth.recon.denied_apis, addresses.len()),
        (25, 25, 1)
    );
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(last.seconds_since(*first) <= 360);
}

#[test]
fn a_role_breaks_on_the_second_day_and_a_job_fails_each_night() {
    let demo = &*DEMO;
    let (mut calls, mut broken, mut nights) = (0, 0, BTreeSet::new());
    let changed = Plan::default().start.seconds() + 7 * 48 * 360;
    for event in events(demo) {
        let time = event["eventTime"].as_str().unwrap_or_default();
        let failed = has_value(&event, "errorCode");
        match event["eventName"].as_str() {
            Some("BatchGetSecretValue") if Timestamp::parse(time).unwrap().seconds() > changed => {
                calls += 1;
                broken += usize::from(failed);
            }
            Some("BatchGetSecretValue") => assert!(!failed, "{time}"),
            Some("StartExportTask") => {
                assert_eq!(&time[11..13], "02");
                nights.insert(time[..10].to_owned());
            }
            _ => {}
        }
    }
    assert!(
        (30..50).contains(&(100 * broken / calls)),
        "{broken} of {calls}"
    );
    assert_eq!(nights.len(), 2);
}

#[test]
fn every_kind_of_caller_occurs() {
    let demo = &*DEMO;
    let kinds: BTreeSet<String> = events(demo)
        .iter()
        .map(|event| match &event["userIdentity"] {
            identity if !identity.is_object() => identity.is_string().to_string(),
            identity if identity["accountId"] == "ANONYMOUS_PRINCIPAL" => "anonymous".to_owned(),
            identity => identity["type"].as_str().unwrap().to_owned(),
        })
        .collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let all = "AWSAccount AWSService AssumedRole Directory FederatedUser IAMUser IdentityCenterUser \
               Root SAMLUser Unknown WebIdentityUser anonymous false true";
    assert_eq!(kinds, all.split_whitespace().collect::<Vec<_>>());
    let all: String = texts(demo).map(String::as_str).collect();
    for part in [
        "assumed-role/search-indexer/i-0",
        "botocore-session-17",
        "mira.okafor@example.com",
        "tomasz.lind@example.com",
        "token.actions.githubusercontent.com",
        "system:serviceaccount:shop:cart",
        "HIDDEN_DUE_TO_SECURITY_REASONS",
        "arn:aws-cn:",
        "\\u001b[31m",
        "\u{202e}",
        "<script>",
        "password=hunter2",
        "=HYPERLINK",
        "[click](javascript:",
    ] {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn every_class_of_failure_occurs() {
    let demo = trail(&plan(5, 6, 200));
    let found: BTreeSet<(String, String)> = events(&demo)
        .iter()
        .map(|event| {
            ["eventName", "errorCode"].map(|key| event[key].as_str().unwrap_or_default().to_owned())
        })
        .map(|[name, code]| (name, code))
        .collect();
    for row in failures::FAILURES {
        if !row.code.is_empty() {
            assert_eq!(
                Some(classification::of_code("x", row.code)),
                row.class,
                "{row:?}"
            );
        }
        assert!(
            found.contains(&(row.name.to_owned(), row.code.to_owned())),
            "{row:?}"
        );
    }
    let classes: BTreeSet<_> = failures::FAILURES.iter().map(|row| row.class).collect();
    // All classes except sensitive calls and sign-ins, which are not in this table.
    assert_eq!(classes.len(), Class::ALL.len() - 2);
    for name in [
        "ConsoleLogin",
        "CheckMfa",
        "SwitchRole",
        "ExternalIdPDirectoryLogin",
    ] {
        assert!(found.contains(&(name.to_owned(), String::new())), "{name}");
    }
}

#[test]
fn long_messages_are_cut_where_cloudtrail_cuts_them() {
    let demo = &*DEMO;
    let (mut whole, mut cut) = (0, 0);
    for event in events(demo) {
        let message = event["errorMessage"].as_str().unwrap_or_default();
        assert!(
            message.chars().count() <= 1024 && !message.contains('$'),
            "{message}"
        );
        if message.contains("Encoded authorization failure message: ") {
            *(if message.ends_with("...") {
                &mut cut
            } else {
                &mut whole
            }) += 1;
        }
    }
    assert!(whole > 0 && cut > 0, "{whole} whole, {cut} cut");
}

#[test]
fn times_stay_in_the_plan_and_files_come_after_their_events() {
    let plan = Plan::default();
    let end = plan.start.seconds() + i64::from(plan.hours) * 3600;
    let demo = trail(&plan);
    let (mut late, mut seen) = (0, BTreeSet::new());
    for file in &demo.files {
        let stamp = file.name.rsplit('_').nth(1).unwrap();
        let closed = format!(
            "{}-{}-{}:{}:00Z",
            &stamp[..4],
            &stamp[4..6],
            &stamp[6..11],
            &stamp[11..13]
        );
        let closed = Timestamp::parse(&closed).unwrap();
        for record in &file.records {
            let Some(time) = event_time(record).and_then(Timestamp::from_seconds) else {
                continue;
            };
            assert!(
                (plan.start.seconds()..end).contains(&time.seconds()),
                "{record}"
            );
            if seen.insert(record) {
                let age = closed.seconds_since(time);
                late += usize::from(age > 45 * 60);
                assert!((0..=7200 + 900).contains(&age), "{record}");
            }
        }
    }
    assert_eq!(late, 1);
    let twice = demo.truth.records as usize - texts(&demo).collect::<BTreeSet<_>>().len();
    assert!((200..400).contains(&twice), "{twice}");
}

#[test]
fn a_file_and_a_payload_open_to_their_records() {
    let demo = trail(&plan(1, 1, 100));
    let whole = |file: &&TrailFile| serde_json::from_str::<Value>(&file.json()).is_ok();
    let file = demo.files.iter().find(whole).unwrap();
    assert!(file.name.starts_with("AWSLogs/") && file.name.ends_with(".json.gz"));
    assert_eq!(unzip(&file.gzip()), file.json());
    let wrapped: Value =
        serde_json::from_str(&payload("111122223333", "eu-west-1", &file.records)).unwrap();
    let data = STANDARD
        .decode(wrapped["awslogs"]["data"].as_str().unwrap())
        .unwrap();
    let batch: Value = serde_json::from_str(&unzip(&data)).unwrap();
    assert_eq!(batch["logStream"], "111122223333_CloudTrail_eu-west-1");
    let messages = batch["logEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["message"]);
    assert!(messages.eq(file.records.iter().map(String::as_str)));
}

fn unzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn the_tables_name_actors_that_exist_and_parameters_that_are_json() {
    for row in failures::FAILURES
        .iter()
        .chain(routine::ROUTINE)
        .chain(routine::WATCHED)
    {
        for actor in row.actors {
            assert!(actors::has(actor), "{actor}");
        }
        assert!(serde_json::from_str::<Value>(row.params).is_ok(), "{row:?}");
        assert!(row.weight > 0);
    }
}
