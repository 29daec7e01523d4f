//! The desk at which alerts are made of rows: what is known of the cluster by now, and what IAM says
//! of the access keys. IAM is asked at most once a second and never holds a message for long; what is
//! missing is said to be.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use futures_util::lock::Mutex;

use crate::alert::evidence::Stage;
use crate::alert::occasion::{Kind, Occasion};
use crate::alert::severity::{Assessment, Severity};
use crate::alert::{Alert, Enrichment};
use crate::cluster::campaign::{Campaign, Standing};
use crate::cluster::facet::{self, Facets};
use crate::cluster::fingerprint::ClusterId;
use crate::deliver::Delivery;
use crate::keys::{KeyReport, Ledger, Oddity, account_of};
use crate::outbox::Row;
use crate::ports::{Campaigns, Clock, Dossier, Dossiers, KeyDirectory, Ledgers, StoreError};
use crate::trail::time::{EventTime, Window};

/// How many access keys of a cluster are looked up.
const KEYS_MAX: usize = 3;

/// How many hours of event time an alert looks at, from its event on.
const HOURS_MAX: i64 = 24;

/// How long lies between two calls to IAM at least, in milliseconds.
const CALL_MILLIS: i64 = 1000;

/// How long a whole run waits for its turns to ask IAM, in milliseconds.
const PATIENCE_MILLIS: i64 = 10_000;

/// When IAM is asked again that did not answer, in seconds.
const AGAIN_SECONDS: i64 = 60;

/// Makes the alerts of one run.
#[derive(Debug)]
pub struct Desk<'a, O, K, C> {
    delivery: &'a Delivery<'a, O, K, C>,
    /// From when on IAM may be asked, in milliseconds.
    next_call: Cell<i64>,
    /// How long may still be waited, in milliseconds.
    patience: Cell<i64>,
    /// What is remembered of keys that were looked up. One is looked up at a time, so that what one
    /// sink found out another one need not ask.
    ledgers: Mutex<BTreeMap<String, Ledger>>,
    /// The campaigns that were met, by account and actor.
    met: RefCell<BTreeMap<(String, String), Standing>>,
}

/// An access key as it was seen.
struct Seen<'a> {
    key: &'a str,
    at: Option<EventTime>,
    caller_account: Option<&'a str>,
    session: Option<&'a str>,
    cluster: Option<(ClusterId, &'a str)>,
}

impl<'a, O, K, C> Desk<'a, O, K, C>
where
    O: Campaigns + Dossiers + Ledgers,
    K: KeyDirectory,
    C: Clock,
{
    /// Returns a desk.
    pub fn new(delivery: &'a Delivery<'a, O, K, C>) -> Self {
        Self {
            delivery,
            next_call: Cell::new(0),
            patience: Cell::new(PATIENCE_MILLIS),
            ledgers: Mutex::default(),
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
            let mut report = self.report(&seen).await?;
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
            reports.push(self.report(&seen).await?);
        }
        Ok(reports)
    }

    async fn report(&self, seen: &Seen<'_>) -> Result<KeyReport, StoreError> {
        let keys = self.delivery.keys;
        if !keys.is_asked(seen.key, seen.caller_account) {
            return Ok(KeyReport {
                session: seen.session.map(str::to_owned),
                ..keys.report(seen.key, seen.at, None)
            });
        }
        let (ledger, is_missing) = self.ledger(seen).await?;
        Ok(KeyReport {
            is_missing,
            ..keys.report(seen.key, seen.at, Some(&ledger))
        })
    }

    /// Asks IAM about the canary keys as often as it may be asked: what they are used for need not
    /// fail, and what does not fail shows in no event that comes here.
    pub async fn watch_canaries(&self) -> Result<(), StoreError> {
        let keys = self.delivery.keys;
        for key in &keys.canaries {
            let account_id = account_of(key).unwrap_or_else(|| keys.account_id.clone());
            let seen = Seen {
                key,
                at: None,
                caller_account: Some(&account_id),
                session: None,
                cluster: None,
            };
            if keys.is_asked(key, Some(&account_id)) {
                self.ledger(&seen).await?;
            }
        }
        Ok(())
    }

    /// Returns what is known of a key, having asked IAM if that is due, and whether an answer is
    /// missing. A key that woke up and a canary that was used are told of here, once.
    async fn ledger(&self, seen: &Seen<'_>) -> Result<(Ledger, bool), StoreError> {
        let mut ledgers = self.ledgers.lock().await;
        let store = self.delivery.store;
        let known = match ledgers.get(seen.key) {
            Some(known) => known.clone(),
            None => store.ledger(seen.key).await?,
        };
        let earlier = known.now.clone();
        let (mut ledger, is_changed, is_missing) = self.asked(seen, known).await?;
        let now = self.delivery.clock.seconds();
        let awakening = self.delivery.keys.awakening(&ledger, seen.at);
        let mut tells = Vec::new();
        let answer = ledger.now.as_ref();
        if let Some(at) = answer.and_then(|answer| answer.used_since(earlier.as_ref()))
            && self.delivery.keys.canaries.contains(seen.key)
        {
            let account_id = account_of(seen.key).or(seen.caller_account.map(str::to_owned));
            let account_id = account_id.unwrap_or_default();
            tells.push(Occasion::of_silent_use(seen.key, &account_id, at, now));
        }
        if let (Some((last, again)), Some((cluster, account_id))) = (awakening, seen.cluster)
            && ledger.told != Some(last.seconds())
        {
            ledger.told = Some(last.seconds());
            let times = (last, again);
            tells.push(Occasion::of_awakening(
                seen.key, account_id, cluster, times, now,
            ));
        }
        if is_changed || !tells.is_empty() {
            store.remember(seen.key, &ledger, &tells, now).await?;
        }
        ledgers.insert(seen.key.to_owned(), ledger.clone());
        Ok((ledger, is_missing))
    }

    /// Asks IAM about a key if that is due; returns what is known then, whether that is to be
    /// remembered, and whether an answer is missing.
    async fn asked(
        &self,
        seen: &Seen<'_>,
        known: Ledger,
    ) -> Result<(Ledger, bool, bool), StoreError> {
        let Delivery {
            store,
            directory,
            clock,
            keys,
            ..
        } = self.delivery;
        let is_unknown = known.now.is_none();
        if !known.is_due(clock.seconds()) {
            return Ok((known, false, is_unknown));
        }
        if !self.turn().await {
            return Ok((known, false, true));
        }
        let now = clock.seconds();
        if !store.claim(seen.key, now).await? {
            return Ok((known, false, is_unknown));
        }
        let account_id = account_of(seen.key);
        let account_id = account_id.as_deref().or(seen.caller_account);
        let account_id = account_id.unwrap_or(&keys.account_id);
        match directory.last_use(seen.key, account_id).await {
            Ok(answer) => Ok((known.answered(answer, now), true, false)),
            Err(_) => {
                let next = now + AGAIN_SECONDS;
                Ok((Ledger { next, ..known }, true, true))
            }
        }
    }

    /// Waits for a turn to ask IAM; `false` says that this would take too long.
    async fn turn(&self) -> bool {
        let clock = self.delivery.clock;
        let now = clock.millis();
        let wait = (self.next_call.get() - now).max(0);
        if wait > self.patience.get() {
            return false;
        }
        self.patience.set(self.patience.get() - wait);
        self.next_call.set(now + wait + CALL_MILLIS);
        if wait > 0 {
            clock.wait(wait).await;
        }
        true
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
