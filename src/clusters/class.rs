//! Decides whether a record is a failure, and assigns a class to each failure.
//!
//! The class decides which components the identity of a cluster has, and influences the severity. What it is decided by
//! are tables of other modules: `error_codes` and `code_patterns` for codes, `wordings` for messages,
//! `hidden_failures` for failures without a code, and `sensitive_calls` for calls that succeeded.
//!
//! The order of authority for a failure: a row for its code, or for the class of its code, and the words of its message;
//! then our rules for single codes, EC2's own list, the patterns, AWS's service models; and at last [`Class::Other`].
//!
//! Wrong passwords of the users of an application are sign-ins ([`Class::Signin`]), and not bad credentials
//! ([`Class::Auth`]): guessing is searched for among sign-ins.

use std::sync::LazyLock;

use json::Json;
use json::prefilter::Prefilter;
use records::Record;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::code_patterns::{by_pattern, by_status};
use crate::wordings::{self, Meaning};
use crate::{error_codes, hidden_failures, sensitive_calls};

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

/// The result of [`select`] for one record: whether it goes into a cluster, with its class, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The record goes into a cluster: a failure, or a sensitive call that succeeded.
    Clustered(Class),
    /// The record has an error, but is left out for this reason, such as `dry_run`.
    Ignored(Class, &'static str),
    /// The record is no failure and no sensitive call, for this reason, such as `no_error` or `insight`.
    NotSelected(&'static str),
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

/// Returns the class of an error code, spelled as in `errorCode`, of a service; [`Class::Other`] for an unknown code.
///
/// `service` is the event source without `.amazonaws.com`. Our rules for single codes come first, then HTTP
/// statuses, EC2's own list, the patterns, and AWS's service models.
pub fn of_code(service: &str, code: &str) -> Class {
    error_codes::by_rule(service, code)
        .or_else(|| by_status(code))
        .or_else(|| error_codes::by_ec2(service, code))
        .or_else(|| by_pattern(code))
        .or_else(|| error_codes::by_model(service, code))
        .unwrap_or(Class::Other)
}

/// Returns the class of a failure by its code, spelled as in `errorCode`, and its message, which may be empty.
pub fn of_failure(service: &str, code: &str, message: &str) -> Class {
    let class = of_code(service, code);
    wordings::find(service, code, class, message).map_or(class, |(class, _)| class)
}

/// Returns what the message of a failure means beyond its class; `None` if nothing is known.
///
/// `code` is spelled as in `errorCode`. The values in `message` may be masked.
pub fn meaning(service: &str, code: &str, message: &str) -> Option<Meaning> {
    let class = of_code(service, code);
    wordings::find(service, code, class, message).map(|(_, meaning)| meaning)
}

/// The reason in [`Selection::NotSelected`] for a call that succeeded and is not a sensitive call.
pub const NO_ERROR: &str = "no_error";

/// The reason in [`Selection::NotSelected`] for JSON that is not a CloudTrail event.
pub const NO_EVENT: &str = "not_an_api_event";

/// A filter that recognizes most records of calls that succeeded, so that they need not be parsed.
///
/// For each record that the filter recognizes, [`select`] would return [`Selection::NotSelected`] with [`NO_ERROR`].
pub static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(selected_calls()));

/// Returns the names of API calls that [`select`] can select without an error code: sign-ins, calls that list failures
/// in their response, and sensitive calls. A name may occur more than once.
///
/// Events that AWS services caused themselves are not among them: events with any name can be selected.
pub fn selected_calls() -> impl Iterator<Item = &'static str> {
    let signins = SIGNINS.iter().copied();
    signins
        .chain(hidden_failures::events())
        .chain(sensitive_calls::events())
}

/// Decides whether a record goes into a cluster: as a failure, with which class, or as a sensitive call.
///
/// Rules and exclusions of the user are applied later.
pub fn select(record: &Record<'_>) -> Selection {
    if let Some(reason) = not_an_api_event(record) {
        return Selection::NotSelected(reason);
    }
    if failed_signin(record) {
        return Selection::Clustered(Class::Signin);
    }
    let message = record.error_message.as_deref();
    let Some(code) = record.error_code.as_deref() else {
        return select_without_code(record);
    };
    match of_failure(record.service(), code, message.unwrap_or_default()) {
        Class::Dryrun => Selection::Ignored(Class::Dryrun, "dry_run"),
        _ if record.event_type.as_deref() == Some("AwsVpceEvent") => {
            Selection::Clustered(Class::Vpce)
        }
        class => Selection::Clustered(class),
    }
}

fn select_without_code(record: &Record<'_>) -> Selection {
    if record.error_message.is_some() {
        return Selection::Clustered(Class::Other);
    }
    match hidden_failures::class(record) {
        Some(class) => Selection::Clustered(class),
        None if sensitive_calls::is_sensitive(record) => Selection::Clustered(Class::Watch),
        None => Selection::NotSelected(NO_ERROR),
    }
}

/// Returns the reason why a record is not an event of a call; `None` if it is one.
///
/// An aggregated event counts calls of five minutes, so that it is no call itself; it has a reason of its own, because
/// people who look for the failures in it find them nowhere else. Source: AWS CloudTrail User Guide, "CloudTrail record
/// contents for aggregated events".
fn not_an_api_event(record: &Record<'_>) -> Option<&'static str> {
    let insight = |text: &str| text.eq_ignore_ascii_case("AwsCloudTrailInsight");
    if record.event_type.as_deref().is_some_and(insight) {
        return Some("insight");
    }
    if record.event_type.as_deref() == Some("AwsAggregatedEvent") {
        return Some("aggregated");
    }
    // Kinesis, SQS and others also have events with a source and a name; their sources begin with `aws:`.
    let source = record.event_source.as_deref();
    if source.is_some_and(|source| source.starts_with("aws:")) {
        return Some(NO_EVENT);
    }
    // A failure is selected even if either its event source or its event name is missing.
    let failed = record.error_code.is_some() || record.error_message.is_some();
    match (record.event_source.is_some(), record.event_name.is_some()) {
        (true, true) => return None,
        (true, false) | (false, true) if failed => return None,
        _ => {}
    }
    Some(match record {
        Record {
            insight_details: Some(_),
            ..
        } => "insight",
        Record {
            is_digest: true, ..
        } => "digest",
        _ => NO_EVENT,
    })
}

/// Sign-in events; an element with the name of the event contains `Success` or `Failure`.
///
/// Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events"; IAM Identity Center User Guide,
/// "Understanding IAM Identity Center sign-in events".
const SIGNINS: [&str; 6] = [
    "ConsoleLogin",
    "CheckMfa",
    "CredentialVerification",
    "ExternalIdPDirectoryLogin",
    "SwitchRole",
    "UserAuthentication",
];

fn failed_signin(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    if !SIGNINS.contains(&event) || !matches!(record.service(), "signin" | "sso") {
        return false;
    }
    let failure = |element: Option<Json<'_>>| {
        let outcome = element.and_then(|element| element.text_at(&[event]));
        outcome.is_some_and(|outcome| outcome.eq_ignore_ascii_case("failure"))
    };
    record.error_code.is_some()
        || record.error_message.is_some()
        || failure(record.response_elements)
        || failure(record.service_event_details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_expected_class() {
        for (codes, class) in [
            (
                "AccessDenied AccessDeniedException Client.UnauthorizedOperation UnauthorizedException AuthFailure OptInRequired KMSAccessDenied",
                Class::Denied,
            ),
            (
                "ExpiredTokenException InvalidClientTokenId SignatureDoesNotMatch InvalidAccessKeyId",
                Class::Auth,
            ),
            (
                "ThrottlingException Client.RequestLimitExceeded TooManyRequestsException SlowDown ProvisionedThroughputExceededException",
                Class::Throttle,
            ),
            (
                "NoSuchEntityException NoSuchBucket Client.InvalidVpcID.NotFound InsightNotEnabledException DBInstanceNotFoundFault InvocationDoesNotExist AWS.SimpleQueueService.NonExistentQueue ObjectLockConfigurationNotFoundError",
                Class::Absent,
            ),
            (
                "Client.VpcLimitExceeded ServiceQuotaExceededException MaxParametersExceeded Server.InsufficientInstanceCapacity",
                Class::Quota,
            ),
            (
                "EntityAlreadyExists BucketNotEmpty DependencyViolation InvalidPermission.Duplicate KMSInvalidStateException InvalidDBInstanceStateFault IncorrectInstanceState TransactionCanceledException UpdateInProgressException ClusterNotActiveException CrawlerRunningException DistributionNotDisabled WAFOptimisticLockException",
                Class::Conflict,
            ),
            (
                "InternalFailure InternalError KMSInternalException ServiceUnavailable Server.InternalError RequestTimeout ServiceException",
                Class::Server,
            ),
            (
                "ValidationException InvalidParameterValueException Client.InvalidInstanceID.Malformed MissingParameter UnsupportedOperationException BadRequestException MaxDocumentSizeExceeded",
                Class::Invalid,
            ),
            (
                "FrobnicationFailed CannotFrobnicate string Exception",
                Class::Other,
            ),
            ("Client.DryRunOperation", Class::Dryrun),
        ] {
            for code in codes.split(' ') {
                assert_eq!(of_code("x", code), class, "{code}");
            }
        }
    }

    fn selected(json: &str) -> Selection {
        select(&Record::parse(json).unwrap())
    }

    #[test]
    fn records_without_a_failed_call_are_not_selected_and_have_a_reason() {
        for (json, reason) in [
            (
                r#"{"eventType":"AwsCloudTrailInsight","errorCode":"x"}"#,
                "insight",
            ),
            (r#"{"digestS3Object":"x"}"#, "digest"),
            (r#"{"hello":"world"}"#, "not_an_api_event"),
            (
                r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorCode":""}"#,
                "no_error",
            ),
        ] {
            assert_eq!(selected(json), Selection::NotSelected(reason));
        }
    }
}
