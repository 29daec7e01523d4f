//! Decides which files of a folder or an archive may hold records, and counts those that were not read.

use std::collections::BTreeMap;

use crate::counts::counted;

/// Endings of trail files. Such a file is read, and it is an error if it cannot be read; compared without case.
pub const TRAIL_ENDINGS: [&str; 6] = [
    ".json",
    ".json.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
];

/// Further endings of files that may hold records. Such a file is opened, and skipped if it holds none.
const OTHER_ENDINGS: [&str; 8] = [
    ".csv", ".gz", ".log", ".parquet", ".tsv", ".txt", ".zip", ".zst",
];

/// What the name of a file in a folder or an archive says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// It is a trail file.
    Trail,
    /// It may hold records.
    Maybe,
    /// It holds none, and is not opened.
    Nothing,
}

impl Promise {
    /// Returns whether a path is that of one file, rather than of a folder: its name has an ending of a file that may hold
    /// records.
    #[cfg(feature = "aws")]
    pub fn is_of_file(path: &str) -> bool {
        ending(name_of(path)).is_some() && Self::of(path) != Self::Nothing
    }

    /// Returns what a path says, by the ending of its name. A name without an ending may be that of records: Firehose writes
    /// such files, after the name of a stream, which may have dots.
    pub fn of(path: &str) -> Self {
        let name = name_of(path).to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match () {
            // Files beside those of macOS, and hidden files.
            () if name.starts_with('.') || path.starts_with("__MACOSX/") => Self::Nothing,
            () if ends(&TRAIL_ENDINGS) => Self::Trail,
            () if ends(&OTHER_ENDINGS) || ending(&name).is_none() => Self::Maybe,
            () => Self::Nothing,
        }
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Returns the ending of a name, such as `.csv`. `None` for a name without a dot, or with something else behind the last one.
fn ending(name: &str) -> Option<&str> {
    /// Maximum length of an ending; a longer one is no ending.
    const ENDING_CHARS_MAX: usize = 12;
    let ending = &name[name.rfind('.')?..];
    let letters = &ending[1..];
    let is_plain = letters.chars().all(|letter| letter.is_ascii_alphanumeric());
    (is_plain && !letters.is_empty() && ending.len() <= ENDING_CHARS_MAX).then_some(ending)
}

/// Numbers of files that were not read, by the ending of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Skipped(BTreeMap<String, u64>);

impl Skipped {
    /// Counts a file by its path.
    pub fn add(&mut self, path: &str) {
        let ending = ending(name_of(path)).map(str::to_ascii_lowercase);
        let ending = ending.unwrap_or_else(|| "without an ending".to_owned());
        *self.0.entry(ending).or_default() += 1;
    }

    /// Adds the files that were counted elsewhere.
    pub fn join(&mut self, other: &Self) {
        for (ending, count) in &other.0 {
            *self.0.entry(ending.clone()).or_default() += count;
        }
    }

    /// Returns the number of all files.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the numbers in a sentence, such as `3 files were not read: 2 .csv, 1 .png`; `None` if there are none.
    pub fn sentence(&self) -> Option<String> {
        let count = self.count();
        let verb = if count == 1 { "was" } else { "were" };
        let kinds: Vec<String> = self
            .0
            .iter()
            .map(|(ending, count)| format!("{count} {ending}"))
            .collect();
        (count > 0).then(|| {
            format!(
                "{} {verb} not read: {}",
                counted(count, "file"),
                kinds.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_whether_a_file_is_opened() {
        for (path, promise) in [
            ("a/x.JSON.gz", Promise::Trail),
            ("x.csv", Promise::Maybe),
            ("000000.gz", Promise::Maybe),
            ("a.b/stream-1-2026-11-20-08-15-00-EXAMPLE", Promise::Maybe),
            ("my.stream-1-2026-11-20-08-15-00-EXAMPLE", Promise::Maybe),
            ("x.png", Promise::Nothing),
            (".gitignore", Promise::Nothing),
            ("__MACOSX/a/x.json", Promise::Nothing),
            ("a/._x.json", Promise::Nothing),
        ] {
            assert_eq!(Promise::of(path), promise, "{path}");
        }
    }

    #[test]
    fn files_are_counted_by_ending() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.sentence(), None);
        for path in ["a.png", "b.PNG", "README", "c.\u{1b}[31m", "d."] {
            skipped.add(path);
        }
        assert_eq!(
            skipped.sentence().unwrap(),
            "5 files were not read: 2 .png, 3 without an ending"
        );
    }
}
