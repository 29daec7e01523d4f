//! Makes records of the rows of a Parquet file: events of Security Lake, or a table of Athena with a column of whole records,
//! or with columns that are named after the fields of a record.
//!
//! The file is kept in memory, because its index is at its end. The limit on unpacked bytes is for the file, for all of its
//! columns together as its index has them, and for all records that are made of it. The crate `parquet` panics on some
//! damaged files, so that a panic in it counts as damage.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use bytes::Bytes;
use input::unpack::limited;
use input::{Limits, ReadError, row};
use parquet::basic::{Compression, LogicalType, TimeUnit};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use records::time::Timestamp;
use serde_json::{Map, Value};

use crate::produced::Produced;
use crate::{FormatError, ocsf, table};

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
    within(file.metadata(), limit)?;
    let shape = Shape::of(file.metadata())?;
    let nanoseconds = nanoseconds(file.metadata());
    let mut rows = RowIter::from_file_into(Box::new(file));
    let records = Produced::new(move |out: &mut Vec<u8>| {
        let row = guarded(|| rows.next().transpose())
            .and_then(|row| row.map_err(|error| error.to_string()))
            .map_err(|error| {
                let text = format!("the Parquet file is damaged: {error}");
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?;
        let Some(row) = row else {
            return Ok(false);
        };
        let mut event = object(&row);
        for name in &nanoseconds {
            if let Some(time) = event.get_mut(name) {
                *time = time
                    .as_i64()
                    .map_or(Value::Null, |time| seconds(time.div_euclid(1_000_000_000)));
            }
        }
        let record = match &shape {
            Shape::Lake => ocsf::record(&event).unwrap_or(event).to_string(),
            Shape::Whole(name) => table::whole(event[name].as_str().unwrap_or_default().as_bytes()),
            Shape::Columns => of_columns(&event),
        };
        out.extend_from_slice(record.as_bytes());
        out.push(b'\n');
        Ok(true)
    });
    Ok(Box::new(limited(records, limits)))
}

/// What the columns of a file are.
enum Shape {
    /// Those of an event of Security Lake.
    Lake,
    /// One of them, of this name, has the whole records.
    Whole(String),
    /// The fields of a record.
    Columns,
}

impl Shape {
    fn of(index: &ParquetMetaData) -> Result<Self, FormatError> {
        let columns = index.file_metadata().schema().get_fields();
        let find = |wanted: &str| {
            let mut names = columns.iter().map(|column| column.name());
            names.find(|name| name.eq_ignore_ascii_case(wanted))
        };
        let has = |name| find(name).is_some();
        match find("eventjson") {
            _ if has("class_uid") => Ok(Self::Lake),
            Some(name) => Ok(Self::Whole(name.to_owned())),
            None if ["eventname", "eventsource", "errorcode"]
                .into_iter()
                .all(has) =>
            {
                Ok(Self::Columns)
            }
            None => {
                let names: Vec<&str> = columns.iter().take(5).map(|column| column.name()).collect();
                Err(damaged(format!(
                    "its columns are neither those of Security Lake nor those of records with an error code: {}",
                    names.join(", ")
                )))
            }
        }
    }
}

/// Checks that all columns together are not longer than the limit when they are unpacked, and packed in a way that is read.
fn within(index: &ParquetMetaData, limit: u64) -> Result<(), FormatError> {
    let groups = index.row_groups().iter();
    let columns = groups.flat_map(RowGroupMetaData::columns);
    let sizes = columns
        .clone()
        .map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX));
    if sizes.fold(0, u64::saturating_add) > limit {
        return Err(FormatError::Io(ReadError::Inflated { limit }));
    }
    let mut packings = columns.map(ColumnChunkMetaData::compression);
    let unread = packings.find(|packing| {
        matches!(
            packing,
            Compression::BROTLI(_) | Compression::LZ4 | Compression::LZ4_RAW | Compression::LZO
        )
    });
    match unread {
        Some(packing) => {
            let name = packing.to_string();
            let name = name.split('(').next().unwrap_or_default();
            Err(damaged(format!(
                "it is packed with {name}, which is not read; write it with zstd, gzip or snappy"
            )))
        }
        None => Ok(()),
    }
}

/// Returns the names of the columns with times in nanoseconds, which the crate `parquet` gives as numbers.
fn nanoseconds(index: &ParquetMetaData) -> Vec<String> {
    let columns = index.file_metadata().schema().get_fields().iter();
    let columns = columns.filter(|column| {
        matches!(column.get_basic_info().logical_type_ref(), Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS)
    });
    columns.map(|column| column.name().to_owned()).collect()
}

thread_local! {
    /// Whether a panic of this thread is an error that is handled.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function of the crate `parquet`. A panic in it is an error, and prints nothing.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                print(panic);
            }
        }));
    });
    IS_GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IS_GUARDED.set(false);
    result.map_err(|_| "its content is not valid".to_owned())
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
