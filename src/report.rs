//! The books: each record has exactly one outcome, and the sums must balance; and the line of metrics
//! that a function writes for each of its invocations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cluster::own::OWN;

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
        let mut line = Map::new();
        let mut metrics = Vec::new();
        for (name, unit, value) in self.metrics() {
            if let Some(value) = value {
                metrics.push(json!({"Name": name, "Unit": unit}));
                line.insert(name.to_owned(), json!(value));
            }
        }
        line.insert("Function".to_owned(), json!(function));
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["Function"]],
            "Metrics": metrics,
        });
        line.insert(
            "_aws".to_owned(),
            json!({"Timestamp": at_milliseconds, "CloudWatchMetrics": [directive]}),
        );
        Value::Object(line).to_string()
    }

    fn metrics(&self) -> [(&'static str, &'static str, Option<u64>); 15] {
        let books = &self.books;
        let count = |name, value| (name, "Count", Some(value));
        // A clock that is ahead makes no lag of less than nothing.
        let lag = |seconds: Option<i64>| seconds.map(|lag| u64::try_from(lag).unwrap_or_default());
        let own = books.ignored.get(OWN).copied().unwrap_or_default();
        [
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
        ]
    }
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
