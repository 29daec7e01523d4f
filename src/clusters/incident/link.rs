//! Links: which actor stands behind another one, with the proof.
//!
//! | link | proof | strength |
//! |---|---|---|
//! | `AssumeRole` | the answer has the key that signed the child's calls | proven, for each session |
//! | credentials | the actor made the user, its password or its key | proven |
//! | source identity | AWS writes the same person into the sessions of two roles | proven |
//! | role | the actor made the role, or changed who may assume it | made: that the actor is in the session is not proven |
//! | refused `AssumeRole` | from the same address a session of the role began within an hour | likely |
//!
//! The sessions of `GetSessionToken` and `GetFederationToken` need no link: their records name the user who asked. A link
//! holds for 24 hours from its record. Proven comes before made, made before likely; of equal ones the earliest wins, so a
//! child has one parent at a time. Links chain. An address or a user agent alone links nothing.
//!
//! What the proof needs is in the events: the key and the role of `AssumeRole` are parameters of the ledger's calls; users
//! and keys are parameters of watched calls; a source identity is a part of the caller's name; the role of a refused
//! `AssumeRole` is the resource of the refusal.

use std::collections::BTreeMap;

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::facet::FacetKind;

use super::actor::{Actor, ActorKind, proven_person, role_name};
use super::event::{ActorIndex, Event, Events, Trait};
use super::step::Nature;

/// How much a link proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Strength {
    /// Records prove that the actor acts, or can act, as the child.
    Proven,
    /// The actor made the child. That the actor uses it is not proven.
    Made,
    /// The circumstances speak for it.
    Likely,
}

/// The kind of proof that links a child to its actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LinkKind {
    /// The answer of `AssumeRole` has the key of the session.
    AssumedRole,
    /// The actor made the user, its password or its key.
    Credentials,
    /// Sessions of two roles have the same source identity.
    SourceIdentity,
    /// The actor made the role, or changed who may assume it.
    Role,
    /// The actor was refused the role, and a session of it began from the same address.
    RefusedRole,
}

impl LinkKind {
    /// Returns how much a link of this kind proves.
    pub fn strength(self) -> Strength {
        match self {
            Self::AssumedRole | Self::Credentials | Self::SourceIdentity => Strength::Proven,
            Self::Role => Strength::Made,
            Self::RefusedRole => Strength::Likely,
        }
    }

    /// Returns the proof in one sentence.
    pub fn proof(self) -> &'static str {
        match self {
            Self::AssumedRole => "The answer of AssumeRole has the access key of this session.",
            Self::Credentials => "The actor made this user, its password or its access key.",
            Self::SourceIdentity => "AWS writes the same source identity into both sessions.",
            Self::Role => "The actor made this role, or changed who may assume it.",
            Self::RefusedRole => {
                "The actor was refused this role, and within an hour a session of it began from the same address."
            }
        }
    }
}

/// How long a link holds from its record on, in seconds.
pub const HOLDS_SECONDS: i64 = 24 * 3600;

/// How long after a refusal a session of the role has to begin, in seconds.
const REFUSED_SECONDS: i64 = 3600;

/// How long a chain of links can be. Attackers seldom need three.
const CHAIN_MAX: usize = 8;

/// What a link is about: which events it makes those of another actor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Child<'o> {
    /// The events that one access key signed.
    Key(&'o str),
    /// The events of a user, by account and name.
    User(&'o str, &'o str),
    /// The sessions of a role that no machine holds, by account and name.
    Role(&'o str, &'o str),
    /// The sessions of a role from one address: account, name and address.
    RoleFrom(&'o str, &'o str, &'o str),
    /// The role sessions of a person: account and name.
    Person(&'o str, &'o str),
}

/// One link: the record that proves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub kind: LinkKind,
    pub at: Timestamp,
    /// The index of the trait of the record that proves the link.
    maker: usize,
}

/// All links among some events, by child, in the order of time.
#[derive(Debug)]
pub(super) struct Links<'o> {
    links: BTreeMap<Child<'o>, Vec<Link>>,
}

impl<'o> Links<'o> {
    pub fn of(events: &Events<'o>) -> Self {
        let mut links = Self {
            links: BTreeMap::new(),
        };
        for event in &events.all {
            let of = events.of_event(event);
            if let (Some(actor), Some((child, kind))) = (of.actor, child_of(of)) {
                // Whoever changes itself is no child of itself.
                if !is_itself(&events.actors[actor], &child) {
                    links.add(child, kind, event);
                }
            }
        }
        links.keep_met_roles(events);
        links
    }

    fn add(&mut self, child: Child<'o>, kind: LinkKind, event: &Event<'_>) {
        let of_child = self.links.entry(child).or_default();
        // A repetition in the same second proves nothing more.
        let is_repeated = of_child
            .last()
            .is_some_and(|last| (last.at, last.maker) == (event.at, event.of));
        if !is_repeated {
            of_child.push(Link {
                kind,
                at: event.at,
                maker: event.of,
            });
        }
    }

    /// Keeps those refusals of roles that a session from the same address followed within an hour.
    fn keep_met_roles(&mut self, events: &Events<'o>) {
        let mut sessions: BTreeMap<Child<'o>, Vec<Timestamp>> = BTreeMap::new();
        for event in &events.all {
            let of = events.of_event(event);
            if let Some(child) = role_from(of).filter(|child| self.links.contains_key(child)) {
                sessions.entry(child).or_default().push(event.at);
            }
        }
        for (child, links) in &mut self.links {
            if !matches!(child, Child::RoleFrom(..)) {
                continue;
            }
            let times = sessions.get(child).map(Vec::as_slice).unwrap_or_default();
            links.retain(|link| {
                let next = times.partition_point(|at| *at < link.at);
                times
                    .get(next)
                    .is_some_and(|at| at.seconds_since(link.at) <= REFUSED_SECONDS)
            });
        }
    }

    /// Checks whether an event like this can be that of another actor.
    pub fn can_link(&self, of: &Trait<'o>) -> bool {
        let children = children_of(of);
        children
            .iter()
            .flatten()
            .any(|child| self.links.contains_key(child))
    }

    /// Returns the strongest link that makes an event that of another actor, and of equal ones the earliest.
    pub fn of_event(&self, of: &Trait<'o>, at: Timestamp) -> Option<Link> {
        let children = children_of(of);
        let found = children.iter().flatten().filter_map(|child| {
            let links = self.links.get(child)?;
            let first = links.partition_point(|link| at.seconds_since(link.at) > HOLDS_SECONDS);
            links.get(first).filter(|link| link.at <= at).copied()
        });
        found.min_by_key(|link| (link.kind.strength(), link.at, link.kind))
    }

    /// Returns the actor at the end of the chain of links from an event, and the first link of the chain.
    pub fn owner(
        &self,
        events: &Events<'o>,
        of: usize,
        at: Timestamp,
    ) -> Option<(ActorIndex, Option<Link>)> {
        let mut owner = events.traits[of].actor?;
        let mut seen = vec![owner];
        let first = self.of_event(&events.traits[of], at);
        let mut next = first;
        while let Some(link) = next {
            let maker = &events.traits[link.maker];
            let Some(actor) = maker.actor.filter(|actor| !seen.contains(actor)) else {
                break;
            };
            owner = actor;
            seen.push(actor);
            if seen.len() > CHAIN_MAX {
                break;
            }
            next = self.of_event(maker, link.at);
        }
        Some((owner, first.filter(|_| seen.len() > 1)))
    }
}

/// Returns what a record links to its actor, and by which proof.
pub(super) fn child_of<'o>(of: &Trait<'o>) -> Option<(Child<'o>, LinkKind)> {
    let account = of.subject.account_id.as_str();
    if let (Nature::Refusal { .. }, "sts", "AssumeRole") = (
        of.nature,
        of.subject.service.as_str(),
        of.subject.action.as_str(),
    ) {
        let role = role_name(of.facet(FacetKind::Resource)?)?;
        let address = of.facet(FacetKind::SourceIp)?;
        return Some((
            Child::RoleFrom(account, role, address),
            LinkKind::RefusedRole,
        ));
    }
    if let Some(person) = of.facet(FacetKind::Principal).and_then(proven_person) {
        return Some((Child::Person(account, person), LinkKind::SourceIdentity));
    }
    of.subject.call.as_ref()?;
    if of.is_success_of("sts", "AssumeRole") {
        return Some((Child::Key(of.parameter("key")?), LinkKind::AssumedRole));
    }
    if of.subject.service != "iam" {
        return None;
    }
    match of.subject.action.as_str() {
        "CreateUser" | "CreateLoginProfile" | "UpdateLoginProfile" | "CreateAccessKey" => Some((
            Child::User(account, of.parameter("user")?),
            LinkKind::Credentials,
        )),
        "CreateRole" | "UpdateAssumeRolePolicy" => {
            Some((Child::Role(account, of.parameter("role")?), LinkKind::Role))
        }
        _ => None,
    }
}

fn is_itself(actor: &Actor, child: &Child<'_>) -> bool {
    match child {
        Child::User(_, name) => actor.kind == ActorKind::User && actor.name == *name,
        Child::Role(_, name) | Child::RoleFrom(_, name, _) => actor.role_name() == Some(name),
        Child::Key(_) | Child::Person(..) => false,
    }
}

/// Returns all children that an event can be an event of.
pub(super) fn children_of<'o>(of: &Trait<'o>) -> [Option<Child<'o>>; 5] {
    let account = of.subject.account_id.as_str();
    let principal = of.facet(FacetKind::Principal).unwrap_or_default();
    // A federated session has the ARN of the user, and then the name of the session.
    let user = match of.facet(FacetKind::PrincipalKind) {
        Some("user") => principal.rsplit('/').next(),
        Some("federated-user") => issuing_user(principal),
        _ => None,
    };
    let role = role_name(principal).filter(|_| !of.is_machine);
    let person = proven_person(principal);
    [
        of.facet(FacetKind::AccessKey).map(Child::Key),
        user.map(|user| Child::User(account, user)),
        role.map(|role| Child::Role(account, role)),
        role_from(of),
        person.map(|person| Child::Person(account, person)),
    ]
}

fn issuing_user(principal: &str) -> Option<&str> {
    let (issuer, _) = principal.split_once(" as ")?;
    let (_, path) = issuer.split_once(":user/")?;
    path.rsplit('/').next()
}

/// Returns the role and the address of an event in a session of a role that no machine holds.
fn role_from<'o>(of: &Trait<'o>) -> Option<Child<'o>> {
    let role = role_name(of.facet(FacetKind::Principal)?).filter(|_| !of.is_machine)?;
    let address = of.facet(FacetKind::SourceIp)?;
    Some(Child::RoleFrom(&of.subject.account_id, role, address))
}
