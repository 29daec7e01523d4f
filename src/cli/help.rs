//! The help of all commands: in one form, with examples, exit codes and the versions of what is stored.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use clusters::fingerprint;
use sqlite::SCHEMA_VERSION;

use crate::Arguments;

/// The commit of the source, set when a release is built; a build from the same source is the same with or without it
/// elsewhere.
const COMMIT: Option<&str> = option_env!("CLOUDTRAIL_INSPECTOR_COMMIT");

/// The beginning of the line with the exit codes, in the help of each command.
pub const EXIT_CODES: &str = "Exit codes: ";

/// What exit code 1 means for a command; for all others it means that the command failed.
const FAILURES: [(&str, &str); 10] = [
    (
        "scan",
        "an input could not be read or has no CloudTrail event",
    ),
    (
        "top",
        "an input could not be read or has no CloudTrail event",
    ),
    (
        "explain",
        "an input could not be read or has no CloudTrail event",
    ),
    (
        "try",
        "an input could not be read or has no CloudTrail event",
    ),
    ("rehearse", "a technique is hidden"),
    ("status", "something is bad or unknown"),
    ("doctor", "a link is broken or unknown"),
    ("redrive", "something was not processed"),
    ("backfill", "something was not processed"),
    ("drill", "a stage was not reached"),
];

/// Returns the parser of all arguments, with the help of each command.
pub fn command() -> Command {
    with_help(Arguments::command().long_version(version()))
}

/// Returns the version of the program, its commit where known, and the versions of what it stores.
fn version() -> String {
    let commit = COMMIT.map_or(String::new(), |commit| format!(" (commit {commit})"));
    format!(
        "{}{commit}\nstore format {SCHEMA_VERSION}, identity version {}",
        env!("CARGO_PKG_VERSION"),
        fingerprint::VERSION
    )
}

/// Gives a command and its subcommands their help: `-h` and `--help` print the same, which fits a screen.
fn with_help(mut command: Command) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|of| of.get_name().to_owned())
        .collect();
    for name in &names {
        command = command.mut_subcommand(name, with_help);
    }
    let codes = exit_codes(&command);
    let after = match command.get_after_help() {
        Some(examples) => format!("{examples}\n\n{codes}"),
        None => codes,
    };
    let about = command.get_long_about().or(command.get_about());
    let about = about.cloned().unwrap_or_default();
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::HelpShort)
        .value_parser(ValueParser::bool())
        .help("Print help");
    command
        .before_help(about)
        .help_template("{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}")
        .after_help(after)
        .disable_help_flag(true)
        .arg(help)
}

/// Returns the exit codes of a command as one line.
fn exit_codes(command: &Command) -> String {
    let name = command.get_name();
    let failure = FAILURES.iter().find(|(of, _)| *of == name);
    let failure = failure.map_or("failed", |(_, text)| text);
    let has_limit = command.get_arguments().any(|of| of.get_id() == "fail_on");
    let found = match name {
        _ if has_limit => ", 3 found what --fail-on names",
        "diff" | "import" => ", 3 something differs",
        _ => "",
    };
    format!("{EXIT_CODES}0 done, 1 {failure}, 2 wrong usage{found}")
}
