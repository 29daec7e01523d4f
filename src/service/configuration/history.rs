//! Who changed the settings file or the rules file of a stack, when and how.
//!
//! Each change is an object of the bucket. Its key has a hash of its content, so a change that is noted twice is one change,
//! and the order of notes does not matter. It is noted before the file is put: a note without a file is harmless, and a file
//! without a note would be a change by an unknown person.

use data_encoding::HEXLOWER;
use records::redact::sanitize;
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::changes::Change;
use crate::ports::{Bucket, BucketError};

/// The folder of the bucket with the changes. It is not below `config/`, which only the functions may read.
pub const HISTORY: &str = "history/";

/// The highest number of differences that are kept of one change.
const CHANGES_MAX: usize = 200;

/// The size of the largest object of the history that is read, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// How many objects are listed in one call.
const PAGE: usize = 1000;

/// A change of a file in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConfigChange {
    /// When, by the clock of the person's machine, in RFC 3339.
    pub at: String,
    /// The ARN of the person or role.
    pub who: String,
    /// The file: `settings` or `rules`.
    pub file: String,
    /// The [`file_version`](super::file_version) of the file after the change, as in the `config_version` of alerts.
    pub version: String,
    /// Where it came from, such as `config set settings.toml`.
    pub source: String,
    /// What it has, in numbers, such as `2 account names`; never what is secret.
    pub summary: String,
    /// What differs from the file before, at most 200 entries; `None` if the person may not read the file before.
    pub changes: Option<Vec<Change>>,
}

impl ConfigChange {
    /// Creates a change of `file` to `version`. All texts are sanitized.
    pub fn new(
        at: Timestamp,
        who: &str,
        (file, version): (&str, &str),
        (source, summary): (&str, &str),
        changes: Option<Vec<Change>>,
    ) -> Self {
        Self {
            at: at.to_string(),
            who: sanitize(who, 2048),
            file: file.to_owned(),
            version: version.to_owned(),
            source: sanitize(source, 512),
            summary: sanitize(summary, 512),
            changes: changes.map(|changes| changes.into_iter().take(CHANGES_MAX).collect()),
        }
    }

    /// Returns the key of the object: sorted by time, and equal for equal changes.
    pub fn key(&self) -> String {
        let hash = HEXLOWER.encode(&Sha256::digest(self.encode()));
        format!("{HISTORY}{}-{}.json", self.at, &hash[..16])
    }

    /// Returns the content of the object as JSON text.
    fn encode(&self) -> String {
        // All keys are text, so this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Notes a change. To note it again changes nothing.
///
/// # Errors
/// [`BucketError`] if the bucket does not answer or refuses. Do not make the change then.
pub async fn note(bucket: &impl Bucket, change: &ConfigChange) -> Result<(), BucketError> {
    let key = change.key();
    bucket.keep(&key, change.encode().into_bytes()).await
}

/// Returns the last `count` changes, the newest first. Objects that are no changes are left out.
///
/// # Errors
/// [`BucketError`] if the bucket does not answer or refuses.
pub async fn changes(bucket: &impl Bucket, count: usize) -> Result<Vec<ConfigChange>, BucketError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = bucket.list(HISTORY, keys.last().map(String::as_str), PAGE);
        let page = page.await?;
        let is_last = page.len() < PAGE;
        keys.extend(page.into_iter().map(|object| object.key));
        if is_last {
            break;
        }
    }
    let mut changes = Vec::new();
    for key in keys.iter().rev().take(count) {
        let bytes = bucket.fetch(key, BYTES_MAX).await?;
        changes.extend(bytes.and_then(|bytes| serde_json::from_slice::<ConfigChange>(&bytes).ok()));
    }
    changes.sort_by(|one, other| other.cmp(one));
    Ok(changes)
}
