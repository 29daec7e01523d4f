//! Gap repair: events lost between a log group and the function are added later, exactly once, whatever the cause.
//!
//! Also the parsing of CloudWatch's metrics about deliveries.

use std::cell::Cell;
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use aws::metrics::CloudWatch;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::json;
use service::ingest::gap_repair::{GAPS_KEY, GapRepair, GroupResult, RepairResult, RepairSource};
use service::ingest::gaps::SubscriptionState;
use service::ingest::replay_input::{ReplayInput, Stopped};
use service::ingest::subscription::Subscription;
use service::memory::{MemoryBucket, MemoryStore};
use service::ports::{
    Bucket as _, Deliveries as _, DeliveryPath, Failures, LogGroupError, LogGroups, LogPage,
    LogQuery, Store as _, Subscribed,
};

use crate::bootstrap::Function;
use crate::emulator::{Emulator, config_at};
use crate::http::{self, Request};
use crate::records::{id, record};
use crate::redrive::{MemoryLogs, SOURCE, log, make_group, texts};
use crate::table::now;

/// Time of a run after the hours 08:00 and 09:00, in which the test records were logged.
const NOW: &str = "2026-11-02T10:20:00Z";

const PATIENCE: Duration = Duration::from_secs(60);

fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

fn failures(hour: &str, group: Option<&str>, count: u64) -> Failures {
    Failures {
        hour: at(hour).window(),
        group: group.map(str::to_owned),
        count,
    }
}

fn replay_input<'i>(
    subscription: &'i mut Subscription,
    store: &'i mut MemoryStore,
    bucket: &'i MemoryBucket,
) -> ReplayInput<'i, MemoryStore, MemoryBucket> {
    ReplayInput {
        subscription,
        store,
        bucket,
        now: now(),
    }
}

/// A store, a bucket, and a log group with a record every ten minutes from 08:03 on.
struct World {
    store: MemoryStore,
    bucket: MemoryBucket,
    logs: MemoryLogs,
    groups: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            bucket: MemoryBucket::default(),
            logs: MemoryLogs::of(texts(1..=8), 600_000),
            groups: vec![SOURCE.group.to_owned()],
        }
    }

    fn open(&self, now: &str) -> GapRepair {
        let opened = block_on(GapRepair::open(&self.bucket, &self.groups, at(now)));
        let (gap_repair, unreadable) = opened.unwrap();
        assert_eq!(unreadable, None);
        gap_repair
    }

    fn repair_gaps(
        &mut self,
        gap_repair: &mut GapRepair,
        is_over: impl FnMut() -> bool,
    ) -> RepairResult {
        let mut subscription = Subscription::default();
        let mut replay_input = replay_input(&mut subscription, &mut self.store, &self.bucket);
        let repaired = gap_repair.repair_gaps(ORIGIN, &self.logs, &mut replay_input, is_over);
        let repaired = block_on(repaired);
        block_on(gap_repair.keep(&self.bucket)).unwrap();
        repaired
    }

    fn events(&self) -> usize {
        block_on(self.store.events()).unwrap().len()
    }
}

const ORIGIN: RepairSource<'_> = RepairSource {
    pattern: SOURCE.pattern,
    owner: SOURCE.owner,
};

#[test]
fn an_hour_of_which_something_was_lost_comes_in_and_is_not_read_again_for_the_same() {
    let mut world = World::new();
    let lost = |count| [failures("2026-11-02T08:00:00Z", Some(SOURCE.group), count)];
    let mut gap_repair = world.open(NOW);
    gap_repair.lost(&lost(2));
    let repaired = world.repair_gaps(&mut gap_repair, || false);
    assert_eq!(
        (repaired.hours(), repaired.records(), repaired.left),
        (2, 6, 0)
    );
    assert_eq!(world.events(), 6);
    let kept = world.bucket.objects();
    for (count, hours) in [(2, 0), (3, 1), (3, 0)] {
        let mut gap_repair = world.open(NOW);
        gap_repair.lost(&lost(count));
        assert_eq!(world.repair_gaps(&mut gap_repair, || false).hours(), hours);
        let is_kept = world.bucket.objects() != kept;
        assert_eq!(is_kept, count == 3, "written only if it changed");
    }
    assert_eq!(world.events(), 6);
}

#[test]
fn what_there_is_no_time_for_is_done_by_the_next_run_and_no_page_is_read_twice() {
    let mut world = World::new();
    let lost = [failures("2026-11-02T09:00:00Z", None, 1)];
    let mut asked = 0;
    for run in 1.. {
        let mut gap_repair = world.open(NOW);
        gap_repair.lost(&lost);
        let pages = Cell::new(0);
        let is_over = || pages.replace(pages.get() + 1) == 3;
        let repaired = world.repair_gaps(&mut gap_repair, is_over);
        asked += repaired.groups.values().map(|of| of.pages).sum::<u64>();
        if repaired.left == 0 {
            assert!(run > 3, "{run}");
            break;
        }
        assert!(matches!(repaired.stopped[..], [(_, Stopped::Deadline)]));
    }
    // Of each of the five empty hours an empty page and one after it.
    assert_eq!((asked, world.logs.asked.get() as u64), (18, 18));
    assert_eq!(world.events(), 8);
}

#[test]
fn while_nobody_is_subscribed_the_log_group_is_read_and_a_blind_run_reads_no_hour_twice() {
    let mut world = World::new();
    let mut gap_repair = world.open("2026-11-02T08:20:00Z");
    gap_repair.stands(SOURCE.group, SubscriptionState::Right);
    assert_eq!(world.repair_gaps(&mut gap_repair, || false).hours(), 0);
    let mut gap_repair = world.open(NOW);
    gap_repair.stands(SOURCE.group, SubscriptionState::Wrong);
    let repaired = world.repair_gaps(&mut gap_repair, || false);
    assert_eq!((repaired.hours(), repaired.records()), (3, 8));
    let asked = world.logs.asked.get();
    let mut subscription = Subscription::default();
    let mut replay_input = replay_input(&mut subscription, &mut world.store, &world.bucket);
    let since = (&*world.groups, at("2026-11-02T07:30:00Z"));
    let again = gap_repair.read_since(since, ORIGIN, &world.logs, &mut replay_input, || false);
    let again = block_on(again);
    assert_eq!((again.hours(), again.records()), (1, 0));
    assert_eq!(
        world.logs.asked.get(),
        asked + 2,
        "an hour without anything"
    );
    assert_eq!(world.events(), 8);
}

/// Log groups, one of which cannot be read.
struct Torn<'t>(&'t MemoryLogs);

impl LogGroups for Torn<'_> {
    async fn events(
        &self,
        query: &LogQuery,
        token: Option<&str>,
    ) -> Result<LogPage, LogGroupError> {
        if query.group == "away" {
            let group = query.group.clone();
            return Err(LogGroupError::NoGroup { group });
        }
        self.0.events(query, token).await
    }

    async fn subscribed(&self, group: &str, filter: &str) -> Result<Subscribed, LogGroupError> {
        self.0.subscribed(group, filter).await
    }
}

#[test]
fn a_log_group_that_cannot_be_read_holds_up_no_other() {
    let mut world = World::new();
    world.groups.insert(0, "away".to_owned());
    let mut gap_repair = world.open(NOW);
    gap_repair.lost(&[failures("2026-11-02T08:00:00Z", None, 1)]);
    let mut subscription = Subscription::default();
    let mut replay_input = replay_input(&mut subscription, &mut world.store, &world.bucket);
    let torn = Torn(&world.logs);
    let repaired = gap_repair.repair_gaps(ORIGIN, &torn, &mut replay_input, || false);
    let repaired = block_on(repaired);
    assert_eq!((repaired.hours(), repaired.left), (7, 7));
    assert!(matches!(&repaired.stopped[..], [(group, Stopped::Logs(_))] if group == "away"));
    assert_eq!(repaired.groups["away"], GroupResult::default());
    assert_eq!(world.events(), 6);
}

#[test]
fn what_is_kept_and_cannot_be_read_is_found_out_anew() {
    let mut world = World::new();
    for damaged in [b"{}".to_vec(), vec![b' '; (16 << 20) + 1]] {
        block_on(world.bucket.keep(GAPS_KEY, damaged)).unwrap();
        let opened = block_on(GapRepair::open(&world.bucket, &world.groups, at(NOW)));
        let (mut gap_repair, unreadable) = opened.unwrap();
        assert!(unreadable.is_some());
        world.repair_gaps(&mut gap_repair, || false);
        world.open(NOW);
    }
}

/// Returns a metric of an hour.
fn datum(name: &str, dimensions: &[(&str, &str)], at: Timestamp, value: f64) -> MetricDatum {
    let dimension = |(name, value): &(&str, &str)| {
        let dimension = Dimension::builder().name(*name);
        dimension.value(*value).build()
    };
    MetricDatum::builder()
        .metric_name(name)
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .timestamp(DateTime::from_secs(at.seconds()))
        .value(value)
        .build()
}

/// Puts a metric that AWS itself publishes about a subscription.
fn put(emulator: &Emulator, namespace: &str, datum: MetricDatum) {
    let client = aws_sdk_cloudwatch::Client::new(emulator.config());
    let put = client.put_metric_data().namespace(namespace);
    block_on(put.metric_data(datum).send()).unwrap();
}

/// The time at which the test runs, because CloudWatch does not accept old metrics.
#[expect(
    clippy::disallowed_methods,
    reason = "the function looks at the clock, too"
)]
pub fn this_moment() -> Timestamp {
    use std::time::{SystemTime, UNIX_EPOCH};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(now.as_secs() as i64).unwrap()
}

#[test]
fn what_cloudwatch_says_was_not_delivered_is_told_by_hour_and_log_group() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let this = this_moment().window();
    let groups = ["a", "b"].map(|name| format!("{}-{name}", emulator.name()));
    let of_group = |group: &str, filter: &str, hours, second, value| {
        let dimensions = [
            ("LogGroupName", group),
            ("DestinationType", "Lambda"),
            ("FilterName", filter),
        ];
        let at = this.plus(hours).start().after(second).unwrap();
        put(
            &emulator,
            "AWS/Logs",
            datum("DeliveryErrors", &dimensions, at, value),
        );
    };
    of_group(&groups[0], "watch", -2, 60, 3.0);
    of_group(&groups[0], "watch", -2, 3000, 4.0);
    of_group(&groups[1], "watch", -1, 0, 1.0);
    of_group(&groups[1], "other", -1, 0, 9.0);
    of_group(&groups[1], "watch", -3, 0, 9.0);
    let failed = |metric: &str, function: &str, value| {
        let at = this.plus(-1).start();
        let datum = datum(metric, &[("FunctionName", function)], at, value);
        put(&emulator, "AWS/Lambda", datum);
    };
    let function = format!("{}-ingest", emulator.name());
    failed("DestinationDeliveryFailures", &function, 2.0);
    failed("DestinationDeliveryFailures", "other", 9.0);
    // An event that Lambda stored in the bucket is processed by redrive from there. A gap would mean reading seven
    // hours of each log group again for every such event.
    failed("AsyncEventsDropped", &function, 5.0);
    let way = DeliveryPath {
        groups: &groups,
        filter: "watch",
        function: &function,
    };
    let metrics = CloudWatch::new(emulator.config());
    let found = block_on(metrics.failures(&way, this.plus(-2), this)).unwrap();
    let failures = |hours, group: Option<&String>, count| Failures {
        hour: this.plus(hours),
        group: group.cloned(),
        count,
    };
    let wanted = [
        failures(-2, Some(&groups[0]), 7),
        failures(-1, Some(&groups[1]), 1),
        failures(-1, None, 2),
    ];
    assert_eq!(found, wanted);
}

/// Answers requests one after another, each on its own connection, and returns the requests.
fn answer(answers: Vec<(u16, Vec<u8>)>) -> (String, std::thread::JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = Request::read(&mut BufReader::new(&stream)).unwrap();
            asked.push(request.body);
            let headers = "smithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\
                           Connection: close\r\n";
            let answer = http::answer(&format!("{status} X"), headers, &body);
            stream.write_all(&answer).unwrap();
        }
        asked
    };
    (address, std::thread::spawn(serve))
}

/// Encodes the CBOR values of CloudWatch answers that are needed here: RFC 8949, section 3.
fn cbor(value: &serde_json::Value) -> Vec<u8> {
    let head = |major: u8, length: usize| vec![major << 5 | 24, u8::try_from(length).unwrap()];
    match value {
        serde_json::Value::String(text) => {
            [head(3, text.len()), text.clone().into_bytes()].concat()
        }
        // A number is encoded as a float; a moment has a tag before it.
        serde_json::Value::Number(number) => {
            [vec![0xfb], number.as_f64().unwrap().to_be_bytes().to_vec()].concat()
        }
        serde_json::Value::Array(all) => {
            let items = all.iter().flat_map(|item| match item.get("at") {
                Some(at) => [vec![0xc1], cbor(at)].concat(),
                None => cbor(item),
            });
            head(4, all.len()).into_iter().chain(items).collect()
        }
        serde_json::Value::Object(all) => {
            let items = all
                .iter()
                .flat_map(|(name, item)| [cbor(&json!(name)), cbor(item)].concat());
            head(5, all.len()).into_iter().chain(items).collect()
        }
        other => panic!("{other}"),
    }
}

/// Queries the CloudWatch at an address about one log group.
fn ask(address: &str) -> Result<Vec<Failures>, String> {
    let metrics = CloudWatch::new(&config_at(address));
    let way = DeliveryPath {
        groups: &["shop".to_owned()],
        filter: "watch",
        function: "watch",
    };
    let until = at(NOW).window();
    let found = block_on(metrics.failures(&way, until.plus(-24), until));
    found.map_err(|error| error.to_string())
}

#[test]
fn all_pages_are_read() {
    let hour = at("2026-11-02T08:00:00Z").seconds();
    let page = |hour: i64, next: Option<&str>| {
        let mut page = json!({"MetricDataResults": [
            {"Id": "q0", "StatusCode": "PartialData", "Timestamps": [{"at": hour}], "Values": [2]},
            {"Id": "q1", "StatusCode": "Complete", "Timestamps": [], "Values": []},
        ]});
        if let Some(next) = next {
            page["NextToken"] = json!(next);
        }
        (200, cbor(&page))
    };
    let (address, asked) = answer(vec![
        page(hour, Some("more-of-it")),
        page(hour + 3600, None),
    ]);
    let found = ask(&address).unwrap();
    let wanted = ["2026-11-02T08:00:00Z", "2026-11-02T09:00:00Z"]
        .map(|hour| failures(hour, Some("shop"), 2));
    assert_eq!(found, wanted);
    let asked = asked.join().unwrap();
    let says = |request: &[u8], word: &[u8]| request.windows(word.len()).any(|of| of == word);
    assert_eq!(
        asked
            .iter()
            .map(|of| says(of, b"more-of-it"))
            .collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn a_refusal_is_told_and_so_is_a_metric_that_is_not_to_be_had() {
    let refused = cbor(&json!({
        "__type": "com.amazonaws.cloudwatch#AccessDeniedException",
        "message": "not authorized to perform: cloudwatch:GetMetricData",
    }));
    let (address, _) = answer(vec![(403, refused)]);
    let told = ask(&address).unwrap_err();
    assert!(
        told.contains("AccessDenied") && told.contains("cloudwatch:GetMetricData"),
        "{told}"
    );
    let torn = cbor(&json!({"MetricDataResults": [{"Id": "q0", "StatusCode": "InternalError"}]}));
    let (address, _) = answer(vec![(200, torn)]);
    let told = ask(&address).unwrap_err();
    assert!(
        told.contains("InternalError for one of the metrics"),
        "{told}"
    );
}

/// The function of a stack, its log group, and clients for both.
struct Stack {
    emulator: Emulator,
    group: String,
    logs: aws_sdk_cloudwatchlogs::Client,
}

const INGEST: &str = "watch-ingest";

impl Stack {
    fn find() -> Option<Self> {
        let emulator = Emulator::find()?;
        emulator.make_bucket();
        let group = format!("{}-trail", emulator.name());
        let logs = make_group(&emulator, &group);
        Some(Self {
            emulator,
            group,
            logs,
        })
    }

    /// Logs a failed call that happened at the given time.
    fn log(&self, number: u64, at: Timestamp) {
        let fields = json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "eventTime": at.to_string(),
        });
        let text = record(fields).to_string();
        log(&self.logs, &self.group, &[(at.seconds() * 1000, text)]);
    }

    /// Creates the subscription filter; the emulator does not call the function.
    fn subscribe(&self) {
        let arn = format!("arn:aws:lambda:us-east-1:111122223333:function:{INGEST}");
        let put = self.logs.put_subscription_filter();
        let put = put.log_group_name(&self.group).filter_name(INGEST);
        let put = put.filter_pattern("").destination_arn(arn);
        block_on(put.send()).unwrap();
    }

    fn unsubscribe(&self) {
        let delete = self.logs.delete_subscription_filter();
        let delete = delete.log_group_name(&self.group).filter_name(INGEST);
        block_on(delete.send()).unwrap();
    }

    /// Runs the inspection, and returns the number of events in the table.
    fn take_stock(&self) -> usize {
        let mut settings = vec![
            ("_HANDLER", "inspect"),
            ("INGEST_FUNCTION_NAME", INGEST),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("LOG_GROUP_NAMES", &self.group),
            ("RETENTION_DAYS", "8"),
        ];
        settings.extend(self.emulator.environment());
        let function = Function::start(&settings);
        function.hand_over(&[b"{}".to_vec()]);
        assert_eq!(function.answers(1, PATIENCE), Ok(1));
        let store = self.emulator.store(crate::table::telling());
        block_on(store.events()).unwrap().len()
    }
}

#[test]
fn an_inspection_reads_what_nobody_was_subscribed_to() {
    let Some(stack) = Stack::find() else {
        return;
    };
    let now = this_moment();
    // A minute ago, if that was this hour.
    let logged = now.after(-60).unwrap().max(now.window().start());
    stack.subscribe();
    stack.log(1, logged);
    assert_eq!(stack.take_stock(), 0, "what is delivered is left alone");
    stack.unsubscribe();
    stack.log(2, logged);
    let found = stack.take_stock();
    assert_eq!(
        found, 2,
        "both are of the hour in which it was known to be right"
    );
    stack.log(3, logged);
    stack.subscribe();
    assert_eq!(stack.take_stock(), 3, "once more");
    stack.log(4, logged);
    assert_eq!(stack.take_stock(), 3, "then that is over");
}

#[test]
fn an_inspection_reads_the_hours_again_of_which_cloudwatch_says_that_something_was_lost() {
    let Some(stack) = Stack::find() else {
        return;
    };
    stack.subscribe();
    let failed = this_moment().window().plus(-3).start();
    stack.log(1, failed.after(60).unwrap());
    stack.log(2, failed.after(7300).unwrap());
    assert_eq!(stack.take_stock(), 0);
    let dimensions = [
        ("LogGroupName", stack.group.as_str()),
        ("DestinationType", "Lambda"),
        ("FilterName", INGEST),
    ];
    for (value, number) in [(1.0, 3), (0.0, 4), (2.0, 5)] {
        let datum = datum("DeliveryErrors", &dimensions, failed, value);
        put(&stack.emulator, "AWS/Logs", datum);
        let found = stack.take_stock();
        // What came to the hour since is found only when more was lost.
        assert_eq!(found, if number == 5 { 3 } else { 1 });
        stack.log(number, failed.after(120).unwrap());
    }
}
