//! What the functions' runs cost in calls and in read and write units of the table, counted as DynamoDB bills them.
//!
//! `infra/cost/counts.json` has the counts, and `infra/cost.py` computes docs/cost.md from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws::dynamodb::DynamoStore;
use clusters::keys::KeySettings;
use input::{Layout, Limits};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::inspect::Summaries;
use service::configuration::ConfigVersion;
use service::deliver::{Delivery, drain};
use service::ingest::subscription::Subscription;
use service::ingest::{Folding, commit};
use service::inspect::run::{RunLimits, run};
use service::memory::{MemoryBucket, MemoryStore};
use service::policy::Policies;
use service::ports::{Clock as _, Sink};
use service::rules::Rules;

use crate::coverage_units::by_coverage;
use crate::directory::Directory;
use crate::manual_clock::ManualClock;
use crate::records::{ACCOUNT, id, ingest, lines, record};
use crate::story::{HOUR, START};
use crate::table::{MemoryTable, learning, store, telling};

/// Number of records in a batch of the demo: the mean of what CloudWatch Logs delivers for real errors.
const BATCH_RECORDS: usize = 13;

/// A sink that accepts every alert.
struct Open;

impl Sink for Open {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: 100,
            digest_beyond: None,
        }
    }

    async fn send(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        vec![SinkAnswer::Accepted(String::new()); alerts.len()]
    }
}

/// Usage of the table by one handle: calls, read units, write units.
fn taken(table: &MemoryTable) -> [u64; 3] {
    let spent = aws::dynamodb::table::Table::spent(table);
    [spent.calls, table.read_units(), spent.write_units]
}

/// Subtracts one count from another.
fn since(before: [u64; 3], after: [u64; 3]) -> Value {
    let [calls, read_units, write_units] = [0, 1, 2].map(|place| after[place] - before[place]);
    json!({"calls": calls, "read_units": read_units, "write_units": write_units})
}

/// Asserts that the file has the measured counts. `make accept` writes them.
fn assert_counted(name: &str, counted: &Value) {
    static FILE: Mutex<()> = Mutex::new(());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/cost/counts.json");
    let _alone = FILE.lock();
    let mut file: BTreeMap<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        file.insert(name.to_owned(), counted.clone());
        let text = serde_json::to_string_pretty(&file).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    let known = file.get(name);
    assert_eq!(known, Some(counted), "{name} in infra/cost/counts.json");
}

fn keys() -> KeySettings {
    KeySettings {
        account_id: ACCOUNT.to_owned(),
        member_accounts: BTreeSet::new(),
        dormant_days: 90,
        canaries: BTreeSet::new(),
    }
}

fn deliver(store: &DynamoStore<MemoryTable>, clock: &ManualClock) -> u64 {
    let delivery = Delivery {
        store,
        directory: &Directory::new(clock.clone()),
        clock,
        policies: &Policies::default(),
        keys: &keys(),
        account_names: &BTreeMap::new(),
        environments: &BTreeMap::new(),
        config_version: &ConfigVersion::default(),
        holder: "count",
        rounds_until: Timestamp::LAST,
        unfinished: &BTreeSet::new(),
        is_before_round: false,
        found: &BTreeMap::new(),
    };
    let mut sinks = BTreeMap::from([("guance".to_owned(), Open)]);
    let deadline = clock.millis() + 80_000;
    let drained = block_on(drain(&delivery, &mut sinks, deadline));
    assert!(drained["guance"].error.is_none());
    drained["guance"].sent
}

#[test]
fn a_call_that_finds_nothing_to_send_takes_four_reads_for_a_sink() {
    let table = MemoryTable::default();
    let store = store(&table, telling());
    let clock = ManualClock::at(START);
    assert_eq!(deliver(&store, &clock), 0);
    assert_counted("idle_round_of_a_sink", &since([0; 3], taken(store.table())));
}

/// Commits the demo's errors batch by batch, as a subscription delivers them. The time between batches is so long that
/// no cluster item is cached, which is the most expensive case.
#[test]
fn a_batch_takes_no_more_than_this_where_nothing_is_remembered() {
    let demo = demo::trail(&demo::Plan::default());
    let table = MemoryTable::default();
    let mut store = store(&table, learning());
    let rules = Rules::default();
    let mut folding = Folding::new(Limits::default(), &rules).with_samples();
    let (mut batches, mut events, mut now) = (0_u64, 0, crate::table::now().seconds());
    for payload in demo.payloads(BATCH_RECORDS) {
        now += 120;
        store.set_now(Timestamp::from_seconds(now).unwrap());
        let folded = folding
            .fold(payload.as_bytes(), Layout::Guess, None)
            .unwrap();
        let done = block_on(commit(&mut store, "payload", folded)).unwrap();
        folding.learn(&done);
        batches += 1;
        events += done.record_counts.clustered;
    }
    let items = table.items();
    let segments = items.iter().filter(|item| item.key.pk.starts_with("M#"));
    let bytes: u64 = segments.clone().map(crate::table::size).sum();
    let mut counted = since([0; 3], taken(store.table()));
    counted["batches"] = json!(batches);
    counted["events"] = json!(events);
    counted["manifests"] = json!(segments.count());
    counted["manifest_bytes"] = json!(bytes);
    let heads = items.iter().filter(|item| item.key.sk == "HEAD").count();
    counted["clusters"] = json!(heads);
    assert_counted("batches_of_the_demo", &counted);
}

/// The archive of the demo's errors, batch by batch as a subscription delivers them.
#[test]
fn an_archive_takes_no_more_objects_and_bytes_than_this() {
    let demo = demo::trail(&demo::Plan::default());
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    let mut subscription = Subscription::default().archiving(true);
    let now = crate::table::now();
    let mut batches = 0_u64;
    for payload in demo.payloads(BATCH_RECORDS) {
        block_on(subscription.take(payload.as_bytes(), now, &mut store, &bucket)).unwrap();
        batches += 1;
    }
    let objects = bucket.objects();
    let archived = objects
        .iter()
        .filter(|(key, _)| key.starts_with("archive/"));
    let bytes: usize = archived.clone().map(|(_, object)| object.len()).sum();
    let counted = json!({
        "batches": batches,
        "objects": archived.count(),
        // Rounded, because another version of the compression needs some bytes more or less.
        "kilobytes": bytes.div_ceil(10_000) * 10,
    });
    assert_counted("archive_of_the_demo", &counted);
}

/// A change that is not watched is admitted by `changes` and takes no write unit. Texts that are no JSON are admitted by no
/// pattern.
#[test]
fn each_coverage_takes_no_more_records_and_write_units_of_the_demo_than_this() {
    let demo = demo::trail(&demo::Plan::default());
    let texts = demo.files.iter().flat_map(|file| &file.records);
    let records = texts.filter_map(|text| serde_json::from_str(text).ok());
    let records: Vec<Value> = records.collect();
    let mut counted = json!(by_coverage(&records));
    let [watched, changes] = ["watched", "changes"].map(|name| &counted[name]);
    assert!(watched["records"].as_u64() < changes["records"].as_u64());
    assert_eq!(watched["write_units"], changes["write_units"]);
    counted["all"] = json!({"records": records.len()});
    assert_counted("coverage_of_the_demo", &counted);
}

/// Returns the failed calls of an hour: two in each of a number of clusters.
fn failures(hour: i64, clusters: u64) -> Vec<Value> {
    let failure = |number: u64| {
        let at = START + hour * HOUR + i64::try_from(number).unwrap() * 10;
        record(json!({
            "eventID": id(u64::try_from(hour).unwrap() * 10_000 + number),
            "eventTime": Timestamp::from_seconds(at).unwrap().to_string(),
            "eventName": format!("GetThing{}", number % clusters),
            "errorCode": "ThrottlingException",
        }))
    };
    (0..2 * clusters).map(failure).collect()
}

/// Commits hours of failed calls, each as one batch, and runs the inspection after each. Returns the cost of the last
/// run, and the size in bytes of the segments of an hour.
fn steady(clusters: u64) -> (Value, u64) {
    let (table, bucket, clock) = (
        MemoryTable::default(),
        MemoryBucket::default(),
        ManualClock::default(),
    );
    let mut counted = Value::Null;
    for hour in 0..12 {
        let at = START + (hour + 1) * HOUR + 1200;
        clock.set(at);
        let mut store = store(&table, telling());
        store.set_now(Timestamp::from_seconds(at).unwrap());
        ingest(&mut store, &lines(&failures(hour, clusters)));
        let before = taken(store.table());
        let plan = RunLimits {
            retention_days: 35,
            deadline: i64::MAX,
            summaries: Summaries::New,
            keys: keys(),
            diagnosis: None,
        };
        let directory = Directory::new(clock.clone());
        block_on(run(&mut store, &bucket, &directory, &clock, &plan)).unwrap();
        counted = since(before, taken(store.table()));
    }
    let items = table.items();
    let segments: Vec<_> = items
        .iter()
        .filter(|item| item.key.pk.starts_with("M#"))
        .collect();
    let bytes: u64 = segments.iter().map(|item| crate::table::size(item)).sum();
    (counted, bytes / segments.len() as u64)
}

#[test]
fn an_inspection_reads_what_came_and_not_what_it_knows() {
    for clusters in [1, 200] {
        let (mut counted, bytes) = steady(clusters);
        counted["bytes_of_an_hour"] = json!(bytes);
        assert_counted(&format!("inspection_of_{clusters}_clusters"), &counted);
    }
}

#[test]
fn an_alert_reads_the_hours_around_it_and_the_heads_of_what_failed_in_them() {
    for clusters in [1, 200] {
        let table = MemoryTable::default();
        let clock = ManualClock::default();
        for hour in 0..3 {
            let at = START + hour * HOUR + 3500;
            clock.set(at);
            let mut store = store(&table, telling());
            store.set_now(Timestamp::from_seconds(at).unwrap());
            ingest(&mut store, &lines(&failures(hour, clusters)));
            deliver(&store, &clock);
        }
        let new = record(json!({
            "eventID": id(77),
            "eventTime": clock.now().to_string(),
            "eventName": "GetNewThing",
            "errorCode": "ThrottlingException",
        }));
        let mut store = store(&table, telling());
        store.set_now(clock.now());
        ingest(&mut store, &lines(&[new]));
        let before = taken(store.table());
        assert_eq!(deliver(&store, &clock), 1);
        let counted = since(before, taken(store.table()));
        assert_counted(&format!("alert_among_{clusters}_clusters"), &counted);
    }
}
