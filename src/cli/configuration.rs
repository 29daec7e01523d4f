//! What the commands about a whole configuration share: reading a document, and printing what differs.

use std::path::Path;

use anyhow::Context as _;
use records::redact::sanitize;
use service::configuration::Configuration;
use service::configuration::changes::Change;

use crate::inputs::shown;
use crate::text_file;

/// The size of the largest document that is read, in bytes: both files with all decisions of many years.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// The exit code of a command that compares configurations, if something differs.
pub const DIFFERS: u8 = 3;

/// Reads a file that `config export` has written, and checks it.
///
/// # Errors
/// Fails if the file cannot be read, is too long or is not valid.
pub fn document(file: &Path) -> anyhow::Result<Configuration> {
    let text = text_file::read(file, DOCUMENT_BYTES_MAX)?;
    Configuration::decode(&text).with_context(|| shown(file))
}

/// Returns differences as text, one on a line, each after `indent`.
pub fn text(changes: &[Change], indent: &str) -> String {
    changes.iter().map(|of| line(of, indent)).collect()
}

fn line(change: &Change, indent: &str) -> String {
    let says = match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{} → {}", value(old), value(new)),
        (Some(old), None) => format!("removed{}", given(old)),
        (None, Some(new)) => format!("added{}", given(new)),
        (None, None) => String::new(),
    };
    format!("{indent}{}: {says}\n", change.path)
}

/// An empty value would look like a missing one.
fn value(text: &str) -> String {
    match text {
        "" => "(empty)".to_owned(),
        text => sanitize(text, 300),
    }
}

fn given(text: &str) -> String {
    match text {
        "listed" | "" => String::new(),
        text => format!(" ({})", sanitize(text, 300)),
    }
}
