//! The columns of each list, and its rows: one line each, and with `-v` a second line with details.

use alerts::locale::Language;
use alerts::severity::Severity;
use clusters::fingerprint::ClusterId;
use clusters::ranking::RankingEntry;
use records::time::Timestamp;

use super::details::minute;
use super::ids::Ids;
use super::layout::{Cell, Column, Row, table, width};
use super::screen::Screen;
use crate::counts::counted;
use crate::entry::{Entry, Kind};
use crate::source::StoreAnswer;

/// Units of an age, each with its seconds and the largest number of it that is shown.
const AGES: [(&str, i64, i64); 6] = [
    ("s", 1, 59),
    ("m", 60, 59),
    ("h", 3600, 47),
    ("d", 86_400, 99),
    ("w", 7 * 86_400, 103),
    ("y", 365 * 86_400, i64::MAX),
];

/// Returns how long before `as_of` a moment was, in one unit: `42s`, `2h`, `3d`. An event without a time has `-`.
fn age(at: Option<Timestamp>, as_of: Option<Timestamp>) -> String {
    let (Some(at), Some(as_of)) = (at, as_of) else {
        return "-".to_owned();
    };
    let seconds = as_of.seconds_since(at).max(0);
    let unit = AGES
        .iter()
        .find(|(_, length, most)| seconds / length <= *most);
    let (unit, length, _) = unit.unwrap_or(&AGES[0]);
    format!("{}{unit}", seconds / length)
}

/// What the rows of a list have in common.
struct Rows<'a> {
    screen: &'a Screen,
    as_of: Option<Timestamp>,
    ids: Ids,
}

impl<'a> Rows<'a> {
    fn of(kind: Kind, answer: &StoreAnswer, screen: &'a Screen) -> Self {
        Self {
            screen,
            as_of: answer.as_of,
            ids: Ids::of(kind, answer),
        }
    }

    fn severity(&self, severity: Severity) -> Cell {
        let short = match severity {
            Severity::Critical => "CRIT",
            Severity::Error => "ERR",
            Severity::Warning => "WARN",
            Severity::Info => "INFO",
        };
        let word = match self.screen.is_wide() {
            true => severity.name(),
            false => short,
        };
        Cell::new(word).coloured(severity)
    }

    fn count(&self, count: u64) -> Cell {
        Cell::new(match count {
            100_000..10_000_000 if !self.screen.is_wide() => format!("{}k", count / 1000),
            10_000_000.. if !self.screen.is_wide() => format!("{}M", count / 1_000_000),
            _ => count.to_string(),
        })
    }

    fn time(&self, at: Option<Timestamp>) -> Cell {
        Cell::new(match self.screen.verbose {
            true => minute(at),
            false => age(at, self.as_of),
        })
    }

    /// Returns the shortest beginning of an ID that no other ID has; the whole ID where there is room.
    fn id(&self, id: &str) -> Cell {
        Cell::new(match self.screen.has_whole_ids() {
            true => id,
            false => self.ids.beginning(id),
        })
    }

    /// Returns a value and the number of further ones, which stays where the value is cut.
    fn first(&self, (value, more): &(String, usize)) -> Cell {
        Cell::new(value).and_more(*more)
    }

    /// Returns the second line of a row: the ID, the account, the first event and what else is known. A narrow screen has a third
    /// one, with why it failed.
    fn below(&self, entry: &Entry) -> Vec<String> {
        if !self.screen.verbose {
            return Vec::new();
        }
        let mut parts = vec![
            entry.id.clone(),
            entry.account_id.clone(),
            format!("since {}", minute(entry.span.first_seen)),
        ];
        if let callers @ 2.. = entry.callers() {
            parts.push(counted(callers as u64, "caller"));
        }
        parts.extend(of_incidents(&entry.incidents));
        parts.extend(entry.mark.map(|mark| format!("marked {mark}")));
        let line = format!("  {}", parts.join("  "));
        // The detail of an incident stands below what stays.
        if entry.kind == Kind::Incident || entry.detail.is_empty() {
            return vec![line];
        }
        let detail = format!("  {}", entry.detail.join("  "));
        match width(&line) + width(&detail) <= self.screen.width {
            true => vec![line + &detail],
            false => vec![line, detail],
        }
    }

    /// Returns how many columns a text gets at least: a share of the width, within limits.
    fn least(&self, percent: usize, from: usize, to: usize) -> usize {
        (self.screen.width * percent / 100).clamp(from, to)
    }

    /// The title of the column of IDs needs a rank only where the second line has none.
    fn rank_of_id(&self, rank: u8) -> u8 {
        if self.screen.verbose { u8::MAX } else { rank }
    }
}

/// Returns the words for the incidents of a cluster; `None` if there is none.
fn of_incidents(numbers: &[usize]) -> Option<String> {
    const NAMED: usize = 3;
    let named: Vec<String> = numbers.iter().take(NAMED).map(usize::to_string).collect();
    let more = if numbers.len() > NAMED { " …" } else { "" };
    match numbers {
        [] => None,
        [one] => Some(format!("incident {one}")),
        _ => Some(format!("incidents {}{more}", named.join(", "))),
    }
}

/// Returns the table of clusters as text; empty without clusters.
pub fn clusters(entries: &[Entry], answer: &StoreAnswer, screen: &Screen) -> String {
    let rows = Rows::of(Kind::Cluster, answer, screen);
    let columns = [
        Column::whole("SEV", 0),
        Column::number("COUNT", 0),
        Column::whole("LAST", 0),
        Column::whole("STATUS", 3),
        Column::text("WHAT", 0, rows.least(30, 24, 48)),
        Column::text("WHO", 1, rows.least(18, 12, 28)),
        Column::text("RESOURCE", 5, 14),
        Column::whole("ACCOUNT", rank_of_account(entries)),
        Column::number("CALLERS", 6),
        Column::whole("FIRST", 7),
        Column::text("REGION", 8, 12),
        Column::whole("ID", rows.rank_of_id(2)),
    ];
    let cells = |entry: &Entry| {
        vec![
            rows.severity(entry.severity),
            rows.count(entry.span.count),
            rows.time(entry.span.last_seen),
            Cell::new(match screen.is_wide() {
                true => entry.status_and_mark(),
                false => entry.mark.unwrap_or(entry.status).to_owned(),
            }),
            Cell::new(&entry.what).linked(entry.link.clone()),
            rows.first(&entry.who),
            rows.first(&entry.resource),
            Cell::new(&entry.account_id),
            Cell::new(entry.callers().to_string()),
            rows.time(entry.span.first_seen),
            rows.first(&entry.region),
            rows.id(&entry.id),
        ]
    };
    printed(&columns, entries, cells, |entry| rows.below(entry), screen)
}

/// Returns the table of sensitive calls as text; empty without calls.
pub fn calls(entries: &[Entry], answer: &StoreAnswer, screen: &Screen) -> String {
    let rows = Rows::of(Kind::Cluster, answer, screen);
    let columns = [
        Column::whole("SEV", 0),
        Column::number("COUNT", 0),
        Column::whole("LAST", 0),
        Column::text("WHAT", 0, rows.least(36, 26, 64)),
        Column::text("WHO", 1, rows.least(20, 12, 36)),
        Column::text("DETAIL", 4, rows.least(18, 20, 48)),
        Column::whole("ACCOUNT", rank_of_account(entries)),
        Column::whole("FIRST", 6),
        Column::text("REGION", 7, 12),
        Column::whole("ID", rows.rank_of_id(2)),
    ];
    let cells = |entry: &Entry| {
        vec![
            rows.severity(entry.severity),
            rows.count(entry.span.count),
            rows.time(entry.span.last_seen),
            Cell::new(&entry.what).linked(entry.link.clone()),
            rows.first(&entry.who),
            Cell::new(entry.detail.join(", ")),
            Cell::new(&entry.account_id),
            rows.time(entry.span.first_seen),
            rows.first(&entry.region),
            rows.id(&entry.id),
        ]
    };
    printed(&columns, entries, cells, |entry| rows.below(entry), screen)
}

/// Returns the table of incidents as text; empty without incidents.
pub fn incidents(entries: &[Entry], answer: &StoreAnswer, screen: &Screen) -> String {
    let rows = Rows::of(Kind::Incident, answer, screen);
    let columns = [
        Column::whole("SEV", 0),
        Column::number("EVENTS", 4),
        Column::whole("LAST", 0),
        Column::whole("STATUS", 3),
        Column::text("WHAT", 0, rows.least(45, 24, 64)),
        Column::text("WHO", 1, rows.least(20, 12, 48)),
        Column::whole("ACCOUNT", 5),
        Column::whole("FIRST", 6),
        Column::whole("ID", rows.rank_of_id(2)),
    ];
    let cells = |entry: &Entry| {
        vec![
            rows.severity(entry.severity),
            rows.count(entry.span.count),
            rows.time(entry.span.last_seen),
            Cell::new(entry.status),
            Cell::new(&entry.what).linked(entry.link.clone()),
            rows.first(&entry.who),
            Cell::new(&entry.account_id),
            rows.time(entry.span.first_seen),
            rows.id(&entry.id),
        ]
    };
    let below = |entry: &Entry| {
        let (stays, steps) = (&entry.resource.0, entry.detail.join("  "));
        let mut lines = rows.below(entry);
        lines.push(match stays.is_empty() {
            true => format!("  {steps}"),
            false => format!("  {stays}"),
        });
        if screen.verbose && !stays.is_empty() {
            lines.push(format!("  {steps}"));
        }
        lines
    };
    printed(&columns, entries, cells, below, screen)
}

/// The column of accounts says something where there are several.
fn rank_of_account(entries: &[Entry]) -> u8 {
    let first = entries.first().map(|entry| &entry.account_id);
    let is_one = entries.iter().all(|entry| Some(&entry.account_id) == first);
    if is_one { 9 } else { 4 }
}

fn printed(
    columns: &[Column],
    entries: &[Entry],
    cells: impl Fn(&Entry) -> Vec<Cell>,
    below: impl Fn(&Entry) -> Vec<String>,
    screen: &Screen,
) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = entries
        .iter()
        .map(|entry| Row {
            cells: cells(entry),
            below: below(entry),
        })
        .collect();
    table(columns, &rows, screen)
}

/// Returns a ranking by number of events as a table, one row for each entry. If clusters are ranked, `answer` supplies their
/// calls, error codes and error messages.
pub fn ranking(entries: &[RankingEntry], answer: &StoreAnswer, screen: &Screen) -> String {
    if entries.is_empty() {
        return match answer.hidden.clusters {
            0 => "nothing failed\n".to_owned(),
            _ => "nothing that is selected failed\n".to_owned(),
        };
    }
    let rows = Rows::of(Kind::Cluster, answer, screen);
    let is_of_clusters = entries.iter().any(|entry| named(entry, answer).is_some());
    let mut columns = vec![
        Column::number("COUNT", 0),
        Column::whole("LAST", 0),
        Column::text("NAME", 0, 20),
    ];
    columns.extend(match is_of_clusters {
        true => vec![Column::text("MESSAGE", 2, 24), Column::whole("ID", 1)],
        false => vec![Column::number("CLUSTERS", 2)],
    });
    columns.extend([Column::number("CALLERS", 3), Column::whole("FIRST", 4)]);
    let row = |entry: &RankingEntry| {
        let name = named(entry, answer).unwrap_or_else(|| entry.name.clone());
        let mut cells = vec![
            Cell::new(entry.span.count.to_string()),
            rows.time(entry.span.last_seen),
            Cell::new(name),
        ];
        match is_of_clusters {
            true => cells.extend([Cell::new(message(entry, answer)), rows.id(&entry.name)]),
            false => cells.push(Cell::new(entry.clusters.to_string())),
        }
        cells.push(Cell::new(entry.principals.to_string()));
        cells.push(rows.time(entry.span.first_seen));
        Row {
            cells,
            below: Vec::new(),
        }
    };
    let rows: Vec<Row> = entries.iter().map(row).collect();
    table(&columns, &rows, screen)
}

/// Returns the masked error message of a cluster in a ranking; empty without one.
fn message<'a>(entry: &RankingEntry, answer: &'a StoreAnswer) -> &'a str {
    let facts = ClusterId::parse(&entry.name).and_then(|id| answer.snapshot.facts.get(&id));
    facts.map_or("", |facts| facts.template.as_str())
}

/// Returns the call and the error code of a cluster in a ranking; `None` if the entry is no cluster.
pub fn named(entry: &RankingEntry, answer: &StoreAnswer) -> Option<String> {
    let cluster = ClusterId::parse(&entry.name).filter(|id| id.to_string() == entry.name)?;
    let listed = answer.listing.clusters.get(&cluster)?;
    let subject = &listed.subject;
    let code = listed.code_in_words(Language::En);
    Some(format!("{}:{} {code}", subject.service, subject.action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let as_of = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        for (seconds, text) in [
            (-5, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (47 * 3600 + 3599, "47h"),
            (48 * 3600, "2d"),
            (99 * 86_400, "99d"),
            (100 * 86_400, "14w"),
            (700 * 86_400, "100w"),
            (800 * 86_400, "2y"),
        ] {
            assert_eq!(age(as_of.after(-seconds), Some(as_of)), text, "{seconds}");
        }
        assert_eq!(age(None, Some(as_of)), "-");
    }
}
