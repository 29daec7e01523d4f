//! The verb that takes stock: what recovered, what came back, what escalates, who tries doors, and
//! what each account's hour looked like.

pub mod flow;
mod marking;
pub mod run;
mod summing;
mod sweeping;
pub mod telling;

use std::collections::BTreeMap;
use std::sync::Arc;

use clusters::campaign::deeds;
use clusters::chronicle::Chronicle;
use clusters::fingerprint::{ClusterId, Subject};
use clusters::transition::Transition;
use clusters::{EventId, Facts, Sighting};

/// Tells everything that happened to events, in order, up to the end of the latest hour.
///
/// Events without a usable time have no place in it; neither has an event whose cluster is not among
/// the facts.
pub fn story(
    events: &[(EventId, Sighting)],
    facts: &BTreeMap<ClusterId, Arc<Facts>>,
) -> Vec<Transition> {
    let (mut told, _) = followed(events, facts);
    Transition::sort(&mut told);
    told
}

/// Returns what is known of all clusters after the latest hour of events; `None` where there are none
/// with a time.
pub fn chronicle(
    events: &[(EventId, Sighting)],
    facts: &BTreeMap<ClusterId, Arc<Facts>>,
) -> Option<Chronicle> {
    followed(events, facts).1
}

fn followed(
    events: &[(EventId, Sighting)],
    facts: &BTreeMap<ClusterId, Arc<Facts>>,
) -> (Vec<Transition>, Option<Chronicle>) {
    let subject = |(id, facts): (&ClusterId, &Arc<Facts>)| {
        let subject = Subject::from(&facts.identity);
        (*id, Arc::new(subject))
    };
    let deeds = deeds(events, &facts.iter().map(subject).collect());
    let mut told = Vec::new();
    let mut chronicle: Option<Chronicle> = None;
    for hour in deeds.chunk_by(|one, other| one.at.window() == other.at.window()) {
        let window = hour[0].at.window();
        let chronicle = chronicle.get_or_insert_with(|| Chronicle::new(window));
        told.extend(chronicle.turn(window, hour));
    }
    (told, chronicle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alerts::occasion::Occasion;
    use clusters::Case;
    use clusters::campaign::Deed;
    use clusters::class::Class;
    use clusters::facet::{Facets, Kind as Facet};
    use clusters::fingerprint::Identity;
    use clusters::transition::Change;
    use proptest::prelude::*;
    use records::time::EventTime;

    use super::telling::occasion;
    use super::*;

    type Known = BTreeMap<ClusterId, Arc<Facts>>;

    /// Makes events of what was drawn: a cluster, an hour, a second in it, and a caller.
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
            let cluster = identity.cluster_id();
            let template = String::new();
            facts.insert(cluster, Arc::new(Facts { identity, template }));
            let start = EventTime::parse("2026-11-01T00:00:00Z").unwrap().seconds();
            let at = start + i64::from(*hour) * 3600 + i64::from(*second);
            let case = Arc::new(Case { cluster, facets });
            let id = EventId::from_bytes((number as u128).to_be_bytes());
            events.push((id, Sighting::new(false, EventTime::from_seconds(at), case)));
        }
        (events, facts)
    }

    /// Tells the same, but forgets after each hour all that it does not write down.
    fn in_sittings(deeds: &[Deed]) -> Vec<Transition> {
        let mut told = Vec::new();
        let mut written: Option<Vec<u8>> = None;
        for hour in deeds.chunk_by(|one, other| one.at.window() == other.at.window()) {
            let window = hour[0].at.window();
            let mut chronicle = match &written {
                Some(bytes) => Chronicle::decode(bytes).unwrap(),
                None => Chronicle::new(window),
            };
            let recalled = chronicle.recalls_from()..chronicle.next();
            let again = |deed: &&Deed| recalled.contains(&deed.at.window());
            let again: Vec<Deed> = deeds.iter().filter(again).cloned().collect();
            chronicle.recall(&again);
            told.extend(chronicle.turn(window, hour));
            written = Some(chronicle.encode());
        }
        Transition::sort(&mut told);
        told
    }

    proptest! {
        #[test]
        fn lives_follow_one_another_and_nothing_is_told_twice(
            drawn in prop::collection::vec((0..4_u8, 0..1500_u16, 0..3600_u16, 0..12_u8), 1..120),
        ) {
            let (mut events, facts) = events(&drawn);
            let told = story(&events, &facts);
            let mut lives: BTreeMap<ClusterId, (i64, bool)> = BTreeMap::new();
            for transition in &told {
                let Some(cluster) = transition.cluster else { continue };
                let life = lives.entry(cluster).or_insert((0, false));
                match transition.change {
                    Change::New => *life = (1, true),
                    Change::Recovered { .. } => {
                        prop_assert_eq!(*life, (transition.epoch, true), "only what is open recovers");
                        life.1 = false;
                    }
                    Change::Regressed { .. } => {
                        prop_assert_eq!(*life, (transition.epoch - 1, false), "only what recovered");
                        *life = (transition.epoch, true);
                    }
                    _ => {}
                }
            }
            let occasions: Vec<_> = told.iter().filter_map(|of| occasion(of, None, of.at.seconds())).collect();
            let ids: BTreeSet<_> = occasions.iter().map(Occasion::id).collect();
            prop_assert_eq!(ids.len(), occasions.len());
            events.reverse();
            prop_assert_eq!(&story(&events, &facts), &told);
            let subject = |(id, facts): (&ClusterId, &Arc<Facts>)| (*id, Arc::new(Subject::from(&facts.identity)));
            let subjects = facts.iter().map(subject).collect();
            prop_assert_eq!(&in_sittings(&deeds(&events, &subjects)), &told);
        }
    }
}
