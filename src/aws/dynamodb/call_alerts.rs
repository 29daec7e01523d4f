//! Alerts about the sensitive calls of a batch. Each is written in one transaction with a note that it was written, so
//! that no other function writes it again.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use clusters::call_alerts::{COVER_SECONDS, CallerOfCall, Due, due, uncovered};
use clusters::fingerprint::{ClusterId, STRONG};
use clusters::transition::SensitiveCall;
use clusters::{ClusterFacts, Tally};
use data_encoding::HEXLOWER;
use records::time::Timestamp;
use service::ports::StoreError;
use sha2::{Digest as _, Sha256};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::renewed;
use crate::dynamodb::table::{Item, Key, Table, TableError, Write};

/// The largest number of alert times in the note of one sensitive call. The oldest are dropped.
const TIMES_MAX: usize = 48;

/// The lifetime of a note, in seconds. A caller that comes back later makes the call for the first time again.
const NOTE_SECONDS: i64 = 400 * 86_400;

/// How many times an alert is tried while other functions write alerts about equal calls.
const ATTEMPTS_MAX: u32 = 8;

/// The largest number of callers of calls that are cached as known.
const KNOWN_MAX: usize = 10_000;

/// The calls of one group in a batch.
#[derive(Debug, Default)]
struct Calls {
    /// The number of calls at each time.
    times: BTreeMap<Timestamp, u64>,
    /// The number of calls without a time.
    undated: u64,
}

/// The sensitive calls of a batch by group, and which of them an alert is due for.
type Groups = BTreeMap<ClusterId, (Due, Calls)>;

impl Calls {
    /// Returns the number of calls that an alert at `at` covers; with `None` the number of those without a time.
    fn covered(&self, at: Option<Timestamp>) -> u64 {
        let Some(at) = at else {
            return self.undated;
        };
        self.times
            .range(at..at.plus(COVER_SECONDS))
            .map(|(_, count)| count)
            .sum()
    }

    fn first(&self) -> Option<Timestamp> {
        self.times.first_key_value().map(|(at, _)| *at)
    }
}

impl<T: Table> DynamoStore<T> {
    /// Writes the alerts that are due about the sensitive calls of a batch.
    pub(super) async fn alert_on_calls(&mut self, tally: &Tally) -> Result<(), StoreError> {
        let groups = groups(tally);
        self.alert_each_hour(tally, &groups).await?;
        self.alert_on_first_calls(tally, &groups).await
    }

    /// Writes the alerts about groups of equal calls that have an alert each hour. The notes of all of them are read
    /// together, because a batch may have hundreds of groups.
    async fn alert_each_hour(&mut self, tally: &Tally, groups: &Groups) -> Result<(), StoreError> {
        if !self.is_alerting_on_new() {
            return Ok(());
        }
        let is_due = |of: &(&ClusterId, &(Due, Calls))| of.1.0 == Due::EachHour;
        let due: Vec<_> = groups.iter().filter(is_due).collect();
        let keys: Vec<Key> = due.iter().map(|(id, _)| times_key(**id)).collect();
        let notes = self.table.get(&keys).await?.into_iter();
        let mut notes: BTreeMap<Key, Item> = notes.map(|note| (note.key.clone(), note)).collect();
        for ((id, (_, calls)), key) in due.into_iter().zip(&keys) {
            let note = notes.remove(key);
            self.alert_on_group(tally, *id, calls, note).await?;
        }
        Ok(())
    }

    /// Writes the alerts about one group of equal calls that no alert of the hour before covers. `note` is the note of
    /// the group as it was read from the table.
    async fn alert_on_group(
        &mut self,
        tally: &Tally,
        id: ClusterId,
        calls: &Calls,
        mut note: Option<Item>,
    ) -> Result<(), StoreError> {
        let times: BTreeSet<Timestamp> = calls.times.keys().copied().collect();
        let key = times_key(id);
        let mut attempts = 0;
        loop {
            let alerted = note.as_ref().map(read_times).unwrap_or_default();
            let mut due: Vec<Option<Timestamp>> =
                uncovered(&times, &alerted).into_iter().map(Some).collect();
            if times.is_empty() && note.is_none() {
                due.push(None);
            }
            let Some(at) = due.first().copied() else {
                return Ok(());
            };
            let alert = self.alert_of(&tally.facts[&id], id, at, calls.covered(at));
            let version = note.as_ref().and_then(|note| note.number_of("vr"));
            let version = version.unwrap_or_default();
            let new = times_item(&key, alerted, at, version + 1, self.now);
            let replace = Write::Replace {
                item: new.clone(),
                version,
            };
            let mut writes = vec![replace];
            writes.extend(self.outbox_writes(&alert, self.now));
            match self.apply(&writes).await {
                Ok(()) => (note, attempts) = (Some(new), 0),
                // Another function wrote an alert about the group.
                Err(TableError::Refused { .. }) if attempts < ATTEMPTS_MAX => {
                    note = self.table.get(std::slice::from_ref(&key)).await?.pop();
                    attempts += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes the alerts about callers that make a call for the first time. A caller is noted even if no alert is
    /// written, so that it is known when alerts begin.
    async fn alert_on_first_calls(
        &mut self,
        tally: &Tally,
        groups: &Groups,
    ) -> Result<(), StoreError> {
        let unknown: BTreeMap<Key, (Option<Timestamp>, ClusterId)> = first_calls(tally, groups)
            .into_iter()
            .map(|(caller, first)| (caller_key(&caller), first))
            .filter(|(key, _)| !self.known_callers.contains(key))
            .collect();
        let keys: Vec<Key> = unknown.keys().cloned().collect();
        for note in self.table.get(&keys).await? {
            if let Some(renewed) = renewed(&note, self.now) {
                self.apply(&[Write::Put(renewed)]).await?;
            }
            self.known_callers.insert(note.key);
        }
        for (key, (at, id)) in unknown {
            if self.known_callers.contains(&key) {
                continue;
            }
            let note = Item::new(key.clone())
                .time("ft", at)
                .time("ttl", self.now.plus(NOTE_SECONDS));
            let mut writes = vec![Write::Create(note)];
            if self.is_alerting_on_new() {
                let alert = self.alert_of(&tally.facts[&id], id, at, groups[&id].1.covered(at));
                writes.extend(self.outbox_writes(&alert, self.now));
            }
            match self.apply(&writes).await {
                Ok(()) | Err(TableError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.known_callers.insert(key);
        }
        if self.known_callers.len() > KNOWN_MAX {
            self.known_callers.clear();
        }
        Ok(())
    }

    fn alert_of(
        &self,
        facts: &ClusterFacts,
        id: ClusterId,
        at: Option<Timestamp>,
        count: u64,
    ) -> Alert {
        let call = SensitiveCall::of(facts, count);
        Alert::of_call(&call, &facts.identity.account_id, id, at, self.now)
    }
}

/// Returns the sensitive calls of a batch by group.
fn groups(tally: &Tally) -> Groups {
    let mut groups = Groups::new();
    for sighting in tally.sightings.values() {
        let id = sighting.series.cluster;
        let facts = &tally.facts[&id];
        if !facts.is_sensitive_call() {
            continue;
        }
        let group = groups.entry(id);
        let (_, calls) =
            group.or_insert_with(|| (due(facts, &sighting.series.facets), Calls::default()));
        match sighting.at() {
            Some(at) => *calls.times.entry(at).or_default() += 1,
            None => calls.undated += 1,
        }
    }
    groups
}

/// Returns the first call of each caller and API of the tier "first" in a batch, with its time.
fn first_calls(
    tally: &Tally,
    groups: &Groups,
) -> BTreeMap<CallerOfCall, (Option<Timestamp>, ClusterId)> {
    let mut first_calls = BTreeMap::new();
    for (id, (_, calls)) in groups
        .iter()
        .filter(|(_, (of, _))| *of == Due::FirstOfCaller)
    {
        let caller = CallerOfCall::of(&tally.facts[id].identity);
        let candidate = (calls.first(), *id);
        let first = first_calls.entry(caller).or_insert(candidate);
        *first = candidate.min(*first);
    }
    first_calls
}

/// Returns the key of the note with the times of the alerts about a group of equal calls.
fn times_key(id: ClusterId) -> Key {
    Key::new(format!("C#{id}"), "ALERTS")
}

/// Returns the key of the note that a caller has made a call. The key has a hash, because callers choose their names.
fn caller_key(of: &CallerOfCall) -> Key {
    let mut hash = Sha256::new();
    let strong = of.is_strong.then_some(STRONG);
    let parts = [of.service.as_str(), &of.action, &of.caller].into_iter();
    for part in parts.chain(strong) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = HEXLOWER.encode(&hash.finalize()[..16]);
    Key::new(format!("A#{}", of.account_id), format!("W#{hash}"))
}

fn read_times(note: &Item) -> BTreeSet<Timestamp> {
    let times = note.texts_of("al").into_iter().flatten();
    let time = |text: &String| Timestamp::from_seconds(text.parse().ok()?);
    times.filter_map(time).collect()
}

/// Encodes the times of the alerts about a group. `-` is the alert about calls without a time.
fn times_item(
    key: &Key,
    mut alerted: BTreeSet<Timestamp>,
    at: Option<Timestamp>,
    version: i64,
    now: Timestamp,
) -> Item {
    alerted.extend(at);
    let surplus = alerted.len().saturating_sub(TIMES_MAX);
    let newest = alerted.into_iter().skip(surplus);
    let mut texts: BTreeSet<String> = newest.map(|at| at.seconds().to_string()).collect();
    if texts.is_empty() {
        texts.insert("-".to_owned());
    }
    Item::new(key.clone())
        .number("vr", version)
        .texts("al", texts)
        .time("ttl", now.plus(NOTE_SECONDS))
}
