//! Finds what is wrapped in a JSON value that is not an event: the message of a queue, a row of a query, a document of a
//! search.
//!
//! Only the next layer is found. What is inside may be a trail file, an event, or another wrapping; the reader decides.
//!
//! Sources, all read in November 2026: the API references of CloudWatch Logs, CloudTrail, SQS and Kinesis; the AWS Lambda
//! Developer Guide (events of other services); the Amazon SNS Developer Guide (formats of HTTP messages); the
//! Elasticsearch reference (search, hits); the Splunk Search Reference (export of results).

use std::borrow::Cow;

use json::Json;
use records::Wrapper;

use crate::envelope;
use crate::row;

/// What a value wraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// JSON text: of an event, a trail file, or a further wrapping.
    Text(Cow<'a, str>),
    /// Base64 of such text, or of gzip data with such text.
    Base64(Cow<'a, str>),
}

/// Returns what a JSON value wraps, and what its envelope says of the record: account and time in CloudWatch Logs.
///
/// `None`: the value is an event, or of no known form.
pub(crate) fn content(text: &str) -> Option<(Content<'_>, Wrapper)> {
    match text.as_bytes().first()? {
        b'{' => Members::of(text)?.content(),
        b'[' => Some((in_row(text)?, Wrapper::default())),
        b'"' => Some((in_string(text)?, Wrapper::default())),
        _ => None,
    }
}

/// Returns whether a JSON text is an event of CloudTrail; an Insights event has no source.
pub(crate) fn is_event(text: &str) -> bool {
    Members::of(text).is_some_and(|members| members.is_event)
}

/// Makes a record of an object that is a row of a query: it has the source of an event, and names as queries make them,
/// such as `@timestamp`, `_time` or `userIdentity.arn`. `None`: the object is no such row.
///
/// # Errors
/// Returns what the row lacks. An event without an error code is a success, but a row may just not have the column.
pub(crate) fn row(text: &str) -> Option<Result<String, &'static str>> {
    // Events have a version, and most rows have none, so the members of events are not looked at.
    let is_candidate = text.starts_with('{')
        && text.contains("\"eventSource\"")
        && !text.contains("\"eventVersion\"");
    if !is_candidate {
        return None;
    }
    let members = Members::of(text)?;
    (members.is_event && members.is_row_of_query && members.whole.is_none()).then(|| {
        row::read(
            columns(text)
                .iter()
                .map(|(name, text)| (&**name, text.clone())),
        )
    })
}

/// Base64 of the first bytes of gzip data, and of `{"`.
const BASE64_HEADS: [&str; 2] = ["H4sI", "eyJ"];

fn in_string(text: &str) -> Option<Content<'_>> {
    let text = Json::new(text).text()?;
    if text.trim_start().starts_with(['{', '[']) {
        return Some(Content::Text(text));
    }
    let is_packed = BASE64_HEADS.iter().any(|head| text.starts_with(head));
    is_packed.then_some(Content::Base64(text))
}

/// The members of an object by which a wrapping is recognised.
#[derive(Default)]
struct Members<'a> {
    is_event: bool,
    /// The record as a whole, in a field that nothing but a wrapping has.
    whole: Option<Json<'a>>,
    /// A member that holds a further object.
    inner: Option<Json<'a>>,
    /// The text of a message, and whether the object is a message.
    body: Option<Json<'a>>,
    is_queued: bool,
    message: Option<Json<'a>>,
    is_logged: bool,
    is_published: bool,
    data: Option<Json<'a>>,
    is_streamed: bool,
    /// Whether the object is a row of Athena, with the names of columns in lower case.
    is_row: bool,
    /// Whether there is a name as queries make it, such as `@timestamp` or `userIdentity.arn`.
    is_row_of_query: bool,
    /// The event in an envelope of EventBridge.
    detail: Option<Json<'a>>,
    is_on_bus: bool,
    text: &'a str,
    wrapper: Wrapper,
}

impl<'a> Members<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut members = Self {
            text,
            ..Self::default()
        };
        json::each_field(text, |key, value| members.set(key, value)).ok()?;
        Some(members)
    }

    fn set(&mut self, key: &[u8], value: Json<'a>) {
        self.is_row_of_query |=
            matches!(key, [b'@', ..] | b"_time") || key.starts_with(b"userIdentity.");
        match key {
            b"detail" => self.detail = value.present(),
            b"detail-type" => self.is_on_bus = true,
            b"eventSource" => self.is_event = !value.as_str().starts_with("\"aws:"),
            b"insightDetails" => self.is_event = true,
            b"eventsource" => self.is_row = true,
            b"@message" | b"_raw" | b"eventJson" | b"eventjson" | b"eventData"
            | b"CloudTrailEvent" | b"event.original" => self.whole = value.present(),
            b"event" => self.whole = self.whole.or_else(|| value.at(&["original"])),
            b"_source" | b"result" | b"Sns" | b"kinesis" => self.inner = value.present(),
            b"Body" | b"body" => self.body = value.present(),
            b"MessageId" | b"messageId" | b"ReceiptHandle" | b"receiptHandle" => {
                self.is_queued = true;
            }
            b"Message" | b"message" => self.message = value.present(),
            b"TopicArn" => self.is_published = true,
            b"timestamp" => {
                self.is_logged = true;
                self.wrapper.logged_at = envelope::time(value);
            }
            b"logStreamName" => {
                let stream = value.text();
                let account_id = stream.as_deref().and_then(envelope::account_of);
                self.wrapper.account_id = account_id.map(str::to_owned);
                self.is_logged = true;
            }
            b"ingestionTime" | b"@timestamp" => self.is_logged = true,
            b"Data" | b"data" => self.data = value.present(),
            b"PartitionKey" | b"partitionKey" | b"recordId" => self.is_streamed = true,
            _ => {}
        }
    }

    fn content(self) -> Option<(Content<'a>, Wrapper)> {
        if let Some(whole) = self.whole {
            return Some((text_or_object(whole)?, self.wrapper));
        }
        if self.is_event {
            return None;
        }
        let inner = self.inner.filter(|inner| inner.as_str().starts_with('{'));
        let message = self.message.filter(|_| self.is_logged || self.is_published);
        if let Some(detail) = self.detail.filter(|_| self.is_on_bus)
            && is_event(detail.as_str())
        {
            let event = Content::Text(Cow::Borrowed(detail.as_str()));
            return Some((event, self.wrapper));
        }
        let body = self.body.filter(|_| self.is_queued);
        let data = self.data.filter(|_| self.is_streamed);
        let content = match (inner, body.or(message), data) {
            (Some(inner), ..) => Content::Text(Cow::Borrowed(inner.as_str())),
            (None, Some(text), _) => text_or_object(text)?,
            (None, None, Some(data)) => Content::Base64(data.text()?),
            (None, None, None) if self.is_row => Content::Text(row_of(self.text)?.into()),
            (None, None, None) => return None,
        };
        Some((content, self.wrapper))
    }
}

/// Returns a value that is either the JSON text of a record in a string, or the record as an object.
fn text_or_object(value: Json<'_>) -> Option<Content<'_>> {
    match value.as_str().starts_with(['{', '[']) {
        true => Some(Content::Text(Cow::Borrowed(value.as_str()))),
        // An empty string is a damaged record, and no record is lost without a word.
        false => {
            let text = value.text().unwrap_or_default();
            let is_packed = BASE64_HEADS.iter().any(|head| text.starts_with(head));
            Some(match is_packed {
                true => Content::Base64(text),
                false => Content::Text(text),
            })
        }
    }
}

/// Returns the record of a row whose names are keys in lower case.
fn row_of(text: &str) -> Option<String> {
    let columns = columns(text);
    row::record(columns.iter().map(|(name, text)| (&**name, text.clone())))
}

/// Returns the names and texts of the members of an object; none if the text is not an object.
fn columns(text: &str) -> Vec<(String, Cow<'_, str>)> {
    let mut columns = Vec::new();
    let result = json::each_field(text, |key, value| {
        let name = String::from_utf8_lossy(key).into_owned();
        columns.push((name, value.text_or_json().unwrap_or_default()));
    });
    if result.is_err() {
        columns.clear();
    }
    columns
}

/// Returns what is in a row of a query: `[{"field": name, "value": text}, …]` of Logs Insights, or `[{name: text}, …]` of
/// CloudTrail Lake. `None`: the row does not hold a record.
fn in_row(text: &str) -> Option<Content<'_>> {
    let columns = cells(text)?;
    let whole = |name: &str| ["@message", "eventJson", "eventjson"].contains(&name);
    if let Some((_, value)) = columns.iter().find(|(name, _)| whole(name)) {
        return text_or_object(*value);
    }
    let record = row::record(texts(&columns))?;
    Some(Content::Text(Cow::Owned(record)))
}

/// Returns what a row of a query lacks that wraps no record. `None`: the text is no such row.
pub(crate) fn lack(text: &str) -> Option<&'static str> {
    // An object would be looked at with the reference reader, which is slow.
    if !text.starts_with('[') {
        return None;
    }
    let columns = cells(text).filter(|columns| !columns.is_empty())?;
    row::read(texts(&columns)).err()
}

fn texts<'a>(columns: &'a [(String, Json<'a>)]) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
    columns.iter().map(|(name, value)| {
        let text = value.text_or_json().unwrap_or_default();
        (name.as_str(), text)
    })
}

/// Returns the names and values of a row of a query. `None`: a cell is no object.
fn cells(text: &str) -> Option<Vec<(String, Json<'_>)>> {
    let mut columns = Vec::new();
    for cell in Json::new(text).elements() {
        let (mut field, mut value, mut others) = (None, None, Vec::new());
        cell.each_field(|key, of| match key {
            b"field" => field = of.text(),
            b"value" => value = Some(of),
            key => others.push((String::from_utf8_lossy(key).into_owned(), of)),
        })
        .ok()?;
        match (field, value) {
            (Some(field), Some(value)) => columns.push((field.into_owned(), value)),
            _ => columns.append(&mut others),
        }
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_query_is_no_event_unless_it_has_an_error_code() {
        for (text, expected) in [
            (r#"{"eventSource":"s","eventName":"n"}"#, None),
            (
                r#"{"@timestamp":"2026-11-20","eventVersion":"1.1","eventSource":"s"}"#,
                None,
            ),
            (
                r#"{"_time":"2026-11-20","eventSource":"s","eventName":"n"}"#,
                Some(None),
            ),
            (
                r#"{"_time":"2026-11-20","eventSource":"s","eventName":"n","errorCode":"x"}"#,
                Some(Some(
                    r#"{"eventSource":"s","eventName":"n","errorCode":"x","eventTime":"2026-11-20"}"#,
                )),
            ),
        ] {
            let found = row(text).map(Result::ok);
            assert_eq!(
                found,
                expected.map(|record| record.map(str::to_owned)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_value_wraps_is_found_by_its_keys() {
        let text = |text: &'static str| Some(Content::Text(text.into()));
        let base64 = |text: &'static str| Some(Content::Base64(text.into()));
        for (value, expected) in [
            (r#"{"eventSource":"s3.amazonaws.com","message":"x"}"#, None),
            (r#"{"a":1}"#, None),
            (r#"{"message":"{}"}"#, None),
            (r#"{"Body":"{}"}"#, None),
            ("[3]", None),
            ("7", None),
            (r#""text""#, None),
            (r#""{\"a\":1}""#, text(r#"{"a":1}"#)),
            (r#""H4sIAA""#, base64("H4sIAA")),
            (r#"{"message":"{}","timestamp":1}"#, text("{}")),
            (
                r#"{"messageId":"m","body":"{}","eventSource":"aws:sqs"}"#,
                text("{}"),
            ),
            (r#"{"MessageId":"m","Body":"{}"}"#, text("{}")),
            (r#"{"MessageId":"m","Body":"H4sIAA"}"#, base64("H4sIAA")),
            (
                r#"{"EventSource":"aws:sns","Sns":{"Message":"{}"}}"#,
                text(r#"{"Message":"{}"}"#),
            ),
            (
                r#"{"Type":"Notification","TopicArn":"t","Message":"{}"}"#,
                text("{}"),
            ),
            (
                r#"{"kinesis":{"data":"eyJ"},"eventSource":"aws:kinesis"}"#,
                text(r#"{"data":"eyJ"}"#),
            ),
            (r#"{"partitionKey":"p","data":"eyJ"}"#, base64("eyJ")),
            (r#"{"recordId":"r","data":"eyJ"}"#, base64("eyJ")),
            (r#"{"@message":{"a":1}}"#, text(r#"{"a":1}"#)),
            (r#"{"@message":""}"#, text("")),
            (
                r#"{"_source":{"event":{"original":"{}"}}}"#,
                text(r#"{"event":{"original":"{}"}}"#),
            ),
            (r#"{"event":{"original":"{}"},"message":"x"}"#, text("{}")),
            (r#"{"result":{"_raw":"{}"}}"#, text(r#"{"_raw":"{}"}"#)),
            (
                r#"[{"field":"@ptr","value":"x"},{"field":"@message","value":"{}"}]"#,
                text("{}"),
            ),
            (r#"[{"eventJson":"{}"}]"#, text("{}")),
            (r#"[{"field":"@ptr","value":"x"}]"#, None),
            (
                r#"{"eventsource":"s","eventname":"n","errorcode":null,"eventid":"1"}"#,
                text(r#"{"eventSource":"s","eventName":"n","eventID":"1"}"#),
            ),
            (r#"{"eventsource":"s","eventname":"n"}"#, None),
            (
                r#"{"detail-type":"x","detail":{"eventSource":"s"}}"#,
                text(r#"{"eventSource":"s"}"#),
            ),
        ] {
            let found = content(value).map(|(content, _)| content);
            assert_eq!(found, expected, "{value}");
        }
    }
}
