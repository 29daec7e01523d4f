//! `explain`: shows for each event how it is classified, and why.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use alerts::locale::Language;
use clap::{Args, ValueEnum};
use clusters::facet::FacetKind;
use clusters::selection::NO_EVENT;
use input::file::read_reference;
use input::{InputItem, Limits, ReadError, likeness};
use records::redact::sanitize;
use records::{Record, Rejection, Wrapper};
use service::rules::{Fate, Rules};
use view::json::CallDetailsShape;

use crate::aws_options::{AwsArguments, Remote};
use crate::inputs::{self, Input, Inputs, Unread, without_answer, without_events};
use crate::json::Explanation;
use crate::output;
use crate::skipped::Skipped;
use crate::source::RulesArguments;

/// Explain each event: whether it is selected, its class, cluster and severity, and why
///
/// Accepts every JSON object with eventSource and eventName; other fields are optional.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector explain event.json\n  \
    pbpaste | cloudtrail-inspector explain\n  \
    cloudtrail-inspector explain --format jsonl AWSLogs/ | jq -r .class | sort | uniq -c")]
pub struct Arguments {
    #[arg(
        default_value = "-",
        help = "CloudTrail files, folders, s3://BUCKET/PATH, or - for standard input"
    )]
    paths: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    rules: RulesArguments,
    /// Exit with code 1 if anything was not read: a file of a folder, or a single record
    #[arg(long, help_heading = "Reading")]
    strict: bool,
    #[command(flatten)]
    aws: AwsArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: one JSON object per line
    Jsonl,
}

/// What was not read of the inputs.
#[derive(Default)]
struct Missed {
    failed: bool,
    records: u64,
    skipped: Skipped,
}

/// Runs `explain`. Returns exit code 1 if an input could not be read to its end or has no CloudTrail event, or if nothing
/// was read.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rules = arguments.rules.load()?;
    let remote = Remote {
        aws: Some(&arguments.aws),
        ..Remote::default()
    };
    let inputs = Inputs::find(&arguments.paths, remote)?;
    for failure in &inputs.failed {
        output::complain(&format!("error: {}: {}", failure.file, failure.error));
    }
    let mut missed = Missed {
        failed: !inputs.failed.is_empty(),
        skipped: inputs.skipped,
        ..Missed::default()
    };
    let mut is_blank = true;
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    for input in &inputs.found {
        is_blank &= !explain(input, &rules, arguments.format, &mut stdout, &mut missed)?;
    }
    stdout.flush()?;
    if let Some(skipped) = missed.skipped.sentence() {
        output::complain(&skipped);
        missed.failed |= is_blank;
    }
    let is_partial = missed.records > 0 || missed.skipped.count() > 0;
    let failed = missed.failed || (arguments.strict && is_partial);
    Ok(ExitCode::from(u8::from(failed)))
}

/// Prints an explanation of each record of an input, and notes what was not read. `false` if the input was skipped.
fn explain(
    input: &Input,
    rules: &Rules,
    format: Format,
    stdout: &mut impl io::Write,
    missed: &mut Missed,
) -> anyhow::Result<bool> {
    let read = explain_all(input, rules, format, stdout, missed)?;
    let likeness = match read {
        Ok(likeness) => likeness,
        Err(Unread::Skipped) => Some(String::new()),
        Err(Unread::Failed(error)) => {
            missed.failed = true;
            output::complain(&format!("error: {}: {}", error.file, error.error));
            return Ok(true);
        }
    };
    let Some(likeness) = likeness else {
        return Ok(true);
    };
    if input.may_be_skipped() {
        missed.skipped.add(&input.name());
        return Ok(false);
    }
    missed.failed = true;
    let error = without_events(&likeness);
    output::complain(&format!("error: {}: {error}", input.name()));
    Ok(true)
}

/// Prints an explanation of each record. Returns what the input looks like if it holds something, but no event.
fn explain_all(
    input: &Input,
    rules: &Rules,
    format: Format,
    out: &mut impl io::Write,
    missed: &mut Missed,
) -> anyhow::Result<Result<Option<String>, Unread>> {
    let limits = Limits::default();
    let (opened, layout) = match input.open(&limits) {
        Ok(opened) => opened,
        Err(unread) => return Ok(Err(unread)),
    };
    if let Some(note) = &opened.note {
        output::complain(&format!("note: {}: {note}", input.name()));
    }
    let mut printed = Ok(());
    // What is skipped prints nothing, so the first event decides whether anything is printed.
    let is_optional = input.may_be_skipped();
    let mut kept = Vec::new();
    let (mut events, mut likeness) = (0, None);
    let (mut strangers, mut incomplete) = (0, None);
    let read = read_reference(opened.records, layout, &limits, &mut |item| {
        if let InputItem::Incomplete { reason } = item {
            incomplete = Some(reason);
            return;
        }
        let looks_like = match &item {
            InputItem::Record { text, .. } if likeness.is_none() => likeness::of_record(text),
            _ => likeness::UNREADABLE.to_owned(),
        };
        let Some(explanation) = explanation_of(input, rules, item) else {
            return;
        };
        match explanation.is_event {
            true => events += 1,
            false => drop(likeness.get_or_insert(looks_like)),
        }
        strangers += u64::from(!explanation.is_event && !explanation.is_quarantined);
        missed.records += u64::from(!explanation.is_event);
        if printed.is_ok() {
            printed = match is_optional && events == 0 {
                true => print(&explanation, format, &mut kept),
                false => out
                    .write_all(&std::mem::take(&mut kept))
                    .map_err(Into::into)
                    .and_then(|()| print(&explanation, format, out)),
            };
        }
    });
    printed?;
    if let Some(reason) = incomplete.filter(|_| read.is_ok()) {
        if events == 0 && likeness.is_none() {
            return Ok(Err(input.failed(&without_answer(reason))));
        }
        missed.records += 1;
        output::complain(&format!(
            "note: {}: {}",
            input.name(),
            inputs::incomplete(reason)
        ));
    }
    if events > 0 && strangers > 0 {
        let note = inputs::strangers(strangers, likeness.as_deref().unwrap_or_default());
        output::complain(&format!("note: {}: {note}", input.name()));
    }
    Ok(match read {
        Ok(()) => Ok(likeness.filter(|_| events == 0)),
        Err(ReadError::NotJson { .. } | ReadError::Empty) if is_optional => Ok(Some(String::new())),
        Err(error) => Err(input.failed(&error)),
    })
}

fn print(
    explanation: &Explanation,
    format: Format,
    stdout: &mut impl io::Write,
) -> anyhow::Result<()> {
    let text = match format {
        Format::Text => text(explanation),
        Format::Jsonl => explanation.line()?,
    };
    Ok(stdout.write_all(text.as_bytes())?)
}

fn explanation_of(input: &Input, rules: &Rules, item: InputItem<'_>) -> Option<Explanation> {
    match item {
        InputItem::Record { text, wrapper, .. } => {
            let account_id = input.account_id();
            let wrapper = wrapper.or_account(account_id.as_deref());
            Some(match Record::parse_reference(&text) {
                Ok(record) => explanation_of_record(&record, &text, &wrapper, rules),
                Err(rejection) => quarantined(&rejection),
            })
        }
        InputItem::Rejected { rejection, .. } => Some(quarantined(&rejection)),
        // Records are not skipped here, because `explain` reads without the prefilter.
        InputItem::Skipped { .. }
        | InputItem::ControlMessage
        | InputItem::Incomplete { .. }
        | InputItem::OddCommas => None,
    }
}

fn quarantined(rejection: &Rejection) -> Explanation {
    Explanation {
        reason: Some(format!("quarantined: {rejection}")),
        is_quarantined: true,
        ..Explanation::default()
    }
}

fn explanation_of_record(
    record: &Record<'_>,
    text: &str,
    wrapper: &Wrapper,
    rules: &Rules,
) -> Explanation {
    let (fate, outcome) = rules.decide(record, text, wrapper);
    let mut explanation = Explanation {
        event_id: record.event_id.as_deref().map(|id| sanitize(id, 64)),
        event_category: record.event_category.as_deref().map(|of| sanitize(of, 64)),
        selected: !matches!(fate, Fate::NotSelected(_)),
        is_event: !matches!(fate, Fate::NotSelected(NO_EVENT)),
        rule: outcome.applies.map(|place| rules.all()[place].name.clone()),
        ..Explanation::default()
    };
    match fate {
        Fate::NotSelected(reason) => explanation.reason = Some(reason.to_owned()),
        Fate::Ignored(class, reason) => {
            explanation.class = Some(class.name());
            explanation.reason = Some(format!("ignored: {reason}"));
        }
        Fate::Clustered(conclusion) => explanation.conclude(&conclusion),
    }
    explanation
}

/// Returns an explanation as text for a terminal.
fn text(explanation: &Explanation) -> String {
    let mut lines = vec![format!(
        "event {}: {}",
        explanation.event_id.as_deref().unwrap_or("without an id"),
        match (&explanation.reason, explanation.class) {
            (Some(reason), _) => reason.clone(),
            (None, _) if explanation.sensitive_call.is_some() => "sensitive call".to_owned(),
            (None, class) => format!("selected, class {}", class.unwrap_or_default()),
        }
    )];
    if let Some(category) = &explanation.event_category {
        lines.push(line("category", category));
    }
    if let Some(rule) = &explanation.rule {
        lines.push(line("rule", &sanitize(rule, 200)));
    }
    if let Some(call) = &explanation.sensitive_call {
        lines.extend(call_lines(call, explanation));
    }
    if let Some(id) = &explanation.cluster_id {
        lines.push(line("cluster", id));
        let components = explanation.components().into_iter();
        lines.extend(components.map(|(name, value)| line("", &format!("{name:<9} {value}"))));
        let message = explanation.template.as_deref();
        lines.push(line("message", message.unwrap_or_default()));
    }
    if let Some(severity) = explanation.severity {
        lines.push(line("severity", severity));
        let reasons = explanation.severity_reasons.iter();
        lines.extend(reasons.map(|reason| line("", &reason.sentence(Language::En))));
        lines.push(line("facets", ""));
        let via = explanation.via().map(|service| format!(", via {service}"));
        lines.extend(explanation.facets.iter().map(|(name, value)| {
            let via = via
                .as_deref()
                .filter(|_| *name == FacetKind::Principal.name());
            line(
                "",
                &format!("{name:<15} {value}{}", via.unwrap_or_default()),
            )
        }));
        let hint = explanation.hint.as_deref();
        lines.push(line("hint", hint.unwrap_or_default()));
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines.join("\n") + "\n\n"
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<10} {value}")
}

/// Returns what a sensitive call did and why it is watched, one fact a line.
fn call_lines(call: &CallDetailsShape, explanation: &Explanation) -> Vec<String> {
    let mut lines = vec![line("call", &call.call_id)];
    let components = explanation.components().into_iter();
    let of_call = components.filter(|(name, _)| ["account", "service", "action"].contains(name));
    lines.extend(of_call.map(|(name, value)| line("", &format!("{name:<9} {value}"))));
    if let (Some(watch), Some(tier)) = (&call.watch, call.tier) {
        let strong = if call.strong { ", strong" } else { "" };
        lines.push(line("watch", &format!("{watch} ({tier}{strong})")));
    }
    for (name, value) in [
        ("technique", &call.technique),
        ("why", &call.why),
        ("caller", &call.principal),
        ("target", &call.target),
        ("expected", &call.expected_by),
    ] {
        if let Some(value) = value {
            let by = if name == "expected" {
                "by the rule "
            } else {
                ""
            };
            lines.push(line(name, &format!("{by}{value}")));
        }
    }
    let names = std::iter::once("parameters").chain(std::iter::repeat(""));
    let parameters = names.zip(&call.parameters);
    lines
        .extend(parameters.map(|(head, (name, value))| line(head, &format!("{name:<15} {value}"))));
    lines
}
