//! `events`: the events of a cluster, a sensitive call or an incident, with where to find each.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::incident::actor::actor;
use clusters::{Cluster, ClusterFacts, Sighting, short_name};
use view::event::EventPlace;
use view::incident;

use crate::open_store::{StoreArguments, one};
use crate::source::{StoreAnswer, StoreQuery};
use crate::table::Screen;
use crate::table::layout::{self, Cell, Column, Row};
use crate::{incidents, json, list_format, output};

/// List the events of a cluster, a sensitive call or an incident: id, time, caller, region, and where to find each
///
/// The stores keep no whole records. So each event comes with its address in the CloudTrail console (for 90 days), a query for
/// CloudWatch Logs Insights, and the folder of the trail's bucket that has its file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector events --db trail.db --cluster kq5l\n  \
    cloudtrail-inspector events --stack errors --incident 46cx --format csv > events.csv\n  \
    cloudtrail-inspector events --db trail.db --cluster kq5l --format jsonl | jq -r .logs_query")]
pub struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: EventFormat,
    /// Maximum number of events in the table, the newest; 0 shows all
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

/// What the events belong to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Wanted {
    /// ID of a cluster or a sensitive call, or the beginning of it if no other ID begins the same
    #[arg(long, value_name = "ID")]
    cluster: Option<String>,
    /// ID of an incident, or the beginning of it: the events of its actor and of the identities that belong to it
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
}

/// The format of a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventFormat {
    /// For people
    Table,
    /// For programs: one JSON document
    Json,
    /// For programs: one JSON object per line
    Jsonl,
    /// For spreadsheets
    Csv,
}

/// Runs `events`.
///
/// # Errors
/// Fails if the store cannot be read, or if nothing or several things have the ID.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let query = StoreQuery {
        replay: true,
        incidents: arguments.wanted.incident.is_some(),
        events: true,
        ..StoreQuery::default()
    };
    let answer = arguments.store.open()?.all(query)?;
    let places = match &arguments.wanted {
        Wanted {
            incident: Some(id), ..
        } => of_incident(incidents::one(&answer, id)?, &answer),
        Wanted { cluster, .. } => {
            let id = cluster.as_deref().unwrap_or_default();
            of_cluster(&one(&answer.snapshot, id)?, &answer)
        }
    };
    match arguments.format {
        EventFormat::Table => output::print(&table(&places, arguments.limit))?,
        EventFormat::Json => json::events(&places, output::stdout())?,
        EventFormat::Jsonl => json::event_lines(&places, output::stdout())?,
        EventFormat::Csv => list_format::event_sheet(&places, output::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the events of a cluster or a sensitive call, in the order of time.
pub fn of_cluster(cluster: &Cluster, answer: &StoreAnswer) -> Vec<EventPlace> {
    let events = answer.events.iter();
    let events = events.filter(|(_, seen)| seen.series.cluster == cluster.id);
    events
        .map(|event| EventPlace::of(event, &cluster.facts))
        .collect()
}

/// Returns the events of an incident that are in clusters or sensitive calls, in the order of time: those of the actor, or of an
/// identity that belongs to it, from the first to the last evidence.
pub fn of_incident(incident: &Incident, answer: &StoreAnswer) -> Vec<EventPlace> {
    let span = incident::span(incident);
    let steps = incident.steps.iter().map(|step| step.first);
    let (first, last) = (steps.chain(span.first_seen).min(), span.last_seen);
    let is_member = |facts: &ClusterFacts, event: &Sighting| {
        let subject = ClusterSubject::from(&facts.identity);
        actor(&subject, &event.series.facets)
            .is_some_and(|of| incident.members.iter().any(|member| member.identity == of))
    };
    let sums = answer.snapshot.all_sums().into_iter();
    let sums = sums.filter(|sum| incident.clusters.contains(&sum.id));
    let facts: BTreeMap<ClusterId, &ClusterFacts> =
        sums.map(|sum| (sum.id, sum.facts.as_ref())).collect();
    let events = answer.events.iter().filter_map(|event| {
        let facts = facts.get(&event.1.series.cluster)?;
        let at = event.1.stamp.time();
        let is_within = first <= at && at <= last && at.is_some();
        (is_within && is_member(facts, &event.1)).then(|| EventPlace::of(event, facts))
    });
    events.collect()
}

const COLUMNS: [Column; 5] = [
    Column::whole("TIME", 0),
    Column::text("CALL", 2, 12),
    Column::text("WHO", 3, 8),
    Column::text("REGION", 4, 9),
    Column::whole("EVENT", 1),
];

/// Returns the newest events as a table, the oldest of them first, and how to find them.
fn table(places: &[EventPlace], limit: usize) -> String {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let skipped = places.len().saturating_sub(limit);
    let rows = places[skipped..].iter().map(|of| Row {
        cells: vec![
            Cell::new(&of.at),
            Cell::new(format!("{} {}", of.call, of.error_code).trim_end()),
            Cell::new(short_name(&of.principal, &of.account_id)),
            Cell::new(&of.region),
            Cell::new(&of.event_id).linked(of.console.clone()),
        ],
        below: Vec::new(),
    });
    let rows: Vec<Row> = rows.collect();
    let screen = Screen::of_stdout(false);
    let mut text = layout::table(&COLUMNS, &rows, &screen);
    if skipped > 0 {
        text.push_str(&format!("… {skipped} older; --limit 0 shows all\n"));
    }
    let Some(last) = places.last() else {
        return "no events\n".to_owned();
    };
    text.push_str(&format!(
        "\nThe record of the last one:\n  Logs Insights   {}\n",
        last.logs_query
    ));
    if let Some(console) = &last.console {
        text.push_str(&format!("  CloudTrail      {console}\n"));
    }
    if !last.trail_folder.is_empty() {
        text.push_str(&format!(
            "  trail's bucket  AWSLogs/{}\n",
            last.trail_folder
        ));
    }
    text + "--format json has these of each event\n"
}
