//! What an inspection leaves for later, as bytes: JSON in DEFLATE.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Returns a value as bytes.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Neither can fail: all keys are text, and it is written into memory.
    let _ = packed.write_all(&serde_json::to_vec(value).unwrap_or_default());
    packed.finish().unwrap_or_default()
}

/// Reads what [`pack`] returned, if it has no more than so many bytes when it is unpacked.
///
/// # Errors
/// What is wrong with it.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8], bytes_max: u64) -> Result<T, String> {
    let mut json = Vec::new();
    let mut unpacked = DeflateDecoder::new(bytes).take(bytes_max);
    let read = unpacked.read_to_end(&mut json);
    read.map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
