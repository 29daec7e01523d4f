//! Results for a terminal: clusters in a table that fits its width, and the totals in sentences.

use alerts::cluster_hint;
use alerts::severity::Severity;
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::ranking::RankingEntry;
use clusters::report::RecordCounts;
use clusters::triage::TriageStatus;
use clusters::{Cluster, ClusterTotals, Span, short_policy};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, Width, presets,
};
use records::redact::sanitize;
use records::time::Timestamp;
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

/// Returns the result of a scan as text for a terminal: a table of clusters, then the number of records by outcome.
///
/// The table has at most `limit` clusters; 0 is no limit.
pub fn scan(scanned: &Scanned, answer: &StoreAnswer, limit: usize) -> String {
    scan_within(scanned, answer, limit, None)
}

/// Returns a table of clusters with status and decisions as text, and the number of all clusters.
///
/// The table has at most `limit` clusters; 0 is no limit.
pub fn clusters(answer: &StoreAnswer, limit: usize) -> String {
    let (mut text, count) = clusters_within(answer, limit, None);
    text.push_str(&format!("{}\n", counted(count as u64, "cluster")));
    text
}

/// Does the same as [`scan`] for a given width in columns; `None` uses the width of the terminal.
fn scan_within(
    scanned: &Scanned,
    answer: &StoreAnswer,
    limit: usize,
    width: Option<u16>,
) -> String {
    let (mut text, count) = clusters_within(answer, limit, width);
    text.push_str(&record_counts(&scanned.record_counts, scanned, count));
    text
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
        for (severity, standing, sum) in clusters.iter().take(shown) {
            table.add_row(row(*severity, &sum.cluster(), standing));
        }
        text.push_str(&table.trim_fmt());
        // Users copy the ID, so it must not be wrapped. In a narrow table its column gets the width of the ID.
        let mut ids = clusters.iter().take(shown).map(|(.., sum)| sum.id);
        if ids.any(|id| !text.contains(&id.to_string()))
            && let Some(what) = table.column_mut(2)
        {
            what.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(ID_COLUMNS)));
            text = table.trim_fmt();
        }
        text.push('\n');
    }
    if let Some(more @ 1..) = clusters.len().checked_sub(shown) {
        text.push_str(&format!("… and {more} more; --limit 0 shows all\n"));
    }
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
    for sample in cluster.samples.iter().take(SAMPLES_SHOWN) {
        line("sample", &sanitize(&sample.json, 8192));
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines.join("\n") + "\n"
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

fn table(header: &[&str], width: Option<u16>) -> Table {
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

fn row(severity: Severity, cluster: &Cluster, standing: &ClusterStanding<'_>) -> Row {
    let colour = match severity {
        Severity::Critical => Color::Magenta,
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Info => Color::Grey,
    };
    Row::from(vec![
        Cell::new(severity.name()).fg(colour),
        Cell::new(cluster.span.count),
        Cell::new(what(cluster, standing.listed)),
        Cell::new(who(cluster)),
        Cell::new(seen(cluster.span)),
        Cell::new(standing.words()),
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

/// Returns the error code of a cluster, or `succeeded` for a sensitive call.
fn failed(listed: &ListedCluster) -> &str {
    match listed.subject.class {
        Class::Watch => "succeeded",
        _ => listed.code.as_deref().unwrap_or(&listed.subject.code),
    }
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

fn seen(span: Span) -> String {
    let minute = |time: Option<_>| {
        time.map_or("undated".to_owned(), |time: Timestamp| {
            time.to_string()
                .replace('T', " ")
                .chars()
                .take(16)
                .collect()
        })
    };
    let (first, last) = (minute(span.first_seen), minute(span.last_seen));
    if first == last {
        first
    } else {
        format!("{first}\n{last}")
    }
}

/// Returns the totals of a scan in sentences.
fn record_counts(record_counts: &RecordCounts, scanned: &Scanned, clusters: usize) -> String {
    let files = counted(scanned.files as u64, "file");
    let mut text = outcomes(record_counts, &files);
    text.push_str(&format!("{}\n", counted(clusters as u64, "cluster")));
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
            let text = scan_within(&Scanned::default(), &answer, 0, Some(width));
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
