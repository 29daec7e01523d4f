//! Sensitive calls: calls that are clustered although they succeeded, because they change permissions or logging.

use records::Record;

/// Returns the names of the events of all sensitive calls. A name may occur more than once.
pub fn events() -> impl Iterator<Item = &'static str> {
    WATCH.iter().flat_map(|(_, events)| events.iter()).copied()
}

/// Checks whether a call that succeeded is a sensitive call.
pub fn is_sensitive(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    WATCH
        .iter()
        .any(|(service, events)| record.service() == *service && events.contains(&event))
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
