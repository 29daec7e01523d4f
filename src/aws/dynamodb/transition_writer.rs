//! What the inspection reads of the table and changes there: hours of segments, episodes that end or come
//! back, and what is told once.

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

use crate::dynamodb::item::{ClusterItem, cluster_key, late_item, late_partition, read_late};
use crate::dynamodb::message::told_item;
use crate::dynamodb::table::{Item, Table, TableError, Write};
use crate::dynamodb::triage::journal_item;
use crate::dynamodb::{DynamoStore, read};

/// How many times an update of a cluster item is tried when somebody else changes it meanwhile.
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
    async fn is_telling(&mut self) -> Result<bool, StoreError> {
        self.learn().await?;
        Ok(self.tells())
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
        // Refused, more has come.
        match self.apply(&[write]).await {
            Ok(()) | Err(TableError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn settle(
        &self,
        transition: &Transition,
        told: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        match (&transition.change, transition.cluster) {
            (Change::Recovered { .. } | Change::Regressed { .. }, Some(cluster)) => {
                self.move_cluster_item(cluster, transition, told).await
            }
            (_, Some(cluster)) => {
                // What has no entry is told by whoever commits the events that show it.
                let Some(what) = what(&transition.change) else {
                    return Ok(false);
                };
                // Which episode it is, the table knows for longer than the segments.
                let found = self.table.get(&[cluster_key(cluster)]).await?;
                let episode = found.first().and_then(|item| item.number_of("ep"));
                let episode = episode.unwrap_or(transition.episode);
                let entry = JournalEntry::of(what, transition.at, episode);
                let entry = journal_item(cluster, &entry, self.now);
                self.create(entry, of_episode(told, episode).as_ref()).await
            }
            (_, None) => match told {
                Some(alert) => self.tell_once(alert).await,
                None => Ok(false),
            },
        }
    }

    async fn tell_once(&self, alert: &Alert) -> Result<bool, StoreError> {
        self.create(told_item(alert, self.now), Some(alert)).await
    }
}

impl<T: Table> DynamoStore<T> {
    /// Makes an item that there is one of at most, and tells why.
    async fn create(&self, item: Item, told: Option<&Alert>) -> Result<bool, StoreError> {
        let mut writes = vec![Write::Create(item)];
        writes.extend(self.rows(told));
        match self.apply(&writes).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn rows<'s>(&'s self, told: Option<&'s Alert>) -> impl Iterator<Item = Write> + 's {
        let rows = |alert| self.tell(alert, self.now);
        told.into_iter().flat_map(rows)
    }

    /// Closes a cluster item, or opens it again, unless it is so already or has changed its mind.
    async fn move_cluster_item(
        &self,
        cluster: ClusterId,
        transition: &Transition,
        told: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(&[cluster_key(cluster)]).await?;
            let cluster_item = found.first().and_then(ClusterItem::read);
            let moved = cluster_item
                .and_then(|(_, cluster_item)| next_move(cluster, &cluster_item, transition));
            let Some((write, episode)) = moved else {
                return Ok(false);
            };
            let mut writes = vec![write];
            if what(&transition.change).is_some()
                && let Some(entry) = JournalEntry::of_transition(transition)
            {
                let entry = JournalEntry { episode, ..entry };
                writes.push(Write::Put(journal_item(cluster, &entry, self.now)));
            }
            writes.extend(self.rows(of_episode(told, episode).as_ref()));
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

/// Returns what moves a cluster item, and the episode that this belongs to.
fn next_move(
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
        // One that came back since has ended then already: a run that broke off said so, and this one
        // takes the hour again.
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

/// Returns what is told as something that belongs to an episode.
fn of_episode(told: Option<&Alert>, episode: i64) -> Option<Alert> {
    Some(told?.clone().in_episode(episode))
}

/// Returns what the journal of a cluster says of a change that the inspection finds. It says the same
/// whenever that is found out, so that it is there once.
fn what(change: &Change) -> Option<JournalEvent> {
    match change {
        Change::Recovered { .. } => Some(JournalEvent::Recovered),
        Change::Regressed { .. } => Some(JournalEvent::Regressed),
        Change::Escalating { .. } => Some(JournalEvent::Escalating),
        Change::Calmed(_) => Some(JournalEvent::Calmed),
        _ => None,
    }
}
