//! The store in one SQLite file, with one row for each event.
//!
//! The event id is the primary key of an event, so a repeated event is stored once and the number of rows is the count.
//! Each cluster and each combination of facets has one row, and events refer to these rows. One call of commit is one
//! transaction. So a scan that is killed leaves complete batches, and the next scan adds the missing ones. The schema is
//! in `schema.sql` and `triage.sql`; `docs/store.md` describes it for queries.
//!
//! The modules, in reading order:
//!
//! - `write` writes batches: first clusters and facet sets, then events, then samples.
//! - `read` reads rows and converts them to clusters, events and samples.
//! - `triage` stores the triage decisions of people and the journals of clusters.
//! - `old_store` reads these from a file with an earlier version of the identity.

pub mod old_store;
mod read;
mod triage;
mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::OpenOptions;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clusters::circumstance::Circumstances;
use clusters::fingerprint::{ClusterId, ClusterSubject, VERSION};
use clusters::sample::Samples;
use clusters::timeline::Timeline;
use clusters::{ClusterSnapshot, EventId, Sighting};
use records::time::{Timestamp, Window};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};
use service::ports::{
    Batch, ClusterDetails, ClusterReader, Committed, Hour, HourReader, KeyAnswers, LedgerCalls,
    SentLog, Store, StoreError,
};

use crate::read::Times;
use crate::write::{BatchWriter, Rows};

/// The version of the schema that this program writes. A file stores the version of its own schema in `PRAGMA
/// user_version`.
pub const SCHEMA_VERSION: i64 = SCHEMA.len() as i64;

/// The statements that upgrade the schema: entry `n` upgrades from version `n` to version `n + 1`.
const SCHEMA: [&str; 7] = [
    include_str!("schema.sql"),
    // Version 2 added tables that version 4 removes.
    "",
    include_str!("triage.sql"),
    "DROP TABLE IF EXISTS outbox; DROP TABLE IF EXISTS breaker;
     DROP TABLE IF EXISTS silence; DROP TABLE IF EXISTS ledger;",
    include_str!("policy.sql"),
    include_str!("sensitive_calls.sql"),
    include_str!("ledger_events.sql"),
];

/// The `PRAGMA application_id` that identifies a file of this program: "`CTIn`" in ASCII.
const APPLICATION_ID: i64 = 0x4354_496e;

/// The length of a page of a new file.
const PAGE_BYTES: i64 = 16 * 1024;

/// The longest wait for another process that uses the same file to finish its transaction.
const BUSY: Duration = Duration::from_secs(10);

/// A store of clusters and events in one SQLite file, with one row for each event.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    rows: Rows,
}

impl SqliteStore {
    /// Opens the store in a file. Creates the file if it does not exist, readable by its owner only, and upgrades a store
    /// of an older version.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a store of a newer version, [`StoreError::OtherIdentity`] for a store whose cluster ids have
    /// another version, and [`StoreError::Foreign`] for a file that is not a store; these files are not changed.
    /// [`StoreError::Damaged`] or [`StoreError::Unavailable`] if SQLite cannot read or write the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path);
        // SQLite gives some relative names, such as `:memory:`, a special meaning. An absolute path never has one.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_URI;
        Self::with(Connection::open_with_flags(path, flags).map_err(unavailable)?)
    }

    /// Opens the store in a file as [`Self::open`] does, or for reading only if the file or its folder cannot be written.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::open_for_reading`].
    pub fn open_as_permitted(path: &Path) -> Result<Self, StoreError> {
        match Self::open(path) {
            Err(StoreError::Unavailable(error)) if is_not_permitted(&*error) => {
                Self::open_for_reading(path)
            }
            opened => opened,
        }
    }

    /// Opens the store in a file for reading only. Nothing is changed: neither the file nor what SQLite keeps beside it.
    ///
    /// # Errors
    /// As [`Self::open`]; also [`StoreError::Older`] for a store of an older version, because it cannot be upgraded, and
    /// [`StoreError::Foreign`] for an empty file.
    pub fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        let connection = old_store::open(path)?;
        connection.busy_timeout(BUSY).map_err(unavailable)?;
        match version(&connection)? {
            None => return Err(StoreError::Foreign),
            Some(SCHEMA_VERSION) => check_identity(&connection)?,
            Some(found) => return Err(StoreError::Older { found }),
        }
        Ok(Self {
            connection,
            rows: Rows::default(),
        })
    }

    /// Creates an empty store in memory. It is lost when the value is dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if SQLite cannot create it, for example without enough memory.
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
        if found.is_some() {
            check_identity(&transaction)?;
        }
        drop(transaction);
        if found.is_none() {
            // Only a new file gets pages of another size. With larger ones SQLite writes a scan with less work.
            let set = self.connection.pragma_update(None, "page_size", PAGE_BYTES);
            set.map_err(unavailable)?;
        }
        self.log_ahead()?;
        if found == Some(SCHEMA_VERSION) {
            return Ok(());
        }
        let transaction = self.begin()?;
        // Another process may have upgraded the file before this transaction began.
        let found = version(&transaction)?.unwrap_or_default();
        if found == SCHEMA_VERSION {
            return Ok(());
        }
        // After the upgrade, programs that know only earlier versions refuse the file.
        let applied = usize::try_from(found).unwrap_or_default();
        for change in SCHEMA.iter().skip(applied) {
            transaction.execute_batch(change).map_err(unavailable)?;
        }
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
            .and_then(|()| transaction.commit())
            .map_err(unavailable)
    }

    /// Switches the connection to a write-ahead log and turns the check of foreign keys off.
    ///
    /// With the log a commit needs no flush to disk, and a killed scan loses no finished commit. Foreign keys need no
    /// check, because new rows refer only to rows that were just written or read, and those are never deleted. SQLite
    /// does not wait for its lock in this statement. So this method waits, and two scans may start at the same time.
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

    /// Returns the cluster that an event of the file belongs to; `None` if the file does not have the event.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Unavailable`] if the file cannot be read.
    pub fn cluster_of(&self, event: EventId) -> Result<Option<ClusterId>, StoreError> {
        const SELECT: &str = "SELECT cluster_id FROM event JOIN cluster ON cluster.id = event.cluster WHERE event_id = ?1";
        let select = self.connection.prepare_cached(SELECT);
        let found = select.and_then(|mut select| {
            let found = select.query_row([event.bytes()], |row| row.get::<_, String>(0));
            found.optional()
        });
        let id = |text: String| {
            ClusterId::parse(&text).ok_or_else(|| damaged("a cluster id is malformed"))
        };
        found.map_err(unavailable)?.map(id).transpose()
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
            // The cache contains rows of the transaction that was rolled back; these rows do not exist.
            self.rows = Rows::default();
        }
        committed
    }

    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        // One read transaction, so that the commit of another scan is visible completely or not at all.
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

    async fn whole(
        &self,
        samples: bool,
    ) -> Result<(ClusterSnapshot, Vec<(EventId, Sighting)>), StoreError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        read::whole(&transaction, samples)
    }

    async fn ledger(&self) -> Result<Option<LedgerCalls>, StoreError> {
        let transaction = self
            .connection
            .unchecked_transaction()
            .map_err(unavailable)?;
        read::ledger(&transaction).map(Some)
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

    /// Reads the file once for all hours, because there is no index by time.
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
            // Pages of a file take the severity from the list of clusters, which uses all events.
            Circumstances::new(),
        ))
    }
}

/// The log is always empty, because no alerts are sent for events in a file.
impl SentLog for SqliteStore {}

/// There are never answers, because IAM is not asked about keys in a file.
impl KeyAnswers for SqliteStore {}

/// Creates a missing file so that only its owner can read it, because a store is as confidential as the trail itself.
/// SQLite gives its other files the same permissions. Errors are ignored here, because SQLite then fails to open the
/// file and reports them.
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

/// Returns the schema version of a store; `None` for an empty file. Fails for a file of another program and for a newer
/// version.
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
    if version < 1 {
        return Err(damaged("it has no version of the schema"));
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: SCHEMA_VERSION,
        });
    }
    Ok(Some(version))
}

/// Fails if a cluster of the store has an id of another version of the identity than this program makes.
fn check_identity(connection: &Connection) -> Result<(), StoreError> {
    const SELECT: &str = "SELECT min(version) FROM cluster WHERE version <> ?1";
    let found = connection.query_row(SELECT, [VERSION], |row| row.get::<_, Option<String>>(0));
    match found.map_err(unavailable)? {
        None => Ok(()),
        Some(found) => Err(StoreError::OtherIdentity {
            found,
            known: VERSION,
        }),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Converts an error of SQLite: a file that is not a database, a damaged database, or any other problem.
fn unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            detail: error.to_string(),
        },
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// Checks whether a statement failed because the file, its folder or the medium cannot be written.
fn is_not_permitted(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>();
    let code = code.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

fn damaged(detail: &str) -> StoreError {
    StoreError::Damaged {
        detail: detail.to_owned(),
    }
}
