//! Counts how many records of real trails each coverage admits, and the write units that they take.
//!
//! Usage: `coverage NAME=PATH…`, each path a file or folder of trail files or of lines with one record each. Prints one line
//! of JSON for each name.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark should stop at the first error"
)]

#[path = "../tests/it/coverage_units.rs"]
mod coverage_units;
#[path = "files.rs"]
mod files;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/filter_pattern.rs"]
mod filter_pattern;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/table.rs"]
mod table;

use std::path::Path;

use input::file::read_reference;
use input::{InputItem, Layout, Limits};
use serde_json::{Value, json};

fn main() {
    for argument in std::env::args().skip(1) {
        let (name, path) = argument.split_once('=').unwrap();
        let mut records = Vec::new();
        for file in files::files(Path::new(path)).unwrap() {
            records.extend(records_of(&file));
        }
        let counted = json!({
            "name": name,
            "records": records.len(),
            "coverage": coverage_units::by_coverage(&records),
        });
        #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
        {
            println!("{counted}");
        }
    }
}

/// Returns the records of a file that are JSON objects.
fn records_of(file: &Path) -> Vec<Value> {
    let content = std::fs::read(file).unwrap();
    let mut records = Vec::new();
    let mut visit = |item: InputItem<'_>| {
        if let InputItem::Record { text, .. } = item {
            records.extend(serde_json::from_str::<Value>(&text).ok());
        }
    };
    read_reference(&content[..], Layout::Guess, &Limits::default(), &mut visit).unwrap();
    records
}
