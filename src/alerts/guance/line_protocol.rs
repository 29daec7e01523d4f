//! Writes line protocol: points with tags and fields, one line per point.
//!
//! No value can change the structure of its line. Parsers do not agree on how to escape spaces and commas
//! in tags, and a line break outside of quotes ends a point. So the value of a tag has only letters,
//! digits and a few other characters. All other text must be in fields, which are quoted.
//! Source: DataKit documentation, "API" (point limitation), and the behaviour of its parser.

use std::collections::BTreeMap;

use crate::safe::{cut, token};

/// A point: one record of line protocol, with its name, tags, fields and time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// The name (measurement) of the point. Guance uses it as the source of an event or a log.
    pub measurement: String,
    /// The tags by name: values that Guance indexes for filters.
    pub tags: BTreeMap<String, String>,
    /// The fields by name: values that are not indexed. A point needs at least one.
    pub fields: BTreeMap<String, Field>,
    /// The time of the point, in nanoseconds since 1970 (UTC).
    pub nanoseconds: i64,
}

/// The value of a field of a point: a number, a truth value or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A whole number.
    Int(i64),
    /// A floating-point number. A field with an infinite number or NaN is not written.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Text of one or more lines.
    Text(String),
}

/// Why a point cannot be written as a line of line protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// The measurement is empty.
    #[error("the measurement of a point is empty")]
    NoMeasurement,
    /// The point has no field that can be written.
    #[error("a point has no field with a value; it needs at least one")]
    NoField,
}

/// The largest number of tags of a point; further tags are left out.
pub const TAGS_MAX: usize = 256;
/// The largest number of fields of a point; further fields are left out.
pub const FIELDS_MAX: usize = 1024;
/// The longest name of a tag or a field, in bytes; longer names are cut.
pub const KEY_BYTES_MAX: usize = 256;
/// The longest value of a tag, and the longest measurement, in bytes.
pub const TAG_BYTES_MAX: usize = 1024;
/// The longest start of a line in line protocol, in bytes: the measurement with all tags.
pub const HEAD_BYTES_MAX: usize = 65_535;
/// The longest text in a field, in bytes; longer texts are cut.
pub const TEXT_BYTES_MAX: usize = 32 << 20;

impl Point {
    /// Adds the tag `key`, or replaces its value. An empty value changes nothing.
    pub fn tag(&mut self, key: &str, value: impl AsRef<str>) {
        let value = value.as_ref();
        if !value.is_empty() {
            self.tags.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Adds the field `key`, or replaces its value.
    pub fn field(&mut self, key: &str, value: impl Into<Field>) {
        self.fields.insert(key.to_owned(), value.into());
    }

    /// Returns the point as one line of line protocol, without a line break at the end.
    ///
    /// Tags and fields are sorted by name. A name that is both a tag and a field is written as a tag.
    /// Values that are too long are cut, and tags and fields beyond the limits are left out.
    ///
    /// # Errors
    /// [`PointError`] if the measurement is empty or no field can be written.
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

/// Returns the body of a request with these points: their lines in line protocol, joined with line breaks.
/// Points that cannot be written are left out.
pub fn body(points: &[Point]) -> String {
    let lines = points.iter().filter_map(|point| point.line().ok());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the written form of a name. Guance replaces dots by underscores, so each character other than a
/// letter or a digit becomes `_` here.
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

/// Returns a text in quotes. Line breaks and tabs are not changed; other control characters are removed.
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
