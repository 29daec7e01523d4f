//! A pulse: in which hours of the last day there was something, and for how long there has been nothing
//! where there always was. A silence is told after some hours of it, and when it is over.

use std::collections::VecDeque;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

/// A pulse is steady where there was something in so many of so many hours.
const STEADY: (usize, i64) = (20, 24);

/// So many hours of silence are told.
const TOLD_HOURS: i64 = 3;

/// What is remembered, with something of each hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyActivity<T> {
    /// The last that there was.
    pub last: Timestamp,
    /// The hours of the last day in which there was something.
    hours: VecDeque<(Window, T)>,
    /// For how many hours there has been nothing, if that is odd.
    silent_hours: Option<i64>,
}

impl<T> HourlyActivity<T> {
    /// Begins with an hour in which there is something.
    pub fn new(window: Window) -> Self {
        Self {
            last: window.start(),
            hours: VecDeque::new(),
            silent_hours: None,
        }
    }

    /// Tells whether there is nothing where there always was.
    pub fn is_silent(&self) -> bool {
        self.silent_hours.is_some()
    }

    /// Tells whether there was something in almost every hour.
    pub fn is_steady(&self) -> bool {
        self.hours.len() >= STEADY.0
    }

    /// Returns what is remembered of the hours in which there was something.
    pub fn hours(&self) -> impl Iterator<Item = &T> {
        self.hours.iter().map(|(_, of)| of)
    }

    /// Takes an hour in which there was something, in the order of time; returns since when there had
    /// been nothing, if that was told.
    pub fn beat(&mut self, window: Window, last: Timestamp, of: T) -> Option<Timestamp> {
        let silent = self.silent_hours.take();
        let since = std::mem::replace(&mut self.last, last);
        self.hours.push_back((window, of));
        let is_old = |(of, _): &(Window, T)| window.hours() - of.hours() >= STEADY.1;
        while self.hours.front().is_some_and(is_old) {
            self.hours.pop_front();
        }
        silent
            .is_some_and(|hours| hours >= TOLD_HOURS)
            .then_some(since)
    }

    /// Takes so many hours in which there was nothing; returns whether their silence is to be told, and
    /// nothing where there is no silence, as that is usual.
    pub fn miss(&mut self, hours: i64, is_odd: bool) -> Option<bool> {
        if self.silent_hours.is_none() && !is_odd {
            return None;
        }
        let before = self.silent_hours.unwrap_or_default();
        let after = before + hours;
        self.silent_hours = Some(after);
        Some(before < TOLD_HOURS && after >= TOLD_HOURS)
    }
}
