//! Turns files that are not JSON into JSON records, which the crate `input` reads: archives and compressed files, UTF-16,
//! lines with a time in front, tables, events of Security Lake, Parquet.
//!
//! Nothing here opens a file or knows its name. The first bytes decide. The memory does not depend on the length of the
//! input, except for Parquet, whose index is at its end, and for a zip archive, whose list is kept. Of lines and rows, one is
//! kept at a time.
//!
//! The modules, in reading order:
//!
//! - `kind`: recognises what an input is by its first bytes.
//! - `archive`: lists and reads the files in a zip archive.
//! - `zstd`: decompresses Zstandard data.
//! - `utf16`: converts UTF-16 to UTF-8.
//! - `timed_lines`: removes the time and the log stream in front of records.
//! - `table`: makes records of the rows of a table of comma-separated values.
//! - `ocsf`: makes records of the events of Security Lake.
//! - `parquet_rows`: makes records of the rows of a Parquet file; only with the feature `parquet`.
//! - `produced`: a reader of lines that are produced one by one.

pub mod archive;
pub mod kind;
mod ocsf;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod produced;
mod table;
mod timed_lines;
mod utf16;
mod zstd;

use std::io::{self, BufReader, Read};

use input::unpack::{Faithful, inflate, limited};
use input::{Limits, ReadError};

use crate::kind::Kind;

/// An input as a stream of bytes that the crate `input` reads.
pub struct Opened {
    /// The records: the input as it is, or records that were made of it, one a line.
    pub records: Box<dyn Read>,
    /// Whether the records are the input as it is.
    pub is_unchanged: bool,
    /// Whether each line is a record that was made of the input.
    pub is_by_lines: bool,
    /// What the input does not hold, and how to get it; `None` if nothing is lost.
    pub note: Option<String>,
}

/// Reason why no records can be read from an input.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Reading failed.
    #[error(transparent)]
    Io(ReadError),
    /// The input cannot be opened; the text of the error names the fault and what to do.
    #[error(transparent)]
    Closed(io::Error),
    /// The format is known, and is not read.
    #[error("{what} is not read; {advice}")]
    Unsupported {
        /// Name of the format, such as `a tar archive`.
        what: &'static str,
        /// What to do; the word `FILE` stands for the name of the input.
        advice: &'static str,
    },
    /// An archive, a table or a Parquet file that is damaged, or has other content than records.
    #[error("{what} cannot be read: {detail}")]
    Damaged {
        /// Name of the format.
        what: &'static str,
        /// What is wrong, and what to do.
        detail: String,
    },
}

impl From<io::Error> for FormatError {
    /// Keeps the [`ReadError`] inside of an I/O error, which names the fault already.
    fn from(error: io::Error) -> Self {
        Self::Io(error.downcast::<ReadError>().unwrap_or_else(ReadError::Io))
    }
}

/// Maximum number of compressed or converted layers around each other, such as gzip in gzip.
const LAYERS_MAX: usize = 4;

/// Number of bytes at the start of an input that are examined.
const HEAD_BYTES: usize = 64 * 1024;

/// Opens an input of any format.
///
/// An input that is JSON, or gzip data with JSON, and an input of an unknown format is returned unchanged.
///
/// # Errors
/// [`FormatError`] if the input has a format that is not read, or is damaged. Damage after the first bytes is an error of
/// [`Opened::records`].
pub fn open(input: Box<dyn Read>, limits: &Limits) -> Result<Opened, FormatError> {
    open_layer(input, limits, 0)
}

fn open_layer(input: Box<dyn Read>, limits: &Limits, layers: usize) -> Result<Opened, FormatError> {
    let mut input = Faithful(input);
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    let kind = kind::of(&head);
    let inner = kind::unpacked_head(kind, &head);
    let whole = io::Cursor::new(head).chain(input);
    if layers == LAYERS_MAX && kind.is_layer() {
        return Err(FormatError::Unsupported {
            what: "data that was compressed several times",
            advice: "unpack it first",
        });
    }
    let next = |records: Box<dyn Read>| open_layer(records, limits, layers + 1);
    match kind {
        // `input` unpacks one layer itself.
        Kind::Gzip if layers == 0 && inner == Some(Kind::Json) => Ok(unchanged(whole)),
        Kind::Gzip => next(Box::new(Named(inflate(BufReader::new(whole), limits)))),
        Kind::Zstd => next(Box::new(limited(zstd::Frames::new(whole), limits))),
        Kind::Utf16(order) => next(Box::new(utf16::Decoder::new(whole, order))),
        Kind::TimedLines => Ok(made(timed_lines::records(whole), None)),
        Kind::Table(columns) => {
            let (records, note) = table::records(whole, columns);
            Ok(made(records, note))
        }
        Kind::SecurityLake => Ok(made(ocsf::records(whole, limits)?, None)),
        Kind::Parquet => parquet(whole, limits),
        Kind::Json | Kind::Other => Ok(Opened {
            is_unchanged: layers == 0,
            ..unchanged(whole)
        }),
        Kind::Incomplete(columns) => Err(FormatError::Damaged {
            what: "the table",
            detail: columns.advice(),
        }),
        Kind::Unsupported { what, advice } => Err(FormatError::Unsupported { what, advice }),
    }
}

fn unchanged(records: impl Read + 'static) -> Opened {
    Opened {
        records: Box::new(records),
        is_unchanged: true,
        is_by_lines: false,
        note: None,
    }
}

fn made(records: Box<dyn Read>, note: Option<String>) -> Opened {
    Opened {
        records,
        is_unchanged: false,
        is_by_lines: true,
        note,
    }
}

#[cfg(feature = "parquet")]
fn parquet(input: impl Read, limits: &Limits) -> Result<Opened, FormatError> {
    Ok(made(parquet_rows::records(input, limits)?, None))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_input: impl Read, _limits: &Limits) -> Result<Opened, FormatError> {
    Err(FormatError::Damaged {
        what: "a Parquet file",
        detail: "this program was built without Parquet. Build it with `cargo build --release --features parquet`".to_owned(),
    })
}

/// A reader that names the errors of the gzip decoder.
struct Named<R>(R);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(ReadError::from(error)),
        })
    }
}

#[cfg(test)]
mod tests;
