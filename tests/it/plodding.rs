//! What is fast comes to the same as what is slow: every input is read a byte after another and
//! every record parsed, and again with all that spares work.

use std::fs;

use cloudtrail_inspector::cluster::class::SIEVE;
use cloudtrail_inspector::demo::{Plan, payload, trail};
use cloudtrail_inspector::trail::file::{Layout, Limits, Reader};
use walkdir::WalkDir;

use crate::corpus::corpus;
use crate::fuzz::checks::{assert_agreement, assert_same_fold};

#[test]
fn real_events_come_out_the_same() {
    let mut reader = Reader::new(&SIEVE);
    for folder in ["events", "trail-files"] {
        let Some(path) = corpus(folder) else { return };
        for entry in WalkDir::new(path).sort_by_file_name() {
            let file = entry.unwrap().into_path();
            if file.is_dir() {
                continue;
            }
            let input = fs::read(&file).unwrap();
            let is_lines = file.to_string_lossy().contains(".jsonl");
            let layout = if is_lines {
                Layout::Lines
            } else {
                Layout::Guess
            };
            assert_agreement(&mut reader, &input, layout, &Limits::default());
            assert_same_fold(&input, layout);
        }
    }
}

#[test]
fn made_up_trails_come_out_the_same() {
    let mut reader = Reader::new(&SIEVE);
    for seed in 0..4 {
        let plan = Plan {
            seed,
            hours: 2,
            events_per_hour: 600,
            ..Plan::default()
        };
        for file in trail(&plan).files {
            let records = file.records.join(",");
            let payload = payload("111122223333", "us-east-1", &file.records);
            for (input, layout) in [
                (format!("{{\"Records\":[{records}]}}"), Layout::Guess),
                (file.records.join("\n"), Layout::Lines),
                (payload.clone(), Layout::Guess),
                (payload, Layout::Subscription),
            ] {
                assert_agreement(&mut reader, input.as_bytes(), layout, &Limits::default());
                assert_same_fold(input.as_bytes(), layout);
            }
        }
    }
}
