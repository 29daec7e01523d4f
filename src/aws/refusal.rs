//! Converts errors of AWS services to a text, to a cause, and to the answer for an alert that was to be sent.

use std::error::Error;
use std::fmt::Debug;

use alerts::outbox::SinkAnswer;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use records::redact::sanitize;
use service::ports::with_causes;

/// The longest part of a service's error message that is repeated, in characters.
const DETAIL_CHARS_MAX: usize = 256;

/// The cause of an error of an AWS service. Each cause leads to another answer for the alert that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The service throttles, because there are too many requests; a later call may succeed.
    Throttled,
    /// The request is invalid; a different request may succeed.
    Request,
    /// The target or the permissions are wrong; a person has to correct the settings. Also any unknown code.
    Settings,
    /// The service fails or cannot be reached; a later call may succeed.
    Service,
}

impl Cause {
    /// Returns the cause that an error code of an AWS service means. A suffix `Exception` of the code is ignored.
    /// Unknown codes are [`Cause::Settings`].
    ///
    /// The services have different codes for the same error. Source: API References of SNS and EventBridge, "Errors"
    /// and "Common Errors".
    pub fn of(code: &str) -> Self {
        let code = code.strip_suffix("Exception").unwrap_or(code);
        match code {
            "Throttled"
            | "Throttling"
            | "ThrottledRequest"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "LimitExceeded"
            | "SlowDown"
            | "KMSThrottling" => Self::Throttled,
            "InvalidParameter"
            | "InvalidParameterValue"
            | "ParameterValueInvalid"
            | "Validation"
            | "ValidationError"
            | "MalformedDetail"
            | "InvalidArgument"
            | "RequestEntityTooLarge"
            | "InvalidBatchEntry" => Self::Request,
            "InternalError"
            | "InternalFailure"
            | "Internal"
            | "InternalServiceError"
            | "InternalService"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "RequestExpired" => Self::Service,
            _ => Self::Settings,
        }
    }

    /// Returns the answer of a sink for an alert that could not be sent because of this cause. `why` is the text of
    /// the error.
    pub fn answer(self, why: String) -> SinkAnswer {
        match self {
            Self::Throttled => SinkAnswer::Busy { after: None, why },
            Self::Request => SinkAnswer::Rejected(why),
            Self::Settings => SinkAnswer::Refused(why),
            Self::Service => SinkAnswer::Unreachable(why),
        }
    }
}

/// Returns the cause of the error of an SDK call. An error without a code is [`Cause::Service`]: the service did not
/// answer.
pub fn cause<E, R>(error: &SdkError<E, R>) -> Cause
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    error.code().map_or(Cause::Service, Cause::of)
}

/// Returns the error of an SDK call as text: the code and message of the service, or the reason why there is no
/// answer. At most 256 characters.
pub fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug,
{
    let detail = match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        None => with_causes(error.to_string(), error),
    };
    sanitize(&detail, DETAIL_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_cause_in_every_spelling() {
        for (codes, cause) in [
            (
                &["Throttled", "ThrottledException", "KMSThrottlingException"][..],
                Cause::Throttled,
            ),
            (
                &[
                    "InvalidParameter",
                    "InvalidParameterValue",
                    "MalformedDetail",
                ],
                Cause::Request,
            ),
            (
                &["InternalError", "InternalException", "InternalFailure"],
                Cause::Service,
            ),
            (
                &[
                    "AuthorizationError",
                    "NotFound",
                    "KMSAccessDenied",
                    "NewWord",
                ],
                Cause::Settings,
            ),
        ] {
            for code in codes {
                assert_eq!(Cause::of(code), cause, "{code}");
            }
        }
    }
}
