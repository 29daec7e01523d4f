//! The books: each record has exactly one outcome, and the sums must balance; and the lines of metrics
//! that the functions write for each of their invocations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::class::Class;
use crate::own::OWN;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "CloudTrailInspector";

/// What became of one invocation of the function that takes events of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// What became of its records.
    pub books: Books,
    /// What is wrong with the payload, if it cannot be opened.
    pub payload_fault: Option<&'static str>,
    /// Under which key the event was kept aside, if it was.
    pub quarantined_as: Option<String>,
    /// Clusters that are new.
    pub new_clusters: u64,
    /// The longest time from a call to CloudWatch Logs.
    pub source_lag_seconds: Option<i64>,
    /// The time from CloudWatch Logs to here, for the record that was logged last.
    pub own_lag_seconds: Option<i64>,
    /// Calls of the database.
    pub store_calls: u64,
    /// Write units that the database took.
    pub write_units: u64,
}

impl Invocation {
    /// Returns the line of metrics, in CloudWatch's embedded metric format.
    ///
    /// The only dimension is the function, of which there are four: a metric costs by the month, and
    /// what callers write must not make any.
    pub fn metric_line(&self, function: &str, at_milliseconds: i64) -> String {
        metric_line(("Function", function), &self.metrics(), at_milliseconds)
    }

    fn metrics(&self) -> Vec<(&'static str, &'static str, Option<u64>)> {
        let books = &self.books;
        let count = |name, value| (name, "Count", Some(value));
        // A clock that is ahead makes no lag of less than nothing.
        let lag = |seconds: Option<i64>| seconds.map(|lag| u64::try_from(lag).unwrap_or_default());
        let own = books.ignored.get(OWN).copied().unwrap_or_default();
        let mut metrics = vec![
            count("RecordsIn", books.read),
            count("RecordsNotSelected", books.not_selected()),
            count("RecordsClustered", books.clustered),
            count("RecordsDuplicate", books.duplicate),
            count("RecordsIgnored", books.ignored()),
            count("RecordsQuarantined", books.quarantined()),
            count("IgnoredSelf", own),
            count("SelfDenied", books.own_refusals),
            count(
                "PayloadsQuarantined",
                u64::from(self.payload_fault.is_some()),
            ),
            count("ControlMessages", books.control_messages),
            count("NewClusters", self.new_clusters),
            ("SourceLagSeconds", "Seconds", lag(self.source_lag_seconds)),
            ("OwnLagSeconds", "Seconds", lag(self.own_lag_seconds)),
            count("WriteUnits", self.write_units),
            count("DynamoDBCalls", self.store_calls),
            count(VIOLATED, u64::from(!books.balances())),
        ];
        let classes = books.classes.iter();
        let errors = classes.filter_map(|(class, errors)| Some((Self::errors(*class)?, errors)));
        metrics.extend(errors.map(|(name, errors)| count(name, *errors)));
        metrics
    }

    /// Returns the metric of the errors of a class. It is written where there are some: one that is
    /// never written costs nothing.
    fn errors(class: Class) -> Option<&'static str> {
        Some(match class {
            Class::Vpce => "ErrorsVpce",
            Class::Signin => "ErrorsSignin",
            Class::Denied => "ErrorsDenied",
            Class::Auth => "ErrorsAuth",
            Class::Throttle => "ErrorsThrottle",
            Class::Absent => "ErrorsAbsent",
            Class::Quota => "ErrorsQuota",
            Class::Conflict => "ErrorsConflict",
            Class::Server => "ErrorsServer",
            Class::Invalid => "ErrorsInvalid",
            Class::Other => "ErrorsOther",
            // No errors.
            Class::Dryrun | Class::Watch => return None,
        })
    }
}

/// What became of what one sink was to be told in one invocation, and how the sink stands then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Alerts that the sink took, digests and what is in them included.
    pub sent: u64,
    /// Attempts that have to be repeated.
    pub failed: u64,
    /// Alerts that were held back.
    pub suppressed: u64,
    /// Alerts that cannot be sent.
    pub dead: u64,
    /// Alerts that wait; `None` where that could not be found out.
    pub waiting: Option<u64>,
    /// For how long the first of them has been waiting.
    pub oldest_seconds: Option<u64>,
    /// Whether the sink is left alone because it does not work.
    pub is_open: bool,
    /// Whether somebody has to put its settings right.
    pub is_misconfigured: bool,
}

impl Told {
    /// Returns the line of metrics, in CloudWatch's embedded metric format. The only dimension is the
    /// sink, of which there are three.
    pub fn metric_line(&self, sink: &str, at_milliseconds: i64) -> String {
        let count = |name, value| (name, "Count", Some(value));
        let metrics = [
            count("AlertsSent", self.sent),
            count("AlertsFailed", self.failed),
            count("AlertsSuppressed", self.suppressed),
            count("AlertsDead", self.dead),
            ("AlertsWaiting", "Count", self.waiting),
            ("OldestAlertSeconds", "Seconds", self.oldest_seconds),
            count("BreakerOpen", self.is_open.into()),
            count(MISCONFIGURED, self.is_misconfigured.into()),
        ];
        metric_line(("Sink", sink), &metrics, at_milliseconds)
    }
}

/// What one run of the inspection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Hours that were taken.
    pub hours: u64,
    /// Hours that were taken again because events came late.
    pub late_hours: u64,
    /// Events in the hours that were taken.
    pub events: u64,
    /// Transitions that were made true or told.
    pub settled: u64,
    /// Clusters that are known.
    pub clusters: u64,
    /// Clusters that fail, or did lately.
    pub open_clusters: u64,
    /// Accounts that nothing is seen of.
    pub blind_accounts: u64,
    /// Hours that are over and were left for the next run.
    pub behind_hours: u64,
    /// What could not be read, and is left out.
    pub damaged: u64,
    /// What could not be made true or told.
    pub failed: u64,
    /// Failed invocations that were taken back in.
    pub redriven: u64,
    /// What was left of them as it cannot be taken.
    pub redrive_left: u64,
    /// Records that were read from their log groups again, come before or not.
    pub backfilled: u64,
    /// Hours of log groups that were read again, those of each on their own.
    pub backfilled_hours: u64,
    /// Those that were to be read again and were not.
    pub backfill_left: u64,
    /// How often IAM was asked about an access key.
    pub keys_asked: u64,
    /// Access keys that it gave no answer about.
    pub keys_unanswered: u64,
    /// Hours whose events are not as many as clusters have more since.
    pub violated: u64,
}

impl Inspection {
    /// Returns the line of metrics, in CloudWatch's embedded metric format. The only dimension is the
    /// function.
    pub fn metric_line(&self, function: &str, at_milliseconds: i64) -> String {
        let count = |name, value| (name, "Count", Some(value));
        let metrics = [
            count("InspectionHours", self.hours),
            count("InspectionLateHours", self.late_hours),
            count("InspectionEvents", self.events),
            count("InspectionSettled", self.settled),
            count("Clusters", self.clusters),
            count("OpenClusters", self.open_clusters),
            count("BlindAccounts", self.blind_accounts),
            count("InspectionBehindHours", self.behind_hours),
            count("InspectionDamaged", self.damaged),
            count("InspectionFailed", self.failed),
            count("Redriven", self.redriven),
            count("RedriveLeft", self.redrive_left),
            count("Backfilled", self.backfilled),
            count("BackfilledHours", self.backfilled_hours),
            count("BackfillLeft", self.backfill_left),
            count("KeysAsked", self.keys_asked),
            count("KeysUnanswered", self.keys_unanswered),
            count(VIOLATED, self.violated),
        ];
        metric_line(("Function", function), &metrics, at_milliseconds)
    }
}

/// Returns the line of metrics that says of a sink that its settings are wrong, and no more.
pub fn misconfigured_line(sink: &str, at_milliseconds: i64) -> String {
    let metrics = [(MISCONFIGURED, "Count", Some(1))];
    metric_line(("Sink", sink), &metrics, at_milliseconds)
}

/// The metric that says that something was lost or counted twice: an error of ours.
const VIOLATED: &str = "InvariantViolated";

/// The metric that asks for a person.
const MISCONFIGURED: &str = "SinkMisconfigured";

fn metric_line(
    dimension: (&str, &str),
    metrics: &[(&'static str, &'static str, Option<u64>)],
    at_milliseconds: i64,
) -> String {
    let mut line = Map::new();
    let mut named = Vec::new();
    for (name, unit, value) in metrics {
        if let Some(value) = value {
            named.push(json!({"Name": name, "Unit": unit}));
            line.insert((*name).to_owned(), json!(value));
        }
    }
    line.insert(dimension.0.to_owned(), json!(dimension.1));
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [[dimension.0]],
        "Metrics": named,
    });
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": at_milliseconds, "CloudWatchMetrics": [directive]}),
    );
    Value::Object(line).to_string()
}

/// What became of the records of one input, or of many.
///
/// `read = selected + not_selected` and
/// `selected = clustered + duplicate + ignored + quarantined`. A record that cannot be read counts
/// as selected: nobody can tell that it did not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Records found, readable or not.
    pub read: u64,
    /// Records that failed, are watched, or cannot be read.
    pub selected: u64,
    /// Distinct events that went into a cluster.
    pub clustered: u64,
    /// Records whose event was in a cluster already.
    pub duplicate: u64,
    /// Records left out, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Records that could not be read, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Records in which nothing failed, by reason.
    pub not_selected: BTreeMap<&'static str, u64>,
    /// Failures whose code the class table does not know.
    pub unknown_codes: u64,
    /// Refusals whose reason is worded in a way that is not known.
    pub unknown_denials: u64,
    /// Refusals among what one's own functions failed at, which is ignored.
    pub own_refusals: u64,
    /// Control messages of CloudWatch Logs, which hold no records.
    pub control_messages: u64,
    /// Records that a cluster is found for, by its class, whether or not their events came before.
    pub classes: BTreeMap<Class, u64>,
}

impl Books {
    /// Returns how many records were left out.
    pub fn ignored(&self) -> u64 {
        self.ignored.values().sum()
    }

    /// Returns how many records could not be read.
    pub fn quarantined(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Returns in how many records nothing failed.
    pub fn not_selected(&self) -> u64 {
        self.not_selected.values().sum()
    }

    /// Tells whether nothing is lost and nothing counted twice.
    pub fn balances(&self) -> bool {
        let outcomes = self.clustered + self.duplicate + self.ignored() + self.quarantined();
        self.selected == outcomes && self.read == self.selected + self.not_selected()
    }

    /// Adds the books of another input.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.selected += other.selected;
        self.clustered += other.clustered;
        self.duplicate += other.duplicate;
        self.unknown_codes += other.unknown_codes;
        self.unknown_denials += other.unknown_denials;
        self.own_refusals += other.own_refusals;
        self.control_messages += other.control_messages;
        for (class, count) in &other.classes {
            *self.classes.entry(*class).or_default() += count;
        }
        for (mine, theirs) in [
            (&mut self.ignored, &other.ignored),
            (&mut self.quarantined, &other.quarantined),
            (&mut self.not_selected, &other.not_selected),
        ] {
            for (reason, count) in theirs {
                *mine.entry(reason).or_default() += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_a_sink_have_the_sink_as_their_only_dimension() {
        let told = Told {
            sent: 3,
            waiting: Some(2),
            is_misconfigured: true,
            ..Told::default()
        };
        let line: Value = serde_json::from_str(&told.metric_line("sns", 7)).unwrap();
        assert_eq!(line["Sink"], "sns");
        assert_eq!(line["AlertsSent"], 3);
        assert_eq!(line["AlertsWaiting"], 2);
        assert_eq!(line["SinkMisconfigured"], 1);
        assert_eq!(line.get("OldestAlertSeconds"), None);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Sink"]]));
        assert_eq!(directive["Metrics"].as_array().map(Vec::len), Some(7));
        let line: Value = serde_json::from_str(&misconfigured_line("guance", 7)).unwrap();
        assert_eq!(line["SinkMisconfigured"], 1);
    }
}
