//! Keeps the events of hours that were read from a store, by account.

use std::collections::{BTreeMap, BTreeSet};

use clusters::occurrence::Subjects;
use clusters::{EventId, Sighting};
use records::time::Window;

use crate::ports::{HourReader, StoreError};

/// The events of some hours.
#[derive(Debug)]
pub struct Hours<'s, S> {
    store: &'s S,
    /// The accounts whose events are kept; `None` for all.
    accounts: Option<BTreeSet<String>>,
    read: BTreeSet<Window>,
    by_account: BTreeMap<String, Vec<(EventId, Sighting)>>,
    subjects: Subjects,
}

impl<'s, S: HourReader> Hours<'s, S> {
    /// Creates the keeper of no events.
    pub fn new(store: &'s S, accounts: Option<BTreeSet<String>>) -> Self {
        Self {
            store,
            accounts,
            read: BTreeSet::new(),
            by_account: BTreeMap::new(),
            subjects: Subjects::new(),
        }
    }

    /// Reads the hours that were not read before.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn read(&mut self, hours: &BTreeSet<Window>) -> Result<(), StoreError> {
        let missing: Vec<Window> = hours.difference(&self.read).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = |id| self.subjects.get(&id).cloned();
        let read = self.store.hours(&missing, &known).await?;
        self.subjects.extend(read.subjects);
        for (id, seen) in read.events {
            let accounts = self.accounts.as_ref();
            let is_kept = |id: &str| accounts.is_none_or(|accounts| accounts.contains(id));
            if let Some(subject) = self.subjects.get(&seen.series.cluster)
                && is_kept(&subject.account_id)
            {
                let account_id = subject.account_id.clone();
                self.by_account
                    .entry(account_id)
                    .or_default()
                    .push((id, seen));
            }
        }
        self.read.extend(missing);
        Ok(())
    }

    /// Returns how many hours were read.
    pub fn count(&self) -> usize {
        self.read.len()
    }

    /// Returns the events of an account.
    pub fn of_account(&self, account_id: &str) -> &[(EventId, Sighting)] {
        self.by_account.get(account_id).map_or(&[], Vec::as_slice)
    }

    /// Returns the subjects of the clusters of all events.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }
}
