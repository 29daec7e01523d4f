//! The filter patterns of the template are those that are composed. Each admits what its coverage asks for, no call that
//! only reads, and every record that the engine can select, except what is listed as left out.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use clusters::hidden_failures::table;
use clusters::selection::{SIGNINS, Selection, select};
use clusters::watch::Watches;
use records::Record;
use serde_json::{Value, json};
use service::coverage::{
    Composer, Composition, Coverage, PATTERN_CHARS_MAX, REGULAR_EXPRESSIONS_MAX,
};

use crate::coverage_units;
use crate::filter_pattern::Pattern;
use crate::fixtures::{fixture, names};

static WATCHES: LazyLock<Watches> = LazyLock::new(Watches::default);

/// The pattern of each coverage.
static COMPOSED: LazyLock<[(Composition<'static>, Pattern); 3]> = LazyLock::new(|| {
    let composer = Composer::new(&WATCHES);
    Coverage::ALL.map(|coverage| {
        let composition = composer.compose(coverage);
        let pattern = Pattern::parse(&composition.pattern);
        (composition, pattern)
    })
});

/// All calls of AWS: service, name, and whether the call only reads.
fn calls() -> Vec<(&'static str, &'static str, bool)> {
    let mut service = "";
    let lines = include_str!("../../src/service/coverage/operations.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let call = |line: &'static str| {
        if let Some(name) = line.strip_suffix(':') {
            service = name;
            return None;
        }
        Some((
            service,
            line.trim_start_matches(['-', '!']),
            line.starts_with('-'),
        ))
    };
    lines.filter_map(call).collect()
}

/// The record of a call that succeeded.
fn success(service: &str, name: &str, is_read: bool) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole"},
        "eventType": "AwsApiCall",
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "readOnly": is_read,
        "managementEvent": true,
        "responseElements": null,
        "errorCode": null,
    })
}

#[test]
fn the_template_has_the_patterns_that_are_composed() {
    for (composition, _) in &*COMPOSED {
        let of_template = coverage_units::pattern(composition.coverage);
        assert_eq!(of_template, composition.pattern, "run make filter");
    }
}

#[test]
fn each_pattern_keeps_the_limits_of_cloudwatch_logs() {
    for (composition, pattern) in &*COMPOSED {
        assert!(composition.pattern.len() <= PATTERN_CHARS_MAX);
        let regular = pattern.regular_expressions();
        assert!(regular.len() <= REGULAR_EXPRESSIONS_MAX, "{regular:?}");
        for one in regular {
            let is_allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || b"^$?[]{}|\\*+._-".contains(&byte);
            assert!(one.bytes().all(is_allowed), "{one}");
        }
    }
}

#[test]
fn a_pattern_admits_each_watched_call_that_is_not_listed_as_left_out_whatever_its_version() {
    for (composition, pattern) in &COMPOSED[1..] {
        let left_out = composition.watched_left_out.iter();
        let left_out = BTreeSet::from_iter(left_out.map(|call| (call.service, call.action)));
        let reads: BTreeSet<_> = calls()
            .into_iter()
            .filter(|(.., is_read)| *is_read)
            .map(|(service, name, _)| (service, name))
            .collect();
        let mut admitted = 0;
        for (service, action) in WATCHES.all().iter().flat_map(|watch| &watch.calls) {
            if left_out.contains(&(&**service, &**action)) {
                continue;
            }
            let is_read = reads.contains(&(&**service, &**action));
            let versions = match &**service {
                "lambda" => &["20150331v2", ""][..],
                "cloudfront" => &["2020_05_31", ""],
                _ => &[""],
            };
            for version in versions {
                let mut record = success(service, &format!("{action}{version}"), is_read);
                let is_for_keys = ["GetSecretV", "GetParam", "AssumeRole"];
                if is_for_keys.iter().any(|start| action.starts_with(start)) {
                    record["userIdentity"]["type"] = json!("IAMUser");
                }
                assert!(
                    pattern.matches(&record),
                    "{:?} {service}:{action}{version}",
                    composition.coverage
                );
            }
            admitted += 1;
        }
        assert!(admitted > 200, "{admitted}");
    }
}

#[test]
fn a_pattern_admits_no_call_that_only_reads_unless_it_is_watched() {
    let watched = WATCHES.all().iter().flat_map(|watch| &watch.calls);
    let watched: BTreeSet<_> = watched.map(|(_, action)| action.as_str()).collect();
    let reads = calls()
        .into_iter()
        .filter(|(_, name, is_read)| *is_read && !watched.contains(name));
    let mut count = 0;
    for (service, name, _) in reads {
        let record = success(service, name, true);
        for (composition, pattern) in &*COMPOSED {
            assert!(
                !pattern.matches(&record),
                "{:?} {service}:{name}",
                composition.coverage
            );
        }
        count += 1;
    }
    assert!(count > 7000, "{count}");
}

#[test]
fn errors_admits_no_call_that_succeeded_except_signins_and_calls_with_failures_in_the_response() {
    let [(composition, pattern), ..] = &*COMPOSED;
    let named = [
        &SIGNINS[..],
        &[
            "BatchCreatePartition",
            "CreateFleet",
            "CreateFlowLogs",
            "DeleteFlowLogs",
        ],
    ]
    .concat();
    let admitted = calls().into_iter().filter(|(service, name, is_read)| {
        !named.contains(name) && pattern.matches(&success(service, name, *is_read))
    });
    let admitted: BTreeSet<_> = admitted.map(|(_, name, _)| name).collect();
    assert_eq!(admitted, composition.further_names);
    assert!(admitted.len() < 5, "{admitted:?}");
    let key = json!({"userIdentity": {"type": "IAMUser"}, "eventName": "GetSecretValue", "readOnly": true});
    assert!(!pattern.matches(&key));
}

#[test]
fn the_key_of_a_person_that_reads_a_secret_or_takes_on_a_role_is_admitted_and_a_role_is_not() {
    let [_, (_, watched), (_, changes)] = &*COMPOSED;
    for (kind, name, expected) in [
        ("IAMUser", "GetSecretValue", true),
        ("IAMUser", "GetParametersByPath", true),
        ("IAMUser", "AssumeRole", true),
        ("IAMUser", "GetObject", false),
        ("AssumedRole", "GetSecretValue", false),
        ("AssumedRole", "AssumeRole", false),
        ("AWSService", "AssumeRole", false),
    ] {
        let record = json!({"userIdentity": {"type": kind}, "eventName": name, "readOnly": true});
        assert_eq!(watched.matches(&record), expected, "watched {kind} {name}");
        assert_eq!(changes.matches(&record), expected, "changes {kind} {name}");
    }
}

#[test]
fn changes_admits_each_change_of_settings_and_no_change_of_data() {
    let [.., (_, pattern)] = &*COMPOSED;
    let mut record = success("ec2", "CreateSubnet", false);
    assert!(pattern.matches(&record));
    record["managementEvent"] = json!(false);
    assert!(!pattern.matches(&record));
}

#[test]
fn the_documentation_has_the_numbers_of_each_pattern() {
    let all: BTreeSet<_> = table()
        .map(|(service, event, ..)| (service, event))
        .collect();
    let watched: BTreeSet<_> = WATCHES
        .all()
        .iter()
        .flat_map(|watch| &watch.calls)
        .collect();
    let row = |name: String, number: fn(&Composition<'_>) -> String| {
        let cells = COMPOSED.iter().map(|(composition, _)| number(composition));
        format!("| {name} | {} |", Vec::from_iter(cells).join(" | "))
    };
    let rows = [
        row(
            format!(
                "failures without an error code that are not found, of {} calls",
                all.len()
            ),
            |composition| composition.hidden_left_out.len().to_string(),
        ),
        row(
            format!("watched calls that are not admitted, of {}", watched.len()),
            |composition| match composition.coverage {
                Coverage::Errors => "all".to_owned(),
                _ => {
                    let calls = composition.watched_left_out.iter();
                    let calls = calls.map(|call| (call.service, call.action));
                    calls.collect::<BTreeSet<_>>().len().to_string()
                }
            },
        ),
        row("characters, of 1024".to_owned(), |composition| {
            composition.pattern.len().to_string()
        }),
    ];
    let limits = include_str!("../../docs/limits.md");
    for row in rows {
        assert!(limits.contains(&row), "put {row} there");
    }
}

#[test]
fn what_the_engine_selects_is_admitted_and_a_call_that_merely_succeeded_is_not() {
    let mut selected = 0;
    for name in names() {
        let event = fixture(&name);
        let text = event.to_string();
        let record = Record::parse(&text).unwrap();
        if matches!(select(&record), Selection::NotSelected(_)) {
            continue;
        }
        for (composition, pattern) in &*COMPOSED {
            let event_name = record.event_name.as_deref().unwrap_or_default();
            let mut hidden = composition.hidden_left_out.iter();
            let has_no_room =
                record.error_code.is_none() && hidden.any(|call| call.1 == event_name);
            if !has_no_room {
                assert!(pattern.matches(&event), "{:?} {name}", composition.coverage);
            }
        }
        selected += 1;
    }
    assert!(selected > 20, "{selected}");
}

#[test]
fn signins_and_strong_watched_calls_are_admitted_whatever_gives_way() {
    for (composition, pattern) in &COMPOSED[1..] {
        for name in SIGNINS {
            assert!(pattern.matches(&success("signin", name, false)), "{name}");
        }
        let is_strong = |name: &str| WATCHES.named(name).is_some_and(|watch| watch.is_strong);
        let left_out = composition.watched_left_out.iter();
        let strong = left_out.filter(|call| is_strong(call.watch));
        assert_eq!(strong.count(), 0, "{:?}", composition.watched_left_out);
    }
}
