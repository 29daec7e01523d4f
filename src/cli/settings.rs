//! A settings file of a stack, loaded.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use service::config::lists::{Lists, SETTINGS_BYTES_MAX};

use crate::inputs::{Unusable, shown};

/// A settings file, and what it says.
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only `config set` puts it somewhere")
)]
pub struct Loaded {
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// What it says.
    pub lists: Lists,
}

/// Loads a settings file.
pub fn load(file: &Path) -> anyhow::Result<Loaded> {
    let mut bytes = Vec::new();
    let limit = SETTINGS_BYTES_MAX as u64 + 1;
    fs::File::open(file)
        .and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("{}: cannot be read", shown(file)))?;
    let lists = Lists::parse(bytes.clone())
        .map_err(|complaints| Unusable::new("the settings", file, &complaints))?;
    Ok(Loaded { bytes, lists })
}

/// Loads the lists of a settings file; none gives none.
pub fn load_lists(file: Option<&Path>) -> anyhow::Result<Lists> {
    Ok(file
        .map(load)
        .transpose()?
        .map(|loaded| loaded.lists)
        .unwrap_or_default())
}
