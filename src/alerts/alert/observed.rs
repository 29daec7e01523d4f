//! Alerts of what an event shows as it comes in, and of what IAM says of access keys.

use clusters::fingerprint::ClusterId;
use clusters::{ClusterFacts as CallFacts, Sighting, facet};
use records::time::Timestamp;

use crate::alert::{Alert, AlertSubject};
use crate::facts::{CanaryUse, Facts, IamAccess, KeyFacts, LearnedFacts};

const DAY_SECONDS: i64 = 86_400;

impl Alert {
    /// Returns what happened in an episode of a cluster at a moment, found out now.
    pub fn of_cluster(
        facts: Facts,
        account_id: &str,
        (id, episode): (ClusterId, i64),
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let subject = AlertSubject::Cluster {
            account_id: account_id.to_owned(),
            id,
            episode,
        };
        Self::new(subject, facts, at, now)
    }

    /// Returns what a canary key is told of, once a day of event time, by the first event of that day.
    pub fn of_canary(key: &str, seen: &Sighting, call: &CallFacts, now: Timestamp) -> Self {
        let facet = |kind| seen.series.facets.get(kind).map(str::to_owned);
        let used = CanaryUse::Event {
            cluster: seen.series.cluster,
            service: call.identity.service.clone(),
            action: call.identity.action.clone(),
            principal: facet(facet::FacetKind::Principal),
            source_ip: facet(facet::FacetKind::SourceIp),
            region: facet(facet::FacetKind::Region),
        };
        let subject = of_key(key, &call.identity.account_id, seen.at());
        let facts = Facts::AccessKey(KeyFacts::Canary(used));
        Self::new(subject, facts, seen.at(), now)
    }

    /// Returns what a canary key is told of that was used at a moment, as IAM says, whether or not an
    /// event shows it. It is the alert of that day's first event, if there is one.
    pub fn of_silent_use(key: &str, account_id: &str, at: Timestamp, now: Timestamp) -> Self {
        let subject = of_key(key, account_id, Some(at));
        let used = CanaryUse::Iam {
            source: IamAccess::Iam,
        };
        let facts = Facts::AccessKey(KeyFacts::Canary(used));
        Self::new(subject, facts, Some(at), now)
    }

    /// Returns what is told when a key woke up that had last been used at a moment, and was seen in a
    /// cluster of an account.
    pub fn of_awakening(
        key: &str,
        account_id: &str,
        cluster: ClusterId,
        (last, again): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Self {
        let facts = Facts::AccessKey(KeyFacts::Awakened {
            cluster,
            last,
            days: again.seconds_since(last) / DAY_SECONDS,
        });
        Self::new(of_key(key, account_id, Some(last)), facts, Some(again), now)
    }

    /// Returns what is told when the time of learning is over, which was so many hours.
    pub fn learned(hours: i64) -> Self {
        let facts = Facts::Learned(LearnedFacts { hours });
        Self::new(AlertSubject::Stack, facts, None, Timestamp::FIRST)
    }
}

fn of_key(key: &str, account_id: &str, at: Option<Timestamp>) -> AlertSubject {
    AlertSubject::AccessKey {
        account_id: account_id.to_owned(),
        key: key.to_owned(),
        day: at.map(|at| at.seconds() / DAY_SECONDS),
    }
}
