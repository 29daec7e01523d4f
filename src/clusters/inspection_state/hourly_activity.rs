//! Detects that a source of data, an account or a log group, is silent: it has data almost every hour, and now none.
//!
//! An alert is due once after three silent hours, and once when data arrive again.

use std::collections::VecDeque;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

/// A source is steady if it had data in at least this number of hours (first) of this number of hours (second).
const STEADY: (usize, i64) = (20, 24);

/// The number of hours without data after which an alert is due.
pub const ALERT_HOURS: i64 = 3;

/// The hours of the last day in which a source had data, and the number of hours since then without data.
///
/// A source is an account, whose data are events of its clusters, or a log group, whose data are log events. `T` is a
/// value that the caller stores with each hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyActivity<T> {
    /// The time of the last data of the source: of the last event of an account, or the end of the last hour in which a
    /// log group had log events.
    pub last: Timestamp,
    /// The hours of the last day with data, oldest first.
    hours: VecDeque<(Window, T)>,
    /// The number of hours without data while the source is silent; `None` if it has data, or seldom has any.
    silent_hours: Option<i64>,
}

impl<T> HourlyActivity<T> {
    /// Creates the activity of a source. `window` is the first hour with data, which is not added yet.
    pub fn new(window: Window) -> Self {
        Self {
            last: window.start(),
            hours: VecDeque::new(),
            silent_hours: None,
        }
    }

    /// Checks whether the source is silent: the hours added last have no data, although the source had data almost
    /// every hour before.
    pub fn is_silent(&self) -> bool {
        self.silent_hours.is_some()
    }

    /// Checks whether the source had data in at least 20 of the 24 hours up to its last hour with data.
    pub fn is_steady(&self) -> bool {
        self.hours.len() >= STEADY.0
    }

    /// Returns the values that were stored with the hours of the last day that had data, oldest hour first.
    pub fn hours(&self) -> impl Iterator<Item = &T> {
        self.hours.iter().map(|(_, of)| of)
    }

    /// Adds an hour with data of the source, which is later than all hours added before. The source is not silent after
    /// this.
    ///
    /// `last` is the time of the last data in this hour, and `of` the value to store with the hour. If the source was
    /// silent for three hours or more, the time of the last data before that is returned; otherwise `None`.
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

    /// Adds `hours` hours without data of the source. They make it silent only if `is_unusual` is `true`; a source that
    /// is already silent stays silent.
    ///
    /// Returns `None` if the source is not silent. Otherwise returns whether an alert is due now: `true` once, when the
    /// source has been silent for three hours.
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
