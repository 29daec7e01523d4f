//! Subscription events for tests: such as CloudWatch Logs sends, and such as it never should.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::records::{id, record};

/// Time at which the test records were logged: 2026-11-02T08:03:00Z, three minutes after their calls.
pub const LOGGED_AT: i64 = 1_793_606_580_000;

/// Returns the n-th failed call.
pub fn failure(number: u64) -> Value {
    record(json!({"eventID": id(number), "errorCode": "AccessDenied"}))
}

/// Returns a log event in the spelling of CloudWatch Logs.
pub fn log_event(message: &str) -> String {
    let message = json!(message);
    format!(r#"{{"id":"17","timestamp":{LOGGED_AT},"message":{message}}}"#)
}

/// Returns a message of CloudWatch Logs with these log events.
pub fn logs(events: &[String]) -> String {
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"shop-trail","logStream":"111122223333_CloudTrail_eu-central-1","subscriptionFilters":["errors"],"logEvents":[{}]}}"#,
        events.join(",")
    )
}

pub fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Returns the subscription event with compressed data.
pub fn event(packed: impl AsRef<[u8]>) -> Vec<u8> {
    let data = BASE64_STANDARD.encode(packed);
    format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#).into_bytes()
}

/// Returns the subscription event with log events.
pub fn event_of(events: &[String]) -> Vec<u8> {
    event(gzip(logs(events)))
}

/// Returns the subscription event with failed calls.
pub fn event_of_failures(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let failures = numbers
        .into_iter()
        .map(|number| log_event(&failure(number).to_string()));
    event_of(&failures.collect::<Vec<_>>())
}
