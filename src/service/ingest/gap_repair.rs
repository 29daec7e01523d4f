//! Repairs gaps: reads lost events from their log groups again, and saves the list of gaps in the bucket.
//!
//! Two runs may repair at the same time. They read some events twice, which changes nothing: the store
//! counts each event once.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;

use crate::ingest::backfill::{Checkpoint, Source, backfill};
use crate::ingest::gaps::{Gaps, GapsError, HourPart, SubscriptionState, hour_parts, subtract};
use crate::ingest::replay_input::{ReplayInput, Stopped};
use crate::ports::{Bucket, BucketError, Failures, LogGroups, Store};

/// The key of the bucket object that holds the list of gaps: the hours of log groups whose events did not all reach the
/// function.
pub const GAPS_KEY: &str = "inspection/gaps";

/// The largest list of gaps that is read, in bytes. A week of hours of hundreds of log groups is smaller.
const GAPS_BYTES_MAX: usize = 16 << 20;

/// The repair of gaps in one run: the list of gaps, and the hour parts that this run has read.
#[derive(Debug)]
pub struct GapRepair {
    gaps: Gaps,
    /// The list of gaps as saved in the bucket; `None` if there is none.
    saved: Option<Vec<u8>>,
    /// The hour parts that this run has read to their ends.
    read: Vec<HourPart>,
    /// The moment up to which this run reads.
    now: Timestamp,
}

/// The filter pattern and the account that are the same for all log groups whose events are read again.
#[derive(Debug, Clone, Copy)]
pub struct RepairSource<'o> {
    /// The filter pattern of all subscriptions; empty if they send all log events.
    pub pattern: &'o str,
    /// The id of the account that has the log groups.
    pub owner: &'o str,
}

/// The result of reading hours of log groups again.
#[derive(Debug, Default)]
pub struct RepairResult {
    /// How much was read of each log group, by its name.
    pub groups: BTreeMap<String, GroupResult>,
    /// The number of [`HourPart`]s that were not read to their ends; they stay open for the next run.
    pub left: u64,
    /// Names of the log groups whose reading stopped early, with the reasons.
    pub stopped: Vec<(String, Stopped)>,
}

/// How much was read of one log group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupResult {
    /// The number of hours that were read to their ends; a part of an hour counts as one.
    pub hours: u64,
    /// The number of pages that CloudWatch Logs returned.
    pub pages: u64,
    /// The number of CloudTrail records that were read, duplicates included.
    pub records: u64,
}

impl GapRepair {
    /// Opens the list of gaps that is saved in the bucket, restricted to the log groups `groups`. The run reads up to
    /// `now`.
    ///
    /// A list that cannot be read is replaced by an empty list; its error is returned beside the repair.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket does not answer. The repair must wait then, as it is unknown which gaps were
    /// repaired before.
    pub async fn open(
        bucket: &impl Bucket,
        groups: &[String],
        now: Timestamp,
    ) -> Result<(Self, Option<GapsError>), BucketError> {
        let saved = match bucket.fetch(GAPS_KEY, GAPS_BYTES_MAX).await {
            Ok(saved) => Ok(saved),
            Err(error @ BucketError::TooLong { .. }) => Err(GapsError::new(&error)),
            Err(error) => return Err(error),
        };
        let decode = |saved: &Vec<u8>| Gaps::decode(saved);
        let gaps = match &saved {
            Ok(saved) => saved.as_ref().map(decode).transpose(),
            Err(unreadable) => Err(unreadable.clone()),
        };
        let (gaps, unreadable) = match gaps {
            Ok(gaps) => (gaps, None),
            Err(unreadable) => (None, Some(unreadable)),
        };
        let mut gaps = gaps.unwrap_or_default();
        gaps.retain_groups(groups, now);
        let gap_repair = Self {
            gaps,
            saved: saved.unwrap_or_default(),
            read: Vec::new(),
            now,
        };
        Ok((gap_repair, unreadable))
    }

    /// Returns the moment up to which this run reads log events.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes the state of a log group's subscription. `Wrong` begins an outage, whose time will be read again; `Right`
    /// ends the outage.
    pub fn stands(&mut self, group: &str, state: SubscriptionState) {
        self.gaps.note_subscription(group, state, self.now);
    }

    /// Notes failed deliveries, as the metrics of CloudWatch count them. Their hours become gaps.
    pub fn lost(&mut self, failures: &[Failures]) {
        self.gaps.note_failures(failures, self.now);
    }

    /// Reads the hours of all open gaps again, oldest first, and passes their events through `replay_input` into the
    /// store.
    ///
    /// `is_over` is called before each page; reading stops when it returns `true`.
    pub async fn repair_gaps<S: Store, B: Bucket>(
        &mut self,
        repair_source: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let due = self.gaps.due(self.now);
        self.read_all(due, repair_source, logs, replay_input, is_over)
            .await
    }

    /// Reads all events of log groups again, from `since` to [`Self::now`], without the hour parts that this run has
    /// already read.
    ///
    /// `is_over` is called before each page; reading stops when it returns `true`.
    pub async fn read_since<S: Store, B: Bucket>(
        &mut self,
        (groups, since): (&[String], Timestamp),
        repair_source: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let all = groups
            .iter()
            .map(|group| hour_parts(group, since, self.now));
        let mut rest = subtract(all.flatten().collect(), &self.read);
        rest.sort();
        self.read_all(rest, repair_source, logs, replay_input, is_over)
            .await
    }

    async fn read_all<S: Store, B: Bucket>(
        &mut self,
        due: Vec<HourPart>,
        repair_source: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        mut is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let mut repaired = RepairResult::default();
        let mut closed = BTreeSet::new();
        let mut is_stopped = false;
        for part in due {
            if is_stopped || closed.contains(&part.group) {
                repaired.left += 1;
                continue;
            }
            let source = Source {
                group: &part.group,
                pattern: repair_source.pattern,
                owner: repair_source.owner,
            };
            let from = Checkpoint {
                from: part.from,
                token: part.token.clone(),
            };
            let done = backfill(&source, from, part.until, logs, replay_input, &mut is_over).await;
            self.gaps.note_read(&part, &done.checkpoint, self.now);
            let result = repaired.groups.entry(part.group.clone()).or_default();
            result.pages += done.pages;
            result.records += done.taken.record_counts.read;
            let Some(stopped) = done.stopped else {
                result.hours += 1;
                self.read.push(part);
                continue;
            };
            repaired.left += 1;
            // An error of one log group does not stop the others; any other error does.
            is_stopped = !matches!(stopped, Stopped::Logs(_));
            closed.insert(part.group.clone());
            repaired.stopped.push((part.group, stopped));
        }
        repaired
    }

    /// Saves the list of gaps in the bucket, if it has changed.
    ///
    /// # Errors
    /// [`BucketError`] when the list was not saved. The next run then reads again what this run has read.
    pub async fn keep(&mut self, bucket: &impl Bucket) -> Result<(), BucketError> {
        let gaps = self.gaps.encode();
        if self.saved.as_ref() != Some(&gaps) {
            bucket.keep(GAPS_KEY, gaps.clone()).await?;
            self.saved = Some(gaps);
        }
        Ok(())
    }
}

impl RepairResult {
    /// Adds the result of another call of [`GapRepair::repair_gaps`] or [`GapRepair::read_since`] in the same run.
    pub fn add(&mut self, other: Self) {
        for (group, result) in other.groups {
            let mine = self.groups.entry(group).or_default();
            mine.hours += result.hours;
            mine.pages += result.pages;
            mine.records += result.records;
        }
        self.left += other.left;
        self.stopped.extend(other.stopped);
    }

    /// Returns the number of hours that were read, summed over the log groups; a part of an hour counts as one.
    pub fn hours(&self) -> u64 {
        self.groups.values().map(|result| result.hours).sum()
    }

    /// Returns the number of CloudTrail records that were read, summed over the log groups, duplicates included.
    pub fn records(&self) -> u64 {
        self.groups.values().map(|result| result.records).sum()
    }
}
