//! The state machine of a cluster: which [`State`] follows on which [`LifecycleEvent`].
//!
//! A cluster is new at first, and ongoing after a day. It recovers after the quiet period of its class, or when a
//! person resolves it. A recovered cluster that fails again is regressed.
//!
//! Only [`step`] decides which state follows. All code that replays, stores, shows or alerts calls it, so no two places
//! disagree. Time is event time, never a clock: a trail of last year is judged as of last year.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::fingerprint::ClusterId;

/// The state of a cluster. It follows from the cluster's events and from the decisions of people to resolve or reopen
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The cluster was first seen less than a day ago ([`NEW_SECONDS`]).
    New,
    /// The cluster failed again after it had recovered, less than a day ago.
    Regressed,
    /// The current episode began a day ago or earlier, or a person reopened the cluster.
    Ongoing,
    /// No event came for the quiet period of the class, or a person resolved the cluster.
    Recovered,
}

/// An input of [`step`]: something that happens to a cluster and can change its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleEvent {
    /// An event of the cluster came.
    Seen,
    /// The current episode is a day old.
    DayOver,
    /// No event came for the quiet period of the class, see [`quiet_period_seconds`].
    Quiet,
    /// A person declared the failure over.
    Resolved,
    /// A person withdrew [`Self::Resolved`]: the failure is not over.
    Reopened,
}

/// A change of a cluster's state, as [`step`] returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The first event of the cluster: episode 1 begins.
    Begin,
    /// The cluster becomes ongoing: the episode is a day old.
    Last,
    /// The cluster recovers, which ends the episode.
    Recover,
    /// A recovered cluster fails again: the next episode begins.
    Return,
    /// A recovered cluster is reopened: the same episode continues.
    Reopen,
}

/// Returns the state of a cluster after an input, and the change of state; the change is `None` if the state stays the
/// same.
///
/// The state `None` is that of a cluster without any event so far.
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
    /// All states of a cluster.
    pub const ALL: [Self; 4] = [Self::New, Self::Regressed, Self::Ongoing, Self::Recovered];

    /// Returns the name of the state as it is stored and shown, such as `new`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        Status::of(Some(self), false).name()
    }

    /// Returns the state that has the name `name`, see [`Self::name`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Checks whether a cluster in this state is open: any state except [`Self::Recovered`].
    pub fn is_open(self) -> bool {
        self != Self::Recovered
    }
}

/// The status of a cluster as users see it: its [`State`], or that it escalates.
///
/// A more urgent status is less in the order of this type, so the most urgent status sorts first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// The cluster is open and fails much more often than in its last week, see [`escalation`](crate::escalation).
    Escalating,
    /// As [`State::Regressed`].
    Regressed,
    /// As [`State::New`].
    New,
    /// As [`State::Ongoing`].
    Ongoing,
    /// No event of the cluster has a time, so its state is not known.
    Undated,
    /// As [`State::Recovered`].
    Recovered,
}

impl Status {
    /// Returns the status of a cluster from its state. The state `None` is that of a cluster whose events have no time.
    ///
    /// `is_escalating` only matters for an open cluster: a recovered cluster never escalates.
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

    /// Returns the name of the status as it is shown, such as `escalating`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The times at which people resolved and reopened each cluster, by cluster id.
///
/// Each time comes with [`LifecycleEvent::Resolved`] or [`LifecycleEvent::Reopened`]. The times of a cluster are
/// sorted, the earliest first.
pub type Resolutions = BTreeMap<ClusterId, BTreeSet<(Timestamp, LifecycleEvent)>>;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How long a cluster counts as new after its first event, or as regressed after the start of a later episode: one day,
/// in seconds of event time.
pub const NEW_SECONDS: i64 = DAY;

/// How long after the first event of a cluster its new callers cause no alert of their own: one hour, in seconds of
/// event time.
///
/// The alert about the new cluster covers these callers. A caller that first fails later gets an alert.
pub const SETTLING_SECONDS: i64 = HOUR;

/// How long the values of a caller, such as its networks, and those of a cluster are learned and not announced: one day,
/// in seconds of event time.
///
/// It begins with the caller's first event in the cluster, and for layers and policies with the cluster's first event.
pub const LEARNING_SECONDS: i64 = DAY;

/// Returns the quiet period of a class in seconds: a cluster of this class that has no event for this long counts as
/// recovered.
///
/// Wrong passwords and throttling end within hours. A call that lacks a permission may be tried again only next week.
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
    fn a_cluster_is_new_then_ongoing_then_recovers_regresses_and_is_reopened() {
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
            let (next, found) = step(state, event);
            let shown = Status::of(next, false).name();
            assert_eq!((shown, found), (name, change), "{event:?}");
            state = next;
        }
    }

    #[test]
    fn an_open_cluster_that_escalates_shows_as_escalating_and_a_recovered_one_does_not() {
        let shown = |state| Status::of(Some(state), true);
        assert_eq!(shown(State::Ongoing), Status::Escalating);
        assert_eq!(shown(State::Recovered), Status::Recovered);
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
    }
}
