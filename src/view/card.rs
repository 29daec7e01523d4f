//! One cluster as a card: what failed, how loud and why, who and from where, what to do, examples.

use alerts::hint::hint;
use alerts::severity::Assessment;
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::lifecycle::Status;
use clusters::{Cluster, FacetValues};
use maud::{Markup, html};
use records::redact::sanitize;

use super::listing::ListedCluster;
use super::{counted, minute, more, number, shown, span};

/// How many values of a facet a card shows; JSON output and the store have more.
const VALUES_MAX: usize = 10;

/// How many samples a card shows, to keep the page small enough to send.
const SAMPLES_MAX: usize = 2;

/// A cluster with what is said about it.
#[derive(Debug)]
pub struct DescribedCluster {
    /// The cluster.
    pub cluster: Cluster,
    /// How loud it is.
    pub assessment: Assessment,
    /// Where it stands.
    pub status: Status,
}

impl DescribedCluster {
    /// Puts a cluster together with what the list says of it.
    pub fn of(cluster: Cluster, listed: &ListedCluster) -> Self {
        Self {
            assessment: listed.assessment(),
            status: listed.status(),
            cluster,
        }
    }

    /// Tells whether the calls succeeded and are watched.
    pub fn is_watched(&self) -> bool {
        self.cluster.facts.identity.class == Class::Watch
    }

    /// Returns the id that links lead to.
    pub fn anchor(&self) -> String {
        format!("c-{}", self.cluster.id)
    }

    /// Returns the severity as a badge.
    pub fn badge(&self) -> Markup {
        let name = self.assessment.severity.name();
        html! { span class={ "badge " (name) } { (name) } }
    }

    /// Returns the call and the error.
    pub fn what(&self) -> Markup {
        let identity = &self.cluster.facts.identity;
        let call = format!("{}:{}", identity.service, identity.action);
        let error = match self.cluster.error_code() {
            _ if self.is_watched() => "succeeded",
            Some(code) => code,
            None => &identity.code,
        };
        html! { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (shown(error)) } }
    }

    /// Returns what lies behind, which tells clusters of the same call apart.
    pub fn cause(&self) -> Markup {
        html! {
            @if let Some(cause) = &self.cluster.facts.identity.cause {
                " " bdi.cause { (shown(cause)) }
            }
        }
    }

    /// Returns the most frequent caller, without what all names of callers begin with.
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

    /// Returns where it stands; what is new stands out.
    pub fn status(&self) -> Markup {
        html! {
            @match self.status {
                Status::New => { strong { "new" } }
                status => { (status.name()) }
            }
        }
    }
}

/// Returns a cluster's card.
pub fn card(told: &DescribedCluster) -> Markup {
    let DescribedCluster {
        cluster,
        assessment,
        ..
    } = told;
    let identity = &cluster.facts.identity;
    html! {
        article.card id=(told.anchor()) {
            h3 { (told.badge()) " " (told.what()) }
            p.meta {
                strong { (counted(cluster.span.count, "event")) }
                " · " (told.status()) " · account " bdi.nowrap { (shown(&identity.account_id)) }
                " · " (span(cluster.span))
            }
            p { (shown(&hint(identity, &cluster.typical()))) }
            dl.facts {
                dt { "severity" }
                dd { (assessment.severity.name()) ": " (assessment.reasons.join(", ")) }
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

/// Says why it failed: the layer that refused, what lies behind, and the text.
pub fn why(cluster: &Cluster) -> Markup {
    let facts = &cluster.facts;
    html! {
        (values(cluster, FacetKind::Layer, "denied by", VALUES_MAX))
        @if let Some(cause) = &facts.identity.cause {
            dt { "cause" } dd { bdi { (shown(cause)) } }
        }
        @if !facts.template.is_empty() {
            dt { "says" } dd { bdi { (shown(&facts.template)) } }
        }
    }
}

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
        @let kept = cluster.samples.len();
        @for (number, sample) in cluster.samples.iter().take(SAMPLES_MAX).enumerate() {
            h4 { "Sample " (number + 1) @if kept > 1 { " of " (kept) } }
            pre { (pretty(&sample.json)) }
        }
        @if kept > SAMPLES_MAX { p.more { "The others are in JSON output." } }
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

/// Returns the most frequent values of a facet, or nothing where there are none.
fn values(cluster: &Cluster, kind: FacetKind, name: &str, values_max: usize) -> Markup {
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

/// Lays a sample out over lines; what a damaged store holds instead is shown as it is.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| shown(json))
}
