//! Makes a believable trail of a made-up web shop, to try the product out, and for its tests and benchmarks.
//!
//! Three accounts in two days of traffic, believable down to the field order, and beside it the
//! truth: which events failed, and how many. Everything follows from the plan; the same plan gives
//! the same bytes everywhere. Shapes and wordings: AWS CloudTrail User Guide,
//! "CloudTrail record contents", and IAM User Guide, "Access denied error messages".
//!
//! The modules, in reading order:
//!
//! - `actors` has who acts: accounts, people, workloads and strangers.
//! - `scenarios` has the stories: a leaked key, a broken role, throttling, sign-ins.
//! - `routine` has the calls that go well, `failures` those that fail, each as a row of a table.
//! - `call` fills in the blanks of a row.
//! - `malformed` has the records that break naive readers.
//! - `generator` makes events from rows, hour by hour; `random` gives it repeatable numbers.
//! - `event` makes the text of a record.
//! - `delivery` puts the records into files: late, twice, by account, region and quarter of an hour.

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

/// What trail to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Another seed makes another trail.
    pub seed: u64,
    /// How long the trail is; an hour at least.
    pub hours: u32,
    /// How many events happen in an hour; the stories need some hundreds in all, and take them.
    pub events_per_hour: u32,
    /// When the trail begins.
    pub start: Timestamp,
    /// Whether texts that are no records are strewn in.
    pub broken: bool,
}

/// One file of the trail as it lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailFile {
    /// Its key: `AWSLogs/<account>/CloudTrail/<region>/<date>/…json.gz`.
    pub name: String,
    /// The text of each record, one line each.
    pub records: Vec<String>,
}

/// A made-up trail, with the clusters and counts that it must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The files, in the order in which they arrive.
    pub files: Vec<TrailFile>,
    /// What a reader of the files has to find.
    pub truth: Truth,
}

/// What a reader of the files has to find, known from how they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Records written, with duplicates and broken ones.
    pub records: u64,
    /// The eventIDs of the events that failed: calls with an error, except dry runs, and sign-ins.
    pub failing_ids: BTreeSet<String>,
    /// Events that failed and have no eventID; none of them is there twice.
    pub failing_without_id: u64,
    /// Records of dry runs.
    pub dry_runs: u64,
    /// Records that are no JSON objects or have version 2.
    pub broken: u64,
    /// Insight and digest records.
    pub non_api: u64,
    /// The eventIDs of the sensitive successes.
    pub watch_ids: BTreeSet<String>,
    /// The storm.
    pub storm: Storm,
    /// The reconnaissance.
    pub recon: Reconnaissance,
    /// The access key that slept for years and was used once.
    pub sleeping_key: String,
}

/// One service that fails at one bucket, over and over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storm {
    /// The account it happens in.
    pub account_id: String,
    /// The service that calls.
    pub invoked_by: String,
    /// The service that refuses.
    pub event_source: String,
    /// The code it refuses with.
    pub error_code: String,
    /// The bucket.
    pub bucket: String,
    /// How many distinct events there are for each event name; nobody else fails at these calls
    /// with this code in this account, so each is the size of a cluster.
    pub events: BTreeMap<String, u64>,
}

/// One principal that tries many APIs within minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconnaissance {
    /// The principal.
    pub principal_arn: String,
    /// The long-term key it uses.
    pub access_key_id: String,
    /// How many distinct APIs it was denied.
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

/// Makes the trail that a plan asks for.
///
/// About one event in ten fails: a fifth of these are the storm, the rest are the other stories
/// and everyday problem. A plan for a few hundred events gets more failures than that, since each
/// way to fail occurs at least once.
pub fn trail(plan: &Plan) -> Demo {
    let mut generator = Generator::new(plan);
    let failing = plan.hours.max(1) as usize * plan.events_per_hour as usize / 10;
    let mut truth = Truth {
        storm: scenarios::storm(&mut generator, (failing / 5).max(24)),
        recon: scenarios::recon(&mut generator),
        sleeping_key: scenarios::sleeping_key(&mut generator),
        ..Truth::default()
    };
    scenarios::nightly_job(&mut generator);
    scenarios::broken_role(&mut generator, (plan.events_per_hour / 30).max(2) as usize);
    scenarios::throttle_burst(&mut generator);
    scenarios::watch_list(&mut generator);
    scenarios::sign_ins(&mut generator, 3);
    malformed::odd_records(&mut generator);
    scenarios::roll_call(&mut generator);
    let there = generator
        .events
        .iter()
        .filter(|event| event.truth_of == event::EventTruth::Failing)
        .count();
    scenarios::everyday_failures(&mut generator, failing.saturating_sub(there));
    scenarios::routine(&mut generator, plan);
    let files = delivery::deliver(generator.events, plan, &mut generator.random, &mut truth);
    Demo { files, truth }
}

impl Demo {
    /// Returns what a subscription that asks for errors would hand over, so many records at a time.
    pub fn payloads(&self, records_max: usize) -> Vec<String> {
        let texts = self.files.iter().flat_map(|file| &file.records);
        let failing: Vec<String> = texts.filter(|text| has_error(text)).cloned().collect();
        failing
            .chunks(records_max.max(1))
            .map(|records| payload(LOGGED_IN.0, LOGGED_IN.1, records))
            .collect()
    }
}

/// The account and the region that the trail of all accounts is logged in.
const LOGGED_IN: (&str, &str) = ("111122223333", "eu-central-1");

fn has_error(text: &str) -> bool {
    Record::parse(text)
        .is_ok_and(|record| record.error_code.is_some() || record.error_message.is_some())
}

impl TrailFile {
    /// Returns the file's content: `{"Records":[…]}`.
    pub fn json(&self) -> String {
        format!("{{\"Records\":[{}]}}", self.records.join(","))
    }

    /// Returns the file as it lies in the bucket, without a time of compression.
    pub fn gzip(&self) -> Vec<u8> {
        gzip(self.json().as_bytes())
    }
}

/// Wraps records as a log group's subscription hands them over.
pub fn payload(account_id: &str, region: &str, records: &[String]) -> String {
    let mut logged_at = 0;
    let events: Vec<String> = records
        .iter()
        .enumerate()
        .map(|(number, record)| {
            // A record without a readable time was logged along with the one before it.
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
        // The header says neither when nor on what system: 255 is "unknown".
        let header = GzBuilder::new().mtime(0).operating_system(255);
        let mut encoder = header.write(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        encoder.finish()
    };
    compress(content).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests;
