//! Looks up what the links of a stack need of services that the functions use: who asks, the table, the topic, the bus, and what a
//! caller may do. All calls only read.

use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TimeToLiveStatus};
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use service::doctor::{Caller, Probe, Table};
use service::ports::LookupError;

use crate::refusal;
use crate::signed::{is_missing, lookup_error};

/// The actions that one call simulates at most.
const ACTIONS_MAX: usize = 100;

/// Returns who the credentials belong to.
///
/// # Errors
/// [`LookupError`] if AWS refuses the credentials or does not answer.
pub async fn caller(config: &SdkConfig) -> Result<Caller, LookupError> {
    let client = aws_sdk_sts::Client::new(config);
    let answer = client.get_caller_identity().send().await;
    let answer = answer.map_err(|error| failed(&error))?;
    Ok(Caller {
        account_id: answer.account().unwrap_or_default().to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

/// Returns the state of a table; `None` if it does not exist.
///
/// # Errors
/// [`LookupError`] if AWS refuses to describe the table or does not answer.
pub async fn table(config: &SdkConfig, name: &str) -> Result<Option<Table>, LookupError> {
    let client = aws_sdk_dynamodb::Client::new(config);
    let found = client.describe_table().table_name(name).send().await;
    let Some(found) = existing(found)? else {
        return Ok(None);
    };
    let status = found.table().and_then(|table| table.table_status());
    let expiry = client.describe_time_to_live().table_name(name).send().await;
    let expiry = expiry.map_err(|error| failed(&error).detail);
    let backups = client.describe_continuous_backups().table_name(name);
    let backups = backups.send().await.map_err(|error| failed(&error).detail);
    Ok(Some(Table {
        status: status.map(|of| of.as_str().to_owned()).unwrap_or_default(),
        expires: expiry.map(|of| {
            let found = of.time_to_live_description();
            let status = found.and_then(|found| found.time_to_live_status());
            matches!(
                status,
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            )
        }),
        restores: backups.map(|of| {
            let found = of.continuous_backups_description();
            let found = found.and_then(|found| found.point_in_time_recovery_description());
            let status = found.and_then(|found| found.point_in_time_recovery_status());
            status == Some(&PointInTimeRecoveryStatus::Enabled)
        }),
    }))
}

/// Asks for the attributes of an SNS topic.
///
/// # Errors
/// [`LookupError`] if AWS refuses the request or does not answer.
pub async fn topic(config: &SdkConfig, arn: &str) -> Result<Probe, LookupError> {
    let client = aws_sdk_sns::Client::new(config);
    let began = Instant::now();
    let found = client.get_topic_attributes().topic_arn(arn).send().await;
    Ok(probe(existing(found)?.is_some(), began, "the topic"))
}

/// Asks for the description of an event bus.
///
/// # Errors
/// [`LookupError`] if AWS refuses the request or does not answer.
pub async fn bus(config: &SdkConfig, name: &str) -> Result<Probe, LookupError> {
    let client = aws_sdk_eventbridge::Client::new(config);
    let began = Instant::now();
    let found = client.describe_event_bus().name(name).send().await;
    Ok(probe(existing(found)?.is_some(), began, "the event bus"))
}

fn probe(exists: bool, began: Instant, what: &str) -> Probe {
    match exists {
        true => Probe::Fine(millis_since(began)),
        false => Probe::Wrong(format!("{what} does not exist")),
    }
}

/// Returns the number of milliseconds since a moment.
pub fn millis_since(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Simulates whether a caller may do some actions, at most 100, on any resource. The order of the result is that of the actions.
///
/// # Errors
/// [`LookupError`] if AWS refuses to simulate or does not answer.
pub async fn simulate(
    config: &SdkConfig,
    caller: &Caller,
    actions: &[&str],
) -> Result<Vec<(String, bool)>, LookupError> {
    let client = aws_sdk_iam::Client::new(config);
    let arn = match role_of_session(&caller.arn) {
        // The ARN of a session has no path.
        Some(role) => {
            let found = client.get_role().role_name(role).send().await;
            let found = found.map_err(|error| failed(&error))?;
            let role = found.role().map(|role| role.arn().to_owned());
            role.unwrap_or_default()
        }
        None => caller.arn.clone(),
    };
    let actions: Vec<String> = actions.iter().map(|of| (*of).to_owned()).collect();
    let request = client.simulate_principal_policy().policy_source_arn(arn);
    let request = request.set_action_names(Some(actions.clone()));
    let answer = request.max_items(ACTIONS_MAX as i32).send().await;
    let answer = answer.map_err(|error| failed(&error))?;
    let results = answer.evaluation_results();
    let may = |action: &String| {
        let result = results.iter().find(|of| of.eval_action_name() == action);
        result.is_some_and(|of| *of.eval_decision() == PolicyEvaluationDecisionType::Allowed)
    };
    Ok(actions
        .into_iter()
        .map(|of| (of.clone(), may(&of)))
        .collect())
}

/// Returns the name of the role in the ARN of a session; `None` for a user.
fn role_of_session(arn: &str) -> Option<&str> {
    let session = arn.split(":assumed-role/").nth(1)?;
    session.split('/').next()
}

/// Returns the answer; `None` if what was asked for does not exist.
fn existing<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Result<Option<T>, LookupError>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code().is_some_and(is_missing) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn failed<E, R>(error: &SdkError<E, R>) -> LookupError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    lookup_error(&refusal::describe(error))
}
