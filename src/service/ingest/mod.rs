//! Turns an input into clusters: opens the input, groups its records in memory, and commits the
//! groups to a store.
//!
//! Nothing is committed before the input was read to its end. A gzip stream proves its checksum only
//! at the end, and records of a damaged stream cannot be trusted. A record that cannot be read is
//! quarantined; the other records of the input are processed normally.

pub mod archive;
pub mod backfill;
pub mod diagnosis;
pub mod gap_repair;
pub mod gaps;
pub mod redrive;
pub mod replay_input;
pub mod rules_loader;
pub mod stream;
pub mod subscription;

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusters::account_filter::EXCLUDED_ACCOUNT;
use clusters::class::Class;
use clusters::fingerprint::account_id;
use clusters::incident::sieve::{may_be_needed, needed};
use clusters::own_roles::{OWN, is_refusal};
use clusters::report::RecordCounts;
use clusters::sample::SampleCutoffs;
use clusters::selection::{NO_ERROR, NO_EVENT};
use clusters::watch::{Watch, Watches};
use clusters::{Conclusion, EventId, Finding, Tally, conclude_call, event_time};
use input::PayloadOrigin;
use input::file::{Reader, read_reference};
use input::likeness;
use input::{InputItem, Layout, Limits, ReadError};
use records::record_template::{RecordTemplate, Repeat};
use records::redact;
use records::time::Timestamp;
use records::{Record, Rejection, Wrapper};
use sha2::{Digest as _, Sha256};

use crate::ingest::archive::ArchiveLines;
use crate::ports::{Batch, Committed, Quarantined, Store, StoreError, StoreUsage};
use crate::rules::{Fate, Hits, Rules};

/// The largest number of unreadable records of one input that are listed with position and reason. All unreadable
/// records are counted, listed or not.
pub const QUARANTINED_MAX: usize = 1000;

/// The records of one input, grouped by event id and cluster, before the commit. Pass them to [`commit`] or
/// [`commit_all`].
#[derive(Debug, Default)]
pub struct Folded {
    tally: Tally,
    /// The calls of the ledger; empty unless they are kept.
    ledger: Tally,
    quarantined: Vec<Quarantined>,
    record_counts: RecordCounts,
    hits: Vec<Hits>,
    /// When CloudWatch Logs received the latest record; `None` without that time.
    logged_at: Option<Timestamp>,
    /// The longest delay of a selected record, from its call to CloudWatch Logs, in seconds.
    lag_seconds: Option<i64>,
    /// What the first record that is no CloudTrail event looks like.
    likeness: Option<String>,
    /// What the input says of itself, if it is an answer that is not complete.
    incomplete: Option<&'static str>,
    /// Whether commas between the records are missing or surplus.
    has_odd_commas: bool,
    /// All unreadable records, to be counted in clusters; `None` if the caller does not count them.
    unparsable: Option<Vec<Unparsable>>,
    /// The lines of the archive; `None` without an archive.
    archive: Option<ArchiveLines>,
}

/// An unreadable record, reduced to what its cluster and its event id are made of.
#[derive(Debug)]
struct Unparsable {
    /// The position in the input, from 1.
    number: u64,
    /// The SHA-256 hash of the record's text; `None` if the input gave no text for the record.
    text_hash: Option<[u8; 32]>,
    reason: &'static str,
    account_id: Option<Arc<str>>,
    logged_at: Option<Timestamp>,
}

/// The result of the commit of one input: the counts of its records, and the cost of the commit.
#[derive(Debug, Default)]
pub struct Ingested {
    /// The number of records by result: clustered, duplicate, ignored and others.
    pub record_counts: RecordCounts,
    /// The unreadable records of the input with position and reason, at most [`QUARANTINED_MAX`].
    pub quarantined: Vec<Quarantined>,
    /// For each rule, in the order of the rules file: how many records it was applied to, and how many records it would match
    /// but is not applied to, because their event time is after the rule's end date.
    pub hits: Vec<Hits>,
    /// The number of clusters that were not in the store before this commit.
    pub new_clusters: u64,
    /// The cost of the commit: store calls and write units.
    pub spent: StoreUsage,
    /// For each cluster with enough samples in the store, the last rank that the store keeps.
    cutoffs: SampleCutoffs,
}

/// Reads inputs, one after another, and groups the records of each by event id and cluster in memory.
///
/// An event counts once even if its record occurs twice. Buffers and recently analyzed records are cached
/// from one input to the next. They save work and never change the result.
///
/// ```
/// use futures_util::FutureExt as _;
/// use input::{Layout, Limits};
/// use service::ingest::{Folding, commit};
/// use service::memory::MemoryStore;
/// use service::rules::Rules;
///
/// let trail = r#"{"Records": [{
///     "eventVersion": "1.11", "eventType": "AwsApiCall", "eventCategory": "Management",
///     "eventID": "3f0e3bd4-6a7c-4f0b-9a6e-1d2c3b4a5f60", "eventTime": "2026-11-21T08:00:00Z",
///     "eventSource": "s3.amazonaws.com", "eventName": "GetBucketAcl", "awsRegion": "eu-central-1",
///     "recipientAccountId": "111122223333", "errorCode": "AccessDenied"
/// }]}"#;
/// let rules = Rules::default();
/// let folded = Folding::new(Limits::default(), &rules)
///     .fold(trail.as_bytes(), Layout::Guess, None)
///     .expect("the input is complete");
/// let mut store = MemoryStore::default();
/// let ingested = commit(&mut store, "example.json", folded)
///     .now_or_never()
///     .expect("a store in memory never waits")
///     .expect("a store in memory never fails");
/// assert_eq!(ingested.record_counts.clustered, 1);
/// assert_eq!(ingested.new_clusters, 1);
/// ```
#[derive(Debug)]
pub struct Folding<'r> {
    limits: Limits,
    /// The reader of the fast path; `None` with the reference reader.
    reader: Option<Reader>,
    analyzer: Analyzer<'r>,
    /// The ranks from which on the store keeps no sample of a cluster. Foldings of several threads
    /// share them. `None`: no samples are made.
    cutoffs: Option<SharedCutoffs>,
    /// Whether unreadable records are listed, so that they can be counted in clusters.
    counts_unparsable: bool,
    /// Whether [`Self::fold`] also makes the lines of the archive.
    archives: bool,
}

/// The buffers and caches of a [`Folding`], without its rules; empty by default.
///
/// Pass them from one folding to the next if each input gets its own folding.
#[derive(Debug, Default)]
pub struct Caches {
    reader: Option<Reader>,
    repeats: Option<RecentRecords>,
    cutoffs: Option<SharedCutoffs>,
}

impl Caches {
    /// Returns where the records of the payload come from that was folded last.
    fn origin(&self) -> PayloadOrigin {
        let reader = self.reader.as_ref();
        reader.map_or_else(PayloadOrigin::default, |reader| reader.origin().clone())
    }
}

/// Sample cutoffs that the foldings of several threads share.
type SharedCutoffs = Arc<Mutex<Arc<SampleCutoffs>>>;

/// Analyzes records: applies the rules, and reuses the analysis of a record that repeats.
#[derive(Debug)]
struct Analyzer<'r> {
    rules: &'r Rules,
    /// The last analyzed records. `None` with the reference reader, which parses each record.
    repeats: Option<RecentRecords>,
    /// The calls that are kept for the ledgers of incidents; `None` if none are.
    ledger: Option<Watches>,
}

/// The last clustered records with their analysis, newest first; at most [`RECENT_MAX`].
#[derive(Debug, Default)]
struct RecentRecords(VecDeque<RecentRecord>);

#[derive(Debug)]
struct RecentRecord {
    template: RecordTemplate,
    account_id: Option<String>,
    analysis: Analysis,
}

/// The part of a record's analysis that does not depend on the event's id and time.
#[derive(Debug, Clone)]
struct Analysis {
    finding: Finding,
    /// Whether the record has an error code that no class lists.
    unknown_code: bool,
}

/// The number of recent records that a record is compared with. More than one, because the failures
/// of several callers alternate.
const RECENT_MAX: usize = 8;

impl RecentRecords {
    /// Finds the recent record that a text repeats. Returns the text's own id and time, and the
    /// analysis of that record; `None` if the text repeats none.
    fn find<'t>(&self, text: &'t str, wrapper: &Wrapper) -> Option<(Repeat<'t>, &Analysis)> {
        self.0
            .iter()
            .filter(|recent| recent.account_id == wrapper.account_id)
            .find_map(|recent| Some((recent.template.repeated_by(text)?, &recent.analysis)))
    }

    /// Adds a record, and drops the oldest one if there are [`RECENT_MAX`].
    fn add(&mut self, record: &Record<'_>, text: &str, wrapper: &Wrapper, analysis: &Analysis) {
        let oldest = (self.0.len() == RECENT_MAX).then(|| self.0.pop_back());
        let mut template = oldest
            .flatten()
            .map_or_else(RecordTemplate::default, |recent| recent.template);
        if template.take(record, text) {
            self.0.push_front(RecentRecord {
                template,
                account_id: wrapper.account_id.clone(),
                analysis: analysis.clone(),
            });
        }
    }
}

impl<'r> Folding<'r> {
    /// Creates a folding. `limits` apply to each input. `rules` may ignore records, change their class, or
    /// merge clusters. No samples are made, see [`Self::with_samples`].
    #[must_use]
    pub fn new(limits: Limits, rules: &'r Rules) -> Self {
        Self {
            limits,
            reader: Some(Reader::new(rules.prefilter())),
            analyzer: Analyzer {
                rules,
                repeats: Some(RecentRecords::default()),
                ledger: None,
            },
            cutoffs: None,
            counts_unparsable: false,
            archives: false,
        }
    }

    /// Creates a folding that reuses the caches of an earlier one. Both must have the same rules, because
    /// the caches hold results of these rules.
    #[must_use]
    pub fn with_caches(limits: Limits, rules: &'r Rules, caches: Caches) -> Self {
        let new = Self::new(limits, rules);
        Self {
            reader: caches.reader.or(new.reader),
            analyzer: Analyzer {
                rules,
                repeats: caches.repeats.or(new.analyzer.repeats),
                ledger: None,
            },
            cutoffs: caches.cutoffs,
            ..new
        }
    }

    /// Returns the limits of each input.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the caches, for [`Self::with_caches`] of a folding with the same rules.
    pub fn into_caches(self) -> Caches {
        Caches {
            reader: self.reader,
            repeats: self.analyzer.repeats,
            cutoffs: self.cutoffs,
        }
    }

    /// Makes [`Self::fold`] return all unreadable records, so that [`subscription`] can count them in clusters.
    #[must_use]
    pub fn counting_unparsable(self) -> Self {
        Self {
            counts_unparsable: true,
            ..self
        }
    }

    /// Makes [`Self::fold`] return the lines of the archive too, if `archives` is true.
    #[must_use]
    pub fn archiving(self, archives: bool) -> Self {
        Self { archives, ..self }
    }

    /// Makes [`Self::fold`] return samples too: redacted example records, at most [`clusters::sample::SAMPLES_MAX`] for
    /// each cluster.
    #[must_use]
    pub fn with_samples(self) -> Self {
        Self {
            cutoffs: self.cutoffs.or_else(|| Some(Arc::default())),
            ..self
        }
    }

    /// Reads with the slow reference reader: it parses every byte and has no cache of records. Tests compare the fast
    /// reader with it.
    #[must_use]
    pub fn reference(self) -> Self {
        Self {
            reader: None,
            analyzer: Analyzer {
                repeats: None,
                ..self.analyzer
            },
            ..self
        }
    }

    /// Makes [`Self::fold`] also keep the calls that make or remove something without being sensitive, for the ledgers of
    /// incidents.
    ///
    /// Their records are parsed, so this is for those who find incidents.
    #[must_use]
    pub fn keeping_ledger(self) -> Self {
        let prefilter = || self.analyzer.rules.prefilter_with_ledger();
        Self {
            reader: self.reader.as_ref().map(|_| Reader::new(prefilter())),
            analyzer: Analyzer {
                ledger: Some(Watches::of_ledger()),
                ..self.analyzer
            },
            ..self
        }
    }

    /// Creates a folding for another thread, with the same limits, rules and sample cutoffs. Both must
    /// commit to the same store.
    #[must_use]
    pub fn beside(&self) -> Self {
        let new = Self::new(self.limits, self.analyzer.rules);
        let new = match self.analyzer.ledger {
            Some(_) => new.keeping_ledger(),
            None => new,
        };
        Self {
            cutoffs: self.cutoffs.clone(),
            ..new
        }
    }

    /// Reads an input to its end and groups its records by event and cluster. `layout` is the format of the input.
    ///
    /// `account_id` is the account in the input's name. It is used for records without an account.
    ///
    /// # Errors
    /// [`ReadError`] when the input is empty, damaged, too large or not JSON. No record of it can be committed then;
    /// the error message explains what to do.
    pub fn fold(
        &mut self,
        input: impl Read,
        layout: Layout,
        account_id: Option<&str>,
    ) -> Result<Folded, ReadError> {
        let Self {
            limits,
            reader,
            analyzer,
            cutoffs,
            counts_unparsable,
            archives,
        } = self;
        let mut folded = Folded {
            hits: vec![Hits::default(); analyzer.rules.all().len()],
            unparsable: counts_unparsable.then(Vec::new),
            archive: archives.then(ArchiveLines::default),
            ..Folded::default()
        };
        let cutoffs = cutoffs.as_deref().map(|cutoffs| Arc::clone(&lock(cutoffs)));
        let mut visit = |item: InputItem<'_>| match item {
            InputItem::Record {
                number,
                text,
                wrapper,
            } => {
                let wrapper = wrapper.or_account(account_id);
                folded.record(number, &text, &wrapper, cutoffs.as_deref(), analyzer);
            }
            InputItem::Rejected {
                number,
                rejection,
                wrapper,
            } => folded.quarantine(number, None, rejection, wrapper),
            InputItem::Skipped { count } => folded.skip(count),
            InputItem::ControlMessage => folded.record_counts.control_messages += 1,
            InputItem::Incomplete { reason } => folded.incomplete = Some(reason),
            InputItem::OddCommas => folded.has_odd_commas = true,
        };
        match reader {
            Some(reader) => reader.read(input, layout, limits, &mut visit),
            None => read_reference(input, layout, limits, &mut visit),
        }?;
        Ok(folded)
    }

    /// Notes which clusters have enough samples in the store after this commit. For them, the folding makes no more
    /// samples that the store would drop.
    pub fn learn(&self, ingested: &Ingested) {
        learn(self.cutoffs.as_ref(), ingested);
    }
}

impl Caches {
    /// Notes which clusters have enough samples in the store after this commit, as [`Folding::learn`] does.
    pub fn learn(&self, ingested: &Ingested) {
        learn(self.cutoffs.as_ref(), ingested);
    }
}

fn learn(cutoffs: Option<&SharedCutoffs>, ingested: &Ingested) {
    if let Some(cutoffs) = cutoffs {
        Arc::make_mut(&mut lock(cutoffs)).extend(&ingested.cutoffs);
    }
}

impl Analyzer<'_> {
    /// Parses a record by the fast path, or by the reference parser if there is no cache.
    fn parse<'t>(&self, text: &'t str) -> Result<Record<'t>, Rejection> {
        match self.repeats {
            Some(_) => Record::parse(text),
            None => Record::parse_reference(text),
        }
    }

    /// Returns the part of a conclusion that is the same for every event with equal facets. Without rules
    /// the record is remembered, so that records that repeat it are not parsed.
    fn analyze(
        &mut self,
        conclusion: Conclusion<'_>,
        record: &Record<'_>,
        text: &str,
        wrapper: &Wrapper,
    ) -> Analysis {
        let finding = Finding::of(conclusion);
        let is_other = finding.facts.identity.class == Class::Other;
        let analysis = Analysis {
            finding,
            unknown_code: is_other && record.error_code.is_some(),
        };
        // A rule may read any field of a record, even its time. So a repeated record must be tried again.
        let is_plain = self.rules.is_plain() && !self.depends_on_time(&analysis);
        if let (Some(repeats), true) = (&mut self.repeats, is_plain) {
            repeats.add(record, text, wrapper, &analysis);
        }
        analysis
    }

    /// Returns the finding of a call that is kept for ledgers; `None` for any other call.
    fn trace(&self, record: &Record<'_>, text: &str, wrapper: &Wrapper) -> Option<Finding> {
        let ledger = self.ledger.as_ref().filter(|_| may_be_needed(record))?;
        let details = ledger.find(record, text)?;
        needed(Finding::of(conclude_call(record, wrapper, &details)))
    }

    /// Checks whether the same request at another time might not be this sensitive call.
    fn depends_on_time(&self, analysis: &Analysis) -> bool {
        let details = analysis.finding.facts.call_details();
        let watch = details.and_then(|of| self.rules.watches().named(&of.watch));
        watch.is_some_and(Watch::depends_on_time)
    }
}

/// Locks sample cutoffs. A poisoned lock is used all the same: each change of the cutoffs is complete.
fn lock(cutoffs: &Mutex<Arc<SampleCutoffs>>) -> MutexGuard<'_, Arc<SampleCutoffs>> {
    cutoffs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Groups the records of one input in memory, with samples, as [`Folding::fold`] does. For several inputs use one
/// [`Folding`], which reuses its caches.
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

/// Commits one grouped input to a store, and returns the result with its complete record counts.
///
/// `source` is the name of the input, under which the store lists the unreadable records.
///
/// # Errors
/// [`StoreError`] when the commit failed. A part of the input may be stored. Committing the same input again is safe.
pub async fn commit(
    store: &mut impl Store,
    source: &str,
    folded: Folded,
) -> Result<Ingested, StoreError> {
    let mut ingested = commit_all(store, vec![(source.to_owned(), folded)]).await?;
    Ok(ingested.pop().unwrap_or_default())
}

/// Commits several grouped inputs to a store in one step, in their order. Each input comes with its name.
///
/// Returns one result with complete record counts for each input, in the same order.
///
/// # Errors
/// [`StoreError`] when the commit failed. A part of the inputs may be stored. Committing the same inputs again is safe.
pub async fn commit_all(
    store: &mut impl Store,
    inputs: Vec<(String, Folded)>,
) -> Result<Vec<Ingested>, StoreError> {
    let mut results = Vec::with_capacity(inputs.len());
    let mut batches = Vec::with_capacity(inputs.len());
    for (source, folded) in inputs {
        let (ingested, batch) = folded.split(source);
        results.push(ingested);
        batches.push(batch);
    }
    let committed = store.commit(batches).await?;
    for (ingested, committed) in results.iter_mut().zip(committed) {
        ingested.complete(committed);
    }
    Ok(results)
}

impl Ingested {
    /// Completes the record counts with the result of the commit. Only the store knows which of the
    /// observed events are new; the rest are duplicates.
    fn complete(&mut self, committed: Committed) {
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
    /// Returns the number of distinct events that a store keeps: errors, sensitive calls and calls of the ledger, not other
    /// successful calls.
    pub fn events(&self) -> usize {
        self.tally.sightings.len() + self.ledger.sightings.len()
    }

    /// Returns the grouped records: sightings by event id, facts and samples by cluster.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the calls that are kept for the ledgers of incidents, as [`Self::tally`] does; empty unless they are kept.
    pub fn ledger(&self) -> &Tally {
        &self.ledger
    }

    /// Describes the content of an input that has records, but not a single CloudTrail event. `None` if
    /// the input has an event or a control message, or is empty.
    ///
    /// Such an input must not be reported as free of errors.
    pub fn without_events(&self) -> Option<String> {
        let record_counts = &self.record_counts;
        let is_without = record_counts.read > 0
            && record_counts.events() == 0
            && record_counts.control_messages == 0;
        is_without.then(|| match (&self.likeness, self.quarantined.first()) {
            (Some(likeness), _) => likeness.clone(),
            (None, Some(first)) => format!("{}: {}", likeness::UNREADABLE, first.rejection),
            (None, None) => likeness::UNREADABLE.to_owned(),
        })
    }

    /// Returns the number of records that are no CloudTrail events, and what the first of them looks like. `None` if there
    /// are none, or if the input has no event at all.
    pub fn strangers(&self) -> Option<(u64, &str)> {
        let not_selected = &self.record_counts.not_selected;
        let count = not_selected.get(NO_EVENT).copied().unwrap_or_default();
        let likeness = self.likeness.as_deref().unwrap_or(likeness::UNREADABLE);
        (count > 0 && self.record_counts.events() > 0).then_some((count, likeness))
    }

    /// Returns whether all records of the input are events of CloudTrail.
    pub fn is_clear(&self) -> bool {
        self.without_events().is_none()
            && self.strangers().is_none()
            && self.record_counts.quarantined() == 0
    }

    /// Returns whether the input holds no record at all.
    pub fn is_blank(&self) -> bool {
        self.record_counts.read == 0
    }

    /// Returns whether commas between the records of the input are missing or surplus. All records were read.
    pub fn has_odd_commas(&self) -> bool {
        self.has_odd_commas
    }

    /// Returns what the input says of itself, if it is an answer that is not complete.
    pub fn incomplete(&self) -> Option<&'static str> {
        self.incomplete
    }

    /// Describes a record that is no event, if it is the first such record of the input.
    fn describe(&mut self, text: &str) {
        if self.likeness.is_none() {
            self.likeness = Some(likeness::of_record(text));
        }
    }

    /// Splits into the batch to commit, and a result whose record counts [`Ingested::complete`] completes.
    fn split(self, source: String) -> (Ingested, Batch) {
        let ingested = Ingested {
            record_counts: self.record_counts,
            quarantined: self.quarantined.clone(),
            hits: self.hits,
            ..Ingested::default()
        };
        let batch = Batch {
            source,
            tally: self.tally,
            ledger: self.ledger,
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
        analyzer: &mut Analyzer<'_>,
    ) {
        self.logged_at = self.logged_at.max(wrapper.logged_at);
        let repeats = analyzer.repeats.as_ref();
        if let Some((repeat, analysis)) = repeats.and_then(|repeats| repeats.find(text, wrapper)) {
            self.record_counts.read += 1;
            self.record_counts.selected += 1;
            let id = EventId::named(repeat.event_id);
            let at = event_time(Some(repeat.event_time), wrapper);
            self.note_lag(at, wrapper);
            let sample = || {
                let record = Record::parse(text);
                record.as_ref().map(redact::sample).unwrap_or_default()
            };
            return self.observe(id, at, analysis, cutoffs, sample);
        }
        let record = match analyzer.parse(text) {
            Ok(record) => record,
            Err(rejection) => return self.quarantine(number, Some(text), rejection, wrapper),
        };
        self.record_counts.read += 1;
        let (fate, outcome) = analyzer.rules.decide(&record, text, wrapper);
        Hits::count(&mut self.hits, outcome);
        self.record_counts.selected += u64::from(!matches!(fate, Fate::NotSelected(_)));
        match fate {
            Fate::NotSelected(reason) => {
                if reason == NO_EVENT {
                    self.describe(text);
                } else if reason == NO_ERROR
                    && let Some(finding) = analyzer.trace(&record, text, wrapper)
                {
                    let at = event_time(record.event_time.as_deref(), wrapper);
                    self.ledger.observe(EventId::of(&record), at, &finding);
                }
                *self.record_counts.not_selected.entry(reason).or_default() += 1;
            }
            Fate::Ignored(class, reason) => {
                *self.record_counts.ignored.entry(reason).or_default() += 1;
                if reason == EXCLUDED_ACCOUNT {
                    let account_id = account_id(&record, wrapper);
                    self.record_counts.exclude(account_id, 1);
                }
                self.record_counts.own_refusals +=
                    u64::from(reason == OWN && is_refusal(&record, class));
            }
            Fate::Clustered(conclusion) => {
                let (id, at) = (conclusion.id, conclusion.at);
                self.note_lag(at, wrapper);
                let analysis = analyzer.analyze(conclusion, &record, text, wrapper);
                let sample = || redact::sample(&record);
                self.observe(id, at, &analysis, cutoffs, sample);
            }
        }
    }

    fn observe(
        &mut self,
        id: EventId,
        at: Option<Timestamp>,
        analysis: &Analysis,
        cutoffs: Option<&SampleCutoffs>,
        sample: impl FnOnce() -> String,
    ) {
        // Unknown codes and wordings are counted, so that new ones of AWS are noticed.
        self.record_counts.unknown_denials += u64::from(analysis.finding.unknown_denial);
        self.record_counts.unknown_codes += u64::from(analysis.unknown_code);
        let class = analysis.finding.facts.identity.class;
        *self.record_counts.classes.entry(class).or_default() += 1;
        self.tally.observe(id, at, &analysis.finding);
        let cluster = analysis.finding.series.cluster;
        if let Some(archive) = &mut self.archive {
            let line = sample();
            archive.add(id, at, &analysis.finding, &line);
            if let Some(cutoffs) = cutoffs {
                self.tally.sample(cluster, id, at, cutoffs, || line);
            }
        } else if let Some(cutoffs) = cutoffs {
            self.tally.sample(cluster, id, at, cutoffs, sample);
        }
    }

    /// Updates the longest delay from a call to CloudWatch Logs.
    fn note_lag(&mut self, at: Option<Timestamp>, wrapper: &Wrapper) {
        if let (Some(at), Some(logged_at)) = (at, wrapper.logged_at) {
            self.lag_seconds = self.lag_seconds.max(Some(logged_at.seconds_since(at)));
        }
    }

    /// Counts records that the prefilter skipped, because their calls succeeded.
    fn skip(&mut self, count: u64) {
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
            let previous = unparsable.last().and_then(|last| last.account_id.clone());
            let account_id = match (previous, account_id) {
                (Some(previous), Some(account_id)) if *previous == *account_id => Some(previous),
                (_, account_id) => account_id.map(Arc::from),
            };
            unparsable.push(Unparsable {
                number,
                text_hash: text.map(|text| Sha256::digest(text).into()),
                reason: rejection.name(),
                account_id,
                logged_at: wrapper.logged_at,
            });
        }
        self.record_counts.read += 1;
        if let Some(text) = text {
            self.describe(text);
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
