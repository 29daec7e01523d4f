//! The outbox: alerts that wait to be sent, the leases on them, and the results of sending.
//!
//! An outbox row is one alert for one sink. The transaction that stores the change also writes the
//! row, and the transaction that stores the result removes it. So a crash between sending and storing
//! the result sends the message again under the same id, and never loses one.

use std::cmp::Ordering;

use clusters::fingerprint::ClusterId;
use clusters::triage::{Observation, Triage};
use records::time::Timestamp;

use crate::alert::{Alert, AlertId};
use crate::kind::AlertKind;

/// One alert that waits to be sent to one sink. Times are of the local clock, not event times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The name of the sink.
    pub sink: String,
    /// The alert to send.
    pub alert: Alert,
    /// When the row was written.
    pub created: Timestamp,
    /// The earliest moment to send the alert.
    pub due: Timestamp,
    /// When the last lease on the row ends; `None` if the row has no lease.
    pub leased_until: Option<Timestamp>,
    /// The number of failed attempts that count towards giving the row up, such as rejections. Failures
    /// of the whole sink do not count.
    pub attempts: i64,
    /// Why sending was postponed last; empty at first. Never contains a secret.
    pub why: String,
}

/// A lease: the right of one sender to work on a row or to send a probe, until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The unique name of the holder: each run has its own.
    pub holder: String,
    /// When the lease begins: the time of the local clock when it was requested.
    pub now: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
}

/// How sending a message changes the [`SendingPause`] of its cluster for its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceChange {
    /// Nothing changes: neither its end nor its count of suppressed alerts.
    Unchanged,
    /// A new silence replaces the old one, and its count of suppressed alerts starts at 0.
    Replace {
        /// When the new silence ends; `None` if further alerts are not held back.
        until: Option<Timestamp>,
    },
}

/// The result of processing a leased row. Each result but [`Self::Later`] removes the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The sink accepted the alert.
    Sent {
        /// The sink's answer, shortened.
        answer: String,
        /// The change to the silence of the alert's cluster for this sink.
        silence: SilenceChange,
    },
    /// The alert is not sent, because of a policy, a silence, a triage decision or a campaign that covers
    /// it. The next message about the cluster contains the number of suppressed alerts.
    Suppressed,
    /// The alert was counted in a digest that was sent.
    Digested,
    /// The row stays, and the alert is tried again.
    Later {
        /// The earliest moment of the next attempt, by the local clock.
        due: Timestamp,
        /// Why the alert was not sent now.
        why: String,
        /// Whether the attempt is added to [`OutboxRow::attempts`].
        counts: bool,
    },
    /// The alert cannot be sent, and further attempts would not help. The store records it for people to
    /// read.
    Dead {
        /// Why the sink does not accept it.
        why: String,
    },
}

/// An entry of the log of messages: what happened to one alert for one sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageLogEntry {
    /// When the result was stored, by the local clock.
    pub at: Timestamp,
    /// The name of the sink.
    pub sink: String,
    /// The kind of the alert, by [`AlertKind::name`].
    pub kind: String,
    /// The sink's answer, or the reason why the alert was not sent.
    pub outcome: String,
}

/// The circuit breaker of a sink: whether requests are paused after failures. Times are of the local
/// clock. The default is a sink without failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// The number of consecutive requests that failed because of the sink, not because of an alert.
    pub failures: i64,
    /// While the breaker is open: the moment of the next probe, a single request that tests the sink.
    /// `None` while it is closed.
    pub open_until: Option<Timestamp>,
    /// The earliest moment of the next request; `None` if there is no need to wait.
    pub probe_from: Option<Timestamp>,
    /// Whether the settings or the secret of the sink are wrong, so that a person has to act.
    pub is_misconfigured: bool,
    /// The sink's last error; empty while it works. Never contains a secret.
    pub why: String,
}

/// A period in which a sink gets no further alerts of a cluster, because it got one recently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingPause {
    /// When the silence ends, by the local clock; `None` if it only counts suppressed alerts and holds none
    /// back.
    pub until: Option<Timestamp>,
    /// The number of alerts suppressed since the last one that was sent.
    pub suppressed: u64,
}

/// The stored reasons not to send alerts of one cluster to one sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendingLimits {
    /// The silence of the cluster for the sink, if there is one.
    pub silence: Option<SendingPause>,
    /// The triage decision on the cluster, if there is one.
    pub triage: Option<Triage>,
}

/// The answer of a sink to one alert. Each text is the sink's explanation, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAnswer {
    /// The sink has the alert.
    Accepted(String),
    /// The content of the request is wrong. If it has several alerts, send fewer to find the wrong one.
    Rejected(String),
    /// The request is too long: send fewer alerts.
    TooLong(String),
    /// The settings or the secret are wrong: a person has to correct them.
    Refused(String),
    /// The sink is rate limited or overloaded: try again later.
    Busy {
        /// The seconds to wait; `None` if the sink does not specify them.
        after: Option<i64>,
        /// The sink's explanation.
        why: String,
    },
    /// The sink cannot be reached or does not work: try again later.
    Unreachable(String),
}

/// The limits of one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The largest number of alerts in one request.
    pub alerts: usize,
    /// If more alerts than this wait, one digest is sent instead of them; `None` for no digests.
    pub digest_beyond: Option<usize>,
}

impl OutboxRow {
    /// Creates a row that is due at once: written now, without a lease and without attempts.
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

    /// Returns the id of the row and its message. It depends on the alert and the sink only.
    pub fn id(&self) -> AlertId {
        self.alert.id().for_sink(&self.sink)
    }

    /// Returns the key within which rows are sent in order: the cluster, or the account if the alert is
    /// not about a cluster.
    pub fn ordering_key(&self) -> OrderingKey<'_> {
        match self.alert.cluster() {
            Some(cluster) => OrderingKey::Cluster(cluster),
            None => OrderingKey::Account(self.alert.account_id()),
        }
    }

    /// Sorts rows in the order in which they are sent, as defined by [`Self::in_order`].
    pub fn sort(rows: &mut [Self]) {
        rows.sort_by(Self::in_order);
    }

    /// Compares two rows in the order in which they are sent: by the time of writing. In the same second,
    /// the alert that opens an episode comes before the other alerts of that episode.
    pub fn in_order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| {
            let opens = matches!(row.alert.kind(), AlertKind::New | AlertKind::Regressed);
            (row.created, row.alert.subject.number(), !opens)
        };
        // The order of the other rows of a second has no meaning, but is always the same.
        let rest = |row: &Self| {
            let Alert { subject, at, .. } = &row.alert;
            (row.alert.kind(), subject.clone(), row.alert.about(), *at)
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| rest(self).cmp(&rest(other)))
    }

    /// Returns `true` if the row is due and has no valid lease at `now`.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.due <= now && self.leased_until.is_none_or(|until| until < now)
    }
}

impl SendingLimits {
    /// Returns `true` if `alert` must not be sent at `now`: because of a triage decision, or because of a
    /// silence. Alerts that end something (see [`Alert::is_end`]) are not affected by a silence.
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
            .is_some_and(|triage| !triage.sends_alerts(&seen));
        is_triaged || (is_silent && !alert.is_end())
    }
}

/// The key that keeps alerts in order: alerts with equal keys are sent one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderingKey<'r> {
    /// Alerts of one cluster.
    Cluster(ClusterId),
    /// Alerts of one account that are about no cluster.
    Account(&'r str),
}
