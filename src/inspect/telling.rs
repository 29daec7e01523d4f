//! What is told of a transition.

use crate::alert::occasion::{Kind, Occasion};
use crate::cluster::transition::{Change, Transition};

/// Returns why a transition is told; `None` for what is not.
pub fn occasion(transition: &Transition) -> Option<Occasion> {
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
    Some(Occasion {
        kind: kind(change)?,
        account_id: account_id.clone(),
        cluster: *cluster,
        epoch: *epoch,
        about: change.about(*at),
        detail: String::new(),
        at: Some(*at),
        is_late: false,
    })
}

/// Returns the kind of the alert that tells it; `None` for what only stands in the history.
fn kind(change: &Change) -> Option<Kind> {
    match change {
        Change::New => Some(Kind::New),
        Change::NewPrincipal { .. } => Some(Kind::NewPrincipal),
        Change::Recovered { .. } => Some(Kind::Recovered),
        Change::Regressed { .. } => Some(Kind::Regressed),
        Change::Escalating { .. } | Change::Calmed(_) => Some(Kind::Escalating),
        Change::Campaign(_) | Change::CampaignGrew { .. } | Change::CampaignEnded(_) => {
            Some(Kind::Campaign)
        }
        Change::NoData { .. } => Some(Kind::NoData),
        Change::Ongoing | Change::DataAgain { .. } => None,
    }
}
