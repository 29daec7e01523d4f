//! The notes about evidence that a commit writes, and the alerts about incidents that were decided.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use ::demo;
use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::outbox::{Lease, OutboxRow};
use aws::dynamodb::DynamoStore;
use aws::dynamodb::item::ClusterItem;
use aws::dynamodb::message::decode_row;
use aws::dynamodb::table::{Item, Key, Table};
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::life::SentAlert;
use clusters::{EventId, Sighting};
use fastrand::Rng;
use input::{Layout, Limits};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::ingest::{Ingested, commit, fold};
use service::memory::MemoryStore;
use service::ports::{
    EvidenceNote, IncidentStore, Outbox, ReadBackEvents, ReadBackStore, Store, StoreError,
};
use service::rules::Rules;

use crate::incident_alerts::{alerts_about, incident_id, incidents_of_the_past, story};
use crate::records::{ACCOUNT, denied, id, ingest, ingest_with_ledger, lines, record};
use crate::table::{Fault, MemoryTable, learning, now, store, telling};

table_contract!(
    an_hour_is_noted_until_its_last_evidence_was_looked_at,
    only_what_can_change_the_evidence_is_noted,
    what_a_caller_did_on_an_earlier_day_is_not_noted,
    an_alert_about_an_incident_is_decided_once,
    the_first_call_of_a_caller_is_found_wherever_it_is,
    a_round_is_for_one_alone_until_its_end,
    what_was_read_back_is_a_set,
);

fn what_was_read_back_is_a_set(store: &mut (impl IncidentStore + ReadBackStore + Store)) {
    let mut memory = MemoryStore::default();
    ingest_with_ledger(&mut memory, &lines(&story()));
    let (snapshot, mut events) = block_on(memory.whole(false)).unwrap();
    let ledger = block_on(memory.ledger()).unwrap().unwrap();
    let mut subjects = ledger.subjects;
    for (id, facts) in &snapshot.facts {
        subjects.insert(*id, Arc::new(ClusterSubject::from(&facts.identity)));
    }
    events.extend(ledger.events);
    let actor = Actor {
        account_id: ACCOUNT.to_owned(),
        kind: ActorKind::User,
        name: "mia".to_owned(),
    };
    let part = |events: &[(EventId, Sighting)], complete: BTreeMap<Actor, Timestamp>| {
        let clusters: BTreeSet<ClusterId> =
            events.iter().map(|(_, seen)| seen.series.cluster).collect();
        let of_part = subjects.iter().filter(|(id, _)| clusters.contains(id));
        ReadBackEvents {
            events: events.iter().cloned().collect(),
            subjects: of_part.map(|(id, of)| (*id, Arc::clone(of))).collect(),
            complete,
        }
    };
    assert_eq!(
        block_on(store.read_back(ACCOUNT, Timestamp::FIRST.window())).unwrap(),
        ReadBackEvents::default()
    );
    // Two parts that overlap, the second one twice.
    let (first, second) = (
        part(&events[..8], BTreeMap::new()),
        part(&events[4..], [(actor.clone(), now())].into()),
    );
    for part in [&second, &first, &second] {
        block_on(store.keep_read_back(ACCOUNT, part)).unwrap();
    }
    assert_eq!(
        block_on(store.read_back(ACCOUNT, Timestamp::FIRST.window())).unwrap(),
        part(&events, [(actor, now())].into())
    );
    let others = block_on(store.read_back("444455556666", Timestamp::FIRST.window())).unwrap();
    assert_eq!(others, ReadBackEvents::default());
    // Neither an event of a cluster nor a cluster.
    assert_eq!(block_on(store.events()).unwrap(), []);
    // Commands read it for the accounts with an alert about an incident.
    assert_eq!(block_on(store.ledger()).unwrap().unwrap().events, []);
    let (mut alert, _) = decided().remove(0);
    alert.at = now();
    block_on(store.send_incident_alert(&alert, &[])).unwrap();
    let kept = block_on(store.ledger()).unwrap().unwrap();
    assert_eq!(kept.events.len(), events.len());
    assert_eq!((kept.sent.len(), kept.complete.len()), (1, 1));
}

#[test]
fn items_of_what_was_read_back_stay_below_the_limit_of_a_table() {
    let table = MemoryTable::default();
    let store = store(&table, telling());
    let mut rng = Rng::with_seed(7);
    let mut read = ReadBackEvents::default();
    let names = (0..600).map(|_| {
        let letters = (0..250).map(|_| rng.alphanumeric());
        letters.collect::<String>()
    });
    let names: Vec<String> = names.collect();
    for (number, name) in names.iter().enumerate() {
        let mut memory = MemoryStore::default();
        let mut record = sensitive(number as u64, "AttachUserPolicy", 1);
        record["requestParameters"]["userName"] = name.as_str().into();
        ingest(&mut memory, &lines(&[record]));
        let (snapshot, events) = block_on(memory.whole(false)).unwrap();
        read.events.extend(events);
        let facts = snapshot.facts.iter();
        read.subjects.extend(facts.map(|(id, facts)| {
            let subject = ClusterSubject::from(&facts.identity);
            (*id, Arc::new(subject))
        }));
    }
    block_on(store.keep_read_back(ACCOUNT, &read)).unwrap();
    let items = table.items();
    let longest = items.iter().map(Item::bytes_long).max().unwrap();
    assert!(longest <= 400 << 10, "{longest}");
    let whole = Timestamp::FIRST.window();
    assert_eq!(block_on(store.read_back(ACCOUNT, whole)).unwrap(), read);
    // Hours before the first that is asked for are left out.
    let later = now().window().plus(1);
    let later = block_on(store.read_back(ACCOUNT, later)).unwrap();
    assert_eq!(later, ReadBackEvents::default());
}

/// Returns the account and the hour of each note.
fn noted(store: &impl IncidentStore) -> Vec<(String, i64)> {
    let notes = block_on(store.evidence()).unwrap().into_iter();
    let mut notes: Vec<_> = notes
        .map(|note| (note.account_id, note.window.hours()))
        .collect();
    notes.sort();
    notes
}

/// Forgets all notes, and returns how many there were.
fn forget(store: &impl IncidentStore) -> usize {
    let notes = block_on(store.evidence()).unwrap();
    for note in &notes {
        block_on(store.forget_evidence(note)).unwrap();
    }
    assert_eq!(noted(store), []);
    notes.len()
}

/// A call that is refused to a user, at a minute of the hour from eight on.
fn refused(number: u64, user: &str, action: &str, minute: u32) -> Value {
    let (hour, minute) = (8 + minute / 60, minute % 60);
    let fields = json!({
        "eventName": action,
        "eventTime": format!("2026-11-02T{hour:02}:{minute:02}:00Z"),
        "userIdentity": {
            "type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
            "accountId": ACCOUNT, "accessKeyId": "AKIAEXAMPLEEXAMPLE01", "userName": user,
        },
    });
    denied(number, fields)
}

/// A sensitive call that succeeds.
fn sensitive(number: u64, action: &str, minute: u32) -> Value {
    record(json!({
        "eventID": id(number),
        "eventTime": format!("2026-11-02T08:{minute:02}:00Z"),
        "eventSource": "iam.amazonaws.com",
        "eventName": action,
        "readOnly": false,
        "requestParameters": {"userName": "eve", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    }))
}

/// A sign-in with a wrong password.
fn wrong_sign_in(number: u64) -> Value {
    record(json!({
        "eventID": id(number),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "eventType": "AwsConsoleSignIn",
        "errorMessage": "Failed authentication",
        "responseElements": {"ConsoleLogin": "Failure"},
    }))
}

fn an_hour_is_noted_until_its_last_evidence_was_looked_at(
    store: &mut (impl IncidentStore + Store),
) {
    let eight = Timestamp::parse("2026-11-02T08:00:00Z").unwrap();
    let hours = eight.window().hours();
    let of_account = |hours| (ACCOUNT.to_owned(), hours);
    ingest(
        store,
        &lines(&[
            refused(1, "mia", "GetObject", 0),
            refused(2, "mia", "GetObject", 60),
            // Neither an error that is no refusal nor an event without a time is evidence.
            record(
                json!({"eventID": id(3), "errorCode": "NoSuchBucket", "eventTime": "2026-11-02T11:00:00Z"}),
            ),
            denied(4, json!({"eventTime": "yesterday"})),
        ]),
    );
    assert_eq!(noted(store), [of_account(hours), of_account(hours + 1)]);
    let old: Vec<EvidenceNote> = block_on(store.evidence()).unwrap();
    ingest(store, &lines(&[refused(5, "mia", "ListBuckets", 1)]));
    for note in &old {
        block_on(store.forget_evidence(note)).unwrap();
        block_on(store.forget_evidence(note)).unwrap();
    }
    assert_eq!(noted(store), [of_account(hours)]);
    assert_eq!(forget(store), 1);
}

fn only_what_can_change_the_evidence_is_noted(store: &mut (impl IncidentStore + Store)) {
    let mut number = 0;
    let mut is_noted = |fields: Value| {
        number += 1;
        let mut record = fields;
        record["eventID"] = id(number).into();
        ingest(store, &lines(&[record]));
        forget(store) == 1
    };
    for (record, expected) in [
        (refused(0, "mia", "GetObject", 10), true),
        (refused(0, "mia", "GetObject", 11), false),
        // What came after the first refusal counts, so an earlier one does.
        (refused(0, "mia", "GetObject", 9), true),
        (refused(0, "leo", "GetObject", 10), true),
        (refused(0, "mia", "ListBuckets", 10), true),
        (refused(0, "mia", "GetObject", 30), true),
        (refused(0, "mia", "GetObject", 10), false),
        // A strong call counts again if it is later.
        (sensitive(0, "AttachUserPolicy", 10), true),
        (sensitive(0, "AttachUserPolicy", 10), false),
        (sensitive(0, "AttachUserPolicy", 11), true),
        (wrong_sign_in(0), true),
        (wrong_sign_in(0), true),
    ] {
        assert_eq!(is_noted(record.clone()), expected, "{record}");
    }
}

fn what_a_caller_did_on_an_earlier_day_is_not_noted(store: &mut (impl IncidentStore + Store)) {
    let mut number = 0;
    let mut is_noted = |user: &str, day: u32, agent: &str| {
        number += 1;
        let mut record = refused(number, user, "GetObject", 0);
        record["eventTime"] = format!("2026-11-{day:02}T08:00:00Z").into();
        record["userAgent"] = agent.into();
        ingest(store, &lines(&[record]));
        forget(store) == 1
    };
    let (usual, tool) = ("Boto3/1.40.0", "Pacu/1.0");
    for (user, day, agent, expected) in [
        ("mia", 2, usual, true),
        ("mia", 3, usual, false),
        // Leo comes later than the cluster, so the time of the first call is in an item of its own.
        ("leo", 3, usual, true),
        ("leo", 4, usual, false),
        ("leo", 4, tool, true),
        // Of a day before what is known.
        ("leo", 1, usual, true),
    ] {
        assert_eq!(is_noted(user, day, agent), expected, "{user} {day} {agent}");
    }
}

/// Returns the alerts about a made-up attack, each as it was decided and as it is sent.
pub fn decided() -> Vec<(SentAlert, Vec<Alert>)> {
    let texts: Vec<String> = story().iter().map(Value::to_string).collect();
    let incidents = incidents_of_the_past(&texts, true);
    let due = |of: &clusters::incident::Incident| of.due.clone().unwrap();
    let alerts = alerts_about(&incidents)
        .into_iter()
        .map(|alert| vec![alert]);
    incidents.iter().map(due).zip(alerts).collect()
}

fn an_alert_about_an_incident_is_decided_once(store: &mut (impl IncidentStore + Outbox)) {
    let all = decided();
    assert!(all.len() > 1);
    assert_eq!(block_on(store.incident_alerts()).unwrap(), BTreeSet::new());
    for (decided, alerts) in &all {
        assert!(block_on(store.send_incident_alert(decided, alerts)).unwrap());
        assert!(!block_on(store.send_incident_alert(decided, alerts)).unwrap());
        // Another function decided the same with other events.
        let other = SentAlert {
            at: decided.at.plus(1),
            steps: decided.steps + 1,
            ..decided.clone()
        };
        assert!(!block_on(store.send_incident_alert(&other, alerts)).unwrap());
    }
    let expected: BTreeSet<SentAlert> = all.iter().map(|(decided, _)| decided.clone()).collect();
    assert_eq!(block_on(store.incident_alerts()).unwrap(), expected);
    let rows = block_on(store.waiting("guance", 100)).unwrap();
    let sent: BTreeSet<_> = rows.iter().map(|row| row.id().to_string()).collect();
    assert_eq!((rows.len(), sent.len()), (all.len(), all.len()));
}

fn the_first_call_of_a_caller_is_found_wherever_it_is(store: &mut (impl IncidentStore + Store)) {
    let caller = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    ingest(
        store,
        &lines(&[
            refused(1, "mia", "GetObject", 10),
            sensitive(2, "AttachUserPolicy", 20),
        ]),
    );
    ingest(store, &lines(&[refused(3, "leo", "GetObject", 30)]));
    let snapshot = block_on(store.sums(None)).unwrap();
    let cluster = |action: &str| -> ClusterId {
        let mut facts = snapshot.facts.iter();
        let found = facts.find(|(_, facts)| facts.identity.action == action);
        *found.unwrap().0
    };
    let (failure, call) = (cluster("GetObject"), cluster("AttachUserPolicy"));
    let pairs = [
        (failure, caller("mia")),
        (failure, caller("leo")),
        (failure, caller("ann")),
        (call, caller("mia")),
        (ClusterId::from_bytes([7; 16]), caller("mia")),
    ];
    let at = |minute| Timestamp::parse(&format!("2026-11-02T08:{minute}:00Z")).unwrap();
    let expected = BTreeMap::from([
        (pairs[0].clone(), at(10)),
        (pairs[1].clone(), at(30)),
        (pairs[3].clone(), at(20)),
    ]);
    let found = block_on(store.first_calls(&BTreeSet::from(pairs))).unwrap();
    assert_eq!(found, expected);
    assert_eq!(
        block_on(store.first_calls(&BTreeSet::new())).unwrap(),
        BTreeMap::new()
    );
}

fn a_round_is_for_one_alone_until_its_end(store: &mut impl IncidentStore) {
    let claim = |holder: &str, from| {
        let lease = Lease {
            holder: holder.to_owned(),
            now: now().plus(from),
            until: now().plus(from + 50),
        };
        block_on(store.claim_round(&lease)).unwrap()
    };
    assert!(claim("a", 0));
    assert!(!claim("b", 0));
    assert!(!claim("b", 49));
    assert!(claim("b", 50));
    assert!(!claim("a", 99));
    assert!(claim("a", 100));
    assert_eq!(noted(store), [], "the reservation is no note");
}

fn commit_to<T: Table>(store: &mut DynamoStore<T>, input: &str) -> Result<Ingested, StoreError> {
    let (limits, rules) = (Limits::default(), Rules::default());
    let folded = fold(input.as_bytes(), Layout::Guess, &limits, None, &rules).unwrap();
    block_on(commit(store, "test", folded))
}

/// Returns the notes in a table.
fn notes(table: &MemoryTable) -> Vec<Item> {
    let items = table.items().into_iter();
    items.filter(|item| item.key.pk == "E#").collect()
}

fn hours_of(table: &MemoryTable) -> BTreeSet<Key> {
    notes(table).into_iter().map(|note| note.key).collect()
}

fn rows(table: &MemoryTable) -> Vec<OutboxRow> {
    let items = table.items();
    items
        .iter()
        .filter_map(|item| decode_row(item).ok())
        .collect()
}

/// Evidence in three hours.
fn batch() -> String {
    lines(&[
        refused(1, "mia", "GetObject", 10),
        refused(2, "leo", "GetObject", 70),
        refused(3, "leo", "ListBuckets", 71),
        sensitive(4, "AttachUserPolicy", 20),
        refused(5, "mia", "GetObject", 130),
    ])
}

#[test]
fn whatever_goes_wrong_all_evidence_is_noted_once_the_batch_comes_again() {
    let undisturbed = MemoryTable::default();
    let mut function = store(&undisturbed, learning());
    commit_to(&mut function, &batch()).unwrap();
    let calls = function.table().spent().calls;
    assert_eq!(notes(&undisturbed).len(), 3);
    for fault in [Fault::Unavailable, Fault::Lost, Fault::Invalid] {
        for failing in 0..calls {
            let table = MemoryTable::default();
            let mut function = store(&table, learning());
            let script = move |call| (call == failing).then_some(fault);
            function.table().fail(script);
            assert!(commit_to(&mut function, &batch()).is_err());
            function.table().repair();
            // The same function tries again: what it did not write, it does not believe to be noted.
            commit_to(&mut function, &batch()).unwrap();
            assert_eq!(notes(&table), notes(&undisturbed), "{fault:?} at {failing}");
        }
    }
}

/// A reader of a note must find everything that the note is about.
#[test]
fn a_note_comes_after_what_it_is_about() {
    let table = MemoryTable::default();
    let mut function = store(&table, telling());
    let (other, seen) = (table.other(), Rc::new(Cell::new(false)));
    let is_seen = Rc::clone(&seen);
    function.table().fail(move |_| {
        if notes(&other).len() == 3 {
            let items = other.items();
            let heads = items.iter().filter_map(ClusterItem::read).count();
            let segments = items.iter().filter(|item| item.key.pk.starts_with("M#"));
            assert_eq!((heads, segments.count()), (3, 3));
            is_seen.set(true);
        }
        None
    });
    commit_to(&mut function, &batch()).unwrap();
    assert!(seen.get(), "a call comes after the notes");
}

/// Returns the hours that some functions note of a trail, each batch committed by the next one.
fn hours_noted(records: &[String], cut: usize, functions: usize) -> BTreeSet<Key> {
    let table = MemoryTable::default();
    let mut functions: Vec<_> = (0..functions).map(|_| store(&table, learning())).collect();
    let count = functions.len();
    for (number, batch) in records.chunks(cut).enumerate() {
        commit_to(&mut functions[number % count], &batch.join("\n")).unwrap();
    }
    hours_of(&table)
}

#[test]
fn batches_in_any_order_and_cut_anew_note_the_same_hours() {
    for hours in [20, 48] {
        let plan = demo::Plan {
            hours,
            ..demo::Plan::default()
        };
        let files = demo::trail(&plan).files;
        let records = files.iter().flat_map(|file| file.records.clone());
        let records: Vec<String> = records.collect();
        let expected = hours_noted(&records, 2_000, 1);
        assert!(expected.len() > 10, "{}", expected.len());
        let mut dice = Rng::with_seed(7);
        for (cut, functions) in [(997, 3), (5_000, 2)] {
            let mut shuffled = [&records[..], &records[..3_000]].concat();
            dice.shuffle(&mut shuffled);
            let noted = hours_noted(&shuffled, cut, functions);
            // What comes before the calls of the day before is not known to be usual, and noted in vain.
            let in_vain = noted.difference(&expected).count();
            assert!(noted.is_superset(&expected), "{hours} hours");
            assert!(in_vain == 0 || hours > 24, "{in_vain} of {hours} hours");
        }
    }
}

#[test]
fn a_machine_that_is_refused_all_day_is_noted_once_in_half_an_hour() {
    let table = MemoryTable::default();
    let mut function = store(&table, learning());
    let mut written = 0;
    for minute in 0..240 {
        let batch = lines(&[refused(minute.into(), "mia", "GetObject", minute)]);
        commit_to(&mut function, &batch).unwrap();
        written += forget(&function);
    }
    assert_eq!(written, 8);
}

#[test]
fn no_note_is_written_where_no_round_reads_it() {
    let table = MemoryTable::default();
    let without_sinks = aws::dynamodb::TableSettings::default();
    commit_to(&mut store(&table, without_sinks), &batch()).unwrap();
    assert_eq!(notes(&table), []);
}

#[test]
fn events_of_clusters_beyond_the_limit_are_evidence_too() {
    let table = MemoryTable::default();
    let mut function = store(&table, learning());
    let call = |number: u64| refused(number, "mia", &format!("GetThing{number}"), 10);
    let calls: Vec<Value> = (0..300).map(call).collect();
    commit_to(&mut function, &lines(&calls)).unwrap();
    let heads: Vec<_> = table.items().iter().filter_map(ClusterItem::read).collect();
    let overflow = heads
        .iter()
        .find(|(_, head)| head.facts.identity.action == "*");
    let (overflow, _) = overflow.unwrap();
    assert_eq!(forget(&function), 1);
    commit_to(&mut function, &lines(&[call(300)])).unwrap();
    assert_eq!(
        forget(&function),
        0,
        "the cluster of all others was refused before"
    );
    let pair = (*overflow, format!("arn:aws:iam::{ACCOUNT}:user/mia"));
    let found = block_on(function.first_calls(&BTreeSet::from([pair]))).unwrap();
    assert_eq!(found, BTreeMap::new(), "it may have been any call");
}

#[test]
fn two_functions_that_decide_the_same_alert_send_it_once() {
    let (decided, alerts) = decided().remove(0);
    for meeting in [0, 1] {
        let table = MemoryTable::default();
        let (one, other) = (store(&table, telling()), store(&table, telling()));
        let (decided_too, alerts_too) = (decided.clone(), alerts.clone());
        let other_sent = Rc::new(Cell::new(None));
        let sent_by_other = Rc::clone(&other_sent);
        one.table().fail(move |call| {
            // Once the other is faster, and once the answer of the first gets lost.
            if call == 0 && meeting == 0 {
                let sent = block_on(other.send_incident_alert(&decided_too, &alerts_too));
                sent_by_other.set(Some(sent.unwrap()));
            }
            (call == 0 && meeting == 1).then_some(Fault::Lost)
        });
        let sent = block_on(one.send_incident_alert(&decided, &alerts));
        match meeting {
            0 => assert_eq!((sent.unwrap(), other_sent.get()), (false, Some(true))),
            _ => assert!(sent.is_err()),
        }
        assert!(!block_on(one.send_incident_alert(&decided, &alerts)).unwrap());
        assert_eq!(rows(&table).len(), 1);
    }
}

#[test]
fn a_row_that_exists_keeps_no_alert_from_being_decided() {
    let (decided, alerts) = decided().remove(0);
    let table = MemoryTable::default();
    let one = store(&table, telling());
    assert!(block_on(one.send_incident_alert(&decided, &alerts)).unwrap());
    let row = table
        .items()
        .into_iter()
        .find(|item| item.key.pk.starts_with("O#"));
    let table = MemoryTable::default();
    table.set(row.unwrap());
    let other = store(&table, telling());
    assert!(block_on(other.send_incident_alert(&decided, &alerts)).unwrap());
    assert!(!block_on(other.send_incident_alert(&decided, &alerts)).unwrap());
    assert_eq!(rows(&table).len(), 1);
}

/// Returns an alert about an incident that hundreds of others are a part of, with facts of the largest size.
fn many_alerts(count: u32) -> (SentAlert, Vec<Alert>) {
    let (decided, mut alerts) = decided().remove(0);
    let Facts::Incident(facts) = alerts[0].facts.clone() else {
        panic!("{:?}", alerts[0]);
    };
    for number in 0..count {
        let mut merged = facts.merged(&incident_id(number));
        merged.reason = "x".repeat(120 << 10);
        alerts.push(Alert {
            facts: Facts::Incident(Box::new(merged)),
            ..alerts[0].clone()
        });
    }
    (decided, alerts)
}

#[test]
fn more_rows_than_a_transaction_holds_are_all_written_before_the_alert_counts_as_decided() {
    let (decided, alerts) = many_alerts(130);
    let settings = || aws::dynamodb::TableSettings {
        sinks: vec!["guance".to_owned(), "sns".to_owned()],
        ..telling()
    };
    // Only Guance gets those about the others.
    let expected = 2 + 130;
    let table = MemoryTable::default();
    let one = store(&table, settings());
    assert!(block_on(one.send_incident_alert(&decided, &alerts)).unwrap());
    let calls = one.table().spent().calls;
    assert_eq!(rows(&table).len(), expected);
    assert!(!block_on(one.send_incident_alert(&decided, &alerts)).unwrap());
    assert_eq!(rows(&table).len(), expected);
    for failing in [0, 1, 2, calls / 2, calls - 1] {
        let table = MemoryTable::default();
        let one = store(&table, settings());
        let script = move |call| (call == failing).then_some(Fault::Unavailable);
        one.table().fail(script);
        assert!(block_on(one.send_incident_alert(&decided, &alerts)).is_err());
        assert_eq!(block_on(one.incident_alerts()).unwrap(), BTreeSet::new());
        let other = store(&table, settings());
        assert!(block_on(other.send_incident_alert(&decided, &alerts)).unwrap());
        assert_eq!(rows(&table).len(), expected, "failed at {failing}");
    }
}

#[test]
fn an_alert_is_known_for_the_retention_time_and_a_damaged_one_hides_no_other() {
    let all = decided();
    let table = MemoryTable::default();
    let mut function = store(&table, telling());
    for (decided, alerts) in &all {
        assert!(block_on(function.send_incident_alert(decided, alerts)).unwrap());
    }
    let (last, _) = all.last().unwrap();
    let known =
        |function: &DynamoStore<MemoryTable>| block_on(function.incident_alerts()).unwrap().len();
    let end = last.at.plus(35 * 86_400);
    for (time, count) in [(end.plus(-1), 1), (end, 0)] {
        function.set_now(time);
        assert_eq!(known(&function), count, "{time}");
    }
    function.set_now(now());
    let items = table.items().into_iter();
    let first = items.into_iter().find(|item| item.key.pk == "I#").unwrap();
    table.set(first.text("de", "{}"));
    assert_eq!(known(&function), all.len() - 1);
}
