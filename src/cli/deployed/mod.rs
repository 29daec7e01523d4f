//! Commands that use a deployed stack from a user's machine: they open its table or do the work of its functions.

pub mod backfill;
pub mod carry;
pub mod config_export;
pub mod config_history;
pub mod config_import;
pub mod config_set;
pub mod config_source;
pub mod doctor;
pub mod drill;
mod function;
mod function_log;
pub mod redrive;
pub mod status;

use anyhow::{Context as _, bail};
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::session;
use aws_config::SdkConfig;
use records::redact::sanitize;
use tokio::runtime::Runtime;

use crate::aws_options::AwsArguments;
use crate::machine::{now, runtime};
use crate::stack::TableArguments;

/// A store on the table of a deployed stack, with the runtime that its calls need.
pub struct OpenTable {
    /// The name of the table or the stack, with its region and the profile, for error messages.
    pub name: String,
    /// The region of the table.
    pub region: String,
    /// The store on the table.
    pub store: DynamoStore<SdkTable>,
    /// The asynchronous runtime for calls of the store. It must be entered before the store is used.
    pub runtime: Runtime,
}

impl AwsArguments {
    /// Returns where a command looks, for error messages: the region of `config`, and where the credentials come from.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is the place that reads the environment"
    )]
    pub fn place(&self, config: &SdkConfig) -> String {
        let region = config.region().map(ToString::to_string);
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = match (&self.profile, variable("AWS_ACCESS_KEY_ID")) {
            (Some(profile), _) => format!("profile {profile}"),
            (None, Some(_)) => "the credentials of AWS_ACCESS_KEY_ID".to_owned(),
            (None, None) => {
                let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
                format!("profile {profile}")
            }
        };
        let text = format!("region {} with {credentials}", region.unwrap_or_default());
        sanitize(&text, 256)
    }
}

impl TableArguments {
    /// Returns the name given by `--table`, else the name given by `--stack`, for error messages; empty if neither is
    /// given.
    pub fn name(&self) -> String {
        let name = self.table.as_deref().or(self.stack.as_deref());
        sanitize(name.unwrap_or_default(), 256)
    }

    /// Opens the table that the options name.
    ///
    /// # Errors
    /// Fails if no table is named, if there are no credentials, or if the stack does not have exactly one table.
    pub fn open(&self) -> anyhow::Result<OpenTable> {
        // Before credentials are loaded, which may take long or fail.
        if !self.is_given() {
            bail!("give a stack with --stack, a table with --table, or a file with --db");
        }
        let runtime = runtime()?;
        let (config, name, table) = runtime.block_on(async {
            let config = session::config(&self.aws.chosen()).await?;
            let name = format!("{} in {}", self.name(), self.aws.place(&config));
            let place = (self.stack.as_deref(), self.table.as_deref());
            let table = table_named(&config, &self.aws, place).await?;
            anyhow::Ok((config, name, table))
        })?;
        let store = DynamoStore::new(
            SdkTable::new(&config, table),
            TableSettings::default(),
            now(),
        );
        let region = config.region().map(ToString::to_string);
        Ok(OpenTable {
            name,
            region: region.unwrap_or_default(),
            store,
            runtime,
        })
    }
}

/// Returns the name of the only DynamoDB table of a stack.
///
/// # Errors
/// Fails if the stack has no table, or several tables, which earlier deployments left.
pub async fn table_of(
    config: &SdkConfig,
    aws: &AwsArguments,
    stack: &str,
) -> anyhow::Result<String> {
    let tables = session::tables_of(config, stack).await;
    let place = aws.place(config);
    let tables = tables.with_context(|| format!("stack {stack} in {place}"))?;
    one_of(stack, &place, ("table", "TableName"), tables)
}

/// Returns the table that options name: `table`, else the only one of `stack`. One of them is given.
///
/// # Errors
/// Fails if the stack has no table, or several.
async fn table_named(
    config: &SdkConfig,
    aws: &AwsArguments,
    (stack, table): (Option<&str>, Option<&str>),
) -> anyhow::Result<String> {
    match (table, stack) {
        (None, Some(stack)) => table_of(config, aws, stack).await,
        (table, _) => Ok(table.unwrap_or_default().to_owned()),
    }
}

/// Returns the bucket that options name: `bucket`, else the only one of `stack`. One of them is given.
///
/// # Errors
/// Fails if the stack has no bucket, or several.
async fn bucket_named(
    config: &SdkConfig,
    aws: &AwsArguments,
    (stack, bucket): (Option<&str>, Option<&str>),
) -> anyhow::Result<String> {
    match (bucket, stack) {
        (None, Some(stack)) => bucket_of(config, aws, stack).await,
        (bucket, _) => Ok(bucket.unwrap_or_default().to_owned()),
    }
}

/// Returns the name of the only bucket of a stack.
///
/// # Errors
/// Fails if the stack has no bucket, or several, which earlier deployments left.
async fn bucket_of(config: &SdkConfig, aws: &AwsArguments, stack: &str) -> anyhow::Result<String> {
    let buckets = session::buckets_of(config, stack).await;
    let place = aws.place(config);
    let buckets = buckets.with_context(|| format!("stack {stack} in {place}"))?;
    one_of(stack, &place, ("bucket", "BucketName"), buckets)
}

/// Returns the only table or bucket that was found for a stack. `output` is the stack's output that has its name, `place` is
/// where was looked.
///
/// # Errors
/// Fails if none or several were found: tables and buckets of earlier deployments are not deleted.
fn one_of(
    stack: &str,
    place: &str,
    (kind, output): (&str, &str),
    mut found: Vec<String>,
) -> anyhow::Result<String> {
    let stack = sanitize(stack, 256);
    match (found.pop(), found.as_slice()) {
        (Some(name), []) => Ok(name),
        (None, _) => bail!(
            "no {kind} of stack {stack} in {place}; check the name, or give --region or --profile, or --{kind} with the \
             stack's output {output}"
        ),
        (Some(last), others) => bail!(
            "several {kind}s of stack {stack} exist from earlier deployments; choose one with --{kind}, see the stack's output \
             {output}: {}, {last}",
            others.join(", ")
        ),
    }
}
