//! The episode of a cluster: when it began, recovered and came back, who it met, and how often it fails.

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

/// A cluster that came back after a pause is taken to have pauses: it recovers only after so many times
/// the longest it had, in halves, and after [`USUAL_PAUSE_SECONDS_MAX`] at most. A job that fails every
/// night would come and go every night otherwise.
const USUAL_PAUSE_HALVES: i64 = 3;

const USUAL_PAUSE_SECONDS_MAX: i64 = 14 * 86_400;

/// How many callers of a cluster are told apart; who comes later is not told as new.
const CALLERS_MAX: usize = 1000;

/// For how many hours it is remembered how often a cluster failed in each.
pub const HOURS_MAX: i64 = 7 * 24;

/// A cluster's episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterHistory {
    /// What it is.
    pub subject: Arc<ClusterSubject>,
    /// Who it was seen of first, where that is known.
    pub caller: Option<String>,
    /// The first event of all.
    pub first: Timestamp,
    /// Counts its episodes, from 1.
    #[serde(rename = "epoch")]
    pub episode: i64,
    /// The first event of this episode.
    pub began: Timestamp,
    /// The last event.
    pub last: Timestamp,
    /// Events of this episode.
    pub count: u64,
    /// The number of events in all episodes.
    pub total: u64,
    /// How it stands; `None` before its first event was taken.
    pub state: Option<State>,
    /// Since when it counts as recovered.
    pub recovered: Option<Timestamp>,
    /// When a person said last that it is not over; it has to be quiet from then on.
    reopened: Option<Timestamp>,
    /// Whether the start of this episode was not announced, because a campaign alert covers it.
    pub is_untold: bool,
    /// Its escalation, if one stands.
    pub escalation: Option<Escalation>,
    /// How often it failed in each of the last [`HOURS_MAX`] hours in which it did.
    hours: VecDeque<(Window, u64)>,
    quiet_seconds: i64,
    /// How many blind hours its account had had at its last event.
    blind_hours: i64,
    /// When each caller came first, by a hash of its name.
    callers: BTreeMap<u64, Timestamp>,
    baseline: Baseline,
    /// What a severity is computed from, of all events.
    pub circumstances: Circumstances,
    /// The ways in which the service spelled the error code.
    codes: BTreeSet<String>,
}

/// A cluster's occurrences of one hour, the oldest first; never empty.
pub type Occurrences<'a> = &'a [&'a Occurrence];

impl ClusterHistory {
    /// Begins with an occurrence.
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
            is_untold: false,
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

    /// Returns the error code as the service spelled it.
    pub fn code(&self) -> Option<&str> {
        shown_code(self.codes.iter().map(String::as_str))
    }

    /// Takes a step; returns what that changes.
    fn step_to(&mut self, event: LifecycleEvent) -> Option<Move> {
        let (state, change) = step(self.state, event);
        self.state = state;
        change
    }

    /// Returns how often it failed in the hours from one on.
    pub fn count_since(&self, window: Window) -> u64 {
        let since = self.hours.iter().filter(|(of, _)| *of >= window);
        since.map(|(_, count)| count).sum()
    }

    /// Returns how often it failed in each of the last hours in which it did.
    pub fn hours(&self) -> impl Iterator<Item = (Window, u64)> {
        self.hours.iter().copied()
    }

    /// Tells whether it fails, or did lately.
    pub fn is_open(&self) -> bool {
        self.state.is_some_and(State::is_open)
    }

    /// Returns when the caller of an occurrence met the cluster first, if it is known to have.
    pub fn met(&self, occurrence: &Occurrence) -> Option<Timestamp> {
        let caller = occurrence.series.facets.get(FacetKind::Principal)?;
        self.callers.get(&hash(caller)).copied()
    }

    /// Returns how many callers are told apart.
    pub fn callers(&self) -> u64 {
        self.callers.len() as u64
    }

    /// Returns how many callers came first after a moment.
    pub fn callers_since(&self, moment: Timestamp) -> u64 {
        let later = self.callers.values().filter(|at| **at > moment);
        later.count() as u64
    }

    /// Takes what happened in an hour after all others, in an account that had so many blind hours.
    pub fn meet(
        &mut self,
        occurrences: Occurrences<'_>,
        blind_hours: i64,
    ) -> Vec<(Timestamp, Change)> {
        let mut told = Vec::new();
        let (Some(first), Some(last)) = (occurrences.first(), occurrences.last()) else {
            return told;
        };
        match self.step_to(LifecycleEvent::Seen) {
            Some(Move::Begin) => told.push((first.at, Change::New)),
            Some(Move::Return) => told.push((first.at, self.come_back(first.at))),
            _ => {}
        }
        for occurrence in occurrences {
            self.look_at(occurrence);
            let Some(principal) = occurrence.series.facets.get(FacetKind::Principal) else {
                continue;
            };
            if self.is_met(principal, occurrence.at)
                && occurrence.at.seconds_since(self.first) >= SETTLING_SECONDS
            {
                let principal = principal.to_owned();
                told.push((occurrence.at, Change::NewPrincipal { principal }));
            }
        }
        self.last = last.at;
        self.blind_hours = blind_hours;
        self.add(first.at.window(), occurrences.len() as u64);
        told
    }

    fn come_back(&mut self, at: Timestamp) -> Change {
        let quiet_seconds = at.seconds_since(self.last);
        let usual_pause = (quiet_seconds * USUAL_PAUSE_HALVES / 2).min(USUAL_PAUSE_SECONDS_MAX);
        self.quiet_seconds = self.quiet_seconds.max(usual_pause);
        self.episode += 1;
        self.began = at;
        self.count = 0;
        self.recovered = None;
        self.is_untold = false;
        Change::Regressed { quiet_seconds }
    }

    /// Takes what an occurrence says of its circumstances, however often it does.
    fn look_at(&mut self, occurrence: &Occurrence) {
        let facets = &occurrence.series.facets;
        let circumstance = Circumstance::of(&self.subject.account_id, |kind| facets.get(kind));
        self.circumstances.insert(circumstance);
        if let Some(code) = facets.get(FacetKind::ErrorCode)
            && !self.codes.contains(code)
        {
            self.codes.insert(code.to_owned());
        }
    }

    /// Takes what a person said at a moment: that it is over, or that it is not.
    pub fn decide(&mut self, at: Timestamp, said: LifecycleEvent) {
        match self.step_to(said) {
            Some(Move::Recover) => self.recovered = Some(at),
            Some(Move::Reopen) => {
                self.recovered = None;
                self.reopened = Some(at);
            }
            _ => {}
        }
    }

    /// Adds a caller; tells whether it is a new one.
    fn is_met(&mut self, principal: &str, at: Timestamp) -> bool {
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

    fn add(&mut self, window: Window, count: u64) {
        self.count += count;
        self.total += count;
        match self.hours.back_mut().filter(|(of, _)| *of == window) {
            Some((_, known)) => *known += count,
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

    /// Compares an hour with those before it.
    pub fn step(&mut self, window: Window) -> Option<Change> {
        let last = self.hours.back().filter(|(of, _)| *of == window);
        let count = last.map_or(0, |(_, count)| *count);
        if count == 0 && self.escalation.is_none() {
            return None;
        }
        self.baseline.step(&mut self.escalation, window, count)
    }

    /// Returns an escalation that an hour shows before it is over; `None` while its count is usual.
    pub fn foresee(&self, window: Window, count: u64) -> Option<Change> {
        let (mut baseline, mut escalation) = (self.baseline.clone(), self.escalation);
        let change = baseline.step(&mut escalation, window, count);
        change.filter(|change| matches!(change, Change::Escalating { .. }))
    }

    /// Ends an hour: returns whether the cluster is now ongoing, or has recovered. `blind_hours` is
    /// the number of hours in which the account's events were missing.
    pub fn look(&mut self, at: Timestamp, blind_hours: i64) -> Vec<Change> {
        let mut told = Vec::new();
        if !self.is_open() {
            return told;
        }
        if at.seconds_since(self.began) >= NEW_SECONDS
            && self.step_to(LifecycleEvent::DayOver).is_some()
        {
            told.push(Change::Ongoing);
        }
        let blind = (blind_hours - self.blind_hours) * 3600;
        let last = self.reopened.map_or(self.last, |of| of.max(self.last));
        let is_quiet = at.seconds_since(last) - blind >= self.quiet_seconds;
        if is_quiet && self.step_to(LifecycleEvent::Quiet).is_some() {
            self.recovered = Some(at);
            told.push(Change::Recovered {
                began: self.began,
                fault_seconds: self.last.seconds_since(self.began),
                count: self.count,
            });
        }
        told
    }

    /// Takes an hour again that was taken before, as events of it came late: all that is known of it
    /// by now. What is late postpones what has not happened yet, and brings back only what had recovered
    /// before it: whoever committed it has told so, or could not know yet.
    pub fn amend(&mut self, occurrences: Occurrences<'_>) -> Option<(Timestamp, Change)> {
        let (first, last) = (occurrences.first()?, occurrences.last()?);
        let later = occurrences
            .iter()
            .find(|occurrence| self.recovered.is_none_or(|of| occurrence.at > of));
        let change = later.and_then(|occurrence| match self.step_to(LifecycleEvent::Seen)? {
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
            self.look_at(occurrence);
            if let Some(principal) = occurrence.series.facets.get(FacetKind::Principal) {
                self.is_met(principal, occurrence.at);
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

/// Returns occurrences by something that they have, in their order.
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
