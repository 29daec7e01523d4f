//! Lists and reads the files in a zip archive.
//!
//! The archive is listed once; each file is then read on its own, so that a damaged one fails alone. The size of each
//! unpacked file is limited, and an archive whose files overlap is refused, so that no archive takes more time than its
//! size allows.
//!
//! Source: PKWARE, ".ZIP File Format Specification", version 6.3.10.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use input::Limits;
use input::unpack::limited;
use zip::{CompressionMethod, ZipArchive};

use crate::FormatError;

/// The first bytes of a zip archive; those of an empty one are left out.
pub const MAGIC: &[u8] = b"PK\x03\x04";

/// A file in a zip archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path in the archive, as it is written there.
    pub name: String,
    /// Size in the archive, in bytes.
    pub packed_bytes: u64,
    start: u64,
    unpacked_bytes: u64,
    checksum: u32,
    packing: Packing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Stored,
    Deflated,
    /// Encrypted, or with a method that is not read.
    Other,
}

fn damaged(detail: impl Into<String>) -> FormatError {
    FormatError::Damaged {
        what: "the zip archive",
        detail: detail.into(),
    }
}

/// Lists the files in an archive, in its order. Folders and links are left out.
///
/// # Errors
/// [`FormatError::Damaged`] if the list cannot be read, or files overlap.
pub fn entries<R: Read + Seek>(mut archive: R) -> Result<Vec<Entry>, FormatError> {
    let length = archive.seek(SeekFrom::End(0))?;
    let mut archive = ZipArchive::new(archive).map_err(|error| damaged(error.to_string()))?;
    let mut entries = Vec::new();
    for place in 0..archive.len() {
        let file = archive
            .by_index_raw(place)
            .map_err(|error| damaged(error.to_string()))?;
        if !file.is_file() {
            continue;
        }
        let packing = match file.compression() {
            _ if file.encrypted() => Packing::Other,
            CompressionMethod::Stored => Packing::Stored,
            CompressionMethod::Deflated => Packing::Deflated,
            _ => Packing::Other,
        };
        entries.push(Entry {
            name: file
                .name()
                .map_err(|error| damaged(error.to_string()))?
                .into_owned(),
            packed_bytes: file.compressed_size(),
            start: file
                .data_start()
                .ok_or_else(|| damaged("a file has no start"))?,
            unpacked_bytes: file.size(),
            checksum: file.crc32(),
            packing,
        });
    }
    let sum = entries
        .iter()
        .map(|entry| u128::from(entry.packed_bytes))
        .sum::<u128>();
    match sum > u128::from(length) {
        true => Err(damaged("its files overlap; do not trust it")),
        false => Ok(entries),
    }
}

impl Entry {
    /// Returns a reader of the unpacked file. At its end it fails if size or checksum are wrong.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] if the file is encrypted, or packed with a method that is not read.
    pub fn read<R: Read + Seek + 'static>(
        &self,
        mut archive: R,
        limits: &Limits,
    ) -> Result<Box<dyn Read>, FormatError> {
        archive.seek(SeekFrom::Start(self.start))?;
        let packed = archive.take(self.packed_bytes);
        let unpacked: Box<dyn Read> = match self.packing {
            Packing::Stored => Box::new(packed),
            Packing::Deflated => Box::new(DeflateDecoder::new(packed)),
            Packing::Other => {
                return Err(FormatError::Unsupported {
                    what: "an encrypted or unusually packed file in a zip archive",
                    advice: "unpack the archive first: unzip FILE",
                });
            }
        };
        Ok(Box::new(limited(
            Checked {
                input: unpacked,
                checksum: Crc::new(),
                count: 0,
                expected: (self.checksum, self.unpacked_bytes),
            },
            limits,
        )))
    }
}

/// A reader that verifies checksum and length at the end.
struct Checked<R> {
    input: R,
    checksum: Crc,
    count: u64,
    expected: (u32, u64),
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(target)?;
        self.checksum.update(&target[..count]);
        self.count += count as u64;
        if count == 0 && !target.is_empty() && (self.checksum.sum(), self.count) != self.expected {
            let text = "the file in the zip archive is damaged; fetch the archive again";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(count)
    }
}
