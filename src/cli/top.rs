//! `top`: ranks clusters, callers, error codes and others by number of events.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use clusters::ranking::{self, rank};

use crate::piped::or_piped;
use crate::scan::Format;
use crate::since::Since;
use crate::source::{SourceArguments, StoreQuery};
use crate::store_file::check_exists;
use crate::{json, output, table};

/// Rank errors by cluster, event, code, principal, access key, source IP or account
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
    /// Only count events since this time: a time, a date, or a duration before the newest event (30m, 24h, 7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Maximum number of entries to print; 0 prints all
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
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
    let query = StoreQuery {
        since: arguments.since,
        // The ranking of clusters shows their error codes, which are in the list of clusters.
        replay: arguments.by == By::Cluster,
        ..StoreQuery::default()
    };
    let (scanned, answer) = arguments.source.scan(&paths, query)?;
    scanned.complain();
    let mut entries = rank(&answer.snapshot, arguments.by.into());
    if arguments.limit > 0 {
        entries.truncate(arguments.limit);
    }
    match arguments.format {
        // If inputs could not be read, an empty ranking must not claim that nothing failed.
        Format::Table if entries.is_empty() && !scanned.failed.is_empty() => {}
        Format::Table => output::print(&table::top(&entries, &answer))?,
        Format::Json => output::print(&json::top(&entries)?)?,
    }
    Ok(scanned.exit_code())
}
