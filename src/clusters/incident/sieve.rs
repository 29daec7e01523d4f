//! Leaves out the events that cannot be a part of an incident, before anything is kept for each event.
//!
//! Nearly all actors of a long trail never come near an incident. What their events have in common is enough to see that: all
//! that an actor ever did, with everybody whom a link might join to it, would not open an incident even if it had happened
//! within one hour. Evidence only grows with events, so none of their hours does. The removals of others stay, for the
//! ledgers.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use foldhash::fast::FixedState;
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use records::Record;
use records::time::Timestamp;

use crate::facet::{FacetKind, Facets};
use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::occurrence::Occurrence;
use crate::{EventId, Finding, Series, Sighting};

use super::actor::{Actor, actor};
use super::event::{ActorIndex, Trait, trait_of};
use super::evidence::{HalfHour, is_hot};
use super::ledger::{ObjectKey, made_by, removed_by, removes};
use super::link::{child_of, children_of};
use super::step::Nature;
use super::story::sign;

/// How a cluster's subject is found.
pub type SubjectOf<'s> = &'s dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>;

/// Returns the events that can be a part of an incident, sorted by time and then by id. Events without a usable time, and
/// those of a cluster without a subject, are left out.
///
/// [`super::incidents`] and [`super::replay::alerts_of_the_past`] find the same in them as in all events, as long as no alert
/// was sent before.
pub fn occurrences<'e>(
    events: impl Iterator<Item = &'e (EventId, Sighting)> + Clone,
    subject_of: SubjectOf<'_>,
) -> Vec<Occurrence> {
    let mut kept = Sieve::of(events.clone(), subject_of).kept();
    let occurrence = |(id, seen): &(EventId, Sighting)| {
        let subject = kept.get_mut(&Arc::as_ptr(&seen.series))?;
        let at = seen.at()?;
        let of_series = || subject_of(seen.series.cluster);
        if subject.is_none() {
            *subject = of_series();
        }
        Some(Occurrence {
            at,
            id: *id,
            series: Arc::clone(&seen.series),
            subject: Arc::clone(subject.as_ref()?),
        })
    };
    let mut occurrences: Vec<Occurrence> = events.filter_map(occurrence).collect();
    occurrences.sort_unstable_by_key(|occurrence| (occurrence.at, occurrence.id));
    occurrences
}

/// Checks whether a call may be one that the ledger keeps, before it is looked up: of `AssumeRole`, which programs call all the
/// time, only the calls of people prove something.
pub fn may_be_needed(record: &Record<'_>) -> bool {
    if record.event_name.as_deref() != Some("AssumeRole") {
        return true;
    }
    let identity = record.user_identity.as_ref();
    let is_user = identity.and_then(|of| of.kind.as_deref()) == Some("IAMUser");
    let arn = identity
        .and_then(|of| of.arn.as_deref())
        .unwrap_or_default();
    is_user || arn.contains("AWSReservedSSO_")
}

/// Reduces a call of the ledger to what an incident may need of it; `None` if no incident needs it.
///
/// A caller that is no actor makes nothing that belongs to an incident, but it may remove something. What a call is about is
/// in its details, so equal callers share their facets.
pub fn needed(finding: Finding) -> Option<Finding> {
    let subject = ClusterSubject::from(&finding.facts.identity);
    let is_of_actor = actor(&subject, &finding.series.facets).is_some();
    let mut facets = Facets::default();
    if is_of_actor {
        facets = finding.series.facets.clone();
        facets.set(FacetKind::Resource, None);
    } else {
        let of = trait_of(&subject, &finding.series, &mut BTreeMap::new());
        if !removes(&of) {
            return None;
        }
        facets.set(
            FacetKind::Region,
            finding.series.facets.get(FacetKind::Region),
        );
    }
    let cluster = finding.series.cluster;
    let series = Series { cluster, facets };
    Some(Finding {
        series: Arc::new(series),
        ..finding
    })
}

/// A series, with what decides whether its events stay.
struct Grain<'e> {
    series: &'e Arc<Series>,
    /// The number of its events.
    count: usize,
    actor: Option<ActorIndex>,
    /// Whether its events can be evidence.
    is_sign: bool,
}

/// All series, and the groups of actors that links might join.
struct Sieve<'e, 's> {
    subject_of: SubjectOf<'s>,
    grains: Vec<Grain<'e>>,
    /// The short name of each actor.
    names: Vec<String>,
    groups: Groups,
    /// What each series makes and removes: its place, and the hash of an object.
    made: Vec<(usize, u64)>,
    removed: Vec<(usize, u64)>,
}

impl<'e, 's> Sieve<'e, 's> {
    fn of(
        events: impl Iterator<Item = &'e (EventId, Sighting)>,
        subject_of: SubjectOf<'s>,
    ) -> Self {
        let mut places: HashMap<*const Series, usize> = HashMap::new();
        let mut grains: Vec<Grain<'e>> = Vec::new();
        for (_, seen) in events.filter(|(_, seen)| seen.at().is_some()) {
            let place = *places.entry(Arc::as_ptr(&seen.series)).or_insert_with(|| {
                grains.push(Grain {
                    series: &seen.series,
                    count: 0,
                    actor: None,
                    is_sign: false,
                });
                grains.len() - 1
            });
            grains[place].count += 1;
        }
        let mut actors: BTreeMap<Actor, ActorIndex> = BTreeMap::new();
        let mut ties = Ties::default();
        let (mut made, mut removed) = (Vec::new(), Vec::new());
        for (place, grain) in grains.iter_mut().enumerate() {
            let Some(subject) = subject_of(grain.series.cluster) else {
                continue;
            };
            let of = trait_of(&subject, grain.series, &mut actors);
            grain.actor = of.actor;
            let hashed = |objects: Vec<ObjectKey>| -> Vec<(usize, u64)> {
                let hash = |object: ObjectKey| (place, ties.hash(&object));
                objects.into_iter().map(hash).collect()
            };
            made.extend(hashed(made_by(&of)));
            removed.extend(hashed(removed_by(&of)));
            grain.is_sign = sign(&of, Timestamp::FIRST, None, false).is_some();
            ties.add(&of);
        }
        let mut names = vec![String::new(); actors.len()];
        for (actor, index) in actors {
            names[index] = actor.short_name().to_owned();
        }
        Self {
            subject_of,
            grains,
            groups: ties.groups(names.len()),
            names,
            made,
            removed,
        }
    }

    /// Returns the series whose events stay, each with a place for its subject.
    fn kept(mut self) -> HashMap<*const Series, Option<Arc<ClusterSubject>>> {
        let groups = &mut self.groups;
        let mut group_of = |grain: &Grain<'_>| grain.actor.map(|actor| groups.root(actor));
        let mut placed: Vec<(usize, usize)> = Vec::new();
        for (place, grain) in self.grains.iter().enumerate() {
            placed.extend(group_of(grain).map(|group| (group, place)));
        }
        placed.sort_unstable();
        let mut kept: HashSet<usize> = HashSet::new();
        for group in placed.chunk_by(|(one, _), (other, _)| one == other) {
            let grains = || group.iter().map(|(_, place)| &self.grains[*place]);
            if self.may_open(grains()) {
                kept.extend(group.iter().map(|(_, place)| *place));
            }
        }
        let made = self.made.iter().filter(|(place, _)| kept.contains(place));
        let made: HashSet<u64> = made.map(|(_, object)| *object).collect();
        let removed = self.removed.iter();
        kept.extend(
            removed
                .filter(|(_, of)| made.contains(of))
                .map(|(place, _)| *place),
        );
        let series = |place: usize| (Arc::as_ptr(self.grains[place].series), None);
        kept.into_iter().map(series).collect()
    }

    /// Checks whether all events of a group would open an incident if they had happened at once.
    fn may_open<'g>(&self, grains: impl Iterator<Item = &'g Grain<'e>> + Clone) -> bool
    where
        'e: 'g,
    {
        let first = grains.clone().next().and_then(|grain| grain.actor);
        let is_joined = grains.clone().any(|grain| grain.actor != first);
        let signs = grains.filter(|grain| grain.is_sign);
        let subjects: Vec<Option<Arc<ClusterSubject>>> = signs
            .clone()
            .map(|grain| (self.subject_of)(grain.series.cluster))
            .collect();
        let mut all = HalfHour::default();
        for (grain, subject) in signs.zip(&subjects) {
            let Some(subject) = subject else { continue };
            let of = trait_of(subject, grain.series, &mut BTreeMap::new());
            let name = grain.actor.map(|actor| self.names[actor].as_str());
            let Some(sign) = sign(&of, Timestamp::FIRST, name, is_joined) else {
                continue;
            };
            all.add(&sign, of.is_tool);
            if of.nature == Nature::FailedSignIn {
                all.add_wrong_sign_ins(grain.count - 1);
            }
        }
        is_hot(&all)
    }
}

/// What ties actors together: what links are about, and the networks of failed sign-ins. Only hashes are kept; two that are
/// equal by chance keep some events more.
#[derive(Default)]
struct Ties {
    hasher: FixedState,
    /// The actors of records that link something, by what they link.
    makers: HashSet<(u64, ActorIndex)>,
    /// The actors of events that a link of this kind would make those of another actor.
    children: HashSet<(u64, ActorIndex)>,
}

impl Ties {
    fn add(&mut self, of: &Trait<'_>) {
        let Some(actor) = of.actor else { return };
        if let Some((child, _)) = child_of(of) {
            self.makers.insert((self.hash(&child), actor));
        }
        for child in children_of(of).iter().flatten() {
            self.children.insert((self.hash(child), actor));
        }
        if of.nature == Nature::FailedSignIn {
            let network = of.facet(FacetKind::Network);
            self.makers
                .insert((self.hash(&(&of.subject.account_id, network)), actor));
        }
    }

    fn hash(&self, of: &impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// Joins all actors that have a tie in common.
    fn groups(self, actors: usize) -> Groups {
        let mut groups = Groups((0..actors).collect());
        let mut first: HashMap<u64, ActorIndex> = HashMap::new();
        for (tie, actor) in self.makers {
            let one = *first.entry(tie).or_insert(actor);
            groups.join(one, actor);
        }
        for (tie, actor) in self.children {
            if let Some(maker) = first.get(&tie) {
                groups.join(*maker, actor);
            }
        }
        groups
    }
}

/// Groups of actors: each has another one of its group, up to one that has itself.
struct Groups(Vec<ActorIndex>);

impl Groups {
    fn root(&mut self, mut of: ActorIndex) -> ActorIndex {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, one: ActorIndex, other: ActorIndex) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one] = other;
    }
}
