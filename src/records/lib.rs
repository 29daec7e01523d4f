//! Reads the fields of one CloudTrail record that the product needs.
//!
//! AWS promises no fixed schema. A field that is missing, null or of the wrong type is absent, except that an error code
//! or message of any type is one. An unknown field is
//! skipped, and its value is not read. A record is unreadable only if its text is not a JSON object, or if its version
//! is not 1.x. This crate draws no conclusions: classes and identities are in the crate `clusters`, severities in
//! `alerts`.
//!
//! The modules, in reading order:
//!
//! - `time`: event time in whole seconds, and hours of event time.
//! - `key_id`: access key ids, and the kind of a key.
//! - `oidc_subject`: the part of an OIDC subject that is the same in all runs of a pipeline.
//! - `principal`: one stable name for each caller, without the parts that change from call to call.
//! - `partition`: the partitions of AWS, their regions and hosts.
//! - `origin`: the means by which a call was made: console, command line, program, service or tool.
//! - `denial`: the details of a refusal: action, resource, layer of policy, and reason.
//! - `message`: the template of an error message: fixed words stay, values are replaced.
//! - `redact`: removes invisible characters, masks secrets, and writes the sample of a record that may be stored.
//! - `record_template`: recognises a record that repeats an earlier one, without parsing the record.
//!
//! Field names and meanings: AWS CloudTrail User Guide, "CloudTrail record contents".

pub mod denial;
pub mod key_id;
pub mod message;
mod oidc_subject;
pub mod origin;
pub mod partition;
pub mod principal;
pub mod record_template;
pub mod redact;
pub mod time;

use std::borrow::Cow;

use json::Json;

use crate::partition::AMAZON;

/// Text of a record: borrowed from the JSON text, or a copy if the JSON string contains escapes.
pub type Text<'a> = Cow<'a, str>;

/// One CloudTrail record: the fields that the product reads, under CloudTrail's own names. `None`: absent, null, of the
/// wrong type, or an empty string.
#[derive(Debug, Default, Clone)]
pub struct Record<'a> {
    /// Version of the record format, such as `1.11`.
    pub event_version: Option<Text<'a>>,
    /// The id that AWS gave to the event, a UUID; the same in each delivery of the event.
    pub event_id: Option<Text<'a>>,
    /// Time of the call: RFC 3339 text, UTC, in whole seconds.
    pub event_time: Option<Text<'a>>,
    /// The called service, such as `s3.amazonaws.com`.
    pub event_source: Option<Text<'a>>,
    /// The called API, such as `GetObject`; some services append a version, as in `Invoke20150331`.
    pub event_name: Option<Text<'a>>,
    /// Type of the event: `AwsApiCall`, `AwsConsoleSignIn`, `AwsVpceEvent` and others.
    pub event_type: Option<Text<'a>>,
    /// Category of the event: `Management`, `Data`, `NetworkActivity` or `Insight`.
    pub event_category: Option<Text<'a>>,
    /// The region to which the request was sent.
    pub aws_region: Option<Text<'a>>,
    /// IP address of the caller, or the DNS name of the calling AWS service.
    pub source_ip_address: Option<Text<'a>>,
    /// Name and version of the caller's program. The caller chooses this text, so it proves nothing.
    pub user_agent: Option<Text<'a>>,
    /// Error code, such as `AccessDenied`; `None` if the call succeeded, and in some failures, such as failed sign-ins. The
    /// JSON text of a value that is not a string, such as `403`.
    pub error_code: Option<Text<'a>>,
    /// Error message in words; CloudTrail truncates the message at about 1 KB. The JSON text of a value that is not a
    /// string.
    pub error_message: Option<Text<'a>>,
    /// Whether the call only reads; `None` if the record does not contain the boolean `readOnly`.
    pub read_only: Option<bool>,
    /// Id of the account that received the event.
    pub recipient_account_id: Option<Text<'a>>,
    /// Id that is the same in all copies of an event that was sent to several accounts.
    pub shared_event_id: Option<Text<'a>>,
    /// Id that the called service gave to the request.
    pub request_id: Option<Text<'a>>,
    /// Id of the VPC endpoint through which the call came.
    pub vpc_endpoint_id: Option<Text<'a>>,
    /// Whether the credentials of the call came from a console session; `false` if absent.
    pub session_credential_from_console: bool,
    /// The caller; `None` if the record contains no `userIdentity` object.
    pub user_identity: Option<UserIdentity<'a>>,
    /// Parameters of the request. They are searched for single values, but never stored.
    pub request_parameters: Option<Json<'a>>,
    /// Fields of the service's response, as CloudTrail writes them for calls that make changes.
    pub response_elements: Option<Json<'a>>,
    /// Further facts that the called service adds to the record, such as whether a sign-in used MFA.
    pub additional_event_data: Option<Json<'a>>,
    /// Details of an event that an AWS service caused itself, without a request.
    pub service_event_details: Option<Json<'a>>,
    /// The resources that the call used: a JSON array of `{ARN, accountId, type}`.
    pub resources: Option<Json<'a>>,
    /// Reason for a late or corrected record: present if CloudTrail delivered the record late, or if the record
    /// corrects an earlier one.
    pub addendum: Option<Json<'a>>,
    /// Details of an Insight record; present in Insight records only.
    pub insight_details: Option<Json<'a>>,
    /// Whether the JSON object is not an event, but the content of a digest file of CloudTrail.
    pub is_digest: bool,
}

/// The caller: the `userIdentity` element of a record, with the nested fields of CloudTrail in one flat struct.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element".
#[derive(Debug, Default, Clone)]
pub struct UserIdentity<'a> {
    /// Type of the identity: `Root`, `IAMUser`, `AssumedRole`, `AWSService` and others.
    pub kind: Option<Text<'a>>,
    /// Unique id of the caller; for a role session `AROA…:session-name`.
    pub principal_id: Option<Text<'a>>,
    /// The ARN of the caller.
    pub arn: Option<Text<'a>>,
    /// Id of the caller's account.
    pub account_id: Option<Text<'a>>,
    /// Id of the access key that signed the request.
    pub access_key_id: Option<Text<'a>>,
    /// Name of the caller, such as the name of an IAM user.
    pub user_name: Option<Text<'a>>,
    /// DNS name of the AWS service that made the call on the caller's behalf.
    pub invoked_by: Option<Text<'a>>,
    /// Name of the SAML or OIDC provider of a federated caller.
    pub identity_provider: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.type`: what issued the session, such as `Role`, `IAMUser` or `Root`.
    pub issuer_kind: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.arn`: ARN of the role (or user) that issued the session.
    pub issuer_arn: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.userName`: name of the role (or user) that issued the session.
    pub issuer_user_name: Option<Text<'a>>,
    /// `sessionContext.sourceIdentity`: the person behind a role session, if an administrator requires this field.
    pub source_identity: Option<Text<'a>>,
    /// `sessionContext.attributes.mfaAuthenticated`: whether the session was opened with MFA; `false` if absent.
    pub mfa_authenticated: bool,
    /// `sessionContext.assumedRoot`: whether `sts:AssumeRoot` issued the session; `false` if absent. The call
    /// `AssumeRoot` itself has it too, with the identity of its caller.
    pub assumed_root: bool,
    /// `onBehalfOf.userId`: id of the IAM Identity Center user for whom the call was made.
    pub on_behalf_of_user_id: Option<Text<'a>>,
    /// `invokedByDelegate.accountId`: id of the account that calls with permissions that an administrator delegated to
    /// it for some hours, such as that of a vendor.
    pub delegate_account_id: Option<Text<'a>>,
    /// `inScopeOf.issuerType`: type of the resource that received the credentials, such as `AWS::Lambda::Function`.
    pub in_scope_of_kind: Option<Text<'a>>,
}

/// Account id and log time of a record, read from the envelope or the file around it. They replace fields that the
/// record lacks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// Account id in the name of the log stream or of the file, twelve digits; `None` if the name contains none.
    pub account_id: Option<String>,
    /// Timestamp of the log event in CloudWatch Logs that contains the record; `None` if there is none.
    pub logged_at: Option<time::Timestamp>,
}

/// Reason why a record is unreadable. Each unreadable record is stored in quarantine and counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Rejection {
    /// The text is not JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// Message of the parser, with line and column.
        detail: String,
    },
    /// The text is JSON, but not an object: an array, a string, a number, a boolean or null.
    #[error("not a JSON object")]
    NotAnObject,
    /// The record is longer than the limit of the reader. CloudTrail itself writes no record longer than 1 MB.
    #[error("longer than {limit} bytes")]
    Oversize {
        /// The exceeded limit, in bytes.
        limit: usize,
    },
    /// The input ended inside the record.
    #[error("the input ends inside the record")]
    Truncated,
    /// The major version of the record format is not 1, the only known version.
    #[error("unknown event version {version}, expected 1.x")]
    UnknownVersion {
        /// The major version in the record.
        version: u32,
    },
}

impl Wrapper {
    /// Returns the wrapper, with `account_id` in place of its own account id if it contains none.
    pub fn or_account(&self, account_id: Option<&str>) -> Cow<'_, Self> {
        match account_id {
            Some(account_id) if self.account_id.is_none() => Cow::Owned(Self {
                account_id: Some(account_id.to_owned()),
                ..self.clone()
            }),
            _ => Cow::Borrowed(self),
        }
    }
}

impl From<json::Error> for Rejection {
    fn from(error: json::Error) -> Self {
        match error {
            json::Error::NotJson { detail } => Self::NotJson { detail },
            json::Error::NotAnObject => Self::NotAnObject,
        }
    }
}

impl Rejection {
    /// Returns the stable name of the reason, such as `not_json`, under which unreadable records are counted and
    /// stored.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl<'a> Record<'a> {
    /// Reads one record from its JSON text.
    ///
    /// # Errors
    /// [`Rejection::NotJson`] or [`Rejection::NotAnObject`] if the text contains no record.
    /// [`Rejection::UnknownVersion`] if the major version is not 1, because fields of another major version may have
    /// another meaning. AWS advises to "compare the major version for equality".
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let mut record = Record::default();
        json::each_field(text, |key, value| record.set(key, value))?;
        record.check_version()?;
        Ok(record)
    }

    /// Reads one record with the slow reference reader of JSON; the result is the same as that of [`Self::parse`].
    ///
    /// # Errors
    /// [`Rejection::NotJson`], [`Rejection::NotAnObject`] or [`Rejection::UnknownVersion`], as [`Self::parse`].
    pub fn parse_reference(text: &'a str) -> Result<Self, Rejection> {
        let mut record = Record::default();
        json::reference::each_field(text, |key, value| record.set(key, value))?;
        record.check_version()?;
        Ok(record)
    }

    fn set(&mut self, key: &[u8], value: Json<'a>) {
        match key {
            b"eventVersion" => self.event_version = value.text(),
            b"eventID" => self.event_id = value.text(),
            b"eventTime" => self.event_time = value.text(),
            b"eventSource" => self.event_source = value.text(),
            b"eventName" => self.event_name = value.text(),
            b"eventType" => self.event_type = value.text(),
            b"eventCategory" => self.event_category = value.text(),
            b"awsRegion" => self.aws_region = value.text(),
            b"sourceIPAddress" => self.source_ip_address = value.text(),
            b"userAgent" => self.user_agent = value.text(),
            b"errorCode" => self.error_code = value.text_or_json(),
            b"errorMessage" => self.error_message = value.text_or_json(),
            b"readOnly" => self.read_only = value.boolean(),
            b"recipientAccountId" => self.recipient_account_id = value.text(),
            b"sharedEventID" => self.shared_event_id = value.text(),
            b"requestID" => self.request_id = value.text(),
            b"vpcEndpointId" => self.vpc_endpoint_id = value.text(),
            b"sessionCredentialFromConsole" => {
                self.session_credential_from_console = value.boolean().unwrap_or(false);
            }
            b"userIdentity" => self.user_identity = UserIdentity::read(value),
            b"requestParameters" => self.request_parameters = value.present(),
            b"responseElements" => self.response_elements = value.present(),
            b"additionalEventData" => self.additional_event_data = value.present(),
            b"serviceEventDetails" => self.service_event_details = value.present(),
            b"resources" => self.resources = value.present(),
            b"addendum" => self.addendum = value.present(),
            b"insightDetails" => self.insight_details = value.present(),
            b"digestS3Object" | b"digestEndTime" => self.is_digest = true,
            _ => {}
        }
    }

    fn check_version(&self) -> Result<(), Rejection> {
        let major = self.event_version.as_deref().and_then(|version| {
            let (major, _) = version.split_once('.').unwrap_or((version, ""));
            major.parse::<u32>().ok()
        });
        match major {
            Some(version) if version != 1 => Err(Rejection::UnknownVersion { version }),
            _ => Ok(()),
        }
    }

    /// Returns the event source without the domain of its partition: `s3` for `s3.amazonaws.com`. Empty if the record has
    /// no event source.
    pub fn service(&self) -> &str {
        let source = self.event_source.as_deref().unwrap_or_default();
        // Nearly all sources end in this suffix, and a comparison at the end is cheaper than a search.
        let ended = source
            .strip_suffix(AMAZON)
            .filter(|service| !service.contains('.'));
        let is_before_more = || source.split_once(AMAZON).map(|(service, _)| service);
        ended
            .or_else(is_before_more)
            .or_else(|| partition::without_domain(source))
            .unwrap_or(source)
    }
}

impl<'a> UserIdentity<'a> {
    fn read(value: Json<'a>) -> Option<Self> {
        let mut identity = UserIdentity::default();
        value
            .each_field(|key, value| identity.set(key, value))
            .ok()?;
        Some(identity)
    }

    fn set(&mut self, key: &[u8], value: Json<'a>) {
        match key {
            b"type" => self.kind = value.text(),
            b"principalId" => self.principal_id = value.text(),
            b"arn" => self.arn = value.text(),
            b"accountId" => self.account_id = value.text(),
            b"accessKeyId" => self.access_key_id = value.text(),
            b"userName" => self.user_name = value.text(),
            b"invokedBy" => self.invoked_by = value.text(),
            b"identityProvider" => self.identity_provider = value.text(),
            b"onBehalfOf" => self.on_behalf_of_user_id = value.text_at(&["userId"]),
            b"invokedByDelegate" => self.delegate_account_id = value.text_at(&["accountId"]),
            b"inScopeOf" => self.in_scope_of_kind = value.text_at(&["issuerType"]),
            b"sessionContext" => self.set_session(value),
            _ => {}
        }
    }

    fn set_session(&mut self, session: Json<'a>) {
        // If the element is repeated, only the last one counts, even if the last one is empty.
        self.issuer_kind = None;
        self.issuer_arn = None;
        self.issuer_user_name = None;
        self.source_identity = None;
        self.mfa_authenticated = false;
        self.assumed_root = false;
        let _ = session.each_field(|key, value| match key {
            b"sessionIssuer" => {
                self.issuer_kind = None;
                self.issuer_arn = None;
                self.issuer_user_name = None;
                self.set_issuer(value);
            }
            b"sourceIdentity" => self.source_identity = value.text(),
            b"assumedRoot" => self.assumed_root = value.boolean().unwrap_or(false),
            b"attributes" => {
                let mfa = value.at(&["mfaAuthenticated"]).and_then(Json::boolean);
                self.mfa_authenticated = mfa.unwrap_or(false);
            }
            _ => {}
        });
    }

    fn set_issuer(&mut self, issuer: Json<'a>) {
        let _ = issuer.each_field(|key, value| match key {
            b"type" => self.issuer_kind = value.text(),
            b"arn" => self.issuer_arn = value.text(),
            b"userName" => self.issuer_user_name = value.text(),
            _ => {}
        });
    }
}
