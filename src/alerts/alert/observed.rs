//! Creates the alerts that the ingest finds in single events, and those from IAM's answers about access
//! keys.

use clusters::fingerprint::ClusterId;
use clusters::transition::SensitiveCall;
use clusters::{ClusterFacts, Sighting, facet};
use records::time::Timestamp;

use crate::alert::{Alert, AlertSubject};
use crate::facts::{CallFacts, CanaryUse, Facts, IamAccess, KeyFacts, LearningEndFacts};

const DAY_SECONDS: i64 = 86_400;

impl Alert {
    /// Creates an alert with these facts about one episode of a cluster. `at` is the event time of the
    /// change, and `now` is the time when the change was found.
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

    /// Creates the alert about a sensitive call. `id` is the id of the group of equal calls, `at` the event time of the
    /// first call that the alert covers, and `now` the time when it was found.
    pub fn of_call(
        call: &SensitiveCall,
        account_id: &str,
        id: ClusterId,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let facts = CallFacts {
            service: call.service.clone(),
            action: call.action.clone(),
            principal: call.caller.clone(),
            details: call.details.clone(),
            calls: call.count,
        };
        let facts = Facts::SensitiveCall(Box::new(facts));
        Self::of_cluster(facts, account_id, (id, 1), at, now)
    }

    /// Creates the alert for an event that used a canary key: a key that exists only to detect its use.
    ///
    /// `key` is the complete id of the key, `seen` is the event, and `call` describes the call in it. All
    /// uses of a key on one day of event time have the same alert id.
    pub fn of_canary(key: &str, seen: &Sighting, call: &ClusterFacts, now: Timestamp) -> Self {
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

    /// Creates the alert for a canary key that was used at `at` according to IAM, even if no event shows
    /// the use.
    ///
    /// `key` is the complete id of the key. The alert id equals that of [`Self::of_canary`] for an event
    /// with the same key, account and day.
    pub fn of_canary_use_in_iam(
        key: &str,
        account_id: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let subject = of_key(key, account_id, Some(at));
        let used = CanaryUse::Iam {
            source: IamAccess::Iam,
        };
        let facts = Facts::AccessKey(KeyFacts::Canary(used));
        Self::new(subject, facts, Some(at), now)
    }

    /// Creates the alert for a key that was used again after a long time without use.
    ///
    /// `key` is the complete id of the key. `last` is the time of its use before the pause. `again` is the
    /// time of the new use, in an event of `cluster`.
    pub fn of_reused_key(
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

    /// Creates the alert for the end of the learning period: the first `hours` of a stack, in which no
    /// alerts are sent. Its subject is the stack, and it has no event time.
    pub fn learned(hours: i64) -> Self {
        let facts = Facts::Learned(LearningEndFacts { hours });
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
