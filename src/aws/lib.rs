//! AWS behind the ports: each room wraps one service, and nothing here decides anything that could
//! be decided without it.

pub mod bucket;
pub mod bus;
pub mod dynamodb;
pub mod function;
pub mod iam;
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
