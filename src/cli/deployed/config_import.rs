//! `config import`: gives a stack the configuration of an exported file.

use std::path::PathBuf;
use std::process::ExitCode;

use aws::stack::caller;
use clap::Args;
use records::redact::sanitize;
use service::configuration::changes::Change;
use service::configuration::import::{FilePlan, ImportPlan, Importer, MarkPlan};
use service::ports::TriageStore as _;

use crate::aws_options::AwsArguments;
use crate::configuration::{DIFFERS, document, text};
use crate::deployed::config_source::{Deployed, open};
use crate::inputs::shown;
use crate::machine::{now, runtime, secret};
use crate::output;

/// The file and the stack.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file, written by config export
    file: PathBuf,
    /// Give the configuration to this deployed stack
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Change the stack; without it, only print what would change
    #[arg(long)]
    apply: bool,
    /// Use this settings file in place of the stack's present one, which only the functions and one role may read
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `config import`. Returns exit code 3 if something differs that was not changed: everything without `--apply`, and
/// parameters, which only a deployment changes.
///
/// # Errors
/// Fails if the file is not valid, or if the stack cannot be read or changed. To run it again is safe.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let document = document(&arguments.file)?;
    let (plan, is_done) = runtime()?.block_on(async {
        let Arguments { stack, aws, .. } = arguments;
        let deployed = open(stack, arguments.settings.as_deref(), aws).await?;
        let versions = deployed.store.marks().await?;
        let plan = ImportPlan::of(&document, &deployed.configuration, &versions)?;
        let is_done = arguments.apply && !plan.is_empty();
        if is_done {
            apply(&plan, arguments, &document.stack, &deployed).await?;
        }
        anyhow::Ok((plan, is_done))
    })?;
    let is_left = !is_done && !plan.is_empty();
    let mut printed = changed(&plan);
    printed.push_str(match (is_done, is_left) {
        (true, _) => "changed; the functions use the files within five minutes\n",
        (false, true) => "nothing was changed yet; --apply does it\n",
        (false, false) => "nothing to change in the bucket and the table\n",
    });
    printed.push_str(&deployment(&plan, &arguments.stack));
    output::print(&printed)?;
    let differs = is_left || !plan.parameters.is_empty() || !plan.hidden_parameters.is_empty();
    Ok(ExitCode::from(if differs { DIFFERS } else { 0 }))
}

async fn apply(
    plan: &ImportPlan,
    arguments: &Arguments,
    stack: &str,
    deployed: &Deployed,
) -> anyhow::Result<()> {
    let who = caller(&deployed.config).await?;
    let source = format!(
        "{} of stack {}",
        shown(&arguments.file),
        sanitize(stack, 128)
    );
    let importer = Importer {
        who: &who,
        source: &source,
        now: now(),
        salt: &secret()?,
    };
    plan.apply(&importer, &deployed.bucket, &deployed.store)
        .await?;
    Ok(())
}

/// Returns what changes in the bucket and in the table, as text.
fn changed(plan: &ImportPlan) -> String {
    let mut text = String::new();
    for (name, of) in [
        ("settings file", &plan.settings),
        ("rules file", &plan.rules),
    ] {
        text.push_str(&of.as_ref().map(|of| file(name, of)).unwrap_or_default());
    }
    if !plan.marks.is_empty() {
        text.push_str("decisions:\n");
        text.extend(plan.marks.iter().map(mark));
    }
    for cluster in &plan.kept_marks {
        text.push_str(&format!(
            "  {cluster}: stays, because the stack has a later decision or a withdrawn one\n"
        ));
    }
    if !plan.resolutions.is_empty() {
        text.push_str("resolutions:\n");
    }
    for (cluster, at, _) in &plan.resolutions {
        text.push_str(&format!("  {cluster}: at {at}\n"));
    }
    text
}

fn file(name: &str, of: &FilePlan) -> String {
    let key = sanitize(&of.key, 256);
    format!("{name} {key}:\n{}", text(&of.changes, "  "))
}

fn mark(of: &MarkPlan) -> String {
    let before = of.before.triage.as_ref();
    let before = before.map_or_else(|| "none".to_owned(), |of| of.decision.to_string());
    let (by, reason) = (&of.triage.actor, &of.triage.reason);
    let (by, reason) = (sanitize(by, 128), sanitize(reason, 300));
    let about = match reason.as_str() {
        "" => format!("by {by}"),
        reason => format!("by {by}: {reason}"),
    };
    format!(
        "  {}: {before} → {} ({about})\n",
        of.cluster, of.triage.decision
    )
}

/// Returns which parameters differ, and the command that deploys them; empty if none differs.
fn deployment(plan: &ImportPlan, stack: &str) -> String {
    let mut printed = String::new();
    for name in &plan.hidden_parameters {
        printed.push_str(&format!(
            "the parameter {} was not exported, because it looked like a secret; set it yourself\n",
            sanitize(name, 256)
        ));
    }
    if plan.parameters.is_empty() {
        return printed;
    }
    printed.push_str("parameters, which only a deployment changes:\n");
    printed.push_str(&text(&plan.parameters, "  "));
    let overrides: Vec<String> = plan.parameters.iter().map(quoted).collect();
    printed.push_str(&format!(
        "deploy them: sam deploy --stack-name {} --parameter-overrides {}\n",
        sanitize(stack, 128),
        overrides.join(" ")
    ));
    printed
}

/// Returns a parameter with its value as `sam deploy` reads it, quoted for a POSIX shell.
fn quoted(of: &Change) -> String {
    let name = of.path.trim_start_matches("parameters.");
    let value = of.new.as_deref().unwrap_or_default();
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("'{name}=\"{}\"'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_quoted_for_a_shell_and_for_sam() {
        for (value, quoted_as) in [
            ("90", "'Name=\"90\"'"),
            ("", "'Name=\"\"'"),
            ("{ $.a=\"*\" }", "'Name=\"{ $.a=\\\"*\\\" }\"'"),
            ("it's", "'Name=\"it'\\''s\"'"),
        ] {
            let change = Change {
                path: "parameters.Name".to_owned(),
                old: None,
                new: Some(value.to_owned()),
            };
            assert_eq!(quoted(&change), quoted_as);
        }
    }
}
