//! The top of something: sightings summed up by one dimension, the largest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::CaseRef;
use crate::facet::Kind;
use crate::fingerprint::ClusterId;
use crate::{Census, Facts, Span};

/// What to rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
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
pub struct Entry {
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

/// Ranks the sightings of a census.
pub fn rank(census: &Census, by: By) -> Vec<Entry> {
    let mut sums: BTreeMap<String, (Span, BTreeSet<ClusterId>, BTreeSet<&str>)> = BTreeMap::new();
    for (case, of_case) in census.rows() {
        let Some(facts) = census.facts.get(&case.cluster()) else {
            continue;
        };
        let (span, clusters, principals) = sums.entry(by.name_of(case, facts)).or_default();
        span.add(of_case);
        clusters.insert(case.cluster());
        principals.extend(case.get(Kind::Principal));
    }
    let mut entries: Vec<Entry> = sums
        .into_iter()
        .map(|(name, (span, clusters, principals))| Entry {
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

impl By {
    fn name_of(self, case: CaseRef<'_>, facts: &Facts) -> String {
        let identity = &facts.identity;
        let facet = |kind| case.get(kind).unwrap_or(NONE).to_owned();
        match self {
            Self::Cluster => case.cluster().to_string(),
            Self::Event => format!("{}:{}", identity.service, identity.action),
            Self::Code => facet(Kind::ErrorCode),
            Self::Principal => facet(Kind::Principal),
            Self::Key => facet(Kind::AccessKey),
            Self::SourceIp => facet(Kind::SourceIp),
            Self::Account => identity.account_id.clone(),
        }
    }
}
