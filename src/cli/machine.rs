//! What a command takes from this machine: the time, secrets, and what waits for answers.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use records::time::Timestamp;
use tokio::runtime::{Builder, Runtime};

/// Returns what waits for answers.
pub fn runtime() -> io::Result<Runtime> {
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
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs() as i64);
    Timestamp::from_seconds(seconds).unwrap_or(Timestamp::FIRST)
}

/// Returns 128 bits that nobody can guess, as 32 hexadecimal digits.
pub fn secret() -> io::Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}
