//! Reads the details of a cluster for alerts: its cluster item, and its events in some hours.
//!
//! The data is cached, because the alerts of a sink run usually need the same hours. The cache is cleared when outbox
//! rows are read again: a newer row may be about events that the cache does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusters::ClusterSnapshot;
use clusters::fingerprint::ClusterId;
use clusters::guard::is_overflow;
use clusters::sample::Samples;
use clusters::segment::Segment;
use clusters::sightings::Sightings;
use records::time::Window;
use service::ports::{ClusterDetails, ClusterReader, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::{ClusterItem, cluster_key};
use crate::dynamodb::read;
use crate::dynamodb::table::{Key, Table};

/// A cache of the table data that the texts of alerts need: cluster items, segments of whole hours, and the snapshots
/// computed from the segments.
#[derive(Debug, Default)]
pub struct ReadCache {
    /// Cluster items; `None` for a cluster without one.
    cluster_items: BTreeMap<ClusterId, Option<ClusterItem>>,
    /// The segments of whole hours.
    segments: BTreeMap<Window, Arc<Vec<Segment>>>,
    /// Snapshots, by first and last hour.
    snapshots: BTreeMap<(Window, Window), Arc<ClusterSnapshot>>,
}

/// A [`ReadCache`] behind a lock, shared by calls that run at the same time.
pub type SharedReadCache = Arc<Mutex<ReadCache>>;

impl<T: Table> ClusterReader for DynamoStore<T> {
    async fn cluster_details(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<ClusterDetails>, StoreError> {
        // This call uses the same cache to its end, even if the cache is replaced during the call.
        let read_cache = self.read_cache();
        let Some(cluster_item) = self.cluster_item(&read_cache, cluster).await? else {
            return Ok(None);
        };
        let first_seen = cluster_item.first;
        let of = |snapshot: &ClusterSnapshot| {
            ClusterDetails::of(
                cluster,
                snapshot,
                first_seen,
                cluster_item.circumstances.clone(),
            )
        };
        if hours.is_empty() {
            let mut alone = ClusterSnapshot::default();
            add_cluster_item(&mut alone, cluster, &cluster_item);
            return Ok(of(&alone));
        }
        let snapshot = self.snapshot_of(&read_cache, &hours).await?;
        if snapshot.facts.contains_key(&cluster) {
            return Ok(of(&snapshot));
        }
        let mut with = ClusterSnapshot::clone(&snapshot);
        add_cluster_item(&mut with, cluster, &cluster_item);
        Ok(of(&with))
    }

    async fn cluster_details_of(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, ClusterDetails>, StoreError> {
        let read_cache = self.read_cache();
        let wanted: BTreeSet<ClusterId> = clusters.iter().copied().collect();
        self.read_cluster_items(&read_cache, wanted).await?;
        let read_cache = lock(&read_cache);
        let cluster_details = |cluster: &ClusterId| {
            let cluster_item = read_cache.cluster_items.get(cluster)?.as_ref()?;
            let mut alone = ClusterSnapshot::default();
            add_cluster_item(&mut alone, *cluster, cluster_item);
            let (first_seen, all) = (cluster_item.first, &cluster_item.circumstances);
            let cluster_details = ClusterDetails::of(*cluster, &alone, first_seen, all.clone())?;
            Some((*cluster, cluster_details))
        };
        Ok(clusters.iter().filter_map(cluster_details).collect())
    }
}

impl<T: Table> DynamoStore<T> {
    /// Returns the read cache that is in use now. The caller can use it to the end of its call, even if
    /// [`Self::forget_read`] puts another cache in its place.
    pub(super) fn read_cache(&self) -> SharedReadCache {
        Arc::clone(&self.read_cache.borrow())
    }

    /// Returns the cluster item of `cluster` from `read_cache`, or reads it from the table and adds it to the cache.
    /// `None` if the cluster has no item.
    pub(super) async fn cluster_item(
        &self,
        read_cache: &Mutex<ReadCache>,
        cluster: ClusterId,
    ) -> Result<Option<ClusterItem>, StoreError> {
        self.read_cluster_items(read_cache, BTreeSet::from([cluster]))
            .await?;
        Ok(lock(read_cache)
            .cluster_items
            .get(&cluster)
            .cloned()
            .flatten())
    }

    /// Returns all segments of a range of hours of event time, and the cluster items of the clusters that have events
    /// in these segments.
    ///
    /// Segments and items are taken from `read_cache`, or read from the table and added to the cache. A cluster
    /// without an item is missing in the map. Fails if a segment is damaged.
    pub(super) async fn hours(
        &self,
        read_cache: &Mutex<ReadCache>,
        hours: &RangeInclusive<Window>,
    ) -> Result<(Vec<Segment>, BTreeMap<ClusterId, ClusterItem>), StoreError> {
        let mut segments = Vec::new();
        for hour in hours.start().hours()..=hours.end().hours() {
            let hour = self.hour(read_cache, Window::from_hours(hour)).await?;
            segments.extend(hour.iter().cloned());
        }
        let seen = segments.iter().flat_map(Segment::sightings);
        let clusters: BTreeSet<ClusterId> = seen.map(|(_, seen)| seen.series.cluster).collect();
        self.read_cluster_items(read_cache, clusters.clone())
            .await?;
        let read_cache = lock(read_cache);
        let cluster_item = |id: ClusterId| Some((id, read_cache.cluster_items.get(&id)?.clone()?));
        let cluster_items = clusters.into_iter().filter_map(cluster_item).collect();
        Ok((segments, cluster_items))
    }

    /// Replaces the read cache of the store by an empty one, so that later calls read the table again.
    pub(super) fn forget_read(&self) {
        self.read_cache.replace(SharedReadCache::default());
    }

    /// Reads the cluster items that are not in the cache.
    pub(super) async fn read_cluster_items(
        &self,
        read_cache: &Mutex<ReadCache>,
        clusters: BTreeSet<ClusterId>,
    ) -> Result<(), StoreError> {
        let unknown: Vec<ClusterId> = {
            let read_cache = lock(read_cache);
            let is_unknown = |cluster: &ClusterId| !read_cache.cluster_items.contains_key(cluster);
            clusters.into_iter().filter(is_unknown).collect()
        };
        let keys: Vec<Key> = unknown.iter().copied().map(cluster_key).collect();
        let found = self.table.get(&keys).await?;
        let mut read_cache = lock(read_cache);
        read_cache
            .cluster_items
            .extend(unknown.into_iter().map(|id| (id, None)));
        let cluster_items = found.iter().filter_map(ClusterItem::read);
        read_cache
            .cluster_items
            .extend(cluster_items.map(|(id, cluster_item)| (id, Some(cluster_item))));
        Ok(())
    }

    /// Returns a snapshot of a range of hours.
    async fn snapshot_of(
        &self,
        read_cache: &Mutex<ReadCache>,
        hours: &RangeInclusive<Window>,
    ) -> Result<Arc<ClusterSnapshot>, StoreError> {
        let between = (*hours.start(), *hours.end());
        if let Some(cached) = lock(read_cache).snapshots.get(&between) {
            return Ok(Arc::clone(cached));
        }
        let (segments, cluster_items) = self.hours(read_cache, hours).await?;
        let overflow = cluster_items
            .iter()
            .filter(|(_, cluster_item)| is_overflow(&cluster_item.facts.identity));
        let overflow = overflow.map(|(id, _)| *id).collect();
        let mut sightings = Sightings::default();
        read::add(&mut sightings, &segments, &overflow);
        let (series_table, rows) = sightings.rows(None);
        let mut snapshot = ClusterSnapshot::of(BTreeMap::new(), series_table, rows);
        for (id, cluster_item) in &cluster_items {
            add_cluster_item(&mut snapshot, *id, cluster_item);
        }
        let snapshot = Arc::new(snapshot);
        let mut read_cache = lock(read_cache);
        read_cache.snapshots.insert(between, Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Returns the segments of an hour.
    async fn hour(
        &self,
        read_cache: &Mutex<ReadCache>,
        window: Window,
    ) -> Result<Arc<Vec<Segment>>, StoreError> {
        if let Some(cached) = lock(read_cache).segments.get(&window) {
            return Ok(Arc::clone(cached));
        }
        let segments = read::hour(&self.table, Some(window)).await?.into_iter();
        let segments: Arc<Vec<Segment>> = Arc::new(segments.collect::<Result<_, _>>()?);
        let mut read_cache = lock(read_cache);
        read_cache.segments.insert(window, Arc::clone(&segments));
        Ok(segments)
    }
}

impl ReadCache {
    /// Returns a cluster item in the cache; `None` if it was not read, or the cluster has none.
    pub fn cluster_item(&self, cluster: ClusterId) -> Option<&ClusterItem> {
        self.cluster_items.get(&cluster)?.as_ref()
    }
}

/// Locks a read cache. The cache is used even if another reader panicked while it held the lock, because every entry
/// is complete when it is inserted.
pub fn lock(read_cache: &Mutex<ReadCache>) -> MutexGuard<'_, ReadCache> {
    read_cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the facts and the sample of a cluster item to a snapshot.
fn add_cluster_item(
    snapshot: &mut ClusterSnapshot,
    cluster: ClusterId,
    cluster_item: &ClusterItem,
) {
    snapshot
        .facts
        .insert(cluster, Arc::new(cluster_item.facts.clone()));
    if let Some(sample) = &cluster_item.sample {
        let samples: &mut Samples = snapshot.samples.entry(cluster).or_default();
        samples.insert(sample.clone());
    }
}
