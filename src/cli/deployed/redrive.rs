//! `redrive`: processes the events of failed invocations again, from the objects that Lambda left in the bucket.

use std::process::ExitCode;

use clap::Args;
use records::redact::sanitize;
use service::ingest::redrive::{FAILED, FailedObject, RedriveBatch, SkippedObject, redrive};
use service::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use service::memory::MemoryStore;
use service::ports::{Bucket, with_causes};

use crate::counts::counted;
use crate::deployed::function::{
    FunctionArguments, FunctionContext, ReadOnlyBucket, SetClock, summary,
};
use crate::machine::now;
use crate::output;

/// Process failed invocations of a stack again
///
/// Lambda stores an event in the stack's bucket when the last attempt to process it failed. This command processes
/// these events like the ingest function and then deletes them from the bucket. It is safe to repeat or interrupt: an
/// event that is already stored is not counted again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector redrive --stack errors --dry-run\n  \
    cloudtrail-inspector redrive --stack errors\n  \
    cloudtrail-inspector redrive --table errors-Table-1X2Y3Z --bucket errors-bucket-1x2y3z --function errors-ingest")]
pub struct Arguments {
    #[command(flatten)]
    function: FunctionArguments,
    /// Only print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Maximum number of objects to process, the oldest first; 0 processes all
    #[arg(long, default_value_t = 0)]
    limit: usize,
}

/// Number of objects that are processed in one batch; the clock of the store is set before each batch.
const BATCH_OBJECTS: usize = 20;

/// Result of all batches.
#[derive(Default)]
struct Done {
    totals: ReplayTotals,
    left: Vec<SkippedObject>,
    failed: Vec<FailedObject>,
    stopped: Option<Stopped>,
}

/// Runs `redrive`. Returns exit code 1 if an object of a failed invocation could not be processed, or if the run
/// stopped early.
///
/// Objects that were not processed stay in the bucket.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = arguments.function.open()?;
    let bucket = context.bucket();
    let limit = match arguments.limit {
        0 => usize::MAX,
        limit => limit,
    };
    let done = match arguments.dry_run {
        true => {
            let redriven = process_all(
                &context,
                MemoryStore::default(),
                ReadOnlyBucket(bucket),
                limit,
            );
            context.runtime.block_on(redriven)?
        }
        false => {
            let redriven = process_all(&context, context.store(), bucket, limit);
            context.runtime.block_on(redriven)?
        }
    };
    let folder = sanitize(&context.settings.ingest_function, 256);
    let folder = format!("{FAILED}/{folder}/");
    for SkippedObject { key, bytes, reason } in &done.left {
        let key = sanitize(key, 1024);
        output::complain(&format!("left: {key}: {reason}, {bytes} bytes"));
    }
    for FailedObject { key, failure } in &done.failed {
        let why = with_causes(failure.to_string(), failure);
        let text = format!("failed: {key}: {why}");
        output::complain(&sanitize(&text, 2048));
    }
    let put = if arguments.dry_run {
        "would be processed"
    } else {
        "processed"
    };
    let events = counted(done.totals.payloads, "event");
    let (left, failed) = (done.left.len(), done.failed.len());
    let mut text = format!("{events} {put} from {folder}, {left} left, {failed} failed\n");
    if done.totals.payloads > 0 {
        text.push_str(&summary(&done.totals, arguments.dry_run));
    }
    output::print(&text)?;
    if let Some(stopped) = &done.stopped {
        let why = with_causes(stopped.to_string(), stopped);
        output::complain(&format!(
            "error: {}; the remaining objects stay in the bucket",
            sanitize(&why, 1024)
        ));
    }
    let is_done = done.stopped.is_none() && done.left.is_empty() && done.failed.is_empty();
    Ok(ExitCode::from(u8::from(!is_done)))
}

/// Processes the objects of failed invocations in batches, at most `limit` objects.
async fn process_all(
    context: &FunctionContext,
    mut store: impl SetClock,
    bucket: impl Bucket,
    limit: usize,
) -> anyhow::Result<Done> {
    let mut subscription = context.subscription(&bucket).await?;
    let bar = output::progress(0, "{spinner} {pos} objects  {msg}");
    let mut done = Done::default();
    let mut after = None;
    let mut left = limit;
    while left > 0 {
        store.set_clock(now());
        let batch = RedriveBatch {
            function: &context.settings.ingest_function,
            after: after.as_deref(),
            objects_max: left.min(BATCH_OBJECTS),
        };
        let mut replay_input = ReplayInput {
            subscription: &mut subscription,
            store: &mut store,
            bucket: &bucket,
            now: now(),
        };
        let redriven = redrive(&batch, &mut replay_input, || false).await;
        left -= batch.objects_max;
        let others = redriven.left.len() + redriven.failed.len();
        bar.inc(redriven.taken.payloads + others as u64);
        done.totals.add(&redriven.taken);
        done.left.extend(redriven.left);
        done.failed.extend(redriven.failed);
        done.stopped = redriven.stopped;
        after = redriven.next;
        if done.stopped.is_some() || after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(done)
}
