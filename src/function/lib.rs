//! The program of all AWS Lambda functions of the stack.
//!
//! The variable `_HANDLER` selects the role; all settings are environment variables. After the start, the program
//! handles one invocation after another. It connects to AWS only at the first invocation, so that a start is fast. A
//! wrong role or setting is reported before the first invocation.
//!
//! The modules, in reading order:
//!
//! - `start` reports a failed start to AWS Lambda.
//! - `invocation` is shared by all roles: start, loop over invocations, remaining time.
//! - `ingest` is the role that processes the events of subscriptions.
//! - `inspect` is the role that inspects the clusters every hour; `repair` has its redrive and gap repair, `drills` its nightly
//!   drills.
//! - `deliver` is the role that sends alerts.
//! - `widget` is the role that answers dashboards.
//! - `log` writes log lines and metrics, never a payload or a credential.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is the place that reads the clock and the environment"
)]

mod deliver;
mod drills;
mod ingest;
mod inspect;
mod invocation;
mod log;
mod repair;
mod start;
mod widget;

use std::process::ExitCode;

use crate::start::StartError;

/// Environment variables, as name and value; variables that are not valid Unicode are left out.
type Environment = Vec<(String, String)>;

/// Runs the program: handles invocations in the role that `_HANDLER` names, until Lambda ends the process.
///
/// Returns a failure at once if the role or a setting is wrong, after the reason was logged and reported to Lambda.
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

/// Runs the role that `_HANDLER` names.
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
