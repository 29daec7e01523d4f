//! The report of a scan: one HTML file that needs no other file, so that it can be sent to a colleague.

use std::collections::{BTreeMap, BTreeSet};

use alerts::severity::Severity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::report::RecordCounts;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, ClusterTotals, Span};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::call::{self, DescribedCall};
use super::card::{DescribedCluster, badge, card};
use super::chart::{SEVERITIES, chart};
use super::incident;
use super::keys::keys;
use super::listing::Listing;
use super::{counted, minute, more, number, shown, story};

/// All data that the report page of a scan shows.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The names of the scanned files and folders, as the user gave them.
    pub inputs: &'a [String],
    /// The number of files that were read to their end.
    pub files: usize,
    /// The number of records in the scanned files, by outcome, such as ignored or quarantined.
    pub record_counts: &'a RecordCounts,
    /// All clusters and sensitive calls of the store, with their counts and samples.
    pub snapshot: &'a ClusterSnapshot,
    /// The listing from which severity and status of the clusters come. A cluster that is not in it is not on the page.
    pub listing: &'a Listing,
    /// The incidents, the most severe first.
    pub incidents: &'a [Incident],
    /// The number of events of each cluster in each hour, for the chart.
    pub timeline: &'a Timeline,
    /// The files that could not be read to their end.
    pub failed: &'a [Unread],
    /// The records that could not be read. Their number is limited, so `record_counts` may count more of them.
    pub quarantined: &'a [Unread],
}

/// A file, or a record in a file, that could not be read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// The name of the file that could not be read, or that contains the record.
    pub file: String,
    /// The position of the unreadable record in the file, from 1; `None` if the file itself could not be read to its
    /// end.
    pub record: Option<u64>,
    /// The reason why the file or the record could not be read, as text for people.
    pub reason: String,
}

/// The maximum number of cards in each section of the report: the section of failing calls, and that of sensitive
/// calls.
pub const CARDS_MAX: usize = 500;

/// The maximum number of incidents in the report.
const INCIDENTS_MAX: usize = 50;

/// The maximum number of clusters and sensitive calls that an incident is linked to.
const LINKS_MAX: usize = 20;

/// The maximum number of unreadable records in the table.
const UNREAD_MAX: usize = 200;

/// The maximum number of names of files and folders in the header.
const INPUTS_MAX: usize = 3;

const STYLE: &str = include_str!("style.css");

impl Report<'_> {
    /// Returns the report as one HTML document that needs no other file.
    pub fn html(&self) -> String {
        let all = self.snapshot.clusters().into_iter();
        let described = all.filter_map(|cluster| {
            let listed = self.listing.clusters.get(&cluster.id)?;
            Some(DescribedCluster::of(cluster, listed))
        });
        let mut described: Vec<DescribedCluster> = described.collect();
        // The sort is stable: within a severity the largest stay first.
        described.sort_by_key(|described| std::cmp::Reverse(described.assessment.severity));
        let calls = call::listed(self.snapshot, |_| None).into_iter();
        let calls: Vec<ClusterTotals<'_>> = calls.map(|(_, call)| call).collect();
        page(&html! {
            (self.header(&described, &calls))
            main {
                (self.incidents(&described, &calls))
                (tiles(&described, calls.len()))
                (self.over_time(&described))
                (clusters(&described))
                (sensitive_calls(&calls))
                (self.keys())
                (self.unread())
            }
            footer { p { "Written by cloudtrail-inspector " (env!("CARGO_PKG_VERSION"))
                ". All times are event times in UTC." } }
        })
    }

    fn header(&self, failing: &[DescribedCluster], calls: &[ClusterTotals<'_>]) -> Markup {
        let mut span = Span::default();
        for described in failing {
            span.add(described.cluster.span);
        }
        let mut of_calls = Span::default();
        for call in calls {
            of_calls.add(call.span);
        }
        let accounts: BTreeSet<&str> = failing
            .iter()
            .map(|described| described.cluster.facts.identity.account_id.as_str())
            .collect();
        let events = failing
            .iter()
            .map(|described| described.cluster.span.count)
            .sum();
        html! {
            header {
                h1 { "CloudTrail errors" }
                p {
                    (counted(events, "failing event")) " in " (counted(failing.len() as u64, "cluster"))
                    " and " (counted(accounts.len() as u64, "account"))
                    @if span.last_seen.is_some() {
                        ", " (minute(span.first_seen)) " to " (minute(span.last_seen)) " UTC"
                    }
                    "."
                    @if !calls.is_empty() {
                        " Beside them, " (counted(calls.len() as u64, "sensitive call")) " succeeded"
                        @if of_calls.count > calls.len() as u64 {
                            ", made " (counted(of_calls.count, "time")) " in all"
                        }
                        "."
                    }
                }
                p.note {
                    (counted(self.files as u64, "file"))
                    @if !self.inputs.is_empty() { " from " }
                    @for (at, input) in self.inputs.iter().take(INPUTS_MAX).enumerate() {
                        @if at > 0 { ", " }
                        bdi { (shown(input)) }
                    }
                    @if let Some(more @ 1..) = self.inputs.len().checked_sub(INPUTS_MAX) {
                        " and " (number(more as u64)) " more"
                    }
                    "."
                    @if span.last_seen.is_some() {
                        " Every status is as of " (minute(Some(self.listing.until.start()))) ", the end of the last hour."
                    }
                }
            }
        }
    }

    /// Returns the section of incidents; empty if there is none.
    fn incidents(&self, failing: &[DescribedCluster], calls: &[ClusterTotals<'_>]) -> Markup {
        // What has a card on this page.
        let failing = failing.iter().take(CARDS_MAX);
        let mut cards: BTreeMap<ClusterId, (String, Markup)> = failing
            .map(|one| (one.cluster.id, (one.anchor(), one.what())))
            .collect();
        for call in calls.iter().take(CARDS_MAX) {
            let described = DescribedCall::of(call.cluster());
            cards.insert(call.id, (described.anchor(), described.what()));
        }
        html! {
            @if !self.incidents.is_empty() {
                section aria-labelledby="incidents" {
                    h2 id="incidents" { "Incidents" }
                    p.note { "What one actor did, with evidence of an attack; the most severe first." }
                    @for incident in self.incidents.iter().take(INCIDENTS_MAX) {
                        (incident_card(incident, &cards))
                    }
                    (more(self.incidents.len(), INCIDENTS_MAX))
                }
            }
        }
    }

    /// Returns the chart, and the record counts beside it.
    fn over_time(&self, failing: &[DescribedCluster]) -> Markup {
        let severities: BTreeMap<_, Severity> = failing
            .iter()
            .map(|described| (described.cluster.id, described.assessment.severity))
            .collect();
        let events = self
            .timeline
            .iter()
            .filter_map(|(id, hour, count)| Some((*severities.get(&id)?, hour, count)));
        html! {
            div.beside {
                section aria-labelledby="time" {
                    h2 id="time" { "Failing events over time" }
                    (chart(events))
                }
                section aria-labelledby="books" {
                    h2 id="books" { "Record counts" }
                    (self.record_counts())
                }
            }
        }
    }

    /// Returns the table of record counts, whose sums a reader can check.
    fn record_counts(&self) -> Markup {
        let record_counts = self.record_counts;
        let events: u64 = self.snapshot.rows().map(|(_, span)| span.count).sum();
        html! {
            table.books {
                thead { tr { th scope="col" { "records of this scan" } th.n scope="col" { "count" } } }
                tbody {
                    (line("all", "read", record_counts.read))
                    (line("part", "not selected: nothing failed", record_counts.not_selected()))
                    (reasons(&record_counts.not_selected))
                    (line("part", "selected", record_counts.selected))
                    (line("detail", "clustered", record_counts.clustered))
                    (line("detail", "duplicate", record_counts.duplicate))
                    (line("detail", "ignored", record_counts.ignored()))
                    (reasons(&record_counts.ignored))
                    (line("detail", "quarantined: cannot be read", record_counts.quarantined()))
                    (reasons(&record_counts.quarantined))
                }
            }
            p.note {
                "Read = not selected + selected; selected = clustered + duplicate + ignored + quarantined. "
                "Clusters and sensitive calls hold " (counted(events, "event")) " = " (number(record_counts.clustered))
                " of this scan + " (number(events.saturating_sub(record_counts.clustered)))
                " that the store had before."
                @if record_counts.unknown_codes > 0 {
                    " " (counted(record_counts.unknown_codes, "error")) " had an unknown code."
                }
                @if record_counts.unknown_denials > 0 {
                    " " (counted(record_counts.unknown_denials, "refusal")) " had an unknown wording."
                }
            }
        }
    }

    fn keys(&self) -> Markup {
        html! {
            section aria-labelledby="keys" {
                h2 id="keys" { "Access keys seen" }
                @match keys(self.snapshot) {
                    Some(table) => { (table) }
                    None => { p { "No event has an access key." } }
                }
            }
        }
    }

    fn unread(&self) -> Markup {
        let records = self.record_counts.quarantined();
        html! {
            section aria-labelledby="unread" {
                h2 id="unread" { "What could not be read" }
                @if self.failed.is_empty() && records == 0 { p { "Everything was read." } }
                @if !self.failed.is_empty() {
                    h3 { (counted(self.failed.len() as u64, "input")) ": none of their events is on this page" }
                    (unread_table(self.failed, self.failed.len()))
                }
                @if records > 0 {
                    h3 { (counted(records, "quarantined record")) }
                    (unread_table(self.quarantined, usize::try_from(records).unwrap_or(usize::MAX)))
                }
            }
        }
    }
}

/// Returns a whole HTML document. Its Content Security Policy allows only this style sheet.
fn page(body: &Markup) -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                // Phones turn digits into links that call a number.
                meta name="format-detection" content="telephone=no, date=no, address=no, email=no";
                title { "CloudTrail errors" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// Returns the number of clusters by severity, and of sensitive calls.
fn tiles(failing: &[DescribedCluster], calls: usize) -> Markup {
    html! {
        ul.tiles aria-label="Clusters by severity" {
            @for severity in SEVERITIES {
                @let of_severity = failing.iter().filter(|described| described.assessment.severity == severity);
                li class=(severity.name()) {
                    strong { (number(of_severity.count() as u64)) } " " span { (severity.name()) }
                }
            }
            li { strong { (number(calls as u64)) } " " span { "sensitive calls" } }
        }
    }
}

fn line(class: &str, name: &str, count: u64) -> Markup {
    html! { tr class=(class) { th scope="row" { (name) } td.n { (number(count)) } } }
}

fn reasons(counts: &BTreeMap<&'static str, u64>) -> Markup {
    html! { @for (reason, count) in counts { (line("reason", reason, *count)) } }
}

/// Returns the card of an incident. `cards` has the anchor and the name of each card on the page.
fn incident_card(incident: &Incident, cards: &BTreeMap<ClusterId, (String, Markup)>) -> Markup {
    let severity = incident::severity(incident.severity);
    let linked: Vec<&(String, Markup)> = incident
        .clusters
        .iter()
        .filter_map(|id| cards.get(id))
        .collect();
    html! {
        article.card id={ "i-" (incident.id.text()) } {
            h3 { (badge(severity)) " " bdi { (incident::who(&incident.actor)) } }
            p.meta {
                strong { (counted(incident.steps_count as u64, "step")) }
                " · " (incident::state(incident))
                " · account " bdi.nowrap { (shown(&incident.actor.account_id)) }
                " · " (super::span(incident::span(incident)))
            }
            p { (incident.severity_reason) }
            dl.facts {
                dt { "steps" } dd { (incident::steps(incident)) }
                @for (title, line) in incident::stays(&incident.ledger) { dt { (title) } dd { bdi { (line) } } }
                (story::sources(incident))
            }
            details { summary { "What to do now, in this order" } (story::what_to_do(incident)) }
            details { summary { "Steps, in their order" } (story::steps(incident)) }
            details { summary { "What stays behind" } (story::left_behind(&incident.ledger)) }
            details { summary { "Who acted, and by which proof" } (story::members(incident)) }
            details { summary { "Evidence" } (story::evidence(incident)) }
            @if !linked.is_empty() {
                details {
                    summary { "Clusters and sensitive calls" }
                    ul.objects {
                        @for (anchor, name) in linked.iter().take(LINKS_MAX) { li { a href={ "#" (anchor) } { (name) } } }
                    }
                    (more(incident.clusters.len(), linked.len().min(LINKS_MAX)))
                }
            }
            p.id { "incident " code.copy { (incident.id.text()) } }
        }
    }
}

/// Returns the section of clusters: a table with links to the cards, and the cards.
fn clusters(described: &[DescribedCluster]) -> Markup {
    html! {
        section aria-labelledby="failing" {
            h2 id="failing" { "Failing calls" }
            @if described.is_empty() {
                p { "Nothing failed." }
            } @else {
                nav aria-label="Failing calls" { (summary(described)) }
                (more(described.len(), CARDS_MAX))
                @for one in described.iter().take(CARDS_MAX) { (card(one)) }
            }
        }
    }
}

/// Returns the table with one row for each cluster, linked to its card.
fn summary(described: &[DescribedCluster]) -> Markup {
    html! {
        table.summary {
            thead { tr {
                th scope="col" { "severity" }
                th scope="col" { "what" }
                th.n scope="col" { "events" }
                th.wide scope="col" { "who" }
                th.wide scope="col" { "status" }
                th.wide scope="col" { "account" }
                th.wide scope="col" { "last seen (UTC)" }
            } }
            tbody {
                @for one in described.iter().take(CARDS_MAX) {
                    tr {
                        td { (one.badge()) }
                        th scope="row" { a href={ "#" (one.anchor()) } { (one.what()) } (one.cause()) }
                        td.n.count { (number(one.cluster.span.count)) }
                        td.wide { (one.who()) }
                        td.wide.status { (one.status()) }
                        td.wide { bdi.nowrap { (shown(&one.cluster.facts.identity.account_id)) } }
                        td.wide { (minute(one.cluster.span.last_seen)) }
                    }
                }
            }
        }
    }
}

/// Returns the section of sensitive calls: a table with links to the cards, and the cards.
///
/// A sensitive call has no status, because it succeeded: nothing lasts, and nothing recovers.
fn sensitive_calls(calls: &[ClusterTotals<'_>]) -> Markup {
    let described = calls.iter().take(CARDS_MAX);
    let described: Vec<DescribedCall> = described
        .map(|call| DescribedCall::of(call.cluster()))
        .collect();
    html! {
        section aria-labelledby="watched" {
            h2 id="watched" { "Sensitive calls" }
            @if described.is_empty() {
                p { "None was seen." }
            } @else {
                p { "These calls succeeded, and give access, stop a record, destroy data or share something." }
                nav aria-label="Sensitive calls" { (calls_summary(&described)) }
                (more(calls.len(), CARDS_MAX))
                @for one in &described { (call::card(one)) }
            }
        }
    }
}

/// Returns the table with one row for each sensitive call, linked to its card.
fn calls_summary(described: &[DescribedCall]) -> Markup {
    html! {
        table.summary {
            thead { tr {
                th scope="col" { "severity" }
                th scope="col" { "what" }
                th.n scope="col" { "calls" }
                th.wide scope="col" { "who" }
                th.wide scope="col" { "weight" }
                th.wide scope="col" { "account" }
                th.wide scope="col" { "last call (UTC)" }
            } }
            tbody {
                @for one in described {
                    tr {
                        td { (one.badge()) }
                        th scope="row" { a href={ "#" (one.anchor()) } { (one.what()) } (one.deciding()) }
                        td.n.count { (number(one.call.span.count)) }
                        td.wide { (one.who()) }
                        td.wide { @if one.is_strong() { strong { "strong" } } }
                        td.wide { bdi.nowrap { (shown(&one.call.facts.identity.account_id)) } }
                        td.wide { (minute(one.call.span.last_seen)) }
                    }
                }
            }
        }
    }
}

fn unread_table(unread: &[Unread], count: usize) -> Markup {
    let listed = unread.len().min(UNREAD_MAX);
    let numbered = unread.iter().any(|unread| unread.record.is_some());
    html! {
        table.stacked {
            thead { tr {
                th scope="col" { "file" }
                @if numbered { th.n scope="col" { "record" } }
                th scope="col" { "reason" }
            } }
            tbody {
                @for unread in unread.iter().take(UNREAD_MAX) {
                    tr {
                        th scope="row" { bdi { (shown(&unread.file)) } }
                        @if let Some(record) = unread.record { td.n.place { (number(record)) } }
                        td { bdi { (shown(&unread.reason)) } }
                    }
                }
            }
        }
        (more(count, listed))
    }
}
