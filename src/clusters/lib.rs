//! Concludes what records mean: a batch is folded to a [`Tally`], and tallies are summed up in a [`ClusterSnapshot`].
//!
//! State is a set, not a counter. A tally maps the id of an event to what was seen of it, and two tallies are joined by
//! union: commutative, associative, idempotent. So the same records give the same clusters in any order, in any cut,
//! delivered once or five times, and after a crash at any point. If one id comes with two contents, the lesser sighting
//! stays, so that the union does not depend on order.
//!
//! The modules, in reading order. What a record means:
//!
//! - `class` has the tables: what is a failure, of which class, and which successful calls are watched.
//! - `exclusions` leaves records out before any rule: failures of our `own_roles` roles, and the `cross_account_copy` of a call that two
//!   accounts log.
//! - `fingerprint` makes the identity of a cluster, with its version.
//! - `facet` has what is kept under a cluster: caller, region, key, layer, resource and so on.
//! - `sample` chooses the few records that are kept as examples.
//! - `report` has the totals, in which each record has one outcome, and the lines of metrics.
//!
//! How sightings are kept:
//!
//! - `series` keeps many combinations of facets in little memory.
//! - `sightings` joins all events that a store has seen.
//! - `segment` writes the sightings of one batch in one hour as bytes.
//! - `guard` limits how many new clusters an account gets in an hour.
//! - `packed` writes what an inspection leaves for later as bytes.
//!
//! What happens over time:
//!
//! - `lifecycle` is the state machine of a cluster: which state follows on which event.
//! - `circumstance` has the few facts of a call that a severity is computed from.
//! - `timeline` counts events by cluster and hour.
//! - `inspection_state` is what the inspection remembers from hour to hour: the episode of each cluster, what is usual for it, the
//!   rhythm of each account, and campaigns as they go on.
//! - `transition` has the kinds of things that happen to clusters, callers and accounts.
//! - `escalation` compares a cluster with its own last week.
//! - `campaign` finds many failures that are one story.
//! - `summary` says what an account's hour, day or week looked like.
//!
//! What people ask and decide:
//!
//! - `triage` is what a person decided about a cluster; `journal` is what happened to it.
//! - `keys` says whose access keys are, and what it means when IAM sees one used.
//! - `related` finds what else the same callers failed at.
//! - `ranking` has the largest by one dimension.

pub mod campaign;
pub mod circumstance;
pub mod class;
pub mod cross_account_copy;
pub mod escalation;
pub mod exclusions;
pub mod facet;
pub mod fingerprint;
pub mod guard;
pub mod inspection_state;
pub mod journal;
pub mod keys;
pub mod lifecycle;
pub mod own_roles;
pub mod packed;
pub mod ranking;
pub mod related;
pub mod report;
pub mod sample;
pub mod segment;
pub mod series;
pub mod sightings;
pub mod summary;
pub mod timeline;
pub mod transition;
pub mod triage;

use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashSet};
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
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::{ClusterId, Identity, Understanding, understand};
use crate::sample::{Rank, Sample, SampleCutoffs, Samples};
use crate::series::{SeriesRef, SeriesTable};

/// The id of an event: CloudTrail's own UUID, or 128 bits of a hash where there is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);

/// What was seen of one event. There is one for every event, so it is kept small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where it belongs and what it shows.
    pub series: Arc<Series>,
    /// When the call was made.
    pub stamp: Stamp,
    /// Whether it is a watched success; should an id come with a failure too, that stands.
    pub watched: bool,
}

/// What many events share: a cluster, and all facets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The cluster.
    pub cluster: ClusterId,
    /// Who, where, with what.
    pub facets: Facets,
}

/// Event time in half the space: seconds since one before [`Timestamp::FIRST`], 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u32);

/// What is known of a cluster besides its sightings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// What the cluster's id was made from.
    pub identity: Identity,
    /// The masked message; of several, the least, so that order does not matter.
    pub template: String,
}

/// What a record says, apart from which event it is and when.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Where it belongs and what it shows.
    pub series: Arc<Series>,
    /// What it tells of its cluster.
    pub facts: Arc<ClusterFacts>,
    /// Whether it is a refusal by a layer that is not known here.
    pub unknown_denial: bool,
}

/// A batch of records, folded.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// What was seen, by event.
    pub sightings: HashMap<EventId, Sighting>,
    /// The clusters that were seen.
    pub facts: HashMap<ClusterId, Arc<ClusterFacts>>,
    /// Samples by cluster.
    pub samples: HashMap<ClusterId, Samples>,
}

/// A record, concluded: its id, where it belongs and what it shows.
#[derive(Debug)]
pub struct Conclusion<'a> {
    /// The event's id.
    pub id: EventId,
    /// When the call was made.
    pub at: Option<Timestamp>,
    /// The identity and the texts.
    pub understanding: Understanding<'a>,
    /// Who, where, with what.
    pub facets: Facets,
    /// The cluster that a rule counts it in instead of its own.
    pub merged_into: Option<ClusterId>,
}

/// Event time further than this from when CloudWatch Logs took the record in is not believed.
const LOGGED_SECONDS_MAX: i64 = 15 * 86_400;

/// Concludes what a selected record says.
pub fn conclude<'a>(record: &'a Record<'_>, wrapper: &Wrapper, class: Class) -> Conclusion<'a> {
    let understanding = understand(record, wrapper, class);
    let facets = Facets::of(record, &understanding);
    Conclusion {
        id: EventId::of(record),
        at: event_time(record.event_time.as_deref(), wrapper),
        understanding,
        facets,
        merged_into: None,
    }
}

/// Returns the event's time; CloudWatch's where the record's own is missing or beyond belief.
pub fn event_time(told: Option<&str>, wrapper: &Wrapper) -> Option<Timestamp> {
    let told = told.and_then(Timestamp::parse);
    match (told, wrapper.logged_at) {
        (Some(told), Some(logged)) if told.seconds_since(logged).abs() > LOGGED_SECONDS_MAX => {
            Some(logged)
        }
        (told, logged) => told.or(logged),
    }
}

impl Finding {
    /// Takes what a conclusion says of any event that shows the same.
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
    /// Returns what was seen of an event at a moment, `None` for records without a usable time.
    pub fn new(watched: bool, at: Option<Timestamp>, series: Arc<Series>) -> Self {
        Self {
            series,
            stamp: Stamp::of(at),
            watched,
        }
    }

    /// Returns when the call was made.
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

    /// Returns the time, `None` for records without a usable one.
    pub fn time(self) -> Option<Timestamp> {
        let seconds = i64::from(self.0.checked_sub(1)?);
        Timestamp::from_seconds(Timestamp::FIRST.seconds() + seconds)
    }
}

impl Tally {
    /// Adds what an event at a moment says; `false` says that the event was there already.
    pub fn observe(&mut self, id: EventId, at: Option<Timestamp>, finding: &Finding) -> bool {
        let Finding { series, facts, .. } = finding;
        self.learn(series.cluster, facts);
        let watched = facts.identity.class == Class::Watch;
        self.insert(id, Sighting::new(watched, at, Arc::clone(series)))
    }

    /// Adds a sighting; `false` says that the event was there already.
    pub fn insert(&mut self, id: EventId, sighting: Sighting) -> bool {
        match self.sightings.entry(id) {
            Entry::Vacant(unseen) => {
                unseen.insert(sighting);
                true
            }
            Entry::Occupied(mut known) => {
                if sighting < *known.get() {
                    known.insert(sighting);
                }
                false
            }
        }
    }

    /// Adds what is known of a cluster.
    pub fn learn(&mut self, cluster: ClusterId, facts: &Arc<ClusterFacts>) {
        match self.facts.entry(cluster) {
            Entry::Vacant(unknown) => {
                unknown.insert(Arc::clone(facts));
            }
            Entry::Occupied(mut known) => ClusterFacts::join(known.get_mut(), cluster, facts),
        }
    }

    /// Adds a sample of an event, unless it would not be kept in the end: enough others come before
    /// it here, or in the store.
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

    /// Takes events out again, and the clusters that none is left of.
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
    /// Takes what is kept of an understanding, in as little memory as it takes.
    fn of(understanding: Understanding<'_>) -> Self {
        let Understanding {
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

    /// Joins what another event tells of the same cluster. Of several templates the least that says
    /// anything stays. Of several identities, which only a rule that merges brings together, the
    /// cluster's own stays, and the least until that is seen.
    pub fn join(known: &mut Arc<Self>, cluster: ClusterId, other: &Arc<Self>) {
        if Arc::ptr_eq(known, other) {
            return;
        }
        let template = &other.template;
        if !template.is_empty() && (known.template.is_empty() || *template < known.template) {
            Arc::make_mut(known).template.clone_from(template);
        }
        let own = |identity: &Identity| identity.cluster_id() == cluster;
        if known.identity != other.identity
            && !own(&known.identity)
            && (own(&other.identity) || other.identity < known.identity)
        {
            Arc::make_mut(known).identity.clone_from(&other.identity);
        }
    }
}

/// How many, since when and until when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Distinct events.
    pub count: u64,
    /// The earliest event time; `None` where no event has one.
    pub first_seen: Option<Timestamp>,
    /// The latest event time.
    pub last_seen: Option<Timestamp>,
}

impl Span {
    /// Returns the span of one event.
    pub fn at(at: Option<Timestamp>) -> Self {
        Self {
            count: 1,
            first_seen: at,
            last_seen: at,
        }
    }

    /// Adds the span of other events.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.last_seen = self.last_seen.max(other.last_seen);
        self.first_seen = match (self.first_seen, other.first_seen) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The events of one series: its place among the series, and how many, since when, until when.
pub type SeriesRow = (u32, Span);

/// Sightings summed up: what a store tells, and what everything that people read is made from.
#[derive(Debug, Clone, Default)]
pub struct ClusterSnapshot {
    /// What is known of each cluster.
    pub facts: BTreeMap<ClusterId, Arc<ClusterFacts>>,
    /// Samples by cluster.
    pub samples: BTreeMap<ClusterId, Samples>,
    series_table: Arc<SeriesTable>,
    /// In the order of their series.
    rows: Vec<SeriesRow>,
}

/// A cluster in sums; its details are made when somebody looks at them.
#[derive(Debug, Clone, Copy)]
pub struct ClusterTotals<'a> {
    /// The fingerprint.
    pub id: ClusterId,
    /// The identity and a template.
    pub facts: &'a Arc<ClusterFacts>,
    /// How many, since when, until when.
    pub span: Span,
    series_table: &'a SeriesTable,
    rows: &'a [SeriesRow],
    samples: Option<&'a Samples>,
}

/// How many values of one facet a cluster shows; the rest is counted.
pub const FACET_VALUES_MAX: usize = 50;

/// One value of a facet, and its sightings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// The value, sanitized.
    pub value: String,
    /// How many, since when, until when.
    pub span: Span,
}

/// The values of one facet: the most frequent ones, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FacetValues {
    /// At most [`FACET_VALUES_MAX`] values, the most frequent first.
    pub values: Vec<FacetValue>,
    /// How many distinct values there are, shown or not.
    pub distinct: usize,
}

/// A cluster: errors that are one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The fingerprint.
    pub id: ClusterId,
    /// The identity and a template.
    pub facts: Arc<ClusterFacts>,
    /// How many, since when, until when.
    pub span: Span,
    /// Facets by kind.
    pub facets: BTreeMap<FacetKind, FacetValues>,
    /// Each combination of facets that was seen.
    pub facet_sets: Vec<Facets>,
    /// Redacted examples in the order of event time.
    pub samples: Vec<Sample>,
}

impl ClusterSnapshot {
    /// Returns a snapshot of clusters and of series with their sums, without samples.
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

    /// Returns the series with their sums, in their order.
    pub fn rows(&self) -> impl Iterator<Item = (SeriesRef<'_>, Span)> {
        let row = |(series, span): &SeriesRow| (self.series_table.get(*series), *span);
        self.rows.iter().map(row)
    }

    /// Returns the clusters in sums, the largest first.
    pub fn sums(&self) -> Vec<ClusterTotals<'_>> {
        let cluster = |row: &SeriesRow| self.series_table.get(row.0).cluster();
        let clusters = self
            .rows
            .chunk_by(|one, other| cluster(one) == cluster(other));
        let mut sums: Vec<ClusterTotals<'_>> = clusters.filter_map(|rows| self.sum(rows)).collect();
        sums.sort_by_cached_key(|sum| (Reverse(sum.span.count), sum.id.to_string()));
        sums
    }

    /// Returns the clusters, the largest first.
    pub fn clusters(&self) -> Vec<Cluster> {
        self.sums().iter().map(ClusterTotals::cluster).collect()
    }

    /// Returns the latest event time of all.
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
    /// Returns the series.
    pub fn series_table(&self) -> impl Iterator<Item = SeriesRef<'a>> {
        self.rows
            .iter()
            .map(|(series, _)| self.series_table.get(*series))
    }

    /// Returns the cluster in detail.
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
    /// Returns a principal's name without what the cluster's account says already.
    pub fn short_name<'p>(&self, principal: &'p str) -> &'p str {
        short_name(principal, &self.facts.identity.account_id)
    }

    /// Returns the error code as the service spells it.
    pub fn error_code(&self) -> Option<&str> {
        let codes = self.facets.get(&FacetKind::ErrorCode)?;
        shown_code(codes.values.iter().map(|code| code.value.as_str()))
    }

    /// Returns the most frequent value of each facet, as if they had been seen together.
    pub fn typical(&self) -> Facets {
        let mut typical = Facets::default();
        for (kind, values) in &self.facets {
            // An explicit deny outweighs any number of missing allows.
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

/// Returns a principal's name without what an account says already; callers of other accounts keep
/// theirs, or a stranger's root would pass for one's own.
pub fn short_name<'p>(principal: &'p str, account_id: &str) -> &'p str {
    let mut parts = principal.splitn(6, ':');
    match (parts.next(), parts.nth(3), parts.next()) {
        (Some("arn"), Some(account), Some(name)) if account == account_id => name,
        _ => principal,
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
    /// Returns the id of a record. A corrected copy (`addendum.reason` = `UPDATED_DATA`) has the id
    /// of the event that it corrects; a record without an id gets one from what it says.
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

    /// Returns the id that a record gives itself.
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

    /// Returns the id of what has none, made of what tells it from everything else.
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

    /// Takes the sixteen bytes as a store keeps them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the sixteen bytes.
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
