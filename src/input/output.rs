//! Where records go: they are numbered, made text, and handed to whoever asked.

use std::borrow::Cow;

use json::prefilter::Prefilter;
use json::split::{BYTE_ORDER_MARK, Piece};
use json::structure::{self, Found};
use records::{Rejection, Wrapper};

use crate::unpack::Unpacker;
use crate::{InputItem, Limits};

/// Caches and buffers of the fast path, which are used again for each record.
#[derive(Debug)]
pub(crate) struct Fast {
    pub(crate) prefilter: &'static Prefilter,
    /// The payload of a subscription on its way from base64 to records.
    pub(crate) payload: Unpacker,
    /// A record without the escapes of the string that it came in.
    pub(crate) record: Vec<u8>,
}

/// Where items go: numbers them, and makes text of bytes.
pub(crate) struct Output<'v> {
    pub(crate) limits: &'v Limits,
    pub(crate) fast: Option<&'v mut Fast>,
    pub(crate) visit: &'v mut dyn FnMut(InputItem<'_>),
    pub(crate) number: u64,
}

impl<'v> Output<'v> {
    pub(crate) fn new(limits: &'v Limits, visit: &'v mut dyn FnMut(InputItem<'_>)) -> Self {
        Self {
            limits,
            fast: None,
            visit,
            number: 0,
        }
    }

    pub(crate) fn record(&mut self, text: Cow<'_, str>, wrapper: &Wrapper) {
        self.number += 1;
        let number = self.number;
        (self.visit)(InputItem::Record {
            number,
            text,
            wrapper,
        });
    }

    /// Hands over the records that the text ahead begins with, as long as they are plain; returns
    /// how many bytes that took.
    pub(crate) fn records(&mut self, ahead: &[u8]) -> usize {
        let Self {
            limits,
            fast: Some(fast),
            visit,
            number,
        } = self
        else {
            return 0;
        };
        // First all are found and then all are handed over: what finds and what concludes each keep
        // the processor's caches to themselves.
        let mut all = Vec::new();
        let max = limits.record_bytes_max;
        let taken = structure::records(ahead, max, fast.prefilter, &mut |found| all.push(found));
        let wrapper = Wrapper::default();
        for found in all {
            match found {
                Found::Skipped(count) => {
                    *number += count;
                    visit(InputItem::Skipped { count });
                }
                Found::Record(bytes) => {
                    *number += 1;
                    visit(InputItem::Record {
                        number: *number,
                        text: text(bytes),
                        wrapper: &wrapper,
                    });
                }
            }
        }
        taken
    }

    pub(crate) fn reject(&mut self, rejection: Rejection, wrapper: &Wrapper) {
        self.number += 1;
        let number = self.number;
        (self.visit)(InputItem::Rejected {
            number,
            rejection,
            wrapper,
        });
    }

    pub(crate) fn control_message(&mut self) {
        (self.visit)(InputItem::ControlMessage);
    }

    /// Hands over a piece that nothing is wrapped around.
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

/// Returns bytes as text. What is not UTF-8 is replaced; valid UTF-8 is borrowed.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
