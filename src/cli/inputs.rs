//! Turns the paths on the command line into a list of inputs, and opens and reads each input.
//!
//! A folder means all trail files below it, sorted by name, so that two scans of the same folder read the same
//! files in the same order. Symbolic links are followed, and loops of links are detected. A file that cannot be read
//! is reported, and the other files are still read.

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

use crate::aws_options::Remote;
use crate::s3::Object;
use crate::{output, path_advice, piped, s3};

/// Endings of file names that count as trail files in a folder; compared without case.
const ENDINGS: [&str; 6] = [
    ".json",
    ".json.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
];

/// Where a command reads records from: a file, an object in S3, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// An object in S3.
    Object(Object),
    /// Standard input.
    Stdin,
}

/// The inputs found under the paths that the user gave, and the paths that could not be read.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The inputs that were found, in the order in which they are read.
    pub found: Vec<Input>,
    /// The paths that cannot be opened or searched for inputs, with the reason.
    pub failed: Vec<InputError>,
}

/// An input or a path that could not be read, with the reason.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InputError {
    /// The path of the input, safe to print; `-` for standard input.
    pub file: String,
    /// Why the input could not be read and, where known, what the user can do.
    pub error: String,
}

impl InputError {
    /// Converts an error of walking through a folder. Its own text is not used where possible: it has the raw path.
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

/// The error for a rules or settings file that is not valid. It has a line of text for each problem in the file.
#[derive(Debug, thiserror::Error)]
#[error("{what} file is not valid")]
pub struct Unusable {
    what: &'static str,
    lines: Vec<String>,
}

/// Maximum number of problems printed for one file.
const PROBLEMS_MAX: usize = 50;

impl Unusable {
    /// Creates the error from all problems of the file at `file`. `what` names the kind of file, such as `the rules`.
    pub fn new(what: &'static str, file: &Path, problems: &[FileProblem]) -> Self {
        let line = |problem: &FileProblem| {
            format!("{}:{}", shown(file), sanitize(&problem.to_string(), 500))
        };
        let mut lines: Vec<_> = problems.iter().take(PROBLEMS_MAX).map(line).collect();
        if let further @ 1.. = problems.len().saturating_sub(PROBLEMS_MAX) {
            lines.push(format!("and {further} more"));
        }
        Self { what, lines }
    }

    /// Returns one line for each of the first 50 problems, with file name, line and column. If there are more, a last
    /// line has their number.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// Returns the error text for an input without any CloudTrail event. `likeness` describes what the content of the
/// input looks like.
pub fn without_events(likeness: &str) -> String {
    format!(
        "contains no CloudTrail event; it looks like {likeness}. Expected CloudTrail records, as a CloudTrail file or \
         one JSON record per line"
    )
}

/// Returns a path as text that is safe to print, at most 512 characters. Control characters are removed, because a
/// file name can hold escape sequences.
pub fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 512)
}

impl Inputs {
    /// Finds the inputs under the paths that the user gave: files, all trail files below folders or addresses in S3, and
    /// standard input for `-`.
    ///
    /// # Errors
    /// Fails if no input is found at all. If some are found, paths that fail are in [`Inputs::failed`].
    pub fn find(paths: &[PathBuf], remote: Remote<'_>) -> anyhow::Result<Self> {
        let mut inputs = Self::default();
        for path in paths {
            if path.as_os_str() == "-" {
                piped::announce();
                inputs.found.push(Input::Stdin);
                continue;
            }
            if let Some(address) = path.to_str().filter(|path| path.starts_with("s3://")) {
                match s3::list(address, remote, is_trail_name) {
                    Ok(objects) => inputs.found.extend(objects.into_iter().map(Input::Object)),
                    Err(error) => inputs.fail(path, format!("{error:#}")),
                }
                continue;
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => inputs.walk(path),
                Ok(metadata) => match path_advice::of_store(path).filter(|_| metadata.is_file()) {
                    Some(advice) => inputs.fail(path, advice),
                    None => inputs.found.push(Input::File(path.clone())),
                },
                Err(error) => {
                    let advice = path_advice::of_text(path);
                    inputs.fail(
                        path,
                        advice.unwrap_or_else(|| path_advice::of_error(&error)),
                    );
                }
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

    fn fail(&mut self, path: &Path, error: String) {
        let file = shown(path);
        self.failed.push(InputError { file, error });
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

    /// Returns the total size of the files to read, in bytes. Standard input counts 0.
    pub fn bytes(&self) -> u64 {
        let size = |input: &Input| match input {
            Input::File(path) => path.metadata().map_or(0, |metadata| metadata.len()),
            Input::Object(object) => object.bytes(),
            Input::Stdin => 0,
        };
        self.found.iter().map(size).sum()
    }

    /// Returns how many of these inputs are read at the same time, unless the user said it. `processors` is the number of
    /// processors.
    pub fn jobs(found: &[Input], processors: usize) -> usize {
        /// A thread that reads an object mostly waits for the network.
        const OBJECTS_AT_ONCE: usize = 16;
        let is_object = |input: &Input| matches!(input, Input::Object(_));
        match found.iter().any(is_object) {
            true => processors.max(OBJECTS_AT_ONCE),
            false => processors,
        }
    }
}

fn is_trail(path: &Path) -> bool {
    is_trail_name(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Checks whether a name, or the key of an object, ends as those of trail files do.
pub fn is_trail_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

impl Input {
    /// Returns the path of the input, safe to print; `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => shown(path),
            Self::Object(object) => object.name(),
            Self::Stdin => "-".to_owned(),
        }
    }

    /// Returns the name of the file or object without its folders, safe to print; `-` for standard input.
    pub fn short_name(&self) -> String {
        let name = self.name();
        let short = name.rsplit('/').next().unwrap_or_default();
        short.to_owned()
    }

    /// Opens the input. Returns a reader of its bytes, and the layout of its records: lines for `.jsonl` and
    /// `.ndjson`, else unknown.
    ///
    /// Reading a file advances `progress` by the number of bytes read.
    pub fn open(&self, progress: &ProgressBar) -> io::Result<(Box<dyn Read>, Layout)> {
        let input: Box<dyn Read> = match self {
            Self::File(path) => Box::new(progress.wrap_read(File::open(path)?)),
            Self::Object(object) => Box::new(progress.wrap_read(object.open()?)),
            Self::Stdin => Box::new(io::stdin().lock()),
        };
        let name = self.name().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let lines = name.ends_with(".jsonl") || name.ends_with(".ndjson");
        Ok((input, if lines { Layout::Lines } else { Layout::Guess }))
    }

    /// Returns the account ID in the name of the file. `None` for standard input, and unless the name is in
    /// CloudTrail's form, `<account>_CloudTrail_<region>_<time>_<random>.json.gz`.
    pub fn account_id(&self) -> Option<String> {
        let name = match self {
            Self::File(path) => path.file_name()?.to_str()?,
            Self::Object(object) => object.key().rsplit('/').next()?,
            Self::Stdin => return None,
        };
        let (account, _) = name.split_once("_CloudTrail_")?;
        is_account_id(account).then(|| account.to_owned())
    }

    /// Reads the input to its end and groups its records by cluster, using `folding`; nothing is stored. Fails if the
    /// input cannot be opened or read.
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

/// Returns a progress bar on stderr for the bytes of `inputs`. It is hidden if stderr is no terminal or the files
/// have less than 4 MiB in total.
pub fn progress(inputs: &Inputs) -> ProgressBar {
    const WORTH_SHOWING_BYTES: u64 = 4 << 20;
    let bytes = inputs.bytes();
    if bytes < WORTH_SHOWING_BYTES {
        return ProgressBar::hidden();
    }
    output::progress(
        bytes,
        "{bar:12} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left {wide_msg}",
    )
}
