//! What a command needs to do the work of a stack's functions: their settings, table, bucket and rules.
//!
//! New clusters cause alerts as in the functions, except with `--bucket`.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::session;
use aws_config::SdkConfig;
use clap::Args;
use records::redact::sanitize;
use records::time::Timestamp;
use service::config::lists::Lists;
use service::config::setup::{OperatorSettings, Setup};
use service::drill::log_group_of;
use service::ingest::replay_input::ReplayTotals;
use service::ingest::rules_loader::RulesLoader;
use service::ingest::subscription::{QUARANTINE, Subscription};
use service::memory::MemoryStore;
use service::ports::{Bucket, BucketError, Fetched, ListedObject, SetupStore as _, Store};
use tokio::runtime::Runtime;

use crate::aws_options::AwsArguments;
use crate::counts::{counted, outcomes};
use crate::deployed::table_named;
use crate::machine::{now, runtime};
use crate::settings::load_lists;

/// Options that name the stack and, optionally, settings that replace those of its functions.
#[derive(Debug, Args)]
pub struct FunctionArguments {
    /// Use this deployed stack, with the settings that its last inspection saved in the table
    #[arg(long, value_name = "NAME", required_unless_present = "table",
          conflicts_with_all = ["table", "bucket", "function", "rules_object"])]
    stack: Option<String>,
    /// Use this DynamoDB table of a deployed stack, with the settings saved in it
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// With --table: use this bucket and ignore the settings saved in the table. No alerts are sent then
    #[arg(long, value_name = "NAME", requires_all = ["table", "function"])]
    bucket: Option<String>,
    /// With --bucket: name of the ingest function, such as errors-ingest
    #[arg(long, value_name = "NAME", requires_all = ["table", "bucket"])]
    function: Option<String>,
    /// With --bucket: key of the rules file in the bucket, if the stack has one
    #[arg(long, value_name = "KEY", requires = "bucket")]
    rules_object: Option<String>,
    /// Also use this settings file; give the same file as for config set, because only the stack's functions can read
    /// it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsArguments,
}

/// The settings and connections with which `backfill` and `redrive` do the work of a stack's functions.
pub struct FunctionContext {
    /// The settings of the stack's functions, as saved in the table or given by options.
    pub settings: OperatorSettings,
    /// The region, the credentials and the endpoints for calls to AWS.
    pub config: SdkConfig,
    /// The asynchronous runtime on which the calls to AWS run.
    pub runtime: Runtime,
}

impl FunctionArguments {
    /// Returns what a command needs to act like a function of the stack: settings, AWS configuration and runtime. The settings come
    /// from the stack's table or, with `--bucket`, from the options.
    ///
    /// # Errors
    /// Fails if the stack or its settings are not found, or if `--settings` does not match the stack's settings
    /// object.
    pub fn open(&self) -> anyhow::Result<FunctionContext> {
        let lists = load_lists(self.settings.as_deref())?;
        let runtime = runtime()?;
        let (config, mut settings) = runtime.block_on(async {
            let config = session::config(&self.aws.chosen()).await?;
            let place = (self.stack.as_deref(), self.table.as_deref());
            let table = table_named(&config, &self.aws, place).await?;
            let setup = match self.given_setup() {
                Some(setup) => setup,
                None => saved_in(&config, &table).await?,
            };
            let settings = setup.parse(&table);
            let name = || format!("the settings for table {}", sanitize(&table, 256));
            anyhow::Ok((config, settings.with_context(name)?))
        })?;
        check_self_principals(&settings, &lists)?;
        settings.ingest = settings.ingest.with(&lists);
        Ok(FunctionContext {
            settings,
            config,
            runtime,
        })
    }

    /// Returns the settings given by `--bucket`, `--function` and `--rules-object`; `None` without `--bucket`.
    fn given_setup(&self) -> Option<Setup> {
        let bucket = self.bucket.clone()?;
        let function = self.function.clone().unwrap_or_default();
        let given = [
            ("BUCKET_NAME", bucket),
            (
                "DRILL_LOG_GROUP",
                log_group_of(&function).unwrap_or_default(),
            ),
            ("INGEST_FUNCTION_NAME", function),
            (
                "RULES_OBJECT",
                self.rules_object.clone().unwrap_or_default(),
            ),
        ];
        Some(Setup::of(
            given.map(|(name, value)| (name.to_owned(), value)),
        ))
    }
}

/// Returns the settings that the last inspection saved in the table.
pub async fn saved_in(config: &SdkConfig, table: &str) -> anyhow::Result<Setup> {
    let store = DynamoStore::new(
        SdkTable::new(config, table),
        TableSettings::default(),
        now(),
    );
    let setup = store.setup().await;
    let setup = setup.with_context(|| format!("table {}", sanitize(table, 256)))?;
    setup.ok_or_else(|| no_settings(table))
}

fn no_settings(table: &str) -> anyhow::Error {
    // CloudFormation names a table `<stack>-Table-<random>`.
    let stack = table
        .split_once("-Table-")
        .map_or("NAME", |(stack, _)| stack);
    let (table, stack) = (sanitize(table, 256), sanitize(stack, 256));
    anyhow!(
        "table {table} does not contain the settings of the functions yet, because no inspection has run. The first \
         inspection runs by InspectionSchedule, by default within an hour. To run it now: aws lambda invoke \
         --function-name {stack}-inspect --payload '{{}}' --cli-binary-format raw-in-base64-out /dev/stdout. \
         Or give the settings with --table, --bucket and --function"
    )
}

/// Checks that as many roles to ignore are given as the stack's settings object has; their names are not known here.
fn check_self_principals(settings: &OperatorSettings, lists: &Lists) -> anyhow::Result<()> {
    let (stored, given) = (
        settings.further_self_principals,
        lists.self_principals.len(),
    );
    if stored > 0 && stored != given {
        bail!(
            "the stack's settings object has {stored} self_principals, but {given} are given here; use --settings with the \
             file that was uploaded by config set, because only the stack's functions can read the object"
        );
    }
    Ok(())
}

/// Returns the account ID in an ARN; empty if the ARN has none.
pub fn account_of(arn: &str) -> String {
    arn.split(':').nth(4).unwrap_or_default().to_owned()
}

impl FunctionContext {
    /// Returns a store on the stack's table that counts exactly which events are new; see [`DynamoStore::counting`].
    pub fn store(&self) -> DynamoStore<SdkTable> {
        let settings = &self.settings.ingest;
        let table = SdkTable::new(&self.config, &settings.table_name);
        DynamoStore::new(table, TableSettings::of(settings), now()).counting()
    }

    /// Returns a client for the stack's bucket.
    pub fn bucket(&self) -> S3Bucket {
        S3Bucket::new(&self.config, &self.settings.ingest.bucket_name)
    }

    /// Returns a processor for payloads of log events. It applies the rules and exclusions of the stack's functions,
    /// with the rules file read from `bucket`.
    pub async fn subscription(&self, bucket: &impl Bucket) -> anyhow::Result<Subscription> {
        let settings = &self.settings.ingest;
        let mut loader = RulesLoader::new(settings.rules_object.clone());
        let mut subscription = Subscription::default().archiving(settings.archives);
        subscription.set_drill_log_group(settings.drill_log_group.clone());
        subscription.set_exclusions(settings.exclusions.clone());
        if let Some(rules) = loader.read(now(), bucket).await?.value {
            subscription.set_rules(rules);
        }
        Ok(subscription)
    }

    /// Checks that the table still has the IDs of all events since `from`: that `from` is within the retention time.
    ///
    /// # Errors
    /// Fails for an older time: the table may have deleted the IDs of events at that time, so that they would be
    /// counted again.
    pub fn check_age(&self, from: Timestamp) -> anyhow::Result<()> {
        let days = self.settings.ingest.retention_days;
        if now().seconds_since(from) > i64::from(days) * 86_400 {
            bail!(
                "{from} is too long ago: the table keeps event IDs for {days} days, and older events would be \
                 counted again"
            );
        }
        Ok(())
    }
}

/// A store whose current time can be set. A store that uses no time ignores it.
pub trait SetClock: Store {
    /// Sets the current time of the store to `now`.
    fn set_clock(&mut self, now: Timestamp);
}

impl SetClock for DynamoStore<SdkTable> {
    fn set_clock(&mut self, now: Timestamp) {
        self.set_now(now);
    }
}

impl SetClock for MemoryStore {
    fn set_clock(&mut self, _: Timestamp) {}
}

/// A stack's bucket for `--dry-run`: reads work; writes and deletions do nothing and report success.
pub struct ReadOnlyBucket(pub S3Bucket);

impl Bucket for ReadOnlyBucket {
    async fn keep(&self, _: &str, _: Vec<u8>) -> Result<(), BucketError> {
        Ok(())
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        self.0.fetch(key, bytes_max).await
    }

    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError> {
        self.0.fetch_changed(key, tag, bytes_max).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError> {
        self.0.list(prefix, after, objects_max).await
    }

    async fn remove(&self, _: &str) -> Result<(), BucketError> {
        Ok(())
    }
}

/// Returns the totals of a backfill or redrive as text: records by outcome, and clusters.
///
/// With `is_dry`, the text says that nothing was changed. A dry run counts as if the table were empty.
pub fn summary(totals: &ReplayTotals, is_dry: bool) -> String {
    let mut text = outcomes(&totals.record_counts, &counted(totals.payloads, "event"));
    if totals.unopened > 0 {
        let events = counted(totals.unopened, "event");
        let put = if is_dry { "would be put" } else { "put" };
        text.push_str(&format!("{events} {put} into {QUARANTINE}/ whole\n"));
    }
    let clusters = counted(totals.new_clusters, "cluster");
    text.push_str(&match is_dry {
        true => {
            format!("{clusters}; nothing was changed, and events that the table has already are included\n")
        }
        false => format!("{clusters} new\n"),
    });
    text
}
