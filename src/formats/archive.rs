//! Lists and reads the files in a zip archive.
//!
//! The archive is listed once; each file is then read on its own, so that a damaged one fails alone. The sizes of all files
//! of an archive together are limited, and a file that is longer than the list says fails there, so that no archive takes
//! more time than the limit allows. An archive whose files overlap, or have one name, is refused: its list does not say which
//! of them is meant.
//!
//! Source: PKWARE, ".ZIP File Format Specification", version 6.3.10.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use input::Limits;
use zip::{CompressionMethod, ZipArchive};

use crate::FormatError;

/// Number of bytes at the start of a file that show whether it is a zip archive.
pub const MAGIC_BYTES: usize = 4;

/// Returns whether a file that begins with these bytes is a zip archive; an empty one has only the end of its list.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// A file in a zip archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path in the archive, as it is written there.
    pub name: String,
    /// Size in the archive, in bytes.
    pub packed_bytes: u64,
    start: u64,
    unpacked_bytes: u64,
    /// Unpacked size of all files in the archive that are read.
    archive_bytes: u64,
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

/// Lists the files in an archive, in its order: those whose names are wanted, and the names of the other ones. Folders and
/// links are left out.
///
/// # Errors
/// [`FormatError::Damaged`] if the list cannot be read, or files overlap or have one name.
pub fn entries<R: Read + Seek>(
    archive: R,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(Vec<Entry>, Vec<String>), FormatError> {
    let mut archive = ZipArchive::new(archive).map_err(unlisted)?;
    if archive.has_duplicate_names() {
        return Err(damaged(
            "several of its files have one name; pack them again, each with its own name",
        ));
    }
    if archive.has_overlapping_files().map_err(unlisted)? {
        return Err(damaged("its files overlap; do not trust it"));
    }
    let (mut entries, mut unwanted) = (Vec::new(), Vec::new());
    let mut archive_bytes = 0_u64;
    for place in 0..archive.len() {
        let file = archive.by_index_raw(place).map_err(unlisted)?;
        if !file.is_file() {
            continue;
        }
        let name = file.name().map_err(unlisted)?.into_owned();
        if !is_wanted(&name) {
            unwanted.push(name);
            continue;
        }
        let packing = match file.compression() {
            _ if file.encrypted() => Packing::Other,
            CompressionMethod::Stored => Packing::Stored,
            CompressionMethod::Deflated => Packing::Deflated,
            _ => Packing::Other,
        };
        archive_bytes = archive_bytes.saturating_add(file.size());
        entries.push(Entry {
            name,
            packed_bytes: file.compressed_size(),
            start: file
                .data_start()
                .ok_or_else(|| damaged("a file has no start"))?,
            unpacked_bytes: file.size(),
            archive_bytes: 0,
            checksum: file.crc32(),
            packing,
        });
    }
    for entry in &mut entries {
        entry.archive_bytes = archive_bytes;
    }
    Ok((entries, unwanted))
}

fn unlisted(error: impl std::fmt::Display) -> FormatError {
    damaged(error.to_string())
}

impl Entry {
    /// Returns a reader of the unpacked file. At its end it fails if size or checksum are wrong.
    ///
    /// # Errors
    /// [`FormatError::Damaged`] if the file is encrypted, or packed with a method that is not read, and for each file of an
    /// archive if all files together are longer than the limit.
    pub fn read<R: Read + Seek + 'static>(
        &self,
        mut archive: R,
        limits: &Limits,
    ) -> Result<Box<dyn Read>, FormatError> {
        let limit = limits.inflated_bytes_max;
        if self.archive_bytes > limit {
            return Err(damaged(format!(
                "its files have more than {limit} bytes together; unpack it, and give the folder, or raise --inflated-mib-max"
            )));
        }
        archive.seek(SeekFrom::Start(self.start))?;
        let packed = archive.take(self.packed_bytes);
        let unpacked: Box<dyn Read> = match self.packing {
            Packing::Stored => Box::new(packed),
            Packing::Deflated => Box::new(DeflateDecoder::new(packed)),
            Packing::Other => {
                return Err(damaged(
                    "this file in it is encrypted, or packed in a way that is not read; unpack the archive first, and give its \
                     folder",
                ));
            }
        };
        Ok(Box::new(Checked {
            input: unpacked,
            checksum: Crc::new(),
            count: 0,
            expected: (self.checksum, self.unpacked_bytes),
        }))
    }
}

/// A reader that verifies checksum and length at the end, and fails in data that is longer.
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
        let is_over = count == 0 && !target.is_empty();
        if self.count > self.expected.1
            || is_over && (self.checksum.sum(), self.count) != self.expected
        {
            let text = "the file in the zip archive is damaged; fetch the archive again";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(count)
    }
}
