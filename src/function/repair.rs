//! What the inspection mends: it takes back in what the function that takes events failed at, looks
//! whether the log groups are still read, and reads hours again of which something was lost.

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

/// How many objects of a round are named in the log.
const LOGGED_MAX: usize = 10;

/// How many hours are read again at most because nothing came.
const HOURS_MAX: i64 = 24;

/// What is needed to take events in.
pub type EventInput<'i> = ReplayInput<'i, DynamoStore<SdkTable>, S3Bucket>;

/// What came of failed invocations that were taken back in.
#[derive(Debug, Default)]
pub struct RedriveResult {
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
    replay_input: &mut EventInput<'_>,
    mut is_over: impl FnMut() -> bool,
) -> RedriveResult {
    let mut back = RedriveResult::default();
    let mut after = None;
    loop {
        let round = RedriveBatch {
            function: &settings.ingest_function,
            after: after.as_deref(),
            objects_max: ROUND_OBJECTS_MAX,
        };
        let redriven = redrive(&round, replay_input, &mut is_over).await;
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
        let (payloads, records) = (redriven.taken.payloads, redriven.taken.record_counts.read);
        tracing::info!(request_id, payloads, records, "taken back in");
    }
}

/// Returns how the subscription of each log group stands, and what is wrong with the first that is not as
/// it should be: a stable name and a sentence.
pub async fn look(
    request_id: &str,
    settings: &InspectSettings,
    logs: &CloudWatchLogs,
) -> (Vec<SubscriptionState>, Option<(String, String)>) {
    let (mut standings, mut found) = (Vec::new(), None);
    for group in &settings.log_groups {
        let expected = Expected {
            group,
            filter: &settings.filter_name,
            pattern: &settings.filter_pattern,
            function: &settings.ingest_function,
        };
        match logs.subscribed(group, &settings.filter_name).await {
            Ok(subscribed) => {
                let diagnosis = of_subscription(&expected, subscribed);
                standings.push(SubscriptionState::of(diagnosis.as_ref()));
                if let Some(diagnosis) = diagnosis {
                    let said = not_subscribed(request_id, group, &diagnosis);
                    found = found.or(Some(said));
                }
            }
            Err(error) => {
                let detail = invocation::told(&error);
                tracing::warn!(request_id, detail, "cannot look at the subscription");
                standings.push(SubscriptionState::Unknown);
            }
        }
    }
    (standings, found)
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

/// Looks whether anything is written to the log groups, and returns what is wrong with the first to which
/// nothing is: a stable name and a sentence.
pub async fn look_at_flow(
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
                tracing::warn!(request_id, detail, "cannot look at the log group");
            }
            looked.diagnosis()
        }
        Err(failure) => {
            let detail = invocation::told(&failure);
            tracing::error!(
                request_id,
                detail,
                "nobody looked whether the log groups flow"
            );
            None
        }
    }
}

/// Opens what is known of gaps and takes in how the subscriptions stand and what CloudWatch says was lost;
/// nothing where the bucket does not answer, as nobody knows then what was repaired.
pub async fn find_gaps(
    request_id: &str,
    (settings, standings): (&InspectSettings, &[SubscriptionState]),
    now: Timestamp,
    metrics: &CloudWatch,
    bucket: &S3Bucket,
) -> Option<GapRepair> {
    let groups = &settings.log_groups;
    let (mut gap_repair, unreadable) = match GapRepair::open(bucket, groups, now).await {
        Ok(opened) => opened,
        Err(error) => {
            let detail = invocation::told(&error);
            tracing::error!(request_id, detail, "gaps are not looked for");
            return None;
        }
    };
    if let Some(unreadable) = unreadable {
        let why = log::short(&unreadable.to_string());
        tracing::warn!(request_id, why, "gaps are looked for anew");
    }
    for (group, standing) in groups.iter().zip(standings) {
        gap_repair.stands(group, *standing);
    }
    if groups.is_empty() {
        return Some(gap_repair);
    }
    let path = DeliveryPath {
        groups,
        filter: &settings.filter_name,
        function: &settings.ingest_function,
    };
    let until = now.window();
    match metrics
        .failures(&path, until.plus(-LOOK_BACK_HOURS), until)
        .await
    {
        Ok(failures) => gap_repair.lost(&failures),
        Err(error) => {
            let detail = invocation::told(&error);
            tracing::warn!(request_id, detail, "cannot look for lost events");
        }
    }
    Some(gap_repair)
}

/// Reads gaps again, and notes down what was read.
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

/// Reads the log groups again since a moment, for a day at most, but for what this run has read of them.
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

/// Says what was read, and notes it down.
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
        let detail = invocation::told(stopped);
        tracing::warn!(request_id, group, detail, "not read to the end");
    }
    if let Err(error) = gap_repair.keep(bucket).await {
        let detail = invocation::told(&error);
        tracing::error!(request_id, detail, "what was read again is not noted down");
    }
}
