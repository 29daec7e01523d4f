//! Reads what one record of CloudTrail says, as far as the product needs it.
//!
//! Nobody promises a schema. A field that is missing, null or of the wrong type is absent. An unknown field is skipped
//! without a look at its value. Only text that is no JSON object makes a record unreadable. Nothing here concludes
//! anything: classes and identities are in the crate `clusters`, severities in `alerts`.
//!
//! The modules, in reading order:
//!
//! - `time` has event time in seconds, and the hour that it falls into.
//! - `principal` gives each caller one stable name, without what changes from call to call.
//! - `origin` says by what means a call was made: console, command line, program, service or tool.
//! - `denial` reads a refusal: which action on which resource, by which layer of policy, and why.
//! - `message` masks an error text to its template: fixed words stay, values are replaced.
//! - `redact` decides what may be kept and shown: it removes invisible characters and masks secrets.
//! - `record_template` recognises a record that says the same as an earlier one, without reading it.
//!
//! Field names and meanings: AWS CloudTrail User Guide, "CloudTrail record contents".

pub mod denial;
pub mod key_id;
pub mod message;
pub mod origin;
pub mod principal;
pub mod record_template;
pub mod redact;
pub mod time;

use std::borrow::Cow;

use json::Json;

/// Text that borrows from the record it was read from wherever no escape forces a copy.
pub type Text<'a> = Cow<'a, str>;

/// One CloudTrail record: the fields the product reads, under CloudTrail's own names.
#[derive(Debug, Default, Clone)]
pub struct Record<'a> {
    /// Schema version, such as `1.11`.
    pub event_version: Option<Text<'a>>,
    /// The id AWS gave the event; delivered twice, it stays the same.
    pub event_id: Option<Text<'a>>,
    /// When the call was made, RFC 3339 with seconds.
    pub event_time: Option<Text<'a>>,
    /// The service that was called, such as `s3.amazonaws.com`.
    pub event_source: Option<Text<'a>>,
    /// The API that was called, in some services with its version in the name.
    pub event_name: Option<Text<'a>>,
    /// `AwsApiCall`, `AwsConsoleSignIn`, `AwsVpceEvent` and others.
    pub event_type: Option<Text<'a>>,
    /// `Management`, `Data`, `NetworkActivity` or `Insight`.
    pub event_category: Option<Text<'a>>,
    /// The region the request was made to.
    pub aws_region: Option<Text<'a>>,
    /// An address, or the DNS name of the AWS service that called.
    pub source_ip_address: Option<Text<'a>>,
    /// What the caller's program says it is; written by the caller.
    pub user_agent: Option<Text<'a>>,
    /// The error as a code, such as `AccessDenied`.
    pub error_code: Option<Text<'a>>,
    /// The error as a sentence, cut by CloudTrail at about 1 KB.
    pub error_message: Option<Text<'a>>,
    /// Whether the call only reads.
    pub read_only: Option<bool>,
    /// The account that got the event.
    pub recipient_account_id: Option<Text<'a>>,
    /// The id that all accounts share which got the event.
    pub shared_event_id: Option<Text<'a>>,
    /// The id of the service's own log of the request.
    pub request_id: Option<Text<'a>>,
    /// The VPC endpoint the call came through.
    pub vpc_endpoint_id: Option<Text<'a>>,
    /// Whether the credentials came from a console session.
    pub session_credential_from_console: bool,
    /// Who called.
    pub user_identity: Option<UserIdentity<'a>>,
    /// What was asked for; only ever looked into, never stored.
    pub request_parameters: Option<Json<'a>>,
    /// What was answered.
    pub response_elements: Option<Json<'a>>,
    /// What the service adds, such as the MFA state of a sign-in.
    pub additional_event_data: Option<Json<'a>>,
    /// What a service event tells.
    pub service_event_details: Option<Json<'a>>,
    /// The resources touched: a list of `{ARN, accountId, type}`.
    pub resources: Option<Json<'a>>,
    /// Present on records that correct an earlier one.
    pub addendum: Option<Json<'a>>,
    /// Present on Insight records.
    pub insight_details: Option<Json<'a>>,
    /// Whether this is a digest file's content instead of an event.
    pub is_digest: bool,
}

/// Who called: the `userIdentity` element, flattened where CloudTrail nests.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element".
#[derive(Debug, Default, Clone)]
pub struct UserIdentity<'a> {
    /// `Root`, `IAMUser`, `AssumedRole`, `AWSService` and others.
    pub kind: Option<Text<'a>>,
    /// The unique id of the caller; for a session `AROA…:session-name`.
    pub principal_id: Option<Text<'a>>,
    /// The ARN of the caller.
    pub arn: Option<Text<'a>>,
    /// The account the caller belongs to.
    pub account_id: Option<Text<'a>>,
    /// The access key that signed the request.
    pub access_key_id: Option<Text<'a>>,
    /// The friendly name of the caller.
    pub user_name: Option<Text<'a>>,
    /// The AWS service that called on the caller's behalf.
    pub invoked_by: Option<Text<'a>>,
    /// The SAML or OIDC provider of a federated caller.
    pub identity_provider: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.type`: `Role`, `IAMUser`, `Root`.
    pub issuer_kind: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.arn`: the role behind a session.
    pub issuer_arn: Option<Text<'a>>,
    /// `sessionContext.sessionIssuer.userName`.
    pub issuer_user_name: Option<Text<'a>>,
    /// `sessionContext.sourceIdentity`: the human behind a role session, set by an administrator.
    pub source_identity: Option<Text<'a>>,
    /// `sessionContext.attributes.mfaAuthenticated`.
    pub mfa_authenticated: bool,
    /// `onBehalfOf.userId`: the IAM Identity Center user.
    pub on_behalf_of_user_id: Option<Text<'a>>,
}

/// What the wrapper around a record says about it, for the fields that the record itself lacks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// The account named by the log stream or the file name, twelve digits.
    pub account_id: Option<String>,
    /// When CloudWatch Logs took the record in.
    pub logged_at: Option<time::Timestamp>,
}

/// Why a record could not be read; each such record is quarantined and counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Rejection {
    /// The text is not JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// What the parser stumbled over, and where.
        detail: String,
    },
    /// The text is JSON, but an array, a string, a number.
    #[error("not a JSON object")]
    NotAnObject,
    /// The record is longer than the limit; CloudTrail's own limit is 1 MB.
    #[error("longer than {limit} bytes")]
    Oversize {
        /// The limit that was passed, in bytes.
        limit: usize,
    },
    /// The input ended inside the record.
    #[error("the input ends inside the record")]
    Truncated,
    /// A major version of the record format that did not exist when this was written.
    #[error("event version {version} is not known, only 1.x is")]
    UnknownVersion {
        /// The major version found.
        version: u32,
    },
}

impl Wrapper {
    /// Returns the wrapper with an account that was told elsewhere, where it names none itself.
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
    /// Returns the stable short name used in counts and in the store.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

/// What stands behind the name of a service.
const AMAZON: &str = ".amazonaws.com";

impl<'a> Record<'a> {
    /// Reads one record from its JSON text.
    ///
    /// # Errors
    /// [`Rejection::NotJson`] and [`Rejection::NotAnObject`] for text that holds no record, and
    /// [`Rejection::UnknownVersion`] where AWS says that the meaning may have changed: "compare
    /// the major version for equality".
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let mut record = Record::default();
        json::each_field(text, |key, value| record.set(key, value))?;
        record.check_version()?;
        Ok(record)
    }

    /// Reads one record as [`Self::parse`] does, with the reference reader of JSON.
    ///
    /// # Errors
    /// As [`Self::parse`].
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
            b"errorCode" => self.error_code = value.text(),
            b"errorMessage" => self.error_message = value.text(),
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

    /// Returns the service prefix, `s3` of `s3.amazonaws.com`.
    pub fn service(&self) -> &str {
        let source = self.event_source.as_deref().unwrap_or_default();
        // Nearly all end with it, and looking there is cheaper than a search.
        let ended = source
            .strip_suffix(AMAZON)
            .filter(|service| !service.contains('.'));
        ended.unwrap_or_else(|| source.split(AMAZON).next().unwrap_or(source))
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
            b"sessionContext" => self.set_session(value),
            _ => {}
        }
    }

    fn set_session(&mut self, session: Json<'a>) {
        // Of an element that is there twice the last counts, whatever it holds.
        self.issuer_kind = None;
        self.issuer_arn = None;
        self.issuer_user_name = None;
        self.source_identity = None;
        self.mfa_authenticated = false;
        let _ = session.each_field(|key, value| match key {
            b"sessionIssuer" => {
                self.issuer_kind = None;
                self.issuer_arn = None;
                self.issuer_user_name = None;
                self.set_issuer(value);
            }
            b"sourceIdentity" => self.source_identity = value.text(),
            b"attributes" => {
                let told = value.at(&["mfaAuthenticated"]).and_then(Json::boolean);
                self.mfa_authenticated = told.unwrap_or(false);
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
