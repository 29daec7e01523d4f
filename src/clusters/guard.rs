//! Limits the number of new clusters, and of new sensitive calls, per account and hour of event time.
//!
//! Events beyond the limit go to an overflow cluster of their service and class, and are still counted exactly. Failures
//! and sensitive calls have limits of their own, so that many of the one do not hide the other.
//!
//! Callers can influence parts of an identity, such as the error message. Without a limit, any caller could fill the
//! store with new clusters, and hide the one new cluster that matters.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use records::principal::is_service_linked;
use records::time::{Timestamp, Window};

use crate::class::Class;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::{ClusterId, ClusterSubject, Identity};
use crate::sample::Samples;
use crate::watch::Tier;
use crate::{ClusterFacts, EventId, Series, Tally};

/// The maximum number of new clusters per account and hour of event time; a busy account has a few a day. The limits on
/// sensitive calls together are the same number.
///
/// Events of further new clusters are counted in overflow clusters.
pub const NEW_CLUSTERS_MAX: u32 = 200;

/// The error code of overflow clusters, which count the events of new clusters beyond [`NEW_CLUSTERS_MAX`].
pub const OVERFLOW: &str = "overflow";

/// The new clusters that [`admit`] accepted, each with the hour whose limit it counts against: that of its first event.
///
/// The hour is `None` if no event of the cluster has a usable time.
pub type Admitted = BTreeMap<ClusterId, Option<Window>>;

/// What is counted against a limit of its own, so that many of one kind do not hide another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LimitedKind {
    /// New clusters of failures.
    Failure,
    /// New strong sensitive calls.
    Strong,
    /// Other new sensitive calls that have an alert whenever they are made.
    Announced,
    /// New sensitive calls that are mostly counted: routine, expected by a rule, or of AWS services.
    Counted,
}

impl LimitedKind {
    /// Returns the kind of what has this identity.
    pub fn of(identity: &Identity) -> Self {
        if identity.class != Class::Watch {
            return Self::Failure;
        }
        let is_by_aws = identity.cause.as_deref().is_some_and(is_service_linked);
        match identity.call_details() {
            Some(details) if details.expected_by.is_some() || is_by_aws => Self::Counted,
            Some(details) if details.is_strong => Self::Strong,
            Some(details) if details.tier == Tier::First => Self::Counted,
            _ => Self::Announced,
        }
    }

    /// Returns the maximum number of new ones per account and hour.
    pub fn limit(self) -> u32 {
        match self {
            Self::Failure => NEW_CLUSTERS_MAX,
            Self::Strong => NEW_CLUSTERS_MAX / 2,
            Self::Announced | Self::Counted => NEW_CLUSTERS_MAX / 4,
        }
    }

    /// Returns the name of the kind, such as `strong`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What a limit counts: new clusters, or new sensitive calls of one kind, of one account in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limited {
    /// The account id.
    pub account_id: String,
    /// What is counted.
    pub kind: LimitedKind,
    /// The hour of the first event; `None` if no event has a usable time.
    pub hour: Option<Window>,
}

impl Limited {
    /// Returns the limit against which something new with this identity counts, if its first event is in `hour`.
    pub fn of(identity: &Identity, hour: Option<Window>) -> Self {
        Self {
            account_id: identity.account_id.clone(),
            kind: LimitedKind::of(identity),
            hour,
        }
    }
}

/// A store as [`admit`] sees it: which clusters it has, and how many were admitted in an hour.
pub trait KnownClusters {
    /// The error if the store cannot answer.
    type Error;
    /// Checks whether a cluster is in the store.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn has(&mut self, cluster: ClusterId) -> Result<bool, Self::Error>;
    /// Checks whether the store counts an event in an overflow cluster.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn overflowed(&mut self, event: EventId) -> Result<bool, Self::Error>;
    /// Returns the number of clusters, or of sensitive calls, that were admitted earlier and count against this limit.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn admitted(&mut self, limited: &Limited) -> Result<u32, Self::Error>;
}

/// Accepts the new clusters of a tally up to the limit, and moves the events of the others to overflow clusters.
///
/// At most [`LimitedKind::limit`] per account and hour are accepted, in the order of their first events. Events
/// that the store already counts in an overflow cluster are removed from the tally. Returns the accepted clusters,
/// without those that the store had before.
///
/// Sensitive calls are added to `overflowed` as they were before they were moved, so that a store can keep what they did.
///
/// # Errors
/// The error of `known`, if the store cannot be read; the tally may be changed in part then, and must be dropped.
pub fn admit<K: KnownClusters>(
    tally: &mut Tally,
    known: &mut K,
    overflowed: &mut Tally,
) -> Result<Admitted, K::Error> {
    forget_overflowed(tally, known)?;
    let mut admitted = Admitted::new();
    let mut used: BTreeMap<Limited, u32> = BTreeMap::new();
    let mut moved: BTreeMap<ClusterId, ClusterId> = BTreeMap::new();
    for (first_seen, cluster) in newcomers(tally, known)? {
        let hour = first_seen.map(Timestamp::window);
        let limited = Limited::of(&tally.facts[&cluster].identity, hour);
        let limit = limited.kind.limit();
        let used = match used.entry(limited) {
            Entry::Occupied(used) => used.into_mut(),
            Entry::Vacant(unused) => {
                let before = known.admitted(unused.key())?;
                unused.insert(before)
            }
        };
        if *used < limit {
            *used += 1;
            admitted.insert(cluster, hour);
        } else {
            moved.insert(cluster, overflow(tally, cluster));
        }
    }
    relocate(tally, &moved, overflowed);
    Ok(admitted)
}

/// Returns the number of new clusters and sensitive calls in a tally, by the limit that they count against.
///
/// [`admit`] accepts at most this number of them. `has` returns whether a cluster is in the store already.
pub fn demand(tally: &Tally, has: impl Fn(ClusterId) -> bool) -> BTreeMap<Limited, u32> {
    let mut demand = BTreeMap::new();
    for (first_seen, cluster) in first_seen(tally) {
        let identity = &tally.facts[&cluster].identity;
        if !is_overflow(identity) && !has(cluster) {
            let hour = first_seen.map(Timestamp::window);
            *demand.entry(Limited::of(identity, hour)).or_default() += 1;
        }
    }
    demand
}

/// Removes events that the store counts in an overflow cluster.
///
/// Their own cluster may have been admitted since, but an event must not be counted twice.
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

/// Returns the clusters of the tally that are not in the store, sorted by first event time.
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

/// Returns each cluster of a tally with its first event time, in no particular order.
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

/// Checks whether an identity is that of an overflow cluster, which counts events of new clusters beyond the limit.
pub fn is_overflow(identity: &Identity) -> bool {
    identity.code == OVERFLOW
        && identity.action == "*"
        && identity.cause.is_none()
        && identity.template.is_none()
}

/// Checks whether an identity is that of an overflow cluster of sensitive calls that are mostly counted.
pub fn is_counted_overflow(identity: &Identity) -> bool {
    is_overflow(identity) && identity.addition.as_deref() == Some(LimitedKind::Counted.name())
}

/// Checks whether a subject is that of an overflow cluster, which counts the errors beyond the limit on new clusters.
///
/// Its code is [`OVERFLOW`] and its action is `*`, which is the name of no API.
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
    let kind = LimitedKind::of(&tally.facts[&cluster].identity);
    let identity = Identity {
        partition: partition.clone(),
        account_id: account_id.clone(),
        service: service.clone(),
        action: "*".to_owned(),
        class: *class,
        code: OVERFLOW.to_owned(),
        cause: None,
        template: None,
        addition: (kind != LimitedKind::Failure).then(|| kind.name().to_owned()),
    };
    let id = identity.cluster_id();
    let facts = ClusterFacts {
        identity,
        template: String::new(),
    };
    tally.facts.entry(id).or_insert_with(|| Arc::new(facts));
    id
}

/// Returns the facets of a sensitive call beyond the limit, without those whose values the caller can invent for each
/// call. So thousands of invented names need no more space than a few.
fn without_invented_names(facets: &Facets) -> Facets {
    let mut facets = facets.clone();
    for kind in [
        FacetKind::Resource,
        FacetKind::Session,
        FacetKind::UserAgent,
    ] {
        facets.set(kind, None);
    }
    facets.packed()
}

fn relocate(tally: &mut Tally, moved: &BTreeMap<ClusterId, ClusterId>, overflowed: &mut Tally) {
    if moved.is_empty() {
        return;
    }
    let facts = &tally.facts;
    let is_call = |cluster: ClusterId| {
        facts
            .get(&cluster)
            .is_some_and(|facts| facts.is_sensitive_call())
    };
    let mut rewritten: HashMap<Arc<Series>, Arc<Series>> = HashMap::new();
    for (id, sighting) in &mut tally.sightings {
        if let Some(overflow) = moved.get(&sighting.series.cluster) {
            let cluster = sighting.series.cluster;
            if is_call(cluster) {
                overflowed.learn(cluster, &facts[&cluster]);
                overflowed.insert(*id, sighting.clone());
            }
            let series = rewritten
                .entry(Arc::clone(&sighting.series))
                .or_insert_with(|| {
                    let facets = &sighting.series.facets;
                    Arc::new(Series {
                        cluster: *overflow,
                        facets: match is_call(*overflow) {
                            true => without_invented_names(facets),
                            false => facets.clone(),
                        },
                    })
                });
            sighting.series = Arc::clone(series);
        }
    }
    for (cluster, overflow) in moved {
        tally.facts.remove(cluster);
        if let Some(samples) = tally.samples.remove(cluster) {
            let target: &mut Samples = tally.samples.entry(*overflow).or_default();
            target.join(samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::CallDetails;

    #[test]
    fn a_strong_call_of_the_tier_first_is_not_hidden_by_calls_that_are_mostly_counted() {
        for (text, kind) in [
            (r#"{"tier": "first"}"#, LimitedKind::Counted),
            (r#"{"tier": "first", "strong": true}"#, LimitedKind::Strong),
            (r#"{"tier": "always"}"#, LimitedKind::Announced),
            (r#"{"tier": "always", "strong": true}"#, LimitedKind::Strong),
            (
                r#"{"tier": "first", "strong": true, "expected_by": "terraform"}"#,
                LimitedKind::Counted,
            ),
        ] {
            let text = text.replacen('{', r#"{"watch": "x", "#, 1);
            let details = CallDetails::decode(&text).unwrap();
            let identity = Identity {
                partition: "aws".to_owned(),
                account_id: "111122223333".to_owned(),
                service: "lambda".to_owned(),
                action: "UpdateFunctionCode".to_owned(),
                class: Class::Watch,
                code: "weak".to_owned(),
                cause: None,
                template: Some(details.encode()),
                addition: None,
            };
            assert_eq!(LimitedKind::of(&identity), kind, "{text}");
        }
    }
}
