//! Results for a terminal: incidents, sensitive calls and clusters in tables that fit its width, and the totals in sentences.
//!
//! - `screen` is what is printed on: width, colours, links; `layout` fits rows into it.
//! - `rows` has the columns of each list, with short forms of `ids`; `totals` has the last lines, with what to do next.
//! - `details` prints one cluster or sensitive call.

mod details;
mod ids;
pub mod layout;
mod rows;
mod screen;
mod totals;

use crate::entry::{self, Entry, Kind};
use crate::place::Place;
use crate::source::{Scanned, StoreAnswer};

pub use self::details::{call, cluster, joined};
pub use self::rows::{named, ranking};
pub use self::screen::Screen;

/// The maximum number of rows of a list, unless `--limit` says otherwise.
pub const ROWS_SHOWN: usize = 30;

/// The maximum number of incidents that a scan prints, unless `--limit` says otherwise.
const INCIDENTS_OF_SCAN: usize = 5;

/// The maximum number of sensitive calls that a scan prints, unless `--limit` says otherwise.
const CALLS_OF_SCAN: usize = 10;

/// Returns the result of a scan as text for a terminal: incidents, sensitive calls and clusters, each most severe first, and
/// the totals.
///
/// Each table has at most `limit` rows; 0 is no limit. `place` says how a later command reads the same clusters.
pub fn scan(
    scanned: &Scanned,
    answer: &StoreAnswer,
    limit: Option<usize>,
    place: &Place,
    screen: &Screen,
) -> String {
    let mut text = String::new();
    for (kind, title, of_scan) in [
        (
            Kind::Incident,
            "Incidents: what one actor did, with evidence of an attack",
            INCIDENTS_OF_SCAN,
        ),
        (
            Kind::SensitiveCall,
            "Sensitive calls: they succeeded",
            CALLS_OF_SCAN,
        ),
        (Kind::Cluster, "Clusters: calls that failed", ROWS_SHOWN),
    ] {
        let table = section(kind, answer, limit.unwrap_or(of_scan), screen);
        if !table.is_empty() {
            text.push_str(
                &[
                    &layout::styled(&layout::cut(title, screen.width), "1", screen),
                    "\n",
                    &table,
                ]
                .concat(),
            );
        }
    }
    text + &totals::of_scan(scanned, answer, place, screen)
}

/// Returns a list of one kind as text, with its totals. The table has at most `limit` rows; 0 is no limit.
pub fn list(
    kind: Kind,
    answer: &StoreAnswer,
    limit: usize,
    place: &Place,
    screen: &Screen,
) -> String {
    section(kind, answer, limit, screen) + &totals::of_list(kind, answer, place, screen)
}

/// Returns the table of one kind, with an empty line behind it; empty without rows.
fn section(kind: Kind, answer: &StoreAnswer, limit: usize, screen: &Screen) -> String {
    let shown: Vec<Entry> = entry::entries(kind, answer).take(at_most(limit)).collect();
    if shown.is_empty() {
        return String::new();
    }
    let table = match kind {
        Kind::Incident => rows::incidents(&shown, answer, screen),
        Kind::SensitiveCall => rows::calls(&shown, answer, screen),
        Kind::Cluster => rows::clusters(&shown, answer, screen),
    };
    table + &more(kind.number(answer.numbers()), shown.len()) + "\n"
}

fn at_most(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit }
}

fn more(count: usize, shown: usize) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("… {more} more; --limit 0 shows all\n"),
    }
}

#[cfg(test)]
mod tests;
