//! Payloads and events of AWS, read both by this project and by `aws_lambda_events`, the types of the Rust runtime for
//! Lambda.
//!
//! What both can read must be equal. The product also reads the readable part of a payload that these types reject as a
//! whole. So the function does not decode with them.

use std::fs;
use std::sync::Arc;

use aws_lambda_events::cloudwatch_logs::{LogData, LogEntry, LogsEvent};
use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use clusters::selection::PREFILTER;
use input::PayloadOrigin;
use input::file::Reader;
use input::{InputItem, Layout, Limits};
use proptest::prelude::*;
use records::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::payloads::{LOGGED_AT, event, gzip, log_event, logs};

/// Content of a payload: where it was logged, and each message with its time in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    origin: PayloadOrigin,
    messages: Vec<(String, i64)>,
}

/// Reads a payload as the function does.
fn ours(payload: &[u8]) -> Read {
    let limits = Limits::default();
    let mut messages = Vec::new();
    let mut reader = Reader::new(Arc::clone(&PREFILTER));
    let done = reader.read(payload, Layout::Subscription, &limits, &mut |item| {
        if let InputItem::Record {
            number,
            text,
            wrapper,
        } = item
        {
            assert!(number > messages.len() as u64, "{number}");
            messages.push((
                text.into_owned(),
                wrapper.logged_at.map_or(0, Timestamp::seconds),
            ));
        }
    });
    done.unwrap();
    Read {
        origin: reader.origin().clone(),
        messages,
    }
}

/// Reads a payload with `aws_lambda_events`; `None` if it cannot be read.
fn theirs(payload: &[u8]) -> Option<LogData> {
    let read: LogsEvent = serde_json::from_slice(payload).ok()?;
    Some(read.aws_logs.data)
}

fn seconds(millis: i64) -> i64 {
    millis.div_euclid(1000)
}

/// Returns the content of a payload read with `aws_lambda_events`.
fn said(data: &LogData) -> Read {
    let messages = data.log_events.iter();
    Read {
        origin: PayloadOrigin {
            log_group: Some(data.log_group.clone()),
            log_stream: Some(data.log_stream.clone()),
        },
        messages: messages
            .map(|entry| (entry.message.clone(), seconds(entry.timestamp)))
            .collect(),
    }
}

fn entry((id, timestamp, message): (String, i64, String)) -> LogEntry {
    let mut entry = LogEntry::default();
    (entry.id, entry.timestamp, entry.message) = (id, timestamp, message);
    entry
}

prop_compose! {
    /// Payloads in the form of CloudWatch Logs, with any texts.
    fn data()(
        texts in [text(), text(), text()],
        filters in prop::collection::vec(any::<String>(), 0..3),
        events in prop::collection::vec(
            (any::<String>(), 1_200_000_000_000..4_000_000_000_000_i64, message()),
            0..20,
        ),
    ) -> LogData {
        let mut data = LogData::default();
        let [owner, group, stream] = texts;
        (data.owner, data.log_group, data.log_stream) = (owner, group, stream);
        data.message_type = "DATA_MESSAGE".to_owned();
        data.subscription_filters = filters;
        data.log_events = events.into_iter().map(entry).collect();
        data
    }
}

/// Any text except the empty one, because names are never empty.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("empty", |text| !text.is_empty())
}

/// A message: a CloudTrail record or any other text except the empty one.
fn message() -> impl Strategy<Value = String> {
    let record = (any::<String>(), any::<u64>()).prop_map(|(text, number)| {
        json!({"eventName": text, "eventID": number.to_string(), text: [null, 1.5]}).to_string()
    });
    prop_oneof![record, "\\PC{1,40}", text()]
}

proptest! {
    #[test]
    fn what_both_read_of_a_subscription_is_the_same(data in data()) {
        let mut made = LogsEvent::default();
        made.aws_logs.data = data.clone();
        // What they write has no padding, which they read only where none is needed.
        let written = serde_json::to_vec(&made).unwrap();
        prop_assert_eq!(&ours(&written), &said(&data));
        if let Some(read) = theirs(&written) {
            prop_assert_eq!(&read, &data);
        }
        let packed = event(gzip(serde_json::to_vec(&data).unwrap()));
        prop_assert_eq!(theirs(&packed), Some(data.clone()));
        prop_assert_eq!(ours(&packed), said(&data));
    }

    /// If one log event of a batch is malformed, the others are still read.
    #[test]
    fn an_odd_event_costs_itself_alone(data in data(), place in any::<prop::sample::Index>(), odd in 0..6_usize) {
        let mut value = serde_json::to_value(&data).unwrap();
        let events = value["logEvents"].as_array_mut().unwrap();
        let place = place.index(events.len() + 1);
        let odd = [
            json!({"id": "1", "timestamp": LOGGED_AT}),
            json!({"id": "1", "timestamp": LOGGED_AT, "message": 7}),
            json!({"id": "1", "timestamp": LOGGED_AT, "message": null}),
            json!("no event"),
            json!(null),
            json!([]),
        ][odd].clone();
        events.insert(place, odd);
        let payload = event(gzip(value.to_string()));
        prop_assert_eq!(theirs(&payload), None);
        prop_assert_eq!(ours(&payload), said(&data));
    }
}

#[test]
fn what_others_refuse_is_read() {
    let whole = logs(&["1", "2", "3"].map(log_event));
    let read = ours(&event(gzip(&whole)));
    assert_eq!(read.messages.len(), 3);
    let swapped = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        event(gzip(whole.replacen(from, to, 1)))
    };
    let timestamp = format!(r#""timestamp":{LOGGED_AT}"#);
    // With a malformed time, only the time of the log event is lost.
    for odd in [
        r#""timestamp":"x""#,
        r#""timestamp":1.5e3"#,
        r#""timestamp":null"#,
        r#""time":1"#,
    ] {
        let payload = swapped(&timestamp, odd);
        assert_eq!(theirs(&payload), None, "{odd}");
        let texts: Vec<String> = ours(&payload)
            .messages
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        assert_eq!(texts, ["1", "2", "3"], "{odd}");
    }
    for (from, to) in [
        (r#""owner":"111122223333","#, ""),
        (r#""subscriptionFilters":["errors"],"#, ""),
        (
            r#""subscriptionFilters":["errors"]"#,
            r#""subscriptionFilters":null"#,
        ),
        (r#""id":"17","#, ""),
    ] {
        let payload = swapped(from, to);
        assert_eq!(theirs(&payload), None, "{from}");
        assert_eq!(ours(&payload), read, "{from}");
    }
    let packed = String::from_utf8(event(gzip(&whole))).unwrap();
    for more in [r#"{"more":1,"awslogs":{"#, r#"{"awslogs":{"more":1,"#] {
        let payload = packed.replace(r#"{"awslogs":{"#, more);
        assert_eq!(ours(payload.as_bytes()), read, "{more}");
    }
    assert!(packed.contains("=\""), "nothing is padded: {packed}");
    let bare = packed.replace('=', "");
    assert_eq!(theirs(bare.as_bytes()), None, "without padding");
    assert_eq!(ours(bare.as_bytes()), read);
}

/// Reads an event like a function that is written with these types.
fn typed<T: DeserializeOwned>(event: &Value) -> T {
    serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event:#}"))
}

/// The fields of an event that EventBridge rules match most often.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
struct Detail {
    kind: String,
    severity: String,
    alert_id: String,
    cluster_id: Option<String>,
}

#[test]
fn each_sample_is_read_as_an_event_of_the_bus() {
    let mut samples = 0;
    for entry in fs::read_dir("docs/events/samples").unwrap() {
        let path = entry.unwrap().path();
        let detail: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let kind = path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .replace('-', " ");
        let event = json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": kind,
            "source": "cloudtrail-inspector", "account": "111122223333", "time": "2026-11-02T09:00:00Z",
            "region": "eu-central-1", "resources": [], "detail": detail,
        });
        let read: EventBridgeEvent<Detail> = typed(&event);
        assert_eq!(read.detail_type, kind);
        assert_eq!(read.time.unwrap().timestamp(), 1_793_610_000);
        let Detail {
            kind,
            severity,
            alert_id,
            cluster_id,
        } = read.detail;
        for (name, value) in [
            ("kind", kind),
            ("severity", severity),
            ("alert_id", alert_id),
        ] {
            assert_eq!(detail[name], value, "{}", path.display());
        }
        assert_eq!(
            detail["cluster_id"],
            json!(cluster_id),
            "{}",
            path.display()
        );
        samples += 1;
    }
    assert_eq!(samples, alerts::kind::AlertKind::ALL.len());
}

/// Returns the part of an outbox row that the table's stream delivers: only its keys.
fn stream_event(name: &str, partition: &str) -> Value {
    json!({"Records": [{
        "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": name, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_793_610_000, "SequenceNumber": "4421584500000000017450439091",
            "Keys": {"pk": {"S": partition}, "sk": {"S": "P#1793610000#00"}},
            "SizeBytes": 40, "StreamViewType": "KEYS_ONLY",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:111122223333:table/errors-Table-1/stream/2026-11-02T00:00:00.000",
    }]})
}

/// Checks whether the filter of the template accepts the one record of an event, by the rules of "Control which events
/// Lambda sends to your function", as far as the template uses them.
fn passes(filter: &Value, event: &StreamEvent) -> bool {
    let [record] = &event.records[..] else {
        panic!("{event:?}");
    };
    let names = filter["eventName"].as_array().unwrap();
    let partition = serde_json::to_value(&record.change.keys).unwrap()["pk"]["S"].clone();
    let starts = filter["dynamodb"]["Keys"]["pk"]["S"].as_array().unwrap();
    let has_start = |of: &Value| {
        partition
            .as_str()
            .unwrap()
            .starts_with(of["prefix"].as_str().unwrap())
    };
    names.iter().any(|name| *name == record.event_name) && starts.iter().any(has_start)
}

#[test]
fn what_calls_the_deliver_function_is_a_new_row_of_the_outbox() {
    let template = fs::read_to_string("template.yaml").unwrap();
    let (_, pattern) = template.split_once("        - Pattern: '").unwrap();
    let filter: Value = serde_json::from_str(pattern.split('\'').next().unwrap()).unwrap();
    for (name, partition, is_through) in [
        ("INSERT", "O#guance#0", true),
        ("INSERT", "O#sns#7", true),
        ("MODIFY", "O#guance#0", false),
        ("REMOVE", "O#guance#0", false),
        ("INSERT", "C#k5ayqsg2enzryz6sirdnaibfaq", false),
        ("INSERT", "M#111122223333#498226#0", false),
    ] {
        let event: StreamEvent = typed(&stream_event(name, partition));
        assert_eq!(passes(&filter, &event), is_through, "{name} {partition}");
    }
}
