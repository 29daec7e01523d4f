//! Bytes become records: trail files, saved payloads, envelopes and lines are opened, and each record's text is
//! handed over.

pub mod envelope;
pub mod file;
mod unpack;
