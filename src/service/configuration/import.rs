//! Gives a stack the configuration of a document: what would change, and then the change.
//!
//! An import removes nothing: what only the stack has stays. A later decision about a cluster replaces an earlier one, and never
//! the other way round. So imports may be repeated, and come in any order. Parameters are not changed here, because only a
//! deployment of the template can do that.

use std::collections::BTreeMap;

use clusters::fingerprint::{ClusterId, VERSION as IDENTITY_VERSION};
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::LifecycleEvent;
use clusters::triage::Triage;
use records::time::Timestamp;

use super::changes::{Change, file_changes};
use super::history::{self, ConfigChange};
use super::{Configuration, file_version};
use crate::config::lists::{Lists, SETTINGS_KEY, salted};
use crate::ports::{Bucket, BucketError, StoreError, TriageStore, VersionedTriage};

/// What an import changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Parameters of the document that the stack has with another value. Only a deployment changes them.
    pub parameters: Vec<Change>,
    /// Parameters that the document names without a value, because it looked like a secret.
    pub hidden_parameters: Vec<String>,
    /// The settings file to put; `None` if it stays.
    pub settings: Option<FilePlan>,
    /// The rules file to put; `None` if it stays.
    pub rules: Option<FilePlan>,
    /// The decisions to store.
    pub marks: Vec<MarkPlan>,
    /// The clusters whose decision stays, because it is later than that of the document or was withdrawn.
    pub kept_marks: Vec<ClusterId>,
    /// The resolutions to store.
    pub resolutions: Vec<(ClusterId, Timestamp, LifecycleEvent)>,
}

/// A file to put into the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlan {
    /// The key of the object.
    pub key: String,
    /// The new text.
    pub text: String,
    /// What differs from the present file.
    pub changes: Vec<Change>,
}

/// A decision to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkPlan {
    /// The cluster.
    pub cluster: ClusterId,
    /// The decision.
    pub triage: Triage,
    /// What the stack has now; its version is the condition of the write.
    pub before: VersionedTriage,
}

/// Who imports, when and from where.
#[derive(Debug, Clone)]
pub struct Importer<'a> {
    /// The ARN of the caller.
    pub who: &'a str,
    /// The name of the file, and of the stack in it.
    pub source: &'a str,
    /// The time of the import.
    pub now: Timestamp,
    /// A random text for the end of the settings file; see [`salted`].
    pub salt: &'a str,
}

/// Why an import cannot begin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    /// The decisions are about clusters whose ids have another version of the identity.
    #[error(
        "the document has decisions about clusters of identity {found}, and this program has {IDENTITY_VERSION}; \
         run clusters carry on the stack that it comes from, and export again"
    )]
    OtherIdentity {
        /// The version of the identity in the document.
        found: String,
    },
    /// The document has a rules file, and no parameter says where it belongs.
    #[error(
        "the document has rules, and neither it nor the stack has a RulesObject; deploy the stack with \
         RulesObject=rules/rules.toml first"
    )]
    NoPlaceForRules,
}

/// Why an import stopped. What was stored before stays, and the next import does the rest.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The bucket does not answer, or refuses.
    #[error("cannot write {key}: {source}; the import needs s3:PutObject for it. Run it again")]
    Bucket {
        /// The key of the object.
        key: String,
        /// The answer of the bucket.
        source: BucketError,
    },
    /// The table does not answer, or refuses.
    #[error("cannot store a decision: {0}; run the import again")]
    Store(#[from] StoreError),
    /// A person decided about the cluster at the same time.
    #[error("{0} was changed at the same time by another user; run the import again")]
    Changed(ClusterId),
}

impl ImportPlan {
    /// Compares a document with what a stack has. `versions` are the decisions of the stack with their versions, also those
    /// that were withdrawn.
    ///
    /// # Errors
    /// [`ImportError`] if the document does not fit the stack.
    pub fn of(
        document: &Configuration,
        stack: &Configuration,
        versions: &BTreeMap<ClusterId, VersionedTriage>,
    ) -> Result<Self, ImportError> {
        let has_decisions = !document.marks.is_empty() || !document.resolutions.is_empty();
        if has_decisions && document.identity_version != IDENTITY_VERSION {
            let found = document.identity_version.clone();
            return Err(ImportError::OtherIdentity { found });
        }
        let mut plan = Self {
            parameters: parameters(document, stack),
            hidden_parameters: document.hidden_parameters.iter().cloned().collect(),
            ..Self::default()
        };
        plan.settings = file(
            "settings",
            SETTINGS_KEY,
            [&stack.settings, &document.settings],
        );
        // The parameter of the document will hold once the stack is deployed with it.
        let key = document.rules_key().or_else(|| stack.rules_key());
        plan.rules = match key {
            Some(key) => file("rules", key, [&stack.rules, &document.rules]),
            None if document.rules.is_empty() => None,
            None => return Err(ImportError::NoPlaceForRules),
        };
        for (cluster, triage) in &document.marks {
            let before = versions.get(cluster).cloned().unwrap_or_default();
            match &before.triage {
                Some(present) if present == triage => {}
                Some(present) if later(present, triage) => plan.kept_marks.push(*cluster),
                None if before.version > 0 => plan.kept_marks.push(*cluster),
                _ => plan.marks.push(MarkPlan {
                    cluster: *cluster,
                    triage: triage.clone(),
                    before,
                }),
            }
        }
        for (cluster, said) in &document.resolutions {
            let present = stack.resolutions.get(cluster);
            let missing = said
                .iter()
                .filter(|of| !present.is_some_and(|it| it.contains(of)));
            plan.resolutions
                .extend(missing.map(|(at, what)| (*cluster, *at, *what)));
        }
        Ok(plan)
    }

    /// Checks whether [`Self::apply`] changes nothing. Parameters may differ nevertheless.
    pub fn is_empty(&self) -> bool {
        self.settings.is_none()
            && self.rules.is_none()
            && self.marks.is_empty()
            && self.resolutions.is_empty()
    }

    /// Puts the files, and stores the decisions. Each file is noted in the history of the configuration, and each decision in
    /// the journal of its cluster.
    ///
    /// # Errors
    /// [`ApplyError`] at the first write that failed.
    pub async fn apply(
        &self,
        by: &Importer<'_>,
        bucket: &impl Bucket,
        store: &impl TriageStore,
    ) -> Result<(), ApplyError> {
        if let Some(of) = &self.rules {
            let bytes = of.text.clone().into_bytes();
            put_file(bucket, by.note("rules", of, &bytes), &of.key, bytes).await?;
        }
        if let Some(of) = &self.settings {
            let bytes = salted(of.text.clone().into_bytes(), by.salt);
            put_file(bucket, by.note("settings", of, &bytes), &of.key, bytes).await?;
        }
        for (cluster, at, what) in &self.resolutions {
            let what = JournalEvent::of_said(*what).unwrap_or(JournalEvent::Resolved);
            let entry = JournalEntry::of(what, *at, 1).by(by.who, &by.reason());
            store.note(*cluster, &[entry]).await?;
        }
        for mark in &self.marks {
            let entry = JournalEntry::of(JournalEvent::Imported, by.now, mark.triage.episode)
                .by(by.who, &by.reason())
                .about(&mark.triage.decision.to_string());
            let version = mark.before.version;
            let set = store.set_triage(mark.cluster, Some(&mark.triage), version, &entry);
            if !set.await? {
                return Err(ApplyError::Changed(mark.cluster));
            }
        }
        Ok(())
    }
}

impl Importer<'_> {
    fn reason(&self) -> String {
        format!("imported from {}", self.source)
    }

    fn note(&self, file: &str, of: &FilePlan, bytes: &[u8]) -> ConfigChange {
        let version = file_version(Some(bytes));
        let source = format!("config import {}", self.source);
        let has = summary(file, &of.text);
        let about = (source.as_str(), has.as_str());
        let changes = Some(of.changes.clone());
        ConfigChange::new(self.now, self.who, (file, &version), about, changes)
    }
}

/// Notes a change, and then puts the file.
///
/// # Errors
/// [`ApplyError::Bucket`] if the bucket refuses either.
pub async fn put_file(
    bucket: &impl Bucket,
    change: ConfigChange,
    key: &str,
    bytes: Vec<u8>,
) -> Result<(), ApplyError> {
    let failed = |key: &str| {
        let key = key.to_owned();
        move |source| ApplyError::Bucket { key, source }
    };
    let noted = history::note(bucket, &change).await;
    noted.map_err(failed(&change.key()))?;
    bucket.keep(key, bytes).await.map_err(failed(key))
}

/// Returns what a file has, in numbers.
pub fn summary(file: &str, text: &str) -> String {
    if file == "settings" {
        let lists = Lists::parse(text.as_bytes().to_vec());
        return lists.map(|lists| lists.counts()).unwrap_or_default();
    }
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let counted = |name: &str| {
        let values = table.get(name).and_then(toml::Value::as_array);
        values.map_or(0, Vec::len)
    };
    let (rules, policies, watches) = (counted("rule"), counted("policy"), counted("watch"));
    format!("rules: {rules}, policies: {policies}, watches: {watches}")
}

/// Returns the parameters whose value in the document is another one than in the stack.
fn parameters(document: &Configuration, stack: &Configuration) -> Vec<Change> {
    let of = |configuration: &Configuration| Configuration {
        parameters: configuration.parameters.clone(),
        ..Configuration::default()
    };
    let changes = super::changes::changes(&of(stack), &of(document));
    // What the document does not name stays.
    changes
        .into_iter()
        .filter(|change| change.new.is_some())
        .collect()
}

fn file(file: &str, key: &str, [old, new]: [&String; 2]) -> Option<FilePlan> {
    // An import removes nothing: without a file in the document, that of the stack stays.
    (old != new && !new.is_empty()).then(|| FilePlan {
        key: key.to_owned(),
        text: new.clone(),
        changes: file_changes(file, old, new),
    })
}

/// Checks whether a decision stays, compared with another one: the later one does, and of two at the same time the one whose
/// text is greater, so that the order of imports does not matter.
fn later(present: &Triage, other: &Triage) -> bool {
    (present.at, present.encode()) > (other.at, other.encode())
}
