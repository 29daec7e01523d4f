//! `clusters` and `scan --table`, run as by a user, on a file and on a table in the emulator.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::binary;
use crate::emulator::Emulator;
use crate::records::{id, lines, record};

/// Returns stdout and stderr of a command, and whether it succeeded.
fn run(arguments: &[&str], input: &str) -> (String, String, bool) {
    let (printed, complaints, code) = coded(arguments, input);
    (printed, complaints, code == 0)
}

/// Returns stdout, stderr and exit code of a command.
fn coded(arguments: &[&str], input: &str) -> (String, String, i32) {
    let mut command = Command::new(binary::inspector());
    command
        .args(arguments)
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .envs([
            ("AWS_CONFIG_FILE", "none"),
            ("AWS_SHARED_CREDENTIALS_FILE", "none"),
        ])
        .env("USER", "ann");
    let output = binary::output_with(&mut command, input);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap(),
    )
}

fn clusters(printed: &str) -> Vec<Value> {
    let mut printed: Value = serde_json::from_str(printed).unwrap();
    let Value::Array(mut clusters) = printed["clusters"].take() else {
        panic!("no clusters in {printed}");
    };
    for cluster in &mut clusters {
        let cluster = cluster.as_object_mut().unwrap();
        // A table keeps fewer of them.
        cluster.remove("samples");
        // A file is of the past, and a table of the present: by now these have recovered.
        let status = cluster.remove("status").unwrap();
        assert!(status == "new" || status == "recovered", "{status}");
    }
    clusters
}

fn input() -> String {
    let failure = |number: u64| {
        let code = if number < 4 {
            "AccessDenied"
        } else {
            "SlowDown"
        };
        record(json!({"eventID": id(number), "errorCode": code}))
    };
    lines(&(1..=6).map(failure).collect::<Vec<_>>())
}

#[test]
fn a_table_shows_what_a_scan_shows_and_the_same_again_changes_nothing() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let (scanned, _, _) = run(&["scan", "--format", "json", "-"], &input());
    let table = ["--table", emulator.name()];
    for (clustered, duplicate) in [(6, 0), (0, 6)] {
        let (printed, complaints, done) = run(
            &["scan", "--format", "json", table[0], table[1], "-"],
            &input(),
        );
        assert!(done, "{complaints}");
        let record_counts: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(record_counts["records"]["clustered"], clustered);
        assert_eq!(record_counts["records"]["duplicate"], duplicate);
        let stack = emulator.name().split("-Table-").next().unwrap();
        for named in [table, ["--stack", stack]] {
            let (listed, complaints, _) = run(
                &["clusters", "list", "--format", "json", named[0], named[1]],
                "",
            );
            assert_eq!(complaints, "");
            assert_eq!(clusters(&listed), clusters(&scanned));
        }
    }
    let (listed, ..) = run(&["clusters", "list", table[0], table[1]], "");
    assert!(
        listed.contains("s3:GetObject AccessDenied") && listed.contains("\n2 clusters: "),
        "{listed}"
    );
}

#[test]
fn one_cluster_is_found_by_the_beginning_of_its_id() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let table = ["--table", emulator.name()];
    run(&["scan", table[0], table[1], "-"], &input());
    let show = |id: &str| run(&["clusters", "show", table[0], table[1], id], "");
    let (shown, complaints, done) = show("IO7RM");
    assert!(done, "{complaints}");
    let expected = expect_test::expect![[r#"
        s3:GetObject AccessDenied
        111122223333 io7rmvgak6mj7aintxcmcszife
          events          3
          seen (UTC)      2026-11-02 08:00
          status          recovered
          faults          since 2026-11-02 08:00                failing
          severity        warning
                          access was denied
                          a long-term access key
          hint            The service does not say which policy refused. Check at least the policies of user/mia for s3:GetObject, then the policy of the resource and the organization's.
          principal             3  arn:aws:iam::111122223333:user/mia
          principal_kind        3  user
          caller_account        3  111122223333
          region                3  eu-central-1
          origin                3  sdk
          network               3  192.0.2.0/24
          source_ip             3  192.0.2.10
          access_key            3  AKIAEXAMPLEEXAMPLE01
          iam_action            3  s3:GetObject
          error_code            3  AccessDenied
          user_agent            3  Boto3/1.40.0
          access                3  read
          sample          {"awsRegion":"eu-central-1","errorCode":"AccessDenied","eventID":"00000000-0000-4000-8000-000000000003","eventName":"GetObject","eventSource":"s3.amazonaws.com","eventTime":"2026-11-02T08:00:00Z","readOnly":true,"recipientAccountId":"111122223333","sourceIPAddress":"192.0.2.10","userAgent":"Boto3/1.40.0 md/Botocore#1.40.0","userIdentity":{"accessKeyId":"AKIA****LE01","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/mia","type":"IAMUser"}}
    "#]];
    expected.assert_eq(&shown);
    let (_, complaints, done) = show("nothing");
    assert!(
        !done && complaints.contains("no cluster ID begins with nothing"),
        "{complaints}"
    );
    let (_, complaints, done) = show("");
    assert!(
        !done && complaints.contains("give more characters"),
        "{complaints}"
    );
}

#[test]
fn what_cannot_be_read_is_told_with_what_to_do() {
    let Some(_emulator) = Emulator::find() else {
        return;
    };
    for (arguments, says) in [
        (
            vec!["clusters", "list"],
            "give a stack with --stack, a table with --table, or a file",
        ),
        (
            vec!["clusters", "list", "--table", "a", "--stack", "b"],
            "cannot be used with",
        ),
        (
            vec!["clusters", "list", "--stack", "gone"],
            "no table of stack gone in region us-east-1",
        ),
        (
            vec!["clusters", "list", "--table", "gone"],
            ": the store is not available: DynamoDB rejected the request: ResourceNotFoundException: ",
        ),
        (
            vec!["scan", "--table", "gone", "--db", "x.db", "-"],
            "cannot be used with",
        ),
    ] {
        let (printed, complaints, done) = run(&arguments, &input());
        assert!(!done && printed.is_empty(), "{arguments:?}");
        assert!(complaints.contains(says), "{arguments:?}: {complaints}");
    }
}

const DENIED: &str = "io7rmvgak6mj7aintxcmcszife";

/// Saves a decision about the cluster `DENIED` of a store, and returns the output.
fn decide(place: [&str; 2], words: &[&str], reason: &str) -> String {
    let mut arguments = vec!["clusters", words[0], "IO7RM", "--reason", reason];
    arguments.extend(place.iter().chain(&words[1..]));
    let (printed, complaints, done) = run(&arguments, "");
    assert!(done, "{arguments:?}: {complaints}");
    printed
}

fn asked(place: [&str; 2], what: &str) -> Value {
    let (printed, complaints, done) = run(
        &[
            "clusters", what, DENIED, "--format", "json", place[0], place[1],
        ],
        "",
    );
    assert!(done, "{complaints}");
    serde_json::from_str(&printed).unwrap()
}

/// Returns a text with all times of decisions replaced by the same text.
fn timeless(text: &str, place: [&str; 2]) -> String {
    let history = asked(place, "history");
    let entries = history["journal"].as_array().unwrap().iter();
    let decided = entries.filter(|entry| entry["actor"] != "cloudtrail-inspector");
    let minutes = decided.map(|entry| entry["at"].as_str().unwrap()[..16].replace('T', " "));
    let mut text = text.to_owned();
    for minute in minutes {
        text = text.replace(&minute, "as it is decided");
    }
    text
}

/// Saves each kind of decision once in a store, and checks the results.
fn what_is_decided_is_kept_and_shown(place: [&str; 2], scan: &str) {
    run(&["scan", scan, place[1], "-"], &input());
    let said = [
        decide(place, &["acknowledge"], "on it"),
        decide(
            place,
            &["expect", "--actor", "bob\u{1b}[2J"],
            "meant to fail",
        ),
        decide(
            place,
            &["archive", "--until", "100x/1h"],
            "a few are normal",
        ),
        decide(place, &["unmark"], "fixed soon"),
        decide(place, &["resolve"], "the policy allows it now"),
    ];
    let expected = [
        "acknowledged",
        "expected",
        "archived until 100 events come in an hour",
        "unmarked: was archived until 100 events come in an hour",
        "resolved",
    ];
    assert_eq!(said, expected.map(|said| format!("{DENIED} {said}\n")));
    let shown = asked(place, "show");
    assert_eq!(shown["status"], "recovered");
    assert_eq!(shown["mark"]["decision"], "resolved");
    assert_eq!(shown["mark"]["ended"], Value::Null);
    let (listed, ..) = run(&["clusters", "list", place[0], place[1]], "");
    assert!(
        listed.contains("recovered") && listed.contains("resolved"),
        "{listed}"
    );
    let (shown, ..) = run(&["clusters", "show", DENIED, place[0], place[1]], "");
    let shown = timeless(shown.split("  journal").next().unwrap(), place);
    let lasted = shown.split("failed for ").nth(1).unwrap();
    let lasted = lasted.split(',').next().unwrap();
    let expected = expect_test::expect![[r#"
        s3:GetObject AccessDenied
        111122223333 io7rmvgak6mj7aintxcmcszife
          events          3
          seen (UTC)      2026-11-02 08:00
          status          recovered
          mark            as it is decided  resolved, by ann: the policy allows it now
          faults          2026-11-02 08:00 to as it is decided  failed for some days, resolved
    "#]];
    expected.assert_eq(&shown.replace(lasted, "some days"));
    let reopened = decide(place, &["reopen"], "it was not");
    assert_eq!(reopened, format!("{DENIED} reopened: was resolved\n"));
    let history = asked(place, "history");
    let faults = history["faults"].as_array().unwrap();
    let ended: Vec<&Value> = faults.iter().map(|fault| &fault["ended"]).collect();
    assert_eq!(ended, [&json!("resolved"), &Value::Null]);
    let journal = history["journal"].as_array().unwrap().iter();
    let decided = journal.filter(|entry| entry["actor"] != "cloudtrail-inspector");
    let text = |entry: &Value, name| entry[name].as_str().unwrap().to_owned();
    let said: BTreeSet<_> = decided
        .map(|entry| ["actor", "what", "reason"].map(|name| text(entry, name)))
        .collect();
    let expected = [
        ["ann", "acknowledged", "on it"],
        ["ann", "archived", "a few are normal"],
        ["ann", "reopened", "it was not"],
        ["ann", "resolved", "the policy allows it now"],
        ["ann", "unmarked", "fixed soon"],
        ["bob[2J", "expected", "meant to fail"],
    ];
    assert_eq!(said, expected.map(|of| of.map(str::to_owned)).into());
}

#[test]
fn what_is_decided_about_a_cluster_of_a_file_is_kept_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.db");
    what_is_decided_is_kept_and_shown(["--db", path.to_str().unwrap()], "--db");
}

#[test]
fn what_is_decided_about_a_cluster_of_a_table_is_kept_and_shown() {
    if let Some(emulator) = Emulator::find() {
        what_is_decided_is_kept_and_shown(["--table", emulator.name()], "--table");
    }
}

#[test]
fn a_file_shows_what_a_scan_shows_and_its_history_is_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.db");
    let place = ["--db", path.to_str().unwrap()];
    let (scanned, ..) = run(
        &["scan", place[0], place[1], "--format", "json", "-"],
        &input(),
    );
    let (listed, ..) = run(
        &["clusters", "list", place[0], place[1], "--format", "json"],
        "",
    );
    assert_eq!(clusters(&listed), clusters(&scanned));
    // Ten days later it comes back.
    let back = json!({"eventID": id(9), "errorCode": "AccessDenied",
        "eventTime": "2026-11-12T09:30:00Z"});
    run(&["scan", place[0], place[1], "-"], &lines(&[record(back)]));
    let (told, ..) = run(&["clusters", "history", place[0], place[1], "io7rm"], "");
    let expected = expect_test::expect![[r#"
        2026-11-02 08:00 to 2026-11-02 08:00  failed for 0s, recovered
        2026-11-02 08:00 to 2026-11-12 09:30  quiet for 10d 1h
        since 2026-11-12 09:30                failing

        2026-11-02 08:00  new
        2026-11-03 08:00  ongoing
        2026-11-09 08:00  recovered
        2026-11-12 09:30  regressed
    "#]];
    expected.assert_eq(&told);
}

#[test]
fn what_cannot_be_decided_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.db");
    let path = path.to_str().unwrap();
    let decide = |words: &[&str]| {
        let mut arguments = vec!["clusters", words[0], "io7rm", "--db", path];
        arguments.extend(&words[1..]);
        let (printed, complaints, code) = coded(&arguments, "");
        assert_eq!(printed, "", "{words:?}");
        (complaints, code)
    };
    let why = ["--reason", "-"];
    let (complaints, code) = decide(&["expect", why[0], why[1]]);
    assert!(
        complaints.contains("no such file; create it with scan --db"),
        "{complaints}"
    );
    assert!(code == 1 && !folder.path().join("trail.db").exists());
    run(&["scan", "--db", path, "-"], &input());
    for (words, says, expected) in [
        (vec!["expect"], "--reason", 2),
        (vec!["mute", why[0], why[1]], "--for", 2),
        (
            vec!["mute", "--for", "soon", why[0], why[1]],
            "30m, 4h, 7d or 2w",
            2,
        ),
        (
            vec!["mute", "--for", "9999w", why[0], why[1]],
            "this duration is too long",
            1,
        ),
        (
            vec!["archive", "--until", "0x/1h", why[0], why[1]],
            "100x/1h, 100x/1d",
            2,
        ),
        (
            vec!["archive", "--until", "2020-01-01", why[0], why[1]],
            "is in the past",
            1,
        ),
        (vec!["unmark", why[0], why[1]], "has no decision to undo", 1),
        (vec!["reopen", why[0], why[1]], "has no decision to undo", 1),
        (
            vec!["expect", "--table", "x", why[0], why[1]],
            "cannot be used with",
            2,
        ),
        (
            vec!["expect", "--actor", " ", why[0], why[1]],
            "name who decides with --actor",
            1,
        ),
    ] {
        let (complaints, code) = decide(&words);
        assert!(complaints.contains(says), "{words:?}: {complaints}");
        assert_eq!(code, expected, "{words:?}: {complaints}");
    }
    run(
        &["clusters", "resolve", "io7rm", "--db", path, why[0], why[1]],
        "",
    );
    let (complaints, code) = decide(&["unmark", why[0], why[1]]);
    assert!(
        complaints.contains("is resolved; to undo this, use clusters reopen"),
        "{complaints}"
    );
    assert_eq!(code, 1);
}
