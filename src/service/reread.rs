//! An object of the bucket that is read again every few minutes, so that a change of it needs no deployment:
//! the rules, and the settings object.
//!
//! While it stays the same, reading it again is one request that brings nothing but the answer that it does.

use records::time::EventTime;

use crate::ports::{Bucket, BucketError, Fetched};

/// How long an object holds before it is read again.
pub const REREAD_SECONDS: i64 = 300;

/// When an object was read last, and which version of it is in use.
#[derive(Debug)]
pub struct Reread {
    key: String,
    bytes_max: usize,
    /// The tag of the version that is in use; none where that is not what was read last.
    tag: Option<String>,
    read_at: Option<EventTime>,
}

impl Reread {
    /// Returns the object of a key, never read so far, of at most so many bytes.
    pub fn new(key: String, bytes_max: usize) -> Self {
        Self {
            key,
            bytes_max,
            tag: None,
            read_at: None,
        }
    }

    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Tells whether it is time to read it. A clock that was set back makes it time.
    pub fn is_due(&self, now: EventTime) -> bool {
        self.read_at
            .is_none_or(|at| !(0..REREAD_SECONDS).contains(&now.seconds_since(at)))
    }

    /// Tells whether a version is in use already, or that there is none.
    pub fn is_known(&self) -> bool {
        self.read_at.is_some()
    }

    /// Reads the object, unless it is the version in use.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket does not answer, or the object is too long.
    pub async fn fetch(&self, bucket: &impl Bucket) -> Result<Fetched, BucketError> {
        let tag = self.tag.as_deref();
        bucket.fetch_changed(&self.key, tag, self.bytes_max).await
    }

    /// Takes what was read into use: a version by its tag, or nothing at all.
    pub fn take(&mut self, now: EventTime, tag: Option<String>) {
        self.tag = tag;
        self.hold(now);
    }

    /// Goes on with what is in use until it is time again.
    pub fn hold(&mut self, now: EventTime) {
        self.read_at = Some(now);
    }
}
