//! Tests of the advice: examples of failures with words that the advice has to have, and the page of all advice.

use std::collections::BTreeMap;
use std::fmt::Write;

use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;
use clusters::watch::{CallDetails, Watch, Watches};

use super::catalog::{ALL, LAYERS, PLACEHOLDERS};
use super::{filled, hint};
use crate::locale::Language;
use crate::safe::readable;

const CONFIG: &str =
    "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

/// One failure, or a sensitive call.
struct Case<'a> {
    call: &'a str,
    class: Class,
    code: &'a str,
    message: &'a str,
    facets: &'a [(FacetKind, &'a str)],
}

impl Case<'_> {
    fn hint(&self) -> String {
        let identity = identity(self.call, self.class, self.code);
        let mut facets = Facets::default();
        facets.set(FacetKind::IamAction, Some(self.call));
        for (kind, value) in self.facets {
            facets.set(*kind, Some(value));
        }
        hint(&identity, self.message, &facets, Language::En)
    }
}

fn identity(call: &str, class: Class, code: &str) -> Identity {
    let (service, action) = call.split_once(':').unwrap();
    Identity {
        partition: "aws".to_owned(),
        account_id: "111122223333".to_owned(),
        service: service.to_owned(),
        action: action.to_owned(),
        class,
        code: code.to_owned(),
        cause: None,
        template: None,
        addition: None,
    }
}

/// Returns the advice for a call by `role/deploy`.
fn failed(call: &str, class: Class, code: &str, message: &str) -> String {
    let facets = &[
        (FacetKind::Principal, ROLE),
        (FacetKind::PrincipalKind, "role"),
        (FacetKind::ErrorCode, code),
    ];
    Case {
        call,
        class,
        code: if class == Class::Denied {
            "Denied"
        } else {
            code
        },
        message,
        facets,
    }
    .hint()
}

/// Returns the advice for a refused call with these facets.
fn refused(call: &str, message: &str, facets: &[(FacetKind, &str)]) -> String {
    Case {
        call,
        class: Class::Denied,
        code: "Denied",
        message,
        facets,
    }
    .hint()
}

/// Returns the advice for a refused call of an AWS service, or of the service-linked role of AWS Config.
fn of_service(call: &str, principal: &str, resource: &str) -> String {
    let kind = if principal == CONFIG {
        "role"
    } else {
        "service"
    };
    let facets = &[
        (FacetKind::Principal, principal),
        (FacetKind::PrincipalKind, kind),
        (FacetKind::Origin, "aws-service"),
        (FacetKind::Resource, resource),
    ];
    refused(call, "Access Denied", facets)
}

fn assert_words(hint: &str, wanted: &[&str], unwanted: &[&str]) {
    for word in wanted {
        assert!(hint.contains(word), "{word} is not in: {hint}");
    }
    for word in unwanted {
        assert!(!hint.contains(word), "{word} is in: {hint}");
    }
}

#[test]
fn only_a_complete_encoded_message_gives_the_advice_to_decode_it() {
    for (encoded, decodes) in [("whole", true), ("cut", false)] {
        let hint = refused("ec2:RunInstances", "", &[(FacetKind::Encoded, encoded)]);
        assert_eq!(
            hint.contains("decode-authorization-message"),
            decodes,
            "{hint}"
        );
    }
}

#[test]
fn the_message_decides_who_has_to_do_something() {
    for (call, class, code, message, wanted) in [
        (
            "sts:AssumeRoleWithWebIdentity",
            Class::Auth,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://ci.example.com",
            "no OIDC identity provider",
        ),
        (
            "sts:AssumeRoleWithWebIdentity",
            Class::Auth,
            "InvalidIdentityToken",
            "Incorrect token audience",
            "add it to the provider",
        ),
        (
            "ec2:RunInstances",
            Class::Absent,
            "OptInRequired",
            "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
            "AWS Marketplace",
        ),
        (
            "s3:GetDataAccess",
            Class::Denied,
            "AccessDenied",
            "You do not have READ permissions to the requested S3 Prefix: s3://b/x",
            "S3 Access Grants",
        ),
        (
            "s3:GetObject",
            Class::Denied,
            "AccessDenied",
            "denied by a setting in S3 Block Public Access",
            "keeps those out",
        ),
        (
            "ec2:TerminateInstances",
            Class::Other,
            "OperationNotPermitted",
            "The instance <*> may not be terminated. Modify its <*> instance attribute and try again.",
            "protected",
        ),
        (
            "secretsmanager:RotationFailed",
            Class::Other,
            "NoCode",
            "",
            "without an error code",
        ),
        (
            "rekognition:DetectLabels",
            Class::Denied,
            "InvalidS3ObjectException",
            "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
            "cannot read something",
        ),
    ] {
        assert_words(
            &failed(call, class, code, message),
            &[wanted],
            &["not known here"],
        );
    }
}

#[test]
fn an_explicit_deny_never_gives_the_advice_to_allow() {
    for layer in [
        "identity", "resource", "scp", "rcp", "boundary", "session", "vpce", "trust", "unknown",
    ] {
        for call in ["ec2:RunInstances", "sts:AssumeRole", "s3:PutObject"] {
            let layer = format!("{layer} explicit");
            let hint = refused(call, "", &[(FacetKind::Layer, &layer)]);
            assert_words(&hint, &["explicitly"], &["adds", "has to allow"]);
        }
    }
}

#[test]
fn the_policy_that_denies_is_named_to_ask_its_owner() {
    let scp =
        "arn:aws:organizations::777788889999:policy/o-example/service_control_policy/p-example1";
    let rcp =
        "arn:aws:organizations::777788889999:policy/o-example/resource_control_policy/p-example2";
    let own = "arn:aws:iam::111122223333:policy/team/limits";
    for (layer, policy, wanted) in [
        ("scp explicit", scp, "who owns p-example1 whether"),
        ("rcp explicit", rcp, "who owns p-example2 whether"),
        (
            "boundary explicit",
            own,
            "who owns policy/team/limits whether",
        ),
        (
            "session explicit",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "who owns arn:aws:iam::aws:policy/ReadOnlyAccess whether",
        ),
        // The most frequent policy of the cluster belongs to another layer.
        ("boundary explicit", scp, "who owns the policy whether"),
        ("scp explicit", rcp, "who owns the policy whether"),
        ("scp explicit", "", "who owns the policy whether"),
    ] {
        let facets = &[(FacetKind::Layer, layer), (FacetKind::Policy, policy)];
        assert_words(&refused("s3:GetObject", "", facets), &[wanted], &[]);
    }
}

#[test]
fn a_quarantined_key_is_a_leaked_key() {
    let facets = &[
        (FacetKind::Principal, "arn:aws:iam::111122223333:user/mia"),
        (FacetKind::Layer, "identity explicit"),
        (
            FacetKind::Policy,
            "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
        ),
    ];
    let hint = refused("ec2:RunInstances", "", facets);
    assert_words(&hint, &["user/mia", "is public", "Deactivate"], &["owner"]);
}

#[test]
fn what_is_not_switched_on_is_no_question_of_policies() {
    for (call, code, message) in [
        (
            "macie2:GetMacieSession",
            "AccessDeniedException",
            "Macie is not enabled",
        ),
        (
            "ssm:RequestManagedInstanceRoleToken",
            "AccessDeniedException",
            "Systems Manager's instance management role is not configured for account: <*>",
        ),
        (
            "auditmanager:GetSettings",
            "AccessDeniedException",
            "Please complete AWS Audit Manager setup from home page to enable this action",
        ),
        (
            "securityhub:DescribeHub",
            "InvalidAccessException",
            "Account <*> is not subscribed to AWS Security Hub",
        ),
        ("detective:ListGraphs", "NotEnabledException", ""),
    ] {
        for class in [Class::Denied, Class::Invalid, Class::Absent] {
            let hint = failed(call, class, code, message);
            assert_words(&hint, &["switched on"], &["polic", "bug"]);
        }
    }
}

#[test]
fn wrong_credentials_of_an_end_user_or_a_session_are_no_question_of_policies() {
    for (call, code, message, wanted) in [
        (
            "cognito-idp:InitiateAuth",
            "NotAuthorizedException",
            "Incorrect username or password.",
            "your application",
        ),
        (
            "cognito-idp:RespondToAuthChallenge",
            "CodeMismatchException",
            "Invalid code or auth state for the user.",
            "your application",
        ),
        (
            "cognito-idp:InitiateAuth",
            "NotAuthorizedException",
            "Password attempts exceeded",
            "your application",
        ),
        (
            "ec2:DescribeInstances",
            "Client.AuthFailure",
            "AWS was not able to validate the provided access credentials",
            "credentials of role/deploy",
        ),
        (
            "sso:GetRoleCredentials",
            "UnauthorizedException",
            "Session token not found or invalid",
            "sign in again",
        ),
        (
            "s3:GetObject",
            "AccessDenied",
            "Request has expired",
            "expired",
        ),
    ] {
        let hint = failed(call, Class::Denied, code, message);
        assert_words(&hint, &[wanted], &["polic", "IAM"]);
    }
}

#[test]
fn a_step_of_a_sign_in_and_the_policy_of_a_destination_are_named() {
    for (call, class, code, message, wanted) in [
        (
            "sso:CreateToken",
            Class::Conflict,
            "AuthorizationPendingException",
            "",
            "step of a sign-in",
        ),
        (
            "cognito-idp:InitiateAuth",
            Class::Conflict,
            "UserNotConfirmedException",
            "User is not confirmed.",
            "step of a sign-in",
        ),
        (
            "s3:PutBucketNotification",
            Class::Denied,
            "InvalidArgument",
            "Unable to validate the following destination configurations",
            "destination",
        ),
        (
            "logs:PutSubscriptionFilter",
            Class::Denied,
            "InvalidParameterException",
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
            "destination",
        ),
    ] {
        let hint = failed(call, class, code, message);
        assert_words(&hint, &[wanted], &["bug"]);
    }
}

#[test]
fn to_assume_a_role_the_trust_policy_comes_first() {
    let role = (
        FacetKind::Resource,
        "arn:aws:iam::111122223333:role/billing",
    );
    let of_caller = ["caller's policies", "policies of the caller"];
    for call in ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"] {
        let hint = refused(call, "", &[role]);
        assert_words(
            &hint,
            &["trust policy of arn:aws:iam::111122223333:role/billing"],
            &of_caller,
        );
    }
    let by_role = (FacetKind::Principal, ROLE);
    let hint = refused("sts:AssumeRole", "", &[role, by_role]);
    let trust = hint.find("trust policy").unwrap();
    assert!(trust < hint.find("caller's policies").unwrap(), "{hint}");
    assert_words(&hint, &["role/billing", "role/deploy"], &[]);
    let identity = (FacetKind::Layer, "identity implicit");
    let hint = refused("sts:AssumeRole", "", &[role, by_role, identity]);
    assert_words(&hint, &["policies of role/deploy", "trust policy"], &[]);
    let hint = of_service("sts:AssumeRole", "ecs-tasks.amazonaws.com", role.1);
    assert_words(
        &hint,
        &["trust policy", "ecs-tasks.amazonaws.com"],
        &of_caller,
    );
    let tags = (FacetKind::IamAction, "sts:TagSession");
    let hint = refused("sts:AssumeRole", "", &[role, by_role, tags]);
    assert_words(&hint, &["tags", "sts:TagSession", "trust policy"], &[]);
}

#[test]
fn other_systems_of_permissions_are_named() {
    let caller = "policies of role/deploy";
    for (call, message, wanted, unwanted) in [
        (
            "glue:GetTable",
            "Insufficient Lake Formation permission(s): Required Describe on <*>",
            "grant",
            caller,
        ),
        (
            "glue:GetDatabase",
            "Insufficient Lake Formation permission(s) on <*>",
            "Lake Formation",
            caller,
        ),
        (
            "sso:GetRoleCredentials",
            "No access",
            "assignment of this permission set",
            caller,
        ),
        (
            "bedrock:InvokeModel",
            "You don't have access to the model with the specified model ID.",
            "request it",
            caller,
        ),
        (
            "ce:GetCostAndUsage",
            "IAM user access is not activated for this account",
            "root user activates",
            caller,
        ),
        (
            "organizations:ListAccounts",
            "You don't have permissions to access this resource.",
            "management account",
            "The service does not say",
        ),
        (
            "s3:PutBucketAcl",
            "User: <*> is not authorized to perform: s3:PutBucketAcl on resource: <*> because public ACLs are prevented by \
             the BlockPublicAcls setting in S3 Block Public Access",
            "Block Public Access",
            caller,
        ),
        (
            "kms:Decrypt",
            "User: <*> is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because \
             the resource does not exist in this Region, no resource-based policies allow access, or a resource-based \
             policy explicitly denies access",
            "not in this Region",
            "At least",
        ),
    ] {
        let hint = failed(call, Class::Denied, "AccessDeniedException", message);
        assert_words(&hint, &[wanted], &[unwanted]);
    }
}

#[test]
fn a_role_s_missing_permission_is_no_bug_of_the_caller() {
    for (call, code, message, wanted) in [
        (
            "lambda:CreateEventSourceMapping",
            "InvalidParameterValueException",
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
            "role",
        ),
        (
            "lambda:CreateFunction",
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            "trust policy",
        ),
        (
            "codebuild:CreateProject",
            "InvalidInputException",
            "CodeBuild is not authorized to perform: sts:AssumeRole on <*>",
            "trust policy",
        ),
        (
            "firehose:CreateDeliveryStream",
            "InvalidArgumentException",
            "Firehose is unable to assume role <*>. Please check the role provided.",
            "trust policy",
        ),
        (
            "cloudtrail:UpdateTrail",
            "InvalidCloudWatchLogsRoleArnException",
            "Access denied. Check the trust relationships for your role.",
            "trust policy",
        ),
        (
            "cloudtrail:CreateTrail",
            "InsufficientS3BucketPolicyException",
            "Incorrect S3 bucket policy is detected for bucket: <*>",
            "bucket policy",
        ),
        (
            "cloudtrail:CreateTrail",
            "InsufficientSnsTopicPolicyException",
            "SNS Topic does not exist or the topic policy is incorrect!",
            "topic's policy",
        ),
    ] {
        for class in [Class::Invalid, Class::Other, Class::Denied] {
            let hint = failed(call, class, code, message);
            assert_words(&hint, &[wanted], &["bug", "not known"]);
        }
    }
    // A sentence about the caller is about the caller.
    let message = "User: <*> is not authorized to perform: sts:AssumeRole on resource: <*>";
    let hint = failed(
        "codebuild:StartBuild",
        Class::Denied,
        "AccessDenied",
        message,
    );
    assert_words(&hint, &["policies of role/deploy"], &["cannot assume"]);
}

#[test]
fn a_broken_delivery_names_the_policy_that_has_to_allow_the_service() {
    for (call, principal, wanted) in [
        (
            "s3:PutObject",
            "delivery.logs.amazonaws.com",
            "bucket policy of arn:aws:s3:::logs",
        ),
        (
            "s3:GetBucketAcl",
            "cloudtrail.amazonaws.com",
            "bucket policy of arn:aws:s3:::logs",
        ),
        ("s3:PutObject", CONFIG, "bucket policy of arn:aws:s3:::logs"),
        (
            "kms:GenerateDataKey",
            "cloudtrail.amazonaws.com",
            "key policy",
        ),
        ("sns:Publish", "events.amazonaws.com", "policy of the topic"),
        (
            "sqs:SendMessage",
            "sns.amazonaws.com",
            "policy of the queue",
        ),
        (
            "lambda:Invoke",
            "s3.amazonaws.com",
            "policy of arn:aws:s3:::logs",
        ),
    ] {
        let hint = of_service(call, principal, "arn:aws:s3:::logs/*");
        assert_words(
            &hint,
            &[wanted, "has to allow", "lost"],
            &["policies of", "nothing to do"],
        );
    }
    let hint = of_service(
        "s3:GetObject",
        "cloudfront.amazonaws.com",
        "arn:aws:s3:::web/*",
    );
    assert_words(&hint, &["page that is not there"], &["lost"]);
}

#[test]
fn a_service_linked_role_that_probes_is_normal_and_so_is_an_absent_setting() {
    for call in [
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "s3:GetBucketAcl",
    ] {
        let hint = of_service(call, CONFIG, "x");
        assert_words(&hint, &["nothing to do"], &["adds", "has to allow"]);
    }
    for code in [
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
    ] {
        let hint = failed("s3:GetBucketWebsite", Class::Absent, code, "");
        assert_words(&hint, &["optional setting"], &["deleted"]);
    }
    let hint = failed("s3:GetObject", Class::Absent, "NoSuchKey", "");
    assert_words(&hint, &["deleted"], &[]);
    for (code, wanted) in [
        ("InsufficientInstanceCapacity", "no quota"),
        ("VpcLimitExceeded", "Service Quotas"),
    ] {
        let hint = failed("ec2:RunInstances", Class::Quota, code, "");
        assert_words(&hint, &[wanted], &[]);
    }
}

#[test]
fn a_request_without_credentials_has_no_policies_to_check() {
    let hint = refused(
        "s3:GetObject",
        "Access Denied",
        &[
            (FacetKind::PrincipalKind, "anonymous"),
            (FacetKind::Principal, "anonymous"),
        ],
    );
    assert_words(&hint, &["not signed"], &["policies of"]);
}

/// Returns the identity of a sensitive call that a watch selected.
fn identity_of_call(watch: &Watch, (service, action): &(String, String)) -> Identity {
    let details = CallDetails {
        watch: watch.name.clone(),
        tier: watch.tier,
        is_strong: watch.is_strong,
        technique: None,
        target: Some("arn:aws:s3:::backups".to_owned()),
        parameters: BTreeMap::from([("policy".to_owned(), "PowerUserAccess".to_owned())]),
        why: None,
        expected_by: None,
    };
    Identity {
        service: service.clone(),
        action: action.clone(),
        class: Class::Watch,
        cause: Some(ROLE.to_owned()),
        template: Some(details.encode()),
        ..identity("iam:CreateUser", Class::Watch, "strong")
    }
}

#[test]
fn each_watched_call_says_what_it_did_and_how_to_check_it() {
    let watches = Watches::default();
    assert!(watches.all().len() > 150);
    for watch in watches.all() {
        for call in &watch.calls {
            let identity = identity_of_call(watch, call);
            let advice = super::advice(&identity, "", &Facets::default());
            let place = format!("{} {}", watch.name, advice.name);
            assert_ne!(advice.name, "SENSITIVE", "{place}");
            let hint = hint(&identity, "", &Facets::default(), Language::En);
            assert!(hint.contains("role/deploy"), "{place}: {hint}");
            let names_target = ["resource", "bucket"];
            let names_target = names_target.map(|of| format!("{{{of}}}"));
            assert!(
                !names_target.iter().any(|of| advice.english.contains(of))
                    || hint.contains("backups"),
                "{place}: {hint}"
            );
        }
    }
}

#[test]
fn advice_about_a_sensitive_call_names_the_policy_that_was_given() {
    let watches = Watches::default();
    let watch = watches.named("iam-attach-user-policy").unwrap();
    let identity = identity_of_call(watch, &("iam".to_owned(), "AttachUserPolicy".to_owned()));
    let hint = hint(&identity, "", &Facets::default(), Language::En);
    assert!(
        hint.starts_with("role/deploy attached PowerUserAccess to arn:aws:s3:::backups."),
        "{hint}"
    );
}

#[test]
fn a_sensitive_call_of_a_user_s_watch_has_the_advice_of_its_call_or_a_general_one() {
    let own = Watch {
        name: "our-own".to_owned(),
        ..Watches::default().named("iam-create-user").unwrap().clone()
    };
    for (service, action, advice) in [
        ("iam", "CreateUser", "USER_CREATED"),
        ("athena", "StartQueryExecution", "SENSITIVE"),
    ] {
        let identity = identity_of_call(&own, &(service.to_owned(), action.to_owned()));
        assert_eq!(
            super::advice(&identity, "", &Facets::default()).name,
            advice
        );
    }
}

#[test]
fn a_failing_call_that_would_stop_the_recording_is_an_attempt() {
    let tool = (FacetKind::Origin, "attack-tool");
    let trail = (FacetKind::Resource, "main");
    let by = (FacetKind::Principal, ROLE);
    let of = |class, origin| {
        Case {
            call: "cloudtrail:StopLogging",
            class,
            code: "TrailNotFound",
            message: "Unknown trail: <*> for the user: <*>",
            facets: &[origin, trail, by],
        }
        .hint()
    };
    for class in [Class::Absent, Class::Denied] {
        assert_words(
            &of(class, tool),
            &["stopped the recording", "main"],
            &["deleted"],
        );
    }
    let again = of(Class::Absent, (FacetKind::Origin, "iac"));
    assert_words(&again, &["deleted"], &["stopped"]);
    let hint = refused("s3:ListBuckets", "", &[tool, by]);
    assert_words(
        &hint,
        &["tool made for attacks", "role/deploy", "s3:ListBuckets"],
        &[],
    );
}

#[test]
fn mfa_that_fails_says_that_the_password_is_known() {
    for (call, mfa) in [
        ("signin:CredentialVerification", "yes"),
        ("signin:ConsoleLogin", "yes"),
        ("signin:CheckMfa", ""),
    ] {
        let hint = Case {
            call,
            class: Class::Signin,
            code: "Failure",
            message: "",
            facets: &[(FacetKind::Mfa, mfa)],
        }
        .hint();
        assert_words(&hint, &["password was right"], &[]);
    }
}

#[test]
fn a_sentence_that_lacks_its_value_still_reads_well() {
    let hint = failed("ec2:RunInstances", Class::Conflict, "X", "");
    assert!(hint.starts_with("The state of the resource does"), "{hint}");
    let hint = Case {
        call: "ec2:RunInstances",
        class: Class::Throttle,
        code: "Throttled",
        message: "",
        facets: &[(FacetKind::Principal, "unknown")],
    }
    .hint();
    assert!(
        hint.starts_with("The caller calls ec2:RunInstances too often"),
        "{hint}"
    );
}

#[test]
fn both_languages_have_the_same_placeholders() {
    let names = |text: &'static str| {
        let parts = text.split('{').skip(1);
        let mut names: Vec<&str> = parts.map(|part| part.split_once('}').unwrap().0).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    for advice in ALL {
        let found = names(advice.english);
        assert_eq!(found, names(advice.chinese), "{}", advice.name);
        let known = |name: &&str| PLACEHOLDERS.iter().any(|of| of.name == *name);
        assert!(found.iter().all(known), "{}", advice.name);
        assert!(
            advice.chinese.chars().any(|c| c > '\u{4e00}'),
            "{}",
            advice.name
        );
        let chars = advice.english.chars().count();
        assert!(chars <= 400, "{} has {chars} characters", advice.name);
    }
}

#[test]
fn secrets_are_masked_in_the_values_of_advice_and_not_in_its_sentences() {
    let values = |value: &str| {
        PLACEHOLDERS
            .each_ref()
            .map(|of| (of, Some(value.to_owned())))
    };
    let secret = values("token=hunter2");
    let masked = readable("token=hunter2", 64);
    for advice in ALL {
        for language in [Language::En, Language::Zh] {
            let mut wanted = language.pick(advice.english, advice.chinese).to_owned();
            for of in &PLACEHOLDERS {
                let value = if of.name == "layer" { "" } else { &masked };
                wanted = wanted.replace(&format!("{{{}}}", of.name), value);
            }
            assert_eq!(filled(advice, &secret, language), wanted, "{}", advice.name);
        }
    }
}

#[test]
fn the_page_of_all_advice_is_up_to_date() {
    let mut page = "# Advice\n\nWhat to do about a cluster: all texts, in English and in Chinese, each with when it is given. \
        They are printed as `hint` and sent in messages. The first text that fits is given; the order is not that of this page. \
        The page is made from the code: `UPDATE_EXPECT=1 cargo test -p alerts` writes it.\n\n\
        No text has a policy to paste: an explicit deny is a decision of its owner.\n\n\
        ## Placeholders\n\n\
        Each is replaced with the most frequent value of the cluster, or with these words if there is none.\n\n\
        | placeholder | English | Chinese |\n|---|---|---|\n"
        .to_owned();
    for of in &PLACEHOLDERS {
        writeln!(
            page,
            "| `{{{}}}` | {} | {} |",
            of.name, of.english, of.chinese
        )
        .unwrap();
    }
    page.push_str("\n`{layer}` is one of these:\n\n| layer | English | Chinese |\n|---|---|---|\n");
    for (name, english, chinese) in LAYERS {
        writeln!(page, "| `{name}` | {english} | {chinese} |").unwrap();
    }
    page.push_str("\n## Texts\n");
    for advice in ALL {
        let title = advice.name.to_lowercase().replace('_', " ");
        writeln!(
            page,
            "\n**{title}**: {}\n\n> {}\n>\n> {}",
            advice.when, advice.english, advice.chinese
        )
        .unwrap();
    }
    expect_test::expect_file!["../../../docs/advice.md"].assert_eq(&page);
}

/// Latin words that Chinese advice may have outside of code: names of AWS, abbreviations, and beginnings of names of calls.
const NAMES: &str = "ACL AWS Access Amazon Anywhere Bedrock Block Business CA Center CloudTrail Config Delete Detach EKS \
                     Enterprise Formation Grants GuardDuty Health IAM ID Identity KMS Lake Lambda MFA Manager Marketplace OIDC \
                     Organizations Public Put Quotas Revoke Roles S3 SDK SNS Service Support Systems URL VPC WAF Web";

#[test]
fn chinese_advice_has_no_latin_words_but_names_and_code() {
    let names: Vec<&str> = NAMES.split(' ').collect();
    for advice in ALL {
        // What stands in backticks is code, and what stands in braces a placeholder.
        let outside = advice.chinese.split('`').step_by(2);
        let outside = outside.map(|text| {
            let parts = text.split('{');
            parts
                .map(|part| part.rsplit('}').next().unwrap_or_default())
                .collect::<String>()
        });
        for text in outside {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| word.contains(|c: char| c.is_ascii_alphabetic())) {
                assert!(
                    names.contains(&word),
                    "{word} in {}: {}",
                    advice.name,
                    advice.chinese
                );
            }
        }
    }
}
