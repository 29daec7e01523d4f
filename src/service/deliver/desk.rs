//! The desk at which alerts are made of rows: what is known of the cluster by now, and what IAM says
//! of the access keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use alerts::evidence::Stage;
use alerts::occasion::{Kind, Occasion};
use alerts::outbox::Row;
use alerts::severity::{Assessment, Severity};
use alerts::{Alert, Enrichment};
use clusters::campaign::{Campaign, Standing};
use clusters::facet::{self, Facets};
use clusters::keys::{KeyReport, Oddity};
use records::time::{EventTime, Window};

use crate::deliver::Delivery;
use crate::enquiry::{Enquiry, Seen};
use crate::ports::{Campaigns, Clock, Dossier, Dossiers, KeyDirectory, Ledgers, StoreError};

/// How many access keys of a cluster are looked up.
const KEYS_MAX: usize = 3;

/// How many hours of event time an alert looks at, from its event on.
const HOURS_MAX: i64 = 24;

/// How long a whole run waits for its turns to ask IAM, in milliseconds.
const PATIENCE_MILLIS: i64 = 10_000;

/// Makes the alerts of one run.
#[derive(Debug)]
pub struct Desk<'a, O, K, C> {
    delivery: &'a Delivery<'a, O, K, C>,
    /// What IAM says of access keys: what one sink found out another one need not ask.
    enquiry: Enquiry<'a, O, K, C>,
    /// The campaigns that were met, by account and actor.
    met: RefCell<BTreeMap<(String, String), Standing>>,
}

impl<'a, O, K, C> Desk<'a, O, K, C>
where
    O: Campaigns + Dossiers + Ledgers,
    K: KeyDirectory,
    C: Clock,
{
    /// Returns a desk.
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
            enquiry: Enquiry::new(store, directory, clock, keys, PATIENCE_MILLIS),
            met: RefCell::default(),
        }
    }

    /// Makes the alert of a row, of whose cluster so many were held back.
    pub async fn alert(&self, row: &Row, suppressed: u64) -> Result<Alert, StoreError> {
        let occasion = &row.occasion;
        let hours = hours(occasion, self.delivery.clock.seconds());
        let dossier = match occasion.cluster {
            Some(cluster) => self.delivery.store.dossier(cluster, hours.clone()).await?,
            None => None,
        };
        let keys = self.keys(occasion, dossier.as_ref()).await?;
        let name = self.account_name(occasion);
        let alert = match dossier {
            Some(known) => Alert::of_cluster(
                occasion.clone(),
                known.cluster,
                known.first_seen,
                Some((hours.start().start(), hours.end().end())),
                known.account_errors,
                keys,
                name,
            ),
            None => without_cluster(occasion, keys, name),
        };
        Ok(Alert {
            severity: made_louder(alert.severity, &alert.keys),
            suppressed,
            ..alert
        })
    }

    /// Tells whether a campaign tells what happened to a cluster: one that was one already by then. The
    /// campaigns that are found on the way are told.
    pub async fn is_swallowed(&self, occasion: &Occasion) -> Result<bool, StoreError> {
        let joins = matches!(
            occasion.kind,
            Kind::New | Kind::NewPrincipal | Kind::Regressed
        );
        let (Some(cluster), Some(at)) = (occasion.cluster.filter(|_| joins), occasion.at) else {
            return Ok(false);
        };
        let Delivery { store, clock, .. } = self.delivery;
        let now = clock.seconds();
        let latest = EventTime::from_seconds(now).unwrap_or(at).window();
        let hours = at.window().plus(-1)..=at.window().plus(1).min(latest);
        let campaigns = store.campaigns(cluster, hours).await?;
        for campaign in campaigns.iter() {
            let (of, standing) = (
                (campaign.account_id.clone(), campaign.actor.clone()),
                Standing::of(campaign),
            );
            if self.met.borrow().get(&of) != Some(&standing) {
                let told = Occasion::of_campaign(campaign, Stage::Began, now);
                store.meet_campaign(campaign, &told).await?;
                self.met.borrow_mut().insert(of, standing);
            }
        }
        let tells = |of: &Campaign| of.opened <= at && of.covers(cluster, at);
        Ok(campaigns.iter().any(tells))
    }

    /// Returns the alert of an occasion that tells all by itself.
    pub fn summary(&self, occasion: Occasion) -> Alert {
        let name = self.account_name(&occasion);
        Alert::of_account(occasion, Vec::new(), name)
    }

    fn account_name(&self, occasion: &Occasion) -> Option<String> {
        let names = self.delivery.account_names;
        names.get(&occasion.account_id).cloned()
    }

    /// Reports on the keys that an alert is about.
    async fn keys(
        &self,
        occasion: &Occasion,
        dossier: Option<&Dossier>,
    ) -> Result<Vec<KeyReport>, StoreError> {
        if occasion.kind == Kind::AccessKey {
            let seen = Seen {
                key: &occasion.about,
                at: occasion.at,
                caller_account: Some(&occasion.account_id),
                session: None,
                cluster: None,
            };
            let mut report = self.enquiry.report(&seen).await?;
            add_told(&mut report, &occasion.detail);
            return Ok(vec![report]);
        }
        let Some(Dossier { cluster, .. }) = dossier else {
            return Ok(Vec::new());
        };
        let values = cluster.facets.get(&facet::Kind::AccessKey);
        let mut reports = Vec::new();
        for value in values.into_iter().flat_map(|of| &of.values).take(KEYS_MAX) {
            let key = value.value.as_str();
            let has = |scene: &&Facets| scene.get(facet::Kind::AccessKey) == Some(key);
            let scene = cluster.scenes.iter().find(has);
            let facet = |kind| scene.and_then(|scene: &Facets| scene.get(kind));
            let seen = Seen {
                key,
                at: value.span.last_seen,
                caller_account: facet(facet::Kind::CallerAccount),
                session: facet(facet::Kind::Session),
                cluster: Some((cluster.id, &cluster.facts.identity.account_id)),
            };
            reports.push(self.enquiry.report(&seen).await?);
        }
        Ok(reports)
    }
}

/// Returns the hours that an alert looks at: from its event's on, up to now or for a day. Where the
/// inspection found it, the events that showed it lie before; of a long range it is the last day.
fn hours(occasion: &Occasion, now: i64) -> RangeInclusive<Window> {
    let now = EventTime::from_seconds(now).unwrap_or(EventTime::FIRST);
    if let Some((from, until)) = occasion.evidence().and_then(|of| of.range()) {
        let last = until.after(-1).unwrap_or(until).min(now);
        let first = last.after(-(HOURS_MAX - 1) * 3600).unwrap_or(last);
        return from.clamp(first, last).window()..=last.window();
    }
    let first = occasion.at.unwrap_or(now).min(now);
    let last = EventTime::from_seconds(first.seconds() + (HOURS_MAX - 1) * 3600);
    first.window()..=last.unwrap_or(now).min(now).window()
}

/// Adds what was odd about a key when it was told, which what is known by now need not show.
fn add_told(report: &mut KeyReport, detail: &str) {
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let told = match detail["oddity"].as_str() {
        Some("canary") => Some(Oddity::Canary),
        Some("awakened") => detail["days"]
            .as_i64()
            .map(|days| Oddity::Awakened { days }),
        _ => None,
    };
    report.oddities.extend(told);
    report.oddities.sort_unstable();
    report.oddities.dedup();
}

/// Returns an alert that is about no cluster, or about one of which nothing is kept any more.
fn without_cluster(occasion: &Occasion, keys: Vec<KeyReport>, name: Option<String>) -> Alert {
    let alert = Alert::of_account(occasion.clone(), keys, name);
    Alert {
        enrichment: match occasion.cluster {
            Some(_) => Enrichment::Partial,
            None => alert.enrichment,
        },
        ..alert
    }
}

/// Makes an assessment as loud as what is odd about access keys asks for.
fn made_louder(mut assessment: Assessment, keys: &[KeyReport]) -> Assessment {
    for oddity in keys.iter().flat_map(|key| &key.oddities) {
        let (least, reason) = match oddity {
            Oddity::Canary => (Severity::Critical, "a canary key was used".to_owned()),
            Oddity::Awakened { days } => {
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

    fn at(text: &str) -> EventTime {
        EventTime::parse(text).unwrap()
    }

    #[test]
    fn an_alert_looks_at_the_hours_that_showed_it() {
        let life = (ClusterId::from_bytes([7; 16]), 1);
        let first = at("2026-11-02T08:10:00Z");
        let new = Occasion::of_cluster(Kind::New, "1", life, first.seconds(), 0);
        let full = at("2026-11-02T09:00:00Z");
        let escalating = Occasion::of_escalation("1", Some(life), full, (70, 60), 0);
        let later = at("2026-11-09T12:00:00Z");
        let short = Occasion::of_recovery("1", life, later, first, (7200, 5), 0);
        let long = Occasion::of_recovery("1", life, later, first, (3 * 86_400, 5), 0);
        for (occasion, from, until) in [
            (&new, "2026-11-02T08:00:00Z", "2026-11-03T07:00:00Z"),
            (&escalating, "2026-11-02T08:00:00Z", "2026-11-02T08:00:00Z"),
            (&short, "2026-11-02T08:00:00Z", "2026-11-02T10:00:00Z"),
            (&long, "2026-11-04T09:00:00Z", "2026-11-05T08:00:00Z"),
        ] {
            let wanted = at(from).window()..=at(until).window();
            let now = at("2026-11-10T00:00:00Z").seconds();
            assert_eq!(hours(occasion, now), wanted, "{:?}", occasion.kind);
        }
        let now = at("2026-11-02T08:30:00Z").seconds();
        let hour = at("2026-11-02T08:00:00Z").window();
        assert_eq!(hours(&new, now), hour..=hour);
        assert_eq!(hours(&long, now), hour..=hour, "no hour is yet to come");
    }
}
