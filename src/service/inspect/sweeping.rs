//! Asks IAM about access keys: the canary keys, and the keys of calls that failed lately.
//!
//! A successful use of a canary key leaves no error in a trail, so that only IAM knows of it. The answers
//! become part of summaries. The key lookup writes an alert for a canary key that was used, and for a key that
//! was used after a long time.

use std::collections::BTreeMap;

use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::keys::{KeySettings, account_of};
use clusters::occurrence::Occurrence;
use records::time::Timestamp;

use crate::key_lookup::{KeyLookup, SeenKey};
use crate::ports::{Clock, KeyDirectory, KeyUsageStore, StoreError};

/// The number of unanswered keys in a row after which the sweep stops, until the next run.
const UNANSWERED_MAX: u64 = 5;

/// The last failed call with an access key.
#[derive(Debug, Clone)]
struct LastFailure {
    at: Timestamp,
    caller_account: Option<String>,
    account_id: String,
    cluster: ClusterId,
}

/// The access keys of failed calls, each with the last call that failed.
#[derive(Debug, Clone, Default)]
pub struct FailingKeys(BTreeMap<String, LastFailure>);

/// The result of a sweep, in which IAM is asked about canary keys and the keys of failed calls.
#[derive(Debug, Default)]
pub struct KeySweepResult {
    /// The number of keys about which IAM should have answered and did not.
    pub unanswered: u64,
    /// The errors of the store. The sweep stops at the first error, so there is at most one.
    pub failed: Vec<StoreError>,
}

impl FailingKeys {
    /// Adds the access keys of the failed calls of an hour.
    pub fn add(&mut self, occurrences: &[Occurrence]) {
        for occurrence in occurrences {
            let facets = &occurrence.series.facets;
            let Some(key) = facets.get(FacetKind::AccessKey) else {
                continue;
            };
            if self
                .0
                .get(key)
                .is_none_or(|failure| failure.at <= occurrence.at)
            {
                let failure = LastFailure {
                    at: occurrence.at,
                    caller_account: facets.get(FacetKind::CallerAccount).map(str::to_owned),
                    account_id: occurrence.subject.account_id.clone(),
                    cluster: occurrence.series.cluster,
                };
                self.0.insert(key.to_owned(), failure);
            }
        }
    }

    /// Returns an access key with its last failed call, for a key lookup; `None` if no failed call with the key is
    /// known.
    pub fn seen<'s>(&'s self, key: &'s str) -> Option<SeenKey<'s>> {
        let failure = self.0.get(key)?;
        Some(SeenKey {
            key,
            at: Some(failure.at),
            caller_account: failure.caller_account.as_deref(),
            session: None,
            cluster: Some((failure.cluster, &failure.account_id)),
        })
    }

    /// Looks up all canary keys, and then the keys of failed calls, the most recently failed key first.
    ///
    /// For each key, `key_lookup` decides whether IAM is asked now.
    pub async fn sweep<L: KeyUsageStore, K: KeyDirectory, C: Clock>(
        &self,
        keys: &KeySettings,
        key_lookup: &KeyLookup<'_, L, K, C>,
    ) -> KeySweepResult {
        let canaries = keys.canaries.iter().map(|key| {
            let account_id = account_of(key).unwrap_or_else(|| keys.account_id.clone());
            (key.as_str(), account_id)
        });
        let canaries: Vec<(&str, String)> = canaries.collect();
        let canaries = canaries.iter().map(|(key, account_id)| SeenKey {
            key,
            at: None,
            caller_account: Some(account_id),
            session: None,
            cluster: None,
        });
        let mut failing: Vec<SeenKey<'_>> =
            self.0.keys().filter_map(|key| self.seen(key)).collect();
        failing.sort_by_key(|seen| std::cmp::Reverse(seen.at));
        let mut swept = KeySweepResult::default();
        let mut unanswered = 0;
        for seen in canaries.chain(failing) {
            match key_lookup.known(&seen).await {
                Ok(Some(status)) if status.is_missing => unanswered += 1,
                Ok(Some(_)) => unanswered = 0,
                Ok(None) => continue,
                Err(error) => {
                    swept.failed.push(error);
                    break;
                }
            }
            swept.unanswered += u64::from(unanswered > 0);
            if unanswered >= UNANSWERED_MAX {
                break;
            }
        }
        swept
    }
}
