//! Marks that are over: what people decided ends by itself when what they waited for has come.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::occasion::Occasion;
use crate::cluster::chronicle::{Chronicle, Life};
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::mark::{Ended, Mark, Observation};
use crate::ports::{Marked, Marks, Past, StoreError};
use crate::trail::time::EventTime;

/// Ends the marks of clusters that are over by the end of an hour, and returns how many were. What an
/// archive waited for is told, as all until then was held back.
pub async fn end_marks<S: Marks + Past>(
    store: &S,
    chronicle: &Chronicle,
    clusters: &BTreeSet<ClusterId>,
    at: EventTime,
    now: i64,
) -> Result<u64, StoreError> {
    let clusters: Vec<ClusterId> = clusters.iter().copied().collect();
    let marked: BTreeMap<ClusterId, Marked> = store.marks(&clusters).await?;
    let mut ended = 0;
    for (cluster, Marked { mark, version }) in marked {
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
        if let Ended::Events(count, _) = why {
            let account_id = &life.subject.account_id;
            let life = Some((cluster, life.epoch));
            let more = (count, count.saturating_sub(1));
            let told = Occasion::of_escalation(account_id, life, at, more, now);
            store.tell_once(&told).await?;
        }
    }
    Ok(ended)
}

fn observed(mark: &Mark, life: &Life, now: i64) -> Observation {
    Observation {
        now,
        epoch: life.epoch,
        is_recovered: !life.is_open(),
        last: life.last.seconds(),
        hours: life.hours().collect(),
        new_principals: life.callers_since(mark.at),
        is_escalating: life.escalation.is_some(),
    }
}
