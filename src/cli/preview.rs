//! The alerts that a stack would have sent about the events of a store, as messages.
//!
//! The alerts are those of the transitions that `scan --inspect` lists, of the incidents, of the last summaries, and of the
//! canary keys in the settings file. Each message has the data of the hours that the message of a stack has. IAM is not asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::inspected::Silent;
use alerts::alert::{Alert, AlertSubject};
use alerts::facts::Facts;
use alerts::facts::drill::{DrillFailureFacts, DrillStage};
use alerts::kind::AlertKind;
use alerts::message::Message;
use alerts::severity::{Severity, of_alert, of_cluster};
use clusters::circumstance::{Circumstance, Circumstances};
use clusters::class::Class;
use clusters::facet::{FacetKind as Facet, Facets};
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::hourly_activity::ALERT_HOURS;
use clusters::keys::{KeyReport, account_of};
use clusters::transition::{NewAccount, Transition};
use clusters::{Cluster, ClusterSnapshot, ClusterTotals, FacetValue, Sighting};
use records::key_id::KeyKind;
use records::time::{Timestamp, Window};
use service::config::inspect::Summaries;
use service::deliver::message_builder::{add_anomaly, assembled, hours};
use service::drill_record::DrillId;
use service::inspect::transition_alerts::alert;
use service::ports::ClusterDetails;

use crate::source::StoreAnswer;

/// The largest number of keys in a message, as in a stack.
const KEYS_MAX: usize = 3;

/// Which alerts are previewed.
#[derive(Debug)]
pub struct Preview<'p> {
    /// The kind; `None` for all kinds.
    pub kind: Option<AlertKind>,
    /// Whether alerts that a stack does not send are shown, too: those that an incident absorbs, those of quiet clusters,
    /// summaries that are not worth an alert, and the use of long-term keys that are no canaries.
    pub with_held_back: bool,
    /// The largest number of alerts; 0 for all.
    pub limit: usize,
    /// The ids of the canary keys.
    pub canaries: &'p BTreeSet<String>,
}

/// The messages of a preview.
#[derive(Debug)]
pub struct Previewed {
    /// The messages, the most severe first, of the same severity the newest first.
    pub messages: Vec<Message>,
    /// Whether nothing in the events causes these alerts, so that they only show what such an alert looks like.
    pub are_examples: bool,
}

impl Preview<'_> {
    /// Returns the messages. If the events cause no alert of the kind, and held back alerts are shown, an example is made of
    /// the events for the kinds that [`Self::example`] knows.
    pub fn messages(&self, answer: &StoreAnswer) -> Previewed {
        let material = Material::of(answer);
        let mut alerts: Vec<(Severity, Alert)> = self
            .alerts(answer)
            .into_iter()
            .filter(|alert| self.kind.is_none_or(|kind| kind == alert.kind()))
            .map(|alert| (material.severity(&alert), alert))
            .collect();
        // The sort is stable: what is equal in both stays in the order of time.
        alerts.sort_by_key(|(severity, alert)| Reverse((*severity, alert.at)));
        let example = self.drill(answer).or_else(|| self.example(answer));
        let example = example.filter(|_| alerts.is_empty());
        let are_examples = example.is_some();
        alerts.extend(example.map(|alert| (material.severity(&alert), alert)));
        if self.limit > 0 {
            alerts.truncate(self.limit);
        }
        let alerts = alerts.iter();
        let mut messages: Vec<Message> = alerts.map(|(_, alert)| material.message(alert)).collect();
        // Some causes of a severity, such as a failure that lasts for a day, are not in the hours of a message.
        messages.sort_by_key(|message| Reverse(message.level()));
        Previewed {
            messages,
            are_examples,
        }
    }

    /// Returns the alert about a drill at the end of the data, or about one that failed; `None` for other kinds. No file causes
    /// them.
    fn drill(&self, answer: &StoreAnswer) -> Option<Alert> {
        let at = answer.as_of.unwrap_or(Timestamp::FIRST);
        let id = DrillId::new(at, 0);
        match self.kind? {
            AlertKind::Drill => Some(Alert::of_drill(id.text(), at, at)),
            AlertKind::DrillFailed => {
                let failure = DrillFailureFacts {
                    drill: id.text().to_owned(),
                    began: at,
                    stage: DrillStage::Subscription,
                    sink: None,
                    answer: None,
                };
                Some(Alert::of_drill_failure(failure, at))
            }
            _ => None,
        }
    }

    /// Returns an alert of a kind that few files cause, as an example: the account with the newest event as if it had been its
    /// first one, or as if it fell silent after it, or the busiest hour of a cluster as if it were unusual. `None` for other kinds.
    fn example(&self, answer: &StoreAnswer) -> Option<Alert> {
        match self.kind.filter(|_| self.with_held_back)? {
            AlertKind::NewAccount => {
                let (_, newest) = answer.events.last()?;
                let identity = &answer.snapshot.facts.get(&newest.series.cluster)?.identity;
                let new = NewAccount {
                    service: Some(identity.service.clone()),
                    action: Some(identity.action.clone()),
                    principal: newest
                        .series
                        .facets
                        .get(Facet::Principal)
                        .map(str::to_owned),
                };
                let at = newest.at()?;
                Some(Alert::of_new_account(&identity.account_id, at, &new, at))
            }
            AlertKind::NoData => {
                let (_, newest) = answer.events.last()?;
                let facts = answer.snapshot.facts.get(&newest.series.cluster)?;
                let since = newest.at()?;
                let noticed = since.window().plus(ALERT_HOURS).end();
                let account_id = &facts.identity.account_id;
                let times = (since, noticed);
                Some(Alert::of_silence(
                    account_id,
                    Silent::Account,
                    times,
                    None,
                    noticed,
                ))
            }
            AlertKind::Escalating => {
                let mut hours: BTreeMap<(ClusterId, Window), u64> = BTreeMap::new();
                for (_, sighting) in &answer.events {
                    if let Some(at) = sighting.at() {
                        *hours
                            .entry((sighting.series.cluster, at.window()))
                            .or_default() += 1;
                    }
                }
                let failing = hours.into_iter().filter_map(|((cluster, hour), count)| {
                    let identity = &answer.snapshot.facts.get(&cluster)?.identity;
                    (identity.class != Class::Watch).then_some((count, hour, cluster, identity))
                });
                let (count, hour, cluster, identity) =
                    failing.max_by_key(|of| (of.0, of.1, of.2))?;
                // Half of the events, as in a cluster that usually has fewer.
                let counts = (count, count / 2);
                let (account_id, at) = (&identity.account_id, hour.end());
                Some(Alert::of_escalation(
                    account_id,
                    Some((cluster, 1)),
                    at,
                    counts,
                    at,
                ))
            }
            _ => None,
        }
    }

    fn alerts(&self, answer: &StoreAnswer) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = answer
            .story
            .iter()
            .filter_map(|transition| self.of_transition(transition))
            .collect();
        let mut before = BTreeSet::new();
        for incident in &answer.incidents.alerts {
            let Some(due) = &incident.due else { continue };
            alerts.extend(Alert::of_incident(incident, &before, due.at));
            before.insert(due.clone());
        }
        let summaries = answer.summaries.iter();
        let sent = match self.with_held_back {
            true => Summaries::Always,
            false => Summaries::New,
        };
        let is_shown = |of: &&_| sent.includes(of);
        let summaries = summaries.filter(is_shown);
        alerts.extend(summaries.map(|summary| Alert::of_summary(summary, summary.until)));
        alerts.extend(self.of_keys(answer));
        alerts
    }

    /// Returns the alert of a transition as if it had been created at once.
    fn of_transition(&self, transition: &Transition) -> Option<Alert> {
        if !self.with_held_back {
            return alert(transition, None, transition.at);
        }
        let sent = Transition {
            is_absorbed: false,
            is_quiet: false,
            ..transition.clone()
        };
        alert(&sent, None, transition.at)
    }

    /// Returns the alerts that canary keys were used, one for each key and day.
    fn of_keys(&self, answer: &StoreAnswer) -> Vec<Alert> {
        let mut seen: BTreeMap<String, Alert> = BTreeMap::new();
        for (_, sighting) in &answer.events {
            let Some(key) = sighting.series.facets.get(Facet::AccessKey) else {
                continue;
            };
            let is_held_back = self.with_held_back && KeyKind::of(key) == KeyKind::LongTerm;
            let facts = answer.snapshot.facts.get(&sighting.series.cluster);
            let Some(facts) = facts.filter(|_| is_held_back || self.canaries.contains(key)) else {
                continue;
            };
            let now = sighting.at().unwrap_or(Timestamp::FIRST);
            let alert = Alert::of_canary(key, sighting, facts, now);
            seen.entry(alert.id().to_string()).or_insert(alert);
        }
        seen.into_values().collect()
    }
}

/// What messages are made of.
struct Material<'a> {
    answer: &'a StoreAnswer,
    /// All clusters and sensitive calls, with all their events.
    clusters: BTreeMap<ClusterId, ClusterTotals<'a>>,
}

impl<'a> Material<'a> {
    fn of(answer: &'a StoreAnswer) -> Self {
        let all = answer.snapshot.all_sums().into_iter();
        Self {
            answer,
            clusters: all.map(|sum| (sum.id, sum)).collect(),
        }
    }

    /// Returns the severity by which alerts are sorted.
    fn severity(&self, alert: &Alert) -> Severity {
        let Some(cluster) = alert.cluster() else {
            return match alert.facts {
                // A canary that was used is always critical.
                Facts::AccessKey(_) => Severity::Critical,
                _ => of_alert(alert).severity,
            };
        };
        let known = self.answer.severity(cluster);
        let call = || Some(of_cluster(&self.clusters.get(&cluster)?.cluster()).severity);
        known.or_else(call).unwrap_or(Severity::Info)
    }

    /// Returns the message of an alert, with the data of its hours, until the end of the data.
    fn message(&self, alert: &Alert) -> Message {
        let now = self.answer.as_of.or(alert.at).unwrap_or(Timestamp::FIRST);
        let hours = hours(alert, now);
        let range = (hours.start().start(), hours.end().end());
        let details = alert.cluster().and_then(|id| self.details(id, range));
        let keys = match (&alert.subject, &alert.facts) {
            (AlertSubject::AccessKey { key, .. }, Facts::AccessKey(of)) => {
                let mut report = report(key, None);
                add_anomaly(&mut report, of);
                vec![report]
            }
            _ => details
                .as_ref()
                .map_or_else(Vec::new, |of| keys(&of.cluster)),
        };
        assembled(alert, (details, hours), keys, None)
    }

    fn details(&self, id: ClusterId, range: (Timestamp, Timestamp)) -> Option<ClusterDetails> {
        let whole = self.clusters.get(&id)?.cluster();
        let account_id = &whole.facts.identity.account_id;
        let circumstance = |facets: &Facets| Circumstance::of(account_id, |kind| facets.get(kind));
        let circumstances: Circumstances = whole.facet_sets.iter().map(circumstance).collect();
        let within = self.within(range);
        ClusterDetails::of(id, &within, whole.span.first_seen, circumstances)
    }

    fn within(&self, (from, until): (Timestamp, Timestamp)) -> ClusterSnapshot {
        let events = &self.answer.events;
        let place = |at: Timestamp| {
            events.partition_point(|(_, seen): &(_, Sighting)| seen.at() < Some(at))
        };
        let events = &events[place(from)..place(until)];
        self.answer.snapshot.within(events, (from, until))
    }
}

/// Returns the reports on the cluster's access keys without an answer of IAM, because IAM is not asked.
fn keys(cluster: &Cluster) -> Vec<KeyReport> {
    let sessions = cluster.facets.get(&Facet::Session);
    let session = sessions.filter(|sessions| sessions.distinct == 1);
    let session = session.and_then(|sessions| Some(sessions.values.first()?.value.clone()));
    let report = |value: &FacetValue| report(&value.value, session.as_deref());
    let keys = cluster.facets.get(&Facet::AccessKey);
    let keys = keys.into_iter().flat_map(|keys| &keys.values);
    keys.take(KEYS_MAX).map(report).collect()
}

fn report(key: &str, session: Option<&str>) -> KeyReport {
    let kind = KeyKind::of(key);
    let session = session.filter(|_| kind == KeyKind::Temporary);
    KeyReport {
        id: key.to_owned(),
        kind,
        account_id: account_of(key),
        answer: None,
        entry: None,
        session: session.map(str::to_owned),
        anomalies: Vec::new(),
        is_missing: false,
    }
}
