//! Generates a realistic CloudTrail trail of a fictional web shop, for trying out the program, its tests and benchmarks.
//!
//! By default the trail has two days of traffic in three accounts, realistic down to the order of fields. With the trail
//! comes its [`Truth`]: the ids and the number of failing events. The trail depends only on the [`Plan`]: the same plan
//! gives the same bytes on every machine. Sources of formats and wordings: AWS CloudTrail User Guide, "CloudTrail record
//! contents", and IAM User Guide, "Access denied error messages".
//!
//! The modules, in reading order:
//!
//! - `actors` has the callers: accounts, people, workloads and outsiders.
//! - `scenarios` has the stories: a leaked key, a broken role, throttling, sign-ins.
//! - `routine` is the table of successful calls, `failures` the table of failing calls.
//! - `call` is a row of these tables, and fills the placeholders in its texts.
//! - `malformed` has unusual and unreadable records.
//! - `generator` makes events from rows of the tables; `random` supplies repeatable pseudorandom numbers.
//! - `event` writes the JSON text of a record.
//! - `delivery` puts records into files by account, region and quarter of an hour; some come late or twice.
//! - `techniques` has the calls of attack techniques, which are no part of a trail.

mod actors;
mod call;
mod delivery;
mod event;
mod failures;
mod generator;
mod malformed;
mod random;
mod routine;
mod scenarios;
pub mod techniques;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use records::Record;
use records::time::Timestamp;

use crate::event::Object;
use crate::generator::Generator;

/// The parameters of a demo trail: seed, length, number of events and start. They determine every byte of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The seed of the pseudorandom numbers; another seed gives another trail.
    pub seed: u64,
    /// The length of the trail in hours; 0 counts as 1.
    pub hours: u32,
    /// The number of events in each hour. The stories, such as the leaked key, need some hundreds of events in all,
    /// even if this number is lower.
    pub events_per_hour: u32,
    /// The start of the trail's first hour.
    pub start: Timestamp,
    /// Whether some files of the trail contain texts that are no valid records.
    pub broken: bool,
}

/// One file of the trail, as CloudTrail would write it to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailFile {
    /// The object key: `AWSLogs/<account>/CloudTrail/<region>/<date>/…json.gz`.
    pub name: String,
    /// The records in the order of the file, each as JSON text on one line. With [`Plan::broken`], a few are no JSON
    /// objects, or no valid JSON.
    pub records: Vec<String>,
}

/// A generated trail together with the results that an analysis of it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The files, sorted by delivery time.
    pub files: Vec<TrailFile>,
    /// The numbers and ids that a reader of the files must find.
    pub truth: Truth,
}

/// The expected results for a trail: the counts and ids that an analysis of its files must find, recorded while the
/// trail was generated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// The number of records in all files, including duplicates and broken records.
    pub records: u64,
    /// The `eventID`s of all failed events: failed sign-ins, and calls with an error except dry runs.
    pub failing_ids: BTreeSet<String>,
    /// The number of failed events without an `eventID`; each is in the files exactly once.
    pub failing_without_id: u64,
    /// The number of records of dry runs: calls that only test whether they would be permitted, so that their error is
    /// no failure.
    pub dry_runs: u64,
    /// The number of records that a reader must reject: no JSON object, or `eventVersion` 2.
    pub broken: u64,
    /// The number of Insights and digest records, which are no API calls.
    pub non_api: u64,
    /// The `eventID`s of the sensitive calls that succeeded.
    pub watch_ids: BTreeSet<String>,
    /// The story of an AWS service that is refused at one bucket again and again.
    pub storm: Storm,
    /// The story of a leaked key, with which many APIs are tried within minutes.
    pub recon: Reconnaissance,
    /// The id of an access key with which the trail contains only one call. The story is that the key was unused for
    /// years.
    pub sleeping_key: String,
}

/// The story of an AWS service that is refused again and again when it writes to one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storm {
    /// The id of the account that owns the bucket.
    pub account_id: String,
    /// The AWS service whose calls are refused, as in `invokedBy`.
    pub invoked_by: String,
    /// The AWS service that refuses the calls, as in `eventSource`.
    pub event_source: String,
    /// The `errorCode` of the refusals in this story.
    pub error_code: String,
    /// The name of the bucket at which the service is refused.
    pub bucket: String,
    /// The number of distinct events of the story, for each `eventName`.
    ///
    /// No other caller in this account fails at these calls with this code. So each number is the size of one cluster.
    pub events: BTreeMap<String, u64>,
}

/// The story of one principal with a leaked key, who tries many APIs within minutes and is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconnaissance {
    /// The ARN of the principal that uses the leaked key.
    pub principal_arn: String,
    /// The id of the leaked long-term key.
    pub access_key_id: String,
    /// The number of distinct APIs that refused the calls with the leaked key.
    pub denied_apis: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let start = Timestamp::parse("2026-11-02T00:00:00Z");
        Self {
            seed: 1,
            hours: 48,
            events_per_hour: 600,
            start: start.expect("the text above is a time"),
            broken: true,
        }
    }
}

/// Generates the trail that a plan describes, together with the results that an analysis of the trail must have.
///
/// About one event in ten fails. About a fifth of the failures belong to [`Storm`], the rest to the other stories and
/// to everyday failures. A plan with only a few hundred events has more failures, because each kind of failure occurs
/// at least once.
pub fn trail(plan: &Plan) -> Demo {
    let mut generator = Generator::new(plan);
    let failing = plan.hours.max(1) as usize * plan.events_per_hour as usize / 10;
    let mut truth = Truth {
        storm: scenarios::storm(&mut generator, (failing / 5).max(24)),
        recon: scenarios::recon(&mut generator),
        sleeping_key: scenarios::sleeping_key(&mut generator),
        ..Truth::default()
    };
    scenarios::takeover(&mut generator);
    scenarios::nightly_job(&mut generator);
    scenarios::broken_role(&mut generator, (plan.events_per_hour / 30).max(2) as usize);
    scenarios::throttle_burst(&mut generator);
    scenarios::watch_list(&mut generator);
    scenarios::sign_ins(&mut generator, 3);
    malformed::malformed_records(&mut generator);
    scenarios::each_row_once(&mut generator);
    let failing_so_far = generator
        .events
        .iter()
        .filter(|event| event.truth_of == event::EventTruth::Failing)
        .count();
    scenarios::everyday_failures(&mut generator, failing.saturating_sub(failing_so_far));
    scenarios::routine(&mut generator, plan);
    let files = delivery::deliver(generator.events, plan, &mut generator.random, &mut truth);
    Demo { files, truth }
}

impl Demo {
    /// Returns the invocation payloads, as JSON, that a CloudWatch Logs subscription would send to a Lambda function
    /// for this trail.
    ///
    /// The payloads contain only records with an error, as if the subscription had such a filter. Each payload has at
    /// most `records_max` records; 0 counts as 1.
    pub fn payloads(&self, records_max: usize) -> Vec<String> {
        let texts = self.files.iter().flat_map(|file| &file.records);
        let failing: Vec<String> = texts.filter(|text| has_error(text)).cloned().collect();
        failing
            .chunks(records_max.max(1))
            .map(|records| payload(LOGGED_IN.0, LOGGED_IN.1, records))
            .collect()
    }
}

/// The account and the region of the log group that receives the records of all accounts.
const LOGGED_IN: (&str, &str) = ("111122223333", "eu-central-1");

fn has_error(text: &str) -> bool {
    Record::parse(text)
        .is_ok_and(|record| record.error_code.is_some() || record.error_message.is_some())
}

impl TrailFile {
    /// Returns the content of the file as JSON: `{"Records":[…]}`.
    pub fn json(&self) -> String {
        format!("{{\"Records\":[{}]}}", self.records.join(","))
    }

    /// Returns the content of the file as gzip data, without a timestamp in the gzip header.
    pub fn gzip(&self) -> Vec<u8> {
        gzip(self.json().as_bytes())
    }
}

/// Wraps records into one payload of a CloudWatch Logs subscription: `{"awslogs":{"data":…}}`.
///
/// `account_id` and `region` are those of the log group.
pub fn payload(account_id: &str, region: &str, records: &[String]) -> String {
    let mut logged_at = 0;
    let events: Vec<String> = records
        .iter()
        .enumerate()
        .map(|(number, record)| {
            // A record without a readable time gets the log time of the record before it.
            logged_at = event_time(record).unwrap_or(logged_at);
            Object::default()
                .text("id", &format!("{logged_at:020}{number:036}"))
                .raw("timestamp", &(logged_at * 1000).to_string())
                .text("message", record)
                .end()
        })
        .collect();
    let data = Object::default()
        .text("messageType", "DATA_MESSAGE")
        .text("owner", account_id)
        .text("logGroup", "shop-trail")
        .text("logStream", &format!("{account_id}_CloudTrail_{region}"))
        .raw("subscriptionFilters", r#"["cloudtrail-inspector"]"#)
        .raw("logEvents", &format!("[{}]", events.join(",")))
        .end();
    let data = STANDARD.encode(gzip(data.as_bytes()));
    let awslogs = Object::default().text("data", &data).end();
    Object::default().raw("awslogs", &awslogs).end()
}

fn event_time(record: &str) -> Option<i64> {
    let record = Record::parse(record).ok()?;
    Some(Timestamp::parse(&record.event_time?)?.seconds())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let compress = |content: &[u8]| -> io::Result<Vec<u8>> {
        // The header has no timestamp, and operating system 255, which means "unknown".
        let header = GzBuilder::new().mtime(0).operating_system(255);
        let mut encoder = header.write(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        encoder.finish()
    };
    compress(content).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests;
