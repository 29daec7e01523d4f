//! Opens what a value wraps, layer by layer, and passes the records on.
//!
//! An element that cannot be opened is rejected alone. The layers are limited, so that no crafted input takes more time
//! or memory than its size allows: gzip data may be in a wrapping once, not again inside of itself, and all such data of
//! an input together may unpack to as many bytes as the input itself.

use std::io::{self, Read};

use json::split::Cursor;
use records::{Rejection, Wrapper};

use super::ReaderState;
use crate::envelope;
use crate::output::{Output, within};
use crate::unpack::{GZIP_MAGIC, inflate};
use crate::wrapping::{self, Content};
use crate::{Layout, Limits, ReadError};

/// Maximum number of wrappings around each other. Five are known to occur: a message of CloudWatch Logs in a record of
/// Kinesis in an object in a list in a file.
const DEPTH_MAX: u8 = 8;

/// How deep a value is in wrappings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nesting {
    depth: u8,
    /// Whether gzip data was opened on the way.
    pub(super) is_unpacked: bool,
}

impl Nesting {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

/// Passes on the records of a JSON value: what it wraps, or else the value itself.
pub(super) fn value(text: &str, nesting: Nesting, output: &mut Output<'_>) {
    match wrapping::row(text) {
        None => {}
        Some(Ok(record)) => return output.record(record.into(), &Wrapper::default()),
        Some(Err(missing)) => return output.reject(not_a_record(missing), &Wrapper::default()),
    }
    let found = match nesting.depth {
        DEPTH_MAX => None,
        _ => wrapping::content(text),
    };
    let Some((content, wrapper)) = found else {
        if let Some(missing) = wrapping::lack(text).filter(|_| nesting.depth < DEPTH_MAX) {
            return output.reject(not_a_record(missing), &Wrapper::default());
        }
        return output.record(text.into(), &Wrapper::default());
    };
    let nesting = nesting.deeper();
    let result = match content {
        Content::Text(text) if wrapping::is_event(&text) && wrapping::row(&text).is_none() => {
            output.record(text, &wrapper);
            Ok(())
        }
        Content::Text(text) => {
            let input = text.into_owned().into();
            inside(output, &wrapper, |output| in_memory(input, nesting, output))
        }
        Content::Base64(text) => inside(output, &wrapper, |output| packed(&text, nesting, output)),
    };
    if let Err(error) = result {
        output.reject(rejection(&error), &wrapper);
    }
}

/// Runs `read` with the account id and the log time of a wrapping as those of the records in it.
fn inside(
    output: &mut Output<'_>,
    wrapper: &Wrapper,
    read: impl FnOnce(&mut Output<'_>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let inner = within(&output.outer, wrapper).into_owned();
    let outer = std::mem::replace(&mut output.outer, inner);
    let result = read(output);
    output.outer = outer;
    result
}

/// Returns the rejection of a row; `missing` says what it lacks.
pub(super) fn not_a_record(missing: &str) -> Rejection {
    let detail = missing.to_owned();
    Rejection::NotJson { detail }
}

/// Reads the content of a wrapping as an input of its own.
fn in_memory(text: Vec<u8>, nesting: Nesting, output: &mut Output<'_>) -> Result<(), ReadError> {
    let length = text.len();
    read(Cursor::whole(text, length), nesting, output)
}

fn read<R: Read>(
    cursor: Cursor<R>,
    nesting: Nesting,
    output: &mut Output<'_>,
) -> Result<(), ReadError> {
    let inner = Output {
        limits: output.limits,
        fast: output.fast.as_deref_mut(),
        visit: &mut *output.visit,
        number: output.number,
        outer: output.outer.clone(),
        inflated_bytes_left: output.inflated_bytes_left,
        strangers: output.strangers,
    };
    let mut state = ReaderState::new(cursor, inner, Layout::Guess);
    state.nesting = nesting;
    let result = state.run();
    let (number, left) = (state.output.number, state.output.inflated_bytes_left);
    output.strangers = state.output.strangers;
    output.number = number;
    output.inflated_bytes_left = left;
    result
}

/// Reads base64 of text or of gzip data.
fn packed(text: &str, nesting: Nesting, output: &mut Output<'_>) -> Result<(), ReadError> {
    let bytes = envelope::decode_any(text).ok_or(ReadError::NotJson {
        offset: 0,
        likeness: "text that is not base64",
    })?;
    if !bytes.starts_with(&GZIP_MAGIC) || nesting.is_unpacked {
        return in_memory(bytes, nesting, output);
    }
    // The checksum is verified before a record is passed on. The data is unpacked twice, because it may be too large for
    // memory.
    let limits = Limits {
        inflated_bytes_max: output.inflated_bytes_left,
        ..*output.limits
    };
    let length = io::copy(&mut inflate(&bytes[..], &limits), &mut io::sink())?;
    output.inflated_bytes_left = output.inflated_bytes_left.saturating_sub(length);
    let nesting = Nesting {
        is_unpacked: true,
        ..nesting
    };
    let unpacked = inflate(&bytes[..], output.limits);
    read(Cursor::new(unpacked), nesting, output)
}

fn rejection(error: &ReadError) -> Rejection {
    let detail = match error {
        ReadError::NotJson { likeness, .. } => format!("the wrapping holds {likeness}"),
        ReadError::Empty => "the wrapping is empty".to_owned(),
        error => error.to_string(),
    };
    Rejection::NotJson { detail }
}
