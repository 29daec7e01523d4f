//! Reads an object of the bucket again every five minutes: the rules file or the settings file.
//!
//! So a change of the file needs no deployment. While the object does not change, each read is one request, and its
//! answer has no content.

use records::time::Timestamp;

use crate::ports::{Bucket, BucketError, Fetched};

/// The time after which an object of the bucket is read again, in seconds.
pub const REREAD_SECONDS: i64 = 300;

/// The state of a bucket object that is read repeatedly: when it was last read, and which version is in use.
#[derive(Debug)]
pub struct Reread {
    key: String,
    bytes_max: usize,
    /// The tag of the version that is in use. `None` if the version in use is not the one that was read last.
    tag: Option<String>,
    /// When the object was last read; `None` before the first read that succeeded.
    read_at: Option<Timestamp>,
}

/// The result of one attempt to read a bucket object again: a new value, a problem, both or neither.
///
/// Neither: the object has not changed. Both: the newest version is invalid, and the value is that of an earlier version.
///
/// Neither: the object has not changed. Both: the newest version is invalid, and the value is that of an earlier version.
#[derive(Debug)]
pub struct RereadResult<T, E> {
    /// The new value to use from now on. `None` if the value in use stays: nothing changed, or no valid value was
    /// found.
    pub value: Option<T>,
    /// What is wrong with the newest version of the object; `None` if nothing is wrong. Without a new value, the value
    /// in use stays.
    pub problem: Option<E>,
}

impl Reread {
    /// Creates the state of an object under `key` that was never read. An object of more than `bytes_max` bytes is
    /// refused.
    pub fn new(key: String, bytes_max: usize) -> Self {
        Self {
            key,
            bytes_max,
            tag: None,
            read_at: None,
        }
    }

    /// Returns the key of the object in the bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Checks whether it is time to read the object again. `true` before the first read, after [`REREAD_SECONDS`], and
    /// if the clock was set back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.read_at
            .is_none_or(|at| !(0..REREAD_SECONDS).contains(&now.seconds_since(at)))
    }

    /// Checks whether the object was read with success at least once. `true` also if the caller accepted that the
    /// object did not exist.
    pub fn is_known(&self) -> bool {
        self.read_at.is_some()
    }

    /// Fetches the object from the bucket; [`Fetched::Unchanged`] if it is the version in use.
    ///
    /// # Errors
    /// [`BucketError`] if the bucket does not answer, or the object is too long.
    pub async fn fetch(&self, bucket: &impl Bucket) -> Result<Fetched, BucketError> {
        let tag = self.tag.as_deref();
        bucket.fetch_changed(&self.key, tag, self.bytes_max).await
    }

    /// Notes the result of a fetch at `now`, and returns the new value or the problem.
    ///
    /// `fetched` is `Ok(None)` for an unchanged object, else the parsed value with the tag of its version. After an
    /// `Err`, the value from before stays in use, and the error becomes [`RereadResult::problem`].
    ///
    /// # Errors
    /// The error in `fetched`, if no value is in use yet. The caller cannot go on without a value.
    pub fn take<T, E>(
        &mut self,
        now: Timestamp,
        fetched: Result<Option<(T, Option<String>)>, E>,
    ) -> Result<RereadResult<T, E>, E> {
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
        Ok(RereadResult { value, problem })
    }
}

impl<T, E> Default for RereadResult<T, E> {
    /// Returns the result of a read that found nothing new and no problem.
    fn default() -> Self {
        Self {
            value: None,
            problem: None,
        }
    }
}
