//! The alerts about incidents of the past: which would have been sent, and when, had each event come at once.
//!
//! Each hot run is looked at again with the events up to a moment. An incident opens at the end of the first minute at which
//! it is hot; more events never cool it, so that minute is searched by halves. Afterwards it is looked at when a step
//! begins, when a wait is over, and when it is to be closed.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;

use crate::occurrence::Occurrence;

use super::actor::{Actor, actor};
use super::event::Events;
use super::ledger;
use super::life::{LATE_SECONDS, QUIET_SECONDS, SentAlert, wait_seconds};
use super::link::{HOLDS_SECONDS, Links};
use super::story::{Run, Story, stories};
use super::{Given, Incident, incidents};

/// Returns the incidents with each alert that would have been sent until now, each as it was then; in the order of time.
///
/// The alerts that were really sent have no part in it.
pub fn alerts_of_the_past(given: &Given<'_>) -> Vec<Incident> {
    let mut events = Events::of(given.occurrences);
    let links = Links::of(&events);
    let stories = stories(&mut events, &links, given.first_seen);
    let mut found = Vec::new();
    for story in &stories {
        for run in story.runs().into_iter().filter(|run| run.is_hot) {
            let period = Period::of(&events, story, run);
            found.extend(period.alerts(given));
        }
    }
    let order = |of: &Incident| of.due.as_ref().map(|due| (due.at, due.clone()));
    found.sort_by_cached_key(order);
    found
}

/// What is needed to look at one run again.
struct Period {
    /// The events of the story from a day before the run on, with the removals of others; in the order of time.
    occurrences: Vec<Occurrence>,
    /// When each actor of the story made each call for the first time, before these events.
    earlier: HashMap<Habit, Timestamp>,
    actor: Actor,
    run: Run,
}

/// An actor, a service, a call, and whether it succeeded.
type Habit = (Actor, String, String, bool);

fn habit(of: &Occurrence) -> Option<Habit> {
    let subject = &of.subject;
    let actor = actor(subject, &of.series.facets)?;
    let (service, action) = (subject.service.clone(), subject.action.clone());
    Some((actor, service, action, subject.call.is_some()))
}

impl Period {
    fn of(events: &Events<'_>, story: &Story<'_>, run: Run) -> Self {
        let from = run.first.plus(-HOLDS_SECONDS);
        let until = run.last.plus(QUIET_SECONDS + 1);
        let mut earlier = HashMap::new();
        let before = story.events_within(Timestamp::FIRST, from);
        for owned in before {
            if let Some(habit) = habit(owned.event.occurrence) {
                earlier.entry(habit).or_insert(owned.event.at);
            }
        }
        let own = story.events_within(from, until).iter();
        let mut occurrences: Vec<Occurrence> =
            own.map(|owned| owned.event.occurrence.clone()).collect();
        let is_within = |at: Timestamp| from <= at;
        let removing = events
            .all
            .iter()
            .filter(|event| is_within(event.at) && ledger::removes(events.of_event(event)));
        // An event of the story that is there twice counts once.
        occurrences.extend(removing.map(|event| event.occurrence.clone()));
        occurrences.sort_unstable_by_key(|of| (of.at, of.id));
        occurrences.dedup_by_key(|of| of.id);
        Self {
            occurrences,
            earlier,
            actor: events.actors[story.actor].clone(),
            run,
        }
    }

    /// Returns the incident of the run as it was at a moment, with the alert that was due.
    fn at(
        &self,
        given: &Given<'_>,
        sent: &BTreeSet<SentAlert>,
        now: Timestamp,
    ) -> Option<Incident> {
        let end = self.occurrences.partition_point(|of| of.at <= now);
        let first_seen = |of: &Occurrence| {
            let here = habit(of).and_then(|habit| self.earlier.get(&habit).copied());
            let there = given.first_seen.and_then(|first_seen| first_seen(of));
            here.into_iter().chain(there).min()
        };
        let found = incidents(&Given {
            occurrences: &self.occurrences[..end],
            sent,
            now,
            removals_seen: given.removals_seen,
            first_seen: Some(&first_seen),
        });
        let is_of_run = |of: &Incident| {
            let is_member = || {
                of.members
                    .iter()
                    .any(|member| member.identity == self.actor)
            };
            (of.actor == self.actor || is_member())
                && of.began <= self.run.last
                && self.run.first <= of.last
        };
        found.into_iter().find(is_of_run)
    }

    /// Returns the incident with each alert until now.
    fn alerts(&self, given: &Given<'_>) -> Vec<Incident> {
        let none = BTreeSet::new();
        let start = self
            .occurrences
            .partition_point(|of| of.at < self.run.first);
        let moments: BTreeSet<Timestamp> = self.occurrences[start..]
            .iter()
            .map(|of| end_of_minute(of.at))
            .collect();
        let moments: Vec<Timestamp> = moments.into_iter().filter(|at| *at <= given.now).collect();
        let is_cold = |at: &Timestamp| self.at(given, &none, *at).is_none();
        let opening = moments.partition_point(is_cold);
        let (Some(opening), Some(last)) = (moments.get(opening), moments.last()) else {
            return Vec::new();
        };
        let whole = self.at(given, &none, *last);
        let steps = whole.iter().flat_map(|whole| &whole.steps);
        let mut moments: BTreeSet<Timestamp> =
            steps.map(|step| end_of_minute(step.first)).collect();
        moments.insert(*opening);
        let mut moments = moments.split_off(opening);
        let (mut sent, mut found) = (BTreeSet::new(), Vec::new());
        while let Some(now) = moments.pop_first().filter(|at| *at <= given.now) {
            let Some(incident) = self.at(given, &sent, now) else {
                continue;
            };
            let end = incident.last.plus(QUIET_SECONDS + LATE_SECONDS + 1);
            let end = end_of_minute(end);
            moments.extend(Some(end).filter(|end| *end > now));
            if let Some(due) = &incident.due {
                sent.insert(due.clone());
                moments.insert(due.at.plus(wait_seconds(&sent)));
                found.push(incident);
            }
        }
        found
    }
}

fn end_of_minute(at: Timestamp) -> Timestamp {
    let seconds = (at.seconds() + 59).div_euclid(60) * 60;
    Timestamp::from_seconds(seconds).unwrap_or(at)
}
