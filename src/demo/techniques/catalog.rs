//! The table of techniques, in the order of docs/techniques.md.
//!
//! Requests have the fields that CloudTrail records for these calls, cut to what matters. Names in them, such as
//! `backup-operator`, are made up. Placeholders are filled for each call.

use super::{Caller, Outcome, Step, Technique};

const fn step(service: &'static str, action: &'static str, outcome: Outcome) -> Step {
    Step {
        service,
        action,
        request: "null",
        response: "null",
        outcome,
        caller: Caller::User,
        times: 1,
    }
}

const fn done(service: &'static str, action: &'static str) -> Step {
    step(service, action, Outcome::Succeeds)
}

const fn refused(service: &'static str, action: &'static str) -> Step {
    step(service, action, Outcome::Refused)
}

impl Step {
    const fn with(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    const fn answering(self, response: &'static str) -> Self {
        Self { response, ..self }
    }

    const fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    const fn of_root(self) -> Self {
        Self {
            caller: Caller::Root,
            ..self
        }
    }
}

#[rustfmt::skip] // one line for each call
pub(super) const TECHNIQUES: &[Technique] = &[
    Technique {
        name: "sign-in-without-second-factor",
        attack: "T1078.004",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.initial-access.console-login-without-mfa/",
        steps: &[
            done("signin", "ConsoleLogin"),
        ],
    },
    Technique {
        name: "sign-in-of-root",
        attack: "T1078.004",
        page: "https://github.com/elastic/detection-rules/blob/main/rules/integrations/aws/initial_access_console_login_root.toml",
        steps: &[
            done("signin", "ConsoleLogin").of_root(),
        ],
    },
    Technique {
        name: "command-on-instances",
        attack: "T1651",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.execution.ssm-send-command/",
        steps: &[
            done("ssm", "DescribeInstanceInformation"),
            done("ssm", "SendCommand").with(r#"{"documentName":"AWS-RunShellScript","instanceIds":["i-0a1b2c3d4e5f60718"],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}"#),
            done("ssm", "GetCommandInvocation").with(r#"{"commandId":"$target","instanceId":"i-0a1b2c3d4e5f60718"}"#),
        ],
    },
    Technique {
        name: "session-on-instances",
        attack: "T1021.008",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.execution.ssm-start-session/",
        steps: &[
            done("ssm", "DescribeInstanceInformation"),
            done("ssm", "StartSession").with(r#"{"target":"i-0a1b2c3d4e5f60718"}"#),
            done("ssm", "TerminateSession").with(r#"{"sessionId":"$me-0$target"}"#),
        ],
    },
    Technique {
        name: "key-on-instances",
        attack: "T1021.008",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.lateral-movement.ec2-instance-connect/",
        steps: &[
            done("ec2-instance-connect", "SendSSHPublicKey").with(r#"{"instanceId":"i-0$target","instanceOSUser":"ec2-user"}"#).times(3),
        ],
    },
    Technique {
        name: "serial-console",
        attack: "T1021.008",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.lateral-movement.ec2-serial-console-send-ssh-public-key/",
        steps: &[
            done("ec2", "EnableSerialConsoleAccess").with(r#"{"EnableSerialConsoleAccessRequest":""}"#),
            done("ec2-instance-connect", "SendSerialConsoleSSHPublicKey").with(r#"{"instanceId":"i-0$target","serialPort":0}"#),
        ],
    },
    Technique {
        name: "script-in-user-data",
        attack: "T1059",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.execution.ec2-user-data/",
        steps: &[
            done("ec2", "DescribeInstances").with(r#"{"instancesSet":{},"filterSet":{}}"#),
            done("ec2", "StopInstances").with(r#"{"instancesSet":{"items":[{"instanceId":"i-0a1b2c3d4e5f60718"}]}}"#),
            done("ec2", "ModifyInstanceAttribute").with(r#"{"instanceId":"i-0a1b2c3d4e5f60718","userData":"<sensitiveDataRemoved>"}"#).answering(r#"{"_return":true}"#),
            done("ec2", "StartInstances").with(r#"{"instancesSet":{"items":[{"instanceId":"i-0a1b2c3d4e5f60718"}]}}"#),
        ],
    },
    Technique {
        name: "user-with-all-permissions",
        attack: "T1136.003",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-create-admin-user/",
        steps: &[
            done("iam", "CreateUser").with(r#"{"userName":"$made"}"#).answering(r#"{"user":{"userName":"$made","arn":"arn:$partition:iam::$account:user/$made"}}"#),
            done("iam", "AttachUserPolicy").with(r#"{"userName":"$made","policyArn":"arn:$partition:iam::aws:policy/AdministratorAccess"}"#),
            done("iam", "CreateAccessKey").with(r#"{"userName":"$made"}"#).answering(r#"{"accessKey":{"userName":"$made","accessKeyId":"$newkey","status":"Active"}}"#),
        ],
    },
    Technique {
        name: "key-for-another-user",
        attack: "T1098.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-backdoor-user/",
        steps: &[
            done("iam", "CreateAccessKey").with(r#"{"userName":"backup-operator"}"#).answering(r#"{"accessKey":{"userName":"backup-operator","accessKeyId":"$newkey","status":"Active"}}"#),
        ],
    },
    Technique {
        name: "password-for-another-user",
        attack: "T1098.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-create-user-login-profile/",
        steps: &[
            done("sts", "GetCallerIdentity"),
            done("iam", "CreateLoginProfile").with(r#"{"userName":"backup-operator","passwordResetRequired":false}"#),
            done("iam", "DeleteLoginProfile").with(r#"{"userName":"backup-operator"}"#),
        ],
    },
    Technique {
        name: "role-trusts-outsiders",
        attack: "T1098.003",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-backdoor-role/",
        steps: &[
            done("iam", "UpdateAssumeRolePolicy").with(r#"{"roleName":"backup-runner","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:$partition:iam::$outsider:root\"},\"Action\":\"sts:AssumeRole\"}]}"}"#),
        ],
    },
    Technique {
        name: "role-for-outsiders",
        attack: "T1098.003",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-create-backdoor-role/",
        steps: &[
            done("iam", "CreateRole").with(r#"{"roleName":"support-access","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:$partition:iam::$outsider:root\"},\"Action\":\"sts:AssumeRole\"}]}"}"#),
            done("iam", "AttachRolePolicy").with(r#"{"roleName":"support-access","policyArn":"arn:$partition:iam::aws:policy/AdministratorAccess"}"#),
        ],
    },
    Technique {
        name: "trust-anchor",
        attack: "T1098.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.rolesanywhere-create-trust-anchor/",
        steps: &[
            done("rolesanywhere", "CreateTrustAnchor").with(r#"{"name":"office","source":{"sourceType":"CERTIFICATE_BUNDLE"},"enabled":true}"#),
            done("rolesanywhere", "CreateProfile").with(r#"{"name":"office","roleArns":["arn:$partition:iam::$account:role/backup-runner"],"enabled":true}"#),
        ],
    },
    Technique {
        name: "federation-token",
        attack: "T1098.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.sts-federation-token/",
        steps: &[
            done("sts", "GetFederationToken").with(r#"{"name":"$made","policyArns":[{"arn":"arn:$partition:iam::aws:policy/AdministratorAccess"}],"durationSeconds":43200}"#).answering(r#"{"credentials":{"accessKeyId":"ASIA0$target"},"federatedUser":{"arn":"arn:$partition:sts::$account:federated-user/$made"}}"#),
            done("sts", "GetCallerIdentity"),
        ],
    },
    Technique {
        name: "function-open-to-outsiders",
        attack: "T1546",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.lambda-backdoor-function/",
        steps: &[
            done("lambda", "AddPermission20150331v2").with(r#"{"functionName":"order-mailer","statementId":"support","action":"lambda:InvokeFunction","principal":"$outsider"}"#),
        ],
    },
    Technique {
        name: "function-with-other-code",
        attack: "T1546",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.lambda-overwrite-code/",
        steps: &[
            done("lambda", "UpdateFunctionCode20150331v2").with(r#"{"functionName":"order-mailer","publish":false}"#).answering(r#"{"functionName":"order-mailer"}"#),
        ],
    },
    Technique {
        name: "function-with-another-layer",
        attack: "T1546",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.lambda-layer-extension/",
        steps: &[
            done("lambda", "UpdateFunctionConfiguration20150331v2").with(r#"{"functionName":"order-mailer","layers":["arn:$partition:lambda:$region:$outsider:layer:helper:1"]}"#).answering(r#"{"functionName":"order-mailer"}"#),
        ],
    },
    Technique {
        name: "identity-provider-of-strangers",
        attack: "T1484.002",
        page: "https://hackingthe.cloud/aws/post_exploitation/iam_rogue_oidc_identity_provider/",
        steps: &[
            done("iam", "CreateOpenIDConnectProvider").with(r#"{"url":"https://login.example.net","clientIDList":["login"]}"#).answering(r#"{"openIDConnectProviderArn":"arn:$partition:iam::$account:oidc-provider/login.example.net"}"#),
            done("iam", "UpdateAssumeRolePolicy").with(r#"{"roleName":"backup-runner","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:$partition:iam::$account:oidc-provider/login.example.net\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\"}]}"}"#),
        ],
    },
    Technique {
        name: "new-password-for-another-user",
        attack: "T1098",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.privilege-escalation.iam-update-user-login-profile/",
        steps: &[
            done("iam", "UpdateLoginProfile").with(r#"{"userName":"backup-operator","passwordResetRequired":false}"#),
        ],
    },
    Technique {
        name: "policy-for-itself",
        attack: "T1098.003",
        page: "https://hackingthe.cloud/aws/exploitation/iam_privilege_escalation/",
        steps: &[
            done("iam", "AttachUserPolicy").with(r#"{"userName":"$me","policyArn":"arn:$partition:iam::aws:policy/AdministratorAccess"}"#),
        ],
    },
    Technique {
        name: "version-with-all-permissions",
        attack: "T1098.003",
        page: "https://hackingthe.cloud/aws/exploitation/iam_privilege_escalation/",
        steps: &[
            done("iam", "CreatePolicyVersion").with(r#"{"policyArn":"arn:$partition:iam::$account:policy/BackupAccess","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}","setAsDefault":true}"#),
        ],
    },
    Technique {
        name: "guessed-password",
        attack: "T1110",
        page: "https://github.com/elastic/detection-rules/blob/main/rules/integrations/aws/credential_access_console_login_brute_force_by_user.toml",
        steps: &[
            step("signin", "ConsoleLogin", Outcome::WrongPassword).times(12),
            done("signin", "ConsoleLogin"),
        ],
    },
    Technique {
        name: "passwords-of-instances",
        attack: "T1552",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.credential-access.ec2-get-password-data/",
        steps: &[
            refused("ec2", "GetPasswordData").with(r#"{"instanceId":"i-0$target"}"#).times(30),
        ],
    },
    Technique {
        name: "secrets-in-batches",
        attack: "T1555.006",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.credential-access.secretsmanager-batch-retrieve-secrets/",
        steps: &[
            done("secretsmanager", "BatchGetSecretValue").with(r#"{"filters":[{"key":"tag-key","values":["!no-such-tag"]}],"maxResults":20}"#).times(2),
        ],
    },
    Technique {
        name: "secrets-one-by-one",
        attack: "T1555.006",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.credential-access.secretsmanager-retrieve-secrets/",
        steps: &[
            done("secretsmanager", "ListSecrets"),
            done("secretsmanager", "GetSecretValue").with(r#"{"secretId":"arn:$partition:secretsmanager:$region:$account:secret:service-$target"}"#).times(20),
        ],
    },
    Technique {
        name: "parameters-with-secrets",
        attack: "T1555.006",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.credential-access.ssm-retrieve-securestring-parameters/",
        steps: &[
            done("ssm", "DescribeParameters"),
            done("ssm", "GetParameters").with(r#"{"names":["/service/$target/password","/service/$target/token"],"withDecryption":true}"#).times(4),
        ],
    },
    Technique {
        name: "search-in-services",
        attack: "T1087.004",
        page: "https://unit42.paloaltonetworks.com/muddled-libra-evolution-to-cloud/",
        steps: &[
            refused("iam", "ListUsers"),
            refused("iam", "ListGroups"),
            refused("iam", "ListRoles"),
            refused("iam", "ListOpenIDConnectProviders"),
            refused("iam", "ListSAMLProviders"),
            refused("iam", "ListSSHPublicKeys"),
            refused("iam", "ListServiceSpecificCredentials"),
            refused("iam", "ListSigningCertificates"),
            refused("secretsmanager", "ListSecrets"),
            refused("s3", "ListBuckets"),
            refused("s3", "GetBucketLogging").with(r#"{"bucketName":"service-data-$account"}"#),
            refused("s3", "GetBucketPolicy").with(r#"{"bucketName":"service-data-$account"}"#),
        ],
    },
    Technique {
        name: "search-from-instance",
        attack: "T1087.004",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.discovery.ec2-enumerate-from-instance/",
        steps: &[
            done("sts", "GetCallerIdentity"),
            refused("s3", "ListBuckets"),
            refused("iam", "GetAccountSummary"),
            refused("iam", "ListRoles"),
            refused("iam", "ListUsers"),
            refused("iam", "GetAccountAuthorizationDetails"),
            refused("ec2", "DescribeSnapshots"),
            refused("cloudtrail", "DescribeTrails"),
            refused("guardduty", "ListDetectors"),
        ],
    },
    Technique {
        name: "user-data-of-instances",
        attack: "T1580",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.discovery.ec2-download-user-data/",
        steps: &[
            refused("ec2", "DescribeInstanceAttribute").with(r#"{"instanceId":"i-0$target","attribute":"userData"}"#).times(15),
        ],
    },
    Technique {
        name: "mail-quotas",
        attack: "T1526",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.discovery.ses-enumerate/",
        steps: &[
            refused("ses", "GetAccountSendingEnabled"),
            refused("ses", "GetSendQuota"),
            refused("ses", "ListIdentities"),
        ],
    },
    Technique {
        name: "stopped-trail",
        attack: "T1685.002",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.cloudtrail-stop/",
        steps: &[
            done("cloudtrail", "StopLogging").with(r#"{"name":"arn:$partition:cloudtrail:$region:$account:trail/management"}"#),
        ],
    },
    Technique {
        name: "deleted-trail",
        attack: "T1685.002",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.cloudtrail-delete/",
        steps: &[
            done("cloudtrail", "DeleteTrail").with(r#"{"name":"arn:$partition:cloudtrail:$region:$account:trail/management"}"#),
        ],
    },
    Technique {
        name: "trail-without-management-events",
        attack: "T1685.002",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.cloudtrail-event-selectors/",
        steps: &[
            done("cloudtrail", "PutEventSelectors").with(r#"{"trailName":"management","eventSelectors":[{"readWriteType":"ReadOnly","includeManagementEvents":false,"dataResources":[],"excludeManagementEventSources":[]}]}"#),
        ],
    },
    Technique {
        name: "logs-that-expire",
        attack: "T1485.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.cloudtrail-lifecycle-rule/",
        steps: &[
            done("s3", "PutBucketLifecycle").with(r#"{"bucketName":"trail-logs-$account","LifecycleConfiguration":{"Rule":{"ID":"expire","Status":"Enabled","Filter":{"Prefix":""},"Expiration":{"Days":1}}}}"#),
        ],
    },
    Technique {
        name: "deleted-dns-logs",
        attack: "T1685.002",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.dns-delete-logs/",
        steps: &[
            done("route53resolver", "DeleteResolverQueryLogConfig").with(r#"{"resolverQueryLogConfigId":"rqlc-$target"}"#),
        ],
    },
    Technique {
        name: "deleted-flow-logs",
        attack: "T1685.002",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.vpc-remove-flow-logs/",
        steps: &[
            done("ec2", "DeleteFlowLogs").with(r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-0$target"}}}"#).answering(r#"{"DeleteFlowLogsResponse":{"unsuccessful":""}}"#),
        ],
    },
    Technique {
        name: "deleted-log-group",
        attack: "T1070",
        page: "https://traildiscover.cloud/#CloudWatchLogs-DeleteLogGroup",
        steps: &[
            done("logs", "DeleteLogGroup").with(r#"{"logGroupName":"/audit/management"}"#),
        ],
    },
    Technique {
        name: "detector-switched-off",
        attack: "T1685",
        page: "https://hackingthe.cloud/aws/avoiding-detection/modify-guardduty-config/",
        steps: &[
            done("guardduty", "ListDetectors"),
            done("guardduty", "UpdateDetector").with(r#"{"detectorId":"$target","enable":false}"#),
        ],
    },
    Technique {
        name: "deleted-detector",
        attack: "T1685",
        page: "https://github.com/elastic/detection-rules/blob/main/rules/integrations/aws/defense_evasion_guardduty_detector_deletion.toml",
        steps: &[
            done("guardduty", "DeleteDetector").with(r#"{"detectorId":"$target"}"#),
        ],
    },
    Technique {
        name: "stopped-recorder",
        attack: "T1685",
        page: "https://github.com/elastic/detection-rules/blob/main/rules/integrations/aws/defense_evasion_configuration_recorder_stopped.toml",
        steps: &[
            done("config", "StopConfigurationRecorder").with(r#"{"configurationRecorderName":"default"}"#),
        ],
    },
    Technique {
        name: "leaving-the-organization",
        attack: "T1666",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.defense-evasion.organizations-leave/",
        steps: &[
            refused("organizations", "LeaveOrganization"),
        ],
    },
    Technique {
        name: "open-port",
        attack: "T1686.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.exfiltration.ec2-security-group-open-port-22-ingress/",
        steps: &[
            done("ec2", "AuthorizeSecurityGroupIngress").with(r#"{"groupId":"sg-0$target","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#).answering(r#"{"_return":true}"#),
        ],
    },
    Technique {
        name: "shared-image",
        attack: "T1537",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.exfiltration.ec2-share-ami/",
        steps: &[
            done("ec2", "ModifyImageAttribute").with(r#"{"imageId":"ami-0$target","launchPermission":{"add":{"items":[{"userId":"$outsider"}]}},"attributeType":"launchPermission"}"#).answering(r#"{"_return":true}"#),
        ],
    },
    Technique {
        name: "shared-snapshot",
        attack: "T1537",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.exfiltration.ec2-share-ebs-snapshot/",
        steps: &[
            done("ec2", "ModifySnapshotAttribute").with(r#"{"snapshotId":"snap-0$target","createVolumePermission":{"add":{"items":[{"userId":"$outsider"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}"#).answering(r#"{"_return":true}"#),
        ],
    },
    Technique {
        name: "shared-database-snapshot",
        attack: "T1537",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.exfiltration.rds-share-snapshot/",
        steps: &[
            done("rds", "ModifyDBSnapshotAttribute").with(r#"{"dBSnapshotIdentifier":"orders-copy","attributeName":"restore","valuesToAdd":["$outsider"]}"#),
        ],
    },
    Technique {
        name: "bucket-open-to-outsiders",
        attack: "T1537",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.exfiltration.s3-backdoor-bucket-policy/",
        steps: &[
            done("s3", "PutBucketPolicy").with(r#"{"bucketName":"service-data-$account","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:$partition:iam::$outsider:root"},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:$partition:s3:::service-data-$account","arn:$partition:s3:::service-data-$account/*"]}]}}"#),
        ],
    },
    Technique {
        name: "bucket-copied-to-outsiders",
        attack: "T1537",
        page: "https://hackingthe.cloud/aws/exploitation/s3-bucket-replication-exfiltration/",
        steps: &[
            done("s3", "PutBucketReplication").with(r#"{"bucketName":"service-data-$account","ReplicationConfiguration":{"Role":"arn:$partition:iam::$account:role/backup-runner","Rule":{"ID":"copy","Status":"Enabled","Destination":{"Bucket":"arn:$partition:s3:::copies-of-data","Account":"$outsider"}}}}"#),
        ],
    },
    Technique {
        name: "key-scheduled-for-deletion",
        attack: "T1485",
        page: "https://traildiscover.cloud/#KMS-ScheduleKeyDeletion",
        steps: &[
            done("kms", "ScheduleKeyDeletion").with(r#"{"keyId":"arn:$partition:kms:$region:$account:key/$target","pendingWindowInDays":7}"#),
        ],
    },
    Technique {
        name: "bucket-without-versions",
        attack: "T1490",
        page: "https://traildiscover.cloud/#S3-PutBucketVersioning",
        steps: &[
            done("s3", "PutBucketVersioning").with(r#"{"bucketName":"service-data-$account","VersioningConfiguration":{"Status":"Suspended"}}"#),
        ],
    },
    Technique {
        name: "deleted-database",
        attack: "T1485",
        page: "https://traildiscover.cloud/#RDS-DeleteDBInstance",
        steps: &[
            done("rds", "DeleteDBInstance").with(r#"{"dBInstanceIdentifier":"orders","skipFinalSnapshot":true,"deleteAutomatedBackups":true}"#),
        ],
    },
    Technique {
        name: "costly-instances",
        attack: "T1496.001",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.execution.ec2-launch-unusual-instances/",
        steps: &[
            refused("ec2", "RunInstances").with(r#"{"instanceType":"p2.xlarge","instancesSet":{"items":[{"imageId":"ami-0$target","minCount":1,"maxCount":1}]}}"#).times(3),
        ],
    },
    Technique {
        name: "opened-models",
        attack: "T1496.004",
        page: "https://stratus-red-team.cloud/attack-techniques/AWS/aws.impact.bedrock-invoke-model/",
        steps: &[
            done("bedrock", "PutUseCaseForModelAccess").with(r#"{"formData":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#),
            done("bedrock", "CreateFoundationModelAgreement").with(r#"{"modelId":"example.model-1","offerToken":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#),
            done("bedrock", "PutFoundationModelEntitlement").with(r#"{"modelId":"example.model-1"}"#),
        ],
    },
    Technique {
        name: "from-function-to-key",
        attack: "T1546",
        page: "https://www.sysdig.com/blog/ai-assisted-cloud-intrusion-achieves-admin-access-in-8-minutes",
        steps: &[
            done("lambda", "UpdateFunctionConfiguration20150331v2").with(r#"{"functionName":"order-mailer","timeout":30}"#).answering(r#"{"functionName":"order-mailer"}"#),
            done("lambda", "UpdateFunctionCode20150331v2").with(r#"{"functionName":"order-mailer","publish":false}"#).answering(r#"{"functionName":"order-mailer"}"#).times(3),
            done("iam", "CreateAccessKey").with(r#"{"userName":"backup-operator"}"#).answering(r#"{"accessKey":{"userName":"backup-operator","accessKeyId":"$newkey","status":"Active"}}"#),
            done("iam", "CreateUser").with(r#"{"userName":"$made"}"#).answering(r#"{"user":{"userName":"$made","arn":"arn:$partition:iam::$account:user/$made"}}"#),
            done("iam", "AttachUserPolicy").with(r#"{"userName":"$made","policyArn":"arn:$partition:iam::aws:policy/AdministratorAccess"}"#),
        ],
    },
];
