//! The table of access keys in a report: callers, networks, times and number of the failed calls of each key.
//!
//! Sensitive calls succeeded, so they have a column of their own.
//!
//! The whole id of a key is shown, because it is needed to find and disable the key.

use std::collections::BTreeMap;

use alerts::locale::Locale;
use alerts::words;
use clusters::facet::FacetKind;
use clusters::{ClusterSnapshot, Span};
use maud::{Markup, html};

use super::{fill, more, number, plural, span};

/// The maximum number of keys in each table: the table of long-term keys, and that of temporary keys.
const KEYS_MAX: usize = 100;

/// The maximum number of callers, and of networks, of one key.
const VALUES_MAX: usize = 3;

/// The prefix of keys that belong to a session, such as that of a role.
const TEMPORARY: &str = "ASIA";

/// The events of one key, by caller and by network. `span` has the failed and the sensitive calls.
#[derive(Debug, Default)]
struct KeyRow<'a> {
    span: Span,
    failed: u64,
    sensitive: u64,
    principals: BTreeMap<&'a str, u64>,
    networks: BTreeMap<&'a str, u64>,
}

/// Returns the tables of access keys in the events of `snapshot`, as HTML for the report; `None` if no event has a key.
///
/// Temporary keys are in a table that is closed at first, because they are many and expire within hours. Long-term keys
/// are valid until they are deleted.
pub fn keys(snapshot: &ClusterSnapshot, locale: Locale) -> Option<Markup> {
    let words = KeyWords::of(locale.language);
    let mut keys: Vec<_> = rows(snapshot).into_iter().collect();
    // The sort is stable: equal ones stay in the order of their ids.
    keys.sort_by_key(|(_, key)| std::cmp::Reverse((key.failed, key.sensitive)));
    let (temporary, lasting): (Vec<_>, Vec<_>) = keys
        .into_iter()
        .partition(|(id, _)| id.starts_with(TEMPORARY));
    let any = !temporary.is_empty() || !lasting.is_empty();
    any.then(|| {
        html! {
            @if lasting.is_empty() { p { (words.no_lasting) } } @else { (table(&lasting, locale)) }
            @if !temporary.is_empty() {
                details {
                    summary { (plural(temporary.len() as u64, words.one_temporary, words.all_temporary)) }
                    (table(&temporary, locale))
                }
            }
        }
    })
}

words! {
    /// The words of the tables of access keys.
    struct KeyWords {
        no_lasting: "No long-term key.", "没有长期密钥。";
        one_temporary: "1 temporary key", "1 个临时密钥";
        all_temporary: "{count} temporary keys", "{count} 个临时密钥";
        key: "key", "密钥";
        used_by: "used by", "使用者";
        from: "from", "来源";
        failed: "failed", "失败";
        sensitive: "sensitive", "敏感操作";
        seen: "seen ({zone})", "出现时间（{zone}）";
        long_term: "long-term", "长期";
        temporary: "temporary", "临时";
        unknown: "unknown kind", "类型未知";
    }
}

fn table(keys: &[(&str, KeyRow<'_>)], locale: Locale) -> Markup {
    let words = KeyWords::of(locale.language);
    let zone = html! { (locale.zone_name()) };
    html! {
        table.keys.stacked {
            thead { tr {
                th scope="col" { (words.key) }
                th scope="col" { (words.used_by) }
                th scope="col" { (words.from) }
                th.n scope="col" { (words.failed) }
                th.n scope="col" { (words.sensitive) }
                th scope="col" { (fill(words.seen, &[("zone", zone)])) }
            } }
            tbody {
                @for (id, key) in keys.iter().take(KEYS_MAX) {
                    tr {
                        th scope="row" { code.copy { (id) } " " span.kind { (kind(id, words)) } }
                        td { (most_frequent(&key.principals, locale)) }
                        td { (most_frequent(&key.networks, locale)) }
                        td.n.failed { (number(key.failed)) }
                        td.n.sensitive { (number(key.sensitive)) }
                        td { (span(key.span, locale)) }
                    }
                }
            }
        }
        (more(keys.len(), KEYS_MAX, locale.language))
    }
}

/// Returns the rows of all keys by key id.
fn rows(snapshot: &ClusterSnapshot) -> BTreeMap<&str, KeyRow<'_>> {
    let mut keys: BTreeMap<&str, KeyRow<'_>> = BTreeMap::new();
    for (series, of_series) in snapshot.rows() {
        let Some(id) = series.get(FacetKind::AccessKey) else {
            continue;
        };
        let key = keys.entry(id).or_default();
        key.span.add(of_series);
        let facts = snapshot.facts.get(&series.cluster());
        match facts.is_some_and(|of| of.is_sensitive_call()) {
            true => key.sensitive += of_series.count,
            false => key.failed += of_series.count,
        }
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

/// Returns the kind of a key by the prefix of its id (IAM User Guide, "Unique identifiers").
fn kind(id: &str, words: &KeyWords) -> &'static str {
    match id.get(..4) {
        Some("AKIA") => words.long_term,
        Some(TEMPORARY) => words.temporary,
        _ => words.unknown,
    }
}

fn most_frequent(values: &BTreeMap<&str, u64>, locale: Locale) -> Markup {
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    html! {
        @for (value, count) in sorted.iter().take(VALUES_MAX) {
            div { bdi { (value) } @if values.len() > 1 { " " span.times { "×" (number(**count)) } } }
        }
        (more(values.len(), VALUES_MAX, locale.language))
    }
}
