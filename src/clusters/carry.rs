//! Carries the decisions and journals of clusters over to the clusters that hold the same events under other ids.
//!
//! A new version of the identity gives the same errors other cluster ids. The events are the same, and each event has an id. So
//! an old cluster continues in each new cluster that holds one of its events. All results are unions over old clusters, so they
//! do not depend on an order, and a repetition changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;

use crate::EventId;
use crate::fingerprint::ClusterId;
use crate::journal::{JournalEntry, JournalEvent};
use crate::triage::Triage;

/// For each old cluster the new clusters that hold events of it; never empty.
pub type Successors = BTreeMap<ClusterId, BTreeSet<ClusterId>>;

/// The clusters of a store that people decided about, with ids of an earlier version of the identity, and their events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldClusters {
    /// The clusters that have a decision or a journal, by their old id.
    pub clusters: BTreeMap<ClusterId, OldCluster>,
    /// The events of these clusters, each with its old cluster.
    pub events: Vec<(EventId, ClusterId)>,
}

/// What people decided about an old cluster, and its journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldCluster {
    /// The version of the identity that the id has, such as `fp1`.
    pub identity: String,
    /// The decision that is stored for the cluster; `None` if there is none.
    pub triage: Option<Triage>,
    /// All entries of the cluster's journal.
    pub journal: BTreeSet<JournalEntry>,
}

/// What a new cluster gets from the old clusters that continue in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inheritance {
    /// The decisions about these old clusters, by old cluster.
    triages: BTreeMap<ClusterId, Triage>,
    /// The entries of all their journals, and one entry for each old cluster that says where they come from.
    pub journal: BTreeSet<JournalEntry>,
}

/// Returns the new clusters in which each old cluster continues: those that hold one of its events.
///
/// `old` has events with their old clusters, in any order; repetitions change nothing. `new` returns the cluster in which an
/// event is now; `None` if the event is not known there. An old cluster with no such event is absent from the result.
pub fn successors(
    old: impl IntoIterator<Item = (EventId, ClusterId)>,
    new: impl Fn(EventId) -> Option<ClusterId>,
) -> Successors {
    let mut successors = Successors::new();
    for (event, cluster) in old {
        if let Some(successor) = new(event) {
            successors.entry(cluster).or_default().insert(successor);
        }
    }
    successors
}

/// Returns what each new cluster gets. An old cluster with several successors gives each of them all that it has.
pub fn inherit(
    old: &BTreeMap<ClusterId, OldCluster>,
    successors: &Successors,
) -> BTreeMap<ClusterId, Inheritance> {
    let mut inherited: BTreeMap<ClusterId, Inheritance> = BTreeMap::new();
    for (cluster, decided) in old {
        for successor in successors.get(cluster).into_iter().flatten() {
            let inheritance = inherited.entry(*successor).or_default();
            inheritance.journal.extend(decided.journal.iter().cloned());
            if let Some(triage) = &decided.triage {
                inheritance.triages.insert(*cluster, triage.clone());
            }
            if cluster != successor {
                inheritance.journal.extend(carried_entry(*cluster, decided));
            }
        }
    }
    inherited
}

/// Returns the journal entry that says from which old cluster decisions and journal come; `None` if there are none.
///
/// Its time is that of the latest decision or entry, so each run makes the same entry.
fn carried_entry(cluster: ClusterId, decided: &OldCluster) -> Option<JournalEntry> {
    let decision = decided.triage.as_ref();
    let times = decided
        .journal
        .iter()
        .map(|entry| (entry.at, entry.episode));
    let times = times.chain(decision.map(|triage| (triage.at, triage.episode)));
    let (at, episode) = times.max()?;
    let state = decision.map_or_else(
        || "no decision".to_owned(),
        |triage| triage.decision.to_string(),
    );
    let identity = &decided.identity;
    let detail = format!("from cluster {cluster} of identity {identity}: {state}");
    Some(JournalEntry::of(JournalEvent::Carried, at, episode).about(&detail))
}

impl Inheritance {
    /// Returns the decision that holds for the new cluster: the latest of those about the old clusters. `None` if there is none.
    ///
    /// The journal has all of them.
    pub fn triage(&self) -> Option<&Triage> {
        let order = |triage: &&Triage| (triage.at, triage.encode());
        self.triages.values().max_by_key(order)
    }

    /// Checks whether a decision about the new cluster is one that was carried over, so that a later one may replace it. What
    /// people decided about the new cluster itself stays.
    pub fn has(&self, stored: &Triage) -> bool {
        let is_same = |triage: &Triage| in_episode(triage, stored.episode) == *stored;
        self.triages.values().any(is_same)
    }

    /// Returns the same with the numbers that episodes have in the new cluster. `episode` returns the number of the episode at a
    /// moment.
    #[must_use]
    pub fn in_episodes(&self, episode: impl Fn(Timestamp) -> i64) -> Self {
        let triages = self.triages.iter();
        let triages = triages.map(|(of, triage)| (*of, in_episode(triage, episode(triage.at))));
        let entries = self.journal.iter().map(|entry| JournalEntry {
            episode: episode(entry.at),
            ..entry.clone()
        });
        Self {
            triages: triages.collect(),
            journal: entries.collect(),
        }
    }

    /// Returns the entries of the journal that are not in `stored`. The number of the episode makes no difference.
    pub fn missing_from(&self, stored: &[JournalEntry]) -> Vec<JournalEntry> {
        let mut known: BTreeSet<JournalEntry> = stored.iter().map(without_episode).collect();
        let is_new = |entry: &&JournalEntry| known.insert(without_episode(entry));
        self.journal.iter().filter(is_new).cloned().collect()
    }

    /// Returns the journal entry with which the decision [`Self::triage`] is stored: the last one that says where it comes from, as
    /// `stored` has it if it is there. `None` without a decision.
    ///
    /// It is not the entry of the decision itself: with that of a resolution, a store would close the new cluster.
    pub fn entry(&self, stored: &[JournalEntry]) -> Option<JournalEntry> {
        let decision = self.triage()?;
        let is_carried = |entry: &&JournalEntry| entry.what == JournalEvent::Carried;
        let carried = self.journal.iter().rfind(is_carried).cloned();
        let entry = carried.unwrap_or_else(|| decision.made());
        let is_same = |stored: &&JournalEntry| without_episode(stored) == without_episode(&entry);
        Some(stored.iter().find(is_same).cloned().unwrap_or(entry))
    }
}

fn without_episode(entry: &JournalEntry) -> JournalEntry {
    JournalEntry {
        episode: 0,
        ..entry.clone()
    }
}

fn in_episode(triage: &Triage, episode: i64) -> Triage {
    Triage {
        episode,
        ..triage.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::triage::Decision;

    fn cluster(number: u8) -> ClusterId {
        ClusterId::from_bytes([number; 16])
    }

    fn event(number: u8) -> EventId {
        EventId::from_bytes([number; 16])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_793_624_400 + seconds).unwrap()
    }

    /// An old cluster about which a person decided at a moment, and once before.
    fn decided(decision: Decision, actor: &str, seconds: i64) -> OldCluster {
        let before = Triage::new(Decision::Acknowledged, actor, "look", at(seconds - 60), 1);
        let triage = Triage::new(decision, actor, "known", at(seconds), 1);
        OldCluster {
            identity: "fp1".to_owned(),
            journal: [before.made(), triage.made()].into(),
            triage: Some(triage),
        }
    }

    fn actors(journal: &BTreeSet<JournalEntry>) -> Vec<(&str, JournalEvent)> {
        let entries = journal.iter();
        entries
            .map(|entry| (entry.actor.as_str(), entry.what))
            .collect()
    }

    #[test]
    fn a_cluster_that_splits_gives_each_part_its_decision_and_its_journal() {
        let old = BTreeMap::from([(cluster(1), decided(Decision::Expected, "ann", 100))]);
        let events = [(event(1), cluster(1)), (event(2), cluster(1))];
        let now = |of| {
            [(event(1), cluster(11)), (event(2), cluster(12))]
                .into_iter()
                .find_map(|(id, cluster)| (id == of).then_some(cluster))
        };
        let successors = successors(events, now);
        let inherited = inherit(&old, &successors);
        assert_eq!(inherited.len(), 2);
        for part in [cluster(11), cluster(12)] {
            let part = &inherited[&part];
            assert_eq!(part.triage(), old[&cluster(1)].triage.as_ref());
            assert_eq!(
                actors(&part.journal),
                [
                    ("ann", JournalEvent::Acknowledged),
                    ("ann", JournalEvent::Expected),
                    ("cloudtrail-inspector", JournalEvent::Carried),
                ]
            );
            let carried = part.journal.last().unwrap();
            let detail = format!("from cluster {} of identity fp1: expected", cluster(1));
            assert_eq!(carried.detail, detail);
        }
    }

    #[test]
    fn of_clusters_that_join_the_latest_decision_holds_and_the_journal_has_all() {
        let old = BTreeMap::from([
            (cluster(1), decided(Decision::Expected, "ann", 200)),
            (cluster(2), decided(Decision::Acknowledged, "bob", 100)),
            (cluster(3), OldCluster::default()),
        ]);
        let events = [1, 2, 3].map(|number| (event(number), cluster(number)));
        let successors = successors(events, |_| Some(cluster(11)));
        let joined = &inherit(&old, &successors)[&cluster(11)];
        assert_eq!(joined.triage().map(|of| of.actor.as_str()), Some("ann"));
        let said: Vec<_> = joined.journal.iter().map(|of| of.detail.as_str()).collect();
        assert!(
            said.iter()
                .any(|of| of.ends_with("of identity fp1: expected"))
        );
        assert!(
            said.iter()
                .any(|of| of.ends_with("of identity fp1: acknowledged"))
        );
        assert_eq!(joined.journal.len(), 6, "{said:?}");
    }

    #[test]
    fn what_people_decided_about_the_new_cluster_stays() {
        let old = BTreeMap::from([(cluster(1), decided(Decision::Expected, "ann", 100))]);
        let successors = Successors::from([(cluster(1), [cluster(11)].into())]);
        let inheritance = &inherit(&old, &successors)[&cluster(11)];
        let carried = inheritance.triage().unwrap().clone();
        assert!(inheritance.has(&carried));
        let in_another_episode = Triage {
            episode: 7,
            ..carried.clone()
        };
        assert!(inheritance.has(&in_another_episode));
        let own = Triage::new(Decision::Expected, "eve", "known", carried.at, 1);
        assert!(!inheritance.has(&own));
    }

    #[test]
    fn a_cluster_without_a_common_event_has_no_successor_and_an_unchanged_id_no_note() {
        let old = BTreeMap::from([
            (cluster(1), decided(Decision::Expected, "ann", 100)),
            (cluster(2), decided(Decision::Expected, "bob", 100)),
        ]);
        let events = [(event(1), cluster(1)), (event(2), cluster(2))];
        let successors = successors(events, |of| (of == event(1)).then_some(cluster(1)));
        assert!(!successors.contains_key(&cluster(2)));
        let inherited = inherit(&old, &successors);
        assert_eq!(inherited[&cluster(1)].journal, old[&cluster(1)].journal);
        assert_eq!(inherited.len(), 1);
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_nor_cuts_change_what_is_carried(
            events in prop::collection::vec((0..40_u8, 0..6_u8), 0..60),
            cut in 0..60_usize,
        ) {
            let ids: Vec<_> = events.iter().map(|(id, of)| (event(*id), cluster(*of))).collect();
            let now = |of: EventId| Some(cluster(100 + of.bytes()[0] % 7)).filter(|_| of.bytes()[0] < 35);
            let whole = successors(ids.clone(), now);
            let mut again = ids.clone();
            again.reverse();
            again.extend(ids.clone());
            prop_assert_eq!(&successors(again, now), &whole);
            let (one, other) = ids.split_at(cut.min(ids.len()));
            let mut union = successors(one.to_vec(), now);
            for (old, new) in successors(other.to_vec(), now) {
                union.entry(old).or_default().extend(new);
            }
            prop_assert_eq!(&union, &whole);

            let old: BTreeMap<_, _> = (0..6)
                .map(|of| (cluster(of), decided(Decision::Expected, "ann", i64::from(of) * 10)))
                .collect();
            for inheritance in inherit(&old, &whole).values() {
                let journal: Vec<_> = inheritance.journal.iter().cloned().collect();
                prop_assert!(inheritance.missing_from(&journal).is_empty());
                let renumbered = inheritance.in_episodes(|_| 9);
                prop_assert!(renumbered.missing_from(&journal).is_empty());
                prop_assert!(inheritance.has(renumbered.triage().unwrap()));
            }
        }
    }
}
