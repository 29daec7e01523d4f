//! The archive: the selected events of a stack as compressed JSON lines in its bucket, for years and for Athena.
//!
//! A line is the redacted record, as a sample of a cluster is: it depends on the record alone, not on rules or on the cluster. The
//! key of an object is a hash of its lines. So a batch that comes again writes the same objects again, and the archive as a set
//! of lines does not depend on order, repetition or on how records are cut into batches. A line may be in several objects, so
//! queries take each event id once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use clusters::facet::FacetKind;
use clusters::{EventId, Finding};
use data_encoding::HEXLOWER;
use flate2::{Compression, GzBuilder};
use records::principal::is_account_id;
use records::time::Timestamp;
use sha2::{Digest as _, Sha256};

/// The folder of the bucket with the archive.
pub const ARCHIVE: &str = "archive";

/// The name of a partition for an account or a region that is not known.
const UNKNOWN: &str = "unknown";

/// The day of events without a usable time.
const NO_DAY: &str = "1970-01-01";

/// The longest name of a region, in characters; the longest one of today has 14.
const REGION_CHARS_MAX: usize = 32;

/// The hexadecimal digits of a hash in a key.
const HASH_DIGITS: usize = 32;

/// The lines of one batch, by partition.
#[derive(Debug, Default)]
pub struct ArchiveLines(BTreeMap<String, BTreeSet<(EventId, String)>>);

/// An object of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveObject {
    /// The key, such as `archive/account=111122223333/region=eu-central-1/day=2026-11-21/<hash>.jsonl.gz`.
    pub key: String,
    /// The lines, compressed.
    pub bytes: Vec<u8>,
}

impl ArchiveLines {
    /// Adds an event. `line` is the redacted record, a JSON text without line breaks.
    pub fn add(&mut self, id: EventId, at: Option<Timestamp>, finding: &Finding, line: &str) {
        let account_id = finding.facts.identity.account_id.as_str();
        let account_id = Some(account_id).filter(|id| is_account_id(id));
        let region = finding.series.facets.get(FacetKind::Region);
        let region = region.filter(|region| is_region(region));
        let day = at.map(|at| at.to_string());
        let day = day.as_deref().and_then(|at| at.split('T').next());
        let partition = format!(
            "account={}/region={}/day={}",
            account_id.unwrap_or(UNKNOWN),
            region.unwrap_or(UNKNOWN),
            day.unwrap_or(NO_DAY)
        );
        let lines = self.0.entry(partition).or_default();
        lines.insert((id, line.to_owned()));
    }

    /// Returns the objects with these lines, one for each partition.
    ///
    /// # Errors
    /// Only if lines cannot be compressed in memory, which does not occur in practice.
    pub fn objects(&self) -> io::Result<Vec<ArchiveObject>> {
        let objects = self.0.iter().map(|(partition, lines)| {
            let lines = lines.iter();
            let text = lines.fold(String::new(), |text, (_, line)| text + line + "\n");
            let hash = HEXLOWER.encode(&Sha256::digest(&text));
            // Without a name and a time, so that equal lines are equal bytes.
            let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
            gzip.write_all(text.as_bytes())?;
            Ok(ArchiveObject {
                key: format!("{ARCHIVE}/{partition}/{}.jsonl.gz", &hash[..HASH_DIGITS]),
                bytes: gzip.finish()?,
            })
        });
        objects.collect()
    }
}

/// Checks whether a text may be the name of a region. Callers can write any text into some records, and no such text gets into
/// a key.
fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=REGION_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use futures_util::FutureExt as _;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ingest::subscription::Subscription;
    use crate::memory::{MemoryBucket, MemoryStore};

    /// Returns the payload of a subscription with some of a few records, which differ in account, region, day and id.
    fn payload(numbers: &[usize]) -> Vec<u8> {
        let record = |number: &usize| {
            let (account, region) = (
                number % 2,
                ["eu-central-1", "us-east-1", "../x\n"][number % 3],
            );
            let message = json!({
                "eventVersion": "1.11", "eventType": "AwsApiCall", "eventCategory": "Management",
                "eventID": format!("3f0e3bd4-6a7c-4f0b-9a6e-{number:012x}"),
                "eventTime": format!("2026-11-2{}T08:00:00Z", number % 4),
                "eventSource": "s3.amazonaws.com", "eventName": "GetBucketAcl", "awsRegion": region,
                "recipientAccountId": format!("11112222333{account}"), "errorCode": "AccessDenied",
                "requestParameters": {"bucketName": "not archived"},
            });
            json!({"id": number.to_string(), "timestamp": 1_795_000_000_000_i64, "message": message.to_string()})
        };
        let payload = json!({
            "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "trail", "logStream": "a",
            "subscriptionFilters": ["all"], "logEvents": numbers.iter().map(record).collect::<Vec<_>>(),
        });
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
        gzip.write_all(payload.to_string().as_bytes()).unwrap();
        let data = data_encoding::BASE64.encode(&gzip.finish().unwrap());
        json!({"awslogs": {"data": data}}).to_string().into_bytes()
    }

    /// Returns the archive after some batches, as a set of partitions with lines.
    #[expect(
        clippy::disallowed_methods,
        reason = "an object that this test wrote has one member"
    )]
    fn archived(batches: &[Vec<usize>]) -> BTreeSet<(String, String)> {
        let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
        let mut subscription = Subscription::default().archiving(true);
        for batch in batches {
            let payload = payload(batch);
            let taken = subscription.take(&payload, Timestamp::FIRST, &mut store, &bucket);
            taken.now_or_never().unwrap().unwrap();
        }
        let mut lines = BTreeSet::new();
        for (key, object) in bucket.objects() {
            let (partition, hash) = key.rsplit_once('/').unwrap();
            let mut text = String::new();
            GzDecoder::new(&*object).read_to_string(&mut text).unwrap();
            let digest = HEXLOWER.encode(&Sha256::digest(&text));
            assert_eq!(hash, format!("{}.jsonl.gz", &digest[..HASH_DIGITS]));
            lines.extend(
                text.lines()
                    .map(|line| (partition.to_owned(), line.to_owned())),
            );
        }
        lines
    }

    #[test]
    fn a_line_is_the_redacted_record_in_its_partition() {
        let lines: Vec<_> = archived(&[vec![0, 5]]).into_iter().collect();
        let partitions: Vec<&str> = lines
            .iter()
            .map(|(partition, _)| partition.as_str())
            .collect();
        assert_eq!(
            partitions,
            [
                "archive/account=111122223330/region=eu-central-1/day=2026-11-20",
                "archive/account=111122223331/region=unknown/day=2026-11-21",
            ]
        );
        assert!(lines[0].1.contains("GetBucketAcl") && !lines[0].1.contains("not archived"));
    }

    #[test]
    fn without_an_archive_nothing_is_written() {
        let (mut store, bucket) = (MemoryStore::default(), MemoryBucket::default());
        let mut subscription = Subscription::default();
        let payload = payload(&[1]);
        let taken = subscription.take(&payload, Timestamp::FIRST, &mut store, &bucket);
        taken.now_or_never().unwrap().unwrap();
        assert!(bucket.objects().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn order_repetition_and_cuts_change_nothing(
            numbers in prop::collection::vec(0_usize..24, 1..20),
            cuts in prop::collection::vec(1_usize..6, 1..20),
            again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut batches = Vec::new();
            let (mut left, mut cuts) = (&numbers[..], cuts.iter().cycle());
            while !left.is_empty() {
                let (batch, rest) = left.split_at(left.len().min(*cuts.next().unwrap()));
                batches.push(batch.to_vec());
                left = rest;
            }
            batches.extend(again.iter().map(|at| at.get(&batches).clone()).collect::<Vec<_>>());
            batches.reverse();
            prop_assert_eq!(archived(&batches), archived(&[numbers]));
        }
    }
}
