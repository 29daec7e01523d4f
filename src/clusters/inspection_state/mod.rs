//! The inspection state: what the inspection remembers from one hour to the next, and what happens in an
//! hour.
//!
//! Hours are taken in their order, each once, with all events of it: the same hours give the same
//! inspection state and tell the same, in however many sittings. What comes late for an hour amends what is
//! known, and brings back only what had recovered before it.

mod account_activity;
mod active_campaigns;
mod baseline;
mod cluster_history;
pub mod hourly_activity;

use std::collections::{BTreeMap, BTreeSet};

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::campaign::Occurrence;
use crate::facet::FacetKind;
use crate::fingerprint::ClusterId;
pub use crate::inspection_state::account_activity::AccountActivity;
use crate::inspection_state::active_campaigns::ActiveCampaigns;
use crate::inspection_state::cluster_history::grouped;
pub use crate::inspection_state::cluster_history::{ClusterHistory, HOURS_MAX};
use crate::lifecycle::{LifecycleEvent, Resolutions};
use crate::packed::{pack, unpack};
use crate::transition::{Change, Transition};

/// After so many hours without any event there is nothing left that could happen but blindness: the
/// longest quiet period, and a day.
const STILL_HOURS: i64 = 15 * 24;

/// The version of the encoding. Another one is made anew from the segments.
const VERSION: u32 = 4;

/// How long an inspection state may be as it is read, in bytes.
const BYTES_MAX: u64 = 256 << 20;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionState {
    version: u32,
    /// The next hour to be taken.
    next: Window,
    /// The first hour that anybody is told of.
    news: Window,
    /// The episodes of all clusters.
    #[serde(rename = "lives")]
    histories: BTreeMap<ClusterId, ClusterHistory>,
    /// All accounts.
    accounts: BTreeMap<String, AccountActivity>,
    #[serde(rename = "storms")]
    active_campaigns: ActiveCampaigns,
    /// What people decided, as a store has it; it is not kept with it.
    #[serde(skip)]
    resolutions: Resolutions,
}

/// Why bytes are no inspection state: it has to be made anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chronicle cannot be read, and is made anew from the manifests: {detail}")]
pub struct StateError {
    detail: String,
}

impl InspectionState {
    /// Begins with an hour, and tells of all of them.
    pub fn new(first: Window) -> Self {
        Self {
            version: VERSION,
            next: first,
            news: first,
            histories: BTreeMap::new(),
            accounts: BTreeMap::new(),
            active_campaigns: ActiveCampaigns::default(),
            resolutions: Resolutions::new(),
        }
    }

    /// Takes what people said of clusters in the hours that are to be taken: which are over, and which are not.
    pub fn with_resolutions(self, resolutions: Resolutions) -> Self {
        Self {
            resolutions,
            ..self
        }
    }

    /// Tells of no hour before one: what is found out anew was told, or nobody missed it.
    pub fn telling_from(self, news: Window) -> Self {
        Self { news, ..self }
    }

    /// Tells whether anybody is told of an hour.
    pub fn is_news(&self, window: Window) -> bool {
        window >= self.news
    }

    /// Returns the next hour to be taken.
    pub fn next(&self) -> Window {
        self.next
    }

    /// Returns the episodes of all clusters.
    pub fn histories(&self) -> &BTreeMap<ClusterId, ClusterHistory> {
        &self.histories
    }

    /// Returns how many events there were in all episodes.
    pub fn events(&self) -> u64 {
        self.histories.values().map(|history| history.total).sum()
    }

    /// Returns all accounts.
    pub fn accounts(&self) -> &BTreeMap<String, AccountActivity> {
        &self.accounts
    }

    /// Returns the hour from which on [`Self::recall`] wants to see occurrences again.
    pub fn recalls_from(&self) -> Window {
        self.active_campaigns.wants(self.next)
    }

    /// Shows occurrences of hours that were taken again, which are not kept with it.
    pub fn recall(&mut self, occurrences: &[Occurrence]) {
        self.active_campaigns.recall(occurrences);
    }

    /// Takes hours without events, up to before one.
    pub fn pass(&mut self, until: Window) -> Vec<Transition> {
        let mut told = Vec::new();
        let still = self.next.plus(STILL_HOURS);
        while self.next < until.min(still) {
            told.extend(self.turn(self.next, &[]));
        }
        if self.next < until {
            let hours = until.hours() - self.next.hours();
            for activity in self.accounts.values_mut().filter(|of| of.is_blind()) {
                activity.miss(until.plus(-1), hours);
            }
            self.decide((self.next, until));
            self.next = until;
        }
        told
    }

    /// Takes what people said in hours without events, from one to before another.
    fn decide(&mut self, hours: (Window, Window)) {
        for (cluster, said) in said_within(&self.resolutions, hours) {
            if let Some(history) = self.histories.get_mut(&cluster) {
                said.into_iter()
                    .for_each(|(at, said)| history.decide(at, said));
            }
        }
    }

    /// Takes an hour with all its occurrences, in the order of time; hours between have none.
    pub fn turn(&mut self, window: Window, occurrences: &[Occurrence]) -> Vec<Transition> {
        let mut told = if self.next < window {
            self.pass(window)
        } else {
            Vec::new()
        };
        self.next = window.plus(1);
        let from = told.len();
        self.meet_accounts(window, occurrences, &mut told);
        self.meet_clusters(window, occurrences, &mut told);
        let histories = &self.histories;
        let is_first = |occurrence: &Occurrence| {
            let history = histories.get(&occurrence.series.cluster);
            history.and_then(|history| history.met(occurrence)) == Some(occurrence.at)
        };
        told.extend(self.active_campaigns.turn(window, occurrences, is_first));
        self.swallow(&mut told[from..]);
        self.compare(window, occurrences, &mut told);
        self.look(window.end(), &mut told);
        Transition::sort(&mut told[from..]);
        told
    }

    /// Tells what can be told already of hours that more may come of: what only grows with it. Nothing
    /// is remembered.
    pub fn foresee(&self, hours: &[(Window, Vec<Occurrence>)]) -> Vec<Transition> {
        let mut told = Vec::new();
        let mut active_campaigns = self.active_campaigns.clone();
        let mut first: BTreeMap<(ClusterId, Option<&str>), Timestamp> = BTreeMap::new();
        for occurrence in hours.iter().flat_map(|(_, occurrences)| occurrences) {
            let history = self.histories.get(&occurrence.series.cluster);
            let met = history
                .and_then(|history| history.met(occurrence))
                .unwrap_or(occurrence.at);
            let of = first.entry((occurrence.series.cluster, caller(occurrence)));
            let at = of.or_insert(met);
            *at = met.min(*at);
        }
        let is_first = |occurrence: &Occurrence| {
            first.get(&(occurrence.series.cluster, caller(occurrence))) == Some(&occurrence.at)
        };
        for (window, occurrences) in hours {
            for (cluster, occurrences) in
                grouped(occurrences, |occurrence| occurrence.series.cluster)
            {
                let Some(history) = self.histories.get(&cluster) else {
                    continue;
                };
                // A later hour is measured by this one as well, of which more may come; and of a cluster
                // that comes back, that has to be told first.
                if *window == self.next && history.is_open() {
                    let change = history.foresee(*window, occurrences.len() as u64);
                    let told_of = |change| of_cluster(cluster, history, window.end(), change);
                    told.extend(change.map(told_of));
                }
            }
            let campaigns = active_campaigns.turn(*window, occurrences, is_first);
            let is_over = |of: &Transition| matches!(of.change, Change::CampaignEnded(_));
            told.extend(campaigns.into_iter().filter(|of| !is_over(of)));
        }
        Transition::sort(&mut told);
        told
    }

    /// Takes an hour again that events came late for, with all its occurrences, and tells which clusters come
    /// back by that.
    pub fn amend(&mut self, occurrences: &[Occurrence]) -> Vec<Transition> {
        let mut told = Vec::new();
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            let history = self.histories.entry(cluster);
            let history = history.or_insert_with(|| ClusterHistory::new(occurrences[0]));
            let change = history.amend(&occurrences);
            told.extend(change.map(|(at, change)| of_cluster(cluster, history, at, change)));
        }
        told
    }

    fn meet_accounts(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        told: &mut Vec<Transition>,
    ) {
        let present = grouped(occurrences, |occurrence| {
            occurrence.subject.account_id.as_str()
        });
        for (account_id, occurrences) in &present {
            let activity = self.accounts.entry((*account_id).to_owned());
            let activity = activity.or_insert_with(|| AccountActivity::new(window));
            let change = activity.meet(window, occurrences);
            told.extend(change.map(|(at, change)| of_account(account_id, at, change)));
        }
        for (account_id, activity) in &mut self.accounts {
            if !present.contains_key(account_id.as_str()) {
                let change = activity.miss(window, 1);
                told.extend(change.map(|(at, change)| of_account(account_id, at, change)));
            }
        }
    }

    fn meet_clusters(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        told: &mut Vec<Transition>,
    ) {
        let mut said = said_within(&self.resolutions, (window, window.plus(1)));
        for (cluster, occurrences) in grouped(occurrences, |occurrence| occurrence.series.cluster) {
            let history = self.histories.entry(cluster);
            let history = history.or_insert_with(|| ClusterHistory::new(occurrences[0]));
            let account = self.accounts.get(&history.subject.account_id);
            let blind_hours = account.map_or(0, |activity| activity.blind_hours);
            let mut meet = |history: &mut ClusterHistory, occurrences: &[&Occurrence]| {
                let changes = history.meet(occurrences, blind_hours).into_iter();
                told.extend(changes.map(|(at, change)| of_cluster(cluster, history, at, change)));
            };
            let mut rest = &occurrences[..];
            for (at, said) in said.remove(&cluster).unwrap_or_default() {
                let (before, after) =
                    rest.split_at(rest.partition_point(|occurrence| occurrence.at <= at));
                meet(history, before);
                history.decide(at, said);
                rest = after;
            }
            meet(history, rest);
        }
        for (cluster, said) in said {
            if let Some(history) = self.histories.get_mut(&cluster) {
                said.into_iter()
                    .for_each(|(at, said)| history.decide(at, said));
            }
        }
    }

    /// Marks what a campaign tells already: what opens an episode of a cluster within it, and somebody new
    /// in it. How such an episode goes on and ends is not told either, as nobody was told that it began.
    fn swallow(&mut self, told: &mut [Transition]) {
        for transition in told {
            let Some(cluster) = transition.cluster else {
                continue;
            };
            let opens = matches!(transition.change, Change::New | Change::Regressed { .. });
            let joins = matches!(transition.change, Change::NewPrincipal { .. });
            if (opens || joins) && self.active_campaigns.tell(cluster, transition.at) {
                transition.is_swallowed = true;
                if let Some(history) = self.histories.get_mut(&cluster).filter(|_| opens) {
                    history.is_untold = true;
                }
            }
        }
    }

    /// Compares the hour with those before it: each cluster, and each account as a whole. What a
    /// cluster is to blame for is not told of its account again.
    fn compare(&mut self, window: Window, occurrences: &[Occurrence], told: &mut Vec<Transition>) {
        let at = window.end();
        for (cluster, history) in &mut self.histories {
            if let Some(change) = history.step(window) {
                told.push(of_cluster(*cluster, history, at, change));
            }
        }
        let escalating = self.histories.values().filter(|of| of.escalation.is_some());
        let blamed: BTreeSet<&str> = escalating.map(|of| &*of.subject.account_id).collect();
        let counts = grouped(occurrences, |occurrence| {
            occurrence.subject.account_id.as_str()
        });
        for (account_id, activity) in &mut self.accounts {
            let count = counts.get(account_id.as_str()).map_or(0, Vec::len) as u64;
            let change = activity.step(window, count);
            let is_blamed = blamed.contains(account_id.as_str());
            if let Some(change) = change.filter(|_| !is_blamed || !activity.forgive()) {
                told.push(of_account(account_id, at, change));
            }
        }
    }

    fn look(&mut self, at: Timestamp, told: &mut Vec<Transition>) {
        for (cluster, history) in &mut self.histories {
            let account = self.accounts.get(&history.subject.account_id);
            let blind_hours = account.map_or(0, |activity| activity.blind_hours);
            for change in history.look(at, blind_hours) {
                let is_swallowed = history.is_untold;
                told.push(Transition {
                    is_swallowed,
                    ..of_cluster(*cluster, history, at, change)
                });
            }
        }
    }

    /// Returns it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let unreadable = |detail| StateError { detail };
        let inspection_state: Self = unpack(bytes, BYTES_MAX).map_err(unreadable)?;
        if inspection_state.version != VERSION {
            return Err(unreadable(format!("version {}", inspection_state.version)));
        }
        Ok(inspection_state)
    }
}

/// Returns what people said of clusters in hours, from one to before another, in the order of time.
fn said_within(
    resolutions: &Resolutions,
    (from, until): (Window, Window),
) -> BTreeMap<ClusterId, Vec<(Timestamp, LifecycleEvent)>> {
    let is_within = |at: Timestamp| (from..until).contains(&at.window());
    let said = resolutions.iter().map(|(cluster, all)| {
        let all = all.iter().filter(|(at, _)| is_within(*at));
        (*cluster, all.copied().collect::<Vec<_>>())
    });
    said.filter(|(_, said)| !said.is_empty()).collect()
}

fn caller(occurrence: &Occurrence) -> Option<&str> {
    occurrence.series.facets.get(FacetKind::Principal)
}

fn of_account(account_id: &str, at: Timestamp, change: Change) -> Transition {
    Transition {
        at,
        account_id: account_id.to_owned(),
        cluster: None,
        episode: 0,
        change,
        is_swallowed: false,
    }
}

fn of_cluster(
    cluster: ClusterId,
    history: &ClusterHistory,
    at: Timestamp,
    change: Change,
) -> Transition {
    Transition {
        cluster: Some(cluster),
        episode: history.episode,
        ..of_account(&history.subject.account_id, at, change)
    }
}
