//! An alert as an event of a monitor: the fields by which Guance joins what belongs together.
//!
//! What Guance calls an object is an account's cluster here, and its dimensions are spelled the same
//! in every event, byte for byte, as history and related events are found by them. All events of one
//! episode of a cluster have the id of its first one as the id of their fault; the last one is `ok`. An
//! escalation of a cluster, a campaign and a silence are objects with faults of their own, so that the
//! end of one does not pass for the end of another.
//! Source: Guance documentation, "Events" (fields of events) and "Unrecovered events".

use std::collections::BTreeMap;

use clusters::Cluster;
use clusters::facet::FacetKind as Facet;
use clusters::keys::masked;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use records::time::Timestamp;

use crate::alert::AlertId;
use crate::facts::Facts;
use crate::guance::line_protocol::{Field, Point, TAG_BYTES_MAX};
use crate::kind::AlertKind;
use crate::links::SAMPLES;
use crate::message::Message;
use crate::safe::{cut, token};
use crate::text::Texts;

/// What events say they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checker {
    /// The id: that of a registered inspection, or one of our own.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The key that joins events with a registered inspection.
    pub ref_key: Option<String>,
}

/// The name of the function, as Guance has one for each checker.
pub const CHECKER: &str = "aws_cloudtrail_errors";

/// The longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

impl Default for Checker {
    fn default() -> Self {
        Self {
            id: "cloudtrail-inspector".to_owned(),
            name: "AWS CloudTrail Exception Event Inspection".to_owned(),
            ref_key: None,
        }
    }
}

impl Checker {
    /// Returns whether it is an inspection that Guance knows, or a monitor of our own.
    fn kind(&self) -> &'static str {
        match self.ref_key {
            Some(_) => "bot_obs",
            None => "custom",
        }
    }

    /// Returns the identity of what an event is about.
    fn event_ref(&self, dimensions: &str) -> String {
        let mut hash = Md5::new();
        hash.update(&self.id);
        hash.update(dimensions);
        HEXLOWER.encode(&hash.finalize())
    }
}

/// Returns the id that an event has in Guance.
pub fn event_id(id: AlertId) -> String {
    format!("event-{id}")
}

/// Returns how Guance calls the state that an alert tells.
pub fn status(message: &Message) -> &'static str {
    match message.alert.kind() {
        _ if message.alert.is_end() => "ok",
        AlertKind::NoData => "nodata",
        _ => message.level().name(),
    }
}

/// Returns what an event is about: tags, too, by the same names.
pub fn dimensions(message: &Message) -> BTreeMap<&'static str, String> {
    let alert = &message.alert;
    let mut dimensions = BTreeMap::from([("account_id", alert.account_id().to_owned())]);
    match alert.cluster() {
        Some(cluster) => {
            dimensions.insert("cluster_id", cluster.to_string());
            // It has an end of its own, after which the cluster may go on.
            if alert.kind() == AlertKind::Escalating {
                dimensions.insert("ct_kind", alert.kind().name().to_owned());
            }
        }
        None => {
            let about = match (alert.kind(), alert.facts.object()) {
                (AlertKind::AccessKey, _) => masked(&alert.about()),
                // Another one every hour, which would make an object of its own of each.
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

/// Returns the dimensions as the JSON that all events of an object share.
fn dimension_tags(message: &Message) -> String {
    // A map with texts as keys is always JSON, sorted by its keys.
    serde_json::to_string(&dimensions(message)).unwrap_or_default()
}

/// Returns the event.
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
    if let Some(cluster) = &message.cluster {
        add_call(&mut point, cluster);
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
    point.field("df_monitor_checker_name", checker.name.as_str());
    point.field("df_monitor_checker_sub", subject);
    // In Guance a checked value is text, whatever it is.
    point.field("df_monitor_checker_value", message.events().to_string());
    if let Some(key) = &checker.ref_key {
        point.field("df_monitor_ref_key", key.as_str());
    }
    add_range(&mut point, message);
    add_fault(&mut point, message);
    add_numbers(&mut point, message);
    for (name, field) in of_kind(message) {
        point.field(name, field);
    }
    point
}

fn seconds(time: Option<Timestamp>) -> i64 {
    time.unwrap_or(Timestamp::FIRST).seconds()
}

/// Adds what failed, for filters.
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
    // What an hour looked like is no fault, and nothing would ever end it.
    if message.alert.kind() == AlertKind::AccountSummary {
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
    point.field("ct_account_errors", message.account_errors);
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

/// Returns what belongs to a kind, for filters and charts.
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
            ("ct_campaigns", of.campaigns.total.into()),
        ],
        _ => Vec::new(),
    }
}

/// Returns the samples of an alert's cluster as logs, which the message links to.
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
            point.tag(
                "error_code",
                of.error_code.as_deref().unwrap_or(&identity.code),
            );
            point.tag("event_name", &identity.action);
            point.tag("event_source", identity.event_source());
            point.tag("status", message.level().name());
            point.field("event_id", of.id.to_string());
            point.field("message", &*of.json);
            point
        })
        .collect()
}
