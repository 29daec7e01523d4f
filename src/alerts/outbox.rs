//! The outbox: alerts that wait, who has them until when, and what became of an attempt to send.
//!
//! A row is one alert for one sink. It is written in the transaction that makes the alert true
//! and goes away in the one that notes what became of it, so that a crash between sending and
//! noting repeats a message, under the same id, and loses none.

use std::cmp::Ordering;

use clusters::fingerprint::ClusterId;
use clusters::triage::{Observation, Triage};
use records::time::Timestamp;

use crate::alert::{Alert, AlertId};
use crate::kind::AlertKind;

/// One alert that one sink is to be told of. Times are those of our clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Which sink.
    pub sink: String,
    /// What is told.
    pub alert: Alert,
    /// When the row was written.
    pub created: Timestamp,
    /// From when on it is to be sent.
    pub due: Timestamp,
    /// Until when somebody has it, if somebody has had it at all.
    pub leased_until: Option<Timestamp>,
    /// How often it was tried and counted against it.
    pub attempts: i64,
    /// Why it was put off last; empty at first. Never holds a token.
    pub why: String,
}

/// Who is working on a row, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder, a text that nobody else has.
    pub holder: String,
    /// When it was taken.
    pub now: Timestamp,
    /// Until when it is held.
    pub until: Timestamp,
}

/// What becomes of the silence of a cluster for a sink when a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceChange {
    /// It stays as it is, and what is held back is counted on.
    Unchanged,
    /// What is held back is counted anew.
    Anew {
        /// Until when further alerts are held back, if they are.
        until: Option<Timestamp>,
    },
}

/// What becomes of a row that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The sink took it.
    Sent {
        /// What the sink answered, short.
        answer: String,
        /// What becomes of the silence of its cluster for this sink.
        silence: SilenceChange,
    },
    /// It is held back by a policy or by silence; counted in the next message.
    Suppressed,
    /// It went into a digest with others.
    Digested,
    /// It is tried again from a moment on.
    Later {
        /// The moment.
        due: Timestamp,
        /// Why.
        why: String,
        /// Whether the attempt counts against it.
        counts: bool,
    },
    /// It cannot be sent however often it is tried; it is kept to look at.
    Dead {
        /// Why.
        why: String,
    },
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// When that was, by our clock.
    pub at: Timestamp,
    /// The sink.
    pub sink: String,
    /// What it was about, by the stable name of its kind.
    pub kind: String,
    /// What became of it: the sink's answer, or why it was not sent.
    pub outcome: String,
}

/// What stands in the way of a sink. Times are those of our clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// How many requests in a row failed for want of the sink.
    pub failures: i64,
    /// Until when nothing is sent but one probe a minute.
    pub open_until: Option<Timestamp>,
    /// When the next probe may be sent.
    pub probe_from: Option<Timestamp>,
    /// Whether it is the settings that are wrong: a person has to do something.
    pub is_misconfigured: bool,
    /// What the sink answered last; empty when all is well. Never holds a token.
    pub why: String,
}

/// A cluster that is silent for a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Until when; `None` where alerts were held back and none was ever sent.
    pub until: Option<Timestamp>,
    /// How many alerts were held back since the last one that was sent.
    pub suppressed: u64,
}

/// What may hold alerts of a cluster back from a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendingLimits {
    /// That the sink was told lately.
    pub silence: Option<Silence>,
    /// What a person decided.
    pub triage: Option<Triage>,
}

/// What a sink answers to one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAnswer {
    /// It has it.
    Accepted(String),
    /// Something in the request is wrong: with several alerts in it, send fewer to find which.
    Rejected(String),
    /// The request is too long: send fewer, or less of it.
    TooLong(String),
    /// The settings are wrong, or the secret is: a person has to do something.
    Refused(String),
    /// Not now: after so many seconds, if it says so.
    Busy {
        /// The seconds, as it said.
        after: Option<i64>,
        /// What it says.
        why: String,
    },
    /// It cannot be reached or does not work.
    Unreachable(String),
}

/// How much one request to a sink takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Alerts.
    pub alerts: usize,
    /// Beyond how many waiting alerts one digest is sent instead; `None` where every alert counts.
    pub digest_beyond: Option<usize>,
}

impl OutboxRow {
    /// Returns a new row.
    pub fn new(sink: &str, alert: Alert, now: Timestamp) -> Self {
        Self {
            sink: sink.to_owned(),
            alert,
            created: now,
            due: now,
            leased_until: None,
            attempts: 0,
            why: String::new(),
        }
    }

    /// Returns the id of the message: one for each alert and sink.
    pub fn id(&self) -> AlertId {
        self.alert.id().for_sink(&self.sink)
    }

    /// Returns what keeps its order: its cluster, or its account where it is about none.
    pub fn ordering_key(&self) -> OrderingKey<'_> {
        match self.alert.cluster() {
            Some(cluster) => OrderingKey::Cluster(cluster),
            None => OrderingKey::Account(self.alert.account_id()),
        }
    }

    /// Sorts rows by when they were written, and of those written in the same second, what opened an
    /// episode of a cluster before what happened in it.
    pub fn sort(rows: &mut [Self]) {
        rows.sort_by(Self::in_order);
    }

    /// Tells which of two rows comes first.
    pub fn in_order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| {
            let opens = matches!(row.alert.kind(), AlertKind::New | AlertKind::Regressed);
            (row.created, row.alert.subject.number(), !opens)
        };
        // Of what is told at once the order has no meaning, but is always the same.
        let rest = |row: &Self| {
            let Alert { subject, at, .. } = &row.alert;
            (row.alert.kind(), subject.clone(), row.alert.about(), *at)
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| rest(self).cmp(&rest(other)))
    }

    /// Tells whether somebody may take it at a moment.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.due <= now && self.leased_until.is_none_or(|until| until < now)
    }
}

impl SendingLimits {
    /// Tells whether an alert is held back at a moment: by a triage, or by silence, through
    /// which ends pass.
    pub fn holds_back(&self, alert: &Alert, now: Timestamp) -> bool {
        let is_silent = self
            .silence
            .is_some_and(|silence| silence.until > Some(now));
        let seen = Observation {
            episode: Some(alert.subject.number()),
            is_escalating: alert.kind() == AlertKind::Escalating,
            ..Observation::at(now)
        };
        let is_triaged = self
            .triage
            .as_ref()
            .is_some_and(|triage| !triage.is_told(&seen));
        is_triaged || (is_silent && !alert.is_end())
    }
}

/// What keeps the order of alerts: those with one ordering key are sent one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderingKey<'r> {
    /// Alerts of one cluster.
    Cluster(ClusterId),
    /// Alerts of one account that are about no cluster.
    Account(&'r str),
}
