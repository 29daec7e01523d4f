//! Finds records and members in JSON text, where they stand and without copies.
//!
//! Fields are visited and values are kept as slices of their record. A subtree that nobody asks for is skipped without a
//! copy, a tree or a recursion. Reading is lenient on purpose: a repeated key overwrites, a string with a lone surrogate
//! gets a replacement character, and a value of another type than expected is no value.
//!
//! The modules, in reading order:
//!
//! - `split` finds where values begin and end in a stream, without parsing them.
//! - `structure` proves that a text is JSON, and takes it apart, 64 bytes at a time.
//! - `sieve` says which records are surely successful calls, so that they need not be parsed.
//! - `recent` remembers what was found in the last texts, since many come again.
//! - `bytes` has the tables that say of what kind a byte is.
//! - `native` has all `unsafe` code: vector instructions behind a run-time test, and one call into C.

pub mod bytes;
pub mod native;
pub mod recent;
pub mod sieve;
pub mod split;
pub mod structure;

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::structure::{MEMBERS_MAX, Member};

/// A JSON value that has not been looked into yet: a slice of the record it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    text: &'a str,
    /// Whether it was proven to be JSON, without white space around tokens, and has no escape: then
    /// its parts can be told by their quotes and brackets.
    is_plain: bool,
}

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
    let Some((count, is_plain)) = structure::members(text, &mut members) else {
        return each_field_parsed(text, visit);
    };
    for member in &members[..count] {
        let text_of_value = member.value(text);
        visit(
            member.key(text).as_bytes(),
            Json {
                text: text_of_value,
                is_plain,
            },
        );
    }
    Ok(())
}

/// Visits the fields of an object that is plain, see [`Json::is_plain`].
fn each_field_plain<'a>(text: &'a str, mut visit: impl FnMut(&[u8], Json<'a>)) {
    let bytes = text.as_bytes();
    let mut at = 1;
    while bytes.get(at) == Some(&b'"') {
        let key_end = plain_end(bytes, at);
        let end = plain_end(bytes, key_end + 1);
        visit(
            &bytes[at + 1..key_end - 1],
            Json {
                text: &text[key_end + 1..end],
                is_plain: true,
            },
        );
        at = end + 1;
    }
}

/// Returns where the plain value ends that begins at `start`.
fn plain_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start + 1),
        Some(b'{' | b'[') => {
            let (mut at, mut depth) = (start, 0_usize);
            while let Some(byte) = bytes.get(at) {
                at += 1;
                match byte {
                    b'"' => at = string_end(bytes, at),
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 1 => return at,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
            }
            at
        }
        _ => {
            let rest = bytes.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| b",}]".contains(byte));
            start + length.unwrap_or(rest.len())
        }
    }
}

/// Visits the fields of an object in whatever form it has: what [`each_field`] is measured by, and
/// what it falls back to.
///
/// # Errors
/// As [`each_field`].
pub fn each_field_parsed<'a>(
    text: &'a str,
    visit: impl FnMut(&[u8], Json<'a>),
) -> Result<(), Error> {
    if matches!(text.trim_start().as_bytes().first(), Some(b) if b"[\"-0123456789tfn".contains(b))
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
    {
        return Err(Error::NotAnObject);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer
        .deserialize_map(Fields(visit))
        .and_then(|()| deserializer.end())
        .map_err(|error| Error::NotJson {
            // Of another type it would repeat the value.
            detail: match error.is_data() {
                true => format!(
                    "no object at line {} column {}",
                    error.line(),
                    error.column()
                ),
                false => error.to_string(),
            },
        })
}

impl<'a> Json<'a> {
    /// Takes JSON text as it is; text that is no JSON reads as absent everywhere.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            is_plain: false,
        }
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
        if let Some(end) = memchr2(b'"', b'\\', content.as_bytes())
            && content.as_bytes()[end] == b'"'
        {
            return (end > 0).then(|| Cow::Borrowed(&content[..end]));
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.text);
        let text = deserializer.deserialize_bytes(LossyText).ok()?;
        (!text.is_empty()).then_some(text)
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
        if self.is_plain && self.text.starts_with('{') {
            each_field_plain(self.text, visit);
            return Ok(());
        }
        each_field(self.text, visit)
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
        if self.is_plain {
            return self.plain_elements();
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.text);
        deserializer.deserialize_seq(Elements).unwrap_or_default()
    }

    fn plain_elements(self) -> Vec<Json<'a>> {
        let bytes = self.text.as_bytes();
        let mut elements = Vec::new();
        let mut at = 1;
        if bytes.first() == Some(&b'[') {
            while at + 1 < bytes.len() {
                let end = plain_end(bytes, at);
                elements.push(Json {
                    text: &self.text[at..end],
                    is_plain: true,
                });
                at = end + 1;
            }
        }
        elements
    }

    /// Collects the strings of a value at any depth of up to 16, at most `max` of them.
    pub fn strings(self, max: usize) -> Vec<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let mut strings = Vec::new();
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
                    if !is_key && depth < 16 {
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

/// Visits an object's fields, keys as bytes because a key may hold a lone surrogate.
struct Fields<F>(F);

impl<'de, F: FnMut(&[u8], Json<'de>)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let value: &RawValue = map.next_value()?;
            (self.0)(&key, Json::new(value.get()));
        }
        Ok(())
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_bytes<E>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_vec()))
    }
}

/// A string whose escapes may name lone surrogates: those become U+FFFD.
struct LossyText;

impl<'de> Visitor<'de> for LossyText {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, text: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(text))
    }

    fn visit_bytes<E>(self, text: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(text).into_owned()))
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<Json<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element::<&RawValue>()? {
            values.push(Json::new(value.get()));
        }
        Ok(values)
    }
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

    proptest! {
        #[test]
        fn plain_values_are_taken_apart_as_parsed_ones(value in any_json()) {
            let text = serde_json::json!({"a": value}).to_string();
            each_field(&text, |_, value| {
                let parsed = Json::new(value.as_str());
                let texts = |elements: Vec<Json<'_>>| -> Vec<String> {
                    elements.iter().map(|element| element.as_str().to_owned()).collect()
                };
                assert_eq!(texts(value.elements()), texts(parsed.elements()));
                let (mut fields, mut parsed_fields) = (Vec::new(), Vec::new());
                let _ = value.each_field(|key, value| {
                    fields.push((key.to_vec(), value.as_str().to_owned()));
                });
                let _ = each_field_parsed(value.as_str(), |key, value| {
                    parsed_fields.push((key.to_vec(), value.as_str().to_owned()));
                });
                assert_eq!(fields, parsed_fields);
            })
            .unwrap();
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
        let value = Json::new(r#"{"a":"x","b":[{"c" :"y\":\u0021"},1,null,["z",""]]}"#);
        assert_eq!(value.strings(64), ["x", "y\":!", "z"]);
        assert_eq!(value.strings(2).len(), 2);
        let nested = |depth| format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Json::new(&nested(15)).strings(64), ["x"]);
        assert_eq!(Json::new(&nested(16)).strings(64), [""; 0]);
    }
}
