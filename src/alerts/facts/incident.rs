//! The facts of an alert about an incident: what one actor did, as far as it was known when the alert was decided.
//!
//! An incident may have hundreds of steps and objects. So each list has its first items and the number of all, and each
//! name a length: the JSON of the largest facts has at most [`FACTS_BYTES_MAX`]. Names are sanitized, and ids of access
//! keys are masked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use clusters::EventId;
use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::evidence::EvidenceKind;
use clusters::incident::ledger::{Ledger, Made, Standing, Urgency, WasOpen, WayIn};
use clusters::incident::life::{IncidentAlert, IncidentId, SentAlert};
use clusters::incident::link::LinkKind;
use clusters::incident::remedy::remedy;
use clusters::incident::severity::IncidentSeverity;
use clusters::incident::step::{Outcome, Step, VALUES_MAX as VALUES_KNOWN_MAX};
use clusters::incident::technique::Tactic;
use clusters::incident::{Incident, Member, Sources};
use clusters::keys::masked;
use clusters::summary::Excerpt;
use records::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Stage;
use crate::incident_advice::{self, AdviceItem, AdviceStep};
use crate::links::Links;
use crate::safe::{cut, readable, token};

/// The most bytes of the facts as JSON.
pub const FACTS_BYTES_MAX: usize = 128 << 10;

/// The largest number of listed steps, of targets of a step, of objects of a list, of identities, of keys, of values of a
/// source, and of merged incidents.
const STEPS_MAX: usize = 20;
const TARGETS_MAX: usize = 3;
const OBJECTS_MAX: usize = 15;
const MEMBERS_MAX: usize = 10;
const KEYS_MAX: usize = 10;
const VALUES_MAX: usize = 5;
const MERGED_MAX: usize = 10;

/// The largest number of pieces of advice, of objects of one, and of commands for an object.
const ADVICE_MAX: usize = 12;
const ITEMS_MAX: usize = 4;
const COMMANDS_MAX: usize = 4;

/// How many objects of one kind are listed before there are further ones of another kind.
const OF_KIND_MAX: usize = 3;

/// How many of the listed steps are the newest ones at least.
const NEWEST_STEPS: usize = 4;

/// The longest name, in characters and in bytes.
const NAME_CHARS_MAX: usize = 160;
const NAME_BYTES_MAX: usize = 240;

/// The longest command, in characters and in bytes. A longer one is left out: half a command does something else.
const COMMAND_BYTES_MAX: usize = 400;

/// What an alert about an incident says of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStage {
    /// The incident began.
    Opened,
    /// It has further steps, or it became critical.
    Grew,
    /// It is over.
    Closed,
    /// It turned out to be a part of an older incident. This closes its fault in Guance.
    Merged,
}

/// The facts of an alert about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFacts {
    /// The id of the incident; that of its first alert stays.
    pub incident: IncidentId,
    /// How many alerts were decided about the incident before.
    pub number: usize,
    /// What the alert says of the life of the incident.
    pub stage: IncidentStage,
    /// Who acts.
    pub actor: ActorFacts,
    /// The identities with which the actor calls, its own first.
    pub members: Excerpt<MemberFacts>,
    /// Where the calls came from.
    pub sources: SourceFacts,
    /// The time of the first event that is evidence.
    pub began: Timestamp,
    /// The time of the last event that is evidence.
    pub last: Timestamp,
    /// Whether less than an hour had passed since the last event.
    pub is_open: bool,
    /// The number of events of the incident.
    pub events: u64,
    /// How serious it is, and at least as serious as in the alerts before.
    pub severity: IncidentSeverity,
    /// Why it is so serious: one of [`clusters::incident::severity::REASONS`].
    pub reason: String,
    /// What speaks for an attack, each kind once.
    pub evidence: Vec<EvidenceFacts>,
    /// The tactics of all steps.
    pub tactics: BTreeSet<Tactic>,
    /// What the actor did and tried.
    pub steps: StepList,
    /// What stays behind.
    pub stays_behind: LedgerFacts,
    /// What to do about it, in the order in which it is to be done.
    #[serde(default)]
    pub to_do: Vec<ToDo>,
    /// What is new since the alert before; `None` in the first alert.
    pub new: Option<Growth>,
    /// The incidents that turned out to be a part of this one, the first of them.
    pub merged: Excerpt<IncidentId>,
    /// The older incident that this one is a part of, if the stage is [`IncidentStage::Merged`].
    pub merged_into: Option<IncidentId>,
}

/// The actor of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorFacts {
    /// The kind of the actor.
    pub kind: ActorKind,
    /// The name, as in [`Actor`].
    pub name: String,
    /// The name as records name the caller, such as the ARN of a user.
    pub principal: String,
}

/// An identity with which the actor of an incident calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    /// The kind of the identity.
    pub kind: ActorKind,
    /// The name, as in [`Actor`].
    pub name: String,
    /// The kind of the proof that it is one of the actor; `None` for the actor itself.
    pub link: Option<LinkKind>,
    /// The time of the record that proves it; `None` for the actor itself.
    pub linked: Option<Timestamp>,
    /// The time of its first event.
    pub first: Timestamp,
    /// The time of its last event.
    pub last: Timestamp,
    /// The number of its events.
    pub events: u64,
}

/// Where the calls of an incident came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Source addresses, or names of AWS services.
    pub addresses: Excerpt<String>,
    /// Names and versions of programs; those of calls that have the name of an attack tool come first.
    pub user_agents: Excerpt<String>,
    /// Regions of the calls.
    pub regions: Excerpt<String>,
}

/// A kind of evidence in the hour in which most speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFacts {
    /// The kind.
    pub kind: EvidenceKind,
    /// How many items were counted.
    pub items: usize,
}

/// The steps of an incident. How many there are of an outcome is counted up to the 200 that an incident has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepList {
    /// The number of all steps.
    pub total: u64,
    /// How many of them succeeded.
    pub succeeded: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// How many of them met nothing that exists, or a limit.
    pub not_found: u64,
    /// The first steps of each tactic, the newest steps and strong ones that succeeded, in the order of time.
    pub shown: Vec<StepFacts>,
}

/// One step of an incident: calls of one API with one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFacts {
    /// The time of the first call.
    pub first: Timestamp,
    /// The time of the last call.
    pub last: Timestamp,
    /// The tactic that the technique serves first.
    pub tactic: Option<Tactic>,
    /// The id of the technique of MITRE ATT&CK.
    pub technique: Option<String>,
    /// The called service, such as `iam`.
    pub service: String,
    /// The called API, such as `CreateUser`.
    pub action: String,
    /// How the calls ended.
    pub outcome: Outcome,
    /// Whether a call weighs as much as a step of an attack on its own.
    pub strong: bool,
    /// The number of calls.
    pub count: u64,
    /// The first targets.
    pub targets: Vec<String>,
    /// How many further targets are known.
    pub more_targets: usize,
    /// Whether there may be more targets than are known.
    pub has_other_targets: bool,
    /// Whether it is new since the alert before: its calls came later, or it is the first of its tactic.
    pub is_new: bool,
    /// The id of the first call's event in CloudTrail.
    pub event: String,
    /// The region of the first call.
    pub region: Option<String>,
}

/// What an incident leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerFacts {
    /// Whether removals are among the events. If they are not, nothing is known to stand.
    pub removals_seen: bool,
    /// What was made and not removed, the most urgent first.
    pub stands: Excerpt<MadeFacts>,
    /// What is gone and was open for a time, which may have been enough; the most urgent first.
    pub was_open: Excerpt<OpenFacts>,
    /// The access keys with which the actor called, those that last first.
    pub ways_in: Excerpt<WayInFacts>,
}

/// An object that the actor made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFacts {
    /// The kind of the object, such as `access_key`.
    pub kind: String,
    /// What the kind is, in English.
    pub what: String,
    /// The name of the object; several parts are separated by spaces.
    pub name: String,
    /// The region, if the object belongs to one.
    pub region: Option<String>,
    /// The call that made it.
    pub by: String,
    /// The time of the making.
    pub at: Timestamp,
    /// Whether it is still there.
    pub standing: Standing,
}

/// An object that was open for a time, and is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFacts {
    /// The kind of the object, such as `shared_image`.
    pub kind: String,
    /// What the kind is, in English.
    pub what: String,
    /// The name of the object; several parts are separated by spaces.
    pub name: String,
    /// The time of the making.
    pub from: Timestamp,
    /// The time of the removal.
    pub until: Timestamp,
    /// The call that removed it.
    pub by: String,
}

/// A way in that the actor had: an access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayInFacts {
    /// The masked id of the key.
    pub key: String,
    /// Whether it lasts until it is removed; otherwise it is that of a session.
    pub lasts: bool,
    /// Whose key it is, as records name the caller.
    pub of: String,
    /// The time of its last call in the incident.
    pub last: Timestamp,
}

/// One thing to do about an incident, see [`incident_advice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDo {
    /// What to do, in English. A word in braces stands for a value.
    pub english: String,
    /// The same in Chinese.
    pub chinese: String,
    /// The values of the words in braces.
    pub values: Vec<ToDoValue>,
    /// The objects that it is to be done with.
    pub items: Excerpt<ToDoItem>,
}

/// The value of a word in braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDoValue {
    /// The word.
    pub word: String,
    /// The value.
    pub value: String,
}

/// An object of a thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDoItem {
    /// What the object is, in English.
    pub english: String,
    /// The same in Chinese.
    pub chinese: String,
    /// The name of the object.
    pub name: String,
    /// The commands, in their order. A word in capitals is looked up by the reader.
    pub commands: Vec<String>,
}

/// What is new in an incident since the alert before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// When the alert before was decided.
    pub since: Timestamp,
    /// The tactics that no alert before had.
    pub tactics: BTreeSet<Tactic>,
    /// The number of further steps.
    pub steps: u64,
    /// The severity in the alert before.
    pub severity: IncidentSeverity,
}

impl IncidentFacts {
    /// Returns the facts of an alert. `before` are the alerts about the same incident that were decided before, in their
    /// order.
    pub fn of(sent: &SentAlert, incident: &Incident, before: &[&SentAlert]) -> Self {
        let previous = before.last().copied();
        let news = News { before };
        let severities = before.iter().map(|of| of.severity);
        Self {
            incident: sent.incident.clone(),
            number: sent.number,
            stage: match sent.alert {
                IncidentAlert::Opened => IncidentStage::Opened,
                IncidentAlert::Grew => IncidentStage::Grew,
                IncidentAlert::Closed => IncidentStage::Closed,
            },
            actor: actor(incident),
            members: Excerpt {
                total: incident.members_count as u64,
                shown: incident
                    .members
                    .iter()
                    .take(MEMBERS_MAX)
                    .map(member)
                    .collect(),
            },
            sources: sources(&incident.sources),
            began: incident.began,
            last: incident.last,
            is_open: incident.is_open,
            events: incident.events,
            severity: severities.fold(incident.severity, Ord::max),
            reason: incident.severity_reason.to_owned(),
            evidence: evidence(incident),
            tactics: incident.tactics.clone(),
            steps: steps(incident, &news),
            stays_behind: ledger(&incident.ledger),
            to_do: to_do(incident),
            new: previous.map(|previous| Growth {
                since: previous.at,
                tactics: news.tactics(&incident.tactics),
                steps: incident.steps_count.saturating_sub(previous.steps) as u64,
                severity: previous.severity,
            }),
            merged: Excerpt::of(sent.merged.iter().cloned().collect(), MERGED_MAX),
            merged_into: None,
        }
    }

    /// Returns the facts of the alert that the incident `younger` is a part of the one that these facts are about.
    #[must_use]
    pub fn merged(&self, younger: &IncidentId) -> Self {
        Self {
            incident: younger.clone(),
            stage: IncidentStage::Merged,
            merged: Excerpt::default(),
            merged_into: Some(self.incident.clone()),
            to_do: Vec::new(),
            new: None,
            ..self.clone()
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage {
            IncidentStage::Opened => Stage::Began,
            IncidentStage::Grew => Stage::Grew(self.number),
            IncidentStage::Closed | IncidentStage::Merged => Stage::Ended,
        }
    }

    /// Returns the text that distinguishes the alert from others about incidents of the account. That of the first alert is
    /// the id of the incident.
    pub(super) fn about(&self) -> String {
        let id = self.incident.text();
        match (self.stage, self.number) {
            (IncidentStage::Merged, _) => format!("{id} merged"),
            (_, 0) => id.to_owned(),
            (_, number) => format!("{id} {number:03}"),
        }
    }

    /// Returns the actor and the listed identities that belong to it, in the trail of an account.
    pub fn callers(&self, account_id: &str) -> Vec<Actor> {
        let of = |kind: ActorKind, name: &str| Actor {
            account_id: account_id.to_owned(),
            kind,
            name: name.to_owned(),
        };
        let own = of(self.actor.kind, &self.actor.name);
        let members = self.members.shown.iter();
        let members = members.map(|member| of(member.kind, &member.name));
        let others = members.filter(|member| *member != own);
        std::iter::once(own.clone()).chain(others).collect()
    }

    /// Returns up to three events that show most: of the first step, of the newest strong one that succeeded, and of the
    /// newest step. In the order of time.
    pub fn telling_events(&self) -> Vec<&StepFacts> {
        let shown = &self.steps.shown;
        let is_strong = |step: &&StepFacts| step.strong && step.outcome == Outcome::Succeeded;
        let strongest = shown.iter().rev().find(is_strong);
        let mut telling: Vec<&StepFacts> = [shown.first(), strongest, shown.last()]
            .into_iter()
            .flatten()
            .collect();
        telling.sort_by_key(|step| step.first);
        telling.dedup_by_key(|step| &step.event);
        telling
    }
}

impl StepFacts {
    /// Returns the link to the event of the first call in the console of CloudTrail; `None` if its region is not known.
    pub fn event_link(&self, links: &Links) -> Option<String> {
        links.event(self.region.as_deref()?, EventId::named(&self.event))
    }
}

/// What was told before.
struct News<'a> {
    before: &'a [&'a SentAlert],
}

impl News<'_> {
    fn is_new_tactic(&self, tactic: Tactic) -> bool {
        !self.before.is_empty() && self.before.iter().all(|of| !of.tactics.contains(&tactic))
    }

    fn tactics(&self, all: &BTreeSet<Tactic>) -> BTreeSet<Tactic> {
        let new = all.iter().copied();
        new.filter(|tactic| self.is_new_tactic(*tactic)).collect()
    }

    /// Checks whether no alert before can have had the step. An alert says only which tactics it had and until when the
    /// events were known, so a step that came late is not found.
    fn is_new(&self, step: &Step) -> bool {
        let is_later = || self.before.iter().all(|of| of.last < step.first);
        let has_new_tactic = || step.key.tactic.is_some_and(|of| self.is_new_tactic(of));
        !self.before.is_empty() && (is_later() || has_new_tactic())
    }
}

/// Returns a name in a bounded form for people.
fn name(text: &str) -> String {
    cut(&readable(text, NAME_CHARS_MAX), NAME_BYTES_MAX).to_owned()
}

fn names<'v>(values: impl IntoIterator<Item = &'v String>) -> Excerpt<String> {
    let names = values.into_iter().map(|value| name(value));
    Excerpt::of(names.collect(), VALUES_MAX)
}

fn actor(incident: &Incident) -> ActorFacts {
    let Actor { kind, name: of, .. } = &incident.actor;
    ActorFacts {
        kind: *kind,
        name: name(of),
        principal: name(principal(incident)),
    }
}

/// Returns the actor's name as records write it. The actor of a user is named without account and path.
fn principal(incident: &Incident) -> &str {
    let own = &incident.actor.name;
    if incident.actor.kind != ActorKind::User {
        return own;
    }
    let ways = incident.ledger.ways_in.iter().map(|way| &way.of);
    let callers = incident.steps.iter().flat_map(|step| &step.identities);
    let is_own = |of: &&String| {
        let path = of.split_once(":user/").map(|(_, path)| path);
        path.is_some_and(|path| path.rsplit('/').next() == Some(own))
    };
    ways.chain(callers).find(is_own).unwrap_or(own)
}

fn member(of: &Member) -> MemberFacts {
    MemberFacts {
        kind: of.identity.kind,
        name: name(&of.identity.name),
        link: of.link.map(|link| link.kind),
        linked: of.link.map(|link| link.at),
        first: of.first,
        last: of.last,
        events: of.events,
    }
}

fn sources(of: &Sources) -> SourceFacts {
    let others = of.user_agents.difference(&of.attack_tools);
    SourceFacts {
        addresses: names(&of.addresses),
        user_agents: names(of.attack_tools.iter().chain(others)),
        regions: names(&of.regions),
    }
}

/// Returns each kind of evidence with the most items that a window has of it, in the order of the kinds.
fn evidence(incident: &Incident) -> Vec<EvidenceFacts> {
    let mut all: Vec<EvidenceFacts> = incident
        .windows
        .iter()
        .flat_map(|window| &window.evidence)
        .map(|of| EvidenceFacts {
            kind: of.kind,
            items: of.items,
        })
        .collect();
    all.sort_by_key(|of| (of.kind, Reverse(of.items)));
    all.dedup_by_key(|of| of.kind);
    all
}

fn steps(incident: &Incident, news: &News<'_>) -> StepList {
    let with = |outcome| {
        let steps = incident.steps.iter();
        steps.filter(|step| step.key.outcome == outcome).count() as u64
    };
    let listed = listed(&incident.steps);
    let shown = incident.steps.iter().enumerate();
    let shown = shown.filter(|(place, _)| listed.contains(place));
    StepList {
        total: incident.steps_count as u64,
        succeeded: with(Outcome::Succeeded),
        refused: with(Outcome::Refused),
        not_found: with(Outcome::NotFound),
        shown: shown.map(|(_, of)| step(of, news.is_new(of))).collect(),
    }
}

/// Returns the places of the steps that are listed: the very first one; of each tactic the first strong one that
/// succeeded, or else the first one; the newest ones; then the next of each tactic in turn, strong ones before others.
fn listed(steps: &[Step]) -> BTreeSet<usize> {
    let is_weak = |place: usize| {
        let step = &steps[place];
        !step.is_strong || step.key.outcome != Outcome::Succeeded
    };
    let mut by_tactic: BTreeMap<Option<Tactic>, Vec<usize>> = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        by_tactic.entry(step.key.tactic).or_default().push(place);
    }
    // Each step with its turn among those of its tactic.
    let mut turns: Vec<(usize, bool, usize)> = Vec::new();
    for places in by_tactic.values_mut() {
        places.sort_by_key(|place| (is_weak(*place), *place));
        let of_tactic = places.iter().enumerate();
        turns.extend(of_tactic.map(|(turn, place)| (turn, is_weak(*place), *place)));
    }
    turns.sort_by_key(|(turn, is_weak, place)| (*turn > 0, *is_weak && *turn > 0, *turn, *place));
    let place = |(_, _, place): &(usize, bool, usize)| *place;
    let (firsts, others) = turns.split_at(by_tactic.len());
    let newest = (0..steps.len()).rev().take(NEWEST_STEPS);
    let wanted = std::iter::once(0)
        .chain(firsts.iter().map(place))
        .chain(newest)
        .chain(others.iter().map(place));
    let mut listed = BTreeSet::new();
    for place in wanted.filter(|place| *place < steps.len()) {
        if listed.len() < STEPS_MAX {
            listed.insert(place);
        }
    }
    listed
}

fn step(of: &Step, is_new: bool) -> StepFacts {
    let (event, region) = &of.first_event;
    let targets: Vec<String> = of
        .targets
        .iter()
        .take(TARGETS_MAX)
        .map(|of| name(of))
        .collect();
    StepFacts {
        first: of.first,
        last: of.last,
        tactic: of.key.tactic,
        technique: of.key.technique.as_deref().map(|id| token(id, 16)),
        service: token(&of.key.service, 64),
        action: token(&of.key.action, 64),
        outcome: of.key.outcome,
        strong: of.is_strong,
        count: of.count,
        more_targets: of.targets.len() - targets.len(),
        has_other_targets: of.targets.len() >= VALUES_KNOWN_MAX,
        targets,
        is_new,
        event: event.to_string(),
        region: region.as_deref().map(|region| token(region, 32)),
    }
}

fn ledger(of: &Ledger) -> LedgerFacts {
    let count = |count: usize| count as u64;
    LedgerFacts {
        removals_seen: of.removals_seen,
        stands: Excerpt {
            total: count(of.stands_count),
            shown: most_urgent(&of.stands, |of| (of.kind, &of.by))
                .map(made)
                .collect(),
        },
        was_open: Excerpt {
            total: count(of.was_open_count),
            shown: most_urgent(&of.was_open, |of| (of.kind, ""))
                .map(open)
                .collect(),
        },
        ways_in: Excerpt::of(of.ways_in.iter().map(way_in).collect(), KEYS_MAX),
    }
}

/// Returns the objects that are listed, the most urgent first. Of each kind there are some before there are more of another
/// one, so that many equal objects hide nothing.
fn most_urgent<T>(all: &[T], kind: impl Fn(&T) -> (&str, &str)) -> impl Iterator<Item = &T> {
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranked: Vec<(bool, Option<Urgency>, usize)> = Vec::new();
    for (place, of) in all.iter().enumerate() {
        let (kind, by) = kind(of);
        let turn = turns.entry(kind).or_default();
        let is_further = *turn >= OF_KIND_MAX;
        ranked.push((is_further, remedy(kind, by).map(|of| of.urgency()), place));
        *turn += 1;
    }
    ranked.sort_unstable();
    ranked.truncate(OBJECTS_MAX);
    ranked.sort_unstable_by_key(|(_, urgency, place)| (*urgency, *place));
    ranked.into_iter().map(|(_, _, place)| &all[place])
}

/// Returns the name of an object. What comes after `secret:` would be masked, as if it were one.
fn object_name(of: &str) -> String {
    name(of.strip_prefix("secret:").unwrap_or(of))
}

fn made(of: &Made) -> MadeFacts {
    MadeFacts {
        kind: of.kind.to_owned(),
        what: of.what.to_owned(),
        name: object_name(&of.name),
        region: of.region.as_deref().map(|region| token(region, 32)),
        by: token(&of.by, 128),
        at: of.at,
        standing: of.standing,
    }
}

fn open(of: &WasOpen) -> OpenFacts {
    OpenFacts {
        kind: of.kind.to_owned(),
        what: of.what.to_owned(),
        name: object_name(&of.name),
        from: of.from,
        until: of.until,
        by: token(&of.by, 128),
    }
}

fn way_in(of: &WayIn) -> WayInFacts {
    WayInFacts {
        key: masked(&of.key),
        lasts: of.is_long_term,
        of: name(&of.of),
        last: of.last,
    }
}

fn to_do(incident: &Incident) -> Vec<ToDo> {
    let advice = incident_advice::advice(incident);
    let to_do = |of: &AdviceStep| ToDo {
        english: of.sentence.english.to_owned(),
        chinese: of.sentence.chinese.to_owned(),
        values: of
            .values
            .iter()
            .map(|(word, value)| ToDoValue {
                word: (*word).to_owned(),
                value: name(value),
            })
            .collect(),
        items: Excerpt {
            total: (of.items.len() + of.more) as u64,
            shown: of.items.iter().take(ITEMS_MAX).map(to_do_item).collect(),
        },
    };
    advice.iter().take(ADVICE_MAX).map(to_do).collect()
}

fn to_do_item(of: &AdviceItem) -> ToDoItem {
    let commands = of.commands.iter().take(COMMANDS_MAX);
    let is_short = |command: &&String| command.len() <= COMMAND_BYTES_MAX;
    ToDoItem {
        english: of.what.english.to_owned(),
        chinese: of.what.chinese.to_owned(),
        name: name(&of.name),
        commands: commands
            .filter(is_short)
            .map(|command| readable(command, COMMAND_BYTES_MAX))
            .collect(),
    }
}
