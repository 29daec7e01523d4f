//! Puts the demo's events into files: one file for each account, region and quarter of an hour.
//!
//! Most events are delivered a few minutes after their time, some much later, and one in a hundred twice.

use std::collections::BTreeMap;

use records::time::Timestamp;

use crate::event::{DemoEvent, EventTruth};
use crate::malformed::BROKEN;
use crate::random::Random;
use crate::{Plan, TrailFile, Truth};

/// The period that one file covers, in seconds. AWS uses about five minutes; fewer files keep the demo small.
const PERIOD: i64 = 900;
/// The maximum delay of a late event in seconds. With the period added, it is at most 45 minutes older than its file.
const LATEST: i64 = 1800;
/// One file in this number of files contains a text that is no record, beginning with the fourth file.
const BROKEN_EVERY: usize = 40;

/// The closing time of a file in seconds since 1970, its account and its region.
type FileKey = (i64, &'static str, &'static str);

/// Distributes all events over trail files, and returns the files, the earliest closing time first.
///
/// Adds the number of written records of each kind, and the ids of failed events and sensitive calls, to `truth`. One
/// in a hundred events is written twice. If the plan asks for broken files, some files also get a text that is no
/// record.
pub fn deliver(
    events: Vec<DemoEvent>,
    plan: &Plan,
    random: &mut Random,
    truth: &mut Truth,
) -> Vec<TrailFile> {
    let mut files: BTreeMap<FileKey, Vec<String>> = BTreeMap::new();
    for event in events {
        let closed = closing_time(&event, random);
        let place = |closed| (closed, event.account.id, event.region);
        count(&event, truth);
        if random.chance(1) && event.id.is_some() {
            count(&event, truth);
            let later = closed + PERIOD * random.seconds(1, 3);
            files
                .entry(place(later))
                .or_default()
                .push(event.text.clone());
        }
        files.entry(place(closed)).or_default().push(event.text);
    }
    let mut delivered = Vec::with_capacity(files.len());
    for (number, (place, mut records)) in files.into_iter().enumerate() {
        if plan.broken && number % BROKEN_EVERY == 3 {
            let text = BROKEN[number / BROKEN_EVERY % BROKEN.len()];
            let index = random.below(records.len() + 1);
            records.insert(index, text.to_owned());
            truth.records += 1;
            truth.broken += 1;
        }
        delivered.push(TrailFile {
            name: name(place, random),
            records,
        });
    }
    delivered
}

fn closing_time(event: &DemoEvent, random: &mut Random) -> i64 {
    let delay = match event.delay {
        Some(delay) => delay,
        None if random.chance(1) => random.seconds(LATEST * 2 / 3, LATEST),
        None => random.seconds(60, 600),
    };
    (event.time + delay).div_euclid(PERIOD) * PERIOD + PERIOD
}

fn count(event: &DemoEvent, truth: &mut Truth) {
    truth.records += 1;
    match (event.truth_of, &event.id) {
        (EventTruth::Success, _) => {}
        (EventTruth::Failing, Some(id)) => {
            truth.failing_ids.insert(id.clone());
        }
        (EventTruth::Failing, None) => truth.failing_without_id += 1,
        (EventTruth::DryRun, _) => truth.dry_runs += 1,
        (EventTruth::Watched, id) => truth.watch_ids.extend(id.clone()),
        (EventTruth::Broken, _) => truth.broken += 1,
        (EventTruth::NonApi, _) => truth.non_api += 1,
    }
}

fn name((closed, account, region): FileKey, random: &mut Random) -> String {
    let text = Timestamp::from_seconds(closed).map_or_else(String::new, |time| time.to_string());
    let (date, time) = text.split_once('T').unwrap_or_default();
    let folder = date.replace('-', "/");
    let minute: String = time.split(':').take(2).collect();
    let stamp = format!("{}T{minute}Z", date.replace('-', ""));
    let unique = random.base32(16);
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{folder}/{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz"
    )
}
