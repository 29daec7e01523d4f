//! `diff`: what is new, has risen or is gone between two stores, such as those of yesterday and today.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerts::locale::Language;
use alerts::severity::Severity;
use anyhow::Context as _;
use clap::Args;
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::Status;
use clusters::{ClusterTotals, short_name};
use records::redact::sanitize;
use records::time::Timestamp;
use view::call::{self, DescribedCall};
use view::incident;

use crate::changes::{Change, Fate, Rise, Side, Subject, between};
use crate::entry::Kind;
use crate::inputs::shown;
use crate::list_format::Format;
use crate::selection::severity_parser;
use crate::source::{StoreAnswer, StoreQuery, answer};
use crate::table::Screen;
use crate::table::layout::{self, Cell, Column, Row};
use crate::{json, output, store_file};

/// Compare two stores, such as those of yesterday and today: what is new, has risen or is gone
///
/// Compares clusters, sensitive calls and incidents of two files written by scan --db. Neither is changed. A cluster has
/// risen if its severity is higher, it came back, it escalates, or its last day has twice the events and at least ten more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector diff yesterday.db today.db\n  \
    cloudtrail-inspector diff --fail-on error yesterday.db today.db\n  \
    cloudtrail-inspector diff --format json yesterday.db today.db | jq '.changes[].what'")]
pub struct Arguments {
    /// The older file, written by scan --db
    old: PathBuf,
    /// The newer file, written by scan --db
    new: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Maximum number of lines for each of new, risen and gone in the table; 0 shows all
    #[arg(long, default_value_t = 30)]
    limit: usize,
    /// Exit with code 3 if something new has at least this severity: info, warning, error or critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser(), hide_possible_values = true)]
    fail_on: Option<Severity>,
}

/// The exit code if something new is at least as severe as `--fail-on`.
const FOUND: u8 = 3;

/// Runs `diff`. Returns exit code 3 if something new is at least as severe as `--fail-on`.
///
/// # Errors
/// Fails if a file does not exist or is no store.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (old, new) = (side(&arguments.old)?, side(&arguments.new)?);
    if old.newest > new.newest {
        output::complain(&format!(
            "{} has newer events than {}; the older file comes first",
            shown(&arguments.old),
            shown(&arguments.new)
        ));
    }
    let changes = between(&old, &new);
    match arguments.format {
        Format::Table => {
            let heads = [(&arguments.old, &old), (&arguments.new, &new)];
            let heads = heads.map(|(path, side)| head(path, side.newest));
            let text = heads.concat() + &text(&changes, arguments.limit, &Screen::of_stdout(false));
            output::print(&text)?;
        }
        Format::Json => {
            let sides = [(&arguments.old, &old), (&arguments.new, &new)];
            let sides = sides.map(|(path, side)| (shown(path), side.newest));
            json::diff(&sides, &changes, &mut output::stdout())?;
        }
    }
    let limit = arguments.fail_on;
    let is_severe = |change: &Change<'_>| {
        change.fate == Fate::New && limit.is_some_and(|limit| change.subject.severity >= limit)
    };
    Ok(ExitCode::from(match changes.iter().any(is_severe) {
        true => FOUND,
        false => 0,
    }))
}

/// Reads what the store at `path` knows. The file is not changed.
fn side(path: &Path) -> anyhow::Result<Side> {
    let store = store_file::open_for_reading(path)?;
    let query = StoreQuery {
        by_hour: true,
        replay: true,
        incidents: true,
        ..StoreQuery::default()
    };
    let answer = answer(&store, query).with_context(|| shown(path))?;
    Ok(side_of(&answer))
}

fn side_of(answer: &StoreAnswer) -> Side {
    let newest = answer.snapshot.last_seen();
    let mut days: BTreeMap<ClusterId, u64> = BTreeMap::new();
    for (cluster, hour, count) in answer.timeline.iter() {
        let is_last_day =
            |hour| newest.is_some_and(|newest: Timestamp| newest.window().plus(-24) < hour);
        if hour.is_some_and(is_last_day) {
            *days.entry(cluster).or_default() += count;
        }
    }
    let day = |id: &ClusterId| days.get(id).copied().unwrap_or_default();
    let sums = answer.snapshot.sums();
    let clusters = sums
        .iter()
        .filter_map(|sum| cluster(answer, sum, day(&sum.id)));
    let calls = answer.snapshot.sensitive_calls();
    let calls = calls.iter().map(|sum| sensitive_call(sum, day(&sum.id)));
    let incidents = answer.incidents.incidents.iter().map(of_incident);
    Side {
        newest,
        subjects: clusters.chain(calls).chain(incidents).collect(),
    }
}

fn cluster(answer: &StoreAnswer, sum: &ClusterTotals<'_>, last_day: u64) -> Option<Subject> {
    let listed = answer.standing(sum.id)?.listed;
    let subject = &listed.subject;
    let code = listed.code.as_deref().unwrap_or(&subject.code);
    let what = format!("{}:{} {code}", subject.service, subject.action);
    let caller = listed.caller.as_deref().unwrap_or_default();
    let mut who = short_name(caller, &subject.account_id).to_owned();
    if listed.callers > 1 {
        who = format!("{who} +{}", listed.callers - 1);
    }
    let status = listed.status();
    Some(Subject {
        kind: Kind::Cluster,
        id: sum.id.to_string(),
        former: Vec::new(),
        account_id: subject.account_id.clone(),
        what: sanitize(&what, 200),
        who: sanitize(&who, 200),
        severity: listed.assessment().severity,
        status: Some(status.name()),
        is_open: status != Status::Recovered,
        is_escalating: status == Status::Escalating,
        events: sum.span.count,
        last_day,
        steps: 0,
        last: sum.span.last_seen,
    })
}

fn sensitive_call(sum: &ClusterTotals<'_>, last_day: u64) -> Subject {
    let described = DescribedCall::of(sum.cluster());
    let identity = &described.call.facts.identity;
    let target = described.details.as_ref();
    let target = target.and_then(|details| call::target(details, &identity.account_id));
    let what = match target {
        Some(target) => format!("{} on {target}", call::title(identity, Language::En)),
        None => call::title(identity, Language::En),
    };
    Subject {
        kind: Kind::SensitiveCall,
        id: sum.id.to_string(),
        former: Vec::new(),
        account_id: identity.account_id.clone(),
        what: sanitize(&what, 200),
        who: sanitize(call::caller(identity).unwrap_or_default(), 200),
        severity: described.assessment.severity,
        status: None,
        is_open: false,
        is_escalating: false,
        events: sum.span.count,
        last_day,
        steps: 0,
        last: sum.span.last_seen,
    }
}

fn of_incident(of: &clusters::incident::Incident) -> Subject {
    Subject {
        kind: Kind::Incident,
        id: of.id.text().to_owned(),
        former: of.merged.iter().map(|id| id.text().to_owned()).collect(),
        account_id: of.actor.account_id.clone(),
        what: sanitize(
            &format!("incident: {}", incident::steps(of, Language::En)),
            200,
        ),
        who: incident::who(&of.actor, Language::En),
        severity: incident::severity(of.severity),
        status: Some(incident::state(of, Language::En)),
        is_open: of.is_open,
        is_escalating: false,
        events: of.events,
        last_day: 0,
        steps: of.steps_count,
        last: Some(of.last),
    }
}

/// The columns of a list of changes.
const COLUMNS: [Column; 6] = [
    Column::whole("CHANGE", 0),
    Column::whole("SEVERITY", 0),
    Column::text("WHY", 0, 12),
    Column::text("WHAT", 0, 20),
    Column::text("WHO", 0, 10),
    Column::whole("ID", 1),
];

/// The number of letters of an ID that are shown.
const ID_LETTERS: usize = 8;

fn head(path: &Path, newest: Option<Timestamp>) -> String {
    let until = newest.map_or("no event has a time".to_owned(), |at| {
        format!("events until {at}")
    });
    format!("{}: {until}\n", shown(path))
}

/// Returns the changes as a table with one line each, and their numbers in the last lines. The table has at most `limit` of each
/// kind of change; 0 is no limit.
fn text(changes: &[Change<'_>], limit: usize, screen: &Screen) -> String {
    let (mut rows, mut more, mut totals) = (Vec::new(), String::new(), String::new());
    for fate in [Fate::New, Fate::Risen, Fate::Gone] {
        let name: &str = fate.into();
        let of_fate: Vec<_> = changes.iter().filter(|of| of.fate == fate).collect();
        let shown = if limit == 0 { of_fate.len() } else { limit };
        rows.extend(of_fate.iter().take(shown).map(|change| row(change)));
        if let Some(count @ 1..) = of_fate.len().checked_sub(shown) {
            more.push_str(&format!("… {count} more {name}; --limit 0 shows all\n"));
        }
        let severities = severities(&of_fate);
        totals.push_str(&format!("{} {name}{severities}\n", of_fate.len()));
    }
    let table = match rows.is_empty() {
        true => String::new(),
        false => layout::table(&COLUMNS, &rows, screen),
    };
    table + &more + &totals
}

/// Returns the numbers of changes by severity, such as `: 1 critical, 2 error`; empty without changes.
fn severities(changes: &[&Change<'_>]) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change.subject.severity).or_default() += 1;
    }
    let counts = counts.iter().rev();
    let counts: Vec<_> = counts
        .map(|(of, count)| format!("{count} {}", of.name()))
        .collect();
    match counts.as_slice() {
        [] => String::new(),
        counts => format!(": {}", counts.join(", ")),
    }
}

fn row(change: &Change<'_>) -> Row {
    let (subject, fate) = (change.subject, <&str>::from(change.fate));
    let id: String = subject.id.chars().take(ID_LETTERS).collect();
    let severity = Cell::new(subject.severity.name()).coloured(subject.severity);
    let [fate, why, what, who, id] =
        [fate, &why(change), &subject.what, &subject.who, &id].map(Cell::new);
    Row {
        cells: vec![fate, severity, why, what, who, id],
        below: Vec::new(),
    }
}

/// Returns why a change is listed, in a few words.
fn why(change: &Change<'_>) -> String {
    let (now, before) = (change.subject, change.before);
    let counted = |count: u64| match count {
        1 => "1 event".to_owned(),
        count => format!("{count} events"),
    };
    match (change.fate, change.rises.first(), before) {
        (Fate::Risen, Some(Rise::Severity), Some(before)) => {
            format!("was {}", before.severity.name())
        }
        (Fate::Risen, Some(Rise::Reopened), Some(before)) => {
            format!("was {}", before.status.unwrap_or_default())
        }
        (Fate::Risen, Some(Rise::Escalating), _) => "escalating".to_owned(),
        (Fate::Risen, Some(Rise::Events), Some(before)) => {
            format!("{} to {} a day", before.last_day, now.last_day)
        }
        (Fate::Risen, Some(Rise::Steps), Some(before)) => {
            format!("{} to {} steps", before.steps, now.steps)
        }
        (Fate::Risen, Some(Rise::MadeAgain), _) => "made again".to_owned(),
        (Fate::Gone, ..) => match now.is_open {
            true => "not in the new file".to_owned(),
            false => now.status.unwrap_or_default().to_owned(),
        },
        _ => counted(now.events),
    }
}
