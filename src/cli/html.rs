//! The report page, put where it was asked for.
//!
//! A page appears whole or not at all: it is written beside its place and then renamed, so a scan
//! that is killed leaves the page of the last one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use view::report::{Report, Unread};

use crate::inputs::shown;
use crate::machine::secret;
use crate::output;
use crate::source::{Scanned, StoreAnswer};
use crate::used_files::destination;

/// Writes the report of a scan.
pub fn write(
    path: &Path,
    inputs: &[PathBuf],
    scanned: &Scanned,
    answer: &StoreAnswer,
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
        record_counts: &scanned.record_counts,
        snapshot: &answer.snapshot,
        listing: &answer.listing,
        timeline: &answer.timeline,
        failed: &failed,
        quarantined: &quarantined,
    };
    replace(path, report.html().as_bytes())
        .with_context(|| format!("{}: the report cannot be written", shown(path)))?;
    output::complain(&format!("wrote the report to {}", shown(path)));
    Ok(())
}

/// Puts content in the place of a file, whole or not at all. A link stays, and leads to the new page; so does
/// one that leads to no file yet. A loop of links is an error. A pipe or a device, which has no content to replace,
/// is written to.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Some(metadata.permissions()),
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return fs::write(path, content),
        Err(_) => None,
    };
    let place = destination(path)?;
    // Nobody can know the name before, so what is found there can only be ours.
    let beside = place.with_file_name(format!(".cloudtrail-inspector-{}.part", secret()?));
    let file = new(&beside)?;
    let written = fill(file, content, old).and_then(|()| fs::rename(&beside, &place));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Makes a file that only its owner can read: a page tells as much as the trail itself.
fn new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes the content. Who could read the old page can read the new one.
fn fill(mut file: File, content: &[u8], old: Option<Permissions>) -> io::Result<()> {
    file.write_all(content)?;
    if let Some(old) = old {
        file.set_permissions(old)?;
    }
    file.sync_all()
}
