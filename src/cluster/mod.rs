//! What we conclude: a batch of records folded to a [`Tally`], and any number of tallies summed up
//! in a [`Census`].
//!
//! State is a set, not a counter. A tally maps the id of an event to what was seen of it, and
//! joining two tallies is a union: commutative, associative, idempotent. So the same records give
//! the same clusters in any order, in any cut, delivered once or five times, and after a crash at
//! any point. Should one id ever come with two contents, the lesser sighting stands, which keeps
//! the union independent of order.

pub mod class;
pub mod facet;
pub mod fingerprint;
pub mod guard;
pub mod lifecycle;
pub mod ranking;
pub mod timeline;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};

use crate::cluster::class::Class;
use crate::cluster::facet::{Facets, Kind};
use crate::cluster::fingerprint::{ClusterId, Identity, Understanding, understand};
use crate::cluster::timeline::Timeline;
use crate::trail::redact;
use crate::trail::time::EventTime;
use crate::trail::{Record, Wrapper};

/// The id of an event: CloudTrail's own UUID, or 128 bits of a hash where there is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);

/// What was seen of one event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// Whether it is a watched success; should an id come with a failure too, that stands.
    pub watched: bool,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// When the call was made, `None` for records without a usable time.
    pub at: Option<EventTime>,
    /// Who, where, with what.
    pub facets: Arc<Facets>,
}

/// What is known of a cluster besides its sightings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the cluster's id was made from.
    pub identity: Identity,
    /// The masked message; of several, the least, so that order does not matter.
    pub template: String,
}

/// A redacted record, kept as an example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// When the call was made.
    pub at: Option<EventTime>,
    /// The event's id.
    pub id: EventId,
    /// The redacted record as JSON of at most 8 KB.
    pub json: String,
}

/// How many samples a cluster keeps.
pub const SAMPLES_MAX: usize = 5;

/// A batch of records, folded.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// What was seen, by event.
    pub sightings: BTreeMap<EventId, Sighting>,
    /// The clusters that were seen.
    pub facts: BTreeMap<ClusterId, Facts>,
    /// Samples by cluster.
    pub samples: BTreeMap<ClusterId, Samples>,
    /// One copy of each combination of facets.
    known: HashSet<Arc<Facets>>,
}

/// A record, concluded: its id, where it belongs and what it shows.
#[derive(Debug)]
pub struct Conclusion<'a> {
    /// The event's id.
    pub id: EventId,
    /// When the call was made.
    pub at: Option<EventTime>,
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
        at: event_time(record, wrapper),
        understanding,
        facets,
        merged_into: None,
    }
}

/// Returns the event's time; CloudWatch's where the record's own is missing or beyond belief.
pub fn event_time(record: &Record<'_>, wrapper: &Wrapper) -> Option<EventTime> {
    let told = record.event_time.as_deref().and_then(EventTime::parse);
    match (told, wrapper.logged_at) {
        (Some(told), Some(logged)) if told.seconds_since(logged).abs() > LOGGED_SECONDS_MAX => {
            Some(logged)
        }
        (told, logged) => told.or(logged),
    }
}

impl Tally {
    /// Adds a conclusion; `false` says that the very same sighting was there already.
    pub fn observe(&mut self, record: &Record<'_>, conclusion: Conclusion<'_>) -> bool {
        let Conclusion {
            id,
            at,
            understanding,
            facets,
            merged_into,
        } = conclusion;
        let own = understanding.identity.cluster_id();
        let cluster = merged_into.unwrap_or(own);
        let facets = self.intern(facets);
        let fresh = self.insert(
            id,
            Sighting {
                watched: understanding.identity.class == Class::Watch,
                cluster,
                at,
                facets,
            },
        );
        let Understanding {
            identity, template, ..
        } = understanding;
        self.facts_of(cluster, Facts { identity, template });
        let samples = self.samples.entry(cluster).or_default();
        if samples.wants(id) {
            samples.insert(Sample {
                at,
                id,
                json: redact::sample(record),
            });
        }
        fresh
    }

    /// Joins another tally into this one.
    pub fn join(&mut self, other: Self) {
        for (cluster, facts) in other.facts {
            self.facts_of(cluster, facts);
        }
        for (id, sighting) in other.sightings {
            let facets = match Arc::try_unwrap(sighting.facets) {
                Ok(facets) => self.intern(facets),
                Err(shared) => self.known.get(&shared).cloned().unwrap_or(shared),
            };
            self.insert(id, Sighting { facets, ..sighting });
        }
        for (cluster, samples) in other.samples {
            self.samples.entry(cluster).or_default().join(samples);
        }
    }

    /// Takes events out again, and the clusters that none is left of.
    pub fn forget(&mut self, ids: &[EventId]) {
        for id in ids {
            if let Some(sighting) = self.sightings.remove(id)
                && let Some(samples) = self.samples.get_mut(&sighting.cluster)
            {
                samples.0.remove(&id.rank());
            }
        }
        if !ids.is_empty() {
            let left: BTreeSet<ClusterId> = self
                .sightings
                .values()
                .map(|sighting| sighting.cluster)
                .collect();
            self.facts.retain(|cluster, _| left.contains(cluster));
            self.samples.retain(|cluster, _| left.contains(cluster));
        }
    }

    /// Sums the tally up.
    pub fn census(&self, since: Option<EventTime>) -> Census {
        let mut rows: BTreeMap<(ClusterId, &Arc<Facets>), Span> = BTreeMap::new();
        for sighting in self.sightings.values() {
            if since.is_none() || sighting.at >= since {
                rows.entry((sighting.cluster, &sighting.facets))
                    .or_default()
                    .add(Span::at(sighting.at));
            }
        }
        Census {
            facts: self.facts.clone(),
            samples: self.samples.clone(),
            rows: rows
                .into_iter()
                .map(|((cluster, facets), span)| Row {
                    cluster,
                    facets: Arc::clone(facets),
                    span,
                })
                .collect(),
        }
    }

    /// Counts the tally's events by cluster and hour.
    pub fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        for sighting in self.sightings.values() {
            timeline.add(sighting.cluster, sighting.at, 1);
        }
        timeline
    }

    fn intern(&mut self, facets: Facets) -> Arc<Facets> {
        if let Some(known) = self.known.get(&facets) {
            return Arc::clone(known);
        }
        let facets = Arc::new(facets);
        self.known.insert(Arc::clone(&facets));
        facets
    }

    fn insert(&mut self, id: EventId, sighting: Sighting) -> bool {
        match self.sightings.get_mut(&id) {
            None => {
                self.sightings.insert(id, sighting);
                true
            }
            Some(known) => {
                if sighting < *known {
                    *known = sighting;
                }
                false
            }
        }
    }

    fn facts_of(&mut self, cluster: ClusterId, facts: Facts) {
        match self.facts.get_mut(&cluster) {
            None => {
                self.facts.insert(cluster, facts);
            }
            Some(known) => known.join(cluster, facts),
        }
    }
}

impl Facts {
    /// Joins what another event tells of the same cluster. Of several templates the least that says
    /// anything stays. Of several identities, which only a rule that merges brings together, the
    /// cluster's own stays, and the least until that is seen.
    pub fn join(&mut self, cluster: ClusterId, other: Self) {
        let template = other.template;
        if !template.is_empty() && (self.template.is_empty() || template < self.template) {
            self.template = template;
        }
        let own = |identity: &Identity| identity.cluster_id() == cluster;
        if self.identity != other.identity
            && !own(&self.identity)
            && (own(&other.identity) || other.identity < self.identity)
        {
            self.identity = other.identity;
        }
    }
}

/// The samples of one cluster: the [`SAMPLES_MAX`] whose ids have the least hashes, which makes
/// them a fair choice that no order and no caller decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples(BTreeMap<[u8; 8], Sample>);

impl Samples {
    /// Tells whether a sample of this event would be kept, before it is made.
    pub fn wants(&self, id: EventId) -> bool {
        self.0.len() < SAMPLES_MAX
            || self
                .0
                .last_key_value()
                .is_some_and(|(last, _)| id.rank() < *last)
    }

    /// Takes a sample in, if it is among those to keep; of two of one event the lesser.
    pub fn insert(&mut self, sample: Sample) {
        let kept = self
            .0
            .entry(sample.id.rank())
            .or_insert_with(|| sample.clone());
        if sample < *kept {
            *kept = sample;
        }
        if self.0.len() > SAMPLES_MAX {
            self.0.pop_last();
        }
    }

    /// Joins the samples of another tally.
    pub fn join(&mut self, other: Self) {
        for sample in other.0.into_values() {
            self.insert(sample);
        }
    }

    /// Returns the samples in the order of event time.
    pub fn all(&self) -> BTreeSet<Sample> {
        self.0.values().cloned().collect()
    }
}

/// How many, since when and until when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Distinct events.
    pub count: u64,
    /// The earliest event time; `None` where no event has one.
    pub first_seen: Option<EventTime>,
    /// The latest event time.
    pub last_seen: Option<EventTime>,
}

impl Span {
    /// Returns the span of one event.
    pub fn at(at: Option<EventTime>) -> Self {
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

/// The events of one cluster that agree in all facets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The cluster.
    pub cluster: ClusterId,
    /// Who, where, with what.
    pub facets: Arc<Facets>,
    /// How many, since when, until when.
    pub span: Span,
}

/// Sightings summed up: what a store tells, and what everything that people read is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// What is known of each cluster.
    pub facts: BTreeMap<ClusterId, Facts>,
    /// Samples by cluster.
    pub samples: BTreeMap<ClusterId, Samples>,
    /// The sums.
    pub rows: Vec<Row>,
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
    pub facts: Facts,
    /// How many, since when, until when.
    pub span: Span,
    /// Facets by kind.
    pub facets: BTreeMap<Kind, FacetValues>,
    /// Each combination of facets that was seen.
    pub scenes: Vec<Arc<Facets>>,
    /// Redacted examples in the order of event time.
    pub samples: Vec<Sample>,
}

impl Census {
    /// Returns the clusters, the largest first.
    pub fn clusters(&self) -> Vec<Cluster> {
        let mut rows: BTreeMap<ClusterId, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            rows.entry(row.cluster).or_default().push(row);
        }
        let mut clusters: Vec<Cluster> = rows
            .into_iter()
            .filter_map(|(id, rows)| Some(self.cluster(id, self.facts.get(&id)?, &rows)))
            .collect();
        clusters.sort_by_key(|cluster| {
            (
                std::cmp::Reverse(cluster.span.count),
                cluster.id.to_string(),
            )
        });
        clusters
    }

    /// Returns the latest event time of all.
    pub fn last_seen(&self) -> Option<EventTime> {
        self.rows.iter().filter_map(|row| row.span.last_seen).max()
    }

    fn cluster(&self, id: ClusterId, facts: &Facts, rows: &[&Row]) -> Cluster {
        let mut span = Span::default();
        for row in rows {
            span.add(row.span);
        }
        let samples = self.samples.get(&id).map(Samples::all).unwrap_or_default();
        Cluster {
            id,
            facts: facts.clone(),
            span,
            facets: facet_values(rows),
            scenes: rows.iter().map(|row| Arc::clone(&row.facets)).collect(),
            samples: samples.into_iter().collect(),
        }
    }
}

impl Cluster {
    /// Returns where the cluster stands as of a moment of event time.
    pub fn status(&self, as_of: EventTime) -> lifecycle::Status {
        lifecycle::Status::of(self.facts.identity.class, self.span, as_of)
    }

    /// Returns a principal's name without what the cluster's account says already; callers of other
    /// accounts keep theirs, or a stranger's root would pass for one's own.
    pub fn short_name<'p>(&self, principal: &'p str) -> &'p str {
        let mut parts = principal.splitn(6, ':');
        match (parts.next(), parts.nth(3), parts.next()) {
            (Some("arn"), Some(account), Some(name))
                if account == self.facts.identity.account_id =>
            {
                name
            }
            _ => principal,
        }
    }

    /// Returns the error code that is seen most often, as the service spells it.
    pub fn error_code(&self) -> Option<&str> {
        let codes = self.facets.get(&Kind::ErrorCode)?;
        codes.values.first().map(|code| code.value.as_str())
    }

    /// Returns the most frequent value of each facet, as if they had been seen together.
    pub fn typical(&self) -> Facets {
        let mut typical = Facets::default();
        for (kind, values) in &self.facets {
            // An explicit deny outweighs any number of missing allows.
            let explicit =
                |value: &&FacetValue| *kind == Kind::Layer && value.value.ends_with(" explicit");
            let value = values.values.iter().find(explicit);
            let value = value.or(values.values.first());
            typical.set(*kind, value.map(|value| value.value.as_str()));
        }
        typical
    }
}

fn facet_values(rows: &[&Row]) -> BTreeMap<Kind, FacetValues> {
    let mut spans: BTreeMap<Kind, BTreeMap<&str, Span>> = BTreeMap::new();
    for row in rows {
        for (kind, value) in row.facets.iter() {
            spans
                .entry(kind)
                .or_default()
                .entry(value)
                .or_default()
                .add(row.span);
        }
    }
    spans
        .into_iter()
        .map(|(kind, spans)| (kind, FacetValues::most_frequent(spans)))
        .collect()
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
        values.sort_by_key(|value| std::cmp::Reverse(value.span.count));
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
            Some(id) => parse_uuid(id).unwrap_or_else(|| Self::hashed(&["id", id])),
            None => Self::of_content(record),
        }
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

    fn hashed(parts: &[&str]) -> Self {
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

    /// Returns the id's place among the samples: a hash, so that nobody chooses it.
    fn rank(self) -> [u8; 8] {
        let mut rank = [0; 8];
        rank.copy_from_slice(&Sha256::digest(self.0)[..8]);
        rank
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
