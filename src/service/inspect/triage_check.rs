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

/// When marks are looked at.
#[derive(Debug, Clone, Copy)]
pub struct TriageCheck {
    /// The end of an hour.
    pub at: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// Whether anybody is told of that hour.
    pub is_told: bool,
}

/// Ends the marks that are over by the end of an hour, of the clusters that something happened to in
/// it, and returns how many were. What an archive waited for is told, as all until then was held back.
pub async fn end_marks<S: TriageStore + TransitionWriter>(
    store: &S,
    chronicle: &InspectionState,
    (told, occurrences): (&[Transition], &[Occurrence]),
    TriageCheck { at, now, is_told }: TriageCheck,
) -> Result<u64, StoreError> {
    let seen = occurrences.iter().map(|occurrence| occurrence.case.cluster);
    let moved = told.iter().filter_map(|of| of.cluster);
    let clusters: BTreeSet<ClusterId> = seen.chain(moved).collect();
    if clusters.is_empty() {
        return Ok(0);
    }
    let clusters: Vec<ClusterId> = clusters.into_iter().collect();
    let marked: BTreeMap<ClusterId, VersionedTriage> = store.marks(&clusters).await?;
    let mut ended = 0;
    for (cluster, VersionedTriage { mark, version }) in marked {
        let (Some(mark), Some(life)) = (mark, chronicle.lives().get(&cluster)) else {
            continue;
        };
        let Some(why) = mark.ends(&observed(&mark, life, now)) else {
            continue;
        };
        let entry = mark.over_by_itself(why, now);
        if !store.set_mark(cluster, None, version, &entry).await? {
            // Somebody has just decided something else.
            continue;
        }
        ended += 1;
        if !is_told {
            continue;
        }
        let of_cluster = occurrences
            .iter()
            .filter(|occurrence| occurrence.case.cluster == cluster);
        for alert in awaited(why, &mark, (cluster, life), of_cluster, (at, now)) {
            store.tell_once(&alert).await?;
        }
    }
    Ok(ended)
}

/// Returns what a mark waited for that ended by it: so many events, or the callers of the hour that
/// came after the mark.
fn awaited<'d>(
    why: EndReason,
    mark: &Triage,
    (cluster, life): (ClusterId, &ClusterHistory),
    occurrences: impl Iterator<Item = &'d Occurrence>,
    (at, now): (Timestamp, Timestamp),
) -> Vec<Alert> {
    let (account_id, of) = (&life.subject.account_id, (cluster, life.epoch));
    match why {
        EndReason::Events(count, _) => {
            let more = (count, count.saturating_sub(1));
            vec![Alert::of_escalation(account_id, Some(of), at, more, now)]
        }
        EndReason::Principals(_) => {
            let mut callers: BTreeMap<&str, Timestamp> = BTreeMap::new();
            for occurrence in occurrences {
                let met = life.met(occurrence).filter(|met| *met > mark.at);
                if let (Some(met), Some(caller)) =
                    (met, occurrence.case.facets.get(Facet::Principal))
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

fn observed(mark: &Triage, life: &ClusterHistory, now: Timestamp) -> Observation {
    Observation {
        now,
        epoch: Some(life.epoch),
        is_recovered: !life.is_open(),
        last: Some(life.last),
        hours: life.hours().collect(),
        new_principals: life.callers_since(mark.at),
        is_escalating: life.escalation.is_some(),
    }
}
