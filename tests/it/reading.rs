//! The fast path gives the same results as the reference reader: every input is read by both.

use std::fs;
use std::sync::Arc;

use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::selection::{NO_ERROR, PREFILTER, Selection, select};
use demo::{Plan, payload, trail};
use input::file::Reader;
use input::{Layout, Limits};
use json::structure::{self, Found};
use proptest::prelude::*;
use records::Record;
use serde_json::{Value, json};
use service::rules::Rules;
use walkdir::WalkDir;

use crate::corpus::corpus;
use crate::fuzz::checks::{assert_agreement, assert_same_fold, assert_same_fold_by};
use crate::records::{id, lines, record};

#[test]
fn real_events_come_out_the_same() {
    let mut reader = Reader::new(Arc::clone(&PREFILTER));
    for folder in ["events", "trail-files"] {
        let Some(path) = corpus(folder) else { return };
        for entry in WalkDir::new(path).sort_by_file_name() {
            let file = entry.unwrap().into_path();
            if file.is_dir() {
                continue;
            }
            let input = fs::read(&file).unwrap();
            let is_lines = file.to_string_lossy().contains(".jsonl");
            let layout = if is_lines {
                Layout::Lines
            } else {
                Layout::Guess
            };
            assert_agreement(&mut reader, &input, layout, &Limits::default());
            assert_same_fold(&input, layout);
        }
    }
}

#[test]
fn made_up_trails_come_out_the_same() {
    let mut reader = Reader::new(Arc::clone(&PREFILTER));
    for seed in 0..4 {
        let plan = Plan {
            seed,
            hours: 2,
            events_per_hour: 600,
            ..Plan::default()
        };
        for file in trail(&plan).files {
            let records = file.records.join(",");
            let payload = payload("111122223333", "us-east-1", &file.records);
            for (input, layout) in [
                (format!("{{\"Records\":[{records}]}}"), Layout::Guess),
                (file.records.join("\n"), Layout::Lines),
                (payload.clone(), Layout::Guess),
                (payload, Layout::Subscription),
            ] {
                assert_agreement(&mut reader, input.as_bytes(), layout, &Limits::default());
                assert_same_fold(input.as_bytes(), layout);
            }
        }
    }
}

/// The fast path reuses the result of an earlier record that differs only in its ID. Fields by which a copy of a call
/// is recognised must not be ignored in that comparison.
#[test]
fn twins_come_out_the_same() {
    let exclusions = Exclusions {
        trail_accounts: TrailAccounts::new(["111122223333".to_owned()]),
        ..Exclusions::default()
    };
    let rules = Rules::default().with_exclusions(exclusions);
    let shared = [Value::Null, json!(""), json!("a"), json!("b"), json!(7)];
    let accounts = ["111122223333", "444455556666"];
    let kinds = ["AwsApiCall", "AwsVpceEvent"];
    let mut records = Vec::new();
    for number in 0..400_u64 {
        // Each is there some times in a row, next to others that differ in one thing.
        let place = number / 3;
        let pick = |among: usize, every: u64| (place / every) as usize % among;
        records.push(record(json!({
            "eventID": id(number),
            "requestID": format!("EXAMPLEREQUEST{number:03}"),
            "errorCode": if number % 50 == 49 { Value::Null } else { json!("AccessDenied") },
            "sharedEventID": shared[pick(shared.len(), 1)],
            "recipientAccountId": accounts[pick(accounts.len(), 5)],
            "eventType": kinds[pick(kinds.len(), 10)],
        })));
    }
    let (forth, back) = (lines(&records), {
        records.reverse();
        lines(&records)
    });
    for input in [&forth, &back] {
        assert_same_fold_by(&rules, input.as_bytes(), Layout::Lines);
        assert_same_fold(input.as_bytes(), Layout::Lines);
    }
}

/// Returns the records of a list that are passed on, the number that are skipped, and how many bytes were checked.
fn run(text: &str) -> (Vec<String>, u64, usize) {
    let (mut texts, mut quiet) = (Vec::new(), 0);
    let taken = structure::records(
        text.as_bytes(),
        1 << 20,
        &PREFILTER,
        &mut |found| match found {
            Found::Skipped(count) => quiet += count,
            Found::Record(bytes) => texts.push(String::from_utf8(bytes.to_vec()).unwrap()),
        },
    );
    (texts, quiet, taken)
}

proptest! {
    /// JSON values most of which need comparing, and some of which look like something else.
        #[test]
        fn records_like_earlier_ones_are_told_as_if_they_were_read(
            lists in prop::collection::vec(prop::array::uniform5(prop::sample::select(vec![
                "x", "", "GetObject", "CreateUser", "RunTask", "s3.amazonaws.com", "1.08", "2.0",
                "AwsApiCall", "AwsCloudTrailInsight", "AwsServiceEvent", "AwsAggregatedEvent", "Enable",
                r#"x","errorCode":"y"#, r#"x","errorCode":403,"y":"z"#, r#"RotationFailed","errorMessage":{"a":1},"y":""#, r"\u0041", r"a\nb", "\u{1}",
                r#"","x":{"y":"#, "a long value that goes on beyond the end of a block of sixty-four bytes",
            ])), 1..12),
        ) {
            let records: Vec<String> = lists.iter().map(|[version, name, kind, arn, id]| format!(
                r#"{{"eventVersion":"{version}","userIdentity":{{"arn":"{arn}"}},"eventSource":"s3.amazonaws.com","eventName":"{name}","eventType":"{kind}","eventID":"{id}"}}"#
            )).collect();
            let text = records.join(",") + "]";
            let (texts, quiet, taken) = run(&text);
            let proven = text[..taken].trim_end_matches(',');
            let told: Vec<&String> = records.iter().take(texts.len() + quiet as usize).collect();
            let joined: Vec<&str> = told.iter().map(|text| text.as_str()).collect();
            prop_assert_eq!(joined.join(","), proven);
            let is_quiet = |text: &&&String| Record::parse(text)
                .is_ok_and(|record| select(&record) == Selection::NotSelected(NO_ERROR));
            prop_assert!(told.iter().filter(is_quiet).count() as u64 >= quiet);
            let expected: Vec<&&String> = told.iter().filter(|text| !texts.contains(**text)).collect();
            prop_assert!(expected.iter().all(is_quiet), "{:?}", expected);
        }
}
