//! What is usual: the counts of the hours that an escalation is measured by, in as little room as the
//! hours that are not empty take.

use std::collections::VecDeque;

use records::time::Window;
use serde::{Deserialize, Serialize};

use crate::escalation::{self, BASELINE_HOURS, Escalation, Step};
use crate::transition::Change;

/// The counts of hours that were not out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The next hour.
    next: Window,
    /// How many hours were counted in.
    taken: u64,
    /// The hours among the last [`BASELINE_HOURS`] that are not empty: their number, and the count.
    counts: VecDeque<(u64, u64)>,
}

impl Baseline {
    /// Begins with an hour.
    pub fn new(first: Window) -> Self {
        Self {
            next: first,
            taken: 0,
            counts: VecDeque::new(),
        }
    }

    /// Takes an hour, and tells if an escalation begins or ends; the hours that were left out had
    /// none. While one stands, none may be left out.
    pub fn step(
        &mut self,
        standing: &mut Option<Escalation>,
        window: Window,
        count: u64,
    ) -> Option<Change> {
        if standing.is_none() {
            self.taken += (window.hours() - self.next.hours()).max(0) as u64;
        }
        self.next = window.plus(1);
        self.forget();
        let step = escalation::step(*standing, &self.dense(), window, count);
        let change;
        (*standing, change) = match step {
            Step::Stays(escalation) => (escalation, None),
            Step::Starts(escalation) => {
                let limit = escalation.limit;
                (Some(escalation), Some(Change::Escalating { count, limit }))
            }
            Step::Ends(escalation) => (None, Some(Change::Calmed(escalation))),
        };
        if standing.is_none() {
            if count > 0 {
                self.counts.push_back((self.taken, count));
            }
            self.taken += 1;
        }
        change
    }

    fn first(&self) -> u64 {
        self.taken.saturating_sub(BASELINE_HOURS as u64)
    }

    fn forget(&mut self) {
        let first = self.first();
        while self.counts.front().is_some_and(|(of, _)| *of < first) {
            self.counts.pop_front();
        }
    }

    fn dense(&self) -> Vec<u64> {
        let first = self.first();
        let mut counts = vec![0; (self.taken - first) as usize];
        for (number, count) in &self.counts {
            if let Some(place) = counts.get_mut((number - first) as usize) {
                *place = *count;
            }
        }
        counts
    }
}
