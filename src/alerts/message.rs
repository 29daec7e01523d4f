//! A message: an alert with all that any sink is sent of it, nothing rendered yet.

use std::sync::Arc;

use clusters::circumstance::Circumstances;
use clusters::keys::KeyReport;
use clusters::sample::Sample;
use clusters::{Cluster, EventId};
use records::time::Timestamp;
use serde_json::Value;

use crate::alert::{Alert, AlertSubject};
use crate::facts::Facts;
use crate::severity::{self, Assessment, Severity};

/// An alert, with everything that any sink is sent of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What is told.
    pub alert: Alert,
    /// The severity, with its reasons.
    pub severity: Assessment,
    /// The account's name from the settings.
    pub account_name: Option<String>,
    /// The cluster at the time of sending, with only its events between [`Self::from`] and
    /// [`Self::until`]. `None` for an alert about an account or the stack.
    pub cluster: Option<Cluster>,
    /// Its samples, as far as messages speak of them.
    pub examples: Vec<Example>,
    /// When the cluster was first seen, which may be before [`Self::from`].
    pub first_seen: Option<Timestamp>,
    /// What was looked at, or what the alert is about where that is no cluster, in event time: from
    /// the first second on.
    pub from: Option<Timestamp>,
    /// Up to before this second.
    pub until: Option<Timestamp>,
    /// How many errors the account had within it, whatever their cluster.
    pub account_errors: u64,
    /// The access keys that took part, the most frequent first.
    pub keys: Vec<KeyReport>,
    /// Whether all was found out that should be in it.
    pub enrichment: Enrichment,
    /// How many alerts of the same cluster were not sent to this sink since the last one.
    pub suppressed: u64,
}

/// What a message says of a sample: read once, whatever is written of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// When the call was made.
    pub at: Option<Timestamp>,
    /// The event's id.
    pub id: EventId,
    /// The caller's ARN.
    pub caller: Option<String>,
    /// The address it called from.
    pub source_ip: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The error code, as the service wrote it.
    pub error_code: Option<String>,
    /// The redacted record, as JSON.
    pub json: Arc<str>,
}

impl From<&Sample> for Example {
    fn from(sample: &Sample) -> Self {
        // A record that was cut short is no JSON; the message says less of it then.
        let record: Value = serde_json::from_str(&sample.json).unwrap_or_default();
        let text = |field| Some(record.pointer(field)?.as_str()?.to_owned());
        Self {
            at: sample.at,
            id: sample.id,
            caller: text("/userIdentity/arn"),
            source_ip: text("/sourceIPAddress"),
            region: text("/awsRegion"),
            error_code: text("/errorCode"),
            json: Arc::clone(&sample.json),
        }
    }
}

/// Whether all was found out that should be in an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Enrichment {
    /// It was.
    Full,
    /// Something could not be looked up; the alert says what.
    Partial,
}

impl Enrichment {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What is known of a cluster when a message is made.
#[derive(Debug)]
pub struct ClusterContext {
    /// The cluster, with what was seen of it in what was looked at.
    pub cluster: Cluster,
    /// When it was first seen at all.
    pub first_seen: Option<Timestamp>,
    /// The circumstances of those of its events that were not looked at, too.
    pub circumstances: Circumstances,
    /// What was looked at, up to before its second moment.
    pub range: Option<(Timestamp, Timestamp)>,
    /// How many errors its account had within it.
    pub account_errors: u64,
}

impl Message {
    /// Makes a message about a cluster: as loud as the cluster is, partial if a key's last use should
    /// be known and is not, and with nothing suppressed before it.
    pub fn of_cluster(
        alert: Alert,
        known: ClusterContext,
        keys: Vec<KeyReport>,
        account_name: Option<String>,
    ) -> Self {
        let ClusterContext {
            cluster,
            first_seen,
            circumstances,
            range,
            account_errors,
        } = known;
        Self {
            severity: severity::of_known(&cluster, first_seen, circumstances),
            examples: cluster.samples.iter().map(Example::from).collect(),
            cluster: Some(cluster),
            first_seen,
            from: range.map(|(from, _)| from),
            until: range.map(|(_, until)| until),
            account_errors,
            ..Self::of_account(alert, keys, account_name)
        }
    }

    /// Makes a message that is about no single cluster, or about one that is no longer kept. What it
    /// says of a range of time is in the alert's facts.
    pub fn of_account(alert: Alert, keys: Vec<KeyReport>, account_name: Option<String>) -> Self {
        let is_partial = keys.iter().any(|key| key.is_missing);
        let range = alert.facts.range();
        let account_errors = match &alert.facts {
            Facts::Summary(summary) => summary.errors,
            _ => 0,
        };
        Self {
            severity: severity::of_alert(&alert),
            alert,
            account_name,
            cluster: None,
            examples: Vec::new(),
            first_seen: None,
            from: range.map(|(from, _)| from),
            until: range.map(|(_, until)| until),
            account_errors,
            keys,
            enrichment: if is_partial {
                Enrichment::Partial
            } else {
                Enrichment::Full
            },
            suppressed: 0,
        }
    }

    /// Returns how many events of the cluster there were in what was looked at.
    pub fn count(&self) -> u64 {
        self.cluster
            .as_ref()
            .map_or(0, |cluster| cluster.span.count)
    }

    /// Returns how many events it tells of: what the alert says, or else [`Self::count`].
    pub fn events(&self) -> u64 {
        let told = self.alert.facts.events();
        told.unwrap_or_else(|| self.count())
    }

    /// Returns when it happened: what showed it, or else the latest event that is known.
    pub fn at(&self) -> Option<Timestamp> {
        let last = || self.cluster.as_ref()?.span.last_seen;
        self.alert.at.or_else(last).or(self.until)
    }

    /// Returns when the problem began that this belongs to. The alert's facts say so; without
    /// that it is when the cluster was first seen in its first episode, and in a later one when it was
    /// first seen in what was looked at.
    pub fn fault_start(&self) -> Option<Timestamp> {
        let told = self.alert.facts.fault_start();
        let within = || self.cluster.as_ref()?.span.first_seen;
        let seen = match (&self.alert.facts, &self.alert.subject) {
            (Facts::Regressed(_), _) => self.alert.at,
            (_, AlertSubject::Cluster { episode: 2.., .. }) => None,
            _ => self.first_seen,
        };
        told.or(seen).or_else(within).or_else(|| self.at())
    }

    /// Returns for how many seconds the problem has lasted, as of when this happened.
    pub fn fault_seconds(&self) -> i64 {
        let lasted = self.at().zip(self.fault_start());
        lasted.map_or(0, |(at, start)| at.seconds_since(start).max(0))
    }

    /// Returns how loud it is.
    pub fn level(&self) -> Severity {
        self.severity.severity
    }
}
