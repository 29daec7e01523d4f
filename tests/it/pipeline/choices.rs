//! Random numbers drawn by a test, which decide one after another what happens. With no numbers nothing unusual
//! happens. So a failing case shrinks towards a world without failures.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Drawn numbers, used one after another and then from the first again.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    drawn: Rc<RefCell<Vec<u16>>>,
    next: Rc<Cell<usize>>,
}

/// How a run of a function ends. Calls and steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The run succeeds.
    Whole,
    /// A call of the table is rejected.
    Refused(u64),
    /// A call of the table takes effect, but its answer gets lost.
    Lost(u64),
    /// The function is killed between two of its calls.
    Killed(usize),
}

impl Choices {
    pub fn new(drawn: Vec<u16>) -> Self {
        Self {
            drawn: Rc::new(RefCell::new(drawn)),
            next: Rc::default(),
        }
    }

    /// Returns a number below a limit; 0 is what happens in a world without failures.
    pub fn below(&self, limit: u64) -> u64 {
        let drawn = self.drawn.borrow();
        if drawn.is_empty() {
            return 0;
        }
        let place = self.next.get();
        self.next.set(place + 1);
        // Rounds differ, as they would all come to the same otherwise.
        let round = (place / drawn.len()) as u64;
        let lot = u64::from(drawn[place % drawn.len()]);
        let shifted = if lot == 0 { 0 } else { lot + 7 * round };
        shifted % limit
    }

    /// Returns `true` once in `times` draws on average.
    pub fn one_in(&self, times: u64) -> bool {
        self.below(times) == times - 1
    }

    /// Draws how a function ends.
    pub fn end(&self) -> End {
        match self.below(12) {
            9 => End::Refused(self.below(30)),
            10 => End::Lost(self.below(30)),
            11 => End::Killed(self.below(40) as usize),
            _ => End::Whole,
        }
    }
}
