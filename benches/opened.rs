//! Opens the files of a benchmark with the least work: reads each, and decodes base64 and gzip.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use libdeflater::Decompressor;

/// What goes wrong with a file.
pub type Failed = Box<dyn std::error::Error>;

/// The first two bytes of gzip data (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Buffers that are reused for all files.
pub struct Opener {
    decompressor: Decompressor,
    read: Vec<u8>,
    inflated: Vec<u8>,
}

impl Opener {
    /// Creates an opener with empty buffers.
    pub fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
            read: Vec::new(),
            inflated: Vec::new(),
        }
    }

    /// Returns the JSON text in a trail file, in a subscription payload, or in any other file.
    pub fn open(&mut self, path: &Path) -> Result<&[u8], Failed> {
        self.read.clear();
        fs::File::open(path)?.read_to_end(&mut self.read)?;
        if self.read.starts_with(&GZIP_MAGIC) {
            let packed = std::mem::take(&mut self.read);
            let length = self.inflate(&packed)?;
            self.read = packed;
            return Ok(&self.inflated[..length]);
        }
        let Some(data) = payload_data(&self.read) else {
            return Ok(&self.read);
        };
        let packed = base64_simd::STANDARD.decode_to_vec(data)?;
        let length = self.inflate(&packed)?;
        Ok(&self.inflated[..length])
    }

    /// Decompresses gzip data and returns the length in bytes. All of it must be one member, as in the benchmarks'
    /// files.
    fn inflate(&mut self, packed: &[u8]) -> Result<usize, Failed> {
        let length = packed.last_chunk().copied().unwrap_or_default();
        let capacity = self.inflated.len().max(u32::from_le_bytes(length) as usize);
        self.inflated.resize(capacity, 0);
        Ok(self
            .decompressor
            .gzip_decompress(packed, &mut self.inflated)?)
    }
}

/// Finds the base64 text in a subscription payload.
fn payload_data(text: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = br#""data":"#;
    let key = memchr::memmem::find(text, KEY)? + KEY.len();
    let start = key + memchr::memchr(b'"', &text[key..])? + 1;
    let length = memchr::memchr(b'"', &text[start..])?;
    Some(&text[start..start + length])
}
