//! Replaces `s3` in a program built without AWS support, which cannot read S3.

use std::io::{self, Read};

use anyhow::bail;
use records::redact::sanitize;

use crate::aws_options::Remote;
use crate::skipped::Skipped;

/// An object in S3. There is none, because none can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {}

impl Object {
    /// Never called.
    pub fn name(&self) -> String {
        match *self {}
    }

    /// Never called.
    pub fn key(&self) -> &str {
        match *self {}
    }

    /// Never called.
    pub fn bytes(&self) -> u64 {
        match *self {}
    }

    /// Never called.
    pub fn may_be_skipped(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        match *self {}
    }
}

/// Always fails, because this program was built without AWS support. The text says how to get the files.
pub fn list(address: &str, _: Remote<'_>) -> anyhow::Result<(Vec<Object>, Skipped)> {
    let address = sanitize(address, 512);
    bail!(
        "this program was built without AWS support; copy the files first with `aws s3 sync {address} trail` and scan the \
         folder trail, or build the full program with `make build`"
    )
}
