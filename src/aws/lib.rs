//! Implements the ports on AWS, and sends to Guance over HTTP.
//!
//! Each module wraps one service. Nothing here decides anything that could be decided without the service.
//!
//! The modules, in reading order:
//!
//! - `session` reaches AWS from a person's machine, `login` says what to do where that has no credentials; `function`
//!   reaches AWS from within a function.
//! - `dynamodb` is the store in a table, described in `docs/table.md`; its `mod.rs` says how it works.
//! - `bucket` is S3: what could not be read, what failed, and the rules.
//! - `logs` reads log groups again; `metrics` has what CloudWatch counts of deliveries that failed.
//! - `iam` knows when an access key was last used.
//! - `secret` reads Secrets Manager.
//! - `topic` sends to SNS, `bus` to EventBridge, `workspace` to Guance.
//! - `refusal` says what it means when a service refuses.

pub mod bucket;
pub mod bus;
pub mod dynamodb;
pub mod function;
pub mod iam;
pub mod login;
pub mod logs;
pub mod metrics;
mod refusal;
pub mod secret;
pub mod session;
pub mod topic;
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
