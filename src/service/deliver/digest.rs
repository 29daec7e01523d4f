//! Many alerts told as one: how many of which kind, account and class, and the first clusters.

use std::collections::BTreeMap;

use alerts::occasion::{DIGEST, Kind, Occasion};
use alerts::outbox::Row;
use clusters::fingerprint::ClusterId;
use serde_json::json;

/// How many clusters are named.
const CLUSTERS_MAX: usize = 20;

/// Rows that waited longer than this, in seconds, are told in a digest.
pub const OLD_SECONDS: i64 = 14 * 86_400;

/// Returns the occasion that tells of rows at once; `class` knows the class of a cluster.
///
/// Its id is made of the first row's, so that a digest that is sent again, after a crash before all
/// of its rows were settled, has the same.
pub fn occasion(rows: &[Row], class: impl Fn(ClusterId) -> Option<&'static str>) -> Occasion {
    let (mut kinds, mut accounts, mut classes) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut clusters: Vec<String> = Vec::new();
    for row in rows {
        let occasion = &row.occasion;
        *kinds.entry(occasion.kind.name()).or_insert(0_u64) += 1;
        *accounts.entry(&*occasion.account_id).or_insert(0_u64) += 1;
        let Some(cluster) = occasion.cluster else {
            continue;
        };
        *classes
            .entry(class(cluster).unwrap_or("unknown"))
            .or_insert(0_u64) += 1;
        let name = cluster.to_string();
        if clusters.len() < CLUSTERS_MAX && !clusters.contains(&name) {
            clusters.push(name);
        }
    }
    let detail = json!({
        "alerts": rows.len(),
        "kinds": kinds,
        "accounts": accounts,
        "classes": classes,
        "clusters": clusters,
    });
    let first = rows.first();
    let account_id = first.map(|row| row.occasion.account_id.clone());
    let is_one = accounts.len() == 1;
    let times = rows.iter().filter_map(|row| row.occasion.at);
    Occasion {
        kind: Kind::AccountSummary,
        account_id: account_id.filter(|_| is_one).unwrap_or_default(),
        cluster: None,
        epoch: 0,
        about: format!(
            "{DIGEST}{}",
            first.map(|row| row.id().to_string()).unwrap_or_default()
        ),
        detail: detail.to_string(),
        at: times.max(),
        is_late: false,
    }
}
