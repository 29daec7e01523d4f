//! A clock that only the tests move. Waiting moves it too, and its random numbers are always the largest possible.

use std::cell::Cell;
use std::rc::Rc;

use service::ports::Clock;

/// The clock; its value is in milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Rc<Cell<i64>>);

impl ManualClock {
    /// Returns a clock set to a time in seconds since 1970.
    pub fn at(moment: i64) -> Self {
        let clock = Self::default();
        clock.set(moment);
        clock
    }

    /// Sets the clock to a time in seconds since 1970.
    pub fn set(&self, moment: i64) {
        self.0.set(moment * 1000);
    }

    /// Moves the clock forward by a number of seconds.
    pub fn pass(&self, seconds: i64) {
        self.0.set(self.0.get() + seconds * 1000);
    }
}

impl Clock for ManualClock {
    fn millis(&self) -> i64 {
        self.0.get()
    }

    async fn wait(&self, millis: i64) {
        self.0.set(self.0.get() + millis);
    }

    fn any(&self, limit: i64) -> i64 {
        limit - 1
    }
}
