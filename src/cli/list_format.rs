//! The formats of lists, and the options that choose one: a table for people, JSON, JSON lines, CSV and Markdown for others.

mod markdown;
mod sheet;

use std::io;
use std::process::ExitCode;

use alerts::severity::Severity;
use clap::{Args, ValueEnum};
use clusters::ranking::RankingEntry;
use clusters::triage::Decision;
use view::call;
use view::event::EventPlace;

use crate::entry::{self, Kind};
use crate::selection::severity_parser;
use crate::source::StoreAnswer;
use crate::table::Screen;
use crate::{json, output};

/// Options of commands that print a list.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    pub format: ListFormat,
    /// Print details below each row, absolute times, and all totals
    #[arg(long, short)]
    pub verbose: bool,
    /// Print errors only; the exit code has the answer
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// Option of commands whose exit code says how severe their list is.
#[derive(Debug, Args)]
pub struct FailOn {
    /// Exit with code 3 if the list has something that is at least so severe
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser(), hide_possible_values = true)]
    fail_on: Option<Severity>,
}

/// The format of one cluster, sensitive call or incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// The format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Table,
    /// For programs: one JSON document
    Json,
    /// For programs: one JSON object per line, with its kind
    Jsonl,
    /// For spreadsheets
    Csv,
    /// For tickets and pull requests
    Markdown,
}

impl ListFormat {
    /// Checks whether the format has the samples of clusters.
    pub fn has_samples(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

impl ListOptions {
    /// Returns the screen that a table is printed on.
    pub fn screen(&self) -> Screen {
        Screen::of_stdout(self.verbose)
    }

    /// Checks whether samples are needed: for JSON, and for links of a terminal to an event.
    pub fn needs_samples(&self) -> bool {
        let has_links = || self.format == ListFormat::Table && self.screen().links;
        !self.quiet && (self.format.has_samples() || has_links())
    }
}

impl FailOn {
    /// The exit code if something is as severe as `--fail-on` says.
    const SEVERE: u8 = 3;

    /// Returns the exit code of a command that printed an answer: [`Self::SEVERE`] if a selected cluster without a decision that
    /// holds its alerts back, a sensitive call with alerts, or an incident is severe enough; else 0.
    pub fn exit_code(&self, answer: &StoreAnswer) -> ExitCode {
        let is_severe = self
            .fail_on
            .is_some_and(|least| worst(answer) >= Some(least));
        ExitCode::from(if is_severe { Self::SEVERE } else { 0 })
    }
}

/// Returns the severity of the worst incident, sensitive call or cluster in an answer. Sensitive calls without alerts, and clusters
/// whose alerts are held back by a decision, do not count. `None` if there is nothing.
fn worst(answer: &StoreAnswer) -> Option<Severity> {
    let is_held_back = |id| {
        let mark = answer.standing(id).and_then(|of| of.triage_status?.word());
        mark.is_some_and(|mark| mark != Decision::Acknowledged.name())
    };
    let clusters = entry::clusters(answer).into_iter();
    let clusters = clusters.filter(|(_, sum)| !is_held_back(sum.id));
    let calls = entry::calls(answer).into_iter();
    let calls = calls.filter(|(_, call)| !call::is_silent(call));
    let incidents = answer.incidents.incidents.iter();
    let incidents = incidents.map(|of| Severity::from(of.severity));
    let severities = clusters.chain(calls).map(|(severity, _)| severity);
    severities.chain(incidents).max()
}

/// Prints a list of some kinds as JSON lines, CSV or Markdown. `limit` is the maximum number of rows of each kind in Markdown, 0 is
/// no limit; the others have all.
///
/// # Errors
/// Fails if stdout cannot be written.
pub fn print(
    format: ListFormat,
    kinds: &[Kind],
    answer: &StoreAnswer,
    limit: usize,
) -> anyhow::Result<()> {
    match format {
        ListFormat::Jsonl => json::lines(answer, kinds, output::stdout()),
        ListFormat::Csv => sheet::list(answer, kinds, output::stdout()),
        _ => output::print(&markdown::list(answer, kinds, limit)),
    }
}

/// Writes events as CSV, with a head.
///
/// # Errors
/// Fails if `out` cannot be written.
pub fn event_sheet(places: &[EventPlace], out: impl io::Write) -> anyhow::Result<()> {
    sheet::events(places, out)
}

/// Prints a ranking as JSON lines, CSV or Markdown. If clusters are ranked, `answer` supplies their calls and error codes.
///
/// # Errors
/// Fails if stdout cannot be written.
pub fn print_ranking(
    format: ListFormat,
    entries: &[RankingEntry],
    answer: &StoreAnswer,
) -> anyhow::Result<()> {
    match format {
        ListFormat::Jsonl => json::top_lines(entries, output::stdout()),
        ListFormat::Csv => sheet::ranking(entries, answer, output::stdout()),
        _ => output::print(&markdown::ranking(entries, answer)),
    }
}
