//! Is it a failure, and of which class: the table of codes, the failures that carry no code, and
//! the successful calls that are worth watching.
//!
//! The classes decide what belongs to a cluster's identity and how loud it is, so the tables are
//! data in one place, read from the top, first match wins.

use std::sync::LazyLock;

use json::Json;
use json::prefilter::Prefilter;
use memchr::memchr_iter;
use records::Record;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Class {
    /// Refused on its way through a VPC endpoint.
    Vpce,
    /// A sign-in that failed.
    Signin,
    /// Known caller, not allowed.
    Denied,
    /// The caller could not be told: wrong, expired or missing credentials.
    Auth,
    /// Too many requests at a time.
    Throttle,
    /// "Would have succeeded": no failure at all.
    Dryrun,
    /// What was asked for is not there, or not switched on.
    Absent,
    /// A limit of the account, or of what AWS has left.
    Quota,
    /// It is there already, in use, or in another state.
    Conflict,
    /// AWS failed.
    Server,
    /// The request makes no sense to the service.
    Invalid,
    /// A code that the table does not know.
    Other,
    /// A call that succeeded and should not go unnoticed.
    Watch,
}

/// What a record is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Clustered: a failure, or a watched success.
    Clustered(Class),
    /// Selected and then left out, with the reason.
    Ignored(Class, &'static str),
    /// Nothing failed, or no API was called at all; with the reason.
    NotSelected(&'static str),
}

impl Class {
    /// All classes, in the order of the table.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name of the class; it is part of the identity.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the class of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// How a row of the table compares with a code.
enum Code {
    Is(&'static [&'static str]),
    Starts(&'static [&'static str]),
    Ends(&'static [&'static str]),
    Holds(&'static [&'static str]),
    /// Starts with the first and ends with the second.
    Between(&'static str, &'static str),
}
use Code::{Between, Ends, Holds, Is, Starts};

/// The codes by class, as [`stem`] leaves them. The order is the meaning: `RequestLimitExceeded`
/// is a throttle before `*LimitExceeded` is a quota, `InvalidVpcID.NotFound` is absent before
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
    /// Tells whether a code matches, given which letters it holds: most parts begin with another.
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

/// Compares the first letter before the rest, which tells nearly all codes apart.
fn starts(code: &str, head: &str) -> bool {
    code.as_bytes().first() == head.as_bytes().first() && code.starts_with(head)
}

/// Compares the last letter before the rest.
fn ends(code: &str, tail: &str) -> bool {
    code.as_bytes().last() == tail.as_bytes().last() && code.ends_with(tail)
}

/// Returns the bit of a letter, which it shares with what is no letter.
fn letter(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// Returns an error code without what services add to it or leave off at will: EC2's `Client.` and
/// `Server.`, and a final `Exception`, `Error` or `Fault`.
pub fn stem(code: &str) -> &str {
    let code = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    ["Exception", "Error", "Fault"]
        .iter()
        .find_map(|tail| code.strip_suffix(tail))
        .filter(|stem| !stem.is_empty() && !stem.ends_with('.'))
        .unwrap_or(code)
}

/// Returns the class of an error code.
pub fn of_code(code: &str) -> Class {
    let stem = stem(code);
    // EC2 says that it was its fault; before that row of the table, the code says more.
    let at_fault = code.starts_with("Server.");
    let letters = stem.bytes().fold(0, |letters, byte| letters | letter(byte));
    TABLE
        .iter()
        .find(|(class, row)| row.matches(stem, letters) || (at_fault && *class == Class::Server))
        .map_or(Class::Other, |(class, _)| *class)
}

/// Why a call that succeeded is not selected.
pub const NO_ERROR: &str = "no_error";

/// Why something is not selected that is no event of CloudTrail.
pub const NO_EVENT: &str = "not_an_api_event";

/// The prefilter that holds back what [`select`] would not select for [`NO_ERROR`], unread.
pub static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(selected_calls()));

/// Returns the calls that are looked at though they have no error, by their names. The filter pattern
/// of a subscription has to let these through, and whatever has an error.
pub fn selected_calls() -> impl Iterator<Item = &'static str> {
    let hidden = HIDDEN.iter().map(|(_, event, _)| event);
    let watched = WATCH.iter().flat_map(|(_, events)| events.iter());
    SIGNINS.iter().chain(hidden).chain(watched).copied()
}

/// Decides what a record is to us: a failure of a class, a watched success, or nothing.
pub fn select(record: &Record<'_>) -> Selection {
    if let Some(reason) = not_an_api_event(record) {
        return Selection::NotSelected(reason);
    }
    let code = record.error_code.as_deref();
    if failed_signin(record) {
        return Selection::Clustered(Class::Signin);
    }
    match code.map(of_code) {
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
    // Kinesis, SQS and others have events with a source and a name as well; theirs is `aws:kinesis`.
    let source = record.event_source.as_deref();
    if source.is_some_and(|source| source.starts_with("aws:")) {
        return Some(NO_EVENT);
    }
    // What failed is told even where half of the call's name is missing.
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

/// Events that tell how a sign-in went, in an element of the same name that says `Success` or
/// `Failure`. Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events"; IAM
/// Identity Center User Guide, "Understanding IAM Identity Center sign-in events".
const SIGNINS: [&str; 6] = [
    "ConsoleLogin",
    "CheckMfa",
    "CredentialVerification",
    "ExternalIdPDirectoryLogin",
    "SwitchRole",
    "UserAuthentication",
];

/// Where a call tells that it failed without an error code: service, event, and the path in its
/// answer to a list or an object that is not empty then.
type Hidden = (&'static str, &'static str, &'static [&'static str]);

/// Calls that succeed and report what failed in their answer. An explicit list: a search for
/// failing words in answers finds the empty `unprocessedAccounts` of every `GuardDuty` call.
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
        let told = element.and_then(|element| element.text_at(&[event]));
        told.is_some_and(|told| told.eq_ignore_ascii_case("failure"))
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

/// Successful calls that change who may do what, or what is recorded: the default watch list.
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
    fn codes_fall_into_the_class_that_says_what_to_do() {
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
                "Client.VpcLimitExceeded ServiceQuotaExceededException MaxDocumentSizeExceeded Server.InsufficientInstanceCapacity",
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
                "ValidationException InvalidParameterValueException Client.InvalidInstanceID.Malformed MissingParameter UnsupportedOperationException BadRequestException InvalidAccessException",
                Class::Invalid,
            ),
            (
                "OperationNotPermitted CannotDelete string Exception",
                Class::Other,
            ),
            ("Client.DryRunOperation", Class::Dryrun),
        ] {
            for code in codes.split(' ') {
                assert_eq!(of_code(code), class, "{code}");
            }
        }
    }

    fn selected(json: &str) -> Selection {
        select(&Record::parse(json).unwrap())
    }

    #[test]
    fn an_empty_answer_is_no_hidden_failure() {
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
    fn what_called_no_api_is_left_with_its_reason() {
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
