//! Compresses bytes with DEFLATE or gzip: the inspection state, samples, and request bodies.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::{DeflateDecoder, GzEncoder};
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Compresses bytes with DEFLATE at the best compression level.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    deflated(bytes, Compression::best())
}

fn deflated(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), level);
    let written = packed.write_all(bytes);
    let packed = written.and_then(|()| packed.finish());
    packed.expect("writing to memory does not fail")
}

/// Compresses bytes as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let read = GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed);
    read.expect("reading from memory does not fail");
    packed
}

/// Decompresses the output of [`deflate`]; returns at most `bytes_max` bytes, and drops the rest without an error.
///
/// # Errors
/// If the bytes are not DEFLATE data, or are truncated.
pub fn inflate(bytes: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let mut stream = DeflateDecoder::new(bytes).take(bytes_max);
    stream.read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Serializes a value as JSON and compresses the JSON with DEFLATE; panics if a map key is no string.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("all keys are text");
    deflated(&json, Compression::fast())
}

/// Decompresses and parses the output of [`pack`]; `bytes_max` is the maximum length of the JSON in bytes.
///
/// # Errors
/// A description of the problem, if the bytes are damaged, the JSON is longer, or it is no JSON of type `T`.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8], bytes_max: u64) -> Result<T, String> {
    let json = inflate(bytes, bytes_max).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
