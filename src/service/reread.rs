//! An object of the bucket that is read again every few minutes, so that a change of it needs no deployment:
//! the rules, and the settings object.
//!
//! While it stays the same, reading it again is one request that brings nothing but the answer that it does.

use records::time::Timestamp;

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
    read_at: Option<Timestamp>,
}

/// What came of looking at an object.
#[derive(Debug)]
pub struct Read<T, E> {
    /// What to go by from now on, unless it is the same.
    pub value: Option<T>,
    /// What is wrong with the object, where what was gone by stays.
    pub problem: Option<E>,
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
    pub fn is_due(&self, now: Timestamp) -> bool {
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

    /// Takes what was read into use, which is nothing where it is the version in use; where it is wrong, what is in use
    /// stays.
    ///
    /// # Errors
    /// What is wrong with it, where nothing is in use yet.
    pub fn take<T, E>(
        &mut self,
        now: Timestamp,
        fetched: Result<Option<(T, Option<String>)>, E>,
    ) -> Result<Read<T, E>, E> {
        let (value, problem) = match fetched {
            Ok(None) => (None, None),
            Ok(Some((value, tag))) => {
                self.tag = tag;
                (Some(value), None)
            }
            Err(problem) if !self.is_known() => return Err(problem),
            Err(problem) => (None, Some(problem)),
        };
        self.read_at = Some(now);
        Ok(Read { value, problem })
    }
}

impl<T, E> Default for Read<T, E> {
    /// There is nothing new.
    fn default() -> Self {
        Self {
            value: None,
            problem: None,
        }
    }
}
