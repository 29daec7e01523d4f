//! Parses `--since` and `--until`: a time, a date, a day in words, or a duration before the newest event.
//!
//! Durations and words count back from the newest event, not from now. So `--since 24h` also works for an old trail: it
//! means the last day of that trail.

use std::str::FromStr;

use records::time::{Timestamp, seconds};

/// A moment of event time, as given by `--since` or `--until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A fixed moment.
    At(Timestamp),
    /// A number of seconds before the newest event.
    Before(i64),
    /// The start, in UTC, of the day that is this number of days before the day of the newest event.
    Day(i64),
}

/// Number of seconds of a day.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Which values `--since` and `--until` accept.
const EXPECTED: &str = "expected a time (2026-11-21T08:00), a date (2026-11-21), today or yesterday (days of the newest \
                        event, in UTC), or a duration before the newest event (30m, 24h, 7d, 2w)";

impl When {
    /// Returns the moment if it does not depend on the newest event.
    pub fn fixed(self) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Before(_) | Self::Day(_) => None,
        }
    }

    /// Returns the moment. `newest` is the time of the newest event in the store.
    pub fn moment(self, newest: Timestamp) -> Timestamp {
        let seconds = match self {
            Self::At(moment) => return moment,
            Self::Before(seconds) => newest.seconds().saturating_sub(seconds),
            Self::Day(before) => {
                (newest.seconds().div_euclid(DAY_SECONDS) - before).saturating_mul(DAY_SECONDS)
            }
        };
        // What is before the earliest possible time is before all events.
        Timestamp::from_seconds(seconds).unwrap_or(Timestamp::FIRST)
    }
}

/// Parses a time, with seconds or without (`2026-11-21T08:00:00Z`, `2026-11-21T08:00`), or a date (`2026-11-21`, its start).
/// Without an offset, the time is in UTC. `None` if it is neither.
pub fn time(text: &str) -> Option<Timestamp> {
    let forms = ["", "Z", ":00Z", "T00:00:00Z"];
    forms
        .iter()
        .find_map(|end| Timestamp::parse(&format!("{text}{end}")))
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "today" => return Ok(Self::Day(0)),
            "yesterday" => return Ok(Self::Day(1)),
            _ => {}
        }
        let moment = time(text).map(Self::At);
        moment
            .or_else(|| seconds(text).map(Self::Before))
            .ok_or(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_many_forms_and_counts_back_from_the_newest_event() {
        let newest = Timestamp::parse("2023-07-10T12:30:00Z").unwrap();
        for (text, moment) in [
            ("2023-07-10T08:00:05Z", "2023-07-10T08:00:05Z"),
            ("2023-07-10T08:00:05", "2023-07-10T08:00:05Z"),
            ("2023-07-10T08:00", "2023-07-10T08:00:00Z"),
            ("2023-07-10T08:00:00+02:00", "2023-07-10T06:00:00Z"),
            ("2023-07-09", "2023-07-09T00:00:00Z"),
            ("30m", "2023-07-10T12:00:00Z"),
            ("1d", "2023-07-09T12:30:00Z"),
            ("today", "2023-07-10T00:00:00Z"),
            ("yesterday", "2023-07-09T00:00:00Z"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.moment(newest).to_string(), moment, "{text}");
        }
        for text in ["", "tomorrow", "2023-07", "5 minutes", "T00:00:00Z"] {
            assert_eq!(text.parse::<When>(), Err(EXPECTED), "{text}");
        }
    }
}
