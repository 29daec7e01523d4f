//! Incidents in recorded attacks and in daily work: one for each attack, with its steps and what stays behind, and none
//! for what machines and people do every day.
//!
//! The recordings are those of `corpus`. If they are absent, these tests print a message and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::life::{IncidentAlert, SentAlert};
use clusters::incident::link::Strength;
use clusters::incident::severity::IncidentSeverity;
use clusters::incident::step::Outcome;
use clusters::incident::{Given, Incident, incidents};
use clusters::occurrence::{Occurrence, occurrences};
use clusters::selection::{NO_ERROR, Selection, select};
use clusters::watch::Watches;
use clusters::{EventId, Finding, Sighting, conclude, conclude_call};
use flate2::read::MultiGzDecoder;
use records::time::Timestamp;
use records::{Record, Wrapper};
use serde_json::{Deserializer, Value, json};

use crate::corpus::corpus;
use crate::records::{ACCOUNT, id, record};

/// The events of some records: the failures, the sensitive calls, and those of the ledger.
#[derive(Default)]
pub struct Events {
    sightings: BTreeMap<EventId, Sighting>,
    subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
}

impl Events {
    /// Adds a record as a scan does. With `ledger` calls that only the ledger needs are kept, too.
    fn add(&mut self, text: &str, watches: &Watches, ledger: Option<&Watches>) {
        let Ok(record) = Record::parse(text) else {
            return;
        };
        let wrapper = Wrapper::default();
        let conclusion = match select(&record) {
            Selection::Clustered(class) => conclude(&record, &wrapper, class),
            Selection::NotSelected(NO_ERROR) => {
                let found = watches.find(&record, text);
                let Some(details) = found.or_else(|| ledger?.find(&record, text)) else {
                    return;
                };
                conclude_call(&record, &wrapper, &details)
            }
            _ => return,
        };
        let watched = conclusion.understanding.identity.call_details().is_some();
        let (id, at) = (conclusion.id, conclusion.at);
        let finding = Finding::of(conclusion);
        let subject = || Arc::new(ClusterSubject::from(&finding.facts.identity));
        let cluster = finding.series.cluster;
        self.subjects.entry(cluster).or_insert_with(subject);
        let sighting = Sighting::new(watched, at, finding.series);
        self.sightings.insert(id, sighting);
    }

    pub fn of(texts: &[String], has_ledger: bool) -> Self {
        let (watches, ledger) = (Watches::default(), Watches::of_ledger());
        let mut events = Self::default();
        for text in texts {
            events.add(text, &watches, has_ledger.then_some(&ledger));
        }
        events
    }

    pub fn occurrences(&self) -> Vec<Occurrence> {
        let events: Vec<(EventId, Sighting)> = self
            .sightings
            .iter()
            .map(|(id, of)| (*id, of.clone()))
            .collect();
        occurrences(&events, &self.subjects)
    }
}

fn found_at(
    occurrences: &[Occurrence],
    sent: &BTreeSet<SentAlert>,
    now: Timestamp,
    removals_seen: bool,
) -> Vec<Incident> {
    incidents(&Given {
        occurrences,
        sent,
        now,
        removals_seen: &|_| removals_seen,
        first_seen: None,
    })
}

/// Returns the incidents long after the last event.
pub fn found(texts: &[String], has_ledger: bool) -> Vec<Incident> {
    let occurrences = Events::of(texts, has_ledger).occurrences();
    let Some(last) = occurrences.last() else {
        return Vec::new();
    };
    let now = last.at.plus(3 * 3600);
    found_at(&occurrences, &BTreeSet::new(), now, has_ledger)
}

/// Reads the records of a file: a trail file, lists, or one record after another; compressed or not.
fn records(path: &Path) -> Vec<String> {
    let mut text = fs::read(path).unwrap();
    if text.starts_with(&[0x1f, 0x8b]) {
        let mut inflated = Vec::new();
        MultiGzDecoder::new(&text[..])
            .read_to_end(&mut inflated)
            .unwrap();
        text = inflated;
    }
    let values = Deserializer::from_slice(&text).into_iter::<Value>();
    let mut records = Vec::new();
    for value in values.map_while(Result::ok) {
        match value {
            Value::Array(list) => records.extend(list),
            Value::Object(mut object) => match object.remove("Records") {
                Some(Value::Array(list)) => records.extend(list),
                _ => records.push(Value::Object(object)),
            },
            _ => {}
        }
    }
    records.iter().map(Value::to_string).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The records of the recorded attack day of 2023-07-10, with the file that has them.
pub fn attack_day() -> Option<Vec<(String, Vec<String>)>> {
    let folder = corpus("trail-files/invictus")?;
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = files(&folder);
    Some(
        files
            .iter()
            .map(|path| (name(path), records(path)))
            .collect(),
    )
}

pub fn all(files: &[(String, Vec<String>)]) -> Vec<String> {
    files
        .iter()
        .flat_map(|(_, records)| records.clone())
        .collect()
}

fn only(mut found: Vec<Incident>) -> Incident {
    assert_eq!(
        found.len(),
        1,
        "{:?}",
        found.iter().map(|of| &of.actor).collect::<Vec<_>>()
    );
    found.remove(0)
}

/// The steps of the attack day: when it began, technique, call, outcome, and how often.
const STEPS: [(&str, &str, &str, Outcome, u64); 31] = {
    use Outcome::{NotFound, Refused, Succeeded};
    [
        ("11:54:39", "T1098.003", "PutRolePolicy", Succeeded, 5),
        ("11:54:42", "T1548.005", "AssumeRole", Refused, 13),
        ("11:54:47", "T1552", "GetPasswordData", Refused, 29),
        ("11:55:10", "T1098.003", "AttachRolePolicy", Succeeded, 6),
        ("11:57:16", "T1651", "SendCommand", Succeeded, 1),
        ("11:59:02", "T1685.002", "DeleteTrail", NotFound, 1),
        ("11:59:58", "T1537", "PutBucketPolicy", Succeeded, 3),
        ("12:00:08", "T1685.002", "PutEventSelectors", Succeeded, 2),
        ("12:00:35", "T1485.001", "PutBucketLifecycle", Succeeded, 1),
        ("12:00:42", "T1685.002", "StopLogging", NotFound, 3),
        ("12:02:05", "T1666", "LeaveOrganization", Refused, 1),
        ("12:02:26", "T1685.002", "DeleteFlowLogs", Succeeded, 1),
        (
            "12:02:55",
            "T1580",
            "DescribeInstanceAttribute",
            Refused,
            15,
        ),
        ("12:08:00", "T1070", "DeleteLogGroup", Succeeded, 1),
        ("12:08:04", "T1685.002", "DeleteTrail", Succeeded, 2),
        (
            "12:10:05",
            "T1686.001",
            "AuthorizeSecurityGroupIngress",
            Succeeded,
            2,
        ),
        ("12:11:01", "T1537", "ModifyImageAttribute", Succeeded, 1),
        ("12:11:28", "T1537", "ModifySnapshotAttribute", Succeeded, 1),
        ("12:13:21", "T1526", "GetCostForecast", Refused, 1),
        (
            "12:22:06",
            "T1537",
            "ModifyDBSnapshotAttribute",
            Succeeded,
            1,
        ),
        ("12:23:05", "T1136.003", "CreateUser", Succeeded, 4),
        ("12:23:06", "T1098.001", "CreateLoginProfile", Succeeded, 2),
        ("12:23:15", "T1078.004", "ConsoleLogin", Succeeded, 1),
        (
            "12:24:11",
            "T1098.003",
            "UpdateAssumeRolePolicy",
            Succeeded,
            2,
        ),
        ("12:24:29", "T1098.001", "CreateAccessKey", Succeeded, 2),
        ("12:24:49", "T1098.003", "AttachUserPolicy", Succeeded, 1),
        ("12:25:40", "T1546", "AddPermission", Succeeded, 1),
        ("12:26:56", "T1546", "UpdateFunctionCode", Succeeded, 2),
        ("12:27:13", "T1098.001", "CreateTrustAnchor", Succeeded, 1),
        ("12:27:13", "T1098.001", "CreateProfile", Succeeded, 1),
        ("12:28:24", "T1685", "DeleteBucketPolicy", Succeeded, 1),
    ]
};

fn has_step(incident: &Incident, step: (&str, &str, &str, Outcome, u64)) -> bool {
    let (at, technique, action, outcome, count) = step;
    incident.steps.iter().any(|of| {
        of.first.to_string() == format!("2023-07-10T{at}Z")
            && of.key.technique.as_deref() == Some(technique)
            && of.key.action == action
            && of.key.outcome == outcome
            && of.count == count
    })
}

#[test]
fn the_recorded_attack_is_one_incident_with_all_its_steps() {
    let Some(files) = attack_day() else { return };
    let incident = only(found(&all(&files), true));
    assert_eq!(incident.actor.name, "bert-jan");
    assert_eq!(incident.severity, IncidentSeverity::Critical);
    for step in STEPS {
        assert!(has_step(&incident, step), "{step:?}");
    }
    // Five assumed roles by the keys in the answers, and the made user that signed in.
    let links = incident.members.iter().filter_map(|member| member.link);
    let strengths: Vec<Strength> = links.map(|link| link.strength).collect();
    assert_eq!(strengths, [Strength::Proven; 6]);
}

#[test]
fn what_stays_behind_the_recorded_attack_is_seven_objects_and_the_own_key() {
    let Some(files) = attack_day() else { return };
    let ledger = only(found(&all(&files), true)).ledger;
    let stands: BTreeSet<&str> = ledger.stands.iter().map(|of| of.name.as_str()).collect();
    let expected = [
        "terraform-20230710121504061500000001-snapshot",
        "stratus-red-team-share-snap-vpc",
        "vpc-07b33857c7ad1c027",
        "subnet-0c8a70cf4fd24084f",
        "subnet-0cac13291c6f317ec",
        "/credentials/stratus-red-team/credentials-10",
        "/credentials/stratus-red-team/credentials-32",
    ];
    assert_eq!(stands, expected.into());
    assert_eq!(ledger.stands_count, expected.len());
    let long: Vec<&str> = ledger
        .ways_in
        .iter()
        .filter(|way| way.is_long_term)
        .map(|way| way.of.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(long, ["bert-jan"]);
    let open: BTreeSet<&str> = ledger.was_open.iter().map(|of| of.kind).collect();
    for kind in [
        "shared_image",
        "shared_snapshot",
        "shared_database_snapshot",
        "attached_policy_of_user",
    ] {
        assert!(open.contains(kind), "{kind}: {open:?}");
    }
    // Where removals are not seen, nothing is said to stand.
    let watched = only(found(&all(&files), false)).ledger;
    let is_unseen = |of: &clusters::incident::ledger::Made| {
        of.standing == clusters::incident::ledger::Standing::NotSeen
    };
    assert!(watched.stands.iter().all(is_unseen) && watched.was_open.is_empty());
}

#[test]
fn the_recorded_attack_is_found_without_the_names_of_tools() {
    let Some(files) = attack_day() else { return };
    let without = |text: &String| {
        text.replace("stratus-red-team", "deploy")
            .replace("Stratus", "Deploy")
    };
    let records: Vec<String> = all(&files).iter().map(without).collect();
    for has_ledger in [true, false] {
        let incident = only(found(&records, has_ledger));
        assert_eq!(incident.actor.name, "bert-jan");
        let found = STEPS
            .iter()
            .filter(|step| has_step(&incident, **step))
            .count();
        // What infrastructure code did before the first sign is no longer a part of it.
        assert!(found >= STEPS.len() - 1, "{found}");
    }
}

/// The time at which a trail file was delivered, from its name.
pub fn delivered(name: &str) -> Timestamp {
    let time = name.split('_').nth(3).unwrap();
    let (date, time) = time.split_once('T').unwrap();
    let text = format!(
        "{}-{}-{}T{}:{}:00Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4]
    );
    Timestamp::parse(&text).unwrap()
}

#[test]
fn there_are_at_most_five_alerts_about_the_recorded_attack_in_order_of_arrival() {
    let Some(files) = attack_day() else { return };
    let (watches, ledger) = (Watches::default(), Watches::of_ledger());
    let (mut events, mut sent) = (Events::default(), BTreeSet::new());
    let mut arrivals: BTreeMap<Timestamp, Vec<&String>> = BTreeMap::new();
    for (name, records) in &files {
        arrivals.entry(delivered(name)).or_default().extend(records);
    }
    let first = *arrivals.keys().next().unwrap();
    for minute in 0..180 {
        let now = first.plus(minute * 60);
        for record in arrivals.get(&now).into_iter().flatten() {
            events.add(record, &watches, Some(&ledger));
        }
        for incident in found_at(&events.occurrences(), &sent, now, true) {
            sent.extend(incident.due);
        }
    }
    let mut alerts: Vec<&SentAlert> = sent.iter().collect();
    alerts.sort_by_key(|of| (of.at, of.number));
    let of_user: Vec<_> = alerts
        .iter()
        .map(|of| (of.alert, of.at.to_string()))
        .collect();
    // The sign-in of the made user arrives before the record that made it: an incident of its own, merged soon after.
    let merged = &alerts.last().unwrap().merged;
    let is_of_user = |of: &SentAlert| of.actor.name == "bert-jan" || merged.contains(&of.incident);
    assert!(alerts.iter().all(|of| is_of_user(of)), "{of_user:?}");
    assert_eq!(merged.len(), 1);
    assert!(alerts.len() <= 5, "{of_user:?}");
    assert_eq!(of_user[0].0, IncidentAlert::Opened);
    assert_eq!(of_user.last().unwrap().0, IncidentAlert::Closed);
}

#[test]
fn other_recorded_attacks_are_one_incident_each_and_daily_work_is_none() {
    let Some(folder) = corpus("events") else {
        return;
    };
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let actors: Vec<String> = found(&records(&path), true)
            .into_iter()
            .map(|of| of.actor.name)
            .collect();
        let expected: &[&str] = match name.split('.').next().unwrap() {
            "invictus" => &["bert-jan"],
            "traildiscover" => &["TrailDiscover"],
            "sans504" => &["jmerckle"],
            _ => &[],
        };
        assert_eq!(actors, expected, "{name}");
    }
}

#[test]
fn the_made_up_trail_has_the_incident_of_its_leaked_key() {
    let demo = demo::trail(&demo::Plan::default());
    let records: Vec<String> = demo
        .files
        .iter()
        .flat_map(|file| file.records.clone())
        .collect();
    let incident = only(found(&records, true));
    assert_eq!(incident.actor.name, "ci-legacy-deploy");
}

#[test]
fn cases_of_attacks_are_incidents_and_cases_of_machines_are_none() {
    for (case, count) in [
        ("70-prowler-and-drata-roles", 0),
        ("71-anonymous-function-url-probes", 0),
        ("80-config-probes-macie-in-all-regions", 0),
        ("82-tenable-connector-role", 0),
        ("100-role-named-endgame-or-pacu", 0),
        ("320-config-asks-in-fourteen-regions-three-nights", 0),
        ("321-prowler-by-its-user-agent-three-nights", 0),
        ("72-identity-center-brute-force", 1),
        ("75-hidden-names-one-network", 1),
        ("84-cognito-credential-stuffing", 1),
        ("102-depth-on-snapshots-encoded", 1),
        ("104-depth-on-instances-control", 1),
    ] {
        let folder = Path::new("tests/cases").join(case);
        let inputs = files(&folder).into_iter().filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("input")
        });
        let records: Vec<String> = inputs.flat_map(|path| records(&path)).collect();
        assert!(!records.is_empty(), "{case}");
        assert_eq!(found(&records, true).len(), count, "{case}");
    }
}

/// Returns the records of calls of one caller, a minute apart.
fn calls(caller: &Value, calls: &[Value]) -> Vec<String> {
    let call = |(number, call): (usize, &Value)| {
        let mut fields = json!({
            "eventID": id(number as u64),
            "eventTime": format!("2026-11-02T08:{number:02}:00Z"),
            "userIdentity": caller,
            "readOnly": false,
        });
        let fields_of_call = call.as_object().unwrap().clone();
        fields.as_object_mut().unwrap().extend(fields_of_call);
        record(fields).to_string()
    };
    calls.iter().enumerate().map(call).collect()
}

fn refused(service: &str, action: &str) -> Value {
    json!({
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action,
        "errorCode": "AccessDenied",
        "errorMessage": format!("User is not authorized to perform: {service}:{action} with an explicit deny in a service control policy"),
    })
}

fn succeeded(service: &str, action: &str, parameters: &Value) -> Value {
    json!({
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action,
        "requestParameters": parameters,
    })
}

/// A person with a role of IAM Identity Center.
fn person() -> Value {
    let role = "AWSReservedSSO_Admin_0123456789abcdef";
    json!({
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEEXAMPLE001:mia@example.com",
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/mia@example.com"),
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLEEXAMPLE01",
        "sessionContext": {"sessionIssuer": {
            "type": "Role",
            "principalId": "AROAEXAMPLEEXAMPLE001",
            "arn": format!("arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{role}"),
            "accountId": ACCOUNT,
            "userName": role,
        }},
    })
}

/// A role that deploys or serves.
fn role(name: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEEXAMPLE002:run-17",
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/run-17"),
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLEEXAMPLE02",
        "sessionContext": {"sessionIssuer": {
            "type": "Role",
            "principalId": "AROAEXAMPLEEXAMPLE002",
            "arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            "accountId": ACCOUNT,
            "userName": name,
        }},
    })
}

fn root() -> Value {
    json!({
        "type": "Root",
        "principalId": ACCOUNT,
        "arn": format!("arn:aws:iam::{ACCOUNT}:root"),
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLEEXAMPLE03",
    })
}

/// A user with one key.
pub fn user(name: &str) -> Value {
    json!({
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLEEXAMPLE009",
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"),
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAEXAMPLEEXAMPLE09",
        "userName": name,
    })
}

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

#[test]
fn work_that_resembles_an_attack_is_no_incident() {
    let new_user = |policy: &str| {
        [
            succeeded("iam", "CreateUser", &json!({"userName": "new"})),
            succeeded(
                "iam",
                "AttachUserPolicy",
                &json!({"userName": "new", "policyArn": policy}),
            ),
        ]
    };
    let reads = ["ListBuckets", "GetBucketPolicy", "ListRoles", "GetRole"];
    let typos = reads.map(|action| {
        refused(
            if action.contains("Bucket") {
                "s3"
            } else {
                "iam"
            },
            action,
        )
    });
    let of_one_service: Vec<Value> = (0..12)
        .map(|number| refused("dynamodb", &format!("Call{number}")))
        .collect();
    let own_key = succeeded("iam", "CreateAccessKey", &json!({"userName": "mia"}));
    let sign_in = json!({
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "eventType": "AwsConsoleSignIn",
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MFAUsed": "Yes"},
    });
    let [create, attach] = new_user(READ_ONLY);
    let break_glass = [sign_in, create, attach];
    let one_public_port = succeeded(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        &json!({
            "groupId": "sg-1",
            "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]},
        }),
    );
    for (what, caller, of) in [
        (
            "onboarding that may read",
            person(),
            &new_user(READ_ONLY)[..],
        ),
        ("a key of one's own", user("mia"), &[own_key][..]),
        ("the root user in an emergency", root(), &break_glass[..]),
        (
            "a policy of the organization stops a role",
            role("orders"),
            &of_one_service[..],
        ),
        ("four reads without permission", person(), &typos[..]),
        ("a port that is opened", person(), &[one_public_port][..]),
    ] {
        let found = found(&calls(&caller, of), true);
        let windows: Vec<_> = found.iter().map(|of| &of.windows).collect();
        assert!(found.is_empty(), "{what}: {windows:?}");
    }
}

#[test]
fn work_that_gives_power_or_opens_doors_is_one_incident() {
    let onboarding = [
        succeeded("iam", "CreateUser", &json!({"userName": "new"})),
        succeeded(
            "iam",
            "AttachUserPolicy",
            &json!({"userName": "new", "policyArn": ADMINISTRATOR}),
        ),
        succeeded("iam", "CreateAccessKey", &json!({"userName": "new"})),
    ];
    let trust = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}]});
    let public = json!({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*",
        "Resource": "arn:aws:s3:::b/*"}]});
    let apply = [
        succeeded(
            "iam",
            "CreateRole",
            &json!({"roleName": "partner", "assumeRolePolicyDocument": trust.to_string()}),
        ),
        succeeded(
            "s3",
            "PutBucketPolicy",
            &json!({"bucketName": "b", "bucketPolicy": public}),
        ),
        succeeded("iam", "CreateUser", &json!({"userName": "uploader"})),
        succeeded("iam", "CreateAccessKey", &json!({"userName": "uploader"})),
    ];
    for (what, caller, of) in [
        ("onboarding of an administrator", person(), &onboarding[..]),
        ("terraform apply", role("terraform"), &apply[..]),
    ] {
        let found = found(&calls(&caller, of), true);
        assert_eq!(found.len(), 1, "{what}");
    }
}

#[test]
fn an_unknown_scanner_that_comes_each_night_is_at_most_one_incident() {
    let calls = [
        "s3:GetBucketPolicy",
        "iam:ListUsers",
        "ec2:DescribeInstances",
        "kms:ListKeys",
        "rds:DescribeDBInstances",
        "sns:ListTopics",
        "sqs:ListQueues",
        "lambda:ListFunctions",
        "iam:ListRoles",
        "iam:GetAccountSummary",
        "logs:DescribeLogGroups",
        "config:DescribeConfigRules",
    ];
    let nights = (2..5).flat_map(|day| {
        calls.iter().enumerate().map(move |(number, call)| {
            let (service, action) = call.split_once(':').unwrap();
            let mut fields = refused(service, action);
            fields["eventID"] = json!(id(day * 100 + number as u64));
            fields["eventTime"] = json!(format!("2026-11-{day:02}T02:{number:02}:00Z"));
            fields["userIdentity"] = role("inventory");
            record(fields).to_string()
        })
    });
    assert!(found(&nights.collect::<Vec<_>>(), true).len() <= 1);
}
