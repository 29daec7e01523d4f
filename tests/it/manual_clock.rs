//! A clock that only the tests move, and whoever waits by it; its dice always show the most.

use std::cell::Cell;
use std::rc::Rc;

use service::ports::Clock;

/// See above: the milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Rc<Cell<i64>>);

impl ManualClock {
    /// Returns a clock that stands at a moment, in seconds.
    pub fn at(moment: i64) -> Self {
        let clock = Self::default();
        clock.set(moment);
        clock
    }

    /// Moves it to a moment, in seconds.
    pub fn set(&self, moment: i64) {
        self.0.set(moment * 1000);
    }

    /// Moves it on by seconds.
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
