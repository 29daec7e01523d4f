//! Compares three readers of JSON: `json`, `sonic-rs` and `serde_json` find the same members of the same records.
//!
//! Usage: `members ROUNDS PATH…`, with trail files compressed by gzip, or folders of trail files. In each round, each
//! reader does two kinds of work:
//!
//! - `members`: find the wanted members of each record, given the text of the record.
//! - `failures`: find the wanted members of each record that has an error, given the list in a trail file.
//!
//! Before the measurement, it is checked that all readers find the same values. The output is one line of JSON with the
//! nanoseconds of CPU time a record for each reader, the median of the rounds. `sonic-rs` should be built with
//! `RUSTFLAGS="-C target-cpu=native"`.

#[path = "files.rs"]
mod files;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use clusters::selection::PREFILTER;
use json::structure::{self, Found};
use libdeflater::Decompressor;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use sonic_rs::{JsonValueTrait as _, LazyValue, PointerTree};

type Failed = Box<dyn std::error::Error>;

/// Paths of the wanted members. The first two are present only in a record with an error.
const WANTED: [&[&str]; 16] = [
    &["errorCode"],
    &["errorMessage"],
    &["eventVersion"],
    &["eventID"],
    &["eventTime"],
    &["eventSource"],
    &["eventName"],
    &["eventType"],
    &["awsRegion"],
    &["sourceIPAddress"],
    &["userAgent"],
    &["recipientAccountId"],
    &["requestParameters"],
    &["userIdentity", "type"],
    &["userIdentity", "arn"],
    &["userIdentity", "accountId"],
];

/// The JSON text of each wanted member, in the order of [`WANTED`]; `None` if it is missing or null.
type Values<'a> = [Option<&'a str>; WANTED.len()];

/// Receives the values of one record after another.
trait Sink {
    /// Receives the values of a record.
    fn take(&mut self, values: Values<'_>);

    /// Receives the values of a record, and ignores a record without an error.
    fn take_failure(&mut self, values: Values<'_>) {
        if values[0].is_some() || values[1].is_some() {
            self.take(values);
        }
    }
}

/// Stores all values, for comparing the readers.
#[derive(Default, PartialEq)]
struct AllValues(Vec<[Option<String>; WANTED.len()]>);

impl Sink for AllValues {
    fn take(&mut self, values: Values<'_>) {
        self.0.push(values.map(|value| value.map(str::to_owned)));
    }
}

/// Adds up the lengths of all values; the least work that uses each value.
#[derive(Default)]
struct TotalLength(usize);

impl Sink for TotalLength {
    fn take(&mut self, values: Values<'_>) {
        self.0 += values
            .iter()
            .flatten()
            .map(|value| value.len())
            .sum::<usize>();
    }
}

/// A reader of JSON.
trait Reader {
    /// Finds the wanted members of a record.
    fn members(&self, record: &str, sink: &mut impl Sink);

    /// Finds the wanted members of the records with an error in a list; the text begins with its bracket.
    fn failures(&self, list: &str, sink: &mut impl Sink);
}

/// The crate `json`, as the product uses it.
struct Json;

impl Json {
    fn values(record: &str) -> Values<'_> {
        let mut values = Values::default();
        let read = json::each_field(record, |key, value| {
            let place = match key {
                b"errorCode" => 0,
                b"errorMessage" => 1,
                b"eventVersion" => 2,
                b"eventID" => 3,
                b"eventTime" => 4,
                b"eventSource" => 5,
                b"eventName" => 6,
                b"eventType" => 7,
                b"awsRegion" => 8,
                b"sourceIPAddress" => 9,
                b"userAgent" => 10,
                b"recipientAccountId" => 11,
                b"requestParameters" => 12,
                b"userIdentity" => return Self::caller(value, &mut values),
                _ => return,
            };
            values[place] = value.present().map(json::Json::as_str);
        });
        read.expect("a record");
        values
    }

    fn caller<'a>(identity: json::Json<'a>, values: &mut Values<'a>) {
        // A value that is no object has no members.
        let _ = identity.each_field(|key, value| {
            let place = match key {
                b"type" => 13,
                b"arn" => 14,
                b"accountId" => 15,
                _ => return,
            };
            values[place] = value.present().map(json::Json::as_str);
        });
    }
}

impl Reader for Json {
    fn members(&self, record: &str, sink: &mut impl Sink) {
        sink.take(Self::values(record));
    }

    fn failures(&self, list: &str, sink: &mut impl Sink) {
        let records = &list.as_bytes()[1..];
        let end = structure::records(records, usize::MAX, &PREFILTER, &mut |found| {
            if let Found::Record(record) = found {
                let record = std::str::from_utf8(record).expect("UTF-8");
                sink.take_failure(Self::values(record));
            }
        });
        assert_eq!(records[end], b']', "the whole list was read");
    }
}

/// `sonic-rs`: one call finds all members of a tree of paths.
struct Sonic {
    wanted: PointerTree,
    /// Only the members that a record with an error has.
    errors: PointerTree,
}

impl Sonic {
    fn new() -> Self {
        let tree = |paths: &[&[&'static str]]| {
            let mut tree = PointerTree::new();
            paths.iter().for_each(|path| tree.add_path(*path));
            tree
        };
        Self {
            wanted: tree(&WANTED),
            errors: tree(&WANTED[..2]),
        }
    }

    fn find<'a>(record: &'a str, tree: &PointerTree) -> Vec<Option<LazyValue<'a>>> {
        sonic_rs::get_many(record, tree).expect("a record")
    }

    fn values<'v>(found: &'v [Option<LazyValue<'_>>]) -> Values<'v> {
        std::array::from_fn(|place| {
            let value = found[place].as_ref().filter(|value| !value.is_null());
            value.map(LazyValue::as_raw_str)
        })
    }
}

impl Reader for Sonic {
    fn members(&self, record: &str, sink: &mut impl Sink) {
        sink.take(Self::values(&Self::find(record, &self.wanted)));
    }

    fn failures(&self, list: &str, sink: &mut impl Sink) {
        for record in sonic_rs::to_array_iter(list) {
            let record = record.expect("a record");
            let errors = Self::find(record.as_raw_str(), &self.errors);
            if errors.iter().flatten().any(|error| !error.is_null()) {
                let found = Self::find(record.as_raw_str(), &self.wanted);
                sink.take(Self::values(&found));
            }
        }
    }
}

/// `serde_json`: deserializes a record to a structure of raw values.
struct Serde;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    error_message: Option<&'a RawValue>,
    event_version: Option<&'a RawValue>,
    #[serde(rename = "eventID")]
    event_id: Option<&'a RawValue>,
    event_time: Option<&'a RawValue>,
    event_source: Option<&'a RawValue>,
    event_name: Option<&'a RawValue>,
    event_type: Option<&'a RawValue>,
    aws_region: Option<&'a RawValue>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Option<&'a RawValue>,
    user_agent: Option<&'a RawValue>,
    recipient_account_id: Option<&'a RawValue>,
    request_parameters: Option<&'a RawValue>,
    user_identity: Option<Caller<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Caller<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    arn: Option<&'a RawValue>,
    account_id: Option<&'a RawValue>,
}

impl<'a> Record<'a> {
    fn values(self) -> Values<'a> {
        let caller = self.user_identity.unwrap_or_default();
        let values = [
            self.error_code,
            self.error_message,
            self.event_version,
            self.event_id,
            self.event_time,
            self.event_source,
            self.event_name,
            self.event_type,
            self.aws_region,
            self.source_ip_address,
            self.user_agent,
            self.recipient_account_id,
            self.request_parameters,
            caller.kind,
            caller.arn,
            caller.account_id,
        ];
        values.map(|value| value.map(RawValue::get))
    }
}

impl Reader for Serde {
    fn members(&self, record: &str, sink: &mut impl Sink) {
        let record: Record<'_> = serde_json::from_str(record).expect("a record");
        sink.take(record.values());
    }

    fn failures(&self, list: &str, sink: &mut impl Sink) {
        let mut list = serde_json::Deserializer::from_str(list).into_iter::<Vec<Record<'_>>>();
        for record in list
            .next()
            .into_iter()
            .flat_map(|list| list.expect("a list"))
        {
            sink.take_failure(record.values());
        }
    }
}

/// Checks whether all three readers can read a record: its types fit the structure, and the fast path accepts it.
fn all_can_read(record: &str) -> bool {
    let text = record.as_bytes();
    serde_json::from_str::<Record<'_>>(record).is_ok_and(|record| record.user_identity.is_some())
        && structure::records(text, usize::MAX, &PREFILTER, &mut |_| {}) == text.len()
}

/// The JSON text that is read: the list of each trail file, and each record of the lists.
#[derive(Default)]
struct Corpus {
    lists: Vec<String>,
    records: Vec<String>,
}

impl Corpus {
    fn add(&mut self, file: &Path, decompressor: &mut Decompressor) -> Result<(), Failed> {
        let packed = fs::read(file)?;
        let length = packed.last_chunk().copied().ok_or("no gzip data")?;
        let mut text = vec![0; u32::from_le_bytes(length) as usize];
        decompressor.gzip_decompress(&packed, &mut text)?;
        let start = memmem::find(&text, b"[{").ok_or("no list of records")?;
        let list = String::from_utf8(text.split_off(start))?;
        let mut records = serde_json::Deserializer::from_str(&list).into_iter::<Vec<&RawValue>>();
        let records = records.next().ok_or("no list of records")??;
        let records = records.into_iter().map(RawValue::get);
        let records: Vec<&str> = records.filter(|record| all_can_read(record)).collect();
        self.lists.push(format!("[{}]", records.join(",")));
        self.records.extend(records.into_iter().map(str::to_owned));
        Ok(())
    }

    fn members(&self, reader: &impl Reader, sink: &mut impl Sink) {
        for record in &self.records {
            reader.members(record, sink);
        }
    }

    fn failures(&self, reader: &impl Reader, sink: &mut impl Sink) {
        for list in &self.lists {
            reader.failures(list, sink);
        }
    }

    /// Returns the values that a reader finds in both kinds of work.
    fn found(&self, reader: &impl Reader) -> [AllValues; 2] {
        let mut found = [AllValues::default(), AllValues::default()];
        self.members(reader, &mut found[0]);
        self.failures(reader, &mut found[1]);
        found
    }

    /// Measures both kinds of work; returns nanoseconds a record.
    fn measured(&self, reader: &impl Reader) -> [f64; 2] {
        let each = |work: &dyn Fn(&mut TotalLength)| {
            let mut seen = TotalLength::default();
            let start = cpu_time();
            work(&mut seen);
            let took = cpu_time() - start;
            black_box(seen.0);
            took.as_nanos() as f64 / self.records.len() as f64
        };
        [
            each(&|seen| self.members(reader, seen)),
            each(&|seen| self.failures(reader, seen)),
        ]
    }
}

/// Returns the CPU time of this thread if the system provides it, else the time since the first call.
fn cpu_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments
        .next()
        .ok_or("the number of rounds is missing")?
        .parse()?;
    let (mut corpus, mut decompressor) = (Corpus::default(), Decompressor::new());
    for path in arguments {
        for file in files::files(Path::new(&path))? {
            let added = corpus.add(&file, &mut decompressor);
            added.map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    let sonic = Sonic::new();
    let expected = corpus.found(&Json);
    if expected != corpus.found(&sonic) || expected != corpus.found(&Serde) {
        return Err("the readers find different members".into());
    }
    let failures = expected[1].0.len();
    drop(expected);
    let measured: Vec<[[f64; 2]; 3]> = (0..rounds)
        .map(|_| {
            [
                corpus.measured(&Json),
                corpus.measured(&sonic),
                corpus.measured(&Serde),
            ]
        })
        .collect();
    let median = |reader: usize, work: usize| {
        let mut all: Vec<f64> = measured.iter().map(|round| round[reader][work]).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let of = |work| {
        let of = |reader| median(reader, work);
        format!(
            r#"{{"json":{:.0},"sonic-rs":{:.0},"serde_json":{:.0}}}"#,
            of(0),
            of(1),
            of(2)
        )
    };
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        let records = corpus.records.len();
        println!(
            r#"{{"records":{records},"failures":{failures},"nanoseconds_each":{{"members":{},"failures":{}}}}}"#,
            of(0),
            of(1),
        );
    }
    Ok(())
}
