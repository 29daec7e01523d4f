//! Words of error messages and codes that decide the advice where the error code says little or something wrong.
//!
//! The texts are parts of masked messages, in lower case.

use super::catalog::{
    Advice, BILLING_ACCESS, BLOCK_PUBLIC_ACCESS, CREDENTIALS, DESTINATION_BUCKET, DESTINATION_KEY,
    DESTINATION_TOPIC, KMS_THREE_REASONS, LAKE_FORMATION, MODEL_ACCESS, NOT_SWITCHED_ON,
    ROLE_CANNOT_BE_ASSUMED, ROLE_LACKS_PERMISSION,
};

/// A row: words, one of which is in the message, and the advice. The first match wins.
type Row = (&'static [&'static str], &'static Advice);

/// Advice by the message, for failures of the classes that say little: refused, invalid, absent, other.
///
/// Sources, 2026-11-29: for what is not switched on, issues of DataBiosphere/azul (5779, 6438) and the API references
/// of Macie, Audit Manager and Security Hub; for credentials, Amazon EC2 API Reference, "Error codes", and the AWS
/// CLI; for roles, hashicorp/terraform-provider-aws (20229) and the API references of Lambda, `CodeBuild`, Firehose and
/// CloudTrail; for KMS, its Developer Guide, "Troubleshooting key access"; AWS Lake Formation Developer Guide,
/// "Troubleshooting".
static MESSAGES: [Row; 9] = [
    (
        &[
            "not able to validate the provided access credentials",
            "session token not found or invalid",
            "request has expired",
            "security token included in the request is expired",
            "security token included in the request is invalid",
            "token has expired",
            "token is expired",
            "invalid access token",
            "invalid refresh token",
        ],
        &CREDENTIALS,
    ),
    (&["not activated for this account"], &BILLING_ACCESS),
    (
        &[
            "don't have access to the model",
            "do not have access to the model",
        ],
        &MODEL_ACCESS,
    ),
    (
        &[
            "is not enabled",
            "are not enabled",
            "not been enabled",
            "is not configured",
            "has not been configured",
            "not been set up",
            "is not subscribed",
            "not subscribed to",
            "not opted in",
            "needs to be opted in",
            "is not turned on",
            "is not activated",
            "not signed up",
            "complete aws audit manager setup",
            "does not have a delegated administrator",
        ],
        &NOT_SWITCHED_ON,
    ),
    (
        &["does not exist in this region, no resource-based"],
        &KMS_THREE_REASONS,
    ),
    (&["lake formation permission"], &LAKE_FORMATION),
    (&["in s3 block public access"], &BLOCK_PUBLIC_ACCESS),
    (
        &[
            "cannot be assumed by",
            "can't be assumed by",
            "unable to assume role",
            "unable to assume the role",
            "unable to assume the provided role",
            "could not assume role",
            "failed to assume role",
            "not authorized to assume",
            "check the trust relationship",
            "is not authorized to perform: sts:assumerole",
            "is not authorized to perform assumerole",
        ],
        &ROLE_CANNOT_BE_ASSUMED,
    ),
    (
        &[
            "execution role does not have permission",
            "execution role doesn't have permission",
            "role does not have permission",
            "role doesn't have permission",
            "role does not have sufficient permission",
            "role does not have the required permission",
            "role lacks permission",
            "role is missing permission",
            "the role is not authorized to",
            "provided role does not have",
            "ensure that the role has",
            "role that has permission",
        ],
        &ROLE_LACKS_PERMISSION,
    ),
];

/// Advice by the error code, without `Exception`.
///
/// Source: AWS CloudTrail API Reference, `CreateTrail`, 2026-11-29.
static CODES: [Row; 3] = [
    (
        &[
            "InsufficientS3BucketPolicy",
            "InsufficientDeliveryPolicy",
            "InvalidS3BucketPolicy",
        ],
        &DESTINATION_BUCKET,
    ),
    (&["InsufficientSnsTopicPolicy"], &DESTINATION_TOPIC),
    (&["InsufficientEncryptionPolicy"], &DESTINATION_KEY),
];

/// Words of a wrong user name, password or code of an application's user.
///
/// Source: Amazon Cognito API Reference, `InitiateAuth` and `RespondToAuthChallenge`, 2026-11-29.
const END_USER: [&str; 6] = [
    "incorrect username or password",
    "password attempts exceeded",
    "user does not exist",
    "user is disabled",
    "invalid session for the user",
    "invalid code",
];

/// Settings that a resource may have or not, so that many programs ask for them: service, and parts of error codes
/// or names of calls.
///
/// Sources: Amazon S3 API Reference, "Error responses"; IAM, Lambda and Amazon ECR API References; 2026-11-29.
const OPTIONAL: [(&str, &[&str]); 7] = [
    (
        "s3",
        &[
            "NoSuchBucketPolicy",
            "NoSuchTagSet",
            "ConfigurationNotFound",
            "NoSuchLifecycleConfiguration",
            "NoSuchWebsiteConfiguration",
            "NoSuchCORSConfiguration",
            "NoSuchPublicAccessBlockConfiguration",
            "NoSuchConfiguration",
            "OwnershipControlsNotFound",
        ],
    ),
    ("iam", &["GetLoginProfile", "GetAccountPasswordPolicy"]),
    (
        "lambda",
        &[
            "GetPolicy",
            "GetFunctionEventInvokeConfig",
            "GetFunctionUrlConfig",
            "GetProvisionedConcurrencyConfig",
        ],
    ),
    ("ecr", &["GetLifecyclePolicy", "GetRepositoryPolicy"]),
    ("sso", &["GetInlinePolicyForPermissionSet"]),
    (
        "glacier",
        &["GetVaultAccessPolicy", "GetVaultNotifications"],
    ),
    (
        "backup",
        &["GetBackupVaultAccessPolicy", "GetBackupVaultNotifications"],
    ),
];

/// Returns the advice that the words of a message decide; `None` if no row matches.
pub(super) fn by_message(message: &str) -> Option<&'static Advice> {
    let message = message.to_ascii_lowercase().replace('\u{2019}', "'");
    // A sentence about the user is about the caller, not about the role that a request names.
    let is_of_caller = message.starts_with("user");
    let row = MESSAGES.iter().find(|(words, advice)| {
        let is_of_role = **advice == ROLE_CANNOT_BE_ASSUMED || **advice == ROLE_LACKS_PERMISSION;
        words.iter().any(|words| message.contains(words)) && !(is_of_role && is_of_caller)
    });
    row.map(|row| row.1)
}

/// Returns the advice that an error code decides, in the form without `Exception`; `None` if no row matches.
pub(super) fn by_code(code: &str) -> Option<&'static Advice> {
    let row = CODES.iter().find(|row| row.0.contains(&code));
    row.map(|row| row.1)
}

/// Checks whether a message is about a wrong user name, password or code of an application's user.
pub(super) fn is_of_end_user(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    END_USER.iter().any(|words| message.contains(words))
}

/// Checks whether an error code says that something is not switched on, such as `InsightNotEnabled`.
pub(super) fn is_not_enabled(code: &str) -> bool {
    [
        "NotEnabled",
        "NotConfigured",
        "NotSubscribed",
        "NotSignedUp",
    ]
    .iter()
    .any(|words| code.contains(words))
}

/// Checks whether a call asked for an optional setting of something, and the answer was that there is none.
pub(super) fn is_optional_setting(service: &str, call: &str, code: &str) -> bool {
    OPTIONAL.iter().any(|(of, words)| {
        let matches = |words: &&str| code.contains(words) || call == *words;
        *of == service && words.iter().any(matches)
    })
}
