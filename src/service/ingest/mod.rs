//! The verb that turns an input into clusters: open, fold, commit.
//!
//! Nothing is committed before the input was read to its end: a gzip stream whose checksum is
//! wrong has given records that nobody should trust. A record that cannot be read is quarantined
//! and costs nothing but itself.

pub mod backfill;
pub mod diagnosis;
pub mod gap_repair;
pub mod gaps;
pub mod redrive;
pub mod replay_input;
pub mod rules_loader;
pub mod subscription;

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusters::class::{Class, NO_ERROR, NO_EVENT, PREFILTER};
use clusters::own_roles::{OWN, is_refusal};
use clusters::report::RecordCounts;
use clusters::sample::SampleCutoffs;
use clusters::{Conclusion, EventId, Finding, Tally, event_time};
use input::file::{Reader, read_reference};
use input::likeness;
use input::{InputItem, Layout, Limits, ReadError};
use records::record_template::{RecordTemplate, Repeat};
use records::redact;
use records::time::Timestamp;
use records::{Record, Rejection, Wrapper};
use sha2::{Digest as _, Sha256};

use crate::ports::{Batch, Committed, Quarantined, Store, StoreError, StoreUsage};
use crate::rules::{Fate, Hits, Rules};

/// How many unreadable records of one input are kept with their place and reason; all are counted.
pub const QUARANTINED_MAX: usize = 1000;

/// An input, folded but not yet committed.
#[derive(Debug, Default)]
pub struct Folded {
    tally: Tally,
    quarantined: Vec<Quarantined>,
    record_counts: RecordCounts,
    hits: Vec<Hits>,
    /// When the last of its records was logged.
    logged_at: Option<Timestamp>,
    /// The longest that a selected record took from its call to CloudWatch Logs, in seconds.
    lag_seconds: Option<i64>,
    /// What the first record looks like that is no event of CloudTrail; only where it is first of all.
    likeness: Option<String>,
    /// All records that could not be read, where they are to be counted in clusters.
    unparsable: Option<Vec<Unparsable>>,
}

/// A record that could not be read, as far as it counts.
#[derive(Debug)]
struct Unparsable {
    number: u64,
    /// What it says, hashed; a record that was not even handed over has none.
    says: Option<[u8; 32]>,
    reason: &'static str,
    account_id: Option<Arc<str>>,
    logged_at: Option<Timestamp>,
}

/// What became of an input that was committed.
#[derive(Debug, Default)]
pub struct Ingested {
    /// What became of its records.
    pub record_counts: RecordCounts,
    /// Those that could not be read, at most [`QUARANTINED_MAX`].
    pub quarantined: Vec<Quarantined>,
    /// How often each rule matched, in the order of the rules.
    pub hits: Vec<Hits>,
    /// Clusters that are new.
    pub new_clusters: u64,
    /// What the store took for it.
    pub spent: StoreUsage,
    /// Which samples the store has enough of now.
    cutoffs: SampleCutoffs,
}

/// How inputs are folded, and what is remembered from one to the next to make it less work; what
/// comes of an input does not depend on that.
#[derive(Debug)]
pub struct Folding<'r> {
    limits: Limits,
    /// `None` stands for the reference reader.
    reader: Option<Reader>,
    finder: Analyzer<'r>,
    /// Which samples the store would not keep; none at all where nobody looks at samples. Foldings
    /// that work side by side share them.
    cutoffs: Option<SharedCutoffs>,
    /// Whether records that cannot be read are listed to be counted in clusters.
    counts_unparsable: bool,
}

/// What a folding remembers and the room that it has, without its rules; nothing by default.
#[derive(Debug, Default)]
pub struct Caches {
    reader: Option<Reader>,
    repeats: Option<RecentRecords>,
    cutoffs: Option<SharedCutoffs>,
}

/// Marks that foldings share which work side by side.
type SharedCutoffs = Arc<Mutex<Arc<SampleCutoffs>>>;

/// What finds out what records say.
#[derive(Debug)]
struct Analyzer<'r> {
    rules: &'r Rules,
    /// `None` with the reference reader, which parses each record.
    repeats: Option<RecentRecords>,
}

/// The last records that went into clusters, the newest first, and what was found in them.
#[derive(Debug, Default)]
struct RecentRecords(VecDeque<RecentRecord>);

#[derive(Debug)]
struct RecentRecord {
    template: RecordTemplate,
    account_id: Option<String>,
    found: Analysis,
}

/// What is found in a record, whichever event it is.
#[derive(Debug, Clone)]
struct Analysis {
    finding: Finding,
    /// Whether its code is not known here.
    unknown_code: bool,
}

/// How many records are compared with: callers take turns.
const KNOWN_MAX: usize = 8;

impl RecentRecords {
    /// Returns what was found in the record that a text repeats, and in what it differs.
    fn find<'t>(&self, text: &'t str, wrapper: &Wrapper) -> Option<(Repeat<'t>, &Analysis)> {
        self.0
            .iter()
            .filter(|known| known.account_id == wrapper.account_id)
            .find_map(|known| Some((known.template.repeated_by(text)?, &known.found)))
    }

    /// Keeps a record in the place of the oldest.
    fn keep(&mut self, record: &Record<'_>, text: &str, wrapper: &Wrapper, found: &Analysis) {
        let oldest = (self.0.len() == KNOWN_MAX).then(|| self.0.pop_back());
        let mut template = oldest
            .flatten()
            .map_or_else(RecordTemplate::default, |known| known.template);
        if template.take(record, text) {
            self.0.push_front(RecentRecord {
                template,
                account_id: wrapper.account_id.clone(),
                found: found.clone(),
            });
        }
    }
}

impl<'r> Folding<'r> {
    /// Returns a folding by rules, which may leave records out or change what is concluded of them.
    pub fn new(limits: Limits, rules: &'r Rules) -> Self {
        Self {
            limits,
            reader: Some(Reader::new(&PREFILTER)),
            finder: Analyzer {
                rules,
                repeats: Some(RecentRecords::default()),
            },
            cutoffs: None,
            counts_unparsable: false,
        }
    }

    /// Returns a folding by the same rules as the one that remembered something.
    pub fn remembering(limits: Limits, rules: &'r Rules, remembered: Caches) -> Self {
        let new = Self::new(limits, rules);
        Self {
            reader: remembered.reader.or(new.reader),
            finder: Analyzer {
                rules,
                repeats: remembered.repeats.or(new.finder.repeats),
            },
            cutoffs: remembered.cutoffs,
            ..new
        }
    }

    /// Returns what it remembers, for another by the same rules.
    pub fn into_remembered(self) -> Caches {
        Caches {
            reader: self.reader,
            repeats: self.finder.repeats,
            cutoffs: self.cutoffs,
        }
    }

    /// Lists all records that cannot be read, so that they can be counted in clusters.
    pub fn counting_unparsable(self) -> Self {
        Self {
            counts_unparsable: true,
            ..self
        }
    }

    /// Makes samples as well.
    pub fn with_samples(self) -> Self {
        Self {
            cutoffs: self.cutoffs.or_else(|| Some(Arc::default())),
            ..self
        }
    }

    /// Reads with the reference reader, and remembers nothing: slow, and what the tests compare the fast
    /// path with.
    pub fn reference(self) -> Self {
        Self {
            reader: None,
            finder: Analyzer {
                rules: self.finder.rules,
                repeats: None,
            },
            ..self
        }
    }

    /// Returns a folding to work beside this one, for the same store.
    pub fn beside(&self) -> Self {
        Self {
            cutoffs: self.cutoffs.clone(),
            ..Self::new(self.limits, self.finder.rules)
        }
    }

    /// Reads an input to its end and folds its records.
    ///
    /// `account_id` is the account that the input's name tells, for records that name none.
    ///
    /// # Errors
    /// When the input as a whole cannot be trusted; nothing of it should be kept then.
    pub fn fold(
        &mut self,
        input: impl Read,
        layout: Layout,
        account_id: Option<&str>,
    ) -> Result<Folded, ReadError> {
        let Self {
            limits,
            reader,
            finder,
            cutoffs,
            counts_unparsable,
        } = self;
        let mut folded = Folded {
            hits: vec![Hits::default(); finder.rules.all().len()],
            unparsable: counts_unparsable.then(Vec::new),
            ..Folded::default()
        };
        let cutoffs = cutoffs.as_deref().map(|cutoffs| Arc::clone(&held(cutoffs)));
        let mut visit = |item: InputItem<'_>| match item {
            InputItem::Record {
                number,
                text,
                wrapper,
            } => {
                let wrapper = wrapper.or_account(account_id);
                folded.record(number, &text, &wrapper, cutoffs.as_deref(), finder);
            }
            InputItem::Rejected {
                number,
                rejection,
                wrapper,
            } => folded.quarantine(number, None, rejection, wrapper),
            InputItem::Skipped { count } => folded.quiet(count),
            InputItem::ControlMessage => folded.record_counts.control_messages += 1,
        };
        match reader {
            Some(reader) => reader.read(input, layout, limits, &mut visit),
            None => read_reference(input, layout, limits, &mut visit),
        }?;
        Ok(folded)
    }

    /// Remembers which samples of a committed input the store has enough of.
    pub fn learn(&self, ingested: &Ingested) {
        learn(self.cutoffs.as_ref(), ingested);
    }
}

impl Caches {
    /// Remembers which samples of a committed input the store has enough of.
    pub fn learn(&self, ingested: &Ingested) {
        learn(self.cutoffs.as_ref(), ingested);
    }
}

fn learn(cutoffs: Option<&SharedCutoffs>, ingested: &Ingested) {
    if let Some(cutoffs) = cutoffs {
        Arc::make_mut(&mut held(cutoffs)).extend(&ingested.cutoffs);
    }
}

impl Analyzer<'_> {
    /// Reads a record.
    fn parse<'t>(&self, text: &'t str) -> Result<Record<'t>, Rejection> {
        match self.repeats {
            Some(_) => Record::parse(text),
            None => Record::parse_reference(text),
        }
    }

    /// Takes what is concluded of a record, and keeps it for those that repeat the record.
    fn find(
        &mut self,
        conclusion: Conclusion<'_>,
        record: &Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> Analysis {
        let finding = Finding::of(conclusion);
        let is_other = finding.facts.identity.class == Class::Other;
        let found = Analysis {
            finding,
            unknown_code: is_other && record.error_code.is_some(),
        };
        // What a rule looks at may be anything in the record, its time among it.
        if let (Some(repeats), []) = (&mut self.repeats, self.rules.all()) {
            repeats.keep(record, text, wrapper, &found);
        }
        found
    }
}

/// Takes marks; whoever held them before cannot have left them half done.
fn held(cutoffs: &Mutex<Arc<SampleCutoffs>>) -> MutexGuard<'_, Arc<SampleCutoffs>> {
    cutoffs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Folds one input, with samples.
///
/// # Errors
/// As [`Folding::fold`].
pub fn fold(
    input: impl Read,
    layout: Layout,
    limits: &Limits,
    account_id: Option<&str>,
    rules: &Rules,
) -> Result<Folded, ReadError> {
    let mut folding = Folding::new(*limits, rules).with_samples();
    folding.fold(input, layout, account_id)
}

/// Commits a folded input and closes its totals.
///
/// # Errors
/// The store's; nothing of the input was kept then, and committing it again is safe.
pub async fn commit(
    store: &mut impl Store,
    source: &str,
    folded: Folded,
) -> Result<Ingested, StoreError> {
    let mut ingested = commit_all(store, vec![(source.to_owned(), folded)]).await?;
    Ok(ingested.pop().unwrap_or_default())
}

/// Commits folded inputs, each with its name, together and in their order, and closes their totals.
///
/// # Errors
/// The store's; nothing of any of them was kept then, and committing them again is safe.
pub async fn commit_all(
    store: &mut impl Store,
    inputs: Vec<(String, Folded)>,
) -> Result<Vec<Ingested>, StoreError> {
    let mut open = Vec::with_capacity(inputs.len());
    let mut batches = Vec::with_capacity(inputs.len());
    for (source, folded) in inputs {
        let (ingested, batch) = folded.open(source);
        open.push(ingested);
        batches.push(batch);
    }
    let committed = store.commit(batches).await?;
    for (ingested, committed) in open.iter_mut().zip(committed) {
        ingested.close(committed);
    }
    Ok(open)
}

impl Ingested {
    /// Closes the totals. Which of the observed events are duplicates is known only now: the store
    /// has the others.
    fn close(&mut self, committed: Committed) {
        let record_counts = &mut self.record_counts;
        let observed =
            record_counts.selected - record_counts.ignored() - record_counts.quarantined();
        record_counts.clustered = committed.fresh;
        record_counts.duplicate = observed - committed.fresh;
        debug_assert!(record_counts.balances());
        self.new_clusters = committed.new_clusters;
        self.spent = committed.spent;
        self.cutoffs = committed.cutoffs;
    }
}

impl Folded {
    /// Returns how many events it holds.
    pub fn events(&self) -> usize {
        self.tally.sightings.len()
    }

    /// Returns what was seen, by event.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Says what an input looks like that holds something, but not a single event of CloudTrail: what
    /// was not read must not be told as clean.
    pub fn without_events(&self) -> Option<String> {
        let record_counts = &self.record_counts;
        let others = record_counts.not_selected.get(NO_EVENT).copied();
        let others = others.unwrap_or_default() + record_counts.quarantined();
        let is_without =
            others > 0 && others == record_counts.read && record_counts.control_messages == 0;
        is_without.then(|| match (&self.likeness, self.quarantined.first()) {
            (Some(likeness), _) => likeness.clone(),
            (None, Some(first)) => format!("{}: {}", likeness::UNREADABLE, first.rejection),
            (None, None) => likeness::UNREADABLE.to_owned(),
        })
    }

    /// Notes what a record looks like that is no event, if it is the first.
    fn look(&mut self, text: &str) {
        if self.record_counts.read == 1 {
            self.likeness = Some(likeness::of_record(text));
        }
    }

    /// Returns what is to be committed, and the totals that are closed when it is.
    fn open(self, source: String) -> (Ingested, Batch) {
        let ingested = Ingested {
            record_counts: self.record_counts,
            quarantined: self.quarantined.clone(),
            hits: self.hits,
            ..Ingested::default()
        };
        let batch = Batch {
            source,
            tally: self.tally,
            quarantined: self.quarantined,
        };
        (ingested, batch)
    }

    fn record(
        &mut self,
        number: u64,
        text: &str,
        wrapper: &Wrapper,
        cutoffs: Option<&SampleCutoffs>,
        finder: &mut Analyzer<'_>,
    ) {
        self.logged_at = self.logged_at.max(wrapper.logged_at);
        let repeats = finder.repeats.as_ref();
        if let Some((repeat, found)) = repeats.and_then(|repeats| repeats.find(text, wrapper)) {
            self.record_counts.read += 1;
            self.record_counts.selected += 1;
            let id = EventId::named(repeat.event_id);
            let at = event_time(Some(repeat.event_time), wrapper);
            self.lag(at, wrapper);
            let sample = || {
                let record = Record::parse(text);
                record.as_ref().map(redact::sample).unwrap_or_default()
            };
            return self.observe(id, at, found, cutoffs, sample);
        }
        let record = match finder.parse(text) {
            Ok(record) => record,
            Err(rejection) => return self.quarantine(number, Some(text), rejection, wrapper),
        };
        self.record_counts.read += 1;
        let (fate, outcome) = finder.rules.decide(&record, text, wrapper);
        Hits::count(&mut self.hits, outcome);
        self.record_counts.selected += u64::from(!matches!(fate, Fate::NotSelected(_)));
        match fate {
            Fate::NotSelected(reason) => {
                if reason == NO_EVENT {
                    self.look(text);
                }
                *self.record_counts.not_selected.entry(reason).or_default() += 1;
            }
            Fate::Ignored(class, reason) => {
                *self.record_counts.ignored.entry(reason).or_default() += 1;
                self.record_counts.own_refusals +=
                    u64::from(reason == OWN && is_refusal(&record, class));
            }
            Fate::Clustered(conclusion) => {
                let (id, at) = (conclusion.id, conclusion.at);
                self.lag(at, wrapper);
                let found = finder.find(conclusion, &record, text, wrapper);
                let sample = || redact::sample(&record);
                self.observe(id, at, &found, cutoffs, sample);
            }
        }
    }

    fn observe(
        &mut self,
        id: EventId,
        at: Option<Timestamp>,
        found: &Analysis,
        cutoffs: Option<&SampleCutoffs>,
        sample: impl FnOnce() -> String,
    ) {
        // Codes and wordings that are not known here are counted, so that a new one is noticed.
        self.record_counts.unknown_denials += u64::from(found.finding.unknown_denial);
        self.record_counts.unknown_codes += u64::from(found.unknown_code);
        let class = found.finding.facts.identity.class;
        *self.record_counts.classes.entry(class).or_default() += 1;
        self.tally.observe(id, at, &found.finding);
        if let Some(cutoffs) = cutoffs {
            let cluster = found.finding.series.cluster;
            self.tally.sample(cluster, id, at, cutoffs, sample);
        }
    }

    /// Notes how long it took from a call to CloudWatch Logs.
    fn lag(&mut self, at: Option<Timestamp>, wrapper: &Wrapper) {
        if let (Some(at), Some(logged_at)) = (at, wrapper.logged_at) {
            self.lag_seconds = self.lag_seconds.max(Some(logged_at.seconds_since(at)));
        }
    }

    /// Counts records that were held back because nothing failed.
    fn quiet(&mut self, count: u64) {
        self.record_counts.read += count;
        *self.record_counts.not_selected.entry(NO_ERROR).or_default() += count;
    }

    fn quarantine(
        &mut self,
        number: u64,
        text: Option<&str>,
        rejection: Rejection,
        wrapper: &Wrapper,
    ) {
        self.logged_at = self.logged_at.max(wrapper.logged_at);
        if let Some(unparsable) = &mut self.unparsable {
            let account_id = wrapper.account_id.as_deref();
            let known = unparsable.last().and_then(|last| last.account_id.clone());
            let account_id = match (known, account_id) {
                (Some(known), Some(account_id)) if *known == *account_id => Some(known),
                (_, account_id) => account_id.map(Arc::from),
            };
            unparsable.push(Unparsable {
                number,
                says: text.map(|text| Sha256::digest(text).into()),
                reason: rejection.name(),
                account_id,
                logged_at: wrapper.logged_at,
            });
        }
        self.record_counts.read += 1;
        if let Some(text) = text {
            self.look(text);
        }
        self.record_counts.selected += 1;
        *self
            .record_counts
            .quarantined
            .entry(rejection.name())
            .or_default() += 1;
        if self.quarantined.len() < QUARANTINED_MAX {
            self.quarantined.push(Quarantined { number, rejection });
        }
    }
}
