//! Prints the history of a cluster: periods in which it was failing or quiet, status changes and decisions.

use clusters::journal::{Fault, JournalEntry, JournalEvent, OWN_ACTOR};
use records::time::{Timestamp, duration};

use crate::open_store::ClusterJournal;

/// Returns the history of a cluster as text: its failing and quiet periods, then its journal entries; both oldest
/// first.
pub fn text(history: &ClusterJournal) -> String {
    let mut lines = faults(&history.faults);
    if !lines.is_empty() && !history.entries.is_empty() {
        lines.push(String::new());
    }
    lines.extend(history.entries.iter().map(entry));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns one line of text for each failing period of a cluster, and for each quiet period between two of them.
pub fn faults(faults: &[Fault]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ended_at = None;
    for fault in faults {
        if let Some(end) = ended_at.filter(|end| *end < fault.from) {
            let quiet = duration(fault.from.seconds_since(end));
            lines.push(between(end, fault.from, &format!("quiet for {quiet}")));
        }
        ended_at = fault.until;
        let Some((until, seconds)) = fault.until.zip(fault.seconds()) else {
            let since = format!("since {}", minute(fault.from));
            lines.push(format!("{since:<36}  failing"));
            continue;
        };
        let ended = fault.ended.map(JournalEvent::name).unwrap_or_default();
        let comma = if ended.is_empty() { "" } else { ", " };
        let failed = format!("failed for {}{comma}{ended}", duration(seconds));
        lines.push(between(fault.from, until, &failed));
    }
    lines
}

fn between(from: Timestamp, until: Timestamp, words: &str) -> String {
    format!("{} to {}  {words}", minute(from), minute(until))
}

/// Returns an entry of a cluster's journal as one line: time, event, detail, actor (unless it is this product itself)
/// and reason.
pub fn entry(entry: &JournalEntry) -> String {
    let name = entry.what.name();
    let mut line = format!("{}  ", minute(entry.at));
    line.push_str(&match entry.detail.as_str() {
        "" => name.to_owned(),
        // The detail of a decision already begins with the name.
        detail if detail.starts_with(name) => detail.to_owned(),
        detail => format!("{name}: {detail}"),
    });
    if entry.actor != OWN_ACTOR {
        line.push_str(&format!(", by {}", entry.actor));
    }
    if !entry.reason.is_empty() {
        line.push_str(&format!(": {}", entry.reason));
    }
    line
}

/// Returns a time as `2026-11-21 08:00`, in UTC.
fn minute(time: Timestamp) -> String {
    time.to_string()
        .replace('T', " ")
        .chars()
        .take(16)
        .collect()
}

#[cfg(test)]
mod tests {
    use clusters::journal::history;
    use clusters::triage::{Decision, Triage, Until};
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_history_has_failing_and_quiet_periods_and_decisions() {
        /// 2026-11-02T08:00:00Z.
        const START: i64 = 1_793_606_400;
        const HOUR: i64 = 3600;
        let at = |hours: i64| Timestamp::from_seconds(START + hours * HOUR).unwrap();
        let by_ann = |decision, hours, reason, episode| {
            Triage::new(decision, "ann", reason, at(hours), episode).made()
        };
        let until = Until::parse("100x/1h").unwrap();
        let entries = vec![
            by_ann(Decision::Acknowledged, 1, "on it", 1),
            JournalEntry::of(JournalEvent::Ongoing, at(24), 1),
            by_ann(Decision::Resolved, 29, "the policy allows it now", 1),
            JournalEntry::of(JournalEvent::Regressed, at(77), 2),
            by_ann(Decision::Archived { until }, 78, "known noise", 2),
            JournalEntry::of(JournalEvent::Escalating, at(80), 2).about("120 events in an hour"),
            JournalEntry::of(JournalEvent::Recovered, at(248), 2),
            JournalEntry::of(JournalEvent::Regressed, at(300), 3),
        ];
        let faults = history(Timestamp::from_seconds(START), &entries);
        let expected = expect![[r#"
            2026-11-02 08:00 to 2026-11-03 13:00  failed for 1d 5h, resolved
            2026-11-03 13:00 to 2026-11-05 13:00  quiet for 2d
            2026-11-05 13:00 to 2026-11-12 16:00  failed for 7d 3h, recovered
            2026-11-12 16:00 to 2026-11-14 20:00  quiet for 2d 4h
            since 2026-11-14 20:00                failing

            2026-11-02 09:00  acknowledged, by ann: on it
            2026-11-03 08:00  ongoing
            2026-11-03 13:00  resolved, by ann: the policy allows it now
            2026-11-05 13:00  regressed
            2026-11-05 14:00  archived until 100 events come in an hour, by ann: known noise
            2026-11-05 16:00  escalating: 120 events in an hour
            2026-11-12 16:00  recovered
            2026-11-14 20:00  regressed
        "#]];
        expected.assert_eq(&text(&ClusterJournal { faults, entries }));
        assert_eq!(text(&ClusterJournal::default()), "");
    }
}
