//! Code shared by all roles: start, loop over invocations, reading of settings and rules, and the time that is left.

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
use service::config::lists::Lists;
use service::config::{IngestSettings, LogLevel};
use service::ingest::rules_loader::{RulesLoader, RulesProblem};
use service::ingest::subscription::Subscription;
use service::ports::{Clock, with_causes};
use service::rules::Rules;
use service::settings_loader::{SettingsLoader, SettingsProblem};

use crate::log;
use crate::start::StartError;
use crate::{Environment, value};

/// Environment variables that the Lambda runtime client needs.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Error name of an invocation that did not finish before its deadline.
pub const DEADLINE: &str = "DeadlineExceeded";

/// The part of the program that handles the invocations of one role. It is created once and then handles one
/// invocation after another.
pub trait Function {
    /// Type of the answer, which is sent as JSON.
    type Answer: Serialize;

    /// Handles one invocation. `event` is the payload of the invocation, as JSON text.
    ///
    /// # Errors
    /// Lambda gets an error as the result of the invocation.
    async fn invoke(
        &mut self,
        event: &str,
        context: &Context,
    ) -> Result<Self::Answer, InvocationError>;
}

/// Why an invocation failed.
#[derive(Debug)]
pub struct InvocationError {
    /// Error type that is reported to Lambda, such as [`DEADLINE`]; it does not change between releases.
    pub name: &'static str,
    /// Description of the problem, cut to 256 characters.
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

/// Reads the rules file of the stack. Returns the rules of a new version of the file, or `None` if the current rules
/// stay in effect.
///
/// # Errors
/// Fails if no valid version of the file is known. Events must not be processed then, because the rules could say to
/// ignore some of them.
pub async fn read_rules(
    loader: &mut RulesLoader,
    bucket: &S3Bucket,
) -> Result<Option<Rules>, InvocationError> {
    let short = |problem: &RulesProblem| log::short(&problem.to_string());
    let read = loader.read(now(), bucket).await;
    let read = read.map_err(|problem| InvocationError {
        name: problem.name(),
        message: short(&problem),
    })?;
    if let Some(problem) = read.problem {
        let (error, detail) = (problem.name(), short(&problem));
        tracing::error!(
            error,
            detail,
            "the new rules are not used; the last valid rules stay in effect"
        );
    }
    if let Some(rules) = &read.value {
        tracing::debug!(rules = rules.all().len(), "read the rules");
    }
    Ok(read.value)
}

/// The result of reading the settings object of the stack, a file in its bucket with account names, trail accounts,
/// canary keys and ignored roles.
#[derive(Debug, Default)]
pub struct Settings {
    /// The lists of the settings object (account names, trail accounts, canary keys, own roles), if it has changed since the last
    /// read; `None` if the lists of the last read stay in effect.
    pub lists: Option<Lists>,
    /// Why the newest version of the settings object is not used. The last valid version is used instead. `None` if
    /// there is no problem.
    pub problem: Option<InvocationError>,
}

/// Reads the settings object of the stack (a file in its bucket), and logs a problem with it.
///
/// # Errors
/// Fails if the object is not valid or cannot be read, and no valid version was read before.
pub async fn read_settings(
    loader: &mut SettingsLoader,
    bucket: &S3Bucket,
) -> Result<Settings, InvocationError> {
    let failed = |problem: &SettingsProblem| InvocationError {
        name: problem.name(),
        message: log::short(&problem.to_string()),
    };
    let read = loader.read(now(), bucket).await;
    let read = read.map_err(|problem| failed(&problem))?;
    let problem = read.problem.as_ref().map(failed);
    if let Some(InvocationError { name, message }) = &problem {
        let (error, detail) = (name, message);
        tracing::error!(
            error,
            detail,
            "the new settings are not used; the last valid settings stay in effect"
        );
    }
    if let Some(lists) = &read.value {
        let counts = lists.counts();
        tracing::debug!(counts, "read the settings");
    }
    let lists = read.value;
    Ok(Settings { lists, problem })
}

/// Returns the processor of payloads, without rules and exclusions.
pub fn subscription(settings: &IngestSettings) -> Subscription {
    let mut subscription = Subscription::default().archiving(settings.archives);
    subscription.set_drill_log_group(settings.drill_log_group.clone());
    subscription
}

/// Returns the client that asks IAM when access keys were last used.
///
/// Keys of other accounts are looked up through the role `role_name` in those accounts. Without a role name they are
/// not looked up.
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

/// Starts logging at `level`, and returns the configuration for requests to AWS.
///
/// # Errors
/// Fails if an environment variable that Lambda sets is missing.
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

/// Handles invocations with the function that `make` creates, until the process ends. After an invocation that missed
/// its deadline or panicked, a new function is created.
///
/// # Errors
/// Fails if the Lambda runtime does not work.
pub async fn serve<F: Function>(make: impl Fn() -> F) -> Result<(), StartError> {
    let shared = Rc::new((RefCell::new(Some(make())), make));
    let handler = move |event: LambdaEvent<Box<RawValue>>| {
        let shared = Rc::clone(&shared);
        async move {
            // The function is moved out during the invocation. After a panic or a missed deadline its state may be
            // inconsistent, so it is not put back, and the next invocation creates a new one.
            let (slot, make) = &*shared;
            let idle = slot.borrow_mut().take();
            let mut function = idle.unwrap_or_else(make);
            let answer = function.invoke(event.payload.get(), &event.context).await;
            if !answer.as_ref().is_err_and(|failed| failed.name == DEADLINE) {
                *slot.borrow_mut() = Some(function);
            }
            answer
        }
    };
    Runtime::new(service_fn(handler))
        .run()
        .await
        .map_err(|error| StartError::runtime(&*error))
}

/// Returns the text of an error and of all its causes, cut to 256 characters for the log.
pub fn error_text(error: &dyn std::error::Error) -> String {
    log::short(&with_causes(error.to_string(), error))
}

/// Returns the time that an invocation may still use: the time until its deadline minus `spare`. `None` if no time is
/// left.
pub fn left(context: &Context, spare: Duration) -> Option<Duration> {
    let left = context.deadline().duration_since(SystemTime::now());
    left.ok()?.checked_sub(spare).filter(|left| !left.is_zero())
}

/// Returns the current time by the clock of this machine, in whole seconds.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(milliseconds() / 1000).unwrap_or(Timestamp::FIRST)
}

/// Returns the current time by the clock of this machine, in milliseconds since 1970.
pub fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The system clock and a random number generator, for code that gets them through [`Clock`].
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
