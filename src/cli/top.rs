//! `top`: ranks clusters, callers, error codes and others by number of events.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use clusters::ranking::{self, rank};

use crate::list_format::{self, ListFormat, ListOptions};
use crate::piped::or_piped;
use crate::selection::Selection;
use crate::source::{SourceArguments, StoreQuery};
use crate::store_file::check_exists;
use crate::{json, output, table};

/// Rank errors by cluster, event, code, caller, key, source IP, account, service, class or region
///
/// Reads CloudTrail files, a file written by scan --db, or both.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector top --db trail.db --by principal --since 24h\n  \
    cloudtrail-inspector top AWSLogs/ --by source-ip --limit 5\n  \
    cloudtrail-inspector top --db trail.db --by code --since 2026-11-01 --format json")]
pub struct Arguments {
    #[arg(
        help = "CloudTrail files, folders, s3://BUCKET/PATH, or - for standard input [default: what is piped]"
    )]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    /// What to rank by
    #[arg(long, value_enum, default_value = "cluster")]
    by: By,
    /// Maximum number of entries to print; 0 prints all
    #[arg(long, default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    options: ListOptions,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Cluster,
    Event,
    Code,
    Principal,
    Key,
    SourceIp,
    Account,
    Service,
    Class,
    Region,
}

impl From<By> for ranking::RankBy {
    fn from(by: By) -> Self {
        match by {
            By::Cluster => Self::Cluster,
            By::Event => Self::Event,
            By::Code => Self::Code,
            By::Principal => Self::Principal,
            By::Key => Self::Key,
            By::SourceIp => Self::SourceIp,
            By::Account => Self::Account,
            By::Service => Self::Service,
            By::Class => Self::Class,
            By::Region => Self::Region,
        }
    }
}

/// Runs `top`. Returns exit code 1 if an input could not be read or has no CloudTrail event.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = match &arguments.source.db {
        Some(db) if arguments.paths.is_empty() => {
            check_exists(db)?;
            Vec::new()
        }
        _ => or_piped(&arguments.paths)?,
    };
    let query = arguments.selection.query(StoreQuery {
        // The ranking of clusters shows their error codes, which are in the list of clusters.
        replay: arguments.by == By::Cluster,
        ..StoreQuery::default()
    });
    let (scanned, mut answer) = arguments.source.scan(&paths, query)?;
    arguments.selection.apply(&mut answer);
    scanned.complain(arguments.options.verbose);
    let mut entries = rank(&answer.snapshot, arguments.by.into());
    if arguments.limit > 0 {
        entries.truncate(arguments.limit);
    }
    let options = &arguments.options;
    match options.format {
        _ if options.quiet => {}
        // If inputs could not be read, an empty ranking must not claim that nothing failed.
        ListFormat::Table if entries.is_empty() && !scanned.failed.is_empty() => {}
        ListFormat::Table => {
            output::print(&table::ranking(&entries, &answer, &options.screen()))?;
        }
        ListFormat::Json => output::print(&json::top(&entries)?)?,
        others => list_format::print_ranking(others, &entries, &answer)?,
    }
    Ok(scanned.exit_code(arguments.source.strict))
}
