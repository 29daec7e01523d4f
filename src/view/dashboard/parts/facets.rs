//! The details of the events of a cluster or a sensitive call: rows with the most frequent values of a kind, the table of
//! callers, and samples.

use alerts::terms;
use clusters::facet::FacetKind;
use clusters::{Cluster, FacetValue, FacetValues};
use maud::{Markup, html};
use records::principal::is_account_id;

use super::{Frame, PartWords, aws_pages, heads, named_caller_link, outside, with_zone};
use crate::{grouped, moment, more, number, shown};

/// The maximum number of values of a kind, and of callers in the table.
pub(crate) const VALUES_MAX: usize = 10;

/// The maximum number of samples. The JSON has all.
const SAMPLES_MAX: usize = 2;

/// Returns a row of a description list with the most frequent values of a kind; empty if there are none.
pub(crate) fn values(
    frame: &Frame<'_>,
    cluster: &Cluster,
    kind: FacetKind,
    name: &str,
    values_max: usize,
) -> Markup {
    let Some(found) = cluster.facets.get(&kind) else {
        return Markup::default();
    };
    html! {
        dt { (name) }
        dd {
            @for value in found.values.iter().take(values_max) {
                div {
                    (value_text(frame, cluster, kind, &value.value))
                    @if let Some(region) = distinguishing_region(cluster, kind, found, &value.value) {
                        " (" bdi { (shown(region)) } ")"
                    }
                    @if value.span.count != cluster.span.count {
                        " " span.times { "×" (number(value.span.count)) }
                    }
                }
            }
            (more(found.distinct, values_max, frame.locale.language))
        }
    }
}

/// Returns the AWS services that called on behalf of the callers, a line each; empty if the callers called themselves.
pub(crate) fn services_between(frame: &Frame<'_>, cluster: &Cluster) -> Markup {
    html! {
        @for service in cluster.services_between() {
            div.soft { (frame.locale.language.pick("via ", "经由 ")) bdi { (shown(service)) } }
        }
    }
}

/// Returns a value: what the program concluded in words, text of a record as it is.
fn value_text(frame: &Frame<'_>, cluster: &Cluster, kind: FacetKind, value: &str) -> Markup {
    let language = frame.locale.language;
    html! {
        @match kind {
            FacetKind::Layer => { (terms::layer(value, language)) }
            FacetKind::Origin => { (terms::origin(value, language)) }
            FacetKind::Principal | FacetKind::Resource => { bdi { (cluster.short_name(value)) } }
            _ => bdi { (value) },
        }
    }
}

/// Returns the region of a resource if another resource of the list has the same short name.
fn distinguishing_region<'v>(
    cluster: &Cluster,
    kind: FacetKind,
    found: &FacetValues,
    value: &'v str,
) -> Option<&'v str> {
    if kind != FacetKind::Resource || !value.starts_with("arn:") {
        return None;
    }
    let short = cluster.short_name(value);
    let mut others = found.values.iter().filter(|of| of.value != value);
    let collides = others.any(|of| cluster.short_name(&of.value) == short);
    let region = value.split(':').nth(3).filter(|region| !region.is_empty());
    region.filter(|_| collides)
}

/// Returns the table of callers: who, how many events, and when first and last. Callers in IAM link to their page in its
/// console.
pub(crate) fn callers(frame: &Frame<'_>, cluster: &Cluster) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let Some(FacetValues { values, distinct }) = cluster.facets.get(&FacetKind::Principal) else {
        return Markup::default();
    };
    let columns = [
        words.caller.to_owned(),
        words.events.to_owned(),
        with_zone(frame, words.first),
        with_zone(frame, words.last),
    ];
    html! {
        h3 { (words.callers) }
        table.callers {
            (heads(&columns.each_ref().map(String::as_str)))
            tbody { @for caller in values.iter().take(VALUES_MAX) { (caller_row(frame, cluster, caller)) } }
        }
        (more(*distinct, VALUES_MAX, frame.locale.language))
    }
}

fn caller_row(frame: &Frame<'_>, cluster: &Cluster, caller: &FacetValue) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let is_of_account = is_account_id(&cluster.facts.identity.account_id);
    let console = aws_pages::of_caller(&caller.value).filter(|_| is_of_account);
    html! {
        tr {
            th scope="row" {
                (named_caller_link(frame, &cluster.facts.identity.account_id, &caller.value, &caller.value))
                @if let Some(address) = console { " " span.nowrap { (outside(&address, words.in_iam)) } }
            }
            td.events { span.label { (words.events) " " } (number(caller.span.count)) }
            td { span.label { (words.first) " " } (moment(caller.span.first_seen, frame.locale)) }
            td { span.label { (words.last) " " } (moment(caller.span.last_seen, frame.locale)) }
        }
    }
}

/// Returns sample events as indented JSON, closed at first.
pub(crate) fn samples(frame: &Frame<'_>, cluster: &Cluster) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let stored = cluster.samples.len();
    html! {
        @if stored > 0 {
            h3 { (words.samples) }
            @for (place, sample) in cluster.samples.iter().take(SAMPLES_MAX).enumerate() {
                @let title = words.sample.replace("{number}", &grouped(place as u64 + 1))
                    .replace("{count}", &grouped(stored as u64));
                details {
                    summary { (title) }
                    pre tabindex="0" role="region" aria-label=(title) { (pretty(&sample.json)) }
                }
            }
            @if stored > SAMPLES_MAX { p.more { (words.more_samples) } }
        }
    }
}

/// Returns a sample as indented JSON. Text that is not JSON, from a damaged store, is shown sanitized.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| shown(json))
}
