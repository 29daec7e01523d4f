//! Rehearses attacks: puts the records of an attack behind a history, and says which alerts would be sent, after how
//! long, and what would hold them back.
//!
//! Each record takes the way of a real one: coverage, selection, rules, clusters, sensitive calls and incidents, triage
//! decisions, policies. The history is read and never changed, and each attack begins anew.

pub mod held_back;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::inspection_state::InspectionState;
use clusters::lifecycle::Resolutions;
use clusters::occurrence::{Occurrence, Subjects, occurrences};
use clusters::transition::Transition;
use clusters::triage::Triage;
use clusters::{ClusterFacts, EventId, Finding, Sighting};
use records::time::Timestamp;
use records::{Record, Wrapper};
use serde::Serialize;

use crate::coverage::Composition;
use crate::inspect::Recorded;
use crate::rules::{Fate, Rules};

use self::held_back::HeldBack;

/// What happened before an attack, as a store has it.
#[derive(Debug, Clone, Copy)]
pub struct History<'h> {
    /// All events, in any order.
    pub events: &'h [(EventId, Sighting)],
    /// The facts of their clusters and sensitive calls.
    pub facts: &'h BTreeMap<ClusterId, Arc<ClusterFacts>>,
    /// When people resolved or reopened clusters.
    pub resolutions: &'h Resolutions,
    /// The triage decisions about clusters.
    pub triages: &'h BTreeMap<ClusterId, Triage>,
}

/// What decides about records and alerts beside the history.
#[derive(Debug, Clone, Copy)]
pub struct Deciding<'d> {
    /// The rules, watches and policies.
    pub rules: &'d Rules,
    /// The filter pattern of the stack; `None` if all records are read.
    pub composition: Option<&'d Composition<'d>>,
    /// The names of the sinks. If there are none, the sinks that policies name and one more count.
    pub sinks: &'d [String],
    /// The time by the local clock, at which decisions may have ended.
    pub now: Timestamp,
}

/// A history that is ready for attacks.
pub struct Rehearsals<'a> {
    history: History<'a>,
    deciding: Deciding<'a>,
    state: InspectionState,
    story: Vec<Transition>,
    subjects: Subjects,
    /// The occurrences of the last day: an attack may be linked with them.
    recent: Vec<Occurrence>,
    sinks: Vec<String>,
    start: Timestamp,
}

/// What would follow from an attack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsed {
    /// The alerts that would be sent, in the order of time; empty if the attack is hidden.
    pub alerts: Vec<RehearsedAlert>,
    /// What holds records and alerts of the attack back. It hides the attack if there are no alerts.
    pub held_back: BTreeSet<HeldBack>,
}

/// Alerts of one kind that would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RehearsedAlert {
    /// The kind, such as `sensitive_call`, or `incident`.
    pub kind: &'static str,
    /// The highest severity of these alerts.
    pub severity: &'static str,
    /// The time from the first call of the attack to the call that is the reason of the first of these alerts, in seconds.
    pub after_seconds: i64,
    /// This call, as `service:action`.
    pub call: String,
    /// The number of these alerts.
    pub count: usize,
    /// Why an incident is so severe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// How long after the history an attack begins: in its next hour, in seconds.
const START_SECONDS: i64 = 300;

/// How long before an attack events can be linked with it, in seconds.
const RECENT_SECONDS: i64 = 86_400;

/// The records of an attack that are clustered.
#[derive(Default)]
struct Attack {
    first: Option<Timestamp>,
    events: Vec<(EventId, Sighting)>,
    facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
    held_back: BTreeSet<HeldBack>,
}

impl<'a> Rehearsals<'a> {
    /// Prepares a history. Its events are inspected once.
    pub fn prepare(history: History<'a>, deciding: Deciding<'a>) -> Self {
        let recorded = Recorded {
            events: history.events,
            facts: history.facts,
            resolutions: history.resolutions,
        };
        let replayed = recorded.replay(None);
        let last = history
            .events
            .iter()
            .filter_map(|(_, seen)| seen.at())
            .max();
        let next = last.map_or(deciding.now.window(), |last| last.window().plus(1));
        let start = next.start().plus(START_SECONDS);
        let new = || InspectionState::new(next).with_resolutions(history.resolutions.clone());
        let subject = |facts: &Arc<ClusterFacts>| Arc::new(ClusterSubject::from(&facts.identity));
        let subjects: Subjects = history
            .facts
            .iter()
            .map(|(id, facts)| (*id, subject(facts)))
            .collect();
        let from = start.plus(-RECENT_SECONDS);
        let is_recent = |(_, seen): &&(EventId, Sighting)| seen.at().is_some_and(|at| at >= from);
        Self {
            recent: occurrences(history.events.iter().filter(is_recent), &subjects),
            state: replayed.inspection_state.unwrap_or_else(new),
            story: replayed.story,
            sinks: sinks(&deciding),
            history,
            deciding,
            subjects,
            start,
        }
    }

    /// Returns the time at which an attack begins: soon after the last event of the history.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Rehearses an attack. `records` are the JSON texts of its records, in the order of time.
    pub fn rehearse(&self, records: &[String]) -> Rehearsed {
        let mut attack = Attack::default();
        for text in records {
            self.take(text, &mut attack);
        }
        judge::judge(self, attack)
    }

    /// Decides what becomes of a record.
    fn take(&self, text: &str, attack: &mut Attack) {
        let Ok(record) = Record::parse_reference(text) else {
            attack.held_back.insert(HeldBack::NotSelected);
            return;
        };
        let at = record.event_time.as_deref().and_then(Timestamp::parse);
        attack.first = attack.first.into_iter().chain(at).min();
        let rules = self.deciding.rules;
        let (fate, outcome) = rules.decide(&record, text, &Wrapper::default());
        let rule = || outcome.applies.map(|place| rules.all()[place].name.clone());
        let composition = self.deciding.composition;
        let left_out = composition.filter(|composition| !composition.admits_record(&record));
        match (fate, left_out) {
            (Fate::NotSelected(_), _) => {
                attack.held_back.insert(HeldBack::NotSelected);
            }
            (_, Some(composition)) => {
                let coverage = composition.coverage.name();
                attack.held_back.insert(HeldBack::Coverage { coverage });
            }
            (Fate::Ignored(_, reason), None) => {
                attack.held_back.insert(match rule() {
                    Some(name) => HeldBack::Rule { name },
                    None => HeldBack::Ignored { reason },
                });
            }
            (Fate::Clustered(conclusion), None) => {
                let (id, at) = (conclusion.id, conclusion.at);
                let finding = Finding::of(conclusion);
                let cluster = finding.series.cluster;
                let watched = finding.facts.is_sensitive_call();
                let facts = self.history.facts.get(&cluster);
                let facts = facts.unwrap_or(&finding.facts);
                attack.facts.insert(cluster, Arc::clone(facts));
                let sighting = Sighting::new(watched, at, finding.series);
                attack.events.push((id, sighting));
            }
        }
    }
}

/// The name of a sink that no policy names.
const OTHER_SINK: &str = "any other sink";

/// Returns the sinks that are asked about: those that were given, else those that policies name and another one.
fn sinks(deciding: &Deciding<'_>) -> Vec<String> {
    if !deciding.sinks.is_empty() {
        return deciding.sinks.to_vec();
    }
    let policies = deciding.rules.policies().all().iter();
    let named: BTreeSet<String> = policies.filter_map(|policy| policy.sink.clone()).collect();
    let other = std::iter::once(OTHER_SINK.to_owned());
    named.into_iter().chain(other).collect()
}

impl Rehearsed {
    /// Checks whether no alert would be sent.
    pub fn is_hidden(&self) -> bool {
        self.alerts.is_empty()
    }

    /// Returns what hides the attack: what a person decided or chose, else why its calls lead to no alert at all.
    pub fn hidden_by(&self) -> Vec<&HeldBack> {
        let (chosen, others): (Vec<_>, Vec<_>) =
            self.held_back.iter().partition(|of| of.is_chosen());
        match chosen.is_empty() {
            true => others,
            false => chosen,
        }
    }
}
