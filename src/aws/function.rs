//! How the services of AWS are reached from within a function: with its own credentials, patiently,
//! and without the work at the start that a laptop needs.
//!
//! The SDK's own way looks for profiles, single sign-on and metadata services. A function has none of
//! them: its credentials and its region are in its environment, so that is where this looks.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedCredentialsProvider;

use crate::http_client;

/// How often a call is made at most, the first time included.
const ATTEMPTS_MAX: u32 = 5;

/// How long it may take to be connected.
const CONNECT_SECONDS: Duration = Duration::from_secs(1);

/// How long one attempt may take.
const ATTEMPT_SECONDS: Duration = Duration::from_secs(2);

/// How long a call may take with all its attempts.
const OPERATION_SECONDS: Duration = Duration::from_secs(15);

/// How long one attempt to read a page of a log group may take. CloudWatch Logs answers when it has gone through
/// much of the group, and an attempt that is cut off begins anew.
const PAGE_ATTEMPT_SECONDS: Duration = Duration::from_secs(30);

/// How long a page may take with all its attempts.
const PAGE_SECONDS: Duration = Duration::from_secs(100);

/// Returns how long a page of a log group may take, where so much time is left.
pub fn page_timeouts(left: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_SECONDS)
        .operation_attempt_timeout(PAGE_ATTEMPT_SECONDS)
        .operation_timeout(PAGE_SECONDS.min(left))
        .build()
}

/// What the environment of a function says about where its services are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionEnv {
    /// `AWS_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL`, which only tests set.
    pub endpoint_url: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`.
    pub use_fips: bool,
}

impl FunctionEnv {
    /// Takes what is needed from an environment.
    pub fn of<'a>(environment: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut env = Self::default();
        for (name, value) in environment {
            match name {
                "AWS_REGION" => env.region = Some(value.to_owned()),
                "AWS_ENDPOINT_URL" if !value.is_empty() => {
                    env.endpoint_url = Some(value.to_owned());
                }
                "AWS_USE_FIPS_ENDPOINT" => {
                    env.use_fips = value.eq_ignore_ascii_case("true");
                }
                _ => {}
            }
        }
        env
    }

    /// Returns how to reach the services. Nothing is connected and no certificate read before the
    /// first call.
    pub fn config(&self) -> SdkConfig {
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_SECONDS)
            .operation_attempt_timeout(ATTEMPT_SECONDS)
            .operation_timeout(OPERATION_SECONDS)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone().map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::lazy().build())
            .http_client(http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .timeout_config(timeouts)
            .use_fips(self.use_fips);
        config.set_endpoint_url(self.endpoint_url.clone());
        config.build()
    }
}
