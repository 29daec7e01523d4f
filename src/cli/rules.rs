//! `rules`: checks a rules file, shows what it would change in the clusters of real records, or prints a filter pattern.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerts::severity::{self, Severity};
use anyhow::bail;
use clap::{Args, Subcommand};
use clusters::Cluster;
use clusters::fingerprint::ClusterId;
use records::redact::sanitize;

use crate::inputs::shown;
use crate::source::{SourceArguments, StoreQuery, load_rules};
use crate::{filter, output};

/// Check a rules file, show what it would change, or print a filter pattern
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a rules file and print its errors with line and column
    #[command(after_help = "Example:\n  cloudtrail-inspector rules check rules.toml")]
    Check {
        /// The rules file
        file: PathBuf,
    },
    /// Show what the rules would change: clusters that disappear, appear, merge or change severity
    #[command(after_help = "Example:\n  cloudtrail-inspector rules try rules.toml AWSLogs/")]
    Try {
        /// The rules file
        file: PathBuf,
        /// CloudTrail files or folders
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Print the filter pattern of a stack, with the calls that a rules file watches
    #[command(
        after_help = "The pattern goes to stdout, what it admits and what not to stderr.\n\n\
Example:\n  cloudtrail-inspector rules filter --rules rules.toml --coverage changes"
    )]
    Filter(filter::Arguments),
}

/// Runs the given subcommand of `rules`: `check`, `try` or `filter`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let rules = load_rules(Some(file))?;
            let policies = match rules.policies().all().len() {
                0 => String::new(),
                count => format!(" and {count} policies"),
            };
            output::print(&format!(
                "{}: {} rules{policies}, valid\n{}",
                shown(file),
                rules.all().len(),
                filter::left_out(file, &rules)
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Try { file, paths } => try_on(file, paths),
        Command::Filter(arguments) => filter::run(arguments),
    }
}

fn try_on(file: &Path, paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        bail!(
            "rules try reads its input twice, so it cannot read standard input; save the input to a file"
        );
    }
    let without = SourceArguments::in_memory(None);
    let with = SourceArguments::in_memory(Some(file.to_owned()));
    let (_, before) = without.scan(paths, StoreQuery::default())?;
    let (scanned, after) = with.scan(paths, StoreQuery::default())?;
    scanned.complain(true);
    let (before, after) = (before.snapshot.clusters(), after.snapshot.clusters());
    let mut text = String::new();
    for (rule, hits) in scanned.rules.all().iter().zip(&scanned.hits) {
        let name = sanitize(&rule.name, 100);
        text.push_str(&format!(
            "rule {name:?}: applied to {} records\n",
            hits.applied
        ));
    }
    text.push_str(&changes(&before, &after));
    output::print(&text)?;
    Ok(scanned.exit_code(false))
}

/// Describes the differences between the clusters without and with the rules, one line for each changed cluster.
fn changes(before: &[Cluster], after: &[Cluster]) -> String {
    let index = |clusters: &[Cluster]| -> BTreeMap<ClusterId, (Severity, u64)> {
        let entry = |cluster: &Cluster| {
            (
                cluster.id,
                (severity::of_cluster(cluster).severity, cluster.span.count),
            )
        };
        clusters.iter().map(entry).collect()
    };
    let (old, new) = (index(before), index(after));
    let mut lines = Vec::new();
    for cluster in before {
        let (was, count) = old[&cluster.id];
        let change = match new.get(&cluster.id) {
            None => "gone".to_owned(),
            Some((is, _)) if *is > was => format!("more severe ({} to {})", was.name(), is.name()),
            Some((is, _)) if *is < was => format!("less severe ({} to {})", was.name(), is.name()),
            Some((_, more)) if *more > count => format!("merged into (+{} events)", more - count),
            Some((_, fewer)) if *fewer < count => format!("smaller (-{} events)", count - fewer),
            Some(_) => continue,
        };
        lines.push(line(&change, cluster));
    }
    for cluster in after
        .iter()
        .filter(|cluster| !old.contains_key(&cluster.id))
    {
        lines.push(line("new", cluster));
    }
    if lines.is_empty() {
        return "nothing would change\n".to_owned();
    }
    lines.concat()
}

fn line(change: &str, cluster: &Cluster) -> String {
    let identity = &cluster.facts.identity;
    let error = cluster.error_code().unwrap_or(&identity.code);
    let what = format!("{}:{} {error}", identity.service, identity.action);
    let what = sanitize(&what, 200);
    format!(
        "{change}: {what}, {} events, {}\n",
        cluster.span.count, cluster.id
    )
}
