//! Loads the rules of a function from the bucket, and loads them again when they change.
//!
//! The function processes no event before it has valid rules. Otherwise events would be counted in wrong
//! clusters for ever, and an event that waits is not lost. If a later version of the rules is not valid,
//! its errors are reported and the last valid rules stay in use.

use records::time::Timestamp;

use crate::configuration::file_version;
use crate::ports::{Bucket, BucketError, Fetched};
use crate::reread::{Reread, RereadResult};
use crate::rulefile::{FileProblem, listed, text_of};
use crate::rules::{RULES_BYTES_MAX, Rules};

/// Loads the rules file from the bucket, and remembers which version of the file is in use. Without a key there are no
/// rules.
#[derive(Debug)]
pub struct RulesLoader {
    object: Option<Reread>,
    version: String,
}

/// Why the rules file in the bucket cannot be used.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum RulesProblem {
    /// The bucket does not answer, or refuses access.
    #[error("cannot read the rules {key}: {source}")]
    #[strum(serialize = "RulesUnavailable")]
    Unavailable {
        /// The key of the rules object.
        key: String,
        /// The error of the bucket.
        source: BucketError,
    },
    /// The bucket has no object of this key.
    #[error(
        "the bucket has no rules file {key}; upload it, or leave RulesObject (RULES_OBJECT) empty"
    )]
    #[strum(serialize = "RulesMissing")]
    Missing {
        /// The key of the rules object.
        key: String,
    },
    /// The rules file has errors.
    #[error("the rules file is not valid: {}", listed(key, complaints))]
    #[strum(serialize = "RulesWrong")]
    Wrong {
        /// The key of the rules object.
        key: String,
        /// All errors of the file, in the order of lines.
        complaints: Vec<FileProblem>,
    },
}

impl RulesProblem {
    /// Returns the stable name for logs, such as `RulesMissing`.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl RulesLoader {
    /// Creates the loader of the rules file under `key`. With `None` there is no file to load, and [`Self::read`] never
    /// returns rules.
    pub fn new(key: Option<String>) -> Self {
        Self {
            object: key.map(|key| Reread::new(key, RULES_BYTES_MAX)),
            version: file_version(None),
        }
    }

    /// Returns the [`file_version`] of the rules file that is in use.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Loads the rules, at most every [`REREAD_SECONDS`](crate::reread::REREAD_SECONDS), and returns them if they
    /// changed.
    ///
    /// [`RereadResult::value`] is `None` if the rules in use stay: it is too early to read the file again, or the file
    /// is unchanged or not valid.
    ///
    /// # Errors
    /// [`RulesProblem`] when no valid rules were loaded so far. Later problems are in [`RereadResult::problem`].
    pub async fn read(
        &mut self,
        now: Timestamp,
        bucket: &impl Bucket,
    ) -> Result<RereadResult<Rules, RulesProblem>, RulesProblem> {
        let object = self.object.as_mut();
        let Some(object) = object.filter(|object| object.is_due(now)) else {
            return Ok(RereadResult::default());
        };
        let fetched = fetch(object, bucket).await;
        let RereadResult { value, problem } = object.take(now, fetched)?;
        let value = value.map(|(rules, version)| {
            self.version = version;
            rules
        });
        Ok(RereadResult { value, problem })
    }
}

/// Fetches the rules and their version, with the tag of the object; `None` if this version is in use already.
async fn fetch(
    object: &Reread,
    bucket: &impl Bucket,
) -> Result<Option<((Rules, String), Option<String>)>, RulesProblem> {
    let key = || object.key().to_owned();
    let fetched = object.fetch(bucket).await;
    let fetched = fetched.map_err(|source| RulesProblem::Unavailable { key: key(), source })?;
    let (bytes, tag) = match fetched {
        Fetched::Missing => return Err(RulesProblem::Missing { key: key() }),
        Fetched::Unchanged => return Ok(None),
        Fetched::Object { bytes, tag } => (bytes, tag),
    };
    let version = file_version(Some(&bytes));
    let rules = text_of(bytes).and_then(|text| Rules::parse(&text));
    let rules = rules.map_err(|complaints| RulesProblem::Wrong {
        key: key(),
        complaints,
    })?;
    Ok(Some(((rules, version), Some(tag))))
}
