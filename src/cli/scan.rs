//! `scan`: groups the errors in trail files into clusters and prints the clusters and the sensitive calls.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::entry::Kind;
use crate::list_format::{self, FailOn, ListFormat, ListOptions};
use crate::locale_options::LocaleOptions;
use crate::piped::or_piped;
use crate::place::Place;
use crate::selection::Selection;
use crate::source::{Beside, Scanned, SourceArguments, StoreAnswer, StoreQuery};
use crate::{html, json, output, story, table};

/// Group the errors in CloudTrail records into clusters, list sensitive calls that succeeded, and find incidents
///
/// A path is a file, a folder, a zip archive, a place in S3 (with the permissions `s3:ListBucket` and `s3:GetObject`), or - for
/// standard input. docs/input.md lists all forms that are read. An event that is read twice is counted once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector scan AWSLogs/\n  \
    cloudtrail-inspector scan --db trail.db AWSLogs/\n  \
    cloudtrail-inspector scan --html report.html --language zh --time-zone +08:00 AWSLogs/\n  \
    cloudtrail-inspector scan --severity error --since yesterday -v AWSLogs/\n  \
    cloudtrail-inspector scan -q --fail-on critical AWSLogs/ || echo 'look at this'\n  \
    cloudtrail-inspector scan --inspect AWSLogs/111122223333/CloudTrail/eu-central-1/2026/\n  \
    cloudtrail-inspector scan 's3://trail/AWSLogs/*/CloudTrail/eu-*/2026/11/'")]
pub struct Arguments {
    #[arg(
        help = "Files, folders, s3://BUCKET/PATH, or - for standard input [default: what is piped]"
    )]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    options: ListOptions,
    /// Also write a report to this file: one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    locale: LocaleOptions,
    /// Leave redacted example records out of JSON and of the report
    #[arg(long)]
    no_samples: bool,
    /// Carry decisions over to --db from a store with another identity version
    #[arg(long, value_name = "FILE", requires = "db")]
    marks_from: Option<PathBuf>,
    /// Also print a timeline in event time, with the alerts that would be sent
    #[arg(long)]
    inspect: bool,
    /// Maximum number of rows of each table; 0 shows all [default: 5, 10 and 30]
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    fail_on: FailOn,
    #[command(flatten)]
    selection: Selection,
}

/// What a scan prints, in this order.
const KINDS: [Kind; 3] = [Kind::Incident, Kind::SensitiveCall, Kind::Cluster];

/// Runs `scan`. Returns exit code 1 if an input could not be read or has no CloudTrail event, else 3 if `--fail-on` says so.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let query = arguments.selection.query(StoreQuery {
        by_hour: arguments.html.is_some(),
        samples: !arguments.no_samples
            && (arguments.html.is_some() || arguments.options.needs_samples()),
        replay: true,
        incidents: true,
        incident_alerts: arguments.inspect,
        ..StoreQuery::default()
    });
    let page = arguments.html.as_deref();
    let (source, paths) = (&arguments.source, &or_piped(&arguments.paths)?);
    let beside = Beside {
        page,
        marks: arguments.marks_from.as_deref(),
    };
    let (scanned, mut answer) = source.scan_beside(beside, paths, query)?;
    scanned.complain(arguments.options.verbose);
    // The page is written first, because a reader may close stdout early. An error of the page is returned last.
    let page = page.map_or(Ok(()), |path| {
        html::write(path, paths, &scanned, &answer, arguments.locale.locale())
    });
    // The page has everything.
    arguments.selection.apply(&mut answer);
    if !arguments.options.quiet {
        print(arguments, &scanned, &answer)?;
    }
    page?;
    Ok(match scanned.has_failed(source.strict) {
        true => ExitCode::FAILURE,
        false => arguments.fail_on.exit_code(&answer),
    })
}

fn print(arguments: &Arguments, scanned: &Scanned, answer: &StoreAnswer) -> anyhow::Result<()> {
    let (options, limit) = (&arguments.options, arguments.limit);
    match options.format {
        ListFormat::Table => {
            let source = &arguments.source;
            let place = Place::of(source.db.as_deref(), &source.table);
            let table = table::scan(scanned, answer, limit, &place, &options.screen());
            if arguments.inspect {
                let incidents = &answer.incidents.alerts;
                output::print(&story::text(&answer.story, incidents, &answer.snapshot))?;
                output::print("\n")?;
            }
            output::print(&table)
        }
        ListFormat::Json => json::scan(scanned, answer, arguments.inspect, output::stdout()),
        others => list_format::print(others, &KINDS, answer, limit.unwrap_or(table::ROWS_SHOWN)),
    }
}
