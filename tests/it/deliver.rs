//! The verb `deliver`, against sinks and an IAM that answer like real ones, with a clock that only the tests move.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use alerts::alert::{Alert, AlertId};
use alerts::facts::Facts;
use alerts::kind::AlertKind;
use alerts::locale::Language;
use alerts::message::{Enrichment, Message};
use alerts::outbox::{Capacity, OutboxRow, SinkAnswer};
use alerts::severity::Severity;
use aws::dynamodb::table::{Item, Table as _};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::account_filter::AccountPattern;
use clusters::escalation::Escalation;
use clusters::fingerprint::ClusterId;
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::keys::{DORMANT_DAYS, IamAnswer, KeyAnomaly, KeyEntry, KeySettings, KeyUsage};
use clusters::triage::{Decision, Triage, Until};
use pollster::block_on;
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::SinkName;
use service::config::lists::Lists;
use service::configuration::ConfigVersion;
use service::deliver::{Delivery, Drained, drain};
use service::drill_record::{DrillId, DrillTrace};
use service::policy::Policies;
use service::ports::{
    Clock as _, DirectoryError, DrillStore as _, KeyAnswers as _, KeyUsageStore as _, Outbox as _,
    Sink, Store as _, TriageStore as _,
};
use service::rules::Rules;

use crate::alerts::facts;
use crate::directory::Directory;
use crate::effort;
use crate::manual_clock::ManualClock;
use crate::records::{ACCOUNT, denied, id, ingest, ingest_by, lines, record, second, standing};
use crate::table::{self, Fault, MemoryTable, now, telling};

type Answers = Box<dyn FnMut(&[Message]) -> Vec<SinkAnswer>>;

/// A sink that answers by a script and records what it was sent.
struct Scripted {
    capacity: Capacity,
    answers: Answers,
    requests: Rc<RefCell<Vec<Vec<Message>>>>,
    forgotten: Rc<Cell<u32>>,
}

impl Scripted {
    fn new(answer: impl FnMut(&[Message]) -> SinkAnswer + 'static) -> Self {
        let mut answer = answer;
        Self::each(move |alerts| vec![answer(alerts); alerts.len()])
    }

    fn each(answers: impl FnMut(&[Message]) -> Vec<SinkAnswer> + 'static) -> Self {
        let capacity = Capacity {
            alerts: 100,
            digest_beyond: None,
        };
        Self {
            capacity,
            answers: Box::new(answers),
            requests: Rc::default(),
            forgotten: Rc::default(),
        }
    }
}

impl Sink for Scripted {
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    async fn send(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        self.requests.borrow_mut().push(alerts.to_vec());
        (self.answers)(alerts)
    }

    fn forget_secret(&mut self) {
        self.forgotten.set(self.forgotten.get() + 1);
    }
}

fn ok() -> SinkAnswer {
    SinkAnswer::Accepted("200".to_owned())
}

fn down() -> SinkAnswer {
    SinkAnswer::Unreachable("reset".to_owned())
}

type Sinks = BTreeMap<String, Scripted>;

fn one(sink: Scripted) -> Sinks {
    BTreeMap::from([("guance".to_owned(), sink)])
}

/// Store, clock, IAM and settings of a test.
struct World {
    store: DynamoStore<MemoryTable>,
    clock: ManualClock,
    directory: Directory<ManualClock>,
    policies: Policies,
    keys: KeySettings,
}

const OURS: &str = "AKIAQNZGKIQY56JQ7WML";
const OUR_ACCOUNT: &str = "029608264753";

impl World {
    fn new() -> Self {
        Self::over(&MemoryTable::default())
    }

    /// A world over a table, with a new store.
    fn over(table: &MemoryTable) -> Self {
        Self::of(
            table::store(table, telling()),
            ManualClock::at(now().seconds()),
        )
    }

    fn with_policies(text: &str) -> Self {
        let policies = Rules::parse(text).unwrap().policies().clone();
        Self {
            policies,
            ..Self::new()
        }
    }

    /// Returns the clusters of the rows that could not be sent.
    fn dead(&self) -> Vec<Option<ClusterId>> {
        let items = self.store.table().items().into_iter();
        let dead = items.filter(|item| item.key.pk == "Z#guance");
        dead.map(|item| ClusterId::parse(item.text_of("fp")?))
            .collect()
    }

    /// Returns the number of rows that are recorded as sent or as part of a digest.
    fn noted(&self) -> usize {
        let is_noted = |item: &&Item| item.key.sk.starts_with("T#");
        self.store.table().items().iter().filter(is_noted).count()
    }

    fn of(store: DynamoStore<MemoryTable>, clock: ManualClock) -> Self {
        let directory = Directory::new(clock.clone());
        let keys = KeySettings {
            account_id: OUR_ACCOUNT.to_owned(),
            member_accounts: BTreeSet::new(),
            dormant_days: DORMANT_DAYS,
            canaries: BTreeSet::new(),
        };
        Self {
            store,
            clock,
            directory,
            policies: Policies::default(),
            keys,
        }
    }

    fn put(&self, alerts: &[Alert]) {
        let now = self.clock.now();
        let key_usage = KeyUsage::default();
        // A transaction has at most a hundred writes.
        for some in alerts.chunks(30) {
            block_on(self.store.remember("-", &key_usage, some, now)).unwrap();
        }
    }

    async fn run(&self, sinks: &mut Sinks, holder: &str) -> BTreeMap<String, Drained> {
        let names = BTreeMap::from([(ACCOUNT.to_owned(), "shop".to_owned())]);
        let delivery = Delivery {
            store: &self.store,
            directory: &self.directory,
            clock: &self.clock,
            policies: &self.policies,
            keys: &self.keys,
            account_names: &names,
            environments: &BTreeMap::new(),
            config_version: &ConfigVersion::default(),
            holder,
            rounds_until: Timestamp::LAST,
            unfinished: &BTreeSet::new(),
            is_before_round: false,
            found: &BTreeMap::new(),
        };
        drain(&delivery, sinks, self.clock.millis() + 55_000).await
    }

    fn drain(&self, sinks: &mut Sinks) -> Drained {
        let holder = self.clock.millis().to_string();
        let mut drained = block_on(self.run(sinks, &holder));
        drained.remove("guance").unwrap()
    }

    fn waiting(&self, sink: &str) -> Vec<OutboxRow> {
        block_on(self.store.waiting(sink, usize::MAX)).unwrap()
    }
}

fn cluster(number: u64) -> ClusterId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    ClusterId::from_bytes(bytes)
}

fn alert(number: u64, kind: AlertKind, episode: i64) -> Alert {
    let (at, episode) = (now(), (cluster(number), episode));
    Alert::of_cluster(facts(kind), ACCOUNT, episode, Some(at), at)
}

fn new(numbers: std::ops::Range<u64>) -> Vec<Alert> {
    numbers
        .map(|number| alert(number, AlertKind::New, 1))
        .collect()
}

fn ids(requests: &[Vec<Message>]) -> Vec<AlertId> {
    let alerts = requests.iter().flatten();
    alerts.map(|message| message.alert.id()).collect()
}

fn by_key(number: u64, key: &str) -> Value {
    let mut failure = denied(number, json!({"eventTime": "2026-11-02T12:00:00Z"}));
    failure["userIdentity"]["accessKeyId"] = json!(key);
    failure
}

#[test]
fn what_a_sink_takes_is_sent_once_each_in_one_request() {
    let world = World::new();
    world.put(&new(0..30));
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let drained = world.drain(&mut sinks);
    assert_eq!((drained.sent, drained.requests), (30, 1));
    assert_eq!(world.drain(&mut sinks).requests, 0);
    assert_eq!(requests.borrow().len(), 1);
    assert_eq!(world.waiting("guance"), []);
}

#[test]
fn a_sink_that_fails_or_does_not_answer_gets_the_event_once_when_it_works_again() {
    let world = World::new();
    world.put(&new(0..1));
    let mut calls = 0;
    let sink = Scripted::new(move |_| {
        calls += 1;
        if calls <= 5 { down() } else { ok() }
    });
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let mut sent = 0;
    for _ in 0..10 {
        sent += world.drain(&mut sinks).sent;
        world.clock.pass(60);
    }
    assert_eq!((sent, requests.borrow().len()), (1, 6));
    assert_eq!(world.noted(), 1);
    let unique: BTreeSet<AlertId> = ids(&requests.borrow()).into_iter().collect();
    assert_eq!(unique.len(), 1, "always under the same id");
}

#[test]
fn a_sink_that_is_busy_is_left_alone_for_as_long_as_it_asks_for() {
    for (after, quiet) in [
        (Some(30), 30),
        (Some(999_999), 900),
        (Some(0), 1),
        (None, 1),
    ] {
        let world = World::new();
        world.put(&new(0..3));
        let mut calls = 0;
        let sink = Scripted::new(move |_| {
            calls += 1;
            let why = "429".to_owned();
            if calls == 1 {
                SinkAnswer::Busy { after, why }
            } else {
                ok()
            }
        });
        let mut sinks = one(sink);
        assert_eq!(world.drain(&mut sinks).later, 3);
        world.clock.pass(quiet - 1);
        assert_eq!(world.drain(&mut sinks).requests, 0, "{after:?}");
        world.clock.pass(1);
        assert_eq!(world.drain(&mut sinks).sent, 3, "{after:?}");
    }
}

#[test]
fn wrong_settings_drop_nothing_count_nothing_and_fetch_the_secret_once() {
    let world = World::new();
    world.put(&new(0..120));
    let sink = Scripted::new(|_| SinkAnswer::Refused("403".to_owned()));
    let forgotten = Rc::clone(&sink.forgotten);
    let mut sinks = one(sink);
    let first = world.drain(&mut sinks);
    assert!(first.breaker.is_misconfigured);
    assert_eq!((first.requests, forgotten.get()), (2, 1));
    world.clock.pass(299);
    assert_eq!(world.drain(&mut sinks).requests, 0);
    world.clock.pass(1);
    assert_eq!(world.drain(&mut sinks).requests, 2);
    assert_eq!(forgotten.get(), 2);
    let rows = world.waiting("guance");
    assert!(rows.len() == 120 && rows.iter().all(|row| row.attempts == 0));
    world.clock.pass(300);
    let drained = world.drain(&mut one(Scripted::new(|_| ok())));
    assert_eq!(
        (drained.sent, drained.breaker.is_misconfigured),
        (120, false)
    );
}

/// Returns the alert of a drill, and what the store knows of the drill.
fn drilled(world: &World) -> (Alert, impl Fn() -> DrillTrace) {
    let id = DrillId::new(now(), 1);
    let alert = Alert::of_drill(id.text(), now(), now());
    (alert, move || block_on(world.store.drill(&id)).unwrap())
}

#[test]
fn no_policy_holds_a_drill_back_and_each_answer_is_noted_with_it() {
    let world = World::with_policies("[[policy]]\nsink = \"all\"\nenabled = false\n");
    let (alert, trace) = drilled(&world);
    world.put(&[alert, new(0..1).remove(0)]);
    let mut calls = 0;
    let sink = Scripted::new(move |_| {
        calls += 1;
        match calls {
            1 => down(),
            _ => ok(),
        }
    });
    let mut sinks = one(sink);
    assert_eq!(world.drain(&mut sinks).suppressed, 1);
    let waits = &trace().sinks["guance"];
    assert_eq!((waits.is_sent, waits.answer.as_str()), (false, "reset"));
    world.clock.pass(60);
    assert_eq!(world.drain(&mut sinks).sent, 1);
    let sent = &trace().sinks["guance"];
    assert_eq!((sent.is_sent, sent.answer.as_str()), (true, "200"));
    assert_eq!(world.noted(), 0, "it is in no log of sent alerts");
}

#[test]
fn a_drill_that_is_rejected_or_of_another_day_is_given_up_with_its_reason() {
    let world = World::new();
    let (alert, trace) = drilled(&world);
    world.put(std::slice::from_ref(&alert));
    let mut sinks = one(Scripted::new(|_| SinkAnswer::Rejected("400".to_owned())));
    for _ in 0..3 {
        world.drain(&mut sinks);
        world.clock.pass(900);
    }
    assert_eq!(trace().sinks["guance"].answer, "400");
    assert_eq!((world.waiting("guance").len(), world.dead().len()), (0, 0));
    world.put(std::slice::from_ref(&alert));
    world.clock.pass(86_401);
    let mut sinks = one(Scripted::new(|_| ok()));
    let drained = world.drain(&mut sinks);
    assert_eq!((drained.requests, drained.suppressed), (0, 1));
    assert_eq!(trace().sinks["guance"].answer, "suppressed");
}

#[test]
fn a_new_secret_is_used_at_once() {
    let world = World::new();
    world.put(&new(0..2));
    let mut calls = 0;
    let sink = Scripted::new(move |_| {
        calls += 1;
        if calls == 1 {
            SinkAnswer::Refused("401".to_owned())
        } else {
            ok()
        }
    });
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.sent, drained.breaker.is_misconfigured), (2, false));
}

#[test]
fn one_bad_alert_of_a_hundred_is_found_in_eight_requests_and_kept() {
    for bad in [0, 1, 49, 50, 63, 98, 99] {
        let world = World::new();
        world.put(&new(0..100));
        let sink = Scripted::new(move |alerts| {
            let is_bad = |message: &Message| message.alert.cluster() == Some(cluster(bad));
            match alerts.iter().any(is_bad) {
                true => SinkAnswer::Rejected("400".to_owned()),
                false => ok(),
            }
        });
        let requests = Rc::clone(&sink.requests);
        let mut sinks = one(sink);
        let first = world.drain(&mut sinks);
        assert_eq!((first.sent, first.dead), (99, 0));
        // Those that were rejected with it go together with what comes next.
        assert!(
            first.requests <= 8 + 1,
            "{} requests for {bad}",
            first.requests
        );
        for _ in 0..3 {
            world.clock.pass(60);
            world.drain(&mut sinks);
        }
        let dead = world.dead();
        assert_eq!(dead, [Some(cluster(bad))]);
        assert_eq!(requests.borrow().len() as u64, first.requests + 2);
        assert_eq!(world.waiting("guance"), []);
    }
}

#[test]
fn a_sink_that_goes_down_while_a_bad_alert_is_looked_for_is_left_alone() {
    let world = World::new();
    world.put(&new(0..100));
    let mut calls = 0;
    let sink = Scripted::new(move |_| {
        calls += 1;
        let why = "429".to_owned();
        match calls {
            1 | 2 => SinkAnswer::Rejected("400".to_owned()),
            3 => SinkAnswer::Busy {
                after: Some(300),
                why,
            },
            _ => ok(),
        }
    });
    let mut sinks = one(sink);
    let first = world.drain(&mut sinks);
    assert_eq!((first.requests, first.sent, first.later), (3, 0, 100));
    world.clock.pass(299);
    assert_eq!(world.drain(&mut sinks).requests, 0);
    world.clock.pass(1);
    assert_eq!(world.drain(&mut sinks).sent, 100);
}

#[test]
fn what_is_too_long_is_halved_and_all_of_it_is_sent() {
    let world = World::new();
    world.put(&new(0..100));
    let sink = Scripted::new(|alerts| match alerts.len() > 13 {
        true => SinkAnswer::TooLong("413".to_owned()),
        false => ok(),
    });
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.sent, drained.dead, drained.later), (100, 0, 0));
}

#[test]
fn of_a_request_that_was_taken_in_part_only_the_rest_is_sent_again() {
    let world = World::new();
    world.put(&new(0..10));
    let mut calls = 0;
    let sink = Scripted::each(move |alerts| {
        calls += 1;
        let answer = |(place, _)| match calls == 1 && place < 3 {
            true => SinkAnswer::Busy {
                after: None,
                why: "throttled".to_owned(),
            },
            false => ok(),
        };
        alerts.iter().enumerate().map(answer).collect()
    });
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    assert_eq!(world.drain(&mut sinks).sent, 7);
    world.clock.pass(60);
    assert_eq!(world.drain(&mut sinks).sent, 3);
    let sizes: Vec<usize> = requests.borrow().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 3]);
}

#[test]
fn a_day_without_the_sink_loses_nothing_and_is_made_up_for_in_two_minutes() {
    let world = World::new();
    let is_up = Rc::new(Cell::new(false));
    let answers = Rc::clone(&is_up);
    let sink = Scripted::new(move |_| if answers.get() { ok() } else { down() });
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let an_hour = i64::from(effort::cases(3, 60));
    for minute in (0..24 * 60).step_by(60 / an_hour as usize) {
        if minute % 60 == 0 {
            let episode = minute / 60 + 1;
            let kind = if episode == 1 {
                AlertKind::New
            } else {
                AlertKind::Regressed
            };
            let hour: Vec<_> = (0..200).map(|of| alert(of, kind, episode)).collect();
            world.put(&hour);
        }
        world.drain(&mut sinks);
        world.clock.pass(3600 / an_hour);
    }
    let probes = requests.borrow().len() as i64;
    assert!(probes <= 24 * an_hour, "{probes}");
    requests.borrow_mut().clear();
    is_up.set(true);
    let mut sent = 0;
    for _ in 0..2 {
        sent += world.drain(&mut sinks).sent;
        world.clock.pass(60);
    }
    assert_eq!(sent, 4_800);
    assert_eq!(world.waiting("guance"), []);
    let mut episodes: BTreeMap<ClusterId, Vec<i64>> = BTreeMap::new();
    for message in requests.borrow().iter().flatten() {
        let of = episodes
            .entry(message.alert.cluster().unwrap())
            .or_default();
        of.push(message.alert.subject.number());
    }
    let in_order: Vec<i64> = (1..=24).collect();
    assert!(episodes.len() == 200 && episodes.values().all(|of| *of == in_order));
}

#[test]
fn a_crash_between_sending_and_noting_repeats_the_message_once_under_its_id() {
    let table = MemoryTable::default();
    let world = World::over(&table);
    world.put(&new(0..1));
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let seen = Rc::clone(&requests);
    let fault = move |_| (!seen.borrow().is_empty()).then_some(Fault::Unavailable);
    world.store.table().fail(fault);
    assert!(world.drain(&mut sinks).error.is_some());
    world.store.table().repair();
    world.clock.pass(60);
    assert_eq!(
        world.drain(&mut sinks).requests,
        0,
        "somebody may still have it"
    );
    world.clock.pass(61);
    assert_eq!(world.drain(&mut sinks).sent, 1);
    world.clock.pass(200);
    assert_eq!(world.drain(&mut sinks).requests, 0);
    let told = ids(&requests.borrow());
    assert!(told.len() == 2 && told[0] == told[1]);
}

#[test]
fn what_comes_while_others_are_sent_is_told_with_its_events() {
    let table = MemoryTable::default();
    let handle = table.clone();
    let commit = move |number: u64, action: &str| {
        let at = format!("2026-11-02T12:0{number}:00Z");
        let fields = json!({"eventName": action, "eventTime": at});
        let mut store = table::store(&handle, telling());
        ingest(&mut store, &lines(&[denied(number, fields)]));
    };
    commit(1, "GetObject");
    let sink = Scripted::new(move |alerts| {
        // In the same hour, which was read for the one that is being sent.
        if alerts[0].cluster.as_ref().unwrap().facts.identity.action == "GetObject" {
            commit(2, "PutObject");
        }
        ok()
    });
    let requests = Rc::clone(&sink.requests);
    let world = World::over(&table);
    world.drain(&mut one(sink));
    let counts: Vec<u64> = requests
        .borrow()
        .concat()
        .iter()
        .map(Message::count)
        .collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn what_waited_for_two_weeks_is_told_in_a_digest_and_nothing_is_silently_gone() {
    let world = World::new();
    world.put(&new(0..50));
    world.clock.pass(86_400);
    world.put(&new(50..90));
    world.clock.pass(14 * 86_400 - 3600);
    world.put(&new(90..95));
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.digested, drained.sent), (50, 45));
    let requests = requests.borrow();
    let digest = &requests[0][0].alert;
    assert_eq!(digest.kind(), AlertKind::AccountSummary);
    let detail = digest.facts.json();
    assert_eq!(detail["alerts"], 50);
    assert_eq!(detail["kinds"], json!({"new": 50}));
    assert_eq!(detail["accounts"], json!({ACCOUNT: 50}));
    assert_eq!(detail["clusters"].as_array().unwrap().len(), 20);
    assert_eq!(world.noted(), 95);
}

#[test]
fn a_flood_is_one_message_for_a_sink_that_people_read() {
    let world = World::new();
    let codes = ["AccessDenied", "SlowDown"];
    let records: Vec<_> = (0..2)
        .map(|at: u64| denied(at + 1, json!({"errorCode": codes[at as usize]})))
        .collect();
    let mut store = world.store;
    ingest(&mut store, &lines(&records));
    let world = World {
        store,
        ..World::new()
    };
    world.put(&new(0..499));
    let mut sink = Scripted::new(|_| ok());
    sink.capacity.digest_beyond = Some(500);
    let requests = Rc::clone(&sink.requests);
    let drained = world.drain(&mut one(sink));
    assert_eq!(
        (drained.digested, drained.sent, drained.requests),
        (501, 0, 1)
    );
    let requests = requests.borrow();
    let detail = requests[0][0].alert.facts.json();
    assert_eq!(detail["alerts"], 501);
    assert_eq!(detail["classes"]["denied"], 1);
}

#[test]
fn a_flood_hides_no_incident() {
    let world = World::new();
    let mut alerts = new(0..20);
    alerts.extend(crate::incident_alerts::alerts_of_story(true));
    world.put(&alerts);
    let mut sink = Scripted::new(|_| ok());
    sink.capacity.digest_beyond = Some(5);
    let requests = Rc::clone(&sink.requests);
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.digested, drained.sent), (20, 3));
    let requests = requests.borrow();
    let told = requests
        .iter()
        .flatten()
        .map(|message| message.alert.state());
    let told: Vec<&str> = told.collect();
    let of_incident = ["incident", "incident_grew", "incident_ended"];
    assert_eq!(told[0], "account_summary");
    assert_eq!(told[1..], of_incident);
}

#[test]
fn each_workspace_gets_the_alerts_of_its_accounts_and_has_a_queue_and_a_breaker_of_its_own() {
    let accounts = |texts: &[&str]| -> BTreeSet<AccountPattern> {
        let patterns = texts.iter().map(|text| AccountPattern::parse(text));
        patterns.map(Option::unwrap).collect()
    };
    let of_both = accounts(&["4444*", ACCOUNT]);
    let workspaces = [
        ("guance-shop", of_both),
        ("guance-pay", accounts(&["444455556666"])),
        ("guance-all", BTreeSet::new()),
    ];
    let settings = TableSettings {
        sinks: vec!["guance".to_owned()],
        further_sinks: workspaces.map(|(name, of)| (name.to_owned(), of)).into(),
        ..telling()
    };
    let store = table::store(&MemoryTable::default(), settings);
    let world = World::of(store, ManualClock::at(now().seconds()));
    let whole = Alert::learned(24);
    let other = Alert::of_cluster(Facts::New, "444455556666", (cluster(9), 1), None, now());
    world.put(&[alert(1, AlertKind::New, 1), other, whole]);
    let waiting = |world: &World| {
        let names = ["guance", "guance-shop", "guance-pay", "guance-all"];
        names.map(|sink| world.waiting(sink).len())
    };
    assert_eq!(waiting(&world), [3, 2, 1, 3]);
    let sink = |name: &str| {
        let works = name != "guance-shop";
        let answer = Scripted::new(move |_| if works { ok() } else { down() });
        (name.to_owned(), answer)
    };
    let names = ["guance", "guance-shop", "guance-pay", "guance-all"];
    let mut sinks: Sinks = names.map(sink).into();
    let drained = block_on(world.run(&mut sinks, "a"));
    assert_eq!(waiting(&world), [0, 2, 0, 0]);
    let failures = names.map(|name| drained[name].breaker.failures);
    assert_eq!(failures, [0, 1, 0, 0]);
}

#[test]
fn a_policy_routes_an_account_to_the_second_topic_and_a_topic_that_refuses_holds_up_no_other() {
    let text = "[topics.shop]\narn = \"arn:aws:sns:eu-central-1:444455556666:shop\"\naccounts = [\"4444*\"]\n\
                [topics.ops]\narn = \"arn:aws:sns:eu-central-1:111122223333:ops\"\n";
    let lists = Lists::parse(text.as_bytes().to_vec()).unwrap();
    let settings = TableSettings {
        sinks: vec!["sns".to_owned()],
        further_sinks: lists.further_sinks(&[SinkName::Sns].into()),
        ..telling()
    };
    let rules =
        "[[policy]]\nsink = \"sns\"\nmatch = { account = [\"444455556666\"] }\nenabled = false\n";
    let store = table::store(&MemoryTable::default(), settings);
    let world = World {
        policies: Rules::parse(rules).unwrap().policies().clone(),
        ..World::of(store, ManualClock::at(now().seconds()))
    };
    let shop = Alert::of_cluster(Facts::New, "444455556666", (cluster(9), 1), None, now());
    world.put(&[alert(1, AlertKind::New, 1), shop]);
    let names = ["sns", "sns-ops", "sns-shop"];
    let sinks = names.map(|name| {
        let works = name != "sns-ops";
        let answer = move |_: &[Message]| match works {
            true => ok(),
            false => SinkAnswer::Refused("403".to_owned()),
        };
        (name.to_owned(), Scripted::new(answer))
    });
    let mut sinks: Sinks = sinks.into();
    let drained = block_on(world.run(&mut sinks, "a"));
    let numbers = names.map(|name| (drained[name].sent, drained[name].suppressed));
    assert_eq!(numbers, [(1, 1), (0, 0), (1, 0)]);
    assert_eq!(names.map(|sink| world.waiting(sink).len()), [0, 2, 0]);
    let accounts = |name: &str| {
        let requests = sinks[name].requests.borrow();
        let sent = requests.iter().flatten();
        sent.map(|message| message.alert.account_id().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (accounts("sns"), accounts("sns-shop")),
        (vec![ACCOUNT.to_owned()], vec!["444455556666".to_owned()])
    );
}

#[test]
fn a_policy_names_a_workspace() {
    let text = "[[policy]]\nsink = \"guance-shop\"\nenabled = false\n";
    let policies = Rules::parse(text).unwrap().policies().clone();
    let settings = TableSettings {
        sinks: vec!["guance".to_owned()],
        further_sinks: BTreeMap::from([("guance-shop".to_owned(), BTreeSet::new())]),
        ..telling()
    };
    let store = table::store(&MemoryTable::default(), settings);
    let world = World {
        policies,
        ..World::of(store, ManualClock::at(now().seconds()))
    };
    world.put(&new(0..2));
    let sinks = ["guance", "guance-shop"].map(|name| (name.to_owned(), Scripted::new(|_| ok())));
    let mut sinks: Sinks = sinks.into();
    let drained = block_on(world.run(&mut sinks, "a"));
    let numbers =
        ["guance", "guance-shop"].map(|name| (drained[name].sent, drained[name].suppressed));
    assert_eq!(numbers, [(2, 0), (0, 2)]);
}

#[test]
fn one_dead_sink_holds_up_no_other() {
    let three = TableSettings {
        sinks: ["guance", "sns", "events"].map(str::to_owned).to_vec(),
        ..telling()
    };
    let store = table::store(&MemoryTable::default(), three);
    let world = World::of(store, ManualClock::at(now().seconds()));
    world.put(&new(0..250));
    let sinks = [("guance", false), ("sns", true), ("events", true)];
    let sink = |(name, works): (&str, bool)| {
        let sink = Scripted::new(move |_| if works { ok() } else { down() });
        (name.to_owned(), sink)
    };
    let mut sinks: Sinks = sinks.into_iter().map(sink).collect();
    let drained = block_on(world.run(&mut sinks, "a"));
    assert_eq!((drained["sns"].sent, drained["events"].sent), (250, 250));
    assert_eq!((drained["guance"].sent, drained["guance"].requests), (0, 1));
    assert_eq!(world.waiting("guance").len(), 250);
}

#[test]
fn shortly_before_the_deadline_nothing_is_taken() {
    let world = World::new();
    world.put(&new(0..300));
    let clock = world.clock.clone();
    // Each request takes fifteen of the fifty-five available seconds.
    let sink = Scripted::new(move |_| {
        clock.pass(15);
        ok()
    });
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.requests, drained.sent), (3, 300));
    world.put(&new(300..700));
    let clock = world.clock.clone();
    let sink = Scripted::new(move |_| {
        clock.pass(30);
        ok()
    });
    assert_eq!(world.drain(&mut one(sink)).requests, 2);
    assert!(
        world
            .waiting("guance")
            .iter()
            .all(|row| row.leased_until.is_none())
    );
}

#[test]
fn silence_holds_back_all_but_ends_and_the_next_message_says_how_many() {
    let world = World::with_policies(
        r#"
        [[policy]]
        sink = "all"
        silence = "4h"
        "#,
    );
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let escalation = Escalation {
        since: now().window(),
        limit: 60,
        peak: 200,
        calm: 2,
    };
    let history = (cluster(1), 2);
    let calm = Alert::of_escalation_end(ACCOUNT, Some(history), now(), &escalation, now());
    for (told, sent) in [
        (alert(1, AlertKind::New, 1), 1),
        (alert(1, AlertKind::NewPrincipal, 1), 0),
        (alert(1, AlertKind::Regressed, 2), 0),
        (alert(1, AlertKind::Recovered, 2), 1),
        (calm, 1),
        (alert(1, AlertKind::Regressed, 3), 0),
    ] {
        world.put(std::slice::from_ref(&told));
        assert_eq!(world.drain(&mut sinks).sent, sent, "{:?}", told.kind());
        world.clock.pass(600);
    }
    world.put(&new(2..3));
    world.clock.pass(4 * 3600);
    world.put(&[alert(1, AlertKind::Regressed, 4)]);
    world.drain(&mut sinks);
    let suppressed: Vec<u64> = requests
        .borrow()
        .iter()
        .flatten()
        .map(|it| it.suppressed)
        .collect();
    assert_eq!(suppressed, [0, 2, 0, 0, 1]);
}

#[test]
fn one_policy_switches_all_alerts_off_while_counting_goes_on() {
    let off = "[[policy]]\nsink = \"all\"\nenabled = false\n";
    let table = MemoryTable::default();
    let settings = TableSettings {
        sinks: ["guance", "sns", "eventbridge"].map(str::to_owned).into(),
        ..telling()
    };
    let by = |policies: &str| World {
        policies: Rules::parse(policies).unwrap().policies().clone(),
        ..World::of(
            table::store(&table, settings.clone()),
            ManualClock::at(now().seconds()),
        )
    };
    let drain = |world: &World| {
        let sinks = settings.sinks.iter();
        let mut sinks: Sinks = sinks
            .map(|name| (name.clone(), Scripted::new(|_| ok())))
            .collect();
        let drained = block_on(world.run(&mut sinks, "drain"));
        let drained = drained.values().map(|of| (of.sent, of.suppressed));
        drained.collect::<Vec<_>>()
    };
    let mut world = by(off);
    ingest(&mut world.store, &lines(&[denied(1, json!({}))]));
    assert_eq!(drain(&world), [(0, 1); 3]);
    let records = [
        denied(2, json!({"errorCode": "SlowDown"})),
        denied(3, json!({})),
    ];
    ingest(&mut world.store, &lines(&records));
    assert_eq!(drain(&world), [(0, 1); 3]);
    let snapshot = block_on(world.store.snapshot(None)).unwrap();
    let counts: u64 = snapshot.clusters().iter().map(|of| of.span.count).sum();
    assert_eq!(counts, 3);
}

/// Saves a decision about the n-th cluster, whose decision has already changed `version` times.
fn decide(world: &World, number: u64, decision: Option<Decision>, version: i64) {
    let now = world.clock.now();
    let triage = decision.map(|decision| Triage::new(decision, "ann", "planned", now, 1));
    let entry = match &triage {
        Some(triage) => triage.made(),
        None => JournalEntry::of(JournalEvent::Unmarked, now, 1).by("ann", "done"),
    };
    let set = world
        .store
        .set_triage(cluster(number), triage.as_ref(), version, &entry);
    assert!(block_on(set).unwrap());
}

#[test]
fn what_is_muted_expected_or_archived_is_held_back_with_its_recovery_and_counted() {
    let until = Timestamp::from_seconds(now().seconds() + 7 * 86_400).unwrap();
    let archived = |until| Decision::Archived {
        until: Until::parse(until).unwrap(),
    };
    for (decision, told) in [
        (Decision::Muted { until }, 0),
        (Decision::Expected, 0),
        (archived("100x/1h"), 0),
        (archived("forever"), 0),
        // The escalation ends the archive, so it causes an alert.
        (archived("escalating"), 1),
        (Decision::Acknowledged, 4),
        (Decision::Resolved, 4),
    ] {
        let world = World::new();
        decide(&world, 1, Some(decision), 0);
        let sink = Scripted::new(|_| ok());
        let requests = Rc::clone(&sink.requests);
        let mut sinks = one(sink);
        world.put(&[
            alert(1, AlertKind::Regressed, 2),
            alert(1, AlertKind::NewPrincipal, 2),
            alert(1, AlertKind::Escalating, 2),
            alert(1, AlertKind::Recovered, 2),
        ]);
        let drained = world.drain(&mut sinks);
        let expected = (told, 4 - told);
        assert_eq!((drained.sent, drained.suppressed), expected, "{decision}");
        assert_eq!(world.waiting("guance"), []);
        decide(&world, 1, None, 1);
        world.put(&[alert(1, AlertKind::Regressed, 3)]);
        assert_eq!(world.drain(&mut sinks).sent, 1, "{decision}");
        let all: u64 = requests
            .borrow()
            .iter()
            .flatten()
            .map(|it| it.suppressed)
            .sum();
        assert_eq!(all, 4 - told, "the messages say how many: {decision}");
    }
}

#[test]
fn a_mute_is_over_when_its_time_is_though_nobody_takes_it_away() {
    let world = World::new();
    let until = Timestamp::from_seconds(now().seconds() + 3600).unwrap();
    decide(&world, 1, Some(Decision::Muted { until }), 0);
    let mut sinks = one(Scripted::new(|_| ok()));
    for (episode, sent) in [(2, 0), (3, 0), (4, 1)] {
        world.put(&[alert(1, AlertKind::Regressed, episode)]);
        assert_eq!(world.drain(&mut sinks).sent, sent, "{episode}");
        world.clock.pass(1800);
    }
}

#[test]
fn a_mark_is_for_its_cluster_alone_and_no_digest_tells_of_it() {
    let world = World::new();
    decide(&world, 1, Some(Decision::Expected), 0);
    decide(&world, 2, Some(Decision::Acknowledged), 0);
    world.put(&new(0..10));
    let mut sink = Scripted::new(|_| ok());
    sink.capacity.digest_beyond = Some(5);
    let requests = Rc::clone(&sink.requests);
    let mut sinks = one(sink);
    let drained = world.drain(&mut sinks);
    assert_eq!((drained.digested, drained.suppressed), (9, 1));
    let told = requests.borrow()[0][0].alert.facts.json();
    assert_eq!(told["alerts"], 9);
    // Of nothing but what is held back there is no digest.
    for number in 0..10 {
        decide(
            &world,
            number,
            Some(Decision::Expected),
            i64::from([1, 2].contains(&number)),
        );
    }
    let again: Vec<_> = (0..10)
        .map(|of| alert(of, AlertKind::Regressed, 2))
        .collect();
    world.put(&again);
    let drained = world.drain(&mut sinks);
    assert_eq!((drained.requests, drained.suppressed), (0, 10));
    assert_eq!(world.waiting("guance"), []);
}

#[test]
fn a_mark_costs_a_row_no_further_call() {
    let calls = |decision: Option<Decision>| {
        let table = MemoryTable::default();
        let world = World::over(&table);
        world.put(&new(1..2));
        if let Some(decision) = decision {
            decide(&world, 1, Some(decision), 0);
        }
        let before = world.store.table().spent();
        world.drain(&mut one(Scripted::new(|_| ok())));
        let spent = world.store.table().spent();
        (
            spent.calls - before.calls,
            spent.write_units - before.write_units,
        )
    };
    // One call for the breaker, four for the partitions. Then one each for the lease of the row, the suppression
    // checks, the alerts about incidents, the cluster item, and settling the row. The four partitions are read again at the
    // end.
    let sent = calls(None);
    assert_eq!(sent, (1 + 4 + 1 + 1 + 1 + 1 + 1 + 4, 1 + 2 * 2));
    assert_eq!(calls(Some(Decision::Acknowledged)), sent);
    // Incidents and the cluster item are not read, because no message is built. The row is deleted and counted.
    assert_eq!(calls(Some(Decision::Expected)), (sent.0 - 2, 1 + 2 * 2));
}

#[test]
fn the_first_policy_that_matches_says_who_is_told_of_what() {
    let world = World::with_policies(
        r#"
        [[policy]]
        sink = "guance"
        match = { service = ["s3"], principal = ["*:user/leo"] }
        enabled = false

        [[policy]]
        sink = "guance"
        match = { class = ["throttle"] }
        min_severity = "critical"

        [[policy]]
        sink = "sns"
        enabled = false
        "#,
    );
    let leo = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/leo"});
    let records = [
        denied(1, json!({})),
        denied(2, json!({"errorCode": "SlowDown"})),
        denied(3, json!({"errorCode": "NoSuchBucket", "userIdentity": leo})),
    ];
    let World {
        mut store,
        policies,
        ..
    } = world;
    ingest(&mut store, &lines(&records));
    let world = World {
        policies,
        ..World::of(store, ManualClock::at(now().seconds()))
    };
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    let drained = world.drain(&mut one(sink));
    assert_eq!((drained.sent, drained.suppressed), (1, 2));
    let requests = requests.borrow();
    let facts = &requests[0][0].cluster.as_ref().unwrap().facts;
    assert_eq!(facts.identity.code, "Denied");
    assert_eq!(requests[0][0].account_name.as_deref(), Some("shop"));
}

#[test]
fn a_sensitive_call_has_the_severity_that_a_rule_gives_it_and_a_policy_goes_by_it() {
    let text = r#"
        [[rule]]
        name = "trails of tests"
        when = { eventName = ["StopLogging"], requestParameters = { name = [{ prefix = "test-" }] } }
        severity = "info"

        [[rule]]
        name = "code of payments"
        when = { eventName = [{ prefix = "UpdateFunctionCode" }], requestParameters = { functionName = ["payments"] } }
        severity = "critical"
    "#;
    let call = |number: u64, source: &str, name: &str, parameters: Value| {
        record(json!({
            "eventID": id(number),
            "eventSource": source,
            "eventName": name,
            "requestParameters": parameters,
        }))
    };
    let stop = |number, trail| {
        call(
            number,
            "cloudtrail.amazonaws.com",
            "StopLogging",
            json!({"name": trail}),
        )
    };
    let records = lines(&[
        stop(1, "test-7"),
        stop(2, "org-trail"),
        call(
            3,
            "lambda.amazonaws.com",
            "UpdateFunctionCode20150331v2",
            json!({"functionName": "payments"}),
        ),
    ]);
    let sent = |policy: &str| {
        let rules = Rules::parse(&format!("{text}{policy}")).unwrap();
        let table = MemoryTable::default();
        ingest_by(&rules, &mut table::store(&table, telling()), &records);
        let world = World {
            policies: rules.policies().clone(),
            ..World::over(&table)
        };
        let mut sent: Vec<String> = alerts(&world)
            .iter()
            .map(|message| {
                let details = message.cluster.as_ref().unwrap().facts.call_details();
                let target = details.unwrap().target.unwrap();
                format!(
                    "{} {target}: {}",
                    message.level().name(),
                    message.severity.sentences(Language::En).pop().unwrap()
                )
            })
            .collect();
        sent.sort();
        sent
    };
    let info = "info test-7: info by the rule \"trails of tests\"";
    let critical = [
        "critical org-trail: a long-term access key",
        "critical payments: critical by the rule \"code of payments\"",
    ];
    assert_eq!(sent(""), [&critical[..], &[info]].concat());
    let policy = "[[policy]]\nsink = 'guance'\nmin_severity = 'warning'";
    assert_eq!(sent(policy), critical);
}

/// Commits events as one batch, and returns the world after that.
fn world_of(records: &[Value]) -> World {
    let table = MemoryTable::default();
    ingest(&mut table::store(&table, telling()), &lines(records));
    World::over(&table)
}

/// Runs deliver once, and returns the alerts that were sent.
fn alerts(world: &World) -> Vec<Message> {
    let sink = Scripted::new(|_| ok());
    let requests = Rc::clone(&sink.requests);
    world.drain(&mut one(sink));
    requests.take().into_iter().flatten().collect()
}

fn used(days: i64) -> IamAnswer {
    IamAnswer::Used {
        at: Timestamp::from_seconds(now().seconds() - 3600 - days * 86_400).unwrap(),
        service: Some("s3".to_owned()),
        region: Some("us-east-1".to_owned()),
        user: Some("ci".to_owned()),
    }
}

#[test]
fn each_answer_of_iam_is_told_and_temporary_and_foreign_keys_are_not_asked_about() {
    let foreign = "AKIAY34FZKBOKMUTVV7A";
    for (key, answer, calls, anomalies) in [
        (OURS, used(1), 1, vec![]),
        (OURS, IamAnswer::Never { user: None }, 1, vec![]),
        (OURS, IamAnswer::Unknown, 1, vec![KeyAnomaly::Unknown]),
        (foreign, used(1), 0, vec![KeyAnomaly::Foreign]),
        ("ASIAQNZGKIQY56JQ7WML", used(1), 0, vec![]),
    ] {
        let world = world_of(&[by_key(1, key)]);
        let said = answer.clone();
        world.directory.say(move |_| Ok(said.clone()));
        let told = alerts(&world);
        assert_eq!(told.len(), 1);
        let report = &told[0].keys[0];
        assert_eq!((report.id.as_str(), &report.anomalies), (key, &anomalies));
        assert_eq!(
            world.directory.calls.borrow().len(),
            calls,
            "{key} {answer:?}"
        );
        // Its user is asked for only where IAM names one.
        let is_listed = calls > 0 && answer.user().is_some();
        assert_eq!(
            *world.directory.listed.borrow(),
            vec!["ci"; usize::from(is_listed)],
            "{key} {answer:?}"
        );
        let created = Timestamp::FIRST;
        let entry = is_listed.then_some(KeyEntry::Active { created });
        assert_eq!(report.entry, entry);
        let said = (calls > 0).then_some(answer);
        assert_eq!(
            (&report.answer, told[0].enrichment),
            (&said, Enrichment::Full)
        );
    }
}

#[test]
fn a_role_that_may_not_list_keys_loses_no_last_use_and_says_so() {
    let world = world_of(&[by_key(1, OURS)]);
    world.directory.say(|_| Ok(used(1)));
    world.directory.list(|_| {
        Err(DirectoryError::Unavailable {
            detail: "not authorized to perform iam:ListAccessKeys".to_owned(),
        })
    });
    let told = alerts(&world);
    let report = &told[0].keys[0];
    assert_eq!((&report.answer, report.is_missing), (&Some(used(1)), false));
    assert_eq!(
        (report.entry, told[0].enrichment),
        (Some(KeyEntry::Unread), Enrichment::Full)
    );
    let stored = block_on(world.store.key_usage(OURS)).unwrap();
    assert_eq!(
        (stored.now, stored.entry),
        (Some(used(1)), Some(KeyEntry::Unread))
    );
    // Within four hours neither call is repeated.
    world.clock.pass(3600);
    world.put(&[Alert {
        facts: Facts::NewPrincipal("ann".to_owned()),
        ..told[0].alert.clone()
    }]);
    assert_eq!(alerts(&world)[0].keys[0].entry, Some(KeyEntry::Unread));
    let (asked, listed) = (&world.directory.calls, &world.directory.listed);
    assert_eq!((asked.borrow().len(), listed.borrow().len()), (1, 1));
}

#[test]
fn a_temporary_key_is_told_with_its_session() {
    let mut failure = by_key(1, "ASIAQNZGKIQY56JQ7WML");
    failure["userIdentity"] = json!({
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/deploy/build-17",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAQNZGKIQY56JQ7WML",
    });
    let told = alerts(&world_of(&[failure]));
    assert_eq!(told[0].keys[0].session.as_deref(), Some("build-17"));
}

#[test]
fn a_deleted_key_is_told_once_iam_has_forgotten_it() {
    let world = world_of(&[by_key(1, OURS)]);
    let key_usage = KeyUsage::default().answered(used(1), None, second(0));
    block_on(world.store.remember(OURS, &key_usage, &[], second(0))).unwrap();
    assert_eq!(alerts(&world)[0].keys[0].anomalies, [KeyAnomaly::Deleted]);
}

#[test]
fn an_iam_that_is_throttled_holds_no_message_and_the_key_is_told_later() {
    let world = world_of(&[by_key(1, OURS)]);
    world.directory.say(|_| Err(DirectoryError::Throttled));
    let told = alerts(&world);
    assert_eq!((told.len(), told[0].enrichment), (1, Enrichment::Partial));
    assert!(told[0].keys[0].is_missing && told[0].keys[0].answer.is_none());
    let again = Alert {
        facts: Facts::NewPrincipal("ann".to_owned()),
        ..told[0].alert.clone()
    };
    world.clock.pass(59);
    world.put(std::slice::from_ref(&again));
    assert_eq!(alerts(&world)[0].enrichment, Enrichment::Partial);
    assert_eq!(
        world.directory.calls.borrow().len(),
        1,
        "not asked again at once"
    );
    world.directory.say(|_| Ok(used(1)));
    world.clock.pass(1);
    let facts = Facts::NewPrincipal("bob".to_owned());
    world.put(&[Alert { facts, ..again }]);
    let later = alerts(&world);
    assert_eq!(later[0].enrichment, Enrichment::Full);
    assert_eq!(later[0].keys[0].answer, Some(used(1)));
}

#[test]
fn a_key_that_slept_for_120_days_is_told_once_and_makes_the_error_louder() {
    let world = world_of(&[by_key(1, OURS)]);
    world.directory.say(|_| Ok(used(120)));
    let told = alerts(&world);
    let kinds: Vec<AlertKind> = told.iter().map(|message| message.alert.kind()).collect();
    assert_eq!(kinds, [AlertKind::New, AlertKind::AccessKey]);
    for message in &told {
        assert!(message.level() >= Severity::Error);
        assert_eq!(
            message.keys[0].anomalies,
            [KeyAnomaly::Awakened { days: 120 }]
        );
    }
    assert_eq!(told[1].alert.about(), OURS);
    let reasons = told[1].severity.sentences(Language::En).join("; ");
    assert!(reasons.contains("woke up after 120 days"), "{reasons}");
    // What IAM notices later is the same awakening.
    world.directory.say(|_| Ok(used(0)));
    world.clock.pass(5 * 3600);
    world.put(&[Alert {
        facts: Facts::NewPrincipal("ann".to_owned()),
        ..told[0].alert.clone()
    }]);
    let later: Vec<AlertKind> = alerts(&world).iter().map(|it| it.alert.kind()).collect();
    assert_eq!(later, [AlertKind::NewPrincipal]);
}

#[test]
fn an_alert_is_as_severe_as_all_events_of_its_cluster() {
    let root = json!({"type": "Root", "arn": format!("arn:aws:iam::{ACCOUNT}:root"), "accountId": ACCOUNT});
    let by_root = denied(
        1,
        json!({"eventTime": "2026-10-01T08:00:00Z", "userIdentity": root}),
    );
    let by_mia = denied(2, json!({"eventTime": "2026-11-02T11:00:00Z"}));
    let mut world = world_of(std::slice::from_ref(&by_root));
    alerts(&world);
    ingest(&mut world.store, &lines(std::slice::from_ref(&by_mia)));
    let told = alerts(&world);
    let kinds: Vec<AlertKind> = told.iter().map(|message| message.alert.kind()).collect();
    assert_eq!(
        (kinds.as_slice(), told[0].count()),
        (&[AlertKind::NewPrincipal][..], 1)
    );
    let (_, listing) = standing(&[by_root, by_mia]);
    assert_eq!(
        told[0].severity,
        listing.clusters.values().next().unwrap().assessment()
    );
    assert_eq!(
        told[0].level(),
        Severity::Error,
        "the root user was refused a month ago"
    );
}

#[test]
fn a_canary_key_is_critical() {
    let mut world = World::new();
    world.keys.canaries.insert(OURS.to_owned());
    world.put(&[Alert::of_canary_use_in_iam(OURS, ACCOUNT, now(), now())]);
    let told = alerts(&world);
    assert_eq!(told[0].level(), Severity::Critical);
    assert_eq!(told[0].keys[0].anomalies[0], KeyAnomaly::Canary);
}

#[test]
fn a_thousand_events_of_a_key_ask_iam_once_in_four_hours_and_never_twice_in_a_second() {
    let records: Vec<_> = (1..=1_000).map(|number| by_key(number, OURS)).collect();
    let world = world_of(&records);
    let first = alerts(&world).remove(0).alert;
    for minute in 0..8 * 60 {
        world.put(&[Alert {
            facts: Facts::NewPrincipal(format!("caller {minute}")),
            ..first.clone()
        }]);
        alerts(&world);
        world.clock.pass(60);
    }
    assert_eq!(world.directory.calls.borrow().len(), 2);
    // Many keys at once, of an IAM that is throttled all the time.
    let alphabet: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().collect();
    let key = |number: usize| {
        format!(
            "AKIAQNZGKIQY56JQ{}{}ML",
            alphabet[number / 32],
            alphabet[number % 32]
        )
    };
    let code = |number: usize| format!("Made{}Up", "x".repeat(number + 1));
    let many: Vec<_> = (0..100)
        .map(|number| {
            let mut failure = by_key(5_000 + number as u64, &key(number));
            failure["errorCode"] = json!(code(number));
            failure
        })
        .collect();
    let world = world_of(&many);
    world.directory.say(|_| Err(DirectoryError::Throttled));
    let before = world.clock.now();
    let told = alerts(&world);
    assert_eq!(told.len(), 100);
    assert!(
        world.clock.now().seconds_since(before) <= 10,
        "no message is held for long"
    );
    let calls = world.directory.calls.borrow();
    assert!(calls.windows(2).all(|two| two[1].1 - two[0].1 >= 1000));
    assert!((2..=11).contains(&calls.len()), "{} calls", calls.len());
}

/// One run over a table, interleaved with another run; each fifth request fails.
fn run_of(
    table: &MemoryTable,
    clock: &ManualClock,
    log: &Rc<RefCell<Vec<Vec<Message>>>>,
    holder: String,
) -> Pin<Box<dyn Future<Output = ()>>> {
    let answered = Rc::clone(log);
    run_with(table, clock, log, holder, move || {
        match answered.borrow().len() % 5 {
            2 => down(),
            _ => ok(),
        }
    })
}

/// One run over a table, with a sink that answers in the given manner.
fn run_with(
    table: &MemoryTable,
    clock: &ManualClock,
    log: &Rc<RefCell<Vec<Vec<Message>>>>,
    holder: String,
    answer: impl Fn() -> SinkAnswer + 'static,
) -> Pin<Box<dyn Future<Output = ()>>> {
    let world = World::of(table::store(table, telling()), clock.clone());
    let mut sink = Scripted::new(move |_| answer());
    sink.capacity.alerts = 3;
    sink.requests = Rc::clone(log);
    let mut sinks = one(sink);
    Box::pin(async move {
        world.run(&mut sinks, &holder).await;
    })
}

proptest! {
    #![proptest_config(effort::property(16, 48))]

    /// If no run breaks off and no lease expires, no row is sent by both runs.
    #[test]
    fn two_runs_side_by_side_send_no_row_twice(steps in prop::collection::vec(any::<bool>(), 0..400)) {
        let table = MemoryTable::with_turns(None);
        let clock = ManualClock::at(now().seconds());
        let log: Rc<RefCell<Vec<Vec<Message>>>> = Rc::default();
        let world = World::of(table::store(&table, telling()), clock.clone());
        world.put(&(0..9).map(|of| alert(of, AlertKind::New, 1)).collect::<Vec<_>>());
        let mut runs = ["one", "other"].map(|holder| Some(run_with(&table, &clock, &log, holder.to_owned(), ok)));
        let mut context = Context::from_waker(Waker::noop());
        let both = (0..4000).map(|step| step % 2 == 0);
        for step in steps.into_iter().chain(both) {
            let run = &mut runs[usize::from(step)];
            if run.as_mut().is_some_and(|run| run.as_mut().poll(&mut context).is_ready()) {
                *run = None;
            }
        }
        prop_assert!(runs.iter().all(Option::is_none), "both end");
        let sent = ids(&log.borrow());
        let distinct: BTreeSet<&AlertId> = sent.iter().collect();
        prop_assert_eq!(distinct.len(), sent.len(), "{:?}", sent);
        prop_assert_eq!(sent.len(), 9);
    }

    #[test]
    fn no_order_of_two_runs_and_no_crash_loses_a_row_or_tells_it_under_another_id(
        steps in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let table = MemoryTable::with_turns(None);
        let clock = ManualClock::at(now().seconds());
        let log: Rc<RefCell<Vec<Vec<Message>>>> = Rc::default();
        let world = World::of(table::store(&table, telling()), clock.clone());
        let told: Vec<_> = (0..9)
            .map(|of| alert(of % 3, if of < 3 { AlertKind::New } else { AlertKind::Regressed }, 1 + of as i64 / 3))
            .collect();
        world.put(&told);
        let mut number = 0;
        let mut begin = || {
            number += 1;
            run_of(&table, &clock, &log, number.to_string())
        };
        let mut runs = [begin(), begin()];
        for step in steps {
            let run = &mut runs[usize::from(step % 2)];
            let mut context = Context::from_waker(Waker::noop());
            match step {
                0..230 => if run.as_mut().poll(&mut context).is_ready() {
                    *run = begin();
                },
                230..244 => *run = begin(),
                _ => clock.pass(50),
            }
        }
        drop(runs);
        for _ in 0..40 {
            clock.pass(61);
            let begun = begin();
            let mut begun = begun;
            let mut context = Context::from_waker(Waker::noop());
            while begun.as_mut().poll(&mut context).is_pending() {}
        }
        let rows = world.store.table().items();
        let rows = rows.iter().filter(|item| item.key.pk.starts_with("O#")).count();
        prop_assert_eq!(rows, 0);
        let expected: BTreeSet<AlertId> = told.iter().map(Alert::id).collect();
        let sent: BTreeSet<AlertId> = ids(&log.borrow()).into_iter().collect();
        prop_assert_eq!(sent, expected);
        let logged = world.store.table().items();
        let logged = logged.iter().filter(|item| item.key.sk.starts_with("T#")).count();
        prop_assert_eq!(logged, 9);
    }
}
