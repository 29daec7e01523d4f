//! `config diff`: what differs between two exported configurations, or between one and a stack.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::aws_options::AwsArguments;
use crate::configuration::{DIFFERS, document, text};
use crate::deployed::config_source;
use crate::list_format::Format;
use crate::{json, output};

/// Two exported configurations, or one and a stack.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file that is the old side, written by config export
    old: PathBuf,
    /// The file that is the new side
    #[arg(required_unless_present = "stack")]
    new: Option<PathBuf>,
    /// Take this deployed stack as the new side
    #[arg(long, value_name = "NAME", conflicts_with = "new")]
    stack: Option<String>,
    /// With --stack: use this settings file in place of the stack's, which only the functions and one role may read
    #[arg(long, value_name = "FILE", requires = "stack")]
    settings: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `config diff`. Returns exit code 3 if something differs.
///
/// # Errors
/// Fails if a file is not valid, or if the stack cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let old = document(&arguments.old)?;
    let new = match (&arguments.new, &arguments.stack) {
        (Some(new), _) => document(new)?,
        (None, stack) => {
            let stack = stack.as_deref().unwrap_or_default();
            let settings = arguments.settings.as_deref();
            config_source::configuration(stack, settings, &arguments.aws)?
        }
    };
    let changes = service::configuration::changes::changes(&old, &new);
    match arguments.format {
        Format::Json => output::print(&json::config_diff(&old.stack, &new.stack, &changes)?)?,
        Format::Table if changes.is_empty() => output::print("nothing differs\n")?,
        Format::Table => output::print(&text(&changes, ""))?,
    }
    Ok(ExitCode::from(match changes.is_empty() {
        true => 0,
        false => DIFFERS,
    }))
}
