//! The program of all functions of AWS Lambda: it takes its role from `_HANDLER` and its settings from the environment.
//!
//! It then answers one invocation after another. Nothing is connected to before the first invocation, so that a start is
//! cheap. What is wrong with the role or the settings is told before any invocation is taken.
//!
//! The modules, in reading order:
//!
//! - `start` tells AWS Lambda why a start failed.
//! - `invocation` is what all roles share: how they start, answer, and know how much time is left.
//! - `ingest` is the role that takes the events of subscriptions.
//! - `inspect` is the role that takes stock every hour; `repair` is what it puts right.
//! - `deliver` is the role that sends what waits.
//! - `widget` is the role that answers dashboards.
//! - `log` writes lines of the log and of metrics, never a payload or a credential.

#![expect(
    clippy::disallowed_methods,
    reason = "the door is where the clock and the environment come in"
)]

mod deliver;
mod ingest;
mod inspect;
mod invocation;
mod log;
mod repair;
mod start;
mod widget;

use std::process::ExitCode;

use crate::start::StartError;

/// The environment, as the settings are parsed from it.
type Environment = Vec<(String, String)>;

/// Answers invocations in the role that the environment names, until the process is ended; returns a failure at once
/// where the role or the settings are wrong.
pub fn main() -> ExitCode {
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match run(&environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            log::refused(&refusal);
            start::report(&environment, &refusal);
            ExitCode::FAILURE
        }
    }
}

/// Plays the role that `_HANDLER` names.
fn run(environment: &Environment) -> Result<(), StartError> {
    let role = value(environment, "_HANDLER").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::runtime(&error))?;
    match role {
        ingest::ROLE => runtime.block_on(ingest::run(environment)),
        deliver::ROLE => runtime.block_on(deliver::run(environment)),
        inspect::ROLE => runtime.block_on(inspect::run(environment)),
        widget::ROLE => runtime.block_on(widget::run(environment)),
        role => Err(StartError::role(
            role,
            &[ingest::ROLE, deliver::ROLE, inspect::ROLE, widget::ROLE],
        )),
    }
}

fn value<'e>(environment: &'e Environment, name: &str) -> Option<&'e str> {
    let found = environment.iter().find(|(given, _)| given == name);
    found.map(|(_, value)| value.as_str())
}
