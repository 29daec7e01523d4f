//! Advice on a whole cluster: it is about the events that make the cluster as severe as it is.

use clusters::Cluster;
use clusters::facet::Facets;

use crate::hint::hint;
use crate::locale::Language;
use crate::severity;

/// Returns advice on a cluster, as [`hint`] does.
pub fn of_cluster(cluster: &Cluster, language: Language) -> String {
    let facts = &cluster.facts;
    hint(
        &facts.identity,
        &facts.template,
        &decisive(cluster),
        language,
    )
}

/// Returns the facets that advice on a cluster is about: the most frequent ones.
///
/// If these are less severe than the cluster, because another combination of facets decides its severity, such as one
/// caller's attack tool, that combination is returned. Otherwise the advice would contradict the severity.
pub(crate) fn decisive(cluster: &Cluster) -> Facets {
    let identity = &cluster.facts.identity;
    let severity =
        |facets: &Facets| severity::assess_facets(identity, facets, cluster.span).severity;
    let typical = cluster.typical();
    let least = severity(&typical);
    // Among equals the first decides; the combinations are sorted.
    let severest = cluster
        .facet_sets
        .iter()
        .rev()
        .max_by_key(|facets| severity(facets));
    match severest {
        Some(facets) if severity(facets) > least => facets.clone(),
        _ => typical,
    }
}
