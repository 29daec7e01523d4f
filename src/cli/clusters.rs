//! `clusters`: shows the clusters of a deployed stack or a file, and saves decisions about them.

use std::collections::BTreeMap;
use std::process::ExitCode;

use alerts::guance::attributes;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use records::redact::sanitize;

use crate::decide::Decide;
use crate::deployed::carry;
use crate::entry::Kind;
use crate::list_format::{self, FailOn, Format, ListFormat, ListOptions};
use crate::open_store::{StoreArguments, one};
use crate::selection::Selection;
use crate::{calls, history, json, output, table};

/// Show and manage the clusters of a deployed stack or a file (list, show, history, mute, resolve, ...)
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    History(History),
    Carry(carry::Arguments),
    #[command(flatten)]
    Decide(Decide),
}

/// List clusters, in the same columns as `scan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters list --stack errors\n  \
    cloudtrail-inspector clusters list --stack errors --since 24h --limit 10\n  \
    cloudtrail-inspector clusters list --db trail.db --principal 'role/deploy*' --format csv\n  \
    cloudtrail-inspector clusters list --table errors-Table-1X2Y3Z --format json\n  \
    cloudtrail-inspector clusters list --db trail.db")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    options: ListOptions,
    /// Maximum number of clusters in the table; 0 shows all
    #[arg(long, default_value_t = table::ROWS_SHOWN)]
    limit: usize,
    #[command(flatten)]
    fail_on: FailOn,
    #[command(flatten)]
    selection: Selection,
}

/// Show one cluster: callers, sources, times, decisions and a sample event; or one sensitive call
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters show --stack errors k5ayqsg2enzryz6sirdnaibfaq\n  \
    cloudtrail-inspector clusters show --stack errors k5ay --format json\n  \
    cloudtrail-inspector clusters show --db trail.db --kv k5ay")]
struct Show {
    /// ID of the cluster, or the beginning of it if no other cluster begins the same
    cluster: String,
    #[command(flatten)]
    store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Print only the values that alerts can be filtered by, as NAME:VALUE, one a line
    #[arg(long, conflicts_with = "format")]
    kv: bool,
}

/// Show the history of a cluster: when it failed, its status changes, and who decided what and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters history --stack errors k5ayqsg2enzryz6sirdnaibfaq\n  \
    cloudtrail-inspector clusters history --db trail.db k5ay --format json | jq '.faults'")]
struct History {
    /// ID of the cluster, or the beginning of it if no other cluster begins the same
    cluster: String,
    #[command(flatten)]
    store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Runs the given subcommand of `clusters`, such as `list` or `mute`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::History(arguments) => history(arguments),
        Command::Carry(arguments) => carry::run(arguments),
        Command::Decide(decide) => decide.run(),
    }
}

fn list(arguments: &List) -> anyhow::Result<ExitCode> {
    let (options, limit) = (&arguments.options, arguments.limit);
    let answer = arguments
        .store
        .open()?
        .answer(&arguments.selection, options.needs_samples())?;
    match options.format {
        _ if options.quiet => {}
        ListFormat::Table => {
            let (place, screen) = (arguments.store.place(), options.screen());
            output::print(&table::list(Kind::Cluster, &answer, limit, &place, &screen))?;
        }
        ListFormat::Json => json::clusters(&answer, &mut output::stdout())?,
        others => list_format::print(others, &[Kind::Cluster], &answer, limit)?,
    }
    Ok(arguments.fail_on.exit_code(&answer))
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let open_store = arguments.store.open()?;
    let answer = open_store.answer(&Selection::default(), true)?;
    let cluster = one(&answer.snapshot, &arguments.cluster)?;
    if arguments.kv {
        let listed = answer.standing(cluster.id).map(|of| of.listed);
        let code = listed.and_then(|of| of.code.as_deref());
        let dimensions = BTreeMap::from_iter(attributes::all_of_cluster(&cluster, code));
        let pairs = attributes::written_out(&dimensions).into_iter();
        let lines: Vec<String> = pairs.map(|pair| sanitize(&pair, 512) + "\n").collect();
        output::print(&lines.concat())?;
        return Ok(ExitCode::SUCCESS);
    }
    if cluster.facts.is_sensitive_call() {
        return calls::print(cluster, arguments.format);
    }
    let standing = answer.standing(cluster.id);
    let standing = standing
        .with_context(|| format!("{}: no events of this cluster are stored", cluster.id))?;
    match arguments.format {
        Format::Table => {
            let history = open_store.history(cluster.id, &answer)?;
            output::print(&table::cluster(&cluster, &standing, &history))?;
        }
        Format::Json => output::print(&json::cluster(&cluster, &standing)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn history(arguments: &History) -> anyhow::Result<ExitCode> {
    let open_store = arguments.store.open()?;
    let (cluster, answer) = open_store.find(&arguments.cluster)?;
    let journal = open_store.history(cluster, &answer)?;
    match arguments.format {
        Format::Table => output::print(&history::text(&journal))?,
        Format::Json => output::print(&json::history(cluster, &journal)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
