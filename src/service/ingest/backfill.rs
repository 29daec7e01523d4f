//! Reads hours of a log group again, to get events that its subscription did not deliver.
//!
//! The log events that match the subscription's pattern are packed in the format of CloudWatch Logs.
//! They are then processed as if the subscription had delivered them.
//!
//! Events that are in the store already change nothing. So the hours may overlap earlier reads, and two
//! backfills may run at the same time. An hour counts as read when all its events are committed.
//!
//! All times here are those at which CloudWatch Logs received an event, minutes after the recorded call.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::packed::gzip;
use records::time::Timestamp;
use serde::Serialize;

use crate::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use crate::ports::{Bucket, LogEvent, LogGroupError, LogGroups, LogQuery, Store};

/// The largest text that is packed into one event, in bytes. Gzip shrinks it to about a fifteenth, well
/// below the largest payload that is accepted.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The amount of text that is gathered from pages before it is committed, in bytes. Fuller batches need
/// fewer writes.
const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The log group that a backfill reads, and the filter pattern of its subscription.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// The name of the log group.
    pub group: &'s str,
    /// The filter pattern of the log group's subscription: only log events that match it are read. Empty for all log
    /// events.
    pub pattern: &'s str,
    /// The id of the account that has the log group.
    pub owner: &'s str,
}

/// How far a backfill has come: the time and page at which it continues. All log events before that are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The moment at which the backfill continues. All log events that were logged before it are committed.
    pub from: Timestamp,
    /// The token of the page to read next, within the hour of `from`; the pages before it are committed. `None` reads
    /// the hour from `from` on.
    ///
    /// A token expires after 24 hours. With an expired token, the hour is also read from `from` on.
    pub token: Option<String>,
}

/// The result of a backfill of one log group, complete or not.
#[derive(Debug)]
pub struct Backfilled {
    /// The numbers of payloads and records that were processed and committed.
    pub taken: ReplayTotals,
    /// The number of pages that CloudWatch Logs returned.
    pub pages: u64,
    /// Where the next backfill of this log group continues.
    pub checkpoint: Checkpoint,
    /// Why the backfill stopped early; `None` if it is complete.
    pub stopped: Option<Stopped>,
}

/// Log events to be committed, by log stream. The name of a stream contains the account of its records.
#[derive(Debug, Default)]
struct Gathered {
    streams: BTreeMap<String, Vec<LogEvent>>,
    bytes: usize,
}

impl Checkpoint {
    /// Returns the checkpoint of a backfill that begins with the log events of the moment `from`.
    pub fn at(from: Timestamp) -> Self {
        Self { from, token: None }
    }
}

/// Reads the log events of a log group from a checkpoint up to `until`, and commits them hour by hour.
///
/// Log events at `until` are not read. A backfill that continues from a checkpoint with a token must use the same
/// `until`. `is_over` is called before each page; the backfill stops when it returns `true`.
///
/// Errors are returned in [`Backfilled::stopped`], beside the results so far.
pub async fn backfill<S: Store, B: Bucket>(
    source: &Source<'_>,
    from: Checkpoint,
    until: Timestamp,
    logs: &impl LogGroups,
    replay_input: &mut ReplayInput<'_, S, B>,
    mut is_over: impl FnMut() -> bool,
) -> Backfilled {
    let mut backfilled = Backfilled {
        taken: ReplayTotals::default(),
        pages: 0,
        checkpoint: from,
        stopped: None,
    };
    while backfilled.checkpoint.from < until && backfilled.stopped.is_none() {
        let read = backfilled.hour(source, until, logs, replay_input, &mut is_over);
        backfilled.stopped = read.await.err();
    }
    backfilled
}

impl Backfilled {
    /// Reads the rest of the hour at the checkpoint, and commits its events.
    async fn hour<S: Store, B: Bucket>(
        &mut self,
        source: &Source<'_>,
        until: Timestamp,
        logs: &impl LogGroups,
        replay_input: &mut ReplayInput<'_, S, B>,
        is_over: &mut impl FnMut() -> bool,
    ) -> Result<(), Stopped> {
        let from = self.checkpoint.from;
        let end = from.window().end().min(until);
        let query = LogQuery {
            group: source.group.to_owned(),
            pattern: source.pattern.to_owned(),
            from,
            until: end,
            page_max: None,
        };
        let mut gathered = Gathered::default();
        let mut token = self.checkpoint.token.clone();
        loop {
            let is_out_of_time = is_over();
            if is_out_of_time || gathered.bytes >= GATHERED_BYTES_MAX {
                self.commit(source, &mut gathered, replay_input).await?;
                self.checkpoint.token = token.clone();
            }
            if is_out_of_time {
                return Err(Stopped::Deadline);
            }
            let page = match logs.events(&query, token.as_deref()).await {
                Err(LogGroupError::Stale) if token.take().is_some() => {
                    self.checkpoint.token = None;
                    continue;
                }
                page => page?,
            };
            self.pages += 1;
            gathered.add(page.events);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        self.commit(source, &mut gathered, replay_input).await?;
        self.checkpoint = Checkpoint::at(end);
        Ok(())
    }

    /// Commits the gathered log events, stream by stream.
    async fn commit<S: Store, B: Bucket>(
        &mut self,
        source: &Source<'_>,
        gathered: &mut Gathered,
        replay_input: &mut ReplayInput<'_, S, B>,
    ) -> Result<(), Stopped> {
        gathered.bytes = 0;
        for (stream, events) in std::mem::take(&mut gathered.streams) {
            for events in split(&events) {
                let payload = payload(source, &stream, events);
                let invocation = replay_input.take(&payload).await?;
                self.taken.count(&invocation);
            }
        }
        Ok(())
    }
}

impl Gathered {
    fn add(&mut self, events: Vec<LogEvent>) {
        for event in events {
            self.bytes += event.message.len();
            match self.streams.get_mut(&event.stream) {
                Some(stream) => stream.push(event),
                None => {
                    self.streams.insert(event.stream.clone(), vec![event]);
                }
            }
        }
    }
}

/// Splits log events into groups of at most [`PAYLOAD_BYTES_MAX`]. A larger log event is a group alone.
fn split(events: &[LogEvent]) -> impl Iterator<Item = &[LogEvent]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |event: &&LogEvent| {
            let is_first = bytes == 0;
            bytes += event.message.len().max(1);
            is_first || bytes <= PAYLOAD_BYTES_MAX
        };
        let count = rest.iter().take_while(fits).count();
        let (group, others) = rest.split_at(count);
        rest = others;
        (!group.is_empty()).then_some(group)
    })
}

/// The message that CloudWatch Logs sends to a subscription, with the same fields in the same order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogsMessage<'e> {
    message_type: &'e str,
    owner: &'e str,
    log_group: &'e str,
    log_stream: &'e str,
    subscription_filters: [&'e str; 0],
    log_events: &'e [LogEvent],
}

/// Returns the event that CloudWatch Logs would have sent to the function for these log events. If a
/// record cannot be read, this event is quarantined, so that it can be sent again.
fn payload(source: &Source<'_>, stream: &str, events: &[LogEvent]) -> Vec<u8> {
    let message = serde_json::to_vec(&LogsMessage {
        message_type: "DATA_MESSAGE",
        owner: source.owner,
        log_group: source.group,
        log_stream: stream,
        subscription_filters: [],
        log_events: events,
    });
    let data = BASE64_STANDARD.encode(gzip(&message.expect("all keys are text")));
    format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#).into_bytes()
}
