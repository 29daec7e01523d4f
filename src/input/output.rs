//! Numbers the records of an input, converts them to text, and passes them to the visitor.

use std::borrow::Cow;
use std::sync::Arc;

use json::prefilter::Prefilter;
use json::split::{BYTE_ORDER_MARK, Piece};
use json::structure::{self, Found};
use memchr::memmem;
use records::{Rejection, Wrapper};

use crate::unpack::Unpacker;
use crate::{InputItem, Limits, PayloadOrigin, ReadError};

/// The prefilter and the reused buffers with which records are read faster than by the reference reader.
#[derive(Debug)]
pub(crate) struct Fast {
    pub(crate) prefilter: Arc<Prefilter>,
    /// Buffers for decompressing the payload of a subscription.
    pub(crate) payload: Unpacker,
    /// Buffer for the unescaped text of a record that is a JSON string in a log event.
    pub(crate) record: Vec<u8>,
    /// Where the records of the last payload of a subscription come from.
    pub(crate) origin: PayloadOrigin,
}

/// Passes the records of an input to the visitor: gives each a number, and converts its bytes to text.
pub(crate) struct Output<'v> {
    pub(crate) limits: &'v Limits,
    pub(crate) fast: Option<&'v mut Fast>,
    pub(crate) visit: &'v mut dyn FnMut(InputItem<'_>),
    pub(crate) number: u64,
    /// Account id and log time in the wrappings around the input, for records whose own envelope has none.
    pub(crate) outer: Wrapper,
    /// Number of bytes that gzip data in wrappings may still unpack to.
    pub(crate) inflated_bytes_left: u64,
    /// Number of records so far; `None` after the first record that may be an event.
    pub(crate) strangers: Option<u64>,
}

impl<'v> Output<'v> {
    pub(crate) fn new(limits: &'v Limits, visit: &'v mut dyn FnMut(InputItem<'_>)) -> Self {
        Self {
            limits,
            fast: None,
            visit,
            number: 0,
            outer: Wrapper::default(),
            inflated_bytes_left: limits.inflated_bytes_max,
            strangers: Some(0),
        }
    }

    /// Checks that an event came before too many other records.
    ///
    /// # Errors
    /// [`ReadError::NoEvents`] if none came.
    pub(crate) fn check_strangers(&self) -> Result<(), ReadError> {
        let limit = self.limits.strangers_max;
        match self.strangers {
            Some(count) if count > limit => Err(ReadError::NoEvents { limit }),
            _ => Ok(()),
        }
    }

    pub(crate) fn record(&mut self, text: Cow<'_, str>, wrapper: &Wrapper) {
        count_stranger(&mut self.strangers, self.limits, text.as_bytes());
        self.number += 1;
        let number = self.number;
        let wrapper = &*within(&self.outer, wrapper);
        (self.visit)(InputItem::Record {
            number,
            text,
            wrapper,
        });
    }

    /// Passes the records at the start of `ahead` to the visitor, up to the first record that the fast path declines.
    ///
    /// Returns the number of bytes read; 0 if there is no fast path.
    pub(crate) fn records(&mut self, ahead: &[u8]) -> usize {
        let Self {
            limits,
            fast: Some(fast),
            visit,
            number,
            outer,
            strangers,
            ..
        } = self
        else {
            return 0;
        };
        // All records are found before the first one is passed on, so that searching and processing
        // do not compete for the processor's caches.
        let mut all = Vec::new();
        let max = limits.record_bytes_max;
        let read = structure::records(ahead, max, &fast.prefilter, &mut |found| all.push(found));
        for found in all {
            match found {
                Found::Skipped(count) => {
                    // The filter has read the name of an event.
                    *strangers = strangers.filter(|count| *count > limits.strangers_max);
                    *number += count;
                    visit(InputItem::Skipped { count });
                }
                Found::Record(bytes) => {
                    count_stranger(strangers, limits, bytes);
                    *number += 1;
                    visit(InputItem::Record {
                        number: *number,
                        text: text(bytes),
                        wrapper: outer,
                    });
                }
            }
        }
        read
    }

    pub(crate) fn reject(&mut self, rejection: Rejection, wrapper: &Wrapper) {
        self.strangers = self.strangers.map(|count| count + 1);
        self.number += 1;
        let number = self.number;
        let wrapper = &*within(&self.outer, wrapper);
        (self.visit)(InputItem::Rejected {
            number,
            rejection,
            wrapper,
        });
    }

    pub(crate) fn control_message(&mut self) {
        (self.visit)(InputItem::ControlMessage);
    }

    pub(crate) fn incomplete(&mut self, reason: &'static str) {
        (self.visit)(InputItem::Incomplete { reason });
    }

    pub(crate) fn odd_commas(&mut self) {
        (self.visit)(InputItem::OddCommas);
    }

    /// Passes a record that is in no envelope to the visitor. A record that is too long or cut off is passed as
    /// rejected.
    pub(crate) fn piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Whole(bytes) => self.record(text(bytes), &Wrapper::default()),
            Piece::Oversize => self.oversize(&Wrapper::default()),
            Piece::Cut => self.truncated(),
        }
    }

    pub(crate) fn oversize(&mut self, wrapper: &Wrapper) {
        let limit = self.limits.record_bytes_max;
        self.reject(Rejection::Oversize { limit }, wrapper);
    }

    pub(crate) fn truncated(&mut self) {
        self.reject(Rejection::Truncated, &Wrapper::default());
    }
}

/// Counts a record before the first event; `None` if the record may be an event, because events have members such as
/// `eventSource`. An event after too many other records changes nothing.
fn count_stranger(strangers: &mut Option<u64>, limits: &Limits, record: &[u8]) {
    if let Some(count) = strangers
        && *count <= limits.strangers_max
    {
        match memmem::find(record, b"\"event") {
            Some(_) => *strangers = None,
            None => *count += 1,
        }
    }
}

/// Returns the wrapper, with the fields of the outer one in place of those that it lacks.
pub(crate) fn within<'w>(outer: &Wrapper, wrapper: &'w Wrapper) -> Cow<'w, Wrapper> {
    if *outer == Wrapper::default() {
        return Cow::Borrowed(wrapper);
    }
    let account_id = wrapper.account_id.as_ref().or(outer.account_id.as_ref());
    Cow::Owned(Wrapper {
        account_id: account_id.cloned(),
        logged_at: wrapper.logged_at.or(outer.logged_at),
    })
}

/// Converts bytes to text, without a byte order mark at the start. Invalid UTF-8 is replaced by U+FFFD; valid UTF-8 is
/// borrowed.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
