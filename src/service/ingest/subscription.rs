//! What the function does with the event of a subscription: fold it, quarantine what cannot be read,
//! commit the rest, and tell what became of it.
//!
//! A fault never costs more than itself. A record that cannot be read is kept aside and the others
//! count; a payload that cannot be opened is kept aside whole, and is done with: trying again would
//! not help it. Both are counted in clusters of their own as well, so that it shows when nothing can
//! be read any more. Only what may go better the next time is a failure, and then nothing was lost.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::class::Class;
use clusters::exclusions::Exclusions;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;
use clusters::report::Invocation;
use clusters::{ClusterFacts, EventId, Finding, Series, Tally};
use data_encoding::HEXLOWER;
use input::envelope::{self, PayloadOrigin};
use input::{Layout, Limits, ReadError};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ingest::{Caches, Folded, Folding, Ingested, Unparsable};
use crate::ports::{Batch, Bucket, BucketError, Committed, Quarantined, Store, StoreError};
use crate::rules::Rules;

/// The folder of what could not be read.
pub const QUARANTINE: &str = "quarantine";

/// The reason of an object that is kept because of single records.
const RECORDS: &str = "unparsable_records";

/// The service of clusters that count what could not be read.
pub const SERVICE: &str = "cloudtrail-inspector";

/// The action of these clusters.
pub const ACTION: &str = "Unparsable";

/// How much of a text that others wrote is repeated.
const DETAIL_CHARS_MAX: usize = 256;

/// CloudWatch Logs' own limit for the name of a log group or a stream.
const NAME_CHARS_MAX: usize = 512;

/// Takes one event after another, and remembers what makes the next less work.
#[derive(Debug, Default)]
pub struct Subscription {
    limits: Limits,
    rules: Rules,
    exclusions: Exclusions,
    remembered: Caches,
}

/// Why an event has to come again. Nothing of it is lost, and what was kept of it counts once.
#[derive(Debug, thiserror::Error)]
pub enum RetryReason {
    /// The store did not take it.
    #[error("cannot commit: {0}")]
    Store(#[from] StoreError),
    /// What cannot be read could not be kept aside.
    #[error("cannot quarantine: {0}")]
    Quarantine(#[from] BucketError),
}

impl RetryReason {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Unavailable(_)) => "StoreUnavailable",
            Self::Store(StoreError::Newer { .. }) => "StoreNewer",
            Self::Store(StoreError::Foreign) => "StoreForeign",
            Self::Store(StoreError::Damaged { .. }) => "StoreDamaged",
            Self::Quarantine(_) => "QuarantineUnavailable",
        }
    }
}

/// What is kept aside, and why.
struct QuarantinedPayload<'e> {
    event: &'e [u8],
    digest: String,
    reason: &'static str,
    detail: String,
    origin: PayloadOrigin,
}

impl Subscription {
    /// Goes by other rules from now on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules.with_exclusions(self.exclusions.clone());
        // What was found by the old ones does not hold any more.
        self.remembered = Caches::default();
    }

    /// Leaves out other records from now on, before any rule is tried.
    pub fn set_exclusions(&mut self, exclusions: Exclusions) {
        self.exclusions = exclusions;
        let rules = mem::take(&mut self.rules);
        self.set_rules(rules);
    }

    /// Takes an event as it came, at a moment that says when that is.
    ///
    /// # Errors
    /// [`RetryReason`] when the event has to come again.
    pub async fn take(
        &mut self,
        event: &[u8],
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<Invocation, RetryReason> {
        match self.fold(event) {
            Ok(folded) => self.commit(event, folded, now, store, bucket).await,
            Err(fault) => self.put_aside(event, &fault, now, store, bucket).await,
        }
    }

    fn fold(&mut self, event: &[u8]) -> Result<Folded, ReadError> {
        let remembered = mem::take(&mut self.remembered);
        let mut folding = Folding::remembering(self.limits, &self.rules, remembered)
            .counting_unparsable()
            .with_samples();
        let folded = folding.fold(event, Layout::Subscription, None);
        self.remembered = folding.into_remembered();
        folded
    }

    /// Commits what was folded, and keeps the event aside if some of its records cannot be read.
    async fn commit(
        &self,
        event: &[u8],
        mut folded: Folded,
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<Invocation, RetryReason> {
        let mut invocation = Invocation {
            source_lag_seconds: folded.lag_seconds,
            own_lag_seconds: folded
                .logged_at
                .map(|logged_at| now.seconds_since(logged_at)),
            ..Invocation::default()
        };
        let unparsable = folded.unparsable.take().unwrap_or_default();
        let mut source = "subscription".to_owned();
        let mut counted = None;
        if !unparsable.is_empty() {
            let aside = QuarantinedPayload {
                event,
                digest: digest(event),
                reason: RECORDS,
                detail: format!("records that cannot be read: {}", unparsable.len()),
                origin: envelope::origin(event, &self.limits),
            };
            source = aside.keep(&folded.quarantined, now, bucket).await?;
            invocation.quarantined_as = Some(source.clone());
            counted = Some(count(&aside.digest, unparsable, folded.logged_at));
        }
        let (mut ingested, batch) = folded.open(source.clone());
        let mut batches = Vec::new();
        let is_empty = batch.tally.sightings.is_empty() && batch.quarantined.is_empty();
        batches.extend((!is_empty).then_some(batch));
        batches.extend(counted.map(|tally| Batch {
            source,
            tally,
            quarantined: Vec::new(),
        }));
        let committed = committed(store, batches, &mut invocation).await?;
        let own = committed.into_iter().next().filter(|_| !is_empty);
        ingested.close(own.unwrap_or_default());
        self.remembered.learn(&ingested);
        let Ingested { record_counts, .. } = ingested;
        Ok(Invocation {
            record_counts,
            ..invocation
        })
    }

    /// Keeps an event aside that cannot be opened.
    async fn put_aside(
        &self,
        event: &[u8],
        fault: &ReadError,
        now: Timestamp,
        store: &mut impl Store,
        bucket: &impl Bucket,
    ) -> Result<Invocation, RetryReason> {
        let aside = QuarantinedPayload {
            event,
            digest: digest(event),
            reason: fault.name(),
            detail: fault.to_string(),
            origin: PayloadOrigin::default(),
        };
        let key = aside.keep(&[], now, bucket).await?;
        let itself = Unparsable {
            number: 0,
            says: None,
            reason: fault.name(),
            account_id: None,
            logged_at: None,
        };
        let batch = Batch {
            source: key.clone(),
            tally: count(&aside.digest, vec![itself], None),
            quarantined: Vec::new(),
        };
        let mut invocation = Invocation {
            payload_fault: Some(fault.name()),
            quarantined_as: Some(key),
            ..Invocation::default()
        };
        committed(store, vec![batch], &mut invocation).await?;
        Ok(invocation)
    }
}

/// Commits batches, and adds up what came of them; without batches the store is not asked at all.
async fn committed(
    store: &mut impl Store,
    batches: Vec<Batch>,
    invocation: &mut Invocation,
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
    /// Keeps the event, with what is wrong with it, and returns the key. The same event has the same
    /// key all day, so trying again adds nothing.
    async fn keep(
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

/// Returns 64 hexadecimal digits that tell an event from any other.
fn digest(event: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(event))
}

/// Counts what could not be read in clusters, one for each account and reason, by when it was logged,
/// or else when the last record beside it was.
///
/// What it is told by is the same in whichever event it comes again: what it says, and when it was
/// logged where; only without these, its place in this event.
fn count(digest: &str, unparsable: Vec<Unparsable>, logged_at: Option<Timestamp>) -> Tally {
    let mut tally = Tally::default();
    let mut findings: HashMap<(&str, Option<Arc<str>>), Finding> = HashMap::new();
    for Unparsable {
        number,
        says,
        reason,
        account_id,
        logged_at: own,
    } in unparsable
    {
        let id = match (says, own) {
            (Some(says), Some(own)) => EventId::hashed(&[
                "unparsable",
                account_id.as_deref().unwrap_or_default(),
                &own.to_string(),
                &HEXLOWER.encode(&says),
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
