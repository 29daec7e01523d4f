//! Makes what people look at: pages of HTML and JSON, made of values and returned as text.
//!
//! `maud` escapes whatever it is given, and what callers write goes into text nodes alone, never
//! into an attribute. A page runs no script and loads nothing; its own policy forbids both.
//!
//! The modules, in reading order:
//!
//! - `report` is the page of a scan, which stands alone.
//! - `card` is one cluster on it, `chart` the failures over time, `keys` the access keys.
//! - `listing` is all clusters in short, for lists that are searched and sorted.
//! - `dashboard` has the pages of a CloudWatch dashboard: a list of clusters, and one cluster in full.
//! - `json` is a cluster as programs read it; its shapes are promises.

mod card;
mod chart;
pub mod dashboard;
pub mod json;
mod keys;
pub mod listing;
pub mod report;

use clusters::Span;
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;

/// Returns a number that people and programs read.
fn number(count: u64) -> Markup {
    html! { data value=(count) { (grouped(count)) } }
}

/// Returns a number with its digits in groups of three.
fn grouped(count: u64) -> String {
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

/// Returns a number with its noun, such as `3 events`.
fn counted(count: u64, noun: &str) -> Markup {
    html! { (number(count)) " " (noun) @if count != 1 { "s" } }
}

/// Returns a moment to the minute, in UTC.
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

/// Returns since when and until when, in UTC.
fn span(span: Span) -> Markup {
    html! {
        (minute(span.first_seen))
        @if span.first_seen != span.last_seen { " to " (minute(span.last_seen)) }
    }
}

/// Returns text that others wrote, as it may be shown.
fn shown(text: &str) -> String {
    sanitize(text, 512)
}

/// Says how many of a list are not shown.
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
