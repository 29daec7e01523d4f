//! Inputs folded by several threads and handed over in their order, so that what comes out does not
//! depend on how many there are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use indicatif::ProgressBar;
use service::ingest::{Folded, Folding};

use crate::inputs::{Input, InputError};

/// What became of an input.
pub type Outcome = Result<Folded, InputError>;

/// How many inputs for each thread may be folded before their turn has come.
const AHEAD: usize = 4;

/// Folds inputs on as many threads as there are foldings, and hands the outcomes over in the order
/// of the inputs.
///
/// # Errors
/// What `take` returns; the rest is left then.
pub fn fold<E>(
    inputs: &[Input],
    mut foldings: Vec<Folding<'_>>,
    bar: &ProgressBar,
    mut take: impl FnMut(&Input, Outcome) -> Result<(), E>,
) -> Result<(), E> {
    if let [folding] = &mut foldings[..] {
        for input in inputs {
            bar.set_message(input.name());
            take(input, input.fold(folding, bar))?;
        }
        return Ok(());
    }
    let line = InputQueue::new(inputs.len(), foldings.len() * AHEAD);
    thread::scope(|scope| {
        let (outcomes, arrivals) = mpsc::channel();
        for mut folding in foldings {
            let (line, outcomes) = (&line, outcomes.clone());
            scope.spawn(move || {
                while let Some(place) = line.next() {
                    let outcome = inputs[place].fold(&mut folding, bar);
                    if outcomes.send((place, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(outcomes);
        let _leave = Leave(&line);
        let mut waiting = BTreeMap::new();
        for (place, outcome) in arrivals {
            waiting.insert(place, outcome);
            while let Some((&place, _)) = waiting.first_key_value()
                && place == line.taken()
                && let Some(outcome) = waiting.remove(&place)
            {
                bar.set_message(inputs[place].name());
                take(&inputs[place], outcome)?;
                line.take_one();
            }
        }
        Ok(())
    })
}

/// The inputs in line: those that were begun, and those whose outcome was taken.
struct InputQueue {
    length: usize,
    ahead: usize,
    begun: AtomicUsize,
    taken: Mutex<usize>,
    moved: Condvar,
}

impl InputQueue {
    fn new(length: usize, ahead: usize) -> Self {
        Self {
            length,
            ahead,
            begun: AtomicUsize::new(0),
            taken: Mutex::new(0),
            moved: Condvar::new(),
        }
    }

    /// Returns the next input to begin with, once it is not too far ahead of its turn.
    fn next(&self) -> Option<usize> {
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        let too_far = |taken: &mut usize| place < self.length && place >= *taken + self.ahead;
        let taken = self.moved.wait_while(self.lock(), too_far);
        let taken = *taken.unwrap_or_else(PoisonError::into_inner);
        (place < self.length && taken < self.length).then_some(place)
    }

    fn taken(&self) -> usize {
        *self.lock()
    }

    fn take_one(&self) {
        *self.lock() += 1;
        self.moved.notify_all();
    }

    // A count is right whatever its holder did next.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends everybody home who waits in line, however it is left.
struct Leave<'a>(&'a InputQueue);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *self.0.lock() = self.0.length;
        self.0.moved.notify_all();
    }
}
