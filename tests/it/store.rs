//! The contract of the port `Store`, run against every store.

use std::path::Path;

use ::sqlite::{SCHEMA_VERSION, SqliteStore};
use aws::dynamodb::TableSettings;
use clusters::fingerprint::ClusterId;
use clusters::guard::{NEW_CLUSTERS_MAX, is_overflow};
use clusters::journal::{JournalEntry, JournalEvent};
use pollster::block_on;
use records::time::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use service::memory::MemoryStore;
use service::ports::{ClusterReader, Store, StoreError, TriageStore as _};

use crate::emulator::Emulator;
use crate::records::{denied, id, ingest, lines, record, second};
use crate::table::{self, MemoryTable};

fn failures(count: u64, field: impl Fn(u64) -> Value) -> Vec<Value> {
    (1..=count)
        .map(|number| denied(number, field(number)))
        .collect()
}

/// Runs each test against each store; tables count new events exactly.
macro_rules! counting_contract {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[test] fn $name() { super::$name(super::MemoryStore::default()); })* }
        mod sqlite {
            $(#[test] fn $name() {
                super::$name(super::SqliteStore::in_memory().unwrap());
            })*
        }
        mod dynamodb {
            $(#[test] fn $name() {
                let table = super::MemoryTable::default();
                super::$name(super::table::store(&table, super::TableSettings::default()).counting());
            })*
        }
        mod emulator {
            $(#[test] fn $name() {
                if let Some(emulator) = super::Emulator::find() {
                    super::$name(emulator.store(super::TableSettings::default()).counting());
                }
            })*
        }
    };
}

counting_contract!(
    what_is_committed_twice_counts_once,
    a_census_can_begin_at_a_moment,
    a_timeline_counts_each_event_in_its_hour,
    new_clusters_beyond_the_guard_go_to_an_exact_overflow_cluster,
    an_event_that_overflowed_stays_when_its_cluster_is_admitted_later,
    what_overflowed_is_not_admitted_by_coming_again,
);

fn what_is_committed_twice_counts_once(mut store: impl Store) {
    let records = failures(10, |_| json!({}));
    let first = ingest(&mut store, &lines(&records));
    assert_eq!((first.clustered, first.duplicate), (10, 0));
    let before = block_on(store.snapshot(None)).unwrap();
    let again = ingest(&mut store, &lines(&records));
    assert_eq!((again.clustered, again.duplicate), (0, 10));
    assert!(
        block_on(store.snapshot(None)).unwrap() == before,
        "the census changed"
    );
    assert_eq!(before.clusters()[0].span.count, 10);
}

fn a_census_can_begin_at_a_moment(mut store: impl Store) {
    let hours = failures(
        5,
        |number| json!({"eventTime": format!("2026-11-02T0{number}:00:00Z")}),
    );
    ingest(&mut store, &lines(&hours));
    let since = Timestamp::parse("2026-11-02T04:00:00Z");
    let snapshot = block_on(store.snapshot(since)).unwrap();
    assert_eq!(snapshot.clusters()[0].span.count, 2);
    assert_eq!(snapshot.clusters()[0].span.first_seen, since);
}

fn a_timeline_counts_each_event_in_its_hour(mut store: impl Store) {
    let times = [
        json!("2026-11-02T08:00:00Z"),
        json!("2026-11-02T08:59:59Z"),
        json!("2026-11-02T09:00:00Z"),
        json!("nonsense"),
        Value::Null,
    ];
    let mut records = failures(5, |number| json!({"eventTime": times[number as usize - 1]}));
    records.push(record(
        json!({"eventID": id(6), "eventName": "PutObject", "errorCode": "SlowDown"}),
    ));
    // Twice, since what comes again counts once here, too.
    for _ in 0..2 {
        ingest(&mut store, &lines(&records));
    }
    let timeline = block_on(store.timeline()).unwrap();
    let clusters = block_on(store.snapshot(None)).unwrap().clusters();
    assert_eq!(clusters.len(), 2);
    for cluster in clusters {
        let hours: Vec<_> = timeline
            .iter()
            .filter(|(id, _, _)| *id == cluster.id)
            .map(|(_, hour, count)| (hour, count))
            .collect();
        let at = |time| Timestamp::parse(time).map(Timestamp::window);
        let (eight, nine) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
        let expected = match cluster.span.count {
            5 => vec![(None, 2), (eight, 2), (nine, 1)],
            _ => vec![(eight, 1)],
        };
        assert_eq!(hours, expected);
    }
}

fn new_clusters_beyond_the_guard_go_to_an_exact_overflow_cluster(mut store: impl Store) {
    let codes = failures(
        1000,
        |number| json!({"errorCode": format!("Made{}Up", "x".repeat(number as usize))}),
    );
    // In several batches, so that what was admitted before counts.
    let mut clustered = 0;
    for batch in codes.chunks(150) {
        clustered += ingest(&mut store, &lines(batch)).clustered;
    }
    assert_eq!(clustered, 1000);
    let clusters = block_on(store.snapshot(None)).unwrap().clusters();
    assert_eq!(clusters.len() as u32, NEW_CLUSTERS_MAX + 1);
    let overflow = clusters
        .iter()
        .find(|cluster| is_overflow(&cluster.facts.identity))
        .unwrap();
    assert_eq!(overflow.span.count, 1000 - u64::from(NEW_CLUSTERS_MAX));
}

fn an_event_that_overflowed_stays_when_its_cluster_is_admitted_later(mut store: impl Store) {
    let full = failures(
        u64::from(NEW_CLUSTERS_MAX) + 1,
        |number| json!({"errorCode": format!("Made{}Up", "x".repeat(number as usize))}),
    );
    ingest(&mut store, &lines(&full));
    // The code of the overflow cluster comes again, in an hour in which new clusters are allowed.
    let mut later = full.clone();
    for (number, record) in (5000..).zip(&mut later) {
        record["eventID"] = json!(id(number));
        record["eventTime"] = json!("2026-11-02T12:00:00Z");
    }
    ingest(&mut store, &lines(&later));
    let before = block_on(store.snapshot(None)).unwrap();
    let again = ingest(&mut store, &lines(&full));
    assert_eq!((again.clustered, again.duplicate), (0, full.len() as u64));
    assert!(
        block_on(store.snapshot(None)).unwrap() == before,
        "the census changed"
    );
    let events: u64 = before
        .clusters()
        .iter()
        .map(|cluster| cluster.span.count)
        .sum();
    assert_eq!(events, 2 * full.len() as u64);
}

fn what_overflowed_is_not_admitted_by_coming_again(mut store: impl Store) {
    let code = |number: u64| json!({"errorCode": format!("Made{}Up", "x".repeat(number as usize))});
    let codes = failures(260, code);
    ingest(&mut store, &lines(&codes));
    ingest(&mut store, &lines(&codes));
    let mut others = codes.clone();
    for (number, record) in (5000..).zip(&mut others) {
        record["eventID"] = json!(id(number));
    }
    ingest(&mut store, &lines(&others));
    let snapshot = block_on(store.snapshot(None)).unwrap();
    assert_eq!(snapshot.facts.len() as u32, NEW_CLUSTERS_MAX + 1);
    let events: u64 = snapshot
        .clusters()
        .iter()
        .map(|cluster| cluster.span.count)
        .sum();
    assert_eq!(events, 520);
}

#[test]
fn scans_that_share_a_store_take_turns_and_a_reader_sees_whole_batches() {
    const WRITERS: u64 = 3;
    const BATCHES: u64 = 20;
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("shared.db");
    let writer = move |number: u64| {
        // Each opens the store by itself: all may find that it is not made yet.
        let mut store = SqliteStore::open(path).unwrap();
        for batch in 0..BATCHES {
            let first = 1 + (number * BATCHES + batch) * 10;
            let code =
                |at: u64| json!({"eventID": id(first + at), "errorCode": format!("C{batch}")});
            ingest(&mut store, &lines(&failures(10, code)));
        }
    };
    let events = || -> u64 {
        let store = SqliteStore::open(path).unwrap();
        let clusters = block_on(store.snapshot(None)).unwrap().clusters();
        clusters.iter().map(|cluster| cluster.span.count).sum()
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || writer(number)))
            .collect();
        while !writers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            assert_eq!(events() % 10, 0, "half a batch was seen");
        }
    });
    assert_eq!(events(), WRITERS * BATCHES * 10);
}

#[test]
fn a_store_of_a_newer_version_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    drop(connection);
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert!(
        error.to_string().contains("update cloudtrail-inspector"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_something_else_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "x".repeat(10_000)).unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(StoreError::Foreign)));
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "x".repeat(10_000));

    let other = folder.path().join("other.db");
    let connection = Connection::open(&other).unwrap();
    connection
        .execute_batch("CREATE TABLE holiday (day TEXT)")
        .unwrap();
    drop(connection);
    assert!(matches!(
        SqliteStore::open(&other),
        Err(StoreError::Foreign)
    ));
}

/// The schema of a SQLite file: tables, indices and views with their definitions.
fn schema(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .unwrap();
    let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    found.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_store_of_an_earlier_version_gets_what_is_missing_and_keeps_what_it_has() {
    // Version 2 had four tables that nothing was written to; version 3 added two, version 5 a column, version 6 views, and
    // version 7 the calls of the ledger.
    const UNUSED: [&str; 4] = ["outbox", "breaker", "silence", "ledger"];
    for version in [1, 2, 3, 4, 5, 6] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let event = lines(&[record(json!({"errorCode": "AccessDenied"}))]);
        ingest(&mut SqliteStore::open(&path).unwrap(), &event);
        let newest = schema(&path);
        let connection = Connection::open(&path).unwrap();
        let without_ledger = "DROP TABLE ledger_event; DROP TABLE ledger_missing;";
        connection.execute_batch(without_ledger).unwrap();
        let without_views = "DROP VIEW sensitive_calls; DROP VIEW sensitive_call_events;
            DROP VIEW events; CREATE VIEW events AS SELECT event_id FROM event;
            DROP VIEW clusters; CREATE VIEW clusters AS SELECT cluster_id FROM cluster;";
        if version < 6 {
            connection.execute_batch(without_views).unwrap();
        }
        if version < 5 {
            let without_policy = "ALTER TABLE scene DROP COLUMN policy";
            connection.execute(without_policy, []).unwrap();
        }
        if version > 1 && version < 4 {
            for table in UNUSED {
                let create = format!("CREATE TABLE {table} (sink TEXT PRIMARY KEY, state TEXT)");
                connection.execute(&create, []).unwrap();
            }
            let index = "CREATE INDEX outbox_waiting ON outbox (sink, state)";
            connection.execute(index, []).unwrap();
        }
        if version < 3 {
            let drop = "DROP TABLE mark; DROP TABLE journal;";
            connection.execute_batch(drop).unwrap();
        }
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
        drop(connection);
        let mut store = SqliteStore::open(&path).unwrap();
        assert_eq!(ingest(&mut store, &event).duplicate, 1, "it was known");
        let ledger = block_on(store.ledger()).unwrap().unwrap();
        assert_eq!(
            ledger.missing_until,
            Timestamp::parse("2026-11-02T08:00:00Z")
        );
        let facts = block_on(store.sums(None)).unwrap().facts;
        let cluster = *facts.keys().next().unwrap();
        let entry = JournalEntry::of(JournalEvent::Acknowledged, second(1), 1).by("ann", "on it");
        assert!(block_on(store.set_triage(cluster, None, 0, &entry)).unwrap());
        assert_eq!(block_on(store.journal(cluster)).unwrap(), [entry]);
        drop(store);
        assert_eq!(schema(&path), newest, "version {version}");
    }
}

mod cluster_details {
    contract!(a_dossier_has_its_hours);

    use super::*;

    fn a_dossier_has_its_hours(store: &mut (impl Store + ClusterReader)) {
        let at = |number, code: &str, time: &str| {
            record(json!({"eventID": id(number), "errorCode": code, "eventTime": time}))
        };
        let records = [
            at(1, "AccessDenied", "2026-11-02T07:59:59Z"),
            at(2, "AccessDenied", "2026-11-02T08:00:00Z"),
            at(3, "AccessDenied", "2026-11-02T09:59:59Z"),
            at(4, "AccessDenied", "2026-11-02T10:00:00Z"),
            at(5, "NoSuchBucket", "2026-11-02T08:30:00Z"),
        ];
        ingest(store, &lines(&records));
        let facts = block_on(store.sums(None)).unwrap().facts;
        let denied = facts.iter().find(|(_, of)| of.identity.code == "Denied");
        let (cluster, facts) = denied.unwrap();
        let time = |time: &str| Timestamp::parse(time).unwrap();
        let hours = time("2026-11-02T08:00:00Z").window()..=time("2026-11-02T09:00:00Z").window();
        let cluster_details = block_on(store.cluster_details(*cluster, hours.clone()))
            .unwrap()
            .unwrap();
        let counts = (
            cluster_details.cluster.span.count,
            cluster_details.account_errors,
        );
        assert_eq!(counts, (2, 3));
        assert_eq!(
            cluster_details.first_seen,
            Some(time("2026-11-02T07:59:59Z"))
        );
        assert_eq!(cluster_details.cluster.facts, *facts);
        let later = time("2026-11-03T08:00:00Z").window();
        let quiet = block_on(store.cluster_details(*cluster, later..=later));
        let quiet = quiet.unwrap().unwrap();
        assert_eq!((quiet.cluster.span.count, quiet.account_errors), (0, 0));
        assert_eq!(quiet.cluster.facts, *facts);
        let unknown = ClusterId::from_bytes([9; 16]);
        assert!(
            block_on(store.cluster_details(unknown, hours))
                .unwrap()
                .is_none()
        );
    }
}
