//! The functions of a deployed stack, in whose place a command acts: with their table, their bucket and
//! their rules, and telling whom they would tell.

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
use service::config::setup::{DeputySettings, Setup};
use service::ingest::replay_input::ReplayTotals;
use service::ingest::rules_loader::RulesLoader;
use service::ingest::subscription::{QUARANTINE, Subscription};
use service::memory::MemoryStore;
use service::ports::{Bucket, BucketError, Fetched, ListedObject, SetupStore as _, Store};
use tokio::runtime::Runtime;

use crate::counts::{counted, outcomes};
use crate::deployed::table_of;
use crate::machine::{now, runtime};
use crate::settings::load_lists;

/// In whose place.
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
    /// Also use this settings file; give the same file as for config set, because only the stack's functions can read it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// What it takes to act in the place of the functions.
pub struct FunctionContext {
    /// How they are set up.
    pub settings: DeputySettings,
    /// How services are reached.
    pub config: SdkConfig,
    /// Answers come in as long as this is there.
    pub runtime: Runtime,
}

impl FunctionArguments {
    /// Finds out how the functions are set up.
    pub fn open(&self) -> anyhow::Result<FunctionContext> {
        let lists = load_lists(self.settings.as_deref())?;
        let runtime = runtime()?;
        let (config, mut settings) = runtime.block_on(async {
            let config = session::config().await?;
            let table = match (&self.table, &self.stack) {
                (None, Some(stack)) => table_of(&config, stack).await?,
                (table, _) => table.clone().unwrap_or_default(),
            };
            let setup = match self.by_hand() {
                Some(setup) => setup,
                None => left_in(&config, &table).await?,
            };
            let settings = setup.parse(&table);
            let name = || format!("the settings for table {}", sanitize(&table, 256));
            anyhow::Ok((config, settings.with_context(name)?))
        })?;
        check_further(&settings, &lists)?;
        settings.ingest = settings.ingest.with(&lists);
        Ok(FunctionContext {
            settings,
            config,
            runtime,
        })
    }

    /// Returns the settings that the arguments themselves tell, if they do.
    fn by_hand(&self) -> Option<Setup> {
        let bucket = self.bucket.clone()?;
        let told = [
            ("BUCKET_NAME", bucket),
            (
                "INGEST_FUNCTION_NAME",
                self.function.clone().unwrap_or_default(),
            ),
            (
                "RULES_OBJECT",
                self.rules_object.clone().unwrap_or_default(),
            ),
        ];
        Some(Setup::of(
            told.map(|(name, value)| (name.to_owned(), value)),
        ))
    }
}

/// Returns the settings that an inspection left in a table.
async fn left_in(config: &SdkConfig, table: &str) -> anyhow::Result<Setup> {
    let store = DynamoStore::new(
        SdkTable::new(config, table),
        TableSettings::default(),
        now(),
    );
    let setup = store.setup().await;
    let setup = setup.with_context(|| format!("table {}", sanitize(table, 256)))?;
    setup.ok_or_else(|| nothing_left(table))
}

fn nothing_left(table: &str) -> anyhow::Error {
    // CloudFormation calls a table after its stack.
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

/// Refuses to act with fewer roles to ignore than the functions have, or with others.
fn check_further(settings: &DeputySettings, lists: &Lists) -> anyhow::Result<()> {
    let (known, given) = (
        settings.further_self_principals,
        lists.self_principals.len(),
    );
    if known > 0 && known != given {
        bail!(
            "the stack's settings object has {known} self_principals, but {given} are given here; use --settings with the \
             file that was uploaded by config set, because only the stack's functions can read the object"
        );
    }
    Ok(())
}

/// Returns the account in an ARN, nothing where there is none.
pub fn account_of(arn: &str) -> String {
    arn.split(':').nth(4).unwrap_or_default().to_owned()
}

impl FunctionContext {
    /// Returns the table, which tells what it had already.
    pub fn store(&self) -> DynamoStore<SdkTable> {
        let settings = &self.settings.ingest;
        let table = SdkTable::new(&self.config, &settings.table_name);
        DynamoStore::new(table, TableSettings::of(settings), now()).counting()
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> S3Bucket {
        S3Bucket::new(&self.config, &self.settings.ingest.bucket_name)
    }

    /// Returns a subscription that goes by the functions' rules.
    pub async fn subscription(&self, bucket: &impl Bucket) -> anyhow::Result<Subscription> {
        let settings = &self.settings.ingest;
        let mut rulebook = RulesLoader::new(settings.rules_object.clone());
        let mut subscription = Subscription::default();
        subscription.set_exclusions(settings.exclusions.clone());
        if let Some(rules) = rulebook.read(now(), bucket).await?.value {
            subscription.set_rules(rules);
        }
        Ok(subscription)
    }

    /// Refuses what is so old that the table may have forgotten that it had it.
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

/// A store that learns what time it is, if it wants to know.
pub trait SetClock: Store {
    /// Tells it.
    fn tell_time(&mut self, now: Timestamp);
}

impl SetClock for DynamoStore<SdkTable> {
    fn tell_time(&mut self, now: Timestamp) {
        self.set_now(now);
    }
}

impl SetClock for MemoryStore {
    fn tell_time(&mut self, _: Timestamp) {}
}

/// A bucket that is looked into and left as it is.
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

/// Returns what came of events, or what would come of them in a table that has nothing yet.
pub fn told(taken: &ReplayTotals, is_dry: bool) -> String {
    let mut text = outcomes(&taken.record_counts, &counted(taken.payloads, "event"));
    if taken.unopened > 0 {
        let events = counted(taken.unopened, "event");
        let put = if is_dry { "would be put" } else { "put" };
        text.push_str(&format!("{events} {put} into {QUARANTINE}/ whole\n"));
    }
    let clusters = counted(taken.new_clusters, "cluster");
    text.push_str(&match is_dry {
        true => {
            format!("{clusters}; nothing was changed, and events that the table has already are included\n")
        }
        false => format!("{clusters} new\n"),
    });
    text
}
