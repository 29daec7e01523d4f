//! Finds records and members in JSON text, and returns them as slices of the text.
//!
//! A text is read by the **fast path** or by the **reference reader**; there is no third reader. The fast path examines
//! 64 bytes at once and may always decline a text. Then the reference reader decides. It finds the borders of values
//! one byte after another, and `serde_json` parses the text between them. Both skip values that the caller does not ask
//! for. Both are lenient on purpose: the last of several equal keys counts, a lone surrogate becomes U+FFFD, and a
//! value of an unexpected type counts as absent.
//!
//! The modules, in reading order:
//!
//! - `split`: finds the borders of values in a stream, as a part of the reference reader.
//! - `reference`: finds members, elements and strings with `serde_json`, the rest of the reference reader.
//! - `structure`: proves that a text is JSON, finds records and members in it, and unescapes strings. This is the fast
//!   path.
//! - `prefilter`: recognises records of successful calls, which the fast path may skip.
//! - `bytes`: builds tables of the kinds of each byte.
//! - `native`: all `unsafe` code.
//!
//! # Why it exists
//!
//! Nineteen of twenty records of a trail are successful calls. The fast path proves that they are JSON and skips them.
//! So it finds the failures in a list of records in a fourth of the time of `sonic-rs`, and in a third of the time of
//! `serde_json`. The table has nanoseconds of CPU time for each record, medians of 7 rounds. All three found the same
//! values, and ran in turns in one process:
//!
//! | find | `json` | `sonic-rs` 0.5 | `serde_json` 1.0 |
//! |---|---|---|---|
//! | 16 members of each failure, in the lists of trail files | 461 | 1,881 | 1,537 |
//! | 16 members of each record, given its text | 1,590 | 1,742 | 1,557 |
//!
//! Repeat this with `make bench`, or with `cargo run --profile dist -p benches --example members -- 7 FOLDER` for a
//! folder of trail files. The figures are for 155,672 records (212 MB) on an AMD EPYC with AVX2, on 2026-11-29.
//! `-C target-cpu=native`, which `sonic-rs` recommends, made no difference beyond the noise.
//!
//! Finding members alone would not justify this crate: `serde_json` is as fast, and faster in short records if it reads
//! into a struct, but then it cannot be lenient. In a whole scan, `sonic-rs` instead of the fast path took 1.7 times
//! the CPU for trail files, and 1.1 times for payloads.
//!
//! Each piece is worth its code. Without the piece, a scan of the same corpus took more CPU:
//!
//! | piece | trail files | payloads |
//! |---|---|---|
//! | skipping successful calls (`prefilter`) | +120 % | |
//! | comparing successful calls with earlier ones (`structure`, `ShapeTemplate`) | +15 % | |
//! | unescaping messages (`structure::unescape`) | | +28 % |
//! | finding members (`structure::members`) | +6 % | +6 % |
//! | comparing failures with earlier ones (`records::record_template`) | +2 % | +5 % |
//!
//! # What proves it right
//!
//! - Property tests here: `values_are_read_as_the_reference_reads_them` in this file;
//!   `what_is_proven_is_what_serde_json_reads`, `records_are_cut_where_serde_json_cuts_them` and
//!   `strings_of_all_kinds_are_unescaped` in `structure`; `borders_are_where_serde_json_finds_them` in `split`;
//!   `all_lanes_give_the_same_masks` in `native`.
//! - `tests/it/reading.rs` reads real, invented and hostile inputs with both readers. The records and the clusters must
//!   be the same.
//! - The fuzz targets `reader`, `splitter` and `explain` compare both readers on any bytes. `make fuzz` runs them, and
//!   `cargo test` runs their seeds.
//!
//! # What is unsafe
//!
//! `unsafe` is only in `native`, and the workspace denies it elsewhere. There are two kinds. Vector instructions of
//! x86-64 (AVX2 and AVX-512) run only after a check that the processor has them. Calls of libdeflate decompress gzip
//! data. `Scalar` does the same as the vector instructions in safe Rust. It runs on all other processors, and the tests
//! compare the results.
//!
//! # What it does not do
//!
//! - It does not parse numbers, write JSON, or build values. Use `serde_json` for that.
//! - The fast path proves only compact JSON, as AWS writes it: no white space between tokens, at most 60 levels, and at
//!   most 40 members in an object whose members are read. All other text goes to the reference reader.
//! - Bytes of a skipped record are not checked to be UTF-8.

pub mod bytes;
pub mod native;
pub mod prefilter;
pub mod reference;
pub mod split;
pub mod structure;

use std::borrow::Cow;

use memchr::memchr2;

use crate::structure::{MEMBERS_MAX, ScannedMember};

/// An unparsed JSON value: a slice of the JSON text that contains the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    text: &'a str,
    reader: Reader,
}

/// The reader of the parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Fast,
    Reference,
}

/// Nesting depth at which [`Json::strings`] stops; strings inside of this many arrays and objects are not returned.
pub const STRINGS_DEPTH_MAX: usize = 16;

/// Length of texts in bytes below which the reference reader is faster than the fast path.
const SHORT_BYTES: usize = 32;

/// Reason why [`each_field`] cannot read a text as a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// Message of the parser, with line and column.
        detail: String,
    },
    /// The text is JSON, but not an object: an array, a string, a number, a boolean or null.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Calls `visit` with the key and the value of each field of a JSON object, in the order of the text.
///
/// A repeated key is visited each time.
///
/// # Errors
/// [`Error::NotAnObject`] for other JSON, [`Error::NotJson`] for other text. `visit` may have been called for the
/// fields before the error.
pub fn each_field<'a>(text: &'a str, mut visit: impl FnMut(&[u8], Json<'a>)) -> Result<(), Error> {
    // The fast path prepares for a text of several blocks.
    if text.len() < SHORT_BYTES {
        return reference::each_field(text, visit);
    }
    let mut members = [ScannedMember::default(); MEMBERS_MAX];
    let Some(count) = structure::members(text, &mut members) else {
        return reference::each_field(text, visit);
    };
    for member in &members[..count] {
        visit(member.key(text).as_bytes(), Json::new(member.value(text)));
    }
    Ok(())
}

impl<'a> Json<'a> {
    /// Creates a value from its JSON text, which is not checked. A text that is not JSON behaves like an absent value.
    pub fn new(text: &'a str) -> Self {
        let reader = Reader::Fast;
        Self { text, reader }
    }

    /// Creates a value from its JSON text; its parts are read by the reference reader and never by the fast path.
    pub(crate) fn by_reference(text: &'a str) -> Self {
        let reader = Reader::Reference;
        Self { text, reader }
    }

    /// Returns the JSON text of the value.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the value, or `None` if it is null.
    pub fn present(self) -> Option<Self> {
        (self.text != "null").then_some(self)
    }

    /// Returns the content of a JSON string, unescaped; `None` if the string is empty or the value is not a string.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let content = self.text.strip_prefix('"')?;
        // Nearly all strings are without escapes, and so end at the next quote.
        if self.reader == Reader::Fast
            && let Some(end) = memchr2(b'"', b'\\', content.as_bytes())
            && content.as_bytes()[end] == b'"'
        {
            return (end > 0).then(|| Cow::Borrowed(&content[..end]));
        }
        reference::string(self.text).filter(|text| !text.is_empty())
    }

    /// Returns the content of a JSON string, unescaped, or the JSON text of any other value; `None` if the value is null or
    /// an empty string.
    pub fn text_or_json(self) -> Option<Cow<'a, str>> {
        if self.text.starts_with('"') {
            return self.text();
        }
        self.present().map(|value| Cow::Borrowed(value.text))
    }

    /// Returns the value as a boolean; `None` for any other value.
    ///
    /// The strings `"true"`, `"yes"`, `"false"` and `"no"` count too, in upper or lower case, because CloudTrail writes
    /// such strings.
    pub fn boolean(self) -> Option<bool> {
        match self.text {
            "true" => Some(true),
            "false" => Some(false),
            quoted => match quoted.trim_matches('"').to_ascii_lowercase().as_str() {
                "true" | "yes" => Some(true),
                "false" | "no" => Some(false),
                _ => None,
            },
        }
    }

    /// Calls `visit` with the key and the value of each field of an object, in the order of the text.
    ///
    /// # Errors
    /// [`Error::NotAnObject`] for other JSON, [`Error::NotJson`] for other text. `visit` may have been called for the
    /// fields before the error.
    pub fn each_field(self, visit: impl FnMut(&[u8], Json<'a>)) -> Result<(), Error> {
        match self.reader {
            Reader::Fast => each_field(self.text, visit),
            Reader::Reference => reference::each_field(self.text, visit),
        }
    }

    /// Returns the value under a path of keys, one key for each nested object; `None` if the value is absent or null.
    ///
    /// The last of several equal keys counts.
    pub fn at(self, path: &[&str]) -> Option<Json<'a>> {
        let mut value = self;
        for wanted in path {
            let mut found = None;
            value
                .each_field(|key, value| {
                    if key == wanted.as_bytes() {
                        found = value.present();
                    }
                })
                .ok()?;
            value = found?;
        }
        Some(value)
    }

    /// Returns the string under a path of keys, one key for each nested object; `None` if the value is absent, empty or
    /// not a string.
    pub fn text_at(self, path: &[&str]) -> Option<Cow<'a, str>> {
        self.at(path)?.text()
    }

    /// Returns the elements of an array, in their order; empty if the value is not an array.
    pub fn elements(self) -> Vec<Json<'a>> {
        let reader = self.reader;
        let of = |element: Json<'a>| Json { reader, ..element };
        reference::elements(self.text).into_iter().map(of).collect()
    }

    /// Returns the non-empty strings in this value and in all values nested in it, unescaped and in the order of the
    /// text. Keys are left out.
    ///
    /// At most `max` strings are returned, and none at a depth of [`STRINGS_DEPTH_MAX`] or more.
    pub fn strings(self, max: usize) -> Vec<Cow<'a, str>> {
        let mut strings = Vec::new();
        if self.reader == Reader::Reference {
            reference::strings(self, 0, &mut strings);
            strings.truncate(max);
            return strings;
        }
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(&byte) = bytes.get(at)
            && strings.len() < max
        {
            let start = at;
            at += 1;
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                b'"' => {
                    at = string_end(bytes, at);
                    let is_key = bytes[at..].trim_ascii_start().starts_with(b":");
                    if !is_key && depth < STRINGS_DEPTH_MAX {
                        strings.extend(Json::new(&self.text[start..at]).text());
                    }
                }
                _ => {}
            }
        }
        strings
    }
}

/// Returns the offset after the closing quote of a string, given the offset of its content.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(length) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += length;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split::tests::any_json;

    #[test]
    fn a_repeated_key_overwrites_and_a_lone_surrogate_is_replaced() {
        let mut last = None;
        each_field(r#"{"a":1,"a":"x\ud800y","\ud800":2}"#, |key, value| {
            if key == b"a" {
                last = value.text().map(Cow::into_owned);
            }
        })
        .unwrap();
        assert_eq!(last.unwrap().chars().next(), Some('x'));
    }

    #[test]
    fn depth_in_skipped_values_costs_no_stack() {
        let deep = format!(
            "{{\"a\":{}1{},\"b\":\"x\"}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let mut b = None;
        each_field(&deep, |key, value| {
            if key == b"b" {
                b = value.text().map(Cow::into_owned);
            }
        })
        .unwrap();
        assert_eq!(b.as_deref(), Some("x"));
    }

    /// Returns all parts of a value, at any depth: key, JSON text, and content of strings.
    fn parts(value: Json<'_>) -> Vec<(Vec<u8>, String, Option<String>)> {
        let mut parts = Vec::new();
        let _ = value.each_field(|key, value| {
            let text = value.text().map(Cow::into_owned);
            parts.push((key.to_vec(), value.as_str().to_owned(), text));
            parts.extend(self::parts(value));
        });
        for element in value.elements() {
            parts.extend(self::parts(element));
        }
        parts
    }

    proptest! {
        #[test]
        fn values_are_read_as_the_reference_reads_them(value in any_json(), is_printed in any::<bool>()) {
            let value = serde_json::json!({"a": value});
            let text = if is_printed {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let read = Json::new(&text);
            let expected = Json::by_reference(&text);
            prop_assert_eq!(parts(read), parts(expected));
            prop_assert_eq!(read.strings(usize::MAX), expected.strings(usize::MAX));
        }
    }

    #[test]
    fn other_json_and_other_text_are_distinguished() {
        for text in ["[]", "\"x\"", "-1", "true", "null"] {
            assert_eq!(
                each_field(text, |_, _| {}),
                Err(Error::NotAnObject),
                "{text}"
            );
        }
        for text in ["", "{", "{} {}", "NaN", "nul"] {
            assert!(
                matches!(each_field(text, |_, _| {}), Err(Error::NotJson { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn strings_are_found_at_any_depth_and_keys_are_not_values() {
        let nested = |depth| format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
        let (seen, too_deep) = (nested(15), nested(16));
        for read in [Json::new, Json::by_reference] {
            let value = read(r#"{"a":"x","b":[{"c" :"y\":\u0021"},1,null,["z",""]]}"#);
            assert_eq!(value.strings(64), ["x", "y\":!", "z"]);
            assert_eq!(value.strings(2).len(), 2);
            assert_eq!(read(&seen).strings(64), ["x"]);
            assert_eq!(read(&too_deep).strings(64), [""; 0]);
        }
    }
}
