//! The function that takes stock every hour: it takes back in what failed, and then inspects the hours
//! that are over.

use std::time::Duration;

use aws_config::SdkConfig;
use cloudtrail_inspector::aws::bucket::S3Bucket;
use cloudtrail_inspector::aws::dynamodb::DynamoStore;
use cloudtrail_inspector::aws::dynamodb::sdk::SdkTable;
use cloudtrail_inspector::config::IngestSettings;
use cloudtrail_inspector::inspect::run::{Failure, Inspected, Plan, run as inspect};
use lambda_runtime::Context;

use crate::Environment;
use crate::ingest::store;
use crate::invocation::{self, Failed, Function, MachineClock, left, milliseconds, now};
use crate::log;
use crate::start::Refusal;

/// The name of the role, and of the function in metrics.
pub const ROLE: &str = "inspect";

/// What is left of an invocation's time to write down what was found out.
const SPARE: Duration = Duration::from_secs(30);

/// How much of what could not be read is logged.
const DAMAGED_MAX: usize = 10;

/// What is made once and used for one invocation after another.
struct Inspect {
    settings: IngestSettings,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
}

/// Answers one invocation after another.
pub async fn run(environment: &Environment) -> Result<(), Refusal> {
    let settings = IngestSettings::parse(environment.iter().cloned())
        .map_err(|complaints| Refusal::settings(&complaints))?;
    let config = invocation::start(environment, settings.log_level)?;
    invocation::serve(move || Inspect::new(&settings, &config)).await
}

impl Inspect {
    fn new(settings: &IngestSettings, config: &SdkConfig) -> Self {
        Self {
            settings: settings.clone(),
            store: store(settings, config),
            bucket: S3Bucket::new(config, &settings.bucket_name),
        }
    }
}

impl Function for Inspect {
    /// Takes stock. The event says nothing that matters: it is a reason to look.
    async fn invoke(&mut self, _event: &str, context: &Context) -> Result<(), Failed> {
        let request_id = log::short(&context.request_id);
        self.store.set_now(now());
        let left = left(context, SPARE).unwrap_or_default();
        let plan = Plan {
            retention_days: self.settings.retention_days.into(),
            deadline: milliseconds() + i64::try_from(left.as_millis()).unwrap_or_default(),
        };
        let inspected = inspect(&mut self.store, &self.bucket, &MachineClock, plan).await;
        match inspected {
            Ok(inspected) => conclude(&request_id, &inspected),
            Err(failure) => Err(not_inspected(&request_id, &failure)),
        }
    }
}

/// Says in the log and in metrics what a run did. One that could not make everything true has failed.
fn conclude(request_id: &str, inspected: &Inspected) -> Result<(), Failed> {
    if let Some(why) = &inspected.anew {
        let why = log::short(why);
        tracing::warn!(request_id, why, "the chronicle was made anew");
    }
    for damaged in inspected.damaged.iter().take(DAMAGED_MAX) {
        let detail = log::short(damaged);
        tracing::error!(request_id, detail, "left out, as it cannot be read");
    }
    let counts = &inspected.counts;
    tracing::info!(
        request_id,
        hours = counts.hours,
        late_hours = counts.late_hours,
        events = counts.events,
        settled = counts.settled,
        clusters = counts.clusters,
        open_clusters = counts.open_clusters,
        blind_accounts = counts.blind_accounts,
        behind_hours = counts.behind_hours,
        damaged = counts.damaged,
        failed = counts.failed,
        "inspected"
    );
    log::metrics(&counts.metric_line(ROLE, milliseconds()));
    match inspected.failed.first() {
        None => Ok(()),
        Some(error) => {
            let detail = invocation::told(error);
            tracing::error!(
                request_id,
                detail,
                "not all is settled; the next run goes on"
            );
            Err(Failed {
                name: "NotSettled",
                message: detail,
            })
        }
    }
}

fn not_inspected(request_id: &str, failure: &Failure) -> Failed {
    let detail = invocation::told(failure);
    tracing::error!(request_id, detail, "not inspected; the next run goes on");
    Failed {
        name: failure.name(),
        message: detail,
    }
}
