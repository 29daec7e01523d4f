//! Reads inputs with several threads and passes on the results in the order of the inputs.
//!
//! So the output of a command does not depend on the number of threads.

use std::collections::BTreeMap;
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
    /// Maximum distance between reading and processing.
    ahead: usize,
    positions: Mutex<Positions>,
    /// Notified when a thread that waits may have an input to read, or when there are none left.
    moved: Condvar,
}

struct Positions {
    /// Number of inputs to read; 0 when reading must stop.
    length: usize,
    /// Position of the next input to read.
    begun: usize,
    /// Number of inputs whose outcome was processed.
    processed: usize,
}

impl InputQueue {
    fn new(length: usize, ahead: usize) -> Self {
        let positions = Mutex::new(Positions {
            length,
            begun: 0,
            processed: 0,
        });
        Self {
            ahead,
            positions,
            moved: Condvar::new(),
        }
    }

    /// Returns the position of the next input to read, after waiting until it is not too far ahead; `None` at the end.
    fn next(&self) -> Option<usize> {
        let too_far =
            |at: &mut Positions| at.begun < at.length && at.begun >= at.processed + self.ahead;
        let at = self.moved.wait_while(self.lock(), too_far);
        let mut at = at.unwrap_or_else(PoisonError::into_inner);
        if at.begun >= at.length {
            return None;
        }
        at.begun += 1;
        if at.begun == at.length {
            // No thread that still waits gets an input.
            self.moved.notify_all();
        }
        Some(at.begun - 1)
    }

    fn processed(&self) -> usize {
        self.lock().processed
    }

    /// Counts an input as processed. This allows one further input to be read, so one thread is enough.
    fn advance(&self) {
        self.lock().processed += 1;
        self.moved.notify_one();
    }

    // After a panic of a holder the positions are still right.
    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Releases all waiting threads when dropped, also after an error or a panic.
struct Release<'a>(&'a InputQueue);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.lock().length = 0;
        self.0.moved.notify_all();
    }
}
