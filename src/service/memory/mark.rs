//! Marks and journals in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use clusters::fingerprint::ClusterId;
use clusters::journal::Entry;
use clusters::mark::Mark;

use crate::memory::MemoryStore;
use crate::ports::{Marked, Marks, StoreError};

/// What people decided, and what happened.
#[derive(Debug, Default)]
pub struct Decisions {
    marks: BTreeMap<ClusterId, Marked>,
    journals: BTreeMap<ClusterId, BTreeSet<Entry>>,
}

impl MemoryStore {
    pub(super) fn decisions(&self) -> MutexGuard<'_, Decisions> {
        let decisions = self.decisions.lock();
        decisions.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decisions {
    /// Returns the mark of a cluster.
    pub fn mark(&self, cluster: ClusterId) -> Option<Mark> {
        self.marks.get(&cluster)?.mark.clone()
    }

    fn note(&mut self, cluster: ClusterId, entries: &[Entry]) {
        let journal = self.journals.entry(cluster).or_default();
        journal.extend(entries.iter().cloned());
    }
}

impl Marks for MemoryStore {
    async fn marks(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, Marked>, StoreError> {
        let known = &self.decisions().marks;
        let marked = |id: &ClusterId| Some((*id, known.get(id)?.clone()));
        Ok(clusters.iter().filter_map(marked).collect())
    }

    async fn set_mark(
        &self,
        cluster: ClusterId,
        mark: Option<&Mark>,
        version: i64,
        entry: &Entry,
    ) -> Result<bool, StoreError> {
        let mut decisions = self.decisions();
        let marked = decisions.marks.entry(cluster).or_default();
        if marked.version != version {
            return Ok(false);
        }
        *marked = Marked {
            mark: mark.cloned(),
            version: version + 1,
        };
        decisions.note(cluster, std::slice::from_ref(entry));
        Ok(true)
    }

    async fn journal(&self, cluster: ClusterId) -> Result<Vec<Entry>, StoreError> {
        let decisions = self.decisions();
        let journal = decisions.journals.get(&cluster);
        Ok(journal.into_iter().flatten().cloned().collect())
    }

    async fn note(&self, cluster: ClusterId, entries: &[Entry]) -> Result<(), StoreError> {
        self.decisions().note(cluster, entries);
        Ok(())
    }
}
