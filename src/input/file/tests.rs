//! Tables of inputs and expected items. Each input is read at once and in tiny pieces, with the same result.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use records::time::Timestamp;

use super::*;
use crate::PACKED_BYTES_MAX;

const SMALL: Limits = Limits {
    inflated_bytes_max: 100_000,
    record_bytes_max: 1_000,
    records_max: 5,
};

/// A reader that returns at most a few bytes in each call, as pipes and sockets do.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = self.1.min(buffer.len());
        self.0.read(&mut buffer[..limit])
    }
}

/// Lists the items of an input, one in a line: a record as its text, a rejection as `!name`, and an error last.
fn listing(input: impl Read, layout: Layout, limits: &Limits) -> String {
    let mut lines = String::new();
    let mut position = 0;
    let result = read_reference(input, layout, limits, &mut |item| match item {
        InputItem::Record {
            number,
            text,
            wrapper,
        } => {
            position += 1;
            assert_eq!(number, position);
            write!(lines, "{text}").unwrap();
            if let Some(account_id) = &wrapper.account_id {
                write!(lines, " of {account_id}").unwrap();
            }
            if let Some(time) = wrapper.logged_at {
                write!(lines, " at {time}").unwrap();
            }
            lines.push('\n');
        }
        InputItem::Rejected {
            number, rejection, ..
        } => {
            position += 1;
            assert_eq!(number, position);
            writeln!(lines, "!{}", rejection.name()).unwrap();
        }
        InputItem::Skipped { count } => lines.push_str(&format!("quiet {count}\n")),
        InputItem::ControlMessage => lines.push_str("control\n"),
        InputItem::Incomplete { reason } => lines.push_str(&format!("incomplete: {reason}\n")),
        InputItem::OddCommas => lines.push_str("odd commas\n"),
    });
    if let Err(error) = result {
        write!(lines, "error {}", error.name()).unwrap();
    }
    lines
}

#[track_caller]
fn check_as(layout: Layout, input: &[u8], expected: &[&str]) {
    let whole = listing(input, layout, &SMALL);
    let shown = String::from_utf8_lossy(&input[..input.len().min(300)]);
    assert_eq!(whole.lines().collect::<Vec<_>>(), expected, "{shown}");
    for size in [1, 2, 3, 7] {
        let pieces = listing(Trickle(input, size), layout, &SMALL);
        assert_eq!(pieces, whole, "{size} bytes at a time of {shown}");
    }
    let is_packed = input.starts_with(&GZIP_MAGIC);
    for before_border in [0, 1, 3, 9, 27, 81, 243].into_iter().filter(|_| !is_packed) {
        let space = io::repeat(b' ').take(64 * 1024 - before_border);
        let shifted = listing(space.chain(input), layout, &SMALL);
        assert_eq!(
            shifted, whole,
            "{before_border} bytes before a border: {shown}"
        );
    }
    let packed = gzip(input);
    if is_packed {
        return;
    }
    assert_eq!(listing(&*packed, layout, &SMALL), whole, "packed: {shown}");
}

#[track_caller]
fn check(input: impl AsRef<[u8]>, expected: &[&str]) {
    check_as(Layout::Guess, input.as_ref(), expected);
}

#[track_caller]
fn check_lines(input: impl AsRef<[u8]>, expected: &[&str]) {
    check_as(Layout::Lines, input.as_ref(), expected);
}

/// Checks that reading ends with the error of this name, after any items.
#[track_caller]
fn check_refused(input: impl AsRef<[u8]>, name: &str) {
    let shown = String::from_utf8_lossy(input.as_ref());
    for size in [1, 7, usize::MAX] {
        let listing = listing(Trickle(input.as_ref(), size), Layout::Guess, &SMALL);
        let error = listing.lines().last().unwrap_or_default();
        assert_eq!(error, format!("error {name}"), "{shown:.300}");
    }
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn wrap(data: &str) -> String {
    format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#)
}

fn payload(message: impl AsRef<[u8]>) -> String {
    wrap(&BASE64_STANDARD.encode(gzip(message)))
}

/// A CloudWatch Logs message with these log events, with the fields in the order of AWS.
fn logs(log_events: &str) -> String {
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"999999999999","logGroup":"trail",
        "logStream":"123456789012_CloudTrail_us-east-1","subscriptionFilters":["errors"],
        "logEvents":{log_events}}}"#
    )
}

#[test]
fn trail_files_are_read_in_any_key_order_and_back_to_back() {
    check(r#"{"Records":[]}"#, &[]);
    check(r#"{"Records":null}"#, &[]);
    check(
        r#"{"Records":[{"a":1},{"b":"]}"}]}"#,
        &[r#"{"a":1}"#, r#"{"b":"]}"}"#],
    );
    check(
        "\u{feff} \n{ \"x\" : {\"Records\":[0]},\n\"Records\" : [ {\"a\":\"\\\"\\\\\"} ,\n 7 ], \"y\":[1] }",
        &[r#"{"a":"\"\\"}"#, "7"],
    );
    check(
        "{\"Records\":[{\"a\":1}]}{\"Records\":[{\"a\":2}]}\n\u{feff}{\"Records\":[{\"a\":3}]}\n",
        &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#],
    );
    let two = [
        gzip(r#"{"Records":[{"a":1}]}"#),
        gzip(""),
        gzip(r#"{"Records":[2]}"#),
    ];
    check(two.concat(), &[r#"{"a":1}"#, "2"]);
    check(
        r#"[{"a":1}, {"b":2} , null, [3]]"#,
        &[r#"{"a":1}"#, r#"{"b":2}"#, "null", "[3]"],
    );
    check(
        r#"{"NextToken":"x","Events":[{"EventId":"e","CloudTrailEvent":"{\"a\":\"\\\"\"}"},{}]}"#,
        &[
            r#"{"a":"\""}"#,
            "!not_json",
            "incomplete: there are further pages",
        ],
    );
    check(
        r#"{"events":[{"eventSource":"s"}],"nextToken":"x"}{"events":[],"searchedLogStreams":[]}"#,
        &[r#"{"eventSource":"s"}"#],
    );
    check(
        r#"{"status":"Running","results":[]}"#,
        &["incomplete: the query still runs"],
    );
}

#[test]
fn missing_and_surplus_commas_cost_no_record_and_are_said() {
    let (one, two) = (r#"{"eventVersion":"1.11","a":1}"#, r#"{"b":2}"#);
    for list in [
        format!("{one} {two}"),
        format!("{one},,{two}"),
        format!(",{one},{two}"),
        format!("{one},{two} , "),
        format!("{one}{two}"),
    ] {
        check(
            format!(r#"{{"Records":[{list}]}}"#),
            &[one, two, "odd commas"],
        );
    }
    check(format!(r#"{{"Records":[{one},{two}]}}"#), &[one, two]);
    check(format!(r#"{{"Records":[{one} , {two} ]}}"#), &[one, two]);
    check(r#"{"Records":[,,,,]}"#, &["odd commas"]);
}

#[test]
fn a_bare_event_is_a_record_in_a_line_or_printed() {
    check("{}", &["{}"]);
    check(
        "{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}",
        &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
    );
    check("{\"a\":1}{\"b\":2}", &[r#"{"a":1}"#, r#"{"b":2}"#]);
    let printed = "{\n  \"a\": {\n    \"b\": [\n      1\n    ]\n  },\n  \"c\": 2\n}";
    let input = format!("{printed}\n{printed}\n{{}}\n{printed}");
    let expected = format!("{printed}\n{printed}\n{{}}\n{printed}\n");
    check(input, &expected.lines().collect::<Vec<_>>());
    let hand = "{ \"a\": 1,\n\"b\": [2\n, 3]\n}";
    check(hand, &hand.lines().collect::<Vec<_>>());
    let envelope = r#"{"version":"0","detail":{"eventSource":"s3","x":1},"detail-type":"AWS API Call via CloudTrail"}"#;
    let record = r#"{"eventSource":"s3","x":1}"#;
    check(envelope, &[record]);
    check(format!("{envelope}\n{envelope}\n"), &[record, record]);
    check(format!("[{envelope},{{}}]"), &[record, "{}"]);
    let event = r#"{"eventSource":"s3","detail":{"eventSource":"no"}}"#;
    check(event, &[event]);
    let other = r#"{"detail":{"a":1}}"#;
    check(other, &[other]);
}

#[test]
fn a_broken_line_is_rejected_alone() {
    for broken in [
        r#"{"a":"x"#,
        r#"{"a":"x\"#,
        r#"{"a":{"b":1}"#,
        r#"{"a":{"b":{"c":1}"#,
        "{abc",
        r#"{"a":1]}"#,
        r#"{"a":1 2}"#,
    ] {
        let input = format!("{broken}\n{{\"b\":2}}\n{{\"c\":3}}\n");
        let expected = [broken, r#"{"b":2}"#, r#"{"c":3}"#];
        check_lines(&input, &expected);
        check(&input, &expected);
        let input = format!("{{\"b\":2}}\n{broken}\n{{\"c\":3}}\n");
        let expected = [r#"{"b":2}"#, broken, r#"{"c":3}"#];
        check_lines(&input, &expected);
        check(&input, &expected);
    }
    check_lines(
        "garbage\n{\"a\":1} x\n7\n",
        &["garbage", r#"{"a":1}"#, "x", "7"],
    );
    check_lines("{\"a\":1}\n{\"b\":", &[r#"{"a":1}"#, "!truncated"]);
    check("{\"a\":1}\n{\"b\":", &[r#"{"a":1}"#, "!truncated"]);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(90_000));
    check_lines(
        format!("{long}\n{{\"b\":2}}\n"),
        &["!oversize", r#"{"b":2}"#],
    );
    check(
        format!("{{\"b\":2}}\n{}\n{{}}", "x".repeat(70_000)),
        &[r#"{"b":2}"#, "!oversize", "{}"],
    );
}

#[test]
fn a_line_may_contain_anything_that_a_file_may() {
    let lines = [
        r#"{"Records":[{"a":1},{"b":2}]}"#.to_owned(),
        payload(logs(r#"[{"message":"{\"c\":3}"}]"#)),
        r#"{"detail":{"eventSource":"d"}}"#.to_owned(),
        r#"{"Records":[{"e":5},{"f"#.to_owned(),
        r#"[{"g":7}"#.to_owned(),
        r#"{"h":8}"#.to_owned(),
    ];
    check_lines(
        lines.join("\n"),
        &[
            r#"{"a":1}"#,
            r#"{"b":2}"#,
            r#"{"c":3} of 123456789012"#,
            r#"{"eventSource":"d"}"#,
            r#"{"e":5}"#,
            "!truncated",
            r#"{"g":7}"#,
            "!truncated",
            r#"{"h":8}"#,
        ],
    );
}

#[test]
fn unknown_formats_are_refused() {
    check_refused("", "empty");
    check_refused(" \n\t\r\n", "empty");
    check_refused("\u{feff}", "empty");
    check_refused(gzip(""), "empty");
    check_lines("", &[]);
    check_lines(" \n\n", &[]);
    for input in ["garbage", "\"x\"", "7", "<html>", "PK\x03\x04", "}", "\0\0"] {
        check_refused(input, "not_json");
        check_refused(gzip(input), "not_json");
    }
    check_as(Layout::Lines, b"\0\0", &["error not_json"]);
    check_refused(gzip(gzip("{}")), "not_json");
    check_refused([0x28, 0xb5, 0x2f, 0xfd], "not_json");
    let error = read_reference(&b"\n\n x"[..], Layout::Guess, &SMALL, &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, ReadError::NotJson { offset: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_sparse_file_fails_at_its_first_byte() {
    let sparse = io::repeat(0).take(3 << 30);
    let expected = "error not_json";
    assert_eq!(listing(sparse, Layout::Guess, &SMALL), expected);
}

#[test]
fn a_failing_input_is_not_reported_as_damaged() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::PermissionDenied))
        }
    }
    assert_eq!(listing(Failing, Layout::Guess, &SMALL), "error io");
    let packed = gzip(r#"{"Records":[1]}"#);
    let half = packed[..12].chain(Failing);
    assert_eq!(listing(half, Layout::Guess, &SMALL), "error io");
}

#[test]
fn damaged_gzip_is_refused() {
    let whole = gzip(r#"{"Records":[{"a":1}]}"#);
    for length in 2..whole.len() {
        check_refused(&whole[..length], "gzip");
    }
    for index in whole.len() - 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 1;
        check_refused(damaged, "gzip");
    }
    check_refused([&whole[..], b"garbage"].concat(), "gzip");
    check_refused([&whole[..], &[0; 600]].concat(), "gzip");
    check_refused([&whole[..], &whole[..20]].concat(), "gzip");
}

#[test]
fn the_inflated_limit_counts_all_members() {
    let document = format!("{{\"Records\":[{}1]}}", "1,".repeat(24_000));
    let packed = gzip(&document);
    assert!(document.len() * 2 < 100_000 && document.len() * 3 > 100_000);
    let twice = [&packed[..], &packed].concat();
    assert!(!listing(&*twice, Layout::Guess, &SMALL).contains("error"));
    check_refused([&packed[..], &packed, &packed].concat(), "inflated");
    check_refused(
        payload(logs(&format!("[{}{{}}]", " ".repeat(100_000)))),
        "inflated",
    );
}

#[test]
fn a_record_that_is_too_long_or_truncated_is_rejected_alone() {
    let sized = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    for (length, fits) in [(999, true), (1_000, true), (1_001, false), (300_000, false)] {
        let record = sized(length);
        let expected = if fits { &record } else { "!oversize" };
        let input = format!("{{\"Records\":[{{\"a\":1}},{record},{{\"b\":2}}]}}");
        let whole = listing(input.as_bytes(), Layout::Guess, &SMALL);
        assert_eq!(whole, format!("{{\"a\":1}}\n{expected}\n{{\"b\":2}}\n"));
        let small = Trickle(input.as_bytes(), 1_000);
        assert_eq!(listing(small, Layout::Guess, &SMALL), whole);
    }
    check(r#"{"Records":[{"a":1},{"b"#, &[r#"{"a":1}"#, "!truncated"]);
    check(r#"{"Records":[{"a":1},"#, &[r#"{"a":1}"#, "!truncated"]);
    check(r#"{"Records":[{"a":1}]"#, &[r#"{"a":1}"#]);
    check(r#"[{"a":1},{"b"#, &[r#"{"a":1}"#, "!truncated"]);
    check(r#"[{"a":1}"#, &[r#"{"a":1}"#, "!truncated"]);
    check(r#"{"a":1"#, &["!truncated"]);
    check("{", &["!truncated"]);
    check(r#"{"messageType":"DATA_MESSAGE","#, &["!truncated"]);
}

#[test]
fn unusual_elements_are_passed_on_and_garbage_between_them_is_skipped() {
    check(
        r#"{"Records":[1,"x",null,true,[],-1e5]}"#,
        &["1", "\"x\"", "null", "true", "[]", "-1e5"],
    );
    check(
        r#"{"Records":[{"a":1}{"b":2},,{"c":3}},:,NaN,{"d":4}]}"#,
        &[
            r#"{"a":1}"#,
            r#"{"b":2}"#,
            r#"{"c":3}"#,
            ":",
            "NaN",
            r#"{"d":4}"#,
            "odd commas",
        ],
    );
    check(
        b"{\"Records\":[{\"a\":\"\xff\"},\xef\xbb\xbf{\"b\":2}]}",
        &["{\"a\":\"\u{fffd}\"}", r#"{"b":2}"#],
    );
    check(r#"{"Records":[1]]}"#, &["1", "]}"]);
    check(r#"{"Records":[1],oops}{"a":2}"#, &["1", r#"oops}{"a":2}"#]);
}

#[test]
fn the_payload_of_a_subscription_is_opened() {
    let message = logs(r#"[{"id":"1","timestamp":1795251599123,"message":"{\"a\":1}"}]"#);
    let record = r#"{"a":1} of 123456789012 at 2026-11-21T08:59:59Z"#;
    let packed = gzip(&message);
    let data = BASE64_STANDARD.encode(&packed);
    check(wrap(&data), &[record]);
    check(wrap(&BASE64_STANDARD_NO_PAD.encode(&packed)), &[record]);
    check(
        wrap(&data.replace('/', "\\/").replace('+', "\\u002B")),
        &[record],
    );
    let lines = |separator: &str| {
        let lines = data.as_bytes().chunks(76).map(String::from_utf8_lossy);
        lines.collect::<Vec<_>>().join(separator)
    };
    for separator in ["\\n", "\\r\\n", "\n", " "] {
        check(wrap(&lines(separator)), &[record]);
    }
    check(
        format!(
            "{{\n \"x\": [1], \"awslogs\": {{\"y\": {{}}, \"data\":\n\"{data}\", \"z\":0}} }}\n"
        ),
        &[record],
    );
    check(format!("{}\n{}", wrap(&data), wrap(&data)), &[record; 2]);
    let (start, end) = message.split_at(20);
    let members = [gzip(start), gzip(end)].concat();
    check(wrap(&BASE64_STANDARD.encode(members)), &[record]);
    let last = r#"{"logEvents":[{"timestamp":1795251599123,"message":"{\"a\":1}"}],"logStream":"o-abc123_123456789012_CloudTrail_us-east-1"}"#;
    check(payload(last), &[record]);
    check(
        payload(r#"{"logEvents":[{"message":"x"}],"messageType":"CONTROL_MESSAGE"}"#),
        &["control"],
    );
}

#[test]
fn an_incomplete_payload_is_refused() {
    let message = logs(r#"[{"message":"{}"}]"#);
    let packed = gzip(&message);
    let with_data = |bytes: &[u8]| wrap(&BASE64_STANDARD.encode(bytes));
    for event in [
        r#"{"awslogs":null}"#,
        r#"{"awslogs":{}}"#,
        r#"{"awslogs":{"data":""}}"#,
        r#"{"awslogs":{"data":7}}"#,
        r#"{"awslogs":{"data":null}}"#,
        r#"{"awslogs":[]}"#,
        r#"{"awslogs":{oops}}"#,
    ] {
        check_refused(event, "payload_no_data");
    }
    check_refused(wrap("!!!!"), "payload_base64");
    check_refused(wrap("AA=A"), "payload_base64");
    check_refused(wrap("H4sI\\u00zz"), "payload_base64");
    // A gzip header with a name, whose base64 contains both digits in which the alphabets differ.
    let mut named = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255, 0xfb, 0xff, 0xfe, 0];
    named.extend_from_slice(&packed[10..]);
    assert!(!listing(with_data(&named).as_bytes(), Layout::Guess, &SMALL).contains("error"));
    check_refused(wrap(&BASE64_URL_SAFE.encode(&named)), "payload_base64");
    check_refused(with_data(b"{}"), "payload_not_gzip");
    check_refused(with_data(message.as_bytes()), "payload_not_gzip");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(message.as_bytes()).unwrap();
    check_refused(with_data(&zlib.finish().unwrap()), "payload_not_gzip");
    check_refused(with_data(&[0x28, 0xb5, 0x2f, 0xfd, 0]), "payload_not_gzip");
    check_refused(with_data(&packed[..packed.len() / 2]), "gzip");
    for index in [packed.len() - 8, packed.len() - 4] {
        let mut damaged = packed.clone();
        damaged[index] ^= 1;
        check_refused(with_data(&damaged), "gzip");
    }
    check_refused(with_data(&[&packed[..], b"garbage"].concat()), "gzip");
    check_refused(payload(format!("{message}{message}")), "payload_trailing");
    check_refused(payload(format!("{message} x")), "payload_trailing");
    check_refused(payload(&message[..message.len() - 1]), "payload_cut");
    check_refused(payload(&message[..message.len() - 5]), "payload_cut");
    for inside in [
        "",
        "[]",
        "7",
        "{}",
        r#"{"Records":[]}"#,
        r#"{"logEvents":7}"#,
    ] {
        check_refused(payload(inside), "payload_not_logs");
    }
    check_refused(payload(gzip(&message)), "payload_not_logs");
    let event = with_data(&packed);
    check_refused(&event[..event.len() / 2], "payload_cut");
    let many = [r#"{"message":"{}"}"#; 6].join(",");
    check_refused(payload(logs(&format!("[{many}]"))), "records");
    let long = BASE64_STANDARD.encode(vec![0; PACKED_BYTES_MAX + 1]);
    let long = wrap(&format!("H4sIAAAAAAAA/w{}", &long[14..]));
    for input in [
        long.clone(),
        long.replacen("AAAA", &"A".repeat(10 << 20), 1),
    ] {
        let listing = listing(input.as_bytes(), Layout::Guess, &Limits::default());
        assert!(listing.starts_with("error"), "{listing}");
    }
}

#[test]
fn the_event_of_a_function_must_be_a_payload() {
    let name = |event: &str| {
        let result = read_reference(event.as_bytes(), Layout::Subscription, &SMALL, &mut |_| {});
        result.err().map(|error| error.name())
    };
    let event = payload(logs("[]"));
    assert_eq!(name(&event), None);
    assert_eq!(name(&event.replacen('{', "{\"x\":{},", 1)), None);
    for event in ["", "{}", "[]", "null", r#"{"Records":[]}"#, "{oops}"] {
        assert_eq!(name(event), Some("payload_no_data"), "{event}");
    }
    assert_eq!(name("{\"a\":"), Some("payload_cut"));
    assert_eq!(name(&event[..event.len() - 1]), Some("payload_cut"));
    assert_eq!(name(&event.repeat(2)), Some("payload_trailing"));
}

#[test]
fn cloudwatch_logs_json_is_read_with_or_without_its_frame() {
    for (message, expected) in [
        (logs("[]"), &[][..]),
        (logs("null"), &[]),
        (r#"{"messageType":"DATA_MESSAGE","owner":"1"}"#.to_owned(), &[]),
        (r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"x"}]}"#.to_owned(), &["control"]),
        (r#"{"messageType":"CONTROL_MESSAGE"}"#.to_owned(), &["control"]),
        (
            r#"{"policyLevel":"ACCOUNT_LEVEL_POLICY","messageType":"DATA_MESSAGE","logStream":"x","owner":"123456789012","logEvents":[{"extractedFields":{"a":"b"},"message":"{}","@aws.account":"1","@aws.region":"r"}]}"#.to_owned(),
            &["{}"],
        ),
    ] {
        check(&message, expected);
        check(payload(&message), expected);
    }
    for stream in [
        "12345678901_CloudTrail_x",
        "123456789012",
        "12345678901x_CloudTrail_x",
        "é",
    ] {
        let message = format!(
            r#"{{"messageType":"DATA_MESSAGE","logStream":"{stream}","logEvents":[{{"message":"{{}}"}}]}}"#
        );
        check(payload(&message), &["{}"]);
    }
}

#[test]
fn a_bad_log_event_is_rejected_alone() {
    let good = r#"{"id":"1","message":"{}"}"#;
    let good_record = "{} of 123456789012";
    let among = |event: &[u8], expected: &str| {
        let list = [
            b"[",
            good.as_bytes(),
            b",",
            event,
            b",",
            good.as_bytes(),
            b"]",
        ]
        .concat();
        let (head, tail) = logs("|")
            .split_once('|')
            .map(|(h, t)| (h.to_owned(), t.to_owned()))
            .unwrap();
        let message = [head.as_bytes(), &list, tail.as_bytes()].concat();
        let expected = [good_record, expected, good_record];
        check(&message, &expected);
        check(payload(&message), &expected);
    };
    for message in ["null", "7", "[]", "\"\"", "true"] {
        let event = format!(r#"{{"id":"2","message":{message}}}"#);
        among(event.as_bytes(), "!not_json");
    }
    among(b"{}", "!not_json");
    among(b"7", "!not_an_object");
    among(br#"{"message":NaN}"#, "!not_json");
    among(b"{\"message\":\"{\"a\":1}\"}", "!not_json");
    among(b"{\"message\":\"a\nb\"}", "!not_json");
    among(b"{\"message\":\"a\xffb\"}", "a\u{fffd}b of 123456789012");
    among(
        br#"{"message":"a\ud800b"}"#,
        "a\u{fffd}\u{fffd}\u{fffd}b of 123456789012",
    );
    among(br#"{"message":"\ufeff{}"}"#, good_record);
    among(br#"{"message":{"a":[1]}}"#, r#"{"a":[1]} of 123456789012"#);
    among(br#"{"message":"x","message":"{}"}"#, good_record);
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(2_000));
    among(long.as_bytes(), "!oversize");
    for id in ["null", "7", "\"\"", "[]"] {
        among(
            format!(r#"{{"id":{id},"message":"{{}}"}}"#).as_bytes(),
            good_record,
        );
    }
    for timestamp in [
        "null",
        "\"str\"",
        "-1",
        "1e999",
        "9223372036854775808",
        "1795251599123.5",
        "[]",
        "\"\"",
    ] {
        let event = format!(r#"{{"message":"{{}}","timestamp":{timestamp}}}"#);
        among(event.as_bytes(), good_record);
    }
    let event = br#"{"timestamp":"1795251599123","message":"{}"}"#;
    among(event, "{} of 123456789012 at 2026-11-21T08:59:59Z");
}

#[test]
fn the_largest_payload_of_aws_fits_the_limits() {
    let limits = Limits::default();
    for (length, expected) in [(256 << 10, 1), (1 << 20, 1), (3 << 20, 0)] {
        let text = format!(r#"{{\"a\":\"{}\"}}"#, "x".repeat(length));
        let input = payload(logs(&format!(r#"[{{"message":"{text}"}}]"#)));
        let mut records = 0;
        read_reference(input.as_bytes(), Layout::Guess, &limits, &mut |item| {
            records += u32::from(matches!(item, InputItem::Record { .. }));
        })
        .unwrap();
        assert_eq!(records, expected, "{length}");
    }
    let many = vec!["1"; 200_001].join(",");
    let error = listing(
        payload(logs(&format!("[{many}]"))).as_bytes(),
        Layout::Guess,
        &limits,
    );
    assert!(error.ends_with("error records"));
}

#[test]
fn a_string_as_long_as_the_inflated_limit_is_skipped() {
    let limits = Limits::default();
    let head = logs("[{\"message\":\"");
    let head = head.strip_suffix('}').unwrap();
    let input = head.as_bytes();
    let input = input
        .chain(io::repeat(b'x').take(250 << 20))
        .chain(&b"\"},{\"message\":\"{}\"}]}"[..]);
    let expected = "!oversize\n{} of 123456789012\n";
    assert_eq!(listing(input, Layout::Guess, &limits), expected);
    let mut event = b"{\"a\":\""
        .chain(io::repeat(b'x').take(20 << 20))
        .chain(&b"\"}\n{}\n"[..]);
    assert_eq!(
        listing(&mut event, Layout::Guess, &limits),
        "!oversize\n{}\n"
    );
}

#[test]
fn a_payload_may_inflate_up_to_the_limit() {
    let message = logs("[{\"message\":\"|\"}]");
    let (head, tail) = message.split_once('|').unwrap();
    let [head, megabyte, tail] = [head, &"x".repeat(1 << 20), tail].map(gzip);
    for (megabytes, expected) in [(194, "!oversize\n"), (256, "error inflated")] {
        let packed = [&head[..], &megabyte.repeat(megabytes), &tail].concat();
        let event = wrap(&BASE64_STANDARD.encode(packed));
        let listing = listing(event.as_bytes(), Layout::Guess, &Limits::default());
        assert_eq!(listing, expected, "{megabytes}");
    }
}

#[test]
fn depth_costs_nothing() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let limits = Limits::default();
    for input in [format!("{{\"Records\":[{deep}]}}"), format!("[{deep}]")] {
        let listing = listing(input.as_bytes(), Layout::Guess, &limits);
        assert_eq!(listing.trim_end(), deep);
    }
    check("[".repeat(50_000), &["!truncated"]);
}

#[test]
fn defaults_are_the_documented_ones() {
    let limits = Limits::default();
    assert_eq!(limits.inflated_bytes_max, 268_435_456);
    assert_eq!(limits.record_bytes_max, 2_097_152);
    assert_eq!(limits.records_max, 200_000);
    assert!(Timestamp::from_seconds(1_795_251_599).is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        size in 1_usize..50,
    ) {
        for layout in [Layout::Guess, Layout::Lines] {
            listing(Trickle(&bytes, size), layout, &SMALL);
        }
    }

    #[test]
    fn no_json_like_text_makes_it_panic_and_pieces_make_no_difference(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
        size in 1_usize..20,
    ) {
        let text = words.concat();
        for layout in [Layout::Guess, Layout::Lines] {
            let whole = listing(text.as_bytes(), layout, &SMALL);
            prop_assert_eq!(listing(Trickle(text.as_bytes(), size), layout, &SMALL), &whole[..]);
        }
    }
}

/// Pieces of JSON, so that random sequences of them are nearly valid inputs.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    " ",
    "\u{feff}",
    "1",
    "null",
    "x",
    "{\"Records\":[",
    "{\"awslogs\":{\"data\":\"",
    "\"logEvents\":[",
    "{\"message\":\"{}\"}",
    "\"messageType\":\"CONTROL_MESSAGE\"",
    "{\"a\":1}",
    "\"detail\":{\"eventSource\":\"s\"}",
    "{\"Events\":[",
    "H4sI",
    "\"eventSource\":\"s3\"",
];
