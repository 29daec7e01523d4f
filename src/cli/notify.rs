//! `notify --dry-run`: prints alerts exactly as each sink would get them, and sends nothing.
//!
//! Only the deployed function sends alerts, because only it knows which alerts were already sent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol::body;
use alerts::guance::site::{SITES, site};
use alerts::links::Links;
use alerts::message::{ClusterContext, Message};
use alerts::text::Texts;
use alerts::{detail, locale, sns};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _, ValueEnum};
use clusters::circumstance::Circumstances;
use clusters::facet::FacetKind as Facet;
use clusters::fingerprint::ClusterId;
use clusters::keys::{KeyReport, account_of};
use clusters::transition::NewCircumstance;
use clusters::{Cluster, ClusterTotals, FacetValue};
use records::key_id::KeyKind;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::inspect::transition_alerts::alert;

use crate::output;
use crate::source::{SourceArguments, StoreAnswer, StoreQuery};

/// Preview the alerts for the clusters, sensitive calls and incidents in CloudTrail files
///
/// Reads the files like scan, creates one alert per cluster and the alerts about sensitive calls and incidents, the most severe
/// first, and prints them as they would be sent to Guance, SNS and EventBridge. Sends nothing, and does not ask IAM when access
/// keys were last used.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector notify --dry-run AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --sink guance --language zh --limit 1 AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --sink eventbridge --kind recovered --format json AWSLogs/")]
pub struct Arguments {
    /// CloudTrail files, folders, or - for standard input
    #[arg(required_unless_present = "db")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    /// Required: print the alerts and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the alert for this sink only. May be repeated. Default: all sinks
    #[arg(long, value_enum)]
    sink: Vec<Sink>,
    /// Language of the alerts
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
    /// Kind of alert to create. Default: new for each cluster, and the alerts about sensitive calls and incidents
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Guance or TrueWatch site for the links in the alerts
    #[arg(long, value_name = "NAME", default_value = "us1", value_parser = console)]
    site: String,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Maximum number of alerts; 0 prints all
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
    /// English
    En,
    /// Chinese
    Zh,
}

/// Kinds of alerts that are about one cluster, one sensitive call or one incident. The other kinds need data that trail files do not
/// have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    New,
    #[value(name = "new_principal", alias = "new-principal")]
    NewPrincipal,
    #[value(name = "new_circumstance", alias = "new-circumstance")]
    NewCircumstance,
    Regressed,
    Recovered,
    Escalating,
    #[value(name = "sensitive_call", alias = "sensitive-call")]
    SensitiveCall,
    Incident,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
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

impl From<Language> for locale::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Zh => Self::Zh,
        }
    }
}

fn console(name: &str) -> Result<String, String> {
    let console = site(name).and_then(|site| site.console);
    console.map(str::to_owned).ok_or_else(|| {
        let names = SITES.iter();
        let names = names.filter(|site| site.console.is_some());
        let names: Vec<&str> = names.map(|site| site.name).collect();
        format!("sites with a known console: {}", names.join(", "))
    })
}

/// Runs `notify --dry-run`: prints alerts and sends nothing. Without `--dry-run` the process ends with exit code 2.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !arguments.dry_run {
        let mut command = crate::Arguments::command();
        command
            .error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "notify sends nothing: add --dry-run to preview the alerts. \
                 Only the deployed stack sends alerts",
            )
            .exit();
    }
    let query = StoreQuery {
        samples: true,
        replay: true,
        incidents: true,
        incident_alerts: true,
        ..StoreQuery::default()
    };
    let (scanned, answer) = arguments.source.scan(&arguments.paths, query)?;
    scanned.complain(true);
    let links = Links::default().with_guance(&arguments.site, None);
    let texts = Texts {
        locale: locale::Language::from(arguments.language).into(),
        links: links.context("the console of the site")?,
    };
    let sinks = match arguments.sink.as_slice() {
        [] => &Sink::ALL,
        sinks => sinks,
    };
    let alerts = alerts(&answer, arguments.kind, arguments.limit);
    match arguments.format {
        Format::Text => output::print(&printed(&alerts, arguments.kind, sinks, &texts))?,
        Format::Json => {
            let all: Vec<Value> = alerts.iter().map(|one| shape(one, sinks, &texts)).collect();
            output::print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
        }
    }
    Ok(scanned.exit_code(arguments.source.strict))
}

/// Creates the messages, the most severe first, of the same severity the newest first; 0 is no limit.
///
/// Each cluster has one alert of the kind. Sensitive calls and incidents have the alerts that would have been sent. Without a kind,
/// these are the alerts about new clusters and those about sensitive calls and incidents.
fn alerts(answer: &StoreAnswer, kind: Option<Kind>, limit: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    if !matches!(kind, Some(Kind::SensitiveCall | Kind::Incident)) {
        messages.extend(of_clusters(answer, kind.unwrap_or(Kind::New), limit));
    }
    if kind.is_none_or(|kind| kind == Kind::SensitiveCall) {
        messages.extend(of_calls(answer));
    }
    if kind.is_none_or(|kind| kind == Kind::Incident) {
        messages.extend(of_incidents(answer));
    }
    // The sort is stable: what is equal in both stays in its order, clusters first.
    let rank = |message: &Message| Reverse((message.level(), message.from));
    messages.sort_by_cached_key(rank);
    if limit > 0 {
        messages.truncate(limit);
    }
    messages
}

/// Creates one message for each cluster, the most severe and newest first, at most `limit`; 0 is no limit.
fn of_clusters(answer: &StoreAnswer, kind: Kind, limit: usize) -> Vec<Message> {
    let mut sums = answer.snapshot.sums();
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for sum in &sums {
        *errors.entry(&sum.facts.identity.account_id).or_default() += sum.span.count;
    }
    // The sort is stable: clusters that are equal in both stay sorted by number of events.
    let severity = |sum: &ClusterTotals<'_>| {
        let standing = answer.standing(sum.id);
        standing.map(|standing| standing.listed.assessment().severity)
    };
    sums.sort_by_cached_key(|sum| Reverse((severity(sum), sum.span.first_seen)));
    let limit = if limit > 0 { limit } else { usize::MAX };
    let of_cluster = |sum: &ClusterTotals<'_>| {
        let cluster = sum.cluster();
        let errors = errors.get(cluster.facts.identity.account_id.as_str());
        let errors = errors.copied().unwrap_or_default();
        Some(message(example(&cluster, kind)?, cluster, errors))
    };
    sums.iter().filter_map(of_cluster).take(limit).collect()
}

/// Creates a message for each alert about a sensitive call that is due.
fn of_calls(answer: &StoreAnswer) -> Vec<Message> {
    let calls = answer.snapshot.sensitive_calls().into_iter();
    let calls: BTreeMap<ClusterId, ClusterTotals<'_>> = calls.map(|call| (call.id, call)).collect();
    let due = answer.story.iter().filter_map(|transition| {
        let call = calls.get(&transition.cluster?)?;
        // As if the alert had been created at once.
        let alert = alert(transition, None, transition.at)?;
        Some(message(alert, call.cluster(), 0))
    });
    due.collect()
}

/// Creates the messages of all alerts that would have been sent about incidents.
fn of_incidents(answer: &StoreAnswer) -> Vec<Message> {
    let mut before = BTreeSet::new();
    let mut messages = Vec::new();
    for incident in &answer.incidents.alerts {
        let Some(due) = &incident.due else { continue };
        let alerts = Alert::of_incident(incident, &before, due.at).into_iter();
        messages.extend(alerts.map(|alert| Message::of_account(alert, Vec::new(), None)));
        before.insert(due.clone());
    }
    messages
}

/// Creates the message of an alert about a cluster or a sensitive call.
fn message(alert: Alert, cluster: Cluster, account_errors: u64) -> Message {
    let span = cluster.span;
    let keys = keys(&cluster);
    let until = span.last_seen.and_then(|last| last.after(1));
    let range = span.first_seen.zip(until);
    let context = ClusterContext {
        cluster,
        first_seen: span.first_seen,
        // Empty: `cluster` already covers all events.
        circumstances: Circumstances::new(),
        range,
        account_errors,
    };
    Message::of_cluster(alert, context, keys, None)
}

/// Returns an example alert of the given kind for a cluster; `None` if the cluster lacks the data for it.
fn example(cluster: &Cluster, kind: Kind) -> Option<Alert> {
    let (span, account_id) = (cluster.span, &cluster.facts.identity.account_id);
    let first_episode = (cluster.id, 1);
    let of = |facts, episode, at: Option<Timestamp>| {
        // As if the alert had been created at once.
        let now = at.unwrap_or(Timestamp::FIRST);
        Alert::of_cluster(facts, account_id, episode, at, now)
    };
    let times = span.first_seen.zip(span.last_seen);
    Some(match kind {
        Kind::New => of(Facts::New, first_episode, span.first_seen),
        Kind::NewPrincipal => {
            let principals = cluster.facets.get(&Facet::Principal)?.values.iter();
            let newest = principals.max_by_key(|value| value.span.first_seen)?;
            let facts = Facts::NewPrincipal(newest.value.clone());
            of(facts, first_episode, newest.span.first_seen)
        }
        Kind::NewCircumstance => {
            let (at, new) = NewCircumstance::newest_of(cluster)?;
            of(
                Facts::NewCircumstance(Box::new(new)),
                first_episode,
                Some(at),
            )
        }
        Kind::Regressed => of(Facts::Regressed(None), (cluster.id, 2), span.last_seen),
        Kind::Recovered => {
            let (first, last) = times?;
            let totals = (last.seconds_since(first), span.count);
            Alert::of_recovery(account_id, first_episode, last, first, totals, last)
        }
        // As if all events of the cluster were in its last hour, and one event an hour were the limit.
        Kind::Escalating => {
            let full = span.last_seen?.window().end();
            let counts = (span.count, 1);
            Alert::of_escalation(account_id, Some(first_episode), full, counts, full)
        }
        // Alerts about sensitive calls and incidents are not examples: they are in the timeline.
        Kind::SensitiveCall | Kind::Incident => return None,
    })
}

/// Returns the reports on the cluster's access keys as if IAM had not answered, because this command does not ask IAM.
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
            anomalies: Vec::new(),
            is_missing: kind == KeyKind::LongTerm,
        }
    };
    let keys = cluster.facets.get(&Facet::AccessKey);
    keys.map_or_else(Vec::new, |keys| keys.values.iter().map(report).collect())
}

fn printed(alerts: &[Message], kind: Option<Kind>, sinks: &[Sink], texts: &Texts) -> String {
    if alerts.is_empty() {
        return match kind {
            Some(Kind::SensitiveCall) => "No sensitive calls, so no alerts.\n".to_owned(),
            Some(Kind::Incident) => "No incidents, so no alerts.\n".to_owned(),
            Some(Kind::NewCircumstance) => "No new circumstances, so no alerts.\n".to_owned(),
            _ => "No clusters, so no alerts.\n".to_owned(),
        };
    }
    let mut text = String::new();
    for message in alerts {
        for sink in sinks {
            let id = message.alert.id();
            text.push_str(&format!("=== {} {id}\n", sink.name()));
            text.push_str(&sent(*sink, message, texts));
            text.push('\n');
        }
    }
    text
}

/// Returns the request to a sink as text.
fn sent(sink: Sink, message: &Message, texts: &Texts) -> String {
    match sink {
        Sink::Guance => {
            let (event, samples) = guance(message, texts);
            let mut text = format!("POST /v1/write/keyevent\n\n{event}\n");
            if !samples.is_empty() {
                text.push_str(&format!("\nPOST /v1/write/logging\n\n{samples}\n"));
            }
            text
        }
        Sink::Sns => {
            let mut text = format!("Subject: {}\n", sns::subject(message));
            for (name, value) in sns::attributes(message) {
                text.push_str(&format!("{name}: {value}\n"));
            }
            text + "\n" + &sns::body(message, texts)
        }
        Sink::Eventbridge => {
            let entry = detail::entry(message, None, &texts.links);
            serde_json::to_string_pretty(&entry).unwrap_or_default() + "\n"
        }
    }
}

fn guance(message: &Message, texts: &Texts) -> (String, String) {
    let event = event(message, texts, &Checker::default());
    (body(&[event]), body(&samples(message)))
}

/// Returns the requests to all given sinks as JSON.
fn shape(message: &Message, sinks: &[Sink], texts: &Texts) -> Value {
    let mut shape = json!({
        "alert_id": message.alert.id().to_string(),
        "kind": message.alert.kind().name(),
        "severity": message.level().name(),
        "cluster_id": message.alert.cluster().map(|id| id.to_string()),
    });
    for sink in sinks {
        shape[sink.name()] = match sink {
            Sink::Guance => {
                let (event, samples) = guance(message, texts);
                json!({"keyevent": event, "logging": samples})
            }
            Sink::Sns => {
                let attributes = sns::attributes(message).into_iter();
                let attributes: serde_json::Map<String, Value> = attributes
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                json!({
                    "subject": sns::subject(message),
                    "attributes": attributes,
                    "body": sns::body(message, texts),
                })
            }
            Sink::Eventbridge => detail::entry(message, None, &texts.links),
        };
    }
    shape
}
