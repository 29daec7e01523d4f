//! The totals: each record has exactly one outcome, and the sums must balance; and the lines of metrics
//! that the functions write for each of their invocations, of what somebody reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::class::Class;
use crate::own_roles::OWN;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "CloudTrailInspector";

/// What became of one invocation of the function that takes events of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// What became of its records.
    pub record_counts: RecordCounts,
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
    /// Returns the line of metrics; `None` where nothing of it is read.
    pub fn metric_line(&self, metrics: &Metrics, at_milliseconds: i64) -> Option<String> {
        let record_counts = &self.record_counts;
        let errors = record_counts.classes.iter();
        let mut written = vec![
            count("RecordsQuarantined", record_counts.quarantined()),
            count("SelfDenied", record_counts.own_refusals),
            count(
                "PayloadsQuarantined",
                u64::from(self.payload_fault.is_some()),
            ),
            count("NewClusters", self.new_clusters),
            count(VIOLATED, u64::from(!record_counts.balances())),
            count("Errors", record_counts.errors()),
        ];
        // A clock that is ahead makes no lag of less than nothing.
        let lag = |seconds| u64::try_from(seconds).unwrap_or_default();
        let lag = self.source_lag_seconds.map(lag);
        written.extend(lag.map(|lag| gauge("SourceLagSeconds", "Seconds", lag)));
        written
            .extend(errors.filter_map(|(class, errors)| Some(count(errors_of(*class)?, *errors))));
        metrics.line(None, &written, at_milliseconds)
    }
}

/// Returns the metric of the errors of a class; `None` for a class that is no error.
fn errors_of(class: Class) -> Option<&'static str> {
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
        Class::Dryrun | Class::Watch => return None,
    })
}

/// What became of what one sink was to be told in one invocation, and how the sink stands then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkReport {
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

impl SinkReport {
    /// Returns the line of metrics of a sink; `None` where nothing of it is read.
    pub fn metric_line(
        &self,
        sink: &str,
        metrics: &Metrics,
        at_milliseconds: i64,
    ) -> Option<String> {
        let mut written = vec![
            count("AlertsSent", self.sent),
            count("AlertsFailed", self.failed),
            count("AlertsSuppressed", self.suppressed),
            count("AlertsDead", self.dead),
            count(MISCONFIGURED, self.is_misconfigured.into()),
        ];
        let oldest = self.oldest_seconds;
        written.extend(oldest.map(|oldest| gauge("OldestAlertSeconds", "Seconds", oldest)));
        metrics.line(Some(sink), &written, at_milliseconds)
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
    /// Returns the line of metrics; `None` where nothing of it is read.
    pub fn metric_line(&self, metrics: &Metrics, at_milliseconds: i64) -> Option<String> {
        let written = [
            gauge("OpenClusters", "Count", self.open_clusters),
            gauge("InspectionBehindHours", "Count", self.behind_hours),
            gauge("RedriveLeft", "Count", self.redrive_left),
            gauge("BackfillLeft", "Count", self.backfill_left),
            count("BlindAccounts", self.blind_accounts),
            count(VIOLATED, self.violated),
        ];
        metrics.line(None, &written, at_milliseconds)
    }
}

/// Returns the line of metrics that says of a sink that its settings are wrong, and no more.
pub fn misconfigured_line(sink: &str, metrics: &Metrics, at_milliseconds: i64) -> Option<String> {
    metrics.line(Some(sink), &[count(MISCONFIGURED, 1)], at_milliseconds)
}

/// The metric that says that something was lost or counted twice: an error of ours.
const VIOLATED: &str = "InvariantViolated";

/// The metric that asks for a person.
const MISCONFIGURED: &str = "SinkMisconfigured";

/// Every metric that some function can write.
pub const METRICS: [&str; 29] = [
    "AlertsDead",
    "AlertsFailed",
    "AlertsSent",
    "AlertsSuppressed",
    "BackfillLeft",
    "BlindAccounts",
    "Errors",
    "ErrorsAbsent",
    "ErrorsAuth",
    "ErrorsConflict",
    "ErrorsDenied",
    "ErrorsInvalid",
    "ErrorsOther",
    "ErrorsQuota",
    "ErrorsServer",
    "ErrorsSignin",
    "ErrorsThrottle",
    "ErrorsVpce",
    "InspectionBehindHours",
    VIOLATED,
    "NewClusters",
    "OldestAlertSeconds",
    "OpenClusters",
    "PayloadsQuarantined",
    "RecordsQuarantined",
    "RedriveLeft",
    "SelfDenied",
    MISCONFIGURED,
    "SourceLagSeconds",
];

/// Which metrics somebody reads, and of which stack they are.
///
/// CloudWatch bills a metric for each hour in which it is written, so nothing else is written. The
/// dimensions are the stack, and the sink where there is one: what callers write must not make a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The name of the stack.
    pub stack: String,
    /// The names of the metrics that an alarm or a widget reads.
    pub read: BTreeSet<&'static str>,
}

/// A metric with its value.
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: u64,
    /// Whether a zero says something: that a number is known, or that it is no longer what it was.
    has_zero: bool,
}

/// Something that happened so many times. What did not happen is not written.
fn count(name: &'static str, value: u64) -> Metric {
    Metric {
        name,
        unit: "Count",
        value,
        has_zero: false,
    }
}

/// How something stands, zero included.
fn gauge(name: &'static str, unit: &'static str, value: u64) -> Metric {
    Metric {
        name,
        unit,
        value,
        has_zero: true,
    }
}

impl Metrics {
    /// Returns a line in CloudWatch's embedded metric format.
    fn line(&self, sink: Option<&str>, metrics: &[Metric], at_milliseconds: i64) -> Option<String> {
        let is_written = |metric: &&Metric| {
            self.read.contains(metric.name) && (metric.value > 0 || metric.has_zero)
        };
        let written: Vec<&Metric> = metrics.iter().filter(is_written).collect();
        if written.is_empty() {
            return None;
        }
        let values = written
            .iter()
            .map(|metric| (metric.name.to_owned(), json!(metric.value)));
        let mut line: Map<String, Value> = values.collect();
        let mut dimensions = vec!["Stack"];
        line.insert("Stack".to_owned(), json!(self.stack));
        if let Some(sink) = sink {
            dimensions.push("Sink");
            line.insert("Sink".to_owned(), json!(sink));
        }
        let named = written.iter().map(|metric| {
            let Metric { name, unit, .. } = metric;
            json!({"Name": name, "Unit": unit})
        });
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": named.collect::<Vec<_>>(),
        });
        line.insert(
            "_aws".to_owned(),
            json!({"Timestamp": at_milliseconds, "CloudWatchMetrics": [directive]}),
        );
        Some(Value::Object(line).to_string())
    }
}

/// What became of the records of one input, or of many.
///
/// `read = selected + not_selected` and
/// `selected = clustered + duplicate + ignored + quarantined`. A record that cannot be read counts
/// as selected: nobody can tell that it did not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordCounts {
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

impl RecordCounts {
    /// Returns how many records of errors a cluster is found for, come before or not.
    pub fn errors(&self) -> u64 {
        let is_error = |class: &Class| errors_of(*class).is_some();
        let classes = self.classes.iter();
        classes
            .filter(|(class, _)| is_error(class))
            .map(|(_, errors)| errors)
            .sum()
    }

    /// Returns how many records were left out because they are failures of this stack's own roles.
    pub fn ignored_own(&self) -> u64 {
        self.ignored.get(OWN).copied().unwrap_or_default()
    }

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

    /// Adds the totals of another input.
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

    fn metrics(read: &[&'static str]) -> Metrics {
        Metrics {
            stack: "watch".to_owned(),
            read: read.iter().copied().collect(),
        }
    }

    #[test]
    fn the_metrics_of_a_sink_have_the_stack_and_the_sink_as_their_only_dimensions() {
        let told = SinkReport {
            sent: 3,
            waiting: Some(2),
            oldest_seconds: Some(0),
            is_misconfigured: true,
            ..SinkReport::default()
        };
        let line = told.metric_line("sns", &metrics(&METRICS), 7).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["Stack"], &line["Sink"]),
            (&json!("watch"), &json!("sns"))
        );
        assert_eq!(line["AlertsSent"], 3);
        assert_eq!(line["SinkMisconfigured"], 1);
        assert_eq!(line["OldestAlertSeconds"], 0);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Stack", "Sink"]]));
        assert_eq!(directive["Metrics"].as_array().map(Vec::len), Some(3));
        let line = misconfigured_line("guance", &metrics(&METRICS), 7).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["SinkMisconfigured"], 1);
    }

    #[test]
    fn what_nobody_reads_is_not_written() {
        let told = SinkReport {
            sent: 3,
            oldest_seconds: Some(7),
            ..SinkReport::default()
        };
        assert_eq!(told.metric_line("sns", &metrics(&[]), 7), None);
        assert_eq!(told.metric_line("sns", &metrics(&["AlertsDead"]), 7), None);
        let line = told
            .metric_line("sns", &metrics(&["AlertsSent"]), 7)
            .unwrap();
        assert!(!line.contains("OldestAlertSeconds"), "{line}");
        assert_eq!(
            misconfigured_line("sns", &metrics(&["AlertsSent"]), 7),
            None
        );
        let line = Inspection::default()
            .metric_line(&metrics(&METRICS), 7)
            .unwrap();
        assert!(line.contains(r#""RedriveLeft":0"#), "{line}");
        assert!(!line.contains("BlindAccounts"), "{line}");
    }

    #[test]
    fn the_list_of_metrics_has_each_class_of_errors() {
        let errors = Class::ALL.into_iter().filter_map(errors_of);
        for name in errors {
            assert!(METRICS.contains(&name), "{name}");
        }
        let mut sorted = METRICS;
        sorted.sort_unstable();
        assert_eq!(sorted, METRICS);
    }
}
