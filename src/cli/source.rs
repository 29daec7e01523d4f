//! Trail files read into a store by the rules, and what is asked of the store then: the part that
//! the commands which read files have in common.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
#[cfg(feature = "aws")]
use aws::dynamodb::{DynamoStore, table::Table};
use clap::Args;
use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::Resolutions;
use clusters::own_roles::OwnRoles;
use clusters::report::RecordCounts;
use clusters::timeline::Timeline;
use clusters::transition::Transition;
use clusters::triage::{Triage, TriageStatus};
use clusters::{ClusterSnapshot, EventId, Sighting};
use input::Limits;
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use service::ingest::{self, Folded, Folding, QUARANTINED_MAX};
use service::inspect::Recorded;
#[cfg(feature = "aws")]
use service::inspect::run::over;
use service::memory::MemoryStore;
use service::ports::{Quarantined, Store, StoreError, TriageStore as _, VersionedTriage};
use service::rules::{Hits, Rule, Rules};
use sqlite::SqliteStore;
use view::listing::{ListedCluster, Listing};

use crate::inputs::{Input, InputError, Inputs, Unusable, progress, shown};
use crate::machine::now;
use crate::settings::load_lists;
use crate::since::Since;
use crate::stack::TableArguments;
use crate::used_files::UsedFiles;
use crate::{inputs, jobs, output};

/// A payload of 1 MiB can be made to inflate to 770 MiB; real files stay far below this.
const INFLATED_MIB_MAX: u64 = 256;

/// Where clusters are kept, and how far an input is trusted.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// Store the clusters in this SQLite file; later scans add to it. Default: in memory only
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "stack"])]
    pub db: Option<PathBuf>,
    #[command(flatten)]
    pub table: TableArguments,
    /// Reject a compressed file that is larger than this number of MiB when decompressed
    #[arg(long, value_name = "MIB", default_value_t = INFLATED_MIB_MAX)]
    pub inflated_mib_max: u64,
    #[command(flatten)]
    pub rules: RulesArguments,
    /// Number of files to read in parallel. Default: one per CPU. The output does not depend on it
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// What events are treated by.
#[derive(Debug, Default, Args)]
pub struct RulesArguments {
    /// Apply the rules in this TOML file
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// ID of an account whose own trail is also read; copies of its calls that other accounts log are
    /// ignored, so that a call counts once. May be repeated
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub trail_account: Vec<String>,
    /// Also use `trail_accounts` and `self_principals` of this settings file of a stack
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

/// What a scan did.
#[derive(Debug, Default)]
pub struct Scanned {
    /// What became of the records.
    pub record_counts: RecordCounts,
    /// Inputs read to their end.
    pub files: usize,
    /// Inputs that could not be read, and why.
    pub failed: Vec<InputError>,
    /// Records that could not be read, by input.
    pub quarantined: Vec<(String, Quarantined)>,
    /// The rules, in their order.
    pub rules: Rules,
    /// How often each of them matched.
    pub hits: Vec<Hits>,
}

/// What to ask of a store when the inputs are in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreQuery {
    /// Sum up the events since a moment instead of all.
    pub since: Option<Since>,
    /// Count all events by hour, too.
    pub by_hour: bool,
    /// Return samples, too.
    pub samples: bool,
    /// Tell how clusters stand and what happened to them, too.
    pub replay: bool,
}

/// What the store answers.
#[derive(Debug)]
pub struct StoreAnswer {
    /// The sums.
    pub snapshot: ClusterSnapshot,
    /// The events by hour, if that was asked.
    pub timeline: Timeline,
    /// How clusters stand, if that was asked, by all of their events.
    pub listing: Listing,
    /// What happened, if that was asked.
    pub story: Vec<Transition>,
    /// What people decided about clusters, if that was asked.
    triages: BTreeMap<ClusterId, Triage>,
    /// When that was, by this machine's clock.
    now: Timestamp,
}

/// How a cluster stands, by all of its events.
#[derive(Clone, Copy)]
pub struct ClusterStanding<'a> {
    /// What the list says of it.
    pub listed: &'a ListedCluster,
    /// What was decided, and whether it holds.
    pub triage_status: Option<TriageStatus<'a>>,
}

impl StoreAnswer {
    /// Returns an answer that is no more than sums.
    pub fn of(snapshot: ClusterSnapshot) -> Self {
        Self {
            snapshot,
            timeline: Timeline::default(),
            listing: Listing::empty(now().window()),
            story: Vec::new(),
            triages: BTreeMap::new(),
            now: now(),
        }
    }

    /// Tells how a cluster stands; `None` for one that is not in the store.
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

impl ClusterStanding<'_> {
    /// Says it in a word, and in another one what was decided and holds.
    pub fn words(&self) -> String {
        let status = self.listed.status().name();
        match self
            .triage_status
            .and_then(|triage_status| triage_status.word())
        {
            Some(word) => format!("{status}\n{word}"),
            None => status.to_owned(),
        }
    }
}

/// What people decided, of a store that keeps it.
#[derive(Debug, Default)]
pub struct Decisions {
    triages: BTreeMap<ClusterId, VersionedTriage>,
    resolutions: Resolutions,
    /// The first hour that is not over, where the store is of the present: a file is of the past, and all of it is over.
    until: Option<Window>,
}

/// A store that a command can ask how clusters stand.
pub trait QueryableStore: Store {
    /// Returns what people decided about clusters.
    async fn decided(&self, clusters: &[ClusterId]) -> Result<Decisions, StoreError>;
}

impl QueryableStore for MemoryStore {
    /// Nobody decides about what is forgotten at the end.
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
}

impl SourceArguments {
    /// Returns what scans into memory, by the rules of a file.
    pub fn in_memory(rules: Option<PathBuf>) -> Self {
        Self {
            db: None,
            table: TableArguments::default(),
            inflated_mib_max: INFLATED_MIB_MAX,
            rules: RulesArguments {
                rules,
                ..RulesArguments::default()
            },
            jobs: None,
        }
    }

    fn gathering(&self, inputs_max: usize, samples: bool) -> BatchLimits {
        BatchLimits {
            limits: self.limits(),
            inputs_max,
            jobs: self.jobs.map_or_else(processors, NonZeroUsize::get),
            samples,
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            inflated_bytes_max: self.inflated_mib_max.saturating_mul(1 << 20),
            ..Limits::default()
        }
    }

    /// Scans the inputs into the store that was asked for and sums up what is in it.
    pub fn scan(
        &self,
        paths: &[PathBuf],
        question: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        self.scan_beside(None, paths, question)
    }

    /// Scans, when a page is going to be written as well.
    pub fn scan_beside(
        &self,
        page: Option<&Path>,
        paths: &[PathBuf],
        question: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        let scanned = Scanned::with(self.rules.load()?);
        // Before a store is made: a path that leads nowhere should leave none behind.
        let inputs = match paths {
            [] => Inputs::default(),
            paths => Inputs::find(paths)?,
        };
        let places = UsedFiles {
            inputs: &inputs,
            rules: self.rules.rules.as_deref(),
            settings: self.rules.settings.as_deref(),
            store: self.db.as_deref(),
            page,
        };
        places.check()?;
        if self.table.is_given() {
            #[cfg(feature = "aws")]
            return self.scan_into_table(scanned, inputs, question);
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
                    self.gathering(1, question.samples),
                    question,
                )
            }
            Some(path) => {
                let mut store = SqliteStore::open(path).with_context(|| shown(path))?;
                let gathering = self.gathering(INPUTS_MAX, true);
                scan_into(&mut store, scanned, inputs, gathering, question)
                    .map_err(|error| about_store(error, shown(path)))
            }
        }
    }

    #[cfg(feature = "aws")]
    fn scan_into_table(
        &self,
        scanned: Scanned,
        inputs: Inputs,
        question: StoreQuery,
    ) -> anyhow::Result<(Scanned, StoreAnswer)> {
        let opened = self.table.open()?;
        let _runtime = opened.runtime.enter();
        let mut store = opened.store.counting();
        let gathering = self.gathering(1, true);
        scan_into(&mut store, scanned, inputs, gathering, question)
            .map_err(|error| about_store(error, self.table.name()))
    }
}

/// Says which store an error is about; only what a store says is about one.
fn about_store(error: anyhow::Error, name: String) -> anyhow::Error {
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
    /// Returns the rules to go by.
    pub fn load(&self) -> anyhow::Result<Rules> {
        let lists = load_lists(self.settings.as_deref())?;
        let trails = self.trail_account.iter().cloned();
        Ok(
            load_rules(self.rules.as_deref())?.with_exclusions(Exclusions {
                trail_accounts: TrailAccounts::new(trails.chain(lists.trail_accounts)),
                own: OwnRoles::new(lists.self_principals),
            }),
        )
    }
}

fn account_id(text: &str) -> Result<String, String> {
    match is_account_id(text) {
        true => Ok(text.to_owned()),
        false => Err("an account ID has twelve digits, such as 111122223333".to_owned()),
    }
}

/// Loads a rules file; none gives no rules.
pub fn load_rules(file: Option<&Path>) -> anyhow::Result<Rules> {
    let Some(file) = file else {
        return Ok(Rules::default());
    };
    let text =
        fs::read_to_string(file).with_context(|| format!("{}: cannot be read", shown(file)))?;
    Ok(Rules::parse(&text).map_err(|complaints| Unusable::new("the rules", file, &complaints))?)
}

/// How inputs are read, and how many are committed at a time: a transaction costs more than most
/// inputs, but what was gathered is lost when the scan is killed.
#[derive(Debug, Clone, Copy)]
struct BatchLimits {
    limits: Limits,
    inputs_max: usize,
    /// How many threads fold.
    jobs: usize,
    /// Whether the store is to keep samples.
    samples: bool,
}

/// How many inputs go into one transaction of a store in a file, and how many events are enough.
const INPUTS_MAX: usize = 64;
const EVENTS_MAX: usize = 4096;

fn scan_into(
    store: &mut impl QueryableStore,
    mut scanned: Scanned,
    inputs: Inputs,
    gathering: BatchLimits,
    question: StoreQuery,
) -> anyhow::Result<(Scanned, StoreAnswer)> {
    let bar = progress(&inputs);
    scanned.failed = inputs.failed;
    let rules = scanned.rules.clone();
    let mut folding = Folding::new(gathering.limits, &rules);
    if gathering.samples {
        folding = folding.with_samples();
    }
    let threads = gathering.jobs.min(inputs.found.len()).max(1);
    let foldings = (0..threads).map(|_| folding.beside()).collect();
    let (mut gathered, mut events) = (Vec::new(), 0);
    jobs::fold(&inputs.found, foldings, &bar, |input, outcome| {
        match outcome {
            Ok(folded) => {
                events += folded.events();
                scanned.failed.extend(nothing_read(input, &folded));
                gathered.push((input.name(), folded));
            }
            Err(failure) => scanned.failed.push(failure),
        }
        if gathered.len() >= gathering.inputs_max || events >= EVENTS_MAX {
            events = 0;
            scanned.commit(store, std::mem::take(&mut gathered), &folding)?;
        }
        anyhow::Ok(())
    })?;
    scanned.commit(store, gathered, &folding)?;
    bar.finish_and_clear();
    Ok((scanned, answer(store, question)?))
}

/// Complains about an input in which nothing is an event of CloudTrail.
fn nothing_read(input: &Input, folded: &Folded) -> Option<InputError> {
    let likeness = folded.without_events()?;
    Some(InputError {
        file: input.name(),
        error: inputs::without_events(&likeness),
    })
}

/// Asks a store.
pub fn answer(store: &impl QueryableStore, question: StoreQuery) -> anyhow::Result<StoreAnswer> {
    // Each question may take reading the whole store, so samples and events come along with the sums.
    let mut answer = if question.replay {
        let (snapshot, events) = pollster::block_on(store.whole(question.samples))?;
        let mut answer = StoreAnswer::of(snapshot);
        replay(store, &events, &mut answer)?;
        answer
    } else {
        StoreAnswer::of(match question.samples {
            true => pollster::block_on(store.snapshot(None))?,
            false => pollster::block_on(store.sums(None))?,
        })
    };
    if let Some(since) = question.since {
        // Without any event time nothing is known to be that new.
        let newest = answer.snapshot.last_seen();
        let moment = newest.map_or(Timestamp::LAST, |newest| since.moment(newest));
        let sums = pollster::block_on(store.sums(Some(moment)))?;
        let samples = std::mem::replace(&mut answer.snapshot, sums).samples;
        answer.snapshot.samples = samples;
    }
    if question.by_hour {
        answer.timeline = pollster::block_on(store.timeline())?;
    }
    Ok(answer)
}

/// Finds out how clusters stand and what happened to them: by the same hours as a stack's functions.
fn replay(
    store: &impl QueryableStore,
    events: &[(EventId, Sighting)],
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
    let replayed = recorded.replay(decided.until);
    answer.listing = recorded.listing(&replayed, now);
    answer.story = replayed.story;
    let triages = decided.triages.into_iter();
    answer.triages = triages
        .filter_map(|(id, of)| Some((id, of.triage?)))
        .collect();
    answer.now = now;
    Ok(())
}

impl Scanned {
    /// Returns what a scan with rules has done so far: nothing.
    pub fn with(rules: Rules) -> Self {
        let hits = vec![Hits::default(); rules.all().len()];
        Self {
            rules,
            hits,
            ..Self::default()
        }
    }

    /// Commits what was gathered; only then it counts.
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

    /// Complains about everything that could not be read, and about rules that did nothing.
    pub fn complain(&self) {
        for (rule, hits) in self.rules.all().iter().zip(&self.hits) {
            if let Some(complaint) = idle(rule, *hits) {
                output::complain(&complaint);
            }
        }
        const SHOWN: usize = 20;
        for failure in &self.failed {
            output::complain(&format!("error: {}: {}", failure.file, failure.error));
        }
        for (file, record) in self.quarantined.iter().take(SHOWN) {
            let Quarantined { number, rejection } = record;
            output::complain(&format!(
                "quarantined: {file}: record {number}: {rejection}"
            ));
        }
        // Not all are kept with their place, but all are counted.
        let shown = self.quarantined.len().min(SHOWN) as u64;
        if let Some(more @ 1..) = self.record_counts.quarantined().checked_sub(shown) {
            output::complain(&format!(
                "quarantined: {more} more; --format json lists up to {QUARANTINED_MAX} per file"
            ));
        }
    }

    /// Returns 1 when an input could not be read.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.failed.is_empty()))
    }
}

/// Says of a rule that did nothing why that may be.
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
