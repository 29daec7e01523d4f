//! Stores triage decisions and journals in the tables `mark` and `journal`.

use std::collections::BTreeMap;

use clusters::fingerprint::ClusterId;
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::Resolutions;
use clusters::triage::Triage;
use records::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use service::ports::{StoreError, TriageStore, VersionedTriage};

use crate::{SqliteStore, damaged, unavailable};

/// Returns the stored JSON of a cluster's triage decision, and its version. The JSON is empty if the decision was removed;
/// `None` if there never was one.
fn stored_triage(
    connection: &Connection,
    cluster: ClusterId,
) -> Result<Option<(String, i64)>, StoreError> {
    connection
        .prepare_cached("SELECT mark, version FROM mark WHERE cluster_id = ?1")
        .and_then(|mut select| {
            let found =
                select.query_row([cluster.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
            found.optional()
        })
        .map_err(unavailable)
}

fn note(
    connection: &Connection,
    cluster: ClusterId,
    entry: &JournalEntry,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        .and_then(|mut insert| {
            insert.execute(params![
                cluster.to_string(),
                entry.at.seconds(),
                entry.episode,
                entry.what.name(),
                entry.actor,
                entry.reason,
                entry.detail,
            ])
        })
        .map_err(unavailable)?;
    Ok(())
}

/// Returns the journal of a cluster, oldest entry first.
pub fn journal(
    connection: &Connection,
    cluster: ClusterId,
) -> Result<Vec<JournalEntry>, StoreError> {
    let mut select = connection
        .prepare_cached(
            "SELECT at, epoch, what, actor, reason, detail FROM journal WHERE cluster_id = ?1",
        )
        .map_err(unavailable)?;
    let mut found = select.query([cluster.to_string()]).map_err(unavailable)?;
    let mut entries = Vec::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let what: String = row.get(2).map_err(unavailable)?;
        let what = JournalEvent::from_name(&what)
            .ok_or_else(|| damaged("a journal entry is malformed"))?;
        let text = |column| row.get::<_, String>(column).map_err(unavailable);
        let number = |column| row.get::<_, i64>(column).map_err(unavailable);
        let at = Timestamp::from_seconds(number(0)?);
        let at = at.ok_or_else(|| damaged("a journal entry has no valid time"))?;
        let entry = JournalEntry::of(what, at, number(1)?)
            .by(&text(3)?, &text(4)?)
            .about(&text(5)?);
        entries.push(entry);
    }
    entries.sort();
    Ok(entries)
}

/// Returns the triage decision about a cluster, and its version; `None` if there never was one.
pub fn triage(
    connection: &Connection,
    cluster: ClusterId,
) -> Result<Option<VersionedTriage>, StoreError> {
    let Some((text, version)) = stored_triage(connection, cluster)? else {
        return Ok(None);
    };
    let triage = match text.as_str() {
        "" => None,
        text => Some(Triage::decode(text).ok_or_else(|| damaged("a mark is malformed"))?),
    };
    Ok(Some(VersionedTriage { triage, version }))
}

impl TriageStore for SqliteStore {
    async fn triages(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError> {
        let mut triages = BTreeMap::new();
        for cluster in clusters {
            if let Some(versioned) = triage(&self.connection, *cluster)? {
                triages.insert(*cluster, versioned);
            }
        }
        Ok(triages)
    }

    async fn marks(&self) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError> {
        let select = self
            .connection
            .prepare_cached("SELECT cluster_id FROM mark");
        let mut select = select.map_err(unavailable)?;
        let ids = select.query_map([], |row| row.get::<_, String>(0));
        let ids: Result<Vec<String>, _> = ids.map_err(unavailable)?.collect();
        let clusters = ids
            .map_err(unavailable)?
            .into_iter()
            .map(|id| ClusterId::parse(&id).ok_or_else(|| damaged("a mark has no valid cluster")));
        let clusters: Vec<ClusterId> = clusters.collect::<Result<_, _>>()?;
        self.triages(&clusters).await
    }

    async fn set_triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        version: i64,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        let text = triage.map(Triage::encode).unwrap_or_default();
        // Version 0 means that no decision is stored yet. Both statements change nothing if another process was faster.
        let change = match version {
            0 => "INSERT OR IGNORE INTO mark VALUES (?1, ?2, ?3 + 1)",
            _ => {
                "UPDATE mark SET mark = ?2, version = ?3 + 1 WHERE cluster_id = ?1 AND version = ?3"
            }
        };
        let changed = transaction.execute(change, params![cluster.to_string(), text, version]);
        if changed.map_err(unavailable)? == 0 {
            return Ok(false);
        }
        note(&transaction, cluster, entry)?;
        transaction.commit().map_err(unavailable)?;
        Ok(true)
    }

    async fn journal(&self, cluster: ClusterId) -> Result<Vec<JournalEntry>, StoreError> {
        journal(&self.connection, cluster)
    }

    async fn resolutions(&self) -> Result<Resolutions, StoreError> {
        const SELECT: &str = "SELECT cluster_id, at, what FROM journal WHERE what IN (?1, ?2)";
        let mut select = self
            .connection
            .prepare_cached(SELECT)
            .map_err(unavailable)?;
        let names = [JournalEvent::Resolved.name(), JournalEvent::Reopened.name()];
        let mut found = select.query(names).map_err(unavailable)?;
        let mut resolutions = Resolutions::new();
        while let Some(row) = found.next().map_err(unavailable)? {
            let cluster: String = row.get(0).map_err(unavailable)?;
            let at: i64 = row.get(1).map_err(unavailable)?;
            let what: String = row.get(2).map_err(unavailable)?;
            let resolution = JournalEvent::from_name(&what).and_then(JournalEvent::said);
            let (at, cluster) = (Timestamp::from_seconds(at), ClusterId::parse(&cluster));
            let (Some(cluster), Some(at), Some(resolution)) = (cluster, at, resolution) else {
                return Err(damaged("a journal entry is malformed"));
            };
            resolutions
                .entry(cluster)
                .or_default()
                .insert((at, resolution));
        }
        Ok(resolutions)
    }

    async fn note(&self, cluster: ClusterId, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        for entry in entries {
            note(&transaction, cluster, entry)?;
        }
        transaction.commit().map_err(unavailable)
    }
}
