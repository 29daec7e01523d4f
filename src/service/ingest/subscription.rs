//! Processes the payloads that a subscription of CloudWatch Logs sends to the function. Groups the records
//! of a payload, quarantines unreadable data, commits the rest, and returns the counts.
//!
//! A payload is the input of one invocation, a batch of CloudTrail records. If a record cannot be read, the
//! payload is copied to the quarantine and the other records are committed. If the whole payload cannot be
//! opened, it is copied to the quarantine and counts as processed, because a retry would not help.
//! Unreadable records and payloads are also counted in clusters of their own, so that users notice when
//! nothing can be read any more. The function fails only for errors that a retry may solve. Nothing is lost
//! then.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::class::Class;
use clusters::exclusions::Exclusions;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;
use clusters::report::IngestReport;
use clusters::{ClusterFacts, EventId, Finding, Series, Tally};
use data_encoding::HEXLOWER;
use input::PayloadOrigin;
use input::file::Reader;
use input::{InputItem, Layout, Limits, ReadError};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::drill_record::Drill;
use crate::ingest::archive::ArchiveLines;
use crate::ingest::{Caches, Folded, Folding, Ingested, Unparsable};
use crate::ports::{Batch, Bucket, BucketError, Committed, Quarantined, Store, StoreError};
use crate::rules::Rules;

/// The folder of the bucket with quarantined payloads: those that hold data that cannot be read.
pub const QUARANTINE: &str = "quarantine";

/// The `reason` of a quarantined payload in which single records are unreadable.
const RECORDS: &str = "unparsable_records";

/// The service name of the clusters that count unreadable records and payloads.
pub const SERVICE: &str = "cloudtrail-inspector";

/// The action name of the clusters that count unreadable records and payloads.
pub const ACTION: &str = "Unparsable";

/// The longest text from outside that a quarantined object repeats in its description, in characters.
const DETAIL_CHARS_MAX: usize = 256;

/// The longest name of a log group or stream, in characters: the limit of CloudWatch Logs.
const NAME_CHARS_MAX: usize = 512;

/// Processes the payloads of a subscription, one after another, with the user's rules and exclusions.
///
/// A payload is the input of one invocation of the function: a batch of records. Buffers and recent records are cached
/// between payloads. They save work and do not change results.
#[derive(Debug, Default)]
pub struct Subscription {
    limits: Limits,
    rules: Rules,
    exclusions: Exclusions,
    /// The log group whose records are drills.
    drill_log_group: Option<String>,
    caches: Caches,
    archives: bool,
}

/// Why a payload must be processed again later. A retry is safe: anything stored by the failed attempt counts once.
#[derive(Debug, thiserror::Error)]
pub enum RetryReason {
    /// The commit failed.
    #[error("cannot commit: {0}")]
    Store(#[from] StoreError),
    /// A drill could not be stored.
    #[error("cannot store the drill {drill}: {error}")]
    Drill {
        /// The id of the drill.
        drill: String,
        /// The error of the store.
        #[source]
        error: StoreError,
    },
    /// The quarantine object could not be written. Nothing was committed.
    #[error("cannot quarantine: {0}")]
    Quarantine(#[from] BucketError),
    /// An object of the archive could not be written. The records are committed, and count once when they come again.
    #[error("cannot archive: {0}")]
    Archive(BucketError),
}

impl RetryReason {
    /// Returns the stable name for logs and answers, such as `StoreUnavailable`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(error) | Self::Drill { error, .. } => match error {
                StoreError::Unavailable(_) => "StoreUnavailable",
                StoreError::Newer { .. } => "StoreNewer",
                StoreError::Older { .. } => "StoreOlder",
                StoreError::OtherIdentity { .. } => "StoreOtherIdentity",
                StoreError::Foreign => "StoreForeign",
                StoreError::Damaged { .. } => "StoreDamaged",
            },
            Self::Quarantine(_) => "QuarantineUnavailable",
            Self::Archive(_) => "ArchiveUnavailable",
        }
    }
}

/// A payload to be written to the quarantine, with the reason.
struct QuarantinedPayload<'e> {
    event: &'e [u8],
    /// The SHA-256 hash of the payload, in hexadecimal digits.
    digest: String,
    reason: &'static str,
    detail: String,
    origin: PayloadOrigin,
}

impl Subscription {
    /// Makes [`Self::take`] also write the selected events into the archive of the bucket, if `archives` is true.
    #[must_use]
    pub fn archiving(self, archives: bool) -> Self {
        Self { archives, ..self }
    }

    /// Replaces the rules for the next payloads. The exclusions stay.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules.with_exclusions(self.exclusions.clone());
        // The caches hold results of the old rules.
        self.caches = Caches::default();
    }

    /// Replaces the exclusions for the next payloads. Excluded records are ignored before any rule is tried.
    pub fn set_exclusions(&mut self, exclusions: Exclusions) {
        self.exclusions = exclusions;
        let rules = mem::take(&mut self.rules);
        self.set_rules(rules);
    }

    /// Sets the log group whose records are drills; `None` if there is none.
    pub fn set_drill_log_group(&mut self, name: Option<String>) {
        self.drill_log_group = name;
    }

    /// Processes one payload, the JSON text `event`: commits its records to the store and returns their counts.
    ///
    /// `now` is the current time, for the key of a quarantined payload and for the delay since CloudWatch Logs received
    /// the records. A payload that cannot be opened is quarantined and counts as processed. One from the log group of drills
    /// has no records of a trail: its drills are stored, and all else in it is only counted. Of a log group that is not chosen,
    /// everything is only counted.
    ///
    /// # Errors
    /// [`RetryReason`] when the store or the bucket failed. Process the same payload again later.
    pub async fn take(
        &mut self,
        event: &[u8],
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<IngestReport, RetryReason> {
        let folded = self.fold(event);
        if self.is_of_drills() {
            return self.take_drills(event, now, store).await;
        }
        if let Some(name) = self.excluded_log_group() {
            return Ok(leave_out(&folded.unwrap_or_default(), &name));
        }
        match folded {
            Ok(folded) => self.commit(event, folded, now, store, bucket).await,
            Err(fault) => self.quarantine(event, &fault, now, store, bucket).await,
        }
    }

    /// Checks whether the last folded payload comes from the log group of drills.
    fn is_of_drills(&self) -> bool {
        let group = self.drill_log_group.as_ref();
        group.is_some_and(|group| self.caches.origin().log_group.as_ref() == Some(group))
    }

    /// Returns the name of the log group of the last folded payload, if it is not chosen.
    fn excluded_log_group(&self) -> Option<String> {
        let origin = self.caches.origin();
        let name = origin.log_group.as_deref()?;
        self.exclusions
            .log_groups
            .excludes(name)
            .then(|| sanitize(name, NAME_CHARS_MAX))
    }

    /// Stores the drills of a payload, which is read again for them.
    async fn take_drills(
        &self,
        event: &[u8],
        now: Timestamp,
        store: &mut impl Store,
    ) -> Result<IngestReport, RetryReason> {
        let mut report = IngestReport::default();
        let mut drills = BTreeSet::new();
        let mut visit = |item: InputItem<'_>| match item {
            InputItem::Record { text, .. } => match Drill::read(&text) {
                Some(drill) if drill.is_recent(now) => {
                    drills.insert(drill);
                }
                _ => report.no_drills += 1,
            },
            InputItem::Rejected { .. } => report.no_drills += 1,
            InputItem::Skipped { count } => report.no_drills += count,
            InputItem::ControlMessage => report.record_counts.control_messages += 1,
            InputItem::Incomplete { .. } | InputItem::OddCommas => {}
        };
        let mut reader = Reader::new(self.rules.prefilter());
        let read = reader.read(event, Layout::Subscription, &self.limits, &mut visit);
        report.no_drills += u64::from(read.is_err());
        for drill in drills {
            let id = drill.id.to_string();
            store
                .keep_drill(&drill)
                .await
                .map_err(|error| RetryReason::Drill {
                    drill: id.clone(),
                    error,
                })?;
            report.drills.push(id);
        }
        Ok(report)
    }

    fn fold(&mut self, event: &[u8]) -> Result<Folded, ReadError> {
        let caches = mem::take(&mut self.caches);
        let mut folding = Folding::with_caches(self.limits, &self.rules, caches)
            .counting_unparsable()
            .with_samples()
            .archiving(self.archives);
        let folded = folding.fold(event, Layout::Subscription, None);
        self.caches = folding.into_caches();
        folded
    }

    /// Commits the grouped records of a payload. First quarantines the payload if some of its records cannot
    /// be read.
    async fn commit(
        &self,
        event: &[u8],
        mut folded: Folded,
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<IngestReport, RetryReason> {
        let mut invocation = IngestReport {
            source_lag_seconds: folded.lag_seconds,
            own_lag_seconds: folded
                .logged_at
                .map(|logged_at| now.seconds_since(logged_at)),
            ..IngestReport::default()
        };
        let unparsable = folded.unparsable.take().unwrap_or_default();
        let mut source = "subscription".to_owned();
        let mut counted = None;
        if !unparsable.is_empty() {
            let quarantined = QuarantinedPayload {
                event,
                digest: digest(event),
                reason: RECORDS,
                detail: format!("records that cannot be read: {}", unparsable.len()),
                origin: self.caches.origin(),
            };
            source = quarantined.store(&folded.quarantined, now, bucket).await?;
            invocation.quarantined_as = Some(source.clone());
            counted = Some(count(&quarantined.digest, unparsable, folded.logged_at));
        }
        let archive = folded.archive.take();
        let (mut ingested, batch) = folded.split(source.clone());
        let mut batches = Vec::new();
        let is_empty = batch.tally.sightings.is_empty() && batch.quarantined.is_empty();
        batches.extend((!is_empty).then_some(batch));
        batches.extend(counted.map(|tally| Batch {
            source,
            tally,
            ..Batch::default()
        }));
        let committed = committed(store, batches, &mut invocation).await?;
        let own = committed.into_iter().next().filter(|_| !is_empty);
        ingested.complete(own.unwrap_or_default());
        self.caches.learn(&ingested);
        keep(archive, bucket).await.map_err(RetryReason::Archive)?;
        let Ingested { record_counts, .. } = ingested;
        Ok(IngestReport {
            record_counts,
            ..invocation
        })
    }

    /// Quarantines a payload that cannot be opened, and counts it in a cluster.
    async fn quarantine(
        &self,
        event: &[u8],
        fault: &ReadError,
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<IngestReport, RetryReason> {
        let quarantined = QuarantinedPayload {
            event,
            digest: digest(event),
            reason: fault.name(),
            detail: fault.to_string(),
            origin: PayloadOrigin::default(),
        };
        let key = quarantined.store(&[], now, bucket).await?;
        let payload = Unparsable {
            number: 0,
            text_hash: None,
            reason: fault.name(),
            account_id: None,
            logged_at: None,
        };
        let batch = Batch {
            source: key.clone(),
            tally: count(&quarantined.digest, vec![payload], None),
            ..Batch::default()
        };
        let mut invocation = IngestReport {
            payload_fault: Some(fault.name()),
            quarantined_as: Some(key),
            ..IngestReport::default()
        };
        committed(store, vec![batch], &mut invocation).await?;
        Ok(invocation)
    }
}

/// Writes the objects of the archive. After the commit, so that an archive that cannot be written delays no alert.
async fn keep(archive: Option<ArchiveLines>, bucket: &impl Bucket) -> Result<(), BucketError> {
    let Some(archive) = archive else {
        return Ok(());
    };
    let objects = archive.objects();
    let objects = objects.map_err(|error| BucketError::Unavailable {
        detail: sanitize(&error.to_string(), DETAIL_CHARS_MAX),
    })?;
    for object in objects {
        bucket.keep(&object.key, object.bytes).await?;
    }
    Ok(())
}

/// Commits batches, and adds their costs to the invocation. Without batches the store is not called.
async fn committed(
    store: &mut impl Store,
    batches: Vec<Batch>,
    invocation: &mut IngestReport,
) -> Result<Vec<Committed>, StoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let committed = store.commit(batches).await?;
    for batch in &committed {
        invocation.new_clusters += batch.new_clusters;
        invocation.store_calls += batch.spent.calls;
        invocation.write_units += batch.spent.write_units;
    }
    Ok(committed)
}

impl QuarantinedPayload<'_> {
    /// Writes the payload with a description of its errors to the bucket, and returns the object's key. The
    /// key is made of the day and the payload's hash, so that a retry on the same day adds no object.
    async fn store(
        &self,
        records: &[Quarantined],
        now: Timestamp,
        bucket: &impl Bucket,
    ) -> Result<String, BucketError> {
        let date = now.to_string().replace('-', "/");
        let date = date.split('T').next().unwrap_or_default();
        let key = format!("{QUARANTINE}/{date}/{}.json", &self.digest[..32]);
        bucket.keep(&key, self.object(records)).await?;
        Ok(key)
    }

    fn object(&self, records: &[Quarantined]) -> Vec<u8> {
        let record = |record: &Quarantined| {
            json!({
                "number": record.number,
                "reason": record.rejection.name(),
                "detail": sanitize(&record.rejection.to_string(), DETAIL_CHARS_MAX),
            })
        };
        let name = |name: &Option<String>| {
            let name = name.as_deref()?;
            Some(sanitize(name, NAME_CHARS_MAX))
        };
        let about = json!({
            "reason": self.reason,
            "detail": sanitize(&self.detail, DETAIL_CHARS_MAX),
            "records": records.iter().map(record).collect::<Vec<Value>>(),
            "logGroup": name(&self.origin.log_group),
            "logStream": name(&self.origin.log_stream),
        });
        let mut object = about.to_string().into_bytes();
        object.pop();
        match serde_json::from_slice::<&RawValue>(self.event) {
            Ok(event) => {
                object.extend_from_slice(b",\"requestPayload\":");
                object.extend_from_slice(event.get().as_bytes());
            }
            Err(_) => {
                let event = BASE64_STANDARD.encode(self.event);
                object.extend_from_slice(format!(",\"rawEvent\":\"{event}\"").as_bytes());
            }
        }
        object.push(b'}');
        object
    }
}

/// Returns the counts of a payload of a log group that is not chosen. Nothing of it is stored, not even what cannot be
/// read: the log group may have other data than a trail.
fn leave_out(folded: &Folded, log_group: &str) -> IngestReport {
    IngestReport {
        record_counts: folded.record_counts.without_log_group(log_group),
        ..IngestReport::default()
    }
}

/// Returns the SHA-256 hash of a payload as 64 hexadecimal digits.
fn digest(event: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(event))
}

/// Groups unreadable records in clusters, one for each account and reason. The event time is when the
/// record was logged, or else when the last record of the payload was logged.
///
/// The event id is a hash of account, time and text, so that a record counts once even if it comes again
/// in another payload. Without time or text, the id is made of this payload and the record's position.
fn count(digest: &str, unparsable: Vec<Unparsable>, logged_at: Option<Timestamp>) -> Tally {
    let mut tally = Tally::default();
    let mut findings: HashMap<(&str, Option<Arc<str>>), Finding> = HashMap::new();
    for Unparsable {
        number,
        text_hash,
        reason,
        account_id,
        logged_at: own,
    } in unparsable
    {
        let id = match (text_hash, own) {
            (Some(text_hash), Some(own)) => EventId::hashed(&[
                "unparsable",
                account_id.as_deref().unwrap_or_default(),
                &own.to_string(),
                &HEXLOWER.encode(&text_hash),
            ]),
            _ => EventId::hashed(&["unparsable", digest, &number.to_string()]),
        };
        let finding = findings
            .entry((reason, account_id))
            .or_insert_with_key(|(reason, account_id)| finding(reason, account_id.as_deref()));
        tally.observe(id, own.or(logged_at), finding);
    }
    tally
}

fn finding(reason: &str, account_id: Option<&str>) -> Finding {
    let identity = Identity {
        partition: "aws".to_owned(),
        account_id: account_id.unwrap_or("unknown").to_owned(),
        service: SERVICE.to_owned(),
        action: ACTION.to_owned(),
        class: Class::Other,
        code: reason.to_owned(),
        cause: None,
        template: None,
        addition: None,
    };
    let mut facets = Facets::default();
    facets.set(FacetKind::ErrorCode, Some(reason));
    Finding {
        series: Arc::new(Series {
            cluster: identity.cluster_id(),
            facets,
        }),
        facts: Arc::new(ClusterFacts {
            identity,
            template: format!("cannot be read; see {QUARANTINE}/ in the bucket"),
        }),
        unknown_denial: false,
    }
}
