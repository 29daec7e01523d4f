//! A cluster as a card of the report: failure, severity, cause, callers and origins, a hint, and samples.

use alerts::cluster_hint;
use alerts::locale::Language;
use alerts::severity::{Assessment, Severity};
use clusters::facet::FacetKind;
use clusters::lifecycle::Status;
use clusters::{Cluster, FacetValues};
use maud::{Markup, html};
use records::redact::sanitize;

use super::listing::ListedCluster;
use super::{counted, minute, more, number, shown, span};

/// The maximum number of values of a facet on a card; the JSON output has more.
const VALUES_MAX: usize = 10;

/// The maximum number of samples on a card, so that the page is small enough to send.
const SAMPLES_MAX: usize = 2;

/// A cluster with its severity and status, as a card of the report shows it.
#[derive(Debug)]
pub struct DescribedCluster {
    /// The cluster with its facets and samples.
    pub cluster: Cluster,
    /// The severity of the cluster and the reasons for it.
    pub assessment: Assessment,
    /// The status of the cluster at the end of the last hour of the listing.
    pub status: Status,
}

impl DescribedCluster {
    /// Joins a cluster with the severity and status from its row in the listing.
    pub fn of(cluster: Cluster, listed: &ListedCluster) -> Self {
        Self {
            assessment: listed.assessment(),
            status: listed.status(),
            cluster,
        }
    }

    /// Returns the HTML id of the cluster's card, such as `c-…`, to which links on the page lead.
    pub fn anchor(&self) -> String {
        format!("c-{}", self.cluster.id)
    }

    /// Returns the name of the severity as HTML, in the color of the severity.
    pub fn badge(&self) -> Markup {
        badge(self.assessment.severity)
    }

    /// Returns the call, such as `s3:GetObject`, and the error code as HTML.
    pub fn what(&self) -> Markup {
        let identity = &self.cluster.facts.identity;
        let call = format!("{}:{}", identity.service, identity.action);
        let error = self.cluster.error_code().unwrap_or(&identity.code);
        html! { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (shown(error)) } }
    }

    /// Returns the cause of the failure as HTML; it distinguishes clusters of the same call and code. Empty if the
    /// cause is not known.
    pub fn cause(&self) -> Markup {
        html! {
            @if let Some(cause) = &self.cluster.facts.identity.cause {
                " " bdi.cause { (shown(cause)) }
            }
        }
    }

    /// Returns the caller with the most events, and the number of the other callers, as HTML such as `role/deploy and 3
    /// more`.
    ///
    /// For a caller of the cluster's own account, the start of the ARN is left out. Empty if no event names a caller.
    pub fn who(&self) -> Markup {
        let Some(principals) = self.cluster.facets.get(&FacetKind::Principal) else {
            return Markup::default();
        };
        html! {
            @if let Some(first) = principals.values.first() {
                bdi { (self.cluster.short_name(&first.value)) }
            }
            @if principals.distinct > 1 { " and " (number(principals.distinct as u64 - 1)) " more" }
        }
    }

    /// Returns the name of the cluster's status as HTML; `new` is emphasized.
    pub fn status(&self) -> Markup {
        html! {
            @match self.status {
                Status::New => { strong { "new" } }
                status => { (status.name()) }
            }
        }
    }
}

/// Returns the name of a severity as HTML, in its color.
pub fn badge(severity: Severity) -> Markup {
    let name = severity.name();
    html! { span class={ "badge " (name) } { (name) } }
}

/// Returns the card of a cluster in the report, as HTML.
pub fn card(described: &DescribedCluster) -> Markup {
    let DescribedCluster {
        cluster,
        assessment,
        ..
    } = described;
    let identity = &cluster.facts.identity;
    html! {
        article.card id=(described.anchor()) {
            h3 { (described.badge()) " " (described.what()) }
            p.meta {
                strong { (counted(cluster.span.count, "event")) }
                " · " (described.status()) " · account " bdi.nowrap { (shown(&identity.account_id)) }
                " · " (span(cluster.span))
            }
            p { (shown(&cluster_hint::of_cluster(cluster, Language::En))) }
            dl.facts {
                dt { "severity" }
                dd { (assessment.severity.name()) ": " (assessment.sentences(Language::En).join(", ")) }
                (why(cluster))
                (values(cluster, FacetKind::Principal, "who", 3))
            }
            details {
                summary { "Callers, origins, samples" }
                (evidence(cluster))
            }
            p.id { "cluster " code.copy { (cluster.id) } }
        }
    }
}

/// Returns facts about the failure as rows of an HTML description list: the policy layer and the policy that denied
/// the call, the cause and the message.
pub fn why(cluster: &Cluster) -> Markup {
    let facts = &cluster.facts;
    html! {
        (values(cluster, FacetKind::Layer, "denied by", VALUES_MAX))
        (values(cluster, FacetKind::Policy, "policy", VALUES_MAX))
        @if let Some(cause) = &facts.identity.cause {
            dt { "cause" } dd { bdi { (shown(cause)) } }
        }
        @if !facts.template.is_empty() {
            dt { "message" } dd { bdi { (shown(&facts.template)) } }
        }
    }
}

/// Returns the callers, origins, access keys, resources and samples of a cluster as HTML.
pub fn evidence(cluster: &Cluster) -> Markup {
    html! {
        @if let Some(principals) = cluster.facets.get(&FacetKind::Principal) {
            (callers(principals))
        }
        dl.facts {
            (values(cluster, FacetKind::Region, "region", VALUES_MAX))
            (values(cluster, FacetKind::Network, "network", VALUES_MAX))
            (values(cluster, FacetKind::VpcEndpoint, "VPC endpoint", VALUES_MAX))
            (values(cluster, FacetKind::Origin, "origin", VALUES_MAX))
            (values(cluster, FacetKind::UserAgent, "program", VALUES_MAX))
            (values(cluster, FacetKind::AccessKey, "access key", VALUES_MAX))
            (values(cluster, FacetKind::IamAction, "IAM action", VALUES_MAX))
            (values(cluster, FacetKind::Resource, "resource", VALUES_MAX))
        }
        @let stored = cluster.samples.len();
        @for (number, sample) in cluster.samples.iter().take(SAMPLES_MAX).enumerate() {
            h4 { "Sample " (number + 1) @if stored > 1 { " of " (stored) } }
            pre { (pretty(&sample.json)) }
        }
        @if stored > SAMPLES_MAX { p.more { "The JSON output has the others." } }
    }
}

fn callers(principals: &FacetValues) -> Markup {
    html! {
        table.stacked {
            thead { tr {
                th scope="col" { "who" }
                th.n scope="col" { "events" }
                th.wide scope="col" { "first seen (UTC)" }
                th scope="col" { "last seen (UTC)" }
            } }
            tbody {
                @for principal in principals.values.iter().take(VALUES_MAX) {
                    tr {
                        th scope="row" { bdi { (principal.value) } }
                        td.n.count { (number(principal.span.count)) }
                        td.wide { (minute(principal.span.first_seen)) }
                        td { (minute(principal.span.last_seen)) }
                    }
                }
            }
        }
        (more(principals.distinct, VALUES_MAX))
    }
}

/// Returns the row of a facts list with the most frequent values of a facet; empty if there are none.
pub fn values(cluster: &Cluster, kind: FacetKind, name: &str, values_max: usize) -> Markup {
    let Some(found) = cluster.facets.get(&kind) else {
        return Markup::default();
    };
    html! {
        dt { (name) }
        dd {
            @for value in found.values.iter().take(values_max) {
                div {
                    bdi { (value.value) }
                    @if value.span.count != cluster.span.count {
                        " " span.times { "×" (number(value.span.count)) }
                    }
                }
            }
            (more(found.distinct, values_max))
        }
    }
}

/// Returns a sample as indented JSON. Text that is not JSON, from a damaged store, is shown sanitized.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| shown(json))
}
