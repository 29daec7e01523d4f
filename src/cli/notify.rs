//! `notify --dry-run`: what each sink would be sent, exactly as it would be.
//!
//! Nothing is sent from a desk: alerts are for the function, which knows what was told already. Here
//! one sees what they look like.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use alerts::Alert;
use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol::body;
use alerts::guance::site::{SITES, site};
use alerts::links::Links;
use alerts::occasion::{self, Occasion};
use alerts::text::Texts;
use alerts::{detail, message, text};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _, ValueEnum};
use clusters::facet::Kind as Facet;
use clusters::keys::{KeyReport, account_of};
use clusters::{Cluster, FacetValue, Sum};
use records::key_id::KeyKind;
use records::time::EventTime;
use serde_json::{Value, json};

use crate::output;
use crate::source::{Answer, Question, SourceArguments};

/// Show what each sink would be told of the clusters in trail files
///
/// Scans as scan does, makes an alert of each cluster, the loudest first, and prints what Guance,
/// SNS and EventBridge would be sent. Sends nothing, and asks nobody when a key was last active.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector notify --dry-run AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --sink guance --language zh --limit 1 AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --sink eventbridge --kind recovered --format json AWSLogs/")]
pub struct Arguments {
    /// Trail files, folders, or - for standard input
    #[arg(required_unless_present = "db")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    /// Print what would be sent; there is no other way to run this
    #[arg(long)]
    dry_run: bool,
    /// Only this sink; may be given several times, all of them without it
    #[arg(long, value_enum)]
    sink: Vec<Sink>,
    /// The language of the texts
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
    /// What is told of each cluster
    #[arg(long, value_enum, default_value = "new")]
    kind: Kind,
    /// The site of Guance that messages link to
    #[arg(long, value_name = "NAME", default_value = "us1", value_parser = console)]
    site: String,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// How many clusters are told; 0 tells all
    #[arg(long, default_value_t = 5)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sink {
    Guance,
    Sns,
    Eventbridge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// The kinds of alerts that are about one cluster; the others need more than trail files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    New,
    #[value(name = "new_principal", alias = "new-principal")]
    NewPrincipal,
    Regressed,
    Recovered,
    Escalating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Sink {
    const ALL: [Self; 3] = [Self::Guance, Self::Sns, Self::Eventbridge];

    fn name(self) -> &'static str {
        match self {
            Self::Guance => "guance",
            Self::Sns => "sns",
            Self::Eventbridge => "eventbridge",
        }
    }
}

impl From<Language> for text::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Zh => Self::Zh,
        }
    }
}

impl From<Kind> for occasion::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::New => Self::New,
            Kind::NewPrincipal => Self::NewPrincipal,
            Kind::Regressed => Self::Regressed,
            Kind::Recovered => Self::Recovered,
            Kind::Escalating => Self::Escalating,
        }
    }
}

fn console(name: &str) -> Result<String, String> {
    let console = site(name).and_then(|site| site.console);
    console.map(str::to_owned).ok_or_else(|| {
        let names = SITES.iter();
        let names = names.filter(|site| site.console.is_some());
        let names: Vec<&str> = names.map(|site| site.name).collect();
        format!("sites whose console is known: {}", names.join(", "))
    })
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !arguments.dry_run {
        let mut command = crate::Arguments::command();
        command
            .error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "notify sends nothing: add --dry-run to see what would be sent; \
                 the deployed stack sends it",
            )
            .exit();
    }
    let question = Question {
        samples: true,
        replay: true,
        ..Question::default()
    };
    let (scanned, answer) = arguments.source.scan(&arguments.paths, question)?;
    scanned.complain();
    let links = Links::default().with_guance(&arguments.site, None);
    let texts = Texts {
        language: arguments.language.into(),
        links: links.context("the console of the site")?,
    };
    let sinks = match arguments.sink.as_slice() {
        [] => &Sink::ALL,
        sinks => sinks,
    };
    let alerts = alerts(&answer, arguments.kind.into(), arguments.limit);
    match arguments.format {
        Format::Text => output::print(&printed(&alerts, sinks, &texts))?,
        Format::Json => {
            let all: Vec<Value> = alerts.iter().map(|one| shape(one, sinks, &texts)).collect();
            output::print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
        }
    }
    Ok(scanned.exit_code())
}

/// Makes an alert of each cluster: the loudest first, among equals the newest.
fn alerts(answer: &Answer, kind: occasion::Kind, limit: usize) -> Vec<Alert> {
    let mut sums = answer.census.sums();
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for sum in &sums {
        *errors.entry(&sum.facts.identity.account_id).or_default() += sum.span.count;
    }
    // The sort is stable: equal ones stay the most frequent first.
    let severity = |sum: &Sum<'_>| {
        let standing = answer.standing(sum.id);
        standing.map(|standing| standing.listed.assessment().severity)
    };
    sums.sort_by_cached_key(|sum| Reverse((severity(sum), sum.span.first_seen)));
    if limit > 0 {
        sums.truncate(limit);
    }
    let alert = |sum: &Sum<'_>| {
        let cluster = sum.cluster();
        let errors = errors.get(cluster.facts.identity.account_id.as_str());
        let errors = errors.copied().unwrap_or_default();
        alert(cluster, kind, errors)
    };
    sums.iter().map(alert).collect()
}

fn alert(cluster: Cluster, kind: occasion::Kind, account_errors: u64) -> Alert {
    let span = cluster.span;
    let first = |value: &&FacetValue| value.span.first_seen;
    let newest = cluster.facets.get(&Facet::Principal);
    let newest = newest.and_then(|principals| principals.values.iter().max_by_key(first));
    let (at, about) = match kind {
        occasion::Kind::NewPrincipal => {
            let at = newest.and_then(|newest| newest.span.first_seen);
            (at, newest.map(|newest| newest.value.clone()))
        }
        occasion::Kind::New => (span.first_seen, None),
        _ => (span.last_seen, None),
    };
    let account_id = &cluster.facts.identity.account_id;
    let life = (cluster.id, 1 + i64::from(kind == occasion::Kind::Regressed));
    let seconds = at.map_or(0, EventTime::seconds);
    let occasion = match (kind, span.first_seen.zip(span.last_seen)) {
        (occasion::Kind::Recovered, Some((first, last))) => {
            let lived = (last.seconds_since(first), span.count);
            Occasion::of_recovery(account_id, life, last, first, lived, seconds)
        }
        _ => Occasion {
            about: about.unwrap_or_default(),
            ..Occasion::of_cluster(kind, account_id, life, seconds, seconds)
        },
    };
    let until = span
        .last_seen
        .and_then(|last| EventTime::from_seconds(last.seconds() + 1));
    let keys = keys(&cluster);
    let range = span.first_seen.zip(until);
    Alert::of_cluster(
        occasion,
        cluster,
        span.first_seen,
        range,
        account_errors,
        keys,
        None,
    )
}

/// Reports the keys as if IAM had not answered: nobody asks it from here.
fn keys(cluster: &Cluster) -> Vec<KeyReport> {
    let sessions = cluster.facets.get(&Facet::Session);
    let session = sessions.filter(|sessions| sessions.distinct == 1);
    let session = session.and_then(|sessions| Some(sessions.values.first()?.value.clone()));
    let report = |value: &FacetValue| {
        let kind = KeyKind::of(&value.value);
        KeyReport {
            id: value.value.clone(),
            kind,
            account_id: account_of(&value.value),
            answer: None,
            session: session.clone().filter(|_| kind == KeyKind::Temporary),
            oddities: Vec::new(),
            is_missing: kind == KeyKind::LongTerm,
        }
    };
    let keys = cluster.facets.get(&Facet::AccessKey);
    keys.map_or_else(Vec::new, |keys| keys.values.iter().map(report).collect())
}

fn printed(alerts: &[Alert], sinks: &[Sink], texts: &Texts) -> String {
    if alerts.is_empty() {
        return "No clusters, so nothing to tell.\n".to_owned();
    }
    let mut text = String::new();
    for alert in alerts {
        for sink in sinks {
            let id = alert.occasion.id();
            text.push_str(&format!("=== {} {id}\n", sink.name()));
            text.push_str(&sent(*sink, alert, texts));
            text.push('\n');
        }
    }
    text
}

/// Returns what a sink is sent, as text.
fn sent(sink: Sink, alert: &Alert, texts: &Texts) -> String {
    match sink {
        Sink::Guance => {
            let (event, samples) = guance(alert, texts);
            let mut text = format!("POST /v1/write/keyevent\n\n{event}\n");
            if !samples.is_empty() {
                text.push_str(&format!("\nPOST /v1/write/logging\n\n{samples}\n"));
            }
            text
        }
        Sink::Sns => {
            let mut text = format!("Subject: {}\n", message::subject(alert));
            for (name, value) in message::attributes(alert) {
                text.push_str(&format!("{name}: {value}\n"));
            }
            text + "\n" + &message::body(alert, texts)
        }
        Sink::Eventbridge => {
            let entry = detail::entry(alert, None);
            serde_json::to_string_pretty(&entry).unwrap_or_default() + "\n"
        }
    }
}

fn guance(alert: &Alert, texts: &Texts) -> (String, String) {
    let event = event(alert, texts, &Checker::default());
    (body(&[event]), body(&samples(alert)))
}

/// Returns what sinks are sent, for programs.
fn shape(alert: &Alert, sinks: &[Sink], texts: &Texts) -> Value {
    let mut shape = json!({
        "alert_id": alert.occasion.id().to_string(),
        "kind": alert.occasion.kind.name(),
        "severity": alert.level().name(),
        "cluster_id": alert.occasion.cluster.map(|id| id.to_string()),
    });
    for sink in sinks {
        shape[sink.name()] = match sink {
            Sink::Guance => {
                let (event, samples) = guance(alert, texts);
                json!({"keyevent": event, "logging": samples})
            }
            Sink::Sns => {
                let attributes = message::attributes(alert).into_iter();
                let attributes: serde_json::Map<String, Value> = attributes
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                json!({
                    "subject": message::subject(alert),
                    "attributes": attributes,
                    "body": message::body(alert, texts),
                })
            }
            Sink::Eventbridge => detail::entry(alert, None),
        };
    }
    shape
}
