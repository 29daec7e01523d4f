//! Finds records and members in JSON text, where they stand and without copies.
//!
//! A text is read by the **fast path** or by the **reference reader**; there is no third way. The fast path works on masks of
//! 64 bytes and may always decline. Then the reference reader decides: it finds borders one byte after another, and
//! `serde_json` parses what is between them. Both skip what nobody asks for, and both are lenient on purpose: a repeated key
//! overwrites, a string with a lone surrogate gets a replacement character, and a value of another type than expected is no
//! value.
//!
//! The modules, in reading order:
//!
//! - `split` finds where values begin and end in a stream: the borders of the reference reader.
//! - `reference` has `serde_json` find members, elements and strings: the rest of the reference reader.
//! - `structure` proves that a text is JSON, finds records and members in it, and unescapes strings: the fast path.
//! - `prefilter` says which records are surely successful calls, so that the fast path may skip them.
//! - `bytes` has the tables that say of what kind a byte is.
//! - `native` has all `unsafe` code.
//!
//! # Why it exists
//!
//! Nineteen of twenty records of a trail are calls that succeeded. The fast path proves that they are JSON and skips them, and
//! so finds what failed in a list of records in a fourth of the time of `sonic-rs` and in a third of that of `serde_json`. All
//! three found the same values, in turns in one process; nanoseconds of CPU a record, medians of 7 rounds:
//!
//! | find | `json` | `sonic-rs` 0.5 | `serde_json` 1.0 |
//! |---|---|---|---|
//! | 16 members of each failure, in the lists of trail files | 461 | 1,881 | 1,537 |
//! | 16 members of each record, given its text | 1,590 | 1,742 | 1,557 |
//!
//! Repeat it with `make bench`, or with `cargo run --profile dist -p benches --example members -- 7 FOLDER` over trail files.
//! This was 155,672 records (212 MB) on an AMD EPYC with AVX2, on 2026-11-29. `-C target-cpu=native`, which `sonic-rs` asks for,
//! made no difference beyond the noise. Members alone are no reason: `serde_json` finds them as fast, and in short records faster,
//! where it may read into a structure, which cannot be lenient. In a whole scan, `sonic-rs` in the place of the fast path took
//! 1.7 times the CPU for trail files, and 1.1 times for payloads.
//!
//! Each piece is worth its code. Without it, a scan of the same corpus took more CPU:
//!
//! | piece | trail files | payloads |
//! |---|---|---|
//! | skipping successful calls (`prefilter`) | +120 % | |
//! | comparing them with earlier ones (`structure`, `Template`) | +15 % | |
//! | unescaping messages (`structure::unescape`) | | +28 % |
//! | finding members (`structure::members`) | +6 % | +6 % |
//! | comparing failures with the last ones (`records::record_template`) | +2 % | +5 % |
//!
//! # What proves it right
//!
//! - Property tests here: `values_are_read_as_the_reference_reads_them` in this file; `what_is_proven_is_what_serde_json_reads`,
//!   `records_are_cut_where_serde_json_cuts_them` and `strings_of_all_kinds_are_unescaped` in `structure`;
//!   `borders_are_where_serde_json_finds_them` in `split`; `all_lanes_tell_the_same` in `native`.
//! - `tests/it/reading.rs` reads and folds real, made-up and hostile inputs by both, with the same items and the same clusters.
//! - The fuzz targets `reader`, `splitter` and `explain` compare both on anything. `make fuzz` runs them, and `cargo test` runs
//!   their seeds.
//!
//! # What is unsafe
//!
//! `unsafe` is in `native` alone, and the workspace denies it elsewhere. There are two kinds: vector instructions of x86-64
//! (AVX2 and AVX-512), which run only where the processor was found to have them, and calls into libdeflate, which unpacks
//! gzip data. `Scalar` does the same as the vector instructions in safe Rust. It runs on all other processors, and the tests
//! compare both.
//!
//! # What it does not do
//!
//! - It does not parse numbers, write JSON, or build values. Whoever wants that uses `serde_json`.
//! - The fast path proves only compact JSON, as AWS writes it: no white space between tokens, at most 60 levels, and at most 40
//!   members in an object whose members are wanted. All else goes to the reference reader.
//! - Bytes of a skipped record are not checked to be UTF-8.

pub mod bytes;
pub mod native;
pub mod prefilter;
pub mod reference;
pub mod split;
pub mod structure;

use std::borrow::Cow;

use memchr::memchr2;

use crate::structure::{MEMBERS_MAX, Member};

/// A JSON value that has not been looked into yet: a slice of the record it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    text: &'a str,
    reader: Reader,
}

/// What reads the parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Fast,
    Reference,
}

/// How deep [`Json::strings`] looks.
pub const STRINGS_DEPTH_MAX: usize = 16;

/// Why a text has no fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// What the parser stumbled over, and where.
        detail: String,
    },
    /// The text is JSON, but an array, a string, a number.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Visits the fields of a JSON object in their order.
///
/// # Errors
/// [`Error::NotAnObject`] for other JSON, [`Error::NotJson`] for anything else.
pub fn each_field<'a>(text: &'a str, mut visit: impl FnMut(&[u8], Json<'a>)) -> Result<(), Error> {
    let mut members = [Member::default(); MEMBERS_MAX];
    let Some(count) = structure::members(text, &mut members) else {
        return reference::each_field(text, visit);
    };
    for member in &members[..count] {
        visit(member.key(text).as_bytes(), Json::new(member.value(text)));
    }
    Ok(())
}

impl<'a> Json<'a> {
    /// Takes JSON text as it is; text that is no JSON reads as absent everywhere.
    pub fn new(text: &'a str) -> Self {
        let reader = Reader::Fast;
        Self { text, reader }
    }

    /// Takes JSON text for the reference reader alone.
    pub(crate) fn by_reference(text: &'a str) -> Self {
        let reader = Reader::Reference;
        Self { text, reader }
    }

    /// Returns the JSON text.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the value unless it is null.
    pub fn present(self) -> Option<Self> {
        (self.text != "null").then_some(self)
    }

    /// Returns a string's content, `None` for an empty string and for other types.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let content = self.text.strip_prefix('"')?;
        // Nearly no string holds an escape, and then it ends at the next quote.
        if self.reader == Reader::Fast
            && let Some(end) = memchr2(b'"', b'\\', content.as_bytes())
            && content.as_bytes()[end] == b'"'
        {
            return (end > 0).then(|| Cow::Borrowed(&content[..end]));
        }
        reference::string(self.text).filter(|text| !text.is_empty())
    }

    /// Returns a boolean, also one that is spelled as a string, which CloudTrail does.
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

    /// Visits the fields of an object.
    ///
    /// # Errors
    /// As [`each_field`].
    pub fn each_field(self, visit: impl FnMut(&[u8], Json<'a>)) -> Result<(), Error> {
        match self.reader {
            Reader::Fast => each_field(self.text, visit),
            Reader::Reference => reference::each_field(self.text, visit),
        }
    }

    /// Returns the value under a path of keys.
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

    /// Returns the string under a path of keys.
    pub fn text_at(self, path: &[&str]) -> Option<Cow<'a, str>> {
        self.at(path)?.text()
    }

    /// Returns the elements of an array, empty for other types.
    pub fn elements(self) -> Vec<Json<'a>> {
        reference::elements(self.text)
    }

    /// Collects the strings of a value that are no keys and not empty, at less than [`STRINGS_DEPTH_MAX`] levels and at most
    /// `max` of them.
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

/// Returns where a string ends, behind its closing quote, given where its content begins.
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
    fn depth_that_nobody_asks_for_costs_no_stack() {
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

    /// Returns the texts of all parts of a value, at any depth, with what they read as.
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
    fn other_json_and_no_json_are_told_apart() {
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
