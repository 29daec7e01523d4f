//! The rules of a function: read from the bucket, and again every few minutes, so that a new rule
//! needs no deployment.
//!
//! Without rules that are good nothing is folded: what they merge or set apart would be counted in
//! wrong clusters for ever, and an event that has to wait is not lost. Once there are good ones, what
//! is wrong with newer ones is told and the old ones stay.

use clusters::exempt::Exempt;
use records::time::EventTime;

use crate::ports::{Bucket, BucketError};
use crate::rulefile::Complaint;
use crate::rules::Rules;

/// The longest rules that are read: so many bytes have ten thousand rules.
const RULES_BYTES_MAX: usize = 1024 * 1024;

/// How long rules hold before they are read again.
pub const REREAD_SECONDS: i64 = 300;

/// Where the rules are, and what they were when they were last read.
#[derive(Debug)]
pub struct Rulebook {
    key: Option<String>,
    exempt: Exempt,
    /// The last text that was good.
    text: Option<String>,
    read_at: Option<EventTime>,
}

/// What is wrong with the rules.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The bucket does not answer.
    #[error("cannot read the rules {key}: {source}")]
    Unavailable {
        /// Which object.
        key: String,
        /// Why.
        source: BucketError,
    },
    /// There is no such object.
    #[error(
        "there are no rules {key} in the bucket; put a rules file there, or set RULES_OBJECT to nothing"
    )]
    Missing {
        /// Which object.
        key: String,
    },
    /// They cannot be understood.
    #[error("the rules are wrong: {}", listed(key, complaints))]
    Wrong {
        /// Which object.
        key: String,
        /// Everything that is wrong in it.
        complaints: Vec<Complaint>,
    },
}

impl Trouble {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "RulesUnavailable",
            Self::Missing { .. } => "RulesMissing",
            Self::Wrong { .. } => "RulesWrong",
        }
    }
}

fn listed(key: &str, complaints: &[Complaint]) -> String {
    let complaints = complaints.iter().map(|one| format!("{key}:{one}"));
    complaints.collect::<Vec<_>>().join("; ")
}

/// What came of looking at the rules.
#[derive(Debug, Default)]
pub struct Read {
    /// The rules to go by from now on, unless they are the same.
    pub rules: Option<Rules>,
    /// What is wrong with newer ones.
    pub trouble: Option<Trouble>,
}

impl Rulebook {
    /// Returns the book of rules under a key, or of none at all, and of what is left out before any.
    pub fn new(key: Option<String>, exempt: Exempt) -> Self {
        Self {
            key,
            exempt,
            text: None,
            read_at: None,
        }
    }

    /// Reads the rules if it is time to.
    ///
    /// # Errors
    /// [`Trouble`] when there never were good ones.
    pub async fn read(&mut self, now: EventTime, bucket: &impl Bucket) -> Result<Read, Trouble> {
        let is_first = self.read_at.is_none();
        let holds = |at: EventTime| (0..REREAD_SECONDS).contains(&now.seconds_since(at));
        if self.read_at.is_some_and(holds) {
            return Ok(Read::default());
        }
        let text = match &self.key {
            None => Ok(String::new()),
            Some(key) => fetch(key, bucket).await,
        };
        match text.and_then(|text| self.understand(text)) {
            Ok(rules) => {
                self.read_at = Some(now);
                Ok(Read {
                    rules,
                    trouble: None,
                })
            }
            Err(trouble) if is_first => Err(trouble),
            Err(trouble) => {
                self.read_at = Some(now);
                Ok(Read {
                    rules: None,
                    trouble: Some(trouble),
                })
            }
        }
    }

    /// Takes a text that is not the last one.
    fn understand(&mut self, text: String) -> Result<Option<Rules>, Trouble> {
        if self.text.as_deref() == Some(&text) {
            return Ok(None);
        }
        let rules = Rules::parse(&text).map_err(|complaints| Trouble::Wrong {
            key: self.key.clone().unwrap_or_default(),
            complaints,
        })?;
        self.text = Some(text);
        Ok(Some(rules.with_exempt(self.exempt.clone())))
    }
}

async fn fetch(key: &str, bucket: &impl Bucket) -> Result<String, Trouble> {
    let object = bucket.fetch(key, RULES_BYTES_MAX).await;
    let object = object.map_err(|source| Trouble::Unavailable {
        key: key.to_owned(),
        source,
    })?;
    let object = object.ok_or_else(|| Trouble::Missing {
        key: key.to_owned(),
    })?;
    String::from_utf8(object).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        Trouble::Wrong {
            key: key.to_owned(),
            complaints: vec![Complaint {
                line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
                column: before.len() - line_start.map_or(0, |at| at + 1) + 1,
                message: "a byte that is no UTF-8".to_owned(),
            }],
        }
    })
}
