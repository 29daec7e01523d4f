//! The clusters with most events in the shown range: a section of the first page of the list, closed at first.
//!
//! It is made of the list alone. The error message is shown of clusters whose facts the page has read anyway, so the section
//! takes no further read of the table.

use std::collections::BTreeMap;

use clusters::ClusterFacts;
use clusters::fingerprint::ClusterId;
use maud::{Markup, html};
use records::redact::sanitize;
use serde_json::json;

use super::words::ListWords;
use super::{ClickTarget, Frame, failed};
use crate::listing::FrequentCluster;
use crate::{fill, number};

/// The maximum number of clusters in the section.
pub const TOP_MAX: usize = 10;

/// The maximum length of an error message, in characters.
const MESSAGE_CHARS_MAX: usize = 120;

/// Returns the section; empty without a cluster.
pub(super) fn section(
    frame: &Frame<'_>,
    frequent: &[FrequentCluster<'_>],
    facts: &BTreeMap<ClusterId, &ClusterFacts>,
) -> Markup {
    let words = ListWords::of(frame.locale.language);
    html! {
        @if !frequent.is_empty() {
            details.top {
                summary { (words.top) }
                table.top {
                    thead { tr { th.n scope="col" { (words.events) } th.what scope="col" { (words.what) } } }
                    tbody { @for of in frequent { (row(frame, of, facts.get(&of.id).copied())) } }
                }
            }
        }
    }
}

fn row(frame: &Frame<'_>, of: &FrequentCluster<'_>, facts: Option<&ClusterFacts>) -> Markup {
    let words = ListWords::of(frame.locale.language);
    let subject = &*of.listed.subject;
    let call = format!("{}:{}", subject.service, subject.action);
    let message = facts.map(|facts| facts.template.as_str());
    let (count, is_all) = of.count;
    html! {
        tr {
            td.n {
                @if is_all { (number(count)) } @else { (fill(words.at_least, &[("count", number(count))])) }
            }
            th.what scope="row" {
                a { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (failed(frame, subject, of.listed.code.as_deref())) } }
                (frame.call(ClickTarget::Popup, &json!({"cluster": of.id.to_string()}), None))
                @if let Some(message) = message.filter(|of| !of.is_empty()) {
                    div.message { bdi { (sanitize(message, MESSAGE_CHARS_MAX)) } }
                }
            }
        }
    }
}
