//! How a cluster episodes: new at first, ongoing after a day, recovered once it has been quiet for as long as its class
//! needs or a person says so, regressed when it comes back.
//!
//! This is the only place that says which state follows which. What replays events, keeps, shows, marks or notifies
//! asks [`step`], and shows a [`Status`]. Time is event time, never a clock: a trail of last year is judged as of last
//! year.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::fingerprint::ClusterId;

/// How a cluster stands by its events and by who resolved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// First seen less than a day ago.
    New,
    /// It came back less than a day ago.
    Regressed,
    /// It has been failing for a day or more.
    Ongoing,
    /// It was quiet for its quiet period, or a person resolved it.
    Recovered,
}

/// What happens to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleEvent {
    /// An event of it came.
    Seen,
    /// A day is over since it began or came back.
    DayOver,
    /// It was quiet for its quiet period.
    Quiet,
    /// A person said that it is over.
    Resolved,
    /// A person said that it is not over.
    Reopened,
}

/// What a step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It begins: this is its first event.
    Begin,
    /// It lasts for a day now.
    Last,
    /// It ends.
    Recover,
    /// It comes back, which begins another episode.
    Return,
    /// It goes on in the same episode, as it was not over.
    Reopen,
}

/// Returns the state that follows on a state and an event, and what that changes. A cluster that was never seen has
/// none.
pub fn step(state: Option<State>, event: LifecycleEvent) -> (Option<State>, Option<Move>) {
    use LifecycleEvent::{DayOver, Quiet, Reopened, Resolved, Seen};
    use State::{New, Ongoing, Recovered, Regressed};
    let (state, change) = match (state, event) {
        (None, Seen) => (New, Move::Begin),
        (Some(New | Regressed), DayOver) => (Ongoing, Move::Last),
        (Some(New | Regressed | Ongoing), Quiet | Resolved) => (Recovered, Move::Recover),
        (Some(Recovered), Seen) => (Regressed, Move::Return),
        (Some(Recovered), Reopened) => (Ongoing, Move::Reopen),
        (None, DayOver | Quiet | Resolved | Reopened)
        | (Some(New | Regressed | Ongoing), Seen | Reopened)
        | (Some(Ongoing), DayOver)
        | (Some(Recovered), DayOver | Quiet | Resolved) => return (state, None),
    };
    (Some(state), Some(change))
}

impl State {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::New, Self::Regressed, Self::Ongoing, Self::Recovered];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        Status::of(Some(self), false).name()
    }

    /// Returns the state of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Tells whether the cluster fails, or did lately.
    pub fn is_open(self) -> bool {
        self != Self::Recovered
    }
}

/// How a cluster stands, as everything shows it: in the order in which it concerns people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It fails more often than its own past lets expect.
    Escalating,
    /// It came back less than a day ago.
    Regressed,
    /// First seen less than a day ago.
    New,
    /// It has been failing for a day or more.
    Ongoing,
    /// None of its events has a time, so nothing is known of when it failed.
    Undated,
    /// It was quiet for its quiet period, or a person resolved it.
    Recovered,
}

impl Status {
    /// Returns what is shown of a state; none is that of a cluster whose events have no time.
    pub fn of(state: Option<State>, is_escalating: bool) -> Self {
        match state {
            None => Self::Undated,
            Some(State::Recovered) => Self::Recovered,
            Some(_) if is_escalating => Self::Escalating,
            Some(State::New) => Self::New,
            Some(State::Regressed) => Self::Regressed,
            Some(State::Ongoing) => Self::Ongoing,
        }
    }

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// When people said of clusters that they are over, or not over after all: [`LifecycleEvent::Resolved`] or [`LifecycleEvent::Reopened`],
/// each with its time. What is said twice is said once.
pub type Resolutions = BTreeMap<ClusterId, BTreeSet<(Timestamp, LifecycleEvent)>>;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How long a cluster counts as new, in seconds of event time.
pub const NEW_SECONDS: i64 = DAY;

/// A caller that comes to a cluster within its first hour, in seconds, is part of what is new about
/// it, and not told.
pub const SETTLING_SECONDS: i64 = HOUR;

/// Returns how long a class must be quiet to count as recovered, in seconds: bursts that a person
/// or a retry ends are over in hours, a missing permission is asked for again next week.
pub fn quiet_period_seconds(class: Class) -> i64 {
    match class {
        Class::Signin | Class::Auth => 3 * HOUR,
        Class::Throttle | Class::Server => 6 * HOUR,
        Class::Denied | Class::Vpce => 7 * DAY,
        _ => 14 * DAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_begins_lasts_recovers_comes_back_and_is_reopened() {
        use LifecycleEvent::{DayOver, Quiet, Reopened, Resolved, Seen};
        let mut state = None;
        for (event, name, change) in [
            (Quiet, "undated", None),
            (Seen, "new", Some(Move::Begin)),
            (Seen, "new", None),
            (DayOver, "ongoing", Some(Move::Last)),
            (DayOver, "ongoing", None),
            (Quiet, "recovered", Some(Move::Recover)),
            (DayOver, "recovered", None),
            (Seen, "regressed", Some(Move::Return)),
            (Reopened, "regressed", None),
            (Resolved, "recovered", Some(Move::Recover)),
            (Resolved, "recovered", None),
            (Reopened, "ongoing", Some(Move::Reopen)),
            (Resolved, "recovered", Some(Move::Recover)),
            (Seen, "regressed", Some(Move::Return)),
            (DayOver, "ongoing", Some(Move::Last)),
        ] {
            let (next, made) = step(state, event);
            let shown = Status::of(next, false).name();
            assert_eq!((shown, made), (name, change), "{event:?}");
            state = next;
        }
    }

    #[test]
    fn what_escalates_is_shown_so_while_it_is_open() {
        let shown = |state| Status::of(Some(state), true);
        assert_eq!(shown(State::Ongoing), Status::Escalating);
        assert_eq!(shown(State::Recovered), Status::Recovered);
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
    }
}
