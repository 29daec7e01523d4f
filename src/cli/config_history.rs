//! `config history`: who changed the settings file or the rules file of a stack, when and how.

use std::process::ExitCode;

use clap::Args;
use records::redact::sanitize;
use service::configuration::history::ConfigChange;

use crate::aws_options::AwsArguments;
use crate::configuration::text;
use crate::list_format::Format;
use crate::{deployed, json, output};

/// The stack or its bucket.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Show the changes of this deployed stack
    #[arg(long, value_name = "NAME", required_unless_present = "bucket")]
    stack: Option<String>,
    /// Use this bucket (the stack's output `BucketName`)
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    bucket: Option<String>,
    /// Maximum number of changes, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `config history`.
///
/// # Errors
/// Fails if the bucket cannot be listed or read.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = (arguments.stack.as_deref(), arguments.bucket.as_deref());
    let found = deployed::config_history::changes(place, arguments.limit, &arguments.aws)?;
    match arguments.format {
        Format::Json => output::print(&json::config_history(&found)?)?,
        Format::Table if found.is_empty() => {
            output::print("no changes by config set or config import are noted\n")?;
        }
        Format::Table => output::print(&found.iter().map(shown).collect::<String>())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a change as text. The bucket may have an object that another program wrote, so all texts are sanitized again.
fn shown(of: &ConfigChange) -> String {
    let clean = |text: &str| sanitize(text, 300);
    let mut printed = format!(
        "{}  {} {}  {}\n  by {}\n  {}\n",
        clean(&of.at),
        clean(&of.file),
        clean(&of.version),
        clean(&of.source),
        clean(&of.who),
        clean(&of.summary)
    );
    match &of.changes {
        Some(changes) => printed.push_str(&text(changes, "  ")),
        None => {
            printed.push_str("  the file before could not be read, so what differs is not known\n");
        }
    }
    printed
}
