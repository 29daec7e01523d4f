//! Tests of the table: each row is well formed, and each kind of call is selected as it should be.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Returns a record of a call by a user of account 111122223333.
fn record(service: &str, name: &str, request: &Value) -> Value {
    json!({
        "eventVersion": "1.11",
        "eventType": "AwsApiCall",
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "userName": "alice",
        },
        "requestParameters": request,
    })
}

fn found(record: &Value) -> Option<CallDetails> {
    let text = record.to_string();
    Watches::default().find(&Record::parse(&text).unwrap(), &text)
}

/// Returns the name of the watch and the parameters of a call by a user.
fn selected(service: &str, name: &str, request: &Value) -> Option<(String, String)> {
    let details = found(&record(service, name, request))?;
    let parameters: Vec<String> = details
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some((details.watch, parameters.join("; ")))
}

fn name_of(service: &str, name: &str, request: &Value) -> String {
    selected(service, name, request).map_or("-".to_owned(), |(watch, _)| watch)
}

#[test]
fn each_row_of_the_table_is_well_formed() {
    let table = table_text().unwrap();
    assert_eq!((table.checked.len(), table.attack.as_str()), (10, "v19"));
    let mut names = BTreeSet::new();
    for row in &table.watch {
        let mut complaints = Vec::new();
        let watch = row.get_ref().watch(Author::Program, &mut |at, message| {
            complaints.push(format!("{at:?}: {message}"));
        });
        assert_eq!(complaints, [""; 0], "{}", watch.name);
        assert!(
            names.insert(watch.name.clone()),
            "{} is there twice",
            watch.name
        );
        assert!(
            !watch.source.is_empty() && watch.technique.is_some(),
            "{}",
            watch.name
        );
        let chinese = watch.why_chinese.as_deref().unwrap_or_default();
        assert!(chinese.chars().any(|c| c > '\u{4e00}'), "{}", watch.name);
        assert!(
            watch.why.ends_with('.') && chinese.ends_with('。'),
            "{}",
            watch.name
        );
        let is_about =
            |predicates: &[Predicate]| watch.holds.iter().any(|of| predicates.contains(of));
        let has_paths = |paths: &[Path]| !paths.is_empty();
        let has_grantees = has_paths(&watch.resource_policies) || has_paths(&watch.grantees);
        let is_sharing = is_about(&[Predicate::Public, Predicate::OtherAccount]);
        assert!(!is_sharing || has_grantees, "{}", watch.name);
        assert!(
            !is_about(&[Predicate::PowerfulPolicy]) || has_paths(&watch.policies),
            "{}",
            watch.name
        );
        assert!(
            !is_about(&[Predicate::TurnedOff]) || has_paths(&watch.switches),
            "{}",
            watch.name
        );
    }
}

/// A row that comes after one that selects all of its calls would never count.
#[test]
fn no_row_is_hidden_by_an_earlier_one() {
    let watches = Watches::default();
    let mut whole = BTreeSet::new();
    for watch in watches.all() {
        let hidden = watch.calls.iter().all(|call| whole.contains(call));
        assert!(!hidden, "{} is hidden", watch.name);
        if watch.when.is_none()
            && watch.without.is_empty()
            && watch.holds.is_empty()
            && watch.not.is_empty()
        {
            whole.extend(watch.calls.iter().cloned());
        }
    }
}

/// The calls that were watched by every earlier version.
#[test]
fn what_was_watched_before_the_table_is_watched() {
    let watches = Watches::default();
    for (service, actions) in [
        (
            "iam",
            "AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey CreateLoginProfile CreatePolicyVersion CreateSAMLProvider CreateUser DeactivateMFADevice DeleteRolePermissionsBoundary DeleteUserPermissionsBoundary PutGroupPolicy PutRolePolicy PutUserPolicy SetDefaultPolicyVersion UpdateAssumeRolePolicy UpdateLoginProfile",
        ),
        (
            "cloudtrail",
            "DeleteTrail PutEventSelectors StopLogging UpdateTrail",
        ),
        (
            "config",
            "DeleteConfigurationRecorder StopConfigurationRecorder",
        ),
        (
            "guardduty",
            "DeleteDetector DisassociateFromMasterAccount UpdateDetector",
        ),
        ("kms", "DisableKey ScheduleKeyDeletion"),
        (
            "organizations",
            "LeaveOrganization RemoveAccountFromOrganization",
        ),
        ("s3", "DeleteBucketPolicy PutBucketAcl PutBucketPolicy"),
    ] {
        for action in actions.split(' ') {
            let call = (service.to_owned(), action.to_owned());
            let is_watched = watches
                .all()
                .iter()
                .any(|watch| watch.calls.contains(&call));
            assert!(is_watched, "{call:?}");
        }
    }
}

#[test]
fn a_version_in_the_name_makes_no_difference() {
    let request = json!({"functionName": "f", "principal": "*", "action": "lambda:InvokeFunction"});
    let wanted = Some((
        "lambda-share".to_owned(),
        "action=lambda:InvokeFunction; function=f; shared_with=everyone".to_owned(),
    ));
    for name in ["AddPermission", "AddPermission20150331v2"] {
        assert_eq!(selected("lambda", name, &request), wanted);
    }
    assert_eq!(name_of("lambda", "AddPermission20150331v2x", &request), "-");
}

/// The calls of one service that are checked: name, request, and the expected watch with its parameters.
fn check(service: &str, cases: &[(&str, Value, &str)]) {
    for (name, request, wanted) in cases {
        let found = selected(service, name, request);
        let found = found.map_or("-".to_owned(), |(watch, parameters)| {
            format!("{watch}: {parameters}")
        });
        assert_eq!(found, *wanted, "{name} {request}");
    }
}

fn policy(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

#[test]
fn a_document_gives_power_if_it_allows_all_or_what_leads_to_all() {
    let selected = |statement: &str| {
        let document = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
        let request = json!({"userName": "bob", "policyName": "p", "policyDocument": document});
        let (watch, parameters) = selected("iam", "PutUserPolicy", &request).unwrap();
        let has_power = watch == "iam-attach-user-policy-with-power";
        assert_eq!(has_power, parameters.contains("power="), "{statement}");
        if has_power { parameters } else { String::new() }
    };
    for (statement, power) in [
        (
            r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#,
            "Action *",
        ),
        (
            r#"[{"Effect": "Allow", "Action": ["s3:Get*", "iam:*"], "Resource": ["*"]}]"#,
            "Action iam:*",
        ),
        (
            r#"{"Effect": "Allow", "Action": "*:*", "Resource": "*"}"#,
            "Action *:*",
        ),
        (
            r#"{"effect": "Allow", "action": "IAM:put*", "resource": "*"}"#,
            "Action IAM:put*",
        ),
        (
            r#"{"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "arn:aws:iam::1:user/*"}"#,
            "Action iam:PutUserPolicy",
        ),
        (
            r#"{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}"#,
            "NotAction iam:*, sts:*",
        ),
        (
            r#"{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x"}"#,
            "Action *",
        ),
    ] {
        let wanted = format!("policy=inline; policy_name=p; power={power}; user=bob");
        assert_eq!(selected(statement), wanted, "{statement}");
    }
    for statement in [
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::bucket/*"}"#,
        r#"{"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "arn:aws:iam::1:user/bob"}"#,
        r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}}}"#,
    ] {
        assert_eq!(selected(statement), "", "{statement}");
    }
}

/// Returns why a role's policy gives power over the account; empty if it does not.
fn power_of(statement: &Value) -> String {
    let document = policy(statement);
    let request = json!({"roleName": "r", "policyName": "p", "policyDocument": document});
    let details = found(&record("iam", "PutRolePolicy", &request)).unwrap();
    details.parameters.get("power").cloned().unwrap_or_default()
}

#[test]
fn one_action_by_which_a_caller_becomes_another_gives_power_on_all_resources() {
    for action in [
        "iam:CreateAccessKey",
        "iam:AddUserToGroup",
        "iam:UpdateLoginProfile",
        "iam:CreateLoginProfile",
        "iam:UpdateAssumeRolePolicy",
        "sts:AssumeRole",
    ] {
        for (resource, has_power) in [
            ("*", true),
            ("arn:aws:*", true),
            ("arn:aws:*:*:*:*", true),
            ("arn:aws-cn:iam::*:role*", true),
            ("arn:aws:iam::111122223333:*", true),
            ("arn:aws:iam::*", true),
            ("arn:aws:iam::111122223333:role/app-*", false),
            ("arn:aws:iam::*:user/${aws:username}", false),
            ("arn:aws:s3:::*", false),
        ] {
            let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
            let wanted = if has_power {
                format!("Action {action}")
            } else {
                String::new()
            };
            assert_eq!(power_of(&statement), wanted, "{resource}");
        }
    }
}

#[test]
fn passing_any_role_gives_power_together_with_an_action_that_starts_code() {
    let pass = |more: Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"});
        statement
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        statement
    };
    let run = json!({"Effect": "Allow", "Action": ["s3:Get*", "lambda:*"], "Resource": "*"});
    let by_service =
        json!({"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}});
    for (statements, power) in [
        (
            json!([pass(json!({})), run]),
            "Action iam:PassRole with lambda:*",
        ),
        (
            json!({"Effect": "Allow", "Action": ["iam:PassRole", "ec2:RunInstances"], "Resource": "*"}),
            "Action iam:PassRole with ec2:RunInstances",
        ),
        (json!([pass(json!({}))]), ""),
        (json!([pass(by_service), run]), ""),
        (
            json!([
                pass(json!({"Resource": "arn:aws:iam::111122223333:role/app"})),
                run
            ]),
            "",
        ),
    ] {
        assert_eq!(power_of(&statements), power, "{statements}");
    }
}

#[test]
fn a_condition_takes_power_away_if_its_values_limit_something() {
    for (condition, has_power) in [
        (r#"{"StringLike": {"iam:PolicyARN": "*"}}"#, true),
        (
            r#"{"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/*"}}"#,
            true,
        ),
        (r#"{"Null": {"iam:PermissionsBoundary": "false"}}"#, true),
        (r#"{"StringEquals": {"iam:PolicyARN": ""}}"#, true),
        (
            r#"{"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess"}}"#,
            false,
        ),
        (
            r#"{"ArnNotLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/Admin*"}}"#,
            false,
        ),
        (
            r#"{"StringEquals": {"aws:ResourceTag/team": "app"}}"#,
            false,
        ),
    ] {
        let condition: Value = serde_json::from_str(condition).unwrap();
        let statement = json!({"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "*", "Condition": condition});
        assert_eq!(!power_of(&statement).is_empty(), has_power, "{condition}");
    }
}

#[test]
fn what_an_exception_of_iam_leaves_may_be_power() {
    let all_but = |but: &str| json!({"Effect": "Allow", "NotAction": but, "Resource": "arn:aws:iam::111122223333:*"});
    assert_eq!(
        power_of(&all_but("iam:DeleteUser")),
        "NotAction iam:DeleteUser"
    );
    assert_eq!(power_of(&all_but("*")), "");
}

#[test]
fn a_policy_of_aws_gives_power_by_its_name() {
    let attach = |policy: &str| json!({"userName": "bob", "policyArn": policy});
    for name in ["AdministratorAccess", "IAMFullAccess", "PowerUserAccess"] {
        for partition in ["aws", "aws-cn"] {
            let arn = format!("arn:{partition}:iam::aws:policy/{name}");
            let wanted =
                format!("iam-attach-user-policy-with-power: policy={name}; power={name}; user=bob");
            check("iam", &[("AttachUserPolicy", attach(&arn), &wanted)]);
        }
    }
    check(
        "iam",
        &[
            (
                "AttachUserPolicy",
                attach("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"),
                "iam-attach-user-policy: policy=job-function/ViewOnlyAccess; user=bob",
            ),
            (
                "AttachUserPolicy",
                attach("arn:aws:iam::111122223333:policy/AdministratorAccess"),
                "iam-attach-user-policy: policy=policy/AdministratorAccess; user=bob",
            ),
        ],
    );
}

#[test]
fn a_document_may_be_url_encoded() {
    let document = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%7D";
    let request = json!({"roleName": "r", "policyName": "p", "policyDocument": document});
    let wanted =
        "iam-attach-role-policy-with-power: policy=inline; policy_name=p; power=Action *; role=r";
    check("iam", &[("PutRolePolicy", request, wanted)]);
}

#[test]
fn a_caller_that_gives_itself_something_is_recognised() {
    let view = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    check(
        "iam",
        &[
            (
                "AttachUserPolicy",
                json!({"userName": "Alice", "policyArn": view}),
                "iam-attach-user-policy-with-power: policy=ReadOnlyAccess; user=Alice",
            ),
            (
                "AddUserToGroup",
                json!({"userName": "alice", "groupName": "admins"}),
                "iam-add-user-to-group-by-itself: group=admins; user=alice",
            ),
            (
                "AddUserToGroup",
                json!({"userName": "bob", "groupName": "admins"}),
                "iam-add-user-to-group: group=admins; user=bob",
            ),
            (
                "CreateLoginProfile",
                json!({"userName": "alice"}),
                "iam-create-login-profile-for-itself: user=alice",
            ),
        ],
    );
    let mut by_role = record(
        "iam",
        "AttachRolePolicy",
        &json!({"roleName": "deploy", "policyArn": view}),
    );
    by_role["userIdentity"] = json!({
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/deploy/session",
        "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/path/deploy"}},
    });
    assert_eq!(
        found(&by_role).unwrap().watch,
        "iam-attach-role-policy-with-power"
    );
    by_role["requestParameters"]["roleName"] = json!("other");
    assert_eq!(found(&by_role).unwrap().watch, "iam-attach-role-policy");
}

#[test]
fn a_key_for_another_user_weighs_more_and_an_absent_name_means_the_caller() {
    let own = "iam-create-access-key";
    let other = "iam-create-access-key-for-another";
    for (request, wanted) in [
        (json!({"userName": "alice"}), own),
        (json!({"userName": "bob"}), other),
        (json!({}), own),
        (Value::Null, own),
    ] {
        assert_eq!(
            name_of("iam", "CreateAccessKey", &request),
            wanted,
            "{request}"
        );
    }
    let mut record = record("iam", "CreateAccessKey", &Value::Null);
    record["responseElements"] =
        json!({"accessKey": {"userName": "bob", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}});
    let details = found(&record).unwrap();
    assert_eq!(
        (details.watch.as_str(), details.target.as_deref()),
        (other, Some("bob"))
    );
    assert_eq!(details.parameters["key"], "AKIA****MPLE");
}

#[test]
fn a_range_of_prefix_length_0_is_the_whole_internet() {
    for ((from, to), range, wanted) in [
        (
            (22, 22),
            "0.0.0.0/0",
            "security-group-open-widely: group=sg-1; port=tcp 22; range=0.0.0.0/0",
        ),
        (
            (3389, 3389),
            "0.0.0.0/0",
            "security-group-open-widely: group=sg-1; port=tcp 3389; range=0.0.0.0/0",
        ),
        (
            (0, 65535),
            "0.0.0.0/0",
            "security-group-open-widely: group=sg-1; port=tcp all; range=0.0.0.0/0",
        ),
        (
            (80, 443),
            "0.0.0.0/0",
            "security-group-open-widely: group=sg-1; port=tcp 80-443; range=0.0.0.0/0",
        ),
        (
            (443, 443),
            "0.0.0.0/0",
            "security-group-open: group=sg-1; port=tcp 443; range=0.0.0.0/0",
        ),
        (
            (80, 80),
            "10.1.2.3/00",
            "security-group-open: group=sg-1; port=tcp 80; range=10.1.2.3/00",
        ),
        ((22, 22), "10.0.0.0/8", "-"),
        (
            (22, 22),
            "128.0.0.0/1",
            "security-group-open-widely: group=sg-1; port=tcp 22; range=128.0.0.0/1",
        ),
        ((22, 22), "0.0.0.0/2", "-"),
    ] {
        let rule = json!({
            "ipProtocol": "tcp", "fromPort": from, "toPort": to, "groups": {},
            "ipRanges": {"items": [{"cidrIp": range}]}, "ipv6Ranges": {}, "prefixListIds": {},
        });
        let in_list = json!({"groupId": "sg-1", "ipPermissions": {"items": [rule]}});
        let at_the_top = json!({
            "groupId": "sg-1", "cidrIp": range, "ipProtocol": "tcp", "fromPort": from, "toPort": to,
            "ipPermissions": {},
        });
        for request in [in_list, at_the_top] {
            check("ec2", &[("AuthorizeSecurityGroupIngress", request, wanted)]);
        }
    }
}

#[test]
fn each_range_counts_with_its_own_port() {
    let two = json!({"groupId": "sg-1", "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}},
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24"}]}},
    ]}});
    let six = json!({"groupId": "sg-1", "ipPermissions": {"items": [
        {"ipProtocol": "-1", "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}},
    ]}});
    let modified = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
        "SecurityGroupRuleId": "sgr-1", "tag": 1,
        "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0", "FromPort": 22, "ToPort": 22, "IpProtocol": "tcp"},
    }}});
    let ingress = "AuthorizeSecurityGroupIngress";
    check(
        "ec2",
        &[
            (
                ingress,
                two,
                "security-group-open: group=sg-1; port=tcp 443; range=0.0.0.0/0",
            ),
            (
                ingress,
                six,
                "security-group-open-widely: group=sg-1; port=all; range=::/0",
            ),
            (
                "ModifySecurityGroupRules",
                modified,
                "security-group-open-widely: group=sg-1; port=tcp 22; range=0.0.0.0/0",
            ),
        ],
    );
}

/// Returns with whom a statement of a bucket's policy shares it; empty if the call is the weak one.
fn bucket_shared(statement: &str) -> String {
    let statement: Value = serde_json::from_str(statement).unwrap();
    let request = json!({"bucketName": "b", "bucketPolicy": {"Statement": statement}});
    let (watch, parameters) = selected("s3", "PutBucketPolicy", &request).unwrap();
    let shared = parameters
        .strip_prefix("bucket=b")
        .unwrap()
        .trim_start_matches("; shared_with=");
    assert_eq!(
        watch == "s3-bucket-policy-to-outsiders",
        !shared.is_empty(),
        "{statement}"
    );
    shared.to_owned()
}

#[test]
fn sharing_counts_with_everybody_and_with_accounts_that_are_not_the_own() {
    for (principal, shared) in [
        (r#""Principal": "*""#, "everyone"),
        (r#""Principal": {"AWS": "*"}"#, "everyone"),
        (r#""principal": {"aws": "*"}"#, "everyone"),
        (r#""NotPrincipal": {"AWS": "111122223333"}"#, "everyone"),
        (
            r#""Principal": {"AWS": ["111122223333", "444455556666"]}"#,
            "444455556666",
        ),
        (
            r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/x"}"#,
            "444455556666",
        ),
        (
            r#""Principal": {"AWS": "arn:aws:iam::111122223333:root"}"#,
            "",
        ),
        (
            r#""Principal": {"Service": "cloudtrail.amazonaws.com"}"#,
            "",
        ),
    ] {
        let statement = |effect: &str| {
            format!(
                r#"{{"Effect": "{effect}", {principal}, "Action": "s3:GetObject", "Resource": "*"}}"#
            )
        };
        assert_eq!(bucket_shared(&statement("Allow")), shared, "{principal}");
        assert_eq!(bucket_shared(&statement("Deny")), "", "{principal}");
    }
}

#[test]
fn a_condition_counts_if_it_restricts_who_the_caller_is() {
    for (condition, shared) in [
        (
            r#""StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}"#,
            "",
        ),
        (r#""StringEquals": {"AWS:SourceVpce": "vpce-1"}"#, ""),
        (
            r#""StringEquals": {"aws:SourceAccount": "111122223333"}"#,
            "",
        ),
        (
            r#""StringEquals": {"aws:SourceAccount": "444455556666"}"#,
            "444455556666",
        ),
        (r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, ""),
        (r#""IpAddress": {"aws:SourceIp": "0.0.0.0/0"}"#, "everyone"),
        (
            r#""StringNotEquals": {"aws:SourceVpce": "vpce-1"}"#,
            "everyone",
        ),
        (
            r#""StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}"#,
            "everyone",
        ),
        (r#""Bool": {"aws:SecureTransport": "true"}"#, "everyone"),
    ] {
        let statement = format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}}}"#
        );
        assert_eq!(bucket_shared(&statement), shared, "{condition}");
    }
}

#[test]
fn a_wildcard_or_a_large_part_of_all_addresses_restricts_nobody() {
    for (condition, shared) in [
        (r#""StringLike": {"aws:PrincipalOrgID": "o-*"}"#, "everyone"),
        (
            r#""ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/*"}"#,
            "everyone",
        ),
        (
            r#""ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2/r-1/*"}"#,
            "",
        ),
        (
            r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Deploy"}"#,
            "everyone",
        ),
        (
            r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}"#,
            "",
        ),
        (
            r#""ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}"#,
            "everyone",
        ),
        (
            r#""ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:my-bucket"}"#,
            "",
        ),
        (
            r#""ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}"#,
            "everyone",
        ),
        (r#""StringLike": {"aws:SourceAccount": "?*"}"#, "everyone"),
        (
            r#""StringLike": {"aws:PrincipalAccount": "????????????"}"#,
            "everyone",
        ),
        (r#""StringLike": {"kms:CallerAccount": "*2*"}"#, "everyone"),
        (r#""StringLike": {"aws:userid": "*:*"}"#, "everyone"),
        (r#""StringLike": {"aws:userid": "AROAEXAMPLE:*"}"#, ""),
        (r#""StringEquals": {"aws:SourceVpce": ""}"#, "everyone"),
        (r#""StringEquals": {"aws:SourceVpce": null}"#, "everyone"),
        (
            r#""IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}"#,
            "everyone",
        ),
        (r#""IpAddress": {"aws:SourceIp": "64.0.0.0/7"}"#, "everyone"),
        (r#""IpAddress": {"aws:SourceIp": "2000::/3"}"#, "everyone"),
        (
            r#""IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]}"#,
            "",
        ),
    ] {
        let statement = format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}}}"#
        );
        assert_eq!(bucket_shared(&statement), shared, "{condition}");
    }
    let all: Vec<String> = (0..=255).map(|first| format!("{first}.0.0.0/8")).collect();
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*",
        "Condition": {"IpAddress": {"aws:SourceIp": all}}});
    assert_eq!(bucket_shared(&statement.to_string()), "everyone");
}

#[test]
fn a_canonical_user_id_or_an_address_is_another_account_unless_it_is_the_owner() {
    let (other, owner) = ("79a59df9".repeat(8), "0123abcd".repeat(8));
    let statement =
        json!({"Effect": "Allow", "Principal": {"CanonicalUser": other}, "Action": "s3:*"});
    assert_eq!(bucket_shared(&statement.to_string()), other);
    let list = |grantee: Value| {
        json!({"bucketName": "b", "AccessControlPolicy": {
            "Owner": {"ID": owner},
            "AccessControlList": {"Grant": [{"Grantee": {"ID": owner}, "Permission": "FULL_CONTROL"}, {"Grantee": grantee, "Permission": "READ"}]},
        }})
    };
    let shared = |permission: &str, with: &str| {
        format!("s3-acl-to-outsiders: bucket=b; permission={permission}; shared_with={with}")
    };
    let by_list = shared("FULL_CONTROL, READ", &other);
    let by_address = shared("FULL_CONTROL, READ", "eve@example.com");
    let by_header = format!("s3-acl-to-outsiders: bucket=b; object=k; shared_with={other}");
    check(
        "s3",
        &[
            ("PutBucketAcl", list(json!({"ID": other})), &by_list),
            (
                "PutBucketAcl",
                list(json!({"EmailAddress": "eve@example.com"})),
                &by_address,
            ),
            (
                "PutObjectAcl",
                json!({"bucketName": "b", "key": "k", "accessControlList": {"x-amz-grant-read": format!("id=\"{other}\"")}}),
                &by_header,
            ),
            (
                "PutObjectAcl",
                json!({"bucketName": "b", "key": "k", "grantRead": format!("id={other}")}),
                &by_header,
            ),
            ("PutObjectAcl", list(json!({"ID": owner})), "-"),
        ],
    );
    let name = "s3-acl";
    assert_eq!(
        name_of("s3", "PutBucketAcl", &list(json!({"ID": owner}))),
        name
    );
}

/// Services of AWS write logs from accounts of their own. In a trust policy the same account is an outsider.
#[test]
fn an_account_that_delivers_logs_is_an_outsider_everywhere_else() {
    let principal = json!({"AWS": "arn:aws:iam::127311923021:root"});
    let statement = |action: &str| json!([{"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}]);
    let bucket =
        |action: &str| json!({"bucketName": "b", "bucketPolicy": {"Statement": statement(action)}});
    let trust = json!({"roleName": "r", "policyDocument": policy(&statement("sts:AssumeRole"))});
    assert_eq!(
        name_of("s3", "PutBucketPolicy", &bucket("s3:PutObject")),
        "s3-bucket-policy"
    );
    assert_eq!(
        name_of("s3", "PutBucketPolicy", &bucket("s3:GetObject")),
        "s3-bucket-policy-to-outsiders"
    );
    assert_eq!(
        name_of("iam", "UpdateAssumeRolePolicy", &trust),
        "iam-change-trust-to-outsiders"
    );
}

#[test]
fn roles_for_outsiders_are_selected_and_roles_for_the_own_account_are_not() {
    for (principal, wanted) in [
        (
            json!({"AWS": "444455556666"}),
            "iam-create-role-for-outsiders",
        ),
        (json!({"AWS": "*"}), "iam-create-role-for-outsiders"),
        (
            json!({"Federated": "arn:aws:iam::444455556666:saml-provider/x"}),
            "iam-create-role-for-outsiders",
        ),
        (
            json!({"Federated": "arn:aws:iam::111122223333:saml-provider/x"}),
            "-",
        ),
        (json!({"Service": "lambda.amazonaws.com"}), "-"),
    ] {
        let statement =
            json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        let request = json!({"roleName": "r", "assumeRolePolicyDocument": policy(&statement)});
        assert_eq!(
            name_of("iam", "CreateRole", &request),
            wanted,
            "{principal}"
        );
    }
}

#[test]
fn snapshots_and_images_are_shared_with_accounts_and_groups() {
    let everyone = json!({"group": "all"});
    let other = json!({"userId": "444455556666"});
    let own = json!({"userId": "111122223333"});
    let organization =
        json!({"organizationArn": "arn:aws:organizations::444455556666:organization/o-a1b2c3d4e5"});
    for (grantee, wanted) in [
        (everyone, "everyone"),
        (other, "444455556666"),
        (own, ""),
        (organization, ""),
    ] {
        let volume =
            json!({"snapshotId": "s", "createVolumePermission": {"add": {"items": [grantee]}}});
        let image = json!({"imageId": "i", "launchPermission": {"add": {"items": [grantee]}}});
        let removed = json!({"imageId": "i", "launchPermission": {"remove": {"items": [grantee]}}});
        let shared = |name: &str, request: &Value| {
            let details = found(&record("ec2", name, request));
            details.map_or(String::new(), |details| {
                details.parameters["shared_with"].clone()
            })
        };
        assert_eq!(shared("ModifySnapshotAttribute", &volume), wanted);
        assert_eq!(shared("ModifyImageAttribute", &image), wanted);
        assert_eq!(shared("ModifyImageAttribute", &removed), "");
    }
}

#[test]
fn groups_are_found_in_lists_and_in_headers() {
    let all = "http://acs.amazonaws.com/groups/global/AllUsers";
    let grant = json!({"Grantee": {"URI": all}, "Permission": "READ"});
    for (key, value, wanted) in [
        ("x-amz-acl", json!(["public-read"]), "s3-acl-to-outsiders"),
        (
            "AccessControlPolicy",
            json!({"AccessControlList": {"Grant": [grant]}}),
            "s3-acl-to-outsiders",
        ),
        (
            "accessControlList",
            json!({"x-amz-grant-read": format!("uri=\"{all}\"")}),
            "s3-acl-to-outsiders",
        ),
        ("x-amz-acl", json!(["private"]), "s3-acl"),
    ] {
        let request = json!({"bucketName": "b", key: value});
        assert_eq!(name_of("s3", "PutBucketAcl", &request), wanted, "{request}");
    }
    assert_eq!(
        name_of("s3", "CreateBucket", &json!({"bucketName": "b"})),
        "-"
    );
}

#[test]
fn queues_and_functions_are_shared_by_policies_and_by_permissions() {
    let queue = |more: Value| {
        let mut statement =
            json!({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"});
        statement
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"queueUrl": "q", "attributes": {"Policy": policy(&statement)}})
    };
    let by_bucket = json!({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}}});
    let other = json!({"queueUrl": "q", "aWSAccountIds": ["444455556666"], "actions": ["*"]});
    let function =
        |key: &str, value: &str| json!({"functionName": "f", "principal": "*", key: value});
    let address = |auth: &str| json!({"functionName": "f", "authType": auth});
    for (service, name, request, wanted) in [
        ("sqs", "SetQueueAttributes", queue(json!({})), "sqs-share"),
        ("sqs", "SetQueueAttributes", queue(by_bucket), "-"),
        ("sqs", "AddPermission", other, "sqs-share"),
        (
            "lambda",
            "AddPermission",
            function("action", "lambda:InvokeFunction"),
            "lambda-share",
        ),
        (
            "lambda",
            "AddPermission",
            function("principal", "s3.amazonaws.com"),
            "-",
        ),
        (
            "lambda",
            "AddPermission",
            function("principalOrgID", "o-1"),
            "-",
        ),
        (
            "lambda",
            "CreateFunctionUrlConfig",
            address("NONE"),
            "lambda-public-url",
        ),
        ("lambda", "CreateFunctionUrlConfig", address("AWS_IAM"), "-"),
    ] {
        assert_eq!(name_of(service, name, &request), wanted, "{name} {request}");
    }
}

/// Returns what a change of a trail narrows; empty if the call is the weak one.
fn narrowed_by(name: &str, request: &Value) -> String {
    let details = found(&record("cloudtrail", name, request)).unwrap();
    let changed = details
        .parameters
        .get("changed")
        .cloned()
        .unwrap_or_default();
    assert_eq!(details.is_strong, !changed.is_empty(), "{request}");
    changed
}

#[test]
fn selectors_that_leave_management_events_out_record_less() {
    for (selector, changed) in [
        (
            r#"{"includeManagementEvents": false, "readWriteType": "All"}"#,
            "management events off",
        ),
        (
            r#"{"includeManagementEvents": true, "readWriteType": "WriteOnly"}"#,
            "WriteOnly events alone",
        ),
        (
            r#"{"excludeManagementEventSources": ["kms.amazonaws.com"]}"#,
            "without kms.amazonaws.com",
        ),
        (
            r#"{"includeManagementEvents": true, "readWriteType": "All", "excludeManagementEventSources": [],
                "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}"#,
            "",
        ),
    ] {
        let selector: Value = serde_json::from_str(selector).unwrap();
        let request = json!({"trailName": "t", "eventSelectors": [selector]});
        assert_eq!(narrowed_by("PutEventSelectors", &request), changed);
    }
}

#[test]
fn advanced_selectors_that_leave_management_events_out_record_less() {
    let management = r#"{"field": "eventCategory", "equals": ["Management"]}"#;
    for (fields, changed) in [
        (management.to_owned(), ""),
        (
            format!(r#"{management}, {{"field": "readOnly", "equals": ["true"]}}"#),
            "ReadOnly events alone",
        ),
        (
            format!(
                r#"{management}, {{"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}}"#
            ),
            "without eventSource kms.amazonaws.com",
        ),
        (
            r#"{"field": "eventCategory", "equals": ["Data"]}"#.to_owned(),
            "management events off",
        ),
    ] {
        let selectors: Value =
            serde_json::from_str(&format!(r#"[{{"fieldSelectors": [{fields}]}}]"#)).unwrap();
        let request = json!({"trailName": "t", "advancedEventSelectors": selectors});
        assert_eq!(narrowed_by("PutEventSelectors", &request), changed);
    }
}

#[test]
fn what_one_selector_leaves_out_another_may_record() {
    let basic = json!([
        {"readWriteType": "All", "includeManagementEvents": true},
        {"readWriteType": "WriteOnly", "includeManagementEvents": false, "dataResources": [{"type": "AWS::S3::Object"}]},
    ]);
    let halves = json!([
        {"readWriteType": "ReadOnly", "excludeManagementEventSources": ["kms.amazonaws.com"]},
        {"readWriteType": "WriteOnly"},
    ]);
    for (selectors, changed) in [(basic, ""), (halves, "without kms.amazonaws.com")] {
        let request = json!({"trailName": "t", "eventSelectors": selectors});
        assert_eq!(narrowed_by("PutEventSelectors", &request), changed);
    }
    let advanced = |read_only: &str| {
        json!({"fieldSelectors": [
            {"field": "eventCategory", "equals": ["Management"]},
            {"field": "readOnly", "equals": [read_only]},
        ]})
    };
    let both =
        json!({"trailName": "t", "advancedEventSelectors": [advanced("true"), advanced("false")]});
    assert_eq!(narrowed_by("PutEventSelectors", &both), "");
}

#[test]
fn a_save_of_all_settings_and_a_longer_retention_are_not_less() {
    let save = json!({
        "name": "t", "s3BucketName": "same", "s3KeyPrefix": "", "includeGlobalServiceEvents": true,
        "isMultiRegionTrail": true, "enableLogFileValidation": true, "kmsKeyId": "", "isOrganizationTrail": false,
    });
    let key = |account: &str| format!("arn:aws:kms:us-east-1:{account}:key/1");
    let foreign = format!("key {}", key("444455556666"));
    let config =
        json!([{"fieldSelectors": [{"field": "eventCategory", "equals": ["ConfigurationItem"]}]}]);
    for (name, request, changed) in [
        ("UpdateTrail", save, ""),
        (
            "UpdateTrail",
            json!({"name": "t", "kmsKeyId": key("111122223333")}),
            "",
        ),
        (
            "UpdateTrail",
            json!({"name": "t", "kmsKeyId": key("444455556666")}),
            foreign.as_str(),
        ),
        (
            "UpdateTrail",
            json!({"name": "t", "isOrganizationTrail": false}),
            "organization off",
        ),
        (
            "UpdateTrail",
            json!({"name": "t", "cloudWatchLogsLogGroupArn": ""}),
            "log group removed",
        ),
        (
            "UpdateEventDataStore",
            json!({"eventDataStore": "e", "retentionPeriod": 2557}),
            "",
        ),
        (
            "UpdateEventDataStore",
            json!({"eventDataStore": "e", "retentionPeriod": 7}),
            "retention of 7 days",
        ),
        (
            "UpdateEventDataStore",
            json!({"eventDataStore": "e", "advancedEventSelectors": config}),
            "",
        ),
    ] {
        assert_eq!(narrowed_by(name, &request), changed, "{request}");
    }
}

#[test]
fn a_trail_that_loses_regions_or_its_bucket_records_less() {
    for (key, value, changed) in [
        ("isMultiRegionTrail", json!(false), "other regions off"),
        (
            "includeGlobalServiceEvents",
            json!(false),
            "global services off",
        ),
        ("enableLogFileValidation", json!(false), "validation off"),
        ("s3BucketName", json!("elsewhere"), "bucket elsewhere"),
        ("isMultiRegionTrail", json!(true), ""),
    ] {
        assert_eq!(
            narrowed_by("UpdateTrail", &json!({"name": "t", key: value})),
            changed
        );
    }
}

#[test]
fn switches_that_are_off_count_and_others_do_not() {
    let block = |value: Value| json!({"bucketName": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": value, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}});
    check(
        "s3",
        &[
            (
                "PutBucketPublicAccessBlock",
                block(json!(false)),
                "s3-unblock-public-access: bucket=b; off=BlockPublicAcls",
            ),
            (
                "PutBucketPublicAccessBlock",
                block(json!("false")),
                "s3-unblock-public-access: bucket=b; off=BlockPublicAcls",
            ),
            ("PutBucketPublicAccessBlock", block(json!(true)), "-"),
            (
                "PutBucketVersioning",
                json!({"bucketName": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
                "s3-no-versions: bucket=b; off=Status",
            ),
        ],
    );
    check(
        "guardduty",
        &[
            (
                "UpdateDetector",
                json!({"detectorId": "d", "enable": false}),
                "guardduty-change-off: detector=d; off=enable",
            ),
            (
                "UpdateDetector",
                json!({"detectorId": "d", "features": [{"name": "S3_DATA_EVENTS", "status": "DISABLED"}]}),
                "guardduty-change-off: detector=d; feature=S3_DATA_EVENTS; off=status",
            ),
            (
                "UpdateDetector",
                json!({"detectorId": "d", "enable": true}),
                "guardduty-change: detector=d",
            ),
        ],
    );
}

/// The request replaces the whole configuration.
#[test]
fn a_block_of_public_access_that_is_left_out_is_off() {
    let block = |value: Value| json!({"bucketName": "b", "PublicAccessBlockConfiguration": value});
    let off = |keys: &str| format!("s3-unblock-public-access: bucket=b; off={keys}");
    let all = off("BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets");
    let three = off("BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets");
    let call = "PutBucketPublicAccessBlock";
    check(
        "s3",
        &[
            (
                call,
                block(json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"})),
                &all,
            ),
            (call, block(json!("")), &all),
            (call, block(json!({"BlockPublicAcls": true})), &three),
            (call, json!({"bucketName": "b"}), "-"),
        ],
    );
}

#[test]
fn null_and_empty_texts_are_no_restriction() {
    let function =
        |value: Value| json!({"functionName": "f", "principal": "*", "principalOrgID": value});
    let layer = |value: Value| json!({"layerName": "l", "principal": "*", "organizationId": value});
    let bus =
        |value: Value| json!({"principal": "*", "statementId": "s", "condition": {"value": value}});
    let log = |value: Value| json!({"bucketName": "b", "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": value}}});
    for (value, is_selected) in [
        (Value::Null, true),
        (json!(""), true),
        (json!("o-1"), false),
    ] {
        for (service, name, request, watch) in [
            (
                "lambda",
                "AddPermission20150331v2",
                function(value.clone()),
                "lambda-share",
            ),
            (
                "lambda",
                "AddLayerVersionPermission20181031",
                layer(value.clone()),
                "lambda-share-layer",
            ),
            (
                "events",
                "PutPermission",
                bus(value.clone()),
                "events-share",
            ),
            (
                "s3",
                "PutBucketLogging",
                log(value.clone()),
                "s3-stop-access-log",
            ),
        ] {
            let wanted = if is_selected { watch } else { "-" };
            assert_eq!(name_of(service, name, &request), wanted, "{name} {request}");
        }
    }
}

#[test]
fn objects_expire_soon_if_a_rule_for_all_of_them_is_in_force() {
    let rule = |more: Value| {
        let mut rule = json!({"Status": "Enabled", "Expiration": {"Days": 1}});
        let more = more.as_object().unwrap().clone();
        rule.as_object_mut().unwrap().extend(more);
        json!({"bucketName": "b", "LifecycleConfiguration": {"Rule": [rule]}})
    };
    for (more, wanted) in [
        (json!({}), "s3-expire-soon"),
        (json!({"Prefix": ""}), "s3-expire-soon"),
        (json!({"Filter": {"Prefix": "tmp/"}}), "s3-expire-some-soon"),
        (json!({"Status": "Disabled"}), "-"),
    ] {
        let request = rule(more);
        let found = name_of("s3", "PutBucketLifecycle", &request);
        assert_eq!(found, wanted, "{request}");
    }
}

#[test]
fn a_date_that_is_near_or_past_deletes_as_a_number_of_days_does() {
    let rule = |expiration: Value, filter: Value| {
        json!({"bucketName": "b", "LifecycleConfiguration": {"Rule": [
            {"Status": "Enabled", "Expiration": expiration, "Filter": filter},
            {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        ]}})
    };
    for (expiration, filter, wanted) in [
        (
            json!({"Date": "2026-11-03T00:00:00.000Z"}),
            json!({}),
            "s3-expire-soon",
        ),
        (
            json!({"Date": "2026-11-03T00:00:00Z"}),
            json!({"Prefix": ""}),
            "s3-expire-soon",
        ),
        (json!({"Date": "2026-11-05"}), json!({}), "s3-expire-soon"),
        (
            json!({"Date": "2020-01-01T00:00:00Z"}),
            json!({}),
            "s3-expire-soon",
        ),
        (
            json!({"Date": "2026-11-03T00:00:00Z"}),
            json!({"Prefix": "tmp/"}),
            "s3-expire-some-soon",
        ),
        (
            json!({"Days": "2"}),
            json!({"Prefix": "tmp/"}),
            "s3-expire-some-soon",
        ),
        (json!({"Date": "2026-11-06T00:00:00Z"}), json!({}), "-"),
        (json!({"Date": "soon"}), json!({}), "-"),
        (json!({"ExpiredObjectDeleteMarker": true}), json!({}), "-"),
    ] {
        let mut record = record("s3", "PutBucketLifecycle", &rule(expiration, filter));
        record["eventTime"] = json!("2026-11-02T10:00:00Z");
        let watch = found(&record).map_or("-".to_owned(), |details| details.watch);
        assert_eq!(watch, wanted, "{record}");
    }
}

#[test]
fn a_copy_to_a_bucket_without_a_proven_owner_is_announced_once_a_caller() {
    let replicate = |destinations: &[Value]| {
        let rules: Vec<Value> = destinations
            .iter()
            .map(|destination| json!({"Status": "Enabled", "Destination": destination}))
            .collect();
        json!({"bucketName": "b", "ReplicationConfiguration": {"Role": "r", "Rule": rules}})
    };
    let bucket = "arn:aws:s3:::x";
    let unnamed = json!({"Bucket": bucket});
    let own = json!({"Bucket": bucket, "Account": "111122223333"});
    let other = json!({"Bucket": bucket, "Account": "444455556666"});
    let outsiders =
        "s3-replicate-to-outsiders: bucket=b; shared_with=444455556666; to=arn:aws:s3:::x";
    check(
        "s3",
        &[
            (
                "PutBucketReplication",
                replicate(std::slice::from_ref(&other)),
                outsiders,
            ),
            (
                "PutBucketReplication",
                replicate(&[unnamed.clone(), other]),
                outsiders,
            ),
            (
                "PutBucketReplication",
                replicate(&[unnamed]),
                "s3-replicate: bucket=b; to=arn:aws:s3:::x",
            ),
            // S3 does not check an account that does not become the owner of the copies.
            (
                "PutBucketReplication",
                replicate(&[own]),
                "s3-replicate: account=111122223333; bucket=b; to=arn:aws:s3:::x",
            ),
        ],
    );
    let details = found(&record("s3", "PutBucketReplication", &replicate(&[]))).unwrap();
    assert_eq!((details.tier, details.is_strong), (Tier::First, false));
}

/// Returns a request that changes rules of a security group, each a pair of protocol and range.
fn modified(rules: &[(&str, Value)]) -> Value {
    let rule = |(protocol, range): &(&str, Value)| {
        let mut rule = json!({"IpProtocol": protocol, "FromPort": 22, "ToPort": 22});
        let range = range.as_object().unwrap().clone();
        rule.as_object_mut().unwrap().extend(range);
        json!({"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": rule})
    };
    let rules: Vec<Value> = rules.iter().map(rule).collect();
    json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": rules}})
}

#[test]
fn a_rule_that_may_be_outbound_is_weak_and_hides_no_inbound_one() {
    let (four, six) = (
        json!({"CidrIpv4": "0.0.0.0/0"}),
        json!({"CidrIpv6": "::/0"}),
    );
    let inside = json!({"CidrIpv4": "10.0.0.0/8"});
    for (rules, wanted) in [
        (&[("-1", four.clone())][..], "security-group-all-open"),
        (&[("-1", six.clone())], "security-group-all-open"),
        (&[("tcp", six.clone())], "security-group-open-widely"),
        (
            &[("tcp", json!({"CidrIpv6": "2001:db8::/0"}))],
            "security-group-open-widely",
        ),
        (&[("-1", four), ("tcp", six)], "security-group-open-widely"),
        (&[("tcp", inside.clone())], "-"),
        (&[("-1", inside)], "-"),
    ] {
        let request = modified(rules);
        let details = found(&record("ec2", "ModifySecurityGroupRules", &request));
        let watch = details.as_ref().map_or("-", |of| &of.watch);
        assert_eq!(watch, wanted, "{request}");
        assert_eq!(
            details.is_some_and(|of| of.is_strong),
            wanted.ends_with("widely")
        );
    }
}

#[test]
fn an_outbound_rule_opens_nothing() {
    let all =
        json!({"items": [{"ipProtocol": "-1", "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]});
    let request = json!({"groupId": "sg-1", "ipPermissions": all});
    assert_eq!(
        name_of("ec2", "AuthorizeSecurityGroupEgress", &request),
        "-"
    );
    for (egress, wanted) in [
        (json!(true), "-"),
        (json!("true"), "-"),
        (json!(false), "ec2-open-network-acl"),
        (Value::Null, "ec2-open-network-acl"),
    ] {
        let entry = json!({
            "networkAclId": "acl-1", "ruleAction": "allow", "aclProtocol": "-1",
            "egress": egress, "ipv6CidrBlock": "::/0",
        });
        assert_eq!(
            name_of("ec2", "CreateNetworkAclEntry", &entry),
            wanted,
            "{entry}"
        );
    }
}

#[test]
fn each_way_to_write_a_range_counts_with_any_address_before_a_prefix_length_of_0() {
    for (request, wanted) in [
        (
            json!({"cidrIp": "203.0.113.7/0", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}),
            "tcp 22; range=203.0.113.7/0",
        ),
        (
            json!({"ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
            "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "0.0.0.0/0"}]}}]}}),
            "tcp 22; range=0.0.0.0/0",
        ),
        (
            json!({"ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {},
            "ipv6Ranges": {"items": [{"cidrIpv6": "2001:db8::1/0"}]}}]}}),
            "tcp 22; range=2001:db8::1/0",
        ),
        (
            json!({"ipPermissions": {"items": [{"ipProtocol": "udp", "fromPort": 0, "toPort": 65535,
            "ipv6Ranges": {"items": [{"cidrIpv6": "::/0", "description": "all"}]}}]}}),
            "udp all; range=::/0",
        ),
    ] {
        let mut request = request;
        request["groupId"] = json!("sg-1");
        let wanted = format!("security-group-open-widely: group=sg-1; port={wanted}");
        check(
            "ec2",
            &[("AuthorizeSecurityGroupIngress", request, &wanted)],
        );
    }
}

#[test]
fn the_own_account_and_a_trial_run_are_not_selected() {
    let add = |account: &str| json!({"dBSnapshotIdentifier": "s", "valuesToAdd": [account]});
    let function =
        |account: &str| json!({"functionName": "f", "principal": "*", "sourceAccount": account});
    let code = |dry: Value| json!({"functionName": "f", "dryRun": dry});
    let (snapshot, permission) = ("ModifyDBSnapshotAttribute", "AddPermission");
    for (service, name, request, wanted) in [
        ("rds", snapshot, add("111122223333"), "-"),
        ("rds", snapshot, add("444455556666"), "rds-share-snapshot"),
        ("rds", snapshot, add("all"), "rds-share-snapshot"),
        ("lambda", permission, function("111122223333"), "-"),
        (
            "lambda",
            permission,
            function("444455556666"),
            "lambda-share-by-service",
        ),
        ("lambda", permission, function("*"), "lambda-share"),
        (
            "lambda",
            "UpdateFunctionCode",
            code(Value::Null),
            "lambda-update-code",
        ),
        (
            "lambda",
            "UpdateFunctionCode",
            code(json!(false)),
            "lambda-update-code",
        ),
        ("lambda", "UpdateFunctionCode", code(json!(true)), "-"),
    ] {
        assert_eq!(name_of(service, name, &request), wanted, "{name} {request}");
    }
}

#[test]
fn a_version_with_power_that_is_not_in_force_is_weaker() {
    let all = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let version =
        |default: bool| json!({"policyArn": "p", "setAsDefault": default, "policyDocument": all});
    let name = |default| name_of("iam", "CreatePolicyVersion", &version(default));
    assert_eq!(name(true), "iam-create-policy-version-with-power");
    assert_eq!(name(false), "iam-prepare-policy-version-with-power");
}

#[test]
fn a_key_of_root_and_a_copy_by_another_account_have_their_own_sentences() {
    let mut key = record("iam", "CreateAccessKey", &Value::Null);
    key["userIdentity"] = json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"});
    let found_key = found(&key).unwrap();
    assert_eq!(found_key.watch, "iam-create-access-key-of-root");
    let copy = |account: &str| {
        let mut copy = record("ec2", "SharedSnapshotCopyInitiated", &Value::Null);
        copy["userIdentity"] = json!({"type": "AWSAccount", "accountId": account});
        copy["serviceEventDetails"] = json!({"snapshotId": "snap-1"});
        found(&copy).map(|details| details.parameters["shared_with"].clone())
    };
    assert_eq!(copy("999999999999").as_deref(), Some("999999999999"));
    assert_eq!(copy("111122223333"), None);
}

#[test]
fn a_powerful_boundary_and_the_removal_of_an_own_policy_are_watched() {
    let boundary = |policy: &str| json!({"userName": "bob", "permissionsBoundary": format!("arn:aws:iam::{policy}")});
    let of = |user: &str| json!({"userName": user, "policyName": "p"});
    let put = "PutUserPermissionsBoundary";
    for (name, request, wanted) in [
        (
            put,
            boundary("aws:policy/AdministratorAccess"),
            "iam-set-powerful-boundary",
        ),
        (put, boundary("111122223333:policy/limit"), "-"),
        ("DetachUserPolicy", of("alice"), "iam-remove-own-policy"),
        ("DeleteUserPolicy", of("bob"), "-"),
    ] {
        assert_eq!(name_of("iam", name, &request), wanted, "{name} {request}");
    }
}

#[test]
fn what_has_the_effect_of_a_watched_call_is_watched_too() {
    let setting = |value: &str| json!({"settingId": "arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/documents/console/public-sharing-permission", "settingValue": value});
    let retention = |days: i64| json!({"logGroupName": "g", "retentionInDays": days});
    let attach = "AttachCustomerManagedPolicyReferenceToPermissionSet";
    let user = json!({"directoryId": "d-1", "userName": "eve"});
    for (service, name, request, wanted) in [
        (
            "sso",
            attach,
            json!({"permissionSetArn": "ps-1"}),
            "sso-permission-set-customer-policy",
        ),
        (
            "logs",
            "PutRetentionPolicy",
            retention(1),
            "logs-short-retention",
        ),
        ("logs", "PutRetentionPolicy", retention(30), "-"),
        (
            "ssm",
            "UpdateServiceSetting",
            setting("Enable"),
            "ssm-allow-public-documents",
        ),
        ("ssm", "UpdateServiceSetting", setting("Disable"), "-"),
        (
            "cognito-idp",
            "AdminSetUserPassword",
            user.clone(),
            "directory-set-password",
        ),
        ("ds", "ResetUserPassword", user, "directory-set-password"),
        (
            "ec2",
            "UnlockSnapshot",
            json!({"snapshotId": "snap-1"}),
            "ec2-unlock-snapshot",
        ),
    ] {
        assert_eq!(name_of(service, name, &request), wanted, "{name} {request}");
    }
}

#[test]
fn passwords_and_tokens_in_parameters_are_masked() {
    let provider = json!({"url": "https://user:pa55word@evil.example/"});
    let details = found(&record("iam", "CreateOpenIDConnectProvider", &provider)).unwrap();
    assert_eq!(
        details.target.as_deref(),
        Some("https://<masked>@evil.example/")
    );
    let token = format!("ghp_{}", "a1".repeat(18));
    let details = found(&record(
        "secretsmanager",
        "BatchGetSecretValue",
        &json!({"secretIdList": [token]}),
    ))
    .unwrap();
    assert_eq!(details.target.as_deref(), Some("<masked>"));
    for (path, is_secret) in [
        ("requestParameters.masterUserPassword", true),
        ("requestParameters.token", true),
        ("requestParameters.secretId", false),
        ("requestParameters.policyVersion", false),
    ] {
        assert_eq!(
            Path::parse(path).unwrap().is_of_secret(),
            is_secret,
            "{path}"
        );
    }
}

#[test]
fn a_watch_that_can_never_hold_or_keeps_too_much_is_refused() {
    let complaints = |more: &str| {
        let text = format!(
            "checked = ''\nattack = ''\n[[watch]]\nname = 'x'\ntier = 'condition'\nwhy = 'w'\n{more}"
        );
        let table: TableText = toml::from_str(&text).unwrap();
        let mut found = Vec::new();
        let row = table.watch[0].get_ref();
        row.watch(Author::User, &mut |_, message| found.push(message));
        found.join("; ")
    };
    let call = "calls = ['iam:CreateUser']";
    for (holds, needed) in [
        ("public", "public needs resource_policies or grantees"),
        ("powerful_policy", "powerful_policy needs policies"),
        ("target_is_caller", "target_is_caller needs target"),
        ("turned_off", "turned_off needs switches"),
    ] {
        let found = complaints(&format!("{call}\nholds = ['{holds}']"));
        assert_eq!(found, format!("{needed}, which says where it looks"));
    }
    let nine: Vec<String> = (0..9)
        .map(|n| format!("p{n} = 'requestParameters.a'"))
        .collect();
    let many = format!(
        "{call}\nwithout = 'requestParameters.a'\nparameters = {{ {} }}",
        nine.join(", ")
    );
    assert_eq!(
        complaints(&many),
        "a watch keeps at most 8 parameters, not 9"
    );
    let short = complaints("calls = ['ce:GetX']\nwithout = 'requestParameters.a'");
    assert!(
        short.ends_with("the name of an event has at least 6 letters"),
        "{short}"
    );
}

#[test]
fn sign_ins_of_root_and_without_mfa_are_selected_and_federated_ones_are_not() {
    let sign_in = |kind: &str, mfa: &str| {
        let mut record = record("signin", "ConsoleLogin", &Value::Null);
        record["eventType"] = json!("AwsConsoleSignIn");
        record["userIdentity"]["type"] = json!(kind);
        record["responseElements"] = json!({"ConsoleLogin": "Success"});
        record["additionalEventData"] = json!({"MFAUsed": mfa});
        found(&record).map_or("-".to_owned(), |details| details.watch)
    };
    assert_eq!(sign_in("Root", "Yes"), "signin-root");
    assert_eq!(sign_in("Root", "No"), "signin-root");
    assert_eq!(sign_in("IAMUser", "No"), "signin-without-second-factor");
    assert_eq!(sign_in("IAMUser", "Yes"), "-");
    assert_eq!(sign_in("AssumedRole", "No"), "-");
}

#[test]
fn secrets_that_users_read_are_selected_and_those_that_roles_read_are_not() {
    let mut read = record(
        "secretsmanager",
        "GetSecretValue",
        &json!({"secretId": "prod/db"}),
    );
    read["readOnly"] = json!(true);
    assert_eq!(found(&read).unwrap().tier, Tier::First);
    read["userIdentity"]["type"] = json!("AssumedRole");
    assert_eq!(found(&read), None);
}

#[test]
fn details_are_bounded_masked_and_equal_for_equal_calls() {
    let request = json!({"userName": "x".repeat(2000), "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
    let details = found(&record("iam", "AttachUserPolicy", &request)).unwrap();
    assert_eq!(
        details.target.unwrap().chars().count(),
        details::VALUE_CHARS_MAX
    );
    let request = json!({"name": "t\u{202e}rail\u{1b}[31m password=hunter2"});
    let details = found(&record("cloudtrail", "StopLogging", &request)).unwrap();
    assert_eq!(
        details.target.as_deref(),
        Some("trail[31m password=<masked>")
    );
    let many = |names: Vec<String>| {
        found(&record("ssm", "GetParameters", &json!({"names": names}))).unwrap()
    };
    let names: Vec<String> = (0..200).map(|name| format!("/p/{name:03}")).collect();
    let backwards = many(names.iter().rev().cloned().collect());
    assert_eq!(many(names), backwards);
    assert!(backwards.target.unwrap().ends_with("/p/009 and 190 more"));
}

proptest! {
    /// Any text in a request is read within the limits.
    #[test]
    fn no_request_makes_a_watch_stumble(place in 0_usize..1000, text in ".{0,60}", depth in 0_usize..300) {
        let watches = Watches::default();
        let watch = &watches.all()[place % watches.all().len()];
        let (service, action) = &watch.calls[0];
        let deep = format!("{}{}{}", "[{\"Statement\":".repeat(depth), json!(text), "}]".repeat(depth));
        let mut record = record(service, action, &json!({}));
        let paths = watch.policies.iter().chain(&watch.resource_policies).chain(&watch.grantees).chain(&watch.target);
        for path in paths {
            let path = path.text();
            let Some(key) = path.strip_prefix("requestParameters.") else { continue };
            let key = key.split('.').next().unwrap_or_default();
            record["requestParameters"][key] = json!(deep);
        }
        for text in [record.to_string(), record.to_string().replace(&json!(deep).to_string(), &deep)] {
            if let Some(details) = watches.find(&Record::parse(&text).unwrap(), &text) {
                prop_assert!(details.parameters.len() <= details::PARAMETERS_MAX);
                prop_assert!(details.parameters.values().all(|value| value.chars().count() <= details::VALUE_CHARS_MAX));
                prop_assert_eq!(CallDetails::decode(&details.encode()), Some(details));
            }
        }
    }
}

/// Reads a recording of an attack technique on a real account, without the name of the tool that made it.
macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../tests/recordings/", $name, ".json"))
    };
}

#[test]
fn each_recording_of_an_attack_technique_has_a_call_that_is_selected() {
    let watches = Watches::default();
    for (recording, wanted) in [
        (
            recording!("aws.credential-access.secretsmanager-retrieve-secrets"),
            "secretsmanager-read",
        ),
        (
            recording!("aws.credential-access.ssm-retrieve-securestring-parameters"),
            "ssm-read-parameter",
        ),
        (
            recording!("aws.defense-evasion.dns-delete-logs"),
            "route53-stop-query-log",
        ),
        (
            recording!("aws.defense-evasion.vpc-remove-flow-logs"),
            "ec2-delete-flow-logs",
        ),
        (recording!("aws.execution.ec2-user-data"), "ec2-user-data"),
        (
            recording!("aws.exfiltration.rds-share-snapshot"),
            "rds-share-snapshot",
        ),
        (
            recording!("aws.exfiltration.ec2-security-group-open-port-22-ingress"),
            "security-group-open-widely",
        ),
        (
            recording!("aws.persistence.iam-create-backdoor-role"),
            "iam-attach-role-policy-with-power, iam-create-role-for-outsiders",
        ),
        (
            recording!("aws.persistence.lambda-layer-extension"),
            "lambda-add-layer",
        ),
        (
            recording!("aws.persistence.sts-federation-token"),
            "sts-get-federation-token-with-power",
        ),
    ] {
        let recording: Value = serde_json::from_str(recording).unwrap();
        let mut names = BTreeSet::new();
        for record in recording["Records"].as_array().unwrap() {
            let text = record.to_string();
            let details = watches.find(&Record::parse(&text).unwrap(), &text);
            names.extend(details.map(|details| details.watch));
        }
        let names: Vec<String> = names.into_iter().collect();
        assert_eq!(names.join(", "), wanted);
    }
}

#[test]
fn the_page_of_all_watches_is_up_to_date() {
    let table = table_text().unwrap();
    let watches = Watches::default();
    let mut page = format!(
        include_str!("watch_head.md"),
        count = watches.all().len(),
        checked = table.checked,
        attack = table.attack
    );
    let mut by_service = BTreeMap::<&str, Vec<String>>::new();
    for watch in watches.all() {
        let mut calls = BTreeMap::<&str, Vec<String>>::new();
        for (service, action) in &watch.calls {
            calls
                .entry(service)
                .or_default()
                .push(format!("`{action}`"));
        }
        for (service, actions) in calls {
            by_service
                .entry(service)
                .or_default()
                .push(row(watch, &actions.join(" ")));
        }
    }
    for (service, rows) in by_service {
        page.push_str(&format!(
            "\n### {service}\n\n| watch | call | alert | if | strong | ATT&CK | why | source |\n|---|---|---|---|---|---|---|---|\n{}",
            rows.concat()
        ));
    }
    expect_test::expect_file!["../../../docs/watch.md"].assert_eq(&page);
}

/// Returns the row of the page for the calls of one service.
fn row(watch: &Watch, calls: &str) -> String {
    let names = |predicates: &[Predicate]| -> Vec<String> {
        predicates
            .iter()
            .map(|of| format!("`{}`", of.name()))
            .collect()
    };
    let mut conditions = Vec::new();
    if let Some(when) = &watch.when {
        conditions.push(format!("`{}`", when.replace('|', "\\|")));
    }
    if !watch.without.is_empty() {
        let paths: Vec<String> = watch
            .without
            .iter()
            .map(|path| format!("`{}`", path.text()))
            .collect();
        conditions.push(format!("without {}", paths.join(", ")));
    }
    if !watch.holds.is_empty() {
        conditions.push(names(&watch.holds).join(" or "));
    }
    let technique = watch.technique.as_deref().unwrap_or_default();
    let address = technique.replace('.', "/");
    format!(
        "| `{}` | {calls} | {} | {} | {} | [{technique}](https://attack.mitre.org/techniques/{address}/) | {} | {} |\n",
        watch.name,
        watch.tier.name(),
        conditions.join(" and "),
        if watch.is_strong { "yes" } else { "" },
        watch.why,
        watch.source,
    )
}
