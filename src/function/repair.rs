//! The repairs of the inspection: redrive, checks of subscriptions and log groups, and gap repair.
//!
//! Redrive processes the events of failed invocations again. Gap repair reads hours of log groups again from which
//! events were lost.

use aws::bucket::S3Bucket;
use aws::dynamodb::DynamoStore;
use aws::dynamodb::sdk::SdkTable;
use aws::logs::CloudWatchLogs;
use aws::metrics::CloudWatch;
use records::time::Timestamp;
use service::config::inspect::InspectSettings;
use service::ingest::diagnosis::{Expected, SilenceCause, of_subscription};
use service::ingest::gap_repair::{GapRepair, RepairResult, RepairSource};
use service::ingest::gaps::{LOOK_BACK_HOURS, SubscriptionState};
use service::ingest::redrive::{ROUND_OBJECTS_MAX, RedriveBatch, Redriven, redrive};
use service::ingest::replay_input::ReplayInput;
use service::inspect::flow::{self, Watched};
use service::ports::{Bucket, Deliveries as _, DeliveryPath, LogGroups as _};

use crate::invocation::{self, MachineClock};
use crate::log;

/// Maximum number of objects of one batch that are named in the log.
const LOGGED_MAX: usize = 10;

/// Maximum number of past hours that are read again because an account sent no events.
const HOURS_MAX: i64 = 24;

/// The subscription, the store and the bucket through which redrive and gap repair process events again.
pub type EventInput<'i> = ReplayInput<'i, DynamoStore<SdkTable>, S3Bucket>;

/// Result of a redrive, which processes the payloads of failed invocations again. Lambda writes each of them to an
/// object in the bucket.
#[derive(Debug, Default)]
pub struct RedriveResult {
    /// Number of payloads of failed invocations that were processed.
    pub payloads: u64,
    /// Number of objects with failed invocations that stay in the bucket, because they were skipped or failed again.
    pub left: u64,
}

/// Processes the payloads of failed invocations again, until all are processed or `is_over` returns `true`. Lambda
/// writes each of them to an object in the bucket.
///
/// The objects are read in batches. Objects that stay in the bucket do not block the objects after them.
pub async fn redrive_failed(
    request_id: &str,
    settings: &InspectSettings,
    replay_input: &mut EventInput<'_>,
    mut is_over: impl FnMut() -> bool,
) -> RedriveResult {
    let mut result = RedriveResult::default();
    let mut after = None;
    loop {
        let batch = RedriveBatch {
            function: &settings.ingest_function,
            after: after.as_deref(),
            objects_max: ROUND_OBJECTS_MAX,
        };
        let redriven = redrive(&batch, replay_input, &mut is_over).await;
        log_batch(request_id, &redriven);
        result.payloads += redriven.taken.payloads;
        result.left += (redriven.left.len() + redriven.failed.len()) as u64;
        after = redriven.next;
        if redriven.stopped.is_some() || after.is_none() {
            return result;
        }
    }
}

fn log_batch(request_id: &str, redriven: &Redriven) {
    for left in redriven.left.iter().take(LOGGED_MAX) {
        let (key, reason) = (log::short(&left.key), left.reason.name());
        tracing::warn!(request_id, key, reason, "left in the bucket");
    }
    for failed in redriven.failed.iter().take(LOGGED_MAX) {
        let (key, detail) = (
            log::short(&failed.key),
            invocation::error_text(&failed.failure),
        );
        tracing::error!(
            request_id,
            key,
            detail,
            "failed again; it stays in the bucket"
        );
    }
    if let Some(stopped) = &redriven.stopped {
        let detail = invocation::error_text(stopped);
        tracing::error!(
            request_id,
            detail,
            "redrive stopped before all failed invocations were processed"
        );
    }
    if redriven.taken.payloads > 0 {
        let (payloads, records) = (redriven.taken.payloads, redriven.taken.record_counts.read);
        tracing::info!(
            request_id,
            payloads,
            records,
            "processed failed invocations again"
        );
    }
}

/// Checks whether the subscription of each log group sends its events to the ingest function.
///
/// Returns one state for each log group, in the order of the settings. Also returns the first wrong subscription, as a
/// stable name of the problem and a sentence; `None` if none is wrong.
pub async fn check_subscriptions(
    request_id: &str,
    settings: &InspectSettings,
    logs: &CloudWatchLogs,
) -> (Vec<SubscriptionState>, Option<(String, String)>) {
    let (mut states, mut found) = (Vec::new(), None);
    for group in &settings.log_groups {
        let expected = Expected {
            group,
            filter: &settings.ingest_function,
            pattern: &settings.filter_pattern,
            function: &settings.ingest_function,
        };
        match logs.subscribed(group, &settings.ingest_function).await {
            Ok(subscribed) => {
                let diagnosis = of_subscription(&expected, subscribed);
                states.push(SubscriptionState::of(diagnosis.as_ref()));
                if let Some(diagnosis) = diagnosis {
                    let problem = not_subscribed(request_id, group, &diagnosis);
                    found = found.or(Some(problem));
                }
            }
            Err(error) => {
                let detail = invocation::error_text(&error);
                tracing::warn!(request_id, detail, "cannot check the subscription");
                states.push(SubscriptionState::Unknown);
            }
        }
    }
    (states, found)
}

fn not_subscribed(request_id: &str, group: &str, diagnosis: &SilenceCause) -> (String, String) {
    let (name, sentence) = (diagnosis.name(), format!("{group}: {diagnosis}"));
    tracing::error!(
        request_id,
        error = name,
        detail = sentence,
        "not subscribed"
    );
    (name.to_owned(), sentence)
}

/// Checks whether events are still written to the log groups. Stops at `deadline`, in milliseconds since 1970.
///
/// Returns why the first log group without new events is considered silent, as a stable name and a sentence. `None` if
/// all log groups have events, or the check failed.
pub async fn check_log_groups(
    request_id: &str,
    (settings, deadline): (&InspectSettings, i64),
    store: &mut DynamoStore<SdkTable>,
    bucket: &S3Bucket,
    logs: &CloudWatchLogs,
) -> Option<(String, String)> {
    let watched = Watched {
        groups: &settings.log_groups,
        account_id: &settings.keys.account_id,
        deadline,
    };
    match flow::look(store, bucket, logs, &MachineClock, watched).await {
        Ok(looked) => {
            for detail in &looked.failed {
                let detail = log::short(detail);
                tracing::warn!(request_id, detail, "cannot check the log group");
            }
            looked.diagnosis()
        }
        Err(failure) => {
            let detail = invocation::error_text(&failure);
            tracing::error!(
                request_id,
                detail,
                "it was not checked whether the log groups get events"
            );
            None
        }
    }
}

/// Reads the saved list of gaps, which are periods whose events were lost. Adds gaps that follow from `states` and
/// from CloudWatch's metrics of failed deliveries.
///
/// `states` has one state for each log group, from [`check_subscriptions`]. `None` if the bucket does not answer,
/// because then it is not known which gaps are already repaired.
pub async fn find_gaps(
    request_id: &str,
    (settings, states): (&InspectSettings, &[SubscriptionState]),
    now: Timestamp,
    metrics: &CloudWatch,
    bucket: &S3Bucket,
) -> Option<GapRepair> {
    let groups = &settings.log_groups;
    let (mut gap_repair, unreadable) = match GapRepair::open(bucket, groups, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let detail = invocation::error_text(&error);
            tracing::error!(request_id, detail, "gaps are not searched in this run");
            return None;
        }
    };
    if let Some(unreadable) = unreadable {
        let why = log::short(&unreadable.to_string());
        tracing::warn!(
            request_id,
            why,
            "the list of gaps cannot be read; gaps are searched again"
        );
    }
    for (group, state) in groups.iter().zip(states) {
        gap_repair.stands(group, *state);
    }
    if groups.is_empty() {
        return Some(gap_repair);
    }
    let path = DeliveryPath {
        groups,
        filter: &settings.ingest_function,
        function: &settings.ingest_function,
    };
    let until = now.window();
    match metrics
        .failures(&path, until.plus(-LOOK_BACK_HOURS), until)
        .await
    {
        Ok(failures) => gap_repair.lost(&failures),
        Err(error) => {
            let detail = invocation::error_text(&error);
            tracing::warn!(request_id, detail, "cannot look for lost events");
        }
    }
    Some(gap_repair)
}

/// Reads the log groups again for all known gaps, which are periods whose events were lost, and saves which gaps were
/// read. Stops when `is_over` returns `true`.
pub async fn repair_gaps(
    request_id: &str,
    settings: &InspectSettings,
    gap_repair: &mut GapRepair,
    logs: &CloudWatchLogs,
    replay_input: &mut EventInput<'_>,
    is_over: impl FnMut() -> bool,
) -> RepairResult {
    let repaired = gap_repair
        .repair_gaps(origin(settings), logs, replay_input, is_over)
        .await;
    conclude(request_id, &repaired, gap_repair, replay_input.bucket).await;
    repaired
}

/// Reads the log groups again from `since` until now, at most 24 hours back. Stops when `is_over` returns `true`.
///
/// Hours that this run has already read as gaps are left out.
pub async fn read_again(
    request_id: &str,
    settings: &InspectSettings,
    (gap_repair, since): (&mut GapRepair, Timestamp),
    logs: &CloudWatchLogs,
    replay_input: &mut EventInput<'_>,
    is_over: impl FnMut() -> bool,
) -> RepairResult {
    let first = gap_repair.now().window().plus(-HOURS_MAX).start();
    let of = (&*settings.log_groups, since.max(first));
    let repaired = gap_repair
        .read_since(of, origin(settings), logs, replay_input, is_over)
        .await;
    conclude(request_id, &repaired, gap_repair, replay_input.bucket).await;
    repaired
}

fn origin(settings: &InspectSettings) -> RepairSource<'_> {
    RepairSource {
        pattern: &settings.filter_pattern,
        owner: &settings.keys.account_id,
    }
}

/// Logs the result of reading log groups again, and saves the list of gaps.
async fn conclude(
    request_id: &str,
    repaired: &RepairResult,
    gap_repair: &mut GapRepair,
    bucket: &impl Bucket,
) {
    for (group, again) in &repaired.groups {
        let (hours, pages, read) = (again.hours, again.pages, again.records);
        tracing::info!(
            request_id,
            group,
            hours,
            pages,
            read,
            "read the log group again"
        );
    }
    for (group, stopped) in &repaired.stopped {
        let detail = invocation::error_text(stopped);
        tracing::warn!(
            request_id,
            group,
            detail,
            "the log group was not read to the end"
        );
    }
    if let Err(error) = gap_repair.keep(bucket).await {
        let detail = invocation::error_text(&error);
        tracing::error!(request_id, detail, "the list of gaps could not be saved");
    }
}
