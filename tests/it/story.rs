//! The timeline of a month, as `scan --inspect` prints it: three incidents, two callers who try many calls, an outage
//! of the delivery, and calls that always fail.

use std::collections::BTreeSet;

use expect_test::expect_file;
use fastrand::Rng;
use records::time::Timestamp;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::records::{ACCOUNT, id, lines, record};

const MINUTE: i64 = 60;
pub const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// 2026-11-01T00:00:00Z.
pub const START: i64 = 1_793_491_200;

/// The hours, counted from [`START`], in which no events arrive.
const OUTAGE: (i64, i64) = (13 * DAY + 6 * HOUR, 13 * DAY + 22 * HOUR);

/// The failed calls of a month.
pub struct Month {
    pub records: Vec<Value>,
}

impl Month {
    fn add(&mut self, at: i64, role: &str, call: (&str, &str), code: &str, resource: &str) {
        self.add_in("eu-central-1", at, role, call, code, resource);
    }

    fn add_in(
        &mut self,
        region: &str,
        at: i64,
        role: &str,
        (service, action): (&str, &str),
        code: &str,
        resource: &str,
    ) {
        if (OUTAGE.0..OUTAGE.1).contains(&at) {
            return;
        }
        let time = time(START + at);
        let number = self.records.len() as u64 + 1;
        self.records.push(record(json!({
            "eventID": id(number),
            "eventTime": time,
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": action,
            "awsRegion": region,
            "errorCode": code,
            "resources": [{"ARN": resource, "accountId": ACCOUNT}],
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"),
                "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLEEXAMPLE01",
                "sessionContext": {"sessionIssuer": {
                    "type": "Role",
                    "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                    "accountId": ACCOUNT,
                    "userName": role,
                }},
            },
        })));
    }

    /// Adds calls that always fail: a cache that requests missing objects, a poller, and a nightly job that is
    /// throttled.
    fn usual(&mut self) {
        for hour in 0..30 * 24 {
            let at = hour * HOUR;
            for n in 0..6 {
                let minute = at + n * 9 * MINUTE;
                self.add(
                    minute,
                    "shop",
                    ("s3", "GetObject"),
                    "NoSuchKey",
                    "arn:aws:s3:::cache/a",
                );
            }
            for n in 0..4 {
                let minute = at + n * 13 * MINUTE;
                self.add(
                    minute,
                    "poller",
                    ("sqs", "GetQueueUrl"),
                    "QueueDoesNotExist",
                    "",
                );
            }
            let (code, call) = ("ResourceNotFoundException", ("lambda", "GetFunction"));
            self.add(at + 5 * MINUTE, "deployer", call, code, "");
            if hour % 24 == 2 {
                for n in 0..30 {
                    let call = ("dynamodb", "BatchWriteItem");
                    self.add(at + n * MINUTE, "nightly", call, "ThrottlingException", "");
                }
            }
        }
    }

    /// Adds the denied calls of forty roles, from a change of a key policy until it is undone.
    fn broken_roles(&mut self) {
        let start = 4 * DAY + 10 * HOUR;
        for n in 0..40 {
            for again in 0..4 {
                let (at, role) = (start + n * 5 + again * 50 * MINUTE, format!("service-{n}"));
                self.add(
                    at,
                    &role,
                    ("kms", "Decrypt"),
                    "AccessDenied",
                    "arn:aws:kms:::key/1",
                );
            }
        }
    }

    /// Adds a backup that is denied to write, is repaired, and fails again two weeks later.
    fn backup(&mut self) {
        for start in [9 * DAY + 2 * HOUR, 24 * DAY + 2 * HOUR] {
            for n in 0..6 * 12 {
                let resource = "arn:aws:s3:::backups/db";
                let at = start + n * 10 * MINUTE;
                self.add(at, "backup", ("s3", "PutObject"), "AccessDenied", resource);
            }
        }
    }

    /// Adds three hours after the cache was emptied, in which it sends forty times as many requests.
    fn stampede(&mut self) {
        for n in 0..3 * 240 {
            let at = 17 * DAY + 12 * HOUR + n * 15;
            self.add(
                at,
                "shop",
                ("s3", "GetObject"),
                "NoSuchKey",
                "arn:aws:s3:::cache/a",
            );
        }
    }

    /// Adds a stolen session that tries many calls in five regions, and one that tries many resources of one kind.
    fn burglars(&mut self) {
        let regions = [
            "eu-central-1",
            "us-east-1",
            "us-west-2",
            "ap-south-1",
            "sa-east-1",
        ];
        for n in 0..30_i64 {
            let (at, action) = (
                6 * DAY + 3 * HOUR + n * 8,
                format!("Describe{}", letters(n)),
            );
            let region = regions[n as usize % regions.len()];
            let call = ("ec2", action.as_str());
            self.add_in(
                region,
                at,
                "contractor",
                call,
                "Client.UnauthorizedOperation",
                "",
            );
        }
        for n in 0..90 {
            let at = 19 * DAY + 23 * HOUR + n * 4;
            let resource = format!("arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:s{n}");
            let call = ("secretsmanager", "GetSecretValue");
            self.add(at, "analyst", call, "AccessDenied", &resource);
        }
    }

    /// Returns all records in order of time.
    pub fn whole() -> Self {
        let mut month = Self {
            records: Vec::new(),
        };
        month.usual();
        month.broken_roles();
        month.backup();
        month.stampede();
        month.burglars();
        month
    }
}

/// Names that differ in letters, because digits in names are masked.
fn letters(n: i64) -> String {
    let letter = |n: i64| char::from(b'A' + (n % 26) as u8);
    format!("{}{}", letter(n / 26), letter(n))
}

fn time(seconds: i64) -> String {
    Timestamp::from_seconds(seconds).unwrap().to_string()
}

/// Returns the transitions as JSON.
fn transitions(arguments: &[&str], folder: &Folder) -> Value {
    let all = [&["--inspect"], arguments].concat();
    folder.scan(&all, 0)["transitions"].clone()
}

#[test]
fn a_month_is_told_as_a_story_of_what_happened_and_nothing_twice() {
    let folder = Folder::new();
    folder.write("month.jsonl", lines(&Month::whole().records));
    let told = folder.run(&["scan", "--inspect", "--limit", "1", "month.jsonl"]);
    let told = told.printed();
    let is_line = |line: &&str| line.starts_with("2026-") || line.contains("transitions");
    let story: Vec<&str> = told.lines().filter(is_line).collect();
    expect_file!["../fixtures/story.txt"].assert_eq(&format!("{}\n", story.join("\n")));

    let json = transitions(&["month.jsonl"], &folder);
    let alerts = json
        .as_array()
        .unwrap()
        .iter()
        .filter(|of| !of["alert"].is_null());
    let ids: Vec<&str> = alerts
        .map(|of| of["alert"]["alert_id"].as_str().unwrap())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "no alert is told twice");
    let recovered = json
        .as_array()
        .unwrap()
        .iter()
        .filter(|of| of["transition"] == "recovered");
    let (from, until) = (time(START + OUTAGE.0), time(START + OUTAGE.1));
    for transition in recovered {
        let at = transition["at"].as_str().unwrap();
        assert!(at < from.as_str() || at > until.as_str(), "blind at {at}");
    }
}

#[test]
fn the_story_is_the_same_in_any_order_any_cut_and_any_store() {
    let folder = Folder::new();
    let mut records = Month::whole().records;
    folder.write("month.jsonl", lines(&records));
    let story = transitions(&["month.jsonl"], &folder);
    Rng::with_seed(0x5eed).shuffle(&mut records);
    for (number, part) in records.chunks(1000).enumerate() {
        folder.write(format!("parts/{number}.jsonl"), lines(part));
        if number % 3 == 0 {
            folder.write(format!("parts/again-{number}.jsonl"), lines(part));
        }
    }
    assert_eq!(transitions(&["parts"], &folder), story);
    assert_eq!(transitions(&["--db", "month.db", "parts"], &folder), story);
}
