//! Tests of records, evidence and verdicts of drills.

use super::*;
use crate::drill_record::SinkOutcome;

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-11-02T02:30:00Z")
        .unwrap()
        .plus(seconds)
}

fn sinks() -> Vec<String> {
    vec!["guance".to_owned(), "sns".to_owned()]
}

fn places() -> Places {
    Places {
        log_group: "/cloudtrail-inspector/errors/drill".to_owned(),
        ingest: "errors-ingest".to_owned(),
        deliver: "errors-deliver".to_owned(),
        stack: "errors".to_owned(),
    }
}

fn outcome(is_sent: bool, answer: &str) -> SinkOutcome {
    SinkOutcome {
        at: at(3),
        is_sent,
        answer: answer.to_owned(),
    }
}

/// Returns what is known of a drill that has passed.
fn passed() -> Evidence {
    Evidence {
        trace: DrillTrace {
            stored: Some(at(2)),
            queued: sinks().into_iter().collect(),
            sinks: sinks()
                .into_iter()
                .map(|sink| (sink, outcome(true, "ok")))
                .collect(),
            ..DrillTrace::default()
        },
        sinks: sinks(),
        ..Evidence::default()
    }
}

/// A case: its name, a change of what is known of a drill that passed, the stage and sink that are named, and a part of the first
/// reason.
type Case = (
    &'static str,
    fn(&mut Evidence),
    (DrillStage, Option<&'static str>),
    &'static str,
);

/// Returns the faults before the table.
fn faults_before_the_sinks() -> [Case; 7] {
    [
        (
            "the log group does not accept it",
            |of| {
                of.trace = DrillTrace::default();
                of.refusal = Some("there is no log group".to_owned());
            },
            (DrillStage::LogGroup, None),
            "there is no log group",
        ),
        (
            "no filter",
            |of| {
                of.trace = DrillTrace::default();
                of.filter_fault = filter_fault(&Subscribed::NoFilter, "errors-ingest");
                // Of other log groups.
                of.ingest_errors = vec!["not committed".to_owned()];
            },
            (DrillStage::Subscription, None),
            "has no subscription filter",
        ),
        (
            "no permission",
            |of| {
                of.trace = DrillTrace::default();
                of.has_delivery_errors = true;
            },
            (DrillStage::Subscription, None),
            "its permission or the function is missing",
        ),
        (
            "nothing is known",
            |of| of.trace = DrillTrace::default(),
            (DrillStage::Subscription, None),
            "did not call the ingest function",
        ),
        (
            "the function fails",
            |of| {
                of.trace = DrillTrace::default();
                of.ingest_errors = vec!["WrongSettings: TABLE_NAME is missing".to_owned()];
            },
            (DrillStage::Ingest, None),
            "WrongSettings",
        ),
        (
            "the table refuses",
            |of| {
                of.trace = DrillTrace::default();
                of.received = vec!["ERROR cannot store the drill".to_owned()];
            },
            (DrillStage::Table, None),
            "ERROR cannot store the drill",
        ),
        (
            "the function ended while it wrote",
            |of| {
                of.trace = DrillTrace::default();
                of.received = vec!["INFO received".to_owned()];
            },
            (DrillStage::Table, None),
            "did not finish",
        ),
    ]
}

/// Returns the faults of a drill that is in the table.
fn faults_at_the_sinks() -> [Case; 5] {
    [
        (
            "ingest does not know a sink",
            |of| {
                of.trace.queued.remove("sns");
            },
            (DrillStage::Queue, Some("sns")),
            "no alert for sns",
        ),
        (
            "the function does not run",
            |of| of.trace.sinks.clear(),
            (DrillStage::Sent, Some("guance")),
            "does not run",
        ),
        (
            "the function fails to send",
            |of| {
                of.trace.sinks.clear();
                of.deliver_errors = vec!["RulesWrong: 1:2".to_owned()];
            },
            (DrillStage::Sent, Some("guance")),
            "RulesWrong",
        ),
        (
            "a sink refuses",
            |of| {
                of.trace
                    .sinks
                    .insert("sns".to_owned(), outcome(false, "403 no such topic"));
            },
            (DrillStage::Sent, Some("sns")),
            "403 no such topic",
        ),
        (
            "a sink is paused",
            |of| {
                of.trace.sinks.remove("guance");
                of.paused.insert("guance".to_owned(), "HTTP 403".to_owned());
            },
            (DrillStage::Sent, Some("guance")),
            "nothing is sent to guance at the moment: HTTP 403",
        ),
    ]
}

#[test]
fn each_fault_is_named_with_its_reason() {
    let cases = faults_before_the_sinks()
        .into_iter()
        .chain(faults_at_the_sinks());
    assert_eq!(passed().verdict(&places()), None);
    for (name, change, (stage, sink), reason) in cases {
        let mut evidence = passed();
        change(&mut evidence);
        let verdict = evidence.verdict(&places()).unwrap();
        let step = Step {
            stage,
            sink: sink.map(str::to_owned),
        };
        assert_eq!(verdict.step, step, "{name}");
        assert!(
            verdict.reasons[0].contains(reason),
            "{name}: {:?}",
            verdict.reasons
        );
        let last = verdict.commands.last().unwrap();
        assert_eq!(last, "cloudtrail-inspector doctor --stack errors", "{name}");
        assert!(verdict.commands.len() > 1, "{name}");
    }
}

#[test]
fn the_log_group_is_that_of_the_template() {
    let template = include_str!("../../../template.yaml");
    let named = template
        .split("LogGroupName: !Sub /cloudtrail-inspector/")
        .nth(1);
    let named = named.and_then(|rest| rest.lines().next()).unwrap();
    let expected = format!(
        "/cloudtrail-inspector/{}",
        named.replace("${AWS::StackName}", "errors")
    );
    assert_eq!(log_group_of("errors-ingest"), Some(expected));
    assert_eq!(log_group_of("errors"), None);
}

#[test]
fn a_filter_must_send_everything_to_the_function() {
    let filter = |pattern: &str, name: &str| Subscribed::Filter {
        pattern: pattern.to_owned(),
        destination: format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}"),
    };
    let fault = |found: &Subscribed| filter_fault(found, "errors-ingest").unwrap_or_default();
    assert_eq!(fault(&filter("", "errors-ingest")), "");
    assert!(fault(&filter("", "other-ingest")).contains("another destination"));
    assert!(fault(&filter("{ $.x = 1 }", "errors-ingest")).contains("has a pattern"));
    assert!(fault(&Subscribed::NoGroup).contains("does not exist"));
}

#[test]
fn a_stack_without_sinks_passes_at_the_table() {
    let mut evidence = passed();
    evidence.sinks = Vec::new();
    evidence.trace.sinks.clear();
    evidence.trace.queued.clear();
    assert_eq!(evidence.verdict(&places()), None);
    assert_eq!(Step::all(&[]).len(), 4);
}

#[test]
fn the_inspection_names_the_stage_of_a_nightly_drill_that_is_not_over() {
    let id = |seconds| DrillId::new(at(seconds), 7);
    let begun = |seconds, trace: DrillTrace| {
        let began = Some(at(seconds));
        (id(seconds), DrillTrace { began, ..trace })
    };
    let whole = DrillTrace {
        written: Some(at(0)),
        ..passed().trace
    };
    let yesterday = begun(-86_400, DrillTrace::default());
    let of_a_person = (id(10), DrillTrace::default());
    let found = |trace: &DrillTrace, now| {
        let drills = BTreeMap::from([
            yesterday.clone(),
            begun(0, trace.clone()),
            of_a_person.clone(),
        ]);
        let (id, trace) = last_due(&drills, at(now))?;
        Some((
            id.clone(),
            failure(id, trace, &sinks()).map(|of| (of.stage, of.sink, of.answer)),
        ))
    };
    // Until the hour is over, the drill before counts.
    let before = found(&whole, 3599).unwrap();
    assert_eq!(
        before,
        (id(-86_400), Some((DrillStage::LogGroup, None, None)))
    );
    assert_eq!(found(&whole, 3600), Some((id(0), None)));
    let stage = |change: fn(&mut DrillTrace)| {
        let mut trace = whole.clone();
        change(&mut trace);
        found(&trace, 3600).unwrap().1.unwrap()
    };
    let lost = stage(|of| {
        let written = of.written;
        *of = DrillTrace {
            written,
            ..DrillTrace::default()
        };
    });
    assert_eq!(lost, (DrillStage::Subscription, None, None));
    let refused = stage(|of| {
        of.sinks
            .insert("sns".to_owned(), outcome(false, "403\u{1b}"));
    });
    let (sink, answer) = (Some("sns".to_owned()), Some("403".to_owned()));
    assert_eq!(refused, (DrillStage::Sent, sink, answer));
}

#[test]
fn a_log_tells_lines_about_the_drill_from_other_errors() {
    let id = DrillId::new(at(0), 7);
    let committed = format!(r#"{{"level":"INFO","message":"committed","drills":"{id}"}}"#);
    let failed = format!(
        r#"{{"level":"ERROR","error":"StoreUnavailable","detail":"cannot store the drill {id}: x","message":"not committed"}}"#
    );
    let lines = [
        committed.as_str(),
        &failed,
        r#"{"level":"ERROR","error":"WrongSettings","detail":"TABLE_NAME: is missing","message":"does not start"}"#,
        r#"{"level":"WARN","message":"quarantined"}"#,
        "2026-11-02T02:30:00Z 1f Task timed out after 120.00 seconds\n",
        "REPORT RequestId: 1f",
    ];
    let (of_drill, errors) = log_findings(&id, lines);
    let wanted = format!("ERROR: StoreUnavailable: not committed: cannot store the drill {id}: x");
    assert_eq!(of_drill, ["INFO: committed".to_owned(), wanted]);
    let wrong = "ERROR: WrongSettings: does not start: TABLE_NAME: is missing";
    let late = "2026-11-02T02:30:00Z 1f Task timed out after 120.00 seconds";
    assert_eq!(errors, [wrong, late]);
}
