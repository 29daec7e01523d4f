//! What we tell: an alert with everything that a message about it says, how loud it is and why, and
//! what to do about it, in words.
//!
//! An [`Occasion`] is why something is told, and small enough to wait in the outbox. An [`Alert`] is
//! made of it when it is sent, so that a message that waited for a day says what is known by then.

pub mod hint;
pub mod occasion;
pub mod severity;

use crate::alert::occasion::Occasion;
use crate::alert::severity::{Assessment, Severity};
use crate::cluster::Cluster;
use crate::keys::KeyReport;
use crate::trail::time::EventTime;

/// What is told: everything that any sink's message says, nothing rendered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Why it is told.
    pub occasion: Occasion,
    /// How loud, and why.
    pub severity: Assessment,
    /// What people call the account.
    pub account_name: Option<String>,
    /// The cluster that it is about, as of when it is sent: with what was looked at between
    /// [`Self::from`] and [`Self::until`]. `None` for an alert that is about no single cluster.
    pub cluster: Option<Cluster>,
    /// When the cluster was first seen at all, which may be before what was looked at.
    pub first_seen: Option<EventTime>,
    /// What was looked at, in event time: from the first second on.
    pub from: Option<EventTime>,
    /// Up to before this second.
    pub until: Option<EventTime>,
    /// How many errors the account had within it, whatever their cluster.
    pub account_errors: u64,
    /// The access keys that took part, the most frequent first.
    pub keys: Vec<KeyReport>,
    /// Whether all was found out that should be in it.
    pub enrichment: Enrichment,
    /// How many alerts of the same cluster were not sent to this sink since the last one.
    pub suppressed: u64,
}

/// Whether all was found out that should be in an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrichment {
    /// It was.
    Full,
    /// Something could not be looked up; the alert says what.
    Partial,
}

impl Enrichment {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
        }
    }
}

impl Alert {
    /// Returns how loud it is.
    pub fn level(&self) -> Severity {
        self.severity.severity
    }
}
