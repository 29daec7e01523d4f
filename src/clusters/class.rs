//! Decides whether a record is a failure, and assigns a class to each failure.
//!
//! The tables list error codes by class, failures without an error code, and sensitive calls: successful calls that
//! change permissions or logging. The class decides which components the identity of a cluster has, and influences the
//! severity. So the tables are data in one place. They are read from the top, and the first match wins.

use std::sync::LazyLock;

use json::Json;
use json::prefilter::Prefilter;
use memchr::memchr_iter;
use records::Record;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::error_codes;

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

/// A pattern of the table: a code matches if any of the listed texts does.
enum Code {
    Is(&'static [&'static str]),
    Starts(&'static [&'static str]),
    Ends(&'static [&'static str]),
    Holds(&'static [&'static str]),
    /// Matches codes that start with the first text and end with the second.
    Between(&'static str, &'static str),
}
use Code::{Between, Ends, Holds, Is, Starts};

/// The class of each code, in the form that [`stem`] returns. The order of rows matters.
///
/// `RequestLimitExceeded` is a throttle before `*LimitExceeded` is a quota. `InvalidVpcID.NotFound` is absent before
/// `Invalid*` is invalid.
///
/// Sources: the "Common Errors" page of each service's API reference; Amazon EC2 API Reference,
/// "Error codes"; Amazon S3 API Reference, "Error responses".
const TABLE: [(Class, Code); 32] = [
    (Class::Dryrun, Is(&["DryRunOperation"])),
    (Class::Vpce, Is(&["VpceAccessDenied"])),
    (
        Class::Denied,
        Starts(&["AccessDenied", "Unauthorized", "Forbidden", "NotAuthorized"]),
    ),
    (
        Class::Denied,
        Starts(&["AuthorizationError", "AuthorizationFailure"]),
    ),
    (
        Class::Denied,
        Is(&[
            "AuthFailure",
            "OptInRequired",
            "SubscriptionRequired",
            "403",
            "NotSignedUp",
            "Authorization",
        ]),
    ),
    (
        Class::Denied,
        Ends(&["AccessDenied", "NotAuthorized", "AccessDisabled"]),
    ),
    (
        Class::Auth,
        Starts(&["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient"]),
    ),
    (
        Class::Auth,
        Starts(&[
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "InvalidSignature",
        ]),
    ),
    (
        Class::Auth,
        Starts(&[
            "MissingAuthenticationToken",
            "InvalidIdentityToken",
            "IDPRejectedClaim",
        ]),
    ),
    (
        Class::Auth,
        Is(&[
            "IncompleteSignature",
            "RequestTimeTooSkewed",
            "RequestExpired",
            "TokenRefreshRequired",
            "InvalidToken",
        ]),
    ),
    (
        Class::Throttle,
        Holds(&["Throttl", "SlowDown", "TooManyRequests", "RateExceeded"]),
    ),
    (
        Class::Throttle,
        Holds(&[
            "RequestLimitExceeded",
            "ThroughputExceeded",
            "BandwidthLimitExceeded",
        ]),
    ),
    (Class::Absent, Starts(&["NoSuch"])),
    (
        Class::Absent,
        Holds(&[
            "NotFound",
            "DoesNotExist",
            "NotExist",
            "NonExistent",
            "Nonexistent",
        ]),
    ),
    (
        Class::Absent,
        Holds(&["NotEnabled", "NotConfigured", "NotInUse"]),
    ),
    (Class::Absent, Is(&["404"])),
    (
        Class::Quota,
        Holds(&[
            "LimitExceeded",
            "LimitsExceeded",
            "QuotaExceeded",
            "LimitReached",
        ]),
    ),
    (
        Class::Quota,
        Starts(&["TooMany", "InsufficientFreeAddresses"]),
    ),
    (Class::Quota, Between("Insufficient", "Capacity")),
    (Class::Quota, Between("Max", "Exceeded")),
    (
        Class::Conflict,
        Holds(&["Already", "Conflict", "InUse", "Duplicate", "InProgress"]),
    ),
    (
        Class::Conflict,
        Holds(&["InvalidState", "DependencyViolation", "Concurrent"]),
    ),
    (Class::Conflict, Between("Invalid", "State")),
    (Class::Conflict, Starts(&["Incorrect"])),
    (
        Class::Conflict,
        Ends(&[
            "NotEmpty",
            "NotReady",
            "NotActive",
            "NotDisabled",
            "Running",
            "OptimisticLock",
        ]),
    ),
    (
        Class::Conflict,
        Is(&[
            "OperationAborted",
            "EntityTemporarilyUnmodifiable",
            "TransactionCanceled",
            "ConditionalCheckFailed",
            "PreconditionFailed",
            "Disabled",
            "KMS.Disabled",
        ]),
    ),
    (
        Class::Server,
        Starts(&[
            "Internal",
            "ServiceUnavailable",
            "ServiceFailure",
            "ServerException",
        ]),
    ),
    (
        Class::Server,
        Ends(&[
            "Internal",
            "InternalFailure",
            "InternalServer",
            "Timeout",
            "TimedOut",
        ]),
    ),
    (
        Class::Server,
        Is(&["Service", "Server", "Unavailable", "500", "503"]),
    ),
    (
        Class::Invalid,
        Holds(&[
            "Invalid",
            "Malformed",
            "Validation",
            "NotSupported",
            "Unsupported",
        ]),
    ),
    (
        Class::Invalid,
        Starts(&[
            "Missing",
            "BadRequest",
            "Illegal",
            "Unknown",
            "Serialization",
        ]),
    ),
    (
        Class::Invalid,
        Is(&[
            "MethodNotAllowed",
            "IncompleteBody",
            "EntityTooLarge",
            "EntityTooSmall",
            "KeyTooLong",
            "400",
        ]),
    ),
];

impl Code {
    /// Checks whether a code matches.
    ///
    /// `letters` is the set of the code's letters, see [`letter`]. Most texts begin with a letter that the code lacks.
    fn matches(&self, code: &str, letters: u64) -> bool {
        match self {
            Is(codes) => codes.contains(&code),
            Starts(heads) => heads.iter().any(|head| starts(code, head)),
            Ends(tails) => tails.iter().any(|tail| ends(code, tail)),
            Holds(parts) => parts.iter().any(|part| {
                let first = part.as_bytes()[0];
                let begins = |at| code.as_bytes()[at..].starts_with(part.as_bytes());
                letters & letter(first) != 0 && memchr_iter(first, code.as_bytes()).any(begins)
            }),
            Between(head, tail) => code.starts_with(head) && code.ends_with(tail),
        }
    }
}

/// Compares the first letter before the rest, because the first letter differs for nearly all codes.
fn starts(code: &str, head: &str) -> bool {
    code.as_bytes().first() == head.as_bytes().first() && code.starts_with(head)
}

/// Compares the last letter before the rest.
fn ends(code: &str, tail: &str) -> bool {
    code.as_bytes().last() == tail.as_bytes().last() && code.ends_with(tail)
}

/// Returns the bit of a byte in a set of 64; no two ASCII letters share a bit.
fn letter(byte: u8) -> u64 {
    1 << (byte & 63)
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
/// `service` is the event source without `.amazonaws.com`. Our rules for single codes come first, then EC2's own list, then
/// the patterns of `TABLE`, then AWS's service models.
pub fn of_code(service: &str, code: &str) -> Class {
    error_codes::by_rule(service, code)
        .or_else(|| error_codes::by_ec2(service, code))
        .or_else(|| by_pattern(code))
        .or_else(|| error_codes::by_model(service, code))
        .unwrap_or(Class::Other)
}

/// Returns the class of the first row of `TABLE` that matches a code.
fn by_pattern(code: &str) -> Option<Class> {
    let stem = stem(code);
    // With the prefix `Server.` EC2 blames itself. Rows before the first row of `Server` are more specific.
    let at_fault = code.starts_with("Server.");
    let letters = stem.bytes().fold(0, |letters, byte| letters | letter(byte));
    TABLE
        .iter()
        .find(|(class, row)| row.matches(stem, letters) || (at_fault && *class == Class::Server))
        .map(|(class, _)| *class)
}

/// The reason in [`Selection::NotSelected`] for a call that succeeded and is not a sensitive call.
pub const NO_ERROR: &str = "no_error";

/// The reason in [`Selection::NotSelected`] for JSON that is not a CloudTrail event.
pub const NO_EVENT: &str = "not_an_api_event";

/// A filter that recognizes most records of calls that succeeded, so that they need not be parsed.
///
/// For each record that the filter recognizes, [`select`] would return [`Selection::NotSelected`] with [`NO_ERROR`].
pub static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(selected_calls()));

/// Returns the names of events that [`select`] can select without an error code: sign-ins, calls that list failures in
/// their response, and sensitive calls.
///
/// The filter pattern of a CloudWatch Logs subscription has to let records of these events through, and all records
/// with an error. A name may occur more than once.
pub fn selected_calls() -> impl Iterator<Item = &'static str> {
    let hidden = HIDDEN.iter().map(|(_, event, _)| event);
    let watched = WATCH.iter().flat_map(|(_, events)| events.iter());
    SIGNINS.iter().chain(hidden).chain(watched).copied()
}

/// Decides whether a record goes into a cluster: as a failure, with which class, or as a sensitive call.
///
/// Rules and exclusions of the user are applied later.
pub fn select(record: &Record<'_>) -> Selection {
    if let Some(reason) = not_an_api_event(record) {
        return Selection::NotSelected(reason);
    }
    let code = record.error_code.as_deref();
    if failed_signin(record) {
        return Selection::Clustered(Class::Signin);
    }
    match code.map(|code| of_code(record.service(), code)) {
        Some(Class::Dryrun) => Selection::Ignored(Class::Dryrun, "dry_run"),
        Some(_) if record.event_type.as_deref() == Some("AwsVpceEvent") => {
            Selection::Clustered(Class::Vpce)
        }
        Some(class) => Selection::Clustered(class),
        None if record.error_message.is_some() => Selection::Clustered(Class::Other),
        None if hidden_failure(record) => Selection::Clustered(Class::Other),
        None if watched(record) => Selection::Clustered(Class::Watch),
        None => Selection::NotSelected(NO_ERROR),
    }
}

fn not_an_api_event(record: &Record<'_>) -> Option<&'static str> {
    let insight = |text: &str| text.eq_ignore_ascii_case("AwsCloudTrailInsight");
    if record.event_type.as_deref().is_some_and(insight) {
        return Some("insight");
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

/// A call that can fail without an error code: service, event, and the path of a list or an object in its response.
///
/// The call failed if that list or object is not empty.
type Hidden = (&'static str, &'static str, &'static [&'static str]);

/// Calls that succeed as a whole and list partial failures in their response.
///
/// The list is explicit. A search for words of failure in responses would find the empty `unprocessedAccounts` of every
/// GuardDuty call.
const HIDDEN: [Hidden; 9] = [
    ("ec2", "CreateFleet", &["CreateFleetResponse", "errorSet"]),
    (
        "ec2",
        "CreateFlowLogs",
        &["CreateFlowLogsResponse", "unsuccessful"],
    ),
    (
        "ec2",
        "DeleteFlowLogs",
        &["DeleteFlowLogsResponse", "unsuccessful"],
    ),
    ("ecs", "RunTask", &["failures"]),
    ("ecs", "StartTask", &["failures"]),
    ("guardduty", "CreateMembers", &["unprocessedAccounts"]),
    ("guardduty", "InviteMembers", &["unprocessedAccounts"]),
    ("secretsmanager", "BatchGetSecretValue", &["errors"]),
    ("glue", "BatchCreatePartition", &["errors"]),
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

fn hidden_failure(record: &Record<'_>) -> bool {
    HIDDEN.iter().any(|(service, event, path)| {
        record.event_name.as_deref() == Some(event)
            && record.service() == *service
            && record
                .response_elements
                .and_then(|answer| answer.at(path))
                .is_some_and(holds_something)
    })
}

fn holds_something(value: Json<'_>) -> bool {
    let mut fields = 0;
    let _ = value.each_field(|_, _| fields += 1);
    fields > 0 || !value.elements().is_empty()
}

/// The sensitive calls: they change permissions, credentials, keys, or what is logged.
const WATCH: [(&str, &[&str]); 7] = [
    (
        "iam",
        &[
            "AddUserToGroup",
            "AttachGroupPolicy",
            "AttachRolePolicy",
            "AttachUserPolicy",
            "CreateAccessKey",
            "CreateLoginProfile",
            "CreatePolicyVersion",
            "CreateSAMLProvider",
            "CreateUser",
            "DeactivateMFADevice",
            "DeleteRolePermissionsBoundary",
            "DeleteUserPermissionsBoundary",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "SetDefaultPolicyVersion",
            "UpdateAssumeRolePolicy",
            "UpdateLoginProfile",
        ],
    ),
    (
        "cloudtrail",
        &[
            "DeleteTrail",
            "PutEventSelectors",
            "StopLogging",
            "UpdateTrail",
        ],
    ),
    (
        "config",
        &["DeleteConfigurationRecorder", "StopConfigurationRecorder"],
    ),
    (
        "guardduty",
        &[
            "DeleteDetector",
            "DisassociateFromMasterAccount",
            "UpdateDetector",
        ],
    ),
    ("kms", &["DisableKey", "ScheduleKeyDeletion"]),
    (
        "organizations",
        &["LeaveOrganization", "RemoveAccountFromOrganization"],
    ),
    (
        "s3",
        &["DeleteBucketPolicy", "PutBucketAcl", "PutBucketPolicy"],
    ),
];

fn watched(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    WATCH
        .iter()
        .any(|(service, events)| record.service() == *service && events.contains(&event))
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
                "ValidationException InvalidParameterValueException Client.InvalidInstanceID.Malformed MissingParameter UnsupportedOperationException BadRequestException",
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
    fn an_empty_list_in_a_response_is_no_hidden_failure() {
        let call = |answer: &str| {
            format!(
                r#"{{"eventSource":"guardduty.amazonaws.com","eventName":"CreateMembers","responseElements":{{"unprocessedAccounts":{answer}}}}}"#
            )
        };
        assert_eq!(selected(&call("[]")), Selection::NotSelected("no_error"));
        assert_eq!(
            selected(&call(r#"[{"accountId":"111122223333"}]"#)),
            Selection::Clustered(Class::Other)
        );
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
