//! Turns the paths on the command line into a list of inputs, and opens and reads each input.
//!
//! A folder means all files below it that may hold records, sorted by name, so that two scans of the same folder read the
//! same files in the same order; a zip archive means the files in it. Symbolic links are followed, and loops of links are
//! detected. A file that cannot be read is reported, and the other files are still read. A file that holds no records is
//! counted.
//!
//! An input is first read as it is. Only if it holds something else than events, the crate `formats` is asked what it is,
//! as for standard input. So trail files cost nothing more.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use formats::archive::{self, Entry};
use formats::{FormatError, Opened};
use indicatif::ProgressBar;
use input::{Layout, Limits, ReadError};
use records::principal::is_account_id;
use records::redact::sanitize;
use service::ingest::{Folded, Folding};
use service::rulefile::FileProblem;
use walkdir::WalkDir;

use crate::aws_options::Remote;
use crate::counts::counted;
use crate::piped::UntilEnd;
use crate::s3::Object;
use crate::skipped::{Promise, Skipped, TRAIL_ENDINGS};
use crate::{output, path_advice, piped, s3};

/// Where a command reads records from: a file, a file in a zip archive, an object in S3, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file that was named, or whose name is that of a trail file.
    File(PathBuf),
    /// A file in a folder that may hold records, and is skipped if it holds none.
    Maybe(PathBuf),
    /// A file in a zip archive.
    Zipped {
        /// The path of the archive.
        archive: Arc<Path>,
        /// The file in it.
        entry: Entry,
    },
    /// An object in S3.
    Object(Object),
    /// Standard input.
    Stdin,
}

/// The result of reading one input: its records grouped by cluster, and what the input does not hold.
#[derive(Debug)]
pub struct Reading {
    /// The records, grouped by cluster.
    pub folded: Folded,
    /// What the input does not hold, and how to get it; `None` if nothing is lost.
    pub note: Option<String>,
}

/// Why an input was not read.
#[derive(Debug)]
pub enum Unread {
    /// It could not be read.
    Failed(InputError),
    /// It is a file that was found in a folder or an archive, and holds no records.
    Skipped,
}

/// The inputs found under the paths that the user gave, and the paths that could not be read.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The inputs that were found, in the order in which they are read.
    pub found: Vec<Input>,
    /// The paths that cannot be opened or searched for inputs, with the reason.
    pub failed: Vec<InputError>,
    /// The files in folders and archives that do not hold records, by their names.
    pub skipped: Skipped,
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

/// Returns the note about records that are no events, in an input with events.
pub fn strangers(count: u64, likeness: &str) -> String {
    let verb = if count == 1 {
        "is no CloudTrail event; it looks"
    } else {
        "are no CloudTrail events; they look"
    };
    format!("{} {verb} like {likeness}", counted(count, "record"))
}

/// The note about a list of records that is no correct JSON.
pub const ODD_COMMAS: &str = "commas between records are missing or surplus, so the file may be damaged; each record that it has was read";

/// Returns the note about an answer that is not complete.
pub fn incomplete(reason: &str) -> String {
    format!("the answer is incomplete: {reason}")
}

/// Returns the error text for an answer without any record, which says why it is not complete.
pub fn without_answer(reason: &str) -> String {
    format!("contains no records, and the answer is incomplete: {reason}. Run the query to its end")
}

/// Returns a path as text that is safe to print, at most 512 characters. Control characters are removed, because a
/// file name can hold escape sequences.
pub fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 512)
}

impl Inputs {
    /// Finds the inputs under the paths that the user gave: files, all files below folders, addresses in S3 and in zip
    /// archives that may hold records, and standard input for `-`.
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
                match s3::list(address, remote) {
                    Ok((objects, skipped)) => {
                        inputs.found.extend(objects.into_iter().map(Input::Object));
                        inputs.skipped.join(&skipped);
                    }
                    Err(error) => inputs.fail(path, format!("{error:#}")),
                }
                continue;
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => inputs.walk(path),
                Ok(metadata) if metadata.is_file() && is_zip(path) => inputs.unzip(path),
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
            let skipped = inputs.skipped.sentence();
            bail!(
                "no CloudTrail files found in {}; names of trail files end in {}{}",
                paths.join(", "),
                TRAIL_ENDINGS.join(", "),
                skipped.map_or_else(String::new, |skipped| format!("; {skipped}"))
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
                Ok(entry) if entry.file_type().is_file() => self.add(entry.into_path()),
                Ok(_) => {}
                Err(error) => self.failed.push(InputError::of(folder, &error)),
            }
        }
    }

    /// Adds a file of a folder.
    fn add(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match Promise::of(&name) {
            // A trail file is opened only once: a folder may have very many.
            Promise::Trail => self.found.push(Input::File(path)),
            Promise::Maybe if is_zip(&path) => self.unzip(&path),
            Promise::Maybe => self.found.push(Input::Maybe(path)),
            Promise::Nothing => self.skipped.add(&name),
        }
    }

    /// Adds the files of a zip archive.
    fn unzip(&mut self, path: &Path) {
        let opened = File::open(path).map_err(FormatError::from);
        let is_wanted = |name: &str| Promise::of(name) != Promise::Nothing;
        let entries = opened.and_then(|file| archive::entries(BufReader::new(file), is_wanted));
        let archive: Arc<Path> = path.into();
        match entries {
            Ok((entries, skipped)) => {
                skipped.iter().for_each(|name| self.skipped.add(name));
                self.found
                    .extend(entries.into_iter().map(|entry| Input::Zipped {
                        archive: Arc::clone(&archive),
                        entry,
                    }));
            }
            Err(error) => self.failed.push(InputError {
                file: shown(path),
                error: error.to_string(),
            }),
        }
    }

    /// Returns the total size of the files to read, in bytes. Standard input counts 0.
    pub fn bytes(&self) -> u64 {
        let size = |input: &Input| match input {
            Input::File(path) | Input::Maybe(path) => {
                path.metadata().map_or(0, |metadata| metadata.len())
            }
            Input::Zipped { entry, .. } => entry.packed_bytes,
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

/// Checks whether a file is a zip archive, by its first bytes. A file that cannot be opened is none.
fn is_zip(path: &Path) -> bool {
    let mut head = [0; archive::MAGIC_BYTES];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && archive::is_zip(&head)
}

impl Input {
    /// Returns the path of the input, safe to print; `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Maybe(path) => shown(path),
            Self::Zipped { archive, entry } => {
                format!("{}/{}", shown(archive), sanitize(&entry.name, 512))
            }
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

    /// Returns whether the input is skipped if it holds no records: it was found by a search, and its name promises none.
    pub fn may_be_skipped(&self) -> bool {
        match self {
            Self::Maybe(_) => true,
            Self::Zipped { entry, .. } => Promise::of(&entry.name) == Promise::Maybe,
            Self::Object(object) => object.may_be_skipped(),
            Self::File(_) | Self::Stdin => false,
        }
    }

    fn bytes(&self, limits: &Limits, progress: &ProgressBar) -> Result<Box<dyn Read>, FormatError> {
        Ok(match self {
            Self::File(path) | Self::Maybe(path) => Box::new(progress.wrap_read(File::open(path)?)),
            Self::Zipped { archive, entry } => {
                progress.inc(entry.packed_bytes);
                entry.read(BufReader::new(File::open(archive)?), limits)?
            }
            Self::Object(object) => {
                Box::new(progress.wrap_read(object.open().map_err(FormatError::Closed)?))
            }
            Self::Stdin => Box::new(UntilEnd::new(io::stdin().lock())),
        })
    }

    /// Returns the layout of the records of an input that is read as it is: lines for `.jsonl` and `.ndjson`, else unknown.
    fn layout(&self) -> Layout {
        let name = self.name().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let lines = name.ends_with(".jsonl") || name.ends_with(".ndjson");
        if lines { Layout::Lines } else { Layout::Guess }
    }

    /// Opens the input, of any format. Returns its records, and their layout.
    ///
    /// # Errors
    /// [`Unread`] if the input cannot be opened, or has a format that is not read.
    pub fn open(&self, limits: &Limits) -> Result<(Opened, Layout), Unread> {
        let bytes = self.bytes(limits, &ProgressBar::hidden());
        let opened = bytes.and_then(|bytes| formats::open(bytes, limits));
        let opened = opened.map_err(|error| match error {
            FormatError::Unsupported { .. } if self.may_be_skipped() => Unread::Skipped,
            error => self.refused(&error),
        })?;
        let layout = match opened.is_unchanged {
            true => self.layout(),
            false if opened.is_by_lines => Layout::Lines,
            false => Layout::Guess,
        };
        Ok((opened, layout))
    }

    /// Returns the error for an input that cannot be read. Its text may have names of columns and files of an attacker, so it
    /// is made safe to print.
    pub fn failed(&self, error: &dyn std::fmt::Display) -> Unread {
        const CHARS_MAX: usize = 1024;
        let file = self.name();
        let error = sanitize(&error.to_string(), CHARS_MAX);
        Unread::Failed(InputError { file, error })
    }

    /// Returns the error for an input whose format cannot be read, with the name of the input in the advice.
    fn refused(&self, error: &FormatError) -> Unread {
        match error {
            FormatError::Unsupported { what, advice } => {
                let advice = advice.replace("FILE", &self.name());
                self.failed(&format!("{what} is not read; {advice}"))
            }
            error => self.failed(error),
        }
    }

    /// Returns the account ID in the name of the file. `None` for standard input, and unless the name is in
    /// CloudTrail's form, `<account>_CloudTrail_<region>_<time>_<random>.json.gz`.
    pub fn account_id(&self) -> Option<String> {
        let name = match self {
            Self::File(path) | Self::Maybe(path) => path.file_name()?.to_str()?,
            Self::Zipped { entry, .. } => entry.name.rsplit('/').next()?,
            Self::Object(object) => object.key().rsplit('/').next()?,
            Self::Stdin => return None,
        };
        let (account, _) = name.split_once("_CloudTrail_")?;
        is_account_id(account).then(|| account.to_owned())
    }

    /// Reads the input to its end and groups its records by cluster, using `folding`; nothing is stored.
    ///
    /// # Errors
    /// [`Unread`] if the input cannot be opened or read, or is skipped.
    pub fn fold(
        &self,
        folding: &mut Folding<'_>,
        progress: &ProgressBar,
    ) -> Result<Reading, Unread> {
        let limits = *folding.limits();
        let account_id = self.account_id();
        let account_id = account_id.as_deref();
        let first = match self {
            // It can be read only once.
            Self::Stdin => None,
            _ => {
                let bytes = self.bytes(&limits, progress);
                let bytes = bytes.map_err(|error| self.refused(&error))?;
                Some(folding.fold(bytes, self.layout(), account_id))
            }
        };
        if let Some(first) = first {
            let is_clear = match &first {
                Ok(folded) => folded.is_clear(),
                Err(error) => !matches!(error, ReadError::NotJson { .. }),
            };
            if is_clear {
                return self.outcome(first, None);
            }
            let (opened, layout) = self.open(&limits)?;
            return match opened.is_unchanged {
                true => self.outcome(first, None),
                false => self.outcome(
                    folding.fold(opened.records, layout, account_id),
                    opened.note,
                ),
            };
        }
        let (opened, layout) = self.open(&limits)?;
        self.outcome(
            folding.fold(opened.records, layout, account_id),
            opened.note,
        )
    }

    fn outcome(
        &self,
        result: Result<Folded, ReadError>,
        note: Option<String>,
    ) -> Result<Reading, Unread> {
        let is_optional = self.may_be_skipped();
        match result {
            Ok(folded) if is_optional && folded.without_events().is_some() => Err(Unread::Skipped),
            Ok(folded) => match folded.incomplete() {
                Some(reason) if folded.is_blank() => Err(self.failed(&without_answer(reason))),
                _ => Ok(Reading { folded, note }),
            },
            Err(ReadError::NotJson { .. } | ReadError::Empty) if is_optional => {
                Err(Unread::Skipped)
            }
            Err(error) => Err(self.failed(&error)),
        }
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
