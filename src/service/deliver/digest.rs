//! Builds a digest: one alert in place of many, with their numbers by kind, account and class.

use std::collections::BTreeMap;

use alerts::alert::{Alert, AlertSubject};
use alerts::facts::{DigestFacts, Facts};
use alerts::kind::AlertKind;
use alerts::outbox::OutboxRow;
use clusters::fingerprint::ClusterId;

/// The largest number of clusters that a digest lists.
const CLUSTERS_MAX: usize = 20;

/// The age, in seconds, from which on an alert that waits in the outbox is not sent alone any more, but as part of a
/// digest: 14 days.
pub const OLD_SECONDS: i64 = 14 * 86_400;

/// Returns the digest of outbox rows: one alert in place of all their alerts.
///
/// `class` returns the name of a cluster's class; `None` counts as class `unknown`.
///
/// The digest is about an account if all rows are of that account, else about the stack. Its id is made of the first
/// row's id. So a digest that is sent again after a crash has the same id.
pub fn alert(rows: &[OutboxRow], class: impl Fn(ClusterId) -> Option<&'static str>) -> Alert {
    let first = rows.first();
    let mut digest = DigestFacts {
        first: first.map(|row| row.id().to_string()).unwrap_or_default(),
        alerts: rows.len(),
        kinds: BTreeMap::new(),
        accounts: BTreeMap::new(),
        classes: BTreeMap::new(),
        clusters: Vec::new(),
    };
    for OutboxRow { alert, .. } in rows {
        let account_id = alert.account_id().to_owned();
        *digest.kinds.entry(alert.kind()).or_default() += 1;
        *digest.accounts.entry(account_id).or_default() += 1;
        // A sensitive call has no class, and is not in the list of clusters.
        let is_call = alert.kind() == AlertKind::SensitiveCall;
        let Some(cluster) = alert.cluster().filter(|_| !is_call) else {
            continue;
        };
        let class = class(cluster).unwrap_or("unknown").to_owned();
        *digest.classes.entry(class).or_default() += 1;
        if digest.clusters.len() < CLUSTERS_MAX && !digest.clusters.contains(&cluster) {
            digest.clusters.push(cluster);
        }
    }
    let subject = match first {
        Some(row) if digest.accounts.len() == 1 => AlertSubject::of_account(row.alert.account_id()),
        _ => AlertSubject::Stack,
    };
    Alert {
        subject,
        facts: Facts::Digest(digest),
        at: rows.iter().filter_map(|row| row.alert.at).max(),
        is_late: false,
    }
}
