//! The transitions of clusters and accounts in event time, such as "recovered". Alerts and journal entries are made of
//! them.

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::ClusterFacts;
use crate::escalation::Escalation;
use crate::facet::FacetKind;
use crate::fingerprint::ClusterId;
use crate::summary::Excerpt;
use crate::watch::CallDetails;

/// A change of a cluster or an account at a moment of event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The event time of the change: the time of the event that caused it, or else the end of the inspected hour.
    pub at: Timestamp,
    /// The id of the account that changed, or that the cluster belongs to.
    pub account_id: String,
    /// The cluster that changed; `None` for changes of an account.
    pub cluster: Option<ClusterId>,
    /// The number of the cluster's episode after the change, from 1; 0 if `cluster` is `None`.
    pub episode: i64,
    /// The kind of change, with its details.
    pub change: Change,
    /// Whether no alert is sent for this transition, because an incident absorbs it. The inspection does not know incidents
    /// and leaves this `false`; whoever looks at incidents and transitions together sets it.
    pub is_absorbed: bool,
    /// Whether no alert is sent for this transition, because its cluster is quiet, see
    /// [`is_quiet`](crate::circumstance::is_quiet).
    pub is_quiet: bool,
}

/// A sensitive call, as [`Change::SensitiveCall`] announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensitiveCall {
    /// The called service, such as `iam`.
    pub service: String,
    /// The called API, such as `AttachUserPolicy`; `*` for the calls beyond the limit on different calls.
    pub action: String,
    /// The name of the caller; `None` for calls of several callers beyond the limit.
    pub caller: Option<String>,
    /// What the call did; `None` for the calls beyond the limit.
    pub details: Option<CallDetails>,
    /// The number of calls that the alert covers.
    pub count: u64,
}

impl SensitiveCall {
    /// Returns the call that these facts are about. `count` is the number of equal calls that an alert covers.
    pub fn of(facts: &ClusterFacts, count: u64) -> Self {
        let identity = &facts.identity;
        Self {
            service: identity.service.clone(),
            action: identity.action.clone(),
            caller: identity.cause.clone(),
            details: identity.call_details(),
            count,
        }
    }
}

/// A kind of change of a cluster or an account, with its details.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Change {
    /// A sensitive call was made, see [`call_alerts`](crate::call_alerts).
    SensitiveCall(Box<SensitiveCall>),
    /// A cluster was seen for the first time.
    ///
    /// A cluster that was quiet has this change once more, with the first event that is not quiet: so far it was not
    /// announced.
    New,
    /// A caller failed with this cluster for the first time, [`SETTLING_SECONDS`](crate::lifecycle::SETTLING_SECONDS)
    /// or more after the first event of the cluster.
    NewPrincipal {
        /// The caller's name, as in [`FacetKind::Principal`](crate::facet::FacetKind::Principal).
        principal: String,
    },
    /// A known cluster has an event with a value that is new for it or for its caller, such as a network.
    NewCircumstance(Box<NewCircumstance>),
    /// The current episode of a cluster is a day old, and the cluster is still open.
    Ongoing,
    /// A cluster had no event for the quiet period of its class.
    Recovered {
        /// The time of the first event of this episode.
        began: Timestamp,
        /// The time from the first to the last event of this episode, in seconds.
        fault_seconds: i64,
        /// The number of events of this episode.
        count: u64,
    },
    /// A recovered cluster failed again.
    Regressed {
        /// The time since the event before, in seconds.
        quiet_seconds: i64,
    },
    /// The number of events in an hour passed the limit that follows from the last week, see
    /// [`escalation`](crate::escalation).
    ///
    /// The subject is one cluster. It is the account as a whole where none of its clusters escalates.
    Escalating {
        /// The number of events in that hour.
        count: u64,
        /// The limit for that hour, in events.
        limit: u64,
    },
    /// An escalation ended; the value is its last state.
    Calmed(Escalation),
    /// An account that has events almost every hour had none for three hours: its records may no longer arrive.
    ///
    /// Until events arrive again, its clusters do not recover.
    NoData {
        /// The time of the account's last event.
        since: Timestamp,
    },
    /// An account had no events before.
    NewAccount(Box<NewAccount>),
    /// An account has events again after [`Self::NoData`].
    DataAgain {
        /// The time of the last event before the gap.
        since: Timestamp,
    },
}

/// The first event of an account that had none before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// The called service, such as `s3`; `None` if the event was counted beyond a limit.
    pub service: Option<String>,
    /// The called API, such as `GetObject`; `None` if the event was counted beyond a limit.
    pub action: Option<String>,
    /// The name of the caller; `None` if the record names none.
    pub principal: Option<String>,
}

/// A kind of value that is announced when it is new for a known caller or for a known cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CircumstanceKind {
    /// The network from which a caller calls.
    Network,
    /// The region in which a caller calls.
    Region,
    /// The long-term access key with which a caller signs.
    AccessKey,
    /// The policy layer that refuses the calls of a cluster.
    Layer,
    /// The policy that refuses the calls of a cluster.
    Policy,
}

impl CircumstanceKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the kind, such as `access_key`. It is that of the facet, and does not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the facet that has the values of this kind.
    pub fn facet(self) -> FacetKind {
        match self {
            Self::Network => FacetKind::Network,
            Self::Region => FacetKind::Region,
            Self::AccessKey => FacetKind::AccessKey,
            Self::Layer => FacetKind::Layer,
            Self::Policy => FacetKind::Policy,
        }
    }

    /// Checks whether the usual values are those of a caller. Otherwise they are those of a cluster.
    pub fn is_of_caller(self) -> bool {
        match self {
            Self::Network | Self::Region | Self::AccessKey => true,
            Self::Layer | Self::Policy => false,
        }
    }
}

/// A value that is new for a known caller or for a known cluster, with the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCircumstance {
    /// The kind of value.
    pub facet: CircumstanceKind,
    /// The new value. The id of an access key is masked.
    pub value: String,
    /// The name of the caller; `None` for a layer or a policy, which are values of the cluster.
    pub principal: Option<String>,
    /// The values so far of the caller in the account, the last used first, or of the cluster: at most five, with the
    /// number of all. At most ten values of a caller are stored.
    pub usual: Excerpt<String>,
}

impl NewCircumstance {
    /// Returns a text by which two new circumstances of a cluster differ, such as `region eu-west-1 by ` and the caller's
    /// name.
    pub fn about(&self) -> String {
        let (facet, value) = (self.facet.name(), &self.value);
        match &self.principal {
            Some(principal) => format!("{facet} {value} by {principal}"),
            None => format!("{facet} {value}"),
        }
    }
}

impl Change {
    /// Returns the name of the kind of change, such as `new_principal`. Names do not change between versions.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Returns a text by which two changes of the same kind and of the same cluster or account differ, such as the new caller's name.
    ///
    /// Empty for kinds that need no such text. `at` is the time of the transition.
    pub fn about(&self, at: Timestamp) -> String {
        match self {
            Self::NewPrincipal { principal } => principal.clone(),
            Self::SensitiveCall(_) => at.to_string(),
            Self::NewCircumstance(new) => new.about(),
            Self::Escalating { .. } => format!("from {at}"),
            Self::Calmed(_) => format!("until {at}"),
            Self::NoData { since } => format!("since {since}"),
            _ => String::new(),
        }
    }
}

impl Transition {
    /// Sorts transitions by time. At the same time, recoveries and the ends of escalations come first, then
    /// [`Change::DataAgain`], then quiet transitions, then all others.
    pub fn sort(transitions: &mut [Self]) {
        transitions.sort_by(|one, other| one.order().cmp(&other.order()));
    }

    fn order(&self) -> (Timestamp, u8, &str, Option<ClusterId>, &'static str, String) {
        let rank = match self.change {
            Change::Recovered { .. } | Change::Calmed(_) => 0,
            Change::DataAgain { .. } => 1,
            _ if self.is_quiet => 2,
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
