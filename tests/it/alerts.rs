//! Alerts made by hand for the tests of what is sent: one of each kind.

use cloudtrail_inspector::alert::Alert;
use cloudtrail_inspector::alert::occasion::{Kind, Occasion};
use cloudtrail_inspector::alert::severity::Severity;
use cloudtrail_inspector::cluster::Cluster;
use cloudtrail_inspector::keys::{Answer, KeyReport, Oddity, account_of};
use cloudtrail_inspector::trail::principal::KeyKind;
use cloudtrail_inspector::trail::time::EventTime;
use serde_json::{Value, json};

use crate::records::{ACCOUNT, census, id, record};

/// Kinds that are about one cluster.
pub const OF_CLUSTER: [Kind; 5] = [
    Kind::New,
    Kind::NewPrincipal,
    Kind::Regressed,
    Kind::Recovered,
    Kind::Escalating,
];

pub fn at(text: &str) -> EventTime {
    EventTime::parse(text).unwrap()
}

/// Returns three refusals of one cluster, by two callers.
fn refusals() -> Vec<Value> {
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

/// Returns the cluster of these.
pub fn cluster() -> Cluster {
    census(&refusals()).clusters().remove(0)
}

pub fn occasion(kind: Kind, cluster: Option<&Cluster>) -> Occasion {
    let about = match kind {
        Kind::NewPrincipal => "arn:aws:iam::111122223333:user/ben",
        Kind::Campaign => "arn:aws:iam::111122223333:user/mia",
        Kind::AccessKey => "AKIAQNZGKIQY56JQ7WML",
        Kind::AccountSummary => "2026-11-02T08",
        Kind::NoData => "trail-logs",
        _ => "",
    };
    let detail = match kind {
        Kind::Campaign => json!({"breadth": 12, "actions": ["s3:ListBuckets", "iam:ListUsers"]}),
        Kind::AccountSummary => json!({"errors": 342, "clusters": 7, "new_clusters": 1}),
        Kind::NoData => json!({"silent_minutes": 95}),
        _ => Value::Null,
    };
    Occasion {
        kind,
        account_id: ACCOUNT.to_owned(),
        cluster: cluster.map(|cluster| cluster.id),
        epoch: match (kind, cluster) {
            (Kind::Regressed, _) => 2,
            (_, Some(_)) => 1,
            _ => 0,
        },
        about: about.to_owned(),
        detail: if detail.is_null() {
            String::new()
        } else {
            detail.to_string()
        },
        at: Some(match kind {
            Kind::New => at("2026-11-02T08:01:00Z"),
            Kind::Recovered => at("2026-11-09T08:03:00Z"),
            _ => at("2026-11-02T08:03:00Z"),
        }),
        is_late: kind == Kind::Regressed,
    }
}

pub fn keys() -> Vec<KeyReport> {
    let report = |key: &str, answer, oddities| KeyReport {
        id: key.to_owned(),
        kind: KeyKind::of(key),
        account_id: account_of(key),
        answer,
        session: None,
        oddities,
        is_missing: false,
    };
    let used = Answer::Used {
        at: at("2026-07-05T08:00:00Z"),
        service: Some("s3".to_owned()),
        region: Some("eu-central-1".to_owned()),
        user: Some("mia".to_owned()),
    };
    vec![
        report(
            "AKIAQNZGKIQY56JQ7WML",
            Some(used),
            vec![Oddity::Canary, Oddity::Awakened { days: 120 }],
        ),
        KeyReport {
            session: Some("deploy".to_owned()),
            ..report("ASIAQNZGKIQY56JQ7WML", None, vec![])
        },
        report(
            "AKIAQNZGKIQYNEVER222",
            Some(Answer::Never { user: None }),
            vec![],
        ),
        report(
            "AKIAQNZGKIQYGONE2222",
            Some(Answer::Unknown),
            vec![Oddity::Deleted],
        ),
        report("AKIAY34FZKBOKMUTVV7A", None, vec![Oddity::Foreign]),
        KeyReport {
            is_missing: true,
            ..report("AKIAQNZGKIQYMISS2222", None, vec![])
        },
    ]
}

/// Returns an alert of a kind.
pub fn alert(kind: Kind) -> Alert {
    let name = Some("shop".to_owned());
    if !OF_CLUSTER.contains(&kind) {
        let severity = match kind {
            Kind::AccountSummary => Severity::Info,
            _ => Severity::Warning,
        };
        let keys = match kind {
            Kind::AccessKey => keys()[..1].to_vec(),
            _ => vec![],
        };
        return Alert::of_account(occasion(kind, None), severity, keys, name);
    }
    let cluster = cluster();
    let occasion = occasion(kind, Some(&cluster));
    let range = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
    let first_seen = cluster.span.first_seen;
    let mut alert = Alert::of_cluster(occasion, cluster, first_seen, Some(range), 42, keys(), name);
    alert.suppressed = if kind == Kind::Escalating { 3 } else { 0 };
    alert
}
