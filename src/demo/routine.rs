//! The successful calls of the demo: everyday calls, about nine of ten records, and a few sensitive calls.

use clusters::class::Class;

use crate::call::Call;

const fn fine(
    weight: usize,
    service: &'static str,
    name: &'static str,
    actors: &'static [&'static str],
    params: &'static str,
) -> Call {
    Call {
        class: None,
        weight,
        service,
        name,
        actors,
        code: "",
        message: "",
        params,
    }
}

const fn watch(
    service: &'static str,
    name: &'static str,
    actors: &'static [&'static str],
    params: &'static str,
) -> Call {
    Call {
        class: Some(Class::Watch),
        ..fine(1, service, name, actors, params)
    }
}

const SSO: &str = "AWSReservedSSO_Developer_4f1d0a7be2c93685";

/// The table of everyday calls, all of which succeed.
#[rustfmt::skip]
pub const ROUTINE: &[Call] = &[
    fine(14, "s3", "GetObject", &["checkout-api", "image-resizer", "search-indexer", "partner-feed"], r#"{"bucketName":"$bucket","key":"$key","Host":"$bucket.s3.$region.amazonaws.com"}"#),
    fine(9, "s3", "PutObject", &["image-resizer", "nightly-export", "warehouse-loader"], r#"{"bucketName":"$bucket","key":"$key"}"#),
    fine(3, "s3", "ListObjects", &["search-indexer", "kiosk-feed", "cn-sync"], r#"{"bucketName":"$bucket","prefix":"orders/"}"#),
    fine(8, "kms", "Decrypt", &["checkout-api", "payments-worker"], r#"{"encryptionContext":{"service":"checkout"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#),
    fine(6, "kms", "GenerateDataKey", &["nightly-export", "delivery.logs.amazonaws.com", "cloudtrail.amazonaws.com"], r#"{"keySpec":"AES_256"}"#),
    fine(10, "sts", "AssumeRole", &["autoscaling.amazonaws.com", "github-deploy", "supplier"], r#"{"roleArn":"arn:$partition:iam::$account:role/$role","roleSessionName":"$role"}"#),
    fine(4, "sts", "AssumeRoleWithWebIdentity", &["cart-worker", "release-bot"], r#"{"roleArn":"arn:$partition:iam::$account:role/$role","roleSessionName":"web"}"#),
    fine(2, "sts", "AssumeRoleWithSAML", &["jonas.berg@example.com"], r#"{"roleArn":"arn:$partition:iam::$account:role/Operators","principalArn":"arn:$partition:iam::$account:saml-provider/Office","durationSeconds":3600}"#),
    fine(6, "sts", "GetCallerIdentity", &["terraform-ci", "github-deploy", "cn-sync", "ci-legacy-deploy"], "null"),
    fine(7, "secretsmanager", "GetSecretValue", &["checkout-api", "payments-worker"], r#"{"secretId":"$secret"}"#),
    fine(5, "ssm", "GetParameter", &["checkout-api", "legacy-batch"], r#"{"name":"$param","withDecryption":true}"#),
    fine(9, "ec2", "DescribeInstances", &["cluster-autoscaler", "legacy-batch", "warehouse-loader", SSO, "AWSServiceRoleForAutoScaling"], r#"{"instancesSet":{},"filterSet":{}}"#),
    fine(4, "ec2", "DescribeVolumes", &["cluster-autoscaler", SSO], r#"{"volumeSet":{"items":[{"volumeId":"$vol"}]},"filterSet":{}}"#),
    fine(2, "ec2", "RunInstances", &["AWSServiceRoleForAutoScaling", "warehouse-loader"], r#"{"instanceType":"$type","imageId":"$ami","minCount":1,"maxCount":1}"#),
    fine(2, "ec2", "TerminateInstances", &["AWSServiceRoleForAutoScaling"], r#"{"instancesSet":{"items":[{"instanceId":"$i"}]}}"#),
    fine(4, "autoscaling", "DescribeAutoScalingGroups", &["cluster-autoscaler"], "null"),
    fine(4, "elasticloadbalancing", "DescribeTargetHealth", &["terraform-ci", "cluster-autoscaler"], r#"{"targetGroupArn":"arn:$partition:elasticloadbalancing:$region:$account:targetgroup/web/0a1b2c3d4e5f6071"}"#),
    fine(5, "logs", "CreateLogStream", &["image-resizer", "search-indexer"], r#"{"logGroupName":"/shop/$function","logStreamName":"$uuid"}"#),
    fine(3, "logs", "FilterLogEvents", &[SSO], r#"{"logGroupName":"/shop/$function"}"#),
    fine(4, "lambda", "GetFunction20150331v2", &["github-deploy", SSO], r#"{"functionName":"$function"}"#),
    fine(2, "lambda", "UpdateFunctionCode20150331v2", &["github-deploy"], r#"{"functionName":"$function","dryRun":false,"publish":true}"#),
    fine(3, "dynamodb", "DescribeTable", &["checkout-api", "cart-worker", "terraform-ci"], r#"{"tableName":"$table"}"#),
    fine(3, "eks", "DescribeCluster", &["github-deploy", "cluster-autoscaler"], r#"{"name":"$cluster"}"#),
    fine(3, "ecr", "GetAuthorizationToken", &["github-deploy", "ci-legacy-deploy", "warehouse-loader"], "null"),
    fine(2, "ecr", "BatchGetImage", &["ci-legacy-deploy", "supplier-role"], r#"{"repositoryName":"shop/web","imageIds":[{"imageTag":"stable"}]}"#),
    fine(3, "iam", "GetRole", &["terraform-ci", "security-audit", "cn-sync"], r#"{"roleName":"$role"}"#),
    fine(3, "iam", "ListRoles", &["security-audit", "lena.varga"], "null"),
    fine(2, "sso", "ListInstances", &["amelie.roux"], "null"),
    fine(2, "cloudformation", "DescribeStacks", &["github-deploy", "terraform-ci"], r#"{"stackName":"shop-web"}"#),
    fine(1, "guardduty", "GetRemainingFreeTrialDays", &["security-audit"], r#"{"detectorId":"0f1e2d3c4b5a"}"#),
    fine(2, "cloudtrail", "LookupEvents", &["security-audit", "lena.varga"], r#"{"maxResults":50}"#),
    fine(1, "support", "DescribeTrustedAdvisorChecks", &["root"], r#"{"language":"en"}"#),
    fine(1, "health", "DescribeEventAggregates", &["nobody", SSO], r#"{"aggregateField":"eventTypeCategory"}"#),
];

/// The table of sensitive calls that succeed; each is made once. The last call succeeds too, but is not on the
/// inspector's list of sensitive calls.
#[rustfmt::skip]
pub const WATCHED: &[Call] = &[
    watch("iam", "CreateUser", &["lena.varga"], r#"{"userName":"theo.lindqvist"}"#),
    watch("iam", "AttachUserPolicy", &["lena.varga"], r#"{"userName":"theo.lindqvist","policyArn":"arn:aws:iam::aws:policy/PowerUserAccess"}"#),
    watch("iam", "CreateAccessKey", &["lena.varga"], r#"{"userName":"theo.lindqvist"}"#),
    watch("cloudtrail", "StopLogging", &["terraform-ci"], r#"{"name":"shop-trail"}"#),
    watch("iam", "PutRolePolicy", &["lena.varga"], r#"{"roleName":"checkout-api","policyName":"CheckoutAccess"}"#),
    watch("iam", "DeactivateMFADevice", &["root"], r#"{"userName":"theo.lindqvist","serialNumber":"arn:aws:iam::111122223333:mfa/theo"}"#),
    fine(1, "ec2", "AuthorizeSecurityGroupIngress", &["cn-sync"], r#"{"groupId":"$sg","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}"#),
];
