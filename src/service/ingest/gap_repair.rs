//! Heals gaps: reads again from the log groups what was lost on the way to the function, and keeps what is
//! known of gaps in the bucket.
//!
//! Two that repair at once read something twice, which changes nothing, as whatever came before counts once.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;

use crate::ingest::backfill::{Checkpoint, Source, backfill};
use crate::ingest::gaps::{Gaps, GapsError, HourPart, SubscriptionState, pieces, without};
use crate::ingest::replay_input::{ReplayInput, Stopped};
use crate::ports::{Bucket, BucketError, Failures, LogGroups, Store};

/// Where what is known of gaps is kept.
pub const GAPS_KEY: &str = "inspection/gaps";

/// How long that may be, in bytes: a week of hours of hundreds of log groups has less.
const GAPS_BYTES_MAX: usize = 16 << 20;

/// repair under way: what one run knows and has read.
#[derive(Debug)]
pub struct GapRepair {
    gaps: Gaps,
    /// The gaps as they are in the bucket.
    kept: Option<Vec<u8>>,
    /// What this run has read.
    read: Vec<HourPart>,
    /// The moment up to which it reads.
    now: Timestamp,
}

/// What is read from.
#[derive(Debug, Clone, Copy)]
pub struct RepairSource<'o> {
    /// The pattern of all subscriptions.
    pub pattern: &'o str,
    /// The account that the log groups belong to.
    pub owner: &'o str,
}

/// What was read again.
#[derive(Debug, Default)]
pub struct RepairResult {
    /// How much, by log group.
    pub groups: BTreeMap<String, GroupResult>,
    /// Hours of log groups that were not read to their ends.
    pub left: u64,
    /// Why they were not, by log group.
    pub stopped: Vec<(String, Stopped)>,
}

/// How much of a log group was read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupResult {
    /// Hours that were read, all or in part.
    pub hours: u64,
    /// Pages.
    pub pages: u64,
    /// Records, come before or not.
    pub records: u64,
}

impl GapRepair {
    /// Opens what is known of the gaps of log groups, and says why it begins anew if it does though there is
    /// something.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket does not answer: then nobody knows what was repaired.
    pub async fn open(
        bucket: &impl Bucket,
        groups: &[String],
        now: Timestamp,
    ) -> Result<(Self, Option<GapsError>), BucketError> {
        let kept = match bucket.fetch(GAPS_KEY, GAPS_BYTES_MAX).await {
            Ok(kept) => Ok(kept),
            Err(error @ BucketError::TooLong { .. }) => Err(GapsError::of(&error)),
            Err(error) => return Err(error),
        };
        let decode = |kept: &Vec<u8>| Gaps::decode(kept);
        let gaps = match &kept {
            Ok(kept) => kept.as_ref().map(decode).transpose(),
            Err(unreadable) => Err(unreadable.clone()),
        };
        let (gaps, unreadable) = match gaps {
            Ok(gaps) => (gaps, None),
            Err(unreadable) => (None, Some(unreadable)),
        };
        let mut gaps = gaps.unwrap_or_default();
        gaps.keep_to(groups, now);
        let gap_repair = Self {
            gaps,
            kept: kept.unwrap_or_default(),
            read: Vec::new(),
            now,
        };
        Ok((gap_repair, unreadable))
    }

    /// Returns the moment up to which it reads.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes in how the subscription of a log group stands.
    pub fn stands(&mut self, group: &str, standing: SubscriptionState) {
        self.gaps.stands(group, standing, self.now);
    }

    /// Takes in what CloudWatch says was lost.
    pub fn lost(&mut self, failures: &[Failures]) {
        self.gaps.lost(failures, self.now);
    }

    /// Reads all that is owed, until there is no more time.
    pub async fn repair_gaps<S: Store, B: Bucket>(
        &mut self,
        origin: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let due = self.gaps.due(self.now);
        self.read_all(due, origin, logs, replay_input, is_over)
            .await
    }

    /// Reads log groups since a moment, but for what this run has read of them.
    pub async fn read_since<S: Store, B: Bucket>(
        &mut self,
        (groups, since): (&[String], Timestamp),
        origin: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let all = groups.iter().map(|group| pieces(group, since, self.now));
        let mut rest = without(all.flatten().collect(), &self.read);
        rest.sort();
        self.read_all(rest, origin, logs, replay_input, is_over)
            .await
    }

    async fn read_all<S: Store, B: Bucket>(
        &mut self,
        due: Vec<HourPart>,
        origin: RepairSource<'_>,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        mut is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let mut repaired = RepairResult::default();
        let mut closed = BTreeSet::new();
        let mut is_stopped = false;
        for piece in due {
            if is_stopped || closed.contains(&piece.group) {
                repaired.left += 1;
                continue;
            }
            let source = Source {
                group: &piece.group,
                pattern: origin.pattern,
                owner: origin.owner,
            };
            let from = Checkpoint {
                from: piece.from,
                token: piece.token.clone(),
            };
            let done = backfill(&source, from, piece.until, logs, replay_input, &mut is_over).await;
            self.gaps.read(&piece, &done.checkpoint, self.now);
            let again = repaired.groups.entry(piece.group.clone()).or_default();
            again.pages += done.pages;
            again.records += done.taken.record_counts.read;
            let Some(stopped) = done.stopped else {
                again.hours += 1;
                self.read.push(piece);
                continue;
            };
            repaired.left += 1;
            // What is wrong with one log group is no reason to leave the others.
            is_stopped = !matches!(stopped, Stopped::Logs(_));
            closed.insert(piece.group.clone());
            repaired.stopped.push((piece.group, stopped));
        }
        repaired
    }

    /// Keeps what is known of gaps, if that has changed.
    ///
    /// # Errors
    /// [`BucketError`] when it is not kept: the next run reads again what this one has read.
    pub async fn keep(&mut self, bucket: &impl Bucket) -> Result<(), BucketError> {
        let gaps = self.gaps.encode();
        if self.kept.as_ref() != Some(&gaps) {
            bucket.keep(GAPS_KEY, gaps.clone()).await?;
            self.kept = Some(gaps);
        }
        Ok(())
    }
}

impl RepairResult {
    /// Adds what was read by other reasons.
    pub fn add(&mut self, other: Self) {
        for (group, again) in other.groups {
            let mine = self.groups.entry(group).or_default();
            mine.hours += again.hours;
            mine.pages += again.pages;
            mine.records += again.records;
        }
        self.left += other.left;
        self.stopped.extend(other.stopped);
    }

    /// Returns how many hours were read, those of each log group counted on their own.
    pub fn hours(&self) -> u64 {
        self.groups.values().map(|again| again.hours).sum()
    }

    /// Returns how many records were read.
    pub fn records(&self) -> u64 {
        self.groups.values().map(|again| again.records).sum()
    }
}
