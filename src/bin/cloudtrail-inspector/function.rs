//! The function of a deployed stack that takes events, in whose place a command takes them: with its
//! table, its bucket and its rules, and telling whom it would tell.

use anyhow::{Context as _, bail};
use aws_config::SdkConfig;
use clap::Args;
use cloudtrail_inspector::aws::bucket::S3Bucket;
use cloudtrail_inspector::aws::dynamodb::sdk::SdkTable;
use cloudtrail_inspector::aws::dynamodb::{DynamoStore, Settings};
use cloudtrail_inspector::aws::lambda::{Deployed, LambdaError, deployed};
use cloudtrail_inspector::aws::session;
use cloudtrail_inspector::config::IngestSettings;
use cloudtrail_inspector::ingest::intake::Taken;
use cloudtrail_inspector::ingest::rulebook::Rulebook;
use cloudtrail_inspector::ingest::subscription::{QUARANTINE, Subscription};
use cloudtrail_inspector::memory::MemoryStore;
use cloudtrail_inspector::ports::{Bucket, BucketError, Listed, Store};
use cloudtrail_inspector::trail::redact::sanitize;
use cloudtrail_inspector::trail::time::EventTime;
use tokio::runtime::Runtime;

use crate::stack::{now, runtime};
use crate::table::{counted, outcomes};

/// In whose place.
#[derive(Debug, Args)]
pub struct FunctionArguments {
    /// Act for the function of this deployed stack, with its settings
    #[arg(long, value_name = "NAME", required_unless_present = "table",
          conflicts_with_all = ["table", "bucket", "function", "rules_object"])]
    stack: Option<String>,
    /// Use this table and ask no function for its settings; nobody is told of what is new then
    #[arg(long, value_name = "NAME", requires_all = ["bucket", "function"])]
    table: Option<String>,
    /// With --table: the bucket of the stack
    #[arg(long, value_name = "NAME", requires = "table")]
    bucket: Option<String>,
    /// With --table: the name of the function, such as errors-ingest
    #[arg(long, value_name = "NAME", requires = "table")]
    function: Option<String>,
    /// With --table: the key of the rules in the bucket, if the stack has any
    #[arg(long, value_name = "KEY", requires = "table")]
    rules_object: Option<String>,
}

/// A function as far as it is needed to act in its place.
pub struct Acting {
    /// Its name, which its subscription filters have, too.
    pub function: String,
    /// The account that it is in, where that is known.
    pub account_id: String,
    /// The log groups that it reads, where these are known.
    pub groups: Vec<String>,
    /// How it is set up.
    pub settings: IngestSettings,
    /// How services are reached.
    pub config: SdkConfig,
    /// Answers come in as long as this is there.
    pub runtime: Runtime,
}

impl FunctionArguments {
    /// Finds out how the function is set up.
    pub fn open(&self) -> anyhow::Result<Acting> {
        let runtime = runtime()?;
        let config = runtime.block_on(session::config());
        let ask = |function: &str| {
            let found = runtime.block_on(deployed(&config, function));
            found.map_err(|error| unknown(function, &error))
        };
        let (function, deployed, groups) = match &self.stack {
            Some(stack) => {
                let function = format!("{stack}-ingest");
                let found = ask(&function)?;
                let inspect = ask(&format!("{stack}-inspect"))?;
                (function, found, log_groups(inspect))
            }
            None => {
                let (function, told) = self.as_told();
                (function, told, Vec::new())
            }
        };
        let settings = IngestSettings::parse(deployed.environment)
            .with_context(|| format!("the settings of {}", sanitize(&function, 256)))?;
        Ok(Acting {
            function,
            account_id: account_of(&deployed.arn),
            groups,
            settings,
            config,
            runtime,
        })
    }

    /// Returns the function that the arguments themselves tell of.
    fn as_told(&self) -> (String, Deployed) {
        let told = [
            ("TABLE_NAME", &self.table),
            ("BUCKET_NAME", &self.bucket),
            ("RULES_OBJECT", &self.rules_object),
        ];
        let told = told.into_iter().filter_map(|(name, value)| {
            let value = value.clone()?;
            Some((name.to_owned(), value))
        });
        let deployed = Deployed {
            arn: String::new(),
            environment: told.collect(),
        };
        (self.function.clone().unwrap_or_default(), deployed)
    }
}

/// Returns the log groups that the function reads again which takes stock.
fn log_groups(inspect: Deployed) -> Vec<String> {
    let mut variables = inspect.environment.into_iter();
    let names = variables.find(|(name, _)| name == "LOG_GROUP_NAMES");
    let names = names.map(|(_, names)| names).unwrap_or_default();
    let names = names.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn unknown(function: &str, error: &LambdaError) -> anyhow::Error {
    let function = sanitize(function, 256);
    match error {
        LambdaError::NoFunction { .. } => anyhow::anyhow!(
            "no function {function} here; check the name, the region and the profile \
             (aws sts get-caller-identity), or give --table, --bucket and --function"
        ),
        LambdaError::Unavailable { .. } => anyhow::anyhow!(
            "{function}: {error}; it takes lambda:GetFunctionConfiguration, or give --table, --bucket and \
             --function"
        ),
    }
}

/// Returns the account in an ARN, nothing where there is none.
pub fn account_of(arn: &str) -> String {
    arn.split(':').nth(4).unwrap_or_default().to_owned()
}

impl Acting {
    /// Returns the table, which tells what it had already.
    pub fn store(&self) -> DynamoStore<SdkTable> {
        let table = SdkTable::new(&self.config, &self.settings.table_name);
        DynamoStore::new(table, Settings::of(&self.settings), now()).counting()
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> S3Bucket {
        S3Bucket::new(&self.config, &self.settings.bucket_name)
    }

    /// Returns a subscription that goes by the function's rules.
    pub async fn subscription(&self, bucket: &impl Bucket) -> anyhow::Result<Subscription> {
        let settings = &self.settings;
        let mut rulebook = Rulebook::new(settings.rules_object.clone(), settings.exempt.clone());
        let mut subscription = Subscription::default();
        if let Some(rules) = rulebook.read(now(), bucket).await?.rules {
            subscription.set_rules(rules);
        }
        Ok(subscription)
    }

    /// Refuses what is so old that the table may have forgotten that it had it.
    pub fn check_age(&self, from: EventTime) -> anyhow::Result<()> {
        let days = self.settings.retention_days;
        if now().seconds_since(from) > i64::from(days) * 86_400 {
            bail!(
                "{from} is too long ago: the table keeps ids of events for {days} days, and what is older would \
                 count again"
            );
        }
        Ok(())
    }
}

/// A store that learns what time it is, if it wants to know.
pub trait Timed: Store {
    /// Tells it.
    fn tell_time(&mut self, now: EventTime);
}

impl Timed for DynamoStore<SdkTable> {
    fn tell_time(&mut self, now: EventTime) {
        self.set_now(now);
    }
}

impl Timed for MemoryStore {
    fn tell_time(&mut self, _: EventTime) {}
}

/// A bucket that is looked into and left as it is.
pub struct Untouched(pub S3Bucket);

impl Bucket for Untouched {
    async fn keep(&self, _: &str, _: Vec<u8>) -> Result<(), BucketError> {
        Ok(())
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        self.0.fetch(key, bytes_max).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<Listed>, BucketError> {
        self.0.list(prefix, after, objects_max).await
    }

    async fn remove(&self, _: &str) -> Result<(), BucketError> {
        Ok(())
    }
}

/// Returns what came of events, or what would come of them in a table that has nothing yet.
pub fn told(taken: &Taken, is_dry: bool) -> String {
    let mut text = outcomes(&taken.books, &counted(taken.payloads, "event"));
    if taken.unopened > 0 {
        let events = counted(taken.unopened, "event");
        let put = if is_dry { "would be put" } else { "put" };
        text.push_str(&format!("{events} {put} into {QUARANTINE}/ whole\n"));
    }
    let clusters = counted(taken.new_clusters, "cluster");
    text.push_str(&match is_dry {
        true => {
            format!("{clusters}; nothing was changed, and the table was not asked what it has\n")
        }
        false => format!("{clusters} new\n"),
    });
    text
}
