//! Renders a message as an event for EventBridge, in the shape that `docs/events` documents.
//!
//! Rules and functions read the event, and language models may read it too. So the name of each field
//! whose text callers can influence begins with `untrusted_`.

use clusters::class::Class;
use clusters::facet::FacetKind as Facet;
use clusters::fingerprint::VERSION as IDENTITY_VERSION;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyEntry, KeyReport, masked};
use clusters::watch::{CallDetails, Watches};
use clusters::{Cluster, FacetValue, FacetValues};
use records::key_id::KeyKind;
use records::redact::{MASKS, sanitize};
use records::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::cluster_hint;
use crate::facts::{CallFacts, Facts};
use crate::guance::attributes::written_out;
use crate::guance::event::all_dimensions;
use crate::kind::AlertKind;
use crate::links::Links;
use crate::locale::Language;
use crate::message::{Example, Message, PROGRAM_VERSION};
use crate::safe::{readable, token};

/// The version of the `detail` of events on EventBridge. Within one version fields are only added; a new
/// version may remove fields.
pub const VERSION: &str = "1";

/// The `source` of the events on EventBridge, by which rules select them.
pub const SOURCE: &str = "cloudtrail-inspector";

/// The largest number of values of one facet, and of access keys, in an event. With all limits an event
/// is far below 256 KiB.
const VALUES_MAX: usize = 10;
const KEYS_MAX: usize = 20;
/// The longest text and the longest template, in characters.
const CHARS_MAX: usize = 256;
const TEMPLATE_CHARS_MAX: usize = 512;
/// The longest advice, in characters: a text of at most 400 with up to four values of facets.
const HINT_CHARS_MAX: usize = 1_536;
/// The largest depth of facts, and the largest number of entries in one list or object of them.
const DEPTH_MAX: usize = 5;
const WIDTH_MAX: usize = 20;
/// The largest depth of the facts of an incident.
const INCIDENT_DEPTH_MAX: usize = 8;

/// Returns the `detail` of the EventBridge event for a message, as a JSON object. `links` has the consoles that its links
/// lead to.
pub fn detail(message: &Message, links: &Links) -> Value {
    let alert = &message.alert;
    let about = match alert.kind() {
        AlertKind::AccessKey => masked(&alert.about()),
        _ => readable(&alert.about(), CHARS_MAX),
    };
    let dimensions = all_dimensions(message);
    json!({
        "version": VERSION,
        "alert_id": alert.id().to_string(),
        "fault_id": alert.fault_id().to_string(),
        "kind": alert.kind().name(),
        "state": alert.state(),
        "fault_status": match alert.kind() {
            _ if alert.is_end() => "ok",
            // Nothing ends a sensitive call, and a drill is no fault.
            AlertKind::AccountSummary
            | AlertKind::Drill
            | AlertKind::DrillFailed
            | AlertKind::NewAccount
            | AlertKind::SensitiveCall => "none",
            _ => "fault",
        },
        "epoch": alert.subject.number(),
        "at": time(message.at()),
        "is_late": alert.is_late,
        "severity": message.level().name(),
        "severity_reasons": message.severity.reasons.iter()
            .map(|reason| readable(&reason.to_string(), CHARS_MAX)).collect::<Vec<_>>(),
        "account": {
            "id": token(alert.account_id(), 64),
            "name": message.account_name.as_deref().map(|name| readable(name, CHARS_MAX)),
            "environment": message.environment.as_deref().map(|name| readable(name, CHARS_MAX)),
            "errors": message.account_errors,
        },
        "range": {"from": time(message.from), "until": time(message.until)},
        "fault_start": time(message.fault_start()),
        "fault_seconds": message.fault_seconds(),
        "cluster_id": alert.cluster().map(|id| id.to_string()),
        "cluster": message.cluster.as_ref().map(|found| cluster(found, message)),
        "keys": message.keys.iter().take(KEYS_MAX).map(|of| key(of, message.alert.at)).collect::<Vec<_>>(),
        "enrichment": message.enrichment.name(),
        "suppressed": message.suppressed,
        "app_version": PROGRAM_VERSION,
        "config_version": message.made_by.config_version,
        "detected_at": time(message.made_by.detected_at),
        "made_by": {
            "rule": message.rule(),
            "policy": message.made_by.policy,
            "docs": message.docs(),
        },
        "links": {
            "dashboard": links.dashboard(),
            "logs": message.logs_link(links),
            "events": event_links(message, links),
        },
        "untrusted_dimension_pairs": written_out(&dimensions),
        "untrusted_dimensions": dimensions,
        "untrusted_about": about,
        "untrusted_detail": match &alert.facts {
            Facts::SensitiveCall(of) => call(of, message),
            // Its lists are bounded, and some are lists of lists.
            Facts::Incident(of) => bounded(&json!(of), INCIDENT_DEPTH_MAX),
            facts => bounded(&facts.json(), DEPTH_MAX),
        },
    })
}

/// Returns the links to the sample events in CloudTrail.
fn event_links(message: &Message, links: &Links) -> Vec<String> {
    if let Facts::Incident(incident) = &message.alert.facts {
        let events = incident.telling_events().into_iter();
        return events.filter_map(|step| step.event_link(links)).collect();
    }
    let examples = message.examples.iter();
    let link = |of: &Example| links.event(of.region.as_deref()?, of.id);
    examples.filter_map(link).take(VALUES_MAX).collect()
}

/// Returns what a sensitive call did. All fields are present; those without a value are `null`.
fn call(call: &CallFacts, message: &Message) -> Value {
    let details = call.details.as_ref();
    let text = |text: &str| readable(text, CHARS_MAX);
    let parameters = details.into_iter().flat_map(|of| &of.parameters);
    let parameters = parameters.take(WIDTH_MAX);
    json!({
        "service": token(&call.service, 64),
        "action": token(&call.action, 64),
        "principal": call.principal.as_deref().map(text),
        "target": details.and_then(|of| of.target.as_deref()).map(text),
        "parameters": parameters
            .map(|(name, value)| json!({"name": token(name, 64), "value": text(value)}))
            .collect::<Vec<_>>(),
        "watch": details.map(|of| token(&of.watch, 64)),
        "tier": details.map(|of| of.tier.name()),
        "strong": call.is_strong(),
        "technique": details.and_then(|of| of.technique.as_deref()).map(|id| token(id, 16)),
        "why": details.and_then(why).map(|why| text(&why)),
        "calls": message.events(),
    })
}

/// Returns why a call is watched, in English; a watch of the user has its own sentence.
fn why(details: &CallDetails) -> Option<String> {
    let of_table = || {
        let watches = Watches::default();
        Some(watches.named(&details.watch)?.why.clone())
    };
    details.why.clone().or_else(of_table)
}

/// Returns the complete EventBridge event for a message, as an entry of a `PutEvents` request.
///
/// `bus` is the name of the event bus; without it AWS uses the default bus. `links` has the consoles that links lead to.
pub fn entry(message: &Message, bus: Option<&str>, links: &Links) -> Value {
    let mut entry = json!({
        "Source": SOURCE,
        "DetailType": message.alert.kind().detail_type(),
        "Detail": detail(message, links).to_string(),
    });
    if let Some(bus) = bus {
        entry["EventBusName"] = bus.into();
    }
    entry
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn cluster(cluster: &Cluster, message: &Message) -> Value {
    let identity = &cluster.facts.identity;
    let optional = |text: &Option<String>| text.as_deref().map(|text| token(text, CHARS_MAX));
    let template = |text: &str| readable(text, TEMPLATE_CHARS_MAX);
    let advice = cluster_hint::of_cluster(cluster, Language::En);
    let mut shape = json!({
        "id": cluster.id.to_string(),
        "identity": {
            "version": IDENTITY_VERSION,
            "partition": token(&identity.partition, CHARS_MAX),
            "account_id": token(&identity.account_id, CHARS_MAX),
            "service": token(&identity.service, CHARS_MAX),
            "action": token(&identity.action, CHARS_MAX),
            "class": identity.class.name(),
            "code": token(&identity.code, CHARS_MAX),
            // The cause of a sensitive call is its caller, whose name is in `principals`.
            "cause": optional(&identity.cause).filter(|_| identity.class != Class::Watch),
            "untrusted_template": identity.template.as_deref().map(template),
            "addition": optional(&identity.addition),
        },
        "event_source": token(&identity.event_source(), CHARS_MAX),
        "event_name": token(&identity.action, CHARS_MAX),
        "error_code": cluster.error_code().map(|code| token(code, CHARS_MAX)),
        "untrusted_template": template(&cluster.facts.template),
        // The secrets in its names are masked already. Its own sentences, such as "the password: change it", are not secrets.
        "untrusted_hint": sanitize(&advice, HINT_CHARS_MAX),
        "count": cluster.span.count,
        "first_seen": time(message.first_seen.or(cluster.span.first_seen)),
        "last_seen": time(cluster.span.last_seen),
        "sample_event_ids": cluster.samples.iter()
            .map(|sample| sample.id.to_string()).collect::<Vec<_>>(),
    });
    for (facet, name) in FACETS {
        shape[name] = values(cluster.facets.get(&facet));
    }
    shape
}

/// The facets in an event, with the names of their fields. Callers can influence the values of some of
/// them, so every value is in a field `untrusted_value`.
const FACETS: [(Facet, &str); 12] = [
    (Facet::Principal, "principals"),
    (Facet::CallerAccount, "caller_accounts"),
    (Facet::Region, "regions"),
    (Facet::Origin, "origins"),
    (Facet::Layer, "layers"),
    (Facet::Policy, "policies"),
    (Facet::Network, "networks"),
    (Facet::SourceIp, "source_ips"),
    (Facet::Session, "sessions"),
    (Facet::Resource, "resources"),
    (Facet::UserAgent, "user_agents"),
    (Facet::Mfa, "mfa"),
];

fn values(values: Option<&FacetValues>) -> Value {
    let all = values.map_or(&[][..], |values| &values.values);
    let value = |value: &FacetValue| {
        json!({
            "untrusted_value": readable(&value.value, CHARS_MAX),
            "count": value.span.count,
            "first_seen": time(value.span.first_seen),
            "last_seen": time(value.span.last_seen),
        })
    };
    json!({
        "distinct": values.map_or(0, |values| values.distinct),
        "values": all.iter().take(VALUES_MAX).map(value).collect::<Vec<_>>(),
    })
}

fn key(key: &KeyReport, at_event: Option<Timestamp>) -> Value {
    let kind = match key.kind {
        KeyKind::LongTerm => "long_term",
        KeyKind::Temporary => "temporary",
        KeyKind::Other => "other",
    };
    let (answer, used) = match &key.answer {
        Some(IamAnswer::Used {
            at,
            service,
            region,
            user,
        }) => (
            "used",
            (Some(*at), service.clone(), region.clone(), user.clone()),
        ),
        Some(IamAnswer::Never { user }) => ("never", (None, None, None, user.clone())),
        Some(IamAnswer::Unknown) => ("unknown", Default::default()),
        None if key.is_missing => ("missing", Default::default()),
        None => ("not_asked", Default::default()),
    };
    let (at, service, region, user) = used;
    let unused_days = key.anomalies.iter().find_map(|anomaly| match anomaly {
        KeyAnomaly::Awakened { days } => Some(*days),
        _ => None,
    });
    let text = |text: Option<String>| text.map(|text| readable(&text, CHARS_MAX));
    json!({
        "id": masked(&key.id),
        "kind": kind,
        "account_id": key.account_id.as_deref().map(|id| token(id, 64)),
        "answer": answer,
        "last_used": time(at),
        "last_service": service.map(|service| token(&service, CHARS_MAX)),
        "last_region": region.map(|region| token(&region, CHARS_MAX)),
        "status": key.entry.map(KeyEntry::status),
        "created": time(key.entry.and_then(KeyEntry::created)),
        "age_days": key.entry.and_then(|entry| entry.age_days(at_event?)),
        "untrusted_user": text(user),
        "untrusted_session": text(key.session.clone()),
        "oddities": key.anomalies.iter().map(|anomaly| anomaly.name()).collect::<Vec<_>>(),
        "unused_days": unused_days,
    })
}

/// Returns a readable text. A text that has only characters of names stays one if a part of it is masked.
fn named(text: &str) -> String {
    let shown = readable(text, CHARS_MAX);
    match token(text, CHARS_MAX) == text {
        true => MASKS.iter().fold(shown, |shown, mask| {
            shown.replace(mask, &token(mask, CHARS_MAX))
        }),
        false => shown,
    }
}

/// Returns a copy of facts with readable texts, cut to the limits of depth and width.
fn bounded(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) => named(text).into(),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::Null,
        Value::Array(values) => {
            let values = values.iter().take(WIDTH_MAX);
            values.map(|value| bounded(value, depth - 1)).collect()
        }
        Value::Object(fields) => {
            let fields = fields.iter().take(WIDTH_MAX);
            let field =
                |(name, value): (&String, &Value)| (token(name, 64), bounded(value, depth - 1));
            Value::Object(fields.map(field).collect::<Map<_, _>>())
        }
        scalar => scalar.clone(),
    }
}
