//! The ports: traits through which the verbs reach stores, buckets, AWS services, sinks and the clock.
//!
//! The docs of a trait state what an implementor must guarantee, and what a crash before, during or after a call
//! means. Where no other error is named, a method fails only if the service behind the port is out of reach, refuses
//! the call, or holds data that cannot be read. The variants of the error types say what the caller can do.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::Arc;

use alerts::alert::Alert;
use alerts::message::Message;
use alerts::outbox::{
    Breaker, Capacity, Lease, MessageLogEntry, OutboxRow, SendingLimits, Settlement, SinkAnswer,
};
use clusters::circumstance::Circumstances;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::actor::Actor;
use clusters::incident::life::SentAlert;
use clusters::journal::JournalEntry;
use clusters::keys::{IamAnswer, KeyEntry, KeyUsage};
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
use crate::drill_record::{Drill, DrillId, DrillNote, DrillTrace};

/// A store of all events and their clusters.
///
/// An implementor stores a set: to commit an event again changes nothing. After `Ok`, [`Store::commit`] has stored
/// all batches. After an error or a crash the store holds none of the batches, or a part of them. A caller then
/// commits the same batches again, which adds only what is missing.
pub trait Store {
    /// Adds batches in their order, and returns one result for each batch, in the same order.
    async fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError>;

    /// Returns a snapshot of all events, without samples. With `since`, only events at or after this moment of event
    /// time are summed up, and events without a time are left out.
    async fn sums(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError>;

    /// Returns the samples of all clusters: the few redacted records that each cluster keeps as examples.
    async fn samples(&self) -> Result<BTreeMap<ClusterId, Samples>, StoreError>;

    /// Returns a snapshot as [`Store::sums`] does, with the samples of all clusters.
    async fn snapshot(&self, since: Option<Timestamp>) -> Result<ClusterSnapshot, StoreError> {
        let mut snapshot = self.sums(since).await?;
        snapshot.samples = self.samples().await?;
        Ok(snapshot)
    }

    /// Counts all events by cluster and hour. The counts of a cluster add up to its count in a snapshot of all events.
    async fn timeline(&self) -> Result<Timeline, StoreError>;

    /// Returns all events, in no order.
    async fn events(&self) -> Result<Vec<(EventId, Sighting)>, StoreError>;

    /// Returns what the store keeps for incidents; `None` if it keeps nothing.
    async fn ledger(&self) -> Result<Option<LedgerCalls>, StoreError> {
        Ok(None)
    }

    /// Keeps that a drill has arrived, and enqueues its alert for all sinks, in one step. `false` if it was kept before.
    ///
    /// A store without an outbox keeps no drills.
    async fn keep_drill(&mut self, _drill: &Drill) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Returns a snapshot of all events, and the events themselves, each once. `samples` decides whether the snapshot
    /// has samples. An implementor that reads all data for either part reads the data once for both.
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

/// The events of one input with their clusters, ready to be committed to a store.
#[derive(Debug, Default)]
pub struct Batch {
    /// The name of the input as it is shown to people, such as the path of a file.
    pub source: String,
    /// The events of the input with their clusters and samples.
    pub tally: Tally,
    /// The calls that are kept for the ledgers of incidents alone. They are no events of a cluster and have no limit: each
    /// `AssumeRole` is a call of its own. A store that does not keep them drops them. One that does also keeps what the
    /// sensitive calls did that it counts in an overflow cluster.
    pub ledger: Tally,
    /// The records of the input that could not be read; mostly empty.
    pub quarantined: Vec<Quarantined>,
}

/// What a store keeps for incidents beside the events of its clusters.
#[derive(Debug, Clone, Default)]
pub struct LedgerCalls {
    /// The calls that make or remove something without being sensitive, what the sensitive calls did whose events are in an
    /// overflow cluster, and what was read from log groups; each once, in no order.
    pub events: Vec<(EventId, Sighting)>,
    /// What the calls did, by the id of the group of equal calls.
    pub subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// The time of the last event that was stored before the store kept these calls; `None` if it kept them from the start.
    /// Removals until then may be missing.
    pub missing_until: Option<Timestamp>,
    /// The actors whose removals are there all the same.
    pub complete: BTreeSet<Actor>,
    /// The alerts about incidents that were decided.
    pub sent: BTreeSet<SentAlert>,
}

/// An unreadable record of an input: its position and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The position of the record in its input, from 1.
    pub number: u64,
    /// Why the record could not be read.
    pub rejection: Rejection,
}

/// The result of the commit of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The number of events of the batch that were not in the store before.
    pub fresh: u64,
    /// The number of clusters of the batch that were not in the store before.
    pub new_clusters: u64,
    /// Clusters of the batch that have enough samples now, each with the highest rank of a sample that the store keeps.
    ///
    /// A caller need not make samples of a higher rank, because the store would drop them.
    pub cutoffs: sample::SampleCutoffs,
    /// The calls and write units that the commit cost.
    pub spent: StoreUsage,
}

/// The number of calls and of write units that a store has used. Both are 0 for a store that is not billed, such as a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// The number of calls to the store, failed calls included.
    pub calls: u64,
    /// The number of write request units, as DynamoDB counts them.
    pub write_units: u64,
}

impl StoreUsage {
    /// Adds another usage to this one.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.write_units += other.write_units;
    }
}

/// A bucket of objects: inputs that could not be read, the rules, the settings, and the state of the inspection.
///
/// After `Ok` from [`Bucket::keep`], the object is stored durably. After a crash or an error, the old object or the
/// new one is there, never a part. To write the same object again under the same key changes nothing.
pub trait Bucket {
    /// Writes an object under a key. An object that was there before is replaced.
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError>;

    /// Returns the object under a key; `None` if there is no such object. An object of more than `bytes_max` bytes is
    /// [`BucketError::TooLong`].
    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError>;

    /// Returns the object under a key if its tag differs from `tag`. Without a `tag`, an object counts as changed.
    ///
    /// `tag` comes from an earlier call. A changed object of more than `bytes_max` bytes is [`BucketError::TooLong`].
    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError>;

    /// Lists objects whose keys begin with `prefix`, sorted by key, at most `objects_max` of them.
    ///
    /// With `after`, only keys that sort behind it are listed. Keys that begin with a date come oldest first.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError>;

    /// Removes an object. To remove an object that does not exist is no error.
    async fn remove(&self, key: &str) -> Result<(), BucketError>;
}

/// The answer of [`Bucket::fetch_changed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// There is no object under the key.
    Missing,
    /// The object still has the tag that the caller passed.
    Unchanged,
    /// The object is new to the caller, or has changed.
    Object {
        /// The content of the object.
        bytes: Vec<u8>,
        /// The tag of the object, to be passed to the next call. Objects with different content have different tags.
        tag: String,
    },
}

/// A bucket that also stores earlier versions of its objects.
pub trait Versions: Bucket {
    /// Returns the newest versions of an object, at most `versions_max`, newest first. Empty if the object never
    /// existed.
    async fn versions(
        &self,
        key: &str,
        versions_max: usize,
    ) -> Result<Vec<ObjectVersion>, BucketError>;

    /// Returns the content of one version of an object; `None` if that version does not exist any more.
    ///
    /// `id` is the id in [`ObjectVersion::Put`]. A version of more than `bytes_max` bytes is [`BucketError::TooLong`].
    async fn fetch_version(
        &self,
        key: &str,
        id: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, BucketError>;
}

/// A version of an object in a bucket, or a removal of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectVersion {
    /// The object was written. The text is the id of this version.
    Put(String),
    /// The object was removed.
    Removed,
}

/// An object of a bucket, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The key of the object.
    pub key: String,
    /// The size of the object in bytes.
    pub bytes: u64,
    /// When the object was last written; `None` if the bucket does not report a time.
    pub modified: Option<Timestamp>,
}

/// Why a call to a bucket failed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The bucket is busy, out of reach, or does not permit the call. Try again, or check the permissions.
    #[error("the bucket is not available: {detail}")]
    Unavailable {
        /// The message of the bucket, or why there was no answer.
        detail: String,
    },
    /// The object is larger than the limit that the caller passed. To try again does not help.
    #[error("the object {key} has more than {limit} bytes")]
    TooLong {
        /// The key of the object.
        key: String,
        /// The limit that was passed, in bytes.
        limit: usize,
    },
}

/// Why a question about a deployed stack has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// There is no stack of this name in the region that was asked. Check the name, the region and the profile.
    #[error("there is no stack of this name here; check the name, or give --region or --profile")]
    Missing,
    /// The service is out of reach, or refuses the call. Try again, or check the permissions.
    #[error("{call} failed: {detail}")]
    Unavailable {
        /// The call, such as `cloudformation:DescribeStacks`, which is also the permission that it needs.
        call: &'static str,
        /// The message of the service, or why there was no answer.
        detail: String,
    },
}

/// The log groups of CloudWatch Logs. Events that were not delivered are read again from here.
///
/// An implementor returns each event of a query on exactly one page. A page without events may still have a next
/// page. Calls only read, so a crash has no effect and each call may be repeated.
pub trait LogGroups {
    /// Returns one page of log events: the first page without a `token`, else the page that the token names.
    ///
    /// A token comes from [`LogPage::next`] of the same query. An expired token is [`LogGroupError::Stale`].
    async fn events(&self, query: &LogQuery, token: Option<&str>)
    -> Result<LogPage, LogGroupError>;

    /// Returns the subscription filter of this name in a log group, or which of the two does not exist.
    async fn subscribed(&self, group: &str, filter: &str) -> Result<Subscribed, LogGroupError>;
}

/// A log group of CloudWatch Logs that is written to. To write a record again adds it again.
pub trait LogGroupWriter {
    /// Writes a log event with the time `at` to a log stream, which is created if it does not exist.
    async fn put(
        &self,
        group: &str,
        stream: &str,
        at: Timestamp,
        message: &str,
    ) -> Result<(), LogGroupError>;
}

/// A query for the log events of one log group in a time range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The name of the log group.
    pub group: String,
    /// The filter pattern that log events must match, in the syntax of CloudWatch Logs. An empty pattern matches all.
    pub pattern: String,
    /// The start of the time range. Events logged at this moment are included.
    pub from: Timestamp,
    /// The end of the time range. Events logged at this moment are not included.
    pub until: Timestamp,
    /// The highest number of log events on a page; `None` for the limit of CloudWatch Logs.
    pub page_max: Option<u16>,
}

/// One page of the answer to a [`LogQuery`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The log events of the page; may be empty even if there is a next page.
    pub events: Vec<LogEvent>,
    /// The token of the next page, valid for 24 hours; `None` on the last page.
    pub next: Option<String>,
}

/// One log event of CloudWatch Logs. Its message is one CloudTrail record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEvent {
    /// The id that CloudWatch Logs gave to the log event.
    pub id: String,
    /// The name of the log stream that contains the log event.
    #[serde(skip)]
    pub stream: String,
    /// When the log event was logged, in milliseconds since 1970.
    pub timestamp: i64,
    /// The text of the log event: one CloudTrail record in JSON.
    pub message: String,
}

/// The answer of [`LogGroups::subscribed`]: whether the log group has the subscription filter, and its pattern and
/// destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribed {
    /// The log group does not exist.
    NoGroup,
    /// The log group exists, but has no subscription filter of this name.
    NoFilter,
    /// The subscription filter exists.
    Filter {
        /// The filter pattern. Only events that match it are sent; an empty pattern matches all.
        pattern: String,
        /// The ARN of the destination that the filter sends events to, mostly a function.
        destination: String,
    },
}

/// Why a call to CloudWatch Logs failed.
#[derive(Debug, thiserror::Error)]
pub enum LogGroupError {
    /// The log group does not exist in this account and region. Check its name.
    #[error("there is no log group {group} in this account and region")]
    NoGroup {
        /// The name of the log group.
        group: String,
    },
    /// The page token has expired. Start again with the first page.
    #[error("the page token has expired; start again with the first page")]
    Stale,
    /// CloudWatch Logs is busy, out of reach, or does not permit the call. Try again, or check the permissions.
    #[error("CloudWatch Logs is not available: {detail}")]
    Unavailable {
        /// The message of CloudWatch Logs, or why there was no answer.
        detail: String,
    },
}

/// Metrics of CloudWatch about failed deliveries from log groups to a function.
///
/// An implementor returns the counts that are known now. A later call may return a higher count for the same hour,
/// because metrics arrive late, but never a lower one. Calls only read, so a crash has no effect.
pub trait Deliveries {
    /// Returns the failures of each hour from `from` until before `until`. Hours without failures may be left out.
    async fn failures(
        &self,
        path: &DeliveryPath<'_>,
        from: Window,
        until: Window,
    ) -> Result<Vec<Failures>, DeliveriesError>;
}

/// A subscription: log groups, the name of their filter, and the function that it calls.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPath<'w> {
    /// The names of the log groups.
    pub groups: &'w [String],
    /// The name of the subscription filter, the same in each log group.
    pub filter: &'w str,
    /// The name of the function that the filter sends log events to.
    pub function: &'w str,
}

/// The number of failed deliveries from a log group to the function in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// The hour in which deliveries failed.
    pub hour: Window,
    /// The log group that could not deliver its events. `None` for deliveries that the function failed to process and
    /// that AWS Lambda could not save to the bucket; their events may come from any log group.
    pub group: Option<String>,
    /// The number of failed deliveries; one delivery may have many events.
    pub count: u64,
}

/// Why the metrics of failed deliveries could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DeliveriesError {
    /// CloudWatch is busy, out of reach, or does not permit the call. Try again, or check the permissions.
    #[error("the delivery metrics of CloudWatch cannot be read: {detail}")]
    Unavailable {
        /// The message of CloudWatch, or why there was no answer.
        detail: String,
    },
}

/// The queue of alerts that wait to be sent: one row for each alert and sink.
///
/// An implementor leases a row to one holder only, until the lease expires. Each row ends once: as sent, dead,
/// suppressed or digested. The outcome is noted in the same step that removes the row. A holder who lost the row gets
/// `false`, and the call changes nothing.
///
/// A crash before [`Outbox::settle`] leaves the row in the outbox. When its lease expires, another run leases the row
/// and sends its alert again, under the same id. So an alert may be sent twice, and none is lost.
pub trait Outbox {
    /// Returns the rows of a sink, also rows that are leased or not due yet.
    ///
    /// Rows of one cluster come in the order in which they were written. A store may split the rows of a sink into
    /// partitions; `limit` is the highest number of rows from each partition.
    async fn waiting(&self, sink: &str, limit: usize) -> Result<Vec<OutboxRow>, StoreError>;

    /// Leases a row until `lease.until`. `false` if the row is not due, leased to another holder, or gone.
    async fn lease(&self, row: &OutboxRow, lease: &Lease) -> Result<bool, StoreError>;

    /// Ends or postpones a leased row. `false` if the row is gone or another holder has it, because the lease expired;
    /// nothing is changed then.
    async fn settle(
        &self,
        row: &OutboxRow,
        lease: &Lease,
        end: &Settlement,
    ) -> Result<bool, StoreError>;

    /// Returns the circuit breaker of a sink. A sink without a stored breaker has the default: nothing is wrong.
    async fn breaker(&self, sink: &str) -> Result<Breaker, StoreError>;

    /// Stores the circuit breaker of a sink. The last write wins.
    async fn set_breaker(&self, sink: &str, breaker: &Breaker) -> Result<(), StoreError>;

    /// Reserves the one test request that an open breaker permits until `lease.until`.
    ///
    /// `false` if another run has reserved the request, or if the time for it has not come.
    async fn probe(&self, sink: &str, lease: &Lease) -> Result<bool, StoreError>;

    /// Returns the sending pause and the triage that may hold back alerts of a cluster from a sink. A triage that
    /// cannot be read holds nothing back.
    async fn sending_limits(
        &self,
        sink: &str,
        cluster: ClusterId,
    ) -> Result<SendingLimits, StoreError>;
}

/// The triage decisions of people about clusters, and the journals of clusters.
///
/// An implementor changes a triage and adds the journal entry in one step. It does so only if the triage still has the
/// version that the caller has read. A journal is a set: the same entry written twice is one entry. After a crash the
/// caller reads the triage again, which shows whether the change was made.
pub trait TriageStore {
    /// Returns the triages of clusters with their versions. A cluster that never had a triage is missing in the map.
    async fn triages(
        &self,
        clusters: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError>;

    /// Returns the triage of one cluster with its version. A cluster that never had a triage has version 0.
    async fn triage(&self, cluster: ClusterId) -> Result<VersionedTriage, StoreError> {
        let mut triages = self.triages(&[cluster]).await?;
        Ok(triages.remove(&cluster).unwrap_or_default())
    }

    /// Returns all triages with their versions, also those that were removed.
    async fn marks(&self) -> Result<BTreeMap<ClusterId, VersionedTriage>, StoreError>;

    /// Sets the triage of a cluster, or removes it if `triage` is `None`, and adds an entry to the journal.
    ///
    /// `version` is the version that the caller has read. `false` if the triage has been changed since then; nothing
    /// is written in that case.
    ///
    /// A store that also has the lifecycle state of clusters closes the cluster if the entry is "resolved", and opens
    /// it again if the entry is "reopened", in the same step.
    async fn set_triage(
        &self,
        cluster: ClusterId,
        triage: Option<&Triage>,
        version: i64,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError>;

    /// Returns the journal of a cluster, sorted by time. Empty for an unknown cluster.
    async fn journal(&self, cluster: ClusterId) -> Result<Vec<JournalEntry>, StoreError>;

    /// Returns when people resolved clusters, or reopened them, by cluster.
    async fn resolutions(&self) -> Result<Resolutions, StoreError>;

    /// Adds entries to the journal of a cluster. A crash may leave a part of them; to add all of them again is safe.
    async fn note(&self, cluster: ClusterId, entries: &[JournalEntry]) -> Result<(), StoreError>;
}

/// The triage of a cluster, with the version that is needed to change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionedTriage {
    /// The triage; `None` if it was removed, or if the cluster never had a triage.
    pub triage: Option<Triage>,
    /// The number of changes of this cluster's triage so far; 0 if the cluster never had a triage.
    pub version: i64,
}

/// The clusters of a store, read one by one for alerts and pages.
///
/// Calls only read, so a crash has no effect. An implementor may cache clusters and events. But after
/// [`Outbox::waiting`] has returned a row, the events that caused its alert must be visible.
pub trait ClusterReader {
    /// Returns the details of a cluster, with its events in a range of hours, both ends included. `None` if the store
    /// does not have the cluster.
    async fn cluster_details(
        &self,
        cluster: ClusterId,
        hours: RangeInclusive<Window>,
    ) -> Result<Option<ClusterDetails>, StoreError>;

    /// Returns the details of clusters, without their events. Clusters that the store does not have are missing in the
    /// map.
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

/// Returns an empty range of hours. With it, [`ClusterReader::cluster_details`] reads a cluster without its events.
pub fn no_hours() -> RangeInclusive<Window> {
    Timestamp::LAST.window()..=Timestamp::FIRST.window()
}

/// A cluster with its events in a range of hours, and facts about all its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDetails {
    /// The cluster. Its counts, times and facets cover only events in the range of hours that was read.
    pub cluster: Cluster,
    /// The time of the cluster's first event, also outside the range of hours; `None` if no event of the cluster has a
    /// time.
    pub first_seen: Option<Timestamp>,
    /// The facts about all events of the cluster that its severity is computed from, also outside the range of hours.
    ///
    /// Empty if the store does not store these facts. The severity is then computed from the events in
    /// [`Self::cluster`].
    pub circumstances: Circumstances,
    /// The number of all events in the cluster's account in the range of hours, those of other clusters included.
    pub account_errors: u64,
}

impl ClusterDetails {
    /// Builds the details of a cluster. `hours` is a snapshot of the range of hours; the last two arguments cover all
    /// events of the cluster.
    ///
    /// `None` if the snapshot has no facts of the cluster. If it has facts but no events, the counts are 0.
    pub fn of(
        cluster: ClusterId,
        hours: &ClusterSnapshot,
        first_seen: Option<Timestamp>,
        circumstances: Circumstances,
    ) -> Option<Self> {
        let facts = hours.facts.get(&cluster)?;
        let account_id = &facts.identity.account_id;
        let sums = hours.all_sums();
        let of_account = sums.iter().filter(|sum| {
            !sum.facts.is_sensitive_call() && sum.facts.identity.account_id == *account_id
        });
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

/// The events of a store, read hour by hour.
///
/// Calls only read, so a crash has no effect. `cached` returns the subject of a cluster that the caller already has; an
/// implementor reads only the other subjects.
pub trait HourReader {
    /// Returns all events of an hour, each once, and the subjects of their clusters.
    async fn hour(
        &self,
        window: Window,
        cached: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError>;

    /// Returns all events that have no time, as [`HourReader::hour`] does.
    async fn undated(
        &self,
        cached: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError>;

    /// Returns all events of several hours in one [`Hour`].
    async fn hours(
        &self,
        windows: &[Window],
        cached: &dyn Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) -> Result<Hour, StoreError> {
        let reads = windows.iter().map(|window| self.hour(*window, cached));
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

/// The highest number of hours that are read at the same time.
const READS_MAX: usize = 8;

/// The part of a store that the hourly inspection writes to, while ingest functions write new events.
///
/// An implementor applies a transition and enqueues its alert in one step, and only once. If the transition or the
/// alert is there already, from whichever run, the call changes nothing. So a run that crashed may repeat all of its
/// calls.
pub trait TransitionWriter {
    /// Checks whether alerts are enqueued now. `false` without a sink, and during the learning period of the stack.
    async fn sends_alerts(&mut self) -> Result<bool, StoreError>;

    /// Checks whether new clusters are announced now, as far as [`Self::sends_alerts`] has found out. `false` on the day after
    /// a change of the identity version, when each error has another id.
    fn announces_new(&self) -> bool;

    /// Returns the hours that got events late, when the inspection may have processed the hour already. The inspection
    /// processes these hours again.
    async fn late(&self) -> Result<Vec<LateHour>, StoreError>;

    /// Removes an hour from the list of [`TransitionWriter::late`], after it was processed again. The hour stays if more
    /// events came late since the list was read.
    async fn forget_late(&self, late: &LateHour) -> Result<(), StoreError>;

    /// Applies a transition to its cluster and enqueues `alert`, if there is one, for all sinks. `false` if this call
    /// changed nothing.
    async fn settle(
        &self,
        transition: &Transition,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError>;

    /// Enqueues an alert for all sinks, unless an alert with the same id was enqueued before. `true` if it was new.
    async fn enqueue_once(&self, alert: &Alert) -> Result<bool, StoreError>;
}

/// What the one-minute round needs to find incidents, and to alert about them.
///
/// Several functions may look at the same account at once. An alert about an incident is written under the id of the incident
/// and the number of the alert, together with its outbox rows, so that one function sends it. A function that crashed may
/// repeat its calls.
pub trait IncidentStore {
    /// Returns the hours of accounts that have new evidence since they were last looked at.
    async fn evidence(&self) -> Result<Vec<EvidenceNote>, StoreError>;

    /// Removes a note after its account was looked at. The note stays if more evidence came since it was read.
    async fn forget_evidence(&self, note: &EvidenceNote) -> Result<(), StoreError>;

    /// Returns the alerts about incidents of all accounts that were decided within the retention time.
    async fn incident_alerts(&self) -> Result<BTreeSet<SentAlert>, StoreError>;

    /// Writes that an alert about an incident was decided, and enqueues `alerts` for all sinks. `false` if this alert was
    /// decided before.
    async fn send_incident_alert(
        &self,
        decided: &SentAlert,
        alerts: &[Alert],
    ) -> Result<bool, StoreError>;

    /// Returns when callers made calls for the first time, by cluster or group of equal sensitive calls and by caller. Pairs
    /// that the store does not know are missing in the map.
    async fn first_calls(
        &self,
        pairs: &BTreeSet<(ClusterId, String)>,
    ) -> Result<BTreeMap<(ClusterId, String), Timestamp>, StoreError>;

    /// Reserves the round until `lease.until`, so that two functions do not open two incidents for the same events. `false`
    /// if another function has the reservation.
    async fn claim_round(&self, lease: &Lease) -> Result<bool, StoreError>;

    /// Ends a reservation of [`IncidentStore::claim_round`] at `now`. One that is over, and that of another function, stays.
    async fn end_round(&self, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
        // Only a reservation that ends no later than this one is replaced.
        let ended = Lease {
            now: lease.until,
            until: now,
            ..lease.clone()
        };
        self.claim_round(&ended).await.map(|_| ())
    }
}

/// The events that were read from log groups for incidents, which the filter pattern of the stack does not admit. They are
/// events of no cluster.
///
/// An implementor stores a set: to keep an event again changes nothing. A crash may leave a part of the events; to keep all of
/// them again is safe.
pub trait ReadBackStore {
    /// Keeps events of an account for the retention time.
    async fn keep_read_back(
        &self,
        account_id: &str,
        events: &ReadBackEvents,
    ) -> Result<(), StoreError>;

    /// Returns the events of an account that were kept, of the hours from `from` on.
    async fn read_back(&self, account_id: &str, from: Window)
    -> Result<ReadBackEvents, StoreError>;
}

/// Events of an account that were read from log groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadBackEvents {
    /// The events by their ids. Each has a time.
    pub events: BTreeMap<EventId, Sighting>,
    /// The subjects of their clusters and groups of equal calls.
    pub subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// The actors whose makings and removals were all among the events when they were read, and when that was.
    pub complete: BTreeMap<Actor, Timestamp>,
}

impl ReadBackEvents {
    /// Leaves out the actors about whom an alert was decided after they were read: the read for that alert was not complete.
    pub fn forget_outdated(&mut self, sent: &BTreeSet<SentAlert>) {
        for alert in sent {
            let is_outdated = |read: &Timestamp| *read < alert.at;
            if self.complete.get(&alert.actor).is_some_and(is_outdated) {
                self.complete.remove(&alert.actor);
            }
        }
    }
}

/// An hour of an account with new evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceNote {
    /// The account.
    pub account_id: String,
    /// The hour of event time.
    pub window: Window,
    /// A text that changes with each new evidence in this hour.
    pub token: String,
}

/// The log of alerts that were sent about clusters. Calls only read.
pub trait SentLog {
    /// Returns the outcomes of the alerts about a cluster, oldest first.
    ///
    /// Alerts that still wait, that were held back, or that could not be sent are not included. Empty for a store that
    /// sends no alerts.
    async fn sent(&self, _cluster: ClusterId) -> Result<Vec<MessageLogEntry>, StoreError> {
        Ok(Vec::new())
    }
}

/// Events of a store, of one hour or several hours, with the subjects of their clusters.
#[derive(Debug, Clone, Default)]
pub struct Hour {
    /// The events, in no order, each once.
    pub events: Vec<(EventId, Sighting)>,
    /// The subjects of the clusters of these events, by cluster id. A cluster is missing if the store has lost its
    /// facts.
    pub subjects: BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// One message for each part of the stored data that could not be read. The events of such a part are missing.
    pub damaged: Vec<String>,
}

/// An hour for which events arrived late, when the inspection may have processed the hour already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateHour {
    /// The hour in which the late events happened, in event time.
    pub window: Window,
    /// Identifies the latest arrival of late events. The token changes when more late events arrive for this hour.
    pub token: String,
}

/// The settings of a stack's functions, stored for commands that do the work of a function on a person's machine.
///
/// The inspection writes the settings on each run. The last write wins, so a crash has no lasting effect.
pub trait SetupStore {
    /// Returns the stored settings; `None` if no inspection has stored them yet.
    async fn setup(&self) -> Result<Option<Setup>, StoreError>;

    /// Stores the settings. `false` if the same settings were stored already; nothing is written then.
    async fn save_setup(&self, setup: &Setup) -> Result<bool, StoreError>;
}

/// What is known of drills. [`Store::keep_drill`] and the outbox write it, too.
///
/// An implementor keeps a set of notes: to write a note again changes nothing. Notes are kept for two weeks.
pub trait DrillStore {
    /// Writes a note about a drill that the stack makes by itself.
    async fn note_drill(&self, id: &DrillId, note: DrillNote) -> Result<(), StoreError>;

    /// Returns what is known of a drill; the default if it is not known.
    async fn drill(&self, id: &DrillId) -> Result<DrillTrace, StoreError>;

    /// Returns what is known of all drills.
    async fn drills(&self) -> Result<BTreeMap<DrillId, DrillTrace>, StoreError>;
}

/// What the health of a stack is judged by in its store. Calls only read.
pub trait HealthStore {
    /// Returns since when the store has events, and by which version of the identity.
    async fn beginning(&self) -> Result<Beginning, StoreError>;

    /// Returns when alerts that cannot be sent to a sink were given up, oldest first, at most the first `limit`.
    async fn dead(&self, sink: &str, limit: usize) -> Result<Vec<Timestamp>, StoreError>;
}

/// Since when a store has events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning {
    /// When the first event was stored, by the local clock; `None` without an event, or if the stack sends no alerts.
    pub began: Option<Timestamp>,
    /// The version of the identity that the newest clusters have, such as `fp2`; `None` if it is not known.
    pub identity: Option<String>,
}

/// The functions of a stack, as AWS Lambda has them. Calls only read.
pub trait DeployedFunctions {
    /// Returns a function by its name; `None` if it does not exist.
    async fn function(&self, name: &str) -> Result<Option<DeployedFunction>, LookupError>;
}

/// A function of a stack, as AWS Lambda has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployedFunction {
    /// The name of the function, such as `errors-ingest`.
    pub name: String,
    /// The state: `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// The result of the last update: `Successful`, `InProgress` or `Failed`.
    pub last_update: String,
    /// Why the state or the last update is not good; empty if it is.
    pub reason: String,
    /// The environment variables. No secret is among them.
    pub settings: BTreeMap<String, String>,
}

/// The metrics and alarms of a stack in CloudWatch. Calls only read.
pub trait Monitoring {
    /// Returns how late records came recently, until `now`. The stack has the namespace of its metrics and its name.
    async fn delays(&self, stack: (&str, &str), now: Timestamp) -> Result<Delays, LookupError>;

    /// Returns the alarms whose names begin with `prefix`.
    async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, LookupError>;
}

/// How late records came in the last [`DELAY_HOURS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delays {
    /// The longest time of the newest measurement from a call to CloudWatch Logs, in seconds; `None` without one.
    pub source_seconds: Option<i64>,
    /// The longest time of the newest measurement from CloudWatch Logs to the function, in seconds; `None` without one.
    pub own_seconds: Option<i64>,
}

/// How far back delays are looked for, in hours.
pub const DELAY_HOURS: i64 = 3;

/// An alarm of CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The name of the alarm, which begins with that of the stack.
    pub name: String,
    /// Whether the alarm is in the state `ALARM`.
    pub is_on: bool,
}

/// Why something in AWS could not be looked up. That it does not exist is no error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct LookupError {
    /// The code and message of AWS, or why there was no answer.
    pub detail: String,
}

/// The current time, waiting and random numbers, so that tests can control them.
pub trait Clock {
    /// Returns the current time in milliseconds since 1970, UTC.
    fn millis(&self) -> i64;

    /// Waits for a number of milliseconds.
    async fn wait(&self, millis: i64);

    /// Returns a random number from 0 to `limit - 1`. `limit` must be at least 1.
    fn any(&self, limit: i64) -> i64;

    /// Returns the current time in whole seconds. A time outside the range of [`Timestamp`] becomes its first moment.
    fn now(&self) -> Timestamp {
        let now = Timestamp::from_seconds(self.millis().div_euclid(1000));
        now.unwrap_or(Timestamp::FIRST)
    }
}

/// A store of IAM's answers about access keys: when each key was last used.
///
/// Calls read the stored answers and never ask IAM.
pub trait KeyAnswers {
    /// Returns the stored answers about an access key. The default, with no answer, is returned for an unknown key and
    /// by a store that never asks IAM.
    async fn key_usage(&self, _key: &str) -> Result<KeyUsage, StoreError> {
        Ok(KeyUsage::default())
    }
}

/// A store that coordinates questions to IAM about access keys, and stores the answers.
///
/// An implementor lets one run claim a key. A crash between [`KeyUsageStore::claim`] and [`KeyUsageStore::remember`]
/// loses the answer, and IAM is not asked about this key until the claim expires.
pub trait KeyUsageStore: KeyAnswers {
    /// Claims the right to ask IAM about an access key, for as long as an answer is valid. `false` if another run has
    /// the claim.
    async fn claim(&self, key: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Stores an answer that arrived at `now`, and enqueues its alerts for all sinks, in one transaction.
    async fn remember(
        &self,
        key: &str,
        key_usage: &KeyUsage,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// IAM, the AWS service that reports when an access key was last used, its age and its status. Calls only read.
pub trait KeyDirectory {
    /// Asks IAM when a long-term access key of an account was last used.
    async fn last_use(&self, key: &str, account_id: &str) -> Result<IamAnswer, DirectoryError>;

    /// Asks IAM for the status and the age of an access key of a user.
    async fn entry(
        &self,
        key: &str,
        user: &str,
        account_id: &str,
    ) -> Result<KeyEntry, DirectoryError>;
}

/// Why IAM gave no answer about an access key. An alert is sent without the answer.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// IAM gets too many requests. Ask again later.
    #[error("IAM throttles the requests")]
    Throttled,
    /// IAM is out of reach, or the role has no permission to ask.
    #[error("IAM did not answer: {detail}")]
    Unavailable {
        /// The message of IAM, or why there was no answer.
        detail: String,
    },
}

/// A destination of alerts: a workspace of Guance, an SNS topic or an event bus.
///
/// A crash after [`Sink::send`] and before the rows are settled sends the same alerts again, under the same ids.
pub trait Sink {
    /// Returns how many alerts fit into one request.
    fn capacity(&self) -> Capacity;

    /// Sends alerts and returns one answer for each, in the same order. A caller passes at most
    /// [`Sink::capacity`] alerts.
    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer>;

    /// Drops the cached secret of the sink, so that the next request reads it again. A sink without a secret does
    /// nothing.
    fn forget_secret(&mut self) {}
}

/// The place where the secret of one sink is stored, such as Secrets Manager. Calls only read.
pub trait SecretStore {
    /// Returns the secret, exactly as stored.
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError>;
}

/// Why the secret of a sink could not be read. No variant contains any part of the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// The secret does not exist, has no text, or may not be read. A person must correct the settings.
    #[error("the secret cannot be read: {detail}")]
    Refused {
        /// The message of Secrets Manager, or the fault of the secret, such as a wrong format.
        detail: String,
    },
    /// Secrets Manager is busy or out of reach. Try again.
    #[error("Secrets Manager is not available: {detail}")]
    Unavailable {
        /// The message of Secrets Manager, or why there was no answer.
        detail: String,
    },
}

/// Why a call to a store failed. Each variant needs a different next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store was written by a newer version. Update this program.
    #[error(
        "the store has schema version {found}, but this program supports versions up to {known}; \
         update cloudtrail-inspector, or use another file"
    )]
    Newer {
        /// The schema version of the store.
        found: i64,
        /// The newest schema version that this program supports.
        known: i64,
    },
    /// The store was written by an older version, and is opened for reading only. Upgrade it with a command that writes.
    #[error(
        "the store has the older schema version {found}; upgrade it first, for example with top --db FILE"
    )]
    Older {
        /// The schema version of the store.
        found: i64,
    },
    /// The ids of the clusters have another version of the identity. Scan the files into a new store.
    #[error(
        "the clusters in this store have ids of identity version {found}, but this program makes ids of version {known}; scan \
         the files into a new store, which takes over the decisions of people: scan --db NEW --marks-from OLD FILES"
    )]
    OtherIdentity {
        /// The version that the store has, such as `fp1`.
        found: String,
        /// The version of this program.
        known: &'static str,
    },
    /// The file is no store of this program. Choose another file.
    #[error("this is not a cloudtrail-inspector store; choose another file")]
    Foreign,
    /// The store is busy or out of reach. Try again.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store holds data that cannot be read. Restore the store, or create a new one with `scan`.
    #[error("the store is damaged: {detail}; restore it, or create a new one with scan")]
    Damaged {
        /// Which data cannot be read.
        detail: String,
    },
}

/// Returns a text followed by the causes of an error, separated by `: `. A cause that the text already ends with is
/// left out.
pub fn with_causes(text: impl Into<String>, error: &dyn Error) -> String {
    let mut text = text.into();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
