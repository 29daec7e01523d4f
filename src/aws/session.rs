//! How the services of AWS are reached by a person: with the profile, the single sign-on or the
//! variables that the AWS CLI would use.

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::ProvideCredentials as _;
use service::ports::BucketError;

use crate::dynamodb::sdk::failed;
use crate::dynamodb::table::TableError;
use crate::login::LoginError;
use crate::{bucket, http_client};

/// Returns how to reach the services.
///
/// # Errors
/// [`LoginError`] when there are no credentials.
pub async fn config() -> Result<SdkConfig, LoginError> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        // One for all clients, so that each of them does not ask for credentials anew.
        .identity_cache(IdentityCache::lazy().build())
        .load()
        .await;
    if let Some(credentials) = config.credentials_provider()
        && let Err(error) = credentials.provide_credentials().await
    {
        return Err(LoginError::of(&error).await);
    }
    Ok(config)
}

/// Returns the tables that a stack has made, with those that stayed when an earlier one of its name
/// was deleted. CloudFormation calls a table after its stack and its place in the template.
///
/// # Errors
/// [`TableError`] when the tables cannot be listed.
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

/// Returns the buckets that a stack has made in the region.
///
/// Those that stayed when an earlier one of its name was deleted are among them. CloudFormation calls a bucket after
/// its stack and its place in the template, in small letters.
///
/// # Errors
/// [`BucketError`] when the buckets cannot be listed.
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
