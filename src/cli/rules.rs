//! `rules`: a rules file checked, and tried on real records before it is put to use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerts::severity::{self, Severity};
use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use clusters::Cluster;
use clusters::exempt::Exempt;
use clusters::fingerprint::ClusterId;
use clusters::twin::TrailAccounts;
use records::principal::is_account_id;
use records::redact::sanitize;
use service::rules::{Hits, Rule, Rules};

use crate::inputs::shown;
use crate::output;
use crate::scan::{Question, SourceArguments};

/// Check a rules file, or try what it would change
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a rules file is right, and what is wrong at which line and column
    #[command(after_help = "Example:\n  cloudtrail-inspector rules check rules.toml")]
    Check {
        /// The rules file
        file: PathBuf,
    },
    /// Say what rules would change: clusters gone, new, merged, louder, quieter
    #[command(after_help = "Example:\n  cloudtrail-inspector rules try rules.toml AWSLogs/")]
    Try {
        /// The rules file
        file: PathBuf,
        /// Trail files or folders
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

/// What events are treated by.
#[derive(Debug, Default, Args)]
pub struct RulesArguments {
    /// Treat events as the rules in this TOML file say
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Ignore what other accounts log of this account's calls, as its own trail is read as well; may
    /// be given several times
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub trail_account: Vec<String>,
}

impl RulesArguments {
    /// Returns the rules to go by.
    pub fn load(&self) -> anyhow::Result<Rules> {
        let trail_accounts = TrailAccounts::new(self.trail_account.iter().cloned());
        Ok(load(self.rules.as_deref())?.with_exempt(Exempt {
            trail_accounts,
            ..Exempt::default()
        }))
    }
}

fn account_id(text: &str) -> Result<String, String> {
    match is_account_id(text) {
        true => Ok(text.to_owned()),
        false => Err("an account id has twelve digits, such as 111122223333".to_owned()),
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { file } => {
            let rules = load(Some(file))?;
            let policies = match rules.policies().all().len() {
                0 => String::new(),
                count => format!(" and {count} policies"),
            };
            output::print(&format!(
                "{}: {} rules{policies}, all right\n",
                shown(file),
                rules.all().len()
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Try { file, paths } => try_on(file, paths),
    }
}

/// Loads a rules file; none gives no rules.
fn load(file: Option<&Path>) -> anyhow::Result<Rules> {
    let Some(file) = file else {
        return Ok(Rules::default());
    };
    let text =
        fs::read_to_string(file).with_context(|| format!("{}: cannot be read", shown(file)))?;
    Rules::parse(&text).map_err(|complaints| {
        let lines: Vec<String> = complaints
            .iter()
            .map(|complaint| format!("{}:{}", shown(file), sanitize(&complaint.to_string(), 500)))
            .collect();
        anyhow!("the rules cannot be used\n{}", lines.join("\n"))
    })
}

/// Says of a rule that did nothing why that may be.
pub fn idle(rule: &Rule, hits: Hits) -> Option<String> {
    let name = sanitize(&rule.name, 100);
    let line = rule.line;
    match (hits, rule.until) {
        (
            Hits {
                ended: ended @ 1.., ..
            },
            Some(until),
        ) => Some(format!(
            "rule {name:?} (line {line}) ended at {until}; it would have matched {ended} records since"
        )),
        (Hits { applied: 0, .. }, _) => {
            Some(format!("rule {name:?} (line {line}) matched nothing"))
        }
        _ => None,
    }
}

fn try_on(file: &Path, paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        bail!("rules are tried on records that are read twice; save standard input to a file");
    }
    let without = SourceArguments::in_memory(None);
    let with = SourceArguments::in_memory(Some(file.to_owned()));
    let (_, before) = without.scan(paths, Question::default())?;
    let (scanned, after) = with.scan(paths, Question::default())?;
    scanned.complain();
    let (before, after) = (before.census.clusters(), after.census.clusters());
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
    Ok(scanned.exit_code())
}

/// Says how two sets of clusters of the same records differ.
fn changes(before: &[Cluster], after: &[Cluster]) -> String {
    let index = |clusters: &[Cluster]| -> BTreeMap<ClusterId, (Severity, u64)> {
        let told = |cluster: &Cluster| {
            (
                cluster.id,
                (severity::of_cluster(cluster).severity, cluster.span.count),
            )
        };
        clusters.iter().map(told).collect()
    };
    let (old, new) = (index(before), index(after));
    let mut lines = Vec::new();
    for cluster in before {
        let (was, count) = old[&cluster.id];
        let change = match new.get(&cluster.id) {
            None => "gone".to_owned(),
            Some((is, _)) if *is > was => format!("louder ({} to {})", was.name(), is.name()),
            Some((is, _)) if *is < was => format!("quieter ({} to {})", was.name(), is.name()),
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
