//! The function that sends what waits. Whatever calls it, the table's stream or the schedule, it looks
//! for all that is due: what one call misses, the next one finds.

use std::collections::BTreeMap;

use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws::bucket::S3Bucket;
use aws::bus::Bus;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::iam::Iam;
use aws::secret::KeptSecret;
use aws::topic::Topic;
use aws::workspace::{GuanceSink, PATIENCE, Workspace, WorkspaceConfig};
use aws_config::SdkConfig;
use clusters::report::{SinkReport, misconfigured_line};
use lambda_runtime::Context;
use service::config::deliver::{DeliverSettings, GuanceSettings};
use service::config::{self, SinkName};
use service::deliver::{Delivery, Drained, drain};
use service::ingest::rules_loader::RulesLoader;
use service::policy::Policies;
use service::ports::{Sink, StoreError};
use service::settings_loader::SettingsLoader;

use crate::Environment;
use crate::invocation::{self, Function, InvocationError, MachineClock, milliseconds, now};
use crate::log;
use crate::start::StartError;

/// The name of the role.
pub const ROLE: &str = "deliver";

/// What is made once and used for one invocation after another.
struct Deliver {
    /// As the environment has them.
    given: DeliverSettings,
    /// With what the settings object has beside them.
    settings: DeliverSettings,
    book: SettingsLoader,
    store: DynamoStore<SdkTable>,
    directory: Iam,
    sinks: BTreeMap<String, AnySink>,
    rulebook: RulesLoader,
    bucket: S3Bucket,
    policies: Policies,
}

/// One of the sinks.
enum AnySink {
    Guance(Box<GuanceSink<KeptSecret>>),
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

/// Answers one invocation after another.
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
    let place = WorkspaceConfig {
        route: guance.route,
        endpoint: guance.endpoint.clone(),
        allowed: guance.allowed,
        ca_file: guance.ca_file.clone(),
        patience: PATIENCE,
    };
    // Without a secret for a route that needs one there are no settings.
    let arn = guance.secret_arn.as_deref().unwrap_or_default();
    let workspace = Workspace::new(place, KeptSecret::new(config, arn));
    let sink = GuanceSink::new(workspace, settings.texts(), guance.sample_logs);
    AnySink::Guance(Box::new(sink))
}

fn sinks(settings: &DeliverSettings, config: &SdkConfig) -> BTreeMap<String, AnySink> {
    let told = settings.guance.as_ref();
    let told = told.map(|told| (SinkName::Guance, guance(settings, told, config)));
    let topic = settings.topic_arn.as_ref().map(|arn| {
        let topic = Topic::new(config, arn, settings.texts());
        (SinkName::Sns, AnySink::Sns(topic))
    });
    let bus = settings.event_bus_name.as_ref().map(|name| {
        let bus = Bus::new(config, name);
        (SinkName::EventBridge, AnySink::EventBridge(bus))
    });
    let all = [told, topic, bus].into_iter().flatten();
    all.map(|(name, sink)| (name.name().to_owned(), sink))
        .collect()
}

impl Deliver {
    fn new(settings: &DeliverSettings, config: &SdkConfig) -> Self {
        let sinks = sinks(settings, config);
        let table = SdkTable::new(config, &settings.table_name);
        let of_table = TableSettings {
            // What is found out about keys while sending is told as well.
            sinks: sinks.keys().cloned().collect(),
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
            rulebook: RulesLoader::new(settings.rules_object.clone()),
            bucket: S3Bucket::new(config, &settings.bucket_name),
            policies: Policies::default(),
            given: settings.clone(),
            settings: settings.clone(),
            book: SettingsLoader::default(),
        }
    }

    /// Reads what it goes by: the settings object, and the rules.
    async fn read(&mut self) -> Result<(), InvocationError> {
        let read = invocation::read_settings(&mut self.book, &self.bucket).await?;
        if let Some(lists) = read.lists {
            self.settings = self.given.with(&lists);
            let canaries = self.settings.keys.canaries.clone();
            self.store.set_canaries(canaries);
        }
        let rules = invocation::read_rules(&mut self.rulebook, &self.bucket).await?;
        if let Some(rules) = rules {
            self.policies = rules.policies().clone();
        }
        Ok(())
    }

    /// Says in the log and in metrics what became of a sink's alerts.
    fn log(&self, request_id: &str, sink: &str, drained: &Drained) {
        if let Some(error) = &drained.error {
            let detail = invocation::told(error);
            tracing::error!(request_id, sink, detail, "ended early; the rest waits");
        }
        let told = told(drained);
        tracing::info!(
            request_id,
            sink,
            requests = drained.requests,
            sent = drained.sent,
            digested = drained.digested,
            suppressed = drained.suppressed,
            later = drained.later,
            dead = drained.dead,
            waiting = told.waiting,
            oldest_seconds = told.oldest_seconds,
            "delivered"
        );
        if told.is_open || told.is_misconfigured {
            let (why, misconfigured) = (log::short(&drained.breaker.why), told.is_misconfigured);
            tracing::warn!(request_id, sink, misconfigured, why, "does not take alerts");
        }
        log::metrics(told.metric_line(sink, &self.settings.metrics, milliseconds()));
    }
}

/// Returns what became of a sink's alerts, and how it stands now.
fn told(drained: &Drained) -> SinkReport {
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

    /// Sends what is due. The event says nothing that matters: it is a reason to look.
    async fn invoke(&mut self, _event: &str, context: &Context) -> Result<(), InvocationError> {
        let request_id = log::short(&context.request_id);
        if let Err(failed) = self.read().await {
            let (error, detail) = (failed.name, &failed.message);
            tracing::error!(request_id, error, detail, "not delivered; all of it waits");
            return Err(failed);
        }
        self.store.set_now(now());
        let deadline = milliseconds_at(context);
        let delivery = Delivery {
            store: &self.store,
            directory: &self.directory,
            clock: &MachineClock,
            policies: &self.policies,
            keys: &self.settings.keys,
            account_names: &self.settings.account_names,
            holder: &request_id,
        };
        let drained = drain(&delivery, &mut self.sinks, deadline).await;
        let mut failed = None;
        for (sink, drained) in drained {
            self.log(&request_id, &sink, &drained);
            failed = failed.or(drained.error);
        }
        failed.map_or(Ok(()), |error| Err(unavailable(&error)))
    }
}

fn unavailable(error: &StoreError) -> InvocationError {
    InvocationError {
        name: "StoreUnavailable",
        message: invocation::told(error),
    }
}

/// Returns the end of an invocation's time, in milliseconds since 1970.
fn milliseconds_at(context: &Context) -> i64 {
    let left = invocation::left(context, std::time::Duration::ZERO).unwrap_or_default();
    milliseconds() + i64::try_from(left.as_millis()).unwrap_or(i64::MAX / 2)
}
