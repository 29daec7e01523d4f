//! Commits one batch: reads cluster items, asks the guard, and writes segments, cluster items, callers and notes.
//!
//! `mod.rs` explains the order of the steps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use alerts::alert::Alert;
use alerts::facts::Facts as AlertFacts;
use clusters::circumstance::{Circumstance, Circumstances, is_quiet};
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::{self, Admitted, Limited, is_overflow};
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::{LifecycleEvent, Move, SETTLING_SECONDS, State, step};
use clusters::sample::{Rank, Samples};
use clusters::segment::{EncodedSegment, Segment};
use clusters::{ClusterFacts, EventId, Sighting, Tally};
use data_encoding::HEXLOWER;
use records::time::{Timestamp, Window};
use service::ports::{Batch, Committed, LateHour, StoreError, StoreUsage};

use crate::dynamodb::calls::concurrently;
use crate::dynamodb::item::{
    CALLERS_MAX, CallerHash, ClusterItem, beginning_key, caller, circumstance_texts, circumstances,
    cluster_key, late_item, learned_key, principal_item, principal_key, renewal_key, renewed,
    segment_item, version,
};
use crate::dynamodb::lease::Purpose;
use crate::dynamodb::message::{announced_item, marker_item};
use crate::dynamodb::table::{Item, Key, Table, TableError, Write};
use crate::dynamodb::triage::journal_item;
use crate::dynamodb::{
    CLUSTER_ITEM_SECONDS, CLUSTER_ITEMS_MAX, CachedCluster, Counting, DynamoStore, read,
};

/// An event is late if it comes this many seconds after the end of its hour. Before that, the inspection reads the
/// hour anyway.
const LATE_SECONDS: i64 = 2 * 3600;

/// After a change of the identity version, no alerts about new clusters and callers are written for this many seconds.
const RENEWAL_SECONDS: i64 = 86_400;

/// The events of one cluster in a batch, summarized.
#[derive(Debug, Default)]
struct ClusterBatch {
    /// The times of the first and the last event; `None` if no event has a time.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// The callers, each with the time of its first event.
    callers: BTreeMap<String, Option<Timestamp>>,
    /// The circumstances of the events, from which the severity is computed.
    circumstances: Circumstances,
}

/// The state that the guard needs: the known clusters and the reserved places for new ones.
struct Admission<'a> {
    cluster_items: &'a HashMap<ClusterId, CachedCluster>,
    overflowed: BTreeSet<EventId>,
    places: BTreeMap<Limited, u32>,
}

impl guard::KnownClusters for Admission<'_> {
    type Error = Infallible;

    fn has(&mut self, cluster: ClusterId) -> Result<bool, Infallible> {
        Ok(self.cluster_items.contains_key(&cluster))
    }

    fn overflowed(&mut self, event: EventId) -> Result<bool, Infallible> {
        Ok(self.overflowed.contains(&event))
    }

    fn admitted(&mut self, limited: &Limited) -> Result<u32, Infallible> {
        let places = self.places.get(limited);
        let limit = limited.kind.limit();
        Ok(limit - places.copied().unwrap_or_default().min(limit))
    }
}

impl<T: Table> DynamoStore<T> {
    pub(super) async fn commit_one(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let mut tally = batch.tally;
        self.forget_stale();
        self.update_learning().await?;
        self.count_hours(&tally).await?;
        let clusters: BTreeSet<ClusterId> = tally.facts.keys().copied().collect();
        self.cache_cluster_items(clusters.clone()).await?;
        let admitted = self.admit(&mut tally).await?;
        // The guard moves events of clusters that are not admitted to overflow clusters, which may exist already.
        let all = tally.facts.keys().copied();
        let moved = all.filter(|cluster| !clusters.contains(cluster));
        self.cache_cluster_items(moved.collect()).await?;
        let fresh = self.put_segments(&tally).await?;
        let changes = cluster_batches(&tally);
        let new_clusters = self
            .create_cluster_items(&tally, &admitted, &changes)
            .await?;
        let announced = self.update_cluster_items(&tally, &changes).await?;
        self.add_callers(&changes, &announced).await?;
        self.note_evidence(&tally).await?;
        self.alert_on_calls(&tally).await?;
        self.alert_on_canaries(&tally).await?;
        let before = std::mem::replace(&mut self.spent, self.table.spent());
        Ok(Committed {
            fresh,
            new_clusters,
            cutoffs: tally.facts.keys().map(|id| (*id, Rank::LOWEST)).collect(),
            spent: StoreUsage {
                calls: self.spent.calls - before.calls,
                write_units: self.spent.write_units - before.write_units,
            },
        })
    }

    fn forget_stale(&mut self) {
        let now = self.now;
        if self.cluster_items.len() > CLUSTER_ITEMS_MAX {
            self.cluster_items.clear();
        }
        self.cluster_items
            .retain(|_, cached| now.seconds_since(cached.read) < CLUSTER_ITEM_SECONDS);
    }

    /// Reads the cluster items that are not in the cache.
    async fn cache_cluster_items(
        &mut self,
        clusters: BTreeSet<ClusterId>,
    ) -> Result<(), StoreError> {
        let unknown = |cluster: &ClusterId| !self.cluster_items.contains_key(cluster);
        let keys: Vec<Key> = clusters
            .into_iter()
            .filter(unknown)
            .map(cluster_key)
            .collect();
        for item in self.table.get(&keys).await? {
            self.cache_item(&item);
        }
        Ok(())
    }

    /// Adds an item that was read to the cache, if it is a cluster item.
    fn cache_item(&mut self, item: &Item) {
        if let Some((cluster, cluster_item)) = ClusterItem::read(item) {
            self.cache(cluster, cluster_item);
        }
    }

    fn cache(&mut self, cluster: ClusterId, cluster_item: ClusterItem) {
        let old = self.cluster_items.remove(&cluster);
        let cached = CachedCluster {
            cluster_item,
            read: self.now,
            callers: old.map(|old| old.callers).unwrap_or_default(),
        };
        self.cluster_items.insert(cluster, cached);
    }

    /// Reads the hours of a batch, if new events are counted exactly.
    async fn count_hours(&mut self, tally: &Tally) -> Result<(), StoreError> {
        let Some(mut counting) = self.counting.take() else {
            return Ok(());
        };
        let hours = tally.sightings.values();
        let hours: BTreeSet<_> = hours.map(|seen| seen.at().map(Timestamp::window)).collect();
        let result = self.count(&mut counting, hours).await;
        self.counting = Some(counting);
        result
    }

    async fn count(
        &mut self,
        counting: &mut Counting,
        hours: BTreeSet<Option<Window>>,
    ) -> Result<(), StoreError> {
        let mut segments = Vec::new();
        for hour in hours.difference(&counting.hours) {
            for segment in read::hour(&self.table, *hour).await? {
                segments.push(segment?);
            }
        }
        let clusters = segments.iter().flat_map(Segment::sightings);
        let clusters: BTreeSet<_> = clusters.map(|(_, seen)| seen.series.cluster).collect();
        self.cache_cluster_items(clusters.clone()).await?;
        let overflow = clusters
            .into_iter()
            .filter(|cluster| self.is_overflow(*cluster))
            .collect();
        read::add(&mut counting.sightings, &segments, &overflow);
        counting.hours.extend(hours);
        Ok(())
    }

    fn is_overflow(&self, cluster: ClusterId) -> bool {
        let cached = self.cluster_items.get(&cluster);
        cached.is_some_and(|cached| is_overflow(&cached.cluster_item.facts.identity))
    }

    /// Reserves places for new clusters, and asks the guard which of them are admitted.
    async fn admit(&mut self, tally: &mut Tally) -> Result<Admitted, StoreError> {
        let overflowed = match &self.counting {
            None => BTreeSet::new(),
            Some(counting) => {
                let cluster = |id: &EventId| counting.sightings.cluster(*id);
                let overflowed = |id: &EventId| cluster(id).is_some_and(|id| self.is_overflow(id));
                let ids = tally.sightings.keys().copied();
                ids.filter(overflowed).collect()
            }
        };
        let has = |cluster| self.cluster_items.contains_key(&cluster);
        let demand = guard::demand(tally, has);
        let mut places = BTreeMap::new();
        for (limited, wanted) in demand {
            let purpose = Purpose::from(&limited);
            let leased = self.lease(&limited.account_id, limited.hour, purpose, wanted);
            let leased = leased.await?;
            places.insert(limited, leased);
        }
        let mut admission = Admission {
            cluster_items: &self.cluster_items,
            overflowed,
            places,
        };
        // A table has no ledger.
        let Ok(admitted) = guard::admit(tally, &mut admission, &mut Tally::default());
        for (cluster, hour) in &admitted {
            let limited = Limited::of(&tally.facts[cluster].identity, *hour);
            self.use_places(&limited.account_id, *hour, Purpose::from(&limited), 1);
        }
        Ok(admitted)
    }

    /// Writes the batch's segments and returns how many events are new to the table.
    ///
    /// An exact retry of a batch counts zero. Events repeated in a differently cut batch count as new, unless
    /// [`DynamoStore::counting`] is on.
    async fn put_segments(&mut self, tally: &Tally) -> Result<u64, StoreError> {
        let segments = Segment::split_at(tally, self.settings.segment_bytes_max);
        let (days, now, table) = (self.settings.retention_days, self.now, &self.table);
        let mut late = BTreeMap::new();
        for EncodedSegment {
            segment, digest, ..
        } in &segments
        {
            // One note per hour, even if the hour has several segments.
            if let Some(window) = segment.window.filter(|of| self.is_late(*of)) {
                late.entry(window).or_insert(digest);
            }
        }
        let puts = segments.iter().map(|encoded| async move {
            let put = Write::Put(segment_item(encoded, days, now));
            let replaced = table.write(&put).await?;
            Ok::<_, TableError>(match replaced {
                Some(_) => 0,
                None => encoded.segment.sightings().len(),
            })
        });
        let mut fresh = 0;
        for count in concurrently(puts).await {
            fresh += count? as u64;
        }
        // Written after the segments, so that a reader of the note finds them.
        let notes = late.into_iter().map(|(window, digest)| async move {
            let token = format!("{}-{}", HEXLOWER.encode(digest), now.seconds());
            let note = Write::Put(late_item(&LateHour { window, token }));
            table.write(&note).await
        });
        for result in concurrently(notes).await {
            result?;
        }
        if let Some(counting) = &mut self.counting {
            let seen = segments.iter().flat_map(|of| of.segment.sightings());
            fresh = counting.sightings.add(seen);
        }
        Ok(fresh)
    }

    /// Whether the inspection may have processed an hour already, so that it has to process the hour again.
    fn is_late(&self, window: Window) -> bool {
        self.now.seconds_since(window.end()) >= LATE_SECONDS
    }

    /// Creates the missing cluster items, and returns how many this call created.
    async fn create_cluster_items(
        &mut self,
        tally: &Tally,
        admitted: &Admitted,
        changes: &BTreeMap<ClusterId, ClusterBatch>,
    ) -> Result<u64, StoreError> {
        let missing = changes
            .iter()
            .filter(|(cluster, _)| !self.cluster_items.contains_key(cluster));
        let mut plans = Vec::new();
        for (cluster, change) in missing {
            let admitted = admitted.get(cluster).copied().flatten();
            plans.push((
                *cluster,
                change,
                self.new_cluster_item(tally, *cluster, change, admitted),
            ));
        }
        if plans.is_empty() {
            return Ok(0);
        }
        let (is_announced, now) = (self.is_alerting_on_new(), self.now);
        let store = &*self;
        let creations = plans
            .iter()
            .map(|(cluster, change, cluster_item)| async move {
                let mut writes = vec![Write::Create(cluster_item.item(*cluster, change.last))];
                let is_call = cluster_item.facts.is_sensitive_call();
                if is_announced && !is_call && !is_quiet_item(cluster_item) {
                    let account_id = &cluster_item.facts.identity.account_id;
                    let episode = (*cluster, cluster_item.episode);
                    let new =
                        Alert::of_cluster(AlertFacts::New, account_id, episode, change.first, now);
                    writes.extend(store.outbox_writes(&new, now));
                }
                store.apply(&writes).await
            });
        let results = concurrently(creations).await;
        let mut count = 0;
        for ((cluster, _, cluster_item), result) in plans.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    count += u64::from(!cluster_item.facts.is_sensitive_call());
                    self.cache(cluster, cluster_item);
                }
                // Another function created the item, or this one did in an earlier attempt whose answer was lost.
                Err(TableError::Refused {
                    found: Some(item), ..
                }) => self.cache_item(&item),
                Err(TableError::Refused { found: None, .. }) => {
                    self.cache_cluster_items(BTreeSet::from([cluster])).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn new_cluster_item(
        &self,
        tally: &Tally,
        cluster: ClusterId,
        change: &ClusterBatch,
        admitted: Option<Window>,
    ) -> ClusterItem {
        // The sample with the smallest hash, so that no caller can choose the sample.
        let sample = tally.samples.get(&cluster).and_then(Samples::first);
        let callers: BTreeSet<CallerHash> =
            change.callers.keys().map(|name| caller(name)).collect();
        ClusterItem {
            facts: ClusterFacts::clone(&tally.facts[&cluster]),
            identity: self.settings.identity.to_owned(),
            state: State::New,
            episode: 1,
            version: 1,
            first: change.first,
            watermark: None,
            admitted,
            callers: callers.into_iter().take(CALLERS_MAX).collect(),
            circumstances: change.circumstances.clone(),
            sample: sample.cloned(),
        }
    }

    /// Applies the changes of the batch to existing cluster items. Returns the clusters that were quiet until now, and
    /// that the batch made known.
    async fn update_cluster_items(
        &mut self,
        tally: &Tally,
        changes: &BTreeMap<ClusterId, ClusterBatch>,
    ) -> Result<BTreeSet<ClusterId>, StoreError> {
        let mut announced = BTreeSet::new();
        for (cluster, change) in changes {
            let mut attempts = 0;
            while let Some(write) = self.next_write(*cluster, &tally.facts[cluster], change) {
                if matches!(write, Write::Circumstances { .. })
                    && self.announce_quiet(*cluster, change).await?
                {
                    announced.insert(*cluster);
                }
                let mut writes = vec![write];
                if let Write::Regress { episode, at, .. } = writes[0] {
                    writes.extend(self.episode_writes(*cluster, episode + 1, at));
                }
                attempts += 1;
                match self.apply(&writes).await {
                    Ok(()) => self.update_cached(*cluster, &writes[0]),
                    Err(TableError::Refused { found, .. }) if attempts < 4 => {
                        self.cluster_items.remove(cluster);
                        match found {
                            Some(item) => self.cache_item(&item),
                            None => self.cache_cluster_items(BTreeSet::from([*cluster])).await?,
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(announced)
    }

    /// Writes the alert about a cluster that was quiet until now, if the batch has an event that is not quiet. Returns
    /// whether the batch has one.
    ///
    /// The alert is written before the circumstances, with a marker, so that it is neither lost nor written twice if
    /// this function stops in between or another one finds the same.
    async fn announce_quiet(
        &self,
        cluster: ClusterId,
        change: &ClusterBatch,
    ) -> Result<bool, StoreError> {
        let Some(cached) = self.cluster_items.get(&cluster) else {
            return Ok(false);
        };
        let item = &cached.cluster_item;
        let subject = ClusterSubject::from(&item.facts.identity);
        if !is_quiet_item(item) || is_quiet(&subject, &change.circumstances) {
            return Ok(false);
        }
        if self.is_alerting_on_new() {
            let (now, episode) = (self.now, (cluster, item.episode));
            let account_id = &subject.account_id;
            let new = Alert::of_cluster(AlertFacts::New, account_id, episode, change.last, now);
            // Without a time, because two batches may have different events of the cluster.
            let marker = announced_item(
                &Alert {
                    at: None,
                    ..new.clone()
                },
                now,
            );
            let mut writes = vec![Write::Create(marker)];
            writes.extend(self.outbox_writes(&new, now));
            match self.apply(&writes).await {
                // Refused: the alert exists, from another function or from an earlier attempt whose answer was lost.
                Ok(()) | Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Returns the writes for an episode that begins at `at`: the journal entry, and the alerts unless the cluster is quiet.
    fn episode_writes(&self, cluster: ClusterId, episode: i64, at: Timestamp) -> Vec<Write> {
        let now = self.now;
        let entry = JournalEntry::of(JournalEvent::Regressed, at, episode);
        let mut writes = vec![Write::Put(journal_item(cluster, &entry, now))];
        let cluster_item = &self.cluster_items[&cluster].cluster_item;
        if self.is_alerting() && !is_quiet_item(cluster_item) {
            let account_id = &cluster_item.facts.identity.account_id;
            let facts = AlertFacts::Regressed(None);
            let regressed = Alert::of_cluster(facts, account_id, (cluster, episode), Some(at), now);
            writes.extend(self.outbox_writes(&regressed, now));
        }
        writes
    }

    /// Returns the next change of a cluster item that the batch requires; `None` if nothing is left to change.
    fn next_write(
        &self,
        cluster: ClusterId,
        facts: &ClusterFacts,
        change: &ClusterBatch,
    ) -> Option<Write> {
        let cluster_item = &self.cluster_items.get(&cluster)?.cluster_item;
        let key = cluster_key(cluster);
        let comes_back =
            step(Some(cluster_item.state), LifecycleEvent::Seen).1 == Some(Move::Return);
        let is_later = |at: &Timestamp| comes_back && Some(*at) > cluster_item.watermark;
        if let Some(at) = change.last.filter(is_later) {
            let episode = cluster_item.episode;
            return Some(Write::Regress { key, episode, at });
        }
        let is_earlier = |at: &Timestamp| cluster_item.first.is_none_or(|first| *at < first);
        if let Some(at) = change.first.filter(is_earlier) {
            return Some(Write::First { key, at });
        }
        let (stored, template) = (&cluster_item.facts.template, &facts.template);
        // A template that is part of the identity is the same for all events.
        let is_free = cluster_item.facts.identity.template.is_none();
        if is_free && !template.is_empty() && (stored.is_empty() || template < stored) {
            let text = template.clone();
            return Some(Write::Template { key, text });
        }
        let mut missing = change
            .circumstances
            .difference(&cluster_item.circumstances)
            .peekable();
        missing.peek()?;
        let texts = circumstance_texts(missing);
        Some(Write::Circumstances { key, texts })
    }

    /// Applies a successful write to the cluster item in the cache.
    fn update_cached(&mut self, cluster: ClusterId, write: &Write) {
        let Some(CachedCluster { cluster_item, .. }) = self.cluster_items.get_mut(&cluster) else {
            return;
        };
        match write {
            Write::Regress { .. } => {
                cluster_item.state = step(Some(cluster_item.state), LifecycleEvent::Seen)
                    .0
                    .unwrap_or(cluster_item.state);
                cluster_item.episode += 1;
            }
            Write::First { at, .. } => cluster_item.first = Some(*at),
            Write::Template { text, .. } => cluster_item.facts.template.clone_from(text),
            Write::Circumstances { texts, .. } => {
                cluster_item.circumstances.extend(circumstances(texts));
            }
            _ => {}
        }
    }

    /// Adds callers that are new to their clusters. `announced` are the clusters whose own alert covers the callers.
    async fn add_callers(
        &mut self,
        changes: &BTreeMap<ClusterId, ClusterBatch>,
        announced: &BTreeSet<ClusterId>,
    ) -> Result<(), StoreError> {
        let mut unknown = Vec::new();
        for (cluster, change) in changes {
            let Some(cached) = self.cluster_items.get(cluster) else {
                continue;
            };
            let facts = &cached.cluster_item.facts;
            if is_overflow(&facts.identity) || facts.is_sensitive_call() {
                continue;
            }
            for (name, at) in &change.callers {
                let caller = caller(name);
                if !cached.cluster_item.callers.contains(&caller)
                    && !cached.callers.contains_key(&caller)
                {
                    unknown.push((*cluster, caller, name, *at));
                }
            }
        }
        let keys = unknown
            .iter()
            .map(|(cluster, caller, ..)| principal_key(*cluster, *caller));
        let keys: Vec<Key> = keys.collect();
        let found = self.table.get(&keys).await?;
        self.renew(&found).await?;
        let found = found.iter().map(|item| (&item.key, item.time_of("ft")));
        let found: BTreeMap<&Key, Option<Timestamp>> = found.collect();
        for ((cluster, caller, name, at), key) in unknown.into_iter().zip(&keys) {
            let is_covered = announced.contains(&cluster);
            let first = match found.get(key) {
                Some(first) => *first,
                None if self.add_caller(cluster, name, at, is_covered).await? => at,
                None => continue,
            };
            if let Some(cached) = self.cluster_items.get_mut(&cluster) {
                cached.callers.insert(caller, first);
            }
        }
        Ok(())
    }

    /// Extends the expiry of callers that were seen again and would expire soon.
    async fn renew(&self, callers: &[Item]) -> Result<(), StoreError> {
        let soon = callers.iter().filter_map(|item| renewed(item, self.now));
        let puts = soon.map(|item| async move { self.apply(&[Write::Put(item)]).await });
        for put in concurrently(puts).await {
            put?;
        }
        Ok(())
    }

    /// Adds a caller and its alert; `false` if the budget for callers is used up. A caller that is covered, or whose
    /// cluster is quiet, has no alert.
    async fn add_caller(
        &mut self,
        cluster: ClusterId,
        name: &str,
        at: Option<Timestamp>,
        is_covered: bool,
    ) -> Result<bool, StoreError> {
        let Some(cached) = self.cluster_items.get(&cluster) else {
            return Ok(false);
        };
        let (episode, first) = (cached.cluster_item.episode, cached.cluster_item.first);
        let account_id = cached.cluster_item.facts.identity.account_id.clone();
        let is_announced = !is_covered && !is_quiet_item(&cached.cluster_item);
        let hour = at.map(Timestamp::window);
        let purpose = Purpose::Principal;
        if self.lease(&account_id, hour, purpose, 1).await? == 0 {
            return Ok(false);
        }
        let mut writes = vec![Write::Create(principal_item(cluster, name, at, self.now))];
        let settled = at
            .zip(first)
            .is_some_and(|(at, first)| at.seconds_since(first) >= SETTLING_SECONDS);
        if settled && is_announced && self.is_alerting_on_new() {
            let (now, facts) = (self.now, AlertFacts::NewPrincipal(name.to_owned()));
            let joined = Alert::of_cluster(facts, &account_id, (cluster, episode), at, now);
            writes.extend(self.outbox_writes(&joined, now));
        }
        match self.apply(&writes).await {
            Ok(()) => self.use_places(&account_id, hour, purpose, 1),
            Err(TableError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Writes alerts about canary keys that were used, at most one per key and day of event time.
    async fn alert_on_canaries(&mut self, tally: &Tally) -> Result<(), StoreError> {
        if self.settings.canaries.is_empty() || !self.is_alerting() {
            return Ok(());
        }
        let now = self.now;
        for ((key, day), sighting) in canaries(tally, &self.settings.canaries) {
            if self.canary_alerts.contains(&(key.to_owned(), day)) {
                continue;
            }
            let facts = &tally.facts[&sighting.series.cluster];
            let alert = Alert::of_canary(key, sighting, facts, now);
            let mut writes = vec![Write::Create(marker_item(key, day, now))];
            writes.extend(self.outbox_writes(&alert, now));
            match self.apply(&writes).await {
                // Refused: the alert exists, from another function or from an earlier attempt whose answer was lost.
                Ok(()) | Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.canary_alerts.insert((key.to_owned(), day));
        }
        Ok(())
    }

    /// Whether this store writes alerts now. `false` without sinks, during the learning period, and until
    /// [`Self::update_learning`] has read the time of the first commit.
    pub(super) fn is_alerting(&self) -> bool {
        let learning = self.settings.learn_hours * 3600;
        // Without a learning period, a difference between the clocks of two functions does not matter.
        let is_over = |began| learning == 0 || self.now.seconds_since(began) >= learning;
        !self.settings.sinks.is_empty() && self.first_commit.is_some_and(is_over)
    }

    /// Whether alerts about new clusters and callers are written: not during the first day of an identity version,
    /// when all clusters have new ids.
    pub(super) fn is_alerting_on_new(&self) -> bool {
        self.is_alerting() && !self.is_renewing()
    }

    /// Whether the first day of an identity version is not over, as far as [`Self::update_learning`] has found out.
    pub(super) fn is_renewing(&self) -> bool {
        let is_young = |began| self.now.seconds_since(began) < RENEWAL_SECONDS;
        self.renewal.is_some_and(is_young)
    }

    /// Reads when the first event was committed to the table, or stores `now` as that time. Writes the alert about
    /// the end of the learning period, once, when that period is over.
    ///
    /// Makes no calls to the table if there are no sinks, or after that alert was written.
    pub(super) async fn update_learning(&mut self) -> Result<(), StoreError> {
        if self.settings.sinks.is_empty() || self.learned {
            return Ok(());
        }
        if self.first_commit.is_none() {
            let renewal_key = renewal_key(self.settings.identity);
            let keys = [beginning_key(), learned_key(), renewal_key.clone()];
            let found = self.table.get(&keys).await?;
            let of = |key: &Key| found.iter().find(|item| item.key == *key);
            let began = of(&beginning_key());
            let first = began.map(version);
            if first.is_some_and(|version| version != self.settings.identity) {
                let renewed = of(&renewal_key).and_then(|item| item.time_of("ft"));
                self.renewal = match renewed {
                    Some(renewed) => Some(renewed),
                    None => Some(self.begin(renewal_key).await?),
                };
            }
            self.learned = of(&learned_key()).is_some();
            self.first_commit = match began.and_then(|item| item.time_of("ft")) {
                Some(began) => Some(began),
                None => Some(self.begin(beginning_key()).await?),
            };
        }
        let hours = self.settings.learn_hours;
        if self.learned || hours == 0 || !self.is_alerting() {
            return Ok(());
        }
        let now = self.now;
        let marker = Item::new(learned_key()).time("ft", now);
        let mut writes = vec![Write::Create(marker)];
        writes.extend(self.outbox_writes(&Alert::learned(hours), now));
        match self.apply(&writes).await {
            Ok(()) | Err(TableError::Refused { .. }) => self.learned = true,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Creates the item `key` with the current time if it is missing, and returns the stored time.
    async fn begin(&self, key: Key) -> Result<Timestamp, StoreError> {
        let now = self.now;
        let item = Item::new(key).time("ft", now);
        let item = item.text("av", self.settings.identity);
        match self.apply(&[Write::Create(item)]).await {
            Ok(()) => Ok(now),
            Err(TableError::Refused { found, .. }) => {
                let began = found.and_then(|item| item.time_of("ft"));
                Ok(began.unwrap_or(now))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks whether no alert is sent about a cluster, because all its events so far are quiet.
fn is_quiet_item(cluster_item: &ClusterItem) -> bool {
    let subject = ClusterSubject::from(&cluster_item.facts.identity);
    is_quiet(&subject, &cluster_item.circumstances)
}

/// Returns the canary keys that a batch contains, by key and day since 1970, each with its first event.
///
/// The day is `None` for events without a time.
fn canaries<'t>(
    tally: &'t Tally,
    canaries: &BTreeSet<String>,
) -> BTreeMap<(&'t str, Option<i64>), &'t Sighting> {
    let mut found: BTreeMap<_, (_, &Sighting)> = BTreeMap::new();
    for (id, sighting) in &tally.sightings {
        let key = sighting.series.facets.get(FacetKind::AccessKey);
        let Some(key) = key.filter(|key| canaries.contains(*key)) else {
            continue;
        };
        let day = sighting.at().map(|at| at.seconds() / 86_400);
        let seen = ((sighting.at(), *id), sighting);
        match found.get_mut(&(key, day)) {
            Some(first) if seen.0 >= first.0 => {}
            Some(first) => *first = seen,
            None => drop(found.insert((key, day), seen)),
        }
    }
    let first = |(of, (_, sighting))| (of, sighting);
    found.into_iter().map(first).collect()
}

/// Summarizes the events of a batch by cluster.
fn cluster_batches(tally: &Tally) -> BTreeMap<ClusterId, ClusterBatch> {
    let mut all: BTreeMap<ClusterId, ClusterBatch> = BTreeMap::new();
    for sighting in tally.sightings.values() {
        let change = all.entry(sighting.series.cluster).or_default();
        let at = sighting.at();
        change.last = change.last.max(at);
        change.first = change.first.into_iter().chain(at).min();
        let (series, facets) = (&sighting.series, &sighting.series.facets);
        let account_id = &tally.facts[&series.cluster].identity.account_id;
        let circumstance = Circumstance::of(account_id, |kind| facets.get(kind));
        change.circumstances.insert(circumstance);
        let Some(name) = facets.get(FacetKind::Principal) else {
            continue;
        };
        match change.callers.get_mut(name) {
            Some(first) => *first = at.min(*first),
            None => drop(change.callers.insert(name.to_owned(), at)),
        }
    }
    all
}
