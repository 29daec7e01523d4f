//! `config`: the settings object of a stack: checked, put into its bucket, and shown as an example.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use records::redact::sanitize;
use service::config::lists::{EXAMPLE, Lists, SETTINGS_BYTES_MAX};

use crate::deployed::settings;
use crate::inputs::shown;
use crate::output;

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
    /// Say whether a settings file is right, and what is wrong at which line and column
    #[command(after_help = "Example:\n  cloudtrail-inspector config check settings.toml")]
    Check {
        /// The settings file
        file: PathBuf,
    },
    /// Check a settings file and put it into a stack's bucket; the functions go by it within five minutes
    #[command(
        after_help = "Example:\n  cloudtrail-inspector config set --stack errors settings.toml"
    )]
    Set(settings::Arguments),
    /// Print an example of a settings file, with what each part means
    #[command(after_help = "Example:\n  cloudtrail-inspector config example > settings.toml")]
    Example,
}

/// A settings file, and what it says.
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only `config set` puts it somewhere")
)]
pub struct Loaded {
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// What it says.
    pub lists: Lists,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let lists = load(file)?.lists;
            output::print(&format!("{}: {}, all right\n", shown(file), lists.counts()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Set(arguments) => settings::run(arguments),
        Command::Example => {
            output::print(EXAMPLE)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Loads a settings file.
pub fn load(file: &Path) -> anyhow::Result<Loaded> {
    let mut bytes = Vec::new();
    let limit = SETTINGS_BYTES_MAX as u64 + 1;
    fs::File::open(file)
        .and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("{}: cannot be read", shown(file)))?;
    let lists = Lists::parse(bytes.clone()).map_err(|complaints| {
        let lines = complaints.iter();
        let lines: Vec<String> = lines
            .map(|complaint| format!("{}:{}", shown(file), sanitize(&complaint.to_string(), 500)))
            .collect();
        anyhow!("the settings cannot be used\n{}", lines.join("\n"))
    })?;
    Ok(Loaded { bytes, lists })
}

/// Loads the lists of a settings file; none gives none.
pub fn load_lists(file: Option<&Path>) -> anyhow::Result<Lists> {
    Ok(file
        .map(load)
        .transpose()?
        .map(|loaded| loaded.lists)
        .unwrap_or_default())
}
