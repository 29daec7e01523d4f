//! Assigns a class to each failure, by its error code and its message.
//!
//! What decides are tables of other modules: `error_codes` and `code_patterns` for codes, `wordings` for messages.
//!
//! The order of authority: a row for the code, or for the class of the code, and the words of the message; then our rules
//! for single codes, HTTP statuses, EC2's own list, the patterns, AWS's service models; and at last [`Class::Other`].
//!
//! Wrong passwords of the users of an application are sign-ins ([`Class::Signin`]), and not bad credentials
//! ([`Class::Auth`]): guessing is searched for among sign-ins.

use crate::class::Class;
use crate::code_patterns::{by_pattern, by_status};
use crate::error_codes;
use crate::wordings::{self, Meaning};

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
///
/// `call` is the service, as in [`of_code`], and the name of the event.
pub fn of_failure(call: (&str, &str), code: &str, message: &str) -> Class {
    let class = of_code(call.0, code);
    wordings::find(call, code, class, message).map_or(class, |(class, _)| class)
}

/// Returns what the message of a failure means beyond its class; `None` if nothing is known.
///
/// `call` is the service and the name of the event. `code` is spelled as in `errorCode`. The values in `message` may be
/// masked.
pub fn meaning(call: (&str, &str), code: &str, message: &str) -> Option<Meaning> {
    let class = of_code(call.0, code);
    wordings::find(call, code, class, message).map(|(_, meaning)| meaning)
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
}
