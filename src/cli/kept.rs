//! Where the clusters are that a command looks at and decides about: the table of a deployed stack,
//! or a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use clusters::fingerprint::ClusterId;
use clusters::journal::{self, Entry, Fault, What};
use clusters::lifecycle::Status;
use clusters::mark::{Mark, Marking, Observation};
use clusters::transition::{Change, Transition};
use clusters::{Census, Cluster};
use pollster::block_on;
use records::time::EventTime;
use service::inspect;
use service::ports::{Dossiers as _, Marked, Marks as _, Store as _, no_hours};
use sqlite::SqliteStore;

#[cfg(feature = "aws")]
use crate::deployed::Opened;
use crate::inputs::shown;
use crate::machine::now;
use crate::since::Since;
use crate::source::{Question, answer};
use crate::stack::TableArguments;

/// Which clusters.
#[derive(Debug, Args)]
pub struct KeptArguments {
    /// Use this SQLite file, which scan --db wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "stack"])]
    pub db: Option<PathBuf>,
    #[command(flatten)]
    table: TableArguments,
}

/// Clusters, as a command sees them: what it asks is answered when it goes on.
pub struct Kept {
    /// What errors are said of.
    pub name: String,
    /// Where they are.
    pub place: Place,
}

/// Where clusters are.
pub enum Place {
    /// In a file.
    File(Box<SqliteStore>),
    /// In a table.
    #[cfg(feature = "aws")]
    Table(Box<Opened>),
}

/// Asks the store, whichever it is.
macro_rules! ask {
    ($kept:expr, $store:ident => $asked:expr) => {
        match &$kept.place {
            Place::File(store) => {
                let $store = store.as_ref();
                $asked
            }
            #[cfg(feature = "aws")]
            Place::Table(opened) => {
                let (_runtime, $store) = (opened.runtime.enter(), &opened.store);
                $asked
            }
        }
    };
}

/// Marks, and when somebody looks at them.
#[derive(Debug, Default)]
pub struct Decided {
    marks: BTreeMap<ClusterId, Mark>,
    now: i64,
}

/// How a cluster stands, with what was decided about it.
pub struct Standing<'a> {
    /// By its events, and by whoever resolved it.
    pub status: Status,
    /// What was decided, and whether it holds.
    pub marking: Option<Marking<'a>>,
}

/// What happened to a cluster.
#[derive(Debug, Default)]
pub struct History {
    /// When it was failing.
    pub faults: Vec<Fault>,
    /// Everything that is noted.
    pub entries: Vec<Entry>,
}

impl KeptArguments {
    /// Opens what was named. A file that is not there is not made.
    pub fn open(&self) -> anyhow::Result<Kept> {
        let Some(path) = &self.db else {
            #[cfg(feature = "aws")]
            return Ok(Kept {
                name: self.table.name(),
                place: Place::Table(Box::new(self.table.open()?)),
            });
            #[cfg(not(feature = "aws"))]
            return self.table.open();
        };
        let name = shown(path);
        if !path.exists() {
            bail!("{name}: there is no such store; scan --db makes one");
        }
        let store = SqliteStore::open(path).with_context(|| name.clone())?;
        let place = Place::File(Box::new(store));
        Ok(Kept { name, place })
    }
}

impl Kept {
    /// Sums up all events, or those since a moment.
    pub fn census(&self, since: Option<Since>, samples: bool) -> anyhow::Result<Census> {
        let question = Question {
            since,
            samples,
            ..Question::default()
        };
        let answer = ask!(self, store => answer(store, question));
        Ok(answer.with_context(|| self.name.clone())?.census)
    }

    /// Returns the cluster whose id begins with a text, and what was summed up to find it. A table is
    /// asked for a whole id alone; to find the rest of one, all of it is read.
    pub fn find(&self, start: &str) -> anyhow::Result<(ClusterId, Census)> {
        if let Some(cluster) = ClusterId::parse(start)
            && self.file().is_none()
        {
            let dossier = ask!(self, store => block_on(store.dossier(cluster, no_hours())));
            if dossier.with_context(|| self.name.clone())?.is_some() {
                return Ok((cluster, Census::default()));
            }
            bail!("no cluster has the id {start}; clusters list shows the ids");
        }
        let census = self.census(None, false)?;
        let cluster = one(&census, start)?.id;
        Ok((cluster, census))
    }

    /// Returns what was decided about clusters.
    pub fn decided(&self, census: &Census) -> anyhow::Result<Decided> {
        let clusters: Vec<ClusterId> = census.sums().iter().map(|sum| sum.id).collect();
        let marked = ask!(self, store => block_on(store.marks(&clusters)));
        let marked = marked.with_context(|| self.name.clone())?.into_iter();
        Ok(Decided {
            marks: marked.filter_map(|(id, of)| Some((id, of.mark?))).collect(),
            now: now().seconds(),
        })
    }

    /// Returns what was decided about a cluster, to be decided anew.
    pub fn marked(&self, cluster: ClusterId) -> anyhow::Result<Marked> {
        let marked = ask!(self, store => block_on(store.mark(cluster)));
        marked.with_context(|| self.name.clone())
    }

    /// Marks a cluster, or takes its mark away.
    pub fn mark(
        &self,
        cluster: ClusterId,
        mark: Option<&Mark>,
        before: &Marked,
        entry: &Entry,
    ) -> anyhow::Result<()> {
        let version = before.version;
        let set = ask!(self, store => block_on(store.set_mark(cluster, mark, version, entry)));
        if !set.with_context(|| self.name.clone())? {
            bail!("somebody has just decided something else about {cluster}; look, and try again");
        }
        Ok(())
    }

    /// Returns the file, if it is one.
    fn file(&self) -> Option<&SqliteStore> {
        match &self.place {
            Place::File(store) => Some(store),
            #[cfg(feature = "aws")]
            Place::Table(_) => None,
        }
    }

    /// Returns what happened to a cluster. A file has no inspection that would note it, so its events
    /// are inspected here.
    pub fn history(&self, cluster: ClusterId, census: &Census) -> anyhow::Result<History> {
        let about = || self.name.clone();
        let noted = ask!(self, store => block_on(store.journal(cluster)));
        let mut entries = noted.with_context(about)?;
        if let Some(store) = self.file() {
            let events = block_on(store.events()).with_context(about)?;
            let story = inspect::story(&events, &census.facts);
            let own = story.iter().filter(|of| of.cluster == Some(cluster));
            entries.extend(own.filter_map(entry));
            let own = events.iter().map(|(_, seen)| seen);
            let own = own.filter(|seen| seen.case.cluster == cluster);
            let times: Vec<i64> = own.filter_map(|seen| Some(seen.at()?.seconds())).collect();
            entries.extend(journal::came_back(&entries, &times));
            entries.sort();
        }
        // When it was first seen is enough.
        let dossier = ask!(self, store => block_on(store.dossier(cluster, no_hours())));
        let first_seen = dossier.with_context(about)?.and_then(|of| of.first_seen);
        let faults = journal::history(first_seen, &entries);
        Ok(History { faults, entries })
    }
}

/// Returns the cluster whose id begins with a text.
pub fn one(census: &Census, start: &str) -> anyhow::Result<Cluster> {
    let start = start.to_ascii_lowercase();
    let sums = census.sums();
    let mut found = sums
        .iter()
        .filter(|sum| sum.id.to_string().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(sum), None) => Ok(sum.cluster()),
        (None, _) => bail!("no cluster's id begins with {start}; clusters list shows the ids"),
        (Some(_), Some(_)) => {
            bail!("the ids of several clusters begin with {start}; give more of it")
        }
    }
}

impl Decided {
    /// Tells how a cluster stands.
    pub fn standing(&self, cluster: &Cluster, as_of: Option<EventTime>) -> Standing<'_> {
        let by_events = as_of.map_or(Status::New, |as_of| cluster.status(as_of));
        let last = cluster.span.last_seen;
        let mark = self.marks.get(&cluster.id);
        let status = mark.map_or(by_events, |mark| mark.status(by_events, last));
        let seen = Observation {
            now: self.now,
            is_recovered: status == Status::Recovered,
            last: last.map_or(0, EventTime::seconds),
            ..Observation::default()
        };
        Standing {
            status,
            marking: mark.map(|mark| Marking {
                mark,
                ended: mark.ends(&seen),
            }),
        }
    }
}

impl Standing<'_> {
    /// Says it in a word, and in another one what was decided and holds.
    pub fn words(&self) -> String {
        let status = self.status.name();
        match self.marking.and_then(|marking| marking.word()) {
            Some(word) => format!("{status}\n{word}"),
            None => status.to_owned(),
        }
    }
}

/// Returns what a journal would say of what happened to a cluster.
fn entry(transition: &Transition) -> Option<Entry> {
    let (what, detail) = match &transition.change {
        Change::New => (What::New, String::new()),
        Change::NewPrincipal { principal } => (What::NewPrincipal, principal.clone()),
        Change::Ongoing => (What::Ongoing, String::new()),
        Change::Recovered { .. } => (What::Recovered, String::new()),
        Change::Regressed { .. } => (What::Regressed, String::new()),
        Change::Escalating { count, .. } => {
            (What::Escalating, format!("{count} events in an hour"))
        }
        Change::Calmed(_) => (What::Calmed, String::new()),
        _ => return None,
    };
    let entry = Entry::of(what, transition.at.seconds(), transition.epoch);
    Some(entry.about(&detail))
}
