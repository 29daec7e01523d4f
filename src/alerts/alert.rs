//! An alert: a change that people are notified of, and its subject.
//!
//! The id of an alert is a hash of its subject, its kind and its distinguishing text. So two functions
//! that find the same change, and a message that is sent again, use the same id.

mod drill;
mod incident;
pub mod inspected;
mod observed;

use std::fmt;

use clusters::fingerprint::ClusterId;
use data_encoding::HEXLOWER;
use records::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::facts::incident::IncidentStage;
use crate::facts::{Facts, Stage};
use crate::kind::AlertKind;

/// A change of a cluster, an account, an access key or the whole stack, of which people are notified.
///
/// It is stored until it is sent. Then a [`Message`](crate::message::Message) adds the current data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The cluster, account, access key or stack that changed.
    pub subject: AlertSubject,
    /// The kind of the change, with the data of that kind that cannot be looked up later.
    pub facts: Facts,
    /// The event time of the change; `None` if no event with a time shows it.
    pub at: Option<Timestamp>,
    /// Whether the change was found more than 24 hours after [`Self::at`].
    pub is_late: bool,
}

/// The thing that an alert is about. Account ids have twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertSubject {
    /// The whole stack.
    Stack,
    /// An account, by its id.
    Account(String),
    /// An access key.
    AccessKey {
        /// The account of the event that used the key, or the key's own account if no event shows it.
        account_id: String,
        /// The complete id of the key, not masked.
        key: String,
        /// A day, in days since 1970 (UTC): of the use of a canary key, or of the last use before an unused
        /// key was used again. `None` for an event without a time. A key has at most one alert per day.
        day: Option<i64>,
    },
    /// A cluster.
    Cluster {
        /// The account of the cluster.
        account_id: String,
        /// The cluster's id.
        id: ClusterId,
        /// The number of the cluster's episode, from 1.
        episode: i64,
    },
}

/// The id of an alert, or of the message about it to one sink: 128 bits of a hash.
///
/// The same change always has the same id. An id is written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

/// An alert is late if its event is older than this many seconds when it is found.
const LATE_SECONDS: i64 = 86_400;

impl AlertSubject {
    /// Creates the subject for an account id; an empty id means the whole stack.
    pub fn of_account(account_id: &str) -> Self {
        match account_id {
            "" => Self::Stack,
            _ => Self::Account(account_id.to_owned()),
        }
    }

    /// Returns the id of the account that the subject belongs to; empty for the whole stack.
    pub fn account_id(&self) -> &str {
        match self {
            Self::Stack => "",
            Self::Account(account_id)
            | Self::AccessKey { account_id, .. }
            | Self::Cluster { account_id, .. } => account_id,
        }
    }

    /// Returns the cluster id; `None` if the subject is not a cluster.
    pub fn cluster(&self) -> Option<ClusterId> {
        match self {
            Self::Cluster { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns the number that is part of the alert id: for a cluster the number of its episode, for an
    /// access key its day in days since 1970, otherwise 0. A key without a day also has 0.
    pub fn number(&self) -> i64 {
        match self {
            Self::Cluster { episode, .. } => *episode,
            Self::AccessKey { day, .. } => day.unwrap_or(0),
            Self::Stack | Self::Account(_) => 0,
        }
    }
}

impl Alert {
    /// Creates an alert about a change at event time `at` that was found at `now`. It is late if `at` is
    /// more than 24 hours before `now`.
    pub fn new(subject: AlertSubject, facts: Facts, at: Option<Timestamp>, now: Timestamp) -> Self {
        let is_late = at.is_some_and(|at| now.seconds_since(at) > LATE_SECONDS);
        Self {
            subject,
            facts,
            at,
            is_late,
        }
    }

    /// Returns the same alert for the episode `number` of its cluster. An alert that is not about a cluster
    /// is not changed.
    #[must_use]
    pub fn in_episode(mut self, number: i64) -> Self {
        if let AlertSubject::Cluster { episode, .. } = &mut self.subject {
            *episode = number;
        }
        self
    }

    /// Returns the id of the account that the alert is about; empty for the whole stack.
    pub fn account_id(&self) -> &str {
        self.subject.account_id()
    }

    /// Returns the cluster id; `None` if the alert is not about a cluster.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.subject.cluster()
    }

    /// Returns the kind of the alert, which follows from its facts.
    pub fn kind(&self) -> AlertKind {
        self.facts.kind()
    }

    /// Returns the text that distinguishes alerts of the same kind and subject, such as a caller's name or
    /// the complete id of an access key. It is part of the alert id, and often empty.
    pub fn about(&self) -> String {
        match &self.subject {
            AlertSubject::AccessKey { key, .. } => key.clone(),
            _ => self.facts.about(self.at),
        }
    }

    /// Returns the `state` that sinks show.
    ///
    /// It is `calmed` after an escalation, `campaign_grew` or `campaign_ended` for a later stage of a
    /// campaign, `incident_grew`, `incident_ended` or `incident_merged` for one of an incident, and `data_again` if events
    /// arrive again. For all other alerts it is the name of the kind.
    pub fn state(&self) -> &'static str {
        if let Facts::Incident(of) = &self.facts {
            return match of.stage {
                IncidentStage::Opened => "incident",
                IncidentStage::Grew => "incident_grew",
                IncidentStage::Closed => "incident_ended",
                IncidentStage::Merged => "incident_merged",
            };
        }
        match (self.kind(), self.facts.stage()) {
            (AlertKind::Escalating, Some(Stage::Ended)) => "calmed",
            (AlertKind::Campaign, Some(Stage::Grew(_))) => "campaign_grew",
            (AlertKind::Campaign, Some(Stage::Ended)) => "campaign_ended",
            (AlertKind::NoData, Some(Stage::Ended)) => "data_again",
            (kind, _) => kind.name(),
        }
    }

    /// Returns `true` if the alert reports the end of a problem that an earlier alert reported: a recovery,
    /// the end of an escalation, a campaign or an incident, or events that arrive again.
    pub fn is_end(&self) -> bool {
        self.kind() == AlertKind::Recovered || self.facts.stage() == Some(Stage::Ended)
    }

    /// Returns the id of the alert: a hash of its subject, its kind and [`Self::about`].
    pub fn id(&self) -> AlertId {
        AlertId::of(&self.subject, self.kind(), &self.about())
    }

    /// Returns the id of the alert that began the problem this alert belongs to. Sinks use it to group the
    /// alerts of one problem.
    ///
    /// For a cluster this is the alert that opened the episode. An escalation, a campaign, an incident and a period
    /// without events (`no_data`) are separate problems, because a cluster may continue to fail after its
    /// escalation ended. Any other alert without a cluster is a problem of its own.
    pub fn fault_id(&self) -> AlertId {
        match (&self.subject, self.kind()) {
            (_, AlertKind::SensitiveCall) => self.id(),
            (AlertSubject::Cluster { episode: ..=1, .. }, kind)
                if kind != AlertKind::Escalating =>
            {
                AlertId::of(&self.subject, AlertKind::New, "")
            }
            (AlertSubject::Cluster { .. }, kind) if kind != AlertKind::Escalating => {
                AlertId::of(&self.subject, AlertKind::Regressed, "")
            }
            (subject, kind) if self.facts.stage().is_some() => {
                AlertId::of(subject, kind, &self.facts.begins_about())
            }
            _ => self.id(),
        }
    }
}

impl AlertId {
    fn of(subject: &AlertSubject, kind: AlertKind, about: &str) -> Self {
        let subject_id = match subject.cluster() {
            Some(cluster) => cluster.to_string(),
            None => subject.account_id().to_owned(),
        };
        let number = subject.number().to_string();
        let mut hash = Sha256::new();
        for part in [&subject_id, &number, kind.name(), about] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Returns the id of the message about this alert to the sink named `sink`: a hash of the alert id and
    /// the name.
    #[must_use]
    pub fn for_sink(self, sink: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(sink);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Parses an id from 32 lower-case hexadecimal digits; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::RecoveryFacts;

    fn alert(facts: Facts, episode: i64) -> Alert {
        let subject = AlertSubject::Cluster {
            account_id: "111122223333".to_owned(),
            id: ClusterId::from_bytes([7; 16]),
            episode,
        };
        Alert::new(subject, facts, None, Timestamp::FIRST)
    }

    fn recovered() -> Facts {
        Facts::Recovered(RecoveryFacts {
            fault_start: Timestamp::FIRST,
            fault_seconds: 60,
            count: 5,
        })
    }

    fn new_caller(name: &str) -> Facts {
        Facts::NewPrincipal(name.to_owned())
    }

    #[test]
    fn equal_changes_have_equal_ids_whenever_they_are_found() {
        let new = alert(Facts::New, 1);
        let later = Alert {
            at: Timestamp::parse("2026-11-21T08:00:00Z"),
            is_late: true,
            ..new.clone()
        };
        assert_eq!(new.id(), later.id());
        // Tables contain this id.
        assert_eq!(new.id().to_string(), "31c8d2ac92b0f6044e32c77557929d5f");
        let others = [
            alert(recovered(), 1),
            alert(new_caller("ann"), 1),
            alert(new_caller("bob"), 1),
            alert(Facts::New, 2),
        ];
        for other in &others {
            assert_ne!(new.id(), other.id());
        }
        assert_eq!(AlertId::parse(&new.id().to_string()), Some(new.id()));
        assert_ne!(new.id().for_sink("guance"), new.id().for_sink("sns"));
    }

    #[test]
    fn all_alerts_of_one_episode_have_one_fault_id() {
        let new = alert(Facts::New, 1);
        assert_eq!(new.fault_id(), new.id());
        assert_eq!(alert(new_caller("ann"), 1).fault_id(), new.id());
        assert_eq!(alert(recovered(), 1).fault_id(), new.id());
        let regressed = alert(Facts::Regressed(None), 2);
        assert_eq!(alert(recovered(), 2).fault_id(), regressed.id());
    }
}
