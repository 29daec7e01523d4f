//! The events of a stream of Kinesis that a destination of CloudWatch Logs writes to: each record is one payload of a
//! subscription in another account.
//!
//! A subscription cannot call a function in another account. It can write to a destination there, which is a stream, and
//! the stream calls the function with up to some records at once.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;

// A stream's event has no other field. So parsing ends at the first field of a payload, before its long data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamEvent<'e> {
    #[serde(rename = "Records", borrow)]
    records: Vec<StreamRecord<'e>>,
}

#[derive(Deserialize)]
struct StreamRecord<'e> {
    #[serde(borrow)]
    kinesis: KinesisData<'e>,
}

#[derive(Deserialize)]
struct KinesisData<'e> {
    #[serde(borrow)]
    data: Cow<'e, str>,
}

/// Returns the payloads of an event: one for each record of a stream, in the form in which a subscription calls a function.
/// Any other event is one payload and is returned unchanged.
pub fn payloads(event: &str) -> Vec<Cow<'_, str>> {
    match serde_json::from_str::<StreamEvent<'_>>(event) {
        Ok(StreamEvent { records }) if !records.is_empty() => {
            let payload = |record: StreamRecord<'_>| {
                Cow::Owned(json!({"awslogs": {"data": record.kinesis.data}}).to_string())
            };
            records.into_iter().map(payload).collect()
        }
        _ => vec![Cow::Borrowed(event)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_of_a_stream_is_a_payload() {
        let event = r#"{"Records": [
            {"eventSource": "aws:kinesis", "kinesis": {"data": "H4sI+/A=", "partitionKey": "a"}},
            {"eventSource": "aws:kinesis", "kinesis": {"data": "\u0041", "partitionKey": "b"}}
        ]}"#;
        let expected = [
            r#"{"awslogs":{"data":"H4sI+/A="}}"#,
            r#"{"awslogs":{"data":"A"}}"#,
        ];
        assert_eq!(payloads(event), expected);
    }

    #[test]
    fn any_other_event_is_one_payload() {
        for event in [
            r#"{"awslogs": {"data": "H4sI"}}"#,
            r#"{"Records": []}"#,
            r#"{"Records": [{"s3": {}}]}"#,
            r#"{"Records": [{"kinesis": {"data": 7}}]}"#,
            "no JSON",
            "",
        ] {
            assert_eq!(payloads(event), [event]);
        }
    }
}
