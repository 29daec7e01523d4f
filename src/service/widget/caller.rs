//! The page of one caller: the rows of the list that the caller is in, and the events of a part of the hours in which the
//! caller may have been seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use clusters::caller::CallerId;
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::incident::actor::{Actor, actor};
use clusters::inspection_state::{CallHistory, KEPT_HOURS};
use clusters::keys::KeyReport;
use clusters::occurrence::{Occurrence, occurrences};
use records::time::{Timestamp, Window};
use view::dashboard::caller::{CallerPage, is_long_term};
use view::listing::{HOURS_MAX, ListedCluster};

use crate::ports::{HourReader, KeyAnswers, StoreError};
use crate::widget::request::CallerRequest;
use crate::widget::{Now, WidgetHandler};

/// The number of hours in a part, whose events are read for one page; of a file all hours are one part. Also how many are read
/// at once.
const PART_HOURS: usize = 24;

/// The highest number of access keys that are looked up for a page.
const KEYS_MAX: usize = 5;

/// The rows of the list that a caller is in.
type Rows<'n> = (
    Vec<(ClusterId, &'n ListedCluster)>,
    Vec<(ClusterId, &'n CallHistory)>,
);

impl<S: HourReader + KeyAnswers> WidgetHandler<'_, S> {
    /// Returns the page of a caller in HTML, or a page with the sentence that there is no such caller.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not answer.
    pub(super) async fn open_caller(
        &self,
        request: &CallerRequest,
        now: &Now,
    ) -> Result<String, StoreError> {
        let caller = request.caller;
        let rows = (
            now.listing.clusters_of(caller),
            now.listing.calls_of(caller),
        );
        let Some(account_id) = account(&rows) else {
            let language = self.frame().locale.language;
            return Ok(self.unknown(CallerPage::unknown(language)));
        };
        let hours = self.hours_of_caller(&rows, now);
        let part_hours = match now.lives {
            Some(_) if self.setting.is_past => hours.len().max(1),
            _ => PART_HOURS,
        };
        let parts = hours.len().div_ceil(part_hours).max(1);
        let part = request.part.clamp(1, parts);
        let before = (part - 1) * part_hours;
        let read = &hours[before..hours.len().min(before + part_hours)];
        let (events, is_damaged) = self.events_of(caller, read, now).await?;
        let name = name(caller, &rows, &events);
        let keys: BTreeSet<(&str, Timestamp)> = last_uses(&events).into_iter().collect();
        let (long_term, temporary): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|(key, _)| is_long_term(key));
        let crowded = now.listing.clusters.values();
        let crowded = crowded
            .filter(|of| of.subject.account_id == account_id && !of.has_all_callers())
            .count();
        let (clusters, calls) = rows;
        let page = CallerPage {
            frame: self.frame(),
            id: caller,
            account_id,
            name,
            number: request.page,
            incidents: incidents_of(&now.incidents, account_id, name, &events),
            clusters,
            calls,
            keys: &self.key_reports(&long_term).await?,
            long_term_keys: long_term.len(),
            temporary_keys: temporary.len(),
            part,
            hours: read,
            hours_left: hours.len() - before - read.len(),
            is_damaged,
            crowded_clusters: crowded,
            as_of: self.setting.as_of,
            events: &events,
        };
        Ok(page.html())
    }

    /// Returns the hours in which a caller may have events, the newest first: those that the rows name, and all hours within the
    /// retention of which the rows name only some.
    fn hours_of_caller(&self, rows: &Rows<'_>, now: &Now) -> Vec<Window> {
        let mut hours = named_hours(rows, now);
        if let Some(days) = self.setting.retention_days.filter(|_| now.lives.is_none()) {
            let kept = self.setting.as_of.window().plus(-24 * i64::from(days));
            let first = beginning(now).unwrap_or(kept).max(kept);
            let until = known_since(rows, now);
            hours.extend((first.hours()..until.hours()).map(Window::from_hours));
        }
        hours.into_iter().rev().collect()
    }

    /// Returns the events of a caller in some hours, oldest first, and whether some events of these hours cannot be read.
    /// Hours since the last inspection were read already.
    async fn events_of(
        &self,
        caller: CallerId,
        hours: &[Window],
        now: &Now,
    ) -> Result<(Vec<Occurrence>, bool), StoreError> {
        let until = now.listing.until;
        let before: Vec<Window> = hours.iter().copied().filter(|hour| *hour < until).collect();
        let cached = |cluster| now.listing.subject(cluster).map(Arc::clone);
        let is_own = |of: &Occurrence| {
            let name = of.series.facets.get(FacetKind::Principal);
            name.is_some_and(|name| CallerId::of(&of.subject.account_id, name) == caller)
        };
        let live = now.live.iter().filter(|of| is_own(of));
        let mut found: Vec<Occurrence> = live.cloned().collect();
        let mut is_damaged = false;
        // In parts, because the hours have the events of all callers.
        for part in before.chunks(PART_HOURS) {
            let read = self.store.hours(part, &cached).await?;
            is_damaged |= !read.damaged.is_empty();
            let occurrences = occurrences(&read.events, &read.subjects).into_iter();
            found.extend(occurrences.filter(is_own));
        }
        found.sort_by_key(|of| (of.at, of.id));
        Ok((found, is_damaged))
    }

    /// Returns reports about some long-term keys from stored answers of IAM. A key comes with the time of its last use.
    async fn key_reports(&self, keys: &[(&str, Timestamp)]) -> Result<Vec<KeyReport>, StoreError> {
        let mut reports = Vec::new();
        for (key, last) in keys.iter().take(KEYS_MAX) {
            let usage = self.store.key_usage(key).await?;
            reports.push(self.setting.keys.report(key, Some(*last), Some(&usage)));
        }
        Ok(reports)
    }
}

/// Returns the account of the rows; `None` without a row.
fn account<'n>((clusters, calls): &Rows<'n>) -> Option<&'n str> {
    let cluster = clusters.first().map(|(_, of)| &*of.subject.account_id);
    cluster.or_else(|| calls.first().map(|(_, of)| &*of.subject.account_id))
}

/// Returns the hours with events that the rows name: all if the store was read whole, else the last ones.
fn named_hours((clusters, calls): &Rows<'_>, now: &Now) -> BTreeSet<Window> {
    let listed = clusters.iter().flat_map(|(_, of)| of.hours.iter());
    let called = calls.iter().flat_map(|(_, of)| of.hours());
    let ids = clusters.iter().map(|(id, _)| id);
    let ids = ids.chain(calls.iter().map(|(id, _)| id));
    let lives = now.lives.as_deref();
    let lived = ids.filter_map(|id| lives?.get(id)).flatten();
    let hours = listed.chain(lived).map(|(hour, _)| *hour);
    hours.chain(called.map(|(hour, _)| hour)).collect()
}

/// Returns the first hour with an event of any cluster or sensitive call in the list; `None` without an event.
fn beginning(now: &Now) -> Option<Window> {
    let clusters = now.listing.clusters.values().filter_map(|of| of.first);
    let calls = now.listing.calls.values().map(|of| of.first);
    clusters.chain(calls).min().map(Timestamp::window)
}

/// Returns the hour since which the rows name all hours with events. A row of a cluster has the last hours alone, and the list
/// has the sensitive calls of the last days.
fn known_since((clusters, _): &Rows<'_>, now: &Now) -> Window {
    let full = clusters
        .iter()
        .filter(|(_, of)| of.hours.len() >= HOURS_MAX);
    let first = full.filter_map(|(_, of)| of.hours.front());
    let calls = now.listing.until.plus(-KEPT_HOURS);
    first.map(|(hour, _)| *hour).fold(calls, Window::max)
}

/// Returns the name of a caller from the rows and the events; empty if none of them has it.
fn name<'n>(caller: CallerId, (clusters, calls): &Rows<'n>, events: &'n [Occurrence]) -> &'n str {
    let first = clusters.iter().filter_map(|(_, of)| of.caller.as_deref());
    let calls = calls.iter().map(|(_, of)| of.caller.as_str());
    let events = events.iter();
    let events = events.filter_map(|of| of.series.facets.get(FacetKind::Principal));
    let mut names = first.chain(calls).chain(events);
    let is_own = |name: &&str| clusters::inspection_state::hash(name) == caller.name_hash();
    names.find(is_own).unwrap_or_default()
}

/// Returns each access key with the time of its last event.
fn last_uses(events: &[Occurrence]) -> std::collections::BTreeMap<&str, Timestamp> {
    let used = events.iter();
    let used = used.filter_map(|of| Some((of.series.facets.get(FacetKind::AccessKey)?, of.at)));
    // Events come in the order of time, so the last one stays.
    used.collect()
}

/// Returns the incidents that a caller has a part in, by name, and by what makes the caller's events those of an actor.
fn incidents_of<'n>(
    incidents: &'n [Incident],
    account_id: &str,
    name: &str,
    events: &[Occurrence],
) -> Vec<&'n Incident> {
    let acted = events.iter();
    let acted = acted.filter_map(|of| actor(&of.subject, &of.series.facets));
    let actors: BTreeSet<Actor> = acted.collect();
    let is_own = |of: &Actor| {
        actors.contains(of) || of.account_id == account_id && !name.is_empty() && of.name == name
    };
    let own = incidents.iter().filter(|incident| {
        let mut members = incident.members.iter();
        is_own(&incident.actor) || members.any(|member| is_own(&member.identity))
    });
    own.collect()
}
