//! The inspection state: what the inspection remembers from one hour to the next, and the transitions of each hour.
//!
//! Hours are added in order, each once, with all its events. The same hours give the same state and the same
//! transitions, however they are divided among inspections. Events that arrive after their hour was added amend the
//! state; they begin a new episode only of clusters that had recovered before these events.

mod account_activity;
mod baseline;
mod call_history;
mod cluster_history;
pub mod hourly_activity;
mod known_accounts;
mod known_values;

use std::collections::{BTreeMap, BTreeSet};

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::fingerprint::ClusterId;
pub use crate::inspection_state::account_activity::AccountActivity;
pub use crate::inspection_state::call_history::{CallHistory, Calls, KEPT_HOURS};
use crate::inspection_state::call_history::{forget_old, take_calls};
use crate::inspection_state::cluster_history::{ClusterChange, grouped};
pub use crate::inspection_state::cluster_history::{ClusterHistory, HOURS_MAX, hash};
use crate::inspection_state::known_accounts::{FoundAccount, KnownAccounts, LEARNING_HOURS};
use crate::inspection_state::known_values::KnownValues;
use crate::lifecycle::{LifecycleEvent, Resolutions};
use crate::occurrence::Occurrence;
use crate::packed::{pack, unpack};
use crate::transition::{Change, Transition};

/// The number of hours without any event after which no transition is possible any more: the longest quiet period and
/// a day.
///
/// Further hours without events only count as blind hours, so they need not be added one by one.
const STILL_HOURS: i64 = 15 * 24;

/// The version of the encoding. A state of another version is rebuilt from the segments.
const VERSION: u32 = 4;

/// The maximum size of an encoded inspection state after decompression, in bytes.
const BYTES_MAX: u64 = 256 << 20;

/// The data that the inspection passes from one hour to the next: the history of each cluster and the activity of each
/// account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionState {
    version: u32,
    /// The next hour to add.
    next: Window,
    /// The first hour whose transitions are alerted.
    #[serde(rename = "news")]
    alerts_from: Window,
    /// The history of each cluster.
    #[serde(rename = "lives")]
    histories: BTreeMap<ClusterId, ClusterHistory>,
    /// The activity of each account.
    accounts: BTreeMap<String, AccountActivity>,
    /// The usual values of callers and clusters. A state that an earlier version saved has none, and learns them.
    #[serde(default)]
    known_values: KnownValues,
    /// The accounts that have had events. A state that an earlier version saved has none; then they are those of the state.
    #[serde(default)]
    known_accounts: KnownAccounts,
    /// The resolutions of the hours to be added. They come from the store and are not encoded.
    #[serde(skip)]
    resolutions: Resolutions,
    /// The sensitive calls of the last days.
    #[serde(default)]
    calls: Calls,
}

/// The error of [`InspectionState::decode`]: the bytes are not a readable inspection state. The caller rebuilds the
/// state from the segments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the inspection state cannot be read and is rebuilt from the segments: {detail}")]
pub struct StateError {
    detail: String,
}

/// What can be read of a saved state that is not used, because it is of another version or too old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The accounts that had events.
    pub accounts: BTreeSet<String>,
    /// The next hour to add: the transitions of the hours before were alerted. `None` if it cannot be read.
    pub next: Option<Window>,
}

impl Remembered {
    /// Reads the bytes of [`InspectionState::encode`] of any version. What cannot be read is left out.
    pub fn of(bytes: &[u8]) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Saved {
            next: Option<Window>,
            accounts: BTreeMap<String, serde::de::IgnoredAny>,
            known_accounts: KnownAccounts,
        }
        let saved: Saved = unpack(bytes, BYTES_MAX).unwrap_or_default();
        let known = saved.known_accounts.all().iter().cloned();
        Self {
            accounts: saved.accounts.into_keys().chain(known).collect(),
            next: saved.next,
        }
    }
}

impl InspectionState {
    /// Creates a state without clusters. `first` is the first hour to add. The transitions of all hours cause alerts.
    pub fn new(first: Window) -> Self {
        Self {
            version: VERSION,
            next: first,
            alerts_from: first,
            histories: BTreeMap::new(),
            accounts: BTreeMap::new(),
            known_values: KnownValues::new(first),
            known_accounts: KnownAccounts::new(first),
            resolutions: Resolutions::new(),
            calls: Calls::new(),
        }
    }

    /// Sets the times at which people resolved and reopened clusters. Each is applied when the hour that contains it is
    /// added.
    #[must_use]
    pub fn with_resolutions(self, resolutions: Resolutions) -> Self {
        Self {
            resolutions,
            ..self
        }
    }

    /// Sets the first hour whose transitions cause alerts. Without this call it is the first hour of the state.
    ///
    /// When a state is rebuilt, the transitions of the hours before `first` were alerted already, or are too old to
    /// matter. New accounts are learned for two days from `first` on, as the state is made a day later.
    #[must_use]
    pub fn alerting_from(self, first: Window) -> Self {
        Self {
            alerts_from: first,
            known_accounts: KnownAccounts::new(first.plus(LEARNING_HOURS)),
            ..self
        }
    }

    /// Adds accounts that are known from an earlier state, so that they are not announced as new.
    #[must_use]
    pub fn with_known_accounts(mut self, accounts: impl IntoIterator<Item = String>) -> Self {
        self.known_accounts.learn(accounts);
        self
    }

    /// Returns the accounts that have had events, also before the events that the state knows of.
    pub fn known_accounts(&self) -> &BTreeSet<String> {
        self.known_accounts.all()
    }

    /// Checks whether the transitions of the hour `window` cause alerts, see [`Self::alerting_from`].
    pub fn is_alerted(&self, window: Window) -> bool {
        window >= self.alerts_from
    }

    /// Returns the next hour to add: the first hour that is not in the state.
    pub fn next(&self) -> Window {
        self.next
    }

    /// Returns the history of each cluster, by cluster id.
    pub fn histories(&self) -> &BTreeMap<ClusterId, ClusterHistory> {
        &self.histories
    }

    /// Returns the sensitive calls of the last eight days, by id.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Returns the number of events that were added so far, of all clusters and all episodes.
    pub fn events(&self) -> u64 {
        self.histories.values().map(|history| history.total).sum()
    }

    /// Returns the activity of each account, by account id.
    pub fn accounts(&self) -> &BTreeMap<String, AccountActivity> {
        &self.accounts
    }

    /// Adds the hours from [`Self::next`] to the hour before `until`, all without events, and returns their
    /// transitions, such as recoveries.
    pub fn pass(&mut self, until: Window) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let still = self.next.plus(STILL_HOURS);
        while self.next < until.min(still) {
            transitions.extend(self.turn(self.next, &[]));
        }
        if self.next < until {
            let hours = until.hours() - self.next.hours();
            for activity in self.accounts.values_mut().filter(|of| of.is_blind()) {
                activity.add_silence(until.plus(-1), hours);
            }
            self.apply_resolutions((self.next, until));
            self.next = until;
        }
        transitions
    }

    /// Applies the resolutions of hours without events; the second hour is exclusive.
    fn apply_resolutions(&mut self, hours: (Window, Window)) {
        for (cluster, decisions) in resolutions_within(&self.resolutions, hours) {
            if let Some(history) = self.histories.get_mut(&cluster) {
                decisions
                    .into_iter()
                    .for_each(|(at, decision)| history.decide(at, decision));
            }
        }
    }

    /// Adds the hour `window` with all its events, and returns its transitions, sorted by time.
    ///
    /// `occurrences` are the events of all clusters in this hour, in the order of time. The hours from [`Self::next`]
    /// to the hour before `window` are added first, without events; their transitions come first in the result.
    pub fn turn(&mut self, window: Window, occurrences: &[Occurrence]) -> Vec<Transition> {
        let mut transitions = if self.next < window {
            self.pass(window)
        } else {
            Vec::new()
        };
        self.next = window.plus(1);
        let new_accounts = self.known_accounts.add_hour(window, occurrences);
        let occurrences = &take_calls(&mut self.calls, occurrences)[..];
        forget_old(&mut self.calls, window);
        let from = transitions.len();
        transitions.extend(announced(new_accounts));
        self.add_to_accounts(window, occurrences, &mut transitions);
        self.add_to_clusters(window, occurrences, &mut transitions);
        self.add_to_known_values(window, occurrences, &mut transitions);
        self.compare(window, occurrences, &mut transitions);
        self.end_hour(window.end(), &mut transitions);
        Transition::sort(&mut transitions[from..]);
        transitions
    }

    /// Returns the escalations of open clusters in the hour [`Self::next`], which is not over yet. Later events of the hour
    /// cannot undo them. The state does not change.
    ///
    /// `occurrences` are the events of the hour so far, in the order of time.
    pub fn preview(&self, occurrences: &[Occurrence]) -> Vec<Transition> {
        let (window, mut transitions) = (self.next, Vec::new());
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            // For a recovered cluster, the alert about the new episode has to be first.
            let history = self.histories.get(&cluster);
            if let Some(history) = history.filter(|history| history.is_open()) {
                let change = history.preview(window, occurrences.len() as u64);
                let change = change.map(|change| at_end(cluster, history, window.end(), change));
                transitions.extend(change);
            }
        }
        Transition::sort(&mut transitions);
        transitions
    }

    /// Adds late events of an hour that is already in the state. Returns [`Change::Regressed`] for each recovered
    /// cluster that begins a new episode by them, [`Change::NewCircumstance`] for what is new in them, and
    /// [`Change::NewAccount`] for an account that had no events before.
    ///
    /// `occurrences` are the events of all clusters in that hour, including those that were added before. A cluster
    /// that is not in the state yet is added without a transition.
    pub fn amend(&mut self, occurrences: &[Occurrence]) -> Vec<Transition> {
        let mut transitions = Vec::new();
        if let Some(first) = occurrences.first() {
            let window = first.at.window();
            transitions.extend(announced(self.known_accounts.add_hour(window, occurrences)));
        }
        let occurrences = &take_calls(&mut self.calls, occurrences)[..];
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            let history = self.histories.entry(cluster);
            let history = history.or_insert_with(|| ClusterHistory::new(occurrences[0]));
            let change = history.amend(&occurrences);
            transitions.extend(change.map(|change| of_cluster(cluster, history, change)));
        }
        if let Some(first) = occurrences.first() {
            self.add_to_known_values(first.at.window(), occurrences, &mut transitions);
        }
        transitions
    }

    /// Adds events of an hour to the known values, after they were added to the histories.
    fn add_to_known_values(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        transitions: &mut Vec<Transition>,
    ) {
        let histories = &self.histories;
        let found = self.known_values.add_hour(window, occurrences, histories);
        transitions.extend(found.into_iter().filter_map(|(cluster, at, new)| {
            let change = ClusterChange {
                at,
                change: Change::NewCircumstance(Box::new(new)),
                is_quiet: false,
            };
            Some(of_cluster(cluster, histories.get(&cluster)?, change))
        }));
    }

    /// Adds an hour to the activity of all accounts.
    fn add_to_accounts(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        transitions: &mut Vec<Transition>,
    ) {
        let present = grouped(occurrences, |occurrence| {
            occurrence.subject.account_id.as_str()
        });
        for (account_id, occurrences) in &present {
            let activity = self.accounts.entry((*account_id).to_owned());
            let activity = activity.or_insert_with(|| AccountActivity::new(window));
            let change = activity.add_hour(window, occurrences);
            transitions.extend(change.map(|(at, change)| of_account(account_id, at, change)));
        }
        for (account_id, activity) in &mut self.accounts {
            if !present.contains_key(account_id.as_str()) {
                let change = activity.add_silence(window, 1);
                transitions.extend(change.map(|(at, change)| of_account(account_id, at, change)));
            }
        }
    }

    /// Adds the occurrences and the resolutions of an hour to the histories, in the order of time.
    fn add_to_clusters(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        transitions: &mut Vec<Transition>,
    ) {
        let mut resolutions = resolutions_within(&self.resolutions, (window, window.plus(1)));
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            let history = self.histories.entry(cluster);
            let history = history.or_insert_with(|| ClusterHistory::new(occurrences[0]));
            let account = self.accounts.get(&history.subject.account_id);
            let blind_hours = account.map_or(0, |activity| activity.blind_hours);
            let mut add = |history: &mut ClusterHistory, occurrences: &[&Occurrence]| {
                let changes = history.add_hour(occurrences, blind_hours).into_iter();
                transitions.extend(changes.map(|change| of_cluster(cluster, history, change)));
            };
            let mut rest = &occurrences[..];
            for (at, decision) in resolutions.remove(&cluster).unwrap_or_default() {
                let (before, after) =
                    rest.split_at(rest.partition_point(|occurrence| occurrence.at <= at));
                add(history, before);
                history.decide(at, decision);
                rest = after;
            }
            add(history, rest);
        }
        for (cluster, decisions) in resolutions {
            if let Some(history) = self.histories.get_mut(&cluster) {
                decisions
                    .into_iter()
                    .for_each(|(at, decision)| history.decide(at, decision));
            }
        }
    }

    /// Compares an hour of each cluster, and of each account as a whole, with the hours before it.
    ///
    /// If a cluster escalates, its account is not reported as escalating too. The events of quiet clusters do not count
    /// for the account.
    fn compare(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        transitions: &mut Vec<Transition>,
    ) {
        let at = window.end();
        for (cluster, history) in &mut self.histories {
            if let Some(change) = history.compare(window) {
                transitions.push(at_end(*cluster, history, at, change));
            }
        }
        let escalating = self.histories.values().filter(|of| of.escalation.is_some());
        let announced = escalating.filter(|of| !of.is_quiet());
        let blamed: BTreeSet<&str> = announced.map(|of| &*of.subject.account_id).collect();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            let history = self.histories.get(&cluster);
            if let Some(history) = history.filter(|history| !history.is_quiet()) {
                let count = counts.entry(&history.subject.account_id).or_default();
                *count += occurrences.len() as u64;
            }
        }
        for (account_id, activity) in &mut self.accounts {
            let count = counts.get(account_id.as_str()).copied().unwrap_or_default();
            let change = activity.compare(window, count);
            let is_blamed = blamed.contains(account_id.as_str());
            if let Some(change) = change.filter(|_| !is_blamed || !activity.drop_escalation()) {
                transitions.push(of_account(account_id, at, change));
            }
        }
    }

    /// Ends an hour at a moment: finds the clusters that are now ongoing or have recovered.
    fn end_hour(&mut self, at: Timestamp, transitions: &mut Vec<Transition>) {
        for (cluster, history) in &mut self.histories {
            let account = self.accounts.get(&history.subject.account_id);
            let blind_hours = account.map_or(0, |activity| activity.blind_hours);
            for change in history.end_hour(at, blind_hours) {
                transitions.push(at_end(*cluster, history, at, change));
            }
        }
    }

    /// Returns the state as compressed JSON, which [`Self::decode`] reads. Resolutions are left out.
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Parses the bytes of [`Self::encode`].
    ///
    /// # Errors
    /// Fails for all other bytes, for a state of another version, and for a state of more than 256 MiB. The caller
    /// rebuilds the state from the segments.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let unreadable = |detail| StateError { detail };
        let mut inspection_state: Self = unpack(bytes, BYTES_MAX).map_err(unreadable)?;
        if inspection_state.version != VERSION {
            return Err(unreadable(format!("version {}", inspection_state.version)));
        }
        let histories = inspection_state.histories.values();
        let of_clusters = histories.map(|of| of.subject.account_id.clone());
        let of_calls = inspection_state.calls.values();
        let of_calls = of_calls.map(|of| of.subject.account_id.clone());
        let mut known: BTreeSet<String> = of_clusters.chain(of_calls).collect();
        known.extend(inspection_state.accounts.keys().cloned());
        let known_accounts = std::mem::take(&mut inspection_state.known_accounts);
        inspection_state.known_accounts = known_accounts.or_from(inspection_state.next);
        inspection_state.known_accounts.learn(known);
        // Earlier versions stored sensitive calls as clusters.
        let histories = &mut inspection_state.histories;
        histories.retain(|_, history| history.subject.class != Class::Watch);
        let known_values = std::mem::take(&mut inspection_state.known_values);
        inspection_state.known_values = known_values.or_from(inspection_state.next);
        Ok(inspection_state)
    }
}

/// Returns the resolutions of each cluster within a range of hours, oldest first; the second hour is exclusive.
fn resolutions_within(
    resolutions: &Resolutions,
    (from, until): (Window, Window),
) -> BTreeMap<ClusterId, Vec<(Timestamp, LifecycleEvent)>> {
    let is_within = |at: Timestamp| (from..until).contains(&at.window());
    let within = resolutions.iter().map(|(cluster, all)| {
        let all = all.iter().filter(|(at, _)| is_within(*at));
        (*cluster, all.copied().collect::<Vec<_>>())
    });
    within.filter(|(_, all)| !all.is_empty()).collect()
}

fn announced(new: Vec<FoundAccount>) -> impl Iterator<Item = Transition> {
    new.into_iter()
        .map(|(account_id, at, new)| of_account(&account_id, at, Change::NewAccount(Box::new(new))))
}

fn of_account(account_id: &str, at: Timestamp, change: Change) -> Transition {
    Transition {
        at,
        account_id: account_id.to_owned(),
        cluster: None,
        episode: 0,
        change,
        is_absorbed: false,
        is_quiet: false,
    }
}

fn of_cluster(
    cluster: ClusterId,
    history: &ClusterHistory,
    ClusterChange {
        at,
        change,
        is_quiet,
    }: ClusterChange,
) -> Transition {
    Transition {
        cluster: Some(cluster),
        episode: history.episode,
        is_quiet,
        ..of_account(&history.subject.account_id, at, change)
    }
}

/// Returns the transition of a cluster for a change that is found at the end of an hour.
fn at_end(
    cluster: ClusterId,
    history: &ClusterHistory,
    at: Timestamp,
    change: Change,
) -> Transition {
    let is_quiet = history.is_quiet();
    let change = ClusterChange {
        at,
        change,
        is_quiet,
    };
    of_cluster(cluster, history, change)
}
