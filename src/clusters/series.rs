//! Many series in little memory: each is kept once, and a value that many of them share is kept once.
//!
//! They lie in a few long rows of bytes instead of in as many pieces as there are values, which
//! would scatter over the memory that reading an input needs and gives back.

use std::cmp::Ordering;
use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::Series;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterId;

/// Series, each with a place of its own.
#[derive(Debug, Clone, Default)]
pub struct SeriesTable {
    table: Vec<PackedSeries>,
    places: Places,
    /// All values, one after the other, and where each ends.
    text: String,
    ends: Vec<u32>,
    values: Places,
}

/// A series by the places of its values, one more than each; 0 is none.
#[derive(Debug, Clone)]
struct PackedSeries {
    cluster: ClusterId,
    values: [u32; FacetKind::ALL.len()],
}

/// A series as it lies among others.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRef<'a> {
    table: &'a SeriesTable,
    packed: &'a PackedSeries,
}

/// Where things are, by a hash that is keyed at random. One whose hash is taken has the next.
#[derive(Debug, Clone, Default)]
struct Places {
    key: RandomState,
    by_hash: HashMap<u64, u32>,
}

impl Places {
    /// Returns the place of a thing, or the hash to put it under.
    fn find(&self, mut hash: u64, is: impl Fn(usize) -> bool) -> Result<u32, u64> {
        while let Some(place) = self.by_hash.get(&hash) {
            if is(*place as usize) {
                return Ok(*place);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }
}

impl SeriesTable {
    /// Adds a series, unless it is there, and returns its place.
    pub fn add(&mut self, series: &Series) -> u32 {
        let hash = self.places.key.hash_one(series);
        match self
            .places
            .find(hash, |place| self.get(place as u32) == *series)
        {
            Ok(place) => place,
            Err(hash) => {
                let before = self
                    .table
                    .last()
                    .map_or([0; FacetKind::ALL.len()], |last| last.values);
                let values = FacetKind::ALL.map(|kind| {
                    let value = series.facets.get(kind);
                    // Most are what they were in the series before.
                    let place = before[kind as usize];
                    let same = self.shown(place) == value;
                    if same { place } else { self.add_value(value) }
                });
                let place = self.table.len() as u32;
                self.table.push(PackedSeries {
                    cluster: series.cluster,
                    values,
                });
                self.places.by_hash.insert(hash, place);
                place
            }
        }
    }

    /// Returns the series at a place.
    pub fn get(&self, place: u32) -> SeriesRef<'_> {
        SeriesRef {
            table: self,
            packed: &self.table[place as usize],
        }
    }

    fn add_value(&mut self, value: Option<&str>) -> u32 {
        let Some(value) = value else { return 0 };
        let hash = self.values.key.hash_one(value);
        let place = match self.values.find(hash, |place| self.value(place) == value) {
            Ok(place) => place,
            Err(hash) => {
                let place = self.ends.len() as u32;
                self.text.push_str(value);
                self.ends.push(self.text.len() as u32);
                self.values.by_hash.insert(hash, place);
                place
            }
        };
        place + 1
    }

    fn shown(&self, place: u32) -> Option<&str> {
        Some(self.value(place.checked_sub(1)? as usize))
    }

    fn value(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[place] as usize]
    }
}

impl<'a> SeriesRef<'a> {
    /// Returns the cluster.
    pub fn cluster(self) -> ClusterId {
        self.packed.cluster
    }

    /// Returns the value of a facet.
    pub fn get(self, kind: FacetKind) -> Option<&'a str> {
        self.table.shown(self.packed.values[kind as usize])
    }

    /// Returns the facets that have a value, with it.
    pub fn iter(self) -> impl Iterator<Item = (FacetKind, &'a str)> {
        let value = move |kind| Some((kind, self.get(kind)?));
        FacetKind::ALL.into_iter().filter_map(value)
    }

    /// Returns the facets on their own.
    pub fn facets(self) -> Facets {
        let mut facets = Facets::default();
        for (kind, value) in self.iter() {
            facets.set(kind, Some(value));
        }
        facets
    }
}

impl Ord for SeriesRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let same = std::ptr::eq(self.table, other.table);
        let same = |kind| same && self.packed.values[kind] == other.packed.values[kind];
        let kinds = FacetKind::ALL.into_iter();
        let value = |kind| (!same(kind as usize)).then(|| self.get(kind).cmp(&other.get(kind)));
        let values = || kinds.filter_map(value).find(|order| order.is_ne());
        let clusters = self.cluster().cmp(&other.cluster());
        clusters.then_with(|| values().unwrap_or(Ordering::Equal))
    }
}

impl PartialOrd for SeriesRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for SeriesRef<'_> {}

impl PartialEq for SeriesRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl PartialEq<Series> for SeriesRef<'_> {
    fn eq(&self, other: &Series) -> bool {
        let same = |kind| self.get(kind) == other.facets.get(kind);
        self.cluster() == other.cluster && FacetKind::ALL.into_iter().all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_one_place_and_comes_back_as_it_was() {
        let series = |cluster: u8, values: &[(FacetKind, &str)]| {
            let mut facets = Facets::default();
            for (kind, value) in values {
                facets.set(*kind, Some(value));
            }
            Series {
                cluster: ClusterId::from_bytes([cluster; 16]),
                facets,
            }
        };
        let all = [
            series(1, &[]),
            series(
                1,
                &[
                    (FacetKind::Region, "eu-central-1"),
                    (FacetKind::Session, "a"),
                ],
            ),
            series(
                1,
                &[
                    (FacetKind::Region, "a"),
                    (FacetKind::Session, "eu-central-1"),
                ],
            ),
            series(2, &[(FacetKind::Session, "a"), (FacetKind::Mfa, "no")]),
        ];
        let mut table = SeriesTable::default();
        for _ in 0..2 {
            for (place, series) in (0..).zip(&all) {
                assert_eq!(table.add(series), place);
                assert_eq!(table.get(place).cluster(), series.cluster);
                assert_eq!(table.get(place).facets(), series.facets);
            }
        }
        for (one, place) in all.iter().zip(0..) {
            for (other, other_place) in all.iter().zip(0..) {
                let order = table.get(place).cmp(&table.get(other_place));
                assert_eq!(order, one.cmp(other));
            }
        }
        assert_eq!(table.ends.len(), 3, "a, eu-central-1 and no");
    }
}
