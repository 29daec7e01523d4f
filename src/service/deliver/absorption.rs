//! Decides which alerts about clusters and sensitive calls an incident absorbs, so that they are not sent.
//!
//! Such an alert is absorbed if alerts were decided about incidents of all who made its calls, at the time of these calls, and
//! the sink gets them. That is asked only if the account has an incident at that time. Its events are then read once for all
//! sinks of a run.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::kind::AlertKind;
use clusters::incident::Incident;
use clusters::incident::life::{IncidentAlert, LATE_SECONDS, QUIET_SECONDS, SentAlert};
use futures_util::lock::Mutex;
use records::time::Timestamp;

use crate::incidents::{IncidentFinder, Search, first_hour};
use crate::ports::{HourReader, IncidentStore, ReadBackStore, StoreError};

/// The incidents of a run that may absorb alerts.
#[derive(Debug)]
pub struct Absorption<'a, S> {
    store: &'a S,
    now: Timestamp,
    /// The incidents that the round has found, by account. They have what was read from the log groups.
    found: &'a BTreeMap<String, Vec<Incident>>,
    read: Mutex<Read<'a, S>>,
}

/// What was read so far.
#[derive(Debug)]
struct Read<'a, S> {
    finder: IncidentFinder<'a, S>,
    /// The alerts that were sent about incidents; `None` until they are needed.
    sent: Option<BTreeSet<SentAlert>>,
    /// The incidents that were alerted about, by account, each with the latest of its alerts.
    incidents: BTreeMap<String, Vec<(Incident, Alert)>>,
}

/// Checks whether an incident can absorb an alert.
pub fn can_be_absorbed(alert: &Alert) -> bool {
    let kind = alert.kind();
    alert.cluster().is_some()
        && alert.at.is_some()
        && matches!(
            kind,
            AlertKind::New
                | AlertKind::NewPrincipal
                | AlertKind::NewCircumstance
                | AlertKind::Regressed
                | AlertKind::SensitiveCall
        )
}

impl<'a, S: HourReader + IncidentStore + ReadBackStore> Absorption<'a, S> {
    /// Creates the decisions of a run at `now`. `found` are the incidents that its round has found.
    pub fn new(store: &'a S, found: &'a BTreeMap<String, Vec<Incident>>, now: Timestamp) -> Self {
        Self {
            store,
            now,
            found,
            read: Mutex::new(Read {
                finder: IncidentFinder::new(store, None),
                sent: None,
                incidents: BTreeMap::new(),
            }),
        }
    }

    /// Checks whether an account has an incident that may have been going on when an alert's event happened. No event is
    /// read for that.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    pub async fn could_absorb(&self, alert: &Alert) -> Result<bool, StoreError> {
        let Some(at) = alert.at.filter(|_| can_be_absorbed(alert)) else {
            return Ok(false);
        };
        let mut read = self.read.lock().await;
        let sent = sent(&mut read.sent, self.store).await?;
        Ok(began(sent, alert.account_id(), at).is_some())
    }

    /// Checks whether incidents that were alerted about absorb an alert. `gets` says whether the sink gets an alert about an
    /// incident: an incident absorbs nothing for a sink that does not get it.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed; the row stays in the outbox.
    pub async fn absorbs(
        &self,
        alert: &Alert,
        gets: impl Fn(&Alert) -> bool,
    ) -> Result<bool, StoreError> {
        let (Some(cluster), Some(at)) = (alert.cluster(), alert.at) else {
            return Ok(false);
        };
        if !can_be_absorbed(alert) {
            return Ok(false);
        }
        let account_id = alert.account_id();
        let mut read = self.read.lock().await;
        let read = &mut *read;
        let sent = sent(&mut read.sent, self.store).await?;
        let Some(began) = began(sent, account_id, at) else {
            return Ok(false);
        };
        if !read.incidents.contains_key(account_id) {
            let read_back = self
                .store
                .read_back(account_id, first_hour(began, self.now))
                .await?;
            let search = Search {
                account_id,
                from: began,
                sent,
                extra: &read_back,
                now: self.now,
            };
            let mut incidents = read.finder.find(&search).await?;
            incidents.extend(self.found.get(account_id).into_iter().flatten().cloned());
            let alerted = incidents.into_iter().filter_map(|incident| {
                let alert = latest_alert(&incident, sent, self.now)?;
                Some((incident, alert))
            });
            let alerted = alerted.collect();
            read.incidents.insert(account_id.to_owned(), alerted);
        }
        let incidents = &read.incidents[account_id];
        let callers = read.finder.callers(account_id, cluster, at).await?;
        let is_absorbed = |caller: &Option<_>| {
            let caller = caller.as_ref();
            caller.is_some_and(|of| {
                let mut all = incidents.iter();
                all.any(|(incident, alert)| incident.takes_in(of, at) && gets(alert))
            })
        };
        Ok(!callers.is_empty() && callers.iter().all(is_absorbed))
    }
}

/// Returns the alerts that were sent about incidents; they are read if they are not there.
async fn sent<'r, S: IncidentStore>(
    sent: &'r mut Option<BTreeSet<SentAlert>>,
    store: &S,
) -> Result<&'r BTreeSet<SentAlert>, StoreError> {
    Ok(match sent {
        Some(sent) => sent,
        none => none.insert(store.incident_alerts().await?),
    })
}

/// Returns the latest alert that was decided about an incident. `None` if there is none.
fn latest_alert(incident: &Incident, sent: &BTreeSet<SentAlert>, now: Timestamp) -> Option<Alert> {
    // The set is sorted by incident first, then by number.
    let latest = sent.iter().rfind(|of| of.incident == incident.id)?;
    let as_alerted = Incident {
        due: Some(latest.clone()),
        severity: latest.severity,
        ..incident.clone()
    };
    let alerts = Alert::of_incident(&as_alerted, sent, now);
    alerts.into_iter().next()
}

/// Returns when the first incident of an account began that may have been going on at a time. `None` if there is none.
fn began(sent: &BTreeSet<SentAlert>, account_id: &str, at: Timestamp) -> Option<Timestamp> {
    // The set is sorted by incident first, then by number.
    let all: Vec<&SentAlert> = sent.iter().collect();
    let of_one = all.chunk_by(|one, other| one.incident == other.incident);
    let began = of_one.filter_map(|of_one| {
        let latest = of_one
            .last()
            .filter(|of| of.actor.account_id == account_id)?;
        let began = of_one.iter().map(|of| of.began).min()?;
        let is_after = latest.alert == IncidentAlert::Closed
            && at > latest.last.plus(QUIET_SECONDS + LATE_SECONDS);
        let is_before = at < began.plus(-QUIET_SECONDS);
        (!is_after && !is_before).then_some(began)
    });
    began.min()
}
