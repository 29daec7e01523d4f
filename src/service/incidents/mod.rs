//! Finds the incidents of one account while they go on, in the hours of events that a store has.
//!
//! Most new evidence opens nothing. So only the hours around it are read first; a longer time is read if there could be an
//! incident in them, or if the account has one. Hours that were read are kept for the other accounts.
//!
//! - `hours` keeps the events that were read, by account.
//! - `log_pattern` writes the filter patterns that find the records of an incident.
//! - `read_back` reads these records from the log groups.
//! - `shown` finds the incidents that a page shows.

mod hours;
pub mod log_pattern;
pub mod read_back;
pub mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::actor::{Actor, actor};
use clusters::incident::life::{OpenIncident, SentAlert, open_incidents};
use clusters::incident::sieve;
use clusters::incident::{Given, Incident, incidents};
use clusters::occurrence::{Occurrence, Subjects, occurrences};
use clusters::{EventId, Sighting};
use records::time::{Timestamp, Window};

use crate::ports::{HourReader, IncidentStore, ReadBackEvents, StoreError};

use self::hours::Hours;

/// How many hours before an incident are read: a day, in which links and what is usual are found, and what was prepared.
const HOURS_BEFORE: i64 = 26;

/// How many hours before now are read at most.
pub const HOURS_MAX: i64 = 72;

/// A caller of a cluster or of a group of equal sensitive calls.
type Pair = (ClusterId, String);

/// Finds the incidents of accounts. What it reads is kept, so it is for one invocation.
#[derive(Debug)]
pub struct IncidentFinder<'s, S> {
    store: &'s S,
    hours: Hours<'s, S>,
    /// When callers made calls for the first time, as far as the store was asked.
    first_calls: BTreeMap<Pair, Option<Timestamp>>,
}

/// What the incidents of an account are found in, beside its events.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The account.
    pub account_id: &'a str,
    /// From which time on incidents are asked for.
    pub from: Timestamp,
    /// The alerts that were sent, also those of other accounts.
    pub sent: &'a BTreeSet<SentAlert>,
    /// What was read from log groups.
    pub extra: &'a ReadBackEvents,
    /// The time at which the incidents are looked at.
    pub now: Timestamp,
}

impl Search<'_> {
    /// Returns the first hour whose events are looked at.
    pub fn first_hour(&self) -> Window {
        first_hour(self.from, self.now)
    }
}

/// Returns the first hour whose events are looked at for the incidents from `from` until `now`.
pub fn first_hour(from: Timestamp, now: Timestamp) -> Window {
    let earliest = now.window().plus(-HOURS_MAX);
    from.window().plus(-HOURS_BEFORE).max(earliest)
}

impl<'s, S: HourReader + IncidentStore> IncidentFinder<'s, S> {
    /// Creates a finder that has read nothing. With `accounts`, it finds the incidents of these accounts alone, and keeps no
    /// events of others.
    pub fn new(store: &'s S, accounts: Option<BTreeSet<String>>) -> Self {
        Self {
            store,
            hours: Hours::new(store, accounts),
            first_calls: BTreeMap::new(),
        }
    }

    /// Returns how many hours of events were read.
    pub fn hours_read(&self) -> usize {
        self.hours.count()
    }

    /// Checks whether the hours around new evidence could have an incident. If the evidence joins others by a link that an
    /// earlier hour proves, this is not seen.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn could_be_incident(
        &mut self,
        account_id: &str,
        noted: &BTreeSet<Window>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let around = noted
            .iter()
            .flat_map(|window| (-1..=1).map(|by| window.plus(by)));
        let around: BTreeSet<Window> = around.filter(|window| *window <= now.window()).collect();
        self.hours.read(&around).await?;
        let events: Vec<(EventId, Sighting)> = self
            .hours
            .of_account(account_id)
            .iter()
            .filter(|(_, seen)| seen.at().is_some_and(|at| around.contains(&at.window())))
            .cloned()
            .collect();
        let subjects = self.hours.subjects();
        let occurrences = sieve::occurrences(events.iter(), &|id| subjects.get(&id).cloned());
        let none = BTreeSet::new();
        let found = incidents(&Given {
            occurrences: &occurrences,
            sent: &none,
            now,
            removals_seen: &|_| false,
            first_seen: None,
        });
        Ok(!found.is_empty())
    }

    /// Finds the incidents of an account, each with the alert that is due, in the order of their beginning.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn find(&mut self, search: &Search<'_>) -> Result<Vec<Incident>, StoreError> {
        let now = search.now.window();
        let hours = search.first_hour().hours()..=now.hours();
        let hours = hours.map(Window::from_hours).collect();
        self.hours.read(&hours).await?;
        let is_of_account = |of: &&SentAlert| of.actor.account_id == search.account_id;
        let sent: BTreeSet<SentAlert> = search.sent.iter().filter(is_of_account).cloned().collect();
        let events = self.events(search);
        let subjects = self.subjects(search.extra);
        let subject_of = |id| subjects.get(&id).cloned();
        let sieved = sieve::occurrences(events.iter(), &subject_of);
        let found = self.incidents(&sieved, &sent, search).await?;
        let known: BTreeSet<_> = found
            .iter()
            .flat_map(|of| std::iter::once(&of.id).chain(&of.merged))
            .collect();
        let is_found = |of: &OpenIncident<'_>| known.contains(&of.latest.incident);
        if open_incidents(&sent).iter().all(is_found) {
            return Ok(found);
        }
        // Of an incident that alerts were sent about, the sieve may leave out what no longer opens one.
        let all = occurrences(&events, &subjects);
        self.incidents(&all, &sent, search).await
    }

    /// Returns the events that were read from log groups, without those that the hours that were read have.
    pub fn missing(&self, account_id: &str, read: &ReadBackEvents) -> ReadBackEvents {
        let stored = self.hours.of_account(account_id).iter();
        let stored: BTreeSet<EventId> = stored.map(|(id, _)| *id).collect();
        let mut missing = read.clone();
        missing.events.retain(|id, _| !stored.contains(id));
        let clusters = missing.events.values().map(|seen| seen.series.cluster);
        let clusters: BTreeSet<ClusterId> = clusters.collect();
        missing.subjects.retain(|id, _| clusters.contains(id));
        missing
    }

    /// Returns who made the calls of a cluster in one second. Empty if the store has none of them.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn callers(
        &mut self,
        account_id: &str,
        cluster: ClusterId,
        at: Timestamp,
    ) -> Result<BTreeSet<Option<Actor>>, StoreError> {
        self.hours.read(&BTreeSet::from([at.window()])).await?;
        let events = self.hours.of_account(account_id).iter();
        let of_call =
            events.filter(|(_, seen)| seen.series.cluster == cluster && seen.at() == Some(at));
        let subject = self.hours.subjects().get(&cluster);
        let caller = |(_, seen): &(EventId, Sighting)| actor(subject?, &seen.series.facets);
        Ok(of_call.map(caller).collect())
    }

    /// Returns the events of an account with those that the store does not have.
    fn events(&self, search: &Search<'_>) -> Vec<(EventId, Sighting)> {
        let stored = self.hours.of_account(search.account_id);
        let known: BTreeSet<EventId> = stored.iter().map(|(id, _)| *id).collect();
        let first = search.first_hour().start();
        let extra = search.extra.events.iter();
        // What happened before would be seen without the events of the table around it.
        let is_within = |seen: &Sighting| seen.at().is_some_and(|at| first <= at);
        let extra = extra.filter(|(id, seen)| is_within(seen) && !known.contains(*id));
        let extra = extra.map(|(id, seen)| (*id, seen.clone()));
        stored.iter().cloned().chain(extra).collect()
    }

    fn subjects(&self, extra: &ReadBackEvents) -> Subjects {
        let mut subjects = extra.subjects.clone();
        let stored = self.hours.subjects().iter();
        subjects.extend(stored.map(|(id, of)| (*id, Arc::<ClusterSubject>::clone(of))));
        subjects
    }

    async fn incidents(
        &mut self,
        occurrences: &[Occurrence],
        sent: &BTreeSet<SentAlert>,
        search: &Search<'_>,
    ) -> Result<Vec<Incident>, StoreError> {
        let pairs: BTreeSet<Pair> = occurrences.iter().filter_map(pair).collect();
        let unknown: BTreeSet<Pair> = pairs
            .into_iter()
            .filter(|pair| !self.first_calls.contains_key(pair))
            .collect();
        if !unknown.is_empty() {
            let mut found = self.store.first_calls(&unknown).await?;
            let with_answer = |pair: Pair| {
                let first = found.remove(&pair);
                (pair, first)
            };
            self.first_calls
                .extend(unknown.into_iter().map(with_answer));
        }
        let first_seen = |of: &Occurrence| {
            pair(of).and_then(|pair| self.first_calls.get(&pair).copied().flatten())
        };
        Ok(incidents(&Given {
            occurrences,
            sent,
            now: search.now,
            removals_seen: &|actor| search.extra.complete.contains_key(actor),
            first_seen: Some(&first_seen),
        }))
    }
}

fn pair(of: &Occurrence) -> Option<Pair> {
    let caller = of.series.facets.get(FacetKind::Principal)?;
    Some((of.series.cluster, caller.to_owned()))
}
