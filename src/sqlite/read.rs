//! Rows read back into what they mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, Row as SqlRow, params};

use crate::cluster::class::Class;
use crate::cluster::facet::{Facets, Kind};
use crate::cluster::fingerprint::{ClusterId, Identity};
use crate::cluster::timeline::Timeline;
use crate::cluster::{Census, EventId, Facts, Row, Sample, Samples, Sighting, Span};
use crate::ports::StoreError;
use crate::sqlite::{damaged, unavailable};
use crate::trail::time::EventTime;

/// Sums the events up, by cluster and scene.
pub fn census(connection: &Connection, since: Option<EventTime>) -> Result<Census, StoreError> {
    let clusters = clusters(connection)?;
    let scenes = scenes(connection)?;
    let mut select = connection
        .prepare(
            "SELECT cluster, scene, count(*), min(at), max(at) FROM event
             WHERE ?1 IS NULL OR at >= ?1 GROUP BY cluster, scene",
        )
        .map_err(unavailable)?;
    let mut found = select
        .query(params![since.map(EventTime::seconds)])
        .map_err(unavailable)?;
    let mut census = Census::default();
    while let Some(row) = found.next().map_err(unavailable)? {
        let cluster: i64 = row.get(0).map_err(unavailable)?;
        let scene: i64 = row.get(1).map_err(unavailable)?;
        let (id, _) = clusters
            .get(&cluster)
            .ok_or_else(|| damaged("an event has no cluster"))?;
        let facets = scenes
            .get(&scene)
            .ok_or_else(|| damaged("an event has no scene"))?;
        census.rows.push(Row {
            cluster: *id,
            facets: Arc::clone(facets),
            span: span(row).map_err(unavailable)?,
        });
    }
    for (row, (id, facts)) in clusters {
        let samples = samples_of(connection, row)?;
        if samples != Samples::default() {
            census.samples.insert(id, samples);
        }
        census.facts.insert(id, facts);
    }
    census
        .rows
        .sort_by(|one, other| (one.cluster, &one.facets).cmp(&(other.cluster, &other.facets)));
    Ok(census)
}

/// Counts the events by cluster and hour.
pub fn timeline(connection: &Connection) -> Result<Timeline, StoreError> {
    let mut select = connection
        .prepare(
            "SELECT cluster_id, min(at), count(*) FROM event
             JOIN cluster ON cluster.id = event.cluster GROUP BY event.cluster, at / 3600",
        )
        .map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut timeline = Timeline::default();
    while let Some(row) = found.next().map_err(unavailable)? {
        let id: String = row.get(0).map_err(unavailable)?;
        let id = ClusterId::parse(&id).ok_or_else(|| damaged("a cluster id is no id"))?;
        let count: i64 = row.get(2).map_err(unavailable)?;
        let at = time(row, 1).map_err(unavailable)?;
        timeline.add(id, at, count.unsigned_abs());
    }
    Ok(timeline)
}

/// Reads one event back.
pub fn sighting(connection: &Connection, id: EventId) -> Result<Sighting, StoreError> {
    let columns = Kind::ALL.map(Kind::name).join(", ");
    let select = format!(
        "SELECT {columns}, cluster_id, class = 'watch' AS watched, at FROM event
         JOIN cluster ON cluster.id = event.cluster JOIN scene ON scene.id = event.scene
         WHERE event_id = ?1"
    );
    let (cluster, watched, at, facets): (String, bool, Option<i64>, Facets) = connection
        .query_row(&select, [id.bytes()], |row| {
            Ok((
                row.get("cluster_id")?,
                row.get("watched")?,
                row.get("at")?,
                facets(row)?,
            ))
        })
        .map_err(unavailable)?;
    Ok(Sighting {
        watched,
        cluster: ClusterId::parse(&cluster).ok_or_else(|| damaged("a cluster id is no id"))?,
        at: at.and_then(EventTime::from_seconds),
        facets: Arc::new(facets),
    })
}

/// Reads the samples of a cluster.
pub fn samples_of(connection: &Connection, cluster: i64) -> Result<Samples, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT event_id, at, json FROM sample WHERE cluster = ?1")
        .map_err(unavailable)?;
    let found = select
        .query_map([cluster], |row| {
            Ok(Sample {
                id: EventId::from_bytes(row.get(0)?),
                at: time(row, 1)?,
                json: row.get(2)?,
            })
        })
        .map_err(unavailable)?;
    let mut samples = Samples::default();
    for sample in found {
        samples.insert(sample.map_err(unavailable)?);
    }
    Ok(samples)
}

/// Reads what is known of a cluster, with its row.
pub fn facts_of(
    connection: &Connection,
    cluster: ClusterId,
) -> Result<Option<(i64, Facts)>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT * FROM cluster WHERE cluster_id = ?1")
        .map_err(unavailable)?;
    let mut found = select.query([cluster.to_string()]).map_err(unavailable)?;
    match found.next().map_err(unavailable)? {
        None => Ok(None),
        Some(row) => Ok(Some((row.get("id").map_err(unavailable)?, facts(row)?))),
    }
}

fn clusters(connection: &Connection) -> Result<BTreeMap<i64, (ClusterId, Facts)>, StoreError> {
    let mut select = connection
        .prepare("SELECT * FROM cluster")
        .map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut clusters = BTreeMap::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let id: String = row.get("cluster_id").map_err(unavailable)?;
        let id = ClusterId::parse(&id).ok_or_else(|| damaged("a cluster id is no id"))?;
        clusters.insert(row.get("id").map_err(unavailable)?, (id, facts(row)?));
    }
    Ok(clusters)
}

fn facts(row: &SqlRow<'_>) -> Result<Facts, StoreError> {
    let class: String = row.get("class").map_err(unavailable)?;
    let class = Class::from_name(&class).ok_or_else(|| damaged("a class is no class"))?;
    let read = || {
        let identity = Identity {
            partition: row.get("partition")?,
            account_id: row.get("account_id")?,
            service: row.get("service")?,
            action: row.get("action")?,
            class,
            code: row.get("code")?,
            cause: row.get("cause")?,
            template: row.get("identity_template")?,
            addition: row.get("addition")?,
        };
        Ok(Facts {
            identity,
            template: row.get("template")?,
        })
    };
    read().map_err(unavailable)
}

fn scenes(connection: &Connection) -> Result<HashMap<i64, Arc<Facets>>, StoreError> {
    let mut select = connection
        .prepare("SELECT * FROM scene")
        .map_err(unavailable)?;
    let found = select
        .query_map([], |row| Ok((row.get("id")?, Arc::new(facets(row)?))))
        .map_err(unavailable)?;
    found.collect::<Result<_, _>>().map_err(unavailable)
}

fn facets(row: &SqlRow<'_>) -> rusqlite::Result<Facets> {
    let mut facets = Facets::default();
    for kind in Kind::ALL {
        let value: Option<String> = row.get(kind.name())?;
        facets.set(kind, value.as_deref());
    }
    Ok(facets)
}

fn span(row: &SqlRow<'_>) -> rusqlite::Result<Span> {
    let count: i64 = row.get(2)?;
    Ok(Span {
        count: count.unsigned_abs(),
        first_seen: time(row, 3)?,
        last_seen: time(row, 4)?,
    })
}

fn time(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<EventTime>> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.and_then(EventTime::from_seconds))
}
