//! Facts: the data of an alert that cannot be looked up again when it is sent, one type for each kind.
//!
//! Facts have a bounded size from the start. They also identify the alert that began the problem,
//! because the end of a campaign, an escalation or a period without events refers to its beginning.

pub mod drill;
pub mod incident;

use std::collections::{BTreeMap, BTreeSet};

use clusters::class::Class;
use clusters::fingerprint::{ClusterId, Identity, STRONG, WEAK};
use clusters::keys::KeyAnomaly;
use clusters::summary::{Excerpt, Summary};
use clusters::transition::{NewAccount, NewCircumstance};
use clusters::watch::CallDetails;
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::IntoStaticStr;

use crate::facts::drill::{DrillFacts, DrillFailureFacts};
use crate::facts::incident::IncidentFacts;
use crate::kind::AlertKind;

/// The stage of a campaign, of an incident, of an escalation or of a period without events (`no_data`). Each stage has
/// its own alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", content = "times", rename_all = "snake_case")]
pub enum Stage {
    /// The campaign, the incident, the escalation or the period without events began.
    Began,
    /// The campaign reached this multiple of its threshold, see 2, 4 or 8. Of an incident it is
    /// how many alerts there were before.
    Grew(usize),
    /// The campaign, the incident, the escalation or the period without events is over.
    Ended,
}

/// The data of an alert that cannot be looked up again when it is sent. The variant determines the
/// [`AlertKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A cluster was seen for the first time.
    New,
    /// A known cluster has its first event of this caller. The name is sanitized.
    NewPrincipal(String),
    /// A value is new for a caller of a known cluster, or for the cluster. The texts are sanitized, and the id of an
    /// access key is masked.
    NewCircumstance(Box<NewCircumstance>),
    /// A cluster has an event again after it had recovered. `None` if the ingest made the alert: only the
    /// inspection knows how long the cluster was quiet.
    Regressed(Option<RegressionFacts>),
    /// A sensitive call was made.
    SensitiveCall(Box<CallFacts>),
    /// A cluster had no event for the quiet period of its class.
    Recovered(RecoveryFacts),
    /// A cluster or an account has many more events per hour than usual, or no longer has.
    Escalation(EscalationFacts),
    /// A campaign began, grew or ended.
    Campaign(CampaignFacts),
    /// An incident was opened, grew, was closed, or is a part of another one.
    Incident(Box<IncidentFacts>),
    /// An access key was used that should not be used.
    AccessKey(KeyFacts),
    /// The summary of an account's hour, day or week. Access keys in it are masked.
    Summary(Box<Summary>),
    /// The learning period of the stack is over.
    Learned(LearningEndFacts),
    /// One message replaces many waiting alerts.
    Digest(DigestFacts),
    /// An account has its first event. The texts are sanitized.
    NewAccount(NewAccount),
    /// No events arrive from an account or a log group, or events arrive again.
    Silence(SilenceFacts),
    /// A drill: nothing happened.
    Drill(DrillFacts),
    /// A nightly drill was not over within an hour.
    DrillFailed(DrillFailureFacts),
}

/// The facts of an alert about a sensitive call: who called what, and what the call did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// The called service, such as `iam`.
    pub service: String,
    /// The called API, such as `AttachUserPolicy`; `*` for calls beyond the limit on different calls in an hour.
    pub action: String,
    /// The name of the caller; `None` for calls of several callers beyond the limit.
    pub principal: Option<String>,
    /// What the call did; `None` for calls beyond the limit.
    #[serde(flatten)]
    pub details: Option<CallDetails>,
    /// The number of equal calls that the alert covers, as far as they were known when the alert was made.
    pub calls: u64,
}

/// A pattern of failures that made a campaign: which failures formed a group, and which distinct items were counted in
/// it. Only alerts that an earlier version wrote have one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    /// One caller is refused many different calls; the items are calls.
    Breadth,
    /// One caller is refused the same call on many resources; the items are resources.
    Depth,
    /// One caller is refused in many regions; the items are regions.
    Spread,
    /// One cluster of refusals has many callers that it did not have before; the items are callers.
    Widespread,
    /// Many sign-ins of one user fail, or of one network if the users have no names; the items are events.
    BruteForce,
    /// Sign-ins of many users from one network fail; the items are users.
    Spraying,
}

impl Shape {
    /// Returns the name as it is stored and shown, such as `brute_force`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The facts of an alert about a campaign: many failures that belong together, for example all from one
/// caller.
///
/// No alert is written about a campaign any more; those that wait in a table are sent as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFacts {
    /// Whether the campaign began, grew or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The patterns that make the failures a campaign, such as many different calls of one caller.
    pub shapes: BTreeSet<Shape>,
    /// What the failures have in common: the name of a caller, the id of a cluster, or a network.
    pub actor: String,
    /// The time of the campaign's first event.
    pub began: Timestamp,
    /// The time of the event with which the failures became a campaign.
    pub opened: Timestamp,
    /// The time of the campaign's last event so far.
    pub last: Timestamp,
    /// The number of events of the campaign so far.
    pub events: u64,
    /// The largest multiple of its threshold that the campaign has reached: 1 at the beginning, later one
    /// 2, 4 or 8.
    pub reached: usize,
    /// The largest number of distinct calls, resources, regions, callers, events or users within the time
    /// span of a shape. [`Shape`] documents which of them a shape counts.
    pub items: u64,
    /// The distinct failed calls of the campaign, as `service:action`: at most 20, with their total number.
    pub calls: Excerpt<String>,
    /// The clusters with events of the campaign: at most 20, with their total number.
    pub clusters: Excerpt<ClusterId>,
}

/// The facts of an alert about an escalation: a cluster or an account has many more events per hour than
/// usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationFacts {
    /// Whether the escalation began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The start of the hour in which the escalation began.
    pub from: Timestamp,
    /// The end of the hour in which the escalation ended, if the stage is [`Stage::Ended`]; else of the hour in which it began.
    pub until: Timestamp,
    /// The number of events in the hour in which the escalation began. If the stage is [`Stage::Ended`], in
    /// the hour with most events.
    pub peak: u64,
    /// The largest number of events that was expected in the hour in which the escalation began. More are
    /// an escalation.
    pub limit: u64,
}

/// The facts of an alert about the recovery of a cluster: the times and the size of the episode that is
/// over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryFacts {
    /// The time of the episode's first event.
    pub fault_start: Timestamp,
    /// The seconds from the episode's first event to its last event.
    pub fault_seconds: u64,
    /// The number of events of the episode.
    pub count: u64,
}

/// The facts of an alert about a cluster that fails again after it had recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegressionFacts {
    /// The seconds without an event of the cluster, until it failed again.
    pub quiet_seconds: u64,
}

/// The facts of an alert about an access key that should not be used: a canary key, or a key without use
/// for a long time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "oddity", rename_all = "snake_case")]
pub enum KeyFacts {
    /// A canary key was used: a key that exists only to detect its use.
    Canary(CanaryUse),
    /// A key was used again after a long time without use.
    Awakened {
        /// A cluster that has an event of the key.
        cluster: ClusterId,
        /// The last use before that event, according to IAM.
        last: Timestamp,
        /// The number of days between the last use and that event.
        days: i64,
    },
}

/// The proof that a canary key was used: an event, or an answer of IAM. A canary key exists only to detect
/// its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CanaryUse {
    /// A CloudTrail event that contains the key.
    Event {
        /// The cluster of the event.
        cluster: ClusterId,
        /// The service that was called, such as `s3`.
        service: String,
        /// The API action, such as `GetObject`.
        action: String,
        /// The name of the caller; `None` if the event does not contain it.
        principal: Option<String>,
        /// The source IP address of the call; `None` if the event does not contain it.
        source_ip: Option<String>,
        /// The region of the call; `None` if the event does not contain it.
        region: Option<String>,
    },
    /// The answer of IAM about the key's last use. No event shows the use.
    Iam {
        /// The service that reports the use; always IAM. JSON contains it as `"source": "IAM"`.
        source: IamAccess,
    },
}

/// The service that reports the use of a canary key if no event shows the use: always IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IamAccess {
    /// AWS Identity and Access Management.
    #[serde(rename = "IAM")]
    Iam,
}

/// The facts of an alert about the end of the learning period: the first hours of a stack, in which no
/// alerts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningEndFacts {
    /// The length of the learning period, in hours.
    pub hours: i64,
}

/// The facts of a digest: one message that replaces many waiting alerts. It has their numbers by kind,
/// account and class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestFacts {
    /// The id of the first replaced message. The digest's own id is derived from it. Not part of the JSON.
    #[serde(skip)]
    pub first: String,
    /// The number of replaced alerts.
    pub alerts: usize,
    /// The number of replaced alerts of each kind.
    pub kinds: BTreeMap<AlertKind, u64>,
    /// The number of replaced alerts of each account, by account id.
    pub accounts: BTreeMap<String, u64>,
    /// The number of replaced alerts about clusters of each class, by the name of the class. `unknown` is
    /// for clusters that are no longer stored.
    pub classes: BTreeMap<String, u64>,
    /// The ids of the first clusters that the replaced alerts are about, each once. The sender limits their
    /// number.
    pub clusters: Vec<ClusterId>,
}

/// The facts of an alert that no events arrive from an account or a log group (silence), or that events
/// arrive again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceFacts {
    /// Whether the period without events began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The name of the log group without events; `None` if no events arrive from the whole account.
    pub log_group: Option<String>,
    /// The time of the last event of the account or log group before the period without events.
    pub since: Timestamp,
    /// When the lack of events was detected. If the stage is [`Stage::Ended`], the time of the first event
    /// after the period without events.
    pub until: Timestamp,
    /// The reason why no events arrive, or arrived. `None` if it could not be determined, and if events arrive again, unless
    /// these are the first ones.
    pub diagnosis: Option<DiagnosisFacts>,
}

/// The name of the diagnosis of a log group that never had an event since the stack began to check it.
pub const NEVER_ANY_DATA: &str = "never_any_data";

/// The cause why no events arrive from an account or a log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosisFacts {
    /// The stable name of the cause, such as `no_filter`, for filters.
    pub name: String,
    /// A sentence for people: the cause, and what to do.
    pub sentence: String,
}

impl Facts {
    /// Returns the kind of an alert with these facts.
    pub fn kind(&self) -> AlertKind {
        match self {
            Self::New => AlertKind::New,
            Self::NewPrincipal(_) => AlertKind::NewPrincipal,
            Self::NewCircumstance(_) => AlertKind::NewCircumstance,
            Self::Regressed(_) => AlertKind::Regressed,
            Self::SensitiveCall(_) => AlertKind::SensitiveCall,
            Self::Recovered(_) => AlertKind::Recovered,
            Self::Escalation(_) => AlertKind::Escalating,
            Self::Campaign(_) => AlertKind::Campaign,
            Self::Incident(_) => AlertKind::Incident,
            Self::AccessKey(_) => AlertKind::AccessKey,
            Self::Summary(_) | Self::Learned(_) | Self::Digest(_) => AlertKind::AccountSummary,
            Self::NewAccount(_) => AlertKind::NewAccount,
            Self::Silence(_) => AlertKind::NoData,
            Self::Drill(_) => AlertKind::Drill,
            Self::DrillFailed(_) => AlertKind::DrillFailed,
        }
    }

    /// Converts the facts to a JSON object for the store and for sinks. [`Self::New`] and
    /// [`Self::NewPrincipal`] give `null`.
    pub fn json(&self) -> Value {
        match self {
            Self::New | Self::NewPrincipal(_) => Value::Null,
            Self::NewCircumstance(of) => json!(of),
            Self::Regressed(of) => json!(of),
            Self::SensitiveCall(of) => json!(of),
            Self::Recovered(of) => json!(of),
            Self::Escalation(of) => json!(of),
            Self::Campaign(of) => json!(of),
            Self::Incident(of) => json!(of),
            Self::AccessKey(of) => json!(of),
            Self::Summary(of) => json!(of),
            Self::Learned(of) => json!(of),
            Self::Digest(of) => json!(of),
            Self::NewAccount(of) => json!(of),
            Self::Silence(of) => json!(of),
            Self::Drill(of) => json!(of),
            Self::DrillFailed(of) => json!(of),
        }
    }

    /// Returns the stage of a campaign, an incident, an escalation or a period without events (`no_data`); `None` for
    /// other facts.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Campaign(of) => Some(of.stage),
            Self::Incident(of) => Some(of.stage()),
            Self::Escalation(of) => Some(of.stage),
            Self::Silence(of) => Some(of.stage),
            _ => None,
        }
    }

    /// Returns the time range that the alert is about, in event time: its first second, and the first
    /// second after it. `None` for facts without a range.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Campaign(of) => Some((of.began, of.last.after(1)?)),
            Self::Incident(of) => Some((of.began, of.last.after(1)?)),
            Self::Escalation(of) => Some((of.from, of.until)),
            Self::Recovered(of) => Some((of.fault_start, of.last()?.after(1)?)),
            Self::Silence(of) => Some((of.since, of.until)),
            Self::Summary(of) => Some((of.from, of.until)),
            _ => None,
        }
    }

    /// Returns the event time at which the problem of the alert began: the start of [`Self::range`]. `None`
    /// for a summary, and for facts without a range.
    pub fn fault_start(&self) -> Option<Timestamp> {
        match self {
            Self::Summary(_) => None,
            _ => self.range().map(|(from, _)| from),
        }
    }

    /// Returns the number of events of the campaign or the incident, of the episode that is over, or of the period of the
    /// summary; for an escalation, of its largest hour so far. `None` for other facts.
    pub fn events(&self) -> Option<u64> {
        match self {
            Self::Campaign(of) => Some(of.events),
            Self::Incident(of) => Some(of.events),
            Self::Escalation(of) => Some(of.peak),
            Self::Recovered(of) => Some(of.count),
            Self::Summary(of) => Some(of.errors),
            _ => None,
        }
    }

    /// Returns the text that distinguishes an alert at event time `at` from other alerts of the same kind
    /// and subject, such as a caller's name. Often empty.
    pub(super) fn about(&self, at: Option<Timestamp>) -> String {
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        match (self, self.stage()) {
            (Self::NewPrincipal(principal), _) => principal.clone(),
            (Self::SensitiveCall(_), _) => at,
            (Self::NewCircumstance(of), _) => of.about(),
            (Self::Campaign(of), Some(Stage::Grew(times))) => {
                format!("{} x{times} at {at}", of.actor)
            }
            (Self::Campaign(of), Some(Stage::Ended)) => format!("{} until {at}", of.actor),
            (Self::Incident(of), _) => of.about(),
            (Self::Escalation(of), Some(Stage::Ended)) => format!("until {}", of.until),
            (Self::Silence(of), Some(Stage::Ended)) => of.about("until", of.until),
            (Self::Summary(of), _) => format!("{} {}", of.period.name(), of.from),
            (Self::Learned(_), _) => LEARNED.to_owned(),
            (Self::Drill(DrillFacts { drill, .. }), _)
            | (Self::DrillFailed(DrillFailureFacts { drill, .. }), _) => drill.clone(),
            (Self::Digest(of), _) => format!("{DIGEST}{}", of.first),
            _ => self.begins_about(),
        }
    }

    /// Returns the [`Self::about`] text of the alert that began this campaign, this incident, this escalation or this
    /// period without events.
    ///
    /// The alerts of later stages use it to compute the id of that first alert. Empty for other facts.
    pub(super) fn begins_about(&self) -> String {
        match self {
            Self::Campaign(of) => format!("{} from {}", of.actor, of.began),
            Self::Incident(of) => of.incident.text().to_owned(),
            // The first alert has the end of the hour in which the escalation began.
            Self::Escalation(of) => format!("from {}", of.from.after(3600).unwrap_or(of.from)),
            Self::Silence(of) => of.about("since", of.since),
            _ => String::new(),
        }
    }

    /// Returns a text that identifies a campaign, an incident, an escalation or a period without events within its
    /// account and alert kind. It is equal for all stages.
    ///
    /// It is the actor of a campaign, the id of an incident, or the name of the log group without events. It is empty for an
    /// escalation, for a whole account, and for drills. `None` for other facts.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Campaign(of) => Some(&of.actor),
            Self::Incident(of) => Some(of.incident.text()),
            Self::Silence(of) => Some(of.log_group.as_deref().unwrap_or_default()),
            // The account or the cluster of the alert identifies it; there is one path for drills.
            Self::Escalation(_) | Self::Drill(_) | Self::DrillFailed(_) => Some(""),
            _ => None,
        }
    }
}

/// The [`Alert::about`](crate::alert::Alert::about) text of the alert that ends the learning period.
pub const LEARNED: &str = "learned";

/// The start of the [`Alert::about`](crate::alert::Alert::about) text of a digest. The id of the first
/// replaced message follows.
pub const DIGEST: &str = "digest:";

impl KeyFacts {
    /// Returns the reason of the alert as an anomaly of the key: it is a canary key, or it was used again
    /// after a long time.
    pub fn anomaly(&self) -> KeyAnomaly {
        match self {
            Self::Canary(_) => KeyAnomaly::Canary,
            Self::Awakened { days, .. } => KeyAnomaly::Awakened { days: *days },
        }
    }
}

impl CallFacts {
    /// Returns the identity of the calls, as far as the alert shows it: without the partition.
    pub fn identity(&self, account_id: &str) -> Identity {
        let details = self.details.as_ref();
        let strength = details.map(|of| if of.is_strong { STRONG } else { WEAK });
        Identity {
            partition: String::new(),
            account_id: account_id.to_owned(),
            service: self.service.clone(),
            action: self.action.clone(),
            class: Class::Watch,
            code: strength.unwrap_or_default().to_owned(),
            cause: self.principal.clone(),
            template: details.map(CallDetails::encode),
            addition: None,
        }
    }

    /// Checks whether the call weighs as much as an attack step on its own. Calls beyond the limit do.
    pub fn is_strong(&self) -> bool {
        self.details.as_ref().is_none_or(|of| of.is_strong)
    }

    /// Returns the call as `service:action`, such as `iam:CreateUser`.
    pub fn api(&self) -> String {
        match self.service.is_empty() {
            true => self.action.clone(),
            false => format!("{}:{}", self.service, self.action),
        }
    }
}

impl RecoveryFacts {
    /// Returns the time of the episode's last event; `None` if it is out of the range of [`Timestamp`].
    pub fn last(&self) -> Option<Timestamp> {
        self.fault_start
            .after(i64::try_from(self.fault_seconds).ok()?)
    }
}

impl SilenceFacts {
    /// Checks whether there never was an event before.
    pub fn never_had_any(&self) -> bool {
        let diagnosis = self.diagnosis.as_ref();
        diagnosis.is_some_and(|of| of.name == NEVER_ANY_DATA)
    }

    /// Returns the distinguishing text of an alert, such as `since 2026-11-02T08:00:00Z`, after the name of
    /// the log group if there is one.
    fn about(&self, word: &str, at: Timestamp) -> String {
        match &self.log_group {
            Some(name) => format!("{name} {word} {at}"),
            None => format!("{word} {at}"),
        }
    }
}
