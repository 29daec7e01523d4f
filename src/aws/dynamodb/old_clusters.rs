//! Finds the clusters of a table whose ids have an earlier version of the identity, and continues them under their present ids.
//!
//! After an update, the functions count under the present ids. A cluster that only got another id would be announced as new, and
//! so would all its callers. So its new cluster item gets the state, the callers and the first event of the old one. The old item
//! stays, for links and for the events that are counted under it.

use std::collections::{BTreeMap, BTreeSet};

use clusters::carry::{OldCluster, OldClusters};
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::State;
use clusters::segment::Segment;
use clusters::{ClusterFacts, EventId};
use records::time::Timestamp;
use service::ports::StoreError;

use crate::dynamodb::item::{CALLERS_MAX, ClusterItem, cluster_key, principal_item};
use crate::dynamodb::read;
use crate::dynamodb::table::{Item, Table, TableError, Write};
use crate::dynamodb::triage::{read_entry, read_triage};
use crate::dynamodb::{ATTEMPTS_MAX, DynamoStore};

/// The clusters of a table by the version of their ids, with what continues them.
#[derive(Debug, Default)]
pub struct TableClusters {
    /// What people decided about the old clusters, their journals and their events.
    pub old: OldClusters,
    /// The items of the old clusters.
    pub items: BTreeMap<ClusterId, OldItem>,
    /// The clusters with ids of the present version.
    pub present: BTreeSet<ClusterId>,
    /// The events that are counted under ids of the present version.
    present_events: BTreeMap<EventId, ClusterId>,
}

/// The item of an old cluster, with the callers that have items of their own.
#[derive(Debug)]
pub struct OldItem {
    /// The cluster item.
    pub cluster_item: ClusterItem,
    /// Name and first event of each caller that came after the cluster item was created.
    callers: Vec<(String, Option<Timestamp>)>,
}

/// What one pass over a table has found so far, by cluster id.
#[derive(Default)]
struct Found {
    items: BTreeMap<ClusterId, ClusterItem>,
    decided: BTreeMap<ClusterId, OldCluster>,
    callers: BTreeMap<ClusterId, Vec<(String, Option<Timestamp>)>>,
    segments: Vec<Segment>,
}

impl TableClusters {
    /// Returns the cluster of the present version in which an event is counted; `None` if it is counted in none.
    pub fn present_cluster(&self, event: EventId) -> Option<ClusterId> {
        self.present_events.get(&event).copied()
    }
}

impl Found {
    /// Adds an item of the table, if it belongs to a cluster or is a segment.
    fn add(&mut self, item: &Item) -> Result<(), StoreError> {
        if let Some((cluster, cluster_item)) = ClusterItem::read(item) {
            self.items.insert(cluster, cluster_item);
            return Ok(());
        }
        if item.key.pk.starts_with("M#") {
            self.segments.push(read::segment(item)?);
            return Ok(());
        }
        let Some(cluster) = item.key.pk.strip_prefix("C#").and_then(ClusterId::parse) else {
            return Ok(());
        };
        if item.key.sk == "MARK" {
            self.decided.entry(cluster).or_default().triage = read_triage(item);
        } else if let Some(entry) = read_entry(item) {
            self.decided
                .entry(cluster)
                .or_default()
                .journal
                .insert(entry);
        } else if item.key.sk.starts_with("F#principal#")
            && let Some(name) = item.text_of("nm")
        {
            let caller = (name.to_owned(), item.time_of("ft"));
            self.callers.entry(cluster).or_default().push(caller);
        }
        Ok(())
    }

    /// Sorts what was found by the version of the identity: `present` is the version of this program.
    fn sorted(mut self, present: &str) -> TableClusters {
        let mut table = TableClusters::default();
        for (cluster, cluster_item) in self.items {
            if cluster_item.identity == present {
                table.present.insert(cluster);
                continue;
            }
            if let Some(mut decided) = self.decided.remove(&cluster) {
                decided.identity.clone_from(&cluster_item.identity);
                table.old.clusters.insert(cluster, decided);
            }
            let callers = self.callers.remove(&cluster).unwrap_or_default();
            let old = OldItem {
                cluster_item,
                callers,
            };
            table.items.insert(cluster, old);
        }
        for (event, seen) in self.segments.iter().flat_map(Segment::sightings) {
            let cluster = seen.series.cluster;
            if table.items.contains_key(&cluster) {
                table.old.events.push((event, cluster));
            } else {
                table.present_events.insert(event, cluster);
            }
        }
        table
    }
}

impl<T: Table> DynamoStore<T> {
    /// Reads the whole table, and returns its clusters by the version of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read, [`StoreError::Damaged`] if a segment cannot be decoded.
    pub async fn clusters_by_version(&self) -> Result<TableClusters, StoreError> {
        let (mut found, mut failed) = (Found::default(), None);
        let mut visit = |item: Item| {
            let expires = item.number_of("ttl");
            // DynamoDB may need days to delete expired items.
            if expires.is_none_or(|at| at > self.now.seconds())
                && let Err(error) = found.add(&item)
            {
                failed = Some(error);
            }
        };
        self.table.scan(&mut visit).await?;
        match failed {
            Some(error) => Err(error),
            None => Ok(found.sorted(self.settings.identity)),
        }
    }

    /// Continues an old cluster in the cluster `new`: creates or completes its item, and adds the known callers. `facts` are those
    /// of the new cluster, which are needed if it has no item yet. Returns whether the item was created or changed.
    ///
    /// Nothing is announced. A repeated call changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read or written.
    pub async fn continue_cluster(
        &self,
        old: &OldItem,
        new: ClusterId,
        facts: Option<&ClusterFacts>,
    ) -> Result<bool, StoreError> {
        let is_changed = self.continue_item(&old.cluster_item, new, facts).await?;
        for (name, at) in &old.callers {
            let create = Write::Create(principal_item(new, name, *at, self.now));
            match self.apply(&[create]).await {
                // Refused: the caller is known already.
                Ok(()) | Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(is_changed)
    }

    async fn continue_item(
        &self,
        old: &ClusterItem,
        new: ClusterId,
        facts: Option<&ClusterFacts>,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(&[cluster_key(new)]).await?;
            let write = match (found.first().and_then(ClusterItem::read), facts) {
                (Some((_, present)), _) => {
                    let version = present.version;
                    let joined = joined(old, &present);
                    if joined == present {
                        return Ok(false);
                    }
                    let last = found.first().and_then(|item| item.time_of("lt"));
                    let joined = ClusterItem {
                        version: version + 1,
                        ..joined
                    };
                    let item = joined.item(new, last);
                    Write::Replace { item, version }
                }
                (None, Some(facts)) => {
                    let item = ClusterItem {
                        facts: facts.clone(),
                        identity: self.settings.identity.to_owned(),
                        version: 1,
                        ..old.clone()
                    };
                    Write::Create(item.item(new, None))
                }
                (None, None) => return Ok(false),
            };
            match self.apply(&[write]).await {
                Ok(()) => return Ok(true),
                // A function has changed the item since it was read.
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::Conflict.into())
    }
}

/// Returns the present cluster item with what the old one knows: first event, callers, circumstances, and the number of the episode.
fn joined(old: &ClusterItem, present: &ClusterItem) -> ClusterItem {
    // A cluster that had recovered and has events since then has regressed, in its next episode. Then it is no longer new, so a
    // repeated call changes nothing.
    let (state, episode) = match (present.state, old.state) {
        (State::New, State::Recovered) => (State::Regressed, old.episode + 1),
        (State::New, state) => (state, old.episode),
        (state, _) => (state, old.episode),
    };
    let first = [old.first, present.first].into_iter().flatten().min();
    let room = CALLERS_MAX.saturating_sub(present.callers.len());
    let further = old.callers.difference(&present.callers).copied();
    let callers = further.take(room).chain(present.callers.iter().copied());
    ClusterItem {
        state,
        episode: episode.max(present.episode),
        first,
        watermark: present.watermark.max(old.watermark),
        callers: callers.collect(),
        circumstances: present
            .circumstances
            .union(&old.circumstances)
            .cloned()
            .collect(),
        ..present.clone()
    }
}
