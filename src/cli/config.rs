//! `config`: checks a settings file of a stack, uploads it, or prints an example; exports, compares and imports a whole
//! configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use service::config::lists::EXAMPLE;

use crate::deployed::{config_export, config_import, config_set};
use crate::inputs::shown;
use crate::output;
use crate::settings::load;
use crate::{config_diff, config_history};

/// Check, upload, export, compare and import the configuration of a stack
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
    /// Check a settings file or a rules file and upload it to a stack's bucket. The functions use it within five minutes
    #[command(
        after_help = "Examples:\n  cloudtrail-inspector config set --stack errors settings.toml\n  \
            cloudtrail-inspector config set --stack errors --rules rules.toml"
    )]
    Set(config_set::Arguments),
    /// Write the whole configuration of a stack to a file: parameters, settings, rules, policies, watches and decisions
    #[command(
        after_help = "Examples:\n  cloudtrail-inspector config export --stack errors --output today.json\n  \
            cloudtrail-inspector config export --stack errors --output - | jq .parameters"
    )]
    Export(config_export::Arguments),
    /// Say what differs between two exported configurations, or between one and a stack
    #[command(
        after_help = "Examples:\n  cloudtrail-inspector config diff errors.json staging.json\n  \
            cloudtrail-inspector config diff errors.json --stack errors --format json"
    )]
    Diff(config_diff::Arguments),
    /// Give a stack the configuration of an exported file. Without --apply, say what would change. Nothing is removed
    #[command(
        after_help = "Examples:\n  cloudtrail-inspector config import errors.json --stack staging\n  \
            cloudtrail-inspector config import errors.json --stack staging --apply"
    )]
    Import(config_import::Arguments),
    /// Show who changed the settings file or the rules file of a stack with this program, when and how
    #[command(
        after_help = "Examples:\n  cloudtrail-inspector config history --stack errors\n  \
            cloudtrail-inspector config history --stack errors --format json | jq '.history[].version'"
    )]
    History(config_history::Arguments),
    /// Print an example settings file with explanations
    #[command(after_help = "Example:\n  cloudtrail-inspector config example > settings.toml")]
    Example,
}

/// Runs the given subcommand of `config`, such as `check`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let lists = load(file)?.lists;
            output::print(&format!("{}: {}, valid\n", shown(file), lists.counts()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Set(arguments) => config_set::run(arguments),
        Command::Export(arguments) => config_export::run(arguments),
        Command::Diff(arguments) => config_diff::run(arguments),
        Command::Import(arguments) => config_import::run(arguments),
        Command::History(arguments) => config_history::run(arguments),
        Command::Example => {
            output::print(EXAMPLE)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
