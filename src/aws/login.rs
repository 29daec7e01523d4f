//! What a person has to do where there are no credentials: log in again, or name a profile.
//!
//! The SDK says where it looked and what it met there, in the words of its parts. A person needs the one command that
//! helps, and which one that is depends on the profile.

use std::error::Error;

use aws_config::profile::{self, Profile, ProfileSet};
use records::redact::sanitize;

/// How much of a name, or of what the SDK says, is repeated.
const DETAIL_CHARS_MAX: usize = 100;

/// How many profiles may stand behind one another by `source_profile`.
const PROFILES_MAX: usize = 16;

/// Why there are no credentials; each variant asks for another next step.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The session of a login is over, or there was none.
    #[error(
        "the login of profile {profile} cannot be used ({detail}); run: aws {command} --profile {profile}"
    )]
    Login {
        /// The profile that has the login.
        profile: String,
        /// The command of the AWS CLI that logs in.
        command: &'static str,
        /// What the SDK met.
        detail: String,
    },
    /// `AWS_PROFILE` names a profile that no file has.
    #[error(
        "there is no profile {profile}; set AWS_PROFILE to one of: aws configure list-profiles"
    )]
    NoProfile {
        /// The name.
        profile: String,
    },
    /// Nothing says how to get credentials.
    #[error(
        "no AWS credentials are found; set AWS_PROFILE to a profile that has some, or run: aws configure"
    )]
    Nothing,
    /// The profile is neither of these.
    #[error(
        "the credentials of profile {profile} cannot be had: {detail}; try: aws sts get-caller-identity --profile {profile}"
    )]
    Profile {
        /// Its name.
        profile: String,
        /// What the SDK met.
        detail: String,
    },
    /// The files of profiles cannot be read.
    #[error("the profiles of AWS cannot be read: {detail}; correct ~/.aws/config")]
    Unreadable {
        /// What is wrong in them.
        detail: String,
    },
}

impl LoginError {
    /// Returns what has to be done about an error of the SDK.
    pub(crate) async fn of(error: &dyn Error) -> Self {
        let real = (
            &Default::default(),
            &Default::default(),
            &Default::default(),
        );
        match profile::load(real.0, real.1, real.2, None).await {
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
        let Some(profile) = base(profiles) else {
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
        } else if WAYS.into_iter().any(has) {
            Self::Profile { profile, detail }
        } else {
            Self::Nothing
        }
    }
}

/// The other ways in which a profile says how to get credentials.
const WAYS: [&str; 4] = [
    "credential_process",
    "credential_source",
    "role_arn",
    "aws_access_key_id",
];

/// Returns the profile at whose credentials the selected one begins.
fn base(profiles: &ProfileSet) -> Option<&Profile> {
    let mut profile = profiles.get_profile(profiles.selected_profile())?;
    for _ in 0..PROFILES_MAX {
        let before = profile
            .get("source_profile")
            .filter(|_| profile.get("role_arn").is_some());
        match before.and_then(|before| profiles.get_profile(before)) {
            Some(before) => profile = before,
            None => break,
        }
    }
    Some(profile)
}

fn name(profile: &str) -> String {
    sanitize(profile, DETAIL_CHARS_MAX)
}

/// Returns what the last of an error's causes says: those before it say which part of the SDK met it.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    sanitize(&last.to_string(), DETAIL_CHARS_MAX)
}
