//! Sends requests to a Guance workspace over HTTP, and interprets the answers.
//!
//! The client is restricted, because settings choose the address. It connects only to addresses that were checked,
//! follows no redirect, uses no proxy, and reads at most 64 KiB of an answer. Every request has a timeout.
//!
//! The token is part of the URL, so a URL is never logged and never part of an error. The HTTP client is created at
//! the first request, because it reads all certificates of the system.
//!
//! The submodule `sink` implements the sink on top of the workspace. This module only re-exports the sink.

mod sink;

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alerts::guance::answer::Response;
use alerts::guance::endpoint::{AllowedHosts, Endpoint, may_connect};
use alerts::guance::route::Route;
use alerts::guance::secret::Secret;
use alerts::links::encoded;
use alerts::outbox::SinkAnswer;
use aws_config::SdkConfig;
use clusters::packed::gzip;
use records::redact::sanitize;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use service::config::deliver::GuanceSettings;
use service::doctor::Probe;
use service::ports::{SecretStore, SecretStoreError, with_causes};

use crate::resources::millis_since;
use crate::secret::ManagedSecret;
use crate::tls;

pub use crate::workspace::sink::GuanceSink;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time limit for one request to a workspace, from its start until the answer is complete: 10 seconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The longest part of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The longest body that is sent, in bytes before compression. A longer body has to be split.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A body of at least this size, in bytes, is compressed.
const GZIP_BYTES_MIN: usize = 1024;

/// A cached secret of this age is fetched again.
const SECRET_AGE_MAX: Duration = Duration::from_secs(300);

/// A cached secret, or a cached refusal, younger than this is not fetched again, even if the workspace refuses it.
const SECRET_AGE_MIN: Duration = Duration::from_secs(60);

/// The longest part of an error message that is repeated, in characters.
const WHY_CHARS_MAX: usize = 200;

/// Required: one of the vendor's gateways refuses requests without this header.
const USER_AGENT: &str = concat!("cloudtrail-inspector/", env!("CARGO_PKG_VERSION"));

/// The header with the API key of the Open API.
const API_KEY: HeaderName = HeaderName::from_static("df-api-key");

/// The address of a Guance workspace, and the limits for connecting to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceConfig {
    /// The API that receives the alerts. It decides their format and the kind of secret.
    pub route: Route,
    /// The scheme, host and port of the API, to which requests are sent.
    pub endpoint: Endpoint,
    /// Which hosts may get requests besides those of Guance and TrueWatch: none, other public hosts, or private hosts
    /// too.
    pub allowed: AllowedHosts,
    /// A PEM file with CA certificates to trust in addition to those of the system; `None` for no others.
    pub ca_file: Option<PathBuf>,
    /// The time limit for one request, from its start until the answer is complete: [`PATIENCE`], except in tests.
    pub patience: Duration,
}

/// The body of a request to a workspace, by kind and format of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceRequest<'r> {
    /// Guance events in line protocol, one per line. Each event reports one alert.
    Events(&'r str),
    /// Log entries in line protocol, one per line.
    Logs(&'r str),
    /// One Guance event as JSON, in the format of the route.
    Event(&'r str),
}

/// A client that sends requests to one Guance workspace and caches the secret for them. `V` is the source of the
/// secret.
#[derive(Debug)]
pub struct Workspace<V> {
    config: WorkspaceConfig,
    secret_store: V,
    client: OnceCell<Client>,
    cached: Option<CachedSecret>,
    /// Whether the workspace refused the cached secret.
    is_doubted: bool,
}

/// A secret, or the answer to alerts while there is none, and the time of its fetch.
#[derive(Debug)]
struct CachedSecret {
    secret: Result<Secret, SinkAnswer>,
    fetched: Instant,
}

impl Workspace<ManagedSecret> {
    /// Returns the workspace of these settings, with its secret in Secrets Manager.
    ///
    /// Parsing the settings fails if the route needs a secret and none is given, so an empty ARN is never used.
    pub fn of(settings: &GuanceSettings, config: &SdkConfig) -> Self {
        let place = WorkspaceConfig {
            route: settings.route,
            endpoint: settings.endpoint.clone(),
            allowed: settings.allowed,
            ca_file: settings.ca_file.clone(),
            patience: PATIENCE,
        };
        let arn = settings.secret_arn.as_deref().unwrap_or_default();
        Self::new(place, ManagedSecret::new(config, arn))
    }
}

impl<V: SecretStore> Workspace<V> {
    /// Creates the client. Nothing connects before the first request. `secret_store` supplies the secret of the
    /// route: a token or an API key.
    pub fn new(config: WorkspaceConfig, secret_store: V) -> Self {
        Self {
            config,
            secret_store,
            client: OnceCell::new(),
            cached: None,
            is_doubted: false,
        }
    }

    /// Returns the route of the configuration, which is the API that receives the alerts.
    pub fn route(&self) -> Route {
        self.config.route
    }

    /// Marks the cached secret as refused by the workspace, so that the next request fetches the secret again.
    ///
    /// A secret is not fetched again within one minute after its last fetch.
    pub fn refresh_secret(&mut self) {
        self.is_doubted = true;
    }

    /// Sends a request to the workspace, and converts the response to one answer, which holds for all alerts in the
    /// request.
    ///
    /// The secret is masked in the text of the answer.
    ///
    /// A body over 1 MiB is not sent; the answer is [`SinkAnswer::TooLong`].
    pub async fn post(&mut self, request: WorkspaceRequest<'_>) -> SinkAnswer {
        let body = request.body();
        if body.len() > BODY_BYTES_MAX {
            return SinkAnswer::TooLong(format!(
                "{} bytes, more than the limit of {BODY_BYTES_MAX}",
                body.len()
            ));
        }
        let secret = match self.secret().await {
            Ok(secret) => secret,
            Err(answer) => return answer,
        };
        match self.send(request, &secret).await {
            Ok(mut response) => {
                // Masked before the text is cut, because a cut could leave half of a repeated secret.
                let body = secret.mask(&String::from_utf8_lossy(&response.body));
                response.body = body.into_bytes();
                response.answered(self.config.route)
            }
            Err(answer) => answer,
        }
    }

    /// Asks the workspace something that writes nothing: whether it knows the token, or else whether it answers.
    ///
    /// # Errors
    /// Why the workspace cannot be asked; no part of the secret is in it.
    pub async fn probe(&mut self) -> Result<Probe, String> {
        let secret = self.secret().await.map_err(said)?;
        let client = self.config.client()?;
        let endpoint = &self.config.endpoint;
        // Source: github.com/GuanceCloud/datakit, `io/dataway`: `GET /v1/check/token/:token`; the API of DataKit: `GET /v1/ping`.
        let url = match (self.config.route, secret.token()) {
            (Route::Dataway, Some(token)) => {
                format!("{endpoint}/v1/check/token/{}", encoded(token, '%'))
            }
            (Route::Datakit, _) => format!("{endpoint}/v1/ping"),
            _ => format!("{endpoint}/"),
        };
        let began = Instant::now();
        let answer = client.get(url).send().await;
        let answer = answer.map_err(|error| said(failed(error, endpoint)))?;
        let status = answer.status().as_u16();
        Ok(match (self.config.route, status) {
            (Route::Dataway, 401 | 403) => {
                Probe::Wrong("it does not know the token in the secret".to_owned())
            }
            (Route::Dataway, 200..300) | (Route::Datakit, 200..300) => {
                Probe::Fine(millis_since(began))
            }
            // The other routes have no request that checks the key without writing.
            (Route::PushEvent | Route::CustomEvent, ..500) => Probe::Fine(millis_since(began)),
            (_, status) => Probe::Wrong(format!("it answers with the HTTP status {status}")),
        })
    }

    /// Returns the secret: cached, or fetched from the secret store if the cached one is too old.
    async fn secret(&mut self) -> Result<Secret, SinkAnswer> {
        if !self.config.route.needs_secret() {
            return Ok(Secret::default());
        }
        if let Some(cached) = &self.cached {
            let age = cached.fetched.elapsed();
            let is_wanted = self.is_doubted || cached.secret.is_err() || age >= SECRET_AGE_MAX;
            if !is_wanted || age < SECRET_AGE_MIN {
                return cached.secret.clone();
            }
        }
        let secret = match self.secret_store.secret().await {
            Ok(text) => Secret::parse(&text, self.config.route)
                .map_err(|wanting| SinkAnswer::Refused(wanting.to_string())),
            Err(error @ SecretStoreError::Refused { .. }) => {
                Err(SinkAnswer::Refused(error.to_string()))
            }
            // The cached secret may still be valid. The next request fetches again.
            Err(error @ SecretStoreError::Unavailable { .. }) => {
                return match &self.cached {
                    Some(CachedSecret {
                        secret: Ok(old), ..
                    }) => Ok(old.clone()),
                    _ => Err(SinkAnswer::Unreachable(error.to_string())),
                };
            }
        };
        self.is_doubted = false;
        self.cached = Some(CachedSecret {
            secret: secret.clone(),
            fetched: Instant::now(),
        });
        secret
    }

    async fn send(
        &self,
        request: WorkspaceRequest<'_>,
        secret: &Secret,
    ) -> Result<Response, SinkAnswer> {
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let made = self.config.client().map_err(SinkAnswer::Refused)?;
                self.client.get_or_init(|| made)
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(request.content_type()),
        );
        if let Some(key) = secret.api_key().filter(|_| !request.is_lines()) {
            let mut key = HeaderValue::from_str(key).map_err(|_| {
                SinkAnswer::Refused(
                    "the api_key contains characters that an HTTP header must not have".to_owned(),
                )
            })?;
            key.set_sensitive(true);
            headers.insert(API_KEY, key);
        }
        let mut body = request.body().as_bytes().to_vec();
        if request.is_lines() && body.len() >= GZIP_BYTES_MIN {
            body = gzip(&body);
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let url = self.config.url(request, secret);
        let sent = client.post(url).headers(headers).body(body).send().await;
        let answer = sent.map_err(|error| failed(error, &self.config.endpoint))?;
        Ok(read(answer).await)
    }
}

impl<'r> WorkspaceRequest<'r> {
    fn body(self) -> &'r str {
        match self {
            Self::Events(body) | Self::Logs(body) | Self::Event(body) => body,
        }
    }

    fn is_lines(self) -> bool {
        !matches!(self, Self::Event(_))
    }

    fn content_type(self) -> &'static str {
        if self.is_lines() {
            "text/plain; charset=utf-8"
        } else {
            "application/json;charset=UTF-8"
        }
    }
}

impl WorkspaceConfig {
    /// Returns the URL of a request. The URL contains the secret, so it must not be logged or shown.
    fn url(&self, request: WorkspaceRequest<'_>, secret: &Secret) -> String {
        let path = match (request, self.route) {
            (WorkspaceRequest::Events(_), _) => "/v1/write/keyevent".to_owned(),
            (WorkspaceRequest::Logs(_), _) => "/v1/write/logging".to_owned(),
            (WorkspaceRequest::Event(_), Route::PushEvent) => {
                format!(
                    "/api/v1/push-events/{}",
                    secret.push_path().unwrap_or_default()
                )
            }
            (WorkspaceRequest::Event(_), _) => "/api/v1/events/create".to_owned(),
        };
        match secret.token().filter(|_| self.route == Route::Dataway) {
            Some(token) => format!("{}{path}?token={}", self.endpoint, encoded(token, '%')),
            None => format!("{}{path}", self.endpoint),
        }
    }

    fn client(&self) -> Result<Client, String> {
        let tls = tls::config(self.trusted()?)?;
        let client = Client::builder()
            .use_preconfigured_tls(tls)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.patience)
            .dns_resolver(Arc::new(CheckedResolver(self.allowed)));
        client
            .build()
            .map_err(|error| format!("cannot create the HTTP client: {}", describe(error)))
    }

    /// Returns the trusted certificates: those of the system and those of `ca_file`.
    fn trusted(&self) -> Result<RootCertStore, String> {
        let mut trusted = RootCertStore::empty();
        tls::trust_system(&mut trusted);
        if let Some(path) = &self.ca_file {
            let wrong = |detail: &dyn fmt::Display| format!("GUANCE_CA_FILE: {detail}");
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                trusted.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
        Ok(trusted)
    }
}

/// A DNS resolver that fails if a name has a forbidden address.
///
/// The check is part of the resolution, so that the connection uses exactly the checked addresses.
struct CheckedResolver(AllowedHosts);

/// A host name that resolves to a forbidden address.
#[derive(Debug, thiserror::Error)]
#[error("the host name resolves to {0}, which must not be connected to")]
struct Forbidden(IpAddr);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut forbidden = found
                .iter()
                .filter(|address| !may_connect(address.ip(), allowed));
            match forbidden.next() {
                Some(address) => Err(Forbidden(address.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// Reads an answer up to the size limit. An answer that breaks off or is too long is returned as not whole.
async fn read(mut answer: reqwest::Response) -> Response {
    let header = |name: HeaderName| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let mut response = Response {
        status: answer.status().as_u16(),
        retry_after: header(RETRY_AFTER),
        date: header(DATE),
        body: Vec::new(),
        is_whole: false,
    };
    while response.body.len() < ANSWER_BYTES_MAX {
        match answer.chunk().await {
            Ok(Some(bytes)) => {
                let space = ANSWER_BYTES_MAX - response.body.len();
                response
                    .body
                    .extend_from_slice(&bytes[..bytes.len().min(space)]);
            }
            Ok(None) => {
                response.is_whole = true;
                break;
            }
            Err(_) => break,
        }
    }
    response
}

/// Returns the text of an answer.
fn said(answer: SinkAnswer) -> String {
    match answer {
        SinkAnswer::Accepted(why)
        | SinkAnswer::Rejected(why)
        | SinkAnswer::TooLong(why)
        | SinkAnswer::Refused(why)
        | SinkAnswer::Busy { why, .. }
        | SinkAnswer::Unreachable(why) => why,
    }
}

/// Converts the error of a request without an answer to an answer.
fn failed(error: reqwest::Error, endpoint: &Endpoint) -> SinkAnswer {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return SinkAnswer::Refused(format!("{}: {forbidden}", endpoint.host()));
        }
        source = cause.source();
    }
    SinkAnswer::Unreachable(format!("{}: {}", endpoint.host(), describe(error)))
}

/// Returns an error as text, without the URL.
fn describe(error: reqwest::Error) -> String {
    let what = match &error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "cannot connect",
        error if error.is_body() => "the answer was cut off",
        _ => "the request failed",
    };
    let text = with_causes(what, &error.without_url());
    sanitize(&text, WHY_CHARS_MAX)
}
