//! What lies in the table: each kind of item, its key and its attributes.
//!
//! | item | pk | sk | holds |
//! |---|---|---|---|
//! | cluster item | `C#<cluster>` | `HEAD` | the identity, how the cluster stands, an example |
//! | principal | `C#<cluster>` | `F#principal#<hash>` | a caller seen later than the cluster item was made |
//! | segment | `M#<window>#<shard>` | `<digest>` | the events of one batch in one hour |
//! | outbox row | `O#<sink>#<shard>` | `P#<created>#<id>` | one message to one sink, to be sent |
//! | sent log | `C#<cluster>` or `A#<account>` | `T#<time>#<id>` | a message that was sent or given up |
//! | dead row | `Z#<sink>` | `<time>#<id>` | a message that cannot be sent |
//! | silence | `C#<cluster>` | `H#<sink>` | until when a sink is told no more, and what was held back |
//! | triage | `C#<cluster>` | `MARK` | what a person decided about the cluster |
//! | journal entry | `C#<cluster>` | `J#<time>#<hash>` | what happened to the cluster, who did it and why |
//! | breaker | `SINK#<sink>` | `B` | what stands in the way of a sink |
//! | usage of a key | `K#<key id>` | `L` | what IAM said of an access key |
//! | marker | `K#<key id>` | `SEEN#<day>` | that a canary key was told of that day |
//! | told | `A#<account>` | `J#<time>#<id>` | what was told of an account, once |
//! | campaign | `A#<account>` | `G#<hash>` | until when an actor's campaign is known to go on |
//! | late | `D#` | `<window>` | that events came for an hour that was inspected |
//! | budget | `Q#<account>` | `<window>` | places taken of the guard's, by counter |
//! | beginning | `Q#beginning` | `-` | when the first event was committed |
//! | learned | `Q#beginning` | `learned` | that the end of learning was told |
//! | setup | `STACK` | `SETUP` | how the functions are set up |
//!
//! `<window>` is hours since 1970, or `undated`. Names of attributes are short because DynamoDB
//! bills them. Items of an earlier release stay readable: `tests/fixtures/items.json` has some of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use clusters::circumstance::{Circumstance, Circumstances};
use clusters::class::Class;
use clusters::fingerprint::{ClusterId, Identity, VERSION};
use clusters::lifecycle::State;
use clusters::packed::{deflate, inflate};
use clusters::sample::Sample;
use clusters::segment::EncodedSegment;
use clusters::{ClusterFacts, EventId};
use data_encoding::HEXLOWER;
use records::time::{Timestamp, Window};
use service::ports::LateHour;
use sha2::{Digest as _, Sha256};

use crate::dynamodb::table::{Item, Key};

/// The first bytes of a hash of a caller's name.
pub type CallerHash = [u8; 8];

/// A cluster as the table keeps it, without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterItem {
    /// What the cluster is.
    pub facts: ClusterFacts,
    /// How it stands.
    pub state: State,
    /// Counts its episodes, from 1.
    pub episode: i64,
    /// Counts the changes of its cluster item, from 1.
    pub version: i64,
    /// The first event; `None` where none has a time.
    pub first: Option<Timestamp>,
    /// Up to when an event is too late to bring a recovered cluster back.
    pub watermark: Option<Timestamp>,
    /// The hour in which it counts as new; `None` is the hour of what has no time.
    pub admitted: Option<Window>,
    /// Who called in the batch that made it.
    pub callers: BTreeSet<CallerHash>,
    /// The circumstances of all of its events: what its severity is computed from.
    pub circumstances: Circumstances,
    /// A redacted record of that batch.
    pub sample: Option<Sample>,
}

/// How many partitions an hour's segments and a sink's rows are spread over.
pub const SHARDS: u8 = 4;

/// The longest list of callers in a cluster item.
pub const CALLERS_MAX: usize = 32;

/// How long a caller is kept that is not seen again, in seconds. One who comes back later is new.
const CALLER_SECONDS: i64 = 400 * 86_400;

/// The longest sample, in bytes, before it was packed.
const SAMPLE_BYTES_MAX: u64 = 64 << 10;

/// Returns the key of a cluster's cluster item.
pub fn cluster_key(cluster: ClusterId) -> Key {
    Key::new(format!("C#{cluster}"), "HEAD")
}

/// Returns the key of a caller that a cluster saw later.
pub fn principal_key(cluster: ClusterId, caller: CallerHash) -> Key {
    let hash = HEXLOWER.encode(&caller);
    Key::new(format!("C#{cluster}"), format!("F#principal#{hash}"))
}

/// Returns the key of an account's budget for an hour.
pub fn budget_key(account_id: &str, window: Option<Window>) -> Key {
    Key::new(format!("Q#{account_id}"), window_name(window))
}

/// Returns the key of the item that tells when the first event was committed.
pub fn beginning_key() -> Key {
    Key::new("Q#beginning", "-")
}

/// Returns the key of the item that tells that the end of learning was told.
pub fn learned_key() -> Key {
    Key::new("Q#beginning", "learned")
}

/// Returns the key of the item that tells when a version of the identity was first used in a table that
/// began with another one.
pub fn renewal_key(version: &str) -> Key {
    Key::new("Q#beginning", format!("identity#{version}"))
}

/// Returns the partitions of an hour's segments.
pub fn segment_partitions(window: Option<Window>) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |shard| segment_partition(window, shard))
}

fn segment_partition(window: Option<Window>, shard: u8) -> String {
    format!("M#{}#{shard}", window_name(window))
}

fn window_name(window: Option<Window>) -> String {
    window.map_or_else(|| "undated".to_owned(), |window| window.hours().to_string())
}

/// Returns the hash of a caller's name.
pub fn caller(name: &str) -> CallerHash {
    let mut caller = CallerHash::default();
    caller.copy_from_slice(&Sha256::digest(name)[..8]);
    caller
}

impl ClusterItem {
    /// Returns the item.
    pub fn item(&self, cluster: ClusterId, last: Option<Timestamp>) -> Item {
        let identity = &self.facts.identity;
        let item = Item::new(cluster_key(cluster))
            .text("av", VERSION)
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
            .texts("ci", spelled(&self.circumstances));
        let item = match &self.sample {
            Some(sample) => with_sample(item, sample),
            None => item,
        };
        match &identity.template {
            // It mostly is the template that is shown, and is not kept twice.
            Some(template) if *template == self.facts.template => item.number("ti", 1),
            Some(template) => item.text("tm", template).number("ti", 2),
            None => item,
        }
    }

    /// Reads a cluster item; `None` for what is none.
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

/// Returns circumstances as the table spells them.
pub fn spelled<'c>(all: impl IntoIterator<Item = &'c Circumstance>) -> BTreeSet<String> {
    // Names and texts are always JSON.
    let spelled = |of| serde_json::to_string(of).unwrap_or_default();
    all.into_iter().map(spelled).collect()
}

/// Reads circumstances. Those of a newer version, which have other names, are left out.
pub fn circumstances(texts: &BTreeSet<String>) -> Circumstances {
    let read = |text: &String| serde_json::from_str(text).ok();
    texts.iter().filter_map(read).collect()
}

/// What a partition of events is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HourPartition {
    /// Events without a time.
    Undated,
    /// Events of an hour.
    Hour(Window),
}

impl HourPartition {
    /// Reads what [`window_name`] wrote; `None` for anything else.
    fn parse(name: &str) -> Option<Self> {
        if name == "undated" {
            return Some(Self::Undated);
        }
        let hours: i64 = name.parse().ok()?;
        let start = Timestamp::from_seconds(hours.checked_mul(3600)?)?;
        Some(Self::Hour(start.window()))
    }

    /// Returns the hour; `None` is that of events without a time.
    pub fn window(self) -> Option<Window> {
        match self {
            Self::Undated => None,
            Self::Hour(window) => Some(window),
        }
    }
}

/// Returns the item of a caller that a cluster had not seen before.
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

/// Returns the item of a caller as it is kept for longer, if it soon were forgotten: once it was seen
/// again in the second half of its time.
pub fn renewed(caller: &Item, now: Timestamp) -> Option<Item> {
    let until = caller.number_of("ttl").unwrap_or_default();
    let is_soon = until < now.seconds() + CALLER_SECONDS / 2;
    is_soon.then(|| caller.clone().number("ttl", now.seconds() + CALLER_SECONDS))
}

/// Returns the item of a segment, which is forgotten so many days after its hour.
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
    // An hour long ago is kept as long from now on: somebody has just brought it.
    item.number("ttl", hour.max(now.seconds()) + retention_days * 86_400)
}

/// Reads a partition key `M#<hour>#<shard>`. `None`: it is not the key of a segment.
pub fn segment_hour(pk: &str) -> Option<HourPartition> {
    let (name, _) = pk.strip_prefix("M#")?.rsplit_once('#')?;
    HourPartition::parse(name)
}

/// Returns the partition of the hours that events came late for.
pub fn late_partition() -> &'static str {
    "D#"
}

/// Returns the item that says that events came late for an hour.
pub fn late_item(late: &LateHour) -> Item {
    let key = Key::new(late_partition(), late.window.hours().to_string());
    Item::new(key).text("lo", &late.token)
}

/// Reads what [`late_item`] returns.
pub fn read_late(item: &Item) -> Option<LateHour> {
    Some(LateHour {
        window: Window::from_hours(item.key.sk.parse().ok()?),
        token: item.text_of("lo")?.to_owned(),
    })
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
