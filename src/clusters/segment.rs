//! Segments: the sightings of one batch in one hour of event time, as a few bytes that say the same
//! whenever the same is said.
//!
//! A store that keeps a journal keeps these. Two segments with the same content have the same
//! digest, so writing one again changes nothing, and the events of an hour are the union of its
//! segments. An event takes 18 bytes; what events share is written once and compressed against
//! words that are in most of them.
//!
//! A store has a limit for the length of an item, and callers choose how long and how different facets
//! are. So an hour is cut into as many segments as it takes, by their length in bytes. Where it is cut
//! depends on nothing but the events: the same batch is cut at the same places again.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | varint | length of the series as they are, and as they lie here |
//! | … | the series, in zlib format: their number, all clusters, then kind by kind all values |
//! | varint, by series | how many events it has |
//! | 16, by event | ids, those of a series in their order |
//! | 2, by event | second of the hour; the bit above it says that it is a watched success |

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

/// How many events one segment holds at most.
pub const EVENTS_MAX: usize = 10_000;

/// How long a segment is at most, in bytes: 350 KB together with the rest of its item. DynamoDB takes
/// 400 KB an item.
pub const BYTES_MAX: usize = (350 << 10) - ROOM_BYTES;

/// Room for what an item holds beside its segment: its key, the names of its attributes, when it
/// expires.
const ROOM_BYTES: usize = 1 << 10;

/// The version of the encoding.
const VERSION: u8 = 1;

/// Above the seconds of an hour.
const WATCHED: u16 = 1 << 12;

const SECONDS_OF_HOUR: i64 = 3600;

/// How long an event is: its id and its second.
const EVENT_BYTES: usize = 18;

/// How long a series is at least: its cluster, and for each kind a number.
const SERIES_BYTES: usize = 16 + FacetKind::ALL.len();

/// How long the series of one segment that is read may be as they are, in bytes.
const SERIES_TABLE_BYTES_MAX: u64 = 256 << 20;

/// How long the series of one segment that is written may be as they are, in bytes. This much is in
/// memory at a time, however well it can be compressed.
const SERIES_WRITTEN_BYTES_MAX: usize = 32 << 20;

/// Sightings of one hour of event time, or of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The hour that all events lie in; `None` for events without a usable time.
    pub window: Option<Window>,
    /// In the order of their series, and within a series of their ids.
    sightings: Vec<(EventId, Sighting)>,
}

/// A segment as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSegment {
    /// What it says.
    pub segment: Segment,
    /// The same as bytes.
    pub bytes: Vec<u8>,
    /// The first 128 bits of the SHA-256 of what it says, before it is compressed.
    pub digest: [u8; 16],
}

/// Why bytes are no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A newer program wrote it.
    #[error("manifest version {0} is not known here; update cloudtrail-inspector")]
    Newer(u8),
    /// It was cut or changed.
    #[error("the manifest is damaged")]
    Damaged,
}

impl Segment {
    /// Cuts what was seen into segments by hour, in the order of hours, none longer than [`BYTES_MAX`].
    pub fn cut(tally: &Tally) -> Vec<EncodedSegment> {
        Self::cut_at(tally, BYTES_MAX)
    }

    /// Cuts what was seen into segments, one or more for each hour, in the order of hours. Each has at
    /// most `bytes_max` bytes, unless a single event is longer.
    pub fn cut_at(tally: &Tally, bytes_max: usize) -> Vec<EncodedSegment> {
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

    /// Returns what was seen, by event.
    pub fn sightings(&self) -> impl ExactSizeIterator<Item = (EventId, &Sighting)> {
        self.sightings.iter().map(|(id, seen)| (*id, seen))
    }

    /// Writes it as bytes.
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
        let table = encode_series(&table);
        let mut digest = [0; 16];
        let hash = Sha256::new().chain_update(&table).chain_update(&events);
        digest.copy_from_slice(&hash.finalize()[..16]);
        let packed = pack(&table);
        let mut bytes = vec![VERSION];
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

    /// Reads the bytes of an [`EncodedSegment`] of an hour.
    ///
    /// # Errors
    /// [`SegmentError`] for anything else.
    pub fn decode(window: Option<Window>, bytes: &[u8]) -> Result<Self, SegmentError> {
        let mut rest = bytes;
        match *take(&mut rest, 1)? {
            [VERSION] => {}
            [version] => return Err(SegmentError::Newer(version)),
            _ => return Err(SegmentError::Damaged),
        }
        let length = take_number(&mut rest)?;
        let packed = take_number(&mut rest)?;
        let packed = take(&mut rest, packed)?;
        let table = decode_series(&unpack(packed, length)?)?;
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

    /// Returns the distinct series in their order, and how many events each has.
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

/// Adds sightings of an hour, which are in order, as one segment, or as those of their halves where
/// that is too long.
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

/// Returns for each sighting how long all up to it are, in bytes before anything is compressed.
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
    // Most events of a series share it, and to see that takes less than to look at what is in it.
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

/// What stands where a value could be: nothing, the network of the address, or its length and two.
const ABSENT: u64 = 0;
const DERIVED: u64 = 1;
const LENGTH: u64 = 2;

fn encode_series(table: &[&Arc<Series>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, table.len() as u64);
    for series in table {
        bytes.extend_from_slice(series.cluster.bytes());
    }
    // Kind by kind, because values of a kind are alike.
    for kind in FacetKind::ALL {
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

/// Tells whether a value need not be written, since the address tells the network.
fn is_derived(kind: FacetKind, value: &str, facets: &Facets) -> bool {
    kind == FacetKind::Network
        && facets.get(FacetKind::SourceIp).map(network).as_deref() == Some(value)
}

fn decode_series(mut bytes: &[u8]) -> Result<Vec<Arc<Series>>, SegmentError> {
    let rest = &mut bytes;
    let count = take_number(rest)?;
    let clusters = take(rest, count.saturating_mul(16))?;
    let clusters = clusters.as_chunks::<16>().0;
    let mut facets = vec![Facets::default(); clusters.len()];
    let mut derived = Vec::new();
    for kind in FacetKind::ALL {
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

/// Words that are in most series, the likeliest last, for the compression to begin with. Part of the
/// version: what was packed with it cannot be unpacked with another.
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
        if done.expect("memory takes all that is written") == Status::StreamEnd {
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
    // It stops once to ask for the words.
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

/// Writes a number in groups of seven bits, the lowest first.
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
    fn an_hour_comes_back_as_it_was_and_says_the_same_in_any_order() {
        let events = [
            (1, Some("2026-11-21T08:00:00Z"), "198.51.100.7", false),
            (2, Some("2026-11-21T08:59:59Z"), "s3.amazonaws.com", true),
            (4, Some("2026-11-21T09:00:00Z"), "2001:db8::1", false),
            (5, None, "198.51.100.7", false),
        ];
        let segments = Segment::cut(&tally(&events));
        assert_eq!(counts(&segments), [1, 2, 1], "no time, 08, 09");
        let reversed: Vec<_> = events.into_iter().rev().collect();
        assert_eq!(Segment::cut(&tally(&reversed)), segments);
        for EncodedSegment { segment, bytes, .. } in segments {
            assert_eq!(Segment::decode(segment.window, &bytes), Ok(segment));
        }
    }

    #[test]
    fn what_was_cut_or_changed_is_refused_and_never_panics() {
        let events = [(1, Some("2026-11-21T08:00:00Z"), "198.51.100.7", false)];
        let EncodedSegment { segment, bytes, .. } = Segment::cut(&tally(&events)).remove(0);
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
        newer[0] = 2;
        let refused = Segment::decode(segment.window, &newer);
        assert_eq!(refused, Err(SegmentError::Newer(2)));
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
        let segments = Segment::cut(&tally);
        assert_eq!(counts(&segments), [EVENTS_MAX, EVENTS_MAX, 1]);
    }

    /// Facets that nothing can be compressed in, each as long as it may be.
    fn noise(random: &mut u64) -> Facets {
        let mut facets = Facets::default();
        for kind in FacetKind::ALL {
            let text: String = std::iter::repeat_with(|| {
                *random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Letters of four bytes, which no sanitizing takes away.
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
        let [EncodedSegment { bytes, .. }] = &Segment::cut(&tally)[..] else {
            panic!("one event is one manifest");
        };
        // What limits facets in memory limits them here: an end of a value is a u16.
        assert!(bytes.len() <= usize::from(u16::MAX), "{}", bytes.len());
        const { assert!(u16::MAX as usize + 1024 < BYTES_MAX) };
    }

    #[test]
    fn what_cannot_be_compressed_is_cut_by_its_bytes_and_no_finer_than_need_be() {
        let (mut tally, mut random) = (Tally::default(), 1);
        for number in 0..100_u128 {
            let facets = noise(&mut random);
            let cluster = ClusterId::from_bytes([7; 16]);
            let series = Arc::new(Series { cluster, facets });
            let id = EventId::from_bytes(number.to_be_bytes());
            tally.insert(id, Sighting::new(false, None, series));
        }
        let segments = Segment::cut(&tally);
        assert!(segments.iter().all(|part| part.bytes.len() <= BYTES_MAX));
        let bytes: usize = segments.iter().map(|part| part.bytes.len()).sum();
        let started = bytes.div_ceil(350 << 10);
        assert_eq!((started, segments.len()), (4, 4), "{bytes} bytes");
        assert_eq!(Segment::cut(&tally), segments);
        // A limit that no event meets leaves one event in each.
        assert_eq!(counts(&Segment::cut_at(&tally, 0)), [1; 100]);
    }

    fn counts(segments: &[EncodedSegment]) -> Vec<usize> {
        let count = |of: &EncodedSegment| of.segment.sightings().len();
        segments.iter().map(count).collect()
    }
}
