//! Takes failed invocations back in: AWS Lambda keeps an event whose last attempt failed in the bucket,
//! and what it keeps goes through the same subscription once more.
//!
//! An object is removed when its event is committed and never before, so a round may be cut off
//! anywhere and two may run at once: whatever is left is taken again and changes nothing. What is
//! no event of the function stays where it is, because nobody else knows what it is worth.
//!
//! Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use crate::ingest::subscription::RetryReason;
use crate::ports::{Bucket, BucketError, ListedObject, Store};

/// The folder in which AWS Lambda keeps failed invocations, one folder in it for each function. The
/// keys in there begin with the date.
pub const FAILED: &str = "aws/lambda/async";

/// How many objects one round looks at.
pub const ROUND_OBJECTS_MAX: usize = 200;

/// The longest object that is looked at. An event has at most 6 MB, and AWS Lambda writes little
/// around it.
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// After how many events in a row that cannot be taken a round ends: it is not the events then. A
/// single one that is never taken holds up nothing.
pub const FAILURES_MAX: usize = 3;

/// What a round is about.
#[derive(Debug, Clone, Copy)]
pub struct RedriveBatch<'r> {
    /// The name of the function.
    pub function: &'r str,
    /// Behind which key to begin: where an earlier round has come to.
    pub after: Option<&'r str>,
    /// How many objects to look at, no more than [`ROUND_OBJECTS_MAX`].
    pub objects_max: usize,
}

/// What a round has done.
#[derive(Debug, Default)]
pub struct Redriven {
    /// What came of the events that were taken.
    pub taken: ReplayTotals,
    /// The objects that were left, and will be.
    pub left: Vec<SkippedObject>,
    /// The objects whose events could not be taken; they are there for the next time.
    pub failed: Vec<FailedObject>,
    /// Behind which key there may be more; `None` when there is no more to look at.
    pub next: Option<String>,
    /// Why it ended before it was through.
    pub stopped: Option<Stopped>,
}

/// An object that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedObject {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// Why it was left.
    pub reason: SkipReason,
}

/// An object whose event could not be taken.
#[derive(Debug)]
pub struct FailedObject {
    /// Its key.
    pub key: String,
    /// Why.
    pub failure: RetryReason,
}

/// Why an object was left. None of these goes better the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SkipReason {
    /// It is larger than the record of a failed invocation can be.
    #[error("larger than the record of a failed invocation can be")]
    TooLong,
    /// AWS Lambda did not write it.
    #[error("not the record of a failed invocation")]
    NotARecord,
    /// It is the event of another function.
    #[error("it belongs to another function")]
    OtherFunction,
}

impl SkipReason {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What AWS Lambda keeps of an invocation that failed, as far as it is read.
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

/// Takes failed invocations of a function back in, the oldest first. `is_over` is asked before each
/// object whether to stop.
///
/// What stops a round is told in [`Redriven::stopped`], beside what was done until then.
pub async fn redrive<S: Store, B: Bucket>(
    round: &RedriveBatch<'_>,
    replay_input: &mut ReplayInput<'_, S, B>,
    mut is_over: impl FnMut() -> bool,
) -> Redriven {
    let mut redriven = Redriven {
        next: round.after.map(str::to_owned),
        ..Redriven::default()
    };
    let folder = format!("{FAILED}/{}/", round.function);
    let objects_max = round.objects_max.min(ROUND_OBJECTS_MAX);
    let listed = match replay_input
        .bucket
        .list(&folder, round.after, objects_max)
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
        if let Err(stopped) = redriven.take(&object, round.function, replay_input).await {
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
    fn stopped_by(mut self, by: impl Into<Stopped>) -> Self {
        self.stopped = Some(by.into());
        self
    }

    /// Takes the event in an object, and removes the object then.
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
            // Somebody else has taken it meanwhile.
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

/// Returns the event in the record of an invocation of a function that failed.
fn event_in<'r>(record: &'r [u8], function: &str) -> Result<&'r RawValue, SkipReason> {
    let record: FailedInvocation<'_> =
        serde_json::from_slice(record).map_err(|_| SkipReason::NotARecord)?;
    match is_arn_of(&record.context.function, function) {
        true => Ok(record.event),
        false => Err(SkipReason::OtherFunction),
    }
}

/// Tells whether an ARN is that of a function of a name, in whichever version:
/// `arn:aws:lambda:eu-central-1:111122223333:function:name:$LATEST`.
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
    fn an_event_is_taken_out_as_it_came_or_the_reason_says_why_not() {
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
