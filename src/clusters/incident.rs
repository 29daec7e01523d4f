//! Incidents: what one actor did, as one story that grows.
//!
//! An incident is a period of one actor with evidence of an attack. It has the actor and the identities that provably
//! belong to it, the steps in their order, the evidence, what stays behind, and the clusters and sensitive calls that it
//! groups, so that no alert is sent about each of them.
//!
//! [`incidents`] is a function of a set of events and of the alerts that were sent before. Events may come in any order, twice, and in
//! any batches. It keeps no state: a store hands over the events of an account in a period.
//!
//! - `actor` says who stands behind a call, and `link` which actor stands behind another one.
//! - `event` works out once what all events of a series have in common.
//! - `technique` has the tables of MITRE ATT&CK; `step` says what the actor did or tried.
//! - `evidence` weighs the steps, in windows of event time.
//! - `story` collects the events of one actor, and cuts them into incidents.
//! - `severity` says how serious an incident is.
//! - `ledger` says what stays behind, and `remedy` how it is undone.
//! - `sieve` leaves out the events that cannot be a part of an incident.
//! - `noted` says which events can change what is counted as evidence.
//! - `life` says which alerts are due, and `replay` which would have been in the past.

pub mod actor;
mod event;
pub mod evidence;
pub mod ledger;
pub mod life;
pub mod link;
pub mod noted;
pub mod remedy;
pub mod replay;
pub mod severity;
pub mod sieve;
pub mod step;
mod story;
pub mod technique;

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::Serialize;

use crate::facet::FacetKind;
use crate::fingerprint::ClusterId;
use crate::occurrence::Occurrence;

use self::actor::Actor;
use self::event::{ActorIndex, Event, Events};
use self::evidence::EvidenceWindow;
use self::ledger::{Ledger, Removals};
use self::life::{Candidate, Claim, IncidentId, Now, QUIET_SECONDS, SentAlert};
use self::link::{LinkKind, Links, Strength};
use self::severity::IncidentSeverity;
use self::step::{Step, StepEvent, Steps, insert_capped};
use self::story::{FirstSeen, Owned, Run, Story};
use self::technique::Tactic;

/// What incidents are found in.
#[derive(Clone, Copy)]
pub struct Given<'g> {
    /// The failures, the sensitive calls, and the calls of the ledger where they were kept; in any order.
    ///
    /// They should begin some days before the period that is asked about, so that what is usual is known, and at least a
    /// day before it, so that links are known.
    pub occurrences: &'g [Occurrence],
    /// The alerts that were sent about incidents of the same accounts.
    pub sent: &'g BTreeSet<SentAlert>,
    /// The time at which incidents are looked at: whether they are over, and which alerts are due.
    pub now: Timestamp,
    /// For whose makings the removals are among the occurrences: for all where the calls of the ledger are kept, else for
    /// the actors whose records were read back.
    pub removals_seen: &'g dyn Fn(&Actor) -> bool,
    /// When the caller of an occurrence made the call for the first time, if it was before the first occurrence. `None`
    /// if only the occurrences are known.
    pub first_seen: Option<FirstSeen<'g>>,
}

/// A period of one actor with evidence of an attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The id. That of the first alert stays.
    pub id: IncidentId,
    /// The incidents with alerts that turned out to be a part of this one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub merged: BTreeSet<IncidentId>,
    /// The actor.
    pub actor: Actor,
    /// The identities with which the actor called, the actor's own first; at most [`MEMBERS_MAX`].
    pub members: Vec<Member>,
    /// The number of identities, with those that are not listed.
    pub members_count: usize,
    /// Where the calls came from.
    pub sources: Sources,
    /// The time of the first event that is evidence.
    pub began: Timestamp,
    /// The time of the last event that is evidence.
    pub last: Timestamp,
    /// Until when the incident groups the events of its actor: an hour after the last event.
    pub until: Timestamp,
    /// Whether the time until which it groups events is not over.
    pub is_open: bool,
    /// How serious it is.
    pub severity: IncidentSeverity,
    /// Why it is so serious.
    pub severity_reason: &'static str,
    /// The evidence by hour, in the order of time; at most [`WINDOWS_MAX`], the heaviest.
    pub windows: Vec<EvidenceWindow>,
    /// The steps in the order of their first calls; at most [`STEPS_MAX`].
    pub steps: Vec<Step>,
    /// The number of steps, with those that are not listed.
    pub steps_count: usize,
    /// The tactics of the steps.
    pub tactics: BTreeSet<Tactic>,
    /// What stays behind.
    pub ledger: Ledger,
    /// The number of events of the incident.
    pub events: u64,
    /// The clusters and sensitive calls of these events; at most [`CLUSTERS_MAX`].
    pub clusters: BTreeSet<ClusterId>,
    /// The alert that is due; `None` if none is.
    #[serde(skip)]
    pub due: Option<SentAlert>,
}

/// An identity with which an actor called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The identity.
    pub identity: Actor,
    /// Why it is one of the actor; `None` for the actor itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<MemberLink>,
    /// The time of its first event.
    pub first: Timestamp,
    /// The time of its last event.
    pub last: Timestamp,
    /// The number of its events.
    pub events: u64,
}

/// Why an identity is one of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MemberLink {
    /// How much is proven.
    pub strength: Strength,
    /// The time of the record that proves it.
    pub at: Timestamp,
    /// The kind of proof.
    pub kind: LinkKind,
    /// The proof in one sentence.
    pub proof: &'static str,
}

/// Where the calls of an incident came from; of each kind the first values in byte order, at most
/// [`step::VALUES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sources {
    /// Source addresses, or names of AWS services.
    pub addresses: BTreeSet<String>,
    /// Names and versions of programs.
    pub user_agents: BTreeSet<String>,
    /// Regions of the calls.
    pub regions: BTreeSet<String>,
    /// Names and versions of the programs of calls that have the name of an attack tool in user agent or session.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub attack_tools: BTreeSet<String>,
}

/// How many identities of an incident are listed.
pub const MEMBERS_MAX: usize = 50;

/// How many hours with evidence are listed.
pub const WINDOWS_MAX: usize = 48;

/// How many steps are listed. There are few distinct calls that an attacker makes.
pub const STEPS_MAX: usize = 200;

/// How many clusters and sensitive calls are listed.
pub const CLUSTERS_MAX: usize = 1000;

/// How long before its first evidence the makings of an actor belong to an incident, in seconds. Tools prepare what they
/// attack.
const PREPARATION_SECONDS: i64 = 3600;

/// Returns the incidents, in the order of their beginning, each with the alert that is due.
pub fn incidents(given: &Given<'_>) -> Vec<Incident> {
    let mut events = Events::of(given.occurrences);
    let links = Links::of(&events);
    let stories = story::stories(&mut events, &links, given.first_seen);
    let runs = stories.iter().flat_map(|story| {
        let runs = story.runs().into_iter();
        runs.map(move |run| (story, run))
    });
    let case = |(story, run)| Case {
        given,
        events: &events,
        story,
        run,
    };
    // Without alerts only hot runs matter.
    let is_needed = |case: &Case<'_, '_>| case.run.is_hot || !given.sent.is_empty();
    let cases: Vec<Case<'_, '_>> = runs.map(case).filter(is_needed).collect();
    let candidates: Vec<Candidate<'_>> = cases.iter().map(Case::candidate).collect();
    let claims = life::claims(&candidates, given.sent);
    let removals = LazyCell::new(|| Removals::of(&events));
    let mut found = Vec::new();
    for ((case, candidate), claim) in cases.iter().zip(&candidates).zip(&claims) {
        if case.run.is_hot || !claim.is_empty() {
            found.push(case.incident(candidate, claim, &removals));
        }
    }
    found.sort_by(|one, other| (one.began, &one.actor).cmp(&(other.began, &other.actor)));
    found
}

/// A run of a story that is looked at as an incident.
#[derive(Clone, Copy)]
struct Case<'c, 'o> {
    given: &'c Given<'c>,
    events: &'c Events<'o>,
    story: &'c Story<'o>,
    run: Run,
}

impl<'o> Case<'_, 'o> {
    /// Returns the events of the incident.
    fn owned(&self) -> &[Owned<'o>] {
        let until = self.run.last.plus(QUIET_SECONDS + 1);
        self.story.events_within(self.run.first, until)
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            actor: &self.events.actors[self.story.actor],
            members: self.members(),
            began: self.run.first,
            last: self.run.last,
        }
    }

    /// Returns the actor and all identities that belong to it in this run.
    fn members(&self) -> BTreeSet<&Actor> {
        let own = std::iter::once(self.story.actor);
        let of_event = |owned: &Owned<'_>| self.events.of_event(&owned.event).actor;
        let others = self.owned().iter().filter_map(of_event);
        let all: BTreeSet<ActorIndex> = own.chain(others).collect();
        all.into_iter()
            .map(|index| &self.events.actors[index])
            .collect()
    }

    fn incident(
        &self,
        candidate: &Candidate<'_>,
        claim: &Claim<'_>,
        removals: &Removals,
    ) -> Incident {
        let (run, now) = (self.run, self.given.now);
        let mut windows = self.story.windows_within(run.first, run.last);
        let steps = self.steps();
        let tactics: BTreeSet<Tactic> = steps.iter().filter_map(|step| step.key.tactic).collect();
        let ledger = self.ledger(removals);
        let is_long_term = ledger.ways_in.first().is_some_and(|way| way.is_long_term);
        let (severity, severity_reason) = severity::severity(&windows, &steps, is_long_term);
        let id = claim.id(candidate, self.given.sent);
        let of_now = Now {
            candidate,
            severity,
            tactics: &tactics,
            steps: steps.len(),
        };
        let until = run.last.plus(QUIET_SECONDS);
        let members = self.listed_members();
        keep_heaviest(&mut windows);
        Incident {
            merged: claim.merged(&id),
            due: life::due(&of_now, &id, claim, now),
            id,
            actor: candidate.actor.clone(),
            members_count: members.len(),
            members: members.into_iter().take(MEMBERS_MAX).collect(),
            sources: self.sources(),
            began: run.first,
            last: run.last,
            until,
            is_open: now <= until,
            severity,
            severity_reason,
            windows,
            steps_count: steps.len(),
            steps: steps.into_iter().take(STEPS_MAX).collect(),
            tactics,
            ledger,
            events: self.owned().len() as u64,
            clusters: self.clusters(),
        }
    }

    /// Returns what the incident leaves behind, with what the actor prepared in the hour before.
    fn ledger(&self, removals: &Removals) -> Ledger {
        let before = self.run.first.plus(-PREPARATION_SECONDS);
        let until = self.run.last.plus(QUIET_SECONDS + 1);
        let makings = self.story.events_within(before, until);
        let makings: Vec<Event<'_>> = makings.iter().map(|owned| owned.event).collect();
        let actor = &self.events.actors[self.story.actor];
        let are_seen = (self.given.removals_seen)(actor);
        ledger::ledger(self.events, &makings, removals, are_seen)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Steps::default();
        for owned in self.owned() {
            let of = self.events.of_event(&owned.event);
            let Some(key) = &of.key else { continue };
            let event = StepEvent {
                id: owned.event.occurrence.id,
                at: owned.event.at,
                is_strong: of.nature == step::Nature::Strong,
                region: of.facet(FacetKind::Region),
                target: of.facet(FacetKind::Resource),
                identity: of.facet(FacetKind::Principal).unwrap_or_default(),
            };
            steps.add(key, &event);
        }
        steps.in_order()
    }

    fn listed_members(&self) -> Vec<Member> {
        let mut members: BTreeMap<ActorIndex, Member> = BTreeMap::new();
        for owned in self.owned() {
            let Some(index) = self.events.of_event(&owned.event).actor else {
                continue;
            };
            let at = owned.event.at;
            let link = owned.link.map(|link| MemberLink {
                strength: link.kind.strength(),
                at: link.at,
                kind: link.kind,
                proof: link.kind.proof(),
            });
            let member = members.entry(index).or_insert_with(|| Member {
                identity: self.events.actors[index].clone(),
                link,
                first: at,
                last: at,
                events: 0,
            });
            member.last = at;
            member.events += 1;
            // The strongest link of all events, and of equal ones the earliest.
            member.link = member.link.min(link).or(member.link).or(link);
        }
        let mut members: Vec<Member> = members.into_values().collect();
        let own = &self.events.actors[self.story.actor];
        members.sort_by(|one, other| {
            let order = |of: &Member| (of.identity != *own, of.first);
            order(one)
                .cmp(&order(other))
                .then_with(|| one.identity.cmp(&other.identity))
        });
        members
    }

    fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        let mut seen = BTreeSet::new();
        for owned in self
            .owned()
            .iter()
            .filter(|owned| seen.insert(owned.event.of))
        {
            let of = self.events.of_event(&owned.event);
            for (set, kind) in [
                (&mut sources.addresses, FacetKind::SourceIp),
                (&mut sources.user_agents, FacetKind::UserAgent),
                (&mut sources.regions, FacetKind::Region),
            ] {
                if let Some(value) = of.facet(kind) {
                    insert_capped(set, value, step::VALUES_MAX);
                }
            }
            if let Some(value) = of.facet(FacetKind::UserAgent).filter(|_| of.is_tool) {
                insert_capped(&mut sources.attack_tools, value, step::VALUES_MAX);
            }
        }
        sources
    }

    fn clusters(&self) -> BTreeSet<ClusterId> {
        let mut clusters = BTreeSet::new();
        for owned in self.owned() {
            let of = self.events.of_event(&owned.event);
            if of.nature == step::Nature::Trace {
                continue;
            }
            clusters.insert(of.series.cluster);
            if clusters.len() > CLUSTERS_MAX {
                clusters.pop_last();
            }
        }
        clusters
    }
}

/// Keeps the heaviest windows, in the order of time.
fn keep_heaviest(windows: &mut Vec<EvidenceWindow>) {
    windows.sort_by_key(|window| (std::cmp::Reverse(window.score), window.from));
    windows.truncate(WINDOWS_MAX);
    windows.sort_by_key(|window| window.from);
}

impl Incident {
    /// Checks whether the incident groups an event of one of its identities at a time, so that no alert of its own is due
    /// about it. `identity` is the [`actor::actor`] of the event.
    ///
    /// An identity that a link makes one of the actor only for some sessions is taken in with all of them. A user whose password
    /// a network tried is not: other calls of the user are not of the incident.
    pub fn takes_in(&self, identity: &Actor, at: Timestamp) -> bool {
        let is_member = || {
            let mut linked = self.members.iter().filter(|member| member.link.is_some());
            linked.any(|member| member.identity == *identity)
        };
        self.began <= at && at <= self.until && (self.actor == *identity || is_member())
    }
}

#[cfg(test)]
mod tests;
