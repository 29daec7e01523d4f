//! Finds the incidents of a stack that a page shows: those of the last two days, and one that is asked for by its id.
//!
//! Only incidents about which an alert was decided are shown, so a stack without incidents costs one query. What the function
//! read from the log groups for the alerts is a part of them, as in the alerts.

use std::collections::{BTreeMap, BTreeSet};

use clusters::incident::Incident;
use clusters::incident::life::{IncidentId, LATE_SECONDS, QUIET_SECONDS, SentAlert};
use records::time::Timestamp;

use crate::incidents::{HOURS_MAX, IncidentFinder, Search, first_hour};
use crate::inspect::incidents::sort;
use crate::ports::{HourReader, IncidentStore, ReadBackStore, StoreError};

/// How long after its last event an incident is in the list, in seconds.
const LISTED_SECONDS: i64 = 2 * 86_400;

/// Returns the incidents of the last two days, and the one with the id `wanted`, the most severe first.
///
/// # Errors
/// [`StoreError`] when the store failed.
pub async fn shown<S>(
    store: &S,
    wanted: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Incident>, StoreError>
where
    S: HourReader + IncidentStore + ReadBackStore,
{
    let sent = store.incident_alerts().await?;
    let mut shown: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    let listed = listed(&sent, now);
    let accounts = listed.keys().map(|of| (*of).to_owned()).collect();
    let mut finder = IncidentFinder::new(store, Some(accounts));
    for of in listed {
        for incident in found(store, &mut finder, &sent, of, now).await? {
            shown.insert(incident.id.clone(), incident);
        }
    }
    let is_shown = |id: &str| shown.keys().any(|of| of.text() == id);
    let wanted = wanted.filter(|id| !is_shown(id));
    let own = sent.iter().filter(|of| Some(of.incident.text()) == wanted);
    let own: Vec<&SentAlert> = own.collect();
    if let (Some(first), Some(last)) = (own.first(), own.iter().map(|of| of.last).max()) {
        let began = own.iter().map(|of| of.began).min().unwrap_or(first.began);
        // As of its end, so that the hours around it are read.
        let end = last.plus(QUIET_SECONDS + LATE_SECONDS + 1).min(now);
        let of = (first.actor.account_id.as_str(), began);
        let mut finder = IncidentFinder::new(store, Some(BTreeSet::from([of.0.to_owned()])));
        let mut incidents = found(store, &mut finder, &sent, of, end).await?;
        incidents.retain(|of| of.id == first.incident || of.merged.contains(&first.incident));
        shown.extend(incidents.into_iter().map(|of| (of.id.clone(), of)));
    }
    let mut shown: Vec<Incident> = shown.into_values().collect();
    sort(&mut shown);
    Ok(shown)
}

/// Returns the accounts with incidents in the list, each with the time at which the first of them began.
fn listed(sent: &BTreeSet<SentAlert>, now: Timestamp) -> BTreeMap<&str, Timestamp> {
    let mut accounts: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let is_listed = |of: &&SentAlert| now.seconds_since(of.last) <= LISTED_SECONDS;
    for of in sent.iter().filter(is_listed) {
        let began = accounts.entry(&of.actor.account_id).or_insert(of.began);
        *began = of.began.min(*began);
    }
    accounts
}

/// Returns the incidents of an account with a decided alert, as of a time.
async fn found<'s, S>(
    store: &'s S,
    finder: &mut IncidentFinder<'s, S>,
    sent: &BTreeSet<SentAlert>,
    (account_id, from): (&str, Timestamp),
    now: Timestamp,
) -> Result<Vec<Incident>, StoreError>
where
    S: HourReader + IncidentStore + ReadBackStore,
{
    let mut extra = store.read_back(account_id, first_hour(from, now)).await?;
    extra.forget_outdated(sent);
    let search = Search {
        account_id,
        from,
        sent,
        extra: &extra,
        now,
    };
    let mut found = finder.find(&search).await?;
    let decided: BTreeSet<&IncidentId> = sent.iter().map(|of| &of.incident).collect();
    let earliest = now.plus(-HOURS_MAX * 3600);
    found.retain(|of| decided.contains(&of.id) && of.last >= earliest);
    Ok(found)
}
