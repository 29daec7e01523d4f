//! Detects silence: hours without data from a source that has data almost every hour.
//!
//! A silence is alerted once after some hours, and once when it ends.

use std::collections::VecDeque;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

/// A source is steady if it had data in at least this many of this many hours.
const STEADY: (usize, i64) = (20, 24);

/// A silence is alerted after this many hours.
const ALERT_HOURS: i64 = 3;

/// The hours of the last day in which a source had data, each with a value, and the length of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyActivity<T> {
    /// The time of the last data.
    pub last: Timestamp,
    /// The hours of the last day with data, oldest first.
    hours: VecDeque<(Window, T)>,
    /// The length of the current silence in hours; `None` if there is data, or its absence is usual.
    silent_hours: Option<i64>,
}

impl<T> HourlyActivity<T> {
    /// Creates the activity of a source whose first hour with data is `window`.
    pub fn new(window: Window) -> Self {
        Self {
            last: window.start(),
            hours: VecDeque::new(),
            silent_hours: None,
        }
    }

    /// Checks whether a silence goes on: no data now, and data almost every hour before.
    pub fn is_silent(&self) -> bool {
        self.silent_hours.is_some()
    }

    /// Checks whether the source had data in at least 20 of 24 hours.
    pub fn is_steady(&self) -> bool {
        self.hours.len() >= STEADY.0
    }

    /// Returns the values of the hours of the last day with data, oldest first.
    pub fn hours(&self) -> impl Iterator<Item = &T> {
        self.hours.iter().map(|(_, of)| of)
    }

    /// Adds an hour with data, later than all others, which ends a silence.
    ///
    /// `last` is the time of the hour's last data, and `of` the value to remember. Returns the time of the last data
    /// before the silence; `None` if there was no silence that was alerted.
    pub fn add_hour(&mut self, window: Window, last: Timestamp, of: T) -> Option<Timestamp> {
        let silent = self.silent_hours.take();
        let since = std::mem::replace(&mut self.last, last);
        self.hours.push_back((window, of));
        let is_old = |(of, _): &(Window, T)| window.hours() - of.hours() >= STEADY.1;
        while self.hours.front().is_some_and(is_old) {
            self.hours.pop_front();
        }
        silent
            .is_some_and(|hours| hours >= ALERT_HOURS)
            .then_some(since)
    }

    /// Adds `hours` hours without data. They begin a silence only if `is_unusual` is `true`.
    ///
    /// Returns whether the silence is to be alerted now; `None` if there is no silence.
    pub fn add_silence(&mut self, hours: i64, is_unusual: bool) -> Option<bool> {
        if self.silent_hours.is_none() && !is_unusual {
            return None;
        }
        let before = self.silent_hours.unwrap_or_default();
        let after = before + hours;
        self.silent_hours = Some(after);
        Some(before < ALERT_HOURS && after >= ALERT_HOURS)
    }
}
