//! The last lines of a list, above the prompt: how much of which severity, what was read, and what to do next.

use std::collections::BTreeMap;

use alerts::severity::Severity;
use view::grouped;

use super::details::minute;
use super::ids::Ids;
use super::layout::wrapped;
use super::screen::Screen;
use crate::counts::{excluded, outcomes};
use crate::entry::{self, Kind};
use crate::place::Place;
use crate::source::{Scanned, StoreAnswer};

/// The number of excluded accounts that the totals name.
const EXCLUDED_SHOWN: usize = 5;

/// Returns a number and its noun, with the digits in groups.
fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// Returns the totals of a scan.
pub fn of_scan(scanned: &Scanned, answer: &StoreAnswer, place: &Place, screen: &Screen) -> String {
    let counts = &scanned.record_counts;
    let mut lines = Vec::new();
    // Without an event, nothing is known about failures.
    let is_known = counts.events() > 0 || answer.as_of.is_some();
    if is_known {
        lines.push(all(answer));
        lines.extend(hidden(Kind::Cluster, answer));
    }
    lines.push(read(scanned, screen));
    let kinds = [Kind::Cluster, Kind::SensitiveCall, Kind::Incident];
    lines.extend(kinds.into_iter().find_map(|kind| next(kind, answer, place)));
    wrapped(&lines.join("\n"), screen.width)
}

/// Returns what was read, and how much of it was not readable; on a verbose screen with all outcomes.
fn read(scanned: &Scanned, screen: &Screen) -> String {
    let counts = &scanned.record_counts;
    let files = counted(scanned.files as u64, "file");
    let mut read = match screen.verbose {
        true => outcomes(counts, &files).trim_end().to_owned(),
        false => format!("{} read from {files}", counted(counts.read, "record")),
    };
    let unreadable = counts.quarantined();
    if unreadable > 0 && !screen.verbose {
        read.push_str(&format!(
            ", {} not readable (-v lists them)",
            grouped(unreadable)
        ));
    }
    if !screen.verbose
        && let Some(excluded) = excluded(counts, EXCLUDED_SHOWN)
    {
        read.push_str(&format!(", {excluded}"));
    }
    if !scanned.failed.is_empty() {
        read.push_str(&format!(
            ", {} could not be read",
            counted(scanned.failed.len() as u64, "input")
        ));
    }
    read
}

/// Returns the totals of a list of one kind.
pub fn of_list(kind: Kind, answer: &StoreAnswer, place: &Place, screen: &Screen) -> String {
    let calls = entry::calls(answer);
    let incidents = &answer.incidents.incidents;
    let mut lines = match kind {
        Kind::Cluster => vec![all(answer)],
        Kind::SensitiveCall => {
            let severities = calls.iter().map(|(severity, _)| *severity);
            vec![graded(severities, "sensitive call") + &as_of(answer)]
        }
        Kind::Incident => {
            let severities = incidents.iter().map(|of| of.severity.into());
            vec![graded(severities, "incident") + &as_of(answer)]
        }
    };
    lines.extend(hidden(kind, answer));
    if kind == Kind::Cluster && !calls.is_empty() {
        lines.push("The sensitive calls are in calls list".to_owned());
    }
    lines.extend(next(kind, answer, place));
    wrapped(&lines.join("\n"), screen.width)
}

/// Returns the numbers of clusters by severity, of sensitive calls and of incidents.
fn all(answer: &StoreAnswer) -> String {
    let clusters = entry::clusters(answer);
    let mut text = graded(clusters.iter().map(|(severity, _)| *severity), "cluster");
    let numbers = answer.numbers();
    for (count, noun) in [
        (numbers.calls, "sensitive call"),
        (numbers.incidents, "incident"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {}", counted(count as u64, noun)));
        }
    }
    text + &as_of(answer)
}

/// Returns a number with its noun, and the number of each severity: `3 clusters: 2 error, 1 info`.
fn graded(severities: impl Iterator<Item = Severity>, noun: &str) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for severity in severities {
        *counts.entry(severity).or_default() += 1;
    }
    let all = counted(counts.values().sum::<usize>() as u64, noun);
    let by_severity = counts.iter().rev();
    let by_severity: Vec<String> = by_severity
        .map(|(severity, count)| format!("{} {}", grouped(*count as u64), severity.name()))
        .collect();
    match by_severity.is_empty() {
        true => all,
        false => format!("{all}: {}", by_severity.join(", ")),
    }
}

fn as_of(answer: &StoreAnswer) -> String {
    let as_of = answer
        .as_of
        .map(|at| format!(" - as of {} UTC", minute(Some(at))));
    as_of.unwrap_or_default()
}

/// Returns what the filters hide in a list; for clusters, of all kinds. `None` if they hide nothing.
fn hidden(kind: Kind, answer: &StoreAnswer) -> Option<String> {
    let nouns = [
        (Kind::Cluster, "cluster"),
        (Kind::SensitiveCall, "sensitive call"),
        (Kind::Incident, "incident"),
    ];
    let parts: Vec<String> = nouns
        .into_iter()
        .filter(|(of, _)| *of == kind || kind == Kind::Cluster)
        .map(|(of, noun)| (of.number(answer.hidden), noun))
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count as u64, noun))
        .collect();
    (!parts.is_empty()).then(|| format!("Hidden by the filters: {}", parts.join(", ")))
}

/// Returns the command that shows the first entry of a list; `None` if it is empty.
fn next(kind: Kind, answer: &StoreAnswer, place: &Place) -> Option<String> {
    let noun = match kind {
        Kind::Incident => "incidents",
        Kind::SensitiveCall => "calls",
        Kind::Cluster => "clusters",
    };
    let first = entry::entries(kind, answer).next()?;
    let ids = Ids::of(kind, answer);
    Some(place.show(noun, ids.beginning(&first.id)))
}
