//! Access to this machine: its clock, its random numbers, and a runtime for asynchronous code.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use records::time::Timestamp;
use tokio::runtime::{Builder, Runtime};

/// Returns an asynchronous runtime with one worker thread.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Returns the current time by the clock of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the place that reads the clock"
)]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs() as i64);
    Timestamp::from_seconds(seconds).unwrap_or(Timestamp::FIRST)
}

/// Returns 128 random bits, secure for secrets, as 32 hexadecimal digits.
pub fn secret() -> io::Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}
