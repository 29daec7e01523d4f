//! The listing: a short row for each cluster and for each sensitive call, which all lists show.
//!
//! The inspection makes a [`Listing`] of the inspection state and stores both. A reader adds the events of the hours
//! since then. A [`ListQuery`] filters and sorts the rows; its result is a [`ListPage`] of clusters, and a [`CallsPage`]
//! of sensitive calls.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alerts::locale::Language;
use alerts::severity::{self, Assessment, Severity};
use alerts::terms;
use clusters::caller::CallerId;
use clusters::circumstance::{Circumstance, Circumstances, shown_code};
use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterId, ClusterSubject, STRONG};
use clusters::inspection_state::{CallHistory, Calls, ClusterHistory, InspectionState, hash};
use clusters::least_values::LeastValues;
use clusters::lifecycle::{LifecycleEvent, Move, Resolutions, State, Status, step};
use clusters::occurrence::Occurrence;
use clusters::packed::{pack, unpack};
use clusters::triage::Observation;
use clusters::{Sighting, Span};
use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

pub use crate::search::Show;
use crate::search::Term;

/// The maximum number of clusters on one page of a list.
pub const PAGE: usize = 25;

/// The maximum number of hours in [`ListedCluster::hours`]. Only hours in which the cluster had events are stored.
pub const HOURS_MAX: usize = 24;

/// The version of the encoding. A listing of another version is not read; the next inspection writes a new listing.
const VERSION: u32 = 3;

/// The maximum size of an encoded listing after decompression, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// The maximum number of callers of a cluster whose hashes a row has.
pub const CALLERS_MAX: usize = 32;

/// A short row for each cluster. The rows include all events before the hour `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    version: u32,
    /// The first hour whose events the rows do not include.
    pub until: Window,
    /// The row of each cluster, by cluster id.
    pub clusters: BTreeMap<ClusterId, ListedCluster>,
    /// The sensitive calls of the last eight days, by id; see [`Self::with_all_calls`].
    #[serde(default)]
    pub calls: Calls,
}

/// The row of one cluster in a [`Listing`]: the cluster's state, times and number of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCluster {
    /// The account, call, error code and class of the cluster.
    pub subject: Arc<ClusterSubject>,
    /// The name of the caller of the cluster's first event; `None` if it is not known.
    pub caller: Option<String>,
    /// The number of different callers of the cluster, at most 1000. In a cluster with more than [`CALLERS_MAX`], callers
    /// that are new since the last inspection are not counted.
    pub callers: u64,
    /// The hashes of the callers' names in ascending order, the least [`CALLERS_MAX`]; see [`hash`].
    caller_hashes: Vec<u64>,
    /// Regions of the events.
    pub regions: LeastValues,
    /// Resources of the events.
    pub resources: LeastValues,
    /// The error code of the cluster as the service spelled it; `None` if no event has one.
    pub code: Option<String>,
    /// The circumstances of all events, from which the severity is computed.
    circumstances: Circumstances,
    /// The time of the cluster's first event, over all episodes; `None` if no event has a time.
    pub first: Option<Timestamp>,
    /// The number of the current episode, from 1.
    #[serde(rename = "epoch")]
    pub episode: i64,
    /// The time of the first event of the current episode; `None` if no event has a time.
    pub began: Option<Timestamp>,
    /// The time of the cluster's last event; `None` if no event has a time.
    pub last: Option<Timestamp>,
    /// The number of the cluster's events in all episodes, including events without a time.
    pub total: u64,
    /// The state; `None` if no event has a time.
    state: Option<State>,
    /// Whether the cluster escalates, as of the last inspected hour.
    is_escalating: bool,
    /// The time since which the cluster counts as recovered; `None` while it is open.
    recovered: Option<Timestamp>,
    /// The last [`HOURS_MAX`] hours that had events, oldest first, each with its number of events.
    pub hours: VecDeque<(Window, u64)>,
}

/// A query of a [`Listing`]: filters for the rows, their order, and the page of the result to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The search as it was typed.
    pub search: String,
    /// Why the search is not understood; `None` if it is. The query then has no words and no terms.
    pub problem: Option<SearchProblem>,
    /// The words of the search in lower case; a row matches if it contains all of them, in any order.
    ///
    /// Searched are the cluster id, account id, call, error codes, class, short name of the first caller, regions and
    /// resources.
    pub words: Vec<String>,
    /// The other terms of the search, which have a key or exclude something. All have to match.
    pub terms: Vec<Term>,
    /// The severity of the clusters that match; `None` for all severities.
    pub severity: Option<Severity>,
    /// The class of the clusters that match; `None` for all classes.
    pub class: Option<Class>,
    /// The service of the clusters that match, in lower case; `None` for all services.
    pub service: Option<String>,
    /// The id of the account whose clusters match; `None` for all accounts.
    pub account_id: Option<String>,
    /// The filter by status. It is not applied if [`Self::terms`] has a status.
    pub show: Show,
    /// The name of the decision about the clusters that match, one of [`DECISIONS`](crate::search::DECISIONS); `None` for
    /// all clusters.
    pub decision: Option<&'static str>,
    /// The names of the decisions that hold, by cluster. The listing does not have them. `None` if they were not read: no
    /// condition about decisions is applied then.
    pub decisions: Option<BTreeMap<ClusterId, &'static str>>,
    /// Clusters and sensitive calls that are left out of the result and only counted, because an incident has them.
    pub folded: BTreeSet<ClusterId>,
    /// A range of event time, the end exclusive. A cluster matches if its time from first to last event overlaps the
    /// range; all match if `None`.
    pub range: Option<(Timestamp, Timestamp)>,
    /// The order of the rows in the result.
    pub sort: Sort,
    /// Whether the order `sort` is reversed.
    pub is_reversed: bool,
    /// The number of the page to return, from 1. A number after the last page means the last page.
    pub page: usize,
}

/// Why a search is not understood, in the language of its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchProblem {
    /// The sentence with the reason.
    pub sentence: String,
    /// The search that was probably meant; `None` if it is not known.
    pub suggestion: Option<String>,
}

/// An order of the rows in the result of a [`ListQuery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Sort {
    /// By severity, the most severe first; of equal severity, the latest event first.
    Severity,
    /// By the start of the current episode, the latest first.
    Began,
    /// By the last event, the latest first.
    Last,
    /// By the number of events, the largest first.
    Count,
    /// By [`Status`], the most urgent first.
    State,
    /// By service, action and error code, alphabetically.
    What,
    /// By account id.
    Account,
    /// By class.
    Class,
    /// By the name of the first caller.
    Caller,
    /// By the target of a sensitive call, or the first resource of a cluster.
    Target,
}

/// One page of the rows that a [`ListQuery`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage<'l> {
    /// The clusters on this page with their rows in the listing, in the order of the query.
    pub rows: Vec<(ClusterId, &'l ListedCluster)>,
    /// The number of this page, from 1.
    pub number: usize,
    /// The number of pages of the result, at least 1.
    pub pages: usize,
    /// The number of clusters in the result, on all pages.
    pub found: usize,
    /// The number of clusters outside [`ListQuery::range`] that match all other filters of the query. They are not in
    /// the result.
    pub outside: usize,
    /// The number of clusters that match and are left out because of [`ListQuery::folded`].
    pub folded: usize,
    /// The number of clusters that match all filters but the one by status, of each of [`Show::ALL`].
    pub by_show: [usize; Show::ALL.len()],
    /// The choices of the search form.
    pub choices: Choices<'l>,
}

/// The values that a query can be narrowed to, each with the number of clusters and sensitive calls that it
/// would find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices<'l> {
    /// The severities, the most severe last.
    pub severities: BTreeMap<Severity, usize>,
    /// The classes.
    pub classes: BTreeMap<Class, usize>,
    /// The names of services.
    pub services: BTreeMap<&'l str, usize>,
    /// The ids of accounts. All accounts of the listing are in it, also without a cluster.
    pub accounts: BTreeMap<&'l str, usize>,
}

/// One of the most frequent clusters within a range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrequentCluster<'l> {
    /// The id.
    pub id: ClusterId,
    /// The row in the listing.
    pub listed: &'l ListedCluster,
    /// The number of events, and whether there are no more; see [`ListedCluster::count_within`].
    pub count: (u64, bool),
}

/// One page of the sensitive calls that a [`ListQuery`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallsPage<'l> {
    /// The sensitive calls on this page in the order of lists, see [`call_place`]; in the same place the latest
    /// first.
    pub rows: Vec<(ClusterId, &'l CallHistory)>,
    /// The number of this page, from 1.
    pub number: usize,
    /// The number of pages of the result, at least 1.
    pub pages: usize,
    /// The number of sensitive calls in the result, on all pages.
    pub found: usize,
    /// The number of sensitive calls outside [`ListQuery::range`] that match all other filters of the query. They are not
    /// in the result.
    pub outside: usize,
    /// The number of sensitive calls that match and are left out because of [`ListQuery::folded`].
    pub folded: usize,
}

impl Sort {
    /// All orders that the rows of a result can have.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the order, such as `began`: the value of the parameter `sort` in a request of the dashboard
    /// widget.
    ///
    /// Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            problem: None,
            words: Vec::new(),
            terms: Vec::new(),
            severity: None,
            class: None,
            service: None,
            account_id: None,
            show: Show::Open,
            decision: None,
            decisions: None,
            folded: BTreeSet::new(),
            range: None,
            sort: Sort::Severity,
            is_reversed: false,
            page: 1,
        }
    }
}

impl ListQuery {
    /// Checks whether the query has a search or a filter beside those by status and time.
    pub fn is_narrowed(&self) -> bool {
        self.severity.is_some()
            || self.class.is_some()
            || self.service.is_some()
            || self.account_id.is_some()
            || self.decision.is_some()
            || self.is_search()
    }

    /// Checks whether the decisions about clusters have to be read for the query.
    pub fn is_about_decisions(&self) -> bool {
        self.decision.is_some() || self.terms.iter().any(Term::is_about_decisions)
    }

    /// Checks whether the query has a search.
    pub fn is_search(&self) -> bool {
        !self.words.is_empty() || !self.terms.is_empty()
    }
}

impl ListedCluster {
    /// Creates the row of a cluster without any event.
    fn new(subject: Arc<ClusterSubject>, caller: Option<&str>) -> Self {
        Self {
            subject,
            caller: caller.map(str::to_owned),
            callers: 0,
            caller_hashes: Vec::new(),
            regions: LeastValues::default(),
            resources: LeastValues::default(),
            code: None,
            circumstances: Circumstances::new(),
            first: None,
            episode: 1,
            began: None,
            last: None,
            total: 0,
            state: None,
            is_escalating: false,
            recovered: None,
            hours: VecDeque::new(),
        }
    }

    /// Returns the row of a recovered cluster whose events are no longer stored. `first` is the time of its first
    /// event; all counts are 0.
    pub fn expired(subject: Arc<ClusterSubject>, first: Option<Timestamp>) -> Self {
        Self {
            state: Some(State::Recovered),
            first,
            ..Self::new(subject, None)
        }
    }

    /// Returns the status of the cluster after all events and decisions that were added to its row.
    ///
    /// An escalation, and a recovery by the quiet period, are known only up to the last inspected hour.
    pub fn status(&self) -> Status {
        Status::of(self.state, self.is_escalating)
    }

    /// Returns the error code as people read it: as the service spelled it, or words if the cluster has none of AWS.
    pub fn code_in_words(&self, language: Language) -> &str {
        let words = terms::code(&self.subject.code, self.subject.class, language);
        words.unwrap_or_else(|| self.code.as_deref().unwrap_or(&self.subject.code))
    }

    /// Returns the severity and its reasons, computed from all events of the cluster.
    pub fn assessment(&self) -> Assessment {
        severity::of(&self.subject, &self.circumstances, self.span())
    }

    /// Returns the number of all events of the cluster, and the times of the first and the last event.
    pub fn span(&self) -> Span {
        Span {
            count: self.total,
            first_seen: self.first,
            last_seen: self.last,
        }
    }

    /// Returns the number of events within a range of time (`None`: all), and whether there are no more. Hours at the edges count
    /// whole, and only the last [`HOURS_MAX`] hours with events are known one by one.
    pub fn count_within(&self, range: Option<(Timestamp, Timestamp)>) -> (u64, bool) {
        let is_within = |(from, until)| {
            self.first.is_none_or(|first| first >= from)
                && self.last.is_none_or(|last| last < until)
        };
        let Some((from, until)) = range.filter(|of| !is_within(*of)) else {
            return (self.total, true);
        };
        let hours = self.hours.iter();
        let hours = hours.filter(|(hour, _)| *hour >= from.window() && hour.start() < until);
        let oldest = self.hours.front();
        let is_all =
            self.hours.len() < HOURS_MAX || oldest.is_some_and(|(hour, _)| *hour <= from.window());
        (hours.map(|(_, count)| count).sum(), is_all)
    }

    /// Returns the facts in this row that may end a triage: episode, recovery and last event. `now` is the current time
    /// by the local clock.
    pub fn observation(&self, now: Timestamp) -> Observation {
        Observation {
            episode: Some(self.episode),
            is_recovered: self.status() == Status::Recovered,
            last: self.last,
            ..Observation::at(now)
        }
    }

    /// Adds the facts of an event that do not depend on its time.
    fn add_facts(&mut self, facets: &Facets) {
        self.total += 1;
        let circumstance = Circumstance::of(&self.subject.account_id, |kind| facets.get(kind));
        self.circumstances.insert(circumstance);
        let codes = [self.code.as_deref(), facets.get(FacetKind::ErrorCode)];
        let code = shown_code(codes.into_iter().flatten()).map(str::to_owned);
        self.code = code;
        if let Some(region) = facets.get(FacetKind::Region) {
            self.regions.add(region);
        }
        if let Some(resource) = facets.get(FacetKind::Resource) {
            self.resources.add(resource);
        }
        if let Some(caller) = facets.get(FacetKind::Principal) {
            self.add_caller(hash(caller));
        }
    }

    /// Adds the hash of a caller's name. The least stay, so neither order nor repetition changes the result.
    fn add_caller(&mut self, caller: u64) {
        let Err(place) = self.caller_hashes.binary_search(&caller) else {
            return;
        };
        // With more callers than hashes it is not known which of them are new.
        if self.callers == self.caller_hashes.len() as u64 {
            self.callers += 1;
        }
        self.caller_hashes.insert(place, caller);
        self.caller_hashes.truncate(CALLERS_MAX);
    }

    /// Checks whether the row names all callers of the cluster. A cluster with too many has only some of them.
    pub fn has_all_callers(&self) -> bool {
        self.callers == self.caller_hashes.len() as u64
    }

    /// Checks whether a caller is one of the cluster's, by the hash of the caller's name. Of a cluster with many callers,
    /// only the first one and [`CALLERS_MAX`] others are known.
    pub fn has_caller(&self, name_hash: u64) -> bool {
        let first = || self.caller.as_deref().map(hash);
        self.caller_hashes.binary_search(&name_hash).is_ok() || first() == Some(name_hash)
    }

    /// Adds an event. Events come in the order of time, except for a few late ones.
    fn add_event(&mut self, occurrence: &Occurrence) {
        // A late event from before the recovery does not begin an episode.
        if self.recovered.is_none_or(|since| occurrence.at > since) {
            let (state, change) = step(self.state, LifecycleEvent::Seen);
            self.state = state;
            if change == Some(Move::Return) {
                self.recovered = None;
                self.episode += 1;
                self.began = Some(occurrence.at);
            }
        }
        let first = self
            .first
            .map_or(occurrence.at, |first| first.min(occurrence.at));
        self.first = Some(first);
        if self.episode == 1 {
            self.began = self.first;
        }
        self.last = self.last.max(Some(occurrence.at));
        self.add_facts(&occurrence.series.facets);
        let window = occurrence.at.window();
        let place = self.hours.partition_point(|(of, _)| *of < window);
        match self.hours.get_mut(place).filter(|(of, _)| *of == window) {
            Some((_, count)) => *count += 1,
            None => self.hours.insert(place, (window, 1)),
        }
        if self.hours.len() > HOURS_MAX {
            self.hours.pop_front();
        }
    }

    /// Applies a resolution or a reopening by a person.
    fn decide(&mut self, at: Timestamp, decision: LifecycleEvent) {
        let (state, change) = step(self.state, decision);
        self.state = state;
        match change {
            Some(Move::Recover) => self.recovered = Some(at),
            Some(Move::Reopen) => self.recovered = None,
            _ => {}
        }
    }

    /// Checks whether the cluster failed within a range of time, by its first and last event. A cluster without a time
    /// matches every range.
    pub(crate) fn failed_within(&self, from: Timestamp, until: Timestamp) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return true;
        };
        last >= from && first < until
    }
}

/// The place of a sensitive call in lists; the least is first.
pub type CallPlace = (bool, Reverse<Severity>, bool);

/// Returns the place of a call in lists: the most severe first, and of the same severity the strong ones. Calls without
/// alerts, because a rule expects them or an AWS service made them, come last.
pub fn call_place(subject: &ClusterSubject, severity: Severity, is_silent: bool) -> CallPlace {
    (is_silent, Reverse(severity), subject.code != STRONG)
}

/// Returns the severity of a sensitive call and its reasons, computed from all its events.
pub fn call_assessment(call: &CallHistory) -> Assessment {
    let span = Span {
        count: call.count(),
        first_seen: Some(call.first),
        last_seen: Some(call.last),
    };
    severity::of(&call.subject, &call.circumstances, span)
}

impl From<&ClusterHistory> for ListedCluster {
    fn from(history: &ClusterHistory) -> Self {
        let mut hours: VecDeque<(Window, u64)> = history.hours().collect();
        hours.drain(..hours.len().saturating_sub(HOURS_MAX));
        Self {
            subject: Arc::clone(&history.subject),
            caller: history.caller.clone(),
            callers: history.callers(),
            caller_hashes: history.caller_hashes().take(CALLERS_MAX).collect(),
            regions: history.regions.clone(),
            resources: history.resources.clone(),
            code: history.code().map(str::to_owned),
            circumstances: history.circumstances.clone(),
            first: Some(history.first),
            episode: history.episode,
            began: Some(history.began),
            last: Some(history.last),
            total: history.total,
            state: history.state,
            is_escalating: history.escalation.is_some(),
            recovered: history.recovered,
            hours,
        }
    }
}

impl From<&InspectionState> for Listing {
    fn from(inspection_state: &InspectionState) -> Self {
        let histories = inspection_state.histories().iter();
        Self {
            version: VERSION,
            until: inspection_state.next(),
            clusters: histories
                .map(|(id, history)| (*id, history.into()))
                .collect(),
            calls: inspection_state.calls().clone(),
        }
    }
}

impl Listing {
    /// Returns a listing without clusters: there are no events before the hour `until`.
    pub fn empty(until: Window) -> Self {
        Self {
            version: VERSION,
            until,
            clusters: BTreeMap::new(),
            calls: Calls::new(),
        }
    }

    /// Replaces the sensitive calls by those of all events before [`Self::until`], however old they are. `occurrences` are
    /// in the order of time; other events than sensitive calls are left out.
    #[must_use]
    pub fn with_all_calls(mut self, occurrences: &[Occurrence]) -> Self {
        self.calls.clear();
        let until = self.until;
        let inspected = occurrences.iter().filter(|of| of.at.window() < until);
        for occurrence in inspected.filter(|of| of.subject.class == Class::Watch) {
            self.add_call(occurrence);
        }
        self
    }

    fn add_call(&mut self, occurrence: &Occurrence) {
        let call = self.calls.entry(occurrence.series.cluster);
        call.or_insert_with(|| CallHistory::new(occurrence))
            .add(occurrence);
    }

    /// Adds the events of the hours from [`Self::until`] on, in the order of time, and applies the resolutions of these
    /// hours.
    pub fn meet(&mut self, occurrences: &[Occurrence], resolutions: &Resolutions) {
        let from = self.until.start();
        let decisions = resolutions.iter().flat_map(|(id, all)| {
            let later = all.iter().filter(|(at, _)| *at >= from);
            later.map(|(at, decision)| (*at, *id, *decision))
        });
        let mut decisions: Vec<(Timestamp, ClusterId, LifecycleEvent)> = decisions.collect();
        decisions.sort_unstable();
        let mut decisions = decisions.into_iter().peekable();
        for occurrence in occurrences {
            while let Some((at, id, decision)) = decisions.next_if(|(at, ..)| *at < occurrence.at) {
                self.decide(id, at, decision);
            }
            let id = occurrence.series.cluster;
            if occurrence.subject.class == Class::Watch {
                self.add_call(occurrence);
                continue;
            }
            let caller = occurrence.series.facets.get(FacetKind::Principal);
            let listed = self.clusters.entry(id);
            let new = || ListedCluster::new(Arc::clone(&occurrence.subject), caller);
            listed.or_insert_with(new).add_event(occurrence);
        }
        decisions.for_each(|(at, id, decision)| self.decide(id, at, decision));
    }

    /// Applies a person's decision at the moment `at` to resolve or reopen a cluster. A cluster that is not in the
    /// listing is ignored.
    pub fn decide(&mut self, id: ClusterId, at: Timestamp, decision: LifecycleEvent) {
        if let Some(listed) = self.clusters.get_mut(&id) {
            listed.decide(at, decision);
        }
    }

    /// Adds events that have no usable time to the rows of their clusters.
    ///
    /// `subject` returns the subject of a cluster that is not in the listing yet; if it returns `None`, the event is
    /// left out.
    pub fn add_undated<'s>(
        &mut self,
        sightings: impl Iterator<Item = &'s Sighting>,
        subject: impl Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) {
        for Sighting { series, .. } in sightings.filter(|seen| !seen.watched) {
            let caller = series.facets.get(FacetKind::Principal);
            let listed = match self.clusters.entry(series.cluster) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let Some(subject) = subject(series.cluster) else {
                        continue;
                    };
                    entry.insert(ListedCluster::new(subject, caller))
                }
            };
            listed.add_facts(&series.facets);
        }
    }

    /// Returns the subject of a cluster or a sensitive call; `None` if the listing does not have it.
    pub fn subject(&self, id: ClusterId) -> Option<&Arc<ClusterSubject>> {
        let cluster = self.clusters.get(&id).map(|of| &of.subject);
        cluster.or_else(|| self.calls.get(&id).map(|of| &of.subject))
    }

    /// Returns the time of the newest event; without one, the end of the listing.
    pub fn newest(&self) -> Timestamp {
        let clusters = self.clusters.values().filter_map(|listed| listed.last);
        let calls = self.calls.values().map(|call| call.last);
        let newest = clusters.chain(calls).max();
        newest.unwrap_or_else(|| self.until.start())
    }

    /// Returns the ids of all accounts that have a cluster or a sensitive call in the listing.
    pub fn accounts(&self) -> BTreeSet<&str> {
        let clusters = self.clusters.values().map(|of| &of.subject);
        let subjects = clusters.chain(self.calls.values().map(|of| &of.subject));
        subjects.map(|of| of.account_id.as_str()).collect()
    }

    /// Returns the clusters that a caller failed in, each with its row. Of a cluster with many callers, only some are
    /// known, see [`ListedCluster::has_caller`].
    pub fn clusters_of(&self, caller: CallerId) -> Vec<(ClusterId, &ListedCluster)> {
        let own = self.clusters.iter().filter(|(_, listed)| {
            listed.has_caller(caller.name_hash()) && caller.is_in(&listed.subject.account_id)
        });
        own.map(|(id, listed)| (*id, listed)).collect()
    }

    /// Returns the sensitive calls that a caller made.
    pub fn calls_of(&self, caller: CallerId) -> Vec<(ClusterId, &CallHistory)> {
        let own = self.calls.iter().filter(|(_, call)| {
            hash(&call.caller) == caller.name_hash() && caller.is_in(&call.subject.account_id)
        });
        own.map(|(id, call)| (*id, call)).collect()
    }

    /// Returns the listing as compressed JSON, which [`Self::decode`] reads.
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Parses the bytes of [`Self::encode`]; `None` for all other bytes, and for a listing of another version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let listing: Self = unpack(bytes, BYTES_MAX).ok()?;
        (listing.version == VERSION).then_some(listing)
    }
}
