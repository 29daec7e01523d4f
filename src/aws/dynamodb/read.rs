//! Reads a whole table or single hours: the union of the events of all segments, and the cluster items.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::fingerprint::{ClusterId, VERSION};
use clusters::guard::is_overflow;
use clusters::sample::Samples;
use clusters::segment::Segment;
use clusters::sightings::Sightings;
use clusters::{ClusterFacts, EventId, Sighting};
use records::time::{Timestamp, Window};
use service::ports::StoreError;

use crate::dynamodb::calls::concurrently;
use crate::dynamodb::item::{self, ClusterItem};
use crate::dynamodb::table::{Item, Table};

/// All clusters, events and samples of a table, without expired items.
#[derive(Debug, Default)]
pub struct Content {
    pub facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
    pub sightings: Sightings,
    pub samples: BTreeMap<ClusterId, Samples>,
}

/// Reads a whole table and returns its clusters, events and samples. Fails if a segment is damaged.
///
/// Items that have expired at `now` are skipped, because DynamoDB may need days to delete them.
pub async fn content(table: &impl Table, now: Timestamp) -> Result<Content, StoreError> {
    let mut content = Content::default();
    let mut segments = Vec::new();
    let mut outdated = BTreeSet::new();
    let mut damaged = None;
    let mut visit = |item: Item| {
        let expires = item.number_of("ttl");
        if expires.is_some_and(|at| at <= now.seconds()) {
            return;
        }
        if let Some((cluster, cluster_item)) = ClusterItem::read(&item) {
            if cluster_item.identity != VERSION {
                outdated.insert(cluster);
            }
            content.facts.insert(cluster, Arc::new(cluster_item.facts));
            if let Some(sample) = cluster_item.sample {
                content.samples.entry(cluster).or_default().insert(sample);
            }
        } else if item.key.pk.starts_with("M#") {
            match segment(&item) {
                Ok(segment) => segments.push(segment),
                Err(error) => damaged = Some(error),
            }
        }
    };
    table.scan(&mut visit).await?;
    if let Some(damaged) = damaged {
        return Err(damaged);
    }
    let overflow = content.facts.iter();
    let overflow = overflow.filter(|(_, facts)| is_overflow(&facts.identity));
    let overflow = overflow.map(|(cluster, _)| *cluster).collect();
    let is_outdated = |seen: &Sighting| outdated.contains(&seen.series.cluster);
    let sightings = &mut content.sightings;
    let all = || segments.iter().flat_map(Segment::sightings);
    let present = || all().filter(|(_, seen)| !is_outdated(seen));
    add_events(sightings, present, &overflow);
    if !outdated.is_empty() {
        // An event that was read again since the version of the identity changed counts under its present id.
        let rest = all().filter(|(_, seen)| is_outdated(seen));
        let rest: Vec<_> = rest
            .filter(|(id, _)| sightings.cluster(*id).is_none())
            .collect();
        add_events(sightings, || rest.iter().copied(), &overflow);
    }
    Ok(content)
}

/// Adds the events of `segments` to `sightings`. `overflow` has the ids of the overflow clusters in these segments.
///
/// An event may be in two segments: once in an overflow cluster, and once in its own cluster, which was admitted
/// later. Such an event counts only for the overflow cluster.
pub fn add(sightings: &mut Sightings, segments: &[Segment], overflow: &BTreeSet<ClusterId>) {
    let all = || segments.iter().flat_map(Segment::sightings);
    add_events(sightings, all, overflow);
}

/// Adds events as [`add`] does. Each call of `all` returns all of them.
fn add_events<'s, I: Iterator<Item = (EventId, &'s Sighting)>>(
    sightings: &mut Sightings,
    all: impl Fn() -> I,
    overflow: &BTreeSet<ClusterId>,
) {
    if overflow.is_empty() {
        sightings.add(all());
        return;
    }
    let is_overflow = |cluster: &ClusterId| overflow.contains(cluster);
    sightings.add(all().filter(|(_, seen)| is_overflow(&seen.series.cluster)));
    let others: Vec<_> = all()
        .filter(|(id, seen)| {
            !is_overflow(&seen.series.cluster)
                && !sightings
                    .cluster(*id)
                    .is_some_and(|cluster| is_overflow(&cluster))
        })
        .collect();
    sightings.add(others);
}

/// Reads the segments of one hour of event time; with `None`, the segments of events without a time.
///
/// A damaged segment is an `Err` in the returned list. The call itself fails only if the table cannot be read.
pub async fn hour(
    table: &impl Table,
    window: Option<Window>,
) -> Result<Vec<Result<Segment, StoreError>>, StoreError> {
    let partitions = item::segment_partitions(window);
    let reads = partitions.map(|pk| async move { table.query(&pk, "").await });
    let mut segments = Vec::new();
    for items in concurrently(reads).await {
        segments.extend(items?.iter().map(segment));
    }
    Ok(segments)
}

/// Decodes the segment in an item.
pub fn segment(item: &Item) -> Result<Segment, StoreError> {
    let damaged = |detail: &dyn std::fmt::Display| StoreError::Damaged {
        detail: format!("item {} {}: {detail}", item.key.pk, item.key.sk),
    };
    let hour = item::segment_hour(&item.key.pk).ok_or_else(|| damaged(&"the key has no hour"))?;
    let content = item
        .bytes_of("mf")
        .ok_or_else(|| damaged(&"the attribute mf, which holds the segment, is missing"))?;
    Segment::decode(hour.window(), content).map_err(|error| damaged(&error))
}
