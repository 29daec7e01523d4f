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
            "possible values: account_summary, incident, sensitive_call, new_account, no_data, access_key, new",
        );
    folder
        .run(&["notify", "--dry-run", "--site", "mars", "trail.jsonl"])
        .fails(2, "sites with a known console: cn1");
}

/// Returns a record of a refused write by a key, on a day of November and in an hour.
fn refusal(number: u64, day: u64, hour: u64, action: &str, address: &str) -> Value {
    record(json!({
        "eventID": id(number),
        "eventTime": format!("2026-11-{day:02}T{hour:02}:30:00Z"),
        "eventName": action,
        "errorCode": "AccessDenied",
        "sourceIPAddress": address,
    }))
}

/// Returns two weeks in which something of every kind happens but an incident.
fn weeks() -> Folder {
    let mut records = Vec::new();
    // A cluster that fails once in the first days, is quiet for more than a week, and comes back from another network.
    records.push(refusal(1, 1, 2, "PutBucketPolicy", "192.0.2.7"));
    records.push(refusal(2, 3, 2, "PutBucketPolicy", "203.0.113.7"));
    records.push(refusal(3, 14, 2, "PutBucketPolicy", "192.0.2.7"));
    let mut number = 10;
    let mut throttled = |day: u64, hour: u64, count: u64, action: &str| {
        for _ in 0..count {
            number += 1;
            records.push(record(json!({
                "eventID": id(number),
                "eventTime": format!("2026-11-{day:02}T{hour:02}:15:{:02}Z", number % 60),
                "eventSource": "dynamodb.amazonaws.com",
                "eventName": action,
                "errorCode": "ThrottlingException",
            })));
        }
    };
    // Errors in every hour, then none for a day, and many at the end.
    for day in 1..=12 {
        for hour in 0..24 {
            for action in ["PutItem", "GetItem", "Query"] {
                throttled(day, hour, 1, action);
            }
        }
    }
    throttled(14, 1, 300, "PutItem");
    records.push(refusal(9001, 14, 2, "GetBucketPolicy", "192.0.2.7"));
    records.push(record(json!({
        "eventID": id(9000),
        "eventTime": "2026-11-14T02:40:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateAccessKey",
    })));
    Folder::with_lines(lines(&records))
}

fn previewed(folder: &Folder, arguments: &str) -> Vec<Value> {
    let line = format!("notify --dry-run --limit 0 --format json {arguments} trail.jsonl");
    let json = folder.run(&line.split(' ').collect::<Vec<_>>()).json();
    json.as_array().unwrap().clone()
}

#[test]
fn each_kind_has_the_alerts_of_the_inspection_and_no_others() {
    let folder = weeks();
    let all = previewed(&folder, "--sink sns");
    for (kind, count) in [
        ("sensitive_call", 1),
        ("no_data", 2),
        ("new_account", 0),
        ("new", 5),
        ("new_circumstance", 1),
        ("regressed", 1),
        ("recovered", 1),
        ("escalating", 1),
        ("account_summary", 1),
        ("access_key", 0),
        ("incident", 0),
    ] {
        let alerts = previewed(&folder, &format!("--sink sns --kind {kind}"));
        let of_all = all.iter().filter(|alert| alert["kind"] == kind).count();
        assert_eq!(
            (alerts.len(), of_all),
            (count, count),
            "{kind}: {alerts:#?}"
        );
    }
    let none = folder.run(&["notify", "--dry-run", "--kind", "incident", "trail.jsonl"]);
    assert_eq!(
        none.printed(),
        "No alert of the kind incident would be sent about these events. Add --all to see alerts \
         that a stack holds back.\n"
    );
}

#[test]
fn a_drill_is_caused_by_no_event_and_has_an_example() {
    let folder = weeks();
    for (kind, subject) in [
        ("drill", "Drill: test of the alert path"),
        ("drill_failed", "Error: the nightly drill failed"),
    ] {
        let alerts = previewed(&folder, &format!("--sink sns --kind {kind}"));
        assert_eq!((alerts.len(), alerts[0]["kind"].as_str()), (1, Some(kind)));
        let text = alerts[0]["sns"]["subject"].as_str().unwrap();
        assert!(text.starts_with(subject), "{text}");
    }
    let all = previewed(&folder, "--sink sns --all");
    assert!(all.iter().all(|alert| alert["kind"] != "drill"));
}

#[test]
fn kinds_that_few_files_cause_have_an_example() {
    let folder = Folder::with_lines(few());
    for kind in ["new_account", "no_data", "escalating"] {
        let none = folder.run(&["notify", "--dry-run", "--kind", kind, "trail.jsonl"]);
        let wanted = format!(
            "No alert of the kind {kind} would be sent about these events. Add --all to see an example.\n"
        );
        assert_eq!(none.printed(), wanted);
        let alerts = previewed(&folder, &format!("--sink sns --all --kind {kind}"));
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        assert_eq!(alerts[0]["kind"], kind);
    }
}

#[test]
fn an_alert_has_the_numbers_of_its_own_hours() {
    let folder = weeks();
    let alerts = previewed(
        &folder,
        "--sink sns --kind escalating --language zh --time-zone +08:00",
    );
    let body = alerts[0]["sns"]["body"].as_str().unwrap();
    for said in [
        "自 2026-11-14 09:00:00 起一小时内的事件数：300",
        "事件数：300，自 2026-11-14 09:00:00 至 2026-11-14 10:00:00",
        "同一时段该账号的错误总数：300\n",
        "时区：北京时间\n",
    ] {
        assert!(body.contains(said), "{said}: {body}");
    }
    let recovered = previewed(&folder, "--sink sns --kind recovered");
    let body = recovered[0]["sns"]["body"].as_str().unwrap();
    assert!(body.contains("with 2 events"), "{body}");
}

#[test]
fn canaries_of_the_settings_have_alerts_and_all_shows_every_long_term_key() {
    let folder = weeks();
    folder.write(
        "settings.toml",
        "canary_keys = [\"AKIAEXAMPLEEXAMPLE01\"]\n",
    );
    let canaries = previewed(
        &folder,
        "--sink sns --kind access_key --settings settings.toml",
    );
    assert!(!canaries.is_empty());
    assert_eq!(canaries[0]["severity"], "critical");
    let body = canaries[0]["sns"]["body"].as_str().unwrap();
    assert!(body.contains("IAM was not asked"), "{body}");
    let held_back = previewed(&folder, "--sink sns --kind access_key --all");
    assert_eq!(held_back.len(), canaries.len());
    let none = folder.run(&["notify", "--dry-run", "--kind", "access_key", "trail.jsonl"]);
    assert!(none.printed().contains("IAM is not asked"));
}

#[test]
fn a_sensitive_call_that_succeeded_is_no_error() {
    let call = record(json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey"}));
    let folder = Folder::with_lines(lines(&[call]));
    let told = folder.run(&["notify", "--dry-run", "--sink", "sns", "trail.jsonl"]);
    let told = told.printed();
    for part in [": sensitive call by user/", "iam:CreateAccessKey"] {
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
        "POST /v1/write/keyevent\n\nmonitor,account_id=111122223333,cloud_provider=aws,cluster_id=",
        "POST /v1/write/logging\n\naws_cloudtrail_error,",
        "Subject: Error: new CloudTrail error (access denied) by user/mia in account 111122223333\n",
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
        "new",
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
    assert_eq!(alerts[0]["sns"]["attributes"]["kind"], "new");
    let body = alerts[0]["sns"]["body"].as_str().unwrap();
    assert!(body.starts_with("[新增] AWS 111122223333："), "{body}");
    let event = alerts[0]["guance"]["keyevent"].as_str().unwrap();
    assert!(event.contains("AWS CloudTrail 异常事件巡检"), "{event}");
    assert!(body.contains("未向 IAM 查询"), "{body}");
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
            "--all",
            "--format",
            format,
            "trail.jsonl",
        ]);
        assert!(printed.printed().len() > 10_000);
    }
    let none = Folder::with_lines(lines(&[record(json!({}))]));
    let printed = none.run(&["notify", "--dry-run", "trail.jsonl"]).printed();
    assert!(printed.starts_with("No alert would be sent"), "{printed}");
}
