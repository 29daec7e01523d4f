//! The verb that answers a dashboard: it reads what is asked for, and returns it as a piece of HTML.
//!
//! Nothing is scanned: a list is made of what the inspection has left and the hours since, a cluster of
//! its own items and the hours in which it failed.

mod deciding;
mod file;
pub mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::links::Links;
use clusters::campaign::{Occurrence, occurrences};
use clusters::fingerprint::ClusterId;
use clusters::journal::JournalEntry;
use clusters::keys::KeySettings;
use clusters::transition::Transition;
use clusters::triage::{Triage, TriageStatus};
use records::time::{Timestamp, Window};
use view::dashboard::list::List;
use view::dashboard::{DESCRIPTION, Frame};
use view::listing::{ListQuery, ListedCluster, Listing};

use crate::ports::{
    BucketError, ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore,
};
use crate::widget::request::{Context, WidgetAction, WidgetRequest};

/// How many hours are read that the inspection has not taken yet. It is behind by two at most where
/// nothing is wrong.
const LIVE_HOURS_MAX: i64 = 6;

/// What holds for all answers.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What the dashboard calls again: the ARN of the function.
    pub endpoint: String,
    /// Where links lead to.
    pub links: Links,
    /// What people call accounts.
    pub account_names: BTreeMap<String, String>,
    /// What is decided about access keys.
    pub keys: KeySettings,
    /// Whether something may be decided.
    pub decides: bool,
    /// Until when events are shown: where they are of the past, the end of it.
    pub as_of: Timestamp,
    /// What time it is.
    pub now: Timestamp,
}

/// What a dashboard shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WidgetResponse {
    /// A piece of HTML.
    Html(String),
    /// Markdown.
    Markdown(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WidgetError {
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The bucket does not answer, or may not be asked.
    #[error("the list of clusters cannot be read: {0}")]
    Bucket(#[from] BucketError),
}

/// What is known before anything is asked for.
#[derive(Debug, Clone)]
pub struct StoreState {
    /// All clusters, as the inspection left them.
    pub listing: Listing,
    /// What happened to them, of a store that nobody notes it in.
    journals: BTreeMap<ClusterId, Vec<JournalEntry>>,
}

impl From<Listing> for StoreState {
    fn from(listing: Listing) -> Self {
        Self {
            listing,
            journals: BTreeMap::new(),
        }
    }
}

impl StoreState {
    /// Notes what happened to clusters.
    pub fn note(&mut self, story: &[Transition]) {
        for transition in story {
            if let (Some(id), Some(entry)) =
                (transition.cluster, JournalEntry::of_transition(transition))
            {
                self.journals.entry(id).or_default().push(entry);
            }
        }
    }
}

/// Clusters as they are now.
struct Now {
    listing: Listing,
    journals: BTreeMap<ClusterId, Vec<JournalEntry>>,
    /// The events that are not in what the inspection has left.
    live: Vec<Occurrence>,
    /// What is missing, in sentences.
    missing: Vec<String>,
}

/// What an answer is made with.
struct WidgetHandler<'a, S> {
    store: &'a S,
    setting: &'a Setting,
    context: &'a Context,
}

/// Answers the event of a custom widget. All clusters are asked for where they are needed.
///
/// # Errors
/// [`WidgetError`] where something does not answer; a wrong event is answered with a sentence.
pub async fn answer<S>(
    event: &str,
    store: &S,
    known: impl AsyncFnOnce() -> Result<StoreState, WidgetError>,
    setting: &Setting,
) -> Result<WidgetResponse, WidgetError>
where
    S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog,
{
    let (action, context) = match WidgetRequest::parse(event) {
        Ok(WidgetRequest { action, context }) => (action, context),
        Err((wrong, context)) => {
            let frame = frame(setting, &context);
            return Ok(WidgetResponse::Html(frame.sentence(&wrong.to_string())));
        }
    };
    let handler = WidgetHandler {
        store,
        setting,
        context: &context,
    };
    if action == WidgetAction::Describe {
        return Ok(WidgetResponse::Markdown(DESCRIPTION.to_owned()));
    }
    let now = handler.now(known().await?).await?;
    let html = match action {
        WidgetAction::Describe => DESCRIPTION.to_owned(),
        WidgetAction::List(question) => handler.list(now, &question).await?,
        WidgetAction::Open(cluster) => handler.open(cluster, now, None).await?,
        WidgetAction::Export(cluster) => handler.export(cluster, now).await?,
        WidgetAction::Decide(deciding) => handler.decide(&deciding, now).await?,
    };
    Ok(WidgetResponse::Html(html))
}

/// Returns what a dashboard shows where there is no answer.
pub fn sorry(setting: &Setting, failure: &WidgetError) -> WidgetResponse {
    let sentence = match failure {
        WidgetError::Store(_) => {
            "The clusters cannot be read now. Try again; the reason is in the log of this function."
        }
        WidgetError::Bucket(_) => {
            "The list of clusters cannot be read now. Try again; the reason is in the log of this function."
        }
    };
    WidgetResponse::Html(frame(setting, &Context::default()).sentence(sentence))
}

fn frame<'a>(setting: &'a Setting, context: &Context) -> Frame<'a> {
    Frame {
        endpoint: &setting.endpoint,
        is_dark: context.is_dark,
        account_names: &setting.account_names,
    }
}

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    fn frame(&self) -> Frame<'_> {
        frame(self.setting, self.context)
    }

    /// Brings a list up to date.
    async fn now(&self, known: StoreState) -> Result<Now, StoreError> {
        let StoreState {
            mut listing,
            journals,
        } = known;
        let last = self.setting.as_of.window();
        let first = listing.until.max(last.plus(1 - LIVE_HOURS_MAX));
        let mut missing = Vec::new();
        if first > listing.until {
            let (from, until) = (listing.until.start(), first.start());
            missing.push(format!(
                "The inspection is behind: events from {from} to {until} are not in this list."
            ));
        }
        let windows: Vec<Window> = (first.hours()..=last.hours())
            .map(Window::from_hours)
            .collect();
        let known = |cluster| {
            let listed = listing.clusters.get(&cluster);
            listed.map(|of: &ListedCluster| Arc::clone(&of.subject))
        };
        let hour = self.store.hours(&windows, &known).await?;
        if !hour.damaged.is_empty() {
            missing.push("Some events of the last hours cannot be read.".to_owned());
        }
        let live = occurrences(&hour.events, &hour.subjects);
        let undated = self.store.undated(&known).await?;
        if !undated.damaged.is_empty() {
            missing.push("Some events without a time cannot be read.".to_owned());
        }
        listing.meet(&live, &self.store.resolutions().await?);
        let subject = |cluster| undated.subjects.get(&cluster).cloned();
        listing.meet_undated(undated.events.iter().map(|(_, seen)| seen), subject);
        Ok(Now {
            listing,
            journals,
            live,
            missing,
        })
    }

    async fn list(&self, now: Now, question: &ListQuery) -> Result<String, StoreError> {
        let page = now.listing.ask(question);
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
            question,
            triages: triages.collect(),
            facts: facts.map(|(id, of)| (*id, &*of.cluster.facts)).collect(),
            accounts: now.listing.accounts(),
            as_of: self.setting.as_of,
            missing: now.missing,
            page,
        };
        Ok(list.html())
    }

    /// Tells whether a triage holds, as far as that is known from a list.
    fn triage_status<'m>(&self, triage: &'m Triage, listed: &ListedCluster) -> TriageStatus<'m> {
        let ended = triage.ends(&listed.observation(self.setting.now));
        TriageStatus { triage, ended }
    }
}
