//! `config`: checks a settings file of a stack, uploads it to the stack's bucket, or prints an example.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use service::config::lists::EXAMPLE;

use crate::deployed::config_set;
use crate::inputs::shown;
use crate::output;
use crate::settings::load;

/// Check the settings file of a stack, or upload it to the stack's bucket
///
/// The settings file (TOML) holds lists that are too long or too sensitive for stack parameters: account names,
/// accounts whose trails are read, canary access keys, and roles whose errors are ignored.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a settings file and print its errors with line and column
    #[command(after_help = "Example:\n  cloudtrail-inspector config check settings.toml")]
    Check {
        /// The settings file
        file: PathBuf,
    },
    /// Check a settings file and upload it to a stack's bucket. The functions use it within five minutes
    #[command(
        after_help = "Example:\n  cloudtrail-inspector config set --stack errors settings.toml"
    )]
    Set(config_set::Arguments),
    /// Print an example settings file with explanations
    #[command(after_help = "Example:\n  cloudtrail-inspector config example > settings.toml")]
    Example,
}

/// Runs the given subcommand of `config`: `check`, `set` or `example`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let lists = load(file)?.lists;
            output::print(&format!("{}: {}, valid\n", shown(file), lists.counts()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Set(arguments) => config_set::run(arguments),
        Command::Example => {
            output::print(EXAMPLE)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
