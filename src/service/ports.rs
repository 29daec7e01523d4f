//! The ports: what the verbs need of the outside world, and what whoever stands behind a port must
//! guarantee.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;

use alerts::alert::Alert;
use alerts::message::Message;
use alerts::outbox::{
    Breaker, Capacity, Lease, OutboxRow, SendingLimits, Sent, Settlement, SinkAnswer,
};
use clusters::campaign::Campaign;
use clusters::circumstance::Circumstances;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::journal::JournalEntry;
use clusters::keys::{IamAnswer, KeyUsage};
use clusters::lifecycle::Resolutions;
use clusters::sample::{self, Samples};
use clusters::timeline::Timeline;
use clusters::transition::Transition;
use clusters::triage::Triage;
use clusters::{Cluster, ClusterSnapshot, ClusterTotals, EventId, Sighting, Span, Tally};
use futures_util::stream::{self, StreamExt as _};
use records::Rejection;
use records::time::{Timestamp, Window};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::config::setup::Setup;

/// Where clusters are kept.
///
/// An implementor keeps a set: committing what is there already changes nothing. A crash during
/// [`Store::commit`] leaves either nothing of the batches or all of them.
pub trait Store {
    /// Adds batches in their order, all or nothing, and tells of each what came of it.
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError>;

    /// Sums up all events, or those since a moment of event time, without samples.
    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError>;

    /// Returns the samples of all clusters.
    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError>;

    /// Sums up all events, or those since a moment of event time, with samples.
    async fn snapshot(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        let mut snapshot = self.sums(since).await?;
        snapshot.samples = self.samples().await?;
        Ok(snapshot)
    }

    /// Counts all events by cluster and hour. The counts of a cluster sum up to what a snapshot says.
    async fn timeline(&self) -> Result<Timeline, StoreError>;

    /// Returns all events, in no order.
    async fn events(&self) -> Result<Vec<(EventId, Sighting)>, StoreError>;

    /// Returns all events, each once, and their sums, with samples or without. A store that is read as a whole for either
    /// is read once.
    async fn whole(
        &self,
        samples: bool,
    ) -> Result<(ClusterSnapshot, Vec<(EventId, Sighting)>), StoreError> {
        let snapshot = match samples {
            true => self.snapshot(None).await?,
            false => self.sums(None).await?,
        };
        Ok((snapshot, self.events().await?))
    }
}

/// What one input brings.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where the records came from, as a person would name it.
    pub source: String,
    /// The records, folded.
    pub tally: Tally,
    /// The records that could not be read.
    pub quarantined: Vec<Quarantined>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its place in the input, counted from one.
    pub number: u64,
    /// Why it could not be read.
    pub rejection: Rejection,
}

/// What the commit of a batch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Events that were not in the store before.
    pub fresh: u64,
    /// Clusters that were not in the store before.
    pub new_clusters: u64,
    /// The clusters that the batch brought samples of and that have enough of them now.
    pub cutoffs: sample::SampleCutoffs,
    /// What it took.
    pub spent: StoreUsage,
}

/// What a store that is billed by the call took; one that is not takes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Calls, whatever came of them.
    pub calls: u64,
    /// Write request units, as DynamoDB counts them.
    pub write_units: u64,
}

impl StoreUsage {
    /// Adds what something else took.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.write_units += other.write_units;
    }
}

/// A place for objects that people or redrives look at later, and for the rules.
///
/// An implementor that has answered keeps the object; keeping the same object again under the same
/// key changes nothing.
pub trait Bucket {
    /// Keeps an object under a key.
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError>;

    /// Returns the object under a key, `None` where there is none; one of more than so many bytes is
    /// [`BucketError::TooLong`].
    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError>;

    /// Returns the object under a key with its tag, unless it still is the version that a tag stands for. One of
    /// more than so many bytes is [`BucketError::TooLong`].
    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError>;

    /// Returns at most so many objects whose keys begin with a prefix and come behind another key, in
    /// the order of their keys: where these begin with a date, the oldest first.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError>;

    /// Removes an object; one that is not there is removed already.
    async fn remove(&self, key: &str) -> Result<(), BucketError>;
}

/// What came of asking for an object that may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// There is none.
    Missing,
    /// It is the version that was named.
    Unchanged,
    /// It is another one.
    Object {
        /// What is in it.
        bytes: Vec<u8>,
        /// What this version is told from others by.
        tag: String,
    },
}

/// A bucket that keeps the earlier versions of an object.
pub trait Versions: Bucket {
    /// Returns the versions of an object, at most so many, the newest first.
    async fn versions(
        &self,
        key: &str,
        versions_max: usize,
    ) -> Result<Vec<ObjectVersion>, BucketError>;

    /// Returns one version of an object, `None` where it is gone; one of more than so many bytes is
    /// [`BucketError::TooLong`].
    async fn fetch_version(
        &self,
        key: &str,
        id: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, BucketError>;
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectVersion {
    /// The object as it was put, by the id of the version.
    Put(String),
    /// The object was removed.
    Removed,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was kept, where the bucket says so.
    pub modified: Option<Timestamp>,
}

/// Why a bucket did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// It is busy, out of reach, or does not allow it: try again, or look at the permissions.
    #[error("the bucket is not available: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
    /// The object is longer than anything that belongs there.
    #[error("the object {key} has more than {limit} bytes")]
    TooLong {
        /// Its key.
        key: String,
        /// The limit that was passed, in bytes.
        limit: usize,
    },
}

/// The log groups of CloudWatch Logs, from which can be read again what did not come.
///
/// An implementor returns each event of a query on one of its pages. A page may be empty and have
/// another one behind it.
pub trait LogGroups {
    /// Returns a page of events: the first, or the one that a token of the same query stands for.
    async fn events(&self, query: &LogQuery, token: Option<&str>)
    -> Result<LogPage, LogGroupError>;

    /// Returns what stands in the place of a subscription filter.
    async fn subscribed(&self, group: &str, filter: &str) -> Result<Subscribed, LogGroupError>;
}

/// Which events of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The log group.
    pub group: String,
    /// The filter pattern that they match; an empty one matches all.
    pub pattern: String,
    /// They were logged at this moment or later.
    pub from: Timestamp,
    /// The end of the time to read; events logged at this moment are not part of it.
    pub until: Timestamp,
    /// How many of them a page has at most; `None` for as many as fit.
    pub page_max: Option<u16>,
}

/// Some events of a log group, and how to get more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The events, perhaps none.
    pub events: Vec<LogEvent>,
    /// The token of the next page, if there is one; it holds for 24 hours.
    pub next: Option<String>,
}

/// A log event as CloudWatch Logs has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEvent {
    /// Its id.
    pub id: String,
    /// Its log stream.
    #[serde(skip)]
    pub stream: String,
    /// When it was logged, in milliseconds since 1970.
    pub timestamp: i64,
    /// What was logged.
    pub message: String,
}

/// What stands in the place of a subscription filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribed {
    /// There is no such log group.
    NoGroup,
    /// The log group has no filter of that name.
    NoFilter,
    /// A filter.
    Filter {
        /// The pattern of what it hands over.
        pattern: String,
        /// The ARN of whom it hands that to.
        destination: String,
    },
}

/// Why CloudWatch Logs did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LogGroupError {
    /// There is no such log group: look at its name.
    #[error("there is no log group {group} in this account and region")]
    NoGroup {
        /// Its name.
        group: String,
    },
    /// The token is not taken any more: begin with the first page.
    #[error("the page token has expired; start again with the first page")]
    Stale,
    /// It is busy, out of reach, or does not allow it: try again, or look at the permissions.
    #[error("CloudWatch Logs is not available: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
}

/// What CloudWatch says of deliveries that failed on the way from log groups to a function.
///
/// An implementor tells what it knows by now; it may know more of the same hour later, and never less.
pub trait Deliveries {
    /// Returns what failed in each hour from one to before another; hours in which nothing did may be
    /// missing.
    async fn failures(
        &self,
        way: &DeliveryPath<'_>,
        from: Window,
        until: Window,
    ) -> Result<Vec<Failures>, DeliveriesError>;
}

/// A subscription: its log groups, the name of its filter, and the function that it calls.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPath<'w> {
    /// The log groups.
    pub groups: &'w [String],
    /// The name of the subscription filter of each.
    pub filter: &'w str,
    /// The name of the function.
    pub function: &'w str,
}

/// What failed in an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// The hour.
    pub hour: Window,
    /// Whose events could not be delivered; where there is no log group, what was delivered to the function failed
    /// and could not be kept in the bucket, and that may have been of any.
    pub group: Option<String>,
    /// How much it was.
    pub count: u64,
}

/// Why CloudWatch did not say what failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveriesError {
    /// It is busy, out of reach, or does not allow it: try again, or look at the permissions.
    #[error("the delivery metrics of CloudWatch cannot be read: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
}

/// Where alerts wait until they are sent: one row for each alert and sink.
///
/// An implementor hands a row to one holder of a lease at a time, and ends it at most once: whoever
/// held a row that somebody else has by now, or that is gone, is told so and has done nothing. A row
/// stays until it is sent, dead, suppressed or digested, and it is noted which of these it was in
/// the step that removes it.
pub trait Outbox {
    /// Returns rows of a sink that wait, due or not, leased or not, those of one cluster in the
    /// order in which they came: at most so many of each of the sink's partitions.
    async fn waiting(&self, sink: &str, limit: usize) -> Result<Vec<OutboxRow>, StoreError>;

    /// Takes a row for a while, if it is due and nobody has it; `false` says that somebody has, or
    /// that it is gone.
    async fn lease(&self, row: &OutboxRow, lease: &Lease) -> Result<bool, StoreError>;

    /// Ends or puts off a row that was taken; `false` says that the lease had run out and that
    /// somebody else has the row now, or had.
    async fn settle(
        &self,
        row: &OutboxRow,
        lease: &Lease,
        end: &Settlement,
    ) -> Result<bool, StoreError>;

    /// Returns what stands in the way of a sink.
    async fn breaker(&self, sink: &str) -> Result<Breaker, StoreError>;

    /// Notes what stands in the way of a sink.
    async fn set_breaker(&self, sink: &str, breaker: &Breaker) -> Result<(), StoreError>;

    /// Takes the one probe a minute of a sink whose breaker is open; `false` says that somebody else
    /// has it, or that it is too early.
    async fn probe(&self, sink: &str, lease: &Lease) -> Result<bool, StoreError>;

    /// Returns what may hold back what a sink would be told of a cluster. A triage that cannot be read
    /// holds nothing back.
    async fn sending_limits(
        &self,
        sink: &str,
        cluster: ClusterId,
    ) -> Result<SendingLimits, StoreError>;
}

/// What people decided about clusters, and the journals of what happened to them.
///
/// An implementor changes a triage and notes it in one step, and only where nobody has changed it
/// since it was read. A journal is a set: the same entry twice is one.
pub trait TriageStore {
    /// Returns the triages of clusters, each with its version; none of a cluster that was never marked.
    async fn triages(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError>;

    /// Returns the triage of one cluster with its version.
    async fn triage(&self, cluster: ClusterId) -> Result<VersionedTriage, StoreError> {
        let mut triages = self.triages(&[cluster]).await?;
        Ok(triages.remove(&cluster).unwrap_or_default())
    }

    /// Marks a cluster, or takes its triage away, and notes that in the journal. `false` says that
    /// somebody has changed the triage since this version was read, and that nothing was done.
    ///
    /// A store that keeps how clusters stand closes one that is marked as resolved, and opens one
    /// whose entry says that it was reopened.
    async fn set_triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        version: i64,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError>;

    /// Returns the journal of a cluster, in the order of its entries.
    async fn journal(&self, cluster: ClusterId) -> Result<Vec<JournalEntry>, StoreError>;

    /// Returns when people said of clusters that they are over, or not over after all.
    async fn resolutions(&self) -> Result<Resolutions, StoreError>;

    /// Adds entries to the journal of a cluster.
    async fn note(&self, cluster: ClusterId, entries: &[JournalEntry]) -> Result<(), StoreError>;
}

/// The triage of a cluster as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionedTriage {
    /// The triage; `None` where there is none, any more or yet.
    pub triage: Option<Triage>,
    /// How often it was changed; 0 for never.
    pub version: i64,
}

/// What an alert says of its cluster is looked up here when it is sent.
pub trait ClusterReader {
    /// Returns what is known of a cluster, with its events of some hours; `None` if there is none
    /// such.
    async fn cluster_details(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<ClusterDetails>, StoreError>;

    /// Returns what is known of clusters without their events; those that are not there are missing.
    async fn cluster_details_of(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, ClusterDetails>, StoreError> {
        let mut cluster_details_of = BTreeMap::new();
        for cluster in clusters {
            if let Some(cluster_details) = self.cluster_details(*cluster, no_hours()).await? {
                cluster_details_of.insert(*cluster, cluster_details);
            }
        }
        Ok(cluster_details_of)
    }
}

/// Returns a range without an hour, for whoever asks for no events.
pub fn no_hours() -> RangeInclusive<Window> {
    Timestamp::LAST.window()..=Timestamp::FIRST.window()
}

/// What is known of a cluster, and its events of some hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDetails {
    /// The cluster, with what was seen of it in these hours.
    pub cluster: Cluster,
    /// When it was first seen at all.
    pub first_seen: Option<Timestamp>,
    /// The circumstances of all of its events, as far as the store keeps them without the events.
    pub circumstances: Circumstances,
    /// How many errors its account had in these hours, whatever their cluster.
    pub account_errors: u64,
}

impl ClusterDetails {
    /// Returns what a snapshot of some hours and one of all time say of a cluster.
    pub fn of(
        cluster: ClusterId,
        hours: &ClusterSnapshot,
        first_seen: Option<Timestamp>,
        circumstances: Circumstances,
    ) -> Option<Self> {
        let facts = hours.facts.get(&cluster)?;
        let account_id = &facts.identity.account_id;
        let sums = hours.sums();
        let of_account = sums
            .iter()
            .filter(|sum| sum.facts.identity.account_id == *account_id);
        let account_errors = of_account.map(|sum| sum.span.count).sum();
        let samples = hours.samples.get(&cluster).map(Samples::all);
        let seen = sums.iter().find(|sum| sum.id == cluster);
        let unseen = || Cluster {
            id: cluster,
            facts: Arc::clone(facts),
            span: Span::default(),
            facets: BTreeMap::new(),
            facet_sets: Vec::new(),
            samples: samples.into_iter().flatten().collect(),
        };
        Some(Self {
            cluster: seen.map_or_else(unseen, ClusterTotals::cluster),
            first_seen,
            circumstances,
            account_errors,
        })
    }
}

/// What a store holds of single hours.
pub trait HourReader {
    /// Returns all events of an hour, each once. What their clusters are is looked up where `known`
    /// does not say.
    async fn hour(
        &self,
        window: Window,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError>;

    /// Returns all events that have no time, in the same way.
    async fn undated(
        &self,
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError>;

    /// Returns all events of some hours, in the same way.
    async fn hours(
        &self,
        windows: &[Window],
        known: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        let reads = windows.iter().map(|window| self.hour(*window, known));
        let mut read = stream::iter(reads).buffered(READS_MAX);
        let mut all = Hour::default();
        while let Some(hour) = read.next().await {
            let hour = hour?;
            all.events.extend(hour.events);
            all.subjects.extend(hour.subjects);
            all.damaged.extend(hour.damaged);
        }
        Ok(all)
    }
}

/// How many hours are read side by side.
const READS_MAX: usize = 8;

/// What the inspection reads of a store that others write to, and what it changes there.
///
/// An implementor makes a transition true and tells of it in one step, and once: what is true or told
/// already, by whomever, stays as it is.
pub trait TransitionWriter {
    /// Tells whether anything is told by now: not while it is learned what is usual.
    async fn is_telling(&mut self) -> Result<bool, StoreError>;

    /// Returns the hours that events came late for, after they had been taken.
    async fn late(&self) -> Result<Vec<LateHour>, StoreError>;

    /// Forgets that events came late for an hour, unless more have come since.
    async fn forget_late(&self, late: &LateHour) -> Result<(), StoreError>;

    /// Makes a transition true, and tells of it if it is told; `false` says that there was nothing to
    /// do.
    async fn settle(
        &self,
        transition: &Transition,
        told: Option<&Alert>,
    ) -> Result<bool, StoreError>;

    /// Tells of something, if that was not told before.
    async fn tell_once(&self, alert: &Alert) -> Result<bool, StoreError>;
}

/// Campaigns are found in the events of an account, and told once, by whoever finds them first.
pub trait Campaigns {
    /// Returns the campaigns that a cluster may be part of: those that its account's events of some
    /// hours make, none for a cluster of which none are made.
    async fn campaigns(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Arc<Vec<Campaign>>, StoreError>;

    /// Tells that a campaign is going on, if that was not told before, and remembers until when it is
    /// known to.
    async fn meet_campaign(&self, campaign: &Campaign, told: &Alert) -> Result<bool, StoreError>;
}

/// What became of the messages about clusters.
pub trait SentLog {
    /// Returns what became of the messages about a cluster, the earliest first. Neither those that
    /// still wait are among them, nor those that silence held back.
    /// A store that nothing is sent from has none.
    async fn sent(&self, _cluster: ClusterId) -> Result<Vec<Sent>, StoreError> {
        Ok(Vec::new())
    }
}

/// An hour as a store has it.
#[derive(Debug, Clone, Default)]
pub struct Hour {
    /// The events, in no order.
    pub events: Vec<(EventId, Sighting)>,
    /// The subjects of the clusters that these events belong to.
    pub subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// What could not be read of it, and is left out.
    pub damaged: Vec<String>,
}

/// An hour that events came late for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateHour {
    /// The hour.
    pub window: Window,
    /// What came last.
    pub token: String,
}

/// How the functions of a stack are set up, for whoever acts in their place.
///
/// An implementor keeps what was left last, and writes nothing where that is there already.
pub trait SetupStore {
    /// Returns how they are set up; `None` where nobody has left that yet.
    async fn setup(&self) -> Result<Option<Setup>, StoreError>;

    /// Leaves how they are set up; `false` says that it was there already.
    async fn leave_setup(&self, setup: &Setup) -> Result<bool, StoreError>;
}

/// Time and chance, as whoever waits and tries again needs them.
pub trait Clock {
    /// Returns the milliseconds since 1970.
    fn millis(&self) -> i64;

    /// Waits so many milliseconds.
    async fn wait(&self, millis: i64);

    /// Returns any number from 0 to below a limit, which is at least 1.
    fn any(&self, limit: i64) -> i64;

    /// Returns the moment, in whole seconds.
    fn now(&self) -> Timestamp {
        let now = Timestamp::from_seconds(self.millis().div_euclid(1000));
        now.unwrap_or(Timestamp::FIRST)
    }
}

/// What IAM said of access keys.
pub trait KeyAnswers {
    /// Returns what is remembered of a key; nothing for one that was never seen. A store that asks
    /// IAM nothing remembers nothing.
    async fn key_usage(&self, _key: &str) -> Result<KeyUsage, StoreError> {
        Ok(KeyUsage::default())
    }
}

/// Who asks IAM about access keys, and remembers what it said.
pub trait KeyUsageStore: KeyAnswers {
    /// Takes the right to ask IAM about a key, for as long as an answer stands; `false` says that
    /// somebody else has it.
    async fn claim(&self, key: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Remembers an answer that came at a moment, and tells all sinks of what it shows,
    /// all or nothing.
    async fn remember(
        &self,
        key: &str,
        key_usage: &KeyUsage,
        tells: &[Alert],
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// Who knows when a key was last used: IAM.
pub trait KeyDirectory {
    /// Asks about a long-term key of an account.
    async fn last_use(&self, key: &str, account_id: &str) -> Result<IamAnswer, DirectoryError>;
}

/// Why a directory did not answer; the alert goes out without.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is asked too often: not now.
    #[error("IAM throttles the requests")]
    Throttled,
    /// It is out of reach, or the role is not allowed to ask.
    #[error("IAM did not answer: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
}

/// Where alerts go.
pub trait Sink {
    /// Returns how much one request takes.
    fn capacity(&self) -> Capacity;

    /// Sends alerts in one request, and returns an answer for each of them, in their order.
    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer>;

    /// Forgets what it knows of its secret, to fetch it again.
    fn forget_secret(&mut self) {}
}

/// Where the secret of a sink is kept.
pub trait SecretStore {
    /// Returns the secret as it is kept.
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError>;
}

/// Why a vault did not hand over a secret. Neither repeats anything of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// There is none, or it is not allowed to have it: a person has to do something.
    #[error("the secret cannot be read: {detail}")]
    Refused {
        /// What it says.
        detail: String,
    },
    /// It is busy or out of reach: try again.
    #[error("Secrets Manager is not available: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
    },
}

/// Why a store did not do what it was asked for; each variant asks for another next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store was written by a newer version: update this program.
    #[error(
        "the store has schema version {found}, but this program supports versions up to {known}; \
         update cloudtrail-inspector, or use another file"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It is something else: choose another file.
    #[error("this is not a cloudtrail-inspector store; choose another file")]
    Foreign,
    /// It is busy or out of reach: try again.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What it holds makes no sense: restore it, or scan anew.
    #[error("the store is damaged: {detail}; restore it, or create a new one with scan")]
    Damaged {
        /// What makes no sense.
        detail: String,
    },
}

/// Returns words with the causes of an error behind them; one that the words end with is not
/// repeated.
pub fn with_causes(words: impl Into<String>, error: &dyn Error) -> String {
    let mut told = words.into();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !told.ends_with(&words) {
            told = format!("{told}: {words}");
        }
        source = cause.source();
    }
    told
}
