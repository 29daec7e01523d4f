//! The filter pattern of the template passes every record that the engine can select, except failures without an error
//! code of the calls that `docs/limits.md` counts.

use std::collections::BTreeSet;

use clusters::hidden_failures::{is_service_event, table};
use clusters::selection::{Selection, select, selected_calls};
use json::Json;
use records::Record;

use crate::fixtures::{fixture, names};

/// Maximum length of a filter pattern in CloudWatch Logs, in characters.
const PATTERN_CHARS_MAX: usize = 1024;

/// Parts of names that stand for one or more names in the pattern, because it is short of space. `.*` is any text.
const FRAGMENTS: [&str; 12] = [
    "Attach.*Policy",
    "Delete.*PermissionsBoundary",
    "DisassociateFrom",
    "ExternalIdP",
    "Put.*Policy",
    "RemoveAccount",
    "ScheduleKey",
    "SetDefault",
    "teDetector",
    "teFlowLogs",
    "teLoginProfile",
    "teTrail",
];

/// Calls whose failures in the response no condition of the pattern finds, and that are frequent enough for their name.
const BY_NAME: [&str; 4] = [
    "BatchCreatePartition",
    "CreateFleet",
    "CreateFlowLogs",
    "DeleteFlowLogs",
];

/// Lists of failures that a condition of the pattern finds: the member of the response, and a member of its entries.
const LISTS: [(&str, &str); 4] = [
    ("errors", "errorCode"),
    ("errors", "message"),
    ("failures", "reason"),
    ("unprocessedAccounts", "accountId"),
];

/// Checks whether a part of a name stands for a name.
fn stands_for(fragment: &str, name: &str) -> bool {
    match fragment.split_once(".*") {
        None => name.contains(fragment),
        Some((head, tail)) => name
            .split_once(head)
            .is_some_and(|(_, rest)| rest.contains(tail)),
    }
}

/// Returns the names and the parts of names in the pattern.
fn alternatives() -> BTreeSet<&'static str> {
    let listed: BTreeSet<&str> = table().map(|(_, event, ..)| event).collect();
    let all = selected_calls().filter(|name| !listed.contains(name));
    let all: BTreeSet<&str> = all.chain(BY_NAME).collect();
    let shortened = |name: &&str| FRAGMENTS.iter().any(|part| stands_for(part, name));
    for fragment in FRAGMENTS {
        assert!(
            all.iter().any(|name| stands_for(fragment, name)),
            "{fragment}"
        );
    }
    let whole = all.iter().filter(|name| !shortened(name));
    whole.copied().chain(FRAGMENTS).collect()
}

/// The pattern may also pass other records: a name inside a longer name, or a successful sign-in.
fn lets_through(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    let response = |path: &[&str]| record.response_elements.and_then(|value| value.at(path));
    let number = |path| response(path).and_then(|value| value.as_str().parse::<u32>().ok());
    let is_listed = |(list, part): &(&str, &str)| {
        let entries = response(&[list]).map(Json::elements);
        let first = entries.into_iter().flatten().next();
        first.is_some_and(|entry| entry.text_at(&[part]).is_some())
    };
    record.error_code.is_some()
        || record.error_message.is_some()
        || is_service_event(record)
        || number(&["failedEntryCount"]).is_some_and(|count| count > 0)
        || number(&["statusCode"]).is_some_and(|status| status >= 400)
        || LISTS.iter().any(is_listed)
        || alternatives().iter().any(|part| stands_for(part, event))
}

#[test]
fn the_pattern_of_the_template_has_all_calls_that_are_selected_without_an_error() {
    let is_plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b".*".contains(&byte))
    };
    let names = Vec::from_iter(alternatives());
    assert!(names.iter().all(|name| is_plain(name)), "{names:?}");
    // One regular expression: a pattern may have two, and no parentheses in them.
    let names = names.join("|");
    let lists = LISTS.map(|(list, part)| format!(r#"($.responseElements.{list}[0].{part} = "*")"#));
    let pattern = [
        r#"{ ($.errorCode = "*")"#,
        "($.errorCode > 0)",
        r#"($.errorMessage = "*")"#,
        r#"($.eventType = "AwsServiceEvent")"#,
        "($.responseElements.failedEntryCount > 0)",
        "($.responseElements.statusCode >= 400)",
        &lists.join(" || "),
        &format!("($.eventName = %{names}%) }}"),
    ]
    .join(" || ");
    let chars = pattern.chars().count();
    assert!(
        chars <= PATTERN_CHARS_MAX,
        "{chars} characters; shorten the lists"
    );
    let template = include_str!("../../template.yaml");
    let (_, parameter) = template.split_once("\n  FilterPattern:\n").unwrap();
    let default = parameter
        .lines()
        .find_map(|line| line.strip_prefix("    Default: "));
    assert_eq!(default, Some(&*format!("'{pattern}'")), "put it there");
}

#[test]
fn the_documentation_counts_the_calls_whose_hidden_failures_the_pattern_finds() {
    let parts = alternatives();
    let all: BTreeSet<_> = table()
        .map(|(service, event, ..)| (service, event))
        .collect();
    let seen: BTreeSet<_> = table()
        .filter(|(_, event, member, kind, entries)| {
            parts.iter().any(|part| stands_for(part, event))
                || *kind == "status"
                || *member == "failedEntryCount"
                || entries
                    .split(',')
                    .any(|part| LISTS.contains(&(member, part)))
        })
        .map(|(service, event, ..)| (service, event))
        .collect();
    let counts = format!("{} of the {} calls", seen.len(), all.len());
    let limits = include_str!("../../docs/limits.md");
    assert!(limits.contains(&counts), "put {counts:?} there");
}

#[test]
fn what_the_engine_selects_is_let_through_and_a_call_that_merely_succeeded_is_not() {
    let mut selected = 0;
    for name in names() {
        let text = fixture(&name).to_string();
        let record = Record::parse(&text).unwrap();
        if !matches!(select(&record), Selection::NotSelected(_)) {
            assert!(lets_through(&record), "{name}");
            selected += 1;
        }
    }
    assert!(selected > 20, "{selected}");
    for name in [
        "DescribeInstances",
        "PutObject",
        "GetPolicyVersion",
        "GetDetector",
        "TagResources",
    ] {
        let succeeded =
            format!(r#"{{"eventVersion":"1.11","eventName":"{name}","errorCode":null}}"#);
        assert!(!lets_through(&Record::parse(&succeeded).unwrap()), "{name}");
    }
}
