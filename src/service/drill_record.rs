//! A drill, its record, and what a store knows of it.
//!
//! A drill is a test record that passes through the whole path of a stack; `drill` says how far it came. What is known of a drill is a
//! set of notes, one for each stage. So repetition and order change nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use records::principal::is_account_id;
use records::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// How old a drill may be when its record arrives, in seconds: the retention of its log group.
const AGE_SECONDS_MAX: i64 = 86_400;

/// How far the clock that wrote a record may be ahead, in seconds.
const AHEAD_SECONDS_MAX: i64 = 300;

/// The name of the made-up caller in a drill's record.
const CALLER: &str = "cloudtrail-inspector-drill";

/// The id of a drill: when its record was written, in seconds since 1970 with ten digits, and sixteen random hexadecimal digits.
///
/// So ids as text have the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DrillId(String);

/// A drill, as its record says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drill {
    /// The id of the drill.
    pub id: DrillId,
    /// The account of the stack.
    pub account_id: String,
    /// The region of the stack.
    pub region: String,
}

/// What the store knows of a drill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrillTrace {
    /// When the stack began the drill by itself; `None` for a drill of a person.
    pub began: Option<Timestamp>,
    /// When the stack had written the record; `None` for a drill of a person.
    pub written: Option<Timestamp>,
    /// When the drill was stored; `None` if it did not arrive.
    pub stored: Option<Timestamp>,
    /// The sinks for which an outbox row was written with it.
    pub queued: BTreeSet<String>,
    /// What became of the outbox rows, by the names of the sinks. A sink is missing if it was not called yet.
    pub sinks: BTreeMap<String, SinkOutcome>,
}

/// What became of the alert of a drill for one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOutcome {
    /// When that was, by the clock of the function.
    pub at: Timestamp,
    /// Whether the sink accepted the alert. If not, the alert waits, or was given up.
    pub is_sent: bool,
    /// The answer of the sink, or why the alert was not sent.
    pub answer: String,
}

/// A note of the stack about a drill that it makes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillNote {
    /// The record is about to be written.
    Began,
    /// CloudWatch Logs accepted the record.
    Written,
}

impl DrillId {
    /// Creates the id of a drill that is written at `now`. `random` must differ for each drill.
    pub fn new(now: Timestamp, random: u64) -> Self {
        Self(format!("{:010}-{random:016x}", now.seconds()))
    }

    /// Parses an id; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, random) = text.split_once('-')?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = seconds.len() == 10
            && seconds.bytes().all(|byte| byte.is_ascii_digit())
            && random.len() == 16
            && random.bytes().all(is_hex)
            && Timestamp::from_seconds(seconds.parse().ok()?).is_some();
        is_id.then(|| Self(text.to_owned()))
    }

    /// Returns the id as text, as it is stored and shown.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns when the record was written, by the clock of the writer.
    pub fn written(&self) -> Timestamp {
        let (seconds, _) = self.0.split_once('-').unwrap_or_default();
        let seconds = seconds.parse().unwrap_or_default();
        Timestamp::from_seconds(seconds).unwrap_or(Timestamp::FIRST)
    }
}

impl fmt::Display for DrillId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Drill {
    /// Returns the record of the drill: a call that a made-up caller of the account was refused.
    ///
    /// The keys are sorted, so that equal drills have equal records.
    pub fn record(&self) -> String {
        let id = self.id.text();
        let (seconds, random) = id.split_once('-').unwrap_or_default();
        let seconds: u64 = seconds.parse().unwrap_or_default();
        let (first, last) = random.split_at_checked(4).unwrap_or_default();
        let (start, end) = (seconds >> 16, seconds & 0xffff);
        json!({
            "awsRegion": self.region,
            "errorCode": "AccessDenied",
            "errorMessage": "This is a drill of cloudtrail-inspector. No call was made.",
            "eventCategory": "Management",
            "eventID": format!("{start:08x}-{end:04x}-4000-8{}-{last}", first.get(1..).unwrap_or_default()),
            "eventName": "GetCallerIdentity",
            "eventSource": "sts.amazonaws.com",
            "eventTime": self.id.written().to_string(),
            "eventType": "AwsApiCall",
            "eventVersion": "1.11",
            "managementEvent": true,
            "readOnly": true,
            "recipientAccountId": self.account_id,
            "requestParameters": {"drill": id},
            "sourceIPAddress": "cloudtrail-inspector",
            "userAgent": CALLER,
            "userIdentity": {"accountId": self.account_id, "type": "IAMUser", "userName": CALLER},
        })
        .to_string()
    }

    /// Reads the drill of a record. `None` unless the record is exactly of the form of [`Self::record`].
    pub fn read(record: &str) -> Option<Self> {
        let read: RecordText = serde_json::from_str(record).ok()?;
        let drill = Self {
            id: DrillId::parse(&read.request_parameters.drill)?,
            account_id: read.recipient_account_id,
            region: read.aws_region,
        };
        let is_region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_valid = is_account_id(&drill.account_id)
            && drill.region.len() <= 32
            && drill.region.bytes().all(is_region);
        (is_valid && drill.record() == record).then_some(drill)
    }

    /// Checks whether the drill was written so recently that it is accepted at `now`.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        let age = now.seconds_since(self.id.written());
        (-AHEAD_SECONDS_MAX..=AGE_SECONDS_MAX).contains(&age)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordText {
    aws_region: String,
    recipient_account_id: String,
    request_parameters: DrillText,
}

#[derive(Deserialize)]
struct DrillText {
    drill: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2026-11-02T02:30:00Z")
            .unwrap()
            .plus(seconds)
    }

    fn drill() -> Drill {
        Drill {
            id: DrillId::new(at(0), 0x0123_4567_89ab_cdef),
            account_id: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
        }
    }

    #[test]
    fn only_a_record_of_the_exact_form_is_a_drill() {
        let record = drill().record();
        assert_eq!(Drill::read(&record), Some(drill()));
        for (from, to) in [
            ("drill of cloudtrail", "drill of  cloudtrail"),
            ("\"GetCallerIdentity\"", "\"DeleteTrail\""),
            ("\"userName\":", "\"more\":1,\"userName\":"),
            ("0123456789abcdef", "0123456789ABCDEF"),
            ("111122223333", "11112222333"),
            ("\"eu-central-1\"", "\"eu central 1\""),
            ("AccessDenied", "AccessDenied "),
        ] {
            assert!(record.contains(from), "{from}");
            assert_eq!(Drill::read(&record.replace(from, to)), None, "{to}");
        }
        for other in ["", "{}", "[]", "null", " "] {
            assert_eq!(Drill::read(other), None, "{other}");
        }
        assert_eq!(Drill::read(&format!("{record} ")), None);
    }

    #[test]
    fn an_id_says_when_the_record_was_written() {
        let id = drill().id;
        assert_eq!(id.written(), at(0));
        assert_eq!(DrillId::parse(id.text()), Some(id.clone()));
        assert!(id < DrillId::new(at(1), 0));
        for wrong in [
            "",
            "1-2",
            "17934-0123456789abcdef",
            "1793580000-0123456789abcdeg",
        ] {
            assert_eq!(DrillId::parse(wrong), None, "{wrong}");
        }
        for (now, is_recent) in [(-301, false), (-300, true), (86_400, true), (86_401, false)] {
            assert_eq!(drill().is_recent(at(now)), is_recent, "{now}");
        }
    }

    #[test]
    fn the_record_is_an_event_like_others() {
        let record = drill().record();
        let parsed = records::Record::parse(&record).unwrap();
        assert_eq!(parsed.event_name.as_deref(), Some("GetCallerIdentity"));
        assert_eq!(parsed.error_code.as_deref(), Some("AccessDenied"));
    }
}
