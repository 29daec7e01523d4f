//! Ends triages whose end condition is met, such as an archive until 100 events come in an hour.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::facts::Facts;
use clusters::facet::FacetKind as Facet;
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::occurrence::Occurrence;
use clusters::transition::Transition;
use clusters::triage::{EndReason, Observation, Triage};
use records::time::Timestamp;

use crate::ports::{StoreError, TransitionWriter, TriageStore, VersionedTriage};

/// The times of one check of triages, and whether the check sends alerts.
#[derive(Debug, Clone, Copy)]
pub struct TriageCheck {
    /// The end of the inspected hour, in event time.
    pub at: Timestamp,
    /// The current time by the local clock.
    pub now: Timestamp,
    /// Whether the check sends alerts for the inspected hour.
    pub sends_alerts: bool,
}

/// Ends the triages whose end condition is met at the end of an hour, and returns their number. Only
/// clusters with an occurrence or a transition in the hour are checked.
///
/// If an archive ends, the events or callers that it waited for cause alerts, because all earlier alerts
/// were held back.
///
/// # Errors
/// [`StoreError`] when the store failed. Triages ended before that stay ended.
pub async fn end_triages<S: TriageStore + TransitionWriter>(
    store: &S,
    inspection_state: &InspectionState,
    (transitions, occurrences): (&[Transition], &[Occurrence]),
    TriageCheck {
        at,
        now,
        sends_alerts,
    }: TriageCheck,
) -> Result<u64, StoreError> {
    let seen = occurrences
        .iter()
        .map(|occurrence| occurrence.series.cluster);
    let moved = transitions.iter().filter_map(|of| of.cluster);
    let clusters: BTreeSet<ClusterId> = seen.chain(moved).collect();
    if clusters.is_empty() {
        return Ok(0);
    }
    let clusters: Vec<ClusterId> = clusters.into_iter().collect();
    let versioned: BTreeMap<ClusterId, VersionedTriage> = store.triages(&clusters).await?;
    let mut ended = 0;
    for (cluster, VersionedTriage { triage, version }) in versioned {
        let (Some(triage), Some(history)) = (triage, inspection_state.histories().get(&cluster))
        else {
            continue;
        };
        let Some(why) = triage.ends(&observed(&triage, history, now)) else {
            continue;
        };
        let entry = triage.end_entry(why, now);
        if !store.set_triage(cluster, None, version, &entry).await? {
            // A person has changed the triage since it was read.
            continue;
        }
        ended += 1;
        if !sends_alerts {
            continue;
        }
        let of_cluster = occurrences
            .iter()
            .filter(|occurrence| occurrence.series.cluster == cluster);
        for alert in awaited(why, &triage, (cluster, history), of_cluster, (at, now)) {
            store.enqueue_once(&alert).await?;
        }
    }
    Ok(ended)
}

/// Returns the alerts for the end of an archive: an escalation if it waited for a number of events, or the
/// new callers of the hour if it waited for callers. Any other end gives no alert.
fn awaited<'d>(
    why: EndReason,
    triage: &Triage,
    (cluster, history): (ClusterId, &ClusterHistory),
    occurrences: impl Iterator<Item = &'d Occurrence>,
    (at, now): (Timestamp, Timestamp),
) -> Vec<Alert> {
    let (account_id, of) = (&history.subject.account_id, (cluster, history.episode));
    match why {
        EndReason::Events(count, _) => {
            let more = (count, count.saturating_sub(1));
            vec![Alert::of_escalation(account_id, Some(of), at, more, now)]
        }
        EndReason::Principals(_) => {
            let mut callers: BTreeMap<&str, Timestamp> = BTreeMap::new();
            for occurrence in occurrences {
                let met = history.met(occurrence).filter(|met| *met > triage.at);
                if let (Some(met), Some(caller)) =
                    (met, occurrence.series.facets.get(Facet::Principal))
                {
                    callers.insert(caller, met);
                }
            }
            let joined = |(caller, met): (&str, Timestamp)| {
                let facts = Facts::NewPrincipal(caller.to_owned());
                Alert::of_cluster(facts, account_id, of, Some(met), now)
            };
            callers.into_iter().map(joined).collect()
        }
        _ => Vec::new(),
    }
}

fn observed(triage: &Triage, history: &ClusterHistory, now: Timestamp) -> Observation {
    Observation {
        now,
        episode: Some(history.episode),
        is_recovered: !history.is_open(),
        last: Some(history.last),
        hours: history.hours().collect(),
        new_principals: history.callers_since(triage.at),
        is_escalating: history.escalation.is_some(),
    }
}
