//! Renders a message as an event of a monitor, with the fields by which Guance groups events.
//!
//! For Guance, a cluster of an account is an object. Its dimensions identify it, and they are equal in every
//! event byte for byte, because Guance finds history and related events by them. All events of one episode
//! of a cluster have the same fault id: the id of the first event. The last event has the status `ok`.
//!
//! An escalation of a cluster, a campaign, an incident and a period without events are separate objects with separate
//! faults. So the end of one does not end another. A sensitive call is a fault that nothing ends: equal calls are one
//! object, and each alert about them is a fault of its own.
//! Source: Guance documentation, "Events" (fields of events) and "Unrecovered events".

use std::collections::BTreeMap;

use clusters::Cluster;
use clusters::class::Class;
use clusters::facet::FacetKind as Facet;
use clusters::fingerprint::{STRONG, WEAK};
use clusters::keys::masked;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use records::time::Timestamp;

use crate::alert::AlertId;
use crate::facts::incident::IncidentFacts;
use crate::facts::{CallFacts, Facts};
use crate::guance::attributes;
use crate::guance::line_protocol::{Field, Point, TAG_BYTES_MAX};
use crate::kind::AlertKind;
use crate::links::SAMPLES;
use crate::locale::Language;
use crate::message::{Message, PROGRAM_VERSION};
use crate::safe::{cut, readable, token};
use crate::text::Texts;

/// The inspection (checker) that monitor events in Guance name as their source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checker {
    /// The id of the inspection: the id of one that is registered in Guance, or any other fixed text.
    pub id: String,
    /// The name of the inspection that Guance shows to people. `None` is the name in the language of the message. The name is
    /// not part of what identifies an event, so another language does not break its history.
    pub name: Option<String>,
    /// The key by which Guance connects events with a registered inspection; `None` if no inspection is
    /// registered.
    pub ref_key: Option<String>,
}

/// The function name of the inspection, in the field `df_monitor_checker` of each event in Guance.
pub const CHECKER: &str = "aws_cloudtrail_errors";

/// The longest text of a message in an event in Guance, in bytes. A longer text is cut.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// The longest text in a field about a sensitive call, in characters.
const CHARS_MAX: usize = 256;

impl Default for Checker {
    fn default() -> Self {
        Self {
            id: "cloudtrail-inspector".to_owned(),
            name: None,
            ref_key: None,
        }
    }
}

impl Checker {
    /// Returns the name of the inspection: the one that is set, or the usual one of Guance in a language.
    fn shown_name(&self, language: Language) -> &str {
        let usual = language.pick(
            "AWS CloudTrail Exception Event Inspection",
            "AWS CloudTrail 异常事件巡检",
        );
        self.name.as_deref().unwrap_or(usual)
    }

    /// Returns the monitor type: `bot_obs` for a registered inspection, otherwise `custom`.
    fn kind(&self) -> &'static str {
        match self.ref_key {
            Some(_) => "bot_obs",
            None => "custom",
        }
    }

    /// Returns the id of an event's object: a hash of the checker and the dimensions.
    fn event_ref(&self, dimensions: &str) -> String {
        let mut hash = Md5::new();
        hash.update(&self.id);
        hash.update(dimensions);
        HEXLOWER.encode(&hash.finalize())
    }
}

/// Returns the id in Guance of the event for an alert: `event-` and the alert id.
pub fn event_id(id: AlertId) -> String {
    format!("event-{id}")
}

/// Returns the status in Guance of the event for a message.
///
/// It is `ok` if the alert reports the end of a problem, `nodata` if no events arrive from an account or a
/// log group, and otherwise the name of the severity.
pub fn status(message: &Message) -> &'static str {
    match message.alert.kind() {
        _ if message.alert.is_end() => "ok",
        AlertKind::NoData => "nodata",
        _ => message.level().name(),
    }
}

/// Returns the dimensions of the event in Guance for a message, by name. They identify its object, such as
/// a cluster or a campaign, so that Guance finds all events about it.
///
/// They are also tags with the same names. Empty values are left out.
pub fn dimensions(message: &Message) -> BTreeMap<&'static str, String> {
    let alert = &message.alert;
    let mut dimensions = BTreeMap::from([("account_id", alert.account_id().to_owned())]);
    match alert.cluster() {
        Some(cluster) => {
            dimensions.insert("cluster_id", cluster.to_string());
            // The cluster may continue to fail after its escalation ended.
            if alert.kind() == AlertKind::Escalating {
                dimensions.insert("ct_kind", alert.kind().name().to_owned());
            }
        }
        None => {
            let about = match (alert.kind(), alert.facts.object()) {
                (AlertKind::AccessKey, _) => masked(&alert.about()),
                // The text differs in every period, so each summary would be a separate object.
                (AlertKind::AccountSummary, _) => String::new(),
                (_, Some(object)) => object.to_owned(),
                (_, None) => alert.about(),
            };
            dimensions.insert("ct_kind", alert.kind().name().to_owned());
            dimensions.insert("ct_about", about);
        }
    }
    let written = |value: String| token(&value, TAG_BYTES_MAX);
    let dimensions = dimensions.into_iter();
    let dimensions = dimensions.map(|(name, value)| (name, written(value)));
    dimensions.filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns all values by which people filter for the event of a message, by name: the dimensions of its object, its tags, and
/// the values of its cluster.
pub fn all_dimensions(message: &Message) -> BTreeMap<&'static str, String> {
    let mut all = dimensions(message);
    all.extend(attributes::tags(message));
    if let Some(cluster) = &message.cluster {
        all.extend(attributes::all_of_cluster(cluster, cluster.error_code()));
    }
    all
}

/// Returns the dimensions as JSON, equal in all events of an object.
fn dimension_tags(message: &Message) -> String {
    // A map with text keys can always be written, and is sorted by its keys.
    serde_json::to_string(&dimensions(message)).unwrap_or_default()
}

/// Returns the monitor event in Guance for a message, as a point for line protocol.
pub fn event(message: &Message, texts: &Texts, checker: &Checker) -> Point {
    let status = status(message);
    let dimension_tags = dimension_tags(message);
    let mut point = Point {
        measurement: "monitor".to_owned(),
        nanoseconds: seconds(message.at()).saturating_mul(1_000_000_000),
        ..Point::default()
    };
    for (name, value) in dimensions(message) {
        point.tag(name, value);
    }
    point.tag("df_event_id", event_id(message.alert.id()));
    point.tag("df_monitor_checker_id", &checker.id);
    point.tag("df_monitor_type", checker.kind());
    point.tag("df_source", "monitor");
    point.tag("df_status", status);
    point.tag("df_sub_status", status);
    point.tag("ct_state", message.alert.state());
    for (name, value) in attributes::tags(message) {
        point.tag(name, value);
    }
    match (&message.alert.facts, &message.cluster) {
        (Facts::SensitiveCall(call), _) => {
            point.tag("ct_event_name", token(&call.action, TAG_BYTES_MAX));
            point.tag("ct_event_source", message.event_source());
        }
        (_, Some(cluster)) => add_call(&mut point, cluster),
        _ => {}
    }
    point.field("df_title", texts.title(message));
    point.field(
        "df_message",
        cut(&texts.markdown(message), MESSAGE_BYTES_MAX),
    );
    point.field("df_dimension_tags", dimension_tags.as_str());
    let subject = match message.alert.kind() {
        AlertKind::NoData => "nodata",
        _ => "check",
    };
    point.field("df_monitor_checker", CHECKER);
    point.field(
        "df_monitor_checker_event_ref",
        checker.event_ref(&dimension_tags),
    );
    point.field(
        "df_monitor_checker_name",
        checker.shown_name(texts.locale.language),
    );
    point.field("df_monitor_checker_sub", subject);
    // In Guance a checked value is always text.
    point.field("df_monitor_checker_value", message.events().to_string());
    if let Some(key) = &checker.ref_key {
        point.field("df_monitor_ref_key", key.as_str());
    }
    add_range(&mut point, message);
    add_fault(&mut point, message);
    add_numbers(&mut point, message);
    add_made_by(&mut point, message);
    let attributes = attributes::fields(message, texts);
    for (name, field) in attributes.into_iter().chain(of_kind(message)) {
        point.field(name, field);
    }
    point
}

fn seconds(time: Option<Timestamp>) -> i64 {
    time.unwrap_or(Timestamp::FIRST).seconds()
}

/// Adds tags about the failed call, for filters.
fn add_call(point: &mut Point, cluster: &Cluster) {
    let identity = &cluster.facts.identity;
    point.tag("ct_class", identity.class.name());
    point.tag(
        "ct_error_code",
        cluster.error_code().unwrap_or(&identity.code),
    );
    point.tag("ct_event_name", &identity.action);
    point.tag("ct_event_source", identity.event_source());
}

fn add_range(point: &mut Point, message: &Message) {
    if let (Some(from), Some(until)) = (message.from, message.until) {
        point.field("df_check_range_start", from.seconds());
        point.field("df_check_range_end", until.seconds());
        point.field("df_date_range", until.seconds_since(from).max(0));
    }
}

fn add_fault(point: &mut Point, message: &Message) {
    // A summary, a new account and a drill are no faults, and no later event would end them.
    let kind = message.alert.kind();
    if matches!(
        kind,
        AlertKind::AccountSummary | AlertKind::Drill | AlertKind::NewAccount
    ) {
        return;
    }
    let status = if message.alert.is_end() {
        "ok"
    } else {
        "fault"
    };
    point.field("df_fault_id", event_id(message.alert.fault_id()));
    point.field("df_fault_status", status);
    point.field("df_fault_start_time", seconds(message.fault_start()));
    point.field("df_fault_duration", message.fault_seconds());
}

fn add_numbers(point: &mut Point, message: &Message) {
    point.field("ct_count", message.events());
    let has_errors = !matches!(
        message.alert.kind(),
        AlertKind::SensitiveCall | AlertKind::Incident
    );
    if has_errors {
        point.field("ct_account_errors", message.account_errors);
    }
    point.field("ct_suppressed", message.suppressed);
    point.field("ct_severity", message.level().name());
    point.field("ct_enrichment", message.enrichment.name());
    point.field("ct_late", message.alert.is_late);
    if let Some(cluster) = &message.cluster {
        let distinct = |facet| {
            cluster
                .facets
                .get(&facet)
                .map_or(0, |values| values.distinct)
        };
        point.field("ct_principals", distinct(Facet::Principal) as u64);
        point.field("ct_regions", distinct(Facet::Region) as u64);
    }
}

/// Adds what made the event: the versions of the program and the configuration, what found it, and the policy that sent it.
fn add_made_by(point: &mut Point, message: &Message) {
    let made_by = &message.made_by;
    point.field("ct_app_version", PROGRAM_VERSION);
    point.field("ct_rule", message.rule());
    point.field("ct_docs", message.docs());
    if let Some(version) = &made_by.config_version {
        point.field("ct_config_version", version.as_str());
    }
    if let Some(at) = made_by.detected_at {
        point.field("ct_detected_at", at.seconds());
    }
    if let Some(policy) = made_by.policy {
        point.field("ct_policy", policy as u64);
    }
}

/// Returns the fields that only this kind of alert has in Guance, as pairs of name and value, such as
/// `ct_quiet_seconds` of a regression. Empty for kinds without such fields.
pub fn of_kind(message: &Message) -> Vec<(&'static str, Field)> {
    match &message.alert.facts {
        Facts::Campaign(of) => {
            let shapes: Vec<&str> = of.shapes.iter().map(|shape| shape.name()).collect();
            vec![
                ("ct_campaign_items", of.items.into()),
                ("ct_campaign_clusters", of.clusters.total.into()),
                ("ct_campaign_shapes", shapes.join(",").into()),
            ]
        }
        Facts::Incident(of) => incident_fields(of),
        Facts::Escalation(of) => {
            vec![("ct_limit", of.limit.into()), ("ct_peak", of.peak.into())]
        }
        Facts::Recovered(of) => vec![("ct_failed_seconds", of.fault_seconds.into())],
        Facts::Regressed(Some(of)) => vec![("ct_quiet_seconds", of.quiet_seconds.into())],
        Facts::Silence(of) => {
            let diagnosis = of.diagnosis.iter();
            let diagnosis = diagnosis.map(|of| ("ct_diagnosis", of.name.as_str().into()));
            diagnosis.collect()
        }
        Facts::Summary(of) => vec![
            ("ct_period", of.period.name().into()),
            ("ct_clusters", of.error_clusters.into()),
            ("ct_new_errors", of.new_errors.into()),
            ("ct_new_clusters", of.new.total.into()),
            ("ct_regressed", of.regressed.total.into()),
            ("ct_recovered", of.recovered.total.into()),
            ("ct_escalating", of.escalating.total.into()),
            ("ct_incidents", of.incidents.total.into()),
            ("ct_begun_incidents", of.begun_incidents.into()),
            ("ct_open_incidents", of.open_incidents.into()),
            ("ct_sensitive_calls", of.sensitive_calls.into()),
        ],
        Facts::SensitiveCall(of) => call_fields(of),
        Facts::Drill(of) => vec![("ct_drill", of.drill.as_str().into())],
        Facts::DrillFailed(of) => {
            let sink = of
                .sink
                .as_deref()
                .map(|sink| ("ct_drill_sink", sink.into()));
            let fields = [
                ("ct_drill", of.drill.as_str().into()),
                ("ct_drill_stage", of.stage.name().into()),
            ];
            fields.into_iter().chain(sink).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the fields about an incident. Callers can influence those whose names contain `untrusted`.
fn incident_fields(of: &IncidentFacts) -> Vec<(&'static str, Field)> {
    let text = |text: &str| Field::from(readable(text, CHARS_MAX).as_str());
    let tactics: Vec<&str> = of.tactics.iter().map(|tactic| tactic.name()).collect();
    let ledger = &of.stays_behind;
    let mut fields: Vec<(&'static str, Field)> = vec![
        ("ct_incident_id", of.incident.text().into()),
        ("ct_alert_number", (of.number as u64).into()),
        ("ct_actor_kind", of.actor.kind.name().into()),
        ("ct_untrusted_actor", text(&of.actor.name)),
        ("ct_untrusted_principal", text(&of.actor.principal)),
        ("ct_identities", of.members.total.into()),
        ("ct_reason", text(&of.reason)),
        ("ct_tactics", tactics.join(",").into()),
        ("ct_steps", of.steps.total.into()),
        ("ct_steps_succeeded", of.steps.succeeded.into()),
        ("ct_steps_refused", of.steps.refused.into()),
        ("ct_removals_seen", ledger.removals_seen.into()),
        ("ct_stands", ledger.stands.total.into()),
        ("ct_was_open", ledger.was_open.total.into()),
        ("ct_ways_in", ledger.ways_in.total.into()),
    ];
    if of.merged.total > 0 {
        let merged: Vec<&str> = of
            .merged
            .shown
            .iter()
            .map(clusters::incident::life::IncidentId::text)
            .collect();
        fields.push(("ct_merged", merged.join(",").into()));
    }
    if let Some(into) = &of.merged_into {
        fields.push(("ct_merged_into", into.text().into()));
    }
    fields
}

/// Returns the fields about a sensitive call. Callers can influence those whose names contain `untrusted`.
fn call_fields(call: &CallFacts) -> Vec<(&'static str, Field)> {
    let strength = if call.is_strong() { STRONG } else { WEAK };
    let mut fields: Vec<(&'static str, Field)> = vec![("ct_strength", strength.into())];
    let text = |text: &str| Field::from(readable(text, CHARS_MAX).as_str());
    if let Some(principal) = &call.principal {
        fields.push(("ct_untrusted_principal", text(principal)));
    }
    let Some(details) = &call.details else {
        return fields;
    };
    fields.push(("ct_watch", text(&details.watch)));
    fields.push(("ct_tier", details.tier.name().into()));
    if let Some(technique) = &details.technique {
        fields.push(("ct_technique", text(technique)));
    }
    if let Some(target) = &details.target {
        fields.push(("ct_untrusted_target", text(target)));
    }
    let parameters = details.parameters.iter();
    let parameters: BTreeMap<String, String> = parameters
        .map(|(name, value)| (token(name, 64), readable(value, CHARS_MAX)))
        .collect();
    if !parameters.is_empty() {
        // A map with text keys can always be written.
        let parameters = serde_json::to_string(&parameters).unwrap_or_default();
        fields.push(("ct_untrusted_parameters", parameters.as_str().into()));
    }
    fields
}

/// Returns the samples of the message's cluster as log points for Guance. A sample is the redacted record
/// of one event. Empty without a cluster.
///
/// The text of the message links to these logs.
pub fn samples(message: &Message) -> Vec<Point> {
    let Some(cluster) = &message.cluster else {
        return Vec::new();
    };
    let examples = message.examples.iter();
    examples
        .map(|of| {
            let identity = &cluster.facts.identity;
            let mut point = Point {
                measurement: SAMPLES.to_owned(),
                nanoseconds: seconds(of.at.or(message.at())).saturating_mul(1_000_000_000),
                ..Point::default()
            };
            for (name, value) in dimensions(message) {
                point.tag(name, value);
            }
            point.tag("aws_region", of.region.as_deref().unwrap_or_default());
            let code = of.error_code.as_deref();
            // A sensitive call has no error.
            let code =
                code.or_else(|| (identity.class != Class::Watch).then_some(identity.code.as_str()));
            point.tag("error_code", code.unwrap_or_default());
            point.tag("event_name", &identity.action);
            point.tag("event_source", identity.event_source());
            point.tag("status", message.level().name());
            point.field("event_id", of.id.to_string());
            point.field("message", &*of.json);
            point
        })
        .collect()
}
