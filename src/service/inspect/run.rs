//! One run of the inspection: the hours that are over since the last one, one after the other, and a
//! look at those that are not.
//!
//! What was made true or told is so for good, whether or not the run comes to its end: the next one
//! takes the hours again that were not written down, and finds it done.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::alert::Alert;
use clusters::campaign::{Occurrence, occurrences};
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{AccountActivity, HOURS_MAX, InspectionState};
use clusters::keys::{IamAnswer, KeySettings};
use clusters::lifecycle::Resolutions;
use clusters::report::Inspection;
use clusters::summary::Summary;
use clusters::transition::{Change, Transition};
use futures_util::stream::{self, StreamExt as _};
use records::time::{Timestamp, Window};
use view::listing::Listing;

use crate::config::inspect::Summaries;
use crate::inspect::summing::{periods, summaries};
use crate::inspect::sweeping::FailingKeys;
use crate::inspect::transition_alerts::alert;
use crate::inspect::triage_check::{TriageCheck, end_triages};
use crate::key_lookup::KeyLookup;
use crate::ports::{
    Bucket, BucketError, Campaigns, Clock, HourReader, KeyDirectory, KeyUsageStore, LateHour,
    StoreError, TransitionWriter, TriageStore,
};

/// Where the inspection state is kept.
pub const INSPECTION_STATE_KEY: &str = "inspection/chronicle";

/// Where the list of all clusters is kept for those who look at it.
pub const LISTING_KEY: &str = "inspection/listing";

/// How long that list may be as it is kept, in bytes.
pub const LISTING_BYTES_MAX: usize = 16 << 20;

/// How long after its end an hour is taken, in seconds: CloudTrail delivers within five minutes on
/// average (AWS CloudTrail User Guide, "How CloudTrail works").
pub const GRACE_SECONDS: i64 = 15 * 60;

/// How long an inspection state may be as it is kept, in bytes.
const INSPECTION_STATE_BYTES_MAX: usize = 64 << 20;

/// The state is saved after this many inspected hours, so that a long catch-up can go on from
/// there.
const SITTING_HOURS: i64 = 24;

/// When the state is made anew, only changes of the last so many hours are announced.
const NEWS_HOURS: i64 = 24;

/// How long a run waits for its turns to ask IAM, in milliseconds.
const PATIENCE_MILLIS: i64 = 120_000;

/// How many transitions are made true side by side.
const CALLS_MAX: usize = 16;

/// What a run may take.
#[derive(Debug, Clone)]
pub struct RunLimits {
    /// For how many days events are kept: without an inspection state, it begins there.
    pub retention_days: i64,
    /// When it has to be over, in milliseconds since 1970.
    pub deadline: i64,
    /// Which summaries are told.
    pub summaries: Summaries,
    /// What is decided about access keys.
    pub keys: KeySettings,
    /// What is wrong with how events come, if anything is known to be: a stable name and a sentence.
    pub diagnosis: Option<(String, String)>,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Inspected {
    /// How much of it.
    pub counts: Inspection,
    /// What could not be read, and is left out.
    pub damaged: Vec<String>,
    /// Why the inspection state was made anew, if it was.
    pub anew: Option<String>,
    /// What could not be made true or told; the next run tries again.
    pub failed: Vec<StoreError>,
    /// Since when nothing is seen of an account of which there should be, the earliest.
    pub blind_since: Option<Timestamp>,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The table does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The bucket does not answer, or is not allowed to be asked.
    #[error("the saved state of the inspection cannot be read or written: {0}")]
    Bucket(#[from] BucketError),
}

/// A run under way.
struct Run<'a, S, B, K, C> {
    store: &'a S,
    bucket: &'a B,
    clock: &'a C,
    plan: &'a RunLimits,
    key_lookup: KeyLookup<'a, S, K, C>,
    /// The access keys that failed in the hours that are told.
    failing: FailingKeys,
    /// Whether anything is told by now.
    is_telling: bool,
    inspection_state: InspectionState,
    /// What people said about whether clusters are over.
    resolutions: Resolutions,
    /// The next hour as it was written down.
    kept: Window,
    inspected: Inspected,
}

/// Takes all hours that are over, and says what it did.
///
/// # Errors
/// [`InspectionError`], after which nothing is written down: the next run does it again.
pub async fn run<S, B, K, C>(
    store: &mut S,
    bucket: &B,
    directory: &K,
    clock: &C,
    plan: &RunLimits,
) -> Result<Inspected, InspectionError>
where
    S: Campaigns + HourReader + KeyUsageStore + TriageStore + TransitionWriter,
    B: Bucket,
    K: KeyDirectory,
    C: Clock,
{
    let is_telling = store.is_telling().await?;
    let store = &*store;
    let now = clock.now();
    let (inspection_state, anew) = open(bucket, now, plan).await?;
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
        is_telling,
        kept: inspection_state.next(),
        inspection_state,
        resolutions,
        inspected: Inspected {
            anew,
            ..Inspected::default()
        },
    };
    run.recall().await?;
    let late = run.amend().await?;
    run.take_all(over(now)).await?;
    run.foresee(now).await?;
    run.sweep().await;
    run.close(&late).await?;
    let mut inspected = run.inspected;
    inspected.counts.keys_asked = run.key_lookup.calls();
    let histories = run.inspection_state.histories().values();
    let accounts = run.inspection_state.accounts().values();
    let behind = over(now).hours() - run.inspection_state.next().hours();
    let blind = accounts.clone().filter(|of| of.is_blind());
    inspected.blind_since = blind.map(AccountActivity::last).min();
    inspected.counts = Inspection {
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

/// Returns the first hour that is not over yet, or may have more to come.
pub fn over(now: Timestamp) -> Window {
    let settled = Timestamp::from_seconds(now.seconds() - GRACE_SECONDS);
    settled.unwrap_or(now).window()
}

/// Returns an inspection state that begins with the first hour that events are kept of.
fn anew(now: Timestamp, plan: &RunLimits) -> InspectionState {
    let first = now.window().plus(-plan.retention_days * 24);
    InspectionState::new(first).telling_from(now.window().plus(-NEWS_HOURS))
}

/// Opens the inspection state, or begins one where there is none that can be read.
async fn open(
    bucket: &impl Bucket,
    now: Timestamp,
    plan: &RunLimits,
) -> Result<(InspectionState, Option<String>), InspectionError> {
    let new = anew(now, plan);
    let first = new.next();
    let begun = |why: &str| (new, Some(why.to_owned()));
    let Some(kept) = bucket
        .fetch(INSPECTION_STATE_KEY, INSPECTION_STATE_BYTES_MAX)
        .await?
    else {
        return Ok(begun("there is none yet"));
    };
    match InspectionState::decode(&kept) {
        // One that slept for longer than events are kept has nothing to go on from.
        Ok(inspection_state) if inspection_state.next() >= first => Ok((inspection_state, None)),
        Ok(_) => Ok(begun("it is older than what is kept")),
        Err(error) => Ok(begun(&error.to_string())),
    }
}

impl InspectionError {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(_) => "StoreUnavailable",
            Self::Bucket(_) => "BucketUnavailable",
        }
    }
}

impl<S, B, K, C> Run<'_, S, B, K, C>
where
    S: Campaigns + HourReader + KeyUsageStore + TriageStore + TransitionWriter,
    B: Bucket,
    K: KeyDirectory,
    C: Clock,
{
    /// Reads an hour.
    async fn occurrences(&mut self, window: Window) -> Result<Vec<Occurrence>, StoreError> {
        let histories = self.inspection_state.histories();
        let known = |cluster| {
            histories
                .get(&cluster)
                .map(|history| Arc::clone(&history.subject))
        };
        let hour = self.store.hour(window, &known).await?;
        self.inspected.damaged.extend(hour.damaged);
        let occurrences = occurrences(&hour.events, &hour.subjects);
        let left = hour.events.len() - occurrences.len();
        if left > 0 {
            let start = window.start();
            let what =
                format!("{left} events of the hour from {start}: their clusters have no head");
            self.inspected.damaged.push(what);
        }
        Ok(occurrences)
    }

    /// Reads the hours again that campaigns may still be going on from. What came for them since, they
    /// have now.
    async fn recall(&mut self) -> Result<(), StoreError> {
        if self.inspected.anew.is_some() {
            return Ok(());
        }
        let (mut window, next) = (
            self.inspection_state.recalls_from(),
            self.inspection_state.next(),
        );
        while window < next {
            let occurrences = self.occurrences(window).await?;
            self.amend_by(window, &occurrences).await;
            self.inspection_state.recall(&occurrences);
            window = window.plus(1);
        }
        Ok(())
    }

    /// Takes the hours again that events came late for, and returns them.
    async fn amend(&mut self) -> Result<Vec<LateHour>, StoreError> {
        let mut late = self.store.late().await?;
        let next = self.inspection_state.next();
        late.retain(|late| late.window < next);
        if late.iter().any(|late| late.window < next.plus(-HOURS_MAX)) {
            // How much of such an hour was counted before is not remembered.
            let resolutions = self.resolutions.clone();
            self.inspection_state = anew(self.clock.now(), self.plan).with_resolutions(resolutions);
            let why = "events came late for an hour long ago";
            self.inspected.anew = Some(why.to_owned());
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
        let told = self.inspection_state.amend(occurrences);
        self.settle(&told, self.is_told(window)).await;
    }

    /// Tells whether anybody is told of an hour.
    fn is_told(&self, window: Window) -> bool {
        self.is_telling && self.inspection_state.is_news(window)
    }

    /// Takes the hours up to before one, as far as there is time.
    async fn take_all(&mut self, until: Window) -> Result<(), InspectionError> {
        while self.inspection_state.next() < until && self.clock.millis() < self.plan.deadline {
            let window = self.inspection_state.next();
            let occurrences = self.occurrences(window).await?;
            let before = self.inspection_state.events();
            let told = self.inspection_state.turn(window, &occurrences);
            let events = occurrences.len() as u64;
            self.inspected.counts.hours += 1;
            self.inspected.counts.events += events;
            self.inspected.counts.violated +=
                u64::from(before + events != self.inspection_state.events());
            let is_told = self.is_told(window);
            if is_told {
                self.failing.meet(&occurrences);
            }
            self.settle(&told, is_told).await;
            self.end_triages(window, &told, &occurrences, is_told).await;
            if is_told && self.plan.summaries != Summaries::Never {
                self.sum_up(window, &told, &occurrences).await;
            }
            let is_long = window.hours() - self.kept.hours() >= SITTING_HOURS;
            if is_long && self.inspected.failed.is_empty() {
                self.keep().await?;
            }
        }
        Ok(())
    }

    /// Looks at the hours that are not over yet.
    async fn foresee(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut hours = Vec::new();
        let mut window = self.inspection_state.next();
        // A run that is behind has enough to do.
        while window <= now.window() && window.plus(2) >= now.window() {
            let occurrences = self.occurrences(window).await?;
            self.failing.meet(&occurrences);
            hours.push((window, occurrences));
            window = window.plus(1);
        }
        let told = self.inspection_state.foresee(&hours);
        self.settle(&told, self.is_telling).await;
        Ok(())
    }

    /// Makes transitions true, each on its own: what goes wrong with one is no reason to leave others.
    async fn settle(&mut self, told: &[Transition], is_told: bool) {
        // What happens to one cluster follows from what happened before.
        let mut lines: BTreeMap<Option<ClusterId>, Vec<&Transition>> = BTreeMap::new();
        for transition in told {
            lines
                .entry(transition.cluster)
                .or_default()
                .push(transition);
        }
        let run = &*self;
        let settles = lines.into_values().map(|line| async move {
            let mut settled = Vec::new();
            for transition in line {
                settled.push(run.settle_one(transition, is_told).await);
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

    async fn settle_one(&self, transition: &Transition, is_told: bool) -> Result<bool, StoreError> {
        let (store, now) = (self.store, self.clock.now());
        let alert = alert(transition, self.plan.diagnosis.as_ref(), now);
        match (&transition.change, alert.filter(|_| is_told)) {
            (Change::Campaign(campaign), Some(alert)) => {
                store.meet_campaign(campaign, &alert).await
            }
            (_, alert) => store.settle(transition, alert.as_ref()).await,
        }
    }

    /// Ends the triages of clusters that something happened to.
    async fn end_triages(
        &mut self,
        window: Window,
        told: &[Transition],
        occurrences: &[Occurrence],
        is_told: bool,
    ) {
        let look = TriageCheck {
            at: window.end(),
            now: self.clock.now(),
            is_told,
        };
        match end_triages(
            self.store,
            &self.inspection_state,
            (told, occurrences),
            look,
        )
        .await
        {
            Ok(ended) => self.inspected.counts.settled += ended,
            Err(error) => self.inspected.failed.push(error),
        }
    }

    /// Tells what the periods looked like that end with an hour.
    async fn sum_up(&mut self, window: Window, told: &[Transition], occurrences: &[Occurrence]) {
        for period in periods(window) {
            for summary in summaries(&self.inspection_state, window, period, told, occurrences) {
                if !self.plan.summaries.tells(&summary) {
                    continue;
                }
                let told = match self.with_keys(summary).await {
                    Ok(summary) => {
                        let alert = Alert::of_summary(&summary, self.clock.now());
                        self.store.tell_once(&alert).await
                    }
                    Err(error) => Err(error),
                };
                match told {
                    Ok(is_told) => self.inspected.counts.settled += u64::from(is_told),
                    Err(error) => self.inspected.failed.push(error),
                }
            }
        }
    }

    /// Adds what IAM says of the keys of a summary.
    async fn with_keys(&self, mut summary: Summary) -> Result<Summary, StoreError> {
        for line in &mut summary.keys.shown {
            let Some(seen) = self.failing.seen(&line.key) else {
                continue;
            };
            let known = self.key_lookup.known(&seen).await?;
            if let Some(IamAnswer::Used {
                at,
                service,
                region,
                ..
            }) = known.and_then(|known| known.key_usage.now)
            {
                line.last_used = Some(at);
                line.service = service;
                line.region = region;
            }
        }
        Ok(summary)
    }

    /// Asks IAM about access keys, if anybody is told what it says.
    async fn sweep(&mut self) {
        if self.is_telling {
            let swept = self.failing.sweep(&self.plan.keys, &self.key_lookup).await;
            self.inspected.counts.keys_unanswered = swept.unanswered;
            self.inspected.failed.extend(swept.failed);
        }
    }

    async fn keep(&mut self) -> Result<(), BucketError> {
        let inspection_state = self.inspection_state.encode();
        self.bucket
            .keep(INSPECTION_STATE_KEY, inspection_state)
            .await?;
        let listing = Listing::from(&self.inspection_state).encode();
        self.bucket.keep(LISTING_KEY, listing).await?;
        self.kept = self.inspection_state.next();
        Ok(())
    }

    /// Writes down what was found out. While something of it cannot be made true, the hours are taken
    /// again, for a day; then that is given up rather than all that follows.
    async fn close(&mut self, late: &[LateHour]) -> Result<(), InspectionError> {
        let hours = self.inspection_state.next().hours() - self.kept.hours();
        if !self.inspected.failed.is_empty() && hours < SITTING_HOURS {
            return Ok(());
        }
        self.keep().await?;
        for late in late {
            self.store.forget_late(late).await?;
        }
        Ok(())
    }
}
