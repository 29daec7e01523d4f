//! Occasions: why something is told. Each has an id made of what happened, so that whoever finds out
//! the same, and however often it is sent, tells it under the same id.

mod brought;
pub mod inspected;

use std::fmt;

use clusters::fingerprint::ClusterId;
use clusters::keys::Oddity;
use clusters::{Facts, Sighting, facet};
use data_encoding::HEXLOWER;
use records::time::EventTime;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The kinds of alerts, a closed list: each is a detail type on the event bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A cluster was seen for the first time.
    New,
    /// Somebody called whom a known cluster had not seen.
    NewPrincipal,
    /// A cluster came back after it had recovered.
    Regressed,
    /// A cluster was quiet for its quiet period.
    Recovered,
    /// A cluster is much more frequent than it usually is.
    Escalating,
    /// One caller's storm of new clusters, or one pattern with many callers.
    Campaign,
    /// An access key did what it should not: it woke up, or it is a canary.
    AccessKey,
    /// What an account's hour, or its time of learning, looked like.
    AccountSummary,
    /// An account or a log group fell silent.
    NoData,
}

/// What the summary is about that ends the time of learning.
pub const LEARNED: &str = "learned";

/// What the summary is about, with an id behind it, that tells of many alerts at once.
pub const DIGEST: &str = "digest:";

/// Why something is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occasion {
    /// What happened.
    pub kind: Kind,
    /// The account, twelve digits, or empty where it concerns the whole stack.
    pub account_id: String,
    /// The cluster, for what happens to one.
    pub cluster: Option<ClusterId>,
    /// The life of the cluster that it belongs to, from 1. Without a cluster, the day since 1970 of
    /// what is told once a day, else 0.
    pub epoch: i64,
    /// What sets it apart from others of its kind: the new principal's name, the key's id, an hour.
    /// Sanitized, empty where there is nothing.
    pub about: String,
    /// What cannot be looked up again when it is sent, as JSON that belongs to its kind; empty where
    /// that is nothing.
    pub detail: String,
    /// When the event was that showed it.
    pub at: Option<EventTime>,
    /// Whether that was found out a day or more after it happened.
    pub is_late: bool,
}

/// The id of an alert: 128 bits, the same for the same occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::NewPrincipal,
        Self::Regressed,
        Self::Recovered,
        Self::Escalating,
        Self::Campaign,
        Self::AccessKey,
        Self::AccountSummary,
        Self::NoData,
    ];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::NewPrincipal => "new_principal",
            Self::Regressed => "regressed",
            Self::Recovered => "recovered",
            Self::Escalating => "escalating",
            Self::Campaign => "campaign",
            Self::AccessKey => "access_key",
            Self::AccountSummary => "account_summary",
            Self::NoData => "no_data",
        }
    }

    /// Returns the kind of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the detail type that events of this kind have on the event bus.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::New => "Cluster New",
            Self::NewPrincipal => "Cluster New Principal",
            Self::Regressed => "Cluster Regressed",
            Self::Recovered => "Cluster Recovered",
            Self::Escalating => "Cluster Escalating",
            Self::Campaign => "Campaign",
            Self::AccessKey => "Access Key Alert",
            Self::AccountSummary => "Account Summary",
            Self::NoData => "No Data",
        }
    }
}

/// Events older than this, in seconds, when they are found out, are told as late.
pub const LATE_SECONDS: i64 = 86_400;

impl Occasion {
    /// Returns what happened to a cluster at a moment, found out now, both in seconds; 0 for an event
    /// without a time.
    pub fn of_cluster(
        kind: Kind,
        account_id: &str,
        (cluster, epoch): (ClusterId, i64),
        at: i64,
        now: i64,
    ) -> Self {
        Self {
            kind,
            account_id: account_id.to_owned(),
            cluster: Some(cluster),
            epoch,
            about: String::new(),
            detail: String::new(),
            at: EventTime::from_seconds(at),
            is_late: at != 0 && now - at > LATE_SECONDS,
        }
    }

    /// Returns what a canary key is told of, once a day of event time, by the first event of that day.
    pub fn of_canary(key: &str, day: i64, seen: &Sighting, facts: &Facts, now: i64) -> Self {
        let facet = |kind| seen.case.facets.get(kind);
        let detail = json!({
            "oddity": Oddity::Canary.name(),
            "cluster": seen.case.cluster.to_string(),
            "service": facts.identity.service,
            "action": facts.identity.action,
            "principal": facet(facet::Kind::Principal),
            "source_ip": facet(facet::Kind::SourceIp),
            "region": facet(facet::Kind::Region),
        });
        let at = seen.at();
        Self {
            kind: Kind::AccessKey,
            account_id: facts.identity.account_id.clone(),
            cluster: None,
            epoch: day,
            about: key.to_owned(),
            detail: detail.to_string(),
            at,
            is_late: at.is_some_and(|at| now - at.seconds() > LATE_SECONDS),
        }
    }

    /// Returns what a canary key is told of that was used at a moment, as IAM says, whether or not an
    /// event shows it. It is the alert of that day's first event, if there is one.
    pub fn of_silent_use(key: &str, account_id: &str, at: EventTime, now: i64) -> Self {
        Self {
            kind: Kind::AccessKey,
            account_id: account_id.to_owned(),
            cluster: None,
            epoch: at.seconds() / 86_400,
            about: key.to_owned(),
            detail: json!({"oddity": Oddity::Canary.name(), "source": "IAM"}).to_string(),
            at: Some(at),
            is_late: now - at.seconds() > LATE_SECONDS,
        }
    }

    /// Returns what is told when a key woke up that had last been used at a moment, and was seen in a
    /// cluster of an account.
    pub fn of_awakening(
        key: &str,
        account_id: &str,
        cluster: ClusterId,
        (last, again): (EventTime, EventTime),
        now: i64,
    ) -> Self {
        let detail = json!({
            "oddity": "awakened",
            "cluster": cluster.to_string(),
            "last": last.to_string(),
            "days": again.seconds_since(last) / 86_400,
        });
        Self {
            kind: Kind::AccessKey,
            account_id: account_id.to_owned(),
            cluster: None,
            epoch: last.seconds() / 86_400,
            about: key.to_owned(),
            detail: detail.to_string(),
            at: Some(again),
            is_late: now - again.seconds() > LATE_SECONDS,
        }
    }

    /// Returns what is told when the time of learning is over, which was so many hours.
    pub fn learned(hours: i64) -> Self {
        Self {
            kind: Kind::AccountSummary,
            account_id: String::new(),
            cluster: None,
            epoch: 0,
            about: LEARNED.to_owned(),
            detail: json!({ "hours": hours }).to_string(),
            at: None,
            is_late: false,
        }
    }

    /// Tells whether it ends the time of learning.
    pub fn is_learned(&self) -> bool {
        self.kind == Kind::AccountSummary && self.about == LEARNED
    }

    /// Tells whether it tells of many alerts at once.
    pub fn is_digest(&self) -> bool {
        self.kind == Kind::AccountSummary && self.about.starts_with(DIGEST)
    }

    /// Returns the id.
    pub fn id(&self) -> AlertId {
        AlertId::of(&self.subject(), self.epoch, self.kind, &self.about)
    }

    /// Returns the id of the alert that the trouble began with that this belongs to: what a history of
    /// faults is joined by. That is the one that opened the life of its cluster; an escalation, a
    /// campaign and a silence are faults of their own, from their beginning to their end, as a cluster
    /// may go on when its escalation is over. Any other alert without a cluster is one by itself.
    pub fn fault_id(&self) -> AlertId {
        let (opened, about) = match (self.kind, self.cluster) {
            (Kind::Escalating, _) | (_, None) => (self.kind, self.begins_about()),
            (_, Some(_)) if self.epoch > 1 => (Kind::Regressed, String::new()),
            (_, Some(_)) => (Kind::New, String::new()),
        };
        AlertId::of(&self.subject(), self.epoch, opened, &about)
    }

    /// Returns what the occasion is about that this is a later stage of, or what itself is.
    fn begins_about(&self) -> String {
        let begins = self.evidence().and_then(|evidence| evidence.begins_about());
        begins.unwrap_or_else(|| self.about.clone())
    }

    /// Returns what the ids of its alerts are made of: the cluster, or else the account.
    fn subject(&self) -> String {
        match self.cluster {
            Some(cluster) => cluster.to_string(),
            None => self.account_id.clone(),
        }
    }
}

impl AlertId {
    fn of(subject: &str, epoch: i64, kind: Kind, about: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [subject, &epoch.to_string(), kind.name(), about] {
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

    fn occasion(kind: Kind, epoch: i64, about: &str) -> Occasion {
        Occasion {
            kind,
            account_id: "111122223333".to_owned(),
            cluster: Some(ClusterId::from_bytes([7; 16])),
            epoch,
            about: about.to_owned(),
            detail: String::new(),
            at: None,
            is_late: false,
        }
    }

    #[test]
    fn the_same_occasion_has_the_same_id_whatever_was_found_out_when() {
        let new = occasion(Kind::New, 1, "");
        let later = Occasion {
            at: EventTime::parse("2026-11-21T08:00:00Z"),
            is_late: true,
            ..new.clone()
        };
        assert_eq!(new.id(), later.id());
        let others = [
            occasion(Kind::Recovered, 1, ""),
            occasion(Kind::NewPrincipal, 1, "ann"),
            occasion(Kind::NewPrincipal, 1, "bob"),
            occasion(Kind::New, 2, ""),
        ];
        for other in &others {
            assert_ne!(new.id(), other.id());
        }
        assert_eq!(AlertId::parse(&new.id().to_string()), Some(new.id()));
        assert_ne!(new.id().for_sink("guance"), new.id().for_sink("sns"));
    }

    #[test]
    fn what_happens_in_one_life_of_a_cluster_is_one_fault() {
        let new = occasion(Kind::New, 1, "");
        assert_eq!(new.fault_id(), new.id());
        assert_eq!(occasion(Kind::NewPrincipal, 1, "ann").fault_id(), new.id());
        assert_eq!(occasion(Kind::Recovered, 1, "").fault_id(), new.id());
        let regressed = occasion(Kind::Regressed, 2, "");
        assert_eq!(occasion(Kind::Recovered, 2, "").fault_id(), regressed.id());
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }
}
