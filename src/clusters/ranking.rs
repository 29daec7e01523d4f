//! The top of something: sightings summed up by one dimension, the largest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::facet::FacetKind;
use crate::fingerprint::ClusterId;
use crate::series::SeriesRef;
use crate::{ClusterFacts, ClusterSnapshot, Span};

/// What to rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankBy {
    /// Clusters.
    Cluster,
    /// Called APIs, `service:Action`.
    Event,
    /// Error codes as the services spell them.
    Code,
    /// Callers.
    Principal,
    /// Access keys.
    Key,
    /// Addresses.
    SourceIp,
    /// Accounts.
    Account,
}

/// One entry of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankingEntry {
    /// The value ranked.
    pub name: String,
    /// How many events, since when, until when.
    pub span: Span,
    /// In how many clusters.
    pub clusters: usize,
    /// By how many principals.
    pub principals: usize,
}

/// What stands for sightings that have no value of the dimension.
pub const NONE: &str = "(none)";

/// Ranks the sightings of a snapshot.
pub fn rank(snapshot: &ClusterSnapshot, by: RankBy) -> Vec<RankingEntry> {
    let mut sums: BTreeMap<String, (Span, BTreeSet<ClusterId>, BTreeSet<&str>)> = BTreeMap::new();
    for (series, of_series) in snapshot.rows() {
        let Some(facts) = snapshot.facts.get(&series.cluster()) else {
            continue;
        };
        let (span, clusters, principals) = sums.entry(by.name_of(series, facts)).or_default();
        span.add(of_series);
        clusters.insert(series.cluster());
        principals.extend(series.get(FacetKind::Principal));
    }
    let mut entries: Vec<RankingEntry> = sums
        .into_iter()
        .map(|(name, (span, clusters, principals))| RankingEntry {
            name,
            span,
            clusters: clusters.len(),
            principals: principals.len(),
        })
        .collect();
    // The sort is stable: equal counts stay in the order of their names.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.span.count));
    entries
}

impl RankBy {
    fn name_of(self, series: SeriesRef<'_>, facts: &ClusterFacts) -> String {
        let identity = &facts.identity;
        let facet = |kind| series.get(kind).unwrap_or(NONE).to_owned();
        match self {
            Self::Cluster => series.cluster().to_string(),
            Self::Event => format!("{}:{}", identity.service, identity.action),
            Self::Code => facet(FacetKind::ErrorCode),
            Self::Principal => facet(FacetKind::Principal),
            Self::Key => facet(FacetKind::AccessKey),
            Self::SourceIp => facet(FacetKind::SourceIp),
            Self::Account => identity.account_id.clone(),
        }
    }
}
