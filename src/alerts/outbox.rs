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
    /// The name of the sink that the alert is sent to.
    pub sink: String,
    /// The alert to send.
    pub alert: Alert,
    /// When the row was written, by the local clock.
    pub created: Timestamp,
    /// The earliest moment to send the alert.
    pub due: Timestamp,
    /// When the latest lease on the row ends, or ended; `None` if no lease is stored.
    pub leased_until: Option<Timestamp>,
    /// The number of attempts to send the alert that failed because of the alert, such as rejections. The
    /// row is given up after a limit. Failures of the whole sink do not count.
    pub attempts: i64,
    /// Why sending the alert was postponed last; empty at first. Never contains a secret.
    pub why: String,
}

/// The exclusive right, for a limited time, to send the alert of an outbox row, or to send a probe request
/// to a failing sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The unique name of the sender that has the lease. Each run of the delivery has its own name.
    pub holder: String,
    /// When the lease begins: the time of the local clock when the sender requested it.
    pub now: Timestamp,
    /// When the lease ends, by the local clock.
    pub until: Timestamp,
}

/// How a sent message changes the [`SendingPause`] of its cluster and sink. Policies call this pause `silence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceChange {
    /// The sending pause does not change: neither its end nor its count of suppressed alerts.
    Unchanged,
    /// A new sending pause replaces the old one, and its count of suppressed alerts starts at 0.
    Replace {
        /// When the new pause ends, by the local clock; `None` if further alerts are not held back.
        until: Option<Timestamp>,
    },
}

/// The result of processing a leased outbox row. Each result but [`Self::Later`] removes the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The sink accepted the alert.
    Sent {
        /// The sink's answer, shortened.
        answer: String,
        /// The change to the sending pause of the alert's cluster for this sink.
        silence: SilenceChange,
    },
    /// The alert is not sent, because of a policy, a sending pause or a triage decision. The next message about the
    /// cluster contains the number of suppressed alerts.
    Suppressed,
    /// An incident absorbs the alert. It counts as suppressed. If it opens an episode of its cluster, the sink does not get the
    /// recovery of this episode either, unless it gets another alert about the cluster before.
    Absorbed,
    /// The alert was counted in a digest that was sent.
    Digested,
    /// The row stays, and sending the alert is tried again.
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

/// One entry of the log of messages: the result of processing one alert for one sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageLogEntry {
    /// When the alert was sent, suppressed or given up, by the local clock.
    pub at: Timestamp,
    /// The name of the sink that the alert was for.
    pub sink: String,
    /// The kind of the alert, by [`AlertKind::name`].
    pub kind: String,
    /// What happened to the alert: the sink's answer if it was sent, or why it was not sent.
    pub outcome: String,
}

/// The circuit breaker of a sink: whether requests to it are paused because earlier requests failed. Times
/// are of the local clock. The default is a sink without failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// The number of failed requests in a row for which the sink is the cause, not an alert.
    pub failures: i64,
    /// When the sink gets the next probe, a single request that tests whether it works again. `None` while
    /// the breaker is closed, so that alerts are sent as usual.
    pub open_until: Option<Timestamp>,
    /// The earliest moment of the next request to the sink; `None` if there is no need to wait.
    pub probe_from: Option<Timestamp>,
    /// Whether the settings or the secret of the sink are wrong, so that a person has to act.
    pub is_misconfigured: bool,
    /// The last error of the sink, as text; empty while the sink works. Never contains a secret.
    pub why: String,
}

/// The sending pause of a cluster for one sink (`silence` in a policy). Until it ends, the sink gets no
/// further alerts of the cluster, because it got one recently.
///
/// It also counts the alerts of the cluster that were suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingPause {
    /// When the sending pause ends, by the local clock. `None`: there is no pause now, and only the number of alerts that an
    /// earlier pause held back is stored; the next message reports it.
    pub until: Option<Timestamp>,
    /// The number of alerts of the cluster that were not sent to the sink since the last alert that was
    /// sent.
    pub suppressed: u64,
}

/// The stored reasons not to send alerts of one cluster to one sink: a sending pause, a triage decision, and an
/// absorbed episode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendingLimits {
    /// The sending pause of a cluster for one sink, as set by the policy key `silence`; `None` if there is none.
    pub silence: Option<SendingPause>,
    /// The decision of a person about the cluster, such as to mute it; `None` if there is none.
    pub triage: Option<Triage>,
    /// The number of the episode whose opening alert an incident absorbed, if the sink got no alert about the cluster
    /// since.
    pub absorbed: Option<i64>,
}

/// The answer of a sink to a request, for one of its alerts. Each text is the sink's explanation, for the
/// log.
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

/// The limits of one sink: how many alerts one request may have, and how many may wait before a digest
/// replaces them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The largest number of alerts in one request to the sink.
    pub alerts: usize,
    /// If more alerts than this wait for the sink, one digest is sent instead of them. `None` if the number
    /// of waiting alerts never causes a digest.
    pub digest_beyond: Option<usize>,
}

impl OutboxRow {
    /// Creates the row of `alert` for the sink named `sink`. It is written at `now` and due at once,
    /// without a lease and without attempts.
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

    /// Returns the id of the row, which is also the id of the message. It depends on the alert and the sink
    /// only.
    pub fn id(&self) -> AlertId {
        self.alert.id().for_sink(&self.sink)
    }

    /// Returns the ordering key of the row: its cluster, or its account if the alert is not about a
    /// cluster. Rows of a sink with equal keys are sent one after the other.
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

    /// Compares two rows in the order in which they are sent: by the time when they were written.
    ///
    /// Within one second, alerts of earlier episodes come first, and the alert that opens an episode comes before its others.
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

    /// Returns `true` if the row may be processed at `now`: it is due, and no lease on it is valid.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.due <= now && self.leased_until.is_none_or(|until| until < now)
    }
}

impl SendingLimits {
    /// Returns `true` if `alert` must not be sent at `now`, because of the triage decision or the sending
    /// pause. A sending pause does not hold back alerts that end a problem ([`Alert::is_end`]). The recovery of an absorbed
    /// episode is held back too.
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
        let is_absorbed =
            alert.kind() == AlertKind::Recovered && self.absorbed == Some(alert.subject.number());
        is_triaged || is_absorbed || (is_silent && !alert.is_end())
    }
}

/// The key that keeps alerts in order: alerts for one sink with equal keys are sent one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderingKey<'r> {
    /// Alerts of one cluster.
    Cluster(ClusterId),
    /// Alerts of one account that are about no cluster.
    Account(&'r str),
}
