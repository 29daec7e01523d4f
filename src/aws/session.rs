//! Configures the AWS SDK on a person's machine, and finds the tables and buckets of a stack.
//!
//! The credentials are those that the AWS CLI would use: a profile, single sign-on, or environment variables.

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{ProvideCredentials as _, SharedCredentialsProvider};
use service::ports::BucketError;

use crate::dynamodb::sdk::failed;
use crate::dynamodb::table::TableError;
use crate::login::LoginError;
use crate::{bucket, http_client};

/// The profile and the region that a person chose for one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The name of a profile in the files of the AWS CLI; `None` for that of `AWS_PROFILE`, or the default profile.
    pub profile: Option<String>,
    /// The name of a region; `None` for that of `AWS_REGION`, or of the profile.
    pub region: Option<String>,
}

/// Loads the configuration of the AWS SDK on a person's machine, and checks that there are credentials and a region.
///
/// A chosen profile counts more than credentials in environment variables, as in the AWS CLI.
///
/// # Errors
/// [`LoginError`] if there are no usable credentials or no region; its text names the command that the person has to run.
pub async fn config(chosen: &Chosen) -> Result<SdkConfig, LoginError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        // Shared by all clients, so that credentials are obtained only once.
        .identity_cache(IdentityCache::lazy().build());
    if let Some(region) = &chosen.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &chosen.profile {
        loader = loader.profile_name(profile);
    }
    let mut config = loader.load().await;
    if let Some(profile) = &chosen.profile {
        // Requests for credentials need a region, too.
        let provider = ProviderConfig::without_region().with_http_client(http_client());
        let provider = provider.with_region(config.region().cloned());
        let credentials = ProfileFileCredentialsProvider::builder();
        let credentials = credentials.configure(&provider).profile_name(profile);
        let credentials = SharedCredentialsProvider::new(credentials.build());
        config = config
            .into_builder()
            .credentials_provider(credentials)
            .build();
    }
    if let Some(credentials) = config.credentials_provider()
        && let Err(error) = credentials.provide_credentials().await
    {
        return Err(LoginError::of(&error, chosen.profile.clone()).await);
    }
    match config.region() {
        Some(_) => Ok(config),
        None => Err(LoginError::NoRegion),
    }
}

/// Returns the names of a stack's DynamoDB tables, in the region of `config`: those that start with `<stack>-Table-`.
///
/// CloudFormation builds a table's name from the stack and the resource name in the template. The list includes
/// tables that were retained when an earlier stack of the same name was deleted.
///
/// # Errors
/// [`TableError`] if the tables cannot be listed.
pub async fn tables_of(config: &SdkConfig, stack: &str) -> Result<Vec<String>, TableError> {
    let start = format!("{stack}-Table-");
    let mut pages = Client::new(config).list_tables().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let names = page.map_err(failed)?.table_names.unwrap_or_default();
        found.extend(names.into_iter().filter(|name| name.starts_with(&start)));
    }
    Ok(found)
}

/// Returns the names of a stack's S3 buckets, in the region of `config`: those that start with the name of the stack
/// in lower case and `-bucket-`.
///
/// CloudFormation builds a bucket's name from the stack and the resource name in the template. The list includes
/// buckets that were retained when an earlier stack of the same name was deleted.
///
/// # Errors
/// [`BucketError`] if the buckets cannot be listed.
pub async fn buckets_of(config: &SdkConfig, stack: &str) -> Result<Vec<String>, BucketError> {
    let start = format!("{}-bucket-", stack.to_lowercase());
    let region = config.region().map(ToString::to_string);
    let request = bucket::client(config).list_buckets().prefix(&start);
    let mut pages = request.set_bucket_region(region).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| bucket::unavailable(&error))?;
        let buckets = page.buckets.unwrap_or_default().into_iter();
        found.extend(buckets.filter_map(|bucket| bucket.name));
    }
    found.retain(|name| name.starts_with(&start));
    Ok(found)
}
