//! The report page, put where it was asked for.
//!
//! A page appears whole or not at all: it is written beside its place and then renamed, so a scan
//! that is killed leaves the page of the last one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use view::report::{Report, Unread};

use crate::inputs::shown;
use crate::output;
use crate::source::{Answer, Scanned};

/// Writes the report of a scan.
pub fn write(
    path: &Path,
    inputs: &[PathBuf],
    scanned: &Scanned,
    answer: &Answer,
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
        books: &scanned.books,
        census: &answer.census,
        timeline: &answer.timeline,
        failed: &failed,
        quarantined: &quarantined,
    };
    replace(path, report.html().as_bytes())
        .with_context(|| format!("{}: the report cannot be written", shown(path)))?;
    output::complain(&format!("wrote the report to {}", shown(path)));
    Ok(())
}

/// Puts content in the place of a file, whole or not at all. A pipe or a device, which has no
/// content to replace, is written to.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let place = match fs::metadata(path) {
        // A link stays, and leads to the new page.
        Ok(metadata) if metadata.is_file() => fs::canonicalize(path)?,
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return fs::write(path, content),
        Err(_) => path.to_owned(),
    };
    let name = format!(".cloudtrail-inspector-{}.part", std::process::id());
    let beside = place.with_file_name(name);
    let written = write_new(&beside, content).and_then(|()| fs::rename(&beside, &place));
    if written.is_err() {
        // It is not there if it could not be made; else it is of no use.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
