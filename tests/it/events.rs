//! The events on the bus: `docs/events` has a schema for each kind and a sample of it. Both are made
//! here, and every event that is made has the shape they promise.

use std::path::PathBuf;

use alerts::detail::detail;
use alerts::kind::Kind;
use alerts::message::Message;
use expect_test::expect_file;
use serde_json::{Map, Value, json};

use crate::alerts::{OF_CLUSTER, alerts, message};
use crate::schema::Schema;

fn file(folder: &str, kind: Kind) -> PathBuf {
    let name = kind.detail_type().to_lowercase().replace(' ', "-");
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/events");
    docs.join(folder).join(name).with_extension("json")
}

/// Returns an object of fields that are all there.
fn object(fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties = fields.iter();
    let properties: Map<String, Value> = properties
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn token(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_.:/@+-]*$", "description": description})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn time(description: &str) -> Value {
    or_null(json!({
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "description": description,
    }))
}

fn one_of(names: &[&str], description: &str) -> Value {
    json!({"type": "string", "enum": names, "description": description})
}

fn list(of: &Value, description: &str) -> Value {
    json!({"type": "array", "items": of, "description": description})
}

fn id(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{32}$", "description": description})
}

fn cluster_id() -> Value {
    json!({
        "type": "string",
        "pattern": "^[a-z2-7]{26}$",
        "description": "The id of the cluster",
    })
}

const CLASSES: [&str; 13] = [
    "vpce", "signin", "denied", "auth", "throttle", "dryrun", "absent", "quota", "conflict",
    "server", "invalid", "other", "watch",
];

fn identity() -> Value {
    object(&[
        ("version", text("How the identity is made")),
        ("partition", token("The partition of AWS")),
        ("account_id", token("The account, or unknown")),
        ("service", token("The service's name in its event source")),
        ("action", token("The API, without a version at its end")),
        ("class", one_of(&CLASSES, "What sort of failure it is")),
        (
            "code",
            token("The code, in one spelling for all that mean the same"),
        ),
        ("cause", or_null(token("What else the class tells apart"))),
        (
            "untrusted_template",
            or_null(text("The masked message, where it is part of the identity")),
        ),
        (
            "addition",
            or_null(token("What a rule sets the cluster apart by")),
        ),
    ])
}

fn values() -> Value {
    let value = object(&[
        ("untrusted_value", text("The value")),
        ("count", count("Its events")),
        ("first_seen", time("When it was first seen in the range")),
        ("last_seen", time("When it was last seen in the range")),
    ]);
    object(&[
        ("distinct", count("How many different values there are")),
        (
            "values",
            list(&value, "The most frequent ones, at most ten"),
        ),
    ])
}

fn cluster() -> Value {
    let mut fields = vec![
        ("id", cluster_id()),
        ("identity", identity()),
        (
            "event_source",
            token("The event source as CloudTrail spells it"),
        ),
        ("event_name", token("The API")),
        (
            "error_code",
            or_null(token("The code that is seen most often")),
        ),
        (
            "untrusted_template",
            text("The error message with what varies masked; empty for none"),
        ),
        (
            "untrusted_hint",
            text("What to do; the action in it is as the event says"),
        ),
        ("count", count("Its events in the range")),
        ("first_seen", time("When it was first seen at all")),
        ("last_seen", time("When it was last seen")),
        (
            "sample_event_ids",
            list(&text("The id of an event in CloudTrail"), "Examples"),
        ),
    ];
    for name in [
        "principals",
        "caller_accounts",
        "regions",
        "origins",
        "layers",
        "networks",
        "source_ips",
        "sessions",
        "resources",
        "user_agents",
    ] {
        fields.push((name, json!({"$ref": "#/$defs/values"})));
    }
    object(&fields)
}

fn key() -> Value {
    let answers = ["used", "never", "unknown", "not_asked", "missing"];
    let oddities = ["canary", "awakened", "foreign", "deleted", "unknown"];
    object(&[
        ("id", text("The key's id, masked")),
        (
            "kind",
            one_of(&["long_term", "temporary", "other"], "How long it lives"),
        ),
        (
            "account_id",
            or_null(token("The account that its id tells")),
        ),
        ("answer", one_of(&answers, "What IAM says of it")),
        ("last_used", time("When it was last active")),
        ("last_service", or_null(token("With which service"))),
        ("last_region", or_null(token("In which region"))),
        ("untrusted_user", or_null(text("Whose it is"))),
        (
            "untrusted_session",
            or_null(text("The session that a temporary key belongs to")),
        ),
        (
            "oddities",
            list(
                &one_of(&oddities, "What is odd about it"),
                "The worst first",
            ),
        ),
        (
            "unused_days",
            json!({
                "type": ["integer", "null"],
                "description": "For how many days it had not been used before it woke up",
            }),
        ),
    ])
}

fn account() -> Value {
    object(&[
        (
            "id",
            token("Twelve digits, unknown, or empty for the whole stack"),
        ),
        ("name", or_null(text("What people call it"))),
        (
            "errors",
            count("Its errors in the range, whatever their cluster"),
        ),
    ])
}

fn range() -> Value {
    object(&[
        ("from", time("The first moment that was looked at")),
        ("until", time("The first moment after it")),
    ])
}

fn excerpt(of: &Value, description: &str) -> Value {
    let mut excerpt = object(&[
        ("total", count("How many there are")),
        ("shown", list(of, "The first of them")),
    ]);
    excerpt["description"] = description.into();
    excerpt
}

fn known_time(description: &str) -> Value {
    let mut time = time(description);
    time["type"] = "string".into();
    time
}

const SHAPES: [&str; 6] = [
    "breadth",
    "depth",
    "spread",
    "widespread",
    "brute_force",
    "spraying",
];

fn shapes() -> Value {
    list(&one_of(&SHAPES, "A shape"), "What it looks like")
}

fn stage(names: &[&str]) -> Value {
    one_of(names, "Whether it began, grew or ended")
}

fn campaign_evidence() -> Value {
    let call = token("A call, service:action");
    let mut shape = object(&[
        ("stage", stage(&["began", "grew", "ended"])),
        (
            "times",
            count("How many times as large as what makes one, where it grew"),
        ),
        (
            "reached",
            count("How many times it became as large, as far as that is told"),
        ),
        ("shapes", shapes()),
        ("actor", text("A caller, the id of a cluster, or a network")),
        ("began", known_time("Its first event")),
        ("opened", known_time("The event that made it one")),
        ("last", known_time("Its last event so far")),
        ("events", count("Its events")),
        ("items", count("How many different things its shape counts")),
        ("calls", excerpt(&call, "The calls")),
        ("clusters", excerpt(&cluster_id(), "The clusters")),
    ]);
    let required = shape["required"].as_array_mut().unwrap();
    required.retain(|name| name != "times");
    shape
}

fn escalation_evidence() -> Value {
    object(&[
        ("stage", stage(&["began", "ended"])),
        ("from", known_time("The hour it began in")),
        (
            "until",
            known_time("The end of the hour that showed the stage"),
        ),
        (
            "peak",
            count("The events of the first hour; of the largest one once it is over"),
        ),
        (
            "limit",
            count("How many events an hour could be expected at most"),
        ),
    ])
}

fn silence_evidence() -> Value {
    let diagnosis = object(&[
        ("name", token("Its stable name")),
        ("sentence", text("What is wrong and what to do")),
    ]);
    object(&[
        ("stage", stage(&["began", "ended"])),
        (
            "log_group",
            or_null(text(
                "The log group that is silent; null where the account is",
            )),
        ),
        ("since", known_time("The last event before it")),
        (
            "until",
            known_time("When it was noticed, or the first event after it"),
        ),
        ("diagnosis", or_null(diagnosis)),
    ])
}

fn summary_evidence() -> Value {
    let line = object(&[
        ("cluster", cluster_id()),
        ("service", token("The service's name in its event source")),
        ("action", token("The API")),
        ("code", token("The code")),
        ("class", one_of(&CLASSES, "What sort of failure it is")),
        ("count", count("Its events")),
    ]);
    let storm = object(&[
        ("actor", text("A caller, the id of a cluster, or a network")),
        ("shapes", shapes()),
        ("events", count("Its events")),
    ]);
    let key = object(&[
        ("key", text("The key's id, masked")),
        (
            "principal",
            text("Who used it; empty where that is not known"),
        ),
        ("last_seen", known_time("The last event that it failed in")),
        ("last_used", time("When it was last active, as IAM says")),
        ("service", or_null(token("With which service"))),
        ("region", or_null(token("In which region"))),
    ]);
    object(&[
        ("account_id", text("The account")),
        (
            "period",
            one_of(&["hour", "day", "week"], "What it is about"),
        ),
        ("from", known_time("Its first moment")),
        ("until", known_time("The first moment after it")),
        ("errors", count("The errors")),
        ("error_clusters", count("Of how many clusters they are")),
        ("new_errors", count("How many of them are of new clusters")),
        ("new", excerpt(&line, "Clusters that are new")),
        ("regressed", excerpt(&line, "Clusters that came back")),
        ("recovered", excerpt(&line, "Clusters that recovered")),
        (
            "escalating",
            excerpt(&line, "Clusters that are more frequent than usual"),
        ),
        ("campaigns", excerpt(&storm, "Campaigns")),
        ("top", list(&line, "The most frequent clusters")),
        ("keys", excerpt(&key, "Access keys that failed")),
    ])
}

/// Returns what else belongs to a kind.
fn facts(kind: Kind) -> Value {
    let description = "What else belongs to its kind; null for nothing";
    let mut shape = match kind {
        Kind::Campaign => or_null(campaign_evidence()),
        Kind::Escalating => or_null(escalation_evidence()),
        Kind::Recovered => or_null(object(&[
            (
                "fault_start",
                known_time("The first event of the life that ended"),
            ),
            ("fault_seconds", count("How long after it the last one was")),
            ("count", count("How many events it had")),
        ])),
        Kind::Regressed => or_null(object(&[(
            "quiet_seconds",
            count("For how long it had been quiet"),
        )])),
        Kind::NoData => or_null(silence_evidence()),
        // The end of learning and a digest are something else.
        Kind::AccountSummary => json!({
            "if": {"type": "object", "required": ["period"]},
            "then": summary_evidence(),
        }),
        Kind::New | Kind::NewPrincipal | Kind::AccessKey => json!({}),
    };
    shape["description"] = description.into();
    shape
}

const STATES: [&str; 13] = [
    "new",
    "new_principal",
    "regressed",
    "recovered",
    "escalating",
    "calmed",
    "campaign",
    "campaign_grew",
    "campaign_ended",
    "access_key",
    "account_summary",
    "no_data",
    "data_again",
];

/// Returns the shape of the detail.
fn shape(kind: Kind) -> Value {
    let severities = ["info", "warning", "error", "critical"];
    object(&[
        (
            "version",
            json!({"const": "1", "description": "The version of this shape"}),
        ),
        ("alert_id", id("The same however often it is sent")),
        (
            "fault_id",
            id("The id of the alert that the trouble began with"),
        ),
        ("kind", json!({"const": kind.name()})),
        (
            "state",
            one_of(
                &STATES,
                "The kind, or how far it has come: calmed, campaign_grew, campaign_ended, data_again",
            ),
        ),
        (
            "fault_status",
            one_of(
                &["fault", "ok", "none"],
                "ok for the end of the trouble; none for what is no trouble",
            ),
        ),
        (
            "epoch",
            count("The life of the cluster, from 1; 0 without a cluster"),
        ),
        ("at", time("When it happened")),
        (
            "is_late",
            json!({"type": "boolean", "description": "Found out a day or more later"}),
        ),
        ("severity", one_of(&severities, "How loud it is")),
        (
            "severity_reasons",
            list(&text("A term with its points"), "Why it is that loud"),
        ),
        ("account", account()),
        ("range", range()),
        ("fault_start", time("When the trouble began")),
        ("fault_seconds", count("For how long it has lasted")),
        ("cluster_id", or_null(cluster_id())),
        ("cluster", or_null(cluster())),
        (
            "keys",
            list(
                &key(),
                "The access keys that took part, the most frequent first",
            ),
        ),
        (
            "enrichment",
            one_of(&["full", "partial"], "Whether all could be looked up"),
        ),
        (
            "suppressed",
            count("Alerts of the cluster that were held back since the last one"),
        ),
        (
            "untrusted_about",
            text("What sets it apart from others of its kind: a caller, a key, an hour"),
        ),
        ("untrusted_detail", facts(kind)),
    ])
}

fn schema(kind: Kind) -> Value {
    let mut schema = shape(kind);
    let fields = schema.as_object_mut().unwrap();
    fields.insert(
        "$schema".to_owned(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    fields.insert("$defs".to_owned(), json!({"values": values()}));
    let title = format!("The detail of an event {:?}", kind.detail_type());
    fields.insert("title".to_owned(), title.into());
    fields.insert(
        "description".to_owned(),
        "Callers have a say in each field whose name begins with untrusted_. Fields may be added."
            .into(),
    );
    schema
}

/// Closes each object of a schema to fields that it does not name.
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

/// Returns the schema that allows no field more than promised.
fn closed(kind: Kind) -> Value {
    let mut schema = schema(kind);
    strict(&mut schema);
    schema
}

/// Says what is wrong with the events of alerts, with no field more or less than promised.
pub fn assert_valid(alerts: &[Message]) {
    for kind in Kind::ALL {
        let schema = closed(kind);
        for message in alerts.iter().filter(|message| message.alert.kind() == kind) {
            let detail = detail(message);
            let wrong = Schema(&schema).errors(&detail);
            assert!(wrong.is_empty(), "{wrong:?}: {detail:#}");
        }
    }
}

#[test]
fn each_kind_of_event_has_a_schema_and_a_sample_of_that_shape() {
    for kind in Kind::ALL {
        let schema = schema(kind);
        expect_file![file("", kind)].assert_eq(&format!("{schema:#}\n"));
        let message = message(kind);
        assert_eq!(message.cluster.is_some(), OF_CLUSTER.contains(&kind));
        let sample = format!("{:#}\n", detail(&message));
        expect_file![file("samples", kind)].assert_eq(&sample);
    }
    assert_valid(&alerts());
}

/// Returns the places of all values within a value.
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

/// Returns whether a kind promises nothing of a place.
fn is_free(kind: Kind, detail: &Value, at: &str) -> bool {
    let of_kind = "/untrusted_detail";
    match kind {
        Kind::New | Kind::NewPrincipal | Kind::AccessKey => at.starts_with(of_kind),
        // What has no period is the end of learning.
        Kind::AccountSummary if detail[&of_kind[1..]].get("period").is_some() => {
            at == of_kind || at == "/untrusted_detail/period"
        }
        Kind::AccountSummary => at.starts_with(of_kind),
        _ => false,
    }
}

#[test]
fn no_value_is_of_another_shape_and_no_field_can_be_left_out_or_added() {
    for message in alerts() {
        let kind = message.alert.kind();
        let (schema, detail) = (closed(kind), detail(&message));
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
            // How often a campaign has grown is told where it did.
            let (outer, name) = at.rsplit_once('/').unwrap_or_default();
            let is_field = detail.pointer(outer).is_some_and(Value::is_object);
            if is_field && !at.is_empty() && name != "times" {
                assert_refused(outer, &|value| {
                    drop(value.as_object_mut().unwrap().remove(name));
                });
            }
        }
    }
}
