//! Alerts for the tests of message texts: one of each kind, and one of each later state of a kind.

use std::collections::BTreeSet;

use alerts::alert::inspected::Silent;
use alerts::alert::{Alert, AlertSubject};
use alerts::facts::drill::{DrillFailureFacts, DrillStage};
use alerts::facts::{CampaignFacts, Facts, Shape, Stage};
use alerts::kind::AlertKind;
use alerts::message::{ClusterContext, Message};
use clusters::Cluster;
use clusters::circumstance::Circumstances;
use clusters::class::Class;
use clusters::escalation::Escalation;
use clusters::fingerprint::ClusterId;
use clusters::incident::life::SentAlert;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyEntry, KeyReport, account_of};
use clusters::summary::{CallLine, ClusterLine, Excerpt, KeyLine, Period, Summary};
use clusters::transition::{CircumstanceKind, NewAccount, NewCircumstance, SensitiveCall};
use records::key_id::KeyKind;
use records::time::Timestamp;
use serde_json::{Value, json};

use crate::incident_alerts::alerts_of_story;
use crate::records::{ACCOUNT, id, record, snapshot};

/// Kinds of alerts that are about one cluster, or about equal sensitive calls.
pub const OF_CLUSTER: [AlertKind; 7] = [
    AlertKind::SensitiveCall,
    AlertKind::New,
    AlertKind::NewPrincipal,
    AlertKind::NewCircumstance,
    AlertKind::Regressed,
    AlertKind::Recovered,
    AlertKind::Escalating,
];

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Returns three denied calls by two callers, which belong to one cluster.
pub fn refusals() -> Vec<Value> {
    let refusal = |number: u64, user: &str, key: &str| {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
        record(json!({
            "eventID": id(number),
            "eventTime": format!("2026-11-02T08:0{number}:00Z"),
            "eventName": "PutBucketPolicy",
            "readOnly": false,
            "errorCode": "AccessDenied",
            "errorMessage": format!(
                "User: {arn} is not authorized to perform: s3:PutBucketPolicy on resource: \
                 arn:aws:s3:::shop-logs because no identity-based policy allows the \
                 s3:PutBucketPolicy action"
            ),
            "userIdentity": {
                "type": "IAMUser", "principalId": "AIDAEXAMPLEEXAMPLE001", "arn": arn,
                "accountId": ACCOUNT, "accessKeyId": key, "userName": user,
            },
            "requestParameters": {"bucketName": "shop-logs"},
        }))
    };
    vec![
        refusal(1, "mia", "AKIAQNZGKIQY56JQ7WML"),
        refusal(2, "mia", "AKIAQNZGKIQY56JQ7WML"),
        refusal(3, "ben", "ASIAQNZGKIQY56JQ7WML"),
    ]
}

/// Returns the cluster of the denied calls.
pub fn cluster() -> Cluster {
    snapshot(&refusals()).clusters().remove(0)
}

/// Returns two equal calls by which a role gave a user power over the account.
fn policies_attached() -> Vec<Value> {
    let call = |number: u64| {
        record(json!({
            "eventID": id(number),
            "eventTime": format!("2026-11-02T08:0{number}:00Z"),
            "eventSource": "iam.amazonaws.com",
            "eventName": "AttachUserPolicy",
            "awsRegion": "us-east-1",
            "readOnly": false,
            "userIdentity": {
                "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE001:ci-77",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/deployer/ci-77"),
                "accountId": ACCOUNT, "accessKeyId": "ASIAQNZGKIQY56JQ7WML",
                "sessionContext": {"sessionIssuer": {
                    "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/deployer"),
                    "accountId": ACCOUNT, "userName": "deployer",
                }},
            },
            "requestParameters": {
                "userName": "eve", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
            },
        }))
    };
    vec![call(3), call(5)]
}

/// Returns the group of the equal sensitive calls.
pub fn sensitive_calls() -> Cluster {
    snapshot(&policies_attached())
        .sensitive_calls()
        .remove(0)
        .cluster()
}

/// Returns an alert, as an earlier version wrote it, about a campaign of a caller who tried twelve calls in many regions.
pub fn campaign(stage: Stage, now: Timestamp) -> Alert {
    let numbers = 0..12_u8;
    let (moment, reached) = match stage {
        Stage::Began => ("2026-11-02T08:06:00Z", 1),
        Stage::Grew(times) => ("2026-11-02T09:00:00Z", times),
        Stage::Ended => ("2026-11-02T09:40:00Z", 4),
    };
    let calls = numbers
        .clone()
        .map(|number| format!("ec2:Describe{number}"));
    let clusters = numbers.map(|number| ClusterId::from_bytes([number; 16]));
    let mut calls: Vec<String> = calls.collect();
    calls.sort();
    let facts = Facts::Campaign(CampaignFacts {
        stage,
        shapes: BTreeSet::from([Shape::Breadth, Shape::Spread]),
        actor: "arn:aws:iam::111122223333:user/mia".to_owned(),
        began: at("2026-11-02T08:01:00Z"),
        opened: at("2026-11-02T08:06:00Z"),
        last: at("2026-11-02T09:10:00Z"),
        events: 60,
        reached,
        items: 40,
        calls: Excerpt::of(calls, 20),
        clusters: Excerpt::of(clusters.collect(), 20),
    });
    let subject = AlertSubject::of_account(ACCOUNT);
    Alert::new(subject, facts, Some(at(moment)), now)
}

/// Returns the alerts that were decided about two incidents: one that began before 08:00 and is over, one that began then.
fn incident_alerts() -> BTreeSet<SentAlert> {
    let alert =
        |id: &str, number: usize, alert: &str, user: &str, hours: [&str; 2], severity: &str| {
            let [began, last] = hours.map(|time| format!("2026-11-02T{time}Z"));
            let sent = json!({
                "incident": id,
                "number": number,
                "at": last,
                "alert": alert,
                "actor": {"account_id": ACCOUNT, "kind": "user", "name": user},
                "began": began,
                "last": last,
                "severity": severity,
                "tactics": [],
                "steps": 4,
            });
            serde_json::from_value(sent).unwrap()
        };
    let (over, open) = ("2vgx4dqkr6oyhwnzpjtm5cbaie", "c7ktqzj5wv3mbn2xgrdy4hpoea");
    let early = ["06:10:00", "07:20:00"];
    BTreeSet::from([
        alert(
            over,
            0,
            "opened",
            "arn:aws:iam::111122223333:user/ben",
            early,
            "error",
        ),
        alert(
            over,
            1,
            "closed",
            "arn:aws:iam::111122223333:user/ben",
            early,
            "error",
        ),
        alert(
            open,
            0,
            "opened",
            "arn:aws:iam::111122223333:user/mia",
            ["08:01:00", "08:20:00"],
            "critical",
        ),
    ])
}

/// Returns the summary of an hour in which an account had events of every kind.
pub fn summary() -> Summary {
    let line = |number: u8, service: &str, action: &str, count| ClusterLine {
        cluster: ClusterId::from_bytes([number; 16]),
        service: service.to_owned(),
        action: action.to_owned(),
        code: "AccessDenied".to_owned(),
        class: Class::Denied,
        caller: format!("arn:aws:iam::{ACCOUNT}:role/app"),
        count,
    };
    let new = vec![
        line(1, "s3", "PutBucketPolicy", 14),
        line(2, "iam", "CreateUser", 3),
    ];
    let call = |service: &str, action: &str, role: &str, count| CallLine {
        service: service.to_owned(),
        action: action.to_owned(),
        caller: format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        count,
        strong: action == "CreateAccessKey",
        silent: role == "terraform",
    };
    let calls = vec![
        call("iam", "CreateAccessKey", "deployer", 1),
        call("lambda", "UpdateFunctionCode", "deployer", 40),
        call("iam", "PutRolePolicy", "terraform", 12),
    ];
    let often = line(6, "sqs", "ReceiveMessage", 290);
    let key = KeyLine {
        key: "AKIAQNZGKIQY56JQ7WML".to_owned(),
        principal: "arn:aws:iam::111122223333:user/mia".to_owned(),
        last_seen: at("2026-11-02T08:59:00Z"),
        last_used: Some(at("2026-11-02T08:45:00Z")),
        service: Some("s3".to_owned()),
        region: Some("eu-central-1".to_owned()),
        entry: Some(KeyEntry::Active {
            created: at("2024-11-02T08:00:00Z"),
        }),
        asked: Some(at("2026-11-02T08:50:00Z")),
    };
    let unused = KeyLine {
        key: "AKIAQNZGKIQYNEVER222".to_owned(),
        principal: String::new(),
        last_seen: at("2026-11-02T08:12:00Z"),
        last_used: None,
        service: None,
        region: None,
        entry: Some(KeyEntry::Unread),
        asked: None,
    };
    let (from, until) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
    Summary {
        errors: 342,
        error_clusters: 7,
        new_errors: 17,
        new: Excerpt::of(new.clone(), 20),
        regressed: Excerpt::of(vec![line(3, "iam", "CreateAccessKey", 1)], 20),
        recovered: Excerpt::of(vec![line(4, "ec2", "RunInstances", 80)], 20),
        escalating: Excerpt::of(vec![line(5, "kms", "Decrypt", 200)], 20),
        top: vec![often, new[0].clone()],
        keys: Excerpt {
            total: 3,
            shown: vec![key, unused],
        },
        sensitive_calls: 53,
        calls: Excerpt::of(calls, 20),
        ..Summary::empty(ACCOUNT, Period::Hour, from, until)
    }
    .with_incidents(&incident_alerts())
}

/// Returns an escalation that began at 08:00, with 200 events in an hour where at most 60 are expected.
fn escalation() -> Escalation {
    Escalation {
        since: at("2026-11-02T08:00:00Z").window(),
        limit: 60,
        peak: 240,
        calm: 2,
    }
}

/// Returns an alert of a kind, about the test cluster if the kind is about a cluster.
pub fn alert(kind: AlertKind, cluster: ClusterId) -> Alert {
    let now = at("2026-11-02T09:00:00Z");
    let (last, hour) = (at("2026-11-02T08:03:00Z"), at("2026-11-02T09:00:00Z"));
    let history = (cluster, 1);
    match kind {
        AlertKind::SensitiveCall => {
            let call = SensitiveCall::of(&sensitive_calls().facts, 2);
            Alert::of_call(&call, ACCOUNT, cluster, Some(last), now)
        }
        AlertKind::New => {
            let first = Some(at("2026-11-02T08:01:00Z"));
            Alert::of_cluster(Facts::New, ACCOUNT, history, first, now)
        }
        AlertKind::NewPrincipal => {
            let ben = Facts::NewPrincipal("arn:aws:iam::111122223333:user/ben".to_owned());
            Alert::of_cluster(ben, ACCOUNT, history, Some(last), now)
        }
        AlertKind::NewCircumstance => {
            let new = NewCircumstance {
                facet: CircumstanceKind::Network,
                value: "203.0.113.0/24".to_owned(),
                principal: Some("arn:aws:iam::111122223333:user/ben".to_owned()),
                usual: Excerpt {
                    total: 7,
                    shown: (0..5).map(|of| format!("192.0.{of}.0/24")).collect(),
                },
            };
            let facts = Facts::NewCircumstance(Box::new(new));
            Alert::of_cluster(facts, ACCOUNT, history, Some(last), now)
        }
        AlertKind::Regressed => {
            let late = now.plus(2 * 86_400);
            Alert::of_regression(ACCOUNT, (cluster, 2), last, 9 * 86_400, late)
        }
        AlertKind::Recovered => {
            let (recovered, first) = (at("2026-11-09T08:03:00Z"), at("2026-11-02T08:01:00Z"));
            Alert::of_recovery(ACCOUNT, history, recovered, first, (120, 3), recovered)
        }
        AlertKind::Escalating => Alert::of_escalation(ACCOUNT, Some(history), hour, (200, 60), now),
        AlertKind::Campaign => campaign(Stage::Began, now),
        AlertKind::Incident => alerts_of_story(true).remove(0),
        AlertKind::AccessKey => Alert::of_reused_key(
            "AKIAQNZGKIQY56JQ7WML",
            ACCOUNT,
            cluster,
            (at("2026-07-05T08:00:00Z"), last),
            now,
        ),
        AlertKind::AccountSummary => Alert::of_summary(&summary(), now),
        AlertKind::NewAccount => new_account(now),
        AlertKind::Drill => Alert::of_drill("1793586600-0123456789abcdef", last, now),
        AlertKind::DrillFailed => drill_failure(last, now),
        AlertKind::NoData => {
            let times = (at("2026-11-02T05:25:00Z"), hour);
            let diagnosis = "trail-logs: the log group has no subscription filter of the stack; \
                             deploy the stack again, then run backfill";
            let diagnosis = Some(("no_filter", diagnosis));
            Alert::of_silence(
                ACCOUNT,
                Silent::LogGroup("trail-logs"),
                times,
                diagnosis,
                now,
            )
        }
    }
}

/// Returns the alert about the first event of an account.
fn new_account(now: Timestamp) -> Alert {
    let new = NewAccount {
        service: Some("s3".to_owned()),
        action: Some("ListBuckets".to_owned()),
        principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/mia")),
    };
    Alert::of_new_account(ACCOUNT, at("2026-11-02T09:12:00Z"), &new, now)
}

/// Returns the alert about a drill that a sink refused.
fn drill_failure(began: Timestamp, now: Timestamp) -> Alert {
    let failure = DrillFailureFacts {
        drill: "1793586600-0123456789abcdef".to_owned(),
        began,
        stage: DrillStage::Sent,
        sink: Some("guance".to_owned()),
        answer: Some("HTTP 403: the token is wrong".to_owned()),
    };
    Alert::of_drill_failure(failure, now)
}

/// Returns the facts of an alert of a kind, about a cluster that does not exist.
pub fn facts(kind: AlertKind) -> Facts {
    alert(kind, ClusterId::from_bytes([7; 16])).facts
}

/// Returns the alerts about later states of a condition: calmed, grown, ended, data again.
pub fn later(cluster: ClusterId) -> [Alert; 4] {
    let (hour, again) = (at("2026-11-02T14:00:00Z"), at("2026-11-02T10:12:00Z"));
    let (now, since) = (hour, at("2026-11-02T05:25:00Z"));
    let silent = Silent::LogGroup("trail-logs");
    [
        Alert::of_escalation_end(ACCOUNT, Some((cluster, 1)), hour, &escalation(), now),
        campaign(Stage::Grew(4), now),
        campaign(Stage::Ended, now),
        Alert::of_silence_end(ACCOUNT, silent, (since, again), None, now),
    ]
}

pub fn keys() -> Vec<KeyReport> {
    let report = |key: &str, answer, anomalies| KeyReport {
        id: key.to_owned(),
        kind: KeyKind::of(key),
        account_id: account_of(key),
        answer,
        entry: None,
        session: None,
        anomalies,
        is_missing: false,
    };
    let used = IamAnswer::Used {
        at: at("2026-07-05T08:00:00Z"),
        service: Some("s3".to_owned()),
        region: Some("eu-central-1".to_owned()),
        user: Some("mia".to_owned()),
    };
    vec![
        KeyReport {
            entry: Some(KeyEntry::Inactive {
                created: at("2025-06-05T08:00:00Z"),
            }),
            ..report(
                "AKIAQNZGKIQY56JQ7WML",
                Some(used),
                vec![KeyAnomaly::Canary, KeyAnomaly::Awakened { days: 120 }],
            )
        },
        KeyReport {
            session: Some("deploy".to_owned()),
            ..report("ASIAQNZGKIQY56JQ7WML", None, vec![])
        },
        KeyReport {
            entry: Some(KeyEntry::Unread),
            ..report(
                "AKIAQNZGKIQYNEVER222",
                Some(IamAnswer::Never { user: None }),
                vec![],
            )
        },
        report(
            "AKIAQNZGKIQYGONE2222",
            Some(IamAnswer::Unknown),
            vec![KeyAnomaly::Deleted],
        ),
        report("AKIAY34FZKBOKMUTVV7A", None, vec![KeyAnomaly::Foreign]),
        KeyReport {
            is_missing: true,
            ..report("AKIAQNZGKIQYMISS2222", None, vec![])
        },
    ]
}

/// Returns a message of a kind.
pub fn message(kind: AlertKind) -> Message {
    let cluster = match kind {
        AlertKind::SensitiveCall => sensitive_calls(),
        _ => cluster(),
    };
    let alert = alert(kind, cluster.id);
    let mut message = of_alert(alert, cluster);
    message.suppressed = if kind == AlertKind::Escalating { 3 } else { 0 };
    message
}

/// Returns a message of each kind and of each later state.
pub fn alerts() -> Vec<Message> {
    let of_kinds = AlertKind::ALL.into_iter().map(message);
    let later = later(cluster().id).into_iter();
    of_kinds
        .chain(later.map(|alert| of_alert(alert, cluster())))
        .collect()
}

/// Returns the message of an alert.
pub fn of_alert(alert: Alert, cluster: Cluster) -> Message {
    let name = Some("shop".to_owned());
    if !OF_CLUSTER.contains(&alert.kind()) {
        let keys = match alert.kind() {
            AlertKind::AccessKey => keys()[..1].to_vec(),
            _ => vec![],
        };
        return Message::of_account(alert, keys, name);
    }
    let range = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
    let first_seen = cluster.span.first_seen;
    let known = ClusterContext {
        cluster,
        first_seen,
        circumstances: Circumstances::new(),
        range: Some(range),
        account_errors: 42,
    };
    Message::of_cluster(alert, known, keys(), name)
}
