//! The access keys that were seen: who used each, how often, since when and from where.
//!
//! A key's id is shown in full, because it is what one needs to find and disable it.

use std::collections::BTreeMap;

use clusters::facet::FacetKind;
use clusters::{ClusterSnapshot, Span};
use maud::{Markup, html};

use super::{counted, more, number, span};

/// How many keys are listed of either sort.
const KEYS_MAX: usize = 100;

/// How many callers and networks of one key are named.
const VALUES_MAX: usize = 3;

/// The kind of the keys of role sessions and the like.
const TEMPORARY: &str = "temporary";

/// What was seen of one key.
#[derive(Debug, Default)]
struct KeyRow<'a> {
    span: Span,
    principals: BTreeMap<&'a str, u64>,
    networks: BTreeMap<&'a str, u64>,
}

/// Returns the keys, or nothing where no event names one. Temporary ones are folded away: they are
/// many, and gone within hours, while the others stay until somebody deletes them.
pub fn keys(snapshot: &ClusterSnapshot) -> Option<Markup> {
    let mut keys: Vec<_> = seen(snapshot).into_iter().collect();
    // The sort is stable: equal ones stay in the order of their ids.
    keys.sort_by_key(|(_, key)| std::cmp::Reverse(key.span.count));
    let (temporary, lasting): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|(id, _)| kind(id) == TEMPORARY);
    let any = !temporary.is_empty() || !lasting.is_empty();
    any.then(|| {
        html! {
            @if lasting.is_empty() { p { "No long-term key." } } @else { (table(&lasting)) }
            @if !temporary.is_empty() {
                details {
                    summary { (counted(temporary.len() as u64, "temporary key")) }
                    (table(&temporary))
                }
            }
        }
    })
}

fn table(keys: &[(&str, KeyRow<'_>)]) -> Markup {
    html! {
        table.keys.stacked {
            thead { tr {
                th scope="col" { "key" }
                th scope="col" { "used by" }
                th scope="col" { "from" }
                th.n scope="col" { "events" }
                th scope="col" { "seen (UTC)" }
            } }
            tbody {
                @for (id, key) in keys.iter().take(KEYS_MAX) {
                    tr {
                        th scope="row" { code.copy { (id) } " " span.kind { (kind(id)) } }
                        td { (most_frequent(&key.principals)) }
                        td { (most_frequent(&key.networks)) }
                        td.n.count { (number(key.span.count)) }
                        td { (span(key.span)) }
                    }
                }
            }
        }
        (more(keys.len(), KEYS_MAX))
    }
}

fn seen(snapshot: &ClusterSnapshot) -> BTreeMap<&str, KeyRow<'_>> {
    let mut keys: BTreeMap<&str, KeyRow<'_>> = BTreeMap::new();
    for (series, of_series) in snapshot.rows() {
        let Some(id) = series.get(FacetKind::AccessKey) else {
            continue;
        };
        let key = keys.entry(id).or_default();
        key.span.add(of_series);
        for (kind, values) in [
            (FacetKind::Principal, &mut key.principals),
            (FacetKind::Network, &mut key.networks),
        ] {
            if let Some(value) = series.get(kind) {
                *values.entry(value).or_default() += of_series.count;
            }
        }
    }
    keys
}

/// Tells the kind of a key by how AWS begins its id (IAM User Guide, "Unique identifiers").
fn kind(id: &str) -> &'static str {
    match id.get(..4) {
        Some("AKIA") => "long-term",
        Some("ASIA") => TEMPORARY,
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
