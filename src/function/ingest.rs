//! The role that processes the events of subscriptions.
//!
//! It answers only after all records are committed. After an error, Lambda sends the event again, and stores the event
//! in the bucket when the last attempt has failed.

use std::time::Duration;

use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws_config::SdkConfig;
use clusters::report::{IngestReport, Metrics, RecordCounts};
use lambda_runtime::Context;
use service::config::IngestSettings;
use service::ingest::rules_loader::RulesLoader;
use service::ingest::stream::payloads;
use service::ingest::subscription::{RetryReason, Subscription};
use service::settings_loader::SettingsLoader;

use crate::Environment;
use crate::invocation::{self, DEADLINE, Function, InvocationError, left, milliseconds, now};
use crate::log::{self, nonzero};
use crate::start::StartError;

/// Name of the role that stores the events of log groups. The program has this role if the environment variable
/// `_HANDLER` has this value.
pub const ROLE: &str = "ingest";

/// Time reserved at the end of an invocation for answering and logging.
const SPARE: Duration = Duration::from_secs(5);

/// State of the role, created once and used for all invocations of this process.
struct Ingest {
    settings: IngestSettings,
    settings_loader: SettingsLoader,
    subscription: Subscription,
    rules_loader: RulesLoader,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
    metrics: Metrics,
}

/// Runs the role that stores the events of log groups: handles invocations until the process ends. `environment`
/// contains all settings.
///
/// # Errors
/// Fails at once if a setting is wrong or the Lambda runtime does not work.
pub async fn run(environment: &Environment) -> Result<(), StartError> {
    let settings = IngestSettings::parse(environment.iter().cloned())
        .map_err(|complaints| StartError::settings(&complaints))?;
    let config = invocation::start(environment, settings.log_level)?;
    invocation::serve(move || Ingest::new(&settings, &config)).await
}

/// Returns the store of clusters and alerts, which is in the DynamoDB table of the stack. It connects to AWS only at
/// the first request.
pub fn store(settings: &IngestSettings, config: &SdkConfig) -> DynamoStore<SdkTable> {
    let table = SdkTable::new(config, &settings.table_name);
    DynamoStore::new(table, TableSettings::of(settings), now())
}

impl Ingest {
    fn new(settings: &IngestSettings, config: &SdkConfig) -> Self {
        Self {
            settings: settings.clone(),
            settings_loader: SettingsLoader::default(),
            subscription: invocation::subscription(settings),
            rules_loader: RulesLoader::new(settings.rules_object.clone()),
            store: store(settings, config),
            bucket: S3Bucket::new(config, &settings.bucket_name),
            metrics: settings.metrics.clone(),
        }
    }

    async fn process(&mut self, event: &str) -> Result<IngestReport, InvocationError> {
        let read = invocation::read_settings(&mut self.settings_loader, &self.bucket).await?;
        if let Some(lists) = read.lists {
            let settings = self.settings.with(&lists);
            self.subscription.set_exclusions(settings.exclusions);
            self.store.set_canaries(settings.canaries);
            self.store.set_further_sinks(settings.further_sinks);
        }
        let rules = invocation::read_rules(&mut self.rules_loader, &self.bucket).await?;
        if let Some(rules) = rules {
            self.subscription.set_rules(rules);
        }
        let now = now();
        self.store.set_now(now);
        let mut report = IngestReport::default();
        for payload in payloads(event) {
            let taken = self
                .subscription
                .take(payload.as_bytes(), now, &mut self.store, &self.bucket)
                .await;
            report = report.and(taken.map_err(|failure| not_committed(&failure))?);
        }
        Ok(report)
    }
}

impl Function for Ingest {
    type Answer = ();

    /// Processes one event, and writes log lines and metrics about its records.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<(), InvocationError> {
        let processed = match left(context, SPARE) {
            Some(left) => tokio::time::timeout(left, self.process(event))
                .await
                .unwrap_or_else(|_| Err(too_late())),
            None => Err(too_late()),
        };
        let request_id = log::short(&context.request_id);
        match processed {
            Ok(invocation) => {
                log_record_counts(&request_id, &invocation);
                log::metrics(invocation.metric_line(&self.metrics, milliseconds()));
                Ok(())
            }
            Err(failed) => {
                let (error, detail) = (failed.name, &failed.message);
                tracing::error!(
                    request_id,
                    error,
                    detail,
                    "not committed; the event has to be sent again"
                );
                Err(failed)
            }
        }
    }
}

/// The number of excluded accounts, and of log groups, that a log line names.
const EXCLUDED_SHOWN: usize = 20;

fn too_late() -> InvocationError {
    InvocationError {
        name: DEADLINE,
        message: "not committed before the deadline of the invocation".to_owned(),
    }
}

fn not_committed(failure: &RetryReason) -> InvocationError {
    InvocationError {
        name: failure.name(),
        message: invocation::error_text(failure),
    }
}

fn log_record_counts(request_id: &str, invocation: &IngestReport) {
    let record_counts = &invocation.record_counts;
    if let Some(key) = &invocation.quarantined_as {
        let reason = invocation.payload_fault.unwrap_or("records");
        let records = record_counts.quarantined();
        tracing::warn!(request_id, key, reason, records, "quarantined");
    }
    tracing::info!(
        request_id,
        read = record_counts.read,
        not_selected = record_counts.not_selected(),
        clustered = record_counts.clustered,
        duplicate = record_counts.duplicate,
        ignored = record_counts.ignored(),
        excluded_accounts = record_counts.excluded_text(EXCLUDED_SHOWN),
        excluded_log_groups = record_counts.excluded_log_groups_text(EXCLUDED_SHOWN),
        ignored_self = nonzero(record_counts.ignored_own()),
        self_denied = nonzero(record_counts.own_refusals),
        quarantined = record_counts.quarantined(),
        control_messages = nonzero(record_counts.control_messages),
        errors = nonzero(record_counts.errors()),
        drills = (!invocation.drills.is_empty()).then(|| invocation.drills.join(" ")),
        no_drills = nonzero(invocation.no_drills),
        classes = classes(record_counts),
        new_clusters = nonzero(invocation.new_clusters),
        unknown_codes = nonzero(record_counts.unknown_codes),
        unknown_denials = nonzero(record_counts.unknown_denials),
        source_lag_seconds = invocation.source_lag_seconds,
        own_lag_seconds = invocation.own_lag_seconds,
        store_calls = invocation.store_calls,
        write_units = invocation.write_units,
        "committed"
    );
    if !record_counts.balances() {
        tracing::error!(request_id, "the totals do not balance; please report this");
    }
}

/// Returns the number of records of each class, such as `denied=2 auth=1`; `None` if no record has a class.
fn classes(record_counts: &RecordCounts) -> Option<String> {
    let classes = record_counts.classes.iter();
    let texts: Vec<String> = classes
        .map(|(class, records)| format!("{}={records}", class.name()))
        .collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}
