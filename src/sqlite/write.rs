//! A batch written: clusters and scenes first, then the events that point to them, then samples.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, ToSql, Transaction, params};
use sha2::{Digest as _, Sha256};

use crate::cluster::facet::{Facets, Kind};
use crate::cluster::fingerprint::{ClusterId, VERSION};
use crate::cluster::guard::{self, Admitted, Known};
use crate::cluster::{EventId, Facts, Samples, Sighting};
use crate::ports::{Batch, Quarantined, StoreError};
use crate::sqlite::{read, unavailable};
use crate::trail::time::Window;

/// Rows that need not be looked up again; rows are never deleted, so they stay true.
#[derive(Debug, Default)]
pub struct Rows {
    clusters: HashMap<ClusterId, i64>,
    scenes: HashMap<Arc<Facets>, i64>,
}

/// One batch within its transaction.
pub struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    rows: &'a mut Rows,
    /// Whether it is worth asking if an event overflowed.
    any_overflow: bool,
}

impl<'a> Writer<'a> {
    pub fn new(transaction: &'a Transaction<'a>, rows: &'a mut Rows) -> Self {
        Self {
            transaction,
            rows,
            any_overflow: false,
        }
    }

    /// Writes a batch and returns how many of its events were not there before.
    pub fn write(mut self, batch: Batch) -> Result<u64, StoreError> {
        let Batch {
            source,
            mut tally,
            quarantined,
        } = batch;
        self.any_overflow = self.exists("SELECT 1 FROM cluster WHERE overflow = ?1", true)?;
        let admitted = guard::admit(&mut tally, &self)?;
        for (cluster, facts) in &tally.facts {
            self.cluster(*cluster, facts, &admitted)?;
        }
        let mut fresh = 0;
        for (id, sighting) in &tally.sightings {
            fresh += u64::from(self.event(*id, sighting)?);
        }
        for (cluster, samples) in tally.samples {
            self.samples(cluster, samples)?;
        }
        for record in &quarantined {
            self.quarantined(&source, record)?;
        }
        Ok(fresh)
    }

    fn exists(&self, select: &str, key: impl ToSql) -> Result<bool, StoreError> {
        self.transaction
            .prepare_cached(select)
            .and_then(|mut select| select.exists([key]))
            .map_err(unavailable)
    }

    /// Writes what is known of a cluster, joined with what the store knows.
    fn cluster(
        &mut self,
        cluster: ClusterId,
        facts: &Facts,
        admitted: &Admitted,
    ) -> Result<(), StoreError> {
        let row = match read::facts_of(self.transaction, cluster)? {
            None => self.insert_cluster(cluster, facts, admitted)?,
            Some((row, known)) => {
                let mut joined = known.clone();
                joined.join(cluster, facts.clone());
                if joined != known {
                    self.update_cluster(row, &joined)?;
                }
                row
            }
        };
        self.rows.clusters.insert(cluster, row);
        Ok(())
    }

    fn insert_cluster(
        &self,
        cluster: ClusterId,
        facts: &Facts,
        admitted: &Admitted,
    ) -> Result<i64, StoreError> {
        let hour = admitted.get(&cluster).copied().flatten();
        self.transaction
            .prepare_cached(
                "INSERT INTO cluster (cluster_id, version, admitted_hour, class, partition,
                     account_id, service, action, code, template, overflow)
                 VALUES (?1, ?2, ?3, '', '', '', '', '', '', '', ?4)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    cluster.to_string(),
                    VERSION,
                    hour.map(Window::hours),
                    guard::is_overflow(&facts.identity),
                ])
            })
            .map_err(unavailable)?;
        let row = self.transaction.last_insert_rowid();
        self.update_cluster(row, facts)?;
        Ok(row)
    }

    fn update_cluster(&self, row: i64, facts: &Facts) -> Result<(), StoreError> {
        let identity = &facts.identity;
        self.transaction
            .prepare_cached(
                "UPDATE cluster SET partition = ?2, account_id = ?3, service = ?4, action = ?5,
                     class = ?6, code = ?7, cause = ?8, identity_template = ?9, addition = ?10,
                     template = ?11
                 WHERE id = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    row,
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
                ])
            })
            .map_err(unavailable)?;
        Ok(())
    }

    fn scene(&mut self, facets: &Arc<Facets>) -> Result<i64, StoreError> {
        if let Some(row) = self.rows.scenes.get(facets) {
            return Ok(*row);
        }
        let digest = digest(facets);
        let row = self
            .transaction
            .prepare_cached("SELECT id FROM scene WHERE digest = ?1")
            .and_then(|mut select| select.query_row([&digest[..]], |row| row.get(0)).optional())
            .map_err(unavailable)?;
        let row = match row {
            Some(row) => row,
            None => self.insert_scene(facets, &digest)?,
        };
        self.rows.scenes.insert(Arc::clone(facets), row);
        Ok(row)
    }

    fn insert_scene(&self, facets: &Facets, digest: &[u8]) -> Result<i64, StoreError> {
        let columns = Kind::ALL.map(Kind::name).join(", ");
        let places = vec!["?"; Kind::ALL.len()].join(", ");
        let insert = format!("INSERT INTO scene (digest, {columns}) VALUES (?, {places})");
        self.transaction
            .prepare_cached(&insert)
            .and_then(|mut insert| {
                insert.raw_bind_parameter(1, digest)?;
                for (column, kind) in (2..).zip(Kind::ALL) {
                    insert.raw_bind_parameter(column, facets.get(kind))?;
                }
                insert.raw_execute()
            })
            .map_err(unavailable)?;
        Ok(self.transaction.last_insert_rowid())
    }

    /// Writes an event; `false` says that it was there already.
    fn event(&mut self, id: EventId, sighting: &Sighting) -> Result<bool, StoreError> {
        let (cluster, scene) = (
            self.rows.clusters[&sighting.cluster],
            self.scene(&sighting.facets)?,
        );
        let at = sighting
            .at
            .map(super::super::trail::time::EventTime::seconds);
        let inserted = self
            .transaction
            .prepare_cached(
                "INSERT INTO event (event_id, cluster, scene, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (event_id) DO NOTHING",
            )
            .and_then(|mut insert| insert.execute(params![id.bytes(), cluster, scene, at]))
            .map_err(unavailable)?;
        if inserted == 0 {
            self.settle(id, sighting, (cluster, scene, at))?;
        }
        Ok(inserted == 1)
    }

    /// One id with two contents: the lesser sighting stands, as in a tally.
    fn settle(
        &self,
        id: EventId,
        sighting: &Sighting,
        incoming: (i64, i64, Option<i64>),
    ) -> Result<(), StoreError> {
        let known: (i64, i64, Option<i64>) = self
            .transaction
            .prepare_cached("SELECT cluster, scene, at FROM event WHERE event_id = ?1")
            .and_then(|mut select| {
                select.query_row([id.bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
            })
            .map_err(unavailable)?;
        if known == incoming {
            return Ok(());
        }
        if *sighting < read::sighting(self.transaction, id)? {
            let (cluster, scene, at) = incoming;
            self.transaction
                .execute(
                    "UPDATE event SET cluster = ?2, scene = ?3, at = ?4 WHERE event_id = ?1",
                    params![id.bytes(), cluster, scene, at],
                )
                .map_err(unavailable)?;
        }
        Ok(())
    }

    fn samples(&self, cluster: ClusterId, incoming: Samples) -> Result<(), StoreError> {
        let Some(row) = self.rows.clusters.get(&cluster) else {
            return Ok(());
        };
        let known = read::samples_of(self.transaction, *row)?;
        let mut joined = known.clone();
        joined.join(incoming);
        if joined == known {
            return Ok(());
        }
        self.transaction
            .prepare_cached("DELETE FROM sample WHERE cluster = ?1")
            .and_then(|mut delete| delete.execute([row]))
            .map_err(unavailable)?;
        for sample in joined.all() {
            let at = sample.at.map(super::super::trail::time::EventTime::seconds);
            self.transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO sample (cluster, event_id, at, json) VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut insert| {
                    insert.execute(params![row, sample.id.bytes(), at, sample.json])
                })
                .map_err(unavailable)?;
        }
        Ok(())
    }

    fn quarantined(&self, source: &str, record: &Quarantined) -> Result<(), StoreError> {
        let number = i64::try_from(record.number).unwrap_or(i64::MAX);
        self.transaction
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

impl Known for Writer<'_> {
    type Error = StoreError;

    fn has(&self, cluster: ClusterId) -> Result<bool, StoreError> {
        if self.rows.clusters.contains_key(&cluster) {
            return Ok(true);
        }
        self.exists(
            "SELECT 1 FROM cluster WHERE cluster_id = ?1",
            cluster.to_string(),
        )
    }

    fn overflowed(&self, event: EventId) -> Result<bool, StoreError> {
        let overflowed = "SELECT 1 FROM event JOIN cluster ON cluster.id = event.cluster
                          WHERE event_id = ?1 AND overflow";
        Ok(self.any_overflow && self.exists(overflowed, event.bytes())?)
    }

    fn admitted(&self, account_id: &str, hour: Option<Window>) -> Result<u32, StoreError> {
        self.transaction
            .prepare_cached(
                "SELECT count(*) FROM cluster
                 WHERE account_id = ?1 AND admitted_hour IS ?2 AND NOT overflow",
            )
            .and_then(|mut count| {
                count.query_row(params![account_id, hour.map(Window::hours)], |row| {
                    row.get(0)
                })
            })
            .map_err(unavailable)
    }
}

/// Returns the key of a scene: a hash of its values, each with its length before it.
fn digest(facets: &Facets) -> [u8; 16] {
    let mut hash = Sha256::new();
    for kind in Kind::ALL {
        let value = facets.get(kind).unwrap_or_default();
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value.as_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}
