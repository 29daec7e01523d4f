//! Looks up the functions of a stack in AWS Lambda: their settings, permissions and concurrency. All calls only read.

use aws_config::SdkConfig;
use serde_json::Value;
use service::ports::{DeployedFunction, DeployedFunctions, LookupError};

use crate::signed::{SignedClient, SignedRequest};

/// A client for look-ups in AWS Lambda, in one account and region.
#[derive(Debug)]
pub struct Lambda {
    client: SignedClient,
}

impl Lambda {
    /// Creates the client for the account and region of `config`. Nothing connects before the first call.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: SignedClient::new(config),
        }
    }

    /// Returns the resource policy of a function as JSON; `None` if it has none, or does not exist.
    ///
    /// # Errors
    /// [`LookupError`] if AWS refuses the request or does not answer.
    pub async fn policy(&self, function: &str) -> Result<Option<String>, LookupError> {
        let path = format!("/2015-03-31/functions/{function}/policy");
        let found = self.get(&path).await?;
        Ok(found.and_then(|of| of["Policy"].as_str().map(str::to_owned)))
    }

    /// Returns the number of concurrent executions that are reserved for a function (`None`: none), and the number that the
    /// account has left for functions without a reservation.
    ///
    /// # Errors
    /// [`LookupError`] if AWS refuses a request or does not answer.
    pub async fn concurrency(&self, function: &str) -> Result<(Option<i64>, i64), LookupError> {
        let path = format!("/2019-09-30/functions/{function}/concurrency");
        let reserved = self.get(&path).await?;
        let reserved = reserved.and_then(|of| of["ReservedConcurrentExecutions"].as_i64());
        let account = self.get("/2016-08-19/account-settings").await?;
        let limit = &account.unwrap_or_default()["AccountLimit"];
        let left = limit["UnreservedConcurrentExecutions"].as_i64();
        Ok((reserved, left.unwrap_or_default()))
    }

    async fn get(&self, path: &str) -> Result<Option<Value>, LookupError> {
        let request = SignedRequest {
            service: "lambda",
            path,
            operation: None,
        };
        self.client.look_up(&request).await
    }
}

impl DeployedFunctions for Lambda {
    async fn function(&self, name: &str) -> Result<Option<DeployedFunction>, LookupError> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let found = self.get(&path).await?;
        Ok(found.as_ref().map(read))
    }
}

fn read(found: &Value) -> DeployedFunction {
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let settings = found["Environment"]["Variables"].as_object();
    let settings = settings.into_iter().flatten();
    let reasons = [text("StateReason"), text("LastUpdateStatusReason")];
    let reasons: Vec<String> = reasons.into_iter().filter(|of| !of.is_empty()).collect();
    DeployedFunction {
        name: text("FunctionName"),
        state: text("State"),
        last_update: text("LastUpdateStatus"),
        reason: reasons.join("; "),
        settings: settings
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
    }
}
