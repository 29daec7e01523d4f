//! Finds campaigns in the segments of some hours, and writes the alert about a campaign once.
//!
//! Several functions may find the same campaign. An item per actor holds the span of the campaign; the function that
//! creates the item writes the alert.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use alerts::alert::Alert;
use clusters::EventId;
use clusters::campaign::{Campaign, CampaignSpan, Occurrence, campaigns_within, is_suspect};
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::segment::Segment;
use records::time::Window;
use service::ports::{Campaigns, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::cluster_details::lock;
use crate::dynamodb::item::ClusterItem;
use crate::dynamodb::message::{campaign_item, campaign_key, read_campaign};
use crate::dynamodb::table::{Table, TableError, Write};

/// How many times an update of a campaign's item is tried while other functions change the item.
const ATTEMPTS_MAX: u32 = 4;

impl<T: Table> Campaigns for DynamoStore<T> {
    async fn campaigns(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Arc<Vec<Campaign>>, StoreError> {
        let read_cache = self.read_cache();
        let cluster_item = self.cluster_item(&read_cache, cluster).await?;
        let identity = cluster_item.map(|cluster_item| cluster_item.facts.identity);
        let Some(identity) = identity.filter(|of| is_suspect(of.class)) else {
            return Ok(Arc::default());
        };
        let cached = lock(&read_cache).campaigns(&identity.account_id, &hours);
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let (segments, cluster_items) = self.hours(&read_cache, &hours).await?;
        let of_account = |(_, cluster_item): &(&ClusterId, &ClusterItem)| {
            cluster_item.facts.identity.account_id == identity.account_id
        };
        let subject = |(id, cluster_item): (&ClusterId, &ClusterItem)| {
            (
                *id,
                Arc::new(ClusterSubject::from(&cluster_item.facts.identity)),
            )
        };
        let subjects = cluster_items.iter().filter(of_account).map(subject);
        let subjects: BTreeMap<ClusterId, Arc<ClusterSubject>> = subjects.collect();
        // An event may be in several segments, so the map counts it once.
        let mut occurrences: BTreeMap<EventId, Occurrence> = BTreeMap::new();
        for (id, sighting) in segments.iter().flat_map(Segment::sightings) {
            let (Some(at), Some(subject)) = (
                sighting.at(),
                subjects.get(&sighting.series.cluster).map(Arc::clone),
            ) else {
                continue;
            };
            let series = Arc::clone(&sighting.series);
            let occurrence = Occurrence {
                at,
                id,
                series,
                subject,
            };
            if occurrence.is_suspect() {
                occurrences.entry(id).or_insert(occurrence);
            }
        }
        let occurrences: Vec<Occurrence> = occurrences.into_values().collect();
        let from = hours.start().start();
        let is_new = |cluster| {
            let cluster_item: Option<&ClusterItem> = cluster_items.get(&cluster);
            let first = cluster_item.and_then(|cluster_item| cluster_item.first);
            first.is_some_and(|first| first >= from)
        };
        let found = Arc::new(campaigns_within(&occurrences, is_new));
        lock(&read_cache).store_campaigns(&identity.account_id, &hours, &found);
        Ok(found)
    }

    async fn announce_campaign(
        &self,
        campaign: &Campaign,
        alert: &Alert,
    ) -> Result<bool, StoreError> {
        let key = campaign_key(&campaign.account_id, &campaign.actor);
        for _ in 0..ATTEMPTS_MAX {
            let found = self.table.get(std::slice::from_ref(&key)).await?;
            let stored = found.first().and_then(read_campaign);
            let current = stored.filter(|(span, _)| span.is_of(campaign));
            let version = stored.map_or(0, |(_, version)| version);
            let new = CampaignSpan::of(campaign);
            let next = current.map_or(new, |(span, _)| span.with(campaign));
            if current.is_some_and(|(span, _)| span == next) {
                return Ok(false);
            }
            let item = campaign_item(key.clone(), next, version + 1, self.now);
            let mut writes = vec![Write::Replace { item, version }];
            if current.is_none() {
                writes.extend(self.outbox_writes(alert, self.now));
            }
            match self.apply(&writes).await {
                Ok(()) => return Ok(current.is_none()),
                Err(TableError::Refused { place: 0, .. }) => {}
                // The outbox has a row of this alert already.
                Err(TableError::Refused { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}
