//! Sightings joined: the set of all events that a store has seen, in little memory.
//!
//! One event is one sighting, whatever came how often and in which order: of two sightings of one
//! event the lesser stands.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;

use crate::fingerprint::ClusterId;
use crate::series::SeriesTable;
use crate::timeline::Timeline;
use crate::{EventId, Series, SeriesRow, Sighting, Span, Stamp};

/// Events, and what was seen of each.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    seen: HashMap<EventId, StoredSighting>,
    cases: Arc<SeriesTable>,
}

/// A sighting, with the place of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredSighting {
    case: u32,
    stamp: Stamp,
    watched: bool,
}

impl Sightings {
    /// Adds sightings, and returns how many of their events were not there before.
    pub fn add<'s>(&mut self, sightings: impl IntoIterator<Item = (EventId, &'s Sighting)>) -> u64 {
        // Many events of a batch share a case, and to know where one is takes less than to look at
        // what is in it.
        let mut places: HashMap<*const Series, u32> = HashMap::new();
        let mut fresh = 0;
        for (id, sighting) in sightings {
            let place = places.entry(Arc::as_ptr(&sighting.case));
            let case = *place.or_insert_with(|| self.place(&sighting.case));
            fresh += u64::from(self.insert(id, sighting, case));
        }
        fresh
    }

    /// Returns the cluster that an event is in.
    pub fn cluster(&self, event: EventId) -> Option<ClusterId> {
        let seen = self.seen.get(&event)?;
        Some(self.cases.get(seen.case).cluster())
    }

    /// Returns all events, in no order.
    pub fn events(&self) -> Vec<(EventId, Sighting)> {
        let mut cases: HashMap<u32, Arc<Series>> = HashMap::new();
        let event = |(id, seen): (&EventId, &StoredSighting)| {
            let case = cases.entry(seen.case).or_insert_with(|| {
                let case = self.cases.get(seen.case);
                let (cluster, facets) = (case.cluster(), case.facets());
                Arc::new(Series { cluster, facets })
            });
            let case = Arc::clone(case);
            let (stamp, watched) = (seen.stamp, seen.watched);
            (
                *id,
                Sighting {
                    case,
                    stamp,
                    watched,
                },
            )
        };
        self.seen.iter().map(event).collect()
    }

    /// Returns all cases, and the rows of the events since a moment, or of all.
    pub fn rows(&self, since: Option<Timestamp>) -> (Arc<SeriesTable>, Vec<SeriesRow>) {
        let mut spans: HashMap<u32, Span> = HashMap::new();
        for seen in self.seen.values() {
            let at = seen.stamp.time();
            if since.is_none() || at >= since {
                spans.entry(seen.case).or_default().add(Span::at(at));
            }
        }
        (Arc::clone(&self.cases), spans.into_iter().collect())
    }

    /// Counts all events by cluster and hour.
    pub fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        for seen in self.seen.values() {
            let cluster = self.cases.get(seen.case).cluster();
            timeline.add(cluster, seen.stamp.time(), 1);
        }
        timeline
    }

    fn place(&mut self, case: &Series) -> u32 {
        Arc::make_mut(&mut self.cases).add(case)
    }

    /// Adds a sighting of a case at a place; `false` says that the event was there already.
    fn insert(&mut self, id: EventId, sighting: &Sighting, case: u32) -> bool {
        let cases = &self.cases;
        let seen = StoredSighting {
            case,
            stamp: sighting.stamp,
            watched: sighting.watched,
        };
        match self.seen.entry(id) {
            Entry::Vacant(unseen) => {
                unseen.insert(seen);
                true
            }
            Entry::Occupied(mut known) => {
                // In the order of sightings.
                let key = |seen: &StoredSighting| {
                    let case = cases.get(seen.case);
                    (seen.watched, case.cluster(), seen.stamp, case)
                };
                if seen != *known.get() && key(&seen) < key(known.get()) {
                    known.insert(seen);
                }
                false
            }
        }
    }
}
