//! Reads a secret from AWS Secrets Manager.
//!
//! The secret is not cached here. The sink that uses the secret caches it for some minutes.

use std::cell::OnceCell;
use std::time::Instant;

use alerts::guance::route::Route;
use alerts::guance::secret::Secret;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};
use service::doctor::Probe;
use service::ports::{LookupError, SecretStore, SecretStoreError};
use zeroize::Zeroizing;

use crate::refusal::{self, Cause};
use crate::resources::millis_since;
use crate::signed::lookup_error;

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

impl ManagedSecret {
    async fn fetch(&self) -> Result<GetSecretValueOutput, SdkError<GetSecretValueError>> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        client.get_secret_value().secret_id(&self.arn).send().await
    }

    /// Checks that the secret exists, and has what a route of Guance needs. Nothing of the secret is kept or returned.
    ///
    /// # Errors
    /// [`LookupError`] if AWS refuses to read the secret or does not answer.
    pub async fn check(&self, route: Route) -> Result<Probe, LookupError> {
        let began = Instant::now();
        let wrong = match self.fetch().await {
            Ok(fetched) => {
                let text = fetched.secret_string.map(Zeroizing::new);
                let text = text.unwrap_or_default();
                Secret::parse(&text, route).err().map(|of| of.to_string())
            }
            Err(error) => match error.code() {
                Some("ResourceNotFoundException") => Some("it does not exist".to_owned()),
                Some("InvalidRequestException") => Some("it was deleted".to_owned()),
                _ => return Err(lookup_error(&refusal::describe(&error))),
            },
        };
        Ok(wrong.map_or_else(|| Probe::Fine(millis_since(began)), Probe::Wrong))
    }
}

impl SecretStore for ManagedSecret {
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError> {
        let fetched = self.fetch().await;
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
