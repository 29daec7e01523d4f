//! Each broken link is named right, with the command that repairs it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use records::time::Timestamp;

use super::{
    Caller, DoctorFacts, Filter, Group, Link, LinkState, Probe, RecordedEvents, Schedule, Sink,
    Table, Target, Trail, TrailStatus, WorkspaceSecret, examine,
};
use crate::ports::DeployedFunction;

const GROUP: &str = "trail";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:20:00Z").unwrap()
}

fn deployed(role: &str, settings: &[(&str, &str)]) -> DeployedFunction {
    let settings = settings.iter();
    let settings: BTreeMap<String, String> = settings
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    DeployedFunction {
        name: format!("errors-{role}"),
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        reason: String::new(),
        settings,
    }
}

fn trail() -> Trail {
    Trail {
        name: "main".to_owned(),
        arn: "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main".to_owned(),
        home: "eu-central-1".to_owned(),
        log_group_arn: format!("arn:aws:logs:eu-central-1:111122223333:log-group:{GROUP}:*"),
        is_multi_region: true,
        has_global_events: true,
        is_of_organization: false,
        status: Ok(TrailStatus {
            is_logging: true,
            delivery_error: String::new(),
        }),
        events: Ok(RecordedEvents {
            reads: true,
            writes: true,
            left_out: Vec::new(),
        }),
    }
}

fn filter(name: &str) -> Filter {
    Filter {
        name: name.to_owned(),
        pattern: "{ $.errorCode = \"*\" }".to_owned(),
        destination: "arn:aws:lambda:eu-central-1:111122223333:function:errors-ingest".to_owned(),
    }
}

fn sink(name: &str, place: &str) -> Sink {
    Sink {
        name: name.to_owned(),
        place: place.to_owned(),
        is_private: false,
        answer: Ok(Probe::Fine(41)),
        trouble: Ok(String::new()),
    }
}

/// Returns the facts of a stack whose chain is whole.
fn whole() -> DoctorFacts {
    let none = |role: &str| (role.to_owned(), Ok(None));
    let schedule = |role: &str| Schedule {
        role: role.to_owned(),
        group: format!("errors-{role}"),
        found: Ok(Some(("errors-Schedule-1".to_owned(), true))),
    };
    DoctorFacts {
        target: Target::Stack("errors".to_owned()),
        region: "eu-central-1".to_owned(),
        now: now(),
        login: Ok(()),
        clock: Ok(2),
        caller: Ok(Caller {
            account_id: "111122223333".to_owned(),
            arn: "arn:aws:iam::111122223333:user/mia".to_owned(),
        }),
        functions: Ok(vec![
            deployed("ingest", &[("SINKS", "sns,"), ("TABLE_NAME", "errors-Table-1"), ("BUCKET_NAME", "errors-bucket-1")]),
            deployed("inspect", &[("FILTER_PATTERN", "{ $.errorCode = \"*\" }"), ("ACCOUNT_ROLE_NAME", "keys")]),
            deployed("deliver", &[]),
        ]),
        trails: Ok(vec![trail()]),
        groups: vec![Group {
            name: GROUP.to_owned(),
            newest: Ok(Some(Some(now().plus(-240)))),
            filters: Ok(vec![filter("errors-ingest")]),
        }],
        permission: Ok(Some(r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"logs.eu-central-1.amazonaws.com"},"Action":"lambda:InvokeFunction"}]}"#.to_owned())),
        concurrency: Ok((None, 1000)),
        errors: vec![none("ingest"), none("inspect"), none("deliver")],
        table: Ok(Some(Table {
            status: "ACTIVE".to_owned(),
            expires: Ok(true),
            restores: Ok(true),
        })),
        bucket: Ok(true),
        schedules: vec![schedule("inspect"), schedule("deliver")],
        sink_settings: Some(Ok(())),
        secrets: ["guance", "guance-shop"]
            .map(|sink| WorkspaceSecret {
                sink: sink.to_owned(),
                arn: format!("arn:secret:{sink}"),
                answer: Ok(Probe::Fine(7)),
            })
            .to_vec(),
        sinks: vec![
            sink("sns", "arn:topic"),
            sink("guance", "https://openway.guance.com"),
            sink("guance-shop", "https://cn3-openway.guance.com"),
        ],
        unanswered_keys: Some(Ok(Some(0))),
        deployment: None,
    }
}

/// Returns the facts about a log group before the first deployment.
fn fresh() -> DoctorFacts {
    let mut facts = whole();
    facts.target = Target::LogGroup(GROUP.to_owned());
    facts.groups[0].filters = Ok(Vec::new());
    facts.deployment = Some(Ok(vec![("lambda:CreateFunction".to_owned(), true)]));
    facts
}

type Change = fn(&mut DoctorFacts);

/// Each link, a fault of it, and a part of the command that repairs it; in the order of the links.
const FAULTS: [(&str, Change, &str); 24] = [
    (
        "login",
        |of| of.login = Err("no AWS credentials found".to_owned()),
        "aws sso login",
    ),
    ("clock", |of| of.clock = Ok(-600), "timedatectl"),
    (
        "caller",
        |of| of.caller = Err("InvalidClientTokenId".to_owned()),
        "get-caller-identity",
    ),
    (
        "stack",
        |of| of.functions = Ok(Vec::new()),
        "--stack-name errors",
    ),
    (
        "stack",
        |of| of.functions.as_mut().unwrap().truncate(2),
        "sam deploy",
    ),
    (
        "trail",
        |of| {
            of.trails.as_mut().unwrap()[0].log_group_arn.clear();
            of.groups[0].newest = Ok(Some(None));
        },
        "aws cloudtrail update-trail --name main",
    ),
    (
        "logging",
        |of| of.trails.as_mut().unwrap()[0].status = Ok(TrailStatus::default()),
        "start-logging --name main",
    ),
    (
        "events",
        |of| of.trails.as_mut().unwrap()[0].events = Ok(RecordedEvents::default()),
        "put-event-selectors --trail-name main",
    ),
    (
        "group",
        |of| of.groups[0].newest = Ok(None),
        "create-log-group --log-group-name trail",
    ),
    (
        "records",
        |of| of.groups[0].newest = Ok(Some(Some(now().plus(-20_000)))),
        "aws logs tail trail",
    ),
    (
        "filter",
        |of| of.groups[0].filters = Ok(Vec::new()),
        "put-subscription-filter --log-group-name trail --filter-name errors-ingest --destination-arn arn:aws:lambda:eu-central-1:111122223333:function:errors-ingest",
    ),
    (
        "filter",
        |of| {
            of.groups[0].filters = Ok(vec![Filter {
                pattern: String::new(),
                ..filter("errors-ingest")
            }]);
        },
        "FILTER_PATTERN",
    ),
    (
        "permission",
        |of| of.permission = Ok(None),
        "aws lambda add-permission --function-name errors-ingest",
    ),
    (
        "functions",
        |of| {
            of.functions
                .iter_mut()
                .flatten()
                .for_each(|one| one.last_update = "Failed".to_owned());
        },
        "sam build && sam deploy",
    ),
    (
        "concurrency",
        |of| of.concurrency = Ok((Some(0), 1000)),
        "delete-function-concurrency --function-name errors-ingest",
    ),
    (
        "table",
        |of| of.table = Ok(None),
        "restore-table-to-point-in-time --source-table-name errors-Table-1",
    ),
    (
        "bucket",
        |of| of.bucket = Ok(false),
        "aws s3 mb s3://errors-bucket-1",
    ),
    (
        "schedules",
        |of| of.schedules[1].found = Ok(Some(("s".to_owned(), false))),
        "update-schedule",
    ),
    (
        "secret",
        |of| of.secrets[0].answer = Ok(Probe::Wrong("it does not exist".to_owned())),
        "put-secret-value --secret-id arn:secret:guance ",
    ),
    (
        "secret",
        |of| of.secrets[1].answer = Ok(Probe::Wrong("it was deleted".to_owned())),
        "put-secret-value --secret-id arn:secret:guance-shop ",
    ),
    (
        "sinks",
        |of| of.sinks[0].answer = Ok(Probe::Wrong("the topic does not exist".to_owned())),
        "get-topic-attributes --topic-arn arn:topic",
    ),
    (
        "sinks",
        |of| of.sinks[2].answer = Ok(Probe::Wrong("it refuses the token".to_owned())),
        "cloudtrail-inspector config set, with the workspace corrected",
    ),
    (
        "sinks",
        |of| of.sink_settings = Some(Err("TOPIC_ARN: wrong".to_owned())),
        "sam deploy --guided",
    ),
    (
        "errors",
        |of| of.errors[1].1 = Ok(Some("StoreUnavailable".to_owned())),
        "aws logs tail /aws/lambda/errors-inspect",
    ),
];

fn link<'d>(links: &'d [Link], key: &str) -> &'d Link {
    links.iter().find(|of| of.key == key).unwrap()
}

#[test]
fn a_whole_chain_has_no_broken_link_and_nothing_to_do() {
    for facts in [whole(), fresh()] {
        let diagnosis = examine(&facts);
        assert!(diagnosis.is_whole(), "{diagnosis:#?}");
        let fine = |of: &Link| of.state == LinkState::Ok && of.command.is_empty();
        assert!(diagnosis.links.iter().all(fine), "{diagnosis:#?}");
    }
    assert_eq!(examine(&whole()).next, "");
    let next = "sam build && sam deploy --guided --parameter-overrides LogGroupNames=trail";
    assert_eq!(examine(&fresh()).next, next);
}

#[test]
fn each_broken_link_is_named_with_the_command_that_repairs_it() {
    for (key, change, command) in FAULTS {
        let mut facts = whole();
        change(&mut facts);
        let diagnosis = examine(&facts);
        let broken = diagnosis.broken().map(|link| link.key);
        assert_eq!(broken, Some(key), "{diagnosis:#?}");
        assert!(
            link(&diagnosis.links, key).command.contains(command),
            "{diagnosis:#?}"
        );
        assert!(!diagnosis.is_whole());
    }
}

proptest! {
    #[test]
    fn the_first_broken_link_is_the_one_that_is_named_and_those_behind_it_are_not_checked(
        places in subsequence((0..FAULTS.len()).collect::<Vec<_>>(), 1..6)
    ) {
        let mut facts = whole();
        // Two faults may be in one fact: the change that comes first in the chain has to stay.
        for place in places.iter().rev() {
            FAULTS[*place].1(&mut facts);
        }
        let diagnosis = examine(&facts);
        let broken = diagnosis.broken().map(|link| link.key);
        prop_assert_eq!(broken, Some(FAULTS[places[0]].0));
        let at = diagnosis.links.iter().position(|link| Some(link.key) == broken).unwrap();
        for link in &diagnosis.links[at + 1..] {
            prop_assert_eq!(link.state, LinkState::NotChecked);
            prop_assert!(link.command.is_empty());
        }
        for link in &diagnosis.links[..at] {
            prop_assert_eq!(link.state, LinkState::Ok);
        }
    }
}

/// Returns what the first trail records.
fn recorded(of: &mut DoctorFacts) -> &mut RecordedEvents {
    of.trails.as_mut().unwrap()[0].events.as_mut().unwrap()
}

#[test]
fn a_link_that_works_in_part_does_not_stop_the_others() {
    let cases: [(&str, Change, &str); 11] = [
        (
            "schedules",
            |of| {
                let inspect = &mut of.functions.as_mut().unwrap()[1];
                let hours = ("INSPECTION_ALARM_HOURS".to_owned(), "0".to_owned());
                inspect.settings.extend([hours]);
                of.schedules[0].found = Ok(Some(("s".to_owned(), false)));
            },
            "sam deploy --guided, with InspectionSchedule",
        ),
        ("trail", |of| of.trails = Ok(Vec::new()), "describe-trails"),
        (
            "regions",
            |of| of.trails.as_mut().unwrap()[0].is_multi_region = false,
            "--is-multi-region-trail",
        ),
        (
            "regions",
            |of| of.trails.as_mut().unwrap()[0].has_global_events = false,
            "--include-global-service-events",
        ),
        (
            "events",
            |of| recorded(of).reads = false,
            "put-event-selectors",
        ),
        (
            "events",
            |of| recorded(of).writes = false,
            "put-event-selectors",
        ),
        (
            "events",
            |of| recorded(of).left_out = vec!["kms.amazonaws.com".to_owned()],
            "put-event-selectors",
        ),
        (
            "table",
            |of| of.table.as_mut().unwrap().as_mut().unwrap().expires = Ok(false),
            "update-time-to-live",
        ),
        (
            "table",
            |of| of.table.as_mut().unwrap().as_mut().unwrap().restores = Ok(false),
            "update-continuous-backups",
        ),
        ("sinks", |of| of.sinks.clear(), "with Topic"),
        (
            "roles",
            |of| of.unanswered_keys = Some(Ok(Some(3))),
            "member-role.yaml",
        ),
    ];
    for (key, change, command) in cases {
        let mut facts = whole();
        change(&mut facts);
        let diagnosis = examine(&facts);
        let found = link(&diagnosis.links, key);
        assert_eq!(found.state, LinkState::Limited, "{diagnosis:#?}");
        assert!(found.command.contains(command), "{diagnosis:#?}");
        assert!(diagnosis.is_whole());
        assert_eq!(link(&diagnosis.links, "errors").state, LinkState::Ok);
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_never_whole() {
    let no = || "AccessDenied: no".to_owned();
    type Change = fn(&mut DoctorFacts, String);
    let cases: [(&str, Change); 9] = [
        ("stack", |of, why| of.functions = Err(why)),
        ("trail", |of, why| of.trails = Err(why)),
        ("logging", |of, why| {
            of.trails.as_mut().unwrap()[0].status = Err(why);
        }),
        ("events", |of, why| {
            of.trails.as_mut().unwrap()[0].events = Err(why);
        }),
        ("records", |of, why| of.groups[0].newest = Err(why)),
        ("permission", |of, why| of.permission = Err(why)),
        ("concurrency", |of, why| of.concurrency = Err(why)),
        ("secret", |of, why| of.secrets[1].answer = Err(why)),
        ("sinks", |of, why| of.sinks[1].answer = Err(why)),
    ];
    for (key, change) in cases {
        let mut facts = whole();
        change(&mut facts, no());
        let diagnosis = examine(&facts);
        let found = link(&diagnosis.links, key);
        assert_eq!(found.state, LinkState::Unknown, "{diagnosis:#?}");
        assert!(found.finding.contains("AccessDenied: no"), "{diagnosis:#?}");
        assert!(!found.command.is_empty());
        assert!(!diagnosis.is_whole());
    }
}

#[test]
fn before_the_first_deployment_the_trail_the_group_its_room_and_the_rights_are_examined() {
    let cases: [(&str, Change, &str); 4] = [
        (
            "logging",
            |of| {
                of.trails.as_mut().unwrap()[0]
                    .status
                    .as_mut()
                    .unwrap()
                    .delivery_error = "Access denied".to_owned();
            },
            "CloudWatchLogsRoleArn",
        ),
        (
            "group",
            |of| of.groups[0].newest = Ok(None),
            "create-log-group",
        ),
        (
            "room",
            |of| of.groups[0].filters = Ok(vec![filter("a"), filter("b")]),
            "delete-subscription-filter --log-group-name trail",
        ),
        (
            "deployment",
            |of| of.deployment = Some(Ok(vec![("iam:CreateRole".to_owned(), false)])),
            "ask the administrator",
        ),
    ];
    for (key, change, command) in cases {
        let mut facts = fresh();
        change(&mut facts);
        let diagnosis = examine(&facts);
        assert_eq!(
            diagnosis.broken().map(|link| link.key),
            Some(key),
            "{diagnosis:#?}"
        );
        assert!(
            link(&diagnosis.links, key).command.contains(command),
            "{diagnosis:#?}"
        );
        assert_eq!(diagnosis.next, "", "there is nothing to deploy yet");
    }
}

#[test]
fn a_trail_connected_to_another_group_is_pointed_to_this_one() {
    let mut facts = fresh();
    facts.trails.as_mut().unwrap()[0].log_group_arn.clear();
    facts.groups[0].newest = Ok(Some(None));
    let diagnosis = examine(&facts);
    let command = "aws cloudtrail update-trail --name main --region eu-central-1 --cloud-watch-logs-log-group-arn \
                   'arn:aws:logs:eu-central-1:111122223333:log-group:trail:*' --cloud-watch-logs-role-arn ROLE";
    assert_eq!(link(&diagnosis.links, "trail").command, command);
}

#[test]
fn a_sink_in_a_private_network_need_not_answer_this_machine_but_must_answer_the_function() {
    let mut facts = whole();
    facts.sinks[1].is_private = true;
    facts.sinks[1].answer = Err("cannot connect".to_owned());
    assert!(examine(&facts).is_whole());
    facts.sinks[1].trouble = Ok("403 token".to_owned());
    let diagnosis = examine(&facts);
    assert_eq!(diagnosis.broken().map(|link| link.key), Some("sinks"));
    assert!(
        link(&diagnosis.links, "sinks")
            .finding
            .contains("403 token")
    );
}
