//! Decides which sensitive calls an alert is due for.
//!
//! Equal calls of one caller are one group. An alert about a group covers the calls of the next hour. With the tier
//! "first", only the first call of a caller has an alert, and the first strong one. The result depends on the set of
//! events, not on their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use records::principal::is_service_linked;
use records::time::Timestamp;

use crate::facet::{FacetKind, Facets};
use crate::fingerprint::{ClusterId, Identity, STRONG};
use crate::guard::{is_counted_overflow, is_overflow};
use crate::transition::{Change, SensitiveCall, Transition};
use crate::watch::{CallDetails, Tier};
use crate::{ClusterFacts, EventId, Sighting};

/// How long an alert about a sensitive call covers equal calls of the same caller, in seconds of event time.
pub const COVER_SECONDS: i64 = 3600;

/// Which calls of a group of equal sensitive calls an alert is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The first call, and each call that no alert of the hour before covers.
    EachHour,
    /// The first of all calls of this API by this caller that are as strong, whatever their details are.
    FirstOfCaller,
    /// None: the calls are counted and summed up only.
    Never,
}

/// What the tier "first" counts: the calls of one API by one caller in one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerOfCall {
    /// The account whose trail contains the calls.
    pub account_id: String,
    /// The called service, such as `lambda`.
    pub service: String,
    /// The called API, such as `UpdateFunctionCode`.
    pub action: String,
    /// The name of the caller.
    pub caller: String,
    /// Whether the calls are strong. Weak calls before a strong one do not make it usual.
    pub is_strong: bool,
}

impl CallerOfCall {
    /// Returns the API and the caller of a sensitive call.
    pub fn of(identity: &Identity) -> Self {
        Self {
            account_id: identity.account_id.clone(),
            service: identity.service.clone(),
            action: identity.action.clone(),
            caller: identity.cause.clone().unwrap_or_default(),
            is_strong: identity.code == STRONG,
        }
    }
}

/// Decides which calls of a group an alert is due for. `facets` are those of any call of the group.
///
/// Calls that a rule of the user expects, and calls of AWS services on their own behalf, have no alerts.
pub fn due(facts: &ClusterFacts, facets: &Facets) -> Due {
    let details = facts.call_details();
    if is_silent(details.as_ref(), facets) {
        return Due::Never;
    }
    match details {
        Some(details) if details.tier == Tier::First => Due::FirstOfCaller,
        Some(details) if details.tier == Tier::Ledger => Due::Never,
        Some(_) => Due::EachHour,
        None if is_counted_overflow(&facts.identity) => Due::Never,
        None if is_overflow(&facts.identity) => Due::EachHour,
        None => Due::Never,
    }
}

/// Checks whether no alert is ever due for a sensitive call: a rule of the user expects it, or an AWS service made it on
/// its own behalf.
pub fn is_silent(details: Option<&CallDetails>, facets: &Facets) -> bool {
    details.is_some_and(|of| of.expected_by.is_some())
        || facets.get(FacetKind::Origin) == Some("aws-service")
        || facets
            .get(FacetKind::Principal)
            .is_some_and(is_service_linked)
}

/// Returns the times of those calls of a group that an alert is due for. `alerted` are the times of its earlier alerts.
///
/// An alert covers the calls of the next hour, and late events of the hour before it.
pub fn uncovered(
    calls: &BTreeSet<Timestamp>,
    alerted: &BTreeSet<Timestamp>,
) -> BTreeSet<Timestamp> {
    let mut due = BTreeSet::new();
    for at in calls {
        let covers = |of: &&Timestamp| at.seconds_since(**of).abs() < COVER_SECONDS;
        if !alerted.iter().chain(&due).any(|of| covers(&of)) {
            due.insert(*at);
        }
    }
    due
}

/// The calls of one group that have a time.
#[derive(Debug)]
struct Group<'e> {
    facts: &'e ClusterFacts,
    facets: &'e Facets,
    /// The time of each call.
    times: BTreeMap<Timestamp, u64>,
}

/// Returns a transition for each alert that is due about the sensitive calls among these events, and for each group
/// without alerts; sorted by time.
///
/// `facts` are those of all clusters and sensitive calls of the events. Events without a time are left out.
pub fn transitions(
    events: &[(EventId, Sighting)],
    facts: &BTreeMap<ClusterId, Arc<ClusterFacts>>,
) -> Vec<Transition> {
    let groups = groups(events, facts);
    let mut first: BTreeMap<CallerOfCall, (Timestamp, ClusterId)> = BTreeMap::new();
    let mut transitions = Vec::new();
    for (id, group) in &groups {
        let due = due(group.facts, group.facets);
        let calls: BTreeSet<Timestamp> = group.times.keys().copied().collect();
        if due == Due::FirstOfCaller {
            let candidate = calls.first().map(|at| (*at, *id));
            let seen = first.entry(CallerOfCall::of(&group.facts.identity));
            candidate.map(|of| {
                seen.and_modify(|first| *first = of.min(*first))
                    .or_insert(of)
            });
            continue;
        }
        let times = uncovered(&calls, &BTreeSet::new());
        let transition = |at| transition(*id, group, at, due == Due::Never);
        transitions.extend(times.into_iter().map(transition));
    }
    let of_callers = first
        .into_values()
        .map(|(at, id)| transition(id, &groups[&id], at, false));
    transitions.extend(of_callers);
    Transition::sort(&mut transitions);
    transitions
}

fn groups<'e>(
    events: &'e [(EventId, Sighting)],
    facts: &'e BTreeMap<ClusterId, Arc<ClusterFacts>>,
) -> BTreeMap<ClusterId, Group<'e>> {
    let mut groups: BTreeMap<ClusterId, Group<'e>> = BTreeMap::new();
    for (_, sighting) in events {
        let cluster = sighting.series.cluster;
        let (Some(at), Some(facts)) = (sighting.at(), facts.get(&cluster)) else {
            continue;
        };
        if !facts.is_sensitive_call() {
            continue;
        }
        let group = groups.entry(cluster).or_insert_with(|| Group {
            facts,
            facets: &sighting.series.facets,
            times: BTreeMap::new(),
        });
        // The facets of the least series, so that the order of events does not matter.
        group.facets = group.facets.min(&sighting.series.facets);
        *group.times.entry(at).or_default() += 1;
    }
    groups
}

fn transition(id: ClusterId, group: &Group<'_>, at: Timestamp, is_silent: bool) -> Transition {
    let identity = &group.facts.identity;
    let covered = group.times.range(at..at.plus(COVER_SECONDS));
    let count = covered.map(|(_, count)| count).sum();
    let call = SensitiveCall::of(group.facts, count);
    Transition {
        at,
        account_id: identity.account_id.clone(),
        cluster: Some(id),
        episode: 1,
        change: Change::SensitiveCall(Box::new(call)),
        is_absorbed: false,
        is_quiet: is_silent,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Series;
    use crate::class::Class;
    use crate::fingerprint::WEAK;

    const HOUR: i64 = 3600;

    /// 2026-11-02T00:00:00Z.
    const START: i64 = 1_793_577_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(START + seconds).unwrap()
    }

    fn facts(tier: Tier, caller: &str, target: &str, expected_by: Option<&str>) -> ClusterFacts {
        let details = CallDetails {
            watch: "iam-attach-user-policy".to_owned(),
            tier,
            is_strong: false,
            technique: None,
            target: Some(target.to_owned()),
            parameters: BTreeMap::new(),
            why: None,
            expected_by: expected_by.map(str::to_owned),
        };
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: "iam".to_owned(),
            action: "AttachUserPolicy".to_owned(),
            class: Class::Watch,
            code: "weak".to_owned(),
            cause: Some(caller.to_owned()),
            template: Some(details.encode()),
            addition: None,
        };
        ClusterFacts {
            identity,
            template: String::new(),
        }
    }

    type Known = BTreeMap<ClusterId, Arc<ClusterFacts>>;

    fn event(
        number: u128,
        seconds: i64,
        facts: ClusterFacts,
        known: &mut Known,
    ) -> (EventId, Sighting) {
        let cluster = facts.identity.cluster_id();
        let mut facets = Facets::default();
        facets.set(FacetKind::Principal, facts.identity.cause.as_deref());
        known.insert(cluster, Arc::new(facts));
        let series = Arc::new(Series { cluster, facets });
        let sighting = Sighting::new(true, Some(at(seconds)), series);
        (EventId::from_bytes(number.to_be_bytes()), sighting)
    }

    /// Returns the second of each alert, and the number of calls that it covers.
    fn alerts(events: &[(EventId, Sighting)], known: &Known) -> Vec<(i64, u64)> {
        let alert = |of: Transition| match of.change {
            Change::SensitiveCall(call) if !of.is_quiet => {
                Some((of.at.seconds() - START, call.count))
            }
            _ => None,
        };
        let transitions = transitions(events, known);
        transitions.into_iter().filter_map(alert).collect()
    }

    #[test]
    fn equal_calls_within_an_hour_are_one_alert_with_a_count() {
        let mut known = Known::new();
        let mut call = |number, seconds, target: &str| {
            let facts = facts(Tier::Always, "role/deployer", target, None);
            event(number, seconds, facts, &mut known)
        };
        let events = [
            call(1, 0, "bob"),
            call(2, 10, "bob"),
            call(3, HOUR - 1, "bob"),
            call(4, HOUR, "bob"),
            call(5, 20, "eve"),
        ];
        assert_eq!(alerts(&events, &known), [(0, 3), (20, 1), (HOUR, 1)]);
    }

    #[test]
    fn the_tier_first_has_one_alert_for_each_caller() {
        let mut known = Known::new();
        let mut call = |number, seconds, caller: &str, target: &str| {
            let facts = facts(Tier::First, caller, target, None);
            event(number, seconds, facts, &mut known)
        };
        let events = [
            call(1, 5 * HOUR, "role/deployer", "bob"),
            call(2, 2 * HOUR, "role/deployer", "eve"),
            call(3, 90 * HOUR, "role/deployer", "bob"),
            call(4, 3 * HOUR, "user/mia", "bob"),
        ];
        assert_eq!(alerts(&events, &known), [(2 * HOUR, 1), (3 * HOUR, 1)]);
    }

    #[test]
    fn the_first_strong_call_of_a_caller_has_an_alert_of_its_own_after_weak_ones() {
        let mut known = Known::new();
        let mut call = |number, seconds, target: &str, code: &str| {
            let mut facts = facts(Tier::First, "role/deployer", target, None);
            facts.identity.code = code.to_owned();
            event(number, seconds, facts, &mut known)
        };
        let events = [
            call(1, HOUR, "orders", WEAK),
            call(2, 2 * HOUR, "trails", WEAK),
            call(3, 3 * HOUR, "trails", STRONG),
            call(4, 9 * HOUR, "orders", STRONG),
        ];
        assert_eq!(alerts(&events, &known), [(HOUR, 1), (3 * HOUR, 1)]);
    }

    #[test]
    fn what_a_rule_expects_and_what_aws_does_itself_has_a_transition_and_no_alert() {
        let mut known = Known::new();
        let expected = facts(Tier::Always, "role/terraform", "bob", Some("terraform"));
        let linked =
            "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";
        let by_aws = facts(Tier::Always, linked, "bob", None);
        let events = [
            event(1, 0, expected, &mut known),
            event(2, 0, by_aws, &mut known),
        ];
        assert_eq!(alerts(&events, &known), []);
        assert_eq!(transitions(&events, &known).len(), 2);
    }

    proptest! {
        #[test]
        fn the_alerts_depend_on_the_set_of_events_only(
            drawn in prop::collection::vec((0..3_u8, 0..3_u8, 0..12 * HOUR), 1..40),
        ) {
            let mut known = Known::new();
            let mut number = 0;
            let mut events: Vec<_> = drawn.iter().map(|(caller, target, seconds)| {
                number += 1;
                let tier = if *target == 0 { Tier::First } else { Tier::Always };
                let facts = facts(tier, &format!("user/{caller}"), &format!("t{target}"), None);
                event(number, *seconds, facts, &mut known)
            }).collect();
            let found = transitions(&events, &known);
            events.reverse();
            prop_assert_eq!(&transitions(&events, &known), &found);
            // Every call of a group is covered by exactly one alert.
            let total: u64 = alerts(&events, &known).iter().map(|(_, count)| count).sum();
            let covered: u64 = events.iter().filter(|(_, seen)| {
                let facts = &known[&seen.series.cluster];
                facts.call_details().unwrap().tier == Tier::Always
            }).count() as u64;
            prop_assert!(total >= covered);
            // As they come, the calls have the same alerts as all at once.
            let mut alerted: BTreeMap<ClusterId, BTreeSet<Timestamp>> = BTreeMap::new();
            let mut in_order = events.clone();
            in_order.sort_by_key(|(id, seen)| (seen.at(), *id));
            for (_, seen) in &in_order {
                let of = alerted.entry(seen.series.cluster).or_default();
                of.extend(uncovered(&seen.at().into_iter().collect(), of));
            }
            let each_hour = |of: &&Transition| known[&of.cluster.unwrap()].call_details().unwrap().tier == Tier::Always;
            let at_once: BTreeSet<_> = found.iter().filter(each_hour).map(|of| (of.cluster.unwrap(), of.at)).collect();
            let online: BTreeSet<_> = alerted.into_iter()
                .filter(|(id, _)| known[id].call_details().unwrap().tier == Tier::Always)
                .flat_map(|(id, times)| times.into_iter().map(move |at| (id, at))).collect();
            prop_assert_eq!(online, at_once);
        }
    }
}
