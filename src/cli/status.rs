//! `status`: shows the health of a deployed stack on one screen.

use std::process::ExitCode;

use clap::Args;
use service::status::report;

use crate::aws_options::AwsArguments;
use crate::list_format::Format;
use crate::locale_options::LocaleOptions;
use crate::table::Screen;
use crate::{deployed, health_text, json, output};

/// Show the health of a deployed stack: the last inspection, delays, waiting alerts, alarms and versions
///
/// The first row of the dashboard says the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector status --stack errors\n  \
    cloudtrail-inspector status --stack errors --language zh --time-zone +08:00\n  \
    cloudtrail-inspector status --stack errors --format json | jq '.rows[] | select(.state != \"ok\")'")]
pub struct Arguments {
    /// The deployed stack
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    locale: LocaleOptions,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `status`. The exit code is 1 if something is bad or unknown.
///
/// # Errors
/// Fails without credentials, and if there is no such stack.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let facts = deployed::status::facts(&arguments.stack, &arguments.aws)?;
    let locale = arguments.locale.locale();
    let report = report(&facts, locale);
    match arguments.format {
        Format::Table => output::print(&health_text::status(
            &report,
            locale.language,
            &Screen::of_stdout(false),
        ))?,
        Format::Json => output::print(&json::health::status(&report)?)?,
    }
    Ok(ExitCode::from(u8::from(!report.is_healthy())))
}
