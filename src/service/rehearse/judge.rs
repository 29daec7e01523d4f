//! Judges the clustered events of an attack: single alerts, an incident, and what holds them back.
//!
//! An incident takes in the single alerts below critical that wait for it, as the one-minute round of a stack does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerts::alert::Alert;
use alerts::message::{ClusterContext, Message};
use alerts::severity::Severity;
use clusters::circumstance::{Circumstance, Circumstances};
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::actor::{Actor, actor};
use clusters::incident::{Given, Incident, incidents};
use clusters::inspection_state::InspectionState;
use clusters::occurrence::{Occurrence, occurrences};
use clusters::series::SeriesTable;
use clusters::transition::Transition;
use clusters::triage::{Observation, Triage};
use clusters::{ClusterSnapshot, ClusterTotals, Sighting, Span, call_alerts};
use records::time::Timestamp;

use crate::inspect::incidents::ROUND_SECONDS;
use crate::inspect::transition_alerts::alert;
use crate::policy::PolicyOutcome;

use super::held_back::HeldBack;
use super::{Attack, Rehearsals, Rehearsed, RehearsedAlert};

/// One alert that would be sent.
struct Sent {
    kind: &'static str,
    severity: Severity,
    at: Timestamp,
    call: String,
    why: Option<&'static str>,
}

/// The name of the kind of alerts about incidents.
const INCIDENT: &str = "incident";

struct Judge<'j, 'a> {
    rehearsals: &'j Rehearsals<'a>,
    attack: &'j Attack,
    /// The events of the attack, in the order of time.
    occurrences: Vec<Occurrence>,
    held_back: BTreeSet<HeldBack>,
}

/// Returns what follows from an attack.
pub(super) fn judge(rehearsals: &Rehearsals<'_>, mut attack: Attack) -> Rehearsed {
    let held_back = std::mem::take(&mut attack.held_back);
    let Some(first) = attack.first else {
        return Rehearsed {
            held_back,
            ..Rehearsed::default()
        };
    };
    let subjects = attack.facts.iter();
    let subjects = subjects.map(|(id, facts)| {
        let known = rehearsals.subjects.get(id).cloned();
        let new = || Arc::new(ClusterSubject::from(&facts.identity));
        (*id, known.unwrap_or_else(new))
    });
    let mut judge = Judge {
        rehearsals,
        occurrences: occurrences(&attack.events, &subjects.collect()),
        attack: &attack,
        held_back,
    };
    let incident = judge.incident();
    let mut sent = judge.singles();
    if let Some(incident) = incident {
        let waits = |of: &Sent| {
            of.severity < Severity::Critical && of.at >= incident.at.plus(-ROUND_SECONDS)
        };
        sent.retain(|of| !waits(of));
        sent.push(incident);
    }
    Rehearsed {
        alerts: summed_up(sent, first),
        held_back: judge.held_back,
    }
}

/// Sums alerts up by kind, in the order of time.
fn summed_up(mut sent: Vec<Sent>, first: Timestamp) -> Vec<RehearsedAlert> {
    sent.sort_by_key(|of| (of.at, of.kind == INCIDENT));
    let mut alerts: Vec<RehearsedAlert> = Vec::new();
    let mut severities: BTreeMap<&str, Severity> = BTreeMap::new();
    for of in sent {
        let highest = severities.entry(of.kind).or_insert(of.severity);
        *highest = of.severity.max(*highest);
        let known = alerts.iter_mut().find(|known| known.kind == of.kind);
        if let Some(known) = known {
            known.count += 1;
            known.severity = highest.name();
            continue;
        }
        alerts.push(RehearsedAlert {
            kind: of.kind,
            severity: highest.name(),
            after_seconds: of.at.seconds_since(first),
            call: of.call,
            count: 1,
            why: of.why,
        });
    }
    alerts
}

impl Judge<'_, '_> {
    /// Returns the incident of the attack, unless it is held back.
    fn incident(&mut self) -> Option<Sent> {
        let counts: Vec<usize> = (1..=self.occurrences.len()).collect();
        // More events never cool an incident.
        let opening = counts.partition_point(|count| self.incident_of(*count).is_none());
        let opening = self.occurrences.get(opening)?;
        let (at, call) = (opening.at, name(&opening.subject));
        let incident = self.incident_of(self.occurrences.len())?;
        let severity = Severity::from_name(incident.severity.name())?;
        let alerts = Alert::of_incident(&incident, &BTreeSet::new(), at);
        let message = Message::of_account(alerts.into_iter().next()?, Vec::new(), None);
        if let Some(held_back) = self.held_by_policy(&message, None) {
            self.held_back.insert(held_back);
            return None;
        }
        Some(Sent {
            kind: INCIDENT,
            severity,
            at,
            call,
            why: Some(incident.severity_reason),
        })
    }

    /// Returns the incident of the first events of the attack; `None` if they are none yet.
    fn incident_of(&self, count: usize) -> Option<Incident> {
        let own = &self.occurrences[..count];
        let recent = &self.rehearsals.recent;
        let all: Vec<Occurrence> = recent.iter().chain(own).cloned().collect();
        let actors: BTreeSet<Actor> = own
            .iter()
            .filter_map(|of| actor(&of.subject, &of.series.facets))
            .collect();
        let first = own.first()?.at;
        let found = incidents(&Given {
            occurrences: &all,
            sent: &BTreeSet::new(),
            now: own.last()?.at,
            removals_seen: &|_| false,
            first_seen: None,
        });
        let is_own = |incident: &Incident| {
            let members = incident.members.iter().map(|member| &member.identity);
            let mut identities = members.chain([&incident.actor]);
            incident.last >= first && identities.any(|of| actors.contains(of))
        };
        found.into_iter().find(is_own)
    }

    /// Returns the single alerts about clusters and sensitive calls that are not held back.
    fn singles(&mut self) -> Vec<Sent> {
        let (transitions, state) = self.transitions();
        let mut sent = Vec::new();
        let mut heard = BTreeSet::new();
        for transition in &transitions {
            heard.extend(transition.cluster);
            if transition.is_quiet {
                let reason = self.why_quiet(transition);
                self.held_back.insert(reason);
                continue;
            }
            let Some(alert) = alert(transition, None, transition.at) else {
                continue;
            };
            let message = self.message(alert, transition.cluster);
            let held = self.held_by_triage(transition, &state);
            match held.or_else(|| self.held_by_policy(&message, transition.cluster)) {
                Some(held_back) => drop(self.held_back.insert(held_back)),
                None => sent.push(Sent {
                    kind: message.alert.kind().name(),
                    severity: message.level(),
                    at: transition.at,
                    call: self.call_at(transition),
                    why: None,
                }),
            }
        }
        for (cluster, facts) in &self.attack.facts {
            if !heard.contains(cluster) && !facts.is_sensitive_call() {
                let cluster_id = cluster.to_string();
                self.held_back.insert(HeldBack::Known { cluster_id });
            }
        }
        sent
    }

    /// Returns the transitions that the attack causes, until its last event, and the state after it.
    fn transitions(&self) -> (Vec<Transition>, InspectionState) {
        let mut state = self.rehearsals.state.clone();
        let mut found = Vec::new();
        let same_hour = |one: &Occurrence, other: &Occurrence| one.at.window() == other.at.window();
        for hour in self.occurrences.chunk_by(same_hour) {
            found.extend(state.turn(hour[0].at.window(), hour));
        }
        found.extend(call_alerts::transitions(
            &self.attack.events,
            &self.attack.facts,
        ));
        let times = || self.occurrences.iter().map(|of| of.at);
        let (first, last) = (times().min(), times().max());
        let is_own = |cluster: &ClusterId| self.attack.facts.contains_key(cluster);
        found.retain(|of| {
            of.cluster.as_ref().is_some_and(is_own) && Some(of.at) >= first && Some(of.at) <= last
        });
        Transition::sort(&mut found);
        (found, state)
    }

    fn sightings_of(&self, cluster: ClusterId) -> impl Iterator<Item = &Sighting> {
        let sightings = self.attack.events.iter().map(|(_, seen)| seen);
        sightings.filter(move |seen| seen.series.cluster == cluster)
    }

    /// Returns why no alert is due about a quiet transition.
    fn why_quiet(&self, transition: &Transition) -> HeldBack {
        let Some(cluster) = transition.cluster else {
            return HeldBack::Quiet;
        };
        let facts = self.attack.facts.get(&cluster);
        let expected = facts.and_then(|facts| facts.call_details()?.expected_by);
        let ruled = || {
            let mut sightings = self.sightings_of(cluster);
            let rule = sightings.find_map(|seen| {
                let facets = &seen.series.facets;
                facets.get(FacetKind::RuledSeverity)?;
                facets.get(FacetKind::Rule)
            });
            rule.map(str::to_owned)
        };
        match expected.or_else(ruled) {
            Some(name) => HeldBack::Rule { name },
            None => HeldBack::Quiet,
        }
    }

    /// Returns the message of an alert. A cluster has its events of the attack, with the circumstances of all its events.
    fn message(&self, alert: Alert, cluster: Option<ClusterId>) -> Message {
        let Some(id) = cluster else {
            return Message::of_account(alert, Vec::new(), None);
        };
        let (mut table, mut spans) = (SeriesTable::default(), BTreeMap::new());
        for seen in self.sightings_of(id) {
            let span: &mut Span = spans.entry(table.add(&seen.series)).or_default();
            span.add(Span::at(seen.at()));
        }
        let facts = self.attack.facts.iter().filter(|(of, _)| **of == id);
        let facts = facts.map(|(id, facts)| (*id, Arc::clone(facts))).collect();
        let rows = spans.into_iter().collect();
        let snapshot = ClusterSnapshot::of(facts, Arc::new(table), rows);
        let Some(cluster) = snapshot.all_sums().first().map(ClusterTotals::cluster) else {
            return Message::of_account(alert, Vec::new(), None);
        };
        let (before, circumstances) = self.before(id);
        let context = ClusterContext {
            first_seen: before.or(cluster.span.first_seen),
            cluster,
            circumstances,
            range: None,
            account_errors: 0,
        };
        Message::of_cluster(alert, context, Vec::new(), None)
    }

    /// Returns when a cluster was first seen in the history, and the circumstances of its events there.
    fn before(&self, cluster: ClusterId) -> (Option<Timestamp>, Circumstances) {
        let Some(subject) = self.rehearsals.subjects.get(&cluster) else {
            return (None, Circumstances::new());
        };
        let events = self.rehearsals.history.events.iter();
        let events = events.filter(|(_, seen)| seen.series.cluster == cluster);
        let (mut first, mut circumstances) = (None, Circumstances::new());
        for (_, seen) in events {
            first = seen.at().into_iter().chain(first).min();
            circumstances.insert(Circumstance::of_facets(subject, &seen.series.facets));
        }
        (first, circumstances)
    }

    /// Returns the triage decision that holds the alerts about a cluster back.
    fn held_by_triage(&self, transition: &Transition, state: &InspectionState) -> Option<HeldBack> {
        let cluster = transition.cluster?;
        let triage: &Triage = self.rehearsals.history.triages.get(&cluster)?;
        let history = state.histories().get(&cluster)?;
        let seen = Observation {
            now: self.rehearsals.deciding.now,
            episode: Some(history.episode),
            is_recovered: !history.is_open(),
            last: Some(history.last),
            hours: history.hours().collect(),
            new_principals: history.callers_since(triage.at),
            is_escalating: history.escalation.is_some(),
        };
        (!triage.sends_alerts(&seen)).then(|| HeldBack::Triage {
            decision: triage.decision.name(),
            cluster_id: cluster.to_string(),
        })
    }

    /// Returns the policy that holds a message back from all sinks.
    fn held_by_policy(&self, message: &Message, cluster: Option<ClusterId>) -> Option<HeldBack> {
        let policies = self.rehearsals.deciding.rules.policies();
        let mut held_back = None;
        for sink in &self.rehearsals.sinks {
            let number = policies.place(sink, message).map_or(0, |place| place + 1);
            match policies.judge(sink, message) {
                PolicyOutcome::HoldBack => {
                    let sink = sink.clone();
                    held_back = Some(HeldBack::Policy { number, sink });
                }
                PolicyOutcome::Send {
                    silence: Some(seconds),
                } if self.is_silent(cluster, message.at(), seconds) => {
                    held_back = Some(HeldBack::Silence { number, seconds });
                }
                PolicyOutcome::Send { .. } => return None,
            }
        }
        held_back
    }

    /// Checks whether the history has an alert about a cluster within a pause before a time.
    fn is_silent(&self, cluster: Option<ClusterId>, at: Option<Timestamp>, seconds: i64) -> bool {
        let (Some(cluster), Some(at)) = (cluster, at) else {
            return false;
        };
        let of_cluster = self.rehearsals.story.iter();
        let mut of_cluster = of_cluster.filter(|of| of.cluster == Some(cluster));
        of_cluster.any(|of| at.seconds_since(of.at) < seconds && alert(of, None, of.at).is_some())
    }

    /// Returns the call that is the reason of a transition.
    fn call_at(&self, transition: &Transition) -> String {
        let is_reason = |of: &&Occurrence| {
            let is_cluster = transition.cluster == Some(of.series.cluster);
            of.at == transition.at && (is_cluster || transition.cluster.is_none())
        };
        let found = self.occurrences.iter().find(is_reason);
        found.map(|of| name(&of.subject)).unwrap_or_default()
    }
}

fn name(subject: &ClusterSubject) -> String {
    format!("{}:{}", subject.service, subject.action)
}
