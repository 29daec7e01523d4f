//! The failing calls of the demo: one row for each kind of failure, in AWS's wordings, grouped by class.
//!
//! Each row is one long line, because rows are easier to compare this way.

use clusters::class::Class::{
    self, Absent, Auth, Conflict, Denied, Dryrun, Invalid, Other, Quota, Server, Throttle, Vpce,
};

use crate::call::Call;

const fn fail(
    (class, weight): (Class, usize),
    (service, name): (&'static str, &'static str),
    actors: &'static [&'static str],
    (code, message): (&'static str, &'static str),
    params: &'static str,
) -> Call {
    Call {
        class: Some(class),
        weight,
        service,
        name,
        actors,
        code,
        message,
        params,
    }
}

const SSO: &str = "AWSReservedSSO_Developer_4f1d0a7be2c93685";

/// The table of failing calls: all kinds of failures in the demo except failed sign-ins.
///
/// The table also contains dry runs, which have an error code but are not failures.
#[rustfmt::skip]
pub const FAILURES: &[Call] = &[
    // Denied by an identity-based policy, the common case, with and without the reason in the message.
    fail((Denied, 8), ("s3", "GetObject"), &["search-indexer", "image-resizer", "partner-feed"], ("AccessDenied", "User: $arn is not authorized to perform: s3:GetObject on resource: \"arn:$partition:s3:::$bucket/$key\" because no identity-based policy allows the s3:GetObject action"), r#"{"bucketName":"$bucket","key":"$key"}"#),
    fail((Denied, 4), ("dynamodb", "DescribeTable"), &["cart-worker", "terraform-ci"], ("AccessDenied", "User: $arn is not authorized to perform: dynamodb:DescribeTable on resource: arn:$partition:dynamodb:$region:$account:table/$table because no identity-based policy allows the dynamodb:DescribeTable action"), r#"{"tableName":"$table"}"#),
    fail((Denied, 3), ("lambda", "ListFunctions20150331"), &["security-audit", "legacy-batch"], ("AccessDenied", "User: $arn is not authorized to perform: lambda:ListFunctions on resource: * because no identity-based policy allows the lambda:ListFunctions action"), "null"),
    fail((Denied, 2), ("lambda", "ListFunctions20150331"), &[SSO], ("AccessDeniedException", "User: $arn is not authorized to perform: lambda:ListFunctions"), "null"),
    fail((Denied, 2), ("sns", "Publish"), &["payments-worker"], ("AuthorizationErrorException", "User: $arn is not authorized to perform: SNS:Publish on resource: arn:$partition:sns:$region:$account:$queue because no identity-based policy allows the SNS:Publish action"), r#"{"topicArn":"arn:$partition:sns:$region:$account:$queue"}"#),
    fail((Denied, 2), ("apigateway", "GetRestApis"), &["security-audit"], ("AccessDenied", "User: $arn is not authorized to perform: apigateway:GET on resource: arn:$partition:apigateway:$region::/restapis"), "null"),
    fail((Denied, 2), ("sts", "AssumeRole"), &["supplier-role", "legacy-batch", "supplier"], ("AccessDenied", "User: $arn is not authorized to perform: sts:AssumeRole on resource: arn:$partition:iam::$account:role/$role"), r#"{"roleArn":"arn:$partition:iam::$account:role/$role","roleSessionName":"sync"}"#),
    // Denied by another policy layer.
    fail((Denied, 3), ("organizations", "DescribeOrganization"), &["terraform-ci", SSO], ("AccessDenied", "User: $arn is not authorized to perform: organizations:DescribeOrganization on resource: * with an explicit deny in a service control policy"), "null"),
    fail((Denied, 2), ("ec2", "CreateVpc"), &[SSO], ("Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: $arn is not authorized to perform: ec2:CreateVpc on resource: arn:$partition:ec2:$region:$account:vpc/* with an explicit deny in a service control policy"), r#"{"cidrBlock":"10.40.0.0/16"}"#),
    fail((Denied, 2), ("iam", "CreateRole"), &["github-deploy"], ("AccessDenied", "User: $arn is not authorized to perform: iam:CreateRole on resource: arn:$partition:iam::$account:role/$role because no permissions boundary allows the iam:CreateRole action"), r#"{"roleName":"$role"}"#),
    fail((Denied, 2), ("sqs", "CreateQueue"), &["kiosk-feed"], ("AccessDenied", "User: $arn is not authorized to perform: sqs:createqueue on resource: arn:$partition:sqs:$region:$account:$queue because no session policy allows the sqs:createqueue action"), r#"{"queueName":"$queue"}"#),
    fail((Denied, 3), ("secretsmanager", "GetSecretValue"), &["supplier", "cart-worker"], ("AccessDenied", "User: $arn is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:$partition:secretsmanager:$region:$account:secret:$secret because no resource-based policy allows the secretsmanager:GetSecretValue action"), r#"{"secretId":"$secret"}"#),
    fail((Denied, 2), ("kms", "Encrypt"), &["supplier-role"], ("AccessDenied", "User: $arn is not authorized to perform: kms:Encrypt on resource: arn:$partition:kms:$region:$account:key/$uuid with an explicit deny in a resource-based policy"), r#"{"keyId":"arn:$partition:kms:$region:$account:key/$uuid"}"#),
    fail((Denied, 2), ("sqs", "SetQueueAttributes"), &["payments-worker"], ("AccessDenied", "User: $arn is not authorized to perform: sqs:setqueueattributes on resource: arn:$partition:sqs:$region:$account:$queue with an explicit deny in a VPC endpoint policy"), r#"{"queueUrl":"https://sqs.$region.amazonaws.com/$account/$queue"}"#),
    // Denied with an encoded message, with a generic message, or without a message.
    fail((Denied, 4), ("ec2", "RunInstances"), &["cluster-autoscaler", "warehouse-loader"], ("Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: $arn is not authorized to perform: ec2:RunInstances on resource: arn:$partition:ec2:$region:$account:instance/* because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: $encoded"), r#"{"instanceType":"$type","imageId":"$ami"}"#),
    fail((Denied, 2), ("ec2", "StopInstances"), &["legacy-batch"], ("Client.UnauthorizedOperation", "You are not authorized to perform this operation. Encoded authorization failure message: $encoded"), r#"{"instancesSet":{"items":[{"instanceId":"$i"}]}}"#),
    fail((Denied, 4), ("s3", "GetBucketPolicy"), &["security-audit", "cn-sync"], ("AccessDenied", "Access Denied"), r#"{"bucketName":"$bucket","policy":""}"#),
    fail((Denied, 2), ("s3", "GetObject"), &["visitor"], ("AccessDenied", "Access Denied"), r#"{"bucketName":"shop-media","key":"$key"}"#),
    fail((Denied, 2), ("elasticache", "DescribeCacheClusters"), &["nobody", "warehouse-loader"], ("AccessDenied", ""), "null"),
    fail((Denied, 1), ("budgets", "ViewBudget"), &["lena.varga"], ("AccessDenied", "IAM user access is not activated for this account"), "null"),
    fail((Denied, 1), ("guardduty", "ListDetectors"), &["cn-sync"], ("SubscriptionRequiredException", "The access key needs a subscription for the service"), "null"),
    fail((Denied, 1), ("logs", "DescribeLogGroups"), &["hostile-session"], ("AccessDeniedException", "User: $arn is not authorized to perform: logs:DescribeLogGroups on resource: arn:$partition:logs:$region:$account:log-group::log-stream: because no identity-based policy allows the logs:DescribeLogGroups action"), "null"),
    // Denied because an IAM action of another service is missing, and by VPC endpoint policies.
    fail((Denied, 2), ("lambda", "CreateFunction20150331"), &["github-deploy", "terraform-ci"], ("AccessDenied", "User: $arn is not authorized to perform: iam:PassRole on resource: arn:$partition:iam::$account:role/$role because no identity-based policy allows the iam:PassRole action"), r#"{"functionName":"$function","role":"arn:$partition:iam::$account:role/$role"}"#),
    fail((Denied, 1), ("lambda", "CreateFunction20150331"), &[SSO], ("AccessDenied", "User: $arn is not authorized to perform: lambda:CreateFunction on resource: arn:$partition:lambda:$region:$account:function:$function"), r#"{"functionName":"$function"}"#),
    fail((Denied, 3), ("s3", "GetObject"), &["image-resizer"], ("AccessDenied", "User: $arn is not authorized to perform: kms:Decrypt on resource: arn:$partition:kms:$region:$account:key/$uuid because no identity-based policy allows the kms:Decrypt action"), r#"{"bucketName":"shop-invoices","key":"$key"}"#),
    fail((Vpce, 3), ("s3", "GetObject"), &["supplier-role"], ("VpceAccessDenied", "The VPC endpoint policy denies the request"), "null"),
    fail((Vpce, 1), ("kms", "Decrypt"), &["supplier-role"], ("VpceAccessDenied", "The request was denied by the VPC endpoint policy"), "null"),
    // Invalid or expired credentials.
    fail((Auth, 4), ("s3", "ListObjects"), &["nobody", "partner-feed"], ("ExpiredToken", "The provided token has expired."), r#"{"bucketName":"$bucket"}"#),
    fail((Auth, 2), ("sts", "GetCallerIdentity"), &["nobody"], ("InvalidClientTokenId", "The security token included in the request is invalid."), "null"),
    fail((Auth, 2), ("sts", "AssumeRoleWithWebIdentity"), &["cart-worker", "release-bot"], ("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://oidc.example.com/id/$number"), r#"{"roleArn":"arn:$partition:iam::$account:role/$role","roleSessionName":"web"}"#),
    fail((Auth, 1), ("sts", "AssumeRoleWithSAML"), &["jonas.berg@example.com"], ("IDPRejectedClaim", "The identity provider rejected the claim"), r#"{"roleArn":"arn:$partition:iam::$account:role/Operators"}"#),
    // Rate limits, quotas and missing capacity.
    fail((Throttle, 6), ("ec2", "DescribeInstances"), &["cluster-autoscaler", "AWSServiceRoleForAutoScaling"], ("Client.RequestLimitExceeded", "Request limit exceeded."), r#"{"instancesSet":{},"filterSet":{}}"#),
    fail((Throttle, 3), ("cloudformation", "DescribeStacks"), &["github-deploy"], ("ThrottlingException", "Rate exceeded"), r#"{"stackName":"shop-web"}"#),
    fail((Quota, 1), ("ec2", "CreateVpc"), &["terraform-ci"], ("Client.VpcLimitExceeded", "The maximum number of VPCs has been reached."), r#"{"cidrBlock":"10.41.0.0/16"}"#),
    fail((Quota, 1), ("sagemaker", "CreateEndpoint"), &[SSO], ("ResourceLimitExceeded", "The account-level service limit for endpoints is $number Instances, with current utilization of $number Instances."), r#"{"endpointName":"ranker"}"#),
    fail((Quota, 1), ("ec2", "RunInstances"), &["AWSServiceRoleForAutoScaling"], ("Server.InsufficientInstanceCapacity", "We currently do not have sufficient $type capacity in the Availability Zone you requested."), r#"{"instanceType":"$type"}"#),
    // Dry runs, which are no failures.
    fail((Dryrun, 3), ("ec2", "RunInstances"), &["terraform-ci", "security-audit"], ("Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set."), r#"{"instanceType":"$type","dryRun":true}"#),
    fail((Dryrun, 1), ("ec2", "CreateSnapshot"), &["warehouse-loader"], ("DryRunOperation", "Request would have succeeded, but DryRun flag is set."), r#"{"volumeId":"$vol","dryRun":true}"#),
    // Missing resources.
    fail((Absent, 6), ("s3", "GetObject"), &["checkout-api", "visitor"], ("NoSuchKey", "The specified key does not exist."), r#"{"bucketName":"shop-media","key":"$key"}"#),
    fail((Absent, 6), ("s3", "GetBucketLifecycle"), &["config-probe"], ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), r#"{"bucketName":"$bucket","lifecycle":""}"#),
    fail((Absent, 3), ("iam", "GetRolePolicy"), &["terraform-ci"], ("NoSuchEntityException", "The role policy with name $policy cannot be found."), r#"{"roleName":"$role","policyName":"$policy"}"#),
    fail((Absent, 2), ("iam", "DeleteLoginProfile"), &["lena.varga"], ("NoSuchEntityException", "Login Profile for User $user cannot be found."), r#"{"userName":"$user"}"#),
    fail((Absent, 2), ("ec2", "DescribeInstances"), &[SSO], ("Client.InvalidInstanceID.NotFound", "The instance ID '$i' does not exist"), r#"{"instancesSet":{"items":[{"instanceId":"$i"}]}}"#),
    fail((Absent, 1), ("monitoring", "GetDashboard"), &["amelie.roux"], ("ResourceNotFound", "Dashboard $dashboard does not exist"), r#"{"dashboardName":"$dashboard"}"#),
    fail((Absent, 1), ("cloudtrail", "GetInsightSelectors"), &["security-audit"], ("InsightNotEnabledException", "Trail shop-trail does not have Insights enabled."), r#"{"trailName":"shop-trail"}"#),
    // Conflicts with the state of a resource.
    fail((Conflict, 2), ("sqs", "CreateQueue"), &["terraform-ci"], ("QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute VisibilityTimeout"), r#"{"queueName":"$queue"}"#),
    fail((Conflict, 2), ("ec2", "DeleteSecurityGroup"), &["terraform-ci"], ("Client.DependencyViolation", "resource $sg has a dependent object"), r#"{"groupId":"$sg"}"#),
    fail((Conflict, 1), ("s3", "DeleteBucket"), &[SSO], ("BucketNotEmpty", "The bucket you tried to delete is not empty"), r#"{"bucketName":"$bucket"}"#),
    fail((Conflict, 1), ("lambda", "UpdateFunctionConfiguration20150331v2"), &["github-deploy"], ("ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: arn:$partition:lambda:$region:$account:function:$function"), r#"{"functionName":"$function"}"#),
    // AWS is at fault.
    fail((Server, 2), ("kms", "Decrypt"), &["payments-worker", "checkout-api"], ("KMSInternalException", "The request failed because of an internal error."), r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#),
    fail((Server, 1), ("sts", "AssumeRole"), &["autoscaling.amazonaws.com"], ("ServiceUnavailable", "Service is temporarily unavailable"), r#"{"roleArn":"arn:$partition:iam::$account:role/$role"}"#),
    fail((Server, 1), ("ec2", "AttachVolume"), &["warehouse-loader"], ("Server.InternalError", "An internal error has occurred"), r#"{"volumeId":"$vol","instanceId":"$i","device":"/dev/sdf"}"#),
    // Invalid requests: the wording of the message separates clusters, the values in the message do not.
    fail((Invalid, 3), ("ec2", "RunInstances"), &["cluster-autoscaler"], ("Client.InvalidParameterValue", "Value ($role) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"), r#"{"iamInstanceProfile":{"name":"$role"},"instanceType":"$type"}"#),
    fail((Invalid, 2), ("ec2", "RunInstances"), &["cluster-autoscaler"], ("Client.InvalidParameterValue", "Value ($number) for parameter volumeSize is invalid. The size exceeds the limit"), r#"{"instanceType":"$type"}"#),
    fail((Invalid, 2), ("dynamodb", "UpdateTable"), &["terraform-ci"], ("ValidationException", "1 validation error detected: Value '$number' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must be less than or equal to $number"), r#"{"tableName":"$table"}"#),
    fail((Invalid, 2), ("dynamodb", "UpdateTable"), &["terraform-ci"], ("ValidationException", "The parameter 'TableName' of the table \"$table\" cannot be updated together with 'BillingMode'"), r#"{"tableName":"$table"}"#),
    fail((Invalid, 2), ("iam", "PutRolePolicy"), &["github-deploy"], ("MalformedPolicyDocumentException", "The policy failed legacy parsing"), r#"{"roleName":"$role","policyName":"$policy"}"#),
    fail((Invalid, 1), ("cloudtrail", "LookupEvents"), &["amelie.roux"], ("InvalidTimeRangeException", "Start time must come before end time"), r#"{"maxResults":50}"#),
    fail((Invalid, 1), ("ssm", "PutParameter"), &["hostile-session"], ("ValidationException", "Value \u{1b}[31m<img src=x onerror=alert(1)> [free](http://example.net) \u{202e}txt.exe password=hunter2-not-a-secret at 'name' is not valid"), r#"{"name":"$param"}"#),
    // Error codes that the class table does not have.
    fail((Other, 1), ("codebuild", "StartBuild"), &["github-deploy"], ("BuildWeatherException", "The build $number for $function waits for better weather"), r#"{"projectName":"$function"}"#),
    fail((Other, 1), ("athena", "StartQueryExecution"), &["nightly-export"], ("PurpleMonkeyDishwasher", "Query $uuid came back unanswered"), r#"{"workGroup":"primary"}"#),
];
