//! Events that come another way than from CloudWatch Logs: they go through the same subscription into
//! the same store, and what comes of them is added up.
//!
//! Whatever comes this way may have come before, in part or in whole, and may come again. State is a
//! set, so that changes nothing; and neither does stopping anywhere.

use clusters::report::{Invocation, RecordCounts};
use records::time::Timestamp;

use crate::ingest::subscription::{RetryReason, Subscription};
use crate::ports::{Bucket, BucketError, LogGroupError, Store};

/// What takes events, and where they go.
#[derive(Debug)]
pub struct ReplayInput<'i, S, B> {
    /// By whose rules.
    pub subscription: &'i mut Subscription,
    /// Where they are committed.
    pub store: &'i mut S,
    /// Where what cannot be read is kept aside.
    pub bucket: &'i B,
    /// When that is.
    pub now: Timestamp,
}

/// What came of events, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    /// Events that were taken.
    pub payloads: u64,
    /// Those among them that could not be opened and were kept aside whole.
    pub unopened: u64,
    /// What became of the records of the others. Which of them are duplicates is told as well as the
    /// store does: one that does not look takes what comes in another cut for new here, and counts it
    /// once all the same.
    pub record_counts: RecordCounts,
    /// Clusters that are new.
    pub new_clusters: u64,
}

/// Why something stopped before it was through. What it had done until then stays done.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// There was no more time: go on later.
    #[error("the time limit was reached")]
    Deadline,
    /// Several events in a row could not be taken: try again when the store is there.
    #[error("several events in a row could not be processed")]
    Failing,
    /// An event could not be taken: try again when the store is there.
    #[error(transparent)]
    NotTaken(#[from] RetryReason),
    /// The bucket did not answer: try again, or look at the permissions.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// CloudWatch Logs did not answer: try again, or look at the permissions.
    #[error(transparent)]
    Logs(#[from] LogGroupError),
}

impl<S: Store, B: Bucket> ReplayInput<'_, S, B> {
    /// Takes an event as CloudWatch Logs would hand it over.
    ///
    /// # Errors
    /// [`RetryReason`] when the event has to come again.
    pub async fn take(&mut self, event: &[u8]) -> Result<Invocation, RetryReason> {
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
    /// Adds what came of one event.
    pub fn count(&mut self, invocation: &Invocation) {
        self.payloads += 1;
        self.unopened += u64::from(invocation.payload_fault.is_some());
        self.record_counts.add(&invocation.record_counts);
        self.new_clusters += invocation.new_clusters;
    }

    /// Adds what came of others.
    pub fn add(&mut self, other: &Self) {
        self.payloads += other.payloads;
        self.unopened += other.unopened;
        self.record_counts.add(&other.record_counts);
        self.new_clusters += other.new_clusters;
    }
}
