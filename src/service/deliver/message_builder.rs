//! Where messages are made of rows: what is known of the cluster by now, and what IAM says
//! of the access keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use alerts::alert::{Alert, AlertSubject};
use alerts::facts::{Facts, KeyFacts, Stage};
use alerts::kind::AlertKind;
use alerts::message::{ClusterContext, Enrichment, Message};
use alerts::outbox::OutboxRow;
use alerts::severity::{Assessment, Severity};
use clusters::campaign::{Campaign, CampaignSpan};
use clusters::facet::{self, Facets};
use clusters::keys::{KeyAnomaly, KeyReport};
use records::time::{Timestamp, Window};

use crate::deliver::Delivery;
use crate::key_lookup::{KeyLookup, SeenKey};
use crate::ports::{
    Campaigns, Clock, ClusterDetails, ClusterReader, KeyDirectory, KeyUsageStore, StoreError,
};

/// How many access keys of a cluster are looked up.
const KEYS_MAX: usize = 3;

/// How many hours of event time an alert looks at, from its event on.
const HOURS_MAX: i64 = 24;

/// How long a whole run waits for its turns to ask IAM, in milliseconds.
const PATIENCE_MILLIS: i64 = 10_000;

/// Makes the messages of one run.
#[derive(Debug)]
pub struct MessageBuilder<'a, O, K, C> {
    delivery: &'a Delivery<'a, O, K, C>,
    /// What IAM says of access keys: what one sink found out another one need not ask.
    key_lookup: KeyLookup<'a, O, K, C>,
    /// The campaigns that were met, by account and actor.
    met: RefCell<BTreeMap<(String, String), CampaignSpan>>,
}

impl<'a, O, K, C> MessageBuilder<'a, O, K, C>
where
    O: Campaigns + ClusterReader + KeyUsageStore,
    K: KeyDirectory,
    C: Clock,
{
    /// Returns a builder of messages.
    pub fn new(delivery: &'a Delivery<'a, O, K, C>) -> Self {
        let Delivery {
            store,
            directory,
            clock,
            keys,
            ..
        } = *delivery;
        Self {
            delivery,
            key_lookup: KeyLookup::new(store, directory, clock, keys, PATIENCE_MILLIS),
            met: RefCell::default(),
        }
    }

    /// Makes the message of a row, of whose cluster so many were held back.
    pub async fn message(&self, row: &OutboxRow, suppressed: u64) -> Result<Message, StoreError> {
        let alert = &row.alert;
        let hours = hours(alert, self.delivery.clock.now());
        let cluster_details = match alert.cluster() {
            Some(cluster) => {
                self.delivery
                    .store
                    .cluster_details(cluster, hours.clone())
                    .await?
            }
            None => None,
        };
        let keys = self.keys(alert, cluster_details.as_ref()).await?;
        let name = self.account_name(alert);
        let message = match cluster_details {
            Some(cluster_details) => {
                let known = ClusterContext {
                    cluster: cluster_details.cluster,
                    first_seen: cluster_details.first_seen,
                    circumstances: cluster_details.circumstances,
                    range: Some((hours.start().start(), hours.end().end())),
                    account_errors: cluster_details.account_errors,
                };
                Message::of_cluster(alert.clone(), known, keys, name)
            }
            None => without_cluster(alert, keys, name),
        };
        Ok(Message {
            severity: made_louder(message.severity, &message.keys),
            suppressed,
            ..message
        })
    }

    /// Tells whether a campaign tells what happened to a cluster: one that was one already by then. The
    /// campaigns that are found on the way are told.
    pub async fn is_covered_by_campaign(&self, alert: &Alert) -> Result<bool, StoreError> {
        let joins = matches!(
            alert.kind(),
            AlertKind::New | AlertKind::NewPrincipal | AlertKind::Regressed
        );
        let (Some(cluster), Some(at)) = (alert.cluster().filter(|_| joins), alert.at) else {
            return Ok(false);
        };
        let Delivery { store, clock, .. } = self.delivery;
        let now = clock.now();
        let hours = at.window().plus(-1)..=at.window().plus(1).min(now.window());
        let campaigns = store.campaigns(cluster, hours).await?;
        for campaign in campaigns.iter() {
            let (of, standing) = (
                (campaign.account_id.clone(), campaign.actor.clone()),
                CampaignSpan::of(campaign),
            );
            if self.met.borrow().get(&of) != Some(&standing) {
                let told = Alert::of_campaign(campaign, Stage::Began, now);
                store.meet_campaign(campaign, &told).await?;
                self.met.borrow_mut().insert(of, standing);
            }
        }
        let tells = |of: &Campaign| of.opened <= at && of.covers(cluster, at);
        Ok(campaigns.iter().any(tells))
    }

    /// Returns the message of an alert that says all by itself.
    pub fn summary(&self, alert: Alert) -> Message {
        let name = self.account_name(&alert);
        Message::of_account(alert, Vec::new(), name)
    }

    fn account_name(&self, alert: &Alert) -> Option<String> {
        let names = self.delivery.account_names;
        names.get(alert.account_id()).cloned()
    }

    /// Reports on the keys that an alert is about.
    async fn keys(
        &self,
        alert: &Alert,
        cluster_details: Option<&ClusterDetails>,
    ) -> Result<Vec<KeyReport>, StoreError> {
        if let (AlertSubject::AccessKey { key, .. }, Facts::AccessKey(of)) =
            (&alert.subject, &alert.facts)
        {
            let seen = SeenKey {
                key,
                at: alert.at,
                caller_account: Some(alert.account_id()),
                session: None,
                cluster: None,
            };
            let mut report = self.key_lookup.report(&seen).await?;
            add_told(&mut report, of);
            return Ok(vec![report]);
        }
        let Some(ClusterDetails { cluster, .. }) = cluster_details else {
            return Ok(Vec::new());
        };
        let values = cluster.facets.get(&facet::FacetKind::AccessKey);
        let mut reports = Vec::new();
        for value in values.into_iter().flat_map(|of| &of.values).take(KEYS_MAX) {
            let key = value.value.as_str();
            let has = |facet_set: &&Facets| facet_set.get(facet::FacetKind::AccessKey) == Some(key);
            let facet_set = cluster.facet_sets.iter().find(has);
            let facet = |kind| facet_set.and_then(|facet_set: &Facets| facet_set.get(kind));
            let seen = SeenKey {
                key,
                at: value.span.last_seen,
                caller_account: facet(facet::FacetKind::CallerAccount),
                session: facet(facet::FacetKind::Session),
                cluster: Some((cluster.id, &cluster.facts.identity.account_id)),
            };
            reports.push(self.key_lookup.report(&seen).await?);
        }
        Ok(reports)
    }
}

/// Returns the hours that an alert looks at: from its event's on, up to now or for a day. Where the
/// inspection found it, the events that showed it lie before; of a long range it is the last day.
fn hours(alert: &Alert, now: Timestamp) -> RangeInclusive<Window> {
    if let Some((from, until)) = alert.facts.range() {
        let last = until.after(-1).unwrap_or(until).min(now);
        let first = last.after(-(HOURS_MAX - 1) * 3600).unwrap_or(last);
        return from.clamp(first, last).window()..=last.window();
    }
    let first = alert.at.unwrap_or(now).min(now);
    let last = Timestamp::from_seconds(first.seconds() + (HOURS_MAX - 1) * 3600);
    first.window()..=last.unwrap_or(now).min(now).window()
}

/// Adds what was odd about a key when it was told, which what is known by now need not show.
fn add_told(report: &mut KeyReport, told: &KeyFacts) {
    report.oddities.push(told.anomaly());
    report.oddities.sort_unstable();
    report.oddities.dedup();
}

/// Returns a message that is about no cluster, or about one of which nothing is kept any more.
fn without_cluster(alert: &Alert, keys: Vec<KeyReport>, name: Option<String>) -> Message {
    let message = Message::of_account(alert.clone(), keys, name);
    Message {
        enrichment: match alert.cluster() {
            Some(_) => Enrichment::Partial,
            None => message.enrichment,
        },
        ..message
    }
}

/// Makes an assessment as loud as what is odd about access keys asks for.
fn made_louder(mut assessment: Assessment, keys: &[KeyReport]) -> Assessment {
    for anomaly in keys.iter().flat_map(|key| &key.oddities) {
        let (least, reason) = match anomaly {
            KeyAnomaly::Canary => (Severity::Critical, "a canary key was used".to_owned()),
            KeyAnomaly::Awakened { days } => {
                let reason = format!("an access key woke up after {days} days");
                (Severity::Error, reason)
            }
            _ => continue,
        };
        if assessment.severity < least {
            assessment.severity = least;
            assessment
                .reasons
                .push(format!("{} as {reason}", least.name()));
        }
    }
    assessment
}

#[cfg(test)]
mod tests {
    use clusters::fingerprint::ClusterId;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn an_alert_looks_at_the_hours_that_showed_it() {
        let history = (ClusterId::from_bytes([7; 16]), 1);
        let first = at("2026-11-02T08:10:00Z");
        let new = Alert::of_cluster(Facts::New, "1", history, Some(first), Timestamp::FIRST);
        let full = at("2026-11-02T09:00:00Z");
        let escalating = Alert::of_escalation("1", Some(history), full, (70, 60), Timestamp::FIRST);
        let later = at("2026-11-09T12:00:00Z");
        let short = Alert::of_recovery("1", history, later, first, (7200, 5), Timestamp::FIRST);
        let long = Alert::of_recovery(
            "1",
            history,
            later,
            first,
            (3 * 86_400, 5),
            Timestamp::FIRST,
        );
        for (alert, from, until) in [
            (&new, "2026-11-02T08:00:00Z", "2026-11-03T07:00:00Z"),
            (&escalating, "2026-11-02T08:00:00Z", "2026-11-02T08:00:00Z"),
            (&short, "2026-11-02T08:00:00Z", "2026-11-02T10:00:00Z"),
            (&long, "2026-11-04T09:00:00Z", "2026-11-05T08:00:00Z"),
        ] {
            let wanted = at(from).window()..=at(until).window();
            let now = at("2026-11-10T00:00:00Z");
            assert_eq!(hours(alert, now), wanted, "{:?}", alert.kind());
        }
        let now = at("2026-11-02T08:30:00Z");
        let hour = at("2026-11-02T08:00:00Z").window();
        assert_eq!(hours(&new, now), hour..=hour);
        assert_eq!(hours(&long, now), hour..=hour, "no hour is yet to come");
    }
}
