//! Keeps clusters in one SQLite file, with one row for each event.
//!
//! The primary key of an event is the set that counts. There is one row for each cluster and each combination of facets
//! that the events point to. Batches that are committed together are one transaction; a scan that is killed leaves whole
//! batches, and the next scan completes the rest. The schema is `schema.sql`, documented in `docs/store.md` for queries.
//!
//! The modules, in reading order:
//!
//! - `write` writes batches: clusters and facets first, then events, then samples.
//! - `read` reads rows back into what they mean.
//! - `triage` has what people decide and the journals, in `mark.sql`.

mod read;
mod triage;
mod write;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clusters::circumstance::Circumstances;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::sample::Samples;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, EventId, Sighting};
use records::time::{Timestamp, Window};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use service::ports::{
    Batch, ClusterDetails, ClusterReader, Committed, Hour, HourReader, KeyAnswers, SentLog, Store,
    StoreError,
};

use crate::read::Times;
use crate::write::{BatchWriter, Rows};

/// The version of the schema, kept in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i64 = SCHEMA.len() as i64;

/// What each version of the schema changes in the one before.
const SCHEMA: [&str; 4] = [
    include_str!("schema.sql"),
    // Version 2 added the tables that version 4 takes away.
    "",
    include_str!("triage.sql"),
    "DROP TABLE IF EXISTS outbox; DROP TABLE IF EXISTS breaker;
     DROP TABLE IF EXISTS silence; DROP TABLE IF EXISTS ledger;",
];

/// Marks the file as ours, in `PRAGMA application_id`: "`CTIn`".
const APPLICATION_ID: i64 = 0x4354_496e;

/// How long to wait for another scan of the same file to finish its transaction.
const BUSY: Duration = Duration::from_secs(10);

/// Clusters in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    rows: Rows,
}

impl SqliteStore {
    /// Opens a store, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a store of a newer version and [`StoreError::Foreign`] for a file
    /// that is something else; neither is touched.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path);
        // Only a path with a folder is a plain path to SQLite, whatever it begins with.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_URI;
        Self::with(Connection::open_with_flags(path, flags).map_err(unavailable)?)
    }

    /// Makes a store that is in memory alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when SQLite has no room for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::with(Connection::open_in_memory().map_err(unavailable)?)
    }

    fn with(connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(BUSY).map_err(unavailable)?;
        let mut store = Self {
            connection,
            rows: Rows::default(),
        };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        let found = version(&transaction)?;
        drop(transaction);
        self.log_ahead()?;
        if found == Some(SCHEMA_VERSION) {
            return Ok(());
        }
        let transaction = self.begin()?;
        // Another scan may have made it meanwhile.
        let found = version(&transaction)?.unwrap_or_default();
        if found == SCHEMA_VERSION {
            return Ok(());
        }
        // Whoever knows earlier versions alone refuses the file from now on.
        let known = usize::try_from(found).unwrap_or_default();
        for change in SCHEMA.iter().skip(known) {
            transaction.execute_batch(change).map_err(unavailable)?;
        }
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
            .and_then(|()| transaction.commit())
            .map_err(unavailable)
    }

    /// Switches to a write-ahead log: a commit costs no flush, and a killed scan loses no finished
    /// one. No row is looked up again to see that it is there: whatever is written points to rows
    /// that were just written or read, and those are never deleted. SQLite does not wait for its lock here, so that two scans may begin at once we do.
    fn log_ahead(&self) -> Result<(), StoreError> {
        const PAUSE: Duration = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        loop {
            let set = self.connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF;",
            );
            match set {
                Err(error) if is_busy(&error) && waited < BUSY => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                set => return set.map_err(unavailable),
            }
        }
    }

    fn begin(&mut self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(unavailable)
    }

    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(unavailable)?;
        let mut writer = BatchWriter::new(&transaction, &mut self.rows)?;
        let mut committed = Vec::with_capacity(batches.len());
        for batch in batches {
            committed.push(writer.write(batch)?);
        }
        let cutoffs = writer.finish()?;
        if let Some(last) = committed.last_mut() {
            last.cutoffs = cutoffs;
        }
        transaction.commit().map_err(unavailable)?;
        Ok(committed)
    }
}

impl Store for SqliteStore {
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        let committed = self.write(batches);
        if committed.is_err() {
            // Rows made in a transaction that was rolled back do not exist.
            self.rows = Rows::default();
        }
        committed
    }

    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        // One read transaction: a scan that commits meanwhile must not show in half of it.
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        read::sums(&transaction, since)
    }

    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        read::samples(&transaction)
    }

    async fn timeline(&self) -> Result<Timeline, StoreError> {
        read::timeline(&self.connection)
    }

    async fn events(&self) -> Result<Vec<(EventId, Sighting)>, StoreError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        read::events(&transaction, Times::All)
    }
}

impl HourReader for SqliteStore {
    async fn hour(
        &self,
        window: Window,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        self.hours(&[window], known).await
    }

    async fn undated(
        &self,
        _known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        Ok(Hour {
            events: read::events(&transaction, Times::None)?,
            subjects: read::subjects(&transaction)?,
            damaged: Vec::new(),
        })
    }

    /// Without an index by time the file is read once, not once an hour.
    async fn hours(
        &self,
        windows: &[Window],
        _known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        let (Some(first), Some(last)) = (windows.iter().min(), windows.iter().max()) else {
            return Ok(Hour::default());
        };
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        let mut events = read::events(&transaction, Times::Between(first.start(), last.end()))?;
        events.retain(|(_, seen)| seen.at().is_some_and(|at| windows.contains(&at.window())));
        Ok(Hour {
            events,
            subjects: read::subjects(&transaction)?,
            damaged: Vec::new(),
        })
    }
}

impl ClusterReader for SqliteStore {
    async fn cluster_details(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<ClusterDetails>, StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        let Some((row, _)) = read::facts_of(&transaction, cluster)? else {
            return Ok(None);
        };
        let from = Timestamp::from_seconds(hours.start().hours() * 3600);
        let until = Timestamp::from_seconds((hours.end().hours() + 1) * 3600);
        let mut snapshot = read::sums_between(&transaction, from, until)?;
        let samples = read::samples_of(&transaction, row)?;
        snapshot.samples.insert(cluster, samples);
        let first = transaction.query_row(
            "SELECT min(at) FROM event WHERE cluster = ?1",
            [row],
            |row| row.get::<_, Option<i64>>(0),
        );
        let first = first.map_err(unavailable)?;
        Ok(ClusterDetails::of(
            cluster,
            &snapshot,
            first.and_then(Timestamp::from_seconds),
            // Whoever shows a file takes the severity from the list, which is made of all events.
            Circumstances::new(),
        ))
    }
}

/// Nothing is sent of what is in a file.
impl SentLog for SqliteStore {}

/// Nobody asks IAM about what is in a file.
impl KeyAnswers for SqliteStore {}

/// Makes the file where there is none, so that only its owner can read it: a store tells as much as the trail itself.
/// SQLite gives the files beside it the same permissions. What goes wrong here goes wrong there, and is said there.
fn make_private(path: &Path) {
    if path.exists() {
        return;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

/// Returns the version of a store, `None` for an empty file; anything else is refused.
fn version(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(unavailable)
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let is_empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
            row.get(0)
        })
        .map_err(unavailable)?;
    if application != APPLICATION_ID {
        return if is_empty {
            Ok(None)
        } else {
            Err(StoreError::Foreign)
        };
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: SCHEMA_VERSION,
        });
    }
    Ok(Some(version))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Tells a file that is no database from a database that cannot be reached.
fn unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Foreign,
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            detail: error.to_string(),
        },
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

fn damaged(detail: &str) -> StoreError {
    StoreError::Damaged {
        detail: detail.to_owned(),
    }
}
