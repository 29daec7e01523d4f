//! Reads values of a record by their paths, also out of JSON that is the text of a string.
//!
//! A path is a list of keys from the top of the record. Arrays on the way are read element by element, and a string on
//! the way is read as JSON, because policies are texts in parameters. Records come from callers, so each step is
//! bounded: the work is linear in the size of the record.

use std::borrow::Cow;

use json::Json;
use records::Record;

/// How many arrays and strings may be opened on the way to a value. AWS nests less.
const NESTING_MAX: usize = 12;

/// A record of a call that succeeded, with its JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// The JSON text of the same record.
    pub text: &'a str,
}

/// A path to values of a record: keys from the top of the record on, such as `requestParameters.userName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Box<str>>);

impl Path {
    /// Parses keys that are separated by dots. `None` if a key is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let keys: Vec<Box<str>> = text.split('.').map(Into::into).collect();
        keys.iter().all(|key| !key.is_empty()).then_some(Self(keys))
    }

    /// Returns the first key: a field of the record, such as `requestParameters`.
    pub fn field(&self) -> &str {
        &self.0[0]
    }

    /// Returns the last key, which names the value, such as `userName`.
    pub(super) fn last(&self) -> &str {
        &self.0[self.0.len() - 1]
    }

    /// Returns the path of the object that has the value; `None` if that is the record.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        (!parent.is_empty()).then(|| Self(parent.to_vec()))
    }

    /// Checks whether the value is a secret by its name, such as `masterUserPassword`.
    pub(super) fn is_of_secret(&self) -> bool {
        let key = self.last().to_ascii_lowercase();
        matches!(key.as_str(), "secret" | "token")
            || SECRETS.iter().any(|secret| key.ends_with(secret))
    }

    /// Returns the keys joined by dots.
    pub fn text(&self) -> String {
        self.0.join(".")
    }
}

/// The ends of the names of values that are secrets, in lower case.
const SECRETS: [&str; 10] = [
    "apikey",
    "authtoken",
    "clientsecret",
    "passphrase",
    "password",
    "privatekey",
    "secretaccesskey",
    "secretbinary",
    "secretstring",
    "sessiontoken",
];

impl<'a> Call<'a> {
    /// Calls `visit` with each value at a path.
    pub fn each(self, path: &Path, visit: &mut dyn FnMut(Json<'_>)) {
        let (field, rest) = (path.field(), &path.0[1..]);
        let top = match field {
            "requestParameters" => self.record.request_parameters,
            "responseElements" => self.record.response_elements,
            "additionalEventData" => self.record.additional_event_data,
            "serviceEventDetails" => self.record.service_event_details,
            _ => Json::new(self.text).at(&[field]),
        };
        if let Some(top) = top {
            descend(top, rest, NESTING_MAX, visit);
        }
    }

    /// Calls `visit` with the text of each string, number and boolean at a path, also in arrays there.
    pub fn each_text(self, path: &Path, visit: &mut dyn FnMut(&str)) {
        self.each(path, &mut |value| each_leaf(value, NESTING_MAX, visit));
    }
}

/// Visits the values that the keys lead to.
fn descend(value: Json<'_>, keys: &[Box<str>], nesting: usize, visit: &mut dyn FnMut(Json<'_>)) {
    let Some((key, rest)) = keys.split_first() else {
        visit(value);
        return;
    };
    let Some(nesting) = nesting.checked_sub(1) else {
        return;
    };
    match kind(value) {
        Some(b'[') => {
            for element in value.elements() {
                descend(element, keys, nesting, visit);
            }
        }
        Some(b'"') => {
            let content = value.text().unwrap_or_default();
            let inner = Json::new(content.trim());
            if matches!(kind(inner), Some(b'{' | b'[')) {
                descend(inner, keys, nesting, visit);
            }
        }
        _ => {
            if let Some(found) = value.at(&[key]) {
                descend(found, rest, nesting, visit);
            }
        }
    }
}

/// Visits the texts of strings, numbers and booleans in a value and in its arrays. An object counts by its `content`:
/// so EC2 writes some parameters, such as those of `DeleteFlowLogs`.
fn each_leaf(value: Json<'_>, nesting: usize, visit: &mut dyn FnMut(&str)) {
    let Some(nesting) = nesting.checked_sub(1) else {
        return;
    };
    match kind(value) {
        Some(b'[') => {
            for element in value.elements() {
                each_leaf(element, nesting, visit);
            }
        }
        Some(b'{') => {
            if let Some(content) = value.at(&["content"]) {
                each_leaf(content, nesting, visit);
            }
        }
        Some(b'"') => {
            if let Some(text) = value.text() {
                visit(&text);
            }
        }
        Some(b'n') | None => {}
        Some(_) => visit(value.as_str().trim()),
    }
}

/// Returns the first letter of the JSON text of a value, which shows what kind of value it is.
pub(super) fn kind(value: Json<'_>) -> Option<u8> {
    value.as_str().trim_start().bytes().next()
}

/// Visits the texts of strings, numbers and booleans in a value and in its arrays.
pub(super) fn each_text_in(value: Json<'_>, visit: &mut dyn FnMut(&str)) {
    each_leaf(value, NESTING_MAX, visit);
}

/// Visits the elements of an array, or the value itself if it is none.
pub(super) fn each_element(value: Json<'_>, visit: &mut dyn FnMut(Json<'_>)) {
    match kind(value) {
        Some(b'[') => value.elements().into_iter().for_each(visit),
        Some(_) => visit(value),
        None => {}
    }
}

/// Visits the fields of an object with their keys; nothing for another value.
pub(super) fn each_field<'a>(value: Json<'a>, mut visit: impl FnMut(&str, Json<'a>)) {
    let _ = value.each_field(|key, value| {
        if let (Ok(key), Some(value)) = (std::str::from_utf8(key), value.present()) {
            visit(key, value);
        }
    });
}

/// Returns a text without its URL encoding, if it is the encoding of a JSON object, as IAM returns policies.
pub(super) fn without_url_encoding(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let is_encoded = text
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("%7B"));
    if !is_encoded {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| byte == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(code) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(code);
            rest = &after[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str, path: &str) -> Vec<String> {
        let record = Record::parse(json).unwrap();
        let call = Call {
            record: &record,
            text: json,
        };
        let mut found = Vec::new();
        call.each_text(&Path::parse(path).unwrap(), &mut |text| {
            found.push(text.to_owned());
        });
        found
    }

    #[test]
    fn arrays_strings_of_json_and_contents_are_opened_on_the_way() {
        let json = r#"{
            "userIdentity": {"type": "Root"},
            "requestParameters": {
                "items": [{"name": "a"}, {"name": ["b", 3]}, {"name": null}, {"other": "c"}],
                "document": " {\"Statement\": {\"Effect\": \"Allow\"}}",
                "DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}
            }
        }"#;
        assert_eq!(texts(json, "userIdentity.type"), ["Root"]);
        assert_eq!(texts(json, "requestParameters.items.name"), ["a", "b", "3"]);
        assert_eq!(
            texts(json, "requestParameters.document.Statement.Effect"),
            ["Allow"]
        );
        assert_eq!(
            texts(json, "requestParameters.DeleteFlowLogsRequest.FlowLogId"),
            ["fl-1"]
        );
        assert_eq!(texts(json, "requestParameters.items"), [""; 0]);
    }

    #[test]
    fn deep_nesting_is_left_alone() {
        let deep = format!("{}{{\"a\":1}}{}", "[".repeat(50_000), "]".repeat(50_000));
        let json = format!("{{\"requestParameters\":{{\"x\":{deep}}}}}");
        assert_eq!(texts(&json, "requestParameters.x.a"), [""; 0]);
        assert_eq!(texts(&json, "requestParameters.x"), [""; 0]);
    }

    #[test]
    fn url_encoding_is_removed_from_documents_alone() {
        assert_eq!(without_url_encoding("%7B%22a%22%3A+1%7d"), r#"{"a": 1}"#);
        assert_eq!(without_url_encoding(r#"{"a": "%7B"}"#), r#"{"a": "%7B"}"#);
        assert_eq!(without_url_encoding("%7B%zz%"), "{%zz%");
    }
}
