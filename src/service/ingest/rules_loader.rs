//! The rules of a function, from the bucket.
//!
//! Without rules that are good nothing is folded: what they merge or set apart would be counted in
//! wrong clusters for ever, and an event that has to wait is not lost. Once there are good ones, what
//! is wrong with newer ones is told and the old ones stay.

use records::time::Timestamp;

use crate::ports::{Bucket, BucketError, Fetched};
use crate::reread::{Read, Reread};
use crate::rulefile::{FileProblem, listed, text_of};
use crate::rules::Rules;

/// The longest rules that are read: so many bytes have ten thousand rules.
const RULES_BYTES_MAX: usize = 1024 * 1024;

/// Where the rules are, and which of them are in use.
#[derive(Debug)]
pub struct RulesLoader(Option<Reread>);

/// What is wrong with the rules.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum RulesProblem {
    /// The bucket does not answer.
    #[error("cannot read the rules {key}: {source}")]
    #[strum(serialize = "RulesUnavailable")]
    Unavailable {
        /// Which object.
        key: String,
        /// Why.
        source: BucketError,
    },
    /// There is no such object.
    #[error(
        "the bucket has no rules file {key}; upload it, or leave RulesObject (RULES_OBJECT) empty"
    )]
    #[strum(serialize = "RulesMissing")]
    Missing {
        /// Which object.
        key: String,
    },
    /// They cannot be understood.
    #[error("the rules file is not valid: {}", listed(key, complaints))]
    #[strum(serialize = "RulesWrong")]
    Wrong {
        /// Which object.
        key: String,
        /// Everything that is wrong in it.
        complaints: Vec<FileProblem>,
    },
}

impl RulesProblem {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl RulesLoader {
    /// Returns the book of rules under a key, or of none at all.
    pub fn new(key: Option<String>) -> Self {
        Self(key.map(|key| Reread::new(key, RULES_BYTES_MAX)))
    }

    /// Reads the rules if it is time to.
    ///
    /// # Errors
    /// [`RulesProblem`] when there never were good ones.
    pub async fn read(
        &mut self,
        now: Timestamp,
        bucket: &impl Bucket,
    ) -> Result<Read<Rules, RulesProblem>, RulesProblem> {
        let Some(object) = self.0.as_mut().filter(|object| object.is_due(now)) else {
            return Ok(Read::default());
        };
        let fetched = fetch(object, bucket).await;
        object.take(now, fetched)
    }
}

/// Fetches rules that are not in use yet, with the tag of their version.
async fn fetch(
    object: &Reread,
    bucket: &impl Bucket,
) -> Result<Option<(Rules, Option<String>)>, RulesProblem> {
    let key = || object.key().to_owned();
    let fetched = object.fetch(bucket).await;
    let fetched = fetched.map_err(|source| RulesProblem::Unavailable { key: key(), source })?;
    let (bytes, tag) = match fetched {
        Fetched::Missing => return Err(RulesProblem::Missing { key: key() }),
        Fetched::Unchanged => return Ok(None),
        Fetched::Object { bytes, tag } => (bytes, tag),
    };
    let rules = text_of(bytes).and_then(|text| Rules::parse(&text));
    let rules = rules.map_err(|complaints| RulesProblem::Wrong {
        key: key(),
        complaints,
    })?;
    Ok(Some((rules, Some(tag))))
}
