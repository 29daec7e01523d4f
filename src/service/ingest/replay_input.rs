//! Processes replayed payloads as if CloudWatch Logs had delivered them, and adds up their counts.
//!
//! A payload is the input of one invocation of the ingest function, a batch of records. It comes from a failed
//! invocation, or is made of log events that are read again.
//!
//! A replayed payload may have been committed before, in part or in whole, and may be replayed again. The store holds a
//! set of events, so repetition changes nothing. A replay may also stop at any point.

use clusters::report::{IngestReport, RecordCounts};
use records::time::Timestamp;

use crate::ingest::subscription::{RetryReason, Subscription};
use crate::ports::{Bucket, BucketError, LogGroupError, Store};

/// Processes replayed payloads. It has the processor, the store, the bucket and the time that all payloads of a replay
/// share.
///
/// A payload is the input of one invocation of the ingest function: a batch of records.
#[derive(Debug)]
pub struct ReplayInput<'i, S, B> {
    /// The processor of the payloads, with the rules and exclusions of the ingest function.
    pub subscription: &'i mut Subscription,
    /// The store that the records are committed to.
    pub store: &'i mut S,
    /// The bucket to which payloads with unreadable data are written (the quarantine).
    pub bucket: &'i B,
    /// The current time, which becomes part of the keys of quarantined payloads.
    pub now: Timestamp,
}

/// The counts of all payloads of a replay, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    /// The number of payloads that were processed.
    pub payloads: u64,
    /// The number of these payloads that could not be opened and were quarantined as a whole.
    pub unopened: u64,
    /// The record counts of the payloads that could be opened.
    ///
    /// `duplicate` is as exact as the store's answer: some stores count a repeated record as clustered if its batch is
    /// cut differently. Its cluster counts it once.
    pub record_counts: RecordCounts,
    /// The number of clusters that were not in the store before the replay.
    pub new_clusters: u64,
}

/// Why a backfill or redrive stopped early. Payloads that were committed before that stay committed.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The time limit was reached: continue later.
    #[error("the time limit was reached")]
    Deadline,
    /// Several payloads in a row failed: try again when the store and the bucket are available.
    #[error("several events in a row could not be processed")]
    Failing,
    /// A payload failed: try again when the store and the bucket are available.
    #[error(transparent)]
    NotTaken(#[from] RetryReason),
    /// The bucket did not answer: try again, or check the permissions.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// CloudWatch Logs did not answer: try again, or check the permissions.
    #[error(transparent)]
    Logs(#[from] LogGroupError),
}

impl<S: Store, B: Bucket> ReplayInput<'_, S, B> {
    /// Processes one payload, the JSON text `event` in the format of a CloudWatch Logs subscription, and returns its
    /// counts.
    ///
    /// # Errors
    /// [`RetryReason`] when the store or the bucket failed. Replay the same payload later.
    pub async fn take(&mut self, event: &[u8]) -> Result<IngestReport, RetryReason> {
        let Self {
            subscription,
            store,
            bucket,
            now,
        } = self;
        subscription.take(event, *now, *store, *bucket).await
    }
}

impl ReplayTotals {
    /// Adds the counts of one payload.
    pub fn count(&mut self, invocation: &IngestReport) {
        self.payloads += 1;
        self.unopened += u64::from(invocation.payload_fault.is_some());
        self.record_counts.add(&invocation.record_counts);
        self.new_clusters += invocation.new_clusters;
    }

    /// Adds the counts of another replay.
    pub fn add(&mut self, other: &Self) {
        self.payloads += other.payloads;
        self.unopened += other.unopened;
        self.record_counts.add(&other.record_counts);
        self.new_clusters += other.new_clusters;
    }
}
