//! The notes about drills: one item for each stage of a drill, all in one partition.
//!
//! The arrival of a drill is written in one transaction with the outbox rows of its alert, so a record that comes twice is one
//! drill. The outbox writes what became of each row, see `message`.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::outbox::OutboxRow;
use records::time::Timestamp;
use service::drill_record::{Drill, DrillId, DrillNote, DrillTrace, SinkOutcome};
use service::ports::{DrillStore, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::table::{Item, Key, Table, TableError, Write};

/// The lifetime of the items of a drill, in seconds.
const DRILL_SECONDS: i64 = 14 * 86_400;

/// The partition key of all drills.
pub const PARTITION: &str = "DRILL";

const BEGAN: &str = "began";
const WRITTEN: &str = "written";
const STORED: &str = "stored";
const SINK: &str = "sink";

impl<T: Table> DynamoStore<T> {
    /// Writes that a drill has arrived, with the rows of its alert; `false` if that was written before.
    pub(super) async fn store_drill(&self, drill: &Drill) -> Result<bool, StoreError> {
        let id = &drill.id;
        let alert = Alert::of_drill(id.text(), id.written(), self.now);
        let sinks = self.settings.sinks.iter().cloned();
        let stored = note_item(id.text(), STORED, self.now).texts("si", sinks);
        let mut writes = vec![Write::Create(stored)];
        writes.extend(self.outbox_writes(&alert, self.now));
        self.try_apply(&writes).await
    }
}

impl<T: Table> DrillStore for DynamoStore<T> {
    async fn note_drill(&self, id: &DrillId, note: DrillNote) -> Result<(), StoreError> {
        let stage = match note {
            DrillNote::Began => BEGAN,
            DrillNote::Written => WRITTEN,
        };
        let write = Write::Create(note_item(id.text(), stage, self.now));
        match self.apply(&[write]).await {
            // The note was written before.
            Ok(()) | Err(TableError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn drill(&self, id: &DrillId) -> Result<DrillTrace, StoreError> {
        let items = self.table.query(PARTITION, &format!("{id}#")).await?;
        Ok(read_drills(&items, self.now).remove(id).unwrap_or_default())
    }

    async fn drills(&self) -> Result<BTreeMap<DrillId, DrillTrace>, StoreError> {
        let items = self.table.query(PARTITION, "").await?;
        Ok(read_drills(&items, self.now))
    }
}

/// Returns an item about a stage of a drill, which expires two weeks after `now`.
fn note_item(drill: &str, stage: &str, now: Timestamp) -> Item {
    Item::new(Key::new(PARTITION, format!("{drill}#{stage}")))
        .time("at", now)
        .time("ttl", now.plus(DRILL_SECONDS))
}

/// Returns the write that notes what became of the row of a drill's alert: whether it was sent, and the sink's answer or why it was
/// not sent. `None` for an alert about something else.
pub fn outcome_write(
    row: &OutboxRow,
    now: Timestamp,
    is_sent: bool,
    answer: &str,
) -> Option<Write> {
    let Facts::Drill(facts) = &row.alert.facts else {
        return None;
    };
    let item = note_item(&facts.drill, &format!("{SINK}#{}", row.sink), now)
        .number("ok", i64::from(is_sent))
        .text("an", answer);
    Some(Write::Put(item))
}

/// Reads the items of the partition, in any order. Items that have expired at `now` are left out.
fn read_drills(items: &[Item], now: Timestamp) -> BTreeMap<DrillId, DrillTrace> {
    let mut drills: BTreeMap<DrillId, DrillTrace> = BTreeMap::new();
    for item in items {
        // DynamoDB may need days to delete expired items.
        if item.time_of("ttl").is_some_and(|at| at <= now) {
            continue;
        }
        let parts = item.key.sk.split_once('#');
        let Some((Some(id), stage)) = parts.map(|(id, stage)| (DrillId::parse(id), stage)) else {
            continue;
        };
        let trace = drills.entry(id).or_default();
        let at = item.time_of("at");
        match stage {
            BEGAN => trace.began = at,
            WRITTEN => trace.written = at,
            STORED => {
                trace.stored = at;
                trace.queued = item.texts_of("si").cloned().unwrap_or_else(BTreeSet::new);
            }
            other => {
                if let (Some((SINK, sink)), Some(at)) = (other.split_once('#'), at) {
                    let outcome = SinkOutcome {
                        at,
                        is_sent: item.number_of("ok") == Some(1),
                        answer: item.text_of("an").unwrap_or_default().to_owned(),
                    };
                    trace.sinks.insert(sink.to_owned(), outcome);
                }
            }
        }
    }
    drills
}
