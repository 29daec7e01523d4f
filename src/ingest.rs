//! The verb that turns an input into clusters: open, fold, commit.
//!
//! Nothing is committed before the input was read to its end: a gzip stream whose checksum is
//! wrong has given records that nobody should trust. A record that cannot be read is quarantined
//! and costs nothing but itself.

use std::io::Read;

use crate::cluster::class::Class;
use crate::cluster::memo::Memo;
use crate::cluster::sample::Marks;
use crate::cluster::{EventId, Finding, Tally, event_time};
use crate::ports::{Batch, Committed, Quarantined, Store, StoreError};
use crate::report::Books;
use crate::rules::{Fate, Hits, Rules};
use crate::trail::file::{Item, Layout, Limits, ReadError, read};
use crate::trail::redact;
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
}

/// How inputs are folded, and what is remembered from one to the next to make it less work; what
/// comes of an input does not depend on that.
#[derive(Debug)]
pub struct Folding<'r> {
    limits: Limits,
    rules: &'r Rules,
    memo: Memo,
    /// Which samples the store would not keep; none at all where nobody looks at samples.
    marks: Option<Marks>,
}

impl<'r> Folding<'r> {
    /// Returns a folding by rules, which may leave records out or change what is concluded of them.
    pub fn new(limits: Limits, rules: &'r Rules) -> Self {
        Self {
            limits,
            rules,
            memo: Memo::default(),
            marks: None,
        }
    }

    /// Makes samples as well.
    pub fn with_samples(self) -> Self {
        Self {
            marks: Some(Marks::default()),
            ..self
        }
    }

    /// Remembers what was found in records by another memo.
    pub fn with_memo(self, memo: Memo) -> Self {
        Self { memo, ..self }
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
        let mut folded = Folded {
            hits: vec![Hits::default(); self.rules.all().len()],
            ..Folded::default()
        };
        let limits = self.limits;
        read(input, layout, &limits, &mut |item| match item {
            Item::Record {
                number,
                text,
                wrapper,
            } => folded.record(number, &text, &wrapper.or_account(account_id), self),
            Item::Rejected { number, rejection } => folded.quarantine(number, rejection),
            Item::ControlMessage => folded.books.control_messages += 1,
        })?;
        Ok(folded)
    }

    /// Remembers which samples of a committed input the store has enough of.
    pub fn learn(&mut self, ingested: &Ingested) {
        if let Some(marks) = &mut self.marks {
            marks.extend(&ingested.marks);
        }
    }
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
            marks: Marks::default(),
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
    }
}

impl Folded {
    /// Returns how many events it holds.
    pub fn events(&self) -> usize {
        self.tally.sightings.len()
    }

    fn record(&mut self, number: u64, text: &str, wrapper: &Wrapper, folding: &mut Folding<'_>) {
        let record = match Record::parse(text) {
            Ok(record) => record,
            Err(rejection) => return self.quarantine(number, rejection),
        };
        self.books.read += 1;
        let (fate, verdict) = folding.rules.judge(&record, text, wrapper);
        Hits::count(&mut self.hits, verdict);
        self.books.selected += u64::from(!matches!(fate, Fate::NotSelected(_)));
        match fate {
            Fate::NotSelected(reason) => {
                *self.books.not_selected.entry(reason).or_default() += 1;
            }
            Fate::Ignored(_, reason) => *self.books.ignored.entry(reason).or_default() += 1,
            Fate::Clustered(class) => {
                let find = || {
                    let rules = folding.rules;
                    Finding::of(rules.conclude(&record, text, wrapper, class, verdict))
                };
                // What a rule looks at may be anything in the record, its time among it.
                let finding = match verdict.applies {
                    Some(_) => find(),
                    None => folding.memo.finding(&record, wrapper, class, find),
                };
                self.clustered(&record, wrapper, &finding, folding.marks.as_ref());
            }
        }
    }

    fn clustered(
        &mut self,
        record: &Record<'_>,
        wrapper: &Wrapper,
        finding: &Finding,
        marks: Option<&Marks>,
    ) {
        // Codes and wordings that are not known here are counted, so that a new one is noticed.
        self.books.unknown_denials += u64::from(finding.unknown_denial);
        let unknown_code =
            finding.facts.identity.class == Class::Other && record.error_code.is_some();
        self.books.unknown_codes += u64::from(unknown_code);
        let (id, at) = (EventId::of(record), event_time(record, wrapper));
        self.tally.observe(id, at, finding);
        if let Some(marks) = marks {
            let redacted = || redact::sample(record);
            let cluster = finding.case.cluster;
            self.tally.sample(cluster, id, at, marks, redacted);
        }
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
