//! Drills: what makes a record one, that repetition, order and faults change nothing, and that drills are no events.

use std::collections::BTreeSet;

use aws::dynamodb::table::Item;
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::report::IngestReport;
use pollster::block_on;
use records::time::Timestamp;
use service::drill_record::{Drill, DrillId, DrillNote};
use service::ingest::subscription::{RetryReason, Subscription};
use service::memory::MemoryBucket;
use service::ports::{DrillStore as _, Outbox as _, Store as _};

use crate::payloads::{event, failure, gzip, log_event, logs};
use crate::records::ACCOUNT;
use crate::table::{Fault, MemoryTable, now, store, telling};

const GROUP: &str = "/cloudtrail-inspector/errors/drill";

/// Returns a drill that was written `seconds_ago` seconds ago.
fn drill(number: u64, seconds_ago: i64) -> Drill {
    Drill {
        id: DrillId::new(now().plus(-seconds_ago), number),
        account_id: ACCOUNT.to_owned(),
        region: "eu-central-1".to_owned(),
    }
}

/// Returns the event of a subscription with these records from a log group.
fn event_from(group: &str, records: &[String]) -> Vec<u8> {
    let events: Vec<String> = records.iter().map(|record| log_event(record)).collect();
    event(gzip(logs(&events).replace("shop-trail", group)))
}

/// A function with its store on a table. The stack still learns, so nothing but a drill is announced.
struct Function {
    subscription: Subscription,
    store: DynamoStore<MemoryTable>,
}

impl Function {
    fn over(table: &MemoryTable) -> Self {
        let settings = TableSettings {
            sinks: vec!["guance".to_owned(), "sns".to_owned()],
            learn_hours: 1_000_000,
            ..telling()
        };
        let mut subscription = Subscription::default();
        subscription.set_drill_log_group(Some(GROUP.to_owned()));
        Self {
            subscription,
            store: store(table, settings),
        }
    }

    fn take(&mut self, event: &[u8]) -> Result<IngestReport, RetryReason> {
        let bucket = MemoryBucket::default();
        let taken = self
            .subscription
            .take(event, now(), &mut self.store, &bucket);
        let taken = block_on(taken);
        assert!(
            bucket.objects().is_empty(),
            "nothing of a drill is put into quarantine"
        );
        taken
    }
}

fn keys(table: &MemoryTable) -> BTreeSet<String> {
    let key = |item: &Item| format!("{} {}", item.key.pk, item.key.sk);
    table.items().iter().map(key).collect()
}

#[test]
fn a_drill_is_kept_once_with_a_row_for_each_sink_and_is_no_event() {
    let table = MemoryTable::default();
    let (first, second) = (drill(1, 3), drill(2, 2));
    let events = [
        event_from(GROUP, &[first.record()]),
        event_from(GROUP, &[second.record(), first.record(), second.record()]),
        event_from(GROUP, &[first.record()]),
    ];
    for event in &events {
        let report = Function::over(&table).take(event).unwrap();
        assert_eq!((report.record_counts.read, report.no_drills), (0, 0));
    }
    let function = Function::over(&table);
    for drill in [&first, &second] {
        let trace = block_on(function.store.drill(&drill.id)).unwrap();
        assert_eq!(trace.stored, Some(now()));
        assert_eq!(Vec::from_iter(&trace.queued), ["guance", "sns"]);
    }
    for sink in ["guance", "sns"] {
        assert_eq!(
            block_on(function.store.waiting(sink, 100)).unwrap().len(),
            2
        );
    }
    let starts: BTreeSet<String> = keys(&table).iter().map(|key| key[..2].to_owned()).collect();
    assert_eq!(
        Vec::from_iter(starts),
        ["DR", "O#"],
        "no cluster, no segment, no beginning"
    );
    let expires = table
        .items()
        .into_iter()
        .filter(|item| item.key.pk == "DRILL");
    for item in expires {
        assert_eq!(item.time_of("ttl"), Some(now().plus(14 * 86_400)));
    }
}

#[test]
fn the_order_of_events_changes_nothing_and_neither_does_a_fault_at_any_call() {
    let of = |drill: &Drill| event_from(GROUP, &[drill.record()]);
    let events = [of(&drill(1, 3)), of(&drill(2, 2)), of(&drill(3, 1))];
    let expected = {
        let table = MemoryTable::default();
        for event in &events {
            Function::over(&table).take(event).unwrap();
        }
        table.items()
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        for fault in [Fault::Unavailable, Fault::Lost] {
            let table = MemoryTable::default();
            for place in order {
                let mut function = Function::over(&table);
                function
                    .store
                    .table()
                    .fail(move |call| (call == 0).then_some(fault));
                let failed = function.take(&events[place]).unwrap_err();
                assert_eq!(failed.name(), "StoreUnavailable");
                assert!(
                    failed.to_string().contains("cannot store the drill 17"),
                    "{failed}"
                );
                function.store.table().repair();
                function.take(&events[place]).unwrap();
            }
            assert_eq!(table.items(), expected, "{order:?} {fault:?}");
        }
    }
}

#[test]
fn only_the_log_group_makes_a_record_a_drill() {
    let table = MemoryTable::default();
    let mut function = Function::over(&table);
    let record = drill(1, 3).record();
    let report = function
        .take(&event_from("shop-trail", std::slice::from_ref(&record)))
        .unwrap();
    assert_eq!(
        (report.drills.len(), report.record_counts.clustered),
        (0, 1)
    );
    assert!(!keys(&table).iter().any(|key| key.starts_with("DRILL")));
    // A function that knows no log group of drills counts all records.
    let mut plain = Subscription::default();
    let (mut other, bucket) = (
        store(&MemoryTable::default(), telling()),
        MemoryBucket::default(),
    );
    let event = event_from(GROUP, &[record]);
    let taken = plain.take(&event, now(), &mut other, &bucket);
    assert_eq!(block_on(taken).unwrap().record_counts.clustered, 1);
}

#[test]
fn all_else_in_the_log_group_of_drills_is_only_counted() {
    let good = drill(1, 3).record();
    for other in [
        failure(1).to_string(),
        good.replace("GetCallerIdentity", "DeleteTrail"),
        good.replace(ACCOUNT, "shop"),
        "no record".to_owned(),
        drill(2, 86_401).record(),
        drill(3, -301).record(),
    ] {
        let table = MemoryTable::default();
        let mut function = Function::over(&table);
        let report = function
            .take(&event_from(GROUP, &[other.clone(), good.clone()]))
            .unwrap();
        assert_eq!((report.no_drills, report.drills.len()), (1, 1), "{other}");
        assert!(report.record_counts.balances() && report.record_counts.read == 0);
        assert_eq!(keys(&table).len(), 3, "{other}");
    }
    let cut = gzip(
        logs(&[log_event(&good)])
            .replace("shop-trail", GROUP)
            .trim_end_matches("]}"),
    );
    let table = MemoryTable::default();
    let report = Function::over(&table).take(&event(cut)).unwrap();
    assert_eq!(report.no_drills, 1);
    assert!(!keys(&table).iter().any(|key| key.starts_with("C#")));
}

#[test]
fn notes_are_a_set_and_expire() {
    let table = MemoryTable::default();
    let function = Function::over(&table);
    let drill = drill(1, 3);
    for note in [
        DrillNote::Written,
        DrillNote::Began,
        DrillNote::Began,
        DrillNote::Written,
    ] {
        block_on(function.store.note_drill(&drill.id, note)).unwrap();
    }
    let mut function = function;
    block_on(function.store.keep_drill(&drill)).unwrap();
    let trace = |function: &Function| block_on(function.store.drill(&drill.id)).unwrap();
    let known = trace(&function);
    let at: Option<Timestamp> = Some(now());
    assert_eq!((known.began, known.written, known.stored), (at, at, at));
    assert_eq!(block_on(function.store.drills()).unwrap()[&drill.id], known);
    function.store.set_now(now().plus(14 * 86_400));
    assert_eq!(trace(&function), Default::default());
}
