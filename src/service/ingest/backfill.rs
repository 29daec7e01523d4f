//! Reads hours of a log group again, for what its subscription skipped or lost.
//!
//! The events that match the subscription's own pattern go through the same subscription, in the shape in
//! which CloudWatch Logs would have handed them over.
//!
//! What came before comes again and changes nothing, so the hours may be too many, overlap those of
//! an earlier time or be read by two at once. An hour counts as read when all of it is committed.
//!
//! "When" is when CloudWatch Logs was given an event, minutes after the call that it tells of.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::packed::gzip;
use records::time::Timestamp;
use serde::Serialize;

use crate::ingest::replay_input::{ReplayInput, ReplayTotals, Stopped};
use crate::ports::{Bucket, LogEvent, LogGroupError, LogGroups, LogQuery, Store};

/// How much text is packed into one event, in bytes. Gzip makes a fifteenth of it, and never more than
/// a subscription takes.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much text is gathered from the pages before it is committed, in bytes: the fuller the batches,
/// the fewer writes.
const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is read again.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// The log group.
    pub group: &'s str,
    /// The pattern of its subscription.
    pub pattern: &'s str,
    /// The account that the log group belongs to.
    pub owner: &'s str,
}

/// How far a backfill has come: everything before is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The beginning of what is not read yet.
    pub from: Timestamp,
    /// The page at which to go on within the hour that begins there, if it was begun. It holds for
    /// 24 hours, and the hour is read from its beginning then.
    pub token: Option<String>,
}

/// What a backfill has done.
#[derive(Debug)]
pub struct Backfilled {
    /// What came of the events that were made of it.
    pub taken: ReplayTotals,
    /// The pages that were read.
    pub pages: u64,
    /// How far it has come.
    pub checkpoint: Checkpoint,
    /// Why it ended before it was through.
    pub stopped: Option<Stopped>,
}

/// Log events that wait to be committed, by their stream: what a stream is called tells whose records
/// are in it.
#[derive(Debug, Default)]
struct Gathered {
    streams: BTreeMap<String, Vec<LogEvent>>,
    bytes: usize,
}

impl Checkpoint {
    /// Returns the beginning of a range.
    pub fn at(from: Timestamp) -> Self {
        Self { from, token: None }
    }
}

/// Reads a log group again, from a checkpoint to before a moment, the same moment for all marks of one
/// backfill. `is_over` is asked before each page whether to stop.
///
/// What stops it is told in [`Backfilled::stopped`], beside what was done until then.
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
    /// Reads what is left of the hour at the checkpoint, and commits it.
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
            let is_late = is_over();
            if is_late || gathered.bytes >= GATHERED_BYTES_MAX {
                self.commit(source, &mut gathered, replay_input).await?;
                self.checkpoint.token = token.clone();
            }
            if is_late {
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

    /// Hands over what was gathered, stream by stream.
    async fn commit<S: Store, B: Bucket>(
        &mut self,
        source: &Source<'_>,
        gathered: &mut Gathered,
        replay_input: &mut ReplayInput<'_, S, B>,
    ) -> Result<(), Stopped> {
        gathered.bytes = 0;
        for (stream, events) in std::mem::take(&mut gathered.streams) {
            for events in cut(&events) {
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

/// Cuts log events into as many as go into one event each.
fn cut(events: &[LogEvent]) -> impl Iterator<Item = &[LogEvent]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |event: &&LogEvent| {
            let is_first = bytes == 0;
            bytes += event.message.len().max(1);
            is_first || bytes <= PAYLOAD_BYTES_MAX
        };
        let count = rest.iter().take_while(fits).count();
        let (cut, left) = rest.split_at(count);
        rest = left;
        (!cut.is_empty()).then_some(cut)
    })
}

/// Log events as CloudWatch Logs spells them, its fields in its order.
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

/// Returns the event that a subscription would have been handed for these log events. What cannot be
/// read is kept aside as this, so that it can be sent again.
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
