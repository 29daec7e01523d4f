//! What the inspection mends: it takes back in what the function that takes events failed at, looks
//! whether the log groups are still read, and reads hours again in which nothing came.

use cloudtrail_inspector::aws::bucket::S3Bucket;
use cloudtrail_inspector::aws::dynamodb::DynamoStore;
use cloudtrail_inspector::aws::dynamodb::sdk::SdkTable;
use cloudtrail_inspector::aws::logs::CloudWatchLogs;
use cloudtrail_inspector::config::inspect::InspectSettings;
use cloudtrail_inspector::ingest::backfill::{Mark, Source, backfill};
use cloudtrail_inspector::ingest::diagnosis::{Expected, of_subscription};
use cloudtrail_inspector::ingest::intake::Intake;
use cloudtrail_inspector::ingest::redrive::{ROUND_OBJECTS_MAX, Redriven, Round, redrive};
use cloudtrail_inspector::ports::LogGroups as _;
use cloudtrail_inspector::trail::time::EventTime;

use crate::invocation;
use crate::log;

/// How many objects of a round are named in the log.
const LOGGED_MAX: usize = 10;

/// How many hours are read again at most in one run.
const HOURS_MAX: i64 = 24;

/// What is needed to take events in.
pub type Taking<'i> = Intake<'i, DynamoStore<SdkTable>, S3Bucket>;

/// What came of failed invocations that were taken back in.
#[derive(Debug, Default)]
pub struct TakenBack {
    /// How many events were taken.
    pub payloads: u64,
    /// How many objects stay in the bucket.
    pub left: u64,
}

/// Takes failed invocations back in, round after round: what is left in one must not stand in the way
/// of what comes behind it.
pub async fn take_back(
    request_id: &str,
    settings: &InspectSettings,
    intake: &mut Taking<'_>,
    mut is_over: impl FnMut() -> bool,
) -> TakenBack {
    let mut back = TakenBack::default();
    let mut after = None;
    loop {
        let round = Round {
            function: &settings.ingest_function,
            after: after.as_deref(),
            objects_max: ROUND_OBJECTS_MAX,
        };
        let redriven = redrive(&round, intake, &mut is_over).await;
        log_round(request_id, &redriven);
        back.payloads += redriven.taken.payloads;
        back.left += (redriven.left.len() + redriven.failed.len()) as u64;
        after = redriven.next;
        if redriven.stopped.is_some() || after.is_none() {
            return back;
        }
    }
}

fn log_round(request_id: &str, redriven: &Redriven) {
    for left in redriven.left.iter().take(LOGGED_MAX) {
        let (key, reason) = (log::short(&left.key), left.reason.name());
        tracing::warn!(request_id, key, reason, "left in the bucket");
    }
    for failed in redriven.failed.iter().take(LOGGED_MAX) {
        let (key, detail) = (log::short(&failed.key), invocation::told(&failed.failure));
        tracing::error!(
            request_id,
            key,
            detail,
            "failed again; it stays in the bucket"
        );
    }
    if let Some(stopped) = &redriven.stopped {
        let detail = invocation::told(stopped);
        tracing::error!(request_id, detail, "not all that failed was taken back in");
    }
    if redriven.taken.payloads > 0 {
        let (payloads, records) = (redriven.taken.payloads, redriven.taken.books.read);
        tracing::info!(request_id, payloads, records, "taken back in");
    }
}

/// Returns what is wrong with the subscription of a log group: a stable name and a sentence.
pub async fn diagnosis(
    request_id: &str,
    settings: &InspectSettings,
    logs: &CloudWatchLogs,
) -> Option<(String, String)> {
    let mut found = None;
    for group in &settings.log_groups {
        let expected = Expected {
            group,
            filter: &settings.filter_name,
            pattern: &settings.filter_pattern,
            function: &settings.ingest_function,
        };
        match logs.subscribed(group, &settings.filter_name).await {
            Ok(subscribed) => {
                let Some(diagnosis) = of_subscription(&expected, subscribed) else {
                    continue;
                };
                let (name, sentence) = (diagnosis.name(), format!("{group}: {diagnosis}"));
                tracing::error!(
                    request_id,
                    error = name,
                    detail = sentence,
                    "not subscribed"
                );
                found = found.or(Some((name.to_owned(), sentence)));
            }
            Err(error) => {
                let detail = invocation::told(&error);
                tracing::warn!(request_id, detail, "cannot look at the subscription");
            }
        }
    }
    found
}

/// Reads the log groups again since a moment, for a day at most, and returns how many records they had.
pub async fn read_again(
    request_id: &str,
    (settings, owner): (&InspectSettings, &str),
    (since, until): (EventTime, EventTime),
    logs: &CloudWatchLogs,
    intake: &mut Taking<'_>,
    mut is_over: impl FnMut() -> bool,
) -> u64 {
    let first = until.window().plus(-HOURS_MAX).start();
    let mut records = 0;
    for group in &settings.log_groups {
        let source = Source {
            group,
            pattern: &settings.filter_pattern,
            owner,
        };
        let from = Mark::at(since.max(first));
        let done = backfill(&source, from, until, logs, intake, &mut is_over).await;
        let (pages, read) = (done.pages, done.taken.books.read);
        records += read;
        tracing::info!(request_id, group, pages, read, "read the log group again");
        if let Some(stopped) = &done.stopped {
            let detail = invocation::told(stopped);
            tracing::warn!(request_id, group, detail, "not read to the end");
        }
    }
    records
}
