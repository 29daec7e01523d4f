//! Makes alerts of transitions.

use alerts::alert::Alert;
use alerts::alert::inspected::Silent;
use alerts::facts::Facts;
use clusters::fingerprint::ClusterId;
use clusters::transition::{Change, Transition};
use records::time::Timestamp;

/// Returns the alert of a transition. `None` if its kind has no alert, if an incident absorbs it, or if its cluster is
/// quiet.
///
/// `diagnosis` is a known problem with the delivery of events: its stable name and a sentence. An alert that an account
/// has no data contains it. `now` is the time at which the inspection found the transition.
pub fn alert(
    transition: &Transition,
    diagnosis: Option<&(String, String)>,
    now: Timestamp,
) -> Option<Alert> {
    if transition.is_absorbed || transition.is_quiet {
        return None;
    }
    let Transition {
        at,
        account_id,
        cluster,
        episode,
        change,
        ..
    } = transition;
    match (change, *cluster) {
        (_, Some(cluster)) => of_cluster(transition, (cluster, *episode), now),
        (Change::NoData { since }, None) => Some(Alert::of_silence(
            account_id,
            Silent::Account,
            (*since, *at),
            diagnosis.map(|(name, sentence)| (name.as_str(), sentence.as_str())),
            now,
        )),
        (Change::NewAccount(new), None) => {
            Some(Alert::of_new_account(account_id, *at, new.as_ref(), now))
        }
        (Change::DataAgain { since }, None) => Some(Alert::of_silence_end(
            account_id,
            Silent::Account,
            (*since, *at),
            None,
            now,
        )),
        (Change::Escalating { count, limit }, None) => {
            let counts = (*count, *limit);
            Some(Alert::of_escalation(account_id, None, *at, counts, now))
        }
        (Change::Calmed(escalation), None) => Some(Alert::of_escalation_end(
            account_id, None, *at, escalation, now,
        )),
        _ => None,
    }
}

fn of_cluster(transition: &Transition, history: (ClusterId, i64), now: Timestamp) -> Option<Alert> {
    let Transition {
        at,
        account_id,
        change,
        ..
    } = transition;
    let seen = |facts| Alert::of_cluster(facts, account_id, history, Some(*at), now);
    Some(match change {
        Change::SensitiveCall(call) => Alert::of_call(call, account_id, history.0, Some(*at), now),
        Change::New => seen(Facts::New),
        Change::NewPrincipal { principal } => seen(Facts::NewPrincipal(principal.clone())),
        Change::NewCircumstance(new) => seen(Facts::NewCircumstance(new.clone())),
        Change::Recovered {
            began,
            fault_seconds,
            count,
        } => {
            let fault = (*fault_seconds, *count);
            Alert::of_recovery(account_id, history, *at, *began, fault, now)
        }
        Change::Regressed { quiet_seconds } => {
            Alert::of_regression(account_id, history, *at, *quiet_seconds, now)
        }
        Change::Escalating { count, limit } => {
            let counts = (*count, *limit);
            Alert::of_escalation(account_id, Some(history), *at, counts, now)
        }
        Change::Calmed(escalation) => {
            Alert::of_escalation_end(account_id, Some(history), *at, escalation, now)
        }
        _ => return None,
    })
}
