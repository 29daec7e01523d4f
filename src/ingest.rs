//! The verb that turns an input into clusters: open, fold, commit.
//!
//! Nothing is committed before the input was read to its end: a gzip stream whose checksum is
//! wrong has given records that nobody should trust. A record that cannot be read is quarantined
//! and costs nothing but itself.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cluster::class::{Class, NO_ERROR, SIEVE};
use crate::cluster::memo::Memo;
use crate::cluster::sample::Marks;
use crate::cluster::{Conclusion, EventId, Finding, Tally, event_time};
use crate::ports::{Batch, Committed, Quarantined, Spent, Store, StoreError};
use crate::report::Books;
use crate::rules::{Fate, Hits, Rules};
use crate::trail::file::{Item, Layout, Limits, ReadError, Reader, read};
use crate::trail::redact;
use crate::trail::repeat::{Model, Repeat};
use crate::trail::time::EventTime;
use crate::trail::{Record, Rejection, Wrapper};

/// How many unreadable records of one input are kept with their place and reason; all are counted.
pub const QUARANTINED_MAX: usize = 1000;

/// An input, folded but not yet committed.
#[derive(Debug, Default)]
pub struct Folded {
    tally: Tally,
    quarantined: Vec<Quarantined>,
    books: Books,
    hits: Vec<Hits>,
}

/// What became of an input that was committed.
#[derive(Debug, Default)]
pub struct Ingested {
    /// What became of its records.
    pub books: Books,
    /// Those that could not be read, at most [`QUARANTINED_MAX`].
    pub quarantined: Vec<Quarantined>,
    /// How often each rule matched, in the order of the rules.
    pub hits: Vec<Hits>,
    /// Which samples the store has enough of now.
    marks: Marks,
    /// Clusters that were not in the store before.
    pub new_clusters: u64,
    /// What the store took.
    pub spent: Spent,
}

/// How inputs are folded, and what is remembered from one to the next to make it less work; what
/// comes of an input does not depend on that.
#[derive(Debug)]
pub struct Folding<'r> {
    limits: Limits,
    /// Without one, each byte is looked at.
    reader: Option<Reader>,
    finder: Finder<'r>,
    /// Which samples the store would not keep; none at all where nobody looks at samples. Foldings
    /// that work side by side share them.
    marks: Option<Arc<Mutex<Arc<Marks>>>>,
}

/// What finds out what records say.
#[derive(Debug)]
struct Finder<'r> {
    rules: &'r Rules,
    memo: Memo,
    /// Without them, each record is parsed, with a parser.
    repeats: Option<Repeats>,
}

/// The last records that went into clusters, the newest first, and what was found in them.
#[derive(Debug, Default)]
struct Repeats(VecDeque<Known>);

#[derive(Debug)]
struct Known {
    model: Model,
    account_id: Option<String>,
    found: Found,
}

/// What is found in a record, whichever event it is.
#[derive(Debug, Clone)]
struct Found {
    finding: Finding,
    /// Whether its code is not known here.
    unknown_code: bool,
}

/// How many records are compared with: callers take turns.
const KNOWN_MAX: usize = 8;

impl Repeats {
    /// Returns what was found in the record that a text repeats, and in what it differs.
    fn find<'t>(&self, text: &'t str, wrapper: &Wrapper) -> Option<(Repeat<'t>, &Found)> {
        self.0
            .iter()
            .filter(|known| known.account_id == wrapper.account_id)
            .find_map(|known| Some((known.model.repeated_by(text)?, &known.found)))
    }

    /// Keeps a record in the place of the oldest.
    fn keep(&mut self, record: &Record<'_>, text: &str, wrapper: &Wrapper, found: &Found) {
        let oldest = (self.0.len() == KNOWN_MAX).then(|| self.0.pop_back());
        let mut model = oldest
            .flatten()
            .map_or_else(Model::default, |known| known.model);
        if model.take(record, text) {
            self.0.push_front(Known {
                model,
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
            reader: Some(Reader::new(&SIEVE)),
            finder: Finder {
                rules,
                memo: Memo::paying(),
                repeats: Some(Repeats::default()),
            },
            marks: None,
        }
    }

    /// Makes samples as well.
    pub fn with_samples(self) -> Self {
        Self {
            marks: Some(Arc::default()),
            ..self
        }
    }

    /// Reads every record, a byte after another: what is slow, and cannot be wrong in the ways that
    /// make the other fast.
    pub fn plodding(self) -> Self {
        Self {
            reader: None,
            finder: Finder {
                rules: self.finder.rules,
                memo: Memo::default(),
                repeats: None,
            },
            ..self
        }
    }

    /// Returns a folding to work beside this one, for the same store.
    pub fn beside(&self) -> Self {
        Self {
            marks: self.marks.clone(),
            ..Self::new(self.limits, self.finder.rules)
        }
    }

    /// Remembers what was worked out of parts of records in another memo.
    pub fn with_memo(mut self, memo: Memo) -> Self {
        self.finder.memo = memo;
        self
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
            marks,
        } = self;
        let mut folded = Folded {
            hits: vec![Hits::default(); finder.rules.all().len()],
            ..Folded::default()
        };
        let marks = marks.as_deref().map(|marks| Arc::clone(&held(marks)));
        let mut visit = |item: Item<'_>| match item {
            Item::Record {
                number,
                text,
                wrapper,
            } => {
                let wrapper = wrapper.or_account(account_id);
                folded.record(number, &text, &wrapper, marks.as_deref(), finder);
            }
            Item::Rejected { number, rejection } => folded.quarantine(number, rejection),
            Item::Quiet { count } => folded.quiet(count),
            Item::ControlMessage => folded.books.control_messages += 1,
        };
        match reader {
            Some(reader) => reader.read(input, layout, limits, &mut visit),
            None => read(input, layout, limits, &mut visit),
        }?;
        Ok(folded)
    }

    /// Remembers which samples of a committed input the store has enough of.
    pub fn learn(&self, ingested: &Ingested) {
        if let Some(marks) = &self.marks {
            Arc::make_mut(&mut held(marks)).extend(&ingested.marks);
        }
    }
}

impl Finder<'_> {
    /// Reads a record.
    fn parse<'t>(&self, text: &'t str) -> Result<Record<'t>, Rejection> {
        match self.repeats {
            Some(_) => Record::parse(text),
            None => Record::parse_slowly(text),
        }
    }

    /// Takes what is concluded of a record, and keeps it for those that repeat the record.
    fn find(
        &mut self,
        conclusion: Conclusion<'_>,
        record: &Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> Found {
        let finding = Finding::of(conclusion, &mut self.memo.ids);
        let is_other = finding.facts.identity.class == Class::Other;
        let found = Found {
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
fn held(marks: &Mutex<Arc<Marks>>) -> MutexGuard<'_, Arc<Marks>> {
    marks.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Commits a folded input and closes its books.
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

/// Commits folded inputs, each with its name, together and in their order, and closes their books.
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
        open.push(Ingested {
            books: folded.books,
            quarantined: folded.quarantined.clone(),
            hits: folded.hits,
            ..Ingested::default()
        });
        batches.push(Batch {
            source,
            tally: folded.tally,
            quarantined: folded.quarantined,
        });
    }
    let committed = store.commit(batches).await?;
    for (ingested, committed) in open.iter_mut().zip(committed) {
        ingested.close(committed);
    }
    Ok(open)
}

impl Ingested {
    /// Closes the books. Which of the observed events are duplicates is known only now: the store
    /// has the others.
    fn close(&mut self, committed: Committed) {
        let books = &mut self.books;
        let observed = books.selected - books.ignored() - books.quarantined();
        books.clustered = committed.fresh;
        books.duplicate = observed - committed.fresh;
        debug_assert!(books.balances());
        self.marks = committed.marks;
        self.new_clusters = committed.new_clusters;
        self.spent = committed.spent;
    }
}

impl Folded {
    /// Returns how many events it holds.
    pub fn events(&self) -> usize {
        self.tally.sightings.len()
    }

    fn record(
        &mut self,
        number: u64,
        text: &str,
        wrapper: &Wrapper,
        marks: Option<&Marks>,
        finder: &mut Finder<'_>,
    ) {
        let repeats = finder.repeats.as_ref();
        if let Some((repeat, found)) = repeats.and_then(|repeats| repeats.find(text, wrapper)) {
            self.books.read += 1;
            self.books.selected += 1;
            let id = EventId::named(repeat.event_id);
            let at = event_time(Some(repeat.event_time), wrapper);
            let sample = || {
                let record = Record::parse(text);
                record.as_ref().map(redact::sample).unwrap_or_default()
            };
            return self.observe(id, at, found, marks, sample);
        }
        let record = match finder.parse(text) {
            Ok(record) => record,
            Err(rejection) => return self.quarantine(number, rejection),
        };
        self.books.read += 1;
        let (fate, verdict) = finder.rules.judge(&record, text, wrapper);
        Hits::count(&mut self.hits, verdict);
        self.books.selected += u64::from(!matches!(fate, Fate::NotSelected(_)));
        match fate {
            Fate::NotSelected(reason) => {
                *self.books.not_selected.entry(reason).or_default() += 1;
            }
            Fate::Ignored(_, reason) => *self.books.ignored.entry(reason).or_default() += 1,
            Fate::Clustered(class) => {
                let rules = finder.rules;
                let agents = &mut finder.memo.agents;
                let conclusion = rules.conclude(&record, text, wrapper, class, verdict, agents);
                let (id, at) = (conclusion.id, conclusion.at);
                let found = finder.find(conclusion, &record, text, wrapper);
                let sample = || redact::sample(&record);
                self.observe(id, at, &found, marks, sample);
            }
        }
    }

    fn observe(
        &mut self,
        id: EventId,
        at: Option<EventTime>,
        found: &Found,
        marks: Option<&Marks>,
        sample: impl FnOnce() -> String,
    ) {
        // Codes and wordings that are not known here are counted, so that a new one is noticed.
        self.books.unknown_denials += u64::from(found.finding.unknown_denial);
        self.books.unknown_codes += u64::from(found.unknown_code);
        self.tally.observe(id, at, &found.finding);
        if let Some(marks) = marks {
            let cluster = found.finding.case.cluster;
            self.tally.sample(cluster, id, at, marks, sample);
        }
    }

    /// Counts records that were held back because nothing failed.
    fn quiet(&mut self, count: u64) {
        self.books.read += count;
        *self.books.not_selected.entry(NO_ERROR).or_default() += count;
    }

    fn quarantine(&mut self, number: u64, rejection: Rejection) {
        self.books.read += 1;
        self.books.selected += 1;
        *self.books.quarantined.entry(rejection.name()).or_default() += 1;
        if self.quarantined.len() < QUARANTINED_MAX {
            self.quarantined.push(Quarantined { number, rejection });
        }
    }
}
