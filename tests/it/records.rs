//! Small CloudTrail records for tests, complete but short to write, and inputs made of them.

use crate::table::now;
use clusters::ClusterSnapshot;
use clusters::lifecycle::Resolutions;
use clusters::report::RecordCounts;
use input::{Layout, Limits};
use records::time::Timestamp;
use serde_json::{Value, json};
use service::ingest::{self, Folding};
use service::inspect::Recorded;
use service::memory::MemoryStore;
use service::ports::{Store, TriageStore};
use service::rules::Rules;
use view::listing::Listing;

/// The account of the test records.
pub const ACCOUNT: &str = "111122223333";

/// Returns a whole record with some fields replaced; `null` removes a field.
pub fn record(fields: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEEXAMPLE001",
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/mia"),
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAEXAMPLEEXAMPLE01",
            "userName": "mia",
        },
        "eventTime": "2026-11-02T08:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "Boto3/1.40.0 md/Botocore#1.40.0",
        "requestID": "EXAMPLEREQUEST01",
        "eventID": "00000000-0000-4000-8000-000000000001",
        "readOnly": true,
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
    });
    let (Value::Object(record), Value::Object(fields)) = (&mut record, fields) else {
        panic!("fields are an object");
    };
    for (name, value) in fields {
        if value.is_null() {
            record.remove(&name);
        } else {
            record.insert(name, value);
        }
    }
    Value::Object(record.clone())
}

/// Returns the n-th failed call, with the given fields.
pub fn denied(number: u64, fields: Value) -> Value {
    let mut failure = json!({"eventID": id(number), "errorCode": "AccessDenied"});
    if let (Value::Object(failure), Value::Object(fields)) = (&mut failure, fields) {
        failure.extend(fields);
    }
    record(failure)
}

/// Returns the moment a number of seconds after the earliest possible one.
pub fn second(of: i64) -> Timestamp {
    Timestamp::FIRST.plus(of)
}

/// Returns the id of the n-th event.
pub fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Returns records as JSON lines.
pub fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// Reads and commits an input of JSON lines.
pub fn ingest(store: &mut impl Store, lines: &str) -> RecordCounts {
    ingest_by(&Rules::default(), store, lines)
}

/// Reads and commits an input of JSON lines with rules.
pub fn ingest_by(rules: &Rules, store: &mut impl Store, lines: &str) -> RecordCounts {
    let limits = Limits::default();
    let folded = ingest::fold(lines.as_bytes(), Layout::Lines, &limits, None, rules).unwrap();
    pollster::block_on(ingest::commit(store, "test", folded))
        .unwrap()
        .record_counts
}

/// Reads and commits an input of JSON lines, with the calls that ledgers of incidents need.
pub fn ingest_with_ledger(store: &mut impl Store, lines: &str) -> RecordCounts {
    let rules = Rules::default();
    let mut folding = Folding::new(Limits::default(), &rules).keeping_ledger();
    let folded = folding.fold(lines.as_bytes(), Layout::Lines, None).unwrap();
    pollster::block_on(ingest::commit(store, "test", folded))
        .unwrap()
        .record_counts
}

/// Returns the snapshot of records, in memory.
pub fn snapshot(records: &[Value]) -> ClusterSnapshot {
    standing(records).0
}

/// Returns the snapshot of records in a store in memory, and the list of clusters.
pub fn standing(records: &[Value]) -> (ClusterSnapshot, Listing) {
    let mut store = MemoryStore::default();
    let record_counts = ingest(&mut store, &lines(records));
    assert!(record_counts.balances(), "{record_counts:?}");
    let (snapshot, events) = pollster::block_on(async {
        let snapshot = store.snapshot(None).await.unwrap();
        (snapshot, store.events().await.unwrap())
    });
    let recorded = Recorded {
        events: &events,
        facts: &snapshot.facts,
        resolutions: &Resolutions::new(),
    };
    let listing = recorded.listing(&recorded.replay(None), now());
    (snapshot, listing)
}

/// Replays all events of a store.
pub fn recorded<R>(store: &(impl Store + TriageStore), look: impl FnOnce(&Recorded<'_>) -> R) -> R {
    let (snapshot, events) = pollster::block_on(store.whole(false)).unwrap();
    look(&Recorded {
        events: &events,
        facts: &snapshot.facts,
        resolutions: &pollster::block_on(store.resolutions()).unwrap(),
    })
}
