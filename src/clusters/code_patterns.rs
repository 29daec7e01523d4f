//! Patterns of error codes: words that most codes of a class begin with, end with or contain.
//!
//! The table is read from the top, and the first match wins.

use memchr::memchr_iter;

use crate::class::{Class, stem};

/// Returns the class of the first row of `TABLE` that matches a code, spelled as in `errorCode`; `None` if no row does.
pub fn by_pattern(code: &str) -> Option<Class> {
    let stem = stem(code);
    // With the prefix `Server.` EC2 blames itself. Rows before the first row of `Server` are more specific.
    let at_fault = code.starts_with("Server.");
    let letters = stem.bytes().fold(0, |letters, byte| letters | letter(byte));
    TABLE
        .iter()
        .find(|(class, row)| row.matches(stem, letters) || (at_fault && *class == Class::Server))
        .map(|(class, _)| *class)
}

/// Returns the class of a code that is an HTTP status; `None` for other codes, and for statuses that do not say what
/// happened, such as 400.
pub fn by_status(code: &str) -> Option<Class> {
    let status: u16 = code.parse().ok()?;
    match status {
        401 => Some(Class::Auth),
        403 => Some(Class::Denied),
        404 | 410 => Some(Class::Absent),
        409 => Some(Class::Conflict),
        429 => Some(Class::Throttle),
        500..=599 => Some(Class::Server),
        _ => None,
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
const TABLE: [(Class, Code); 31] = [
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
    (Class::Server, Is(&["Service", "Server", "Unavailable"])),
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
