//! The command line as its users see it: arguments, output, exit codes, and the formats that scripts rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use demo::{Demo, Plan, TrailFile, payload, trail};
use expect_test::expect;
use records::time::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sqlite::SCHEMA_VERSION;

use crate::binary::Folder;
use crate::payloads::gzip;
use crate::records::{ACCOUNT, id, lines, record};

/// A small trail, the same for all tests.
static DEMO: LazyLock<Demo> = LazyLock::new(|| {
    trail(&Plan {
        seed: 5,
        hours: 6,
        events_per_hour: 400,
        ..Plan::default()
    })
});

/// Wraps the records of the demo trail as subscription payloads, one payload for each file.
fn payloads(keep: impl Fn(&str) -> bool) -> Vec<String> {
    let wrap = |file: &TrailFile| {
        let mut parts = file.name.split('/').skip(1);
        let (account, region) = (parts.next().unwrap(), parts.nth(1).unwrap());
        let records: Vec<String> = file.records.iter().filter(|r| keep(r)).cloned().collect();
        payload(account, region, &records)
    };
    DEMO.files.iter().map(wrap).collect()
}

/// Checks whether a record means the same in a file and in a payload. A record without a time does not: in a payload it
/// gets the time of the log event.
fn is_dated(record: &str) -> bool {
    !record.contains("\"eventTime\":null")
}

/// Returns a folder with the demo trail under `in`.
fn demo() -> Folder {
    let folder = Folder::new();
    for file in &DEMO.files {
        folder.write(format!("in/{}", file.name), file.gzip());
    }
    folder
}

/// Returns four failed calls of two kinds and one successful call, few enough to check the output by eye.
fn few() -> Vec<Value> {
    let denied = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: \
        s3:GetObject on resource: arn:aws:s3:::shop-logs/2026.gz because no identity-based \
        policy allows the s3:GetObject action";
    let mut records: Vec<Value> = (0..3)
        .map(|minute| {
            record(json!({
                "eventID": id(minute + 1),
                "eventTime": format!("2026-11-02T08:0{minute}:00Z"),
                "errorCode": "AccessDenied",
                "errorMessage": denied,
                "requestParameters": {"bucketName": "shop-logs", "key": "2026.gz"},
            }))
        })
        .collect();
    records.push(record(json!({
        "eventID": id(11),
        "eventSource": "dynamodb.amazonaws.com",
        "eventName": "PutItem",
        "errorCode": "ThrottlingException",
        "errorMessage": "Rate exceeded",
        "readOnly": false,
    })));
    records.push(record(
        json!({"eventID": id(12), "eventName": "ListBuckets"}),
    ));
    records
}

/// Returns the names of an object's fields, sorted.
fn keys(value: &Value) -> String {
    let names: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.join(" ")
}

#[test]
fn help_of_each_command_has_examples() {
    let folder = Folder::new();
    let help = folder.run(&["--help"]).printed();
    for command in [
        "scan",
        "explain",
        "top",
        "notify",
        "generate",
        "completions",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{help}");
        let help = folder.run(&[command, "--help"]).printed();
        let example = format!("\n  cloudtrail-inspector {command} ");
        let piped = format!("| cloudtrail-inspector {command}");
        assert!(help.contains("Examples:"), "{help}");
        assert!(help.contains(&example) || help.contains(&piped), "{help}");
    }
    assert_eq!(
        folder.run(&["--version"]).printed(),
        format!(
            "cloudtrail-inspector {}\nstore format {SCHEMA_VERSION}, identity version fp2\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let folder = Folder::with_lines(lines(&few()));
    for (arguments, saying) in [
        (&[][..], "Usage: cloudtrail-inspector <COMMAND>"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["scan"], "no path given, and nothing is piped"),
        (
            &["scan", "--bogus", "trail.jsonl"],
            "unexpected argument '--bogus'",
        ),
        (
            &["scan", "--format", "xml", "trail.jsonl"],
            "possible values: table, json",
        ),
        (&["scan", "--limit=-1", "trail.jsonl"], "invalid digit"),
        (
            &["scan", "--inflated-mib-max", "x", "trail.jsonl"],
            "invalid digit",
        ),
        (
            &["explain", "--format", "json", "trail.jsonl"],
            "possible values: text, jsonl",
        ),
        (&["top"], "no path given, and nothing is piped"),
        (
            &["top", "--by", "mood", "trail.jsonl"],
            "possible values: cluster, event, code, principal, key, source-ip, account",
        ),
        (&["generate"], "required arguments were not provided"),
        (&["generate", "--hours", "0", "x"], "0 is not in 1..=8760"),
        (&["completions", "cmd"], "possible values: bash"),
    ] {
        folder.run(arguments).fails(2, saying);
    }
}

#[test]
fn any_number_for_a_limit_is_taken_at_its_word() {
    let folder = demo();
    // Shifted to bytes, this one is 0 in 64 bits.
    let scan = folder.scan(&["--inflated-mib-max", "17592186044416", "in"], 0);
    assert_eq!(scan["records"]["read"], DEMO.truth.records);
    let none = folder.run(&["scan", "--format", "json", "--inflated-mib-max", "0", "in"]);
    none.fails(1, "inflates to more than 0 bytes");
    assert_eq!(none.json()["records"]["read"], 0);
}

#[test]
fn the_json_of_a_scan_keeps_its_shape() {
    let scan = demo().scan(&["in"], 0);
    assert_eq!(
        keys(&scan),
        "clusters files incidents quarantined records sensitive_calls"
    );
    assert_eq!(
        keys(&scan["records"]),
        "clustered duplicate ignored not_selected quarantined read selected unknown_codes unknown_denials"
    );
    assert_eq!(keys(&scan["files"]), "failed read skipped");
    let clusters = scan["clusters"].as_array().unwrap();
    let order: Vec<_> = clusters
        .iter()
        .map(|cluster| {
            let count = cluster["count"].as_u64().unwrap();
            (
                std::cmp::Reverse((count, cluster["last_seen"].as_str())),
                cluster["cluster_id"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    for cluster in clusters {
        assert_eq!(
            keys(cluster),
            "account_id class cluster_id count error_code event_name event_source facets first_seen hint identity last_seen samples severity severity_reasons status template"
        );
        let source = cluster["event_source"].as_str().unwrap();
        assert!(source.ends_with(".amazonaws.com"), "{source}");
        let (first, last) = (&cluster["first_seen"], &cluster["last_seen"]);
        for time in [first, last].into_iter().filter_map(Value::as_str) {
            assert!(Timestamp::parse(time).is_some_and(|parsed| parsed.to_string() == time));
            assert!(time.ends_with('Z') && time.len() == 20, "{time}");
        }
        assert!(first.as_str() <= last.as_str(), "{cluster}");
        assert!(!cluster["hint"].as_str().unwrap().is_empty());
        let severities = ["info", "warning", "error", "critical"];
        assert!(severities.contains(&cluster["severity"].as_str().unwrap()));
        for (kind, facet) in cluster["facets"].as_object().unwrap() {
            assert_eq!(keys(facet), "distinct values", "{kind}");
            for value in facet["values"].as_array().unwrap() {
                assert_eq!(keys(value), "count first_seen last_seen value");
            }
        }
        for sample in cluster["samples"].as_array().unwrap() {
            assert!(sample["requestParameters"].is_null() && sample["responseElements"].is_null());
        }
    }
}

#[test]
fn the_books_of_a_scan_agree_with_how_the_trail_was_made() {
    let scan = demo().scan(&["in"], 0);
    let truth = &DEMO.truth;
    let count = |name: &str| scan["records"][name].as_u64().unwrap();
    let not_selected = &scan["records"]["not_selected"];
    let reason = |name: &str| not_selected[name].as_u64().unwrap_or_default();
    assert_eq!(count("read"), truth.records);
    assert_eq!(count("quarantined"), truth.broken);
    assert_eq!(count("ignored"), truth.dry_runs);
    assert_eq!(reason("insight") + reason("digest"), truth.non_api);
    let outcomes = ["clustered", "duplicate", "ignored", "quarantined"].map(count);
    assert_eq!(count("selected"), outcomes.iter().sum::<u64>());
    let others: u64 = not_selected
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(count("read"), count("selected") + others);
    assert_eq!(
        scan["quarantined"].as_array().unwrap().len() as u64,
        truth.broken
    );
    assert_eq!(scan["files"]["read"], DEMO.files.len());
    assert!(count("duplicate") > 0, "the trail has duplicates");

    let clusters = scan["clusters"].as_array().unwrap();
    let events = |list: &str| -> u64 {
        let those = scan[list].as_array().unwrap().iter();
        those.filter_map(|of| of["count"].as_u64()).sum()
    };
    assert!(clusters.iter().all(|cluster| cluster["class"] != "watch"));
    // The trail names the sensitive calls of its script; its daily work has further ones.
    assert!(events("sensitive_calls") >= truth.watch_ids.len() as u64);
    assert_eq!(
        events("clusters"),
        truth.failing_ids.len() as u64 + truth.failing_without_id
    );
    assert_eq!(
        count("clustered"),
        events("clusters") + events("sensitive_calls")
    );

    let storm = &truth.storm;
    let found: BTreeMap<String, u64> = clusters
        .iter()
        .filter(|cluster| {
            cluster["account_id"] == *storm.account_id
                && cluster["event_source"] == *storm.event_source
                && cluster["error_code"] == *storm.error_code
                && storm
                    .events
                    .contains_key(cluster["event_name"].as_str().unwrap())
        })
        .map(|cluster| {
            let name = cluster["event_name"].as_str().unwrap().to_owned();
            (name, cluster["count"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(found, storm.events);
}

#[test]
fn a_scan_prints_a_table_and_its_books() {
    let folder = Folder::with_lines(lines(&few()));
    let printed = folder.run(&["scan", "trail.jsonl"]).printed();
    expect![[r#"
        Clusters: calls that failed
        SEV      COUNT  LAST  STATUS  WHAT                                  WHO       RESOURCE                  ACCOUNT       CALLERS  FIRST  REGION        ID
        warning      3  0s    new     s3:GetObject AccessDenied             user/mia  arn:aws:s3:::shop-logs/*  111122223333        1  2m     eu-central-1  io7rmvgak6mj7aintxcmcszife
        info         1  2m    new     dynamodb:PutItem ThrottlingException  user/mia                            111122223333        1  2m     eu-central-1  6c56iapvu4rz4px6qqlfakhvni

        2 clusters: 1 warning, 1 info - as of 2026-11-02 08:02 UTC
        5 records read from 1 file
        Show one: cloudtrail-inspector clusters show io7r --db trail.db (scan with --db)
    "#]].assert_eq(&printed);
}

#[test]
fn a_table_fits_without_a_terminal_and_says_what_it_leaves_out() {
    let folder = demo();
    for arguments in [
        &["scan", "in"][..],
        &["scan", "--limit", "0", "in"],
        &["top", "in"],
    ] {
        let printed = folder.run(arguments).printed();
        for line in printed.lines() {
            assert!(line.chars().count() <= 200, "{line}");
        }
    }
    let clusters = folder.scan(&["in"], 0)["clusters"]
        .as_array()
        .unwrap()
        .len();
    let limited = folder.run(&["scan", "--limit", "3", "in"]).printed();
    assert!(
        limited.contains(&format!("… {} more; --limit 0 shows all", clusters - 3)),
        "{limited}"
    );
    assert!(
        !folder
            .run(&["scan", "--limit", "0", "in"])
            .printed()
            .contains("--limit 0")
    );
}

#[test]
fn colours_are_for_terminals_and_for_those_who_insist() {
    let folder = Folder::with_lines(lines(&few()));
    // Not through the harness, which refuses all escapes.
    let print = |variables: &[(&str, &str)]| {
        let mut command = folder.command(&["scan", "trail.jsonl"]);
        command.envs(variables.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let plain = print(&[]);
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(print(&[("NO_COLOR", "1")]), plain);
    assert_eq!(print(&[("NO_COLOR", "1"), ("CLICOLOR", "1")]), plain);
    assert!(print(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
}

#[test]
fn scanning_again_or_in_halves_changes_nothing() {
    let folder = demo();
    let at_once = folder.scan(&["in"], 0);
    let first = folder.scan(&["--db", "once.db", "in"], 0);
    assert_eq!(first, at_once);
    let again = folder.scan(&["--db", "once.db", "in"], 0);
    assert_eq!(again["records"]["clustered"], 0);
    assert_eq!(again["clusters"], at_once["clusters"]);

    let names: Vec<String> = DEMO
        .files
        .iter()
        .map(|file| format!("in/{}", file.name))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (one, other) = names.split_at(names.len() / 2);
    let mut clustered = 0;
    for half in [other, one] {
        let scan = folder.scan(&[&["--db", "halves.db"][..], half].concat(), 0);
        clustered += scan["records"]["clustered"].as_u64().unwrap();
    }
    assert_eq!(at_once["records"]["clustered"], clustered);
    let sum = folder
        .run(&["scan", "--format", "json", "--db", "halves.db", names[0]])
        .json();
    assert_eq!(sum["clusters"], at_once["clusters"]);
}

#[test]
fn a_scan_that_is_killed_and_repeated_equals_one_that_was_not() {
    let folder = demo();
    let uninterrupted = folder.scan(&["in"], 0);
    // Standard input is read between the files and never ends, so that the scan cannot finish.
    let names: Vec<String> = DEMO
        .files
        .iter()
        .map(|file| format!("in/{}", file.name))
        .collect();
    let (one, other) = names.split_at(names.len() / 2);
    let mut scan = folder
        .command(&["scan", "--db", "x.db"])
        .args(one)
        .arg("-")
        .args(other)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let held = scan.stdin.take();
    let events = || -> rusqlite::Result<u64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(folder.path("x.db"), flags)?;
        connection.query_row("SELECT count(*) FROM event", [], |row| {
            row.get::<_, i64>(0).map(i64::unsigned_abs)
        })
    };
    let begin = Instant::now();
    // Opening may fail at first: the file is created, then its schema, then the first commit is made.
    while events().unwrap_or_default() == 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "nothing was committed"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    scan.kill().unwrap();
    scan.wait().unwrap();
    drop(held);
    let kept = events().unwrap();
    let all = uninterrupted["records"]["clustered"].as_u64().unwrap();
    assert!((1..all).contains(&kept), "{kept} of {all}");
    let repeated = folder.scan(&["--db", "x.db", "in"], 0);
    assert_eq!(repeated["clusters"], uninterrupted["clusters"]);
    assert_eq!(repeated["records"]["clustered"], all - kept);
}

#[test]
fn a_store_that_is_not_ours_is_refused() {
    let folder = Folder::with_lines(lines(&few()));
    folder.scan(&["--db", "newer.db", "trail.jsonl"], 0);
    let connection = Connection::open(folder.path("newer.db")).unwrap();
    connection
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    drop(connection);
    folder.write("notes.txt", "x".repeat(10_000));
    let connection = Connection::open(folder.path("other.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE holiday (day TEXT)")
        .unwrap();
    drop(connection);
    for (name, saying) in [
        (
            "newer.db",
            "newer.db: the store has schema version 8, but this program supports versions up to 7; update",
        ),
        (
            "notes.txt",
            "notes.txt: this is not a cloudtrail-inspector store; choose another file",
        ),
        (
            "other.db",
            "other.db: this is not a cloudtrail-inspector store; choose another file",
        ),
        (
            "gone/x.db",
            "gone/x.db: the store is not available: unable to open database file",
        ),
    ] {
        folder
            .run(&["scan", "--db", name, "trail.jsonl"])
            .fails(1, saying);
    }
    folder
        .run(&["top", "--db", "nowhere.db"])
        .fails(1, "nowhere.db: no such file; create it with scan --db");
    assert!(!folder.path("nowhere.db").exists());
    // The error about a wrong path does not name the store.
    let ran = folder.run(&["scan", "--db", "x.db", "nowhere"]);
    ran.fails(1, "error: nowhere: no such file or folder");
}

#[test]
fn standard_input_takes_all_that_files_can_hold() {
    let folder = Folder::new();
    let records = || DEMO.files.iter().flat_map(|file| &file.records);
    let scan = |stdin: Vec<u8>| {
        let ran = folder.run_with(stdin, &["scan", "--format", "json", "-"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.json()
    };
    // Trail files, one after another.
    let files: Vec<u8> = DEMO.files.iter().flat_map(TrailFile::gzip).collect();
    let expected = scan(files);
    assert_eq!(expected["records"]["read"], DEMO.truth.records);
    // On a line of its own, an array is a list of records.
    let lines: String = records()
        .filter(|record| !record.starts_with('['))
        .map(|record| format!("{record}\n"))
        .collect();
    let arrays = records().filter(|record| record.starts_with('[')).count() as u64;
    let from_lines = scan(lines.clone().into());
    assert_eq!(from_lines["records"]["read"], DEMO.truth.records - arrays);
    assert_eq!(from_lines["clusters"], expected["clusters"]);
    assert_eq!(scan(gzip(&lines)), from_lines);
    // Payloads, one after another.
    let dated: String = records()
        .filter(|record| is_dated(record) && !record.starts_with('['))
        .map(|record| format!("{record}\n"))
        .collect();
    let payloads = scan(payloads(is_dated).join("\n").into());
    assert_eq!(payloads["clusters"], scan(dated.into())["clusters"]);
}

#[test]
fn a_folder_of_payloads_gives_the_clusters_of_the_trail() {
    let folder = Folder::new();
    for (number, (file, payload)) in DEMO.files.iter().zip(payloads(is_dated)).enumerate() {
        folder.write(format!("payloads/{number:05}.json"), payload);
        let mut file = file.clone();
        file.records.retain(|record| is_dated(record));
        folder.write(format!("in/{}", file.name), file.gzip());
    }
    let (files, payloads) = (folder.scan(&["in"], 0), folder.scan(&["payloads"], 0));
    assert_eq!(files["records"], payloads["records"]);
    assert_eq!(files["clusters"], payloads["clusters"]);
}

#[test]
fn an_explanation_names_the_service_between_the_caller_and_the_call() {
    let mut record = few().swap_remove(2);
    record["sourceIPAddress"] = json!("cloudformation.amazonaws.com");
    record["userIdentity"]["invokedBy"] = json!("cloudformation.amazonaws.com");
    let folder = Folder::with_lines(lines(&[record]));
    let printed = folder.run(&["explain", "trail.jsonl"]).printed();
    let caller =
        "principal       arn:aws:iam::111122223333:user/mia, via cloudformation.amazonaws.com\n";
    assert!(printed.contains(caller), "{printed}");
}

#[test]
fn an_explanation_says_why() {
    let folder = Folder::with_lines(lines(&few()[2..]));
    let printed = folder.run(&["explain", "trail.jsonl"]).printed();
    expect![[r#"
        event 00000000-0000-4000-8000-000000000003: selected, class denied
          cluster    io7rmvgak6mj7aintxcmcszife
                     account   111122223333
                     service   s3
                     action    GetObject
                     class     denied
                     code      Denied
          message    User: <*> is not authorized to perform: s3:GetObject on resource: <*> because no identity-based policy allows the s3:GetObject action
          severity   warning
                     access was denied
                     a long-term access key
          facets
                     access          read
                     access_key      AKIAEXAMPLEEXAMPLE01
                     caller_account  111122223333
                     error_code      AccessDenied
                     iam_action      s3:GetObject
                     layer           identity implicit
                     network         192.0.2.0/24
                     origin          sdk
                     principal       arn:aws:iam::111122223333:user/mia
                     principal_kind  user
                     region          eu-central-1
                     resource        arn:aws:s3:::shop-logs/*
                     source_ip       192.0.2.10
                     user_agent      Boto3/1.40.0
          hint       At least the policies of user/mia do not allow s3:GetObject on arn:aws:s3:::shop-logs/*. If the call is wanted, its owner adds it there; if it is new, find out what changed.

        event 00000000-0000-4000-8000-00000000000b: selected, class throttle
          cluster    6c56iapvu4rz4px6qqlfakhvni
                     account   111122223333
                     service   dynamodb
                     action    PutItem
                     class     throttle
                     code      Throttled
          message    Rate exceeded
          severity   info
                     too many requests at a time
          facets
                     access          write
                     access_key      AKIAEXAMPLEEXAMPLE01
                     caller_account  111122223333
                     error_code      ThrottlingException
                     iam_action      dynamodb:PutItem
                     network         192.0.2.0/24
                     origin          sdk
                     principal       arn:aws:iam::111122223333:user/mia
                     principal_kind  user
                     region          eu-central-1
                     source_ip       192.0.2.10
                     user_agent      Boto3/1.40.0
          hint       user/mia calls dynamodb:PutItem too often: spread the calls, cache what they read, or let the SDK retry adaptively; then ask for a higher rate.

        event 00000000-0000-4000-8000-00000000000c: no_error

    "#]].assert_eq(&printed);
}

#[test]
fn events_are_explained_one_a_line_in_order_with_their_reasons() {
    let mut records = few();
    records.push(record(
        json!({"eventID": id(21), "errorCode": "Client.DryRunOperation"}),
    ));
    records.push(json!({"eventID": id(22), "eventType": "AwsCloudTrailInsight"}));
    records.push(json!({"eventID": id(23), "digestS3Object": "x"}));
    records.push(json!({"eventID": id(24), "hello": "world"}));
    records.push(record(json!({"eventID": id(25), "eventVersion": "2.0"})));
    let folder = Folder::with_lines(lines(&records) + "nonsense\n");
    let printed = folder
        .run(&["explain", "--format", "jsonl", "trail.jsonl"])
        .printed();
    let explained: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let short: Vec<Value> = explained
        .iter()
        .map(|line| {
            json!([
                line["event_id"],
                line["selected"],
                line["class"],
                line["reason"]
            ])
        })
        .collect();
    let mut expected: Vec<Value> = (1..=3)
        .map(|number| json!([id(number), true, "denied", null]))
        .collect();
    expected.extend([
        json!([id(11), true, "throttle", null]),
        json!([id(12), false, null, "no_error"]),
        json!([id(21), true, "dryrun", "ignored: dry_run"]),
        json!([id(22), false, null, "insight"]),
        json!([id(23), false, null, "digest"]),
        json!([id(24), false, null, "not_an_api_event"]),
        json!([
            null,
            false,
            null,
            "quarantined: unknown event version 2, expected 1.x"
        ]),
    ]);
    assert_eq!(short[..10], expected);
    assert_eq!(short.len(), 11);
    assert!(
        short[10][3]
            .as_str()
            .unwrap()
            .starts_with("quarantined: not JSON: "),
        "{}",
        short[10]
    );
}

#[test]
fn a_call_that_two_accounts_log_counts_once_where_both_trails_are_read() {
    let logged_in = |number: u64, account_id: &str| {
        record(json!({
            "eventID": id(number),
            "sharedEventID": id(100),
            "errorCode": "AccessDenied",
            "recipientAccountId": account_id,
        }))
    };
    let records = [logged_in(1, "111122223333"), logged_in(2, "444455556666")];
    let folder = Folder::with_lines(lines(&records));
    let told = |options: &[&str]| {
        let scan = folder.run(&[&["scan", "--format", "json", "trail.jsonl"], options].concat());
        let explain = folder.run(&[&["explain", "trail.jsonl"], options].concat());
        let record_counts = scan.json()["records"].clone();
        let explained = explain.printed();
        let ignored = explained
            .lines()
            .filter(|line| line.ends_with(": ignored: twin"));
        json!([
            record_counts["clustered"],
            record_counts["ignored"],
            ignored.count()
        ])
    };
    assert_eq!(told(&[]), json!([2, 0, 0]));
    let both = [
        "--trail-account",
        "444455556666",
        "--trail-account",
        "111122223333",
    ];
    assert_eq!(told(&both), json!([1, 1, 1]));
    assert_eq!(told(&both[..2]), json!([2, 0, 0]));
    for command in ["scan", "explain"] {
        let run = folder.run(&[command, "--trail-account", "1111", "trail.jsonl"]);
        run.fails(2, "an account ID has twelve digits");
    }
}

#[test]
fn an_explanation_and_a_scan_agree() {
    let folder = Folder::with_lines(lines(&few()[..1]));
    let scan = folder.scan(&["trail.jsonl"], 0);
    let denied = &folder
        .run(&["explain", "--format", "jsonl", "trail.jsonl"])
        .json();
    let cluster = &scan["clusters"][0];
    for name in ["cluster_id", "class", "template", "identity", "hint"] {
        assert_eq!(denied[name], cluster[name], "{name}");
    }
    assert_eq!(
        denied["facets"]["principal"],
        cluster["facets"]["principal"]["values"][0]["value"]
    );
    assert!(!denied["severity_reasons"].as_array().unwrap().is_empty());
    assert_eq!(
        keys(denied),
        "class cluster_id event_id facets hint identity selected severity severity_reasons template"
    );
}

#[test]
fn every_event_of_a_trail_is_explained_as_it_is_counted() {
    let folder = demo();
    let printed = folder
        .run(&["explain", "--format", "jsonl", "in"])
        .printed();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut calls: BTreeSet<String> = BTreeSet::new();
    let mut explained = 0;
    for line in printed.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        explained += 1;
        let Some(id) = line["event_id"].as_str() else {
            continue;
        };
        let call = &line["sensitive_call"]["call_id"];
        let group = line["cluster_id"].as_str().or(call.as_str());
        if let Some(group) = group {
            found
                .entry(group.to_owned())
                .or_default()
                .insert(id.to_owned());
        }
        if call.is_string() {
            calls.insert(id.to_owned());
        }
    }
    assert_eq!(explained, DEMO.truth.records);
    let watched = &DEMO.truth.watch_ids;
    assert!(calls.is_superset(&watched.iter().cloned().collect()));
    let explained: usize = found.values().map(BTreeSet::len).sum();
    assert_eq!(explained, DEMO.truth.failing_ids.len() + calls.len());
    let scan = folder.scan(&["in"], 0);
    let without_id = DEMO.truth.failing_without_id;
    for (list, id, without_id) in [
        ("clusters", "cluster_id", without_id),
        ("sensitive_calls", "call_id", 0),
    ] {
        for of in scan[list].as_array().unwrap() {
            let ids = found.get(of[id].as_str().unwrap());
            let count = of["count"].as_u64().unwrap();
            let ids = ids.map_or(0, BTreeSet::len) as u64;
            assert!((ids..=ids + without_id).contains(&count), "{ids}: {of}");
        }
    }
}

#[test]
fn a_rule_switches_a_category_of_events_off_and_explain_shows_the_category() {
    let folder = demo();
    let switch = |category: &str| {
        format!(
            "[[rule]]\nname = \"off\"\nwhen = {{ eventCategory = [\"{category}\"] }}\nignore = true\nreason = \"-\"\n"
        )
    };
    for category in ["Data", "NetworkActivity"] {
        folder.write("rules.toml", switch(category));
        let explain = [
            "explain",
            "--rules",
            "rules.toml",
            "--format",
            "jsonl",
            "in",
        ];
        let explained = folder.run(&explain).printed();
        let mut off = 0;
        for line in explained.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let is_off = line["reason"] == "ignored: rule";
            off += usize::from(is_off);
            // What is not selected without the rule is not selected with it.
            let is_counted = line["cluster_id"] != Value::Null;
            assert!(!is_counted || line["event_category"] != category, "{line}");
            assert!(!is_off || line["event_category"] == category, "{line}");
        }
        assert!(off > 1, "{category}: {off}");
    }
    let text = folder.run(&["explain", "in"]).printed();
    assert!(text.contains("\n  category   Data\n"), "{text}");
}

#[test]
fn the_values_that_alerts_are_filtered_by_are_printed_to_copy() {
    let folder = Folder::with_lines(lines(&few()));
    folder
        .run(&["scan", "--db", "x.db", "trail.jsonl"])
        .printed();
    let show = ["clusters", "show", "io7r", "--db", "x.db"];
    let pairs = folder.run(&[&show[..], &["--kv"]].concat()).printed();
    expect![[r#"
        account_id:111122223333
        cluster_id:io7rmvgak6mj7aintxcmcszife
        ct_access:read
        ct_access_key:AKIA****LE01
        ct_caller_account:111122223333
        ct_class:denied
        ct_error_code:AccessDenied
        ct_event_name:GetObject
        ct_event_source:s3.amazonaws.com
        ct_iam_action:s3:GetObject
        ct_layer:identity implicit
        ct_network:192.0.2.0/24
        ct_origin:sdk
        ct_principal_kind:user
        ct_source_ip:192.0.2.10
        ct_untrusted_principal:arn:aws:iam::111122223333:user/mia
        ct_untrusted_resource:arn:aws:s3:::shop-logs/*
        ct_untrusted_user_agent:Boto3/1.40.0
        region:eu-central-1
        service:s3
    "#]]
    .assert_eq(&pairs);
    let shown = folder.run(&[&show[..], &["--format", "json"]].concat());
    let shown: Value = serde_json::from_str(&shown.printed()).unwrap();
    assert_eq!(
        json!(pairs.lines().collect::<Vec<_>>()),
        shown["dimension_pairs"]
    );
    let flat = shown["dimensions"].as_object().unwrap().iter();
    let flat: Vec<String> = flat
        .map(|(name, value)| format!("{name}:{}", value.as_str().unwrap()))
        .collect();
    assert_eq!(json!(flat), shown["dimension_pairs"]);
}

#[test]
fn the_timeline_says_that_all_errors_of_an_account_escalate() {
    // One error an hour, then one of each of forty kinds within an hour, then one an hour again.
    let failing = |number: u64, hour: usize, service: &str| {
        record(json!({
            "eventID": id(number),
            "eventTime": format!("2026-11-02T{hour:02}:10:00Z"),
            "eventSource": format!("{service}.amazonaws.com"),
            "errorCode": "ThrottlingException",
            "errorMessage": "Rate exceeded",
        }))
    };
    let mut records: Vec<Value> = (0..9)
        .map(|hour| failing(hour + 1, hour as usize, "s3"))
        .collect();
    let letters: Vec<char> = ('a'..='z').collect();
    records.extend((0..40).map(|kind: usize| {
        let service = format!("kind{}{}", letters[kind / 26], letters[kind % 26]);
        failing(100 + kind as u64, 4, &service)
    }));
    let folder = Folder::with_lines(lines(&records));
    let printed = folder.run(&["scan", "--inspect", "trail.jsonl"]).printed();
    let story: Vec<&str> = printed
        .lines()
        .filter(|line| line.contains("  escalating ") || line.contains("  calmed "))
        .collect();
    expect![[r#"
        2026-11-02T05:00:00Z  111122223333  escalating      all errors: 41 events in an hour, at most 10 expected
        2026-11-02T07:00:00Z  111122223333  calmed          all errors: up to 41 events in an hour since 2026-11-02T04:00:00Z"#]].assert_eq(&story.join("\n"));
    let scan = folder.run(&["scan", "--inspect", "--format", "json", "trail.jsonl"]);
    let scan: Value = serde_json::from_str(&scan.printed()).unwrap();
    let of_account = scan["transitions"].as_array().unwrap().iter();
    let of_account = of_account.filter(|of| of["cluster_id"].is_null() && !of["alert"].is_null());
    let alerts: Vec<&Value> = of_account.map(|of| &of["alert"]["kind"]).collect();
    assert_eq!(alerts, ["escalating", "escalating"]);
}

#[test]
fn four_fields_are_enough_to_be_explained() {
    let event = json!({
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "errorCode": "AccessDenied",
        "errorMessage": "Access Denied",
    });
    let folder = Folder::new();
    folder.write("event.json", serde_json::to_string_pretty(&event).unwrap());
    for arguments in [
        &["explain", "--format", "jsonl"][..],
        &["explain", "--format", "jsonl", "-"],
        &["explain", "--format", "jsonl", "event.json"],
    ] {
        let ran = folder.run_with(event.to_string(), arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let explained = ran.json();
        assert_eq!(explained["selected"], true);
        assert_eq!(explained["class"], "denied");
        assert_eq!(explained["event_id"], Value::Null);
        assert_eq!(explained["identity"]["account_id"], "unknown");
        assert_eq!(explained["identity"]["service"], "s3");
    }
    let text = folder.run_with(event.to_string(), &["explain"]).printed();
    assert!(
        text.starts_with("event without an id: selected, class denied\n"),
        "{text}"
    );
}

/// All values of `top --by`.
pub const BY: [&str; 10] = [
    "cluster",
    "event",
    "code",
    "principal",
    "key",
    "source-ip",
    "account",
    "service",
    "class",
    "region",
];

#[test]
fn a_ranking_is_the_same_from_paths_and_from_a_store() {
    let folder = demo();
    let scan = folder.scan(&["--db", "x.db", "in"], 0);
    // Sensitive calls succeeded, so errors are ranked without them.
    let clusters = scan["clusters"].as_array().unwrap().iter();
    let failed: u64 = clusters.filter_map(|of| of["count"].as_u64()).sum();
    for by in BY {
        let top = |source: &[&str]| {
            let arguments = [
                &["top", "--by", by, "--limit", "0", "--format", "json"],
                source,
            ]
            .concat();
            serde_json::from_str::<Value>(&folder.run(&arguments).printed()).unwrap()
        };
        let from_paths = top(&["in"]);
        assert_eq!(top(&["--db", "x.db"]), from_paths, "{by}");
        let entries = from_paths.as_array().unwrap();
        let counts: Vec<u64> = entries
            .iter()
            .map(|entry| entry["count"].as_u64().unwrap())
            .collect();
        assert!(
            counts.is_sorted_by(|one, other| one >= other),
            "{by}: {counts:?}"
        );
        assert_eq!(counts.iter().sum::<u64>(), failed, "{by}");
        assert_eq!(
            keys(&entries[0]),
            "clusters count first_seen last_seen name principals"
        );
        let table = folder
            .run(&["top", "--by", by, "--limit", "2", "--db", "x.db"])
            .printed();
        assert!(
            table.contains(entries[0]["name"].as_str().unwrap()),
            "{by}: {table}"
        );
    }
    let by_cluster = folder
        .run(&["top", "--format", "json", "--limit", "1", "in"])
        .json();
    assert_eq!(by_cluster.as_array().unwrap().len(), 1);
    assert_eq!(by_cluster[0]["count"], scan["clusters"][0]["count"]);
}

#[test]
fn a_ranking_can_begin_at_a_time_a_date_or_so_long_before_the_newest_event() {
    let days: Vec<Value> = (1..=9)
        .map(|day| {
            record(json!({
                "eventID": id(day),
                "eventTime": format!("2026-11-0{day}T08:00:00Z"),
                "errorCode": "AccessDenied",
            }))
        })
        .collect();
    let folder = Folder::with_lines(lines(&days));
    folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    for (since, count) in [
        ("2026-11-07T08:00:00Z", 3),
        ("2026-11-07T08:00:01Z", 2),
        ("2026-11-07T10:00:00+02:00", 3),
        ("2026-11-07", 3),
        ("2026-11-07T08:00", 3),
        ("today", 1),
        ("yesterday", 2),
        ("30m", 1),
        ("24h", 2),
        ("1d", 2),
        ("1w", 8),
        ("9999999w", 9),
        ("2026-11-30", 0),
    ] {
        for source in [&["--db", "x.db"][..], &["trail.jsonl"]] {
            let arguments = [&["top", "--format", "json", "--since", since], source].concat();
            let top = folder.run(&arguments).json();
            let found = top[0]["count"].as_u64().unwrap_or_default();
            assert_eq!(found, count, "{since}");
        }
    }
    let nothing = folder.run(&["top", "--since", "2026-11-30", "trail.jsonl"]);
    assert_eq!(nothing.printed(), "nothing that is selected failed\n");
    for bad in [
        "tomorrow",
        "7",
        "d",
        "0d",
        "1.5h",
        "7y",
        "2026-13-45",
        "",
        "99999999999999999999d",
        "24 h",
        "7д",
    ] {
        let ran = folder.run(&["top", "--since", bad, "trail.jsonl"]);
        ran.fails(
            2,
            "expected a time (2026-11-21T08:00), a date (2026-11-21), today or yesterday",
        );
    }
}

#[test]
fn a_trail_is_generated_the_same_for_the_same_seed() {
    let folder = Folder::new();
    let generate = |seed: &str, name: &str| {
        let plan = ["--seed", seed, "--hours", "2", "--events-per-hour", "300"];
        let ran = folder.run(&[&["generate"], &plan[..], &[name]].concat());
        assert!(
            ran.stderr.contains(&format!("files to {name}\n")),
            "{ran:?}"
        );
        assert_eq!(ran.printed(), "");
        let files = walkdir::WalkDir::new(folder.path(name)).sort_by_file_name();
        files
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let name = entry
                    .path()
                    .strip_prefix(folder.path(name))
                    .unwrap()
                    .to_owned();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect::<BTreeMap<_, _>>()
    };
    let (one, same, other) = (
        generate("7", "one"),
        generate("7", "same"),
        generate("8", "other"),
    );
    assert!(one == same && one != other);
    let scan = folder.scan(&["one"], 0);
    assert_eq!(scan["files"]["read"], one.len());
    assert!(scan["records"]["clustered"].as_u64().unwrap() > 50);
}

#[test]
fn a_generated_trail_can_be_sound_and_sent_as_payloads() {
    let folder = Folder::new();
    let plan = ["--hours", "2", "--events-per-hour", "300"];
    let ran = folder.run(&[&["generate", "--payloads", "7"], &plan[..], &["sent"]].concat());
    assert!(ran.stderr.ends_with(" payloads to sent\n"), "{ran:?}");
    let records = folder.scan(&["sent"], 0)["records"].clone();
    let read = records["read"].as_u64().unwrap();
    assert_eq!(records["selected"], read);
    let files = std::fs::read_dir(folder.path("sent")).unwrap().count();
    assert!(
        read > 50 && files as u64 == read.div_ceil(7),
        "{read} in {files}"
    );
    folder.run(&[&["generate", "--sound"], &plan[..], &["trail"]].concat());
    // What is left is a record of a version to come, which any tool can read.
    let left = folder.scan(&["trail"], 0)["quarantined"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["reason"], "unknown_version");
}

#[test]
fn completions_know_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = Folder::new()
            .command(&["completions", shell])
            .output()
            .unwrap();
        let script = String::from_utf8(ran.stdout).unwrap();
        for word in ["scan", "explain", "inflated-mib-max", "source-ip"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    folder.run(&["completions"]).fails(2, "<SHELL>");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = demo();
    for arguments in [
        &["explain", "in"][..],
        &["explain", "--format", "jsonl", "in"],
        &["scan", "--format", "json", "in"],
        &["completions", "bash"],
        &["completions", "zsh"],
    ] {
        let mut child = folder
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(
            !stderr.contains("pipe") && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
}

#[test]
fn an_account_that_a_record_lacks_is_told_by_the_name_of_the_file() {
    let bare = json!({
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "errorCode": "AccessDenied",
        "eventID": id(1),
    });
    let folder = Folder::new();
    let name = format!("{ACCOUNT}_CloudTrail_eu-central-1_20261102T0800Z_x.json");
    folder.write(&name, json!({"Records": [bare]}).to_string());
    assert_eq!(
        folder.scan(&[&name], 0)["clusters"][0]["account_id"],
        ACCOUNT
    );
    let explained = folder.run(&["explain", "--format", "jsonl", &name]).json();
    assert_eq!(explained["identity"]["account_id"], ACCOUNT);
}

#[test]
fn more_quarantined_records_than_a_person_reads_are_summed_up() {
    let call = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com"});
    let folder = Folder::with_lines(format!("{}{call}\n", "nonsense\n".repeat(1025)));
    let quiet = folder.run(&["scan", "trail.jsonl"]);
    assert_eq!(quiet.stderr, "");
    let totals = "1,026 records read from 1 file, 1,025 not readable (-v lists them)";
    assert!(quiet.stdout.contains(totals), "{quiet:?}");
    let ran = folder.run(&["scan", "-v", "trail.jsonl"]);
    assert_eq!(ran.code, Some(0), "bad records are no failure of the scan");
    assert_eq!(ran.stderr.lines().count(), 21);
    assert!(
        ran.stderr
            .starts_with("quarantined: trail.jsonl: record 1: not JSON"),
        "{ran:?}"
    );
    let more = "\nquarantined: 1005 more; --format json lists up to 1000 per file\n";
    assert!(ran.stderr.ends_with(more), "{ran:?}");
    let scan = folder.scan(&["trail.jsonl"], 0);
    assert_eq!(scan["records"]["quarantined"], 1025);
    assert_eq!(scan["quarantined"].as_array().unwrap().len(), 1000);
}
