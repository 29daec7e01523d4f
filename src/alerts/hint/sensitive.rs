//! What a sensitive call does if it succeeds: the effect decides the severity, and each call has advice of its own or of
//! its family.
//!
//! Some calls have a row of their own. All others have that of their watch: the rows are by the names of the watches in the
//! table of `clusters::watch`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use clusters::fingerprint::Identity;
use clusters::watch::{CallDetails, Watches};

use super::catalog::{
    ALARM_REMOVED, Advice, BACKUP_WEAKENED, BOUNDARY_REMOVED, BUCKET_ACL, BUCKET_POLICY_REMOVED,
    BUCKET_POLICY_WRITTEN, CLUSTER_ACCESS, CODE_CHANGED, COMMAND_RUN, CONFIG_STOPPED, COST_OPENED,
    CREDENTIAL_CREATED, DATA_DESTROYED, DATA_EXPORTED, DATABASE_PASSWORD, DETECTION_CHANGED,
    DETECTION_DETACHED, DETECTION_OFF, DOMAIN_FREED, FEDERATION_TOKEN, FILTER_REMOVED,
    FINDINGS_HANDLED, FINDINGS_HIDDEN, FUNCTION_PUBLIC, GROUP_JOINED, HOST_ENTERED, HOST_OPENED,
    INSTANCE_ROLE, KEY_ACTIVATED, KEY_CREATED, KEY_DELETION, KEY_DISABLED, KEY_SHARED, LOGGING_OFF,
    LOGS_REMOVED, MFA_ADDED, MFA_REMOVED, NETWORK_JOINED, ORGANIZATION_CHANGED, ORGANIZATION_LEFT,
    ORGANIZATION_REMOVED, PASSWORD_RULES, PASSWORD_SET, PERMISSION_SET, POLICY_ATTACHED,
    POLICY_PREPARED, POLICY_VERSION, POLICY_WRITTEN, POOL_OPENED, PORT_OPENED, PROVIDER_CREATED,
    PUBLIC_BLOCK_REMOVED, ROLE_CREATED, ROOT_MAIL, ROOT_OF_MEMBER, ROOT_SIGN_IN, SECRET_READ,
    SHARED, SHELL_KEY, SIGN_IN_WITHOUT_MFA, SNAPSHOT_SHARED, TRAIL_CHANGED, TRAIL_DELETED,
    TRAIL_STOPPED, TRUST_ANCHOR, TRUST_CHANGED, USER_CREATED,
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
    /// It gives other accounts or the public access to data.
    SharesData,
    /// It lets traffic into the network that was kept out.
    OpensNetwork,
    /// It runs code, or opens a shell.
    RunsCode,
    /// It reads secrets.
    ReadsSecrets,
    /// It lets the account be used at its cost.
    Costs,
}

/// What is known of a sensitive call: its effect and the advice about it.
type Known = (Effect, &'static Advice);

/// A row: service, calls, effect and advice.
type Row = (
    &'static str,
    &'static [&'static str],
    Effect,
    &'static Advice,
);

/// The calls with advice of their own, by service.
///
/// Source: the API references of the services, 2026-11-29.
static TABLE: [Row; 8] = [
    (
        "iam",
        &["PutGroupPolicy", "PutRolePolicy", "PutUserPolicy"],
        Effect::GivesPower,
        &POLICY_WRITTEN,
    ),
    (
        "cloudtrail",
        &["DeleteTrail", "DeleteEventDataStore"],
        Effect::Blinds,
        &TRAIL_DELETED,
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
    (
        "macie2",
        &[
            "DisassociateFromAdministratorAccount",
            "DisassociateFromMasterAccount",
        ],
        Effect::Blinds,
        &DETECTION_DETACHED,
    ),
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
];

/// The watches, each with the effect and the advice for its calls that have no row of their own.
///
/// Source: the API references of the services, 2026-11-29.
static FAMILIES: [(Effect, &Advice, &[&str]); 62] = [
    (
        Effect::GivesPower,
        &USER_CREATED,
        &["iam-create-user", "sso-create-user"],
    ),
    (
        Effect::GivesPower,
        &PASSWORD_SET,
        &[
            "directory-set-password",
            "iam-create-login-profile-for-itself",
            "iam-create-login-profile",
            "iam-update-login-profile",
            "sso-change-credential",
        ],
    ),
    (
        Effect::GivesPower,
        &KEY_CREATED,
        &[
            "iam-create-access-key-for-another",
            "iam-create-access-key-of-root",
            "iam-create-access-key",
        ],
    ),
    (
        Effect::GivesPower,
        &KEY_ACTIVATED,
        &["iam-activate-access-key"],
    ),
    (
        Effect::GivesPower,
        &CREDENTIAL_CREATED,
        &[
            "iam-create-other-credential-for-another",
            "iam-create-other-credential",
        ],
    ),
    (
        Effect::GivesPower,
        &MFA_REMOVED,
        &["iam-remove-second-factor"],
    ),
    (
        Effect::GivesPower,
        &MFA_ADDED,
        &["iam-add-second-factor-for-another"],
    ),
    (
        Effect::GivesPower,
        &PASSWORD_RULES,
        &["iam-weaken-password-policy", "iam-change-password-policy"],
    ),
    (
        Effect::GivesPower,
        &POLICY_ATTACHED,
        &[
            "iam-attach-user-policy-with-power",
            "iam-attach-user-policy",
            "iam-attach-group-policy-with-power",
            "iam-attach-group-policy",
            "iam-attach-role-policy-with-power",
            "iam-attach-role-policy",
        ],
    ),
    (
        Effect::GivesPower,
        &GROUP_JOINED,
        &[
            "iam-add-user-to-group-by-itself",
            "iam-add-user-to-group",
            "sso-join-group",
        ],
    ),
    (
        Effect::GivesPower,
        &POLICY_VERSION,
        &[
            "iam-create-policy-version-with-power",
            "iam-prepare-policy-version-with-power",
            "iam-create-policy-version",
            "iam-set-default-policy-version",
        ],
    ),
    (
        Effect::GivesPower,
        &POLICY_PREPARED,
        &["iam-create-policy-with-power"],
    ),
    (
        Effect::GivesPower,
        &BOUNDARY_REMOVED,
        &[
            "iam-remove-permissions-boundary",
            "iam-set-powerful-boundary",
            "iam-remove-own-policy",
            "sso-remove-permissions-boundary",
        ],
    ),
    (
        Effect::GivesPower,
        &INSTANCE_ROLE,
        &["iam-add-role-to-instance-profile", "ec2-role-of-instance"],
    ),
    (
        Effect::GivesPower,
        &ROLE_CREATED,
        &["iam-create-role-for-outsiders"],
    ),
    (
        Effect::GivesPower,
        &TRUST_CHANGED,
        &["iam-change-trust-to-outsiders", "iam-change-trust"],
    ),
    (
        Effect::GivesPower,
        &PROVIDER_CREATED,
        &[
            "iam-trust-identity-provider",
            "sso-trust-token-issuer",
            "sso-change-identity-source",
        ],
    ),
    (
        Effect::GivesPower,
        &ROOT_OF_MEMBER,
        &["iam-central-root-access", "sts-assume-root"],
    ),
    (
        Effect::GivesPower,
        &TRUST_ANCHOR,
        &["rolesanywhere-trust", "rolesanywhere-change-trust"],
    ),
    (
        Effect::GivesPower,
        &FEDERATION_TOKEN,
        &[
            "sts-get-federation-token-with-power",
            "sts-get-federation-token",
        ],
    ),
    (Effect::GivesPower, &ROOT_SIGN_IN, &["signin-root"]),
    (
        Effect::GivesPower,
        &SIGN_IN_WITHOUT_MFA,
        &["signin-without-second-factor"],
    ),
    (
        Effect::GivesPower,
        &ROOT_MAIL,
        &["signin-password-recovery", "account-change-root-address"],
    ),
    (
        Effect::GivesPower,
        &PERMISSION_SET,
        &[
            "sso-assign-account",
            "sso-permission-set-policy-with-power",
            "sso-permission-set-customer-policy",
            "sso-permission-set-policy",
        ],
    ),
    (
        Effect::GivesPower,
        &CLUSTER_ACCESS,
        &["eks-access-with-power", "eks-access"],
    ),
    (
        Effect::GivesPower,
        &DATABASE_PASSWORD,
        &["rds-master-password"],
    ),
    (
        Effect::GivesPower,
        &SHELL_KEY,
        &[
            "ec2-key-pair",
            "transfer-user",
            "glue-dev-endpoint",
            "ssm-register-host",
        ],
    ),
    (
        Effect::GivesPower,
        &HOST_OPENED,
        &["ec2-metadata-without-token"],
    ),
    (Effect::GivesPower, &POOL_OPENED, &["cognito-open-pool"]),
    (
        Effect::GivesPower,
        &ORGANIZATION_CHANGED,
        &[
            "organizations-leave",
            "organizations-loosen",
            "organizations-change",
        ],
    ),
    (
        Effect::GivesPower,
        &DOMAIN_FREED,
        &["route53domains-hijack"],
    ),
    (Effect::Blinds, &TRAIL_STOPPED, &["cloudtrail-stop"]),
    (
        Effect::ChangesRecords,
        &TRAIL_CHANGED,
        &[
            "cloudtrail-change-to-less",
            "cloudtrail-change",
            "cloudtrail-change-insights",
            "cloudtrail-deregister-administrator",
        ],
    ),
    (
        Effect::Blinds,
        &LOGGING_OFF,
        &[
            "ec2-delete-flow-logs",
            "route53-stop-query-log",
            "s3-stop-access-log",
            "redshift-stop-log",
            "bedrock-stop-log",
            "securitylake-remove-source",
            "waf-stop-log",
        ],
    ),
    (
        Effect::Destroys,
        &LOGS_REMOVED,
        &["logs-delete", "logs-short-retention"],
    ),
    (
        Effect::ChangesRecords,
        &ALARM_REMOVED,
        &[
            "logs-stop-delivery",
            "cloudwatch-remove-alarm",
            "events-remove-rule",
            "account-change",
        ],
    ),
    (Effect::Blinds, &CONFIG_STOPPED, &["config-stop"]),
    (
        Effect::Blinds,
        &DETECTION_OFF,
        &[
            "guardduty-off",
            "securityhub-off",
            "macie-off",
            "macie-pause",
            "access-analyzer-off",
            "detective-off",
            "inspector-off",
        ],
    ),
    (
        Effect::Blinds,
        &DETECTION_CHANGED,
        &["guardduty-change-off"],
    ),
    (
        Effect::ChangesRecords,
        &DETECTION_CHANGED,
        &["guardduty-change"],
    ),
    (
        Effect::Blinds,
        &FINDINGS_HIDDEN,
        &["guardduty-hide-findings", "guardduty-trust-addresses"],
    ),
    (
        Effect::ChangesRecords,
        &FINDINGS_HANDLED,
        &[
            "config-remove-rule",
            "guardduty-other",
            "securityhub-other",
            "macie-other",
            "access-analyzer-other",
            "inspector-other",
        ],
    ),
    (
        Effect::OpensNetwork,
        &FILTER_REMOVED,
        &[
            "shield-off",
            "fms-off",
            "network-firewall-off",
            "waf-off",
            "route53resolver-firewall-off",
        ],
    ),
    (
        Effect::OpensNetwork,
        &PORT_OPENED,
        &[
            "security-group-open-widely",
            "security-group-all-open",
            "security-group-open",
            "ec2-open-network-acl",
            "rds-public",
        ],
    ),
    (
        Effect::OpensNetwork,
        &NETWORK_JOINED,
        &["vpc-peer-with-outsiders"],
    ),
    (
        Effect::OpensNetwork,
        &FUNCTION_PUBLIC,
        &["lambda-public-url"],
    ),
    (Effect::Destroys, &KEY_DISABLED, &["kms-disable"]),
    (
        Effect::SharesData,
        &KEY_SHARED,
        &["kms-share", "kms-grant-to-outsiders"],
    ),
    (
        Effect::Destroys,
        &BACKUP_WEAKENED,
        &[
            "s3-no-versions",
            "backup-unlock",
            "backup-delete",
            "dynamodb-no-recovery",
        ],
    ),
    (
        Effect::Destroys,
        &DATA_DESTROYED,
        &[
            "s3-expire-soon",
            "s3-expire-some-soon",
            "ec2-unlock-snapshot",
            "s3-encrypt-with-foreign-key",
            "rds-delete-without-snapshot",
            "secretsmanager-destroy",
        ],
    ),
    (
        Effect::SharesData,
        &BUCKET_POLICY_WRITTEN,
        &["s3-bucket-policy-to-outsiders", "s3-bucket-policy"],
    ),
    (
        Effect::SharesData,
        &BUCKET_ACL,
        &["s3-acl-to-outsiders", "s3-acl"],
    ),
    (
        Effect::SharesData,
        &BUCKET_POLICY_REMOVED,
        &["s3-delete-bucket-policy"],
    ),
    (
        Effect::SharesData,
        &PUBLIC_BLOCK_REMOVED,
        &[
            "s3-unblock-public-access",
            "s3-delete-public-access-block",
            "public-access-of-images",
        ],
    ),
    (
        Effect::SharesData,
        &DATA_EXPORTED,
        &[
            "s3-replicate-to-outsiders",
            "s3-replicate",
            "export-data",
            "logs-deliver-to-outsiders",
            "ec2-mirror-traffic",
        ],
    ),
    (
        Effect::SharesData,
        &SNAPSHOT_SHARED,
        &[
            "ec2-share-snapshot",
            "ec2-share-image",
            "ec2-copied-snapshot",
            "rds-share-snapshot",
            "share-image-of-desktop",
        ],
    ),
    (
        Effect::SharesData,
        &SHARED,
        &[
            "redshift-share",
            "ram-share",
            "ssm-share-document",
            "ssm-allow-public-documents",
            "lambda-share-by-service",
            "lambda-share",
            "lambda-share-layer",
            "secretsmanager-share",
            "sqs-share",
            "sns-share",
            "events-share",
            "ecr-share",
            "backup-share",
            "storage-share",
            "data-share",
            "logs-share",
            "code-share",
            "service-share",
        ],
    ),
    (
        Effect::RunsCode,
        &CODE_CHANGED,
        &[
            "lambda-update-code",
            "lambda-add-layer",
            "ec2-user-data",
            "sagemaker-notebook",
        ],
    ),
    (
        Effect::RunsCode,
        &HOST_ENTERED,
        &[
            "ec2-serial-console",
            "ec2-push-ssh-key",
            "ssm-start-session",
            "lightsail-enter",
        ],
    ),
    (Effect::RunsCode, &COMMAND_RUN, &["ssm-run"]),
    (
        Effect::ReadsSecrets,
        &SECRET_READ,
        &[
            "secretsmanager-read-all",
            "secretsmanager-read",
            "ssm-read-parameter",
            "ec2-password",
        ],
    ),
    (
        Effect::Costs,
        &COST_OPENED,
        &[
            "bedrock-open-models",
            "ec2-start-costly",
            "quota-increase",
            "ses-send",
            "sns-send-sms",
        ],
    ),
];

static BY_WATCH: LazyLock<BTreeMap<&str, Known>> = LazyLock::new(|| {
    let families = FAMILIES.iter();
    let known = families.flat_map(|(effect, advice, names)| {
        let names = names.iter();
        names.map(move |name| (*name, (*effect, *advice)))
    });
    known.collect()
});

/// The calls of all watches of the table, by action and service. If several watches have a call, the last one counts, which
/// has no condition.
static BY_CALL: LazyLock<BTreeMap<(String, String), Known>> = LazyLock::new(|| {
    let watches = Watches::default();
    let mut known = BTreeMap::new();
    for watch in watches.all() {
        if let Some(found) = BY_WATCH.get(watch.name.as_str()) {
            known.extend(watch.calls.iter().map(|call| (call.clone(), *found)));
        }
    }
    known
});

fn of_call(service: &str, call: &str) -> Option<Known> {
    let matches = |row: &&Row| row.0 == service && row.1.contains(&call);
    let row = TABLE.iter().find(matches);
    row.map(|(_, _, effect, advice)| (*effect, *advice))
}

/// Returns what is known of a call. `details` are those of a sensitive call that succeeded.
fn known(service: &str, call: &str, details: Option<&CallDetails>) -> Option<Known> {
    let of_watch = || BY_WATCH.get(details?.watch.as_str()).copied();
    let of_any = || BY_CALL.get(&(service.to_owned(), call.to_owned())).copied();
    of_call(service, call).or_else(of_watch).or_else(of_any)
}

/// Returns the effect of a call that succeeds; `None` if it is not known. `details` are those of a sensitive call that
/// succeeded.
pub(crate) fn effect(service: &str, call: &str, details: Option<&CallDetails>) -> Option<Effect> {
    known(service, call, details).map(|(effect, _)| effect)
}

/// Returns the advice for a sensitive call that succeeded; `None` if there is no special one.
pub(super) fn advice(identity: &Identity) -> Option<&'static Advice> {
    let details = identity.call_details();
    known(&identity.service, &identity.action, details.as_ref()).map(|(_, advice)| advice)
}
