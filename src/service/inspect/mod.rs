//! Inspects hours of event time that are over. Finds clusters that recovered, came back or escalate,
//! finds incidents, and sums up each account's hours, days and weeks.

pub mod flow;
pub mod incidents;
pub mod run;
mod summing;
mod sweeping;
pub mod transition_alerts;
mod triage_check;

use std::collections::BTreeMap;
use std::sync::Arc;

use clusters::call_alerts;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::inspection_state::InspectionState;
use clusters::lifecycle::Resolutions;
use clusters::occurrence::{Occurrence, Subjects, occurrences};
use clusters::transition::Transition;
use clusters::{ClusterFacts, EventId, Sighting};
use records::time::{Timestamp, Window};
use view::listing::Listing;

/// All events and clusters of a store, as input for [`Recorded::replay`].
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// All events, each once, in any order.
    pub events: &'a [(EventId, Sighting)],
    /// The facts of the clusters, by cluster id. Events of a cluster that is missing here are left out.
    pub facts: &'a BTreeMap<ClusterId, Arc<ClusterFacts>>,
    /// The times at which people resolved or reopened clusters, by cluster.
    pub resolutions: &'a Resolutions,
}

/// The result of [`Recorded::replay`], which inspects all hours at once. The hourly inspections of a stack have the
/// same result.
#[derive(Debug, Default)]
pub struct Replayed {
    /// All transitions of clusters, callers and accounts, oldest first.
    pub story: Vec<Transition>,
    /// The inspection state after the last hour; `None` if no event has a time.
    pub inspection_state: Option<InspectionState>,
    /// The occurrences after the last inspected hour, oldest first.
    rest: Vec<Occurrence>,
}

impl Recorded<'_> {
    fn subjects(&self) -> Subjects {
        let subject = |(id, facts): (&ClusterId, &Arc<ClusterFacts>)| {
            let subject = ClusterSubject::from(&facts.identity);
            (*id, Arc::new(subject))
        };
        self.facts.iter().map(subject).collect()
    }

    /// Inspects all hours with events, in order. With `until`, only the hours before `until` are inspected; `None`
    /// inspects all hours up to the last event.
    pub fn replay(&self, until: Option<Window>) -> Replayed {
        let subjects = self.subjects();
        let timed = self.events.iter();
        let timed = timed.filter_map(|event| Some((event.1.at()?, event)));
        let mut timed: Vec<(Timestamp, &(EventId, Sighting))> = timed.collect();
        timed.sort_unstable_by_key(|(at, (id, _))| (*at, *id));
        let is_inspected = |(at, _): &(Timestamp, _)| until.is_none_or(|until| at.window() < until);
        let (inspected, rest) = timed.split_at(timed.partition_point(is_inspected));
        let mut replayed = Replayed {
            rest: occurrences(rest.iter().map(|(_, event)| *event), &subjects),
            ..Replayed::default()
        };
        // Hour by hour, because the occurrences of events need more memory than the events.
        for hour in inspected.chunk_by(|(one, _), (other, _)| one.window() == other.window()) {
            let window = hour[0].0.window();
            let new = || InspectionState::new(window).with_resolutions(self.resolutions.clone());
            let inspection_state = replayed.inspection_state.get_or_insert_with(new);
            let occurrences = occurrences(hour.iter().map(|(_, event)| *event), &subjects);
            replayed
                .story
                .extend(inspection_state.turn(window, &occurrences));
        }
        if let (Some(inspection_state), Some(until)) = (&mut replayed.inspection_state, until) {
            // The hours after the last event have no errors; clusters may recover in them.
            replayed.story.extend(inspection_state.pass(until));
        }
        let inspected = inspected.iter().map(|(_, event)| (*event).clone());
        let inspected: Vec<(EventId, Sighting)> =
            inspected.filter(|(_, seen)| seen.watched).collect();
        replayed
            .story
            .extend(call_alerts::transitions(&inspected, self.facts));
        Transition::sort(&mut replayed.story);
        replayed
    }

    /// Returns the sensitive calls among all events that have a time, oldest first.
    pub fn sensitive_calls(&self) -> Vec<Occurrence> {
        let sensitive = self.events.iter().filter(|(_, seen)| seen.watched);
        occurrences(sensitive, &self.subjects())
    }

    /// Lists all clusters with their present status: from the replayed hours, from later events, and from events
    /// without a time.
    ///
    /// `replayed` must be a replay of the same events. `now` is used only if no event has a time: the list then ends
    /// with the hour before `now`.
    pub fn listing(&self, replayed: &Replayed, now: Timestamp) -> Listing {
        let mut listing = replayed.listing(now);
        listing.meet(&replayed.rest, self.resolutions);
        let subjects = self.subjects();
        let undated = self.events.iter().map(|(_, seen)| seen);
        let undated = undated.filter(|seen| seen.at().is_none());
        listing.add_undated(undated, |cluster| subjects.get(&cluster).cloned());
        listing
    }
}

impl Replayed {
    /// Lists clusters with their status after the last inspected hour. `now` is used only if no hour was inspected: the
    /// list is empty then and ends with the hour before `now`.
    pub fn listing(&self, now: Timestamp) -> Listing {
        let inspection_state = self.inspection_state.as_ref();
        inspection_state.map_or_else(|| Listing::empty(now.window()), Listing::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alerts::alert::Alert;
    use clusters::Series;
    use clusters::class::Class;
    use clusters::facet::{FacetKind as Facet, Facets};
    use clusters::fingerprint::Identity;
    use clusters::lifecycle::{LEARNING_SECONDS, LifecycleEvent, Status};
    use clusters::transition::Change;
    use proptest::prelude::*;

    use super::transition_alerts::alert;
    use super::*;

    type Known = BTreeMap<ClusterId, Arc<ClusterFacts>>;

    /// Makes events of random tuples: number of the cluster, hour, second in the hour, number of the caller.
    fn events(drawn: &[(u8, u16, u16, u8)]) -> (Vec<(EventId, Sighting)>, Known) {
        let classes = [Class::Denied, Class::Throttle, Class::Signin, Class::Absent];
        let mut facts = Known::new();
        let mut events = Vec::new();
        for (number, (which, hour, second, caller)) in drawn.iter().enumerate() {
            let identity = Identity {
                partition: "aws".to_owned(),
                account_id: "111122223333".to_owned(),
                service: "s3".to_owned(),
                action: format!("Get{}", char::from(b'A' + which)),
                class: classes[usize::from(*which) % classes.len()],
                code: "Code".to_owned(),
                cause: None,
                template: None,
                addition: None,
            };
            let mut facets = Facets::default();
            facets.set(Facet::Principal, Some(&format!("caller-{caller}")));
            // Every third caller is a scanner, so that clusters are quiet until another caller comes.
            if caller % 3 == 0 {
                facets.set(Facet::Origin, Some("scanner"));
                facets.set(Facet::Access, Some("read"));
            }
            // Callers seldom leave their usual values.
            let network = [0, 0, 0, 0, 1, 2, 3][usize::from(second % 7)];
            facets.set(Facet::Network, Some(&format!("198.51.{network}.0/24")));
            let region = ["us-east-1", "eu-west-1"][usize::from(second % 13 == 0)];
            facets.set(Facet::Region, Some(region));
            let layer = ["identity implicit", "scp explicit"][usize::from(hour % 5 == 0)];
            facets.set(Facet::Layer, Some(layer));
            let cluster = identity.cluster_id();
            let template = String::new();
            facts.insert(cluster, Arc::new(ClusterFacts { identity, template }));
            let start = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
            let at = start.plus(i64::from(*hour) * 3600 + i64::from(*second));
            let series = Arc::new(Series { cluster, facets });
            let id = EventId::from_bytes((number as u128).to_be_bytes());
            events.push((id, Sighting::new(false, Some(at), series)));
        }
        (events, facts)
    }

    /// Inspects hour by hour, like the functions of a stack: after each hour, the state is encoded, and
    /// decoded for the next hour.
    fn hour_by_hour(occurrences: &[Occurrence], resolutions: &Resolutions) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut written: Option<Vec<u8>> = None;
        for hour in occurrences.chunk_by(|one, other| one.at.window() == other.at.window()) {
            let window = hour[0].at.window();
            let mut inspection_state = match &written {
                Some(bytes) => InspectionState::decode(bytes).unwrap(),
                None => InspectionState::new(window),
            };
            inspection_state = inspection_state.with_resolutions(resolutions.clone());
            transitions.extend(inspection_state.turn(window, hour));
            written = Some(inspection_state.encode());
        }
        Transition::sort(&mut transitions);
        transitions
    }

    /// Checks that the transitions of a cluster are quiet until its first event that is not, and that this event has
    /// the transition of a new cluster.
    fn assert_quiet(
        (events, facts): (&[(EventId, Sighting)], &Known),
        transitions: &[Transition],
    ) -> Result<(), TestCaseError> {
        let mut known: BTreeMap<ClusterId, Timestamp> = BTreeMap::new();
        for (_, seen) in events {
            let cluster = seen.series.cluster;
            let is_scanner = seen.series.facets.get(Facet::Origin) == Some("scanner");
            if !is_scanner || facts[&cluster].identity.class == Class::Signin {
                let at = seen.at().unwrap();
                let first = known.entry(cluster).or_insert(at);
                *first = at.min(*first);
            }
        }
        for transition in transitions {
            let Some(cluster) = transition.cluster else {
                continue;
            };
            let since = known.get(&cluster).copied();
            let is_possible = match transition.is_quiet {
                true => since.is_none_or(|since| transition.at <= since),
                false => since.is_some_and(|since| since <= transition.at),
            };
            prop_assert!(is_possible, "{transition:?}, known since {since:?}");
        }
        for (cluster, since) in known {
            let is_new = |of: &&Transition| {
                of.cluster == Some(cluster) && of.change == Change::New && !of.is_quiet
            };
            let new: Vec<Timestamp> = transitions.iter().filter(is_new).map(|of| of.at).collect();
            prop_assert_eq!(new, [since]);
        }
        Ok(())
    }

    /// Checks that each new circumstance is announced once, and not in the first day of its caller in the cluster.
    fn assert_new_circumstances(
        events: &[(EventId, Sighting)],
        transitions: &[Transition],
    ) -> Result<(), TestCaseError> {
        let mut announced = BTreeSet::new();
        for transition in transitions {
            let Change::NewCircumstance(new) = &transition.change else {
                continue;
            };
            let what = (&new.principal, new.facet, &new.value);
            let cluster = transition.cluster.filter(|_| new.principal.is_none());
            prop_assert!(announced.insert((what, cluster)), "{new:?} again");
            let is_of = |seen: &&Sighting| {
                let facets = &seen.series.facets;
                Some(seen.series.cluster) == transition.cluster
                    && new
                        .principal
                        .as_deref()
                        .is_none_or(|name| facets.get(Facet::Principal) == Some(name))
            };
            let seen = events.iter().map(|(_, seen)| seen).filter(is_of);
            let first = seen.filter_map(Sighting::at).min().unwrap();
            prop_assert!(transition.at.seconds_since(first) >= LEARNING_SECONDS);
            prop_assert!(!new.usual.shown.contains(&new.value));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn resolutions_have_the_same_effect_at_once_and_hour_by_hour(
            drawn in prop::collection::vec((0..4_u8, 0..400_u16, 0..3600_u16, 0..12_u8), 1..80),
            decisions in prop::collection::vec((0..80_usize, 0..400_i64 * 3600, any::<bool>()), 1..12),
        ) {
            let (mut events, facts) = events(&drawn);
            let start = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
            let mut resolutions = Resolutions::new();
            for (which, at, is_over) in decisions {
                let (_, seen) = &events[which % events.len()];
                let decision = if is_over { LifecycleEvent::Resolved } else { LifecycleEvent::Reopened };
                resolutions.entry(seen.series.cluster).or_default().insert((start.plus(at), decision));
            }
            let replay = |events: &[(EventId, Sighting)]| {
                let recorded = Recorded { events, facts: &facts, resolutions: &resolutions };
                let replayed = recorded.replay(None);
                let listing = recorded.listing(&replayed, Timestamp::FIRST);
                (replayed.story, listing)
            };
            let (story, listing) = replay(&events);
            events.reverse();
            prop_assert_eq!(&replay(&events), &(story.clone(), listing.clone()));
            let subjects = facts.iter().map(|(id, facts)| (*id, Arc::new(ClusterSubject::from(&facts.identity))));
            prop_assert_eq!(hour_by_hour(&occurrences(&events, &subjects.collect()), &resolutions), story);
            // A cluster whose last decision is "resolved", after all its events, is recovered.
            for (id, decisions) in &resolutions {
                let (at, decision) = decisions.last().unwrap();
                let last = listing.clusters[id].last.unwrap();
                let is_over = *decision == LifecycleEvent::Resolved && *at > last;
                prop_assert!(!is_over || listing.clusters[id].status() == Status::Recovered);
            }
        }

        #[test]
        fn episodes_follow_one_another_and_no_alert_is_repeated(
            drawn in prop::collection::vec((0..4_u8, 0..1500_u16, 0..3600_u16, 0..12_u8), 1..120),
        ) {
            let (mut events, facts) = events(&drawn);
            let resolutions = Resolutions::new();
            let story = |events: &[(EventId, Sighting)]| {
                let recorded = Recorded { events, facts: &facts, resolutions: &resolutions };
                recorded.replay(None).story
            };
            let transitions = story(&events);
            let mut histories: BTreeMap<ClusterId, (i64, bool)> = BTreeMap::new();
            for transition in &transitions {
                let Some(cluster) = transition.cluster else { continue };
                let history = histories.entry(cluster).or_insert((0, false));
                match transition.change {
                    // A cluster that was quiet is announced when another caller comes.
                    Change::New => *history = (transition.episode, true),
                    Change::Recovered { .. } => {
                        prop_assert_eq!(*history, (transition.episode, true), "only an open cluster recovers");
                        history.1 = false;
                    }
                    Change::Regressed { .. } => {
                        prop_assert_eq!(*history, (transition.episode - 1, false), "only a recovered cluster comes back");
                        *history = (transition.episode, true);
                    }
                    _ => {}
                }
            }
            let alerts: Vec<_> = transitions.iter().filter_map(|of| alert(of, None, of.at)).collect();
            let ids: BTreeSet<_> = alerts.iter().map(Alert::id).collect();
            prop_assert_eq!(ids.len(), alerts.len());
            assert_quiet((&events, &facts), &transitions)?;
            assert_new_circumstances(&events, &transitions)?;
            events.reverse();
            prop_assert_eq!(&story(&events), &transitions);
            let subject = |(id, facts): (&ClusterId, &Arc<ClusterFacts>)| (*id, Arc::new(ClusterSubject::from(&facts.identity)));
            let subjects = facts.iter().map(subject).collect();
            prop_assert_eq!(&hour_by_hour(&occurrences(&events, &subjects), &resolutions), &transitions);
        }
    }
}
