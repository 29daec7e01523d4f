//! Evidence: what an occasion brings along because it cannot be looked up again when it is sent.
//!
//! It waits as JSON in the occasion's detail, bounded when it is written; what is read is only what
//! has the shape that belongs to the kind. It also says which alert the trouble began with, as the
//! end of a campaign, an escalation or a silence has to name its beginning.

use std::collections::BTreeSet;

use clusters::campaign::Shape;
use clusters::fingerprint::ClusterId;
use clusters::summary::{Excerpt, Summary};
use records::time::EventTime;
use serde::{Deserialize, Serialize};

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

/// What an occasion brings along, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Of a campaign.
    Campaign(CampaignEvidence),
    /// Of an escalation, or its end.
    Escalation(EscalationEvidence),
    /// Of a recovery.
    Recovery(RecoveryEvidence),
    /// Of a cluster that came back.
    Regression(RegressionEvidence),
    /// Of an account or a log group that fell silent, or is heard of again.
    Silence(SilenceEvidence),
    /// What an account's hour, day or week looked like; access keys are masked in it.
    Summary(Box<Summary>),
}

/// What a campaign is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignEvidence {
    /// How far it has come.
    #[serde(flatten)]
    pub stage: Stage,
    /// What it looks like.
    pub shapes: BTreeSet<Shape>,
    /// Whose: a caller's name, a cluster's id, or a network.
    pub actor: String,
    /// Its first event.
    pub began: EventTime,
    /// The event that made it one.
    pub opened: EventTime,
    /// Its last event so far.
    pub last: EventTime,
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
pub struct EscalationEvidence {
    /// Whether it began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The hour it began in.
    pub from: EventTime,
    /// The end of the hour that showed the stage.
    pub until: EventTime,
    /// The events of that first hour, or of its largest hour once it is over.
    pub peak: u64,
    /// How many events an hour could be expected at most.
    pub limit: u64,
}

/// What a recovered cluster's life was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryEvidence {
    /// Its first event.
    pub fault_start: EventTime,
    /// How long after that its last one was, in seconds.
    pub fault_seconds: u64,
    /// How many events it had.
    pub count: u64,
}

/// How a cluster came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegressionEvidence {
    /// How long it had been quiet, in seconds.
    pub quiet_seconds: u64,
}

/// What a silence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceEvidence {
    /// Whether it began or ended.
    #[serde(flatten)]
    pub stage: Stage,
    /// The log group that is silent; `None` where the account is.
    pub log_group: Option<String>,
    /// The last event before it.
    pub since: EventTime,
    /// When it was noticed, or when the first event after it was.
    pub until: EventTime,
    /// What is wrong, if that could be found out.
    pub diagnosis: Option<Diagnosis>,
}

/// What is wrong with the way of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Its stable name.
    pub name: String,
    /// What is wrong and what to do, in a sentence.
    pub sentence: String,
}

impl Evidence {
    /// Returns how far it has come; `None` for what neither begins nor ends.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Campaign(of) => Some(of.stage),
            Self::Escalation(of) => Some(of.stage),
            Self::Silence(of) => Some(of.stage),
            Self::Recovery(_) | Self::Regression(_) | Self::Summary(_) => None,
        }
    }

    /// Returns the time that it is about: from its first second, up to before the second one.
    pub fn range(&self) -> Option<(EventTime, EventTime)> {
        match self {
            Self::Campaign(of) => Some((of.began, of.last.after(1)?)),
            Self::Escalation(of) => Some((of.from, of.until)),
            Self::Recovery(of) => Some((of.fault_start, of.last()?.after(1)?)),
            Self::Regression(_) => None,
            Self::Silence(of) => Some((of.since, of.until)),
            Self::Summary(of) => Some((of.from, of.until)),
        }
    }

    /// Returns when the trouble began that it is of.
    pub fn fault_start(&self) -> Option<EventTime> {
        match self {
            Self::Regression(_) | Self::Summary(_) => None,
            _ => self.range().map(|(from, _)| from),
        }
    }

    /// Returns how many events it tells of, where it says that.
    pub fn events(&self) -> Option<u64> {
        match self {
            Self::Campaign(of) => Some(of.events),
            Self::Escalation(of) => Some(of.peak),
            Self::Recovery(of) => Some(of.count),
            Self::Summary(of) => Some(of.errors),
            Self::Regression(_) | Self::Silence(_) => None,
        }
    }

    /// Returns what the occasion is about that this is a later stage of; `None` for what is none.
    pub(super) fn begins_about(&self) -> Option<String> {
        if self.stage()? == Stage::Began {
            return None;
        }
        match self {
            Self::Campaign(of) => Some(format!("{} from {}", of.actor, of.began)),
            Self::Escalation(of) => Some(format!("from {}", of.from.after(3600)?)),
            Self::Silence(of) => Some(of.about("since", of.since)),
            Self::Recovery(_) | Self::Regression(_) | Self::Summary(_) => None,
        }
    }

    /// Returns what it is of, in a text that stays the same from its beginning to its end.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Campaign(of) => Some(&of.actor),
            Self::Silence(of) => Some(of.log_group.as_deref().unwrap_or_default()),
            // Of the account, or of the cluster that is named beside it.
            Self::Escalation(_) => Some(""),
            Self::Recovery(_) | Self::Regression(_) | Self::Summary(_) => None,
        }
    }
}

impl RecoveryEvidence {
    /// Returns its last event.
    pub fn last(&self) -> Option<EventTime> {
        self.fault_start
            .after(i64::try_from(self.fault_seconds).ok()?)
    }
}

impl SilenceEvidence {
    /// Returns what sets an alert of it apart from others, such as `since 2026-11-02T08:00:00Z`.
    pub(super) fn about(&self, word: &str, at: EventTime) -> String {
        match &self.log_group {
            Some(name) => format!("{name} {word} {at}"),
            None => format!("{word} {at}"),
        }
    }
}
