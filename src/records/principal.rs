//! Who called, as one stable name: a role stays the same role however many sessions it has, and
//! two people behind one single-sign-on role stay two.
//!
//! Sessions, instances, networks and access keys are told apart from the name here, because they
//! change by the hour while it must not. Every record gets a name; the caller of one that says
//! nothing is called `unknown`.
//!
//! Sources: AWS CloudTrail User Guide, "CloudTrail userIdentity element"; IAM User Guide, "IAM
//! identifiers" for ARNs and the prefixes of unique ids.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use memchr::memchr_iter;

use crate::key_id::is_key_id;
use crate::redact::{clean, sanitize};
use crate::{Record, Text, UserIdentity};

/// The caller of a record, with what changes from call to call split off its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal<'r> {
    /// What sort of identity called.
    pub kind: PrincipalKind,
    /// The stable name, unique within an account and free of control characters.
    pub name: Text<'r>,
    /// The session of a role, the name of a federated user, the full subject of a web identity.
    pub session: Option<Text<'r>>,
    /// The EC2 instance whose role this is, told by the session's name.
    pub instance: Option<&'r str>,
    /// The account the caller belongs to, only if it is twelve digits.
    pub account_id: Option<&'r str>,
}

/// What sort of identity called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user, or somebody who tried to sign in as one.
    User,
    /// A role, whoever assumed it.
    Role,
    /// A user of `GetFederationToken`.
    FederatedUser,
    /// A user of a SAML provider, before a role was assumed.
    Saml,
    /// A subject of an OIDC provider, before a role was assumed.
    WebIdentity,
    /// A user of IAM Identity Center.
    IdentityCenter,
    /// Another AWS account.
    Account,
    /// An AWS service on its own behalf.
    Service,
    /// A user of a directory service.
    Directory,
    /// A request without credentials.
    Anonymous,
    /// The record does not say.
    Unknown,
}

/// What the name of a session tells about who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// An EC2 or hybrid instance.
    Instance,
    /// An e-mail address, so very likely a person.
    Person,
    /// Made up by a program at every start: an SDK's session, a task, a pod.
    Generated,
    /// Anything else: a function's name, a pipeline's name, a name somebody chose.
    Named,
}

/// What CloudTrail writes as the account and the caller of a request without credentials.
pub(crate) const ANONYMOUS: &str = "ANONYMOUS_PRINCIPAL";
/// What AWS writes instead of a name typed at sign-in that is no user: it may be a password.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// What CloudTrail writes where a nameless part of AWS called.
pub(crate) const AWS_INTERNAL: &str = "AWS Internal";
/// Longer than any role ARN with its path and a session: only made-up text is ever cut.
const NAME_CHARS: usize = 1024;
/// Longer than any session name (64) and most subjects of OIDC providers.
const PART_CHARS: usize = 256;

impl PrincipalKind {
    /// Returns the stable short name used in facets and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl SessionKind {
    /// Tells what a session name hints at; it is chosen by the caller, so never more than a hint.
    pub fn of(session: &str) -> Self {
        if is_instance_id(session) {
            Self::Instance
        } else if session.contains('@') {
            Self::Person
        } else if is_generated(session) {
            Self::Generated
        } else {
            Self::Named
        }
    }
}

/// Returns who called.
pub fn principal<'r>(record: &'r Record<'_>) -> Principal<'r> {
    let identity = record.user_identity.as_ref().unwrap_or_else(|| &NOBODY);
    let called = call(record, identity);
    let instance = called.session.filter(|session| is_instance_id(session));
    let session = called.session.filter(|_| instance.is_none());
    let name = match called.name {
        Cow::Borrowed(name) => clean(name, NAME_CHARS),
        Cow::Owned(name) => sanitize(&name, NAME_CHARS).into(),
    };
    Principal {
        kind: called.kind,
        name: non_empty(name).unwrap_or(Cow::Borrowed("unknown")),
        session: session.and_then(|session| non_empty(clean(session, PART_CHARS))),
        instance,
        account_id: account_id(identity),
    }
}

/// Returns the network of an address: IPv4 by /24, IPv6 by /48, AWS by name, the rest `other`.
pub fn network(source_ip_address: &str) -> String {
    let source = source_ip_address.trim();
    if let Some(name) = service_name(source) {
        return name.to_ascii_lowercase();
    }
    // The parser takes no address of version 4 in another form than it would print.
    if let (Ok(_), Some((network, _))) = (source.parse::<Ipv4Addr>(), source.rsplit_once('.')) {
        return [network, ".0/24"].concat();
    }
    match source
        .parse::<IpAddr>()
        .map(|address| address.to_canonical())
    {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        Err(_) if source == AWS_INTERNAL => AWS_INTERNAL.to_owned(),
        Err(_) => "other".to_owned(),
    }
}

/// Returns the access key that signed the request, if the record holds one that looks like a key.
///
/// Source: IAM API Reference, data type `AccessKey`: 16 to 128 characters.
pub fn access_key<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let key = said(&record.user_identity.as_ref()?.access_key_id)?;
    is_key_id(key).then_some(key)
}

/// Returns the DNS name of an AWS service, which CloudTrail writes where a service called.
pub(crate) fn service_name(text: &str) -> Option<&str> {
    let host = text
        .strip_suffix(".cn")
        .unwrap_or(text)
        .strip_suffix(".amazonaws.com")?;
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    (!host.is_empty() && text.len() <= 128 && host.bytes().all(is_host)).then_some(text)
}

/// Tells whether an ARN names a role that only AWS can create for, and hand to, its own services.
///
/// Source: IAM User Guide, "Using service-linked roles"; the session's ARN lacks the role's path.
pub(crate) fn is_service_linked(arn: &str) -> bool {
    arn.contains(":role/aws-service-role/") || arn.contains(":assumed-role/AWSServiceRoleFor")
}

/// The identity of a record that has none.
static NOBODY: LazyLock<UserIdentity<'static>> = LazyLock::new(UserIdentity::default);

/// A caller before its name is cleaned.
struct Called<'r> {
    kind: PrincipalKind,
    name: Text<'r>,
    session: Option<&'r str>,
}

impl<'r> Called<'r> {
    fn new(kind: PrincipalKind, name: impl Into<Text<'r>>) -> Self {
        let name = name.into();
        let session = None;
        Self {
            kind,
            name,
            session,
        }
    }

    fn with_session(self, session: Option<&'r str>) -> Self {
        Self { session, ..self }
    }
}

fn call<'r>(record: &'r Record<'_>, identity: &'r UserIdentity<'_>) -> Called<'r> {
    let is_anonymous = |field| said(field).is_some_and(|id| id.eq_ignore_ascii_case(ANONYMOUS));
    if is_anonymous(&identity.account_id) || is_anonymous(&identity.principal_id) {
        return Called::new(PrincipalKind::Anonymous, "anonymous");
    }
    let kind = said(&identity.kind).unwrap_or_default();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    match () {
        () if is("Root") => root(record, identity),
        () if is("IAMUser") => user(identity),
        () if is("AssumedRole") || is("Role") => role(identity),
        () if is("FederatedUser") => federated_user(identity),
        () if is("SAMLUser") => provider_user(identity, PrincipalKind::Saml),
        () if is("WebIdentityUser") => provider_user(identity, PrincipalKind::WebIdentity),
        () if is("IdentityCenterUser") => identity_center_user(identity),
        () if is("AWSAccount") => account(identity),
        () if is("AWSService") => service(record, identity),
        () if is("Directory") => directory(identity),
        () => inferred(record, identity),
    }
}

/// Root has no name beside its account, so a missing ARN is put together from what is known.
fn root<'r>(record: &Record<'_>, identity: &'r UserIdentity<'_>) -> Called<'r> {
    let name = match (arn(&identity.arn), account_id(identity)) {
        (Some(arn), _) if arn.ends_with(":root") => Cow::Borrowed(arn),
        (_, Some(account)) => {
            let region = said(&record.aws_region).unwrap_or_default();
            format!("arn:{}:iam::{account}:root", partition(region)).into()
        }
        (Some(arn), None) => Cow::Borrowed(arn),
        (None, None) => Cow::Borrowed("root"),
    };
    Called::new(PrincipalKind::Root, name)
}

/// Some services write a role's session under the type of a user: the ARN knows better.
fn user<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let name = said(&identity.user_name);
    match arn(&identity.arn).filter(|arn| !arn.contains(HIDDEN)) {
        Some(arn) if assumed_role(arn).is_some() => role(identity),
        Some(arn) => Called::new(PrincipalKind::User, arn),
        None if name == Some(HIDDEN) => Called::new(PrincipalKind::User, "unknown-user"),
        None => Called::new(
            PrincipalKind::User,
            match (name, said(&identity.principal_id)) {
                (Some(name), _) => Cow::Owned(format!("user/{}", sanitize(name, PART_CHARS))),
                (None, Some(id)) => Cow::Borrowed(id),
                (None, None) => Cow::Borrowed("unknown-user"),
            },
        ),
    }
}

fn role<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let (id, id_session) = split_id(identity);
    let own = arn(&identity.arn);
    let assumed = own.and_then(assumed_role);
    let session = assumed.as_ref().map_or(id_session, |role| role.session);
    let mut name = arn(&identity.issuer_arn)
        .map(Cow::Borrowed)
        .or_else(|| assumed.map(|role| Cow::Owned(role.arn())))
        .or_else(|| own.map(Cow::Borrowed))
        .or_else(|| said(&identity.issuer_user_name).map(|name| format!("role/{name}").into()))
        .or_else(|| id.map(Cow::Borrowed))
        .unwrap_or(Cow::Borrowed("unknown-role"));
    // Where an administrator demands a source identity, that is the person; the session's name
    // may then be anything. IAM Identity Center puts the person into the session's name.
    let person =
        said(&identity.source_identity).or_else(|| session.filter(|_| is_single_sign_on(&name)));
    if let Some(person) = person {
        name = [&name, " as ", person].concat().into();
    }
    Called::new(PrincipalKind::Role, name).with_session(session)
}

/// Source: IAM Identity Center User Guide, "Referencing permission sets in resource policies".
fn is_single_sign_on(role: &str) -> bool {
    // A search for what is longer than 32 bytes is slow, so part of it is looked for first.
    role.contains("/AWSReservedSSO_")
        || (role.contains("/sso.amazonaws.com/")
            && role.contains(":role/aws-reserved/sso.amazonaws.com/"))
}

fn federated_user<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let own = arn(&identity.arn);
    let named = own.and_then(|arn| arn.split_once(":federated-user/"));
    let (id, id_name) = split_id(identity);
    let federated = named.map(|(_, name)| name).or(id_name);
    let name = match (arn(&identity.issuer_arn), federated, own.or(id)) {
        (Some(issuer), Some(name), _) => format!("{issuer} as {name}"),
        (None, _, Some(own)) => own.to_owned(),
        (Some(own), None, _) => own.to_owned(),
        (None, _, None) => "unknown-federated-user".to_owned(),
    };
    Called::new(PrincipalKind::FederatedUser, name).with_session(federated)
}

/// Names a caller by provider and subject, as STS writes them before a role is assumed.
fn provider_user<'r>(identity: &'r UserIdentity<'_>, kind: PrincipalKind) -> Called<'r> {
    let provider = said(&identity.identity_provider).unwrap_or(kind.name());
    let subject = said(&identity.user_name).filter(|name| *name != HIDDEN);
    let name = match subject {
        Some(subject) if kind == PrincipalKind::WebIdentity => {
            format!("{provider} as {}", stable_subject(provider, subject))
        }
        Some(subject) => format!("{provider} as {subject}"),
        None => provider.to_owned(),
    };
    Called::new(kind, name).with_session(subject)
}

/// Cuts from an OIDC subject what changes with every branch, run or end user.
///
/// A repository, project or workspace is the caller; its branches, tags and phases are not. The
/// end users of an app that signs in through Cognito are that app's business. Sources: GitHub
/// Docs, "`OpenID` Connect reference"; GitLab Docs, "`OpenID` Connect (OIDC)"; HCP
/// Terraform Docs, "Workload Identity Tokens"; Cognito Developer Guide, "IAM roles".
fn stable_subject(provider: &str, subject: &str) -> String {
    if provider.contains("cognito-identity.") {
        return "*".to_owned();
    }
    let after = |prefix: &str| {
        let rest = subject.strip_prefix(prefix)?;
        Some(prefix.len() + rest.find(':')?)
    };
    let end = after("repo:")
        .or_else(|| after("project_path:"))
        .or_else(|| subject.find(":run_phase:"));
    end.map_or_else(
        || subject.to_owned(),
        |end| format!("{}:*", &subject[..end]),
    )
}

fn identity_center_user<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let id = said(&identity.on_behalf_of_user_id)
        .or(said(&identity.principal_id))
        .unwrap_or("unknown-user");
    Called::new(
        PrincipalKind::IdentityCenter,
        format!("identity-center/{id}"),
    )
}

/// Another account shows only its id and the unique id of its user or role, not their names.
fn account<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let (id, session) = split_id(identity);
    let account = said(&identity.account_id);
    let name = match (account, id.filter(|id| Some(*id) != account)) {
        (Some(account), Some(id)) => format!("account/{account}/{id}"),
        (Some(account), None) => format!("account/{account}"),
        (None, Some(id)) => format!("account/unknown/{id}"),
        (None, None) => "account/unknown".to_owned(),
    };
    Called::new(PrincipalKind::Account, name).with_session(session)
}

fn service<'r>(record: &'r Record<'_>, identity: &'r UserIdentity<'_>) -> Called<'r> {
    let name = calling_service(record, identity).unwrap_or("aws-service");
    Called::new(PrincipalKind::Service, name)
}

fn calling_service<'r>(record: &'r Record<'_>, identity: &'r UserIdentity<'_>) -> Option<&'r str> {
    let is_service = |source: &&str| *source == AWS_INTERNAL || service_name(source).is_some();
    said(&identity.invoked_by).or(said(&record.source_ip_address).filter(is_service))
}

fn directory<'r>(identity: &'r UserIdentity<'_>) -> Called<'r> {
    let name = said(&identity.user_name)
        .filter(|name| *name != HIDDEN)
        .or(said(&identity.principal_id))
        .unwrap_or("unknown");
    Called::new(PrincipalKind::Directory, format!("directory/{name}"))
}

/// Reads a record whose type is absent, `Unknown` or nothing AWS documents.
fn inferred<'r>(record: &'r Record<'_>, identity: &'r UserIdentity<'_>) -> Called<'r> {
    if let Some(arn) = arn(&identity.arn).or(arn(&identity.issuer_arn)) {
        return match resource(arn) {
            "root" => root(record, identity),
            path if path.starts_with("user/") => user(identity),
            path if path.starts_with("assumed-role/") || path.starts_with("role/") => {
                role(identity)
            }
            path if path.starts_with("federated-user/") => federated_user(identity),
            _ => Called::new(PrincipalKind::Unknown, arn),
        };
    }
    if said(&identity.on_behalf_of_user_id).is_some() {
        return identity_center_user(identity);
    }
    match said(&identity.user_name) {
        Some(_) => user(identity),
        None if calling_service(record, identity).is_some() => service(record, identity),
        None => Called::new(PrincipalKind::Unknown, "unknown"),
    }
}

/// Splits `AROA…:session` into the unique id and the session.
fn split_id<'r>(identity: &'r UserIdentity<'_>) -> (Option<&'r str>, Option<&'r str>) {
    match said(&identity.principal_id) {
        None => (None, None),
        Some(whole) => match whole.split_once(':') {
            None => (Some(whole), None),
            Some((id, session)) => (
                Some(id).filter(|id| !id.is_empty()),
                Some(session).filter(|session| !session.is_empty()),
            ),
        },
    }
}

/// A role that was assumed, as the ARN of its session tells.
struct AssumedRole<'r> {
    partition: &'r str,
    account: &'r str,
    name: &'r str,
    session: Option<&'r str>,
}

impl AssumedRole<'_> {
    /// Returns the role's ARN; the session's lacks the role's path, so this one does too.
    fn arn(&self) -> String {
        let (partition, account) = (self.partition, self.account);
        ["arn:", partition, ":iam::", account, ":role/", self.name].concat()
    }
}

/// Reads `arn:aws:sts::A:assumed-role/Role/session`.
fn assumed_role(arn: &str) -> Option<AssumedRole<'_>> {
    let mut colons = memchr_iter(b':', arn.as_bytes());
    let (first, second, _) = (colons.next()?, colons.next()?, colons.next()?);
    let (fourth, fifth) = (colons.next()?, colons.next()?);
    let path = arn[fifth + 1..].strip_prefix("assumed-role/")?;
    let (name, session) = path.split_once('/').unwrap_or((path, ""));
    Some(AssumedRole {
        partition: &arn[first + 1..second],
        account: &arn[fourth + 1..fifth],
        name,
        session: (!session.is_empty()).then_some(session),
    })
}

fn account_id<'r>(identity: &'r UserIdentity<'_>) -> Option<&'r str> {
    let of_arn = |field| arn(field).and_then(|arn| arn.split(':').nth(4));
    said(&identity.account_id)
        .filter(|id| is_account_id(id))
        .or_else(|| of_arn(&identity.arn).filter(|id| is_account_id(id)))
        .or_else(|| of_arn(&identity.issuer_arn).filter(|id| is_account_id(id)))
}

/// Tells whether a text is an account id: twelve digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// How the regions of partitions begin; all others are of `aws`. Source: the AWS SDKs' `partitions.json`, November 2026.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
];

/// Returns the partition of a region.
pub fn partition(region: &str) -> &'static str {
    let mut partitions = PARTITIONS.iter();
    let found = partitions.find(|(start, _)| region.starts_with(start));
    found.map_or("aws", |(_, name)| name)
}

/// Returns the partition that an ARN names; `aws` for text that names none that is known.
pub fn partition_of_arn(arn: &str) -> &'static str {
    let named = arn.split(':').nth(1).unwrap_or_default();
    let found = PARTITIONS.iter().find(|(_, name)| *name == named);
    found.map_or("aws", |(_, name)| name)
}

/// Returns a field's text unless it is blank.
fn said<'r>(field: &'r Option<Text<'_>>) -> Option<&'r str> {
    let text = field.as_deref()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Returns a field that is an ARN: records exist where it is `-` or an example of the manual.
fn arn<'r>(field: &'r Option<Text<'_>>) -> Option<&'r str> {
    let is_arn = |text: &&str| {
        text.starts_with("arn:") && text.bytes().filter(|byte| *byte == b':').count() >= 5
    };
    said(field).filter(is_arn)
}

/// Returns the part of an ARN after its fifth colon.
fn resource(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or_default()
}

/// Source: EC2 User Guide, "Amazon EC2 resource IDs" (8 or 17 hex digits); Systems Manager writes
/// `mi-` for machines elsewhere.
fn is_instance_id(session: &str) -> bool {
    let id = session.strip_prefix("i-").or(session.strip_prefix("mi-"));
    id.is_some_and(|id| (8..=17).contains(&id.len()) && id.bytes().all(is_lower_hex))
}

/// Starts of the session names that SDKs and container platforms make up.
const GENERATED: [&str; 7] = [
    "botocore-session-",
    "aws-sdk-",
    "aws-go-sdk-",
    "AWSCLI-Session",
    "aws-cli-botocore",
    "eks-",
    "AssumeRoleProvider-",
];

fn is_generated(session: &str) -> bool {
    let is_serial = |b: u8| is_lower_hex(b) || b == b'-';
    GENERATED.iter().any(|start| session.starts_with(start))
        || (session.len() >= 9 && session.bytes().all(is_serial))
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

fn non_empty(text: Text<'_>) -> Option<Text<'_>> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key_id::KeyKind;

    /// Reads a made-up record with this `userIdentity`.
    fn called_by(identity: &str) -> Principal<'static> {
        let text = format!(r#"{{"eventName":"ListThings","userIdentity":{identity}}}"#);
        // What a caller borrows from must stay as long as the test.
        let record = Record::parse(Box::leak(text.into_boxed_str())).unwrap();
        principal(Box::leak(Box::new(record)))
    }

    fn assert_names(cases: &[(&str, PrincipalKind, &str)]) {
        for (identity, kind, name) in cases {
            let called = called_by(identity);
            assert_eq!((called.kind, &*called.name), (*kind, *name), "{identity}");
        }
    }

    #[test]
    fn each_partition_is_known_by_its_regions_and_by_its_arns() {
        for (region, name) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(partition(region), name);
            let arn = format!("arn:{name}:iam::111122223333:root");
            assert_eq!(partition_of_arn(&arn), name);
        }
        assert_eq!(partition_of_arn("no:arn"), "aws");
    }

    #[test]
    fn the_root_user_has_one_name_with_and_without_its_arn() {
        let root = "arn:aws:iam::111122223333:root";
        assert_names(&[
            (
                r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","userName":"my-alias"}"#,
                PrincipalKind::Root,
                root,
            ),
            (
                r#"{"type":"Root","accountId":"111122223333"}"#,
                PrincipalKind::Root,
                root,
            ),
            (
                r#"{"arn":"arn:aws:iam::111122223333:root"}"#,
                PrincipalKind::Root,
                root,
            ),
            (
                r#"{"type":"Root","accountId":"123"}"#,
                PrincipalKind::Root,
                "root",
            ),
        ]);
        let chinese = r#"{"awsRegion":"cn-north-1",
            "userIdentity":{"type":"Root","accountId":"111122223333"}}"#;
        let root = Record::parse(chinese).unwrap();
        let root = principal(&root);
        assert_eq!(root.name, "arn:aws-cn:iam::111122223333:root");
    }

    #[test]
    fn a_user_is_named_by_arn_then_name_then_id() {
        assert_names(&[
            (
                r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ops/mila",
                    "userName":"mila","principalId":"AIDA1"}"#,
                PrincipalKind::User,
                "arn:aws:iam::111122223333:user/ops/mila",
            ),
            (
                r#"{"type":"IAMUser","userName":"mila","principalId":"AIDA1","accessKeyId":""}"#,
                PrincipalKind::User,
                "user/mila",
            ),
            (
                r#"{"type":"IAMUser","principalId":"AIDA1"}"#,
                PrincipalKind::User,
                "AIDA1",
            ),
            (r#"{"type":"IAMUser"}"#, PrincipalKind::User, "unknown-user"),
        ]);
    }

    #[test]
    fn a_user_name_that_aws_hides_is_nobody_s_name() {
        for kind in [
            "IAMUser",
            "Unknown",
            "Directory",
            "SAMLUser",
            "WebIdentityUser",
            "",
        ] {
            let called = called_by(&format!(
                r#"{{"type":"{kind}","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}}"#
            ));
            assert!(!called.name.contains("HIDDEN"), "{kind}: {}", called.name);
            assert_eq!(called.session, None, "{kind}");
        }
        let hidden = r#"{"type":"IAMUser","userName":"HIDDEN_DUE_TO_SECURITY_REASONS",
            "accountId":"111122223333"}"#;
        assert_names(&[(hidden, PrincipalKind::User, "unknown-user")]);
    }

    #[test]
    fn a_role_is_its_issuer_and_without_one_is_cut_out_of_the_session() {
        assert_names(&[
            (
                r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/App/s1",
                    "sessionContext":{"sessionIssuer":{"type":"Role",
                    "arn":"arn:aws:iam::111122223333:role/team/App"}}}"#,
                PrincipalKind::Role,
                "arn:aws:iam::111122223333:role/team/App",
            ),
            (
                r#"{"type":"AssumedRole",
                    "arn":"arn:aws-cn:sts::111122223333:assumed-role/App/s1"}"#,
                PrincipalKind::Role,
                "arn:aws-cn:iam::111122223333:role/App",
            ),
            (
                r#"{"type":"IAMUser","arn":"arn:aws-us-gov:sts::111122223333:assumed-role/App/x"}"#,
                PrincipalKind::Role,
                "arn:aws-us-gov:iam::111122223333:role/App",
            ),
            (
                r#"{"type":"AssumedRole","arn":"-","principalId":"AROA1:s1",
                    "sessionContext":{"sessionIssuer":{"arn":"--"}}}"#,
                PrincipalKind::Role,
                "AROA1",
            ),
            (
                r#"{"type":"AssumedRole"}"#,
                PrincipalKind::Role,
                "unknown-role",
            ),
        ]);
        let called = called_by(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/App/s1"}"#,
        );
        assert_eq!(called.session.as_deref(), Some("s1"));
        assert_eq!(called.account_id, Some("111122223333"));
    }

    #[test]
    fn fifty_instances_of_a_role_are_one_principal() {
        let called = |number: usize| {
            called_by(&format!(
                r#"{{"type":"AssumedRole","accountId":"111122223333",
                "arn":"arn:aws:sts::111122223333:assumed-role/Web/i-0abcdef012345{number:04x}"}}"#
            ))
        };
        let mut instances: Vec<_> = (0..50).map(called).collect();
        instances.dedup_by_key(|called| called.instance);
        assert_eq!(instances.len(), 50);
        assert!(instances.iter().all(|called| called.session.is_none()));
        instances.dedup_by_key(|called| called.name.clone());
        assert_eq!(instances.len(), 1);
    }

    #[test]
    fn two_people_behind_one_single_sign_on_role_are_two_principals() {
        let path = "aws-reserved/sso.amazonaws.com/eu-west-1";
        let called = |person: &str| {
            called_by(&format!(
                r#"{{"type":"AssumedRole",
                "arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0a1b/{person}",
                "sessionContext":{{"sessionIssuer":{{
                "arn":"arn:aws:iam::111122223333:role/{path}/AWSReservedSSO_Dev_0a1b"}}}}}}"#
            ))
            .name
        };
        assert_ne!(called("mila@example.com"), called("omar@example.com"));
        let role = format!("arn:aws:iam::111122223333:role/{path}/AWSReservedSSO_Dev_0a1b");
        assert_eq!(
            called("mila@example.com"),
            format!("{role} as mila@example.com")
        );
    }

    #[test]
    fn a_source_identity_is_the_person_whatever_the_session_is_called() {
        let called = called_by(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/App/botocore-1",
                "sessionContext":{"sourceIdentity":"mila"}}"#,
        );
        assert_eq!(called.name, "arn:aws:iam::111122223333:role/App as mila");
        assert_eq!(called.session.as_deref(), Some("botocore-1"));
    }

    #[test]
    fn federated_callers_are_named_by_who_vouches_for_them() {
        let eks = "oidc.eks.eu-west-1.amazonaws.com/id/A1";
        let github = "token.actions.githubusercontent.com";
        let web = |provider: &str, subject: &str| {
            let identity = format!(
                r#"{{"type":"WebIdentityUser","identityProvider":"{provider}",
                "userName":"{subject}"}}"#
            );
            called_by(&identity).name
        };
        for (provider, subject, stable) in [
            (
                eks,
                "system:serviceaccount:shop:cart",
                "system:serviceaccount:shop:cart",
            ),
            (
                github,
                "repo:acme/shop:ref:refs/heads/x",
                "repo:acme/shop:*",
            ),
            (github, "repo:acme/shop:pull_request", "repo:acme/shop:*"),
            (
                "gitlab.com",
                "project_path:a/b:ref_type:branch:ref:x",
                "project_path:a/b:*",
            ),
            (
                "app.terraform.io",
                "organization:o:workspace:w:run_phase:plan",
                "organization:o:workspace:w:*",
            ),
            ("cognito-identity.amazonaws.com", "eu-west-1:7e57", "*"),
        ] {
            assert_eq!(web(provider, subject), format!("{provider} as {stable}"));
        }
        assert_names(&[
            (
                r#"{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/omar",
                    "sessionContext":{"sessionIssuer":{"type":"IAMUser",
                    "arn":"arn:aws:iam::111122223333:user/broker"}}}"#,
                PrincipalKind::FederatedUser,
                "arn:aws:iam::111122223333:user/broker as omar",
            ),
            (
                r#"{"type":"FederatedUser","principalId":"111122223333:omar"}"#,
                PrincipalKind::FederatedUser,
                "111122223333",
            ),
            (
                r#"{"type":"SAMLUser","identityProvider":"qualifier=","userName":"omar"}"#,
                PrincipalKind::Saml,
                "qualifier= as omar",
            ),
            (
                r#"{"type":"IdentityCenterUser","onBehalfOf":{"userId":"94482488-3041-7",
                    "identityStoreArn":"x"}}"#,
                PrincipalKind::IdentityCenter,
                "identity-center/94482488-3041-7",
            ),
        ]);
    }

    #[test]
    fn other_accounts_services_and_strangers_have_names_too() {
        assert_names(&[
            (
                r#"{"type":"AWSAccount","principalId":"AROAEXAMPLE:i-0abcdef0123456789",
                    "accountId":"111122223333"}"#,
                PrincipalKind::Account,
                "account/111122223333/AROAEXAMPLE",
            ),
            (
                r#"{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"}"#,
                PrincipalKind::Anonymous,
                "anonymous",
            ),
            (
                r#"{"type":"AWSService","invokedBy":"delivery.logs.amazonaws.com"}"#,
                PrincipalKind::Service,
                "delivery.logs.amazonaws.com",
            ),
            (
                r#"{"accountId":"111122223333","invokedBy":"AWS Internal"}"#,
                PrincipalKind::Service,
                "AWS Internal",
            ),
            (
                r#"{"type":"Directory","principalId":"D1"}"#,
                PrincipalKind::Directory,
                "directory/D1",
            ),
        ]);
    }

    #[test]
    fn a_record_that_says_nothing_is_called_unknown() {
        let unknown = (PrincipalKind::Unknown, "unknown");
        for identity in ["null", "{}", "7", "[]", r#"{"type":"Unknown","arn":""}"#] {
            assert_names(&[(identity, unknown.0, unknown.1)]);
        }
        assert_eq!(principal(&Record::default()).name, "unknown");
        assert_names(&[(
            r#"{"arn":"arn:aws:iam::111122223333:user/mila"}"#,
            PrincipalKind::User,
            "arn:aws:iam::111122223333:user/mila",
        )]);
    }

    #[test]
    fn no_escape_in_a_session_or_a_user_name_survives() {
        let called = called_by(r#"{"type":"IAMUser","userName":"mi\u001b[31mla\u202e\n\n@all"}"#);
        assert_eq!(called.name, "user/mi[31mla @all");
        let called = called_by(r#"{"type":"AssumedRole","principalId":"AROA1:s\u001b]0;x\u0007"}"#);
        assert_eq!(called.session.as_deref(), Some("s]0;x"));
    }

    #[test]
    fn networks_are_blocks_of_addresses_or_names() {
        for (source, expected) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2::7", "2001:db8:1::/48"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("delivery.logs.amazonaws.com", "delivery.logs.amazonaws.com"),
            ("AWS Internal", "AWS Internal"),
            ("evil\n.amazonaws.com", "other"),
            ("300.1.1.1", "other"),
            ("", "other"),
        ] {
            assert_eq!(network(source), expected, "{source}");
        }
    }

    #[test]
    fn keys_are_told_by_their_prefix_and_made_up_ones_are_none() {
        for (key, expected) in [
            ("AKIAIOSFODNN7EXAMPLE", Some(KeyKind::LongTerm)),
            ("ASIAIOSFODNN7EXAMPLE", Some(KeyKind::Temporary)),
            ("ACCAIOSFODNN7EXAMPLE", Some(KeyKind::Other)),
            ("AKIASHORT", None),
            ("akiaiosfodnn7example", None),
            ("", None),
        ] {
            let text = format!(r#"{{"userIdentity":{{"accessKeyId":"{key}"}}}}"#);
            let record = Record::parse(&text).unwrap();
            assert_eq!(access_key(&record).map(KeyKind::of), expected, "{key}");
        }
    }

    #[test]
    fn session_names_hint_at_their_holders() {
        for (session, expected) in [
            ("i-0abcdef0123456789", SessionKind::Instance),
            ("mi-0abcdef0123456789", SessionKind::Instance),
            ("mila@example.com", SessionKind::Person),
            ("botocore-session-1700000000", SessionKind::Generated),
            ("0123456789abcdef0123456789abcdef", SessionKind::Generated),
            ("GitHubActions", SessionKind::Named),
            ("i-am-a-person", SessionKind::Named),
        ] {
            assert_eq!(SessionKind::of(session), expected, "{session}");
        }
    }

    proptest! {
        #[test]
        fn every_record_has_a_clean_name(
            kind in "(Root|IAMUser|AssumedRole|FederatedUser|SAMLUser|WebIdentityUser|AWSAccount|AWSService|Directory|Unknown|\\PC*)",
            arn in "(arn:aws:(iam|sts)::[0-9]{0,12}:(user|assumed-role|role|federated-user)/.{0,9}|.{0,20})",
            texts in proptest::collection::vec(proptest::option::of(".{0,20}"), 6),
        ) {
            let text = |at: usize| texts[at].as_deref().map(Text::Borrowed);
            let identity = UserIdentity {
                kind: Some(kind.into()),
                arn: Some(arn.into()),
                principal_id: text(0),
                account_id: text(1),
                user_name: text(2),
                source_identity: text(3),
                issuer_arn: text(4),
                identity_provider: text(5),
                ..UserIdentity::default()
            };
            let record = Record { user_identity: Some(identity), ..Record::default() };
            let called = principal(&record);
            prop_assert!(!called.name.is_empty());
            prop_assert!(!called.name.contains(char::is_control));
        }
    }
}
