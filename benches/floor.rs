//! Measures the least work of every scan: reads each file, and decodes base64 and gzip.
//!
//! No program that reads CloudTrail files can need less time than this.
//!
//! Usage: `floor PATH…`, files or folders; prints one line of JSON with their number and sizes in bytes.

#[path = "files.rs"]
mod files;

use std::fs;
use std::io::Read as _;
use std::path::Path;

use libdeflater::Decompressor;

type Failed = Box<dyn std::error::Error>;

/// The first two bytes of gzip data (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Buffers that are reused for all files, and the totals.
struct Floor {
    decompressor: Decompressor,
    read: Vec<u8>,
    inflated: Vec<u8>,
    files: u64,
    bytes: u64,
    largest: u64,
}

fn main() -> Result<(), Failed> {
    let mut floor = Floor {
        decompressor: Decompressor::new(),
        read: Vec::new(),
        inflated: Vec::new(),
        files: 0,
        bytes: 0,
        largest: 0,
    };
    for path in std::env::args_os().skip(1) {
        for file in files::files(Path::new(&path))? {
            floor
                .file(&file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        let Floor {
            files,
            bytes,
            largest,
            ..
        } = floor;
        println!(r#"{{"files":{files},"bytes":{bytes},"largest":{largest}}}"#);
    }
    Ok(())
}

impl Floor {
    fn file(&mut self, path: &Path) -> Result<(), Failed> {
        self.read.clear();
        fs::File::open(path)?.read_to_end(&mut self.read)?;
        let read = std::mem::take(&mut self.read);
        let length = if read.starts_with(&GZIP_MAGIC) {
            self.inflate(&read)?
        } else if let Some(data) = payload_data(&read) {
            self.inflate(&base64_simd::STANDARD.decode_to_vec(data)?)?
        } else {
            read.len()
        };
        self.read = read;
        self.files += 1;
        self.bytes += length as u64;
        self.largest = self.largest.max(length as u64);
        Ok(())
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
