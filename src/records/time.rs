//! Event time: the time of a call in whole seconds, and hours of event time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment in event time, in whole seconds since 1970-01-01T00:00:00Z, in the years 2006 to 2099.
///
/// AWS opened in 2006. A year outside of that range comes from a broken clock or from invented text. A record with such
/// a time counts as undated, so that the record cannot stretch the history of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// One hour of event time, as the number of hours since 1970-01-01T00:00:00Z.
///
/// Each dated event belongs to exactly one hour, so hours divide the event ids of a cluster into disjoint sets.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Window(i64);

impl Timestamp {
    /// The earliest moment, 2006-01-01T00:00:00Z.
    pub const FIRST: Self = Self(1_136_073_600);
    /// The latest moment, 2099-12-31T23:59:59Z.
    pub const LAST: Self = Self(4_102_444_799);

    /// Creates a moment from seconds since 1970; `None` if the moment is before [`Self::FIRST`] or after
    /// [`Self::LAST`].
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (Self::FIRST..=Self::LAST)
            .contains(&Self(seconds))
            .then_some(Self(seconds))
    }

    /// Parses RFC 3339 text, such as `2026-11-21T08:15:00Z`. `None` for other text, and for times outside of the years
    /// 2006 to 2099.
    ///
    /// White space around the text is ignored, and fractions of a second are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let in_any_form = || {
            let time: jiff::Timestamp = text.trim().parse().ok()?;
            Some(time.as_second())
        };
        Self::from_seconds(in_usual_form(text).or_else(in_any_form)?)
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Returns the hour that contains this moment.
    pub fn window(self) -> Window {
        Window(self.0.div_euclid(3600))
    }

    /// Returns the moment `seconds` later, or earlier if negative; `None` if the result is before [`Self::FIRST`] or
    /// after [`Self::LAST`].
    pub fn after(self, seconds: i64) -> Option<Self> {
        Self::from_seconds(self.0.checked_add(seconds)?)
    }

    /// Returns the moment `seconds` later, or earlier if negative, but not before [`Self::FIRST`] and not after
    /// [`Self::LAST`].
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds)).clamp(Self::FIRST, Self::LAST)
    }

    /// Returns the seconds from `earlier` to this moment; negative if `earlier` is in fact later.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

/// Reads the one form that CloudTrail writes, `2026-11-21T08:15:00Z`; `None` for other text, which may still be a time.
///
/// A parser of all forms takes several times as long.
fn in_usual_form(text: &str) -> Option<i64> {
    let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'Z'),
    ];
    if marks.iter().any(|&(at, mark)| text[at] != mark) {
        return None;
    }
    let pair = |at: usize| {
        let digit = |at: usize| text[at].is_ascii_digit().then(|| text[at] - b'0');
        Some(i64::from(digit(at)? * 10 + digit(at + 1)?))
    };
    let (century, year, month, day) = (pair(0)?, pair(2)?, pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    // From 2000 to 2099 each fourth year is a leap year, and the clocks of AWS show no leap seconds.
    if century != 20 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap_day = i64::from(year % 4 == 0);
    let before = DAYS_BEFORE.get(usize::try_from(month - 1).ok()?)?;
    let length = DAYS_BEFORE.get(month as usize).unwrap_or(&365) - before;
    let leap_day_in_month = if month == 2 { leap_day } else { 0 };
    if !(1..=length + leap_day_in_month).contains(&day) {
        return None;
    }
    let leap_days = (year + 3) / 4 + if month > 2 { leap_day } else { 0 };
    let days = DAYS_TO_2000 + year * 365 + leap_days + before + day - 1;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to 2000-01-01.
const DAYS_TO_2000: i64 = 10_957;

/// Days before each month in a year without a leap day.
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

impl Window {
    /// Creates the hour that begins `hours` hours after 1970-01-01T00:00:00Z.
    ///
    /// An hour before 2006 becomes the first hour of 2006, and an hour after 2099 becomes the last hour of 2099.
    pub fn from_hours(hours: i64) -> Self {
        Self(hours).clamp(Timestamp::FIRST.window(), Timestamp::LAST.window())
    }

    /// Returns the number of hours from 1970-01-01T00:00:00Z to the start of this hour.
    pub fn hours(self) -> i64 {
        self.0
    }

    /// Returns the first second of the hour.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0 * 3600)
    }

    /// Returns the first second after the hour, at most [`Timestamp::LAST`].
    pub fn end(self) -> Timestamp {
        Timestamp(self.0 * 3600 + 3600).min(Timestamp::LAST)
    }

    /// Returns the hour `hours` later, or earlier if negative.
    ///
    /// A result before 2006 becomes the first hour of 2006, and a result after 2099 becomes the last hour of 2099.
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self::from_hours(self.0.saturating_add(hours))
    }
}

/// The units of a length of time, each with its seconds, the longest first.
const UNITS: [(&str, i64); 5] = [
    ("w", 7 * 86_400),
    ("d", 86_400),
    ("h", 3600),
    ("m", 60),
    ("s", 1),
];

/// Parses a length of time, such as `30m`, `24h`, `7d` or `2w`, and returns it in seconds.
///
/// `None` unless the text is a whole number above 0, followed by one unit: `m` for minutes, `h`, `d`, or `w` for weeks.
pub fn seconds(text: &str) -> Option<i64> {
    let is_long = |unit: &&(&str, i64)| unit.1 >= 60;
    let mut units = UNITS.iter().filter(is_long);
    let (amount, length) =
        units.find_map(|(unit, length)| Some((text.strip_suffix(unit)?, length)))?;
    let amount: u32 = amount.parse().ok()?;
    (amount > 0).then_some(i64::from(amount) * length)
}

/// Formats a length of time, given in seconds, in at most two units: `1d 3h`, `5m`, `0s`.
///
/// The units are days, hours, minutes and seconds. Units below the two largest are dropped. A negative length is `0s`.
pub fn duration(seconds: i64) -> String {
    let parts = duration_parts(seconds).into_iter();
    let parts: Vec<String> = parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    parts.join(" ")
}

/// Returns a length of time, given in seconds, as one or two numbers with their units: `d`, `h`, `m` or `s`.
///
/// Units below the two largest are dropped. A negative length is 0 seconds.
pub fn duration_parts(seconds: i64) -> Vec<(i64, &'static str)> {
    let mut rest = seconds.max(0);
    let counts = UNITS[1..].iter().map(|(unit, length)| {
        let count = rest / length;
        rest %= length;
        (count, *unit)
    });
    let from_largest = counts.skip_while(|(count, _)| *count == 0).take(2);
    let parts: Vec<(i64, &str)> = from_largest.filter(|(count, _)| *count > 0).collect();
    match parts.is_empty() {
        true => vec![(0, "s")],
        false => parts,
    }
}

impl TryFrom<String> for Timestamp {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a time is RFC 3339 text between 2006 and 2099")
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => write!(formatter, "{time}"),
            Err(_) => write!(formatter, "@{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_they_are_parsed_and_nonsense_is_refused() {
        let time = Timestamp::parse("2026-11-21T08:59:59Z").unwrap();
        assert_eq!(time.to_string(), "2026-11-21T08:59:59Z");
        assert_eq!(time.window().hours(), 1_795_251_599 / 3600);
        for nonsense in [
            "",
            "string",
            "2026-13-45T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(nonsense), None, "{nonsense}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_usual_form_is_read_like_any_form(
            text in "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9][Z+]",
            second in 0..=Timestamp::LAST.seconds(),
        ) {
            let usual = jiff::Timestamp::from_second(second).unwrap().to_string();
            for text in [text, usual] {
                if let Some(seconds) = in_usual_form(&text) {
                    let time: jiff::Timestamp = text.parse().unwrap();
                    proptest::prop_assert_eq!(time.as_second(), seconds);
                }
            }
        }
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let shown = [0, 59, 61, 3600, 90_000, 604_800].map(duration);
        assert_eq!(shown, ["0s", "59s", "1m 1s", "1h", "1d 1h", "7d"]);
        assert_eq!(duration(86_401), "1d", "there are no hours in it");
    }

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        let read = ["30m", "24h", "7d", "2w"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [1800, 86_400, 604_800, 1_209_600]);
        for invalid in [
            "",
            "m",
            "0m",
            "-1h",
            "1.5h",
            "30 m",
            "30",
            "30s",
            "5000000000d",
            "1h 30m",
            "\u{e9}",
        ] {
            assert_eq!(seconds(invalid), None, "{invalid}");
        }
    }
}
