//! Each fact is judged by its limits, and what could not be read is never healthy.

use std::collections::{BTreeMap, BTreeSet};

use alerts::links::Links;
use alerts::locale::{Language, Locale};
use alerts::outbox::Breaker;
use alerts::severity::Severity;
use clusters::keys::KeySettings;
use records::time::Timestamp;
use view::listing::Show;
use view::status::{RowState, StatusReport};

use super::{Fact, LastInspection, SinkFacts, StatusFacts, report};
use crate::ports::{Alarm, Beginning, Delays, DeployedFunction, ListedObject};
use crate::widget::{self, WidgetResponse, WidgetSetting};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    at("2026-11-21T12:20:00Z").plus(-seconds)
}

fn deployed(role: &str, settings: &[(&str, &str)]) -> DeployedFunction {
    let settings = settings.iter();
    let mut settings: BTreeMap<String, String> = settings
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    settings.insert("PROGRAM_VERSION".to_owned(), "0.1.0".to_owned());
    DeployedFunction {
        name: format!("errors-{role}"),
        state: "Active".to_owned(),
        last_update: "Successful".to_owned(),
        reason: String::new(),
        settings,
    }
}

fn sink(name: &str) -> SinkFacts {
    SinkFacts {
        name: name.to_owned(),
        waiting: Ok((0, None)),
        breaker: Ok(Breaker::default()),
        dead: Ok(Vec::new()),
    }
}

/// Returns the facts of a stack with two sinks in which all is well.
fn healthy() -> StatusFacts {
    let alarms = ["no-inspection", "oldest-alert-sns"].map(|name| Alarm {
        name: format!("errors-{name}"),
        is_on: false,
    });
    StatusFacts {
        stack: "errors".to_owned(),
        now: ago(0),
        program: "0.1.0",
        functions: Ok(vec![
            deployed("ingest", &[("SINKS", "sns,guance,"), ("LEARN_HOURS", "24")]),
            deployed("inspect", &[("INSPECTION_ALARM_HOURS", "2")]),
            deployed("deliver", &[]),
            deployed("widget", &[]),
        ]),
        inspection: Ok(Some(LastInspection {
            at: ago(1200),
            until: at("2026-11-21T11:00:00Z").window(),
            open: vec![Severity::Error, Severity::Warning, Severity::Warning],
        })),
        sinks: Ok(vec![sink("sns"), sink("guance")]),
        late_hours: Ok(0),
        incidents: Ok(Vec::new()),
        beginning: Ok(Beginning {
            began: Some(ago(5 * 86_400)),
            identity: Some("fp3".to_owned()),
        }),
        delays: Ok(Delays {
            source_seconds: Some(241),
            own_seconds: Some(2),
        }),
        alarms: Ok(alarms.to_vec()),
        quarantine: Ok(Vec::new()),
        failed: Ok(Vec::new()),
    }
}

fn object(seconds: i64) -> ListedObject {
    ListedObject {
        key: "key".to_owned(),
        bytes: 1,
        modified: Some(ago(seconds)),
    }
}

fn english(facts: &StatusFacts) -> StatusReport {
    report(facts, Locale::default())
}

/// Returns the row with a key, as state and value.
fn row(facts: &StatusFacts, key: &str) -> (RowState, String) {
    let report = english(facts);
    let row = report.rows.iter().find(|row| row.key == key);
    let row = row.unwrap_or_else(|| panic!("no row {key}: {report:?}"));
    assert_eq!(
        row.state == RowState::Ok,
        row.advice.is_empty(),
        "advice is for what is not as it should be: {row:?}"
    );
    (row.state, row.value.clone())
}

#[test]
fn a_healthy_stack_has_nothing_to_do() {
    let report = english(&healthy());
    assert!(report.is_healthy(), "{report:?}");
    assert_eq!(report.summary, "errors is healthy.");
    let wrong = report.rows.iter().filter(|row| row.state != RowState::Ok);
    assert_eq!(wrong.count(), 0, "{report:?}");
}

#[test]
fn each_fact_that_cannot_be_read_is_unknown_and_never_healthy() {
    fn unread<T>() -> Fact<T> {
        Err("AccessDenied: no".to_owned())
    }
    let cases: [(&str, Change); 12] = [
        ("inspection", |of| of.inspection = unread()),
        ("records", |of| of.delays = unread()),
        ("sinks", |of| of.sinks = unread()),
        ("sink:sns", |of| {
            of.sinks.as_mut().unwrap()[0].waiting = unread();
        }),
        ("sink:sns", |of| {
            of.sinks.as_mut().unwrap()[0].breaker = unread();
        }),
        ("sink:guance", |of| {
            of.sinks.as_mut().unwrap()[1].dead = unread();
        }),
        ("quarantine", |of| of.quarantine = unread()),
        ("failed", |of| of.failed = unread()),
        ("late", |of| of.late_hours = unread()),
        ("alarms", |of| of.alarms = unread()),
        ("incidents", |of| of.incidents = unread()),
        ("versions", |of| of.functions = unread()),
    ];
    for (key, change) in cases {
        let mut facts = healthy();
        change(&mut facts);
        let (state, value) = row(&facts, key);
        assert_eq!(
            (state, value.as_str()),
            (RowState::Unknown, "cannot be read: AccessDenied: no")
        );
        assert!(!english(&facts).is_healthy(), "{key}");
    }
}

/// A change of the facts of a healthy stack.
type Change = fn(&mut StatusFacts);

/// Gives the functions the settings of a stack with `InspectionSchedule=off`.
fn switch_off(of: &mut StatusFacts) {
    of.functions.as_mut().unwrap()[1] = deployed("inspect", &[("INSPECTION_ALARM_HOURS", "0")]);
}

/// Changes, each with the row that it concerns, and what the row then says.
const LIMITS: [(&str, Change, RowState, &str); 22] = [
    (
        "inspection",
        |of| {
            switch_off(of);
            of.inspection.as_mut().unwrap().as_mut().unwrap().at = ago(30 * 3600);
        },
        RowState::Warn,
        "1d ago, 1 h not inspected yet; switched off by InspectionSchedule=off",
    ),
    (
        "inspection",
        |of| {
            switch_off(of);
            of.inspection = Ok(None);
        },
        RowState::Warn,
        "none yet; switched off by InspectionSchedule=off",
    ),
    (
        "inspection",
        |of| of.inspection.as_mut().unwrap().as_mut().unwrap().at = ago(3 * 3600),
        RowState::Bad,
        "3h ago, 1 h not inspected yet",
    ),
    (
        "inspection",
        |of| {
            of.inspection.as_mut().unwrap().as_mut().unwrap().until =
                at("2026-11-21T05:00:00Z").window();
        },
        RowState::Warn,
        "20m ago, 7 h not inspected yet",
    ),
    (
        "inspection",
        |of| of.inspection = Ok(None),
        RowState::Bad,
        "none yet",
    ),
    (
        "inspection",
        |of| (of.inspection, of.beginning) = (Ok(None), Ok(Beginning::default())),
        RowState::Warn,
        "none yet",
    ),
    (
        "records",
        |of| of.delays = Ok(Delays::default()),
        RowState::Warn,
        "none measured in the last 3 hours",
    ),
    (
        "records",
        |of| of.delays.as_mut().unwrap().source_seconds = Some(3000),
        RowState::Warn,
        "delay of CloudTrail 50m, delay of the function 2s",
    ),
    (
        "records",
        |of| of.delays.as_mut().unwrap().own_seconds = Some(1000),
        RowState::Bad,
        "delay of CloudTrail 4m 1s, delay of the function 16m 40s",
    ),
    (
        "sinks",
        |of| of.sinks = Ok(Vec::new()),
        RowState::Warn,
        "not sent: the stack has no sink",
    ),
    (
        "sink:sns",
        |of| of.sinks.as_mut().unwrap()[0].waiting = Ok((3, Some(ago(60)))),
        RowState::Ok,
        "3 waiting, the oldest for 1m",
    ),
    (
        "sink:sns",
        |of| of.sinks.as_mut().unwrap()[0].waiting = Ok((3, Some(ago(1000)))),
        RowState::Bad,
        "3 waiting, the oldest for 16m 40s",
    ),
    (
        "sink:sns",
        |of| of.sinks.as_mut().unwrap()[0].dead = Ok(vec![ago(60)]),
        RowState::Warn,
        "0 waiting, 1 given up",
    ),
    (
        "sink:sns",
        |of| of.sinks.as_mut().unwrap()[0].dead = Ok(vec![ago(200_000)]),
        RowState::Ok,
        "0 waiting, 1 given up",
    ),
    (
        "sink:guance",
        |of| {
            of.sinks.as_mut().unwrap()[1].breaker = Ok(Breaker {
                is_misconfigured: true,
                why: "403 token".to_owned(),
                ..Breaker::default()
            });
        },
        RowState::Bad,
        "0 waiting, last answer: 403 token",
    ),
    (
        "sink:guance",
        |of| {
            of.sinks.as_mut().unwrap()[1].breaker = Ok(Breaker {
                failures: 2,
                why: "503".to_owned(),
                ..Breaker::default()
            });
        },
        RowState::Warn,
        "0 waiting, last answer: 503",
    ),
    (
        "quarantine",
        |of| of.quarantine = Ok(vec![object(200_000), object(7200)]),
        RowState::Warn,
        "2, the newest 2h ago",
    ),
    (
        "quarantine",
        |of| of.quarantine = Ok(vec![object(200_000)]),
        RowState::Ok,
        "1, the newest 2d ago",
    ),
    (
        "failed",
        |of| of.failed = Ok(vec![object(60)]),
        RowState::Warn,
        "1, the newest 1m ago",
    ),
    (
        "failed",
        |of| of.failed = Ok(vec![object(20_000), object(60)]),
        RowState::Bad,
        "2, the newest 1m ago",
    ),
    (
        "alarms",
        |of| of.alarms.as_mut().unwrap()[0].is_on = true,
        RowState::Bad,
        "1 of 2 are on: no-inspection",
    ),
    (
        "alarms",
        |of| of.alarms = Ok(Vec::new()),
        RowState::Warn,
        "the stack has none",
    ),
];

#[test]
fn each_row_is_judged_by_its_limits() {
    for (key, change, state, value) in LIMITS {
        let mut facts = healthy();
        change(&mut facts);
        assert_eq!(row(&facts, key), (state, value.to_owned()));
        assert_eq!(english(&facts).is_healthy(), state < RowState::Unknown);
    }
}

#[test]
fn an_alarm_about_errors_in_the_accounts_does_not_make_the_stack_unhealthy() {
    let mut facts = healthy();
    facts.alarms = Ok(vec![Alarm {
        name: "errors-many-errors-denied".to_owned(),
        is_on: true,
    }]);
    assert_eq!(row(&facts, "alarms").0, RowState::Warn);
}

#[test]
fn functions_of_several_versions_and_functions_that_cannot_run_are_named() {
    let mut facts = healthy();
    let functions = facts.functions.as_mut().unwrap();
    functions[3]
        .settings
        .insert("PROGRAM_VERSION".to_owned(), "0.2.0".to_owned());
    let (state, value) = row(&facts, "versions");
    assert_eq!(state, RowState::Warn);
    assert_eq!(
        value,
        "ingest, inspect, deliver 0.1.0; widget 0.2.0, this program 0.1.0, identity fp3"
    );

    let mut facts = healthy();
    facts.program = "0.3.0";
    assert_eq!(
        row(&facts, "versions"),
        (
            RowState::Warn,
            "functions 0.1.0, this program 0.3.0, identity fp3".to_owned()
        )
    );

    let mut facts = healthy();
    let functions = facts.functions.as_mut().unwrap();
    functions.remove(2);
    functions[1].last_update = "Failed".to_owned();
    functions[1].reason = "too large".to_owned();
    assert_eq!(
        row(&facts, "function:deliver"),
        (RowState::Bad, "does not exist".to_owned())
    );
    assert_eq!(
        row(&facts, "function:inspect"),
        (
            RowState::Bad,
            "Active, last update Failed: too large".to_owned()
        )
    );
}

#[test]
fn a_new_stack_learns_and_one_without_sinks_has_no_learning_period() {
    let mut facts = healthy();
    facts.beginning.as_mut().unwrap().began = Some(ago(3600));
    let learning = "until 2026-11-22T11:20:00Z; no alerts about new errors before";
    assert_eq!(row(&facts, "learning"), (RowState::Ok, learning.to_owned()));
    facts.sinks = Ok(Vec::new());
    assert!(english(&facts).rows.iter().all(|row| row.key != "learning"));
}

#[test]
fn both_languages_say_the_same_rows() {
    let mut facts = healthy();
    facts.inspection = Ok(None);
    let zone = Locale::default().zone;
    let [english, chinese] =
        Language::ALL.map(|language| report(&facts, Locale { language, zone }));
    assert_eq!(chinese.summary, "errors 不正常：12 项中有 1 项异常或未知。");
    let keys = |of: &StatusReport| -> Vec<(String, RowState)> {
        of.rows
            .iter()
            .map(|row| (row.key.clone(), row.state))
            .collect()
    };
    assert_eq!(keys(&english), keys(&chinese));
    assert!(chinese.rows.iter().all(|row| !row.name.is_ascii()));
}

#[test]
fn text_from_aws_reaches_no_terminal_unescaped() {
    let mut facts = healthy();
    facts.quarantine = Err("\u{1b}[31mred".to_owned());
    facts.sinks.as_mut().unwrap()[0].breaker = Ok(Breaker {
        why: "a\u{202e}b\r\n".to_owned(),
        ..Breaker::default()
    });
    for row in english(&facts).rows {
        let is_plain = |c: char| !c.is_control() && c != '\u{202e}';
        assert!(row.value.chars().all(is_plain), "{row:?}");
    }
}

#[test]
fn the_dashboard_says_what_the_command_says() {
    let mut facts = healthy();
    facts.inspection = Ok(None);
    facts.alarms = Err("AccessDenied: no".to_owned());
    for language in Language::ALL {
        let locale = Locale {
            language,
            ..Locale::default()
        };
        let setting = WidgetSetting {
            endpoint: "arn:aws:lambda:eu-central-1:111122223333:function:errors-widget".to_owned(),
            links: Links::default(),
            account_names: BTreeMap::new(),
            keys: KeySettings {
                account_id: "111122223333".to_owned(),
                member_accounts: BTreeSet::new(),
                dormant_days: 90,
                canaries: BTreeSet::new(),
            },
            retention_days: Some(35),
            decides: false,
            locale,
            default_show: Show::Open,
            is_past: false,
            as_of: facts.now,
            now: facts.now,
        };
        let event = r#"{"view": "status", "widgetContext": {}}"#;
        let asked = widget::status::asked(event, &setting).unwrap();
        let WidgetResponse::Html(page) = widget::status::answer(&facts, &setting, &asked) else {
            panic!("no page");
        };
        let report = report(&facts, locale);
        let texts = report
            .rows
            .iter()
            .flat_map(|row| [&row.name, &row.value, &row.advice]);
        for text in texts.chain([&report.summary]) {
            let escaped = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            assert!(
                page.contains(&escaped),
                "{text} is not on the page:\n{page}"
            );
        }
        let other = r#"{"status": "open", "widgetContext": {}}"#;
        assert_eq!(widget::status::asked(other, &setting), None);
    }
}
