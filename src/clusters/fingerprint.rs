//! Computes the identity of a cluster: failures with equal identities belong to the same cluster.
//!
//! The id of a cluster is a hash of the identity's version and components:
//!
//! | version | since | components |
//! |---|---|---|
//! | `fp1` | before the release of 0.1.0 | partition, account, service, action, class, code, cause, template |
//! | `fp2` | 0.1.0 | the same; CHANGELOG.md says what changed in classes, codes, causes and masking |
//!
//! Caller, network, region and refusing layer are not part of the identity. They are facets of the cluster. So an old
//! failure of a new caller stays the same cluster, and is announced as an old failure with a new caller.
//!
//! The code is canonical, because services switch between `AccessDenied`, `AccessDeniedException` and
//! `Client.UnauthorizedOperation` for the same refusal. The template is part of the identity only if the code alone is
//! too vague: in the classes `invalid` and `other`, for sign-ins, and for a refusal whose message is neither an
//! authorization sentence nor generic, such as "IAM user access is not activated for this account".
//!
//! Identities are stable to the byte. A change of anything that they are computed from, such as the class table or the
//! masking of messages, needs a new version. `tests/it/identity.rs` fails until the version is changed.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use records::denial::{self, Denial, Form};
use records::message;
use records::partition;
use records::principal;
use records::redact::sanitize;
use records::{Record, Wrapper};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::class::{Class, stem};
use crate::event_name::{is_digits, unversioned};
use crate::hidden_failures;
use crate::iam_action::is_own_prefix;
use crate::watch::CallDetails;

/// The version of the method that computes identities.
///
/// It is the first part that a [`ClusterId`] is the hash of, so that ids of different versions never collide.
pub const VERSION: &str = "fp2";

/// The id of a cluster: the first 128 bits of a SHA-256 over its [`Identity`].
///
/// Its text form, also in JSON, has 26 characters: base32 of RFC 4648 in lower case, without padding. Equal identities
/// have equal ids on every machine and in every release with the same [`VERSION`].
///
/// ```
/// use clusters::class::Class;
/// use clusters::fingerprint::{ClusterId, Identity};
///
/// let identity = Identity {
///     partition: "aws".to_owned(),
///     account_id: "111122223333".to_owned(),
///     service: "s3".to_owned(),
///     action: "GetObject".to_owned(),
///     class: Class::Denied,
///     code: "Denied".to_owned(),
///     cause: None,
///     template: None,
///     addition: None,
/// };
/// let id = identity.cluster_id();
/// assert_eq!(id.to_string(), "io7rmvgak6mj7aintxcmcszife");
/// assert_eq!(ClusterId::parse(&id.to_string()), Some(id));
///
/// // The same error of another account is another cluster.
/// let other = Identity { account_id: "444455556666".to_owned(), ..identity };
/// assert_ne!(other.cluster_id(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId([u8; 16]);

/// The properties that decide which cluster a record belongs to: records with equal identities share a cluster.
///
/// The hash of an identity is the [`ClusterId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The AWS partition: `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc` and so on.
    pub partition: String,
    /// The account whose trail contains the record, twelve digits; `unknown` if the record names no account.
    pub account_id: String,
    /// The called service: `s3` for the event source `s3.amazonaws.com`.
    pub service: String,
    /// The called API: `eventName` without an API version, such as `CreateFunction` for `CreateFunction20150331`.
    pub action: String,
    /// The class of the failure, or [`Class::Watch`] for a sensitive call, which succeeded.
    pub class: Class,
    /// The canonical error code, such as `Denied` for nearly all refusals. For a sensitive call `strong` or `weak`, see
    /// [`CallDetails::is_strong`].
    pub code: String,
    /// For a refusal: the missing IAM action if it belongs to another service, such as `kms:Decrypt` for an S3 call.
    ///
    /// For a failed sign-in: the type of the user, such as `IAMUser`. For a sensitive call: the name of the caller. `None`
    /// for all other failures.
    pub cause: Option<String>,
    /// The error message with its variable parts masked; `None` if the code alone identifies the failure.
    ///
    /// For a sensitive call: its [`CallDetails`] as JSON.
    pub template: Option<String>,
    /// The values of record fields by which a rule of the user splits a cluster, as `path=value`.
    ///
    /// `None` without such a rule; then it is not hashed.
    pub addition: Option<String>,
}

/// The account, call, error code and class of a cluster: the parts of its [`Identity`] that lists and campaigns show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSubject {
    /// The account whose trail contains the events, twelve digits or `unknown`.
    pub account_id: String,
    /// The called service, such as `s3`.
    pub service: String,
    /// The called API, such as `GetObject`; `*` for an overflow cluster.
    pub action: String,
    /// The canonical error code; for a sensitive call `strong` or `weak`.
    pub code: String,
    /// The class of the failure, or [`Class::Watch`] for a sensitive call.
    pub class: Class,
    /// What a sensitive call did; `None` for failures, and for sensitive calls beyond the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallDetails>,
}

impl From<&Identity> for ClusterSubject {
    fn from(identity: &Identity) -> Self {
        Self {
            account_id: identity.account_id.clone(),
            service: identity.service.clone(),
            action: identity.action.clone(),
            code: identity.code.clone(),
            class: identity.class,
            call: identity.call_details(),
        }
    }
}

/// The result of [`identify`] for one record: the identity of its cluster, and its parsed error message.
#[derive(Debug, Clone)]
pub struct ParsedFailure<'a> {
    /// The identity of the cluster that the record belongs to.
    pub identity: Identity,
    /// The record's error message with its variable parts masked; empty if the record has no message.
    ///
    /// It is set even if it is not part of the identity.
    pub template: String,
    /// The parsed message of a refusal, such as its IAM action and policy layer.
    ///
    /// `None` for classes other than [`Class::Denied`] and [`Class::Vpce`].
    pub denial: Option<Denial<'a>>,
}

/// Computes the cluster identity of a record, and parses its error message.
///
/// The record must be a failure of the given class. `wrapper` supplies the account if the record names none.
pub fn identify<'a>(record: &'a Record<'_>, wrapper: &Wrapper, class: Class) -> ParsedFailure<'a> {
    let refused = matches!(class, Class::Denied | Class::Vpce);
    let denial = refused.then(|| denial::parse(record.error_message.as_deref()));
    let counts = template_counts(class, denial.as_ref());
    let template = masked(record);
    let service = record.service();
    let hidden = match record.error_code {
        None => hidden_failures::code(record),
        Some(_) => None,
    };
    let code = record.error_code.as_deref().or(hidden.as_deref());
    let identity = Identity {
        partition: partition(record).to_owned(),
        account_id: account_id(record, wrapper).to_owned(),
        service: bounded(service),
        action: bounded(unversioned(
            record.event_name.as_deref().unwrap_or_default(),
        )),
        class,
        code: bounded(&canonical_code(class, code)),
        cause: cause(record, service, class, denial.as_ref()).map(|cause| bounded(&cause)),
        template: counts.then(|| template.clone()),
        addition: None,
    };
    ParsedFailure {
        identity,
        template,
        denial,
    }
}

/// Computes the identity of a sensitive call: a call that succeeded, and that a watch selected.
///
/// `details` say what the call did. `wrapper` supplies the account if the record names none.
pub fn identify_call<'a>(
    record: &'a Record<'_>,
    wrapper: &Wrapper,
    details: &CallDetails,
) -> ParsedFailure<'a> {
    let strength = if details.is_strong { STRONG } else { WEAK };
    let caller = principal::principal(record).name;
    let identity = Identity {
        partition: partition(record).to_owned(),
        account_id: account_id(record, wrapper).to_owned(),
        service: bounded(record.service()),
        action: bounded(unversioned(
            record.event_name.as_deref().unwrap_or_default(),
        )),
        class: Class::Watch,
        code: strength.to_owned(),
        cause: Some(sanitize(&caller, CALLER_CHARS_MAX)),
        template: Some(details.encode()),
        addition: None,
    };
    ParsedFailure {
        identity,
        template: String::new(),
        denial: None,
    }
}

/// The code in an [`Identity`] of a sensitive call that weighs as much as an attack step on its own.
pub const STRONG: &str = "strong";

/// The code in an [`Identity`] of any other sensitive call.
pub const WEAK: &str = "weak";

/// The maximum length of a caller's name in the identity of a sensitive call, as in a facet.
const CALLER_CHARS_MAX: usize = 256;

/// The maximum length of the service, action, code and cause in an [`Identity`], in bytes; longer texts are cut.
///
/// No service, API or error code of AWS is half as long. Longer texts are invented by callers, and would fill an item
/// of a store.
pub const NAME_BYTES_MAX: usize = 512;

fn bounded(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}

fn masked(record: &Record<'_>) -> String {
    let Some(text) = record.error_message.as_deref() else {
        return String::new();
    };
    let values = match record.request_parameters {
        Some(request) => request.strings(message::REQUEST_VALUES_MAX),
        None => Vec::new(),
    };
    message::template(text, &values)
}

/// Checks whether the message is part of the identity, because the code alone is too vague.
fn template_counts(class: Class, denial: Option<&Denial<'_>>) -> bool {
    match class {
        Class::Invalid | Class::Other | Class::Signin => true,
        Class::Denied => denial.is_some_and(|denial| denial.form == Form::Specific),
        _ => false,
    }
}

/// The code in an [`Identity`] of a failure without an error code.
pub const NO_CODE: &str = "NoCode";

fn canonical_code(class: Class, code: Option<&str>) -> String {
    match (class, code.map(stem)) {
        (Class::Signin, _) => "Failure".to_owned(),
        // A missing subscription to the service has another remedy than a missing permission.
        (Class::Denied, Some(code @ ("OptInRequired" | "SubscriptionRequired"))) => code.to_owned(),
        (Class::Denied, _) => "Denied".to_owned(),
        (Class::Throttle, _) => "Throttled".to_owned(),
        (_, Some(code)) => code.to_owned(),
        (_, None) => NO_CODE.to_owned(),
    }
}

fn cause(
    record: &Record<'_>,
    service: &str,
    class: Class,
    denial: Option<&Denial<'_>>,
) -> Option<String> {
    if class == Class::Signin {
        let kind = record
            .user_identity
            .as_ref()
            .and_then(|user| user.kind.as_deref());
        return Some(kind.unwrap_or("Unknown").to_owned());
    }
    let action = denial?.action?;
    let (prefix, name) = action.split_once(':')?;
    let prefix = prefix.to_ascii_lowercase();
    let foreign = !is_own_prefix(service, &prefix);
    foreign.then(|| format!("{prefix}:{name}"))
}

fn partition(record: &Record<'_>) -> &'static str {
    let region = record.aws_region.as_deref().unwrap_or_default();
    if !region.is_empty() {
        return partition::of_region(region);
    }
    let user = record.user_identity.as_ref();
    let arn = user.and_then(|user| user.arn.as_deref());
    partition::of_arn(arn.unwrap_or_default())
}

/// Returns the account that a record belongs to; `unknown` if neither the record nor its wrapper names an account.
pub fn account_id<'r>(record: &'r Record<'_>, wrapper: &'r Wrapper) -> &'r str {
    let user = record.user_identity.as_ref();
    [
        record.recipient_account_id.as_deref(),
        user.and_then(|user| user.account_id.as_deref()),
        wrapper.account_id.as_deref(),
    ]
    .into_iter()
    .flatten()
    .find(|account| is_digits(account, 12..=12))
    .unwrap_or("unknown")
}

impl Identity {
    /// Returns what a sensitive call did. `None` for the identity of a cluster of failures, and of sensitive calls that
    /// were counted together: those beyond the limit, and those that an earlier version stored.
    pub fn call_details(&self) -> Option<CallDetails> {
        if self.class != Class::Watch {
            return None;
        }
        CallDetails::decode(self.template.as_deref()?)
    }

    /// Computes the id of the cluster with this identity.
    pub fn cluster_id(&self) -> ClusterId {
        let mut encoded = Vec::new();
        self.encode(&mut encoded);
        ClusterId::hash(&encoded)
    }

    /// Writes each component after its length, so that different lists of components have different encodings.
    fn encode(&self, encoded: &mut Vec<u8>) {
        let components = [
            Some(VERSION),
            Some(&self.partition),
            Some(&self.account_id),
            Some(&self.service),
            Some(&self.action),
            Some(self.class.name()),
            Some(&self.code),
            self.cause.as_deref(),
            self.template.as_deref(),
        ];
        let addition = self.addition.as_deref().map(Some);
        for component in components.into_iter().chain(addition) {
            // No text is as long as `u32::MAX`, which means that the component is absent.
            let length = component.map_or(u32::MAX, |text| text.len() as u32);
            encoded.extend_from_slice(&length.to_be_bytes());
            encoded.extend_from_slice(component.unwrap_or_default().as_bytes());
        }
    }

    /// Returns the event source in CloudTrail's spelling, such as `s3.amazonaws.com`; empty if the service is unknown.
    pub fn event_source(&self) -> String {
        event_source(&self.service)
    }
}

/// Returns the event source of a service in CloudTrail's spelling, such as `s3.amazonaws.com`; empty if it is unknown.
pub fn event_source(service: &str) -> String {
    if service.is_empty() || service.contains(".amazon") {
        service.to_owned()
    } else {
        format!("{service}.amazonaws.com")
    }
}

impl ClusterId {
    /// Hashes an encoded identity.
    fn hash(encoded: &[u8]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(encoded)[..16]);
        Self(id)
    }

    /// Creates an id from its 16 bytes, as [`ClusterId::bytes`] returned them.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes of the id.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Parses the text form, 26 base32 characters in upper or lower case; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl TryFrom<String> for ClusterId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a cluster's id has 26 letters and digits")
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_never_run_into_each_other() {
        let identity = |service: &str, action: &str, template: Option<&str>| Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            class: Class::Other,
            code: "X".to_owned(),
            cause: None,
            template: template.map(str::to_owned),
            addition: None,
        };
        let ids = [
            identity("ab", "c", None),
            identity("a", "bc", None),
            identity("a", "bc", Some("")),
        ]
        .map(|identity| identity.cluster_id());
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!(ids[0].to_string().len(), 26);
        assert_eq!(ClusterId::parse(&ids[0].to_string()), Some(ids[0]));
    }
}
