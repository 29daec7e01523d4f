//! A secret in Secrets Manager. Who asks keeps it for a while; nothing of it is kept here.

use std::cell::OnceCell;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use service::ports::{SecretStore, SecretStoreError};
use zeroize::Zeroizing;

use crate::refusal::{self, Cause};

/// A secret in Secrets Manager.
#[derive(Debug)]
pub struct KeptSecret {
    config: SdkConfig,
    /// Made when it is first used.
    client: OnceCell<Client>,
    arn: String,
}

impl KeptSecret {
    /// Returns the secret of an ARN; nothing is connected to before it is asked for.
    pub fn new(config: &SdkConfig, arn: &str) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            arn: arn.to_owned(),
        }
    }
}

impl SecretStore for KeptSecret {
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let fetched = client.get_secret_value().secret_id(&self.arn).send().await;
        let fetched = fetched.map_err(|error| {
            let detail = refusal::told(&error);
            match refusal::cause(&error) {
                Cause::Settings | Cause::Request => SecretStoreError::Refused { detail },
                Cause::Throttled | Cause::Service => SecretStoreError::Unavailable { detail },
            }
        })?;
        match fetched.secret_string {
            Some(secret) => Ok(Zeroizing::new(secret)),
            None => Err(SecretStoreError::Refused {
                detail: "it is binary; store a text".to_owned(),
            }),
        }
    }
}
