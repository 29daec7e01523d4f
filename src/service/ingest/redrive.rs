//! Processes failed invocations again.
//!
//! AWS Lambda writes the event of an invocation to the bucket when its last attempt failed. A redrive
//! processes that event as if the subscription had delivered it again.
//!
//! An object is removed only after its event was committed. So a redrive may stop anywhere, and two may
//! run at the same time: an event that is processed twice changes nothing. An object that holds no event
//! of the function is never removed, because its owner is unknown.
//!
//! Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use crate::ingest::subscription::RetryReason;
use crate::ports::{Bucket, BucketError, ListedObject, Store};

/// The folder in the bucket to which AWS Lambda writes failed invocations. It has one folder for each function. In that
/// folder, the keys of objects begin with the date.
pub const FAILED: &str = "aws/lambda/async";

/// The largest number of objects that one call of [`redrive`] reads.
pub const ROUND_OBJECTS_MAX: usize = 200;

/// The size of the largest object that is read, in bytes. The payload of an invocation has at most 6 MB, and AWS Lambda
/// adds little to it.
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The number of payloads in a row that fail again before a redrive stops.
///
/// Then the cause is probably the store or the bucket, and not the payloads. A single payload that always fails stops
/// nothing.
pub const FAILURES_MAX: usize = 3;

/// Which objects with failed invocations one call of [`redrive`] reads.
#[derive(Debug, Clone, Copy)]
pub struct RedriveBatch<'r> {
    /// The name of the function whose failed invocations are read.
    pub function: &'r str,
    /// Only objects whose keys sort behind this key are read: [`Redriven::next`] of the last call. `None` begins with
    /// the first object.
    pub after: Option<&'r str>,
    /// The largest number of objects to read; a value above [`ROUND_OBJECTS_MAX`] counts as [`ROUND_OBJECTS_MAX`].
    pub objects_max: usize,
}

/// The result of one call of [`redrive`]: what happened to the objects that it read.
#[derive(Debug, Default)]
pub struct Redriven {
    /// The numbers of payloads and records that were processed. The objects of these payloads are removed from the
    /// bucket.
    pub taken: ReplayTotals,
    /// The objects that stay in the bucket because they are too large, or hold no failed invocation of the function.
    pub left: Vec<SkippedObject>,
    /// The objects whose payloads failed again. They stay in the bucket for the next redrive.
    pub failed: Vec<FailedObject>,
    /// The key to pass as [`RedriveBatch::after`] to continue. `None` if all objects were read. If the redrive stopped
    /// at its first object, this is [`RedriveBatch::after`] again.
    pub next: Option<String>,
    /// Why the redrive stopped early; `None` if it read all objects of the batch.
    pub stopped: Option<Stopped>,
}

/// An object that a redrive does not process and leaves in the bucket. Later redrives leave it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedObject {
    /// The key of the object in the bucket.
    pub key: String,
    /// The size of the object in bytes.
    pub bytes: u64,
    /// Why the object is not processed.
    pub reason: SkipReason,
}

/// An object whose payload failed again when a redrive processed it.
#[derive(Debug)]
pub struct FailedObject {
    /// The key of the object in the bucket.
    pub key: String,
    /// Why the payload failed.
    pub failure: RetryReason,
}

/// Why a redrive does not process an object and leaves it in the bucket. The next redrive will have the same result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SkipReason {
    /// The object is larger than [`RECORD_BYTES_MAX`].
    #[error("larger than the record of a failed invocation can be")]
    TooLong,
    /// The object is not what AWS Lambda writes for a failed invocation.
    #[error("not the record of a failed invocation")]
    NotARecord,
    /// The object holds a failed invocation of another function.
    #[error("it belongs to another function")]
    OtherFunction,
}

impl SkipReason {
    /// Returns the stable name for logs and JSON, such as `too_long`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The object that AWS Lambda writes for a failed invocation: the fields that are read.
#[derive(Deserialize)]
struct FailedInvocation<'r> {
    #[serde(rename = "requestContext", borrow)]
    context: RequestContext<'r>,
    #[serde(rename = "requestPayload", borrow)]
    event: &'r RawValue,
}

#[derive(Deserialize)]
struct RequestContext<'r> {
    #[serde(rename = "functionArn", borrow)]
    function: Cow<'r, str>,
}

/// Processes the payloads of failed invocations of a function again, oldest first.
///
/// It reads the objects in which AWS Lambda saved the invocations, and removes each object whose payload is committed.
/// `is_over` is called before each object; the redrive stops when it returns `true`.
///
/// Errors are returned in [`Redriven::stopped`], beside the results so far.
pub async fn redrive<S: Store, B: Bucket>(
    batch: &RedriveBatch<'_>,
    replay_input: &mut ReplayInput<'_, S, B>,
    mut is_over: impl FnMut() -> bool,
) -> Redriven {
    let mut redriven = Redriven {
        next: batch.after.map(str::to_owned),
        ..Redriven::default()
    };
    let folder = format!("{FAILED}/{}/", batch.function);
    let objects_max = batch.objects_max.min(ROUND_OBJECTS_MAX);
    let listed = match replay_input
        .bucket
        .list(&folder, batch.after, objects_max)
        .await
    {
        Ok(listed) => listed,
        Err(error) => return redriven.stopped_by(error),
    };
    let is_all = listed.len() < objects_max;
    let mut failures = 0;
    for object in listed {
        if is_over() {
            return redriven.stopped_by(Stopped::Deadline);
        }
        let failed = redriven.failed.len();
        if let Err(stopped) = redriven.take(&object, batch.function, replay_input).await {
            return redriven.stopped_by(stopped);
        }
        failures = if redriven.failed.len() > failed {
            failures + 1
        } else {
            0
        };
        if failures == FAILURES_MAX {
            return redriven.stopped_by(Stopped::Failing);
        }
        redriven.next = Some(object.key);
    }
    if is_all {
        redriven.next = None;
    }
    redriven
}

impl Redriven {
    fn stopped_by(mut self, reason: impl Into<Stopped>) -> Self {
        self.stopped = Some(reason.into());
        self
    }

    /// Processes the payload in an object, and removes the object after the commit.
    async fn take<S: Store, B: Bucket>(
        &mut self,
        object: &ListedObject,
        function: &str,
        replay_input: &mut ReplayInput<'_, S, B>,
    ) -> Result<(), Stopped> {
        let record = match replay_input
            .bucket
            .fetch(&object.key, RECORD_BYTES_MAX)
            .await
        {
            Ok(Some(record)) => record,
            // Another redrive has just processed and removed the object.
            Ok(None) => return Ok(()),
            Err(BucketError::TooLong { .. }) => {
                self.leave(object, SkipReason::TooLong);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let event = match event_in(&record, function) {
            Ok(event) => event,
            Err(reason) => {
                self.leave(object, reason);
                return Ok(());
            }
        };
        match replay_input.take(event.get().as_bytes()).await {
            Ok(invocation) => self.taken.count(&invocation),
            Err(failure) => {
                let key = object.key.clone();
                self.failed.push(FailedObject { key, failure });
                return Ok(());
            }
        }
        replay_input.bucket.remove(&object.key).await?;
        Ok(())
    }

    fn leave(&mut self, object: &ListedObject, reason: SkipReason) {
        self.left.push(SkippedObject {
            key: object.key.clone(),
            bytes: object.bytes,
            reason,
        });
    }
}

/// Returns the original event from what AWS Lambda wrote for a failed invocation of the function.
fn event_in<'r>(record: &'r [u8], function: &str) -> Result<&'r RawValue, SkipReason> {
    let record: FailedInvocation<'_> =
        serde_json::from_slice(record).map_err(|_| SkipReason::NotARecord)?;
    match is_arn_of(&record.context.function, function) {
        true => Ok(record.event),
        false => Err(SkipReason::OtherFunction),
    }
}

/// Checks whether an ARN is of the Lambda function with this name, in any account, region and version.
///
/// Example: `arn:aws:lambda:eu-central-1:111122223333:function:name:$LATEST`.
pub fn is_arn_of(arn: &str, function: &str) -> bool {
    let mut fields = arn.split(':').skip(2);
    let service = fields.next();
    let mut fields = fields.skip(2);
    service == Some("lambda")
        && fields.next() == Some("function")
        && fields.next() == Some(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(function: &str, event: &str) -> String {
        let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:{function}");
        format!(
            r#"{{"version":"1.0","timestamp":"2026-11-02T08:07:00.000Z","requestContext":{{"requestId":"r","functionArn":"{arn}","condition":"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{event},"responseContext":{{"statusCode":200}}}}"#
        )
    }

    #[test]
    fn an_event_is_extracted_unchanged_or_a_reason_is_returned() {
        for (record, expected) in [
            (
                record("watch-ingest:$LATEST", r#"{"awslogs": 1}"#),
                Ok(r#"{"awslogs": 1}"#),
            ),
            (record("watch-ingest", "7"), Ok("7")),
            (
                record("watch-deliver:$LATEST", "{}"),
                Err(SkipReason::OtherFunction),
            ),
            (
                record("watch-ingest-2", "{}"),
                Err(SkipReason::OtherFunction),
            ),
            (
                r#"{"requestPayload":{}}"#.to_owned(),
                Err(SkipReason::NotARecord),
            ),
            (
                r#"{"requestContext":{"functionArn":7},"requestPayload":{}}"#.to_owned(),
                Err(SkipReason::NotARecord),
            ),
            ("no JSON".to_owned(), Err(SkipReason::NotARecord)),
            (String::new(), Err(SkipReason::NotARecord)),
        ] {
            let found = event_in(record.as_bytes(), "watch-ingest");
            assert_eq!(found.map(RawValue::get), expected, "{record}");
        }
    }
}
