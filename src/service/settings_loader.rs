//! The settings object of a function: read from the bucket, and again every few minutes.
//!
//! One that is wrong does not take effect: the last good one stays. A function that does not know it yet finds it among
//! the earlier versions of the object, which the bucket keeps. Without an object there are no lists.

use records::time::Timestamp;

use crate::config::lists::{Lists, SETTINGS_BYTES_MAX, SETTINGS_KEY};
use crate::ports::{BucketError, Fetched, ObjectVersion, Versions};
use crate::reread::{Read, Reread};
use crate::rulefile::{FileProblem, listed};

/// How many versions are looked at to find one that is right.
const VERSIONS_MAX: usize = 20;

/// The settings object, and which version of it is in use.
#[derive(Debug)]
pub struct SettingsLoader(Reread);

/// What is wrong with the settings object.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum SettingsProblem {
    /// The bucket does not answer.
    #[error("cannot read the settings {SETTINGS_KEY}: {0}")]
    #[strum(serialize = "SettingsUnavailable")]
    Unavailable(#[source] BucketError),
    /// It cannot be understood.
    #[error("the settings file is not valid; upload a valid one with `config set`: {}", listed(SETTINGS_KEY, .0))]
    #[strum(serialize = "SettingsWrong")]
    Wrong(Vec<FileProblem>),
    /// None of its last versions can be understood.
    #[error(
        "none of the last {VERSIONS_MAX} versions of {SETTINGS_KEY} is valid; upload a valid one with `config set`: {}",
        listed(SETTINGS_KEY, .0)
    )]
    #[strum(serialize = "SettingsWrong")]
    NeverGood(Vec<FileProblem>),
}

impl SettingsProblem {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl Default for SettingsLoader {
    fn default() -> Self {
        Self(Reread::new(SETTINGS_KEY.to_owned(), SETTINGS_BYTES_MAX))
    }
}

impl SettingsLoader {
    /// Reads the settings object if it is time to.
    ///
    /// # Errors
    /// [`SettingsProblem`] when nothing is known that could be gone by.
    pub async fn read(
        &mut self,
        now: Timestamp,
        bucket: &impl Versions,
    ) -> Result<Read<Lists, SettingsProblem>, SettingsProblem> {
        if !self.0.is_due(now) {
            return Ok(Read::default());
        }
        let fetched = self.fetch(bucket).await;
        let (false, Err(SettingsProblem::Wrong(complaints))) = (self.0.is_known(), &fetched) else {
            return self.0.take(now, fetched);
        };
        let lists = last_good(complaints, bucket).await?;
        let read = self.0.take(now, Ok(Some((lists, None))))?;
        let problem = fetched.err();
        Ok(Read { problem, ..read })
    }

    /// Fetches lists that are not in use yet, with the tag of their version.
    async fn fetch(
        &self,
        bucket: &impl Versions,
    ) -> Result<Option<(Lists, Option<String>)>, SettingsProblem> {
        match self.0.fetch(bucket).await {
            Ok(Fetched::Missing) => Ok(Some((Lists::default(), None))),
            Ok(Fetched::Unchanged) => Ok(None),
            Ok(Fetched::Object { bytes, tag }) => {
                let lists = Lists::parse(bytes).map_err(SettingsProblem::Wrong)?;
                Ok(Some((lists, Some(tag))))
            }
            Err(error @ BucketError::TooLong { .. }) => {
                Err(SettingsProblem::Wrong(vec![too_long(&error)]))
            }
            Err(error) => Err(SettingsProblem::Unavailable(error)),
        }
    }
}

fn too_long(error: &BucketError) -> FileProblem {
    FileProblem {
        line: 1,
        column: 1,
        message: error.to_string(),
    }
}

/// Returns the lists of the last version that is right. Where there was none before those that are wrong, or the
/// object had been removed, there are no lists.
async fn last_good(
    complaints: &[FileProblem],
    bucket: &impl Versions,
) -> Result<Lists, SettingsProblem> {
    let versions = bucket.versions(SETTINGS_KEY, VERSIONS_MAX).await;
    let versions = versions.map_err(SettingsProblem::Unavailable)?;
    let has_more = versions.len() >= VERSIONS_MAX;
    for version in versions {
        let ObjectVersion::Put(id) = version else {
            return Ok(Lists::default());
        };
        let bytes = bucket
            .fetch_version(SETTINGS_KEY, &id, SETTINGS_BYTES_MAX)
            .await;
        match bytes.map(|bytes| bytes.map(Lists::parse)) {
            Ok(Some(Ok(lists))) => return Ok(lists),
            Ok(_) | Err(BucketError::TooLong { .. }) => {}
            Err(error) => return Err(SettingsProblem::Unavailable(error)),
        }
    }
    match has_more {
        true => Err(SettingsProblem::NeverGood(complaints.to_vec())),
        false => Ok(Lists::default()),
    }
}
