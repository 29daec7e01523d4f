//! `diff`: what is new, has risen or is gone between two stores, such as those of yesterday and today.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerts::severity::Severity;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::Status;
use clusters::{ClusterTotals, short_name};
use records::redact::sanitize;
use records::time::Timestamp;
use view::call::{self, DescribedCall};
use view::incident;

use crate::changes::{Change, Fate, Kind, Rise, Side, Subject, between};
use crate::inputs::shown;
use crate::scan::Format;
use crate::source::{StoreAnswer, StoreQuery, answer};
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
    /// Exit with code 3 if something new is at least this severe
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<AtLeast>,
}

/// The value of `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AtLeast {
    Info,
    Warning,
    Error,
    Critical,
}

impl AtLeast {
    fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
            Self::Critical => Severity::Critical,
        }
    }
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
            let width = terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| width.0.into());
            let heads = [(&arguments.old, &old), (&arguments.new, &new)];
            let heads = heads.map(|(path, side)| head(path, side.newest));
            let text = heads.concat() + &text(&changes, arguments.limit, width);
            output::print(&text)?;
        }
        Format::Json => {
            let sides = [(&arguments.old, &old), (&arguments.new, &new)];
            let sides = sides.map(|(path, side)| (shown(path), side.newest));
            json::diff(&sides, &changes, &mut output::stdout())?;
        }
    }
    let limit = arguments.fail_on.map(AtLeast::severity);
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
        Some(target) => format!("{} on {target}", call::title(identity)),
        None => call::title(identity),
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
        what: sanitize(&format!("incident: {}", incident::steps(of)), 200),
        who: incident::who(&of.actor),
        severity: incident::severity(of.severity),
        status: Some(incident::state(of)),
        is_open: of.is_open,
        is_escalating: false,
        events: of.events,
        last_day: 0,
        steps: of.steps_count,
        last: Some(of.last),
    }
}

/// The width of a line in columns if stdout is no terminal.
const COLUMNS: usize = 120;

/// The widths of the columns for the change, the severity and the beginning of the id.
const FIXED: [usize; 3] = [5, 8, 8];

/// The widest column for the reason of a change.
const WHY_COLUMNS_MAX: usize = 21;

/// The narrowest line that is not cut further.
const COLUMNS_MIN: usize = 60;

fn head(path: &Path, newest: Option<Timestamp>) -> String {
    let until = newest.map_or("no event has a time".to_owned(), |at| {
        format!("events until {at}")
    });
    format!("{}: {until}\n", shown(path))
}

/// Returns the changes as text, one line each of at most `width` columns, and their numbers in the last lines.
fn text(changes: &[Change<'_>], limit: usize, width: usize) -> String {
    let mut text = String::new();
    let mut totals = String::new();
    let why_width = changes.iter().map(|of| why(of).chars().count()).max();
    let why_width = why_width.unwrap_or_default().min(WHY_COLUMNS_MAX);
    for fate in [Fate::New, Fate::Risen, Fate::Gone] {
        let name: &str = fate.into();
        let of_fate: Vec<_> = changes.iter().filter(|of| of.fate == fate).collect();
        let shown = if limit == 0 { of_fate.len() } else { limit };
        let lines = of_fate.iter().take(shown);
        text.extend(lines.map(|change| line(change, why_width, width)));
        if let Some(more @ 1..) = of_fate.len().checked_sub(shown) {
            text.push_str(&format!("… and {more} more {name}; --limit 0 shows all\n"));
        }
        totals.push_str(&format!(
            "{} {name}{}\n",
            of_fate.len(),
            severities(&of_fate)
        ));
    }
    text + &totals
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

fn line(change: &Change<'_>, why_width: usize, width: usize) -> String {
    let subject = change.subject;
    let fate: &str = change.fate.into();
    let [fate_width, severity_width, id_width] = FIXED;
    // Five gaps of one column.
    let taken = FIXED.iter().sum::<usize>() + why_width + 5;
    let rest = width.max(COLUMNS_MIN) - taken;
    let who_width = rest * 2 / 5;
    let id: String = subject.id.chars().take(id_width).collect();
    let line = format!(
        "{fate:fate_width$} {:severity_width$} {id:id_width$} {} {} {}",
        subject.severity.name(),
        cut(&why(change), why_width),
        cut(&subject.what, rest - who_width),
        cut(&subject.who, who_width),
    );
    format!("{}\n", line.trim_end())
}

/// Returns why a change is listed, in at most 21 characters for numbers of usual size.
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

/// Returns a text in exactly `width` columns: filled with spaces, or cut with `…` at its end.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
