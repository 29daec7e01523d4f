//! Reads who changed the settings file or the rules file of a stack, for `config history`.

use anyhow::Context as _;
use aws::bucket::S3Bucket;
use aws::session;
use records::redact::sanitize;
use service::configuration::history::{self, ConfigChange};

use crate::aws_options::AwsArguments;
use crate::deployed::bucket_named;
use crate::machine::runtime;

/// Returns at most `limit` changes that are noted in a bucket, the newest first. `place` has the names of the stack and of the
/// bucket, one of which is given.
///
/// # Errors
/// Fails if the bucket cannot be found, listed or read.
pub fn changes(
    place: (Option<&str>, Option<&str>),
    limit: usize,
    aws: &AwsArguments,
) -> anyhow::Result<Vec<ConfigChange>> {
    runtime()?.block_on(async {
        let config = session::config(&aws.chosen()).await?;
        let bucket = bucket_named(&config, aws, place).await?;
        let found = history::changes(&S3Bucket::new(&config, &bucket), limit).await;
        found.with_context(|| format!("bucket {}", sanitize(&bucket, 256)))
    })
}
