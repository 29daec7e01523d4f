//! How many records each coverage admits, and what they take in the table.

use std::collections::BTreeMap;

use input::{Layout, Limits};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::coverage::Coverage;
use service::ingest::{Folding, commit};
use service::rules::Rules;

use crate::filter_pattern::Pattern;
use crate::table::{MemoryTable, learning, now, store};

/// Number of records of which a subscription delivers those that its pattern admits as one batch. In the demo 13 of these
/// are errors, which is the mean of what CloudWatch Logs delivers for real errors.
const BATCH_RECORDS: usize = 130;

/// Counts for each coverage of the template how many of some records it admits, and the write units that these take as
/// DynamoDB bills them. The time between batches is so long that no cluster item is cached, which is the most expensive
/// case.
pub fn by_coverage(records: &[Value]) -> BTreeMap<&'static str, Value> {
    let count = |coverage: Coverage| {
        let pattern = Pattern::parse(pattern(coverage));
        let batches = records.chunks(BATCH_RECORDS).map(|batch| {
            let admitted = batch.iter().filter(|record| pattern.matches(record));
            admitted.map(Value::to_string).collect::<Vec<_>>()
        });
        let batches: Vec<_> = batches.filter(|batch| !batch.is_empty()).collect();
        let count = batches.iter().map(Vec::len).sum::<usize>();
        let counted = json!({"records": count, "write_units": write_units(&batches)});
        (coverage.name(), counted)
    };
    Coverage::ALL.map(count).into()
}

/// Returns the pattern of a coverage in the template.
pub fn pattern(coverage: Coverage) -> &'static str {
    let template = include_str!("../../template.yaml");
    let (_, rows) = template.split_once("\n  FilterPatterns:\n").unwrap();
    let row = format!("    {}:\n      Pattern: ", coverage.name());
    let (_, rest) = rows.split_once(&row).unwrap();
    rest.lines().next().unwrap().trim_matches('\'')
}

/// Returns the write units that batches of records take.
fn write_units(batches: &[Vec<String>]) -> u64 {
    let rules = Rules::default();
    let table = MemoryTable::default();
    let mut store = store(&table, learning());
    let mut folding = Folding::new(Limits::default(), &rules).with_samples();
    let mut time = now().seconds();
    for batch in batches {
        time += 120;
        store.set_now(Timestamp::from_seconds(time).unwrap());
        let lines = batch.join("\n");
        let folded = folding.fold(lines.as_bytes(), Layout::Guess, None).unwrap();
        let done = block_on(commit(&mut store, "batch", folded)).unwrap();
        folding.learn(&done);
    }
    aws::dynamodb::table::Table::spent(store.table()).write_units
}
