//! `rehearse`: puts the calls of attack techniques behind a history, and prints which of them would be alerted, after
//! how long, and what hides the others.
//!
//! All happens in memory. A file with a history is opened for reading only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::Resolutions;
use clusters::triage::Triage;
use demo::techniques::{self, Place, Technique};
use pollster::block_on;
use records::principal::is_account_id;
use records::redact::sanitize;
use serde_json::{Value, json};
use service::coverage::{self, Composer};
use service::ports::{Store as _, TriageStore as _};
use service::rehearse::{Deciding, History, Rehearsals, Rehearsed};
use service::rules::Rules;

use crate::aws_options::AwsArguments;
use crate::inputs::shown;
use crate::machine::now;
use crate::source::{RecordedEvents, RulesArguments, Scanned, read_into_memory};
use crate::{WrongUsage, output, store_file};

/// Rehearse attack techniques behind your own history: which would be alerted, after how long, and what hides the others
///
/// Makes up the calls of each technique and puts them behind the last event of CloudTrail files or of a file written by
/// scan --db, in memory. Nothing is changed, and nothing is sent. Exit code 1 if a technique is hidden.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector rehearse --db trail.db\n  \
    cloudtrail-inspector rehearse --rules rules.toml --coverage watched AWSLogs/\n  \
    cloudtrail-inspector rehearse --db trail.db --technique stopped-trail --format json\n  \
    cloudtrail-inspector rehearse --list")]
pub struct Arguments {
    /// CloudTrail files, folders, or - for standard input, with the history
    #[arg(required_unless_present_any = ["db", "list"], conflicts_with = "db")]
    paths: Vec<PathBuf>,
    /// Use the history in this SQLite file, written by scan --db. It is not changed
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArguments,
    #[command(flatten)]
    aws: AwsArguments,
    /// Leave out what a stack with this value of its parameter Coverage would not read
    #[arg(long, value_enum, default_value = "all")]
    coverage: Coverage,
    /// Name of a sink that alerts are sent to. May be repeated. Default: the sinks that policies name, and another one
    #[arg(long, value_name = "NAME")]
    sink: Vec<String>,
    /// Rehearse this technique only. May be repeated. Default: all
    #[arg(long, value_name = "NAME")]
    technique: Vec<String>,
    /// Only list the techniques, with their pages
    #[arg(long)]
    list: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Seed of the names in the made-up calls
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Coverage {
    Errors,
    Watched,
    Changes,
    All,
}

impl Coverage {
    /// Returns the coverage of a pattern; `None` if all records are read.
    fn of_pattern(self) -> Option<coverage::Coverage> {
        match self {
            Self::Errors => Some(coverage::Coverage::Errors),
            Self::Watched => Some(coverage::Coverage::Watched),
            Self::Changes => Some(coverage::Coverage::Changes),
            Self::All => None,
        }
    }

    fn name(self) -> &'static str {
        self.of_pattern().map_or("all", coverage::Coverage::name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// A history with the decisions about it.
#[derive(Default)]
struct Known {
    recorded: RecordedEvents,
    resolutions: Resolutions,
    triages: BTreeMap<ClusterId, Triage>,
}

/// A technique with what would follow from it.
type Result<'r> = (&'r Technique, Rehearsed);

/// Runs `rehearse`. Returns exit code 1 if a technique is hidden, or if an input could not be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let techniques = chosen(&arguments.technique)?;
    if arguments.list {
        output::print(&listed(&techniques, arguments.format)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rules = arguments.rules.load()?;
    let (scanned, known) = known(arguments, rules)?;
    let rules = &scanned.rules;
    let composer = Composer::new(rules.watches());
    let composition = arguments.coverage.of_pattern();
    let composition = composition.map(|coverage| composer.compose(coverage));
    let (snapshot, events) = &known.recorded;
    let history = History {
        events,
        facts: &snapshot.facts,
        resolutions: &known.resolutions,
        triages: &known.triages,
    };
    let deciding = Deciding {
        rules,
        composition: composition.as_ref(),
        sinks: &arguments.sink,
        now: now(),
    };
    let rehearsals = Rehearsals::prepare(history, deciding);
    let place = place(&known.recorded);
    let rehearse = |technique: &'static Technique| {
        let records = technique.records(&place, rehearsals.start(), arguments.seed);
        (technique, rehearsals.rehearse(&records))
    };
    let results: Vec<Result<'_>> = techniques.into_iter().map(rehearse).collect();
    match arguments.format {
        Format::Table => output::print(&table(&results, &place))?,
        Format::Json => {
            let shape = shape(&results, &place, arguments.coverage, &rehearsals);
            output::print(&output::pretty(&shape)?)?;
        }
    }
    let is_hidden = results.iter().any(|(_, rehearsed)| rehearsed.is_hidden());
    Ok(match is_hidden {
        true => ExitCode::from(1),
        false => scanned.exit_code(false),
    })
}

/// Returns the techniques with these names, all if there are none.
fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Technique>> {
    let all = techniques::all().iter();
    if names.is_empty() {
        return Ok(all.collect());
    }
    let named = |name: &String| {
        let found = all.clone().find(|of| of.name == name);
        found.ok_or_else(|| {
            let name = sanitize(name, 100);
            let message = format!("no technique is named {name:?}; --list prints the names");
            anyhow::Error::new(WrongUsage(message))
        })
    };
    names.iter().map(named).collect()
}

/// Reads the history.
fn known(arguments: &Arguments, rules: Rules) -> anyhow::Result<(Scanned, Known)> {
    let Some(path) = &arguments.db else {
        let (scanned, recorded) = read_into_memory(rules, &arguments.paths, &arguments.aws)?;
        scanned.complain(true);
        let known = Known {
            recorded,
            ..Known::default()
        };
        return Ok((scanned, known));
    };
    let store = store_file::open_for_reading(path)?;
    let read = || {
        let recorded = block_on(store.whole(false))?;
        let clusters: Vec<ClusterId> = recorded.0.facts.keys().copied().collect();
        let triages = block_on(store.triages(&clusters))?.into_iter();
        let triages = triages.filter_map(|(id, of)| Some((id, of.triage?)));
        anyhow::Ok(Known {
            recorded,
            resolutions: block_on(store.resolutions())?,
            triages: triages.collect(),
        })
    };
    Ok((Scanned::with(rules), read().with_context(|| shown(path))?))
}

/// Returns the account and the region of the history with most events; those of AWS's documentation without a history.
fn place((snapshot, _): &RecordedEvents) -> Place {
    let mut events: BTreeMap<[&str; 3], u64> = BTreeMap::new();
    let mut accounts: BTreeMap<&str, u64> = BTreeMap::new();
    for (series, span) in snapshot.rows() {
        let facts = snapshot.facts.get(&series.cluster());
        let Some((facts, region)) = facts.zip(series.get(FacetKind::Region)) else {
            continue;
        };
        let (account_id, partition) = (&*facts.identity.account_id, &*facts.identity.partition);
        if is_account_id(account_id) && is_plain(partition) && is_plain(region) {
            let place = [account_id, partition, region];
            *events.entry(place).or_default() += span.count;
            *accounts.entry(account_id).or_default() += span.count;
        }
    }
    let most = events
        .iter()
        .max_by_key(|([account_id, ..], count)| (accounts[account_id], **count));
    let most = most.map(|(place, _)| *place);
    let [account_id, partition, region] = most.unwrap_or(["111122223333", "aws", "us-east-1"]);
    Place {
        account_id: account_id.to_owned(),
        partition: partition.to_owned(),
        region: region.to_owned(),
    }
}

/// Checks whether a text of a record is like the name of a region or a partition, so that it can stand in a request.
fn is_plain(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 32 && text.bytes().all(is_part)
}

/// Returns the list of techniques.
fn listed(techniques: &[&Technique], format: Format) -> anyhow::Result<String> {
    if format == Format::Json {
        let shapes: Vec<Value> = techniques.iter().map(|of| shape_of(of)).collect();
        let shape = json!({ "techniques": shapes });
        return output::pretty(&shape);
    }
    let line = |of: &&Technique| {
        let calls = of.calls().join(" ");
        format!("{} ({})\n  {}\n  {calls}\n", of.name, of.attack, of.page)
    };
    Ok(techniques.iter().map(line).collect())
}

/// Returns the results as a table of at most 80 columns, with the numbers of techniques.
fn table(results: &[Result<'_>], place: &Place) -> String {
    let names = results.iter().map(|(technique, _)| technique.name.len());
    let width = names.max().unwrap_or_default().max("TECHNIQUE".len());
    let row = |cells: [&str; 5]| {
        let [name, attack, sent, severity, after] = cells;
        let row = format!("{name:<width$} {attack:<9} {sent:<18} {severity:<8} {after}");
        row.trim_end().to_owned() + "\n"
    };
    let mut text = row(["TECHNIQUE", "ATT&CK", "SENT AS", "SEVERITY", "AFTER"]);
    for (technique, rehearsed) in results {
        let mut first = [technique.name, technique.attack];
        for alert in &rehearsed.alerts {
            let [name, attack] = std::mem::take(&mut first);
            let sent = words(alert.kind, alert.count);
            let after = duration(alert.after_seconds);
            text.push_str(&row([name, attack, &sent, alert.severity, &after]));
        }
        if rehearsed.is_hidden() {
            let [name, attack] = first;
            text.push_str(&row([name, attack, "HIDDEN", "", ""]));
            let by = rehearsed.hidden_by();
            let lines = by.iter().map(|of| wrapped(&format!("by {of}")));
            text.extend(lines);
        }
    }
    let hidden = results.iter().filter(|(_, of)| of.is_hidden()).count();
    let alerted = results.len() - hidden;
    text + &format!(
        "\n{} techniques in {} ({}): {alerted} alerted, {hidden} hidden\n",
        results.len(),
        place.account_id,
        place.region
    )
}

/// Returns the kind of alerts in words, with their number if there are several.
fn words(kind: &str, count: usize) -> String {
    let words = match kind {
        "new" => "new cluster".to_owned(),
        "new_principal" => "new caller".to_owned(),
        kind => kind.replace('_', " "),
    };
    match count {
        1 => words,
        count => format!("{words} ({count})"),
    }
}

/// Returns the time from the first call to the one that completes the technique.
fn duration(seconds: i64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, 0) => "at once".to_owned(),
        (0, seconds) => format!("{seconds}s"),
        (minutes, 0) => format!("{minutes}m"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// Returns a text in lines of at most 80 characters, each indented.
fn wrapped(text: &str) -> String {
    const CHARS_MAX: usize = 76;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().map(|line| line.chars().count());
        let is_full =
            last.is_some_and(|chars| chars > 0 && chars + 1 + word.chars().count() > CHARS_MAX);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let lines = lines.iter().map(|line| format!("    {line}\n"));
    lines.collect()
}

/// Returns the results as JSON.
fn shape(
    results: &[Result<'_>],
    place: &Place,
    coverage: Coverage,
    rehearsals: &Rehearsals<'_>,
) -> Value {
    let shapes = results.iter().map(|(technique, rehearsed)| {
        let mut shape = shape_of(technique);
        shape["is_hidden"] = rehearsed.is_hidden().into();
        shape["alerts"] = json!(rehearsed.alerts);
        shape["held_back"] = json!(rehearsed.held_back);
        shape
    });
    let shapes: Vec<Value> = shapes.collect();
    let hidden = results.iter().filter(|(_, of)| of.is_hidden()).count();
    json!({
        "account_id": place.account_id,
        "region": place.region,
        "coverage": coverage.name(),
        "start": rehearsals.start().to_string(),
        "techniques": shapes,
        "hidden": hidden,
    })
}

fn shape_of(technique: &Technique) -> Value {
    json!({
        "technique": technique.name,
        "attack": technique.attack,
        "page": technique.page,
        "calls": technique.calls(),
    })
}
