//! Configures the AWS SDK inside an AWS Lambda function: credentials, region, retries and timeouts.
//!
//! The SDK's default chain looks for profiles, single sign-on and metadata services, which takes time at the start. A
//! Lambda function has its credentials and its region in environment variables, so only these are read.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_smithy_async::time::SystemTimeSource;

use crate::http_client;

/// Attempts per call, the first included, unless `AWS_MAX_ATTEMPTS` is set.
const ATTEMPTS_MAX: u32 = 5;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The time limit for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a call with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit for one attempt to read a page of a log group. Long, because CloudWatch Logs searches much of the
/// group before it answers, and a second attempt starts the search again.
const PAGE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit for a page with all its attempts.
const PAGE_TIMEOUT: Duration = Duration::from_secs(100);

/// Returns the timeouts of a call that reads one page of log events from a log group. `left` is the remaining time of
/// the invocation.
///
/// One attempt may take 30 seconds. All attempts together may take 100 seconds, or `left` if that is less.
pub fn page_timeouts(left: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(PAGE_ATTEMPT_TIMEOUT)
        .operation_timeout(PAGE_TIMEOUT.min(left))
        .build()
}

/// The region and the endpoint of AWS services, from the environment variables of a Lambda function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionEnv {
    /// The variable `AWS_REGION`: the region of the function; `None` if unset.
    pub region: Option<String>,
    /// The variable `AWS_ENDPOINT_URL`: replaces the endpoints of all AWS services; only tests set it. `None` if
    /// unset or empty.
    pub endpoint_url: Option<String>,
    /// Whether FIPS endpoints are used: the variable `AWS_USE_FIPS_ENDPOINT` is `true`, in upper or lower case.
    pub use_fips: bool,
    /// The variable `AWS_MAX_ATTEMPTS`: how often a call is tried, the first attempt included. `None` if unset or no number.
    pub attempts: Option<u32>,
}

impl FunctionEnv {
    /// Selects the variables of this type from `environment`, all environment variables as pairs of name and
    /// value.
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
                "AWS_MAX_ATTEMPTS" => env.attempts = value.parse().ok(),
                _ => {}
            }
        }
        env
    }

    /// Returns the configuration of the AWS SDK for a Lambda function.
    ///
    /// Credentials come from the environment at the first call. Nothing connects, and no certificate is read, before
    /// that call. A call makes up to 5 attempts in up to 15 seconds.
    pub fn config(&self) -> SdkConfig {
        let attempts = self.attempts.unwrap_or(ATTEMPTS_MAX).max(1);
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone().map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // The role of another account cannot be assumed without a clock.
            .time_source(SystemTimeSource::new())
            .identity_cache(IdentityCache::lazy().build())
            .http_client(http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .timeout_config(timeouts)
            .use_fips(self.use_fips);
        config.set_endpoint_url(self.endpoint_url.clone());
        config.build()
    }
}
