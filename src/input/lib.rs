//! Splits an input into the JSON texts of its records. An input is a trail file, the payload of a subscription, an
//! EventBridge envelope, a file of JSON lines, or several of these in sequence.
//!
//! The modules, in reading order:
//!
//! - `file`: opens an input and passes its records on, one by one. The format is recognised by the content, not by the
//!   name.
//! - `envelope`: opens the envelopes in which CloudWatch Logs sends and exports records.
//! - `likeness`: describes an input without any event, for error messages.
//! - `wrapping`: finds what is wrapped in a value that is not an event: messages of queues, rows of queries, documents.
//! - `row`: makes a record from the columns of a row.
//! - `output`: numbers the records and passes them to the caller.
//! - `unpack`: decompresses gzip data, as a stream in constant memory, or in one step where this is safe and faster.

pub mod envelope;
pub mod file;
pub mod likeness;
mod output;
pub mod row;
pub mod unpack;
mod wrapping;

use std::borrow::Cow;
use std::io;

use records::{Rejection, Wrapper};

/// Maximum length, in bytes, of a JSON value that is kept in memory because it may contain a payload in base64.
///
/// This is enough for 6 MiB of data in base64 with line breaks.
pub const CAPTURE_BYTES_MAX: usize = 9 * 1024 * 1024;

/// Maximum length of a subscription payload, in bytes, after base64 decoding and before gzip decompression.
///
/// AWS Lambda accepts no event larger than 6 MB.
pub const PACKED_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Limits on the size of an input and of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of bytes of an input, or of a payload in it, after gzip decompression. A larger input is refused
    /// with [`ReadError::Inflated`].
    ///
    /// The largest measured trail files and payloads had 13 MiB, while a crafted payload of 1 MiB can have 770 MiB.
    pub inflated_bytes_max: u64,
    /// Maximum number of bytes of one record. A longer record is rejected, and the other records of the input are still
    /// read.
    ///
    /// CloudTrail's own limit is 256 KB, and CloudWatch Logs accepts events of 1 MB.
    pub record_bytes_max: usize,
    /// Maximum number of records in one payload of a subscription; a larger payload is refused with
    /// [`ReadError::Records`].
    ///
    /// The largest measured number is 8,035. Files have no such limit.
    pub records_max: u64,
    /// Maximum number of records of a file before the first event; a file with more is refused with
    /// [`ReadError::NoEvents`].
    ///
    /// In a crafted file of 0.1 MiB these are 28 million empty objects. A file that holds events has one in its first lines.
    pub strangers_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflated_bytes_max: 256 * 1024 * 1024,
            record_bytes_max: 2 * 1024 * 1024,
            records_max: 200_000,
            strangers_max: 1_000_000,
        }
    }
}

/// The format of an input, as far as the caller knows it before the input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Unknown: the content decides.
    Guess,
    /// JSON lines, known from the name of the file: each line is a JSON value of its own.
    Lines,
    /// The invocation event of a CloudWatch Logs subscription; any other content is an error.
    Subscription,
}

/// A part of an input, as readers pass it to the visitor: a record, a run of skipped records, or a control message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputItem<'a> {
    /// The text of a record. It is not parsed yet, and may turn out not to be a CloudTrail record.
    Record {
        /// Position of the record in the input, from 1; rejected and skipped records count too.
        number: u64,
        /// JSON text of the record; invalid UTF-8 was replaced by U+FFFD.
        text: Cow<'a, str>,
        /// Account id and log time of the record, as far as the envelope around the record contains them.
        wrapper: &'a Wrapper,
    },
    /// A record that cannot be read; the records after it are still read.
    Rejected {
        /// Position of the record in the input, from 1; rejected and skipped records count too.
        number: u64,
        /// Reason why the record cannot be read.
        rejection: Rejection,
        /// Account id and log time of the record, as far as the envelope around the record contains them.
        wrapper: &'a Wrapper,
    },
    /// Consecutive records of successful calls, which the prefilter of a [`file::Reader`] did not let through.
    Skipped {
        /// Number of these records.
        count: u64,
    },
    /// A control message, by which CloudWatch Logs checks whether the destination exists. It contains no records.
    ControlMessage,
    /// The input is an answer that says itself that it is not complete.
    Incomplete {
        /// What the answer says, in a few words.
        reason: &'static str,
    },
    /// In a list of records, commas are missing or surplus. All records were passed on.
    OddCommas,
}

/// The log group and the log stream from which the records of a subscription payload come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadOrigin {
    /// Name of the log group; `None` if the payload does not contain one, or cannot be read that far.
    pub log_group: Option<String>,
    /// Name of the log stream; `None` if the payload does not contain one, or cannot be read that far.
    pub log_stream: Option<String>,
}

/// Reason why an input cannot be read to its end. The caller must discard all items of this input that were passed to
/// the visitor before.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReadError {
    /// Reading the file or stream failed.
    #[error("cannot read the input: {0}")]
    Io(#[source] io::Error),
    /// The gzip data is damaged, incomplete, or followed by other data.
    #[error("the gzip data is damaged or incomplete ({detail}); fetch it again")]
    Gzip {
        /// Message of the gzip decoder.
        detail: String,
    },
    /// The gzip data is longer than the limit after decompression.
    #[error("the packed data inflates to more than {limit} bytes; unpack and split it first")]
    Inflated {
        /// The exceeded limit on the decompressed data, in bytes.
        limit: u64,
    },
    /// The subscription payload contains more records than the limit.
    #[error(
        "the payload contains more than {limit} records; CloudWatch Logs never sends that many"
    )]
    Records {
        /// The exceeded limit: the maximum number of records in a payload.
        limit: u64,
    },
    /// The file begins with more records that are no events than the limit.
    #[error(
        "the first {limit} records are no CloudTrail events, and the rest was not read; if there are events further on, split \
         the file"
    )]
    NoEvents {
        /// The exceeded limit on the number of records before the first event.
        limit: u64,
    },
    /// The input is empty, or has only white space.
    #[error("the input is empty; expected CloudTrail records")]
    Empty,
    /// The input does not begin with a JSON object or array.
    #[error(
        "no CloudTrail records: expected JSON, found {likeness} at byte {offset}{}",
        likeness::next_step(likeness)
    )]
    NotJson {
        /// Offset of the first byte that is not white space, after decompression.
        offset: u64,
        /// Description of the content at this offset, in a few words.
        likeness: &'static str,
    },
    /// The subscription payload cannot be opened.
    #[error("the subscription payload cannot be opened: {0}")]
    #[strum(transparent)]
    Payload(#[from] PayloadFault),
}

impl ReadError {
    /// Returns the stable name of the error, such as `not_json`, under which errors are counted and stored.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl From<io::Error> for ReadError {
    /// Returns the [`ReadError`] inside of an I/O error. Any other I/O error comes from the gzip decoder.
    fn from(error: io::Error) -> Self {
        error
            .downcast::<ReadError>()
            .unwrap_or_else(|error| Self::Gzip {
                detail: error.to_string(),
            })
    }
}

/// Reason why the payload of a CloudWatch Logs subscription cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", prefix = "payload_")]
pub enum PayloadFault {
    /// There is no string `awslogs.data`, or it is empty.
    #[error("there is no awslogs.data string; expected the event of a subscription filter")]
    NoData,
    /// The string `awslogs.data` is not base64 in the standard alphabet.
    #[error("awslogs.data is not standard base64; save the event again, unchanged")]
    Base64,
    /// The string `awslogs.data` is longer than an event for AWS Lambda can be.
    #[error(
        "awslogs.data is longer than {PACKED_BYTES_MAX} bytes; AWS Lambda accepts no such event"
    )]
    TooLong,
    /// The decoded bytes of `awslogs.data` are not gzip data.
    #[error("awslogs.data is not gzip data; save the event again, unchanged")]
    NotGzip,
    /// The decompressed data is not a message of CloudWatch Logs.
    #[error(
        "awslogs.data is not a CloudWatch Logs message; check what the subscription filter sends"
    )]
    NotLogs,
    /// The JSON of the invocation event, or of the CloudWatch Logs message in it, ends too early.
    #[error("the JSON ends too early; save the whole event again")]
    Cut,
    /// There is more text after the invocation event, or after the CloudWatch Logs message in it.
    #[error("there is more than one message; split the input into one payload for each message")]
    Trailing,
}

impl PayloadFault {
    /// Returns the stable name of the fault, such as `payload_no_data`, under which faults are counted and stored.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
