//! Access to this machine: its clock, its random numbers, and a runtime for asynchronous code.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use records::time::Timestamp;
use tokio::runtime::{Builder, Runtime};

/// Returns an asynchronous runtime with one worker thread.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Returns the current time by the clock of this machine; [`Timestamp::FIRST`] if [`check_clock`] would fail.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(seconds()).unwrap_or(Timestamp::FIRST)
}

/// Checks that the clock of this machine has a time that can be stored.
///
/// # Errors
/// Says which time the clock has, if it is before 2006 or after 2099.
pub fn check_clock() -> anyhow::Result<()> {
    let seconds = seconds();
    match Timestamp::from_seconds(seconds) {
        Some(_) => Ok(()),
        None => bail!(
            "the clock of this machine is at {seconds} seconds since 1970, and times from 2006 to 2099 are supported; set the \
             clock"
        ),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the place that reads the clock"
)]
fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Returns 128 random bits, secure for secrets, as 32 hexadecimal digits.
pub fn secret() -> io::Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}
