//! Says what to do about an error of AWS that a command ended with.

/// Error codes of AWS, and what a person does about them. An error of another command may contain such a word only if AWS said it.
const STEPS: [(&[&str], &str); 6] = [
    (
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "TokenRefreshRequired",
        ],
        "the credentials have expired; log in again with aws sso login, or set new ones",
    ),
    (
        &[
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "InvalidToken",
        ],
        "AWS does not know these credentials; check them with: aws sts get-caller-identity",
    ),
    (
        &[
            "Throttling",
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "SlowDown",
            "TooManyRequestsException",
        ],
        "AWS limits the number of requests; try again in a minute",
    ),
    (
        &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
        ],
        "ask who manages the account for this permission, or choose another profile with --profile",
    ),
    (
        &["ResourceNotFoundException"],
        "check the name, or give --region or --profile",
    ),
    (
        &["dispatch failure", "client error (Connect)"],
        "AWS cannot be reached; check the network, and the name of the region (--region)",
    ),
];

/// Returns what to do about an error with this text; `None` if that is not known, or if the text says it already.
pub fn of(text: &str) -> Option<&'static str> {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let has = |code: &&str| {
        text.match_indices(*code).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + code.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        })
    };
    let found = STEPS.iter().find(|(codes, _)| codes.iter().any(has));
    let step = found.map(|(_, step)| *step);
    step.filter(|_| !text.contains("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_whole_word_and_a_text_with_a_step_gets_no_other() {
        assert!(of("t: DynamoDB rejected the request: AccessDeniedException: no").is_some());
        assert_eq!(of("MyAccessDeniedThing"), None);
        assert_eq!(of("AccessDenied; do this"), None);
        assert_eq!(of("no such file"), None);
    }
}
