//! Stores many series in little memory: each series is stored once, and each facet value is stored once.
//!
//! All values are parts of one long string. Otherwise every value would be an allocation of its own. Many small
//! allocations that stay would fragment the memory that the reading of inputs uses and frees.

use std::cmp::Ordering;
use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::Series;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterId;

/// A table of distinct [`Series`], numbered from 0 in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct SeriesTable {
    table: Vec<PackedSeries>,
    series_index: HashIndex,
    /// All values, concatenated.
    text: String,
    /// The end of each value in `text`, in bytes.
    ends: Vec<u32>,
    value_index: HashIndex,
}

/// A cluster id, and for each facet the index of its value plus one; 0 means no value.
#[derive(Debug, Clone)]
struct PackedSeries {
    cluster: ClusterId,
    values: [u32; FacetKind::ALL.len()],
}

/// A reference to one series of a [`SeriesTable`]. References are ordered like [`Series`]: by cluster, then by facets.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRef<'a> {
    table: &'a SeriesTable,
    packed: &'a PackedSeries,
}

/// Finds the index of an item by the item's hash, with open addressing.
///
/// The hash function has a random key. An item whose hash is in use already gets the next free hash.
#[derive(Debug, Clone, Default)]
struct HashIndex {
    key: RandomState,
    by_hash: HashMap<u64, u32>,
}

impl HashIndex {
    /// Returns the index of an item, or the free hash under which a new item is to be inserted.
    fn find(&self, mut hash: u64, is_item: impl Fn(usize) -> bool) -> Result<u32, u64> {
        while let Some(index) = self.by_hash.get(&hash) {
            if is_item(*index as usize) {
                return Ok(*index);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }
}

impl SeriesTable {
    /// Adds a series if the table does not have it yet, and returns its index in the table.
    pub fn add(&mut self, series: &Series) -> u32 {
        let hash = self.series_index.key.hash_one(series);
        match self
            .series_index
            .find(hash, |index| self.get(index as u32) == *series)
        {
            Ok(index) => index,
            Err(hash) => {
                let before = self
                    .table
                    .last()
                    .map_or([0; FacetKind::ALL.len()], |last| last.values);
                let values = FacetKind::ALL.map(|kind| {
                    let value = series.facets.get(kind);
                    // Most values equal those of the series before, and a comparison is cheaper than a hash.
                    let number = before[kind as usize];
                    let same = self.optional_value(number) == value;
                    if same { number } else { self.add_value(value) }
                });
                let index = self.table.len() as u32;
                self.table.push(PackedSeries {
                    cluster: series.cluster,
                    values,
                });
                self.series_index.by_hash.insert(hash, index);
                index
            }
        }
    }

    /// Returns the series at an index that [`SeriesTable::add`] returned; panics at any other index.
    pub fn get(&self, index: u32) -> SeriesRef<'_> {
        SeriesRef {
            table: self,
            packed: &self.table[index as usize],
        }
    }

    fn add_value(&mut self, value: Option<&str>) -> u32 {
        let Some(value) = value else { return 0 };
        let hash = self.value_index.key.hash_one(value);
        let found = self
            .value_index
            .find(hash, |index| self.value(index) == value);
        let index = match found {
            Ok(index) => index,
            Err(hash) => {
                let index = self.ends.len() as u32;
                self.text.push_str(value);
                self.ends.push(self.text.len() as u32);
                self.value_index.by_hash.insert(hash, index);
                index
            }
        };
        index + 1
    }

    /// Returns the value at an index plus one; `None` for 0.
    fn optional_value(&self, number: u32) -> Option<&str> {
        Some(self.value(number.checked_sub(1)? as usize))
    }

    fn value(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[index] as usize]
    }
}

impl<'a> SeriesRef<'a> {
    /// Returns the cluster that the events of the series belong to.
    pub fn cluster(self) -> ClusterId {
        self.packed.cluster
    }

    /// Returns the value of a facet; `None` if the series has no value of this kind.
    pub fn get(self, kind: FacetKind) -> Option<&'a str> {
        self.table.optional_value(self.packed.values[kind as usize])
    }

    /// Returns each facet that has a value, with the value, in the order of [`FacetKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = (FacetKind, &'a str)> {
        let value = move |kind| Some((kind, self.get(kind)?));
        FacetKind::ALL.into_iter().filter_map(value)
    }

    /// Copies all facets of the series.
    pub fn facets(self) -> Facets {
        let mut facets = Facets::default();
        for (kind, value) in self.iter() {
            facets.set_sanitized(kind, value);
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
    fn a_series_has_one_index_and_is_read_back_unchanged() {
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
            for (index, series) in (0..).zip(&all) {
                assert_eq!(table.add(series), index);
                assert_eq!(table.get(index).cluster(), series.cluster);
                assert_eq!(table.get(index).facets(), series.facets);
            }
        }
        for (one, index) in all.iter().zip(0..) {
            for (other, other_index) in all.iter().zip(0..) {
                let order = table.get(index).cmp(&table.get(other_index));
                assert_eq!(order, one.cmp(other));
            }
        }
        assert_eq!(table.ends.len(), 3, "a, eu-central-1 and no");
    }
}
