//! Ranks events by one property, such as the caller or the error code: the most frequent value first.

use std::collections::{BTreeMap, BTreeSet};

use crate::facet::FacetKind;
use crate::fingerprint::ClusterId;
use crate::series::SeriesRef;
use crate::{ClusterFacts, ClusterSnapshot, Span};

/// The property by which a ranking groups events, such as the caller or the error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankBy {
    /// Clusters, named by their ids.
    Cluster,
    /// Called APIs, named like `s3:GetObject`.
    Event,
    /// Error codes in the services' own spelling.
    Code,
    /// Callers, by their stable names; see [`FacetKind::Principal`].
    Principal,
    /// Ids of access keys.
    Key,
    /// IP addresses of callers, or names of AWS services.
    SourceIp,
    /// Accounts whose trails contain the events.
    Account,
    /// Called services, named like `s3`.
    Service,
    /// Classes of failures, named like `denied`.
    Class,
    /// Regions of the calls.
    Region,
}

/// One value of the ranked property, such as one caller, with the number of its events, clusters and callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankingEntry {
    /// The value that the events of this entry have in common, such as a caller's name; [`NONE`] if they have no value.
    pub name: String,
    /// The number of events with this value, and their first and last event time.
    pub span: Span,
    /// The number of distinct clusters that the events with this value belong to.
    pub clusters: usize,
    /// The number of distinct callers of the events with this value.
    pub principals: usize,
}

/// The name of the ranking entry for events that have no value of the ranked property, such as no access key.
pub const NONE: &str = "(none)";

/// Groups the failures of a snapshot by a property, and counts them for each value of the property. Sensitive calls are
/// left out.
///
/// Values with most events come first, equal counts in the order of names.
pub fn rank(snapshot: &ClusterSnapshot, by: RankBy) -> Vec<RankingEntry> {
    let mut sums: BTreeMap<String, (Span, BTreeSet<ClusterId>, BTreeSet<&str>)> = BTreeMap::new();
    for (series, of_series) in snapshot.rows() {
        let facts = snapshot.facts.get(&series.cluster());
        let Some(facts) = facts.filter(|facts| !facts.is_sensitive_call()) else {
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
            Self::Service if identity.service.is_empty() => NONE.to_owned(),
            Self::Service => identity.service.clone(),
            Self::Class => identity.class.name().to_owned(),
            Self::Region => facet(FacetKind::Region),
        }
    }
}
