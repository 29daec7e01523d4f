//! Reads trail files into a store and queries the store afterwards; shared by all commands that read trail files.
//!
//! The store is in memory, in a SQLite file or in the table of a stack. The user's rules are applied to each record.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use alerts::severity::{self, Assessment, Severity};
#[cfg(feature = "aws")]
use aws::dynamodb::{DynamoStore, table::Table};
use clap::Args;
use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::Resolutions;
use clusters::own_roles::OwnRoles;
use clusters::report::RecordCounts;
use clusters::summary::Summary;
use clusters::timeline::Timeline;
use clusters::transition::Transition;
use clusters::triage::{Triage, TriageStatus};
use clusters::{Cluster, ClusterSnapshot, EventId, Sighting};
use input::Limits;
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use service::ingest::{self, Folded, Folding, QUARANTINED_MAX};
use service::inspect::Recorded;
use service::inspect::incidents::FoundIncidents;
#[cfg(feature = "aws")]
use service::inspect::run::over;
use service::memory::MemoryStore;
use service::ports::{Quarantined, Store, StoreError, TriageStore as _, VersionedTriage};
use service::rules::{Hits, RULES_BYTES_MAX, Rule, Rules};
use sqlite::SqliteStore;
use view::json::CallShape;
use view::listing::{ListedCluster, Listing};

use crate::aws_options::{AwsArguments, Remote};
use crate::inputs::{
    Input, InputError, Inputs, ODD_COMMAS, Reading, Unread, Unusable, progress, shown,
};
use crate::machine::now;
use crate::settings::load_lists;
use crate::skipped::Skipped;
use crate::stack::TableArguments;
use crate::used_files::UsedFiles;
use crate::when::When;
use crate::{carry, inputs, jobs, output, store_file, text_file};

/// Default of `--inflated-mib-max`. A crafted file of 1 MiB can decompress to 770 MiB; real files stay far below this.
const INFLATED_MIB_MAX: u64 = 256;

/// Options of commands that scan: which store is used, and how files are read.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// Store the clusters in this SQLite file, which later scans add to
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "stack"], help_heading = "Store")]
    pub db: Option<PathBuf>,
    #[command(flatten)]
    pub table: TableArguments,
    /// Reject a file with more MiB when decompressed
    #[arg(long, value_name = "MIB", default_value_t = INFLATED_MIB_MAX, help_heading = "Reading")]
    pub inflated_mib_max: u64,
    #[command(flatten)]
    pub rules: RulesArguments,
    /// Exit with code 1 if any file or record was not read
    #[arg(long, help_heading = "Reading")]
    pub strict: bool,
    /// Files to read in parallel [default: one per CPU, from S3 at least 16]
    #[arg(long, short, value_name = "N", value_parser = jobs_count, help_heading = "Reading")]
    pub jobs: Option<NonZeroUsize>,
}

/// The further files of a scan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The file that a report is written to later; `None`: no report is written.
    pub page: Option<&'a Path>,
    /// The SQLite file whose decisions are carried over to that of `--db`; `None`: there is none.
    pub marks: Option<&'a Path>,
}

/// Options that decide which events are ignored or changed: rules, trail accounts, a settings file.
#[derive(Debug, Default, Args)]
pub struct RulesArguments {
    /// Apply the rules in this TOML file
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub rules: Option<PathBuf>,
    /// ID of an account whose own trail is also read: copies of its calls in other accounts are ignored. May be repeated
    #[arg(long, value_name = "ID", value_parser = account_id, help_heading = "Rules")]
    pub trail_account: Vec<String>,
    /// Also use `accounts`, `trail_accounts` and `self_principals` of this settings file of a stack
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub settings: Option<PathBuf>,
}

/// The result of reading the inputs of one command: record counts, unreadable inputs and records, and the rules
/// applied.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The number of records by outcome (clustered, duplicate, ignored and so on), over all inputs.
    pub record_counts: RecordCounts,
    /// The number of inputs that were read completely and committed to the store.
    pub files: usize,
    /// Inputs that could not be read, and inputs without any CloudTrail event, with the reason.
    pub failed: Vec<InputError>,
    /// Files in folders and archives that were not read, because they hold no records.
    pub skipped: Skipped,
    /// What inputs do not hold, each with the name of the input.
    pub notes: Vec<String>,
    /// Whether an input has records that are no CloudTrail events, or says that it is not complete.
    pub is_partial: bool,
    /// Records that could not be read, each with the name of its input. At most [`QUARANTINED_MAX`] for each input.
    pub quarantined: Vec<(String, Quarantined)>,
    /// The rules that were applied, in the order of the rules file.
    pub rules: Rules,
    /// How many records each rule matched, before and after the rule ended, in the order of `rules`.
    pub hits: Vec<Hits>,
}

/// What a command needs from a store besides the number of events of each cluster.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreQuery {
    /// Counts only the events since this time; `None` counts all events.
    pub since: Option<When>,
    /// Counts only the events before this time; `None` counts all events.
    pub until: Option<When>,
    /// Whether to count the events of each cluster by hour.
    pub by_hour: bool,
    /// Whether to return sample events of each cluster.
    pub samples: bool,
    /// Whether to compute the status of each cluster and the transitions, from all stored events.
    pub replay: bool,
    /// Whether to find incidents, from all stored events. Needs [`Self::replay`].
    pub incidents: bool,
    /// Whether to find the alerts about incidents that would have been sent, too.
    pub incident_alerts: bool,
    /// Whether to return all events, and the summaries of the last day and hour. Needs [`Self::replay`].
    pub events: bool,
}

/// The answer of a store to a [`StoreQuery`].
#[derive(Debug)]
pub struct StoreAnswer {
    /// The clusters with their number of events, times and facets, and with samples if they were requested.
    pub snapshot: ClusterSnapshot,
    /// The number of events of each cluster in each hour; empty unless [`StoreQuery::by_hour`] was set.
    pub timeline: Timeline,
    /// The list of clusters with status and severity, from all events in the store. Empty if [`StoreQuery::replay`] was not set,
    /// because the list is a result of the replay.
    pub listing: Listing,
    /// The transitions of clusters (new, recovered and so on), in event time; empty unless [`StoreQuery::replay`] was
    /// set.
    pub story: Vec<Transition>,
    /// The incidents in all events in the store, and the alerts about them; empty unless [`StoreQuery::incidents`] was set.
    pub incidents: FoundIncidents,
    /// All events, sorted by time; those without a time come first. Empty unless [`StoreQuery::events`] was set.
    pub events: Vec<(EventId, Sighting)>,
    /// The summaries of the last whole day and of the last hour; empty unless [`StoreQuery::events`] was set.
    pub summaries: Vec<Summary>,
    /// [`Self::snapshot`] with only the events in the time range of the query; `None` if the query had none.
    pub in_range: Option<ClusterSnapshot>,
    /// The time range of the query, the end exclusive.
    pub range: Option<(Timestamp, Timestamp)>,
    /// The severities of sensitive calls, computed from all events; empty if [`Self::snapshot`] has all events.
    pub call_assessments: BTreeMap<ClusterId, Assessment>,
    /// The moment that ages count back from: the newest event of a file, or the time of the query for a table. `None` if no
    /// event has a time.
    pub as_of: Option<Timestamp>,
    /// How much the filters of the command have removed.
    pub hidden: Numbers,
    /// Triage decisions by cluster; empty unless [`StoreQuery::replay`] was set.
    triages: BTreeMap<ClusterId, Triage>,
    /// Time of the query, by the clock of this machine.
    now: Timestamp,
}

/// Numbers of clusters, sensitive calls and incidents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The number of clusters.
    pub clusters: usize,
    /// The number of sensitive calls.
    pub calls: usize,
    /// The number of incidents.
    pub incidents: usize,
}

/// The status of a cluster, computed from all of its events, with the triage decision about it.
#[derive(Clone, Copy)]
pub struct ClusterStanding<'a> {
    /// The row of the cluster in the list of clusters: status, severity and times.
    pub listed: &'a ListedCluster,
    /// The triage decision about the cluster, and whether it is still in effect; `None` if there is no decision.
    pub triage_status: Option<TriageStatus<'a>>,
}

impl StoreAnswer {
    /// Returns an answer that has only the totals in `snapshot`: its timeline, status, transitions and decisions are
    /// empty.
    pub fn of(snapshot: ClusterSnapshot) -> Self {
        Self {
            as_of: snapshot.last_seen(),
            snapshot,
            timeline: Timeline::default(),
            listing: Listing::empty(now().window()),
            story: Vec::new(),
            incidents: FoundIncidents::default(),
            events: Vec::new(),
            summaries: Vec::new(),
            in_range: None,
            range: None,
            call_assessments: BTreeMap::new(),
            hidden: Numbers::default(),
            triages: BTreeMap::new(),
            now: now(),
        }
    }

    /// Sets [`Self::in_range`] to the events in the time range of a query. `events` are all events of the snapshot.
    fn cut(&mut self, events: &[(EventId, Sighting)], query: StoreQuery) {
        if query.since.is_none() && query.until.is_none() {
            return;
        }
        // If no event has a time, no event is known to be in the range.
        let newest = self.snapshot.last_seen();
        let moment = |when: Option<When>, or: Timestamp| match (when, newest) {
            (Some(when), Some(newest)) => when.moment(newest),
            (Some(_), None) => Timestamp::FIRST,
            (None, _) => or,
        };
        let from = moment(query.since, Timestamp::FIRST);
        let until = moment(query.until, Timestamp::LAST);
        self.in_range = Some(self.snapshot.within(events, (from, until)));
        self.range = Some((from, until));
    }

    /// Returns the numbers of the incidents that each cluster or sensitive call belongs to: the places of the incidents in
    /// [`FoundIncidents::incidents`], from 1.
    pub fn incident_numbers(&self) -> BTreeMap<ClusterId, Vec<usize>> {
        let mut numbers: BTreeMap<ClusterId, Vec<usize>> = BTreeMap::new();
        for (number, incident) in (1..).zip(&self.incidents.incidents) {
            for cluster in &incident.clusters {
                numbers.entry(*cluster).or_default().push(number);
            }
        }
        numbers
    }

    /// Returns the numbers of clusters, sensitive calls and incidents in the answer.
    pub fn numbers(&self) -> Numbers {
        let sums = self.snapshot.all_sums();
        let calls = sums
            .iter()
            .filter(|sum| sum.facts.is_sensitive_call())
            .count();
        Numbers {
            clusters: sums.len() - calls,
            calls,
            incidents: self.incidents.incidents.len(),
        }
    }

    /// Returns the severity of a cluster or sensitive call, computed from all events. `None` if it is not known.
    pub fn severity(&self, id: ClusterId) -> Option<Severity> {
        if let Some(assessment) = self.call_assessments.get(&id) {
            return Some(assessment.severity);
        }
        Some(self.listing.clusters.get(&id)?.assessment().severity)
    }

    /// Returns the JSON object of a sensitive call, with the severity that it has by all its events.
    pub fn call_shape(&self, call: &Cluster) -> CallShape {
        let known = self.call_assessments.get(&call.id).cloned();
        CallShape::of(call, known.unwrap_or_else(|| severity::of_cluster(call)))
    }

    /// Checks whether an id is that of a sensitive call.
    pub fn is_call(&self, id: ClusterId) -> bool {
        let facts = self.snapshot.facts.get(&id);
        facts.is_some_and(|facts| facts.is_sensitive_call())
    }

    /// Returns the status of a cluster. `None` if the cluster has no event in the store, or if [`StoreQuery::replay`]
    /// was not set.
    pub fn standing(&self, cluster: ClusterId) -> Option<ClusterStanding<'_>> {
        let listed = self.listing.clusters.get(&cluster)?;
        let seen = listed.observation(self.now);
        let triage_status = self.triages.get(&cluster).map(|triage| TriageStatus {
            triage,
            ended: triage.ends(&seen),
        });
        Some(ClusterStanding {
            listed,
            triage_status,
        })
    }
}

/// The decisions of people about clusters, as read from a store: triage decisions, and when clusters were resolved.
#[derive(Debug, Default)]
pub struct Decisions {
    triages: BTreeMap<ClusterId, VersionedTriage>,
    resolutions: Resolutions,
    /// The first hour that may still get events; `None` for a file, where all hours are complete.
    until: Option<Window>,
}

/// A store from which a command can compute the status of clusters.
pub trait QueryableStore: Store {
    /// Returns the triage decisions about the given clusters, and when any clusters were resolved or reopened.
    async fn decided(&self, clusters: &[ClusterId]) -> Result<Decisions, StoreError>;

    /// Returns the present, if the store gets the events of the present; `None` for a file, whose time ends with its newest
    /// event.
    fn present(&self) -> Option<Timestamp> {
        None
    }
}

impl QueryableStore for MemoryStore {
    /// A store in memory has no decisions, because it ends with the process.
    async fn decided(&self, _clusters: &[ClusterId]) -> Result<Decisions, StoreError> {
        Ok(Decisions::default())
    }
}

impl QueryableStore for SqliteStore {
    async fn decided(&self, clusters: &[ClusterId]) -> Result<Decisions, StoreError> {
        Ok(Decisions {
            triages: self.triages(clusters).await?,
            resolutions: self.resolutions().await?,
            until: None,
        })
    }
}

#[cfg(feature = "aws")]
impl<T: Table> QueryableStore for DynamoStore<T> {
    async fn decided(&self, clusters: &[ClusterId]) -> Result<Decisions, StoreError> {
        Ok(Decisions {
            triages: self.triages(clusters).await?,
            resolutions: self.resolutions().await?,
            until: Some(over(now())),
        })
    }

    fn present(&self) -> Option<Timestamp> {
        Some(now())
    }
}

impl SourceArguments {
    /// Returns arguments for a scan into memory, with the rules file at `rules`; with `None`, without rules.
    pub fn in_memory(rules: Option<PathBuf>) -> Self {
        Self {
            db: None,
            table: TableArguments::default(),
            inflated_mib_max: INFLATED_MIB_MAX,
            rules: RulesArguments {
                rules,
                ..RulesArguments::default()
            },
            strict: false,
            jobs: None,
        }
    }

    fn batch_limits(&self, inputs_max: usize, samples: bool, ledger: bool) -> BatchLimits {
        BatchLimits {
            limits: self.limits(),
            inputs_max,
            jobs: self.jobs,
            samples,
            ledger,
        }
    }

    /// Returns how objects in S3 are found. Those outside the time range of `query` are not read, as far as it is fixed.
    fn remote(&self, query: StoreQuery) -> Remote<'_> {
        Remote {
            aws: Some(&self.table.aws),
            since: query.since.and_then(When::fixed),
            until: query.until.and_then(When::fixed),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            inflated_bytes_max: self.inflated_mib_max.saturating_mul(1 << 20),
            ..Limits::default()
        }
    }

    /// Reads the trail files at `paths` into the store that the arguments name, then runs `query` on the store.
    ///
    /// With no paths, only the query is run.
    pub fn scan(
        &self,
        paths: &[PathBuf],
        query: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        self.scan_beside(Beside::default(), paths, query)
    }

    /// Does the same as [`Self::scan`], with the further files of the command. First checks that no file that the command uses
    /// is overwritten.
    pub fn scan_beside(
        &self,
        beside: Beside<'_>,
        paths: &[PathBuf],
        query: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        let scanned = Scanned::with(self.rules.load()?);
        // Before the store is opened: a wrong path should not leave an empty store behind.
        let inputs = match paths {
            [] => Inputs::default(),
            paths => Inputs::find(paths, self.remote(query))?,
        };
        let places = UsedFiles {
            inputs: &inputs,
            rules: self.rules.rules.as_deref(),
            settings: self.rules.settings.as_deref(),
            marks: beside.marks,
            store: self.db.as_deref(),
            page: beside.page,
        };
        places.check()?;
        if self.table.is_given() {
            #[cfg(feature = "aws")]
            return self.scan_into_table(scanned, inputs, query);
            #[cfg(not(feature = "aws"))]
            return self.table.open();
        }
        match &self.db {
            None => {
                let mut store = MemoryStore::default();
                scan_into(
                    &mut store,
                    scanned,
                    inputs,
                    self.batch_limits(1, query.samples, query.incidents),
                    query,
                )
            }
            Some(path) => {
                let old = beside.marks.map(carry::read).transpose()?;
                let mut store = match paths.is_empty() && path.exists() {
                    true => store_file::open_as_permitted(path)?,
                    false => store_file::open(path)?,
                };
                let batch_limits = self.batch_limits(INPUTS_MAX, true, true);
                let scan = || {
                    let scanned = read_into(&mut store, scanned, inputs, batch_limits)?;
                    if let (Some(old), Some(file)) = (&old, beside.marks) {
                        carry::carry_over(&store, old, &shown(file))?;
                    }
                    Ok((scanned, answer(&store, query)?))
                };
                scan().map_err(|error| with_store_name(error, shown(path)))
            }
        }
    }

    #[cfg(feature = "aws")]
    fn scan_into_table(
        &self,
        scanned: Scanned,
        inputs: Inputs,
        query: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        let opened = self.table.open()?;
        let _runtime = opened.runtime.enter();
        let mut store = opened.store.counting();
        let batch_limits = self.batch_limits(1, true, false);
        scan_into(&mut store, scanned, inputs, batch_limits, query)
            .map_err(|error| with_store_name(error, opened.name))
    }
}

/// Adds the name of the store to an error of the store; other errors are returned unchanged.
fn with_store_name(error: anyhow::Error, name: String) -> anyhow::Error {
    if error.is::<StoreError>() {
        error.context(name)
    } else {
        error
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

impl RulesArguments {
    /// Loads the rules file and the settings file that the options name. Returns the rules with their exclusions:
    /// chosen accounts, trail accounts and roles.
    ///
    /// Errors of these roles are ignored. So are copies of calls of a trail account that other accounts log.
    ///
    /// # Errors
    /// Fails if a file cannot be read or is not valid.
    pub fn load(&self) -> anyhow::Result<Rules> {
        let lists = load_lists(self.settings.as_deref())?;
        let trails = self.trail_account.iter().cloned();
        Ok(
            load_rules(self.rules.as_deref())?.with_exclusions(Exclusions {
                accounts: lists.accounts,
                trail_accounts: TrailAccounts::new(trails.chain(lists.trail_accounts)),
                own: OwnRoles::new(lists.self_principals),
                // Files are of no log group.
                ..Exclusions::default()
            }),
        )
    }
}

/// Maximum number of files that are read at once. More threads only take memory.
const JOBS_MAX: usize = 256;

fn jobs_count(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok();
    let count = count.filter(|count: &NonZeroUsize| count.get() <= JOBS_MAX);
    count.ok_or_else(|| format!("expected a number of files from 1 to {JOBS_MAX}"))
}

/// Parses the ID of an account.
///
/// # Errors
/// A sentence for users if the text does not have twelve digits.
pub fn account_id(text: &str) -> Result<String, String> {
    match is_account_id(text) {
        true => Ok(text.to_owned()),
        false => Err("an account ID has twelve digits, such as 111122223333".to_owned()),
    }
}

/// Reads and checks a rules file; `None` returns an empty set of rules.
///
/// # Errors
/// Fails if the file cannot be read or is not valid.
pub fn load_rules(file: Option<&Path>) -> anyhow::Result<Rules> {
    let Some(file) = file else {
        return Ok(Rules::default());
    };
    Ok(load_rules_text(file)?.0)
}

/// Reads and checks a rules file. Returns the rules and their text.
///
/// # Errors
/// Fails if the file cannot be read or is not valid.
pub fn load_rules_text(file: &Path) -> anyhow::Result<(Rules, String)> {
    let text = text_file::read(file, RULES_BYTES_MAX)?;
    let rules = Rules::parse(&text);
    let rules = rules.map_err(|problems| Unusable::new("the rules", file, &problems))?;
    Ok((rules, text))
}

/// Reads the trail files at `paths` into a store in memory. Returns what became of the records, the clusters, and all
/// events.
pub fn read_into_memory(
    rules: Rules,
    paths: &[PathBuf],
    aws: &AwsArguments,
) -> anyhow::Result<(Scanned, RecordedEvents)> {
    let mut store = MemoryStore::default();
    let limits = SourceArguments::in_memory(None).batch_limits(1, false, false);
    let inputs = Inputs::find(
        paths,
        Remote {
            aws: Some(aws),
            ..Remote::default()
        },
    )?;
    let scanned = read_into(&mut store, Scanned::with(rules), inputs, limits)?;
    Ok((scanned, pollster::block_on(store.whole(false))?))
}

/// The clusters of a store, and all its events.
pub type RecordedEvents = (ClusterSnapshot, Vec<(EventId, Sighting)>);

/// How inputs are read, and how many inputs are committed in one transaction.
///
/// A transaction costs more time than most inputs. But if the scan is killed, inputs not yet committed are lost.
#[derive(Debug, Clone, Copy)]
struct BatchLimits {
    limits: Limits,
    inputs_max: usize,
    /// Number of threads that read inputs; `None` for as many as fit the inputs.
    jobs: Option<NonZeroUsize>,
    /// Whether samples are collected for the store.
    samples: bool,
    /// Whether the calls of the ledger are collected for the store. A table does not keep them.
    ledger: bool,
}

/// Maximum number of inputs in one transaction of a SQLite store.
const INPUTS_MAX: usize = 64;

/// Number of events after which a transaction is committed at once.
const EVENTS_MAX: usize = 4096;

fn scan_into(
    store: &mut impl QueryableStore,
    scanned: Scanned,
    inputs: Inputs,
    batch_limits: BatchLimits,
    query: StoreQuery,
) -> anyhow::Result<(Scanned, StoreAnswer)> {
    let scanned = read_into(store, scanned, inputs, batch_limits)?;
    Ok((scanned, answer(store, query)?))
}

/// Reads inputs into a store, and returns what became of them.
fn read_into(
    store: &mut impl QueryableStore,
    mut scanned: Scanned,
    inputs: Inputs,
    batch_limits: BatchLimits,
) -> anyhow::Result<Scanned> {
    let bar = progress(&inputs);
    scanned.failed = inputs.failed;
    scanned.skipped = inputs.skipped;
    let rules = scanned.rules.clone();
    let mut folding = Folding::new(batch_limits.limits, &rules);
    if batch_limits.samples {
        folding = folding.with_samples();
    }
    if batch_limits.ledger {
        folding = folding.keeping_ledger();
    }
    let threads = batch_limits.jobs.map_or_else(
        || Inputs::jobs(&inputs.found, processors()),
        NonZeroUsize::get,
    );
    let threads = threads.min(inputs.found.len()).max(1);
    let foldings = (0..threads).map(|_| folding.beside()).collect();
    let (mut gathered, mut events) = (Vec::new(), 0);
    jobs::fold(&inputs.found, foldings, &bar, |input, outcome| {
        match outcome {
            Ok(Reading { folded, note }) => {
                events += folded.events();
                scanned.failed.extend(no_event_error(input, &folded));
                let further = partial_notes(&folded);
                scanned.is_partial |= !further.is_empty();
                let commas = folded.has_odd_commas().then(|| ODD_COMMAS.to_owned());
                let notes = note.into_iter().chain(further).chain(commas);
                let notes = notes.map(|note| format!("{}: {note}", input.name()));
                scanned.notes.extend(notes);
                gathered.push((input.name(), folded));
            }
            Err(Unread::Failed(failure)) => scanned.failed.push(failure),
            Err(Unread::Skipped) => scanned.skipped.add(&input.name()),
        }
        if gathered.len() >= batch_limits.inputs_max || events >= EVENTS_MAX {
            events = 0;
            scanned.commit(store, std::mem::take(&mut gathered), &folding)?;
        }
        anyhow::Ok(())
    })?;
    scanned.commit(store, gathered, &folding)?;
    bar.finish_and_clear();
    Ok(scanned)
}

/// Returns an error for an input that has content but no CloudTrail event; else `None`.
fn no_event_error(input: &Input, folded: &Folded) -> Option<InputError> {
    let likeness = folded.without_events()?;
    Some(InputError {
        file: input.name(),
        error: inputs::without_events(&likeness),
    })
}

/// Returns what is missing in the result of an input that was read: records that are no events, and further pages.
fn partial_notes(folded: &Folded) -> Vec<String> {
    let strangers = folded
        .strangers()
        .map(|(count, likeness)| inputs::strangers(count, likeness));
    let incomplete = folded.incomplete().map(inputs::incomplete);
    strangers.into_iter().chain(incomplete).collect()
}

/// Runs a query on a store and returns the answer.
pub fn answer(store: &impl QueryableStore, query: StoreQuery) -> anyhow::Result<StoreAnswer> {
    // Each read may read the whole store, so samples and events are read together with the totals.
    let mut answer = if query.replay || query.since.is_some() || query.until.is_some() {
        let (snapshot, events) = pollster::block_on(store.whole(query.samples))?;
        let mut answer = StoreAnswer::of(snapshot);
        answer.cut(&events, query);
        if query.replay {
            replay(store, &events, query, &mut answer)?;
        }
        if query.events {
            answer.events = events;
            answer
                .events
                .sort_unstable_by_key(|(id, seen)| (seen.at(), *id));
        }
        answer
    } else {
        StoreAnswer::of(match query.samples {
            true => pollster::block_on(store.snapshot(None))?,
            false => pollster::block_on(store.sums(None))?,
        })
    };
    answer.as_of = store.present().or(answer.as_of);
    if query.by_hour {
        answer.timeline = pollster::block_on(store.timeline())?;
    }
    Ok(answer)
}

/// Computes status and transitions of all clusters, hour by hour like the inspection of a stack, and adds the
/// decisions. Finds the incidents that the query asks for.
fn replay(
    store: &impl QueryableStore,
    events: &[(EventId, Sighting)],
    query: StoreQuery,
    answer: &mut StoreAnswer,
) -> anyhow::Result<()> {
    let now = now();
    let clusters: Vec<ClusterId> = answer.snapshot.facts.keys().copied().collect();
    let decided = pollster::block_on(store.decided(&clusters))?;
    let recorded = Recorded {
        events,
        facts: &answer.snapshot.facts,
        resolutions: &decided.resolutions,
    };
    if query.incidents {
        let ledger = pollster::block_on(store.ledger())?;
        // A file is looked at as of its last event, a table as of now.
        let as_of = decided.until.map(|_| now);
        answer.incidents = recorded.incidents(ledger.as_ref(), as_of, query.incident_alerts);
    }
    let replayed = recorded.replay(decided.until);
    answer.listing = recorded.listing(&replayed, now);
    answer.story = replayed.story;
    recorded.absorb(&mut answer.story, &answer.incidents);
    if query.events {
        let sent = answer.incidents.alerts.iter();
        let sent = sent.filter_map(|incident| incident.due.clone()).collect();
        answer.summaries = recorded.last_summaries(&sent);
    }
    let triages = decided.triages.into_iter();
    answer.triages = triages
        .filter_map(|(id, of)| Some((id, of.triage?)))
        .collect();
    answer.now = now;
    Ok(())
}

impl Scanned {
    /// Returns the result of a scan that has read nothing yet and will apply `rules`.
    pub fn with(rules: Rules) -> Self {
        let hits = vec![Hits::default(); rules.all().len()];
        Self {
            rules,
            hits,
            ..Self::default()
        }
    }

    /// Commits inputs that were read, and adds their records to the totals only if the commit succeeds.
    fn commit(
        &mut self,
        store: &mut impl Store,
        gathered: Vec<(String, Folded)>,
        folding: &Folding<'_>,
    ) -> anyhow::Result<()> {
        if gathered.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = gathered.iter().map(|(name, _)| name.clone()).collect();
        let ingested = pollster::block_on(ingest::commit_all(store, gathered))?;
        for (name, ingested) in names.into_iter().zip(ingested) {
            folding.learn(&ingested);
            self.record_counts.add(&ingested.record_counts);
            Hits::add(&mut self.hits, &ingested.hits);
            self.files += 1;
            let quarantined = ingested.quarantined.into_iter();
            self.quarantined
                .extend(quarantined.map(|record| (name.clone(), record)));
        }
        Ok(())
    }

    /// Prints to stderr which inputs could not be read, and which rules changed no record: they matched none, or had ended. With
    /// `verbose`, also which records could not be read.
    pub fn complain(&self, verbose: bool) {
        for (rule, hits) in self.rules.all().iter().zip(&self.hits) {
            if let Some(complaint) = idle(rule, *hits) {
                output::complain(&complaint);
            }
        }
        const SHOWN: usize = 20;
        for failure in self.failed.iter().take(SHOWN) {
            output::complain(&format!("error: {}: {}", failure.file, failure.error));
        }
        if let Some(more @ 1..) = self.failed.len().checked_sub(SHOWN) {
            output::complain(&format!(
                "error: {more} more inputs could not be read; --format json lists all"
            ));
        }
        if self.is_blank() {
            output::complain("error: no CloudTrail records were found; nothing was read");
        }
        for note in self.notes.iter().take(SHOWN) {
            output::complain(&format!("note: {note}"));
        }
        if let Some(more @ 1..) = self.notes.len().checked_sub(SHOWN) {
            output::complain(&format!("note: {more} more inputs have notes"));
        }
        if let Some(skipped) = self.skipped.sentence() {
            output::complain(&skipped);
        }
        if !verbose {
            return;
        }
        for (file, record) in self.quarantined.iter().take(SHOWN) {
            let Quarantined { number, rejection } = record;
            output::complain(&format!(
                "quarantined: {file}: record {number}: {rejection}"
            ));
        }
        // The list is limited for each input, the count is not.
        let shown = self.quarantined.len().min(SHOWN) as u64;
        if let Some(more @ 1..) = self.record_counts.quarantined().checked_sub(shown) {
            output::complain(&format!(
                "quarantined: {more} more; --format json lists up to {QUARANTINED_MAX} per file"
            ));
        }
    }

    /// Returns whether there were files, and none of them was read.
    fn is_blank(&self) -> bool {
        self.files == 0 && self.failed.is_empty() && self.skipped.count() > 0
    }

    /// Returns whether an input could not be read or has no CloudTrail event, or no file was read. With `strict`, also whether
    /// any file was skipped, any record was unreadable or no event, or an answer was incomplete.
    pub fn has_failed(&self, strict: bool) -> bool {
        let is_partial =
            self.is_partial || self.skipped.count() > 0 || self.record_counts.quarantined() > 0;
        !self.failed.is_empty() || self.is_blank() || (strict && is_partial)
    }

    /// Returns exit code 1 if [`Self::has_failed`], else 0.
    pub fn exit_code(&self, strict: bool) -> ExitCode {
        ExitCode::from(u8::from(self.has_failed(strict)))
    }
}

/// Returns a warning about a rule that changed no record: it has ended, or it matched nothing. Else `None`.
fn idle(rule: &Rule, hits: Hits) -> Option<String> {
    let name = sanitize(&rule.name, 100);
    let line = rule.line;
    match (hits, rule.until) {
        (
            Hits {
                ended: ended @ 1.., ..
            },
            Some(until),
        ) => Some(format!(
            "rule {name:?} (line {line}) ended at {until}; it would have matched {ended} records since"
        )),
        (Hits { applied: 0, .. }, _) => {
            Some(format!("rule {name:?} (line {line}) matched nothing"))
        }
        _ => None,
    }
}
