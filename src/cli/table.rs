//! Results for a terminal: clusters and sensitive calls in tables that fit its width, and the totals in sentences.

use alerts::severity::Severity;
use alerts::{cluster_hint, links};
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::ranking::RankingEntry;
use clusters::triage::TriageStatus;
use clusters::{Cluster, ClusterTotals, Span, short_policy};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, Width, presets,
};
use records::redact::sanitize;
use records::time::Timestamp;
use view::call::{self, DescribedCall};
use view::incident;
use view::listing::ListedCluster;

use crate::counts::{counted, outcomes};
use crate::history;
use crate::open_store::ClusterJournal;
use crate::output;
use crate::source::{ClusterStanding, Scanned, StoreAnswer};

/// Width of a table in columns if stdout is no terminal.
const COLUMNS_WITHOUT_TERMINAL: u16 = 160;

/// Width of a cluster ID in columns, with a space on either side.
const ID_COLUMNS: u16 = 28;

/// Default of `--limit`: the maximum number of clusters in a table.
pub const CLUSTERS_SHOWN: usize = 30;

/// The maximum number of sensitive calls in a table, unless `--limit` says otherwise.
pub const CALLS_SHOWN: usize = 20;

/// The maximum number of incidents in a table, unless `--limit` says otherwise.
pub const INCIDENTS_SHOWN: usize = 10;

/// Returns the result of a scan as text for a terminal: a table of incidents, one of clusters, one of sensitive calls, and the
/// number of records by outcome.
///
/// Each table has at most `limit` rows; 0 is no limit. `None` is [`INCIDENTS_SHOWN`], [`CLUSTERS_SHOWN`] and [`CALLS_SHOWN`].
pub fn scan(scanned: &Scanned, answer: &StoreAnswer, limit: Option<usize>) -> String {
    scan_within(scanned, answer, limit, None)
}

/// Returns a table of clusters with status and decisions as text, and the numbers of all clusters and sensitive calls.
///
/// The table has at most `limit` clusters; 0 is no limit.
pub fn clusters(answer: &StoreAnswer, limit: usize) -> String {
    let (mut text, count) = clusters_within(answer, limit, None);
    text.push_str(&format!("{}\n", counted(count as u64, "cluster")));
    if let calls @ 1.. = answer.snapshot.sensitive_calls().len() {
        let calls = counted(calls as u64, "sensitive call");
        text.push_str(&format!("{calls}: see calls list\n"));
    }
    text
}

/// Returns a table of sensitive calls as text, and their number. The table has at most `limit` rows; 0 is no limit.
pub fn calls(answer: &StoreAnswer, limit: usize) -> String {
    let (mut text, count) = calls_within(answer, limit, None);
    text.push_str(&format!("{}\n", counted(count as u64, "sensitive call")));
    text
}

/// Returns a table of incidents as text, and their number. The table has at most `limit` rows; 0 is no limit.
pub fn incidents(answer: &StoreAnswer, limit: usize) -> String {
    let (mut text, count) = incidents_within(answer, limit, None);
    text.push_str(&format!("{}\n", counted(count as u64, "incident")));
    text
}

/// Does the same as [`scan`] for a given width in columns; `None` uses the width of the terminal.
fn scan_within(
    scanned: &Scanned,
    answer: &StoreAnswer,
    limit: Option<usize>,
    width: Option<u16>,
) -> String {
    let mut text = String::new();
    let mut section = |title: &str, table: &str, count: usize| {
        if count > 0 {
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&[gap, title, table].concat());
        }
    };
    let (table, incidents) = incidents_within(answer, limit.unwrap_or(INCIDENTS_SHOWN), width);
    let title = "Incidents (what one actor did, with evidence of an attack)\n";
    section(title, &table, incidents);
    let (table, clusters) = clusters_within(answer, limit.unwrap_or(CLUSTERS_SHOWN), width);
    let title = if incidents > 0 { "Clusters\n" } else { "" };
    section(title, &table, clusters);
    let (table, calls) = calls_within(answer, limit.unwrap_or(CALLS_SHOWN), width);
    section("Sensitive calls (they succeeded)\n", &table, calls);
    text.push_str(&outcomes(
        &scanned.record_counts,
        &counted(scanned.files as u64, "file"),
    ));
    text.push_str(&totals(scanned, incidents, clusters, calls));
    text
}

/// Returns the table of incidents and the number of all incidents, shown or not.
fn incidents_within(answer: &StoreAnswer, limit: usize, width: Option<u16>) -> (String, usize) {
    let incidents = &answer.incidents.incidents;
    let shown = if limit == 0 { incidents.len() } else { limit };
    let mut text = String::new();
    if !incidents.is_empty() {
        let header = ["severity", "what and who", "seen (UTC)", "status"];
        let mut table = table(&header, width);
        let mut ids = Vec::new();
        for (number, incident) in (1..).zip(incidents).take(shown) {
            ids.push(incident.id.text().to_owned());
            table.add_row(incident_row(number, incident));
        }
        text = with_whole_ids(&mut table, 1, &ids);
    }
    text.push_str(&more(incidents.len(), shown));
    (text, incidents.len())
}

fn incident_row(number: usize, incident: &Incident) -> Row {
    let severity = incident::severity(incident.severity);
    let mut what = vec![
        incident::who(&incident.actor),
        incident.severity_reason.to_owned(),
        incident::steps(incident),
    ];
    let stays = incident::stays(&incident.ledger).into_iter();
    what.extend(stays.map(|(title, line)| format!("{title}: {line}")));
    what.push(format!(
        "{} {}",
        incident.actor.account_id,
        incident.id.text()
    ));
    Row::from(vec![
        Cell::new(format!("{}\nincident {number}", severity.name())).fg(colour(severity)),
        Cell::new(what.join("\n")),
        Cell::new(seen(incident::span(incident))),
        Cell::new(incident::state(incident)),
    ])
}

/// Returns the line that names the incidents of a cluster, with a line break before it; empty if there is none.
fn of_incidents(numbers: Option<&Vec<usize>>) -> String {
    let Some(numbers) = numbers else {
        return String::new();
    };
    let noun = if numbers.len() == 1 {
        "incident"
    } else {
        "incidents"
    };
    let shown: Vec<String> = numbers
        .iter()
        .take(INCIDENTS_NAMED)
        .map(usize::to_string)
        .collect();
    let rest = if numbers.len() > INCIDENTS_NAMED {
        " …"
    } else {
        ""
    };
    format!("\n{noun} {}{rest}", shown.join(", "))
}

/// How many incidents a cluster names that has several.
const INCIDENTS_NAMED: usize = 3;

/// Returns the table of sensitive calls and the number of all sensitive calls, shown or not.
fn calls_within(answer: &StoreAnswer, limit: usize, width: Option<u16>) -> (String, usize) {
    let calls = call::listed(&answer.snapshot);
    let shown = if limit == 0 { calls.len() } else { limit };
    let mut text = String::new();
    if !calls.is_empty() {
        let header = ["severity", "count", "what and who", "last (UTC)"];
        let mut table = table(&header, width);
        let (mut ids, numbers) = (Vec::new(), answer.incident_numbers());
        for call in calls.iter().take(shown) {
            ids.push(call.id.to_string());
            let incidents = of_incidents(numbers.get(&call.id));
            table.add_row(call_row(&DescribedCall::of(call.cluster()), &incidents));
        }
        text = with_whole_ids(&mut table, 2, &ids);
    }
    text.push_str(&more(calls.len(), shown));
    (text, calls.len())
}

/// Returns a table as text, in which no ID in one of its columns, counted from 0, is wrapped, because users copy it.
fn with_whole_ids(table: &mut Table, column: usize, ids: &[String]) -> String {
    let mut text = table.trim_fmt();
    // In a narrow table, the column gets the width of the ID.
    if ids.iter().any(|id| !text.contains(id))
        && let Some(what) = table.column_mut(column)
    {
        what.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(ID_COLUMNS)));
        text = table.trim_fmt();
    }
    text.push('\n');
    text
}

fn more(count: usize, shown: usize) -> String {
    match count.checked_sub(shown) {
        Some(more @ 1..) => format!("… and {more} more; --limit 0 shows all\n"),
        _ => String::new(),
    }
}

/// `incidents` is the line with the incidents of the call.
fn call_row(described: &DescribedCall, incidents: &str) -> Row {
    let identity = &described.call.facts.identity;
    let severity = described.assessment.severity;
    let strong = if described.is_strong() {
        "\nstrong"
    } else {
        ""
    };
    let details = described.details.as_ref();
    let mut what = vec![called(described)];
    what.extend(call::caller(identity).map(|who| format!("by {}", sanitize(who, 200))));
    let deciding = details.map(|of| call::deciding(of, &identity.account_id));
    what.extend(deciding.filter(|words| !words.is_empty()));
    what.extend(call::silence(&described.call, details).map(|why| format!("no alert: {why}")));
    what.push(format!("{} {}", identity.account_id, described.call.id));
    Row::from(vec![
        Cell::new(format!("{}{strong}{incidents}", severity.name())).fg(colour(severity)),
        Cell::new(described.call.span.count),
        Cell::new(what.join("\n")),
        Cell::new(minute(described.call.span.last_seen)),
    ])
}

/// Returns a call with its target, such as `iam:CreateUser on bob`.
fn called(described: &DescribedCall) -> String {
    let identity = &described.call.facts.identity;
    let title = call::title(identity);
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
        for (name, value) in call::parameters(details) {
            line(&name, value);
        }
        let strong = if details.is_strong { ", strong" } else { "" };
        line(
            "watch",
            &format!("{} ({}{strong})", details.watch, details.tier.name()),
        );
        line("why", &call::why(details).unwrap_or_default());
        let technique = details.technique.as_deref().unwrap_or_default();
        let url = links::technique(technique).unwrap_or_default();
        line("technique", &format!("{technique} {url}"));
    }
    let silence = call::silence(call, described.details.as_ref());
    if let Some(why) = silence {
        line("alerts", &format!("none: {why}"));
    }
    line("calls", &call.span.count.to_string());
    line("seen (UTC)", &seen(call.span).replace('\n', " to "));
    line("severity", described.assessment.severity.name());
    for reason in described.assessment.sentences() {
        line("", &reason);
    }
    line("hint", &cluster_hint::of_cluster(call));
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

/// Returns the table of clusters and the number of all clusters, shown or not.
fn clusters_within(answer: &StoreAnswer, limit: usize, width: Option<u16>) -> (String, usize) {
    let sums = answer.snapshot.sums().into_iter();
    let mut clusters: Vec<(Severity, ClusterStanding<'_>, ClusterTotals<'_>)> = sums
        .filter_map(|sum| {
            let standing = answer.standing(sum.id)?;
            Some((standing.listed.assessment().severity, standing, sum))
        })
        .collect();
    // The sort is stable: within a severity, clusters stay sorted by number of events.
    clusters.sort_by_key(|(severity, ..)| std::cmp::Reverse(*severity));
    let shown = if limit == 0 { clusters.len() } else { limit };
    let mut text = String::new();
    if !clusters.is_empty() {
        let header = ["severity", "count", "what", "who", "seen (UTC)", "status"];
        let mut table = table(&header, width);
        let numbers = answer.incident_numbers();
        for (severity, standing, sum) in clusters.iter().take(shown) {
            let incidents = of_incidents(numbers.get(&sum.id));
            table.add_row(row(*severity, &sum.cluster(), standing, &incidents));
        }
        let ids = clusters
            .iter()
            .take(shown)
            .map(|(.., sum)| sum.id.to_string());
        text = with_whole_ids(&mut table, 2, &ids.collect::<Vec<_>>());
    }
    text.push_str(&more(clusters.len(), shown));
    (text, clusters.len())
}

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
    for reason in assessment.sentences() {
        line("", &reason);
    }
    let advice = cluster_hint::of_cluster(cluster);
    line("hint", &advice);
    lines.extend(facet_lines(cluster));
    let samples = cluster.samples.iter().take(SAMPLES_SHOWN);
    lines.extend(samples.map(|of| format!("  {:<15} {}", "sample", sanitize(&of.json, 8192))));
    joined(lines)
}

/// Returns a ranking by number of events as a table, one row for each entry. If clusters are ranked, `answer`
/// supplies their calls and error codes.
pub fn top(entries: &[RankingEntry], answer: &StoreAnswer) -> String {
    if entries.is_empty() {
        return "nothing failed\n".to_owned();
    }
    let header = ["count", "name", "clusters", "principals", "seen (UTC)"];
    let mut table = table(&header, None);
    for entry in entries {
        table.add_row(vec![
            Cell::new(entry.span.count),
            Cell::new(name(entry, answer)),
            Cell::new(entry.clusters),
            Cell::new(entry.principals),
            Cell::new(seen(entry.span)),
        ]);
    }
    table.trim_fmt() + "\n"
}

fn name(entry: &RankingEntry, answer: &StoreAnswer) -> String {
    let cluster = ClusterId::parse(&entry.name).filter(|id| id.to_string() == entry.name);
    match cluster.and_then(|id| answer.listing.clusters.get(&id)) {
        Some(listed) => {
            let subject = &listed.subject;
            let what = format!("{}:{} {}", subject.service, subject.action, failed(listed));
            format!("{}\n{}", entry.name, sanitize(&what, 200))
        }
        None => sanitize(&entry.name, 200),
    }
}

/// Returns an empty table that fits a width in columns; `None` is that of the terminal.
pub fn table(header: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    let width = width
        .or_else(|| table.width())
        .unwrap_or(COLUMNS_WITHOUT_TERMINAL);
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    if output::colours() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(
        header
            .iter()
            .map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
    );
    table
}

fn colour(severity: Severity) -> Color {
    match severity {
        Severity::Critical => Color::Magenta,
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Info => Color::Grey,
    }
}

/// `incidents` is the line with the incidents of the cluster.
fn row(
    severity: Severity,
    cluster: &Cluster,
    standing: &ClusterStanding<'_>,
    incidents: &str,
) -> Row {
    Row::from(vec![
        Cell::new(severity.name()).fg(colour(severity)),
        Cell::new(cluster.span.count),
        Cell::new(what(cluster, standing.listed)),
        Cell::new(who(cluster)),
        Cell::new(seen(cluster.span)),
        Cell::new(standing.words() + incidents),
    ])
}

/// Returns the text of the column `what`: the call, the error and its reason, the account and the cluster ID.
fn what(cluster: &Cluster, listed: &ListedCluster) -> String {
    let identity = &cluster.facts.identity;
    let call = format!(
        "{}:{} {}",
        identity.service,
        identity.action,
        failed(listed)
    );
    let mut lines = vec![sanitize(&call, 200)];
    let layers = cluster.facets.get(&FacetKind::Layer);
    if let Some(cause) = &identity.cause {
        lines.push(sanitize(cause, 200));
    }
    if let Some(layers) = layers {
        let layers: Vec<&str> = layers
            .values
            .iter()
            .map(|layer| layer.value.as_str())
            .collect();
        lines.push(format!("denied by {}", layers.join(", ")));
        lines.extend(policies(cluster));
    } else if !cluster.facts.template.is_empty() {
        lines.push(sanitize(&cluster.facts.template, 200));
    }
    lines.push(format!("{} {}", identity.account_id, cluster.id));
    lines.join("\n")
}

/// Returns the most frequent refusing policy by short name, and the number of further ones; `None` if there is none.
fn policies(cluster: &Cluster) -> Option<String> {
    let policies = cluster.facets.get(&FacetKind::Policy)?;
    let account_id = &cluster.facts.identity.account_id;
    let policy = short_policy(&policies.values.first()?.value, account_id);
    Some(match policies.distinct.saturating_sub(1) {
        0 => format!("policy {policy}"),
        more => format!("policy {policy} and {more} more"),
    })
}

/// Returns the error code of a cluster.
fn failed(listed: &ListedCluster) -> &str {
    listed.code.as_deref().unwrap_or(&listed.subject.code)
}

/// Returns the most frequent callers by short name, and the number of further callers.
fn who(cluster: &Cluster) -> String {
    const SHOWN: usize = 2;
    let Some(principals) = cluster.facets.get(&FacetKind::Principal) else {
        return String::new();
    };
    let mut lines: Vec<String> = principals
        .values
        .iter()
        .take(SHOWN)
        .map(|principal| cluster.short_name(&principal.value).to_owned())
        .collect();
    if let Some(more @ 1..) = principals.distinct.checked_sub(SHOWN) {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// Returns a time as `2026-11-21 08:00`, in UTC.
fn minute(time: Option<Timestamp>) -> String {
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

/// Returns the numbers of incidents, clusters, sensitive calls and unreadable inputs in sentences.
fn totals(scanned: &Scanned, incidents: usize, clusters: usize, calls: usize) -> String {
    let mut text = String::new();
    if incidents > 0 {
        text.push_str(&format!("{}, ", counted(incidents as u64, "incident")));
    }
    // Without an event, nothing is known about failures.
    if clusters > 0 || scanned.record_counts.events() > 0 {
        text.push_str(&counted(clusters as u64, "cluster"));
    } else {
        text.push_str("no records");
    }
    if calls > 0 {
        text.push_str(&format!(", {}", counted(calls as u64, "sensitive call")));
    }
    text.push('\n');
    if !scanned.failed.is_empty() {
        let failed = counted(scanned.failed.len() as u64, "input");
        text.push_str(&format!("{failed} could not be read\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use demo::{Plan, trail};
    use input::{Layout, Limits};
    use service::ingest;
    use service::memory::MemoryStore;
    use service::rules::Rules;

    use super::*;
    use crate::source::{StoreQuery, answer};

    #[test]
    fn a_table_fits_its_terminal_and_keeps_ids_in_one_piece() {
        let plan = Plan {
            hours: 2,
            events_per_hour: 300,
            ..Plan::default()
        };
        let mut store = MemoryStore::default();
        for file in trail(&plan).files {
            let json = file.json();
            let limits = Limits::default();
            let folded = ingest::fold(
                json.as_bytes(),
                Layout::Guess,
                &limits,
                None,
                &Rules::default(),
            )
            .unwrap();
            pollster::block_on(ingest::commit(&mut store, &file.name, folded)).unwrap();
        }
        let query = StoreQuery {
            replay: true,
            ..StoreQuery::default()
        };
        let answer = answer(&store, query).unwrap();
        for width in [80, 120, 200] {
            let text = scan_within(&Scanned::default(), &answer, Some(0), Some(width));
            // The totals are a sentence, which a terminal wraps.
            for line in text.lines().filter(|line| !line.contains(" selected")) {
                assert!(
                    line.chars().count() <= usize::from(width),
                    "{width}: {line}"
                );
            }
            for cluster in answer.snapshot.clusters() {
                assert!(text.contains(&cluster.id.to_string()), "{width}: {text}");
            }
        }
    }
}
