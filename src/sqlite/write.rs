//! Writes batches: first clusters and facet sets, then the events that refer to them, then samples.

use std::collections::BTreeMap;
use std::sync::Arc;

use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterId, Identity, VERSION};
use clusters::guard::{self, Admitted, KnownClusters, Limited};
use clusters::sample::{Sample, SampleCutoffs, Samples};
use clusters::{ClusterFacts, EventId, Series, Sighting, Tally};
use foldhash::HashMap;
use records::time::{Timestamp, Window};
use rusqlite::{CachedStatement, Connection, params};
use service::ports::{Batch, Committed, Quarantined, StoreError};
use sha2::{Digest as _, Sha256};

use crate::read::{self, FACTS};
use crate::unavailable;

/// A cache of clusters, facet sets and samples in the file, with their row numbers. It is valid as long as no other
/// connection writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// The value of `PRAGMA data_version`, which changes when another connection has written.
    version: i64,
    clusters: HashMap<ClusterId, (i64, Arc<ClusterFacts>)>,
    /// The row of the facet set of each series.
    facet_sets: HashMap<Arc<Series>, i64>,
    samples: HashMap<ClusterId, Samples>,
    /// The number of new clusters and sensitive calls that were admitted, by the limit that they count against.
    used: HashMap<Limited, u32>,
    /// Whether the store has an overflow cluster. If not, no event has to be checked for one.
    any_overflow: bool,
}

/// The largest number of facet sets in the cache. One scan seldom has more.
const FACET_SETS_MAX: usize = 20_000;

/// The largest number of clusters with samples in the cache, of 4 KB each.
const SAMPLES_MAX: usize = 1_000;

/// Writes several batches in one transaction. The samples of all batches are written once, by [`Self::finish`].
pub struct BatchWriter<'a> {
    connection: &'a Connection,
    rows: &'a mut Rows,
    insert_event: CachedStatement<'a>,
    insert_facet_set: CachedStatement<'a>,
    insert_sample: CachedStatement<'a>,
    insert_ledger_event: CachedStatement<'a>,
    /// The samples of all batches, by the row of their cluster. They are written once, at the end.
    samples: BTreeMap<i64, (ClusterId, Samples)>,
}

impl<'a> BatchWriter<'a> {
    /// Creates a writer for the open transaction of `connection`. Empties the cache `rows` if another connection has
    /// written to the file.
    pub fn new(connection: &'a Connection, rows: &'a mut Rows) -> Result<Self, StoreError> {
        let version = connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(unavailable)?;
        if rows.version != version {
            *rows = Rows {
                version,
                any_overflow: connection
                    .query_row(
                        "SELECT EXISTS (SELECT 1 FROM cluster WHERE overflow)",
                        [],
                        |row| row.get(0),
                    )
                    .map_err(unavailable)?,
                ..Rows::default()
            };
        }
        if rows.facet_sets.len() > FACET_SETS_MAX {
            rows.facet_sets.clear();
        }
        if rows.samples.len() > SAMPLES_MAX {
            rows.samples.clear();
        }
        let columns = read::columns();
        let parameters = vec!["?"; FacetKind::ALL.len()].join(", ");
        let prepare = |sql: &str| connection.prepare_cached(sql).map_err(unavailable);
        Ok(Self {
            connection,
            rows,
            insert_event: prepare(
                "INSERT INTO event (event_id, cluster, scene, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (event_id) DO NOTHING",
            )?,
            insert_facet_set: prepare(&format!(
                "INSERT INTO scene (digest, {columns}) VALUES (?, {parameters})
                 ON CONFLICT (digest) DO NOTHING"
            ))?,
            insert_sample: prepare(
                "INSERT OR REPLACE INTO sample (cluster, event_id, at, json)
                 VALUES (?1, ?2, ?3, ?4)",
            )?,
            insert_ledger_event: prepare(&format!(
                "INSERT INTO ledger_event ({FACTS}, event_id, call_id, scene, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT (event_id) DO NOTHING"
            ))?,
            samples: BTreeMap::new(),
        })
    }

    /// Writes a batch without its samples, and returns how many of its events and clusters are new to the file.
    pub fn write(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let Batch {
            source,
            mut tally,
            mut ledger,
            quarantined,
        } = batch;
        let admitted = guard::admit(&mut tally, self, &mut ledger)?;
        self.ledger(&ledger)?;
        for (cluster, facts) in &tally.facts {
            self.cluster(*cluster, facts, &admitted)?;
        }
        let is_failure = |cluster: &&ClusterId| !tally.facts[*cluster].is_sensitive_call();
        let new_clusters = admitted.keys().filter(is_failure).count() as u64;
        // In the order of their keys, consecutive events are on the same page of the file.
        let mut sightings: Vec<_> = tally.sightings.into_iter().collect();
        sightings.sort_unstable_by_key(|(id, _)| *id);
        let mut fresh = 0;
        for (id, sighting) in sightings {
            fresh += u64::from(self.event(id, &sighting)?);
        }
        for (cluster, samples) in tally.samples {
            if let Some((row, _)) = self.rows.clusters.get(&cluster) {
                let (_, collected) = self
                    .samples
                    .entry(*row)
                    .or_insert((cluster, Samples::default()));
                collected.join(samples);
            }
        }
        for record in &quarantined {
            self.quarantined(&source, record)?;
        }
        Ok(Committed {
            fresh,
            new_clusters,
            ..Committed::default()
        })
    }

    /// Writes the samples of all batches. Returns the cutoffs of the written clusters that now have the maximum number
    /// of samples.
    ///
    /// The cutoff of a cluster is the highest rank of its samples; an event with a higher rank needs no sample.
    pub fn finish(mut self) -> Result<SampleCutoffs, StoreError> {
        let mut cutoffs = SampleCutoffs::new();
        for (row, (cluster, samples)) in std::mem::take(&mut self.samples) {
            let stored = self.samples(row, cluster, samples)?;
            cutoffs.extend(stored.cutoff().map(|cutoff| (cluster, cutoff)));
        }
        Ok(cutoffs)
    }

    /// Writes the facts of a cluster, joined with the facts in the store.
    fn cluster(
        &mut self,
        cluster: ClusterId,
        facts: &Arc<ClusterFacts>,
        admitted: &Admitted,
    ) -> Result<(), StoreError> {
        // An admitted cluster is always new: the guard only decides about new clusters.
        let hour = admitted.get(&cluster).copied();
        if hour.is_some() || self.find(cluster)?.is_none() {
            return self.insert_cluster(cluster, facts, hour.flatten());
        }
        if let Some((row, cached)) = self.rows.clusters.get_mut(&cluster) {
            let before = Arc::clone(cached);
            ClusterFacts::join(cached, cluster, facts);
            if *cached != before {
                update_cluster(self.connection, *row, cached)?;
                if cached.identity.account_id != before.identity.account_id {
                    // A rule may merge clusters of several accounts. The cluster now counts in another account.
                    self.rows.used.clear();
                }
            }
        }
        Ok(())
    }

    /// Returns the number of a cluster's row; `None` if the cluster is not in the store.
    fn find(&mut self, cluster: ClusterId) -> Result<Option<i64>, StoreError> {
        if let Some((row, _)) = self.rows.clusters.get(&cluster) {
            return Ok(Some(*row));
        }
        let found = read::facts_of(self.connection, cluster)?;
        Ok(found.map(|(row, facts)| {
            self.rows.clusters.insert(cluster, (row, Arc::new(facts)));
            row
        }))
    }

    fn insert_cluster(
        &mut self,
        cluster: ClusterId,
        facts: &Arc<ClusterFacts>,
        hour: Option<Window>,
    ) -> Result<(), StoreError> {
        let overflow = guard::is_overflow(&facts.identity);
        let values = params![
            cluster.to_string(),
            VERSION,
            overflow,
            hour.map(Window::hours)
        ];
        let insert = format!(
            "INSERT INTO cluster ({FACTS}, cluster_id, version, overflow, admitted_hour)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        );
        self.connection
            .prepare_cached(&insert)
            .and_then(|mut insert| {
                bind_facts(&mut insert, facts)?;
                for (column, value) in (11..).zip(values) {
                    insert.raw_bind_parameter(column, value)?;
                }
                insert.raw_execute()
            })
            .map_err(unavailable)?;
        let row = self.connection.last_insert_rowid();
        self.rows.any_overflow |= overflow;
        self.rows.clusters.insert(cluster, (row, Arc::clone(facts)));
        self.rows.samples.insert(cluster, Samples::default());
        let key = Limited::of(&facts.identity, hour);
        if let (Some(used), false) = (self.rows.used.get_mut(&key), overflow) {
            *used += 1;
        }
        Ok(())
    }

    /// Returns the number of the row of a series' facet set, which is written if it is new.
    fn facet_set(&mut self, series: &Arc<Series>) -> Result<i64, StoreError> {
        if let Some(row) = self.rows.facet_sets.get(series) {
            return Ok(*row);
        }
        let digest = digest(&series.facets);
        let row = if self.insert_facet_set(&series.facets, &digest)? {
            self.connection.last_insert_rowid()
        } else {
            self.connection
                .prepare_cached("SELECT id FROM scene WHERE digest = ?1")
                .and_then(|mut select| select.query_row([&digest[..]], |row| row.get(0)))
                .map_err(unavailable)?
        };
        self.rows.facet_sets.insert(Arc::clone(series), row);
        Ok(row)
    }

    /// Writes a facet set. Returns `false` if the store already has it.
    fn insert_facet_set(&mut self, facets: &Facets, digest: &[u8]) -> Result<bool, StoreError> {
        let insert = &mut self.insert_facet_set;
        let mut execute = || {
            insert.raw_bind_parameter(1, digest)?;
            for (column, kind) in (2..).zip(FacetKind::ALL) {
                insert.raw_bind_parameter(column, facets.get(kind))?;
            }
            insert.raw_execute()
        };
        Ok(execute().map_err(unavailable)? == 1)
    }

    /// Writes an event. Returns `false` if the store already has its id.
    fn event(&mut self, id: EventId, sighting: &Sighting) -> Result<bool, StoreError> {
        let facet_set = self.facet_set(&sighting.series)?;
        let (cluster, _) = self.rows.clusters[&sighting.series.cluster];
        let at = sighting.at().map(Timestamp::seconds);
        let inserted = self
            .insert_event
            .execute(params![id.bytes(), cluster, facet_set, at])
            .map_err(unavailable)?;
        if inserted == 0 {
            self.settle(id, sighting, (cluster, facet_set, at))?;
        }
        Ok(inserted == 1)
    }

    /// Writes the calls of the ledger. Of two contents of one id the lesser sighting stays, as in a tally.
    fn ledger(&mut self, ledger: &Tally) -> Result<(), StoreError> {
        let mut calls: Vec<_> = ledger.sightings.iter().collect();
        calls.sort_unstable_by_key(|(id, _)| **id);
        for (id, sighting) in calls {
            if self.insert_ledger_event(*id, sighting, ledger)? {
                continue;
            }
            let stored = read::ledger_sighting(self.connection, *id)?;
            if *sighting < stored {
                self.connection
                    .execute("DELETE FROM ledger_event WHERE event_id = ?1", [id.bytes()])
                    .map_err(unavailable)?;
                self.insert_ledger_event(*id, sighting, ledger)?;
            }
        }
        Ok(())
    }

    /// Writes a call of the ledger. Returns `false` if the store already has its id.
    fn insert_ledger_event(
        &mut self,
        id: EventId,
        sighting: &Sighting,
        ledger: &Tally,
    ) -> Result<bool, StoreError> {
        let facet_set = self.facet_set(&sighting.series)?;
        let cluster = sighting.series.cluster;
        let at = sighting.at().map(Timestamp::seconds);
        let values = params![id.bytes(), cluster.to_string(), facet_set, at];
        let insert = &mut self.insert_ledger_event;
        let mut execute = || {
            bind_facts(insert, &ledger.facts[&cluster])?;
            for (column, value) in (11..).zip(values) {
                insert.raw_bind_parameter(column, value)?;
            }
            insert.raw_execute()
        };
        Ok(execute().map_err(unavailable)? == 1)
    }

    /// Resolves an id with two contents: the lesser sighting is stored, as in a tally. So the result does not depend on the
    /// order of events.
    fn settle(
        &self,
        id: EventId,
        sighting: &Sighting,
        incoming: (i64, i64, Option<i64>),
    ) -> Result<(), StoreError> {
        let stored: (i64, i64, Option<i64>) = self
            .connection
            .prepare_cached("SELECT cluster, scene, at FROM event WHERE event_id = ?1")
            .and_then(|mut select| {
                select.query_row([id.bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
            })
            .map_err(unavailable)?;
        if stored == incoming {
            return Ok(());
        }
        if *sighting < read::sighting(self.connection, id)? {
            let (cluster, facet_set, at) = incoming;
            self.connection
                .execute(
                    "UPDATE event SET cluster = ?2, scene = ?3, at = ?4 WHERE event_id = ?1",
                    params![id.bytes(), cluster, facet_set, at],
                )
                .map_err(unavailable)?;
        }
        Ok(())
    }

    /// Joins incoming samples of a cluster with the stored ones, writes the difference, and returns the result.
    fn samples(
        &mut self,
        row: i64,
        cluster: ClusterId,
        incoming: Samples,
    ) -> Result<Samples, StoreError> {
        let stored = match self.rows.samples.remove(&cluster) {
            Some(cached) => cached,
            None => read::samples_of(self.connection, row)?,
        };
        let mut joined = stored.clone();
        joined.join(incoming);
        for sample in stored.missing_from(&joined) {
            self.connection
                .prepare_cached("DELETE FROM sample WHERE cluster = ?1 AND event_id = ?2")
                .and_then(|mut delete| delete.execute(params![row, sample.id.bytes()]))
                .map_err(unavailable)?;
        }
        for sample in joined.missing_from(&stored) {
            let Sample { at, id, json } = sample;
            let at = at.map(Timestamp::seconds);
            self.insert_sample
                .execute(params![row, id.bytes(), at, json])
                .map_err(unavailable)?;
        }
        self.rows.samples.insert(cluster, joined.clone());
        Ok(joined)
    }

    fn quarantined(&self, source: &str, record: &Quarantined) -> Result<(), StoreError> {
        let number = i64::try_from(record.number).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO quarantine (source, record, reason, detail)
                 VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut insert| {
                let rejection = &record.rejection;
                insert.execute(params![
                    source,
                    number,
                    rejection.name(),
                    rejection.to_string()
                ])
            })
            .map_err(unavailable)?;
        Ok(())
    }
}

impl KnownClusters for BatchWriter<'_> {
    type Error = StoreError;

    fn has(&mut self, cluster: ClusterId) -> Result<bool, StoreError> {
        Ok(self.find(cluster)?.is_some())
    }

    fn overflowed(&mut self, event: EventId) -> Result<bool, StoreError> {
        if !self.rows.any_overflow {
            return Ok(false);
        }
        self.connection
            .prepare_cached(
                "SELECT 1 FROM event JOIN cluster ON cluster.id = event.cluster
                 WHERE event_id = ?1 AND overflow",
            )
            .and_then(|mut select| select.exists([event.bytes()]))
            .map_err(unavailable)
    }

    fn admitted(&mut self, limited: &Limited) -> Result<u32, StoreError> {
        if let Some(used) = self.rows.used.get(limited) {
            return Ok(*used);
        }
        let hour = limited.hour;
        let admitted = read::admitted(self.connection, &limited.account_id, hour)?;
        let is_counted = |identity: &&Identity| Limited::of(identity, hour) == *limited;
        let used = admitted.iter().filter(is_counted).count() as u32;
        self.rows.used.insert(limited.clone(), used);
        Ok(used)
    }
}

fn update_cluster(
    connection: &Connection,
    row: i64,
    facts: &ClusterFacts,
) -> Result<(), StoreError> {
    let update = format!(
        "UPDATE cluster SET ({FACTS}) = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) WHERE id = ?11"
    );
    connection
        .prepare_cached(&update)
        .and_then(|mut update| {
            bind_facts(&mut update, facts)?;
            update.raw_bind_parameter(11, row)?;
            update.raw_execute()
        })
        .map_err(unavailable)?;
    Ok(())
}

/// Binds facts to the first ten parameters of a statement, in the order of [`FACTS`].
fn bind_facts(statement: &mut CachedStatement<'_>, facts: &ClusterFacts) -> rusqlite::Result<()> {
    let identity = &facts.identity;
    let values = params![
        identity.partition,
        identity.account_id,
        identity.service,
        identity.action,
        identity.class.name(),
        identity.code,
        identity.cause,
        identity.template,
        identity.addition,
        facts.template,
    ];
    (1..)
        .zip(values)
        .try_for_each(|(column, value)| statement.raw_bind_parameter(column, value))
}

/// Returns the key of a facet set: a hash of its values, each preceded by its length.
///
/// A set without a policy has the key that it had before version 5 of the schema, which added policies.
fn digest(facets: &Facets) -> [u8; 16] {
    let mut values = Vec::with_capacity(facets.bytes() + FacetKind::ALL.len() * size_of::<u64>());
    for kind in FacetKind::ALL {
        let value = facets.get(kind).unwrap_or_default();
        if kind == FacetKind::Policy && value.is_empty() {
            continue;
        }
        values.extend((value.len() as u64).to_be_bytes());
        values.extend(value.as_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&Sha256::digest(&values)[..16]);
    digest
}
