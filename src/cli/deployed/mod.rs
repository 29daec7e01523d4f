//! A deployed stack, opened on a person's machine: its table, and the functions in whose place a command acts.

pub mod backfill;
pub mod config_set;
mod function;
pub mod redrive;

use anyhow::{Context as _, bail};
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::session;
use aws_config::SdkConfig;
use records::redact::sanitize;
use tokio::runtime::Runtime;

use crate::machine::{now, runtime};
use crate::stack::TableArguments;

/// A table, and what waits for its answers.
pub struct OpenTable {
    /// The store in the table.
    pub store: DynamoStore<SdkTable>,
    /// Answers come in as long as this is there.
    pub runtime: Runtime,
}

impl TableArguments {
    /// Returns what errors about the table are said of.
    pub fn name(&self) -> String {
        let name = self.table.as_deref().or(self.stack.as_deref());
        sanitize(name.unwrap_or_default(), 256)
    }

    /// Opens the table.
    pub fn open(&self) -> anyhow::Result<OpenTable> {
        // Before anybody is asked for credentials.
        if !self.is_given() {
            bail!("give a stack with --stack, a table with --table, or a file with --db");
        }
        let runtime = runtime()?;
        let (config, table) = runtime.block_on(async {
            let config = session::config().await?;
            let table = match (&self.table, &self.stack) {
                (None, Some(stack)) => table_of(&config, stack).await?,
                (table, _) => table.clone().unwrap_or_default(),
            };
            anyhow::Ok((config, table))
        })?;
        let store = DynamoStore::new(
            SdkTable::new(&config, table),
            TableSettings::default(),
            now(),
        );
        Ok(OpenTable { store, runtime })
    }
}

/// Returns the table of a stack.
pub async fn table_of(config: &SdkConfig, stack: &str) -> anyhow::Result<String> {
    let tables = session::tables_of(config, stack).await;
    let tables = tables.with_context(|| format!("stack {stack}"))?;
    one_of(stack, ("table", "TableName"), tables)
}

/// Returns the one table or bucket of a stack, by what it is and the stack's output that names it.
///
/// # Errors
/// There is none, or there are several: those of earlier deployments stay.
fn one_of(
    stack: &str,
    (kind, output): (&str, &str),
    mut found: Vec<String>,
) -> anyhow::Result<String> {
    let stack = sanitize(stack, 256);
    match (found.pop(), found.as_slice()) {
        (Some(name), []) => Ok(name),
        (None, _) => bail!(
            "no {kind} of stack {stack} found; check the name, the region and the profile \
             (aws sts get-caller-identity), or give --{kind} with the stack's output {output}"
        ),
        (Some(last), others) => bail!(
            "several {kind}s of stack {stack} exist from earlier deployments; choose one with --{kind}, see the stack's output \
             {output}: {}, {last}",
            others.join(", ")
        ),
    }
}
