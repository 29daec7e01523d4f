//! Enquiries at IAM about access keys.
//!
//! It is asked at most once a second, about no key again while an answer stands, and never holds its
//! caller for long: what is missing is said to be. What an answer shows that somebody should know is
//! told with it.

use std::cell::Cell;
use std::collections::BTreeMap;

use alerts::alert::Alert;
use clusters::fingerprint::ClusterId;
use clusters::keys::{KeyReport, KeySettings, KeyUsage, account_of};
use futures_util::lock::Mutex;
use records::time::Timestamp;

use crate::ports::{Clock, KeyDirectory, KeyUsageStore, StoreError};

/// How long lies between two calls to IAM at least, in milliseconds.
const CALL_MILLIS: i64 = 1000;

/// When IAM is asked again that did not answer, in seconds.
const AGAIN_SECONDS: i64 = 60;

/// An access key as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct SeenKey<'a> {
    /// Its id.
    pub key: &'a str,
    /// When it was used.
    pub at: Option<Timestamp>,
    /// The account of whoever used it.
    pub caller_account: Option<&'a str>,
    /// The session that used it.
    pub session: Option<&'a str>,
    /// The cluster that it was seen in, and the account of that.
    pub cluster: Option<(ClusterId, &'a str)>,
}

/// The enquiries of one run.
#[derive(Debug)]
pub struct KeyLookup<'a, L, K, C> {
    store: &'a L,
    directory: &'a K,
    clock: &'a C,
    keys: &'a KeySettings,
    /// From when on IAM may be asked, in milliseconds.
    next_call: Cell<i64>,
    /// How long may still be waited, in milliseconds.
    patience: Cell<i64>,
    /// How often it was asked.
    calls: Cell<u64>,
    /// What is remembered of keys that were looked up. One is looked up at a time, so that what one
    /// caller found out another one need not ask.
    key_usages: Mutex<BTreeMap<String, KeyUsage>>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// What is remembered of it.
    pub key_usage: KeyUsage,
    /// Whether IAM should have been asked, and did not answer.
    pub is_missing: bool,
}

/// What came of asking about a key.
struct LookupResult {
    known: KeyStatus,
    /// Whether there is something to remember.
    is_changed: bool,
}

impl<'a, L: KeyUsageStore, K: KeyDirectory, C: Clock> KeyLookup<'a, L, K, C> {
    /// Returns enquiries that wait for their turns for so many milliseconds at most, all together.
    pub fn new(
        store: &'a L,
        directory: &'a K,
        clock: &'a C,
        keys: &'a KeySettings,
        patience_millis: i64,
    ) -> Self {
        Self {
            store,
            directory,
            clock,
            keys,
            next_call: Cell::new(0),
            patience: Cell::new(patience_millis),
            calls: Cell::new(0),
            key_usages: Mutex::default(),
        }
    }

    /// Returns how often IAM was asked.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Reports on a key, having asked if that is due.
    pub async fn report(&self, seen: &SeenKey<'_>) -> Result<KeyReport, StoreError> {
        let Some(known) = self.known(seen).await? else {
            return Ok(KeyReport {
                session: seen.session.map(str::to_owned),
                ..self.keys.report(seen.key, seen.at, None)
            });
        };
        Ok(KeyReport {
            is_missing: known.is_missing,
            ..self.keys.report(seen.key, seen.at, Some(&known.key_usage))
        })
    }

    /// Returns what is known of a key, having asked if that is due; `None` for one that is not asked
    /// about. A key that woke up and a canary that was used are told of here, once.
    pub async fn known(&self, seen: &SeenKey<'_>) -> Result<Option<KeyStatus>, StoreError> {
        if !self.keys.is_asked(seen.key, seen.caller_account) {
            return Ok(None);
        }
        let mut key_usages = self.key_usages.lock().await;
        let key_usage = match key_usages.get(seen.key) {
            Some(key_usage) => key_usage.clone(),
            None => self.store.key_usage(seen.key).await?,
        };
        let earlier = key_usage.clone();
        let LookupResult {
            mut known,
            is_changed,
        } = self.asked(seen, key_usage).await?;
        let tells = self.tells(seen, &earlier, &mut known.key_usage);
        if is_changed || !tells.is_empty() {
            let now = self.clock.now();
            let remembered = self.store.remember(seen.key, &known.key_usage, &tells, now);
            remembered.await?;
        }
        key_usages.insert(seen.key.to_owned(), known.key_usage.clone());
        Ok(Some(known))
    }

    /// Returns what is to be told of a key, and notes that it is.
    fn tells(
        &self,
        seen: &SeenKey<'_>,
        earlier: &KeyUsage,
        key_usage: &mut KeyUsage,
    ) -> Vec<Alert> {
        let now = self.clock.now();
        let mut tells = Vec::new();
        let answer = key_usage.now.as_ref();
        if let Some(at) = answer.and_then(|answer| answer.used_since(earlier.now.as_ref()))
            && self.keys.canaries.contains(seen.key)
        {
            let account_id = account_of(seen.key).or(seen.caller_account.map(str::to_owned));
            let account_id = account_id.unwrap_or_default();
            tells.push(Alert::of_silent_use(seen.key, &account_id, at, now));
        }
        let awakening = self.keys.awakening(key_usage, seen.at);
        if let (Some((last, again)), Some((cluster, account_id))) = (awakening, seen.cluster)
            && key_usage.told != Some(last)
        {
            key_usage.told = Some(last);
            let times = (last, again);
            tells.push(Alert::of_awakening(
                seen.key, account_id, cluster, times, now,
            ));
        }
        tells
    }

    /// Asks IAM about a key if that is due.
    async fn asked(
        &self,
        seen: &SeenKey<'_>,
        key_usage: KeyUsage,
    ) -> Result<LookupResult, StoreError> {
        let unchanged = |key_usage: KeyUsage, is_missing| LookupResult {
            known: KeyStatus {
                key_usage,
                is_missing,
            },
            is_changed: false,
        };
        let is_unknown = key_usage.now.is_none();
        if !key_usage.is_due(self.clock.now()) {
            return Ok(unchanged(key_usage, is_unknown));
        }
        if !self.turn().await {
            return Ok(unchanged(key_usage, true));
        }
        let now = self.clock.now();
        if !self.store.claim(seen.key, now).await? {
            return Ok(unchanged(key_usage, is_unknown));
        }
        let account_id = account_of(seen.key);
        let account_id = account_id.as_deref().or(seen.caller_account);
        let account_id = account_id.unwrap_or(&self.keys.account_id);
        self.calls.set(self.calls.get() + 1);
        let (key_usage, is_missing) = match self.directory.last_use(seen.key, account_id).await {
            Ok(answer) => (key_usage.answered(answer, now), false),
            Err(_) => {
                let next = Some(now.plus(AGAIN_SECONDS));
                (KeyUsage { next, ..key_usage }, true)
            }
        };
        Ok(LookupResult {
            known: KeyStatus {
                key_usage,
                is_missing,
            },
            is_changed: true,
        })
    }

    /// Waits for a turn to ask IAM; `false` says that this would take too long.
    async fn turn(&self) -> bool {
        let now = self.clock.millis();
        let wait = (self.next_call.get() - now).max(0);
        if wait > self.patience.get() {
            return false;
        }
        self.patience.set(self.patience.get() - wait);
        self.next_call.set(now + wait + CALL_MILLIS);
        if wait > 0 {
            self.clock.wait(wait).await;
        }
        true
    }
}
