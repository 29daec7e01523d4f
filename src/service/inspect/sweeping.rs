//! The sweep of access keys: IAM is asked about those that failed lately and about the canaries, of
//! which nothing need fail. What it says stands in summaries; a canary that was used, and a key that
//! woke up, are told.

use std::collections::BTreeMap;

use clusters::campaign::Occurrence;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::keys::{KeySettings, account_of};
use records::time::Timestamp;

use crate::key_lookup::{KeyLookup, SeenKey};
use crate::ports::{Clock, KeyDirectory, KeyUsageStore, StoreError};

/// After so many keys in a row that IAM did not answer about, it is left alone until the next run.
const UNANSWERED_MAX: u64 = 5;

/// A key's last failure.
#[derive(Debug, Clone)]
struct LastFailure {
    at: Timestamp,
    caller_account: Option<String>,
    account_id: String,
    cluster: ClusterId,
}

/// The access keys that failed in some hours, each with its last failure.
#[derive(Debug, Clone, Default)]
pub struct FailingKeys(BTreeMap<String, LastFailure>);

/// What came of a sweep.
#[derive(Debug, Default)]
pub struct KeySweepResult {
    /// About how many keys IAM gave no answer.
    pub unanswered: u64,
    /// What could not be remembered or told.
    pub failed: Vec<StoreError>,
}

impl FailingKeys {
    /// Takes the occurrences of an hour.
    pub fn meet(&mut self, occurrences: &[Occurrence]) {
        for occurrence in occurrences {
            let facets = &occurrence.series.facets;
            let Some(key) = facets.get(FacetKind::AccessKey) else {
                continue;
            };
            if self
                .0
                .get(key)
                .is_none_or(|known| known.at <= occurrence.at)
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

    /// Returns a key as it was seen.
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

    /// Asks about the canaries and about these keys, those first that failed last.
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
        let quiet = canaries.iter().map(|(key, account_id)| SeenKey {
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
        let mut in_a_row = 0;
        for seen in quiet.chain(failing) {
            match key_lookup.known(&seen).await {
                Ok(Some(known)) if known.is_missing => in_a_row += 1,
                Ok(Some(_)) => in_a_row = 0,
                Ok(None) => continue,
                Err(error) => {
                    swept.failed.push(error);
                    break;
                }
            }
            swept.unanswered += u64::from(in_a_row > 0);
            if in_a_row >= UNANSWERED_MAX {
                break;
            }
        }
        swept
    }
}
