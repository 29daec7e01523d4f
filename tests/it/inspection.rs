//! The hourly inspection, beside a function that commits batches.
//!
//! Its findings must equal those of one replay of all events, however the runs were cut, repeated or broken off.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::kind::AlertKind;
use alerts::outbox::{Lease, Settlement};
use aws::dynamodb::item::ClusterItem;
use aws::dynamodb::message::decode_row;
use aws::dynamodb::table::{Item, Table as _};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::inspection_state::InspectionState;
use clusters::keys::{IamAnswer, KeyEntry, KeySettings};
use clusters::lifecycle::{Resolutions, State};
use clusters::summary::Period;
use clusters::triage::{Decision, Triage, Until};
use fastrand::Rng;
use input::{Layout, Limits};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::inspect::Summaries;
use service::ingest::{commit, fold};
use service::inspect::Recorded;
use service::inspect::flow::{FLOW_KEY, Watched, look};
use service::inspect::run::{
    INSPECTION_STATE_KEY, Inspected, InspectionError, LISTING_KEY, RunLimits, run,
};
use service::inspect::transition_alerts::alert;
use service::memory::{MemoryBucket, MemoryStore};
use service::ports::{
    Bucket as _, Clock as _, DirectoryError, LogEvent, LogGroupError, LogGroups, LogPage, LogQuery,
    Outbox, Store, Subscribed, TriageStore as _,
};
use service::rules::Rules;

use crate::bootstrap::Function;
use crate::directory::Directory;
use crate::emulator::Emulator;
use crate::manual_clock::ManualClock;
use crate::records::{ACCOUNT, denied, ingest, lines, record};
use crate::story::{HOUR, Month, START};
use crate::table::{Fault, MemoryTable, store, telling};

/// A table, a bucket, IAM and a clock; functions are created for each call.
struct World {
    table: MemoryTable,
    bucket: MemoryBucket,
    directory: Directory<ManualClock>,
    clock: ManualClock,
}

impl Default for World {
    fn default() -> Self {
        let clock = ManualClock::default();
        Self {
            table: MemoryTable::default(),
            bucket: MemoryBucket::default(),
            directory: Directory::new(clock.clone()),
            clock,
        }
    }
}

impl World {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Commits records at a time.
    fn commit(&self, at: i64, records: &[Value]) {
        self.clock.set(at);
        let mut store = store(&self.table, telling());
        store.set_now(self.now());
        ingest(&mut store, &lines(records));
    }

    /// Runs the inspection once at a time.
    fn inspect(&self, at: i64) -> Result<Inspected, InspectionError> {
        self.inspect_as(at, telling(), &plan())
    }

    /// Runs the inspection with other settings than the default.
    fn inspect_as(
        &self,
        at: i64,
        settings: TableSettings,
        plan: &RunLimits,
    ) -> Result<Inspected, InspectionError> {
        self.run_on(store(&self.table, settings), at, plan)
    }

    /// Runs the inspection while calls of the table fail.
    fn inspect_with(
        &self,
        at: i64,
        script: impl FnMut(u64) -> Option<Fault> + 'static,
    ) -> Result<Inspected, InspectionError> {
        let store = store(&self.table, telling());
        store.table().fail(script);
        self.run_on(store, at, &plan())
    }

    fn run_on(
        &self,
        mut store: DynamoStore<MemoryTable>,
        at: i64,
        plan: &RunLimits,
    ) -> Result<Inspected, InspectionError> {
        self.clock.set(at);
        store.set_now(self.now());
        let (bucket, directory) = (&self.bucket, &self.directory);
        block_on(run(&mut store, bucket, directory, &self.clock, plan))
    }

    /// Returns the state that the inspection saved.
    fn inspection_state(&self) -> InspectionState {
        InspectionState::decode(&self.bucket.objects()[INSPECTION_STATE_KEY]).unwrap()
    }

    /// Returns the alerts in the outbox, by ID.
    fn told(&self) -> BTreeMap<String, Alert> {
        let rows = self
            .table
            .items()
            .into_iter()
            .filter_map(|item| decode_row(&item).ok());
        let mut told = BTreeMap::new();
        for row in rows {
            let id = row.alert.id().to_string();
            let before = told.insert(id, row.alert);
            assert_eq!(before, None, "told twice");
        }
        told
    }

    fn heads(&self) -> Vec<ClusterItem> {
        let items = self.table.items();
        let heads = items.iter().filter_map(ClusterItem::read);
        heads.map(|(_, head)| head).collect()
    }

    /// Returns the content of the table, without the times of writing.
    fn state(&self) -> Vec<(String, String, Option<String>)> {
        let counts = |item: &Item| {
            let state = item.text_of("st").map(str::to_owned);
            let is_row = item.key.pk.starts_with("O#");
            let sk = item.key.sk.rsplit('#').next().unwrap_or_default();
            let sk = if is_row { sk } else { &item.key.sk };
            (item.key.pk.clone(), sk.to_owned(), state)
        };
        let mut state: Vec<_> = self.table.items().iter().map(counts).collect();
        state.sort();
        state
    }
}

/// Limits of a run without a time limit.
fn plan() -> RunLimits {
    RunLimits {
        retention_days: 35,
        deadline: i64::MAX,
        summaries: Summaries::New,
        keys: KeySettings {
            account_id: ACCOUNT.to_owned(),
            member_accounts: BTreeSet::new(),
            dormant_days: 90,
            canaries: BTreeSet::new(),
        },
        diagnosis: None,
    }
}

/// Returns the records by hour.
fn by_hour(records: &[Value]) -> BTreeMap<i64, Vec<Value>> {
    let mut hours: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for record in records {
        let at = Timestamp::parse(record["eventTime"].as_str().unwrap()).unwrap();
        hours
            .entry(at.window().hours())
            .or_default()
            .push(record.clone());
    }
    hours
}

/// Returns the alerts that only the inspection creates: time, kind, and cluster or subject.
fn found(
    alerts: impl Iterator<Item = Alert>,
) -> BTreeSet<(Option<Timestamp>, &'static str, String)> {
    let is_found = |of: &Alert| {
        !matches!(
            of.kind(),
            AlertKind::New | AlertKind::NewPrincipal | AlertKind::AccountSummary
        )
    };
    alerts
        .filter(is_found)
        .map(|of| {
            let what = of.cluster().map_or_else(|| of.about(), |id| id.to_string());
            // A commit announces the last event of its batch, a replay the first event.
            let hour = of.at.map(|at| at.window().start());
            let at = if of.kind() == AlertKind::Regressed {
                hour
            } else {
                of.at
            };
            (at, of.kind().name(), what)
        })
        .collect()
}

#[test]
fn a_month_of_hourly_runs_finds_what_the_story_of_the_month_says() {
    let month = Month::whole().records;
    let world = World::default();
    let hours = by_hour(&month);
    let first = START / HOUR;
    for hour in first..first + 30 * 24 {
        if let Some(records) = hours.get(&hour) {
            world.commit(hour * HOUR + 3599, records);
        }
        let inspected = world.inspect((hour + 1) * HOUR + 5).unwrap();
        let counts = inspected.counts;
        assert_eq!((counts.behind_hours, counts.failed), (0, 0));
    }
    let mut memory = MemoryStore::default();
    ingest(&mut memory, &lines(&month));
    let events = block_on(memory.events()).unwrap();
    let facts = block_on(memory.snapshot(None)).unwrap().facts;
    let story = Recorded {
        events: &events,
        facts: &facts,
        resolutions: &Resolutions::new(),
    }
    .replay(None)
    .story;
    let last = (first + 30 * 24 - 1) * HOUR;
    let wanted = found(story.iter().filter_map(|of| alert(of, None, of.at)));
    let told = found(world.told().into_values());
    let is_in_time =
        |(at, ..): &&(Option<Timestamp>, &str, String)| at.is_some_and(|at| at.seconds() <= last);
    let told: BTreeSet<_> = told.iter().filter(is_in_time).collect();
    let wanted: BTreeSet<_> = wanted.iter().filter(is_in_time).collect();
    assert_eq!(told, wanted);
    assert!(told.len() > 20, "{told:?}");
}

/// Returns a throttled call at a time.
fn throttled(number: u64, at: i64) -> Value {
    record(json!({
        "eventID": crate::records::id(number),
        "eventTime": Timestamp::from_seconds(at).unwrap().to_string(),
        "errorCode": "ThrottlingException",
    }))
}

/// Returns the records of a day in which a throttled job ends and is seen to recover.
fn day() -> Vec<Value> {
    (0..12)
        .map(|n| throttled(n as u64 + 1, START + n * 600))
        .collect()
}

const RECOVERED_AT: i64 = START + 8 * HOUR;

#[test]
fn a_cluster_that_is_quiet_for_its_time_recovers_once_and_comes_back_once() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    for hour in 2..12 {
        world.inspect(START + hour * HOUR + 20 * 60).unwrap();
        // Twice is once: the schedule may call twice.
        world.inspect(START + hour * HOUR + 21 * 60).unwrap();
    }
    let told = world.told();
    let kinds: Vec<&str> = told.values().map(|of| of.kind().name()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "recovered").count(), 1);
    let recovered = told
        .values()
        .find(|of| of.kind() == AlertKind::Recovered)
        .unwrap();
    assert_eq!(recovered.at.unwrap().seconds(), RECOVERED_AT);
    assert_eq!(world.heads()[0].state, State::Recovered);

    // An event from before it recovered that comes late brings nothing back.
    world.commit(START + 13 * HOUR, &[throttled(90, START + 7 * HOUR)]);
    world.inspect(START + 13 * HOUR + 20 * 60).unwrap();
    assert_eq!(world.heads()[0].state, State::Recovered);
    assert_eq!(world.told().len(), told.len());

    // One from after it does.
    world.commit(START + 14 * HOUR, &[throttled(91, START + 14 * HOUR - 60)]);
    world.inspect(START + 15 * HOUR + 20 * 60).unwrap();
    let head = &world.heads()[0];
    assert_eq!((head.state, head.episode), (State::Regressed, 2));
    let regressed = world
        .told()
        .into_values()
        .filter(|of| of.kind() == AlertKind::Regressed);
    assert_eq!(regressed.count(), 1);
}

#[test]
fn runs_that_break_off_anywhere_leave_what_an_unbroken_one_leaves() {
    let calm = World::default();
    calm.commit(START + 2 * HOUR, &day());
    for hour in 2..12 {
        calm.inspect(START + hour * HOUR + 20 * 60).unwrap();
    }
    let mut dice = Rng::with_seed(0x1f4);
    for _ in 0..40 {
        let world = World::default();
        world.commit(START + 2 * HOUR, &day());
        for hour in 2..12 {
            let at = START + hour * HOUR + 20 * 60;
            let (place, fault) = (dice.u64(0..40), dice.u64(0..2));
            let fault = [Fault::Unavailable, Fault::Lost][fault as usize];
            // Whether it fails or not: the last one is whole.
            let _ = world.inspect_with(at, move |call| (call == place).then_some(fault));
        }
        world.inspect(START + 11 * HOUR + 30 * 60).unwrap();
        assert_eq!(world.state(), calm.state());
    }
}

#[test]
fn a_cluster_that_comes_back_after_a_run_broke_off_has_not_ended_twice() {
    for place in 0..40 {
        let world = World::default();
        world.commit(START + 2 * HOUR, &day());
        world.inspect(START + 7 * HOUR + 20 * 60).unwrap();
        let lost = move |call| (call == place).then_some(Fault::Unavailable);
        let _ = world.inspect_with(RECOVERED_AT + 20 * 60, lost);
        let back = throttled(90, RECOVERED_AT + 1800);
        world.commit(RECOVERED_AT + 1900, &[back]);
        world.inspect(RECOVERED_AT + 2 * HOUR).unwrap();
        let head = &world.heads()[0];
        assert_eq!((head.state, head.episode), (State::Regressed, 2), "{place}");
        let kinds = world.told().into_values().map(|of| of.kind());
        let ends: Vec<AlertKind> = kinds.filter(|kind| *kind == AlertKind::Recovered).collect();
        assert_eq!(ends, [AlertKind::Recovered], "broken off at call {place}");
    }
}

#[test]
fn an_escalation_that_goes_on_is_told_once_though_neither_hour_is_taken() {
    let world = World::default();
    let once_an_hour = (0..12).map(|hour| hour * HOUR);
    let (thirteenth, next) = ((12 * HOUR, 40), (13 * HOUR, 20));
    let often = [thirteenth, next].map(|(at, count)| (0..count).map(move |n| at + n * 20));
    let times: Vec<i64> = once_an_hour.chain(often.into_iter().flatten()).collect();
    let failures = times.iter().enumerate();
    let failures = failures.map(|(number, at)| throttled(number as u64 + 1, START + at));
    let failures: Vec<Value> = failures.collect();
    // Ten minutes past the hour, as a user may schedule the inspection.
    for hour in 1..=15 {
        let now = START + hour * HOUR + 600;
        let has_come = |of: &&Value| {
            let at = Timestamp::parse(of["eventTime"].as_str().unwrap());
            at.unwrap().seconds() <= now
        };
        let come: Vec<Value> = failures.iter().filter(has_come).cloned().collect();
        world.commit(now, &come);
        world.inspect(now).unwrap();
    }
    let told = world.told().into_values();
    let risen: Vec<String> = told
        .filter(|of| of.kind() == AlertKind::Escalating && of.cluster().is_some())
        .map(|of| of.about())
        .collect();
    assert_eq!(risen, ["from 2026-11-01T13:00:00Z"]);
}

#[test]
fn an_escalation_of_a_cluster_that_comes_back_begins_and_ends_in_its_new_life() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    let burst: Vec<Value> = (0..90)
        .map(|n| throttled(100 + n as u64, RECOVERED_AT + 600 + n * 10))
        .collect();
    for hour in 2..14 {
        // On the hour: its end is found when it has come back already.
        if START + hour * HOUR == RECOVERED_AT + HOUR {
            world.commit(RECOVERED_AT + 1800, &burst);
        }
        world.inspect(START + hour * HOUR).unwrap();
    }
    let told = world.told().into_values();
    let risen: Vec<Alert> = told
        .filter(|of| of.kind() == AlertKind::Escalating && of.cluster().is_some())
        .collect();
    let episodes: Vec<i64> = risen.iter().map(|of| of.subject.number()).collect();
    assert_eq!(episodes, [2, 2], "a beginning and an end: {risen:?}");
    assert_eq!(risen[0].fault_id(), risen[1].fault_id());
}

#[test]
fn an_event_that_comes_late_but_after_its_cluster_recovered_brings_it_back_and_it_ends_again() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    for hour in 2..14 {
        world.inspect(START + hour * HOUR + 20 * 60).unwrap();
    }
    // The hour of this event was already inspected.
    let late = throttled(90, RECOVERED_AT + HOUR + 60);
    world.commit(START + 13 * HOUR + 30 * 60, &[late]);
    assert_eq!(world.heads()[0].state, State::Regressed);
    for hour in 14..24 {
        world.inspect(START + hour * HOUR + 20 * 60).unwrap();
    }
    let head = &world.heads()[0];
    assert_eq!((head.state, head.episode), (State::Recovered, 2));
}

#[test]
fn what_comes_late_for_an_hour_long_ago_counts_there() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    world.inspect(START + 10 * HOUR + 20 * 60).unwrap();
    world.commit(START + 11 * HOUR, &[throttled(50, START + 5 * HOUR)]);
    let inspected = world.inspect(START + 11 * HOUR + 20 * 60).unwrap();
    assert_eq!(inspected.counts.late_hours, 1);
    let inspected = world.inspect(START + 11 * HOUR + 25 * 60).unwrap();
    assert_eq!(inspected.counts.late_hours, 0, "once");
    let inspection_state = world.inspection_state();
    let history = inspection_state.histories().values().next().unwrap();
    assert_eq!(history.total, 13);
    // After weeks the counts by hour are no longer stored, so the hour is counted again.
    let later = START + 20 * 24 * HOUR;
    world.inspect(later).unwrap();
    world.commit(later + 60, &[throttled(51, START + 6 * HOUR)]);
    let inspected = world.inspect(later + HOUR).unwrap();
    assert_eq!(
        inspected.rebuilt_because.as_deref(),
        Some("events came late for an hour long ago")
    );
    let inspection_state = world.inspection_state();
    assert_eq!(
        inspection_state.histories().values().next().unwrap().total,
        14
    );
}

#[test]
fn what_is_damaged_is_said_and_leaves_the_rest_inspected() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    let other = record(json!({
        "eventID": crate::records::id(70),
        "eventTime": Timestamp::from_seconds(START + 60).unwrap().to_string(),
        "errorCode": "SlowDown",
        "recipientAccountId": "444455556666",
    }));
    world.commit(START + 2 * HOUR + 1, &[other]);
    // One of the two segments of the first hour.
    let segments = world.table.items();
    let hour = format!("M#{}#", START / HOUR);
    let one = segments
        .iter()
        .find(|item| item.key.pk.starts_with(&hour))
        .unwrap();
    world
        .table
        .set(Item::new(one.key.clone()).bytes("mf", vec![9, 9]));
    let inspected = world.inspect(START + 20 * HOUR).unwrap();
    assert!(inspected.damaged[0].contains(&one.key.pk), "{inspected:?}");
    assert!(inspected.failed.is_empty());
    let recovered = world
        .told()
        .into_values()
        .filter(|of| of.kind() == AlertKind::Recovered);
    assert!(recovered.count() >= 1);
}

#[test]
fn a_chronicle_that_is_lost_is_made_anew_and_tells_nothing_twice() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    world.inspect(START + 12 * HOUR).unwrap();
    let (told, state) = (world.told(), world.state());
    block_on(world.bucket.keep(INSPECTION_STATE_KEY, b"not one".to_vec())).unwrap();
    let inspected = world.inspect(START + 12 * HOUR + 60).unwrap();
    assert!(
        inspected
            .rebuilt_because
            .unwrap()
            .contains("cannot be read")
    );
    assert_eq!((world.told(), world.state()), (told, state));
}

/// Returns a refused read of macie2 at a time, by AWS Config's service-linked role.
fn asked_by_config(number: u64, at: i64) -> Value {
    let role = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
    denied(
        number,
        json!({
            "eventTime": Timestamp::from_seconds(at).unwrap().to_string(),
            "eventSource": "macie2.amazonaws.com",
            "eventName": "GetMacieSession",
            "sourceIPAddress": "config.amazonaws.com",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/AWSServiceRoleForConfig/x"),
                "accountId": ACCOUNT,
                "invokedBy": "config.amazonaws.com",
                "sessionContext": {"sessionIssuer": {
                    "type": "Role",
                    "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                    "accountId": ACCOUNT,
                    "userName": "AWSServiceRoleForConfig",
                }},
            },
        }),
    )
}

/// Returns the same read by a user.
fn asked_by_mia(number: u64, at: i64) -> Value {
    denied(
        number,
        json!({
            "eventTime": Timestamp::from_seconds(at).unwrap().to_string(),
            "eventSource": "macie2.amazonaws.com",
            "eventName": "GetMacieSession",
        }),
    )
}

fn kinds(world: &World) -> Vec<&'static str> {
    let told = world.told().into_values();
    told.map(|of| of.kind().name()).collect()
}

#[test]
fn a_cluster_of_a_service_linked_role_is_quiet_until_another_caller_comes() {
    let world = World::default();
    // It recovers after seven days, and comes back.
    for (number, day) in [(1, 0), (2, 1), (3, 12)] {
        let at = START + day * 24 * HOUR + 60;
        world.commit(at + 600, &[asked_by_config(number, at)]);
        world.inspect(at + 2 * HOUR).unwrap();
    }
    assert_eq!(world.heads()[0].episode, 2);
    assert_eq!(kinds(&world), [""; 0]);
    // Two functions get the same event, and each is asked twice.
    let at = START + 13 * 24 * HOUR;
    let batch = [asked_by_config(4, at), asked_by_mia(5, at + 60)];
    let two = [0, 1].map(|_| store(&world.table, telling()));
    for mut function in two {
        function.set_now(Timestamp::from_seconds(at + 600).unwrap());
        ingest(&mut function, &lines(&batch));
        ingest(&mut function, &lines(&batch));
    }
    world.inspect(at + 2 * HOUR).unwrap();
    assert_eq!(kinds(&world), ["new"]);
    // From now on the cluster is like any other. It recovers after 14 days, because it had come back once.
    world.inspect(at + 15 * 24 * HOUR).unwrap();
    let mut told = kinds(&world);
    told.sort_unstable();
    assert_eq!(told, ["new", "recovered"]);
}

#[test]
fn the_alert_about_a_cluster_that_was_quiet_is_neither_lost_nor_sent_twice_if_a_function_stops() {
    for place in 0..12 {
        for fault in [Fault::Unavailable, Fault::Lost] {
            let world = World::default();
            world.commit(START + 60, &[asked_by_config(1, START)]);
            let batch = lines(&[asked_by_mia(2, START + 120)]);
            let mut broken = store(&world.table, telling());
            broken.set_now(Timestamp::from_seconds(START + 600).unwrap());
            let script = move |call| (call == place).then_some(fault);
            broken.table().fail(script);
            let folded = fold(
                batch.as_bytes(),
                Layout::Lines,
                &Limits::default(),
                None,
                &Rules::default(),
            );
            let _ = block_on(commit(&mut broken, "test", folded.unwrap()));
            world.commit(START + 700, &[asked_by_mia(2, START + 120)]);
            assert_eq!(kinds(&world), ["new"], "{place} {fault:?}");
        }
    }
}

#[test]
fn a_new_network_of_a_known_caller_is_told_once_by_hourly_runs_and_not_anew_when_the_state_is_lost()
{
    let world = World::default();
    let mut events: Vec<Value> = (0..40)
        .map(|hour| asked_by_mia(hour as u64 + 1, START + hour * HOUR + 60))
        .collect();
    for of in &mut events[36..] {
        of["sourceIPAddress"] = json!("203.0.113.9");
        of["awsRegion"] = json!("sa-east-1");
    }
    for (hour, event) in (1..).zip(&events) {
        world.commit(START + hour * HOUR, std::slice::from_ref(event));
        world.inspect(START + hour * HOUR + 20 * 60).unwrap();
        world.inspect(START + hour * HOUR + 21 * 60).unwrap();
    }
    let about = |world: &World| -> BTreeSet<String> {
        let told = world.told().into_values();
        let new = told.filter(|of| of.kind() == AlertKind::NewCircumstance);
        new.map(|of| of.about()).collect()
    };
    let by = format!("by arn:aws:iam::{ACCOUNT}:user/mia");
    let wanted = [
        format!("network 203.0.113.0/24 {by}"),
        format!("region sa-east-1 {by}"),
    ];
    assert_eq!(about(&world), BTreeSet::from(wanted.clone()));
    let state = world.state();
    block_on(world.bucket.remove(INSPECTION_STATE_KEY)).unwrap();
    world.inspect(START + 41 * HOUR).unwrap();
    assert_eq!(about(&world), BTreeSet::from(wanted));
    assert_eq!(world.state(), state);
}

#[test]
fn a_run_without_time_stops_and_the_next_one_goes_on() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    // Weeks later, when all findings are too old for an alert, in whichever run they are found.
    let at = START + 10 * 24 * HOUR;
    let in_no_time = RunLimits {
        deadline: 0,
        ..plan()
    };
    let inspected = world.inspect_as(at, telling(), &in_no_time).unwrap();
    assert_eq!(
        (inspected.counts.hours, inspected.counts.behind_hours),
        (0, 35 * 24 - 1)
    );
    let inspected = world.inspect(at).unwrap();
    assert_eq!(
        (inspected.counts.hours, inspected.counts.behind_hours),
        (35 * 24 - 1, 0)
    );
    assert_eq!(world.heads()[0].state, State::Recovered);
    let kinds: Vec<&str> = world.told().values().map(|of| of.kind().name()).collect();
    assert_eq!(kinds, ["new"]);
}

#[test]
fn while_it_is_learned_what_is_usual_clusters_recover_and_nobody_is_told() {
    let world = World::default();
    let learning = TableSettings {
        learn_hours: 24,
        ..telling()
    };
    let mut store = store(&world.table, learning.clone());
    world.clock.set(START + 2 * HOUR);
    store.set_now(world.now());
    ingest(&mut store, &lines(&day()));
    for hour in 2..12 {
        let at = START + hour * HOUR + 20 * 60;
        let inspected = world.inspect_as(at, learning.clone(), &plan()).unwrap();
        assert!(inspected.failed.is_empty());
    }
    assert_eq!(world.heads()[0].state, State::Recovered);
    assert_eq!(world.told(), BTreeMap::new());
    let (cluster, _) = world
        .table
        .items()
        .iter()
        .find_map(ClusterItem::read)
        .unwrap();
    let journal = block_on(store.journal(cluster)).unwrap();
    assert_eq!(journal.len(), 1, "{journal:?}");
}

/// Suppresses all waiting rows, as the deliver function does.
fn hold_back(store: &impl Outbox, now: Timestamp) {
    let lease = Lease {
        holder: "one".to_owned(),
        now,
        until: now.plus(60),
    };
    for row in block_on(store.waiting("guance", 100)).unwrap() {
        assert!(block_on(store.lease(&row, &lease)).unwrap());
        assert!(block_on(store.settle(&row, &lease, &Settlement::Suppressed)).unwrap());
    }
}

#[test]
fn callers_that_an_archive_waited_for_are_told() {
    let world = World::default();
    let at = START + 2 * HOUR;
    world.commit(at, &day());
    let (cluster, _) = world
        .table
        .items()
        .iter()
        .find_map(ClusterItem::read)
        .unwrap();
    let archived = Triage::new(
        Decision::Archived {
            until: Until::Principals(2),
        },
        "ann",
        "known",
        Timestamp::from_seconds(at).unwrap(),
        1,
    );
    let store = store(&world.table, telling());
    let entry = archived.made();
    let set = store.set_triage(cluster, Some(&archived), 0, &entry);
    assert!(block_on(set).unwrap());
    for (hour, name) in [(3, "bob"), (4, "eve")] {
        let mut call = throttled(hour + 100, at + hour as i64 * HOUR + 60);
        call["userIdentity"]["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:user/{name}"));
        call["userIdentity"]["userName"] = json!(name);
        world.commit(at + hour as i64 * HOUR + 120, &[call]);
        hold_back(&store, world.now());
        world
            .inspect(at + (hour as i64 + 1) * HOUR + 20 * 60)
            .unwrap();
    }
    let told = world.told().into_values();
    let joined = told.filter(|of| of.kind() == AlertKind::NewPrincipal);
    let joined: Vec<String> = joined.map(|of| of.about()).collect();
    assert_eq!(
        joined.len(),
        1,
        "who came before the mark was over: {joined:?}"
    );
    assert!(joined[0].contains("eve"), "{joined:?}");
    assert_eq!(block_on(store.triage(cluster)).unwrap().triage, None);
}

fn used(at: i64) -> IamAnswer {
    IamAnswer::Used {
        at: Timestamp::from_seconds(at).unwrap(),
        service: Some("s3".to_owned()),
        region: Some("us-east-1".to_owned()),
        user: Some("ci".to_owned()),
    }
}

const CANARY: &str = "AKIAIOSFODNN7CANARY1";

#[test]
fn a_canary_that_iam_says_was_used_is_told_once_though_no_event_shows_it() {
    let world = World::default();
    let mut plan = plan();
    plan.keys.canaries.insert(CANARY.to_owned());
    world.directory.say(|_| Ok(IamAnswer::Never { user: None }));
    let inspect = |hour: i64| {
        let at = START + hour * HOUR + 20 * 60;
        world.inspect_as(at, telling(), &plan).unwrap()
    };
    assert_eq!(inspect(0).counts.keys_asked, 1);
    assert_eq!(
        inspect(1).counts.keys_asked,
        0,
        "an answer stands for hours"
    );
    assert_eq!(
        world.told(),
        BTreeMap::new(),
        "as it was when first asked about"
    );
    world.directory.say(|_| Ok(used(START + 3 * HOUR)));
    for hour in 2..24 {
        inspect(hour);
    }
    let told: Vec<Alert> = world.told().into_values().collect();
    let [told] = &*told else { panic!("{told:?}") };
    assert_eq!(
        (told.kind(), told.about().as_str()),
        (AlertKind::AccessKey, CANARY)
    );
    assert_eq!(world.directory.calls.borrow().len(), 6, "every four hours");
}

#[test]
fn keys_that_failed_are_asked_about_and_an_iam_that_refuses_holds_nothing_up() {
    let world = World::default();
    let failing = |key: usize, hour: i64| {
        let letter = char::from(b'A' + key as u8);
        let mut call = throttled(hour as u64 * 100 + key as u64 + 1, START + hour * HOUR + 60);
        call["userIdentity"]["accessKeyId"] = json!(format!("AKIAIOSFODNN7KEY{letter}777"));
        call
    };
    world.directory.say(|_| {
        Err(DirectoryError::Unavailable {
            detail: "not authorized".to_owned(),
        })
    });
    let records: Vec<Value> = (0..8).map(|key| failing(key, 0)).collect();
    world.commit(START + HOUR, &records);
    let counts = world.inspect(START + HOUR + 20 * 60).unwrap().counts;
    assert_eq!((counts.hours > 0, counts.failed), (true, 0));
    assert_eq!((counts.keys_asked, counts.keys_unanswered), (5, 5));

    world.directory.say(|_| Ok(used(START)));
    let records: Vec<Value> = (0..8).map(|key| failing(key, 2)).collect();
    world.commit(START + 3 * HOUR, &records);
    let counts = world.inspect(START + 3 * HOUR + 20 * 60).unwrap().counts;
    // Two calls for each key: its last use, and the list of its user's keys.
    assert_eq!((counts.keys_asked, counts.keys_unanswered), (16, 0));
    assert_eq!(world.directory.listed.borrow().len(), 8);
    // What does not fail any more is not asked about.
    let counts = world.inspect(START + 8 * HOUR + 20 * 60).unwrap().counts;
    assert_eq!(counts.keys_asked, 0);
}

#[test]
fn a_day_and_a_week_list_the_keys_of_24_hours_by_the_stored_answers_and_ask_nothing() {
    let world = World::default();
    let plan = RunLimits {
        summaries: Summaries::Always,
        ..plan()
    };
    // The first Monday at midnight after the start.
    let monday = (START / 86_400 + 3).div_euclid(7) * 7 + 4;
    let end = monday * 86_400;
    let begin = end - 48 * HOUR;
    let failing = |number: u64, key: &str, at: i64| {
        let mut call = throttled(number, at);
        call["userIdentity"]["accessKeyId"] = json!(format!("AKIAIOSFODNN7KEY{key}777"));
        call
    };
    world.directory.say(move |_| Ok(used(begin)));
    let inspect = |at: i64| world.inspect_as(at, telling(), &plan).unwrap();
    let calls = [
        failing(1, "A", begin + 60),
        failing(2, "B", end - 20 * HOUR),
        failing(3, "A", end - 10 * HOUR),
        failing(4, "C", end - 10 * HOUR + 60),
    ];
    let early = failing(5, "D", end - 30 * HOUR);
    world.commit(begin + HOUR, &calls[..1]);
    world.commit(end - 29 * HOUR, &[early]);
    inspect(end - 24 * HOUR + 20 * 60);
    world.commit(end - 9 * HOUR, &calls[1..]);
    inspect(end - 8 * HOUR);
    let asked = world.directory.calls.borrow().len();
    assert_eq!(inspect(end + 20 * 60).counts.keys_asked, 0);
    assert_eq!(world.directory.calls.borrow().len(), asked);
    let told = world.told().into_values();
    let mut periods = Vec::new();
    for summary in told.filter_map(|alert| match alert.facts {
        Facts::Summary(summary) if summary.until.seconds() >= end - 1 => Some(summary),
        _ => None,
    }) {
        if summary.period == Period::Hour {
            continue;
        }
        let keys = summary.keys.shown.iter();
        let ends: Vec<&str> = keys
            .clone()
            .map(|key| &key.key[key.key.len() - 4..])
            .collect();
        assert_eq!(ends, ["C777", "A777", "B777"], "{:?}", summary.period);
        for key in keys {
            assert_eq!(key.last_used.map(Timestamp::seconds), Some(begin));
            let created = Timestamp::FIRST;
            assert_eq!(key.entry, Some(KeyEntry::Active { created }));
            assert!(
                key.asked
                    .is_some_and(|at| at.seconds() <= end - 8 * HOUR + 60)
            );
        }
        periods.push(summary.period);
    }
    periods.sort();
    assert_eq!(periods, [Period::Day, Period::Week]);
}

/// A log group with records in some hours only.
struct Trail {
    hours: RefCell<BTreeSet<i64>>,
    is_there: Cell<bool>,
}

impl LogGroups for Trail {
    async fn events(
        &self,
        query: &LogQuery,
        token: Option<&str>,
    ) -> Result<LogPage, LogGroupError> {
        if !self.is_there.get() {
            let detail = "throttled".to_owned();
            return Err(LogGroupError::Unavailable { detail });
        }
        assert_eq!((&*query.pattern, query.page_max), ("", Some(1)));
        // The first page is empty, as it may be.
        let Some(_) = token else {
            return Ok(LogPage {
                events: Vec::new(),
                next: Some("more".to_owned()),
            });
        };
        let is_written = self.hours.borrow().contains(&query.from.window().hours());
        let event = LogEvent {
            id: "1".to_owned(),
            stream: "one".to_owned(),
            timestamp: query.from.seconds() * 1000,
            message: "{}".to_owned(),
        };
        Ok(LogPage {
            events: is_written.then_some(event).into_iter().collect(),
            next: None,
        })
    }

    async fn subscribed(&self, _: &str, _: &str) -> Result<Subscribed, LogGroupError> {
        unreachable!("nothing here asks for it")
    }
}

#[test]
fn a_log_group_that_the_trail_stops_writing_to_is_told_once_and_when_it_is_over() {
    let world = World::default();
    let first = START / HOUR;
    let trail = Trail {
        hours: RefCell::new((first..first + 30).collect()),
        is_there: Cell::new(true),
    };
    let groups = ["trail-logs".to_owned()];
    let look = |hour: i64| {
        world.clock.set((first + hour) * HOUR + 20 * 60);
        let mut store = store(&world.table, telling());
        store.set_now(world.now());
        let watched = Watched {
            groups: &groups,
            account_id: ACCOUNT,
            deadline: i64::MAX,
        };
        let (bucket, clock) = (&world.bucket, &world.clock);
        block_on(look(&mut store, bucket, &trail, clock, watched)).unwrap()
    };
    for hour in 24..33 {
        // A second check in the same hour changes nothing, and an hour that could not be checked is checked by the next
        // run.
        trail.is_there.set(hour != 31);
        let looked = look(hour);
        assert_eq!(looked.failed.len(), usize::from(hour == 31), "{hour}");
        assert_eq!(look(hour).silent.len(), usize::from(hour == 32), "{hour}");
        assert_eq!(world.told(), BTreeMap::new(), "{hour}");
    }
    assert_eq!(look(33).silent, groups);
    block_on(world.bucket.remove(FLOW_KEY)).unwrap();
    assert_eq!(look(34).silent, groups, "looked at anew");
    trail.hours.borrow_mut().extend([first + 34, first + 35]);
    assert_eq!(look(36).silent, [""; 0]);
    let told: Vec<(String, &str)> = world
        .told()
        .into_values()
        .map(|of| (of.at.unwrap().to_string(), of.state()))
        .collect();
    expect_test::expect![[
        r#"[("2026-11-02T10:00:00Z", "data_again"), ("2026-11-02T09:00:00Z", "no_data")]"#
    ]]
    .assert_eq(&format!("{told:?}"));
}

/// Checks a log group at these hours after the stack began, each time twice, and returns the alerts in the order of their times.
/// `written` are the hours in which records come.
fn checked_at(
    hours: impl IntoIterator<Item = i64>,
    written: &[i64],
    settings: &TableSettings,
) -> Vec<Alert> {
    let world = World::default();
    let first = START / HOUR;
    let trail = Trail {
        hours: RefCell::new(written.iter().map(|hour| first + hour).collect()),
        is_there: Cell::new(true),
    };
    let groups = ["trail-logs".to_owned()];
    for hour in hours.into_iter().flat_map(|hour| [hour, hour]) {
        world.clock.set((first + hour) * HOUR + 20 * 60);
        let mut store = store(&world.table, settings.clone());
        store.set_now(world.now());
        let watched = Watched {
            groups: &groups,
            account_id: ACCOUNT,
            deadline: i64::MAX,
        };
        let (bucket, clock) = (&world.bucket, &world.clock);
        block_on(look(&mut store, bucket, &trail, clock, watched)).unwrap();
    }
    let mut alerts: Vec<Alert> = world.told().into_values().collect();
    alerts.sort_by_key(|of| of.at);
    alerts
}

#[test]
fn a_log_group_that_never_had_a_record_is_announced_once_until_the_first_one() {
    let says = |alerts: &[Alert]| -> Vec<String> {
        let says = |of: &Alert| {
            let at = of.at.map(|at| at.to_string()).unwrap_or_default();
            format!("{at} {} {}", of.state(), of.about())
        };
        alerts.iter().map(says).collect()
    };
    let hourly = checked_at(0..60, &[50, 51], &telling());
    expect_test::expect![[r#"
        [
            "2026-11-02T00:00:00Z no_data trail-logs since 2026-10-31T00:00:00Z",
            "2026-11-03T02:00:00Z data_again trail-logs until 2026-11-03T02:00:00Z",
        ]
    "#]]
    .assert_debug_eq(&says(&hourly));
    let fault: BTreeSet<String> = hourly.iter().map(|of| of.fault_id().to_string()).collect();
    assert_eq!(fault.len(), 1, "both are one fault");
    // However the checks are cut, the same alerts are sent.
    for step in [2, 3, 7, 11, 23] {
        let hours = (0..60).step_by(step).chain([59]);
        let others = checked_at(hours, &[50, 51], &telling());
        assert_eq!(says(&others), says(&hourly), "every {step} hours");
    }
    // Alerts of the learning period are not lost, but sent at its end.
    let learning = TableSettings {
        learn_hours: 30,
        ..telling()
    };
    let late = says(&checked_at(0..60, &[], &learning));
    let late: Vec<&String> = late.iter().filter(|of| of.contains("trail-logs")).collect();
    assert_eq!(late.len(), 1, "{late:?}");
    // One record is enough: a log group that has few is not announced.
    assert_eq!(says(&checked_at(0..60, &[3], &telling())), [""; 0]);
}

/// Returns a month of an account without incidents: fifty roles that each always fail at the same call, hourly, nightly
/// or weekly, and now and then a typing error of a user.
fn healthy_month() -> Vec<Value> {
    let mut records = Vec::new();
    let mut dice = Rng::with_seed(0x50_0135);
    let mut add = |at: i64, role: u64, call: &str, code: &str| {
        let number = records.len() as u64 + 1;
        records.push(record(json!({
            "eventID": crate::records::id(number),
            "eventTime": Timestamp::from_seconds(START + at).unwrap().to_string(),
            "eventSource": "ec2.amazonaws.com",
            "eventName": call,
            "errorCode": code,
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/role-{role}/session"),
                "accountId": ACCOUNT,
                "sessionContext": {"sessionIssuer": {
                    "type": "Role",
                    "arn": format!("arn:aws:iam::{ACCOUNT}:role/role-{role}"),
                    "accountId": ACCOUNT,
                    "userName": format!("role-{role}"),
                }},
            },
        })));
    };
    let letters = |n: u64| {
        let letter = |n: u64| char::from(b'A' + (n % 26) as u8);
        format!("{}{}", letter(n / 26), letter(n))
    };
    for hour in 0..30 * 24 {
        let at = hour * HOUR;
        for role in 0..50 {
            let call = format!("Describe{}", letters(role));
            let is_now = match role % 5 {
                0 | 1 => true,
                2 => hour % 24 == (role as i64 % 24),
                3 => hour % 24 >= 8 && hour % 24 < 18 && hour / 24 % 7 < 5,
                _ => hour % 168 == (role as i64 * 3 % 168),
            };
            let codes = [
                "AccessDenied",
                "ThrottlingException",
                "InvalidParameterValue",
            ];
            if is_now {
                for _ in 0..=dice.u64(0..4) {
                    let second = dice.u64(0..3600) as i64;
                    add(at + second, role, &call, codes[role as usize % 3]);
                }
            }
        }
        // Twice on a working day a user mistypes one of three hundred names.
        if hour % 24 == 9 || hour % 24 == 15 {
            let (what, role) = (dice.u64(0..300), dice.u64(0..50));
            add(
                at + 60,
                role,
                &format!("Get{}", letters(what)),
                "InvalidParameterValue",
            );
        }
    }
    records
}

#[test]
fn a_healthy_account_of_fifty_roles_is_told_of_little() {
    let world = World::default();
    let records = healthy_month();
    let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    assert_eq!(crate::incidents::found(&texts, false), []);
    let hours = by_hour(&records);
    let first = START / HOUR;
    for hour in first..first + 30 * 24 {
        if let Some(records) = hours.get(&hour) {
            world.commit((hour + 1) * HOUR, records);
        }
        world.inspect((hour + 1) * HOUR + 20 * 60).unwrap();
    }
    // The first day is that of learning.
    let mut days: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
    let rows = world.table.items().into_iter();
    for row in rows.filter_map(|item| decode_row(&item).ok()) {
        let day = (row.created.seconds() - START) / 86_400;
        if day > 0 {
            let kinds = days.entry(day).or_default();
            *kinds.entry(row.alert.kind().name()).or_default() += 1;
        }
    }
    let sum = |kinds: &BTreeMap<&str, u64>| kinds.values().sum::<u64>();
    let worst = days.values().max_by_key(|kinds| sum(kinds)).unwrap();
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in days.values().flatten() {
        *all.entry(kind).or_default() += count;
    }
    let told = format!("in {} days {all:?}; on the worst {worst:?}", days.len());
    expect_test::expect![[r#"in 30 days {"account_summary": 38, "new": 64, "new_principal": 4, "recovered": 39, "regressed": 13}; on the worst {"account_summary": 3, "new": 5, "recovered": 4, "regressed": 6}"#]].assert_eq(&told);
    assert!(sum(worst) <= 20);
    assert!(all.values().sum::<u64>() <= 158, "more than before");
}

#[test]
fn an_hour_without_events_takes_a_few_queries_and_writes_nothing() {
    let world = World::default();
    world.commit(START + 2 * HOUR, &day());
    world.inspect(START + 12 * HOUR).unwrap();
    let calls = |hour: i64| {
        world.clock.set(START + hour * HOUR);
        let mut store = store(&world.table, telling());
        store.set_now(world.now());
        let (bucket, directory) = (&world.bucket, &world.directory);
        block_on(run(&mut store, bucket, directory, &world.clock, &plan())).unwrap();
        store.table().spent()
    };
    // What is known of learning; what was resolved; late hours; what was alerted about incidents; four partitions of each of two hours that may
    // have got events since, one that is over, and two that are not.
    let spent = calls(13);
    assert_eq!((spent.calls, spent.write_units), (1 + 1 + 1 + 1 + 4 * 5, 0));
}

/// Measures memory and time of an inspection of 20,000 clusters.
#[test]
#[ignore = "makes twenty thousand clusters in an emulator, which takes minutes; `make bench-inspect` runs it"]
fn twenty_thousand_clusters_are_inspected_in_an_hour_of_theirs() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let bucket = MemoryBucket::default();
    let clock = ManualClock::default();
    let mut number = 0;
    for hour in 0..10 {
        let mut records = Vec::new();
        for account in 0..10 {
            for call in 0..200_u64 {
                number += 1;
                let letter = |n: u64| char::from(b'A' + (n % 26) as u8);
                let name = format!(
                    "Get{}{}{}",
                    letter(hour as u64),
                    letter(call / 26),
                    letter(call)
                );
                records.push(record(json!({
                    "eventID": crate::records::id(number),
                    "eventTime": Timestamp::from_seconds(START + hour * HOUR).unwrap().to_string(),
                    "eventName": name,
                    "errorCode": "ThrottlingException",
                    "recipientAccountId": format!("{:012}", 111_122_220_000_u64 + account),
                })));
            }
        }
        let now = Timestamp::from_seconds(START + hour * HOUR + 60).unwrap();
        let mut store = DynamoStore::new(emulator.sdk_table(), TableSettings::default(), now);
        for batch in records.chunks(500) {
            ingest(&mut store, &lines(batch));
        }
    }
    for hour in [10, 11, 17, 18] {
        clock.set(START + hour * HOUR + 20 * 60);
        let now = clock.now();
        let mut store = DynamoStore::new(emulator.sdk_table(), TableSettings::default(), now);
        let started = Instant::now();
        let directory = Directory::new(clock.clone());
        let inspected = block_on(run(&mut store, &bucket, &directory, &clock, &plan())).unwrap();
        let (spent, counts) = (store.table().spent(), inspected.counts);
        eprintln!(
            "hour {hour}: {} clusters, {} open, {} settled, {} calls, {} write units, {:.1} s",
            counts.clusters,
            counts.open_clusters,
            counts.settled,
            spent.calls,
            spent.write_units,
            started.elapsed().as_secs_f64(),
        );
    }
    show(&emulator, &bucket.objects()[LISTING_KEY]);
}

/// Requests the first page of clusters from the real function, and prints the time and memory that this needs.
fn show(emulator: &Emulator, listing: &[u8]) {
    emulator.make_bucket();
    emulator.put_object(LISTING_KEY, listing);
    let mut settings = vec![("_HANDLER", "widget"), ("OWN_ACCOUNT_ID", "111122223333")];
    settings.extend(emulator.environment());
    let function = Function::start(&settings);
    for number in 1..=6 {
        let started = Instant::now();
        function.hand_over(&[br#"{"status": "all"}"#.to_vec()]);
        assert_eq!(
            function.answers(number, Duration::from_secs(60)),
            Ok(number)
        );
        eprintln!(
            "page {number}: {:.0} ms from outside, {} bytes of listing, at most {} kB so far",
            started.elapsed().as_secs_f64() * 1000.0,
            listing.len(),
            function.peak_kilobytes().unwrap_or_default(),
        );
    }
}
