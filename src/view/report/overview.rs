//! The first screen of the report: what is most severe, what is new, and who does it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use alerts::severity::Severity;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::lifecycle::Status;
use clusters::{Span, short_name};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;

use super::{Contents, Report};
use crate::call::DescribedCall;
use crate::card::{DescribedCluster, badge};
use crate::{compact_name, fill, incident, number, plural};

/// The maximum number of incidents, of clusters and of callers in a list of the first screen.
const INCIDENTS_MAX: usize = 3;
const WORST_MAX: usize = 5;
const NEW_MAX: usize = 5;
const CALLERS_MAX: usize = 6;
const FREQUENT_MAX: usize = 10;

/// The maximum length of an error message, in characters.
const MESSAGE_CHARS_MAX: usize = 120;

/// For how long a cluster is new, in seconds.
const NEW_SECONDS: i64 = 86_400;

/// A row of a list: where it leads, and what it shows.
struct Row {
    severity: Severity,
    last: Option<Timestamp>,
    anchor: String,
    what: Markup,
    who: Markup,
}

/// The events of one caller: their number, and the severity of the most severe cluster or sensitive call among them.
struct CallerSum<'a> {
    name: &'a str,
    account_id: &'a str,
    events: u64,
    severity: Severity,
}

impl Report<'_> {
    /// Returns the first screen: incidents, the most severe clusters and calls, new clusters, and the callers.
    pub(super) fn overview(&self, contents: &Contents) -> Markup {
        let words = self.words();
        html! {
            div.beside {
                div {
                    (self.worst(contents))
                    (self.new_clusters(contents))
                }
                div {
                    section aria-labelledby="callers" {
                        h2 id="callers" { (words.callers) }
                        (self.callers(contents))
                    }
                    (self.over_time(&contents.failing))
                }
            }
            (self.frequent(contents))
        }
    }

    /// Returns the incidents, and the most severe clusters and sensitive calls outside of them.
    fn worst(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let incidents = self.first_incidents();
        let in_incidents = in_incidents(incidents);
        let is_apart = |id: ClusterId| !in_incidents.contains(&id);
        let failing = contents.failing.iter();
        let failing = failing.filter(|of| is_apart(of.cluster.id));
        let calls = contents.calls.iter();
        let calls = calls.filter(|of| is_apart(of.call.id));
        let mut rows: Vec<Row> = failing
            .map(|of| self.cluster_row(of))
            .chain(calls.map(|of| self.call_row(of)))
            .collect();
        rows.sort_by_key(|row| (Reverse(row.severity), Reverse(row.last)));
        html! {
            section aria-labelledby="worst" {
                h2 id="worst" { (words.worst) }
                @if incidents.is_empty() && rows.is_empty() { p { (words.nothing_severe) } }
                ul.worst {
                    @for of in incidents { (self.incident_row(of)) }
                    @for row in rows.iter().take(WORST_MAX) { (self.row(row)) }
                }
            }
        }
    }

    /// Returns the clusters with most events, each with its error message; empty if nothing failed.
    fn frequent(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let mut frequent: Vec<&DescribedCluster> = contents.failing.iter().collect();
        // The sort is stable: of equal counts the most severe comes first.
        frequent.sort_by_key(|of| Reverse(of.cluster.span.count));
        html! {
            @if !frequent.is_empty() {
                section aria-labelledby="frequent" {
                    h2 id="frequent" { (words.frequent) }
                    table.bars {
                        thead { tr { th scope="col" { (words.what) } th.n scope="col" { (words.count) } } }
                        tbody {
                            @for of in frequent.into_iter().take(FREQUENT_MAX) {
                                tr {
                                    th scope="row" {
                                        a href={ "#" (of.anchor()) } { (of.what(self.locale.language)) }
                                        @let message = sanitize(&of.cluster.facts.template, MESSAGE_CHARS_MAX);
                                        @if !message.is_empty() { div.soft { bdi { (message) } } }
                                    }
                                    td.n { (number(of.cluster.span.count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn first_incidents(&self) -> &[Incident] {
        &self.incidents[..self.incidents.len().min(INCIDENTS_MAX)]
    }

    fn incident_row(&self, incident: &Incident) -> Markup {
        let language = self.locale.language;
        html! {
            li {
                (badge(incident::severity(incident.severity), language))
                div {
                    span.when { (self.ago(incident.last)) }
                    a href={ "#i-" (incident.id.text()) } { bdi { (incident::who(&incident.actor, language)) } }
                    div { (incident::reason(incident, language)) }
                    div.soft { (incident::steps(incident, language)) }
                    @for (title, line) in incident::stays(&incident.ledger, self.locale) {
                        div.soft { (title) (language.pick(": ", "：")) bdi { (line) } }
                    }
                }
            }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        html! {
            li {
                (badge(row.severity, self.locale.language))
                div {
                    @if let Some(last) = row.last { span.when { (self.ago(last)) } }
                    a href={ "#" (row.anchor) } { (row.what) }
                    div.soft { (row.who) }
                }
            }
        }
    }

    fn cluster_row(&self, of: &DescribedCluster) -> Row {
        Row {
            severity: of.assessment.severity,
            last: of.cluster.span.last_seen,
            anchor: of.anchor(),
            what: of.what(self.locale.language),
            who: html! {
                (of.who(self.locale.language)) " · "
                (plural(of.cluster.span.count, self.words().one_event, self.words().events))
            },
        }
    }

    fn call_row(&self, of: &DescribedCall) -> Row {
        Row {
            severity: of.assessment.severity,
            last: of.call.span.last_seen,
            anchor: of.anchor(),
            what: of.what(self.locale.language),
            who: of.who(),
        }
    }

    /// Returns how long before the newest event something was, with the time itself as a title.
    fn ago(&self, at: Timestamp) -> Markup {
        let seconds = self.listing.newest().seconds_since(at);
        html! { time datetime=(at) title=(self.locale.moment(at)) { (self.locale.ago(seconds)) } }
    }

    /// Returns the clusters and sensitive calls that began in the last 24 hours, the most severe first. Of those in the incidents
    /// above, only the number is shown.
    fn new_clusters(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let since = self.listing.until.start().plus(-NEW_SECONDS);
        let is_within = |span: Span| span.first_seen.is_some_and(|first| first >= since);
        let failing = contents.failing.iter();
        let failing = failing.filter(|of| of.status == Status::New && is_within(of.cluster.span));
        let calls = contents.calls.iter();
        let calls = calls.filter(|of| is_within(of.call.span));
        let rows: Vec<(ClusterId, Row)> = failing
            .map(|of| (of.cluster.id, self.cluster_row(of)))
            .chain(calls.map(|of| (of.call.id, self.call_row(of))))
            .collect();
        let all = contents.failing.len() + contents.calls.len();
        let in_incidents = in_incidents(self.first_incidents());
        let (folded, mut new): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|(id, _)| in_incidents.contains(id));
        new.sort_by_key(|(_, row)| (Reverse(row.severity), Reverse(row.last)));
        let is_all = new.len() + folded.len() == all && new.len() > NEW_MAX;
        html! {
            section aria-labelledby="new" {
                h2 id="new" { (words.new) }
                @if is_all {
                    p { (fill(words.all_new, &[("count", number(all as u64))])) }
                } @else if new.is_empty() {
                    p { (words.nothing_new) }
                } @else {
                    ul.worst { @for (_, row) in new.iter().take(NEW_MAX) { (self.row(row)) } }
                    (crate::more(new.len(), NEW_MAX, self.locale.language))
                }
                @if !folded.is_empty() && !is_all {
                    p.note { (fill(words.new_in_incidents, &[("count", number(folded.len() as u64))])) }
                }
            }
        }
    }

    /// Returns the callers with most events as bars, each in the color of the most severe thing that the caller did.
    fn callers(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let sums = self.caller_sums(contents);
        let most = sums.first().map_or(1, |of| of.events).max(1);
        html! {
            @if sums.is_empty() { p { (words.no_caller) } } @else {
                table.bars {
                    thead { tr { th scope="col" { (words.caller) } th.n scope="col" { (words.count) } } }
                    tbody {
                        @for of in sums.iter().take(CALLERS_MAX) {
                            tr {
                                th scope="row" {
                                    bdi { (compact_name(short_name(of.name, of.account_id))) }
                                    svg aria-hidden="true" viewBox="0 0 100 4" preserveAspectRatio="none" {
                                        rect class=(of.severity.name()) x="0" y="0" height="4"
                                            width=((of.events * 100).div_ceil(most)) {}
                                    }
                                }
                                td.n { (number(of.events)) }
                            }
                        }
                    }
                }
                (crate::more(sums.len(), CALLERS_MAX, self.locale.language))
            }
        }
    }

    /// Returns the callers of all clusters and sensitive calls, those with most events first.
    fn caller_sums<'a>(&'a self, contents: &Contents) -> Vec<CallerSum<'a>> {
        let failing = contents
            .failing
            .iter()
            .map(|of| (of.cluster.id, of.assessment.severity));
        let calls = contents
            .calls
            .iter()
            .map(|of| (of.call.id, of.assessment.severity));
        let severities: BTreeMap<ClusterId, Severity> = failing.chain(calls).collect();
        let mut sums: BTreeMap<(&str, &str), CallerSum<'a>> = BTreeMap::new();
        for (series, span) in self.snapshot.rows() {
            let (Some(name), Some(severity)) = (
                series.get(FacetKind::Principal),
                severities.get(&series.cluster()),
            ) else {
                continue;
            };
            let facts = self.snapshot.facts.get(&series.cluster());
            let account_id = facts.map_or("", |of| of.identity.account_id.as_str());
            let sum = sums.entry((account_id, name)).or_insert(CallerSum {
                name,
                account_id,
                events: 0,
                severity: *severity,
            });
            sum.events += span.count;
            sum.severity = sum.severity.max(*severity);
        }
        let mut sums: Vec<CallerSum<'a>> = sums.into_values().collect();
        // The sort is stable: equal ones stay in the order of their names.
        sums.sort_by_key(|of| Reverse(of.events));
        sums
    }
}

/// Returns the clusters and sensitive calls of some incidents, whose rows show them already.
fn in_incidents(incidents: &[Incident]) -> BTreeSet<ClusterId> {
    let clusters = incidents.iter().flat_map(|of| &of.clusters);
    clusters.copied().collect()
}
