//! The reference reader: parses members, elements and strings with `serde_json`, and returns [`Json`] values.
//!
//! It reads the texts that the fast path declines, and the tests compare the fast path with it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::{Error, Json, STRINGS_DEPTH_MAX};

/// Calls `visit` with the key and the value of each field of a JSON object, as [`crate::each_field`] does, but without
/// the fast path.
///
/// Parts of the passed values are read without the fast path too.
///
/// # Errors
/// [`Error::NotAnObject`] for other JSON, [`Error::NotJson`] for other text. `visit` may have been called for the
/// fields before the error.
pub fn each_field<'a>(text: &'a str, visit: impl FnMut(&[u8], Json<'a>)) -> Result<(), Error> {
    if matches!(text.trim_start().as_bytes().first(), Some(b) if b"[\"-0123456789tfn".contains(b))
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
    {
        return Err(Error::NotAnObject);
    }
    let mut deserializer = Deserializer::from_str(text);
    deserializer
        .deserialize_map(Fields(visit))
        .and_then(|()| deserializer.end())
        .map_err(|error| Error::NotJson {
            detail: if error.is_data() {
                // The message of `serde_json` would contain the value, which may be secret.
                let (line, column) = (error.line(), error.column());
                format!("expected an object at line {line} column {column}")
            } else {
                error.to_string()
            },
        })
}

/// Returns the unescaped content of a JSON string; `None` for other text. A lone surrogate becomes U+FFFD.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    Deserializer::from_str(text)
        .deserialize_bytes(LossyText)
        .ok()
}

/// Returns the elements of the JSON array in `text`; empty for other text.
pub(crate) fn elements(text: &str) -> Vec<Json<'_>> {
    Deserializer::from_str(text)
        .deserialize_seq(Elements)
        .unwrap_or_default()
}

/// Adds the non-empty strings in a value to `found`; `depth` is the number of arrays and objects around the value. See
/// [`Json::strings`].
pub(crate) fn strings<'a>(value: Json<'a>, depth: usize, found: &mut Vec<Cow<'a, str>>) {
    if depth < STRINGS_DEPTH_MAX {
        found.extend(value.text());
        for element in value.elements() {
            strings(element, depth + 1, found);
        }
        // A value of another type has no fields.
        let _ = value.each_field(|_, field| strings(field, depth + 1, found));
    }
}

/// Visits the fields of an object. Keys are bytes, because a key may contain a lone surrogate.
struct Fields<F>(F);

impl<'de, F: FnMut(&[u8], Json<'de>)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let value: &RawValue = map.next_value()?;
            (self.0)(&key, Json::by_reference(value.get()));
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

/// A string whose escapes may contain lone surrogates.
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
            values.push(Json::by_reference(value.get()));
        }
        Ok(values)
    }
}
