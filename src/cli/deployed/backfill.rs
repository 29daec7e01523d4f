//! `backfill`: reads a time range of a stack's log groups again and processes the events.

use std::process::ExitCode;

use anyhow::bail;
use aws::logs::CloudWatchLogs;
use clap::Args;
use indicatif::ProgressBar;
use records::redact::sanitize;
use records::time::Timestamp;
use service::ingest::backfill::{Checkpoint, Source, backfill};
use service::ingest::diagnosis::{Expected, SilenceCause, of_subscription};
use service::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use service::memory::MemoryStore;
use service::ports::{Bucket, LogGroups as _, Subscribed, with_causes};

use crate::counts::counted;
use crate::deployed::function::{
    FunctionArguments, FunctionContext, ReadOnlyBucket, SetClock, account_of, summary,
};
use crate::machine::now;
use crate::output;
use crate::when::time;

/// Read a time range of a stack's log groups again
///
/// Adds events that the subscriptions missed: reads the log groups with the filter pattern of the subscription and
/// processes the events like the ingest function. It is safe to repeat or interrupt, and time ranges may overlap: an
/// event that is already stored is not counted again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector backfill --stack errors --from 2026-11-21T08:00:00Z --to 2026-11-21T10:00:00Z --dry-run\n  \
    cloudtrail-inspector backfill --stack errors --from 2026-11-21 --to 2026-11-22\n  \
    cloudtrail-inspector backfill --stack errors --from 2026-11-21 --to 2026-11-22 --group CloudTrail/DefaultLogGroup")]
pub struct Arguments {
    #[command(flatten)]
    function: FunctionArguments,
    /// Start of the time range: a time or a date (UTC). It is the time at which CloudWatch Logs received the events,
    /// some minutes after the calls
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Timestamp,
    /// End of the time range, exclusive: a time or a date (UTC)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Timestamp,
    /// Only this log group. May be repeated. Default: all log groups of the stack
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Filter pattern to use instead of the subscription filter's; empty reads all events
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A log group to read.
struct Group {
    name: String,
    /// Filter pattern for reading; empty reads all events.
    pattern: String,
    /// ID of the account that is recorded as the owner of the events; empty if not known.
    owner: String,
}

/// Runs `backfill`. Returns exit code 1 if a log group was not read to the end of the time range, 2 if `--from` is
/// not before `--to`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.from >= arguments.to {
        output::complain("error: --from must be before --to");
        return Ok(ExitCode::from(2));
    }
    let context = arguments.function.open()?;
    context.check_age(arguments.from)?;
    let names = match arguments.group.as_slice() {
        [] => &context.settings.log_groups,
        named => named,
    };
    if names.is_empty() {
        bail!("the log groups of the stack are not known; name one with --group");
    }
    let logs = CloudWatchLogs::new(&context.config);
    let bar = output::progress(
        arguments.hours() * names.len() as u64,
        "{bar:30} {pos}/{len} hours  {msg}",
    );
    let mut is_done = true;
    for name in names {
        bar.set_message(sanitize(name, 512));
        let done = match arguments.dry_run {
            true => {
                let (store, bucket) = (MemoryStore::default(), ReadOnlyBucket(context.bucket()));
                let read = arguments.read(name, &context, &logs, store, bucket, &bar);
                context.runtime.block_on(read)
            }
            false => {
                let (store, bucket) = (context.store(), context.bucket());
                let read = arguments.read(name, &context, &logs, store, bucket, &bar);
                context.runtime.block_on(read)
            }
        };
        if let Err(error) = done {
            is_done = false;
            let error = format!("error: {}: {error:#}", sanitize(name, 512));
            bar.suspend(|| output::complain(&sanitize(&error, 2048)));
        }
    }
    bar.finish_and_clear();
    Ok(ExitCode::from(u8::from(!is_done)))
}

impl Arguments {
    /// Returns the number of hours that the time range covers, wholly or in part.
    fn hours(&self) -> u64 {
        let (first, last) = (self.from.window(), self.to.window());
        u64::try_from(last.hours() - first.hours() + 1).unwrap_or_default()
    }

    /// Reads one log group hour by hour, processes its events and prints the totals.
    async fn read(
        &self,
        name: &str,
        context: &FunctionContext,
        logs: &CloudWatchLogs,
        mut store: impl SetClock,
        bucket: impl Bucket,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let group = self.group(name, context, logs).await?;
        let mut subscription = context.subscription(&bucket).await?;
        let source = Source {
            group: &group.name,
            pattern: &group.pattern,
            owner: &group.owner,
        };
        let (mut totals, mut pages) = (ReplayTotals::default(), 0);
        let mut checkpoint = Checkpoint::at(self.from);
        let mut stopped = None;
        while checkpoint.from < self.to && stopped.is_none() {
            store.set_clock(now());
            let mut replay_input = ReplayInput {
                subscription: &mut subscription,
                store: &mut store,
                bucket: &bucket,
                now: now(),
            };
            let until = checkpoint.from.window().end().min(self.to);
            let done = backfill(&source, checkpoint, until, logs, &mut replay_input, || {
                false
            })
            .await;
            totals.add(&done.taken);
            pages += done.pages;
            (checkpoint, stopped) = (done.checkpoint, done.stopped);
            bar.inc(1);
        }
        let name = sanitize(name, 512);
        let text = format!(
            "{name}, from {} to {}: {}\n{}",
            self.from,
            checkpoint.from,
            counted(pages, "page"),
            summary(&totals, self.dry_run)
        );
        bar.suspend(|| output::print(&text))?;
        stopped.map_or(Ok(()), |stopped| Err(unfinished(&stopped, checkpoint.from)))
    }

    /// Returns how to read a log group: with the given pattern, else with the pattern of its subscription filter.
    ///
    /// # Errors
    /// Fails if the log group does not exist, or if it has no subscription filter and no pattern is given.
    async fn group(
        &self,
        name: &str,
        context: &FunctionContext,
        logs: &CloudWatchLogs,
    ) -> anyhow::Result<Group> {
        let settings = &context.settings;
        let subscribed = logs.subscribed(name, &settings.ingest_function).await?;
        let (current, owner) = match &subscribed {
            Subscribed::Filter {
                pattern,
                destination,
            } => (Some(pattern.clone()), account_of(destination)),
            _ => (None, settings.account_id.clone()),
        };
        let pattern = self.pattern.clone().or_else(|| current.clone());
        let expected = Expected {
            group: name,
            filter: &settings.ingest_function,
            // The current pattern counts as right: only the stack knows which pattern is wanted.
            pattern: current.as_deref().unwrap_or_default(),
            function: &settings.ingest_function,
        };
        let problem = of_subscription(&expected, subscribed);
        let pattern = match (pattern, problem) {
            (_, Some(problem @ SilenceCause::NoGroup)) => bail!("{problem}"),
            (None, Some(problem)) => bail!("{problem}; or set the filter pattern with --pattern"),
            (pattern, problem) => {
                if let Some(problem) = problem {
                    output::complain(&format!("{}: {problem}", sanitize(name, 512)));
                }
                pattern.unwrap_or_default()
            }
        };
        Ok(Group {
            name: name.to_owned(),
            pattern,
            owner,
        })
    }
}

fn unfinished(stopped: &Stopped, reached: Timestamp) -> anyhow::Error {
    let why = with_causes(stopped.to_string(), stopped);
    anyhow::anyhow!("{why}; continue with --from {reached}")
}

/// Parses a time or a date (UTC) from an argument.
///
/// # Errors
/// Returns the text of the forms that are accepted.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = "expected a time (2026-11-21T08:00:00Z) or a date (2026-11-21)";
    time(text).ok_or_else(|| wrong.to_owned())
}
