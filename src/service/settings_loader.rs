//! Loads the settings file of the stack from the bucket, and reads it again every five minutes.
//!
//! A file with problems does not take effect: the last valid file stays in use. A function that has just started has no
//! file in use, and searches for the last valid one among the earlier versions in the bucket. Without a file, all lists
//! are empty.

use records::time::Timestamp;

use crate::config::lists::{Lists, SETTINGS_BYTES_MAX, SETTINGS_KEY};
use crate::configuration::file_version;
use crate::ports::{BucketError, Fetched, ObjectVersion, Versions};
use crate::reread::{Reread, RereadResult};
use crate::rulefile::{FileProblem, listed};

/// The highest number of versions that are searched for a valid one.
const VERSIONS_MAX: usize = 20;

/// Loads the settings file from the bucket, and remembers which version of the file is in use.
#[derive(Debug)]
pub struct SettingsLoader {
    object: Reread,
    version: String,
}

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
        Self {
            object: Reread::new(SETTINGS_KEY.to_owned(), SETTINGS_BYTES_MAX),
            version: file_version(None),
        }
    }
}

/// The lists of a file, with the version of the file.
type Versioned = (Lists, String);

impl SettingsLoader {
    /// Returns the [`file_version`] of the settings file that is in use.
    pub fn version(&self) -> &str {
        &self.version
    }

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
        if !self.object.is_due(now) {
            return Ok(RereadResult::default());
        }
        let fetched = self.fetch(bucket).await;
        let (false, Err(SettingsProblem::Wrong(problems))) = (self.object.is_known(), &fetched)
        else {
            let read = self.object.take(now, fetched)?;
            return Ok(self.used(read));
        };
        let lists = last_good(problems, bucket).await?;
        let read = self.object.take(now, Ok(Some((lists, None))))?;
        let problem = fetched.err();
        Ok(RereadResult {
            problem,
            ..self.used(read)
        })
    }

    /// Notes the version of the lists that are used from now on.
    fn used<E>(&mut self, read: RereadResult<Versioned, E>) -> RereadResult<Lists, E> {
        let value = read.value.map(|(lists, version)| {
            self.version = version;
            lists
        });
        RereadResult {
            value,
            problem: read.problem,
        }
    }

    /// Fetches the lists with the tag of their version; `None` if the file has not changed.
    async fn fetch(
        &self,
        bucket: &impl Versions,
    ) -> Result<Option<(Versioned, Option<String>)>, SettingsProblem> {
        match self.object.fetch(bucket).await {
            Ok(Fetched::Missing) => Ok(Some((missing(), None))),
            Ok(Fetched::Unchanged) => Ok(None),
            Ok(Fetched::Object { bytes, tag }) => {
                let lists = versioned(bytes).map_err(SettingsProblem::Wrong)?;
                Ok(Some((lists, Some(tag))))
            }
            Err(error @ BucketError::TooLong { .. }) => {
                Err(SettingsProblem::Wrong(vec![too_long(&error)]))
            }
            Err(error) => Err(SettingsProblem::Unavailable(error)),
        }
    }
}

/// Parses a file, and returns its lists with its version.
fn versioned(bytes: Vec<u8>) -> Result<Versioned, Vec<FileProblem>> {
    let version = file_version(Some(&bytes));
    Ok((Lists::parse(bytes)?, version))
}

/// Returns the empty lists of a file that does not exist.
fn missing() -> Versioned {
    (Lists::default(), file_version(None))
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
) -> Result<Versioned, SettingsProblem> {
    let versions = bucket.versions(SETTINGS_KEY, VERSIONS_MAX).await;
    let versions = versions.map_err(SettingsProblem::Unavailable)?;
    let has_more = versions.len() >= VERSIONS_MAX;
    for version in versions {
        let ObjectVersion::Put(id) = version else {
            return Ok(missing());
        };
        let bytes = bucket
            .fetch_version(SETTINGS_KEY, &id, SETTINGS_BYTES_MAX)
            .await;
        match bytes.map(|bytes| bytes.map(versioned)) {
            Ok(Some(Ok(lists))) => return Ok(lists),
            Ok(_) | Err(BucketError::TooLong { .. }) => {}
            Err(error) => return Err(SettingsProblem::Unavailable(error)),
        }
    }
    match has_more {
        true => Err(SettingsProblem::NeverGood(problems.to_vec())),
        false => Ok(missing()),
    }
}
