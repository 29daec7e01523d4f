//! What people decided and what happened, in the table: one item for the triage of a cluster, put in
//! the place of the one that was read, and one for each entry of its journal. `item.rs` lists the
//! keys.

use std::collections::BTreeMap;

use clusters::fingerprint::ClusterId;
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::{LifecycleEvent, Move, Resolutions, step};
use clusters::triage::Triage;
use records::time::Timestamp;
use service::ports::{StoreError, TriageStore, VersionedTriage};

use crate::dynamodb::calls::together;
use crate::dynamodb::item::{ClusterItem, cluster_key};
use crate::dynamodb::table::{Item, Key, Table, TableError, Write};
use crate::dynamodb::{ATTEMPTS_MAX, DynamoStore};

/// How long an entry is kept, in seconds: longer than a year, to compare one with the last.
const ENTRY_SECONDS: i64 = 400 * 86_400;

/// Where entries of a journal begin among the items of a cluster.
const ENTRIES: &str = "J#";

/// Returns the key of what people decided about a cluster.
pub fn triage_key(cluster: ClusterId) -> Key {
    Key::new(format!("C#{cluster}"), "MARK")
}

/// Returns the write that puts a triage in the place of the one that was read in a version, or takes
/// that away.
pub fn replace_triage(cluster: ClusterId, triage: Option<&Triage>, version: i64) -> Write {
    let text = triage.map(Triage::encode).unwrap_or_default();
    // Without a triage the item stays, as somebody may still have its version.
    let item = Item::new(triage_key(cluster))
        .text("mk", &text)
        .number("vr", version + 1);
    Write::Replace { item, version }
}

/// Reads a triage; `None` for an item without one, and for one that cannot be read.
pub fn read_triage(item: &Item) -> Option<Triage> {
    item.text_of("mk").and_then(Triage::decode)
}

/// Returns the item of an entry in a cluster's journal. The same entry has the same key, so it may be
/// put again.
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

/// The partition of what people said about whether clusters are over. There are few of these, and everything that
/// lists clusters needs all of them.
const RESOLUTIONS: &str = "R#";

/// Returns the item of an entry that says whether a cluster is over.
fn resolution_item(cluster: ClusterId, entry: &JournalEntry, now: Timestamp) -> Item {
    let (at, what) = (entry.at.seconds(), entry.what.name());
    let key = Key::new(RESOLUTIONS, format!("{cluster}#{at:010}#{what}"));
    Item::new(key).time("ttl", now.plus(ENTRY_SECONDS))
}

/// Reads what [`resolution_item`] made; `None` for anything else.
fn read_resolution(item: &Item) -> Option<(ClusterId, Timestamp, LifecycleEvent)> {
    let mut parts = item.key.sk.split('#');
    let cluster = ClusterId::parse(parts.next()?)?;
    let at = Timestamp::from_seconds(parts.next()?.parse().ok()?)?;
    Some((cluster, at, JournalEvent::from_name(parts.next()?)?.said()?))
}

/// Reads an entry of a journal; `None` for what is none.
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
        let mut triages = BTreeMap::new();
        for item in self.table.get(&keys).await? {
            let damaged = || StoreError::Damaged {
                detail: format!("item {} {} is no mark", item.key.pk, item.key.sk),
            };
            let cluster = item.key.pk.strip_prefix("C#").and_then(ClusterId::parse);
            let triage = match item.text_of("mk") {
                Some(text) => Some(Triage::decode(text).ok_or_else(damaged)?),
                None => None,
            };
            let version = item.number_of("vr").ok_or_else(damaged)?;
            triages.insert(
                cluster.ok_or_else(damaged)?,
                VersionedTriage { triage, version },
            );
        }
        Ok(triages)
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
            if let Some(said) = entry.what.said() {
                let now = self.now;
                writes.push(Write::Put(resolution_item(cluster, entry, now)));
                writes.extend(self.move_by_hand(cluster, entry.at, said).await?);
            }
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { place: 0, .. }) => return Ok(false),
                // The cluster item has moved since it was read.
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::Conflict.into())
    }

    async fn journal(&self, cluster: ClusterId) -> Result<Vec<JournalEntry>, StoreError> {
        let items = self.table.query(&format!("C#{cluster}"), ENTRIES).await?;
        let mut entries = Vec::new();
        // DynamoDB may take days to remove what has expired.
        let is_kept = |item: &&Item| {
            let expires = item.number_of("ttl");
            expires.is_none_or(|expires| expires > self.now.seconds())
        };
        for item in items.iter().filter(is_kept) {
            let entry = read_entry(item).ok_or_else(|| StoreError::Damaged {
                detail: format!("item {} {} is no entry", item.key.pk, item.key.sk),
            })?;
            entries.push(entry);
        }
        entries.sort();
        Ok(entries)
    }

    async fn resolutions(&self) -> Result<Resolutions, StoreError> {
        let mut resolutions = Resolutions::new();
        for item in self.table.query(RESOLUTIONS, "").await? {
            let (cluster, at, said) =
                read_resolution(&item).ok_or_else(|| StoreError::Damaged {
                    detail: format!("item {} {} is no resolution", item.key.pk, item.key.sk),
                })?;
            resolutions.entry(cluster).or_default().insert((at, said));
        }
        Ok(resolutions)
    }

    async fn note(&self, cluster: ClusterId, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let now = self.now;
        let puts = entries.iter().map(|entry| async move {
            let put = Write::Put(journal_item(cluster, entry, now));
            self.apply(&[put]).await
        });
        for put in together(puts).await {
            put?;
        }
        Ok(())
    }
}

impl<T: Table> DynamoStore<T> {
    /// Returns what it does to the cluster item that a person says at a moment whether a cluster is over: one
    /// that is resolved is closed, one that is reopened is open again, in the same episode.
    async fn move_by_hand(
        &self,
        cluster: ClusterId,
        at: Timestamp,
        said: LifecycleEvent,
    ) -> Result<Option<Write>, StoreError> {
        let found = self.table.get(&[cluster_key(cluster)]).await?;
        let Some((_, cluster_item)) = found.first().and_then(ClusterItem::read) else {
            return Ok(None);
        };
        let (key, version) = (cluster_key(cluster), cluster_item.version);
        Ok(match step(Some(cluster_item.state), said).1 {
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
