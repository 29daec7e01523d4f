//! Samples: of each cluster a few redacted records, kept as examples.
//!
//! A hash of their ids decides which, so that no caller and no order of arrival does. Making one is
//! dear, so those are left out that the store would not keep; what it has only gets less to keep.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use records::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::EventId;
use crate::fingerprint::ClusterId;

/// How many samples a cluster keeps.
pub const SAMPLES_MAX: usize = 5;

/// A redacted record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// When the call was made.
    pub at: Option<Timestamp>,
    /// The event's id.
    pub id: EventId,
    /// The redacted record as JSON of at most 8 KB.
    pub json: Arc<str>,
}

/// An event's place among the samples: a hash of its id, so that nobody chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank([u8; 8]);

/// The samples of one cluster: the [`SAMPLES_MAX`] of the least ranks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples(BTreeMap<Rank, Sample>);

/// The last rank that a store has kept of clusters that it has enough samples of.
pub type SampleCutoffs = HashMap<ClusterId, Rank>;

impl Rank {
    /// Returns the rank of an event.
    pub fn of(id: EventId) -> Self {
        let mut rank = [0; 8];
        rank.copy_from_slice(&Sha256::digest(id.bytes())[..8]);
        Self(rank)
    }

    /// The rank before all others: whoever has a sample of it wants none.
    pub const LEAST: Self = Self([0; 8]);

    /// Returns the bytes, in whose order ranks are.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl Samples {
    /// Tells whether a sample of this rank would be kept, before it is made.
    pub fn wants(&self, rank: Rank) -> bool {
        self.cutoff().is_none_or(|last| rank < last)
    }

    /// Returns the last rank, once there are enough samples.
    pub fn cutoff(&self) -> Option<Rank> {
        let last = self.0.last_key_value().map(|(rank, _)| *rank);
        last.filter(|_| self.0.len() >= SAMPLES_MAX)
    }

    /// Takes a sample in, if it is among those to keep; of two of one event the lesser.
    pub fn insert(&mut self, sample: Sample) {
        self.insert_at(Rank::of(sample.id), sample);
    }

    /// Takes a sample in whose rank is known already.
    pub fn insert_at(&mut self, rank: Rank, sample: Sample) {
        let kept = self.0.entry(rank).or_insert_with(|| sample.clone());
        if sample < *kept {
            *kept = sample;
        }
        if self.0.len() > SAMPLES_MAX {
            self.0.pop_last();
        }
    }

    /// Returns the sample of the least rank.
    pub fn first(&self) -> Option<&Sample> {
        self.0.values().next()
    }

    /// Takes the sample of an event out.
    pub fn forget(&mut self, id: EventId) {
        self.0.remove(&Rank::of(id));
    }

    /// Joins other samples of the same cluster.
    pub fn join(&mut self, other: Self) {
        for (rank, sample) in other.0 {
            self.insert_at(rank, sample);
        }
    }

    /// Returns the samples that others lack.
    pub fn but<'s>(&'s self, others: &'s Self) -> impl Iterator<Item = &'s Sample> {
        let lacking = |(rank, sample): &(&Rank, &Sample)| others.0.get(rank) != Some(*sample);
        self.0.iter().filter(lacking).map(|(_, sample)| sample)
    }

    /// Returns the samples in the order of event time.
    pub fn all(&self) -> BTreeSet<Sample> {
        self.0.values().cloned().collect()
    }
}
