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
    Composer, Composition, Coverage, Missing, PATTERN_CHARS_MAX, REGULAR_EXPRESSIONS_MAX,
    own_calls_left_out,
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
fn watches(_rules: &Rules) -> Watches {
    Watches::default()
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
fn described(composition: &Composition) -> String {
    let mut watched = BTreeSet::new();
    let (mut hidden, mut removals) = (0, Vec::new());
    for missing in &composition.missing {
        match missing {
            Missing::Watched(_, service, action) => {
                watched.insert(sanitize(&format!("{service}:{action}"), 200));
            }
            Missing::HiddenFailure(..) => hidden += 1,
            Missing::Removal(name) => removals.push(*name),
        }
    }
    let watched = match composition.coverage {
        Coverage::Errors => "all".to_owned(),
        _ => listed(watched.iter().map(String::as_str)),
    };
    let removals = match composition.coverage {
        Coverage::Errors => "all".to_owned(),
        _ => listed(removals.into_iter()),
    };
    let calls = hidden_failures::table().map(|(service, event, ..)| (service, event));
    format!(
        "Coverage={}: {} of {PATTERN_CHARS_MAX} characters, {} of {REGULAR_EXPRESSIONS_MAX} regular expressions\n\
        \x20 not admitted, watched calls: {watched}\n\
        \x20 not admitted, failures without an error code: those of {hidden} of {} calls\n\
        \x20 not admitted, removals: {removals}\n\
        \x20 also admitted by parts of names: {} calls that change something: {}",
        composition.coverage.name(),
        composition.pattern.len(),
        composition.regular_expressions,
        calls.collect::<BTreeSet<_>>().len(),
        composition.further_calls.len(),
        listed(composition.further_calls.iter().copied()),
    )
}

/// Returns names with commas between them, or `none`.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    match Vec::from_iter(names) {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}
