//! Loads the settings file of the stack from the bucket, and reads it again every five minutes.
//!
//! A file with problems does not take effect: the last valid file stays in use. A function that has just started has no
//! file in use, and searches for the last valid one among the earlier versions in the bucket. Without a file, all lists
//! are empty.

use records::time::Timestamp;

use crate::config::lists::{Lists, SETTINGS_BYTES_MAX, SETTINGS_KEY};
use crate::ports::{BucketError, Fetched, ObjectVersion, Versions};
use crate::reread::{Reread, RereadResult};
use crate::rulefile::{FileProblem, listed};

/// The highest number of versions that are searched for a valid one.
const VERSIONS_MAX: usize = 20;

/// Loads the settings file from the bucket, and remembers which version of the file is in use.
#[derive(Debug)]
pub struct SettingsLoader(Reread);

/// Why the settings file in the bucket cannot be used.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum SettingsProblem {
    /// The bucket does not answer, or does not permit the call.
    #[error("cannot read the settings {SETTINGS_KEY}: {0}")]
    #[strum(serialize = "SettingsUnavailable")]
    Unavailable(#[source] BucketError),
    /// The file is not valid. Contains all problems of the file.
    #[error("the settings file is not valid; upload a valid one with `config set`: {}", listed(SETTINGS_KEY, .0))]
    #[strum(serialize = "SettingsWrong")]
    Wrong(Vec<FileProblem>),
    /// None of the last 20 versions of the file is valid. The problems are those of the newest version.
    #[error(
        "none of the last {VERSIONS_MAX} versions of {SETTINGS_KEY} is valid; upload a valid one with `config set`: {}",
        listed(SETTINGS_KEY, .0)
    )]
    #[strum(serialize = "SettingsWrong")]
    NeverGood(Vec<FileProblem>),
}

impl SettingsProblem {
    /// Returns the stable name, as in logs: `SettingsUnavailable` or `SettingsWrong`.
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
    /// Reads the settings file, if five minutes have passed since the last read.
    ///
    /// [`RereadResult::value`] has the lists of the file if it changed. [`RereadResult::problem`] is set if the newest
    /// version cannot be used. Then the lists of an earlier version are used: those in use, or at the first read those
    /// of the newest valid version.
    ///
    /// # Errors
    /// [`SettingsProblem`] if there are no lists to use: no file was read before, and no valid version is found.
    pub async fn read(
        &mut self,
        now: Timestamp,
        bucket: &impl Versions,
    ) -> Result<RereadResult<Lists, SettingsProblem>, SettingsProblem> {
        if !self.0.is_due(now) {
            return Ok(RereadResult::default());
        }
        let fetched = self.fetch(bucket).await;
        let (false, Err(SettingsProblem::Wrong(problems))) = (self.0.is_known(), &fetched) else {
            return self.0.take(now, fetched);
        };
        let lists = last_good(problems, bucket).await?;
        let read = self.0.take(now, Ok(Some((lists, None))))?;
        let problem = fetched.err();
        Ok(RereadResult { problem, ..read })
    }

    /// Fetches the lists with the tag of their version; `None` if the file has not changed.
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

/// Returns the lists of the newest valid version. If the file was removed or did not exist before the invalid versions,
/// the lists are empty.
async fn last_good(
    problems: &[FileProblem],
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
        true => Err(SettingsProblem::NeverGood(problems.to_vec())),
        false => Ok(Lists::default()),
    }
}
