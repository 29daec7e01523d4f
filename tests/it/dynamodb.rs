//! The store in a table under faults: errors at any call, lost answers, batches that come again cut differently,
//! concurrent functions. Also the cost of each.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use ::demo;
use alerts::kind::AlertKind;
use alerts::outbox::{Lease, OutboxRow};
use aws::dynamodb::item::{ClusterItem, cluster_key};
use aws::dynamodb::message::decode_row;
use aws::dynamodb::table::{Item, Key, Table, TableError, Value, Write};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::ClusterSnapshot;
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::State;
use clusters::triage::{Decision, Triage, Until};
use fastrand::Rng;
use input::{Layout, Limits};
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::json;
use service::drill_record::{Drill, DrillId, DrillNote};
use service::ingest::{Ingested, commit, fold};
use service::memory::MemoryStore;
use service::ports::{
    DrillStore as _, IncidentStore as _, Outbox as _, SentLog as _, SetupStore as _, Store,
    StoreError, StoreUsage, TriageStore as _,
};
use service::rules::Rules;

use crate::effort;
use crate::emulator::Emulator;
use crate::records::{id, lines, record, second};
use crate::setup::setup;
use crate::table::{self, Fault, MemoryTable, now, telling};

/// Returns a store in a table, at a time at which no event of the batch below is late.
fn store(table: &MemoryTable, settings: TableSettings) -> DynamoStore<MemoryTable> {
    let mut store = table::store(table, settings);
    store.set_now(Timestamp::parse("2026-11-02T10:59:00Z").unwrap());
    store
}

fn commit_to<T: Table>(store: &mut DynamoStore<T>, input: &str) -> Result<Ingested, StoreError> {
    let limits = Limits::default();
    let folded = fold(
        input.as_bytes(),
        Layout::Guess,
        &limits,
        None,
        &Rules::default(),
    );
    pollster::block_on(commit(store, "test", folded.unwrap()))
}

/// Three clusters, one of them with two callers, in two hours.
fn batch() -> String {
    let caller = |name: &str| {
        json!({
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::111122223333:user/{name}"),
            "accountId": "111122223333",
        })
    };
    lines(&[
        record(json!({"eventID": id(1), "errorCode": "AccessDenied"})),
        record(
            json!({"eventID": id(2), "errorCode": "AccessDenied", "userIdentity": caller("leo"),
            "eventTime": "2026-11-02T09:30:00Z"}),
        ),
        record(json!({"eventID": id(3), "errorCode": "NoSuchBucket"})),
        record(
            json!({"eventID": id(4), "errorCode": "SlowDown", "eventTime": "2026-11-02T09:00:01Z"}),
        ),
    ])
}

/// Returns all items of the table, except budget places that are leased and not used.
fn content(table: &MemoryTable) -> Vec<Item> {
    let items = table.items().into_iter();
    items
        .filter(|item| !item.key.pk.starts_with("Q#"))
        .collect()
}

fn rows(table: &MemoryTable) -> Vec<String> {
    let mut rows: Vec<_> = table
        .items()
        .iter()
        .filter_map(|item| decode_row(item).ok())
        .collect();
    OutboxRow::sort(&mut rows);
    let kind = |row: &OutboxRow| row.alert.kind().name().to_owned();
    rows.iter().map(kind).collect()
}

fn heads(table: &MemoryTable) -> Vec<(ClusterId, ClusterItem)> {
    table.items().iter().filter_map(ClusterItem::read).collect()
}

fn snapshot<T: Table>(store: &DynamoStore<T>) -> ClusterSnapshot {
    pollster::block_on(store.snapshot(None)).unwrap()
}

/// Returns the snapshot of the same input in a store in memory, without samples.
fn expected(inputs: &[String]) -> ClusterSnapshot {
    let mut memory = MemoryStore::default();
    let (limits, rules) = (Limits::default(), Rules::default());
    for input in inputs {
        let folded = fold(input.as_bytes(), Layout::Guess, &limits, None, &rules).unwrap();
        pollster::block_on(commit(&mut memory, "test", folded)).unwrap();
    }
    pollster::block_on(memory.sums(None)).unwrap()
}

/// Number of calls of a batch without errors.
fn calls(settings: &TableSettings, input: &str) -> u64 {
    let table = MemoryTable::default();
    let mut store = store(&table, settings.clone());
    commit_to(&mut store, input).unwrap();
    store.table().spent().calls
}

#[test]
fn a_fault_at_any_call_changes_nothing_once_the_batch_comes_again() {
    let undisturbed = MemoryTable::default();
    commit_to(&mut store(&undisturbed, telling()), &batch()).unwrap();
    assert_eq!(rows(&undisturbed), ["new", "new", "new"]);
    for fault in [Fault::Unavailable, Fault::Lost] {
        for failing in 0..calls(&telling(), &batch()) {
            let table = MemoryTable::default();
            let mut function = store(&table, telling());
            function
                .table()
                .fail(move |call| (call == failing).then_some(fault));
            let failed = commit_to(&mut function, &batch());
            assert!(failed.is_err(), "call {failing} went wrong unseen");
            function.table().repair();
            // The same function tries again, or another one.
            for mut again in [function, store(&table, telling())] {
                commit_to(&mut again, &batch()).unwrap();
                assert_eq!(
                    content(&table),
                    content(&undisturbed),
                    "{fault:?} at {failing}"
                );
            }
        }
    }
}

#[test]
fn a_third_of_all_calls_fail_and_nothing_is_lost() {
    let inputs: Vec<String> = (0..20)
        .map(|batch: u64| {
            let code = |at: u64| ["AccessDenied", "SlowDown"][(at % 2) as usize];
            let failure =
                |at| record(json!({"eventID": id(batch * 10 + at), "errorCode": code(at)}));
            lines(&(0..10).map(failure).collect::<Vec<_>>())
        })
        .collect();
    let table = MemoryTable::default();
    let mut function = store(&table, telling());
    let mut dice = Rng::with_seed(7);
    function
        .table()
        .fail(move |_| (dice.u64(0..3) == 0).then_some(Fault::Unavailable));
    for input in &inputs {
        while commit_to(&mut function, input).is_err() {}
    }
    function.table().repair();
    assert!(sums(&function) == expected(&inputs));
    assert_eq!(rows(&table), ["new", "new"]);
}

fn sums<T: Table>(store: &DynamoStore<T>) -> ClusterSnapshot {
    pollster::block_on(store.sums(None)).unwrap()
}

#[test]
fn a_conflict_is_tried_again_a_few_times_and_then_given_back() {
    // From the creation of the first cluster item on, which is in one transaction with its outbox row.
    let conflicts = |count: u64| {
        let table = MemoryTable::default();
        let mut function = store(&table, telling());
        let begun = Rc::new(Cell::new(0));
        function.table().fail(move |call| {
            let is_meant = call >= 7 && begun.get() < count;
            begun.set(begun.get() + u64::from(is_meant));
            is_meant.then_some(Fault::Conflict)
        });
        let done = commit_to(&mut function, &batch());
        (done.is_ok(), function.table().pauses(), rows(&table).len())
    };
    assert_eq!(conflicts(4), (true, 4, 3));
    let (done, pauses, _) = conflicts(1000);
    assert!(!done && pauses <= 3 * 5, "{pauses} pauses");
}

#[test]
fn what_the_table_will_never_accept_is_not_tried_again() {
    let table = MemoryTable::default();
    let mut function = store(&table, telling());
    function.table().fail(|_| Some(Fault::Invalid));
    let error = commit_to(&mut function, &batch()).unwrap_err();
    assert_eq!(function.table().spent().calls, 1);
    assert_eq!(function.table().pauses(), 0);
    let StoreError::Unavailable(source) = error else {
        panic!("{error}");
    };
    let source = source.downcast::<TableError>().unwrap();
    assert!(matches!(*source, TableError::Invalid(_)), "{source}");
}

#[test]
fn functions_side_by_side_make_one_head_and_one_row_whoever_is_faster() {
    let undisturbed = MemoryTable::default();
    commit_to(&mut store(&undisturbed, telling()), &batch()).unwrap();
    // Before each call of the first, all of another's commit happens.
    for meeting in 0..calls(&telling(), &batch()) {
        let table = MemoryTable::default();
        let mut function = store(&table, telling());
        let other = table.other();
        function.table().fail(move |call| {
            if call == meeting {
                other.repair();
                commit_to(&mut store(&other, telling()), &batch()).unwrap();
            }
            None
        });
        commit_to(&mut function, &batch()).unwrap();
        assert_eq!(
            content(&table),
            content(&undisturbed),
            "met at call {meeting}"
        );
    }
}

#[test]
fn a_recovered_cluster_comes_back_for_a_later_event_alone_and_once() {
    let table = MemoryTable::default();
    let at = |number, time: &str| {
        lines(&[record(
            json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time}),
        )])
    };
    commit_to(
        &mut store(&table, telling()),
        &at(1, "2026-11-02T08:00:00Z"),
    )
    .unwrap();
    let (cluster, _) = heads(&table).remove(0);
    let recovered = pollster::block_on(table.get(&[cluster_key(cluster)]))
        .unwrap()
        .remove(0);
    let watermark = 1_793_610_000; // 2026-11-02T09:00:00Z
    table.set(recovered.text("st", "recovered").number("wm", watermark));
    // At the watermark is late.
    for (number, time, state, episode) in [
        (2, "2026-11-02T08:30:00Z", State::Recovered, 1),
        (3, "2026-11-02T09:00:00Z", State::Recovered, 1),
        (4, "2026-11-02T09:00:01Z", State::Regressed, 2),
        (5, "2026-11-02T09:00:02Z", State::Regressed, 2),
    ] {
        for _ in 0..2 {
            commit_to(&mut store(&table, telling()), &at(number, time)).unwrap();
        }
        let (_, head) = heads(&table).remove(0);
        assert_eq!((head.state, head.episode), (state, episode), "{time}");
    }
    assert_eq!(rows(&table), ["new", "regressed"]);
    assert_eq!(
        snapshot(&store(&table, telling())).clusters()[0].span.count,
        5
    );
}

#[test]
fn a_caller_is_told_once_when_the_cluster_has_settled() {
    let table = MemoryTable::default();
    let by = |number, name: &str, time: &str| {
        let caller =
            json!({"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{name}")});
        lines(&[record(
            json!({"eventID": id(number), "errorCode": "AccessDenied",
            "eventTime": time, "userIdentity": caller}),
        )])
    };
    for (number, name, time, told) in [
        (1, "mia", "2026-11-02T08:00:00Z", 1),
        (2, "leo", "2026-11-02T08:59:59Z", 1),
        (3, "ann", "2026-11-02T09:00:00Z", 2),
        (4, "ann", "2026-11-02T10:00:00Z", 2),
        (5, "leo", "2026-11-02T11:00:00Z", 2),
    ] {
        commit_to(&mut store(&table, telling()), &by(number, name, time)).unwrap();
        assert_eq!(rows(&table).len(), told, "{name} at {time}");
    }
    let told = table
        .items()
        .into_iter()
        .find(|item| item.text_of("tr") == Some("new_principal"));
    let name = told.unwrap().text_of("nm").unwrap().to_owned();
    assert_eq!(name, "arn:aws:iam::111122223333:user/ann");
}

#[test]
fn the_journal_of_a_cluster_and_its_messages_are_read_without_its_callers() {
    let table = MemoryTable::default();
    let mut function = store(&table, telling());
    let by = |number: u64| {
        let arn = format!(
            "arn:aws:iam::111122223333:user/{number}-{}",
            "x".repeat(200)
        );
        let caller = json!({"type": "IAMUser", "arn": arn});
        record(json!({"eventID": id(number), "errorCode": "AccessDenied",
            "eventTime": format!("2026-11-02T{:02}:00:00Z", 8 + number / 40),
            "userIdentity": caller}))
    };
    commit_to(&mut function, &lines(&(0..100).map(by).collect::<Vec<_>>())).unwrap();
    let (cluster, _) = heads(&table).remove(0);
    let callers = table.items().into_iter();
    let callers = callers.filter(|item| item.key.sk.starts_with("F#"));
    let bytes: usize = callers.map(|caller| caller.bytes_long()).sum();
    assert!(
        bytes > 4 * 4096,
        "{bytes} bytes are more than one unit reads"
    );
    let reader = store(&table, telling());
    pollster::block_on(reader.sent(cluster)).unwrap();
    pollster::block_on(reader.journal(cluster)).unwrap();
    assert_eq!(reader.table().read_units(), 2);
}

#[test]
fn nothing_is_told_while_the_stack_learns_what_is_usual() {
    let table = MemoryTable::default();
    let learning = || TableSettings {
        learn_hours: 1,
        ..telling()
    };
    let mut function = store(&table, learning());
    commit_to(&mut function, &batch()).unwrap();
    assert_eq!(rows(&table), Vec::<String>::new());
    let at_two = Timestamp::parse("2026-11-02T14:00:00Z").unwrap();
    function.set_now(at_two);
    let later = record(json!({"eventID": id(9), "errorCode": "NoSuchKey"}));
    commit_to(&mut function, &lines(&[later])).unwrap();
    // The end of learning is announced once; commits of other functions do not announce it again.
    let mut other = store(&table, learning());
    other.set_now(at_two);
    commit_to(&mut other, &batch()).unwrap();
    let mut told = rows(&table);
    told.sort();
    assert_eq!(told, ["account_summary", "new"]);
    // After that no more calls are needed: only the segments, and a late note for each of the two hours.
    let spent = commit_to(&mut function, &batch()).unwrap().spent;
    assert_eq!((spent.calls, spent.write_units), (1 + 2 + 2, 2 + 2));
    let spent = commit_to(&mut function, &batch()).unwrap().spent;
    assert_eq!((spent.calls, spent.write_units), (2 + 2, 2 + 2));
}

#[test]
fn a_canary_key_is_told_once_a_day_of_event_time_whoever_sees_it() {
    let canary = || TableSettings {
        canaries: ["AKIAEXAMPLEEXAMPLE01".to_owned()].into(),
        ..telling()
    };
    let table = MemoryTable::default();
    let mut function = store(&table, canary());
    let at = |number, time: &str| {
        lines(&[record(
            json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time}),
        )])
    };
    for (number, time, told) in [
        (1, "2026-11-02T08:00:00Z", 1),
        (2, "2026-11-02T23:59:59Z", 1),
        (3, "2026-11-03T00:00:00Z", 2),
    ] {
        commit_to(&mut function, &at(number, time)).unwrap();
        commit_to(&mut store(&table, canary()), &at(number, time)).unwrap();
        let rows = rows(&table);
        let keys = rows.iter().filter(|kind| *kind == "access_key");
        assert_eq!(keys.count(), told, "{time}");
    }
    let rows = pollster::block_on(function.waiting("guance", 100)).unwrap();
    let keys = rows
        .iter()
        .filter(|row| row.alert.kind() == AlertKind::AccessKey);
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys[0].alert.about(), "AKIAEXAMPLEEXAMPLE01");
    assert!(keys[0].alert.facts.json().to_string().contains("user/mia"));
    assert_ne!(keys[0].id(), keys[1].id());
}

#[test]
fn what_has_expired_counts_no_more_though_it_is_still_there() {
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    commit_to(&mut function, &batch()).unwrap();
    let day = 86_400;
    for (days, events) in [(34, 4), (36, 0)] {
        let later = Timestamp::from_seconds(now().seconds() + days * day).unwrap();
        function.set_now(later);
        let clusters = snapshot(&function).clusters();
        let count: u64 = clusters.iter().map(|cluster| cluster.span.count).sum();
        assert_eq!(count, events, "after {days} days");
    }
    // Until DynamoDB removes it, it may be written again, and counts again.
    commit_to(&mut function, &batch()).unwrap();
    assert!(snapshot(&function) == snapshot(&store(&table, TableSettings::default())));
}

#[test]
fn calls_and_write_units_are_what_they_should_be() {
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    let spent = |calls, write_units| StoreUsage { calls, write_units };
    // One call reads the cluster items; a lease for each hour; two segments; three cluster items.
    let first = commit_to(&mut function, &batch()).unwrap();
    assert_eq!(first.spent, spent(1 + 2 + 2 + 3, 2 + 2 + 3));
    assert_eq!(first.new_clusters, 3);
    // The heads are known: segments are all there is to write.
    let again = commit_to(&mut function, &batch()).unwrap();
    assert_eq!(again.spent, spent(2, 2));
    assert_eq!(
        (again.record_counts.clustered, again.record_counts.duplicate),
        (0, 4)
    );
    // Another function has to read the cluster items first.
    let other = commit_to(&mut store(&table, TableSettings::default()), &batch()).unwrap();
    assert_eq!(other.spent, spent(1 + 2, 2));
}

#[test]
fn a_change_that_nothing_watches_costs_no_write() {
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    let change = |number: u64| {
        let request = json!({"vpcId": "vpc-1", "cidrBlock": format!("10.0.{number}.0/24")});
        record(json!({
            "eventID": id(number), "eventSource": "ec2.amazonaws.com", "eventName": "CreateSubnet",
            "errorCode": null, "errorMessage": null, "readOnly": false, "managementEvent": true,
            "requestParameters": request, "responseElements": {"subnet": {"state": "pending"}},
        }))
    };
    let changes: Vec<_> = (1..=200).map(change).collect();
    let taken = commit_to(&mut function, &lines(&changes)).unwrap();
    assert_eq!(
        (taken.record_counts.read, taken.record_counts.selected),
        (200, 0)
    );
    assert_eq!(taken.spent, StoreUsage::default());
    assert_eq!(table.items().len(), 0);
    // Beside an error, they add nothing to what the error takes.
    let error = |number| record(json!({"eventID": id(number), "errorCode": "AccessDenied"}));
    let alone = commit_to(&mut function, &lines(&[error(1_001)]))
        .unwrap()
        .spent;
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    let together = [&changes[..], &[error(1_001)]].concat();
    assert_eq!(
        commit_to(&mut function, &lines(&together)).unwrap().spent,
        alone
    );
}

#[test]
fn what_a_payload_takes_is_known_to_the_unit() {
    // A cluster that is known, one event a batch: one unit an event.
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    let one = |number| {
        lines(&[record(
            json!({"eventID": id(number), "errorCode": "AccessDenied"}),
        )])
    };
    let spent =
        |store: &mut DynamoStore<MemoryTable>, input: &str| commit_to(store, input).unwrap().spent;
    assert_eq!(spent(&mut function, &one(1)).write_units, 1 + 1 + 1);
    for number in 2..=1_000 {
        let StoreUsage { calls, write_units } = spent(&mut function, &one(number));
        assert_eq!((calls, write_units), (1, 1));
    }
    // The errors of a made-up day, thirteen a batch and five hundred; what was hours ago is noted.
    let day = |cut| {
        let (table, mut sum) = (MemoryTable::default(), StoreUsage::default());
        let mut function = store(&table, TableSettings::default());
        for payload in demo::trail(&demo::Plan::default()).payloads(cut) {
            sum.add(spent(&mut function, &payload));
        }
        let events: u64 = snapshot(&function)
            .clusters()
            .iter()
            .map(|of| of.span.count)
            .sum();
        (events, sum.calls, sum.write_units)
    };
    assert_eq!(day(13), (2_779, 622, 572));
    assert_eq!(day(500), (2779, 243, 322));
}

#[test]
fn a_hundred_thousand_invented_codes_cost_little_and_all_count() {
    let table = MemoryTable::default();
    let mut function = store(&table, TableSettings::default());
    let mut write_units = 0;
    for batch in 0..200_u64 {
        let failure = |at| {
            let number = batch * 500 + at;
            let letters = |n: u64| char::from(b'a' + (n % 26) as u8);
            let code: String = (0..5)
                .map(|place| letters(number / 26_u64.pow(place)))
                .collect();
            record(json!({"eventID": id(number), "errorCode": format!("Made{code}Up")}))
        };
        let input = lines(&(0..500).map(failure).collect::<Vec<_>>());
        write_units += commit_to(&mut function, &input).unwrap().spent.write_units;
    }
    let clusters = snapshot(&function).clusters();
    let events: u64 = clusters.iter().map(|cluster| cluster.span.count).sum();
    assert_eq!((events, clusters.len()), (100_000, 201));
    assert!(write_units <= 5_000, "{write_units} write units");
}

#[test]
fn deliveries_that_repeat_and_are_cut_anew_count_as_one_scan_does() {
    let trail = demo::trail(&demo::Plan::default());
    let records: Vec<String> = trail
        .files
        .iter()
        .flat_map(|file| file.records.clone())
        .collect();
    // A payload made here gives a record without a time that of the record before it, which another cut changes.
    let has_time = |record: &String| !record.contains(r#""eventTime":null"#);
    let records = records.into_iter().filter(has_time);
    let records: Vec<String> = records.take(6_000).collect();
    let payload = |records: &[String]| demo::payload("111122223333", "eu-central-1", records);
    let table = MemoryTable::default();
    let mut functions = [(); 4].map(|()| store(&table, telling()));
    // Three deliveries, each cut and ordered in its own way, spread over four functions.
    for (round, (cut, step)) in [(21, 1), (500, 7), (97, 11)].into_iter().enumerate() {
        let order = (0..records.len()).map(|at| &records[(at * step) % records.len()]);
        let shuffled: Vec<String> = order.cloned().collect();
        for (number, cut) in shuffled.chunks(cut).enumerate() {
            let function = &mut functions[(number + round) % 4];
            commit_to(function, &payload(cut)).unwrap();
        }
    }
    assert!(sums(&functions[0]) == expected(&[payload(&records)]));
}

#[test]
fn items_of_this_release_stay_readable() {
    let table = MemoryTable::default();
    let by_another = record(json!({"eventID": id(5), "errorCode": "AccessDenied",
        "eventTime": "2026-11-02T10:00:00Z",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann"}}));
    commit_to(&mut store(&table, telling()), &batch()).unwrap();
    commit_to(&mut store(&table, telling()), &lines(&[by_another])).unwrap();
    let (cluster, at) = (heads(&table)[0].0, now());
    let until = Until::parse("100x/1h").unwrap();
    let triage = Triage::new(Decision::Archived { until }, "ann", "known noise", at, 1);
    let (triage_status, made) = (store(&table, telling()), triage.made());
    let set = triage_status.set_triage(cluster, Some(&triage), 0, &made);
    assert!(pollster::block_on(set).unwrap());
    let setup = setup(&[("BUCKET_NAME", "bucket"), ("LOG_GROUP_NAMES", "a,b")]);
    assert!(pollster::block_on(triage_status.save_setup(&setup)).unwrap());
    let (decided, _) = crate::incident_store::decided().remove(0);
    assert!(pollster::block_on(triage_status.send_incident_alert(&decided, &[])).unwrap());
    let drill = Drill {
        id: DrillId::new(now(), 1),
        account_id: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
    };
    pollster::block_on(triage_status.note_drill(&drill.id, DrillNote::Began)).unwrap();
    let mut function = store(&table, telling());
    assert!(pollster::block_on(function.keep_drill(&drill)).unwrap());
    let trace = pollster::block_on(function.drill(&drill.id)).unwrap();
    let (holder, now) = ("deliver".to_owned(), now());
    let until = now.plus(50);
    let lease = Lease { holder, now, until };
    assert!(pollster::block_on(triage_status.claim_round(&lease)).unwrap());
    let evidence = pollster::block_on(triage_status.evidence()).unwrap();
    let items = table.items().into_iter();
    let written: Vec<_> = items.map(|item| as_json(&item).to_string()).collect();
    let written = format!("[\n{}\n]\n", written.join(",\n"));
    let golden = expect_test::expect_file!["../fixtures/items.json"];
    golden.assert_eq(&written);
    let before: Vec<serde_json::Value> = serde_json::from_str(golden.data().as_str()).unwrap();
    let kept = MemoryTable::default();
    before.iter().for_each(|item| kept.set(from_json(item)));
    let kept = store(&kept, telling());
    assert!(snapshot(&kept) == snapshot(&store(&table, telling())));
    let versioned = pollster::block_on(kept.triage(cluster)).unwrap();
    assert_eq!(
        (versioned.version, versioned.triage),
        (1, Some(triage.clone()))
    );
    let journal = pollster::block_on(kept.journal(cluster)).unwrap();
    assert_eq!(journal, [made]);
    assert_eq!(pollster::block_on(kept.setup()).unwrap(), Some(setup));
    assert_eq!(pollster::block_on(kept.evidence()).unwrap(), evidence);
    let alerts = pollster::block_on(kept.incident_alerts()).unwrap();
    assert_eq!(alerts, BTreeSet::from([decided]));
    assert!(!pollster::block_on(kept.claim_round(&lease)).unwrap());
    assert_eq!(pollster::block_on(kept.drill(&drill.id)).unwrap(), trace);
}

fn as_json(item: &Item) -> serde_json::Value {
    let value = |value: &Value| match value {
        Value::Text(text) => json!({ "S": text }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::Bytes(bytes) => json!({ "B": data_encoding::BASE64.encode(bytes) }),
        Value::Texts(texts) => json!({ "SS": texts }),
    };
    let attributes = item.attributes.iter();
    let mut all: serde_json::Map<_, _> = attributes
        .map(|(name, of)| (name.clone(), value(of)))
        .collect();
    all.insert("pk".to_owned(), json!({ "S": item.key.pk }));
    all.insert("sk".to_owned(), json!({ "S": item.key.sk }));
    all.into()
}

pub fn from_json(item: &serde_json::Value) -> Item {
    let text = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let mut read = Item::new(Key::new(text("pk"), text("sk")));
    for (name, value) in item.as_object().unwrap() {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        if let Some(texts) = value.as_array() {
            let texts = texts.iter().map(|text| text.as_str().unwrap().to_owned());
            read = read.texts(name, texts);
            continue;
        }
        let text = value.as_str().unwrap();
        read = match kind.as_str() {
            _ if ["pk", "sk"].contains(&name.as_str()) => read,
            "S" => read.text(name, text),
            "N" => read.number(name, text.parse().unwrap()),
            _ => read.bytes(name, data_encoding::BASE64.decode(text.as_bytes()).unwrap()),
        };
    }
    read
}

/// Returns whether a write to an item succeeds, and the item after it.
fn outcome(write: &Write, before: Option<&Item>) -> (bool, Option<Item>) {
    let memory = MemoryTable::default();
    before.into_iter().for_each(|item| memory.set(item.clone()));
    let done = pollster::block_on(memory.write(write));
    (done.is_ok(), memory.items().pop())
}

/// Every write to a cluster item: to none, to a recovered one and to one that has not recovered.
fn writes_to_cluster_items() -> Vec<(Option<Item>, Write)> {
    let head = |name: &str| Item::new(Key::new(format!("C#{name}"), "HEAD"));
    let standing = |name: &str, state: &str| {
        let head = head(name)
            .text("st", state)
            .number("ep", 3)
            .time("wm", second(100));
        let head = head.texts("ci", ["x".to_owned()]);
        head.time("ft", second(50)).number("vr", 1).text("te", "m")
    };
    let mut writes = Vec::new();
    for (number, before) in [None, Some("recovered"), Some("new")]
        .into_iter()
        .enumerate()
    {
        let mut add = |kind: String, write: &dyn Fn(Item) -> Write| {
            let name = format!("{kind}-{number}");
            let there = before.map(|state| standing(&name, state));
            writes.push((there, write(head(&name))));
        };
        add("put".to_owned(), &|item| Write::Put(item.text("st", "x")));
        add("create".to_owned(), &|item| {
            Write::Create(item.text("st", "x"))
        });
        for (episode, at) in [(3, 101), (3, 100), (2, 101)] {
            add(format!("regress-{episode}-{at}"), &|item| Write::Regress {
                key: item.key,
                episode,
                at: second(at),
            });
        }
        for version in [1, 2] {
            add(format!("recover-{version}"), &|item| Write::Recover {
                key: item.key,
                version,
                watermark: second(200),
            });
            add(format!("reopen-{version}"), &|item| Write::Reopen {
                key: item.key,
                version,
            });
        }
        for at in [49, 50, 51] {
            add(format!("first-{at}"), &|item| Write::First {
                key: item.key,
                at: second(at),
            });
        }
        for text in ["a", "m", "z"] {
            add(format!("template-{text}"), &|item| {
                let (key, text) = (item.key, text.to_owned());
                Write::Template { key, text }
            });
        }
        for texts in [&["x"][..], &["x", "y"]] {
            add(format!("circumstances-{}", texts.len()), &|item| {
                let texts = texts.iter().map(|text| (*text).to_owned()).collect();
                Write::Circumstances {
                    key: item.key,
                    texts,
                }
            });
        }
    }
    writes
}

/// Puts an item: if none exists, if its version is the one that was read, and if its version has changed.
fn replacements() -> Vec<(Option<Item>, Write)> {
    let cases = [
        (None, 0),
        (None, 1),
        (Some(1), 0),
        (Some(1), 1),
        (Some(2), 1),
    ];
    let replacement = |(before, version): (Option<i64>, i64)| {
        let key = Key::new(format!("RUN#{before:?}"), version.to_string());
        let item = |version| Item::new(key.clone()).number("vr", version);
        let write = Write::Replace {
            item: item(version + 1),
            version,
        };
        (before.map(item), write)
    };
    cases.map(replacement).to_vec()
}

/// A lease on a budget that has nothing, some, just enough, or too little left.
fn leases() -> Vec<(Option<Item>, Write)> {
    let lease = |used: Option<i64>| {
        let key = Key::new(format!("Q#{}", used.unwrap_or(-1)), "1");
        let before = used.map(|used| Item::new(key.clone()).number("used", used));
        let (counter, places, limit, expires) = ("used", 10, 200, second(5));
        let write = Write::Lease {
            key,
            counter,
            places,
            limit,
            expires,
        };
        (before, write)
    };
    [None, Some(0), Some(190), Some(191)].map(lease).to_vec()
}

/// Every write to outbox rows: one where its condition holds, and one for each part of the condition that does not
/// hold.
fn writes_to_what_waits() -> Vec<(Option<Item>, Write)> {
    let row = |name: &str, due: i64, until: i64, holder: &str| {
        let row = Item::new(Key::new("O#x#0", name)).text("lo", holder);
        let until = (until > 0).then(|| second(until));
        row.time("due", second(due))
            .time("lu", until)
            .number("tries", 1)
    };
    let mut writes = Vec::new();
    let befores = [
        None,
        Some((10, 0, "")),
        Some((11, 0, "")),
        Some((10, 10, "b")),
        Some((10, 9, "a")),
    ];
    for (number, before) in befores.into_iter().enumerate() {
        let mut add = |kind: &str, write: &dyn Fn(Key, String) -> Write| {
            let name = format!("{kind}-{number}");
            let before = before.map(|(due, until, holder)| row(&name, due, until, holder));
            writes.push((before, write(Key::new("O#x#0", name), "a".to_owned())));
        };
        let (now, until) = (second(10), second(70));
        add("take", &|key, holder| Write::Take {
            key,
            holder,
            now,
            until,
        });
        add("end", &|key, holder| Write::End { key, holder });
        for why in ["", "busy"] {
            add(&format!("later{why}"), &|key, holder| Write::Later {
                key,
                holder,
                due: second(20),
                why: why.to_owned(),
                attempts: 1,
            });
        }
        for absorbed in [None, Some(2)] {
            add(&format!("hold{absorbed:?}"), &|key, _| Write::HoldBack {
                key,
                absorbed,
            });
        }
    }
    for (number, next) in [None, Some(10), Some(11)].into_iter().enumerate() {
        let (now, until, expires) = (second(10), second(20), second(30));
        let key = Key::new(format!("SINK#{number}"), "B");
        let before = next.map(|next| Item::new(key.clone()).time("pf", second(next)));
        writes.push((before, Write::Probe { key, now, until }));
        let key = Key::new(format!("K#{number}"), "L");
        let before = next.map(|next| {
            Item::new(key.clone())
                .time("nx", second(next))
                .text("no", "x")
        });
        writes.push((
            before,
            Write::Claim {
                key,
                now,
                until,
                expires,
            },
        ));
    }
    writes
}

#[test]
fn each_condition_means_the_same_in_the_emulator() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let table = emulator.sdk_table();
    let put = |item: &Option<Item>| {
        let item = item.clone().map(Write::Put);
        item.map(|put| pollster::block_on(table.write(&put)).unwrap());
    };
    let writes = writes_to_cluster_items().into_iter().chain(leases());
    let writes = writes.chain(replacements());
    for (before, write) in writes.chain(writes_to_what_waits()) {
        put(&before);
        let (holds, after) = outcome(&write, before.as_ref());
        let alone = pollster::block_on(table.write(&write));
        assert_eq!(alone.is_ok(), holds, "{write:?} on {before:?}");
        if let Err(TableError::Refused { place, found }) = alone {
            assert_eq!((place, found.map(|found| *found)), (0, before.clone()));
        }
        let found = pollster::block_on(table.get(&[write.key().clone()]))
            .unwrap()
            .pop();
        assert_eq!(found, after, "{write:?} on {before:?}");
        // The same within a transaction, behind a write that always holds.
        put(&before);
        let is_as_before = before.is_some() || !holds;
        let other = Write::Put(Item::new(Key::new("C#other", "HEAD")));
        match pollster::block_on(table.transact(&[other, write.clone()])) {
            Err(TableError::Refused { place: 1, found }) if !holds => {
                assert_eq!(found.map(|found| *found), before);
            }
            done if is_as_before => assert_eq!(done.is_ok(), holds, "{write:?}: {done:?}"),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(effort::property(16, 64))]

    #[test]
    fn order_cuts_duplicates_and_lost_answers_change_nothing(
        events in prop::collection::vec((0..60_u64, 0..4_usize), 1..60),
        cut in 1..20_usize,
        lost in prop::collection::vec(any::<bool>(), 64),
        bytes_max in 0..600_usize,
    ) {
        let code = |number| ["AccessDenied", "SlowDown", "NoSuchBucket"][(number % 3) as usize];
        let failure = |number: u64| record(json!({
            "eventID": id(number),
            "errorCode": code(number),
            "errorMessage": format!("no {}", number % 5),
            "eventTime": format!("2026-11-02T0{}:00:00Z", number % 4),
            "sourceIPAddress": format!("192.0.2.{}", number % 7),
        }));
        let table = MemoryTable::default();
        // Each cuts what it writes at another length, from one event an item on.
        let mut functions = [0, 1, 7, 1_000].map(|times| {
            let segment_bytes_max = bytes_max * times;
            store(&table, TableSettings { segment_bytes_max, ..telling() })
        });
        for (batch, lost) in events.chunks(cut).zip(lost.into_iter().cycle()) {
            let records: Vec<_> = batch.iter().map(|(number, _)| failure(*number)).collect();
            let function = &mut functions[batch[0].1];
            if lost {
                function.table().fail(|call| (call % 3 == 2).then_some(Fault::Lost));
                let _ = commit_to(function, &lines(&records));
                function.table().repair();
            }
            commit_to(function, &lines(&records)).unwrap();
        }
        let all: Vec<_> = events.iter().map(|(number, _)| failure(*number)).collect();
        let expected = expected(&[lines(&all)]);
        prop_assert!(sums(&functions[0]) == expected);
        let told = rows(&table).iter().filter(|told| *told == "new").count();
        prop_assert_eq!(told, expected.facts.len());
    }
}

#[test]
fn what_has_another_id_only_because_the_identity_has_another_version_is_not_told_as_new() {
    let table = MemoryTable::default();
    let told = || {
        let items = table.items().into_iter();
        items.filter_map(|item| decode_row(&item).ok()).count()
    };
    // The next version is made of the same code here; what has another id by it is another error.
    let next = TableSettings {
        identity: "fp3",
        ..telling()
    };
    let commit = |settings: &TableSettings, hour: i64, code: &str| {
        let now = now().after(hour * 3600).unwrap();
        let mut store = table::store(&table, settings.clone());
        store.set_now(now);
        let event = json!({
            "eventID": id(u64::try_from(hour).unwrap() + 1),
            "errorCode": code,
            "eventTime": now.to_string(),
        });
        crate::records::ingest(&mut store, &lines(&[record(event)]));
        told()
    };
    assert_eq!(commit(&telling(), 0, "OneException"), 1);
    assert_eq!(commit(&next, 1, "OneExceptionAnew"), 1, "the same error");
    assert_eq!(commit(&next, 24, "TwoExceptionAnew"), 1, "for a day");
    assert_eq!(commit(&next, 25, "ThreeException"), 2);
    assert_eq!(commit(&telling(), 26, "FourException"), 3, "the first one");
}

/// Random letters, which can be compressed by at most a quarter.
fn noise(dice: &mut Rng, letters: usize) -> String {
    let letter = |of: &mut Rng| {
        char::from(
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[of.usize(0..64)],
        )
    };
    std::iter::repeat_with(|| letter(dice))
        .take(letters)
        .collect()
}

/// Failed calls of one hour that differ as much as callers can arrange: user agents and resources of random letters.
fn incompressible(count: u64) -> String {
    let mut dice = Rng::with_seed(17);
    let failure = |number| {
        record(json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "eventTime": "2026-11-02T10:00:00Z",
            "userAgent": noise(&mut dice, 250),
            "requestParameters": {"bucketName": noise(&mut dice, 200)},
        }))
    };
    lines(&(0..count).map(failure).collect::<Vec<_>>())
}

/// Failed calls of one hour, each with its own session, access key and address.
fn strangers(count: u64) -> String {
    let mut dice = Rng::with_seed(7);
    let failure = |number: u64| {
        let session = noise(&mut dice, 32);
        record(json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "eventTime": "2026-11-02T10:00:00Z",
            "sourceIPAddress": format!("198.{}.{}.{}", 18 + number % 2, number / 256 % 256, number % 256),
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::111122223333:assumed-role/deploy/{session}"),
                "accountId": "111122223333",
                "accessKeyId": format!("ASIA{}", noise(&mut dice, 16).to_uppercase().replace(['-', '_'], "A")),
            },
        }))
    };
    lines(&(0..count).map(failure).collect::<Vec<_>>())
}

/// Commits an input twice, checks the content of the table, and returns the cost of each commit.
fn committed_twice<T: Table>(
    function: &mut DynamoStore<T>,
    input: &str,
    events: u64,
) -> [StoreUsage; 2] {
    let first = commit_to(function, input).unwrap();
    assert_eq!(
        (first.record_counts.clustered, first.record_counts.duplicate),
        (events, 0)
    );
    let expected = expected(&[input.to_owned()]);
    let again = commit_to(function, input).unwrap();
    assert_eq!(
        (again.record_counts.clustered, again.record_counts.duplicate),
        (0, events)
    );
    assert!(sums(function) == expected);
    [first.spent, again.spent]
}

#[test]
fn batches_that_cannot_be_compressed_lie_in_as_many_items_as_they_take() {
    for (input, events, items) in [
        (incompressible(1_200), 1_200, 2),
        (strangers(7_000), 7_000, 2),
    ] {
        let table = MemoryTable::default();
        let mut function = store(&table, TableSettings::default());
        let [first, again] = committed_twice(&mut function, &input, events);
        // One call reads the cluster items, one leases, then the segments and a cluster item: at most three calls for
        // each started 350 KB.
        assert_eq!((first.calls, again.calls), (1 + 1 + items + 1, items));
        let sizes = table
            .items()
            .iter()
            .map(Item::bytes_long)
            .collect::<Vec<_>>();
        assert!(sizes.iter().all(|size| *size <= 350 << 10), "{sizes:?}");
        let bytes: usize = sizes.iter().filter(|size| **size > 10 << 10).sum();
        assert!(
            first.calls <= 3 * bytes.div_ceil(350 << 10) as u64,
            "{bytes}"
        );
    }
}

#[test]
fn batches_that_cannot_be_compressed_are_taken_by_an_emulator() {
    for (input, events) in [(incompressible(1_200), 1_200), (strangers(7_000), 7_000)] {
        let Some(emulator) = Emulator::find() else {
            return;
        };
        let mut function = emulator.store(TableSettings::default());
        function.set_now(Timestamp::parse("2026-11-02T10:59:00Z").unwrap());
        let [first, again] = committed_twice(&mut function, &input, events);
        assert_eq!((first.calls, again.calls), (5, 2));
    }
}

#[test]
fn no_item_is_longer_than_it_may_be_whatever_a_record_says() {
    let long = "\u{2a000}".repeat(20_000);
    let canary = "AKIAEXAMPLEEXAMPLE01";
    let hostile = |number: u64, at: &str, caller: &str| {
        record(json!({
            "eventID": id(number),
            "eventSource": long, "eventName": long, "errorCode": long, "errorMessage": long,
            "eventTime": at, "userAgent": long, "awsRegion": long, "vpcEndpointId": long,
            "sourceIPAddress": long, "requestParameters": {"bucketName": long},
            "userIdentity": {
                "type": "IAMUser", "accessKeyId": canary, "userName": long,
                "arn": format!("arn:aws:iam::111122223333:user/{caller}{long}"),
            },
        }))
    };
    let table = MemoryTable::default();
    let settings = TableSettings {
        canaries: [canary.to_owned()].into(),
        ..telling()
    };
    let mut function = store(&table, settings);
    let input = lines(&[
        hostile(1, "2026-11-02T08:00:00Z", "a"),
        hostile(2, "2026-11-02T10:00:00Z", "b"),
    ]);
    commit_to(&mut function, &input).unwrap();
    commit_to(
        &mut function,
        &lines(&[hostile(3, "2026-11-02T10:30:00Z", "c")]),
    )
    .unwrap();
    let kinds: BTreeSet<String> = table
        .items()
        .iter()
        .map(|item| item.key.pk[..1].to_owned())
        .collect();
    assert_eq!(kinds.into_iter().collect::<String>(), "CKMOQ");
    for item in table.items() {
        let limit = match item.key.pk.starts_with("M#") {
            true => 350 << 10,
            false => 16 << 10,
        };
        let bytes = item.bytes_long();
        assert!(bytes <= limit, "{:?}: {bytes}", item.key);
    }
}

#[test]
fn a_caller_is_kept_for_longer_once_it_is_seen_in_the_second_half_of_its_time() {
    let by = |number, name: &str, at: Timestamp| {
        let caller =
            json!({"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{name}")});
        lines(&[record(
            json!({"eventID": id(number), "errorCode": "AccessDenied",
            "eventTime": at.to_string(), "userIdentity": caller}),
        )])
    };
    let table = MemoryTable::default();
    let (day, first) = (86_400, Timestamp::parse("2026-11-02T10:59:00Z").unwrap());
    commit_to(&mut store(&table, telling()), &by(1, "mia", first)).unwrap();
    let kept = || {
        let items = table.items().into_iter();
        let mut callers = items.filter(|item| item.key.sk.starts_with("F#"));
        callers
            .next()
            .map(|item| (item.number_of("ttl").unwrap() - first.seconds()) / day)
    };
    assert_eq!(kept(), None, "who made the head lies in it");
    for (days, until) in [(0, 400), (199, 400), (201, 601), (300, 601)] {
        let now = first.after(days * day).unwrap();
        let mut function = store(&table, telling());
        function.set_now(now);
        commit_to(&mut function, &by(2, "leo", now)).unwrap();
        assert_eq!(kept(), Some(until), "after {days} days");
    }
}
