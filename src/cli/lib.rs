//! The command line: reads arguments, calls the crates that decide, and prints. One file for each command.
//!
//! The modules, in reading order. The commands:
//!
//! - `scan` folds trail files into clusters; `explain` says of one event what becomes of it and why.
//! - `top` ranks; `rules` checks and tries a rules file; `notify` shows what sinks would be sent.
//! - `config` checks a stack's settings object and puts it into the stack's bucket.
//! - `clusters` lists and shows what is kept; `decide` and `history` are its subcommands about one cluster.
//! - `serve` shows a dashboard's pages in a browser on this machine.
//! - `generate` writes a made-up trail.
//! - `deployed` has what talks to AWS: the table of a stack, `redrive` and `backfill`. Without the feature `aws`,
//!   `left_out.rs` stands in its place; it says that the program was built without AWS.
//!
//! What they share:
//!
//! - `inputs` finds and opens files; `jobs` folds them by several threads and keeps their order.
//! - `open_store` opens the file or the table in which clusters are; `stack` says which table it is.
//! - `settings` loads a settings file of a stack.
//! - `since` reads `--since`; `machine` has the time and waits for answers.
//! - `used_files` keeps a command from writing over what it reads.
//! - `output` knows stdout and stderr; `table` and `json` are the two forms of results.
//! - `story` prints what an inspection finds; `html` puts the report page in its place.

mod clusters;
mod config;
mod counts;
mod decide;
#[cfg(feature = "aws")]
mod deployed;
#[cfg(not(feature = "aws"))]
#[path = "left_out.rs"]
mod deployed;
mod explain;
mod generate;
mod history;
mod html;
mod inputs;
mod jobs;
mod json;
mod machine;
mod notify;
mod open_store;
mod output;
mod rules;
mod scan;
mod serve;
mod settings;
mod since;
mod source;
mod stack;
mod story;
mod table;
mod top;
mod used_files;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use records::redact::sanitize;

use crate::deployed::{backfill, redrive};
use crate::inputs::Unusable;

/// Group the errors in AWS CloudTrail into clusters: what fails, since when, by whom, how severe
///
/// Reads CloudTrail files without access to AWS, or the table of a deployed stack.
/// Exit codes: 0 success, 1 failure (for example an unreadable input), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cloudtrail-inspector", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Arguments that are fine one by one, and make no sense together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

#[derive(Debug, Subcommand)]
enum Command {
    Scan(scan::Arguments),
    Explain(explain::Arguments),
    Top(top::Arguments),
    Clusters(clusters::Arguments),
    Serve(serve::Arguments),
    Redrive(redrive::Arguments),
    Backfill(backfill::Arguments),
    Notify(notify::Arguments),
    Rules(rules::Arguments),
    Config(config::Arguments),
    Generate(generate::Arguments),
    Completions(Completions),
}

/// Print a shell completion script
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector completions bash > /etc/bash_completion.d/cloudtrail-inspector\n  \
    cloudtrail-inspector completions zsh > ~/.zfunc/_cloudtrail-inspector")]
struct Completions {
    /// The shell to print the script for
    shell: clap_complete::Shell,
}

/// Runs the command that the arguments of this process name; wrong usage ends the process with exit code 2.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Clusters(arguments) => clusters::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Redrive(arguments) => redrive::run(&arguments),
        Command::Backfill(arguments) => backfill::run(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&said(&error));
            let code = if error.is::<WrongUsage>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}

/// Says what went wrong.
fn said(error: &anyhow::Error) -> String {
    // What a library says may repeat a path as it is.
    let mut lines = vec![sanitize(&format!("error: {error:#}"), 2048)];
    if let Some(unusable) = error.downcast_ref::<Unusable>() {
        lines.extend_from_slice(unusable.lines());
    }
    lines.join("\n")
}

fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "cloudtrail-inspector",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
