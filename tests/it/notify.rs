//! `notify --dry-run` as its users see it.

use serde_json::{Value, json};

use crate::bad_input::hostile;
use crate::binary::Folder;
use crate::records::{id, lines, record};

/// Two clusters: a denied write that happened three times, and throttling.
fn few() -> String {
    let mut records: Vec<Value> = (1..4)
        .map(|minute| {
            record(json!({
                "eventID": id(minute),
                "eventTime": format!("2026-11-02T08:0{minute}:00Z"),
                "eventName": "PutBucketPolicy",
                "readOnly": false,
                "errorCode": "AccessDenied",
                "errorMessage": "Access Denied",
            }))
        })
        .collect();
    records.push(record(json!({
        "eventID": id(9),
        "eventSource": "dynamodb.amazonaws.com",
        "eventName": "PutItem",
        "errorCode": "ThrottlingException",
        "errorMessage": "Rate exceeded",
        "userIdentity": {"type": "AWSService", "invokedBy": "backup.amazonaws.com"},
    })));
    lines(&records)
}

#[test]
fn without_a_dry_run_it_is_wrong_usage_and_says_what_is_right() {
    let folder = Folder::with_lines(few());
    let ran = folder.run(&["notify", "trail.jsonl"]);
    ran.fails(2, "add --dry-run to preview the alerts");
    assert_eq!(ran.stdout, "");
    folder
        .run(&["notify", "--dry-run"])
        .fails(2, "required arguments were not provided");
    folder
        .run(&["notify", "--dry-run", "--sink", "pager", "trail.jsonl"])
        .fails(2, "possible values: guance, sns, eventbridge");
    folder
        .run(&["notify", "--dry-run", "--kind", "campaign", "trail.jsonl"])
        .fails(
            2,
            "possible values: new, new_principal, new_circumstance, regressed, recovered, escalating",
        );
    folder
        .run(&["notify", "--dry-run", "--site", "mars", "trail.jsonl"])
        .fails(2, "sites with a known console: cn1");
}

#[test]
fn a_new_circumstance_is_the_value_that_came_last_beside_the_usual_ones() {
    let refused = |number: u64, minute: u64, address: &str, region: &str| {
        record(json!({
            "eventID": id(number),
            "eventTime": format!("2026-11-02T08:{minute:02}:00Z"),
            "eventName": "PutBucketPolicy",
            "errorCode": "AccessDenied",
            "sourceIPAddress": address,
            "awsRegion": region,
        }))
    };
    let folder = Folder::with_lines(lines(&[
        refused(1, 1, "192.0.2.7", "us-east-1"),
        refused(2, 2, "198.51.100.7", "us-east-1"),
        refused(3, 3, "192.0.2.8", "eu-west-1"),
        refused(4, 4, "203.0.113.7", "us-east-1"),
        // Throttling says nothing about who calls, so it has no such alert.
        record(json!({"eventID": id(5), "errorCode": "ThrottlingException"})),
    ]));
    let arguments = "notify --dry-run --kind new_circumstance --format json trail.jsonl";
    let alerts = folder.run(&arguments.split(' ').collect::<Vec<_>>()).json();
    let [alert] = alerts.as_array().unwrap().as_slice() else {
        panic!("{alerts}");
    };
    let detail = alert["eventbridge"]["Detail"].as_str().unwrap();
    let detail: Value = serde_json::from_str(detail).unwrap();
    assert_eq!(
        alert["eventbridge"]["DetailType"],
        "Cluster New Circumstance"
    );
    assert_eq!(detail["at"], "2026-11-02T08:04:00Z");
    assert_eq!(
        detail["untrusted_detail"],
        json!({
            "facet": "network",
            "value": "203.0.113.0/24",
            "principal": "arn:aws:iam::111122223333:user/mia",
            "usual": {"total": 2, "shown": ["192.0.2.0/24", "198.51.100.0/24"]},
        })
    );
    let few = Folder::with_lines(few());
    let printed = few
        .run(&[
            "notify",
            "--dry-run",
            "--kind",
            "new_circumstance",
            "trail.jsonl",
        ])
        .printed();
    assert_eq!(printed, "No new circumstances, so no alerts.\n");
}

#[test]
fn a_sensitive_call_that_succeeded_is_no_error() {
    let call = record(json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey"}));
    let folder = Folder::with_lines(lines(&[call]));
    let told = folder.run(&["notify", "--dry-run", "--sink", "sns", "trail.jsonl"]);
    let told = told.printed();
    for part in [
        ": sensitive call in account 111122223333\n",
        "iam:CreateAccessKey",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("error that"), "{told}");
}

#[test]
fn each_sink_is_shown_what_it_would_be_sent_the_loudest_first() {
    let folder = Folder::with_lines(few());
    let printed = folder
        .run(&["notify", "--dry-run", "trail.jsonl"])
        .printed();
    for shown in [
        "POST /v1/write/keyevent\n\nmonitor,account_id=111122223333,cluster_id=",
        "POST /v1/write/logging\n\naws_cloudtrail_error,",
        "Subject: Error: new CloudTrail error (access denied) in account 111122223333\n",
        "\"DetailType\": \"Cluster New\"",
        "AKIA****LE01",
    ] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    assert!(!printed.contains("AKIAEXAMPLEEXAMPLE01"), "{printed}");
    let refused = printed.find("access denied").unwrap();
    assert!(refused < printed.find("throttled").unwrap());
}

#[test]
fn json_holds_what_was_asked_for_and_is_the_same_each_time() {
    let folder = Folder::with_lines(few());
    let arguments = [
        "notify",
        "--dry-run",
        "--format",
        "json",
        "--sink",
        "sns",
        "--sink",
        "guance",
        "--language",
        "zh",
        "--kind",
        "recovered",
        "--limit",
        "1",
        "trail.jsonl",
    ];
    let json = folder.run(&arguments).json();
    assert_eq!(json, folder.run(&arguments).json());
    let alerts = json.as_array().unwrap();
    assert_eq!(alerts.len(), 1);
    let keys: Vec<&str> = alerts[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "alert_id",
            "cluster_id",
            "guance",
            "kind",
            "severity",
            "sns"
        ]
    );
    assert_eq!(alerts[0]["sns"]["attributes"]["kind"], "recovered");
    let body = alerts[0]["sns"]["body"].as_str().unwrap();
    assert!(body.starts_with("[已恢复] AWS 111122223333"), "{body}");
    let event = alerts[0]["guance"]["keyevent"].as_str().unwrap();
    assert!(
        event.contains("df_status=ok") && event.contains("df_fault_status=\"ok\""),
        "{event}"
    );
    assert!(body.contains("IAM 尚未答复"), "{body}");
}

#[test]
fn hostile_text_steers_nothing_that_is_shown() {
    let folder = Folder::with_lines(lines(&hostile()));
    // `Ran::of` checks the output for control characters.
    for format in ["text", "json"] {
        let printed = folder.run(&[
            "notify",
            "--dry-run",
            "--limit",
            "0",
            "--format",
            format,
            "trail.jsonl",
        ]);
        assert!(printed.printed().len() > 10_000);
    }
    let none = Folder::with_lines(lines(&[record(json!({}))]));
    let printed = none.run(&["notify", "--dry-run", "trail.jsonl"]).printed();
    assert_eq!(printed, "No clusters, so no alerts.\n");
}
