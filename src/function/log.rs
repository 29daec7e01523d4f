//! The log: one JSON object a line, never with a payload or a credential in it, and what others wrote
//! cut short.

use std::io::{self, Write as _};

use records::redact::sanitize;
use service::config::LogLevel;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::start::StartError;

/// How much of a text that others wrote is logged.
const CHARS_MAX: usize = 256;

/// Starts to log. Only this program's own lines go below warnings: what libraries say there may hold
/// what they send.
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
    // That somebody logs already can only be in a test.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        // Its message may quote the text that it stumbled over, so only its place is told.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

/// Logs a start that failed.
pub fn refused(refusal: &StartError) {
    start(LogLevel::Error);
    // All complaints about settings, which are not written by callers.
    let detail = sanitize(&refusal.message, 16 * CHARS_MAX);
    tracing::error!(error = refusal.name, detail, "does not start");
}

/// Returns a text that others may have written as it may be logged.
pub fn short(text: &str) -> String {
    sanitize(text, CHARS_MAX)
}

/// Writes a line that is not for people: CloudWatch makes metrics of it. Where nobody reads any, there is
/// none.
pub fn metrics(line: Option<String>) {
    if let Some(line) = line {
        // There is nobody to tell when there is no log.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}

/// Returns a number that is mostly zero; a zero is not logged.
pub fn nonzero(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}
