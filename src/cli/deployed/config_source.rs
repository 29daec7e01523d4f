//! Reads the configuration of a deployed stack: its parameters, the files in its bucket, and the decisions in its table.

use std::path::Path;

use anyhow::Context as _;
use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::{session, stack};
use aws_config::SdkConfig;
use records::redact::sanitize;
use service::config::lists::SETTINGS_KEY;
use service::configuration::{Configuration, ReadConfigurationError, read};

use crate::aws_options::AwsArguments;
use crate::deployed::{bucket_of, table_of};
use crate::machine::{now, runtime};
use crate::settings::load;

/// A deployed stack: its configuration, and what changes it.
pub struct Deployed {
    /// The configuration.
    pub configuration: Configuration,
    /// The client for the stack's bucket.
    pub bucket: S3Bucket,
    /// The store on the stack's table.
    pub store: DynamoStore<SdkTable>,
    /// The credentials and the region.
    pub config: SdkConfig,
}

/// Returns the configuration of a stack. `settings` is the settings file, for people who may not read that of the stack.
///
/// # Errors
/// Fails if the stack, its table or its bucket is not found or cannot be read.
pub fn configuration(
    stack: &str,
    settings: Option<&Path>,
    aws: &AwsArguments,
) -> anyhow::Result<Configuration> {
    let deployed = runtime()?.block_on(open(stack, settings, aws))?;
    Ok(deployed.configuration)
}

/// Opens a stack and reads its configuration.
///
/// # Errors
/// Fails like [`configuration`].
pub async fn open(
    stack: &str,
    settings: Option<&Path>,
    aws: &AwsArguments,
) -> anyhow::Result<Deployed> {
    let config = session::config(&aws.chosen()).await?;
    let place = || format!("stack {} in {}", sanitize(stack, 256), aws.place(&config));
    let parameters = stack::parameters(&config, stack)
        .await
        .with_context(place)?;
    let bucket = S3Bucket::new(&config, &bucket_of(&config, aws, stack).await?);
    let table = table_of(&config, aws, stack).await?;
    let table = SdkTable::new(&config, table);
    let store = DynamoStore::new(table, TableSettings::default(), now());
    let given = settings.map(load).transpose()?;
    let given = given.map(|loaded| String::from_utf8_lossy(&loaded.bytes).into_owned());
    let named = Configuration::of(stack, env!("CARGO_PKG_VERSION"), parameters);
    let configuration = read(named, given, &bucket, &store).await;
    let configuration = configuration.map_err(explained);
    Ok(Deployed {
        configuration: configuration.with_context(place)?,
        bucket,
        store,
        config,
    })
}

/// Says who may read the settings file, if that is what failed.
fn explained(error: ReadConfigurationError) -> anyhow::Error {
    let is_of_settings = matches!(
        &error,
        ReadConfigurationError::Bucket { key, .. } if key == SETTINGS_KEY
    );
    let error = anyhow::Error::from(error);
    match is_of_settings {
        true => error.context(
            "only the functions, and the roles of the parameter ConfigReader, may read the settings file; deploy with \
             ConfigReader=ARN of your role, or give the file with --settings",
        ),
        false => error,
    }
}
