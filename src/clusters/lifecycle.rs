//! How a cluster lives, by event time alone: new at first, ongoing after a day, recovered once it
//! has been quiet for as long as its class usually needs.
//!
//! "Now" is the latest event time that the store has seen, never a clock: a trail of last year is
//! judged as of last year.

use records::time::EventTime;

use crate::Span;
use crate::class::Class;

/// Where a cluster stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// First seen less than a day ago.
    New,
    /// Seen for longer, and lately.
    Ongoing,
    /// Quiet for longer than its class's quiet period.
    Recovered,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How long a cluster counts as new, in seconds of event time.
pub const NEW_SECONDS: i64 = DAY;

/// A caller that comes to a cluster within its first hour, in seconds, is part of what is new about
/// it, and not told.
pub const SETTLING_SECONDS: i64 = HOUR;

impl Status {
    /// Returns where a cluster stands as of a moment.
    pub fn of(class: Class, span: Span, as_of: EventTime) -> Self {
        let (Some(first), Some(last)) = (span.first_seen, span.last_seen) else {
            return Self::New;
        };
        if as_of.seconds_since(last) >= quiet_period_seconds(class) {
            Self::Recovered
        } else if as_of.seconds_since(first) < NEW_SECONDS {
            Self::New
        } else {
            Self::Ongoing
        }
    }

    /// Returns the stable name of the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Recovered => "recovered",
        }
    }
}

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
    fn a_cluster_is_new_then_ongoing_and_recovers_by_its_class() {
        let start = EventTime::parse("2026-11-01T00:00:00Z").unwrap();
        let after = |seconds| EventTime::from_seconds(start.seconds() + seconds).unwrap();
        let span = Span {
            count: 2,
            first_seen: Some(start),
            last_seen: Some(after(2 * DAY)),
        };
        for (class, hours, status) in [
            (Class::Denied, 48, Status::Ongoing),
            (Class::Denied, 48 + 7 * 24, Status::Recovered),
            (Class::Signin, 50, Status::Ongoing),
            (Class::Signin, 51, Status::Recovered),
        ] {
            assert_eq!(Status::of(class, span, after(hours * HOUR)), status);
        }
        assert_eq!(
            Status::of(Class::Denied, Span::at(Some(start)), after(HOUR)),
            Status::New
        );
    }
}
