//! Missed events are added later: failed invocations from the bucket, and hours of a log group that are read again.
//!
//! Both may run any number of times, concurrently, and break off anywhere. In the end each event counts once.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io::Read as _;
use std::pin::Pin;
use std::process::Command;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use aws::bucket::S3Bucket;
use aws::logs::CloudWatchLogs;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::ClusterSnapshot;
use clusters::timeline::Timeline;
use expect_test::expect;
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::json;
use service::ingest::backfill::{Backfilled, Checkpoint, Source, backfill};
use service::ingest::diagnosis::{Expected, SilenceCause, of_subscription};
use service::ingest::redrive::{
    FAILED, FAILURES_MAX, RECORD_BYTES_MAX, ROUND_OBJECTS_MAX, RedriveBatch, Redriven, SkipReason,
    redrive,
};
use service::ingest::replay_input::{ReplayInput, Stopped};
use service::ingest::subscription::Subscription;
use service::memory::{MemoryBucket, MemoryStore};
use service::ports::{
    Bucket, BucketError, Fetched, ListedObject, LogEvent, LogGroupError, LogGroups, LogPage,
    LogQuery, Outbox as _, SetupStore as _, Store, Subscribed,
};

use crate::binary;
use crate::effort;
use crate::emulator::Emulator;
use crate::payloads::{LOGGED_AT, event, event_of, event_of_failures, failure, log_event};
use crate::records::{id, record};
use crate::setup::setup;
use crate::table::{Fault, MemoryTable, now, store, telling};

pub const FUNCTION: &str = "watch-ingest";
pub const STREAM: &str = "111122223333_CloudTrail_eu-central-1";

pub const SOURCE: Source<'_> = Source {
    group: "shop-trail",
    pattern: "{ $.errorCode = \"*\" }",
    owner: "111122223333",
};

/// The hour in which the test records were logged, and the hour after it.
const FROM: &str = "2026-11-02T08:00:00Z";
const UNTIL: &str = "2026-11-02T10:00:00Z";

fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

/// Returns the object that AWS Lambda stores for an event whose last attempt failed.
pub fn failed(function: &str, event: &[u8]) -> Vec<u8> {
    let event = std::str::from_utf8(event).unwrap();
    format!(
        r#"{{"version":"1.0","timestamp":"2026-11-02T08:07:00.000Z","requestContext":{{"requestId":"e4b46cbf-b738-4c5b-8880-a18cdf61200e","functionArn":"arn:aws:lambda:eu-central-1:111122223333:function:{function}:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{event},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"responsePayload":{{"errorType":"StoreUnavailable"}}}}"#
    )
    .into_bytes()
}

/// Returns the key under which AWS Lambda stores the object, the n-th of a minute.
pub fn key(function: &str, second: u32) -> String {
    format!("{FAILED}/{function}/2026/11/02/2026-11-02T08.07.{second:02}-e4b46cbf")
}

pub fn keep(bucket: &MemoryBucket, key: &str, object: Vec<u8>) {
    pollster::block_on(bucket.keep(key, object)).unwrap();
}

/// Stores a number of failed invocations, each with its own event.
fn keep_failed(bucket: &MemoryBucket, count: u32) {
    for second in 0..count {
        let event = event_of_failures([u64::from(second)]);
        keep(bucket, &key(FUNCTION, second), failed(FUNCTION, &event));
    }
}

/// Returns the keys in the folder of failed invocations.
pub fn waiting(bucket: &MemoryBucket) -> Vec<String> {
    let keys = bucket.objects().into_keys();
    keys.filter(|key| key.starts_with(FAILED)).collect()
}

fn one_round(store: &mut impl Store, bucket: &impl Bucket, round: &RedriveBatch<'_>) -> Redriven {
    let mut replay_input = ReplayInput {
        subscription: &mut Subscription::default(),
        store,
        bucket,
        now: now(),
    };
    pollster::block_on(redrive(round, &mut replay_input, || false))
}

pub fn first(objects_max: usize) -> RedriveBatch<'static> {
    RedriveBatch {
        function: FUNCTION,
        after: None,
        objects_max,
    }
}

fn events(store: &impl Store) -> usize {
    pollster::block_on(store.events()).unwrap().len()
}

#[test]
fn failed_invocations_come_in_and_go_and_what_is_none_is_left_and_told() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    keep(
        &bucket,
        &key(FUNCTION, 1),
        failed(FUNCTION, &event_of_failures(1..=3)),
    );
    keep(&bucket, &key(FUNCTION, 2), b"somebody's notes".to_vec());
    keep(&bucket, &key(FUNCTION, 3), failed("watch-deliver", b"{}"));
    keep(&bucket, &key(FUNCTION, 4), vec![b' '; RECORD_BYTES_MAX + 1]);
    keep(
        &bucket,
        &key(FUNCTION, 5),
        failed(FUNCTION, &event_of_failures(3..=5)),
    );
    keep(
        &bucket,
        &key("watch-deliver", 6),
        failed("watch-deliver", b"{}"),
    );
    let done = one_round(&mut store, &bucket, &first(ROUND_OBJECTS_MAX));
    assert!(done.stopped.is_none() && done.next.is_none());
    assert_eq!((done.taken.payloads, done.taken.record_counts.read), (2, 6));
    assert_eq!(
        (
            done.taken.record_counts.clustered,
            done.taken.record_counts.duplicate
        ),
        (5, 1)
    );
    let left: Vec<_> = done
        .left
        .iter()
        .map(|left| (left.key.as_str(), left.reason))
        .collect();
    assert_eq!(
        left,
        [
            (&*key(FUNCTION, 2), SkipReason::NotARecord),
            (&*key(FUNCTION, 3), SkipReason::OtherFunction),
            (&*key(FUNCTION, 4), SkipReason::TooLong),
        ]
    );
    let mut stay: Vec<_> = [2, 3, 4].map(|second| key(FUNCTION, second)).into();
    stay.insert(0, key("watch-deliver", 6));
    assert_eq!(waiting(&bucket), stay);
    let again = one_round(&mut store, &bucket, &first(ROUND_OBJECTS_MAX));
    assert_eq!((again.taken.payloads, again.left.len()), (0, 3));
    assert_eq!(events(&store), 5);
}

#[test]
fn an_event_that_cannot_be_opened_is_kept_aside_and_is_done_with() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    keep(
        &bucket,
        &key(FUNCTION, 1),
        failed(FUNCTION, &event("hello")),
    );
    let done = one_round(&mut store, &bucket, &first(1));
    assert_eq!((done.taken.payloads, done.taken.unopened), (1, 1));
    assert_eq!(waiting(&bucket), Vec::<String>::new());
    let keys: Vec<String> = bucket.objects().into_keys().collect();
    assert!(
        keys.len() == 1 && keys[0].starts_with("quarantine/"),
        "{keys:?}"
    );
}

#[test]
fn a_round_ends_at_its_limit_or_its_deadline_and_the_next_goes_on_behind_it() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    for second in 0..5 {
        // Objects that are skipped do not block the others.
        let is_odd = second < 2;
        let event = event_of_failures([u64::from(second)]);
        let object = if is_odd {
            b"notes".to_vec()
        } else {
            failed(FUNCTION, &event)
        };
        keep(&bucket, &key(FUNCTION, second), object);
    }
    let done = one_round(&mut store, &bucket, &first(2));
    assert_eq!((done.taken.payloads, done.left.len()), (0, 2));
    assert_eq!(done.next, Some(key(FUNCTION, 1)));
    let next = RedriveBatch {
        after: done.next.as_deref(),
        ..first(2)
    };
    let asked = Cell::new(0);
    let mut replay_input = ReplayInput {
        subscription: &mut Subscription::default(),
        store: &mut store,
        bucket: &bucket,
        now: now(),
    };
    let is_over = || asked.replace(asked.get() + 1) == 1;
    let done = pollster::block_on(redrive(&next, &mut replay_input, is_over));
    assert!(matches!(done.stopped, Some(Stopped::Deadline)));
    assert_eq!(
        (done.taken.payloads, done.next),
        (1, Some(key(FUNCTION, 2)))
    );
    let done = one_round(&mut store, &bucket, &first(ROUND_OBJECTS_MAX + 1));
    assert_eq!((done.taken.payloads, done.next), (2, None));
    assert_eq!(events(&store), 3);
}

#[test]
fn where_the_table_is_out_of_reach_everything_stays_for_later() {
    let (table, bucket) = (MemoryTable::default(), MemoryBucket::default());
    let mut away = store(&table, telling());
    keep_failed(&bucket, 5);
    away.table().fail(|_| Some(Fault::Unavailable));
    let done = one_round(&mut away, &bucket, &first(ROUND_OBJECTS_MAX));
    assert!(matches!(done.stopped, Some(Stopped::Failing)), "{done:?}");
    assert_eq!((done.taken.payloads, done.failed.len()), (0, FAILURES_MAX));
    assert_eq!(waiting(&bucket).len(), 5);
    away.table().repair();
    let done = one_round(&mut away, &bucket, &first(ROUND_OBJECTS_MAX));
    assert!(done.stopped.is_none());
    assert_eq!((done.taken.payloads, waiting(&bucket).len()), (5, 0));
    assert_eq!(events(&away), 5);
}

#[test]
fn an_event_that_the_table_does_not_take_holds_up_no_other() {
    let (table, bucket) = (MemoryTable::default(), MemoryBucket::default());
    let mut picky = store(&table, telling());
    keep_failed(&bucket, 3);
    picky
        .table()
        .fail(|call| (call == 0).then_some(Fault::Invalid));
    let done = one_round(&mut picky, &bucket, &first(ROUND_OBJECTS_MAX));
    assert!(done.stopped.is_none());
    let failed: Vec<_> = done
        .failed
        .iter()
        .map(|one| (&*one.key, one.failure.name()))
        .collect();
    assert_eq!(failed, [(&*key(FUNCTION, 0), "StoreUnavailable")]);
    assert_eq!(
        (done.taken.payloads, waiting(&bucket)),
        (2, vec![key(FUNCTION, 0)])
    );
}

/// Log groups in memory: pages of a few events, each after an empty page.
#[derive(Default)]
pub struct MemoryLogs {
    pub events: Vec<LogEvent>,
    pub page: usize,
    /// Number of pages that were requested.
    pub asked: Cell<usize>,
    /// Whether page tokens are accepted.
    is_forgetful: Cell<bool>,
    takes_turns: bool,
}

impl MemoryLogs {
    /// Returns a log group with these messages at a fixed interval in milliseconds.
    pub fn of(messages: impl IntoIterator<Item = String>, apart: i64) -> Self {
        let event = |(number, message)| LogEvent {
            id: format!("{number}"),
            stream: STREAM.to_owned(),
            timestamp: LOGGED_AT + number as i64 * apart,
            message,
        };
        Self {
            events: messages.into_iter().enumerate().map(event).collect(),
            page: 2,
            ..Self::default()
        }
    }
}

impl LogGroups for MemoryLogs {
    async fn events(
        &self,
        query: &LogQuery,
        token: Option<&str>,
    ) -> Result<LogPage, LogGroupError> {
        turn(self.takes_turns).await;
        self.asked.set(self.asked.get() + 1);
        assert_eq!(
            (&*query.group, &*query.pattern),
            (SOURCE.group, SOURCE.pattern)
        );
        if token.is_some() && self.is_forgetful.take() {
            return Err(LogGroupError::Stale);
        }
        let range = query.from.seconds() * 1000..query.until.seconds() * 1000;
        let matches = |event: &&LogEvent| range.contains(&event.timestamp);
        let found: Vec<_> = self.events.iter().filter(matches).collect();
        let number: usize = token.map_or(0, |token| token.parse().unwrap());
        let start = number / 2 * self.page;
        let size = if number.is_multiple_of(2) {
            0
        } else {
            self.page
        };
        let events = found.iter().skip(start).take(size).copied().cloned();
        let next = (number.is_multiple_of(2) || start + size < found.len())
            .then(|| (number + 1).to_string());
        Ok(LogPage {
            events: events.collect(),
            next,
        })
    }

    async fn subscribed(&self, _: &str, _: &str) -> Result<Subscribed, LogGroupError> {
        unreachable!("nothing here asks for it")
    }
}

pub fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let texts = numbers
        .into_iter()
        .map(|number| failure(number).to_string());
    texts.collect()
}

fn filled(
    store: &mut impl Store,
    bucket: &MemoryBucket,
    logs: &MemoryLogs,
    from: Checkpoint,
    is_over: impl FnMut() -> bool,
) -> Backfilled {
    let mut replay_input = ReplayInput {
        subscription: &mut Subscription::default(),
        store,
        bucket,
        now: now(),
    };
    pollster::block_on(backfill(
        &SOURCE,
        from,
        at(UNTIL),
        logs,
        &mut replay_input,
        is_over,
    ))
}

#[test]
fn hours_that_are_read_again_count_what_was_missed_and_nothing_twice() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    // Ten minutes apart, beginning at 08:03: the last two are in the next hour.
    let logs = MemoryLogs::of(texts(1..=8), 600_000);
    let mut subscription = Subscription::default();
    let event = event_of_failures(1..=3);
    let came = subscription.take(&event, now(), &mut store, &bucket);
    assert_eq!(pollster::block_on(came).unwrap().record_counts.clustered, 3);
    for (clustered, duplicate) in [(5, 3), (0, 8)] {
        let done = filled(&mut store, &bucket, &logs, Checkpoint::at(at(FROM)), || {
            false
        });
        assert!(done.stopped.is_none());
        assert_eq!(done.checkpoint, Checkpoint::at(at(UNTIL)));
        let record_counts = &done.taken.record_counts;
        assert_eq!(
            (record_counts.clustered, record_counts.duplicate),
            (clustered, duplicate)
        );
        // One event of an hour's records; three pages with something and their empty ones, and two.
        assert_eq!((done.taken.payloads, done.pages), (2, 8));
    }
    assert_eq!(events(&store), 8);
}

#[test]
fn what_is_read_again_has_the_shape_in_which_a_subscription_brings_it() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    let mut logs = MemoryLogs::of([failure(1).to_string(), "{no \"record\"".to_owned()], 1000);
    logs.page = 9;
    filled(&mut store, &bucket, &logs, Checkpoint::at(at(FROM)), || {
        false
    });
    // An event that cannot be read completely is stored unchanged.
    let (_, object) = bucket.objects().pop_first().unwrap();
    let object: serde_json::Value = serde_json::from_slice(&object).unwrap();
    let data = object["requestPayload"]["awslogs"]["data"]
        .as_str()
        .unwrap();
    let packed = BASE64_STANDARD.decode(data).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    let text = text.replace(&json!(failure(1).to_string()).to_string(), "RECORD");
    expect![[r#"{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"shop-trail","logStream":"111122223333_CloudTrail_eu-central-1","subscriptionFilters":[],"logEvents":[{"id":"0","timestamp":1793606580000,"message":RECORD},{"id":"1","timestamp":1793606581000,"message":"{no \"record\""}]}"#]].assert_eq(&text);
    assert_eq!(object["logStream"], STREAM);
}

#[test]
fn a_record_that_cannot_be_read_counts_once_however_it_is_cut() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    let texts = [
        failure(1).to_string(),
        "{no record".to_owned(),
        failure(2).to_string(),
    ];
    let mut logs = MemoryLogs::of(texts.clone(), 0);
    let event = event_of(&[log_event(&texts[1]), log_event(&texts[2])]);
    let mut subscription = Subscription::default();
    let came = subscription.take(&event, now(), &mut store, &bucket);
    assert_eq!(
        pollster::block_on(came)
            .unwrap()
            .record_counts
            .quarantined(),
        1
    );
    for page in [1, 2, 9] {
        logs.page = page;
        filled(&mut store, &bucket, &logs, Checkpoint::at(at(FROM)), || {
            false
        });
    }
    assert_eq!(
        events(&store),
        3,
        "two failures, and one that cannot be read"
    );
}

#[test]
fn a_backfill_stops_at_its_deadline_and_goes_on_where_it_was() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    let logs = MemoryLogs::of(texts(1..=8), 600_000);
    let mut mark = Checkpoint::at(at(FROM));
    let mut runs = 0;
    while mark.from < at(UNTIL) {
        let asked = Cell::new(0);
        let is_over = || asked.replace(asked.get() + 1) == 3;
        let done = filled(&mut store, &bucket, &logs, mark, is_over);
        assert!(done.pages <= 3);
        mark = done.checkpoint;
        runs += 1;
    }
    assert_eq!((runs, logs.asked.get()), (3, 8), "no page is read twice");
    assert_eq!(events(&store), 8);
    // If the page no longer exists, the hour is read from its beginning.
    let mark = Checkpoint {
        from: at(FROM),
        token: Some("3".to_owned()),
    };
    logs.is_forgetful.set(true);
    let done = filled(&mut store, &bucket, &logs, mark, || false);
    assert!(done.stopped.is_none());
    assert_eq!((done.pages, done.taken.record_counts.read), (8, 8));
}

#[test]
fn many_long_records_of_many_streams_are_cut_into_events_that_a_subscription_takes() {
    let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
    let long = |number: u64| {
        let text = "x".repeat(900_000);
        let fields =
            json!({"eventID": id(number), "errorCode": "AccessDenied", "requestParameters": text});
        record(fields).to_string()
    };
    let mut logs = MemoryLogs::of((1..=40).map(long), 1000);
    logs.page = 1;
    for (place, event) in logs.events.iter_mut().enumerate() {
        event.stream = format!("{STREAM}_{}", place % 2);
    }
    let done = filled(&mut store, &bucket, &logs, Checkpoint::at(at(FROM)), || {
        false
    });
    // 19, 19 and 2 are gathered at a time, and at most four of a stream go together.
    assert_eq!(
        (done.taken.payloads, done.taken.record_counts.clustered),
        (14, 40)
    );
}

/// Lets the other tasks run first, once.
async fn turn(takes_turns: bool) {
    let mut is_first = takes_turns;
    poll_fn(|_| match std::mem::replace(&mut is_first, false) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

/// A bucket shared by functions that take turns, call by call.
#[derive(Clone, Default)]
struct SharedBucket(Rc<MemoryBucket>);

impl Bucket for SharedBucket {
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError> {
        turn(true).await;
        self.0.keep(key, object).await
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        turn(true).await;
        self.0.fetch(key, bytes_max).await
    }

    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError> {
        turn(true).await;
        self.0.fetch_changed(key, tag, bytes_max).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError> {
        turn(true).await;
        self.0.list(prefix, after, objects_max).await
    }

    async fn remove(&self, key: &str) -> Result<(), BucketError> {
        turn(true).await;
        self.0.remove(key).await
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A stack: functions that share a table and a bucket, and the log group that they read.
struct World {
    table: MemoryTable,
    bucket: SharedBucket,
    logs: Rc<MemoryLogs>,
}

/// The outcome of a payload before redrive and backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was committed.
    Came,
    /// It failed, and AWS Lambda has stored it in the bucket.
    Failed,
    /// It was committed, but the answer got lost, so AWS Lambda has stored it in the bucket too.
    Both,
    /// CloudWatch Logs has skipped it.
    Skipped,
}

const PAYLOADS: u64 = 4;

/// Returns the log events of a payload: failed calls of two kinds, and one record that cannot be read.
fn log_events(payload: u64) -> Vec<LogEvent> {
    let event = |place: u64| {
        let number = payload * 4 + place;
        let code = if number.is_multiple_of(3) {
            "AccessDenied"
        } else {
            "SlowDown"
        };
        let text = match number {
            5 => "{no record".to_owned(),
            _ => record(json!({"eventID": id(number), "errorCode": code})).to_string(),
        };
        LogEvent {
            id: number.to_string(),
            stream: STREAM.to_owned(),
            // In two hours.
            timestamp: LOGGED_AT + 400_000 * number as i64,
            message: text,
        }
    };
    (0..4).map(event).collect()
}

/// Returns a payload as CloudWatch Logs sends it.
fn payload(number: u64) -> Vec<u8> {
    let event = |event: LogEvent| {
        json!({"id": event.id, "timestamp": event.timestamp, "message": event.message}).to_string()
    };
    event_of(
        &log_events(number)
            .into_iter()
            .map(event)
            .collect::<Vec<_>>(),
    )
}

/// Final content of a table: clusters, events by hour, and alerts by sink.
type State = (ClusterSnapshot, Timeline, BTreeSet<(String, i64, String)>);

impl World {
    fn new() -> Self {
        let mut logs = MemoryLogs {
            page: 3,
            takes_turns: true,
            ..MemoryLogs::default()
        };
        logs.events = (0..PAYLOADS).flat_map(log_events).collect();
        Self {
            table: MemoryTable::with_turns(None),
            bucket: SharedBucket::default(),
            logs: Rc::new(logs),
        }
    }

    fn take(&self, number: u64) -> Task {
        let (mut store, bucket) = (store(&self.table, telling()), self.bucket.clone());
        Box::pin(async move {
            let (mut subscription, event) = (Subscription::default(), payload(number));
            let taken = subscription.take(&event, now(), &mut store, &bucket);
            taken.await.unwrap();
        })
    }

    fn redrive(&self) -> Task {
        let (mut store, bucket) = (store(&self.table, telling()), self.bucket.clone());
        Box::pin(async move {
            let mut replay_input = ReplayInput {
                subscription: &mut Subscription::default(),
                store: &mut store,
                bucket: &bucket,
                now: now(),
            };
            let done = redrive(&first(ROUND_OBJECTS_MAX), &mut replay_input, || false).await;
            assert!(
                done.stopped.is_none() && done.left.is_empty() && done.failed.is_empty(),
                "{done:?}"
            );
        })
    }

    /// Reads `minutes` minutes of the log group again, starting `from` minutes after its beginning.
    fn backfill(&self, from: i64, minutes: i64) -> Task {
        let (mut store, bucket) = (store(&self.table, telling()), self.bucket.clone());
        let logs = Rc::clone(&self.logs);
        Box::pin(async move {
            let mut replay_input = ReplayInput {
                subscription: &mut Subscription::default(),
                store: &mut store,
                bucket: &bucket,
                now: now(),
            };
            let from = Timestamp::from_seconds(at(FROM).seconds() + from * 60).unwrap();
            let until = Timestamp::from_seconds(from.seconds() + minutes * 60).unwrap();
            let from = Checkpoint::at(from);
            let done = backfill(&SOURCE, from, until, &*logs, &mut replay_input, || false).await;
            assert!(done.stopped.is_none(), "{done:?}");
        })
    }

    fn begin(&self, fates: &[Fate]) {
        for (number, fate) in (0..).zip(fates) {
            if matches!(fate, Fate::Came | Fate::Both) {
                finish(self.take(number));
            }
            if matches!(fate, Fate::Failed | Fate::Both) {
                let object = failed(FUNCTION, &payload(number));
                keep(&self.bucket.0, &key(FUNCTION, number as u32), object);
            }
        }
    }

    fn state(&self) -> State {
        let store = store(&self.table, telling());
        let text = |item: &aws::dynamodb::table::Item, name: &str| {
            item.text_of(name).unwrap_or_default().to_owned()
        };
        let items = self.table.items();
        let rows = items.iter().filter(|item| item.key.pk.starts_with("O#"));
        let told = rows.map(|row| {
            let episode = row.number_of("ep").unwrap_or_default();
            (text(row, "tr"), episode, row.key.sk.clone())
        });
        let told = told.collect();
        let mut state = None;
        let reading = async {
            let sums = store.sums(None).await.unwrap();
            state = Some((sums, store.timeline().await.unwrap(), told));
        };
        finish(Box::pin(reading));
        state.unwrap()
    }
}

fn finish<'t>(task: Pin<Box<dyn Future<Output = ()> + 't>>) {
    let mut task = task;
    let mut context = Context::from_waker(Waker::noop());
    while task.as_mut().poll(&mut context).is_pending() {}
}

/// Runs tasks concurrently in a given order, until each has ended or was stopped at one of its steps.
fn side_by_side(mut tasks: Vec<(Task, usize)>, order: &[usize]) {
    let mut context = Context::from_waker(Waker::noop());
    let mut turns = order.iter().cycle();
    while !tasks.is_empty() {
        let place = turns.next().unwrap() % tasks.len();
        let (task, steps) = &mut tasks[place];
        let is_dead = *steps == 0;
        *steps = steps.saturating_sub(1);
        if is_dead || task.as_mut().poll(&mut context).is_ready() {
            drop(tasks.remove(place));
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Came),
        Just(Fate::Failed),
        Just(Fate::Both),
        Just(Fate::Skipped),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..effort::property(100, 400) })]

    /// Missed events are present in the end, and the others are unchanged.
    #[test]
    fn whatever_redrives_and_backfills_run_in_whatever_way_each_event_counts_once(
        fates in proptest::collection::vec(fate(), PAYLOADS as usize),
        redrives in proptest::collection::vec(0_usize..60, 0..4),
        backfills in proptest::collection::vec((0_i64..120, 1_i64..120, 0_usize..60), 0..4),
        order in proptest::collection::vec(0_usize..6, 1..40),
    ) {
        let once = World::new();
        once.begin(&[Fate::Came; PAYLOADS as usize]);
        let world = World::new();
        world.begin(&fates);
        let mut tasks: Vec<(Task, usize)> = Vec::new();
        tasks.extend(redrives.iter().map(|&steps| (world.redrive(), steps)));
        let backfills = backfills.iter();
        tasks.extend(backfills.map(|&(from, minutes, steps)| (world.backfill(from, minutes), steps)));
        side_by_side(tasks, &order);
        let is_missed = |fate: &Fate| matches!(fate, Fate::Failed | Fate::Skipped);
        if fates.iter().any(is_missed) {
            finish(world.redrive());
            finish(world.backfill(0, 120));
            prop_assert_eq!(waiting(&world.bucket.0), Vec::<String>::new());
        }
        prop_assert!(world.state() == once.state(), "{:?}\n{:?}", world.state(), once.state());
    }

    /// A payload that is deleted from the bucket is in the table, wherever a redrive breaks off.
    #[test]
    fn redrives_that_break_off_anywhere_lose_nothing(
        failed in proptest::collection::vec(any::<bool>(), PAYLOADS as usize),
        redrives in proptest::collection::vec(0_usize..60, 1..4),
        order in proptest::collection::vec(0_usize..6, 1..40),
    ) {
        let once = World::new();
        once.begin(&[Fate::Came; PAYLOADS as usize]);
        let world = World::new();
        let fate = |failed: &bool| if *failed { Fate::Failed } else { Fate::Came };
        world.begin(&failed.iter().map(fate).collect::<Vec<_>>());
        side_by_side(redrives.iter().map(|&steps| (world.redrive(), steps)).collect(), &order);
        finish(world.redrive());
        prop_assert!(world.state() == once.state(), "{:?}\n{:?}", world.state(), once.state());
    }
}

/// Creates a log group and returns a client for it.
pub fn make_group(emulator: &Emulator, group: &str) -> aws_sdk_cloudwatchlogs::Client {
    let client = aws_sdk_cloudwatchlogs::Client::new(emulator.config());
    let make = client.create_log_group().log_group_name(group);
    pollster::block_on(make.send()).unwrap();
    let make = client.create_log_stream().log_group_name(group);
    pollster::block_on(make.log_stream_name(STREAM).send()).unwrap();
    client
}

/// Logs texts at times in milliseconds.
pub fn log(client: &aws_sdk_cloudwatchlogs::Client, group: &str, texts: &[(i64, String)]) {
    let event = |(at, text): &(i64, String)| {
        let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder();
        event.timestamp(*at).message(text).build().unwrap()
    };
    let put = client.put_log_events().log_group_name(group);
    let put = put.log_stream_name(STREAM);
    let put = put.set_log_events(Some(texts.iter().map(event).collect()));
    pollster::block_on(put.send()).unwrap();
}

#[test]
fn s3_lists_the_oldest_first_and_what_is_removed_is_gone() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    emulator.make_bucket();
    for second in [3, 1, 2] {
        emulator.put_object(&key(FUNCTION, second), &vec![b'x'; second as usize]);
    }
    emulator.put_object(&key("watch-deliver", 0), b"x");
    let bucket = S3Bucket::new(emulator.config(), emulator.bucket());
    let list = |after: Option<u32>, objects_max| {
        let after = after.map(|second| key(FUNCTION, second));
        let folder = format!("{FAILED}/{FUNCTION}/");
        let listed = bucket.list(&folder, after.as_deref(), objects_max);
        let listed = pollster::block_on(listed).unwrap();
        let is_dated = listed.iter().all(|one| one.modified.is_some());
        assert!(is_dated, "{listed:?}");
        let listed = listed.into_iter().map(|one| (one.key, one.bytes));
        listed.collect::<Vec<_>>()
    };
    let object = |second: u32| (key(FUNCTION, second), u64::from(second));
    assert_eq!(list(None, 9), [1, 2, 3].map(object));
    assert_eq!(list(None, 2), [1, 2].map(object));
    assert_eq!(list(Some(1), 9), [2, 3].map(object));
    let fetched = pollster::block_on(bucket.fetch(&key(FUNCTION, 3), 2));
    assert!(matches!(
        fetched,
        Err(BucketError::TooLong { limit: 2, .. })
    ));
    for _ in 0..2 {
        pollster::block_on(bucket.remove(&key(FUNCTION, 1))).unwrap();
    }
    assert_eq!(list(None, 9), [2, 3].map(object));
    assert_eq!(
        pollster::block_on(bucket.fetch(&key(FUNCTION, 1), 9)).unwrap(),
        None
    );
}

#[test]
fn what_is_wrong_with_a_subscription_is_told() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let group = format!("{}-trail", emulator.name());
    let logs = CloudWatchLogs::new(emulator.config());
    let expected = Expected {
        group: &group,
        filter: FUNCTION,
        pattern: "errorCode",
        function: FUNCTION,
    };
    let told = || {
        let subscribed = pollster::block_on(logs.subscribed(&group, FUNCTION));
        of_subscription(&expected, subscribed.unwrap())
    };
    assert_eq!(told(), Some(SilenceCause::NoGroup));
    let client = make_group(&emulator, &group);
    assert_eq!(told(), Some(SilenceCause::NoFilter));
    let subscribe = |function: &str, pattern: &str| {
        let arn = format!("arn:aws:lambda:us-east-1:111122223333:function:{function}");
        let put = client.put_subscription_filter().log_group_name(&group);
        let put = put.filter_name(FUNCTION).destination_arn(&arn);
        pollster::block_on(put.filter_pattern(pattern).send()).unwrap();
        arn
    };
    let destination = subscribe("other", "errorCode");
    assert_eq!(told(), Some(SilenceCause::Elsewhere { destination }));
    subscribe(FUNCTION, "ERROR");
    let pattern = "ERROR".to_owned();
    assert_eq!(told(), Some(SilenceCause::OtherPattern { pattern }));
    subscribe(FUNCTION, "errorCode");
    assert_eq!(told(), None);
}

/// Runs the command line; returns exit code, stdout and stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary::inspector());
    let command = command.args(arguments).envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "none"),
        ("AWS_SHARED_CREDENTIALS_FILE", "none"),
    ]);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_commands_take_in_what_was_missed_and_a_second_time_nothing() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    emulator.make_bucket();
    let place = [
        "--table",
        emulator.name(),
        "--bucket",
        emulator.bucket(),
        "--function",
        FUNCTION,
    ];
    let redrive = |more: &[&str]| run(&[&["redrive"], &place[..], more].concat());
    emulator.put_object(
        &key(FUNCTION, 1),
        &failed(FUNCTION, &event_of_failures(1..=3)),
    );
    emulator.put_object(&key(FUNCTION, 2), &failed(FUNCTION, &event("hello")));
    let would = "2 events would be processed from aws/lambda/async/watch-ingest/, 0 left, 0 failed\n\
                 3 records in 2 events: 0 not selected, 3 selected\n\
                 3 selected: 3 clustered, 0 duplicate, 0 ignored, 0 quarantined\n\
                 1 event would be put into quarantine/ whole\n\
                 2 clusters; nothing was changed, and events that the table has already are included\n";
    for _ in 0..2 {
        assert_eq!(
            redrive(&["--dry-run"]),
            (Some(0), would.to_owned(), String::new())
        );
    }
    let did = "2 events processed from aws/lambda/async/watch-ingest/, 0 left, 0 failed\n\
               3 records in 2 events: 0 not selected, 3 selected\n\
               3 selected: 3 clustered, 0 duplicate, 0 ignored, 0 quarantined\n\
               1 event put into quarantine/ whole\n\
               2 clusters new\n";
    assert_eq!(redrive(&[]), (Some(0), did.to_owned(), String::new()));
    let nothing = "0 events processed from aws/lambda/async/watch-ingest/, 0 left, 0 failed\n";
    assert_eq!(redrive(&[]), (Some(0), nothing.to_owned(), String::new()));
    emulator.put_object(&key(FUNCTION, 3), b"notes");
    let (code, _, complaints) = redrive(&["--limit", "1"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        complaints,
        format!(
            "left: {}: not the record of a failed invocation, 5 bytes\n",
            key(FUNCTION, 3)
        )
    );
    backfill_twice(&emulator, &place);
    let counted = pollster::block_on(emulator.store(telling()).events())
        .unwrap()
        .len();
    assert_eq!(
        counted,
        3 + 1 + 2,
        "failures, an event that cannot be opened, and later failures"
    );
}

#[test]
fn the_commands_go_by_what_the_inspection_left_in_the_table() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    emulator.make_bucket();
    // CloudFormation calls a table after its stack.
    let (stack, _) = emulator.name().split_once("-Table-").unwrap();
    let group = format!("{}-trail", emulator.name());
    let client = make_group(&emulator, &group);
    emulator.put_object(
        &key(FUNCTION, 1),
        &failed(FUNCTION, &event_of_failures(1..=3)),
    );
    let places = [["--stack", stack], ["--table", emulator.name()]];
    for place in places {
        let (code, printed, complaints) = run(&[&["redrive"], &place[..]].concat());
        assert_eq!((code, printed), (Some(1), String::new()));
        let says = format!("aws lambda invoke --function-name {stack}-inspect ");
        assert!(complaints.contains(&says), "{complaints}");
    }
    let left = setup(&[
        ("BUCKET_NAME", emulator.bucket()),
        ("INGEST_FUNCTION_NAME", FUNCTION),
        ("LEARN_HOURS", "0"),
        ("LOG_GROUP_NAMES", &group),
        ("SINKS", "sns,"),
    ]);
    let store = emulator.store(telling());
    pollster::block_on(store.save_setup(&left)).unwrap();
    for (place, taken) in places
        .into_iter()
        .zip(["1 event processed", "0 events processed"])
    {
        let (code, printed, complaints) = run(&[&["redrive"], &place[..]].concat());
        assert_eq!(code, Some(0), "{complaints}");
        assert!(printed.starts_with(taken), "{printed}");
    }
    let waiting = pollster::block_on(store.waiting("sns", 10)).unwrap();
    assert!(!waiting.is_empty(), "nobody is told of what is new");
    let (from, to, at) = (hours_ago(2), hours_ago(0), hours_ago(1).seconds() * 1000);
    log(&client, &group, &[(at, failure(4).to_string())]);
    let (from, to) = (from.to_string(), to.to_string());
    let backfill = ["backfill", "--stack", stack, "--from", &from, "--to", &to];
    let (code, printed, complaints) = run(&[&backfill[..], &["--pattern", ""]].concat());
    assert_eq!(code, Some(0), "{complaints}");
    assert!(printed.starts_with(&group), "{printed}");
    assert!(printed.contains("1 selected: 1 clustered"), "{printed}");
}

/// The retention of the table limits what can be read again, so this test uses the current time.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line looks at the clock, too"
)]
fn hours_ago(hours: i64) -> Timestamp {
    use std::time::{SystemTime, UNIX_EPOCH};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(now.as_secs() as i64 - hours * 3600).unwrap()
}

fn backfill_twice(emulator: &Emulator, place: &[&str]) {
    let (from, to) = (hours_ago(2).to_string(), hours_ago(0).to_string());
    let group = format!("{}-trail", emulator.name());
    let range = ["--from", &from, "--to", &to, "--group", &group];
    let backfill = |more: &[&str]| run(&[&["backfill"], place, &range, more].concat());
    let (code, printed, complaints) = backfill(&[]);
    assert_eq!((code, printed), (Some(1), String::new()));
    assert!(
        complaints.contains("the log group does not exist any more"),
        "{complaints}"
    );
    let client = make_group(emulator, &group);
    let (code, _, complaints) = backfill(&[]);
    assert_eq!(code, Some(1));
    assert!(
        complaints.contains("set the filter pattern with --pattern"),
        "{complaints}"
    );
    let late = |number: u64| {
        let time = hours_ago(1).to_string();
        let fields = json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time});
        (hours_ago(1).seconds() * 1000, record(fields).to_string())
    };
    let success = (hours_ago(1).seconds() * 1000, record(json!({})).to_string());
    log(&client, &group, &[late(11), success, late(12)]);
    for (would, clustered, duplicate) in [(true, 2, 0), (false, 2, 0), (false, 0, 2)] {
        let dry_run: &[&str] = if would { &["--dry-run"] } else { &[] };
        let (code, printed, complaints) = backfill(&[&["--pattern", ""], dry_run].concat());
        assert_eq!(code, Some(0), "{complaints}");
        assert!(
            complaints.contains("has no subscription filter"),
            "{complaints}"
        );
        let record_counts = format!(
            "3 records in 1 event: 1 not selected (1 no_error), 2 selected\n\
             2 selected: {clustered} clustered, {duplicate} duplicate, 0 ignored, 0 quarantined\n"
        );
        assert!(printed.contains(&record_counts), "{printed}");
    }
    let long_ago = hours_ago(24 * 40).to_string();
    for (from, to, code, says) in [
        (&long_ago, &to, 1, "would be counted again"),
        (&to, &from, 2, "--from must be before --to"),
    ] {
        let (found, _, complaints) =
            run(&[&["backfill"], place, &["--from", from, "--to", to]].concat());
        assert_eq!(found, Some(code));
        assert!(complaints.contains(says), "{complaints}");
    }
}

#[test]
fn a_command_that_is_not_told_where_says_what_it_needs() {
    for (arguments, says) in [
        (&["redrive"][..], "--stack <NAME>"),
        (
            &["redrive", "--table", "a", "--function", "b"],
            "--bucket <NAME>",
        ),
        (
            &["redrive", "--stack", "a", "--table", "b"],
            "cannot be used with",
        ),
        (
            &["backfill", "--stack", "a", "--to", "2026-11-21"],
            "--from <TIME>",
        ),
        (
            &[
                "backfill",
                "--stack",
                "a",
                "--from",
                "today",
                "--to",
                "2026-11-21",
            ],
            "expected a time (2026-11-21T08:00:00Z) or a date (2026-11-21)",
        ),
    ] {
        let (code, _, complaints) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(complaints.contains(says), "{arguments:?}: {complaints}");
    }
}
