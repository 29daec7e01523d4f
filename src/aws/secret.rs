//! Reads a secret from AWS Secrets Manager.
//!
//! The secret is not cached here. The sink that uses the secret caches it for some minutes.

use std::cell::OnceCell;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use service::ports::{SecretStore, SecretStoreError};
use zeroize::Zeroizing;

use crate::refusal::{self, Cause};

/// A client that fetches one secret from AWS Secrets Manager. Each request fetches it again; nothing is cached.
#[derive(Debug)]
pub struct ManagedSecret {
    config: SdkConfig,
    /// Created at the first call.
    client: OnceCell<Client>,
    arn: String,
}

impl ManagedSecret {
    /// Creates the client for the secret with this ARN. Nothing connects before the first request.
    pub fn new(config: &SdkConfig, arn: &str) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            arn: arn.to_owned(),
        }
    }
}

impl SecretStore for ManagedSecret {
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let fetched = client.get_secret_value().secret_id(&self.arn).send().await;
        let fetched = fetched.map_err(|error| {
            let detail = refusal::describe(&error);
            match refusal::cause(&error) {
                Cause::Settings | Cause::Request => SecretStoreError::Refused { detail },
                Cause::Throttled | Cause::Service => SecretStoreError::Unavailable { detail },
            }
        })?;
        match fetched.secret_string {
            Some(secret) => Ok(Zeroizing::new(secret)),
            None => Err(SecretStoreError::Refused {
                detail: "the secret is binary; store it as text".to_owned(),
            }),
        }
    }
}
