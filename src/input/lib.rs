//! Turns bytes into the text of single records: trail files, saved payloads, envelopes and lines.
//!
//! The modules, in reading order:
//!
//! - `file` opens an input and hands its records over one at a time. The content says what the input is, not the name.
//! - `envelope` opens what CloudWatch Logs wraps around records.
//! - `likeness` says what an input looks like that holds no event.
//! - `unpack` inflates gzip data: as a stream in constant memory, or at once where that is safe and faster.

pub mod envelope;
pub mod file;
pub mod likeness;
mod output;
mod unpack;

use std::borrow::Cow;
use std::io;

use records::{Rejection, Wrapper};

/// What is kept of one value that may turn out to be a payload: 6 MiB in base64, with line breaks.
pub const CAPTURE_BYTES_MAX: usize = 9 * 1024 * 1024;

/// What the base64 of a payload may decode to: AWS Lambda takes no larger event than 6 MB.
pub const PACKED_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How much an input may hold before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that come out of gzip. Trail files and payloads were measured at up to 13 MiB, while
    /// a payload of 1 MiB can be made to inflate to 770 MiB.
    pub inflated_bytes_max: u64,
    /// Bytes of one record. CloudTrail's limit is 256 KB, CloudWatch Logs takes events of 1 MB.
    pub record_bytes_max: usize,
    /// Records in one subscription payload; 8 035 were measured. Files have no such limit.
    pub records_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflated_bytes_max: 256 * 1024 * 1024,
            record_bytes_max: 2 * 1024 * 1024,
            records_max: 200_000,
        }
    }
}

/// What is known about an input before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Nothing: its content tells.
    Guess,
    /// Its name says that every line stands for itself.
    Lines,
    /// It is the event of a subscription, and nothing else will do.
    Subscription,
}

/// What an input holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputItem<'a> {
    /// The text of a record, which may still turn out to be none.
    Record {
        /// Its position in the input from 1, rejected ones counted.
        number: u64,
        /// Its JSON; bytes that are no UTF-8 were replaced.
        text: Cow<'a, str>,
        /// What stands around it.
        wrapper: &'a Wrapper,
    },
    /// A record that cannot be handed over.
    Rejected {
        /// Its position in the input from 1, like that of the others.
        number: u64,
        /// Why.
        rejection: Rejection,
        /// What stands around it.
        wrapper: &'a Wrapper,
    },
    /// Records in a row that the prefilter of a [`file::Reader`] held back: calls that succeeded.
    Skipped {
        /// How many.
        count: u64,
    },
    /// CloudWatch Logs checked whether the destination is there: nothing in it is a record.
    ControlMessage,
}

/// Why an input cannot be read, or not to its end; what was visited before does not count.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReadError {
    /// The input itself failed.
    #[error("cannot read the input: {0}")]
    Io(#[source] io::Error),
    /// The gzip data is damaged, cut off, or followed by something else.
    #[error("the gzip data is damaged or incomplete ({detail}); fetch it again")]
    Gzip {
        /// What the decoder says.
        detail: String,
    },
    /// The gzip data inflates to more than the limit.
    #[error("the gzip data inflates to more than {limit} bytes; unpack and split it first")]
    Inflated {
        /// The limit that was passed, in bytes.
        limit: u64,
    },
    /// The payload holds more records than the limit.
    #[error("the payload holds more than {limit} records; no subscription sends that many")]
    Records {
        /// The limit that was passed.
        limit: u64,
    },
    /// There is nothing in it.
    #[error("the input is empty; expected CloudTrail records")]
    Empty,
    /// It begins with what begins no CloudTrail input.
    #[error("no CloudTrail records: at byte {offset} begins {likeness}, not JSON")]
    NotJson {
        /// Where the first byte that is no white space stands, after unpacking.
        offset: u64,
        /// What begins there.
        likeness: &'static str,
    },
    /// The subscription payload cannot be opened.
    #[error("the subscription payload cannot be opened: {0}")]
    #[strum(transparent)]
    Payload(#[from] PayloadFault),
}

impl ReadError {
    /// Returns the stable short name used in counts and in the store.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl From<io::Error> for ReadError {
    /// Unpacks an error that came through a decoder: only the decoder's own are not ours.
    fn from(error: io::Error) -> Self {
        error
            .downcast::<ReadError>()
            .unwrap_or_else(|error| Self::Gzip {
                detail: error.to_string(),
            })
    }
}

/// Why a subscription payload cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", prefix = "payload_")]
pub enum PayloadFault {
    /// There is no `awslogs.data`, or nothing in it.
    #[error("no awslogs.data string in it; expected the event of a subscription filter")]
    NoData,
    /// The data is not in the standard alphabet, or damaged.
    #[error("awslogs.data is not standard base64; save the event again, unchanged")]
    Base64,
    /// The data is longer than AWS Lambda lets an event be.
    #[error("awslogs.data is longer than {PACKED_BYTES_MAX} bytes; no subscription sends that")]
    TooLong,
    /// The data is something else than gzip.
    #[error("awslogs.data is not gzip data; save the event again, unchanged")]
    NotGzip,
    /// What is inside is not what CloudWatch Logs writes.
    #[error("no CloudWatch Logs message in it; check what the subscription filter sends")]
    NotLogs,
    /// The JSON, outside or inside, ends too early.
    #[error("its JSON ends too early; save the event again, to its end")]
    Cut,
    /// Something follows what CloudWatch Logs wrote.
    #[error("more than one message in it; split it into one payload a message")]
    Trailing,
}

impl PayloadFault {
    /// Returns the stable short name used in counts and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
