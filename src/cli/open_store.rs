//! Where the clusters are that a command looks at and decides about: the table of a deployed stack,
//! or a file.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use clusters::fingerprint::ClusterId;
use clusters::journal::{self, Fault, JournalEntry};
use clusters::triage::Triage;
use clusters::{Cluster, ClusterSnapshot};
use pollster::block_on;
use service::ports::{ClusterReader as _, TriageStore as _, VersionedTriage, no_hours};
use sqlite::SqliteStore;

#[cfg(feature = "aws")]
use crate::deployed::OpenTable;
use crate::inputs::shown;
use crate::since::Since;
use crate::source::{StoreAnswer, StoreQuery, answer};
use crate::stack::TableArguments;

/// Which clusters.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// Use this SQLite file, written by scan --db
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "stack"])]
    pub db: Option<PathBuf>,
    #[command(flatten)]
    table: TableArguments,
}

/// Clusters, as a command sees them: what it asks is answered when it goes on.
pub struct OpenStore {
    /// What errors are said of.
    pub name: String,
    /// The file or the table that is open.
    pub place: StoreKind,
}

/// Where clusters are.
pub enum StoreKind {
    /// In a file.
    File(Box<SqliteStore>),
    /// In a table.
    #[cfg(feature = "aws")]
    Table(Box<OpenTable>),
}

/// Asks the store, whichever it is.
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

/// What happened to a cluster.
#[derive(Debug, Default)]
pub struct ClusterJournal {
    /// When it was failing.
    pub faults: Vec<Fault>,
    /// Everything that is noted.
    pub entries: Vec<JournalEntry>,
}

impl StoreArguments {
    /// Opens what was named. A file that is not there is not made.
    pub fn open(&self) -> anyhow::Result<OpenStore> {
        let Some(path) = &self.db else {
            #[cfg(feature = "aws")]
            return Ok(OpenStore {
                name: self.table.name(),
                place: StoreKind::Table(Box::new(self.table.open()?)),
            });
            #[cfg(not(feature = "aws"))]
            return self.table.open();
        };
        let name = shown(path);
        if !path.exists() {
            bail!("{name}: no such file; create it with scan --db");
        }
        let store = SqliteStore::open(path).with_context(|| name.clone())?;
        let place = StoreKind::File(Box::new(store));
        Ok(OpenStore { name, place })
    }
}

impl OpenStore {
    /// Sums up all events, or those since a moment, and tells how clusters stand.
    pub fn answer(&self, since: Option<Since>, samples: bool) -> anyhow::Result<StoreAnswer> {
        self.ask(StoreQuery {
            since,
            samples,
            replay: true,
            ..StoreQuery::default()
        })
    }

    fn ask(&self, question: StoreQuery) -> anyhow::Result<StoreAnswer> {
        let answer = ask!(self, store => answer(store, question));
        answer.with_context(|| self.name.clone())
    }

    /// Returns the cluster whose id begins with a text, and what was found out to know it. A table is
    /// asked for a whole id alone; to find the rest of one, all of it is read.
    pub fn find(&self, start: &str) -> anyhow::Result<(ClusterId, StoreAnswer)> {
        if let Some(cluster) = ClusterId::parse(start)
            && self.file().is_none()
        {
            let cluster_details =
                ask!(self, store => block_on(store.cluster_details(cluster, no_hours())));
            if cluster_details
                .with_context(|| self.name.clone())?
                .is_some()
            {
                return Ok((cluster, StoreAnswer::of(ClusterSnapshot::default())));
            }
            bail!("no cluster has the ID {start}; list the IDs with clusters list");
        }
        // What happened in a table is in its journal.
        let answer = self.ask(StoreQuery {
            replay: self.file().is_some(),
            ..StoreQuery::default()
        })?;
        let cluster = one(&answer.snapshot, start)?.id;
        Ok((cluster, answer))
    }

    /// Returns what was decided about a cluster, to be decided anew.
    pub fn versioned(&self, cluster: ClusterId) -> anyhow::Result<VersionedTriage> {
        let versioned = ask!(self, store => block_on(store.triage(cluster)));
        versioned.with_context(|| self.name.clone())
    }

    /// Marks a cluster, or takes its triage away.
    pub fn triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        before: &VersionedTriage,
        entry: &JournalEntry,
    ) -> anyhow::Result<()> {
        let version = before.version;
        let set = ask!(self, store => block_on(store.set_triage(cluster, triage, version, entry)));
        if !set.with_context(|| self.name.clone())? {
            bail!(
                "{cluster} was changed by somebody else at the same time; check it and try again"
            );
        }
        Ok(())
    }

    /// Returns the file, if it is one.
    fn file(&self) -> Option<&SqliteStore> {
        match &self.place {
            StoreKind::File(store) => Some(store),
            #[cfg(feature = "aws")]
            StoreKind::Table(_) => None,
        }
    }

    /// Returns what happened to a cluster. No inspection writes to the journal of a file, so the replay of its
    /// events, which is in the answer, adds what is missing there.
    pub fn history(
        &self,
        cluster: ClusterId,
        answer: &StoreAnswer,
    ) -> anyhow::Result<ClusterJournal> {
        let about = || self.name.clone();
        let noted = ask!(self, store => block_on(store.journal(cluster)));
        let mut entries = noted.with_context(about)?;
        if self.file().is_some() {
            let own = answer.story.iter();
            let own = own.filter(|of| of.cluster == Some(cluster));
            entries.extend(own.filter_map(JournalEntry::of_transition));
            entries.sort();
        }
        // When it was first seen is enough.
        let cluster_details =
            ask!(self, store => block_on(store.cluster_details(cluster, no_hours())));
        let first_seen = cluster_details
            .with_context(about)?
            .and_then(|of| of.first_seen);
        let faults = journal::history(first_seen, &entries);
        Ok(ClusterJournal { faults, entries })
    }
}

/// Returns the cluster whose id begins with a text.
pub fn one(snapshot: &ClusterSnapshot, start: &str) -> anyhow::Result<Cluster> {
    let start = start.to_ascii_lowercase();
    let sums = snapshot.sums();
    let mut found = sums
        .iter()
        .filter(|sum| sum.id.to_string().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(sum), None) => Ok(sum.cluster()),
        (None, _) => bail!("no cluster ID begins with {start}; list the IDs with clusters list"),
        (Some(_), Some(_)) => {
            bail!("several cluster IDs begin with {start}; give more characters")
        }
    }
}
