//! The events on the EventBridge bus.
//!
//! `docs/events` has a schema and a sample for each kind. Every event that is created must match the schema.

use std::path::PathBuf;

use alerts::detail::detail;
use alerts::guance::attributes;
use alerts::kind::AlertKind;
use alerts::links::Links;
use alerts::message::Message;
use clusters::facet::FacetKind;
use clusters::{FacetValue, FacetValues};
use expect_test::expect_file;
use serde_json::{Value, json};

use crate::alerts::{OF_CLUSTER, alerts, message};
use crate::schema::Schema;

/// Returns links to a stack with a dashboard and a log group.
pub fn links() -> Links {
    let links = Links::default();
    let links = links.with_stack("eu-central-1", Some("errors"), Some("trail-logs"));
    links.unwrap()
}

fn file(folder: &str, kind: AlertKind) -> PathBuf {
    let name = kind.detail_type().to_lowercase().replace(' ', "-");
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/events");
    docs.join(folder).join(name).with_extension("json")
}

/// Returns the published schema of a kind.
fn schema(kind: AlertKind) -> Value {
    let schema = std::fs::read_to_string(file("", kind)).unwrap();
    serde_json::from_str(&schema).unwrap()
}

/// Changes each object of a schema so that it allows no fields that it does not name.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(strict);
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(strict),
        _ => {}
    }
}

/// Returns the schema of a kind that allows no unnamed fields.
fn closed(kind: AlertKind) -> Value {
    let mut schema = schema(kind);
    strict(&mut schema);
    schema
}

/// Returns the differences between the events of alerts and their schemas: problems, and missing or additional fields.
pub fn assert_valid(alerts: &[Message]) {
    for kind in AlertKind::ALL {
        let schema = closed(kind);
        for message in alerts.iter().filter(|message| message.alert.kind() == kind) {
            let detail = detail(message, &links());
            let wrong = Schema(&schema).errors(&detail);
            assert!(wrong.is_empty(), "{wrong:?}: {detail:#}");
        }
    }
}

#[test]
fn a_failed_sign_in_says_whether_a_second_factor_was_asked_for_on_eventbridge_and_in_guance() {
    let mut message = message(AlertKind::New);
    let cluster = message.cluster.as_mut().unwrap();
    let one = FacetValue {
        value: "no".to_owned(),
        span: cluster.span,
    };
    let values = FacetValues {
        distinct: 1,
        values: vec![one],
    };
    cluster.facets.insert(FacetKind::Mfa, values);
    assert_valid(std::slice::from_ref(&message));
    let detail = detail(&message, &links());
    assert_eq!(
        detail["cluster"]["mfa"]["values"][0]["untrusted_value"],
        "no"
    );
    assert_eq!(detail["untrusted_dimensions"]["ct_mfa"], "no");
    let cluster = message.cluster.as_ref().unwrap();
    let fields = attributes::of_cluster(cluster);
    assert!(fields.contains(&("ct_mfa", "no".to_owned())), "{fields:?}");
}

#[test]
fn each_kind_of_event_has_a_schema_and_a_sample_of_that_shape() {
    let mut shared: Option<Value> = None;
    for kind in AlertKind::ALL {
        let mut schema = schema(kind);
        let title = format!("The detail of an event {:?}", kind.detail_type());
        assert_eq!(schema["title"], title);
        let fields = &mut schema["properties"];
        assert_eq!(fields["kind"], json!({"const": kind.name()}));
        // All else is the same for every kind.
        (fields["kind"], fields["untrusted_detail"]) = (Value::Null, Value::Null);
        schema["title"] = Value::Null;
        let shared = shared.get_or_insert_with(|| schema.clone());
        assert_eq!(*shared, schema, "{title}");
        let message = message(kind);
        assert_eq!(message.cluster.is_some(), OF_CLUSTER.contains(&kind));
        let sample = format!("{:#}\n", detail(&message, &links()));
        expect_file![file("samples", kind)].assert_eq(&sample);
    }
    assert_valid(&alerts());
}

/// Returns the paths of all values in a JSON value.
fn places(value: &Value, at: &str) -> Vec<String> {
    let within: Vec<(String, &Value)> = match value {
        Value::Array(items) => (0..).map(|at: usize| at.to_string()).zip(items).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), field))
            .collect(),
        _ => Vec::new(),
    };
    let mut found = vec![at.to_owned()];
    for (name, inner) in within {
        found.extend(places(inner, &format!("{at}/{name}")));
    }
    found
}

/// Checks whether the schema of a kind has nothing at a path.
fn is_free(kind: AlertKind, detail: &Value, at: &str) -> bool {
    let of_kind = "/untrusted_detail";
    match kind {
        AlertKind::New | AlertKind::NewPrincipal | AlertKind::AccessKey => at.starts_with(of_kind),
        // What has no period is the end of learning.
        AlertKind::AccountSummary if detail[&of_kind[1..]].get("period").is_some() => {
            at == of_kind || at == "/untrusted_detail/period"
        }
        AlertKind::AccountSummary => at.starts_with(of_kind),
        _ => false,
    }
}

#[test]
fn no_value_is_of_another_shape_and_no_field_can_be_left_out_or_added() {
    for message in alerts() {
        let kind = message.alert.kind();
        let (schema, detail) = (closed(kind), detail(&message, &links()));
        let assert_refused = |at: &str, change: &dyn Fn(&mut Value)| {
            let mut other = detail.clone();
            change(other.pointer_mut(at).unwrap());
            let errors = Schema(&schema).errors(&other);
            assert!(!errors.is_empty(), "{at} of {other:#}");
        };
        for at in places(&detail, "") {
            if is_free(kind, &detail, &at) {
                continue;
            }
            assert_refused(&at, &|value| *value = json!([[]]));
            if detail.pointer(&at).is_some_and(Value::is_object) {
                assert_refused(&at, &|value| value["more"] = 1.into());
            }
            // Each event has the dimensions that it has. `times` is present only if a campaign has grown; earlier releases stored summaries without `caller`.
            let (outer, name) = at.rsplit_once('/').unwrap_or_default();
            let is_field = detail.pointer(outer).is_some_and(Value::is_object);
            // A key of a summary has a status only if IAM was asked for it, and a creation time only if IAM gave it.
            let is_of_key = outer.starts_with("/untrusted_detail/keys/shown/")
                && ["status", "created"].contains(&name);
            let is_free = ["times", "caller"].contains(&name)
                || is_of_key
                || outer == "/untrusted_dimensions";
            if is_field && !at.is_empty() && !is_free {
                assert_refused(outer, &|value| {
                    drop(value.as_object_mut().unwrap().remove(name));
                });
            }
        }
    }
}
