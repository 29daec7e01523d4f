//! The set of all events that a store has seen, in little memory.
//!
//! Each event has exactly one sighting, however often and in whichever order its records came. Of two different
//! sightings of one event the lesser stays.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;

use crate::fingerprint::ClusterId;
use crate::series::SeriesTable;
use crate::timeline::Timeline;
use crate::{EventId, Series, SeriesRow, Sighting, Span, Stamp};

/// A map from event ids to sightings, with the series of all events in one [`SeriesTable`] to save memory.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    seen: HashMap<EventId, StoredSighting>,
    series_table: Arc<SeriesTable>,
}

/// A sighting with the index of its series in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredSighting {
    series: u32,
    stamp: Stamp,
    watched: bool,
}

impl Sightings {
    /// Adds sightings, and returns the number of events that were not in the map before.
    pub fn add<'s>(&mut self, sightings: impl IntoIterator<Item = (EventId, &'s Sighting)>) -> u64 {
        // Many events of a batch share one series. Comparing addresses is cheaper than hashing contents.
        let mut indices: HashMap<*const Series, u32> = HashMap::new();
        let mut fresh = 0;
        for (id, sighting) in sightings {
            let index = indices.entry(Arc::as_ptr(&sighting.series));
            let series = *index.or_insert_with(|| self.add_series(&sighting.series));
            fresh += u64::from(self.insert(id, sighting, series));
        }
        fresh
    }

    /// Returns the cluster that an event belongs to; `None` if the event is not present.
    pub fn cluster(&self, event: EventId) -> Option<ClusterId> {
        let seen = self.seen.get(&event)?;
        Some(self.series_table.get(seen.series).cluster())
    }

    /// Returns all events with their sightings, in no particular order.
    pub fn events(&self) -> Vec<(EventId, Sighting)> {
        let mut series_table: HashMap<u32, Arc<Series>> = HashMap::new();
        let event = |(id, seen): (&EventId, &StoredSighting)| {
            let series = series_table.entry(seen.series).or_insert_with(|| {
                let series = self.series_table.get(seen.series);
                let (cluster, facets) = (series.cluster(), series.facets());
                Arc::new(Series { cluster, facets })
            });
            let series = Arc::clone(series);
            let (stamp, watched) = (seen.stamp, seen.watched);
            (
                *id,
                Sighting {
                    series,
                    stamp,
                    watched,
                },
            )
        };
        self.seen.iter().map(event).collect()
    }

    /// Returns the table of all series, and a row with the span of each series that has events, in no particular order.
    ///
    /// With `since`, only events at or after this time are counted, so events without a usable time are left out.
    pub fn rows(&self, since: Option<Timestamp>) -> (Arc<SeriesTable>, Vec<SeriesRow>) {
        let mut spans: HashMap<u32, Span> = HashMap::new();
        for seen in self.seen.values() {
            let at = seen.stamp.time();
            if since.is_none() || at >= since {
                spans.entry(seen.series).or_default().add(Span::at(at));
            }
        }
        (Arc::clone(&self.series_table), spans.into_iter().collect())
    }

    /// Counts all events by cluster and hour of event time.
    pub fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        for seen in self.seen.values() {
            let cluster = self.series_table.get(seen.series).cluster();
            timeline.add(cluster, seen.stamp.time(), 1);
        }
        timeline
    }

    fn add_series(&mut self, series: &Series) -> u32 {
        Arc::make_mut(&mut self.series_table).add(series)
    }

    /// Adds a sighting; `series` is the index of its series. Returns `false` if the event was already present.
    fn insert(&mut self, id: EventId, sighting: &Sighting, series: u32) -> bool {
        let series_table = &self.series_table;
        let seen = StoredSighting {
            series,
            stamp: sighting.stamp,
            watched: sighting.watched,
        };
        match self.seen.entry(id) {
            Entry::Vacant(unseen) => {
                unseen.insert(seen);
                true
            }
            Entry::Occupied(mut stored) => {
                // This is the order of `Sighting`.
                let key = |seen: &StoredSighting| {
                    let series = series_table.get(seen.series);
                    (seen.watched, series.cluster(), seen.stamp, series)
                };
                if seen != *stored.get() && key(&seen) < key(stored.get()) {
                    stored.insert(seen);
                }
                false
            }
        }
    }
}
