//! Gives clusters what they inherit from clusters with ids of an earlier version of the identity: decisions and journals.
//!
//! `clusters::carry` computes what each cluster inherits; this module stores it. What is stored already stays, so each step may be
//! repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::ClusterFacts;
use clusters::carry::{Inheritance, OldCluster, Successors};
use clusters::fingerprint::ClusterId;
use clusters::journal::JournalEntry;
use input::{Layout, Limits};

use crate::ingest::{Folding, commit};
use crate::memory::MemoryStore;
use crate::ports::{Store as _, StoreError, TriageStore};
use crate::rules::Rules;

/// What was stored in one run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The number of clusters that got a decision.
    pub decisions: u64,
    /// The number of entries that journals got.
    pub entries: u64,
}

/// Why a run stopped. What was stored before stays, and the next run does the rest.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The store does not answer, or holds data that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A person decided about the cluster at the same time. Try again.
    #[error("{0} was changed at the same time by another user; try again")]
    Changed(ClusterId),
}

/// Stores what each cluster inherits, and returns how much of it was new. A decision that people made about the new cluster itself
/// stays, also if they have withdrawn it.
///
/// # Errors
/// [`CarryError`] if the store failed, or if a decision was changed at the same time.
pub async fn hand_over(
    store: &impl TriageStore,
    inherited: &BTreeMap<ClusterId, Inheritance>,
) -> Result<Carried, CarryError> {
    let mut carried = Carried::default();
    for (cluster, inheritance) in inherited {
        let given = give(store, *cluster, inheritance).await?;
        carried.decisions += given.decisions;
        carried.entries += given.entries;
    }
    Ok(carried)
}

/// Stores that old clusters were resolved or reopened, as their journals say, where the store does not list it yet. An earlier
/// release wrote it into the journals only. Returns how much was stored.
///
/// # Errors
/// [`StoreError`] if the store failed.
pub async fn list_resolutions(
    store: &impl TriageStore,
    old: &BTreeMap<ClusterId, OldCluster>,
) -> Result<u64, StoreError> {
    let listed = store.resolutions().await?;
    let mut stored = 0;
    for (cluster, decided) in old {
        let listed = listed.get(cluster);
        let is_missing = |entry: &&JournalEntry| {
            let said = entry.what.said().map(|said| (entry.at, said));
            said.is_some_and(|said| listed.is_none_or(|listed| !listed.contains(&said)))
        };
        let missing = decided.journal.iter().filter(is_missing);
        let missing: Vec<JournalEntry> = missing.cloned().collect();
        if !missing.is_empty() {
            store.note(*cluster, &missing).await?;
            stored += missing.len() as u64;
        }
    }
    Ok(stored)
}

async fn give(
    store: &impl TriageStore,
    cluster: ClusterId,
    inheritance: &Inheritance,
) -> Result<Carried, CarryError> {
    let stored = store.triage(cluster).await?;
    let journal = store.journal(cluster).await?;
    let missing = inheritance.missing_from(&journal);
    let mut carried = Carried {
        entries: missing.len() as u64,
        ..Carried::default()
    };
    let is_replaceable = match &stored.triage {
        None => stored.version == 0,
        Some(triage) => inheritance.has(triage),
    };
    if let (Some(triage), Some(entry)) = (inheritance.triage(), inheritance.entry(&journal))
        && is_replaceable
        && stored.triage.as_ref() != Some(triage)
    {
        let set = store.set_triage(cluster, Some(triage), stored.version, &entry);
        if !set.await? {
            return Err(CarryError::Changed(cluster));
        }
        carried.decisions = 1;
    }
    if !missing.is_empty() {
        store.note(cluster, &missing).await?;
    }
    Ok(carried)
}

/// Finds successors by examples: for each old cluster the cluster that its example belongs to by the present version of the identity.
/// Returns them with the facts of the new clusters.
///
/// An example is a record without its request, so its message may be masked in another way than that of the whole record. So where
/// the message is part of the identity, the new cluster must be in `known`. A cluster without a certain successor is left out.
///
/// # Errors
/// [`StoreError`] of the store in memory in which the examples are grouped; it does not occur in practice.
pub async fn successors_by_example<'e>(
    examples: impl IntoIterator<Item = (ClusterId, &'e str)>,
    rules: &Rules,
    known: &BTreeSet<ClusterId>,
) -> Result<(Successors, BTreeMap<ClusterId, Arc<ClusterFacts>>), StoreError> {
    let (mut successors, mut facts) = (Successors::new(), BTreeMap::new());
    for (old, example) in examples {
        let Some((new, of)) = present_cluster(example, rules).await? else {
            continue;
        };
        if of.identity.template.is_none() || known.contains(&new) {
            successors.insert(old, BTreeSet::from([new]));
            facts.insert(new, of);
        }
    }
    Ok((successors, facts))
}

/// Returns the cluster of a record; `None` if the record is not selected.
async fn present_cluster(
    record: &str,
    rules: &Rules,
) -> Result<Option<(ClusterId, Arc<ClusterFacts>)>, StoreError> {
    let mut folding = Folding::new(Limits::default(), rules);
    let Ok(folded) = folding.fold(record.as_bytes(), Layout::Guess, None) else {
        return Ok(None);
    };
    let mut store = MemoryStore::default();
    commit(&mut store, "example", folded).await?;
    Ok(store.sums(None).await?.facts.into_iter().next())
}
