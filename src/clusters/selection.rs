//! Decides whether a record is a failure.
//!
//! A failure has an error code or an error message, or is a failed sign-in, or `hidden_failures` finds a failure in it.
//! A record that is none may still be a sensitive call, which `watch` decides.

use std::sync::{Arc, LazyLock};

use json::Json;
use json::prefilter::Prefilter;
use records::Record;

use crate::class::Class;
use crate::classification::of_failure;
use crate::hidden_failures;
use crate::watch::Watches;

/// The result of [`select`] for one record: whether it goes into a cluster, with its class, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The record is a failure, and goes into a cluster.
    Clustered(Class),
    /// The record has an error, but is left out for this reason, such as `dry_run`.
    Ignored(Class, &'static str),
    /// The record is no failure, for this reason, such as `no_error` or `insight`. With [`NO_ERROR`] it may be a sensitive
    /// call.
    NotSelected(&'static str),
}

/// The reason in [`Selection::NotSelected`] for a call that succeeded and is not a sensitive call.
pub const NO_ERROR: &str = "no_error";

/// The reason in [`Selection::NotSelected`] for JSON that is not a CloudTrail event.
pub const NO_EVENT: &str = "not_an_api_event";

/// A filter that recognizes most records of calls that succeeded, so that they need not be parsed.
///
/// For each record that the filter recognizes, [`select`] would return [`Selection::NotSelected`] with [`NO_ERROR`], and
/// no watch of the table would select it.
pub static PREFILTER: LazyLock<Arc<Prefilter>> =
    LazyLock::new(|| Arc::new(prefilter(&Watches::default())));

/// The same filter, which also lets the calls of the ledger through ([`Watches::of_ledger`]).
pub static PREFILTER_WITH_LEDGER: LazyLock<Arc<Prefilter>> =
    LazyLock::new(|| Arc::new(prefilter_with_ledger(&Watches::default())));

/// Makes the filter that recognizes records that neither [`select`] nor one of these watches selects.
pub fn prefilter(watches: &Watches) -> Prefilter {
    Prefilter::new(names(watches))
}

/// Makes the same filter, which also lets the calls of the ledger through ([`Watches::of_ledger`]).
pub fn prefilter_with_ledger(watches: &Watches) -> Prefilter {
    let ledger = Watches::of_ledger();
    let mut names = names(watches);
    names.extend(ledger.actions());
    Prefilter::new(names)
}

/// Returns the names of calls that may be selected without an error code.
fn names(watches: &Watches) -> Vec<&str> {
    let mut names: Vec<&str> = selected_calls().collect();
    names.extend(watches.actions());
    names
}

/// Returns the names of API calls that [`select`] can select without an error code: sign-ins and calls that list
/// failures in their response. A name may occur more than once.
///
/// Events that AWS services caused themselves are not among them: events with any name can be selected.
pub fn selected_calls() -> impl Iterator<Item = &'static str> {
    let signins = SIGNINS.iter().copied();
    signins.chain(hidden_failures::events())
}

/// Decides whether a record is a failure, and of which class.
///
/// Rules and exclusions of the user are applied later.
pub fn select(record: &Record<'_>) -> Selection {
    if let Some(reason) = not_an_api_event(record) {
        return Selection::NotSelected(reason);
    }
    if failed_signin(record) {
        return Selection::Clustered(Class::Signin);
    }
    let message = record.error_message.as_deref();
    let Some(code) = record.error_code.as_deref() else {
        return select_without_code(record);
    };
    let event_name = record.event_name.as_deref().unwrap_or_default();
    let call = (record.service(), event_name);
    match of_failure(call, code, message.unwrap_or_default()) {
        Class::Dryrun => Selection::Ignored(Class::Dryrun, "dry_run"),
        _ if record.event_type.as_deref() == Some("AwsVpceEvent") => {
            Selection::Clustered(Class::Vpce)
        }
        class => Selection::Clustered(class),
    }
}

fn select_without_code(record: &Record<'_>) -> Selection {
    if record.error_message.is_some() {
        return Selection::Clustered(Class::Other);
    }
    match hidden_failures::class(record) {
        Some(class) => Selection::Clustered(class),
        None => Selection::NotSelected(NO_ERROR),
    }
}

/// Returns the reason why a record is not an event of a call; `None` if it is one.
///
/// An aggregated event counts the calls of five minutes and is not a call itself. It has its own reason, so that users
/// see that the failures that it counts are not in the result. Source: AWS CloudTrail User Guide, "CloudTrail record
/// contents for aggregated events".
fn not_an_api_event(record: &Record<'_>) -> Option<&'static str> {
    let insight = |text: &str| text.eq_ignore_ascii_case("AwsCloudTrailInsight");
    if record.event_type.as_deref().is_some_and(insight) {
        return Some("insight");
    }
    if record.event_type.as_deref() == Some("AwsAggregatedEvent") {
        return Some("aggregated");
    }
    // Kinesis, SQS and others also have events with a source and a name; their sources begin with `aws:`.
    let source = record.event_source.as_deref();
    if source.is_some_and(|source| source.starts_with("aws:")) {
        return Some(NO_EVENT);
    }
    // A failure is selected even if either its event source or its event name is missing.
    let failed = record.error_code.is_some() || record.error_message.is_some();
    match (record.event_source.is_some(), record.event_name.is_some()) {
        (true, true) => return None,
        (true, false) | (false, true) if failed => return None,
        _ => {}
    }
    Some(match record {
        Record {
            insight_details: Some(_),
            ..
        } => "insight",
        Record {
            is_digest: true, ..
        } => "digest",
        _ => NO_EVENT,
    })
}

/// Sign-in events; an element with the name of the event contains `Success` or `Failure`.
///
/// Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events"; IAM Identity Center User Guide,
/// "Understanding IAM Identity Center sign-in events".
pub const SIGNINS: [&str; 6] = [
    "ConsoleLogin",
    "CheckMfa",
    "CredentialVerification",
    "ExternalIdPDirectoryLogin",
    "SwitchRole",
    "UserAuthentication",
];

fn failed_signin(record: &Record<'_>) -> bool {
    let event = record.event_name.as_deref().unwrap_or_default();
    if !SIGNINS.contains(&event) || !matches!(record.service(), "signin" | "sso") {
        return false;
    }
    let failure = |element: Option<Json<'_>>| {
        let outcome = element.and_then(|element| element.text_at(&[event]));
        outcome.is_some_and(|outcome| outcome.eq_ignore_ascii_case("failure"))
    };
    record.error_code.is_some()
        || record.error_message.is_some()
        || failure(record.response_elements)
        || failure(record.service_event_details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(json: &str) -> Selection {
        select(&Record::parse(json).unwrap())
    }

    #[test]
    fn records_without_a_failed_call_are_not_selected_and_have_a_reason() {
        for (json, reason) in [
            (
                r#"{"eventType":"AwsCloudTrailInsight","errorCode":"x"}"#,
                "insight",
            ),
            (r#"{"digestS3Object":"x"}"#, "digest"),
            (r#"{"hello":"world"}"#, "not_an_api_event"),
            (
                r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorCode":""}"#,
                "no_error",
            ),
        ] {
            assert_eq!(selected(json), Selection::NotSelected(reason));
        }
    }
}
