//! The report of a scan: one page that stands alone, to look at and to send to a colleague.

use std::collections::{BTreeMap, BTreeSet};

use alerts::severity::Severity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clusters::report::RecordCounts;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, Span};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::card::{DescribedCluster, card};
use super::chart::{SEVERITIES, chart};
use super::keys::keys;
use super::listing::Listing;
use super::{counted, minute, more, number, shown};

/// The data of a report page.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What was scanned, as it was named.
    pub inputs: &'a [String],
    /// How many inputs were read to their end.
    pub files: usize,
    /// What became of the records.
    pub record_counts: &'a RecordCounts,
    /// The clusters of the store.
    pub snapshot: &'a ClusterSnapshot,
    /// How they stand.
    pub listing: &'a Listing,
    /// When their events happened.
    pub timeline: &'a Timeline,
    /// Inputs that could not be read.
    pub failed: &'a [Unread],
    /// Records that could not be read, as far as they are kept with their place.
    pub quarantined: &'a [Unread],
}

/// An input or a record that could not be read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// The input's name.
    pub file: String,
    /// The record's place in it, counted from one; `None` for the input as a whole.
    pub record: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

/// How many clusters of one section have a card.
pub const CARDS_MAX: usize = 500;

/// How many unreadable records are listed.
const UNREAD_MAX: usize = 200;

/// How many of the names of inputs are shown.
const INPUTS_MAX: usize = 3;

const STYLE: &str = include_str!("style.css");

impl Report<'_> {
    /// Returns the page.
    pub fn html(&self) -> String {
        let all = self.snapshot.clusters().into_iter();
        let told = all.filter_map(|cluster| {
            let listed = self.listing.clusters.get(&cluster.id)?;
            Some(DescribedCluster::of(cluster, listed))
        });
        let mut told: Vec<DescribedCluster> = told.collect();
        // The sort is stable: within a severity the largest stay first.
        told.sort_by_key(|told| std::cmp::Reverse(told.assessment.severity));
        let (watched, failing): (Vec<DescribedCluster>, Vec<DescribedCluster>) =
            told.into_iter().partition(DescribedCluster::is_watched);
        page(&html! {
            (self.header(&failing))
            main {
                (tiles(&failing, &watched))
                (self.over_time(&failing))
                (clusters(&failing, "failing", "Failing calls", "Nothing failed."))
                (clusters(&watched, "watched", "Sensitive calls that succeeded", "None was seen."))
                (self.keys())
                (self.unread())
            }
            footer { p { "Written by cloudtrail-inspector " (env!("CARGO_PKG_VERSION"))
                ". All times are event times in UTC." } }
        })
    }

    fn header(&self, failing: &[DescribedCluster]) -> Markup {
        let mut span = Span::default();
        for (_, of_series) in self.snapshot.rows() {
            span.add(of_series);
        }
        let accounts: BTreeSet<&str> = failing
            .iter()
            .map(|told| told.cluster.facts.identity.account_id.as_str())
            .collect();
        let events = failing.iter().map(|told| told.cluster.span.count).sum();
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

    /// Returns the chart beside the totals.
    fn over_time(&self, failing: &[DescribedCluster]) -> Markup {
        let severities: BTreeMap<_, Severity> = failing
            .iter()
            .map(|told| (told.cluster.id, told.assessment.severity))
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
                    h2 id="books" { "The books" }
                    (self.record_counts())
                }
            }
        }
    }

    /// Returns the totals as a sum that can be checked.
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
                "The clusters hold " (counted(events, "event")) " = " (number(record_counts.clustered))
                " of this scan + " (number(events.saturating_sub(record_counts.clustered)))
                " that the store had before."
                @if record_counts.unknown_codes > 0 {
                    " " (counted(record_counts.unknown_codes, "error")) " had a code that is not known here."
                }
                @if record_counts.unknown_denials > 0 {
                    " " (counted(record_counts.unknown_denials, "refusal")) " had a wording that is not known here."
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
                    None => { p { "No event in a cluster names one." } }
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
                    h3 { (counted(self.failed.len() as u64, "input")) ": nothing of them is in this page" }
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

/// Returns a whole document. Its policy allows this one style sheet and nothing else at all.
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
                // A phone would make links to call of what looks like a number.
                meta name="format-detection" content="telephone=no, date=no, address=no, email=no";
                title { "CloudTrail errors" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// Returns the sums at a glance.
fn tiles(failing: &[DescribedCluster], watched: &[DescribedCluster]) -> Markup {
    html! {
        ul.tiles aria-label="Clusters by severity" {
            @for severity in SEVERITIES {
                @let of_severity = failing.iter().filter(|told| told.assessment.severity == severity);
                li class=(severity.name()) {
                    strong { (number(of_severity.count() as u64)) } " " span { (severity.name()) }
                }
            }
            li { strong { (number(watched.len() as u64)) } " " span { "sensitive calls" } }
        }
    }
}

fn line(class: &str, name: &str, count: u64) -> Markup {
    html! { tr class=(class) { th scope="row" { (name) } td.n { (number(count)) } } }
}

fn reasons(counts: &BTreeMap<&'static str, u64>) -> Markup {
    html! { @for (reason, count) in counts { (line("reason", reason, *count)) } }
}

/// Returns a section of clusters: the table that leads to the cards, and the cards.
fn clusters(told: &[DescribedCluster], id: &str, heading: &str, none: &str) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (heading) }
            @if told.is_empty() {
                p { (none) }
            } @else {
                nav aria-label=(heading) { (summary(told)) }
                (more(told.len(), CARDS_MAX))
                @for told in told.iter().take(CARDS_MAX) { (card(told)) }
            }
        }
    }
}

fn summary(told: &[DescribedCluster]) -> Markup {
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
                @for told in told.iter().take(CARDS_MAX) {
                    tr {
                        td { (told.badge()) }
                        th scope="row" { a href={ "#" (told.anchor()) } { (told.what()) } (told.cause()) }
                        td.n.count { (number(told.cluster.span.count)) }
                        td.wide { (told.who()) }
                        td.wide.status { (told.status()) }
                        td.wide { bdi.nowrap { (shown(&told.cluster.facts.identity.account_id)) } }
                        td.wide { (minute(told.cluster.span.last_seen)) }
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
