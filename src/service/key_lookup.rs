//! Asks IAM when access keys were last used, their age and their status, for `deliver` and `inspect`.
//!
//! IAM gets at most one request a second on average: two about a key whose user it names, else one, and none about a key whose answer is still valid. A caller waits only for a
//! limited time; after that, an answer is marked as missing. If an answer shows that a canary key was used, or that a
//! dormant key is in use again, an alert is enqueued.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use alerts::alert::Alert;
use clusters::fingerprint::ClusterId;
use clusters::keys::{IamAnswer, KeyEntry, KeyReport, KeySettings, KeyUsage, account_of};
use futures_util::lock::Mutex;
use records::time::Timestamp;

use crate::ports::{Clock, DirectoryError, KeyDirectory, KeyUsageStore, StoreError};

/// The time that each call to IAM takes from the limit of one call a second, in milliseconds.
const CALL_MILLIS: i64 = 1000;

/// How long IAM is not asked again about a key after a call failed, in seconds.
const AGAIN_SECONDS: i64 = 60;

/// An access key, with the facts about its use in one event.
#[derive(Debug, Clone, Copy)]
pub struct SeenKey<'a> {
    /// The id of the access key.
    pub key: &'a str,
    /// When the key was used, in event time; `None` if the event has no time.
    pub at: Option<Timestamp>,
    /// The account of the caller who used the key; `None` if it is not known.
    pub caller_account: Option<&'a str>,
    /// The name of the role session that used the key; `None` if it is not known.
    pub session: Option<&'a str>,
    /// The cluster of the event, and the account of that cluster; `None` for a key without a cluster.
    pub cluster: Option<(ClusterId, &'a str)>,
}

/// Looks up access keys in IAM, for one run. It limits how often IAM is called, and how long lookups wait.
#[derive(Debug)]
pub struct KeyLookup<'a, L, K, C> {
    store: &'a L,
    directory: &'a K,
    clock: &'a C,
    keys: &'a KeySettings,
    /// When the next call to IAM is permitted, in milliseconds since 1970.
    next_call: Cell<i64>,
    /// The waiting time that is left for this run, in milliseconds.
    wait_millis_left: Cell<i64>,
    /// The number of calls to IAM so far.
    calls: Cell<u64>,
    /// Why IAM gave no answer, by the account that was asked.
    problems: RefCell<BTreeMap<String, String>>,
    /// The answers for keys that were looked up in this run. The lock permits one lookup at a time, so that a second
    /// caller finds the answer of the first one.
    key_usages: Mutex<BTreeMap<String, KeyUsage>>,
}

/// The stored answers of IAM about an access key, and whether an answer is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// The stored answers of IAM about the key.
    pub key_usage: KeyUsage,
    /// Whether an answer about the key is missing: IAM did not answer, could not be asked in time, or is being asked by
    /// another run.
    pub is_missing: bool,
}

/// The result of a question about a key.
struct LookupResult {
    status: KeyStatus,
    /// Whether the store must be updated.
    is_changed: bool,
}

impl<'a, L: KeyUsageStore, K: KeyDirectory, C: Clock> KeyLookup<'a, L, K, C> {
    /// Creates the lookups of one run. All lookups together wait at most `wait_millis_max` milliseconds for their turn
    /// to ask IAM.
    pub fn new(
        store: &'a L,
        directory: &'a K,
        clock: &'a C,
        keys: &'a KeySettings,
        wait_millis_max: i64,
    ) -> Self {
        Self {
            store,
            directory,
            clock,
            keys,
            next_call: Cell::new(0),
            wait_millis_left: Cell::new(wait_millis_max),
            calls: Cell::new(0),
            problems: RefCell::default(),
            key_usages: Mutex::default(),
        }
    }

    /// Returns the number of calls to IAM that this run has made so far.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Returns why IAM gave no answer so far, by the account that was asked: the first reason of each account.
    pub fn problems(&self) -> BTreeMap<String, String> {
        self.problems.borrow().clone()
    }

    /// Returns the facts about a key that an alert shows. Asks IAM first, if the stored answer is missing or too old.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not answer. A failure of IAM is no error; the report marks the answer as
    /// missing.
    pub async fn report(&self, seen: &SeenKey<'_>) -> Result<KeyReport, StoreError> {
        let Some(status) = self.known(seen).await? else {
            return Ok(KeyReport {
                session: seen.session.map(str::to_owned),
                ..self.keys.report(seen.key, seen.at, None)
            });
        };
        Ok(KeyReport {
            is_missing: status.is_missing,
            ..self.keys.report(seen.key, seen.at, Some(&status.key_usage))
        })
    }

    /// Returns the answers of IAM about a key. Asks IAM first, if the stored answer is missing or too old.
    ///
    /// `None` for a key that IAM is never asked about, such as a temporary key or a key of a foreign account.
    ///
    /// Enqueues an alert, once, if the key is a canary that was used, or a dormant key that is in use again.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not answer.
    pub async fn known(&self, seen: &SeenKey<'_>) -> Result<Option<KeyStatus>, StoreError> {
        if !self.keys.needs_lookup(seen.key, seen.caller_account) {
            return Ok(None);
        }
        let mut key_usages = self.key_usages.lock().await;
        let key_usage = match key_usages.get(seen.key) {
            Some(key_usage) => key_usage.clone(),
            None => self.store.key_usage(seen.key).await?,
        };
        let earlier = key_usage.clone();
        let LookupResult {
            mut status,
            is_changed,
        } = self.ask(seen, key_usage).await?;
        let alerts = self.new_alerts(seen, &earlier, &mut status.key_usage);
        if is_changed || !alerts.is_empty() {
            let now = self.clock.now();
            let remembered = self
                .store
                .remember(seen.key, &status.key_usage, &alerts, now);
            remembered.await?;
        }
        key_usages.insert(seen.key.to_owned(), status.key_usage.clone());
        Ok(Some(status))
    }

    /// Returns the alerts that new answers about a key require, and notes in `key_usage` that a dormant key was
    /// announced.
    fn new_alerts(
        &self,
        seen: &SeenKey<'_>,
        earlier: &KeyUsage,
        key_usage: &mut KeyUsage,
    ) -> Vec<Alert> {
        let now = self.clock.now();
        let mut alerts = Vec::new();
        let answer = key_usage.now.as_ref();
        if let Some(at) = answer.and_then(|answer| answer.used_since(earlier.now.as_ref()))
            && self.keys.canaries.contains(seen.key)
        {
            let account_id = account_of(seen.key).or(seen.caller_account.map(str::to_owned));
            let account_id = account_id.unwrap_or_default();
            alerts.push(Alert::of_canary_use_in_iam(seen.key, &account_id, at, now));
        }
        let awakening = self.keys.awakening(key_usage, seen.at);
        if let (Some((last, again)), Some((cluster, account_id))) = (awakening, seen.cluster)
            && key_usage.told != Some(last)
        {
            key_usage.told = Some(last);
            let times = (last, again);
            alerts.push(Alert::of_reused_key(
                seen.key, account_id, cluster, times, now,
            ));
        }
        alerts
    }

    /// Asks IAM about a key, if an answer is due, the waiting time permits it, and no other run has the claim.
    async fn ask(
        &self,
        seen: &SeenKey<'_>,
        key_usage: KeyUsage,
    ) -> Result<LookupResult, StoreError> {
        let unchanged = |key_usage: KeyUsage, is_missing| LookupResult {
            status: KeyStatus {
                key_usage,
                is_missing,
            },
            is_changed: false,
        };
        let is_unknown = key_usage.now.is_none();
        if !key_usage.is_due(self.clock.now()) {
            return Ok(unchanged(key_usage, is_unknown));
        }
        if !self.wait_for_turn().await {
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
            Ok(answer) => {
                let entry = self.entry(seen.key, account_id, &answer).await;
                (key_usage.answered(answer, entry, now), false)
            }
            Err(error) => {
                self.note_problem(account_id, &error);
                let next = Some(now.plus(AGAIN_SECONDS));
                (KeyUsage { next, ..key_usage }, true)
            }
        };
        Ok(LookupResult {
            status: KeyStatus {
                key_usage,
                is_missing,
            },
            is_changed: true,
        })
    }

    /// Asks IAM for the status and the age of a key whose user its first answer names; `None` without a user.
    ///
    /// A failure loses nothing of the first answer: a role in another account may have no permission for this call yet.
    async fn entry(&self, key: &str, account_id: &str, answer: &IamAnswer) -> Option<KeyEntry> {
        let user = answer.user()?;
        self.calls.set(self.calls.get() + 1);
        self.next_call.set(self.next_call.get() + CALL_MILLIS);
        let entry = self.directory.entry(key, user, account_id).await;
        Some(entry.unwrap_or_else(|error| {
            self.note_problem(account_id, &error);
            KeyEntry::Unread
        }))
    }

    fn note_problem(&self, account_id: &str, error: &DirectoryError) {
        let mut problems = self.problems.borrow_mut();
        let reason = || error.to_string();
        problems.entry(account_id.to_owned()).or_insert_with(reason);
    }

    /// Waits until the next call to IAM is permitted. `false`, without waiting, if too little waiting time is left.
    async fn wait_for_turn(&self) -> bool {
        let now = self.clock.millis();
        let wait = (self.next_call.get() - now).max(0);
        if wait > self.wait_millis_left.get() {
            return false;
        }
        self.wait_millis_left
            .set(self.wait_millis_left.get() - wait);
        self.next_call.set(now + wait + CALL_MILLIS);
        if wait > 0 {
            self.clock.wait(wait).await;
        }
        true
    }
}
