//! `config`: the settings object of a stack: checked, put into its bucket, and shown as an example.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use service::config::lists::EXAMPLE;

use crate::deployed::config_set;
use crate::inputs::shown;
use crate::output;
use crate::settings::load;

/// Check the settings object of a stack, or put it into the stack's bucket
///
/// It has what a stack's parameters have no room for, or should not show: names of accounts, accounts whose trails are
/// read, canary keys, and roles whose own errors are ignored.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a settings file, and list its errors with line and column
    #[command(after_help = "Example:\n  cloudtrail-inspector config check settings.toml")]
    Check {
        /// The settings file
        file: PathBuf,
    },
    /// Check a settings file and put it into a stack's bucket; the functions go by it within five minutes
    #[command(
        after_help = "Example:\n  cloudtrail-inspector config set --stack errors settings.toml"
    )]
    Set(config_set::Arguments),
    /// Print an example of a settings file, with what each part means
    #[command(after_help = "Example:\n  cloudtrail-inspector config example > settings.toml")]
    Example,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let lists = load(file)?.lists;
            output::print(&format!("{}: {}, all right\n", shown(file), lists.counts()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Set(arguments) => config_set::run(arguments),
        Command::Example => {
            output::print(EXAMPLE)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
