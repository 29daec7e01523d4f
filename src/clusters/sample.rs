//! Samples: a few redacted records of each cluster, stored as examples.
//!
//! The events with the lowest hashes of their ids are chosen. So neither a caller nor the order of arrival decides
//! which records are stored. Redacting a record is expensive, so it is skipped if the store has enough samples of lower
//! rank already. Skipping is safe because the highest stored rank of a cluster with enough samples only goes down.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use records::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::EventId;
use crate::fingerprint::ClusterId;

/// The maximum number of samples of one cluster.
pub const SAMPLES_MAX: usize = 5;

/// A redacted record of one event, stored as an example of its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// The event time of the call; `None` if the record has no usable time.
    pub at: Option<Timestamp>,
    /// The id of the event.
    pub id: EventId,
    /// The redacted record as JSON text, at most 8 KB.
    pub json: Arc<str>,
}

/// The sort key that decides which events become samples: the first 64 bits of a SHA-256 of the event id.
///
/// In each cluster the events of the lowest ranks are kept. A hash is used so that callers cannot choose which records
/// are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank([u8; 8]);

/// The samples of one cluster: of its events, the [`SAMPLES_MAX`] with the lowest ranks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples(BTreeMap<Rank, Sample>);

/// The highest rank that a store keeps, for each cluster that has [`SAMPLES_MAX`] samples.
///
/// Events of higher rank need no sample. Clusters with fewer samples are missing from the map.
pub type SampleCutoffs = HashMap<ClusterId, Rank>;

impl Rank {
    /// Computes the rank of an event.
    pub fn of(id: EventId) -> Self {
        let mut rank = [0; 8];
        rank.copy_from_slice(&Sha256::digest(id.bytes())[..8]);
        Self(rank)
    }

    /// The lowest rank. As the cutoff of a cluster it means that no further samples are wanted.
    pub const LOWEST: Self = Self([0; 8]);

    /// Returns the 8 bytes of the rank; ranks are ordered by these bytes.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl Samples {
    /// Checks whether [`Samples::insert`] would keep a sample of this rank, so that no sample is made in vain.
    pub fn wants(&self, rank: Rank) -> bool {
        self.cutoff().is_none_or(|last| rank < last)
    }

    /// Returns the highest rank of these samples, above which no sample is kept.
    ///
    /// `None` if there are fewer than [`SAMPLES_MAX`] samples, so that any rank is kept.
    pub fn cutoff(&self) -> Option<Rank> {
        let last = self.0.last_key_value().map(|(rank, _)| *rank);
        last.filter(|_| self.0.len() >= SAMPLES_MAX)
    }

    /// Adds a sample, then drops the sample of the highest rank if there are more than [`SAMPLES_MAX`].
    ///
    /// Of two different samples of one event, the lesser in the order of [`Sample`] stays.
    pub fn insert(&mut self, sample: Sample) {
        self.insert_at(Rank::of(sample.id), sample);
    }

    /// Adds a sample like [`Samples::insert`]; `rank` must be the rank of the sample's event.
    pub fn insert_at(&mut self, rank: Rank, sample: Sample) {
        let stored = self.0.entry(rank).or_insert_with(|| sample.clone());
        if sample < *stored {
            *stored = sample;
        }
        if self.0.len() > SAMPLES_MAX {
            self.0.pop_last();
        }
    }

    /// Returns the sample whose event has the lowest [`Rank`], not the oldest sample; `None` if there are no samples.
    pub fn first(&self) -> Option<&Sample> {
        self.0.values().next()
    }

    /// Removes the sample of the event with this id, if there is one.
    pub fn forget(&mut self, id: EventId) {
        self.0.remove(&Rank::of(id));
    }

    /// Adds the samples of another set of the same cluster; those with the lowest ranks of both sets stay.
    pub fn join(&mut self, other: Self) {
        for (rank, sample) in other.0 {
            self.insert_at(rank, sample);
        }
    }

    /// Returns the samples of this set that `others` lacks, or has with other contents for the same event.
    pub fn missing_from<'s>(&'s self, others: &'s Self) -> impl Iterator<Item = &'s Sample> {
        let lacking = |(rank, sample): &(&Rank, &Sample)| others.0.get(rank) != Some(*sample);
        self.0.iter().filter(lacking).map(|(_, sample)| sample)
    }

    /// Copies all samples, sorted by event time; those without a time come first.
    pub fn all(&self) -> BTreeSet<Sample> {
        self.0.values().cloned().collect()
    }
}
