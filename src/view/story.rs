//! The story of an incident as HTML, in parts that the report and the dashboard share: who acted, the steps in their order,
//! what stays behind, what to do, and the evidence.

use alerts::incident_advice::{AdviceItem, AdviceStep, advice};
use alerts::links;
use clusters::incident::ledger::{Ledger, Made, WasOpen, WayIn};
use clusters::incident::step::Step;
use clusters::incident::{Incident, Member};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;

use super::incident::{call, object, opened, outcome, second, strength, tactic, way_in, who};
use super::{more, number, shown};

/// The maximum number of rows of a table, and of objects in a list.
const ROWS_MAX: usize = 60;

/// The maximum number of values in a cell.
const VALUES_MAX: usize = 5;

/// Returns a moment to the second in UTC, such as `2026-11-02 08:03:07`.
fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (second(at)) } }
}

fn head(columns: &[(&str, &str)]) -> Markup {
    html! { thead { tr { @for (class, title) in columns { th.(class) scope="col" { (title) } } } } }
}

/// Returns the table of the identities with which the actor called, each with the proof that it is one of the actor.
pub fn members(incident: &Incident) -> Markup {
    let row = |member: &Member| {
        html! {
            tr {
                th scope="row" { bdi { (who(&member.identity)) } }
                td {
                    @match member.link {
                        Some(link) => {
                            strong { (strength(link.strength)) } ": " (link.proof) " " (moment(link.at))
                        }
                        None => { "the actor" }
                    }
                }
                td.n { (number(member.events)) }
            }
        }
    };
    html! {
        table.stacked {
            (head(&[("who", "Who"), ("why", "Proof"), ("n", "Events")]))
            tbody { @for member in incident.members.iter().take(ROWS_MAX) { (row(member)) } }
        }
        (more(incident.members_count, incident.members.len().min(ROWS_MAX)))
    }
}

/// Returns the table of the steps in their order.
pub fn steps(incident: &Incident) -> Markup {
    html! {
        table.stacked.steps {
            (head(&[
                ("first", "First (UTC)"), ("tactic", "Tactic"), ("what", "Call"), ("ended", "Outcome"), ("n", "Calls"),
                ("target", "Targets"),
            ]))
            tbody { @for step in incident.steps.iter().take(ROWS_MAX) { (step_row(step)) } }
        }
        (more(incident.steps_count, incident.steps.len().min(ROWS_MAX)))
    }
}

fn step_row(step: &Step) -> Markup {
    let key = &step.key;
    let id = key.technique.as_deref().unwrap_or_default();
    html! {
        tr {
            td.first { (moment(step.first)) }
            td.tactic {
                @if let Some(of) = key.tactic { (tactic(of)) " " }
                @match links::technique(id) {
                    Some(address) => { a href=(address) { (id) } }
                    None => { bdi { (sanitize(id, 16)) } }
                }
            }
            th.what scope="row" { bdi.call { (call(step)) } @if step.is_strong { " " strong { "strong" } } }
            td.ended { (outcome(key.outcome)) }
            td.n { (number(step.count)) }
            td.target {
                @for (at, target) in step.targets.iter().take(VALUES_MAX).enumerate() {
                    @if at > 0 { ", " } bdi { (sanitize(target, 128)) }
                }
                @if let Some(more @ 1..) = step.targets.len().checked_sub(VALUES_MAX) {
                    " and " (number(more as u64)) " more"
                }
            }
        }
    }
}

/// Returns what stays behind: three lists, of which those without an object are left out.
pub fn left_behind(ledger: &Ledger) -> Markup {
    let is_empty =
        ledger.stands.is_empty() && ledger.was_open.is_empty() && ledger.ways_in.is_empty();
    html! {
        @if is_empty { p { "Nothing that is known." } }
        @if !ledger.stands.is_empty() {
            h4 {
                @if ledger.removals_seen { "Stands" }
                @else { "Made; removals are not seen with this coverage" }
            }
            ul.objects { @for made in ledger.stands.iter().take(ROWS_MAX) { (made_object(made)) } }
            (more(ledger.stands_count, ledger.stands.len().min(ROWS_MAX)))
        }
        @if !ledger.was_open.is_empty() {
            h4 { "Was open for a time, and is gone" }
            ul.objects { @for of in ledger.was_open.iter().take(ROWS_MAX) { (open_object(of)) } }
            (more(ledger.was_open_count, ledger.was_open.len().min(ROWS_MAX)))
        }
        @if !ledger.ways_in.is_empty() {
            h4 { "Ways in that the actor had" }
            ul.objects { @for way in &ledger.ways_in { (way_in_object(way)) } }
        }
    }
}

fn made_object(made: &Made) -> Markup {
    html! {
        li {
            bdi { (object(made)) }
            @if let Some(region) = &made.region { " in " bdi { (sanitize(region, 64)) } }
            " " span.times { (moment(made.at)) " by " bdi.call { (sanitize(&made.by, 128)) } }
        }
    }
}

fn open_object(of: &WasOpen) -> Markup {
    html! {
        li {
            bdi { (opened(of)) }
            " " span.times { "from " (moment(of.from)) ", ended by " bdi.call { (sanitize(&of.by, 128)) } }
        }
    }
}

fn way_in_object(way: &WayIn) -> Markup {
    html! { li { bdi { (way_in(way)) } " " span.times { "last used " (moment(way.last)) } } }
}

/// Returns what to do about an incident, as a numbered list with the commands.
pub fn what_to_do(incident: &Incident) -> Markup {
    let item = |item: &AdviceItem| {
        html! {
            li {
                (item.what.english) " " bdi { (sanitize(&item.name, 128)) }
                @for command in &item.commands { div { code.copy { (command) } } }
            }
        }
    };
    let step = |step: &AdviceStep| {
        html! {
            li {
                bdi { (step.english()) }
                @if !step.items.is_empty() { ul.objects { @for of in &step.items { (item(of)) } } }
                @if step.more > 0 { p.more { "… and " (number(step.more as u64)) " more" } }
            }
        }
    };
    html! { ol.todo { @for of in &advice(incident) { (step(of)) } } }
}

/// Returns the evidence by hour.
pub fn evidence(incident: &Incident) -> Markup {
    html! {
        @for window in &incident.windows {
            h4 { "The hour from " (moment(window.from)) ": " (window.score) }
            ul.objects {
                @for evidence in &window.evidence {
                    li {
                        strong { (evidence.weight) } " for " (number(evidence.items as u64)) " " (evidence.reason)
                        @if evidence.opens { ", enough alone" }
                    }
                }
            }
        }
        p.note { "An incident opens when the weights of an hour reach 10, or when one kind is enough alone." }
    }
}

/// Returns where the calls came from, as rows of an HTML description list.
pub fn sources(incident: &Incident) -> Markup {
    let sources = &incident.sources;
    html! {
        @for (name, values) in [
            ("addresses", &sources.addresses), ("programs", &sources.user_agents), ("regions", &sources.regions),
        ] {
            @if !values.is_empty() {
                dt { (name) }
                dd {
                    @for (at, value) in values.iter().take(VALUES_MAX).enumerate() {
                        @if at > 0 { ", " } bdi { (shown(value)) }
                    }
                    @if let Some(more @ 1..) = values.len().checked_sub(VALUES_MAX) {
                        " and " (number(more as u64)) " more"
                    }
                }
            }
        }
    }
}
