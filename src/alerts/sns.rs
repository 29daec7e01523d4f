//! Renders a message for SNS: a subject, a body, and the attributes that subscriptions filter by.
//!
//! The subject becomes a header of an e-mail, so it has only fixed words and digits. The body is always
//! plain text, not the JSON structure with one text per protocol.

use clusters::class::Class;
use clusters::fingerprint::{STRONG, WEAK};
use records::principal::is_account_id;

use crate::alert::Alert;
use crate::facts::incident::{IncidentFacts, IncidentStage};
use crate::facts::{Facts, Stage};
use crate::kind::AlertKind;
use crate::locale::Language;
use crate::message::Message;
use crate::safe::cut;
use crate::severity::Severity;
use crate::text::{Texts, incident_words};

/// The longest body of an SNS message, in bytes. The limit of SNS is 256 KiB together with the attributes.
pub const BODY_BYTES_MAX: usize = 200 << 10;

/// The longest subject, in characters. SNS allows fewer than 100.
const SUBJECT_CHARS_MAX: usize = 99;

/// The subject if the composed one is not allowed by SNS.
const SUBJECT: &str = "CloudTrail alert";

/// Returns the subject of the SNS message: in English, printable ASCII, fewer than 100 characters.
pub fn subject(message: &Message) -> String {
    let severity = match message.level() {
        _ if message.alert.is_end() => "OK",
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
        Severity::Critical => "Critical",
    };
    let mut subject = match &message.alert.facts {
        Facts::Incident(incident) => format!("{severity}: {}", incident_change(incident)),
        _ => format!("{severity}: {}", change(&message.alert)),
    };
    let class_matters = message.alert.kind() != AlertKind::SensitiveCall;
    if let Some(cluster) = message.cluster.as_ref().filter(|_| class_matters) {
        subject.push_str(&format!(" ({})", class_name(cluster.facts.identity.class)));
    }
    if let Facts::Summary(summary) = &message.alert.facts {
        subject.push_str(&format!(" ({} new", summary.new_errors));
        if summary.sensitive_calls > 0 {
            subject.push_str(&format!(", {} sensitive calls", summary.sensitive_calls));
        }
        subject.push(')');
    }
    if is_account_id(message.alert.account_id()) {
        subject.push_str(&format!(" in account {}", message.alert.account_id()));
    }
    let is_fit = subject.len() <= SUBJECT_CHARS_MAX
        && subject.starts_with(|first: char| first.is_ascii_alphabetic())
        && subject.bytes().all(|b| (b' '..=b'~').contains(&b));
    if is_fit { subject } else { SUBJECT.to_owned() }
}

fn change(alert: &Alert) -> &'static str {
    match (alert.kind(), alert.facts.stage()) {
        (AlertKind::Escalating, Some(Stage::Ended)) if alert.cluster().is_none() => {
            return "all CloudTrail errors are as usual again";
        }
        (AlertKind::Escalating, Some(Stage::Ended)) => return "CloudTrail error is as usual again",
        (AlertKind::Campaign, Some(Stage::Grew(_))) => return "campaign of CloudTrail errors grows",
        (AlertKind::Campaign, Some(Stage::Ended)) => return "campaign of CloudTrail errors is over",
        (AlertKind::NoData, Some(Stage::Ended)) => return "CloudTrail data again",
        _ => {}
    }
    match alert.kind() {
        AlertKind::SensitiveCall => "sensitive call",
        AlertKind::New => "new CloudTrail error",
        AlertKind::NewPrincipal => "known CloudTrail error, new caller",
        AlertKind::NewCircumstance => "known CloudTrail error, new circumstance",
        AlertKind::Regressed => "CloudTrail error is back",
        AlertKind::Recovered => "CloudTrail error has stopped",
        AlertKind::Escalating if alert.cluster().is_none() => {
            "all CloudTrail errors are escalating"
        }
        AlertKind::Escalating => "CloudTrail error is escalating",
        AlertKind::Campaign => "campaign of CloudTrail errors",
        AlertKind::Incident => "incident",
        AlertKind::AccessKey => "access key alert",
        AlertKind::AccountSummary => "summary of CloudTrail errors",
        AlertKind::NoData => "no CloudTrail data",
    }
}

/// Returns what became of an incident, what its actor did in fixed words, and the number of steps.
fn incident_change(incident: &IncidentFacts) -> String {
    let stage = match incident.stage {
        IncidentStage::Opened => "incident",
        IncidentStage::Grew => "incident grows",
        IncidentStage::Closed => "incident is over",
        IncidentStage::Merged => return "incident is part of another one".to_owned(),
    };
    let did = incident_words::did(&incident.reason, Language::En);
    let did = did.map(|did| format!(", actor {did}"));
    let steps = match incident.steps.total {
        0 | 1 => String::new(),
        count => format!(", {count} steps"),
    };
    [stage, &did.unwrap_or_default(), &steps].concat()
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Vpce => "refused by a VPC endpoint",
        Class::Signin => "sign-in",
        Class::Denied => "access denied",
        Class::Auth => "credentials not accepted",
        Class::Throttle => "throttled",
        Class::Dryrun => "dry run",
        Class::Absent => "not found",
        Class::Quota => "limit reached",
        Class::Conflict => "conflict",
        Class::Server => "AWS failed",
        Class::Invalid => "invalid request",
        Class::Other => "unknown code",
        Class::Watch => "succeeded",
    }
}

/// Returns the body of the SNS message: the title and the text as plain text, cut to [`BODY_BYTES_MAX`].
pub fn body(message: &Message, texts: &Texts) -> String {
    let mut body = texts.plain(message);
    body.truncate(cut(&body, BODY_BYTES_MAX).len());
    body
}

/// Returns the attributes of the SNS message as pairs of name and value, sorted by name. No value is empty,
/// because SNS refuses empty values.
pub fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    let alert = &message.alert;
    let mut attributes = vec![
        ("severity", message.level().name().to_owned()),
        ("kind", alert.kind().name().to_owned()),
        ("state", alert.state().to_owned()),
        ("alert_id", alert.id().to_string()),
    ];
    if is_account_id(alert.account_id()) {
        attributes.push(("account_id", alert.account_id().to_owned()));
    }
    match (&alert.facts, &message.cluster) {
        (Facts::Incident(incident), _) => {
            attributes.push(("incident_id", incident.incident.text().to_owned()));
        }
        (Facts::SensitiveCall(call), _) => {
            let strength = if call.is_strong() { STRONG } else { WEAK };
            attributes.push(("strength", strength.to_owned()));
        }
        (_, Some(cluster)) => {
            attributes.push(("class", cluster.facts.identity.class.name().to_owned()));
        }
        _ => {}
    }
    attributes.sort();
    attributes
}
