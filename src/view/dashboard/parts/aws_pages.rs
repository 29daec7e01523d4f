//! Addresses of pages of AWS: the documentation of errors, and the IAM console of a caller.
//!
//! An address has only fixed parts, and the name of a user or role whose form is checked. Nothing else of a record is in it.

use alerts::links::encoded;
use clusters::class::Class;
use clusters::fingerprint::Identity;

/// The documentation of AWS.
const DOCS: &str = "https://docs.aws.amazon.com/";

/// How to find out which policy denies a call. Source: IAM User Guide, "Troubleshoot access denied error messages".
const DENIED: &str = "IAM/latest/UserGuide/troubleshoot_access-denied.html";

/// The errors that all services have. Source: AWS Management Console guide, "Common Errors".
const COMMON: &str = "awsconsolehelpdocs/latest/gsg/common-errors.html";

/// The page with the errors of a service, by the prefix of the service. Each address was in use on 2026-11-30, in public
/// documentation and source code that cites it.
const ERRORS: [(&str, &str); 19] = [
    (
        "cloudformation",
        "AWSCloudFormation/latest/APIReference/CommonErrors.html",
    ),
    (
        "cloudtrail",
        "awscloudtrail/latest/APIReference/CommonErrors.html",
    ),
    (
        "cloudwatch",
        "AmazonCloudWatch/latest/APIReference/CommonErrors.html",
    ),
    (
        "dynamodb",
        "amazondynamodb/latest/APIReference/CommonErrors.html",
    ),
    ("ec2", "AWSEC2/latest/APIReference/errors-overview.html"),
    ("ecr", "AmazonECR/latest/APIReference/CommonErrors.html"),
    ("ecs", "AmazonECS/latest/APIReference/CommonErrors.html"),
    ("iam", "IAM/latest/APIReference/CommonErrors.html"),
    ("kms", "kms/latest/APIReference/CommonErrors.html"),
    ("lambda", "lambda/latest/api/CommonErrors.html"),
    (
        "logs",
        "AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html",
    ),
    (
        "monitoring",
        "AmazonCloudWatch/latest/APIReference/CommonErrors.html",
    ),
    (
        "organizations",
        "organizations/latest/APIReference/CommonErrors.html",
    ),
    ("rds", "AmazonRDS/latest/APIReference/CommonErrors.html"),
    ("s3", "AmazonS3/latest/API/ErrorResponses.html"),
    (
        "secretsmanager",
        "secretsmanager/latest/apireference/CommonErrors.html",
    ),
    ("sns", "sns/latest/api/CommonErrors.html"),
    (
        "sqs",
        "AWSSimpleQueueService/latest/APIReference/CommonErrors.html",
    ),
    (
        "ssm",
        "systems-manager/latest/APIReference/CommonErrors.html",
    ),
];

/// The IAM console of each partition. Source: `aws console` of the AWS CLI, customizations/console.py in
/// github.com/aws/aws-cli, read 2026-11-29.
const CONSOLES: [(&str, &str); 3] = [
    ("aws", "https://console.aws.amazon.com"),
    ("aws-cn", "https://console.amazonaws.cn"),
    ("aws-us-gov", "https://console.amazonaws-us-gov.com"),
];

/// The maximum length of the name of a user or role. Source: IAM User Guide, "IAM and AWS STS quotas".
const NAME_CHARS_MAX: usize = 64;

/// Returns the page of AWS about a failure: how to find the policy that denies a call, else the errors of the service, else
/// the errors that all services have.
pub(crate) fn of_error(identity: &Identity) -> String {
    let of_service = ERRORS.iter().find(|(name, _)| *name == identity.service);
    let page = match identity.class {
        Class::Denied | Class::Vpce => DENIED,
        _ => of_service.map_or(COMMON, |(_, page)| *page),
    };
    [DOCS, page].concat()
}

/// Returns the page of a user or role in the IAM console, by its ARN. `None` for any other caller, and in a partition whose
/// console is not public.
pub(crate) fn of_caller(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, path) = parts.nth(2)?.split_once('/')?;
    let name = path.rsplit('/').next()?;
    let of = |(name, console): &(&str, &'static str)| (*name == partition).then_some(*console);
    let console = CONSOLES.iter().find_map(of)?;
    let list = match (scheme, service, kind) {
        ("arn", "iam", "user") => "users",
        ("arn", "iam", "role") => "roles",
        _ => return None,
    };
    is_name(name).then(|| {
        let name = encoded(name, '%');
        format!("{console}/iam/home#/{list}/details/{name}")
    })
}

/// Checks whether a text has the form of the name of a user or role. Source: IAM API Reference, `CreateUser`.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_users_and_roles_with_a_sound_name_have_a_page() {
        const CONSOLE: &str = "https://console.aws.amazon.com/iam/home#/";
        for (arn, page) in [
            (
                "arn:aws:iam::111122223333:user/mia",
                Some("users/details/mia"),
            ),
            (
                "arn:aws:iam::111122223333:role/a/b/deploy",
                Some("roles/details/deploy"),
            ),
            (
                "arn:aws:iam::111122223333:user/a@b",
                Some("users/details/a%40b"),
            ),
            ("arn:aws:iam::111122223333:root", None),
            ("arn:aws:sts::111122223333:assumed-role/x/y", None),
            ("arn:aws:iam::111122223333:user/<b>", None),
            ("arn:aws:iam::111122223333:user/", None),
            ("arn:aws-iso:iam::111122223333:user/mia", None),
            ("delivery.logs.amazonaws.com", None),
        ] {
            let wanted = page.map(|page| format!("{CONSOLE}{page}"));
            assert_eq!(of_caller(arn), wanted, "{arn}");
        }
    }

    #[test]
    fn services_are_in_order_and_once() {
        assert!(ERRORS.is_sorted_by(|one, other| one.0 < other.0));
    }
}
