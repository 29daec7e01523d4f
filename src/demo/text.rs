//! Helpers for the texts of the demo: placeholders, JSON strings and times.

use records::time::Timestamp;

/// Returns `template` with each placeholder replaced by its value. A placeholder is a dollar sign followed by
/// lower-case letters, as in `$bucket`.
///
/// `value` gets the name of a placeholder without the dollar sign, and returns its value.
pub fn fill(template: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut pieces = template.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|letter: char| !letter.is_ascii_lowercase());
        let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
        text.push_str(&value(name));
        text.push_str(rest);
    }
    text
}

/// Returns a text as a JSON string, with quotes and escapes.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Formats seconds since 1970 like `eventTime`, such as `2026-11-02T00:00:00Z`; empty outside of the years 2006 to
/// 2099.
pub fn moment(seconds: i64) -> String {
    Timestamp::from_seconds(seconds).map_or_else(String::new, |time| time.to_string())
}
