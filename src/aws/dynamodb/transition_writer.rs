//! The reads and writes of the inspection: events of an hour, ends and starts of episodes, and alerts.
//!
//! A state change, its journal entry and its alerts are written in one transaction. So each change is announced once,
//! even if two inspections find the change.

use std::collections::BTreeSet;
use std::sync::Arc;

use alerts::alert::Alert;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::is_overflow_subject;
use clusters::journal::{JournalEntry, JournalEvent};
use clusters::lifecycle::{LifecycleEvent, Move, State, step};
use clusters::segment::Segment;
use clusters::sightings::Sightings;
use clusters::transition::{Change, Transition};
use records::time::Window;
use service::ports::{Hour, HourReader, LateHour, StoreError, TransitionWriter};

use crate::dynamodb::item::{
    ClusterItem, cluster_key, late_item, late_partition, read_late, version,
};
use crate::dynamodb::message::announced_item;
use crate::dynamodb::table::{Item, Table, TableError, Write};
use crate::dynamodb::triage::journal_item;
use crate::dynamodb::{DynamoStore, read};

/// How many times an update of a cluster item is tried while other functions change the item.
const ATTEMPTS_MAX: u32 = 4;

impl<T: Table> HourReader for DynamoStore<T> {
    async fn hour(
        &self,
        window: Window,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        self.read(Some(window), known).await
    }

    async fn undated(
        &self,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        self.read(None, known).await
    }
}

impl<T: Table> DynamoStore<T> {
    /// Reads the events of an hour, or those without a time.
    async fn read(
        &self,
        window: Option<Window>,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        let mut segments = Vec::new();
        let mut hour = Hour::default();
        for segment in read::hour(&self.table, window).await? {
            match segment {
                Ok(segment) => segments.push(segment),
                Err(error) => hour.damaged.push(error.to_string()),
            }
        }
        let seen = segments.iter().flat_map(Segment::sightings);
        let clusters: BTreeSet<ClusterId> = seen.map(|(_, seen)| seen.series.cluster).collect();
        let mut unknown = Vec::new();
        for cluster in clusters {
            match known(cluster) {
                Some(subject) => drop(hour.subjects.insert(cluster, subject)),
                None => unknown.push(cluster_key(cluster)),
            }
        }
        let cluster_items = self.table.get(&unknown).await?;
        for (cluster, cluster_item) in cluster_items.iter().filter_map(ClusterItem::read) {
            let subject = ClusterSubject::from(&cluster_item.facts.identity);
            hour.subjects.insert(cluster, Arc::new(subject));
        }
        let overflow = hour.subjects.iter();
        let overflow = overflow.filter(|(_, subject)| is_overflow_subject(subject));
        let overflow = overflow.map(|(cluster, _)| *cluster).collect();
        let mut sightings = Sightings::default();
        read::add(&mut sightings, &segments, &overflow);
        hour.events = sightings.events();
        Ok(hour)
    }
}

impl<T: Table> TransitionWriter for DynamoStore<T> {
    async fn sends_alerts(&mut self) -> Result<bool, StoreError> {
        self.update_learning().await?;
        Ok(self.is_alerting())
    }

    fn announces_new(&self) -> bool {
        self.is_alerting_on_new()
    }

    async fn late(&self) -> Result<Vec<LateHour>, StoreError> {
        let found = self.table.query(late_partition(), "").await?;
        Ok(found.iter().filter_map(read_late).collect())
    }

    async fn forget_late(&self, late: &LateHour) -> Result<(), StoreError> {
        let write = Write::End {
            key: late_item(late).key,
            holder: late.token.clone(),
        };
        // Refused: more events have come for the hour, so the note must stay.
        match self.apply(&[write]).await {
            Ok(()) | Err(TableError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn settle(
        &self,
        transition: &Transition,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        match (&transition.change, transition.cluster) {
            (Change::Recovered { .. } | Change::Regressed { .. }, Some(cluster)) => {
                self.change_state(cluster, transition, alert).await
            }
            (_, Some(cluster)) => {
                // Other changes are announced by the commit of their events.
                let Some(what) = journal_event(&transition.change) else {
                    return Ok(false);
                };
                // The number in the table is more reliable, because segments expire earlier than cluster items.
                let found = self.table.get(&[cluster_key(cluster)]).await?;
                let alert =
                    alert.filter(|_| found.first().is_none_or(|item| self.is_present(item)));
                let episode = found.first().and_then(|item| item.number_of("ep"));
                let episode = episode.unwrap_or(transition.episode);
                let entry = JournalEntry::of(what, transition.at, episode);
                let entry = match &transition.change {
                    // An event may have several new circumstances.
                    Change::NewCircumstance(new) => entry.about(&new.about()),
                    _ => entry,
                };
                let entry = journal_item(cluster, &entry, self.now);
                self.create(entry, in_episode(alert, episode).as_ref())
                    .await
            }
            (_, None) => match alert {
                Some(alert) => self.enqueue_once(alert).await,
                None => Ok(false),
            },
        }
    }

    async fn enqueue_once(&self, alert: &Alert) -> Result<bool, StoreError> {
        self.create(announced_item(alert, self.now), Some(alert))
            .await
    }
}

impl<T: Table> DynamoStore<T> {
    /// Creates an item together with its alert; `false` if the item exists already.
    async fn create(&self, item: Item, alert: Option<&Alert>) -> Result<bool, StoreError> {
        let mut writes = vec![Write::Create(item)];
        writes.extend(self.rows(alert));
        match self.apply(&writes).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn rows<'s>(&'s self, alert: Option<&'s Alert>) -> impl Iterator<Item = Write> + 's {
        let rows = |alert| self.outbox_writes(alert, self.now);
        alert.into_iter().flat_map(rows)
    }

    /// Checks whether the id of a cluster has the version of the identity that this program makes.
    ///
    /// No alert is sent about other clusters: their events are counted under other ids since the version changed, so they only seem
    /// to have recovered.
    fn is_present(&self, cluster_item: &Item) -> bool {
        version(cluster_item) == self.settings.identity
    }

    /// Changes the state of a cluster item to recovered or regressed; `false` if that does not apply any more.
    async fn change_state(
        &self,
        cluster: ClusterId,
        transition: &Transition,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(&[cluster_key(cluster)]).await?;
            // A cluster that was not announced, because its error only got another id, does not recover for people.
            let alert = alert
                .filter(|_| found.first().is_none_or(|item| self.is_present(item)))
                .filter(|_| !self.is_renewing());
            let cluster_item = found.first().and_then(ClusterItem::read);
            let change = cluster_item
                .and_then(|(_, cluster_item)| state_write(cluster, &cluster_item, transition));
            let Some((write, episode)) = change else {
                return Ok(false);
            };
            let mut writes = vec![write];
            if journal_event(&transition.change).is_some()
                && let Some(entry) = JournalEntry::of_transition(transition)
            {
                let entry = JournalEntry { episode, ..entry };
                writes.push(Write::Put(journal_item(cluster, &entry, self.now)));
            }
            writes.extend(self.rows(in_episode(alert, episode).as_ref()));
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

/// Returns the write for a transition and the number of the episode that it belongs to; `None` if the transition does
/// not apply to the cluster item.
fn state_write(
    cluster: ClusterId,
    cluster_item: &ClusterItem,
    transition: &Transition,
) -> Option<(Write, i64)> {
    let (key, at) = (cluster_key(cluster), transition.at);
    let event = match transition.change {
        Change::Recovered { .. } => LifecycleEvent::Quiet,
        Change::Regressed { .. } => LifecycleEvent::Seen,
        _ => return None,
    };
    let is_late = Some(at) <= cluster_item.watermark;
    match step(Some(cluster_item.state), event).1 {
        // The next episode has started, so the end of the previous one was written. This happens if an aborted
        // inspection is repeated.
        Some(Move::Recover) if cluster_item.state == State::Regressed && is_late => None,
        Some(Move::Recover) => {
            let recover = Write::Recover {
                key,
                version: cluster_item.version,
                watermark: at,
            };
            Some((recover, cluster_item.episode))
        }
        Some(Move::Return) if !is_late => {
            let regress = Write::Regress {
                key,
                episode: cluster_item.episode,
                at,
            };
            Some((regress, cluster_item.episode + 1))
        }
        _ => None,
    }
}

/// Returns the alert with the number of the episode.
fn in_episode(alert: Option<&Alert>, episode: i64) -> Option<Alert> {
    Some(alert?.clone().in_episode(episode))
}

/// Returns the kind of journal entry for a change that the inspection finds; `None` for changes without an entry.
///
/// The entry does not depend on the time of the inspection, so a repeated inspection writes the same entry.
fn journal_event(change: &Change) -> Option<JournalEvent> {
    match change {
        Change::Recovered { .. } => Some(JournalEvent::Recovered),
        Change::Regressed { .. } => Some(JournalEvent::Regressed),
        Change::Escalating { .. } => Some(JournalEvent::Escalating),
        Change::Calmed(_) => Some(JournalEvent::Calmed),
        Change::NewCircumstance(_) => Some(JournalEvent::NewCircumstance),
        _ => None,
    }
}
