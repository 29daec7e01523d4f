//! Segments: the sightings of one batch in one hour of event time, encoded in few bytes.
//!
//! The DynamoDB store keeps events as segments. Equal contents have equal bytes and equal digests, so writing a segment
//! twice changes nothing. The events of an hour are the union of the hour's segments. An event takes 18 bytes. Facets
//! that events share are written once, and compressed with a dictionary of frequent words.
//!
//! A store limits the length of an item, and callers influence the number and the length of facets. So an hour is split
//! into several segments if its bytes exceed the limit. The split depends only on the events: the same batch is always
//! split at the same points.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | two varints | length of the series table before compression, and after |
//! | … | the series table in zlib format: the number of series, all cluster ids, then kind by kind all facet values |
//! | one varint per series | the number of its events |
//! | 16 per event | event id; events are grouped by series, and sorted within a series |
//! | 2 per event | second of the hour, little endian; bit 12 is set for a sensitive call that succeeded |

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use records::principal::network;
use records::time::{Timestamp, Window};
use sha2::{Digest as _, Sha256};

use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterId;
use crate::{EventId, Series, Sighting, Tally};

/// The maximum number of events in one segment.
pub const EVENTS_MAX: usize = 10_000;

/// The maximum length of an encoded segment in bytes: 350 KB, minus 1 KB for the other parts of its DynamoDB item.
///
/// An item of DynamoDB holds at most 400 KB.
pub const BYTES_MAX: usize = (350 << 10) - ITEM_OVERHEAD_BYTES;

/// Space for the other parts of an item: its key, the names of its attributes, its expiry time.
const ITEM_OVERHEAD_BYTES: usize = 1 << 10;

/// The newest version of the encoding. Version 2 has the kinds of facets in [`KINDS_OF_2`] beside those of version 1. A
/// segment without values of these kinds has version 1, so its bytes and its digest are those of earlier programs.
const VERSION: u8 = 2;

/// The kinds of facets that a segment of version 1 does not have; few events have values of them.
const KINDS_OF_2: [FacetKind; 1] = [FacetKind::Policy];

/// The bit that marks a sensitive call; seconds of an hour need 12 bits.
const WATCHED: u16 = 1 << 12;

const SECONDS_OF_HOUR: i64 = 3600;

/// The encoded length of an event: its id and its second.
const EVENT_BYTES: usize = 18;

/// The minimum length of a series before compression: its cluster id, and one byte for each kind.
const SERIES_BYTES: usize = 16 + FacetKind::ALL.len();

/// The maximum length of a decompressed series table when a segment is read, in bytes.
const SERIES_TABLE_BYTES_MAX: u64 = 256 << 20;

/// The maximum length of a series table before compression when a segment is written, in bytes.
///
/// The whole uncompressed table is in memory, even if it compresses well.
const SERIES_WRITTEN_BYTES_MAX: usize = 32 << 20;

/// Events of one hour of event time, or events without a usable time, each with its sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The hour of all events; `None` if the events have no usable time.
    pub window: Option<Window>,
    /// Sorted by series, and within a series by event id.
    sightings: Vec<(EventId, Sighting)>,
}

/// A segment together with its bytes and its digest, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSegment {
    /// The segment that [`EncodedSegment::bytes`] encodes.
    pub segment: Segment,
    /// The encoded segment, which [`Segment::decode`] reads.
    pub bytes: Vec<u8>,
    /// The first 128 bits of the SHA-256 of the content before compression; equal contents have equal digests.
    pub digest: [u8; 16],
}

/// The reason why bytes could not be decoded as a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The version is unknown: a newer program wrote the segment.
    #[error("segment version {0} is not known here; update cloudtrail-inspector")]
    Newer(u8),
    /// The bytes are truncated or changed.
    #[error("the segment is damaged")]
    Damaged,
}

impl Segment {
    /// Splits a tally into segments, sorted by hour, each at most [`BYTES_MAX`] bytes long.
    ///
    /// An hour needs more than one segment if its events exceed this length or are more than [`EVENTS_MAX`].
    pub fn split(tally: &Tally) -> Vec<EncodedSegment> {
        Self::split_at(tally, BYTES_MAX)
    }

    /// Splits a tally like [`Segment::split`], with `bytes_max` as the maximum length of a segment in bytes.
    ///
    /// Only a segment with a single event may be longer than `bytes_max`.
    pub fn split_at(tally: &Tally, bytes_max: usize) -> Vec<EncodedSegment> {
        let mut hours: BTreeMap<Option<Window>, Vec<(EventId, Sighting)>> = BTreeMap::new();
        for (id, sighting) in &tally.sightings {
            let window = sighting.at().map(Timestamp::window);
            hours
                .entry(window)
                .or_default()
                .push((*id, sighting.clone()));
        }
        let mut segments = Vec::with_capacity(hours.len());
        for (window, mut hour) in hours {
            hour.sort_unstable_by(in_order);
            for part in hour.chunks(EVENTS_MAX) {
                bisect(window, part, bytes_max, &mut segments);
            }
        }
        segments
    }

    /// Returns all events of the segment with their sightings, sorted by series and event id.
    pub fn sightings(&self) -> impl ExactSizeIterator<Item = (EventId, &Sighting)> {
        self.sightings.iter().map(|(id, seen)| (*id, seen))
    }

    /// Encodes the segment.
    fn encode(self) -> EncodedSegment {
        let (table, counts): (Vec<_>, Vec<_>) = self.table().into_iter().unzip();
        let mut events = Vec::with_capacity(self.sightings.len() * EVENT_BYTES + table.len());
        for count in counts {
            put_number(&mut events, count);
        }
        for (id, _) in &self.sightings {
            events.extend_from_slice(id.bytes());
        }
        for (_, sighting) in &self.sightings {
            events.extend_from_slice(&second(sighting).to_le_bytes());
        }
        let has_new = |series: &&Arc<Series>| {
            let mut kinds = KINDS_OF_2.iter();
            kinds.any(|kind| series.facets.get(*kind).is_some())
        };
        let version = if table.iter().any(has_new) {
            VERSION
        } else {
            1
        };
        let table = encode_series(version, &table);
        let mut digest = [0; 16];
        let hash = Sha256::new().chain_update(&table).chain_update(&events);
        digest.copy_from_slice(&hash.finalize()[..16]);
        let packed = pack(&table);
        let mut bytes = vec![version];
        put_number(&mut bytes, table.len() as u64);
        put_number(&mut bytes, packed.len() as u64);
        bytes.extend(packed);
        bytes.extend(events);
        EncodedSegment {
            segment: self,
            bytes,
            digest,
        }
    }

    /// Decodes the bytes of an [`EncodedSegment`]; `window` must be the hour of the encoded segment.
    ///
    /// # Errors
    /// [`SegmentError::Newer`] for an unknown version; [`SegmentError::Damaged`] for truncated or changed bytes.
    pub fn decode(window: Option<Window>, bytes: &[u8]) -> Result<Self, SegmentError> {
        let mut rest = bytes;
        let version = match *take(&mut rest, 1)? {
            [version @ 1..=VERSION] => version,
            [version] => return Err(SegmentError::Newer(version)),
            _ => return Err(SegmentError::Damaged),
        };
        let length = take_number(&mut rest)?;
        let packed = take_number(&mut rest)?;
        let packed = take(&mut rest, packed)?;
        let table = decode_series(version, &unpack(packed, length)?)?;
        let mut counts = Vec::with_capacity(table.len());
        for _ in &table {
            counts.push(usize::try_from(take_number(&mut rest)?).unwrap_or(usize::MAX));
        }
        let of = table.iter().zip(&counts);
        let count = counts
            .iter()
            .fold(0, |sum: usize, n| sum.saturating_add(*n));
        if rest.len() != count.saturating_mul(EVENT_BYTES) {
            return Err(SegmentError::Damaged);
        }
        let (ids, seconds) = rest.split_at(count * 16);
        let mut events = ids
            .as_chunks::<16>()
            .0
            .iter()
            .zip(seconds.as_chunks::<2>().0);
        let mut sightings = Vec::with_capacity(count);
        for (series, count) in of {
            for (id, second) in events.by_ref().take(*count) {
                let sighting = sighting(window, u16::from_le_bytes(*second), series)?;
                sightings.push((EventId::from_bytes(*id), sighting));
            }
        }
        Ok(Self { window, sightings })
    }

    /// Returns the distinct series in order, each with the number of its events.
    fn table(&self) -> Vec<(&Arc<Series>, u64)> {
        let mut table: Vec<(&Arc<Series>, u64)> = Vec::new();
        for (_, Sighting { series, .. }) in &self.sightings {
            match table.last_mut() {
                Some((last, count)) if *last == series => *count += 1,
                _ => table.push((series, 1)),
            }
        }
        table
    }
}

/// Encodes sorted sightings of one hour as one segment; if the segment is too long, encodes each half on its own.
fn bisect(
    window: Option<Window>,
    sightings: &[(EventId, Sighting)],
    bytes_max: usize,
    segments: &mut Vec<EncodedSegment>,
) {
    let ends = ends(sightings);
    let length = ends.last().copied().unwrap_or_default();
    let is_one = sightings.len() <= 1;
    if is_one || length <= SERIES_WRITTEN_BYTES_MAX {
        let sightings = sightings.to_vec();
        let encoded = Segment { window, sightings }.encode();
        if is_one || encoded.bytes.len() <= bytes_max {
            segments.push(encoded);
            return;
        }
    }
    // Both halves get at least one.
    let middle = ends.partition_point(|end| *end <= length / 2);
    let (one, other) = sightings.split_at(middle.clamp(1, sightings.len() - 1));
    bisect(window, one, bytes_max, segments);
    bisect(window, other, bytes_max, segments);
}

/// Returns for each sighting the length of all sightings up to and including it, in bytes before compression.
fn ends(sightings: &[(EventId, Sighting)]) -> Vec<usize> {
    let mut before: Option<&Arc<Series>> = None;
    let mut end = 0;
    let ends = sightings.iter().map(|(_, Sighting { series, .. })| {
        let is_same = before.is_some_and(|before| Arc::ptr_eq(before, series) || before == series);
        before = Some(series);
        let series = match is_same {
            true => 0,
            false => SERIES_BYTES + series.facets.bytes(),
        };
        end += EVENT_BYTES + series;
        end
    });
    ends.collect()
}

fn in_order((id, one): &(EventId, Sighting), (other_id, other): &(EventId, Sighting)) -> Ordering {
    // Events of one series mostly share one allocation, and comparing addresses is cheaper than comparing contents.
    let table = match Arc::ptr_eq(&one.series, &other.series) {
        true => Ordering::Equal,
        false => one.series.cmp(&other.series),
    };
    table.then_with(|| id.cmp(other_id))
}

fn second(sighting: &Sighting) -> u16 {
    let seconds = sighting.at().map_or(0, Timestamp::seconds);
    let second = seconds.rem_euclid(SECONDS_OF_HOUR) as u16;
    second | if sighting.watched { WATCHED } else { 0 }
}

fn sighting(
    window: Option<Window>,
    second: u16,
    series: &Arc<Series>,
) -> Result<Sighting, SegmentError> {
    let watched = second & WATCHED != 0;
    let second = i64::from(second & !WATCHED);
    let at = match window {
        Some(window) if second < SECONDS_OF_HOUR => {
            let seconds = window.hours() * SECONDS_OF_HOUR + second;
            Some(Timestamp::from_seconds(seconds).ok_or(SegmentError::Damaged)?)
        }
        None if second == 0 => None,
        _ => return Err(SegmentError::Damaged),
    };
    Ok(Sighting::new(watched, at, Arc::clone(series)))
}

/// The number before a facet value: no value; the network derived from the address; or the length of the value plus 2.
const ABSENT: u64 = 0;
const DERIVED: u64 = 1;
const LENGTH: u64 = 2;

/// Returns the kinds of facets that segments of a version have.
fn kinds_of(version: u8) -> impl Iterator<Item = FacetKind> {
    let kinds = FacetKind::ALL.into_iter();
    kinds.filter(move |kind| version > 1 || !KINDS_OF_2.contains(kind))
}

fn encode_series(version: u8, table: &[&Arc<Series>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, table.len() as u64);
    for series in table {
        bytes.extend_from_slice(series.cluster.bytes());
    }
    // Kind by kind, because values of one kind are similar and compress well.
    for kind in kinds_of(version) {
        for series in table {
            match series.facets.get(kind) {
                None => put_number(&mut bytes, ABSENT),
                Some(value) if is_derived(kind, value, &series.facets) => {
                    put_number(&mut bytes, DERIVED);
                }
                Some(value) => {
                    put_number(&mut bytes, value.len() as u64 + LENGTH);
                    bytes.extend_from_slice(value.as_bytes());
                }
            }
        }
    }
    bytes
}

/// Checks whether a value need not be written, because the network can be derived from the address.
fn is_derived(kind: FacetKind, value: &str, facets: &Facets) -> bool {
    kind == FacetKind::Network
        && facets.get(FacetKind::SourceIp).map(network).as_deref() == Some(value)
}

fn decode_series(version: u8, mut bytes: &[u8]) -> Result<Vec<Arc<Series>>, SegmentError> {
    let rest = &mut bytes;
    let count = take_number(rest)?;
    let clusters = take(rest, count.saturating_mul(16))?;
    let clusters = clusters.as_chunks::<16>().0;
    let mut facets = vec![Facets::default(); clusters.len()];
    let mut derived = Vec::new();
    for kind in kinds_of(version) {
        for (place, facets) in facets.iter_mut().enumerate() {
            match take_number(rest)? {
                ABSENT => {}
                DERIVED => derived.push((place, kind)),
                length => {
                    let value = take(rest, length - LENGTH)?;
                    let value = std::str::from_utf8(value).map_err(|_| SegmentError::Damaged)?;
                    facets.set(kind, Some(value));
                }
            }
        }
    }
    for (place, kind) in derived {
        let address = facets[place].get(FacetKind::SourceIp).map(network);
        facets[place].set(kind, address.as_deref());
    }
    if !rest.is_empty() {
        return Err(SegmentError::Damaged);
    }
    let series = |(cluster, facets): (&[u8; 16], Facets)| {
        Arc::new(Series {
            cluster: ClusterId::from_bytes(*cluster),
            facets: facets.packed(),
        })
    };
    Ok(clusters.iter().zip(facets).map(series).collect())
}

/// The compression dictionary: words that occur in most series, the most frequent last.
///
/// The dictionary is part of the version: data compressed with it cannot be decompressed with another one.
const WORDS: &[u8] = b"ap-southeast-1ap-southeast-2ap-northeast-1ca-central-1sa-east-1eu-north-1\
us-east-2us-west-1eu-west-2eu-west-3eu-central-1us-west-2eu-west-1us-east-1\
accesspoint/sagemakercloudformationelasticloadbalancingorganizationsautoscalingredshiftglue:Get\
ecr:Batchecs:Describeeks:logs:CreateLogStreamathena:iam:ListGetPassRoleCreateRolesqs:SendMessage\
sns:Publishkms:DecryptGenerateDataKeykms:GenerateDataKeylambda:InvokeFunctionsecretsmanager:\
GetSecretValuessm:GetParameterdynamodb:PutItemQueryec2:DescribeInstancesRunInstancess3:ListBucket\
s3:PutObjects3:GetObjectsts:AssumeRoleWithWebIdentitysts:AssumeRole\
InvalidParameterValueExceptionValidationExceptionResourceNotFoundExceptionThrottlingException\
NoSuchEntityExceptionNoSuchKeyNoSuchBucketClient.UnauthorizedOperationAccessDeniedException\
AccessDeniedMozilla/5.0aws-internal/3aws-sdk-java/2.aws-sdk-go-v2/1.aws-sdk-nodejs/2.Boto3/1.\
Terraform/1.aws-cli/2.aws-sdk-go/1.HashiCorpGitHubActionsbotocore-session-aws-go-sdk-\
identity-based implicitidentity-based explicitresource-based implicitservice control policy explicit\
AWSServiceRoleForAWSReservedSSO_AdministratorAccess.amazonaws.comcloudtrail.amazonaws.com\
vpce-0i-0arn:aws:kms:us-east-1:arn:aws:dynamodb:us-east-1::table/arn:aws:lambda:us-east-1::function:\
arn:aws:ec2:us-east-1::instance/i-0arn:aws:s3:::/*arn:aws:secretsmanager:us-east-1::secret:\
AIDAAROAAKIAASIAassumed_roleconsoleservicecliiam_userroleuserwholesdknoyes\
arn:aws:iam::user/arn:aws:sts::assumed-role/arn:aws:iam::role/readwrite";

fn pack(table: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(table.len() + 64);
    let mut compress = Compress::new(Compression::best(), true);
    let words = compress.set_dictionary(WORDS);
    words.expect("nothing was compressed yet");
    loop {
        let consumed = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let input = table.get(consumed..).unwrap_or_default();
        let done = compress.compress_vec(input, &mut packed, FlushCompress::Finish);
        if done.expect("writing to memory does not fail") == Status::StreamEnd {
            return packed;
        }
        packed.reserve(table.len() / 2 + 64);
    }
}

fn unpack(packed: &[u8], length: u64) -> Result<Vec<u8>, SegmentError> {
    if length > SERIES_TABLE_BYTES_MAX || length > packed.len() as u64 * 1100 {
        return Err(SegmentError::Damaged);
    }
    let mut table = Vec::with_capacity(length as usize);
    let mut decompress = Decompress::new(true);
    // The decoder must stop with an error once, to request the dictionary.
    let asked = decompress.decompress_vec(packed, &mut table, FlushDecompress::Finish);
    if asked.is_ok() || decompress.set_dictionary(WORDS).is_err() {
        return Err(SegmentError::Damaged);
    }
    let consumed = usize::try_from(decompress.total_in()).unwrap_or(usize::MAX);
    let rest = packed.get(consumed..).unwrap_or_default();
    let done = decompress.decompress_vec(rest, &mut table, FlushDecompress::Finish);
    let is_whole = matches!(done, Ok(Status::StreamEnd)) && table.len() as u64 == length;
    is_whole.then_some(table).ok_or(SegmentError::Damaged)
}

/// Writes a number as a varint: groups of seven bits, the lowest first.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Result<u64, SegmentError> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(SegmentError::Damaged)
}

fn take<'b>(bytes: &mut &'b [u8], count: u64) -> Result<&'b [u8], SegmentError> {
    let count = usize::try_from(count).map_err(|_| SegmentError::Damaged)?;
    let (taken, rest) = bytes.split_at_checked(count).ok_or(SegmentError::Damaged)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: &[(u8, Option<&str>, &str, bool)]) -> Tally {
        let mut tally = Tally::default();
        for (number, at, address, watched) in events {
            let mut facets = Facets::default();
            facets.set(
                FacetKind::Principal,
                Some("arn:aws:iam::123456789012:role/deploy"),
            );
            facets.set(FacetKind::Network, Some(&network(address)));
            facets.set(FacetKind::SourceIp, Some(address));
            let cluster = ClusterId::from_bytes([*number % 3; 16]);
            let series = Arc::new(Series { cluster, facets });
            let at = at.map(|at| Timestamp::parse(at).unwrap());
            let sighting = Sighting::new(*watched, at, series);
            tally.insert(EventId::from_bytes([*number; 16]), sighting);
        }
        tally
    }

    #[test]
    fn an_hour_is_read_back_unchanged_and_has_the_same_bytes_in_any_order() {
        let events = [
            (1, Some("2026-11-21T08:00:00Z"), "198.51.100.7", false),
            (2, Some("2026-11-21T08:59:59Z"), "s3.amazonaws.com", true),
            (4, Some("2026-11-21T09:00:00Z"), "2001:db8::1", false),
            (5, None, "198.51.100.7", false),
        ];
        let segments = Segment::split(&tally(&events));
        assert_eq!(counts(&segments), [1, 2, 1], "no time, 08, 09");
        let reversed: Vec<_> = events.into_iter().rev().collect();
        assert_eq!(Segment::split(&tally(&reversed)), segments);
        for EncodedSegment { segment, bytes, .. } in segments {
            assert_eq!(Segment::decode(segment.window, &bytes), Ok(segment));
        }
    }

    #[test]
    fn truncated_or_changed_bytes_are_refused_and_never_panic() {
        let events = [(1, Some("2026-11-21T08:00:00Z"), "198.51.100.7", false)];
        let EncodedSegment { segment, bytes, .. } = Segment::split(&tally(&events)).remove(0);
        for end in 0..bytes.len() {
            let cut = Segment::decode(segment.window, &bytes[..end]);
            assert_eq!(cut, Err(SegmentError::Damaged));
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0xff;
            let _ = Segment::decode(segment.window, &changed);
        }
        let mut newer = bytes;
        newer[0] = VERSION + 1;
        let refused = Segment::decode(segment.window, &newer);
        assert_eq!(refused, Err(SegmentError::Newer(VERSION + 1)));
    }

    #[test]
    fn only_a_segment_with_a_policy_has_version_2() {
        let of = |policy: Option<&str>| {
            let mut facets = Facets::default();
            facets.set(FacetKind::Layer, Some("scp explicit"));
            facets.set(FacetKind::Policy, policy);
            facets.set(FacetKind::Encoded, Some("whole"));
            let cluster = ClusterId::from_bytes([7; 16]);
            let series = Arc::new(Series { cluster, facets });
            let mut tally = Tally::default();
            tally.insert(
                EventId::from_bytes([1; 16]),
                Sighting::new(false, None, series),
            );
            Segment::split(&tally).remove(0)
        };
        let scp = "arn:aws:organizations::777788889999:policy/o-example/service_control_policy/p-example1";
        for (policy, version) in [(None, 1), (Some(scp), 2)] {
            let EncodedSegment { segment, bytes, .. } = of(policy);
            assert_eq!(bytes[0], version);
            assert_eq!(Segment::decode(None, &bytes), Ok(segment));
        }
    }

    #[test]
    fn many_events_are_cut_into_parts_that_fit_an_item() {
        let mut tally = Tally::default();
        let series = Arc::new(Series {
            cluster: ClusterId::from_bytes([7; 16]),
            facets: Facets::default(),
        });
        let at = Timestamp::parse("2026-11-21T08:00:00Z");
        for number in 0..(EVENTS_MAX as u128 * 2 + 1) {
            let id = EventId::from_bytes(number.to_be_bytes());
            tally.insert(id, Sighting::new(false, at, Arc::clone(&series)));
        }
        let segments = Segment::split(&tally);
        assert_eq!(counts(&segments), [EVENTS_MAX, EVENTS_MAX, 1]);
    }

    /// Incompressible facets, each as long as allowed.
    fn noise(random: &mut u64) -> Facets {
        let mut facets = Facets::default();
        for kind in FacetKind::ALL {
            let text: String = std::iter::repeat_with(|| {
                *random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Letters of four bytes, which sanitizing does not remove.
                char::from_u32(0x2_0000 + (*random >> 40) as u32 % 0xA000)
            })
            .flatten()
            .take(300)
            .collect();
            facets.set(kind, Some(&text));
        }
        facets
    }

    #[test]
    fn one_event_fits_whatever_its_facets_are() {
        let facets = noise(&mut 7);
        assert_eq!(facets.bytes(), FacetKind::ALL.len() * (255 * 4 + "…".len()));
        let mut tally = Tally::default();
        let cluster = ClusterId::from_bytes([7; 16]);
        let series = Arc::new(Series { cluster, facets });
        tally.insert(
            EventId::from_bytes([1; 16]),
            Sighting::new(false, None, series),
        );
        let [EncodedSegment { bytes, .. }] = &Segment::split(&tally)[..] else {
            panic!("one event is one segment");
        };
        // Facets hold less than 64 KB in memory, because the end of a value is a `u16`.
        assert!(bytes.len() <= usize::from(u16::MAX), "{}", bytes.len());
        const { assert!(u16::MAX as usize + 1024 < BYTES_MAX) };
    }

    #[test]
    fn incompressible_segments_are_split_by_bytes_and_no_finer_than_necessary() {
        let (mut tally, mut random) = (Tally::default(), 1);
        for number in 0..90_u128 {
            let facets = noise(&mut random);
            let cluster = ClusterId::from_bytes([7; 16]);
            let series = Arc::new(Series { cluster, facets });
            let id = EventId::from_bytes(number.to_be_bytes());
            tally.insert(id, Sighting::new(false, None, series));
        }
        let segments = Segment::split(&tally);
        assert!(segments.iter().all(|part| part.bytes.len() <= BYTES_MAX));
        let bytes: usize = segments.iter().map(|part| part.bytes.len()).sum();
        let started = bytes.div_ceil(350 << 10);
        assert_eq!((started, segments.len()), (4, 4), "{bytes} bytes");
        assert_eq!(Segment::split(&tally), segments);
        // A limit below the length of every event gives one event per segment.
        assert_eq!(counts(&Segment::split_at(&tally, 0)), [1; 90]);
    }

    fn counts(segments: &[EncodedSegment]) -> Vec<usize> {
        let count = |of: &EncodedSegment| of.segment.sightings().len();
        segments.iter().map(count).collect()
    }
}
