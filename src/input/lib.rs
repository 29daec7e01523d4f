//! Turns bytes into the text of single records: trail files, saved payloads, envelopes and lines.
//!
//! The modules, in reading order:
//!
//! - `file` opens an input and hands its records over one at a time. The content says what the input is, not the name.
//! - `envelope` opens what CloudWatch Logs wraps around records.
//! - `unpack` inflates gzip data: as a stream in constant memory, or at once where that is safe and faster.

pub mod envelope;
pub mod file;
mod unpack;
