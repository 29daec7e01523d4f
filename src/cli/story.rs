//! Prints the timeline of `scan --inspect`: one line for each transition in event time, then the number of alerts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use clusters::ClusterFacts;
use clusters::campaign::Campaign;
use clusters::fingerprint::ClusterId;
use clusters::transition::{Change, NewCircumstance, Transition};
use records::redact::sanitize;
use records::time::duration;
use service::inspect::transition_alerts::alert;

use crate::counts::counted;

/// Maximum length of a caller's name in characters.
const NAME_CHARS_MAX: usize = 128;

/// Returns transitions of clusters (new, recovered and so on) as text: one a line, then their number.
///
/// Transitions that a campaign covers are only counted. `facts` has the identities of the clusters, which are shown.
pub fn text(transitions: &[Transition], facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>) -> String {
    let mut text = String::new();
    for transition in transitions.iter().filter(|of| !of.is_covered) {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {}  {:<14}  {}",
            transition.at,
            transition.account_id,
            transition.change.name(),
            details(transition, facts),
        );
    }
    let alerts = transitions
        .iter()
        .filter_map(|of| alert(of, None, of.at))
        .count();
    let swallowed = transitions.iter().filter(|of| of.is_covered).count();
    let _ = writeln!(
        text,
        "{} transitions, {alerts} of them alerts, {swallowed} more covered by campaigns",
        transitions.len() - swallowed,
    );
    text
}

fn details(transition: &Transition, facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>) -> String {
    let cluster = transition.cluster.map(|cluster| named(cluster, facts));
    let what = cluster.unwrap_or_default();
    match &transition.change {
        Change::New | Change::Ongoing => what,
        Change::NewPrincipal { principal } => format!("{what}: {}", name(principal)),
        Change::NewCircumstance(new) => {
            format!("{what}: {}, usually {}", name(&new.about()), usual(new))
        }
        Change::Recovered {
            fault_seconds,
            count,
            ..
        } => {
            let (count, time) = (counted(*count, "event"), duration(*fault_seconds));
            format!("{what}: {count} in {time}")
        }
        Change::Regressed { quiet_seconds } => {
            format!("{what}: after {} of quiet", duration(*quiet_seconds))
        }
        Change::Escalating { count, limit } => {
            format!("{what}: {count} events in an hour, at most {limit} expected")
        }
        Change::Calmed(escalation) => format!(
            "{what}: up to {} events in an hour since {}",
            escalation.peak,
            escalation.since.start(),
        ),
        Change::Campaign(campaign) => format!("{}: begins", actor(campaign, facts)),
        Change::CampaignGrew { times, campaign } => {
            format!("{}: {times} times the threshold", actor(campaign, facts))
        }
        Change::CampaignEnded(campaign) => format!(
            "{}: {} in {}, {}, {}",
            actor(campaign, facts),
            counted(campaign.events.len() as u64, "event"),
            duration(campaign.last.seconds_since(campaign.began)),
            counted(campaign.clusters.len() as u64, "cluster"),
            counted(campaign.calls.len() as u64, "call"),
        ),
        Change::NoData { since } => {
            format!("no events since {since}; no cluster recovers until events arrive")
        }
        Change::DataAgain { since } => {
            let seconds = transition.at.seconds_since(*since);
            format!("events again after {}", duration(seconds))
        }
    }
}

fn named(cluster: ClusterId, facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>) -> String {
    let Some(facts) = facts.get(&cluster) else {
        return cluster.to_string();
    };
    let identity = &facts.identity;
    let (service, action, code) = (&identity.service, &identity.action, &identity.code);
    let text = format!("{service}:{action} {code}");
    format!("{} ({cluster})", sanitize(&text, NAME_CHARS_MAX))
}

fn actor(campaign: &Campaign, facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>) -> String {
    let shapes: Vec<&str> = campaign.shapes.iter().map(|shape| shape.name()).collect();
    let who = match ClusterId::parse(&campaign.actor) {
        Some(cluster) => named(cluster, facts),
        None => name(&campaign.actor),
    };
    format!("{} by {who}", shapes.join(" and "))
}

/// Returns the usual values as text, such as `us-east-1 and 2 more`.
fn usual(new: &NewCircumstance) -> String {
    let shown: Vec<String> = new.usual.shown.iter().map(|value| name(value)).collect();
    match (shown.is_empty(), new.usual.more()) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn name(text: &str) -> String {
    sanitize(text, NAME_CHARS_MAX)
}
