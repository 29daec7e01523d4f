//! The outside world in memory: a store that keeps the whole contract and forgets it at the end.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::cluster::fingerprint::ClusterId;
use crate::cluster::guard::{self, Admitted, Known};
use crate::cluster::timeline::Timeline;
use crate::cluster::{Census, EventId, Tally};
use crate::ports::{Batch, Committed, Quarantined, Store, StoreError};
use crate::trail::time::{EventTime, Window};

/// Clusters in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tally: Tally,
    admitted: Admitted,
    /// Records that could not be read, by where they came from.
    pub quarantined: BTreeMap<String, Vec<Quarantined>>,
}

impl Store for MemoryStore {
    async fn commit(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let Batch {
            source,
            mut tally,
            quarantined,
        } = batch;
        let Ok(admitted) = guard::admit(&mut tally, self);
        self.admitted.extend(admitted);
        let before = self.tally.sightings.len();
        self.tally.join(tally);
        if !quarantined.is_empty() {
            self.quarantined.insert(source, quarantined);
        }
        let fresh = self.tally.sightings.len() - before;
        Ok(Committed {
            fresh: fresh as u64,
        })
    }

    async fn census(&self, since: Option<EventTime>) -> Result<Census, StoreError> {
        Ok(self.tally.census(since))
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        Ok(self.tally.timeline())
    }
}

impl Known for MemoryStore {
    type Error = Infallible;

    fn has(&self, cluster: ClusterId) -> Result<bool, Infallible> {
        Ok(self.admitted.contains_key(&cluster))
    }

    fn overflowed(&self, event: EventId) -> Result<bool, Infallible> {
        let cluster = self
            .tally
            .sightings
            .get(&event)
            .map(|sighting| sighting.cluster);
        Ok(cluster.is_some_and(|cluster| guard::is_overflow(&self.tally.facts[&cluster].identity)))
    }

    fn admitted(&self, account_id: &str, hour: Option<Window>) -> Result<u32, Infallible> {
        let of_account = |cluster: &ClusterId| {
            self.tally
                .facts
                .get(cluster)
                .is_some_and(|facts| facts.identity.account_id == account_id)
        };
        let count = self
            .admitted
            .iter()
            .filter(|(cluster, admitted)| **admitted == hour && of_account(cluster))
            .count();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}
