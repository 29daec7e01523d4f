//! The command line: parses arguments, calls the other crates and prints the result. One file for each command.
//!
//! The modules, in reading order. The commands:
//!
//! - `scan` groups the errors in trail files into clusters; `explain` shows how each event is classified, and why.
//! - `top` prints rankings; `rules` checks and tries a rules file, and `filter` is its subcommand
//!   that prints a filter pattern; `notify` previews alerts without sending them.
//! - `rehearse` puts attack techniques behind a history and says which alerts would be sent.
//! - `diff` compares two stores, by `changes`. `man` writes manual pages.
//! - `config` checks a settings file of a stack and uploads it to the stack's bucket. `config_diff` and `config_history` are its subcommands that
//!   compare configurations and show their changes; `configuration` reads documents and prints what differs.
//! - `events` lists the events of a cluster or an incident, and `export` prints all that is stored about one.
//! - `clusters` lists and shows stored clusters; `decide` and `history` are its subcommands about one cluster. `calls` lists
//!   and shows stored sensitive calls, `incidents` incidents.
//! - `serve` shows the pages of the CloudWatch dashboard in a browser on this machine.
//! - `status` shows the health of a stack, and `doctor` finds its broken link.
//! - `generate` writes a trail of invented events.
//! - `deployed` has everything that calls AWS but `s3`: the table of a stack, `redrive`, `backfill`, `drill`, and the commands of
//!   `config` that read or change a stack. Without
//!   the feature `aws`, `left_out.rs` replaces it: its commands only fail with a message that the program has no AWS
//!   support.
//!
//! Shared by the commands:
//!
//! - `source` reads trail files into a store and queries the store.
//! - `aws_options` has `--profile` and `--region`.
//! - `s3` lists and opens trail files in S3; without the feature `aws`, `s3_left_out.rs` replaces it.
//! - `store_file` opens the SQLite file of a store.
//! - `piped` decides when standard input is read; `path_advice` says what to do about a path that is no trail file.
//! - `inputs` finds and opens files; `skipped` counts files that hold no records; `jobs` reads them with several threads and keeps their order.
//! - `place` names a store in commands that people may copy.
//! - `preview` finds the alerts that a stack would have sent about the events of a store.
//! - `open_store` opens the SQLite file or the table that holds clusters; `stack` has the options that name the table.
//! - `settings` loads a settings file of a stack; `locale_options` has `--language` and `--time-zone`.
//! - `carry` carries decisions over from clusters with ids of an earlier version of the identity.
//! - `selection` has the filters of lists, and `when` parses their times; `machine` has the clock, random secrets and the asynchronous runtime.
//! - `help` has the form of the help, the exit codes and the version; `next_step` says what to do about errors of AWS.
//! - `text_file` reads rules and other small files of a person.
//! - `used_files` prevents a command from overwriting a file that it reads.
//! - `entry` is a row of a list, in order; `list_format` has the formats of lists and their options.
//! - `output` writes to stdout and stderr; `table` and `json` are the forms of results; `counts` words the totals.
//! - `health_text` prints the health of a stack, and the links that `doctor` found.
//! - `story` prints the timeline of `scan --inspect`, `incident_text` one incident; `html` writes the report page.

mod aws_options;
mod calls;
mod carry;
mod changes;
mod clusters;
mod config;
mod config_diff;
mod config_history;
mod configuration;
mod counts;
mod decide;
#[cfg(feature = "aws")]
mod deployed;
#[cfg(not(feature = "aws"))]
#[path = "left_out.rs"]
mod deployed;
mod diff;
mod doctor;
mod entry;
mod events;
mod explain;
mod export;
mod filter;
mod generate;
mod health_text;
mod help;
mod history;
mod html;
mod incident_text;
mod incidents;
mod inputs;
mod jobs;
mod json;
mod list_format;
mod locale_options;
mod machine;
mod man;
#[cfg(feature = "aws")]
mod next_step;
mod notify;
mod open_store;
mod output;
mod path_advice;
mod piped;
mod place;
mod preview;
mod rehearse;
mod rules;
#[cfg(feature = "aws")]
mod s3;
#[cfg(not(feature = "aws"))]
#[path = "s3_left_out.rs"]
mod s3;
mod scan;
mod selection;
mod serve;
mod settings;
mod skipped;
mod source;
mod stack;
mod status;
mod store_file;
mod story;
mod table;
mod text_file;
mod top;
mod used_files;
mod when;

use std::process::ExitCode;

use clap::{FromArgMatches as _, Parser, Subcommand};
use records::redact::sanitize;

use crate::deployed::{backfill, drill, redrive};
use crate::inputs::Unusable;

/// Group the errors in AWS CloudTrail into clusters: what fails, since when, by whom, how severe
///
/// Reads CloudTrail files without access to AWS, from S3, or the table of a deployed stack.
#[derive(Debug, Parser)]
#[command(name = "cloudtrail-inspector", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Arguments that are each valid but cannot be combined; the program exits with code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

#[derive(Debug, Subcommand)]
enum Command {
    Scan(scan::Arguments),
    Explain(explain::Arguments),
    Top(top::Arguments),
    Clusters(clusters::Arguments),
    Calls(calls::Arguments),
    Incidents(incidents::Arguments),
    Serve(serve::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    Redrive(redrive::Arguments),
    Backfill(backfill::Arguments),
    Drill(drill::Arguments),
    Notify(notify::Arguments),
    Rehearse(rehearse::Arguments),
    Diff(diff::Arguments),
    Events(events::Arguments),
    Export(export::Arguments),
    Rules(rules::Arguments),
    Config(config::Arguments),
    Generate(generate::Arguments),
    Completions(Completions),
    Man(man::Arguments),
}

/// Print a shell completion script
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector completions bash > ~/.local/share/bash-completion/completions/cloudtrail-inspector\n  \
    cloudtrail-inspector completions zsh > ~/.zfunc/_cloudtrail-inspector\n  \
    cloudtrail-inspector completions fish > ~/.config/fish/completions/cloudtrail-inspector.fish")]
struct Completions {
    /// The shell to print the script for
    shell: clap_complete::Shell,
}

/// Runs the command named by the arguments of this process and returns its exit code.
///
/// Exit codes: 0 success, 1 failure, 2 wrong usage, 3 by `--fail-on`. Arguments that cannot be parsed end the process at once.
pub fn main() -> ExitCode {
    let matches = help::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = machine::check_clock().and_then(|()| run(arguments.command));
    match done {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error_text(&error));
            let code = if error.is::<WrongUsage>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Clusters(arguments) => clusters::run(&arguments),
        Command::Calls(arguments) => calls::run(&arguments),
        Command::Incidents(arguments) => incidents::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Redrive(arguments) => redrive::run(&arguments),
        Command::Backfill(arguments) => backfill::run(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Rehearse(arguments) => rehearse::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Returns an error with its causes as text for a terminal; several lines if a file has several problems.
fn error_text(error: &anyhow::Error) -> String {
    let text = format!("error: {error:#}");
    #[cfg(feature = "aws")]
    let text = next_step::of(&text).map_or(text.clone(), |step| format!("{text}; {step}"));
    // The message of a library may contain a path, and a path may contain control characters.
    let mut lines = vec![sanitize(&text, 2048)];
    if let Some(unusable) = error.downcast_ref::<Unusable>() {
        lines.extend_from_slice(unusable.lines());
    }
    lines.join("\n")
}

fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = help::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "cloudtrail-inspector",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
