//! Events of subscriptions, through the verb of the ingest function.
//!
//! Every record has an outcome, unreadable events are put into quarantine, and only an error that may disappear on a
//! retry fails the invocation.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::exclusions::Exclusions;
use clusters::log_group_filter::{LogGroupFilter, LogGroupPattern};
use clusters::own_roles::{OwnRoles, Role};
use clusters::report::{IngestReport, METRICS, Metrics};
use expect_test::{Expect, expect};
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::IngestSettings;
use service::ingest::rules_loader::RulesLoader;
use service::ingest::subscription::{RetryReason, SERVICE, Subscription};
use service::memory::{MemoryBucket, MemoryStore};
use service::ports::{Bucket as _, Store};
use service::reread::REREAD_SECONDS;
use service::rules::Rules;

use crate::payloads::{
    LOGGED_AT, event, event_of, event_of_failures, failure, gzip, log_event, logs,
};
use crate::records::{ACCOUNT, id, record};

/// Time at which the events arrive: 2026-11-02T08:04:00Z.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-02T08:04:00Z").unwrap()
}

/// An ingest function with store and bucket in memory.
#[derive(Default)]
struct Stack {
    subscription: Subscription,
    store: MemoryStore,
    bucket: MemoryBucket,
}

impl Stack {
    fn take(&mut self, event: &[u8]) -> Result<IngestReport, RetryReason> {
        let Self {
            subscription,
            store,
            bucket,
        } = self;
        pollster::block_on(subscription.take(event, now(), store, bucket))
    }

    /// Prints the clusters, one a line.
    fn clusters(&self) -> String {
        let snapshot = pollster::block_on(self.store.snapshot(None)).unwrap();
        let line = |cluster: &clusters::Cluster| {
            let identity = &cluster.facts.identity;
            let first_seen = cluster.span.first_seen;
            format!(
                "{} {}:{} {} x{} {}",
                identity.account_id,
                identity.service,
                identity.action,
                identity.code,
                cluster.span.count,
                first_seen.map_or_else(|| "undated".to_owned(), |at| at.to_string()),
            )
        };
        let mut lines: Vec<String> = snapshot.clusters().iter().map(line).collect();
        lines.sort();
        lines.join("\n")
    }

    /// Returns the only object in quarantine.
    fn object(&self) -> (String, String) {
        let objects = self.bucket.objects();
        assert_eq!(objects.len(), 1, "{:?}", objects.keys());
        let (key, object) = objects.into_iter().next().unwrap();
        (key, String::from_utf8(object).unwrap())
    }
}

/// Prints the outcome of an event, and checks what holds for any event: the totals balance, an unreadable event is put
/// into quarantine whole and counted, and a second delivery changes nothing.
fn outcome(event: &[u8]) -> String {
    let mut stack = Stack::default();
    let invocation = stack.take(event).unwrap();
    let record_counts = &invocation.record_counts;
    assert!(record_counts.balances(), "{record_counts:?}");
    let is_aside = record_counts.quarantined() > 0 || invocation.payload_fault.is_some();
    assert_eq!(invocation.quarantined_as.is_some(), is_aside);
    if is_aside {
        let (key, object) = stack.object();
        assert_eq!(Some(&key), invocation.quarantined_as.as_ref());
        assert_eq!(came(&object), event, "kept as it came");
    } else {
        assert!(stack.bucket.objects().is_empty());
    }
    let before = stack.clusters();
    let unparsable = before.lines().filter(|line| line.contains(SERVICE));
    assert_eq!(unparsable.count() > 0, is_aside, "{before}");
    let again = stack.take(event).unwrap();
    assert_eq!((again.record_counts.clustered, again.new_clusters), (0, 0));
    assert_eq!(stack.clusters(), before);
    assert!(stack.bucket.objects().len() <= 1);
    told(&invocation)
}

fn told(invocation: &IngestReport) -> String {
    let record_counts = &invocation.record_counts;
    let mut told = match invocation.payload_fault {
        Some(fault) => format!("payload: {fault}"),
        None => format!(
            "clustered {} of {}",
            record_counts.clustered, record_counts.read
        ),
    };
    for (name, reasons) in [
        ("ignored", &record_counts.ignored),
        ("quarantined", &record_counts.quarantined),
        ("not selected", &record_counts.not_selected),
    ] {
        for (reason, count) in reasons {
            write!(told, ", {name} {reason} {count}").unwrap();
        }
    }
    for (name, count) in [
        ("duplicate", record_counts.duplicate),
        ("control messages", record_counts.control_messages),
    ] {
        if count > 0 {
            write!(told, ", {name} {count}").unwrap();
        }
    }
    told
}

/// Returns the event from which an object in quarantine was made.
fn came(object: &str) -> Vec<u8> {
    let json: Value = serde_json::from_str(object).unwrap();
    match &json["rawEvent"] {
        Value::String(text) => BASE64_STANDARD.decode(text).unwrap(),
        // The text is taken from the object, because parsing and printing could change its spelling.
        _ => {
            let (_, payload) = object.split_once(r#","requestPayload":"#).unwrap();
            payload.strip_suffix('}').unwrap().into()
        }
    }
}

#[track_caller]
fn check(cases: &[(&str, Vec<u8>)], expected: &Expect) {
    let outcomes = cases
        .iter()
        .map(|(name, event)| format!("{name}: {}\n", outcome(event)));
    expected.assert_eq(&outcomes.collect::<String>());
}

/// Returns the event with this value of `awslogs`.
fn with(awslogs: &str) -> Vec<u8> {
    format!(r#"{{"awslogs":{awslogs}}}"#).into_bytes()
}

#[test]
fn an_envelope_that_is_not_as_it_should_be_is_kept_whole_or_does_not_matter() {
    let packed = gzip(logs(&[log_event(&failure(1).to_string())]));
    let data = BASE64_STANDARD.encode(&packed);
    let halves = data.split_at(20);
    let url_safe = data.replace('+', "-").replace('/', "_");
    let of = |data: &str| with(&format!(r#"{{"data":"{data}"}}"#));
    let beside = with(&format!(r#"{{"data":"{data}","extra":1}}"#));
    let twice = format!(r#"{{"awslogs":{{"data":"{data}"}},"awslogs":{{"data":"{data}"}}}}"#);
    let file = json!({"Records": [failure(1)]}).to_string();
    let lines = format!("{}\n{}\n", failure(1), failure(2));
    check(
        &[
            ("an empty body", Vec::new()),
            ("an empty object", b"{}".to_vec()),
            ("an array", b"[]".to_vec()),
            ("awslogs null", with("null")),
            ("data empty", of("")),
            ("data a number", with(r#"{"data":7}"#)),
            ("an unknown key beside data", beside),
            ("base64 garbage", of("~~~~")),
            ("base64 without padding", of(data.trim_end_matches('='))),
            (
                "base64 with a line break",
                of(&format!("{}\n{}", halves.0, halves.1)),
            ),
            ("base64 for addresses", of(&format!("{url_safe}--"))),
            ("two payloads", twice.into_bytes()),
            ("a trail file", file.into_bytes()),
            ("a bare event", failure(1).to_string().into_bytes()),
            ("lines", lines.into_bytes()),
            ("a payload in gzip", gzip(of(&data))),
        ],
        &expect![[r#"
            an empty body: payload: payload_no_data
            an empty object: payload: payload_no_data
            an array: payload: payload_no_data
            awslogs null: payload: payload_no_data
            data empty: payload: payload_no_data
            data a number: payload: payload_no_data
            an unknown key beside data: clustered 1 of 1
            base64 garbage: payload: payload_base64
            base64 without padding: clustered 1 of 1
            base64 with a line break: clustered 1 of 1
            base64 for addresses: payload: payload_base64
            two payloads: payload: payload_trailing
            a trail file: payload: payload_no_data
            a bare event: payload: payload_no_data
            lines: payload: payload_no_data
            a payload in gzip: payload: payload_no_data
        "#]],
    );
}

#[test]
fn data_that_is_damaged_is_kept_whole() {
    let one = logs(&[log_event(&failure(1).to_string())]);
    let packed = gzip(&one);
    let mut wrong_checksum = packed.clone();
    let mut wrong_size = packed.clone();
    let end = packed.len();
    wrong_checksum[end - 8] ^= 0xff;
    wrong_size[end - 1] ^= 0x01;
    let (front, back) = one.split_at(one.len() / 2);
    check(
        &[
            ("no gzip", event("hello")),
            ("zlib", event(b"\x78\x9c\x03\x00\x00\x00\x00\x01")),
            ("zstd", event(b"\x28\xb5\x2f\xfd\x04\x00")),
            ("half a gzip", event(&packed[..end / 2])),
            ("a wrong checksum", event(&wrong_checksum)),
            ("a wrong size", event(&wrong_size)),
            ("something behind", event([&packed[..], b"more"].concat())),
            (
                "two gzip members",
                event([gzip(front), gzip(back)].concat()),
            ),
            ("two messages", event(gzip(format!("{one}{one}")))),
            ("gzip in gzip", event(gzip(&packed))),
        ],
        &expect![[r#"
            no gzip: payload: payload_not_gzip
            zlib: payload: payload_not_gzip
            zstd: payload: payload_not_gzip
            half a gzip: payload: gzip
            a wrong checksum: payload: gzip
            a wrong size: payload: gzip
            something behind: payload: gzip
            two gzip members: clustered 1 of 1
            two messages: payload: payload_trailing
            gzip in gzip: payload: payload_not_logs
        "#]],
    );
}

#[test]
fn a_bomb_is_refused_and_kept_whole() {
    let zeros = |megabytes: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::copy(
            &mut std::io::Read::take(std::io::repeat(b' '), (megabytes as u64) << 20),
            &mut encoder,
        )
        .unwrap();
        encoder.finish().unwrap()
    };
    let tiny = format!(
        "{}1]}}",
        logs(&[]).strip_suffix("]}").unwrap().to_owned() + &"1,".repeat(200_001)
    );
    let long = format!(
        r#"{}"{}"]}}"#,
        logs(&[]).strip_suffix("]}").unwrap(),
        "x".repeat(300 << 20)
    );
    check(
        &[
            ("770 MiB", event(zeros(770))),
            ("many tiny records", event(gzip(tiny))),
            ("a string of 300 MiB", event(gzip(long))),
        ],
        &expect![[r#"
            770 MiB: payload: inflated
            many tiny records: payload: records
            a string of 300 MiB: payload: inflated
        "#]],
    );
}

#[test]
fn what_cloudwatch_logs_may_write_is_understood() {
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1793606580000,"message":"CWL CONTROL MESSAGE: Checking health of destination Lambda."}]}"#;
    let one = log_event(&failure(1).to_string());
    let other_order = format!(
        r#"{{"logEvents":[{one}],"subscriptionFilters":["errors"],"logStream":"111122223333_CloudTrail_eu-central-1","messageType":"DATA_MESSAGE"}}"#
    );
    let newer = logs(&[one.replace(
        "{\"id\"",
        r#"{"extractedFields":{"$.errorCode":"AccessDenied"},"@aws.account":"111122223333","@aws.region":"eu-central-1","id""#,
    )])
    .replacen("{", r#"{"policyLevel":"ACCOUNT_LEVEL_POLICY","#, 1);
    check(
        &[
            ("a control message", event(gzip(control))),
            ("no log events", event_of(&[])),
            (
                "missing log events",
                event(gzip(r#"{"messageType":"DATA_MESSAGE"}"#)),
            ),
            (
                "null log events",
                event(gzip(r#"{"messageType":"DATA_MESSAGE","logEvents":null}"#)),
            ),
            (
                "log events that are none",
                event(gzip(r#"{"messageType":"DATA_MESSAGE","logEvents":"x"}"#)),
            ),
            ("keys in another order", event(gzip(other_order))),
            ("newer fields", event(gzip(newer))),
            (
                "another owner",
                event(gzip(logs(&[one]).replacen(
                    "111122223333",
                    "444455556666",
                    1,
                ))),
            ),
            (
                "no message of CloudWatch Logs",
                event(gzip(r#"{"hello":1}"#)),
            ),
            ("no JSON", event(gzip("hello"))),
        ],
        &expect![[r#"
            a control message: clustered 0 of 0, control messages 1
            no log events: clustered 0 of 0
            missing log events: clustered 0 of 0
            null log events: clustered 0 of 0
            log events that are none: payload: payload_not_logs
            keys in another order: clustered 1 of 1
            newer fields: clustered 1 of 1
            another owner: clustered 1 of 1
            no message of CloudWatch Logs: payload: payload_not_logs
            no JSON: payload: payload_not_logs
        "#]],
    );
}

#[test]
fn a_control_message_writes_nothing() {
    let control =
        r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"x"}]}"#;
    let mut stack = Stack::default();
    let invocation = stack.take(&event(gzip(control))).unwrap();
    assert_eq!(invocation.record_counts.control_messages, 1);
    assert_eq!(
        (invocation.record_counts.read, stack.clusters()),
        (0, String::new())
    );
    assert!(stack.bucket.objects().is_empty());
}

/// Returns an event with a log event between two good ones.
fn between(log_event_text: &str) -> Vec<u8> {
    let good = |number| log_event(&failure(number).to_string());
    event_of(&[good(1), log_event_text.to_owned(), good(2)])
}

#[test]
fn an_odd_log_event_costs_itself_at_most() {
    let text = json!(failure(3).to_string()).to_string();
    let odd = |fields: &str| between(&format!("{{{fields}}}"));
    let at = |timestamp: &str| {
        odd(&format!(
            r#""id":"1","timestamp":{timestamp},"message":{text}"#
        ))
    };
    let id = |id: &str| {
        odd(&format!(
            r#""id":{id},"timestamp":{LOGGED_AT},"message":{text}"#
        ))
    };
    let message = |message: &str| {
        odd(&format!(
            r#""id":"1","timestamp":{LOGGED_AT},"message":{message}"#
        ))
    };
    let object = failure(3).to_string();
    check(
        &[
            ("id null", id("null")),
            ("id a number", id("17")),
            (
                "no id",
                odd(&format!(r#""timestamp":{LOGGED_AT},"message":{text}"#)),
            ),
            ("timestamp null", at("null")),
            ("timestamp a string", at("\"1793606580000\"")),
            ("timestamp -1", at("-1")),
            ("timestamp 1e999", at("1e999")),
            ("timestamp 2^63", at("9223372036854775808")),
            ("timestamp a float", at("1793606580000.5")),
            ("message null", message("null")),
            ("message an object", message(&object)),
            ("message an array", message("[1]")),
            ("message a number", message("17")),
            ("message empty", message("\"\"")),
            ("no message", odd(r#""id":"1""#)),
            ("a number", between("17")),
            ("null", between("null")),
            (
                "keys twice",
                odd(&format!(
                    r#""id":"1","id":"2","timestamp":1,"timestamp":{LOGGED_AT},"message":"x","message":{text}"#
                )),
            ),
        ],
        &expect![[r#"
            id null: clustered 3 of 3
            id a number: clustered 3 of 3
            no id: clustered 3 of 3
            timestamp null: clustered 3 of 3
            timestamp a string: clustered 3 of 3
            timestamp -1: clustered 3 of 3
            timestamp 1e999: clustered 3 of 3
            timestamp 2^63: clustered 3 of 3
            timestamp a float: clustered 3 of 3
            message null: clustered 2 of 3, quarantined not_json 1
            message an object: clustered 3 of 3
            message an array: clustered 2 of 3, quarantined not_json 1
            message a number: clustered 2 of 3, quarantined not_json 1
            message empty: clustered 2 of 3, quarantined not_json 1
            no message: clustered 2 of 3, quarantined not_json 1
            a number: clustered 2 of 3, quarantined not_an_object 1
            null: clustered 2 of 3, quarantined not_an_object 1
            keys twice: clustered 3 of 3
        "#]],
    );
}

#[test]
fn an_odd_record_costs_itself_at_most() {
    let raw = |value: &str| {
        let text = failure(3).to_string();
        let head = text.strip_suffix('}').unwrap();
        between(&log_event(&format!("{head},\"extra\":{value}}}")))
    };
    let text = |text: &str| between(&log_event(text));
    let field = |name: &str, value: Value| {
        let mut failure = failure(3);
        failure[name] = value;
        between(&log_event(&failure.to_string()))
    };
    let long = |length: usize| raw(&format!("\"{}\"", "x".repeat(length)));
    let deep = |depth: usize| raw(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    check(
        &[
            ("256 KB", long(256 << 10)),
            ("1 MB", long(1 << 20)),
            ("3 MiB", long(3 << 20)),
            ("a lone surrogate", raw(r#""\ud800""#)),
            ("a NUL", raw("\"\0\"")),
            ("a raw control character", raw("\"\u{1}\"")),
            ("no JSON", text("START RequestId: 1")),
            ("an array", text("[1, 2]")),
            ("another service's line", text(r#"{"level":"info"}"#)),
            (
                "a byte order mark",
                text(&format!("\u{feff}{}", failure(3))),
            ),
            ("NaN", raw("NaN")),
            ("1e999", raw("1e999")),
            ("40 digits", raw(&"7".repeat(40))),
            ("depth 120", deep(120)),
            ("depth 100 000", deep(100_000)),
            ("version 2", field("eventVersion", json!("2.0"))),
            (
                "a dry run",
                field("errorCode", json!("Client.DryRunOperation")),
            ),
            ("no identity", field("userIdentity", Value::Null)),
            ("no id", field("eventID", Value::Null)),
            ("no time", field("eventTime", Value::Null)),
            ("the id of a neighbour", field("eventID", json!(id(1)))),
        ],
        &expect![[r#"
            256 KB: clustered 3 of 3
            1 MB: clustered 3 of 3
            3 MiB: clustered 2 of 3, quarantined oversize 1
            a lone surrogate: clustered 3 of 3
            a NUL: clustered 2 of 3, quarantined not_json 1
            a raw control character: clustered 2 of 3, quarantined not_json 1
            no JSON: clustered 2 of 3, quarantined not_json 1
            an array: clustered 2 of 3, quarantined not_an_object 1
            another service's line: clustered 2 of 3, not selected not_an_api_event 1
            a byte order mark: clustered 3 of 3
            NaN: clustered 2 of 3, quarantined not_json 1
            1e999: clustered 3 of 3
            40 digits: clustered 3 of 3
            depth 120: clustered 3 of 3
            depth 100 000: clustered 3 of 3
            version 2: clustered 2 of 3, quarantined unknown_version 1
            a dry run: clustered 2 of 3, ignored dry_run 1
            no identity: clustered 3 of 3
            no id: clustered 3 of 3
            no time: clustered 3 of 3
            the id of a neighbour: clustered 2 of 3, duplicate 1
        "#]],
    );
}

#[test]
fn of_three_records_with_a_bad_one_two_are_committed_and_the_event_is_kept_aside() {
    let mut stack = Stack::default();
    let event = between(&log_event("{nonsense"));
    let invocation = stack.take(&event).unwrap();
    assert_eq!(
        told(&invocation),
        "clustered 2 of 3, quarantined not_json 1"
    );
    let (key, object) = stack.object();
    let (folder, name) = key.rsplit_once('/').unwrap();
    assert_eq!(folder, "quarantine/2026/11/02");
    let hexadecimal = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
    let digits = name.strip_suffix(".json").unwrap();
    assert!(
        digits.len() == 32 && digits.chars().all(hexadecimal),
        "{key}"
    );
    assert_eq!(came(&object), event);
    let object: Value = serde_json::from_str(&object).unwrap();
    let about = json!({
        "reason": object["reason"], "detail": object["detail"], "records": object["records"],
        "logGroup": object["logGroup"], "logStream": object["logStream"],
    });
    expect![[r#"
        {
          "detail": "records that cannot be read: 1",
          "logGroup": "shop-trail",
          "logStream": "111122223333_CloudTrail_eu-central-1",
          "reason": "unparsable_records",
          "records": [
            {
              "detail": "not JSON: key must be a string at line 1 column 2",
              "number": 2,
              "reason": "not_json"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&about).unwrap());
    expect![[r#"
        111122223333 cloudtrail-inspector:Unparsable not_json x1 2026-11-02T08:03:00Z
        111122223333 s3:GetObject Denied x2 2026-11-02T08:00:00Z"#]]
    .assert_eq(&stack.clusters());
}

#[test]
fn when_nothing_can_be_read_any_more_that_is_a_cluster() {
    let mut stack = Stack::default();
    let lines = (0..50).map(|number| log_event(&format!("line {number}")));
    let without_text = r#"{"id":"1","timestamp":1793606640000,"message":null}"#.to_owned();
    let events: Vec<String> = lines.chain([without_text]).collect();
    stack.take(&event_of(&events)).unwrap();
    stack.take(&event("hello")).unwrap();
    stack.take(b"{}").unwrap();
    expect![[r#"
        111122223333 cloudtrail-inspector:Unparsable not_json x51 2026-11-02T08:03:00Z
        unknown cloudtrail-inspector:Unparsable payload_no_data x1 undated
        unknown cloudtrail-inspector:Unparsable payload_not_gzip x1 undated"#]]
    .assert_eq(&stack.clusters());
}

#[test]
fn what_is_no_json_is_kept_as_base64() {
    let mut stack = Stack::default();
    let invocation = stack.take(b"\xff\x00").unwrap();
    assert_eq!(invocation.payload_fault, Some("payload_no_data"));
    let (_, object) = stack.object();
    assert_eq!(came(&object), b"\xff\x00");
    assert!(!object.contains("requestPayload"));
}

#[test]
fn what_cannot_be_kept_aside_comes_again_and_nothing_of_it_was_committed() {
    for event in [between(&log_event("{nonsense")), event("hello")] {
        let mut stack = Stack::default();
        stack.bucket.is_down = true;
        let failure = stack.take(&event).unwrap_err();
        assert_eq!(failure.name(), "QuarantineUnavailable");
        assert_eq!(stack.clusters(), "");
        stack.bucket.is_down = false;
        stack.take(&event).unwrap();
        assert_ne!(stack.clusters(), "");
    }
    // What can be read needs no bucket.
    let mut stack = Stack::default();
    stack.bucket.is_down = true;
    assert_eq!(
        stack
            .take(&event_of_failures(1..=3))
            .unwrap()
            .record_counts
            .clustered,
        3
    );
}

#[test]
fn a_delivery_that_comes_again_or_is_cut_otherwise_counts_once() {
    let mut stack = Stack::default();
    for (numbers, clustered) in [(1..=20, 20), (1..=20, 0), (11..=30, 10), (5..=6, 0)] {
        let invocation = stack.take(&event_of_failures(numbers)).unwrap();
        assert_eq!(invocation.record_counts.clustered, clustered);
        assert!(invocation.record_counts.balances());
    }
}

/// Returns a failed call of the session of a role.
fn by_role(number: u64, role: &str, code: &str) -> Value {
    record(json!({
        "eventID": id(number),
        "errorCode": code,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/fn"),
            "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {
                "type": "Role",
                "arn": format!("arn:aws:iam::{ACCOUNT}:role/stack/{role}"),
            }},
        },
    }))
}

#[test]
fn failures_of_ones_own_roles_are_ignored_and_refusals_among_them_told() {
    let mut stack = Stack::default();
    let own = Role::parse(&format!("arn:aws:iam::{ACCOUNT}:role/stack/ingest")).unwrap();
    stack.subscription.set_exclusions(Exclusions {
        own: OwnRoles::new([own]),
        ..Exclusions::default()
    });
    // Whichever rules come later.
    stack.subscription.set_rules(Rules::default());
    let mut without_issuer = by_role(5, "ingest", "AccessDenied");
    without_issuer["userIdentity"]["sessionContext"] = Value::Null;
    // IAM denies access to keys that do not exist.
    let mut unknown_key = by_role(6, "ingest", "AccessDenied");
    unknown_key["eventSource"] = json!("iam.amazonaws.com");
    unknown_key["eventName"] = json!("GetAccessKeyLastUsed");
    let records = [
        unknown_key,
        by_role(1, "ingest", "AccessDenied"),
        by_role(2, "ingest", "ThrottlingException"),
        by_role(3, "ingest", "ThrottlingException"),
        by_role(4, "deploy", "AccessDenied"),
        without_issuer,
    ];
    let events = records.map(|record| log_event(&record.to_string()));
    let invocation = stack.take(&event_of(&events)).unwrap();
    assert_eq!(told(&invocation), "clustered 1 of 6, ignored self 5");
    assert_eq!(invocation.record_counts.own_refusals, 2);
    assert_eq!(invocation.record_counts.ignored_own(), 5);
    let line = invocation.metric_line(&all_metrics(), 0).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["SelfDenied"], 2);
}

#[test]
fn a_log_group_that_is_not_chosen_is_counted_and_said_and_nothing_of_it_is_stored() {
    let filter = |allow: &[&str], deny: &[&str]| {
        let parse = |text: &&str| LogGroupPattern::parse(text).unwrap();
        LogGroupFilter {
            allow: allow.iter().map(parse).collect(),
            deny: deny.iter().map(parse).collect(),
        }
    };
    let take = |log_groups: LogGroupFilter, event: &[u8]| {
        let mut stack = Stack::default();
        stack.subscription.set_exclusions(Exclusions {
            log_groups,
            ..Exclusions::default()
        });
        let invocation = stack.take(event).unwrap();
        let counts = invocation.record_counts;
        assert!(counts.balances(), "{counts:?}");
        let stored = (
            stack.clusters().lines().count(),
            stack.bucket.objects().len(),
        );
        let ignored = counts.ignored.get("log_group").copied().unwrap_or_default();
        (
            counts.read,
            ignored,
            counts.excluded_log_groups_text(9),
            stored,
        )
    };
    // Two failures around a line that is no JSON.
    let event = between(&log_event("{nonsense"));
    let name = "shop-trail";
    let said = Some(format!("{name}: 3"));
    for left_out in [filter(&["another"], &[]), filter(&["*"], &[name])] {
        assert_eq!(take(left_out, &event), (3, 3, said.clone(), (0, 0)));
    }
    let (read, ignored, said, stored) = take(filter(&[name], &["another"]), &event);
    assert_eq!((read, ignored, said), (3, 0, None));
    assert!(stored.0 > 0 && stored.1 == 1);
    // Without a name it may be one that is allowed.
    let bare = record(json!({"eventID": id(1)})).to_string();
    assert_eq!(take(filter(&["another"], &[]), bare.as_bytes()).2, None);
}

#[test]
fn a_repeat_is_no_repeat_by_other_rules() {
    let mut stack = Stack::default();
    stack.take(&event_of_failures(1..=3)).unwrap();
    let rules = "[[rule]]\nname = \"all\"\nwhen = { eventSource = [\"s3.amazonaws.com\"] }\nignore = true\nreason = \"test\"\n";
    stack.subscription.set_rules(Rules::parse(rules).unwrap());
    let invocation = stack.take(&event_of_failures(4..=6)).unwrap();
    assert_eq!(told(&invocation), "clustered 0 of 3, ignored rule 3");
}

fn all_metrics() -> Metrics {
    Metrics {
        stack: "watch".to_owned(),
        namespace: "Security/CloudTrail".to_owned(),
        read: METRICS.into_iter().collect(),
    }
}

#[test]
fn one_line_of_metrics_says_what_is_read_of_an_invocation() {
    let mut stack = Stack::default();
    let invocation = stack.take(&between(&log_event("{nonsense"))).unwrap();
    let line = invocation.metric_line(&all_metrics(), LOGGED_AT).unwrap();
    assert!(!line.contains('\n'));
    expect![[r#"{"Errors":2,"ErrorsDenied":2,"NewClusters":2,"OwnLagSeconds":60,"RecordsQuarantined":1,"SourceLagSeconds":180,"Stack":"watch","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stack"]],"Metrics":[{"Name":"RecordsQuarantined","Unit":"Count"},{"Name":"NewClusters","Unit":"Count"},{"Name":"Errors","Unit":"Count"},{"Name":"SourceLagSeconds","Unit":"Seconds"},{"Name":"OwnLagSeconds","Unit":"Seconds"},{"Name":"ErrorsDenied","Unit":"Count"}],"Namespace":"Security/CloudTrail"}],"Timestamp":1793606580000}}"#]].assert_eq(&line);
    let none = invocation.metric_line(&Metrics::default(), LOGGED_AT);
    assert_eq!(none, None);
}

#[test]
fn a_lag_that_is_not_known_is_no_metric_and_no_lag_is_less_than_nothing() {
    let line = |invocation: &IngestReport| invocation.metric_line(&all_metrics(), 0);
    assert_eq!(line(&IngestReport::default()), None);
    let ahead = IngestReport {
        source_lag_seconds: Some(-5),
        own_lag_seconds: Some(-2),
        ..IngestReport::default()
    };
    let ahead = line(&ahead).unwrap();
    assert!(ahead.contains(r#""SourceLagSeconds":0"#), "{ahead}");
    assert!(ahead.contains(r#""OwnLagSeconds":0"#), "{ahead}");
}

fn settings(given: &[(&str, &str)]) -> Result<IngestSettings, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    IngestSettings::parse(given.iter().map(owned)).map_err(|complaints| {
        let lines = complaints.0.iter();
        lines
            .map(|one| format!("{}: {}\n", one.setting, one.message))
            .collect()
    })
}

#[test]
fn settings_that_are_wrong_are_told_all_at_once_with_what_would_be_right() {
    let wrong = settings(&[
        ("TABLE_NAME", " "),
        (
            "SELF_PRINCIPALS",
            "arn:aws:iam::111122223333:user/mia,arn:aws:iam::111122223333:role/a",
        ),
        ("TRAIL_ACCOUNTS", "111122223333,1234, ,\u{1b}[31mall"),
        ("RETENTION_DAYS", "7"),
        ("LEARN_HOURS", "a day"),
        (
            "ACCOUNT_NAMES",
            "111122223333=dev,1234=prod,444455556666=,111122223333=test",
        ),
        ("METRICS", "Errors,RecordsIn"),
        ("LOG_LEVEL", "\u{1b}[31mloud"),
    ]);
    expect![[r#"
        TABLE_NAME: is missing; set it to the name of the DynamoDB table
        BUCKET_NAME: is missing; set it to the name of the S3 bucket
        SELF_PRINCIPALS: "arn:aws:iam::111122223333:user/mia" is not the ARN of a role, such as arn:aws:iam::111122223333:role/name
        TRAIL_ACCOUNTS: "1234" is not an account ID, such as 111122223333
        TRAIL_ACCOUNTS: "\u{1b}[31mall" is not an account ID, such as 111122223333
        RETENTION_DAYS: "7" is not a whole number from 8 to 365
        LEARN_HOURS: "a day" is not a whole number from 0 to 720
        ACCOUNT_NAMES: "1234=prod" is not an account ID with a name, such as 111122223333=dev
        ACCOUNT_NAMES: "444455556666=" is not an account ID with a name, such as 111122223333=dev
        ACCOUNT_NAMES: 111122223333 has two names; give it one
        METRICS: "RecordsIn" is not a metric of this program
        STACK_NAME: is missing; set it to the name of the stack, for its metrics
        LOG_LEVEL: "\u{1b}[31mloud" is not one of error, warn, info, debug
    "#]].assert_eq(&wrong.unwrap_err());
}

#[test]
fn settings_that_are_not_given_or_empty_have_defaults() {
    let settings = settings(&[
        ("TABLE_NAME", "table"),
        ("BUCKET_NAME", "bucket"),
        ("RULES_OBJECT", ""),
        ("LEARN_HOURS", ""),
        ("TRAIL_ACCOUNTS", "444455556666, 111122223333,"),
        ("ACCOUNT_NAMES", " 111122223333 = dev , "),
        ("PATH", "/bin"),
    ]);
    expect![[r#"
        IngestSettings {
            table_name: "table",
            bucket_name: "bucket",
            exclusions: Exclusions {
                log_groups: LogGroupFilter {
                    allow: {},
                    deny: {},
                },
                accounts: AccountFilter {
                    allow: {},
                    deny: {},
                },
                own: OwnRoles {
                    roles: {},
                },
                trail_accounts: TrailAccounts(
                    {
                        "111122223333",
                        "444455556666",
                    },
                ),
            },
            retention_days: 35,
            learn_hours: 24,
            rules_object: None,
            account_names: {
                "111122223333": "dev",
            },
            sinks: {},
            further_sinks: {},
            canaries: {},
            archives: false,
            drill_log_group: None,
            metrics: Metrics {
                stack: "",
                namespace: "CloudTrailInspector",
                read: {},
            },
            log_level: Info,
        }
    "#]]
    .assert_eq(&format!("{:#?}\n", settings.unwrap()));
}

const RULES: &str = "[[rule]]\nname = \"a\"\nwhen = { eventName = [\"GetObject\"] }\nignore = true\nreason = \"test\"\n";

#[test]
fn rules_are_read_again_after_five_minutes_and_the_last_good_ones_stay() {
    let bucket = MemoryBucket::default();
    let keep = |text: &str| {
        pollster::block_on(bucket.keep("rules/a.toml", text.as_bytes().to_vec())).unwrap();
    };
    let mut book = RulesLoader::new(Some("rules/a.toml".to_owned()));
    let mut read = |seconds: i64| {
        let at = Timestamp::from_seconds(now().seconds() + seconds).unwrap();
        match pollster::block_on(book.read(at, &bucket)) {
            Ok(read) => match (read.value, read.problem) {
                (Some(rules), None) => format!("{} rules", rules.all().len()),
                (None, None) => "as before".to_owned(),
                (None, Some(trouble)) => format!("as before, {}: {trouble}", trouble.name()),
                (Some(_), Some(_)) => panic!("both"),
            },
            Err(trouble) => format!("{}: {trouble}", trouble.name()),
        }
    };
    let mut told = vec![read(0)];
    keep("[[rule]]\nname = 7\n");
    told.push(read(1));
    keep(RULES);
    told.push(read(2));
    keep(&RULES.replace("name = \"a\"", "name = "));
    told.push(read(2 + REREAD_SECONDS - 1));
    told.push(read(2 + REREAD_SECONDS));
    keep(RULES);
    told.push(read(2 + 2 * REREAD_SECONDS));
    keep(&RULES.repeat(2).replacen("\"a\"", "\"b\"", 1));
    told.push(read(2 + 3 * REREAD_SECONDS));
    expect![[r#"
        RulesMissing: the bucket has no rules file rules/a.toml; upload it, or leave RulesObject (RULES_OBJECT) empty
        RulesWrong: the rules file is not valid: rules/a.toml:2:8: invalid type: integer `7`, expected a string
        1 rules
        as before
        as before, RulesWrong: the rules file is not valid: rules/a.toml:2:8: string values must be quoted, expected literal string
        as before
        2 rules"#]].assert_eq(&told.join("\n"));
}
