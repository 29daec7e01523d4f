//! Finds incidents in all events of a store, with the calls of its ledger.
//!
//! A stack keeps only those calls of the ledger that its function read from the log groups for an alert. What others made is
//! listed with the note that its removal would not be seen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use alerts::severity::{self, Severity};
use clusters::circumstance::Circumstance;
use clusters::fingerprint::ClusterId;
use clusters::guard::is_overflow;
use clusters::incident::actor::{Actor, actor};
use clusters::incident::replay::alerts_of_the_past;
use clusters::incident::sieve::occurrences;
use clusters::incident::{Given, Incident, incidents};
use clusters::occurrence::{Occurrence, occurrences as timed};
use clusters::transition::{Change, Transition};
use clusters::{EventId, Sighting, Span};
use records::time::Timestamp;

use crate::inspect::Recorded;
use crate::ports::LedgerCalls;

/// How long a single alert below critical waits for an incident that may absorb it, in seconds.
pub const ROUND_SECONDS: i64 = 60;

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
    /// `ledger` has what the store keeps for incidents; `None` if it keeps nothing. `now` is the time at which incidents are
    /// looked at; `None` is the time of the newest event. `with_alerts` asks for the alerts of the past, which cost more.
    pub fn incidents(
        &self,
        ledger: Option<&LedgerCalls>,
        now: Option<Timestamp>,
        with_alerts: bool,
    ) -> FoundIncidents {
        let none = LedgerCalls {
            missing_until: Some(Timestamp::LAST),
            ..LedgerCalls::default()
        };
        let ledger = ledger.unwrap_or(&none);
        let own = &*ledger.events;
        let overflowed = self.overflowed(own);
        let is_known = |(id, seen): &&(EventId, Sighting)| {
            !(seen.watched && overflowed.contains_key(id) && self.is_overflow(seen))
        };
        let known = self.events.iter().filter(is_known);
        let twice = twice(known.clone(), own);
        let events = known.chain(own.iter().filter(|(id, _)| !twice.contains(id)));
        let newest = events.clone().filter_map(|(_, seen)| seen.at()).max();
        let Some(as_of) = now.or(newest) else {
            return FoundIncidents::default();
        };
        // Without a clock, the round after the newest event is over.
        let round = now.unwrap_or(as_of.plus(ROUND_SECONDS));
        let subjects = self.subjects();
        let subject_of = |cluster: ClusterId| {
            let of_ledger = || ledger.subjects.get(&cluster);
            subjects.get(&cluster).or_else(of_ledger).cloned()
        };
        let all = occurrences(events, &subject_of);
        let mut incidents = found(&incidents, &all, as_of, ledger);
        sort(&mut incidents);
        let mut alerts = match with_alerts {
            true => found(&alerts_of_the_past, &all, round, ledger),
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

    /// Marks the transitions of a story that the incidents absorb, so that they have no alert of their own.
    ///
    /// An incident absorbs the alerts below critical about events of its actor, from a minute before its first alert on: a
    /// single alert waits for as long. What follows from an absorbed episode, such as its recovery, is absorbed too.
    pub fn absorb(&self, story: &mut [Transition], found: &FoundIncidents) {
        let opened: Vec<(&Incident, Timestamp)> = found
            .incidents
            .iter()
            .filter_map(|incident| Some((incident, opened(incident, &found.alerts)?)))
            .collect();
        if opened.is_empty() {
            return;
        }
        let taken: BTreeSet<ClusterId> = story.iter().filter_map(|of| of.cluster).collect();
        let by_cluster = self.by_cluster(&taken);
        let mut episodes = BTreeSet::new();
        for transition in story.iter_mut().filter(|of| !of.is_quiet) {
            let Some(cluster) = transition.cluster else {
                continue;
            };
            let episode = (cluster, transition.episode);
            transition.is_absorbed = match transition.change {
                Change::Ongoing | Change::Recovered { .. } => episodes.contains(&episode),
                Change::New
                | Change::Regressed { .. }
                | Change::NewPrincipal { .. }
                | Change::NewCircumstance(_)
                | Change::SensitiveCall(_) => by_cluster
                    .get(&cluster)
                    .is_some_and(|events| is_absorbed(events, transition.at, &opened)),
                _ => false,
            };
            if transition.is_absorbed
                && matches!(transition.change, Change::New | Change::Regressed { .. })
            {
                episodes.insert(episode);
            }
        }
    }

    /// Returns the occurrences of some clusters and sensitive calls.
    fn by_cluster(&self, clusters: &BTreeSet<ClusterId>) -> HashMap<ClusterId, Vec<Occurrence>> {
        let events = self.events.iter();
        let events = events.filter(|(_, seen)| clusters.contains(&seen.series.cluster));
        let mut by_cluster: HashMap<ClusterId, Vec<Occurrence>> = HashMap::new();
        for occurrence in timed(events, &self.subjects()) {
            let cluster = occurrence.series.cluster;
            by_cluster.entry(cluster).or_default().push(occurrence);
        }
        by_cluster
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

/// Returns when the first alert about an incident would have been sent. `alerts` are incidents as they were with each alert.
fn opened(incident: &Incident, alerts: &[Incident]) -> Option<Timestamp> {
    let is_same = |of: &&Incident| {
        incident.takes_in(&of.actor, of.last) || incident.takes_in(&of.actor, of.began)
    };
    let due = alerts.iter().filter(is_same);
    due.filter_map(|of| Some(of.due.as_ref()?.at)).min()
}

/// Checks whether one of the incidents absorbs an alert about an event of a cluster at a time. `events` are all events of the
/// cluster, in the order of time.
fn is_absorbed(events: &[Occurrence], at: Timestamp, opened: &[(&Incident, Timestamp)]) -> bool {
    let from = events.partition_point(|of| of.at < at);
    let mut own = events[from..].iter().take_while(|of| of.at == at);
    let is_of_incident = own.any(|of| {
        let actor = actor(&of.subject, &of.series.facets);
        actor.is_some_and(|actor| {
            opened.iter().any(|(incident, opened)| {
                at >= opened.plus(-ROUND_SECONDS) && incident.takes_in(&actor, at)
            })
        })
    });
    is_of_incident && severity_at(events, at.plus(ROUND_SECONDS)) < Some(Severity::Critical)
}

/// Returns the severity of a cluster with its events until a time; `None` without events.
fn severity_at(events: &[Occurrence], until: Timestamp) -> Option<Severity> {
    let events = &events[..events.partition_point(|of| of.at <= until)];
    let (first, last) = (events.first()?, events.last()?);
    let circumstance = |of: &Occurrence| Circumstance::of_facets(&of.subject, &of.series.facets);
    let span = Span {
        first_seen: Some(first.at),
        last_seen: Some(last.at),
        count: events.len() as u64,
    };
    Some(
        severity::of(
            &first.subject,
            &events.iter().map(circumstance).collect(),
            span,
        )
        .severity,
    )
}

/// Sorts incidents: the most severe first; of equal severity those that are open, then the newest.
pub fn sort(incidents: &mut [Incident]) {
    incidents.sort_by(|one, other| place(one).cmp(&place(other)));
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

/// Returns the ids of the calls of a ledger that are events of clusters as well.
fn twice<'e>(
    events: impl Iterator<Item = &'e (EventId, Sighting)>,
    own: &[(EventId, Sighting)],
) -> HashSet<EventId> {
    let own: HashSet<EventId> = own.iter().map(|(id, _)| *id).collect();
    if own.is_empty() {
        return own;
    }
    let ids = events.map(|(id, _)| *id);
    ids.filter(|id| own.contains(id)).collect()
}

/// Finds incidents. Those that began when no calls of the ledger were kept have a ledger without removals.
fn found(
    find: &dyn Fn(&Given<'_>) -> Vec<Incident>,
    occurrences: &[Occurrence],
    now: Timestamp,
    ledger: &LedgerCalls,
) -> Vec<Incident> {
    let with = |removals_seen: &dyn Fn(&Actor) -> bool| {
        find(&Given {
            occurrences,
            sent: &ledger.sent,
            now,
            removals_seen,
            first_seen: None,
        })
    };
    let Some(missing_until) = ledger.missing_until else {
        return with(&|_| true);
    };
    let unseen = with(&|actor| ledger.complete.contains(actor));
    if unseen.iter().all(|of| of.began <= missing_until) {
        return unseen;
    }
    let seen = with(&|_| true);
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
