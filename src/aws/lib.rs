//! Implements the ports of `service` with AWS services, and sends alerts to Guance over HTTP.
//!
//! Each module wraps one service. Logic that does not need the service is in other crates.
//!
//! The modules, in reading order:
//!
//! - `session` configures the AWS SDK on a person's machine. `login` explains missing credentials. `function`
//!   configures the SDK inside an AWS Lambda function.
//! - `dynamodb` is the store in a DynamoDB table. `docs/table.md` describes the items; `dynamodb/mod.rs` describes how
//!   the store works.
//! - `bucket` is an S3 bucket: unreadable input, failed invocations and the rules file.
//! - `trail_objects` lists and reads trail files in S3; `trail_url` is their address, and says which folders need not be listed.
//! - `logs` reads log events from CloudWatch Logs for gap repair and backfill, and writes those of drills. `metrics` reads the number of failed
//!   deliveries from CloudWatch.
//! - `iam` asks IAM when an access key was last used.
//! - `stack` reads the parameters of a stack from CloudFormation, and asks STS who the caller is.
//! - `secret` reads a secret from Secrets Manager.
//! - `topic` sends to SNS, `bus` to EventBridge, `workspace` to Guance.
//! - `signed` sends requests to services without a client of their own; `lambda`, `trails` and `schedules` look up functions, trails
//!   and schedules with it. `resources` looks up what `doctor` asks other services for. `tls` is the TLS of `signed` and `workspace`.
//! - `refusal` classifies the error codes of AWS services.

pub mod bucket;
pub mod bus;
pub mod dynamodb;
pub mod function;
pub mod iam;
pub mod lambda;
pub mod login;
pub mod logs;
pub mod metrics;
mod refusal;
pub mod resources;
pub mod schedules;
pub mod secret;
pub mod session;
pub mod signed;
pub mod stack;
mod tls;
pub mod topic;
pub mod trail_objects;
pub mod trail_url;
pub mod trails;
pub mod workspace;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}
