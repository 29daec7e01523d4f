//! A message: an alert with all data that sinks may send about it, before it is rendered.

use std::sync::Arc;

use clusters::circumstance::Circumstances;
use clusters::facet::FacetKind;
use clusters::keys::KeyReport;
use clusters::sample::Sample;
use clusters::{Cluster, EventId, short_name};
use records::time::Timestamp;
use serde_json::Value;

use crate::alert::{Alert, AlertSubject};
use crate::facts::Facts;
use crate::kind::AlertKind;
use crate::links::Links;
use crate::safe::token;
use crate::severity::{self, Assessment, Severity};

/// The name of a caller whose record has no name.
const UNKNOWN: &str = "unknown";

/// An alert with all data that sinks may send about it. A sink renders it in its own format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The alert that the message is about.
    pub alert: Alert,
    /// The severity of the alert, with the reasons. If the alert has a cluster, this is also the severity of the cluster.
    pub severity: Assessment,
    /// The name of the alert's account from the settings; `None` if it has no name there.
    pub account_name: Option<String>,
    /// The environment of the alert's account from the settings, such as `production`; `None` if it has none there.
    pub environment: Option<String>,
    /// The cluster at the time of sending, with only its events between [`Self::from`] and
    /// [`Self::until`]. `None` for an alert about an account, a key or the stack, and for a cluster that is
    /// no longer stored.
    pub cluster: Option<Cluster>,
    /// The fields of the cluster's samples that messages show; empty without a cluster.
    pub examples: Vec<Example>,
    /// The time of the cluster's first event, which may be before [`Self::from`]; `None` without a cluster.
    pub first_seen: Option<Timestamp>,
    /// The first second of the time range of the message, in event time. `None` if the message has no time
    /// range.
    pub from: Option<Timestamp>,
    /// The first second after the time range of the message, in event time. `None` if the message has no
    /// time range.
    pub until: Option<Timestamp>,
    /// The number of errors of the account in the time range of the message, over all clusters. 0 for a
    /// message without a cluster, except for a summary.
    pub account_errors: u64,
    /// The access key that the alert is about, or the keys in the cluster's events, the most frequent
    /// first.
    pub keys: Vec<KeyReport>,
    /// Whether the message has all data, or some of it could not be looked up.
    pub enrichment: Enrichment,
    /// The number of alerts of the same cluster that were not sent to this sink since the last alert that
    /// was sent. 0 without a cluster.
    pub suppressed: u64,
    /// What made the message, besides the alert.
    pub made_by: MadeBy,
}

/// The version of this program, which each message has.
pub const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What made a message: so a receiver finds the configuration and the policy behind it, and how late it was noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeBy {
    /// When the program made the alert, by its clock; `None` if that is not known, as in a preview. The event times of the
    /// message are earlier.
    pub detected_at: Option<Timestamp>,
    /// The version of the settings file and the rules file in effect; `None` if that is not known.
    pub config_version: Option<String>,
    /// The number of the policy that decided to send it, in the order of the rules file, from 1; `None` if none did.
    pub policy: Option<usize>,
}

/// The fields of a sample that messages show. A sample is the redacted record of one event. Its JSON is
/// parsed once, for all sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The event time of the call; `None` if the record has none.
    pub at: Option<Timestamp>,
    /// The id of the event.
    pub id: EventId,
    /// The caller's ARN (`userIdentity.arn`); `None` if the record has none or was cut.
    pub caller: Option<String>,
    /// The source IP address, or the name of a calling AWS service (`sourceIPAddress`); `None` if the
    /// record has none or was cut.
    pub source_ip: Option<String>,
    /// The region of the call (`awsRegion`); `None` if the record has none or was cut.
    pub region: Option<String>,
    /// The error code as the called service wrote it (`errorCode`); `None` if the record has none or was
    /// cut.
    pub error_code: Option<String>,
    /// The redacted record, as JSON text. A very long record is cut and is no longer valid JSON.
    pub json: Arc<str>,
}

impl From<&Sample> for Example {
    fn from(sample: &Sample) -> Self {
        // A record that was cut is not valid JSON. The message then shows fewer fields.
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

/// Whether a message has all data, or some of it could not be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Enrichment {
    /// All data is in the message.
    Full,
    /// Some data is missing: the last use of an access key, or a cluster that is no longer stored.
    Partial,
}

impl Enrichment {
    /// Returns the name that sinks show, `full` or `partial`. It does not change between releases.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The stored data of a cluster that a message about it is made of.
#[derive(Debug)]
pub struct ClusterContext {
    /// The cluster, with only its events in [`Self::range`].
    pub cluster: Cluster,
    /// The time of the first event of the cluster, which may be before [`Self::range`].
    pub first_seen: Option<Timestamp>,
    /// The facts about calls that decide the severity, of all events of the cluster, also outside
    /// [`Self::range`].
    pub circumstances: Circumstances,
    /// The time range whose events [`Self::cluster`] contains, in event time: its first second, and the
    /// first second after it. `None` if the message has no time range.
    pub range: Option<(Timestamp, Timestamp)>,
    /// The number of errors of the cluster's account in [`Self::range`], over all its clusters.
    pub account_errors: u64,
}

impl Message {
    /// Returns the short name of the one caller that the message is about: the new caller, the caller of a sensitive call, or the
    /// caller of all events of the cluster. `None` if there are several, or if the caller is not known.
    pub fn caller(&self) -> Option<&str> {
        let name = match &self.alert.facts {
            Facts::Incident(_) => return None,
            Facts::NewPrincipal(name) => name.as_str(),
            Facts::SensitiveCall(call) => call.principal.as_deref()?,
            _ => {
                let callers = self.cluster.as_ref()?.facets.get(&FacetKind::Principal)?;
                let only = callers.values.first().filter(|_| callers.distinct == 1)?;
                only.value.as_str()
            }
        };
        let is_known = !name.is_empty() && name != UNKNOWN;
        let short = is_known.then(|| short_name(name, self.alert.account_id()))?;
        // A federated user is `user/NAME as SESSION`; there is no room for the session.
        short.split(" as ").next()
    }

    /// Creates a message about a cluster, with the severity of the cluster. `keys` are the access keys in
    /// its events, and `account_name` is the account's name from the settings.
    ///
    /// The message is partial if the last use of a key could not be looked up. Its count of suppressed
    /// alerts is 0.
    pub fn of_cluster(
        alert: Alert,
        context: ClusterContext,
        keys: Vec<KeyReport>,
        account_name: Option<String>,
    ) -> Self {
        let ClusterContext {
            cluster,
            first_seen,
            circumstances,
            range,
            account_errors,
        } = context;
        Self {
            severity: severity::assess_with_history(&cluster, first_seen, circumstances),
            examples: cluster.samples.iter().map(Example::from).collect(),
            cluster: Some(cluster),
            first_seen,
            from: range.map(|(from, _)| from),
            until: range.map(|(_, until)| until),
            account_errors,
            ..Self::of_account(alert, keys, account_name)
        }
    }

    /// Creates a message without a cluster: the alert is not about a cluster, or the cluster is no longer
    /// stored.
    ///
    /// The time range is from the alert's facts. `keys` are the access keys that the message shows, and
    /// `account_name` is the account's name from the settings.
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
            environment: None,
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
            made_by: MadeBy::default(),
        }
    }

    /// Returns the number of events of the cluster in the time range of the message; 0 without a cluster.
    pub fn count(&self) -> u64 {
        self.cluster
            .as_ref()
            .map_or(0, |cluster| cluster.span.count)
    }

    /// Returns the number of events that the message reports: the number in the alert's facts, or
    /// [`Self::count`] if the facts have none.
    ///
    /// For a sensitive call it is the larger one of the number when the alert was made, and of [`Self::count`].
    pub fn events(&self) -> u64 {
        if let Facts::SensitiveCall(call) = &self.alert.facts {
            return call.calls.max(self.count());
        }
        let reported = self.alert.facts.events();
        reported.unwrap_or_else(|| self.count())
    }

    /// Returns the event time of the change that the message reports. This is the time of the alert, else
    /// of the cluster's last event in the time range, else the end of the time range.
    ///
    /// `None` if no time is known.
    pub fn at(&self) -> Option<Timestamp> {
        let last = || self.cluster.as_ref()?.span.last_seen;
        self.alert.at.or_else(last).or(self.until)
    }

    /// Returns the event time at which the problem of this alert began; `None` if no time is known.
    ///
    /// If the alert's facts contain the start, it is used. Else a regression, and a sensitive call, began at the time of
    /// the alert. Any other problem in the first episode of a cluster began at the cluster's first event, and
    /// in a later episode at the cluster's first event in the time range. The last resort is [`Self::at`].
    pub fn fault_start(&self) -> Option<Timestamp> {
        let reported = self.alert.facts.fault_start();
        let first_in_range = || self.cluster.as_ref()?.span.first_seen;
        let seen = match (&self.alert.facts, &self.alert.subject) {
            (Facts::Regressed(_) | Facts::SensitiveCall(_), _) => self.alert.at,
            (_, AlertSubject::Cluster { episode: 2.., .. }) => None,
            _ => self.first_seen,
        };
        reported
            .or(seen)
            .or_else(first_in_range)
            .or_else(|| self.at())
    }

    /// Returns the seconds from the start of the problem to the time of this alert; 0 if either is unknown, and for a
    /// sensitive call, which does not last.
    pub fn fault_seconds(&self) -> i64 {
        let lasted = self.at().zip(self.fault_start());
        lasted.map_or(0, |(at, start)| at.seconds_since(start).max(0))
    }

    /// Returns the link to a query of Logs Insights for the calls that the alert is about, in its time range; for an
    /// incident, for all calls of its actor. `None` if the message has no range and neither cluster nor incident, or if
    /// `links` has no log groups.
    pub fn logs_link(&self, links: &Links) -> Option<String> {
        if let Facts::Incident(incident) = &self.alert.facts {
            let (from, until) = self.from.zip(self.until)?;
            return links.insights_of_callers(
                &incident.callers(self.alert.account_id()),
                from,
                until,
            );
        }
        let identity = &self.cluster.as_ref()?.facts.identity;
        let (from, until) = self.from.zip(self.until)?;
        match self.alert.facts {
            Facts::SensitiveCall(_) => {
                links.insights_of_call(&identity.event_source(), &identity.action, from, until)
            }
            _ => links.insights(&identity.action, from, until),
        }
    }

    /// Returns the event source of the calls that the alert is about, in CloudTrail's spelling; empty if it is about no call.
    pub fn event_source(&self) -> String {
        match (&self.alert.facts, &self.cluster) {
            (Facts::SensitiveCall(call), _) => {
                call.identity(self.alert.account_id()).event_source()
            }
            (_, Some(cluster)) => cluster.facts.identity.event_source(),
            _ => String::new(),
        }
    }

    /// Returns the name of what found the problem: `watch:` and the name of the watch for a sensitive call, otherwise the kind
    /// of the alert.
    pub fn rule(&self) -> String {
        let watch = match &self.alert.facts {
            Facts::SensitiveCall(call) => call.details.as_ref().map(|of| token(&of.watch, 64)),
            _ => None,
        };
        let kind = self.alert.kind().name();
        watch.map_or_else(|| kind.to_owned(), |watch| format!("watch:{watch}"))
    }

    /// Returns the page of the documentation that says how the problem was found and what to do, as a path in the source of
    /// the program.
    pub fn docs(&self) -> &'static str {
        match self.alert.kind() {
            AlertKind::SensitiveCall => "docs/watch.md",
            AlertKind::Incident => "docs/concepts.md#incidents",
            AlertKind::AccessKey => "docs/notifications.md#access-keys-of-other-accounts",
            AlertKind::NoData => "docs/runbook.md",
            AlertKind::New | AlertKind::NewPrincipal | AlertKind::NewCircumstance => {
                "docs/advice.md"
            }
            _ => "docs/concepts.md#what-the-inspection-finds",
        }
    }

    /// Returns the severity of the message without its reasons.
    pub fn level(&self) -> Severity {
        self.severity.severity
    }
}
