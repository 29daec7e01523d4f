//! The sensitive calls of the last days, for lists and summaries. They have no life: nothing opens, lasts or recovers.

use std::collections::BTreeMap;
use std::sync::Arc;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::circumstance::{Circumstance, Circumstances};
use crate::class::Class;
use crate::facet::FacetKind;
use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::least_values::LeastValues;
use crate::occurrence::Occurrence;

/// How long a sensitive call stays in the state after its last event: a week and a day, in hours.
pub const KEPT_HOURS: i64 = 8 * 24;

/// The largest number of different sensitive calls in the state. The oldest are dropped first.
const CALLS_MAX: usize = 20_000;

/// Equal sensitive calls of one caller: what was called, and how often in each hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallHistory {
    /// The account and the call, with its details.
    pub subject: Arc<ClusterSubject>,
    /// The name of the caller; empty if the record has none.
    pub caller: String,
    /// Whether alerts are sent about the call, see [`due`](crate::call_alerts::due).
    pub is_silent: bool,
    /// The time of the first event.
    pub first: Timestamp,
    /// The time of the last event.
    pub last: Timestamp,
    /// The circumstances of all events, from which the severity is computed.
    #[serde(default, skip_serializing_if = "Circumstances::is_empty")]
    pub circumstances: Circumstances,
    /// Regions of the events.
    #[serde(default, skip_serializing_if = "LeastValues::is_empty")]
    pub regions: LeastValues,
    /// The number of events in each hour of the last days that has any, with the hours since 1970.
    hours: BTreeMap<i64, u64>,
}

impl CallHistory {
    /// Creates the history of a call without any event. `occurrence` is its first event, which is not added.
    pub fn new(occurrence: &Occurrence) -> Self {
        let facets = &occurrence.series.facets;
        Self {
            subject: Arc::clone(&occurrence.subject),
            caller: facets
                .get(FacetKind::Principal)
                .unwrap_or_default()
                .to_owned(),
            is_silent: crate::call_alerts::is_silent(occurrence.subject.call.as_ref(), facets),
            first: occurrence.at,
            last: occurrence.at,
            circumstances: Circumstances::new(),
            regions: LeastValues::default(),
            hours: BTreeMap::new(),
        }
    }

    /// Returns the number of events since the start of an hour, of those in the state.
    pub fn count_since(&self, window: Window) -> u64 {
        self.hours.range(window.hours()..).map(|(_, of)| of).sum()
    }

    /// Adds one event.
    pub fn add(&mut self, occurrence: &Occurrence) {
        *self
            .hours
            .entry(occurrence.at.window().hours())
            .or_default() += 1;
        self.note(occurrence);
    }

    /// Adds what is known about an event beside its hour.
    fn note(&mut self, occurrence: &Occurrence) {
        self.first = self.first.min(occurrence.at);
        self.last = self.last.max(occurrence.at);
        let facets = &occurrence.series.facets;
        let circumstance = Circumstance::of(&self.subject.account_id, |kind| facets.get(kind));
        self.circumstances.insert(circumstance);
        if let Some(region) = facets.get(FacetKind::Region) {
            self.regions.add(region);
        }
    }

    /// Returns the hours of the last days that have events, oldest first, each with its number of events.
    pub fn hours(&self) -> impl DoubleEndedIterator<Item = (Window, u64)> {
        let hours = self.hours.iter();
        hours.map(|(hour, count)| (Window::from_hours(*hour), *count))
    }

    /// Returns the number of events in the last days.
    pub fn count(&self) -> u64 {
        self.hours.values().sum()
    }

    /// Sets the events of an hour, which replace those that were set for it before.
    fn set_hour(&mut self, window: Window, occurrences: &[&Occurrence]) {
        self.hours.insert(window.hours(), occurrences.len() as u64);
        occurrences.iter().for_each(|of| self.note(of));
    }
}

/// All sensitive calls of the last days, by id.
pub type Calls = BTreeMap<ClusterId, CallHistory>;

/// Checks whether an occurrence is a sensitive call, which has no history as a cluster.
fn is_call(occurrence: &Occurrence) -> bool {
    occurrence.subject.class == Class::Watch
}

/// Adds the sensitive calls among the events of an hour, and returns the other events.
///
/// `occurrences` are all events of the hour, also those that were added before.
pub(super) fn take_calls(calls: &mut Calls, occurrences: &[Occurrence]) -> Vec<Occurrence> {
    let (sensitive, failures): (Vec<&Occurrence>, Vec<&Occurrence>) =
        occurrences.iter().partition(|of| is_call(of));
    let mut by_call: BTreeMap<ClusterId, Vec<&Occurrence>> = BTreeMap::new();
    for occurrence in sensitive {
        let group = by_call.entry(occurrence.series.cluster).or_default();
        group.push(occurrence);
    }
    for (id, occurrences) in by_call {
        let history = calls
            .entry(id)
            .or_insert_with(|| CallHistory::new(occurrences[0]));
        history.set_hour(occurrences[0].at.window(), &occurrences);
    }
    failures.into_iter().cloned().collect()
}

/// Drops the calls whose last event is more than eight days before `now`, and the oldest ones beyond the limit.
pub(super) fn forget_old(calls: &mut Calls, now: Window) {
    let oldest = now.plus(-KEPT_HOURS);
    calls.retain(|_, of| of.last.window() >= oldest);
    for history in calls.values_mut() {
        history.hours = history.hours.split_off(&oldest.hours());
    }
    if let Some(surplus) = calls.len().checked_sub(CALLS_MAX).filter(|of| *of > 0) {
        let mut by_age: Vec<(Timestamp, ClusterId)> =
            calls.iter().map(|(id, of)| (of.last, *id)).collect();
        by_age.sort_unstable();
        for (_, id) in &by_age[..surplus] {
            calls.remove(id);
        }
    }
}
