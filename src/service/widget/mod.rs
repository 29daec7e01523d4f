//! The verb that answers a custom widget of a CloudWatch dashboard with a page of HTML.
//!
//! The store is never scanned. The page of an account is made of the list alone; that of a caller also of some of the hours
//! in which the caller may have been seen. A list of clusters and sensitive calls comes from the listing that the last inspection
//! stored, and from the events of the hours since. The page of a cluster comes from its own items and the hours in which
//! it failed; that of a sensitive call from the same.

mod account;
mod call;
mod caller;
mod deciding;
mod file;
mod incident;
pub mod request;
pub mod status;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerts::links::Links;
use alerts::locale::Locale;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::journal::JournalEntry;
use clusters::keys::KeySettings;
use clusters::occurrence::{Occurrence, occurrences};
use clusters::transition::Transition;
use clusters::triage::{Triage, TriageStatus};
use records::time::{Timestamp, Window};
use view::dashboard::calls::{CallList, SECTION_ROWS_MAX};
use view::dashboard::list::List;
use view::dashboard::top::TOP_MAX;
use view::dashboard::{Frame, description};
use view::listing::{ListQuery, ListedCluster, Listing, PAGE, Show};

use crate::ports::{
    BucketError, ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore,
};
use crate::widget::request::{Context, ListRequest, WidgetAction, WidgetRequest};

/// The highest number of hours that are read because the inspection has not processed them yet. An inspection without
/// problems is two hours behind at most.
const LIVE_HOURS_MAX: i64 = 6;

/// The highest number of incidents whose clusters are folded: as many as the list of incidents shows.
const FOLDED_INCIDENTS_MAX: usize = 10;

/// The settings and times that all pages of one answer to a dashboard share.
#[derive(Debug, Clone)]
pub struct WidgetSetting {
    /// The ARN of the function that the dashboard calls when a person clicks on a page.
    pub endpoint: String,
    /// The AWS region and the log group that links on the pages lead to, in the CloudWatch console.
    pub links: Links,
    /// The names under which the pages show AWS accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The settings for access keys, such as the canary keys.
    pub keys: KeySettings,
    /// Whether people may make decisions about clusters, such as to mute a cluster.
    pub decides: bool,
    /// The language of pages for a reader whose language is neither English nor Chinese, and the time zone of a reader
    /// whose time zone is not known.
    pub locale: Locale,
    /// The filter by status of a list for which none is chosen.
    pub default_show: Show,
    /// Whether the store is a file, which gets no events by itself.
    pub is_past: bool,
    /// For how many days events are kept; `None` if that is not known, or if they are kept for good, as in a file.
    pub retention_days: Option<u16>,
    /// The latest moment that the pages show, in event time: the current time, or the time of the last event of an old
    /// trail.
    pub as_of: Timestamp,
    /// The current time by the local clock. It shows which decisions have ended.
    pub now: Timestamp,
}

/// The answer to the request of a custom widget, which the dashboard displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WidgetResponse {
    /// A page of HTML without a script.
    Html(String),
    /// The description of the widget in Markdown.
    Markdown(String),
}

/// Why a request of a dashboard cannot be answered. To try again may help.
#[derive(Debug, thiserror::Error)]
pub enum WidgetError {
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The bucket does not answer, or does not permit the call.
    #[error("the list of clusters cannot be read: {0}")]
    Bucket(#[from] BucketError),
}

/// The state of all clusters after the last inspection.
///
/// Created from a [`Listing`]. If the store has no journals of clusters, such as a store in a file, add the transitions
/// with [`StoreState::note`].
#[derive(Debug, Clone)]
pub struct StoreState {
    /// The list of all clusters, as stored by the last inspection.
    pub listing: Listing,
    /// The incidents, the most severe first; `None` if they could not be found.
    pub incidents: Option<Vec<Incident>>,
    /// Journal entries by cluster, for a store that does not store them itself.
    journals: BTreeMap<ClusterId, Vec<JournalEntry>>,
    /// The number of events in each hour of the life of each cluster, oldest first; `None` if the store was not read whole.
    pub lives: Option<Arc<Lives>>,
}

/// The number of events in each hour in which a cluster had events, oldest first, by cluster.
pub type Lives = BTreeMap<ClusterId, Vec<(Window, u64)>>;

impl From<Listing> for StoreState {
    fn from(listing: Listing) -> Self {
        Self {
            listing,
            incidents: Some(Vec::new()),
            journals: BTreeMap::new(),
            lives: None,
        }
    }
}

impl StoreState {
    /// Adds an item to the journal of a cluster for each transition of the cluster. Transitions of accounts are
    /// ignored.
    pub fn note(&mut self, transitions: &[Transition]) {
        for transition in transitions {
            if let (Some(id), Some(entry)) =
                (transition.cluster, JournalEntry::of_transition(transition))
            {
                self.journals.entry(id).or_default().push(entry);
            }
        }
    }
}

/// The state of all clusters now: the last inspection with the events since.
struct Now {
    listing: Listing,
    incidents: Vec<Incident>,
    journals: BTreeMap<ClusterId, Vec<JournalEntry>>,
    /// The events since the last inspection.
    live: Vec<Occurrence>,
    /// One sentence for each part of the data that is missing.
    missing: Vec<String>,
    lives: Option<Arc<Lives>>,
}

impl Now {
    /// Returns the number of events in each hour of the life of a cluster, oldest first; `None` if the store was not read
    /// whole.
    fn life(&self, id: ClusterId) -> Option<Vec<(Window, u64)>> {
        let until = self.listing.until;
        let known = self.lives.as_ref()?.get(&id).map(Vec::as_slice);
        let known = known.unwrap_or_default().iter();
        let known = known.filter(|(hour, _)| *hour < until);
        let mut hours: BTreeMap<Window, u64> = known.copied().collect();
        let live = self.live.iter().filter(|of| of.series.cluster == id);
        for occurrence in live.filter(|of| of.at.window() >= until) {
            *hours.entry(occurrence.at.window()).or_default() += 1;
        }
        Some(hours.into_iter().collect())
    }

    /// Returns the number of events of all clusters from the first to the last of some hours, as far as they are known.
    fn events_beside(&self, hours: &[(Window, u64)]) -> u64 {
        let (Some((first, _)), Some((last, _))) = (hours.first(), hours.last()) else {
            return 0;
        };
        let all = self.lives.iter().flat_map(|of| of.values().flatten());
        let between = all.filter(|(hour, _)| (first..=last).contains(&hour));
        between.map(|(_, count)| count).sum()
    }
}

/// How the page of a cluster or sensitive call is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View<'a> {
    /// In a window above the dashboard.
    InWindow,
    /// In a window, after a decision, with a sentence about its result.
    Decided(&'a str),
    /// In place of the list, with a button that leads back.
    InWidget,
}

impl<'a> View<'a> {
    /// Returns the sentence about the result of a decision, if there was one.
    fn notice(self) -> Option<&'a str> {
        match self {
            Self::Decided(notice) => Some(notice),
            Self::InWindow | Self::InWidget => None,
        }
    }
}

alerts::words! {
    /// The sentences about data that cannot be read.
    struct NowWords {
        no_incidents: "The incidents cannot be read now; the reason is in the log of this function.", "目前无法读取安全事件；原因见此函数的日志。";
        behind: "The inspection is behind: events from {from} to {until} are not in this list.", "巡检滞后：{from} 至 {until} 的事件不在此列表中。";
        damaged: "Some events of the last hours cannot be read.", "最近几小时的部分事件无法读取。";
        undated: "Some events without a time cannot be read.", "部分没有时间的事件无法读取。";
        undated_calls: "Sensitive calls without a time are not in this list: {count}. The command calls list shows them.", "没有时间的敏感操作不在此列表中：{count} 个。命令 calls list 可显示。";
        no_store: "The clusters cannot be read now. Try again; the reason is in the log of this function.", "目前无法读取聚类。请重试；原因见此函数的日志。";
        no_bucket: "The list of clusters cannot be read now. Try again; the reason is in the log of this function.", "目前无法读取聚类列表。请重试；原因见此函数的日志。";
    }
}

/// The store, settings and context of one request.
struct WidgetHandler<'a, S> {
    store: &'a S,
    setting: &'a WidgetSetting,
    context: &'a Context,
}

/// Answers a request of a custom widget. `event` is the JSON text of the request.
///
/// `state` returns the clusters at the last inspection, and the incidents, among them the one whose id it gets; it is called only
/// if the answer needs them. A request that is
/// not valid is answered with a sentence that explains the problem.
///
/// # Errors
/// [`WidgetError`] if the store or the bucket does not answer. [`error_page`] makes a page of it.
pub async fn answer<S>(
    event: &str,
    store: &S,
    state: impl AsyncFnOnce(Option<&str>) -> Result<StoreState, WidgetError>,
    setting: &WidgetSetting,
) -> Result<WidgetResponse, WidgetError>
where
    S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog,
{
    let (action, context) = match WidgetRequest::parse(event, setting) {
        Ok(WidgetRequest { action, context }) => (action, context),
        Err((error, context)) => {
            let frame = frame(setting, &context);
            return Ok(WidgetResponse::Html(frame.sentence(&error.to_string())));
        }
    };
    let handler = WidgetHandler {
        store,
        setting,
        context: &context,
    };
    if action == WidgetAction::Describe {
        let language = context.locale(setting.locale).language;
        let description = description(language, !setting.is_past);
        return Ok(WidgetResponse::Markdown(description));
    }
    let now = handler.now(state(action.incident()).await?).await?;
    if let Some(word) = action.word() {
        if let Some(html) = handler.incident(word, &now, true) {
            return Ok(WidgetResponse::Html(html));
        }
        if let Some(id) = handler.searched(word, &now).await? {
            let html = handler.open(id, now, View::InWidget).await?;
            return Ok(WidgetResponse::Html(html));
        }
    }
    let html = match action {
        WidgetAction::Describe => String::new(),
        WidgetAction::List(request) => handler.list(now, request).await?,
        WidgetAction::OpenCaller(request) => handler.open_caller(&request, &now).await?,
        WidgetAction::OpenAccount(account_id) => handler.open_account(&account_id, &now),
        WidgetAction::Calls(query) => handler.calls(now, &query),
        WidgetAction::Open(cluster) => handler.open(cluster, now, View::InWindow).await?,
        WidgetAction::Export(cluster) => handler.export(cluster, now).await?,
        WidgetAction::OpenIncident(id) => handler.open_incident(&id, &now),
        WidgetAction::ExportIncident(id) => handler.export_incident(&id, &now),
        WidgetAction::Decide(request) => handler.decide(&request, now).await?,
    };
    Ok(WidgetResponse::Html(html))
}

/// Returns the page that a dashboard shows if a request cannot be answered. It asks the person to try again.
pub fn error_page(setting: &WidgetSetting, failure: &WidgetError) -> WidgetResponse {
    let words = NowWords::of(setting.locale.language);
    let sentence = match failure {
        WidgetError::Store(_) => words.no_store,
        WidgetError::Bucket(_) => words.no_bucket,
    };
    WidgetResponse::Html(frame(setting, &Context::default()).sentence(sentence))
}

fn frame<'a>(setting: &'a WidgetSetting, context: &Context) -> Frame<'a> {
    Frame {
        endpoint: &setting.endpoint,
        is_dark: context.is_dark,
        locale: context.locale(setting.locale),
        account_names: &setting.account_names,
    }
}

impl<S> WidgetHandler<'_, S> {
    fn frame(&self) -> Frame<'_> {
        frame(self.setting, self.context)
    }
}

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    /// Adds the events since the last inspection to the state.
    async fn now(&self, state: StoreState) -> Result<Now, StoreError> {
        let StoreState {
            mut listing,
            incidents,
            journals,
            lives,
        } = state;
        let last = self.setting.as_of.window();
        let first = listing.until.max(last.plus(1 - LIVE_HOURS_MAX));
        let mut missing = Vec::new();
        let words = NowWords::of(self.context.locale(self.setting.locale).language);
        if incidents.is_none() {
            missing.push(words.no_incidents.to_owned());
        }
        let incidents = incidents.unwrap_or_default();
        if first > listing.until {
            let (from, until) = (listing.until.start(), first.start());
            let locale = self.context.locale(self.setting.locale);
            let behind = words.behind.replace("{from}", &locale.moment(from));
            missing.push(behind.replace("{until}", &locale.moment(until)));
        }
        let windows: Vec<Window> = (first.hours()..=last.hours())
            .map(Window::from_hours)
            .collect();
        let cached = |cluster| listing.subject(cluster).map(Arc::clone);
        let hour = self.store.hours(&windows, &cached).await?;
        if !hour.damaged.is_empty() {
            missing.push(words.damaged.to_owned());
        }
        let live = occurrences(&hour.events, &hour.subjects);
        let undated = self.store.undated(&cached).await?;
        if !undated.damaged.is_empty() {
            missing.push(words.undated.to_owned());
        }
        listing.meet(&live, &self.store.resolutions().await?);
        let subject = |cluster| undated.subjects.get(&cluster).cloned();
        let undated_calls = undated.events.iter().filter(|(_, seen)| seen.watched);
        let undated_calls: BTreeSet<ClusterId> = undated_calls
            .map(|(_, seen)| seen.series.cluster)
            .filter(|id| !listing.calls.contains_key(id))
            .collect();
        if !undated_calls.is_empty() {
            let count = undated_calls.len().to_string();
            missing.push(words.undated_calls.replace("{count}", &count));
        }
        listing.add_undated(undated.events.iter().map(|(_, seen)| seen), subject);
        Ok(Now {
            listing,
            incidents,
            journals,
            live,
            missing,
            lives,
        })
    }

    async fn list(&self, now: Now, request: ListRequest) -> Result<String, StoreError> {
        let ListRequest {
            mut query,
            is_unfolded,
        } = request;
        let is_first = query.page <= 1;
        let incidents = match is_first || !query.is_narrowed() {
            true => now.listing.ask_incidents(&query, now.incidents),
            false => Vec::new(),
        };
        if !query.is_narrowed() {
            let folding = incidents.iter().take(FOLDED_INCIDENTS_MAX);
            query.folded = folding.flat_map(|of| of.clusters.iter().copied()).collect();
        }
        let is_unfolded = is_unfolded && !query.folded.is_empty();
        if is_unfolded {
            query.folded.clear();
        }
        query.decisions = self.decisions(&query, &now.listing).await?;
        let query = &query;
        let page = now.listing.ask(query);
        let clusters: Vec<_> = page.rows.iter().map(|(id, _)| *id).collect();
        let cluster_details_of = self.store.cluster_details_of(&clusters).await?;
        let versioned = self.store.triages(&clusters).await?;
        let triages = page.rows.iter().filter_map(|(id, listed)| {
            let triage = versioned.get(id)?.triage.as_ref()?;
            Some((*id, self.triage_status(triage, listed)))
        });
        let facts = cluster_details_of.iter();
        let list = List {
            frame: self.frame(),
            question: query,
            triages: triages.collect(),
            facts: facts.map(|(id, of)| (*id, &*of.cluster.facts)).collect(),
            as_of: self.setting.as_of,
            missing: now.missing,
            is_empty: now.listing.clusters.is_empty() && now.listing.calls.is_empty(),
            is_past: self.setting.is_past,
            is_unfolded,
            frequent: match query.show {
                Show::Open | Show::All if !query.is_narrowed() && page.number == 1 => {
                    now.listing.most_frequent(query.range, TOP_MAX)
                }
                _ => Vec::new(),
            },
            incidents: if page.number == 1 { &incidents } else { &[] },
            calls: (page.number == 1).then(|| now.listing.ask_calls(query, SECTION_ROWS_MAX)),
            page,
        };
        Ok(list.html())
    }

    /// Returns the names of the decisions that hold about the clusters that a query may find; `None` if decisions do not matter
    /// to it, because they are read one by one.
    async fn decisions(
        &self,
        query: &ListQuery,
        listing: &Listing,
    ) -> Result<Option<BTreeMap<ClusterId, &'static str>>, StoreError> {
        if !query.is_about_decisions() {
            return Ok(None);
        }
        let versioned = self.store.triages(&listing.candidates(query)).await?;
        let holding = versioned.iter().filter_map(|(id, versioned)| {
            let listed = listing.clusters.get(id)?;
            let status = self.triage_status(versioned.triage.as_ref()?, listed);
            Some((*id, status.word()?))
        });
        Ok(Some(holding.collect()))
    }

    fn calls(&self, now: Now, query: &ListQuery) -> String {
        let list = CallList {
            frame: self.frame(),
            question: query,
            page: now.listing.ask_calls(query, PAGE),
            choices: now.listing.ask(query).choices,
            as_of: self.setting.as_of,
            missing: now.missing,
            is_past: self.setting.is_past,
        };
        list.html()
    }

    /// Returns the id of the cluster or sensitive call that a person searches for. `None` if anything but the whole id of
    /// one that exists is searched for.
    async fn searched(&self, word: &str, now: &Now) -> Result<Option<ClusterId>, StoreError> {
        let Some(id) = ClusterId::parse(word) else {
            return Ok(None);
        };
        let exists = now.listing.subject(id).is_some()
            || !self.store.cluster_details_of(&[id]).await?.is_empty();
        Ok(exists.then_some(id))
    }

    /// Returns a triage with the reason why it has ended, if it has, as far as the list of clusters shows that.
    fn triage_status<'m>(&self, triage: &'m Triage, listed: &ListedCluster) -> TriageStatus<'m> {
        let ended = triage.ends(&listed.observation(self.setting.now));
        TriageStatus { triage, ended }
    }
}
