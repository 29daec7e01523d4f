//! The ports: what the verbs need of the outside world, and what whoever stands behind a port must
//! guarantee.

use std::collections::BTreeMap;
use std::error::Error;

use crate::cluster::fingerprint::ClusterId;
use crate::cluster::sample::{Marks, Samples};
use crate::cluster::timeline::Timeline;
use crate::cluster::{Census, Tally};
use crate::trail::Rejection;
use crate::trail::time::EventTime;

/// Where clusters are kept.
///
/// An implementor keeps a set: committing what is there already changes nothing. A crash during
/// [`Store::commit`] leaves either nothing of the batches or all of them.
#[expect(
    async_fn_in_trait,
    reason = "the verbs are generic over one store at a time and spawn nothing"
)]
pub trait Store {
    /// Adds batches in their order, all or nothing, and tells of each what came of it.
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError>;

    /// Sums up all events, or those since a moment of event time, without samples.
    async fn sums(&self, since: Option<EventTime>) -> Result<Census, StoreError>;

    /// Returns the samples of all clusters.
    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError>;

    /// Sums up all events, or those since a moment of event time, with samples.
    async fn census(&self, since: Option<EventTime>) -> Result<Census, StoreError> {
        let mut census = self.sums(since).await?;
        census.samples = self.samples().await?;
        Ok(census)
    }

    /// Counts all events by cluster and hour. The counts of a cluster sum up to what a census says.
    async fn timeline(&self) -> Result<Timeline, StoreError>;
}

/// What one input brings.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where the records came from, as a person would name it.
    pub source: String,
    /// The records, folded.
    pub tally: Tally,
    /// The records that could not be read.
    pub quarantined: Vec<Quarantined>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its place in the input, counted from one.
    pub number: u64,
    /// Why it could not be read.
    pub rejection: Rejection,
}

/// What the commit of a batch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Events that were not in the store before.
    pub fresh: u64,
    /// Clusters that were not in the store before.
    pub new_clusters: u64,
    /// The clusters that the batch brought samples of and that have enough of them now.
    pub marks: Marks,
    /// What it took.
    pub spent: Spent,
}

/// What a store that is billed by the call took; one that is not takes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls, whatever came of them.
    pub calls: u64,
    /// Write request units, as DynamoDB counts them.
    pub write_units: u64,
}

impl Spent {
    /// Adds what something else took.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.write_units += other.write_units;
    }
}

/// A place for objects that people or redrives look at later, and for the rules.
///
/// An implementor that has answered keeps the object; keeping the same object again under the same
/// key changes nothing.
#[expect(
    async_fn_in_trait,
    reason = "the verbs are generic over one bucket at a time and spawn nothing"
)]
pub trait Bucket {
    /// Keeps an object under a key.
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError>;

    /// Returns the object under a key, `None` where there is none.
    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError>;
}

/// Why a bucket did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// It is busy, out of reach, or does not allow it: try again, or look at the permissions.
    #[error("the bucket is not available: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
    /// The object is longer than anything that belongs there.
    #[error("the object {key} has more than {limit} bytes")]
    TooLong {
        /// Its key.
        key: String,
        /// The limit that was passed, in bytes.
        limit: usize,
    },
}

/// Why a store did not do what it was asked for; each variant asks for another next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store was written by a newer version: update this program.
    #[error(
        "the store has schema version {found}, this program knows versions up to {known}; \
         update cloudtrail-inspector, or scan into another file"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It is something else: choose another file.
    #[error("this is not a cloudtrail-inspector store; choose another file")]
    Foreign,
    /// It is busy or out of reach: try again.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What it holds makes no sense: restore it, or scan anew.
    #[error("the store is damaged: {detail}; restore it, or scan into a new one")]
    Damaged {
        /// What makes no sense.
        detail: String,
    },
}
