//! What is told of a transition.

use alerts::evidence::Stage;
use alerts::occasion::inspected::Silent;
use alerts::occasion::{Kind, Occasion};
use clusters::fingerprint::ClusterId;
use clusters::transition::{Change, Transition};

/// Returns why a transition is told, found out at a moment in seconds; `None` for what is not. A
/// diagnosis says what is wrong with how events come: its stable name and a sentence.
pub fn occasion(
    transition: &Transition,
    diagnosis: Option<&(String, String)>,
    now: i64,
) -> Option<Occasion> {
    if transition.is_swallowed {
        return None;
    }
    let Transition {
        at,
        account_id,
        cluster,
        epoch,
        change,
        ..
    } = transition;
    match (change, *cluster) {
        (_, Some(cluster)) => of_cluster(transition, (cluster, *epoch), now),
        (Change::Campaign(campaign), None) => {
            Some(Occasion::of_campaign(campaign, Stage::Began, now))
        }
        (Change::CampaignGrew { times, campaign }, None) => {
            Some(Occasion::of_campaign(campaign, Stage::Grew(*times), now))
        }
        (Change::CampaignEnded(campaign), None) => {
            Some(Occasion::of_campaign(campaign, Stage::Ended, now))
        }
        (Change::NoData { since }, None) => Some(Occasion::of_silence(
            account_id,
            Silent::Account,
            (*since, *at),
            diagnosis.map(|(name, sentence)| (name.as_str(), sentence.as_str())),
            now,
        )),
        (Change::DataAgain { since }, None) => Some(Occasion::of_data_again(
            account_id,
            Silent::Account,
            (*since, *at),
            now,
        )),
        (Change::Escalating { count, limit }, None) => {
            let counts = (*count, *limit);
            Some(Occasion::of_escalation(account_id, None, *at, counts, now))
        }
        (Change::Calmed(escalation), None) => {
            Some(Occasion::of_calm(account_id, None, *at, escalation, now))
        }
        _ => None,
    }
}

fn of_cluster(transition: &Transition, life: (ClusterId, i64), now: i64) -> Option<Occasion> {
    let Transition {
        at,
        account_id,
        change,
        ..
    } = transition;
    let seen = |kind| Occasion::of_cluster(kind, account_id, life, at.seconds(), now);
    Some(match change {
        Change::New => seen(Kind::New),
        Change::NewPrincipal { principal } => Occasion {
            about: principal.clone(),
            ..seen(Kind::NewPrincipal)
        },
        Change::Recovered {
            began,
            fault_seconds,
            count,
        } => {
            let fault = (*fault_seconds, *count);
            Occasion::of_recovery(account_id, life, *at, *began, fault, now)
        }
        Change::Regressed { quiet_seconds } => {
            Occasion::of_regression(account_id, life, *at, *quiet_seconds, now)
        }
        Change::Escalating { count, limit } => {
            let counts = (*count, *limit);
            Occasion::of_escalation(account_id, Some(life), *at, counts, now)
        }
        Change::Calmed(escalation) => {
            Occasion::of_calm(account_id, Some(life), *at, escalation, now)
        }
        _ => return None,
    })
}
