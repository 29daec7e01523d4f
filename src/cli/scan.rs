//! `scan`: groups the errors in trail files into clusters and prints the clusters and the sensitive calls.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::selection::Selection;
use crate::source::{Beside, SourceArguments, StoreQuery};
use crate::{html, json, output, story, table};

/// Group the errors in CloudTrail records into clusters, list sensitive calls that succeeded, and find incidents
///
/// A path is a CloudTrail file (.json, .json.gz), a file with one JSON record per line (.jsonl, .jsonl.gz), a
/// saved CloudWatch Logs subscription payload, a folder of these, or - for standard input. An event that is read
/// twice is counted once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector scan AWSLogs/\n  \
    cloudtrail-inspector scan --db trail.db AWSLogs/ && sqlite3 trail.db 'SELECT * FROM clusters'\n  \
    cloudtrail-inspector scan --html report.html AWSLogs/\n  \
    cloudtrail-inspector scan --db new.db --marks-from trail.db AWSLogs/\n  \
    cloudtrail-inspector scan --inspect AWSLogs/111122223333/CloudTrail/eu-central-1/2026/\n  \
    cloudtrail-inspector scan --stack errors AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/\n  \
    aws s3 cp s3://trail/2026/11/21/x.json.gz - | cloudtrail-inspector scan --format json -")]
pub struct Arguments {
    /// CloudTrail files, folders, or - for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Also write a report to this file: one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Carry decisions and journals over from this SQLite file to the clusters in --db that hold the same events, after a change of
    /// the identity version. The file stays unchanged
    #[arg(long, value_name = "FILE", requires = "db")]
    marks_from: Option<PathBuf>,
    /// Also print a timeline in event time: new, recovered, regressed and escalating clusters, sensitive calls,
    /// alerts about incidents
    #[arg(long)]
    inspect: bool,
    /// Maximum number of incidents, of clusters, and of sensitive calls, in the tables; 0 shows all [default: 10, 30
    /// and 20]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    selection: Selection,
}

/// Output format of most commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Runs `scan`. Returns exit code 1 if an input could not be read or has no CloudTrail event.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let query = arguments.selection.query(StoreQuery {
        by_hour: arguments.html.is_some(),
        samples: arguments.html.is_some() || arguments.format == Format::Json,
        replay: true,
        incidents: true,
        incident_alerts: arguments.inspect,
        ..StoreQuery::default()
    });
    let page = arguments.html.as_deref();
    let (source, paths) = (&arguments.source, &arguments.paths);
    let beside = Beside {
        page,
        marks: arguments.marks_from.as_deref(),
    };
    let (scanned, mut answer) = source.scan_beside(beside, paths, query)?;
    scanned.complain();
    // The page is written first, because a reader may close stdout early. An error of the page is returned last.
    let page = page.map_or(Ok(()), |path| html::write(path, paths, &scanned, &answer));
    // The page has everything.
    arguments.selection.apply(&mut answer);
    match arguments.format {
        Format::Table => {
            output::print(&table::scan(&scanned, &answer, arguments.limit))?;
            if arguments.inspect {
                let incidents = &answer.incidents.alerts;
                output::print(&story::text(&answer.story, incidents, &answer.snapshot))?;
            }
        }
        Format::Json => json::scan(&scanned, &answer, arguments.inspect, &mut output::stdout())?,
    }
    page?;
    Ok(scanned.exit_code())
}
