//! Concurrent deliveries by CloudWatch Logs, against an emulator of DynamoDB.
//!
//! The same events come three times, cut differently each time and in any order, to four functions at the same time. In
//! the end each event counts once, in the same cluster as if all events had been processed at once.

use std::sync::Mutex;

use ::demo;
use aws::dynamodb::item::segment_hour;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::table::{Item, Table as _};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::Tally;
use clusters::segment::Segment;
use fastrand::Rng;
use input::file;
use input::{Layout, Limits};
use service::ingest::{Folded, commit, fold};
use service::memory::MemoryStore;
use service::ports::Store as _;
use service::rules::Rules;

use crate::corpus::corpus;
use crate::emulator::{self, Emulator};

const EVENTS: usize = 2_000;
const DELIVERIES: usize = 3;
const FUNCTIONS: usize = 4;

/// Maximum number of events of one file, so that files with many events do not displace the others.
const EVENTS_OF_FILE_MAX: usize = 1_300;

const BATCH_MAX: usize = 400;

/// Number of retries of a batch when the table is busy.
const ATTEMPTS_MAX: usize = 10;

fn folded(records: &[String]) -> Folded {
    let (limits, rules) = (Limits::default(), Rules::default());
    let input = records.join("\n");
    fold(input.as_bytes(), Layout::Lines, &limits, None, &rules).unwrap()
}

/// Returns the records that count, each an event of its own.
fn records() -> Vec<String> {
    let counts = |text: &String| {
        text.contains("\"error") && folded(std::slice::from_ref(text)).events() == 1
    };
    let mut records: Vec<String> = Vec::new();
    for file in files() {
        records.extend(file.into_iter().filter(counts).take(EVENTS_OF_FILE_MAX));
    }
    let mut seen = Tally::default();
    records.retain(|text| {
        let folded = folded(std::slice::from_ref(text));
        let (id, sighting) = folded.tally().sightings.iter().next().unwrap();
        seen.insert(*id, sighting.clone())
    });
    assert!(records.len() >= EVENTS, "only {} events", records.len());
    records.truncate(EVENTS);
    records
}

/// Returns the records of real files, else of the demo trail.
fn files() -> Vec<Vec<String>> {
    let Some(folder) = corpus("events") else {
        let trail = demo::trail(&demo::Plan::default());
        return trail.files.into_iter().map(|file| file.records).collect();
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let records = |path| {
        let mut records = Vec::new();
        let mut visit = |item: input::InputItem<'_>| {
            if let input::InputItem::Record { text, .. } = item {
                records.push(text.replace(['\n', '\r'], " "));
            }
        };
        let content = std::fs::File::open(path).unwrap();
        file::read_reference(content, Layout::Lines, &Limits::default(), &mut visit).unwrap();
        records
    };
    paths.into_iter().map(records).collect()
}

/// Returns all deliveries, each cut differently, in random order.
fn batches(records: &[String], dice: &mut Rng) -> Vec<Vec<String>> {
    let mut batches = Vec::new();
    for _ in 0..DELIVERIES {
        let mut left = records.to_vec();
        dice.shuffle(&mut left);
        while !left.is_empty() {
            let count = left.len().min(1 + dice.usize(0..BATCH_MAX));
            batches.push(left.split_off(left.len() - count));
        }
    }
    dice.shuffle(&mut batches);
    batches
}

/// Commits batches one after another until there are none left, as one function.
fn work(mut store: DynamoStore<SdkTable>, batches: &Mutex<Vec<Vec<String>>>) {
    emulator::enter();
    while let Some(batch) = next(batches) {
        let is_committed = (0..ATTEMPTS_MAX).any(|_| {
            let done = pollster::block_on(commit(&mut store, "test", folded(&batch)));
            done.inspect_err(|error| eprintln!("again: {error}"))
                .is_ok()
        });
        assert!(is_committed, "a batch cannot be committed");
    }
}

fn next(batches: &Mutex<Vec<Vec<String>>>) -> Option<Vec<String>> {
    batches.lock().unwrap().pop()
}

/// Returns the union of all segments; of two records of one event the lesser.
fn told(table: &SdkTable) -> Tally {
    let mut tally = Tally::default();
    let mut visit = |item: Item| {
        let Some(hour) = segment_hour(&item.key.pk) else {
            return;
        };
        let segment = Segment::decode(hour.window(), item.bytes_of("mf").unwrap()).unwrap();
        for (id, sighting) in segment.sightings() {
            tally.insert(id, sighting.clone());
        }
    };
    pollster::block_on(table.scan(&mut visit)).unwrap();
    tally
}

#[test]
fn three_deliveries_to_four_functions_at_once_put_each_event_where_one_look_does() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let records = records();
    let batches = Mutex::new(batches(&records, &mut Rng::with_seed(0x5eed)));
    std::thread::scope(|scope| {
        for _ in 0..FUNCTIONS {
            let store = emulator.store(TableSettings::default());
            let batches = &batches;
            scope.spawn(move || work(store, batches));
        }
    });
    let once = folded(&records);
    let found = told(&emulator.sdk_table());
    assert_eq!(once.events(), EVENTS);
    assert_eq!(found.sightings.len(), EVENTS);
    for (id, sighting) in &once.tally().sightings {
        let found = &found.sightings[id];
        assert_eq!(found.series.cluster, sighting.series.cluster, "{id:?}");
        assert_eq!(found, sighting, "{id:?}");
    }
    let mut memory = MemoryStore::default();
    pollster::block_on(commit(&mut memory, "test", once)).unwrap();
    let sums = pollster::block_on(emulator.store(TableSettings::default()).sums(None)).unwrap();
    assert!(sums == pollster::block_on(memory.sums(None)).unwrap());
}
