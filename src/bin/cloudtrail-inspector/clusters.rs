//! `clusters`: what a deployed stack knows.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use cloudtrail_inspector::cluster::{Census, Cluster};

use crate::scan::{Format, Question, answer};
use crate::since::Since;
use crate::stack::TableArguments;
use crate::{json, output, table};

/// Show the clusters in the table of a deployed stack
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

/// List the clusters, with the columns of `scan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters list --stack errors\n  \
    cloudtrail-inspector clusters list --stack errors --since 24h --limit 10\n  \
    cloudtrail-inspector clusters list --table errors-Table-1X2Y3Z --format json")]
struct List {
    #[command(flatten)]
    table: TableArguments,
    /// Only events since then: a time, a date, or how long before the newest event (30m, 24h, 7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// How to print the clusters
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// How many clusters the table shows; 0 shows all
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

/// Show one cluster: who, where, when, and examples
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters show --stack errors k5ayqsg2enzryz6sirdnaibfaq\n  \
    cloudtrail-inspector clusters show --stack errors k5ay --format json")]
struct Show {
    /// The cluster's id, or as much of its beginning as only it has
    cluster: String,
    #[command(flatten)]
    table: TableArguments,
    /// How to print the cluster
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn list(arguments: &List) -> anyhow::Result<ExitCode> {
    let with_samples = arguments.format == Format::Json;
    let census = census(&arguments.table, arguments.since, with_samples)?;
    match arguments.format {
        Format::Table => output::print(&table::clusters(&census, arguments.limit))?,
        Format::Json => json::clusters(&census, &mut output::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let census = census(&arguments.table, None, true)?;
    let cluster = one(&census, &arguments.cluster)?;
    match arguments.format {
        Format::Table => output::print(&table::cluster(&cluster, census.last_seen()))?,
        Format::Json => output::print(&json::cluster(&cluster, census.last_seen())?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn census(
    arguments: &TableArguments,
    since: Option<Since>,
    samples: bool,
) -> anyhow::Result<Census> {
    let opened = arguments.open()?;
    let _runtime = opened.runtime.enter();
    let question = Question {
        since,
        samples,
        ..Question::default()
    };
    let answer = answer(&opened.store, question).with_context(|| arguments.name())?;
    Ok(answer.census)
}

fn one(census: &Census, start: &str) -> anyhow::Result<Cluster> {
    let start = start.to_ascii_lowercase();
    let sums = census.sums();
    let mut found = sums
        .iter()
        .filter(|sum| sum.id.to_string().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(sum), None) => Ok(sum.cluster()),
        (None, _) => bail!("no cluster's id begins with {start}; clusters list shows the ids"),
        (Some(_), Some(_)) => {
            bail!("the ids of several clusters begin with {start}; give more of it")
        }
    }
}
