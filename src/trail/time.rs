//! Event time: the seconds at which AWS says a call was made, and the hour it falls into.

use std::fmt;

use jiff::Timestamp;

/// A moment in event time, in whole seconds since 1970-01-01T00:00:00Z, between 2006 and 2099.
///
/// AWS opened in 2006; a year outside that range is a broken clock or made-up text, and a record
/// that carries one counts as undated instead of stretching a cluster's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// The hour of event time that a moment falls into, in hours since 1970.
///
/// An event always falls into the same window, so windows partition a cluster's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(i64);

impl EventTime {
    /// The earliest moment, 2006-01-01T00:00:00Z.
    pub const FIRST: Self = Self(1_136_073_600);
    /// The latest moment, 2099-12-31T23:59:59Z.
    pub const LAST: Self = Self(4_102_444_799);

    /// Takes seconds since 1970, unless they are out of range.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (Self::FIRST..=Self::LAST)
            .contains(&Self(seconds))
            .then_some(Self(seconds))
    }

    /// Reads RFC 3339 text, such as `2026-11-21T08:15:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let time: Timestamp = text.trim().parse().ok()?;
        Self::from_seconds(time.as_second())
    }

    /// Returns seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Returns the hour that this moment falls into.
    pub fn window(self) -> Window {
        Window(self.0.div_euclid(3600))
    }

    /// Returns the seconds that have passed since an earlier moment, negative for a later one.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl Window {
    /// Returns the hours since 1970.
    pub fn hours(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(time) => write!(formatter, "{time}"),
            Err(_) => write!(formatter, "@{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_print_alike_and_nonsense_is_no_time() {
        let time = EventTime::parse("2026-11-21T08:59:59Z").unwrap();
        assert_eq!(time.to_string(), "2026-11-21T08:59:59Z");
        assert_eq!(time.window().hours(), 1_795_251_599 / 3600);
        for nonsense in [
            "",
            "string",
            "2026-13-45T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(EventTime::parse(nonsense), None, "{nonsense}");
        }
    }
}
