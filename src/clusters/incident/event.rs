//! The events of one judgement, with what is the same for all events of a series worked out once.
//!
//! The input is a set: of two occurrences with one event id the lesser stays, and the order is that of time and id. So
//! everything that is computed from here on depends on the set alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;

use crate::circumstance::Circumstance;
use crate::class::Class;
use crate::facet::FacetKind;
use crate::occurrence::Occurrence;
use crate::{Series, fingerprint::ClusterSubject};

use super::actor::{Actor, actor};
use super::step::{self, Nature, StepKey};

/// The index of an actor in [`Events::actors`].
pub(super) type ActorIndex = usize;

/// What all events of a series have in common.
#[derive(Debug)]
pub(super) struct Trait<'o> {
    pub subject: &'o ClusterSubject,
    pub series: &'o Series,
    /// `None` for AWS services and callers without a name.
    pub actor: Option<ActorIndex>,
    pub nature: Nature,
    /// The step that the events belong to; `None` if they are none.
    pub key: Option<StepKey>,
    /// Whether the events can be evidence at all.
    pub can_be_evidence: bool,
    pub is_tool: bool,
    pub is_system: bool,
    /// Whether a machine holds the session: an EC2 instance, a function or a service.
    pub is_machine: bool,
}

/// One event: its time and the index of its trait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'o> {
    pub at: Timestamp,
    pub of: usize,
    pub occurrence: &'o Occurrence,
}

/// All events of one judgement, in the order of time and id.
#[derive(Debug)]
pub(super) struct Events<'o> {
    pub all: Vec<Event<'o>>,
    pub traits: Vec<Trait<'o>>,
    pub actors: Vec<Actor>,
}

impl<'o> Trait<'o> {
    pub fn facet(&self, kind: FacetKind) -> Option<&'o str> {
        self.series.facets.get(kind)
    }

    /// Returns a parameter of a sensitive call; `None` for failures.
    pub fn parameter(&self, name: &str) -> Option<&'o str> {
        let call = self.subject.call.as_ref()?;
        call.parameters.get(name).map(String::as_str)
    }

    /// Checks whether the event is a successful call of this API.
    pub fn is_success_of(&self, service: &str, action: &str) -> bool {
        self.subject.class == Class::Watch
            && self.subject.service == service
            && self.subject.action == action
    }
}

impl<'o> Events<'o> {
    pub fn of(occurrences: &'o [Occurrence]) -> Self {
        let mut distinct: Vec<&'o Occurrence> = occurrences.iter().collect();
        // The order of sightings: failures come before sensitive calls.
        let order = |of: &Occurrence| (of.id, of.subject.class == Class::Watch, of.series.cluster);
        distinct.sort_unstable_by(|one, other| {
            let facets = || one.series.facets.cmp(&other.series.facets);
            (order(one), one.at)
                .cmp(&(order(other), other.at))
                .then_with(facets)
        });
        distinct.dedup_by_key(|of| of.id);
        distinct.sort_unstable_by_key(|of| (of.at, of.id));

        let mut events = Self {
            all: Vec::with_capacity(distinct.len()),
            traits: Vec::new(),
            actors: Vec::new(),
        };
        let mut actors: BTreeMap<Actor, ActorIndex> = BTreeMap::new();
        // Events of a series share it. Comparing addresses is cheaper than hashing contents.
        let mut known: HashMap<*const Series, usize> = HashMap::new();
        for occurrence in distinct {
            let of = *known
                .entry(Arc::as_ptr(&occurrence.series))
                .or_insert_with(|| {
                    let (subject, series) = (&occurrence.subject, &occurrence.series);
                    events.traits.push(trait_of(subject, series, &mut actors));
                    events.traits.len() - 1
                });
            events.all.push(Event {
                at: occurrence.at,
                of,
                occurrence,
            });
        }
        let mut named: Vec<(ActorIndex, Actor)> =
            actors.into_iter().map(|(actor, at)| (at, actor)).collect();
        named.sort_unstable_by_key(|(at, _)| *at);
        events.actors = named.into_iter().map(|(_, actor)| actor).collect();
        events
    }

    pub fn of_event(&self, event: &Event<'_>) -> &Trait<'o> {
        &self.traits[event.of]
    }
}

/// Works out what all events of a series have in common. An actor that is not among `actors` is added.
pub(super) fn trait_of<'o>(
    subject: &'o ClusterSubject,
    series: &'o Series,
    actors: &mut BTreeMap<Actor, ActorIndex>,
) -> Trait<'o> {
    let facet = |kind| series.facets.get(kind);
    let circumstance = Circumstance::of_facets(subject, &series.facets);
    let nature = step::nature(subject);
    let origin = facet(FacetKind::Origin).unwrap_or_default();
    let next = actors.len();
    let actor = actor(subject, &series.facets).map(|of| *actors.entry(of).or_insert(next));
    let session = facet(FacetKind::Session).unwrap_or_default();
    let call = subject.call.as_ref();
    // What a rule of the user expects is no sign, nor is what is kept for the ledger alone.
    let is_expected = nature == Nature::Trace
        || !circumstance.can_be_evidence()
        || call.is_some_and(|call| call.expected_by.is_some());
    Trait {
        subject,
        series,
        actor,
        nature,
        key: step::key(subject, nature, circumstance.access),
        can_be_evidence: step::can_be_evidence(nature, &circumstance, &series.facets),
        is_tool: origin == "attack-tool" && !is_expected,
        is_system: origin == "attack-system" && !is_expected,
        is_machine: facet(FacetKind::Instance).is_some()
            || session.starts_with("awslambda")
            || facet(FacetKind::SourceIp).is_some_and(is_service)
            || origin.starts_with("via "),
    }
}

/// Checks whether a source address is the name of an AWS service.
fn is_service(address: &str) -> bool {
    address == "AWS Internal" || address.ends_with(".amazonaws.com")
}
