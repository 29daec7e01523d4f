//! An incident in words: who, what in short, and what stays behind; for a terminal and for pages.
//!
//! Names are sanitized, and ids of access keys are masked.

use std::collections::{BTreeMap, BTreeSet};

use alerts::severity::Severity;
use clusters::incident::Incident;
use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::ledger::{Ledger, Made, Standing, Urgency, WasOpen, WayIn};
use clusters::incident::link::Strength;
use clusters::incident::remedy::remedy;
use clusters::incident::severity::IncidentSeverity;
use clusters::incident::step::{Outcome, Step};
use clusters::incident::technique::Tactic;
use clusters::keys::masked;
use clusters::{Span, short_name};
use records::redact::sanitize;
use records::time::{Timestamp, duration};

use super::grouped;
use super::listing::ListQuery;

/// The maximum length of a name in a line, in characters.
const NAME_CHARS_MAX: usize = 128;

/// Up to how many objects a line about what stays behind names them. Beyond it, it has the number of each kind.
const NAMED_MAX: usize = 3;

/// The maximum number of kinds in a line about what stays behind.
const KINDS_MAX: usize = 6;

/// Returns the severity of an incident as that of clusters and alerts.
pub fn severity(of: IncidentSeverity) -> Severity {
    match of {
        IncidentSeverity::Warning => Severity::Warning,
        IncidentSeverity::Error => Severity::Error,
        IncidentSeverity::Critical => Severity::Critical,
    }
}

/// Returns the actor with its kind, such as `user mila`. The start of an ARN of the account is left out.
pub fn who(actor: &Actor) -> String {
    let name = short_name(&actor.name, &actor.account_id);
    let text = match actor.kind {
        ActorKind::Root => "root user".to_owned(),
        ActorKind::User => format!("user {name}"),
        ActorKind::Role => format!("role {}", name.strip_prefix("role/").unwrap_or(name)),
        ActorKind::Person => match name.split_once(" as ") {
            Some((role, person)) => {
                format!("{person} in {}", role.strip_prefix("role/").unwrap_or(role))
            }
            None => name.to_owned(),
        },
        ActorKind::ProviderUser => format!("user {name} of a provider"),
        ActorKind::OtherAccount => format!("account {name}"),
        ActorKind::Network => format!("network {name}"),
    };
    sanitize(&text, NAME_CHARS_MAX)
}

/// Returns the number of events of an incident, with the times of the first and the last that is evidence.
pub fn span(incident: &Incident) -> Span {
    Span {
        count: incident.events,
        first_seen: Some(incident.began),
        last_seen: Some(incident.last),
    }
}

/// Returns whether an incident is `open` or `over`.
pub fn state(incident: &Incident) -> &'static str {
    if incident.is_open { "open" } else { "over" }
}

/// Returns the number of steps, and the tactics in the order in which they began, as one line.
pub fn steps(incident: &Incident) -> String {
    let count = incident.steps_count;
    let noun = if count == 1 { "step" } else { "steps" };
    let tactics = tactics(incident);
    let words: Vec<String> = tactics.into_iter().map(tactic).collect();
    let count = grouped(count as u64);
    match words.is_empty() {
        true => format!("{count} {noun}"),
        false => format!("{count} {noun}: {}", words.join(", ")),
    }
}

/// Returns the tactics of an incident in the order in which they began.
pub fn tactics(incident: &Incident) -> Vec<Tactic> {
    let mut seen = BTreeSet::new();
    let all = incident.steps.iter().filter_map(|step| step.key.tactic);
    // Steps beyond the limit have the rest.
    let all = all.chain(incident.tactics.iter().copied());
    all.filter(|tactic| seen.insert(*tactic)).collect()
}

/// Returns the name of a tactic as words.
pub fn tactic(of: Tactic) -> String {
    of.name().replace('-', " ")
}

/// Returns the call of a step, such as `iam:CreateUser`.
pub fn call(step: &Step) -> String {
    let text = format!("{}:{}", step.key.service, step.key.action);
    sanitize(&text, 160)
}

/// Returns how the calls of a step ended, in words.
pub fn outcome(of: Outcome) -> &'static str {
    match of {
        Outcome::Succeeded => "succeeded",
        Outcome::Refused => "refused",
        Outcome::NotFound => "not found",
    }
}

/// Returns how much a link proves, in one word.
pub fn strength(of: Strength) -> &'static str {
    of.into()
}

/// Returns a time as `2026-11-21 08:00:00`, in UTC.
pub fn second(at: Timestamp) -> String {
    let text = at.to_string().replace('T', " ");
    text.trim_end_matches('Z').to_owned()
}

/// Checks whether an incident matches a query of a list: its account, its time, and all words in its actor, id, account,
/// severity and tactics.
pub fn matches(incident: &Incident, query: &ListQuery) -> bool {
    let is_of_account = query
        .account_id
        .as_ref()
        .is_none_or(|id| *id == incident.actor.account_id);
    let is_within = query
        .range
        .is_none_or(|(from, until)| incident.last >= from && incident.began < until);
    let mut text = format!(
        "{} {} {} {}",
        who(&incident.actor),
        incident.actor.account_id,
        incident.id.text(),
        incident.severity.name(),
    );
    text.push_str(&steps(incident));
    let text = text.to_lowercase();
    is_of_account && is_within && query.words.iter().all(|word| text.contains(word))
}

/// Returns what an incident leaves behind in at most three lines, each with its title.
pub fn stays(ledger: &Ledger) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if ledger.stands_count > 0 {
        let stands = ledger.stands.iter();
        let named = stands.map(|made| (made.kind, made.what, object(made)));
        let line = listed(ledger.stands_count, named.collect());
        lines.push(match ledger.removals_seen {
            true => ("stands", line),
            false => ("made", format!("{line}; a removal would not be seen")),
        });
    }
    if ledger.was_open_count > 0 {
        let was_open = ledger.was_open.iter();
        let named = was_open.map(|of| (of.kind, of.what, opened(of)));
        lines.push(("was open", listed(ledger.was_open_count, named.collect())));
    }
    let (lasting, sessions): (Vec<&WayIn>, Vec<&WayIn>) =
        ledger.ways_in.iter().partition(|way| way.is_long_term);
    if !lasting.is_empty() {
        let named = lasting.iter().map(|way| ("", "access key", way_in(way)));
        lines.push(("way in", listed(lasting.len(), named.collect())));
    } else if !sessions.is_empty() {
        let line = "keys of sessions alone, which end by themselves";
        lines.push(("way in", line.to_owned()));
    }
    lines
}

/// Returns a list of `count` objects as one line: their names if there are few, else the number of each kind, the most urgent
/// first. An object has its kind, what it is, and its name in words.
fn listed(count: usize, objects: Vec<(&str, &str, String)>) -> String {
    if count <= NAMED_MAX {
        let named: Vec<String> = objects.into_iter().map(|(.., name)| name).collect();
        return named.join(", ");
    }
    let mut kinds: BTreeMap<(Option<Urgency>, &str), (&str, usize)> = BTreeMap::new();
    for (kind, what, _) in objects {
        let urgency = remedy(kind, "").map(|of| of.urgency());
        kinds.entry((urgency, kind)).or_insert((what, 0)).1 += 1;
    }
    let mut shown = 0;
    let mut words = Vec::new();
    for (what, of_kind) in kinds.into_values().take(KINDS_MAX) {
        shown += of_kind;
        words.push(match of_kind {
            1 => what.to_owned(),
            _ => format!("{what} ×{}", grouped(of_kind as u64)),
        });
    }
    let more = match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more as u64)),
    };
    format!("{}: {}{more}", grouped(count as u64), words.join(", "))
}

/// Returns an object that an actor made, such as `user eva`.
pub fn object(made: &Made) -> String {
    let unsure = match made.standing {
        Standing::Unsure => " (made and removed in the same second)",
        Standing::Stands | Standing::NotSeen => "",
    };
    format!("{}{unsure}", named(made.what, &made.name))
}

/// Returns an object that was open for a time, with how long it was.
pub fn opened(of: &WasOpen) -> String {
    let seconds = of.until.seconds_since(of.from);
    format!("{} for {}", named(of.what, &of.name), duration(seconds))
}

/// Returns an access key with which an actor called, and whose it is.
pub fn way_in(way: &WayIn) -> String {
    let of = way.of.rsplit('/').next().unwrap_or_default();
    let what = if way.is_long_term {
        "access key"
    } else {
        "key of a session"
    };
    format!(
        "{what} {} of {}",
        masked(&way.key),
        sanitize(of, NAME_CHARS_MAX)
    )
}

fn named(what: &str, name: &str) -> String {
    let name = sanitize(name, NAME_CHARS_MAX);
    match name.is_empty() {
        true => what.to_owned(),
        false => format!("{what} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named_as_people_name_it() {
        let role = "arn:aws:iam::111122223333:role/ops/App";
        let person = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b as omar";
        for (kind, name, words) in [
            (
                ActorKind::Root,
                "arn:aws:iam::111122223333:root",
                "root user",
            ),
            (ActorKind::User, "mila", "user mila"),
            (ActorKind::User, "mi\u{1b}[31mla", "user mi[31mla"),
            (ActorKind::Role, role, "role ops/App"),
            (
                ActorKind::Person,
                person,
                "omar in aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b",
            ),
            (ActorKind::ProviderUser, "zoe", "user zoe of a provider"),
            (
                ActorKind::OtherAccount,
                "999988887777",
                "account 999988887777",
            ),
            (
                ActorKind::Network,
                "203.0.113.0/24",
                "network 203.0.113.0/24",
            ),
        ] {
            let actor = Actor {
                account_id: "111122223333".to_owned(),
                kind,
                name: name.to_owned(),
            };
            assert_eq!(who(&actor), words);
        }
    }
}
