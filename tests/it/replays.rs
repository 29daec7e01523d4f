//! Golden cases that are sequences of events, not single clusters. Each is modelled after a real incident and replayed
//! through all three functions.

use std::collections::BTreeMap;

use alerts::alert::Alert;
use alerts::kind::AlertKind;
use clusters::ClusterTotals;
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::inspect::Summaries;
use service::ports::Store as _;

use crate::pipeline::lived;
use crate::pipeline::scenarios::{Happening, STEADY, steady};
use crate::pipeline::world::World;
use crate::records::ACCOUNT;
use crate::story::{HOUR, START};
use crate::table::{store, telling};

/// Calls of an attacker who holds a key with few permissions.
const TRIED: [&str; 3] = ["GetSessionToken", "ListUsers", "ListRoles"];

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

/// Returns the number of alerts that a sink received, by kind, without summaries.
fn counts(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for told in world.told("guance") {
        let name = match told.kind() {
            AlertKind::AccountSummary => continue,
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
            TRIED[n as usize % 3],
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
