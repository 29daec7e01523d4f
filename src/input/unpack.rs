//! Gzip data unpacked: as a stream of constant memory, and whole where that is safe and faster.
//!
//! The stream takes anything. What is unpacked whole must be small, and must say itself how large
//! it will be, which bounds the memory before any of it is used: the size in the trailer is written
//! by whoever wrote the file, so it is believed only up to a factor that no trail reaches. Whatever
//! is not as plain as that, or damaged, goes through the stream, which knows what is wrong with it.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use json::native::Decompressor;

use crate::{Limits, ReadError};

/// The first two bytes of gzip data (RFC 1952, 2.3.1).
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How much gzip data is unpacked whole; CloudTrail delivers a few MiB at most.
pub const PACKED_WHOLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much may come out of it.
const UNPACKED_WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How many times larger than itself it may become. Trails become 10 times larger, storms 30 times;
/// a bomb becomes 1,030 times larger.
const GROWTH_MAX: usize = 64;

/// Unpacks gzip data whole, into room that is used again.
#[derive(Debug, Default)]
pub struct Unpacker {
    decompressor: Option<Decompressor>,
    /// Gzip data on its way in.
    pub packed: Vec<u8>,
    /// What came out of it.
    pub unpacked: Vec<u8>,
}

impl Unpacker {
    /// Unpacks all of `packed` into the start of `unpacked` and returns its length, or `None` where
    /// only the stream can tell what it holds.
    pub fn unpack(&mut self, limits: &Limits) -> Option<usize> {
        let size = told_size(&self.packed)?;
        let max = u64::try_from(UNPACKED_WHOLE_BYTES_MAX)
            .map_or(0, |max| max.min(limits.inflated_bytes_max));
        if size > self.packed.len().saturating_mul(GROWTH_MAX) || size as u64 > max {
            return None;
        }
        if self.unpacked.len() < size {
            // Taken from the system anew, and so made of zeros that cost nothing until they are
            // written over; what the last file left is given back before.
            self.unpacked = Vec::new();
            self.unpacked = vec![0; size.next_power_of_two()];
        }
        if self.decompressor.is_none() {
            self.decompressor = Decompressor::new();
        }
        let decompressor = self.decompressor.as_mut()?;
        let mut rest = &self.packed[..];
        let mut length = 0;
        while !rest.is_empty() {
            if !is_plain_member(rest) {
                return None;
            }
            let (taken, written) = decompressor.member(rest, &mut self.unpacked[length..])?;
            rest = &rest[taken..];
            length += written;
        }
        (length as u64 <= max).then_some(length)
    }
}

/// Returns the size that gzip data ends with (RFC 1952, 2.3.1), modulo 4 GiB.
fn told_size(packed: &[u8]) -> Option<usize> {
    let size = u32::from_le_bytes(*packed.last_chunk()?);
    usize::try_from(size).ok()
}

/// Tells whether a member begins here without a checksum of its header, which is not checked when
/// it is unpacked whole.
fn is_plain_member(packed: &[u8]) -> bool {
    const HEADER_CHECKSUM: u8 = 1 << 1;
    matches!(packed, [first, second, 8, flags, ..]
        if [*first, *second] == GZIP_MAGIC && flags & HEADER_CHECKSUM == 0)
}

/// Inflates gzip data, all members of it, up to the limit.
pub fn inflate<R: BufRead>(compressed: R, limits: &Limits) -> impl Read + use<R> {
    Capped {
        input: MultiGzDecoder::new(compressed),
        left: limits.inflated_bytes_max,
        limit: limits.inflated_bytes_max,
    }
}

/// Passes the errors of an input on as [`ReadError::Io`], so that behind a decoder they can be
/// told from the decoder's own.
pub struct Faithful<R>(pub R);

impl<R: Read> Read for Faithful<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(ReadError::Io(error)),
        })
    }
}

/// Refuses to hand over more than a number of bytes.
struct Capped<R> {
    input: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            let limit = self.limit;
            io::Error::other(ReadError::Inflated { limit })
        })?;
        Ok(count)
    }
}
