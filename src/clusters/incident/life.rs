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

use std::collections::{BTreeMap, BTreeSet};

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
    /// Returns the id of the incident of an actor that began at this time. `attempt` is 0, unless another incident has
    /// this id.
    fn of(actor: &Actor, began: Timestamp, attempt: usize) -> Self {
        let mut hash = Sha256::new();
        let hour = began.window().hours().to_string();
        let attempt = attempt.to_string();
        let parts = [
            VERSION,
            &actor.account_id,
            actor.kind.name(),
            &actor.name,
            &hour,
            &attempt,
        ];
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

/// A period of an actor that may be the one about which alerts were sent.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub actor: &'a Actor,
    pub members: BTreeSet<&'a Actor>,
    pub began: Timestamp,
    pub last: Timestamp,
}

/// What an alert would be about now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now<'a> {
    pub candidate: &'a Candidate<'a>,
    pub severity: IncidentSeverity,
    pub tactics: &'a BTreeSet<Tactic>,
    pub steps: usize,
}

/// The alerts about incidents that are now one incident.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim<'s> {
    sent: Vec<&'s SentAlert>,
}

/// An incident about which alerts were sent, and that is neither closed nor a part of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenIncident<'s> {
    /// The newest alert about the incident.
    pub latest: &'s SentAlert,
    /// The earliest time that an alert has as that of the first event.
    pub began: Timestamp,
    /// When a wait for growth is over.
    growth: Timestamp,
}

/// Returns the incidents that are open, in the order of their ids.
pub fn open_incidents(sent: &BTreeSet<SentAlert>) -> Vec<OpenIncident<'_>> {
    let merged: BTreeSet<&IncidentId> = sent.iter().flat_map(|of| &of.merged).collect();
    // The set is sorted by incident first, then by number.
    let all: Vec<&SentAlert> = sent.iter().collect();
    let of_one = all.chunk_by(|one, other| one.incident == other.incident);
    let open = of_one.filter_map(|of_one| {
        let (first, latest) = (of_one.first()?, of_one.last()?);
        let is_over = latest.alert == IncidentAlert::Closed || merged.contains(&latest.incident);
        let began = of_one.iter().map(|of| of.began).fold(first.began, Ord::min);
        let wait = wait_seconds(of_one.iter().copied());
        (!is_over).then(|| OpenIncident {
            latest,
            began,
            growth: latest.at.plus(wait),
        })
    });
    open.collect()
}

impl OpenIncident<'_> {
    /// Returns when an alert can be due next without a further event. `looked` is when the events of the incident were looked at
    /// last, and the time of the last of them; `None` if only the alerts are known.
    pub fn next_alert(&self, looked: Option<(Timestamp, Timestamp)>) -> Timestamp {
        let (at, last) = looked.unwrap_or((self.latest.at, self.latest.last));
        let end = last.max(self.latest.last);
        let end = end.plus(QUIET_SECONDS + LATE_SECONDS + 1);
        // What the alert before did not have is known before the wait is over.
        if self.growth > at {
            return end.min(self.growth);
        }
        end
    }
}

/// Returns the alerts that were sent about each candidate. Those about one incident are those of one candidate: of one
/// whose identities and time they meet, the one whose actor they named last, and of several the first.
pub(super) fn claims<'s>(
    candidates: &[Candidate<'_>],
    sent: &'s BTreeSet<SentAlert>,
) -> Vec<Claim<'s>> {
    let mut by_member: BTreeMap<&Actor, Vec<usize>> = BTreeMap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        for member in &candidate.members {
            by_member.entry(member).or_default().push(place);
        }
    }
    let mut claims = vec![Claim::default(); candidates.len()];
    // The set is sorted by incident first, then by number.
    let all: Vec<&SentAlert> = sent.iter().collect();
    for of_one in all.chunk_by(|one, other| one.incident == other.incident) {
        let Some(last) = of_one.last() else { continue };
        let meeting = of_one.iter().flat_map(|of| {
            let places = by_member.get(&of.actor).into_iter().flatten();
            places.filter(|place| candidates[**place].meets(of))
        });
        let claimant = meeting.min_by_key(|place| {
            let candidate = &candidates[**place];
            let is_other = *candidate.actor != last.actor;
            (is_other, candidate.began, candidate.actor)
        });
        if let Some(place) = claimant {
            claims[*place].sent.extend(of_one);
        }
    }
    for claim in &mut claims {
        claim
            .sent
            .sort_by_key(|of| (of.at, of.number, &of.incident));
    }
    claims
}

impl Candidate<'_> {
    /// Checks whether its period is at most an hour from that of an alert.
    fn meets(&self, of: &SentAlert) -> bool {
        of.began.seconds_since(self.last) <= QUIET_SECONDS
            && self.began.seconds_since(of.last) <= QUIET_SECONDS
    }
}

impl<'s> Claim<'s> {
    /// Checks whether no alert was sent.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Returns the id of the incident: that of the oldest alert, else a new one.
    pub fn id(&self, candidate: &Candidate<'_>, sent: &BTreeSet<SentAlert>) -> IncidentId {
        if let Some(oldest) = self
            .sent
            .iter()
            .min_by_key(|of| (of.at, of.began, &of.incident))
        {
            return oldest.incident.clone();
        }
        let is_free = |id: &IncidentId| !sent.iter().any(|of| of.incident == *id);
        let ids = (0..).map(|attempt| IncidentId::of(candidate.actor, candidate.began, attempt));
        let mut ids = ids.filter(is_free);
        // There are more attempts than alerts.
        ids.next()
            .unwrap_or_else(|| IncidentId::of(candidate.actor, candidate.began, 0))
    }

    /// Returns the other incidents about which alerts were sent, which are a part of this one.
    pub fn merged(&self, id: &IncidentId) -> BTreeSet<IncidentId> {
        let others = self.sent.iter().map(|of| &of.incident);
        others.filter(|of| *of != id).cloned().collect()
    }

    /// Returns the alerts about the incident itself, in the order of time.
    fn own(&self, id: &IncidentId) -> Vec<&'s SentAlert> {
        let own = self.sent.iter().copied();
        own.filter(|of| of.incident == *id).collect()
    }
}

/// Returns the alert that is due about an incident at a time; `None` if none is.
pub(super) fn due(
    now: &Now<'_>,
    id: &IncidentId,
    claim: &Claim<'_>,
    at: Timestamp,
) -> Option<SentAlert> {
    let own = claim.own(id);
    let Candidate {
        actor, began, last, ..
    } = now.candidate;
    let alert = |alert| SentAlert {
        incident: id.clone(),
        number: own.len(),
        at,
        alert,
        actor: (*actor).clone(),
        began: *began,
        last: *last,
        severity: now.severity,
        tactics: now.tactics.clone(),
        steps: now.steps,
        merged: claim.merged(id),
    };
    let Some(latest) = own.last() else {
        return Some(alert(IncidentAlert::Opened));
    };
    if at.seconds_since(*last) > QUIET_SECONDS + LATE_SECONDS {
        let closes = |of: &SentAlert| of.alert == IncidentAlert::Closed && of.last >= *last;
        let is_closed = own.iter().any(|of| closes(of));
        return (!is_closed).then(|| alert(IncidentAlert::Closed));
    }
    let is_critical = now.severity == IncidentSeverity::Critical;
    let turns_critical = is_critical && own.iter().all(|of| of.severity < now.severity);
    let wait = wait_seconds(own.iter().copied());
    let may_grow = at.seconds_since(latest.at) >= wait;
    (turns_critical || may_grow && has_grown(now, &own)).then(|| alert(IncidentAlert::Grew))
}

/// Checks whether an incident has a new tactic or twice as many steps as in its alerts.
fn has_grown(now: &Now<'_>, own: &[&SentAlert]) -> bool {
    let is_new = |tactic: &&Tactic| !own.iter().any(|of| of.tactics.contains(*tactic));
    let most = own.iter().map(|of| of.steps).max().unwrap_or_default();
    now.tactics.iter().any(|tactic| is_new(&tactic)) || now.steps >= 2 * most.max(1)
}

/// Returns how long after the last of these alerts, which are about one incident, the next one about growth can be sent.
pub(super) fn wait_seconds<'s>(sent: impl IntoIterator<Item = &'s SentAlert>) -> i64 {
    let growths = sent
        .into_iter()
        .filter(|of| of.alert == IncidentAlert::Grew);
    FIRST_GROWTH_SECONDS << growths.count().min(WAITS_MAX)
}

/// How often the wait doubles: up to half a year.
const WAITS_MAX: usize = 14;
