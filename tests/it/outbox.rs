//! The contract of the outbox, run against every table, and the items that the table writes for it.

use std::collections::BTreeMap;

use alerts::alert::{Alert, AlertSubject};
use alerts::facts::{CanaryUse, DigestFacts, Facts, KeyFacts};
use alerts::kind::AlertKind;
use alerts::outbox::{
    Breaker, Lease, OutboxRow, SendingLimits, SendingPause, Settlement, SilenceChange,
};
use aws::dynamodb::message::{decode_row, encode_row};
use aws::dynamodb::table::Table as _;
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::fingerprint::ClusterId;
use clusters::keys::{ANSWER_SECONDS, IamAnswer, KeyEntry, KeyUsage};
use expect_test::expect;
use pollster::block_on;
use records::time::Timestamp;
use serde_json::json;
use service::ports::{KeyUsageStore, Outbox, Store};

use crate::alerts::facts;
use crate::records::{id, ingest, lines, record, second};
use crate::table::{self, Fault, MemoryTable, now, telling};

table_contract!(
    a_row_comes_back_as_it_was_written_and_those_of_a_line_in_their_order,
    a_row_that_somebody_has_is_nobody_elses_until_its_time_is_over,
    whoever_lost_a_row_does_nothing_to_it,
    what_is_put_off_waits_and_counts_only_what_counts,
    what_is_held_back_is_counted_until_the_next_message,
    a_probe_and_a_claim_are_for_one_alone,
    what_is_remembered_of_a_key_is_read_as_it_was_written,
    a_commit_tells_of_what_is_new_once,
);

fn alert(cluster: u8, kind: AlertKind) -> Alert {
    let episode = (ClusterId::from_bytes([cluster; 16]), 1);
    let at = now().after(-60);
    Alert::of_cluster(facts(kind), "111122223333", episode, at, now())
}

fn put(store: &impl KeyUsageStore, alerts: &[Alert], created: Timestamp) {
    let key_usage = KeyUsage::default();
    block_on(store.remember("AKIAEXAMPLEEXAMPLE09", &key_usage, alerts, created)).unwrap();
}

fn waiting(store: &impl Outbox) -> Vec<OutboxRow> {
    block_on(store.waiting("guance", 100)).unwrap()
}

fn lease(holder: &str, now: Timestamp) -> Lease {
    Lease {
        holder: holder.to_owned(),
        now,
        until: now.plus(60),
    }
}

fn sent(silent_until: Option<Timestamp>) -> Settlement {
    Settlement::Sent {
        answer: "200".to_owned(),
        silence: match silent_until {
            None => SilenceChange::Unchanged,
            until => SilenceChange::Replace { until },
        },
    }
}

fn a_row_comes_back_as_it_was_written_and_those_of_a_line_in_their_order(
    store: &(impl Outbox + KeyUsageStore),
) {
    let now = now();
    let joined = alert(1, AlertKind::NewPrincipal);
    let of_account = Alert {
        subject: AlertSubject::of_account("111122223333"),
        at: None,
        is_late: true,
        ..alert(1, AlertKind::AccountSummary)
    };
    put(
        store,
        std::slice::from_ref(&alert(2, AlertKind::Recovered)),
        now.plus(5),
    );
    put(
        store,
        &[joined.clone(), alert(1, AlertKind::New), of_account.clone()],
        now,
    );
    put(
        store,
        std::slice::from_ref(&alert(1, AlertKind::Recovered)),
        now.plus(1),
    );
    let expected = [
        OutboxRow::new("guance", of_account, now),
        OutboxRow::new("guance", alert(1, AlertKind::New), now),
        OutboxRow::new("guance", joined, now),
        OutboxRow::new("guance", alert(1, AlertKind::Recovered), now.plus(1)),
        OutboxRow::new("guance", alert(2, AlertKind::Recovered), now.plus(5)),
    ];
    assert_eq!(waiting(store), expected);
    assert_eq!(block_on(store.waiting("sns", 100)).unwrap(), []);
}

fn a_row_that_somebody_has_is_nobody_elses_until_its_time_is_over(
    store: &(impl Outbox + KeyUsageStore),
) {
    let now = now();
    put(store, &[alert(1, AlertKind::New)], now);
    let row = waiting(store).remove(0);
    let take = |holder: &str, at| block_on(store.lease(&row, &lease(holder, at))).unwrap();
    assert!(!take("a", now.plus(-1)), "it is not due");
    assert!(take("a", now));
    assert!(!take("a", now));
    assert!(!take("b", now.plus(60)));
    assert_eq!(waiting(store)[0].leased_until, Some(now.plus(60)));
    assert!(take("b", now.plus(61)));
}

fn whoever_lost_a_row_does_nothing_to_it(store: &(impl Outbox + KeyUsageStore)) {
    let now = now();
    put(store, &[alert(1, AlertKind::New)], now);
    let row = waiting(store).remove(0);
    let (one, other) = (lease("a", now), lease("b", now.plus(61)));
    let settle = |lease, end: &Settlement| block_on(store.settle(&row, lease, end)).unwrap();
    assert!(!settle(&one, &sent(None)), "nobody has it");
    assert!(block_on(store.lease(&row, &one)).unwrap());
    assert!(block_on(store.lease(&row, &other)).unwrap());
    let later = Settlement::Later {
        due: second(1),
        why: String::new(),
        counts: true,
    };
    let dead = Settlement::Dead {
        why: "400".to_owned(),
    };
    for end in [
        sent(Some(now)),
        later,
        dead,
        Settlement::Suppressed,
        Settlement::Digested,
    ] {
        assert!(!settle(&one, &end), "{end:?}");
    }
    assert_eq!(waiting(store).len(), 1);
    let cluster = row.alert.cluster().unwrap();
    let sending_limits = block_on(store.sending_limits("guance", cluster)).unwrap();
    assert_eq!(sending_limits, SendingLimits::default());
    assert!(settle(&other, &sent(None)));
    assert!(!settle(&other, &sent(None)), "it is gone");
    assert_eq!(waiting(store), []);
}

fn what_is_put_off_waits_and_counts_only_what_counts(store: &(impl Outbox + KeyUsageStore)) {
    let now = now();
    put(store, &[alert(1, AlertKind::New)], now);
    for (counts, attempts) in [(false, 0), (true, 1), (true, 2)] {
        let row = waiting(store).remove(0);
        let at = row.due;
        assert!(block_on(store.lease(&row, &lease("a", at))).unwrap());
        let later = Settlement::Later {
            due: at.plus(10),
            why: "busy".to_owned(),
            counts,
        };
        assert!(block_on(store.settle(&row, &lease("a", at), &later)).unwrap());
        let row = waiting(store).remove(0);
        assert_eq!(
            (row.due, row.attempts, row.leased_until),
            (at.plus(10), attempts, None)
        );
        assert_eq!(row.why, "busy");
        assert!(!block_on(store.lease(&row, &lease("a", at.plus(9)))).unwrap());
    }
}

fn what_is_held_back_is_counted_until_the_next_message(store: &(impl Outbox + KeyUsageStore)) {
    let now = now();
    let cluster = ClusterId::from_bytes([1; 16]);
    let silence = || {
        let sending_limits = block_on(store.sending_limits("guance", cluster));
        sending_limits.unwrap().silence
    };
    let end = |number: i64, end: &Settlement| {
        let history = (cluster, number);
        let facts = Facts::Regressed(None);
        let regressed = Alert::of_cluster(facts, "111122223333", history, Some(now), now);
        put(store, &[regressed], now);
        let row = waiting(store).remove(0);
        assert!(block_on(store.lease(&row, &lease("a", now))).unwrap());
        assert!(block_on(store.settle(&row, &lease("a", now), end)).unwrap());
        silence().map(|SendingPause { until, suppressed }| (until, suppressed))
    };
    assert_eq!(end(1, &Settlement::Suppressed), Some((None, 1)));
    assert_eq!(end(2, &sent(None)), Some((None, 1)));
    assert_eq!(
        end(3, &sent(Some(now.plus(100)))),
        Some((Some(now.plus(100)), 0))
    );
    assert_eq!(
        end(4, &Settlement::Suppressed),
        Some((Some(now.plus(100)), 1))
    );
    assert_eq!(
        end(5, &Settlement::Suppressed),
        Some((Some(now.plus(100)), 2))
    );
    assert_eq!(end(6, &sent(Some(now))), Some((Some(now), 0)));
}

fn a_probe_and_a_claim_are_for_one_alone(store: &(impl Outbox + KeyUsageStore)) {
    let probe = |now| block_on(store.probe("guance", &lease("a", second(now)))).unwrap();
    assert_eq!(
        block_on(store.breaker("guance")).unwrap(),
        Breaker::default()
    );
    assert!(!probe(100), "there is no breaker");
    let breaker = Breaker {
        failures: 3,
        open_until: Some(second(900)),
        probe_from: Some(second(100)),
        is_misconfigured: true,
        why: "reset".to_owned(),
    };
    block_on(store.set_breaker("guance", &breaker)).unwrap();
    assert_eq!(block_on(store.breaker("guance")).unwrap(), breaker);
    let probes: Vec<bool> = [99, 100, 100, 159, 160].into_iter().map(probe).collect();
    assert_eq!(probes, [false, true, false, false, true]);
    let key = "AKIAEXAMPLEEXAMPLE02";
    let claim = |now| block_on(store.claim(key, second(now))).unwrap();
    let claims = [100, 100, 99 + ANSWER_SECONDS, 100 + ANSWER_SECONDS].map(claim);
    assert_eq!(claims, [true, false, false, true]);
}

fn what_is_remembered_of_a_key_is_read_as_it_was_written(store: &(impl Outbox + KeyUsageStore)) {
    let key = "AKIAEXAMPLEEXAMPLE02";
    assert_eq!(block_on(store.key_usage(key)).unwrap(), KeyUsage::default());
    let used = IamAnswer::Used {
        at: now(),
        service: Some("s3".to_owned()),
        region: None,
        user: Some("ci".to_owned()),
    };
    let key_usage = KeyUsage {
        before: Some(used),
        now: Some(IamAnswer::Unknown),
        next: Some(second(100)),
        told: Some(second(5)),
        asked: Some(second(7)),
        entry: Some(KeyEntry::Active { created: second(3) }),
    };
    let unread = KeyUsage {
        entry: Some(KeyEntry::Unread),
        ..key_usage.clone()
    };
    for remembered in [key_usage, unread, KeyUsage::default()] {
        let told = [Alert::of_canary_use_in_iam(
            key,
            "111122223333",
            now(),
            now(),
        )];
        block_on(store.remember(key, &remembered, &told, now())).unwrap();
        assert_eq!(block_on(store.key_usage(key)).unwrap(), remembered);
        assert_eq!(waiting(store).len(), 1);
    }
}

/// Each kind of alert with each form of its facts.
fn every_alert() -> Vec<Alert> {
    let cluster = ClusterId::from_bytes([7; 16]);
    let digest = Facts::Digest(DigestFacts {
        first: "0123".to_owned(),
        alerts: 3,
        kinds: BTreeMap::from([(AlertKind::New, 2), (AlertKind::NewPrincipal, 1)]),
        accounts: BTreeMap::from([("111122223333".to_owned(), 3)]),
        classes: BTreeMap::from([("denied".to_owned(), 3)]),
        clusters: vec![cluster],
    });
    let used = CanaryUse::Event {
        cluster,
        service: "s3".to_owned(),
        action: "GetObject".to_owned(),
        principal: Some("mia".to_owned()),
        source_ip: None,
        region: Some("eu-central-1".to_owned()),
    };
    let mut canary =
        Alert::of_canary_use_in_iam("AKIAEXAMPLEEXAMPLE02", "111122223333", now(), second(0));
    let mut alerts = vec![
        Alert::learned(24),
        Alert::new(AlertSubject::Stack, digest, Some(now()), second(0)),
        alert(1, AlertKind::New),
        Alert {
            facts: Facts::Regressed(None),
            ..alert(1, AlertKind::Regressed)
        },
        canary.clone(),
    ];
    canary.facts = Facts::AccessKey(KeyFacts::Canary(used));
    alerts.push(canary);
    alerts.extend(AlertKind::ALL.map(|kind| crate::alerts::alert(kind, cluster)));
    alerts.extend(crate::alerts::later(cluster));
    alerts
}

#[test]
fn every_alert_is_read_as_it_was_written() {
    for alert in every_alert() {
        let row = OutboxRow::new("guance", alert, now());
        assert_eq!(decode_row(&encode_row(&row)), Ok(row));
    }
}

#[test]
fn a_row_that_says_something_else_than_its_kind_is_an_error_that_says_what() {
    let row = OutboxRow::new(
        "guance",
        crate::alerts::alert(AlertKind::Campaign, ClusterId::from_bytes([7; 16])),
        second(0),
    );
    let with = |name: &str, text: &str| decode_row(&encode_row(&row).text(name, text)).unwrap_err();
    expect![[r#""rumour" is not a kind of alert"#]].assert_eq(&with("tr", "rumour"));
    expect!["its facts cannot be read: EOF while parsing an object at line 1 column 1"]
        .assert_eq(&with("de", "{"));
    expect!["its facts cannot be read: missing field `shapes` at line 1 column 20"]
        .assert_eq(&with("de", r#"{"quiet_seconds": 9}"#));
    expect![[r#""none" is not a cluster id"#]].assert_eq(&with("fp", "none"));
}

fn a_commit_tells_of_what_is_new_once(store: &mut (impl Store + Outbox)) {
    let records = ["AccessDenied", "AccessDenied", "NoSuchBucket"];
    let records: Vec<_> = (1..)
        .zip(records)
        .map(|(number, code)| record(json!({"eventID": id(number), "errorCode": code})))
        .collect();
    for _ in 0..2 {
        ingest(store, &lines(&records));
    }
    let told = waiting(store);
    let told: Vec<AlertKind> = told.iter().map(|row| row.alert.kind()).collect();
    assert_eq!(told, [AlertKind::New, AlertKind::New]);
}

fn count(table: &MemoryTable, start: &str, middle: &str) -> usize {
    let items = table.items();
    let is = |item: &&aws::dynamodb::table::Item| {
        item.key.pk.starts_with(start) && item.key.sk.starts_with(middle)
    };
    items.iter().filter(is).count()
}

#[test]
fn whatever_goes_wrong_a_row_is_never_gone_without_a_trace() {
    let now = now();
    let dead = Settlement::Dead {
        why: "400".to_owned(),
    };
    for (end, start, middle) in [
        (sent(None), "C#", "T#"),
        (sent(Some(now.plus(9))), "C#", "T#"),
        (Settlement::Digested, "C#", "T#"),
        (Settlement::Suppressed, "C#", "H#"),
        (dead, "Z#guance", ""),
    ] {
        for fault in [Fault::Unavailable, Fault::Lost, Fault::Conflict] {
            let table = MemoryTable::default();
            let store = table::store(&table, telling());
            put(&store, &[alert(1, AlertKind::New)], now);
            let row = waiting(&store).remove(0);
            assert!(block_on(store.lease(&row, &lease("a", now))).unwrap());
            store.table().fail(move |call| (call == 0).then_some(fault));
            let _ = block_on(store.settle(&row, &lease("a", now), &end));
            let rows = count(&table, "O#", "P#");
            assert_eq!(rows + count(&table, start, middle), 1, "{end:?} {fault:?}");
        }
    }
}

#[test]
fn what_a_message_takes_is_known_to_the_unit() {
    let table = MemoryTable::default();
    let three = TableSettings {
        sinks: ["guance", "sns", "events"].map(str::to_owned).to_vec(),
        ..telling()
    };
    let mut store: DynamoStore<MemoryTable> = table::store(&table, three);
    // What is hours late is noted, for one unit more.
    store.set_now(Timestamp::parse("2026-11-02T10:59:00Z").unwrap());
    let event =
        |number, code: &str| lines(&[record(json!({"eventID": id(number), "errorCode": code}))]);
    ingest(&mut store, &event(1, "AccessDenied"));
    let before = store.table().spent();
    ingest(&mut store, &event(2, "SlowDown"));
    let spent = store.table().spent();
    // A segment; a cluster item and three rows, each costing double in a transaction.
    assert_eq!(spent.write_units - before.write_units, 1 + 2 * (1 + 3));
    // One call reads the new cluster item, one writes the segment, one is the transaction.
    assert_eq!(spent.calls - before.calls, 3);
    let lease = lease("a", now());
    for (silent_until, units) in [(None, 1 + 2 * 2), (Some(second(9)), 1 + 2 * 3)] {
        let before = store.table().spent();
        let row = waiting(&store).remove(0);
        assert!(block_on(store.lease(&row, &lease)).unwrap());
        assert!(block_on(store.settle(&row, &lease, &sent(silent_until))).unwrap());
        let spent = store.table().spent();
        assert_eq!(spent.write_units - before.write_units, units);
    }
}
