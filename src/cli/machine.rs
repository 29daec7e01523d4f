//! What a command takes from this machine: the time, and what waits for answers.

use std::time::{SystemTime, UNIX_EPOCH};

use records::time::EventTime;
use tokio::runtime::{Builder, Runtime};

/// Returns what waits for answers.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Returns the time by the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the door is where the clock comes in"
)]
pub fn now() -> EventTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs() as i64);
    EventTime::from_seconds(seconds).unwrap_or(EventTime::FIRST)
}
