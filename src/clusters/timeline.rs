//! When it failed: events counted by cluster and hour of event time.

use std::collections::BTreeMap;

use records::time::{Timestamp, Window};

use crate::fingerprint::ClusterId;

/// How many events each cluster has in each hour; events without a usable time have no hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline(BTreeMap<(ClusterId, Option<Window>), u64>);

impl Timeline {
    /// Adds events of a cluster that lie in one hour, which any of them tells.
    pub fn add(&mut self, cluster: ClusterId, at: Option<Timestamp>, count: u64) {
        let hour = at.map(Timestamp::window);
        *self.0.entry((cluster, hour)).or_default() += count;
    }

    /// Returns the counts, in the order of clusters and then of hours.
    pub fn iter(&self) -> impl Iterator<Item = (ClusterId, Option<Window>, u64)> {
        self.0
            .iter()
            .map(|((cluster, hour), count)| (*cluster, *hour, *count))
    }
}
