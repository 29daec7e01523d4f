//! One run of the inspection: inspects the hours that ended since the last run, one after another, and
//! previews the hours that have not ended.
//!
//! Each transition is written to the store with its alert as soon as its hour is inspected. If the run stops early, the
//! next run inspects the unsaved hours again. Transitions and alerts that were written before stay as they
//! are, and none is written twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerts::alert::Alert;
use clusters::class::Class;
use clusters::fingerprint::ClusterId;
use clusters::incident::life::SentAlert;
use clusters::inspection_state::{AccountActivity, HOURS_MAX, InspectionState, Remembered};
use clusters::keys::{IamAnswer, KeySettings};
use clusters::lifecycle::Resolutions;
use clusters::occurrence::{Occurrence, occurrences};
use clusters::report::InspectionReport;
use clusters::summary::{Period, Summary};
use clusters::transition::Transition;
use futures_util::stream::{self, StreamExt as _};
use records::time::{Timestamp, Window};
use view::listing::Listing;

use crate::config::inspect::Summaries;
use crate::inspect::summing::{SeenKeys, hours_of_keys, periods, summaries};
use crate::inspect::sweeping::FailingKeys;
use crate::inspect::transition_alerts::alert;
use crate::inspect::triage_check::{TriageCheck, end_triages};
use crate::key_lookup::KeyLookup;
use crate::ports::{
    Bucket, BucketError, Clock, HourReader, IncidentStore, KeyDirectory, KeyUsageStore, LateHour,
    StoreError, TransitionWriter, TriageStore,
};

/// The key of the bucket object with the inspection state.
pub const INSPECTION_STATE_KEY: &str = "inspection/chronicle";

/// The key of the bucket object with the list of all clusters, which the dashboard shows.
pub const LISTING_KEY: &str = "inspection/listing";

/// The largest saved list of clusters that is read, in bytes.
pub const LISTING_BYTES_MAX: usize = 16 << 20;

/// The time from the end of an hour to its inspection, in seconds. CloudTrail delivers within five minutes
/// on average (AWS CloudTrail User Guide, "How CloudTrail works").
pub const GRACE_SECONDS: i64 = 15 * 60;

/// The largest saved inspection state that is read, in bytes.
const INSPECTION_STATE_BYTES_MAX: usize = 64 << 20;

/// The state is saved every this many inspected hours, so that a long catch-up can resume.
const SAVE_HOURS: i64 = 24;

/// The number of inspected hours that each run reads again: until two hours after its end, an event of an hour is not noted
/// as late.
const REREAD_HOURS: i64 = 2;

/// When the state is rebuilt, only changes of this many last hours are announced.
const NEWS_HOURS: i64 = 24;

/// The longest time that all key lookups of a run wait for their turns, in milliseconds.
const PATIENCE_MILLIS: i64 = 120_000;

/// The largest number of clusters whose transitions are written at the same time.
const CALLS_MAX: usize = 16;

/// The limits and settings of an inspection run.
#[derive(Debug, Clone)]
pub struct RunLimits {
    /// The number of days for which the store keeps events. Without a saved inspection state, the run begins with the
    /// oldest of these days.
    pub retention_days: i64,
    /// The deadline in milliseconds since 1970: after it, no further hour is inspected.
    pub deadline: i64,
    /// Which summaries of an account's hours, days and weeks are sent as alerts.
    pub summaries: Summaries,
    /// The settings of access key checks, such as the canary keys.
    pub keys: KeySettings,
    /// A known problem with the delivery of events to the stack: a stable name and a sentence. `None` if none is known.
    pub diagnosis: Option<(String, String)>,
}

/// The result of an inspection run.
#[derive(Debug, Default)]
pub struct Inspected {
    /// The numbers of the run, for the log and the metrics.
    pub counts: InspectionReport,
    /// Descriptions of damaged data in the store. The run left this data out.
    pub damaged: Vec<String>,
    /// Why the inspection state was rebuilt; `None` if the saved state was used.
    pub rebuilt_because: Option<String>,
    /// Store errors that concern a single transition, triage, alert or key lookup. The next run tries each of them
    /// again.
    pub failed: Vec<StoreError>,
    /// Why IAM gave no answer about access keys, by the account that was asked.
    pub key_problems: BTreeMap<String, String>,
    /// The time of the last failure in an account that had failures almost every hour and has none now.
    ///
    /// Of several such accounts, the earliest of these times; `None` if there is no such account.
    pub blind_since: Option<Timestamp>,
}

/// Why an inspection run failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The bucket does not answer, or refuses access.
    #[error("the saved state of the inspection cannot be read or written: {0}")]
    Bucket(#[from] BucketError),
}

/// A run in progress.
struct Run<'a, S, B, K, C> {
    store: &'a S,
    bucket: &'a B,
    clock: &'a C,
    plan: &'a RunLimits,
    key_lookup: KeyLookup<'a, S, K, C>,
    /// The access keys of failed calls, in the hours for which alerts are sent.
    failing: FailingKeys,
    /// Whether the stack sends alerts: not without sinks, and not in its learning period.
    sends_alerts: bool,
    /// Whether summaries are sent. Not on the day after a change of the identity version, if only those with something new
    /// are: then each error would be new.
    sends_summaries: bool,
    /// The alerts that were decided about incidents, once a summary has needed them.
    incidents: Option<BTreeSet<SentAlert>>,
    inspection_state: InspectionState,
    /// The decisions of people that a cluster is resolved or reopened, by cluster.
    resolutions: Resolutions,
    /// The next hour to inspect according to the saved state.
    saved_next: Window,
    inspected: Inspected,
}

/// Inspects all hours that are over and not inspected yet, oldest first, until the deadline of `plan`.
///
/// # Errors
/// [`InspectionError`] when the store or the bucket failed. The next run continues with the last saved state.
pub async fn run<S, B, K, C>(
    store: &mut S,
    bucket: &B,
    directory: &K,
    clock: &C,
    plan: &RunLimits,
) -> Result<Inspected, InspectionError>
where
    S: HourReader + IncidentStore + KeyUsageStore + TriageStore + TransitionWriter,
    B: Bucket,
    K: KeyDirectory,
    C: Clock,
{
    let sends_alerts = store.sends_alerts().await?;
    let store = &*store;
    let announces_new = store.announces_new();
    let now = clock.now();
    let (inspection_state, rebuilt_because) = open(bucket, now, plan).await?;
    let resolutions = store.resolutions().await?;
    let inspection_state = inspection_state.with_resolutions(resolutions.clone());
    let patience = plan.deadline.saturating_sub(clock.millis());
    let patience = patience.clamp(0, PATIENCE_MILLIS);
    let mut run = Run {
        store,
        bucket,
        clock,
        plan,
        key_lookup: KeyLookup::new(store, directory, clock, &plan.keys, patience),
        failing: FailingKeys::default(),
        sends_alerts,
        sends_summaries: match plan.summaries {
            Summaries::Never => false,
            Summaries::New => announces_new,
            Summaries::Always => true,
        },
        incidents: None,
        saved_next: inspection_state.next(),
        inspection_state,
        resolutions,
        inspected: Inspected {
            rebuilt_because,
            ..Inspected::default()
        },
    };
    run.reread().await?;
    let late = run.amend().await?;
    run.inspect_until(over(now)).await?;
    run.preview(now).await?;
    run.sweep().await;
    run.close(&late).await?;
    let mut inspected = run.inspected;
    inspected.counts.keys_asked = run.key_lookup.calls();
    inspected.key_problems = run.key_lookup.problems();
    let histories = run.inspection_state.histories().values();
    let accounts = run.inspection_state.accounts().values();
    let behind = over(now).hours() - run.inspection_state.next().hours();
    let blind = accounts.clone().filter(|of| of.is_blind());
    inspected.blind_since = blind.map(AccountActivity::last).min();
    inspected.counts = InspectionReport {
        behind_hours: behind.max(0) as u64,
        clusters: histories.len() as u64,
        open_clusters: histories
            .clone()
            .filter(|history| history.is_open())
            .count() as u64,
        blind_accounts: accounts.filter(|of| of.is_blind()).count() as u64,
        damaged: inspected.damaged.len() as u64,
        failed: inspected.failed.len() as u64,
        ..inspected.counts
    };
    Ok(inspected)
}

/// Returns the first hour that cannot be inspected yet: it has not ended, or ended less than
/// [`GRACE_SECONDS`] ago.
pub fn over(now: Timestamp) -> Window {
    let settled = Timestamp::from_seconds(now.seconds() - GRACE_SECONDS);
    settled.unwrap_or(now).window()
}

/// Returns an empty inspection state that begins with the oldest hour in the store.
fn empty_state(now: Timestamp, plan: &RunLimits) -> InspectionState {
    let first = now.window().plus(-plan.retention_days * 24);
    InspectionState::new(first).alerting_from(now.window().plus(-NEWS_HOURS))
}

/// Loads the saved inspection state. If there is none that can be used, returns an empty state with the
/// reason.
async fn open(
    bucket: &impl Bucket,
    now: Timestamp,
    plan: &RunLimits,
) -> Result<(InspectionState, Option<String>), InspectionError> {
    let new = empty_state(now, plan);
    let first = new.next();
    let Some(saved) = bucket
        .fetch(INSPECTION_STATE_KEY, INSPECTION_STATE_BYTES_MAX)
        .await?
    else {
        return Ok((new, Some("there is no saved state yet".to_owned())));
    };
    let rebuilt = |why: &str| {
        let Remembered { accounts, next } = Remembered::of(&saved);
        // Hours that the saved state contains were alerted.
        let alerted = next.unwrap_or(first).min(now.window());
        let new = match new.is_alerted(alerted) {
            true => new.alerting_from(alerted),
            false => new,
        };
        (new.with_known_accounts(accounts), Some(why.to_owned()))
    };
    match InspectionState::decode(&saved) {
        // If no run took place for longer than the store keeps events, the hours in between are gone.
        Ok(inspection_state) if inspection_state.next() >= first => Ok((inspection_state, None)),
        Ok(_) => Ok(rebuilt("the saved state is older than the stored events")),
        Err(error) => Ok(rebuilt(&error.to_string())),
    }
}

impl InspectionError {
    /// Returns the stable name for logs, such as `StoreUnavailable`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(_) => "StoreUnavailable",
            Self::Bucket(_) => "BucketUnavailable",
        }
    }
}

impl<S, B, K, C> Run<'_, S, B, K, C>
where
    S: HourReader + IncidentStore + KeyUsageStore + TriageStore + TransitionWriter,
    B: Bucket,
    K: KeyDirectory,
    C: Clock,
{
    /// Reads the occurrences of an hour, oldest first. Damaged data is left out and listed.
    async fn occurrences(&mut self, window: Window) -> Result<Vec<Occurrence>, StoreError> {
        let histories = self.inspection_state.histories();
        let subject = |cluster| {
            histories
                .get(&cluster)
                .map(|history| Arc::clone(&history.subject))
        };
        let hour = self.store.hour(window, &subject).await?;
        self.inspected.damaged.extend(hour.damaged);
        let occurrences = occurrences(&hour.events, &hour.subjects);
        let left = hour.events.len() - occurrences.len();
        if left > 0 {
            let start = window.start();
            let what =
                format!("{left} events of the hour from {start}: their cluster items are missing");
            self.inspected.damaged.push(what);
        }
        Ok(occurrences)
    }

    /// Reads the last inspected hours again, for events that came since.
    async fn reread(&mut self) -> Result<(), StoreError> {
        if self.inspected.rebuilt_because.is_some() {
            return Ok(());
        }
        let next = self.inspection_state.next();
        for hours in 1..=REREAD_HOURS {
            let window = next.plus(hours - REREAD_HOURS - 1);
            let occurrences = self.occurrences(window).await?;
            self.amend_by(window, &occurrences).await;
        }
        Ok(())
    }

    /// Inspects the hours again for which events came late, and returns these hours.
    async fn amend(&mut self) -> Result<Vec<LateHour>, StoreError> {
        let mut late = self.store.late().await?;
        let next = self.inspection_state.next();
        late.retain(|late| late.window < next);
        if late.iter().any(|late| late.window < next.plus(-HOURS_MAX)) {
            // The state has no counts of hours this long ago, so the new events cannot be separated from the
            // counted ones.
            let resolutions = self.resolutions.clone();
            let known = self.inspection_state.known_accounts().clone();
            self.inspection_state = empty_state(self.clock.now(), self.plan)
                .with_resolutions(resolutions)
                .with_known_accounts(known);
            let why = "events came late for an hour long ago";
            self.inspected.rebuilt_because = Some(why.to_owned());
            return Ok(late);
        }
        for late in &late {
            let occurrences = self.occurrences(late.window).await?;
            self.amend_by(late.window, &occurrences).await;
            self.inspected.counts.late_hours += 1;
        }
        Ok(late)
    }

    async fn amend_by(&mut self, window: Window, occurrences: &[Occurrence]) {
        let transitions = self.inspection_state.amend(occurrences);
        self.settle(&transitions, self.sends_alerts_for(window))
            .await;
    }

    /// Whether alerts are sent for an hour.
    fn sends_alerts_for(&self, window: Window) -> bool {
        self.sends_alerts && self.inspection_state.is_alerted(window)
    }

    /// Inspects the hours before `until`, one after another, until the deadline.
    async fn inspect_until(&mut self, until: Window) -> Result<(), InspectionError> {
        while self.inspection_state.next() < until && self.clock.millis() < self.plan.deadline {
            let window = self.inspection_state.next();
            let occurrences = self.occurrences(window).await?;
            let before = self.inspection_state.events();
            let transitions = self.inspection_state.turn(window, &occurrences);
            let failures = occurrences.iter();
            let failures = failures.filter(|of| of.subject.class != Class::Watch);
            let events = failures.count() as u64;
            self.inspected.counts.hours += 1;
            self.inspected.counts.events += events;
            self.inspected.counts.violated +=
                u64::from(before + events != self.inspection_state.events());
            let sends_alerts = self.sends_alerts_for(window);
            if sends_alerts {
                self.failing.add(&occurrences);
            }
            self.settle(&transitions, sends_alerts).await;
            self.end_triages(window, &transitions, &occurrences, sends_alerts)
                .await;
            if sends_alerts && self.sends_summaries {
                self.sum_up(window, &occurrences).await?;
            }
            let is_save_due = window.hours() - self.saved_next.hours() >= SAVE_HOURS;
            if is_save_due && self.inspected.failed.is_empty() {
                self.save().await?;
            }
        }
        Ok(())
    }

    /// Previews the hours that are not over yet. Only changes are announced that later events of these hours
    /// cannot undo. The state stays unchanged.
    async fn preview(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut first = None;
        let mut window = self.inspection_state.next();
        // A run that is far behind previews no hours.
        while window <= now.window() && window.plus(2) >= now.window() {
            let occurrences = self.occurrences(window).await?;
            self.failing.add(&occurrences);
            first.get_or_insert(occurrences);
            window = window.plus(1);
        }
        // Later hours depend on the first, which may still get events.
        let transitions = self.inspection_state.preview(&first.unwrap_or_default());
        self.settle(&transitions, self.sends_alerts).await;
        Ok(())
    }

    /// Writes transitions to the store, each with its alert in one step. An error of one transition does not
    /// stop the others.
    async fn settle(&mut self, transitions: &[Transition], sends_alerts: bool) {
        // The transitions of one cluster depend on each other, so they are written in order.
        let mut by_cluster: BTreeMap<Option<ClusterId>, Vec<&Transition>> = BTreeMap::new();
        for transition in transitions {
            by_cluster
                .entry(transition.cluster)
                .or_default()
                .push(transition);
        }
        let run = &*self;
        let settles = by_cluster.into_values().map(|transitions| async move {
            let mut settled = Vec::new();
            for transition in transitions {
                settled.push(run.settle_one(transition, sends_alerts).await);
            }
            settled
        });
        let settled: Vec<_> = stream::iter(settles).buffered(CALLS_MAX).collect().await;
        for settled in settled.into_iter().flatten() {
            match settled {
                Ok(is_settled) => self.inspected.counts.settled += u64::from(is_settled),
                Err(error) => self.inspected.failed.push(error),
            }
        }
    }

    async fn settle_one(
        &self,
        transition: &Transition,
        sends_alerts: bool,
    ) -> Result<bool, StoreError> {
        let (store, now) = (self.store, self.clock.now());
        let alert = alert(transition, self.plan.diagnosis.as_ref(), now);
        let alert = alert.filter(|_| sends_alerts);
        store.settle(transition, alert.as_ref()).await
    }

    /// Ends the triages whose end condition the hour has met.
    async fn end_triages(
        &mut self,
        window: Window,
        transitions: &[Transition],
        occurrences: &[Occurrence],
        sends_alerts: bool,
    ) {
        let check = TriageCheck {
            at: window.end(),
            now: self.clock.now(),
            sends_alerts,
        };
        match end_triages(
            self.store,
            &self.inspection_state,
            (transitions, occurrences),
            check,
        )
        .await
        {
            Ok(ended) => self.inspected.counts.settled += ended,
            Err(error) => self.inspected.failed.push(error),
        }
    }

    /// Writes alerts with the summaries of the periods that end with an hour.
    async fn sum_up(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
    ) -> Result<(), StoreError> {
        let incidents = match self.incidents.take() {
            Some(incidents) => incidents,
            None => self.store.incident_alerts().await?,
        };
        let mut of_hour = SeenKeys::default();
        of_hour.add(occurrences);
        let mut of_day = None;
        for period in periods(window) {
            let all = summaries(&self.inspection_state, window, period, &incidents).into_iter();
            for summary in all.filter(|of| self.plan.summaries.includes(of)) {
                if period != Period::Hour && of_day.is_none() {
                    of_day = Some(self.keys_until(window).await?);
                }
                let of_day = of_day.as_ref().filter(|_| period != Period::Hour);
                let keys = of_day.unwrap_or(&of_hour);
                let announced = match self.with_answers(keys.with(summary)).await {
                    Ok(summary) => {
                        let alert = Alert::of_summary(&summary, self.clock.now());
                        self.store.enqueue_once(&alert).await
                    }
                    Err(error) => Err(error),
                };
                match announced {
                    Ok(is_new) => self.inspected.counts.settled += u64::from(is_new),
                    Err(error) => self.inspected.failed.push(error),
                }
            }
        }
        self.incidents = Some(incidents);
        Ok(())
    }

    /// Returns the access keys of the failed calls in the 24 hours that end with an hour. Their events are read again: no run
    /// remembers them.
    async fn keys_until(&self, last: Window) -> Result<SeenKeys, StoreError> {
        let histories = self.inspection_state.histories();
        let subject = |cluster| {
            histories
                .get(&cluster)
                .map(|history| Arc::clone(&history.subject))
        };
        let mut keys = SeenKeys::default();
        let mut window = *hours_of_keys(Period::Day, last).start();
        while window <= last {
            let hour = self.store.hour(window, &subject).await?;
            keys.add(&occurrences(&hour.events, &hour.subjects));
            window = window.plus(1);
        }
        Ok(keys)
    }

    /// Adds IAM's answers to the access keys of a summary. For an hour, IAM is asked if an answer is due. For a day or a week
    /// the stored answers do: the runs of its hours asked.
    async fn with_answers(&self, mut summary: Summary) -> Result<Summary, StoreError> {
        for line in &mut summary.keys.shown {
            let key_usage = match (summary.period, self.failing.seen(&line.key)) {
                (Period::Hour, None) => continue,
                (Period::Hour, Some(seen)) => {
                    let status = self.key_lookup.known(&seen).await?;
                    status.map(|status| status.key_usage)
                }
                (Period::Day | Period::Week, _) => Some(self.store.key_usage(&line.key).await?),
            };
            let Some(key_usage) = key_usage else {
                continue;
            };
            line.entry = key_usage.entry;
            line.asked = key_usage.asked;
            if let Some(IamAnswer::Used {
                at,
                service,
                region,
                ..
            }) = key_usage.now
            {
                line.last_used = Some(at);
                line.service = service;
                line.region = region;
            }
        }
        Ok(summary)
    }

    /// Looks up access keys in IAM, if the stack sends alerts.
    async fn sweep(&mut self) {
        if self.sends_alerts {
            let swept = self.failing.sweep(&self.plan.keys, &self.key_lookup).await;
            self.inspected.counts.keys_unanswered = swept.unanswered;
            self.inspected.failed.extend(swept.failed);
        }
    }

    /// Saves the inspection state and the list of clusters in the bucket.
    async fn save(&mut self) -> Result<(), BucketError> {
        let inspection_state = self.inspection_state.encode();
        self.bucket
            .keep(INSPECTION_STATE_KEY, inspection_state)
            .await?;
        let listing = Listing::from(&self.inspection_state).encode();
        self.bucket.keep(LISTING_KEY, listing).await?;
        self.saved_next = self.inspection_state.next();
        Ok(())
    }

    /// Saves the results of the run. If a transition could not be written, the state is not saved, so that
    /// the next run inspects these hours again. After [`SAVE_HOURS`] hours the state is saved all the same,
    /// so that one failing transition does not stop the inspection for ever.
    async fn close(&mut self, late: &[LateHour]) -> Result<(), InspectionError> {
        let hours = self.inspection_state.next().hours() - self.saved_next.hours();
        if !self.inspected.failed.is_empty() && hours < SAVE_HOURS {
            return Ok(());
        }
        self.save().await?;
        for late in late {
            self.store.forget_late(late).await?;
        }
        Ok(())
    }
}
