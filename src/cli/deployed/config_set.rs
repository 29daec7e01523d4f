//! `config set`: checks a settings file or a rules file, and uploads it to a stack's bucket.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws::bucket::S3Bucket;
use aws::{session, stack};
use aws_config::SdkConfig;
use clap::Args;
use records::redact::sanitize;
use service::config::lists::{SETTINGS_KEY, salted, unsalted};
use service::configuration::changes::{Change, file_changes};
use service::configuration::history::ConfigChange;
use service::configuration::import::{put_file, summary};
use service::configuration::{RULES_PARAMETER, file_version};
use service::ports::Bucket as _;
use service::rules::RULES_BYTES_MAX;

use crate::aws_options::AwsArguments;
use crate::deployed::bucket_named;
use crate::inputs::shown;
use crate::machine::{now, runtime, secret};
use crate::output;
use crate::settings::load;
use crate::source::load_rules_text;

/// The files and their destination.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Upload to the bucket of this deployed stack
    #[arg(long, value_name = "NAME", required_unless_present = "bucket")]
    stack: Option<String>,
    /// Upload to this bucket (the stack's output `BucketName`)
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    bucket: Option<String>,
    /// The settings file
    #[arg(required_unless_present = "rules")]
    file: Option<PathBuf>,
    /// Also upload this rules file, to the key in the stack's parameter `RulesObject`
    #[arg(long, value_name = "FILE", requires = "stack")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsArguments,
}

/// A file to upload.
struct Upload<'a> {
    /// `settings` or `rules`.
    file: &'static str,
    /// Its path on this machine.
    path: &'a Path,
    key: String,
    bytes: Vec<u8>,
}

/// Runs `config set`: checks the files and uploads them to the stack's bucket. Nothing is uploaded if one of them is not valid.
///
/// # Errors
/// Fails if a file is not valid, or if the stack or its bucket cannot be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = arguments.file.as_deref();
    let settings = settings.map(|path| anyhow::Ok((path, load(path)?.bytes)));
    let settings = settings.transpose()?;
    let rules = arguments.rules.as_deref();
    let rules = rules.map(rules_of);
    let rules = rules.transpose()?;
    let printed = runtime()?.block_on(async {
        let config = session::config(&arguments.aws.chosen()).await?;
        let place = (arguments.stack.as_deref(), arguments.bucket.as_deref());
        let name = bucket_named(&config, &arguments.aws, place).await?;
        let (bucket, who) = (S3Bucket::new(&config, &name), stack::caller(&config).await?);
        let mut uploads = Vec::new();
        if let Some((path, bytes)) = rules {
            uploads.push(Upload {
                file: "rules",
                path,
                key: rules_key(&config, arguments.stack.as_deref().unwrap_or_default()).await?,
                bytes,
            });
        }
        if let Some((path, bytes)) = settings {
            uploads.push(Upload {
                file: "settings",
                path,
                key: SETTINGS_KEY.to_owned(),
                bytes: salted(bytes, &secret()?),
            });
        }
        let mut printed = String::new();
        for upload in uploads {
            let line = upload.put(&bucket, &who).await;
            let name = sanitize(&name, 256);
            let line = line.with_context(|| format!("bucket {name}"))?;
            printed.push_str(&format!("s3://{name}/{line}"));
        }
        anyhow::Ok(printed)
    })?;
    output::print(&printed)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the path and the bytes of a rules file.
///
/// # Errors
/// Fails if it cannot be read, or is not valid.
fn rules_of(path: &Path) -> anyhow::Result<(&Path, Vec<u8>)> {
    let (_, text) = load_rules_text(path)?;
    Ok((path, text.into_bytes()))
}

/// Returns the key of a stack's rules file.
async fn rules_key(config: &SdkConfig, name: &str) -> anyhow::Result<String> {
    let stack = sanitize(name, 256);
    let parameters = stack::parameters(config, name).await;
    let mut parameters = parameters.with_context(|| format!("stack {stack}"))?;
    let key = parameters.remove(RULES_PARAMETER).unwrap_or_default();
    if key.is_empty() {
        bail!(
            "stack {stack} has no rules file; deploy it with RulesObject=rules/rules.toml, after you put the file there: aws \
             s3 cp FILE s3://BUCKET/rules/rules.toml"
        );
    }
    Ok(key)
}

impl Upload<'_> {
    /// Notes the change and puts the file. Returns what to print behind the name of the bucket.
    async fn put(self, bucket: &S3Bucket, who: &str) -> anyhow::Result<String> {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let text = unsalted(&text);
        let (version, has) = (file_version(Some(&self.bytes)), summary(self.file, text));
        let source = format!("config set {}", shown(self.path));
        let changes = self.changes(bucket, text).await;
        let about = (source.as_str(), has.as_str());
        let change = ConfigChange::new(now(), who, (self.file, &version), about, changes);
        put_file(bucket, change, &self.key, self.bytes).await?;
        Ok(format!(
            "{}: {has}, version {version}; the functions use it within five minutes\n",
            self.key
        ))
    }

    /// Returns what differs from the file before; `None` if it may not be read, as is usual for the settings file.
    async fn changes(&self, bucket: &S3Bucket, text: &str) -> Option<Vec<Change>> {
        let before = bucket.fetch(&self.key, RULES_BYTES_MAX).await.ok()?;
        let before = String::from_utf8(before.unwrap_or_default()).ok()?;
        Some(file_changes(self.file, unsalted(&before), text))
    }
}
