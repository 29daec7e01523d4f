//! The function that takes the events of subscriptions. It answers only when everything is committed;
//! any error makes Lambda try again, and keep the event in the bucket when that does not help.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use cloudtrail_inspector::aws::bucket::S3Bucket;
use cloudtrail_inspector::aws::dynamodb::sdk::SdkTable;
use cloudtrail_inspector::aws::dynamodb::{DynamoStore, Settings};
use cloudtrail_inspector::aws::function::Surroundings;
use cloudtrail_inspector::config::IngestSettings;
use cloudtrail_inspector::ingest::rulebook::{Rulebook, Trouble};
use cloudtrail_inspector::ingest::subscription::{Failure, Subscription};
use cloudtrail_inspector::report::Invocation;
use cloudtrail_inspector::trail::time::EventTime;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

use crate::log;
use crate::start::Refusal;
use crate::{Environment, value};

/// The name of the role, and of the function in metrics.
pub const ROLE: &str = "ingest";

/// What is left of an invocation's time to answer in, and to have it logged.
const SPARE: Duration = Duration::from_secs(5);

/// What the Lambda runtime cannot do without.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Why an invocation failed.
#[derive(Debug)]
enum Failed {
    Rules(Trouble),
    Ingest(Failure),
    Deadline,
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        let (name, message) = failed.told();
        Self {
            error_type: name.to_owned(),
            error_message: message,
        }
    }
}

impl Failed {
    /// Returns the stable name, and what is wrong.
    fn told(&self) -> (&'static str, String) {
        match self {
            Self::Rules(trouble) => (trouble.name(), log::short(&trouble.to_string())),
            Self::Ingest(failure) => {
                let mut message = failure.to_string();
                let mut source = std::error::Error::source(failure);
                while let Some(cause) = source {
                    if !message.ends_with(&cause.to_string()) {
                        message = format!("{message}: {cause}");
                    }
                    source = cause.source();
                }
                (failure.name(), log::short(&message))
            }
            Self::Deadline => (
                "DeadlineExceeded",
                "not committed before the invocation's time was over".to_owned(),
            ),
        }
    }
}

/// What is made once and used for one invocation after another.
struct Function {
    subscription: Subscription,
    rulebook: Rulebook,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
}

/// Answers one invocation after another.
pub async fn run(environment: &Environment) -> Result<(), Refusal> {
    let settings = IngestSettings::parse(environment.iter().cloned())
        .map_err(|complaints| Refusal::settings(&complaints))?;
    log::start(settings.log_level);
    if let Some(missing) = SET_BY_LAMBDA
        .iter()
        .find(|name| value(environment, name).is_none())
    {
        return Err(Refusal {
            name: "NotInLambda",
            message: format!("{missing} is not set; this program is run by AWS Lambda"),
        });
    }
    let surroundings = environment.iter().map(|(name, value)| (&**name, &**value));
    let config = Surroundings::of(surroundings).config();
    let make = move || Function::new(&settings, &config);
    let kept = Rc::new((RefCell::new(Some(make())), make));
    let handler = move |event: LambdaEvent<Box<RawValue>>| {
        let kept = Rc::clone(&kept);
        async move {
            // Taken for the time of the invocation: what an invocation leaves that panicked or ran
            // out of time is not trusted, and made anew.
            let (made, make) = &*kept;
            let taken = made.borrow_mut().take();
            let mut function = taken.unwrap_or_else(make);
            let answer = function.invoke(event.payload.get(), &event.context).await;
            if !matches!(answer, Err(Failed::Deadline)) {
                *made.borrow_mut() = Some(function);
            }
            answer
        }
    };
    Runtime::new(service_fn(handler))
        .run()
        .await
        .map_err(|error| Refusal::runtime(&*error))
}

/// Opens the store.
fn store(settings: &IngestSettings, config: &SdkConfig) -> DynamoStore<SdkTable> {
    let table = SdkTable::new(config, &settings.table_name);
    let settings = Settings {
        sinks: settings
            .sinks
            .iter()
            .map(|sink| sink.name().to_owned())
            .collect(),
        retention_days: settings.retention_days.into(),
        learn_hours: settings.learn_hours.into(),
    };
    DynamoStore::new(table, settings, now())
}

impl Function {
    fn new(settings: &IngestSettings, config: &SdkConfig) -> Self {
        Self {
            subscription: Subscription::default(),
            rulebook: Rulebook::new(settings.rules_object.clone(), settings.own.clone()),
            store: store(settings, config),
            bucket: S3Bucket::new(config, &settings.bucket_name),
        }
    }

    /// Takes one event, and says in the log and in metrics what became of it.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<(), Failed> {
        let left = left(context).ok_or(Failed::Deadline);
        let taken = match left {
            Ok(left) => tokio::time::timeout(left, self.take(event))
                .await
                .unwrap_or(Err(Failed::Deadline)),
            Err(failed) => Err(failed),
        };
        let request_id = log::short(&context.request_id);
        match taken {
            Ok(invocation) => {
                log_books(&request_id, &invocation);
                log::metrics(&invocation.metric_line(ROLE, milliseconds()));
                Ok(())
            }
            Err(failed) => {
                let (error, detail) = failed.told();
                tracing::error!(
                    request_id,
                    error,
                    detail,
                    "not committed; it has to come again"
                );
                Err(failed)
            }
        }
    }

    async fn take(&mut self, event: &str) -> Result<Invocation, Failed> {
        let now = now();
        let read = self.rulebook.read(now, &self.bucket).await;
        let read = read.map_err(Failed::Rules)?;
        if let Some(trouble) = read.trouble {
            let (error, detail) = (trouble.name(), log::short(&trouble.to_string()));
            tracing::error!(error, detail, "the rules stay as they were");
        }
        if let Some(rules) = read.rules {
            tracing::debug!(rules = rules.all().len(), "read the rules");
            self.subscription.set_rules(rules);
        }
        self.store.set_now(now);
        self.subscription
            .take(event.as_bytes(), now, &mut self.store, &self.bucket)
            .await
            .map_err(Failed::Ingest)
    }
}

fn log_books(request_id: &str, invocation: &Invocation) {
    let books = &invocation.books;
    if let Some(key) = &invocation.quarantined_as {
        let reason = invocation.payload_fault.unwrap_or("records");
        let records = books.quarantined();
        tracing::warn!(request_id, key, reason, records, "quarantined");
    }
    tracing::info!(
        request_id,
        read = books.read,
        not_selected = books.not_selected(),
        clustered = books.clustered,
        duplicate = books.duplicate,
        ignored = books.ignored(),
        quarantined = books.quarantined(),
        new_clusters = invocation.new_clusters,
        unknown_codes = books.unknown_codes,
        unknown_denials = books.unknown_denials,
        "committed"
    );
}

/// Returns how much time an invocation may still take, `None` when there is none.
fn left(context: &Context) -> Option<Duration> {
    let left = context.deadline().duration_since(SystemTime::now());
    left.ok()?.checked_sub(SPARE).filter(|left| !left.is_zero())
}

fn now() -> EventTime {
    let seconds = milliseconds() / 1000;
    EventTime::from_seconds(seconds).unwrap_or(EventTime::FIRST)
}

fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
