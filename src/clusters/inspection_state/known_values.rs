//! The networks, regions and access keys of known callers, and the layers and policies that refuse them. A value that is
//! new for a known caller, or for a known cluster, is announced once.
//!
//! Only refusals and failed authentications count. A thief with the key of a known caller shows exactly there: by a
//! network or a region that the caller never used before.
//!
//! What is seen in the first day of a caller in a cluster, or of a cluster, is learned and not announced. A caller that
//! moves between networks is announced three times in 30 days at most, and not at all with many networks in use.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::circumstance::{Caller, Circumstance, ProgramKind};
use crate::class::Class;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterId;
use crate::guard::is_overflow_subject;
use crate::inspection_state::ClusterHistory;
use crate::inspection_state::cluster_history::hash;
use crate::keys::masked;
use crate::lifecycle::LEARNING_SECONDS;
use crate::occurrence::Occurrence;
use crate::summary::Excerpt;
use crate::transition::{CircumstanceKind, NewCircumstance};
use crate::{Cluster, FacetValue};

/// The number of announced values of one kind within [`RECENT_HOURS`] after which no further value of the caller is
/// announced.
const ANNOUNCED_MAX: usize = 3;

/// How long an announced value, and a value in use, count as recent: 30 days.
const RECENT_HOURS: i64 = 30 * 24;

/// The number of recent values of one kind from which a caller has no usual ones: then no value is announced. It is also
/// the number of values that are stored.
const RECENT_VALUES_MAX: usize = 10;

/// The maximum number of stored callers of an account. No value of a further caller is announced.
const CALLERS_MAX: usize = 5000;

/// The maximum number of different values of a cluster, each with its kind and its caller. When there are more, none is
/// announced.
const SEEN_MAX: usize = 500;

/// The maximum number of layers, and of policies, of a cluster. When there are more, none is announced.
const CLUSTER_VALUES_MAX: usize = 50;

/// The number of clusters of an account for which the same layer or policy is announced within a day. A new policy may
/// refuse calls of many clusters at once.
const CLUSTERS_ANNOUNCED_MAX: usize = 3;

/// How long all values are learned for clusters that are older than these records, in seconds: a week.
///
/// It is needed once, for a state that an earlier version saved.
const FIRST_RECORDS_SECONDS: i64 = 7 * 86_400;

/// The number of usual values in an announcement.
const USUAL_MAX: usize = 5;

/// The values of known callers and clusters. See the [module](self) for what is announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownValues {
    /// The first hour whose events are recorded. In a state that an earlier version saved it is the first hour after it.
    since: Option<Window>,
    /// The values of each caller, by account and by a hash of the caller's name.
    callers: BTreeMap<String, BTreeMap<u64, CallerValues>>,
    clusters: BTreeMap<ClusterId, ClusterValues>,
    /// When a layer or a policy was announced in the last day, by account and by a hash of kind and value.
    announced: BTreeMap<String, BTreeMap<u64, Vec<Timestamp>>>,
}

/// The values of one caller in an account, by kind.
type CallerValues = BTreeMap<CircumstanceKind, UsedValues>;

/// The values of one kind that a caller used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct UsedValues {
    /// At most [`RECENT_VALUES_MAX`] values.
    values: Vec<UsedValue>,
    /// The times of the last [`ANNOUNCED_MAX`] new values, announced or not, oldest first.
    due: Vec<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UsedValue {
    value: String,
    first: Timestamp,
    /// The last hour in which the value was used.
    last: Window,
    /// Whether the value was new in a known cluster, so that no other cluster announces it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_due: bool,
}

/// The values of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ClusterValues {
    /// Hashes of the values of all callers, each with its kind and its caller.
    seen: BTreeSet<u64>,
    /// The layers and policies, in the order of their first events.
    refusing: BTreeMap<CircumstanceKind, Vec<String>>,
}

/// One event of a known cluster.
struct Event<'a> {
    at: Timestamp,
    account_id: &'a str,
    cluster: ClusterId,
    facets: &'a Facets,
    history: &'a ClusterHistory,
    /// The name of the caller, and the time of its first event in the cluster.
    caller: (&'a str, Timestamp),
    /// Whether the caller is one whose networks, regions and keys say something about it.
    has_habits: bool,
}

/// A new circumstance of a cluster, and its time.
pub type Found = (ClusterId, Timestamp, NewCircumstance);

impl KnownValues {
    /// Creates empty records, to which the hours from `first` on are added.
    pub fn new(first: Window) -> Self {
        Self {
            since: Some(first),
            ..Self::default()
        }
    }

    /// Sets the hour from which on events are recorded, if these records were saved without any.
    #[must_use]
    pub fn or_from(self, next: Window) -> Self {
        Self {
            since: self.since.or(Some(next)),
            ..self
        }
    }

    /// Adds events of the hour `window`, and returns what is to be announced. Events that were added before change
    /// nothing.
    ///
    /// The occurrences are sorted by time. `histories` are those of all clusters, with these events.
    pub fn add_hour(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        histories: &BTreeMap<ClusterId, ClusterHistory>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        // In an hour, further events with the same values bring nothing new.
        let mut done = HashSet::new();
        for occurrence in occurrences
            .iter()
            .filter(|of| is_relevant(of.subject.class))
        {
            let facets = &occurrence.series.facets;
            let values = CircumstanceKind::ALL.map(|kind| facets.get(kind.facet()));
            let key = (
                occurrence.series.cluster,
                facets.get(FacetKind::Principal),
                values,
            );
            if done.contains(&key) {
                continue;
            }
            if let Some(event) = Event::of(occurrence, histories) {
                done.insert(key);
                self.add(&event, &mut found);
            }
        }
        self.forget_announced(window.start());
        found
    }

    /// Drops the announcements of layers and policies that are older than a day.
    fn forget_announced(&mut self, now: Timestamp) {
        for values in self.announced.values_mut() {
            values.retain(|_, times| {
                times.retain(|at| now.seconds_since(*at) < LEARNING_SECONDS);
                !times.is_empty()
            });
        }
        self.announced.retain(|_, values| !values.is_empty());
    }

    fn add(&mut self, event: &Event<'_>, found: &mut Vec<Found>) {
        let is_learned = self.is_first_record(event)
            || event.at.seconds_since(event.caller.1) < LEARNING_SECONDS;
        for kind in CircumstanceKind::ALL {
            let Some(value) = event.value(kind) else {
                continue;
            };
            let new = if kind.is_of_caller() {
                self.add_of_caller(event, (kind, value), is_learned)
            } else {
                self.add_of_cluster(event, (kind, value))
            };
            found.extend(new.map(|new| (event.cluster, event.at, new)));
        }
    }

    /// Checks whether the cluster is older than the records, and the records are young.
    fn is_first_record(&self, event: &Event<'_>) -> bool {
        self.since.is_some_and(|since| {
            event.history.first < since.start()
                && event.at.seconds_since(since.start()) < FIRST_RECORDS_SECONDS
        })
    }

    fn add_of_caller(
        &mut self,
        event: &Event<'_>,
        (kind, value): (CircumstanceKind, &str),
        is_learned: bool,
    ) -> Option<NewCircumstance> {
        let caller = event.caller.0;
        let seen = &mut self.clusters.entry(event.cluster).or_default().seen;
        let is_new = seen.len() < SEEN_MAX && seen.insert(hash_of(&[kind.name(), caller, value]));
        let callers = self.callers.entry(event.account_id.to_owned()).or_default();
        let key = hash(caller);
        if callers.len() >= CALLERS_MAX && !callers.contains_key(&key) {
            return None;
        }
        let used = callers.entry(key).or_default().entry(kind).or_default();
        let is_due = is_new && !is_learned && is_place(kind, value) && used.is_new(value, event.at);
        let is_announced = is_due && used.admits(value, event.at);
        let usual = used.usual(value);
        used.add(value, event.at, is_due);
        is_announced.then(|| NewCircumstance {
            facet: kind,
            value: kind.shown(value),
            principal: Some(caller.to_owned()),
            usual: shown(kind, &usual),
        })
    }

    fn add_of_cluster(
        &mut self,
        event: &Event<'_>,
        (kind, value): (CircumstanceKind, &str),
    ) -> Option<NewCircumstance> {
        let is_learned = self.is_first_record(event)
            || event.at.seconds_since(event.history.first) < LEARNING_SECONDS;
        let cluster = self.clusters.entry(event.cluster).or_default();
        let known = cluster.refusing.entry(kind).or_default();
        if known.iter().any(|of| of == value) || known.len() >= CLUSTER_VALUES_MAX {
            return None;
        }
        let usual = known.clone();
        known.push(value.to_owned());
        // The alert about a new caller shows by what it is refused.
        let is_by_new_caller = event.at == event.caller.1;
        // Without a usual value, the messages of the service became more exact.
        if is_learned || is_by_new_caller || usual.is_empty() {
            return None;
        }
        let times = self
            .announced
            .entry(event.account_id.to_owned())
            .or_default()
            .entry(hash_of(&[kind.name(), value]))
            .or_default();
        let is_within = |at: &&Timestamp| event.at.seconds_since(**at) < LEARNING_SECONDS;
        if times.iter().filter(is_within).count() >= CLUSTERS_ANNOUNCED_MAX {
            return None;
        }
        times.push(event.at);
        Some(NewCircumstance {
            facet: kind,
            value: value.to_owned(),
            principal: None,
            usual: shown(kind, &usual),
        })
    }
}

impl UsedValues {
    /// Checks whether a value that is new in a cluster is new for the caller too: whether the caller has not used it for a
    /// day anywhere in the account, and no other cluster announces it.
    fn is_new(&self, value: &str, at: Timestamp) -> bool {
        let known = self.values.iter().find(|of| of.value == value);
        known.is_none_or(|of| {
            !of.is_due && (0..LEARNING_SECONDS).contains(&at.seconds_since(of.first))
        })
    }

    /// Checks whether a new value is announced: whether few values are in use, and few were new lately. The value counts
    /// as one that was new.
    fn admits(&mut self, value: &str, at: Timestamp) -> bool {
        let is_recent = |since: Window| at.window().hours() - since.hours() < RECENT_HOURS;
        let others = self.values.iter().filter(|of| of.value != value);
        let used = others.filter(|of| is_recent(of.last)).count();
        let due = self.due.iter().filter(|due| is_recent(due.window()));
        let is_admitted = due.count() < ANNOUNCED_MAX && used < RECENT_VALUES_MAX;
        self.due.push(at);
        self.due.sort_unstable();
        let excess = self.due.len().saturating_sub(ANNOUNCED_MAX);
        self.due.drain(..excess);
        is_admitted
    }

    /// Returns all values except one, the last used first.
    fn usual(&self, value: &str) -> Vec<String> {
        let mut others: Vec<&UsedValue> =
            self.values.iter().filter(|of| of.value != value).collect();
        others.sort_by_key(|of| (std::cmp::Reverse(of.last), of.value.clone()));
        others.into_iter().map(|of| of.value.clone()).collect()
    }

    /// Adds a use of a value. Among [`RECENT_VALUES_MAX`] others it takes the place of the one that was not used for
    /// longest, if that is not recent.
    fn add(&mut self, value: &str, at: Timestamp, is_due: bool) {
        let hour = at.window();
        if let Some(known) = self.values.iter_mut().find(|of| of.value == value) {
            known.first = known.first.min(at);
            known.last = known.last.max(hour);
            known.is_due |= is_due;
            return;
        }
        if self.values.len() >= RECENT_VALUES_MAX {
            let oldest = self
                .values
                .iter()
                .enumerate()
                .min_by_key(|(_, of)| of.last)
                .filter(|(_, of)| hour.hours() - of.last.hours() >= RECENT_HOURS);
            let Some((place, _)) = oldest else {
                return;
            };
            self.values.remove(place);
        }
        self.values.push(UsedValue {
            value: value.to_owned(),
            first: at,
            last: hour,
            is_due,
        });
    }
}

impl<'a> Event<'a> {
    /// Returns the event if its cluster and its caller are known, and the event is not quiet.
    fn of(
        occurrence: &'a Occurrence,
        histories: &'a BTreeMap<ClusterId, ClusterHistory>,
    ) -> Option<Self> {
        let (subject, facets) = (&occurrence.subject, &occurrence.series.facets);
        let cluster = occurrence.series.cluster;
        let history = histories.get(&cluster)?;
        let name = facets.get(FacetKind::Principal)?;
        let first = history.met(occurrence)?;
        let circumstance = Circumstance::of_facets(subject, facets);
        if circumstance.is_quiet(subject) || is_overflow_subject(subject) {
            return None;
        }
        Some(Self {
            at: occurrence.at,
            account_id: &subject.account_id,
            cluster,
            facets,
            history,
            caller: (name, first),
            has_habits: has_habits(&circumstance, name),
        })
    }

    /// Returns the value of a kind; `None` if the event has none, or none that says something.
    fn value(&self, kind: CircumstanceKind) -> Option<&'a str> {
        let value = self.facets.get(kind.facet())?;
        let is_useful = is_known(kind, value) && (self.has_habits || !kind.is_of_caller());
        is_useful.then_some(value)
    }
}

/// Checks whether a caller is one whose networks, regions and keys say something about it.
fn has_habits(circumstance: &Circumstance, name: &str) -> bool {
    circumstance.means != ProgramKind::AwsService
        && circumstance.caller != Caller::Anonymous
        && !NAMELESS.contains(&name)
}

/// Checks whether a value says something: a long-term key, and a network that could be read.
fn is_known(kind: CircumstanceKind, value: &str) -> bool {
    match kind {
        CircumstanceKind::AccessKey => value.starts_with("AKIA"),
        CircumstanceKind::Network => value != OTHER_NETWORK,
        _ => true,
    }
}

/// The names of callers whose name a record does not have, as `records::principal` writes them.
const NAMELESS: [&str; 3] = ["anonymous", "unknown", "unknown-user"];

/// The network of an address that cannot be read, as `records::principal` writes it.
const OTHER_NETWORK: &str = "other";

/// Checks whether failures of a class are refusals or failed authentications.
fn is_relevant(class: Class) -> bool {
    matches!(
        class,
        Class::Denied | Class::Auth | Class::Signin | Class::Vpce
    )
}

/// Checks whether a value may be announced. The name of an AWS service in place of a network is only one of the usual
/// values: services call from anywhere.
fn is_place(kind: CircumstanceKind, value: &str) -> bool {
    kind != CircumstanceKind::Network || value.contains('/')
}

fn shown(kind: CircumstanceKind, usual: &[String]) -> Excerpt<String> {
    let usual = usual.iter().map(|value| kind.shown(value)).collect();
    Excerpt::of(usual, USUAL_MAX)
}

impl CircumstanceKind {
    /// Returns a value as it may be shown: the id of an access key is masked.
    fn shown(self, value: &str) -> String {
        match self {
            Self::AccessKey => masked(value),
            _ => value.to_owned(),
        }
    }
}

impl NewCircumstance {
    /// Returns the value of a cluster that came last, with the values before it as the usual ones, and the time of its
    /// first event. It is an example of an alert, so learning periods and limits do not count.
    ///
    /// `None` if no value came after others, and for a class without such alerts.
    pub fn newest_of(cluster: &Cluster) -> Option<(Timestamp, Self)> {
        if !is_relevant(cluster.facts.identity.class) {
            return None;
        }
        let of_kind = |kind: CircumstanceKind| {
            let values = cluster.facets.get(&kind.facet()).map(|of| &of.values);
            let values = values.into_iter().flatten();
            values.filter_map(move |value| Self::beside_earlier(cluster, kind, value))
        };
        let all = CircumstanceKind::ALL.into_iter().flat_map(of_kind);
        all.max_by_key(|(at, _)| *at)
    }

    /// Returns a value as a new circumstance beside the values that came before it, of the same caller or of the cluster.
    fn beside_earlier(
        cluster: &Cluster,
        kind: CircumstanceKind,
        new: &FacetValue,
    ) -> Option<(Timestamp, Self)> {
        let at = new.span.first_seen?;
        let account_id = &cluster.facts.identity.account_id;
        let uses = |facets: &Facets, value: &FacetValue| {
            facets.get(kind.facet()) == Some(value.value.as_str())
        };
        let caller_of = |facets: &Facets| {
            let name = facets.get(FacetKind::Principal)?;
            let circumstance = Circumstance::of(account_id, |kind| facets.get(kind));
            has_habits(&circumstance, name).then(|| name.to_owned())
        };
        let mut users = cluster.facet_sets.iter().filter(|of| uses(of, new));
        let principal = match kind.is_of_caller() {
            true => Some(users.find_map(caller_of)?),
            false => None,
        };
        let is_usual = |value: &&FacetValue| {
            let is_earlier = value.span.first_seen.is_some_and(|first| first < at);
            is_earlier
                && is_known(kind, &value.value)
                && cluster.facet_sets.iter().any(|facets| {
                    let name = facets.get(FacetKind::Principal);
                    uses(facets, value) && (principal.is_none() || name == principal.as_deref())
                })
        };
        let values = &cluster.facets.get(&kind.facet())?.values;
        let mut usual: Vec<&FacetValue> = values.iter().filter(is_usual).collect();
        usual.sort_by_key(|of| (std::cmp::Reverse(of.span.last_seen), &of.value));
        let usual: Vec<String> = usual.into_iter().map(|of| of.value.clone()).collect();
        let is_example =
            !usual.is_empty() && is_known(kind, &new.value) && is_place(kind, &new.value);
        is_example.then(|| {
            let new = Self {
                facet: kind,
                value: kind.shown(&new.value),
                principal,
                usual: shown(kind, &usual),
            };
            (at, new)
        })
    }
}

fn hash_of(parts: &[&str]) -> u64 {
    hash(&parts.join("\0"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fingerprint::{ClusterSubject, Identity};
    use crate::inspection_state::InspectionState;
    use crate::packed::{pack, unpack};
    use crate::transition::Change;
    use crate::{EventId, Series};

    const MIA: &str = "arn:aws:iam::111122223333:user/mia";
    const HOME: &str = "192.0.2.0/24";
    const AWAY: &str = "203.0.113.0/24";

    /// A refused call, hours after a fixed moment.
    fn refused(hour: i64, action: &str, facets: &[(FacetKind, &str)]) -> Occurrence {
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: "s3".to_owned(),
            action: action.to_owned(),
            class: Class::Denied,
            code: "AccessDenied".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut given = Facets::default();
        given.set(FacetKind::Principal, Some(MIA));
        given.set(FacetKind::Network, Some(HOME));
        for (kind, value) in facets {
            given.set(*kind, Some(value));
        }
        let cluster = identity.cluster_id();
        let start = Timestamp::parse("2026-11-01T08:00:00Z").unwrap();
        Occurrence {
            at: start.plus(hour * 3600),
            id: EventId::from_bytes([hour as u8; 16]),
            series: Arc::new(Series {
                cluster,
                facets: given,
            }),
            subject: Arc::new(ClusterSubject::from(&identity)),
        }
    }

    fn from(hour: i64, network: &str) -> Occurrence {
        refused(hour, "GetObject", &[(FacetKind::Network, network)])
    }

    /// Adds the hours of events to a state, and returns what is announced: the hour and the new circumstance.
    fn announced_in(
        state: &mut InspectionState,
        occurrences: &[Occurrence],
    ) -> Vec<(i64, NewCircumstance)> {
        let start = Timestamp::parse("2026-11-01T08:00:00Z").unwrap();
        let mut found = Vec::new();
        for hour in occurrences.chunk_by(|one, other| one.at.window() == other.at.window()) {
            for transition in state.turn(hour[0].at.window(), hour) {
                if let Change::NewCircumstance(new) = transition.change {
                    found.push((transition.at.seconds_since(start) / 3600, *new));
                }
            }
        }
        found
    }

    fn announced(occurrences: &[Occurrence]) -> Vec<(i64, String)> {
        let mut state = InspectionState::new(occurrences[0].at.window());
        let found = announced_in(&mut state, occurrences).into_iter();
        found
            .map(|(hour, new)| (hour, format!("{} {}", new.facet.name(), new.value)))
            .collect()
    }

    #[test]
    fn a_new_network_of_a_known_caller_is_announced_once_with_the_usual_ones() {
        let mut events: Vec<Occurrence> = (0..7)
            .map(|of| from(of, &format!("198.51.{of}.0/24")))
            .collect();
        events.extend([from(40, AWAY), from(41, AWAY), from(100, AWAY)]);
        let mut state = InspectionState::new(events[0].at.window());
        let [(hour, new)] = &announced_in(&mut state, &events)[..] else {
            panic!("one circumstance");
        };
        assert_eq!((*hour, &*new.value), (40, AWAY));
        assert_eq!(new.principal.as_deref(), Some(MIA));
        assert_eq!((new.usual.total, new.usual.shown.len()), (7, 5));
        assert_eq!(new.usual.shown[0], "198.51.6.0/24", "the last used first");
        assert_eq!(new.about(), format!("network {AWAY} by {MIA}"));
    }

    #[test]
    fn the_first_day_of_a_caller_in_a_cluster_is_learned() {
        assert_eq!(
            announced(&[from(0, HOME), from(23, AWAY), from(60, AWAY)]),
            []
        );
        let ben = |hour, network| {
            let name = (FacetKind::Principal, "arn:aws:iam::111122223333:user/ben");
            refused(hour, "GetObject", &[name, (FacetKind::Network, network)])
        };
        let events = [from(0, HOME), ben(50, AWAY), ben(70, "198.51.7.0/24")];
        assert_eq!(announced(&events), []);
    }

    #[test]
    fn a_network_is_announced_once_for_all_clusters_of_an_account() {
        let other = |hour, network| refused(hour, "PutObject", &[(FacetKind::Network, network)]);
        let events = [
            from(0, HOME),
            other(1, HOME),
            from(40, AWAY),
            other(41, AWAY),
        ];
        assert_eq!(announced(&events), [(40, format!("network {AWAY}"))]);
        // A call that is new for the caller comes first, and does not hide the network.
        let events = [from(0, HOME), other(40, AWAY), from(41, AWAY)];
        assert_eq!(announced(&events), [(41, format!("network {AWAY}"))]);
        // A network that the caller has used for a day elsewhere is not new.
        let events = [
            from(0, HOME),
            other(1, HOME),
            other(2, AWAY),
            from(40, AWAY),
        ];
        assert_eq!(announced(&events), []);
    }

    #[test]
    fn a_caller_in_another_network_every_day_is_announced_three_times() {
        let mut events = vec![from(0, HOME)];
        events.extend((1..80).map(|day| from(24 * day, &format!("198.51.{day}.0/24"))));
        assert_eq!(announced(&events).len(), ANNOUNCED_MAX);
        // After a quiet month a new network means something again.
        let calm = (80..115).map(|day| from(24 * day, HOME));
        events.extend(calm);
        events.push(from(24 * 115, AWAY));
        let found = announced(&events);
        assert_eq!(found.last().unwrap().1, format!("network {AWAY}"));
    }

    #[test]
    fn a_caller_with_many_networks_has_no_usual_one() {
        let many: Vec<Occurrence> = (0..12)
            .map(|of| from(of, &format!("198.51.{of}.0/24")))
            .collect();
        let new = [from(40, AWAY)];
        assert_eq!(announced(&[&many[..], &new].concat()), []);
        assert_eq!(announced(&[&many[..9], &new].concat()).len(), 1);
    }

    #[test]
    fn regions_and_long_term_keys_are_circumstances_and_temporary_keys_are_none() {
        let with = |hour, kind, value| refused(hour, "GetObject", &[(kind, value)]);
        let events = [
            with(0, FacetKind::Region, "eu-central-1"),
            with(40, FacetKind::Region, "ap-southeast-3"),
            with(41, FacetKind::AccessKey, "ASIAQNZGKIQY56JQ7WML"),
            with(42, FacetKind::AccessKey, "AKIAQNZGKIQY56JQ7WML"),
        ];
        let wanted = ["region ap-southeast-3", "access_key AKIA****7WML"];
        let found = announced(&events).into_iter().map(|(_, what)| what);
        assert_eq!(found.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn services_scanners_and_callers_without_names_have_no_habits() {
        for (kind, value) in [
            (FacetKind::Origin, "aws-service"),
            (FacetKind::Principal, "anonymous"),
            (FacetKind::Principal, "unknown"),
        ] {
            let event = |hour, network| {
                let facets = [(kind, value), (FacetKind::Network, network)];
                refused(hour, "GetObject", &facets)
            };
            assert_eq!(announced(&[event(0, HOME), event(40, AWAY)]), [], "{value}");
        }
        let events = [
            from(0, HOME),
            from(40, "athena.amazonaws.com"),
            from(41, "other"),
        ];
        assert_eq!(announced(&events), []);
    }

    #[test]
    fn a_new_policy_is_announced_for_three_clusters_and_the_first_named_one_for_none() {
        let mut events = Vec::new();
        for (hour, policy) in [(0, ""), (1, "p-old"), (40, "p-new"), (41, "p-new")] {
            for call in 0..5 {
                let facets = [(FacetKind::Policy, policy)];
                events.push(refused(hour, &format!("Get{call}"), &facets));
            }
        }
        events.push(refused(0, "Unnamed", &[]));
        events.push(refused(40, "Unnamed", &[(FacetKind::Policy, "p-first")]));
        events.sort_by_key(|of| of.at);
        let found = announced(&events);
        assert_eq!(
            found,
            vec![(40, "policy p-new".to_owned()); CLUSTERS_ANNOUNCED_MAX]
        );
    }

    #[test]
    fn a_layer_that_refuses_a_new_caller_is_part_of_the_alert_about_the_caller() {
        let layer = |hour, name: &str, layer| {
            let facets = [(FacetKind::Principal, name), (FacetKind::Layer, layer)];
            refused(hour, "GetObject", &facets)
        };
        let (old, new) = ("identity implicit", "boundary implicit");
        let events = [
            layer(0, MIA, old),
            layer(40, "ben", new),
            layer(41, MIA, new),
        ];
        assert_eq!(announced(&events), []);
        let events = [
            layer(0, MIA, old),
            layer(40, MIA, new),
            layer(41, "ben", new),
        ];
        assert_eq!(announced(&events), [(40, format!("layer {new}"))]);
    }

    #[test]
    fn late_events_are_announced_and_repeated_ones_are_not() {
        let mut state = InspectionState::new(from(0, HOME).at.window());
        assert_eq!(
            announced_in(&mut state, &[from(0, HOME), from(60, HOME)]),
            []
        );
        let late = [from(40, AWAY)];
        let changes = |state: &mut InspectionState| -> Vec<&'static str> {
            let transitions = state.amend(&late);
            transitions.iter().map(|of| of.change.name()).collect()
        };
        assert_eq!(changes(&mut state), ["new_circumstance"]);
        assert_eq!(changes(&mut state), [""; 0]);
    }

    #[test]
    fn a_state_of_an_earlier_version_learns_for_a_week() {
        let mut state = InspectionState::new(from(0, HOME).at.window());
        announced_in(&mut state, &[from(0, HOME), from(60, HOME)]);
        let mut saved: serde_json::Value = unpack(&state.encode(), 1 << 20).unwrap();
        saved.as_object_mut().unwrap().remove("known_values");
        let read = || InspectionState::decode(&pack(&saved)).unwrap();
        assert_eq!(announced_in(&mut read(), &[from(70, AWAY)]), []);
        let events = [from(70, HOME), from(61 + 8 * 24, AWAY)];
        assert_eq!(announced_in(&mut read(), &events).len(), 1);
    }

    #[test]
    fn an_attacker_with_many_values_fills_no_memory() {
        let mut state = InspectionState::new(from(0, HOME).at.window());
        let events: Vec<Occurrence> = (0..2000)
            .map(|of| from(of / 100, &format!("10.{}.{}.0/24", of / 200, of % 200)))
            .collect();
        announced_in(&mut state, &events);
        let values = &state.known_values;
        let of_cluster = values.clusters.values().next().unwrap();
        assert_eq!(of_cluster.seen.len(), SEEN_MAX);
        let used = &values.callers["111122223333"][&hash(MIA)][&CircumstanceKind::Network];
        assert_eq!(used.values.len(), RECENT_VALUES_MAX);
        assert_eq!(announced_in(&mut state, &[from(60, AWAY)]), []);
    }
}
