//! The IAM action that a call needs, for a refusal that does not name the action.
//!
//! Three text files hold the facts; a person reviews them as a diff.
//!
//! - `iam_actions.txt`: all actions that exist. An action that is not in this file is never returned.
//! - `iam_action_rows.tsv`: calls whose action has another name, such as `s3:ListBuckets`.
//! - `service_prefixes.tsv`: services whose own name is not the only prefix of their actions.
//!
//! `infra/iam_actions.py` makes the first two from AWS's data. The list of actions is searched as text and never
//! copied, because few calls fail.

use std::cmp::Ordering;
use std::sync::LazyLock;

use crate::tsv::{Row, rows};

/// An IAM action: its prefix and its name, such as `s3` and `GetObject`.
pub type Action = (&'static str, &'static str);

/// The names of the actions of each prefix, one name a line, sorted without regard to case.
static NAMES: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| blocks(include_str!("iam_actions.txt")));

/// Service, call and action; sorted by service and call.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows(include_str!("iam_action_rows.tsv")));

/// Services, and other prefixes of their actions with spaces in between; sorted by service.
static PREFIXES: LazyLock<Vec<[&str; 2]>> =
    LazyLock::new(|| rows(include_str!("service_prefixes.tsv")));

/// Returns the action that a call needs; `None` if no action is known.
///
/// `service` is an event source without `.amazonaws.com`, `call` an event name without API version. If a call needs
/// several actions, the result is the one without which the call never succeeds.
pub fn action_of_call(service: &str, call: &str) -> Option<Action> {
    let label = last_label(service);
    cell(&ROWS, service, call)
        .and_then(|action| action.split_once(':'))
        .or_else(|| named(own_prefix(service)?, call))
        .or_else(|| named(own_prefix(label)?, call))
        .or_else(|| {
            other_prefixes(service)
                .find_map(|other| named(position(other).map(|at| NAMES[at])?, call))
        })
}

/// Checks whether the actions of a service have this prefix, which must be in lower case.
pub fn is_own_prefix(service: &str, prefix: &str) -> bool {
    service == prefix
        || has_letters(service, prefix)
        || has_letters(last_label(service), prefix)
        || other_prefixes(service).any(|other| other == prefix)
}

/// Returns the action of a prefix that has the name of the call, in upper or lower case.
fn named((prefix, names): (&'static str, &'static str), call: &str) -> Option<Action> {
    let text = names.as_bytes();
    let (mut start, mut end) = (0, text.len());
    while start < end {
        let middle = start.midpoint(end);
        let from = memchr::memrchr(b'\n', &text[..middle]).map_or(0, |at| at + 1);
        let to = memchr::memchr(b'\n', &text[middle..]).map_or(text.len(), |at| middle + at);
        match compared(&text[from..to], call.as_bytes()) {
            Ordering::Equal => return Some((prefix, &names[from..to])),
            Ordering::Less => start = to + 1,
            Ordering::Greater => end = from,
        }
    }
    None
}

fn compared(name: &[u8], call: &[u8]) -> Ordering {
    let name = name.iter().map(u8::to_ascii_lowercase);
    name.cmp(call.iter().map(u8::to_ascii_lowercase))
}

/// Returns the prefix that is the service's own name, with the names of its actions.
fn own_prefix(service: &str) -> Option<(&'static str, &'static str)> {
    let like = || {
        NAMES
            .iter()
            .position(|(prefix, _)| has_letters(service, prefix))
    };
    position(service).or_else(like).map(|at| NAMES[at])
}

fn position(prefix: &str) -> Option<usize> {
    NAMES.binary_search_by(|(name, _)| (*name).cmp(prefix)).ok()
}

fn other_prefixes(service: &str) -> impl Iterator<Item = &'static str> {
    let row = PREFIXES
        .iter()
        .find(|[name, _]| name.eq_ignore_ascii_case(service));
    row.into_iter()
        .flat_map(|[_, prefixes]| prefixes.split(' '))
}

fn last_label(service: &str) -> &str {
    service.rsplit('.').next().unwrap_or(service)
}

/// Checks whether two names differ only in hyphens and case: the source `rdsdata`, the prefix `rds-data`.
fn has_letters(service: &str, prefix: &str) -> bool {
    letters(service).eq(letters(prefix))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    let letters = name.bytes().filter(|byte| *byte != b'-');
    letters.map(|byte| byte.to_ascii_lowercase())
}

/// Cuts the list of actions into one block of names for each prefix; a prefix is a line that ends in a colon.
fn blocks(text: &'static str) -> Vec<(&'static str, &'static str)> {
    // Start and end of each prefix. Nothing else has a colon.
    let prefixes: Vec<_> = memchr::memchr_iter(b':', text.as_bytes())
        .map(|colon| (text[..colon].rfind('\n').map_or(0, |at| at + 1), colon))
        .collect();
    let ends = prefixes.iter().skip(1).map(|(start, _)| *start);
    prefixes
        .iter()
        .zip(ends.chain([text.len()]))
        .map(|((start, colon), end)| (&text[*start..*colon], text[colon + 1..end].trim()))
        .collect()
}

/// Returns the third column in the row of a service and a call; the rows must be sorted by these.
///
/// AWS's models name a service by the last label: `sagemaker` for `runtime.sagemaker`.
pub(crate) fn cell(rows: &[Row], service: &str, call: &str) -> Option<&'static str> {
    let of = |service: &str| {
        let at = rows.binary_search_by(|[name, event, _]| (*name, *event).cmp(&(service, call)));
        at.ok().map(|at| rows[at][2])
    };
    let label = last_label(service);
    of(service).or_else(|| (label != service).then(|| of(label)).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(service: &str, call: &str) -> String {
        action_of_call(service, call)
            .map_or_else(String::new, |(prefix, name)| format!("{prefix}:{name}"))
    }

    #[test]
    fn a_call_has_an_action_of_its_own_name_or_of_another() {
        for (service, call, wanted) in [
            ("s3", "GetObject", "s3:GetObject"),
            ("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"),
            ("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration"),
            ("s3", "ListObjectVersions", "s3:ListBucketVersions"),
            ("s3", "CompleteMultipartUpload", "s3:PutObject"),
            ("s3", "GetBucketCors", "s3:GetBucketCORS"),
            (
                "s3",
                "DeleteBucketLifecycle",
                "s3:PutLifecycleConfiguration",
            ),
            ("s3express", "PutObject", "s3express:CreateSession"),
            ("lambda", "Invoke", "lambda:InvokeFunction"),
            ("rdsdata", "ExecuteStatement", "rds-data:ExecuteStatement"),
            ("pinpoint", "SendMessages", "mobiletargeting:SendMessages"),
            ("apigateway", "CreateRestApi", "apigateway:POST"),
            ("apigateway", "DeleteStage", "apigateway:DELETE"),
            ("sagemaker", "CreateModel", "sagemaker:CreateModel"),
            (
                "runtime.sagemaker",
                "InvokeEndpoint",
                "sagemaker:InvokeEndpoint",
            ),
            ("monitoring", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
            ("streams.dynamodb", "GetRecords", "dynamodb:GetRecords"),
            (
                "cloudcontrolapi",
                "CreateResource",
                "cloudformation:CreateResource",
            ),
            (
                "autoscaling",
                "RegisterScalableTarget",
                "application-autoscaling:RegisterScalableTarget",
            ),
            ("budgets", "DescribeBudgets", "budgets:ViewBudget"),
            ("bedrock", "Converse", "bedrock:InvokeModel"),
            ("sqs", "SendMessageBatch", "sqs:SendMessage"),
            ("kms", "ReEncrypt", "kms:ReEncryptFrom"),
        ] {
            assert_eq!(action(service, call), wanted, "{service} {call}");
        }
    }

    #[test]
    fn an_action_that_does_not_exist_is_never_returned() {
        for (service, call) in [
            ("s3", "JobCreated"),
            ("ec2", "SharedSnapshotVolumeCreated"),
            ("signin", "ConsoleLogin"),
            ("sso", "GetRoleCredentials"),
            ("dynamodb", "TransactWriteItems"),
            ("kms", "A"),
            ("kms", "Zz"),
            ("kms", ""),
            ("", "GetObject"),
            ("unknown-service", "GetObject"),
        ] {
            assert_eq!(action(service, call), "", "{service} {call}");
        }
    }

    #[test]
    fn each_action_is_found_by_its_own_name() {
        assert!(NAMES.len() > 400);
        for (prefix, names) in NAMES.iter() {
            assert!(names.lines().count() > 0, "{prefix}");
            for name in names.lines() {
                assert_eq!(named((prefix, names), name), Some((*prefix, name)));
            }
        }
    }

    #[test]
    fn each_row_names_an_action_that_exists() {
        assert!(ROWS.is_sorted() && NAMES.is_sorted() && PREFIXES.is_sorted());
        for [service, call, action] in ROWS.iter() {
            let (prefix, name) = action.split_once(':').unwrap();
            let known = position(prefix).and_then(|at| named(NAMES[at], name));
            assert_eq!(known, Some((prefix, name)), "{service} {call}");
        }
    }

    #[test]
    fn the_prefix_of_a_service_is_its_own_in_each_spelling() {
        for (service, prefix, own) in [
            ("rdsdata", "rds-data", true),
            ("rdsdataapi", "rds-data", true),
            ("amazonmq", "mq", true),
            ("runtime.sagemaker", "sagemaker", true),
            ("athena", "glue", false),
            ("s3", "kms", false),
        ] {
            assert_eq!(is_own_prefix(service, prefix), own, "{service} {prefix}");
        }
    }
}
