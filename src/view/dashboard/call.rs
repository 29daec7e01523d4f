//! The page of one sensitive call: what it did, who made it, why it is watched, and when alerts are sent.
//!
//! Below are the hours, access keys, events and alerts. A sensitive call has no status and no history, and there is
//! nothing to decide about it.

use alerts::cluster_hint;
use alerts::links::{self, Links};
use alerts::locale::Language;
use alerts::outbox::MessageLogEntry;
use alerts::severity::Assessment;
use clusters::call_alerts::{Due, due};
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::ClusterSubject;
use clusters::inspection_state::CallHistory;
use clusters::keys::{KeyReport, masked};
use clusters::related::Related;
use clusters::watch::{CallDetails, Tier};
use clusters::{Cluster, EventId, Span};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::{Timestamp, Window};

use super::Frame;
use super::calls::weight;
use super::parts::{
    self, LINES_MAX, back, deliveries, drawing, heads, more_links, outside, related,
};
use super::parts::{call_name, target};
use crate::card::values;
use crate::{call, minute, more, number, shown};

/// The maximum number of values of a facet on the page.
const VALUES_MAX: usize = 10;

/// The note on each page, and the answer to a decision about a sensitive call.
pub const NO_DECISION: &str = "Nothing can be decided about a sensitive call here: it is over, and it does not recover. \
    A rule with expected = true in the rules file is the way to say that such calls are expected. They are still counted \
    and listed then, and no alert is sent.";

/// All data that the page of one sensitive call shows.
#[derive(Debug)]
pub struct CallPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The group of equal calls. Its counts, times and facets are of the events in `hours` only.
    pub call: &'a Cluster,
    /// The calls of the last days; `None` if there were none.
    pub history: Option<&'a CallHistory>,
    /// The severity and its reasons, computed from all events.
    pub assessment: Assessment,
    /// The time of the first of all calls.
    pub first_seen: Option<Timestamp>,
    /// The hours whose events are in `call`, oldest first; empty if no events are stored.
    pub hours: &'a [Window],
    /// The events in `hours`, oldest first.
    pub events: &'a [CallEvent<'a>],
    /// Reports about the access keys in `call`.
    pub keys: &'a [KeyReport],
    /// Failures and other sensitive calls of the same caller at about the same time.
    pub related: &'a [Related],
    /// The alerts about the call, oldest first.
    pub sent: &'a [MessageLogEntry],
    /// Builds the links to CloudTrail and CloudWatch.
    pub links: &'a Links,
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
    /// A sentence about what a person has just asked for on the page.
    pub notice: Option<&'a str>,
}

/// One event of a sensitive call.
#[derive(Debug, Clone, Copy)]
pub struct CallEvent<'a> {
    /// The time of the event.
    pub at: Timestamp,
    /// The id of the event.
    pub id: EventId,
    /// The details of the event, such as its region.
    pub facets: &'a Facets,
}

impl CallPage<'_> {
    /// Returns the page of the sensitive call as HTML.
    pub fn html(&self) -> String {
        let identity = &self.call.facts.identity;
        let subject = ClusterSubject::from(identity);
        let severity = self.assessment.severity.name();
        let hours: Vec<(Window, u64)> = self.history.iter().flat_map(|of| of.hours()).collect();
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            @if let Some(notice) = self.notice { p.notice role="status" { (shown(notice)) } }
            h2 { bdi.call { (call_name(&subject)) } }
            p {
                "Sensitive call " span.badge.(severity) { (severity) }
                @if let Some(word) = weight(&subject) { " " span.mark { (word) } }
            }
            p { (shown(&cluster_hint::of_cluster(self.call, self.frame.locale.language))) }
            dl.facts {
                dt { "account" } dd { (self.frame.account(&identity.account_id)) }
                @if let Some(caller) = &identity.cause { dt { "who" } dd { bdi { (shown(caller)) } } }
                dt { "to what or whom" }
                dd { @if has_target(&subject) { (target(&subject)) } @else { "not named in the record" } }
                (parameters(subject.call.as_ref()))
                (self.times())
                dt { "severity" }
                dd { (severity) ": " (self.assessment.sentences(self.frame.locale.language).join(", ")) }
                (watched(subject.call.as_ref()))
                dt { "alert" } dd { (self.alert(subject.call.as_ref())) }
            }
            p.soft { (NO_DECISION) }
            (drawing(&hours))
            (parts::keys(&self.frame, self.keys, "not recorded by IAM yet", masked_id))
            (self.origins())
            (self.events())
            (related(&self.frame, self.related))
            (deliveries(self.sent))
            (self.more())
        };
        self.frame.page(&content)
    }

    fn times(&self) -> Markup {
        let first = self.first_seen.or(self.history.map(|of| of.first));
        let Span {
            count, last_seen, ..
        } = self.call.span;
        html! {
            dt { "first made" } dd { (minute(first)) }
            @match self.history {
                Some(history) => {
                    dt { "last made" } dd { (minute(Some(history.last))) }
                    dt { "calls" } dd { (number(history.count())) " in the last eight days" }
                }
                None if count > 0 => {
                    dt { "last made" } dd { (minute(last_seen)) }
                    dt { "calls" } dd { (number(count)) }
                }
                None => { dt { "calls" } dd { "none in the last eight days" } }
            }
        }
    }

    /// Returns when an alert about the call is sent, in sentences.
    fn alert(&self, details: Option<&CallDetails>) -> Markup {
        const HOUR: &str = "Equal calls within an hour after it are counted with it.";
        let facets = self.call.facet_sets.first().cloned().unwrap_or_default();
        let expected_by = details.and_then(|of| of.expected_by.as_ref());
        html! {
            @match due(&self.call.facts, &facets) {
                Due::EachHour if details.is_some_and(|of| of.tier == Tier::Condition) => {
                    "An alert is sent when the call is made and the condition of the watch holds. " (HOUR)
                }
                Due::EachHour => { "An alert is sent when the call is made. " (HOUR) }
                Due::FirstOfCaller => {
                    "One alert is sent, when this caller makes "
                    @if details.is_some_and(|of| of.is_strong) { "a strong call of this name" } @else { "this call" }
                    " for the first time, whatever its target is. Later calls are counted and summed up."
                }
                Due::Never => {
                    "No alert is sent, calls are counted and summed up"
                    @match expected_by {
                        Some(rule) => { ": the rule " bdi { (shown(rule)) } " expects them." }
                        None => { ": an AWS service makes them on its own behalf." }
                    }
                }
            }
        }
    }

    fn origins(&self) -> Markup {
        let values = |kind, name| values(self.call, kind, name, VALUES_MAX, Language::En);
        html! {
            h3 { "Origin" }
            @if self.call.span.count == 0 { p.soft { "Its events are no longer stored." } }
            dl.facts {
                @if self.call.facts.identity.cause.is_none() { (values(FacetKind::Principal, "who")) }
                (values(FacetKind::Network, "network"))
                (values(FacetKind::Region, "region"))
                (values(FacetKind::VpcEndpoint, "VPC endpoint"))
                (values(FacetKind::Origin, "origin"))
                (values(FacetKind::UserAgent, "program"))
                (values(FacetKind::Session, "session"))
            }
        }
    }

    fn events(&self) -> Markup {
        html! {
            @if !self.events.is_empty() {
                h3 { "Events" }
                table.events {
                    (heads(&["Time (UTC)", "Event in CloudTrail", "Network", "Key"]))
                    tbody { @for event in self.events.iter().rev().take(LINES_MAX) { (self.event(event)) } }
                }
                (more(self.events.len(), LINES_MAX, Language::En))
            }
        }
    }

    fn event(&self, event: &CallEvent<'_>) -> Markup {
        let id = event.id.to_string();
        let region = event.facets.get(FacetKind::Region).unwrap_or_default();
        let key = event.facets.get(FacetKind::AccessKey);
        html! {
            tr {
                td { (minute(Some(event.at))) }
                th scope="row" {
                    code {
                        @match self.links.event(region, event.id) {
                            Some(address) => (outside(&address, &id)),
                            None => (id),
                        }
                    }
                }
                td { bdi { (sanitize(event.facets.get(FacetKind::Network).unwrap_or_default(), 64)) } }
                td { @if let Some(key) = key { code { (masked(key)) } } }
            }
        }
    }

    fn more(&self) -> Markup {
        let identity = &self.call.facts.identity;
        let (first, last) = (self.hours.first(), self.hours.last());
        let query = first.zip(last).and_then(|(first, last)| {
            self.links.insights_of_call(
                &identity.event_source(),
                &identity.action,
                first.start(),
                last.end(),
            )
        });
        let links = [("These calls in Logs Insights", query)];
        more_links(&self.frame, self.call.id, &links)
    }
}

fn masked_id(key: &KeyReport) -> Markup {
    html! { code { (masked(&key.id)) } }
}

fn has_target(subject: &ClusterSubject) -> bool {
    let details = subject.call.as_ref();
    details.is_none_or(|of| of.target.is_some())
}

fn parameters(details: Option<&CallDetails>) -> Markup {
    html! {
        @for (name, value) in details.into_iter().flat_map(|of| call::parameters(of, Language::En)) {
            dt { (name) } dd { bdi { (shown(&value)) } }
        }
    }
}

/// Returns why a call is watched, and its technique in MITRE ATT&CK.
fn watched(details: Option<&CallDetails>) -> Markup {
    let Some(details) = details else {
        return Markup::default();
    };
    html! {
        @if let Some(why) = call::why(details, Language::En) {
            dt { "watched because" } dd { bdi { (shown(&why)) } }
        }
        dt { "watch" } dd { bdi { (shown(&details.watch)) } }
        @if let Some(technique) = &details.technique {
            dt { "ATT&CK technique" }
            dd {
                @match links::technique(technique) {
                    Some(address) => (outside(&address, technique)),
                    None => bdi { (shown(technique)) },
                }
            }
        }
        dt { "weight" }
        dd {
            @if details.is_strong { "strong: the call is as serious as a step of an attack" }
            @else { "weak: such calls are also part of daily work" }
        }
    }
}
