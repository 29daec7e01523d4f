//! Reads what the health of a stack is judged by: since when the table has events, and the alerts that were given up.

use records::time::Timestamp;
use service::ports::{Beginning, HealthStore, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::{RENEWAL, beginning_key, version};
use crate::dynamodb::message::dead_partition;
use crate::dynamodb::table::{Item, Table};

impl<T: Table> HealthStore for DynamoStore<T> {
    async fn beginning(&self) -> Result<Beginning, StoreError> {
        let partition = beginning_key().pk;
        let items = self.table.query(&partition, "").await?;
        let began = items.iter().find(|item| item.key == beginning_key());
        let first = |item: &Item| item.time_of("ft");
        let renewals = items.iter().filter_map(|item| {
            let version = item.key.sk.strip_prefix(RENEWAL)?;
            Some((first(item)?, version.to_owned()))
        });
        let newest = renewals.max().map(|(_, version)| version);
        Ok(Beginning {
            began: began.and_then(first),
            identity: newest.or_else(|| began.map(|item| version(item).to_owned())),
        })
    }

    async fn dead(&self, sink: &str, limit: usize) -> Result<Vec<Timestamp>, StoreError> {
        let items = self.table.first(&dead_partition(sink), limit).await?;
        let at = |item: &Item| {
            let seconds = item.key.sk.split('#').next()?.parse().ok()?;
            Timestamp::from_seconds(seconds)
        };
        Ok(items.iter().filter_map(at).collect())
    }
}
