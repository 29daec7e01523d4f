//! The usual activity of an account: in which hours it has failures at all. An account that always has some
//! and then has none at all is more likely not seen than free of them, so such hours do not count as
//! quiet for any of its clusters.

use std::collections::BTreeSet;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::campaign::Occurrence;
use crate::escalation::Escalation;
use crate::fingerprint::ClusterId;
use crate::inspection_state::baseline::Baseline;
use crate::inspection_state::hourly_activity::HourlyActivity;
use crate::transition::Change;

/// An account's usual activity is known when it had failures almost every hour, and of so many different
/// clusters: one or two may really be over.
const CLUSTERS_LEAST: usize = 3;

/// What is remembered of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountActivity {
    /// How many hours there were so far in which nothing could be seen.
    pub blind_hours: i64,
    /// The hours that had failures, each with some of their clusters.
    #[serde(rename = "pulse")]
    hourly: HourlyActivity<Vec<ClusterId>>,
    /// How many failures its hours have.
    baseline: Baseline,
    /// Whether all of it escalates.
    escalation: Option<Escalation>,
}

impl AccountActivity {
    /// Begins with an hour that has failures.
    pub fn new(window: Window) -> Self {
        Self {
            blind_hours: 0,
            hourly: HourlyActivity::new(window),
            baseline: Baseline::new(window),
            escalation: None,
        }
    }

    /// Tells whether nothing can be seen of the account for now.
    pub fn is_blind(&self) -> bool {
        self.hourly.is_silent()
    }

    /// Returns the last event.
    pub fn last(&self) -> Timestamp {
        self.hourly.last
    }

    /// Takes an hour with failures, in the order of time; tells if there were none for long.
    pub fn meet(
        &mut self,
        window: Window,
        occurrences: &[&Occurrence],
    ) -> Option<(Timestamp, Change)> {
        let (first, last) = (occurrences.first()?.at, occurrences.last()?.at);
        // Three are as good as all of them: it is asked whether a day has three.
        let all: BTreeSet<ClusterId> = occurrences
            .iter()
            .map(|occurrence| occurrence.series.cluster)
            .collect();
        let some = all.into_iter().take(CLUSTERS_LEAST).collect();
        let since = self.hourly.beat(window, last, some)?;
        Some((first, Change::DataAgain { since }))
    }

    /// Takes hours without failures, the last of which is given.
    pub fn miss(&mut self, window: Window, hours: i64) -> Option<(Timestamp, Change)> {
        let is_told = self.hourly.miss(hours, self.is_known())?;
        self.blind_hours += hours;
        let since = self.last();
        is_told.then(|| (window.end(), Change::NoData { since }))
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
        let clusters: BTreeSet<&ClusterId> = self.hourly.hours().flatten().collect();
        self.hourly.is_steady() && clusters.len() >= CLUSTERS_LEAST
    }
}
