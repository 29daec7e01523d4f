//! Stores triage decisions of people, and the journals of clusters.
//!
//! A cluster has one triage item with a version. An update names the version that was read, so a concurrent update is
//! noticed. Each entry of the journal is an item of its own. `item.rs` lists the keys.

use std::collections::BTreeMap;

use clusters::fingerprint::ClusterId;
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::{LifecycleEvent, Move, Resolutions, step};
use clusters::triage::Triage;
use records::time::Timestamp;
use service::ports::{StoreError, TriageStore, VersionedTriage};

use crate::dynamodb::calls::concurrently;
use crate::dynamodb::item::{ClusterItem, cluster_key};
use crate::dynamodb::table::{Item, Key, Table, TableError, Write};
use crate::dynamodb::{ATTEMPTS_MAX, DynamoStore};

/// The lifetime of a journal entry, in seconds: more than a year, to compare a year with the previous year.
const ENTRY_SECONDS: i64 = 400 * 86_400;

/// The prefix of the sort keys of journal entries.
const ENTRIES: &str = "J#";

/// The sort key of the item with the triage decision about a cluster.
const MARK: &str = "MARK";

/// Returns the key of the item with the triage decision about a cluster, such as muted or resolved.
pub fn triage_key(cluster: ClusterId) -> Key {
    Key::new(format!("C#{cluster}"), MARK)
}

/// Returns the write that replaces the triage decision about a cluster, or removes it with `None`.
///
/// `version` is the version of the decision's item that was read; 0 if there was no item. The write is refused if the
/// stored version differs.
pub fn replace_triage(cluster: ClusterId, triage: Option<&Triage>, version: i64) -> Write {
    let text = triage.map(Triage::encode).unwrap_or_default();
    // A removed decision leaves the item, so that its version continues to increase.
    let item = Item::new(triage_key(cluster))
        .text("mk", &text)
        .number("vr", version + 1);
    Write::Replace { item, version }
}

/// Decodes the triage decision about a cluster. `None` if the decision was removed or cannot be decoded.
pub fn read_triage(item: &Item) -> Option<Triage> {
    item.text_of("mk").and_then(Triage::decode)
}

/// Decodes the triage decision about a cluster, with its version.
fn read_versioned(item: &Item) -> Result<(ClusterId, VersionedTriage), StoreError> {
    let damaged = || StoreError::Damaged {
        detail: format!("item {} {} has no valid triage", item.key.pk, item.key.sk),
    };
    let cluster = item.key.pk.strip_prefix("C#").and_then(ClusterId::parse);
    let triage = match item.text_of("mk") {
        Some(text) => Some(Triage::decode(text).ok_or_else(damaged)?),
        None => None,
    };
    let version = item.number_of("vr").ok_or_else(damaged)?;
    let versioned = VersionedTriage { triage, version };
    Ok((cluster.ok_or_else(damaged)?, versioned))
}

/// Encodes an entry of a cluster's journal, a status change or a decision, as an item of the table.
///
/// The key has a digest of the entry, so writing the same entry again changes nothing. The item expires 400 days
/// after `now`.
pub fn journal_item(cluster: ClusterId, entry: &JournalEntry, now: Timestamp) -> Item {
    let (at, digest) = (entry.at.seconds(), entry.digest());
    let key = Key::new(
        format!("C#{cluster}"),
        format!("{ENTRIES}{at:010}#{digest}"),
    );
    Item::new(key)
        .text("je", &entry.encode())
        .time("ttl", now.plus(ENTRY_SECONDS))
}

/// The partition key of all resolutions. They are few, and every list of clusters needs all of them.
const RESOLUTIONS: &str = "R#";

/// Encodes a resolution: a journal entry by which a person marked a cluster as resolved or reopened.
fn resolution_item(cluster: ClusterId, entry: &JournalEntry, now: Timestamp) -> Item {
    let (at, what) = (entry.at.seconds(), entry.what.name());
    let key = Key::new(RESOLUTIONS, format!("{cluster}#{at:010}#{what}"));
    Item::new(key).time("ttl", now.plus(ENTRY_SECONDS))
}

/// Decodes an item of [`resolution_item`]; `None` for other items.
fn read_resolution(item: &Item) -> Option<(ClusterId, Timestamp, LifecycleEvent)> {
    let mut parts = item.key.sk.split('#');
    let cluster = ClusterId::parse(parts.next()?)?;
    let at = Timestamp::from_seconds(parts.next()?.parse().ok()?)?;
    Some((cluster, at, JournalEvent::from_name(parts.next()?)?.said()?))
}

/// Decodes an entry of a cluster's journal, as encoded by [`journal_item`]. `None` for other items, and for an entry
/// that cannot be decoded.
pub fn read_entry(item: &Item) -> Option<JournalEntry> {
    item.key.sk.strip_prefix(ENTRIES)?;
    JournalEntry::decode(item.text_of("je")?)
}

impl<T: Table> TriageStore for DynamoStore<T> {
    async fn triages(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError> {
        let keys: Vec<Key> = clusters.iter().copied().map(triage_key).collect();
        let found = self.table.get(&keys).await?;
        found.iter().map(read_versioned).collect()
    }

    async fn marks(&self) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError> {
        let mut found = Vec::new();
        let mut visit = |item: Item| {
            if item.key.sk == MARK && item.key.pk.starts_with("C#") {
                found.push(read_versioned(&item));
            }
        };
        self.table.scan(&mut visit).await?;
        found.into_iter().collect()
    }

    async fn set_triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        version: i64,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let journal = journal_item(cluster, entry, self.now);
            let mut writes = vec![
                replace_triage(cluster, triage, version),
                Write::Put(journal),
            ];
            if let Some(resolution) = entry.what.said() {
                let now = self.now;
                writes.push(Write::Put(resolution_item(cluster, entry, now)));
                writes.extend(self.resolution_write(cluster, entry.at, resolution).await?);
            }
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { place: 0, .. }) => return Ok(false),
                // The cluster item has changed since it was read, so the next attempt reads it again.
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::Conflict.into())
    }

    async fn journal(&self, cluster: ClusterId) -> Result<Vec<JournalEntry>, StoreError> {
        let items = self.table.query(&format!("C#{cluster}"), ENTRIES).await?;
        let mut entries = Vec::new();
        // DynamoDB may need days to delete expired items.
        let is_valid = |item: &&Item| {
            let expires = item.number_of("ttl");
            expires.is_none_or(|expires| expires > self.now.seconds())
        };
        for item in items.iter().filter(is_valid) {
            let entry = read_entry(item).ok_or_else(|| StoreError::Damaged {
                detail: format!(
                    "item {} {} is not a valid journal entry",
                    item.key.pk, item.key.sk
                ),
            })?;
            entries.push(entry);
        }
        entries.sort();
        Ok(entries)
    }

    async fn resolutions(&self) -> Result<Resolutions, StoreError> {
        let mut resolutions = Resolutions::new();
        for item in self.table.query(RESOLUTIONS, "").await? {
            let (cluster, at, resolution) =
                read_resolution(&item).ok_or_else(|| StoreError::Damaged {
                    detail: format!(
                        "item {} {} is not a valid resolution",
                        item.key.pk, item.key.sk
                    ),
                })?;
            resolutions
                .entry(cluster)
                .or_default()
                .insert((at, resolution));
        }
        Ok(resolutions)
    }

    async fn note(&self, cluster: ClusterId, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let now = self.now;
        let puts = entries.iter().map(|entry| async move {
            let mut puts = vec![Write::Put(journal_item(cluster, entry, now))];
            if entry.what.said().is_some() {
                puts.push(Write::Put(resolution_item(cluster, entry, now)));
            }
            self.apply(&puts).await
        });
        for put in concurrently(puts).await {
            put?;
        }
        Ok(())
    }
}

impl<T: Table> DynamoStore<T> {
    /// Returns the write that applies a person's resolution to the cluster item; `None` if nothing changes.
    ///
    /// A resolved cluster becomes recovered. A reopened cluster becomes ongoing again, in the same episode.
    async fn resolution_write(
        &self,
        cluster: ClusterId,
        at: Timestamp,
        resolution: LifecycleEvent,
    ) -> Result<Option<Write>, StoreError> {
        let found = self.table.get(&[cluster_key(cluster)]).await?;
        let Some((_, cluster_item)) = found.first().and_then(ClusterItem::read) else {
            return Ok(None);
        };
        let (key, version) = (cluster_key(cluster), cluster_item.version);
        Ok(match step(Some(cluster_item.state), resolution).1 {
            Some(Move::Recover) => Some(Write::Recover {
                key,
                version,
                watermark: at,
            }),
            Some(Move::Reopen) => Some(Write::Reopen { key, version }),
            _ => None,
        })
    }
}
