//! The outside world in memory: a store that keeps the whole contract and forgets it at the end.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use crate::cluster::fingerprint::ClusterId;
use crate::cluster::guard::{self, Known};
use crate::cluster::sample::{Marks, Samples};
use crate::cluster::timeline::Timeline;
use crate::cluster::{Case, Census, EventId, Facts, Row, Sighting, Span, Tally};
use crate::ports::{Batch, Committed, Quarantined, Store, StoreError};
use crate::trail::time::{EventTime, Window};

/// Clusters in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tally: Tally,
    /// One copy of each case.
    cases: HashMap<Arc<Case>, ()>,
    /// The hour in which a cluster counts as new.
    admitted: HashMap<ClusterId, Option<Window>>,
    /// How many clusters of an account were admitted in an hour.
    used: HashMap<(String, Option<Window>), u32>,
    /// Whether it is worth asking if an event overflowed.
    any_overflow: bool,
    /// Records that could not be read, by where they came from.
    pub quarantined: BTreeMap<String, Vec<Quarantined>>,
}

impl Store for MemoryStore {
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        Ok(batches.into_iter().map(|batch| self.add(batch)).collect())
    }

    async fn sums(&self, since: Option<EventTime>) -> Result<Census, StoreError> {
        // There is one copy of each case, so its address tells it.
        let mut rows: HashMap<*const Case, Row> = HashMap::with_capacity(self.cases.len());
        for sighting in self.tally.sightings.values() {
            let at = sighting.at();
            if since.is_none() || at >= since {
                let row = rows.entry(Arc::as_ptr(&sighting.case));
                let row = row.or_insert_with(|| Row {
                    case: Arc::clone(&sighting.case),
                    span: Span::default(),
                });
                row.span.add(Span::at(at));
            }
        }
        let mut rows: Vec<Row> = rows.into_values().collect();
        rows.sort_unstable_by(|one, other| one.case.cmp(&other.case));
        let shared = |(cluster, facts): (&ClusterId, _)| (*cluster, Arc::clone(facts));
        Ok(Census {
            facts: self.tally.facts.iter().map(shared).collect(),
            rows,
            ..Census::default()
        })
    }

    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
        Ok(self.tally.samples.clone().into_iter().collect())
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        let mut timeline = Timeline::default();
        for sighting in self.tally.sightings.values() {
            timeline.add(sighting.case.cluster, sighting.at(), 1);
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
        for (cluster, hour) in admitted {
            *self.used_in(cluster, hour) += 1;
            self.admitted.insert(cluster, hour);
        }
        let mut fresh = 0;
        for (id, sighting) in tally.sightings {
            fresh += u64::from(self.insert(id, sighting));
        }
        let mut marks = Marks::new();
        for (cluster, samples) in tally.samples {
            let kept = self.tally.samples.entry(cluster).or_default();
            kept.join(samples);
            marks.extend(kept.mark().map(|mark| (cluster, mark)));
        }
        if !quarantined.is_empty() {
            self.quarantined.insert(source, quarantined);
        }
        Committed { fresh, marks }
    }

    /// Adds what is known of a cluster. Where a rule merges clusters of several accounts, this may
    /// change which of them it counts in.
    fn learn(&mut self, cluster: ClusterId, facts: &Arc<Facts>) {
        self.any_overflow |= guard::is_overflow(&facts.identity);
        let hour = self.admitted.get(&cluster).copied();
        let hour = hour.filter(|_| {
            self.tally.facts[&cluster].identity.account_id != facts.identity.account_id
        });
        if let Some(hour) = hour {
            *self.used_in(cluster, hour) -= 1;
        }
        self.tally.learn(cluster, facts);
        if let Some(hour) = hour {
            *self.used_in(cluster, hour) += 1;
        }
    }

    fn used_in(&mut self, cluster: ClusterId, hour: Option<Window>) -> &mut u32 {
        let account_id = self.tally.facts[&cluster].identity.account_id.clone();
        self.used.entry((account_id, hour)).or_default()
    }

    fn insert(&mut self, id: EventId, mut sighting: Sighting) -> bool {
        match self.cases.entry(sighting.case) {
            Entry::Occupied(known) => sighting.case = Arc::clone(known.key()),
            Entry::Vacant(unknown) => {
                sighting.case = Arc::clone(unknown.key());
                unknown.insert(());
            }
        }
        self.tally.insert(id, sighting)
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
        let known = self.tally.sightings.get(&event);
        let facts = known.map(|sighting| &self.tally.facts[&sighting.case.cluster]);
        Ok(facts.is_some_and(|facts| guard::is_overflow(&facts.identity)))
    }

    fn admitted(&mut self, account_id: &str, hour: Option<Window>) -> Result<u32, Infallible> {
        let key = (account_id.to_owned(), hour);
        Ok(self.used.get(&key).copied().unwrap_or_default())
    }
}
