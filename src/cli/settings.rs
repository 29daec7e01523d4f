//! Loads and checks a settings file of a stack.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use service::config::lists::{Lists, SETTINGS_BYTES_MAX};

use crate::inputs::{Unusable, shown};

/// A settings file of a stack that was read and is valid.
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only `config set` uses the bytes")
)]
pub struct Loaded {
    /// The content of the settings file, unchanged.
    pub bytes: Vec<u8>,
    /// The lists in the settings file, such as account names and canary keys.
    pub lists: Lists,
}

/// Reads and checks a settings file of a stack.
///
/// # Errors
/// Fails if the file cannot be read, is too long or is not valid.
pub fn load(file: &Path) -> anyhow::Result<Loaded> {
    let mut bytes = Vec::new();
    let limit = SETTINGS_BYTES_MAX as u64 + 1;
    fs::File::open(file)
        .and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("{}: cannot be read", shown(file)))?;
    let lists = Lists::parse(bytes.clone())
        .map_err(|problems| Unusable::new("the settings", file, &problems))?;
    Ok(Loaded { bytes, lists })
}

/// Returns the lists of a settings file; empty lists if `file` is `None`.
///
/// # Errors
/// Fails like [`load`].
pub fn load_lists(file: Option<&Path>) -> anyhow::Result<Lists> {
    Ok(file
        .map(load)
        .transpose()?
        .map(|loaded| loaded.lists)
        .unwrap_or_default())
}
