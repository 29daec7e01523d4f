//! Finds failures without an error code: calls that succeed as a whole, and events of AWS services that state an outcome.
//!
//! Many calls for several items succeed, and list the items that failed in their response. `hidden_failures.tsv` has these
//! calls, each with the member of the response. The list is explicit. A search for words of failure in all responses
//! would find the empty `unprocessedAccounts` of every GuardDuty call.
//!
//! An event of an AWS service has no request, and so no response. Its name or its details state the outcome.

use std::borrow::Cow;
use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};
use json::Json;
use records::{Record, Text};

use crate::class::Class;
use crate::classification::of_code;
use crate::tsv;

/// Returns the names of the calls that can list failures in their response. A name may occur more than once.
pub fn events() -> impl Iterator<Item = &'static str> {
    rows().map(|(event, _)| event)
}

/// A row of the table: service, event, member of the response, kind, and the members of an entry that say what failed,
/// separated by commas.
pub type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Returns the rows of the table, as its head describes them.
pub fn table() -> impl Iterator<Item = Row> {
    let rows = tsv::rows::<5>(include_str!("hidden_failures.tsv"));
    rows.into_iter().map(Row::from)
}

/// Returns the class of the failure in a record without an error code and message; `None` if there is no failure.
///
/// A failure without a code is [`Class::Other`].
pub fn class(record: &Record<'_>) -> Option<Class> {
    let failure = find(record)?;
    let code = failure.code();
    let class = code.map_or(Class::Other, |code| of_code(record.service(), &code));
    Some(match class {
        Class::Dryrun => Class::Other,
        class => class,
    })
}

/// Returns the code of the failure in a record without an error code; `None` if there is no failure, or if it has no
/// code.
pub fn code<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    find(record)?.code()
}

/// Where a record says that something failed.
enum Failure<'a> {
    /// What failed, as a list or an object in the response or in the details of an event.
    Listed(Json<'a>),
    /// The HTTP status of the response.
    Status(&'a str),
    /// The name of the event, or a number of failures.
    Counted,
}

fn find<'a>(record: &Record<'a>) -> Option<Failure<'a>> {
    if is_service_event(record) {
        return of_service_event(record);
    }
    let event = record.event_name.as_deref()?;
    let members = MEMBERS.get(event)?;
    let response = record.response_elements?;
    members
        .iter()
        .filter(|member| member.service == record.service())
        .find_map(|member| member.failure(response, event))
}

/// Checks whether a record is an event that an AWS service caused itself.
pub fn is_service_event(record: &Record<'_>) -> bool {
    record.event_type.as_deref() == Some("AwsServiceEvent")
}

/// Names of members that state the outcome of an event of an AWS service, in lower case.
///
/// Sources: AWS Control Tower User Guide, "Lifecycle events"; AWS Organizations User Guide, "Logging and monitoring";
/// AWS Backup Developer Guide, "Logging AWS Backup API calls with CloudTrail"; 2026-11-29.
const OUTCOMES: [&str; 4] = ["state", "status", "result", "outcome"];

/// Outcomes that are failures, from the same sources. AWS Backup has ABORTED, EXPIRED and PARTIAL.
const FAILED: [&str; 8] = [
    "failed",
    "failure",
    "error",
    "aborted",
    "expired",
    "partial",
    "timed_out",
    "timedout",
];

/// Depth to which an outcome is searched in the details of an event: the details, and the objects in them.
const OUTCOME_DEPTH: usize = 2;

/// Source for the names: AWS Secrets Manager User Guide, "Log AWS Secrets Manager events with AWS CloudTrail":
/// `RotationFailed`, `TestRotationFailed`; 2026-11-29.
fn of_service_event<'a>(record: &Record<'a>) -> Option<Failure<'a>> {
    let details = record.service_event_details;
    if let Some(failed) = details.and_then(|details| failed_part(details, OUTCOME_DEPTH)) {
        return Some(Failure::Listed(failed));
    }
    let event = record.event_name.as_deref()?;
    (event.ends_with("Failed") || event.ends_with("Failure")).then_some(Failure::Counted)
}

/// Returns the object whose outcome is a failure.
fn failed_part(details: Json<'_>, depth: usize) -> Option<Json<'_>> {
    let (mut failed, mut inner) = (false, None);
    let _ = details.each_field(|key, value| {
        if is_one_of(key, &OUTCOMES) {
            failed |= value
                .text()
                .is_some_and(|text| is_one_of(text.as_bytes(), &FAILED));
        } else if depth > 1 && inner.is_none() {
            inner = failed_part(value, depth - 1);
        }
    });
    if failed { Some(details) } else { inner }
}

fn is_one_of(text: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| text.eq_ignore_ascii_case(name.as_bytes()))
}

/// A member of the response of a call.
struct Member {
    service: &'static str,
    name: &'static str,
    kind: Kind,
}

/// How a member states a failure.
#[derive(Clone, Copy)]
enum Kind {
    /// A list or an object that is not empty.
    List,
    /// A number above 0.
    Count,
    /// An HTTP status of 400 or more.
    Status,
}

/// The members by the name of their call.
static MEMBERS: LazyLock<HashMap<&str, Vec<Member>>> = LazyLock::new(|| {
    let mut members: HashMap<_, Vec<_>> = HashMap::new();
    for (event, member) in rows() {
        members.entry(event).or_default().push(member);
    }
    members
});

fn rows() -> impl Iterator<Item = (&'static str, Member)> {
    table().filter_map(|(service, event, name, kind, _)| {
        let kind = match kind {
            "list" => Kind::List,
            "count" => Kind::Count,
            "status" => Kind::Status,
            _ => return None,
        };
        let member = Member {
            service,
            name,
            kind,
        };
        Some((event, member))
    })
}

impl Member {
    fn failure<'a>(&self, response: Json<'a>, event: &str) -> Option<Failure<'a>> {
        let value = self.value(response, event)?;
        let number = || value.as_str().trim_matches('"').parse::<u32>();
        match self.kind {
            Kind::List => holds_something(value).then_some(Failure::Listed(value)),
            Kind::Count => number()
                .is_ok_and(|count| count > 0)
                .then_some(Failure::Counted),
            Kind::Status => number()
                .is_ok_and(|status| status >= 400)
                .then(|| Failure::Status(value.as_str().trim_matches('"'))),
        }
    }

    /// Returns the value of the member. CloudTrail writes most names with a lower-case first letter, and wraps the
    /// responses of some services, above all Amazon EC2, in an object such as `CreateFlowLogsResponse`.
    fn value<'a>(&self, response: Json<'a>, event: &str) -> Option<Json<'a>> {
        let (mut found, mut wrapped) = (None, None);
        let _ = response.each_field(|key, value| {
            if key.eq_ignore_ascii_case(self.name.as_bytes()) {
                found = value.present();
            } else if matches!(
                key.strip_prefix(event.as_bytes()),
                Some(b"Response" | b"Result")
            ) {
                wrapped = Some(value);
            }
        });
        found.or_else(|| self.value(wrapped?, ""))
    }
}

fn holds_something(value: Json<'_>) -> bool {
    let mut fields = 0;
    let _ = value.each_field(|_, _| fields += 1);
    fields > 0 || !value.elements().is_empty()
}

/// Names of the members that have the code of a failure, in lower case.
const CODES: [&str; 4] = ["errorcode", "failurecode", "code", "failurereason"];

/// Depth to which a code is searched in a list of failures: the list, the failure, its error, and a wrapper of each.
const CODE_DEPTH: usize = 5;

impl<'a> Failure<'a> {
    fn code(&self) -> Option<Text<'a>> {
        match *self {
            Self::Listed(failures) => first_code(failures, CODE_DEPTH).map(in_words),
            Self::Status(status) => Some(Cow::Borrowed(status)),
            Self::Counted => None,
        }
    }
}

/// Returns the first code in a list of failures. A code is one word.
fn first_code(failures: Json<'_>, depth: usize) -> Option<Text<'_>> {
    if depth == 0 {
        return None;
    }
    let (mut code, mut inner) = (None, None);
    let read = failures.each_field(|key, value| {
        if is_one_of(key, &CODES)
            && let Some(text) = value.text().filter(|text| !text.contains(' '))
        {
            code.get_or_insert(text);
        } else if code.is_none() && inner.is_none() && !value.as_str().starts_with('"') {
            inner = first_code(value, depth - 1);
        }
    });
    if read.is_err() {
        let elements = failures.elements();
        return elements
            .into_iter()
            .find_map(|failure| first_code(failure, depth - 1));
    }
    code.or(inner)
}

/// Returns a code such as `EMAIL_ALREADY_EXISTS` in the usual form `EmailAlreadyExists`, and any other code as it is.
fn in_words(code: Text<'_>) -> Text<'_> {
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !code.contains('_') || !code.bytes().all(is_upper) {
        return code;
    }
    let words = code.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_owned() + &rest.to_ascii_lowercase()
    });
    Cow::Owned(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_table_is_a_row() {
        let lines = include_str!("hidden_failures.tsv").lines().count() - 1;
        assert_eq!(rows().count(), lines);
    }

    fn class_of(event: &str) -> Option<Class> {
        class(&Record::parse(event).unwrap())
    }

    fn call(service: &str, name: &str, response: &str) -> Option<Class> {
        class_of(&format!(
            r#"{{"eventSource":"{service}.amazonaws.com","eventName":"{name}","eventType":"AwsApiCall","responseElements":{response}}}"#
        ))
    }

    #[test]
    fn a_response_that_lists_failures_has_the_class_of_their_code() {
        for (service, name, response, class) in [
            (
                "guardduty",
                "CreateMembers",
                r#"{"unprocessedAccounts":[]}"#,
                None,
            ),
            (
                "guardduty",
                "CreateMembers",
                r#"{"unprocessedAccounts":[{"accountId":"111122223333","result":"no member"}]}"#,
                Some(Class::Other),
            ),
            (
                "events",
                "RemoveTargets",
                r#"{"failedEntryCount":1,"failedEntries":[{"targetId":"a","errorCode":"ConcurrentModificationException"}]}"#,
                Some(Class::Conflict),
            ),
            (
                "events",
                "PutTargets",
                r#"{"failedEntryCount":0,"failedEntries":[]}"#,
                None,
            ),
            (
                "events",
                "PutTargets",
                r#"{"failedEntryCount":2}"#,
                Some(Class::Other),
            ),
            (
                "ec2",
                "DeleteFlowLogs",
                r#"{"DeleteFlowLogsResponse":{"unsuccessful":{"item":{"resourceId":"fl-1","error":{"code":"InvalidFlowLogId.NotFound","message":"x"}}}}}"#,
                Some(Class::Absent),
            ),
            (
                "ec2",
                "DeleteFlowLogs",
                r#"{"DeleteFlowLogsResponse":{"unsuccessful":""}}"#,
                None,
            ),
            (
                "tagging",
                "TagResources",
                r#"{"failedResourcesMap":{"arn:aws:sns:us-east-1:111122223333:t":{"statusCode":403,"errorCode":"AccessDeniedException","errorMessage":"no"}}}"#,
                Some(Class::Denied),
            ),
            (
                "lakeformation",
                "BatchGrantPermissions",
                r#"{"failures":[{"requestEntry":{"id":"1"},"error":{"errorCode":"EntityNotFoundException"}}]}"#,
                Some(Class::Absent),
            ),
            ("s3", "PutTargets", r#"{"failedEntryCount":2}"#, None),
            ("ecs", "RunTask", "null", None),
        ] {
            assert_eq!(call(service, name, response), class, "{response}");
        }
    }

    #[test]
    fn a_status_of_400_or_more_is_a_failure() {
        for (status, class) in [
            ("200", None),
            ("401", Some(Class::Auth)),
            ("403", Some(Class::Denied)),
            ("\"429\"", Some(Class::Throttle)),
            ("500", Some(Class::Server)),
            ("418", Some(Class::Other)),
        ] {
            let response = format!(r#"{{"statusCode":{status},"contentType":"x"}}"#);
            let found = call("bedrock-agentcore", "InvokeGateway", &response);
            assert_eq!(found, class, "{status}");
        }
    }

    #[test]
    fn an_event_of_a_service_states_its_outcome() {
        for (name, details, class) in [
            (
                "UpdateLandingZone",
                r#"{"updateLandingZoneStatus":{"state":"FAILED","message":"x"}}"#,
                Some(Class::Other),
            ),
            (
                "UpdateLandingZone",
                r#"{"updateLandingZoneStatus":{"state":"SUCCEEDED"}}"#,
                None,
            ),
            (
                "CreateAccountResult",
                r#"{"createAccountStatus":{"state":"FAILED","failureReason":"EMAIL_ALREADY_EXISTS"}}"#,
                Some(Class::Conflict),
            ),
            (
                "CreateAccountResult",
                r#"{"createAccountStatus":{"state":"FAILED","failureReason":"ACCOUNT_LIMIT_EXCEEDED"}}"#,
                Some(Class::Quota),
            ),
            (
                "BackupJobCompleted",
                r#"{"state":"EXPIRED"}"#,
                Some(Class::Other),
            ),
            ("BackupJobCompleted", r#"{"state":"COMPLETED"}"#, None),
            ("TestRotationFailed", "null", Some(Class::Other)),
            ("RotationSucceeded", "null", None),
        ] {
            let found = class_of(&format!(
                r#"{{"eventSource":"x.amazonaws.com","eventName":"{name}","eventType":"AwsServiceEvent","serviceEventDetails":{details}}}"#
            ));
            assert_eq!(found, class, "{name} {details}");
        }
    }
}
