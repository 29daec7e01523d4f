//! `doctor`: finds the broken link between CloudTrail and the sinks of a stack, and the command that repairs it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use service::doctor::{Target, examine};

use crate::aws_options::AwsArguments;
use crate::list_format::Format;
use crate::settings::load_lists;
use crate::table::Screen;
use crate::{deployed, health_text, json, output};

/// Find the broken link between CloudTrail and the sinks of a stack, and the command that repairs it
///
/// With --log-group it examines a log group before the first deployment. Nothing is changed.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(["stack", "log_group"]))]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector doctor --log-group aws-cloudtrail-logs-111122223333-1a2b3c4d\n  \
    cloudtrail-inspector doctor --stack errors\n  \
    cloudtrail-inspector doctor --stack errors --format json | jq -r '.links[] | select(.state == \"broken\") | .command'")]
pub struct Arguments {
    /// Examine this deployed stack
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Examine this log group, before the first deployment
    #[arg(long, value_name = "NAME")]
    log_group: Option<String>,
    /// Use this settings file, which names further workspaces, in place of the stack's, which only the functions and one role may read
    #[arg(long, value_name = "FILE", requires = "stack")]
    settings: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `doctor`. The exit code is 1 if a link is broken or could not be read.
///
/// # Errors
/// Fails only if the settings file is not valid, or the result cannot be printed.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let target = match (&arguments.stack, &arguments.log_group) {
        (Some(stack), _) => Target::Stack(stack.clone()),
        (None, group) => Target::LogGroup(group.clone().unwrap_or_default()),
    };
    let given = arguments.settings.as_deref();
    let given = given.map(|file| load_lists(Some(file))).transpose()?;
    let facts = deployed::doctor::facts(target, given, &arguments.aws)?;
    let diagnosis = examine(&facts);
    match arguments.format {
        Format::Table => {
            output::print(&health_text::doctor(&diagnosis, &Screen::of_stdout(false)))?;
        }
        Format::Json => output::print(&json::health::doctor(&diagnosis)?)?,
    }
    Ok(ExitCode::from(u8::from(!diagnosis.is_whole())))
}
