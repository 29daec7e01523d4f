//! Counts the outcomes of records, and writes the metric lines of the AWS Lambda functions.
//!
//! Each record has exactly one outcome, and the sums must balance; see [`RecordCounts`]. Each invocation of a function
//! writes its metrics to the log in CloudWatch's embedded metric format. Only metrics that an alarm or a widget reads are
//! written; see [`Metrics`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::class::Class;
use crate::log_group_filter::EXCLUDED_LOG_GROUP;
use crate::own_roles::OWN;
use crate::selection::NO_EVENT;

/// The CloudWatch namespace of all metrics that the functions write, unless the stack names another one.
pub const NAMESPACE: &str = "CloudTrailInspector";

/// What the names of sinks begin with that are further workspaces of Guance, such as `guance-shop`.
pub const FURTHER_WORKSPACE: &str = "guance-";

/// How the names of sinks begin that are further SNS topics, such as `sns-shop`.
pub const FURTHER_TOPIC: &str = "sns-";

/// The metric of the time from a call to CloudWatch Logs, in seconds.
pub const SOURCE_LAG: &str = "SourceLagSeconds";

/// The metric of the time from CloudWatch Logs to the ingest function, in seconds.
pub const OWN_LAG: &str = "OwnLagSeconds";

/// The result of one invocation of the ingest function, which reads the events of a CloudWatch Logs subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// The number of records in the invocation's payload, by outcome.
    pub record_counts: RecordCounts,
    /// The name of the reason why the payload as a whole could not be decoded; `None` if it was decoded.
    pub payload_fault: Option<&'static str>,
    /// The key of the S3 object with a copy of the payload; `None` if the payload and all its records could be read.
    pub quarantined_as: Option<String>,
    /// The number of clusters that this invocation added to the store.
    pub new_clusters: u64,
    /// The longest time between a call and its arrival in CloudWatch Logs, in seconds; `None` if no record has both
    /// times.
    pub source_lag_seconds: Option<i64>,
    /// The age of the payload's newest log event at the start of the invocation, in seconds.
    ///
    /// `None` if no log event has a time.
    pub own_lag_seconds: Option<i64>,
    /// The ids of the drills in the payload, which came from the log group of drills. They are no records of a trail.
    pub drills: Vec<String>,
    /// The number of records from the log group of drills that are no drills.
    pub no_drills: u64,
    /// The number of requests from this invocation to the store, failed requests included.
    pub store_calls: u64,
    /// The number of write request units that the invocation consumed, as DynamoDB counts them.
    pub write_units: u64,
}

impl IngestReport {
    /// Returns the results of two payloads of one invocation together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.record_counts.add(&other.record_counts);
        self.drills.extend(other.drills);
        Self {
            drills: self.drills,
            no_drills: self.no_drills + other.no_drills,
            payload_fault: self.payload_fault.or(other.payload_fault),
            quarantined_as: self.quarantined_as.or(other.quarantined_as),
            new_clusters: self.new_clusters + other.new_clusters,
            source_lag_seconds: self.source_lag_seconds.max(other.source_lag_seconds),
            own_lag_seconds: self.own_lag_seconds.max(other.own_lag_seconds),
            store_calls: self.store_calls + other.store_calls,
            write_units: self.write_units + other.write_units,
            record_counts: self.record_counts,
        }
    }

    /// Returns the log line with the metrics of the invocation, in CloudWatch's embedded metric format.
    ///
    /// `at_milliseconds` is the time of the metrics, in milliseconds since 1970. `None` if the line would contain no
    /// metric.
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
        // A clock that runs ahead would give a negative lag, which counts as 0.
        let lag = |seconds| u64::try_from(seconds).unwrap_or_default();
        let source = self.source_lag_seconds.map(lag);
        written.extend(source.map(|lag| gauge(SOURCE_LAG, "Seconds", lag)));
        let own = self.own_lag_seconds.map(lag);
        written.extend(own.map(|lag| gauge(OWN_LAG, "Seconds", lag)));
        written
            .extend(errors.filter_map(|(class, errors)| Some(count(errors_of(*class)?, *errors))));
        metrics.line(None, &written, at_milliseconds)
    }
}

/// Returns the metric that counts errors of a class; `None` for dry runs and sensitive calls, which are no errors.
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

/// The result of one sink in one invocation of the deliver function, and the state of the sink afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkReport {
    /// The number of alerts that the sink accepted, alone or in a digest; the digests themselves are not counted.
    pub sent: u64,
    /// The number of attempts to send an alert that failed and will be repeated.
    pub failed: u64,
    /// The number of alerts held back by a policy, a triage, a sending pause of their cluster, or a campaign.
    pub suppressed: u64,
    /// The number of alerts that were given up: the sink rejected them too often, or they are too long.
    pub dead: u64,
    /// The number of alerts that wait for the sink after the run; `None` if an error ended the run.
    pub waiting: Option<u64>,
    /// The age of the oldest waiting alert in seconds, 0 if no alert waits; `None` if an error ended the run.
    pub oldest_seconds: Option<u64>,
    /// Whether the sink's circuit breaker is open: the sink failed, so only a probe is sent to it now and then.
    pub is_open: bool,
    /// Whether the sink refuses requests because its settings or its secret are wrong, and a person must correct them.
    pub is_misconfigured: bool,
}

impl SinkReport {
    /// Returns the log line with the metrics of the sink named `sink`, in CloudWatch's embedded metric format.
    ///
    /// `at_milliseconds` is the time of the metrics, in milliseconds since 1970. `None` if the line would contain no
    /// metric.
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

/// The counts of one run of the inspect function: of the inspected hours, and of the repairs before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectionReport {
    /// The number of hours of event time that this run inspected for the first time.
    pub hours: u64,
    /// The number of hours of event time that were inspected again, because events came late.
    pub late_hours: u64,
    /// The number of events in the hours inspected for the first time.
    pub events: u64,
    /// The number of changes written to the store or alerted, such as transitions, ended triage decisions and
    /// summaries.
    pub settled: u64,
    /// The number of clusters in the inspection state.
    pub clusters: u64,
    /// The number of clusters in the inspection state that have not recovered, so that their episode still continues.
    pub open_clusters: u64,
    /// The number of accounts that usually have failures and now have none at all; probably their records do not
    /// arrive.
    pub blind_accounts: u64,
    /// The number of completed hours that the run did not reach before its deadline; the next run inspects them.
    pub behind_hours: u64,
    /// The number of places in the store with damaged or missing data; the run left this data out.
    pub damaged: u64,
    /// The number of transitions, triage decisions, alerts and key lookups that failed with an error of the store.
    pub failed: u64,
    /// The number of failed ingest invocations whose payloads this run processed.
    pub redriven: u64,
    /// The number of failed ingest invocations whose payloads this run skipped, or failed to process again.
    pub redrive_left: u64,
    /// The number of records read from log groups again to repair gaps, including records that were processed before.
    pub backfilled: u64,
    /// The number of hours read from log groups again to repair gaps; the same hour of two log groups counts twice.
    pub backfilled_hours: u64,
    /// The number of hours of log groups that need to be read again, but that this run did not read to their end.
    pub backfill_left: u64,
    /// The number of requests to IAM about the last use of an access key.
    pub keys_asked: u64,
    /// The number of access keys about which IAM gave no answer.
    pub keys_unanswered: u64,
    /// Whether the last nightly drill failed; `None` if there was none.
    pub has_failed_drill: Option<bool>,
    /// The number of inspected hours that did not raise the event count of all clusters together by exactly the hour's
    /// events.
    ///
    /// A value above 0 is a bug of this program.
    pub violated: u64,
}

impl InspectionReport {
    /// Returns the log line with the metrics of the run, in CloudWatch's embedded metric format.
    ///
    /// `at_milliseconds` is the time of the metrics, in milliseconds since 1970. `None` if the line would contain no
    /// metric.
    pub fn metric_line(&self, metrics: &Metrics, at_milliseconds: i64) -> Option<String> {
        let drill = self.has_failed_drill;
        let drill = drill.map(|failed| gauge("DrillFailed", "Count", failed.into()));
        let mut written = vec![
            gauge("OpenClusters", "Count", self.open_clusters),
            gauge("InspectionBehindHours", "Count", self.behind_hours),
            gauge("RedriveLeft", "Count", self.redrive_left),
            gauge("BackfillLeft", "Count", self.backfill_left),
            count("BlindAccounts", self.blind_accounts),
            count(VIOLATED, self.violated),
        ];
        written.extend(drill);
        metrics.line(None, &written, at_milliseconds)
    }
}

/// Returns a log line with a metric that reports only that the settings of the sink named `sink` are wrong.
///
/// `None` if [`Metrics::read`] does not contain `SinkMisconfigured`. `at_milliseconds` is the time of the metric, in
/// milliseconds since 1970.
pub fn misconfigured_line(sink: &str, metrics: &Metrics, at_milliseconds: i64) -> Option<String> {
    metrics.line(Some(sink), &[count(MISCONFIGURED, 1)], at_milliseconds)
}

/// The metric of records or events that were lost or counted twice, which is a bug of this program.
const VIOLATED: &str = "InvariantViolated";

/// The metric of a sink whose settings a person must correct.
const MISCONFIGURED: &str = "SinkMisconfigured";

/// The names of all metrics that the functions can write, sorted.
pub const METRICS: [&str; 31] = [
    "AlertsDead",
    "AlertsFailed",
    "AlertsSent",
    "AlertsSuppressed",
    "BackfillLeft",
    "BlindAccounts",
    "DrillFailed",
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
    OWN_LAG,
    "PayloadsQuarantined",
    "RecordsQuarantined",
    "RedriveLeft",
    "SelfDenied",
    MISCONFIGURED,
    SOURCE_LAG,
];

/// Which metrics are written, and the name of the stack, which is a dimension of each metric.
///
/// CloudWatch bills a metric for each hour in which it is written, so only metrics that are read are written. The only
/// dimensions are `Stack` and, for metrics of a sink, `Sink`. Texts of callers are never dimensions; otherwise callers
/// could create metrics, and costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The name of the stack, the value of the dimension `Stack`.
    pub stack: String,
    /// The CloudWatch namespace of the metrics.
    pub namespace: String,
    /// The names of the metrics that are written, because an alarm or a dashboard widget reads them.
    pub read: BTreeSet<&'static str>,
}

/// A metric with its value.
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: u64,
    /// Whether a value of 0 is written.
    has_zero: bool,
}

/// Creates a metric that counts occurrences; 0 is not written.
fn count(name: &'static str, value: u64) -> Metric {
    Metric {
        name,
        unit: "Count",
        value,
        has_zero: false,
    }
}

/// Creates a metric that measures a state; 0 is written, to show that the state is known or is normal again.
fn gauge(name: &'static str, unit: &'static str, value: u64) -> Metric {
    Metric {
        name,
        unit,
        value,
        has_zero: true,
    }
}

impl Metrics {
    /// Returns a line in CloudWatch's embedded metric format; `None` if no metric is to be written.
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
            // One alarm is for all workspaces, and one for all topics; the log says which one it is.
            let sink = if sink.starts_with(FURTHER_WORKSPACE) {
                "guance"
            } else if sink.starts_with(FURTHER_TOPIC) {
                "sns"
            } else {
                sink
            };
            line.insert("Sink".to_owned(), json!(sink));
        }
        let named = written.iter().map(|metric| {
            let Metric { name, unit, .. } = metric;
            json!({"Name": name, "Unit": unit})
        });
        let directive = json!({
            "Namespace": self.namespace,
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

/// The number of records of one or more inputs (files or payloads), by outcome.
///
/// Two equations hold: `read = selected + not_selected`, and `selected = clustered + duplicate + ignored +
/// quarantined`. A record that cannot be read counts as selected, because it may be an important failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// The number of all records in the inputs, readable or not.
    pub read: u64,
    /// The number of records that are failures or sensitive calls, or cannot be read.
    pub selected: u64,
    /// The number of records whose event is new to the store and was added to a cluster.
    pub clustered: u64,
    /// The number of records whose event another record had already added to a cluster.
    pub duplicate: u64,
    /// The number of failures and sensitive calls left out by an exclusion or a rule, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// The number of records that could not be read, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// The number of records that are neither failures nor sensitive calls, by reason.
    pub not_selected: BTreeMap<&'static str, u64>,
    /// The number of failures whose error code is not in the class table; they have [`Class::Other`].
    pub unknown_codes: u64,
    /// The number of refusals whose message describes the refusing policy layer in an unknown wording.
    pub unknown_denials: u64,
    /// The number of left-out failures of this tool's own roles that show a missing permission; see
    /// [`is_refusal`](crate::own_roles::is_refusal).
    pub own_refusals: u64,
    /// The number of control messages of CloudWatch Logs, which contain no records and are not counted in `read`.
    pub control_messages: u64,
    /// The number of records that belong to a cluster, new or duplicate, by class.
    pub classes: BTreeMap<Class, u64>,
    /// The number of failures and sensitive calls that were left out because their account is not chosen, by account id;
    /// see [`AccountFilter`](crate::account_filter::AccountFilter). Accounts beyond [`EXCLUDED_ACCOUNTS_MAX`] are
    /// counted together, as [`OTHER_ACCOUNTS`].
    pub excluded_accounts: BTreeMap<String, u64>,
    /// The number of failures, sensitive calls and unreadable records that were left out because their log group is not
    /// chosen, by its name; see [`LogGroupFilter`](crate::log_group_filter::LogGroupFilter). Limited as the accounts are.
    pub excluded_log_groups: BTreeMap<String, u64>,
}

/// The highest number of excluded accounts, and of log groups, that are counted one by one.
pub const EXCLUDED_ACCOUNTS_MAX: usize = 100;

/// The name under which further excluded accounts, or log groups, are counted together.
pub const OTHER_ACCOUNTS: &str = "others";

/// Adds records of an excluded account or log group to their numbers by name.
fn exclude(excluded: &mut BTreeMap<String, u64>, name: &str, records: u64) {
    let is_listed = excluded.contains_key(name) || excluded.len() < EXCLUDED_ACCOUNTS_MAX;
    let name = if is_listed { name } else { OTHER_ACCOUNTS };
    *excluded.entry(name.to_owned()).or_default() += records;
}

/// Returns names with their numbers of records, the most first, at most `count_max` of them; `None` if there are none.
fn excluded_text(excluded: &BTreeMap<String, u64>, count_max: usize) -> Option<String> {
    let mut all: Vec<(&String, &u64)> = excluded.iter().collect();
    all.sort_by_key(|(name, records)| (std::cmp::Reverse(**records), *name));
    let more = all.len().saturating_sub(count_max);
    let shown = all.iter().take(count_max);
    let mut texts: Vec<String> = shown
        .map(|(name, records)| format!("{name}: {records}"))
        .collect();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

impl RecordCounts {
    /// Counts records that were left out because their account is not chosen. They are part of [`Self::ignored`], which
    /// this does not change.
    pub fn exclude(&mut self, account_id: &str, records: u64) {
        exclude(&mut self.excluded_accounts, account_id, records);
    }

    /// Returns these counts of the records of one log group as they are if the log group is not chosen: all that was selected
    /// is left out, for that reason.
    #[must_use]
    pub fn without_log_group(&self, name: &str) -> Self {
        let mut counts = Self {
            read: self.read,
            selected: self.selected,
            not_selected: self.not_selected.clone(),
            control_messages: self.control_messages,
            ..Self::default()
        };
        if self.selected > 0 {
            counts.ignored.insert(EXCLUDED_LOG_GROUP, self.selected);
            exclude(&mut counts.excluded_log_groups, name, self.selected);
        }
        counts
    }

    /// Returns the excluded log groups with their numbers of records, as [`Self::excluded_text`] does.
    pub fn excluded_log_groups_text(&self, count_max: usize) -> Option<String> {
        excluded_text(&self.excluded_log_groups, count_max)
    }

    /// Returns the number of failures and sensitive calls that were left out because their account is not chosen.
    pub fn excluded(&self) -> u64 {
        self.excluded_accounts.values().sum()
    }

    /// Returns the excluded accounts with their numbers of records, the most first, such as
    /// `111122223333: 5, 444455556666: 1`; at most `count_max` of them. `None` if nothing was excluded.
    pub fn excluded_text(&self, count_max: usize) -> Option<String> {
        excluded_text(&self.excluded_accounts, count_max)
    }

    /// Returns the number of failures that belong to a cluster, new or duplicate; sensitive calls are not counted.
    pub fn errors(&self) -> u64 {
        let is_error = |class: &Class| errors_of(*class).is_some();
        let classes = self.classes.iter();
        classes
            .filter(|(class, _)| is_error(class))
            .map(|(_, errors)| errors)
            .sum()
    }

    /// Returns the number of records that are events of CloudTrail, whatever became of them.
    pub fn events(&self) -> u64 {
        let others = self.not_selected.get(NO_EVENT).copied().unwrap_or_default();
        self.read.saturating_sub(others + self.quarantined())
    }

    /// Returns the number of records left out because one of this tool's own roles made the call.
    pub fn ignored_own(&self) -> u64 {
        self.ignored.get(OWN).copied().unwrap_or_default()
    }

    /// Returns the number of failures and sensitive calls left out for any reason.
    pub fn ignored(&self) -> u64 {
        self.ignored.values().sum()
    }

    /// Returns the number of records that could not be read.
    pub fn quarantined(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Returns the number of records that are neither failures nor sensitive calls.
    pub fn not_selected(&self) -> u64 {
        self.not_selected.values().sum()
    }

    /// Checks whether both equations of [`RecordCounts`] hold: each record has exactly one outcome.
    pub fn balances(&self) -> bool {
        let outcomes = self.clustered + self.duplicate + self.ignored() + self.quarantined();
        self.selected == outcomes && self.read == self.selected + self.not_selected()
    }

    /// Adds the counts of another input to these counts.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.selected += other.selected;
        self.clustered += other.clustered;
        self.duplicate += other.duplicate;
        self.unknown_codes += other.unknown_codes;
        self.unknown_denials += other.unknown_denials;
        self.own_refusals += other.own_refusals;
        self.control_messages += other.control_messages;
        for (account_id, records) in &other.excluded_accounts {
            self.exclude(account_id, *records);
        }
        for (name, records) in &other.excluded_log_groups {
            exclude(&mut self.excluded_log_groups, name, *records);
        }
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
            namespace: NAMESPACE.to_owned(),
            read: read.iter().copied().collect(),
        }
    }

    #[test]
    fn the_metrics_of_a_sink_have_the_stack_and_the_sink_as_their_only_dimensions() {
        let report = SinkReport {
            sent: 3,
            waiting: Some(2),
            oldest_seconds: Some(0),
            is_misconfigured: true,
            ..SinkReport::default()
        };
        let line = report.metric_line("sns", &metrics(&METRICS), 7).unwrap();
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
        for (sink, dimension) in [
            ("guance", "guance"),
            ("guance-shop", "guance"),
            ("sns-shop", "sns"),
        ] {
            let line = misconfigured_line(sink, &metrics(&METRICS), 7).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["SinkMisconfigured"], 1);
            assert_eq!(line["Sink"], dimension);
        }
    }

    #[test]
    fn metrics_that_are_not_read_are_not_written() {
        let report = SinkReport {
            sent: 3,
            oldest_seconds: Some(7),
            ..SinkReport::default()
        };
        assert_eq!(report.metric_line("sns", &metrics(&[]), 7), None);
        assert_eq!(
            report.metric_line("sns", &metrics(&["AlertsDead"]), 7),
            None
        );
        let line = report
            .metric_line("sns", &metrics(&["AlertsSent"]), 7)
            .unwrap();
        assert!(!line.contains("OldestAlertSeconds"), "{line}");
        assert_eq!(
            misconfigured_line("sns", &metrics(&["AlertsSent"]), 7),
            None
        );
        let line = InspectionReport::default()
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
