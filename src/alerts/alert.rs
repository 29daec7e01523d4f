//! An alert: a change that people are notified of, and its subject.
//!
//! The id is made of what happened. So two functions that find the same change, and a message that is
//! sent again, use the same id.

pub mod inspected;
mod observed;

use std::fmt;

use clusters::fingerprint::ClusterId;
use data_encoding::HEXLOWER;
use records::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::facts::{Facts, Stage};
use crate::kind::AlertKind;

/// A change that people are notified of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub subject: AlertSubject,
    /// What happened.
    pub facts: Facts,
    /// When the event was that showed it.
    pub at: Option<Timestamp>,
    /// Whether that was found out a day or more after it happened.
    pub is_late: bool,
}

/// What an alert is about. An account is its twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertSubject {
    /// The whole stack.
    Stack,
    /// An account.
    Account(String),
    /// An access key.
    AccessKey {
        /// Its account.
        account_id: String,
        /// Its id, whole.
        key: String,
        /// The day, counted from 1970, for which one alert is sent; `None` for an event without a time.
        day: Option<i64>,
    },
    /// A cluster.
    Cluster {
        /// Its account.
        account_id: String,
        /// Its id.
        id: ClusterId,
        /// Which of its episodes, from 1.
        episode: i64,
    },
}

/// The id of an alert: 128 bits, the same for the same change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

/// An alert is late if its event is older than this when it is found, in seconds.
const LATE_SECONDS: i64 = 86_400;

impl AlertSubject {
    /// Returns an account as a subject, or the whole stack for no account.
    pub fn of_account(account_id: &str) -> Self {
        match account_id {
            "" => Self::Stack,
            _ => Self::Account(account_id.to_owned()),
        }
    }

    /// Returns the account; empty for the whole stack.
    pub fn account_id(&self) -> &str {
        match self {
            Self::Stack => "",
            Self::Account(account_id)
            | Self::AccessKey { account_id, .. }
            | Self::Cluster { account_id, .. } => account_id,
        }
    }

    /// Returns the cluster, for what happens to one.
    pub fn cluster(&self) -> Option<ClusterId> {
        match self {
            Self::Cluster { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns the number that sets its alerts apart: the episode of a cluster, the day of a key, else
    /// 0. It is stored, and part of ids.
    pub fn number(&self) -> i64 {
        match self {
            Self::Cluster { episode, .. } => *episode,
            Self::AccessKey { day, .. } => day.unwrap_or(0),
            Self::Stack | Self::Account(_) => 0,
        }
    }
}

impl Alert {
    /// Returns an alert of what an event showed at a moment and was found out now.
    pub fn new(subject: AlertSubject, facts: Facts, at: Option<Timestamp>, now: Timestamp) -> Self {
        let is_late = at.is_some_and(|at| now.seconds_since(at) > LATE_SECONDS);
        Self {
            subject,
            facts,
            at,
            is_late,
        }
    }

    /// Returns it as one of another episode of its cluster.
    #[must_use]
    pub fn in_episode(mut self, of: i64) -> Self {
        if let AlertSubject::Cluster { episode, .. } = &mut self.subject {
            *episode = of;
        }
        self
    }

    /// Returns the account; empty for the whole stack.
    pub fn account_id(&self) -> &str {
        self.subject.account_id()
    }

    /// Returns the cluster, for what happens to one.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.subject.cluster()
    }

    /// Returns its kind.
    pub fn kind(&self) -> AlertKind {
        self.facts.kind()
    }

    /// Returns what sets it apart from others of its kind and subject: the new principal's name, the
    /// key's id, an hour. Sanitized, empty where there is nothing.
    pub fn about(&self) -> String {
        match &self.subject {
            AlertSubject::AccessKey { key, .. } => key.clone(),
            _ => self.facts.about(self.at),
        }
    }

    /// Returns the public `state`: the name of the kind, or `calmed`, `campaign_grew`,
    /// `campaign_ended` or `data_again` for a later stage.
    pub fn state(&self) -> &'static str {
        match (self.kind(), self.facts.stage()) {
            (AlertKind::Escalating, Some(Stage::Ended)) => "calmed",
            (AlertKind::Campaign, Some(Stage::Grew(_))) => "campaign_grew",
            (AlertKind::Campaign, Some(Stage::Ended)) => "campaign_ended",
            (AlertKind::NoData, Some(Stage::Ended)) => "data_again",
            (kind, _) => kind.name(),
        }
    }

    /// Tells whether it is the end of what another one began: a recovery, or the end of an
    /// escalation, a campaign or a silence.
    pub fn is_end(&self) -> bool {
        self.kind() == AlertKind::Recovered || self.facts.stage() == Some(Stage::Ended)
    }

    /// Returns the id.
    pub fn id(&self) -> AlertId {
        AlertId::of(&self.subject, self.kind(), &self.about())
    }

    /// Returns the id of the alert that the problem began with that this belongs to: what a history of
    /// faults is joined by. That is the one that opened the episode of its cluster; an escalation, a
    /// campaign and a silence are faults of their own, from their beginning to their end, as a cluster
    /// may go on when its escalation is over. Any other alert without a cluster is one by itself.
    pub fn fault_id(&self) -> AlertId {
        match (&self.subject, self.kind()) {
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
        let whose = match subject.cluster() {
            Some(cluster) => cluster.to_string(),
            None => subject.account_id().to_owned(),
        };
        let number = subject.number().to_string();
        let mut hash = Sha256::new();
        for part in [&whose, &number, kind.name(), about] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Returns the id of the message that one sink is sent.
    pub fn for_sink(self, sink: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(sink);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Reads 32 digits in hexadecimal.
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

    fn joined(name: &str) -> Facts {
        Facts::NewPrincipal(name.to_owned())
    }

    #[test]
    fn the_same_change_has_the_same_id_whatever_was_found_out_when() {
        let new = alert(Facts::New, 1);
        let later = Alert {
            at: Timestamp::parse("2026-11-21T08:00:00Z"),
            is_late: true,
            ..new.clone()
        };
        assert_eq!(new.id(), later.id());
        // It is part of what waits in tables.
        assert_eq!(new.id().to_string(), "31c8d2ac92b0f6044e32c77557929d5f");
        let others = [
            alert(recovered(), 1),
            alert(joined("ann"), 1),
            alert(joined("bob"), 1),
            alert(Facts::New, 2),
        ];
        for other in &others {
            assert_ne!(new.id(), other.id());
        }
        assert_eq!(AlertId::parse(&new.id().to_string()), Some(new.id()));
        assert_ne!(new.id().for_sink("guance"), new.id().for_sink("sns"));
    }

    #[test]
    fn what_happens_in_one_episode_of_a_cluster_is_one_fault() {
        let new = alert(Facts::New, 1);
        assert_eq!(new.fault_id(), new.id());
        assert_eq!(alert(joined("ann"), 1).fault_id(), new.id());
        assert_eq!(alert(recovered(), 1).fault_id(), new.id());
        let regressed = alert(Facts::Regressed(None), 2);
        assert_eq!(alert(recovered(), 2).fault_id(), regressed.id());
    }
}
