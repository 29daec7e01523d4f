//! The whole story of one incident for a terminal: who, the steps in their order, what stays behind, the evidence, and what to
//! do.

use std::collections::BTreeSet;

use alerts::incident_advice::advice;
use alerts::locale::{Language, Locale};
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::incident::ledger::Ledger;
use clusters::incident::step::Step;
use records::redact::sanitize;
use view::incident::{self, second};

use crate::counts::counted;
use crate::source::StoreAnswer;
use crate::table::layout::{Cell, Column, Row, table};
use crate::table::{Screen, joined};

/// The maximum number of values in a line.
const VALUES_SHOWN: usize = 5;

/// The maximum number of steps and of identities; the JSON has more.
const ROWS_SHOWN: usize = 100;

/// The maximum number of clusters, and of sensitive calls; the JSON has all.
const CLUSTERS_SHOWN: usize = 30;

/// The maximum length of a name, in characters.
const NAME_CHARS_MAX: usize = 128;

/// Returns the story of an incident as text. `answer` has the names of its clusters.
pub fn text(incident: &Incident, answer: &StoreAnswer, screen: &Screen) -> String {
    let mut text = head(incident);
    for (title, lines) in [
        ("Who acted, and by which proof", members(incident)),
        ("Steps, in their order", steps(incident, screen)),
        ("What stays behind", ledger(&incident.ledger)),
        ("What to do now, in this order", what_to_do(incident)),
        ("Evidence, by hour", evidence(incident)),
        ("Clusters", clusters(incident, answer, false)),
        ("Sensitive calls", clusters(incident, answer, true)),
    ] {
        if !lines.trim().is_empty() {
            text.push_str(&["\n", title, "\n", &lines].concat());
        }
    }
    text
}

fn head(incident: &Incident) -> String {
    let sources = &incident.sources;
    let (began, last) = (second(incident.began), second(incident.last));
    let mut lines = vec![
        incident::who(&incident.actor, Language::En),
        format!("{} {}", incident.actor.account_id, incident.id.text()),
    ];
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<15} {value}"));
    line("severity", incident.severity.name());
    line("", incident.severity_reason);
    line("seen (UTC)", &format!("{began} to {last}"));
    line("status", incident::state(incident, Language::En));
    line("steps", &incident::steps(incident, Language::En));
    line("events", &incident.events.to_string());
    line("addresses", &some(&sources.addresses));
    line("programs", &some(&sources.user_agents));
    line("regions", &some(&sources.regions));
    joined(lines)
}

/// Returns the first values of a set as one line, and the number of the rest.
fn some(values: &BTreeSet<String>) -> String {
    let shown = values.iter().take(VALUES_SHOWN);
    let mut shown: Vec<String> = shown.map(|value| sanitize(value, NAME_CHARS_MAX)).collect();
    if let Some(more @ 1..) = values.len().checked_sub(VALUES_SHOWN) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// Adds a line with the number of items that are not shown, if there are any.
fn add_more(lines: &mut Vec<String>, count: usize, shown: usize) {
    if let Some(more @ 1..) = count.checked_sub(shown) {
        lines.push(format!("  … and {more} more"));
    }
}

fn members(incident: &Incident) -> String {
    let mut lines = Vec::new();
    for member in incident.members.iter().take(ROWS_SHOWN) {
        let events = counted(member.events, "event");
        lines.push(format!(
            "  {}: {events}",
            incident::who(&member.identity, Language::En)
        ));
        if let Some(link) = member.link {
            let strength = incident::strength(link.strength, Language::En);
            lines.push(format!(
                "    {strength} at {}: {}",
                second(link.at),
                link.proof
            ));
        }
    }
    add_more(&mut lines, incident.members_count, incident.members.len());
    joined(lines)
}

fn steps(incident: &Incident, screen: &Screen) -> String {
    let columns = [
        Column::whole("FIRST (UTC)", 0),
        Column::text("CALL", 0, 36),
        Column::whole("OUTCOME", 1),
        Column::text("TARGETS", 2, 12),
        Column::number("COUNT", 3),
        Column::whole("TACTIC", 4),
        Column::whole("TECHNIQUE", 5),
        Column::whole("STRONG", 6),
    ];
    let row = |step: &Step| {
        let tactic = step
            .key
            .tactic
            .map(|of| incident::tactic(of, Language::En))
            .unwrap_or_default();
        let technique = step.key.technique.as_deref().unwrap_or_default();
        Row {
            cells: vec![
                Cell::new(second(step.first)),
                Cell::new(incident::call(step)),
                Cell::new(incident::outcome(step.key.outcome, Language::En)),
                Cell::new(some(&step.targets)),
                Cell::new(step.count.to_string()),
                Cell::new(tactic),
                Cell::new(technique),
                Cell::new(if step.is_strong { "strong" } else { "" }),
            ],
            below: Vec::new(),
        }
    };
    let rows: Vec<Row> = incident.steps.iter().take(ROWS_SHOWN).map(row).collect();
    let mut lines = vec![table(&columns, &rows, screen).trim_end().to_owned()];
    add_more(&mut lines, incident.steps_count, rows.len());
    joined(lines)
}

fn ledger(ledger: &Ledger) -> String {
    let mut lines = Vec::new();
    if !ledger.stands.is_empty() {
        lines.push(match ledger.removals_seen {
            true => "  stands".to_owned(),
            false => "  made; removals are not seen with this coverage".to_owned(),
        });
    }
    for made in &ledger.stands {
        let by = sanitize(&made.by, NAME_CHARS_MAX);
        let region = made.region.as_deref();
        let region = region.map(|region| format!(" in {}", sanitize(region, NAME_CHARS_MAX)));
        let (object, region) = (
            incident::object(made, Language::En),
            region.unwrap_or_default(),
        );
        lines.push(format!(
            "    {}  {object}{region}, by {by}",
            second(made.at)
        ));
    }
    add_more(&mut lines, ledger.stands_count, ledger.stands.len());
    if !ledger.was_open.is_empty() {
        lines.push("  was open for a time, and is gone".to_owned());
    }
    for of in &ledger.was_open {
        let (object, by) = (
            incident::opened(of, Locale::default()),
            sanitize(&of.by, NAME_CHARS_MAX),
        );
        lines.push(format!("    {}  {object}, ended by {by}", second(of.from)));
    }
    add_more(&mut lines, ledger.was_open_count, ledger.was_open.len());
    if !ledger.ways_in.is_empty() {
        lines.push("  ways in that the actor had".to_owned());
    }
    for way in &ledger.ways_in {
        let way_in = incident::way_in(way, Language::En);
        lines.push(format!("    {way_in}, last used {}", second(way.last)));
    }
    if lines.is_empty() {
        lines.push("  nothing that is known".to_owned());
    }
    joined(lines)
}

fn what_to_do(incident: &Incident) -> String {
    let mut lines = Vec::new();
    for (number, step) in (1..).zip(advice(incident)) {
        lines.push(format!("  {number}. {}", step.text(Language::En)));
        for item in &step.items {
            let name = sanitize(&item.name, NAME_CHARS_MAX);
            lines.push(format!("     {} {name}", item.what.english));
            let commands = item.commands.iter();
            lines.extend(commands.map(|command| format!("       {command}")));
        }
        if step.more > 0 {
            lines.push(format!("     … and {} more", step.more));
        }
    }
    joined(lines)
}

fn evidence(incident: &Incident) -> String {
    let mut lines = Vec::new();
    for window in &incident.windows {
        let opens = if window.is_hot {
            ", opens an incident"
        } else {
            ""
        };
        lines.push(format!(
            "  from {}: {}{opens}",
            second(window.from),
            window.score
        ));
        for evidence in &window.evidence {
            let alone = if evidence.opens { ", enough alone" } else { "" };
            let (weight, items, reason) = (evidence.weight, evidence.items, evidence.reason);
            lines.push(format!("    {weight:>3}  {items} {reason}{alone}"));
        }
    }
    joined(lines)
}

/// Returns the clusters, or the sensitive calls, of an incident: one a line.
fn clusters(incident: &Incident, answer: &StoreAnswer, are_calls: bool) -> String {
    let ids = incident.clusters.iter();
    let ids: Vec<ClusterId> = ids
        .copied()
        .filter(|id| answer.is_call(*id) == are_calls)
        .collect();
    let mut lines = Vec::new();
    for id in ids.iter().take(CLUSTERS_SHOWN) {
        let named = answer.snapshot.facts.get(id).map(|facts| {
            let identity = &facts.identity;
            let (service, action) = (&identity.service, &identity.action);
            let code = if are_calls { "" } else { &identity.code };
            sanitize(&format!("{service}:{action} {code}"), NAME_CHARS_MAX)
        });
        lines.push(format!("  {id}  {}", named.unwrap_or_default()));
    }
    add_more(&mut lines, ids.len(), CLUSTERS_SHOWN);
    joined(lines)
}
