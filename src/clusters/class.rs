//! The classes of failures, and the part of an error code that services spell alike.
//!
//! The class decides which components the identity of a cluster has, and influences the severity. `classification`
//! assigns it.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The class of a failure, or [`Class::Watch`] for a sensitive call that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Class {
    /// The policy of a VPC endpoint refused the call.
    Vpce,
    /// A sign-in failed.
    Signin,
    /// The caller is known, but lacks the permission.
    Denied,
    /// The caller could not be authenticated: wrong, expired or missing credentials.
    Auth,
    /// The call exceeded a request rate limit.
    Throttle,
    /// A dry run, answered with "would have succeeded"; not a failure, and not clustered.
    Dryrun,
    /// The requested resource does not exist, or the feature is not enabled.
    Absent,
    /// A quota of the account is exhausted, or AWS has no capacity left.
    Quota,
    /// The resource already exists, is in use, or is in a state that forbids the call.
    Conflict,
    /// AWS failed to process a valid request.
    Server,
    /// The service rejected the request as malformed or unsupported.
    Invalid,
    /// A failure whose code is not in the table, or that has no code.
    Other,
    /// A sensitive call: it succeeded, but people should know of it.
    Watch,
}

impl Class {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the class in lower case, such as `denied`.
    ///
    /// The name never changes, because it is part of the cluster identity.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the class with a name that [`Class::name`] returned; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Returns an error code without the parts that services use inconsistently.
///
/// These are EC2's prefixes `Client.` and `Server.`, and each `Exception`, `Error` or `Fault` at the end.
pub fn stem(code: &str) -> &str {
    let mut stem = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    while let Some(shorter) = ["Exception", "Error", "Fault"]
        .iter()
        .find_map(|tail| stem.strip_suffix(tail))
        .filter(|shorter| !shorter.is_empty() && !shorter.ends_with('.'))
    {
        stem = shorter;
    }
    stem
}
