//! The command line: a thin door around the engine, one file a command.

mod clusters;
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
mod kept;
mod machine;
mod notify;
mod output;
mod rules;
mod scan;
mod serve;
mod since;
mod source;
mod stack;
mod story;
mod table;
mod top;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use records::redact::sanitize;

use crate::deployed::{backfill, redrive};

/// What is newly failing in your AWS accounts, who does it, and does it matter.
///
/// Reads CloudTrail records and folds their errors into clusters. Works on trail files, without
/// AWS, and on the table of a deployed stack. Exit codes: 0 done, 1 something failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cloudtrail-inspector", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

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
    Generate(generate::Arguments),
    Completions(Completions),
}

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector completions bash > /etc/bash_completion.d/cloudtrail-inspector\n  \
    cloudtrail-inspector completions zsh > ~/.zfunc/_cloudtrail-inspector")]
struct Completions {
    /// The shell to complete for
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
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&said(&error));
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong.
fn said(error: &anyhow::Error) -> String {
    // What a library says may repeat a path as it is.
    sanitize(&format!("error: {error:#}"), 2048)
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
