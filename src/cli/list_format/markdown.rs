//! Lists as Markdown tables, as GitHub renders them. Text of callers is nothing but text in them: no link, no mention, no HTML.

use std::fmt::Write as _;

use clusters::ranking::RankingEntry;
use records::redact::sanitize;
use records::time::Timestamp;

use crate::entry::{self, Entry, Kind};
use crate::source::StoreAnswer;
use crate::table::named;

/// Returns a list of some kinds: for each kind a title and a table of at most `limit` rows; 0 is no limit. Kinds without entries are
/// left out.
pub fn list(answer: &StoreAnswer, kinds: &[Kind], limit: usize) -> String {
    let shown = if limit == 0 { usize::MAX } else { limit };
    let mut text = String::new();
    for kind in kinds {
        let rows: Vec<Vec<String>> = entry::entries(*kind, answer)
            .take(shown)
            .map(|of| row(&of))
            .collect();
        let count = kind.number(answer.numbers());
        if rows.is_empty() {
            continue;
        }
        let title = match kind {
            Kind::Incident => "Incidents",
            Kind::SensitiveCall => "Sensitive calls",
            Kind::Cluster => "Clusters",
        };
        let head = [
            "Severity",
            "Count",
            "Last (UTC)",
            "Status",
            "What",
            "Who",
            "Account",
            "ID",
        ];
        let gap = if text.is_empty() { "" } else { "\n" };
        let table = table(&head, &rows);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{gap}**{title}** ({count})\n\n{table}");
        if count > rows.len() {
            let _ = writeln!(text, "\n{} more", count - rows.len());
        }
    }
    match text.is_empty() {
        true => "Nothing is selected\n".to_owned(),
        false => text,
    }
}

/// Returns a ranking as a table.
pub fn ranking(entries: &[RankingEntry], answer: &StoreAnswer) -> String {
    let row = |entry: &RankingEntry| {
        let name = named(entry, answer).unwrap_or_else(|| entry.name.clone());
        vec![
            cell(&sanitize(&name, 512)),
            entry.span.count.to_string(),
            entry.clusters.to_string(),
            entry.principals.to_string(),
            minute(entry.span.first_seen),
            minute(entry.span.last_seen),
        ]
    };
    let head = [
        "Name",
        "Count",
        "Clusters",
        "Callers",
        "First (UTC)",
        "Last (UTC)",
    ];
    table(&head, &Vec::from_iter(entries.iter().map(row)))
}

fn row(entry: &Entry) -> Vec<String> {
    let more = |(value, more): &(String, usize)| match more {
        0 => cell(value),
        more => format!("{} +{more}", cell(value)),
    };
    vec![
        entry.severity.name().to_owned(),
        entry.span.count.to_string(),
        minute(entry.span.last_seen),
        entry.status_and_mark(),
        cell(&entry.what),
        more(&entry.who),
        cell(&entry.account_id),
        cell(&entry.id),
    ]
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rule: Vec<&str> = head.iter().map(|_| "---").collect();
    let mut text = format!("| {} |\n| {} |\n", head.join(" | "), rule.join(" | "));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

fn minute(at: Option<Timestamp>) -> String {
    let text = at.map(|at| at.to_string().replace('T', " "));
    text.map_or("undated".to_owned(), |text| text.chars().take(16).collect())
}

/// Returns a text that a cell shows as it is.
///
/// In a code span nothing has a meaning. Only a text with a character that ends a span or a cell is written outside of one, and there
/// each sign has a backslash. Its `@` are spans of their own, because GitHub would mention a person.
fn cell(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    if !text.contains(['`', '|', '\\']) {
        return format!("`{}`", text.trim());
    }
    let mut escaped = String::new();
    for c in text.trim().chars() {
        match c {
            '@' => escaped.push_str("`@`"),
            c if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}
