//! The role that inspects the clusters every hour.
//!
//! A run first processes failed invocations again and repairs gaps, by reading log groups again where events were lost.
//! Then it inspects the hours that are over, and looks at the last nightly drill. If an account has sent no events for some time, it reads the log groups of
//! that time again.

use std::time::{Duration, Instant};

use aws::bucket::S3Bucket;
use aws::dynamodb::DynamoStore;
use aws::dynamodb::sdk::SdkTable;
use aws::iam::Iam;
use aws::logs::CloudWatchLogs;
use aws::metrics::CloudWatch;
use aws_config::SdkConfig;
use lambda_runtime::Context;
use service::config::inspect::InspectSettings;
use service::config::setup::Setup;
use service::ingest::gap_repair::{GapRepair, RepairResult};
use service::ingest::replay_input::ReplayInput;
use service::ingest::rules_loader::RulesLoader;
use service::ingest::subscription::Subscription;
use service::inspect::run::{Inspected, InspectionError, RunLimits, run as inspect};
use service::ports::SetupStore as _;
use service::settings_loader::SettingsLoader;

use crate::Environment;
use crate::drills;
use crate::ingest::store;
use crate::invocation::{self, Function, InvocationError, MachineClock, left, milliseconds, now};
use crate::log::{self, nonzero};
use crate::repair::{self, EventInput, RedriveResult};
use crate::start::StartError;

/// Name of the role that inspects the clusters every hour. The program has this role if the environment variable
/// `_HANDLER` has this value.
pub const ROLE: &str = "inspect";

/// Time reserved at the end of an invocation for saving the results.
const SPARE: Duration = Duration::from_secs(30);

/// Maximum number of unreadable items that are logged in one run.
const DAMAGED_MAX: usize = 10;

/// State of the role, created once and used for all invocations of this process.
struct Inspect {
    /// Settings from the environment alone.
    given: InspectSettings,
    /// Settings from the environment and the settings object.
    settings: InspectSettings,
    settings_loader: SettingsLoader,
    /// Settings from the environment that are saved in the table for the command line.
    given_setup: Setup,
    /// The same, with values from the settings object.
    setup: Setup,
    subscription: Subscription,
    rules_loader: RulesLoader,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
    directory: Iam,
    logs: CloudWatchLogs,
    metrics: CloudWatch,
    /// The region of the stack.
    region: String,
}

/// Results of redrive and gap repair, which run before the inspection.
#[derive(Default)]
struct Repairs {
    redriven: RedriveResult,
    repaired: RepairResult,
    gap_repair: Option<GapRepair>,
    /// The problem of a subscription or a log group, as a stable name and a sentence; `None` if all work.
    diagnosis: Option<(String, String)>,
    /// The problem of the settings object, if the last valid version is used instead.
    settings_problem: Option<InvocationError>,
}

/// Runs the role that inspects the clusters every hour: handles invocations until the process ends. `environment`
/// contains all settings.
///
/// # Errors
/// Fails at once if a setting is wrong or the Lambda runtime does not work.
pub async fn run(environment: &Environment) -> Result<(), StartError> {
    let settings = InspectSettings::parse(environment.iter().cloned())
        .map_err(|complaints| StartError::settings(&complaints))?;
    let config = invocation::start(environment, settings.ingest.log_level)?;
    let setup = Setup::of(environment.iter().cloned());
    invocation::serve(move || Inspect::new(&settings, &setup, &config)).await
}

impl Inspect {
    fn new(settings: &InspectSettings, setup: &Setup, config: &SdkConfig) -> Self {
        let (ingest, keys) = (&settings.ingest, &settings.keys);
        let role_name = settings.account_role_name.as_deref();
        Self {
            given: settings.clone(),
            settings: settings.clone(),
            settings_loader: SettingsLoader::default(),
            given_setup: setup.clone(),
            setup: setup.clone(),
            subscription: invocation::subscription(ingest),
            rules_loader: RulesLoader::new(ingest.rules_object.clone()),
            store: store(ingest, config),
            bucket: S3Bucket::new(config, &ingest.bucket_name),
            directory: invocation::directory(config, keys, role_name, &settings.partition),
            logs: CloudWatchLogs::new(config),
            metrics: CloudWatch::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Reads the settings object, and applies it if it has changed.
    ///
    /// Returns the problem of the object if the last valid version is used instead.
    ///
    /// # Errors
    /// Fails if no valid version is known.
    async fn read_settings(&mut self) -> Result<Option<InvocationError>, InvocationError> {
        let read = invocation::read_settings(&mut self.settings_loader, &self.bucket).await?;
        if let Some(lists) = read.lists {
            self.settings = self.given.with(&lists);
            self.setup = self.given_setup.clone().with(&lists);
            let ingest = self.settings.ingest.clone();
            self.subscription.set_exclusions(ingest.exclusions);
            self.store.set_canaries(ingest.canaries);
            self.store.set_further_sinks(ingest.further_sinks);
        }
        Ok(read.problem)
    }

    /// Saves the settings in the table, for the commands `redrive` and `backfill`. A failure is only logged.
    async fn save_setup(&self, request_id: &str) {
        match self.store.save_setup(&self.setup).await {
            Ok(true) => tracing::info!(request_id, "saved the settings in the table"),
            Ok(false) => {}
            Err(error) => {
                let detail = invocation::error_text(&error);
                tracing::error!(
                    request_id,
                    detail,
                    "the settings could not be saved in the table"
                );
            }
        }
    }

    /// Processes failed invocations again, and repairs gaps in the log groups.
    ///
    /// Each of the two may use a third of the time until `deadline`, in milliseconds since 1970. The last third is for
    /// the inspection.
    async fn repair(&mut self, request_id: &str, deadline: i64) -> Repairs {
        let settings = self.read_settings().await;
        if settings.is_ok() {
            self.save_setup(request_id).await;
        }
        let rules = invocation::read_rules(&mut self.rules_loader, &self.bucket).await;
        let (settings_problem, rules) = match (settings, rules) {
            (Ok(problem), rules) => (problem, rules),
            (Err(failed), _) => (None, Err(failed)),
        };
        let Self {
            settings,
            subscription,
            store,
            bucket,
            logs,
            metrics,
            ..
        } = self;
        let third = (deadline - milliseconds()) / 3;
        let (first, second) = (deadline - 2 * third, deadline - third);
        let (states, diagnosis) = repair::check_subscriptions(request_id, settings, logs).await;
        let of = (&*settings, first);
        let silent = repair::check_log_groups(request_id, of, store, bucket, logs).await;
        let mut repairs = Repairs {
            diagnosis: diagnosis.or(silent),
            settings_problem,
            ..Repairs::default()
        };
        match rules {
            Ok(Some(rules)) => subscription.set_rules(rules),
            Ok(None) => {}
            Err(failed) => {
                let (error, detail) = (failed.name, &failed.message);
                tracing::error!(
                    request_id,
                    error,
                    detail,
                    "no redrive and no gap repair in this run"
                );
                return repairs;
            }
        }
        let mut replay_input = replay_input(subscription, store, bucket);
        let is_over = || milliseconds() >= first;
        repairs.redriven =
            repair::redrive_failed(request_id, settings, &mut replay_input, is_over).await;
        let of = (&*settings, &*states);
        let gap_repair = repair::find_gaps(request_id, of, now(), metrics, bucket).await;
        if let Some(mut gap_repair) = gap_repair {
            let is_over = || milliseconds() >= second;
            let repaired = repair::repair_gaps(
                request_id,
                settings,
                &mut gap_repair,
                logs,
                &mut replay_input,
                is_over,
            );
            repairs.repaired = repaired.await;
            repairs.gap_repair = Some(gap_repair);
        }
        repairs
    }

    /// Repairs, inspects, and reads again the hours in which an account sent no events.
    ///
    /// `deadline` is in milliseconds since 1970. Returns the result, and the problem of the settings object if there is
    /// one.
    async fn repair_and_inspect(
        &mut self,
        request_id: &str,
        deadline: i64,
    ) -> Result<(Inspected, Option<InvocationError>), InspectionError> {
        let mut repairs = self.repair(request_id, deadline).await;
        let Self {
            settings,
            subscription,
            store,
            bucket,
            directory,
            logs,
            ..
        } = self;
        let plan = RunLimits {
            retention_days: settings.ingest.retention_days.into(),
            deadline,
            summaries: settings.summaries,
            keys: settings.keys.clone(),
            diagnosis: repairs.diagnosis,
        };
        let mut inspected = inspect(store, bucket, directory, &MachineClock, &plan).await?;
        if let (Some(since), Some(gap_repair)) = (inspected.blind_since, &mut repairs.gap_repair) {
            let mut replay_input = replay_input(subscription, store, bucket);
            let is_over = || milliseconds() >= deadline;
            let again = (gap_repair, since);
            let read = repair::read_again(
                request_id,
                settings,
                again,
                logs,
                &mut replay_input,
                is_over,
            )
            .await;
            repairs.repaired.add(read);
        }
        inspected.counts.has_failed_drill = drills::check(request_id, settings, store).await;
        let (redriven, repaired) = (&repairs.redriven, &repairs.repaired);
        inspected.counts.redriven = redriven.payloads;
        inspected.counts.redrive_left = redriven.left;
        inspected.counts.backfilled = repaired.records();
        inspected.counts.backfilled_hours = repaired.hours();
        inspected.counts.backfill_left = repaired.left;
        Ok((inspected, repairs.settings_problem))
    }
}

fn replay_input<'i>(
    subscription: &'i mut Subscription,
    store: &'i mut DynamoStore<SdkTable>,
    bucket: &'i S3Bucket,
) -> EventInput<'i> {
    ReplayInput {
        subscription,
        store,
        bucket,
        now: now(),
    }
}

impl Function for Inspect {
    type Answer = ();

    /// Repairs and inspects, or begins a drill if the event asks for it.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<(), InvocationError> {
        let request_id = log::short(&context.request_id);
        self.store.set_now(now());
        if drills::is_wanted(event) {
            let (ingest, keys) = (&self.settings.ingest, &self.settings.keys);
            let region = &self.region;
            let of = (ingest, keys.account_id.as_str(), region.as_str());
            return drills::begin(&request_id, of, &self.store, &self.logs).await;
        }
        let left = left(context, SPARE).unwrap_or_default();
        let deadline = milliseconds() + i64::try_from(left.as_millis()).unwrap_or_default();
        self.logs.set_deadline(Instant::now() + left);
        match self.repair_and_inspect(&request_id, deadline).await {
            // A run whose settings object has a problem fails after its work is done, so that the alarm on failed runs
            // notifies a person.
            Ok((inspected, problem)) => {
                let metrics = &self.settings.ingest.metrics;
                log::metrics(inspected.counts.metric_line(metrics, milliseconds()));
                conclude(&request_id, &inspected).and_then(|()| problem.map_or(Ok(()), Err))
            }
            Err(failure) => Err(not_inspected(&request_id, &failure)),
        }
    }
}

/// Writes log lines about a run.
///
/// # Errors
/// Fails if some changes or alerts could not be saved; the next run tries again.
fn conclude(request_id: &str, inspected: &Inspected) -> Result<(), InvocationError> {
    if let Some(why) = &inspected.rebuilt_because {
        let why = log::short(why);
        tracing::warn!(request_id, why, "the inspection state was rebuilt");
    }
    for damaged in inspected.damaged.iter().take(DAMAGED_MAX) {
        let detail = log::short(damaged);
        tracing::error!(request_id, detail, "skipped an item that cannot be read");
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
        redriven = counts.redriven,
        redrive_left = counts.redrive_left,
        backfilled = counts.backfilled,
        backfilled_hours = counts.backfilled_hours,
        backfill_left = counts.backfill_left,
        keys_asked = counts.keys_asked,
        keys_unanswered = nonzero(counts.keys_unanswered),
        violated = nonzero(counts.violated),
        "inspected"
    );
    if counts.keys_unanswered > 0 {
        let keys = counts.keys_unanswered;
        tracing::warn!(
            request_id,
            keys,
            "IAM did not return when keys were last used"
        );
    }
    for (account_id, detail) in &inspected.key_problems {
        let detail = log::short(detail);
        tracing::warn!(request_id, account_id, detail, "IAM gave no answer");
    }
    match inspected.failed.first() {
        None => Ok(()),
        Some(error) => {
            let detail = invocation::error_text(error);
            tracing::error!(
                request_id,
                detail,
                "not all changes were saved; the next run continues"
            );
            Err(InvocationError {
                name: "NotSettled",
                message: detail,
            })
        }
    }
}

fn not_inspected(request_id: &str, failure: &InspectionError) -> InvocationError {
    let detail = invocation::error_text(failure);
    tracing::error!(request_id, detail, "not inspected; the next run continues");
    InvocationError {
        name: failure.name(),
        message: detail,
    }
}
