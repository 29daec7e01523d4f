//! Answers requests of the page like the widget function, by the same code, from a file or a table.
//!
//! The list of clusters is computed from all events, which takes some time, so it is cached. The list of a file is
//! rebuilt when the file has changed. The list of a table is rebuilt when it is older than [`STALE`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use alerts::links::Links;
use alerts::locale::Locale;
use anyhow::Context as _;
use clusters::fingerprint::ClusterId;
use clusters::keys::{DORMANT_DAYS, KeySettings};
use clusters::{EventId, Sighting};
use pollster::block_on;
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::json;
use service::inspect::Recorded;
#[cfg(feature = "aws")]
use service::inspect::run::over;
use service::ports::{Store, StoreError, TriageStore};
use service::widget::{self, Lives, StoreState, WidgetResponse, WidgetSetting};
use view::listing::{Listing, Show};

use crate::machine::now;
use crate::open_store::{OpenStore, StoreArguments, StoreKind};
use crate::place::Place;
use crate::{error_text, output};

/// Name of the function in widget links. No such function exists: the page sends the calls to its own server.
const ENDPOINT: &str = "arn:aws:lambda:local:000000000000:function:serve";

/// Age after which the cached list of a table is rebuilt.
const STALE: Duration = Duration::from_secs(300);

/// The function of the dashboard's custom widget, run on this machine: an open store, with a cached list of its
/// clusters.
pub struct LocalWidget {
    open_store: OpenStore,
    /// Path of the SQLite file; `None` for a table.
    path: Option<PathBuf>,
    /// How a later command reads the same store.
    place: Place,
    /// The address of the stack's dashboard in CloudWatch; `None` for a file, and for a table without its stack.
    console: Option<String>,
    cached: Option<CachedList>,
}

/// A list of clusters, with the version of its source.
struct CachedList {
    state: StoreState,
    at: Instant,
    versions: FileVersions,
}

/// Size in bytes and time of the last change, of a SQLite file and of its write-ahead log; `None` for a missing file.
type FileVersions = Vec<Option<(u64, SystemTime)>>;

impl LocalWidget {
    /// Opens the store that the options name, and computes the first list of its clusters.
    pub fn open(arguments: &StoreArguments) -> anyhow::Result<Self> {
        let open_store = arguments.open()?;
        let mut function = Self {
            console: console(arguments, &open_store),
            open_store,
            path: arguments.db.clone(),
            place: arguments.place(),
            cached: None,
        };
        function.state()?;
        Ok(function)
    }

    /// Returns information about the store for the page, as a JSON object: its name, the time of its first event, the
    /// time and the version of its state, the commands that show one entry (with `{id}` for its id), the address of the
    /// stack's dashboard, and the name of the user of this machine.
    ///
    /// Times are in milliseconds since 1970. The state of a file is as of its last hour with events, the state of a
    /// table as of now.
    pub fn about(&mut self) -> anyhow::Result<String> {
        let is_file = self.path.is_some();
        let listing = &self.state()?.listing;
        let clusters = listing.clusters.values().filter_map(|listed| listed.first);
        let calls = listing.calls.values().map(|call| call.first);
        let first = clusters.chain(calls).min();
        let millis = |at: Timestamp| at.seconds() * 1000;
        let as_of = if is_file { ended(listing) } else { now() };
        let about = json!({
            "name": self.open_store.name,
            "endpoint": ENDPOINT,
            "asOf": millis(as_of),
            "first": first.map(millis),
            "isPast": is_file,
            "version": format!("{:?}", self.path.as_deref().map(versions)),
            "commands": {
                "cluster": self.place.command("clusters", "{id}"),
                "incident": self.place.command("incidents", "{id}"),
            },
            "console": self.console,
            "user": user(),
        });
        Ok(about.to_string())
    }

    /// Answers a request of the widget like the deployed widget function. `event` is the request, a JSON text.
    ///
    /// Returns JSON: a string with HTML, or an object with the key `markdown`.
    pub fn answer(&mut self, event: &str) -> anyhow::Result<String> {
        let state = self.state()?.clone();
        let now = now();
        let as_of = self.path.as_ref().map_or(now, |_| state.listing.newest());
        let setting = setting(&state.listing, self.path.is_some(), as_of, now);
        let state = async |_: Option<&str>| Ok(state);
        let answered = match &mut self.open_store.place {
            StoreKind::File(store) => {
                block_on(widget::answer(event, store.as_ref(), state, &setting))
            }
            #[cfg(feature = "aws")]
            StoreKind::Table(opened) => {
                let _runtime = opened.runtime.enter();
                opened.store.set_now(now);
                block_on(widget::answer(event, &opened.store, state, &setting))
            }
        };
        let answer = answered.unwrap_or_else(|failure| {
            let page = widget::error_page(&setting, &failure);
            output::complain(&error_text(&failure.into()));
            page
        });
        Ok(match answer {
            WidgetResponse::Html(html) => json!(html).to_string(),
            WidgetResponse::Markdown(markdown) => json!({"markdown": markdown}).to_string(),
        })
    }

    /// Returns the cached list, rebuilt first if it is out of date.
    fn state(&mut self) -> anyhow::Result<&StoreState> {
        // Versions are read before the list, so that a write in between causes a rebuild at the next request.
        let versions = self.path.as_deref().map(versions).unwrap_or_default();
        let is_current = |cached: &CachedList| match self.path {
            Some(_) => cached.versions == versions,
            None => cached.at.elapsed() < STALE,
        };
        let cached = match self.cached.take().filter(is_current) {
            Some(cached) => cached,
            None => CachedList {
                state: self.list().with_context(|| self.open_store.name.clone())?,
                at: Instant::now(),
                versions,
            },
        };
        Ok(&self.cached.insert(cached).state)
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

/// Returns the address of the stack's dashboard in CloudWatch, which the template names after the stack and its region.
#[cfg(feature = "aws")]
fn console(arguments: &StoreArguments, open_store: &OpenStore) -> Option<String> {
    let (StoreKind::Table(opened), Some(stack)) = (&open_store.place, arguments.stack()) else {
        return None;
    };
    let region = &opened.region;
    let links = Links::default().with_stack(region, Some(&format!("{stack}-{region}")), []);
    links.ok()?.dashboard()
}

/// Returns the address of the stack's dashboard in CloudWatch; a file has none.
#[cfg(not(feature = "aws"))]
fn console(_: &StoreArguments, _: &OpenStore) -> Option<String> {
    None
}

/// Returns the name of the user of this machine, which the page proposes as the author of decisions; empty if there is none.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the place that reads the environment"
)]
fn user() -> String {
    let variables = ["USER", "USERNAME", "LOGNAME"].into_iter();
    let mut names = variables.filter_map(|name| std::env::var(name).ok());
    sanitize(&names.next().unwrap_or_default(), 100)
}

/// Computes the list of clusters as an inspection would, from the events before `until`; `None` uses all events. Finds the
/// incidents in all events.
///
/// Events since `until` are added when a request is answered. For a file, the journal entries that an inspection would
/// have written are added too.
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
    // A file is looked at as of its last event, a table as of now.
    let as_of = until.map(|_| now());
    let found = recorded.incidents(store.ledger().await?.as_ref(), as_of, false);
    let replayed = recorded.replay(until);
    let mut listing = replayed.listing(now());
    if until.is_none() {
        // A file may be old, and an inspection keeps only the calls of the last days.
        listing = listing.with_all_calls(&recorded.sensitive_calls());
    }
    let mut state = StoreState::from(listing);
    state.lives = Some(Arc::new(lives(&events)));
    state.incidents = Some(found.incidents);
    // The inspection of a stack has already written to the journal of a table.
    if until.is_none() {
        state.note(&replayed.story);
    }
    Ok(state)
}

/// Returns the number of events in each hour of the life of each cluster.
fn lives(events: &[(EventId, Sighting)]) -> Lives {
    let mut hours: BTreeMap<(ClusterId, Window), u64> = BTreeMap::new();
    for (_, seen) in events {
        if let Some(at) = seen.at() {
            *hours.entry((seen.series.cluster, at.window())).or_default() += 1;
        }
    }
    let mut lives = Lives::new();
    for ((cluster, hour), count) in hours {
        lives.entry(cluster).or_default().push((hour, count));
    }
    lives
}

/// Returns the end of the last hour with events, with which the time range of a file ends.
fn ended(listing: &Listing) -> Timestamp {
    listing.until.start()
}

fn setting(listing: &Listing, is_past: bool, as_of: Timestamp, now: Timestamp) -> WidgetSetting {
    let accounts = listing.accounts().into_iter();
    WidgetSetting {
        endpoint: ENDPOINT.to_owned(),
        links: Links::default(),
        account_names: BTreeMap::new(),
        // IAM is not asked. An access key counts as foreign if its account has no cluster in the store.
        keys: KeySettings {
            account_id: String::new(),
            member_accounts: accounts.map(str::to_owned).collect(),
            dormant_days: DORMANT_DAYS,
            canaries: BTreeSet::new(),
        },
        locale: Locale::default(),
        decides: true,
        // In a trail of the past most has recovered by now, because it ends.
        default_show: if is_past { Show::All } else { Show::Open },
        is_past,
        // All events are read, and how long a stack keeps them is known to the stack alone.
        retention_days: None,
        as_of,
        now,
    }
}

fn versions(path: &Path) -> FileVersions {
    let mut write_ahead = OsString::from(path);
    write_ahead.push("-wal");
    let of = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    vec![of(path), of(Path::new(&write_ahead))]
}
