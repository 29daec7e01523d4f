//! An occurrence: one event of a cluster with all that the inspection and the search for incidents read of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use records::time::Timestamp;

use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::{EventId, Series, Sighting};

/// One event as the inspection and the search for incidents read it: time, id, facets, and the subject of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The event time of the call.
    pub at: Timestamp,
    /// The id of the event; occurrences of the same second are sorted by it.
    pub id: EventId,
    /// The cluster and the facets of the event.
    pub series: Arc<Series>,
    /// The account, call, error code and class of the event's cluster.
    pub subject: Arc<ClusterSubject>,
}

/// The subject (account, call, error code and class) of each cluster.
pub type Subjects = BTreeMap<ClusterId, Arc<ClusterSubject>>;

/// Converts events to occurrences, sorted by time and then by event id.
///
/// Events without a usable time and events of clusters that are not in `subjects` are left out.
pub fn occurrences<'e>(
    events: impl IntoIterator<Item = &'e (EventId, Sighting)>,
    subjects: &Subjects,
) -> Vec<Occurrence> {
    let occurrence = |(id, sighting): &(EventId, Sighting)| {
        Some(Occurrence {
            at: sighting.at()?,
            id: *id,
            series: Arc::clone(&sighting.series),
            subject: Arc::clone(subjects.get(&sighting.series.cluster)?),
        })
    };
    let mut occurrences: Vec<Occurrence> = events.into_iter().filter_map(occurrence).collect();
    occurrences.sort_unstable_by_key(|occurrence| (occurrence.at, occurrence.id));
    occurrences
}
