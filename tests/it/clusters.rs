//! `clusters` and `scan --table`, run as a person does, on a table in the emulator.

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::emulator::Emulator;
use crate::records::{id, lines, record};

/// Returns what a command prints, its complaints, and whether it went well.
fn run(arguments: &[&str], input: &str) -> (String, String, bool) {
    let output = Command::cargo_bin("cloudtrail-inspector")
        .unwrap()
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
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.success(),
    )
}

fn clusters(printed: &str) -> Vec<Value> {
    let mut printed: Value = serde_json::from_str(printed).unwrap();
    let Value::Array(mut clusters) = printed["clusters"].take() else {
        panic!("no clusters in {printed}");
    };
    // A table keeps fewer of them.
    for cluster in &mut clusters {
        cluster.as_object_mut().unwrap().remove("samples");
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
        let books: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(books["records"]["clustered"], clustered);
        assert_eq!(books["records"]["duplicate"], duplicate);
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
        listed.contains("s3:GetObject AccessDenied") && listed.ends_with("2 clusters\n"),
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
    let (shown, complaints, done) = show("PRCOX");
    assert!(done, "{complaints}");
    let expected = expect_test::expect![[r#"
        s3:GetObject AccessDenied
        111122223333 prcox6qjl2ltzvtl422a5ji6uq
          events          3
          seen (UTC)      2026-11-02 08:00
          status          new
          severity        warning
                          +10 access was denied
                          +3 a long-term access key
          hint            The service does not say which policy refused. Check at least the caller's policies for s3:GetObject, then the resource's policy and the organization's.
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
        !done && complaints.contains("no cluster's id begins with nothing"),
        "{complaints}"
    );
    let (_, complaints, done) = show("");
    assert!(
        !done && complaints.contains("give more of it"),
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
            "name a table with --table, or a stack with --stack",
        ),
        (
            vec!["clusters", "list", "--table", "a", "--stack", "b"],
            "cannot be used with",
        ),
        (
            vec!["clusters", "list", "--stack", "gone"],
            "no table of a stack gone here",
        ),
        (
            vec!["clusters", "list", "--table", "gone"],
            "gone: the store is not available",
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
