//! Words counts for people: a number with its noun, and the totals of records by outcome.

use std::collections::BTreeMap;

use clusters::report::RecordCounts;

/// Returns the number of records by outcome (not selected, clustered, duplicate, ignored, quarantined), as text in
/// two lines, and in a third line the accounts that were excluded, if there are any.
///
/// `inputs` describes what was read, such as `3 files`.
pub fn outcomes(record_counts: &RecordCounts, inputs: &str) -> String {
    let outcomes = format!(
        "{} in {inputs}: {} not selected{}, {} selected\n\
         {} selected: {} clustered, {} duplicate, {} ignored{}, {} quarantined{}\n",
        counted(record_counts.read, "record"),
        record_counts.not_selected(),
        reasons(&record_counts.not_selected),
        record_counts.selected,
        record_counts.selected,
        record_counts.clustered,
        record_counts.duplicate,
        record_counts.ignored(),
        reasons(&record_counts.ignored),
        record_counts.quarantined(),
        reasons(&record_counts.quarantined),
    );
    let excluded = excluded(record_counts, usize::MAX);
    excluded.map_or_else(|| outcomes.clone(), |line| format!("{outcomes}{line}\n"))
}

/// Returns how many records of which accounts were excluded, as a line without its end; `None` if none were. It names at
/// most `count_max` accounts.
pub fn excluded(record_counts: &RecordCounts, count_max: usize) -> Option<String> {
    let accounts = record_counts.excluded_text(count_max)?;
    let records = counted(record_counts.excluded(), "record");
    Some(format!("{records} excluded by account ({accounts})"))
}

/// Returns a number and its noun as text, such as `3 files`. The noun gets an `s` unless the number is 1.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn reasons(counts: &BTreeMap<&str, u64>) -> String {
    let reasons: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    }
}
