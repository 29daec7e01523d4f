//! The cardinality guard: at most so many new clusters per account and hour of event time, and
//! everything beyond in an overflow cluster of its service and class, counted exactly.
//!
//! Some of what an identity is made of is written by callers. Without a guard, whoever can fail
//! can fill the store and bury the one new cluster that matters.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use records::time::{Timestamp, Window};

use crate::fingerprint::{ClusterId, ClusterSubject, Identity};
use crate::sample::Samples;
use crate::{ClusterFacts, EventId, Series, Tally};

/// New clusters per account and hour of event time; a busy account sees a few a day.
pub const NEW_CLUSTERS_MAX: u32 = 200;

/// The code of overflow clusters.
pub const OVERFLOW: &str = "overflow";

/// The hour in which a cluster counts as new, `None` for clusters without any event time.
pub type Admitted = BTreeMap<ClusterId, Option<Window>>;

/// What the guard asks a store.
pub trait KnownClusters {
    /// Why the store cannot say.
    type Error;
    /// Tells whether a cluster is in the store.
    fn has(&mut self, cluster: ClusterId) -> Result<bool, Self::Error>;
    /// Tells whether an event is in an overflow cluster.
    fn overflowed(&mut self, event: EventId) -> Result<bool, Self::Error>;
    /// Counts the clusters of an account that were admitted in an hour.
    fn admitted(&mut self, account_id: &str, hour: Option<Window>) -> Result<u32, Self::Error>;
}

/// Admits the new clusters of a tally, earliest first, and moves what is beyond the guard to
/// overflow clusters. Returns the admitted clusters with the hour they count in.
///
/// # Errors
/// The store's own, when it cannot say what it knows.
pub fn admit<K: KnownClusters>(tally: &mut Tally, known: &mut K) -> Result<Admitted, K::Error> {
    forget_overflowed(tally, known)?;
    let mut admitted = Admitted::new();
    let mut used: BTreeMap<(String, Option<Window>), u32> = BTreeMap::new();
    let mut moved: BTreeMap<ClusterId, ClusterId> = BTreeMap::new();
    for (first_seen, cluster) in newcomers(tally, known)? {
        let hour = first_seen.map(Timestamp::window);
        let account_id = tally.facts[&cluster].identity.account_id.clone();
        let used = match used.entry((account_id, hour)) {
            Entry::Occupied(used) => used.into_mut(),
            Entry::Vacant(unused) => {
                let before = known.admitted(&unused.key().0, hour)?;
                unused.insert(before)
            }
        };
        if *used < NEW_CLUSTERS_MAX {
            *used += 1;
            admitted.insert(cluster, hour);
        } else {
            moved.insert(cluster, overflow(tally, cluster));
        }
    }
    relocate(tally, &moved);
    Ok(admitted)
}

/// Counts the clusters of a tally that are not known yet, by account and hour: what [`admit`] will
/// ask places for.
pub fn demand(
    tally: &Tally,
    has: impl Fn(ClusterId) -> bool,
) -> BTreeMap<(String, Option<Window>), u32> {
    let mut demand = BTreeMap::new();
    for (first_seen, cluster) in first_seen(tally) {
        let identity = &tally.facts[&cluster].identity;
        if !is_overflow(identity) && !has(cluster) {
            let hour = first_seen.map(Timestamp::window);
            *demand
                .entry((identity.account_id.clone(), hour))
                .or_default() += 1;
        }
    }
    demand
}

/// Leaves events that went to an overflow cluster where they are: their own cluster may have been
/// admitted since, and an event counts once.
fn forget_overflowed<K: KnownClusters>(tally: &mut Tally, known: &mut K) -> Result<(), K::Error> {
    let mut overflowed = Vec::new();
    for id in tally.sightings.keys() {
        if known.overflowed(*id)? {
            overflowed.push(*id);
        }
    }
    tally.forget(&overflowed);
    Ok(())
}

/// Returns the clusters of the tally that the store does not know, with their first event time.
fn newcomers<K: KnownClusters>(
    tally: &Tally,
    known: &mut K,
) -> Result<Vec<(Option<Timestamp>, ClusterId)>, K::Error> {
    let mut newcomers = Vec::new();
    for (first, cluster) in first_seen(tally) {
        if !is_overflow(&tally.facts[&cluster].identity) && !known.has(cluster)? {
            newcomers.push((first, cluster));
        }
    }
    newcomers.sort_unstable();
    Ok(newcomers)
}

/// Returns the clusters of a tally with their first event time.
fn first_seen(tally: &Tally) -> impl Iterator<Item = (Option<Timestamp>, ClusterId)> + use<> {
    let mut first: HashMap<ClusterId, Option<Timestamp>> = HashMap::new();
    for sighting in tally.sightings.values() {
        let at = sighting.at();
        let seen = first.entry(sighting.series.cluster).or_insert(at);
        if seen.is_none() || (at.is_some() && at < *seen) {
            *seen = at;
        }
    }
    first.into_iter().map(|(cluster, first)| (first, cluster))
}

/// Tells an overflow cluster by its identity.
pub fn is_overflow(identity: &Identity) -> bool {
    identity.code == OVERFLOW
        && identity.action == "*"
        && identity.cause.is_none()
        && identity.template.is_none()
}

/// Tells an overflow cluster by what lists show of it: no call is named by a star.
pub fn is_overflow_subject(subject: &ClusterSubject) -> bool {
    subject.code == OVERFLOW && subject.action == "*"
}

fn overflow(tally: &mut Tally, cluster: ClusterId) -> ClusterId {
    let Identity {
        partition,
        account_id,
        service,
        class,
        ..
    } = &tally.facts[&cluster].identity;
    let identity = Identity {
        partition: partition.clone(),
        account_id: account_id.clone(),
        service: service.clone(),
        action: "*".to_owned(),
        class: *class,
        code: OVERFLOW.to_owned(),
        cause: None,
        template: None,
        addition: None,
    };
    let id = identity.cluster_id();
    let facts = ClusterFacts {
        identity,
        template: String::new(),
    };
    tally.facts.entry(id).or_insert_with(|| Arc::new(facts));
    id
}

fn relocate(tally: &mut Tally, moved: &BTreeMap<ClusterId, ClusterId>) {
    if moved.is_empty() {
        return;
    }
    let mut rewritten: HashMap<Arc<Series>, Arc<Series>> = HashMap::new();
    for sighting in tally.sightings.values_mut() {
        if let Some(overflow) = moved.get(&sighting.series.cluster) {
            let series = rewritten
                .entry(Arc::clone(&sighting.series))
                .or_insert_with(|| {
                    Arc::new(Series {
                        cluster: *overflow,
                        facets: sighting.series.facets.clone(),
                    })
                });
            sighting.series = Arc::clone(series);
        }
    }
    for (cluster, overflow) in moved {
        tally.facts.remove(cluster);
        if let Some(samples) = tally.samples.remove(cluster) {
            let kept: &mut Samples = tally.samples.entry(*overflow).or_default();
            kept.join(samples);
        }
    }
}
