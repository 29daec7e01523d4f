//! The golden identities: which cluster each fixture belongs to, and why.
//!
//! Users link to clusters by ID and write notes about them, so an ID must mean the same for years.
//!
//! A changed line in `identities.txt` is not a test to update. Either the code should not have changed an identity, or
//! the change is a new version in `src/clusters/fingerprint.rs`. So lines are edited by hand, together with `VERSION`,
//! and no variable updates the file. New fixtures add new lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clusters::class::Class;
use clusters::fingerprint::{Identity, VERSION, identify};
use clusters::selection::{Selection, select};
use records::{Record, Wrapper};

use crate::fixtures::{fixture, names};

const GOLDEN: &str = include_str!("../fixtures/identities.txt");

/// Prints the identity of a fixture on one line: each component in quotes, absent components as `-`.
fn identity_line(name: &str) -> String {
    let text = fixture(name).to_string();
    let record = Record::parse(&text).unwrap();
    let class = match select(&record) {
        Selection::Clustered(class) => class,
        Selection::Ignored(class, reason) => {
            return format!("{name} - ignored {} {reason}", class.name());
        }
        Selection::NotSelected(reason) => return format!("{name} - not selected {reason}"),
    };
    let identity = identify(&record, &Wrapper::default(), class).identity;
    let mut line = format!("{name} {} {VERSION}", identity.cluster_id());
    let Identity {
        partition,
        account_id,
        service,
        action,
        class,
        code,
        cause,
        template,
        addition: _,
    } = &identity;
    for component in [
        Some(partition.as_str()),
        Some(account_id),
        Some(service),
        Some(action),
        Some(class.name()),
        Some(code),
        cause.as_deref(),
        template.as_deref(),
    ] {
        match component {
            Some(text) => write!(line, " {text:?}").unwrap(),
            None => line.push_str(" -"),
        }
    }
    line
}

#[test]
fn no_identity_changes_without_a_new_version_of_the_fingerprint() {
    let lines: Vec<String> = names().iter().map(|name| identity_line(name)).collect();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    let mut changes = String::new();
    for line in golden
        .iter()
        .filter(|line| !lines.iter().any(|new| new == *line))
    {
        writeln!(changes, "- {line}").unwrap();
    }
    for line in lines.iter().filter(|line| !golden.contains(&line.as_str())) {
        writeln!(changes, "+ {line}").unwrap();
    }
    assert!(
        changes.is_empty(),
        "A line that goes is an identity that changed: people who know the cluster by its id lose \
         it. Undo that, or make it a new version in src/clusters/fingerprint.rs and change \
         tests/fixtures/identities.txt by hand. A line that only comes belongs to a new fixture.\n\
         {changes}"
    );
    assert_eq!(
        golden, lines,
        "the lines are sorted by file, and none is there twice"
    );
}

#[test]
fn the_golden_identities_hold_a_record_of_every_class() {
    let held: BTreeSet<Class> = names()
        .iter()
        .filter_map(|name| {
            let text = fixture(name).to_string();
            match select(&Record::parse(&text).unwrap()) {
                Selection::Clustered(class) | Selection::Ignored(class, _) => Some(class),
                Selection::NotSelected(_) => None,
            }
        })
        .collect();
    // A sensitive call has no class of failures. Its id changes with what is kept of a call, because it has no history.
    for class in Class::ALL.into_iter().filter(|of| *of != Class::Watch) {
        assert!(
            held.contains(&class),
            "no fixture of class {}",
            class.name()
        );
    }
}
