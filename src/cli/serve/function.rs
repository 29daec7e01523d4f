//! What answers in the place of the function: the same verb, over a file or a table.
//!
//! A list is made of all events, which takes a while: of a file anew when somebody has written to it,
//! of a table, which is read as a whole, at most every [`STALE`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use alerts::links::Links;
use anyhow::Context as _;
use clusters::keys::{DORMANT_DAYS, KeySettings};
use pollster::block_on;
use records::time::{Timestamp, Window};
use serde_json::json;
use service::inspect::Recorded;
#[cfg(feature = "aws")]
use service::inspect::run::over;
use service::ports::{Store, StoreError, TriageStore};
use service::widget::{self, Setting, StoreState, WidgetResponse};
use view::listing::Listing;

use crate::machine::now;
use crate::open_store::{OpenStore, StoreArguments, StoreKind};
use crate::{output, said};

/// What the page calls. There is no such function: the page calls its own server.
const ENDPOINT: &str = "arn:aws:lambda:local:000000000000:function:serve";

/// For how long the list of a table's clusters is good.
const STALE: Duration = Duration::from_secs(300);

/// See above.
pub struct LocalWidget {
    open_store: OpenStore,
    /// The file, if it is one.
    path: Option<PathBuf>,
    made: Option<CachedList>,
}

/// A list, and what it was made of.
struct CachedList {
    known: StoreState,
    at: Instant,
    print: FileVersions,
}

/// What changes with a file, and with what is written ahead of it: how long they are, and since when.
type FileVersions = Vec<Option<(u64, SystemTime)>>;

impl LocalWidget {
    /// Opens a file or a table, and makes the first list.
    pub fn open(arguments: &StoreArguments) -> anyhow::Result<Self> {
        let mut function = Self {
            open_store: arguments.open()?,
            path: arguments.db.clone(),
            made: None,
        };
        function.known()?;
        Ok(function)
    }

    /// Says what is looked at, and from when until when it has events, as JSON.
    pub fn about(&mut self) -> anyhow::Result<String> {
        let is_file = self.path.is_some();
        let listing = &self.known()?.listing;
        let first = listing
            .clusters
            .values()
            .filter_map(|listed| listed.first)
            .min();
        let millis = |at: Timestamp| at.seconds() * 1000;
        let as_of = if is_file { ended(listing) } else { now() };
        let about = json!({
            "name": self.open_store.name,
            "endpoint": ENDPOINT,
            "asOf": millis(as_of),
            "first": first.map(millis),
            "isPast": is_file,
        });
        Ok(about.to_string())
    }

    /// Answers an event as the function would: HTML is a text, Markdown an object.
    pub fn answer(&mut self, event: &str) -> anyhow::Result<String> {
        let known = self.known()?.clone();
        let now = now();
        let as_of = self.path.as_ref().map_or(now, |_| ended(&known.listing));
        let setting = setting(&known.listing, as_of, now);
        let known = async || Ok(known);
        let answered = match &mut self.open_store.place {
            StoreKind::File(store) => {
                block_on(widget::answer(event, store.as_ref(), known, &setting))
            }
            #[cfg(feature = "aws")]
            StoreKind::Table(opened) => {
                let _runtime = opened.runtime.enter();
                opened.store.set_now(now);
                block_on(widget::answer(event, &opened.store, known, &setting))
            }
        };
        let answer = answered.unwrap_or_else(|failure| {
            let sorry = widget::sorry(&setting, &failure);
            output::complain(&said(&failure.into()));
            sorry
        });
        Ok(match answer {
            WidgetResponse::Html(html) => json!(html).to_string(),
            WidgetResponse::Markdown(markdown) => json!({"markdown": markdown}).to_string(),
        })
    }

    /// Returns the list, made anew if it is time to.
    fn known(&mut self) -> anyhow::Result<&StoreState> {
        // What is written while it is made shows the next time.
        let print = self.path.as_deref().map(print).unwrap_or_default();
        let is_good = |made: &CachedList| match self.path {
            Some(_) => made.print == print,
            None => made.at.elapsed() < STALE,
        };
        let made = match self.made.take().filter(is_good) {
            Some(made) => made,
            None => CachedList {
                known: self.list().with_context(|| self.open_store.name.clone())?,
                at: Instant::now(),
                print,
            },
        };
        Ok(&self.made.insert(made).known)
    }

    fn list(&mut self) -> Result<StoreState, StoreError> {
        match &mut self.open_store.place {
            StoreKind::File(store) => block_on(list(store.as_ref(), None)),
            #[cfg(feature = "aws")]
            StoreKind::Table(opened) => {
                let (now, _runtime) = (now(), opened.runtime.enter());
                opened.store.set_now(now);
                block_on(list(&opened.store, Some(over(now))))
            }
        }
    }
}

/// Lists the clusters of a store as an inspection leaves them, and what it would have noted: of a table up to the hours
/// that are not over, of a file all there are. What came since is added by whoever answers.
async fn list(
    store: &(impl Store + TriageStore),
    until: Option<Window>,
) -> Result<StoreState, StoreError> {
    let (snapshot, events) = store.whole(false).await?;
    let recorded = Recorded {
        events: &events,
        facts: &snapshot.facts,
        resolutions: &store.resolutions().await?,
    };
    let replayed = recorded.replay(until);
    let mut known = StoreState::from(replayed.listing(now()));
    // A table has been noted in already.
    if until.is_none() {
        known.note(&replayed.story);
    }
    Ok(known)
}

/// Returns when the last hour of a file's events was over: the time at which one looks at it.
fn ended(listing: &Listing) -> Timestamp {
    listing.until.start()
}

fn setting(listing: &Listing, as_of: Timestamp, now: Timestamp) -> Setting {
    let accounts = listing.accounts().into_iter();
    Setting {
        endpoint: ENDPOINT.to_owned(),
        links: Links::default(),
        account_names: BTreeMap::new(),
        // Nobody asks IAM from here. Whose keys are foreign is told by whose failures are here.
        keys: KeySettings {
            account_id: String::new(),
            member_accounts: accounts.map(str::to_owned).collect(),
            dormant_days: DORMANT_DAYS,
            canaries: BTreeSet::new(),
        },
        decides: true,
        as_of,
        now,
    }
}

fn print(path: &Path) -> FileVersions {
    let mut ahead = OsString::from(path);
    ahead.push("-wal");
    let of = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    vec![of(path), of(Path::new(&ahead))]
}
