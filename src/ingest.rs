//! The verb that turns an input into clusters: open, fold, commit.
//!
//! Nothing is committed before the input was read to its end: a gzip stream whose checksum is
//! wrong has given records that nobody should trust. A record that cannot be read is quarantined
//! and costs nothing but itself.

use std::io::Read;

use crate::cluster::class::{Class, NO_ERROR, SIEVE};
use crate::cluster::{Conclusion, Tally};
use crate::ports::{Batch, Quarantined, Store, StoreError};
use crate::report::Books;
use crate::rules::{Fate, Hits, Rules};
use crate::trail::denial::Layer;
use crate::trail::file::{Item, Layout, Limits, ReadError, Reader};
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
#[derive(Debug)]
pub struct Ingested {
    /// What became of its records.
    pub books: Books,
    /// Those that could not be read, at most [`QUARANTINED_MAX`].
    pub quarantined: Vec<Quarantined>,
    /// How often each rule matched, in the order of the rules.
    pub hits: Vec<Hits>,
}

/// Returns a reader for [`fold`], to be used for one input after another.
pub fn reader() -> Reader {
    Reader::new(&SIEVE)
}

/// Reads an input to its end and folds its records.
///
/// `account_id` is the account that the input's name tells, for records that name none.
/// `rules` may leave records out or change what is concluded of them.
///
/// # Errors
/// When the input as a whole cannot be trusted; nothing of it should be kept then.
pub fn fold(
    reader: &mut Reader,
    input: impl Read,
    layout: Layout,
    limits: &Limits,
    account_id: Option<&str>,
    rules: &Rules,
) -> Result<Folded, ReadError> {
    let mut folded = Folded {
        hits: vec![Hits::default(); rules.all().len()],
        ..Folded::default()
    };
    reader.read(input, layout, limits, &mut |item| match item {
        Item::Record {
            number,
            text,
            wrapper,
        } => {
            folded.record(number, &text, &wrapper.or_account(account_id), rules);
        }
        Item::Rejected { number, rejection } => folded.quarantine(number, rejection),
        Item::Quiet { count } => folded.quiet(count),
        Item::ControlMessage => folded.books.control_messages += 1,
    })?;
    Ok(folded)
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
    let Folded {
        tally,
        quarantined,
        mut books,
        hits,
    } = folded;
    let observed = books.selected - books.ignored() - books.quarantined();
    let committed = store
        .commit(Batch {
            source: source.to_owned(),
            tally,
            quarantined: quarantined.clone(),
        })
        .await?;
    // Which of the observed events are duplicates is known only now: the store has the others.
    books.clustered = committed.fresh;
    books.duplicate = observed - committed.fresh;
    debug_assert!(books.balances());
    Ok(Ingested {
        books,
        quarantined,
        hits,
    })
}

impl Folded {
    fn record(&mut self, number: u64, text: &str, wrapper: &Wrapper, rules: &Rules) {
        let record = match Record::parse(text) {
            Ok(record) => record,
            Err(rejection) => return self.quarantine(number, rejection),
        };
        self.books.read += 1;
        let (fate, verdict) = rules.decide(&record, text, wrapper);
        Hits::count(&mut self.hits, verdict);
        self.books.selected += u64::from(!matches!(fate, Fate::NotSelected(_)));
        match fate {
            Fate::NotSelected(reason) => {
                *self.books.not_selected.entry(reason).or_default() += 1;
            }
            Fate::Ignored(_, reason) => *self.books.ignored.entry(reason).or_default() += 1,
            Fate::Clustered(conclusion) => {
                self.count_unknown(&record, &conclusion);
                self.tally.observe(&record, *conclusion);
            }
        }
    }

    /// Counts records that were held back because nothing failed.
    fn quiet(&mut self, count: u64) {
        self.books.read += count;
        *self.books.not_selected.entry(NO_ERROR).or_default() += count;
    }

    /// Counts codes and wordings that are not known here, so that a new one is noticed.
    fn count_unknown(&mut self, record: &Record<'_>, conclusion: &Conclusion<'_>) {
        let understanding = &conclusion.understanding;
        let denial = understanding.denial.as_ref();
        if denial.is_some_and(|denial| denial.layer == Some(Layer::Unknown)) {
            self.books.unknown_denials += 1;
        }
        if understanding.identity.class == Class::Other && record.error_code.is_some() {
            self.books.unknown_codes += 1;
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
