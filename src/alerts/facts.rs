//! Facts: what an alert says that cannot be looked up again when it is sent, by the kind of change.
//!
//! They are bounded when they are made. They also say which alert the problem began with, as the end
//! of a campaign, an escalation or a silence has to name its beginning.

use std::collections::{BTreeMap, BTreeSet};

use clusters::campaign::Shape;
use clusters::fingerprint::ClusterId;
use clusters::keys::KeyAnomaly;
use clusters::summary::{Excerpt, Summary};
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kind::AlertKind;

/// How far something has come that begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", content = "times", rename_all = "snake_case")]
pub enum Stage {
    /// It began.
    Began,
    /// It is so many times as large as what makes one.
    Grew(usize),
    /// It is over.
    Ended,
}

/// What an alert says, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A cluster was seen for the first time.
    New,
    /// Somebody called whom a known cluster had not seen, by a sanitized name.
    NewPrincipal(String),
    /// A cluster came back after it had recovered. For how long it had been quiet is known to the
    /// inspection alone.
    Regressed(Option<RegressionFacts>),
    /// A cluster was quiet for its quiet period.
    Recovered(RecoveryFacts),
    /// A cluster, or an account, is much more frequent than usual, or no longer.
    Escalation(EscalationFacts),
    /// A campaign began, grew or ended.
    Campaign(CampaignFacts),
    /// An access key did what it should not.
    AccessKey(KeyFacts),
    /// What an account's hour, day or week looked like; access keys are masked in it.
    Summary(Box<Summary>),
    /// The time of learning is over.
    Learned(LearnedFacts),
    /// Many alerts are told as one.
    Digest(DigestFacts),
    /// An account or a log group fell silent, or is heard of again.
    Silence(SilenceFacts),
}

/// What a campaign is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFacts {
    /// How far it has come.
    #[serde(flatten)]
    pub stage: Stage,
    /// What it looks like.
    pub shapes: BTreeSet<Shape>,
    /// Whose: a caller's name, a cluster's id, or a network.
    pub actor: String,
    /// Its first event.
    pub began: Timestamp,
    /// The event that made it one.
    pub opened: Timestamp,
    /// Its last event so far.
    pub last: Timestamp,
    /// How many events it has.
    pub events: u64,
    /// How many times as large as what makes one it has become, as far as that is told; 1 at first.
    pub reached: usize,
    /// How many different things its shape counts.
    pub items: u64,
    /// The calls, as `service:action`.
    pub calls: Excerpt<String>,
    /// The clusters.
    pub clusters: Excerpt<ClusterId>,
}

/// What an escalation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationFacts {
    /// Whether it began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The hour it began in.
    pub from: Timestamp,
    /// The end of the hour that showed the stage.
    pub until: Timestamp,
    /// The events of that first hour, or of its largest hour once it is over.
    pub peak: u64,
    /// How many events an hour could be expected at most.
    pub limit: u64,
}

/// What an episode of a recovered cluster was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryFacts {
    /// Its first event.
    pub fault_start: Timestamp,
    /// How long after that its last one was, in seconds.
    pub fault_seconds: u64,
    /// How many events it had.
    pub count: u64,
}

/// How a cluster came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegressionFacts {
    /// How long it had been quiet, in seconds.
    pub quiet_seconds: u64,
}

/// What is odd about an access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "oddity", rename_all = "snake_case")]
pub enum KeyFacts {
    /// It is a canary, and was used.
    Canary(CanaryUse),
    /// It was used after a long time.
    Awakened {
        /// A cluster that it was seen in.
        cluster: ClusterId,
        /// When it had been used last.
        last: Timestamp,
        /// How many days before that was.
        days: i64,
    },
}

/// How it is known that a canary key was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CanaryUse {
    /// By an event.
    Event {
        /// Its cluster.
        cluster: ClusterId,
        /// The service that was called.
        service: String,
        /// The call.
        action: String,
        /// Who called.
        principal: Option<String>,
        /// From where.
        source_ip: Option<String>,
        /// In which region.
        region: Option<String>,
    },
    /// By IAM alone, whether or not an event shows it.
    Iam {
        /// Who says so.
        source: IamAccess,
    },
}

/// The one source of what no event shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IamAccess {
    /// IAM.
    #[serde(rename = "IAM")]
    Iam,
}

/// What the time of learning was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedFacts {
    /// How long it was, in hours.
    pub hours: i64,
}

/// What is told at once, in numbers of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestFacts {
    /// The id of the first message. It makes the digest's own, and is stored as what it is about.
    #[serde(skip)]
    pub first: String,
    /// How many alerts there are.
    pub alerts: usize,
    /// How many there are of each kind.
    pub kinds: BTreeMap<AlertKind, u64>,
    /// How many there are of each account.
    pub accounts: BTreeMap<String, u64>,
    /// How many there are of each class of cluster; those that are no longer kept are `unknown`.
    pub classes: BTreeMap<String, u64>,
    /// The first clusters.
    pub clusters: Vec<ClusterId>,
}

/// What a silence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceFacts {
    /// Whether it began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The log group that is silent; `None` where the account is.
    pub log_group: Option<String>,
    /// The last event before it.
    pub since: Timestamp,
    /// When it was noticed, or when the first event after it was.
    pub until: Timestamp,
    /// What is wrong, if that could be found out.
    pub diagnosis: Option<DiagnosisFacts>,
}

/// What is wrong with the way of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosisFacts {
    /// Its stable name.
    pub name: String,
    /// What is wrong and what to do, in a sentence.
    pub sentence: String,
}

impl Facts {
    /// Returns the kind of alert that they make.
    pub fn kind(&self) -> AlertKind {
        match self {
            Self::New => AlertKind::New,
            Self::NewPrincipal(_) => AlertKind::NewPrincipal,
            Self::Regressed(_) => AlertKind::Regressed,
            Self::Recovered(_) => AlertKind::Recovered,
            Self::Escalation(_) => AlertKind::Escalating,
            Self::Campaign(_) => AlertKind::Campaign,
            Self::AccessKey(_) => AlertKind::AccessKey,
            Self::Summary(_) | Self::Learned(_) | Self::Digest(_) => AlertKind::AccountSummary,
            Self::Silence(_) => AlertKind::NoData,
        }
    }

    /// Returns them as JSON, for the store and for sinks; `null` where the kind says all.
    pub fn json(&self) -> Value {
        match self {
            Self::New | Self::NewPrincipal(_) => Value::Null,
            Self::Regressed(of) => json!(of),
            Self::Recovered(of) => json!(of),
            Self::Escalation(of) => json!(of),
            Self::Campaign(of) => json!(of),
            Self::AccessKey(of) => json!(of),
            Self::Summary(of) => json!(of),
            Self::Learned(of) => json!(of),
            Self::Digest(of) => json!(of),
            Self::Silence(of) => json!(of),
        }
    }

    /// Returns how far it has come; `None` for what neither begins nor ends.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Campaign(of) => Some(of.stage),
            Self::Escalation(of) => Some(of.stage),
            Self::Silence(of) => Some(of.stage),
            _ => None,
        }
    }

    /// Returns the time that it is about: from its first second, up to before the second one.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Campaign(of) => Some((of.began, of.last.after(1)?)),
            Self::Escalation(of) => Some((of.from, of.until)),
            Self::Recovered(of) => Some((of.fault_start, of.last()?.after(1)?)),
            Self::Silence(of) => Some((of.since, of.until)),
            Self::Summary(of) => Some((of.from, of.until)),
            _ => None,
        }
    }

    /// Returns when the problem began that it is of.
    pub fn fault_start(&self) -> Option<Timestamp> {
        match self {
            Self::Summary(_) => None,
            _ => self.range().map(|(from, _)| from),
        }
    }

    /// Returns how many events it tells of, where it says that.
    pub fn events(&self) -> Option<u64> {
        match self {
            Self::Campaign(of) => Some(of.events),
            Self::Escalation(of) => Some(of.peak),
            Self::Recovered(of) => Some(of.count),
            Self::Summary(of) => Some(of.errors),
            _ => None,
        }
    }

    /// Returns what sets an alert apart from others of its kind and subject, found out at a moment.
    pub(super) fn about(&self, at: Option<Timestamp>) -> String {
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        match (self, self.stage()) {
            (Self::NewPrincipal(principal), _) => principal.clone(),
            (Self::Campaign(of), Some(Stage::Grew(times))) => {
                format!("{} x{times} at {at}", of.actor)
            }
            (Self::Campaign(of), Some(Stage::Ended)) => format!("{} until {at}", of.actor),
            (Self::Escalation(of), Some(Stage::Ended)) => format!("until {}", of.until),
            (Self::Silence(of), Some(Stage::Ended)) => of.about("until", of.until),
            (Self::Summary(of), _) => format!("{} {}", of.period.name(), of.from),
            (Self::Learned(_), _) => LEARNED.to_owned(),
            (Self::Digest(of), _) => format!("{DIGEST}{}", of.first),
            _ => self.begins_about(),
        }
    }

    /// Returns what the alert is about that this is a later stage of, or what it begins itself; empty
    /// for what has no stages.
    pub(super) fn begins_about(&self) -> String {
        match self {
            Self::Campaign(of) => format!("{} from {}", of.actor, of.began),
            // It is told at the end of the hour that it began in.
            Self::Escalation(of) => format!("from {}", of.from.after(3600).unwrap_or(of.from)),
            Self::Silence(of) => of.about("since", of.since),
            _ => String::new(),
        }
    }

    /// Returns what it is of, in a text that stays the same from its beginning to its end.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Campaign(of) => Some(&of.actor),
            Self::Silence(of) => Some(of.log_group.as_deref().unwrap_or_default()),
            // Of the account, or of the cluster that is named beside it.
            Self::Escalation(_) => Some(""),
            _ => None,
        }
    }
}

/// What the summary is about that ends the time of learning.
pub const LEARNED: &str = "learned";

/// What the summary is about, with an id behind it, that tells of many alerts at once.
pub const DIGEST: &str = "digest:";

impl KeyFacts {
    /// Returns what is odd.
    pub fn anomaly(&self) -> KeyAnomaly {
        match self {
            Self::Canary(_) => KeyAnomaly::Canary,
            Self::Awakened { days, .. } => KeyAnomaly::Awakened { days: *days },
        }
    }
}

impl RecoveryFacts {
    /// Returns its last event.
    pub fn last(&self) -> Option<Timestamp> {
        self.fault_start
            .after(i64::try_from(self.fault_seconds).ok()?)
    }
}

impl SilenceFacts {
    /// Returns what sets an alert of it apart from others, such as `since 2026-11-02T08:00:00Z`.
    fn about(&self, word: &str, at: Timestamp) -> String {
        match &self.log_group {
            Some(name) => format!("{name} {word} {at}"),
            None => format!("{word} {at}"),
        }
    }
}
