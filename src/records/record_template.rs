//! Recognises a record that repeats an earlier record, by comparing the texts instead of parsing.
//!
//! Failures repeat: a caller without a permission tries again. CloudTrail then writes the same record with another
//! event id, another time, and other ids of the request ([`REQUEST_IDS`]). If two texts differ only inside of these
//! strings, all other fields of the two records are equal.

use std::borrow::Cow;
use std::ops::Range;

use crate::{Record, Text};

/// The JSON text of a parsed record, with which later texts are compared to recognise repeats of the record.
#[derive(Debug, Default)]
pub struct RecordTemplate {
    text: String,
    /// Byte ranges of the strings that may differ, in the order of the text.
    free: Vec<(Part, Range<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Id,
    Time,
    /// A string that identifies the request and says nothing else.
    Request,
    /// The same, where it matters whether the string is empty.
    Shared,
}

/// The members of `additionalEventData` that differ from request to request and say nothing about the call. No
/// conclusion may depend on them.
///
/// S3 writes its extended request id there, in every record (CloudTrail record contents of S3 data events).
pub const REQUEST_IDS: [&str; 1] = ["x-amz-id-2"];

/// The event id and the time of a record that repeats the template. Except for these and the ids of the request, all
/// fields are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat<'a> {
    /// Id of the repeating event, never empty.
    pub event_id: &'a str,
    /// Time of the repeating event, as text of the record; not checked to be a time.
    pub event_time: &'a str,
}

impl RecordTemplate {
    /// Stores a record as the template, in place of the record stored before. `text` is the JSON text from which
    /// `record` was parsed.
    ///
    /// Returns `false` if the record cannot serve as a template; then the template must not be used. A template needs
    /// an event id and a time, both without escapes in the JSON. A record with an addendum is refused, because it may
    /// correct another record and then counts under the id of that record.
    #[must_use]
    pub fn take(&mut self, record: &Record<'_>, text: &str) -> bool {
        self.text.clear();
        self.free.clear();
        let parts = [
            (Part::Id, &record.event_id),
            (Part::Time, &record.event_time),
            (Part::Request, &record.request_id),
            (Part::Shared, &record.shared_event_id),
        ];
        for (part, value) in parts {
            match place(value.as_ref(), text) {
                Some(place) => self.free.push((part, place)),
                None if matches!(part, Part::Request | Part::Shared) => {}
                None => return false,
            }
        }
        self.free_request_ids(record, text);
        self.free.sort_by_key(|(_, place)| place.start);
        self.text.push_str(text);
        record.addendum.is_none()
    }

    /// Lets the [`REQUEST_IDS`] differ.
    fn free_request_ids(&mut self, record: &Record<'_>, text: &str) {
        let Some(data) = record.additional_event_data else {
            return;
        };
        // Of an object that is not JSON, all is compared.
        let _ = data.each_field(|key, value| {
            if REQUEST_IDS.iter().any(|id| id.as_bytes() == key) {
                let id = value.text();
                self.free
                    .extend(place(id.as_ref(), text).map(|place| (Part::Request, place)));
            }
        });
    }

    /// Compares the JSON text of a record with the template: returns the record's event id and time, or `None` if the
    /// record is not a repeat.
    pub fn repeated_by<'a>(&self, text: &'a str) -> Option<Repeat<'a>> {
        let (mut event_id, mut event_time) = ("", "");
        let (mut rest, mut from) = (text, 0);
        for (part, place) in &self.free {
            rest = rest.strip_prefix(self.text.get(from..place.start)?)?;
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
            let length = rest.as_bytes().iter().position(ends)?;
            let content = &rest[..length];
            rest = &rest[length..];
            from = place.end;
            match part {
                Part::Id => event_id = content,
                Part::Time => event_time = content,
                Part::Shared if content.is_empty() => return None,
                Part::Request | Part::Shared => {}
            }
        }
        let is_same = rest == self.text.get(from..)? && !self.free.is_empty();
        (is_same && !event_id.is_empty() && !event_time.is_empty()).then_some(Repeat {
            event_id,
            event_time,
        })
    }
}

/// Returns the byte range of a string in the text that it borrows from; `None` if the string is absent or was copied.
fn place(value: Option<&Text<'_>>, text: &str) -> Option<Range<usize>> {
    let Some(Cow::Borrowed(value)) = value else {
        return None;
    };
    let start = value.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let place = start..start + value.len();
    (text.get(place.clone()) == Some(value)).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"eventTime":"2026-11-21T08:00:00Z","errorCode":"X\n","requestID":"r1","eventID":"e1",
        "a":{"eventID":"n"},"additionalEventData":{"b":"c","x-amz-id-2":"x/1="},"sharedEventID":"s1"}"#;

    fn template(text: &str) -> Option<RecordTemplate> {
        let mut template = RecordTemplate::default();
        let record = Record::parse(text).unwrap();
        template.take(&record, text).then_some(template)
    }

    #[test]
    fn a_repeat_differs_only_in_id_time_and_ids_of_the_request() {
        let template = template(TEXT).unwrap();
        let change = |from: &str, to: &str| TEXT.replacen(from, to, 1);
        for (text, id, time) in [
            (TEXT.to_owned(), "e1", "2026-11-21T08:00:00Z"),
            (change("e1", "another"), "another", "2026-11-21T08:00:00Z"),
            (change("08:00:00", "09:10:11"), "e1", "2026-11-21T09:10:11Z"),
            (change("r1", ""), "e1", "2026-11-21T08:00:00Z"),
            (change("x/1=", "y/2+3="), "e1", "2026-11-21T08:00:00Z"),
            (change("s1", "s22"), "e1", "2026-11-21T08:00:00Z"),
        ] {
            let repeat = template.repeated_by(&text).unwrap();
            assert_eq!((repeat.event_id, repeat.event_time), (id, time));
            let record = Record::parse(&text).unwrap();
            assert_eq!(record.event_id.as_deref(), Some(id));
        }
        for text in [
            change("e1", ""),
            change("e1", "e\\u0031"),
            change("e1", "e\t"),
            change("e1\"", "e1"),
            change("e1\"", "e1\",\"b\":\"c\""),
            change("X", "Y"),
            change("\"a\"", "\"vpcEndpointId\":\"s\", \"a\""),
            change("\"n\"", "\"m\""),
            change("\"c\"", "\"d\""),
            change("\"s1\"", "\"\""),
            change("\"s1\"}", "\"s1\"} "),
            change("\"s1\"}", "\"s1\""),
            String::new(),
        ] {
            assert_eq!(template.repeated_by(&text), None, "{text}");
        }
    }

    #[test]
    fn a_record_without_a_plain_id_or_with_an_addendum_is_no_template() {
        for (from, to) in [
            ("\"eventID\":\"e1\"", "\"b\":1"),
            ("\"e1\"", "\"e\\u0031\""),
            ("\"eventTime\"", "\"b\""),
            ("\"a\":", "\"addendum\":"),
        ] {
            assert!(template(&TEXT.replacen(from, to, 1)).is_none(), "{to}");
        }
        assert!(RecordTemplate::default().repeated_by("").is_none());
    }
}
