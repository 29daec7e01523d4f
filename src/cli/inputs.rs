//! What to read: paths as given become a list of files, each opened and folded in turn.
//!
//! A folder gives every trail file in it, in the order of names, so that two scans of the same
//! folder do the same. Links are followed, loops are noticed. A file that cannot be read is
//! complained about and the rest goes on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::bail;
use indicatif::ProgressBar;
use input::Layout;
use records::principal::is_account_id;
use records::redact::sanitize;
use service::ingest::{Folded, Folding};
use service::rulefile::FileProblem;
use walkdir::WalkDir;

use crate::output;

/// Endings of the files that a folder is searched for.
const ENDINGS: [&str; 6] = [
    ".json",
    ".json.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
];

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What was found under the paths given, and what was in the way.
#[derive(Debug, Default)]
pub struct Inputs {
    /// What to read, in order.
    pub found: Vec<Input>,
    /// What cannot be read, with the reason.
    pub failed: Vec<InputError>,
}

/// An input that could not be read.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InputError {
    /// The input's name.
    pub file: String,
    /// What is wrong and what to do.
    pub error: String,
}

impl InputError {
    /// Takes what was in the way of a walk. The walk's own wording repeats the path as it is.
    fn of(folder: &Path, error: &walkdir::Error) -> Self {
        let reason = match (error.loop_ancestor(), error.io_error()) {
            (Some(ancestor), _) => format!(
                "this symbolic link points back to {}, which makes a loop; remove the link",
                shown(ancestor)
            ),
            (None, Some(error)) => error.to_string(),
            (None, None) => sanitize(&error.to_string(), 512),
        };
        Self {
            file: shown(error.path().unwrap_or(folder)),
            error: reason,
        }
    }
}

/// A file that cannot be used, with each complaint about it.
#[derive(Debug, thiserror::Error)]
#[error("{what} file is not valid")]
pub struct Unusable {
    what: &'static str,
    complaints: Vec<String>,
}

/// How many complaints about one file are printed.
const COMPLAINTS_MAX: usize = 50;

impl Unusable {
    /// Takes complaints about a file, to be printed with its name, their line and their column.
    pub fn new(what: &'static str, file: &Path, complaints: &[FileProblem]) -> Self {
        let line =
            |one: &FileProblem| format!("{}:{}", shown(file), sanitize(&one.to_string(), 500));
        let mut lines: Vec<_> = complaints.iter().take(COMPLAINTS_MAX).map(line).collect();
        if let further @ 1.. = complaints.len().saturating_sub(COMPLAINTS_MAX) {
            lines.push(format!("and {further} more"));
        }
        let complaints = lines;
        Self { what, complaints }
    }

    /// Returns the complaints, one a line.
    pub fn lines(&self) -> &[String] {
        &self.complaints
    }
}

/// Returns the error of an input in which nothing is an event of CloudTrail.
pub fn without_events(likeness: &str) -> String {
    format!(
        "contains no CloudTrail event; it looks like {likeness}. Expected CloudTrail records, as a CloudTrail file or \
         one JSON record per line"
    )
}

/// Returns a path as it may be printed: a file name can hold escape sequences, too.
pub fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 512)
}

impl Inputs {
    /// Finds the trail files under the paths given.
    ///
    /// # Errors
    /// When a path does not exist, or nothing at all is found.
    pub fn find(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut inputs = Self::default();
        for path in paths {
            if path.as_os_str() == "-" {
                inputs.found.push(Input::Stdin);
                continue;
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => inputs.walk(path),
                Ok(_) => inputs.found.push(Input::File(path.clone())),
                Err(error) => inputs.failed.push(InputError {
                    file: shown(path),
                    error: format!("cannot be opened; check the path: {error}"),
                }),
            }
        }
        if let (true, Some(failure)) = (inputs.found.is_empty(), inputs.failed.first()) {
            bail!("{}: {}", failure.file, failure.error);
        }
        if inputs.found.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| shown(path)).collect();
            bail!(
                "no CloudTrail files found in {}; file names must end in {}",
                paths.join(", "),
                ENDINGS.join(", ")
            );
        }
        Ok(inputs)
    }

    fn walk(&mut self, folder: &Path) {
        for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_trail(entry.path()) => {
                    self.found.push(Input::File(entry.into_path()));
                }
                Ok(_) => {}
                Err(error) => self.failed.push(InputError::of(folder, &error)),
            }
        }
    }

    /// Returns the size of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        let size = |input: &Input| match input {
            Input::File(path) => path.metadata().map_or(0, |metadata| metadata.len()),
            Input::Stdin => 0,
        };
        self.found.iter().map(size).sum()
    }
}

fn is_trail(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

impl Input {
    /// Returns the name to show and to keep.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => shown(path),
            Self::Stdin => "-".to_owned(),
        }
    }

    /// Opens the input, and tells how its records are laid out where the name says so.
    pub fn open(&self, progress: &ProgressBar) -> io::Result<(Box<dyn Read>, Layout)> {
        let input: Box<dyn Read> = match self {
            Self::File(path) => Box::new(progress.wrap_read(File::open(path)?)),
            Self::Stdin => Box::new(io::stdin().lock()),
        };
        let name = self.name().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let lines = name.ends_with(".jsonl") || name.ends_with(".ndjson");
        Ok((input, if lines { Layout::Lines } else { Layout::Guess }))
    }

    /// Returns the account that the file's name tells, as CloudTrail names its files:
    /// `<account>_CloudTrail_<region>_<time>_<random>.json.gz`.
    pub fn account_id(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let name = path.file_name()?.to_str()?;
        let (account, _) = name.split_once("_CloudTrail_")?;
        is_account_id(account).then(|| account.to_owned())
    }

    /// Reads the input to its end and folds its records.
    pub fn fold(
        &self,
        folding: &mut Folding<'_>,
        progress: &ProgressBar,
    ) -> Result<Folded, InputError> {
        let failure = |error: &dyn std::fmt::Display| InputError {
            file: self.name(),
            error: error.to_string(),
        };
        let (input, layout) = self.open(progress).map_err(|error| failure(&error))?;
        folding
            .fold(input, layout, self.account_id().as_deref())
            .map_err(|error| failure(&error))
    }
}

/// Shows progress on stderr while a person watches and there is enough to wait for.
pub fn progress(inputs: &Inputs) -> ProgressBar {
    const WORTH_SHOWING_BYTES: u64 = 4 << 20;
    let bytes = inputs.bytes();
    if bytes < WORTH_SHOWING_BYTES {
        return ProgressBar::hidden();
    }
    output::progress(
        bytes,
        "{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left  {msg}",
    )
}
