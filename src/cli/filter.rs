//! `rules filter`: prints the filter pattern of a coverage, with the calls that a rules file watches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, value_parser};
use clusters::hidden_failures;
use clusters::watch::Watches;
use records::redact::sanitize;
use service::coverage::{
    Composer, Composition, Coverage, PATTERN_CHARS_MAX, REGULAR_EXPRESSIONS_MAX, own_calls_left_out,
};
use service::rules::Rules;

use crate::inputs::shown;
use crate::output;
use crate::source::load_rules;

/// Print the filter pattern of a stack, with the calls that a rules file watches
#[derive(Debug, Args)]
pub struct Arguments {
    /// The rules file; without it the pattern is that of the stack
    #[arg(long, value_name = "FILE", value_parser = value_parser!(PathBuf))]
    rules: Option<PathBuf>,
    /// Which records the pattern admits
    #[arg(
        long,
        default_value = Coverage::Watched.name(),
        value_parser = PossibleValuesParser::new(Coverage::ALL.map(Coverage::name))
            .map(|name| name.parse::<Coverage>().unwrap_or(Coverage::Watched))
    )]
    coverage: Coverage,
}

/// Prints the pattern to stdout, and to stderr how long it is, what it does not admit, and what it admits in addition.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rules = load_rules(arguments.rules.as_deref())?;
    let watches = watches(&rules);
    let composition = Composer::new(&watches).compose(arguments.coverage);
    output::print(&format!("{}\n", composition.pattern))?;
    output::complain(&described(&composition));
    Ok(ExitCode::SUCCESS)
}

/// Returns the watches of the product and those of a rules file.
fn watches(rules: &Rules) -> Watches {
    Watches::clone(rules.watches())
}

/// Describes in lines which watched calls of a rules file the patterns of the stack do not admit, and what to do. Empty
/// if they admit all.
pub fn left_out(file: &Path, rules: &Rules) -> String {
    let watches = watches(rules);
    let mut lines = String::new();
    for (coverage, calls) in own_calls_left_out(&watches) {
        let calls = calls.iter().map(|call| {
            let text = format!("{}:{} ({})", call.service, call.action, call.watch);
            sanitize(&text, 200)
        });
        let calls = Vec::from_iter(calls).join(", ");
        let coverage = coverage.name();
        lines.push_str(&format!("Coverage={coverage} does not admit {calls}\n"));
    }
    if !lines.is_empty() {
        lines.push_str(&format!(
            "to admit them, deploy with the parameter FilterPattern; its value is printed by: cloudtrail-inspector rules filter --rules {}\n",
            shown(file)
        ));
    }
    lines
}

/// Describes a pattern in lines.
fn described(composition: &Composition<'_>) -> String {
    let coverage = composition.coverage.name();
    let regular_expressions = composition.pattern.matches('%').count() / 2;
    let calls = hidden_failures::table().map(|(service, event, ..)| (service, event));
    let calls = calls.collect::<BTreeSet<_>>().len();
    let watched = composition.watched_left_out.iter();
    let watched = watched.map(|call| sanitize(&format!("{}:{}", call.service, call.action), 200));
    let removals = composition.removals_left_out.iter();
    let removals = removals.map(|(service, name)| format!("{service}:{name}"));
    let [watched, removals] = match composition.coverage {
        Coverage::Errors => ["all".to_owned(), "all".to_owned()],
        _ => [listed(watched.collect()), listed(removals.collect())],
    };
    let owned =
        |names: &BTreeSet<&str>| listed(names.iter().map(|name| (*name).to_owned()).collect());
    format!(
        "Coverage={coverage}: {} of {PATTERN_CHARS_MAX} characters, {regular_expressions} of {REGULAR_EXPRESSIONS_MAX} regular expressions\n\
        \x20 watched calls that are not admitted: {watched}\n\
        \x20 removals that are not admitted: {removals}\n\
        \x20 failures without an error code that are not found: those of {} of {calls} calls\n\
        \x20 services of which every change is admitted: {}\n\
        \x20 other calls that are admitted by a part of their name: {}",
        composition.pattern.len(),
        composition.hidden_left_out.len(),
        owned(&composition.services),
        owned(&composition.further_names),
    )
}

/// Returns names with commas between them and each once, or `none`.
fn listed(names: BTreeSet<String>) -> String {
    match Vec::from_iter(names) {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}
