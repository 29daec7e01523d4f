//! Makes records of CloudTrail of the events of Security Lake (OCSF), as far as these hold their fields.
//!
//! Sources: the mappings of AWS in github.com/ocsf/examples (CloudTrail, versions 1.0.0-rc.2 and 1.1.0); Amazon Security
//! Lake User Guide, "CloudTrail management events".

use std::io::{self, BufRead as _, BufReader, Read};

use input::Limits;
use records::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::FormatError;
use crate::produced::{LINE_BYTES_MAX, Produced};

/// Returns the records of an input, one a line. The input has one event a line, or is a list of events.
///
/// A line that is not JSON, and an event that is not of CloudTrail, is passed on as it is.
pub(crate) fn records(
    input: impl Read + 'static,
    limits: &Limits,
) -> Result<Box<dyn Read>, FormatError> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    if is_by_lines(input.fill_buf()?) {
        return Ok(Box::new(Produced::new(move |out: &mut Vec<u8>| {
            let mut line = Vec::new();
            let limit = &mut input;
            let is_there = limit.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? > 0;
            match serde_json::from_slice(&line) {
                Ok(event) => write(&event, out),
                Err(_) => out.extend_from_slice(&line),
            }
            Ok(is_there)
        })));
    }
    let mut text = Vec::new();
    let max = limits.inflated_bytes_max.min(WHOLE_BYTES_MAX);
    if input.take(max + 1).read_to_end(&mut text)? as u64 > max {
        return Err(FormatError::Damaged {
            what: "the file of Security Lake",
            detail: format!(
                "formatted JSON of more than {max} bytes; write one event a line with jq -c .[]"
            ),
        });
    }
    let values = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    let mut out = Vec::new();
    for value in values {
        let value = value.map_err(|error| FormatError::Damaged {
            what: "the file of Security Lake",
            detail: error.to_string(),
        })?;
        match value {
            Value::Array(events) => events.iter().for_each(|event| write(event, &mut out)),
            event => write(&event, &mut out),
        }
    }
    Ok(Box::new(io::Cursor::new(out)))
}

/// Maximum length of JSON that is not one event a line, in bytes; it is kept in memory.
const WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Returns whether one of the first lines is an event. One of them may be damaged.
fn is_by_lines(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').take(8);
    lines.any(|line| {
        let event = serde_json::from_slice::<Value>(line);
        event.is_ok_and(|event| event.get("class_uid").is_some())
    })
}

fn write(event: &Value, out: &mut Vec<u8>) {
    let record = record(event);
    out.extend_from_slice(record.as_ref().unwrap_or(event).to_string().as_bytes());
    out.push(b'\n');
}

/// Fields of a record, and the places of each in an event; the first place that has a value counts.
const FIELDS: [(&str, &[&str]); 14] = [
    ("eventVersion", &["metadata.product.version"]),
    ("eventID", &["metadata.uid"]),
    ("eventSource", &["api.service.name"]),
    ("eventName", &["api.operation"]),
    ("eventType", &["metadata.event_code"]),
    ("awsRegion", &["cloud.region"]),
    (
        "sourceIPAddress",
        &["src_endpoint.ip", "src_endpoint.domain"],
    ),
    ("userAgent", &["http_request.user_agent"]),
    ("errorCode", &["api.response.error"]),
    (
        "errorMessage",
        &["api.response.message", "api.response.error_message"],
    ),
    ("requestID", &["api.request.uid"]),
    ("vpcEndpointId", &["src_endpoint.uid"]),
    ("apiVersion", &["api.version"]),
    (
        "recipientAccountId",
        &["cloud.account.uid", "cloud.account_uid"],
    ),
];

/// Fields of the identity, as [`FIELDS`].
const IDENTITY: [(&str, &[&str]); 8] = [
    ("type", &["actor.user.type"]),
    (
        "accountId",
        &["actor.user.account.uid", "actor.user.account_uid"],
    ),
    ("accessKeyId", &["actor.user.credential_uid"]),
    ("userName", &["actor.user.name"]),
    ("invokedBy", &["actor.invoked_by"]),
    ("identityProvider", &["actor.idp.name"]),
    ("principalId", &["actor.user.uid_alt", "actor.user.uid"]),
    ("arn", &["actor.user.uuid", "actor.user.uid"]),
];

/// Returns the record of CloudTrail that an event was made of; `None` if the event has no name and source of a call.
pub(crate) fn record(event: &Value) -> Option<Value> {
    let mut record = picked(event, &FIELDS);
    if !record.contains_key("eventName") || !record.contains_key("eventSource") {
        return None;
    }
    let milliseconds = at(event, "time").and_then(Value::as_i64);
    let time = milliseconds.and_then(|time| Timestamp::from_seconds(time.div_euclid(1000)));
    if let Some(time) = time {
        record.insert("eventTime".to_owned(), time.to_string().into());
    }
    for (field, place) in [
        ("requestParameters", "api.request.data"),
        ("responseElements", "api.response.data"),
    ] {
        if let Some(value) = at(event, place) {
            record.insert(field.to_owned(), parsed(value));
        }
    }
    record.insert("userIdentity".to_owned(), identity(event));
    let resources = at(event, "resources").and_then(Value::as_array);
    let resources = resources.into_iter().flatten().map(resource);
    let resources: Vec<Value> = resources.collect();
    if !resources.is_empty() {
        record.insert("resources".to_owned(), resources.into());
    }
    let mut record = Value::Object(record);
    for (path, value) in at(event, "unmapped")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        insert(&mut record, path, parsed(value));
    }
    // No failure may look like a success, even if its code is in another place.
    if has_failed(event) && !is_failure(&record) {
        let places = ["status_code", "status_detail", "api.response.code"];
        let detail = places.iter().find_map(|place| at(event, place));
        let detail = detail.cloned().unwrap_or_else(|| "Failure".into());
        insert(&mut record, "errorMessage", detail);
    }
    Some(record)
}

/// Checks whether an event says that the call failed: by its status, or by the HTTP status of the response.
fn has_failed(event: &Value) -> bool {
    let number = |place: &str| {
        let value = at(event, place)?;
        let text = value.as_str().and_then(|text| text.parse().ok());
        value.as_i64().or(text)
    };
    let status = at(event, "status").and_then(Value::as_str);
    status.is_some_and(|status| status.eq_ignore_ascii_case("failure"))
        || number("status_id") == Some(2)
        || number("api.response.code").is_some_and(|code| code >= 400)
}

/// Checks whether a record says itself that it is a failure: by its code, or as a sign-in.
fn is_failure(record: &Value) -> bool {
    let code = record
        .get("errorCode")
        .or_else(|| record.get("errorMessage"));
    let outcomes = record.get("responseElements").and_then(Value::as_object);
    code.is_some()
        || outcomes.is_some_and(|outcomes| outcomes.values().any(|value| value == "Failure"))
}

fn picked(event: &Value, fields: &[(&str, &[&str])]) -> Map<String, Value> {
    let field = |(name, places): &(&str, &[&str])| {
        let mut values = places.iter().filter_map(|place| at(event, place));
        let value = values.find(|value| !["", "''"].contains(&value.as_str().unwrap_or("?")))?;
        Some(((*name).to_owned(), value.clone()))
    };
    fields.iter().filter_map(field).collect()
}

fn identity(event: &Value) -> Value {
    let mut identity = picked(event, &IDENTITY);
    // Before version 1.1.0, `uid` was the principal id.
    let is_arn = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("arn:"));
    identity.retain(|name, value| match name.as_str() {
        "arn" => is_arn(value),
        "principalId" => !is_arn(value),
        _ => true,
    });
    let mut session = Map::new();
    let issuer = at(event, "actor.session.issuer").and_then(Value::as_str);
    if let Some(arn) = issuer.filter(|arn| arn.starts_with("arn:")) {
        let kind = if arn.contains(":role/") {
            "Role"
        } else {
            "IAMUser"
        };
        let name = arn.rsplit('/').next();
        let issuer = json!({"type": kind, "arn": arn, "userName": name});
        session.insert("sessionIssuer".to_owned(), issuer);
    }
    let mfa = at(event, "actor.session.is_mfa").or_else(|| at(event, "actor.session.mfa"));
    if let Some(mfa) = mfa {
        session.insert("attributes".to_owned(), json!({"mfaAuthenticated": mfa}));
    }
    if !session.is_empty() {
        identity.insert("sessionContext".to_owned(), session.into());
    }
    identity.into()
}

fn resource(resource: &Value) -> Value {
    let places = ["owner.account.uid", "account.uid", "account_uid"];
    let account = places.iter().find_map(|place| at(resource, place));
    json!({"ARN": at(resource, "uid"), "accountId": account, "type": at(resource, "type")})
}

/// Returns the value at a path, with a point between its keys; `None` if it is absent or null.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let found = path.split('.').try_fold(value, |value, key| value.get(key));
    found.filter(|value| !value.is_null())
}

/// Returns the JSON in a text, or the value as it is.
fn parsed(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.starts_with(['{', '[']));
    let json = text.and_then(|text| serde_json::from_str(text).ok());
    json.unwrap_or_else(|| value.clone())
}

/// Adds a value under a path of keys, unless there is one. A path with more than [`PATH_KEYS_MAX`] keys is left out.
fn insert(record: &mut Value, path: &str, value: Value) {
    if path.split('.').count() > PATH_KEYS_MAX {
        return;
    }
    let (mut object, mut rest) = (record, path);
    while let Some((first, behind)) = rest.split_once('.') {
        let Some(members) = object.as_object_mut() else {
            return;
        };
        object = members.entry(first).or_insert_with(|| json!({}));
        rest = behind;
    }
    if let Some(members) = object.as_object_mut() {
        members.entry(rest).or_insert(value);
    }
}

/// Maximum number of keys in a path; the fields of a record have four.
const PATH_KEYS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_reads_as_a_success_and_a_long_path_is_left_out() {
        let event = |further: Value| {
            let mut event = json!({"api": {"operation": "A", "service": {"name": "s"}}});
            let further = further.as_object().unwrap().clone();
            event.as_object_mut().unwrap().extend(further);
            record(&event).unwrap()
        };
        for status in [
            json!({"status_id": 2}),
            json!({"status_id": 2, "status": "Other"}),
            json!({"status": "failure"}),
        ] {
            assert_eq!(event(status)["errorMessage"], "Failure");
        }
        assert_eq!(
            event(json!({"status_code": "403", "status": "FAILURE"}))["errorMessage"],
            "403"
        );
        assert!(event(json!({"status_id": 1})).get("errorMessage").is_none());
        let mut refused =
            json!({"api": {"operation": "A", "service": {"name": "s"}, "response": {"code": 403}}});
        assert_eq!(record(&refused).unwrap()["errorMessage"], 403);
        refused["unmapped"] = json!({"a.b": 1, ".".repeat(500_000): 2});
        assert_eq!(record(&refused).unwrap()["a"], json!({"b": 1}));
    }
}
