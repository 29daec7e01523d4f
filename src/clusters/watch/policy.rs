//! Reads policies of IAM and of resources: whom a statement allows, and whether it gives power over the account.
//!
//! Names of elements and actions are compared without upper and lower case, as IAM does. A policy is an object, or a
//! string with its JSON text, which may be URL-encoded.
//!
//! Sources: IAM User Guide, "IAM JSON policy element reference" and "Grammar of the IAM JSON policy language"; S3 User
//! Guide, "Blocking public access to your Amazon S3 storage", section "The meaning of public", 2026-11-29.

use json::Json;

use super::call::{each_element, each_field, each_text_in, kind, without_url_encoding};

/// What one statement of a policy says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Whether the effect is `Allow`.
    pub allows: bool,
    /// Whether it is for everybody, or for all but some.
    pub is_for_everyone: bool,
    /// The values of the principals that are AWS accounts, users, roles and providers; not services.
    pub principals: Vec<String>,
    /// The actions, or none.
    pub actions: Vec<String>,
    /// The actions of `NotAction`.
    pub not_actions: Vec<String>,
    /// Whether the statement has `NotAction`.
    pub has_not_action: bool,
    /// The resources.
    pub resources: Vec<String>,
    /// Whether the statement has `NotResource`.
    pub has_not_resource: bool,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// One key of a condition, with the operator and the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub operator: String,
    pub key: String,
    pub values: Vec<String>,
}

/// Visits the policies in a value: an object, a string with the text of one, or an array of these.
pub(super) fn each_policy(value: Json<'_>, visit: &mut dyn FnMut(Json<'_>)) {
    each_element(value, &mut |value| match kind(value) {
        Some(b'{') => visit(value),
        Some(b'"') => {
            let text = value.text().unwrap_or_default();
            visit(Json::new(&without_url_encoding(&text)));
        }
        _ => {}
    });
}

/// Returns the statements of a policy; empty if the value is none.
pub(super) fn statements(policy: Json<'_>) -> Vec<Statement> {
    let mut statements = Vec::new();
    each_field(policy, |key, value| {
        if key.eq_ignore_ascii_case("Statement") {
            each_element(value, &mut |value| statements.push(statement(value)));
        }
    });
    statements
}

fn statement(value: Json<'_>) -> Statement {
    let mut statement = Statement::default();
    each_field(value, |key, value| {
        match key.to_ascii_lowercase().as_str() {
            "effect" => {
                let effect = value.text().unwrap_or_default();
                statement.allows = effect.eq_ignore_ascii_case("Allow");
            }
            "principal" => principal(value, &mut statement),
            "notprincipal" => statement.is_for_everyone = true,
            "action" => statement.actions = texts(value),
            "notaction" => {
                statement.has_not_action = true;
                statement.not_actions = texts(value);
            }
            "resource" => statement.resources = texts(value),
            "notresource" => statement.has_not_resource = true,
            "condition" => statement.conditions = conditions(value),
            _ => {}
        }
    });
    statement
}

fn principal(value: Json<'_>, statement: &mut Statement) {
    if kind(value) != Some(b'{') {
        each_text_in(value, &mut |text| statement.add_principal(text));
        return;
    }
    each_field(value, |kind, value| {
        if !kind.eq_ignore_ascii_case("Service") {
            each_text_in(value, &mut |text| statement.add_principal(text));
        }
    });
}

fn conditions(value: Json<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    each_field(value, |operator, keys| {
        each_field(keys, |key, values| {
            conditions.push(Condition {
                operator: operator.to_ascii_lowercase(),
                key: key.to_ascii_lowercase(),
                values: texts(values),
            });
        });
    });
    conditions
}

fn texts(value: Json<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    each_text_in(value, &mut |text| texts.push(text.to_owned()));
    texts
}

/// The keys of conditions by which a statement for everybody is for some callers alone, in lower case.
const RESTRICTING: [&str; 17] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "kms:calleraccount",
    "lambda:eventsourcetoken",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// The keys of conditions by which only an organization has access, in lower case.
const OF_ORGANIZATION: [&str; 5] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:vpceorgid",
];

impl Condition {
    /// Checks whether the condition lets only callers through that have one of the values.
    fn requires_a_value(&self) -> bool {
        // Operators that end in `IfExists` or begin with `ForAllValues:` let a caller without the key through.
        let operator = self.operator.as_str();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(operator);
        let is_positive = matches!(
            operator,
            "stringequals"
                | "stringequalsignorecase"
                | "stringlike"
                | "arnequals"
                | "arnlike"
                | "ipaddress"
                | "bool"
        );
        is_positive && !self.values.is_empty() && self.has_fixed_values()
    }

    /// Checks whether each value stands for certain callers. A text with wildcards for anybody's account, organization
    /// or name does not, nor does a large part of all addresses.
    fn has_fixed_values(&self) -> bool {
        if matches!(self.key.as_str(), "aws:sourceip" | "aws:vpcsourceip") {
            return !is_large_part(self.values.iter().map(String::as_str));
        }
        self.values.iter().all(|value| is_fixed(&self.key, value))
    }

    /// Checks whether the condition limits which permissions, users or roles an action can change.
    ///
    /// A value that lets `AdministratorAccess` through limits nothing, nor does the mere presence of a key.
    fn limits_power(&self) -> bool {
        let is_limit = self.key.starts_with("iam:") || self.key.starts_with("aws:resourcetag/");
        let is_any = |value: &String| {
            value.is_empty()
                || value.bytes().all(|b| matches!(b, b'*' | b'?'))
                || matches(value, "arn:aws:iam::aws:policy/administratoraccess")
        };
        // A list of what is refused limits by its values, whichever they are.
        let refuses = self.operator.contains("not");
        is_limit
            && self.operator != "null"
            && !self.values.is_empty()
            && (refuses || !self.values.iter().any(is_any))
    }

    /// Checks whether the condition lets only callers of an organization through.
    fn is_of_organization(&self) -> bool {
        OF_ORGANIZATION.contains(&self.key.as_str()) && self.requires_a_value()
    }

    /// Checks whether the condition lets only certain callers through, by who or where they are.
    fn restricts(&self) -> bool {
        RESTRICTING.contains(&self.key.as_str()) && self.requires_a_value()
    }
}

/// Checks whether a value of a restricting key stands for certain callers, however wildcards in it are filled in.
///
/// In an ARN the account counts, or the name of a bucket, which no two accounts have. Of an id with parts, such as
/// `o-1/r-1/*` and `AROA1:*`, the first counts.
fn is_fixed(key: &str, value: &str) -> bool {
    let is_text = |text: &str| !text.is_empty() && !text.contains(['*', '?']);
    if value.is_empty() || value.eq_ignore_ascii_case("false") {
        return false;
    }
    if key == "aws:principalservicename" {
        return value.ends_with(".amazonaws.com") || is_text(value);
    }
    if !key.ends_with("arn") {
        return is_text(value.split(['/', ':']).next().unwrap_or_default());
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [_, _, service, _, account, resource] = parts.as_slice() else {
        return is_text(value);
    };
    let bucket = resource.split('/').next().unwrap_or_default();
    is_text(account) || (*service == "s3" && is_text(bucket))
}

/// Checks whether ranges of addresses have one that is wider than /8 (IPv6: /32), or are together more than a
/// sixteenth of all addresses of IPv4. S3 calls this "very broad".
fn is_large_part<'a>(ranges: impl Iterator<Item = &'a str>) -> bool {
    let mut size = 0_u64;
    for range in ranges {
        let (address, length) = range.trim().split_once('/').unwrap_or((range, ""));
        let length = length.parse::<u32>().ok();
        if range.trim().is_empty() || range.contains('*') {
            return true;
        }
        if address.contains(':') {
            if length.is_some_and(|length| length < 32) {
                return true;
            }
            continue;
        }
        let length = length.unwrap_or(32).min(32);
        if length < 8 {
            return true;
        }
        size = size.saturating_add(1 << (32 - length));
    }
    size > 1 << 28
}

impl Statement {
    fn add_principal(&mut self, value: &str) {
        if value == "*" {
            self.is_for_everyone = true;
        } else {
            self.principals.push(value.to_owned());
        }
    }

    /// Checks whether the statement is limited to an organization.
    pub fn is_of_organization(&self) -> bool {
        self.conditions.iter().any(Condition::is_of_organization)
    }

    /// Checks whether the statement allows everybody without a condition that restricts who that is.
    pub fn is_public(&self) -> bool {
        self.allows
            && self.is_for_everyone
            && !self.is_of_organization()
            && !self.conditions.iter().any(Condition::restricts)
    }

    /// Returns the texts that name whom the statement allows: its principals, and if it is for everybody, the accounts
    /// and ARNs of its conditions. Empty if it denies, or is limited to an organization.
    pub fn allowed(&self) -> Vec<&str> {
        if !self.allows || self.is_of_organization() {
            return Vec::new();
        }
        let mut allowed: Vec<&str> = self.principals.iter().map(String::as_str).collect();
        if self.is_for_everyone {
            let restricting = self
                .conditions
                .iter()
                .filter(|condition| condition.restricts());
            allowed.extend(restricting.flat_map(|of| of.values.iter().map(String::as_str)));
        }
        allowed
    }

    /// Checks whether the statement only lets logs be delivered to a bucket, as services of AWS do from accounts of
    /// their own.
    pub fn only_delivers_logs(&self) -> bool {
        let is_delivery = |action: &String| {
            action.eq_ignore_ascii_case("s3:PutObject")
                || action.eq_ignore_ascii_case("s3:GetBucketAcl")
        };
        !self.actions.is_empty() && self.actions.iter().all(is_delivery)
    }

    /// Returns why the statement gives power over the account, such as `Action *`; `None` if it does not.
    pub fn power(&self) -> Option<String> {
        if !self.allows {
            return None;
        }
        let everything = self.is_for_everything();
        let of_iam = || self.resources.iter().any(|on| is_all_of_iam(on));
        if self.has_not_action && (everything || (of_iam() && self.leaves_a_way_to_power())) {
            return Some(format!("NotAction {}", self.not_actions.join(", ")));
        }
        let is_limited = self.conditions.iter().any(Condition::limits_power);
        self.actions.iter().find_map(|action| {
            let wide = matches(action, "iam:createuser") && matches(action, "iam:putuserpolicy");
            let escalates = || !is_limited && ESCALATING.iter().any(|call| matches(action, call));
            let gives = (wide || escalates()) && (everything || of_iam());
            gives.then(|| format!("Action {action}"))
        })
    }

    fn is_for_everything(&self) -> bool {
        self.has_not_resource || self.resources.iter().any(|on| is_everything(on))
    }

    /// Checks whether `NotAction` leaves an action out with which a caller can give itself all permissions.
    fn leaves_a_way_to_power(&self) -> bool {
        let is_out = |call: &&str| !self.not_actions.iter().any(|of| matches(of, call));
        ESCALATING.iter().any(is_out)
    }

    /// Checks whether the statement allows to hand any role to a service.
    fn passes_any_role(&self) -> bool {
        let passes = |action: &String| matches(action, "iam:passrole");
        let all_roles = || self.resources.iter().any(|on| is_all_of_iam(on));
        self.allows
            && self.actions.iter().any(passes)
            && (self.is_for_everything() || all_roles())
            && !self.conditions.iter().any(Condition::limits_power)
    }

    /// Returns the action of the statement that starts code with a role that the caller chooses.
    fn starts_code(&self) -> Option<&str> {
        let starts = |action: &&String| STARTING.iter().any(|call| matches(action, call));
        let found = self.actions.iter().filter(|_| self.allows).find(starts);
        found.map(String::as_str)
    }
}

/// Returns why the statements of a policy give power over the account; `None` if they do not.
///
/// Handing any role to a service gives power together with an action that starts code: the code acts as that role.
pub(super) fn power_of(statements: &[Statement]) -> Option<String> {
    statements.iter().find_map(Statement::power).or_else(|| {
        let passes = statements.iter().any(Statement::passes_any_role);
        let starts = statements.iter().find_map(Statement::starts_code);
        starts
            .filter(|_| passes)
            .map(|action| format!("Action iam:PassRole with {action}"))
    })
}

/// The actions with which a caller can give itself all permissions, or act as another user or role, in lower case.
///
/// Source: Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation"; Service Authorization Reference,
/// "Actions, resources, and condition keys for AWS IAM", 2026-11-29.
const ESCALATING: [&str; 14] = [
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "sts:assumerole",
];

/// The actions that start code with a role of the caller's choice, in lower case.
///
/// Source: Rhino Security Labs, as above; Service Authorization Reference, dependent actions `iam:PassRole`, 2026-11-29.
const STARTING: [&str; 14] = [
    "cloudformation:createstack",
    "codebuild:createproject",
    "datapipeline:createpipeline",
    "ec2:associateiaminstanceprofile",
    "ec2:runinstances",
    "ecs:runtask",
    "glue:createdevendpoint",
    "glue:createjob",
    "lambda:createfunction",
    "lambda:updatefunctionconfiguration",
    "sagemaker:createnotebookinstance",
    "sagemaker:createprocessingjob",
    "ssm:startautomationexecution",
    "states:createstatemachine",
];

/// Checks whether a resource stands for everything: `*`, or an ARN of which no part but the partition is fixed.
pub(super) fn is_everything(resource: &str) -> bool {
    let mut parts = resource.split(':');
    let first = parts.next().unwrap_or_default();
    let is_wild = |part: &str| part.bytes().all(|b| b == b'*');
    match first {
        "arn" => {
            let partition = parts.next().unwrap_or_default();
            let is_partition = is_wild(partition) || partition.starts_with("aws");
            is_partition && resource.ends_with('*') && parts.all(is_wild)
        }
        _ => resource.contains('*') && is_wild(first) && parts.all(is_wild),
    }
}

/// Checks whether a resource stands for all users, roles, groups or policies of an account.
fn is_all_of_iam(resource: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let [_, _, service, .., last] = parts.as_slice() else {
        return false;
    };
    // In `arn:aws:iam::*` the last part stands for all that comes after it, too.
    let named = if parts.len() < 6 { "*" } else { last };
    let is_whole = parts.len() == 6 || last.ends_with('*');
    let any = ["user/\0", "role/\0", "group/\0", "policy/\0"];
    is_whole && matches(service, "iam") && any.iter().any(|name| matches(named, name))
}

/// Checks whether a pattern of an action, in which `*` stands for any text and `?` for a letter, matches an action in
/// lower case. The work is at most the product of both lengths, and actions are short.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < action.len() {
        match pattern.get(at.0) {
            Some(b'*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&action[at.1]) => {
                at = (at.0 + 1, at.1 + 1);
            }
            _ => match &mut star {
                Some((place, from)) => {
                    *from += 1;
                    at = (*place + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at.0..].iter().all(|byte| *byte == b'*')
}

/// Policies of AWS that give power over an account, by the end of their ARN.
///
/// Source: AWS Managed Policy Reference; EKS User Guide, "Review access policy permissions", 2026-11-29.
const POWERFUL: [&str; 11] = [
    "AdministratorAccess",
    "AdministratorAccess-AWSElasticBeanstalk",
    "AdministratorAccess-Amplify",
    "AmazonEKSClusterAdminPolicy",
    "AWSOrganizationsFullAccess",
    "AWSSSODirectoryAdministrator",
    "AWSSSOMasterAccountAdministrator",
    "AWSSSOMemberAccountAdministrator",
    "IAMFullAccess",
    "PowerUserAccess",
    "SystemAdministrator",
];

/// Returns the name of a policy of AWS that gives power over an account, from its ARN; `None` for any other text.
pub(super) fn powerful_name(arn: &str) -> Option<&'static str> {
    let (_, name) = arn
        .split_once("::aws:policy/")
        .or_else(|| arn.split_once("::aws:cluster-access-policy/"))?;
    let name = name.rsplit('/').next().unwrap_or(name);
    POWERFUL
        .into_iter()
        .find(|powerful| powerful.eq_ignore_ascii_case(name))
}
