//! The accounts that have had events. An account whose first event comes after the first day of these records is announced
//! once.
//!
//! A failure and a sensitive call count alike. The accounts are a set, so order, repetition and cuts of the hours change
//! nothing.

use std::collections::BTreeSet;

use records::principal::is_account_id;
use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::facet::FacetKind;
use crate::guard::is_overflow_subject;
use crate::occurrence::Occurrence;
use crate::transition::NewAccount;

/// How many hours of new records are learned: the accounts in them are not announced.
pub const LEARNING_HOURS: i64 = 24;

/// The highest number of accounts that are remembered. No further account is announced.
const ACCOUNTS_MAX: usize = 20_000;

/// The accounts with events so far. See the [module](self) for what is announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAccounts {
    /// The first hour whose accounts are recorded. In a state that an earlier version saved it is the first hour after it.
    since: Option<Window>,
    accounts: BTreeSet<String>,
}

/// A new account, and the time of its first event.
pub type FoundAccount = (String, Timestamp, NewAccount);

impl KnownAccounts {
    /// Creates empty records, to which the hours from `since` on are added.
    pub fn new(since: Window) -> Self {
        Self {
            since: Some(since),
            accounts: BTreeSet::new(),
        }
    }

    /// Completes records that an earlier version saved without any: `next` is the first hour to be added.
    #[must_use]
    pub fn or_from(self, next: Window) -> Self {
        Self {
            since: self.since.or(Some(next)),
            ..self
        }
    }

    /// Adds accounts that are known and not announced.
    pub fn learn(&mut self, accounts: impl IntoIterator<Item = String>) {
        self.accounts.extend(accounts);
    }

    /// Returns the accounts.
    pub fn all(&self) -> &BTreeSet<String> {
        &self.accounts
    }

    /// Adds the events of an hour, oldest first, and returns the accounts that are new in them.
    pub fn add_hour(&mut self, window: Window, occurrences: &[Occurrence]) -> Vec<FoundAccount> {
        let learned = self.since.map(|since| since.plus(LEARNING_HOURS));
        let is_learned = learned.is_none_or(|until| window < until);
        let mut found = Vec::new();
        for occurrence in occurrences {
            let account_id = occurrence.subject.account_id.as_str();
            if self.accounts.contains(account_id) || self.accounts.len() >= ACCOUNTS_MAX {
                continue;
            }
            self.accounts.insert(account_id.to_owned());
            if !is_learned && is_account_id(account_id) {
                let new = first_call(occurrence);
                found.push((account_id.to_owned(), occurrence.at, new));
            }
        }
        found
    }
}

fn first_call(occurrence: &Occurrence) -> NewAccount {
    let subject = &occurrence.subject;
    // The name of an overflow cluster is no call.
    let is_call = !is_overflow_subject(subject);
    let principal = occurrence.series.facets.get(FacetKind::Principal);
    NewAccount {
        service: is_call.then(|| subject.service.clone()),
        action: is_call.then(|| subject.action.clone()),
        principal: principal.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::class::Class;
    use crate::facet::Facets;
    use crate::fingerprint::{ClusterSubject, Identity};
    use crate::inspection_state::{InspectionState, Remembered};
    use crate::packed::{pack, unpack};
    use crate::transition::{Change, Transition};
    use crate::{EventId, Series};

    fn start() -> Timestamp {
        Timestamp::parse("2026-11-01T00:00:00Z").unwrap()
    }

    /// An event of an account, hours and seconds after a fixed moment; every third is a sensitive call.
    fn event(account: u8, hour: i64, second: i64) -> Occurrence {
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: format!("{account:012}"),
            service: "s3".to_owned(),
            action: "GetObject".to_owned(),
            class: [Class::Denied, Class::Absent, Class::Watch][second as usize % 3],
            code: "Code".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut facets = Facets::default();
        facets.set(FacetKind::Principal, Some("mia"));
        let cluster = identity.cluster_id();
        let mut id = [account; 16];
        id[..8].copy_from_slice(&(hour * 3600 + second).to_be_bytes());
        Occurrence {
            at: start().plus(hour * 3600 + second),
            id: EventId::from_bytes(id),
            series: Arc::new(Series { cluster, facets }),
            subject: Arc::new(ClusterSubject::from(&identity)),
        }
    }

    fn new_accounts(transitions: Vec<Transition>) -> impl Iterator<Item = (String, Timestamp)> {
        let is_new = |of: &Transition| matches!(of.change, Change::NewAccount(_));
        let new = transitions.into_iter().filter(is_new);
        new.map(|of| (of.account_id, of.at))
    }

    /// Adds events by hours to a state, and returns the announced accounts with their times. After each hour the state is
    /// encoded and decoded, if `is_saved`.
    fn announced(
        mut state: InspectionState,
        events: &[Occurrence],
        is_saved: bool,
    ) -> Vec<(String, Timestamp)> {
        let mut events = events.to_vec();
        events.sort_by_key(|of| (of.at, of.id));
        events.dedup();
        let mut found = Vec::new();
        for hour in events.chunk_by(|one, other| one.at.window() == other.at.window()) {
            found.extend(new_accounts(state.turn(hour[0].at.window(), hour)));
            // Late events of the same hour bring the same accounts again.
            found.extend(new_accounts(state.amend(hour)));
            if is_saved {
                state = InspectionState::decode(&state.encode()).unwrap();
            }
        }
        found.sort();
        found
    }

    proptest! {
        #[test]
        fn each_account_is_announced_once_at_its_first_event_after_the_first_day(
            drawn in prop::collection::vec((1..8_u8, 0..120_i64, 0..3600_i64), 1..60),
            again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut events: Vec<Occurrence> = drawn.iter().map(|of| event(of.0, of.1, of.2)).collect();
            events.extend(again.iter().map(|of| of.get(&events).clone()).collect::<Vec<_>>());
            let first = start().window();
            let mut expected = BTreeMap::new();
            for of in &events {
                let at = expected.entry(of.subject.account_id.clone()).or_insert(of.at);
                *at = of.at.min(*at);
            }
            expected.retain(|_, at| at.window() >= first.plus(LEARNING_HOURS));
            let expected: Vec<_> = expected.into_iter().collect();
            prop_assert_eq!(&announced(InspectionState::new(first), &events, false), &expected);
            events.reverse();
            prop_assert_eq!(&announced(InspectionState::new(first), &events, true), &expected);
        }
    }

    #[test]
    fn accounts_of_a_state_that_an_earlier_version_saved_are_known() {
        let mut state = InspectionState::new(start().window());
        state.turn(start().window(), &[event(1, 0, 0), event(2, 0, 2)]);
        let mut saved: serde_json::Value = unpack(&state.encode(), 1 << 20).unwrap();
        saved.as_object_mut().unwrap().remove("known_accounts");
        let read = InspectionState::decode(&pack(&saved)).unwrap();
        let events = [
            event(1, 30, 0),
            event(2, 30, 1),
            event(3, 20, 0),
            event(4, 30, 1),
        ];
        let found = announced(read.clone(), &events, true);
        assert_eq!(found, [(format!("{:012}", 4), events[3].at)]);
        // What another version of the state knew is known to a state that is made anew.
        saved["version"] = serde_json::json!(1);
        let Remembered { accounts, next } = Remembered::of(&pack(&saved));
        assert_eq!((accounts.len(), next), (1, Some(start().window().plus(1))));
        assert_eq!(Remembered::of(b"no state"), Remembered::default());
        let later = start().window().plus(40);
        let anew = InspectionState::new(start().window()).alerting_from(later);
        let anew = anew.with_known_accounts(accounts);
        let events = [event(1, 90, 0), event(2, 87, 0), event(5, 90, 0)];
        assert_eq!(
            announced(anew, &events, false),
            [(format!("{:012}", 5), events[2].at)]
        );
    }

    #[test]
    fn events_without_an_account_announce_none() {
        let mut unknown = event(1, 30, 0);
        let subject = ClusterSubject {
            account_id: "unknown".to_owned(),
            ..(*unknown.subject).clone()
        };
        unknown.subject = Arc::new(subject);
        assert_eq!(
            announced(InspectionState::new(start().window()), &[unknown], false),
            []
        );
    }
}
