//! The kinds of items in the table: their keys and attributes.
//!
//! | item | pk | sk | holds |
//! |---|---|---|---|
//! | cluster item | `C#<cluster>` | `HEAD` | identity and state of a cluster, and one sample |
//! | principal | `C#<cluster>` | `F#principal#<hash>` | a caller that came after the cluster item was created |
//! | call alerts | `C#<cluster>` | `ALERTS` | when alerts about a sensitive call were written |
//! | known call | `A#<account>` | `W#<hash>` | a caller has made a call of the tier "first" |
//! | segment | `M#<window>#<shard>` | `<digest>` | the events of one batch in one hour |
//! | outbox row | `O#<sink>#<shard>` | `P#<created>#<id>` | an alert that one sink has to be sent |
//! | sent log | `C#<cluster>` or `A#<account>` | `T#<time>#<id>` | the outcome of an alert: sent, digested or suppressed |
//! | dead row | `Z#<sink>` | `<time>#<id>` | an alert that cannot be sent |
//! | silence | `C#<cluster>` | `H#<sink>` | when alerts to a sink resume, and how many were held back |
//! | triage | `C#<cluster>` | `MARK` | the decision of a person about the cluster |
//! | journal entry | `C#<cluster>` | `J#<time>#<hash>` | an event in the cluster's history: who, what and why |
//! | resolution | `R#` | `<cluster>#<time>#<what>` | a person marked the cluster as resolved or reopened |
//! | breaker | `SINK#<sink>` | `B` | failures of a sink, and when sending resumes |
//! | key usage | `K#<key id>` | `L` | the last answers of IAM about an access key |
//! | marker | `K#<key id>` | `SEEN#<day>` | the alert about a canary key for that day exists |
//! | announced | `A#<account>` | `J#<time>#<id>` | an alert about an account exists |
//! | late hour | `D#` | `<window>` | events came for an hour that may have been inspected before |
//! | evidence | `E#` | `<window>#<account>` | new evidence of an attack came for an hour of an account |
//! | round | `E#lock` | `-` | a function looks for incidents |
//! | incident alert | `I#` | `<account>#<incident>#<number>` | an alert about an incident was decided |
//! | read back | `B#<account>` | `<window>#<hash>` | events that were read from a log group for an incident |
//! | read whole | `B#<account>` | `complete#<hash>#<time>` | all of an actor's events were read back at this time |
//! | budget | `Q#<account>` | `<window>` | places that were reserved for new clusters and new callers |
//! | beginning | `Q#beginning` | `-` | when the first event was committed |
//! | renewal | `Q#beginning` | `identity#<version>` | when a later version of the identity was first used |
//! | learned | `Q#beginning` | `learned` | the alert about the end of the learning period exists |
//! | drill | `DRILL` | `<drill>#<stage>` | that a drill has reached a stage, or what a sink answered |
//! | setup | `STACK` | `SETUP` | settings of the functions, for programs that act in their place |
//!
//! `<window>` is the number of hours since 1970, or `undated`. Attribute names are short because DynamoDB bills their
//! bytes. Items of an earlier release stay readable: a test reads `tests/fixtures/items.json`, which has samples of
//! each kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use clusters::circumstance::{Circumstance, Circumstances};
use clusters::class::Class;
use clusters::fingerprint::{ClusterId, Identity};
use clusters::lifecycle::State;
use clusters::packed::{deflate, inflate};
use clusters::sample::Sample;
use clusters::segment::EncodedSegment;
use clusters::{ClusterFacts, EventId};
use data_encoding::HEXLOWER;
use records::time::{Timestamp, Window};
use service::ports::{EvidenceNote, LateHour};
use sha2::{Digest as _, Sha256};

use crate::dynamodb::table::{Item, Key};

/// The first 8 bytes of the SHA-256 hash of a caller's name. It identifies the caller in keys and in cluster items.
pub type CallerHash = [u8; 8];

/// The decoded cluster item, the main item of a cluster in the table: its identity and its state, without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterItem {
    /// The identity of the cluster, and the message template that is shown to people.
    pub facts: ClusterFacts,
    /// The version of the identity that the id of the cluster has, such as `fp2`.
    pub identity: String,
    /// Whether the cluster is new, ongoing, recovered or regressed.
    pub state: State,
    /// The number of the current episode, or of the last episode if the cluster has recovered; from 1.
    pub episode: i64,
    /// The version of the item, for conditional writes. It starts at 1, and every change of the item adds 1, except
    /// adding circumstances.
    pub version: i64,
    /// The time of the first event of the cluster; `None` if no event of the cluster has a time.
    pub first: Option<Timestamp>,
    /// The watermark of the last recovery: only an event later than this time starts another episode. `None` before
    /// the first recovery.
    pub watermark: Option<Timestamp>,
    /// The hour of event time whose budget for new clusters this cluster used. `None`: the events of the cluster have
    /// no time, or it is an overflow cluster.
    pub admitted: Option<Window>,
    /// The hashes of the callers in the batch that created the item, at most [`CALLERS_MAX`]. A caller that came
    /// later has an item of its own, see [`principal_key`].
    pub callers: BTreeSet<CallerHash>,
    /// The circumstances of all events of the cluster: the facts about the calls from which the severity of the
    /// cluster is computed.
    pub circumstances: Circumstances,
    /// A redacted example record from the batch that created the item; `None` if the item has none.
    pub sample: Option<Sample>,
}

/// The number of partitions into which the segments of one hour are spread. The outbox rows of one sink are spread
/// into the same number.
pub const SHARDS: u8 = 4;

/// The largest number of caller hashes that one cluster item holds, in [`ClusterItem::callers`].
pub const CALLERS_MAX: usize = 32;

/// The version of the identity in an item that does not state the version.
const VERSION_FIRST: &str = "fp1";

/// The lifetime of a caller's item, in seconds. A caller that comes back later counts as new.
const CALLER_SECONDS: i64 = 400 * 86_400;

/// The lifetime of a note about evidence, in seconds.
const EVIDENCE_SECONDS: i64 = 7 * 86_400;

/// The largest sample, in bytes before compression.
const SAMPLE_BYTES_MAX: u64 = 64 << 10;

/// Returns the key of the cluster item, the main item of a cluster.
pub fn cluster_key(cluster: ClusterId) -> Key {
    Key::new(format!("C#{cluster}"), "HEAD")
}

/// Returns the key of the item of one caller of a cluster. Only callers that came after the cluster item was created
/// have such an item.
pub fn principal_key(cluster: ClusterId, caller: CallerHash) -> Key {
    let hash = HEXLOWER.encode(&caller);
    Key::new(format!("C#{cluster}"), format!("F#principal#{hash}"))
}

/// Returns the key of the item that counts the new clusters and new callers of an account in one hour of event time.
///
/// `window` is `None` for events without a time.
pub fn budget_key(account_id: &str, window: Option<Window>) -> Key {
    Key::new(format!("Q#{account_id}"), window_name(window))
}

/// Returns the key of the item with the time of the first commit to the table, at which the learning period starts.
pub fn beginning_key() -> Key {
    Key::new("Q#beginning", "-")
}

/// Returns the key of the marker for the alert about the end of the learning period. The item exists if that alert
/// was written.
pub fn learned_key() -> Key {
    Key::new("Q#beginning", "learned")
}

/// What the sort keys of [`renewal_key`] begin with, before the version.
pub const RENEWAL: &str = "identity#";

/// Returns the key of the item with the time at which this version of the cluster identity, such as `fp2`, was first
/// used in a commit.
///
/// The version that the table began with has no such item.
pub fn renewal_key(version: &str) -> Key {
    Key::new("Q#beginning", format!("{RENEWAL}{version}"))
}

/// Returns the keys of all partitions with segments of one hour of event time. With `None`, those with segments of
/// events without a time.
pub fn segment_partitions(window: Option<Window>) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |shard| segment_partition(window, shard))
}

fn segment_partition(window: Option<Window>, shard: u8) -> String {
    format!("M#{}#{shard}", window_name(window))
}

fn window_name(window: Option<Window>) -> String {
    window.map_or_else(|| "undated".to_owned(), |window| window.hours().to_string())
}

/// Returns the hash of a caller's name that keys and cluster items contain.
pub fn caller(name: &str) -> CallerHash {
    let mut caller = CallerHash::default();
    caller.copy_from_slice(&Sha256::digest(name)[..8]);
    caller
}

impl ClusterItem {
    /// Encodes the cluster item of `cluster` for the table. `last` is the time of the last event of the cluster; it
    /// is stored for people who look at the table, and never read.
    pub fn item(&self, cluster: ClusterId, last: Option<Timestamp>) -> Item {
        let identity = &self.facts.identity;
        let item = Item::new(cluster_key(cluster))
            .text("av", &self.identity)
            .text("st", self.state.name())
            .number("ep", self.episode)
            .time("ft", self.first)
            .time("lt", last)
            .time("wm", self.watermark)
            .number("vr", self.version)
            .text("ah", &window_name(self.admitted))
            .text("pa", &identity.partition)
            .text("ac", &identity.account_id)
            .text("sv", &identity.service)
            .text("an", &identity.action)
            .text("cl", identity.class.name())
            .text("co", &identity.code)
            .text("ca", identity.cause.as_deref().unwrap_or_default())
            .text("ad", identity.addition.as_deref().unwrap_or_default())
            .text("te", &self.facts.template)
            .bytes("pr", self.callers.iter().flatten().copied().collect())
            .texts("ci", circumstance_texts(&self.circumstances));
        let item = match &self.sample {
            Some(sample) => with_sample(item, sample),
            None => item,
        };
        match &identity.template {
            // Usually equal to the shown template, and then stored only once.
            Some(template) if *template == self.facts.template => item.number("ti", 1),
            Some(template) => item.text("tm", template).number("ti", 2),
            None => item,
        }
    }

    /// Decodes a cluster item to the id and the content of the cluster.
    ///
    /// `None` for other items, and for an item whose class, state or hour of admission (`ah`) is missing or unknown.
    pub fn read(item: &Item) -> Option<(ClusterId, Self)> {
        let cluster = ClusterId::parse(item.key.pk.strip_prefix("C#")?)?;
        let text = |name| item.text_of(name).unwrap_or_default().to_owned();
        let some = |name| item.text_of(name).map(str::to_owned);
        let number = |name| item.number_of(name).unwrap_or_default();
        let template = text("te");
        let identity = Identity {
            partition: text("pa"),
            account_id: text("ac"),
            service: text("sv"),
            action: text("an"),
            class: Class::from_name(item.text_of("cl")?)?,
            code: text("co"),
            cause: some("ca"),
            template: match number("ti") {
                1 => Some(template.clone()),
                2 => Some(text("tm")),
                _ => None,
            },
            addition: some("ad"),
        };
        let state = item.text_of("st")?;
        let callers = item.bytes_of("pr").unwrap_or_default();
        let cluster_item = Self {
            facts: ClusterFacts { identity, template },
            identity: version(item).to_owned(),
            state: State::from_name(state)?,
            episode: number("ep"),
            version: number("vr"),
            first: item.time_of("ft"),
            watermark: item.time_of("wm"),
            admitted: HourPartition::parse(item.text_of("ah")?)?.window(),
            callers: callers.as_chunks().0.iter().copied().collect(),
            circumstances: item.texts_of("ci").map(circumstances).unwrap_or_default(),
            sample: sample(item),
        };
        Some((cluster, cluster_item))
    }
}

/// Returns the version of the identity in an item: the attribute `av`.
pub fn version(item: &Item) -> &str {
    item.text_of("av").unwrap_or(VERSION_FIRST)
}

/// Encodes circumstances of events as the table stores them: each as one JSON text.
pub fn circumstance_texts<'c>(all: impl IntoIterator<Item = &'c Circumstance>) -> BTreeSet<String> {
    // Circumstances consist of names and texts, so encoding never fails.
    let text = |of| serde_json::to_string(of).unwrap_or_default();
    all.into_iter().map(text).collect()
}

/// Decodes circumstances of events from the JSON texts in the table. Texts with names that this version does not
/// know, written by a newer version, are skipped.
pub fn circumstances(texts: &BTreeSet<String>) -> Circumstances {
    let read = |text: &String| serde_json::from_str(text).ok();
    texts.iter().filter_map(read).collect()
}

/// The hour of event time that is named in the partition key of a segment, or in the attribute `ah` of a cluster
/// item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HourPartition {
    /// Events without a time.
    Undated,
    /// Events of one hour of event time.
    Hour(Window),
}

impl HourPartition {
    /// Parses a text of [`window_name`]; `None` for any other text.
    fn parse(name: &str) -> Option<Self> {
        if name == "undated" {
            return Some(Self::Undated);
        }
        let hours: i64 = name.parse().ok()?;
        let start = Timestamp::from_seconds(hours.checked_mul(3600)?)?;
        Some(Self::Hour(start.window()))
    }

    /// Returns the hour of event time; `None` for [`HourPartition::Undated`].
    pub fn window(self) -> Option<Window> {
        match self {
            Self::Undated => None,
            Self::Hour(window) => Some(window),
        }
    }
}

/// Encodes the caller `name` of a cluster as an item, so that the caller no longer counts as new. The item expires
/// 400 days after `now`.
///
/// `at` is the time of the caller's first event in the cluster; `None` if the event has no time.
pub fn principal_item(
    cluster: ClusterId,
    name: &str,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Item {
    Item::new(principal_key(cluster, caller(name)))
        .text("nm", name)
        .time("ft", at)
        .time("ttl", now.plus(CALLER_SECONDS))
}

/// Returns the given item of a caller with a new expiry: 400 days after `now`.
///
/// `None` if the item stays valid for 200 days or more, so that no write is needed.
pub fn renewed(caller: &Item, now: Timestamp) -> Option<Item> {
    let until = caller.number_of("ttl").unwrap_or_default();
    let is_soon = until < now.seconds() + CALLER_SECONDS / 2;
    is_soon.then(|| caller.clone().number("ttl", now.seconds() + CALLER_SECONDS))
}

/// Encodes a segment as an item of the table.
///
/// The item expires `retention_days` days after the start of the segment's hour, or after `now` if that is later.
pub fn segment_item(encoded: &EncodedSegment, retention_days: i64, now: Timestamp) -> Item {
    let EncodedSegment {
        segment,
        bytes,
        digest,
    } = encoded;
    let hour = segment
        .window
        .map_or(now.seconds(), |window| window.hours() * 3600);
    let shard = digest[0] % SHARDS;
    let key = Key::new(
        segment_partition(segment.window, shard),
        HEXLOWER.encode(digest),
    );
    let item = Item::new(key).bytes("mf", bytes.clone());
    // Old events that were just imported are stored for the full retention time.
    item.number("ttl", hour.max(now.seconds()) + retention_days * 86_400)
}

/// Returns the hour of event time in the partition key of a segment, `M#<hour>#<shard>`; `None` if `pk` is no such
/// key.
///
/// `<hour>` is the number of hours since 1970, or `undated` for events without a time.
pub fn segment_hour(pk: &str) -> Option<HourPartition> {
    let (name, _) = pk.strip_prefix("M#")?.rsplit_once('#')?;
    HourPartition::parse(name)
}

/// Returns the partition key of all late hours: notes that an hour got events after the inspection may have processed
/// it.
pub fn late_partition() -> &'static str {
    "D#"
}

/// Encodes a late hour: the note that an hour got events after the inspection may have processed it.
pub fn late_item(late: &LateHour) -> Item {
    let key = Key::new(late_partition(), late.window.hours().to_string());
    Item::new(key).text("lo", &late.token)
}

/// Decodes a late hour from its item, as encoded by [`late_item`]; `None` for other items.
pub fn read_late(item: &Item) -> Option<LateHour> {
    Some(LateHour {
        window: Window::from_hours(item.key.sk.parse().ok()?),
        token: item.text_of("lo")?.to_owned(),
    })
}

/// Returns the partition key of all notes about evidence.
pub fn evidence_partition() -> &'static str {
    "E#"
}

/// Encodes the note that an hour of an account has new evidence. It expires seven days after `now`.
pub fn evidence_item(note: &EvidenceNote, now: Timestamp) -> Item {
    let hours = note.window.hours();
    let key = Key::new(evidence_partition(), format!("{hours}#{}", note.account_id));
    Item::new(key)
        .text("lo", &note.token)
        .time("ttl", now.plus(EVIDENCE_SECONDS))
}

/// Decodes a note about evidence, as encoded by [`evidence_item`]; `None` for other items.
pub fn read_evidence(item: &Item) -> Option<EvidenceNote> {
    let (hours, account_id) = item.key.sk.split_once('#')?;
    Some(EvidenceNote {
        account_id: account_id.to_owned(),
        window: Window::from_hours(hours.parse().ok()?),
        token: item.text_of("lo")?.to_owned(),
    })
}

/// Returns the key of the item that reserves the round in which incidents are looked for. It is in a partition of its own.
pub fn round_key() -> Key {
    Key::new("E#lock", "-")
}

fn with_sample(item: Item, sample: &Sample) -> Item {
    item.bytes("ei", sample.id.bytes().to_vec())
        .time("et", sample.at)
        .bytes("js", deflate(sample.json.as_bytes()))
}

fn sample(item: &Item) -> Option<Sample> {
    let id = EventId::from_bytes(item.bytes_of("ei")?.try_into().ok()?);
    let json = inflate(item.bytes_of("js")?, SAMPLE_BYTES_MAX).ok()?;
    Some(Sample {
        at: Timestamp::from_seconds(item.number_of("et")?),
        id,
        json: Arc::from(String::from_utf8(json).ok()?),
    })
}
