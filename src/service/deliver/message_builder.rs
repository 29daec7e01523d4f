//! Builds the message of an outbox row: the alert, the present state of its cluster, and IAM's answers
//! about its access keys.

use std::ops::RangeInclusive;

use alerts::alert::{Alert, AlertSubject};
use alerts::facts::{Facts, KeyFacts};
use alerts::kind::AlertKind;
use alerts::message::{ClusterContext, Enrichment, MadeBy, Message};
use alerts::outbox::OutboxRow;
use alerts::severity::{Assessment, Reason, Severity, assess_with_history, of_alert};
use clusters::call_alerts::COVER_SECONDS;
use clusters::facet::{self, Facets};
use clusters::keys::{KeyAnomaly, KeyReport};
use records::time::{Timestamp, Window};

use crate::deliver::Delivery;
use crate::key_lookup::{KeyLookup, SeenKey};
use crate::ports::{Clock, ClusterDetails, ClusterReader, KeyDirectory, KeyUsageStore, StoreError};

/// The largest number of a cluster's access keys that are looked up for one message.
const KEYS_MAX: usize = 3;

/// The largest number of hours whose events a message includes.
const HOURS_MAX: i64 = 24;

/// The longest time that all key lookups of a run wait for their turns, in milliseconds.
const PATIENCE_MILLIS: i64 = 10_000;

/// Builds the messages of one delivery run, for all its sinks. IAM's answers are cached for the run.
#[derive(Debug)]
pub struct MessageBuilder<'a, O, K, C> {
    delivery: &'a Delivery<'a, O, K, C>,
    /// The key lookups of the run. An answer is cached, so that IAM is asked once for all sinks.
    key_lookup: KeyLookup<'a, O, K, C>,
}

impl<'a, O, K, C> MessageBuilder<'a, O, K, C>
where
    O: ClusterReader + KeyUsageStore,
    K: KeyDirectory,
    C: Clock,
{
    /// Creates a builder with empty caches.
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
        }
    }

    /// Builds the message of an outbox row: its alert, the present state of its cluster, and IAM's answers about access
    /// keys.
    ///
    /// `suppressed` is the number of alerts of the cluster that were held back from this sink since the last message
    /// that it got.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed; the row stays in the outbox.
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
        Ok(Message {
            suppressed,
            environment: self.environment(alert),
            made_by: self.made_by(Some(row.created)),
            ..assembled(alert, (cluster_details, hours), keys, name)
        })
    }

    /// Checks whether the cluster or sensitive call of an alert is critical, so that the alert is sent at once. `None` if the
    /// alert has no cluster, or its cluster is not stored.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn is_critical(&self, alert: &Alert) -> Result<Option<bool>, StoreError> {
        let Some(cluster) = alert.cluster() else {
            return Ok(None);
        };
        let hours = hours(alert, self.delivery.clock.now());
        let details = self.delivery.store.cluster_details(cluster, hours).await?;
        let assessed = match details {
            Some(of) => assess_with_history(&of.cluster, of.first_seen, of.circumstances),
            None if alert.kind() == AlertKind::SensitiveCall => of_alert(alert),
            None => return Ok(None),
        };
        Ok(Some(assessed.severity == Severity::Critical))
    }

    /// Builds the message of an alert that needs nothing from the store or from IAM, such as a digest.
    pub fn summary(&self, alert: Alert) -> Message {
        let name = self.account_name(&alert);
        Message {
            environment: self.environment(&alert),
            made_by: self.made_by(Some(self.delivery.clock.now())),
            ..Message::of_account(alert, Vec::new(), name)
        }
    }

    fn environment(&self, alert: &Alert) -> Option<String> {
        let environments = self.delivery.environments;
        environments.get(alert.account_id()).cloned()
    }

    fn made_by(&self, detected_at: Option<Timestamp>) -> MadeBy {
        MadeBy {
            detected_at,
            config_version: Some(self.delivery.config_version.to_string()),
            policy: None,
        }
    }

    fn account_name(&self, alert: &Alert) -> Option<String> {
        let names = self.delivery.account_names;
        names.get(alert.account_id()).cloned()
    }

    /// Returns reports on the access keys of an alert: its own key, or the keys of its cluster.
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
            add_anomaly(&mut report, of);
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

/// Returns the hours whose events the message of an alert includes, at most [`HOURS_MAX`].
///
/// An alert with a time range gets the last hours of that range, and one about a sensitive call those of the calls that it covers. Any
/// other alert gets the hours from its event on, up to now.
pub fn hours(alert: &Alert, now: Timestamp) -> RangeInclusive<Window> {
    if let Some((from, until)) = alert.facts.range() {
        let last = until.after(-1).unwrap_or(until).min(now);
        let first = last.after(-(HOURS_MAX - 1) * 3600).unwrap_or(last);
        return from.clamp(first, last).window()..=last.window();
    }
    let first = alert.at.unwrap_or(now).min(now);
    let seconds = match alert.kind() {
        AlertKind::SensitiveCall => COVER_SECONDS - 1,
        _ => (HOURS_MAX - 1) * 3600,
    };
    let last = Timestamp::from_seconds(first.seconds() + seconds);
    first.window()..=last.unwrap_or(now).min(now).window()
}

/// Puts a message together from an alert, what the store has of its cluster in the hours of the message, and reports on access
/// keys. `name` is the name of the account from the settings.
pub fn assembled(
    alert: &Alert,
    (details, hours): (Option<ClusterDetails>, RangeInclusive<Window>),
    keys: Vec<KeyReport>,
    name: Option<String>,
) -> Message {
    let message = match details {
        Some(details) => {
            let context = ClusterContext {
                cluster: details.cluster,
                first_seen: details.first_seen,
                circumstances: details.circumstances,
                range: Some((hours.start().start(), hours.end().end())),
                account_errors: details.account_errors,
            };
            Message::of_cluster(alert.clone(), context, keys, name)
        }
        None => without_cluster(alert, keys, name),
    };
    Message {
        severity: raised(message.severity, &message.keys),
        ..message
    }
}

/// Adds the anomaly that the alert is about. The present state of the key may not show it any more.
pub fn add_anomaly(report: &mut KeyReport, facts: &KeyFacts) {
    report.anomalies.push(facts.anomaly());
    report.anomalies.sort_unstable();
    report.anomalies.dedup();
}

/// Returns the message of an alert about no cluster, or about a cluster that the store no longer has.
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

/// Raises a severity to the least severity that the anomalies of access keys require.
fn raised(mut assessment: Assessment, keys: &[KeyReport]) -> Assessment {
    for anomaly in keys.iter().flat_map(|key| &key.anomalies) {
        let least = match anomaly {
            KeyAnomaly::Canary => Severity::Critical,
            KeyAnomaly::Awakened { .. } => Severity::Error,
            _ => continue,
        };
        if assessment.severity < least {
            assessment.severity = least;
            let reason = Reason::of_anomaly(least, *anomaly);
            assessment.reasons.extend(reason);
        }
    }
    assessment
}

#[cfg(test)]
mod tests {
    use clusters::fingerprint::ClusterId;
    use clusters::transition::SensitiveCall;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_message_includes_the_hours_of_its_alert() {
        let history = (ClusterId::from_bytes([7; 16]), 1);
        let first = at("2026-11-02T08:10:00Z");
        let new = Alert::of_cluster(Facts::New, "1", history, Some(first), Timestamp::FIRST);
        let sensitive = SensitiveCall {
            service: "iam".to_owned(),
            action: "CreateUser".to_owned(),
            caller: None,
            details: None,
            count: 1,
        };
        let call = Alert::of_call(&sensitive, "1", history.0, Some(first), Timestamp::FIRST);
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
            (&call, "2026-11-02T08:00:00Z", "2026-11-02T09:00:00Z"),
        ] {
            let wanted = at(from).window()..=at(until).window();
            let now = at("2026-11-10T00:00:00Z");
            assert_eq!(hours(alert, now), wanted, "{:?}", alert.kind());
        }
        let now = at("2026-11-02T08:30:00Z");
        let hour = at("2026-11-02T08:00:00Z").window();
        assert_eq!(hours(&new, now), hour..=hour);
        assert_eq!(hours(&long, now), hour..=hour, "no hour in the future");
    }
}
