//! Makes records of the rows of a Parquet file: events of Security Lake, or a table of Athena whose columns are named
//! after the fields of a record.
//!
//! The file is kept in memory, because its index is at its end. The crate `parquet` panics on some damaged files, so that a
//! panic in it counts as damage.

use std::borrow::Cow;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use input::{Limits, ReadError, row};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use records::time::Timestamp;
use serde_json::{Map, Value};

use crate::produced::Produced;
use crate::{FormatError, ocsf};

fn damaged(detail: impl Into<String>) -> FormatError {
    FormatError::Damaged {
        what: "the Parquet file",
        detail: detail.into(),
    }
}

/// Returns the records of a Parquet file, one a line.
pub(crate) fn records(input: impl Read, limits: &Limits) -> Result<Box<dyn Read>, FormatError> {
    let mut bytes = Vec::new();
    let limit = limits.inflated_bytes_max;
    if input
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)? as u64
        > limit
    {
        return Err(io::Error::other(ReadError::Inflated { limit }).into());
    }
    let file = guarded(|| SerializedFileReader::new(Bytes::from(bytes)))
        .and_then(|file| file.map_err(|error| error.to_string()))
        .map_err(damaged)?;
    let columns = file.metadata().file_metadata().schema().get_fields();
    let has = |name: &str| {
        columns
            .iter()
            .any(|column| column.name().eq_ignore_ascii_case(name))
    };
    let is_lake = has("class_uid");
    let is_trail = ["eventname", "eventsource", "errorcode"]
        .into_iter()
        .all(has);
    if !is_lake && !is_trail {
        let names: Vec<&str> = columns.iter().take(5).map(|column| column.name()).collect();
        return Err(damaged(format!(
            "its columns are neither those of Security Lake nor those of records with an error code: {}",
            names.join(", ")
        )));
    }
    let mut rows = RowIter::from_file_into(Box::new(file));
    Ok(Box::new(Produced::new(move |out: &mut Vec<u8>| {
        let row = guarded(|| rows.next().transpose())
            .and_then(|row| row.map_err(|error| error.to_string()))
            .map_err(|error| {
                let text = format!("the Parquet file is damaged: {error}");
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?;
        let Some(row) = row else {
            return Ok(false);
        };
        let event = object(&row);
        let record = match is_lake {
            true => ocsf::record(&event).unwrap_or(event).to_string(),
            false => of_columns(&event),
        };
        out.extend_from_slice(record.as_bytes());
        out.push(b'\n');
        Ok(true)
    })))
}

/// Runs a function of the crate `parquet`. A panic in it is an error.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| "its content is not valid".to_owned())
}

fn of_columns(event: &Value) -> String {
    let columns = event.as_object().into_iter().flatten();
    let columns = columns.map(|(name, value)| {
        let text = match value {
            Value::Null => Cow::Borrowed(""),
            Value::String(text) => Cow::Borrowed(text.as_str()),
            value => Cow::Owned(value.to_string()),
        };
        (name.as_str(), text)
    });
    row::record(columns).unwrap_or_else(|| event.to_string())
}

fn object(row: &Row) -> Value {
    let members = row.get_column_iter();
    let members: Map<String, Value> = members
        .map(|(name, field)| (name.clone(), value(field)))
        .collect();
    members.into()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into(),
        Field::TimestampMillis(time) => seconds(time.div_euclid(1000)),
        Field::TimestampMicros(time) => seconds(time.div_euclid(1_000_000)),
        Field::Group(row) => object(row),
        Field::ListInternal(list) => list.elements().iter().map(value).collect::<Vec<_>>().into(),
        Field::MapInternal(map) => {
            let text = |key: &Field| match value(key) {
                Value::String(text) => text,
                key => key.to_string(),
            };
            let members = map.entries().iter();
            let members: Map<String, Value> =
                members.map(|(key, of)| (text(key), value(of))).collect();
            members.into()
        }
        other => other.to_string().into(),
    }
}

fn seconds(time: i64) -> Value {
    let time = Timestamp::from_seconds(time);
    time.map_or(Value::Null, |time| time.to_string().into())
}
