//! Finds rules of a bucket that delete all of its objects within days.
//!
//! Source: S3 API Reference, `PutBucketLifecycleConfiguration`; S3 User Guide, "Lifecycle configuration elements",
//! 2026-11-30.

use json::Json;

use super::call::{Call, each_element, each_text_in};

/// Within how many days objects are deleted soon.
const DAYS: i64 = 3;

/// What limits a rule to some objects: a prefix, a tag, or a size.
const FILTERS: [&[&str]; 7] = [
    &["Prefix"],
    &["Filter", "Prefix"],
    &["Filter", "Tag"],
    &["Filter", "ObjectSizeGreaterThan"],
    &["Filter", "ObjectSizeLessThan"],
    &["Filter", "And", "Prefix"],
    &["Filter", "And", "Tag"],
];

/// Checks whether the request of a call has a rule in force that deletes all objects within days.
pub(super) fn all_expire_soon(call: Call<'_>) -> bool {
    let rules = call
        .record
        .request_parameters
        .and_then(|request| request.at(&["LifecycleConfiguration", "Rule"]));
    let mut found = false;
    if let Some(rules) = rules {
        each_element(rules, &mut |rule| found |= deletes_all_soon(rule));
    }
    found
}

fn deletes_all_soon(rule: Json<'_>) -> bool {
    let text = |path: &[&str]| rule.at(path).map(first).unwrap_or_default();
    let is_enabled = text(&["Status"]).eq_ignore_ascii_case("Enabled");
    let days = text(&["Expiration", "Days"]).parse::<i64>();
    let is_narrow = |path: &[&str]| {
        let filter = rule.at(path);
        filter.is_some_and(|filter| !matches!(filter.as_str().trim(), "\"\"" | "null"))
    };
    is_enabled && days.is_ok_and(|days| days <= DAYS) && !FILTERS.iter().any(|path| is_narrow(path))
}

fn first(value: Json<'_>) -> String {
    let mut first = String::new();
    each_text_in(value, &mut |text| {
        if first.is_empty() {
            first.push_str(text);
        }
    });
    first
}
