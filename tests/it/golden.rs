//! The golden cases: records with the structure of real trails, and the clusters that they must become.
//!
//! Each case is also processed in other orders, cuts and repetitions. These must change nothing, and the totals must
//! balance each time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use alerts::locale::Language;
use alerts::{hint, severity};
use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::facet::FacetKind;
use clusters::guard::is_overflow;
use clusters::own_roles::{OwnRoles, Role};
use clusters::report::RecordCounts;
use clusters::{Cluster, ClusterSnapshot};
use expect_test::{Expect, expect};
use input::{Layout, Limits};
use records::redact::sanitize;
use serde_json::{Value, json};
use service::ingest;
use service::memory::MemoryStore;
use service::ports::Store;
use service::rules::Rules;
use sqlite::SqliteStore;

use crate::fixtures::{fixture, fixture_with};
use crate::payloads::{event, gzip};
use crate::records::{ACCOUNT, id, ingest, ingest_by, lines, record, snapshot};

/// Processes records at once and compares the printed snapshot. Then processes them in other ways, and expects the
/// same.
#[track_caller]
fn check(records: &[Value], expected: &Expect) {
    check_by(&Rules::default(), records, expected);
}

/// Does the same with rules.
#[track_caller]
fn check_by(rules: &Rules, records: &[Value], expected: &Expect) {
    let records = told_apart(records);
    let mut store = MemoryStore::default();
    let record_counts = arrive_by(rules, &mut store, std::slice::from_ref(&records));
    let wanted = snapshot_of(&store);
    expected.assert_eq(&printed(&wanted, &record_counts));
    for (name, batches, copies) in arrivals(&records) {
        let mut memory = MemoryStore::default();
        let arrived = arrive_by(rules, &mut memory, &batches);
        let same = snapshot_of(&memory) == wanted;
        assert!(
            same,
            "{name}:\n{}",
            printed(&snapshot_of(&memory), &arrived)
        );
        assert_eq!(arrived.clustered, record_counts.clustered, "{name}");
        assert_eq!(arrived.read, copies * record_counts.read, "{name}");
    }
    let mut sqlite = SqliteStore::in_memory().unwrap();
    arrive_by(rules, &mut sqlite, &[records.clone(), records]);
    assert!(snapshot_of(&sqlite) == wanted, "in SQLite");
}

/// Gives a new ID to each record that has the default ID of the test kit, or the ID of an earlier record.
fn told_apart(records: &[Value]) -> Vec<Value> {
    let mut records = records.to_vec();
    let mut taken = BTreeSet::new();
    for (number, record) in (0x10_0000..).zip(&mut records) {
        let own = record["eventID"].as_str().unwrap_or_default().to_owned();
        if own == id(1) || (!own.is_empty() && !taken.insert(own)) {
            record["eventID"] = json!(id(number));
        }
    }
    records
}

type Batches = Vec<Vec<Value>>;

/// Returns other orders and cuts in which the records may arrive, with the number of times that each record arrives.
fn arrivals(records: &[Value]) -> [(&'static str, Batches, u64); 5] {
    let reversed: Vec<Value> = records.iter().rev().cloned().collect();
    let half = records.len().div_ceil(2);
    let (first, second) = records.split_at(half);
    let mut interleaved = Vec::new();
    for (number, record) in second.iter().enumerate() {
        interleaved.extend([record.clone(), first[number].clone()]);
    }
    interleaved.extend_from_slice(&first[second.len()..]);
    let one_a_batch = records.iter().map(|record| vec![record.clone()]).collect();
    let twice = records
        .iter()
        .flat_map(|record| [record.clone(), record.clone()])
        .collect();
    [
        ("reversed", vec![reversed.clone()], 1),
        ("halves interleaved", vec![interleaved], 1),
        ("one record a batch", one_a_batch, 1),
        ("every record twice", vec![twice], 2),
        ("again in reverse", vec![records.to_vec(), reversed], 2),
    ]
}

fn arrive(store: &mut impl Store, batches: &[Vec<Value>]) -> RecordCounts {
    arrive_by(&Rules::default(), store, batches)
}

fn arrive_by(rules: &Rules, store: &mut impl Store, batches: &[Vec<Value>]) -> RecordCounts {
    let mut sum = RecordCounts::default();
    for batch in batches {
        let record_counts = ingest_by(rules, store, &lines(batch));
        assert!(record_counts.balances(), "{record_counts:?}");
        sum.add(&record_counts);
    }
    sum
}

fn snapshot_of(store: &impl Store) -> ClusterSnapshot {
    pollster::block_on(store.snapshot(None)).unwrap()
}

/// Prints a snapshot for people: one line for each cluster, then the totals of the other records.
fn printed(snapshot: &ClusterSnapshot, record_counts: &RecordCounts) -> String {
    // Identities contain text of callers unchanged, so printing has to sanitize them.
    let clusters = snapshot.clusters();
    let mut lines: Vec<String> = clusters
        .iter()
        .map(|cluster| sanitize(&line(cluster), 4096))
        .collect();
    lines.sort();
    for (outcome, reasons) in [
        ("ignored", &record_counts.ignored),
        ("quarantined", &record_counts.quarantined),
        ("not selected", &record_counts.not_selected),
    ] {
        for (reason, count) in reasons {
            lines.push(format!("{outcome} {reason} x{count}"));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn line(cluster: &Cluster) -> String {
    let identity = &cluster.facts.identity;
    let mut line = format!("{}:{}", identity.service, identity.action);
    if identity.partition != "aws" {
        write!(line, " {}", identity.partition).unwrap();
    }
    if identity.account_id != ACCOUNT {
        write!(line, " of {}", identity.account_id).unwrap();
    }
    write!(line, " {} {}", identity.class.name(), identity.code).unwrap();
    if let Some(cause) = &identity.cause {
        write!(line, " cause={cause}").unwrap();
    }
    if let Some(template) = &identity.template {
        write!(line, " {template:?}").unwrap();
    }
    write!(line, " x{} {}", cluster.span.count, span(cluster)).unwrap();
    for (kind, name) in [
        (FacetKind::Principal, "by"),
        (FacetKind::Layer, "layer"),
        (FacetKind::Session, "session"),
        (FacetKind::Instance, "instance"),
        (FacetKind::IamAction, "needs"),
        (FacetKind::Resource, "on"),
        (FacetKind::VpcEndpoint, "through"),
        (FacetKind::Mfa, "mfa"),
        (FacetKind::Origin, "via"),
    ] {
        if let Some(told) = told(cluster, kind) {
            write!(line, " {name}={told}").unwrap();
        }
    }
    write!(line, " {}", severity::of_cluster(cluster).severity.name()).unwrap();
    line
}

/// Prints up to two values of a facet and the number of the others. Leaves out values that the line already has.
fn told(cluster: &Cluster, kind: FacetKind) -> Option<String> {
    let facet = cluster.facets.get(&kind)?;
    if facet.distinct > 2 {
        let shown = facet.values.len();
        return Some(if shown < facet.distinct {
            format!("{}({shown} shown)", facet.distinct)
        } else {
            facet.distinct.to_string()
        });
    }
    let identity = &cluster.facts.identity;
    let own_action = format!("{}:{}", identity.service, identity.action);
    let values: Vec<String> = facet
        .values
        .iter()
        .map(|value| value.value.replace(ACCOUNT, "…"))
        .filter(|value| *value != own_action)
        .collect();
    (!values.is_empty()).then(|| values.join("|"))
}

fn span(cluster: &Cluster) -> String {
    let (Some(first), Some(last)) = (cluster.span.first_seen, cluster.span.last_seen) else {
        return "undated".to_owned();
    };
    let (first, last) = (first.to_string(), last.to_string());
    if first[..10] == last[..10] {
        format!("{}..{}", &first[11..16], &last[11..16])
    } else {
        format!("{}..{}", &first[..16], &last[..16])
    }
}

/// Returns the message with which IAM denies a call of a caller with this ARN.
fn refusal(caller: &str, action: &str, tail: &str) -> String {
    format!("User: {caller} is not authorized to perform: {action} {tail}")
}

const MIA: &str = "arn:aws:iam::111122223333:user/mia";

/// Returns the `userIdentity` of a role's session.
fn session(role: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLEEXAMPLE003:{session}"),
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLEEXAMPLE02",
        "sessionContext": {"sessionIssuer": {
            "type": "Role",
            "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
            "accountId": ACCOUNT,
            "userName": role,
        }},
    })
}

#[test]
fn ten_thousand_failed_log_deliveries_are_two_clusters_with_exact_counts() {
    let put = fixture("s3-PutObject-log-delivery");
    let head = fixture("s3-HeadBucket-log-delivery");
    let records: Vec<Value> = (0..10_011_u64)
        .map(|number| {
            let mut record = if number % 7 == 0 { &head } else { &put }.clone();
            record["eventID"] = json!(id(number + 2));
            // Every half minute, for three and a half days.
            let (day, second) = (2 + number / 2880, number % 2880 * 30);
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            record["eventTime"] = json!(format!(
                "2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
            ));
            record
        })
        .collect();
    check(
        &records,
        &expect![[r#"
        s3:HeadBucket denied Denied x1431 2026-11-02T00:00..2026-11-05T11:25 by=delivery.logs.amazonaws.com needs=s3:ListBucket on=arn:aws:s3:::example-logs via=aws-service warning
        s3:PutObject denied Denied x8580 2026-11-02T00:00..2026-11-05T11:24 by=delivery.logs.amazonaws.com on=arn:aws:s3:::example-logs/* via=aws-service error
    "#]],
    );
}

#[test]
fn an_encoded_refusal_and_the_same_in_clear_text_are_one_cluster() {
    check(
        &[
            fixture("ec2-DescribeInstanceAttribute-encoded-whole"),
            fixture("ec2-DescribeInstanceAttribute-encoded-cut"),
            fixture("ec2-DescribeInstanceAttribute-clear-and-encoded-cut"),
        ],
        &expect![[r#"
            ec2:DescribeInstanceAttribute denied Denied x3 08:00..08:00 by=arn:aws:iam::…:role/app layer=identity implicit session=nightly on=3 via=cli warning
        "#]],
    );
}

#[test]
fn a_refusal_that_begins_to_tell_its_reason_stays_in_its_cluster_and_adds_a_layer() {
    let refused = |number, tail: &str| {
        record(json!({
            "eventSource": "lambda.amazonaws.com",
            "eventName": "ListFunctions20150331",
            "eventTime": format!("2026-11-02T08:0{number}:00Z"),
            "errorCode": "AccessDenied",
            "errorMessage": refusal(MIA, "lambda:ListFunctions", tail),
        }))
    };
    check(
        &[
            refused(0, "on resource: *"),
            refused(
                5,
                "on resource: * because no identity-based policy allows the lambda:ListFunctions action",
            ),
        ],
        &expect![[r#"
            lambda:ListFunctions denied Denied x2 08:00..08:05 by=arn:aws:iam::…:user/mia layer=identity implicit on=* via=sdk warning
        "#]],
    );
}

#[test]
fn a_service_control_policy_that_starts_to_deny_is_a_new_layer_in_the_old_cluster() {
    check(
        &[
            fixture("organizations-DescribeOrganization-identity"),
            fixture_with(
                "organizations-DescribeOrganization-scp",
                json!({"eventTime": "2026-11-02T09:30:00Z"}),
            ),
        ],
        &expect![[r#"
            organizations:DescribeOrganization denied Denied x2 08:00..09:30 by=arn:aws:iam::…:role/app layer=identity implicit|scp explicit session=nightly on=* via=sdk warning
        "#]],
    );
}

#[test]
fn four_invalid_values_in_run_instances_are_three_facts() {
    let invalid = |message: &str, request: Value| {
        record(json!({
            "eventSource": "ec2.amazonaws.com",
            "eventName": "RunInstances",
            "readOnly": false,
            "errorCode": "Client.InvalidParameterValue",
            "errorMessage": message,
            "requestParameters": request,
        }))
    };
    let profile = |name: &str| {
        invalid(
            &format!(
                "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            ),
            json!({"iamInstanceProfile": {"name": name}}),
        )
    };
    check(
        &[
            profile("web-blue-instance"),
            profile("batch"),
            invalid(
                "The architecture 'x86_64,i386' of the specified instance type does not match the architecture 'arm64' of the specified AMI.",
                json!({"instanceType": "t2.micro"}),
            ),
            invalid(
                "Value () for parameter groupId is invalid. The value cannot be empty",
                json!({}),
            ),
        ],
        &expect![[r#"
            ec2:RunInstances invalid InvalidParameterValue "The architecture '<*>' of the specified instance type does not match the architecture '<*>' of the specified AMI." x1 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk info
            ec2:RunInstances invalid InvalidParameterValue "Value (<*>) for parameter groupId is invalid. The value cannot be empty" x1 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk info
            ec2:RunInstances invalid InvalidParameterValue "Value (<*>) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name" x2 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk info
        "#]],
    );
}

#[test]
fn the_name_of_what_is_missing_is_no_part_of_the_fact() {
    let missing = |name: &str| {
        record(json!({
            "eventSource": "iam.amazonaws.com",
            "eventName": "DeleteLoginProfile",
            "readOnly": false,
            "errorCode": "NoSuchEntityException",
            "errorMessage": format!("Login Profile for User {name} cannot be found."),
            "requestParameters": {"userName": name},
        }))
    };
    check(
        &[missing("omar"), missing("build-robot-7"), missing("zoe_x")],
        &expect![[r#"
            iam:DeleteLoginProfile absent NoSuchEntity x3 08:00..08:00 by=arn:aws:iam::…:user/mia on=3 via=sdk warning
        "#]],
    );
}

#[test]
fn a_dashboard_with_a_plain_word_for_a_name_is_masked_like_any_other() {
    // With the code "not found" the text would not count. This service also answers with codes that are not in the
    // table. Then only the request shows that the word is a name.
    let missing = |code: &str, name: &str| {
        record(json!({
            "eventSource": "monitoring.amazonaws.com",
            "eventName": "GetDashboard",
            "errorCode": code,
            "errorMessage": format!("Dashboard {name} does not exist"),
            "requestParameters": {"dashboardName": name},
        }))
    };
    check(
        &[
            missing("DashboardNotFoundError", "CloudWatch-Default"),
            missing("DashboardNotFoundError", "Falsimentis"),
            missing("DashboardGone", "CloudWatch-Default"),
            missing("DashboardGone", "Falsimentis"),
        ],
        &expect![[r#"
            monitoring:GetDashboard absent DashboardNotFound x2 08:00..08:00 by=arn:aws:iam::…:user/mia needs=cloudwatch:GetDashboard on=CloudWatch-Default|Falsimentis via=sdk info
            monitoring:GetDashboard other DashboardGone "Dashboard <*> does not exist" x2 08:00..08:00 by=arn:aws:iam::…:user/mia needs=cloudwatch:GetDashboard on=CloudWatch-Default|Falsimentis via=sdk warning
        "#]],
    );
}

#[test]
fn two_reasons_under_one_code_are_two_clusters() {
    let invalid = |message: String, request: Value| {
        fixture_with(
            "cloudtrail-LookupEvents-invalid",
            json!({"errorMessage": message, "requestParameters": request}),
        )
    };
    let too_many = |count: u32| {
        invalid(
            format!(
                "1 validation error detected: Value '{count}' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50"
            ),
            json!({"maxResults": count}),
        )
    };
    check(
        &[
            too_many(500),
            too_many(51),
            invalid(
                "The nextToken 'EXAMPLETOKEN00001' has expired.".to_owned(),
                json!({"nextToken": "EXAMPLETOKEN00001"}),
            ),
        ],
        &expect![[r#"
            cloudtrail:LookupEvents invalid Validation "<*> validation error detected: Value '<*>' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to <*>" x2 08:00..08:00 by=arn:aws:iam::…:user/mia via=cli info
            cloudtrail:LookupEvents invalid Validation "The nextToken '<*>' has expired." x1 08:00..08:00 by=arn:aws:iam::…:user/mia via=cli info
        "#]],
    );
}

#[test]
fn a_failed_console_login_is_told_by_its_message_its_answer_or_its_code() {
    let name = "signin-ConsoleLogin-failed-authentication";
    check(
        &[
            fixture(name),
            fixture_with(
                name,
                json!({"responseElements": null, "eventTime": "2026-11-02T08:01:00Z"}),
            ),
            fixture_with(
                name,
                json!({"errorCode": "Failure", "eventTime": "2026-11-02T08:02:00Z"}),
            ),
            fixture_with(
                name,
                json!({"eventType": "AwsConsoleSignin", "eventTime": "2026-11-02T08:03:00Z"}),
            ),
            fixture("signin-ConsoleLogin-response-only"),
        ],
        &expect![[r#"
            signin:ConsoleLogin signin Failure cause=IAMUser "" x1 08:00..08:00 by=user/mia mfa=no via=console warning
            signin:ConsoleLogin signin Failure cause=IAMUser "Failed authentication" x4 08:00..08:03 by=user/mia mfa=no via=console warning
        "#]],
    );
}

#[test]
fn a_name_hidden_at_sign_in_is_nobody_s_name() {
    check(
        &[fixture("signin-ConsoleLogin-hidden-user")],
        &expect![[r#"
            signin:ConsoleLogin signin Failure cause=IAMUser "No username found in supplied account" x1 08:00..08:00 by=unknown-user mfa=no via=console warning
        "#]],
    );
}

#[test]
fn a_failed_root_login_is_a_cluster_of_its_own() {
    check(
        &[
            fixture("signin-ConsoleLogin-failed-authentication"),
            fixture("signin-ConsoleLogin-root"),
        ],
        &expect![[r#"
            signin:ConsoleLogin signin Failure cause=IAMUser "Failed authentication" x1 08:00..08:00 by=user/mia mfa=no via=console warning
            signin:ConsoleLogin signin Failure cause=Root "Failed authentication" x1 08:00..08:00 by=arn:aws:iam::…:root mfa=no via=console error
        "#]],
    );
}

#[test]
fn a_login_that_failed_at_the_second_factor_says_so_however_it_is_spelled() {
    let name = "signin-ConsoleLogin-wrong-mfa-code";
    check(
        &[
            fixture("signin-ConsoleLogin-failed-authentication"),
            fixture(name),
            fixture_with(name, json!({"additionalEventData": {"MFAUsed": "YES"}})),
        ],
        &expect![[r#"
            signin:ConsoleLogin signin Failure cause=IAMUser "Failed authentication" x3 08:00..08:00 by=user/mia mfa=yes|no via=console error
        "#]],
    );
}

#[test]
fn the_steps_of_a_sign_in_fail_each_for_itself() {
    check(
        &[
            fixture("signin-CheckMfa-failure"),
            fixture("signin-SwitchRole-failure"),
            fixture("signin-ExternalIdPDirectoryLogin-failure"),
            fixture("signin-CredentialVerification-failure"),
        ],
        &expect![[r#"
            signin:CheckMfa signin Failure cause=IAMUser "" x1 08:00..08:00 by=user/mia via=console error
            signin:CredentialVerification signin Failure cause=Unknown "" x1 08:00..08:00 by=unknown mfa=no via=console warning
            signin:ExternalIdPDirectoryLogin signin Failure cause=Unknown "" x1 08:00..08:00 by=unknown via=console warning
            signin:SwitchRole signin Failure cause=IAMUser "Invalid information in one or more fields." x1 08:00..08:00 by=user/mia via=console warning
        "#]],
    );
}

#[test]
fn a_sign_in_that_succeeded_is_no_failure() {
    check(
        &[fixture_with(
            "signin-ConsoleLogin-response-only",
            json!({"responseElements": {"ConsoleLogin": "Success"}}),
        )],
        &expect![""],
    );
}

#[test]
fn a_call_refused_by_a_vpc_endpoint_names_the_role_without_its_session() {
    let again = |session: &str| {
        fixture_with(
            "kms-Decrypt-vpce-denied",
            json!({"userIdentity": {
                "type": "AWSAccount",
                "principalId": format!("AROAEXAMPLEEXAMPLE004:{session}"),
                "accountId": "444455556666",
            }}),
        )
    };
    check(
        &[
            fixture("kms-Decrypt-vpce-denied"),
            again("worker-8"),
            again("worker-9"),
        ],
        &expect![[r#"
            kms:Decrypt vpce VpceAccessDenied x3 08:00..08:00 by=account/444455556666/AROAEXAMPLEEXAMPLE004 session=3 through=vpce-0e0e0e0e0e0e0e0e0 via=other warning
        "#]],
    );
}

#[test]
fn a_stranger_who_asks_for_a_missing_object_is_anonymous_and_no_alarm() {
    check(
        &[
            fixture("s3-GetObject-anonymous-no-such-key"),
            fixture("s3-GetObject-anonymous-denied"),
        ],
        &expect![[r#"
            s3:GetObject absent NoSuchKey x1 08:00..08:00 by=anonymous on=arn:aws:s3:::example-shop/* via=other info
            s3:GetObject denied Denied x1 08:00..08:00 by=anonymous on=arn:aws:s3:::example-shop/* via=other info
        "#]],
    );
}

#[test]
fn a_storm_of_throttles_is_a_cluster_an_api_and_no_alarm() {
    let spellings = [
        ("ec2", "DescribeInstances", "Client.RequestLimitExceeded"),
        ("ec2", "DescribeSnapshots", "Client.RequestLimitExceeded"),
        ("ssm", "GetParameter", "ThrottlingException"),
        ("ssm", "GetParameter", "Throttling"),
        (
            "lambda",
            "UpdateFunctionCode20150331v2",
            "TooManyRequestsException",
        ),
    ];
    let records: Vec<Value> = (0..105)
        .map(|number| {
            let (service, name, code) = spellings[number % spellings.len()];
            record(json!({
                "eventSource": format!("{service}.amazonaws.com"),
                "eventName": name,
                "eventTime": format!("2026-11-02T08:{:02}:00Z", number % 60),
                "errorCode": code,
                "errorMessage": "Rate exceeded",
                "userIdentity": session("app", &format!("run-{number}")),
            }))
        })
        .collect();
    check(
        &records,
        &expect![[r#"
        ec2:DescribeInstances throttle Throttled x21 08:00..08:55 by=arn:aws:iam::…:role/app session=21 via=sdk info
        ec2:DescribeSnapshots throttle Throttled x21 08:01..08:56 by=arn:aws:iam::…:role/app session=21 via=sdk info
        lambda:UpdateFunctionCode throttle Throttled x21 08:04..08:59 by=arn:aws:iam::…:role/app session=21 via=sdk info
        ssm:GetParameter throttle Throttled x42 08:02..08:58 by=arn:aws:iam::…:role/app session=42 via=sdk info
    "#]],
    );
}

#[test]
fn a_dry_run_is_counted_and_is_no_failure() {
    check(
        &[fixture("ec2-RunInstances-dry-run")],
        &expect![[r#"
        ignored dry_run x1
    "#]],
    );
}

#[test]
fn a_failure_of_one_s_own_roles_is_no_cluster() {
    let own = Role::parse(&format!("arn:aws:iam::{ACCOUNT}:role/stack/ingest")).unwrap();
    let rules = Rules::default().with_exclusions(Exclusions {
        own: OwnRoles::new(vec![own]),
        ..Exclusions::default()
    });
    let by = |role: &str| {
        record(json!({"errorCode": "AccessDenied", "userIdentity": session(role, "fn")}))
    };
    let lines = lines(&told_apart(&[by("ingest"), by("deploy"), by("ingest")]));
    let folded = ingest::fold(
        lines.as_bytes(),
        Layout::Lines,
        &Limits::default(),
        None,
        &rules,
    );
    let mut store = MemoryStore::default();
    let ingested = pollster::block_on(ingest::commit(&mut store, "test", folded.unwrap()));
    let record_counts = ingested.unwrap().record_counts;
    assert!(
        record_counts.balances() && record_counts.own_refusals == 2,
        "{record_counts:?}"
    );
    expect![[r#"
        s3:GetObject denied Denied x1 08:00..08:00 by=arn:aws:iam::…:role/deploy session=fn via=sdk warning
        ignored self x2
    "#]].assert_eq(&printed(&snapshot_of(&store), &record_counts));
}

/// The account in which the called resource is.
const OTHER: &str = "444455556666";

/// Returns the records of calls that a role makes with a key of another account. Each call is logged in both accounts,
/// with fewer fields about the caller in the other one.
fn logged_twice(actions: RangeInclusive<u64>) -> Vec<Value> {
    let logged = |action: u64, number: u64, account_id: &str, caller: Value| {
        record(json!({
            "eventID": id(0x100 + number),
            "sharedEventID": id(0x200 + action),
            "requestID": format!("EXAMPLEREQUEST{action:02}"),
            "recipientAccountId": account_id,
            "eventSource": "kms.amazonaws.com",
            "eventName": "Decrypt",
            "errorCode": "DisabledException",
            "userIdentity": caller,
        }))
    };
    let both = |action: u64| {
        let known = json!({
            "type": "AWSAccount",
            "principalId": "AROAEXAMPLEEXAMPLE003:fn",
            "accountId": ACCOUNT,
        });
        [
            logged(action, 2 * action, ACCOUNT, session("shop", "fn")),
            logged(action, 2 * action + 1, OTHER, known),
        ]
    };
    actions.flat_map(both).collect()
}

/// Returns the rules of a user who reads the trails of the given accounts.
fn with_trails_of(accounts: &[&str]) -> Rules {
    Rules::default().with_exclusions(Exclusions {
        trail_accounts: TrailAccounts::new(accounts.iter().map(|id| (*id).to_owned())),
        ..Exclusions::default()
    })
}

#[test]
fn one_action_that_two_accounts_log_is_one_action_where_both_trails_come_here() {
    let records = logged_twice(1..=3);
    check_by(
        &with_trails_of(&[ACCOUNT, OTHER]),
        &records,
        &expect![[r#"
            kms:Decrypt conflict Disabled x3 08:00..08:00 by=arn:aws:iam::…:role/shop session=fn via=sdk info
            ignored twin x3
        "#]],
    );
    check(
        &records,
        &expect![[r#"
            kms:Decrypt conflict Disabled x3 08:00..08:00 by=arn:aws:iam::…:role/shop session=fn via=sdk info
            kms:Decrypt of 444455556666 conflict Disabled x3 08:00..08:00 by=account/…/AROAEXAMPLEEXAMPLE003 session=fn via=sdk info
        "#]],
    );
    // It is the caller's account that matters.
    let with = |accounts: &[&str]| {
        let mut store = MemoryStore::default();
        let batch = std::slice::from_ref(&records);
        arrive_by(&with_trails_of(accounts), &mut store, batch);
        snapshot_of(&store)
    };
    assert!(with(&[ACCOUNT]) == with(&[ACCOUNT, OTHER]));
    assert!(with(&[OTHER]) == with(&[]));
}

#[test]
fn what_may_be_the_only_record_of_an_action_counts() {
    let only = |fields: Value| {
        let mut twin = logged_twice(1..=1)[1].clone();
        for (name, value) in fields.as_object().unwrap() {
            twin[name] = value.clone();
        }
        twin
    };
    let stranger = json!({"type": "AWSAccount", "accountId": "777788889999"});
    let service = json!({"type": "AWSService", "invokedBy": "delivery.logs.amazonaws.com"});
    check_by(
        &with_trails_of(&[ACCOUNT, OTHER]),
        &[
            only(json!({"eventName": "Encrypt", "userIdentity": stranger})),
            only(json!({"eventName": "GenerateDataKey", "userIdentity": service})),
            only(json!({"eventName": "Sign", "sharedEventID": null})),
            only(json!({"eventName": "Verify", "eventType": "AwsVpceEvent"})),
            only(json!({"eventName": "ReEncrypt", "eventType": "AwsServiceEvent"})),
            only(json!({"eventType": "AwsCloudTrailInsight", "eventCategory": "Insight"})),
        ],
        &expect![[r#"
            kms:Encrypt of 444455556666 conflict Disabled x1 08:00..08:00 by=account/777788889999 via=sdk info
            kms:GenerateDataKey of 444455556666 conflict Disabled x1 08:00..08:00 by=delivery.logs.amazonaws.com via=aws-service info
            kms:ReEncrypt of 444455556666 conflict Disabled x1 08:00..08:00 by=account/…/AROAEXAMPLEEXAMPLE003 session=fn needs=kms:ReEncryptFrom via=sdk info
            kms:Sign of 444455556666 conflict Disabled x1 08:00..08:00 by=account/…/AROAEXAMPLEEXAMPLE003 session=fn via=sdk info
            kms:Verify of 444455556666 vpce Disabled x1 08:00..08:00 by=account/…/AROAEXAMPLEEXAMPLE003 session=fn via=sdk warning
            not selected insight x1
        "#]],
    );
}

#[test]
fn a_missing_pass_role_is_another_fact_than_a_missing_create_function() {
    check(
        &[
            fixture("lambda-CreateFunction-denied"),
            fixture("lambda-CreateFunction-pass-role"),
        ],
        &expect![[r#"
            lambda:CreateFunction denied Denied cause=iam:PassRole x1 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit needs=iam:PassRole on=arn:aws:iam::…:role/resize via=cli error
            lambda:CreateFunction denied Denied x1 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit on=arn:aws:lambda:eu-central-1:…:function:resize via=cli error
        "#]],
    );
}

#[test]
fn an_object_whose_key_must_not_be_used_is_another_fact_than_a_closed_object() {
    check(
        &[
            fixture("s3-GetObject-kms-decrypt"),
            fixture_with(
                "s3-GetObject-kms-decrypt",
                json!({"errorMessage": "Access Denied"}),
            ),
        ],
        &expect![[r#"
            s3:GetObject denied Denied cause=kms:Decrypt x1 08:00..08:00 by=arn:aws:iam::…:role/app layer=identity implicit session=nightly needs=kms:Decrypt on=arn:aws:kms:eu-central-1:…:key/0a0a0a0a-0000-4000-8000-00000000000a via=sdk warning
            s3:GetObject denied Denied x1 08:00..08:00 by=arn:aws:iam::…:role/app session=nightly on=arn:aws:s3:::example-shop/* via=sdk warning
        "#]],
    );
}

#[test]
fn an_action_is_the_same_in_capitals() {
    let refused = |action: &str| {
        record(json!({
            "eventSource": "sns.amazonaws.com",
            "eventName": "Publish",
            "readOnly": false,
            "errorCode": "AuthorizationError",
            "errorMessage": refusal(
                MIA,
                action,
                "on resource: arn:aws:sns:eu-central-1:111122223333:orders because no identity-based policy allows the SNS:Publish action",
            ),
        }))
    };
    check(
        &[refused("SNS:Publish"), refused("sns:Publish")],
        &expect![[r#"
            sns:Publish denied Denied x2 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit on=arn:aws:sns:eu-central-1:…:orders via=sdk error
        "#]],
    );
}

#[test]
fn apis_that_share_one_verb_as_their_action_stay_apart() {
    let refused = |name: &str, path: &str| {
        record(json!({
            "eventSource": "apigateway.amazonaws.com",
            "eventName": name,
            "errorCode": "AccessDenied",
            "errorMessage": refusal(
                MIA,
                "apigateway:GET",
                &format!("on resource: arn:aws:apigateway:eu-central-1::{path} because no identity-based policy allows the apigateway:GET action"),
            ),
        }))
    };
    check(
        &[
            refused("GetRestApis", "/restapis"),
            refused("GetApiKeys", "/apikeys"),
        ],
        &expect![[r#"
            apigateway:GetApiKeys denied Denied x1 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit needs=apigateway:GET on=arn:aws:apigateway:eu-central-1::/apikeys via=sdk warning
            apigateway:GetRestApis denied Denied x1 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit needs=apigateway:GET on=arn:aws:apigateway:eu-central-1::/restapis via=sdk warning
        "#]],
    );
}

#[test]
fn a_session_without_its_issuer_is_still_its_role() {
    let mut bare = session("app", "s-1");
    bare.as_object_mut().unwrap().remove("sessionContext");
    check(
        &[
            record(json!({"errorCode": "AccessDenied", "userIdentity": bare})),
            record(json!({"errorCode": "AccessDenied", "userIdentity": session("app", "s-2")})),
        ],
        &expect![[r#"
            s3:GetObject denied Denied x2 08:00..08:00 by=arn:aws:iam::…:role/app session=s-1|s-2 via=sdk warning
        "#]],
    );
}

#[test]
fn two_people_behind_one_single_sign_on_role_are_two_principals_of_one_cluster() {
    let as_omar = fixture("s3-DeleteBucket-sso")
        .to_string()
        .replace("mia@example.com", "omar@example.com");
    check(
        &[
            fixture("s3-DeleteBucket-sso"),
            serde_json::from_str(&as_omar).unwrap(),
        ],
        &expect![[r#"
            s3:DeleteBucket denied Denied x2 08:00..08:00 by=arn:aws:iam::…:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Developer_0123456789abcdef as mia@example.com|arn:aws:iam::…:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Developer_0123456789abcdef as omar@example.com layer=identity implicit session=mia@example.com|omar@example.com on=arn:aws:s3:::example-shop via=console error
        "#]],
    );
}

#[test]
fn sixty_instances_of_one_role_are_one_principal_and_fifty_shown_instances() {
    let records: Vec<Value> = (0..60)
        .map(|number| {
            let instance = format!("i-0abcdef012345{number:04x}");
            record(json!({
                "eventSource": "ssm.amazonaws.com",
                "eventName": "UpdateInstanceInformation",
                "readOnly": false,
                "errorCode": "AccessDeniedException",
                "errorMessage": refusal(
                    &format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/{instance}"),
                    "ssm:UpdateInstanceInformation",
                    &format!("on resource: arn:aws:ec2:eu-central-1:{ACCOUNT}:instance/{instance} because no identity-based policy allows the ssm:UpdateInstanceInformation action"),
                ),
                "userIdentity": session("web", &instance),
            }))
        })
        .collect();
    check(
        &records,
        &expect![[r#"
        ssm:UpdateInstanceInformation denied Denied x60 08:00..08:00 by=arn:aws:iam::…:role/web layer=identity implicit instance=60(50 shown) on=60(50 shown) via=sdk error
    "#]],
    );
}

#[test]
fn a_pod_is_its_service_account_and_a_workflow_its_repository() {
    let refused = |name: &str| fixture_with(name, json!({"errorMessage": null}));
    check(
        &[
            refused("sts-AssumeRoleWithWebIdentity-irsa"),
            refused("sts-AssumeRoleWithWebIdentity-github-branch"),
            refused("sts-AssumeRoleWithWebIdentity-github-pull-request"),
        ],
        &expect![[r#"
            sts:AssumeRoleWithWebIdentity denied Denied x3 08:00..08:00 by=arn:aws:iam::…:oidc-provider/token.actions.githubusercontent.com as repo:example/shop:*|arn:aws:iam::…:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE0 as system:serviceaccount:shop:cart session=3 on=arn:aws:iam::…:role/deploy via=sdk warning
        "#]],
    );
}

#[test]
fn a_record_that_names_no_caller_or_no_kind_of_caller_is_clustered_all_the_same() {
    let called_by = |identity: Value| {
        let mut record = record(json!({"errorCode": "AccessDenied"}));
        record["userIdentity"] = identity;
        record
    };
    check(
        &[
            record(json!({"errorCode": "AccessDenied", "userIdentity": null})),
            called_by(Value::Null),
            called_by(json!("mia")),
            called_by(json!({})),
            called_by(json!({"arn": MIA, "accountId": ACCOUNT})),
            called_by(json!({"type": "Unknown", "principalId": ACCOUNT})),
        ],
        &expect![[r#"
            s3:GetObject denied Denied x6 08:00..08:00 by=unknown|arn:aws:iam::…:user/mia via=sdk warning
        "#]],
    );
}

#[test]
fn a_record_of_no_account_and_no_time_is_clustered_all_the_same() {
    check(
        &[record(json!({
            "errorCode": "AccessDenied",
            "recipientAccountId": null,
            "eventTime": null,
            "userIdentity": null,
        }))],
        &expect![[r#"
            s3:GetObject of unknown denied Denied x1 undated by=unknown via=sdk warning
        "#]],
    );
}

#[test]
fn china_is_a_partition_of_its_own() {
    let role = "arn:aws-cn:iam::111122223333:role/app";
    let refused = |source: &str| {
        record(json!({
            "awsRegion": "cn-north-1",
            "eventSource": source,
            "eventName": "DescribeInstances",
            "errorCode": "Client.UnauthorizedOperation",
            "errorMessage": "You are not authorized to perform this operation.",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEEXAMPLE005:s",
                "arn": "arn:aws-cn:sts::111122223333:assumed-role/app/s",
                "accountId": ACCOUNT,
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
            },
        }))
    };
    check(
        &[
            refused("ec2.amazonaws.com"),
            refused("ec2.amazonaws.com.cn"),
        ],
        &expect![[r#"
            ec2:DescribeInstances aws-cn denied Denied x2 08:00..08:00 by=arn:aws-cn:iam::…:role/app session=s via=sdk warning
        "#]],
    );
}

#[test]
fn an_event_counts_once_in_a_batch_across_batches_and_after_a_retry() {
    let failures: Vec<Value> = (1..=6)
        .map(|number| record(json!({"eventID": id(number), "errorCode": "AccessDenied"})))
        .collect();
    let mut store = MemoryStore::default();
    let mut outcomes = Vec::new();
    let repeated = [&failures[..2], &failures[..2]].concat();
    for (case, batch) in [
        ("twice in one batch", &repeated[..]),
        ("across batches", &failures[1..4]),
        ("a batch of which half was committed before", &failures[..]),
        ("the same once more", &failures[..]),
    ] {
        let record_counts = ingest(&mut store, &lines(batch));
        assert!(record_counts.balances(), "{record_counts:?}");
        outcomes.push(format!(
            "{case}: clustered {} duplicate {}\n",
            record_counts.clustered, record_counts.duplicate
        ));
    }
    expect![[r#"
        twice in one batch: clustered 2 duplicate 2
        across batches: clustered 2 duplicate 1
        a batch of which half was committed before: clustered 2 duplicate 4
        the same once more: clustered 0 duplicate 6
    "#]]
    .assert_eq(&outcomes.concat());
    assert!(
        snapshot_of(&store) == snapshot(&failures),
        "as if delivered once"
    );
}

#[test]
fn a_corrected_record_does_not_count_again() {
    let failure = record(json!({"eventID": id(7), "errorCode": "AccessDenied"}));
    let corrected = record(json!({
        "eventID": id(8),
        "errorCode": "AccessDenied",
        "addendum": {"reason": "UPDATED_DATA", "originalEventID": id(7)},
    }));
    check(
        &[failure, corrected],
        &expect![[r#"
        s3:GetObject denied Denied x1 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk warning
    "#]],
    );
}

/// Returns a long access denied message, cut before or after its reason begins. CloudTrail cuts messages at about a
/// kilobyte and appends three dots.
fn cut_refusal(after_reason: isize) -> Value {
    let whole = refusal(
        MIA,
        "s3:GetObject",
        &format!(
            "on resource: arn:aws:s3:::example-shop/{} because no identity-based policy allows the s3:GetObject action",
            "k".repeat(850)
        ),
    );
    let at = whole
        .find(" because")
        .unwrap()
        .checked_add_signed(after_reason)
        .unwrap();
    record(json!({"errorCode": "AccessDenied", "errorMessage": format!("{}...", &whole[..at])}))
}

#[test]
fn a_refusal_that_was_cut_stays_in_its_cluster_without_the_layer_it_lost() {
    check(
        &[
            cut_refusal(-40),
            cut_refusal(0),
            cut_refusal(4),
            cut_refusal(40),
        ],
        &expect![[r#"
            s3:GetObject denied Denied x4 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit on=arn:aws:s3:::example-shop/* via=sdk warning
        "#]],
    );
}

#[test]
fn nothing_that_a_caller_writes_steers_a_terminal() {
    let records = [record(json!({
        "errorCode": "AccessDenied\u{1b}[31m",
        "errorMessage": "nope \u{1b}]0;owned\u{7} \u{202e}txt | `x` <script>alert(1)</script>",
        "userAgent": "evil\u{1b}[2J\r\nX-Injected:1 | **bold** <img src=x>",
        "eventName": "Get\u{1b}[1mObject\n",
        "awsRegion": "eu\u{0}-central-1",
        "requestParameters": {"bucketName": "shop\u{1b}[5m/[link](http://203.0.113.9)"},
        "userIdentity": session("app", "s\u{1b}[8m\n| x | y |\u{200b}"),
    }))];
    let snapshot = snapshot(&records);
    for cluster in snapshot.clusters() {
        let values = cluster.facets.values().flat_map(|facet| &facet.values);
        let samples = cluster.samples.iter().map(|sample| &*sample.json);
        for text in values.map(|value| value.value.as_str()).chain(samples) {
            let steers = |c: char| c.is_control() || "\u{202e}\u{200b}".contains(c);
            assert!(!text.contains(steers), "{text:?}");
        }
    }
    check(
        &records,
        &expect![[r#"
            s3:Get[1mObject denied Denied "nope \u{1b}]<*>;owned\u{7} \u{202e}txt | `<*>` <*>alert(<*>)<*>" x1 08:00..08:00 by=arn:aws:iam::…:role/app session=s[8m | x | y | on=shop[5m/[link](http://203.0.113.9) via=other warning
        "#]],
    );
}

/// Returns failed calls of one hour with `count` distinct error codes.
fn made_up_codes(count: u64) -> Vec<Value> {
    (0..count)
        .map(|number| {
            record(json!({
                "eventID": id(number),
                "errorCode": format!("MadeUp{number}Code"),
            }))
        })
        .collect()
}

/// Returns the number of ordinary clusters, and the number of events of each overflow cluster.
fn overflowed(snapshot: &ClusterSnapshot) -> (usize, Vec<u64>) {
    let (overflow, ordinary): (Vec<Cluster>, Vec<Cluster>) = snapshot
        .clusters()
        .into_iter()
        .partition(|cluster| is_overflow(&cluster.facts.identity));
    let held = overflow.iter().map(|cluster| cluster.span.count).collect();
    (ordinary.len(), held)
}

#[test]
fn fifty_thousand_made_up_codes_are_two_hundred_clusters_and_one_exact_rest() {
    let mut store = MemoryStore::default();
    let record_counts = arrive(&mut store, &[made_up_codes(50_000)]);
    assert_eq!(
        (record_counts.clustered, record_counts.duplicate),
        (50_000, 0)
    );
    assert_eq!(overflowed(&snapshot_of(&store)), (200, vec![49_800]));
}

#[test]
fn a_flood_of_made_up_codes_counts_exactly_however_it_arrives() {
    let records = made_up_codes(2_000);
    let mut store = MemoryStore::default();
    arrive(&mut store, std::slice::from_ref(&records));
    let wanted = snapshot_of(&store);
    assert_eq!(overflowed(&wanted), (200, vec![1_800]));
    let backwards: Vec<Value> = records.iter().rev().chain(&records).cloned().collect();
    let mut store = MemoryStore::default();
    let record_counts = arrive(&mut store, &[backwards]);
    assert_eq!(
        (record_counts.clustered, record_counts.duplicate),
        (2_000, 2_000)
    );
    assert!(
        snapshot_of(&store) == wanted,
        "backwards, and everything twice"
    );

    // Cut into batches, others come first and are admitted, but never more of them.
    let batches: Batches = records.rchunks(333).map(<[Value]>::to_vec).collect();
    let mut store = MemoryStore::default();
    for clustered in [2_000, 0] {
        let record_counts = arrive(&mut store, &batches);
        assert_eq!(record_counts.clustered, clustered);
        assert_eq!(overflowed(&snapshot_of(&store)), (200, vec![1_800]));
    }
}

/// Prints the outcome of an input whose form has to be recognised from its content.
fn outcome(input: &[u8]) -> String {
    let folded = match ingest::fold(
        input,
        Layout::Guess,
        &Limits::default(),
        None,
        &Rules::default(),
    ) {
        Ok(folded) => folded,
        Err(error) => return format!("refused: {}", error.name()),
    };
    let mut store = MemoryStore::default();
    let record_counts = pollster::block_on(ingest::commit(&mut store, "test", folded))
        .unwrap()
        .record_counts;
    assert!(record_counts.balances(), "{record_counts:?}");
    let mut outcome = format!(
        "read {} clustered {}",
        record_counts.read, record_counts.clustered
    );
    if record_counts.control_messages > 0 {
        write!(
            outcome,
            ", control messages {}",
            record_counts.control_messages
        )
        .unwrap();
    }
    for (name, reasons) in [
        ("quarantined", &record_counts.quarantined),
        ("not selected", &record_counts.not_selected),
    ] {
        for (reason, count) in reasons {
            write!(outcome, ", {name} {reason} {count}").unwrap();
        }
    }
    outcome
}

/// Returns the payload with which CloudWatch Logs sends these messages.
fn logs(messages: &[&str]) -> String {
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"id": "1", "timestamp": 1_793_606_400_000_i64, "message": message}))
        .collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": "trail",
        "logStream": "111122223333_CloudTrail_eu-central-1",
        "subscriptionFilters": ["errors"],
        "logEvents": events,
    })
    .to_string()
}

#[test]
fn inputs_that_are_not_what_they_should_be_have_an_outcome_each() {
    let failure = record(json!({"errorCode": "AccessDenied"})).to_string();
    let control = json!({
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [{
            "id": "",
            "timestamp": 1_793_606_400_000_i64,
            "message": "CWL CONTROL MESSAGE: Checking health of destination",
        }],
    });
    let packed = gzip(logs(&[&failure]));
    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 0xff;
    let large = record(json!({
        "errorCode": "AccessDenied",
        "requestParameters": {"policy": "x".repeat(256 * 1024)},
    }));
    let too_large = record(json!({
        "errorCode": "AccessDenied",
        "requestParameters": {"policy": "x".repeat(3 * 1024 * 1024)},
    }));
    let cases: [(&str, Vec<u8>); 11] = [
        ("a payload", event(&packed)),
        ("control message", event(gzip(control.to_string()))),
        ("no log events", event(gzip(logs(&[])))),
        ("gzip with a wrong checksum", event(&damaged)),
        ("gzip cut off", event(&packed[..packed.len() - 12])),
        ("no gzip", event(b"hello")),
        ("no base64", br#"{"awslogs": {"data": "~~~~"}}"#.to_vec()),
        (
            "log lines of something else",
            event(gzip(logs(&[
                "START RequestId: 1",
                r#"{"level": "info", "message": "hello"}"#,
                "[1, 2]",
                &failure,
            ]))),
        ),
        ("a record of 256 KB", large.to_string().into_bytes()),
        (
            "a record of 3 MB beside another",
            lines(&[too_large, record(json!({"errorCode": "AccessDenied"}))]).into_bytes(),
        ),
        ("nothing", Vec::new()),
    ];
    let outcomes: String = cases
        .iter()
        .map(|(name, input)| format!("{name}: {}\n", outcome(input)))
        .collect();
    expect![[r#"
        a payload: read 1 clustered 1
        control message: read 0 clustered 0, control messages 1
        no log events: read 0 clustered 0
        gzip with a wrong checksum: refused: gzip
        gzip cut off: refused: gzip
        no gzip: refused: payload_not_gzip
        no base64: refused: payload_base64
        log lines of something else: read 4 clustered 1, quarantined not_an_object 1, quarantined not_json 1, not selected not_an_api_event 1
        a record of 256 KB: read 1 clustered 1
        a record of 3 MB beside another: read 2 clustered 1, quarantined oversize 1
        nothing: refused: empty
    "#]].assert_eq(&outcomes);
}

#[test]
fn only_another_major_version_is_another_format() {
    let outcomes: String = ["1.0", "1.99", "2.0", "02", "x"]
        .iter()
        .map(|version| {
            let record = record(json!({"errorCode": "AccessDenied", "eventVersion": version}));
            format!("{version}: {}\n", outcome(record.to_string().as_bytes()))
        })
        .collect();
    expect![[r#"
        1.0: read 1 clustered 1
        1.99: read 1 clustered 1
        2.0: read 1 clustered 0, quarantined unknown_version 1
        02: read 1 clustered 0, quarantined unknown_version 1
        x: read 1 clustered 1
    "#]]
    .assert_eq(&outcomes);
}

#[test]
fn a_failed_user_authentication_is_a_failed_sign_in() {
    check(
        &[fixture_with(
            "signin-CredentialVerification-failure",
            json!({
                "eventName": "UserAuthentication",
                "serviceEventDetails": {"UserAuthentication": "Failure"},
            }),
        )],
        &expect![[r#"
            signin:UserAuthentication signin Failure cause=Unknown "" x1 08:00..08:00 by=unknown mfa=no via=console warning
        "#]],
    );
}

#[test]
fn a_refusal_that_begins_with_not_authorized_is_a_refusal_like_any_other() {
    let provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let tail = "on resource: arn:aws:iam::111122223333:role/deploy";
    let name = "sts-AssumeRoleWithWebIdentity-github-branch";
    let sentence = refusal(provider, "sts:AssumeRoleWithWebIdentity", tail);
    check(
        &[
            fixture(name),
            fixture_with(name, json!({"errorMessage": sentence})),
            fixture_with(name, json!({"errorMessage": null})),
        ],
        &expect![[r#"
            sts:AssumeRoleWithWebIdentity denied Denied x3 08:00..08:00 by=arn:aws:iam::…:oidc-provider/token.actions.githubusercontent.com as repo:example/shop:* session=repo:example/shop:ref:refs/heads/main on=arn:aws:iam::…:role/deploy via=sdk warning
        "#]],
    );
}

#[test]
fn a_resource_in_quotes_is_the_same_resource() {
    let refused = |resource: &str| {
        let tail = format!(
            "on resource: {resource} because no identity-based policy allows the s3:GetObject action"
        );
        record(json!({
            "errorCode": "AccessDenied",
            "errorMessage": refusal(MIA, "s3:GetObject", &tail),
        }))
    };
    check(
        &[
            refused("arn:aws:s3:::example-shop/a.txt"),
            refused("\"arn:aws:s3:::example-shop/a.txt\""),
            refused("\"arn:aws:s3:::example-shop/with a space.txt\""),
        ],
        &expect![[r#"
            s3:GetObject denied Denied x3 08:00..08:00 by=arn:aws:iam::…:user/mia layer=identity implicit on=arn:aws:s3:::example-shop/* via=sdk warning
        "#]],
    );
}

#[test]
fn a_reason_that_was_cut_off_is_no_reason_in_unknown_words() {
    let records = [cut_refusal(15)];
    let mut store = MemoryStore::default();
    assert_eq!(arrive(&mut store, &[records.to_vec()]).unknown_denials, 0);
    check(
        &records,
        &expect![[r#"
            s3:GetObject denied Denied x1 08:00..08:00 by=arn:aws:iam::…:user/mia on=arn:aws:s3:::example-shop/* via=sdk warning
        "#]],
    );
}

#[test]
fn a_code_is_of_the_same_class_whoever_is_blamed_for_it() {
    let failed = |code: &str| {
        record(json!({
            "eventSource": "ec2.amazonaws.com",
            "eventName": "RunInstances",
            "readOnly": false,
            "errorCode": code,
            "errorMessage": "We currently do not have sufficient capacity in the Availability Zone you requested.",
        }))
    };
    check(
        &[
            failed("Server.InsufficientInstanceCapacity"),
            failed("Client.InsufficientInstanceCapacity"),
            failed("Server.RequestLimitExceeded"),
        ],
        &expect![[r#"
            ec2:RunInstances quota InsufficientInstanceCapacity x2 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk warning
            ec2:RunInstances throttle Throttled x1 08:00..08:00 by=arn:aws:iam::…:user/mia via=sdk info
        "#]],
    );
}

#[test]
fn a_cluster_with_an_explicit_deny_among_its_refusals_is_never_answered_with_an_allow() {
    let refused = |number: u64, reason: &str| {
        record(json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "errorMessage": format!(
                "User: arn:aws:iam::{ACCOUNT}:user/mia is not authorized to perform: s3:GetObject on resource: * {reason}"
            ),
        }))
    };
    let implicit = "because no identity-based policy allows the s3:GetObject action";
    let explicit = "with an explicit deny in a service control policy";
    let records = [
        refused(1, implicit),
        refused(2, implicit),
        refused(3, implicit),
        refused(4, explicit),
    ];
    let clusters = snapshot(&records).clusters();
    let hint = hint::hint(
        &clusters[0].facts.identity,
        "",
        &clusters[0].typical(),
        Language::En,
    );
    assert!(hint.contains("explicitly"), "{hint}");
}

#[test]
fn a_stranger_s_root_is_not_shown_as_one_s_own() {
    let refused = record(json!({"errorCode": "AccessDenied"}));
    let clusters = snapshot(&[refused]).clusters();
    let shown = |principal| clusters[0].short_name(principal);
    assert_eq!(shown("arn:aws:iam::111122223333:root"), "root");
    let stranger = "arn:aws:iam::999988887777:root";
    assert_eq!(shown(stranger), stranger);
    assert_eq!(
        shown("delivery.logs.amazonaws.com"),
        "delivery.logs.amazonaws.com"
    );
}
