//! The life of an incident: its id, and which alerts about it are due.
//!
//! An incident is opened by its first alert. While it grows, further alerts are sent: at most after 15, 30, 60, 120 …
//! minutes, each counted from the alert before. What is held back is in the next alert. A step to critical is sent at
//! once, and counts as one of them. When an hour without an event is over, and a quarter of an hour for late events, the
//! incident is closed.
//!
//! What was sent is a set with one [`SentAlert`] for each alert. It only grows, and two such sets are joined by union. A
//! late event never takes an alert back. If two incidents turn out to be one, the older id stays, and the younger one is
//! merged into it. Where events come at most 15 minutes late, the number of alerts about one incident is at most
//! `3 + 2 × merged + floor(log2(1 + minutes / 15))`, minutes from the first alert to the last. If events that join two
//! incidents come later, each of the two has had the alerts of its own by then.

use std::collections::BTreeSet;

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::IntoStaticStr;

use super::actor::Actor;
use super::severity::IncidentSeverity;
use super::technique::Tactic;

/// After how long without an event an incident is over, in seconds of event time.
pub const QUIET_SECONDS: i64 = 3600;

/// How long an incident waits for late events before it is closed, in seconds.
///
/// CloudTrail delivers most events within five minutes, and nearly all within fifteen. Source: AWS CloudTrail User Guide, "How CloudTrail works", 2026-11-30.
pub const LATE_SECONDS: i64 = 15 * 60;

/// How long after the opening the first alert about growth can be sent, in seconds. The wait doubles with each.
pub const FIRST_GROWTH_SECONDS: i64 = 15 * 60;

/// The version of the ids; hashed first.
const VERSION: &str = "incident1";

/// The id of an incident: a hash of account, actor and the hour in which it began, as 26 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentId(String);

impl IncidentId {
    /// Returns the id of the incident of an actor that began at this time.
    pub fn of(actor: &Actor, began: Timestamp) -> Self {
        let mut hash = Sha256::new();
        let hour = began.window().hours().to_string();
        let parts = [VERSION, &actor.account_id, actor.kind.name(), &actor.name, &hour];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let text = data_encoding::BASE32_NOPAD.encode(&hash.finalize()[..16]);
        Self(text.to_ascii_lowercase())
    }

    /// Returns the text of the id.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The kind of an alert about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum IncidentAlert {
    /// The incident began.
    Opened,
    /// It has further steps, or it became critical.
    Grew,
    /// It is over.
    Closed,
}

/// One alert that was sent about an incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SentAlert {
    /// The id of the incident.
    pub incident: IncidentId,
    /// How many alerts were sent about the incident before. With the id it is the key under which the alert is written, so
    /// that of two functions that decide at once only one sends.
    pub number: usize,
    /// When the alert was decided.
    pub at: Timestamp,
    /// The kind of the alert.
    pub alert: IncidentAlert,
    /// Whose incident it was then.
    pub actor: Actor,
    /// The time of the first event that was known then.
    pub began: Timestamp,
    /// The time of the last event that was known then.
    pub last: Timestamp,
    /// The severity in the alert.
    pub severity: IncidentSeverity,
    /// The tactics in the alert.
    pub tactics: BTreeSet<Tactic>,
    /// The number of steps in the alert.
    pub steps: usize,
    /// The incidents that were merged into this one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub merged: BTreeSet<IncidentId>,
}

/// What an alert would be about now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now<'a> {
    pub actor: &'a Actor,
    pub members: &'a BTreeSet<&'a Actor>,
    pub began: Timestamp,
    pub last: Timestamp,
    pub severity: IncidentSeverity,
    pub tactics: &'a BTreeSet<Tactic>,
    pub steps: usize,
}

/// The identity of an incident among those that have alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity<'t> {
    pub id: IncidentId,
    /// The alerts about this incident, and about those that are now a part of it; in the order of time.
    pub sent: Vec<&'t SentAlert>,
    /// The incidents with alerts that are a part of this one.
    pub merged: BTreeSet<IncidentId>,
}

impl<'t> Identity<'t> {
    /// Returns the alerts about the incident itself, in the order of time.
    fn own(&self) -> impl DoubleEndedIterator<Item = &'t SentAlert> {
        self.sent.iter().copied().filter(|of| of.incident == self.id)
    }
}

/// Returns which alerts were sent about an incident: all those of its actors whose period meets its own.
pub(super) fn identity<'t>(now: &Now<'_>, sent: &'t BTreeSet<SentAlert>) -> Identity<'t> {
    let meets = |of: &&SentAlert| {
        now.members.contains(&of.actor)
            && of.began.seconds_since(now.last) <= QUIET_SECONDS
            && now.began.seconds_since(of.last) <= QUIET_SECONDS
    };
    let mut found: Vec<&SentAlert> = sent.iter().filter(meets).collect();
    found.sort_by_key(|of| (of.at, of.alert, &of.incident));
    let oldest = found.iter().min_by_key(|of| (of.at, of.began, &of.incident));
    let id = oldest.map_or_else(
        || IncidentId::of(now.actor, now.began),
        |of| of.incident.clone(),
    );
    let merged = found.iter().map(|of| &of.incident).filter(|of| **of != id);
    Identity {
        merged: merged.cloned().collect(),
        id,
        sent: found,
    }
}

/// Returns the alert that is due about an incident at a time; `None` if none is.
pub(super) fn due(now: &Now<'_>, identity: &Identity<'_>, at: Timestamp) -> Option<SentAlert> {
    let alert = |alert| SentAlert {
        incident: identity.id.clone(),
        number: identity.own().count(),
        at,
        alert,
        actor: now.actor.clone(),
        began: now.began,
        last: now.last,
        severity: now.severity,
        tactics: now.tactics.clone(),
        steps: now.steps,
        merged: identity.merged.clone(),
    };
    let own = || identity.own();
    let Some(last) = own().next_back() else {
        return Some(alert(IncidentAlert::Opened));
    };
    let is_over = at.seconds_since(now.last) > QUIET_SECONDS + LATE_SECONDS;
    let is_closed = own().any(|of| of.alert == IncidentAlert::Closed && of.last >= now.last);
    if is_over {
        return (!is_closed).then(|| alert(IncidentAlert::Closed));
    }
    let growths = own().filter(|of| of.alert == IncidentAlert::Grew).count();
    let worst = own().map(|of| of.severity).max();
    let turns_critical = now.severity == IncidentSeverity::Critical && worst < Some(now.severity);
    let wait = FIRST_GROWTH_SECONDS << growths.min(WAITS_MAX);
    let may_grow = at.seconds_since(last.at) >= wait;
    let known: BTreeSet<Tactic> = own().flat_map(|of| of.tactics.iter().copied()).collect();
    let most = own().map(|of| of.steps).max().unwrap_or_default();
    let grew = now.tactics.iter().any(|tactic| !known.contains(tactic)) || now.steps >= 2 * most.max(1);
    (turns_critical || may_grow && grew).then(|| alert(IncidentAlert::Grew))
}

/// How often the wait doubles: up to half a year.
const WAITS_MAX: usize = 14;
