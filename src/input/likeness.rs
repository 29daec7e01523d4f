//! Describes a record that is not a CloudTrail event, so that the user sees which mistake was made.
//!
//! This is used only for inputs without any event. Sources: the AWS CLI Command Reference (answers of
//! `logs` and `cloudtrail`), the AWS Lambda Developer Guide (events of other services), the CloudWatch Logs User
//! Guide (exports of Logs Insights), the CloudTrail User Guide (Lake, tables in Athena), all read in November 2026.

use records::redact::sanitize;

/// Sets of JSON keys, the kind of object that has all of them, and what to do. The first set that matches decides.
const KNOWN: [(&[&str], &str, &str); 23] = [
    (
        &["@message"],
        "an export of the results of CloudWatch Logs Insights",
        "select the log group of a trail, and @message",
    ),
    (
        &["eventJson"],
        "a row of a CloudTrail Lake query",
        "select eventJson as it is, without a function",
    ),
    (
        &["eventversion"],
        "a row of an Athena table, with column names in lower case",
        "select eventname, eventsource and errorcode, too",
    ),
    (
        &["kinesis"],
        "an event of Kinesis for a Lambda function",
        "scan what its data holds, if that is from CloudTrail",
    ),
    (
        &["deliveryStreamArn"],
        "an event of Firehose for a Lambda function",
        "scan what its data holds, if that is from CloudTrail",
    ),
    (
        &["receiptHandle"],
        "an event of SQS for a Lambda function",
        "scan what its body holds, if that is from CloudTrail",
    ),
    (
        &["ReceiptHandle"],
        "messages of SQS",
        "scan what Body holds, if that is from CloudTrail",
    ),
    (
        &["dynamodb"],
        "an event of a DynamoDB stream",
        "it has no calls; scan the files of a trail",
    ),
    (
        &["s3", "eventSource"],
        "an event notification of S3",
        "scan the object that it names: s3://BUCKET/KEY",
    ),
    (
        &["Sns"],
        "an event of SNS for a Lambda function",
        "scan what Message holds, if that is from CloudTrail",
    ),
    (
        &["TopicArn", "Message"],
        "a notification of SNS",
        "scan what Message holds, if that is from CloudTrail",
    ),
    (
        &["detail-type", "source"],
        "an EventBridge event that is not from CloudTrail",
        "match the detail-type AWS API Call via CloudTrail in the rule",
    ),
    (
        &["Findings"],
        "findings of Security Hub",
        "they have no calls; scan the files of a trail",
    ),
    (
        &["class_uid", "metadata"],
        "an event of Security Lake (OCSF)",
        "scan those of the source CLOUD_TRAIL_MGMT or S3_DATA",
    ),
    (
        &["configurationItems"],
        "an object of AWS Config",
        "it has no calls; scan the folder CloudTrail beside its folder Config",
    ),
    (
        &["ResultSet"],
        "an answer of athena get-query-results",
        "download the CSV of the query from its output location",
    ),
    (
        &["VarCharValue"],
        "a cell of athena get-query-results",
        "download the CSV of the query from its output location",
    ),
    (
        &["responses"],
        "an answer of _msearch",
        "scan each of its responses: jq .responses[]",
    ),
    (
        &["fields", "_index"],
        "a document of a search without its source",
        "search with _source instead of fields",
    ),
    (
        &["@timestamp", "event", "aws"],
        "a document of Elastic without the record",
        "set preserve_original_event in the integration, so that event.original has it",
    ),
    (
        &["_time"],
        "a result of Splunk without the record",
        "add _raw: | table _raw",
    ),
    (
        &["EventId", "EventName"],
        "events of lookup-events without the record",
        "leave out --query, or add CloudTrailEvent to it",
    ),
    (
        &["eventVersion", "userIdentity", "eventTime", "eventName"],
        "a CloudTrail event of another version",
        "this release reads those of eventVersion 1",
    ),
];

/// What to do with content that is not JSON, by its description.
const NEXT_STEPS: [(&str, &str); 2] = [
    (
        TABLE,
        "; select eventname, eventsource and errorcode, or a column with the whole record: eventJson, @message or _raw",
    ),
    (CLI_TEXT, "; run it again with --output json"),
];

const TABLE: &str = "a table of comma-separated values";
const CLI_TEXT: &str = "text of the AWS CLI";

/// How an answer of the AWS CLI begins with `--output text`, `yaml` and `table`.
const CLI_TEXT_STARTS: [&[u8]; 16] = [
    b"EVENTS\t",
    b"RESULTS\t",
    b"COMPLETE\t",
    b"Complete\t",
    b"QUERYRESULTROWS\t",
    b"MESSAGES\t",
    b"RECORDS\t",
    b"events:",
    b"Events:",
    b"results:",
    b"ResultSet:",
    b"QueryStatus:",
    b"Messages:",
    b"Records:",
    // The tokens of `logs get-log-events`.
    b"b/",
    b"------",
];

/// Maximum number of keys in the description of an unknown object.
const NAMES_MAX: usize = 5;

/// Maximum length of each of these keys, in characters.
const NAME_CHARS_MAX: usize = 40;

/// The first bytes of files of other kinds.
const MAGIC: [(&[u8], &str); 13] = [
    (b"\x1f\x8b", "gzip data inside of gzip data"),
    (b"\xff\xfe", "UTF-16 text, as Windows PowerShell writes it"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"PAR1", "a Parquet file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"<", "XML or HTML"),
];

/// Maximum number of bytes of the first line that are examined.
pub const LINE_BYTES_MAX: usize = 4096;

/// Description of a record that is too long, incomplete or damaged, for an error message: the words after "it looks
/// like".
pub const UNREADABLE: &str = "an unreadable record";

/// Describes content that is not JSON by its first bytes, in a few words for an error message, such as `a zip archive`.
pub fn of_bytes(bytes: &[u8]) -> &'static str {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return what;
    }
    let line = bytes.split(|byte| *byte == b'\n').next();
    let line = line.unwrap_or_default();
    let line = &line[..line.len().min(LINE_BYTES_MAX)];
    if CLI_TEXT_STARTS.iter().any(|start| line.starts_with(start)) {
        return CLI_TEXT;
    }
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | 0x80..);
    if !line.iter().all(is_text) {
        return "binary data";
    }
    match (line.contains(&b'{'), line.contains(&b',')) {
        (true, _) => "text in front of JSON",
        (false, true) => TABLE,
        (false, false) => "text",
    }
}

/// Returns what to do with content that [`of_bytes`] described so: an end of a sentence, or nothing.
pub fn next_step(likeness: &str) -> &'static str {
    let known = NEXT_STEPS.iter().find(|(what, _)| *what == likeness);
    known.map_or("", |(_, next)| next)
}

/// Describes the text of a record that is not a CloudTrail event, for an error message: the words after "it looks
/// like", and what to do.
pub fn of_record(text: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let found = json::each_field(text, |name, _| {
        names.push(String::from_utf8_lossy(name).into_owned());
    });
    match found {
        Err(json::Error::NotJson { .. }) => return "text that is not JSON".to_owned(),
        Err(json::Error::NotAnObject) if text.trim_start().starts_with('"') => {
            return "strings instead of records".to_owned();
        }
        Err(json::Error::NotAnObject) => return "other values instead of records".to_owned(),
        Ok(()) => {}
    }
    let has = |wanted: &&str| names.iter().any(|name| name == wanted);
    let known = KNOWN.iter().find(|(wanted, ..)| wanted.iter().all(has));
    match known {
        Some((_, what, next)) => format!("{what}; {next}"),
        None => members(&names),
    }
}

/// Describes an object by its first keys.
fn members(names: &[String]) -> String {
    if names.is_empty() {
        return "an object without members".to_owned();
    }
    let shown = names.iter().take(NAMES_MAX);
    let shown: Vec<String> = shown.map(|name| sanitize(name, NAME_CHARS_MAX)).collect();
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    format!("an object with the members {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_named() {
        for (text, what) in [
            (
                r#"{"@timestamp":"2026-11-20 08:15:00.000","@message":{}}"#,
                "an export of the results of CloudWatch Logs Insights; select the log group of a trail, and @message",
            ),
            (
                r#"{"kinesis":{},"eventSource":"aws:kinesis"}"#,
                "an event of Kinesis for a Lambda function; scan what its data holds, if that is from CloudTrail",
            ),
            (
                r#"{"eventSource":"aws:s3","s3":{}}"#,
                "an event notification of S3; scan the object that it names: s3://BUCKET/KEY",
            ),
            (r#""{\"eventID\":1}""#, "strings instead of records"),
            ("17", "other values instead of records"),
            ("nonsense", "text that is not JSON"),
            ("{}", "an object without members"),
            (
                "{\"a\":1,\"b\\u001b[31m\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6}",
                "an object with the members a, b[31m, c, d, e, …",
            ),
        ] {
            assert_eq!(of_record(text), what);
        }
    }

    #[test]
    fn content_that_is_not_json_is_named_by_its_first_bytes() {
        for (bytes, what) in [
            (&b"\x1f\x8b\x08"[..], "gzip data inside of gzip data"),
            (
                b"\xff\xfe{\0",
                "UTF-16 text, as Windows PowerShell writes it",
            ),
            (b"<html>{}", "XML or HTML"),
            (
                b"2026-11-20T08:15:00Z stream {\"eventID\":\"1\"}\n",
                "text in front of JSON",
            ),
            (
                b"eventTime,eventName\n{",
                "a table of comma-separated values",
            ),
            (b"EVENTS\t1\t{", "text of the AWS CLI"),
            (b"Nothing found", "text"),
            (b"\x00\x01", "binary data"),
            (b"", "text"),
        ] {
            assert_eq!(of_bytes(bytes), what);
        }
        assert!(next_step(TABLE).contains("errorcode"));
        assert_eq!(next_step("XML or HTML"), "");
    }
}
