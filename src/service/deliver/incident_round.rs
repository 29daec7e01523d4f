//! The round: looks at the accounts with new evidence and at those whose open incidents are due, and alerts about
//! what it finds.
//!
//! Mostly there is nothing to look at, and the round costs two queries. Only one function makes a round at a time. A note of
//! evidence stays until its account was looked at, so a round that fails or ends early loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::Alert;
use alerts::outbox::Lease;
use clusters::incident::Incident;
use clusters::incident::life::{
    IncidentId, OpenIncident, QUIET_SECONDS, SentAlert, open_incidents,
};
use records::time::{Timestamp, Window};

use crate::incidents::log_pattern::{of_actor, of_objects};
use crate::incidents::read_back::{LogSource, ReadBack};
use crate::incidents::{HOURS_MAX, IncidentFinder, Search, first_hour};
use crate::ports::{
    Clock, EvidenceNote, HourReader, IncidentStore, LogGroups, ReadBackEvents, ReadBackStore,
    StoreError, TransitionWriter,
};

/// How long a round is reserved at most, in seconds, if its function stops without ending it.
const LEASE_SECONDS: i64 = 50;

/// How long before the end of the reservation no further account is looked at, in milliseconds.
const SPARE_MILLIS: i64 = 10_000;

/// After how long an incident that was not found is looked for again, in seconds.
const AGAIN_SECONDS: i64 = 3600;

/// How often an account is looked at again in one round, because what was read back joins or opens incidents.
const LOOKS_MAX: usize = 4;

/// What a round works with.
#[derive(Debug)]
pub struct RoundInput<'r, G, C> {
    /// From where the records of an incident are read.
    pub source: LogSource<'r, G>,
    /// The clock.
    pub clock: &'r C,
    /// The name of this run: a text that no other run has.
    pub holder: &'r str,
    /// The end of the run, in milliseconds since 1970.
    pub deadline: i64,
}

/// When open incidents were looked at last. It only saves reads: a function that knows nothing looks more often.
#[derive(Debug, Default)]
pub struct RoundMemory {
    /// When an incident is to be looked at again, and for which alert that was worked out.
    next: BTreeMap<IncidentId, (usize, Timestamp)>,
    /// The last account of a round that had no time for all. The next round goes on behind it.
    stopped_at: Option<String>,
}

/// What a round did.
#[derive(Debug, Default)]
pub struct Round {
    /// The number of accounts that were looked at.
    pub accounts: usize,
    /// The number of incidents in them that are open.
    pub open: usize,
    /// The number of alerts that were decided.
    pub alerts: usize,
    /// The number of hours of events that were read.
    pub hours: usize,
    /// The number of pages that were read from log groups.
    pub pages: usize,
    /// The accounts with notes that were not looked at to the end.
    pub unfinished: BTreeSet<String>,
    /// Whether another function makes the round.
    pub is_refused: bool,
    /// The incidents that were found and alerted about, by account.
    pub found: BTreeMap<String, Vec<Incident>>,
    /// The errors of accounts that could not be looked at, and of log groups that could not be read; as text.
    pub problems: Vec<String>,
    /// The first error of the store.
    pub error: Option<StoreError>,
}

/// What an account is looked at for.
#[derive(Debug, Default)]
struct Due<'n> {
    notes: Vec<&'n EvidenceNote>,
    /// When the first of its open incidents began; `None` if there is none.
    began: Option<Timestamp>,
}

/// Makes a round. An error of one account does not stop the others.
pub async fn incident_round<S, G, C>(
    store: &mut S,
    input: &RoundInput<'_, G, C>,
    memory: &mut RoundMemory,
) -> Round
where
    S: IncidentStore + HourReader + ReadBackStore + TransitionWriter,
    G: LogGroups,
    C: Clock,
{
    let mut round = Round::default();
    round.error = round.run(store, input, memory).await.err();
    round
}

impl Round {
    async fn run<S, G, C>(
        &mut self,
        store: &mut S,
        input: &RoundInput<'_, G, C>,
        memory: &mut RoundMemory,
    ) -> Result<(), StoreError>
    where
        S: IncidentStore + HourReader + ReadBackStore + TransitionWriter,
        G: LogGroups,
        C: Clock,
    {
        let now = input.clock.now();
        let notes = store.evidence().await?;
        self.unfinished = notes.iter().map(|of| of.account_id.clone()).collect();
        let sent = store.incident_alerts().await?;
        if due(&notes, &sent, memory, now).is_empty() {
            return Ok(());
        }
        let lease = Lease {
            holder: input.holder.to_owned(),
            now,
            until: now.plus(LEASE_SECONDS),
        };
        if !store.claim_round(&lease).await? {
            self.is_refused = true;
            return Ok(());
        }
        let looked = self.look_at(store, input, memory, (&notes, &lease)).await;
        store.end_round(&lease, input.clock.now()).await?;
        looked
    }

    /// Looks at the accounts that are due, as long as the round is reserved.
    async fn look_at<S, G, C>(
        &mut self,
        store: &mut S,
        input: &RoundInput<'_, G, C>,
        memory: &mut RoundMemory,
        (notes, lease): (&[EvidenceNote], &Lease),
    ) -> Result<(), StoreError>
    where
        S: IncidentStore + HourReader + ReadBackStore + TransitionWriter,
        G: LogGroups,
        C: Clock,
    {
        // Another function may have decided alerts before the claim.
        let mut sent = store.incident_alerts().await?;
        let sends = store.sends_alerts().await?;
        let store = &*store;
        if !sends {
            for note in notes {
                store.forget_evidence(note).await?;
            }
            self.unfinished.clear();
            return Ok(());
        }
        let now = lease.now;
        let accounts = due(notes, &sent, memory, now);
        let names = accounts.keys().cloned().collect();
        let mut finder = IncidentFinder::new(store, Some(names));
        let end = lease.until.seconds() * 1000;
        let end = end.min(input.deadline) - SPARE_MILLIS;
        let mut failed = None;
        let mut last = None;
        for (account_id, due) in memory.in_turn(accounts) {
            if input.clock.millis() >= end {
                memory.stopped_at = last;
                break;
            }
            last = Some(account_id.clone());
            memory.stopped_at = None;
            let mut look = Look {
                store,
                input,
                finder: &mut finder,
                sent: &mut sent,
                account_id: &account_id,
                now,
                from: now,
                opens_from: None,
                end,
            };
            match look.account(&due, self).await {
                Ok(found) => {
                    self.accounts += 1;
                    self.unfinished.remove(&account_id);
                    memory.note(&account_id, &sent, &found, now);
                    self.open += found.iter().filter(|of| of.is_open).count();
                    self.found.insert(account_id, found);
                }
                Err(error) => {
                    self.problems.push(format!("account {account_id}: {error}"));
                    failed = failed.or(Some(error));
                }
            }
        }
        self.hours = finder.hours_read();
        failed.map_or(Ok(()), Err)
    }
}

/// Returns the accounts to look at.
fn due<'n>(
    notes: &'n [EvidenceNote],
    sent: &BTreeSet<SentAlert>,
    memory: &RoundMemory,
    now: Timestamp,
) -> BTreeMap<String, Due<'n>> {
    let mut all: BTreeMap<String, Due<'n>> = BTreeMap::new();
    for note in notes {
        let due = all.entry(note.account_id.clone()).or_default();
        due.notes.push(note);
    }
    let open = open_incidents(sent);
    for open in open.iter().filter(|open| memory.is_due(open, now)) {
        all.entry(open.latest.actor.account_id.clone()).or_default();
    }
    for open in &open {
        if let Some(due) = all.get_mut(&open.latest.actor.account_id) {
            due.began = due.began.into_iter().chain(Some(open.began)).min();
        }
    }
    all
}

impl RoundMemory {
    /// Returns the accounts in the order in which they are looked at, so that each one has its turn.
    fn in_turn<'n>(&self, accounts: BTreeMap<String, Due<'n>>) -> Vec<(String, Due<'n>)> {
        let mut all: Vec<(String, Due<'n>)> = accounts.into_iter().collect();
        if let Some(stopped_at) = &self.stopped_at {
            let next = all.partition_point(|(id, _)| id <= stopped_at);
            all.rotate_left(next);
        }
        all
    }

    fn is_due(&self, open: &OpenIncident<'_>, now: Timestamp) -> bool {
        // What ended before the hours that are read cannot be found again.
        let is_within_reach = now.seconds_since(open.latest.last) < HOURS_MAX * 3600;
        let known = self.next.get(&open.latest.incident);
        let known = known.filter(|(number, _)| *number == open.latest.number);
        let next = known.map_or_else(|| open.next_alert(None), |(_, next)| *next);
        is_within_reach && next <= now
    }

    /// Notes when the open incidents of an account that was looked at are to be looked at again.
    fn note(
        &mut self,
        account_id: &str,
        sent: &BTreeSet<SentAlert>,
        found: &[Incident],
        now: Timestamp,
    ) {
        let all = open_incidents(sent);
        let is_open = |id: &IncidentId| all.iter().any(|open| open.latest.incident == *id);
        self.next.retain(|id, _| is_open(id));
        for open in all
            .iter()
            .filter(|open| open.latest.actor.account_id == account_id)
        {
            let id = &open.latest.incident;
            let incident = found.iter().find(|of| of.id == *id);
            let next = incident.map_or_else(
                || now.plus(AGAIN_SECONDS),
                |incident| open.next_alert(Some((now, incident.last))),
            );
            self.next.insert(id.clone(), (open.latest.number, next));
        }
    }
}

/// One account that is looked at.
struct Look<'l, 's, S, G, C> {
    store: &'l S,
    input: &'l RoundInput<'l, G, C>,
    finder: &'l mut IncidentFinder<'s, S>,
    sent: &'l mut BTreeSet<SentAlert>,
    account_id: &'l str,
    now: Timestamp,
    /// From which time on incidents are looked for.
    from: Timestamp,
    /// From which time on the last event of an incident must be, so that it is opened; `None` if none is.
    opens_from: Option<Timestamp>,
    /// When to stop, in milliseconds since 1970.
    end: i64,
}

impl<S, G, C> Look<'_, '_, S, G, C>
where
    S: IncidentStore + HourReader + ReadBackStore,
    G: LogGroups,
    C: Clock,
{
    /// Looks at the account, decides the alerts that are due, and removes its notes. Returns its incidents.
    async fn account(
        &mut self,
        due: &Due<'_>,
        round: &mut Round,
    ) -> Result<Vec<Incident>, StoreError> {
        let earliest = self.now.window().plus(-HOURS_MAX);
        let noted = due.notes.iter().map(|note| note.window);
        let noted: BTreeSet<Window> = noted
            .filter(|window| (earliest..=self.now.window()).contains(window))
            .collect();
        let is_needed = due.began.is_some()
            || self
                .finder
                .could_be_incident(self.account_id, &noted, self.now)
                .await?;
        let mut found = Vec::new();
        if is_needed {
            let first = noted.first().map(|window| window.start());
            let from = first.into_iter().chain(due.began).min();
            self.from = from.unwrap_or(self.now);
            // An incident that ended before the new evidence is not opened: it was looked at when it went on.
            self.opens_from = first.map(|first| first.plus(-QUIET_SECONDS));
            found = self.incidents(round).await?;
        }
        // The hour of a clock that is ahead was not looked at.
        let is_over = |note: &&&EvidenceNote| note.window <= self.now.window();
        for note in due.notes.iter().filter(is_over) {
            self.store.forget_evidence(note).await?;
        }
        Ok(found)
    }

    /// Finds the incidents, reads back the records of those with an alert that is due, and decides these alerts.
    async fn incidents(&mut self, round: &mut Round) -> Result<Vec<Incident>, StoreError> {
        let first = first_hour(self.from, self.now);
        let kept = self.store.read_back(self.account_id, first).await?;
        let mut read_back = ReadBack {
            extra: kept.clone(),
            ..ReadBack::default()
        };
        // Something may have been removed since it was read.
        read_back.extra.complete.clear();
        let mut found = self.find(&read_back).await?;
        let mut read: BTreeSet<IncidentId> = BTreeSet::new();
        for _ in 0..LOOKS_MAX {
            let is_unread = |of: &&Incident| self.is_due(of) && !read.contains(&of.id);
            let unread: Vec<Incident> = found.iter().filter(is_unread).cloned().collect();
            if unread.is_empty() || self.input.clock.millis() >= self.end {
                break;
            }
            found = self.read_back(&unread, &mut read_back).await?;
            read.extend(unread.into_iter().map(|of| of.id));
        }
        if read_back.pages > 0 && !self.keep(&kept, &read_back, round).await {
            read_back.extra.complete.clear();
            found = self.find(&read_back).await?;
        }
        round.pages += read_back.pages;
        if let Some(error) = &read_back.error {
            let problem = format!("account {}: {error}", self.account_id);
            round.problems.push(problem);
        }
        for incident in &found {
            if self.is_due(incident) {
                round.alerts += self.send(incident).await?;
            }
        }
        Ok(found)
    }

    /// Checks whether an alert about an incident is to be decided now.
    fn is_due(&self, incident: &Incident) -> bool {
        let opens = |due: &SentAlert| {
            due.number > 0 || self.opens_from.is_some_and(|from| from <= incident.last)
        };
        incident.due.as_ref().is_some_and(opens)
    }

    /// Keeps what was read, before an alert is decided, so that all later rounds and pages have the same incident. `false` if that
    /// failed, which stops no alert.
    async fn keep(&self, kept: &ReadBackEvents, read_back: &ReadBack, round: &mut Round) -> bool {
        let mut new = read_back.extra.clone();
        new.events.retain(|id, _| !kept.events.contains_key(id));
        let new = self.finder.missing(self.account_id, &new);
        match self.store.keep_read_back(self.account_id, &new).await {
            Ok(()) => true,
            Err(error) => {
                let account_id = self.account_id;
                round
                    .problems
                    .push(format!("account {account_id}: {error}"));
                false
            }
        }
    }

    async fn find(&mut self, read_back: &ReadBack) -> Result<Vec<Incident>, StoreError> {
        let search = Search {
            account_id: self.account_id,
            from: self.from,
            sent: self.sent,
            extra: &read_back.extra,
            now: self.now,
        };
        self.finder.find(&search).await
    }

    /// Reads the records of incidents, then what was done with the objects that they made, and finds the incidents again.
    async fn read_back(
        &mut self,
        unread: &[Incident],
        read_back: &mut ReadBack,
    ) -> Result<Vec<Incident>, StoreError> {
        let (input, end, now) = (self.input, self.end, self.now);
        let is_over = || input.clock.millis() >= end;
        let mut whole = Vec::new();
        for incident in unread {
            let patterns = of_actor(incident);
            let of = (incident, now);
            let is_all = read_back.read(of, &patterns, &input.source, is_over).await;
            whole.extend(is_all.then_some(incident));
        }
        let found = self.find(read_back).await?;
        for incident in whole {
            let is_same = |of: &&Incident| of.takes_in(&incident.actor, incident.last);
            let Some(with_all) = found.iter().find(is_same) else {
                continue;
            };
            let patterns = of_objects(with_all);
            let of = (with_all, now);
            if read_back.read(of, &patterns, &input.source, is_over).await {
                let actor = with_all.actor.clone();
                read_back.extra.complete.insert(actor, now);
            }
        }
        self.find(read_back).await
    }

    /// Decides the alert that is due about an incident. Returns how many alerts were decided.
    async fn send(&mut self, incident: &Incident) -> Result<usize, StoreError> {
        let Some(due) = &incident.due else {
            return Ok(0);
        };
        let alerts = Alert::of_incident(incident, self.sent, self.now);
        let is_new = self.store.send_incident_alert(due, &alerts).await?;
        self.sent.insert(due.clone());
        Ok(usize::from(is_new))
    }
}
