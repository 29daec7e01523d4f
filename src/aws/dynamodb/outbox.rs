//! Implements the outbox: leases, settles and postpones rows, each in one write or one transaction.
//!
//! The state of sinks and the answers of IAM about access keys are stored here as well.

use std::iter;

use alerts::alert::Alert;
use alerts::kind::AlertKind;
use alerts::outbox::{
    Breaker, Lease, MessageLogEntry, OutboxRow, SendingLimits, Settlement, SilenceChange,
};
use clusters::fingerprint::ClusterId;
use clusters::keys::{ANSWER_SECONDS, KeyUsage};
use records::time::Timestamp;
use service::ports::{KeyAnswers, KeyUsageStore, Outbox, SentLog, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::calls::concurrently;
use crate::dynamodb::drills;
use crate::dynamodb::message::{
    self, LOG, breaker_item, breaker_key, decode_row, key_usage_expires, key_usage_item,
    key_usage_key, read_log, row_key, row_partitions, silence_item, silence_key,
};
use crate::dynamodb::table::{Key, Table, TableError, Write};
use crate::dynamodb::triage::{read_triage, triage_key};

impl<T: Table> Outbox for DynamoStore<T> {
    async fn waiting(&self, sink: &str, limit: usize) -> Result<Vec<OutboxRow>, StoreError> {
        let table = &self.table;
        let partitions =
            row_partitions(sink).map(|pk| async move { table.first(&pk, limit).await });
        let mut rows = Vec::new();
        for items in concurrently(partitions).await {
            for item in items? {
                let row = decode_row(&item).map_err(|why| StoreError::Damaged {
                    detail: format!(
                        "item {} {} is not a valid outbox row: {why}",
                        item.key.pk, item.key.sk
                    ),
                })?;
                rows.push(row);
            }
        }
        OutboxRow::sort(&mut rows);
        self.forget_read();
        Ok(rows)
    }

    async fn lease(&self, row: &OutboxRow, lease: &Lease) -> Result<bool, StoreError> {
        let write = Write::Take {
            key: row_key(row),
            holder: lease.holder.clone(),
            now: lease.now,
            until: lease.until,
        };
        self.try_apply(&[write]).await
    }

    async fn settle(
        &self,
        row: &OutboxRow,
        lease: &Lease,
        end: &Settlement,
    ) -> Result<bool, StoreError> {
        self.try_apply(&settlement_writes(row, lease, end)).await
    }

    async fn breaker(&self, sink: &str) -> Result<Breaker, StoreError> {
        let found = self.table.get(&[breaker_key(sink)]).await?;
        Ok(found.first().map(message::read_breaker).unwrap_or_default())
    }

    async fn set_breaker(&self, sink: &str, breaker: &Breaker) -> Result<(), StoreError> {
        let put = Write::Put(breaker_item(sink, breaker));
        Ok(self.apply(&[put]).await?)
    }

    async fn probe(&self, sink: &str, lease: &Lease) -> Result<bool, StoreError> {
        let write = Write::Probe {
            key: breaker_key(sink),
            now: lease.now,
            until: lease.until,
        };
        self.try_apply(&[write]).await
    }

    async fn sending_limits(
        &self,
        sink: &str,
        cluster: ClusterId,
    ) -> Result<SendingLimits, StoreError> {
        // One call reads both items, so that the triage costs no extra call.
        let keys = [silence_key(sink, cluster), triage_key(cluster)];
        let found = self.table.get(&keys).await?;
        let [silence, triage] = keys.map(|key| found.iter().find(|item| item.key == key));
        Ok(SendingLimits {
            silence: silence.map(message::read_silence),
            triage: triage.and_then(read_triage),
            absorbed: silence.and_then(|item| item.number_of("ab")),
        })
    }
}

impl<T: Table> SentLog for DynamoStore<T> {
    async fn sent(&self, cluster: ClusterId) -> Result<Vec<MessageLogEntry>, StoreError> {
        let items = self.table.query(&format!("C#{cluster}"), LOG).await?;
        let now = self.now;
        let mut sent: Vec<MessageLogEntry> =
            items.iter().filter_map(|of| read_log(of, now)).collect();
        sent.sort();
        Ok(sent)
    }
}

impl<T: Table> KeyAnswers for DynamoStore<T> {
    async fn key_usage(&self, key: &str) -> Result<KeyUsage, StoreError> {
        let found = self.table.get(&[key_usage_key(key)]).await?;
        Ok(found
            .first()
            .map(message::read_key_usage)
            .unwrap_or_default())
    }
}

impl<T: Table> KeyUsageStore for DynamoStore<T> {
    async fn claim(&self, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let write = Write::Claim {
            key: key_usage_key(key),
            now,
            until: now.plus(ANSWER_SECONDS),
            expires: key_usage_expires(now),
        };
        self.try_apply(&[write]).await
    }

    async fn remember(
        &self,
        key: &str,
        key_usage: &KeyUsage,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writes = vec![Write::Put(key_usage_item(key, key_usage, now))];
        for alert in alerts {
            writes.extend(self.outbox_writes(alert, now));
        }
        match self.apply(&writes).await {
            // Another function wrote the same alert in the same second, so only the usage is stored.
            Err(TableError::Refused { .. }) => Ok(self.apply(&writes[..1]).await?),
            result => Ok(result?),
        }
    }
}

impl<T: Table> DynamoStore<T> {
    /// Does all writes or none; `false` if the first write was refused.
    pub(super) async fn try_apply(&self, writes: &[Write]) -> Result<bool, StoreError> {
        match self.apply(writes).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused { place: 0, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the writes that settle or postpone a row. The first write checks the holder of the lease. What becomes of a drill is
/// noted with the drill, and not in the log of sent alerts.
fn settlement_writes(row: &OutboxRow, lease: &Lease, end: &Settlement) -> Vec<Write> {
    let (key, holder) = (row_key(row), lease.holder.clone());
    let silence = |cluster| silence_key(&row.sink, cluster);
    let mut writes = vec![match end {
        Settlement::Later { due, why, counts } => {
            let later = Write::Later {
                key,
                holder,
                due: *due,
                why: why.clone(),
                attempts: i64::from(*counts),
            };
            let noted = drills::outcome_write(row, lease.now, false, why);
            return iter::once(later).chain(noted).collect();
        }
        _ => Write::End { key, holder },
    }];
    let (is_sent, answer) = match end {
        Settlement::Sent { answer, .. } => (true, answer.as_str()),
        Settlement::Dead { why } => (false, why.as_str()),
        _ => (false, "suppressed"),
    };
    if let Some(noted) = drills::outcome_write(row, lease.now, is_sent, answer) {
        writes.push(noted);
        return writes;
    }
    match (end, row.alert.cluster()) {
        (Settlement::Sent { answer, silence }, cluster) => {
            writes.push(message::log(row, lease.now, answer));
            if let (Some(cluster), SilenceChange::Replace { until }) = (cluster, silence) {
                let item = silence_item(&row.sink, cluster, *until, lease.now);
                writes.push(Write::Put(item));
            }
        }
        (Settlement::Suppressed | Settlement::Absorbed, Some(cluster)) => {
            let key: Key = silence(cluster);
            let opens = matches!(row.alert.kind(), AlertKind::New | AlertKind::Regressed);
            let is_absorbed = opens && *end == Settlement::Absorbed;
            let absorbed = is_absorbed.then(|| row.alert.subject.number());
            writes.push(Write::HoldBack { key, absorbed });
        }
        (Settlement::Suppressed | Settlement::Absorbed, None) => {
            writes.push(message::log(row, lease.now, "suppressed"));
        }
        (Settlement::Digested, _) => writes.push(message::log(row, lease.now, "digested")),
        (Settlement::Dead { why }, _) => writes.push(message::dead_row(row, lease.now, why)),
        (Settlement::Later { .. }, _) => {}
    }
    writes
}
