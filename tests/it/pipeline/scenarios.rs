//! Events in the accounts of a random world, and their records in a trail.

use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::{Value, json};

use crate::records::{id, record};
use crate::story::{HOUR, START};

/// Maximum duration of something new, in hours; then a world runs for some more hours.
pub const HOURS: i64 = 40;

/// The account whose calls fail all the time.
pub const STEADY: &str = "444455556666";

const SHOP: &str = "111122223333";
const LABS: &str = "777788889999";

/// The expected outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Clustered,
    Ignored,
    NotSelected,
    Quarantined,
}

/// An event of the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Time in seconds since 1970.
    pub at: i64,
    /// Fields of its record besides ID and time; `None` for a record that cannot be read.
    pub fields: Option<Value>,
}

const DRY_RUN: &str = "Client.DryRunOperation";

/// Calls that fail now and then: account, service, call and code. Their recovery times are three hours, six hours, a
/// week and two weeks.
const FAILURES: [(&str, &str, &str, &str); 7] = [
    (SHOP, "dynamodb", "BatchWriteItem", "ThrottlingException"),
    (LABS, "s3", "PutObject", "SlowDown"),
    (SHOP, "sts", "AssumeRole", "ExpiredTokenException"),
    (LABS, "lambda", "CreateAlias", "InternalFailure"),
    (SHOP, "s3", "GetObject", "AccessDenied"),
    (LABS, "s3", "GetBucketPolicy", "NoSuchBucketPolicy"),
    (SHOP, "ec2", "RunInstances", DRY_RUN),
];

impl Happening {
    fn of(at: i64, (account, service, call, code): (&str, &str, &str, &str), who: u8) -> Self {
        let fields = json!({
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": call,
            "errorCode": code,
            "recipientAccountId": account,
            "userIdentity": {
                "type": "IAMUser",
                "arn": format!("arn:aws:iam::{account}:user/user-{who}"),
                "accountId": account,
                "userName": format!("user-{who}"),
            },
        });
        Self {
            at: START + at,
            fields: Some(fields),
        }
    }

    fn says(&self, field: &str) -> Value {
        let fields = self.fields.as_ref();
        fields.map_or(Value::Null, |fields| fields[field].clone())
    }

    pub fn outcome(&self) -> Outcome {
        let code = self.fields.as_ref().map(|_| self.says("errorCode"));
        match code {
            None => Outcome::Quarantined,
            // Of what succeeds here, what writes is watched.
            Some(Value::Null) if self.says("readOnly") == json!(false) => Outcome::Clustered,
            Some(Value::Null) => Outcome::NotSelected,
            Some(code) if code == DRY_RUN => Outcome::Ignored,
            Some(_) => Outcome::Clustered,
        }
    }

    /// Returns the text in the log group.
    pub fn message(&self, number: usize) -> String {
        let Some(fields) = &self.fields else {
            return format!("{{no record {number}");
        };
        let mut record = record(fields.clone());
        let time = Timestamp::from_seconds(self.at).unwrap();
        record["eventID"] = json!(id(number as u64 + 1));
        record["eventTime"] = json!(time.to_string());
        record.to_string()
    }
}

/// A caller who is denied twelve different calls within some minutes.
fn prober(hour: i64) -> impl Iterator<Item = Happening> {
    (0..12_u8).map(move |n| {
        let call = format!("Describe{}", char::from(b'A' + n));
        let of = (SHOP, "ec2", call.as_str(), "Client.UnauthorizedOperation");
        Happening::of(hour * HOUR + 1500 + i64::from(n) * 35, of, 9)
    })
}

/// Three calls that fail in each hour except those of an outage.
pub fn steady((from, hours): (i64, i64)) -> impl Iterator<Item = Happening> {
    let is_seen = move |hour: &i64| !(from..from + hours).contains(hour);
    (0..HOURS).filter(is_seen).flat_map(|hour| {
        let of = |n: i64, service, call| {
            Happening::of(
                hour * HOUR + 600 + n * 900,
                (STEADY, service, call, "ThrottlingException"),
                n as u8,
            )
        };
        [
            of(0, "kms", "Decrypt"),
            of(1, "sqs", "SendMessage"),
            of(2, "ssm", "GetParameter"),
        ]
    })
}

/// All events of a world: calls that fail now and then, and some incidents.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub happenings: Vec<Happening>,
    /// The hours, counted from [`START`], in which no events of the steady account arrive; `None` without an outage.
    pub outage: Option<(i64, i64)>,
}

fn failure() -> impl Strategy<Value = Happening> {
    (0..10_usize, 0..HOURS, 0..3600_i64, 0..4_u8).prop_map(|(which, hour, second, who)| {
        let of = *FAILURES.get(which).unwrap_or(&FAILURES[0]);
        let mut happening = Happening::of(hour * HOUR + second, of, who);
        match which {
            // A successful call, and a record that cannot be read.
            8 => happening.fields.as_mut().unwrap()["errorCode"] = Value::Null,
            9 => happening.fields = None,
            _ => {}
        }
        happening
    })
}

/// A throttled job: some failures, close together.
fn burst() -> impl Strategy<Value = Vec<Happening>> {
    (0..4_usize, 0..HOURS, 0..3000_i64, 1..30_i64).prop_map(|(which, hour, second, count)| {
        let one = |n| {
            Happening::of(
                hour * HOUR + second + n * 17,
                FAILURES[which],
                (n % 3) as u8,
            )
        };
        (0..count).map(one).collect()
    })
}

pub fn drawn() -> impl Strategy<Value = Drawn> {
    let outage = proptest::option::weighted(0.3, (24..HOURS - 9, 1..9_i64));
    let prober_at = proptest::option::weighted(0.3, 0..HOURS);
    let failures = proptest::collection::vec(failure(), 1..40);
    let bursts = proptest::collection::vec(burst(), 0..4);
    (failures, bursts, prober_at, outage).prop_map(|(mut happenings, bursts, prober_at, outage)| {
        happenings.extend(bursts.into_iter().flatten());
        happenings.extend(prober_at.into_iter().flat_map(prober));
        happenings.extend(outage.into_iter().flat_map(steady));
        Drawn { happenings, outage }
    })
}
