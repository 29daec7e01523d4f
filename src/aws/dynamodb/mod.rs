//! The store in a DynamoDB table: a journal of segments that are the truth, and cluster items that say
//! which clusters there are and how they stand.
//!
//! An ingest writes what a batch brings in an order in which each step may be repeated, and a crash
//! between any two leaves nothing wrong: segments first, then cluster items, then callers. Counts are the
//! size of a union of ids, so that nothing is counted twice however often it is written. What is to
//! be told is written in the transaction that makes it true.
//!
//! Cluster items are read before segments are written, because the guard must know which clusters are new.
//! Between the two another function may find a cluster recovered; whoever does that looks at the
//! segments again afterwards.
//!
//! It is one store: this file holds its state, and the submodules implement the ports on it, so each knows
//! the other.

mod calls;
mod campaigns;
mod cluster_details;
mod commit;
pub mod item;
mod lease;
pub mod message;
mod outbox;
mod read;
pub mod sdk;
pub mod setup;
pub mod table;
mod transition_writer;
pub mod triage;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use alerts::alert::Alert;
use alerts::outbox::OutboxRow;
use clusters::fingerprint::{ClusterId, VERSION};
use clusters::sample::Samples;
use clusters::segment;
use clusters::sightings::Sightings;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, EventId, Sighting};
use records::time::{Timestamp, Window};
use service::config::IngestSettings;
use service::ports::{Batch, Committed, Store, StoreError, StoreUsage};

use crate::dynamodb::cluster_details::SharedReadCache;
use crate::dynamodb::item::{CallerHash, ClusterItem};
use crate::dynamodb::lease::Leases;
use crate::dynamodb::table::{Table, TableError, Write};

/// What a stack decides about its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSettings {
    /// The sinks that are told of transitions.
    pub sinks: Vec<String>,
    /// How long segments are kept, in days.
    pub retention_days: i64,
    /// How long a segment is at most, in bytes.
    pub segment_bytes_max: usize,
    /// How long after the first event nothing is told, in hours.
    pub learn_hours: i64,
    /// Access keys that nobody should ever use.
    pub canaries: BTreeSet<String>,
    /// The version of the identity that clusters have.
    pub identity: &'static str,
}

impl TableSettings {
    /// Takes the settings that the store needs from those of the ingest function.
    pub fn of(settings: &IngestSettings) -> Self {
        let sinks = settings.sinks.iter();
        Self {
            sinks: sinks.map(|sink| sink.name().to_owned()).collect(),
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
            retention_days: 35,
            segment_bytes_max: segment::BYTES_MAX,
            learn_hours: 24,
            canaries: BTreeSet::new(),
            identity: VERSION,
        }
    }
}

/// Clusters in a table.
#[derive(Debug)]
pub struct DynamoStore<T> {
    table: T,
    settings: TableSettings,
    /// What time it is.
    now: Timestamp,
    cluster_items: HashMap<ClusterId, CachedCluster>,
    leases: Leases,
    /// When the first event was committed, once that is known.
    beginning: Option<Timestamp>,
    /// When the version of the identity was first used, if the table began with another.
    renewal: Option<Timestamp>,
    /// Whether the end of learning was told.
    learned: bool,
    /// Canary keys that were told of, each with its day.
    canaries: BTreeSet<(String, Option<i64>)>,
    /// What was read to look clusters up.
    read_cache: RefCell<SharedReadCache>,
    /// The events of the hours that were written to, for whoever wants to know which of them are
    /// new; that takes reading those hours.
    counting: Option<Counting>,
    /// What was spent when the last commit was done.
    spent: StoreUsage,
}

/// A cluster item as it was read.
#[derive(Debug)]
struct CachedCluster {
    cluster_item: ClusterItem,
    read: Timestamp,
    /// Callers that are known beside those in the cluster item.
    callers: BTreeSet<CallerHash>,
}

/// What hours hold that were read.
#[derive(Debug, Default)]
struct Counting {
    hours: BTreeSet<Option<Window>>,
    sightings: Sightings,
}

/// How long a cluster item is taken for what it was, in seconds.
const CLUSTER_ITEM_SECONDS: i64 = 60;

/// How many cluster items are remembered, of half a kilobyte each.
const CLUSTER_ITEMS_MAX: usize = 10_000;

/// How often a write is tried that another transaction is in the way of.
const ATTEMPTS_MAX: u32 = 6;

impl<T: Table> DynamoStore<T> {
    /// Returns the store in a table.
    pub fn new(table: T, settings: TableSettings, now: Timestamp) -> Self {
        Self {
            table,
            settings,
            now,
            cluster_items: HashMap::new(),
            leases: Leases::default(),
            beginning: None,
            renewal: None,
            learned: false,
            canaries: BTreeSet::new(),
            read_cache: RefCell::default(),
            counting: None,
            spent: StoreUsage::default(),
        }
    }

    /// Goes by other canary keys from now on.
    pub fn set_canaries(&mut self, canaries: BTreeSet<String>) {
        self.settings.canaries = canaries;
    }

    /// Reads every affected hour before it writes, so that new events are counted exactly, however
    /// batches are cut. It costs one query for each hour: for the command line, not for the
    /// function.
    pub fn counting(self) -> Self {
        Self {
            counting: Some(Counting::default()),
            ..self
        }
    }

    /// Tells the store what time it is. What was read to look clusters up is forgotten.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.forget_read();
    }

    /// Returns the table.
    pub fn table(&self) -> &T {
        &self.table
    }

    /// Returns the writes that tell each sink of an alert.
    fn tell(&self, alert: &Alert, now: Timestamp) -> impl Iterator<Item = Write> {
        let row = move |sink: &String| {
            let row = OutboxRow::new(sink, alert.clone(), now);
            Write::Create(message::row_item(&row))
        };
        self.settings.sinks.iter().map(row)
    }

    /// Does writes, all of them or none, in the way that costs least.
    async fn apply(&self, writes: &[Write]) -> Result<(), TableError> {
        let mut attempt = 0;
        loop {
            let done = match writes {
                [write] => self.table.write(write).await.map(|_| ()),
                writes => self.table.transact(writes).await,
            };
            match done {
                Err(TableError::Conflict) if attempt + 1 < ATTEMPTS_MAX => {
                    self.table.pause(attempt).await;
                    attempt += 1;
                }
                done => return done,
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
