//! Writes the log: one JSON object a line.
//!
//! A line never contains a payload or a credential. Text from outside is sanitized and shortened.

use std::io::{self, Write as _};

use records::redact::sanitize;
use service::config::LogLevel;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::start::StartError;

/// Maximum length of a logged text from outside, in characters.
const CHARS_MAX: usize = 256;

/// Starts logging to stdout at `level`; also logs panics.
/// At any `level`, libraries are limited to warnings and errors, because their other lines may contain the data that they send.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let targets = Targets::new()
        .with_default(level.min(Level::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    // Fails only if logging was started before, which happens only in tests.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote data, so only the place is logged.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

/// Logs why the program does not start. Logging need not be started before.
pub fn refused(refusal: &StartError) {
    start(LogLevel::Error);
    // Longer than other texts, so that all wrong settings are listed. Settings are not written by callers.
    let detail = sanitize(&refusal.message, 16 * CHARS_MAX);
    tracing::error!(error = refusal.name, detail, "does not start");
}

/// Returns a text from outside the program in a form that is safe to log: sanitized, at most 256 characters.
pub fn short(text: &str) -> String {
    sanitize(text, CHARS_MAX)
}

/// Writes a line with metrics to the log, in the embedded metric format from which CloudWatch extracts them. `None`
/// writes nothing.
pub fn metrics(line: Option<String>) {
    if let Some(line) = line {
        // An error cannot be reported, because stdout is the log.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}

/// Returns a number for a log field; `None` for zero, so that the field is left out.
pub fn nonzero(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}
