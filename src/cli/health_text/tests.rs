//! The screens of `status` and `doctor`, healthy and with everything wrong.

use std::collections::BTreeMap;

use alerts::locale::{Language, Locale};
use alerts::outbox::Breaker;
use alerts::severity::Severity;
use expect_test::expect_file;
use records::time::Timestamp;
use service::doctor::{
    Caller, DoctorFacts, Filter, Group, Probe, RecordedEvents, Schedule, Sink, Table, Target,
    Trail, TrailStatus, WorkspaceSecret, examine,
};
use service::ports::{Alarm, Beginning, Delays, DeployedFunction, ListedObject};
use service::status::{LastInspection, SinkFacts, StatusFacts, report};

use super::{doctor, status};
use crate::table::Screen;
use crate::table::layout::width;

const SCREEN: Screen = Screen {
    width: 80,
    colours: false,
    links: false,
    verbose: false,
};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:20:00Z").unwrap()
}

fn deployed(role: &str, version: &str, settings: &[(&str, &str)]) -> DeployedFunction {
    let version = [("PROGRAM_VERSION", version)];
    let all = settings.iter().chain(&version);
    let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    DeployedFunction {
        name: format!("errors-{role}"),
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        reason: String::new(),
        settings: all.collect::<BTreeMap<_, _>>(),
    }
}

fn sink(name: &str, waiting: usize, breaker: Breaker) -> SinkFacts {
    SinkFacts {
        name: name.to_owned(),
        waiting: Ok((waiting, (waiting > 0).then(|| now().plus(-5400)))),
        breaker: Ok(breaker),
        dead: Ok(vec![now().plus(-60); waiting]),
    }
}

fn alarms(on: &[&str]) -> Vec<Alarm> {
    let names = [
        "no-inspection",
        "errors-ingest",
        "oldest-alert-guance",
        "misconfigured-guance",
        "redrive-left",
        "events-dropped",
    ];
    let alarm = |name: &&str| Alarm {
        name: format!("errors-{name}"),
        is_on: on.contains(name),
    };
    names.iter().map(alarm).collect()
}

fn healthy() -> StatusFacts {
    let roles = ["ingest", "inspect", "deliver", "widget"];
    let settings = [("SINKS", "guance,sns,"), ("LEARN_HOURS", "24")];
    StatusFacts {
        stack: "errors".to_owned(),
        now: now(),
        program: "0.1.0",
        functions: Ok(roles
            .map(|role| deployed(role, "0.1.0", &settings))
            .to_vec()),
        inspection: Ok(Some(LastInspection {
            at: now().plus(-1200),
            until: now().window().plus(-1),
            open: vec![Severity::Error, Severity::Warning, Severity::Warning],
        })),
        sinks: Ok(vec![
            sink("guance", 0, Breaker::default()),
            sink("sns", 0, Breaker::default()),
        ]),
        late_hours: Ok(1),
        incidents: Ok(vec![Severity::Critical]),
        beginning: Ok(Beginning {
            began: Some(now().plus(-400_000)),
            identity: Some("fp3".to_owned()),
        }),
        delays: Ok(Delays {
            source_seconds: Some(241),
            own_seconds: Some(2),
        }),
        alarms: Ok(alarms(&[])),
        quarantine: Ok(Vec::new()),
        failed: Ok(Vec::new()),
    }
}

fn objects() -> Vec<ListedObject> {
    let object = |seconds: i64| ListedObject {
        key: "key".to_owned(),
        bytes: 1,
        modified: Some(now().plus(-seconds)),
    };
    vec![object(40_000), object(600)]
}

/// Returns the facts of a stack in which everything is wrong that can be wrong at once.
fn all_wrong() -> StatusFacts {
    let breaker = |misconfigured| {
        Breaker {
        failures: 7,
        is_misconfigured: misconfigured,
        why: "403 kodo.tokenNotFound: the token tkn_**** was not found in this workspace, or it was revoked".to_owned(),
        ..Breaker::default()
    }
    };
    let mut failed = deployed("inspect", "0.1.0", &[]);
    failed.last_update = "Failed".to_owned();
    failed.reason = "The image of the function is too large".to_owned();
    StatusFacts {
        functions: Ok(vec![deployed("ingest", "0.2.0", &[("SINKS", "guance,sns,eventbridge,")]), failed]),
        inspection: Ok(Some(LastInspection {
            at: now().plus(-40_000),
            until: now().window().plus(-12),
            open: vec![Severity::Critical; 12],
        })),
        sinks: Ok(vec![sink("guance", 1000, breaker(true)), sink("sns", 3, breaker(false)), SinkFacts {
            waiting: Err("the store is not available: AccessDeniedException: not allowed to call dynamodb:Query".to_owned()),
            ..sink("eventbridge", 0, Breaker::default())
        }]),
        late_hours: Err("the store is not available: AccessDeniedException".to_owned()),
        incidents: Err("the store is not available: AccessDeniedException".to_owned()),
        beginning: Err("the store is not available: AccessDeniedException".to_owned()),
        delays: Ok(Delays {
            source_seconds: Some(9000),
            own_seconds: Some(20_000),
        }),
        alarms: Ok(alarms(&["no-inspection", "errors-ingest", "oldest-alert-guance", "misconfigured-guance", "redrive-left"])),
        quarantine: Ok(objects()),
        failed: Ok(objects()),
        ..healthy()
    }
}

fn screen_of(facts: &StatusFacts, language: Language) -> String {
    let locale = Locale {
        language,
        ..Locale::default()
    };
    let text = status(&report(facts, locale), language, &SCREEN);
    assert!(
        text.lines().count() <= 40,
        "{} lines:\n{text}",
        text.lines().count()
    );
    for line in text.lines() {
        // A command is one word of the shell after the other, and a single word is never broken.
        let is_word = !line.trim().contains(' ');
        assert!(width(line) <= SCREEN.width || is_word, "{line}");
    }
    text
}

#[test]
fn the_health_of_a_stack_fits_one_screen() {
    expect_file!["status_healthy.txt"].assert_eq(&screen_of(&healthy(), Language::En));
    expect_file!["status_all_wrong.txt"].assert_eq(&screen_of(&all_wrong(), Language::En));
    expect_file!["status_all_wrong.zh.txt"].assert_eq(&screen_of(&all_wrong(), Language::Zh));
    let late = StatusFacts {
        inspection: Ok(Some(LastInspection {
            at: now().plus(-40_000),
            until: now().window().plus(-12),
            open: Vec::new(),
        })),
        ..healthy()
    };
    expect_file!["status_no_inspection.txt"].assert_eq(&screen_of(&late, Language::En));
}

#[test]
fn colours_are_for_terminals_alone() {
    let facts = healthy();
    let report = report(&facts, Locale::default());
    let coloured = Screen {
        colours: true,
        ..SCREEN
    };
    assert!(!status(&report, Language::En, &SCREEN).contains('\u{1b}'));
    assert!(status(&report, Language::En, &coloured).contains("\u{1b}[32m"));
}

fn trail() -> Trail {
    Trail {
        name: "main".to_owned(),
        arn: "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main".to_owned(),
        home: "eu-central-1".to_owned(),
        log_group_arn: "arn:aws:logs:eu-central-1:111122223333:log-group:trail:*".to_owned(),
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

/// Returns the facts of a stack whose links all work.
fn whole() -> DoctorFacts {
    let settings = [
        ("FILTER_NAME", "errors-ingest"),
        ("ACCOUNT_ROLE_NAME", "keys"),
    ];
    let sink = |name: &str, place: &str| Sink {
        name: name.to_owned(),
        place: place.to_owned(),
        is_private: false,
        answer: Ok(Probe::Fine(12)),
        trouble: Ok(String::new()),
    };
    let schedule = |role: &str| Schedule {
        role: role.to_owned(),
        group: format!("errors-{role}"),
        found: Ok(Some(("every-hour".to_owned(), true))),
    };
    let target = Target::Stack("errors".to_owned());
    DoctorFacts {
        region: "eu-central-1".to_owned(),
        login: Ok(()),
        clock: Ok(1),
        caller: Ok(Caller {
            account_id: "111122223333".to_owned(),
            arn: "arn:aws:iam::111122223333:user/mia".to_owned(),
        }),
        functions: Ok(["ingest", "inspect", "deliver"]
            .map(|role| deployed(role, "0.1.0", &settings))
            .to_vec()),
        trails: Ok(vec![trail()]),
        groups: vec![Group {
            name: "trail".to_owned(),
            newest: Ok(Some(Some(now().plus(-240)))),
            filters: Ok(vec![Filter {
                name: "errors-ingest".to_owned(),
                pattern: String::new(),
                destination: "arn:aws:lambda:eu-central-1:111122223333:function:errors-ingest".to_owned(),
            }]),
        }],
        permission: Ok(Some(
            r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"lambda:InvokeFunction"}]}"#.to_owned(),
        )),
        concurrency: Ok((None, 1000)),
        errors: vec![("ingest".to_owned(), Ok(None))],
        table: Ok(Some(Table {
            status: "ACTIVE".to_owned(),
            expires: Ok(true),
            restores: Ok(true),
        })),
        bucket: Ok(true),
        schedules: ["inspect", "deliver"].map(schedule).to_vec(),
        sink_settings: Some(Ok(())),
        secrets: ["guance", "guance-shop"]
            .map(|sink| WorkspaceSecret {
                sink: sink.to_owned(),
                arn: format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:{sink}-AbCdEf"),
                answer: Ok(Probe::Fine(7)),
            })
            .to_vec(),
        sinks: vec![
            sink("guance", "https://us1-openway.guance.com"),
            sink("guance-shop", "https://cn3-openway.guance.com"),
            sink("sns", "arn:aws:sns:eu-central-1:111122223333:alerts"),
        ],
        unanswered_keys: Some(Ok(Some(0))),
        ..DoctorFacts::without_login(target, now(), String::new())
    }
}

#[test]
fn the_links_of_a_stack_fit_one_screen_whole_and_broken() {
    let text = doctor(&examine(&whole()), &SCREEN);
    expect_file!["doctor_whole.txt"].assert_eq(&text);
    let mut facts = whole();
    facts.groups[0].filters = Ok(Vec::new());
    let text = doctor(&examine(&facts), &SCREEN);
    expect_file!["doctor_no_filter.txt"].assert_eq(&text);
    let mut facts = whole();
    facts.sinks[1].answer = Ok(Probe::Wrong("it does not know the token".to_owned()));
    let text = doctor(&examine(&facts), &SCREEN);
    expect_file!["doctor_further_workspace.txt"].assert_eq(&text);
}

#[test]
fn the_first_broken_link_is_what_the_screen_begins_with() {
    let mut facts =
        DoctorFacts::without_login(Target::Stack("errors".to_owned()), now(), String::new());
    facts.region = "eu-central-1".to_owned();
    facts.login = Ok(());
    facts.clock = Ok(1);
    facts.caller = Ok(Caller {
        account_id: "111122223333".to_owned(),
        arn: "arn:aws:sts::111122223333:assumed-role/Operator/mia".to_owned(),
    });
    facts.functions = Ok(Vec::new());
    let text = doctor(&examine(&facts), &SCREEN);
    expect_file!["doctor_no_stack.txt"].assert_eq(&text);
    facts.functions = Err(
        "AccessDeniedException: not authorized to perform lambda:GetFunctionConfiguration"
            .to_owned(),
    );
    facts.trails = Err(
        "AccessDeniedException: not authorized to perform cloudtrail:DescribeTrails".to_owned(),
    );
    let text = doctor(&examine(&facts), &SCREEN);
    expect_file!["doctor_unknown.txt"].assert_eq(&text);
    let nothing = DoctorFacts::without_login(
        Target::LogGroup("trail".to_owned()),
        now(),
        "no AWS credentials found; set AWS_PROFILE or --profile".to_owned(),
    );
    let text = doctor(&examine(&nothing), &SCREEN);
    expect_file!["doctor_no_login.txt"].assert_eq(&text);
}
