//! `notify --dry-run`: prints alerts exactly as each sink would get them, and sends nothing.
//!
//! Only the deployed function sends alerts, because only it knows which alerts were already sent.

use std::path::PathBuf;
use std::process::ExitCode;

use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol::body;
use alerts::guance::site::{SITES, site};
use alerts::kind::AlertKind;
use alerts::links::Links;
use alerts::message::Message;
use alerts::text::Texts;
use alerts::{detail, sns};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _, ValueEnum};
use serde_json::{Value, json};

use crate::locale_options::LocaleOptions;
use crate::output;
use crate::preview::{Preview, Previewed};
use crate::settings::load_lists;
use crate::source::{SourceArguments, StoreQuery};

/// What is printed before alerts that nothing in the events causes.
const EXAMPLE: &str =
    "These events cause no such alert. The alert below is an example that is made of them.";

/// Preview the alerts that a stack would send about the events in CloudTrail files
///
/// Reads the files like scan, finds the alerts that a stack would have sent about them, and prints them, the most severe first, as
/// they would be sent to Guance, SNS and EventBridge. Sends nothing, and does not ask IAM when access keys were last used.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector notify --dry-run AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --kind account_summary --sink guance --language zh AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --kind incident --sink sns --time-zone +08:00 --limit 1 AWSLogs/\n  \
    cloudtrail-inspector notify --dry-run --kind recovered --all --sink eventbridge --format json AWSLogs/")]
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
    #[command(flatten)]
    locale: LocaleOptions,
    /// Only alerts of this kind. Default: all kinds
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Also alerts that a stack holds back: what is part of an incident, quiet clusters, small summaries, every long-term key; an example of missing data and of an escalation
    #[arg(long)]
    all: bool,
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
enum Kind {
    #[value(name = "account_summary", alias = "account-summary")]
    AccountSummary,
    Incident,
    #[value(name = "sensitive_call", alias = "sensitive-call")]
    SensitiveCall,
    #[value(name = "new_account", alias = "new-account")]
    NewAccount,
    #[value(name = "no_data", alias = "no-data")]
    NoData,
    #[value(name = "access_key", alias = "access-key")]
    AccessKey,
    New,
    #[value(name = "new_principal", alias = "new-principal")]
    NewPrincipal,
    #[value(name = "new_circumstance", alias = "new-circumstance")]
    NewCircumstance,
    Regressed,
    Recovered,
    Escalating,
    Drill,
    #[value(name = "drill_failed", alias = "drill-failed")]
    DrillFailed,
}

impl From<Kind> for AlertKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::AccountSummary => Self::AccountSummary,
            Kind::Incident => Self::Incident,
            Kind::SensitiveCall => Self::SensitiveCall,
            Kind::NewAccount => Self::NewAccount,
            Kind::NoData => Self::NoData,
            Kind::Drill => Self::Drill,
            Kind::DrillFailed => Self::DrillFailed,
            Kind::AccessKey => Self::AccessKey,
            Kind::New => Self::New,
            Kind::NewPrincipal => Self::NewPrincipal,
            Kind::NewCircumstance => Self::NewCircumstance,
            Kind::Regressed => Self::Regressed,
            Kind::Recovered => Self::Recovered,
            Kind::Escalating => Self::Escalating,
        }
    }
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
        events: true,
        ..StoreQuery::default()
    };
    let (scanned, answer) = arguments.source.scan(&arguments.paths, query)?;
    scanned.complain(true);
    let links = Links::default().with_guance(&arguments.site, None);
    let texts = Texts {
        locale: arguments.locale.locale(),
        links: links.context("the console of the site")?,
    };
    let sinks = match arguments.sink.as_slice() {
        [] => &Sink::ALL,
        sinks => sinks,
    };
    let lists = load_lists(arguments.source.rules.settings.as_deref())?;
    let kind = arguments.kind.map(AlertKind::from);
    let preview = Preview {
        kind,
        with_held_back: arguments.all,
        limit: arguments.limit,
        canaries: &lists.canary_keys,
    };
    let Previewed {
        messages: alerts,
        are_examples,
    } = preview.messages(&answer);
    if are_examples {
        output::complain(EXAMPLE);
    }
    match arguments.format {
        Format::Text => output::print(&printed(&alerts, &preview, sinks, &texts))?,
        Format::Json => {
            let all: Vec<Value> = alerts.iter().map(|one| shape(one, sinks, &texts)).collect();
            output::print(&output::pretty(&all)?)?;
        }
    }
    Ok(scanned.exit_code(arguments.source.strict))
}

fn printed(alerts: &[Message], preview: &Preview<'_>, sinks: &[Sink], texts: &Texts) -> String {
    if alerts.is_empty() {
        return nothing(preview);
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

/// Returns a sentence for a preview without alerts.
fn nothing(preview: &Preview<'_>) -> String {
    let what = match preview.kind {
        Some(kind) => format!("No alert of the kind {}", kind.name()),
        None => "No alert".to_owned(),
    };
    let more = match (preview.kind, preview.with_held_back) {
        (Some(AlertKind::AccessKey), false) => {
            " IAM is not asked when keys were last used, so only canary keys of a --settings file have alerts here; \
             --all shows the alert for every long-term key."
        }
        (Some(AlertKind::NoData | AlertKind::NewAccount | AlertKind::Escalating), false) => {
            " Add --all to see an example."
        }
        (_, false) => " Add --all to see alerts that a stack holds back.",
        (_, true) => "",
    };
    let made = match preview.with_held_back {
        true => "can be made of these events",
        false => "would be sent about these events",
    };
    format!("{what} {made}.{more}\n")
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
            let mut text = format!(
                "Subject: {}\n",
                sns::subject(message, texts.locale.language)
            );
            for (name, value) in sns::attributes(message) {
                text.push_str(&format!("{name}: {value}\n"));
            }
            text + "\n" + &sns::body(message, texts)
        }
        Sink::Eventbridge => {
            let entry = detail::entry(message, None, &texts.links);
            output::pretty(&entry).unwrap_or_default()
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
                    "subject": sns::subject(message, texts.locale.language),
                    "attributes": attributes,
                    "body": sns::body(message, texts),
                })
            }
            Sink::Eventbridge => detail::entry(message, None, &texts.links),
        };
    }
    shape
}
