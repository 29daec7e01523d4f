//! Keeps the events that were read from log groups for incidents, in segments of their own.
//!
//! An item has the events of one hour as a segment, and the subjects of their clusters. Its key is a hash of both, so the same
//! events are the same item, and what an account has is the union of its items.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::actor::Actor;
use clusters::packed::{pack, unpack};
use clusters::segment::{EncodedSegment, Segment};
use clusters::{EventId, Sighting, Tally};
use data_encoding::HEXLOWER;
use records::time::{Timestamp, Window};
use service::ports::{IncidentStore as _, LedgerCalls, ReadBackEvents, ReadBackStore, StoreError};
use sha2::{Digest as _, Sha256};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::calls::concurrently;
use crate::dynamodb::table::{Item, Key, Table, Write};

/// The largest size of a segment of an item, in bytes. The subjects of its clusters need room beside it: an item has at most
/// 400 KB. Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB".
const SEGMENT_BYTES_MAX: usize = 64 << 10;

/// The largest size of an item, in bytes.
const ITEM_BYTES_MAX: usize = 300 << 10;

/// The largest number of bytes of the subjects of an item, unpacked.
const SUBJECTS_BYTES_MAX: u64 = 16 << 20;

/// The beginning of the partition keys.
const PARTITION: &str = "B#";

/// The beginning of the sort keys of items that name an actor of whom everything was read.
const COMPLETE: &str = "complete#";

impl<T: Table> ReadBackStore for DynamoStore<T> {
    async fn keep_read_back(
        &self,
        account_id: &str,
        events: &ReadBackEvents,
    ) -> Result<(), StoreError> {
        let until = self.now.plus(self.settings.retention_days * 86_400);
        let sightings: Vec<(EventId, Sighting)> = events
            .events
            .iter()
            .map(|(id, seen)| (*id, seen.clone()))
            .collect();
        let mut items = Vec::new();
        add_items(account_id, &sightings, events, &mut items);
        let complete = events.complete.iter();
        items.extend(complete.map(|(actor, at)| complete_item(account_id, actor, *at)));
        let puts = items.into_iter().map(|item| async move {
            let put = Write::Put(item.time("ttl", until));
            self.table.write(&put).await
        });
        for put in concurrently(puts).await {
            put?;
        }
        Ok(())
    }

    /// Items that cannot be read are skipped, so that one of them does not stop all alerts. Nothing is then complete.
    async fn read_back(
        &self,
        account_id: &str,
        from: Window,
    ) -> Result<ReadBackEvents, StoreError> {
        let mut read = ReadBackEvents::default();
        let mut is_whole = true;
        for item in self.table.query(&partition(account_id), "").await? {
            let is_old = item.number_of("hr").is_some_and(|hour| hour < from.hours());
            is_whole &= is_old || is_expired(&item, self.now) || add(&mut read, &item).is_some();
        }
        if !is_whole {
            read.complete.clear();
        }
        Ok(read)
    }
}

impl<T: Table> DynamoStore<T> {
    /// Reads what the table has for incidents beside its events. Something was read back only for accounts with an alert.
    pub(super) async fn ledger_calls(&self) -> Result<LedgerCalls, StoreError> {
        let sent = self.incident_alerts().await?;
        let accounts: BTreeSet<&str> = sent.iter().map(|of| &*of.actor.account_id).collect();
        let mut ledger = LedgerCalls {
            missing_until: Some(Timestamp::LAST),
            ..LedgerCalls::default()
        };
        for account_id in accounts {
            let whole = Timestamp::FIRST.window();
            let mut read = self.read_back(account_id, whole).await?;
            read.forget_outdated(&sent);
            ledger.events.extend(read.events);
            ledger.subjects.extend(read.subjects);
            ledger.complete.extend(read.complete.into_keys());
        }
        Ok(LedgerCalls { sent, ..ledger })
    }
}

/// Checks whether an item has expired. DynamoDB may need days to delete it.
fn is_expired(item: &Item, now: Timestamp) -> bool {
    item.time_of("ttl").is_some_and(|at| at <= now)
}

fn partition(account_id: &str) -> String {
    format!("{PARTITION}{account_id}")
}

/// Adds the items of events to `items`, each small enough for the table.
fn add_items(
    account_id: &str,
    events: &[(EventId, Sighting)],
    all: &ReadBackEvents,
    items: &mut Vec<Item>,
) {
    let tally = Tally {
        sightings: events.iter().cloned().collect(),
        ..Tally::default()
    };
    for encoded in Segment::split_at(&tally, SEGMENT_BYTES_MAX) {
        let item = segment_item(account_id, &encoded, all);
        let sightings = encoded.segment.sightings();
        if item.bytes_long() <= ITEM_BYTES_MAX || sightings.len() < 2 {
            items.push(item);
            continue;
        }
        let of_segment: Vec<(EventId, Sighting)> =
            sightings.map(|(id, seen)| (id, seen.clone())).collect();
        for half in of_segment.chunks(of_segment.len().div_ceil(2)) {
            add_items(account_id, half, all, items);
        }
    }
}

fn segment_item(account_id: &str, encoded: &EncodedSegment, all: &ReadBackEvents) -> Item {
    let segment = &encoded.segment;
    let clusters = segment.sightings().map(|(_, seen)| seen.series.cluster);
    let subjects: BTreeMap<ClusterId, &ClusterSubject> = clusters
        .filter_map(|id| Some((id, &**all.subjects.get(&id)?)))
        .collect();
    let subjects = pack(&subjects);
    let mut hash = Sha256::new();
    hash.update(encoded.digest);
    hash.update(&subjects);
    let hash = HEXLOWER.encode(&hash.finalize()[..16]);
    let hour = segment.window.map(Window::hours).unwrap_or_default();
    Item::new(Key::new(partition(account_id), format!("{hour}#{hash}")))
        .number("hr", hour)
        .bytes("mf", encoded.bytes.clone())
        .bytes("su", subjects)
}

fn complete_item(account_id: &str, actor: &Actor, at: Timestamp) -> Item {
    // An actor is a kind and two texts, so encoding never fails.
    let json = serde_json::to_string(actor).unwrap_or_default();
    let hash = HEXLOWER.encode(&Sha256::digest(&json)[..16]);
    let sk = format!("{COMPLETE}{hash}#{}", at.seconds());
    Item::new(Key::new(partition(account_id), sk))
        .text("ac", &json)
        .time("rd", at)
}

/// Adds the content of an item; `None` if it cannot be read.
fn add(read: &mut ReadBackEvents, item: &Item) -> Option<()> {
    if item.key.sk.starts_with(COMPLETE) {
        let actor: Actor = serde_json::from_str(item.text_of("ac")?).ok()?;
        let at = item.time_of("rd")?;
        let known = read.complete.entry(actor).or_insert(at);
        *known = at.max(*known);
        return Some(());
    }
    let hour = Timestamp::from_seconds(item.number_of("hr")?.checked_mul(3600)?)?;
    let segment = Segment::decode(Some(hour.window()), item.bytes_of("mf")?).ok()?;
    let subjects: BTreeMap<ClusterId, ClusterSubject> =
        unpack(item.bytes_of("su")?, SUBJECTS_BYTES_MAX).ok()?;
    for (id, subject) in subjects {
        read.subjects.entry(id).or_insert_with(|| Arc::new(subject));
    }
    for (id, seen) in segment.sightings() {
        read.events.entry(id).or_insert_with(|| seen.clone());
    }
    Some(())
}
