//! The identity of a cluster: what makes two failures one fact, as a versioned fingerprint that
//! keeps the components it was made from.
//!
//! | version | since | what it is |
//! |---|---|---|
//! | `fp1` | 0.1.0 | partition, account, service, action, class, code, cause, template |
//!
//! Who called, from where, in which region and refused by which layer are no part of it: those are
//! facets, remembered under the cluster, so that a known failure with a new caller is told as just
//! that. The code is canonical, because services switch between `AccessDenied`,
//! `AccessDeniedException` and `Client.UnauthorizedOperation` for one and the same refusal. The
//! template counts only where the code says too little: in the classes `invalid` and `other`, in
//! sign-ins, and in a refusal that is neither an authorization sentence nor a generic one, such as
//! a feature that was never activated.
//!
//! Identities are byte-stable: a change to anything that feeds them, the class table and the
//! masking included, is a new version, and `tests/it/identity.rs` fails until it is made one.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use records::denial::{self, Denial, Form};
use records::message;
use records::principal;
use records::{Record, Wrapper};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::class::{Class, stem};

/// The version of the identity; hashed first, so that versions never collide.
pub const VERSION: &str = "fp1";

/// The fingerprint of a cluster: 128 bits of SHA-256, printed as 26 characters of base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId([u8; 16]);

/// What a cluster's fingerprint is made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc` and so on.
    pub partition: String,
    /// The account that got the event, twelve digits, or `unknown`.
    pub account_id: String,
    /// The service that was called: `s3` of `s3.amazonaws.com`.
    pub service: String,
    /// The API that was called, without the version some services write into its name.
    pub action: String,
    /// The class of the failure.
    pub class: Class,
    /// The canonical code; empty for a watched success.
    pub code: String,
    /// What else sets the failure apart: an IAM action of another service, or the kind of user of
    /// a sign-in.
    pub cause: Option<String>,
    /// The masked message, where the class makes it meaningful.
    pub template: Option<String>,
    /// What a rule adds, so that its clusters are apart; hashed only where there is one.
    pub addition: Option<String>,
}

/// What lists show of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSubject {
    /// The account that it happens in.
    pub account_id: String,
    /// The service, as in the identity.
    pub service: String,
    /// The call.
    pub action: String,
    /// The error.
    pub code: String,
    /// The class.
    pub class: Class,
}

impl From<&Identity> for ClusterSubject {
    fn from(identity: &Identity) -> Self {
        Self {
            account_id: identity.account_id.clone(),
            service: identity.service.clone(),
            action: identity.action.clone(),
            code: identity.code.clone(),
            class: identity.class,
        }
    }
}

/// A failure understood: its identity, and what its text says.
#[derive(Debug, Clone)]
pub struct Understanding<'a> {
    /// Which cluster it belongs to.
    pub identity: Identity,
    /// The masked message, also where it is not part of the identity.
    pub template: String,
    /// The refusal, for the classes that refuse.
    pub denial: Option<Denial<'a>>,
}

/// Returns the identity of a selected record, with the facts that its message and error code give.
pub fn understand<'a>(
    record: &'a Record<'_>,
    wrapper: &Wrapper,
    class: Class,
) -> Understanding<'a> {
    let refused = matches!(class, Class::Denied | Class::Vpce);
    let denial = refused.then(|| denial::parse(record.error_message.as_deref()));
    let counts = template_counts(class, denial.as_ref());
    let template = masked(record);
    let service = record.service();
    let identity = Identity {
        partition: partition(record).to_owned(),
        account_id: account_id(record, wrapper),
        service: bounded(service),
        action: bounded(unversioned(
            record.event_name.as_deref().unwrap_or_default(),
        )),
        class,
        code: bounded(&canonical_code(class, record.error_code.as_deref())),
        cause: cause(record, service, class, denial.as_ref()).map(|cause| bounded(&cause)),
        template: counts.then(|| template.clone()),
        addition: None,
    };
    Understanding {
        identity,
        template,
        denial,
    }
}

/// How long a name in an identity is at most, in bytes. No service, API or code of AWS is half as long;
/// what is cut is made up, and would else fill an item of a store.
pub const NAME_BYTES_MAX: usize = 512;

fn bounded(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}

fn masked(record: &Record<'_>) -> String {
    let Some(text) = record.error_message.as_deref() else {
        return String::new();
    };
    let values = match record.request_parameters {
        Some(request) => request.strings(message::REQUEST_VALUES_MAX),
        None => Vec::new(),
    };
    message::template(text, &values)
}

/// Tells whether the message is part of the identity: where the code alone says too little.
fn template_counts(class: Class, denial: Option<&Denial<'_>>) -> bool {
    match class {
        Class::Invalid | Class::Other | Class::Signin => true,
        Class::Denied => denial.is_some_and(|denial| denial.form == Form::Specific),
        _ => false,
    }
}

fn canonical_code(class: Class, code: Option<&str>) -> String {
    match (class, code.map(stem)) {
        (Class::Watch, _) => String::new(),
        (Class::Signin, _) => "Failure".to_owned(),
        // Not signed up for the service is another fact than not allowed to use it.
        (Class::Denied, Some(code @ ("OptInRequired" | "SubscriptionRequired"))) => code.to_owned(),
        (Class::Denied, _) => "Denied".to_owned(),
        (Class::Throttle, _) => "Throttled".to_owned(),
        (_, Some(code)) => code.to_owned(),
        (_, None) => "NoCode".to_owned(),
    }
}

fn cause(
    record: &Record<'_>,
    service: &str,
    class: Class,
    denial: Option<&Denial<'_>>,
) -> Option<String> {
    if class == Class::Signin {
        let kind = record
            .user_identity
            .as_ref()
            .and_then(|user| user.kind.as_deref());
        return Some(kind.unwrap_or("Unknown").to_owned());
    }
    let action = denial?.action?;
    let (prefix, name) = action.split_once(':')?;
    let prefix = prefix.to_ascii_lowercase();
    let foreign = !is_own_prefix(service, &prefix);
    foreign.then(|| format!("{prefix}:{name}"))
}

/// Services whose IAM prefix is not the first label of their event source.
///
/// Source: AWS Service Authorization Reference, compared with each service's CloudTrail page.
const PREFIXES: [(&str, &[&str]); 34] = [
    ("monitoring", &["cloudwatch"]),
    ("email", &["ses"]),
    ("tagging", &["tag"]),
    ("resource-groups", &["resource-groups", "tag"]),
    ("cognito-idp", &["cognito-identity"]),
    ("streams.dynamodb", &["dynamodb"]),
    ("dynamodb", &["dax"]),
    ("models.lex", &["lex"]),
    ("runtime.lex", &["lex"]),
    ("runtime.sagemaker", &["sagemaker"]),
    ("elasticmapreduce", &["emr"]),
    ("states", &["stepfunctions"]),
    ("s3express", &["s3"]),
    ("s3-outposts", &["s3"]),
    ("s3", &["s3express", "s3-outposts", "s3-object-lambda"]),
    ("ssmmessages", &["ssm"]),
    ("ec2messages", &["ssm", "ec2"]),
    ("aws-marketplace", &["marketplace"]),
    ("entitlement.marketplace", &["aws-marketplace"]),
    ("metering-marketplace", &["aws-marketplace"]),
    ("billingconsole", &["aws-portal", "billing"]),
    ("billing", &["aws-portal"]),
    ("ce", &["aws-portal"]),
    ("sso", &["sso-directory", "identitystore"]),
    ("sso-directory", &["sso", "identitystore"]),
    ("iotdata", &["iot"]),
    ("data.iot", &["iot"]),
    ("bedrock", &["bedrock-runtime", "bedrock-agent"]),
    ("amazonmq", &["mq"]),
    ("cloudcontrolapi", &["cloudformation"]),
    ("pinpoint", &["mobiletargeting"]),
    ("rdsdataapi", &["rds-data"]),
    ("servicecatalog-appregistry", &["servicecatalog"]),
    ("transcribestreaming", &["transcribe"]),
];

fn is_own_prefix(service: &str, prefix: &str) -> bool {
    if service == prefix {
        return true;
    }
    // Hyphens come and go: the source `rdsdata`, the prefix `rds-data`.
    let letters = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let plain = letters(prefix);
    let own = |name: &str| letters(name) == plain;
    own(service)
        || service.rsplit('.').next().is_some_and(own)
        || PREFIXES.iter().any(|(name, prefixes)| {
            name.eq_ignore_ascii_case(service) && prefixes.contains(&prefix)
        })
}

/// Returns an event name without the API version that Lambda, `CloudFront` and others append:
/// `CreateFunction20150331`, `UpdateFunctionCode20150331v2`, `CreateDistribution2020_05_31`.
pub fn unversioned(event_name: &str) -> &str {
    if !event_name.ends_with(|last: char| last.is_ascii_digit()) {
        return event_name;
    }
    let name = match event_name.rsplit_once('v') {
        Some((name, version)) if is_digits(version, 1..=2) => name,
        _ => event_name,
    };
    let mut kept = name;
    for digits in [2, 2, 4] {
        let Some(at) = kept.len().checked_sub(digits) else {
            return event_name;
        };
        if !kept.is_char_boundary(at) || !is_digits(&kept[at..], digits..=digits) {
            return event_name;
        }
        if digits == 4 && !kept[at..].starts_with("20") {
            return event_name;
        }
        kept = kept[..at].trim_end_matches('_');
    }
    if kept.is_empty() { event_name } else { kept }
}

fn is_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn partition(record: &Record<'_>) -> &'static str {
    let region = record.aws_region.as_deref().unwrap_or_default();
    if !region.is_empty() {
        return principal::partition(region);
    }
    let user = record.user_identity.as_ref();
    let arn = user.and_then(|user| user.arn.as_deref());
    principal::partition_of_arn(arn.unwrap_or_default())
}

/// Returns the account that a record belongs to, `unknown` where nothing names one.
fn account_id(record: &Record<'_>, wrapper: &Wrapper) -> String {
    let user = record.user_identity.as_ref();
    [
        record.recipient_account_id.as_deref(),
        user.and_then(|user| user.account_id.as_deref()),
        wrapper.account_id.as_deref(),
    ]
    .into_iter()
    .flatten()
    .find(|account| is_digits(account, 12..=12))
    .unwrap_or("unknown")
    .to_owned()
}

impl Identity {
    /// Returns the fingerprint.
    pub fn cluster_id(&self) -> ClusterId {
        let mut encoded = Vec::new();
        self.encode(&mut encoded);
        ClusterId::hash(&encoded)
    }

    /// Writes each component with its length before it, so that no two lists of components share
    /// an encoding.
    fn encode(&self, encoded: &mut Vec<u8>) {
        let components = [
            Some(VERSION),
            Some(&self.partition),
            Some(&self.account_id),
            Some(&self.service),
            Some(&self.action),
            Some(self.class.name()),
            Some(&self.code),
            self.cause.as_deref(),
            self.template.as_deref(),
        ];
        let addition = self.addition.as_deref().map(Some);
        for component in components.into_iter().chain(addition) {
            // No text is as long as u32::MAX, which says "absent".
            let length = component.map_or(u32::MAX, |text| text.len() as u32);
            encoded.extend_from_slice(&length.to_be_bytes());
            encoded.extend_from_slice(component.unwrap_or_default().as_bytes());
        }
    }

    /// Returns the event source as CloudTrail spells it.
    pub fn event_source(&self) -> String {
        if self.service.is_empty() || self.service.contains(".amazon") {
            self.service.clone()
        } else {
            format!("{}.amazonaws.com", self.service)
        }
    }
}

impl ClusterId {
    /// Takes the first 128 bits of a hash.
    fn hash(encoded: &[u8]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(encoded)[..16]);
        Self(id)
    }

    /// Takes the sixteen bytes as a store keeps them.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the sixteen bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the printed form.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl TryFrom<String> for ClusterId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a cluster's id has 26 letters and digits")
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_leave_event_names_and_nothing_else_does() {
        for (name, wanted) in [
            ("CreateFunction20150331", "CreateFunction"),
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
            ("CreateDistribution2020_05_31", "CreateDistribution"),
            ("CreateFunction2020_05_31v2", "CreateFunction"),
            ("ListBuckets", "ListBuckets"),
            ("GetObjectv2", "GetObjectv2"),
            ("20150331", "20150331"),
            ("Löschen20150331", "Löschen"),
            ("", ""),
        ] {
            assert_eq!(unversioned(name), wanted);
        }
    }

    #[test]
    fn the_prefix_of_a_service_is_its_own_in_each_spelling() {
        for (service, prefix, own) in [
            ("rdsdata", "rds-data", true),
            ("rdsdataapi", "rds-data", true),
            ("amazonmq", "mq", true),
            ("runtime.sagemaker", "sagemaker", true),
            ("athena", "glue", false),
            ("s3", "kms", false),
        ] {
            assert_eq!(is_own_prefix(service, prefix), own, "{service} {prefix}");
        }
    }

    #[test]
    fn components_never_run_into_each_other() {
        let identity = |service: &str, action: &str, template: Option<&str>| Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            class: Class::Other,
            code: "X".to_owned(),
            cause: None,
            template: template.map(str::to_owned),
            addition: None,
        };
        let ids = [
            identity("ab", "c", None),
            identity("a", "bc", None),
            identity("a", "bc", Some("")),
        ]
        .map(|identity| identity.cluster_id());
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!(ids[0].to_string().len(), 26);
        assert_eq!(ClusterId::parse(&ids[0].to_string()), Some(ids[0]));
    }
}
