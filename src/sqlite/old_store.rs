//! Reads decisions and journals from a file whose clusters may have ids of an earlier version of the identity.
//!
//! The file is opened for reading only and is not changed: neither its schema nor its write-ahead log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clusters::EventId;
use clusters::carry::{OldCluster, OldClusters};
use clusters::fingerprint::ClusterId;
use rusqlite::{Connection, OpenFlags};
use service::ports::StoreError;

use crate::{BUSY, damaged, triage, unavailable, version};

/// The version of the schema that added the tables of decisions and journals.
const SCHEMA_WITH_TRIAGE: i64 = 3;

/// Reads all clusters of a file that have a decision or a journal, and their events. Empty for a store of a version that had no
/// decisions.
///
/// # Errors
/// [`StoreError::Newer`] for a store of a newer version, [`StoreError::Foreign`] for a file that is not a store, and
/// [`StoreError::Damaged`] or [`StoreError::Unavailable`] if the file does not exist or cannot be read.
pub fn read(path: &Path) -> Result<OldClusters, StoreError> {
    let connection = open(path)?;
    connection.busy_timeout(BUSY).map_err(unavailable)?;
    let transaction = connection.unchecked_transaction().map_err(unavailable)?;
    let Some(version) = version(&transaction)? else {
        return Err(StoreError::Foreign);
    };
    if version < SCHEMA_WITH_TRIAGE {
        return Ok(OldClusters::default());
    }
    Ok(OldClusters {
        clusters: clusters(&transaction)?,
        events: events(&transaction)?,
    })
}

/// Opens a file for reading. Where no program has left a write-ahead log, the file is opened as one that never changes, because
/// otherwise SQLite would create a log beside it.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut log = OsString::from(&path);
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match has_log || !cfg!(unix) {
        true => Connection::open_with_flags(path, flags),
        false => {
            let uri = format!("file:{}?immutable=1", encoded(&path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
        }
    };
    opened.map_err(unavailable)
}

/// Encodes a path for a URI.
fn encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => encoded.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(*byte)),
            // Writing to a `String` cannot fail.
            byte => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

fn clusters(connection: &Connection) -> Result<BTreeMap<ClusterId, OldCluster>, StoreError> {
    let mut select = connection
        .prepare(
            "SELECT decided.cluster_id, coalesce(version, '') FROM
             (SELECT cluster_id FROM mark UNION SELECT cluster_id FROM journal) AS decided
             LEFT JOIN cluster ON cluster.cluster_id = decided.cluster_id",
        )
        .map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut clusters = BTreeMap::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let id = id(&row.get::<_, String>(0).map_err(unavailable)?)?;
        let old = OldCluster {
            identity: row.get(1).map_err(unavailable)?,
            triage: triage::triage(connection, id)?.and_then(|stored| stored.triage),
            journal: triage::journal(connection, id)?.into_iter().collect(),
        };
        clusters.insert(id, old);
    }
    Ok(clusters)
}

fn events(connection: &Connection) -> Result<Vec<(EventId, ClusterId)>, StoreError> {
    let mut select = connection
        .prepare(
            "SELECT event_id, cluster_id FROM event JOIN cluster ON cluster.id = event.cluster
             WHERE cluster_id IN (SELECT cluster_id FROM mark UNION SELECT cluster_id FROM journal)",
        )
        .map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut events = Vec::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let event = row.get(0).map(EventId::from_bytes).map_err(unavailable)?;
        events.push((event, id(&row.get::<_, String>(1).map_err(unavailable)?)?));
    }
    Ok(events)
}

fn id(text: &str) -> Result<ClusterId, StoreError> {
    ClusterId::parse(text).ok_or_else(|| damaged("a cluster id is malformed"))
}
