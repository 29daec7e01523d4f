//! Reads TOML files of users, the rules file and the settings file, and reports problems with line and column.

use toml::Spanned;

/// A problem in a rules file or settings file, with its place. Displayed as `line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct FileProblem {
    /// The line of the problem, from 1.
    pub line: usize,
    /// The column of the problem in characters, from 1.
    pub column: usize,
    /// What is wrong, and in most messages what would be correct.
    pub message: String,
}

/// The text of a rules file or settings file that is being parsed, and the problems found so far.
pub(crate) struct FileReader<'t> {
    pub(crate) text: &'t str,
    pub(crate) problems: Vec<FileProblem>,
}

impl FileProblem {
    /// Creates a problem at a byte offset of the text, from 0.
    pub(crate) fn at(text: &str, offset: usize, message: String) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// Returns all problems of a file in the bucket in one line, each as `key:line:column: message`. `key` is the key of
/// the file.
pub(crate) fn listed(key: &str, problems: &[FileProblem]) -> String {
    let problems = problems.iter().map(|problem| format!("{key}:{problem}"));
    problems.collect::<Vec<_>>().join("; ")
}

/// Converts the bytes of a rules file or settings file to text.
///
/// # Errors
/// One problem: the place of the first byte that is not UTF-8.
pub fn text_of(bytes: Vec<u8>) -> Result<String, Vec<FileProblem>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]);
        let message = "a byte that is not UTF-8".to_owned();
        vec![FileProblem::at(&text, good, message)]
    })
}

impl FileReader<'_> {
    /// Adds a problem at the place of a value in the file.
    pub(crate) fn report<T>(&mut self, at: &Spanned<T>, message: String) {
        self.problems
            .push(FileProblem::at(self.text, at.span().start, message));
    }

    /// Parses a name with `parse`. `None` without a name.
    ///
    /// If `parse` returns `None`, adds the problem "… is not {what}".
    pub(crate) fn named<T>(
        &mut self,
        text: &Option<Spanned<String>>,
        parse: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Option<T> {
        let text = text.as_ref()?;
        let value = parse(text.get_ref());
        if value.is_none() {
            self.report(text, format!("{:?} is not {what}", text.get_ref()));
        }
        value
    }
}
