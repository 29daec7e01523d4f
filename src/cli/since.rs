//! Parses `--since`: a moment, or a duration before the newest event.
//!
//! A duration counts back from the newest event, not from now. So `--since 24h` also works for an old trail: it means
//! the last day of that trail.

use std::str::FromStr;

use records::time::{Timestamp, seconds};

/// The start of the time range whose events are counted, as given by `--since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// A fixed moment.
    At(Timestamp),
    /// A number of seconds before the newest event.
    Before(i64),
}

impl Since {
    /// Returns the moment if it is a fixed one.
    pub fn fixed(self) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Before(_) => None,
        }
    }

    /// Returns the moment since which events are counted. `newest` is the time of the newest event in the store.
    pub fn moment(self, newest: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Before(seconds) => {
                // A duration that goes back before the earliest possible time counts all events.
                let begin = newest.seconds().saturating_sub(seconds);
                Timestamp::from_seconds(begin).unwrap_or(Timestamp::FIRST)
            }
        }
    }
}

/// Parses a time (`2026-11-21T08:00:00Z`, also without seconds or `Z`) or a date (`2026-11-21`, its start in UTC); `None` if it
/// is neither.
pub fn time(text: &str) -> Option<Timestamp> {
    let short = text.trim_end_matches('Z').replace(' ', "T");
    let endings = ["Z", ":00Z", "T00:00:00Z"].into_iter();
    let mut times = endings.filter_map(|ending| Timestamp::parse(&format!("{short}{ending}")));
    Timestamp::parse(text).or_else(|| times.next())
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(time) = time(text) {
            return Ok(Self::At(time));
        }
        seconds(text).map(Self::Before).ok_or_else(|| {
            "expected a time (2026-11-21T08:00:00Z), a date (2026-11-21), or a duration before the \
             newest event (30m, 24h, 7d, 2w)"
                .to_owned()
        })
    }
}
