//! The history of a cluster over all its episodes: when it began, recovered and regressed, its callers, and how often
//! it fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::circumstance::{Circumstance, Circumstances, is_quiet, shown_code};
use crate::escalation::Escalation;
use crate::facet::FacetKind;
use crate::fingerprint::ClusterSubject;
use crate::inspection_state::baseline::Baseline;
use crate::least_values::LeastValues;
use crate::lifecycle::{
    LifecycleEvent, Move, NEW_SECONDS, SETTLING_SECONDS, State, quiet_period_seconds, step,
};
use crate::occurrence::Occurrence;
use crate::transition::Change;

/// The multiple of the longest pause after which a cluster that has pauses counts as recovered, in halves: 1.5 times.
///
/// Without this rule a job that fails every night could recover and begin a new episode every night.
const USUAL_PAUSE_HALVES: i64 = 3;

/// The maximum of a quiet period that follows from a pause, in seconds.
const USUAL_PAUSE_SECONDS_MAX: i64 = 14 * 86_400;

/// The maximum number of callers of a cluster that are stored. Later callers cause no alert.
const CALLERS_MAX: usize = 1000;

/// The number of hours, up to the last event, for which the events of a cluster are counted by hour: one week.
pub const HOURS_MAX: i64 = 7 * 24;

/// The history of one cluster over all its episodes: state, times, number of events, callers and escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterHistory {
    /// The account, call, error code and class of the cluster.
    pub subject: Arc<ClusterSubject>,
    /// The name of the caller of the cluster's first event; `None` if the event names none.
    pub caller: Option<String>,
    /// The time of the cluster's first event, over all episodes.
    pub first: Timestamp,
    /// The number of the current episode, from 1.
    #[serde(rename = "epoch")]
    pub episode: i64,
    /// The time of the first event of the current episode.
    pub began: Timestamp,
    /// The time of the cluster's last event.
    pub last: Timestamp,
    /// The number of events in the current episode.
    pub count: u64,
    /// The number of events in all episodes.
    pub total: u64,
    /// The state of the cluster; `None` before its first event was added.
    pub state: Option<State>,
    /// The time at which the cluster recovered or was resolved; `None` while it is open.
    pub recovered: Option<Timestamp>,
    /// The time of the last reopening by a person. The quiet period begins at this time or later.
    reopened: Option<Timestamp>,
    /// The escalation that is going on; `None` if the cluster does not escalate.
    pub escalation: Option<Escalation>,
    /// The hours of the last [`HOURS_MAX`] that had events, oldest first, each with its number of events.
    hours: VecDeque<(Window, u64)>,
    /// The quiet period of the cluster in seconds: the time without events after which it recovers.
    quiet_seconds: i64,
    /// The account's number of blind hours at the last event.
    blind_hours: i64,
    /// The time of each caller's first event, by a hash of the caller's name.
    callers: BTreeMap<u64, Timestamp>,
    baseline: Baseline,
    /// The distinct circumstances of all events of the cluster, such as kind of caller and kind of program. The
    /// severity is computed from them.
    pub circumstances: Circumstances,
    /// All spellings of the error code by the service.
    codes: BTreeSet<String>,
    /// The regions of the events. A state that an earlier version saved has none of its events.
    #[serde(default, skip_serializing_if = "LeastValues::is_empty")]
    pub regions: LeastValues,
    /// The resources of the events. A state that an earlier version saved has none of its events.
    #[serde(default, skip_serializing_if = "LeastValues::is_empty")]
    pub resources: LeastValues,
}

/// A change of a cluster that its events cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterChange {
    /// The event time of the change.
    pub at: Timestamp,
    /// The kind of change, with its details.
    pub change: Change,
    /// Whether the change is not announced, because the cluster is quiet or another change announces the event.
    pub is_quiet: bool,
}

/// The events of one cluster in one hour or a part of it, oldest first.
pub type Occurrences<'a> = &'a [&'a Occurrence];

impl ClusterHistory {
    /// Creates the history of the cluster to which `occurrence` belongs, the first event of the cluster.
    ///
    /// The event is not counted yet: it must be passed to [`Self::add_hour`] too.
    pub fn new(occurrence: &Occurrence) -> Self {
        Self {
            subject: Arc::clone(&occurrence.subject),
            caller: occurrence
                .series
                .facets
                .get(FacetKind::Principal)
                .map(str::to_owned),
            first: occurrence.at,
            episode: 1,
            began: occurrence.at,
            last: occurrence.at,
            count: 0,
            total: 0,
            state: None,
            recovered: None,
            reopened: None,
            escalation: None,
            hours: VecDeque::new(),
            quiet_seconds: quiet_period_seconds(occurrence.subject.class),
            blind_hours: 0,
            callers: BTreeMap::new(),
            baseline: Baseline::new(occurrence.at.window()),
            circumstances: Circumstances::new(),
            codes: BTreeSet::new(),
            regions: LeastValues::default(),
            resources: LeastValues::default(),
        }
    }

    /// Returns the error code of the cluster as the service spelled it; of several spellings, the shortest. `None` if
    /// no event has one.
    pub fn code(&self) -> Option<&str> {
        shown_code(self.codes.iter().map(String::as_str))
    }

    /// Checks whether the cluster is quiet, so that no alert is sent about it: whether all its events so far are quiet.
    pub fn is_quiet(&self) -> bool {
        is_quiet(&self.subject, &self.circumstances)
    }

    /// Applies an input of the state machine; returns the change of state, if any.
    fn apply(&mut self, event: LifecycleEvent) -> Option<Move> {
        let (state, change) = step(self.state, event);
        self.state = state;
        change
    }

    /// Returns the number of events in the hour `window` and all later hours.
    ///
    /// Only the last [`HOURS_MAX`] hours before the last event are stored; events in earlier hours are not counted.
    pub fn count_since(&self, window: Window) -> u64 {
        let since = self.hours.iter().filter(|(of, _)| *of >= window);
        since.map(|(_, count)| count).sum()
    }

    /// Returns the hours that had events among the [`HOURS_MAX`] hours up to the last event, oldest first, each with
    /// its number of events.
    pub fn hours(&self) -> impl Iterator<Item = (Window, u64)> {
        self.hours.iter().copied()
    }

    /// Checks whether the cluster is open: it has an event, and has neither recovered nor been resolved since.
    pub fn is_open(&self) -> bool {
        self.state.is_some_and(State::is_open)
    }

    /// Returns the time at which the caller of `occurrence` first failed in this cluster.
    ///
    /// `None` if the occurrence names no caller or this time is not stored. It is stored for at most 1000 callers.
    pub fn met(&self, occurrence: &Occurrence) -> Option<Timestamp> {
        let caller = occurrence.series.facets.get(FacetKind::Principal)?;
        self.callers.get(&hash(caller)).copied()
    }

    /// Returns the number of different callers of the cluster. Not more than 1000 are counted.
    pub fn callers(&self) -> u64 {
        self.callers.len() as u64
    }

    /// Returns the hashes of the names of the callers, see [`hash`], in ascending order.
    pub fn caller_hashes(&self) -> impl Iterator<Item = u64> {
        self.callers.keys().copied()
    }

    /// Returns the number of callers whose first event in this cluster is later than `moment`.
    pub fn callers_since(&self, moment: Timestamp) -> u64 {
        let later = self.callers.values().filter(|at| **at > moment);
        later.count() as u64
    }

    /// Adds events of one hour, which is not earlier than the hours added before.
    ///
    /// Returns the changes that the events cause: [`Change::New`], [`Change::Regressed`] and [`Change::NewPrincipal`].
    /// `blind_hours` is the number of blind hours of the cluster's account so far.
    pub fn add_hour(
        &mut self,
        occurrences: Occurrences<'_>,
        blind_hours: i64,
    ) -> Vec<ClusterChange> {
        let mut changes = Vec::new();
        let (Some(first), Some(last)) = (occurrences.first(), occurrences.last()) else {
            return changes;
        };
        let start = match self.apply(LifecycleEvent::Seen) {
            Some(Move::Begin) => Some(Change::New),
            Some(Move::Return) => Some(self.come_back(first.at)),
            _ => None,
        };
        let mut start = start.into_iter();
        let mut is_quiet = self.is_quiet();
        for occurrence in occurrences {
            let at = occurrence.at;
            let was_quiet = is_quiet;
            if self.add_facts(occurrence) {
                is_quiet = self.is_quiet();
            }
            let is_announced_now = was_quiet && !is_quiet;
            let mut add = |change, is_quiet| {
                changes.push(ClusterChange {
                    at,
                    change,
                    is_quiet,
                });
            };
            if let Some(change) = start.next() {
                add(change, is_quiet || is_announced_now);
            }
            if is_announced_now {
                add(Change::New, false);
            }
            let Some(principal) = occurrence.series.facets.get(FacetKind::Principal) else {
                continue;
            };
            if self.add_caller(principal, at) && at.seconds_since(self.first) >= SETTLING_SECONDS {
                let principal = principal.to_owned();
                add(
                    Change::NewPrincipal { principal },
                    is_quiet || is_announced_now,
                );
            }
        }
        self.last = last.at;
        self.blind_hours = blind_hours;
        self.add_count(first.at.window(), occurrences.len() as u64);
        changes
    }

    /// Begins the next episode at a moment.
    fn come_back(&mut self, at: Timestamp) -> Change {
        let quiet_seconds = at.seconds_since(self.last);
        let usual_pause = (quiet_seconds * USUAL_PAUSE_HALVES / 2).min(USUAL_PAUSE_SECONDS_MAX);
        self.quiet_seconds = self.quiet_seconds.max(usual_pause);
        self.episode += 1;
        self.began = at;
        self.count = 0;
        self.recovered = None;
        Change::Regressed { quiet_seconds }
    }

    /// Adds the circumstance, the error code, the region and the resource of an occurrence. Repetition changes nothing. Returns whether the
    /// circumstance is new.
    fn add_facts(&mut self, occurrence: &Occurrence) -> bool {
        let facets = &occurrence.series.facets;
        let circumstance = Circumstance::of_facets(&self.subject, facets);
        if let Some(code) = facets.get(FacetKind::ErrorCode)
            && !self.codes.contains(code)
        {
            self.codes.insert(code.to_owned());
        }
        if let Some(region) = facets.get(FacetKind::Region) {
            self.regions.add(region);
        }
        if let Some(resource) = facets.get(FacetKind::Resource) {
            self.resources.add(resource);
        }
        self.circumstances.insert(circumstance)
    }

    /// Applies a person's decision at the moment `at`: [`LifecycleEvent::Resolved`] closes the cluster,
    /// [`LifecycleEvent::Reopened`] opens it again in the same episode.
    pub fn decide(&mut self, at: Timestamp, decision: LifecycleEvent) {
        match self.apply(decision) {
            Some(Move::Recover) => self.recovered = Some(at),
            Some(Move::Reopen) => {
                self.recovered = None;
                self.reopened = Some(at);
            }
            _ => {}
        }
    }

    /// Adds a caller; returns whether the caller is new. With [`CALLERS_MAX`] callers, none is added.
    fn add_caller(&mut self, principal: &str, at: Timestamp) -> bool {
        if self.callers.len() >= CALLERS_MAX {
            return false;
        }
        let mut is_new = false;
        let first = self.callers.entry(hash(principal)).or_insert_with(|| {
            is_new = true;
            at
        });
        *first = at.min(*first);
        is_new
    }

    fn add_count(&mut self, window: Window, count: u64) {
        self.count += count;
        self.total += count;
        match self.hours.back_mut().filter(|(of, _)| *of == window) {
            Some((_, sum)) => *sum += count,
            None => self.hours.push_back((window, count)),
        }
        while self
            .hours
            .front()
            .is_some_and(|(of, _)| window.hours() - of.hours() >= HOURS_MAX)
        {
            self.hours.pop_front();
        }
    }

    /// Compares the cluster's number of events in the hour `window`, which was added last, with its last week.
    ///
    /// Returns [`Change::Escalating`] if an escalation of the cluster begins, [`Change::Calmed`] if it ends, and
    /// otherwise `None`.
    pub fn compare(&mut self, window: Window) -> Option<Change> {
        let last = self.hours.back().filter(|(of, _)| *of == window);
        let count = last.map_or(0, |(_, count)| *count);
        if count == 0 && self.escalation.is_none() {
            return None;
        }
        self.baseline.add_hour(&mut self.escalation, window, count)
    }

    /// Returns [`Change::Escalating`] if an escalation would begin with `count` events in the hour `window`; otherwise
    /// `None`. The history does not change.
    ///
    /// This is for an hour that is not over: more events in it cannot undo the escalation.
    pub fn preview(&self, window: Window, count: u64) -> Option<Change> {
        let (mut baseline, mut escalation) = (self.baseline.clone(), self.escalation);
        let change = baseline.add_hour(&mut escalation, window, count);
        change.filter(|change| matches!(change, Change::Escalating { .. }))
    }

    /// Ends an hour at the moment `at`. Returns [`Change::Ongoing`] if the episode is now a day old, and
    /// [`Change::Recovered`] if the quiet period of the cluster is now over.
    ///
    /// `blind_hours` is the number of blind hours of the cluster's account so far. Those since the cluster's last event
    /// do not count as quiet.
    pub fn end_hour(&mut self, at: Timestamp, blind_hours: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.is_open() {
            return changes;
        }
        if at.seconds_since(self.began) >= NEW_SECONDS
            && self.apply(LifecycleEvent::DayOver).is_some()
        {
            changes.push(Change::Ongoing);
        }
        let blind = (blind_hours - self.blind_hours) * 3600;
        let last = self.reopened.map_or(self.last, |of| of.max(self.last));
        let is_quiet = at.seconds_since(last) - blind >= self.quiet_seconds;
        if is_quiet && self.apply(LifecycleEvent::Quiet).is_some() {
            self.recovered = Some(at);
            changes.push(Change::Recovered {
                began: self.began,
                fault_seconds: self.last.seconds_since(self.began),
                count: self.count,
            });
        }
        changes
    }

    /// Adds late events of an hour that was already added. `occurrences` are all events of the cluster in that hour,
    /// including those that were added before.
    ///
    /// Returns [`Change::Regressed`] if the cluster has recovered and a late event is later than the recovery: a new
    /// episode begins. Returns `None` in all other cases. A late event of an open cluster can postpone its recovery. New
    /// callers cause no change here, and the first event that is not quiet was announced when it was stored.
    pub fn amend(&mut self, occurrences: Occurrences<'_>) -> Option<ClusterChange> {
        let (first, last) = (occurrences.first()?, occurrences.last()?);
        let is_quiet = self.is_quiet();
        let later = occurrences
            .iter()
            .find(|occurrence| self.recovered.is_none_or(|of| occurrence.at > of));
        let change = later.and_then(|occurrence| match self.apply(LifecycleEvent::Seen)? {
            Move::Return => Some(ClusterChange {
                at: occurrence.at,
                change: self.come_back(occurrence.at),
                is_quiet,
            }),
            _ => None,
        });
        let window = first.at.window();
        let place = self.hours.partition_point(|(of, _)| *of < window);
        let before = match self.hours.get_mut(place).filter(|(of, _)| *of == window) {
            Some((_, count)) => std::mem::replace(count, occurrences.len() as u64),
            None => {
                self.hours.insert(place, (window, occurrences.len() as u64));
                0
            }
        };
        let more = (occurrences.len() as u64).saturating_sub(before);
        self.total += more;
        if change.is_some() {
            self.count = occurrences.len() as u64;
        } else if last.at >= self.began || self.episode == 1 {
            self.count += more;
        }
        for occurrence in occurrences {
            self.add_facts(occurrence);
            if let Some(principal) = occurrence.series.facets.get(FacetKind::Principal) {
                self.add_caller(principal, occurrence.at);
            }
        }
        if self.episode == 1 {
            self.began = self.began.min(first.at);
        }
        self.first = self.first.min(first.at);
        self.last = self.last.max(last.at);
        change
    }
}

/// Returns the first 64 bits of the SHA-256 hash of a text. It is stored, so it never changes.
pub fn hash(name: &str) -> u64 {
    let digest = Sha256::digest(name);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

/// Groups occurrences by the result of `key`, such as their cluster. Each group has the order of `occurrences`.
pub fn grouped<'a, K: Ord>(
    occurrences: &'a [Occurrence],
    key: impl Fn(&'a Occurrence) -> K,
) -> BTreeMap<K, Vec<&'a Occurrence>> {
    let mut groups: BTreeMap<K, Vec<&Occurrence>> = BTreeMap::new();
    for occurrence in occurrences {
        groups.entry(key(occurrence)).or_default().push(occurrence);
    }
    groups
}
