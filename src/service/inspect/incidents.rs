//! Finds incidents in all events of a store, with the calls of its ledger.
//!
//! A stack keeps no calls of the ledger. What an incident made is then listed with the note that its removal would not be seen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clusters::campaign::Occurrence;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::is_overflow;
use clusters::incident::replay::alerts_of_the_past;
use clusters::incident::sieve::occurrences;
use clusters::incident::{Given, Incident, incidents};
use clusters::{EventId, Sighting};
use records::time::Timestamp;

use crate::inspect::Recorded;
use crate::ports::LedgerCalls;

/// The incidents of a store.
#[derive(Debug, Default)]
pub struct FoundIncidents {
    /// The incidents, the most severe first; of equal severity those that are open, then the newest.
    pub incidents: Vec<Incident>,
    /// The incidents as they were with each alert that would have been sent, in the order of time. Empty unless they were
    /// asked for.
    pub alerts: Vec<Incident>,
}

impl Recorded<'_> {
    /// Finds the incidents among the events of the store.
    ///
    /// `ledger` has the calls of the ledger; `None` if the store does not keep them. `now` is the time at which incidents are
    /// looked at; `None` is the time of the newest event. `with_alerts` asks for the alerts of the past, which cost more.
    pub fn incidents(
        &self,
        ledger: Option<&LedgerCalls>,
        now: Option<Timestamp>,
        with_alerts: bool,
    ) -> FoundIncidents {
        let own = ledger.map(|ledger| &*ledger.events).unwrap_or_default();
        let overflowed = self.overflowed(own);
        let is_known = |(id, seen): &&(EventId, Sighting)| {
            !(seen.watched && overflowed.contains_key(id) && self.is_overflow(seen))
        };
        let events = self.events.iter().filter(is_known).chain(own);
        let newest = events.clone().filter_map(|(_, seen)| seen.at()).max();
        let Some(now) = now.or(newest) else {
            return FoundIncidents::default();
        };
        let subjects = self.subjects();
        let subject_of = |cluster: ClusterId| {
            let of_ledger = || {
                let facts = ledger?.facts.get(&cluster)?;
                Some(Arc::new(ClusterSubject::from(&facts.identity)))
            };
            subjects.get(&cluster).cloned().or_else(of_ledger)
        };
        let all = occurrences(events, &subject_of);
        let missing_until = match ledger {
            Some(ledger) => ledger.missing_until,
            None => Some(Timestamp::LAST),
        };
        let find =
            |find: &dyn Fn(&Given<'_>) -> Vec<Incident>| found(find, &all, now, missing_until);
        let mut incidents = find(&incidents);
        incidents.sort_by(|one, other| place(one).cmp(&place(other)));
        let mut alerts = match with_alerts {
            true => find(&alerts_of_the_past),
            false => Vec::new(),
        };
        // The store has no group of equal calls for those beyond the limit.
        let groups: BTreeMap<ClusterId, ClusterId> = overflowed.into_values().collect();
        for incident in incidents.iter_mut().chain(&mut alerts) {
            let ids = incident.clusters.iter();
            let stored = |id: &ClusterId| groups.get(id).copied().unwrap_or(*id);
            incident.clusters = ids.map(stored).collect();
        }
        FoundIncidents { incidents, alerts }
    }

    /// Returns the calls of a ledger that the store counts in overflow clusters, each with the group of equal calls that it
    /// belongs to and the overflow cluster.
    fn overflowed(
        &self,
        ledger: &[(EventId, Sighting)],
    ) -> HashMap<EventId, (ClusterId, ClusterId)> {
        let mut overflowed = HashMap::new();
        let counted = self.events.iter();
        let mut counted = counted.filter(|(_, seen)| seen.watched && self.is_overflow(seen));
        if counted.clone().next().is_none() {
            return overflowed;
        }
        let kept: HashMap<EventId, ClusterId> = ledger
            .iter()
            .map(|(id, seen)| (*id, seen.series.cluster))
            .collect();
        for (id, seen) in &mut counted {
            if let Some(group) = kept.get(id) {
                overflowed.insert(*id, (*group, seen.series.cluster));
            }
        }
        overflowed
    }

    fn is_overflow(&self, seen: &Sighting) -> bool {
        let facts = self.facts.get(&seen.series.cluster);
        facts.is_some_and(|facts| is_overflow(&facts.identity))
    }
}

/// Returns the place of an incident in lists.
fn place(incident: &Incident) -> (Reverse<impl Ord>, bool, Reverse<Timestamp>, &impl Ord) {
    (
        Reverse(incident.severity),
        !incident.is_open,
        Reverse(incident.began),
        &incident.actor,
    )
}

/// Finds incidents. Those that began when no calls of the ledger were kept have a ledger without removals.
fn found(
    find: &dyn Fn(&Given<'_>) -> Vec<Incident>,
    occurrences: &[Occurrence],
    now: Timestamp,
    missing_until: Option<Timestamp>,
) -> Vec<Incident> {
    let none = BTreeSet::new();
    let with = |removals_seen: bool| {
        find(&Given {
            occurrences,
            sent: &none,
            now,
            removals_seen: &|_| removals_seen,
            first_seen: None,
        })
    };
    let Some(missing_until) = missing_until else {
        return with(true);
    };
    let unseen = with(false);
    if unseen.iter().all(|of| of.began <= missing_until) {
        return unseen;
    }
    let seen = with(true);
    let pairs = unseen.into_iter().zip(seen);
    let choose = |(unseen, seen): (Incident, Incident)| {
        if unseen.began <= missing_until {
            unseen
        } else {
            seen
        }
    };
    pairs.map(choose).collect()
}
