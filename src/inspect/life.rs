//! One cluster followed through its lives: when it recovered, came back, met somebody new, and
//! failed more than it should.

use std::collections::{BTreeSet, VecDeque};

use crate::cluster::campaign::Deed;
use crate::cluster::escalation::{self, BASELINE_HOURS, CALM_HOURS, Escalation, Step};
use crate::cluster::facet::Kind;
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::lifecycle::{NEW_SECONDS, quiet_period_seconds};
use crate::inspect::gap::Gap;
use crate::inspect::{Change, Transition};
use crate::trail::time::EventTime;

/// A caller that comes to a cluster within its first hour, in seconds, is part of what is new.
const SETTLING_SECONDS: i64 = 3600;

/// A cluster that came back after a pause is taken to have pauses: it recovers only after so many times
/// the longest it had, in halves, and after [`RHYTHM_SECONDS_MAX`] at most. A job that fails every
/// night would come and go every night otherwise.
const RHYTHM_HALVES: i64 = 3;

const RHYTHM_SECONDS_MAX: i64 = 14 * 86_400;

/// One life of a cluster: from the event that opens it.
#[derive(Debug)]
struct Life {
    epoch: i64,
    began: EventTime,
    last: EventTime,
    count: u64,
    is_ongoing: bool,
}

struct Follower<'a> {
    cluster: ClusterId,
    account_id: &'a str,
    /// How long it has to be quiet to recover.
    quiet_seconds: i64,
    blind: &'a [Gap],
    life: Life,
    callers: BTreeSet<&'a str>,
    told: Vec<Transition>,
}

/// Tells what happened to a cluster, from its events in the order of time, at least one.
pub fn transitions(
    cluster: ClusterId,
    deeds: &[Deed<'_>],
    blind: &[Gap],
    as_of: EventTime,
) -> Vec<Transition> {
    let Some(first) = deeds.first() else {
        return Vec::new();
    };
    let identity = &first.facts.identity;
    let mut follower = Follower {
        cluster,
        account_id: &identity.account_id,
        quiet_seconds: quiet_period_seconds(identity.class),
        blind,
        life: Life::new(1, first.at),
        callers: BTreeSet::new(),
        told: Vec::new(),
    };
    follower.tell(first.at, Change::New);
    for deed in deeds {
        follower.meet(deed, first.at);
    }
    follower.pass(as_of);
    follower.escalations(deeds, as_of);
    follower.told
}

impl Life {
    fn new(epoch: i64, began: EventTime) -> Self {
        Self {
            epoch,
            began,
            last: began,
            count: 0,
            is_ongoing: false,
        }
    }
}

impl<'a> Follower<'a> {
    fn tell(&mut self, at: EventTime, change: Change) {
        self.told.push(Transition {
            at,
            account_id: self.account_id.to_owned(),
            cluster: Some(self.cluster),
            epoch: self.life.epoch,
            change,
            is_swallowed: false,
        });
    }

    /// Takes the next event.
    fn meet(&mut self, deed: &Deed<'a>, first: EventTime) {
        if let Some(recovered) = self.pass(deed.at) {
            let quiet_seconds = deed.at.seconds_since(self.life.last);
            let rhythm = (quiet_seconds * RHYTHM_HALVES / 2).min(RHYTHM_SECONDS_MAX);
            self.quiet_seconds = self.quiet_seconds.max(rhythm);
            self.life = Life::new(self.life.epoch + 1, deed.at);
            debug_assert!(recovered <= deed.at);
            self.tell(deed.at, Change::Regressed { quiet_seconds });
        }
        self.life.last = deed.at;
        self.life.count += 1;
        let Some(principal) = deed.sighting.case.facets.get(Kind::Principal) else {
            return;
        };
        if self.callers.insert(principal) && deed.at.seconds_since(first) >= SETTLING_SECONDS {
            let principal = principal.to_owned();
            self.tell(deed.at, Change::NewPrincipal { principal });
        }
    }

    /// Lets time pass until a moment without an event; tells when it recovered meanwhile.
    fn pass(&mut self, until: EventTime) -> Option<EventTime> {
        let recovers = self.recovers().filter(|at| *at <= until);
        let open_until = recovers.unwrap_or(until);
        if !self.life.is_ongoing
            && let Some(at) = on_the_hour(self.life.began.seconds() + NEW_SECONDS)
            && at <= open_until
        {
            self.life.is_ongoing = true;
            self.tell(at, Change::Ongoing);
        }
        let at = recovers?;
        let fault_seconds = self.life.last.seconds_since(self.life.began);
        let count = self.life.count;
        self.tell(
            at,
            Change::Recovered {
                fault_seconds,
                count,
            },
        );
        Some(at)
    }

    /// Returns when it recovers if no further event comes: hours in which nothing could be seen do
    /// not count as quiet.
    fn recovers(&self) -> Option<EventTime> {
        let mut due = self.life.last.seconds() + self.quiet_seconds;
        for gap in self.blind {
            let (from, until) = (gap.since.seconds(), gap.until.map(EventTime::seconds));
            if until.is_some_and(|until| until <= self.life.last.seconds()) {
                continue;
            }
            if from >= due {
                break;
            }
            due += until? - from.max(self.life.last.seconds());
        }
        on_the_hour(due)
    }

    /// Compares each hour with those before it.
    fn escalations(&mut self, deeds: &[Deed<'_>], as_of: EventTime) {
        let mut before: VecDeque<u64> = VecDeque::new();
        let mut standing: Option<Escalation> = None;
        let mut past = deeds[0].at.window().hours();
        for hour in deeds.chunk_by(|one, other| one.at.window() == other.at.window()) {
            let window = hour[0].at.window().hours();
            self.calm(&mut standing, &mut before, past, window);
            past = window + 1;
            let count = hour.len() as u64;
            self.step(&mut standing, &mut before, window, count);
        }
        self.calm(&mut standing, &mut before, past, as_of.window().hours());
    }

    /// Takes the hours without events.
    fn calm(
        &mut self,
        standing: &mut Option<Escalation>,
        before: &mut VecDeque<u64>,
        from: i64,
        until: i64,
    ) {
        // After that many hours there is nothing left to change.
        let most = BASELINE_HOURS as i64 + i64::from(CALM_HOURS);
        for hour in from..until.min(from.saturating_add(most)) {
            self.step(standing, before, hour, 0);
        }
    }

    fn step(
        &mut self,
        standing: &mut Option<Escalation>,
        before: &mut VecDeque<u64>,
        hour: i64,
        count: u64,
    ) {
        let (Some(window), Some(ends)) = (hour_at(hour), hour_at(hour + 1)) else {
            return;
        };
        let step = escalation::step(*standing, before.make_contiguous(), window.window(), count);
        match step {
            Step::Stays(escalation) => *standing = escalation,
            Step::Starts(escalation) => {
                *standing = Some(escalation);
                let limit = escalation.limit;
                self.tell_of_life(ends, Change::Escalating { count, limit });
            }
            Step::Ends(escalation) => {
                *standing = None;
                self.tell_of_life(ends, Change::Calmed(escalation));
            }
        }
        if standing.is_none() {
            before.push_back(count);
            if before.len() > BASELINE_HOURS {
                before.pop_front();
            }
        }
    }

    /// Tells something of the life that was then.
    fn tell_of_life(&mut self, at: EventTime, change: Change) {
        let regressed = |of: &&Transition| matches!(of.change, Change::Regressed { .. });
        let lives = self.told.iter().filter(regressed).filter(|of| of.at < at);
        let epoch = 1 + lives.count() as i64;
        self.tell(at, change);
        if let Some(told) = self.told.last_mut() {
            told.epoch = epoch;
        }
    }
}

/// Returns the full hour at or after a moment, when the inspection looks.
fn on_the_hour(seconds: i64) -> Option<EventTime> {
    EventTime::from_seconds(
        seconds.div_euclid(3600) * 3600 + if seconds % 3600 == 0 { 0 } else { 3600 },
    )
}

fn hour_at(hour: i64) -> Option<EventTime> {
    EventTime::from_seconds(hour.checked_mul(3600)?)
}
