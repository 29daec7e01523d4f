//! The page of one account: how severe, when, who and what, from the rows of the lists and the incidents alone.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use alerts::locale::Language;
use alerts::severity::Severity;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::inspection_state::CallHistory;
use clusters::lifecycle::Status;
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::json;

use super::caller::{ActorWords, incident_list, rated, rated_table};
use super::parts::caller_link;
use super::spark::chart;
use super::{ClickTarget, Frame};
use crate::card::badge;
use crate::listing::{ListedCluster, call_assessment};
use crate::search::SEVERITIES;
use crate::{fill, more, number, plural};

/// The maximum number of callers and of calls.
const ROWS_MAX: usize = 10;

/// The maximum number of critical clusters and sensitive calls.
const CRITICAL_MAX: usize = 5;

/// All data that the page of one account shows.
#[derive(Debug)]
pub struct AccountPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The id of the account, twelve digits.
    pub account_id: &'a str,
    /// The incidents of the account, the most severe first.
    pub incidents: Vec<&'a Incident>,
    /// The clusters of the account.
    pub clusters: Vec<(ClusterId, &'a ListedCluster)>,
    /// The sensitive calls of the account.
    pub calls: Vec<(ClusterId, &'a CallHistory)>,
    /// The moment of event time up to which the page includes events.
    pub as_of: Timestamp,
}

impl AccountPage<'_> {
    /// Returns the page of the account as HTML.
    pub fn html(&self) -> String {
        let words = self.words();
        let mut critical = rated(&self.clusters, &self.calls);
        critical.retain(|row| row.severity == Severity::Critical);
        critical.truncate(CRITICAL_MAX);
        let content = html! {
            h2 { (self.frame.account(self.account_id)) }
            p.acts {
                (words.account) " "
                a.btn { (words.list) }
                (self.frame.call(ClickTarget::Widget, &json!({"account": self.account_id, "only": true}), None))
            }
            (self.totals())
            @if !self.incidents.is_empty() {
                h3 { (words.incidents) }
                (incident_list(&self.frame, &self.incidents))
            }
            h3 { (words.critical) }
            @if critical.is_empty() { p.soft { (words.no_critical) } }
            @else { (rated_table(&self.frame, &critical, self.as_of)) }
            h3 { (words.hours) }
            (chart(&self.frame, self.hours(), self.as_of.window()))
            (self.callers())
            (self.failing())
        };
        self.frame.page(&content)
    }

    /// Returns the sentence that an account has no cluster and no sensitive call.
    pub fn unknown(language: Language) -> &'static str {
        ActorWords::of(language).unknown_account
    }

    fn words(&self) -> &'static ActorWords {
        ActorWords::of(self.frame.locale.language)
    }

    /// Returns the number of clusters of each severity, how many of them are open, and the number of sensitive calls.
    fn totals(&self) -> Markup {
        let words = self.words();
        let mut totals: BTreeMap<Severity, (u64, u64, u64)> = BTreeMap::new();
        for (_, listed) in &self.clusters {
            let (open, all, _) = totals.entry(listed.assessment().severity).or_default();
            *open += u64::from(listed.status() != Status::Recovered);
            *all += 1;
        }
        for (_, call) in &self.calls {
            let (_, _, calls) = totals.entry(call_assessment(call).severity).or_default();
            *calls += 1;
        }
        html! {
            h3 { (words.totals) }
            dl.facts {
                @for severity in SEVERITIES {
                    @if let Some((open, all, calls)) = totals.get(&severity) {
                        dt { (badge(severity, self.frame.locale.language)) }
                        dd {
                            @if *all > 0 { (fill(words.open_of_all, &[("open", number(*open)), ("count", number(*all))])) }
                            @if *all > 0 && *calls > 0 { " · " }
                            @if *calls > 0 { (plural(*calls, words.one_sensitive, words.sensitive_calls)) }
                        }
                    }
                }
            }
        }
    }

    fn hours(&self) -> impl Iterator<Item = (Window, u64)> {
        let clusters = self.clusters.iter();
        clusters.flat_map(|(_, listed)| listed.hours.iter().copied())
    }

    /// Returns the first callers of clusters and the callers of sensitive calls, with how many of both they have.
    fn callers(&self) -> Markup {
        let first = self.clusters.iter();
        let first = first.filter_map(|(_, listed)| listed.caller.as_deref());
        let calls = self.calls.iter().map(|(_, call)| call.caller.as_str());
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for caller in first.chain(calls).filter(|of| !of.is_empty()) {
            *counts.entry(caller).or_default() += 1;
        }
        let counts = most(counts);
        html! {
            h3 { (self.words().callers) }
            ul.objects {
                @for (caller, count) in counts.iter().take(ROWS_MAX) {
                    li { (caller_link(&self.frame, self.account_id, caller)) " ×" (number(*count)) }
                }
            }
            (more(counts.len(), ROWS_MAX, self.frame.locale.language))
        }
    }

    /// Returns the calls with the most failures.
    fn failing(&self) -> Markup {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (_, listed) in &self.clusters {
            let ClusterSubject {
                service, action, ..
            } = &*listed.subject;
            *counts.entry((service, action)).or_default() += listed.total;
        }
        let counts = most(counts);
        html! {
            @if !counts.is_empty() {
                h3 { (self.words().failing) }
                ul.objects {
                    @for ((service, action), count) in counts.iter().take(ROWS_MAX) {
                        li { bdi.call { (sanitize(&format!("{service}:{action}"), 160)) } " ×" (number(*count)) }
                    }
                }
                (more(counts.len(), ROWS_MAX, self.frame.locale.language))
            }
        }
    }
}

/// Sorts counted values, the largest count first.
fn most<K: Ord + Copy>(counts: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut counts: Vec<(K, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(value, count)| (Reverse(*count), *value));
    counts
}
