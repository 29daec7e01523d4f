//! The outside world in memory: a store that keeps the whole contract and forgets it at the end.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::{HashMap, HashMapExt as _};

use crate::cluster::cases::Cases;
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::guard::{self, Known};
use crate::cluster::sample::{Marks, Samples};
use crate::cluster::timeline::Timeline;
use crate::cluster::{Case, Census, EventId, Facts, Sighting, Span, Stamp, Tally};
use crate::ports::{Batch, Bucket, BucketError, Committed, Quarantined, Store, StoreError};
use crate::trail::time::{EventTime, Window};

/// Clusters in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    sightings: HashMap<EventId, Seen>,
    cases: Arc<Cases>,
    /// What is known of the clusters, and their samples; it has no sightings.
    clusters: Tally,
    /// The hour in which a cluster counts as new.
    admitted: HashMap<ClusterId, Option<Window>>,
    /// How many clusters of an account were admitted in an hour.
    used: HashMap<(String, Option<Window>), u32>,
    /// Whether it is worth asking if an event overflowed.
    any_overflow: bool,
    /// Records that could not be read, by where they came from.
    pub quarantined: BTreeMap<String, Vec<Quarantined>>,
}

/// A sighting, with the place of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    case: u32,
    stamp: Stamp,
    watched: bool,
}

impl Store for MemoryStore {
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        Ok(batches.into_iter().map(|batch| self.add(batch)).collect())
    }

    async fn sums(&self, since: Option<EventTime>) -> Result<Census, StoreError> {
        let mut spans: HashMap<u32, Span> = HashMap::new();
        for seen in self.sightings.values() {
            let at = seen.stamp.time();
            if since.is_none() || at >= since {
                spans.entry(seen.case).or_default().add(Span::at(at));
            }
        }
        let shared = |(cluster, facts): (&ClusterId, _)| (*cluster, Arc::clone(facts));
        let facts = self.clusters.facts.iter().map(shared).collect();
        let rows = spans.into_iter().collect();
        Ok(Census::of(facts, Arc::clone(&self.cases), rows))
    }

    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
        Ok(self.clusters.samples.clone().into_iter().collect())
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        let mut timeline = Timeline::default();
        for seen in self.sightings.values() {
            let cluster = self.cases.get(seen.case).cluster();
            timeline.add(cluster, seen.stamp.time(), 1);
        }
        Ok(timeline)
    }
}

impl MemoryStore {
    fn add(&mut self, batch: Batch) -> Committed {
        let Batch {
            source,
            mut tally,
            quarantined,
        } = batch;
        let Ok(admitted) = guard::admit(&mut tally, self);
        for (cluster, facts) in &tally.facts {
            self.learn(*cluster, facts);
        }
        let new_clusters = admitted.len() as u64;
        for (cluster, hour) in admitted {
            *self.used_in(cluster, hour) += 1;
            self.admitted.insert(cluster, hour);
        }
        let mut fresh = 0;
        // Many events of a batch share a case, and to know where one is takes less than to look at
        // what is in it.
        let mut places: HashMap<*const Case, u32> = HashMap::new();
        for (id, sighting) in &tally.sightings {
            let place = places.entry(Arc::as_ptr(&sighting.case));
            let case = *place.or_insert_with(|| self.place(&sighting.case));
            fresh += u64::from(self.insert(*id, sighting, case));
        }
        let mut marks = Marks::new();
        for (cluster, samples) in tally.samples {
            let kept = self.clusters.samples.entry(cluster).or_default();
            kept.join(samples);
            marks.extend(kept.mark().map(|mark| (cluster, mark)));
        }
        if !quarantined.is_empty() {
            self.quarantined.insert(source, quarantined);
        }
        Committed {
            fresh,
            marks,
            new_clusters,
            ..Committed::default()
        }
    }

    /// Adds what is known of a cluster. Where a rule merges clusters of several accounts, this may
    /// change which of them it counts in.
    fn learn(&mut self, cluster: ClusterId, facts: &Arc<Facts>) {
        self.any_overflow |= guard::is_overflow(&facts.identity);
        let hour = self.admitted.get(&cluster).copied();
        let hour = hour.filter(|_| {
            self.clusters.facts[&cluster].identity.account_id != facts.identity.account_id
        });
        if let Some(hour) = hour {
            *self.used_in(cluster, hour) -= 1;
        }
        self.clusters.learn(cluster, facts);
        if let Some(hour) = hour {
            *self.used_in(cluster, hour) += 1;
        }
    }

    fn used_in(&mut self, cluster: ClusterId, hour: Option<Window>) -> &mut u32 {
        let account_id = self.clusters.facts[&cluster].identity.account_id.clone();
        self.used.entry((account_id, hour)).or_default()
    }

    fn place(&mut self, case: &Case) -> u32 {
        Arc::make_mut(&mut self.cases).add(case)
    }

    /// Adds a sighting of a case at a place; `false` says that the event was there already.
    fn insert(&mut self, id: EventId, sighting: &Sighting, case: u32) -> bool {
        let cases = &self.cases;
        let seen = Seen {
            case,
            stamp: sighting.stamp,
            watched: sighting.watched,
        };
        match self.sightings.entry(id) {
            Entry::Vacant(unseen) => {
                unseen.insert(seen);
                true
            }
            Entry::Occupied(mut known) => {
                // In the order of sightings.
                let key = |seen: &Seen| {
                    let case = cases.get(seen.case);
                    (seen.watched, case.cluster(), seen.stamp, case)
                };
                if seen != *known.get() && key(&seen) < key(known.get()) {
                    known.insert(seen);
                }
                false
            }
        }
    }
}

/// A bucket in memory.
#[derive(Debug, Default)]
pub struct MemoryBucket {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Whether it refuses everything, as one that is out of reach does.
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

    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.check()?;
        Ok(self.objects().remove(key))
    }
}

impl Known for MemoryStore {
    type Error = Infallible;

    fn has(&mut self, cluster: ClusterId) -> Result<bool, Infallible> {
        Ok(self.admitted.contains_key(&cluster))
    }

    fn overflowed(&mut self, event: EventId) -> Result<bool, Infallible> {
        if !self.any_overflow {
            return Ok(false);
        }
        let known = self.sightings.get(&event);
        let cluster = known.map(|seen| self.cases.get(seen.case).cluster());
        let facts = cluster.map(|cluster| &self.clusters.facts[&cluster]);
        Ok(facts.is_some_and(|facts| guard::is_overflow(&facts.identity)))
    }

    fn admitted(&mut self, account_id: &str, hour: Option<Window>) -> Result<u32, Infallible> {
        let key = (account_id.to_owned(), hour);
        Ok(self.used.get(&key).copied().unwrap_or_default())
    }
}
