//! Standard input as an input: it is read if something is piped, and a person at a terminal is informed that it is read.

use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

use crate::WrongUsage;
use crate::output;

/// Returns the paths to read: those given, or standard input if none is given and something is piped.
///
/// # Errors
/// [`WrongUsage`] if no path is given and nothing is piped.
pub fn or_piped(paths: &[PathBuf]) -> Result<Vec<PathBuf>, WrongUsage> {
    match paths {
        [] if is_piped() => Ok(vec![PathBuf::from("-")]),
        [] => Err(WrongUsage(
            "no path given, and nothing is piped to standard input; give CloudTrail files or folders, or - for standard input"
                .to_owned(),
        )),
        paths => Ok(paths.to_vec()),
    }
}

/// Informs a person at a terminal that the command waits for input. Does nothing if standard input is no terminal.
pub fn announce() {
    if io::stdin().is_terminal() {
        output::complain("reading from standard input; end with Ctrl-D");
    }
}

/// A reader that is not asked again after its end. A terminal would wait for a second Ctrl-D.
pub struct UntilEnd<R> {
    input: R,
    is_over: bool,
}

impl<R> UntilEnd<R> {
    /// Creates a reader of `input` up to its first end.
    pub fn new(input: R) -> Self {
        Self {
            input,
            is_over: false,
        }
    }
}

impl<R: Read> Read for UntilEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over || buffer.is_empty() {
            return Ok(0);
        }
        let count = self.input.read(buffer)?;
        self.is_over = count == 0;
        Ok(count)
    }
}

/// Checks whether standard input is a pipe, a socket or a file: not a terminal, and not a device such as `/dev/null`.
#[cfg(unix)]
fn is_piped() -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;
    let file = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(std::fs::File::from);
    let kind = file
        .and_then(|file| file.metadata())
        .map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket() || kind.is_file())
}

#[cfg(not(unix))]
fn is_piped() -> bool {
    !io::stdin().is_terminal()
}
