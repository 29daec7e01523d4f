//! Runs independent calls to the table concurrently.

use std::future::Future;

use futures_util::stream::{self, StreamExt as _};

/// The largest number of concurrent calls.
const CALLS_MAX: usize = 16;

/// Runs calls to the table, at most 16 at the same time, and returns their results in the order of `calls`.
pub(super) async fn concurrently<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(calls).buffered(CALLS_MAX).collect().await
}
