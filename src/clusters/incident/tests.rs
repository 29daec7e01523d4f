//! Incidents out of made-up records: each kind of evidence, link and ledger entry, the alerts, and what order must not change.

use std::sync::Arc;

use proptest::prelude::*;

use super::event::trait_of;
use super::evidence::{EvidenceKind, HALF_SECONDS, HalfHour, windows};
use super::life::IncidentAlert;
use super::noted::{NotedSigns, counted_sign};
use super::step::Outcome;
use super::story::sign;
use super::*;
use crate::fingerprint::ClusterSubject;
use crate::occurrence::occurrences;
use crate::selection::{Selection, select};
use crate::watch::Watches;
use crate::{EventId, Finding, Sighting, conclude, conclude_call};
use records::{Record, Wrapper};
use serde_json::{Value, json};

/// 2026-11-02T08:00:00Z.
const START: i64 = 1_793_606_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds).unwrap()
}

/// Who makes a call.
#[derive(Debug, Clone, Copy)]
enum Who {
    User(&'static str),
    /// A role, its session and its key.
    Role(&'static str, &'static str, &'static str),
    Root,
}

const ACCOUNT: &str = "111122223333";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn identity(who: Who) -> Value {
    match who {
        Who::User(name) => json!({"type": "IAMUser", "accountId": ACCOUNT, "userName": name,
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "accessKeyId": KEY}),
        Who::Role(name, session, key) => json!({"type": "AssumedRole", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
            "accessKeyId": key, "sessionContext": {"sessionIssuer": {"type": "Role",
            "arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "userName": name}}}),
        Who::Root => json!({"type": "Root", "accountId": ACCOUNT,
            "arn": format!("arn:aws:iam::{ACCOUNT}:root")}),
    }
}

/// A call `service:Action` of someone, some seconds after the start.
fn call(seconds: i64, who: Who, api: &str) -> Value {
    let (service, action) = api.split_once(':').unwrap();
    json!({"eventVersion": "1.08", "eventTime": at(seconds).to_string(), "awsRegion": "us-east-1",
        "eventSource": format!("{service}.amazonaws.com"), "eventName": action,
        "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "sourceIPAddress": "203.0.113.7",
        "userAgent": "Boto3/1.30", "userIdentity": identity(who)})
}

fn refused(seconds: i64, who: Who, api: &str) -> Value {
    let mut record = call(seconds, who, api);
    record["errorCode"] = "AccessDenied".into();
    record["readOnly"] = true.into();
    record
}

fn with(mut record: Value, field: &str, value: Value) -> Value {
    record[field] = value;
    record
}

fn asked(seconds: i64, who: Who, api: &str, request: Value) -> Value {
    with(call(seconds, who, api), "requestParameters", request)
}

/// Folds records as a scan does. The id of an event is made of its content.
fn folded(records: &[Value]) -> Vec<Occurrence> {
    let (events, subjects) = sightings(records, Some);
    occurrences(&events, &subjects)
}

/// The events that a store would pass on, of which most are left out.
fn sieved(records: &[Value]) -> Vec<Occurrence> {
    let (events, subjects) = sightings(records, sieve::needed);
    sieve::occurrences(events.iter(), &|cluster| subjects.get(&cluster).cloned())
}

type Subjects = BTreeMap<ClusterId, Arc<ClusterSubject>>;

/// The events of some records; `needed` reduces the calls of the ledger.
fn sightings(
    records: &[Value],
    needed: impl Fn(Finding) -> Option<Finding>,
) -> (Vec<(EventId, Sighting)>, Subjects) {
    let (watches, ledger) = (Watches::default(), Watches::of_ledger());
    let mut subjects = BTreeMap::new();
    let mut events: Vec<(EventId, Sighting)> = Vec::new();
    for record in records {
        let text = record.to_string();
        let record = Record::parse(&text).unwrap();
        let wrapper = Wrapper::default();
        let conclusion = match select(&record) {
            Selection::Clustered(class) => conclude(&record, &wrapper, class),
            _ => {
                let found = watches.find(&record, &text);
                let Some(details) = found.or_else(|| ledger.find(&record, &text)) else {
                    continue;
                };
                conclude_call(&record, &wrapper, &details)
            }
        };
        let watched = conclusion.understanding.identity.call_details().is_some();
        let (id, at) = (EventId::hashed(&[&text]), conclusion.at);
        let mut finding = Finding::of(conclusion);
        let subject = Arc::new(ClusterSubject::from(&finding.facts.identity));
        let tier = subject.call.as_ref().map(|call| call.tier);
        if tier == Some(crate::watch::Tier::Ledger) {
            let Some(reduced) = needed(finding) else {
                continue;
            };
            finding = reduced;
        }
        subjects.insert(finding.series.cluster, subject);
        events.push((id, Sighting::new(watched, at, finding.series)));
    }
    (events, subjects)
}

fn found_at(records: &[Value], now: i64, sent: &BTreeSet<SentAlert>) -> Vec<Incident> {
    incidents(&Given {
        occurrences: &folded(records),
        sent,
        now: at(now),
        removals_seen: &|_| true,
        first_seen: None,
    })
}

fn found(records: &[Value]) -> Vec<Incident> {
    found_at(records, 7200, &BTreeSet::new())
}

fn only(records: &[Value]) -> Incident {
    let mut all = found(records);
    assert_eq!(
        all.len(),
        1,
        "{:?}",
        all.iter().map(|of| &of.actor.name).collect::<Vec<_>>()
    );
    all.pop().unwrap()
}

const MILA: Who = Who::User("mila");
const OMAR: Who = Who::User("omar");
const APP: Who = Who::Role("App", "job", "ASIAIOSFODNN7EXAMPLE");

/// Ten reads of four services.
const READS: [&str; 10] = [
    "s3:ListBuckets",
    "ec2:DescribeInstances",
    "lambda:ListFunctions",
    "iam:ListUsers",
    "iam:ListRoles",
    "iam:ListGroups",
    "rds:DescribeDBInstances",
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "s3:GetBucketAcl",
];

fn reads(seconds: i64, who: Who) -> Vec<Value> {
    let times = (0..).map(|number| seconds + 10 * number);
    READS
        .iter()
        .zip(times)
        .map(|(api, at)| refused(at, who, api))
        .collect()
}

fn admin(seconds: i64, who: Who, user: &str) -> Value {
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    asked(
        seconds,
        who,
        "iam:AttachUserPolicy",
        json!({"userName": user, "policyArn": policy}),
    )
}

fn new_user(seconds: i64, who: Who, user: &str) -> Value {
    asked(seconds, who, "iam:CreateUser", json!({"userName": user}))
}

fn kinds(incident: &Incident) -> BTreeSet<EvidenceKind> {
    let windows = incident.windows.iter();
    windows
        .flat_map(|window| window.evidence.iter().map(|of| of.kind))
        .collect()
}

#[test]
fn ten_refused_calls_of_several_services_open_an_incident_and_nine_do_not() {
    let records = reads(0, MILA);
    let incident = only(&records);
    assert_eq!(incident.actor.name, "mila");
    assert!(kinds(&incident).contains(&EvidenceKind::Breadth));
    assert_eq!(incident.severity, IncidentSeverity::Error);
    assert_eq!(found(&records[..9]), []);
}

#[test]
fn a_scanner_that_is_not_known_opens_one_incident_in_three_nights() {
    let day = 86_400;
    let nights: Vec<Value> = (0..3).flat_map(|night| reads(night * day, APP)).collect();
    let found = found_at(&nights, 4 * day, &BTreeSet::new());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].began, at(0));
    // What the store remembers of the first night is enough.
    let occurrences = folded(&nights[10..]);
    let (sent, first) = (BTreeSet::new(), |_: &Occurrence| Some(at(0)));
    let given = Given {
        occurrences: &occurrences,
        sent: &sent,
        now: at(4 * day),
        removals_seen: &|_| true,
        first_seen: Some(&first),
    };
    assert_eq!(incidents(&given), []);
}

#[test]
fn known_scanners_and_services_open_nothing_by_refused_reads() {
    let agent = |record| with(record, "userAgent", "Prowler/4.0".into());
    let records: Vec<Value> = reads(0, APP).into_iter().map(agent).collect();
    assert_eq!(found(&records), []);
    let service = json!({"type": "AWSService", "invokedBy": "config.amazonaws.com"});
    let own = |record| with(record, "userIdentity", service.clone());
    let records: Vec<Value> = reads(0, APP).into_iter().map(own).collect();
    assert_eq!(found(&records), []);
    let via = |record| with(record, "sourceIPAddress", "athena.amazonaws.com".into());
    let records: Vec<Value> = reads(0, APP).into_iter().map(via).collect();
    assert_eq!(found(&records), []);
}

#[test]
fn power_for_itself_after_refusals_is_critical() {
    let mut records: Vec<Value> = reads(0, MILA)[..4].to_vec();
    records.push(admin(600, MILA, "mila"));
    let incident = only(&records);
    assert_eq!(incident.severity, IncidentSeverity::Critical);
    let kinds = kinds(&incident);
    assert!(kinds.contains(&EvidenceKind::PowerForItself), "{kinds:?}");
    assert!(kinds.contains(&EvidenceKind::RefusedThenPower), "{kinds:?}");
    // A strong call before the refusals is no sign that they led to it.
    let mut turned: Vec<Value> = reads(600, MILA)[..4].to_vec();
    turned.push(admin(0, MILA, "omar"));
    assert_eq!(found(&turned), []);
}

#[test]
fn daily_work_opens_nothing() {
    // Onboarding with few permissions, a key of one's own, and a typing error.
    let onboarding = [
        new_user(0, MILA, "nia"),
        asked(
            10,
            MILA,
            "iam:AttachUserPolicy",
            json!({"userName": "nia",
            "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        ),
        asked(
            20,
            MILA,
            "iam:CreateLoginProfile",
            json!({"userName": "nia"}),
        ),
    ];
    assert_eq!(found(&onboarding), []);
    let key = asked(0, MILA, "iam:CreateAccessKey", json!({"userName": "mila"}));
    assert_eq!(found(&[key]), []);
    // A service control policy takes one service from a role.
    let service: Vec<Value> = (0..12)
        .map(|number| {
            refused(
                number,
                APP,
                &format!("glue:GetThing{}", ('A'..).nth(number as usize).unwrap()),
            )
        })
        .collect();
    assert_eq!(found(&service), []);
    // A root user in an emergency: a strong sign-in and one change.
    let emergency = [
        with(
            call(0, Who::Root, "signin:ConsoleLogin"),
            "responseElements",
            json!({"ConsoleLogin": "Success"}),
        ),
        refused(60, Who::Root, "s3:ListBuckets"),
    ];
    assert_eq!(found(&emergency), []);
}

fn failed_sign_in(seconds: i64, user: Option<&str>) -> Value {
    let name = user.unwrap_or("HIDDEN_DUE_TO_SECURITY_REASONS");
    let mut record = call(seconds, MILA, "signin:ConsoleLogin");
    record["userIdentity"] = json!({"type": "IAMUser", "accountId": ACCOUNT, "userName": name});
    record["eventType"] = "AwsConsoleSignIn".into();
    record["errorMessage"] = "Failed authentication".into();
    record["responseElements"] = json!({"ConsoleLogin": "Failure"});
    record
}

#[test]
fn sprayed_passwords_are_one_incident_of_the_network() {
    let users = ["ada", "bea", "cid", "dan", "eva"];
    let of_users: Vec<Value> = (0..)
        .zip(users)
        .map(|(at, user)| failed_sign_in(at, Some(user)))
        .collect();
    let incident = only(&of_users);
    assert_eq!(
        (incident.actor.kind, incident.actor.name.as_str()),
        (actor::ActorKind::Network, "203.0.113.0/24")
    );
    assert_eq!(incident.members_count, 5);
    // Other calls of a user whose password was tried are not of the incident.
    let user = incident.members.iter().find(|of| of.link.is_none());
    let user = &user.unwrap().identity;
    assert!(!incident.takes_in(user, incident.last));
    assert!(incident.takes_in(&incident.actor, incident.last));
    assert_eq!(found(&of_users[..4]), []);
    let hidden: Vec<Value> = (0..10).map(|at| failed_sign_in(at, None)).collect();
    assert_eq!(only(&hidden).actor.kind, actor::ActorKind::Network);
}

#[test]
fn wrong_passwords_and_then_the_right_one_are_critical() {
    let mut records: Vec<Value> = (0..10).map(|at| failed_sign_in(at, Some("mila"))).collect();
    let incident = only(&records);
    assert_eq!(
        (incident.severity, incident.actor.name.as_str()),
        (IncidentSeverity::Error, "mila")
    );
    let mut right = call(60, MILA, "signin:ConsoleLogin");
    right["responseElements"] = json!({"ConsoleLogin": "Success"});
    right["additionalEventData"] = json!({"MFAUsed": "No"});
    records.push(right);
    assert_eq!(only(&records).severity, IncidentSeverity::Critical);
}

fn assumed(seconds: i64, who: Who, role: &str, key: &str) -> Value {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    let record = asked(
        seconds,
        who,
        "sts:AssumeRole",
        json!({"roleArn": arn, "roleSessionName": "job"}),
    );
    with(
        record,
        "responseElements",
        json!({"credentials": {"accessKeyId": key}}),
    )
}

#[test]
fn the_key_in_the_answer_of_assume_role_proves_whose_session_it_is() {
    let key = "ASIAIOSFODNN7EXAMPLE";
    let mut records = vec![assumed(0, MILA, "App", key)];
    records.extend(reads(10, APP));
    // Another session of the same role is of another caller.
    records.push(refused(
        30,
        Who::Role("App", "other", "ASIAOTHERFODN7EXAMPLE"),
        "s3:ListBuckets",
    ));
    let incident = only(&records);
    assert_eq!(incident.actor.name, "mila");
    assert_eq!(incident.events, 10);
    let link = incident.members[0].link.unwrap();
    assert_eq!(
        (link.kind, link.strength),
        (LinkKind::AssumedRole, Strength::Proven)
    );
    // A day later the link no longer holds.
    let mut late = vec![assumed(0, MILA, "App", key)];
    late.extend(reads(86_401, APP));
    let late = found_at(&late, 100_000, &BTreeSet::new());
    assert_eq!(late[0].actor.role_name(), Some("App"));
}

#[test]
fn a_made_role_and_a_refused_role_are_linked_with_less_proof() {
    let mut made = vec![asked(0, MILA, "iam:CreateRole", json!({"roleName": "App"}))];
    made.extend(reads(10, APP));
    let incident = only(&made);
    let link = incident
        .members
        .iter()
        .find_map(|member| member.link)
        .unwrap();
    assert_eq!((link.kind, link.strength), (LinkKind::Role, Strength::Made));
    let mut refusal = refused(0, MILA, "sts:AssumeRole");
    refusal["errorMessage"] = format!("User: arn:aws:iam::{ACCOUNT}:user/mila is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::{ACCOUNT}:role/App").into();
    let mut tried = vec![refusal];
    tried.extend(reads(10, APP));
    let incident = only(&tried);
    assert_eq!(incident.actor.name, "mila");
    let link = incident
        .members
        .iter()
        .find_map(|member| member.link)
        .unwrap();
    assert_eq!(
        (link.kind, link.strength),
        (LinkKind::RefusedRole, Strength::Likely)
    );
    // From another address, or by a machine, nothing is likely.
    let elsewhere = |record| with(record, "sourceIPAddress", "198.51.100.1".into());
    let mut apart = vec![tried[0].clone()];
    apart.extend(reads(10, APP).into_iter().map(elsewhere));
    assert_eq!(only(&apart).actor.role_name(), Some("App"));
    let machine = Who::Role("App", "i-0abcdef0123456789", "ASIAIOSFODNN7EXAMPLE");
    let mut apart = vec![tried[0].clone()];
    apart.extend(reads(10, machine));
    assert_eq!(only(&apart).actor.role_name(), Some("App"));
}

#[test]
fn links_chain_and_the_strongest_wins() {
    // mila makes omar, omar makes the role, and omar's key assumes it.
    let mut records = vec![
        new_user(0, MILA, "omar"),
        asked(5, OMAR, "iam:CreateRole", json!({"roleName": "App"})),
    ];
    records.extend(reads(10, APP));
    assert_eq!(only(&records).actor.name, "mila");
    // Whoever makes each other is no circle without an end.
    records.push(new_user(7, OMAR, "mila"));
    assert_eq!(found(&records).len(), 1);
    // A proof beats that another user made the role.
    let zoe = Who::User("zoe");
    records.push(assumed(8, zoe, "App", "ASIAIOSFODNN7EXAMPLE"));
    assert_eq!(only(&records).actor.name, "zoe");
}

#[test]
fn what_stays_behind_is_what_was_not_removed() {
    let mut records = reads(0, MILA);
    let port = |at, api, port: i64| {
        asked(
            at,
            MILA,
            api,
            json!({"groupId": "sg-1", "ipPermissions": {"items": [{
            "ipProtocol": "tcp", "fromPort": port, "toPort": port,
            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}),
        )
    };
    let key = asked(210, MILA, "iam:CreateAccessKey", json!({"userName": "eva"}));
    records.extend([
        new_user(200, MILA, "eva"),
        with(
            key,
            "responseElements",
            json!({"accessKey": {"accessKeyId": "AKIAEXAMPLEEXAMPLE7", "userName": "eva"}}),
        ),
        new_user(220, MILA, "dan"),
        admin(230, MILA, "dan"),
        port(240, "ec2:AuthorizeSecurityGroupIngress", 22),
        port(250, "ec2:AuthorizeSecurityGroupIngress", 3389),
        port(260, "ec2:RevokeSecurityGroupIngress", 22),
        asked(270, MILA, "cloudtrail:CreateTrail", json!({"name": "own"})),
        asked(280, MILA, "cloudtrail:DeleteTrail", json!({"name": "own"})),
        asked(290, MILA, "cloudtrail:StopLogging", json!({"name": "main"})),
        // Another user cleans up: the user's policy and key go with the user.
        asked(400, OMAR, "iam:DeleteUser", json!({"userName": "dan"})),
        asked(500, MILA, "iam:CreateRole", json!({"roleName": "same"})),
        asked(500, MILA, "iam:DeleteRole", json!({"roleName": "same"})),
    ]);
    let ledger = only(&records).ledger;
    let stands: Vec<_> = ledger
        .stands
        .iter()
        .map(|of| (of.kind, of.name.as_str(), of.standing))
        .collect();
    assert_eq!(
        stands,
        [
            ("user", "eva", ledger::Standing::Stands),
            ("access_key", "eva AKIA****PLE7", ledger::Standing::Stands),
            (
                "open_port",
                "sg-1 tcp 3389 0.0.0.0/0",
                ledger::Standing::Stands
            ),
            ("trail_off", "main", ledger::Standing::Stands),
            ("role", "same", ledger::Standing::Unsure),
        ]
    );
    let open: Vec<_> = ledger
        .was_open
        .iter()
        .map(|of| (of.kind, of.until, of.by.as_str()))
        .collect();
    assert_eq!(
        open,
        [
            ("user", at(400), "iam:DeleteUser"),
            ("attached_policy_of_user", at(400), "iam:DeleteUser"),
            ("open_port", at(260), "ec2:RevokeSecurityGroupIngress"),
        ]
    );
    assert_eq!(ledger.ways_in[0].key, KEY);
    assert!(ledger.ways_in[0].is_long_term);
}

#[test]
fn an_incident_takes_in_what_its_actor_does_until_an_hour_after_its_last_step() {
    let mut records = reads(0, MILA);
    let noise = with(
        call(3000, MILA, "s3:GetBucketPolicy"),
        "errorCode",
        "NoSuchBucketPolicy".into(),
    );
    records.push(noise);
    let incident = only(&records);
    assert_eq!(
        (incident.last, incident.until, incident.events),
        (at(90), at(3690), 11)
    );
    assert!(incident.takes_in(&incident.actor, at(3690)));
    assert!(!incident.takes_in(&incident.actor, at(3691)));
    // Two hours apart are two incidents.
    records.extend(reads(9000, MILA));
    assert_eq!(found(&records).len(), 2);
}

/// Looks at the incidents each minute while records arrive, and collects the alerts.
fn alerts(mut arriving: Vec<(i64, Value)>, minutes: i64) -> BTreeSet<SentAlert> {
    let mut sent = BTreeSet::new();
    arriving.sort_by_key(|(arrives, _)| *arrives);
    let records: Vec<Value> = arriving.iter().map(|(_, record)| record.clone()).collect();
    for minute in 0..=minutes {
        let here = arriving.partition_point(|(arrives, _)| *arrives <= minute * 60);
        for incident in found_at(&records[..here], minute * 60, &sent) {
            sent.extend(incident.due);
        }
    }
    sent
}

fn kinds_of(sent: &BTreeSet<SentAlert>) -> Vec<(IncidentAlert, i64)> {
    let mut all: Vec<_> = sent.iter().collect();
    all.sort_by_key(|of| (of.at, of.number));
    all.iter()
        .map(|of| (of.alert, of.at.seconds_since(at(0)) / 60))
        .collect()
}

#[test]
fn an_incident_opens_grows_ever_more_seldom_and_is_closed() {
    let mut records = reads(0, MILA);
    // A new tactic every five minutes.
    let bucket = json!({"bucketName": "b", "bucketPolicy": {}});
    records.extend([
        asked(300, MILA, "iam:CreateUser", json!({"userName": "eva"})),
        asked(600, MILA, "s3:PutBucketPolicy", bucket),
        asked(
            900,
            MILA,
            "ssm:SendCommand",
            json!({"instanceIds": ["i-1"], "documentName": "d"}),
        ),
        asked(1500, MILA, "kms:DisableKey", json!({"keyId": "k"})),
    ]);
    let arriving = records.into_iter().map(|record| {
        let at = Timestamp::parse(record["eventTime"].as_str().unwrap()).unwrap();
        (at.seconds() - START, record)
    });
    let sent = alerts(arriving.collect(), 200);
    assert_eq!(
        kinds_of(&sent),
        [
            (IncidentAlert::Opened, 2),
            (IncidentAlert::Grew, 17),
            (IncidentAlert::Grew, 47),
            (IncidentAlert::Closed, 101),
        ]
    );
    let ids: BTreeSet<_> = sent.iter().map(|of| &of.incident).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn the_alerts_of_the_past_are_those_that_would_have_been_sent() {
    let mut records = reads(0, MILA);
    let bucket = json!({"bucketName": "b", "bucketPolicy": {}});
    records.extend([
        new_user(300, MILA, "eva"),
        asked(600, MILA, "s3:PutBucketPolicy", bucket),
        admin(1500, MILA, "mila"),
        asked(5000, OMAR, "iam:DeleteUser", json!({"userName": "eva"})),
    ]);
    let arriving = records.iter().map(|record| {
        let at = Timestamp::parse(record["eventTime"].as_str().unwrap()).unwrap();
        (at.seconds() - START, record.clone())
    });
    let sent = alerts(arriving.collect(), 200);
    let occurrences = folded(&records);
    let none = BTreeSet::new();
    let past = replay::alerts_of_the_past(&Given {
        occurrences: &occurrences,
        sent: &none,
        now: at(200 * 60),
        removals_seen: &|_| true,
        first_seen: None,
    });
    let replayed: BTreeSet<SentAlert> = past.iter().filter_map(|of| of.due.clone()).collect();
    assert_eq!(kinds_of(&replayed), kinds_of(&sent));
    // What stood then is gone when it is closed.
    let stands = |of: &Incident| of.ledger.stands.iter().any(|of| of.kind == "user");
    assert!(past[1..past.len() - 1].iter().all(stands));
    assert!(!stands(past.last().unwrap()));
}

#[test]
fn a_step_to_critical_is_sent_at_once() {
    let mut arriving: Vec<(i64, Value)> = reads(0, MILA)
        .into_iter()
        .map(|record| (90, record))
        .collect();
    arriving.push((130, admin(130, MILA, "mila")));
    let sent = alerts(arriving, 120);
    assert_eq!(
        kinds_of(&sent)[..2],
        [(IncidentAlert::Opened, 2), (IncidentAlert::Grew, 3)]
    );
}

#[test]
fn two_incidents_that_turn_out_to_be_one_keep_the_older_id() {
    // The session is found first, then the record that proves whose it is.
    let mut arriving: Vec<(i64, Value)> = Vec::new();
    arriving.extend(reads(0, MILA).into_iter().map(|record| (100, record)));
    arriving.extend(reads(60, APP).into_iter().map(|record| (200, record)));
    arriving.push((400, assumed(30, MILA, "App", "ASIAIOSFODNN7EXAMPLE")));
    let sent = alerts(arriving.clone(), 200);
    let opened: Vec<_> = sent
        .iter()
        .filter(|of| of.alert == IncidentAlert::Opened)
        .collect();
    assert_eq!(opened.len(), 2);
    let closed: Vec<_> = sent
        .iter()
        .filter(|of| of.alert == IncidentAlert::Closed)
        .collect();
    assert_eq!(closed.len(), 1);
    let older = opened.iter().find(|of| of.actor.name == "mila").unwrap();
    assert_eq!(closed[0].incident, older.incident);
    assert_eq!(closed[0].merged.len(), 1);
}

#[test]
fn an_alert_is_never_taken_back_by_an_older_record() {
    let records = reads(0, MILA);
    let mut sent = BTreeSet::new();
    sent.extend(found_at(&records, 100, &sent).pop().unwrap().due);
    // The same calls were refused the day before, so they are no evidence now.
    let mut all = reads(-86_400, MILA);
    all.extend(records);
    let found = found_at(&all, 200, &sent);
    assert!(found.iter().all(|of| of.began == at(-86_400)), "{found:?}");
    let closed = alerts(all.into_iter().map(|record| (0, record)).collect(), 200);
    assert!(!closed.is_empty());
}

/// Distinct calls by distinct actors, in a story with links.
fn drawn_record() -> impl Strategy<Value = Value> {
    let who = prop::sample::select(vec![MILA, OMAR, APP, Who::Root]);
    (0_i64..10_000, who, 0..8_usize, 0..READS.len()).prop_map(|(at, who, kind, read)| match kind {
        0 => admin(at, who, "omar"),
        1 => new_user(at, who, "omar"),
        2 => asked(at, who, "iam:DeleteUser", json!({"userName": "omar"})),
        3 => assumed(at, MILA, "App", "ASIAIOSFODNN7EXAMPLE"),
        4 => asked(at, who, "cloudtrail:StopLogging", json!({"name": "main"})),
        5 => asked(at, who, "cloudtrail:StartLogging", json!({"name": "main"})),
        _ => refused(at, who, READS[read]),
    })
}

/// The greatest whole number whose power of two is not greater than a number.
fn floor_log2(number: i64) -> u32 {
    number.ilog2()
}

#[test]
fn a_call_of_a_program_that_takes_on_a_role_is_kept_for_no_ledger() {
    let ledger = Watches::of_ledger();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/App");
    for (identity, is_kept) in [
        (json!({"type": "IAMUser", "userName": "mila"}), true),
        (
            json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0a1b/omar")}),
            true,
        ),
        (
            json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/App/i-1")}),
            false,
        ),
        (
            json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
            false,
        ),
        (json!({"type": "AWSAccount", "accountId": ACCOUNT}), false),
        (json!({"type": "Root"}), false),
    ] {
        let mut record = assumed(0, MILA, "App", "ASIAIOSFODNN7EXAMPLE");
        record["userIdentity"] = identity.clone();
        record["requestParameters"] = json!({"roleArn": role});
        let text = record.to_string();
        let record = Record::parse(&text).unwrap();
        assert_eq!(sieve::may_be_needed(&record), is_kept, "{identity}");
        assert_eq!(ledger.find(&record, &text).is_some(), is_kept, "{identity}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_left_out_before_is_missed_by_no_incident(
        records in prop::collection::vec(drawn_record(), 0..60),
    ) {
        let (whole, sieved) = (folded(&records), sieved(&records));
        let sent = BTreeSet::new();
        let given = |occurrences| Given { occurrences, sent: &sent, now: at(20_000), removals_seen: &|_| true, first_seen: None };
        prop_assert!(sieved.len() <= whole.len());
        let expected = incidents(&given(&whole));
        prop_assert_eq!(&incidents(&given(&sieved)), &expected);
        // Where nothing opens an incident even at once, nothing is kept.
        prop_assert!(expected.is_empty() || !sieved.is_empty());
        prop_assert_eq!(replay::alerts_of_the_past(&given(&sieved)), replay::alerts_of_the_past(&given(&whole)));
    }

    #[test]
    fn what_is_no_news_changes_no_evidence(
        records in prop::collection::vec(drawn_record(), 0..120),
        shrunk in 1_i64..4,
    ) {
        let (events, subjects) = sightings(&records, Some);
        let mut noted = NotedSigns::default();
        let mut counted: BTreeMap<(Actor, i64), [HalfHour<'_>; 2]> = BTreeMap::new();
        let mut left_out = 0;
        for (_, seen) in &events {
            // Closer together, more events are equal.
            let at = at((seen.at().unwrap().seconds() - START) / shrunk);
            let subject = &subjects[&seen.series.cluster];
            let mut actors = BTreeMap::new();
            let of = trait_of(subject, &seen.series, &mut actors);
            let actor = actors.pop_first().map(|(actor, _)| actor);
            let sign = actor.as_ref().and_then(|of_it| sign(&of, at, Some(of_it.short_name()), false));
            let noting = counted_sign(subject, &seen.series);
            prop_assert_eq!(sign.is_some(), noting.is_some());
            let (Some(sign), Some(noting), Some(actor)) = (sign, noting, actor) else { continue };
            let half_hour = at.seconds().div_euclid(HALF_SECONDS);
            let [all, news] = counted.entry((actor, half_hour)).or_default();
            all.add(&sign, of.is_tool);
            if noted.is_news(&noting, at) {
                news.add(&sign, of.is_tool);
                noted.add(&noting, at);
            } else {
                left_out += 1;
            }
            let weights = |of: &HalfHour<'_>| {
                let windows = windows(&BTreeMap::from([(half_hour, of.clone())]), true);
                let evidence = windows.into_iter().flat_map(|window| window.evidence);
                evidence.map(|of| (of.kind, of.weight)).collect::<Vec<_>>()
            };
            prop_assert_eq!(weights(all), weights(news));
        }
        prop_assert!(records.len() < 100 || left_out > 0);
    }

    #[test]
    fn order_and_repetition_change_nothing(
        records in prop::collection::vec(drawn_record(), 0..120),
        seed in any::<u64>(),
        cut in 0..120_usize,
    ) {
        let whole = folded(&records);
        let sent = BTreeSet::new();
        let given = |occurrences| Given { occurrences, sent: &sent, now: at(20_000), removals_seen: &|_| true, first_seen: None };
        let expected = incidents(&given(&whole));
        // Batches that overlap, joined in another order, with series of their own.
        let cut = cut.min(records.len());
        let mut again = folded(&records[cut / 2..]);
        again.extend(folded(&records[..cut]));
        let order = |of: &Occurrence| EventId::hashed(&[&format!("{seed}{:?}", of.id)]);
        again.sort_by_key(order);
        prop_assert_eq!(incidents(&given(&again)), expected);
    }

    #[test]
    fn there_are_few_alerts_about_one_incident(
        records in prop::collection::vec((drawn_record(), 0_i64..900), 1..80),
    ) {
        let arriving: Vec<(i64, Value)> = records.into_iter().map(|(record, late)| {
            let happened = Timestamp::parse(record["eventTime"].as_str().unwrap()).unwrap();
            (happened.seconds() - START + late, record)
        }).collect();
        let sent = alerts(arriving, 300);
        let ids: BTreeSet<&IncidentId> = sent.iter().map(|of| &of.incident).collect();
        let merged: BTreeSet<&IncidentId> = sent.iter().flat_map(|of| &of.merged).collect();
        for id in ids.iter().filter(|id| !merged.contains(**id)) {
            let own = || sent.iter().filter(|of| of.incident == **id);
            let parts: BTreeSet<&IncidentId> = own().flat_map(|of| &of.merged).collect();
            let all: Vec<&SentAlert> = sent.iter().filter(|of| of.incident == **id || parts.contains(&of.incident)).collect();
            let first = all.iter().map(|of| of.at).min().unwrap();
            let last = all.iter().map(|of| of.at).max().unwrap();
            let minutes = last.seconds_since(first) / 60;
            let bound = 3 + 2 * parts.len() + floor_log2(1 + minutes / 15) as usize;
            prop_assert!(all.len() <= bound, "{} alerts, {minutes} minutes: {all:?}", all.len());
            prop_assert!(own().map(|of| of.number).collect::<BTreeSet<_>>().len() == own().count());
        }
    }
}

#[test]
fn an_actor_with_any_number_of_names_is_one_incident_of_bounded_size() {
    let names = 2_000;
    let mut records = Vec::new();
    for number in 0..names {
        let user = format!("user{number}");
        records.push(new_user(number % 3000, MILA, &user));
        let mut refusal = refused(number % 3000 + 1, MILA, "s3:GetObject");
        refusal["resources"] = json!([{"ARN": format!("arn:aws:s3:::bucket{number}")}]);
        refusal["userIdentity"]["userName"] = user.as_str().into();
        refusal["userIdentity"]["arn"] = format!("arn:aws:iam::{ACCOUNT}:user/{user}").into();
        records.push(refusal);
    }
    let incident = only(&records);
    assert_eq!(incident.actor.name, "mila");
    assert_eq!(incident.members_count, 2001);
    assert_eq!(incident.members.len(), MEMBERS_MAX);
    assert_eq!(incident.ledger.stands_count, 2000);
    assert!(incident.ledger.stands.len() <= ledger::OBJECTS_MAX);
    assert!(
        incident
            .steps
            .iter()
            .all(|step| step.targets.len() <= step::VALUES_MAX)
    );
    assert_eq!(incident.steps[1].key.outcome, Outcome::Refused);
    let json = serde_json::to_string(&incident).unwrap();
    assert!(json.len() < 150_000, "{} bytes", json.len());
}
