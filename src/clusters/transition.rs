//! Transitions: what happens to clusters, callers and accounts, in event time.

use records::time::Timestamp;

use crate::campaign::Campaign;
use crate::escalation::Escalation;
use crate::fingerprint::ClusterId;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When it was so, in event time. What the inspection finds is so from the full hour on at which
    /// it looks.
    pub at: Timestamp,
    /// The account.
    pub account_id: String,
    /// The cluster, for what happens to one.
    pub cluster: Option<ClusterId>,
    /// The cluster's episode, from 1; 0 without a cluster.
    pub episode: i64,
    /// What it is.
    pub change: Change,
    /// Whether it is part of a campaign that was told before, and not told itself.
    pub is_swallowed: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Change {
    /// A cluster was seen for the first time.
    New,
    /// A cluster met a caller that it had not seen, an hour or more after it was new.
    NewPrincipal {
        /// The caller.
        principal: String,
    },
    /// A cluster is a day old and still open.
    Ongoing,
    /// A cluster was quiet for its quiet period.
    Recovered {
        /// The first event of this episode.
        began: Timestamp,
        /// How long it failed, from that to the last event of this episode, in seconds.
        fault_seconds: i64,
        /// How often, in this episode.
        count: u64,
    },
    /// A recovered cluster came back.
    Regressed {
        /// How long it had been quiet, in seconds.
        quiet_seconds: i64,
    },
    /// A cluster, or all of an account that has no cluster to blame, is more frequent than its own
    /// past lets expect.
    Escalating {
        /// Its events in that hour.
        count: u64,
        /// The limit of that hour.
        limit: u64,
    },
    /// An escalation is over.
    Calmed(Escalation),
    /// Many failures are one story.
    Campaign(Box<Campaign>),
    /// A campaign has so many times the items that make one.
    CampaignGrew {
        /// How many times.
        times: usize,
        /// The campaign as it is known by then.
        campaign: Box<Campaign>,
    },
    /// A campaign was quiet for half an hour.
    CampaignEnded(Box<Campaign>),
    /// An account that usually has errors has none: its input may have stopped. Nothing recovers
    /// until errors arrive again.
    NoData {
        /// The last event before.
        since: Timestamp,
    },
    /// An account has events again.
    DataAgain {
        /// The last event before it had none.
        since: Timestamp,
    },
}

impl Change {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Returns what sets it apart from others of its kind.
    pub fn about(&self, at: Timestamp) -> String {
        match self {
            Self::NewPrincipal { principal } => principal.clone(),
            Self::Escalating { .. } => format!("from {at}"),
            Self::Calmed(_) => format!("until {at}"),
            Self::Campaign(campaign) => format!("{} from {}", campaign.actor, campaign.began),
            Self::CampaignGrew { times, campaign } => {
                format!("{} x{times} at {at}", campaign.actor)
            }
            Self::CampaignEnded(campaign) => format!("{} until {at}", campaign.actor),
            Self::NoData { since } => format!("since {since}"),
            _ => String::new(),
        }
    }
}

impl Transition {
    /// Sorts by time: what ends before what begins, and campaigns before what they swallow.
    pub fn sort(transitions: &mut [Self]) {
        transitions.sort_by(|one, other| one.order().cmp(&other.order()));
    }

    fn order(&self) -> (Timestamp, u8, &str, Option<ClusterId>, &'static str, String) {
        let rank = match self.change {
            Change::Recovered { .. } | Change::Calmed(_) | Change::CampaignEnded(_) => 0,
            Change::DataAgain { .. } => 1,
            Change::Campaign(_) => 2,
            _ => 3,
        };
        let about = self.change.about(self.at);
        (
            self.at,
            rank,
            &self.account_id,
            self.cluster,
            self.change.name(),
            about,
        )
    }
}
