//! `config export`: writes the whole configuration of a stack to a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use records::redact::sanitize;

use crate::aws_options::AwsArguments;
use crate::deployed::config_source::configuration;
use crate::html::replace;
use crate::inputs::shown;
use crate::output;

/// The stack and the file.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Export the configuration of this deployed stack
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Write to this file; - prints [default: NAME.json]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Use this settings file in place of the stack's, which only the functions and one role may read
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `config export`. The file can be read by its owner only.
///
/// # Errors
/// Fails if the file exists, or if the stack cannot be read. Nothing is written then.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { stack, output, .. } = arguments;
    let file = output.clone();
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{}.json", sanitize(stack, 128))));
    let is_printed = file == Path::new("-");
    if !is_printed && !arguments.force && file.symlink_metadata().is_ok() {
        bail!(
            "{} exists; name another file with --output, or replace it with --force",
            shown(&file)
        );
    }
    let exported = configuration(stack, arguments.settings.as_deref(), &arguments.aws)?;
    for name in &exported.hidden_parameters {
        output::complain(&format!(
            "the parameter {} looks like a secret and is not exported; put the secret into Secrets Manager",
            sanitize(name, 256)
        ));
    }
    let text = exported.encode();
    if is_printed {
        output::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let written = replace(&file, text.as_bytes());
    written.with_context(|| format!("{}: cannot be written", shown(&file)))?;
    let resolved: usize = exported.resolutions.values().map(BTreeSet::len).sum();
    output::print(&format!(
        "{}: parameters: {}, decisions: {}, resolutions: {resolved}; it names canary keys, so keep it secret\n",
        shown(&file),
        exported.parameters.len(),
        exported.marks.len(),
    ))?;
    Ok(ExitCode::SUCCESS)
}
