//! Steps: what an actor did or tried, call by call.
//!
//! A step is a sensitive call that succeeded, a refused call, a watched call whose target does not exist, or a failed
//! sign-in. All events of one actor with the same tactic, technique, call and outcome are one step. Whatever else the
//! actor did belongs to the incident, and is neither a step nor evidence.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::EventId;
use crate::circumstance::{Access, Circumstance};
use crate::class::Class;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterSubject;
use crate::watch::{CallDetails, Tier};

use super::technique::{self, Tactic};

/// How the calls of a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The calls succeeded.
    Succeeded,
    /// The calls were refused, or the sign-ins failed.
    Refused,
    /// What the calls were about does not exist, or a limit was reached.
    NotFound,
}

/// What a step is: its calls and how they ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepKey {
    /// The tactic that the technique serves first; `None` without a technique.
    pub tactic: Option<Tactic>,
    /// The id of the technique, such as `T1098.003`; `None` for a refused call that is a try of no known technique.
    pub technique: Option<String>,
    /// The called service, such as `iam`.
    pub service: String,
    /// The called API, such as `CreateUser`.
    pub action: String,
    /// How the calls ended.
    pub outcome: Outcome,
}

/// What an actor did or tried with one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The calls and how they ended.
    #[serde(flatten)]
    pub key: StepKey,
    /// Whether a call weighs as much as an attack step on its own.
    pub is_strong: bool,
    /// The time of the first call.
    pub first: Timestamp,
    /// The event of the first call, and the region that it was made in, if that is known.
    #[serde(skip)]
    pub first_event: (EventId, Option<String>),
    /// The time of the last call.
    pub last: Timestamp,
    /// The number of calls.
    pub count: u64,
    /// The first targets in the order of their names, at most [`VALUES_MAX`].
    pub targets: BTreeSet<String>,
    /// The first identities in the order of their names, at most [`VALUES_MAX`].
    pub identities: BTreeSet<String>,
}

/// How many targets and identities of a step are kept. The least by name stay, so the order of events changes nothing.
pub const VALUES_MAX: usize = 20;

/// The role of an event in the story of its actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nature {
    /// A sensitive call that weighs as much as an attack step on its own.
    Strong,
    /// Any other sensitive call.
    Weak {
        /// Whether alerts are sent about the first call of a caller alone.
        is_routine: bool,
        /// Whether it is the harmless form of a call that can be strong, such as a policy of a bucket that lets no
        /// outsider in.
        is_harmless: bool,
    },
    /// A refused call; `is_watched` if it is one of the sensitive calls.
    Refusal { is_watched: bool },
    /// A watched call whose target does not exist.
    NotFound,
    /// A sign-in with wrong credentials.
    FailedSignIn,
    /// A call that is kept for the ledger alone.
    Trace,
    /// Anything else.
    Other,
}

/// Returns the role of an event with this subject in the story of its actor.
pub(super) fn nature(subject: &ClusterSubject) -> Nature {
    let is_watched = || technique::of_watched_call(&subject.service, &subject.action).is_some();
    match (subject.class, &subject.call) {
        (Class::Watch, Some(call)) => nature_of_call(subject, call),
        (Class::Denied | Class::Vpce, _) => Nature::Refusal {
            is_watched: is_watched(),
        },
        (Class::Absent | Class::Quota, _) if is_watched() => Nature::NotFound,
        (Class::Signin, _) => Nature::FailedSignIn,
        _ => Nature::Other,
    }
}

fn nature_of_call(subject: &ClusterSubject, call: &CallDetails) -> Nature {
    match call {
        CallDetails {
            tier: Tier::Ledger, ..
        } => Nature::Trace,
        CallDetails {
            expected_by: Some(_),
            ..
        } => Nature::Other,
        CallDetails {
            is_strong: true, ..
        } => Nature::Strong,
        CallDetails { tier, .. } => {
            let is_routine = *tier == Tier::First;
            let can_be_strong = || technique::can_be_strong(&subject.service, &subject.action);
            Nature::Weak {
                is_routine,
                is_harmless: is_routine && can_be_strong(),
            }
        }
    }
}

/// Returns the step that an event belongs to; `None` if it is no step.
pub(super) fn key(subject: &ClusterSubject, nature: Nature, access: Access) -> Option<StepKey> {
    let ClusterSubject {
        service, action, ..
    } = subject;
    let (outcome, technique) = match nature {
        Nature::Strong | Nature::Weak { .. } => {
            let call = subject.call.as_ref()?;
            (Outcome::Succeeded, call.technique.as_deref())
        }
        Nature::Refusal { .. } => (
            Outcome::Refused,
            technique::of_refused_call(service, action, access == Access::Read),
        ),
        Nature::NotFound => (
            Outcome::NotFound,
            technique::of_watched_call(service, action),
        ),
        Nature::FailedSignIn => (Outcome::Refused, Some(technique::FAILED_SIGN_IN)),
        Nature::Trace | Nature::Other => return None,
    };
    Some(StepKey {
        tactic: technique.and_then(technique::tactic),
        technique: technique.map(str::to_owned),
        service: service.clone(),
        action: action.clone(),
        outcome,
    })
}

/// Checks whether an event is a sign of an attack at all, whoever's it is: a quiet event and one that a rule of the
/// user made `info` are none, nor is a refusal that a service met on behalf of the caller, nor a weak call of a tool that builds
/// infrastructure.
pub(super) fn can_be_evidence(
    nature: Nature,
    circumstance: &Circumstance,
    facets: &Facets,
) -> bool {
    let origin = facets.get(FacetKind::Origin).unwrap_or_default();
    match nature {
        Nature::Trace | Nature::Other => false,
        Nature::Strong | Nature::Weak { .. } if circumstance.is_ruled_quiet() => false,
        Nature::Strong => true,
        Nature::Weak { .. } => origin != "iac",
        Nature::FailedSignIn => circumstance.can_be_evidence(),
        Nature::Refusal { .. } | Nature::NotFound => {
            circumstance.can_be_evidence() && !origin.starts_with("via ")
        }
    }
}

/// What a step keeps of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepEvent<'e> {
    pub id: EventId,
    pub at: Timestamp,
    pub is_strong: bool,
    pub region: Option<&'e str>,
    pub target: Option<&'e str>,
    pub identity: &'e str,
}

/// The steps of one incident, by what they are.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: BTreeMap<StepKey, Step>,
}

impl Steps {
    /// Adds an event to its step. Events come in the order of time.
    pub fn add(&mut self, key: &StepKey, event: &StepEvent<'_>) {
        let at = event.at;
        if !self.steps.contains_key(key) {
            let step = Step {
                key: key.clone(),
                is_strong: event.is_strong,
                first: at,
                first_event: (event.id, event.region.map(str::to_owned)),
                last: at,
                count: 0,
                targets: BTreeSet::new(),
                identities: BTreeSet::new(),
            };
            self.steps.insert(key.clone(), step);
        }
        let Some(step) = self.steps.get_mut(key) else {
            return;
        };
        step.is_strong |= event.is_strong;
        step.first = step.first.min(at);
        step.last = step.last.max(at);
        step.count += 1;
        insert_capped(&mut step.identities, event.identity, VALUES_MAX);
        if let Some(target) = event.target {
            insert_capped(&mut step.targets, target, VALUES_MAX);
        }
    }

    /// Returns the steps in the order of their first calls.
    pub fn in_order(self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.steps.into_values().collect();
        steps.sort_by(|one, other| (one.first, &one.key).cmp(&(other.first, &other.key)));
        steps
    }
}

/// Adds a value to a set that keeps its least values alone, so that the order of additions changes nothing.
pub(super) fn insert_capped(set: &mut BTreeSet<String>, value: &str, max: usize) {
    let is_beyond = set.len() >= max && set.last().is_some_and(|last| value > last.as_str());
    if is_beyond || set.contains(value) {
        return;
    }
    set.insert(value.to_owned());
    if set.len() > max {
        set.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(class: Class, service: &str, action: &str) -> ClusterSubject {
        ClusterSubject {
            account_id: "111122223333".to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            code: "Denied".to_owned(),
            class,
            call: None,
        }
    }

    #[test]
    fn what_failed_is_a_step_if_it_was_refused_or_watched() {
        for (class, service, action, nature_of) in [
            (
                Class::Denied,
                "s3",
                "ListBuckets",
                Nature::Refusal { is_watched: false },
            ),
            (
                Class::Denied,
                "iam",
                "CreateUser",
                Nature::Refusal { is_watched: true },
            ),
            (Class::Absent, "cloudtrail", "StopLogging", Nature::NotFound),
            (Class::Absent, "s3", "GetBucketPolicy", Nature::Other),
            (Class::Throttle, "iam", "CreateUser", Nature::Other),
            (
                Class::Signin,
                "signin",
                "ConsoleLogin",
                Nature::FailedSignIn,
            ),
        ] {
            let subject = subject(class, service, action);
            assert_eq!(nature(&subject), nature_of, "{action}");
            let step = key(&subject, nature_of, Access::Read);
            assert_eq!(step.is_some(), nature_of != Nature::Other, "{action}");
        }
    }

    #[test]
    fn a_capped_set_keeps_the_least_values_in_any_order() {
        let mut sets = [BTreeSet::new(), BTreeSet::new()];
        for name in ["c", "a", "d", "b", "a"] {
            insert_capped(&mut sets[0], name, 2);
        }
        for name in ["d", "b", "b", "a", "c"] {
            insert_capped(&mut sets[1], name, 2);
        }
        assert_eq!(sets[0], sets[1]);
        assert!(sets[0].iter().eq(["a", "b"]));
    }
}
