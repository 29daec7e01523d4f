//! The history of a cluster over all its episodes: when it began, recovered and came back, its callers, and how often
//! it fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::campaign::Occurrence;
use crate::circumstance::{Circumstance, Circumstances, shown_code};
use crate::escalation::Escalation;
use crate::facet::FacetKind;
use crate::fingerprint::ClusterSubject;
use crate::inspection_state::baseline::Baseline;
use crate::lifecycle::{
    LifecycleEvent, Move, NEW_SECONDS, SETTLING_SECONDS, State, quiet_period_seconds, step,
};
use crate::transition::Change;

/// The multiple of the longest pause after which a cluster that has pauses counts as recovered, in halves: 1.5 times.
///
/// Without this rule a job that fails every night could recover and come back every night.
const USUAL_PAUSE_HALVES: i64 = 3;

/// The maximum of a quiet period that follows from a pause, in seconds.
const USUAL_PAUSE_SECONDS_MAX: i64 = 14 * 86_400;

/// The maximum number of callers of a cluster that are stored. Later callers cause no alert.
const CALLERS_MAX: usize = 1000;

/// The number of hours for which the counts of a cluster are stored: one week.
pub const HOURS_MAX: i64 = 7 * 24;

/// The whole history of a cluster over all its episodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterHistory {
    /// The account, call, error code and class of the cluster.
    pub subject: Arc<ClusterSubject>,
    /// The caller of the first event; `None` if the event names none.
    pub caller: Option<String>,
    /// The time of the first event of all.
    pub first: Timestamp,
    /// The number of the current episode, from 1.
    #[serde(rename = "epoch")]
    pub episode: i64,
    /// The time of the first event of the current episode.
    pub began: Timestamp,
    /// The time of the last event.
    pub last: Timestamp,
    /// The number of events in the current episode.
    pub count: u64,
    /// The number of events in all episodes.
    pub total: u64,
    /// The state; `None` before the first event was added.
    pub state: Option<State>,
    /// The time since which the cluster counts as recovered; `None` while it is open.
    pub recovered: Option<Timestamp>,
    /// The time of the last reopening by a person. The quiet period begins at this time or later.
    reopened: Option<Timestamp>,
    /// Whether the start of this episode was not announced, because a campaign alert covers it.
    #[serde(rename = "is_untold")]
    pub is_unannounced: bool,
    /// The current escalation, if there is one.
    pub escalation: Option<Escalation>,
    /// The hours of the last [`HOURS_MAX`] that had events, oldest first, each with its number of events.
    hours: VecDeque<(Window, u64)>,
    /// The time without events after which the cluster recovers.
    quiet_seconds: i64,
    /// The account's number of blind hours at the last event.
    blind_hours: i64,
    /// The time of each caller's first event, by a hash of the caller's name.
    callers: BTreeMap<u64, Timestamp>,
    baseline: Baseline,
    /// The circumstances of all events, from which the severity is computed.
    pub circumstances: Circumstances,
    /// All spellings of the error code by the service.
    codes: BTreeSet<String>,
}

/// The occurrences of one cluster in one hour, oldest first.
pub type Occurrences<'a> = &'a [&'a Occurrence];

impl ClusterHistory {
    /// Creates the history of a cluster before its first occurrence, which is not added yet.
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
            is_unannounced: false,
            escalation: None,
            hours: VecDeque::new(),
            quiet_seconds: quiet_period_seconds(occurrence.subject.class),
            blind_hours: 0,
            callers: BTreeMap::new(),
            baseline: Baseline::new(occurrence.at.window()),
            circumstances: Circumstances::new(),
            codes: BTreeSet::new(),
        }
    }

    /// Returns the error code as the service spelled it; `None` if no event has one.
    pub fn code(&self) -> Option<&str> {
        shown_code(self.codes.iter().map(String::as_str))
    }

    /// Applies an input of the state machine; returns the change of state, if any.
    fn apply(&mut self, event: LifecycleEvent) -> Option<Move> {
        let (state, change) = step(self.state, event);
        self.state = state;
        change
    }

    /// Returns the number of events from an hour on, which may lie at most [`HOURS_MAX`] before the last hour.
    pub fn count_since(&self, window: Window) -> u64 {
        let since = self.hours.iter().filter(|(of, _)| *of >= window);
        since.map(|(_, count)| count).sum()
    }

    /// Returns the hours of the last [`HOURS_MAX`] that had events, oldest first, each with its number of events.
    pub fn hours(&self) -> impl Iterator<Item = (Window, u64)> {
        self.hours.iter().copied()
    }

    /// Checks whether the cluster has not recovered.
    pub fn is_open(&self) -> bool {
        self.state.is_some_and(State::is_open)
    }

    /// Returns the time of the first event of an occurrence's caller in this cluster; `None` if it is not known.
    pub fn met(&self, occurrence: &Occurrence) -> Option<Timestamp> {
        let caller = occurrence.series.facets.get(FacetKind::Principal)?;
        self.callers.get(&hash(caller)).copied()
    }

    /// Returns the number of different callers, at most 1000.
    pub fn callers(&self) -> u64 {
        self.callers.len() as u64
    }

    /// Returns the number of callers whose first event came after a moment.
    pub fn callers_since(&self, moment: Timestamp) -> u64 {
        let later = self.callers.values().filter(|at| **at > moment);
        later.count() as u64
    }

    /// Adds the occurrences of an hour that is not earlier than all hours so far, and returns the changes with their
    /// times.
    ///
    /// `blind_hours` is the account's number of blind hours so far.
    pub fn add_hour(
        &mut self,
        occurrences: Occurrences<'_>,
        blind_hours: i64,
    ) -> Vec<(Timestamp, Change)> {
        let mut changes = Vec::new();
        let (Some(first), Some(last)) = (occurrences.first(), occurrences.last()) else {
            return changes;
        };
        match self.apply(LifecycleEvent::Seen) {
            Some(Move::Begin) => changes.push((first.at, Change::New)),
            Some(Move::Return) => changes.push((first.at, self.come_back(first.at))),
            _ => {}
        }
        for occurrence in occurrences {
            self.add_facts(occurrence);
            let Some(principal) = occurrence.series.facets.get(FacetKind::Principal) else {
                continue;
            };
            if self.add_caller(principal, occurrence.at)
                && occurrence.at.seconds_since(self.first) >= SETTLING_SECONDS
            {
                let principal = principal.to_owned();
                changes.push((occurrence.at, Change::NewPrincipal { principal }));
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
        self.is_unannounced = false;
        Change::Regressed { quiet_seconds }
    }

    /// Adds the circumstance and the error code of an occurrence. Repetition changes nothing.
    fn add_facts(&mut self, occurrence: &Occurrence) {
        let facets = &occurrence.series.facets;
        let circumstance = Circumstance::of(&self.subject.account_id, |kind| facets.get(kind));
        self.circumstances.insert(circumstance);
        if let Some(code) = facets.get(FacetKind::ErrorCode)
            && !self.codes.contains(code)
        {
            self.codes.insert(code.to_owned());
        }
    }

    /// Applies a person's decision: [`LifecycleEvent::Resolved`] or [`LifecycleEvent::Reopened`].
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

    /// Compares an hour with the hours before it; returns an escalation that begins or ends.
    pub fn compare(&mut self, window: Window) -> Option<Change> {
        let last = self.hours.back().filter(|(of, _)| *of == window);
        let count = last.map_or(0, |(_, count)| *count);
        if count == 0 && self.escalation.is_none() {
            return None;
        }
        self.baseline.add_hour(&mut self.escalation, window, count)
    }

    /// Returns an escalation that begins with `count` events, in an hour that may get more; `None` if there is none.
    pub fn preview(&self, window: Window, count: u64) -> Option<Change> {
        let (mut baseline, mut escalation) = (self.baseline.clone(), self.escalation);
        let change = baseline.add_hour(&mut escalation, window, count);
        change.filter(|change| matches!(change, Change::Escalating { .. }))
    }

    /// Ends an hour at the moment `at`: returns whether the cluster is now ongoing, or has recovered.
    ///
    /// `blind_hours` is the account's number of blind hours so far; those since the last event do not count as quiet.
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

    /// Adds late events of an hour that was already added. `occurrences` are all occurrences of that hour.
    ///
    /// A late event can postpone a recovery that has not happened yet. It begins a new episode only if it is later than
    /// the recovery; then [`Change::Regressed`] is returned. New callers cause no change here.
    pub fn amend(&mut self, occurrences: Occurrences<'_>) -> Option<(Timestamp, Change)> {
        let (first, last) = (occurrences.first()?, occurrences.last()?);
        let later = occurrences
            .iter()
            .find(|occurrence| self.recovered.is_none_or(|of| occurrence.at > of));
        let change = later.and_then(|occurrence| match self.apply(LifecycleEvent::Seen)? {
            Move::Return => Some((occurrence.at, self.come_back(occurrence.at))),
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

fn hash(name: &str) -> u64 {
    let digest = Sha256::digest(name);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

/// Groups occurrences by a key; each group keeps their order.
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
