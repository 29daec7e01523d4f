//! `--since`: a moment, or how long before the newest event.
//!
//! Durations count back from the newest event and not from now: the trail of an incident last
//! month is looked at as of last month.

use std::str::FromStr;

use records::time::{Timestamp, seconds};

/// When to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// At a moment.
    At(Timestamp),
    /// So many seconds before the newest event.
    Before(i64),
}

impl Since {
    /// Returns the moment, given that of the newest event.
    pub fn moment(self, newest: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Before(seconds) => {
                // Further back than any event time is the same as from the beginning.
                let begin = newest.seconds().saturating_sub(seconds);
                Timestamp::from_seconds(begin).unwrap_or(Timestamp::FIRST)
            }
        }
    }
}

/// Reads a time or a date.
pub fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
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
