//! Decides which alerts about clusters and sensitive calls an incident absorbs, so that they are not sent.
//!
//! Such an alert is absorbed if alerts were sent about incidents of all who made its calls, at the time of these calls. That
//! is asked only if the account has an incident at that time. Its events are then read once for all sinks of a run.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::kind::AlertKind;
use clusters::incident::Incident;
use clusters::incident::life::{IncidentAlert, IncidentId, LATE_SECONDS, QUIET_SECONDS, SentAlert};
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
    incidents: BTreeMap<String, Vec<Incident>>,
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

    /// Checks whether incidents that were alerted about absorb an alert.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed; the row stays in the outbox.
    pub async fn absorbs(&self, alert: &Alert) -> Result<bool, StoreError> {
        let (Some(cluster), Some(at)) = (alert.cluster(), alert.at) else {
            return Ok(false);
        };
        if !can_be_absorbed(alert) {
            return Ok(false);
        }
        let account_id = alert.account_id();
        let mut read = self.read.lock().await;
        let read = &mut *read;
        let sent = match &mut read.sent {
            Some(sent) => sent,
            none => none.insert(self.store.incident_alerts().await?),
        };
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
            let known: BTreeSet<&IncidentId> = sent.iter().map(|of| &of.incident).collect();
            incidents.retain(|of| known.contains(&of.id));
            read.incidents.insert(account_id.to_owned(), incidents);
        }
        let incidents = &read.incidents[account_id];
        let callers = read.finder.callers(account_id, cluster, at).await?;
        let is_absorbed = |caller: &Option<_>| {
            let caller = caller.as_ref();
            caller.is_some_and(|of| incidents.iter().any(|incident| incident.takes_in(of, at)))
        };
        Ok(!callers.is_empty() && callers.iter().all(is_absorbed))
    }
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
