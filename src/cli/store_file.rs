//! Opens the SQLite file of a store, and says what to do about a file that is none.

use std::path::Path;

use anyhow::{Context as _, bail};
use sqlite::SqliteStore;

use crate::inputs::shown;
use crate::path_advice;

/// Opens the store in a file; creates it if there is none.
///
/// # Errors
/// Fails if the file is not a store, or cannot be read.
pub fn open(path: &Path) -> anyhow::Result<SqliteStore> {
    check_content(path)?;
    SqliteStore::open(path).with_context(|| shown(path))
}

/// Opens the store in an existing file; for reading only if the file or its folder cannot be written.
///
/// # Errors
/// Fails if there is no file, if it is not a store, or if it cannot be read.
pub fn open_as_permitted(path: &Path) -> anyhow::Result<SqliteStore> {
    check_exists(path)?;
    check_content(path)?;
    SqliteStore::open_as_permitted(path).with_context(|| shown(path))
}

/// Opens the store in a file for reading only; the file is not changed.
///
/// # Errors
/// Fails if there is no file, if it is not a store, or if it cannot be read.
pub fn open_for_reading(path: &Path) -> anyhow::Result<SqliteStore> {
    check_exists(path)?;
    check_content(path)?;
    SqliteStore::open_for_reading(path).with_context(|| shown(path))
}

/// Fails if there is no file.
pub fn check_exists(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        bail!("{}: no such file; create it with scan --db", shown(path));
    }
    Ok(())
}

fn check_content(path: &Path) -> anyhow::Result<()> {
    match path_advice::of_trail(path) {
        Some(advice) => bail!("{}: {advice}", shown(path)),
        None => Ok(()),
    }
}
