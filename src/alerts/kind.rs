//! The kinds of alerts.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

/// The kinds of alerts, a closed list: each is a detail type on the event bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AlertKind {
    /// A cluster was seen for the first time.
    New,
    /// Somebody called whom a known cluster had not seen.
    NewPrincipal,
    /// A cluster came back after it had recovered.
    Regressed,
    /// A cluster was quiet for its quiet period.
    Recovered,
    /// A cluster is much more frequent than it usually is.
    Escalating,
    /// One caller's storm of new clusters, or one pattern with many callers.
    Campaign,
    /// An access key did what it should not: it woke up, or it is a canary.
    AccessKey,
    /// What an account's hour, or its time of learning, looked like.
    AccountSummary,
    /// An account or a log group fell silent.
    NoData,
}

impl AlertKind {
    /// All kinds.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the kind of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the detail type that events of this kind have on the event bus.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::New => "Cluster New",
            Self::NewPrincipal => "Cluster New Principal",
            Self::Regressed => "Cluster Regressed",
            Self::Recovered => "Cluster Recovered",
            Self::Escalating => "Cluster Escalating",
            Self::Campaign => "Campaign",
            Self::AccessKey => "Access Key Alert",
            Self::AccountSummary => "Account Summary",
            Self::NoData => "No Data",
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
