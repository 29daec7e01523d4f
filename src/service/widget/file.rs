//! The page of one cluster: its items in the store, and the events of the hours in which it failed. The data are the same
//! for a sensitive call.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::outbox::MessageLogEntry;
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::journal::{self, Fault, JournalEntry};
use clusters::keys::{KeyAnomaly, KeyReport};
use clusters::occurrence::{Occurrence, occurrences};
use clusters::related::related;
use clusters::sightings::Sightings;
use clusters::{Cluster, ClusterSnapshot, ClusterTotals, EventId, FacetValue, Sighting};
use records::key_id::KeyKind;
use records::time::Window;
use view::dashboard::cluster::ClusterPage;
use view::json::{self, CallShape, ClusterShape, HistoryShape};
use view::listing::{HOURS_MAX, ListedCluster};

use crate::ports::{
    ClusterDetails, ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore,
    VersionedTriage,
};
use crate::widget::request::MUTES;
use crate::widget::{Now, View, WidgetHandler};

/// The highest number of long-term access keys that are looked up for a page.
const KEYS_MAX: usize = 10;

/// The highest number of hours with events of a cluster, and of events of all clusters in the time between them, that are read
/// for a page. Of a longer life only the last hours are read.
const LIFE_HOURS_MAX: usize = 200;
const LIFE_EVENTS_MAX: u64 = 200_000;

/// All data that the page of one cluster shows.
pub struct ClusterData {
    pub cluster_details: ClusterDetails,
    pub versioned: VersionedTriage,
    pub entries: Vec<JournalEntry>,
    pub(super) cluster: Cluster,
    pub(super) hours: Vec<Window>,
    pub(super) occurrences: Vec<Occurrence>,
    faults: Vec<Fault>,
    pub(super) sent: Vec<MessageLogEntry>,
    pub(super) keys: Vec<KeyReport>,
}

impl ClusterData {
    /// Returns the cluster's row in the list. A cluster whose events have all expired gets a row without counts.
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
    /// Returns the page of a cluster or sensitive call in HTML.
    pub(super) async fn open(
        &self,
        cluster: ClusterId,
        now: Now,
        view: View<'_>,
    ) -> Result<String, StoreError> {
        let Some(data) = self.cluster_data(cluster, &now).await? else {
            // An address names an id without its kind.
            let incident = self.incident(&cluster.to_string(), &now, view == View::InWidget);
            return Ok(incident.unwrap_or_else(|| self.unknown_cluster(cluster)));
        };
        if data.cluster.facts.is_sensitive_call() {
            return Ok(self.call_page(&data, &now, view));
        }
        let listed = data.listed(&now);
        let last_hours = || listed.hours.iter().copied().collect();
        let life: Vec<(Window, u64)> = now.life(cluster).unwrap_or_else(last_hours);
        let triage = data.versioned.triage.as_ref();
        let page = ClusterPage {
            frame: self.frame(),
            cluster: &data.cluster,
            listed: &listed,
            first_seen: data.cluster_details.first_seen,
            life: &life,
            hours: &data.hours,
            triage_status: triage.map(|triage| self.triage_status(triage, &listed)),
            version: data.versioned.version,
            faults: &data.faults,
            entries: &data.entries,
            keys: &data.keys,
            related: &related(cluster, &data.occurrences),
            sent: &data.sent,
            links: &self.setting.links,
            mutes: if self.setting.decides { &MUTES } else { &[] },
            is_in_widget: view == View::InWidget,
            notice: view.notice(),
        };
        Ok(page.html())
    }

    /// Returns an HTML page that shows a cluster or sensitive call as JSON, to be copied.
    pub async fn export(&self, cluster: ClusterId, now: Now) -> Result<String, StoreError> {
        let Some(data) = self.cluster_data(cluster, &now).await? else {
            return Ok(self.unknown_cluster(cluster));
        };
        if data.cluster.facts.is_sensitive_call() {
            let json = json::export_call(
                CallShape::of(&data.cluster, alerts::severity::of_cluster(&data.cluster)),
                &data.sent,
                None,
            );
            return Ok(ClusterPage::export(self.frame(), &json));
        }
        let listed = data.listed(&now);
        let triage = data.versioned.triage.as_ref();
        let triage_status = triage.map(|triage| self.triage_status(triage, &listed));
        let shape = ClusterShape::of(&data.cluster, &listed, listed.span(), triage_status);
        let history = HistoryShape::of(cluster, &data.faults, &data.entries);
        let json = json::export(shape, history, &data.sent, None);
        Ok(ClusterPage::export(self.frame(), &json))
    }

    /// Reads all data for the page of a cluster; `None` if the store does not have the cluster.
    async fn cluster_data(
        &self,
        cluster: ClusterId,
        now: &Now,
    ) -> Result<Option<ClusterData>, StoreError> {
        let store = self.store;
        let Some(cluster_details) = store.cluster_details_of(&[cluster]).await?.remove(&cluster)
        else {
            return Ok(None);
        };
        let hours = self.hours(hours_with_events(now, cluster));
        let (events, occurrences) = self.events(&hours, now).await?;
        let sightings = events.iter().map(|(id, seen)| (*id, seen));
        let own = sightings.filter(|(_, seen)| seen.series.cluster == cluster);
        let seen = seen(&cluster_details.cluster, own);
        let mut entries = store.journal(cluster).await?;
        entries.extend(now.journals.get(&cluster).into_iter().flatten().cloned());
        entries.sort();
        Ok(Some(ClusterData {
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

    /// Returns the hours to read: those of `all` in the time range of the dashboard. If there are none, all of them.
    fn hours(&self, all: Vec<Window>) -> Vec<Window> {
        let Some((from, until)) = self.context.range else {
            return all;
        };
        let is_within = |hour: &&Window| hour.end() > from && hour.start() < until;
        let within: Vec<Window> = all.iter().filter(is_within).copied().collect();
        if within.is_empty() { all } else { within }
    }

    /// Returns the events of some hours, of all clusters. Hours since the last inspection were read already.
    async fn events(
        &self,
        hours: &[Window],
        now: &Now,
    ) -> Result<(Vec<(EventId, Sighting)>, Vec<Occurrence>), StoreError> {
        let until = now.listing.until;
        let before: Vec<Window> = hours.iter().copied().filter(|hour| *hour < until).collect();
        let cached = |cluster| now.listing.subject(cluster).map(Arc::clone);
        let hour = self.store.hours(&before, &cached).await?;
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

    /// Returns reports about some of a cluster's access keys, from stored answers of IAM.
    async fn keys(&self, cluster: &Cluster) -> Result<Vec<KeyReport>, StoreError> {
        let Some(keys) = cluster.facets.get(&FacetKind::AccessKey) else {
            return Ok(Vec::new());
        };
        // Temporary keys are many, and IAM has no answers about them.
        let lasting = |key: &&FacetValue| KeyKind::of(&key.value) != KeyKind::Temporary;
        let mut reports = Vec::new();
        for key in keys.values.iter().filter(lasting).take(KEYS_MAX) {
            let key_usage = self.store.key_usage(&key.value).await?;
            let settings = &self.setting.keys;
            let report = settings.report(&key.value, key.span.last_seen, Some(&key_usage));
            reports.push(checked(report, cluster));
        }
        Ok(reports)
    }
}

/// Returns the report about a key without its account and without the anomaly that it belongs to another one, unless a record
/// names the same account for a caller. The account in the id of a key is a guess, and an invented key has any.
fn checked(report: KeyReport, cluster: &Cluster) -> KeyReport {
    let Some(account_id) = &report.account_id else {
        return report;
    };
    let callers = cluster.facets.get(&FacetKind::CallerAccount);
    let mut callers = callers.into_iter().flat_map(|of| &of.values);
    if callers.any(|of| of.value == *account_id) {
        return report;
    }
    let mut anomalies = report.anomalies;
    anomalies.retain(|of| *of != KeyAnomaly::Foreign);
    KeyReport {
        account_id: None,
        anomalies,
        ..report
    }
}

/// Returns the hours, oldest first, in which a cluster or sensitive call had events: of its whole life if they are known and
/// not too many, else the last ones.
fn hours_with_events(now: &Now, id: ClusterId) -> Vec<Window> {
    let listing = &now.listing;
    let life = now.life(id).filter(|of| of.len() <= LIFE_HOURS_MAX);
    if let Some(life) = life.filter(|of| now.events_beside(of) <= LIFE_EVENTS_MAX) {
        return life.iter().map(|(hour, _)| *hour).collect();
    }
    if let Some(listed) = listing.clusters.get(&id) {
        return listed.hours.iter().map(|(hour, _)| *hour).collect();
    }
    let call = listing.calls.get(&id);
    let hours = call.iter().flat_map(|of| of.hours().rev());
    let mut hours: Vec<Window> = hours.map(|(hour, _)| hour).take(HOURS_MAX).collect();
    hours.reverse();
    hours
}

/// Returns a cluster with the counts, times and facets of some events only.
fn seen<'s>(cluster: &Cluster, events: impl Iterator<Item = (EventId, &'s Sighting)>) -> Cluster {
    let mut sightings = Sightings::default();
    sightings.add(events);
    let (series_table, rows) = sightings.rows(None);
    let facts = BTreeMap::from([(cluster.id, Arc::clone(&cluster.facts))]);
    let snapshot = ClusterSnapshot::of(facts, series_table, rows);
    let sums = snapshot.all_sums();
    let own = sums.iter().find(|of| of.id == cluster.id);
    let seen = own.map(ClusterTotals::cluster);
    Cluster {
        samples: cluster.samples.clone(),
        ..seen.unwrap_or_else(|| cluster.clone())
    }
}
