//! The round: incidents are found while they go on, their records are read back from the log groups, and single
//! alerts that they absorb are not sent.
//!
//! Emulators of CloudWatch Logs answer every event to any pattern in braces, so a log group of the test's own reads patterns.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future as _;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::facts::incident::{IncidentFacts, IncidentStage};
use alerts::kind::AlertKind;
use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws::dynamodb::DynamoStore;
use aws::dynamodb::table::Table as _;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::incident::actor::ActorKind;
use clusters::incident::life::{IncidentAlert, IncidentId, SentAlert};
use clusters::incident::severity::IncidentSeverity;
use clusters::keys::{DORMANT_DAYS, KeySettings, KeyUsage};
use pollster::block_on;
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::configuration::ConfigVersion;
use service::coverage::Coverage;
use service::deliver::incident_round::{Round, RoundInput, RoundMemory, incident_round};
use service::deliver::{Delivery, Drained, drain};
use service::incidents::read_back::LogSource;
use service::incidents::shown::shown;
use service::policy::Policies;
use service::ports::{
    Clock as _, IncidentStore as _, LogEvent, LogGroupError, LogGroups, LogPage, LogQuery, Sink,
    Subscribed,
};
use service::ports::{KeyUsageStore as _, Outbox as _};
use service::rules::Rules;

use crate::coverage_units::pattern;
use crate::directory::Directory;
use crate::filter_pattern::Pattern;
use crate::incidents::{attack_day, delivered, user};
use crate::manual_clock::ManualClock;
use crate::records::{ACCOUNT, id, ingest, record};
use crate::table::{Fault, MemoryTable, store, telling};

/// A log group with all records that have arrived, each with its time in seconds.
#[derive(Default)]
struct Logs {
    records: RefCell<Vec<(i64, String)>>,
    /// How many records a page has.
    page: usize,
    queries: RefCell<Vec<LogQuery>>,
}

impl Logs {
    fn matches(pattern: &str, text: &str) -> bool {
        if pattern.starts_with('{') {
            let record = serde_json::from_str(text).unwrap();
            return Pattern::parse(pattern).matches(&record);
        }
        // Terms, any of which may be found.
        let mut terms = pattern.split(" ?").map(|term| term.trim_start_matches('?'));
        terms.any(|term| text.contains(term.trim_matches('"')))
    }
}

impl LogGroups for Logs {
    async fn events(
        &self,
        query: &LogQuery,
        token: Option<&str>,
    ) -> Result<LogPage, LogGroupError> {
        assert!(query.pattern.len() <= 1024, "{}", query.pattern);
        if token.is_none() {
            self.queries.borrow_mut().push(query.clone());
        }
        let start: usize = token.map_or(0, |token| token.parse().unwrap());
        let records = self.records.borrow();
        let is_within =
            |(at, _): &&(i64, String)| (query.from.seconds()..query.until.seconds()).contains(at);
        let within: Vec<&(i64, String)> = records.iter().filter(is_within).collect();
        let page = within.iter().skip(start).take(self.page);
        let found = page.filter(|(_, text)| Self::matches(&query.pattern, text));
        let event = |(at, text): &&(i64, String)| LogEvent {
            id: String::new(),
            stream: "one".to_owned(),
            timestamp: at * 1000,
            message: text.clone(),
        };
        let next = start + self.page;
        Ok(LogPage {
            events: found.map(event).collect(),
            next: (next < within.len()).then(|| next.to_string()),
        })
    }

    async fn subscribed(&self, _: &str, _: &str) -> Result<Subscribed, LogGroupError> {
        unreachable!("nothing here asks for it")
    }
}

/// A sink that accepts every alert and keeps it.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<Message>>>, Option<usize>);

impl Sink for Kept {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: 100,
            digest_beyond: self.1,
        }
    }

    async fn send(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        self.0.borrow_mut().extend(alerts.iter().cloned());
        vec![SinkAnswer::Accepted(String::new()); alerts.len()]
    }
}

/// A stack: its table, its log group, its sink, and the memory of the function that makes rounds.
struct Stack {
    table: MemoryTable,
    logs: Logs,
    groups: Vec<String>,
    clock: ManualClock,
    sink: Kept,
    memory: RoundMemory,
    rounds: usize,
    last: Round,
    /// The call to the table that fails in a round, counted from 0.
    failing_call: Option<u64>,
    policies: Policies,
    /// The pattern of the subscription filter; without one the function gets every record.
    filter: Option<Pattern>,
}

impl Stack {
    fn new(start: Timestamp) -> Self {
        Self::over(MemoryTable::default(), start)
    }

    fn over(table: MemoryTable, start: Timestamp) -> Self {
        let logs = Logs {
            page: 10_000,
            ..Logs::default()
        };
        Self {
            table,
            logs,
            groups: vec!["trail".to_owned()],
            clock: ManualClock::at(start.seconds()),
            sink: Kept::default(),
            memory: RoundMemory::default(),
            rounds: 0,
            last: Round::default(),
            failing_call: None,
            policies: Policies::default(),
            filter: None,
        }
    }

    fn store(&self) -> DynamoStore<MemoryTable> {
        let mut store = store(&self.table, telling());
        store.set_now(self.clock.now());
        store
    }

    /// Adds records: all of them to the log group, and those that the filter admits to the table.
    fn arrive<'r>(&self, records: impl IntoIterator<Item = &'r String>) {
        let mut lines = String::new();
        let now = self.clock.now().seconds();
        for record in records {
            let is_admitted = self.filter.as_ref().is_none_or(|filter| {
                let record = serde_json::from_str(record).unwrap();
                filter.matches(&record)
            });
            if is_admitted {
                lines.push_str(record);
                lines.push('\n');
            }
            self.logs.records.borrow_mut().push((now, record.clone()));
        }
        if !lines.is_empty() {
            ingest(&mut self.store(), &lines);
        }
    }

    /// Makes a round as the schedule does, then sends what is due.
    fn round(&mut self) -> Drained {
        self.look();
        self.deliver(self.clock.now())
    }

    fn look(&mut self) {
        self.look_for(90);
    }

    /// Makes a round that has some seconds.
    fn look_for(&mut self, seconds: i64) {
        self.rounds += 1;
        let mut store = self.store();
        if let Some(failing) = self.failing_call {
            let fault = move |call| (call == failing).then_some(Fault::Unavailable);
            store.table().fail(fault);
        }
        let rules = Rules::default();
        let holder = self.rounds.to_string();
        let input = RoundInput {
            source: LogSource {
                logs: &self.logs,
                groups: &self.groups,
                rules: &rules,
            },
            clock: &self.clock,
            holder: &holder,
            deadline: self.clock.millis() + seconds * 1000,
        };
        self.last = block_on(incident_round(&mut store, &input, &mut self.memory));
    }

    /// Sends what is due. Rows that were written since `rounds_until` wait for a round.
    fn deliver(&self, rounds_until: Timestamp) -> Drained {
        self.drain(rounds_until, false, self.sink.clone())
    }

    /// Sends what no incident can absorb.
    fn deliver_before_round(&self) -> Drained {
        let overdue = self.clock.now().plus(-120);
        self.drain(overdue, true, self.sink.clone())
    }

    fn drain(&self, rounds_until: Timestamp, is_before_round: bool, sink: impl Sink) -> Drained {
        let store = self.store();
        let keys = KeySettings {
            account_id: ACCOUNT.to_owned(),
            member_accounts: BTreeSet::new(),
            dormant_days: DORMANT_DAYS,
            canaries: BTreeSet::new(),
        };
        let delivery = Delivery {
            store: &store,
            directory: &Directory::new(self.clock.clone()),
            clock: &self.clock,
            policies: &self.policies,
            keys: &keys,
            account_names: &BTreeMap::new(),
            environments: &BTreeMap::new(),
            config_version: &ConfigVersion::default(),
            holder: "test",
            rounds_until,
            found: &self.last.found,
            unfinished: &self.last.unfinished,
            is_before_round,
        };
        let mut sinks = BTreeMap::from([("guance".to_owned(), sink)]);
        let mut drained = block_on(drain(&delivery, &mut sinks, self.clock.millis() + 55_000));
        drained.remove("guance").unwrap()
    }

    fn sent_alerts(&self) -> BTreeSet<SentAlert> {
        block_on(self.store().incident_alerts()).unwrap()
    }

    fn calls(&self, work: impl FnOnce(&mut DynamoStore<MemoryTable>)) -> u64 {
        let mut store = self.store();
        let before = store.table().spent().calls;
        work(&mut store);
        store.table().spent().calls - before
    }
}

fn facts(alert: &Alert) -> Option<&IncidentFacts> {
    match &alert.facts {
        Facts::Incident(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the alerts about incidents that were sent, and the other ones.
fn sorted(stack: &Stack) -> (Vec<IncidentFacts>, Vec<Message>) {
    let sent = stack.sink.0.borrow();
    let incidents = sent.iter().filter_map(|of| facts(&of.alert)).cloned();
    let others = sent.iter().filter(|of| facts(&of.alert).is_none());
    (incidents.collect(), others.cloned().collect())
}

#[test]
fn the_recorded_attack_is_one_incident_that_absorbs_the_single_alerts() {
    let Some(files) = attack_day() else { return };
    for coverage in [Coverage::Watched, Coverage::Changes] {
        assert_attack_is_one_incident(&files, coverage);
    }
}

/// Lets the files of the recorded attack arrive as they were delivered, and asserts which alerts are sent.
fn assert_attack_is_one_incident(files: &[(String, Vec<String>)], coverage: Coverage) {
    let mut arrivals: BTreeMap<Timestamp, Vec<&String>> = BTreeMap::new();
    for (name, records) in files {
        arrivals.entry(delivered(name)).or_default().extend(records);
    }
    let first = *arrivals.keys().next().unwrap();
    let mut stack = Stack::new(first);
    stack.filter = Some(Pattern::parse(pattern(coverage)));
    for minute in 0..180 {
        let now = first.plus(minute * 60);
        stack.clock.set(now.seconds());
        stack.arrive(arrivals.get(&now).into_iter().flatten().copied());
        // The stream calls the function at once, the schedule within the minute.
        stack.clock.pass(2);
        stack.look();
        stack.deliver(now.plus(-120));
        stack.clock.pass(30);
        let drained = stack.round();
        assert!(drained.error.is_none() && stack.last.error.is_none());
        assert_eq!(stack.last.problems, [""; 0]);
    }
    let (incidents, others) = sorted(&stack);
    let shown: Vec<_> = incidents
        .iter()
        .map(|of| (of.stage, &of.actor.name))
        .collect();
    // That a younger incident was merged closes its fault in Guance, and is an alert in no other sink.
    let user = incidents
        .iter()
        .filter(|of| of.stage != IncidentStage::Merged);
    let user: Vec<&IncidentFacts> = user.collect();
    assert!(user.len() <= 5, "{shown:?}");
    let last = user.last().unwrap();
    assert_eq!(
        (last.stage, &*last.actor.name),
        (IncidentStage::Closed, "bert-jan"),
        "{shown:?}"
    );
    let others: Vec<String> = others
        .iter()
        .map(|of| {
            let cluster = of.cluster.as_ref();
            let callers = cluster.and_then(|of| of.facets.get(&FacetKind::Principal));
            let callers = callers.into_iter().flat_map(|of| &of.values);
            let callers: Vec<&str> = callers.map(|of| of.value.as_str()).collect();
            format!("{:?} {callers:?}", of.alert.kind())
        })
        .collect();
    let of_user = others.iter().filter(|of| of.contains("bert-jan")).count();
    assert!(user.len() + of_user <= 5, "{shown:?} {others:#?}");
    assert!(user.len() + others.len() <= 9, "{shown:?} {others:#?}");
    // The records of the ledger are not in the table: they were read back.
    let ledger = &last.stays_behind;
    assert!(ledger.removals_seen);
    let names: BTreeSet<&str> = ledger
        .stands
        .shown
        .iter()
        .map(|of| of.name.as_str())
        .collect();
    assert_eq!((ledger.stands.total, names.len()), (7, 7), "{names:?}");
    let keys = ledger.ways_in.shown.iter().filter(|way| way.lasts);
    let keys: Vec<&str> = keys.map(|way| way.of.rsplit('/').next().unwrap()).collect();
    assert_eq!(keys, ["bert-jan"]);
    assert_shown(&stack, last);
}

/// Asserts that pages show an incident as its last alert does, also when it was long ago.
fn assert_shown(stack: &Stack, last: &IncidentFacts) {
    let id = last.incident.text();
    let now = stack.clock.now();
    for (wanted, now) in [
        (None, now),
        (Some(id), now),
        (Some(id), now.plus(20 * 86_400)),
    ] {
        let incidents = block_on(shown(&stack.store(), wanted, now)).unwrap();
        let [incident] = &incidents[..] else {
            panic!("{} incidents", incidents.len());
        };
        assert_eq!(incident.id, last.incident);
        assert_eq!(incident.actor.name, last.actor.name);
        assert_eq!(incident.steps_count as u64, last.steps.total);
        assert_eq!(
            incident.ledger.stands_count as u64,
            last.stays_behind.stands.total
        );
        assert!(incident.ledger.removals_seen);
    }
    let later = now.plus(20 * 86_400);
    assert_eq!(block_on(shown(&stack.store(), None, later)).unwrap(), []);
}

fn start() -> Timestamp {
    Timestamp::parse("2026-11-02T08:00:00Z").unwrap()
}

/// The calls of an attack of twenty minutes: refused ones in many services, then power for a made user that stays.
fn attack(name: &str) -> Vec<String> {
    let refused = [
        ("iam", "ListUsers"),
        ("iam", "ListRoles"),
        ("s3", "ListBuckets"),
        ("ec2", "DescribeInstances"),
        ("lambda", "ListFunctions20150331"),
        ("secretsmanager", "ListSecrets"),
        ("kms", "ListKeys"),
        ("rds", "DescribeDBInstances"),
        ("sts", "GetSessionToken"),
        ("organizations", "ListAccounts"),
        ("cloudtrail", "DescribeTrails"),
        ("guardduty", "ListDetectors"),
    ];
    let refused = refused.into_iter().map(|(service, action)| {
        json!({
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": action,
            "readOnly": true,
            "errorCode": "AccessDenied",
            "errorMessage": format!("User is not authorized to perform: {service}:{action}"),
        })
    });
    let made = [
        ("CreateUser", json!({"userName": "backup-2"})),
        (
            "AttachUserPolicy",
            json!({
                "userName": "backup-2",
                "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
            }),
        ),
        ("CreateAccessKey", json!({"userName": "backup-2"})),
    ];
    let made = made.into_iter().map(|(action, parameters)| {
        json!({
            "eventSource": "iam.amazonaws.com",
            "eventName": action,
            "requestParameters": parameters,
        })
    });
    let call = |(number, call): (usize, Value)| {
        let mut fields = json!({
            "eventID": id(number as u64),
            "eventTime": start().plus(number as i64 * 80).to_string(),
            "userIdentity": user(name),
            "readOnly": false,
        });
        let fields_of_call = call.as_object().unwrap().clone();
        fields.as_object_mut().unwrap().extend(fields_of_call);
        record(fields).to_string()
    };
    refused.chain(made).enumerate().map(call).collect()
}

#[test]
fn a_quiet_round_takes_two_queries() {
    let mut stack = Stack::new(start());
    let mut calls = 0;
    for _ in 0..2 {
        let rules = Rules::default();
        let (logs, groups, clock) = (&stack.logs, &stack.groups, &stack.clock);
        let memory = &mut RoundMemory::default();
        calls = stack.calls(|store| {
            let input = RoundInput {
                source: LogSource {
                    logs,
                    groups,
                    rules: &rules,
                },
                clock,
                holder: "one",
                deadline: i64::MAX,
            };
            let round = block_on(incident_round(store, &input, memory));
            assert_eq!((round.accounts, round.hours, round.pages), (0, 0, 0));
        });
    }
    assert_eq!(calls, 2);
    // An open incident costs nothing until something about it can be due.
    stack.clock.set(start().plus(1300).seconds());
    stack.arrive(&attack("eve"));
    stack.round();
    assert_eq!((stack.last.accounts, stack.last.alerts), (1, 1));
    let pages = stack.logs.queries.borrow().len();
    stack.clock.pass(60);
    stack.look();
    assert_eq!((stack.last.accounts, stack.last.hours), (0, 0));
    assert_eq!(stack.logs.queries.borrow().len(), pages);
}

#[test]
fn an_incident_that_is_over_is_not_opened_again_by_later_evidence() {
    let mut stack = Stack::new(start());
    stack.clock.set(start().plus(1300).seconds());
    stack.arrive(&attack("eve"));
    for hours in [0, 2, 3] {
        stack.clock.set(start().plus(1300 + hours * 3600).seconds());
        stack.round();
    }
    let decided = stack.sent_alerts();
    assert_eq!(decided.len(), 2, "opened and closed");
    // Somebody else is refused a call on each of the next days, and some of the first events are no longer read.
    for hours in [20, 27, 30, 50, 71, 75, 90] {
        let at = start().plus(hours * 3600);
        stack.clock.set(at.plus(60).seconds());
        let refused = record(json!({
            "eventID": id(1000 + hours as u64),
            "eventTime": at.to_string(),
            "eventSource": "s3.amazonaws.com",
            "eventName": "ListBuckets",
            "readOnly": true,
            "errorCode": "AccessDenied",
            "userIdentity": user(&format!("leo{hours}")),
        }));
        stack.arrive(&[refused.to_string()]);
        stack.round();
        assert_eq!(stack.last.problems, [""; 0]);
        assert_eq!(stack.last.accounts, 1);
        assert_eq!(stack.sent_alerts(), decided, "after {hours} hours");
    }
}

#[test]
fn whichever_call_of_a_round_fails_the_incident_is_alerted_about_once() {
    let mut alerted_at_once = 0;
    for failing in 0.. {
        let mut stack = Stack::new(start());
        stack.clock.set(start().plus(1300).seconds());
        stack.arrive(&attack("eve"));
        stack.failing_call = Some(failing);
        stack.look();
        let has_failed = stack.last.error.is_some() || !stack.last.problems.is_empty();
        if !has_failed && stack.last.alerts == 1 {
            break;
        }
        // What was read back could not be kept: the alert says that removals are not seen.
        alerted_at_once += stack.last.alerts;
        stack.failing_call = None;
        stack.clock.pass(60);
        stack.round();
        assert_eq!(stack.sent_alerts().len(), 1, "call {failing}");
        assert_eq!(sorted(&stack).0.len(), 1, "call {failing}");
    }
    assert!(alerted_at_once > 0);
}

#[test]
fn a_single_alert_waits_for_one_round_unless_it_is_critical() {
    let mut stack = Stack::new(start());
    let records = attack("eve");
    stack.clock.set(start().plus(60).seconds());
    stack.arrive(&records[..1]);
    let calls = |stack: &Stack| stack.table.items().len();
    let before = calls(&stack);
    stack.deliver(stack.clock.now().plus(-120));
    let (_, others) = sorted(&stack);
    let shown: Vec<_> = others.iter().map(|of| &of.severity).collect();
    assert_eq!(others.len(), 0, "{shown:?}");
    assert_eq!(calls(&stack), before, "no lease is written");
    stack.clock.pass(20);
    stack.round();
    assert_eq!(sorted(&stack).1.len(), 1);
    // What no round looked at is sent after two minutes all the same.
    stack.clock.set(start().plus(200).seconds());
    stack.arrive(&records[2..3]);
    stack.clock.pass(130);
    stack.deliver(Timestamp::FIRST);
    assert_eq!(sorted(&stack).1.len(), 2);
    // The incident absorbs the rest.
    stack.clock.set(start().plus(1300).seconds());
    stack.arrive(&records);
    stack.clock.pass(20);
    stack.round();
    let (incidents, others) = sorted(&stack);
    assert_eq!(incidents.len(), 1);
    assert_eq!(others.len(), 2);
}

/// A stack with twelve refused calls of one user, and the round that finds the incident. The sink gets what the policies say.
fn refused(policies: &str) -> Stack {
    let mut stack = Stack::new(start().plus(1000));
    stack.policies = Rules::parse(policies).unwrap().policies().clone();
    stack.arrive(&attack("eve")[..12]);
    stack.clock.pass(20);
    stack.round();
    stack
}

/// A critical call of the user, after the refused ones.
fn stop() -> String {
    let fields = json!({
        "eventID": id(99),
        "eventTime": start().plus(1010).to_string(),
        "userIdentity": user("eve"),
        "readOnly": false,
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "StopLogging",
        "requestParameters": {"name": "org"},
    });
    record(fields).to_string()
}

fn others(stack: &Stack) -> Vec<AlertKind> {
    let (_, others) = sorted(stack);
    others.iter().map(|of| of.alert.kind()).collect()
}

#[test]
fn a_sink_of_critical_alerts_gets_those_of_an_incident_that_is_an_error() {
    let stack = refused("[[policy]]\nsink = 'guance'\nmin_severity = 'critical'");
    assert_eq!((sorted(&stack).0.len(), others(&stack).len()), (0, 0));
    let sent = stack.sent_alerts();
    let severity: Vec<_> = sent.iter().map(|of| of.severity).collect();
    assert_eq!(severity, [IncidentSeverity::Error]);
    stack.arrive(&[stop()]);
    stack.deliver(Timestamp::LAST);
    assert_eq!(others(&stack), [AlertKind::SensitiveCall]);
}

#[test]
fn an_incident_absorbs_nothing_for_a_sink_that_does_not_get_it() {
    let no_incident = "[[policy]]\nsink = 'guance'\nenabled = false\nmatch.kind = ['incident']";
    let allowed = "[[policy]]\nsink = 'guance'\nmin_severity = 'info'\nmatch.service = ['iam']\n\
        [[policy]]\nsink = 'guance'\nenabled = false";
    for (policies, sent) in [(no_incident, 12), (allowed, 2)] {
        let mut stack = Stack::new(start().plus(1000));
        stack.policies = Rules::parse(policies).unwrap().policies().clone();
        stack.arrive(&attack("eve")[..12]);
        stack.clock.pass(20);
        stack.round();
        assert_eq!(stack.sent_alerts().len(), 1);
        assert_eq!((sorted(&stack).0.len(), others(&stack).len()), (0, sent));
    }
}

#[test]
fn the_recovery_of_an_absorbed_episode_is_not_sent() {
    let mut stack = Stack::new(start().plus(1000));
    stack.arrive(&attack("eve")[..12]);
    let rows = block_on(stack.store().waiting("guance", 100)).unwrap();
    stack.clock.pass(20);
    stack.round();
    assert_eq!((rows.len(), others(&stack).len()), (12, 0));
    stack.clock.pass(8 * 86_400);
    let now = stack.clock.now();
    let recovered =
        |cluster| Alert::of_recovery(ACCOUNT, (cluster, 1), now, start(), (3600, 1), now);
    let clusters = rows.iter().filter_map(|row| row.alert.cluster());
    let unknown = ClusterId::from_bytes([7; 16]);
    let all: Vec<Alert> = clusters.chain([unknown]).map(recovered).collect();
    block_on(stack.store().remember("-", &KeyUsage::default(), &all, now)).unwrap();
    stack.deliver(Timestamp::LAST);
    assert_eq!(others(&stack), [AlertKind::Recovered], "of the unknown one");
}

#[test]
fn a_digest_has_neither_what_waits_nor_what_is_absorbed_nor_what_is_critical() {
    let mut stack = Stack::new(start().plus(1000));
    stack.sink.1 = Some(5);
    stack.arrive(attack("eve")[..12].iter().chain([&stop()]));
    stack.deliver(Timestamp::FIRST);
    assert_eq!(others(&stack), [AlertKind::SensitiveCall]);
    stack.clock.pass(20);
    stack.round();
    let (incidents, singles) = sorted(&stack);
    assert_eq!((incidents.len(), singles.len()), (1, 1));
    // Without an incident, a flood leaves out what is critical.
    let mut stack = Stack::new(start().plus(1000));
    stack.sink.1 = Some(5);
    stack.arrive(attack("eve")[..12].iter().chain([&stop()]));
    let drained = stack.deliver(Timestamp::LAST);
    assert_eq!((drained.digested, drained.sent), (12, 1));
}

#[test]
fn what_the_round_did_not_get_to_waits() {
    let mut stack = Stack::new(start().plus(1000));
    stack.arrive(&attack("eve")[..12]);
    stack.clock.pass(20);
    stack.look_for(5);
    assert_eq!(stack.last.accounts, 0);
    stack.deliver(stack.clock.now());
    assert_eq!(others(&stack), []);
    stack.clock.pass(20);
    stack.round();
    assert_eq!((sorted(&stack).0.len(), others(&stack).len()), (1, 0));
}

#[test]
fn before_a_round_only_what_no_known_incident_absorbs_is_sent() {
    let stack = Stack::new(start().plus(1000));
    stack.arrive(attack("eve")[..12].iter().chain([&stop()]));
    stack.deliver_before_round();
    assert_eq!(others(&stack), [AlertKind::SensitiveCall]);
    stack.clock.pass(130);
    assert_eq!(
        stack.deliver_before_round().sent,
        12,
        "they waited long enough"
    );
    let stack = refused("");
    stack.arrive(&[stop()]);
    stack.clock.pass(130);
    assert_eq!(stack.deliver_before_round().requests, 0);
}

#[test]
fn what_cannot_be_asked_for_or_was_not_read_leaves_removals_unseen() {
    for (name, page, groups, is_seen) in [
        ("eve", 10_000, 1, true),
        (r#"eve" || $.x = "y"#, 10_000, 1, false),
        ("eve", 10_000, 0, false),
        // One record on a page: more pages than are read.
        ("eve", 1, 1, false),
    ] {
        let mut stack = Stack::new(start());
        stack.logs.page = page;
        stack.groups.truncate(groups);
        stack.clock.set(start().plus(1300).seconds());
        stack.arrive(&attack(name));
        stack.clock.pass(20);
        stack.round();
        let (incidents, _) = sorted(&stack);
        let [opened] = &*incidents else {
            panic!("{name}: {incidents:?}")
        };
        assert_eq!(
            opened.stays_behind.removals_seen, is_seen,
            "{name} {page} {groups}"
        );
        assert!(stack.last.pages <= 20);
    }
}

#[test]
fn two_rounds_at_once_send_an_alert_once() {
    let table = MemoryTable::with_turns(None);
    let stack = Stack::over(table, start().plus(1300));
    stack.arrive(&attack("eve"));
    let rules = Rules::default();
    let input = |holder| RoundInput {
        source: LogSource {
            logs: &stack.logs,
            groups: &stack.groups,
            rules: &rules,
        },
        clock: &stack.clock,
        holder,
        deadline: i64::MAX,
    };
    let (mut one, mut other) = (stack.store(), stack.store());
    let (mut memory, mut other_memory) = (RoundMemory::default(), RoundMemory::default());
    let (of_one, of_other) = (input("one"), input("other"));
    let mut first = pin!(incident_round(&mut one, &of_one, &mut memory));
    let mut second = pin!(incident_round(&mut other, &of_other, &mut other_memory));
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut other) = (None, None);
    // The two take turns, call by call.
    while one.is_none() || other.is_none() {
        if one.is_none()
            && let Poll::Ready(round) = first.as_mut().poll(&mut context)
        {
            one = Some(round);
        }
        if other.is_none()
            && let Poll::Ready(round) = second.as_mut().poll(&mut context)
        {
            other = Some(round);
        }
    }
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.alerts + other.alerts, 1);
    assert!(one.is_refused != other.is_refused);
    assert_eq!(stack.sent_alerts().len(), 1);
}

/// Returns the largest number of alerts about an incident with these alerts.
fn alerts_max(of_one: &[&SentAlert]) -> usize {
    let first = of_one.iter().map(|of| of.at).min().unwrap();
    let last = of_one.iter().map(|of| of.at).max().unwrap();
    let merged: BTreeSet<&IncidentId> = of_one.iter().flat_map(|of| &of.merged).collect();
    let minutes = last.seconds_since(first) / 60;
    3 + 2 * merged.len() + (1 + minutes / 15).ilog2() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn order_repetition_cuts_and_crashes_change_no_incident(
        order in Just((0..15_usize).collect::<Vec<_>>()).prop_shuffle(),
        repeated in prop::collection::vec(0..15_usize, 0..6),
        cuts in prop::collection::vec(1..5_usize, 3..12),
        crashes in prop::collection::vec(prop::option::of(0..40_u64), 12),
    ) {
        let records = attack("eve");
        prop_assert_eq!(records.len(), 15);
        let mut stack = Stack::new(start().plus(1300));
        let mut arriving = order.iter().chain(&repeated).map(|place| &records[*place]);
        for (cut, crash) in cuts.iter().zip(&crashes) {
            stack.arrive(arriving.by_ref().take(*cut));
            stack.clock.pass(60);
            if let Some(call) = *crash {
                stack.table.fail(move |at| (at >= call).then_some(Fault::Unavailable));
            }
            stack.look();
            stack.table.repair();
        }
        stack.arrive(arriving);
        for _ in 0..120 {
            stack.clock.pass(60);
            stack.round();
            prop_assert!(stack.last.error.is_none());
        }
        let sent = stack.sent_alerts();
        let all: Vec<&SentAlert> = sent.iter().collect();
        prop_assert_eq!(all.iter().map(|of| &of.incident).collect::<BTreeSet<_>>().len(), 1);
        prop_assert!(all.len() <= alerts_max(&all), "{:?}", all);
        let last = all.last().unwrap();
        prop_assert_eq!(last.alert, IncidentAlert::Closed);
        prop_assert_eq!(last.actor.kind, ActorKind::User);
        prop_assert_eq!((last.began, last.last), (start(), start().plus(14 * 80)));
        prop_assert_eq!(last.steps, 15);
        // Each alert was sent once.
        prop_assert_eq!(sorted(&stack).0.len(), all.len());
    }
}
