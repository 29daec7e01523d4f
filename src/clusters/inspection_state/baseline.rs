//! The baseline of an escalation: the counts of the hours of the last week, without hours of an escalation.
//!
//! Only hours with events are stored, because most clusters fail in few hours.

use std::collections::VecDeque;

use records::time::Window;
use serde::{Deserialize, Serialize};

use crate::escalation::{self, BASELINE_HOURS, Escalation, Step};
use crate::transition::Change;

/// The number of events in each of the last [`BASELINE_HOURS`] hours of a cluster or an account. The limit of an
/// escalation is computed from it.
///
/// Hours during an escalation are left out. Only the other hours have a number, from 0, by which the counts are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The hour after the hour that was added last.
    next: Window,
    /// The number of hours outside an escalation so far.
    #[serde(rename = "taken")]
    length: u64,
    /// The hours with events among the last [`BASELINE_HOURS`]: the number of the hour, and its count.
    counts: VecDeque<(u64, u64)>,
}

impl Baseline {
    /// Creates an empty baseline that begins with the hour `first`. An hour from then on that is never added counts as
    /// an hour without events.
    pub fn new(first: Window) -> Self {
        Self {
            next: first,
            length: 0,
            counts: VecDeque::new(),
        }
    }

    /// Adds the hour `window` with `count` events, and updates the escalation `current`.
    ///
    /// Returns [`Change::Escalating`] if an escalation begins in this hour, [`Change::Calmed`] if it ends, and
    /// otherwise `None`. Hours without events may be left out, but during an escalation every hour must be added.
    pub fn add_hour(
        &mut self,
        current: &mut Option<Escalation>,
        window: Window,
        count: u64,
    ) -> Option<Change> {
        if current.is_none() {
            self.length += (window.hours() - self.next.hours()).max(0) as u64;
        }
        self.next = window.plus(1);
        self.drop_old();
        let step = escalation::step(*current, &self.dense(), window, count);
        let change;
        (*current, change) = match step {
            Step::Stays(escalation) => (escalation, None),
            Step::Starts(escalation) => {
                let limit = escalation.limit;
                (Some(escalation), Some(Change::Escalating { count, limit }))
            }
            Step::Ends(escalation) => (None, Some(Change::Calmed(escalation))),
        };
        if current.is_none() {
            if count > 0 {
                self.counts.push_back((self.length, count));
            }
            self.length += 1;
        }
        change
    }

    /// Returns the number of the oldest hour that belongs to the last [`BASELINE_HOURS`].
    fn first(&self) -> u64 {
        self.length.saturating_sub(BASELINE_HOURS as u64)
    }

    fn drop_old(&mut self) {
        let first = self.first();
        while self.counts.front().is_some_and(|(of, _)| *of < first) {
            self.counts.pop_front();
        }
    }

    /// Returns the counts of the last [`BASELINE_HOURS`] hours, oldest first; 0 for hours without events.
    fn dense(&self) -> Vec<u64> {
        let first = self.first();
        let mut counts = vec![0; (self.length - first) as usize];
        for (number, count) in &self.counts {
            if let Some(place) = counts.get_mut((number - first) as usize) {
                *place = *count;
            }
        }
        counts
    }
}
