//! The function that takes stock every hour: it takes back in what failed, reads the log groups again where
//! something was lost, inspects the hours that are over, and reads again where nothing came.

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
use crate::ingest::store;
use crate::invocation::{self, Function, InvocationError, MachineClock, left, milliseconds, now};
use crate::log::{self, nonzero};
use crate::repair::{self, EventInput, RedriveResult};
use crate::start::StartError;

/// The name of the role.
pub const ROLE: &str = "inspect";

/// What is left of an invocation's time to write down what was found out.
const SPARE: Duration = Duration::from_secs(30);

/// How much of what could not be read is logged.
const DAMAGED_MAX: usize = 10;

/// What is made once and used for one invocation after another.
struct Inspect {
    /// As the environment has them.
    given: InspectSettings,
    /// With what the settings object has beside them.
    settings: InspectSettings,
    book: SettingsLoader,
    /// What of them others may know, as the environment has it.
    given_setup: Setup,
    setup: Setup,
    subscription: Subscription,
    rulebook: RulesLoader,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
    directory: Iam,
    logs: CloudWatchLogs,
    metrics: CloudWatch,
}

/// Results of redrive and gap repair, which run before the inspection.
#[derive(Default)]
struct Repairs {
    back: RedriveResult,
    repaired: RepairResult,
    gap_repair: Option<GapRepair>,
    /// What is wrong with a subscription: a stable name and a sentence.
    diagnosis: Option<(String, String)>,
    /// What is wrong with the settings object, of which the last good version is gone by.
    wrong: Option<InvocationError>,
}

/// Answers one invocation after another.
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
            book: SettingsLoader::default(),
            given_setup: setup.clone(),
            setup: setup.clone(),
            subscription: Subscription::default(),
            rulebook: RulesLoader::new(ingest.rules_object.clone()),
            store: store(ingest, config),
            bucket: S3Bucket::new(config, &ingest.bucket_name),
            directory: invocation::directory(config, keys, role_name, &settings.partition),
            logs: CloudWatchLogs::new(config),
            metrics: CloudWatch::new(config),
        }
    }

    /// Reads the settings object; returns what is wrong with it, if it could be gone by all the same.
    async fn read_settings(&mut self) -> Result<Option<InvocationError>, InvocationError> {
        let read = invocation::read_settings(&mut self.book, &self.bucket).await?;
        if let Some(lists) = read.lists {
            self.settings = self.given.with(&lists);
            self.setup = self.given_setup.clone().with(&lists);
            let ingest = self.settings.ingest.clone();
            self.subscription.set_exclusions(ingest.exclusions);
            self.store.set_canaries(ingest.canaries);
        }
        Ok(read.wrong)
    }

    /// Leaves in the table what a person needs who acts in the place of the functions. The inspection goes
    /// on without it.
    async fn leave_setup(&self, request_id: &str) {
        match self.store.leave_setup(&self.setup).await {
            Ok(true) => tracing::info!(request_id, "left the settings in the table"),
            Ok(false) => {}
            Err(error) => {
                let detail = invocation::told(&error);
                tracing::error!(request_id, detail, "the settings are not in the table");
            }
        }
    }

    /// Takes in what came late: what failed, and what was lost on its way. Neither takes more than a third
    /// of the time until a moment, in milliseconds.
    async fn repair(&mut self, request_id: &str, deadline: i64) -> Repairs {
        let settings = self.read_settings().await;
        if settings.is_ok() {
            self.leave_setup(request_id).await;
        }
        let rules = invocation::read_rules(&mut self.rulebook, &self.bucket).await;
        let (wrong, rules) = match (settings, rules) {
            (Ok(wrong), rules) => (wrong, rules),
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
        let (standings, diagnosis) = repair::look(request_id, settings, logs).await;
        let of = (&*settings, first);
        let silent = repair::look_at_flow(request_id, of, store, bucket, logs).await;
        let mut repairs = Repairs {
            diagnosis: diagnosis.or(silent),
            wrong,
            ..Repairs::default()
        };
        match rules {
            Ok(Some(rules)) => subscription.set_rules(rules),
            Ok(None) => {}
            Err(failed) => {
                let (error, detail) = (failed.name, &failed.message);
                tracing::error!(request_id, error, detail, "nothing is taken back in");
                return repairs;
            }
        }
        let mut replay_input = taking(subscription, store, bucket);
        let is_over = || milliseconds() >= first;
        repairs.back = repair::take_back(request_id, settings, &mut replay_input, is_over).await;
        let of = (&*settings, &*standings);
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

    /// Takes stock, in as much time as there is until a moment, in milliseconds.
    async fn take_stock(
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
            let mut replay_input = taking(subscription, store, bucket);
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
        let (back, repaired) = (&repairs.back, &repairs.repaired);
        inspected.counts.redriven = back.payloads;
        inspected.counts.redrive_left = back.left;
        inspected.counts.backfilled = repaired.records();
        inspected.counts.backfilled_hours = repaired.hours();
        inspected.counts.backfill_left = repaired.left;
        Ok((inspected, repairs.wrong))
    }
}

fn taking<'i>(
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

    /// Takes stock. The event says nothing that matters: it is a reason to look.
    async fn invoke(&mut self, _event: &str, context: &Context) -> Result<(), InvocationError> {
        let request_id = log::short(&context.request_id);
        self.store.set_now(now());
        let left = left(context, SPARE).unwrap_or_default();
        let deadline = milliseconds() + i64::try_from(left.as_millis()).unwrap_or_default();
        self.logs.end_by(Instant::now() + left);
        match self.take_stock(&request_id, deadline).await {
            // A run that did all it could has failed all the same where a person has to put something right: that
            // is what the alarm of failed runs reads.
            Ok((inspected, wrong)) => {
                let metrics = &self.settings.ingest.metrics;
                log::metrics(inspected.counts.metric_line(metrics, milliseconds()));
                conclude(&request_id, &inspected).and_then(|()| wrong.map_or(Ok(()), Err))
            }
            Err(failure) => Err(not_inspected(&request_id, &failure)),
        }
    }
}

/// Says in the log what a run did. One that could not make everything true has failed.
fn conclude(request_id: &str, inspected: &Inspected) -> Result<(), InvocationError> {
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
        tracing::warn!(request_id, keys, "IAM did not say when keys were last used");
    }
    match inspected.failed.first() {
        None => Ok(()),
        Some(error) => {
            let detail = invocation::told(error);
            tracing::error!(
                request_id,
                detail,
                "not all is settled; the next run goes on"
            );
            Err(InvocationError {
                name: "NotSettled",
                message: detail,
            })
        }
    }
}

fn not_inspected(request_id: &str, failure: &InspectionError) -> InvocationError {
    let detail = invocation::told(failure);
    tracing::error!(request_id, detail, "not inspected; the next run goes on");
    InvocationError {
        name: failure.name(),
        message: detail,
    }
}
