//! Sends single signed requests to services of AWS that speak JSON and of which only a few calls are used.
//!
//! Their clients in the SDK are large, and would be built for a handful of look-ups: CloudTrail, Lambda and Scheduler. The
//! signature is that of the SDK. An answer also has the clock of AWS, even a refusal.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_s3::config::ProvideCredentials as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use records::partition;
use records::redact::sanitize;
use records::time::Timestamp;
use reqwest::{Client, Method};
use rustls::RootCertStore;
use serde_json::Value;
use service::ports::{LookupError, with_causes};

use crate::tls;

/// The time limit for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest part of an error message that is repeated, in characters.
const DETAIL_CHARS_MAX: usize = 256;

/// The longest answer that is read, in bytes. The environment of a function has at most 4 KB.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// A client for signed requests, in one region.
#[derive(Debug)]
pub struct SignedClient {
    config: SdkConfig,
    /// Created at the first request, because it reads all certificates of the system.
    client: OnceCell<Client>,
}

/// A request to a service that speaks JSON.
#[derive(Debug, Clone)]
pub struct SignedRequest<'r> {
    /// The name of the service in its host name and in the signature, such as `lambda`.
    pub service: &'r str,
    /// The path with its query, percent-encoded.
    pub path: &'r str,
    /// The name of the operation and its input, for a service that gets all requests at one path; `None` to get the path.
    pub operation: Option<(&'r str, Value)>,
}

/// The answer to a signed request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The clock of AWS; `None` if the answer does not have it.
    pub date: Option<Timestamp>,
    /// The body. `None`: what was asked for does not exist. An error: AWS refused the request.
    pub body: Result<Option<Value>, LookupError>,
}

impl SignedClient {
    /// Creates the client for the account and region of `config`. Nothing connects before the first request.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
        }
    }

    /// Returns the region of the requests.
    fn region(&self) -> &str {
        self.config.region().map_or("us-east-1", AsRef::as_ref)
    }

    /// Sends a request, and returns what it looks up; `None` if that does not exist.
    ///
    /// # Errors
    /// [`LookupError`] if AWS refuses the request or does not answer.
    pub async fn look_up(&self, request: &SignedRequest<'_>) -> Result<Option<Value>, LookupError> {
        self.send(request).await?.body
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`LookupError`] if there is no answer.
    pub async fn send(&self, request: &SignedRequest<'_>) -> Result<Answer, LookupError> {
        let host = match self.config.endpoint_url() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let fips = match self.config.use_fips() {
                    Some(true) => "-fips",
                    _ => "",
                };
                let region = self.region();
                let end = partition::hosts_of_region(region);
                format!("https://{}{fips}.{region}{end}", request.service)
            }
        };
        let url = format!("{host}{}", request.path);
        let (method, body, mut headers) = match &request.operation {
            None => (Method::GET, String::new(), Vec::new()),
            Some((operation, input)) => {
                let kind = ("content-type", "application/x-amz-json-1.1".to_owned());
                let target = ("x-amz-target", (*operation).to_owned());
                (Method::POST, input.to_string(), vec![kind, target])
            }
        };
        let signed = self.signature(&method, &url, &headers, &body, request.service);
        let signed = signed.await?;
        headers.extend(signed);
        let mut sent = self.client()?.request(method, &url).body(body);
        for (name, value) in headers {
            sent = sent.header(name, value);
        }
        let answer = sent.send().await.map_err(|error| unsent(&error))?;
        read(answer).await
    }

    async fn signature(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&'static str, String)],
        body: &str,
        service: &str,
    ) -> Result<Vec<(&'static str, String)>, LookupError> {
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| lookup_error("there are no credentials"))?;
        let credentials = provider.provide_credentials().await;
        let identity = credentials.map_err(|error| lookup_error(&error.to_string()))?;
        let identity = identity.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name(service)
            .time(now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| lookup_error(&error.to_string()))?
            .into();
        let given = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(body.as_bytes());
        let signed = SignableRequest::new(method.as_str(), url, given, body)
            .and_then(|request| sign(request, &parameters));
        let signed = signed.map_err(|error| lookup_error(&error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        let (headers, _) = instructions.into_parts();
        let headers = headers.iter().map(|of| (of.name(), of.value().to_owned()));
        Ok(headers.collect())
    }

    fn client(&self) -> Result<&Client, LookupError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut trusted = RootCertStore::empty();
        tls::trust_system(&mut trusted);
        let made = tls::config(trusted).and_then(|tls| {
            let client = Client::builder().use_preconfigured_tls(tls);
            let client = client.timeout(PATIENCE).build();
            client.map_err(|error| error.to_string())
        });
        let made = made.map_err(|error| lookup_error(&error))?;
        Ok(self.client.get_or_init(|| made))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature has the time of this machine"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

async fn read(answer: reqwest::Response) -> Result<Answer, LookupError> {
    let status = answer.status();
    let header = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let date = header("date").and_then(|date| {
        let date = DateTime::from_str(&date, DateTimeFormat::HttpDate).ok()?;
        Timestamp::from_seconds(date.secs())
    });
    let kind = header("x-amzn-errortype");
    if answer
        .content_length()
        .is_some_and(|of| of > ANSWER_BYTES_MAX)
    {
        return Err(lookup_error("the answer is too long"));
    }
    let bytes = answer.bytes().await.map_err(|error| unsent(&error))?;
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(Answer {
            date,
            body: Ok(Some(body)),
        });
    }
    let code = kind.or_else(|| body["__type"].as_str().map(str::to_owned));
    let code = code.unwrap_or_else(|| status.as_u16().to_string());
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = ["message", "Message"].map(|name| body[name].as_str());
    let message = message.into_iter().flatten().next().unwrap_or_default();
    let body = match is_missing(code) {
        true => Ok(None),
        false => Err(lookup_error(&format!("{code}: {message}"))),
    };
    Ok(Answer { date, body })
}

/// Checks whether an error code says that what was asked for does not exist.
pub fn is_missing(code: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    matches!(
        code,
        "ResourceNotFound" | "NotFound" | "NoSuchBucket" | "NoSuchEntity" | "TrailNotFound"
    )
}

fn unsent(error: &reqwest::Error) -> LookupError {
    lookup_error(&with_causes(error.to_string(), error))
}

/// Makes an error of a text.
pub fn lookup_error(detail: &str) -> LookupError {
    LookupError {
        detail: sanitize(detail, DETAIL_CHARS_MAX),
    }
}
