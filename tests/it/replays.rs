//! Golden cases that are sequences of events, not single clusters. Each is modelled after a real incident and replayed
//! through all three functions.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::kind::AlertKind;
use clusters::ClusterTotals;
use clusters::campaign::Shape;
use clusters::lifecycle::Resolutions;
use clusters::transition::Change;
use input::{Layout, Limits};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::inspect::Summaries;
use service::ingest::{commit, fold};
use service::inspect::Recorded;
use service::memory::MemoryStore;
use service::ports::Store as _;
use service::rules::Rules;

use crate::corpus::corpus;
use crate::pipeline::lived;
use crate::pipeline::scenarios::{Happening, STEADY, steady};
use crate::pipeline::world::World;
use crate::records::ACCOUNT;
use crate::story::{HOUR, START};
use crate::table::{store, telling};

/// The first calls of an attacker who holds a key with few permissions.
const RECON: [(&str, &str); 34] = [
    ("sts", "GetSessionToken"),
    ("iam", "ListUsers"),
    ("iam", "ListRoles"),
    ("iam", "ListGroups"),
    ("iam", "GetAccountSummary"),
    ("iam", "GetAccountPasswordPolicy"),
    ("iam", "GenerateCredentialReport"),
    ("s3", "ListBuckets"),
    ("s3", "GetBucketPolicy"),
    ("s3", "GetBucketAcl"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeVpcs"),
    ("ec2", "DescribeSubnets"),
    ("ec2", "DescribeSnapshots"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeVolumes"),
    ("rds", "DescribeDBInstances"),
    ("rds", "DescribeDBSnapshots"),
    ("lambda", "ListFunctions"),
    ("lambda", "GetPolicy"),
    ("kms", "ListKeys"),
    ("kms", "ListAliases"),
    ("sns", "ListTopics"),
    ("sqs", "ListQueues"),
    ("ecr", "DescribeRepositories"),
    ("ecs", "ListClusters"),
    ("ssm", "DescribeParameters"),
    ("secretsmanager", "ListSecrets"),
    ("cloudtrail", "DescribeTrails"),
    ("config", "DescribeConfigRules"),
    ("guardduty", "ListDetectors"),
    ("organizations", "DescribeOrganization"),
    ("route53", "ListHostedZones"),
    ("dynamodb", "ListTables"),
];

/// Returns denied calls of a user, each with the given further fields.
fn refused(at: i64, service: &str, call: &str, more: &Value) -> Happening {
    let code = if service == "ec2" {
        "Client.UnauthorizedOperation"
    } else {
        "AccessDenied"
    };
    let mut fields = json!({
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call,
        "errorCode": code,
        "userIdentity": {
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/level"),
            "accountId": ACCOUNT,
            "userName": "level",
        },
    });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    Happening {
        at: START + at,
        fields: Some(fields),
    }
}

/// Returns the number of alerts that a sink received, by kind, and campaigns by stage, without summaries.
fn counts(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for told in world.told("guance") {
        let name = match told.kind() {
            AlertKind::AccountSummary => continue,
            AlertKind::Campaign => format!("campaign {}", facts(&told)["stage"]),
            kind => kind.name().to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn facts(told: &Alert) -> Value {
    told.facts.json()
}

fn of_kind(world: &World, kind: AlertKind) -> Vec<Alert> {
    let mut told = world.told("guance");
    told.retain(|of| of.kind() == kind);
    told.sort_by_key(|of| of.at);
    told
}

#[test]
fn a_stolen_key_that_tries_every_door_is_one_campaign_and_fewer_than_ten_singles() {
    // Case 2: all calls within a quarter of an hour, and all of them in two more regions.
    let regions = ["us-west-2", "us-east-1", "eu-west-1"];
    let calls = regions
        .iter()
        .flat_map(|region| RECON.map(|of| (*region, of)));
    let tried = (0..).zip(calls).map(|(n, (region, (service, call)))| {
        refused(
            10 * HOUR + 300 + n * 25,
            service,
            call,
            &json!({"awsRegion": region}),
        )
    });
    let world = lived(&tried.collect::<Vec<_>>(), Summaries::New);
    let counts = counts(&world);
    let count = |of: &str| counts.get(of).copied().unwrap_or_default();
    assert_eq!(count("campaign \"began\""), 1, "{counts:?}");
    assert_eq!(count("campaign \"ended\""), 1, "{counts:?}");
    assert!((1..10).contains(&count("new")), "{counts:?}");
    let began = &of_kind(&world, AlertKind::Campaign)[0];
    assert_eq!(
        facts(began)["actor"],
        format!("arn:aws:iam::{ACCOUNT}:user/level")
    );
    // It recovers with its campaign, and none of the campaign's calls has an alert of its own.
    assert_eq!(
        count("new_principal") + count("regressed") + count("escalating"),
        0
    );
}

#[test]
fn a_session_that_asks_thirty_machines_for_their_password_is_one_cluster_and_a_campaign_in_depth() {
    // Case 3, as Stratus Red Team does it.
    let session = json!({
        "type": "AssumedRole",
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/get-password-data/aws-go-sdk"),
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {
            "type": "Role",
            "arn": format!("arn:aws:iam::{ACCOUNT}:role/get-password-data"),
            "accountId": ACCOUNT,
            "userName": "get-password-data",
        }},
    });
    let asked = (0..30).map(|n| {
        let machine = format!("i-0{n:016x}");
        let resource = format!("arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{machine}");
        let message = format!(
            "You are not authorized to perform this operation. User: arn:aws:sts::{ACCOUNT}:assumed-role/get-password-data/aws-go-sdk \
             is not authorized to perform: ec2:GetPasswordData on resource: {resource} because no identity-based policy allows \
             the ec2:GetPasswordData action"
        );
        let more = json!({
            "errorMessage": message,
            "requestParameters": {"instanceId": machine},
            "userIdentity": session,
        });
        refused(10 * HOUR + n * 7, "ec2", "GetPasswordData", &more)
    });
    let world = lived(&asked.collect::<Vec<_>>(), Summaries::New);
    let store = store(&world.table, telling());
    let sums = block_on(store.sums(None)).unwrap();
    let clusters = sums.clusters();
    assert_eq!((clusters.len(), clusters[0].span.count), (1, 30));
    let counts = counts(&world);
    assert_eq!(
        (counts["new"], counts["campaign \"began\""]),
        (1, 1),
        "{counts:?}"
    );
    let began = facts(&of_kind(&world, AlertKind::Campaign)[0]);
    assert_eq!(
        (&began["shapes"], &began["calls"]["total"]),
        (&json!(["depth"]), &json!(1))
    );
}

#[test]
fn the_real_sessions_of_stratus_are_campaigns_in_depth_of_one_cluster_each() {
    let Some(file) = corpus("events/invictus.jsonl.gz") else {
        return;
    };
    let (limits, rules) = (Limits::default(), Rules::default());
    let file = std::fs::File::open(file).unwrap();
    let folded = fold(file, Layout::Lines, &limits, None, &rules).unwrap();
    let mut memory = MemoryStore::default();
    block_on(commit(&mut memory, "test", folded)).unwrap();
    let events = block_on(memory.events()).unwrap();
    let facts = block_on(memory.snapshot(None)).unwrap().facts;
    let mut sessions = 0;
    let resolutions = Resolutions::new();
    let recorded = Recorded {
        events: &events,
        facts: &facts,
        resolutions: &resolutions,
    };
    for transition in recorded.replay(None).story {
        if let Change::Campaign(campaign) = transition.change {
            assert!(
                campaign.actor.contains("role/stratus-red-team-"),
                "{campaign:?}"
            );
            assert_eq!(campaign.shapes, BTreeSet::from([Shape::Depth]));
            assert_eq!((campaign.clusters.len(), campaign.calls.len()), (1, 1));
            sessions += 1;
        }
    }
    assert_eq!(sessions, 2, "passwords and user data");
}

#[test]
fn a_sensitive_call_that_succeeds_is_told_with_where_and_on_what() {
    // Case 45.
    let done = |at, call: &str, parameters: Value| Happening {
        at: START + at,
        fields: Some(json!({
            "eventSource": "iam.amazonaws.com",
            "eventName": call,
            "awsRegion": "us-east-1",
            "readOnly": false,
            "requestParameters": parameters,
        })),
    };
    let policy =
        json!({"userName": "omar", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    let mut created = done(HOUR, "CreateUser", json!({"userName": "omar"}));
    created.fields.as_mut().unwrap()["responseElements"] =
        json!({"user": {"userName": "omar", "arn": format!("arn:aws:iam::{ACCOUNT}:user/omar")}});
    let world = lived(
        &[created, done(HOUR + 60, "AttachUserPolicy", policy)],
        Summaries::New,
    );
    assert_eq!(
        counts(&world),
        BTreeMap::from([("sensitive_call".to_owned(), 2)])
    );
    let store = store(&world.table, telling());
    let snapshot = block_on(store.snapshot(None)).unwrap();
    let calls = snapshot.sensitive_calls();
    assert_eq!((calls.len(), snapshot.clusters().len()), (2, 0));
    for cluster in calls.iter().map(ClusterTotals::cluster) {
        let says = |text: &str| {
            cluster
                .facet_sets
                .iter()
                .any(|of| format!("{of:?}").contains(text))
        };
        assert!(says("us-east-1"), "{:?}", cluster.facet_sets);
        assert!(says("omar"), "{:?}", cluster.facet_sets);
    }
}

#[test]
fn an_account_that_always_fails_and_is_not_seen_for_hours_is_told_once_and_when_it_is_seen_again() {
    // Case 47.
    let world = lived(&steady((26, 6)).collect::<Vec<_>>(), Summaries::New);
    let told = of_kind(&world, AlertKind::NoData);
    let said: Vec<(&str, String)> = told
        .iter()
        .map(|of| (of.account_id(), facts(of)["stage"].to_string()))
        .collect();
    assert_eq!(
        said,
        [
            (STEADY, "\"began\"".to_owned()),
            (STEADY, "\"ended\"".to_owned())
        ]
    );
    let last_seen = START + 25 * HOUR + 600 + 2 * 900;
    let since = Timestamp::from_seconds(last_seen).unwrap();
    assert_eq!(facts(&told[0])["since"], since.to_string());
}

#[test]
fn the_summary_of_an_hour_is_the_sum_of_its_clusters_and_that_of_a_day_the_sum_of_its_hours() {
    // Case 48.
    let mut happened: Vec<Happening> = steady((40, 0)).collect();
    for n in 0..90 {
        happened.push(refused(
            6 * HOUR + n * 31,
            "s3",
            RECON[n as usize % 3].1,
            &json!({"recipientAccountId": STEADY}),
        ));
    }
    let world = lived(&happened, Summaries::Always);
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for of in &happened {
        *hours.entry(of.at.div_euclid(HOUR)).or_default() += 1;
    }
    let summaries = of_kind(&world, AlertKind::AccountSummary);
    let mut seen = 0;
    for told in summaries {
        let summary = facts(&told);
        let (from, until) = (time(&summary["from"]), time(&summary["until"]));
        let expected: u64 = hours
            .range(from / HOUR..until / HOUR)
            .map(|(_, count)| count)
            .sum();
        assert_eq!(summary["errors"], expected, "{}", told.about());
        let lines = summary["top"].as_array().unwrap();
        let of_clusters: u64 = lines
            .iter()
            .map(|line| line["count"].as_u64().unwrap())
            .sum();
        assert_eq!(
            (lines.len() as u64, of_clusters),
            (summary["error_clusters"].as_u64().unwrap(), expected)
        );
        seen += 1;
    }
    assert!(seen > 40, "{seen} summaries");
}

fn time(text: &Value) -> i64 {
    let time = Timestamp::parse(text.as_str().unwrap());
    time.unwrap().seconds()
}
