//! The report of a scan: one HTML file that needs no other file, so that it can be sent to a colleague.

mod incidents;
mod overview;
mod tables;
mod totals;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use alerts::locale::Locale;
use alerts::severity::Severity;
use alerts::terms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clusters::incident::Incident;
use clusters::report::RecordCounts;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, Span};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use words::ReportWords;

use super::call::{self, DescribedCall};
use super::card::DescribedCluster;
use super::chart::{SEVERITIES, chart};
use super::keys::keys;
use super::listing::Listing;
use super::{fill, moment, number, plural, shown};

/// All data that the report page of a scan shows.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The names of the scanned files and folders, as the user gave them.
    pub inputs: &'a [String],
    /// The number of files that were read to their end.
    pub files: usize,
    /// The number of records in the scanned files, by outcome, such as ignored or quarantined.
    pub record_counts: &'a RecordCounts,
    /// The language of the page, and the time zone of its times.
    pub locale: Locale,
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

/// The maximum number of names of files and folders in the header.
const INPUTS_MAX: usize = 3;

const STYLE: &str = include_str!("style.css");

/// The script that filters and sorts the tables. The page is complete without it.
const SCRIPT: &str = include_str!("report/report.js");

/// What the page shows, the most severe first.
struct Contents {
    /// The clusters of failing calls.
    failing: Vec<DescribedCluster>,
    /// The first sensitive calls.
    calls: Vec<DescribedCall>,
    /// The number of sensitive calls, with those beyond [`CARDS_MAX`].
    calls_count: usize,
    /// The times of all sensitive calls.
    calls_span: Span,
}

impl Report<'_> {
    /// Returns the report as one HTML document that needs no other file.
    pub fn html(&self) -> String {
        let contents = self.contents();
        self.page(&html! {
            (self.header(&contents))
            main {
                (self.tiles(&contents))
                (self.overview(&contents))
                (self.incident_cards(&contents))
                (self.clusters(&contents.failing))
                (self.sensitive_calls(&contents))
                (self.keys())
                (self.unread())
                (self.totals())
            }
            footer {
                p {
                    @let version = html! { (env!("CARGO_PKG_VERSION")) };
                    @let zone = html! { (self.locale.zone_name()) };
                    (fill(self.words().footer, &[("version", version), ("zone", zone)]))
                }
            }
        })
    }

    fn words(&self) -> &'static ReportWords {
        ReportWords::of(self.locale.language)
    }

    fn contents(&self) -> Contents {
        let all = self.snapshot.clusters().into_iter();
        let described = all.filter_map(|cluster| {
            let listed = self.listing.clusters.get(&cluster.id)?;
            Some(DescribedCluster::of(cluster, listed))
        });
        let mut failing: Vec<DescribedCluster> = described.collect();
        // The sort is stable: within a severity the largest stay first.
        failing.sort_by_key(|described| std::cmp::Reverse(described.assessment.severity));
        let calls = call::listed(self.snapshot, |_| None);
        let mut calls_span = Span::default();
        for (_, call) in &calls {
            calls_span.add(call.span);
        }
        let first = calls.iter().take(CARDS_MAX);
        Contents {
            failing,
            calls_count: calls.len(),
            calls_span,
            calls: first
                .map(|(_, call)| DescribedCall::of(call.cluster()))
                .collect(),
        }
    }

    fn header(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let mut span = Span::default();
        for described in &contents.failing {
            span.add(described.cluster.span);
        }
        let identities = contents.failing.iter().map(|of| &of.cluster.facts.identity);
        let accounts: BTreeSet<&str> = identities.map(|of| of.account_id.as_str()).collect();
        let (clusters, accounts) = (contents.failing.len() as u64, accounts.len() as u64);
        let counts = [
            (
                "events",
                plural(span.count, words.one_failure, words.failures),
            ),
            (
                "clusters",
                plural(clusters, words.one_cluster, words.clusters),
            ),
            (
                "accounts",
                plural(accounts, words.one_account, words.accounts),
            ),
        ];
        html! {
            header {
                h1 { (words.title) }
                p {
                    (fill(words.summary, &counts))
                    @if span.last_seen.is_some() { (self.time_range(span)) }
                    (words.dot)
                    @if contents.calls_count > 0 { (self.calls_line(contents)) }
                }
                p.note {
                    (self.files())
                    @if span.last_seen.is_some() {
                        @let at = moment(Some(self.listing.until.start()), self.locale);
                        (fill(words.as_of, &[("at", at)]))
                    }
                }
            }
        }
    }

    fn time_range(&self, span: Span) -> Markup {
        let zone = html! { (self.locale.zone_name()) };
        let values = [
            ("from", moment(span.first_seen, self.locale)),
            ("to", moment(span.last_seen, self.locale)),
            ("zone", zone),
        ];
        fill(self.words().from_to, &values)
    }

    /// Returns the number of sensitive calls, and how often they were made if some were made several times.
    fn calls_line(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let (count, all) = (contents.calls_count as u64, contents.calls_span.count);
        html! {
            (plural(count, words.one_call, words.calls))
            @if all > count { (words.comma) (fill(words.times, &[("count", number(all))])) }
            (words.dot)
        }
    }

    /// Returns the number of files, and the names that were given.
    fn files(&self) -> Markup {
        let words = self.words();
        let files = plural(self.files as u64, words.one_file, words.files);
        let more = self.inputs.len().saturating_sub(INPUTS_MAX) as u64;
        let names = html! {
            @for (at, input) in self.inputs.iter().take(INPUTS_MAX).enumerate() {
                @if at > 0 { (words.comma) }
                bdi { (shown(input)) }
            }
            @if more > 0 { (fill(words.and_more, &[("count", number(more))])) }
        };
        html! {
            @if self.inputs.is_empty() { (files) }
            @else { (fill(words.of_files, &[("files", files), ("names", names)])) }
            (words.dot)
        }
    }

    /// Returns the number of clusters by severity, and of sensitive calls, as links to their tables.
    fn tiles(&self, contents: &Contents) -> Markup {
        let words = self.words();
        html! {
            ul.tiles aria-label=(words.by_severity) {
                @for severity in SEVERITIES { (self.tile(severity, contents)) }
                li {
                    a href="#sensitive" {
                        strong { (number(contents.calls_count as u64)) } " " span { (words.sensitive) }
                    }
                }
            }
        }
    }

    /// Returns the number of clusters and sensitive calls of a severity, as a link to the table of clusters.
    fn tile(&self, severity: Severity, contents: &Contents) -> Markup {
        let name = terms::severity(severity, self.locale.language);
        let failing = contents.failing.iter();
        let failing = failing.filter(|of| of.assessment.severity == severity);
        let calls = contents.calls.iter();
        let calls = calls.filter(|of| of.assessment.severity == severity);
        let (failing, calls) = (failing.count() as u64, calls.count() as u64);
        let both = [("failing", number(failing)), ("sensitive", number(calls))];
        html! {
            li class=(severity.name()) {
                a href="#failing" data-severity=(name) {
                    strong { (number(failing + calls)) } " " span { (name) }
                    @if calls > 0 { small { (fill(self.words().of_both, &both)) } }
                }
            }
        }
    }

    /// Returns the chart.
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
            section aria-labelledby="time" {
                h2 id="time" { (self.words().over_time) }
                (chart(events, self.locale))
            }
        }
    }

    fn keys(&self) -> Markup {
        html! {
            section aria-labelledby="keys" {
                h2 id="keys" { (self.words().keys) }
                @match keys(self.snapshot, self.locale) {
                    Some(table) => { (table) }
                    None => { p { (self.words().no_key) } }
                }
            }
        }
    }

    /// Returns a whole HTML document. Its Content Security Policy allows only this style sheet and this script.
    fn page(&self, body: &Markup) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        html! {
            (DOCTYPE)
            html lang=(self.locale.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    // Phones turn digits into links that call a number.
                    meta name="format-detection" content="telephone=no, date=no, address=no, email=no";
                    title { (self.words().title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    (body)
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
        .into_string()
    }
}
