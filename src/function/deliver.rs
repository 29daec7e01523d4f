//! The role that sends alerts to the sinks.
//!
//! It is invoked by the stream of the table and by a schedule. Each invocation looks for all outbox rows that are due,
//! so rows that one invocation misses are sent by the next. It first sends what no incident can absorb, such as critical
//! alerts. Then it looks for incidents, then it sends the rest. An alert that an incident could absorb waits for an
//! invocation by the schedule, unless it is critical.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws::bucket::S3Bucket;
use aws::bus::Bus;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::iam::Iam;
use aws::logs::CloudWatchLogs;
use aws::secret::ManagedSecret;
use aws::topic::Topic;
use aws::workspace::{GuanceSink, Workspace};
use aws_config::SdkConfig;
use clusters::report::{SinkReport, misconfigured_line};
use lambda_runtime::Context;
use records::time::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use service::config::deliver::{DeliverSettings, GuanceSettings};
use service::config::{self, SinkName};
use service::configuration::ConfigVersion;
use service::deliver::incident_round::{Round, RoundInput, RoundMemory, incident_round};
use service::deliver::{Delivery, Drained, WAIT_SECONDS, drain};
use service::incidents::read_back::LogSource;
use service::ingest::rules_loader::RulesLoader;
use service::ports::{Sink, StoreError};
use service::rules::Rules;
use service::settings_loader::SettingsLoader;

use crate::Environment;
use crate::invocation::{self, Function, InvocationError, MachineClock, milliseconds, now};
use crate::log;
use crate::start::StartError;

/// Name of the role that sends alerts. The program has this role if the environment variable `_HANDLER` has this
/// value.
pub const ROLE: &str = "deliver";

/// State of the role, created once and used for all invocations of this process.
struct Deliver {
    /// Settings from the environment alone.
    given: DeliverSettings,
    /// Settings from the environment and the settings object.
    settings: DeliverSettings,
    settings_loader: SettingsLoader,
    config: SdkConfig,
    /// The version of the settings file and the rules file in effect.
    config_version: ConfigVersion,
    store: DynamoStore<SdkTable>,
    directory: Iam,
    sinks: BTreeMap<String, AnySink>,
    rules_loader: RulesLoader,
    bucket: S3Bucket,
    rules: Rules,
    logs: CloudWatchLogs,
    /// When open incidents were looked at last.
    round_memory: RoundMemory,
}

/// The part of the event that says who invoked the function: only a stream has records.
#[derive(Debug, Deserialize)]
struct Trigger {
    #[serde(rename = "Records")]
    records: Option<IgnoredAny>,
}

/// How long the log groups are waited for in one invocation.
const LOGS_TIME: Duration = Duration::from_secs(30);

/// How long before the end of an invocation it stops to look for incidents, in milliseconds, so that alerts can be sent.
const DRAIN_MILLIS: i64 = 30_000;

/// The deadline of what is sent before incidents are looked for, in milliseconds from then on.
const FIRST_MILLIS: i64 = 40_000;

/// A sink of any kind.
enum AnySink {
    Guance(Box<GuanceSink<ManagedSecret>>),
    Sns(Topic),
    EventBridge(Bus),
}

impl Sink for AnySink {
    fn capacity(&self) -> Capacity {
        match self {
            Self::Guance(sink) => sink.capacity(),
            Self::Sns(sink) => sink.capacity(),
            Self::EventBridge(sink) => sink.capacity(),
        }
    }

    async fn send(&mut self, alerts: &[Message]) -> Vec<SinkAnswer> {
        match self {
            Self::Guance(sink) => sink.send(alerts).await,
            Self::Sns(sink) => sink.send(alerts).await,
            Self::EventBridge(sink) => sink.send(alerts).await,
        }
    }

    fn forget_secret(&mut self) {
        match self {
            Self::Guance(sink) => sink.forget_secret(),
            Self::Sns(sink) => sink.forget_secret(),
            Self::EventBridge(sink) => sink.forget_secret(),
        }
    }
}

/// Runs the role that sends alerts: handles invocations until the process ends. `environment` contains all settings.
///
/// # Errors
/// Fails at once if a setting is wrong or the Lambda runtime does not work.
pub async fn run(environment: &Environment) -> Result<(), StartError> {
    let settings = DeliverSettings::parse(environment.iter().cloned()).map_err(|complaints| {
        let metrics = config::metrics(environment.iter().cloned());
        for sink in complaints.sinks() {
            log::metrics(misconfigured_line(sink.name(), &metrics, milliseconds()));
        }
        StartError::settings(&complaints)
    })?;
    let config = invocation::start(environment, settings.log_level)?;
    invocation::serve(move || Deliver::new(&settings, &config)).await
}

fn guance(settings: &DeliverSettings, guance: &GuanceSettings, config: &SdkConfig) -> AnySink {
    let workspace = Workspace::of(guance, config);
    let texts = settings.texts_of(Some(guance));
    let sink = GuanceSink::new(workspace, texts, guance.sample_logs);
    AnySink::Guance(Box::new(sink))
}

fn sinks(settings: &DeliverSettings, config: &SdkConfig) -> BTreeMap<String, AnySink> {
    let workspace = settings.guance.as_ref();
    let workspace = workspace.map(|of| (SinkName::Guance, guance(settings, of, config)));
    let topic = |arn: &str| AnySink::Sns(Topic::new(config, arn, settings.texts()));
    let of_stack = settings.topic_arn.as_ref();
    let of_stack = of_stack.map(|arn| (SinkName::Sns, topic(arn)));
    let bus = settings.event_bus_name.as_ref().map(|name| {
        let bus = Bus::new(config, name, settings.texts().links);
        (SinkName::EventBridge, AnySink::EventBridge(bus))
    });
    let all = [workspace, of_stack, bus].into_iter().flatten();
    let all = all.map(|(name, sink)| (name.name().to_owned(), sink));
    let further = settings.workspaces.iter();
    let further = further.map(|(name, of)| (name.clone(), guance(settings, of, config)));
    let topics = settings.topics.iter();
    let topics = topics.map(|(name, arn)| (name.clone(), topic(arn)));
    all.chain(further).chain(topics).collect()
}

impl Deliver {
    fn new(settings: &DeliverSettings, config: &SdkConfig) -> Self {
        let sinks = sinks(settings, config);
        let table = SdkTable::new(config, &settings.table_name);
        let of_table = TableSettings {
            // Alerts about access keys can be created while others are sent, so the store needs the sinks too.
            sinks: sinks.keys().cloned().collect(),
            retention_days: settings.retention_days.into(),
            learn_hours: settings.learn_hours.into(),
            canaries: settings.keys.canaries.clone(),
            ..TableSettings::default()
        };
        let role_name = settings.account_role_name.as_deref();
        Self {
            store: DynamoStore::new(table, of_table, now()),
            directory: invocation::directory(
                config,
                &settings.keys,
                role_name,
                &settings.partition,
            ),
            sinks,
            rules_loader: RulesLoader::new(settings.rules_object.clone()),
            bucket: S3Bucket::new(config, &settings.bucket_name),
            rules: Rules::default(),
            logs: CloudWatchLogs::new(config),
            round_memory: RoundMemory::default(),
            config: config.clone(),
            given: settings.clone(),
            settings: settings.clone(),
            settings_loader: SettingsLoader::default(),
            config_version: ConfigVersion::default(),
        }
    }

    /// Reads the settings object and the rules file, if they have changed, and applies them.
    async fn read(&mut self) -> Result<(), InvocationError> {
        let read = invocation::read_settings(&mut self.settings_loader, &self.bucket).await?;
        if let Some(lists) = read.lists {
            let settings = self.given.with(&lists);
            // Sinks keep connections and secrets. Of them, only further workspaces and topics depend on the settings object.
            if settings.workspaces != self.settings.workspaces
                || settings.topics != self.settings.topics
            {
                self.sinks = sinks(&settings, &self.config);
            }
            self.settings = settings;
            let canaries = self.settings.keys.canaries.clone();
            self.store.set_canaries(canaries);
            let kinds = self.settings.sinks().into_iter().collect();
            self.store.set_further_sinks(lists.further_sinks(&kinds));
        }
        let rules = invocation::read_rules(&mut self.rules_loader, &self.bucket).await?;
        if let Some(rules) = rules {
            self.rules = rules;
        }
        self.config_version = ConfigVersion {
            settings: self.settings_loader.version().to_owned(),
            rules: self.rules_loader.version().to_owned(),
        };
        Ok(())
    }

    /// Sends the waiting alerts, those that can be sent before or after the round `round`. `deadline` is in milliseconds
    /// since 1970.
    async fn drain(
        &mut self,
        request_id: &str,
        (rounds_until, round): (Timestamp, Option<&Round>),
        deadline: i64,
    ) -> BTreeMap<String, Drained> {
        let none = Round::default();
        let Round {
            found, unfinished, ..
        } = round.unwrap_or(&none);
        let delivery = Delivery {
            store: &self.store,
            directory: &self.directory,
            clock: &MachineClock,
            policies: self.rules.policies(),
            keys: &self.settings.keys,
            account_names: &self.settings.account_names,
            environments: &self.settings.environments,
            config_version: &self.config_version,
            holder: request_id,
            rounds_until,
            found,
            unfinished,
            is_before_round: round.is_none(),
        };
        drain(&delivery, &mut self.sinks, deadline).await
    }

    /// Looks for incidents until `deadline`, in milliseconds since 1970. A round that is not over by then is given up: what it
    /// has not done is left for the next one.
    async fn round(&mut self, request_id: &str, deadline: i64) -> Round {
        let left = u64::try_from(deadline - milliseconds()).unwrap_or_default();
        let round = self.incidents(request_id, deadline);
        let round = tokio::time::timeout(Duration::from_millis(left), round).await;
        round.unwrap_or_else(|_| {
            tracing::warn!(request_id, "not enough time to look for all incidents");
            Round {
                is_refused: true,
                ..Round::default()
            }
        })
    }

    /// Looks for incidents, and writes a log line about it. `deadline` is in milliseconds since 1970.
    async fn incidents(&mut self, request_id: &str, deadline: i64) -> Round {
        self.logs.set_deadline(Instant::now() + LOGS_TIME);
        let source = LogSource {
            logs: &self.logs,
            groups: &self.settings.log_groups,
            rules: &self.rules,
        };
        let input = RoundInput {
            source,
            clock: &MachineClock,
            holder: request_id,
            deadline,
        };
        let round = incident_round(&mut self.store, &input, &mut self.round_memory).await;
        for problem in &round.problems {
            let detail = log::short(problem);
            tracing::warn!(request_id, detail, "an incident may be incomplete");
        }
        if let Some(error) = &round.error {
            let detail = invocation::error_text(error);
            tracing::error!(request_id, detail, "not all accounts were looked at");
        }
        let Round {
            accounts,
            open,
            alerts,
            hours,
            pages,
            is_refused,
            ..
        } = &round;
        if *accounts > 0 || *is_refused {
            tracing::info!(
                request_id,
                accounts,
                open,
                alerts,
                hours,
                pages,
                refused = is_refused,
                "looked for incidents"
            );
        }
        round
    }

    /// Writes log lines and metrics about workspaces and topics of the settings object that cannot be used.
    fn log_wrong_sinks(&self, request_id: &str) {
        for (sink, detail) in &self.settings.wrong_sinks {
            tracing::error!(
                request_id,
                sink,
                detail,
                "the sink of the settings object cannot be used; its alerts wait"
            );
            let line = misconfigured_line(sink, &self.settings.metrics, milliseconds());
            log::metrics(line);
        }
    }

    /// Writes log lines and metrics about the alerts of one sink.
    fn log(&self, request_id: &str, sink: &str, drained: &Drained) {
        if let Some(error) = &drained.error {
            let detail = invocation::error_text(error);
            tracing::error!(
                request_id,
                sink,
                detail,
                "sink run ended early; the remaining alerts wait"
            );
        }
        let report = report(drained);
        tracing::info!(
            request_id,
            sink,
            requests = drained.requests,
            sent = drained.sent,
            digested = drained.digested,
            suppressed = drained.suppressed,
            later = drained.later,
            dead = drained.dead,
            waiting = report.waiting,
            oldest_seconds = report.oldest_seconds,
            "delivered"
        );
        if report.is_open || report.is_misconfigured {
            let (why, misconfigured) = (log::short(&drained.breaker.why), report.is_misconfigured);
            tracing::warn!(
                request_id,
                sink,
                misconfigured,
                why,
                "the sink does not accept alerts"
            );
        }
        log::metrics(report.metric_line(sink, &self.settings.metrics, milliseconds()));
    }
}

/// Returns the counts of a sink run, and the state of the sink after it.
fn report(drained: &Drained) -> SinkReport {
    let now = now();
    let breaker = &drained.breaker;
    let waiting = drained.waiting;
    let age = |since| u64::try_from(now.seconds_since(since)).unwrap_or_default();
    SinkReport {
        sent: drained.sent + drained.digested,
        failed: drained.later,
        suppressed: drained.suppressed,
        dead: drained.dead,
        waiting: waiting.map(|of| of.rows as u64),
        oldest_seconds: waiting.map(|of| of.oldest.map(age).unwrap_or_default()),
        is_open: breaker.open_until > Some(now),
        is_misconfigured: breaker.is_misconfigured,
    }
}

impl Function for Deliver {
    type Answer = ();

    /// Sends the alerts that no incident can absorb, looks for incidents, then sends all alerts that are due. The event only
    /// says whether the schedule invokes the function.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<(), InvocationError> {
        let request_id = log::short(&context.request_id);
        if let Err(failed) = self.read().await {
            let (error, detail) = (failed.name, &failed.message);
            tracing::error!(request_id, error, detail, "not delivered; all alerts wait");
            return Err(failed);
        }
        self.log_wrong_sinks(&request_id);
        self.store.set_now(now());
        let deadline = deadline_of(context);
        let begun = now();
        let overdue = begun.plus(-WAIT_SECONDS);
        let first = deadline.min(milliseconds() + FIRST_MILLIS);
        let mut drained = self.drain(&request_id, (overdue, None), first).await;
        self.store.set_now(now());
        let round = self.round(&request_id, deadline - DRAIN_MILLIS).await;
        // Without a list of accounts a round that failed has looked at none.
        let is_lost = round.is_refused || (round.error.is_some() && round.unfinished.is_empty());
        let rounds_until = match is_lost || is_of_stream(event) {
            true => overdue,
            false => begun,
        };
        // Mostly nothing waits, and no alert was decided.
        let is_left = drained.values().any(Drained::has_waiting);
        if round.alerts > 0 || is_left {
            let later = self.drain(&request_id, (rounds_until, Some(&round)), deadline);
            for (sink, later) in later.await {
                let first = drained.remove(&sink).unwrap_or_default();
                drained.insert(sink, first.and(later));
            }
        }
        let mut failed = round.error;
        for (sink, drained) in drained {
            self.log(&request_id, &sink, &drained);
            failed = failed.or(drained.error);
        }
        failed.map_or(Ok(()), |error| Err(unavailable(&error)))
    }
}

/// Checks whether the stream of the table invoked the function.
fn is_of_stream(event: &str) -> bool {
    let trigger = serde_json::from_str::<Trigger>(event);
    trigger.is_ok_and(|trigger| trigger.records.is_some())
}

fn unavailable(error: &StoreError) -> InvocationError {
    InvocationError {
        name: "StoreUnavailable",
        message: invocation::error_text(error),
    }
}

/// Returns the deadline of an invocation, in milliseconds since 1970.
fn deadline_of(context: &Context) -> i64 {
    let left = invocation::left(context, Duration::ZERO).unwrap_or_default();
    milliseconds() + i64::try_from(left.as_millis()).unwrap_or(i64::MAX / 2)
}
