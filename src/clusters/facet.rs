//! Facets: what is remembered under a cluster besides its count, each value with its own first and
//! last sighting: who called, from where, with which key, refused by which layer, on what.
//!
//! One sighting has at most one value of each kind. Values are sanitized here, once, so that
//! nothing behind this room has to ask who wrote them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use json::Json;
use records::denial::{Layer, Stance, is_action};
use records::origin::origin;
use records::principal::{self, network, principal};
use records::redact::clean;
use records::{Record, Text};
use strum::{IntoStaticStr, VariantArray};

use crate::fingerprint::{Identity, Understanding};

/// The kinds of facets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum FacetKind {
    /// Who called, as one stable name.
    Principal,
    /// What the caller is: user, role, service and so on.
    PrincipalKind,
    /// The account the caller belongs to.
    CallerAccount,
    /// The region that was called.
    Region,
    /// The means of the call: console, SDK, an AWS service and so on.
    Origin,
    /// The layer of policy that refused, and its stance.
    Layer,
    /// Whether a refusal holds an encoded message, and whether that is whole or cut.
    Encoded,
    /// The caller's network: a /24, a /48, or the name of a service.
    Network,
    /// The caller's address.
    SourceIp,
    /// The id of the access key that signed.
    AccessKey,
    /// The name of the role session.
    Session,
    /// The EC2 instance that a session belongs to.
    Instance,
    /// What was called on; objects of a bucket count as the bucket.
    Resource,
    /// The IAM action that was missing or called.
    IamAction,
    /// The error code as the service spelled it.
    ErrorCode,
    /// The first word of what the caller's program says it is.
    UserAgent,
    /// The VPC endpoint the call came through.
    VpcEndpoint,
    /// Whether the call reads or writes.
    Access,
    /// Whether a second factor was used, for sign-ins.
    Mfa,
    /// The rule that was applied.
    Rule,
    /// The severity that the rule gives.
    RuledSeverity,
}

impl FacetKind {
    /// All kinds, in the order they are shown.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name, which is also the name of its column in the embedded store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The facets of one sighting: one text with all values in the order of their kinds, because there
/// are as many of these as there are different callers and calls.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Facets {
    /// Where in the text the value of each kind ends; it begins where the one before it ends.
    ends: [u16; FacetKind::ALL.len()],
    text: String,
}

/// The longest value kept, in characters; ARNs are shorter than that but for S3 keys.
const VALUE_CHARS_MAX: usize = 256;

// All ends fit, though every value were as long as it may be, of characters of four bytes.
const _: () = assert!(FacetKind::ALL.len() * VALUE_CHARS_MAX * 4 <= u16::MAX as usize);

/// How long all values together usually are, with some room, in bytes.
const TEXT_BYTES: usize = 320;

impl Facets {
    /// Reads the facets of an understood record.
    pub fn of(record: &Record<'_>, understanding: &Understanding<'_>) -> Self {
        let mut facets = Self::default();
        facets.text.reserve(TEXT_BYTES);
        // In the order of their kinds, so that each is written behind the others.
        let caller = principal(record);
        let address = record.source_ip_address.as_deref();
        facets.set(FacetKind::Principal, Some(&caller.name));
        facets.put(FacetKind::PrincipalKind, &[caller.kind.name()]);
        facets.put(
            FacetKind::CallerAccount,
            &[caller.account_id.unwrap_or_default()],
        );
        facets.set(FacetKind::Region, record.aws_region.as_deref());
        facets.put(FacetKind::Origin, &[origin(record).name()]);
        facets.put_refusal(understanding);
        let network = address.map(network).unwrap_or_default();
        facets.put(FacetKind::Network, &[&network]);
        facets.set(FacetKind::SourceIp, address);
        let key = principal::access_key(record);
        facets.put(FacetKind::AccessKey, &[key.unwrap_or_default()]);
        facets.set(FacetKind::Session, caller.session.as_deref());
        facets.put(FacetKind::Instance, &[caller.instance.unwrap_or_default()]);
        facets.set(
            FacetKind::Resource,
            resource(record, understanding).as_deref(),
        );
        facets.put_iam_action(record, understanding);
        facets.set(FacetKind::ErrorCode, record.error_code.as_deref());
        facets.set(
            FacetKind::UserAgent,
            record.user_agent.as_deref().map(program),
        );
        facets.set(FacetKind::VpcEndpoint, record.vpc_endpoint_id.as_deref());
        let access = if reads(record) { "read" } else { "write" };
        facets.put(FacetKind::Access, &[access]);
        facets.put(FacetKind::Mfa, &[mfa_used(record).unwrap_or_default()]);
        facets
    }

    /// Returns the value of a kind.
    pub fn get(&self, kind: FacetKind) -> Option<&str> {
        let (start, end) = self.bounds(kind);
        (start < end).then(|| &self.text[start..end])
    }

    /// Sets the value of a kind; empty text is no value.
    pub fn set(&mut self, kind: FacetKind, value: Option<&str>) {
        let value = value.map(|value| clean(value, VALUE_CHARS_MAX));
        if self.text.capacity() == 0 {
            self.text.reserve(TEXT_BYTES);
        }
        self.put(kind, &[&value.unwrap_or_default()]);
    }

    /// Sets the value of a kind to what is put together from parts, all of them clean and short.
    fn put(&mut self, kind: FacetKind, parts: &[&str]) {
        let (start, end) = self.bounds(kind);
        if start == self.text.len() {
            for part in parts {
                self.text.push_str(part);
            }
            self.ends[kind as usize..].fill(self.text.len() as u16);
            return;
        }
        let value = parts.concat();
        self.text.replace_range(start..end, &value);
        for moved in &mut self.ends[kind as usize..] {
            *moved = (usize::from(*moved) + value.len() - (end - start)) as u16;
        }
    }

    /// Returns the same in as little memory as it takes, to be kept.
    pub fn packed(mut self) -> Self {
        self.text.shrink_to_fit();
        self
    }

    /// Returns the bytes that the values take.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns the kinds that have a value, with it.
    pub fn iter(&self) -> impl Iterator<Item = (FacetKind, &str)> {
        FacetKind::ALL
            .into_iter()
            .filter_map(|kind| Some((kind, self.get(kind)?)))
    }

    fn bounds(&self, kind: FacetKind) -> (usize, usize) {
        let end = |place: usize| usize::from(self.ends[place]);
        let place = kind as usize;
        (place.checked_sub(1).map_or(0, end), end(place))
    }

    /// Puts what a refusal tells: its layer with its stance, and whether more of it is encoded.
    fn put_refusal(&mut self, understanding: &Understanding<'_>) {
        let Some(denial) = understanding.denial.as_ref() else {
            return;
        };
        let layer = match (denial.layer, denial.stance) {
            (None, Stance::Explicit) => Some(Layer::Unknown),
            (layer, _) => layer,
        };
        if let Some(layer) = layer {
            self.put(FacetKind::Layer, &[layer.name(), " ", denial.stance.name()]);
        }
        if denial.encoded {
            let length = if denial.decodable { "whole" } else { "cut" };
            self.put(FacetKind::Encoded, &[length]);
        }
    }

    /// Puts the IAM action: as the refusal names it, else by the table, else by the API's name.
    fn put_iam_action(&mut self, record: &Record<'_>, understanding: &Understanding<'_>) {
        let denial = understanding.denial.as_ref();
        if let Some((prefix, name)) = denial.and_then(|denial| denial.action?.split_once(':')) {
            let prefix = prefix.to_ascii_lowercase();
            return self.set(FacetKind::IamAction, Some(&[&prefix, ":", name].concat()));
        }
        if record.event_name.is_none() {
            return;
        }
        let Identity {
            service,
            action: event,
            ..
        } = &understanding.identity;
        let listed = ACTIONS
            .iter()
            .find(|(of, name, _)| name == event && of == service);
        if let Some((_, _, action)) = listed {
            return self.put(FacetKind::IamAction, &[action]);
        }
        let other = ACTION_PREFIXES.iter().find(|(name, _)| name == service);
        let prefix = other.map_or(service.as_str(), |(_, prefix)| prefix);
        let action = [prefix, ":", event].concat();
        if is_action(&action) {
            self.set(FacetKind::IamAction, Some(&action));
        }
    }
}

/// By values, kind by kind; none comes before any.
impl Ord for Facets {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = |facets| {
            FacetKind::ALL
                .iter()
                .map(move |kind| Self::get(facets, *kind))
        };
        values(self).cmp(values(other))
    }
}

impl PartialOrd for Facets {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Facets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// Elements of requests that name what was called on, the most telling first.
const RESOURCE_PARAMETERS: [&str; 18] = [
    "bucketName",
    "functionName",
    "instanceId",
    "roleArn",
    "roleName",
    "userName",
    "keyId",
    "secretId",
    "tableName",
    "queueUrl",
    "topicArn",
    "logGroupName",
    "clusterName",
    "name",
    "policyArn",
    "groupName",
    "resourceArn",
    "dBInstanceIdentifier",
];

fn resource<'r>(record: &Record<'r>, understanding: &Understanding<'r>) -> Option<Text<'r>> {
    let refused = understanding
        .denial
        .as_ref()
        .and_then(|denial| denial.resource);
    let named = || {
        record
            .resources?
            .elements()
            .into_iter()
            .find_map(|r| r.text_at(&["ARN"]))
    };
    let resource = refused
        .map(Cow::Borrowed)
        .or_else(named)
        .or_else(|| requested_resource(record.request_parameters?))?;
    Some(whole_bucket(resource))
}

fn requested_resource(request: Json<'_>) -> Option<Text<'_>> {
    let mut best: Option<(usize, Text<'_>)> = None;
    let _ = request.each_field(|key, value| {
        let rank = RESOURCE_PARAMETERS
            .iter()
            .position(|name| name.as_bytes() == key);
        if let (Some(rank), Some(text)) = (rank, value.text())
            && best.as_ref().is_none_or(|(found, _)| rank < *found)
        {
            best = Some((rank, text));
        }
    });
    best.map(|(_, text)| text)
}

/// Objects of a bucket are one resource; keys are many, and may hold anything.
fn whole_bucket(resource: Text<'_>) -> Text<'_> {
    // To ask first is cheaper than to split: few resources are buckets.
    let bucket = if resource.contains(":s3:::") {
        let (before, path) = resource.split_once(":s3:::").unwrap_or_default();
        path.find('/').map(|at| before.len() + ":s3:::".len() + at)
    } else if resource.contains(":accesspoint/") {
        // Through an access point: `arn:aws:s3:<region>:<account>:accesspoint/<name>/object/<key>`.
        resource.find("/object/")
    } else {
        None
    };
    match bucket {
        Some(end) => [&resource[..end], "/*"].concat().into(),
        None => resource,
    }
}

/// Services whose IAM actions have another prefix than their event source.
const ACTION_PREFIXES: [(&str, &str); 6] = [
    ("monitoring", "cloudwatch"),
    ("email", "ses"),
    ("tagging", "tag"),
    ("streams.dynamodb", "dynamodb"),
    ("models.lex", "lex"),
    ("runtime.lex", "lex"),
];

/// APIs whose IAM action has another name. Source: AWS Service Authorization Reference.
const ACTIONS: [(&str, &str, &str); 11] = [
    ("s3", "ListBuckets", "s3:ListAllMyBuckets"),
    ("s3", "ListObjects", "s3:ListBucket"),
    ("s3", "ListObjectsV2", "s3:ListBucket"),
    ("s3", "HeadBucket", "s3:ListBucket"),
    ("s3", "HeadObject", "s3:GetObject"),
    ("s3", "CopyObject", "s3:PutObject"),
    ("s3", "CreateMultipartUpload", "s3:PutObject"),
    ("s3", "UploadPart", "s3:PutObject"),
    ("s3", "DeleteObjects", "s3:DeleteObject"),
    ("s3", "GetBucketLifecycle", "s3:GetLifecycleConfiguration"),
    ("lambda", "Invoke", "lambda:InvokeFunction"),
];

/// Returns the program's name and version: what stands before the first space.
fn program(user_agent: &str) -> &str {
    let agent = user_agent.trim_start_matches('[');
    let end = agent.bytes().position(|b| b == b' ' || b == b']');
    &agent[..end.unwrap_or(agent.len())]
}

/// How the names of reading APIs begin, for records that do not say `readOnly`.
const READING: [&str; 13] = [
    "Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "Query", "Scan", "Select",
    "View", "Check", "Test",
];

fn reads(record: &Record<'_>) -> bool {
    record.read_only.unwrap_or_else(|| {
        let name = record.event_name.as_deref().unwrap_or_default();
        READING.iter().any(|head| name.starts_with(head))
    })
}

fn mfa_used(record: &Record<'_>) -> Option<&'static str> {
    let data = record.additional_event_data?;
    // Most data is about something else; only a key with escapes is spelled in another way.
    if !data.as_str().contains('\\') && !data.as_str().contains("MFAUsed") {
        return None;
    }
    let used = data.at(&["MFAUsed"])?.boolean()?;
    Some(if used { "yes" } else { "no" })
}
