//! A clock that only the tests move.

use std::cell::Cell;
use std::rc::Rc;

use service::ports::Clock;

/// See above: the seconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Hands(pub Rc<Cell<i64>>);

impl Hands {
    /// Returns a clock that stands at a moment, in seconds.
    pub fn at(moment: i64) -> Self {
        Self(Rc::new(Cell::new(moment)))
    }
}

impl Clock for Hands {
    fn millis(&self) -> i64 {
        self.0.get() * 1000
    }

    async fn wait(&self, _millis: i64) {}

    fn any(&self, _limit: i64) -> i64 {
        0
    }
}
