//! A store and a bucket in memory, for commands without a file and for tests. Their data is lost when they are dropped.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::{self, KnownClusters, Limited};
use clusters::sample::{SampleCutoffs, Samples};
use clusters::sightings::Sightings;
use clusters::timeline::Timeline;
use clusters::{ClusterFacts, ClusterSnapshot, EventId, Sighting, Tally};
use data_encoding::HEXLOWER;
use foldhash::HashMap;
use records::time::{Timestamp, Window};
use sha2::{Digest as _, Sha256};

use crate::ports::{
    Batch, Bucket, BucketError, Committed, Fetched, LedgerCalls, ListedObject, Quarantined, Store,
    StoreError,
};

/// A store of events and clusters in memory only.
#[derive(Debug, Default)]
pub struct MemoryStore {
    sightings: Sightings,
    /// The facts and samples of the clusters. Its own sightings are empty.
    clusters: Tally,
    /// The hour in which each cluster counts as new; `None` for a cluster whose events have no time.
    admitted: HashMap<ClusterId, Option<Window>>,
    /// The number of clusters and sensitive calls that were admitted, by the limit that they count against.
    admitted_counts: HashMap<Limited, u32>,
    /// The calls of the ledger, with what they did.
    ledger: Sightings,
    ledger_subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// Whether there is an overflow cluster. If not, no event has to be looked up.
    any_overflow: bool,
    /// The unreadable records of all inputs, by the name of the input.
    pub quarantined: BTreeMap<String, Vec<Quarantined>>,
}

impl Store for MemoryStore {
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        Ok(batches.into_iter().map(|batch| self.add(batch)).collect())
    }

    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        let shared = |(cluster, facts): (&ClusterId, _)| (*cluster, Arc::clone(facts));
        let facts = self.clusters.facts.iter().map(shared).collect();
        let (series_table, rows) = self.sightings.rows(since);
        Ok(ClusterSnapshot::of(facts, series_table, rows))
    }

    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
        Ok(self.clusters.samples.clone().into_iter().collect())
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        Ok(self.sightings.timeline())
    }

    async fn events(&self) -> Result<Vec<(EventId, Sighting)>, StoreError> {
        Ok(self.sightings.events())
    }

    async fn ledger(&self) -> Result<Option<LedgerCalls>, StoreError> {
        Ok(Some(LedgerCalls {
            events: self.ledger.events(),
            subjects: self.ledger_subjects.clone(),
            ..LedgerCalls::default()
        }))
    }
}

impl MemoryStore {
    fn add(&mut self, batch: Batch) -> Committed {
        let Batch {
            source,
            mut tally,
            mut ledger,
            quarantined,
        } = batch;
        let Ok(admitted) = guard::admit(&mut tally, self, &mut ledger);
        self.ledger
            .add(ledger.sightings.iter().map(|(id, seen)| (*id, seen)));
        for (id, facts) in &ledger.facts {
            let subject = || Arc::new(ClusterSubject::from(&facts.identity));
            self.ledger_subjects.entry(*id).or_insert_with(subject);
        }
        for (cluster, facts) in &tally.facts {
            self.learn(*cluster, facts);
        }
        let is_failure = |cluster: &&ClusterId| !tally.facts[*cluster].is_sensitive_call();
        let new_clusters = admitted.keys().filter(is_failure).count() as u64;
        for (cluster, hour) in admitted {
            *self.admitted_count(cluster, hour) += 1;
            self.admitted.insert(cluster, hour);
        }
        let seen = tally.sightings.iter();
        let fresh = self.sightings.add(seen.map(|(id, seen)| (*id, seen)));
        let mut cutoffs = SampleCutoffs::new();
        for (cluster, samples) in tally.samples {
            let stored = self.clusters.samples.entry(cluster).or_default();
            stored.join(samples);
            cutoffs.extend(stored.cutoff().map(|cutoff| (cluster, cutoff)));
        }
        if !quarantined.is_empty() {
            self.quarantined.insert(source, quarantined);
        }
        Committed {
            fresh,
            cutoffs,
            new_clusters,
            ..Committed::default()
        }
    }

    /// Adds facts of a cluster. If a rule merges clusters of several accounts, the new facts may move the cluster to
    /// another account; then the counts of admitted clusters change.
    fn learn(&mut self, cluster: ClusterId, facts: &Arc<ClusterFacts>) {
        self.any_overflow |= guard::is_overflow(&facts.identity);
        let hour = self.admitted.get(&cluster).copied();
        let hour = hour.filter(|_| {
            self.clusters.facts[&cluster].identity.account_id != facts.identity.account_id
        });
        if let Some(hour) = hour {
            *self.admitted_count(cluster, hour) -= 1;
        }
        self.clusters.learn(cluster, facts);
        if let Some(hour) = hour {
            *self.admitted_count(cluster, hour) += 1;
        }
    }

    fn admitted_count(&mut self, cluster: ClusterId, hour: Option<Window>) -> &mut u32 {
        let limited = Limited::of(&self.clusters.facts[&cluster].identity, hour);
        self.admitted_counts.entry(limited).or_default()
    }
}

/// A bucket whose objects are in memory only.
#[derive(Debug, Default)]
pub struct MemoryBucket {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Whether every call fails with [`BucketError::Unavailable`], to test failures.
    pub is_down: bool,
}

impl MemoryBucket {
    /// Returns a copy of all objects, by key.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.objects.lock();
        objects.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self) -> Result<(), BucketError> {
        if self.is_down {
            let detail = "it is down".to_owned();
            return Err(BucketError::Unavailable { detail });
        }
        Ok(())
    }
}

impl Bucket for MemoryBucket {
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError> {
        self.check()?;
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(key.to_owned(), object);
        Ok(())
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        self.check()?;
        let object = self.objects().remove(key);
        if object
            .as_ref()
            .is_some_and(|object| object.len() > bytes_max)
        {
            return Err(BucketError::TooLong {
                key: key.to_owned(),
                limit: bytes_max,
            });
        }
        Ok(object)
    }

    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError> {
        let Some(bytes) = self.fetch(key, bytes_max).await? else {
            return Ok(Fetched::Missing);
        };
        let found = HEXLOWER.encode(&Sha256::digest(&bytes));
        Ok(match tag == Some(&found) {
            true => Fetched::Unchanged,
            false => Fetched::Object { bytes, tag: found },
        })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError> {
        self.check()?;
        let objects = self.objects();
        let listed = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| &***key > after))
            .map(|(key, object)| ListedObject {
                key: key.clone(),
                bytes: object.len() as u64,
                modified: None,
            });
        Ok(listed.take(objects_max).collect())
    }

    async fn remove(&self, key: &str) -> Result<(), BucketError> {
        self.check()?;
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.remove(key);
        Ok(())
    }
}

impl KnownClusters for MemoryStore {
    type Error = Infallible;

    fn has(&mut self, cluster: ClusterId) -> Result<bool, Infallible> {
        Ok(self.admitted.contains_key(&cluster))
    }

    fn overflowed(&mut self, event: EventId) -> Result<bool, Infallible> {
        if !self.any_overflow {
            return Ok(false);
        }
        let cluster = self.sightings.cluster(event);
        let facts = cluster.map(|cluster| &self.clusters.facts[&cluster]);
        Ok(facts.is_some_and(|facts| guard::is_overflow(&facts.identity)))
    }

    fn admitted(&mut self, limited: &Limited) -> Result<u32, Infallible> {
        Ok(self
            .admitted_counts
            .get(limited)
            .copied()
            .unwrap_or_default())
    }
}
