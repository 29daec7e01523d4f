//! Notes about new evidence, and the alerts about incidents that were decided.
//!
//! A commit notes the hours of accounts that have new evidence, and the one-minute round looks at these accounts. An item
//! for each decided alert is created in one transaction with its outbox rows, so that one function sends the alert.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use alerts::alert::Alert;
use alerts::outbox::Lease;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::is_overflow;
use clusters::incident::life::SentAlert;
use clusters::incident::noted::{CountedSign, counted_sign};
use clusters::{EventId, Series, Tally};
use data_encoding::HEXLOWER;
use records::time::{Timestamp, Window};
use service::ports::{EvidenceNote, IncidentStore, StoreError};
use sha2::{Digest as _, Sha256};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::calls::concurrently;
use crate::dynamodb::cluster_details::lock;
use crate::dynamodb::item::{
    CallerHash, ClusterItem, caller, evidence_item, evidence_partition, principal_key,
    read_evidence, round_key,
};
use crate::dynamodb::message::{
    incident_alert_item, incident_alert_partition, read_incident_alert,
};
use crate::dynamodb::table::{Key, Table, TableError, Write};

/// The largest number of writes in the transaction of an alert, and their largest size in bytes. DynamoDB allows 100 writes
/// and 4 MB. Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB".
const WRITES_MAX: usize = 100;
const WRITES_BYTES_MAX: usize = 7 << 19;

/// How long the item of a round is kept after its end, in seconds.
const ROUND_SECONDS: i64 = 86_400;

/// The new evidence in an hour of an account: the events, and what each counts as.
type News = BTreeMap<EventId, (CountedSign, Timestamp)>;

impl<T: Table> DynamoStore<T> {
    /// Writes a note for each hour of an account for which a batch has new evidence. Without sinks there are no notes, because
    /// no round reads them.
    ///
    /// Called after the segments, cluster items and callers were written, so that a reader of the note finds them. Events
    /// without a time are in no hour, so they are not evidence.
    pub(super) async fn note_evidence(&mut self, tally: &Tally) -> Result<(), StoreError> {
        if self.settings.sinks.is_empty() {
            return Ok(());
        }
        let news = self.news(tally);
        let (now, table) = (self.now, &self.table);
        let puts = news
            .iter()
            .map(|((account_id, window), events)| async move {
                let note = EvidenceNote {
                    account_id: (*account_id).to_owned(),
                    window: *window,
                    token: token(events, now),
                };
                table.write(&Write::Put(evidence_item(&note, now))).await
            });
        let written = concurrently(puts).await;
        for (events, result) in news.values().zip(written) {
            result?;
            for (sign, at) in events.values() {
                self.noted.add(sign, *at);
            }
        }
        Ok(())
    }

    /// Returns the events of a batch that can change what is counted as evidence, as far as this store knows.
    fn news<'t>(&self, tally: &'t Tally) -> BTreeMap<(&'t str, Window), News> {
        let mut subjects: BTreeMap<ClusterId, ClusterSubject> = BTreeMap::new();
        // Events of a series share it. Comparing addresses is cheaper than comparing contents.
        let mut signs: HashMap<*const Series, Option<CountedSign>> = HashMap::new();
        let mut news: BTreeMap<(&str, Window), News> = BTreeMap::new();
        for (id, seen) in &tally.sightings {
            let series = &seen.series;
            let (Some(at), Some(facts)) = (seen.at(), tally.facts.get(&series.cluster)) else {
                continue;
            };
            let sign = *signs.entry(Arc::as_ptr(series)).or_insert_with(|| {
                let subject = subjects
                    .entry(series.cluster)
                    .or_insert_with(|| ClusterSubject::from(&facts.identity));
                counted_sign(subject, series)
            });
            let Some(sign) = sign.filter(|sign| self.noted.is_news(sign, at)) else {
                continue;
            };
            let first = self.known_first_call(series);
            if first.is_none_or(|first| !sign.is_usual(first, at)) {
                let hour = (facts.identity.account_id.as_str(), at.window());
                news.entry(hour).or_default().insert(*id, (sign, at));
            }
        }
        news
    }

    /// Returns what [`IncidentStore::first_calls`] would return of a series, as far as it was read for this commit.
    fn known_first_call(&self, series: &Series) -> Option<Timestamp> {
        let cached = self.cluster_items.get(&series.cluster)?;
        let caller = caller(series.facets.get(FacetKind::Principal)?);
        match first_call(&cached.cluster_item, caller) {
            FirstCall::OfCluster(first) => first,
            FirstCall::OfCaller => cached.callers.get(&caller).copied().flatten(),
            FirstCall::Unknown => None,
        }
    }

    /// Adds the rows of an alert about an incident that do not fit into the transaction of the others. Rows that exist stay.
    async fn add_rows(&self, rows: &[Write]) -> Result<(), StoreError> {
        let writes = rows.iter().map(|row| self.apply(std::slice::from_ref(row)));
        for result in concurrently(writes).await {
            match result {
                Ok(()) | Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl<T: Table> IncidentStore for DynamoStore<T> {
    async fn evidence(&self) -> Result<Vec<EvidenceNote>, StoreError> {
        let found = self.table.query(evidence_partition(), "").await?;
        Ok(found.iter().filter_map(read_evidence).collect())
    }

    async fn forget_evidence(&self, note: &EvidenceNote) -> Result<(), StoreError> {
        let write = Write::End {
            key: evidence_item(note, self.now).key,
            holder: note.token.clone(),
        };
        // Refused: more evidence has come for the hour, so the note must stay.
        self.try_apply(&[write]).await?;
        Ok(())
    }

    /// Items that cannot be read are skipped, so that one of them does not stop all alerts. Then no further alert is sent
    /// about the incident of such an item.
    async fn incident_alerts(&self) -> Result<BTreeSet<SentAlert>, StoreError> {
        let found = self.table.query(incident_alert_partition(), "").await?;
        let read = |item| read_incident_alert(item, self.now);
        Ok(found.iter().filter_map(read).collect())
    }

    async fn send_incident_alert(
        &self,
        decided: &SentAlert,
        alerts: &[Alert],
    ) -> Result<bool, StoreError> {
        let item = incident_alert_item(decided, self.settings.retention_days);
        let key = item.key.clone();
        let mut writes = vec![Write::Create(item)];
        for alert in alerts {
            writes.extend(self.outbox_writes(alert, self.now));
        }
        let others = writes.split_off(count_that_fits(&writes));
        if !others.is_empty() {
            if !self.table.get(std::slice::from_ref(&key)).await?.is_empty() {
                return Ok(false);
            }
            // Written first, so that none is missing if this function stops before the alert counts as decided.
            self.add_rows(&others).await?;
        }
        loop {
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { place: 0, .. }) => return Ok(false),
                // The row exists, so only the others are missing.
                Err(TableError::Refused { place, .. }) if place < writes.len() => {
                    writes.remove(place);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn first_calls(
        &self,
        pairs: &BTreeSet<(ClusterId, String)>,
    ) -> Result<BTreeMap<(ClusterId, String), Timestamp>, StoreError> {
        let read_cache = self.read_cache();
        let clusters = pairs.iter().map(|(cluster, _)| *cluster).collect();
        self.read_cluster_items(&read_cache, clusters).await?;
        let mut first_calls = BTreeMap::new();
        let mut later: BTreeMap<Key, &(ClusterId, String)> = BTreeMap::new();
        for pair in pairs {
            let (cluster, name) = pair;
            let read_cache = lock(&read_cache);
            let Some(item) = read_cache.cluster_item(*cluster) else {
                continue;
            };
            let caller = caller(name);
            match first_call(item, caller) {
                FirstCall::OfCluster(first) => {
                    first_calls.extend(first.map(|first| (pair.clone(), first)));
                }
                FirstCall::OfCaller => {
                    later.insert(principal_key(*cluster, caller), pair);
                }
                FirstCall::Unknown => {}
            }
        }
        let keys: Vec<Key> = later.keys().cloned().collect();
        for item in self.table.get(&keys).await? {
            let pair = later.get(&item.key).copied().cloned();
            first_calls.extend(pair.zip(item.time_of("ft")));
        }
        Ok(first_calls)
    }

    async fn claim_round(&self, lease: &Lease) -> Result<bool, StoreError> {
        let write = Write::Claim {
            key: round_key(),
            now: lease.now,
            until: lease.until,
            expires: lease.until.plus(ROUND_SECONDS),
        };
        self.try_apply(&[write]).await
    }
}

/// Where the time of a caller's first call is.
enum FirstCall {
    /// It is that of the cluster.
    OfCluster(Option<Timestamp>),
    /// It is in the item of the caller, if there is one.
    OfCaller,
    /// The cluster counts calls of all kinds.
    Unknown,
}

fn first_call(item: &ClusterItem, caller: CallerHash) -> FirstCall {
    let facts = &item.facts;
    if is_overflow(&facts.identity) {
        FirstCall::Unknown
    } else if facts.is_sensitive_call() || item.callers.contains(&caller) {
        FirstCall::OfCluster(item.first)
    } else {
        FirstCall::OfCaller
    }
}

/// Returns a text that differs for other evidence.
fn token(events: &News, now: Timestamp) -> String {
    let mut hash = Sha256::new();
    for id in events.keys() {
        hash.update(id.bytes());
    }
    let digest = HEXLOWER.encode(&hash.finalize()[..16]);
    format!("{digest}-{}", now.seconds())
}

/// Returns how many of these writes, from the first one on, fit into one transaction; at least one.
fn count_that_fits(writes: &[Write]) -> usize {
    let size = |write: &Write| match write {
        Write::Create(item) => item.bytes_long(),
        _ => 0,
    };
    let mut bytes = 0;
    let fits = |write: &&Write| {
        bytes += size(write);
        bytes <= WRITES_BYTES_MAX
    };
    let count = writes.iter().take(WRITES_MAX).take_while(fits).count();
    count.max(1)
}
