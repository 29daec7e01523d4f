//! Facets: the details of a single call that are not part of the cluster's identity.
//!
//! Examples are the caller, the network, the access key, the refusing policy and the resource. A cluster has the
//! count, the first and the last event time of each facet value.
//!
//! One event has at most one value of each kind. Callers choose some of the texts, so all values are sanitized here,
//! once; later code can use them without further checks.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use records::denial::{Layer, Stance};
use records::origin::{origin, service_of_host};
use records::principal::{self, network, principal};
use records::redact::clean;
use records::{Record, Text};
use strum::{IntoStaticStr, VariantArray};

use crate::fingerprint::{Identity, ParsedFailure};
use crate::iam_action::action_of_call;
use crate::requested_resource::requested_resource;

/// A kind of facet: a detail of a call that is not part of the cluster's identity, such as the caller or the region.
///
/// [`FacetKind::name`] returns the stable name of a kind, such as `source_ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum FacetKind {
    /// The stable name of the caller, such as an ARN without the session name; `unknown` if the record has no name.
    Principal,
    /// The type of the caller, such as `user`, `role` or `service`.
    PrincipalKind,
    /// The account id of the caller, or of the delegate that calls with the caller's permissions. It may differ from the
    /// account of the trail.
    CallerAccount,
    /// The region of the call, as in `awsRegion`.
    Region,
    /// The kind of program that made the call, such as `console`, `cli` or `aws-service`, or the service that called on
    /// behalf of the caller, such as `via athena`.
    Origin,
    /// The policy layer that refused the call, and whether the deny was explicit or implicit.
    Layer,
    /// The ARN of the policy that refused the call, if the message of the refusal names it.
    Policy,
    /// Whether a refusal contains an encoded message: `whole` if it can be decoded, `cut` if it is truncated.
    Encoded,
    /// The network of the caller: an IPv4 /24, an IPv6 /48, the name of an AWS service, or `other`.
    Network,
    /// The caller's IP address, or the name of an AWS service, as in `sourceIPAddress`.
    SourceIp,
    /// The id of the access key that signed the request.
    AccessKey,
    /// The session name of a role, the name of a federated user, or the subject of a web identity.
    Session,
    /// The id of the EC2 instance that made the call, if the role session has the name of an instance.
    Instance,
    /// The target of the call, such as an ARN or a name; all objects of a bucket count as one resource.
    Resource,
    /// The missing IAM action that the refusal names, else the IAM action that the called API needs, if it is known.
    IamAction,
    /// The error code in the service's own spelling.
    ErrorCode,
    /// The program name and version from the user agent: its text before the first space.
    UserAgent,
    /// The id of the VPC endpoint that the call came through.
    VpcEndpoint,
    /// Whether the call reads or writes: `read` or `write`.
    Access,
    /// Whether a sign-in asked for multi-factor authentication: `yes` or `no`.
    Mfa,
    /// The name of the user's rule that matched the record.
    Rule,
    /// The severity that the matching rule sets.
    RuledSeverity,
}

impl FacetKind {
    /// All kinds, in the order in which they are displayed.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the kind in snake case, such as `source_ip`.
    ///
    /// The name is also the column name in the SQLite store, and never changes.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Returns the AWS service that called on behalf of the caller, such as `cloudformation.amazonaws.com`.
///
/// It follows from the origin of the call and its source addresses ([`FacetKind::Origin`], [`FacetKind::SourceIp`]). `None` if
/// the caller or a service itself called.
pub fn service_between<'f>(
    origin: &'f str,
    mut sources: impl Iterator<Item = &'f str>,
) -> Option<&'f str> {
    const IAC: &str = "iac";
    let name = match origin {
        IAC => "cloudformation",
        of => of.strip_prefix("via ")?,
    };
    let host = sources.find(|source| service_of_host(source) == Some(name));
    // Without its host, infrastructure code is another tool, such as Terraform.
    host.or((origin != IAC).then_some(name))
}

/// The facets of one event: at most one sanitized value of each kind.
///
/// There are as many instances as there are combinations of values, so all values share one string to save memory.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Facets {
    /// The end of each kind's value in the text, in bytes; a value begins at the end of the value before it.
    ends: [u16; FacetKind::ALL.len()],
    text: String,
}

/// The maximum length of a value in characters. ARNs are shorter, except those with long S3 keys.
const VALUE_CHARS_MAX: usize = 256;

// All ends fit into 16 bits, even if every value has the maximum length in characters of four bytes.
const _: () = assert!(FacetKind::ALL.len() * VALUE_CHARS_MAX * 4 <= u16::MAX as usize);

/// The usual length of all values together, with some reserve, in bytes.
const TEXT_BYTES: usize = 320;

impl Facets {
    /// Extracts the facets of a record.
    ///
    /// `understanding` must be the result of [`identify`](crate::fingerprint::identify) for the same record.
    pub fn of(record: &Record<'_>, understanding: &ParsedFailure<'_>) -> Self {
        let mut facets = Self::default();
        facets.text.reserve(TEXT_BYTES);
        // In the order of the kinds, so that each value is appended.
        let caller = principal(record);
        let address = record.source_ip_address.as_deref();
        facets.set(FacetKind::Principal, Some(&caller.name));
        facets.put(FacetKind::PrincipalKind, &[caller.kind.name()]);
        facets.put(
            FacetKind::CallerAccount,
            &[caller.account_id.unwrap_or_default()],
        );
        facets.set(FacetKind::Region, record.aws_region.as_deref());
        facets.put(FacetKind::Origin, &[&origin(record).name()]);
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
        let access = if only_reads(record) { "read" } else { "write" };
        facets.put(FacetKind::Access, &[access]);
        facets.put(FacetKind::Mfa, &[mfa_used(record).unwrap_or_default()]);
        facets
    }

    /// Returns the event's value of a kind of facet; `None` if the event has no value of this kind.
    pub fn get(&self, kind: FacetKind) -> Option<&str> {
        let (start, end) = self.bounds(kind);
        (start < end).then(|| &self.text[start..end])
    }

    /// Sets the value of a kind, or removes it if `value` is `None` or empty.
    ///
    /// The text is sanitized here, and cut to at most 256 characters.
    pub fn set(&mut self, kind: FacetKind, value: Option<&str>) {
        let value = value.map(|value| clean(value, VALUE_CHARS_MAX));
        self.set_sanitized(kind, &value.unwrap_or_default());
    }

    /// Sets the value of a kind to the value of other facets, which is sanitized already.
    pub(crate) fn set_sanitized(&mut self, kind: FacetKind, value: &str) {
        if self.text.capacity() == 0 {
            self.text.reserve(TEXT_BYTES);
        }
        self.put(kind, &[value]);
    }

    /// Sets the value of a kind to the concatenation of parts, which must be sanitized and short.
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

    /// Returns the same facets without spare memory; for facets that stay in memory for long.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.text.shrink_to_fit();
        self
    }

    /// Returns the length of all values together, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns each kind that has a value, with the value, in the order of [`FacetKind::ALL`].
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

    /// Sets the layer with its stance, the refusing policy, and whether the refusal contains an encoded message.
    fn put_refusal(&mut self, understanding: &ParsedFailure<'_>) {
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
        if denial.policy.is_some() {
            self.set(FacetKind::Policy, denial.policy);
        }
        if denial.encoded {
            let length = if denial.decodable { "whole" } else { "cut" };
            self.put(FacetKind::Encoded, &[length]);
        }
    }

    /// Sets the IAM action: from the refusal, else that of the called API; none if no action is known.
    fn put_iam_action(&mut self, record: &Record<'_>, understanding: &ParsedFailure<'_>) {
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
        if let Some((prefix, name)) = action_of_call(service, event) {
            self.put(FacetKind::IamAction, &[prefix, ":", name]);
        }
    }
}

/// Compares the values kind by kind; a missing value comes before any value.
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

fn resource<'r>(record: &Record<'r>, understanding: &ParsedFailure<'r>) -> Option<Text<'r>> {
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
    let resource = refused.map(Cow::Borrowed).or_else(named).or_else(|| {
        let Identity {
            service, action, ..
        } = &understanding.identity;
        requested_resource(service, action, record.request_parameters?)
    })?;
    Some(whole_bucket(resource))
}

/// Replaces the key of an S3 object by `*`. Keys are numerous, and may contain any text.
fn whole_bucket(resource: Text<'_>) -> Text<'_> {
    // Searching first is cheaper than splitting: few resources are buckets.
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

/// Returns the program's name and version: the text before the first space, without square brackets around it and
/// without the comma or semicolon of a list.
fn program(user_agent: &str) -> &str {
    let agent = user_agent.trim_start_matches('[');
    let end = agent.bytes().position(|b| b == b' ' || b == b']');
    agent[..end.unwrap_or(agent.len())].trim_end_matches([',', ';'])
}

/// Prefixes of the names of reading APIs, for records without `readOnly`.
const READING: [&str; 13] = [
    "Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "Query", "Scan", "Select",
    "View", "Check", "Test",
];

/// Checks whether the call of a record only reads. Without `readOnly` the name of the API decides.
pub fn only_reads(record: &Record<'_>) -> bool {
    record.read_only.unwrap_or_else(|| {
        let name = record.event_name.as_deref().unwrap_or_default();
        READING.iter().any(|head| name.starts_with(head))
    })
}

/// The factors of MFA among the credentials that IAM Identity Center asks for, in `CredentialType`.
///
/// `EMAIL_OTP` is none: it takes the place of the password at the first sign-in. Source: IAM Identity Center User
/// Guide, "Understanding IAM Identity Center sign-in events" and "Username in sign-in CloudTrail events", 2026-11-29.
const MFA_FACTORS: [&str; 3] = ["TOTP", "RESYNC_TOTP", "WEBAUTHN"];

/// Returns `yes` or `no` if the record says whether multi-factor authentication was asked for.
fn mfa_used(record: &Record<'_>) -> Option<&'static str> {
    let data = record.additional_event_data?;
    // Most records have other data here. The keys can have another spelling only with escapes.
    let text = data.as_str();
    if !text.contains('\\') && !text.contains("MFAUsed") && !text.contains("CredentialType") {
        return None;
    }
    let used = match data.at(&["MFAUsed"]) {
        Some(used) => used.boolean()?,
        None => {
            // `UserAuthentication` lists all credentials, separated by commas.
            let types = data.text_at(&["CredentialType"])?;
            types.split(',').any(|of| MFA_FACTORS.contains(&of.trim()))
        }
    };
    Some(if used { "yes" } else { "no" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_before_the_comma_of_a_list() {
        for (agent, wanted) in [
            ("[S3Console/0.4, aws-internal/3]", "S3Console/0.4"),
            ("Boto3/1.34 md/Botocore", "Boto3/1.34"),
            ("[x]", "x"),
        ] {
            assert_eq!(program(agent), wanted);
        }
    }

    #[test]
    fn multi_factor_authentication_is_seen_at_the_console_and_at_identity_center() {
        for (data, wanted) in [
            (r#"{"MFAUsed":"Yes"}"#, Some("yes")),
            (r#"{"MFAUsed":true}"#, Some("yes")),
            (r#"{"MFAUsed":false}"#, Some("no")),
            (r#"{"CredentialType":"TOTP"}"#, Some("yes")),
            (r#"{"CredentialType":"RESYNC_TOTP"}"#, Some("yes")),
            (r#"{"CredentialType":"WEBAUTHN"}"#, Some("yes")),
            (r#"{"CredentialType":"PASSWORD,TOTP"}"#, Some("yes")),
            (r#"{"CredentialType":"PASSWORD"}"#, Some("no")),
            (r#"{"CredentialType":"EMAIL_OTP"}"#, Some("no")),
            (r#"{"CredentialType":"EXTERNAL_IDP"}"#, Some("no")),
            (r#"{"AuthWorkflowID":"w"}"#, None),
        ] {
            let record = format!(r#"{{"additionalEventData":{data}}}"#);
            let record = Record::parse(&record).unwrap();
            assert_eq!(mfa_used(&record), wanted, "{data}");
        }
    }
}
