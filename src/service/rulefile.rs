//! What all parts of a rules file, and the settings file, are read with: where something stands in it, and what is wrong there.

use toml::Spanned;

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct FileProblem {
    /// The line, from one.
    pub line: usize,
    /// The column, from one.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A file that is being read, and what was found wrong in it so far.
pub(crate) struct FileReader<'t> {
    pub(crate) text: &'t str,
    pub(crate) complaints: Vec<FileProblem>,
}

impl FileProblem {
    /// Says what is wrong at an offset of the text.
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

/// Returns complaints about an object of the bucket in one line, each with the key and the place.
pub(crate) fn listed(key: &str, complaints: &[FileProblem]) -> String {
    let complaints = complaints.iter().map(|one| format!("{key}:{one}"));
    complaints.collect::<Vec<_>>().join("; ")
}

/// Returns the text of a file.
///
/// # Errors
/// The first place that is no UTF-8.
pub fn text_of(bytes: Vec<u8>) -> Result<String, Vec<FileProblem>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]);
        let message = "a byte that is not UTF-8".to_owned();
        vec![FileProblem::at(&text, good, message)]
    })
}

impl FileReader<'_> {
    /// Adds a complaint about the place of a value.
    pub(crate) fn complain<T>(&mut self, at: &Spanned<T>, message: String) {
        self.complaints
            .push(FileProblem::at(self.text, at.span().start, message));
    }

    /// Reads a name that has to be one of some.
    pub(crate) fn named<T>(
        &mut self,
        text: &Option<Spanned<String>>,
        parse: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Option<T> {
        let text = text.as_ref()?;
        let value = parse(text.get_ref());
        if value.is_none() {
            self.complain(text, format!("{:?} is not {what}", text.get_ref()));
        }
        value
    }
}
