//! The access keys of a cluster or a sensitive call: one row for each long-term key, and one line for all temporary keys.

use clusters::Cluster;
use clusters::facet::FacetKind;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyEntry, KeyReport};
use maud::{Markup, html};
use records::key_id::KeyKind;

use super::{Frame, PartWords, heads, with_zone};
use crate::{grouped, moment, more, shown};

/// How the pages of a failure, of a sensitive call and of a caller differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyTable {
    /// Returns the cell with the id of a key.
    pub(crate) id: fn(&KeyReport) -> Markup,
    /// Whether the calls succeeded: IAM records a success hours later.
    pub(crate) has_succeeded: bool,
}

/// Returns the section of access keys. Temporary keys expire by themselves, and IAM records nothing about them, so only their
/// number is shown.
pub(crate) fn keys(
    frame: &Frame<'_>,
    cluster: &Cluster,
    reports: &[KeyReport],
    look: KeyTable,
) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let (temporary, lasting): (Vec<_>, Vec<_>) = reports
        .iter()
        .partition(|key| key.kind == KeyKind::Temporary);
    let facet = cluster.facets.get(&FacetKind::AccessKey);
    let values = facet.map(|of| of.values.as_slice()).unwrap_or_default();
    let count = |kind| {
        values
            .iter()
            .filter(|of| KeyKind::of(&of.value) == kind)
            .count()
    };
    let temporaries = count(KeyKind::Temporary).max(temporary.len());
    // Of more keys than the cluster lists, the kinds are not known.
    let unlisted = facet.map_or(0, |of| of.distinct.saturating_sub(of.values.len()));
    html! {
        h3 { (words.keys) }
        @if values.is_empty() && reports.is_empty() { p.soft { (words.no_keys) } }
        @if !lasting.is_empty() {
            (table(frame, &lasting, look))
            (more(count(KeyKind::LongTerm), lasting.len(), frame.locale.language))
        }
        @if temporaries > 0 {
            p.temporary { (number_of(temporaries, words.temporary_key, words.temporary_keys)) }
        }
        @if unlisted > 0 { p.more { (words.keys_unlisted.replace("{count}", &grouped(unlisted as u64))) } }
    }
}

/// Returns the table of some access keys.
pub(crate) fn table(frame: &Frame<'_>, keys: &[&KeyReport], look: KeyTable) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        table.keys {
            (heads(&[words.key, words.owner, &with_zone(frame, words.last_used), words.anomalies]))
            tbody { @for key in keys { (row(frame, key, look)) } }
        }
    }
}

fn number_of(count: usize, one: &str, many: &str) -> String {
    let template = if count == 1 { one } else { many };
    template.replace("{count}", &grouped(count as u64))
}

fn row(frame: &Frame<'_>, key: &KeyReport, look: KeyTable) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let user = key.answer.as_ref().and_then(IamAnswer::user);
    let kind = match key.kind {
        KeyKind::LongTerm => words.long_term,
        KeyKind::Temporary => words.temporary,
        KeyKind::Other => words.unknown_kind,
    };
    let anomalies = key.anomalies.iter();
    let anomalies: Vec<String> = anomalies.map(|of| anomaly(words, *of)).collect();
    html! {
        tr {
            th scope="row" { ((look.id)(key)) " " span.soft { (kind) } }
            td {
                @if let Some(user) = user { bdi { (shown(user)) } " " }
                @if let Some(account_id) = &key.account_id { (frame.account(account_id)) }
            }
            td {
                (last_used(frame, key, look.has_succeeded))
                @if let Some(entry) = key.entry { div.soft { (age_and_status(frame, entry)) } }
            }
            td.anomalies { (anomalies.join(words.comma)) }
        }
    }
}

fn last_used(frame: &Frame<'_>, key: &KeyReport, has_succeeded: bool) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        @match &key.answer {
            Some(IamAnswer::Used { at, service, region, .. }) => {
                (moment(Some(*at), frame.locale))
                @if let Some(service) = service { " " (words.with) " " bdi { (shown(service)) } }
                @if let Some(region) = region { " " (words.in_region) " " bdi { (shown(region)) } }
            }
            Some(IamAnswer::Never { .. }) if has_succeeded => { (words.not_recorded_yet) }
            Some(IamAnswer::Never { .. }) => { (words.never_succeeded) }
            Some(IamAnswer::Unknown) => { (words.unknown_to_iam) }
            None => { (words.not_asked) }
        }
    }
}

/// Returns when a key was created, and its status.
fn age_and_status(frame: &Frame<'_>, entry: KeyEntry) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let status = match entry {
        KeyEntry::Active { .. } => words.active,
        KeyEntry::Inactive { .. } => words.inactive,
        KeyEntry::Unread => words.entry_unread,
    };
    html! {
        @if let Some(created) = entry.created() {
            (words.created) " " (moment(Some(created), frame.locale)) (words.comma)
        }
        (status)
    }
}

fn anomaly(words: &PartWords, anomaly: KeyAnomaly) -> String {
    match anomaly {
        KeyAnomaly::Canary => words.canary.to_owned(),
        KeyAnomaly::Awakened { days } => words.awakened.replace("{days}", &days.to_string()),
        KeyAnomaly::Foreign => words.foreign.to_owned(),
        KeyAnomaly::Deleted => words.deleted.to_owned(),
        KeyAnomaly::Unknown => words.unknown_to_iam.to_owned(),
    }
}
