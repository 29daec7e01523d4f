//! Prints the timeline of `scan --inspect`: one line for each transition, each alert about a sensitive call and each alert about
//! an incident in event time, then the number of alerts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use alerts::locale::Language;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::incident::life::SentAlert;
use clusters::transition::{Change, NewCircumstance, SensitiveCall, Transition};
use clusters::{ClusterFacts, ClusterSnapshot, short_name};
use records::redact::sanitize;
use records::time::{Timestamp, duration};
use service::inspect::transition_alerts::alert;
use view::{call, incident};

use crate::counts::counted;

/// Maximum length of a caller's name in characters.
const NAME_CHARS_MAX: usize = 128;

/// Returns transitions of clusters (new, recovered and so on), sensitive calls and alerts about incidents as text: one a line,
/// then their number.
///
/// Transitions that an incident absorbs are only counted, and so are sensitive calls without an alert. `incidents` are the
/// incidents as they were with each alert. `snapshot` has the identities of the clusters, which are shown, and the number of
/// sensitive calls.
pub fn text(
    transitions: &[Transition],
    incidents: &[Incident],
    snapshot: &ClusterSnapshot,
) -> String {
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    let mut line = |at: Timestamp, account_id: &str, name: &str, details: String| {
        lines.push((at, format!("{at}  {account_id}  {name:<14}  {details}\n")));
    };
    for transition in transitions.iter().filter(|of| !of.is_absorbed) {
        let details = details(transition, &snapshot.facts);
        let (at, name) = (transition.at, transition.change.name());
        line(at, &transition.account_id, name, details);
    }
    for (incident, alert) in alerts_about(incidents) {
        line(
            alert.at,
            &incident.actor.account_id,
            INCIDENT,
            told(incident, alert),
        );
    }
    // The sort is stable: at one moment, incidents come last.
    lines.sort_by_key(|(at, _)| *at);
    let mut text: String = lines.into_iter().map(|(_, line)| line).collect();
    let alerts = transitions
        .iter()
        .filter_map(|of| alert(of, None, of.at))
        .count();
    let shown = transitions.iter().filter(|of| !of.is_absorbed).count();
    let swallowed = transitions.iter();
    let swallowed = swallowed.filter(|of| of.is_absorbed && called(of).is_none());
    let _ = writeln!(
        text,
        "{shown} transitions, {alerts} of them alerts, {} more absorbed by incidents",
        swallowed.count(),
    );
    if let told @ 1.. = alerts_about(incidents).count() {
        let _ = writeln!(text, "{} about incidents", counted(told as u64, "alert"));
    }
    text + &calls_in_all(transitions, snapshot)
}

/// The name of an alert about an incident in the timeline.
pub const INCIDENT: &str = "incident";

/// Returns incidents with the alerts about them that would have been sent.
pub fn alerts_about(incidents: &[Incident]) -> impl Iterator<Item = (&Incident, &SentAlert)> {
    incidents
        .iter()
        .filter_map(|of| Some((of, of.due.as_ref()?)))
}

/// Returns an incident as it was with an alert, such as `opened: user mila, critical, 3 steps: …`.
fn told(incident: &Incident, alert: &SentAlert) -> String {
    let kind: &str = alert.alert.into();
    let (who, severity) = (
        incident::who(&incident.actor, Language::En),
        incident.severity.name(),
    );
    let steps = incident::steps(incident, Language::En);
    format!(
        "{kind}: {who}, {severity}, {steps} ({})",
        incident.id.text()
    )
}

/// Returns the call that a transition is about; `None` for other transitions.
fn called(transition: &Transition) -> Option<&SensitiveCall> {
    match &transition.change {
        Change::SensitiveCall(call) => Some(call),
        _ => None,
    }
}

/// Returns a line with the number of alerts about sensitive calls, and of calls without one; empty if there are no calls.
fn calls_in_all(transitions: &[Transition], snapshot: &ClusterSnapshot) -> String {
    let calls = snapshot.sensitive_calls();
    let calls: u64 = calls.iter().map(|call| call.span.count).sum();
    if calls == 0 {
        return String::new();
    }
    let alerts = transitions.iter().filter(|of| !of.is_absorbed);
    let alerts: Vec<u64> = alerts.filter_map(called).map(|call| call.count).collect();
    let only_counted = calls.saturating_sub(alerts.iter().sum());
    format!(
        "{} about sensitive calls, {} only counted\n",
        counted(alerts.len() as u64, "alert"),
        counted(only_counted, "further call"),
    )
}

fn sensitive_call(transition: &Transition, call: &SensitiveCall) -> String {
    let mut text = name(&format!("{}:{}", call.service, call.action));
    let details = call.details.as_ref();
    let account_id = &transition.account_id;
    if let Some(target) = details.and_then(|of| call::target(of, account_id)) {
        let _ = write!(text, " on {}", name(target));
    }
    let caller = call.caller.as_deref().unwrap_or("several callers");
    let _ = write!(text, " by {}", name(short_name(caller, account_id)));
    let deciding = details.map(|of| call::deciding(of, account_id, Language::En));
    let deciding = deciding.unwrap_or_default();
    if !deciding.is_empty() {
        let _ = write!(text, ": {deciding}");
    }
    if call.count > 1 {
        let _ = write!(text, ", {}", counted(call.count, "call"));
    }
    if let Some(id) = transition.cluster {
        let _ = write!(text, " ({id})");
    }
    text
}

fn details(transition: &Transition, facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>) -> String {
    let cluster = transition.cluster.map(|cluster| named(cluster, facts));
    let what = cluster.unwrap_or_else(|| "all errors".to_owned());
    match &transition.change {
        Change::SensitiveCall(call) => sensitive_call(transition, call),
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
        Change::NewAccount(new) => {
            let caller = new.principal.as_deref().unwrap_or("unknown");
            let call = [&new.service, &new.action].map(|part| part.as_deref().unwrap_or("*"));
            let caller = short_name(caller, &transition.account_id);
            format!("first event: {} by {}", name(&call.join(":")), name(caller))
        }
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
