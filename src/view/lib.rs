//! Renders pages as HTML and clusters as JSON, and returns both as text.
//!
//! `maud` escapes all text. Text from AWS callers goes only into text nodes, never into an attribute. The report page
//! loads nothing and runs only its own script; its Content Security Policy forbids everything else.
//!
//! The modules, in reading order:
//!
//! - `report` is the page of a scan: one HTML file that needs no other file.
//! - `card`, `call`, `chart` and `keys` are parts of the report: a cluster, a sensitive call, the failures over time and
//!   the access keys. `call` also has the words for sensitive calls on a terminal.
//! - `incident` has the words for an incident, and `story` the parts of pages about it.
//! - `search` has the language of searches, such as `severity:critical caller:mia`.
//! - `listing` has a short row for each cluster and each sensitive call, and `matching` runs
//!   queries on them.
//! - `dashboard` has the pages of a widget on a CloudWatch dashboard: the lists of sensitive calls and of clusters, and one
//!   of each in full.
//! - `event` says of one event where its record can be found.
//! - `status` is the health of a stack as rows, for the dashboard and the command `status`.
//! - `json` is a cluster or a sensitive call for programs; the shape of the JSON does not change.

pub mod call;
mod card;
mod chart;
pub mod dashboard;
pub mod event;
pub mod incident;
pub mod json;
mod keys;
pub mod listing;
mod matching;
pub mod report;
pub mod search;
pub mod status;
mod story;

use alerts::locale::{Language, Locale};
use clusters::Span;
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;

/// Returns a number as HTML: digits in groups of three, and the bare number for programs.
fn number(count: u64) -> Markup {
    html! { data value=(count) { (grouped(count)) } }
}

/// Returns a number with its digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number in a text: `one` for 1, else `many`, in which `{count}` is the number.
fn plural(count: u64, one: &str, many: &str) -> Markup {
    let text = if count == 1 { one } else { many };
    fill(text, &[("count", number(count))])
}

/// Returns a moment to the minute in the time zone of a reader, such as `2026-11-02 08:03`; `undated` for `None`.
fn moment(at: Option<Timestamp>, locale: Locale) -> Markup {
    html! {
        @match at {
            Some(at) => { time datetime=(at) { (locale.minute(at)) } }
            None => { (locale.language.pick("undated", "时间未知")) }
        }
    }
}

/// Returns the first and the last time of a span, in the time zone of a reader.
fn span(span: Span, locale: Locale) -> Markup {
    html! {
        (moment(span.first_seen, locale))
        @if span.first_seen != span.last_seen {
            (locale.language.pick(" to ", " 至 ")) (moment(span.last_seen, locale))
        }
    }
}

/// Returns text of unknown origin in a form that is safe to show: sanitized, at most 512 characters.
fn shown(text: &str) -> String {
    sanitize(text, 512)
}

/// The maximum length of a name in a column of a table, in characters.
const COMPACT_CHARS_MAX: usize = 48;

/// Returns the name of a caller for a narrow column: without the path of a role, and without the random end of a role of IAM
/// Identity Center. `role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b2c3d4e5f6071 as mia` becomes
/// `role/AWSReservedSSO_Dev as mia`.
fn compact_name(name: &str) -> String {
    let (role, session) = match name.split_once(" as ") {
        Some((role, session)) => (role, format!(" as {session}")),
        None => (name, String::new()),
    };
    let Some(path) = role.strip_prefix("role/") else {
        return sanitize(name, COMPACT_CHARS_MAX);
    };
    let last = path.rsplit('/').next().unwrap_or(path);
    let set = last
        .strip_prefix("AWSReservedSSO_")
        .and_then(|of| of.rsplit_once('_'));
    let last = match set {
        Some((set, _)) => format!("AWSReservedSSO_{set}"),
        None => last.to_owned(),
    };
    sanitize(&format!("role/{last}{session}"), COMPACT_CHARS_MAX)
}

/// Returns a line such as `… and 3 more`, where `count` items exist and at most `shown` of them are on the page.
fn more(count: usize, shown: usize, language: Language) -> Markup {
    let text = language.pick("… and {count} more", "…… 另有 {count} 个");
    html! {
        @if let Some(more @ 1..) = count.checked_sub(shown) {
            p.more { (fill(text, &[("count", number(more as u64))])) }
        }
    }
}

/// Replaces each placeholder `{name}` in a text by the HTML that `values` has for this name. A placeholder without a value
/// is removed.
fn fill(text: &str, values: &[(&str, Markup)]) -> Markup {
    match placeholder(text) {
        None => html! { (text) },
        Some((before, name, after)) => html! {
            (before)
            @if let Some((_, value)) = values.iter().find(|(of, _)| *of == name) { (value) }
            (fill(after, values))
        },
    }
}

/// Splits a text at its first placeholder: the text before it, its name, and the text after it. `None` without one.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_role_in_a_column_has_no_path() {
        for (name, compact) in [
            ("user/ops/mia", "user/ops/mia"),
            ("role/deploy", "role/deploy"),
            ("role/ci/deploy as build", "role/deploy as build"),
            (
                "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b2c3d4e5f6071 as mia",
                "role/AWSReservedSSO_Dev as mia",
            ),
            ("role/AWSReservedSSO_", "role/AWSReservedSSO_"),
        ] {
            assert_eq!(compact_name(name), compact);
        }
    }

    #[test]
    fn placeholders_are_replaced_by_their_values() {
        let values = [("a", html! { b { "<" } }), ("c", html! { "2" })];
        let text = fill("x {a}, {c}{d} y}", &values).into_string();
        assert_eq!(text, "x <b>&lt;</b>, 2 y}");
        assert_eq!(fill("{", &values).into_string(), "{");
    }

    #[test]
    fn digits_come_in_groups_of_three() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(grouped(count), text);
        }
    }
}
