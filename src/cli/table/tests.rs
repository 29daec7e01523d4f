//! Tables of the demo and of real events in terminals of several widths.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use demo::{Plan, trail};
use expect_test::expect_file;
use input::{Layout, Limits};
use service::ingest::{self, Folding};
use service::memory::MemoryStore;
use service::rules::Rules;

use super::layout::width;
use super::*;
use crate::source::{SourceArguments, StoreQuery, answer};
use crate::stack::TableArguments;

fn query() -> StoreQuery {
    StoreQuery {
        replay: true,
        incidents: true,
        samples: true,
        ..StoreQuery::default()
    }
}

fn screen(width: usize, verbose: bool) -> Screen {
    Screen {
        width,
        colours: false,
        links: false,
        verbose,
    }
}

fn place() -> Place {
    Place::of(Some(Path::new("trail.db")), &TableArguments::default())
}

/// Returns a scan of the trail of the demo.
fn demo(hours: u32) -> (Scanned, StoreAnswer) {
    let plan = Plan {
        hours,
        events_per_hour: 300,
        ..Plan::default()
    };
    let (mut store, mut scanned) = (MemoryStore::default(), Scanned::default());
    let rules = Rules::default();
    let mut folding = Folding::new(Limits::default(), &rules).with_samples();
    for file in trail(&plan).files {
        let json = file.json();
        let folded = folding.fold(json.as_bytes(), Layout::Guess, None);
        let folded = folded.unwrap();
        let ingested = pollster::block_on(ingest::commit(&mut store, &file.name, folded)).unwrap();
        scanned.record_counts.add(&ingested.record_counts);
        scanned.files += 1;
    }
    let answer = answer(&store, query()).unwrap();
    (scanned, answer)
}

/// Checks that no line is wider than the screen, and that each word is whole or ends in `…`.
fn assert_fits(scanned: &Scanned, answer: &StoreAnswer) {
    let ids: Vec<String> = answer
        .snapshot
        .facts
        .keys()
        .map(ToString::to_string)
        .collect();
    for verbose in [false, true] {
        let text = |width, limit| scan(scanned, answer, limit, &place(), &screen(width, verbose));
        let wide = text(10_000, Some(0));
        let mut words: BTreeSet<&str> = wide.split_whitespace().collect();
        words.extend(["CRIT", "ERR", "WARN", "INFO", "…"]);
        words.extend(ids.iter().map(|id| &id[..4]));
        let incidents = answer.incidents.incidents.iter();
        words.extend(incidents.map(|of| &of.id.text()[..6]));
        for columns in [40, 60, 80, 120, 200] {
            for line in text(columns, Some(0)).lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
                for word in line.split_whitespace() {
                    let is_whole =
                        words.contains(word) || ids.iter().any(|id| id.starts_with(word));
                    let is_cut = || {
                        let start = word.strip_suffix('…').or(word.strip_suffix("…,"));
                        start.is_some_and(|start| words.iter().any(|of| of.starts_with(start)))
                    };
                    assert!(is_whole || is_cut(), "{columns}: {word} in {line}");
                }
            }
        }
    }
}

#[test]
fn a_table_fits_any_terminal_and_breaks_no_word() {
    let (scanned, answer) = demo(30);
    assert_fits(&scanned, &answer);
    let text = |width| scan(&scanned, &answer, None, &place(), &screen(width, false));
    expect_file!["demo_80.txt"].assert_eq(&text(80));
    expect_file!["demo_120.txt"].assert_eq(&text(120));
}

#[test]
fn real_events_fit_any_terminal() {
    #[expect(
        clippy::disallowed_methods,
        reason = "where real events are is the machine's to say"
    )]
    let corpus = std::env::var("CLOUDTRAIL_CORPUS").map_or_else(
        // Unit tests run in the folder of their crate.
        |_| Path::new("../../../shared/cloudtrail").to_owned(),
        PathBuf::from,
    );
    let events = corpus.join("events");
    if !events.exists() {
        eprintln!("skipped: there are no real events in {}", events.display());
        return;
    }
    let source = SourceArguments::in_memory(None);
    let (scanned, answer) = source.scan(&[events], query()).unwrap();
    assert_fits(&scanned, &answer);
}

#[test]
fn links_and_colours_take_no_column() {
    let (scanned, answer) = demo(2);
    let text = |colours| {
        let screen = Screen {
            colours,
            links: colours,
            ..screen(80, false)
        };
        scan(&scanned, &answer, None, &place(), &screen)
    };
    let (plain, styled) = (text(false), text(true));
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(styled.contains("\u{1b}[31mERR\u{1b}[0m"), "{styled}");
    let without_links = styled.split("\u{1b}]8;;").map(|part| {
        let (url, text) = part.split_once("\u{1b}\\").unwrap_or(("", part));
        assert!(url.is_empty() || url.starts_with("https://console."));
        text
    });
    let mut bare = without_links.collect::<String>();
    for style in ["0", "1", "2", "31", "33", "90", "1;35"] {
        bare = bare.replace(&format!("\u{1b}[{style}m"), "");
    }
    assert_eq!(bare, plain);
}
