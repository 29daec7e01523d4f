//! Lists as CSV (RFC 4180), for spreadsheets. The columns do not change between releases; new ones come last.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Such a cell gets a `'` in front.

use std::io;

use ::csv::{Terminator, Writer, WriterBuilder};
use clusters::ranking::RankingEntry;
use records::redact::sanitize;
use records::time::Timestamp;
use view::event::EventPlace;

use crate::entry::{self, Entry, Kind};
use crate::source::StoreAnswer;
use crate::table::named;

/// The columns of a list.
const COLUMNS: [&str; 18] = [
    "kind",
    "id",
    "severity",
    "status",
    "mark",
    "count",
    "first_seen",
    "last_seen",
    "account_id",
    "region",
    "call",
    "error_code",
    "class",
    "what",
    "principal",
    "principals",
    "resource",
    "detail",
];

/// The columns of a ranking.
const RANKING_COLUMNS: [&str; 7] = [
    "name",
    "what",
    "count",
    "clusters",
    "principals",
    "first_seen",
    "last_seen",
];

/// Writes a list of some kinds, one row for each entry, with a head.
pub fn list(answer: &StoreAnswer, kinds: &[Kind], out: impl io::Write) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(out, &COLUMNS)?;
    for kind in kinds {
        for entry in entry::entries(*kind, answer) {
            sheet.row(row(&entry))?;
        }
    }
    sheet.end()
}

/// Writes events, one row for each, with a head.
pub fn events(places: &[EventPlace], out: impl io::Write) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(out, &EventPlace::COLUMNS)?;
    for place in places {
        sheet.row(place.columns().map(str::to_owned))?;
    }
    sheet.end()
}

/// Writes a ranking, one row for each entry, with a head.
pub fn ranking(
    entries: &[RankingEntry],
    answer: &StoreAnswer,
    out: impl io::Write,
) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(out, &RANKING_COLUMNS)?;
    for entry in entries {
        let what = named(entry, answer).unwrap_or_default();
        sheet.row([
            sanitize(&entry.name, 512),
            sanitize(&what, 512),
            entry.span.count.to_string(),
            entry.clusters.to_string(),
            entry.principals.to_string(),
            time(entry.span.first_seen),
            time(entry.span.last_seen),
        ])?;
    }
    sheet.end()
}

fn row(entry: &Entry) -> [String; COLUMNS.len()] {
    let kind: &str = entry.kind.into();
    [
        kind.to_owned(),
        entry.id.clone(),
        entry.severity.name().to_owned(),
        entry.status.to_owned(),
        entry.mark.unwrap_or_default().to_owned(),
        entry.span.count.to_string(),
        time(entry.span.first_seen),
        time(entry.span.last_seen),
        entry.account_id.clone(),
        entry.region.0.clone(),
        entry.call.clone(),
        entry.code.clone(),
        entry.class.to_owned(),
        entry.what.clone(),
        entry.who.0.clone(),
        entry.callers().to_string(),
        entry.resource.0.clone(),
        entry.detail.join("; "),
    ]
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Returns a cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

struct Sheet<W: io::Write>(Writer<W>);

impl<W: io::Write> Sheet<W> {
    fn new(out: W, columns: &[&str]) -> anyhow::Result<Self> {
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(out);
        written(writer.write_record(columns))?;
        Ok(Self(writer))
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) -> anyhow::Result<()> {
        written(self.0.write_record(cells.map(harmless)))
    }

    fn end(mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// Returns an error of writing as an I/O error, so that `main` recognises a closed pipe.
fn written(result: Result<(), ::csv::Error>) -> anyhow::Result<()> {
    Ok(result.map_err(io::Error::from)?)
}
