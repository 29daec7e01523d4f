//! Rules: which one applies, what it changes, when it ends, and the messages about a wrong file.

use alerts::severity;
use clusters::ClusterSnapshot;
use expect_test::expect;
use input::{Layout, Limits};
use serde_json::{Value, json};
use service::ingest::{self, Ingested};
use service::memory::MemoryStore;
use service::ports::Store;
use service::rules::Rules;
use sqlite::SqliteStore;

use crate::binary::Folder;
use crate::records::{denied, lines};

fn ingest_with(store: &mut impl Store, rules: &str, records: &[Value]) -> Ingested {
    let rules = Rules::parse(rules).unwrap();
    let lines = lines(records);
    let limits = Limits::default();
    let folded = ingest::fold(lines.as_bytes(), Layout::Lines, &limits, None, &rules).unwrap();
    pollster::block_on(ingest::commit(store, "test", folded)).unwrap()
}

/// Ingests records into both stores, which must agree, and returns the result.
fn with_rules(rules: &str, records: &[Value]) -> (Ingested, ClusterSnapshot) {
    let mut memory = MemoryStore::default();
    let ingested = ingest_with(&mut memory, rules, records);
    assert!(
        ingested.record_counts.balances(),
        "{:?}",
        ingested.record_counts
    );
    let snapshot = pollster::block_on(memory.snapshot(None)).unwrap();
    let mut sqlite = SqliteStore::in_memory().unwrap();
    // One record a batch and in reverse: no order may matter.
    for record in records.iter().rev() {
        ingest_with(&mut sqlite, rules, std::slice::from_ref(record));
    }
    assert!(
        pollster::block_on(sqlite.snapshot(None)).unwrap() == snapshot,
        "the stores disagree"
    );
    (ingested, snapshot)
}

#[test]
fn an_ignored_event_is_in_the_books_and_in_no_cluster() {
    let rules = r#"
        [[rule]]
        name = "report"
        when = { eventName = ["GetObject"] }
        ignore = true
        reason = "known"
    "#;
    let records = [
        denied(1, json!({})),
        denied(2, json!({"eventName": "PutObject"})),
    ];
    let (ingested, snapshot) = with_rules(rules, &records);
    assert_eq!(ingested.record_counts.ignored.get("rule"), Some(&1));
    assert_eq!(ingested.hits[0].applied, 1);
    assert_eq!(snapshot.clusters().len(), 1);
}

#[test]
fn an_ignore_rule_that_has_ended_lets_the_event_come_and_is_counted() {
    let rules = r#"
        [[rule]]
        name = "until the migration"
        when = { eventName = ["GetObject"] }
        ignore = true
        reason = "being moved"
        until = "2026-11-03"
    "#;
    let records = [
        denied(1, json!({"eventTime": "2026-11-02T23:59:59Z"})),
        denied(2, json!({"eventTime": "2026-11-03T00:00:00Z"})),
        denied(3, json!({"eventTime": null})),
    ];
    let (ingested, snapshot) = with_rules(rules, &records);
    assert_eq!((ingested.hits[0].applied, ingested.hits[0].ended), (1, 2));
    assert_eq!(snapshot.clusters()[0].span.count, 2);
}

#[test]
fn the_first_rule_that_matches_and_has_not_ended_is_applied() {
    let rules = r#"
        [[rule]]
        name = "ended"
        when = { errorCode = ["AccessDenied"] }
        ignore = true
        reason = "old"
        until = "2026-01-01"

        [[rule]]
        name = "loud"
        when = { errorCode = [{ prefix = "Access" }] }
        severity = "critical"

        [[rule]]
        name = "quiet"
        when = { errorCode = ["AccessDenied"] }
        severity = "info"
    "#;
    let (ingested, snapshot) = with_rules(rules, &[denied(1, json!({}))]);
    let applied: Vec<u64> = ingested.hits.iter().map(|hits| hits.applied).collect();
    assert_eq!(applied, [0, 1, 0]);
    let assessment = severity::of_cluster(&snapshot.clusters()[0]);
    assert_eq!(assessment.severity.name(), "critical");
    assert!(
        assessment
            .reasons
            .last()
            .unwrap()
            .to_string()
            .contains("by the rule \"loud\"")
    );
}

#[test]
fn a_rule_can_set_clusters_apart_by_a_value_of_the_record() {
    let rules = r#"
        [[rule]]
        name = "per bucket"
        when = { eventSource = ["s3.amazonaws.com"] }
        fingerprint = ["requestParameters.bucketName"]
    "#;
    let bucket =
        |number, name: &str| denied(number, json!({"requestParameters": {"bucketName": name}}));
    let records = [bucket(1, "red"), bucket(2, "blue"), bucket(3, "red")];
    let (_, snapshot) = with_rules(rules, &records);
    let counts: Vec<u64> = snapshot
        .clusters()
        .iter()
        .map(|cluster| cluster.span.count)
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn a_merge_steers_future_events_and_the_target_keeps_its_own_identity() {
    let (_, snapshot) = with_rules("", &[denied(1, json!({}))]);
    let target = snapshot.clusters()[0].id;
    let rules = format!(
        r#"
        [[rule]]
        name = "the same thing"
        when = {{ eventName = ["GetObjectAcl"] }}
        merge = "{target}"
        "#
    );
    let records = [
        denied(2, json!({"eventName": "GetObjectAcl"})),
        denied(1, json!({})),
        denied(3, json!({"eventName": "GetObjectAcl"})),
    ];
    let (_, snapshot) = with_rules(&rules, &records);
    let clusters = snapshot.clusters();
    assert_eq!((clusters.len(), clusters[0].span.count), (1, 3));
    assert_eq!(
        (clusters[0].id, &*clusters[0].facts.identity.action),
        (target, "GetObject")
    );
}

#[test]
fn a_rule_can_say_that_a_failure_is_of_another_class() {
    let rules = r#"
        [[rule]]
        name = "probes"
        when = { sourceIPAddress = [{ cidr = "192.0.2.0/24" }] }
        class = "absent"
    "#;
    let (_, snapshot) = with_rules(rules, &[denied(1, json!({}))]);
    assert_eq!(snapshot.clusters()[0].facts.identity.class.name(), "absent");
}

#[test]
fn everything_that_is_wrong_in_a_file_is_said_with_line_and_column() {
    let complaints = Rules::parse(
        r#"
[[rule]]
name = "a"
when = { eventNam = ["GetObject"] }
severity = "loud"

[[rule]]
name = "a"
when = { errorCode = [{ prefixx = "A" }] }
ignore = true

[[rule]]
name = "b"
when = {}
until = "soon"

[[rule]]
name = "c"
when = { errorCode = ["A"] }
class = "nope"
merge = "short"
"#,
    )
    .unwrap_err();
    let said: String = complaints
        .iter()
        .map(|complaint| format!("{complaint}\n"))
        .collect();
    expect![[r#"
        4:8: eventNam is not a field of a CloudTrail record
        5:12: "loud" is not a severity
        8:8: a rule needs a name, different from all other rules
        8:8: a rule with ignore needs a reason
        9:8: invalid pattern: unknown operator 'prefixx'
        13:8: a rule needs an effect: ignore, expected, severity, class, merge or fingerprint
        14:8: an empty pattern matches nothing; name a field
        15:9: soon is not a date (2026-12-31) or a time in UTC
        20:9: "nope" is not a class
        21:9: "short" is not a cluster ID
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_field_that_no_rule_has_is_said_with_line_and_column() {
    let complaints =
        Rules::parse("[[rule]]\nname = \"a\"\nwhen = { errorCode = [\"A\"] }\nsilence = true\n")
            .unwrap_err();
    expect!["4:1: unknown field `silence`, expected one of `name`, `when`, `until`, `reason`, `owner`, `ignore`, `expected`, `severity`, `class`, `merge`, `fingerprint`"].assert_eq(&complaints[0].to_string());
}

#[test]
fn the_example_that_is_shipped_is_right() {
    let text = std::fs::read_to_string("infra/rules.example.toml").unwrap();
    assert_eq!(Rules::parse(&text).unwrap().all().len(), 7);
}

const RULES: &str = r#"
[[rule]]
name = "quiet reads"
when = { eventName = ["GetObject"] }
severity = "info"

[[rule]]
name = "old"
when = { eventName = ["PutObject"] }
ignore = true
reason = "was being moved"
until = "2026-01-01"

[[rule]]
name = "nobody"
when = { eventName = ["DeleteObject"] }
ignore = true
reason = "never happens"
"#;

/// Two denied reads and one denied write, which has a higher severity.
fn folder() -> Folder {
    let write = json!({"eventName": "PutObject", "readOnly": false});
    let records = [denied(1, json!({})), denied(2, json!({})), denied(3, write)];
    let folder = Folder::with_lines(lines(&records));
    folder.write("rules.toml", RULES);
    folder
}

#[test]
fn a_scan_says_which_rules_did_nothing_and_counts_the_others() {
    let folder = folder();
    let scan = [
        "scan",
        "--format",
        "json",
        "--rules",
        "rules.toml",
        "trail.jsonl",
    ];
    let ran = folder.run(&scan);
    expect![[r#"
        rule "old" (line 8) ended at 2026-01-01T00:00:00Z; it would have matched 1 records since
        rule "nobody" (line 15) matched nothing
    "#]]
    .assert_eq(&ran.stderr);
    let applied: Vec<u64> = ran.json()["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["applied"].as_u64().unwrap())
        .collect();
    assert_eq!(applied, [2, 0, 0]);
}

#[test]
fn an_explanation_names_the_rule_that_was_applied() {
    let folder = folder();
    let explain = [
        "explain",
        "--format",
        "jsonl",
        "--rules",
        "rules.toml",
        "trail.jsonl",
    ];
    let printed = folder.run(&explain).printed();
    let first: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["rule"], &first["severity"]),
        (&json!("quiet reads"), &json!("info"))
    );
}

#[test]
fn a_trial_says_what_would_change() {
    let folder = folder();
    expect![[r#"
        rule "quiet reads": applied to 2 records
        rule "old": applied to 0 records
        rule "nobody": applied to 0 records
        less severe (warning to info): s3:GetObject AccessDenied, 2 events, io7rmvgak6mj7aintxcmcszife
    "#]]
    .assert_eq(
        &folder
            .run(&["rules", "try", "rules.toml", "trail.jsonl"])
            .printed(),
    );
    folder.write("all.toml", RULES.replace("until = \"2026-01-01\"\n", ""));
    expect![[r#"
        rule "quiet reads": applied to 2 records
        rule "old": applied to 1 records
        rule "nobody": applied to 0 records
        less severe (warning to info): s3:GetObject AccessDenied, 2 events, io7rmvgak6mj7aintxcmcszife
        gone: s3:PutObject AccessDenied, 1 events, gqew3t7hes5lo4jilhz4rlz7aa
    "#]]
    .assert_eq(
        &folder
            .run(&["rules", "try", "all.toml", "trail.jsonl"])
            .printed(),
    );
    folder
        .run(&["rules", "try", "rules.toml", "-"])
        .fails(1, "save the input to a file");
}

#[test]
fn a_wrong_rules_file_stops_a_scan_before_it_begins() {
    let folder = folder();
    folder.write(
        "wrong.toml",
        "[[rule]]\nname = \"\\u001B[31m\"\nwhen = {}\n[[rule]]\nname = \"a\"\nwhen = {}\n",
    );
    for command in [
        &["rules", "check", "wrong.toml"][..],
        &["scan", "--rules", "wrong.toml", "trail.jsonl"],
        &["explain", "--rules", "wrong.toml", "trail.jsonl"],
    ] {
        folder
            .run(command)
            .fails(1, "\nwrong.toml:3:8: an empty pattern matches nothing");
    }
    folder
        .run(&["rules", "check", "absent.toml"])
        .fails(1, "absent.toml: cannot be read");
    assert_eq!(
        folder.run(&["rules", "check", "rules.toml"]).printed(),
        "rules.toml: 3 rules, valid\n"
    );
    let policy = "[[policy]]\nsink = \"all\"\nsilence = \"4h\"\n";
    folder.write("policies.toml", policy);
    assert_eq!(
        folder.run(&["rules", "check", "policies.toml"]).printed(),
        "policies.toml: 0 rules and 1 policies, valid\n"
    );
}

#[test]
fn what_is_wrong_in_a_policy_is_told_with_its_place() {
    let wrong = r#"
[[policy]]
sink = " "
min_severity = "loud"
silence = "4 hours"
match = { account = ["shop"], class = ["denied", "odd"], kind = ["incident", "rumour"] }

[[policy]]
sink = "sns"
"#;
    let complaints = Rules::parse(wrong).unwrap_err();
    let told: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    expect![[r#"
        3:8: a policy needs a sink: its name, or all
        4:16: "loud" is not a severity
        5:11: "4 hours" is not a duration from 1m to 90d, such as 30m, 4h or 2d
        6:22: "shop" is not an account ID of twelve digits
        6:50: "odd" is not a class
        6:78: "rumour" is not a kind of alert
        9:8: a policy needs an effect: min_severity, silence or enabled = false"#]]
    .assert_eq(&told.join("\n"));
    let unknown = Rules::parse("[[policy]]\nsink = \"sns\"\nmatch = { region = [] }\n");
    assert!(unknown.unwrap_err()[0].message.contains("region"));
}

const READS: [&str; 14] = [
    "iam:ListUsers",
    "iam:ListRoles",
    "iam:ListGroups",
    "iam:GetAccountSummary",
    "s3:ListBuckets",
    "s3:GetBucketPolicy",
    "ec2:DescribeInstances",
    "ec2:DescribeVpcs",
    "ec2:DescribeSnapshots",
    "rds:DescribeDBInstances",
    "lambda:ListFunctions",
    "kms:ListKeys",
    "sns:ListTopics",
    "secretsmanager:ListSecrets",
];

const CHANGES: [&str; 14] = [
    "iam:CreateUser",
    "iam:CreateAccessKey",
    "iam:AttachUserPolicy",
    "iam:PutUserPolicy",
    "iam:CreateRole",
    "iam:UpdateAssumeRolePolicy",
    "ec2:RunInstances",
    "ec2:ModifySnapshotAttribute",
    "lambda:CreateFunction",
    "kms:ScheduleKeyDeletion",
    "s3:PutBucketPolicy",
    "cloudtrail:StopLogging",
    "secretsmanager:PutSecretValue",
    "rds:ModifyDBInstance",
];

/// Returns refused calls of a user from one network, half a minute apart: reads, or calls that change something.
fn tried(user: &str, reads: bool) -> Vec<Value> {
    let call = |(number, api): (usize, &&str)| {
        let (service, action) = api.split_once(':').unwrap();
        denied(
            number as u64 + 1,
            json!({
                "eventTime": format!("2026-11-02T10:{:02}:{:02}Z", number / 2, number % 2 * 30),
                "eventSource": format!("{service}.amazonaws.com"),
                "eventName": action,
                "readOnly": reads,
                "sourceIPAddress": "198.51.100.7",
                "userIdentity": {
                    "type": "IAMUser",
                    "arn": format!("arn:aws:iam::111122223333:user/{user}"),
                    "accountId": "111122223333",
                    "userName": user,
                },
            }),
        )
    };
    let calls = if reads { READS } else { CHANGES };
    calls.iter().enumerate().map(call).collect()
}

const SCANNER: &str = r#"
    [[rule]]
    name = "our scanner"
    when = { userIdentity = { arn = [{ wildcard = "*:user/scan-*" }] }, sourceIPAddress = [{ prefix = "198.51.100." }] }
    expected = true
    reason = "it asks for everything"
    owner = "security"
    until = "2027-06-30"
"#;

/// Returns the numbers of incidents and of alerts that a scan of records with rules finds.
fn incidents_and_alerts(rules: &str, records: &[Value]) -> (usize, usize) {
    let folder = Folder::new();
    folder.write("trail.jsonl", lines(records));
    folder.write("rules.toml", rules);
    let scan = folder.scan(&["--inspect", "--rules", "rules.toml", "trail.jsonl"], 0);
    let transitions = scan["transitions"].as_array().unwrap();
    let alerts = transitions.iter().filter(|of| !of["alert"].is_null());
    (scan["incidents"].as_array().unwrap().len(), alerts.count())
}

#[test]
fn refused_reads_of_an_expected_scanner_are_no_incident_and_send_no_alert() {
    let (incidents, alerts) = incidents_and_alerts("", &tried("scan-1", true));
    assert!(incidents == 1 && alerts > 0, "{incidents} {alerts}");
    assert_eq!(
        incidents_and_alerts(SCANNER, &tried("scan-1", true)),
        (0, 0)
    );
    // What the scanner is refused to change, and what others are refused to read, is not expected.
    assert_eq!(incidents_and_alerts(SCANNER, &tried("scan-1", false)).0, 1);
    assert_eq!(incidents_and_alerts(SCANNER, &tried("mallory", true)).0, 1);
    let elsewhere = SCANNER.replace("198.51.100.", "203.0.113.");
    assert_eq!(
        incidents_and_alerts(&elsewhere, &tried("scan-1", true)).0,
        1
    );
    let over = SCANNER.replace("2027-06-30", "2026-11-01");
    assert_eq!(incidents_and_alerts(&over, &tried("scan-1", true)).0, 1);
}

#[test]
fn what_a_rule_made_info_is_no_evidence_and_any_other_severity_changes_no_incident() {
    let rule = |severity: &str| {
        format!(
            "[[rule]]\nname = \"graded\"\nwhen = {{ errorCode = [\"AccessDenied\"] }}\nseverity = \"{severity}\"\n"
        )
    };
    let incidents = |severity| incidents_and_alerts(&rule(severity), &tried("mallory", true)).0;
    assert_eq!(
        ["info", "warning", "error", "critical"].map(incidents),
        [0, 1, 1, 1]
    );
}

#[test]
fn a_mark_on_each_cluster_of_an_incident_does_not_hide_the_incident() {
    let folder = Folder::new();
    folder.write("trail.jsonl", lines(&tried("mallory", true)));
    let scan = folder.scan(&["--db", "trail.db", "trail.jsonl"], 0);
    for cluster in scan["clusters"].as_array().unwrap() {
        let cluster = cluster["cluster_id"].as_str().unwrap();
        let mute = [
            "clusters", "mute", cluster, "--db", "trail.db", "--for", "7d",
        ];
        folder
            .run(&[&mute[..], &["--reason", "known", "--actor", "mia"]].concat())
            .printed();
    }
    let list = ["incidents", "list", "--db", "trail.db", "--format", "json"];
    let listed = folder.run(&list).json();
    assert_eq!(listed["incidents"].as_array().unwrap().len(), 1);
}
