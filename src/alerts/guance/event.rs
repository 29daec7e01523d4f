//! An alert as an event of a monitor: the fields by which Guance joins what belongs together.
//!
//! What Guance calls an object is an account's cluster here, and its dimensions are spelled the same
//! in every event, byte for byte, as history and related events are found by them. All events of one
//! life of a cluster have the id of its first one as the id of their fault; the last one is `ok`. An
//! escalation of a cluster, a campaign and a silence are objects with faults of their own, so that the
//! end of one does not pass for the end of another.
//! Source: Guance documentation, "Events" (fields of events) and "Unrecovered events".

use std::collections::BTreeMap;

use clusters::Cluster;
use clusters::facet::Kind as Facet;
use clusters::keys::masked;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use records::time::EventTime;
use serde_json::Value;

use crate::Alert;
use crate::evidence::Evidence;
use crate::guance::line_protocol::{Field, Point, TAG_BYTES_MAX};
use crate::links::SAMPLES;
use crate::occasion::{AlertId, Kind};
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
pub fn status(alert: &Alert) -> &'static str {
    match alert.occasion.kind {
        _ if alert.occasion.is_end() => "ok",
        Kind::NoData => "nodata",
        _ => alert.level().name(),
    }
}

/// Returns what an event is about: tags, too, by the same names.
pub fn dimensions(alert: &Alert) -> BTreeMap<&'static str, String> {
    let occasion = &alert.occasion;
    let mut dimensions = BTreeMap::from([("account_id", occasion.account_id.clone())]);
    match occasion.cluster {
        Some(cluster) => {
            dimensions.insert("cluster_id", cluster.to_string());
            // It has an end of its own, after which the cluster may go on.
            if occasion.kind == Kind::Escalating {
                dimensions.insert("ct_kind", occasion.kind.name().to_owned());
            }
        }
        None => {
            let evidence = occasion.evidence();
            let object = evidence.as_ref().and_then(Evidence::object);
            let about = match (occasion.kind, object) {
                (Kind::AccessKey, _) => masked(&occasion.about),
                // Another one every hour, which would make an object of its own of each.
                (Kind::AccountSummary, _) => String::new(),
                (_, Some(object)) => object.to_owned(),
                (_, None) => occasion.about.clone(),
            };
            dimensions.insert("ct_kind", occasion.kind.name().to_owned());
            dimensions.insert("ct_about", about);
        }
    }
    let written = |value: String| token(&value, TAG_BYTES_MAX);
    let dimensions = dimensions.into_iter();
    let dimensions = dimensions.map(|(name, value)| (name, written(value)));
    dimensions.filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns the dimensions as the JSON that all events of an object share.
fn dimension_tags(alert: &Alert) -> String {
    // A map with texts as keys is always JSON, sorted by its keys.
    serde_json::to_string(&dimensions(alert)).unwrap_or_default()
}

/// Returns the event.
pub fn event(alert: &Alert, texts: &Texts, checker: &Checker) -> Point {
    let status = status(alert);
    let dimension_tags = dimension_tags(alert);
    let mut point = Point {
        measurement: "monitor".to_owned(),
        nanoseconds: seconds(alert.at()).saturating_mul(1_000_000_000),
        ..Point::default()
    };
    for (name, value) in dimensions(alert) {
        point.tag(name, value);
    }
    point.tag("df_event_id", event_id(alert.occasion.id()));
    point.tag("df_monitor_checker_id", &checker.id);
    point.tag("df_monitor_type", checker.kind());
    point.tag("df_source", "monitor");
    point.tag("df_status", status);
    point.tag("df_sub_status", status);
    point.tag("ct_state", alert.occasion.state());
    if let Some(cluster) = &alert.cluster {
        add_call(&mut point, cluster);
    }
    point.field("df_title", texts.title(alert));
    point.field("df_message", cut(&texts.markdown(alert), MESSAGE_BYTES_MAX));
    point.field("df_dimension_tags", dimension_tags.as_str());
    let subject = match alert.occasion.kind {
        Kind::NoData => "nodata",
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
    point.field("df_monitor_checker_value", alert.events().to_string());
    if let Some(key) = &checker.ref_key {
        point.field("df_monitor_ref_key", key.as_str());
    }
    add_range(&mut point, alert);
    add_fault(&mut point, alert);
    add_numbers(&mut point, alert);
    for (name, field) in of_kind(alert) {
        point.field(name, field);
    }
    point
}

fn seconds(time: Option<EventTime>) -> i64 {
    time.unwrap_or(EventTime::FIRST).seconds()
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

fn add_range(point: &mut Point, alert: &Alert) {
    if let (Some(from), Some(until)) = (alert.from, alert.until) {
        point.field("df_check_range_start", from.seconds());
        point.field("df_check_range_end", until.seconds());
        point.field("df_date_range", until.seconds_since(from).max(0));
    }
}

fn add_fault(point: &mut Point, alert: &Alert) {
    // What an hour looked like is no fault, and nothing would ever end it.
    if alert.occasion.kind == Kind::AccountSummary {
        return;
    }
    let status = if alert.occasion.is_end() {
        "ok"
    } else {
        "fault"
    };
    point.field("df_fault_id", event_id(alert.occasion.fault_id()));
    point.field("df_fault_status", status);
    point.field("df_fault_start_time", seconds(alert.fault_start()));
    point.field("df_fault_duration", alert.fault_seconds());
}

fn add_numbers(point: &mut Point, alert: &Alert) {
    point.field("ct_count", alert.events());
    point.field("ct_account_errors", alert.account_errors);
    point.field("ct_suppressed", alert.suppressed);
    point.field("ct_severity", alert.level().name());
    point.field("ct_enrichment", alert.enrichment.name());
    point.field("ct_late", alert.occasion.is_late);
    if let Some(cluster) = &alert.cluster {
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
pub fn of_kind(alert: &Alert) -> Vec<(&'static str, Field)> {
    match alert.occasion.evidence() {
        Some(Evidence::Campaign(of)) => {
            let shapes: Vec<&str> = of.shapes.iter().map(|shape| shape.name()).collect();
            vec![
                ("ct_campaign_items", of.items.into()),
                ("ct_campaign_clusters", of.clusters.total.into()),
                ("ct_campaign_shapes", shapes.join(",").into()),
            ]
        }
        Some(Evidence::Escalation(of)) => {
            vec![("ct_limit", of.limit.into()), ("ct_peak", of.peak.into())]
        }
        Some(Evidence::Recovery(of)) => vec![("ct_failed_seconds", of.fault_seconds.into())],
        Some(Evidence::Regression(of)) => vec![("ct_quiet_seconds", of.quiet_seconds.into())],
        Some(Evidence::Silence(of)) => {
            let diagnosis = of.diagnosis.into_iter();
            let diagnosis = diagnosis.map(|of| ("ct_diagnosis", of.name.into()));
            diagnosis.collect()
        }
        Some(Evidence::Summary(of)) => vec![
            ("ct_period", of.period.name().into()),
            ("ct_clusters", of.error_clusters.into()),
            ("ct_new_errors", of.new_errors.into()),
            ("ct_new_clusters", of.new.total.into()),
            ("ct_regressed", of.regressed.total.into()),
            ("ct_recovered", of.recovered.total.into()),
            ("ct_escalating", of.escalating.total.into()),
            ("ct_campaigns", of.campaigns.total.into()),
        ],
        None => Vec::new(),
    }
}

/// Returns the samples of an alert's cluster as logs, which the message links to.
pub fn samples(alert: &Alert) -> Vec<Point> {
    let Some(cluster) = &alert.cluster else {
        return Vec::new();
    };
    let samples = cluster.samples.iter();
    samples
        .map(|sample| {
            let record: Value = serde_json::from_str(&sample.json).unwrap_or_default();
            let text = |field: &str| record.get(field).and_then(Value::as_str);
            let identity = &cluster.facts.identity;
            let mut point = Point {
                measurement: SAMPLES.to_owned(),
                nanoseconds: seconds(sample.at.or(alert.at())).saturating_mul(1_000_000_000),
                ..Point::default()
            };
            for (name, value) in dimensions(alert) {
                point.tag(name, value);
            }
            point.tag("aws_region", text("awsRegion").unwrap_or_default());
            point.tag("error_code", text("errorCode").unwrap_or(&identity.code));
            point.tag("event_name", &identity.action);
            point.tag("event_source", identity.event_source());
            point.tag("status", alert.level().name());
            point.field("event_id", sample.id.to_string());
            point.field("message", &*sample.json);
            point
        })
        .collect()
}
