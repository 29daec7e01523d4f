//! Words of error messages and codes that decide the advice where the error code says little or something wrong.
//!
//! The texts are parts of masked messages, in lower case.

use clusters::wordings::Meaning;

use super::catalog::{
    ACCESS_GRANT, ACCOUNT_VERIFICATION, Advice, BILLING_ACCESS, BLOCK_PUBLIC_ACCESS, CREDENTIALS,
    DESTINATION, DESTINATION_BUCKET, DESTINATION_KEY, DESTINATION_TOPIC, END_USER, ENVIRONMENT_KEY,
    FIREWALL, KMS_THREE_REASONS, LAKE_FORMATION, MARKETPLACE, MODEL_ACCESS, NOT_SWITCHED_ON,
    PASSWORD_EXPIRED, PROTECTED, PROTOCOL_STEP, PROVIDER_MISSING, ROLE_CANNOT_BE_ASSUMED,
    ROLE_LACKS_PERMISSION, SOURCE, SUPPORT_PLAN, TOKEN_AUDIENCE,
};

/// A row: words, one of which is in the message, and the advice. The first match wins.
type Row = (&'static [&'static str], &'static Advice);

/// Advice by the message, for failures of the classes that say little: refused, invalid, absent, other. These words
/// decide only the advice. Words that also decide the class are in the table of `clusters::wordings`.
///
/// Sources, 2026-11-29: Amazon Bedrock User Guide, "Access foundation models"; for KMS, its Developer Guide,
/// "Troubleshooting key access"; AWS Lake Formation Developer Guide, "Troubleshooting"; Amazon S3
/// User Guide, "Blocking public access"; for protection against deletion, Amazon EC2, Elastic Load Balancing, Amazon RDS and
/// AWS CloudFormation User Guides and Amazon DynamoDB Developer Guide; S3 Access Grants; Amazon CloudFront, AWS Lambda and
/// Amazon Cognito Developer Guides; AWS STS API Reference, `AssumeRoleWithWebIdentity`.
static MESSAGES: [Row; 13] = [
    (
        &[
            "don't have access to the model",
            "do not have access to the model",
        ],
        &MODEL_ACCESS,
    ),
    (
        &[
            "does not exist in this region, no resource-based",
            "does not exist in this region, or you are not allowed to access",
        ],
        &KMS_THREE_REASONS,
    ),
    (&["lake formation permission"], &LAKE_FORMATION),
    (&["permissions to the requested s3 prefix"], &ACCESS_GRANT),
    (
        &["in order to use this aws marketplace product"],
        &MARKETPLACE,
    ),
    (
        &["your account must be verified before"],
        &ACCOUNT_VERIFICATION,
    ),
    (
        &["unable to decrypt the environment variables because kms access was denied"],
        &ENVIRONMENT_KEY,
    ),
    (
        &["no openidconnect provider found in your account"],
        &PROVIDER_MISSING,
    ),
    (&["incorrect token audience"], &TOKEN_AUDIENCE),
    (&["due to waf block"], &FIREWALL),
    (&["password has expired"], &PASSWORD_EXPIRED),
    (&["in s3 block public access"], &BLOCK_PUBLIC_ACCESS),
    (
        &[
            "may not be terminated. modify its",
            "may not be stopped. modify its",
            "deletion protection is",
            "cannot delete protected ",
            "currently protected against deletion",
            "terminationprotection is enabled",
        ],
        &PROTECTED,
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

/// Returns the advice for what a message means beyond its class; `None` if the class says enough.
pub(super) fn by_meaning(meaning: Meaning) -> Option<&'static Advice> {
    Some(match meaning {
        Meaning::Credentials => &CREDENTIALS,
        Meaning::EndUser => &END_USER,
        Meaning::NotSwitchedOn => &NOT_SWITCHED_ON,
        Meaning::SupportPlan => &SUPPORT_PLAN,
        Meaning::BillingAccess => &BILLING_ACCESS,
        Meaning::RoleTrust => &ROLE_CANNOT_BE_ASSUMED,
        Meaning::RolePermission => &ROLE_LACKS_PERMISSION,
        Meaning::Destination => &DESTINATION,
        Meaning::Source => &SOURCE,
        Meaning::ProtocolStep => &PROTOCOL_STEP,
        Meaning::None | Meaning::TooFast | Meaning::NotThere => return None,
    })
}

/// Returns the advice that the words of a message decide; `None` if no row matches.
pub(super) fn by_message(message: &str) -> Option<&'static Advice> {
    let message = message.to_ascii_lowercase().replace('\u{2019}', "'");
    let is_in_message = |words: &&str| message.contains(words);
    let row = MESSAGES
        .iter()
        .find(|(words, _)| words.iter().any(is_in_message));
    row.map(|row| row.1)
}

/// Returns the advice that an error code decides, in the form without `Exception`; `None` if no row matches.
pub(super) fn by_code(code: &str) -> Option<&'static Advice> {
    let row = CODES.iter().find(|row| row.0.contains(&code));
    row.map(|row| row.1)
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
