//! Counts of events by cluster and hour of event time, for the chart of a report.

use std::collections::BTreeMap;

use records::time::{Timestamp, Window};

use crate::fingerprint::ClusterId;

/// The number of events of each cluster in each hour of event time. Events without a usable time are counted without an
/// hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline(BTreeMap<(ClusterId, Option<Window>), u64>);

impl Timeline {
    /// Adds `count` events of a cluster that all lie in one hour. `at` is the time of any of them; `None` if they have
    /// no usable time.
    pub fn add(&mut self, cluster: ClusterId, at: Option<Timestamp>, count: u64) {
        let hour = at.map(Timestamp::window);
        *self.0.entry((cluster, hour)).or_default() += count;
    }

    /// Returns the number of events of each cluster in each hour, sorted by cluster and hour. The hour is `None` for
    /// events without a usable time.
    pub fn iter(&self) -> impl Iterator<Item = (ClusterId, Option<Window>, u64)> {
        self.0
            .iter()
            .map(|((cluster, hour), count)| (*cluster, *hour, *count))
    }
}
