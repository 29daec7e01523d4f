//! Bytes in DEFLATE: what an inspection leaves for later, samples, and what is sent.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::{DeflateDecoder, GzEncoder};
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Returns bytes in DEFLATE, as small as they get.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    deflated(bytes, Compression::best())
}

fn deflated(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), level);
    let written = packed.write_all(bytes);
    let packed = written.and_then(|()| packed.finish());
    packed.expect("memory takes all that is written")
}

/// Returns bytes as gzip data.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let read = GzEncoder::new(bytes, Compression::default()).read_to_end(&mut packed);
    read.expect("memory can be read");
    packed
}

/// Inflates what [`deflate`] returned, up to `bytes_max` bytes.
///
/// # Errors
/// It is something else, or cut off.
pub fn inflate(bytes: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let mut stream = DeflateDecoder::new(bytes).take(bytes_max);
    stream.read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Returns a value as bytes: JSON in DEFLATE.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("all keys are text");
    deflated(&json, Compression::fast())
}

/// Reads what [`pack`] returned, if it has no more than so many bytes when it is unpacked.
///
/// # Errors
/// What is wrong with it.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8], bytes_max: u64) -> Result<T, String> {
    let json = inflate(bytes, bytes_max).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
