//! The table of a deployed stack, opened from a desk.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use aws_config::SdkConfig;
use clap::Args;
use cloudtrail_inspector::aws::dynamodb::sdk::SdkTable;
use cloudtrail_inspector::aws::dynamodb::{DynamoStore, Settings};
use cloudtrail_inspector::aws::session;
use cloudtrail_inspector::trail::redact::sanitize;
use cloudtrail_inspector::trail::time::EventTime;
use tokio::runtime::{Builder, Runtime};

/// Which table.
#[derive(Debug, Default, Args)]
pub struct TableArguments {
    /// Use this DynamoDB table of a deployed stack
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    pub table: Option<String>,
    /// Use the table of this deployed stack
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
}

/// A table, and what waits for its answers.
pub struct Opened {
    /// The store in the table.
    pub store: DynamoStore<SdkTable>,
    /// Answers come in as long as this is there.
    pub runtime: Runtime,
}

impl TableArguments {
    /// Tells whether a table was named.
    pub fn is_given(&self) -> bool {
        self.table.is_some() || self.stack.is_some()
    }

    /// Opens the table.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let runtime = runtime()?;
        let (config, table) = runtime.block_on(async {
            let config = session::config().await;
            let table = match (&self.table, &self.stack) {
                (Some(table), _) => table.clone(),
                (None, Some(stack)) => table_of(&config, stack).await?,
                (None, None) => {
                    bail!("name a table with --table, or a stack with --stack, or a file with --db")
                }
            };
            anyhow::Ok((config, table))
        })?;
        let store = DynamoStore::new(SdkTable::new(&config, table), Settings::default(), now());
        Ok(Opened { store, runtime })
    }

    /// Returns what errors about the table are said of.
    pub fn name(&self) -> String {
        let name = self.table.as_deref().or(self.stack.as_deref());
        sanitize(name.unwrap_or_default(), 256)
    }
}

/// Returns what waits for answers.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Returns the table of a stack.
pub async fn table_of(config: &SdkConfig, stack: &str) -> anyhow::Result<String> {
    let tables = session::tables_of(config, stack).await;
    one_of(stack, tables.with_context(|| format!("stack {stack}"))?)
}

fn one_of(stack: &str, mut tables: Vec<String>) -> anyhow::Result<String> {
    match (tables.pop(), tables.as_slice()) {
        (Some(table), []) => Ok(table),
        (None, _) => bail!(
            "no table of a stack {stack} here; check the name, the region and the profile \
             (aws sts get-caller-identity), or give --table"
        ),
        (Some(last), others) => bail!(
            "stack {stack} has left tables of earlier deployments; say with --table which: {}, {last}",
            others.join(", ")
        ),
    }
}

/// Returns the time by the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the door is where the clock comes in"
)]
pub fn now() -> EventTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs() as i64);
    EventTime::from_seconds(seconds).unwrap_or(EventTime::FIRST)
}
