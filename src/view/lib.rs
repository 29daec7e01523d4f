//! Renders pages as HTML and clusters as JSON, and returns both as text.
//!
//! `maud` escapes all text. Text from AWS callers goes only into text nodes, never into an attribute. The report page
//! runs no script and loads nothing; its Content Security Policy forbids both.
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
//! - `json` is a cluster or a sensitive call for programs; the shape of the JSON does not change.

pub mod call;
mod card;
mod chart;
pub mod dashboard;
pub mod incident;
pub mod json;
mod keys;
pub mod listing;
mod matching;
pub mod report;
pub mod search;
mod story;

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

/// Returns a number with its noun in singular or plural, such as `3 events`.
fn counted(count: u64, noun: &str) -> Markup {
    html! { (number(count)) " " (noun) @if count != 1 { "s" } }
}

/// Returns a moment to the minute in UTC, such as `2026-11-02 08:03`; `undated` for `None`.
fn minute(at: Option<Timestamp>) -> Markup {
    html! {
        @match at {
            Some(at) => {
                time datetime=(at) {
                    (at.to_string().replace('T', " ").chars().take(16).collect::<String>())
                }
            }
            None => { "undated" }
        }
    }
}

/// Returns the first and the last time of a span, in UTC.
fn span(span: Span) -> Markup {
    html! {
        (minute(span.first_seen))
        @if span.first_seen != span.last_seen { " to " (minute(span.last_seen)) }
    }
}

/// Returns text of unknown origin in a form that is safe to show: sanitized, at most 512 characters.
fn shown(text: &str) -> String {
    sanitize(text, 512)
}

/// Returns a line such as `… and 3 more`, where `count` items exist and at most `shown` of them are on the page.
fn more(count: usize, shown: usize) -> Markup {
    html! {
        @if let Some(more @ 1..) = count.checked_sub(shown) {
            p.more { "… and " (number(more as u64)) " more" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
