//! Groups failed calls into clusters: records become a [`Tally`], and tallies become a [`ClusterSnapshot`].
//!
//! A **cluster** is a set of errors with one common identity: account, service, action, class and code, and where they
//! matter a cause and a masked message. A **sighting** is the stored information about one event: its series and its time.
//! A **series** is one combination of facets (caller, region, access key and so on) within a cluster. An **episode** is a
//! period in which a cluster fails.
//!
//! State is a set of events, not a counter. A tally maps the id of each event to its sighting, and two tallies are joined
//! by set union, which is commutative, associative and idempotent. So the same records give the same clusters in any
//! order and in any batches, delivered once or five times, and after a crash at any point. If two records have the same
//! event id but different contents, the lesser sighting stays, so that the union does not depend on order.
//!
//! The modules, in reading order. From a record to a cluster:
//!
//! - `selection` decides whether a record is a failure, by the table in `hidden_failures`.
//! - `watch` has the calls that are watched although they succeed, with their conditions, and what is kept of such a call.
//! - `classification` assigns one of the classes in `class` to a failure, by the tables in `wordings`, `error_codes` and
//!   `code_patterns`. `tsv` reads tables.
//! - `exclusions` leaves records out before any rule: those of accounts that are not chosen (`account_filter`, by patterns of `wildcard`; `log_group_filter` does so for log groups), errors of
//!   this tool's own roles (`own_roles`), and the second record of a call that two accounts log (`cross_account_copy`).
//! - `event_name` removes the version from the name of an API.
//! - `fingerprint` builds the identity of a cluster and its versioned id.
//! - `caller` has the id of a caller, which links to its page.
//! - `facet` extracts the details of a single call: caller, region, access key, refusing policy layer, resource and so on.
//! - `iam_action` looks up the IAM action that a call needs, in a list of all actions that exist.
//! - `requested_resource` finds the request parameter that identifies the resource of a call.
//! - `sample` chooses the few records of a cluster that are stored as examples.
//! - `report` counts what becomes of the records (clustered, left out and so on), and writes these counts as metrics.
//!
//! How sightings are stored:
//!
//! - `series` stores many combinations of facets in little memory.
//! - `sightings` is the set of all events that a store has seen.
//! - `segment` encodes the sightings of one batch and one hour of event time as bytes.
//! - `guard` limits how many new clusters an account gets in an hour.
//! - `packed` compresses data with DEFLATE or gzip.
//!
//! What happens over time:
//!
//! - `lifecycle` is the state machine of a cluster: which state, such as ongoing or recovered, follows a failure, a quiet
//!   period or a person's decision.
//! - `circumstance` has the few facts of a call that a severity is computed from.
//!   `delivery` lists the calls with which AWS services deliver something.
//! - `least_values` keeps the least of many values, such as the resources of a cluster.
//! - `timeline` counts events by cluster and hour.
//! - `inspection_state` is what the inspection remembers from hour to hour: the history and the baseline of each cluster,
//!   the activity of each account.
//! - `transition` lists the changes of clusters, callers and accounts that alerts are made from.
//! - `escalation` compares the number of events in an hour of a cluster or an account with the week before.
//! - `call_alerts` decides which sensitive calls an alert is due for.
//! - `occurrence` is one event as the inspection and the search for incidents read it.
//! - `incident` tells what one actor did as one story, with the evidence, the steps and what stays behind.
//! - `summary` has the numbers of one hour, day or week of an account that a summary alert shows.
//!
//! What people ask and decide:
//!
//! - `triage` is the decision of a person about a cluster; `journal` lists what happened to the cluster.
//! - `carry` carries both over after a change of the identity version, to the clusters that hold the same events.
//! - `keys` determines the owner of an access key, and finds anomalies in the last use of the key that IAM reports.
//! - `related` finds other failures of the same callers.
//! - `ranking` lists the values of one property of events, such as the caller or the error code, by number of events.

pub mod account_filter;
pub mod call_alerts;
pub mod caller;
pub mod carry;
pub mod circumstance;
pub mod class;
pub mod classification;
mod code_patterns;
pub mod cross_account_copy;
pub mod delivery;
pub mod error_codes;
pub mod escalation;
pub mod event_name;
pub mod exclusions;
pub mod facet;
pub mod fingerprint;
pub mod guard;
pub mod hidden_failures;
mod iam_action;
pub mod incident;
pub mod inspection_state;
pub mod journal;
pub mod keys;
pub mod least_values;
pub mod lifecycle;
pub mod log_group_filter;
pub mod occurrence;
pub mod own_roles;
pub mod packed;
pub mod ranking;
pub mod related;
pub mod report;
mod requested_resource;
pub mod sample;
pub mod segment;
pub mod selection;
pub mod series;
pub mod sightings;
pub mod summary;
pub mod timeline;
pub mod transition;
pub mod triage;
mod tsv;
pub mod watch;
pub mod wildcard;
pub mod wordings;

use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use foldhash::HashMap;
use records::denial::Layer;
use records::time::Timestamp;
use records::{Record, Wrapper};
use sha2::{Digest, Sha256};

use crate::circumstance::shown_code;
use crate::class::Class;
use crate::facet::{FacetKind, Facets, service_between};
use crate::fingerprint::{ClusterId, Identity, ParsedFailure, identify, identify_call};
use crate::sample::{Rank, Sample, SampleCutoffs, Samples};
use crate::series::{SeriesRef, SeriesTable};
use crate::watch::CallDetails;

/// The id of an event, 128 bits: the UUID in the record's `eventID`, or a hash if there is no UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);

/// One event, as it is stored: its series, its time, and whether the call succeeded.
///
/// Sightings are ordered: failures come before sensitive calls, then cluster, time and facets decide. If two records of
/// one event differ, the lesser sighting is stored, so that the result does not depend on the order of records.
///
/// There is one sighting for every event, so the type is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The cluster and the facets of the event, shared with similar events.
    pub series: Arc<Series>,
    /// The event time of the call, which may be unknown; see [`Stamp::time`].
    pub stamp: Stamp,
    /// Whether the event is a sensitive call that succeeded; `false` for a failure.
    ///
    /// If one event id comes both as a success and as a failure, the failure is stored.
    pub watched: bool,
}

/// A cluster and one combination of facet values in it, shared by all events of the cluster that have these values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The cluster that the events belong to.
    pub cluster: ClusterId,
    /// The details of the calls: caller, region, access key and so on.
    pub facets: Facets,
}

/// The event time in four bytes: seconds since [`Timestamp::FIRST`] plus one; 0 if the event has no usable time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u32);

/// What all events of a cluster have in common: its identity and its masked error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The components that the cluster's id is the hash of.
    pub identity: Identity,
    /// The error message with its variable parts masked; empty if no record has a message.
    ///
    /// If records have different masked messages, the first in byte order stays, so that the order of records does not
    /// matter.
    pub template: String,
}

/// Everything that a record contributes to its cluster, except the event id and the time.
///
/// Records that differ only in event id, time and request id have equal findings, so the finding of one record can be
/// used for the others.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The cluster and the facets of the record.
    pub series: Arc<Series>,
    /// The identity and the masked error message of the record's cluster.
    pub facts: Arc<ClusterFacts>,
    /// Whether the record is a refusal by an unknown policy layer: the wording of its message is not in the tables.
    pub unknown_denial: bool,
}

/// The failures and sensitive calls of a batch of records, with their clusters and samples.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The sighting of each event, by event id.
    pub sightings: HashMap<EventId, Sighting>,
    /// The identity and the masked error message of each cluster that has an event in the tally.
    pub facts: HashMap<ClusterId, Arc<ClusterFacts>>,
    /// Redacted example records by cluster; empty unless samples were requested.
    pub samples: HashMap<ClusterId, Samples>,
}

/// The result of analyzing one record of a failure or a sensitive call.
#[derive(Debug)]
pub struct Conclusion<'a> {
    /// The id of the event.
    pub id: EventId,
    /// The event time of the call; `None` if the record has no usable time.
    pub at: Option<Timestamp>,
    /// The identity of the record's cluster, with the masked message and the parsed refusal.
    pub understanding: ParsedFailure<'a>,
    /// The details of the call: caller, region, access key and so on.
    pub facets: Facets,
    /// The cluster to which a rule of the user moves the record; `None` if the record stays in the cluster of its
    /// identity.
    pub merged_into: Option<ClusterId>,
}

/// The largest believable difference between event time and the time of CloudWatch Logs, in seconds.
const LOGGED_SECONDS_MAX: i64 = 15 * 86_400;

/// Analyzes a record of a failure: event id, time, cluster identity and facets.
///
/// `class` is the class that [`selection::select`] returned for the record. `wrapper` supplies account and time if the
/// record has none.
pub fn conclude<'a>(record: &'a Record<'_>, wrapper: &Wrapper, class: Class) -> Conclusion<'a> {
    let understanding = identify(record, wrapper, class);
    let facets = Facets::of(record, &understanding);
    Conclusion {
        id: EventId::of(record),
        at: event_time(record.event_time.as_deref(), wrapper),
        understanding,
        facets,
        merged_into: None,
    }
}

/// Analyzes a record of a sensitive call: event id, time, identity and facets.
///
/// `details` are those that [`watch::Watches::find`] returned for the record. `wrapper` supplies account and time if the
/// record has none.
pub fn conclude_call<'a>(
    record: &'a Record<'_>,
    wrapper: &Wrapper,
    details: &CallDetails,
) -> Conclusion<'a> {
    let understanding = identify_call(record, wrapper, details);
    let mut facets = Facets::of(record, &understanding);
    if details.target.is_some() {
        facets.set(FacetKind::Resource, details.target.as_deref());
    }
    Conclusion {
        id: EventId::of(record),
        at: event_time(record.event_time.as_deref(), wrapper),
        understanding,
        facets,
        merged_into: None,
    }
}

/// Returns the time of an event: `recorded`, which is the record's `eventTime`, else the time at which CloudWatch Logs
/// stored the record.
///
/// An `eventTime` more than 15 days from the CloudWatch time is ignored. `None` if there is no usable time.
pub fn event_time(recorded: Option<&str>, wrapper: &Wrapper) -> Option<Timestamp> {
    let recorded = recorded.and_then(Timestamp::parse);
    match (recorded, wrapper.logged_at) {
        (Some(recorded), Some(logged))
            if recorded.seconds_since(logged).abs() > LOGGED_SECONDS_MAX =>
        {
            Some(logged)
        }
        (recorded, logged) => recorded.or(logged),
    }
}

impl Finding {
    /// Creates a finding: keeps the part of a conclusion that is the same for every event with equal facets.
    pub fn of(conclusion: Conclusion<'_>) -> Self {
        let Conclusion {
            understanding,
            facets,
            merged_into,
            ..
        } = conclusion;
        let own = || understanding.identity.cluster_id();
        let series = Series {
            cluster: merged_into.unwrap_or_else(own),
            facets: facets.packed(),
        };
        let denial = understanding.denial.as_ref();
        Self {
            series: Arc::new(series),
            unknown_denial: denial.is_some_and(|denial| denial.layer == Some(Layer::Unknown)),
            facts: Arc::new(ClusterFacts::of(understanding)),
        }
    }
}

impl Sighting {
    /// Creates the sighting of one event.
    ///
    /// `watched` is `true` for a sensitive call that succeeded. `at` is `None` if the record has no usable time.
    pub fn new(watched: bool, at: Option<Timestamp>, series: Arc<Series>) -> Self {
        Self {
            series,
            stamp: Stamp::of(at),
            watched,
        }
    }

    /// Returns the event time of the call; `None` if the record has no usable time.
    pub fn at(&self) -> Option<Timestamp> {
        self.stamp.time()
    }
}

impl Ord for Sighting {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |sighting: &Self| (sighting.watched, sighting.series.cluster, sighting.stamp);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.series.facets.cmp(&other.series.facets))
    }
}

impl PartialOrd for Sighting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Stamp {
    fn of(at: Option<Timestamp>) -> Self {
        let seconds = at.map_or(0, |at| at.seconds_since(Timestamp::FIRST) + 1);
        Self(u32::try_from(seconds).unwrap_or_default())
    }

    /// Returns the event time; `None` if the record has no usable time.
    pub fn time(self) -> Option<Timestamp> {
        let seconds = i64::from(self.0.checked_sub(1)?);
        Timestamp::from_seconds(Timestamp::FIRST.seconds() + seconds)
    }
}

impl Tally {
    /// Adds an event with the finding of its record; returns `false` if the event was already in the tally.
    ///
    /// Of two different sightings of one event the lesser stays; see [`Sighting`].
    pub fn observe(&mut self, id: EventId, at: Option<Timestamp>, finding: &Finding) -> bool {
        let Finding { series, facts, .. } = finding;
        self.learn(series.cluster, facts);
        let watched = facts.identity.class == Class::Watch;
        self.insert(id, Sighting::new(watched, at, Arc::clone(series)))
    }

    /// Adds the sighting of an event; returns `false` if the event was already in the tally.
    ///
    /// Of two different sightings of one event the lesser stays; see [`Sighting`].
    pub fn insert(&mut self, id: EventId, sighting: Sighting) -> bool {
        match self.sightings.entry(id) {
            Entry::Vacant(unseen) => {
                unseen.insert(sighting);
                true
            }
            Entry::Occupied(mut stored) => {
                if sighting < *stored.get() {
                    stored.insert(sighting);
                }
                false
            }
        }
    }

    /// Adds the identity and the masked message of a cluster, or joins them with those in the tally by
    /// [`ClusterFacts::join`].
    pub fn learn(&mut self, cluster: ClusterId, facts: &Arc<ClusterFacts>) {
        match self.facts.entry(cluster) {
            Entry::Vacant(unseen) => {
                unseen.insert(Arc::clone(facts));
            }
            Entry::Occupied(mut stored) => ClusterFacts::join(stored.get_mut(), cluster, facts),
        }
    }

    /// Adds a redacted example of an event, unless its cluster has enough samples of lower rank in the tally or in the
    /// store.
    ///
    /// `cutoffs` holds the highest rank that the store keeps of each cluster with enough samples. `redacted` makes the
    /// JSON text of the sample; it is called only if the sample is kept.
    pub fn sample(
        &mut self,
        cluster: ClusterId,
        id: EventId,
        at: Option<Timestamp>,
        cutoffs: &SampleCutoffs,
        redacted: impl FnOnce() -> String,
    ) {
        let rank = Rank::of(id);
        if cutoffs.get(&cluster).is_some_and(|last| rank > *last) {
            return;
        }
        let samples = self.samples.entry(cluster).or_default();
        if samples.wants(rank) {
            let json = redacted().into();
            samples.insert_at(rank, Sample { at, id, json });
        }
    }

    /// Removes the events with these ids and their samples, and the facts of clusters that have no event left in the
    /// tally.
    pub fn forget(&mut self, ids: &[EventId]) {
        if ids.is_empty() {
            return;
        }
        for id in ids {
            if let Some(sighting) = self.sightings.remove(id)
                && let Some(samples) = self.samples.get_mut(&sighting.series.cluster)
            {
                samples.forget(*id);
            }
        }
        let clusters = self
            .sightings
            .values()
            .map(|sighting| sighting.series.cluster);
        let left: HashSet<ClusterId> = clusters.collect();
        self.facts.retain(|cluster, _| left.contains(cluster));
        self.samples.retain(|cluster, _| left.contains(cluster));
    }
}

impl ClusterFacts {
    /// Keeps the identity and the template of an understanding, without spare capacity.
    fn of(understanding: ParsedFailure<'_>) -> Self {
        let ParsedFailure {
            mut identity,
            mut template,
            ..
        } = understanding;
        template.shrink_to_fit();
        if let Some(template) = &mut identity.template {
            template.shrink_to_fit();
        }
        Self { identity, template }
    }

    /// Checks whether these are the facts of a sensitive call, which is not part of any cluster of failures.
    pub fn is_sensitive_call(&self) -> bool {
        self.identity.class == Class::Watch
    }

    /// Returns what a sensitive call did. `None` for the facts of a cluster of failures, and of sensitive calls that
    /// were counted together: those beyond the limit, and those that an earlier version stored.
    pub fn call_details(&self) -> Option<CallDetails> {
        self.identity.call_details()
    }

    /// Joins `other` into `stored`; both are facts of the same cluster, and the result does not depend on their order.
    ///
    /// The first non-empty masked message in byte order stays. Identities differ only if a rule merges clusters. Then
    /// the identity whose hash is `cluster` stays. If neither identity has this hash, the lesser one stays.
    pub fn join(stored: &mut Arc<Self>, cluster: ClusterId, other: &Arc<Self>) {
        if Arc::ptr_eq(stored, other) {
            return;
        }
        let template = &other.template;
        if !template.is_empty() && (stored.template.is_empty() || *template < stored.template) {
            Arc::make_mut(stored).template.clone_from(template);
        }
        let own = |identity: &Identity| identity.cluster_id() == cluster;
        if stored.identity != other.identity
            && !own(&stored.identity)
            && (own(&other.identity) || other.identity < stored.identity)
        {
            Arc::make_mut(stored).identity.clone_from(&other.identity);
        }
    }
}

/// The number of events in a set, such as a cluster, and their first and last event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The number of distinct events in the set.
    pub count: u64,
    /// The earliest event time; `None` if no event has a usable time.
    pub first_seen: Option<Timestamp>,
    /// The latest event time; `None` if no event has a usable time.
    pub last_seen: Option<Timestamp>,
}

impl Span {
    /// Returns the span of a single event; `at` is its event time, or `None` if it has no usable time.
    pub fn at(at: Option<Timestamp>) -> Self {
        Self {
            count: 1,
            first_seen: at,
            last_seen: at,
        }
    }

    /// Adds the span of other events: the counts are added, and the period is extended to contain both.
    ///
    /// No event may be in both spans; otherwise it counts twice.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.last_seen = self.last_seen.max(other.last_seen);
        self.first_seen = match (self.first_seen, other.first_seen) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// One series of a snapshot: its index in the snapshot's [`SeriesTable`], and the span of its events.
pub type SeriesRow = (u32, Span);

/// All clusters that have events in a store, or in a period of event time.
///
/// Lists, pages and alerts are made from it.
#[derive(Debug, Clone, Default)]
pub struct ClusterSnapshot {
    /// The identity and the masked error message of each cluster.
    pub facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
    /// Redacted example records by cluster.
    pub samples: BTreeMap<ClusterId, Samples>,
    series_table: Arc<SeriesTable>,
    /// Sorted by series.
    rows: Vec<SeriesRow>,
}

/// One cluster of a snapshot with the number of its events and their first and last time, but without facet values.
///
/// [`ClusterTotals::cluster`] computes the facet values and other details.
#[derive(Debug, Clone, Copy)]
pub struct ClusterTotals<'a> {
    /// The id of the cluster.
    pub id: ClusterId,
    /// The identity and the masked error message of the cluster.
    pub facts: &'a Arc<ClusterFacts>,
    /// The number of events of the cluster, and their first and last event time.
    pub span: Span,
    series_table: &'a SeriesTable,
    rows: &'a [SeriesRow],
    samples: Option<&'a Samples>,
}

/// The maximum number of values of one kind of facet that a [`Cluster`] lists; further values are only counted.
pub const FACET_VALUES_MAX: usize = 50;

/// One value of a facet in a cluster, such as one caller, with the span of the events that have this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// The sanitized text of the value.
    pub value: String,
    /// The number of events with the value, and the first and the last event time.
    pub span: Span,
}

/// The most frequent values of one kind of facet in a cluster, and the number of distinct values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FacetValues {
    /// At most [`FACET_VALUES_MAX`] values, those of most events first.
    pub values: Vec<FacetValue>,
    /// The number of distinct values, including those that `values` does not list.
    pub distinct: usize,
}

/// One cluster with all details: event count, period, facet values and example records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The id of the cluster.
    pub id: ClusterId,
    /// The identity and the masked error message of the cluster.
    pub facts: Arc<ClusterFacts>,
    /// The number of events of the cluster, and their first and last event time.
    pub span: Span,
    /// The values of each kind of facet; kinds of which no event has a value are missing.
    pub facets: BTreeMap<FacetKind, FacetValues>,
    /// Every combination of facet values that events of the cluster have, sorted.
    pub facet_sets: Vec<Facets>,
    /// Redacted example records, oldest first.
    pub samples: Vec<Sample>,
}

impl ClusterSnapshot {
    /// Creates a snapshot without samples from the facts of clusters and the spans of series.
    ///
    /// Each row has the index of a series in `series_table`, and the span of the series' events. A series has at most
    /// one row; the rows may be in any order.
    pub fn of(
        facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
        series_table: Arc<SeriesTable>,
        mut rows: Vec<SeriesRow>,
    ) -> Self {
        rows.sort_unstable_by(|(one, _), (other, _)| {
            series_table.get(*one).cmp(&series_table.get(*other))
        });
        Self {
            facts,
            samples: BTreeMap::new(),
            series_table,
            rows,
        }
    }

    /// Creates a snapshot without samples from the facts of clusters and the sightings of events, each event once.
    pub fn of_events<'e>(
        facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
        events: impl IntoIterator<Item = &'e Sighting>,
    ) -> Self {
        let mut series_table = SeriesTable::default();
        // Many events share one series. Comparing addresses is cheaper than hashing contents.
        let mut indices: HashMap<*const Series, u32> = HashMap::default();
        let mut spans: HashMap<u32, Span> = HashMap::default();
        for sighting in events {
            let index = indices.entry(Arc::as_ptr(&sighting.series));
            let series = *index.or_insert_with(|| series_table.add(&sighting.series));
            spans
                .entry(series)
                .or_default()
                .add(Span::at(sighting.at()));
        }
        Self::of(facts, Arc::new(series_table), spans.into_iter().collect())
    }

    /// Returns the part of this snapshot in a range of event time, the end exclusive. `events` are all events of the snapshot;
    /// those without a time are in no range. Facts and samples stay those of all clusters.
    #[must_use]
    pub fn within(
        &self,
        events: &[(EventId, Sighting)],
        (from, until): (Timestamp, Timestamp),
    ) -> Self {
        let is_within = |sighting: &&Sighting| {
            let at = sighting.at();
            at.is_some_and(|at| at >= from && at < until)
        };
        let events = events.iter().map(|(_, sighting)| sighting);
        let mut within = Self::of_events(self.facts.clone(), events.filter(is_within));
        within.samples.clone_from(&self.samples);
        within
    }

    /// Removes the events of the series for which `keep` is `false`. The facts of all clusters stay.
    pub fn retain(&mut self, keep: impl Fn(SeriesRef<'_>) -> bool) {
        let series_table = &self.series_table;
        self.rows
            .retain(|(series, _)| keep(series_table.get(*series)));
    }

    /// Returns each series with the span of its events, sorted by cluster and facets.
    pub fn rows(&self) -> impl Iterator<Item = (SeriesRef<'_>, Span)> {
        let row = |(series, span): &SeriesRow| (self.series_table.get(*series), *span);
        self.rows.iter().map(row)
    }

    /// Returns the event count and the period of each cluster of failures, clusters with most events first. Among equals,
    /// the cluster with the newest event comes first.
    pub fn sums(&self) -> Vec<ClusterTotals<'_>> {
        let mut sums = self.all_sums();
        sums.retain(|sum| !sum.facts.is_sensitive_call());
        sums
    }

    /// Returns the number of calls and the period of each sensitive call, the latest call first.
    pub fn sensitive_calls(&self) -> Vec<ClusterTotals<'_>> {
        let mut sums = self.all_sums();
        sums.retain(|sum| sum.facts.is_sensitive_call());
        sums.sort_by_key(|sum| Reverse(sum.span.last_seen));
        sums
    }

    /// Returns [`Self::sums`] and [`Self::sensitive_calls`] together, in the order of the former.
    pub fn all_sums(&self) -> Vec<ClusterTotals<'_>> {
        let cluster = |row: &SeriesRow| self.series_table.get(row.0).cluster();
        let clusters = self
            .rows
            .chunk_by(|one, other| cluster(one) == cluster(other));
        let mut sums: Vec<ClusterTotals<'_>> = clusters.filter_map(|rows| self.sum(rows)).collect();
        sums.sort_by_cached_key(|sum| {
            let Span {
                count, last_seen, ..
            } = sum.span;
            (Reverse((count, last_seen)), sum.id.to_string())
        });
        sums
    }

    /// Returns all clusters of failures with their facet values and samples, clusters with most events first.
    pub fn clusters(&self) -> Vec<Cluster> {
        self.sums().iter().map(ClusterTotals::cluster).collect()
    }

    /// Returns the latest event time in the snapshot; `None` if no event has a usable time.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.rows
            .iter()
            .filter_map(|(_, span)| span.last_seen)
            .max()
    }

    fn sum<'a>(&'a self, rows: &'a [SeriesRow]) -> Option<ClusterTotals<'a>> {
        let id = self.series_table.get(rows.first()?.0).cluster();
        let mut span = Span::default();
        for (_, of_series) in rows {
            span.add(*of_series);
        }
        Some(ClusterTotals {
            id,
            facts: self.facts.get(&id)?,
            span,
            series_table: &self.series_table,
            rows,
            samples: self.samples.get(&id),
        })
    }
}

impl Eq for ClusterSnapshot {}

impl PartialEq for ClusterSnapshot {
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts && self.samples == other.samples && self.rows().eq(other.rows())
    }
}

impl<'a> ClusterTotals<'a> {
    /// Returns the series of the cluster, sorted by facets.
    pub fn series_table(&self) -> impl Iterator<Item = SeriesRef<'a>> {
        self.rows
            .iter()
            .map(|(series, _)| self.series_table.get(*series))
    }

    /// Computes the details of this cluster from its events in the snapshot: facet values, their combinations, and samples.
    pub fn cluster(&self) -> Cluster {
        let samples = self.samples.map(Samples::all).unwrap_or_default();
        Cluster {
            id: self.id,
            facts: Arc::clone(self.facts),
            span: self.span,
            facets: self.facet_values(),
            facet_sets: self.series_table().map(SeriesRef::facets).collect(),
            samples: samples.into_iter().collect(),
        }
    }

    fn facet_values(&self) -> BTreeMap<FacetKind, FacetValues> {
        let mut spans: BTreeMap<FacetKind, BTreeMap<&str, Span>> = BTreeMap::new();
        for (series, (_, span)) in self.series_table().zip(self.rows) {
            for (kind, value) in series.iter() {
                let sum = spans.entry(kind).or_default().entry(value).or_default();
                sum.add(*span);
            }
        }
        spans
            .into_iter()
            .map(|(kind, spans)| (kind, FacetValues::most_frequent(spans)))
            .collect()
    }
}

impl Cluster {
    /// Shortens the ARN of a principal in the cluster's account to the part after the account, such as `role/deploy`.
    ///
    /// Other names are returned whole; see [`short_name`].
    pub fn short_name<'p>(&self, principal: &'p str) -> &'p str {
        short_name(principal, &self.facts.identity.account_id)
    }

    /// Returns the AWS services that called on behalf of callers, such as `cloudformation.amazonaws.com`, in the order of their
    /// names.
    pub fn services_between(&self) -> BTreeSet<&str> {
        let values = |kind| self.facets.get(&kind).into_iter().flat_map(|of| &of.values);
        let sources = || values(FacetKind::SourceIp).map(|of| of.value.as_str());
        let origins = values(FacetKind::Origin);
        origins
            .filter_map(|of| service_between(&of.value, sources()))
            .collect()
    }

    /// Returns the error code to show for the cluster, in the service's own spelling; see [`shown_code`].
    ///
    /// `None` if no event has an error code.
    pub fn error_code(&self) -> Option<&str> {
        let codes = self.facets.get(&FacetKind::ErrorCode)?;
        shown_code(codes.values.iter().map(|code| code.value.as_str()))
    }

    /// Returns the most frequent value of each kind of facet; there may be no single event with all of these values.
    ///
    /// An explicit deny is preferred among the values of [`FacetKind::Layer`], however few events have it.
    pub fn typical(&self) -> Facets {
        let mut typical = Facets::default();
        for (kind, values) in &self.facets {
            // An explicit deny matters more than any number of missing allows.
            let explicit = |value: &&FacetValue| {
                *kind == FacetKind::Layer && value.value.ends_with(" explicit")
            };
            let value = values.values.iter().find(explicit);
            let value = value.or(values.values.first());
            typical.set(*kind, value.map(|value| value.value.as_str()));
        }
        typical
    }
}

/// Shortens the ARN of a principal to the part after the account, such as `role/deploy`.
///
/// Names that are no ARN of `account_id` are returned whole. Otherwise `root` of another account would look
/// like `root` of this account.
pub fn short_name<'p>(principal: &'p str, account_id: &str) -> &'p str {
    let mut parts = principal.splitn(6, ':');
    match (parts.next(), parts.nth(3), parts.next()) {
        (Some("arn"), Some(account), Some(name)) if account == account_id => name,
        _ => principal,
    }
}

/// Shortens the ARN of a policy: `p-example1` for one of an organization, `policy/team/limits` for one of the
/// account. Others are returned whole.
pub fn short_policy<'p>(arn: &'p str, account_id: &str) -> &'p str {
    match arn.rsplit_once('/') {
        Some((organization, id)) if organization.contains(":organizations:") => id,
        _ => short_name(arn, account_id),
    }
}

impl FacetValues {
    fn most_frequent(spans: BTreeMap<&str, Span>) -> Self {
        let distinct = spans.len();
        let mut values: Vec<FacetValue> = spans
            .into_iter()
            .map(|(value, span)| FacetValue {
                value: value.to_owned(),
                span,
            })
            .collect();
        // The sort is stable: equal counts stay in the order of their text.
        values.sort_by_key(|value| Reverse(value.span.count));
        values.truncate(FACET_VALUES_MAX);
        Self { values, distinct }
    }
}

impl EventId {
    /// Returns the id of the event that a record describes.
    ///
    /// A corrected copy (`addendum.reason` = `UPDATED_DATA`) has the id of the event that it corrects. A record without
    /// an id gets a hash of its content.
    pub fn of(record: &Record<'_>) -> Self {
        let corrected = record
            .addendum
            .filter(|addendum| addendum.text_at(&["reason"]).as_deref() == Some("UPDATED_DATA"))
            .and_then(|addendum| addendum.text_at(&["originalEventID"]));
        match corrected.as_deref().or(record.event_id.as_deref()) {
            Some(id) => Self::named(id),
            None => Self::of_content(record),
        }
    }

    /// Returns the id for an `eventID`: the 16 bytes of a UUID, or a hash of any other text.
    pub fn named(id: &str) -> Self {
        parse_uuid(id).unwrap_or_else(|| Self::hashed(&["id", id]))
    }

    fn of_content(record: &Record<'_>) -> Self {
        let user = record.user_identity.as_ref();
        Self::hashed(&[
            "content",
            record.event_time.as_deref().unwrap_or_default(),
            record.event_source.as_deref().unwrap_or_default(),
            record.event_name.as_deref().unwrap_or_default(),
            record.aws_region.as_deref().unwrap_or_default(),
            record.error_code.as_deref().unwrap_or_default(),
            record.error_message.as_deref().unwrap_or_default(),
            record.recipient_account_id.as_deref().unwrap_or_default(),
            record.request_id.as_deref().unwrap_or_default(),
            record.source_ip_address.as_deref().unwrap_or_default(),
            user.and_then(|user| user.arn.as_deref())
                .unwrap_or_default(),
            user.and_then(|user| user.principal_id.as_deref())
                .unwrap_or_default(),
            user.and_then(|user| user.user_name.as_deref())
                .unwrap_or_default(),
            record
                .request_parameters
                .map_or("", |request| request.as_str()),
            record
                .response_elements
                .map_or("", |response| response.as_str()),
        ])
    }

    /// Returns the id of an event without a UUID: the first 128 bits of a SHA-256 over all parts.
    ///
    /// The length of each part is hashed too, so different lists of parts have different ids.
    pub fn hashed(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Creates an id from its 16 bytes, as [`EventId::bytes`] returned them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes of the id.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn parse_uuid(text: &str) -> Option<EventId> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut hex = [0; 32];
    for (to, from) in [
        (0..8, 0..8),
        (8..12, 9..13),
        (12..16, 14..18),
        (16..20, 19..23),
        (20..32, 24..36),
    ] {
        hex[to].copy_from_slice(&text[from]);
    }
    let mut id = [0; 16];
    HEXLOWER_PERMISSIVE.decode_mut(&hex, &mut id).ok()?;
    Some(EventId(id))
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = data_encoding::HEXLOWER.encode(&self.0);
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        write!(formatter, "{a}-{b}-{c}-{d}-{e}")
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
