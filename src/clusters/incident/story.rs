//! Stories: the events of one actor with all its links, cut into incidents.
//!
//! The relevant events of a story are those that can be evidence: steps, calls of attack tools and failed sign-ins. Gaps of
//! more than an hour cut them into runs. A run with a hot window is an incident. So is a run about which an alert was sent
//! before, because an alert is never taken back.
//!
//! A refused call, and a routine call, that the actor made on an earlier day is no evidence and not relevant: a scanner that
//! is not known is one incident on its first night, and none on the next.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;

use crate::facet::FacetKind;
use crate::occurrence::Occurrence;

use super::actor::{Actor, ActorKind, NO_NETWORK};
use super::event::{ActorIndex, Event, Events, Trait};
use super::evidence::{DISTINCT_MAX, EvidenceWindow, HALF_SECONDS, HalfHour, Sign, What, windows};
use super::life::QUIET_SECONDS;
use super::link::{Link, LinkKind, Links};
use super::step::Nature;

/// The seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// From how many users of one network on failed sign-ins are those of the network.
const SPRAYED_USERS: usize = 5;

/// When an occurrence's caller made the call for the first time, as the caller of the engine knows it.
pub type FirstSeen<'f> = &'f dyn Fn(&Occurrence) -> Option<Timestamp>;

/// One event of a story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned<'o> {
    pub event: Event<'o>,
    /// The link that makes the event one of the story; `None` for an event of the actor itself.
    pub link: Option<Link>,
    /// Whether the event is a sign of an attack.
    pub is_relevant: bool,
}

/// The events of one actor and of whoever belongs to it, in the order of time.
#[derive(Debug)]
pub(super) struct Story<'o> {
    pub actor: ActorIndex,
    pub events: Vec<Owned<'o>>,
    pub windows: Vec<EvidenceWindow>,
}

/// A part of a story without a gap: the places of its events, and its relevant events' first and last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub first: Timestamp,
    pub last: Timestamp,
    pub is_hot: bool,
}

/// Collects the stories of all actors.
pub(super) fn stories<'o>(
    events: &mut Events<'o>,
    links: &Links<'o>,
    first_seen: Option<FirstSeen<'_>>,
) -> Vec<Story<'o>> {
    let sprayed = sprayed(events);
    let earlier = FirstDays::of(events, first_seen);
    let can_link: Vec<bool> = events.traits.iter().map(|of| links.can_link(of)).collect();
    let mut by_owner: BTreeMap<ActorIndex, Vec<Owned<'o>>> = BTreeMap::new();
    let mut half_hours: BTreeMap<ActorIndex, BTreeMap<i64, HalfHour<'o>>> = BTreeMap::new();
    for (place, event) in events.all.iter().enumerate() {
        let network = sprayed.get(&place).copied();
        let of = events.of_event(event);
        let owner = match network {
            Some(network) => Some((network, None)),
            None if can_link[event.of] => links.owner(events, event.of, event.at),
            None => of.actor.map(|actor| (actor, None)),
        };
        let Some((owner, link)) = owner else {
            continue;
        };
        let is_used = earlier.is_used(of, event);
        let name = of.actor.map(|actor| events.actors[actor].short_name());
        let is_of_made_user = link.is_some_and(|link| link.kind == LinkKind::Credentials);
        let sign = sign(of, event.at, name, is_of_made_user);
        let sign = sign.filter(|_| of.is_tool || !is_used);
        if let Some(sign) = sign {
            let half_hours = half_hours.entry(owner).or_default();
            let number = event.at.seconds().div_euclid(HALF_SECONDS);
            half_hours.entry(number).or_default().add(&sign, of.is_tool);
        }
        by_owner.entry(owner).or_default().push(Owned {
            event: *event,
            link,
            is_relevant: sign.is_some(),
        });
    }
    let story = |(actor, owned): (ActorIndex, Vec<Owned<'o>>)| {
        let half_hours = half_hours.get(&actor)?;
        let is_network = events.actors[actor].kind == ActorKind::Network;
        Some(Story {
            actor,
            events: owned,
            windows: windows(half_hours, is_network),
        })
    };
    by_owner.into_iter().filter_map(story).collect()
}

/// Returns what counts of an event; `None` if it is no sign of an attack. `name` is the short name of its actor.
pub(super) fn sign<'o>(
    of: &Trait<'o>,
    at: Timestamp,
    name: Option<&str>,
    is_of_made_user: bool,
) -> Option<Sign<'o>> {
    let target = of.facet(FacetKind::Resource);
    let call = |is_strong, is_harmless| What::Call {
        is_strong,
        is_harmless,
        is_for_itself: is_power_for_itself(of, name),
        is_sign_in: of.subject.action == "ConsoleLogin",
    };
    let what = match of.nature {
        _ if !of.can_be_evidence => What::Tool,
        Nature::Strong => call(true, false),
        Nature::Weak { is_harmless, .. } => call(false, is_harmless),
        Nature::Refusal { is_watched } => What::Refusal {
            is_watched,
            target,
            region: of.facet(FacetKind::Region).unwrap_or_default(),
        },
        Nature::NotFound => What::NotFound,
        Nature::FailedSignIn => What::FailedSignIn {
            user: of.facet(FacetKind::Principal).unwrap_or_default(),
        },
        Nature::Trace | Nature::Other => What::Tool,
    };
    if matches!(what, What::Tool) && !of.is_tool {
        return None;
    }
    Some(Sign {
        at,
        service: &of.subject.service,
        action: &of.subject.action,
        tactic: of.key.as_ref().and_then(|key| key.tactic),
        technique: technique_of(of),
        what,
        is_system: of.is_system,
        is_root: of.facet(FacetKind::PrincipalKind) == Some("root"),
        is_of_made_user,
    })
}

fn technique_of<'o>(of: &Trait<'o>) -> Option<&'o str> {
    of.subject.call.as_ref()?.technique.as_deref()
}

/// Calls that give permissions or a password to the user or role in their target.
const POWER: [&str; 6] = [
    "AddUserToGroup",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreateLoginProfile",
    "PutRolePolicy",
    "PutUserPolicy",
];

/// Checks whether the caller of a sensitive call, whose short name is given, gave permissions or a password to itself.
fn is_power_for_itself(of: &Trait<'_>, name: Option<&str>) -> bool {
    let Some(call) = &of.subject.call else {
        return false;
    };
    of.subject.service == "iam"
        && POWER.contains(&of.subject.action.as_str())
        && call
            .target
            .as_deref()
            .is_some_and(|target| Some(target) == name)
}

/// The day on which each actor made each call for the first time: refused calls apart from those that succeeded.
struct FirstDays<'o, 'f> {
    days: HashMap<(ActorIndex, &'o str, &'o str, bool), i64>,
    first_seen: Option<FirstSeen<'f>>,
}

impl<'o, 'f> FirstDays<'o, 'f> {
    fn of(events: &Events<'o>, first_seen: Option<FirstSeen<'f>>) -> Self {
        let mut days = HashMap::new();
        for event in &events.all {
            if let Some(key) = habit(events.of_event(event)) {
                // The events are in the order of time.
                days.entry(key).or_insert(day(event.at));
            }
        }
        Self { days, first_seen }
    }

    /// Checks whether an event repeats what the actor did on an earlier day, so that it is no news.
    fn is_used(&self, of: &Trait<'o>, event: &Event<'o>) -> bool {
        let today = day(event.at);
        let is_before = |first: i64| first < today;
        let Some(key) = habit(of) else { return false };
        let known = || self.first_seen.and_then(|first| first(event.occurrence));
        self.days.get(&key).copied().is_some_and(is_before)
            || known().map(day).is_some_and(is_before)
    }
}

pub(super) fn day(at: Timestamp) -> i64 {
    at.seconds().div_euclid(DAY_SECONDS)
}

/// Returns what an actor may do each day: an actor, a call, and whether it is refused. `None` for what is never usual.
pub(super) fn habit<'o>(of: &Trait<'o>) -> Option<(ActorIndex, &'o str, &'o str, bool)> {
    let is_refused = match of.nature {
        Nature::Weak {
            is_routine: true, ..
        } => false,
        Nature::Refusal { .. } => true,
        _ => return None,
    };
    let (service, action) = (&of.subject.service, &of.subject.action);
    Some((of.actor?, service, action, is_refused))
}

/// Returns the failed sign-ins that belong to a network because sign-ins of many users failed from it within an hour: their
/// places, with the actor of the network.
fn sprayed(events: &mut Events<'_>) -> HashMap<usize, ActorIndex> {
    let mut networks: BTreeMap<(String, String), BTreeMap<i64, Tries>> = BTreeMap::new();
    for (place, event) in events.all.iter().enumerate() {
        let of = events.of_event(event);
        let network = of.facet(FacetKind::Network).unwrap_or(NO_NETWORK);
        if of.nature != Nature::FailedSignIn || network == NO_NETWORK || of.actor.is_none() {
            continue;
        }
        let key = (of.subject.account_id.clone(), network.to_owned());
        let number = event.at.seconds().div_euclid(HALF_SECONDS);
        let tries = networks.entry(key).or_default().entry(number).or_default();
        tries.places.push(place);
        let user = of.facet(FacetKind::Principal).unwrap_or_default();
        tries.users.insert(user.to_owned());
        if tries.users.len() > DISTINCT_MAX {
            tries.users.pop_last();
        }
    }
    let mut sprayed = HashMap::new();
    for ((account_id, network), half_hours) in networks {
        let places: BTreeSet<usize> = many_users(&half_hours);
        if places.is_empty() {
            continue;
        }
        let actor = Actor {
            account_id,
            kind: ActorKind::Network,
            name: network,
        };
        let known = events.actors.iter().position(|of| *of == actor);
        let index = known.unwrap_or_else(|| {
            events.actors.push(actor);
            events.actors.len() - 1
        });
        sprayed.extend(places.into_iter().map(|place| (place, index)));
    }
    sprayed
}

/// The failed sign-ins of one network in half an hour.
#[derive(Debug, Default)]
struct Tries {
    places: Vec<usize>,
    users: BTreeSet<String>,
}

/// Returns the places of the failed sign-ins in windows with many users.
fn many_users(half_hours: &BTreeMap<i64, Tries>) -> BTreeSet<usize> {
    let mut places = BTreeSet::new();
    for (number, tries) in half_hours {
        let next = half_hours.get(&(number + 1));
        let users = next.map_or_else(BTreeSet::new, |next| next.users.iter().collect());
        let users: BTreeSet<&String> = users.into_iter().chain(&tries.users).collect();
        if users.len() >= SPRAYED_USERS {
            places.extend(&tries.places);
            places.extend(next.iter().flat_map(|next| &next.places));
        }
    }
    places
}

impl<'o> Story<'o> {
    /// Cuts the story into runs.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for owned in self.events.iter().filter(|owned| owned.is_relevant) {
            let at = owned.event.at;
            match runs.last_mut() {
                Some(run) if at.seconds_since(run.last) <= QUIET_SECONDS => run.last = at,
                _ => runs.push(Run {
                    first: at,
                    last: at,
                    is_hot: false,
                }),
            }
        }
        for window in self.windows.iter().filter(|window| window.is_hot) {
            for run in within(&mut runs, window.from, window.from.plus(2 * HALF_SECONDS)) {
                run.is_hot = true;
            }
        }
        runs
    }

    /// Returns the events of the story from one time on and before another one.
    pub fn events_within(&self, from: Timestamp, until: Timestamp) -> &[Owned<'o>] {
        let start = self.events.partition_point(|owned| owned.event.at < from);
        let end = self.events.partition_point(|owned| owned.event.at < until);
        &self.events[start..end.max(start)]
    }

    /// Returns the windows that meet a period.
    pub fn windows_within(&self, first: Timestamp, last: Timestamp) -> Vec<EvidenceWindow> {
        let meets = |window: &&EvidenceWindow| {
            window.from <= last && first.seconds_since(window.from) < 2 * HALF_SECONDS
        };
        self.windows.iter().filter(meets).cloned().collect()
    }
}

/// Returns the runs that have a relevant event from one time on and before another one.
fn within(runs: &mut [Run], from: Timestamp, until: Timestamp) -> &mut [Run] {
    let start = runs.partition_point(|run| run.last < from);
    let end = runs.partition_point(|run| run.first < until);
    &mut runs[start..end.max(start)]
}
