//! Reads inputs with several threads and passes on the results in the order of the inputs.
//!
//! So the output of a command does not depend on the number of threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use indicatif::ProgressBar;
use service::ingest::Folding;

use crate::inputs::{Input, Reading, Unread};

/// The result of reading one input: its records grouped by cluster, or the reason why it was not read.
pub type Outcome = Result<Reading, Unread>;

/// Maximum number of inputs for each thread that may be read before all earlier inputs are processed.
const AHEAD: usize = 4;

/// Reads all inputs, with one thread for each element of `foldings`, and calls `process` with each result in the
/// order of `inputs`.
///
/// # Errors
/// Returns the first error of `process`; the remaining inputs are not processed.
pub fn fold<E>(
    inputs: &[Input],
    mut foldings: Vec<Folding<'_>>,
    bar: &ProgressBar,
    mut process: impl FnMut(&Input, Outcome) -> Result<(), E>,
) -> Result<(), E> {
    if let [folding] = &mut foldings[..] {
        for input in inputs {
            bar.set_message(input.short_name());
            process(input, input.fold(folding, bar))?;
        }
        return Ok(());
    }
    let queue = InputQueue::new(inputs.len(), foldings.len() * AHEAD);
    thread::scope(|scope| {
        let (outcomes, arrivals) = mpsc::channel();
        for mut folding in foldings {
            let (queue, outcomes) = (&queue, outcomes.clone());
            scope.spawn(move || {
                while let Some(place) = queue.next() {
                    let outcome = inputs[place].fold(&mut folding, bar);
                    if outcomes.send((place, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(outcomes);
        let _release = Release(&queue);
        let mut waiting = BTreeMap::new();
        for (place, outcome) in arrivals {
            waiting.insert(place, outcome);
            while let Some((&place, _)) = waiting.first_key_value()
                && place == queue.processed()
                && let Some(outcome) = waiting.remove(&place)
            {
                bar.set_message(inputs[place].short_name());
                process(&inputs[place], outcome)?;
                queue.advance();
            }
        }
        Ok(())
    })
}

/// Positions in the list of inputs: how far reading and processing have come.
struct InputQueue {
    length: usize,
    /// Maximum distance between reading and processing.
    ahead: usize,
    /// Position of the next input to read.
    begun: AtomicUsize,
    /// Number of inputs whose outcome was processed.
    processed: Mutex<usize>,
    moved: Condvar,
}

impl InputQueue {
    fn new(length: usize, ahead: usize) -> Self {
        Self {
            length,
            ahead,
            begun: AtomicUsize::new(0),
            processed: Mutex::new(0),
            moved: Condvar::new(),
        }
    }

    /// Returns the position of the next input to read, after waiting until it is not too far ahead; `None` at the end.
    fn next(&self) -> Option<usize> {
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        let too_far =
            |processed: &mut usize| place < self.length && place >= *processed + self.ahead;
        let processed = self.moved.wait_while(self.lock(), too_far);
        let processed = *processed.unwrap_or_else(PoisonError::into_inner);
        (place < self.length && processed < self.length).then_some(place)
    }

    fn processed(&self) -> usize {
        *self.lock()
    }

    fn advance(&self) {
        *self.lock() += 1;
        self.moved.notify_all();
    }

    // After a panic of a holder the count is still right.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.processed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Releases all waiting threads when dropped, also after an error or a panic.
struct Release<'a>(&'a InputQueue);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        *self.0.lock() = self.0.length;
        self.0.moved.notify_all();
    }
}
