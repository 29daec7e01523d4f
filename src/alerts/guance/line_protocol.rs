//! Line protocol: points with tags and fields, each a line, written so that no value of a point can
//! be taken for anything else.
//!
//! A backslash before a space or a comma in a tag has no spelling that all readers agree on, and a
//! line break ends a point wherever it stands but between quotes. So a tag's value holds letters,
//! digits and a few signs alone, and any other text is for fields, which are quoted. Source: DataKit
//! documentation, "API" (point limitation), and the behaviour of its parser.

use std::collections::BTreeMap;

use crate::safe::{cut, token};

/// A point: what is written at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// What it measures, which is the source of an event or a log.
    pub measurement: String,
    /// What it is found by.
    pub tags: BTreeMap<String, String>,
    /// What it says.
    pub fields: BTreeMap<String, Field>,
    /// When, in nanoseconds since 1970.
    pub nanoseconds: i64,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A whole number.
    Int(i64),
    /// Any number; one that is infinite or none is left out.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text, which may have several lines.
    Text(String),
}

/// Why a point cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Nothing says what it measures.
    #[error("a point needs a measurement; this one's is empty")]
    NoMeasurement,
    /// There is no field, and a line without one is refused.
    #[error("a point needs at least one field with a value; this one has none")]
    NoField,
}

/// The most tags and fields of a point, and the longest parts, in bytes.
pub const TAGS_MAX: usize = 256;
/// The most fields.
pub const FIELDS_MAX: usize = 1024;
/// The longest name of a tag or a field.
pub const KEY_BYTES_MAX: usize = 256;
/// The longest value of a tag, and the longest measurement.
pub const TAG_BYTES_MAX: usize = 1024;
/// The longest measurement with all tags.
pub const HEAD_BYTES_MAX: usize = 65_535;
/// The longest text of a field.
pub const TEXT_BYTES_MAX: usize = 32 << 20;

impl Point {
    /// Adds a tag; an empty value is none.
    pub fn tag(&mut self, key: &str, value: impl AsRef<str>) {
        let value = value.as_ref();
        if !value.is_empty() {
            self.tags.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Adds a field.
    pub fn field(&mut self, key: &str, value: impl Into<Field>) {
        self.fields.insert(key.to_owned(), value.into());
    }

    /// Returns the line, without a break at its end.
    ///
    /// Tags and fields come in the order of their names. A name that is both is a tag; what is beyond
    /// a limit is cut or left out.
    pub fn line(&self) -> Result<String, PointError> {
        let mut line = value(&self.measurement);
        if line.is_empty() {
            return Err(PointError::NoMeasurement);
        }
        let tags = self.written_tags(line.len());
        for (key, value) in &tags {
            line.extend([",", key, "=", value]);
        }
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for (key, field) in &self.fields {
            let key = name(key);
            if let (false, Some(written)) = (tags.contains_key(&key), field.written()) {
                fields.entry(key).or_insert(written);
            }
        }
        let fields = fields.into_iter().filter(|(key, _)| !key.is_empty());
        let mut separator = ' ';
        for (key, field) in fields.take(FIELDS_MAX) {
            line.push(separator);
            line.extend([&key, "=", &field]);
            separator = ',';
        }
        if separator == ' ' {
            return Err(PointError::NoField);
        }
        line.push_str(&format!(" {}", self.nanoseconds));
        Ok(line)
    }

    fn written_tags(&self, measurement_bytes: usize) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        let mut bytes = measurement_bytes;
        for (key, tag) in &self.tags {
            let (key, tag) = (name(key), value(tag));
            let more = key.len() + tag.len() + 2;
            if key.is_empty() || tag.is_empty() || bytes + more > HEAD_BYTES_MAX {
                continue;
            }
            if tags.len() < TAGS_MAX && !tags.contains_key(&key) {
                bytes += more;
                tags.insert(key, tag);
            }
        }
        tags
    }
}

/// Returns the lines of points, and leaves out what cannot be written.
pub fn body(points: &[Point]) -> String {
    let lines = points.iter().filter_map(|point| point.line().ok());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a name as it is written: letters, digits and low lines, as a dot in it would become one.
fn name(key: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    key.chars().take(KEY_BYTES_MAX).map(sign).collect()
}

fn value(text: &str) -> String {
    token(text, TAG_BYTES_MAX)
}

impl Field {
    fn written(&self) -> Option<String> {
        match self {
            Self::Int(number) => Some(format!("{number}i")),
            Self::Float(number) => number.is_finite().then(|| format!("{number:?}")),
            Self::Bool(yes) => Some(yes.to_string()),
            Self::Text(text) => Some(quoted(text)),
        }
    }
}

/// Quotes a text. Line breaks stay as they are; other controls have no place in a message.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in cut(text, TEXT_BYTES_MAX).chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' | '\t' => quoted.push(c),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Field {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
