//! A stack over time: its functions with their clocks and caches, the table and bucket that they share, the log group
//! that is read again, and sinks that count what they receive.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use alerts::alert::{Alert, AlertId};
use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws::dynamodb::message::{decode_row, row_partitions};
use aws::dynamodb::table::{Item, Table as _};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::keys::KeySettings;
use pollster::block_on;
use records::time::Timestamp;
use serde_json::json;
use service::config::inspect::Summaries;
use service::configuration::ConfigVersion;
use service::deliver::{Delivery, drain};
use service::ingest::backfill::{Checkpoint, backfill};
use service::ingest::redrive::redrive;
use service::ingest::replay_input::ReplayInput;
use service::ingest::subscription::Subscription;
use service::inspect::run::{RunLimits, run};
use service::memory::MemoryBucket;
use service::policy::Policies;
use service::ports::{Clock, LogEvent, Sink};

use crate::directory::Directory;
use crate::manual_clock::ManualClock;
use crate::payloads::event_of;
use crate::pipeline::choices::{Choices, End};
use crate::pipeline::scenarios::{Happening, Outcome};
use crate::redrive::{FUNCTION, MemoryLogs, SOURCE, STREAM, failed, first, keep, key, waiting};
use crate::story::HOUR;
use crate::table::{Fault, MemoryTable, store};

/// The sinks.
pub const SINKS: [&str; 2] = ["guance", "sns"];

/// Number of containers of the ingest function.
const CONTAINERS: u64 = 4;

/// Number of attempts of AWS Lambda.
const ATTEMPTS: usize = 3;

/// Time from a call until its event is in the log group, in seconds.
pub const LOGGED_SECONDS: i64 = 120;

/// A container of a function that writes, with its caches.
struct Container {
    store: DynamoStore<MemoryTable>,
    subscription: Subscription,
    /// Error of its clock in seconds; positive if it is ahead.
    ahead: i64,
}

/// A delivery of a message to a sink: the run, and whether the sink's answer got lost.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    run: usize,
    is_lost: bool,
}

/// Messages that the sinks received, by sink and alert: the alert, and each delivery.
type Sent = BTreeMap<(&'static str, AlertId), (Alert, Vec<Arrived>)>;

/// A sink that sometimes cannot be reached, and sometimes receives a message without its answer arriving.
struct Post {
    name: &'static str,
    choices: Choices,
    run: usize,
    sent: Rc<RefCell<Sent>>,
}

impl Sink for Post {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: 5,
            digest_beyond: None,
        }
    }

    async fn send(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        let fate = self.choices.below(16);
        let down = SinkAnswer::Unreachable("reset".to_owned());
        if fate == 15 {
            return vec![down; alerts.len()];
        }
        let arrived = Arrived {
            run: self.run,
            is_lost: fate == 14,
        };
        for message in alerts {
            let id = (self.name, message.alert.id());
            let mut sent = self.sent.borrow_mut();
            let told = sent
                .entry(id)
                .or_insert_with(|| (message.alert.clone(), Vec::new()));
            told.1.push(arrived);
        }
        let ok = SinkAnswer::Accepted("200".to_owned());
        vec![if arrived.is_lost { down } else { ok }; alerts.len()]
    }
}

/// The stack.
pub struct World {
    pub table: MemoryTable,
    pub bucket: MemoryBucket,
    sent: Rc<RefCell<Sent>>,
    /// Rows that existed at any time, by sink and alert: their keys and alerts.
    pub rows: BTreeMap<(String, AlertId), (BTreeSet<Timestamp>, Alert)>,
    /// Deliver runs that broke off.
    broken: BTreeSet<usize>,
    runs: usize,
    containers: Vec<Container>,
    /// The container of the inspect function.
    stock: Container,
    /// Error of the clock of the deliver function, in seconds.
    telling_ahead: i64,
    logs: MemoryLogs,
    failures: u32,
    /// Whether events were skipped and not read again yet.
    is_missing: bool,
    /// Which summaries are sent.
    pub summaries: Summaries,
    choices: Choices,
}

fn settings() -> TableSettings {
    TableSettings {
        sinks: SINKS.map(str::to_owned).to_vec(),
        learn_hours: 0,
        ..TableSettings::default()
    }
}

fn keys() -> KeySettings {
    KeySettings {
        account_id: "111122223333".to_owned(),
        member_accounts: BTreeSet::new(),
        dormant_days: 90,
        canaries: BTreeSet::new(),
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

/// Polls a function until it ends, or a number of times; `None` if it has not ended.
fn polled<T>(task: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut task = pin!(task);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..steps {
        if let Poll::Ready(done) = task.as_mut().poll(&mut context) {
            return Some(done);
        }
    }
    None
}

/// Prepares how a function ends that uses a table, and returns how often it may be polled.
fn arrange(table: &MemoryTable, end: End) -> usize {
    table.repair();
    match end {
        End::Whole => {}
        End::Refused(at) => table.fail(move |call| (call == at).then_some(Fault::Unavailable)),
        End::Lost(at) => table.fail(move |call| (call == at).then_some(Fault::Lost)),
        End::Killed(steps) => return steps,
    }
    usize::MAX
}

impl Container {
    fn new(table: &MemoryTable, ahead: i64) -> Self {
        Self {
            store: store(table, settings()),
            subscription: Subscription::default(),
            ahead,
        }
    }

    fn replay_input<'i>(
        &'i mut self,
        now: i64,
        bucket: &'i MemoryBucket,
    ) -> ReplayInput<'i, DynamoStore<MemoryTable>, MemoryBucket> {
        let now = time(now + self.ahead);
        self.store.set_now(now);
        ReplayInput {
            subscription: &mut self.subscription,
            store: &mut self.store,
            bucket,
            now,
        }
    }
}

impl World {
    /// Returns a world without data. Clocks may be up to two hours behind, and ahead if `may_be_ahead` is set.
    pub fn new(happenings: &[Happening], choices: Choices, may_be_ahead: bool) -> Self {
        let table = MemoryTable::with_turns(None);
        let wrong =
            |choices: &Choices| choices.below(7200) as i64 * if choices.one_in(2) { -1 } else { 1 };
        let containers = (0..CONTAINERS).map(|_| Container::new(&table, wrong(&choices)));
        let containers = containers.collect();
        let ahead = wrong(&choices);
        let ahead = if may_be_ahead { ahead } else { -ahead.abs() };
        let event = |(number, of): (usize, &Happening)| LogEvent {
            id: number.to_string(),
            stream: STREAM.to_owned(),
            timestamp: (of.at + LOGGED_SECONDS) * 1000,
            message: of.message(number),
        };
        let mut logs = MemoryLogs::of([], 0);
        logs.page = 20;
        logs.events = happenings.iter().enumerate().map(event).collect();
        Self {
            stock: Container::new(&table, ahead),
            telling_ahead: wrong(&choices),
            table,
            bucket: MemoryBucket::default(),
            sent: Rc::default(),
            rows: BTreeMap::new(),
            broken: BTreeSet::new(),
            runs: 0,
            containers,
            logs,
            failures: 0,
            is_missing: false,
            summaries: Summaries::New,
            choices,
        }
    }

    fn payload(&self, numbers: &[usize]) -> Vec<u8> {
        let event = |number: &usize| {
            let LogEvent {
                id,
                timestamp,
                message,
                ..
            } = &self.logs.events[*number];
            json!({"id": id, "timestamp": timestamp, "message": message}).to_string()
        };
        event_of(&numbers.iter().map(event).collect::<Vec<_>>())
    }

    /// Sends some events to the ingest function, as CloudWatch Logs and AWS Lambda do.
    pub fn hand_over(&mut self, now: i64, numbers: &[usize], happenings: &[Happening]) {
        if self.choices.one_in(10) {
            // CloudWatch Logs skips a batch that it cannot deliver.
            self.is_missing = true;
            return;
        }
        let payload = self.payload(numbers);
        let outcomes: Vec<Outcome> = numbers.iter().map(|of| happenings[*of].outcome()).collect();
        let is_taken = (0..ATTEMPTS).any(|_| self.take(now, &payload, &outcomes));
        if !is_taken || self.choices.one_in(12) {
            let object = failed(FUNCTION, &payload);
            self.failures += 1;
            keep(&self.bucket, &key(FUNCTION, self.failures), object);
        }
    }

    /// Makes one attempt; `false` if another one is needed.
    fn take(&mut self, now: i64, payload: &[u8], outcomes: &[Outcome]) -> bool {
        let place = self.choices.below(CONTAINERS) as usize;
        let container = &mut self.containers[place];
        let steps = arrange(container.store.table(), self.choices.end());
        let mut replay_input = container.replay_input(now, &self.bucket);
        let Some(taken) = polled(replay_input.take(payload), steps) else {
            *container = Container::new(&self.table, container.ahead);
            return false;
        };
        let Ok(invocation) = taken else {
            return false;
        };
        // Everything that came in has one outcome.
        let (record_counts, of) = (&invocation.record_counts, |of| {
            outcomes.iter().filter(|it| **it == of).count() as u64
        });
        assert!(
            record_counts.balances() && invocation.payload_fault.is_none(),
            "{record_counts:?}"
        );
        assert_eq!(record_counts.read, outcomes.len() as u64);
        assert_eq!(
            record_counts.clustered + record_counts.duplicate,
            of(Outcome::Clustered)
        );
        assert_eq!(record_counts.ignored(), of(Outcome::Ignored));
        assert_eq!(record_counts.quarantined(), of(Outcome::Quarantined));
        assert_eq!(record_counts.not_selected(), of(Outcome::NotSelected));
        true
    }

    /// Processes failed invocations again, all of them or until the function ends otherwise.
    pub fn redrive(&mut self, now: i64, end: End) {
        let steps = arrange(self.stock.store.table(), end);
        loop {
            let mut replay_input = self.stock.replay_input(now, &self.bucket);
            let done = polled(redrive(&first(200), &mut replay_input, || false), steps);
            if end != End::Whole {
                if done.is_none() {
                    self.stock = Container::new(&self.table, self.stock.ahead);
                }
                return;
            }
            let done = done.unwrap();
            assert!(
                done.stopped.is_none() && done.left.is_empty() && done.failed.is_empty(),
                "{done:?}"
            );
            if waiting(&self.bucket).is_empty() {
                return;
            }
        }
    }

    /// Reads a time range of the log group again.
    pub fn backfill(&mut self, now: i64, (from, until): (i64, i64), end: End) {
        let steps = arrange(self.stock.store.table(), end);
        let mut replay_input = self.stock.replay_input(now, &self.bucket);
        let (from, until) = (Checkpoint::at(time(from)), time(until));
        let done = backfill(&SOURCE, from, until, &self.logs, &mut replay_input, || {
            false
        });
        match polled(done, steps) {
            Some(done) if end == End::Whole => assert!(done.stopped.is_none(), "{done:?}"),
            Some(_) => {}
            None => self.stock = Container::new(&self.table, self.stock.ahead),
        }
    }

    /// Processes all events that were missed until now.
    pub fn catch_up(&mut self, now: i64, from: i64) {
        self.redrive(now, End::Whole);
        if std::mem::take(&mut self.is_missing) {
            self.backfill(now, (from, now), End::Whole);
        }
    }

    /// Runs the inspection; returns whether it succeeded.
    pub fn inspect(&mut self, now: i64, end: End) -> bool {
        let steps = arrange(self.stock.store.table(), end);
        let clock = ManualClock::at(now + self.stock.ahead);
        self.stock.store.set_now(clock.now());
        let plan = RunLimits {
            retention_days: 3,
            deadline: i64::MAX,
            summaries: self.summaries,
            keys: keys(),
            diagnosis: None,
        };
        // No event here has a key.
        let directory = Directory::new(clock.clone());
        let inspected = run(
            &mut self.stock.store,
            &self.bucket,
            &directory,
            &clock,
            &plan,
        );
        match polled(inspected, steps) {
            Some(inspected) => inspected.is_ok_and(|of| of.failed.is_empty()),
            None => {
                self.stock = Container::new(&self.table, self.stock.ahead);
                false
            }
        }
    }

    /// Sets the clock of the inspect function right.
    pub fn set_clock_right(&mut self) {
        self.stock.ahead = 0;
    }

    /// Records which rows wait, before any of them can be sent.
    pub fn note_rows(&mut self) {
        for pk in SINKS.iter().flat_map(|sink| row_partitions(sink)) {
            let items = block_on(self.table.query(&pk, "")).unwrap();
            for row in items.iter().map(|item| decode_row(item).unwrap()) {
                let id = (row.sink.clone(), row.alert.id());
                let known = self
                    .rows
                    .entry(id)
                    .or_insert_with(|| (BTreeSet::new(), row.alert));
                known.0.insert(row.created);
            }
        }
    }

    /// Runs deliver once.
    pub fn deliver(&mut self, now: i64, end: End) {
        self.note_rows();
        self.runs += 1;
        let clock = ManualClock::at(now + self.telling_ahead);
        let mut store = store(&self.table, settings());
        store.set_now(clock.now());
        let steps = arrange(store.table(), end);
        let holder = self.runs.to_string();
        let delivery = Delivery {
            store: &store,
            directory: &Directory::new(clock.clone()),
            clock: &clock,
            policies: &Policies::default(),
            keys: &keys(),
            account_names: &BTreeMap::new(),
            environments: &BTreeMap::new(),
            config_version: &ConfigVersion::default(),
            holder: &holder,
            rounds_until: Timestamp::LAST,
            unfinished: &BTreeSet::new(),
            is_before_round: false,
            found: &BTreeMap::new(),
        };
        let post = |name: &'static str| {
            let (choices, sent) = (self.choices.clone(), Rc::clone(&self.sent));
            let run = self.runs;
            (
                name.to_owned(),
                Post {
                    name,
                    choices,
                    run,
                    sent,
                },
            )
        };
        let mut sinks: BTreeMap<String, Post> = SINKS.into_iter().map(post).collect();
        let drained = polled(drain(&delivery, &mut sinks, i64::MAX), steps);
        let is_whole =
            |all: BTreeMap<_, service::deliver::Drained>| all.values().all(|of| of.error.is_none());
        if !drained.is_some_and(is_whole) {
            self.broken.insert(self.runs);
        }
        self.note_rows();
    }

    /// Runs deliver until no row waits, with sinks that work.
    pub fn deliver_all(&mut self, now: i64) {
        self.choices = Choices::default();
        for hour in 0..72 {
            self.deliver(now + 3 * HOUR + hour * HOUR, End::Whole);
            let waits = |sink| {
                row_partitions(sink)
                    .any(|pk| !block_on(self.table.query(&pk, "")).unwrap().is_empty())
            };
            if !SINKS.iter().any(|sink| waits(sink)) {
                return;
            }
        }
        panic!("rows wait that nobody sends");
    }

    /// Returns the alerts that a sink received.
    pub fn told(&self, sink: &str) -> Vec<Alert> {
        let sent = self.sent.borrow();
        let arrived = sent.iter().filter(|((of, _), _)| *of == sink);
        arrived.map(|(_, (told, _))| told.clone()).collect()
    }

    /// Returns how often rows were settled, by the ID of their message, from the log in the table. Rows that were
    /// suppressed with their cluster are not in that log.
    pub fn logged(&self) -> BTreeMap<AlertId, usize> {
        let mut logged = BTreeMap::new();
        for Item { key, .. } in self.table.items() {
            let id = key.sk.strip_prefix("T#").and_then(|of| of.split_once('#'));
            if let Some(id) = id.and_then(|(_, id)| AlertId::parse(id)) {
                *logged.entry(id).or_default() += 1;
            }
        }
        logged
    }

    /// Returns how often an alert was sent again without a reason. Reasons are that the run broke off, or that the
    /// sink's answer got lost.
    pub fn sent_well(&self, sink: &str, id: AlertId) -> usize {
        let sent = self.sent.borrow();
        let sent = sent
            .iter()
            .find(|((of, other), _)| *of == sink && *other == id);
        let arrived = sent.into_iter().flat_map(|(_, (_, arrived))| arrived);
        let well = arrived.filter(|of| !of.is_lost && !self.broken.contains(&of.run));
        well.count()
    }

    /// Checks whether each message arrived at most once.
    pub fn is_sent_once(&self) -> bool {
        self.sent
            .borrow()
            .values()
            .all(|(_, arrived)| arrived.len() == 1)
    }
}
