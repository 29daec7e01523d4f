//! The filter pattern of the template passes every record that the engine can select.

use std::collections::BTreeSet;

use clusters::class::{Selection, select, selected_calls};
use records::Record;

use crate::fixtures::{fixture, names};

/// Maximum length of a filter pattern in CloudWatch Logs, in characters.
const PATTERN_CHARS_MAX: usize = 1024;

/// The pattern may also pass other records: a name inside a longer name, or a successful sign-in.
fn lets_through(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    record.error_code.is_some()
        || record.error_message.is_some()
        || selected_calls().any(|name| event.contains(name))
}

#[test]
fn the_pattern_of_the_template_has_all_calls_that_are_selected_without_an_error() {
    let names: BTreeSet<&str> = selected_calls().collect();
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphabetic());
    assert!(names.iter().all(is_plain), "{names:?}");
    // One regular expression: a pattern may have two, and no parentheses in them.
    let names: Vec<&str> = names.into_iter().collect();
    let names = names.join("|");
    let pattern = format!(
        r#"{{ ($.errorCode = "*") || ($.errorMessage = "*") || ($.eventName = %{names}%) }}"#
    );
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
    let succeeded = r#"{"eventVersion":"1.11","eventName":"DescribeInstances","errorCode":null}"#;
    assert!(!lets_through(&Record::parse(succeeded).unwrap()));
}
