//! Calls to the table that do not depend on each other, several under way at a time.

use std::future::Future;

use futures_util::stream::{self, StreamExt as _};

/// How many calls are under way at a time.
const CALLS_MAX: usize = 16;

/// Runs calls side by side and returns their outcomes in the order of the calls.
pub(super) async fn together<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(calls).buffered(CALLS_MAX).collect().await
}
