//! The activity of an account: the hours in which it has events, and whether its data has stopped.
//!
//! An account that has events almost every hour and then has none is probably blind: its records no longer arrive.
//! Blind hours do not count as quiet for any cluster of the account.

use std::collections::BTreeSet;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::escalation::Escalation;
use crate::fingerprint::ClusterId;
use crate::inspection_state::baseline::Baseline;
use crate::inspection_state::hourly_activity::HourlyActivity;
use crate::occurrence::Occurrence;
use crate::transition::Change;

/// The minimum number of clusters with events in the last day for which a silent account counts as blind.
///
/// One or two clusters may really be over.
const CLUSTERS_LEAST: usize = 3;

/// The events of one account in the last day and week: the hours that had events, the blind hours, and the escalation
/// of the account as a whole.
///
/// An event is a failure or a sensitive call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountActivity {
    /// The number of hours so far in which the account was blind, see [`Self::is_blind`]. They do not count as quiet
    /// for any cluster of the account.
    pub blind_hours: i64,
    /// The hours that had events, each with up to [`CLUSTERS_LEAST`] of their clusters.
    #[serde(rename = "pulse")]
    hourly: HourlyActivity<Vec<ClusterId>>,
    /// The number of events of the account by hour.
    baseline: Baseline,
    /// The escalation of the account as a whole, if there is one.
    escalation: Option<Escalation>,
}

impl AccountActivity {
    /// Creates the activity of an account. `window` is the first hour with events, which is not added yet.
    pub fn new(window: Window) -> Self {
        Self {
            blind_hours: 0,
            hourly: HourlyActivity::new(window),
            baseline: Baseline::new(window),
            escalation: None,
        }
    }

    /// Checks whether the account is blind: the hours added last have no events, but at least 20 of the 24 hours before
    /// had some, in at least three clusters.
    ///
    /// The records of such an account probably no longer arrive.
    pub fn is_blind(&self) -> bool {
        self.hourly.is_silent()
    }

    /// Returns the time of the account's last event.
    pub fn last(&self) -> Timestamp {
        self.hourly.last
    }

    /// Adds an hour with events of the account. The hour is later than all hours added before; `occurrences` are all
    /// events in it, oldest first.
    ///
    /// Returns [`Change::DataAgain`] with the time of the first of these events, if [`Change::NoData`] was returned for
    /// the hours just before. Returns `None` in all other cases.
    pub fn add_hour(
        &mut self,
        window: Window,
        occurrences: &[&Occurrence],
    ) -> Option<(Timestamp, Change)> {
        let (first, last) = (occurrences.first()?.at, occurrences.last()?.at);
        // `is_known` only asks whether there are this many, so more need not be stored.
        let all: BTreeSet<ClusterId> = occurrences
            .iter()
            .map(|occurrence| occurrence.series.cluster)
            .collect();
        let some = all.into_iter().take(CLUSTERS_LEAST).collect();
        let since = self.hourly.add_hour(window, last, some)?;
        Some((first, Change::DataAgain { since }))
    }

    /// Adds `hours` hours without events of the account; `window` is the last of these hours.
    ///
    /// Returns [`Change::NoData`] with the end of `window` once, when the account has been blind for three hours.
    /// Returns `None` in all other cases.
    pub fn add_silence(&mut self, window: Window, hours: i64) -> Option<(Timestamp, Change)> {
        let is_alerted = self.hourly.add_silence(hours, self.is_known())?;
        self.blind_hours += hours;
        let since = self.last();
        is_alerted.then(|| (window.end(), Change::NoData { since }))
    }

    /// Compares the account's number of events in the hour `window` with its last week. `count` is this number.
    ///
    /// Returns [`Change::Escalating`] if an escalation of the account begins, [`Change::Calmed`] if it ends, and
    /// otherwise `None`.
    pub fn compare(&mut self, window: Window, count: u64) -> Option<Change> {
        self.baseline.add_hour(&mut self.escalation, window, count)
    }

    /// Removes the escalation of the account, because one of its clusters escalates. Returns whether the account had an
    /// escalation.
    pub fn drop_escalation(&mut self) -> bool {
        self.escalation.take().is_some()
    }

    fn is_known(&self) -> bool {
        let clusters: BTreeSet<&ClusterId> = self.hourly.hours().flatten().collect();
        self.hourly.is_steady() && clusters.len() >= CLUSTERS_LEAST
    }
}
