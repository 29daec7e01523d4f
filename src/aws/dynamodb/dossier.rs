//! What is known of a cluster: its head, and the manifests of the hours that somebody asks for. What
//! was read is kept until rows are read again, because alerts of one run mostly ask for the same
//! hours; a row that was written later tells of events that what was read before does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aws::dynamodb::DynamoStore;
use crate::aws::dynamodb::commit::together;
use crate::aws::dynamodb::item::{Head, head_key, manifest_partitions};
use crate::aws::dynamodb::read;
use crate::aws::dynamodb::table::{Key, Table};
use crate::cluster::Census;
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::guard::is_overflow;
use crate::cluster::manifest::Manifest;
use crate::cluster::sample::Samples;
use crate::cluster::sightings::Sightings;
use crate::ports::{Dossier, Dossiers, StoreError};
use crate::trail::time::{EventTime, Window};

/// What was read.
#[derive(Debug, Default)]
pub struct Library {
    /// Heads; `None` where there is none.
    heads: BTreeMap<ClusterId, Option<Head>>,
    manifests: BTreeMap<i64, Arc<Vec<Manifest>>>,
    /// From hour to hour.
    censuses: BTreeMap<(i64, i64), Arc<Census>>,
}

/// What whoever reads at the same time shares.
pub type Shelf = Arc<Mutex<Library>>;

impl<T: Table> Dossiers for DynamoStore<T> {
    async fn dossier(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<Dossier>, StoreError> {
        // The same one to the end, whoever reads rows meanwhile.
        let library = Arc::clone(&self.library.borrow());
        self.look_up(&library, BTreeSet::from([cluster])).await?;
        let head = open(&library).heads.get(&cluster).cloned().flatten();
        let Some(head) = head else {
            return Ok(None);
        };
        let first_seen = EventTime::from_seconds(head.first);
        if hours.is_empty() {
            let mut alone = Census::default();
            add_head(&mut alone, cluster, &head);
            return Ok(Dossier::of(cluster, &alone, first_seen));
        }
        let between = (hours.start().hours(), hours.end().hours());
        let census = self.census_of(&library, between).await?;
        if census.facts.contains_key(&cluster) {
            return Ok(Dossier::of(cluster, &census, first_seen));
        }
        let mut with = Census::clone(&census);
        add_head(&mut with, cluster, &head);
        Ok(Dossier::of(cluster, &with, first_seen))
    }
}

impl<T: Table> DynamoStore<T> {
    /// Reads a head.
    pub(super) async fn head(&self, cluster: ClusterId) -> Result<Option<Head>, StoreError> {
        let library = Arc::clone(&self.library.borrow());
        self.look_up(&library, BTreeSet::from([cluster])).await?;
        Ok(open(&library).heads.get(&cluster).cloned().flatten())
    }

    /// Reads hours, and the heads of their clusters.
    pub(super) async fn hours(
        &self,
        hours: &RangeInclusive<Window>,
    ) -> Result<(Vec<Manifest>, BTreeMap<ClusterId, Head>), StoreError> {
        let library = Arc::clone(&self.library.borrow());
        let mut manifests = Vec::new();
        for hour in hours.start().hours()..=hours.end().hours() {
            let hour = self.hour(&library, hour).await?;
            manifests.extend(hour.iter().cloned());
        }
        let seen = manifests.iter().flat_map(Manifest::sightings);
        let clusters: BTreeSet<ClusterId> = seen.map(|(_, seen)| seen.case.cluster).collect();
        self.look_up(&library, clusters.clone()).await?;
        let library = open(&library);
        let head = |id: ClusterId| Some((id, library.heads.get(&id)?.clone()?));
        let heads = clusters.into_iter().filter_map(head).collect();
        Ok((manifests, heads))
    }

    /// Forgets what was read.
    pub(super) fn forget_read(&self) {
        self.library.replace(Shelf::default());
    }

    /// Reads heads that were not read yet.
    async fn look_up(
        &self,
        library: &Mutex<Library>,
        clusters: BTreeSet<ClusterId>,
    ) -> Result<(), StoreError> {
        let unknown: Vec<ClusterId> = {
            let library = open(library);
            let is_unknown = |cluster: &ClusterId| !library.heads.contains_key(cluster);
            clusters.into_iter().filter(is_unknown).collect()
        };
        let keys: Vec<Key> = unknown.iter().copied().map(head_key).collect();
        let found = self.table.get(&keys).await?;
        let mut library = open(library);
        library
            .heads
            .extend(unknown.into_iter().map(|id| (id, None)));
        let heads = found.iter().filter_map(Head::read);
        library
            .heads
            .extend(heads.map(|(id, head)| (id, Some(head))));
        Ok(())
    }

    /// Returns a census of hours.
    async fn census_of(
        &self,
        library: &Mutex<Library>,
        between: (i64, i64),
    ) -> Result<Arc<Census>, StoreError> {
        if let Some(known) = open(library).censuses.get(&between) {
            return Ok(Arc::clone(known));
        }
        let mut hours = Vec::new();
        for hour in between.0..=between.1 {
            hours.push(self.hour(library, hour).await?);
        }
        let manifests: Vec<Manifest> = hours.iter().flat_map(|of| of.iter().cloned()).collect();
        let seen = manifests.iter().flat_map(Manifest::sightings);
        let clusters: BTreeSet<_> = seen.map(|(_, seen)| seen.case.cluster).collect();
        self.look_up(library, clusters.clone()).await?;
        let mut library = open(library);
        let heads = &library.heads;
        let head = |id: &ClusterId| Some((*id, heads.get(id)?.as_ref()?));
        let known: Vec<_> = clusters.iter().filter_map(head).collect();
        let overflow = known
            .iter()
            .filter(|(_, head)| is_overflow(&head.facts.identity));
        let overflow = overflow.map(|(id, _)| *id).collect();
        let mut sightings = Sightings::default();
        read::add(&mut sightings, &manifests, &overflow);
        let (cases, rows) = sightings.rows(None);
        let mut census = Census::of(BTreeMap::new(), cases, rows);
        for (id, head) in known {
            add_head(&mut census, id, head);
        }
        let census = Arc::new(census);
        library.censuses.insert(between, Arc::clone(&census));
        Ok(census)
    }

    /// Reads the manifests of an hour.
    async fn hour(
        &self,
        library: &Mutex<Library>,
        hour: i64,
    ) -> Result<Arc<Vec<Manifest>>, StoreError> {
        if let Some(known) = open(library).manifests.get(&hour) {
            return Ok(Arc::clone(known));
        }
        let Some(window) = EventTime::from_seconds(hour * 3600).map(EventTime::window) else {
            return Ok(Arc::default());
        };
        let table = &self.table;
        let partitions = manifest_partitions(Some(window));
        let reads = partitions.map(|pk| async move { table.query(&pk).await });
        let mut manifests = Vec::new();
        for items in together(reads).await {
            for item in items? {
                manifests.push(read::manifest(&item)?);
            }
        }
        let manifests = Arc::new(manifests);
        let mut library = open(library);
        library.manifests.insert(hour, Arc::clone(&manifests));
        Ok(manifests)
    }
}

fn open(library: &Mutex<Library>) -> MutexGuard<'_, Library> {
    library.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_head(census: &mut Census, cluster: ClusterId, head: &Head) {
    census.facts.insert(cluster, Arc::new(head.facts.clone()));
    if let Some(sample) = &head.sample {
        let samples: &mut Samples = census.samples.entry(cluster).or_default();
        samples.insert(sample.clone());
    }
}
