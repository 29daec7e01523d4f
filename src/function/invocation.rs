//! What is the same for all roles: where a role starts, how one invocation after another is answered,
//! and how much time one may take.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws::bucket::S3Bucket;
use aws::function::FunctionEnv;
use aws::iam::{Iam, Roles};
use aws_config::SdkConfig;
use clusters::keys::KeySettings;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use records::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use service::config::LogLevel;
use service::config::lists::Lists;
use service::ingest::rules_loader::{RulesLoader, RulesProblem};
use service::ports::{Clock, with_causes};
use service::rules::Rules;
use service::settings_loader::SettingsLoader;

use crate::log;
use crate::start::StartError;
use crate::{Environment, value};

/// What the Lambda runtime cannot do without.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// The name of an invocation that ran out of time.
pub const DEADLINE: &str = "DeadlineExceeded";

/// A Lambda function in one role. It is made once and then handles one invocation after another.
pub trait Function {
    /// What it answers with.
    type Answer: Serialize;

    /// Answers one invocation.
    async fn invoke(
        &mut self,
        event: &str,
        context: &Context,
    ) -> Result<Self::Answer, InvocationError>;
}

/// Why an invocation failed.
#[derive(Debug)]
pub struct InvocationError {
    /// The stable name.
    pub name: &'static str,
    /// What is wrong, short.
    pub message: String,
}

impl From<InvocationError> for Diagnostic {
    fn from(failed: InvocationError) -> Self {
        Self {
            error_type: failed.name.to_owned(),
            error_message: failed.message,
        }
    }
}

/// Reads the rules to go by from now on, `None` where they stay as they were. Nothing is done without
/// any.
pub async fn read_rules(
    rulebook: &mut RulesLoader,
    bucket: &S3Bucket,
) -> Result<Option<Rules>, InvocationError> {
    let short = |problem: &RulesProblem| log::short(&problem.to_string());
    let read = rulebook.read(now(), bucket).await;
    let read = read.map_err(|problem| InvocationError {
        name: problem.name(),
        message: short(&problem),
    })?;
    if let Some(problem) = read.problem {
        let (error, detail) = (problem.name(), short(&problem));
        tracing::error!(error, detail, "the rules stay as they were");
    }
    if let Some(rules) = &read.value {
        tracing::debug!(rules = rules.all().len(), "read the rules");
    }
    Ok(read.value)
}

/// The result of reading the settings object.
#[derive(Debug, Default)]
pub struct Settings {
    /// The lists to go by from now on, `None` where they stay as they were.
    pub lists: Option<Lists>,
    /// What is wrong with the object, which therefore does not take effect.
    pub wrong: Option<InvocationError>,
}

/// Reads the settings object, and says in the log what is wrong with it. Nothing is done where nothing is known
/// that could be gone by.
pub async fn read_settings(
    book: &mut SettingsLoader,
    bucket: &S3Bucket,
) -> Result<Settings, InvocationError> {
    let failed = |problem: &service::settings_loader::SettingsProblem| InvocationError {
        name: problem.name(),
        message: log::short(&problem.to_string()),
    };
    let read = book.read(now(), bucket).await;
    let read = read.map_err(|problem| failed(&problem))?;
    let wrong = read.problem.as_ref().map(failed);
    if let Some(InvocationError { name, message }) = &wrong {
        let (error, detail) = (name, message);
        tracing::error!(error, detail, "the last good settings stay");
    }
    if let Some(lists) = &read.value {
        let counts = lists.counts();
        tracing::debug!(counts, "read the settings");
    }
    let lists = read.value;
    Ok(Settings { lists, wrong })
}

/// Returns IAM as it is asked about access keys, in other accounts through a role where there is one.
pub fn directory(
    config: &SdkConfig,
    keys: &KeySettings,
    role_name: Option<&str>,
    partition: &str,
) -> Iam {
    let roles = role_name.map(|name| Roles {
        partition: partition.to_owned(),
        name: name.to_owned(),
    });
    Iam::new(config, &keys.account_id, roles)
}

/// Starts to log, and returns how the services of AWS are reached.
pub fn start(environment: &Environment, level: LogLevel) -> Result<SdkConfig, StartError> {
    log::start(level);
    let mut needed = SET_BY_LAMBDA.iter();
    if let Some(missing) = needed.find(|name| value(environment, name).is_none()) {
        return Err(StartError {
            name: "NotInLambda",
            message: format!("{missing} is not set; this program must be run by AWS Lambda"),
        });
    }
    let env = environment.iter().map(|(name, value)| (&**name, &**value));
    Ok(FunctionEnv::of(env).config())
}

/// Answers one invocation after another.
pub async fn serve<F: Function>(make: impl Fn() -> F) -> Result<(), StartError> {
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
            if !answer.as_ref().is_err_and(|failed| failed.name == DEADLINE) {
                *made.borrow_mut() = Some(function);
            }
            answer
        }
    };
    Runtime::new(service_fn(handler))
        .run()
        .await
        .map_err(|error| StartError::runtime(&*error))
}

/// Returns an error with all its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    log::short(&with_causes(error.to_string(), error))
}

/// Returns how much time an invocation may still take with something to spare, `None` when there is
/// none.
pub fn left(context: &Context, spare: Duration) -> Option<Duration> {
    let left = context.deadline().duration_since(SystemTime::now());
    left.ok()?.checked_sub(spare).filter(|left| !left.is_zero())
}

/// Returns the time by the machine's clock, in seconds.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(milliseconds() / 1000).unwrap_or(Timestamp::FIRST)
}

/// Returns the time by the machine's clock, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The machine's clock, and chance.
#[derive(Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn millis(&self) -> i64 {
        milliseconds()
    }

    async fn wait(&self, millis: i64) {
        let millis = u64::try_from(millis).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn any(&self, limit: i64) -> i64 {
        fastrand::i64(0..limit.max(1))
    }
}
