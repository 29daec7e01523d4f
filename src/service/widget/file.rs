//! One cluster in full: what its items say, and the events of the hours in which it failed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::outbox::Sent;
use clusters::campaign::{Occurrence, occurrences};
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::journal::{self, Fault, JournalEntry};
use clusters::keys::KeyReport;
use clusters::related::related;
use clusters::sightings::Sightings;
use clusters::{Cluster, ClusterSnapshot, EventId, Sighting};
use records::key_id::KeyKind;
use records::time::Window;
use view::dashboard::cluster::ClusterPage;
use view::json::{self, ClusterShape, HistoryShape};
use view::listing::ListedCluster;

use crate::ports::{
    ClusterDetails, ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore,
    VersionedTriage,
};
use crate::widget::request::MUTES;
use crate::widget::{Now, WidgetHandler};

/// How many access keys are looked up.
const KEYS_MAX: usize = 5;

/// What is known of a cluster.
pub struct File {
    pub cluster_details: ClusterDetails,
    pub versioned: VersionedTriage,
    pub entries: Vec<JournalEntry>,
    cluster: Cluster,
    hours: Vec<Window>,
    occurrences: Vec<Occurrence>,
    faults: Vec<Fault>,
    sent: Vec<Sent>,
    keys: Vec<KeyReport>,
}

impl File {
    /// Returns what the list says of the cluster.
    fn listed<'n>(&self, now: &'n Now) -> Cow<'n, ListedCluster> {
        let listed = now
            .listing
            .clusters
            .get(&self.cluster.id)
            .map(Cow::Borrowed);
        listed.unwrap_or_else(|| {
            let subject = Arc::new(ClusterSubject::from(&self.cluster.facts.identity));
            Cow::Owned(ListedCluster::expired(
                subject,
                self.cluster_details.first_seen,
            ))
        })
    }
}

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    /// Returns the page of a cluster, with what has just come of what somebody did.
    pub async fn open(
        &self,
        cluster: ClusterId,
        now: Now,
        notice: Option<&str>,
    ) -> Result<String, StoreError> {
        let Some(file) = self.file(cluster, &now).await? else {
            return Ok(self.unknown(cluster));
        };
        let listed = file.listed(&now);
        let mutes: Vec<&str> = MUTES.iter().map(|(name, _)| *name).collect();
        let triage = file.versioned.triage.as_ref();
        let page = ClusterPage {
            frame: self.frame(),
            cluster: &file.cluster,
            listed: &listed,
            first_seen: file.cluster_details.first_seen,
            hours: &file.hours,
            triage_status: triage.map(|triage| self.triage_status(triage, &listed)),
            version: file.versioned.version,
            faults: &file.faults,
            entries: &file.entries,
            keys: &file.keys,
            related: &related(cluster, &file.occurrences),
            sent: &file.sent,
            links: &self.setting.links,
            mutes: if self.setting.decides { &mutes } else { &[] },
            notice,
        };
        Ok(page.html())
    }

    /// Returns a cluster as JSON to be copied.
    pub async fn export(&self, cluster: ClusterId, now: Now) -> Result<String, StoreError> {
        let Some(file) = self.file(cluster, &now).await? else {
            return Ok(self.unknown(cluster));
        };
        let listed = file.listed(&now);
        let triage = file.versioned.triage.as_ref();
        let triage_status = triage.map(|triage| self.triage_status(triage, &listed));
        let shape = ClusterShape::of(&file.cluster, &listed, listed.span(), triage_status);
        let history = HistoryShape::of(cluster, &file.faults, &file.entries);
        let json = json::export(shape, history, &file.sent);
        Ok(ClusterPage::export(self.frame(), &json))
    }

    pub fn unknown(&self, cluster: ClusterId) -> String {
        let sentence = format!("There is no cluster {cluster} here.");
        self.frame().sentence(&sentence)
    }

    /// Reads everything about a cluster; `None` if there is none such.
    async fn file(&self, cluster: ClusterId, now: &Now) -> Result<Option<File>, StoreError> {
        let store = self.store;
        let Some(cluster_details) = store.cluster_details_of(&[cluster]).await?.remove(&cluster)
        else {
            return Ok(None);
        };
        let hours = self.hours(now.listing.clusters.get(&cluster));
        let (events, occurrences) = self.events(&hours, now).await?;
        let sightings = events.iter().map(|(id, seen)| (*id, seen));
        let own = sightings.filter(|(_, seen)| seen.series.cluster == cluster);
        let seen = seen(&cluster_details.cluster, own);
        let mut entries = store.journal(cluster).await?;
        entries.extend(now.journals.get(&cluster).into_iter().flatten().cloned());
        entries.sort();
        Ok(Some(File {
            keys: self.keys(&seen).await?,
            faults: journal::history(cluster_details.first_seen, &entries),
            versioned: store.triage(cluster).await?,
            sent: store.sent(cluster).await?,
            cluster: seen,
            cluster_details,
            entries,
            hours,
            occurrences,
        }))
    }

    /// Returns the hours to look at: those of the dashboard's time in which the cluster failed, or, if it
    /// did not, the last ones in which it did.
    fn hours(&self, listed: Option<&ListedCluster>) -> Vec<Window> {
        let all: Vec<Window> = listed
            .map(|of| of.hours.iter().map(|(hour, _)| *hour).collect())
            .unwrap_or_default();
        let Some((from, until)) = self.context.range else {
            return all;
        };
        let is_within = |hour: &&Window| hour.end() > from && hour.start() < until;
        let within: Vec<Window> = all.iter().filter(is_within).copied().collect();
        if within.is_empty() { all } else { within }
    }

    /// Reads the events of hours, but for those that were read already.
    async fn events(
        &self,
        hours: &[Window],
        now: &Now,
    ) -> Result<(Vec<(EventId, Sighting)>, Vec<Occurrence>), StoreError> {
        let until = now.listing.until;
        let before: Vec<Window> = hours.iter().copied().filter(|hour| *hour < until).collect();
        let known = |cluster| {
            let listed = now.listing.clusters.get(&cluster);
            listed.map(|of: &ListedCluster| Arc::clone(&of.subject))
        };
        let hour = self.store.hours(&before, &known).await?;
        let mut found = occurrences(&hour.events, &hour.subjects);
        let live = now.live.iter();
        found.extend(
            live.filter(|occurrence| hours.contains(&occurrence.at.window()))
                .cloned(),
        );
        let sighting = |occurrence: &Occurrence| {
            let watched = occurrence.subject.class == Class::Watch;
            let sighting =
                Sighting::new(watched, Some(occurrence.at), Arc::clone(&occurrence.series));
            (occurrence.id, sighting)
        };
        Ok((found.iter().map(sighting).collect(), found))
    }

    /// Looks up what is remembered of a cluster's access keys.
    async fn keys(&self, cluster: &Cluster) -> Result<Vec<KeyReport>, StoreError> {
        let Some(keys) = cluster.facets.get(&FacetKind::AccessKey) else {
            return Ok(Vec::new());
        };
        // Those that stay until somebody deletes them come first: of the others there are many.
        let mut keys: Vec<_> = keys.values.iter().collect();
        keys.sort_by_key(|key| KeyKind::of(&key.value) != KeyKind::LongTerm);
        let mut reports = Vec::new();
        for key in keys.into_iter().take(KEYS_MAX) {
            let key_usage = self.store.key_usage(&key.value).await?;
            let report = self
                .setting
                .keys
                .report(&key.value, key.span.last_seen, Some(&key_usage));
            reports.push(report);
        }
        Ok(reports)
    }
}

/// Returns a cluster as it was seen in some events.
fn seen<'s>(known: &Cluster, events: impl Iterator<Item = (EventId, &'s Sighting)>) -> Cluster {
    let mut sightings = Sightings::default();
    sightings.add(events);
    let (cases, rows) = sightings.rows(None);
    let facts = BTreeMap::from([(known.id, Arc::clone(&known.facts))]);
    let snapshot = ClusterSnapshot::of(facts, cases, rows);
    let seen = snapshot.clusters().into_iter().find(|of| of.id == known.id);
    Cluster {
        samples: known.samples.clone(),
        ..seen.unwrap_or_else(|| known.clone())
    }
}
