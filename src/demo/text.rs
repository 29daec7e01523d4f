//! How texts of the demo are written: blanks filled, JSON strings quoted, moments spelled.

use records::time::Timestamp;

/// Puts values in the place of blanks: a dollar sign and lower-case letters.
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

/// Writes a JSON string.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes a moment in the form of `eventTime`.
pub fn moment(seconds: i64) -> String {
    Timestamp::from_seconds(seconds).map_or_else(String::new, |time| time.to_string())
}
