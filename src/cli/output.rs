//! What is printed where: results to stdout, everything else to stderr.
//!
//! A reader that closes the pipe early (`| head`) is no error. Text that others wrote is sanitized
//! before it comes here; colours follow `NO_COLOR`, CLICOLOR and whether a terminal listens.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Prints a result to stdout.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Returns stdout for a result that is too long to be held in one piece; it has to be flushed.
pub fn stdout() -> impl io::Write {
    io::BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Says something on stderr; when even that fails there is nobody left to tell.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells whether an error is only a reader that has seen enough.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells whether stdout should be coloured.
pub fn colours() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Tells whether a person is watching stderr.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Shows progress on stderr while a person watches.
pub fn progress(length: u64, template: &str) -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
