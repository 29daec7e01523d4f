//! One cluster or sensitive call in words: one fact a line.

use alerts::locale::Language;
use alerts::{cluster_hint, links};
use clusters::triage::TriageStatus;
use clusters::{Cluster, Span};
use records::redact::sanitize;
use records::time::Timestamp;
use view::call::{self, DescribedCall};
use view::listing::ListedCluster;

use crate::entry::refusal;
use crate::history;
use crate::open_store::ClusterJournal;
use crate::source::ClusterStanding;

/// Maximum number of values shown for one facet of a cluster.
const VALUES_SHOWN: usize = 10;

/// Maximum number of samples shown for a cluster.
const SAMPLES_SHOWN: usize = 3;

/// Number of the latest failing periods, and of the latest journal entries, that are shown for a cluster.
const HISTORY_SHOWN: usize = 5;

/// Returns the details of one cluster as text, one fact a line: error, counts, decision, history, severity, facets
/// and samples.
pub fn cluster(
    cluster: &Cluster,
    standing: &ClusterStanding<'_>,
    history: &ClusterJournal,
) -> String {
    let assessment = standing.listed.assessment();
    let mut lines: Vec<String> = what(cluster, standing.listed)
        .lines()
        .map(str::to_owned)
        .collect();
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<15} {value}"));
    line("events", &cluster.span.count.to_string());
    line("seen (UTC)", &seen(cluster.span).replace('\n', " to "));
    line("status", standing.listed.status().name());
    if let Some(TriageStatus { triage, ended }) = standing.triage_status {
        let ended = ended.map(|why| format!("; over: {why}"));
        let (ended, made) = (ended.unwrap_or_default(), triage.made());
        line("mark", &format!("{}{ended}", history::entry(&made)));
    }
    let last = |of: usize| of.saturating_sub(HISTORY_SHOWN);
    let faults = &history.faults[last(history.faults.len())..];
    let entries = &history.entries[last(history.entries.len())..];
    let (faults, entries) = (history::faults(faults), entries.iter().map(history::entry));
    for (name, lines) in [("faults", faults), ("journal", entries.collect())] {
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        for (name, text) in names.zip(&lines) {
            line(name, text);
        }
    }
    line("severity", assessment.severity.name());
    for reason in assessment.sentences(Language::En) {
        line("", &reason);
    }
    let advice = cluster_hint::of_cluster(cluster, Language::En);
    line("hint", &advice);
    lines.extend(facet_lines(cluster));
    let samples = cluster.samples.iter().take(SAMPLES_SHOWN);
    lines.extend(samples.map(|of| format!("  {:<15} {}", "sample", sanitize(&of.json, 8192))));
    joined(lines)
}

/// Returns the head of a cluster: the call with the error, its reason, the account and the cluster ID.
fn what(cluster: &Cluster, listed: &ListedCluster) -> String {
    let identity = &cluster.facts.identity;
    let code = listed.code_in_words(Language::En);
    let call = format!("{}:{} {code}", identity.service, identity.action);
    let mut lines = vec![sanitize(&call, 200)];
    lines.extend(refusal(cluster));
    lines.push(format!("{} {}", identity.account_id, cluster.id));
    lines.join("\n")
}

/// Returns a call with its target, such as `iam:CreateUser on bob`.
fn called(described: &DescribedCall) -> String {
    let identity = &described.call.facts.identity;
    let title = call::title(identity, Language::En);
    let details = described.details.as_ref();
    let target = details.and_then(|of| call::target(of, &identity.account_id));
    match target {
        Some(target) => format!("{title} on {}", sanitize(target, 200)),
        None => title,
    }
}

/// Returns the details of one sensitive call as text, one fact a line: caller, target, parameters, why it is watched,
/// counts, severity, facets and the ids of events.
pub fn call(call: Cluster) -> String {
    let described = DescribedCall::of(call);
    let call = &described.call;
    let identity = &call.facts.identity;
    let mut lines = vec![
        called(&described),
        format!("{} {}", identity.account_id, call.id),
    ];
    let mut line =
        |name: &str, value: &str| lines.push(format!("  {name:<15} {}", sanitize(value, 512)));
    line("caller", identity.cause.as_deref().unwrap_or("not known"));
    if let Some(details) = &described.details {
        line("target", details.target.as_deref().unwrap_or("not known"));
        for (name, value) in call::parameters(details, Language::En) {
            line(&name, &value);
        }
        let strong = if details.is_strong { ", strong" } else { "" };
        line(
            "watch",
            &format!("{} ({}{strong})", details.watch, details.tier.name()),
        );
        line("why", &call::why(details, Language::En).unwrap_or_default());
        let technique = details.technique.as_deref().unwrap_or_default();
        let url = links::technique(technique).unwrap_or_default();
        line("technique", &format!("{technique} {url}"));
    }
    let silence = call::silence(call, described.details.as_ref(), Language::En);
    if let Some(why) = silence {
        line("alerts", &format!("none: {why}"));
    }
    line("calls", &call.span.count.to_string());
    line("seen (UTC)", &seen(call.span).replace('\n', " to "));
    line("severity", described.assessment.severity.name());
    for reason in described.assessment.sentences(Language::En) {
        line("", &reason);
    }
    line("hint", &cluster_hint::of_cluster(call, Language::En));
    lines.extend(facet_lines(call));
    let names = std::iter::once("events").chain(std::iter::repeat(""));
    for (name, sample) in names.zip(&call.samples) {
        lines.push(format!("  {name:<15} {}", sample.id));
    }
    joined(lines)
}

/// Returns lines without spaces at their ends as one text.
pub fn joined(mut lines: Vec<String>) -> String {
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines.join("\n") + "\n"
}

/// Returns the values of each facet, one a line, with their number of events.
fn facet_lines(cluster: &Cluster) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<15} {value}"));
    for (kind, facet) in &cluster.facets {
        let mut name = kind.name();
        for value in facet.values.iter().take(VALUES_SHOWN) {
            line(name, &format!("{:>7}  {}", value.span.count, value.value));
            name = "";
        }
        if let Some(more @ 1..) = facet.distinct.checked_sub(VALUES_SHOWN) {
            line("", &format!("{:>7}  and {more} more", ""));
        }
    }
    lines
}

/// Returns a time as `2026-11-21 08:00`, in UTC.
pub fn minute(time: Option<Timestamp>) -> String {
    let text = time.map(|time| time.to_string().replace('T', " "));
    text.map_or("undated".to_owned(), |text| text.chars().take(16).collect())
}

fn seen(span: Span) -> String {
    let (first, last) = (minute(span.first_seen), minute(span.last_seen));
    if first == last {
        first
    } else {
        format!("{first}\n{last}")
    }
}
