//! Decompresses gzip data, as a stream in constant memory, or in one step where this is safe and faster.
//!
//! The stream accepts any data. Only small data is decompressed in one step, and only if the size in its trailer is
//! plausible. So the memory is limited before any of it is used. The author of a file can write any size there, so the
//! size is accepted only up to a factor that no trail reaches. All other data, and damaged data, goes through the
//! stream, which reports the error.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use json::native::Decompressor;

use crate::{Limits, ReadError};

/// The first two bytes of gzip data (RFC 1952, 2.3.1).
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Maximum number of bytes of gzip data that are decompressed in one step; longer data is decompressed as a stream.
///
/// Files of CloudTrail have at most a few MiB.
pub const PACKED_WHOLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Maximum number of bytes after decompression in one step.
const UNPACKED_WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Maximum factor of growth for decompression in one step. Usual trails grow 10 times, trails full of repeated errors
/// 30 times, and a zip bomb 1,030 times.
const GROWTH_MAX: usize = 64;

/// A decompressor of small gzip data, which works in one step instead of as a stream, and reuses its buffers.
#[derive(Debug, Default)]
pub struct Unpacker {
    decompressor: Option<Decompressor>,
    /// The gzip data to decompress; the caller fills this buffer before [`Self::unpack`].
    pub packed: Vec<u8>,
    /// Buffer for the decompressed data. Only as many bytes at its start are valid as [`Self::unpack`] returned.
    pub unpacked: Vec<u8>,
}

impl Unpacker {
    /// Decompresses all of `packed` into the start of `unpacked`, and returns the number of bytes written.
    ///
    /// `None`: the data is damaged, too large, or has an unusual gzip header. The caller has to read it with
    /// [`inflate`], which reports the error.
    pub fn unpack(&mut self, limits: &Limits) -> Option<usize> {
        let size = declared_size(&self.packed)?;
        let max = u64::try_from(UNPACKED_WHOLE_BYTES_MAX)
            .map_or(0, |max| max.min(limits.inflated_bytes_max));
        if size > self.packed.len().saturating_mul(GROWTH_MAX) || size as u64 > max {
            return None;
        }
        if self.unpacked.len() < size {
            // A new allocation, because zeros from the system cost nothing until they are
            // overwritten. The old buffer is freed first.
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
            let (read, written) = decompressor.member(rest, &mut self.unpacked[length..])?;
            rest = &rest[read..];
            length += written;
        }
        (length as u64 <= max).then_some(length)
    }
}

/// Returns the size in the trailer of gzip data: the uncompressed size modulo 4 GiB (RFC 1952, 2.3.1).
fn declared_size(packed: &[u8]) -> Option<usize> {
    let size = u32::from_le_bytes(*packed.last_chunk()?);
    usize::try_from(size).ok()
}

/// Checks whether a gzip member begins here, and has no checksum of its header, which libdeflate would not verify.
fn is_plain_member(packed: &[u8]) -> bool {
    const HEADER_CHECKSUM: u8 = 1 << 1;
    matches!(packed, [first, second, 8, flags, ..]
        if [*first, *second] == GZIP_MAGIC && flags & HEADER_CHECKSUM == 0)
}

/// Returns a reader that decompresses gzip data of one or more members.
///
/// A read fails with [`ReadError::Inflated`] as soon as the decompressed data exceeds [`Limits::inflated_bytes_max`].
pub fn inflate<R: BufRead>(compressed: R, limits: &Limits) -> impl Read + use<R> {
    limited(MultiGzDecoder::new(compressed), limits)
}

/// Returns a reader of decompressed data, which fails with [`ReadError::Inflated`] after
/// [`Limits::inflated_bytes_max`] bytes.
pub fn limited<R: Read>(unpacked: R, limits: &Limits) -> impl Read + use<R> {
    Capped {
        input: unpacked,
        left: limits.inflated_bytes_max,
        limit: limits.inflated_bytes_max,
    }
}

/// A reader that turns errors of the reader `R` into [`ReadError::Io`], so that they are not mistaken for errors of the
/// gzip decoder.
pub struct Faithful<R>(pub R);

impl<R: Read> Read for Faithful<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            // The reader below names the error itself.
            _ if is_named(&error) => error,
            _ => io::Error::other(ReadError::Io(error)),
        })
    }
}

/// Checks whether an I/O error is a [`ReadError`] inside.
fn is_named(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<ReadError>())
}

/// A reader that fails after a number of bytes.
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
