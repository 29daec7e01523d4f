//! Says what is told: how serious it is and why, what to do about it, and what each kind of sink is sent.
//!
//! An [`Occasion`] is why something is told, and small enough to wait in the outbox. An [`Alert`] is
//! made of it when it is sent, so that a message that waited for a day says what is known by then.
//!
//! The modules, in reading order:
//!
//! - `occasion` is why something is told, with an id made of what happened.
//! - `evidence` is what goes along with an occasion, because it cannot be looked up later.
//! - `outbox` has the rows that wait, who works on them until when, and what an attempt to send came to.
//! - `severity` is a sum of terms, each printed with its points and its reason.
//! - `hint` says what to do, in one or two sentences. It never proposes a policy.
//! - `text` writes a message in English or Chinese; our words and those of callers stay apart.
//! - `safe` says what the text of callers becomes in each form, so that it stays text.
//! - `links` makes the only links there are: to the consoles of AWS and Guance.
//! - `message` is an alert for SNS, `detail` one for EventBridge, in the shape that `docs/events` promises.
//! - `guance` is an alert for Guance and TrueWatch: its sites and routes, the forms it takes, and what its answers mean.

pub mod detail;
pub mod evidence;
pub mod guance;
pub mod hint;
pub mod links;
pub mod message;
pub mod occasion;
pub mod outbox;
pub mod safe;
pub mod severity;
pub mod text;

use clusters::Cluster;
use clusters::keys::KeyReport;
use records::time::EventTime;

use crate::evidence::Evidence;
use crate::occasion::{Kind, Occasion};
use crate::severity::{Assessment, Severity};

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
    /// What was looked at, or what the occasion is about where that is no cluster, in event time: from
    /// the first second on.
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
    /// Makes an alert about a cluster: as loud as the cluster is, partial if a key's last use should
    /// be known and is not, and with nothing suppressed before it. `range` is what was looked at, up
    /// to before its second moment; `cluster` holds what was seen within.
    pub fn of_cluster(
        occasion: Occasion,
        cluster: Cluster,
        first_seen: Option<EventTime>,
        range: Option<(EventTime, EventTime)>,
        account_errors: u64,
        keys: Vec<KeyReport>,
        account_name: Option<String>,
    ) -> Self {
        Self {
            severity: severity::of_cluster(&cluster),
            cluster: Some(cluster),
            first_seen,
            from: range.map(|(from, _)| from),
            until: range.map(|(_, until)| until),
            account_errors,
            ..Self::of_account(occasion, keys, account_name)
        }
    }

    /// Makes an alert that is about no single cluster, or about one that is no longer kept. What it
    /// says of a range of time is in the occasion's evidence.
    pub fn of_account(
        occasion: Occasion,
        keys: Vec<KeyReport>,
        account_name: Option<String>,
    ) -> Self {
        let is_partial = keys.iter().any(|key| key.is_missing);
        let evidence = occasion.evidence();
        let range = evidence.as_ref().and_then(Evidence::range);
        let account_errors = match &evidence {
            Some(Evidence::Summary(summary)) => summary.errors,
            _ => 0,
        };
        Self {
            severity: severity::of_occasion(&occasion),
            occasion,
            account_name,
            cluster: None,
            first_seen: None,
            from: range.map(|(from, _)| from),
            until: range.map(|(_, until)| until),
            account_errors,
            keys,
            enrichment: if is_partial {
                Enrichment::Partial
            } else {
                Enrichment::Full
            },
            suppressed: 0,
        }
    }

    /// Returns how many events of the cluster there were in what was looked at.
    pub fn count(&self) -> u64 {
        self.cluster
            .as_ref()
            .map_or(0, |cluster| cluster.span.count)
    }

    /// Returns how many events it tells of: what the occasion says, or else [`Self::count`].
    pub fn events(&self) -> u64 {
        let told = self.occasion.evidence().and_then(|of| of.events());
        told.unwrap_or_else(|| self.count())
    }

    /// Returns when it happened: what showed it, or else the latest event that is known.
    pub fn at(&self) -> Option<EventTime> {
        let last = || self.cluster.as_ref()?.span.last_seen;
        self.occasion.at.or_else(last).or(self.until)
    }

    /// Returns when the trouble began that this belongs to. The occasion's evidence says so; without
    /// that it is when the cluster was first seen in its first life, and in a later one when it was
    /// first seen in what was looked at.
    pub fn fault_start(&self) -> Option<EventTime> {
        let told = self.occasion.evidence().and_then(|of| of.fault_start());
        let within = || self.cluster.as_ref()?.span.first_seen;
        let seen = match (self.occasion.kind, self.occasion.epoch) {
            (Kind::Regressed, _) => self.occasion.at,
            (_, ..=1) => self.first_seen,
            _ => None,
        };
        told.or(seen).or_else(within).or_else(|| self.at())
    }

    /// Returns for how many seconds the trouble has lasted, as of when this happened.
    pub fn fault_seconds(&self) -> i64 {
        let lasted = self.at().zip(self.fault_start());
        lasted.map_or(0, |(at, start)| at.seconds_since(start).max(0))
    }

    /// Returns how loud it is.
    pub fn level(&self) -> Severity {
        self.severity.severity
    }
}
