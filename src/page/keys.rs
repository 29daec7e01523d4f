//! The access keys that were seen: who used each, how often, since when and from where.
//!
//! A key's id is shown in full, because it is what one needs to find and disable it.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{minute, more, number};
use crate::cluster::facet::Kind;
use crate::cluster::{Census, Span};

/// How many keys are listed; temporary ones can be many.
const KEYS_MAX: usize = 100;

/// How many callers and networks of one key are named.
const VALUES_MAX: usize = 3;

/// What was seen of one key.
#[derive(Debug, Default)]
struct Key<'a> {
    span: Span,
    principals: BTreeMap<&'a str, u64>,
    networks: BTreeMap<&'a str, u64>,
}

/// Returns the table of keys, long-term ones first, or nothing where no event names one.
pub fn keys(census: &Census) -> Option<Markup> {
    let keys = sorted(seen(census));
    if keys.is_empty() {
        return None;
    }
    Some(html! {
        table.keys {
            thead { tr {
                th scope="col" { "key" }
                th scope="col" { "used by" }
                th scope="col" { "from" }
                th.n scope="col" { "events" }
                th.wide scope="col" { "first seen (UTC)" }
                th.wide scope="col" { "last seen (UTC)" }
            } }
            tbody {
                @for (id, key) in keys.iter().take(KEYS_MAX) {
                    tr {
                        th scope="row" { code.copy { (id) } " " span.kind { (kind(id)) } }
                        td { (most_frequent(&key.principals)) }
                        td { (most_frequent(&key.networks)) }
                        td.n { (number(key.span.count)) }
                        td.wide { (minute(key.span.first_seen)) }
                        td.wide { (minute(key.span.last_seen)) }
                    }
                }
            }
        }
        (more(keys.len(), KEYS_MAX))
    })
}

fn seen(census: &Census) -> BTreeMap<&str, Key<'_>> {
    let mut keys: BTreeMap<&str, Key<'_>> = BTreeMap::new();
    for row in &census.rows {
        let Some(id) = row.facets.get(Kind::AccessKey) else {
            continue;
        };
        let key = keys.entry(id).or_default();
        key.span.add(row.span);
        for (kind, values) in [
            (Kind::Principal, &mut key.principals),
            (Kind::Network, &mut key.networks),
        ] {
            if let Some(value) = row.facets.get(kind) {
                *values.entry(value).or_default() += row.span.count;
            }
        }
    }
    keys
}

/// Sorts long-term keys first: they stay until somebody deletes them. Then the most used.
fn sorted<'a>(keys: BTreeMap<&'a str, Key<'a>>) -> Vec<(&'a str, Key<'a>)> {
    let mut keys: Vec<_> = keys.into_iter().collect();
    // The sort is stable: equal ones stay in the order of their ids.
    keys.sort_by_key(|(id, key)| (kind(id) != "long-term", std::cmp::Reverse(key.span.count)));
    keys
}

/// Tells the kind of a key by how AWS begins its id (IAM User Guide, "Unique identifiers").
fn kind(id: &str) -> &'static str {
    match id.get(..4) {
        Some("AKIA") => "long-term",
        Some("ASIA") => "temporary",
        _ => "of no known kind",
    }
}

fn most_frequent(values: &BTreeMap<&str, u64>) -> Markup {
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    html! {
        @for (value, count) in sorted.iter().take(VALUES_MAX) {
            div { bdi { (value) } @if values.len() > 1 { " " span.times { "×" (number(**count)) } } }
        }
        (more(values.len(), VALUES_MAX))
    }
}
