//! The table read whole: the union of all segments, with what the cluster items say of the clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clusters::ClusterFacts;
use clusters::fingerprint::ClusterId;
use clusters::guard::is_overflow;
use clusters::sample::Samples;
use clusters::segment::Segment;
use clusters::sightings::Sightings;
use records::time::{Timestamp, Window};
use service::ports::StoreError;

use crate::dynamodb::calls::together;
use crate::dynamodb::item::{self, ClusterItem};
use crate::dynamodb::table::{Item, Table};

/// What a table holds.
#[derive(Debug, Default)]
pub struct Content {
    pub facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
    pub sightings: Sightings,
    pub samples: BTreeMap<ClusterId, Samples>,
}

/// Reads a table. DynamoDB may take days to remove what has expired, so that is left out here.
pub async fn content(table: &impl Table, now: Timestamp) -> Result<Content, StoreError> {
    let mut content = Content::default();
    let mut segments = Vec::new();
    let mut damaged = None;
    let mut visit = |item: Item| {
        let expires = item.number_of("ttl");
        if expires.is_some_and(|at| at <= now.seconds()) {
            return;
        }
        if let Some((cluster, cluster_item)) = ClusterItem::read(&item) {
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
    add(&mut content.sightings, &segments, &overflow);
    Ok(content)
}

/// Adds the events of segments. One that went to an overflow cluster stays there, though it came
/// again when its own had been admitted.
pub fn add(sightings: &mut Sightings, segments: &[Segment], overflow: &BTreeSet<ClusterId>) {
    let all = || segments.iter().flat_map(Segment::sightings);
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
                    .is_some_and(|known| is_overflow(&known))
        })
        .collect();
    sightings.add(others);
}

/// Reads the segments of an hour, each of which may be damaged.
pub async fn hour(
    table: &impl Table,
    window: Option<Window>,
) -> Result<Vec<Result<Segment, StoreError>>, StoreError> {
    let partitions = item::segment_partitions(window);
    let reads = partitions.map(|pk| async move { table.query(&pk, "").await });
    let mut segments = Vec::new();
    for items in together(reads).await {
        segments.extend(items?.iter().map(segment));
    }
    Ok(segments)
}

/// Reads the segment in an item.
fn segment(item: &Item) -> Result<Segment, StoreError> {
    let damaged = |detail: &dyn std::fmt::Display| StoreError::Damaged {
        detail: format!("item {} {}: {detail}", item.key.pk, item.key.sk),
    };
    let hour = item::segment_hour(&item.key.pk).ok_or_else(|| damaged(&"no hour in its key"))?;
    let content = item
        .bytes_of("mf")
        .ok_or_else(|| damaged(&"no manifest in it"))?;
    Segment::decode(hour.window(), content).map_err(|error| damaged(&error))
}
