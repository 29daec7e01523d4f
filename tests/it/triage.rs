//! The contract of triage decisions and journals, run against a file and a table, and its cost in the table. Also the
//! further history of a cluster that a user resolved or archived.

use std::collections::BTreeMap;

use aws::dynamodb::item::{ClusterItem, cluster_key};
use aws::dynamodb::table::Table as _;
use clusters::fingerprint::ClusterId;
use clusters::journal::{self, Fault, JournalEntry, JournalEvent};
use clusters::lifecycle::{State, Status};
use clusters::triage::{CountPeriod, Decision, EndReason, Observation, Triage, Until};
use pollster::block_on;
use records::time::{Timestamp, Window};
use serde_json::json;
use service::ports::{Outbox, Store, TriageStore, VersionedTriage};

use view::listing::Listing;

use crate::records::{id, ingest, lines, record, recorded};
use crate::table::{self, Fault as Trouble, MemoryTable, now, telling};

contract!(
    a_mark_is_read_as_it_was_made_and_whoever_is_slower_changes_nothing,
    a_mark_that_was_taken_away_leaves_its_journal,
    the_same_entry_twice_is_one_and_a_journal_is_in_order,
    a_cluster_that_is_resolved_and_reopened_lives_on,
);

mod sinks {
    use super::a_sink_is_held_back_by_the_mark_of_its_cluster;

    table_contract!(a_sink_is_held_back_by_the_mark_of_its_cluster);
}

const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);
const OTHER: ClusterId = ClusterId::from_bytes([2; 16]);

fn triage(decision: Decision) -> Triage {
    Triage::new(decision, "ann", "planned migration", now(), 1)
}

fn set(store: &impl TriageStore, cluster: ClusterId, triage: &Triage, version: i64) -> bool {
    block_on(store.set_triage(cluster, Some(triage), version, &triage.made())).unwrap()
}

fn taken_away(version: i64) -> JournalEntry {
    let about = format!("version {version}");
    let entry = JournalEntry::of(JournalEvent::Unmarked, now(), 1);
    entry.by("bob", "it is over").about(&about)
}

fn journal(store: &impl TriageStore, cluster: ClusterId) -> Vec<JournalEntry> {
    block_on(store.journal(cluster)).unwrap()
}

fn a_mark_is_read_as_it_was_made_and_whoever_is_slower_changes_nothing(store: &impl TriageStore) {
    assert_eq!(
        block_on(store.triage(CLUSTER)).unwrap(),
        VersionedTriage::default()
    );
    let (expected, acknowledged) = (triage(Decision::Expected), triage(Decision::Acknowledged));
    assert!(!set(store, CLUSTER, &expected, 1), "there is none yet");
    assert!(set(store, CLUSTER, &expected, 0));
    assert!(
        !set(store, CLUSTER, &acknowledged, 0),
        "somebody was faster"
    );
    assert!(set(store, CLUSTER, &acknowledged, 1));
    assert!(!set(store, CLUSTER, &expected, 1));
    assert!(set(store, OTHER, &expected, 0));
    let all = block_on(store.triages(&[CLUSTER, OTHER, ClusterId::from_bytes([3; 16])]));
    let versioned = |triage, version| VersionedTriage {
        triage: Some(triage),
        version,
    };
    let known = [
        (CLUSTER, versioned(acknowledged.clone(), 2)),
        (OTHER, versioned(expected.clone(), 1)),
    ];
    assert_eq!(all.unwrap(), BTreeMap::from(known));
    // Who was slower has left nothing in the journal either.
    let noted = journal(store, CLUSTER);
    assert_eq!(noted, [acknowledged.made(), expected.made()]);
}

fn a_mark_that_was_taken_away_leaves_its_journal(store: &impl TriageStore) {
    let expected = triage(Decision::Expected);
    assert!(set(store, CLUSTER, &expected, 0));
    let take = |version| {
        let entry = taken_away(version);
        block_on(store.set_triage(CLUSTER, None, version, &entry)).unwrap()
    };
    assert!(!take(0));
    assert!(take(1));
    assert!(!take(1));
    let (triage, version) = (None, 2);
    assert_eq!(
        block_on(store.triage(CLUSTER)).unwrap(),
        VersionedTriage { triage, version }
    );
    assert!(!set(store, CLUSTER, &expected, 0), "it was there before");
    assert!(set(store, CLUSTER, &expected, 2));
    assert_eq!(journal(store, CLUSTER), [expected.made(), taken_away(1)]);
}

fn the_same_entry_twice_is_one_and_a_journal_is_in_order(store: &impl TriageStore) {
    let at = now();
    let entries = [
        JournalEntry::of(JournalEvent::New, at.plus(-60), 1),
        JournalEntry::of(JournalEvent::Escalating, at, 1).about("61 events in an hour"),
        JournalEntry::of(JournalEvent::Acknowledged, at, 1).by("ann", "on it"),
        JournalEntry::of(JournalEvent::Acknowledged, at, 1).by("bob", "on it"),
        JournalEntry::of(JournalEvent::Recovered, at.plus(60), 1),
        JournalEntry::of(JournalEvent::Regressed, at.plus(120), 2),
    ];
    assert_eq!(journal(store, CLUSTER), []);
    let backwards: Vec<JournalEntry> = entries.iter().rev().cloned().collect();
    for _ in 0..2 {
        block_on(store.note(CLUSTER, &backwards)).unwrap();
    }
    block_on(store.note(CLUSTER, &[])).unwrap();
    assert_eq!(journal(store, CLUSTER), entries);
    assert_eq!(journal(store, OTHER), []);
    assert_eq!(
        block_on(store.triage(CLUSTER)).unwrap(),
        VersionedTriage::default()
    );
}

fn a_sink_is_held_back_by_the_mark_of_its_cluster(store: &(impl TriageStore + Outbox)) {
    let expected = triage(Decision::Expected);
    let sending_limits = |cluster| block_on(store.sending_limits("guance", cluster)).unwrap();
    assert!(set(store, CLUSTER, &expected, 0));
    assert_eq!(sending_limits(CLUSTER).triage, Some(expected));
    assert_eq!(sending_limits(OTHER).triage, None);
    assert!(block_on(store.set_triage(CLUSTER, None, 1, &taken_away(1))).unwrap());
    assert_eq!(sending_limits(CLUSTER).triage, None);
}

fn failure(number: u64, time: &str) -> String {
    lines(&[record(
        json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time}),
    )])
}

/// Returns the status of the only cluster of a store, as users see it.
fn status(store: &(impl Store + TriageStore)) -> Status {
    let listing = listing(store, None);
    assert_eq!(listing.clusters.len(), 1);
    listing.clusters.values().next().unwrap().status()
}

/// Lists the clusters of a store like the commands: hours before `until` as the inspection saved them, and later events
/// added.
pub fn listing(store: &(impl Store + TriageStore), until: Option<Window>) -> Listing {
    recorded(store, |all| all.listing(&all.replay(until), now()))
}

fn one(store: &impl Store) -> ClusterId {
    *block_on(store.sums(None))
        .unwrap()
        .facts
        .keys()
        .next()
        .unwrap()
}

fn reopened(at: Timestamp) -> JournalEntry {
    JournalEntry::of(JournalEvent::Reopened, at, 1).by("ann", "not fixed")
}

fn a_cluster_that_is_resolved_and_reopened_lives_on(store: &mut (impl Store + TriageStore)) {
    ingest(store, &failure(1, "2026-11-02T08:00:00Z"));
    let cluster = one(store);
    assert_eq!(status(store), Status::New);
    let resolved = triage(Decision::Resolved);
    assert!(set(store, cluster, &resolved, 0));
    ingest(store, &failure(2, "2026-11-02T12:59:59Z"));
    assert_eq!(status(store), Status::Recovered, "that is a late event");
    let entry = reopened(now().plus(60));
    assert!(block_on(store.set_triage(cluster, None, 1, &entry)).unwrap());
    assert_eq!(status(store), Status::Ongoing);
    assert_eq!(journal(store, cluster), [resolved.made(), entry]);
}

fn head(table: &MemoryTable) -> ClusterItem {
    let items = table.items();
    let (_, head) = items.iter().find_map(ClusterItem::read).unwrap();
    head
}

fn rows(store: &impl Outbox) -> Vec<&'static str> {
    let rows = block_on(store.waiting("guance", 100)).unwrap();
    rows.iter().map(|row| row.alert.kind().name()).collect()
}

/// A table with one cluster of 08:00, resolved at 13:00.
fn resolved() -> (MemoryTable, ClusterId) {
    let table = MemoryTable::default();
    let mut store = table::store(&table, telling());
    ingest(&mut store, &failure(1, "2026-11-02T08:00:00Z"));
    let cluster = one(&store);
    assert!(set(&store, cluster, &triage(Decision::Resolved), 0));
    let head = head(&table);
    assert_eq!(
        (head.state, head.watermark),
        (State::Recovered, Some(now()))
    );
    (table, cluster)
}

#[test]
fn a_late_event_is_no_regression_of_what_was_resolved() {
    let (table, cluster) = resolved();
    let mut function = table::store(&table, telling());
    for (number, time) in [(2, "2026-11-02T12:59:59Z"), (3, "2026-11-02T13:00:00Z")] {
        ingest(&mut function, &failure(number, time));
    }
    assert_eq!(
        (head(&table).state, head(&table).episode),
        (State::Recovered, 1)
    );
    assert_eq!(rows(&function), ["new"]);
    let first = Timestamp::parse("2026-11-02T08:00:00Z");
    let fault = Fault {
        episode: 1,
        from: first.unwrap(),
        until: Some(now()),
        ended: Some(JournalEvent::Resolved),
    };
    let entries = journal(&function, cluster);
    assert_eq!(journal::history(first, &entries), [fault]);
}

#[test]
fn what_was_resolved_and_fails_again_is_told_once_and_how_long_it_was_quiet_is_known() {
    let (table, cluster) = resolved();
    // Two functions bring the same event, and one of them the next.
    for (number, time) in [
        (2, "2026-11-04T13:00:00Z"),
        (2, "2026-11-04T13:00:00Z"),
        (3, "2026-11-04T14:00:00Z"),
    ] {
        ingest(&mut table::store(&table, telling()), &failure(number, time));
    }
    assert_eq!(
        (head(&table).state, head(&table).episode),
        (State::Regressed, 2)
    );
    let store = table::store(&table, telling());
    assert_eq!(rows(&store), ["new", "regressed"]);
    let entries = journal(&store, cluster);
    let faults = journal::history(Timestamp::parse("2026-11-02T08:00:00Z"), &entries);
    let quiet = faults[1].from.seconds_since(faults[0].until.unwrap());
    assert_eq!((faults.len(), quiet), (2, 2 * 86_400));
    assert_eq!((faults[1].episode, faults[1].until), (2, None));
    assert_eq!(journal::episode(&entries), 2);
    // The decision has ended, and the observation proves it.
    let seen = Observation {
        episode: Some(2),
        ..Observation::at(now())
    };
    let triage = block_on(store.triage(cluster)).unwrap().triage.unwrap();
    assert_eq!(triage.ends(&seen), Some(EndReason::CameBack));
    assert_eq!(status(&store), Status::Regressed);
}

#[test]
fn what_is_archived_until_a_hundred_in_an_hour_is_quiet_until_then() {
    let until = Until::parse("100x/1h").unwrap();
    let archived = triage(Decision::Archived { until });
    let table = MemoryTable::default();
    let mut store = table::store(&table, telling());
    ingest(&mut store, &failure(1, "2026-11-02T08:00:00Z"));
    let cluster = one(&store);
    assert!(set(&store, cluster, &archived, 0));
    // In the hours after the triage: 99 events, none, 101.
    let hours = [("14", 99), ("16", 101)];
    let mut number = 1;
    for (hour, count) in hours {
        let records: Vec<_> = (0..count)
            .map(|second: u64| {
                number += 1;
                let (minute, second) = (second / 60, second % 60);
                let time = format!("2026-11-02T{hour}:{minute:02}:{second:02}Z");
                record(
                    json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time}),
                )
            })
            .collect();
        ingest(&mut store, &lines(&records));
    }
    // Each hour as the inspection sees it when the hour is over.
    let timeline = block_on(store.timeline()).unwrap();
    let counts: BTreeMap<Window, u64> = timeline
        .iter()
        .filter_map(|(_, hour, count)| Some((hour?, count)))
        .collect();
    let ended = |until: &str| {
        let now = Timestamp::parse(until).unwrap();
        let seen = Observation {
            episode: Some(1),
            hours: counts
                .range(..now.window())
                .map(|(hour, count)| (*hour, *count))
                .collect(),
            ..Observation::at(now)
        };
        archived.ends(&seen)
    };
    assert_eq!(ended("2026-11-02T15:00:00Z"), None);
    assert_eq!(ended("2026-11-02T16:00:00Z"), None);
    let over = ended("2026-11-02T17:00:00Z").unwrap();
    assert_eq!(over, EndReason::Events(101, CountPeriod::Hour));
    let at = now().plus(4 * 3600);
    let entry = archived.end_entry(over, at);
    assert!(block_on(store.set_triage(cluster, None, 1, &entry)).unwrap());
    assert_eq!(
        block_on(store.sending_limits("guance", cluster))
            .unwrap()
            .triage,
        None
    );
    let said: Vec<_> = journal(&store, cluster)
        .into_iter()
        .map(|of| of.detail)
        .collect();
    let expected = [
        "archived until 100 events come in an hour",
        "archived until 100 events come in an hour: 101 events came in an hour",
    ];
    assert_eq!(said, expected);
}

#[test]
fn what_a_mark_takes_is_known_to_the_unit() {
    let table = MemoryTable::default();
    let mut store = table::store(&table, telling());
    ingest(&mut store, &failure(1, "2026-11-02T08:00:00Z"));
    let cluster = one(&store);
    let spent = |act: &dyn Fn()| {
        let before = store.table().spent();
        act();
        let after = store.table().spent();
        (
            after.calls - before.calls,
            after.write_units - before.write_units,
        )
    };
    let (expected, resolved) = (triage(Decision::Expected), triage(Decision::Resolved));
    // The triage and its entry, each twice for all or nothing.
    assert_eq!(
        spent(&|| assert!(set(&store, cluster, &expected, 0))),
        (1, 2 * 2)
    );
    // One call reads the cluster item, one writes it; the decision stays in the list of all decisions.
    let resolve = spent(&|| assert!(set(&store, cluster, &resolved, 1)));
    assert_eq!(resolve, (2, 2 * 4));
    let reopen = || {
        let entry = reopened(now());
        assert!(block_on(store.set_triage(cluster, None, 2, &entry)).unwrap());
    };
    assert_eq!(spent(&reopen), (2, 2 * 4));
    let ours = [1, 2, 3].map(|of| JournalEntry::of(JournalEvent::Ongoing, now(), of));
    assert_eq!(
        spent(&|| block_on(store.note(cluster, &ours)).unwrap()),
        (3, 3)
    );
    let read = spent(&|| drop(block_on(store.triages(&[cluster, OTHER])).unwrap()));
    assert_eq!(read, (1, 0));
    assert_eq!(spent(&|| drop(journal(&store, cluster))), (1, 0));
}

#[test]
fn an_entry_is_forgotten_after_four_hundred_days_though_it_is_still_there() {
    let table = MemoryTable::default();
    let mut store = table::store(&table, telling());
    let entry = JournalEntry::of(JournalEvent::New, now(), 1);
    block_on(store.note(CLUSTER, std::slice::from_ref(&entry))).unwrap();
    let after = |days: i64, seconds| now().plus(days * 86_400 + seconds);
    store.set_now(after(400, -1));
    assert_eq!(journal(&store, CLUSTER), [entry]);
    store.set_now(after(400, 0));
    assert_eq!(journal(&store, CLUSTER), []);
    assert_eq!(table.items().len(), 1);
}

#[test]
fn a_head_that_moves_while_its_cluster_is_resolved_is_read_again() {
    let table = MemoryTable::default();
    let mut store = table::store(&table, telling());
    ingest(&mut store, &failure(1, "2026-11-02T08:00:00Z"));
    let cluster = one(&store);
    let other = table.clone();
    store.table().fail(move |call| {
        // Between reading the cluster item and closing the cluster, another function commits an earlier event.
        if call == 1 {
            let earlier = failure(2, "2026-11-02T07:00:00Z");
            ingest(&mut table::store(&other, telling()), &earlier);
        }
        None
    });
    assert!(set(&store, cluster, &triage(Decision::Resolved), 0));
    assert_eq!(
        (head(&table).state, head(&table).version),
        (State::Recovered, 3)
    );
    let first = head(&table).first;
    assert_eq!(first, Timestamp::parse("2026-11-02T07:00:00Z"));
}

#[test]
fn whatever_goes_wrong_a_mark_and_its_entry_are_both_there_or_neither() {
    for trouble in [Trouble::Unavailable, Trouble::Lost, Trouble::Conflict] {
        let table = MemoryTable::default();
        let store = table::store(&table, telling());
        let expected = triage(Decision::Expected);
        store
            .table()
            .fail(move |call| (call == 0).then_some(trouble));
        let _ = block_on(store.set_triage(CLUSTER, Some(&expected), 0, &expected.made()));
        store.table().repair();
        let triages = usize::from(block_on(store.triage(CLUSTER)).unwrap().triage.is_some());
        assert_eq!(journal(&store, CLUSTER).len(), triages, "{trouble:?}");
    }
}

#[test]
fn a_mark_that_a_later_release_made_holds_nothing_back_and_is_not_written_over() {
    let table = MemoryTable::default();
    let store = table::store(&table, telling());
    assert!(set(&store, CLUSTER, &triage(Decision::Expected), 0));
    let key = aws::dynamodb::triage::triage_key(CLUSTER);
    let item = block_on(table.get(&[key])).unwrap().remove(0);
    table.set(item.text("mk", r#"{"v":2}"#));
    let sending_limits = block_on(store.sending_limits("guance", CLUSTER)).unwrap();
    assert_eq!(sending_limits.triage, None);
    let error = block_on(store.triage(CLUSTER)).unwrap_err();
    assert!(error.to_string().contains("has no valid triage"), "{error}");
    let nowhere = block_on(table.get(&[cluster_key(CLUSTER)])).unwrap();
    assert!(nowhere.is_empty(), "a mark needs no head, and makes none");
}
