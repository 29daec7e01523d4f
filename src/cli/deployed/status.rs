//! Collects the facts for `status`, as the function of the dashboard does. `service::status` judges them.

use anyhow::bail;
use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::lambda::Lambda;
use aws::metrics::CloudWatch;
use aws::session;
use records::redact::sanitize;
use service::status::{StatusFacts, collect, functions, setting};

use crate::aws_options::AwsArguments;
use crate::machine::{now, runtime};

/// Looks up what the health of a stack is judged by.
///
/// # Errors
/// Fails without credentials, and if there is no such stack. What cannot be looked up is an error among the facts.
pub fn facts(stack: &str, options: &AwsArguments) -> anyhow::Result<StatusFacts> {
    runtime()?.block_on(async {
        let config = session::config(&options.chosen()).await?;
        let found = functions(&Lambda::new(&config), stack).await;
        if found.as_ref().is_ok_and(Vec::is_empty) {
            let place = options.place(&config);
            bail!(
                "no stack {} in {place}; check the name, or give --region or --profile",
                sanitize(stack, 256)
            );
        }
        let named = |name: &str| {
            let known = found.as_deref().unwrap_or_default();
            setting(known, "ingest", name)
                .unwrap_or_default()
                .to_owned()
        };
        let table = SdkTable::new(&config, named("TABLE_NAME"));
        let store = DynamoStore::new(table, TableSettings::default(), now());
        let bucket = S3Bucket::new(&config, &named("BUCKET_NAME"));
        let of = (stack, env!("CARGO_PKG_VERSION"), now());
        let monitoring = CloudWatch::new(&config);
        anyhow::Ok(collect(of, found.clone(), &store, &bucket, &monitoring).await)
    })
}
