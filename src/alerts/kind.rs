//! The kinds of alerts, with their stable names.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

/// The kind of an alert. Each kind has its own `detail-type` on EventBridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AlertKind {
    /// A sensitive call was made: a call that succeeded, and that people should know of.
    SensitiveCall,
    /// A cluster was seen for the first time.
    New,
    /// A known cluster has its first event of a caller.
    NewPrincipal,
    /// A value is new for a caller of a known cluster, or for the cluster: a network, a region, a long-term access key, a
    /// refusing layer or a refusing policy.
    NewCircumstance,
    /// A cluster has an event again after it had recovered.
    Regressed,
    /// A cluster had no event for the quiet period of its class.
    Recovered,
    /// A cluster or an account has many more events per hour than usual, or its escalation has ended.
    Escalating,
    /// Many failures belong together, for example all from one caller. Also the growth and the end of such
    /// a campaign.
    Campaign,
    /// What one actor does is an incident: a story with evidence of an attack. Also the growth and the end of such a
    /// story.
    Incident,
    /// An access key was used that should not be used: a canary, or a key without use for a long time.
    AccessKey,
    /// A summary of an account's hour, day or week, a digest of waiting alerts, or the end of the learning
    /// period.
    AccountSummary,
    /// An account has events for the first time.
    NewAccount,
    /// No events arrive from an account or a log group, or events arrive again.
    NoData,
    /// A drill: a test of the whole path. Nothing happened.
    Drill,
    /// A nightly drill was not over within an hour.
    DrillFailed,
}

impl AlertKind {
    /// All kinds, in the order of declaration.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the kind, such as `new_principal`. It does not change between releases.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the kind with this [`Self::name`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the `detail-type` of this kind on EventBridge, such as `Cluster New`.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::SensitiveCall => "Sensitive Call",
            Self::New => "Cluster New",
            Self::NewPrincipal => "Cluster New Principal",
            Self::NewCircumstance => "Cluster New Circumstance",
            Self::Regressed => "Cluster Regressed",
            Self::Recovered => "Cluster Recovered",
            Self::Escalating => "Cluster Escalating",
            Self::Campaign => "Campaign",
            Self::Incident => "Incident",
            Self::AccessKey => "Access Key Alert",
            Self::AccountSummary => "Account Summary",
            Self::NewAccount => "Account New",
            Self::NoData => "No Data",
            Self::Drill => "Drill",
            Self::DrillFailed => "Drill Failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in AlertKind::ALL {
            assert_eq!(AlertKind::from_name(kind.name()), Some(kind));
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}
