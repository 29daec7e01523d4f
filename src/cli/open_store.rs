//! Opens the store whose clusters a command shows or changes: the table of a deployed stack, or a SQLite file.

use std::path::PathBuf;

use alerts::outbox::MessageLogEntry;
use anyhow::{Context as _, bail};
use clap::Args;
use clusters::fingerprint::ClusterId;
use clusters::journal::{self, Fault, JournalEntry};
use clusters::triage::Triage;
use clusters::{Cluster, ClusterFacts, ClusterSnapshot};
use pollster::block_on;
use service::ports::{
    ClusterReader as _, SentLog as _, TriageStore as _, VersionedTriage, no_hours,
};
use sqlite::SqliteStore;

#[cfg(feature = "aws")]
use crate::deployed::OpenTable;
use crate::inputs::shown;
use crate::place::Place;
use crate::selection::Selection;
use crate::source::{StoreAnswer, StoreQuery, answer};
use crate::stack::TableArguments;
use crate::store_file;

/// Options that name the store.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// Use this SQLite file, written by scan --db
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "stack"])]
    pub db: Option<PathBuf>,
    #[command(flatten)]
    table: TableArguments,
}

/// A store of clusters that a command has opened. Each method blocks until the store has answered.
pub struct OpenStore {
    /// The name of the SQLite file, table or stack, for error messages.
    pub name: String,
    /// The open SQLite file or table.
    pub place: StoreKind,
}

/// The kind of an open store: where its clusters are stored.
pub enum StoreKind {
    /// In a SQLite file.
    File(Box<SqliteStore>),
    /// In the table of a deployed stack.
    #[cfg(feature = "aws")]
    Table(Box<OpenTable>),
}

/// Evaluates an expression with the open store, of either kind, bound to a name.
macro_rules! ask {
    ($open_store:expr, $store:ident => $asked:expr) => {
        match &$open_store.place {
            StoreKind::File(store) => {
                let $store = store.as_ref();
                $asked
            }
            #[cfg(feature = "aws")]
            StoreKind::Table(opened) => {
                let (_runtime, $store) = (opened.runtime.enter(), &opened.store);
                $asked
            }
        }
    };
}

/// The history of a cluster: when it failed, and what was noted in its journal.
#[derive(Debug, Default)]
pub struct ClusterJournal {
    /// Periods in which the cluster was failing, oldest first.
    pub faults: Vec<Fault>,
    /// The entries of the cluster's journal: status changes, and decisions of people; oldest first.
    pub entries: Vec<JournalEntry>,
}

impl StoreArguments {
    /// Returns how a later command reads the same store.
    pub fn place(&self) -> Place {
        Place::of(self.db.as_deref(), &self.table)
    }

    /// Returns the name of the stack, if the options name one.
    #[cfg(feature = "aws")]
    pub fn stack(&self) -> Option<&str> {
        self.table.stack.as_deref()
    }

    /// Opens the SQLite file or the table that the options name.
    ///
    /// # Errors
    /// Fails if the file does not exist (none is created), or if the table or stack is not found.
    pub fn open(&self) -> anyhow::Result<OpenStore> {
        let Some(path) = &self.db else {
            #[cfg(feature = "aws")]
            return self.table.open().map(|opened| OpenStore {
                name: opened.name.clone(),
                place: StoreKind::Table(Box::new(opened)),
            });
            #[cfg(not(feature = "aws"))]
            return self.table.open();
        };
        let name = shown(path);
        let store = store_file::open_as_permitted(path)?;
        let place = StoreKind::File(Box::new(store));
        Ok(OpenStore { name, place })
    }
}

impl OpenStore {
    /// Reads the whole store. Returns totals of what is selected, and the status of each cluster.
    ///
    /// With `samples`, the answer also has sample events.
    pub fn answer(&self, selection: &Selection, samples: bool) -> anyhow::Result<StoreAnswer> {
        let query = StoreQuery {
            samples,
            replay: true,
            ..StoreQuery::default()
        };
        self.selected(selection, query)
    }

    /// Reads the whole store. Returns totals of what is selected, without the status of clusters.
    ///
    /// With `samples`, the answer also has sample events.
    pub fn totals(&self, selection: &Selection, samples: bool) -> anyhow::Result<StoreAnswer> {
        let query = StoreQuery {
            samples,
            ..StoreQuery::default()
        };
        self.selected(selection, query)
    }

    /// Reads the whole store. Returns the incidents and totals of what is selected, without the samples.
    pub fn incidents(&self, selection: &Selection) -> anyhow::Result<StoreAnswer> {
        let query = StoreQuery {
            replay: true,
            incidents: true,
            ..StoreQuery::default()
        };
        self.selected(selection, query)
    }

    /// Reads the whole store, without a selection.
    pub fn all(&self, query: StoreQuery) -> anyhow::Result<StoreAnswer> {
        self.ask(query)
    }

    /// Returns the alerts about a cluster or a sensitive call that were sent, suppressed or given up; empty for a file, which
    /// sends none.
    pub fn sent(&self, cluster: ClusterId) -> anyhow::Result<Vec<MessageLogEntry>> {
        let sent = ask!(self, store => block_on(store.sent(cluster)));
        sent.with_context(|| self.name.clone())
    }

    fn selected(&self, selection: &Selection, query: StoreQuery) -> anyhow::Result<StoreAnswer> {
        let mut answer = self.ask(selection.query(query))?;
        selection.apply(&mut answer);
        Ok(answer)
    }

    fn ask(&self, query: StoreQuery) -> anyhow::Result<StoreAnswer> {
        let answer = ask!(self, store => answer(store, query));
        answer.with_context(|| self.name.clone())
    }

    /// Returns the only cluster whose ID begins with `start`, and the answer of the store for [`Self::history`].
    ///
    /// For a complete ID, a table needs one key lookup, and the answer is empty. Otherwise the whole store is read.
    ///
    /// # Errors
    /// Fails if no cluster or several clusters match, or if the ID is that of a sensitive call, which has no status,
    /// history or decisions.
    pub fn find(&self, start: &str) -> anyhow::Result<(ClusterId, StoreAnswer)> {
        if let Some(cluster) = ClusterId::parse(start)
            && self.file().is_none()
        {
            let cluster_details =
                ask!(self, store => block_on(store.cluster_details(cluster, no_hours())));
            let Some(found) = cluster_details.with_context(|| self.name.clone())? else {
                bail!("no cluster has the ID {start}; list the IDs with clusters list");
            };
            refuse_call(cluster, &found.cluster.facts)?;
            return Ok((cluster, StoreAnswer::of(ClusterSnapshot::default())));
        }
        // A table has the transitions in its journal; for a file, they are computed.
        let answer = self.ask(StoreQuery {
            replay: self.file().is_some(),
            ..StoreQuery::default()
        })?;
        let cluster = one(&answer.snapshot, start)?;
        refuse_call(cluster.id, &cluster.facts)?;
        Ok((cluster.id, answer))
    }

    /// Returns the current triage decision about a cluster, with the version that [`Self::set_triage`] needs to
    /// replace it.
    pub fn versioned(&self, cluster: ClusterId) -> anyhow::Result<VersionedTriage> {
        let versioned = ask!(self, store => block_on(store.triage(cluster)));
        versioned.with_context(|| self.name.clone())
    }

    /// Saves a triage decision about a cluster, or removes it if `triage` is `None`, and adds `entry` to the journal
    /// of the cluster.
    ///
    /// # Errors
    /// Fails if the decision has changed since `before` was read by [`Self::versioned`].
    pub fn set_triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        before: &VersionedTriage,
        entry: &JournalEntry,
    ) -> anyhow::Result<()> {
        let version = before.version;
        let set = ask!(self, store => block_on(store.set_triage(cluster, triage, version, entry)));
        if !set.with_context(|| self.name.clone())? {
            bail!("{cluster} was changed at the same time by another user; check it and try again");
        }
        Ok(())
    }

    /// Returns the store if it is a file; `None` for a table.
    fn file(&self) -> Option<&SqliteStore> {
        match &self.place {
            StoreKind::File(store) => Some(store),
            #[cfg(feature = "aws")]
            StoreKind::Table(_) => None,
        }
    }

    /// Returns the history of a cluster: when it failed, and its journal entries. `answer` comes from
    /// [`Self::answer`] or [`Self::find`].
    ///
    /// The journal of a SQLite file has only decisions, because no inspection writes to it. So for a file, the
    /// transitions in `answer`, which were computed from the events, are added.
    pub fn history(
        &self,
        cluster: ClusterId,
        answer: &StoreAnswer,
    ) -> anyhow::Result<ClusterJournal> {
        let about = || self.name.clone();
        let stored = ask!(self, store => block_on(store.journal(cluster)));
        let mut entries = stored.with_context(about)?;
        if self.file().is_some() {
            let transitions = answer.story.iter();
            let transitions = transitions.filter(|of| of.cluster == Some(cluster));
            entries.extend(transitions.filter_map(JournalEntry::of_transition));
            entries.sort();
        }
        // Only the time of the first event is needed, so no hours are read.
        let cluster_details =
            ask!(self, store => block_on(store.cluster_details(cluster, no_hours())));
        let first_seen = cluster_details
            .with_context(about)?
            .and_then(|of| of.first_seen);
        let faults = journal::history(first_seen, &entries);
        Ok(ClusterJournal { faults, entries })
    }
}

/// Returns the only cluster or sensitive call of a snapshot whose ID begins with `start`, in upper or lower case.
///
/// # Errors
/// Fails if none or several match.
pub fn one(snapshot: &ClusterSnapshot, start: &str) -> anyhow::Result<Cluster> {
    let start = start.to_ascii_lowercase();
    let sums = snapshot.all_sums();
    let mut found = sums
        .iter()
        .filter(|sum| sum.id.to_string().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(sum), None) => Ok(sum.cluster()),
        (None, _) => bail!(
            "no cluster ID begins with {start}; list the IDs with clusters list, or with calls list"
        ),
        (Some(_), Some(_)) => {
            bail!("several cluster IDs begin with {start}; give more characters")
        }
    }
}

/// Fails if the facts are those of a sensitive call, which has no status, history or decisions.
fn refuse_call(id: ClusterId, facts: &ClusterFacts) -> anyhow::Result<()> {
    if facts.is_sensitive_call() {
        bail!(
            "{id} is a sensitive call, not a cluster: it succeeded, so it has no history and takes no decision. \
             Show it with calls show. If such calls are expected, write a rule with expected = true; then no alert \
             is sent about them"
        );
    }
    Ok(())
}
