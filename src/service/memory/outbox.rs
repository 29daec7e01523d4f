//! What waits in memory: rows, what became of them, and what is remembered of sinks and access keys.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, MutexGuard, PoisonError};

use alerts::occasion::{AlertId, Occasion};
use alerts::outbox::{Breaker, Lease, Restraint, Row, Sent, Settlement, Silence, new_clusters};
use clusters::campaign::{Campaign, Deed, Standing, campaigns_within, is_suspect};
use clusters::fingerprint::{ClusterId, Subject};
use clusters::keys::{ANSWER_SECONDS, Ledger};
use clusters::{Census, EventId, Facts, Sighting, Tally};
use records::time::Window;

use crate::memory::MemoryStore;
use crate::ports::{
    Campaigns, Dossier, Dossiers, Hour, Hours, Ledgers, Outbox, SentLog, StoreError,
};

/// What waits, and what became of what waited.
#[derive(Debug, Default)]
pub struct Messages {
    sinks: Vec<String>,
    now: i64,
    /// Rows with who has them, by sink and id.
    rows: BTreeMap<(String, AlertId), (Row, String)>,
    ended: Vec<(Row, Settlement)>,
    breakers: BTreeMap<String, Breaker>,
    silences: BTreeMap<(String, ClusterId), Silence>,
    ledgers: BTreeMap<String, Ledger>,
    /// Campaigns that were told, by account and actor.
    campaigns: BTreeMap<(String, String), Standing>,
}

impl Messages {
    fn tell(&mut self, occasion: &Occasion, now: i64) {
        for sink in &self.sinks {
            let row = Row::new(sink, occasion.clone(), now);
            let key = (sink.clone(), row.id());
            self.rows.entry(key).or_insert((row, String::new()));
        }
    }

    fn end(&mut self, row: Row, lease: &Lease, end: &Settlement) {
        let key = (row.sink.clone(), row.id());
        if let Settlement::Later { due, why, counts } = end {
            let later = Row {
                due: *due,
                why: why.clone(),
                leased_until: 0,
                attempts: row.attempts + i64::from(*counts),
                ..row
            };
            self.rows.insert(key, (later, String::new()));
            return;
        }
        self.rows.remove(&key);
        let silence = row.occasion.cluster.map(|cluster| (key.0, cluster));
        match (end, silence) {
            (
                Settlement::Sent {
                    silent_until: Some(until),
                    ..
                },
                Some(silence),
            ) => {
                let (until, suppressed) = (*until, 0);
                self.silences.insert(silence, Silence { until, suppressed });
            }
            (Settlement::Suppressed, Some(silence)) => {
                let none = Silence {
                    until: 0,
                    suppressed: 0,
                };
                self.silences.entry(silence).or_insert(none).suppressed += 1;
            }
            _ => {}
        }
        let ended = Row {
            leased_until: lease.until,
            ..row
        };
        self.ended.push((ended, end.clone()));
    }
}

impl MemoryStore {
    /// Tells sinks of what is new from now on, in seconds.
    pub fn tell(&self, sinks: &[&str], now: i64) {
        let mut messages = self.messages();
        messages.sinks = sinks.iter().map(|sink| (*sink).to_owned()).collect();
        messages.now = now;
    }

    /// Returns the rows that ended, and how, in the order in which they did.
    pub fn ended(&self) -> Vec<(Row, Settlement)> {
        self.messages().ended.clone()
    }

    pub(super) fn tell_of_new(&self, tally: &Tally, clusters: impl Iterator<Item = ClusterId>) {
        let mut messages = self.messages();
        if messages.sinks.is_empty() {
            return;
        }
        let now = messages.now;
        for occasion in new_clusters(tally, clusters, now) {
            messages.tell(&occasion, now);
        }
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        let messages = self.messages.lock();
        messages.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for MemoryStore {
    async fn waiting(&self, sink: &str, limit: usize) -> Result<Vec<Row>, StoreError> {
        let messages = self.messages();
        let rows = messages.rows.values().map(|(row, _)| row);
        let mut rows: Vec<Row> = rows.filter(|row| row.sink == sink).cloned().collect();
        Row::sort(&mut rows);
        rows.truncate(limit);
        Ok(rows)
    }

    async fn lease(&self, row: &Row, lease: &Lease) -> Result<bool, StoreError> {
        let mut messages = self.messages();
        let Some((known, holder)) = messages.rows.get_mut(&(row.sink.clone(), row.id())) else {
            return Ok(false);
        };
        let is_free = known.is_free(lease.now);
        if is_free {
            known.leased_until = lease.until;
            holder.clone_from(&lease.holder);
        }
        Ok(is_free)
    }

    async fn settle(&self, row: &Row, lease: &Lease, end: &Settlement) -> Result<bool, StoreError> {
        let mut messages = self.messages();
        let held = messages.rows.get(&(row.sink.clone(), row.id()));
        let held = held.filter(|(_, holder)| *holder == lease.holder);
        let Some((row, _)) = held.cloned() else {
            return Ok(false);
        };
        messages.end(row, lease, end);
        Ok(true)
    }

    async fn breaker(&self, sink: &str) -> Result<Breaker, StoreError> {
        let breaker = self.messages().breakers.get(sink).cloned();
        Ok(breaker.unwrap_or_default())
    }

    async fn set_breaker(&self, sink: &str, breaker: &Breaker) -> Result<(), StoreError> {
        let mut messages = self.messages();
        messages.breakers.insert(sink.to_owned(), breaker.clone());
        Ok(())
    }

    async fn probe(&self, sink: &str, lease: &Lease) -> Result<bool, StoreError> {
        let mut messages = self.messages();
        let breaker = messages.breakers.get_mut(sink);
        let due = breaker.filter(|breaker| breaker.probe_from <= lease.now);
        let Some(breaker) = due else {
            return Ok(false);
        };
        breaker.probe_from = lease.until;
        Ok(true)
    }

    async fn restraint(&self, sink: &str, cluster: ClusterId) -> Result<Restraint, StoreError> {
        let key = (sink.to_owned(), cluster);
        Ok(Restraint {
            silence: self.messages().silences.get(&key).copied(),
            mark: self.decisions().mark(cluster),
        })
    }
}

impl SentLog for MemoryStore {
    async fn sent(&self, cluster: ClusterId) -> Result<Vec<Sent>, StoreError> {
        let messages = self.messages();
        let sent = |(row, end): &(Row, Settlement)| {
            let outcome = match end {
                Settlement::Sent { answer, .. } => answer.as_str(),
                Settlement::Digested => "digested",
                _ => return None,
            };
            (row.occasion.cluster == Some(cluster)).then(|| Sent {
                at: messages.now,
                sink: row.sink.clone(),
                kind: row.occasion.kind.name().to_owned(),
                outcome: outcome.to_owned(),
            })
        };
        let mut sent: Vec<Sent> = messages.ended.iter().filter_map(sent).collect();
        sent.sort();
        Ok(sent)
    }
}

impl Hours for MemoryStore {
    async fn hour(
        &self,
        window: Window,
        _known: &dyn Fn(ClusterId) -> Option<Arc<Subject>>,
    ) -> Result<Hour, StoreError> {
        let mut events = self.sightings.events();
        events.retain(|(_, seen)| seen.at().is_some_and(|at| at.window() == window));
        let facts = self.clusters.facts.iter();
        let subject = |(id, facts): (&ClusterId, &Arc<Facts>)| {
            let subject = Subject::from(&facts.identity);
            (*id, Arc::new(subject))
        };
        Ok(Hour {
            events,
            subjects: facts.map(subject).collect(),
            damaged: Vec::new(),
        })
    }
}

impl Ledgers for MemoryStore {
    async fn ledger(&self, key: &str) -> Result<Ledger, StoreError> {
        let ledger = self.messages().ledgers.get(key).cloned();
        Ok(ledger.unwrap_or_default())
    }

    async fn claim(&self, key: &str, now: i64) -> Result<bool, StoreError> {
        let mut messages = self.messages();
        let ledger = messages.ledgers.entry(key.to_owned()).or_default();
        let is_due = ledger.is_due(now);
        if is_due {
            ledger.next = now + ANSWER_SECONDS;
        }
        Ok(is_due)
    }

    async fn remember(
        &self,
        key: &str,
        ledger: &Ledger,
        tells: &[Occasion],
        now: i64,
    ) -> Result<(), StoreError> {
        let mut messages = self.messages();
        messages.ledgers.insert(key.to_owned(), ledger.clone());
        for occasion in tells {
            messages.tell(occasion, now);
        }
        Ok(())
    }
}

impl Dossiers for MemoryStore {
    async fn dossier(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<Dossier>, StoreError> {
        let shared = |(cluster, facts): (&ClusterId, _)| (*cluster, Arc::clone(facts));
        let facts = self.clusters.facts.iter().map(shared).collect();
        let (cases, rows) = self.sightings.rows_within(&hours);
        let mut census = Census::of(facts, cases, rows);
        let samples = self.clusters.samples.get(&cluster).cloned();
        census.samples = samples.map(|of| (cluster, of)).into_iter().collect();
        let first_seen = self.sightings.first_seen(cluster);
        Ok(Dossier::of(cluster, &census, first_seen))
    }
}

impl Campaigns for MemoryStore {
    async fn campaigns(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Arc<Vec<Campaign>>, StoreError> {
        let facts = self.clusters.facts.get(&cluster);
        let Some(facts) = facts.filter(|facts| is_suspect(facts.identity.class)) else {
            return Ok(Arc::default());
        };
        let account_id = &facts.identity.account_id;
        let deed = |(id, sighting): (EventId, Sighting)| {
            let facts = self.clusters.facts.get(&sighting.case.cluster)?;
            let at = sighting.at().filter(|at| hours.contains(&at.window()))?;
            let subject = Arc::new(Subject::from(&facts.identity));
            let case = sighting.case;
            let deed = Deed {
                at,
                id,
                case,
                subject,
            };
            (deed.subject.account_id == *account_id && deed.is_suspect()).then_some(deed)
        };
        let events = self.sightings.events().into_iter();
        let deeds: Vec<Deed> = events.filter_map(deed).collect();
        let from = hours.start().start();
        let is_new = |cluster| {
            let first = self.sightings.first_seen(cluster);
            first.is_some_and(|first| first >= from)
        };
        Ok(Arc::new(campaigns_within(&deeds, is_new)))
    }

    async fn meet_campaign(
        &self,
        campaign: &Campaign,
        told: &Occasion,
    ) -> Result<bool, StoreError> {
        let mut messages = self.messages();
        let now = messages.now;
        let key = (campaign.account_id.clone(), campaign.actor.clone());
        let known = messages.campaigns.get(&key).copied();
        let known = known.filter(|standing| standing.is_of(campaign));
        let standing = Standing::of(campaign);
        let next = known.map_or(standing, |known| known.with(campaign));
        messages.campaigns.insert(key, next);
        if known.is_none() {
            messages.tell(told, now);
        }
        Ok(known.is_none())
    }
}
