//! Writes the report page of a scan to a file.
//!
//! The page is written to a temporary file in the same folder, which is then renamed. So a scan that is killed never
//! leaves half a page: the old page stays.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use alerts::locale::Locale;
use anyhow::Context as _;
use view::report::{Report, Unread};

use crate::inputs::shown;
use crate::machine::secret;
use crate::output;
use crate::source::{Scanned, StoreAnswer};
use crate::used_files::destination;

/// Writes the HTML report of a scan to the file `path`, and prints the path to stderr. `inputs` are the paths that
/// the user gave, `locale` is the language and the time zone of the page.
///
/// # Errors
/// Fails if the file cannot be written; a report that exists there stays unchanged.
pub fn write(
    path: &Path,
    inputs: &[PathBuf],
    scanned: &Scanned,
    answer: &StoreAnswer,
    locale: Locale,
) -> anyhow::Result<()> {
    let inputs: Vec<String> = inputs.iter().map(|input| shown(input)).collect();
    let failed: Vec<Unread> = scanned
        .failed
        .iter()
        .map(|failure| Unread {
            file: failure.file.clone(),
            record: None,
            reason: failure.error.clone(),
        })
        .collect();
    let quarantined: Vec<Unread> = scanned
        .quarantined
        .iter()
        .map(|(file, record)| Unread {
            file: file.clone(),
            record: Some(record.number),
            reason: record.rejection.to_string(),
        })
        .collect();
    let report = Report {
        inputs: &inputs,
        files: scanned.files,
        locale,
        record_counts: &scanned.record_counts,
        snapshot: &answer.snapshot,
        listing: &answer.listing,
        incidents: &answer.incidents.incidents,
        timeline: &answer.timeline,
        failed: &failed,
        quarantined: &quarantined,
    };
    replace(path, report.html().as_bytes())
        .with_context(|| format!("{}: the report cannot be written", shown(path)))?;
    output::complain(&format!("wrote the report to {}", shown(path)));
    Ok(())
}

/// Replaces the content of a file in one step, or creates the file.
///
/// A symbolic link stays and points to the new content, even if its target did not exist. A pipe or a device is written
/// to directly.
///
/// # Errors
/// Fails if the path is a folder or a loop of links, or if writing fails.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Some(metadata.permissions()),
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return fs::write(path, content),
        Err(_) => None,
    };
    let place = destination(path)?;
    // The name is random, so no other program can have created this file or a link in its place.
    let beside = place.with_file_name(format!(".cloudtrail-inspector-{}.part", secret()?));
    let file = new(&beside)?;
    let written = fill(file, content, old).and_then(|()| fs::rename(&beside, &place));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Creates a file that only its owner can read, because a page is as confidential as the trail.
fn new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes the content and gives the file the permissions of the old page, if there was one.
fn fill(mut file: File, content: &[u8], old: Option<Permissions>) -> io::Result<()> {
    file.write_all(content)?;
    if let Some(old) = old {
        file.set_permissions(old)?;
    }
    file.sync_all()
}
