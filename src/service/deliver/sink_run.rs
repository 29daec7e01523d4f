//! One run over one sink: what stands in its way, what is taken, what is sent, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use alerts::message::Message;
use alerts::outbox::{
    Breaker, Lease, OutboxRow, SendingLimits, Settlement, SilenceChange, SinkAnswer,
};
use clusters::fingerprint::ClusterId;
use futures_util::stream::{self, StreamExt as _};
use records::time::Timestamp;

use crate::deliver::digest::{self, OLD_SECONDS};
use crate::deliver::message_builder::MessageBuilder;
use crate::deliver::queue::Queue;
use crate::deliver::sink_health::{
    PROBE_SECONDS, Phase, REJECTIONS_MAX, SinkProblem, backoff, phase, problem,
};
use crate::deliver::{Delivery, Drained};
use crate::policy::PolicyOutcome;
use crate::ports::{
    Campaigns, Clock, ClusterReader, KeyDirectory, KeyUsageStore, Outbox, Sink, StoreError,
};

/// How long a row is taken for, in seconds: longer than its alert and its requests take.
const LEASE_SECONDS: i64 = 120;

/// How much of a run's time must be left for rows to be taken, in milliseconds.
const SPARE_MILLIS: i64 = 20_000;

/// How many rows of each partition are looked at at a time.
const WAITING_MAX: usize = 1000;

/// How many clusters of a digest are looked up.
const CLASSES_MAX: usize = 1000;

/// How many calls to the store are under way at a time.
const CALLS_MAX: usize = 16;

/// How long a secret is not fetched again, in seconds.
const SECRET_SECONDS: i64 = 60;

/// A row that was taken, with its alert.
struct Held {
    row: OutboxRow,
    message: Message,
    silence: SilenceChange,
}

/// One run over one sink.
pub struct SinkRun<'a, O, K, C, S> {
    delivery: &'a Delivery<'a, O, K, C>,
    message_builder: &'a MessageBuilder<'a, O, K, C>,
    name: &'a str,
    sink: &'a mut S,
    deadline: i64,
    /// What stands in the way of the sink, as far as this run knows.
    pub breaker: Breaker,
    /// When the secret was last fetched again, in seconds.
    forgot: Option<Timestamp>,
    /// Whether the one request was granted that may be tried.
    has_probe: bool,
    /// What became of the rows so far.
    pub drained: Drained,
}

impl<'a, O, K, C, S> SinkRun<'a, O, K, C, S>
where
    O: Campaigns + Outbox + ClusterReader + KeyUsageStore,
    K: KeyDirectory,
    C: Clock,
    S: Sink,
{
    /// Returns a run that is about to begin.
    pub fn new(
        delivery: &'a Delivery<'a, O, K, C>,
        message_builder: &'a MessageBuilder<'a, O, K, C>,
        name: &'a str,
        sink: &'a mut S,
        deadline: i64,
    ) -> Self {
        Self {
            delivery,
            message_builder,
            name,
            sink,
            deadline,
            breaker: Breaker::default(),
            forgot: None,
            has_probe: false,
            drained: Drained::default(),
        }
    }

    /// Sends what may be sent, until nothing is left or the time is over. Where nothing waits, which is
    /// most of the time, it asks the store for nothing else.
    pub async fn run(&mut self) -> Result<(), StoreError> {
        let mut queue = self.queue().await?;
        if queue.len() > 0 {
            self.breaker = self.delivery.store.breaker(self.name).await?;
        }
        while queue.len() > 0
            && !self.is_late()
            && phase(&self.breaker, self.now()) != Phase::Waiting
        {
            let mut has_moved = self.digest(&mut queue).await?;
            while let Some(limit) = self.limit().await? {
                let rows = queue.next(self.now(), limit);
                if rows.is_empty() {
                    break;
                }
                has_moved = true;
                self.pass(rows, &mut queue).await?;
            }
            if !has_moved {
                break;
            }
            queue = self.queue().await?;
        }
        self.drained.waiting = Some(queue.waiting());
        Ok(())
    }

    /// Returns the rows that wait.
    async fn queue(&self) -> Result<Queue, StoreError> {
        // One more than would be sent one by one, to see whether there are too many.
        let beyond = self.sink.capacity().digest_beyond.unwrap_or_default();
        let limit = WAITING_MAX.max(beyond.saturating_add(1));
        let rows = self.delivery.store.waiting(self.name, limit).await?;
        Ok(Queue::new(rows))
    }

    fn now(&self) -> Timestamp {
        self.delivery.clock.now()
    }

    fn is_late(&self) -> bool {
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

    /// Returns how many rows may be taken now; `None` for none.
    async fn limit(&mut self) -> Result<Option<usize>, StoreError> {
        if self.is_late() {
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

    /// Takes rows, makes their alerts and sends those that are to be sent. Rows that are not ended
    /// are put back.
    async fn pass(&mut self, rows: Vec<OutboxRow>, queue: &mut Queue) -> Result<(), StoreError> {
        let lease = self.lease(LEASE_SECONDS);
        let mut held = Vec::with_capacity(rows.len());
        for (row, is_taken) in self.take(rows, &lease).await? {
            if !is_taken {
                // Its line waits for whoever has it.
                queue.put_back(OutboxRow {
                    leased_until: Some(lease.until),
                    ..row
                });
            } else if let Some(message) = self.make(&row, &lease).await? {
                held.push(message);
            }
        }
        for row in self.send(held, &lease).await? {
            queue.put_back(row);
        }
        Ok(())
    }

    async fn take(
        &self,
        rows: Vec<OutboxRow>,
        lease: &Lease,
    ) -> Result<Vec<(OutboxRow, bool)>, StoreError> {
        let store = self.delivery.store;
        let takes = rows.into_iter().map(|row| async move {
            let is_taken = store.lease(&row, lease).await?;
            Ok((row, is_taken))
        });
        let taken: Vec<_> = stream::iter(takes).buffered(CALLS_MAX).collect().await;
        taken.into_iter().collect()
    }

    /// Makes the alert of a row that was taken; `None` if it is held back.
    async fn make(&mut self, row: &OutboxRow, lease: &Lease) -> Result<Option<Held>, StoreError> {
        let sending_limits = self.sending_limits(row).await?;
        if sending_limits.holds_back(&row.alert, lease.now) {
            self.suppress(row, lease).await?;
            return Ok(None);
        }
        if self
            .message_builder
            .is_covered_by_campaign(&row.alert)
            .await?
        {
            self.suppress(row, lease).await?;
            return Ok(None);
        }
        let silence = sending_limits.silence;
        let suppressed = silence.map_or(0, |silence| silence.suppressed);
        let message = self.message_builder.message(row, suppressed).await?;
        let PolicyOutcome::Tell { silence: seconds } =
            self.delivery.policies.judge(self.name, &message)
        else {
            self.suppress(row, lease).await?;
            return Ok(None);
        };
        let is_end = row.alert.is_end();
        let until = seconds.filter(|_| !is_end).map(|of| lease.now.plus(of));
        // What was held back is in this message.
        let told = silence.filter(|silence| silence.suppressed > 0);
        let silence = match (until, told) {
            (Some(_), _) => SilenceChange::Anew { until },
            (None, Some(silence)) => SilenceChange::Anew {
                until: silence.until,
            },
            (None, None) => SilenceChange::Unchanged,
        };
        Ok(Some(Held {
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

    async fn suppress(&mut self, row: &OutboxRow, lease: &Lease) -> Result<(), StoreError> {
        let end = Settlement::Suppressed;
        if self.delivery.store.settle(row, lease, &end).await? {
            self.drained.suppressed += 1;
        }
        Ok(())
    }

    /// Sends alerts, in as many requests as it takes, and returns the rows that are to be sent later.
    async fn send(&mut self, held: Vec<Held>, lease: &Lease) -> Result<Vec<OutboxRow>, StoreError> {
        let mut later = Vec::new();
        let mut groups = vec![held];
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
                for held in rest {
                    later.push(
                        self.put_off(held.row, lease, self.now(), &why, false)
                            .await?,
                    );
                }
            }
        }
        Ok(later)
    }

    /// Sends one request. One that is refused is sent once more with a secret that was fetched anew.
    async fn request(&mut self, group: &[Held]) -> Vec<SinkAnswer> {
        let alerts: Vec<Message> = group.iter().map(|held| held.message.clone()).collect();
        self.request_of(&alerts).await
    }

    async fn request_of(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        self.has_probe = false;
        let mut answers = self.request_once(alerts).await;
        let is_refused = |answer: &SinkAnswer| matches!(answer, SinkAnswer::Refused(_));
        let now = self.now();
        let is_fresh = self
            .forgot
            .is_some_and(|at| now.seconds_since(at) < SECRET_SECONDS);
        if answers.iter().any(is_refused) && answers.iter().all(is_refused) && !is_fresh {
            self.forgot = Some(now);
            self.sink.forget_secret();
            answers = self.request_once(alerts).await;
        }
        answers
    }

    async fn request_once(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        self.drained.requests += 1;
        let answers = self.sink.send(alerts).await;
        if answers.len() == alerts.len() {
            return answers;
        }
        let why = format!("{} answers to {} alerts", answers.len(), alerts.len());
        vec![SinkAnswer::Unreachable(why); alerts.len()]
    }

    /// Finds the alert for which a request was rejected: of what is left, one half is sent. If it is
    /// accepted, the bad one is in the other half. Returns the rows that are to be sent later.
    async fn bisect(
        &mut self,
        group: Vec<Held>,
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
                .all(|it| matches!(it, SinkAnswer::Rejected(_)))
            {
                rest.extend(back);
                continue;
            }
            let is_all = answers
                .iter()
                .all(|it| matches!(it, SinkAnswer::Accepted(_)));
            later.extend(self.conclude(suspects, answers, lease).await?);
            suspects = back;
            if !is_all {
                rest.append(&mut suspects);
            }
        }
        // None is left where the sink has something else to say by now.
        if !suspects.is_empty() {
            let why = "rejected with others".to_owned();
            later.extend(
                self.conclude(suspects, vec![SinkAnswer::Rejected(why)], lease)
                    .await?,
            );
        }
        // They were only in bad company: they go with what is sent next.
        for held in rest {
            later.push(self.put_off(held.row, lease, self.now(), "", false).await?);
        }
        Ok(later)
    }

    /// Settles rows by their answers, and notes what they say of the sink. Returns the rows that are
    /// to be sent later.
    async fn conclude(
        &mut self,
        group: Vec<Held>,
        answers: Vec<SinkAnswer>,
        lease: &Lease,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let is_accepted = |answer: &SinkAnswer| matches!(answer, SinkAnswer::Accepted(_));
        let works = answers.iter().any(is_accepted);
        let wait = self.note(works, answers.iter().find_map(problem)).await?;
        let mut later = Vec::new();
        let mut sent = Vec::new();
        for (held, answer) in group.into_iter().zip(answers) {
            match answer {
                SinkAnswer::Accepted(answer) => {
                    let silence = held.silence;
                    sent.push((held.row, Settlement::Sent { answer, silence }));
                }
                SinkAnswer::Rejected(why) if held.row.attempts + 1 < REJECTIONS_MAX => {
                    let any = |limit| self.delivery.clock.any(limit);
                    let due = self.now().plus(backoff(held.row.attempts, any));
                    later.push(self.put_off(held.row, lease, due, &why, true).await?);
                }
                SinkAnswer::Rejected(why) | SinkAnswer::TooLong(why) => {
                    let dead = Settlement::Dead { why };
                    if self.delivery.store.settle(&held.row, lease, &dead).await? {
                        self.drained.dead += 1;
                    }
                }
                SinkAnswer::Refused(why)
                | SinkAnswer::Busy { why, .. }
                | SinkAnswer::Unreachable(why) => {
                    let due = self.now().plus(wait);
                    later.push(self.put_off(held.row, lease, due, &why, false).await?);
                }
            }
        }
        let settled = self.settle(sent, lease).await?;
        self.drained.sent += settled;
        Ok(later)
    }

    async fn settle(
        &self,
        ends: Vec<(OutboxRow, Settlement)>,
        lease: &Lease,
    ) -> Result<u64, StoreError> {
        let store = self.delivery.store;
        let settles = ends
            .into_iter()
            .map(|(row, end)| async move { store.settle(&row, lease, &end).await });
        let settled: Vec<_> = stream::iter(settles).buffered(CALLS_MAX).collect().await;
        let mut count = 0;
        for is_settled in settled {
            count += u64::from(is_settled?);
        }
        Ok(count)
    }

    /// Notes what stands in the way of the sink, if that has changed. Returns for how many seconds
    /// rows wait that were not sent: not at all where the sink as a whole is left alone.
    async fn note(&mut self, works: bool, problem: Option<SinkProblem>) -> Result<i64, StoreError> {
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

    /// Gives a row back to be sent later, and returns it as it is then.
    async fn put_off(
        &mut self,
        row: OutboxRow,
        lease: &Lease,
        due: Timestamp,
        why: &str,
        counts: bool,
    ) -> Result<OutboxRow, StoreError> {
        let why = why.to_owned();
        let end = Settlement::Later { due, why, counts };
        let store = self.delivery.store;
        if store.settle(&row, lease, &end).await? {
            self.drained.later += 1;
        }
        Ok(OutboxRow {
            due,
            leased_until: None,
            attempts: row.attempts + i64::from(counts),
            ..row
        })
    }

    /// Sends one message instead of many: of all where there are too many, or of those that waited
    /// for two weeks. Tells whether there was anything to do.
    async fn digest(&mut self, queue: &mut Queue) -> Result<bool, StoreError> {
        let now = self.now();
        if phase(&self.breaker, now) != Phase::Closed {
            return Ok(false);
        }
        let most = self.sink.capacity().digest_beyond;
        let is_flood = most.is_some_and(|most| queue.len() > most);
        let is_old = |row: &OutboxRow| now.seconds_since(row.created) >= OLD_SECONDS;
        let lease = self.lease(LEASE_SECONDS);
        let mut rows = Vec::new();
        let wanted = queue.together(now, |row| is_flood || is_old(row));
        for (row, is_taken) in self.take(wanted, &lease).await? {
            if is_taken {
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
        let mut rows = self.unmarked(rows, &lease).await?;
        if rows.is_empty() {
            return Ok(true);
        }
        let message = self.digested(&rows).await?;
        let answer = self.request_of(std::slice::from_ref(&message)).await;
        match answer.into_iter().next() {
            Some(SinkAnswer::Accepted(_)) => {
                self.note(true, None).await?;
                // The first is settled last: until then, a digest that is sent again has the same id.
                let first = rows.remove(0);
                let digested = |row| (row, Settlement::Digested);
                let rest = rows.into_iter().map(digested).collect();
                self.drained.digested += self.settle(rest, &lease).await?;
                self.drained.digested += self.settle(vec![digested(first)], &lease).await?;
            }
            answer => {
                let problem = answer.as_ref().and_then(problem);
                let is_bad = problem.is_none();
                self.note(is_bad, problem).await?;
                let why = self.breaker.why.clone();
                // A digest that is not taken as it is: each row on its own then.
                let due = self.now().plus(if is_bad { PROBE_SECONDS } else { 0 });
                for row in rows {
                    let row = self.put_off(row, &lease, due, &why, is_bad).await?;
                    queue.put_back(row);
                }
            }
        }
        Ok(true)
    }

    /// Returns the rows that a digest tells of: what people decided holds for it as well, though
    /// silence does not.
    async fn unmarked(
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
            let is_held = of_triage.holds_back(&row.alert, lease.now);
            Ok((row, is_held))
        });
        let read: Vec<Result<_, StoreError>> =
            stream::iter(reads).buffered(CALLS_MAX).collect().await;
        let mut told = Vec::new();
        for read in read {
            let (row, is_held) = read?;
            if is_held {
                self.suppress(&row, lease).await?;
            } else {
                told.push(row);
            }
        }
        Ok(told)
    }

    async fn digested(&self, rows: &[OutboxRow]) -> Result<Message, StoreError> {
        let clusters = rows.iter().filter_map(|row| row.alert.cluster());
        let clusters: BTreeSet<ClusterId> = clusters.collect();
        let store = self.delivery.store;
        let looks = clusters.into_iter().take(CLASSES_MAX).map(|id| async move {
            // Of no hour: what the cluster is, is enough.
            let none = Timestamp::LAST.window()..=Timestamp::FIRST.window();
            let known = store.cluster_details(id, none).await?;
            let class = known.map(|known| known.cluster.facts.identity.class.name());
            Ok((id, class))
        });
        let classes: Vec<Result<_, StoreError>> =
            stream::iter(looks).buffered(CALLS_MAX).collect().await;
        let classes: BTreeMap<_, _> = classes.into_iter().collect::<Result<_, _>>()?;
        let class = |cluster| classes.get(&cluster).copied().flatten();
        Ok(self.message_builder.summary(digest::alert(rows, class)))
    }
}
