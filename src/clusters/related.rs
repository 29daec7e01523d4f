//! Related clusters: other failures of the same callers at about the same time. They mostly have the same cause.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::circumstance::shown_code;
use crate::facet::FacetKind;
use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::occurrence::Occurrence;

/// Two failures of one caller in different clusters count as related if at most this number of seconds lies between
/// them.
pub const TOGETHER_SECONDS: i64 = 30 * 60;

/// A cluster that is related to a given cluster: the same callers failed in both at about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The id of the related cluster.
    pub id: ClusterId,
    /// The account, call, error code and class of the related cluster.
    pub subject: Arc<ClusterSubject>,
    /// The error code as the service spelled it in the related events; `None` if no event has one.
    pub code: Option<String>,
    /// The number of events of the related cluster that are at most [`TOGETHER_SECONDS`] from a failure of the same
    /// caller in the given cluster.
    pub count: u64,
}

/// Returns the clusters in which a caller failed at most [`TOGETHER_SECONDS`] before or after the same caller failed in
/// `cluster`.
///
/// The cluster with the most such events comes first. Only the given occurrences, of all clusters, are searched; their
/// order does not matter.
pub fn related(cluster: ClusterId, occurrences: &[Occurrence]) -> Vec<Related> {
    let mut moments: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for occurrence in occurrences
        .iter()
        .filter(|occurrence| occurrence.series.cluster == cluster)
    {
        if let Some(caller) = occurrence.series.facets.get(FacetKind::Principal) {
            moments
                .entry(caller)
                .or_default()
                .insert(occurrence.at.seconds());
        }
    }
    let is_near = |occurrence: &&Occurrence| {
        let caller = occurrence.series.facets.get(FacetKind::Principal);
        let of = caller.and_then(|caller| moments.get(caller));
        let at = occurrence.at.seconds();
        let near = at - TOGETHER_SECONDS..=at + TOGETHER_SECONDS;
        occurrence.series.cluster != cluster && of.is_some_and(|of| of.range(near).next().is_some())
    };
    let mut found: BTreeMap<ClusterId, Related> = BTreeMap::new();
    for occurrence in occurrences.iter().filter(is_near) {
        let id = occurrence.series.cluster;
        let other = found.entry(id).or_insert_with(|| Related {
            id,
            subject: Arc::clone(&occurrence.subject),
            code: None,
            count: 0,
        });
        let codes = [
            other.code.as_deref(),
            occurrence.series.facets.get(FacetKind::ErrorCode),
        ];
        other.code = shown_code(codes.into_iter().flatten()).map(str::to_owned);
        other.count += 1;
    }
    let mut found: Vec<Related> = found.into_values().collect();
    // The sort is stable: equal ones stay in the order of their ids.
    found.sort_by_key(|other| Reverse(other.count));
    found
}

#[cfg(test)]
mod tests {
    use records::time::Timestamp;

    use super::*;
    use crate::class::Class;
    use crate::facet::Facets;
    use crate::{EventId, Series};

    fn occurrence(cluster: u8, caller: &str, minute: i64) -> Occurrence {
        let mut facets = Facets::default();
        facets.set(FacetKind::Principal, Some(caller));
        Occurrence {
            at: Timestamp::from_seconds(1_793_577_600 + minute * 60).unwrap(),
            id: EventId::named(&format!("{cluster}{caller}{minute}")),
            series: Arc::new(Series {
                cluster: ClusterId::from_bytes([cluster; 16]),
                facets,
            }),
            subject: Arc::new(ClusterSubject {
                account_id: "111122223333".to_owned(),
                service: "s3".to_owned(),
                action: "GetObject".to_owned(),
                code: "AccessDenied".to_owned(),
                class: Class::Denied,
                call: None,
            }),
        }
    }

    #[test]
    fn failures_of_one_caller_within_half_an_hour_are_related() {
        let occurrences = [
            occurrence(1, "ann", 100),
            occurrence(2, "ann", 71),
            occurrence(2, "ann", 130),
            occurrence(2, "ann", 131),
            occurrence(3, "ann", 69),
            occurrence(4, "ben", 100),
            occurrence(5, "ann", 100),
        ];
        let found = related(ClusterId::from_bytes([1; 16]), &occurrences);
        let found: Vec<_> = found
            .iter()
            .map(|of| (of.id.bytes()[0], of.count))
            .collect();
        assert_eq!(found, [(2, 2), (5, 1)]);
    }
}
