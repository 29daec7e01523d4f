//! `status`: shows the health of a deployed stack on one screen.

use std::process::ExitCode;

use anyhow::bail;
use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::lambda::Lambda;
use aws::metrics::CloudWatch;
use aws::session;
use clap::Args;
use records::redact::sanitize;
use service::status::{collect, functions, report, setting};

use crate::aws_options::AwsArguments;
use crate::health_text;
use crate::list_format::Format;
use crate::locale_options::LocaleOptions;
use crate::machine::{now, runtime};
use crate::table::Screen;
use crate::{json, output};

/// Show the health of a deployed stack: the last inspection, delays, waiting alerts, alarms and versions
///
/// The first row of the dashboard says the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector status --stack errors\n  \
    cloudtrail-inspector status --stack errors --language zh --time-zone +08:00\n  \
    cloudtrail-inspector status --stack errors --format json | jq '.rows[] | select(.state != \"ok\")'")]
pub struct Arguments {
    /// The deployed stack
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    locale: LocaleOptions,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Runs `status`. The exit code is 1 if something is bad or unknown.
///
/// # Errors
/// Fails without credentials, and if there is no such stack.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (runtime, stack) = (runtime()?, arguments.stack.as_str());
    let facts = runtime.block_on(async {
        let config = session::config(&arguments.aws.chosen()).await?;
        let found = functions(&Lambda::new(&config), stack).await;
        if found.as_ref().is_ok_and(Vec::is_empty) {
            let place = arguments.aws.place(&config);
            bail!(
                "no stack {} in {place}; check the name, or give --region or --profile",
                sanitize(stack, 256)
            );
        }
        let named = |name: &str| {
            let known = found.as_deref().unwrap_or_default();
            setting(known, "ingest", name)
                .unwrap_or_default()
                .to_owned()
        };
        let table = SdkTable::new(&config, named("TABLE_NAME"));
        let store = DynamoStore::new(table, TableSettings::default(), now());
        let bucket = S3Bucket::new(&config, &named("BUCKET_NAME"));
        let of = (stack, env!("CARGO_PKG_VERSION"), now());
        let monitoring = CloudWatch::new(&config);
        anyhow::Ok(collect(of, found.clone(), &store, &bucket, &monitoring).await)
    })?;
    let locale = arguments.locale.locale();
    let report = report(&facts, locale);
    match arguments.format {
        Format::Table => output::print(&health_text::status(
            &report,
            locale.language,
            &Screen::of_stdout(false),
        ))?,
        Format::Json => output::print(&json::health::status(&report)?)?,
    }
    Ok(ExitCode::from(u8::from(!report.is_healthy())))
}
