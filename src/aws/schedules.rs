//! Looks up the schedules of a stack in EventBridge Scheduler. All calls only read.

use aws_config::SdkConfig;
use service::ports::LookupError;

use crate::signed::{SignedClient, SignedRequest};

/// A client for look-ups in EventBridge Scheduler, in one account and region.
#[derive(Debug)]
pub struct Schedules {
    client: SignedClient,
}

impl Schedules {
    /// Creates the client for the account and region of `config`. Nothing connects before the first call.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: SignedClient::new(config),
        }
    }

    /// Returns the name of the schedule in a group that has one schedule, and whether it is enabled; `None` if there is none.
    ///
    /// # Errors
    /// [`LookupError`] if AWS refuses the request or does not answer.
    pub async fn in_group(&self, group: &str) -> Result<Option<(String, bool)>, LookupError> {
        let request = SignedRequest {
            service: "scheduler",
            path: &format!("/schedules?ScheduleGroup={group}"),
            operation: None,
        };
        let found = self.client.look_up(&request).await?.unwrap_or_default();
        let found = found["Schedules"].as_array().and_then(|of| of.first());
        Ok(found.map(|schedule| {
            let name = schedule["Name"].as_str().unwrap_or_default();
            (name.to_owned(), schedule["State"] == "ENABLED")
        }))
    }
}
