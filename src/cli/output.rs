//! Prints results to stdout and everything else to stderr.
//!
//! A reader that closes the pipe early (`| head`) is no error. Text from files and from AWS must be sanitized by the
//! caller. Colours depend on `NO_COLOR`, `CLICOLOR` and on whether stdout is a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints the result of a command to stdout, without adding a line end.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Returns a value as indented JSON with a line break at its end.
///
/// # Errors
/// Fails if the value is no JSON.
pub fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Returns buffered stdout, for results too large to hold in memory. The caller has to flush it.
pub fn stdout() -> impl io::Write {
    io::BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Prints a line to stderr; an error of printing is ignored.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Checks whether an error only means that the reader of stdout has closed the pipe.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Checks whether text on stdout should have colours: by `NO_COLOR`, `CLICOLOR`, and whether stdout is a terminal.
pub fn colours() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Checks whether stderr is a terminal, so that a progress bar makes sense.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Returns a progress bar on stderr; hidden if stderr is no terminal. `length` is its number of steps, `template` its
/// form in the syntax of `indicatif`.
pub fn progress(length: u64, template: &str) -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
