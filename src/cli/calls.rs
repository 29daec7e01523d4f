//! `calls`: shows the sensitive calls of a deployed stack or a file: calls that succeeded, and that people should know of.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use clusters::Cluster;

use crate::entry::Kind;
use crate::list_format::{self, Format, ListFormat, ListOptions};
use crate::open_store::{StoreArguments, one};
use crate::selection::Selection;
use crate::{json, output, table};

/// Show the sensitive calls of a deployed stack or a file: who did what to whom (list, show)
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

/// List sensitive calls, in the same columns as `scan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector calls list --stack errors --since 24h\n  \
    cloudtrail-inspector calls list --db trail.db --limit 0\n  \
    cloudtrail-inspector calls list --db trail.db --format json | jq '.sensitive_calls[] | select(.strong)'")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    options: ListOptions,
    /// Maximum number of sensitive calls in the table; 0 shows all
    #[arg(long, default_value_t = table::ROWS_SHOWN)]
    limit: usize,
    #[command(flatten)]
    selection: Selection,
}

/// Show one sensitive call: caller, target, parameters, why it is watched, origins, and the ids of events
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector calls show --stack errors kq5lx7c3tzdaj2i2o5t5mclf6q\n  \
    cloudtrail-inspector calls show --db trail.db kq5l --format json")]
struct Show {
    /// ID of the sensitive call, or the beginning of it if no other ID begins the same
    call: String,
    #[command(flatten)]
    store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Runs the given subcommand of `calls`.
///
/// # Errors
/// Fails if the store cannot be read, or if no sensitive call or several have the ID.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn list(arguments: &List) -> anyhow::Result<ExitCode> {
    let (options, limit) = (&arguments.options, arguments.limit);
    let answer = arguments
        .store
        .open()?
        .totals(&arguments.selection, options.needs_samples())?;
    match options.format {
        _ if options.quiet => {}
        ListFormat::Table => {
            let (place, screen) = (arguments.store.place(), options.screen());
            output::print(&table::list(
                Kind::SensitiveCall,
                &answer,
                limit,
                &place,
                &screen,
            ))?;
        }
        ListFormat::Json => json::calls(&answer, &mut output::stdout())?,
        others => list_format::print(others, &[Kind::SensitiveCall], &answer, limit)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let open_store = arguments.store.open()?;
    let answer = open_store.totals(&Selection::default(), true)?;
    let call = one(&answer.snapshot, &arguments.call)?;
    if !call.facts.is_sensitive_call() {
        bail!(
            "{} is a cluster of failures; show it with clusters show",
            call.id
        );
    }
    print(call, arguments.format)
}

/// Prints one sensitive call.
///
/// # Errors
/// Fails if stdout cannot be written.
pub fn print(call: Cluster, format: Format) -> anyhow::Result<ExitCode> {
    match format {
        Format::Table => output::print(&table::call(call))?,
        Format::Json => output::print(&json::call(&call)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
