//! Explains to a person how to get AWS credentials when the SDK finds none.
//!
//! The SDK's errors name the parts of the SDK that failed. A person needs the one command that helps, such as
//! `aws sso login`. That command depends on the profile, so the profile files are read here.

use std::error::Error;

use aws_config::profile::{self, Profile, ProfileSet};
use records::redact::sanitize;

/// The longest part of a profile name, or of an SDK error, that is repeated, in characters.
const DETAIL_CHARS_MAX: usize = 100;

/// The longest chain of profiles that is followed by `source_profile`.
const PROFILES_MAX: usize = 16;

/// Why the AWS SDK has no usable credentials on a person's machine. The error text names the command or the file that
/// helps.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The profile uses `aws sso login` or `aws login`, and its login session is missing, expired or unusable.
    #[error(
        "cannot get credentials from the login of profile {profile}: {detail}; run: aws {command} --profile {profile}"
    )]
    Login {
        /// The profile with the login settings: the selected profile, or the profile that it refers to by
        /// `source_profile`.
        profile: String,
        /// The command of the AWS CLI that logs in: `sso login` or `login`.
        command: &'static str,
        /// The innermost error of the SDK, shortened.
        detail: String,
    },
    /// The chosen profile does not exist.
    #[error(
        "profile {profile} does not exist; set AWS_PROFILE or --profile to a profile that this command lists: aws configure \
         list-profiles"
    )]
    NoProfile {
        /// The name of the profile.
        profile: String,
    },
    /// No profile and no environment variable has credentials.
    #[error(
        "no AWS credentials found; set AWS_PROFILE or --profile to a profile that has credentials, or run: aws sso login (the \
         first time: aws configure sso)"
    )]
    Nothing,
    /// Neither the options, nor the environment, nor the profile name a region.
    #[error("no AWS region is set; give --region, or set AWS_REGION, such as eu-central-1")]
    NoRegion,
    /// The profile gets its credentials in another way, such as `role_arn` or `credential_process`, which failed.
    #[error(
        "cannot get the credentials of profile {profile}: {detail}; check them with: aws sts get-caller-identity --profile {profile}"
    )]
    Profile {
        /// The profile that failed.
        profile: String,
        /// The innermost error of the SDK, shortened.
        detail: String,
    },
    /// The files with the AWS profiles cannot be read.
    #[error("cannot read the AWS profiles: {detail}; correct ~/.aws/config")]
    Unreadable {
        /// The error in the files, shortened.
        detail: String,
    },
}

impl LoginError {
    /// Finds out why the SDK could not get credentials, from its error and from the profile files, which are read
    /// here. `chosen` is the profile that the person named, if any.
    pub(crate) async fn of(error: &dyn Error, chosen: Option<String>) -> Self {
        let default = (
            &Default::default(),
            &Default::default(),
            &Default::default(),
        );
        let chosen = chosen.map(Into::into);
        match profile::load(default.0, default.1, default.2, chosen).await {
            Ok(profiles) => Self::by_profile(&profiles, innermost(error)),
            Err(error) => Self::Unreadable {
                detail: innermost(&error),
            },
        }
    }

    fn by_profile(profiles: &ProfileSet, detail: String) -> Self {
        let selected = profiles.selected_profile();
        if profiles.get_profile(selected).is_none() && selected != "default" {
            return Self::NoProfile {
                profile: name(selected),
            };
        }
        let Some(profile) = base_profile(profiles) else {
            return Self::Nothing;
        };
        let has = |key| profile.get(key).is_some();
        let profile = name(profile.name());
        let login = |profile, command, detail| Self::Login {
            profile,
            command,
            detail,
        };
        if has("sso_session") || has("sso_start_url") {
            login(profile, "sso login", detail)
        } else if has("login_session") {
            login(profile, "login", detail)
        } else if OTHER_SOURCES.into_iter().any(has) {
            Self::Profile { profile, detail }
        } else {
            Self::Nothing
        }
    }
}

/// Keys of a profile that name another source of credentials.
const OTHER_SOURCES: [&str; 4] = [
    "credential_process",
    "credential_source",
    "role_arn",
    "aws_access_key_id",
];

/// Returns the profile with the credentials: the selected profile, or the last one in its `source_profile` chain.
fn base_profile(profiles: &ProfileSet) -> Option<&Profile> {
    let mut profile = profiles.get_profile(profiles.selected_profile())?;
    for _ in 0..PROFILES_MAX {
        let source = profile
            .get("source_profile")
            .filter(|_| profile.get("role_arn").is_some());
        match source.and_then(|source| profiles.get_profile(source)) {
            Some(source) => profile = source,
            None => break,
        }
    }
    Some(profile)
}

fn name(profile: &str) -> String {
    sanitize(profile, DETAIL_CHARS_MAX)
}

/// Returns the text of an error's last cause. The causes before it only name the parts of the SDK.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    sanitize(&last.to_string(), DETAIL_CHARS_MAX)
}
