//! The rhythm of an account: in which hours it has failures at all. An account that always has some
//! and then has none at all is more likely not seen than free of them, so such hours do not count as
//! quiet for any of its clusters.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::cluster::campaign::Deed;
use crate::cluster::chronicle::baseline::Baseline;
use crate::cluster::escalation::Escalation;
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::transition::Change;
use crate::trail::time::{EventTime, Window};

/// An account's rhythm is known when it had failures in so many of so many hours.
const RHYTHM: (usize, i64) = (20, 24);

/// And of so many different clusters: one or two may really be over.
const CLUSTERS_LEAST: usize = 3;

/// So many hours without any failure are told.
const TOLD_HOURS: i64 = 3;

/// What is remembered of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// The last event.
    pub last: EventTime,
    /// How many hours there were so far in which nothing could be seen.
    pub blind_hours: i64,
    /// The hours of the last day that had failures, each with some of their clusters.
    hours: VecDeque<(Window, Vec<ClusterId>)>,
    /// For how many hours nothing has been seen, if that is odd.
    silent_hours: Option<i64>,
    /// How many failures its hours have.
    baseline: Baseline,
    /// Whether all of it escalates.
    escalation: Option<Escalation>,
}

impl Rhythm {
    /// Begins with an hour that has failures.
    pub fn new(window: Window) -> Self {
        Self {
            last: window.start(),
            blind_hours: 0,
            hours: VecDeque::new(),
            silent_hours: None,
            baseline: Baseline::new(window),
            escalation: None,
        }
    }

    /// Tells whether nothing can be seen of the account for now.
    pub fn is_blind(&self) -> bool {
        self.silent_hours.is_some()
    }

    /// Takes an hour with failures, in the order of time; tells if there were none for long.
    pub fn meet(&mut self, window: Window, deeds: &[&Deed]) -> Option<(EventTime, Change)> {
        let (first, last) = (deeds.first()?.at, deeds.last()?.at);
        let silent = self.silent_hours.take();
        let since = std::mem::replace(&mut self.last, last);
        // Three are as good as all of them: it is asked whether a day has three.
        let all: BTreeSet<ClusterId> = deeds.iter().map(|deed| deed.case.cluster).collect();
        let some = all.into_iter().take(CLUSTERS_LEAST).collect();
        self.hours.push_back((window, some));
        while self
            .hours
            .front()
            .is_some_and(|(of, _)| window.hours() - of.hours() >= RHYTHM.1)
        {
            self.hours.pop_front();
        }
        let was_told = silent.is_some_and(|hours| hours >= TOLD_HOURS);
        was_told.then_some((first, Change::DataAgain { since }))
    }

    /// Takes hours without failures, the last of which is given.
    pub fn miss(&mut self, window: Window, hours: i64) -> Option<(EventTime, Change)> {
        if self.silent_hours.is_none() && !self.is_known() {
            return None;
        }
        let before = self.silent_hours.unwrap_or_default();
        let after = before + hours;
        self.silent_hours = Some(after);
        self.blind_hours += hours;
        let since = self.last;
        let is_due = before < TOLD_HOURS && after >= TOLD_HOURS;
        is_due.then(|| (window.end(), Change::NoData { since }))
    }

    /// Compares an hour with those before it.
    pub fn step(&mut self, window: Window, count: u64) -> Option<Change> {
        self.baseline.step(&mut self.escalation, window, count)
    }

    /// Forgets that it escalates, if it does since lately: there is a cluster to blame.
    pub fn forgive(&mut self) -> bool {
        self.escalation.take().is_some()
    }

    fn is_known(&self) -> bool {
        let clusters: BTreeSet<ClusterId> =
            self.hours.iter().flat_map(|(_, of)| of).copied().collect();
        self.hours.len() >= RHYTHM.0 && clusters.len() >= CLUSTERS_LEAST
    }
}
