//! What the inspection reads of the table and changes there: hours of manifests, lives that end or come
//! back, and what is told once.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alert::occasion::{Kind, Occasion};
use crate::aws::dynamodb::item::{
    Head, State, head_key, late_item, late_partition, manifest_partitions, open_place, read_late,
    recovered_place,
};
use crate::aws::dynamodb::message::{campaign_item, campaign_key, read_campaign, told_item};
use crate::aws::dynamodb::table::{Table, TableError, Write};
use crate::aws::dynamodb::{DynamoStore, commit::together, read};
use crate::cluster::campaign::{Campaign, Standing};
use crate::cluster::fingerprint::{ClusterId, Subject};
use crate::cluster::guard::is_overflow_subject;
use crate::cluster::manifest::Manifest;
use crate::cluster::sightings::Sightings;
use crate::cluster::transition::{Change, Transition};
use crate::ports::{Hour, Late, Past, StoreError};
use crate::trail::time::Window;

/// How often a head is read again that changes all the time.
const ATTEMPTS_MAX: u32 = 4;

impl<T: Table> Past for DynamoStore<T> {
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.learn().await
    }

    async fn hour(
        &self,
        window: Window,
        known: &dyn Fn(ClusterId) -> Option<Arc<Subject>>,
    ) -> Result<Hour, StoreError> {
        let table = &self.table;
        let partitions = manifest_partitions(Some(window));
        let reads = partitions.map(|pk| async move { table.query(&pk).await });
        let mut manifests = Vec::new();
        let mut hour = Hour::default();
        for items in together(reads).await {
            for item in items? {
                match read::manifest(&item) {
                    Ok(manifest) => manifests.push(manifest),
                    Err(error) => hour.damaged.push(error.to_string()),
                }
            }
        }
        let seen = manifests.iter().flat_map(Manifest::sightings);
        let clusters: BTreeSet<ClusterId> = seen.map(|(_, seen)| seen.case.cluster).collect();
        let mut unknown = Vec::new();
        for cluster in clusters {
            match known(cluster) {
                Some(subject) => drop(hour.subjects.insert(cluster, subject)),
                None => unknown.push(head_key(cluster)),
            }
        }
        let heads = table.get(&unknown).await?;
        for (cluster, head) in heads.iter().filter_map(Head::read) {
            let subject = Subject::from(&head.facts.identity);
            hour.subjects.insert(cluster, Arc::new(subject));
        }
        let overflow = hour.subjects.iter();
        let overflow = overflow.filter(|(_, subject)| is_overflow_subject(subject));
        let overflow = overflow.map(|(cluster, _)| *cluster).collect();
        let mut sightings = Sightings::default();
        read::add(&mut sightings, &manifests, &overflow);
        hour.events = sightings.events();
        Ok(hour)
    }

    async fn late(&self) -> Result<Vec<Late>, StoreError> {
        let found = self.table.query(late_partition()).await?;
        Ok(found.iter().filter_map(read_late).collect())
    }

    async fn forget_late(&self, late: &Late) -> Result<(), StoreError> {
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
        told: Option<&Occasion>,
    ) -> Result<bool, StoreError> {
        match (&transition.change, transition.cluster, told) {
            (Change::Recovered { .. } | Change::Regressed { .. }, Some(cluster), told) => {
                self.move_head(cluster, transition, told).await
            }
            // These are told by whoever commits the events that show them.
            (Change::New | Change::NewPrincipal { .. }, ..) | (.., None) => Ok(false),
            (_, Some(cluster), Some(occasion)) => {
                // Which life it is, the table knows for longer than the manifests.
                let found = self.table.get(&[head_key(cluster)]).await?;
                let epoch = found.first().and_then(|item| item.number_of("ep"));
                let epoch = epoch.unwrap_or(occasion.epoch);
                let occasion = Occasion {
                    epoch,
                    ..occasion.clone()
                };
                self.tell_once(&occasion).await
            }
            (_, None, Some(occasion)) => self.tell_once(occasion).await,
        }
    }

    async fn tell_once(&self, occasion: &Occasion) -> Result<bool, StoreError> {
        let mut writes = vec![Write::Create(told_item(occasion, self.now.seconds()))];
        writes.extend(self.rows(Some(occasion)));
        match self.apply(&writes).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn meet_campaign(
        &self,
        campaign: &Campaign,
        told: Option<&Occasion>,
    ) -> Result<bool, StoreError> {
        let key = campaign_key(&campaign.account_id, &campaign.actor);
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(std::slice::from_ref(&key)).await?;
            let known = found.first().and_then(read_campaign);
            let standing = known.filter(|(standing, _)| standing.is_of(campaign));
            let version = known.map_or(0, |(_, version)| version);
            let new = Standing {
                began: campaign.began,
                last: campaign.last,
            };
            let next = standing.map_or(new, |(standing, _)| standing.with(campaign));
            if standing.is_some_and(|(standing, _)| standing == next) {
                return Ok(false);
            }
            let item = campaign_item(key.clone(), next, version + 1, self.now.seconds());
            let mut writes = vec![Write::Replace { item, version }];
            if standing.is_none() {
                writes.extend(self.rows(told));
            }
            match self.apply(&writes).await {
                Ok(()) => return Ok(standing.is_none()),
                Err(TableError::Refused { place: 0, .. }) => {}
                // It waits to be sent already.
                Err(TableError::Refused { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

impl<T: Table> DynamoStore<T> {
    /// Returns the rows of something that is told, none where nobody is or not yet.
    fn rows<'s>(&'s self, told: Option<&'s Occasion>) -> impl Iterator<Item = Write> + 's {
        let told = told.filter(|_| self.tells());
        told.into_iter()
            .flat_map(|occasion| self.tell(occasion, self.now.seconds()))
    }

    /// Closes a head, or opens it again, unless it is so already or has changed its mind.
    async fn move_head(
        &self,
        cluster: ClusterId,
        transition: &Transition,
        told: Option<&Occasion>,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(&[head_key(cluster)]).await?;
            let head = found.first().and_then(Head::read);
            let moved = head.and_then(|(_, head)| next_move(cluster, &head, transition));
            let Some((write, epoch)) = moved else {
                return Ok(false);
            };
            let of_life = |occasion: &Occasion| Occasion {
                epoch,
                ..occasion.clone()
            };
            let told = told.map(of_life);
            let mut writes = vec![write];
            let noted = told_of(cluster, transition, epoch);
            writes.push(Write::Put(told_item(&noted, self.now.seconds())));
            writes.extend(self.rows(told.as_ref()));
            match self.apply(&writes).await {
                Ok(()) => return Ok(true),
                Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

/// Returns what moves a head, and the life that this belongs to.
fn next_move(cluster: ClusterId, head: &Head, transition: &Transition) -> Option<(Write, i64)> {
    let (key, at) = (head_key(cluster), transition.at.seconds());
    match transition.change {
        Change::Recovered { .. } if head.state != State::Recovered => {
            let recover = Write::Recover {
                key,
                version: head.version,
                watermark: at,
                recovered: recovered_place(cluster, at),
            };
            Some((recover, head.epoch))
        }
        Change::Regressed { .. } if head.state == State::Recovered && head.watermark < at => {
            let regress = Write::Regress {
                key,
                epoch: head.epoch,
                at,
                open: open_place(cluster, at),
            };
            Some((regress, head.epoch + 1))
        }
        _ => None,
    }
}

/// Returns what stands in the history of a cluster, whether or not somebody is told.
fn told_of(cluster: ClusterId, transition: &Transition, epoch: i64) -> Occasion {
    let kind = match transition.change {
        Change::Recovered { .. } => Kind::Recovered,
        _ => Kind::Regressed,
    };
    let (account_id, at) = (&transition.account_id, transition.at.seconds());
    Occasion::of_cluster(kind, account_id, (cluster, epoch), at, at)
}
