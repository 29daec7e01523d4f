//! `config set`: checks a settings file and uploads it to a stack's bucket.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use aws::bucket::S3Bucket;
use aws::session;
use aws_config::SdkConfig;
use clap::Args;
use records::redact::sanitize;
use service::config::lists::SETTINGS_KEY;
use service::ports::Bucket as _;

use crate::aws_options::AwsArguments;
use crate::deployed::one_of;
use crate::machine::{runtime, secret};
use crate::output;
use crate::settings::load;

/// The settings file and its destination.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Upload to the bucket of this deployed stack
    #[arg(long, value_name = "NAME", required_unless_present = "bucket")]
    stack: Option<String>,
    /// Upload to this bucket (the stack's output `BucketName`)
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    bucket: Option<String>,
    /// The settings file
    file: PathBuf,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `config set`: checks the settings file and uploads it to the stack's bucket. Nothing is uploaded if the file
/// is not valid.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load(&arguments.file)?;
    let mut bytes = loaded.bytes;
    // A user who may only list the bucket sees a digest of the object and could check guesses at its content. The
    // random line makes the digest useless for that.
    bytes.extend_from_slice(format!("\n# put as {}\n", secret()?).as_bytes());
    let bucket = runtime()?.block_on(async {
        let config = session::config(&arguments.aws.chosen()).await?;
        let bucket = match (&arguments.bucket, &arguments.stack) {
            (None, Some(stack)) => bucket_of(&config, &arguments.aws, stack).await?,
            (bucket, _) => bucket.clone().unwrap_or_default(),
        };
        let put = S3Bucket::new(&config, &bucket)
            .keep(SETTINGS_KEY, bytes)
            .await;
        put.with_context(|| format!("bucket {}", sanitize(&bucket, 256)))?;
        anyhow::Ok(bucket)
    })?;
    output::print(&format!(
        "s3://{}/{SETTINGS_KEY}: {}; the functions use it within five minutes\n",
        sanitize(&bucket, 256),
        loaded.lists.counts()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the name of a stack's bucket.
async fn bucket_of(config: &SdkConfig, aws: &AwsArguments, stack: &str) -> anyhow::Result<String> {
    let buckets = session::buckets_of(config, stack).await;
    let place = aws.place(config);
    let buckets = buckets.with_context(|| format!("stack {stack} in {place}"))?;
    one_of(stack, &place, ("bucket", "BucketName"), buckets)
}
