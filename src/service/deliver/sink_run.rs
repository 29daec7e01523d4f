//! The run of one sink: checks whether the sink works, leases rows, sends their messages, and settles
//! the rows by the sink's answers.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::{Alert, AlertId};
use alerts::kind::AlertKind;
use alerts::message::Message;
use alerts::outbox::{
    Breaker, Lease, OutboxRow, SendingLimits, Settlement, SilenceChange, SinkAnswer,
};
use alerts::severity::Severity;
use clusters::fingerprint::ClusterId;
use futures_util::stream::{self, StreamExt as _};
use records::time::Timestamp;

use crate::deliver::absorption::{Absorption, can_be_absorbed};
use crate::deliver::digest::{self, OLD_SECONDS};
use crate::deliver::message_builder::MessageBuilder;
use crate::deliver::queue::{Queue, hold};
use crate::deliver::sink_health::{
    PROBE_SECONDS, Phase, REJECTIONS_MAX, SinkProblem, backoff, phase, problem,
};
use crate::deliver::{Delivery, Drained, WAIT_SECONDS};
use crate::policy::PolicyOutcome;
use crate::ports::{
    Clock, ClusterReader, HourReader, IncidentStore, KeyDirectory, KeyUsageStore, Outbox,
    ReadBackStore, Sink, StoreError,
};

/// The time of a lease, in seconds. Building and sending a message takes less.
const LEASE_SECONDS: i64 = 120;

/// No row is leased if less than this is left of the run's time, in milliseconds.
const SPARE_MILLIS: i64 = 20_000;

/// The number of rows that are read of each partition of the outbox. A sink with a larger digest limit
/// needs more.
const WAITING_MAX: usize = 1000;

/// After how many seconds a row is sent before the round, although an incident could absorb it.
const LEFT_BEHIND_SECONDS: i64 = 5 * 60;

/// After how many seconds a drill is not sent any more.
const DRILL_SECONDS: i64 = 86_400;

/// The largest number of clusters whose classes are looked up for a digest.
const CLASSES_MAX: usize = 1000;

/// The largest number of simultaneous calls to the store.
const CALLS_MAX: usize = 16;

/// The shortest time between two fetches of a secret, in seconds.
const SECRET_SECONDS: i64 = 60;

/// A leased row that is ready to be sent.
struct PreparedRow {
    row: OutboxRow,
    message: Message,
    /// How the sending pause of the cluster changes when the message is sent.
    silence: SilenceChange,
}

/// The run that sends the waiting outbox rows of one sink, with its results so far.
pub struct SinkRun<'a, O, K, C, S> {
    delivery: &'a Delivery<'a, O, K, C>,
    message_builder: &'a MessageBuilder<'a, O, K, C>,
    absorption: &'a Absorption<'a, O>,
    name: &'a str,
    sink: &'a mut S,
    /// Which rows that this run has seen are critical, by their ids; `None` for those of an unknown cluster.
    critical: BTreeMap<AlertId, Option<bool>>,
    /// The end of the run, in milliseconds since 1970.
    deadline: i64,
    /// The circuit breaker of the sink, as far as this run knows. It is the default until the run has found a waiting
    /// row.
    pub breaker: Breaker,
    /// When the secret was last fetched again; `None` if it was not.
    refetched: Option<Timestamp>,
    /// Whether the store granted this run the next probe.
    has_probe: bool,
    /// The numbers of requests and rows so far. The fields `breaker` and `error` are set by the caller of the run.
    pub drained: Drained,
}

impl<'a, O, K, C, S> SinkRun<'a, O, K, C, S>
where
    O: Outbox + ClusterReader + HourReader + IncidentStore + KeyUsageStore + ReadBackStore,
    K: KeyDirectory,
    C: Clock,
    S: Sink,
{
    /// Creates a run that has not begun, for the sink with this name. `deadline` is in milliseconds since 1970.
    pub fn new(
        delivery: &'a Delivery<'a, O, K, C>,
        (message_builder, absorption): (&'a MessageBuilder<'a, O, K, C>, &'a Absorption<'a, O>),
        name: &'a str,
        sink: &'a mut S,
        deadline: i64,
    ) -> Self {
        Self {
            delivery,
            message_builder,
            absorption,
            name,
            sink,
            critical: BTreeMap::new(),
            deadline,
            breaker: Breaker::default(),
            refetched: None,
            has_probe: false,
            drained: Drained::default(),
        }
    }

    /// Sends the waiting outbox rows of the sink, until no row can be sent or the deadline is near.
    ///
    /// Mostly no row waits, and the run costs only the query of the outbox.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed. Rows that are still leased become free when the lease ends.
    pub async fn run(&mut self) -> Result<(), StoreError> {
        let mut queue = self.queue().await?;
        if queue.len() > 0 {
            self.breaker = self.delivery.store.breaker(self.name).await?;
        }
        while queue.len() > 0
            && !self.is_out_of_time()
            && phase(&self.breaker, self.now()) != Phase::Waiting
        {
            let mut has_moved = self.send_digest(&mut queue).await?;
            while let Some(limit) = self.limit().await? {
                let rows = queue.next(self.now(), limit);
                if rows.is_empty() {
                    break;
                }
                has_moved = true;
                self.process(rows, &mut queue).await?;
            }
            if !has_moved {
                break;
            }
            queue = self.queue().await?;
        }
        self.drained.waiting = Some(queue.waiting());
        Ok(())
    }

    /// Reads the waiting rows. Those that wait for a round are not due in this run, and no lease is written for them. A row
    /// that must be sent at once waits for none before it.
    async fn queue(&mut self) -> Result<Queue, StoreError> {
        // One row more than the digest limit, to see whether the limit is passed.
        let beyond = self.sink.capacity().digest_beyond.unwrap_or_default();
        let limit = WAITING_MAX.max(beyond.saturating_add(1));
        let mut rows = self.delivery.store.waiting(self.name, limit).await?;
        let now = self.now();
        // Of the rows that an incident could absorb: whether they must be sent at once.
        let mut urgent = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            if row.is_free(now) && can_be_absorbed(&row.alert) {
                let is_urgent = self.is_urgent(row, now).await?;
                urgent.extend(is_urgent.map(|is_urgent| (place, is_urgent)));
            }
        }
        hold(&mut rows, &urgent, now.plus(WAIT_SECONDS));
        Ok(Queue::new(rows))
    }

    /// Checks whether a row that an incident could absorb must be sent at once. `None` if it need not wait for a round.
    async fn is_urgent(
        &mut self,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let alert = &row.alert;
        let age = now.seconds_since(row.created);
        // A row that rounds left behind again and again is sent before one, whatever stops them.
        let may_wait = self.delivery.is_before_round && age < LEFT_BEHIND_SECONDS;
        if may_wait && self.absorption.could_absorb(alert).await? {
            return Ok(Some(false));
        }
        let is_looked_at = row.created < self.delivery.rounds_until
            && !self.delivery.unfinished.contains(alert.account_id());
        if is_looked_at || age >= WAIT_SECONDS {
            return Ok(None);
        }
        Ok(Some(self.is_critical(row).await?.unwrap_or(true)))
    }

    /// Checks whether a row is critical; `None` if its cluster is not known.
    async fn is_critical(&mut self, row: &OutboxRow) -> Result<Option<bool>, StoreError> {
        let id = row.id();
        if let Some(is_critical) = self.critical.get(&id) {
            return Ok(*is_critical);
        }
        let is_critical = self.message_builder.is_critical(&row.alert).await?;
        self.critical.insert(id, is_critical);
        Ok(is_critical)
    }

    /// Checks whether an incident that the sink gets absorbs the alert of a row. A critical alert is absorbed only by an
    /// incident whose latest alert is an error or critical.
    async fn is_absorbed(&self, row: &OutboxRow) -> Result<bool, StoreError> {
        if self.delivery.is_before_round {
            return Ok(false);
        }
        let alert = &row.alert;
        let gets = |incident: &Alert, least: Severity| {
            let message = self.message_builder.summary(incident.clone());
            let outcome = self.delivery.policies.judge(self.name, &message);
            matches!(outcome, PolicyOutcome::Send { .. }) && message.level() >= least
        };
        let gets_any = |incident: &Alert| gets(incident, Severity::Info);
        if !self.absorption.absorbs(alert, gets_any).await? {
            return Ok(false);
        }
        if self.message_builder.is_critical(alert).await? != Some(true) {
            return Ok(true);
        }
        let gets_severe = |incident: &Alert| gets(incident, Severity::Error);
        self.absorption.absorbs(alert, gets_severe).await
    }

    fn now(&self) -> Timestamp {
        self.delivery.clock.now()
    }

    fn is_out_of_time(&self) -> bool {
        self.delivery.clock.millis() + SPARE_MILLIS > self.deadline
    }

    fn lease(&self, seconds: i64) -> Lease {
        let now = self.now();
        Lease {
            holder: self.delivery.holder.to_owned(),
            now,
            until: now.plus(seconds),
        }
    }

    /// Returns the number of rows that may be sent in one request now; `None` if no row may be sent.
    async fn limit(&mut self) -> Result<Option<usize>, StoreError> {
        if self.is_out_of_time() {
            return Ok(None);
        }
        Ok(match phase(&self.breaker, self.now()) {
            Phase::Closed => Some(self.sink.capacity().alerts.max(1)),
            Phase::Waiting if self.has_probe => Some(1),
            Phase::Waiting => None,
            Phase::Probing => {
                let lease = self.lease(PROBE_SECONDS);
                self.has_probe = self.delivery.store.probe(self.name, &lease).await?;
                self.breaker.probe_from = Some(lease.until);
                self.has_probe.then_some(1)
            }
        })
    }

    /// Leases rows, builds their messages and sends those that are not held back. Rows to be sent later go
    /// back to the queue.
    async fn process(&mut self, rows: Vec<OutboxRow>, queue: &mut Queue) -> Result<(), StoreError> {
        let lease = self.lease(LEASE_SECONDS);
        let mut prepared = Vec::with_capacity(rows.len());
        for (row, is_leased) in self.lease_rows(rows, &lease).await? {
            if !is_leased {
                // Another run has the row; later rows of its ordering key wait.
                queue.put_back(OutboxRow {
                    leased_until: Some(lease.until),
                    ..row
                });
            } else if let Some(row) = self.prepare(&row, &lease).await? {
                prepared.push(row);
            }
        }
        for row in self.send(prepared, &lease).await? {
            queue.put_back(row);
        }
        Ok(())
    }

    /// Leases rows, and returns for each row whether that succeeded.
    async fn lease_rows(
        &self,
        rows: Vec<OutboxRow>,
        lease: &Lease,
    ) -> Result<Vec<(OutboxRow, bool)>, StoreError> {
        let store = self.delivery.store;
        let leases = rows.into_iter().map(|row| async move {
            let is_leased = store.lease(&row, lease).await?;
            Ok((row, is_leased))
        });
        let leased: Vec<_> = stream::iter(leases).buffered(CALLS_MAX).collect().await;
        leased.into_iter().collect()
    }

    /// Builds the message of a leased row. `None` if the alert is held back; the row is settled then.
    async fn prepare(
        &mut self,
        row: &OutboxRow,
        lease: &Lease,
    ) -> Result<Option<PreparedRow>, StoreError> {
        let sending_limits = self.sending_limits(row).await?;
        // A drill of another day proves nothing: a sink that works again does not get all that it missed.
        let age = lease.now.seconds_since(row.created);
        let is_outdated = row.alert.kind() == AlertKind::Drill && age > DRILL_SECONDS;
        if is_outdated || sending_limits.holds_back(&row.alert, lease.now) {
            self.suppress(row, lease, &Settlement::Suppressed).await?;
            return Ok(None);
        }
        if self.is_absorbed(row).await? {
            self.suppress(row, lease, &Settlement::Absorbed).await?;
            return Ok(None);
        }
        let silence = sending_limits.silence;
        let suppressed = silence.map_or(0, |silence| silence.suppressed);
        let mut message = self.message_builder.message(row, suppressed).await?;
        let policy = self.delivery.policies.place(self.name, &message);
        message.made_by.policy = policy.map(|place| place + 1);
        let PolicyOutcome::Send { silence: seconds } =
            self.delivery.policies.judge(self.name, &message)
        else {
            self.suppress(row, lease, &Settlement::Suppressed).await?;
            return Ok(None);
        };
        let is_end = row.alert.is_end();
        let until = seconds.filter(|_| !is_end).map(|of| lease.now.plus(of));
        // The message contains the number of alerts held back so far, so that the count begins again at 0.
        let counted = silence.filter(|silence| silence.suppressed > 0);
        let silence = match (until, counted) {
            (Some(_), _) => SilenceChange::Replace { until },
            (None, Some(silence)) => SilenceChange::Replace {
                until: silence.until,
            },
            (None, None) => SilenceChange::Unchanged,
        };
        Ok(Some(PreparedRow {
            row: row.clone(),
            message,
            silence,
        }))
    }

    async fn sending_limits(&self, row: &OutboxRow) -> Result<SendingLimits, StoreError> {
        match row.alert.cluster() {
            Some(cluster) => self.delivery.store.sending_limits(self.name, cluster).await,
            None => Ok(SendingLimits::default()),
        }
    }

    async fn suppress(
        &mut self,
        row: &OutboxRow,
        lease: &Lease,
        outcome: &Settlement,
    ) -> Result<(), StoreError> {
        if self.delivery.store.settle(row, lease, outcome).await? {
            self.drained.suppressed += 1;
        }
        Ok(())
    }

    /// Sends messages in one request. A request that is too long or rejected is divided. Returns the rows
    /// to be sent later.
    async fn send(
        &mut self,
        rows: Vec<PreparedRow>,
        lease: &Lease,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let mut later = Vec::new();
        let mut groups = vec![rows];
        while let Some(group) = groups.pop().filter(|group| !group.is_empty()) {
            let answers = self.request(&group).await;
            let all = |is: fn(&SinkAnswer) -> bool| group.len() > 1 && answers.iter().all(is);
            if all(|answer| matches!(answer, SinkAnswer::TooLong(_))) {
                let mut group = group;
                let half = group.split_off(group.len() / 2);
                groups.extend([half, group]);
            } else if all(|answer| matches!(answer, SinkAnswer::Rejected(_))) {
                later.extend(self.bisect(group, lease).await?);
            } else {
                later.extend(self.conclude(group, answers, lease).await?);
            }
            if phase(&self.breaker, self.now()) == Phase::Waiting {
                let rest = groups.drain(..).flatten();
                let why = self.breaker.why.clone();
                for prepared in rest {
                    later.push(
                        self.put_off(prepared.row, lease, self.now(), &why, false)
                            .await?,
                    );
                }
            }
        }
        Ok(later)
    }

    /// Sends one request. If the sink refuses the secret, the secret is fetched again and the request is
    /// repeated once.
    async fn request(&mut self, group: &[PreparedRow]) -> Vec<SinkAnswer> {
        let messages: Vec<Message> = group.iter().map(|row| row.message.clone()).collect();
        self.request_of(&messages).await
    }

    async fn request_of(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        self.has_probe = false;
        let mut answers = self.request_once(messages).await;
        let is_refused = |answer: &SinkAnswer| matches!(answer, SinkAnswer::Refused(_));
        let now = self.now();
        let is_fresh = self
            .refetched
            .is_some_and(|at| now.seconds_since(at) < SECRET_SECONDS);
        if answers.iter().any(is_refused) && answers.iter().all(is_refused) && !is_fresh {
            self.refetched = Some(now);
            self.sink.forget_secret();
            answers = self.request_once(messages).await;
        }
        answers
    }

    async fn request_once(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        self.drained.requests += 1;
        let answers = self.sink.send(messages).await;
        if answers.len() == messages.len() {
            return answers;
        }
        let why = format!("{} answers to {} alerts", answers.len(), messages.len());
        vec![SinkAnswer::Unreachable(why); messages.len()]
    }

    /// Finds the alert for which a request was rejected, by sending one half of the suspects at a time. If a
    /// half is accepted, the bad alert is in the other half. Returns the rows to be sent later.
    async fn bisect(
        &mut self,
        group: Vec<PreparedRow>,
        lease: &Lease,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let mut later = Vec::new();
        let mut rest = Vec::new();
        let mut suspects = group;
        while suspects.len() > 1 {
            let back = suspects.split_off(suspects.len().div_ceil(2));
            let answers = self.request(&suspects).await;
            if answers
                .iter()
                .all(|answer| matches!(answer, SinkAnswer::Rejected(_)))
            {
                rest.extend(back);
                continue;
            }
            let is_all = answers
                .iter()
                .all(|answer| matches!(answer, SinkAnswer::Accepted(_)));
            later.extend(self.conclude(suspects, answers, lease).await?);
            suspects = back;
            if !is_all {
                rest.append(&mut suspects);
            }
        }
        // No suspect is left if the sink gave another answer in the meantime.
        if !suspects.is_empty() {
            let why = "rejected with others".to_owned();
            later.extend(
                self.conclude(suspects, vec![SinkAnswer::Rejected(why)], lease)
                    .await?,
            );
        }
        // These rows are probably good: they go into the next request.
        for prepared in rest {
            later.push(
                self.put_off(prepared.row, lease, self.now(), "", false)
                    .await?,
            );
        }
        Ok(later)
    }

    /// Settles rows by their answers, and updates the state of the sink. Returns the rows to be sent later.
    async fn conclude(
        &mut self,
        group: Vec<PreparedRow>,
        answers: Vec<SinkAnswer>,
        lease: &Lease,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let is_accepted = |answer: &SinkAnswer| matches!(answer, SinkAnswer::Accepted(_));
        let works = answers.iter().any(is_accepted);
        let wait = self
            .update_breaker(works, answers.iter().find_map(problem))
            .await?;
        let mut later = Vec::new();
        let mut sent = Vec::new();
        for (prepared, answer) in group.into_iter().zip(answers) {
            match answer {
                SinkAnswer::Accepted(answer) => {
                    let silence = prepared.silence;
                    sent.push((prepared.row, Settlement::Sent { answer, silence }));
                }
                SinkAnswer::Rejected(why) if prepared.row.attempts + 1 < REJECTIONS_MAX => {
                    let any = |limit| self.delivery.clock.any(limit);
                    let due = self.now().plus(backoff(prepared.row.attempts, any));
                    later.push(self.put_off(prepared.row, lease, due, &why, true).await?);
                }
                SinkAnswer::Rejected(why) | SinkAnswer::TooLong(why) => {
                    let dead = Settlement::Dead { why };
                    if self
                        .delivery
                        .store
                        .settle(&prepared.row, lease, &dead)
                        .await?
                    {
                        self.drained.dead += 1;
                    }
                }
                SinkAnswer::Refused(why)
                | SinkAnswer::Busy { why, .. }
                | SinkAnswer::Unreachable(why) => {
                    let due = self.now().plus(wait);
                    later.push(self.put_off(prepared.row, lease, due, &why, false).await?);
                }
            }
        }
        let settled = self.settle(sent, lease).await?;
        self.drained.sent += settled;
        Ok(later)
    }

    /// Settles rows, and returns the number of rows that this run still held.
    async fn settle(
        &self,
        outcomes: Vec<(OutboxRow, Settlement)>,
        lease: &Lease,
    ) -> Result<u64, StoreError> {
        let store = self.delivery.store;
        let settles = outcomes
            .into_iter()
            .map(|(row, outcome)| async move { store.settle(&row, lease, &outcome).await });
        let settled: Vec<_> = stream::iter(settles).buffered(CALLS_MAX).collect().await;
        let mut count = 0;
        for is_settled in settled {
            count += u64::from(is_settled?);
        }
        Ok(count)
    }

    /// Updates the state of the sink in the store, if it has changed. Returns how long unsent rows wait, in
    /// seconds. That is 0 if the breaker already delays the whole sink.
    async fn update_breaker(
        &mut self,
        works: bool,
        problem: Option<SinkProblem>,
    ) -> Result<i64, StoreError> {
        let now = self.now();
        let any = |limit| self.delivery.clock.any(limit);
        let (breaker, wait) = match &problem {
            Some(problem) if !works => {
                let wait = problem.wait(self.breaker.failures, any);
                (problem.breaker(&self.breaker, now, wait), 0)
            }
            Some(problem) => (Breaker::default(), problem.wait(0, any)),
            None => (Breaker::default(), 0),
        };
        if breaker != self.breaker {
            self.delivery.store.set_breaker(self.name, &breaker).await?;
            self.breaker = breaker;
        }
        Ok(wait)
    }

    /// Puts a row back into the outbox, to be sent from `due` on. Returns the changed row. `counts`: whether
    /// the attempt counts as a rejection of this row.
    async fn put_off(
        &mut self,
        row: OutboxRow,
        lease: &Lease,
        due: Timestamp,
        why: &str,
        counts: bool,
    ) -> Result<OutboxRow, StoreError> {
        let why = why.to_owned();
        let outcome = Settlement::Later { due, why, counts };
        let store = self.delivery.store;
        if store.settle(&row, lease, &outcome).await? {
            self.drained.later += 1;
        }
        Ok(OutboxRow {
            due,
            leased_until: None,
            attempts: row.attempts + i64::from(counts),
            ..row
        })
    }

    /// Sends a digest in place of single messages: of all rows but critical ones and those about incidents if more can be
    /// sent than the sink's limit, else of rows that are older than [`OLD_SECONDS`]. Returns `false` if no digest was due.
    async fn send_digest(&mut self, queue: &mut Queue) -> Result<bool, StoreError> {
        let now = self.now();
        if phase(&self.breaker, now) != Phase::Closed {
            return Ok(false);
        }
        let most = self.sink.capacity().digest_beyond;
        let is_flood = most.is_some_and(|most| queue.free(now).count() > most);
        let critical = match is_flood {
            true => self.critical_of(queue).await?,
            false => BTreeSet::new(),
        };
        let is_old = |row: &OutboxRow| now.seconds_since(row.created) >= OLD_SECONDS;
        let lease = self.lease(LEASE_SECONDS);
        let mut rows = Vec::new();
        // An incident says what a flood hides, and a drill in a digest would prove nothing.
        let is_drill = |row: &OutboxRow| row.alert.kind() == AlertKind::Drill;
        let is_single = |row: &OutboxRow| {
            row.alert.kind() == AlertKind::Incident || critical.contains(&row.id())
        };
        let wanted = queue.for_digest(now, |row| {
            !is_drill(row) && (is_old(row) || (is_flood && !is_single(row)))
        });
        for (row, is_leased) in self.lease_rows(wanted, &lease).await? {
            if is_leased {
                rows.push(row);
            } else {
                queue.put_back(OutboxRow {
                    leased_until: Some(lease.until),
                    ..row
                });
            }
        }
        if rows.is_empty() {
            return Ok(false);
        }
        let mut rows = self.not_held_back(rows, &lease).await?;
        if rows.is_empty() {
            return Ok(true);
        }
        let message = self.digest_message(&rows).await?;
        let answer = self.request_of(std::slice::from_ref(&message)).await;
        match answer.into_iter().next() {
            Some(SinkAnswer::Accepted(_)) => {
                self.update_breaker(true, None).await?;
                // The id of a digest is made of its first row. This row is settled last, so that a digest
                // that is sent again after a crash has the same id.
                let first = rows.remove(0);
                let digested = |row| (row, Settlement::Digested);
                let rest = rows.into_iter().map(digested).collect();
                self.drained.digested += self.settle(rest, &lease).await?;
                self.drained.digested += self.settle(vec![digested(first)], &lease).await?;
            }
            answer => {
                let problem = answer.as_ref().and_then(problem);
                let is_bad = problem.is_none();
                self.update_breaker(is_bad, problem).await?;
                let why = self.breaker.why.clone();
                // If the sink rejects the digest itself, its rows are sent one by one later.
                let due = self.now().plus(if is_bad { PROBE_SECONDS } else { 0 });
                for row in rows {
                    let row = self.put_off(row, &lease, due, &why, is_bad).await?;
                    queue.put_back(row);
                }
            }
        }
        Ok(true)
    }

    /// Returns the rows of a queue that can be sent and are critical, by their ids.
    async fn critical_of(&self, queue: &Queue) -> Result<BTreeSet<AlertId>, StoreError> {
        let message_builder = self.message_builder;
        let rows = queue
            .free(self.now())
            .filter(|row| row.alert.cluster().is_some());
        let reads = rows.map(|row| async move {
            let is_critical = message_builder.is_critical(&row.alert).await?;
            Ok((is_critical == Some(true)).then(|| row.id()))
        });
        let reads: Vec<_> = reads.collect();
        let read: Vec<Result<_, StoreError>> =
            stream::iter(reads).buffered(CALLS_MAX).collect().await;
        read.into_iter().filter_map(Result::transpose).collect()
    }

    /// Returns the rows that no triage holds back and no incident absorbs, and suppresses the others. Silences do not
    /// apply to a digest.
    async fn not_held_back(
        &mut self,
        rows: Vec<OutboxRow>,
        lease: &Lease,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let sink_run = &*self;
        let reads = rows.into_iter().map(|row| async move {
            let sending_limits = sink_run.sending_limits(&row).await?;
            let silence = None;
            let of_triage = SendingLimits {
                silence,
                ..sending_limits
            };
            let outcome = match of_triage.holds_back(&row.alert, lease.now) {
                true => Some(Settlement::Suppressed),
                false if sink_run.is_absorbed(&row).await? => Some(Settlement::Absorbed),
                false => None,
            };
            Ok((row, outcome))
        });
        let read: Vec<Result<_, StoreError>> =
            stream::iter(reads).buffered(CALLS_MAX).collect().await;
        let mut remaining = Vec::new();
        for read in read {
            match read? {
                (row, Some(outcome)) => self.suppress(&row, lease, &outcome).await?,
                (row, None) => remaining.push(row),
            }
        }
        Ok(remaining)
    }

    /// Builds the message of a digest, with the classes of its clusters from the store.
    async fn digest_message(&self, rows: &[OutboxRow]) -> Result<Message, StoreError> {
        let clusters = rows.iter().filter_map(|row| row.alert.cluster());
        let clusters: BTreeSet<ClusterId> = clusters.collect();
        let store = self.delivery.store;
        let lookups = clusters.into_iter().take(CLASSES_MAX).map(|id| async move {
            // An empty range of hours: only the class is needed, no events.
            let no_hours = Timestamp::LAST.window()..=Timestamp::FIRST.window();
            let details = store.cluster_details(id, no_hours).await?;
            let class = details.map(|details| details.cluster.facts.identity.class.name());
            Ok((id, class))
        });
        let classes: Vec<Result<_, StoreError>> =
            stream::iter(lookups).buffered(CALLS_MAX).collect().await;
        let classes: BTreeMap<_, _> = classes.into_iter().collect::<Result<_, _>>()?;
        let class = |cluster| classes.get(&cluster).copied().flatten();
        Ok(self.message_builder.summary(digest::alert(rows, class)))
    }
}
