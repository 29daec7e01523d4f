//! The page of one cluster: status, severity, cause, access keys, callers, history, related clusters and alerts, with
//! buttons for decisions.

use alerts::cluster_hint;
use alerts::links::Links;
use alerts::locale::Language;
use alerts::outbox::MessageLogEntry;
use clusters::Cluster;
use clusters::facet::FacetKind;
use clusters::journal::{Fault, JournalEntry, JournalEvent, OWN_ACTOR};
use clusters::keys::KeyReport;
use clusters::related::Related;
use clusters::sample::Sample;
use clusters::triage::{Decision, TriageStatus};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::{Timestamp, Window, duration};
use serde_json::json;

use super::parts::{self, LINES_MAX, back, deliveries, drawing, heads, more_links, related};
use super::{ClickTarget, Frame, decided, failed};
use crate::card::{evidence, why};
use crate::listing::ListedCluster;
use crate::{counted, minute, more, number, shown};

/// The decisions: the value of the parameter, the title of the button, and the question before the call.
const DECISIONS: [(&str, &str, &str); 4] = [
    (
        "acknowledge",
        "Acknowledge",
        "Acknowledge this cluster? Alerts about it are still sent. The acknowledgement ends when it recovers.",
    ),
    (
        "mute",
        "Mute",
        "Mute this cluster for the chosen time? No alert about it is sent, not even about its recovery.",
    ),
    (
        "expect",
        "Expected",
        "Mark this cluster as expected? No alert about it is sent any more.",
    ),
    (
        "resolve",
        "Resolve",
        "Resolve this cluster? It opens again if another event comes.",
    ),
];

/// All data that the page of one cluster shows.
#[derive(Debug)]
pub struct ClusterPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The cluster. Its counts, times and facets are of the events in `hours` only, and its samples of all stored
    /// events.
    pub cluster: &'a Cluster,
    /// The row of the cluster in the listing. It counts all events of the cluster.
    pub listed: &'a ListedCluster,
    /// The time of the cluster's first event; if `None`, the time in `listed` is shown.
    pub first_seen: Option<Timestamp>,
    /// The hours whose events are counted in `cluster`, oldest first; empty if no events of the cluster are stored.
    pub hours: &'a [Window],
    /// The triage of the cluster, with the reason of its end; `None` if there is no triage.
    pub triage_status: Option<TriageStatus<'a>>,
    /// The number of changes of the cluster's triage so far. The buttons for decisions send it, so that a decision
    /// cannot replace a newer triage.
    pub version: i64,
    /// The periods in which the cluster failed, oldest first.
    pub faults: &'a [Fault],
    /// The journal of the cluster, oldest entry first.
    pub entries: &'a [JournalEntry],
    /// Reports about the access keys in `cluster`: long-term keys first, and of each kind the key with the most events
    /// first.
    pub keys: &'a [KeyReport],
    /// The other clusters in which the same callers failed at about the same time, and their sensitive calls.
    pub related: &'a [Related],
    /// The alerts about the cluster, each with the answer of its sink or the reason why it was not sent; oldest first.
    pub sent: &'a [MessageLogEntry],
    /// Builds the links to CloudTrail, CloudWatch and Guance.
    pub links: &'a Links,
    /// The durations for which the page offers to mute the cluster, such as `1d`. If empty, the page has no buttons for
    /// decisions.
    pub mutes: &'a [&'static str],
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
    /// A sentence about the result of the decision that a person has just made on the page; `None` if there was no
    /// decision.
    pub notice: Option<&'a str>,
}

impl ClusterPage<'_> {
    /// Returns the page of the cluster as HTML.
    pub fn html(&self) -> String {
        let identity = &self.cluster.facts.identity;
        let (assessment, status) = (self.listed.assessment(), self.listed.status());
        let severity = assessment.severity.name();
        let call = format!("{}:{}", identity.service, identity.action);
        let hours: Vec<(Window, u64)> = self.listed.hours.iter().copied().collect();
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            @if let Some(notice) = self.notice { p.notice role="status" { (shown(notice)) } }
            h2 { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (self.failed()) } }
            p {
                span.badge.(status.name()) { (status.name()) } " "
                span.badge.(severity) { (severity) }
                @if let Some(triage_status) = self.triage_status { " " (decided(triage_status)) }
            }
            p { (shown(&cluster_hint::of_cluster(self.cluster, self.frame.locale.language))) }
            (self.decide())
            dl.facts {
                dt { "account" } dd { (self.frame.account(&identity.account_id)) }
                (self.times())
                dt { "severity" }
                dd { (severity) ": " (assessment.sentences(self.frame.locale.language).join(", ")) }
                (why(self.cluster, Language::En))
            }
            (drawing(&hours))
            (parts::keys(&self.frame, self.keys, "never with success", whole_id))
            h3 { "Callers and origins" }
            p.soft { (self.evidence_range()) }
            (evidence(self.cluster, self.frame.locale))
            (self.pairs())
            (self.history())
            (related(&self.frame, self.related))
            (deliveries(self.sent))
            (self.links())
        };
        self.frame.page(&content)
    }

    /// Returns an HTML page that shows `json`, the JSON text of a cluster, to be copied.
    pub fn export(frame: Frame<'_>, json: &str) -> String {
        frame.page(&html! {
            h2 { "JSON" }
            p.soft { "A click selects all text." }
            pre.copy { (json) }
        })
    }

    fn failed(&self) -> String {
        failed(&self.listed.subject, self.listed.code.as_deref())
    }

    fn id(&self) -> String {
        self.cluster.id.to_string()
    }

    fn decide(&self) -> Markup {
        if self.mutes.is_empty() {
            return Markup::default();
        }
        let act = |decide: &str, confirmation: &str| {
            let params = json!({"cluster": self.id(), "decide": decide, "version": self.version});
            self.frame
                .call(ClickTarget::Popup, &params, Some(confirmation))
        };
        html! {
            form.acts {
                @for (decide, words, confirmation) in DECISIONS {
                    a.btn { (words) }
                    (act(decide, confirmation))
                    @if decide == "mute" {
                        select name="mute_for" aria-label="Mute for" {
                            @for time in self.mutes {
                                option value=(time) selected[*time == "1d"] { "for " (time) }
                            }
                        }
                    }
                }
                @if let Some(triage_status) = &self.triage_status {
                    @let is_resolved = triage_status.triage.decision == Decision::Resolved;
                    a.btn { @if is_resolved { "Reopen" } @else { "Take back" } }
                    (act("take-back", "Take back the decision about this cluster?"))
                }
                input name="reason" aria-label="Reason" placeholder="Reason" maxlength="500";
                input name="who" aria-label="Your name" placeholder="Your name" maxlength="100";
            }
        }
    }

    fn times(&self) -> Markup {
        let listed = self.listed;
        html! {
            dt { "first seen" } dd { (minute(self.first_seen.or(listed.first))) }
            @if listed.episode > 1 {
                dt { "failing again since" }
                dd { (minute(listed.began)) ", episode " (number(listed.episode.unsigned_abs())) }
            }
            dt { "last seen" } dd { (minute(listed.last)) }
            dt { "events" }
            dd { (number(listed.total)) " by " (counted(listed.callers, "caller")) }
        }
    }

    /// Returns a sentence about the events that callers, origins and samples come from.
    fn evidence_range(&self) -> Markup {
        html! {
            @match (self.hours.first(), self.hours.last()) {
                (Some(first), Some(last)) => {
                    "Of " (counted(self.cluster.span.count, "event")) " from "
                    (minute(Some(first.start()))) " to " (minute(Some(last.end()))) " UTC."
                }
                _ => { "Its events are no longer stored." }
            }
        }
    }

    /// Returns the values that alerts can be filtered by, as pairs of name and value to be copied.
    fn pairs(&self) -> Markup {
        let identity = &self.cluster.facts.identity;
        let mut pairs = vec![
            ("account_id", identity.account_id.clone()),
            ("event_source", identity.event_source()),
            ("event_name", identity.action.clone()),
            (
                "error_code",
                self.listed
                    .code
                    .as_deref()
                    .unwrap_or(&identity.code)
                    .to_owned(),
            ),
            ("class", identity.class.name().to_owned()),
            ("cluster_id", self.id()),
        ];
        let extended = self.cluster.facets.iter().filter_map(|(kind, values)| {
            let first = values.values.first()?;
            Some((kind.name(), first.value.clone()))
        });
        // The error code is among the dimensions already.
        let is_other = |(name, _): &(&str, String)| *name != "error_code";
        let extended: Vec<_> = extended.filter(is_other).collect();
        pairs.retain(|(_, value)| !value.is_empty());
        html! {
            h3 { "Dimensions" }
            p.soft { "A click selects an entry, to be copied." }
            (list(&pairs))
            @if !extended.is_empty() {
                h3 { "Attributes" }
                (list(&extended))
            }
        }
    }

    fn history(&self) -> Markup {
        html! {
            h3 { "History" }
            @if self.faults.is_empty() && self.entries.is_empty() { p.soft { "No entries yet." } }
            @if !self.faults.is_empty() {
                table.faults {
                    (heads(&["Failed from (UTC)", "Until", "For", "Ended as"]))
                    tbody { @for fault in self.faults.iter().rev().take(LINES_MAX) { (of_fault(fault)) } }
                }
                (more(self.faults.len(), LINES_MAX, Language::En))
            }
            @if !self.entries.is_empty() {
                table.journal {
                    (heads(&["Time (UTC)", "Change", "Author and reason"]))
                    tbody { @for entry in self.entries.iter().rev().take(LINES_MAX) { (of_entry(entry)) } }
                }
                (more(self.entries.len(), LINES_MAX, Language::En))
            }
        }
    }

    fn links(&self) -> Markup {
        let identity = &self.cluster.facts.identity;
        let typical = self.cluster.typical();
        let region = typical.get(FacetKind::Region).unwrap_or_default();
        let event = |sample: &Sample| self.links.event(region, sample.id);
        let event = self.cluster.samples.last().and_then(event);
        let (first, last) = (self.hours.first(), self.hours.last());
        let query = first.zip(last).and_then(|(first, last)| {
            self.links
                .insights(&identity.action, first.start(), last.end())
        });
        let links = [
            ("An event in CloudTrail", event),
            ("Its events in Logs Insights", query),
        ];
        more_links(&self.frame, self.cluster.id, &links)
    }
}

/// Returns the whole id of a key, which is needed to find and disable the key.
fn whole_id(key: &KeyReport) -> Markup {
    html! { code.copy { (sanitize(&key.id, 128)) } }
}

fn list(pairs: &[(&str, String)]) -> Markup {
    html! {
        ul.pairs {
            @for (name, value) in pairs {
                li { code.copy { (name) ":" (sanitize(value, 256)) } }
            }
        }
    }
}

fn of_fault(fault: &Fault) -> Markup {
    html! {
        tr {
            td { (minute(Some(fault.from))) }
            td { @match fault.until { Some(until) => (minute(Some(until))), None => "now" } }
            td { (fault.seconds().map(duration).unwrap_or_default()) }
            td { (fault.ended.map(JournalEvent::name).unwrap_or_default()) }
        }
    }
}

fn of_entry(entry: &JournalEntry) -> Markup {
    let name = entry.what.name();
    html! {
        tr {
            td { (minute(Some(entry.at))) }
            td {
                // The detail of a decision begins with the name of the entry.
                @if !entry.detail.starts_with(name) { (name) @if !entry.detail.is_empty() { ": " } }
                bdi { (shown(&entry.detail)) }
            }
            td {
                @if entry.actor != OWN_ACTOR { bdi { (shown(&entry.actor)) } }
                @if !entry.reason.is_empty() { ": " bdi { (shown(&entry.reason)) } }
            }
        }
    }
}
