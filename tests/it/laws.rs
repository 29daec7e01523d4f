//! Laws that hold for any input: the same records give the same clusters in any order and cut, the totals balance, and
//! no input makes the engine fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerts::locale::Language;
use alerts::{hint, severity};
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::lifecycle::Resolutions;
use clusters::report::RecordCounts;
use clusters::selection::{Selection, select};
use clusters::series::SeriesRef;
use clusters::{ClusterSnapshot, EventId, Sighting, Span, conclude};
use demo::techniques::{self, Place};
use input::{Layout, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use records::time::Timestamp;
use records::{Record, Wrapper, redact};
use serde_json::{Value, json};
use service::ingest::{Folding, commit};
use service::inspect::Recorded;
use service::memory::MemoryStore;
use service::ports::Store;
use service::rules::Rules;
use sqlite::SqliteStore;

use crate::effort;
use crate::records::{id, ingest, ingest_with_ledger, lines, record};

const CODES: [&str; 6] = [
    "AccessDenied",
    "Client.UnauthorizedOperation",
    "ThrottlingException",
    "ValidationException",
    "NoSuchBucket",
    "FrobnicationFailed",
];

/// User agents of each origin that is recognised, and some that differ only a little.
const AGENTS: [&str; 8] = [
    "",
    "Boto3/1.26.1 Prowler/4.0",
    "Boto3/1.26.1 Prowles/4.0",
    "Mozilla/5.0 (X11; Linux x86_64)",
    "aws-cli/2.2.16 Python/3.8.8",
    "aws-cli/2.2.16 md/distrib#kali",
    "Terraform/1.9.0",
    "curl/8.1",
];

/// Failed calls whose content follows from their ID, as with real events, except for `twist`.
fn failure(number: u64, twist: u64) -> Value {
    let code = CODES[((number + twist) % 6) as usize];
    let name = ["GetObject", "GetBucket", "GetThing"][(number % 3) as usize];
    let kind = if number.is_multiple_of(2) {
        "red"
    } else {
        "blue"
    };
    let pick = |from: u64| (number.wrapping_mul(7) + from + twist) % 5;
    // Events of one cluster with the same facets come at different times.
    let day = 1 + (number / 6 + twist) % 5;
    record(json!({
        "eventID": id(number),
        "eventName": name,
        "eventTime": format!("2026-11-0{day}T0{}:00:00Z", pick(1)),
        "errorCode": code,
        "errorMessage": format!("Value 'x{number}' of kind {kind} is not good"),
        "awsRegion": if number.is_multiple_of(2) { "eu-central-1" } else { "us-east-1" },
        "sourceIPAddress": format!("192.0.{}.1", pick(2) % 2),
    }))
}

/// How records arrive: their order and repetitions, the size of batches, and after which batches a crash happens.
#[derive(Debug, Clone)]
struct Arrival {
    order: Vec<usize>,
    cut: usize,
    crashes: Vec<bool>,
}

fn arrival(records: usize) -> impl Strategy<Value = Arrival> {
    let all: Vec<usize> = (0..records).collect();
    let repeats = vec(0..records.max(1), 0..10);
    (
        Just(all).prop_shuffle(),
        repeats,
        1..6usize,
        vec(any::<bool>(), 8),
    )
        .prop_map(|(mut order, repeats, cut, crashes)| {
            order.extend(repeats);
            Arrival {
                order,
                cut,
                crashes,
            }
        })
}

fn arrivals() -> impl Strategy<Value = (Vec<u64>, Arrival)> {
    vec(0..40u64, 1..25).prop_flat_map(|numbers| {
        let count = numbers.len();
        (Just(numbers), arrival(count))
    })
}

/// Commits the records as they arrive. A crash loses a batch before its commit, and the batch is sent again.
fn arrive(store: &mut impl Store, records: &[Value], arrival: &Arrival) -> ClusterSnapshot {
    arrive_by(ingest, store, records, arrival);
    pollster::block_on(store.snapshot(None)).unwrap()
}

fn arrive_by<S: Store>(
    ingest: fn(&mut S, &str) -> RecordCounts,
    store: &mut S,
    records: &[Value],
    arrival: &Arrival,
) {
    let arriving: Vec<Value> = arrival
        .order
        .iter()
        .map(|&at| records[at % records.len()].clone())
        .collect();
    for (batch, crash) in arriving
        .chunks(arrival.cut)
        .zip(arrival.crashes.iter().cycle())
    {
        let record_counts = ingest(store, &lines(batch));
        assert!(record_counts.balances(), "{record_counts:?}");
        if *crash {
            // The answer was lost: the same batch is delivered again, cut differently.
            for record in batch {
                ingest(store, &lines(std::slice::from_ref(record)));
            }
        }
    }
}

/// Calls that make or remove something, by users, programs and AWS services. A few of them have one id with two contents.
fn trace(number: u64, twist: u64) -> Value {
    let user = format!("u{}", (number + twist) % 3);
    let (service, name, request) = match number % 4 {
        0 => ("iam", "DeleteUser", json!({"userName": user})),
        1 => (
            "iam",
            "DeleteAccessKey",
            json!({"userName": user, "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
        ),
        2 => ("ec2", "CreateVpc", json!({})),
        _ => (
            "sts",
            "AssumeRole",
            json!({"roleArn": format!("arn:aws:iam::111122223333:role/{user}")}),
        ),
    };
    let mut record = record(json!({
        "eventID": id(number),
        "eventTime": format!("2026-11-0{}T08:00:00Z", 1 + (number + twist) % 5),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "requestParameters": request,
        "responseElements": {
            "vpc": {"vpcId": format!("vpc-{}", number % 5)},
            "credentials": {"accessKeyId": format!("ASIAIOSFODNN7EXAMP{}E", number % 7)},
        },
    }));
    if number % 5 == 4 {
        record["userIdentity"] = json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"});
    }
    record
}

/// The calls of a store's ledger with what they did, by id.
fn ledger(store: &impl Store) -> BTreeMap<EventId, (Sighting, Arc<ClusterSubject>)> {
    let ledger = pollster::block_on(store.ledger()).unwrap().unwrap();
    assert_eq!(ledger.missing_until, None);
    let with_facts = |(id, seen): (EventId, Sighting)| {
        let subject = Arc::clone(&ledger.subjects[&seen.series.cluster]);
        (id, (seen, subject))
    };
    let count = ledger.events.len();
    let events: BTreeMap<_, _> = ledger.events.iter().cloned().map(with_facts).collect();
    assert_eq!(events.len(), count, "an event is there twice");
    events
}

/// The records of some rehearsed attack techniques, one beginning every ten minutes.
fn attacks(picks: &[usize]) -> Vec<Value> {
    let place = Place {
        account_id: "111122223333".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-central-1".to_owned(),
    };
    let start = Timestamp::parse("2026-11-02T08:00:00Z").unwrap();
    let catalogue = techniques::all();
    let records = picks.iter().zip(0..).flat_map(|(pick, number)| {
        let technique = &catalogue[pick % catalogue.len()];
        technique.records(&place, start.plus(600 * number), 7)
    });
    records
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

/// The incidents of a store, and the alerts that would have been sent about them.
fn incidents_of(store: &impl Store) -> (Vec<Incident>, Vec<Incident>) {
    let (snapshot, events) = pollster::block_on(store.whole(false)).unwrap();
    let ledger = pollster::block_on(store.ledger()).unwrap();
    let recorded = Recorded {
        events: &events,
        facts: &snapshot.facts,
        resolutions: &Resolutions::new(),
    };
    let found = recorded.incidents(ledger.as_ref(), None, true);
    (found.incidents, found.alerts)
}

/// Rules, one of which depends on the time.
const RULES: &str = "rule = [
    { name = 'loud', severity = 'critical', until = 2026-11-03, when.errorCode = ['AccessDenied'] },
    { name = 'apart', fingerprint = ['awsRegion'], when.errorCode = ['NoSuchBucket'] },
]";

/// Processes inputs one after another with the same caches.
fn folded_by(
    mut folding: Folding<'_>,
    records: &[Value],
    cut: usize,
) -> (ClusterSnapshot, RecordCounts) {
    let (mut store, mut record_counts) = (MemoryStore::default(), RecordCounts::default());
    for input in records.chunks(cut) {
        let lines = lines(input);
        let folded = folding.fold(lines.as_bytes(), Layout::Lines, None).unwrap();
        let ingested = pollster::block_on(commit(&mut store, "test", folded)).unwrap();
        folding.learn(&ingested);
        record_counts.add(&ingested.record_counts);
    }
    (
        pollster::block_on(store.snapshot(None)).unwrap(),
        record_counts,
    )
}

fn in_one_go(records: &[Value]) -> ClusterSnapshot {
    let mut store = MemoryStore::default();
    ingest(&mut store, &lines(records));
    pollster::block_on(store.snapshot(None)).unwrap()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,24}".prop_map(Value::from),
        prop_oneof![
            Just("AccessDenied"),
            Just("arn:aws:sts::111122223333:assumed-role/app/s"),
            Just("AssumedRole"),
            Just("Failure"),
            Just("2026-11-02T08:00:00Z"),
            Just("signin.amazonaws.com"),
            Just("ConsoleLogin"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}",
        proptest::sample::select(
            &[
                "eventVersion",
                "eventID",
                "eventTime",
                "eventSource",
                "eventName",
                "errorCode",
                "errorMessage",
                "userIdentity",
                "type",
                "arn",
                "principalId",
                "accountId",
                "sessionContext",
                "sessionIssuer",
                "userName",
                "requestParameters",
                "responseElements",
                "ConsoleLogin",
                "additionalEventData",
                "resources",
                "ARN",
                "sourceIPAddress",
                "userAgent",
                "awsRegion",
                "recipientAccountId",
                "eventType",
                "readOnly",
                "addendum",
                "insightDetails",
                "vpcEndpointId",
                "invokedBy",
            ][..]
        )
        .prop_map(str::to_owned),
    ]
}

/// Writes a JSON value in another spelling: object keys in another order, other whitespace.
fn rewritten(value: &Value, turned: usize, space: &str) -> String {
    let text = match value {
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| {
                    let value = rewritten(value, turned, space);
                    format!("{}{space}:{space}{value}", json!(key))
                })
                .collect();
            let count = fields.len().max(1);
            fields.rotate_left(turned % count);
            format!(
                "{{{space}{}{space}}}",
                fields.join(&format!("{space},{space}"))
            )
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| rewritten(value, turned, space));
            format!("[{}]", values.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    };
    format!("{space}{text}")
}

/// Fields that differ from call to call without making another error.
#[derive(Debug, Clone)]
struct Passing {
    number: u128,
    second: i64,
    is_upper: bool,
}

fn passing() -> impl Strategy<Value = Passing> {
    let second = 1_793_491_200..1_793_491_200 + 86_400_i64;
    (any::<u128>(), second, any::<bool>()).prop_map(|(number, second, is_upper)| Passing {
        number,
        second,
        is_upper,
    })
}

/// Returns a failed call of one kind, with the given values of the fields that differ from call to call.
fn passed(code: &str, passing: &Passing) -> Value {
    // A digit and a letter, as anything shorter might be a word or a count.
    let hex = format!("{:032x}a7", passing.number);
    let hex = if passing.is_upper {
        hex.to_uppercase()
    } else {
        hex
    };
    let time = Timestamp::from_seconds(passing.second).unwrap();
    let uuid = format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    );
    let machine = format!("i-{}", &hex.to_lowercase()[17..34]);
    record(json!({
        "eventID": id(passing.number as u64),
        "eventTime": time.to_string(),
        "requestID": uuid,
        "errorCode": code,
        "errorMessage": format!(
            "Instance {machine} of arn:aws:ec2:eu-central-1:111122223333:instance/{machine} is not good \
             at {time} (Service: Ec2, Request ID: {uuid}, digest {hex})"
        ),
        "userIdentity": {
            "type": "AssumedRole",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/app/{machine}"),
            "accountId": "111122223333",
        },
    }))
}

fn cluster_of(text: &str) -> ClusterId {
    let record = Record::parse(text).unwrap();
    let Selection::Clustered(class) = select(&record) else {
        panic!("it fails");
    };
    let conclusion = conclude(&record, &Wrapper::default(), class);
    conclusion.understanding.identity.cluster_id()
}

/// Runs every function of the engine on a record.
fn digest(text: &str) {
    let Ok(record) = Record::parse(text) else {
        return;
    };
    let _ = redact::sample(&record);
    if let Selection::Clustered(class) = select(&record) {
        let conclusion = conclude(&record, &Wrapper::default(), class);
        let identity = &conclusion.understanding.identity;
        let _ = severity::assess_facets(identity, &conclusion.facets, Span::at(conclusion.at));
        let _ = hint::hint(identity, "", &conclusion.facets, Language::En);
        assert_eq!(identity.cluster_id().to_string().len(), 26);
    }
}

proptest! {
    #![proptest_config(effort::property(100, 1000))]

    #[test]
    fn order_duplicates_cuts_and_crashes_change_nothing((numbers, arrival) in arrivals()) {
        let records: Vec<Value> = numbers.iter().map(|&number| failure(number, 0)).collect();
        let expected = in_one_go(&records);
        let mut memory = MemoryStore::default();
        prop_assert_eq!(&arrive(&mut memory, &records, &arrival), &expected);
        let mut sqlite = SqliteStore::in_memory().unwrap();
        prop_assert_eq!(&arrive(&mut sqlite, &records, &arrival), &expected);
    }

    #[test]
    fn a_ledger_is_the_same_in_any_order_with_duplicates_cuts_and_crashes((numbers, arrival) in arrivals()) {
        let records: Vec<Value> =
            numbers.iter().enumerate().map(|(at, &number)| trace(number, at as u64 % 2)).collect();
        let mut at_once = MemoryStore::default();
        ingest_with_ledger(&mut at_once, &lines(&records));
        let expected = ledger(&at_once);
        let ids: BTreeSet<&str> =
            records.iter().filter_map(|record| record["eventID"].as_str()).collect();
        let made_by_nobody = |id: &str| {
            let mut all = records.iter().filter(|record| record["eventID"] == id);
            all.all(|record| record["userIdentity"]["type"] == "AWSService")
        };
        // What a service makes belongs to no actor.
        prop_assert!(expected.len() <= ids.len());
        prop_assert!(ids.iter().filter(|id| !made_by_nobody(id)).count() <= expected.len());
        let mut memory = MemoryStore::default();
        arrive_by(ingest_with_ledger, &mut memory, &records, &arrival);
        prop_assert_eq!(&ledger(&memory), &expected);
        let mut sqlite = SqliteStore::in_memory().unwrap();
        arrive_by(ingest_with_ledger, &mut sqlite, &records, &arrival);
        prop_assert_eq!(&ledger(&sqlite), &expected);
        // They are no events of clusters.
        for snapshot in [pollster::block_on(memory.snapshot(None)), pollster::block_on(sqlite.snapshot(None))] {
            prop_assert_eq!(snapshot.unwrap().rows().count(), 0);
        }
    }

    #[test]
    fn incidents_are_the_same_in_any_order_with_duplicates_cuts_and_crashes(
        (picks, arrival) in vec(0..1000usize, 1..5).prop_flat_map(|picks| {
            let count = attacks(&picks).len();
            (Just(picks), arrival(count))
        }),
    ) {
        let records = attacks(&picks);
        let mut at_once = MemoryStore::default();
        ingest_with_ledger(&mut at_once, &lines(&records));
        let expected = incidents_of(&at_once);
        let mut memory = MemoryStore::default();
        arrive_by(ingest_with_ledger, &mut memory, &records, &arrival);
        prop_assert_eq!(&incidents_of(&memory), &expected);
        let mut sqlite = SqliteStore::in_memory().unwrap();
        arrive_by(ingest_with_ledger, &mut sqlite, &records, &arrival);
        prop_assert_eq!(&incidents_of(&sqlite), &expected);
    }

    #[test]
    fn what_is_remembered_changes_nothing(contents in vec((0..8u64, 0..3u64), 1..60), cut in 1..20usize) {
        let records: Vec<Value> = (0..)
            .zip(&contents)
            .map(|(at, (number, twist))| {
                let mut record = failure(*number, *twist);
                record["eventID"] = json!(id(at));
                record["eventTime"] = json!(format!("2026-11-0{}T08:00:00Z", 1 + at % 5));
                record["userAgent"] = json!(AGENTS[at as usize % AGENTS.len()]);
                record["requestID"] = json!(format!("R{at}"));
                record["additionalEventData"] = json!({"CipherSuite": "c", "x-amz-id-2": format!("{at}/+=")});
                if at % 7 < 5 {
                    record["sharedEventID"] = json!(["", "s1", "s2"][at as usize % 3]);
                }
                record
            })
            .collect();
        for rules in ["", RULES] {
            let rules = Rules::parse(rules).unwrap();
            let folding = || Folding::new(Limits::default(), &rules).with_samples();
            let without = folded_by(folding().reference(), &records, cut);
            prop_assert_eq!(&folded_by(folding(), &records, cut), &without);
        }
    }

    #[test]
    fn one_id_with_two_contents_counts_once_in_any_order((numbers, arrival) in arrivals()) {
        let records: Vec<Value> =
            numbers.iter().enumerate().map(|(at, &number)| failure(number / 4, at as u64 % 3)).collect();
        let rows = |snapshot: ClusterSnapshot| -> Vec<_> {
            let row = |(case, span): (SeriesRef<'_>, Span)| (case.cluster(), case.facets(), span);
            snapshot.rows().map(row).collect()
        };
        let expected = rows(in_one_go(&records));
        let mut memory = MemoryStore::default();
        prop_assert_eq!(&rows(arrive(&mut memory, &records, &arrival)), &expected);
        let mut sqlite = SqliteStore::in_memory().unwrap();
        prop_assert_eq!(&rows(arrive(&mut sqlite, &records, &arrival)), &expected);
    }

    #[test]
    fn what_differs_from_call_to_call_and_how_it_is_written_makes_no_other_cluster(
        code in proptest::sample::select(&CODES[..]),
        (one, other) in (passing(), passing()),
        turned in 0..20usize,
        space in "[ \t\r\n]{0,3}",
    ) {
        let expected = cluster_of(&passed(code, &one).to_string());
        let found = cluster_of(&rewritten(&passed(code, &other), turned, &space));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_json_makes_the_engine_stumble(value in json_value(), fields in vec((key(), json_value()), 0..16)) {
        digest(&value.to_string());
        let mut object: serde_json::Map<String, Value> = fields.into_iter().collect();
        object.entry("eventSource").or_insert(json!("iam.amazonaws.com"));
        object.entry("eventName").or_insert(json!("CreateUser"));
        digest(&Value::Object(object).to_string());
    }

    #[test]
    fn no_text_makes_the_engine_stumble(text in "\\PC{0,200}") {
        digest(&text);
    }

    #[test]
    fn the_books_balance_whatever_the_lines_say(
        lines in vec(prop_oneof![
            (0..9u64).prop_map(|number| failure(number, 0).to_string()),
            json_value().prop_map(|value| value.to_string()),
            "\\PC{0,40}".prop_map(String::from),
        ], 0..20)
    ) {
        let mut store = MemoryStore::default();
        let record_counts = ingest(&mut store, &lines.join("\n"));
        prop_assert!(record_counts.balances(), "{:?}", record_counts);
        let again = ingest(&mut store, &lines.join("\n"));
        prop_assert!(again.balances(), "{:?}", again);
        prop_assert_eq!(again.clustered, 0);
        prop_assert_eq!(again.read, record_counts.read);
    }
}
