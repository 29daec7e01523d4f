//! Reads small text files that a person writes: rules, settings, configurations.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::inputs::shown;

/// Reads a text file of at most `bytes_max` bytes. A device or a pipe without end is not read further than that.
///
/// # Errors
/// Fails if the file cannot be read, is not UTF-8, or is larger.
pub fn read(file: &Path, bytes_max: usize) -> anyhow::Result<String> {
    let unreadable = || format!("{}: cannot be read", shown(file));
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(unreadable)?;
    opened
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(unreadable)?;
    if bytes.len() > bytes_max {
        bail!("{}: has more than {bytes_max} bytes", shown(file));
    }
    String::from_utf8(bytes).with_context(unreadable)
}
