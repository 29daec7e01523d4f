//! Reads records with a ready-made parser of JSON: `sonic-rs` fills a struct with the fields that a scan reads, and counts
//! the errors. It concludes nothing from them.
//!
//! Usage: `typed PATH…`, trail files or subscription payloads, or folders of them; prints one line of JSON with the number
//! of records and of errors.

mod files;
mod opened;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use opened::{Failed, Opener};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A member that should be a string, borrowed from the text if it has no escapes. Like a scan, it accepts every type.
#[derive(Default)]
enum Text<'a> {
    #[default]
    Absent,
    #[expect(dead_code, reason = "the text is read, as a scan reads it")]
    Text(Cow<'a, str>),
    OfAnotherType,
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AnyType)
    }
}

struct AnyType;

impl<'de> Visitor<'de> for AnyType {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text::OfAnotherType)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text::OfAnotherType)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text::OfAnotherType)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text::OfAnotherType)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::OfAnotherType)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::OfAnotherType)
    }
}

#[derive(Deserialize)]
struct TrailFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the fields are read, as a scan reads them")]
struct Record<'a> {
    #[serde(borrow, default)]
    event_version: Text<'a>,
    #[serde(rename = "eventID", borrow, default)]
    event_id: Text<'a>,
    #[serde(borrow, default)]
    event_time: Text<'a>,
    #[serde(borrow, default)]
    event_source: Text<'a>,
    #[serde(borrow, default)]
    event_name: Text<'a>,
    #[serde(borrow, default)]
    event_type: Text<'a>,
    #[serde(borrow, default)]
    aws_region: Text<'a>,
    #[serde(rename = "sourceIPAddress", borrow, default)]
    source_ip_address: Text<'a>,
    #[serde(borrow, default)]
    user_agent: Text<'a>,
    #[serde(borrow, default)]
    error_code: Text<'a>,
    #[serde(borrow, default)]
    error_message: Text<'a>,
    #[serde(borrow, default)]
    recipient_account_id: Text<'a>,
    #[serde(borrow, default)]
    user_identity: Identity<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the fields are read, as a scan reads them")]
struct UserIdentity<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    principal_id: Text<'a>,
    #[serde(borrow, default)]
    arn: Text<'a>,
    #[serde(borrow, default)]
    account_id: Text<'a>,
    #[serde(borrow, default)]
    access_key_id: Text<'a>,
    #[serde(borrow, default)]
    user_name: Text<'a>,
}

/// The members of `userIdentity`; all are absent if it is no object.
#[derive(Default)]
#[expect(dead_code, reason = "the fields are read, as a scan reads them")]
struct Identity<'a>(UserIdentity<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Identity<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct ObjectOrText;

        impl<'de> Visitor<'de> for ObjectOrText {
            type Value = Identity<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object, a text or null")
            }

            fn visit_map<M: MapAccess<'de>>(self, members: M) -> Result<Self::Value, M::Error> {
                UserIdentity::deserialize(MapAccessDeserializer::new(members)).map(Identity)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Identity::default())
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Identity::default())
            }
        }

        reader.deserialize_any(ObjectOrText)
    }
}

fn main() -> Result<(), Failed> {
    let mut opener = Opener::new();
    let (mut records, mut errors) = (0_u64, 0_u64);
    let mut count = |record: &Record<'_>| {
        records += 1;
        errors += u64::from(
            ![&record.error_code, &record.error_message]
                .iter()
                .all(|text| matches!(text, Text::Absent)),
        );
    };
    for path in std::env::args_os().skip(1) {
        for file in files::files(Path::new(&path))? {
            let text = opener.open(&file)?;
            if text.starts_with(b"{\"Records\"") {
                let trail: TrailFile<'_> = sonic_rs::from_slice(text)?;
                trail.records.iter().for_each(&mut count);
                continue;
            }
            let payload: Payload<'_> = sonic_rs::from_slice(text)?;
            for event in &payload.log_events {
                count(&sonic_rs::from_str(&event.message)?);
            }
        }
    }
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        println!(r#"{{"records":{records},"errors":{errors}}}"#);
    }
    Ok(())
}
