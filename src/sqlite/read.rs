//! Reads rows of the file and converts them to clusters, events and samples.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterId, ClusterSubject, Identity};
use clusters::sample::{Sample, Samples};
use clusters::series::SeriesTable;
use clusters::timeline::Timeline;
use clusters::{ClusterFacts, ClusterSnapshot, EventId, Series, Sighting, Span};
use foldhash::{HashMap, HashMapExt as _};
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use rusqlite::{Connection, Row as SqlRow, params};
use service::ports::{LedgerCalls, StoreError};

use crate::{damaged, unavailable};

/// Maximum length of an account ID or a partition in characters; both are much shorter.
const ACCOUNT_CHARS_MAX: usize = 64;

/// The columns of the table `cluster` that hold the identity and the template of a cluster, as an SQL list. Reading and
/// writing use this order.
pub const FACTS: &str = "partition, account_id, service, action, class, code, cause, \
                         identity_template, addition, template";

/// Returns the clusters of the file without samples. They count the events at `since` or later, by facet set; all
/// events if `since` is `None`.
pub fn sums(
    connection: &Connection,
    since: Option<Timestamp>,
) -> Result<ClusterSnapshot, StoreError> {
    sums_between(connection, since, None)
}

/// Returns the clusters of the file without samples. They count the events from `since` to before `until`, by facet
/// set.
///
/// `None` means no limit on that side. With a limit, events without a time are left out.
pub fn sums_between(
    connection: &Connection,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<ClusterSnapshot, StoreError> {
    let clusters = clusters(connection)?;
    let facet_sets = facet_sets(connection)?;
    let mut select = connection
        .prepare(
            "SELECT cluster, scene, count(*), min(at), max(at) FROM event
             WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2) GROUP BY cluster, scene",
        )
        .map_err(unavailable)?;
    let mut found = select
        .query(params![
            since.map(Timestamp::seconds),
            until.map(Timestamp::seconds)
        ])
        .map_err(unavailable)?;
    let (mut series_table, mut rows) = (SeriesTable::default(), Vec::new());
    while let Some(row) = found.next().map_err(unavailable)? {
        let cluster: i64 = row.get(0).map_err(unavailable)?;
        let facet_set: i64 = row.get(1).map_err(unavailable)?;
        let (id, _) = clusters
            .get(&cluster)
            .ok_or_else(|| damaged("an event refers to a missing cluster"))?;
        let facets = facet_sets
            .get(&facet_set)
            .ok_or_else(|| damaged("an event refers to a missing scene"))?;
        let series = series_table.add(&Series {
            cluster: *id,
            facets: facets.clone(),
        });
        rows.push((series, span(row).map_err(unavailable)?));
    }
    let facts = clusters.into_values().collect();
    Ok(ClusterSnapshot::of(facts, Arc::new(series_table), rows))
}

/// Returns the samples (redacted example records) of each cluster that has any, by cluster id.
pub fn samples(connection: &Connection) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
    samples_with(connection, &clusters(connection)?)
}

/// Returns the clusters of the file, with samples if `with_samples` is true, and all events, in no particular order. The
/// snapshot counts all of them.
pub fn whole(
    connection: &Connection,
    with_samples: bool,
) -> Result<(ClusterSnapshot, Vec<(EventId, Sighting)>), StoreError> {
    let clusters = clusters(connection)?;
    let events = events_with(connection, &clusters, Times::All)?;
    let samples = match with_samples {
        true => samples_with(connection, &clusters)?,
        false => BTreeMap::new(),
    };
    let facts = clusters.into_values().collect();
    let sightings = events.iter().map(|(_, sighting)| sighting);
    let mut snapshot = ClusterSnapshot::of_events(facts, sightings);
    snapshot.samples = samples;
    Ok((snapshot, events))
}

fn samples_with(
    connection: &Connection,
    clusters: &Clusters,
) -> Result<BTreeMap<ClusterId, Samples>, StoreError> {
    let mut select = connection
        .prepare("SELECT event_id, at, json, cluster FROM sample ORDER BY cluster")
        .map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut samples: BTreeMap<ClusterId, Samples> = BTreeMap::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let cluster: i64 = row.get(3).map_err(unavailable)?;
        let (id, _) = clusters
            .get(&cluster)
            .ok_or_else(|| damaged("a sample refers to a missing cluster"))?;
        let sample = sample(row).map_err(unavailable)?;
        samples.entry(*id).or_default().insert(sample);
    }
    Ok(samples)
}

/// Reads a sample from the first three columns.
fn sample(row: &SqlRow<'_>) -> rusqlite::Result<Sample> {
    Ok(Sample {
        id: EventId::from_bytes(row.get(0)?),
        at: time(row, 1)?,
        json: row.get(2)?,
    })
}

/// Returns the number of events of each cluster in each hour of event time.
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
        let id = ClusterId::parse(&id).ok_or_else(|| damaged("a cluster id is malformed"))?;
        let count: i64 = row.get(2).map_err(unavailable)?;
        let at = time(row, 1).map_err(unavailable)?;
        timeline.add(id, at, count.unsigned_abs());
    }
    Ok(timeline)
}

/// A selection of the stored events by event time.
#[derive(Debug, Clone, Copy)]
pub enum Times {
    /// All events.
    All,
    /// The events from the first moment to before the second one.
    Between(Timestamp, Timestamp),
    /// The events without a time.
    None,
}

/// Returns the stored events that `times` selects, each with its id, in no particular order.
pub fn events(
    connection: &Connection,
    times: Times,
) -> Result<Vec<(EventId, Sighting)>, StoreError> {
    events_with(connection, &clusters(connection)?, times)
}

fn events_with(
    connection: &Connection,
    clusters: &Clusters,
    times: Times,
) -> Result<Vec<(EventId, Sighting)>, StoreError> {
    let facet_sets = facet_sets(connection)?;
    let mut select = connection
        .prepare(
            "SELECT event_id, cluster, scene, at FROM event
             WHERE (?1 IS NULL OR (at >= ?1 AND at < ?2)) AND (at IS NULL OR NOT ?3)",
        )
        .map_err(unavailable)?;
    let (from, until) = match times {
        Times::Between(from, until) => (Some(from.seconds()), Some(until.seconds())),
        Times::All | Times::None => (None, None),
    };
    let is_undated = matches!(times, Times::None);
    let found = select.query(params![from, until, is_undated]);
    let mut found = found.map_err(unavailable)?;
    let mut series_table: HashMap<(i64, i64), Arc<Series>> = HashMap::new();
    let mut events = Vec::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let read = || Ok((row.get(0)?, (row.get(1)?, row.get(2)?), time(row, 3)?));
        let (id, of_series, at): ([u8; 16], (i64, i64), _) = read().map_err(unavailable)?;
        let (cluster, facts) = clusters
            .get(&of_series.0)
            .ok_or_else(|| damaged("an event refers to a missing cluster"))?;
        let facets = facet_sets
            .get(&of_series.1)
            .ok_or_else(|| damaged("an event refers to a missing scene"))?;
        let series = series_table.entry(of_series).or_insert_with(|| {
            let (cluster, facets) = (*cluster, facets.clone());
            Arc::new(Series { cluster, facets })
        });
        let watched = facts.identity.class == Class::Watch;
        events.push((
            EventId::from_bytes(id),
            Sighting::new(watched, at, Arc::clone(series)),
        ));
    }
    Ok(events)
}

/// Returns the calls of the ledger.
pub fn ledger(connection: &Connection) -> Result<LedgerCalls, StoreError> {
    let facet_sets = facet_sets(connection)?;
    let select = format!("SELECT event_id, call_id, scene, at, {FACTS} FROM ledger_event");
    let mut select = connection.prepare(&select).map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut calls = LedgerCalls::default();
    let mut series_table: HashMap<(ClusterId, i64), Arc<Series>> = HashMap::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, time(row, 3)?));
        let (id, call, facet_set, at): ([u8; 16], String, i64, _) = read().map_err(unavailable)?;
        let call = ClusterId::parse(&call).ok_or_else(|| damaged("a call id is malformed"))?;
        let facets = facet_sets
            .get(&facet_set)
            .ok_or_else(|| damaged("a call refers to a missing scene"))?;
        let series = series_table.entry((call, facet_set)).or_insert_with(|| {
            let (cluster, facets) = (call, facets.clone());
            Arc::new(Series { cluster, facets })
        });
        let sighting = Sighting::new(true, at, Arc::clone(series));
        calls.events.push((EventId::from_bytes(id), sighting));
        if let Entry::Vacant(unknown) = calls.subjects.entry(call) {
            let facts = facts(row, 4)?;
            unknown.insert(Arc::new(ClusterSubject::from(&facts.identity)));
        }
    }
    calls.missing_until = connection
        .query_row("SELECT max(until) FROM ledger_missing", [], |row| {
            time(row, 0)
        })
        .map_err(unavailable)?;
    Ok(calls)
}

/// Returns the stored call of the ledger with the id `id`. Fails if the file has no such call.
pub fn ledger_sighting(connection: &Connection, id: EventId) -> Result<Sighting, StoreError> {
    let select = format!(
        "SELECT call_id, at, {} FROM ledger_event JOIN scene ON scene.id = ledger_event.scene WHERE event_id = ?1",
        columns()
    );
    let (call, at, facets): (String, Option<Timestamp>, Facets) = connection
        .query_row(&select, [id.bytes()], |row| {
            Ok((row.get(0)?, time(row, 1)?, facets(row, 2)?))
        })
        .map_err(unavailable)?;
    let cluster = ClusterId::parse(&call).ok_or_else(|| damaged("a call id is malformed"))?;
    Ok(Sighting::new(
        true,
        at,
        Arc::new(Series { cluster, facets }),
    ))
}

/// Returns the subject (account, service, action, code and class) of each stored cluster, by cluster id.
pub fn subjects(
    connection: &Connection,
) -> Result<BTreeMap<ClusterId, Arc<ClusterSubject>>, StoreError> {
    let clusters = clusters(connection)?.into_values();
    let subject = |facts: &ClusterFacts| Arc::new(ClusterSubject::from(&facts.identity));
    Ok(clusters.map(|(id, facts)| (id, subject(&facts))).collect())
}

/// Returns the stored event with the id `id`. Fails if the file has no such event.
pub fn sighting(connection: &Connection, id: EventId) -> Result<Sighting, StoreError> {
    let select = format!(
        "SELECT cluster_id, class = 'watch', at, {} FROM event
         JOIN cluster ON cluster.id = event.cluster JOIN scene ON scene.id = event.scene
         WHERE event_id = ?1",
        columns()
    );
    let (cluster, watched, at, facets): (String, bool, Option<Timestamp>, Facets) = connection
        .query_row(&select, [id.bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, time(row, 2)?, facets(row, 3)?))
        })
        .map_err(unavailable)?;
    let cluster = ClusterId::parse(&cluster).ok_or_else(|| damaged("a cluster id is malformed"))?;
    Ok(Sighting::new(
        watched,
        at,
        Arc::new(Series { cluster, facets }),
    ))
}

/// Returns the samples of a cluster; empty if there are none. `cluster` is the row number of the cluster in the table
/// `cluster`.
pub fn samples_of(connection: &Connection, cluster: i64) -> Result<Samples, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT event_id, at, json FROM sample WHERE cluster = ?1")
        .map_err(unavailable)?;
    let found = select.query_map([cluster], sample).map_err(unavailable)?;
    let mut samples = Samples::default();
    for sample in found {
        samples.insert(sample.map_err(unavailable)?);
    }
    Ok(samples)
}

/// Returns the row number of a cluster in the table `cluster`, and its identity and template; `None` if the file does
/// not have the cluster.
pub fn facts_of(
    connection: &Connection,
    cluster: ClusterId,
) -> Result<Option<(i64, ClusterFacts)>, StoreError> {
    let select = format!("SELECT id, {FACTS} FROM cluster WHERE cluster_id = ?1");
    let mut select = connection.prepare_cached(&select).map_err(unavailable)?;
    let mut found = select.query([cluster.to_string()]).map_err(unavailable)?;
    match found.next().map_err(unavailable)? {
        None => Ok(None),
        Some(row) => Ok(Some((row.get(0).map_err(unavailable)?, facts(row, 1)?))),
    }
}

/// Returns the identities of the clusters and sensitive calls that were admitted to an account in an hour, without
/// overflow clusters. `None` is the hour of those without a usable time.
pub fn admitted(
    connection: &Connection,
    account_id: &str,
    hour: Option<Window>,
) -> Result<Vec<Identity>, StoreError> {
    let select = format!(
        "SELECT {FACTS} FROM cluster
         WHERE account_id = ?1 AND admitted_hour IS ?2 AND NOT overflow"
    );
    let mut select = connection.prepare_cached(&select).map_err(unavailable)?;
    let found = select.query(params![account_id, hour.map(Window::hours)]);
    let mut found = found.map_err(unavailable)?;
    let mut admitted = Vec::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        admitted.push(facts(row, 0)?.identity);
    }
    Ok(admitted)
}

/// The clusters, by the number of their row.
type Clusters = BTreeMap<i64, (ClusterId, Arc<ClusterFacts>)>;

fn clusters(connection: &Connection) -> Result<Clusters, StoreError> {
    let select = format!("SELECT id, cluster_id, {FACTS} FROM cluster");
    let mut select = connection.prepare(&select).map_err(unavailable)?;
    let mut found = select.query([]).map_err(unavailable)?;
    let mut clusters = BTreeMap::new();
    while let Some(row) = found.next().map_err(unavailable)? {
        let id: String = row.get(1).map_err(unavailable)?;
        let id = ClusterId::parse(&id).ok_or_else(|| damaged("a cluster id is malformed"))?;
        let facts = Arc::new(facts(row, 2)?);
        clusters.insert(row.get(0).map_err(unavailable)?, (id, facts));
    }
    Ok(clusters)
}

/// Reads facts from the columns of [`FACTS`]; the first of them is at position `first`.
fn facts(row: &SqlRow<'_>, first: usize) -> Result<ClusterFacts, StoreError> {
    let class: String = row.get(first + 4).map_err(unavailable)?;
    let class =
        Class::from_name(&class).ok_or_else(|| damaged("a cluster has an unknown class"))?;
    // Other programs may have written the store. Outputs print these two as they are; the others are sanitized there.
    let clean = |at| {
        let text: String = row.get(at)?;
        Ok::<_, rusqlite::Error>(sanitize(&text, ACCOUNT_CHARS_MAX))
    };
    let read = || {
        let identity = Identity {
            partition: clean(first)?,
            account_id: clean(first + 1)?,
            service: row.get(first + 2)?,
            action: row.get(first + 3)?,
            class,
            code: row.get(first + 5)?,
            cause: row.get(first + 6)?,
            template: row.get(first + 7)?,
            addition: row.get(first + 8)?,
        };
        Ok(ClusterFacts {
            identity,
            template: row.get(first + 9)?,
        })
    };
    read().map_err(unavailable)
}

fn facet_sets(connection: &Connection) -> Result<HashMap<i64, Facets>, StoreError> {
    let select = format!("SELECT id, {} FROM scene", columns());
    let mut select = connection.prepare(&select).map_err(unavailable)?;
    let found = select
        .query_map([], |row| Ok((row.get(0)?, facets(row, 1)?)))
        .map_err(unavailable)?;
    found.collect::<Result<_, _>>().map_err(unavailable)
}

/// Returns the names of the columns of the table `scene` that hold facets, separated by commas, in the order of
/// [`FacetKind::ALL`].
pub fn columns() -> String {
    FacetKind::ALL.map(FacetKind::name).join(", ")
}

/// Reads facets from the columns of [`columns`]; the first of them is at position `first`.
fn facets(row: &SqlRow<'_>, first: usize) -> rusqlite::Result<Facets> {
    let mut facets = Facets::default();
    for (column, kind) in (first..).zip(FacetKind::ALL) {
        facets.set(kind, row.get_ref(column)?.as_str_or_null()?);
    }
    Ok(facets.packed())
}

fn span(row: &SqlRow<'_>) -> rusqlite::Result<Span> {
    let count: i64 = row.get(2)?;
    Ok(Span {
        count: count.unsigned_abs(),
        first_seen: time(row, 3)?,
        last_seen: time(row, 4)?,
    })
}

fn time(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.and_then(Timestamp::from_seconds))
}
