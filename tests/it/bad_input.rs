//! Inputs that are broken, unusual or hostile, through the real binary.
//!
//! A bad input affects only itself, is counted, and cannot send control sequences to a terminal.

use std::fs;

use serde_json::{Value, json};

use crate::binary::{Folder, Ran, each_text};
use crate::cli::BY;
use crate::payloads::gzip;
use crate::records::{denied, id, lines, record};

/// Returns a failed call whose JSON has `raw` as the value of a field that the program does not read.
fn with_raw(raw: &[u8]) -> Vec<u8> {
    with_field(b"\"extra\":", raw)
}

/// Returns a failed call whose JSON ends with the given field, key and colon included.
fn with_field(key: &[u8], raw: &[u8]) -> Vec<u8> {
    let text = denied(3, json!({})).to_string();
    let head = text.strip_suffix('}').unwrap().as_bytes();
    [head, b",", key, raw, b"}"].concat()
}

/// Returns the outcome of the second of three records, from the totals of a scan; the other two are good.
fn outcome_of(scan: &Value) -> String {
    let records = &scan["records"];
    let count = |name: &str| records[name].as_u64().unwrap();
    assert_eq!(count("read"), 3, "{records}");
    let mut outcomes = Vec::new();
    for name in ["duplicate", "ignored"] {
        if count(name) > 0 {
            outcomes.push(name.to_owned());
        }
    }
    for record in scan["quarantined"].as_array().unwrap() {
        assert_eq!(record["record"], 2, "the middle one is the bad one");
        outcomes.push(format!(
            "quarantined {}",
            record["reason"].as_str().unwrap()
        ));
    }
    for reason in records["not_selected"].as_object().unwrap().keys() {
        outcomes.push(format!("not selected {reason}"));
    }
    match count("clustered") - 2 {
        0 => {}
        1 => outcomes.push("clustered".to_owned()),
        more => panic!("{more} more than there are"),
    }
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.remove(0)
}

/// Scans a record between two good ones, as a line and in a trail file; returns both outcomes.
fn outcomes(bad: &[u8]) -> (String, String) {
    let (first, last) = (denied(1, json!({})), denied(2, json!({})));
    let (first, last) = (first.to_string(), last.to_string());
    let joined = |between: &[u8]| [first.as_bytes(), bad, last.as_bytes()].join(between);
    let folder = Folder::with_lines([&joined(b"\n")[..], b"\n"].concat());
    folder.write(
        "trail.json",
        [b"{\"Records\":[", &joined(b",")[..], b"]}"].concat(),
    );
    (
        outcome_of(&folder.scan(&["trail.jsonl"], 0)),
        outcome_of(&folder.scan(&["trail.json"], 0)),
    )
}

#[track_caller]
fn becomes(what: &str, bad: impl AsRef<[u8]>, expected: &str) {
    let (line, element) = outcomes(bad.as_ref());
    assert_eq!((&*line, &*element), (expected, expected), "{what}");
}

#[test]
fn missing_commas_cost_no_record_and_are_said() {
    let (first, last) = (denied(1, json!({})), denied(2, json!({})));
    let folder = Folder::new();
    folder.write("odd.json", format!("{{\"Records\":[{first} {last}]}}"));
    let ran = folder.run(&["scan", "--format", "json", "odd.json"]);
    assert_eq!(ran.json()["records"]["clustered"], 2);
    assert!(
        ran.stderr
            .contains("odd.json: commas between records are missing or surplus"),
        "{}",
        ran.stderr
    );
}

#[test]
fn rules_and_threads_have_limits() {
    let folder = Folder::new();
    folder.write("in.jsonl", lines(&[denied(1, json!({}))]));
    let rule = |condition: &str| {
        format!(
            "[[rule]]\nname = \"x\"\nwhen = {{ errorCode = [{{ {condition} }}] }}\nseverity = \"info\"\n"
        )
    };
    folder.write(
        "regexp.toml",
        rule("regexp = \"(((a{100}){100}){100}){100}\""),
    );
    folder.write(
        "stars.toml",
        rule(&format!("wildcard = \"{}\"", "a*".repeat(500))),
    );
    folder.write("long.toml", vec![b'#'; (1 << 20) + 1]);
    for (arguments, code, saying) in [
        (
            ["--rules", "regexp.toml"],
            1,
            "a regexp must not stand for more than 2000 characters",
        ),
        (
            ["--rules", "stars.toml"],
            1,
            "a wildcard must not have more than 16 stars",
        ),
        (
            ["--rules", "long.toml"],
            1,
            "long.toml: has more than 1048576 bytes",
        ),
        (
            ["--jobs", "257"],
            2,
            "expected a number of files from 1 to 256",
        ),
    ] {
        let ran = folder.run(&["scan", arguments[0], arguments[1], "in.jsonl"]);
        ran.fails(code, saying);
    }
}

#[test]
fn a_bad_record_costs_itself_and_its_neighbours_count() {
    let text = |length: usize| [&b"\""[..], &vec![b'x'; length], b"\""].concat();
    for (what, bad, expected) in [
        (
            "an invalid UTF-8 byte",
            with_raw(b"\"\xff\xfe\""),
            "clustered",
        ),
        ("a lone surrogate", with_raw(br#""\ud800""#), "clustered"),
        (
            "a lone surrogate in a field that is read",
            with_field(b"\"userAgent\":", br#""\ud800 x""#),
            "clustered",
        ),
        (
            "a raw control character",
            with_raw(b"\"\x01\""),
            "quarantined not_json",
        ),
        (
            "a raw control character in a field that is read",
            with_field(b"\"userAgent\":", b"\"\x1b[31m\""),
            "quarantined not_json",
        ),
        ("a NUL", with_raw(b"\"\0\""), "quarantined not_json"),
        (
            "an escaped NUL",
            with_field(b"\"userAgent\":", br#""\u0000""#),
            "clustered",
        ),
        (
            "a key twice",
            with_field(b"\"errorCode\":", b"\"NoSuchBucket\""),
            "clustered",
        ),
        ("256 KB", with_raw(&text(256 << 10)), "clustered"),
        ("1 MB", with_raw(&text(1 << 20)), "clustered"),
        ("3 MiB", with_raw(&text(3 << 20)), "quarantined oversize"),
    ] {
        becomes(what, bad, expected);
    }
}

#[test]
fn what_is_no_record_is_quarantined_alone() {
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        with_raw(format!("{open}{close}").as_bytes())
    };
    for (what, bad, expected) in [
        ("no JSON", b"nonsense".to_vec(), "quarantined not_json"),
        ("a number", b"17".to_vec(), "quarantined not_an_object"),
        ("a text", b"\"text\"".to_vec(), "quarantined not_an_object"),
        ("null", b"null".to_vec(), "quarantined not_an_object"),
        ("NaN", with_raw(b"NaN"), "quarantined not_json"),
        ("Infinity", with_raw(b"-Infinity"), "quarantined not_json"),
        ("1e999", with_raw(b"1e999"), "clustered"),
        ("40 digits", with_raw(&[b'7'; 40]), "clustered"),
        ("depth 100", deep(100), "clustered"),
        ("depth 120", deep(120), "clustered"),
        ("depth 200", deep(200), "clustered"),
        ("depth 100 000", deep(100_000), "clustered"),
        (
            "version 2",
            denied(3, json!({"eventVersion": "2.0"})).to_string().into(),
            "quarantined unknown_version",
        ),
        (
            "an empty object",
            b"{}".to_vec(),
            "not selected not_an_api_event",
        ),
    ] {
        becomes(what, bad, expected);
    }
}

#[test]
fn a_line_that_was_not_written_to_its_end_costs_itself() {
    let (first, last) = (denied(1, json!({})), denied(2, json!({})));
    let folder = Folder::with_lines(format!("{first}\n{{\"eventID\":\"x\",\n{last}\n"));
    let scan = folder.scan(&["trail.jsonl"], 0);
    assert_eq!(outcome_of(&scan), "quarantined not_json");
}

#[test]
fn an_array_on_a_line_holds_records_of_its_own() {
    let (one, two) = (denied(1, json!({})), denied(2, json!({})));
    let folder = Folder::with_lines(format!("[{one},{two}]\n{}\n", denied(3, json!({}))));
    assert_eq!(folder.scan(&["trail.jsonl"], 0)["records"]["clustered"], 3);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let records = [denied(1, json!({})), denied(2, json!({}))];
    let folder = Folder::with_lines(format!("\u{feff}{}", lines(&records)));
    folder.write(
        "trail.json",
        format!("\u{feff}{}", json!({"Records": records})),
    );
    for name in ["trail.jsonl", "trail.json"] {
        assert_eq!(folder.scan(&[name], 0)["records"]["clustered"], 2, "{name}");
    }
}

#[test]
fn unusual_fields_are_absent_except_errors_and_the_record_still_counts() {
    let deny = |field: &str, value: Value| denied(3, json!({field: value}));
    let only = |field: &str, value: Value| {
        record(json!({"eventID": id(3), "eventSource": "s3.amazonaws.com", field: value}))
    };
    let cases = [
        (only("errorMessage", json!(null)), "not selected no_error"),
        (only("errorMessage", json!(17)), "clustered"),
        (only("errorMessage", json!({"text": "no"})), "clustered"),
        (only("errorMessage", json!(["no"])), "clustered"),
        (only("errorMessage", json!("")), "not selected no_error"),
        (only("errorCode", json!(403)), "clustered"),
        (only("errorCode", json!({"code": "X"})), "clustered"),
        (only("errorMessage", json!("no")), "clustered"),
        (deny("errorMessage", json!(null)), "clustered"),
        (deny("errorMessage", json!(17)), "clustered"),
        (deny("errorMessage", json!({"text": "no"})), "clustered"),
        (deny("errorMessage", json!(["no"])), "clustered"),
        (only("errorCode", json!("")), "not selected no_error"),
        (only("errorCode", json!(null)), "not selected no_error"),
        (only("errorCode", json!("X".repeat(4096))), "clustered"),
        (only("errorCode", json!("*")), "clustered"),
        (
            only("errorCode", json!("Client.DryRunOperation")),
            "ignored",
        ),
        (denied(3, json!({"eventID": null})), "clustered"),
        (deny("eventID", json!("not a UUID")), "clustered"),
        (deny("eventID", json!("")), "clustered"),
        (deny("eventID", json!(7)), "clustered"),
        // The ID of the record before, with other content.
        (denied(1, json!({"errorCode": "SlowDown"})), "duplicate"),
        (deny("eventTime", json!(null)), "clustered"),
        (deny("eventTime", json!("")), "clustered"),
        (deny("eventTime", json!("2026-13-45")), "clustered"),
        (
            deny("eventTime", json!("2036-11-02T08:00:00Z")),
            "clustered",
        ),
        (
            deny("eventTime", json!("2006-11-02T08:00:00Z")),
            "clustered",
        ),
        (deny("eventTime", json!(1.5e308)), "clustered"),
        (deny("userIdentity", json!("root")), "clustered"),
        (deny("userIdentity", json!(null)), "clustered"),
        (
            deny(
                "requestParameters",
                json!({"omitted": true, "originalSize": 123_456}),
            ),
            "clustered",
        ),
        (deny("omitted", json!(true)), "clustered"),
        (
            deny(
                "userIdentity",
                json!({"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            ),
            "clustered",
        ),
        (
            only("eventSource", json!(null)),
            "not selected not_an_api_event",
        ),
    ];
    for (record, expected) in cases {
        becomes(&record.to_string(), record.to_string(), expected);
    }
}

#[test]
fn every_version_1_is_read_alike() {
    let records: Vec<Value> = (2..=11)
        .map(|minor| denied(minor, json!({"eventVersion": format!("1.{minor:02}")})))
        .collect();
    let scan = Folder::with_lines(lines(&records)).scan(&["trail.jsonl"], 0);
    assert_eq!(scan["records"]["clustered"], 10);
    assert_eq!(scan["clusters"].as_array().unwrap().len(), 1);
}

#[test]
fn records_without_an_id_count_once_each_and_their_copies_not_at_all() {
    let mut records: Vec<Value> = (0..3)
        .map(|minute| {
            denied(
                1,
                json!({"eventTime": format!("2026-11-02T08:0{minute}:00Z")}),
            )
        })
        .collect();
    for record in &mut records {
        record.as_object_mut().unwrap().remove("eventID");
    }
    records.push(records[0].clone());
    let scan = Folder::with_lines(lines(&records)).scan(&["trail.jsonl"], 0);
    assert_eq!(scan["records"]["clustered"], 3);
    assert_eq!(scan["records"]["duplicate"], 1);
}

#[test]
fn a_time_that_cannot_be_leaves_the_event_undated() {
    for (time, seen) in [
        (json!(null), json!(null)),
        (json!(""), json!(null)),
        (json!("2026-13-45"), json!(null)),
        (json!("1994-11-02T08:00:00Z"), json!(null)),
        (json!("2036-11-02T08:00:00Z"), json!("2036-11-02T08:00:00Z")),
        (json!("2006-11-02T08:00:00Z"), json!("2006-11-02T08:00:00Z")),
        (
            json!("2026-11-02T09:00:00+01:00"),
            json!("2026-11-02T08:00:00Z"),
        ),
    ] {
        let folder = Folder::with_lines(lines(&[denied(1, json!({"eventTime": time}))]));
        let cluster = &folder.scan(&["trail.jsonl"], 0)["clusters"][0];
        assert_eq!(cluster["first_seen"], seen, "{time}");
        assert_eq!(cluster["last_seen"], seen, "{time}");
        let table = folder.run(&["scan", "trail.jsonl"]).printed();
        assert_eq!(table.contains("undated"), seen.is_null(), "{table}");
    }
}

#[test]
fn a_sign_in_that_failed_needs_no_code_and_keeps_no_name() {
    let sign_in = record(json!({
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "eventType": "AwsConsoleSignIn",
        "userIdentity": {"type": "IAMUser", "accountId": "111122223333", "accessKeyId": "",
            "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "errorMessage": "No username found in supplied account",
        "responseElements": {"ConsoleLogin": "Failure"},
    }));
    let mut quiet = sign_in.clone();
    quiet["eventID"] = json!(id(2));
    quiet.as_object_mut().unwrap().remove("errorMessage");
    let folder = Folder::with_lines(lines(&[sign_in, quiet]));
    let scan = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    assert_eq!(scan["records"]["clustered"], 2);
    for cluster in scan["clusters"].as_array().unwrap() {
        assert_eq!(cluster["class"], "signin");
    }
    assert_absent(&folder, "HIDDEN_DUE");
}

/// Asserts that a text is in no output and in no store after a scan of `trail.jsonl`.
fn assert_absent(folder: &Folder, secret: &str) {
    let mut printed = Vec::new();
    for arguments in [
        &["scan", "--db", "secret.db", "trail.jsonl"][..],
        &["scan", "--format", "json", "trail.jsonl"],
        &["explain", "trail.jsonl"],
        &["explain", "--format", "jsonl", "trail.jsonl"],
        &["top", "--by", "event", "trail.jsonl"],
        &["top", "--by", "code", "trail.jsonl"],
        &["top", "--by", "principal", "trail.jsonl"],
        &["top", "--by", "key", "--format", "json", "trail.jsonl"],
    ] {
        let Ran { stdout, stderr, .. } = folder.run(arguments);
        printed.push((format!("{arguments:?}"), stdout + &stderr));
    }
    for name in ["secret.db", "secret.db-wal"] {
        if let Ok(bytes) = fs::read(folder.path(name)) {
            printed.push((
                name.to_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
    for (what, text) in printed {
        let found = text.find(secret).map(|at| {
            let begin = text[..at]
                .char_indices()
                .rev()
                .nth(60)
                .map_or(0, |(at, _)| at);
            text[begin..].chars().take(160).collect::<String>()
        });
        assert_eq!(found, None, "{what} holds {secret}");
    }
}

#[test]
fn secrets_in_messages_are_neither_printed_nor_kept() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAlRuRnThUjU8\n-----END RSA PRIVATE KEY-----";
    for (message, secret) in [
        (format!("The key {key} is no good"), key),
        (format!("The secret {secret_key} is no good"), secret_key),
        (format!("Token {jwt} has expired"), &jwt[..30]),
        (format!("Cannot parse {pem}"), "MIIEowIBAAKCAQEA"),
        (
            "Login failed for password=hunter2horse, user mia".to_owned(),
            "hunter2horse",
        ),
        (
            "Authorization: Bearer abcdef0123456789abcdef".to_owned(),
            "abcdef0123456789abcdef",
        ),
    ] {
        // Both ways a template is used: to be shown only, and as a part of the identity.
        let records: Vec<Value> = ["AccessDenied", "ValidationException", "Strange"]
            .into_iter()
            .zip(1..)
            .map(|(code, number)| {
                denied(number, json!({"errorCode": code, "errorMessage": message}))
            })
            .collect();
        assert_absent(&Folder::with_lines(lines(&records)), secret);
    }
}

/// Texts that try to break out of their place: in line protocol, Markdown, HTML, CSV, headers, terminals.
pub const HOSTILE: [&str; 22] = [
    "\",x=1i 1\nfoo y=2",
    "ends in \\",
    "](http://evil.example)",
    "<!channel>",
    "@all",
    "\u{202e}desrever\u{202c} \u{2066}x\u{2069} \u{200b}\u{feff}",
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}a\u{30a}\u{30b}lgo",
    "mia\r\nSet-Cookie: x",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}2J",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "NUL \0 DEL \u{7f} BS \u{8}",
    "line\u{2028}paragraph\u{2029}end",
    "tags \u{e0041}\u{e0042}",
    "quote ' and \" and `; DROP TABLE event; --",
    "{\"cluster_id\": \"forged\"}",
    "| a | b |\n|---|---|",
    "<script>alert(1)</script>",
    "</style></title></pre><img src=x onerror=alert(1)>",
    "\"><a href=javascript:alert(1) onclick=\"alert(1)\">x</a>",
    "' autofocus onfocus='alert(1)",
    "<!-- --><![CDATA[ ]]><svg onload=alert(1)>",
    "&lt;b&gt; &#x3c;script&#62; &amp;amp;",
];

/// Returns failed calls with hostile text in each field that is read, in one or a few fields of a record.
pub fn hostile() -> Vec<Value> {
    let backticks = "`".repeat(1024);
    let mut number = 0;
    let mut records = Vec::new();
    for text in HOSTILE.iter().copied().chain([backticks.as_str()]) {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{text}/{text}");
        let session = json!({
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{text}"), "arn": arn,
            "accountId": text, "accessKeyId": text, "userName": text, "invokedBy": text,
            "sessionContext": {"sourceIdentity": text, "sessionIssuer":
                {"type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{text}"), "userName": text}},
        });
        for fields in [
            json!({"errorMessage": text}),
            json!({"errorMessage": format!("User: {arn} is not authorized to perform: s3:{text} on resource: {text}")}),
            json!({"errorCode": text, "errorMessage": text}),
            json!({"errorCode": "ValidationException", "errorMessage": text}),
            json!({"eventName": text}),
            json!({"eventSource": text}),
            json!({"eventSource": format!("{text}.amazonaws.com"), "eventType": text}),
            json!({"eventID": text}),
            json!({"eventTime": text, "awsRegion": text, "vpcEndpointId": text}),
            json!({"userAgent": text, "sourceIPAddress": text}),
            json!({"recipientAccountId": text, "userIdentity": session}),
            json!({"userIdentity": {"type": "IAMUser", "userName": text, "arn": text}}),
            json!({"requestParameters": {"bucketName": text, "key": text}, "resources":
                [{"ARN": format!("arn:aws:s3:::{text}"), "accountId": text, "type": text}]}),
        ] {
            number += 1;
            records.push(denied(number, fields));
        }
    }
    records
}

/// Returns sensitive calls with hostile text in whom they change, in their parameters and in their caller.
pub fn hostile_calls() -> Vec<Value> {
    let call = |(number, text): (u64, &&str)| {
        record(json!({
            "eventID": id(number), "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy",
            "readOnly": false, "userAgent": text,
            "userIdentity": {"type": "IAMUser", "userName": text, "arn": format!("arn:aws:iam::111122223333:user/{text}"),
                "accountId": "111122223333", "accessKeyId": text},
            "requestParameters": {"userName": text, "policyArn": text},
        }))
    };
    (5000..).zip(&HOSTILE).map(call).collect()
}

#[test]
fn hostile_text_in_any_field_counts_once_and_steers_nothing() {
    let records = hostile();
    let number = records.len() as u64;
    let folder = Folder::with_lines(lines(&records));
    // `Ran::of` checks the output of every run for control characters.
    let scan = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    assert_eq!(scan["records"]["clustered"], number);
    let again = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    assert_eq!(again["clusters"], scan["clusters"]);
    folder
        .run(&["scan", "--limit", "0", "trail.jsonl"])
        .printed();
    folder.run(&["explain", "trail.jsonl"]).printed();
    let explained = folder
        .run(&["explain", "--format", "jsonl", "trail.jsonl"])
        .printed();
    assert_eq!(explained.lines().count() as u64, number);
    for line in explained.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        each_text(&line, &mut |text| {
            assert!(!text.contains(char::is_control), "{text:?}");
        });
    }
    for by in BY {
        for format in ["table", "json"] {
            let arguments = [
                "top", "--limit", "0", "--by", by, "--format", format, "--db", "x.db",
            ];
            folder.run(&arguments).printed();
        }
    }
}

#[test]
fn hostile_text_that_is_quarantined_is_not_repeated() {
    let folder = Folder::with_lines("{\"a\u{1b}[31m\": \u{1b}[2J}\n\u{1b}]0;x\u{7}\n");
    let scan = folder.run(&["scan", "--format", "json", "trail.jsonl"]);
    assert!(
        !scan.stderr.contains("[31m") && !scan.stderr.contains("[2J"),
        "{scan:?}"
    );
}

#[test]
fn an_escape_sequence_in_a_name_is_not_printed_raw() {
    let folder = Folder::new();
    let evil = "\u{1b}[31mevil\u{202e}";
    folder.write(format!("in/{evil}.jsonl"), "nonsense\n");
    folder.write(format!("in/{evil}.json"), "nonsense");
    folder
        .run(&["scan", "in"])
        .fails(1, "evil.json: no CloudTrail records");
    folder
        .run(&["explain", "in"])
        .fails(1, "evil.json: no CloudTrail records");
    folder
        .run(&["scan", evil])
        .fails(1, "no such file or folder");
    folder.run(&["top", "--db", evil]).fails(1, "no such file");
    let notes = format!("{evil}.txt");
    folder.write(&notes, "x".repeat(10_000));
    folder
        .run(&["top", "--db", &notes])
        .fails(1, "not a cloudtrail-inspector store");
    folder
        .run(&["scan", "--db", &notes, "in"])
        .fails(1, "not a cloudtrail-inspector store");
    folder
        .run(&["generate", "--hours", "1", "--events-per-hour", "1", evil])
        .printed();
    folder
        .run(&["scan", "--db", &format!("{evil}.gone/x.db"), "in"])
        .fails(1, "the store is not available");
    folder
        .run(&["generate", &notes])
        .fails(1, "cannot be written");
    folder
        .run(&["scan", &format!("{evil}/AWSLogs/999999999999")])
        .fails(1, "no such file or folder");
    folder.write(format!("empty {evil}/x.txt"), "");
    folder.write(format!("empty {evil}/x.md"), "");
    folder
        .run(&["scan", &format!("empty {evil}")])
        .fails(1, "2 files were not read: 1 .md, 1 .txt");
}

#[test]
fn a_folder_without_trail_files_says_what_was_looked_for() {
    let folder = Folder::new();
    folder.write("in/notes.md", "nothing");
    folder.run(&["scan", "in"]).fails(
        1,
        "no CloudTrail files found in in; names of trail files end in .json, .json.gz, .jsonl, .jsonl.gz, .ndjson, \
         .ndjson.gz; 1 file was not read: 1 .md",
    );
}

#[test]
fn a_path_that_does_not_exist_fails() {
    let folder = Folder::new();
    for command in ["scan", "explain", "top"] {
        folder
            .run(&[command, "nowhere"])
            .fails(1, "nowhere: no such file or folder; check the path");
    }
}

/// Returns a folder `in` with one good file.
fn one_good_file() -> Folder {
    let folder = Folder::new();
    folder.write("in/good.jsonl", lines(&[denied(1, json!({}))]));
    folder
}

/// Asserts that the scan of the folder `in` fails for the file `name`, and that the good file still counts.
#[track_caller]
fn fails_alone(folder: &Folder, name: &str, saying: &str) {
    let ran = folder.run(&["scan", "--format", "json", "in"]);
    ran.fails(1, saying);
    let scan = ran.json();
    assert_eq!(
        scan["files"]["failed"].as_array().unwrap().len(),
        1,
        "{scan}"
    );
    let failed = &scan["files"]["failed"][0];
    assert_eq!(failed["file"], format!("in/{name}"));
    assert!(
        failed["error"].as_str().unwrap().contains(saying),
        "{failed}"
    );
    assert_eq!(scan["records"]["clustered"], 1, "{scan}");
    let table = folder.run(&["scan", "in"]);
    table.fails(1, saying);
    assert!(
        table.stdout.contains("1 input could not be read"),
        "{table:?}"
    );
    folder.run(&["explain", "in"]).fails(1, saying);
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_fails_alone() {
    let folder = one_good_file();
    std::os::unix::fs::symlink("gone.jsonl", folder.path("in/link.jsonl")).unwrap();
    fails_alone(&folder, "link.jsonl", "No such file");
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_fails_alone() {
    let folder = one_good_file();
    std::os::unix::fs::symlink("..", folder.path("in/loop")).unwrap();
    // The parent is no ancestor of the walk's root, but from there the way leads back.
    let ran = folder.run(&["scan", "--format", "json", "in"]);
    ran.fails(1, "loop");
    assert_eq!(ran.json()["records"]["clustered"], 1);
    let folder = one_good_file();
    std::os::unix::fs::symlink(".", folder.path("in/loop")).unwrap();
    fails_alone(&folder, "loop", "loop");
}

#[test]
fn damaged_gzip_fails_alone() {
    let content = lines(&[denied(2, json!({})), denied(3, json!({}))]);
    let whole = gzip(content.as_bytes());
    let mut checksum = whole.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    let mut size = whole.clone();
    *size.last_mut().unwrap() ^= 1;
    let garbage = [&whole[..], b"trailing garbage"].concat();
    let half = whole[..whole.len() / 2].to_vec();
    for (what, bytes) in [
        ("half", half),
        ("without its end", whole[..whole.len() - 4].to_vec()),
        ("another checksum", checksum),
        ("another size", size),
        ("trailing garbage", garbage),
        ("only a header", whole[..10].to_vec()),
    ] {
        let folder = one_good_file();
        let name = format!("{what}.jsonl.gz");
        folder.write(format!("in/{name}"), bytes);
        fails_alone(&folder, &name, "the gzip data is damaged or incomplete");
    }
    let folder = one_good_file();
    folder.write("in/two.jsonl.gz", [whole.clone(), gzip(b"\n")].concat());
    assert_eq!(folder.scan(&["in"], 0)["records"]["clustered"], 3);
}

#[test]
fn what_is_neither_json_nor_gzip_fails_alone() {
    for (content, saying) in [
        (
            &b"BZh91AY&SY not for us"[..],
            "bzip2 data is not read; unpack it first: bunzip2 -k in/bad.json",
        ),
        (
            b"\x28\xb5\x2f\xfd zstd",
            "the Zstandard data is damaged or incomplete",
        ),
        (
            b"<html>403</html>",
            "no CloudTrail records: expected JSON, found XML or HTML at byte 0",
        ),
        (b"", "the input is empty"),
        (b" \n\n ", "the input is empty"),
    ] {
        let folder = one_good_file();
        folder.write("in/bad.json", content);
        fails_alone(&folder, "bad.json", saying);
    }
}

#[test]
fn an_input_without_any_event_is_an_error_that_says_what_it_looks_like() {
    for (content, likeness) in [
        (
            json!({"events": [{"message": "{\"a\":1}", "timestamp": 1}], "searchedLogStreams": []}),
            "an object with the members a",
        ),
        (
            json!({"Records": [{"kinesis": {"data": "eyJhIjoxfQ==", "partitionKey": "1"},
                "eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventVersion": "1.0"}]}),
            "an object with the members a",
        ),
        (
            json!({"Records": [{"kinesis": {}, "eventSource": "aws:kinesis",
                "eventName": "aws:kinesis:record", "eventVersion": "1.0"}]}),
            "an object without members",
        ),
        (
            json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "eventVersion": "2.1", "s3": {}}]}),
            "an event notification of S3",
        ),
        (json!(["a", "b"]), "strings instead of records"),
        (
            json!({"name": "x", "version": 1}),
            "an object with the members name, version",
        ),
        (json!({}), "an object without members"),
    ] {
        let folder = one_good_file();
        folder.write("in/bad.json", content.to_string());
        fails_alone(&folder, "bad.json", likeness);
    }
}

#[test]
fn an_input_without_failures_or_of_another_kind_of_cloudtrail_is_no_error() {
    let insight = json!({"eventType": "AwsCloudTrailInsight", "insightDetails": {}});
    let call = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com", "eventVersion": "1.11"});
    for content in [
        json!({"Records": []}),
        json!({"Records": [call]}),
        json!({"Records": [insight]}),
        json!({"awsAccountId": "111122223333", "digestEndTime": "2026-11-02T08:00:00Z"}),
        json!({"Records": [call, {"hello": "world"}]}),
        json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
            "logStream": "", "subscriptionFilters": [], "logEvents": []}),
    ] {
        let folder = Folder::new();
        folder.write("good.json", content.to_string());
        let scan = folder.scan(&["good.json"], 0);
        assert_eq!(scan["files"]["failed"], json!([]), "{content}");
    }
}

#[test]
fn a_trail_file_that_ends_early_keeps_what_was_whole() {
    let (one, two) = (
        denied(1, json!({})).to_string(),
        denied(2, json!({})).to_string(),
    );
    let folder = Folder::new();
    folder.write(
        "cut.json",
        format!("{{\"Records\":[{one},{}", &two[..two.len() / 2]),
    );
    let scan = folder.scan(&["cut.json"], 0);
    assert_eq!(scan["records"]["clustered"], 1);
    assert_eq!(scan["quarantined"][0]["reason"], "truncated");
}

/// Measures the memory of runs. The peak that `wait4` returns for a child includes its parent's memory before `exec`.
/// So the peak is read from `/proc` at a certain moment: the output is larger than a pipe, so a child whose first byte
/// has arrived is blocked until the rest is read.
#[cfg(target_os = "linux")]
mod memory {
    use std::fs::{self, File};
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use demo::{Plan, trail};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::Value;

    use crate::binary::Folder;

    const MIB: u64 = 1 << 20;

    /// Returns the peak resident memory in bytes, and what was printed.
    fn peak(mut command: Command) -> (u64, Value) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut printed = vec![0];
        stdout.read_exact(&mut printed).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .unwrap_or_else(|| panic!("no peak in {status}"));
        let peak: u64 = peak.trim().parse().unwrap();
        stdout.read_to_end(&mut printed).unwrap();
        child.wait().unwrap();
        assert!(printed.len() > 128 << 10, "too little to hold the child");
        (peak * 1024, serde_json::from_slice(&printed).unwrap())
    }

    fn small() -> String {
        let plan = Plan {
            hours: 1,
            events_per_hour: 300,
            ..Plan::default()
        };
        let records = trail(&plan).files.into_iter().flat_map(|file| file.records);
        records.map(|record| record + "\n").collect()
    }

    const SCAN: [&str; 3] = ["scan", "--format", "json"];

    #[test]
    fn a_gzip_bomb_is_refused_in_little_memory() {
        let folder = Folder::new();
        folder.write("small.jsonl", small());
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1 << 20];
        bomb.write_all(b"{\"Records\":[").unwrap();
        for _ in 0..300 {
            bomb.write_all(&zeros).unwrap();
        }
        let spaces = bomb.finish().unwrap();
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(b"{\"Records\":[{\"eventName\":\"").unwrap();
        let letters = vec![b'x'; 1 << 20];
        for _ in 0..300 {
            bomb.write_all(&letters).unwrap();
        }
        let one_text = bomb.finish().unwrap();
        assert!(spaces.len() < 1 << 20);
        folder.write("spaces.json.gz", spaces);
        folder.write("text.json.gz", one_text);
        let (base, scan) = peak(folder.command(&[&SCAN[..], &["small.jsonl"]].concat()));
        assert_eq!(scan["files"]["failed"].as_array().unwrap().len(), 0);
        for name in ["spaces.json.gz", "text.json.gz"] {
            let (peak, scan) = peak(folder.command(&[&SCAN[..], &["small.jsonl", name]].concat()));
            let error = scan["files"]["failed"][0]["error"].as_str().unwrap();
            assert!(
                error.contains("inflates to more than 268435456 bytes"),
                "{error}"
            );
            assert!(error.contains("unpack and split it first"), "{error}");
            assert!(
                peak <= base + 16 * MIB,
                "{name}: {} KiB over {}",
                (peak - base) >> 10,
                base >> 10
            );
        }
    }

    #[test]
    fn a_bomb_within_a_payload_is_refused_in_little_memory() {
        let folder = Folder::new();
        folder.write("small.jsonl", small());
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(br#"{"messageType":"DATA_MESSAGE","logEvents":["#)
            .unwrap();
        let spaces = vec![b' '; 1 << 20];
        for _ in 0..300 {
            bomb.write_all(&spaces).unwrap();
        }
        let data = STANDARD.encode(bomb.finish().unwrap());
        let payload = serde_json::json!({"awslogs": {"data": data}});
        folder.write("payload.json", payload.to_string());
        let (base, _) = peak(folder.command(&[&SCAN[..], &["small.jsonl"]].concat()));
        let arguments = [&SCAN[..], &["small.jsonl", "payload.json"]].concat();
        let (peak, scan) = peak(folder.command(&arguments));
        let error = scan["files"]["failed"][0]["error"].as_str().unwrap();
        assert!(error.contains("inflates to more than"), "{error}");
        assert!(peak <= base + 16 * MIB, "{} KiB", peak >> 10);
    }

    #[test]
    fn nesting_without_end_takes_little_memory() {
        let folder = Folder::new();
        folder.write("small.jsonl", small());
        folder.write("lists.json", "[".repeat(20 << 20));
        folder.write("objects.json", "{\"a\":".repeat(4 << 20));
        let (base, _) = peak(folder.command(&[&SCAN[..], &["small.jsonl"]].concat()));
        for name in ["lists.json", "objects.json"] {
            let (peak, scan) = peak(folder.command(&[&SCAN[..], &["small.jsonl", name]].concat()));
            let last = scan["quarantined"].as_array().unwrap().last().unwrap();
            assert_eq!(
                (&last["file"], &last["reason"]),
                (&name.into(), &"truncated".into())
            );
            assert!(peak <= base + 16 * MIB, "{name}: {} KiB", peak >> 10);
        }
    }

    #[test]
    fn a_sparse_file_of_3_gb_is_refused_at_once() {
        let folder = Folder::new();
        folder.write("small.jsonl", small());
        File::create(folder.path("zeros.json"))
            .unwrap()
            .set_len(3_000_000_000)
            .unwrap();
        File::create(folder.path("zeros.jsonl"))
            .unwrap()
            .set_len(3_000_000_000)
            .unwrap();
        let (base, _) = peak(folder.command(&[&SCAN[..], &["small.jsonl"]].concat()));
        for name in ["zeros.json", "zeros.jsonl"] {
            let (peak, scan) = peak(folder.command(&[&SCAN[..], &["small.jsonl", name]].concat()));
            let error = scan["files"]["failed"][0]["error"].as_str().unwrap();
            assert!(
                error.contains("no CloudTrail records: expected JSON, found binary data at byte 0"),
                "{error}"
            );
            assert!(
                peak <= base + 4 * MIB,
                "{name}: {} KiB over {}",
                (peak - base) >> 10,
                base >> 10
            );
        }
    }

    #[test]
    fn a_long_trail_file_takes_less_memory_than_it_is_long() {
        let plan = Plan {
            hours: 45,
            events_per_hour: 1000,
            ..Plan::default()
        };
        let records: Vec<String> = trail(&plan)
            .files
            .into_iter()
            .flat_map(|file| file.records)
            .collect();
        let long = format!("{{\"Records\":[{}]}}", records.join(","));
        let size = long.len() as u64;
        assert!(size > 45 * MIB, "{size}");
        let folder = Folder::new();
        folder.write("long.json", long);
        for arguments in [&["long.json"][..], &["--db", "x.db", "long.json"]] {
            let (peak, scan) = peak(folder.command(&[&SCAN[..], arguments].concat()));
            assert_eq!(scan["records"]["read"], records.len());
            // Memory is needed for failed calls only, not for all records read. The program itself is large, because
            // tests are not optimised and it has tables of AWS's actions, codes and words.
            assert!(
                peak <= 50 * MIB,
                "{arguments:?}: {} KiB of {}",
                peak >> 10,
                size >> 10
            );
        }
    }
}
