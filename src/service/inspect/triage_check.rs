//! Marks that are over: what people decided ends by itself when what they waited for has come.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::facts::Facts;
use clusters::campaign::Occurrence;
use clusters::facet::FacetKind as Facet;
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::transition::Transition;
use clusters::triage::{EndReason, Observation, Triage};
use records::time::Timestamp;

use crate::ports::{StoreError, TransitionWriter, TriageStore, VersionedTriage};

/// When triages are looked at.
#[derive(Debug, Clone, Copy)]
pub struct TriageCheck {
    /// The end of an hour.
    pub at: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// Whether anybody is told of that hour.
    pub is_told: bool,
}

/// Ends the triages that are over by the end of an hour, of the clusters that something happened to in
/// it, and returns how many were. What an archive waited for is told, as all until then was held back.
pub async fn end_triages<S: TriageStore + TransitionWriter>(
    store: &S,
    inspection_state: &InspectionState,
    (told, occurrences): (&[Transition], &[Occurrence]),
    TriageCheck { at, now, is_told }: TriageCheck,
) -> Result<u64, StoreError> {
    let seen = occurrences
        .iter()
        .map(|occurrence| occurrence.series.cluster);
    let moved = told.iter().filter_map(|of| of.cluster);
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
        let entry = triage.over_by_itself(why, now);
        if !store.set_triage(cluster, None, version, &entry).await? {
            // Somebody has just decided something else.
            continue;
        }
        ended += 1;
        if !is_told {
            continue;
        }
        let of_cluster = occurrences
            .iter()
            .filter(|occurrence| occurrence.series.cluster == cluster);
        for alert in awaited(why, &triage, (cluster, history), of_cluster, (at, now)) {
            store.tell_once(&alert).await?;
        }
    }
    Ok(ended)
}

/// Returns what a triage waited for that ended by it: so many events, or the callers of the hour that
/// came after the triage.
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
