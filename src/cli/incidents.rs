//! `incidents`: shows the incidents in a file or in the table of a deployed stack: what one actor did, as one story.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use clusters::incident::Incident;

use crate::entry::Kind;
use crate::list_format::{self, Format, ListFormat, ListOptions};
use crate::open_store::StoreArguments;
use crate::selection::Selection;
use crate::source::StoreAnswer;
use crate::table::Screen;
use crate::{incident_text, json, output, table};

/// Show the incidents of a file or a deployed stack: what one actor did, and what stays behind (list, show)
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List incidents, the most severe first, in the same columns as `scan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector incidents list --db trail.db\n  \
    cloudtrail-inspector incidents list --stack errors --limit 0\n  \
    cloudtrail-inspector incidents list --db trail.db --format json | jq '.incidents[] | {actor, ledger}'")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    options: ListOptions,
    /// Maximum number of incidents in the table; 0 shows all
    #[arg(long, default_value_t = table::ROWS_SHOWN)]
    limit: usize,
    #[command(flatten)]
    selection: Selection,
}

/// Show one incident: who and who made whom, the steps in order, what stays behind, the evidence, and what to do now
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector incidents show --db trail.db 46cxvt4wh3u4zawg22qkrsay4e\n  \
    cloudtrail-inspector incidents show --db trail.db 46cx --format json")]
struct Show {
    /// ID of the incident, or the beginning of it if no other ID begins the same
    incident: String,
    #[command(flatten)]
    store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Runs the given subcommand of `incidents`.
///
/// # Errors
/// Fails if the store cannot be read, or if no incident or several have the ID.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn list(arguments: &List) -> anyhow::Result<ExitCode> {
    let (options, limit) = (&arguments.options, arguments.limit);
    let answer = arguments.store.open()?.incidents(&arguments.selection)?;
    match options.format {
        _ if options.quiet => {}
        ListFormat::Table => {
            let (place, screen) = (arguments.store.place(), options.screen());
            output::print(&table::list(
                Kind::Incident,
                &answer,
                limit,
                &place,
                &screen,
            ))?;
        }
        ListFormat::Json => json::incidents(&answer, &mut output::stdout())?,
        others => list_format::print(others, &[Kind::Incident], &answer, limit)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let answer = arguments.store.open()?.incidents(&Selection::default())?;
    let incident = one(&answer, &arguments.incident)?;
    match arguments.format {
        Format::Table => output::print(&incident_text::text(
            incident,
            &answer,
            &Screen::of_stdout(false),
        ))?,
        Format::Json => output::print(&json::incident(incident, &answer)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the only incident whose ID begins with `start`, in upper or lower case.
///
/// # Errors
/// Fails if none or several match.
pub fn one<'a>(answer: &'a StoreAnswer, start: &str) -> anyhow::Result<&'a Incident> {
    let start = start.to_ascii_lowercase();
    let incidents = answer.incidents.incidents.iter();
    let mut found = incidents.filter(|of| of.id.text().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(incident), None) => Ok(incident),
        (None, _) => bail!("no incident ID begins with {start}; list the IDs with incidents list"),
        (Some(_), Some(_)) => {
            bail!("several incident IDs begin with {start}; give more characters")
        }
    }
}
