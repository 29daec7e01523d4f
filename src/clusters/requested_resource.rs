//! The resource of a call by the parameters of its request, for a record that names no resource elsewhere.
//!
//! A parameter gets points for its own name (`…Id`, `…Name`, `…Arn` and the like) and for what it has in common with the
//! name of the call: of `DescribeSnapshotAttribute` the resource is `snapshotId`. The rule does not know which parameters
//! a call requires. `request_resources.tsv` names the parameter for the calls where this makes a difference.
//! `infra/request_resources.py` makes that file from AWS's service models, by the same rule.
//!
//! The result depends on the record alone, and not on the order of its keys.

use std::sync::LazyLock;

use json::Json;
use records::Text;

use crate::iam_action::cell;
use crate::tsv::{Row, rows};

/// Service, call and parameter; sorted by service and call. The parameter `-` means that no parameter is the resource.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows(include_str!("request_resources.tsv")));

/// Returns the value of the request parameter that identifies the resource; `None` if there is no such parameter.
///
/// `service` is an event source without `.amazonaws.com`, `call` an event name without API version.
pub fn requested_resource<'r>(service: &str, call: &str, request: Json<'r>) -> Option<Text<'r>> {
    let listed = cell(&ROWS, service, call);
    if listed == Some("-") {
        return None;
    }
    let mut search = Search {
        about: subject(call),
        listed: listed.unwrap_or_default(),
        found: None,
    };
    let _ = request.each_field(|key, value| {
        search.visit(key, value);
        if service == "ec2" {
            search.visit_ec2(key, value);
        }
    });
    search.found.map(|found| found.text)
}

/// Returns what a call is about: its name without the verb.
fn subject(call: &str) -> &[u8] {
    let rest = call
        .strip_prefix("Batch")
        .or_else(|| call.strip_prefix("Admin"))
        .unwrap_or(call)
        .as_bytes();
    let verb = usize::from(rest.first().is_some_and(u8::is_ascii_uppercase));
    let is_verb = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let length = rest[verb..].iter().take_while(|b| is_verb(b)).count();
    &rest[verb + length..]
}

/// The parameter with the most points so far; of equal ones the shorter key, then the first in the alphabet.
struct Search<'c, 'r> {
    about: &'c [u8],
    /// The parameter that the table names; empty if the table does not name the call.
    listed: &'static str,
    found: Option<Found<'r>>,
}

struct Found<'r> {
    points: u8,
    key: Vec<u8>,
    text: Text<'r>,
}

/// CloudTrail writes this in place of a value that may be secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The points of the parameter that the table names.
const LISTED: u8 = 255;

/// The minimum points of a list: the form of its name alone is not enough.
const RELATED: u8 = 60;

impl<'r> Search<'_, 'r> {
    /// Considers a parameter: a string, or a list whose first string counts.
    fn visit(&mut self, key: &[u8], value: Json<'r>) {
        match value.as_str().as_bytes().first() {
            Some(b'"') => self.offer(self.points(key), key, || value.text()),
            Some(b'[') => {
                let points = self.points_of_list(key);
                self.offer(points, key, || value.elements().first()?.text());
            }
            _ => {}
        }
    }

    /// Considers the forms in which EC2 nests parameters: `instancesSet: {items: [{instanceId}]}`, and
    /// `GetConsoleScreenshotRequest: {InstanceId}`, where a list is `{InstanceId: {content, tag}}`.
    fn visit_ec2(&mut self, key: &[u8], value: Json<'r>) {
        if key.ends_with(b"Set") && key != b"filterSet" {
            let items = value.at(&["items"]).or_else(|| value.at(&["item"]));
            if let Some(first) = items.map(Json::elements).unwrap_or_default().first() {
                let _ = first.each_field(|key, value| {
                    self.offer(self.points_of_list(key), key, || value.text());
                });
            }
        } else if key.first().is_some_and(u8::is_ascii_uppercase) {
            let _ = value.each_field(|key, value| {
                self.visit(key, value);
                if stem(singular(key)).is_some() {
                    self.offer(self.points_of_list(key), key, || {
                        value.text_at(&["content"])
                    });
                }
            });
        }
    }

    fn points(&self, key: &[u8]) -> u8 {
        if key.eq_ignore_ascii_case(self.listed.as_bytes()) {
            LISTED
        } else {
            points(self.about, key)
        }
    }

    fn points_of_list(&self, key: &[u8]) -> u8 {
        if key.eq_ignore_ascii_case(self.listed.as_bytes()) {
            return LISTED;
        }
        let points = points(self.about, singular(key));
        if points < RELATED { 0 } else { points - 1 }
    }

    fn offer(&mut self, points: u8, key: &[u8], text: impl FnOnce() -> Option<Text<'r>>) {
        let rank = |points: u8, key: &[u8]| (std::cmp::Reverse(points), key.len());
        let is_better = |found: &Found<'_>| {
            (rank(points, key), key) < (rank(found.points, &found.key), found.key.as_slice())
        };
        if points == 0 || !self.found.as_ref().is_none_or(is_better) {
            return;
        }
        if let Some(text) = text().filter(|text| *text != HIDDEN) {
            let key = key.to_vec();
            self.found = Some(Found { points, key, text });
        }
    }
}

/// Returns the name of one element of a list: `keyId` for `keyIds` and `keyIdList`.
fn singular(key: &[u8]) -> &[u8] {
    key.strip_suffix(b"List")
        .or_else(|| key.strip_suffix(b"s"))
        .unwrap_or(key)
}

/// Keys that are an identifier without saying of what.
const BARE: [&str; 4] = ["name", "arn", "id", "identifier"];

/// The ends of keys that are identifiers.
const ENDS: [&str; 7] = ["Identifier", "ARN", "Arn", "ID", "Id", "Name", "name"];

/// Identifiers that are new with each call, like the keys of objects. Many of them are not many resources.
const RUNS: [&str; 9] = [
    "command",
    "conversation",
    "execution",
    "logstream",
    "operation",
    "query",
    "queryexecution",
    "statement",
    "transaction",
];

/// Identifiers of something other than the called resource, unless the call is about it.
const NONE: [&str; 17] = [
    "account",
    "attribute",
    "awsaccount",
    "client",
    "clientrequest",
    "contextkey",
    "display",
    "family",
    "first",
    "full",
    "given",
    "last",
    "middle",
    "owner",
    "principal",
    "request",
    "requester",
];

/// Keys that are a resource without the form of an identifier.
///
/// Other such keys often have a text of the caller, such as `statement`.
const NOUNS: [&str; 31] = [
    "application",
    "attributegroup",
    "capacityprovider",
    "channel",
    "cluster",
    "computeenvironment",
    "containerinstance",
    "database",
    "domain",
    "emailidentity",
    "environment",
    "eventdatastore",
    "gateway",
    "group",
    "identity",
    "job",
    "jobdefinition",
    "jobqueue",
    "loadbalancer",
    "package",
    "packagegroup",
    "repository",
    "rule",
    "service",
    "statemachine",
    "task",
    "taskdefinition",
    "taskset",
    "topic",
    "trail",
    "workgroup",
];

/// Identifiers that many calls have in common, such as a role or an encryption key.
const SHARED: [&str; 9] = [
    "catalog",
    "event",
    "executionrole",
    "file",
    "kmskey",
    "registry",
    "role",
    "servicerole",
    "tag",
];

/// Identifiers that a call often has in addition to that of its resource.
const BESIDE: [&str; 11] = [
    "destination",
    "image",
    "secret",
    "securitygroup",
    "session",
    "source",
    "subnet",
    "target",
    "upload",
    "version",
    "vpc",
];

/// Returns how well a key names the resource of a call that is about `about`; 0 for a key that does not.
///
/// Must agree with `points` in `infra/request_resources.py`.
fn points(about: &[u8], key: &[u8]) -> u8 {
    match key {
        _ if is_in(&["bucket"], key) => return 97,
        _ if is_in(&BARE, key) => return 90,
        _ if is_in(&["resource"], key) => return 70,
        _ if is_in(&["path"], key) => return 50,
        _ => {}
    }
    let singular = match about {
        [singular @ .., b's' | b'S'] => singular,
        _ => about,
    };
    let is_subject =
        |name: &[u8]| about.eq_ignore_ascii_case(name) || is_plural(singular, about, name);
    let Some(name) = stem(key) else {
        return match key {
            _ if !is_in(&NOUNS, key) => 0,
            _ if is_subject(key) => 95,
            _ if starts_with(about, key) => 83,
            _ => 0,
        };
    };
    match name {
        _ if is_in(&RUNS, name) => 0,
        _ if is_subject(name) => 100,
        _ if is_in(&["bucket"], name) => 97,
        _ if is_in(&["resource"], name) => 70,
        _ if is_in(&NONE, name) => 0,
        _ if starts_with(about, name) => 85,
        _ if ends_with(about, name) || ends_with(singular, name) => 80,
        _ if is_in(&SHARED, name) => 0,
        _ if contains(about, name) => RELATED,
        _ if !singular.is_empty() && starts_with(name, singular) => RELATED,
        _ if is_in(&BESIDE, name) => 20,
        _ => 40,
    }
}

/// Returns the start of a key that ends like an identifier: `snapshot` for `snapshotId`.
fn stem(key: &[u8]) -> Option<&[u8]> {
    if key.ends_with(b"queueUrl") || key.ends_with(b"QueueUrl") {
        return (key.len() == "queueUrl".len()).then(|| &key[.."queue".len()]);
    }
    ENDS.iter()
        .find_map(|end| key.strip_suffix(end.as_bytes()))
        .filter(|stem| !stem.is_empty())
}

fn is_plural(singular: &[u8], about: &[u8], name: &[u8]) -> bool {
    singular.len() < about.len() && singular.eq_ignore_ascii_case(name)
}

fn is_in(names: &[&str], name: &[u8]) -> bool {
    names
        .iter()
        .any(|one| one.as_bytes().eq_ignore_ascii_case(name))
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(start))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let from = text.len().checked_sub(end.len());
    from.is_some_and(|from| text[from..].eq_ignore_ascii_case(end))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len())
        .any(|found| found.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(service: &str, call: &str, request: &str) -> String {
        let found = requested_resource(service, call, Json::new(request));
        found.unwrap_or_default().into_owned()
    }

    #[test]
    fn the_parameter_that_the_call_is_about_is_the_resource() {
        for (service, call, request) in [
            (
                "ec2",
                "DescribeSnapshotAttribute",
                r#"{"snapshotId":"x","attributeType":"CREATE_VOLUME_PERMISSION"}"#,
            ),
            ("ec2", "GetPasswordData", r#"{"instanceId":"x"}"#),
            (
                "ecr",
                "DescribeImages",
                r#"{"registryId":"111122223333","repositoryName":"x"}"#,
            ),
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                r#"{"attributeName":"restore","dBSnapshotIdentifier":"x","valuesToAdd":["all"]}"#,
            ),
            (
                "ssm",
                "GetParametersByPath",
                r#"{"path":"x","recursive":true}"#,
            ),
            ("ssm", "GetParameters", r#"{"names":["x","y"]}"#),
            (
                "cognito-idp",
                "AdminGetUser",
                r#"{"username":"HIDDEN_DUE_TO_SECURITY_REASONS","userPoolId":"x"}"#,
            ),
            (
                "iam",
                "AttachUserPolicy",
                r#"{"policyArn":"arn:aws:iam::aws:policy/AdministratorAccess","userName":"x"}"#,
            ),
            (
                "iam",
                "UpdateAccessKey",
                r#"{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","status":"Inactive","userName":"x"}"#,
            ),
            (
                "sts",
                "AssumeRole",
                r#"{"roleSessionName":"mia","roleArn":"x","durationSeconds":900}"#,
            ),
            ("lambda", "Invoke", r#"{"tenantId":"t","functionName":"x"}"#),
            (
                "s3",
                "GetObjectVersion",
                r#"{"bucketName":"x","key":"secret.txt","versionId":"v","Host":"h"}"#,
            ),
            ("secretsmanager", "GetSecretValue", r#"{"secretId":"x"}"#),
            ("sqs", "DeleteMessage", r#"{"queueUrl":"x"}"#),
            ("of-no-model", "GetWidget", r#"{"note":"n","widgetId":"x"}"#),
        ] {
            assert_eq!(resource(service, call, request), "x", "{service} {call}");
        }
    }

    #[test]
    fn the_models_lists_and_nouns_without_an_end_are_known() {
        for (service, call, request) in [
            (
                "organizations",
                "RegisterDelegatedAdministrator",
                r#"{"servicePrincipal":"config.amazonaws.com","accountId":"x"}"#,
            ),
            (
                "ecs",
                "DescribeServices",
                r#"{"cluster":"c","services":["x","y"]}"#,
            ),
            (
                "codeartifact",
                "DeletePackage",
                r#"{"domain":"d","package":"x","repository":"r"}"#,
            ),
            (
                "logs",
                "CreateLogStream",
                r#"{"logGroupName":"x","logStreamName":"2026/11/29/[$LATEST]0a1b"}"#,
            ),
            ("cloudtrail", "ListTags", r#"{"resourceIdList":["x","y"]}"#),
            ("wafv2", "UpdateWebACL", r#"{"id":"i","name":"x"}"#),
        ] {
            assert_eq!(resource(service, call, request), "x", "{service} {call}");
        }
    }

    #[test]
    fn a_call_that_names_no_resource_has_none() {
        for (service, call, request) in [
            (
                "ec2",
                "RunInstances",
                r#"{"keyName":"k","imageId":"ami-1","instancesSet":{"items":[{"minCount":1}]}}"#,
            ),
            (
                "ec2",
                "DescribeInstances",
                r#"{"filterSet":{"items":[{"name":"vpc-id"}]},"instancesSet":{}}"#,
            ),
            ("sts", "GetCallerIdentity", "null"),
            (
                "cognito-idp",
                "InitiateAuth",
                r#"{"clientId":"c","authFlow":"USER_PASSWORD_AUTH"}"#,
            ),
            ("s3", "ListBuckets", r#"{"Host":"s3.amazonaws.com"}"#),
            (
                "athena",
                "GetQueryExecution",
                r#"{"queryExecutionId":"00000000-0000-4000-8000-000000000000"}"#,
            ),
            (
                "dynamodb",
                "ExecuteStatement",
                r#"{"statement":"SELECT * FROM Music"}"#,
            ),
        ] {
            assert_eq!(resource(service, call, request), "", "{service} {call}");
        }
    }

    #[test]
    fn the_first_resource_is_read_in_each_form_that_ec2_has() {
        for (call, request) in [
            (
                "StopInstances",
                r#"{"instancesSet":{"items":[{"instanceId":"x"},{"instanceId":"y"}]}}"#,
            ),
            (
                "DescribeSecurityGroups",
                r#"{"securityGroupIdSet":{"items":[{"groupId":"x"}]},"filterSet":{}}"#,
            ),
            (
                "CreateTags",
                r#"{"resourcesSet":{"items":[{"resourceId":"x"}]},"tagSet":{"items":[{"key":"Name","value":"v"}]}}"#,
            ),
            (
                "GetConsoleScreenshot",
                r#"{"GetConsoleScreenshotRequest":{"InstanceId":"x"}}"#,
            ),
            (
                "DeleteFlowLogs",
                r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"content":"x","tag":1}}}"#,
            ),
        ] {
            assert_eq!(resource("ec2", call, request), "x", "{call}");
        }
    }

    #[test]
    fn the_order_of_the_keys_changes_nothing() {
        let request = |keys: [&str; 3]| {
            let fields = keys.map(|key| format!(r#""{key}":"{key}""#));
            resource("x", "GetThing", &format!("{{{}}}", fields.join(",")))
        };
        assert_eq!(request(["boxId", "lidId", "jarId"]), "boxId");
        assert_eq!(request(["jarId", "lidId", "boxId"]), "boxId");
        assert_eq!(request(["arn", "id", "name"]), "id");
        assert_eq!(request(["name", "id", "arn"]), "id");
    }

    #[test]
    fn the_table_is_sorted_and_each_parameter_has_a_name() {
        assert!(ROWS.is_sorted());
        assert!(ROWS.len() > 400);
        assert!(ROWS.iter().flatten().all(|cell| !cell.is_empty()));
    }
}
