//! The store in a DynamoDB table: segments that hold all events, and one cluster item per cluster.
//!
//! The segments are the source of truth. A cluster item holds the identity and the state of a cluster.
//!
//! A commit writes segments first, then cluster items, then callers, then notes about evidence. Each step can be repeated, and a crash between
//! two steps leaves nothing wrong. The number of events is the size of a union of event ids, so writing an event again
//! does not count the event again. An alert is written in the same transaction as the change that it reports.
//!
//! Cluster items are read before segments are written, because the guard must know which clusters are new. Between
//! the two steps another function may mark a cluster as recovered. Then the cluster item stays `recovered` until the
//! inspection compares it with the segments.
//!
//! `DynamoStore` is one type: this file holds its state, and the submodules implement the ports. So this module and
//! its submodules use each other.

mod call_alerts;
mod calls;
mod cluster_details;
mod commit;
mod drills;
mod health;
mod incidents;
pub mod item;
mod lease;
pub mod message;
pub mod old_clusters;
mod outbox;
mod read;
mod read_back;
pub mod sdk;
pub mod setup;
pub mod table;
mod transition_writer;
pub mod triage;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use alerts::alert::Alert;
use alerts::outbox::OutboxRow;
use clusters::account_filter::AccountPattern;
use clusters::fingerprint::{ClusterId, VERSION};
use clusters::incident::noted::NotedSigns;
use clusters::sample::Samples;
use clusters::segment;
use clusters::sightings::Sightings;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, EventId, Sighting};
use records::time::{Timestamp, Window};
use service::config::IngestSettings;
use service::drill_record::Drill;
use service::ports::{Batch, Committed, LedgerCalls, Store, StoreError, StoreUsage};

use crate::dynamodb::cluster_details::SharedReadCache;
use crate::dynamodb::item::{CallerHash, ClusterItem};
use crate::dynamodb::lease::Leases;
use crate::dynamodb::table::{Key, Table, TableError, Write};

/// The settings of a deployed stack that [`DynamoStore`] needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSettings {
    /// The names of the sinks that get alerts. If the list is empty, no alerts are written.
    pub sinks: Vec<String>,
    /// Further sinks, by name, each with the accounts whose alerts it gets; without accounts it gets all alerts.
    pub further_sinks: BTreeMap<String, BTreeSet<AccountPattern>>,
    /// The number of days for which segments, which contain all events, are stored.
    pub retention_days: i64,
    /// The largest size of an encoded segment, in bytes. A segment holds events of one batch and hour; more events
    /// are split into several segments.
    pub segment_bytes_max: usize,
    /// The length of the learning period: for this many hours after the first commit to the table, no alerts are
    /// written. 0: no learning period.
    pub learn_hours: i64,
    /// Canary keys: ids of access keys that must never be used. Each use causes an alert, at most one per key and day
    /// of event time.
    pub canaries: BTreeSet<String>,
    /// The version of the cluster identity, such as `fp2`: of the rules that decide which events form one cluster. A
    /// new version gives every cluster a new id.
    pub identity: &'static str,
}

impl TableSettings {
    /// Returns the settings of the store, selected from those of the ingest function.
    pub fn of(settings: &IngestSettings) -> Self {
        let sinks = settings.sinks.iter();
        Self {
            sinks: sinks.map(|sink| sink.name().to_owned()).collect(),
            further_sinks: settings.further_sinks.clone(),
            canaries: settings.canaries.clone(),
            identity: VERSION,
            segment_bytes_max: segment::BYTES_MAX,
            retention_days: settings.retention_days.into(),
            learn_hours: settings.learn_hours.into(),
        }
    }
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            sinks: Vec::new(),
            further_sinks: BTreeMap::new(),
            retention_days: 35,
            segment_bytes_max: segment::BYTES_MAX,
            learn_hours: 24,
            canaries: BTreeSet::new(),
            identity: VERSION,
        }
    }
}

/// A store of clusters and alerts in a DynamoDB table, with a cache of cluster items. `T` is the table.
#[derive(Debug)]
pub struct DynamoStore<T> {
    table: T,
    settings: TableSettings,
    /// The current time.
    now: Timestamp,
    cluster_items: HashMap<ClusterId, CachedCluster>,
    leases: Leases,
    /// When the first event was committed; `None` until the table is asked.
    first_commit: Option<Timestamp>,
    /// When the version of the identity was first used; `None` for the version that the table began with.
    renewal: Option<Timestamp>,
    /// Whether the alert about the end of the learning period was written.
    learned: bool,
    /// Keys of the notes about callers that have made a call of the tier "first" before.
    known_callers: HashSet<Key>,
    /// Canary keys with an alert, each with the day of the alert; `None` for events without a time.
    canary_alerts: BTreeSet<(String, Option<i64>)>,
    /// The evidence of which this store wrote notes.
    noted: NotedSigns,
    /// Segments and cluster items that were read for alerts.
    read_cache: RefCell<SharedReadCache>,
    /// The events of all hours that were written to, if new events are counted exactly.
    counting: Option<Counting>,
    /// The table's usage at the end of the last commit.
    spent: StoreUsage,
}

/// A cluster item in the cache.
#[derive(Debug)]
struct CachedCluster {
    cluster_item: ClusterItem,
    read: Timestamp,
    /// Known callers that are not in the cluster item, with the time of their first event; `None` if it has no time.
    callers: BTreeMap<CallerHash, Option<Timestamp>>,
}

/// The hours that were read, and their events.
#[derive(Debug, Default)]
struct Counting {
    hours: BTreeSet<Option<Window>>,
    sightings: Sightings,
}

/// How long a cluster item in the cache is used, in seconds.
const CLUSTER_ITEM_SECONDS: i64 = 60;

/// The largest number of cached cluster items, of half a kilobyte each.
const CLUSTER_ITEMS_MAX: usize = 10_000;

/// How many times a write is tried that conflicts with another transaction.
const ATTEMPTS_MAX: u32 = 6;

impl<T: Table> DynamoStore<T> {
    /// Creates the store on `table`, without reading the table. `now` is the current time; [`DynamoStore::set_now`]
    /// updates it.
    pub fn new(table: T, settings: TableSettings, now: Timestamp) -> Self {
        Self {
            table,
            settings,
            now,
            cluster_items: HashMap::new(),
            leases: Leases::default(),
            first_commit: None,
            renewal: None,
            learned: false,
            known_callers: HashSet::new(),
            canary_alerts: BTreeSet::new(),
            noted: NotedSigns::default(),
            read_cache: RefCell::default(),
            counting: None,
            spent: StoreUsage::default(),
        }
    }

    /// Replaces [`TableSettings::canaries`], the ids of access keys that must never be used.
    pub fn set_canaries(&mut self, canaries: BTreeSet<String>) {
        self.settings.canaries = canaries;
    }

    /// Replaces [`TableSettings::further_sinks`].
    pub fn set_further_sinks(&mut self, further_sinks: BTreeMap<String, BTreeSet<AccountPattern>>) {
        self.settings.further_sinks = further_sinks;
    }

    /// Turns on exact counting: a commit then reports only events as new that are not in the table.
    ///
    /// Without exact counting, an event that was committed before in another batch counts as new again. With it, each
    /// hour of event time in a batch is read before the commit, with four queries per hour. Meant for the command
    /// line, not for the function.
    #[must_use]
    pub fn counting(self) -> Self {
        Self {
            counting: Some(Counting::default()),
            ..self
        }
    }

    /// Sets the current time. Also empties the cache of cluster details, so that each message is made from data of this time.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.forget_read();
    }

    /// Returns the table that the store uses.
    pub fn table(&self) -> &T {
        &self.table
    }

    /// Returns the writes that add an alert to the outbox, one row per sink that the alert is for.
    fn outbox_writes(&self, alert: &Alert, now: Timestamp) -> impl Iterator<Item = Write> {
        let row = move |sink: &String| {
            let row = OutboxRow::new(sink, alert.clone(), now);
            Write::Create(message::encode_row(&row))
        };
        let account_id = alert.account_id().to_owned();
        let further = self.settings.further_sinks.iter();
        let further = further.filter(move |(_, accounts)| {
            accounts.is_empty() || accounts.iter().any(|of| of.matches(&account_id))
        });
        let sinks = self
            .settings
            .sinks
            .iter()
            .chain(further.map(|(sink, _)| sink));
        sinks.filter(|sink| alert.is_for(sink)).map(row)
    }

    /// Does all writes or none. A single write is done without a transaction, which would cost twice as much. A conflict
    /// is retried.
    async fn apply(&self, writes: &[Write]) -> Result<(), TableError> {
        let mut attempt = 0;
        loop {
            let result = match writes {
                [write] => self.table.write(write).await.map(|_| ()),
                writes => self.table.transact(writes).await,
            };
            match result {
                Err(TableError::Conflict) if attempt + 1 < ATTEMPTS_MAX => {
                    self.table.pause(attempt).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

impl<T: Table> Store for DynamoStore<T> {
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        let mut committed = Vec::with_capacity(batches.len());
        for batch in batches {
            committed.push(self.commit_one(batch).await?);
        }
        Ok(committed)
    }

    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        let mut snapshot = self.snapshot(since).await?;
        snapshot.samples.clear();
        Ok(snapshot)
    }

    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
        Ok(read::content(&self.table, self.now).await?.samples)
    }

    async fn snapshot(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        let content = read::content(&self.table, self.now).await?;
        let (series_table, rows) = content.sightings.rows(since);
        let mut snapshot = ClusterSnapshot::of(content.facts, series_table, rows);
        snapshot.samples = content.samples;
        Ok(snapshot)
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        let content = read::content(&self.table, self.now).await?;
        Ok(content.sightings.timeline())
    }

    async fn events(&self) -> Result<Vec<(EventId, Sighting)>, StoreError> {
        let content = read::content(&self.table, self.now).await?;
        Ok(content.sightings.events())
    }

    async fn ledger(&self) -> Result<Option<LedgerCalls>, StoreError> {
        Ok(Some(self.ledger_calls().await?))
    }

    async fn keep_drill(&mut self, drill: &Drill) -> Result<bool, StoreError> {
        self.store_drill(drill).await
    }

    async fn whole(
        &self,
        samples: bool,
    ) -> Result<(ClusterSnapshot, Vec<(EventId, Sighting)>), StoreError> {
        let content = read::content(&self.table, self.now).await?;
        let (series_table, rows) = content.sightings.rows(None);
        let mut snapshot = ClusterSnapshot::of(content.facts, series_table, rows);
        if samples {
            snapshot.samples = content.samples;
        }
        Ok((snapshot, content.sightings.events()))
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}
