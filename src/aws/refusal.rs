//! What a service says that does not do what it is asked for: in words, and what it means to an alert
//! that was to be sent.

use std::error::Error;
use std::fmt::Debug;

use alerts::outbox::SinkAnswer;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use records::redact::sanitize;
use service::ports::with_causes;

/// How much of what a service says is repeated.
const DETAIL_CHARS_MAX: usize = 256;

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The service is asked too often.
    Throttled,
    /// The request itself: another one may do.
    Request,
    /// What is asked for, or who asks: a person has to do something.
    Settings,
    /// The service.
    Service,
}

impl Cause {
    /// Returns what an error code is about, as the services spell it: SNS and EventBridge each have
    /// words of their own. Source: their API references, "Errors", and "Common Errors".
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

    /// Returns what it means to an alert.
    pub fn answered(self, why: String) -> SinkAnswer {
        match self {
            Self::Throttled => SinkAnswer::Busy { after: None, why },
            Self::Request => SinkAnswer::Rejected(why),
            Self::Settings => SinkAnswer::Refused(why),
            Self::Service => SinkAnswer::Unreachable(why),
        }
    }
}

/// Returns what an error is about: one that has no code is none of the service's answers.
pub fn cause<E, R>(error: &SdkError<E, R>) -> Cause
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    error.code().map_or(Cause::Service, Cause::of)
}

/// Says what went wrong: what the service answered, or why there is no answer.
pub fn told<E, R>(error: &SdkError<E, R>) -> String
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
    fn each_code_means_one_thing_however_a_service_spells_it() {
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
