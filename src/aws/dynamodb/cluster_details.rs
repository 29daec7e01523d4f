//! What is known of a cluster: its head, and the manifests of the hours that somebody asks for. What
//! was read is kept until rows are read again, because alerts of one run mostly ask for the same
//! hours; a row that was written later tells of events that what was read before does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusters::ClusterSnapshot;
use clusters::campaign::Campaign;
use clusters::fingerprint::ClusterId;
use clusters::guard::is_overflow;
use clusters::sample::Samples;
use clusters::segment::Segment;
use clusters::sightings::Sightings;
use records::time::Window;
use service::ports::{ClusterDetails, ClusterReader, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::{ClusterItem, head_key};
use crate::dynamodb::read;
use crate::dynamodb::table::{Key, Table};

/// What was read.
#[derive(Debug, Default)]
pub struct ReadCache {
    /// Heads; `None` where there is none.
    heads: BTreeMap<ClusterId, Option<ClusterItem>>,
    manifests: BTreeMap<Window, Arc<Vec<Segment>>>,
    /// From hour to hour.
    censuses: BTreeMap<(Window, Window), Arc<ClusterSnapshot>>,
    /// From hour to hour, of each account that somebody asked for.
    campaigns: BTreeMap<(Window, Window), BTreeMap<String, FoundCampaigns>>,
}

/// The campaigns of an account.
type FoundCampaigns = Arc<Vec<Campaign>>;

/// What whoever reads at the same time shares.
pub type SharedReadCache = Arc<Mutex<ReadCache>>;

impl<T: Table> ClusterReader for DynamoStore<T> {
    async fn cluster_details(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<ClusterDetails>, StoreError> {
        // The same one to the end, whoever reads rows meanwhile.
        let read_cache = self.read_cache();
        let Some(head) = self.head(&read_cache, cluster).await? else {
            return Ok(None);
        };
        let first_seen = head.first;
        let of = |census: &ClusterSnapshot| {
            ClusterDetails::of(cluster, census, first_seen, head.circumstances.clone())
        };
        if hours.is_empty() {
            let mut alone = ClusterSnapshot::default();
            add_head(&mut alone, cluster, &head);
            return Ok(of(&alone));
        }
        let census = self.census_of(&read_cache, &hours).await?;
        if census.facts.contains_key(&cluster) {
            return Ok(of(&census));
        }
        let mut with = ClusterSnapshot::clone(&census);
        add_head(&mut with, cluster, &head);
        Ok(of(&with))
    }

    async fn cluster_details_of(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, ClusterDetails>, StoreError> {
        let read_cache = self.read_cache();
        let wanted: BTreeSet<ClusterId> = clusters.iter().copied().collect();
        self.look_up(&read_cache, wanted).await?;
        let read_cache = open(&read_cache);
        let cluster_details = |cluster: &ClusterId| {
            let head = read_cache.heads.get(cluster)?.as_ref()?;
            let mut alone = ClusterSnapshot::default();
            add_head(&mut alone, *cluster, head);
            let (first_seen, all) = (head.first, &head.circumstances);
            let cluster_details = ClusterDetails::of(*cluster, &alone, first_seen, all.clone())?;
            Some((*cluster, cluster_details))
        };
        Ok(clusters.iter().filter_map(cluster_details).collect())
    }
}

impl<T: Table> DynamoStore<T> {
    /// Returns what was read.
    pub(super) fn read_cache(&self) -> SharedReadCache {
        Arc::clone(&self.read_cache.borrow())
    }

    /// Reads a head.
    pub(super) async fn head(
        &self,
        read_cache: &Mutex<ReadCache>,
        cluster: ClusterId,
    ) -> Result<Option<ClusterItem>, StoreError> {
        self.look_up(read_cache, BTreeSet::from([cluster])).await?;
        Ok(open(read_cache).heads.get(&cluster).cloned().flatten())
    }

    /// Reads hours, and the heads of their clusters.
    pub(super) async fn hours(
        &self,
        read_cache: &Mutex<ReadCache>,
        hours: &RangeInclusive<Window>,
    ) -> Result<(Vec<Segment>, BTreeMap<ClusterId, ClusterItem>), StoreError> {
        let mut manifests = Vec::new();
        for hour in hours.start().hours()..=hours.end().hours() {
            let hour = self.hour(read_cache, Window::from_hours(hour)).await?;
            manifests.extend(hour.iter().cloned());
        }
        let seen = manifests.iter().flat_map(Segment::sightings);
        let clusters: BTreeSet<ClusterId> = seen.map(|(_, seen)| seen.case.cluster).collect();
        self.look_up(read_cache, clusters.clone()).await?;
        let read_cache = open(read_cache);
        let head = |id: ClusterId| Some((id, read_cache.heads.get(&id)?.clone()?));
        let heads = clusters.into_iter().filter_map(head).collect();
        Ok((manifests, heads))
    }

    /// Forgets what was read.
    pub(super) fn forget_read(&self) {
        self.read_cache.replace(SharedReadCache::default());
    }

    /// Reads heads that were not read yet.
    async fn look_up(
        &self,
        read_cache: &Mutex<ReadCache>,
        clusters: BTreeSet<ClusterId>,
    ) -> Result<(), StoreError> {
        let unknown: Vec<ClusterId> = {
            let read_cache = open(read_cache);
            let is_unknown = |cluster: &ClusterId| !read_cache.heads.contains_key(cluster);
            clusters.into_iter().filter(is_unknown).collect()
        };
        let keys: Vec<Key> = unknown.iter().copied().map(head_key).collect();
        let found = self.table.get(&keys).await?;
        let mut read_cache = open(read_cache);
        read_cache
            .heads
            .extend(unknown.into_iter().map(|id| (id, None)));
        let heads = found.iter().filter_map(ClusterItem::read);
        read_cache
            .heads
            .extend(heads.map(|(id, head)| (id, Some(head))));
        Ok(())
    }

    /// Returns a census of hours.
    async fn census_of(
        &self,
        read_cache: &Mutex<ReadCache>,
        hours: &RangeInclusive<Window>,
    ) -> Result<Arc<ClusterSnapshot>, StoreError> {
        let between = (*hours.start(), *hours.end());
        if let Some(known) = open(read_cache).censuses.get(&between) {
            return Ok(Arc::clone(known));
        }
        let (manifests, heads) = self.hours(read_cache, hours).await?;
        let overflow = heads
            .iter()
            .filter(|(_, head)| is_overflow(&head.facts.identity));
        let overflow = overflow.map(|(id, _)| *id).collect();
        let mut sightings = Sightings::default();
        read::add(&mut sightings, &manifests, &overflow);
        let (cases, rows) = sightings.rows(None);
        let mut census = ClusterSnapshot::of(BTreeMap::new(), cases, rows);
        for (id, head) in &heads {
            add_head(&mut census, *id, head);
        }
        let census = Arc::new(census);
        let mut read_cache = open(read_cache);
        read_cache.censuses.insert(between, Arc::clone(&census));
        Ok(census)
    }

    /// Reads the manifests of an hour.
    async fn hour(
        &self,
        read_cache: &Mutex<ReadCache>,
        window: Window,
    ) -> Result<Arc<Vec<Segment>>, StoreError> {
        if let Some(known) = open(read_cache).manifests.get(&window) {
            return Ok(Arc::clone(known));
        }
        let manifests = read::hour(&self.table, Some(window)).await?.into_iter();
        let manifests: Arc<Vec<Segment>> = Arc::new(manifests.collect::<Result<_, _>>()?);
        let mut read_cache = open(read_cache);
        read_cache.manifests.insert(window, Arc::clone(&manifests));
        Ok(manifests)
    }
}

impl ReadCache {
    /// Returns the campaigns of an account that were found in some hours, if somebody looked.
    pub fn campaigns(
        &self,
        account_id: &str,
        hours: &RangeInclusive<Window>,
    ) -> Option<FoundCampaigns> {
        let found = self.campaigns.get(&(*hours.start(), *hours.end()))?;
        found.get(account_id).cloned()
    }

    /// Keeps the campaigns of an account that were found in some hours.
    pub fn keep_campaigns(
        &mut self,
        account_id: &str,
        hours: &RangeInclusive<Window>,
        found: &FoundCampaigns,
    ) {
        let of_hours = self.campaigns.entry((*hours.start(), *hours.end()));
        let of_hours = of_hours.or_default();
        of_hours.insert(account_id.to_owned(), Arc::clone(found));
    }
}

/// Opens what was read.
pub fn open(read_cache: &Mutex<ReadCache>) -> MutexGuard<'_, ReadCache> {
    read_cache.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_head(census: &mut ClusterSnapshot, cluster: ClusterId, head: &ClusterItem) {
    census.facts.insert(cluster, Arc::new(head.facts.clone()));
    if let Some(sample) = &head.sample {
        let samples: &mut Samples = census.samples.entry(cluster).or_default();
        samples.insert(sample.clone());
    }
}
