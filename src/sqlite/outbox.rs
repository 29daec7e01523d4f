//! What waits in the file: rows in one table with what became of them, each settled in one statement
//! or one transaction.

use std::ops::RangeInclusive;

use alerts::occasion::{Kind, Occasion};
use alerts::outbox::{Breaker, Lease, Restraint, Row, Sent, Settlement, Silence};
use clusters::fingerprint::ClusterId;
use clusters::keys::{ANSWER_SECONDS, Answer, Ledger};
use clusters::mark::Mark;
use records::time::{EventTime, Window};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};
use service::ports::{Dossier, Dossiers, Ledgers, Outbox, SentLog, StoreError};

use crate::{SqliteStore, damaged, mark, read, unavailable};

/// Writes the rows that tell sinks of an occasion; those that are there stay as they are.
pub fn tell(
    connection: &Connection,
    sinks: &[String],
    occasion: &Occasion,
    now: i64,
) -> Result<(), StoreError> {
    let mut insert = connection
        .prepare_cached(
            "INSERT INTO outbox (sink, id, kind, account_id, cluster_id, epoch, about, detail, at,
                 late, created, due, leased_until, holder, attempts, why, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 0, '', 0, '', 'waiting')
             ON CONFLICT (sink, id) DO NOTHING",
        )
        .map_err(unavailable)?;
    for sink in sinks {
        let row = Row::new(sink, occasion.clone(), now);
        insert
            .execute(params![
                sink,
                row.id().to_string(),
                occasion.kind.name(),
                occasion.account_id,
                occasion.cluster.map(|cluster| cluster.to_string()),
                occasion.epoch,
                occasion.about,
                occasion.detail,
                occasion.at.map(EventTime::seconds),
                occasion.is_late,
                now,
            ])
            .map_err(unavailable)?;
    }
    Ok(())
}

fn row(found: &SqlRow<'_>) -> Result<Row, StoreError> {
    let kind: String = found.get(1).map_err(unavailable)?;
    let kind = Kind::from_name(&kind).ok_or_else(|| damaged("a kind is no kind"))?;
    let cluster: Option<String> = found.get(3).map_err(unavailable)?;
    let cluster = cluster.map(|id| ClusterId::parse(&id).ok_or_else(|| damaged("no cluster id")));
    let cluster = cluster.transpose()?;
    let at: Option<i64> = found.get(7).map_err(unavailable)?;
    let read = || {
        Ok(Row {
            sink: found.get(0)?,
            occasion: Occasion {
                kind,
                account_id: found.get(2)?,
                cluster,
                epoch: found.get(4)?,
                about: found.get(5)?,
                detail: found.get(6)?,
                at: at.and_then(EventTime::from_seconds),
                is_late: found.get(8)?,
            },
            created: found.get(9)?,
            due: found.get(10)?,
            leased_until: found.get(11)?,
            attempts: found.get(12)?,
            why: found.get(13)?,
        })
    };
    read().map_err(unavailable)
}

impl SqliteStore {
    fn changes(&self, sql: &str, params: impl rusqlite::Params) -> Result<bool, StoreError> {
        let changed = self.connection.execute(sql, params).map_err(unavailable)?;
        Ok(changed > 0)
    }

    /// Ends a row, and does what goes with it, both or none.
    fn end(&self, row: &Row, lease: &Lease, end: &Settlement) -> Result<bool, StoreError> {
        let (state, why) = match end {
            Settlement::Sent { answer, .. } => ("sent", answer.as_str()),
            Settlement::Suppressed => ("suppressed", ""),
            Settlement::Digested => ("digested", ""),
            Settlement::Dead { why } => ("dead", why.as_str()),
            Settlement::Later { due, why, counts } => {
                return self.changes(
                    "UPDATE outbox SET due = ?4, why = ?5, attempts = attempts + ?6,
                         leased_until = 0, holder = ''
                     WHERE sink = ?1 AND id = ?2 AND holder = ?3 AND state = 'waiting'",
                    params![
                        row.sink,
                        row.id().to_string(),
                        lease.holder,
                        due,
                        why,
                        counts
                    ],
                );
            }
        };
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        let is_ended = self.changes(
            "UPDATE outbox SET state = ?4, why = ?5, settled = ?6
             WHERE sink = ?1 AND id = ?2 AND holder = ?3 AND state = 'waiting'",
            params![
                row.sink,
                row.id().to_string(),
                lease.holder,
                state,
                why,
                lease.now
            ],
        )?;
        let cluster = row.occasion.cluster.map(|cluster| cluster.to_string());
        if let (true, Some(cluster)) = (is_ended, cluster) {
            match end {
                Settlement::Sent {
                    silent_until: Some(until),
                    ..
                } => self.changes(
                    "INSERT OR REPLACE INTO silence VALUES (?1, ?2, ?3, 0)",
                    params![row.sink, cluster, until],
                )?,
                Settlement::Suppressed => self.changes(
                    "INSERT INTO silence VALUES (?1, ?2, 0, 1) ON CONFLICT (sink, cluster_id)
                     DO UPDATE SET suppressed = suppressed + 1",
                    params![row.sink, cluster],
                )?,
                _ => false,
            };
        }
        transaction.commit().map_err(unavailable)?;
        Ok(is_ended)
    }
}

impl Outbox for SqliteStore {
    async fn waiting(&self, sink: &str, limit: usize) -> Result<Vec<Row>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT sink, kind, account_id, cluster_id, epoch, about, detail, at, late, created,
                     due, leased_until, attempts, why FROM outbox
                 WHERE sink = ?1 AND state = 'waiting' ORDER BY created, id LIMIT ?2",
            )
            .map_err(unavailable)?;
        let mut found = select.query(params![sink, limit]).map_err(unavailable)?;
        let mut rows = Vec::new();
        while let Some(found) = found.next().map_err(unavailable)? {
            rows.push(row(found)?);
        }
        Row::sort(&mut rows);
        Ok(rows)
    }

    async fn lease(&self, row: &Row, lease: &Lease) -> Result<bool, StoreError> {
        self.changes(
            "UPDATE outbox SET holder = ?3, leased_until = ?5
             WHERE sink = ?1 AND id = ?2 AND state = 'waiting' AND due <= ?4 AND leased_until < ?4",
            params![
                row.sink,
                row.id().to_string(),
                lease.holder,
                lease.now,
                lease.until
            ],
        )
    }

    async fn settle(&self, row: &Row, lease: &Lease, end: &Settlement) -> Result<bool, StoreError> {
        self.end(row, lease, end)
    }

    async fn breaker(&self, sink: &str) -> Result<Breaker, StoreError> {
        let select = "SELECT failures, open_until, probe_from, misconfigured, why FROM breaker
                      WHERE sink = ?1";
        let found = self.connection.query_row(select, [sink], |row| {
            Ok(Breaker {
                failures: row.get(0)?,
                open_until: row.get(1)?,
                probe_from: row.get(2)?,
                is_misconfigured: row.get(3)?,
                why: row.get(4)?,
            })
        });
        Ok(found.optional().map_err(unavailable)?.unwrap_or_default())
    }

    async fn set_breaker(&self, sink: &str, breaker: &Breaker) -> Result<(), StoreError> {
        let Breaker {
            failures,
            open_until,
            probe_from,
            is_misconfigured,
            why,
        } = breaker;
        self.changes(
            "INSERT OR REPLACE INTO breaker VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                sink,
                failures,
                open_until,
                probe_from,
                is_misconfigured,
                why
            ],
        )?;
        Ok(())
    }

    async fn probe(&self, sink: &str, lease: &Lease) -> Result<bool, StoreError> {
        self.changes(
            "UPDATE breaker SET probe_from = ?3 WHERE sink = ?1 AND probe_from <= ?2",
            params![sink, lease.now, lease.until],
        )
    }

    async fn restraint(&self, sink: &str, cluster: ClusterId) -> Result<Restraint, StoreError> {
        let select = "SELECT until, suppressed FROM silence WHERE sink = ?1 AND cluster_id = ?2";
        let params = params![sink, cluster.to_string()];
        let found = self.connection.query_row(select, params, |row| {
            let suppressed: i64 = row.get(1)?;
            Ok(Silence {
                until: row.get(0)?,
                suppressed: suppressed.unsigned_abs(),
            })
        });
        let silence = found.optional().map_err(unavailable)?;
        let kept = mark::kept(&self.connection, cluster)?;
        let mark = kept.and_then(|(text, _)| Mark::decode(&text));
        Ok(Restraint { silence, mark })
    }
}

impl SentLog for SqliteStore {
    async fn sent(&self, cluster: ClusterId) -> Result<Vec<Sent>, StoreError> {
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT settled, sink, kind, CASE why WHEN '' THEN state ELSE why END FROM outbox
                 WHERE cluster_id = ?1 AND state IN ('sent', 'digested') ORDER BY settled, sink, kind",
            )
            .map_err(unavailable)?;
        let sent = select.query_map([cluster.to_string()], |row| {
            Ok(Sent {
                at: row.get(0)?,
                sink: row.get(1)?,
                kind: row.get(2)?,
                outcome: row.get(3)?,
            })
        });
        let sent = sent.map_err(unavailable)?;
        sent.collect::<Result<_, _>>().map_err(unavailable)
    }
}

impl Ledgers for SqliteStore {
    async fn ledger(&self, key: &str) -> Result<Ledger, StoreError> {
        let select = "SELECT before, now, next, told FROM ledger WHERE access_key = ?1";
        let found = self.connection.query_row(select, [key], |row| {
            let (before, now): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(Ledger {
                before: Answer::decode(&before),
                now: Answer::decode(&now),
                next: row.get(2)?,
                told: row.get(3)?,
            })
        });
        Ok(found.optional().map_err(unavailable)?.unwrap_or_default())
    }

    async fn claim(&self, key: &str, now: i64) -> Result<bool, StoreError> {
        self.changes(
            "INSERT INTO ledger VALUES (?1, '', '', ?3, NULL) ON CONFLICT (access_key)
             DO UPDATE SET next = ?3 WHERE next <= ?2",
            params![key, now, now + ANSWER_SECONDS],
        )
    }

    async fn remember(
        &self,
        key: &str,
        ledger: &Ledger,
        tells: &[Occasion],
        now: i64,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(unavailable)?;
        let answer =
            |answer: &Option<Answer>| answer.as_ref().map(Answer::encode).unwrap_or_default();
        let (before, said) = (answer(&ledger.before), answer(&ledger.now));
        self.changes(
            "INSERT OR REPLACE INTO ledger VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key, before, said, ledger.next, ledger.told],
        )?;
        for occasion in tells {
            tell(&transaction, &self.sinks, occasion, now)?;
        }
        transaction.commit().map_err(unavailable)
    }
}

impl Dossiers for SqliteStore {
    async fn dossier(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<Dossier>, StoreError> {
        let snapshot = self.connection.unchecked_transaction();
        let snapshot = snapshot.map_err(unavailable)?;
        let Some((row, _)) = read::facts_of(&snapshot, cluster)? else {
            return Ok(None);
        };
        let from = EventTime::from_seconds(hours.start().hours() * 3600);
        let until = EventTime::from_seconds((hours.end().hours() + 1) * 3600);
        let mut census = read::sums_between(&snapshot, from, until)?;
        let samples = read::samples_of(&snapshot, row)?;
        census.samples.insert(cluster, samples);
        let first = snapshot.query_row(
            "SELECT min(at) FROM event WHERE cluster = ?1",
            [row],
            |row| row.get::<_, Option<i64>>(0),
        );
        let first = first.map_err(unavailable)?;
        Ok(Dossier::of(
            cluster,
            &census,
            first.and_then(EventTime::from_seconds),
        ))
    }
}
