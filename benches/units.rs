//! Counts the calls and write units that DynamoDB bills for ingesting a folder of payloads.
//!
//! Usage: `units SINKS PATH…`, the number of sinks, and payloads or folders of payloads. Prints one line of JSON. The
//! table is the in-memory table of the tests, which counts write units as DynamoDB does.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark should stop at the first error"
)]

#[path = "files.rs"]
mod files;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use aws::dynamodb::TableSettings;
use input::{Layout, Limits};
use service::ingest::{Folding, commit};
use service::ports::Store as _;
use service::rules::Rules;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let sinks: usize = arguments.next().unwrap().parse().unwrap();
    let table = table::MemoryTable::default();
    let settings = TableSettings {
        sinks: (0..sinks).map(|number| format!("sink{number}")).collect(),
        learn_hours: 0,
        ..TableSettings::default()
    };
    let mut store = table::store(&table, settings);
    let rules = Rules::default();
    let mut folding = Folding::new(Limits::default(), &rules).with_samples();
    let (mut events, mut calls, mut write_units, mut batches) = (0, 0, 0, 0_u64);
    for path in arguments.flat_map(|path| files::files(Path::new(&path)).unwrap()) {
        let content = std::fs::read(&path).unwrap();
        let folded = folding.fold(&content[..], Layout::Guess, None).unwrap();
        let done = pollster::block_on(commit(&mut store, "payload", folded)).unwrap();
        folding.learn(&done);
        events += done.record_counts.clustered;
        calls += done.spent.calls;
        write_units += done.spent.write_units;
        batches += 1;
    }
    let timeline = pollster::block_on(store.timeline()).unwrap();
    let hours: BTreeSet<_> = timeline
        .iter()
        .map(|(cluster, hour, _)| (cluster, hour))
        .collect();
    let count = |start: &str, middle: &str| {
        let items = table.items().into_iter();
        let is = |key: &aws::dynamodb::table::Key| {
            key.pk.starts_with(start) && key.sk.starts_with(middle)
        };
        items.filter(|item| is(&item.key)).count()
    };
    let million = |units: u64| units * 1_000_000 / events;
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        println!(
            r#"{{"events":{events},"batches":{batches},"calls":{calls},"write_units":{write_units},"folding":{},"write_units_per_million":{},"heads":{},"callers":{},"samples":{},"manifests":{},"rows":{}}}"#,
            hours.len(),
            million(write_units + hours.len() as u64),
            count("C#", "HEAD"),
            count("C#", "F#"),
            count("C#", "S#"),
            count("M#", ""),
            count("O#", ""),
        );
    }
}
