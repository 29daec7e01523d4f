//! Finds the class of a failure by its message, where the error code says little or something wrong.
//!
//! For example, a service that is not switched on answers `AccessDenied`, and a call that names a role without a
//! permission fails with a code for an invalid parameter. The rows are in `wordings.tsv`, which a person reviews.
//!
//! Names that customers choose are in messages too. So words are compared from the start of the message, and `~` stands
//! only for words without digits, quotes and other punctuation. No row is for the usual refusals, such as the sentence that
//! begins with `User: ` and the caller.

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};
use strum::EnumString;

use crate::class::{Class, stem};
use crate::tsv;

/// What the words of a message mean, as far as the class does not say it. Advice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Meaning {
    /// Nothing beyond the class.
    None,
    /// Credentials or a session of the caller are wrong or expired.
    Credentials,
    /// A person who uses an application gave a wrong user name, password or code.
    EndUser,
    /// A service or a feature is not switched on, not set up or not subscribed to.
    NotSwitchedOn,
    /// The support plan of the account does not include the call.
    SupportPlan,
    /// Users and roles of the account may not see billing before the root user activates it.
    BillingAccess,
    /// A service cannot assume the role that the request names.
    RoleTrust,
    /// The role that the request names lacks a permission.
    RolePermission,
    /// The policy of a destination that the request names does not allow the service to use it.
    Destination,
    /// A service may not read what the request names, such as an object in S3.
    Source,
    /// A step of a sign-in, such as a person who has not confirmed yet.
    ProtocolStep,
    /// Requests come too fast.
    TooFast,
    /// What was asked for does not exist.
    NotThere,
}

/// The first words of the usual refusals. No row is for them, and most failures have them.
const REFUSALS: [&str; 2] = [
    "User: ",
    "You are not authorized to perform this operation. Encoded ",
];

/// Returns the class and the meaning of a message by the first row that matches; `None` if no row does.
///
/// `service` and `action` are the call. `code` is spelled as in `errorCode`, and `class` is the class that the code
/// alone has. `message` may have masked values, and is empty if the record has none.
pub fn find(
    (service, action): (&str, &str),
    code: &str,
    class: Class,
    message: &str,
) -> Option<(Class, Meaning)> {
    if message == "Access Denied" || REFUSALS.iter().any(|words| message.starts_with(words)) {
        return None;
    }
    let by_code = ROWS.by_code.get(stem(code)).map_or(&[][..], Vec::as_slice);
    let by_class = &ROWS.by_class[class as usize];
    let is_of_call = |row: &&Row| {
        (row.service == "*" || row.service == service) && row.action.is_none_or(|of| of == action)
    };
    let mut rows = by_code.iter().chain(by_class).filter(is_of_call);
    // Most codes have no row, and most messages do not have the words of any row.
    let first = rows.next()?;
    let pairs = Pairs::of(message.as_bytes());
    let mut rows = std::iter::once(first)
        .chain(rows)
        .filter(|row| pairs.hold_all(&row.words.pairs));
    let first = rows.next()?;
    let message = message.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    let message = message.replace('\u{2019}', "'");
    let row = std::iter::once(first)
        .chain(rows)
        .find(|row| row.words.match_whole(&message))?;
    Some((row.class, row.meaning))
}

/// The pairs of neighbouring bytes in a text, as a set of their hashes. Upper and lower case are equal.
#[derive(Clone, Copy, Default)]
struct Pairs([u64; 8]);

impl Pairs {
    fn of(text: &[u8]) -> Self {
        let mut pairs = Self::default();
        pairs.add(text);
        pairs
    }

    fn add(&mut self, text: &[u8]) {
        for pair in text.windows(2) {
            let hash = usize::from(pair[0] | 32) * 7 + usize::from(pair[1] | 32) * 61;
            self.0[hash / 64 % 8] |= 1 << (hash % 64);
        }
    }

    fn hold_all(&self, others: &Self) -> bool {
        let missing = self.0.iter().zip(others.0).map(|(own, other)| other & !own);
        missing.fold(0, |all, missing| all | missing) == 0
    }
}

/// A row of the table; its code or class is the key under which it is stored.
struct Row {
    service: &'static str,
    /// The only call that the row is for; `None` for all calls of the service.
    action: Option<&'static str>,
    words: Words,
    class: Class,
    meaning: Meaning,
}

/// The rows by the stem of their code, or else by their class, each in the order of the file.
struct Rows {
    by_code: HashMap<&'static str, Vec<Row>>,
    by_class: [Vec<Row>; Class::ALL.len()],
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let mut rows = Rows {
        by_code: HashMap::new(),
        by_class: [const { Vec::new() }; Class::ALL.len()],
    };
    for (code, row) in read().flatten() {
        match Class::from_name(code) {
            Some(class) => rows.by_class[class as usize].push(row),
            None => rows.by_code.entry(code).or_default().push(row),
        }
    }
    rows
});

/// Yields the code and the row of each line of the table; `None` for a line that is not a row.
fn read() -> impl Iterator<Item = Option<(&'static str, Row)>> {
    let rows = tsv::rows(include_str!("wordings.tsv")).into_iter();
    rows.map(|[call, code, words, class, meaning]| {
        let parts = call.split_once(':');
        let row = Row {
            service: parts.map_or(call, |(service, _)| service),
            action: parts.map(|(_, action)| action),
            words: Words::read(words),
            class: Class::from_name(class)?,
            meaning: meaning.parse().ok()?,
        };
        Some((code, row))
    })
}

/// What may stand before a literal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    /// Plain words, which may be missing; see [`is_plain`].
    Plain,
    Any,
}

/// The words of a row: literal texts, each with what may stand before it.
struct Words {
    literals: Vec<(Gap, &'static str)>,
    /// Whether more text may follow.
    is_open: bool,
    /// The pairs of all literal texts; a message without one of them does not match.
    pairs: Pairs,
}

impl Words {
    fn read(words: &'static str) -> Self {
        let mut literals = Vec::new();
        let (mut gap, mut rest) = (Gap::Nothing, words);
        loop {
            let (literal, after) = rest.split_at(rest.find(['*', '~']).unwrap_or(rest.len()));
            if !literal.is_empty() {
                literals.push((gap, literal));
            }
            gap = match after.chars().next() {
                None => break,
                Some('~') => Gap::Plain,
                Some(_) => Gap::Any,
            };
            rest = &after[1..];
        }
        let mut pairs = Pairs::default();
        for (_, literal) in literals.iter().filter(|(_, text)| !text.contains('\'')) {
            pairs.add(literal.as_bytes());
        }
        Self {
            literals,
            is_open: words.ends_with('*'),
            pairs,
        }
    }

    /// Checks whether the words match a whole message, which must be in lower case.
    fn match_whole(&self, message: &str) -> bool {
        let mut rest = message;
        for (place, (gap, literal)) in self.literals.iter().enumerate() {
            let is_last = place + 1 == self.literals.len() && !self.is_open;
            let at = match gap {
                Gap::Nothing => rest.starts_with(literal).then_some(0),
                _ if is_last => rest.strip_suffix(literal).map(str::len),
                _ => rest.find(literal),
            };
            match at {
                Some(at) if *gap != Gap::Plain || is_plain(&rest[..at]) => {
                    rest = &rest[at + literal.len()..];
                }
                _ => return false,
            }
        }
        self.is_open || rest.is_empty()
    }
}

/// Checks whether a text has only letters, spaces and hyphens, and apostrophes inside of words. Other apostrophes are
/// quotes around a value.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_alphabetic)
    };
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'\'' => is_letter(at.checked_sub(1)) && is_letter(Some(at + 1)),
        byte => byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::of_failure;

    #[test]
    fn each_line_of_the_table_is_a_row() {
        for (number, row) in read().enumerate() {
            assert!(row.is_some(), "row {number}");
        }
    }

    fn assert_classes(rows: &[(&str, &str, &str, Class)]) {
        for (service, code, message, class) in rows {
            let (service, action) = service.split_once(':').unwrap_or((service, ""));
            let found = of_failure((service, action), code, message);
            assert_eq!(found, *class, "{message}");
        }
    }

    #[test]
    fn credentials_are_auth_and_passwords_of_the_users_of_an_application_are_sign_ins() {
        assert_classes(&[
            (
                "cognito-idp",
                "NotAuthorizedException",
                "Incorrect username or password.",
                Class::Signin,
            ),
            (
                "cognito-idp",
                "NotAuthorizedException",
                "Refresh Token has been revoked",
                Class::Auth,
            ),
            (
                "cognito-idp",
                "NotAuthorizedException",
                "Unable to verify secret hash for client 1example23456789",
                Class::Auth,
            ),
            (
                "autoscaling",
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                Class::Auth,
            ),
            (
                "ec2",
                "Client.AuthFailure",
                "Not authorized for images: [ami-0123456789abcdef0]",
                Class::Denied,
            ),
            (
                "sso",
                "UnauthorizedException",
                "Session token not found or invalid",
                Class::Auth,
            ),
            ("s3", "AccessDenied", "Request has expired", Class::Auth),
            (
                "s3",
                "AccessDenied",
                "Invalid according to Policy: Policy expired.",
                Class::Auth,
            ),
            (
                "sts:GetSessionToken",
                "AccessDenied",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                Class::Auth,
            ),
            (
                "sso",
                "invalid_grant",
                "Invalid grant provided",
                Class::Auth,
            ),
            (
                "cognito-idp",
                "UserLambdaValidationException",
                "PreAuthentication failed with error blocked.",
                Class::Signin,
            ),
            (
                "execute-api",
                "UnauthorizedException",
                "The incoming token has expired",
                Class::Auth,
            ),
        ]);
    }

    #[test]
    fn a_user_name_that_does_not_exist_is_a_failed_sign_in_only_at_calls_that_sign_in() {
        assert_classes(&[
            (
                "cognito-idp:InitiateAuth",
                "UserNotFoundException",
                "User does not exist.",
                Class::Signin,
            ),
            (
                "cognito-idp:ForgotPassword",
                "UserNotFoundException",
                "Username/client id combination not found.",
                Class::Signin,
            ),
            (
                "cognito-idp:AdminGetUser",
                "UserNotFoundException",
                "User does not exist.",
                Class::Absent,
            ),
        ]);
    }

    #[test]
    fn what_is_not_switched_on_is_absent_though_the_code_says_denied() {
        assert_classes(&[
            (
                "macie2",
                "AccessDeniedException",
                "Macie is not enabled",
                Class::Absent,
            ),
            (
                "detective",
                "AccessDeniedException",
                "Amazon Detective is not enabled for account 111122223333 in region eu-central-1",
                Class::Absent,
            ),
            (
                "securityhub",
                "InvalidAccessException",
                "Account 111122223333 is not subscribed to AWS Security Hub",
                Class::Absent,
            ),
            (
                "support",
                "SubscriptionRequiredException",
                "Amazon Web Services Premium Support Subscription is required to use this service.",
                Class::Absent,
            ),
            (
                "auditmanager",
                "AccessDeniedException",
                "Please complete AWS Audit Manager setup from home page to enable this action in this account.",
                Class::Absent,
            ),
            (
                "guardduty",
                "BadRequestException",
                "The request is rejected because the input detectorId is not owned by the current account.",
                Class::Absent,
            ),
            (
                "inspector2",
                "AccessDeniedException",
                "Lambda code scanning is not supported in ap-south-1",
                Class::Absent,
            ),
            (
                "ecs",
                "OptInRequired",
                "The AWS Access Key Id needs a subscription for the service",
                Class::Absent,
            ),
            (
                "ram",
                "AccessDeniedException",
                "Your account is not a member of an organization.",
                Class::Absent,
            ),
        ]);
    }

    #[test]
    fn a_role_that_lacks_a_permission_is_denied_though_the_code_says_invalid() {
        assert_classes(&[
            (
                "lambda",
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Class::Denied,
            ),
            (
                "firehose",
                "InvalidArgumentException",
                "Firehose is unable to assume role arn:aws:iam::111122223333:role/fh. Please check the role provided.",
                Class::Denied,
            ),
            (
                "codebuild",
                "InvalidInputException",
                "CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::111122223333:role/b",
                Class::Denied,
            ),
            (
                "pipes",
                "ValidationException",
                "Provided role does not have permission to perform sqs:ReceiveMessage",
                Class::Denied,
            ),
            (
                "eks",
                "InvalidParameterException",
                "Role with arn: arn:aws:iam::111122223333:role/eks, could not be assumed because it does not exist or the trusted entity is not correct",
                Class::Denied,
            ),
            (
                "cloudtrail",
                "InvalidCloudWatchLogsRoleArnException",
                "Access denied. Check the trust relationships for your role.",
                Class::Denied,
            ),
            (
                "s3",
                "InvalidArgument",
                "Unable to validate the following destination configurations",
                Class::Denied,
            ),
            (
                "firehose",
                "InvalidArgumentException",
                "Role arn:aws:iam::111122223333:role/fh is not authorized to perform: kinesis:DescribeStream on resource arn:aws:kinesis:eu-west-1:111122223333:stream/s.",
                Class::Denied,
            ),
            (
                "kafkaconnect",
                "BadRequestException",
                "The service execution role cannot be assumed. Verify that the trust policy allows it.",
                Class::Denied,
            ),
        ]);
    }

    #[test]
    fn what_the_request_names_and_a_service_may_not_use_is_denied() {
        assert_classes(&[
            (
                "elasticloadbalancing",
                "InvalidConfigurationRequest",
                "Access Denied for bucket: lb-logs. Please check S3bucket permission",
                Class::Denied,
            ),
            (
                "ec2",
                "Client.LogDestinationPermissionIssue",
                "",
                Class::Denied,
            ),
            (
                "transcribe",
                "BadRequestException",
                "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your request again.",
                Class::Denied,
            ),
        ]);
    }

    #[test]
    fn requests_that_come_too_fast_are_throttled_under_any_code() {
        assert_classes(&[
            (
                "kinesis",
                "LimitExceededException",
                "Rate exceeded for stream orders under account 111122223333.",
                Class::Throttle,
            ),
            (
                "ecs",
                "ClientException",
                "Too many concurrent attempts to create a new revision of the specified family.",
                Class::Throttle,
            ),
        ]);
    }

    #[test]
    fn what_does_not_exist_is_absent_though_the_code_says_invalid() {
        assert_classes(&[
            (
                "cloudformation",
                "ValidationError",
                "Stack with id parameter-store does not exist",
                Class::Absent,
            ),
            (
                "autoscaling",
                "ValidationError",
                "AutoScalingGroup name not found - AutoScalingGroup 'web' not found",
                Class::Absent,
            ),
            (
                "ecs",
                "ClientException",
                "TaskDefinition not found.",
                Class::Absent,
            ),
        ]);
    }

    #[test]
    fn what_is_protected_against_deletion_is_a_conflict() {
        assert_classes(&[
            (
                "elasticloadbalancing",
                "OperationNotPermitted",
                "Load balancer 'arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/0123456789abcdef' cannot be deleted because deletion protection is enabled",
                Class::Conflict,
            ),
            (
                "rds",
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
                Class::Conflict,
            ),
            (
                "cloudformation",
                "ValidationError",
                "Stack [web] cannot be deleted while TerminationProtection is enabled",
                Class::Conflict,
            ),
            (
                "cloudformation",
                "ValidationError",
                "Stack:arn:aws:cloudformation:eu-west-1:111122223333:stack/web/1 is in ROLLBACK_COMPLETE state and can not be updated.",
                Class::Conflict,
            ),
        ]);
    }

    #[test]
    fn names_that_a_customer_chose_and_faults_of_the_request_do_not_change_the_class() {
        assert_classes(&[
            (
                "s3",
                "AccessDenied",
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/Macie is not enabled\"",
                Class::Denied,
            ),
            (
                "x",
                "AccessDenied",
                "Access to 'Macie is not enabled' is denied",
                Class::Denied,
            ),
            (
                "cloudformation",
                "ValidationError",
                "Parameters: [Vpc] do not exist in the template",
                Class::Invalid,
            ),
            (
                "cloudformation",
                "ValidationError",
                "Parameter Vpc does not exist",
                Class::Invalid,
            ),
            (
                "firehose",
                "InvalidArgumentException",
                "The name 'Role x is not authorized to perform: y' is too long",
                Class::Invalid,
            ),
            (
                "kms",
                "AccessDeniedException",
                "Your account is disabled",
                Class::Denied,
            ),
            (
                "lambda",
                "InvalidParameterValueException",
                "The name 'x cannot be assumed by y' is too long",
                Class::Invalid,
            ),
            (
                "kinesis",
                "LimitExceededException",
                "Shard limit reached",
                Class::Quota,
            ),
        ]);
    }
}
