//! Finds rules of a bucket that delete its objects within days.
//!
//! A rule names a number of days after an object was made, or a date at midnight UTC. S3 goes on deleting after the date
//! as long as the rule is in force, so a date in the past deletes as well.
//!
//! Source: S3 API Reference, `PutBucketLifecycleConfiguration` and `LifecycleExpiration`; S3 User Guide, "Lifecycle
//! configuration elements", 2026-11-30.

use json::Json;
use records::time::Timestamp;

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
    has_rule(call, |rule| deletes_soon(call, rule) && !is_narrow(rule))
}

/// Checks whether the request of a call has a rule in force that deletes objects within days, all or some of them.
pub(super) fn some_expire_soon(call: Call<'_>) -> bool {
    has_rule(call, |rule| deletes_soon(call, rule))
}

fn has_rule(call: Call<'_>, is_wanted: impl Fn(Json<'_>) -> bool) -> bool {
    let rules = call
        .record
        .request_parameters
        .and_then(|request| request.at(&["LifecycleConfiguration", "Rule"]));
    let mut found = false;
    if let Some(rules) = rules {
        each_element(rules, &mut |rule| found |= is_wanted(rule));
    }
    found
}

/// Checks whether a rule is in force and deletes objects within days after the call.
fn deletes_soon(call: Call<'_>, rule: Json<'_>) -> bool {
    let text = |path: &[&str]| rule.at(path).map(first).unwrap_or_default();
    let is_enabled = text(&["Status"]).eq_ignore_ascii_case("Enabled");
    let days = text(&["Expiration", "Days"]).parse::<i64>();
    let is_by_days = days.is_ok_and(|days| days <= DAYS);
    is_enabled && (is_by_days || is_soon(call, &text(&["Expiration", "Date"])))
}

/// Checks whether a date is at most some days after the call, or before it.
fn is_soon(call: Call<'_>, date: &str) -> bool {
    let date = Timestamp::parse(date).or_else(|| Timestamp::parse(&format!("{date}T00:00:00Z")));
    let made = call.record.event_time.as_deref().and_then(Timestamp::parse);
    let until_date = date.zip(made).map(|(date, made)| date.seconds_since(made));
    until_date.is_some_and(|seconds| seconds <= DAYS * 86_400)
}

fn is_narrow(rule: Json<'_>) -> bool {
    FILTERS.iter().any(|path| {
        let filter = rule.at(path);
        filter.is_some_and(|filter| !matches!(filter.as_str().trim(), "\"\"" | "null"))
    })
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
