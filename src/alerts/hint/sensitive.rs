//! What a sensitive call does if it succeeds: the effect decides the severity, and each call has advice of its own.

use super::catalog::{
    Advice, BOUNDARY_REMOVED, BUCKET_ACL, BUCKET_POLICY_REMOVED, BUCKET_POLICY_WRITTEN,
    CONFIG_STOPPED, DETECTION_CHANGED, DETECTION_DETACHED, DETECTION_OFF, GROUP_JOINED,
    KEY_CREATED, KEY_DELETION, KEY_DISABLED, LOGS_REMOVED, ORGANIZATION_LEFT, ORGANIZATION_REMOVED,
    PASSWORD_SET, POLICY_ATTACHED, POLICY_VERSION, POLICY_WRITTEN, PROVIDER_CREATED,
    SECOND_FACTOR_REMOVED, TRAIL_CHANGED, TRAIL_DELETED, TRAIL_STOPPED, TRUST_CHANGED,
    USER_CREATED,
};

/// The effect of a sensitive call that succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It stops a record of what happens, or the detection of attacks.
    Blinds,
    /// It destroys data or makes them unreadable.
    Destroys,
    /// It gives permissions or credentials, or takes a limit of them away.
    GivesPower,
    /// It changes what is recorded or who sees it, perhaps without a loss.
    ChangesRecords,
}

/// A row: service, calls, effect and advice.
type Row = (
    &'static str,
    &'static [&'static str],
    Effect,
    &'static Advice,
);

/// The calls by service. Some of them are not selected as sensitive calls yet; if they fail, the effect counts as well.
///
/// Source: the API references of the services, 2026-11-29.
static TABLE: [Row; 32] = [
    (
        "iam",
        &["AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy"],
        Effect::GivesPower,
        &POLICY_ATTACHED,
    ),
    (
        "iam",
        &["PutGroupPolicy", "PutRolePolicy", "PutUserPolicy"],
        Effect::GivesPower,
        &POLICY_WRITTEN,
    ),
    (
        "iam",
        &["CreatePolicyVersion", "SetDefaultPolicyVersion"],
        Effect::GivesPower,
        &POLICY_VERSION,
    ),
    (
        "iam",
        &["AddUserToGroup"],
        Effect::GivesPower,
        &GROUP_JOINED,
    ),
    (
        "iam",
        &["CreateAccessKey"],
        Effect::GivesPower,
        &KEY_CREATED,
    ),
    ("iam", &["CreateUser"], Effect::GivesPower, &USER_CREATED),
    (
        "iam",
        &["CreateLoginProfile", "UpdateLoginProfile"],
        Effect::GivesPower,
        &PASSWORD_SET,
    ),
    (
        "iam",
        &["DeactivateMFADevice"],
        Effect::GivesPower,
        &SECOND_FACTOR_REMOVED,
    ),
    (
        "iam",
        &["UpdateAssumeRolePolicy"],
        Effect::GivesPower,
        &TRUST_CHANGED,
    ),
    (
        "iam",
        &[
            "CreateSAMLProvider",
            "UpdateSAMLProvider",
            "CreateOpenIDConnectProvider",
            "UpdateOpenIDConnectProviderThumbprint",
        ],
        Effect::GivesPower,
        &PROVIDER_CREATED,
    ),
    (
        "iam",
        &[
            "DeleteRolePermissionsBoundary",
            "DeleteUserPermissionsBoundary",
        ],
        Effect::GivesPower,
        &BOUNDARY_REMOVED,
    ),
    (
        "cloudtrail",
        &["StopLogging"],
        Effect::Blinds,
        &TRAIL_STOPPED,
    ),
    (
        "cloudtrail",
        &["DeleteTrail", "DeleteEventDataStore"],
        Effect::Blinds,
        &TRAIL_DELETED,
    ),
    (
        "cloudtrail",
        &["UpdateTrail", "PutEventSelectors"],
        Effect::ChangesRecords,
        &TRAIL_CHANGED,
    ),
    (
        "config",
        &[
            "StopConfigurationRecorder",
            "DeleteConfigurationRecorder",
            "DeleteDeliveryChannel",
        ],
        Effect::Blinds,
        &CONFIG_STOPPED,
    ),
    (
        "guardduty",
        &["DeleteDetector"],
        Effect::Blinds,
        &DETECTION_OFF,
    ),
    (
        "securityhub",
        &["DisableSecurityHub"],
        Effect::Blinds,
        &DETECTION_OFF,
    ),
    ("macie2", &["DisableMacie"], Effect::Blinds, &DETECTION_OFF),
    ("inspector2", &["Disable"], Effect::Blinds, &DETECTION_OFF),
    (
        "access-analyzer",
        &["DeleteAnalyzer"],
        Effect::Blinds,
        &DETECTION_OFF,
    ),
    (
        "guardduty",
        &["UpdateDetector"],
        Effect::ChangesRecords,
        &DETECTION_CHANGED,
    ),
    (
        "guardduty",
        &[
            "DisassociateFromAdministratorAccount",
            "DisassociateFromMasterAccount",
        ],
        Effect::Blinds,
        &DETECTION_DETACHED,
    ),
    (
        "securityhub",
        &[
            "DisassociateFromAdministratorAccount",
            "DisassociateFromMasterAccount",
        ],
        Effect::Blinds,
        &DETECTION_DETACHED,
    ),
    ("ec2", &["DeleteFlowLogs"], Effect::Blinds, &LOGS_REMOVED),
    (
        "logs",
        &["DeleteLogGroup", "DeleteLogStream"],
        Effect::Destroys,
        &LOGS_REMOVED,
    ),
    ("kms", &["DisableKey"], Effect::Destroys, &KEY_DISABLED),
    (
        "kms",
        &["ScheduleKeyDeletion"],
        Effect::Destroys,
        &KEY_DELETION,
    ),
    (
        "organizations",
        &["LeaveOrganization"],
        Effect::Blinds,
        &ORGANIZATION_LEFT,
    ),
    (
        "organizations",
        &["RemoveAccountFromOrganization"],
        Effect::GivesPower,
        &ORGANIZATION_REMOVED,
    ),
    (
        "s3",
        &["PutBucketPolicy"],
        Effect::GivesPower,
        &BUCKET_POLICY_WRITTEN,
    ),
    (
        "s3",
        &["DeleteBucketPolicy"],
        Effect::GivesPower,
        &BUCKET_POLICY_REMOVED,
    ),
    ("s3", &["PutBucketAcl"], Effect::GivesPower, &BUCKET_ACL),
];

fn row(service: &str, call: &str) -> Option<&'static Row> {
    let matches = |row: &&Row| row.0 == service && row.1.contains(&call);
    TABLE.iter().find(matches)
}

/// Returns the effect of a call that succeeds; `None` if the call is in no row.
pub(crate) fn effect(service: &str, call: &str) -> Option<Effect> {
    row(service, call).map(|row| row.2)
}

/// Returns the advice for a sensitive call that succeeded; `None` if the call is in no row.
pub(super) fn advice(service: &str, call: &str) -> Option<&'static Advice> {
    row(service, call).map(|row| row.3)
}
