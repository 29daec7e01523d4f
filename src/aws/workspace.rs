//! A workspace of Guance over HTTP: one request, one answer, and nothing that leads elsewhere.
//!
//! It connects only to addresses that were looked at, follows no redirect, uses no proxy, reads so
//! much of an answer and no more, and gives up in time. Its token stands in the URL, so no URL is ever
//! told. The client is made when it is first used, as it reads all certificates of the system.
//!
//! The submodule makes a sink of it, and is known here only to be handed on.

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
use clusters::packed::gzip;
use records::redact::sanitize;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use service::ports::{SecretStore, SecretStoreError, with_causes};

pub use crate::workspace::sink::GuanceSink;

/// How long it may take to be connected.
const CONNECT_SECONDS: Duration = Duration::from_secs(3);

/// How long a request may take, its answer included.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The longest body that is sent, before it is packed; what is longer has to be split.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// From how many bytes on a body is packed.
const PACKED_BYTES_MIN: usize = 1024;

/// How long a secret is kept.
const KEPT_SECONDS: Duration = Duration::from_secs(300);

/// How long a secret is not fetched again, whoever asks for it.
const FETCHED_SECONDS: Duration = Duration::from_secs(60);

/// How much of an error is repeated.
const WHY_CHARS_MAX: usize = 200;

/// One of the vendor's gateways refuses who does not say what it is.
const USER_AGENT: &str = concat!("cloudtrail-inspector/", env!("CARGO_PKG_VERSION"));

/// What the Open API takes its key in.
const API_KEY: HeaderName = HeaderName::from_static("df-api-key");

/// Where a workspace is and what may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceConfig {
    /// The way in.
    pub route: Route,
    /// Where that is.
    pub endpoint: Endpoint,
    /// What may be connected to.
    pub allowed: AllowedHosts,
    /// A file with certificates to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take, its answer included: [`PATIENCE`], but for tests.
    pub patience: Duration,
}

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceRequest<'r> {
    /// Events in line protocol.
    Events(&'r str),
    /// Log entries in line protocol.
    Logs(&'r str),
    /// One event as JSON, as its route wants it.
    Event(&'r str),
}

/// A workspace of Guance.
#[derive(Debug)]
pub struct Workspace<V> {
    place: WorkspaceConfig,
    vault: V,
    client: OnceCell<Client>,
    kept: Option<CachedSecret>,
    /// Whether the secret was refused and should be fetched again.
    is_doubted: bool,
}

/// A secret, or why there is none, and since when.
#[derive(Debug)]
struct CachedSecret {
    secret: Result<Secret, SinkAnswer>,
    since: Instant,
}

impl<V: SecretStore> Workspace<V> {
    /// Returns a workspace; nothing is connected to before the first request.
    pub fn new(place: WorkspaceConfig, vault: V) -> Self {
        Self {
            place,
            vault,
            client: OnceCell::new(),
            kept: None,
            is_doubted: false,
        }
    }

    /// Returns the way in.
    pub fn route(&self) -> Route {
        self.place.route
    }

    /// Has the secret fetched again before the next request, but not more than once a minute.
    pub fn doubt_secret(&mut self) {
        self.is_doubted = true;
    }

    /// Sends a request.
    pub async fn post(&mut self, request: WorkspaceRequest<'_>) -> SinkAnswer {
        let body = request.body();
        if body.len() > BODY_BYTES_MAX {
            return SinkAnswer::TooLong(format!("{} bytes before it is sent", body.len()));
        }
        let secret = match self.secret().await {
            Ok(secret) => secret,
            Err(answered) => return answered,
        };
        match self.send(request, &secret).await {
            Ok(mut response) => {
                // Before it is cut short, which could leave half of a secret that it repeats.
                let body = secret.mask(&String::from_utf8_lossy(&response.body));
                response.body = body.into_bytes();
                response.answered(self.place.route)
            }
            Err(answered) => answered,
        }
    }

    /// Returns the secret, from the vault where it is time to ask there.
    async fn secret(&mut self) -> Result<Secret, SinkAnswer> {
        if !self.place.route.needs_secret() {
            return Ok(Secret::default());
        }
        if let Some(kept) = &self.kept {
            let age = kept.since.elapsed();
            let is_wanted = self.is_doubted || kept.secret.is_err() || age >= KEPT_SECONDS;
            if !is_wanted || age < FETCHED_SECONDS {
                return kept.secret.clone();
            }
        }
        let secret = match self.vault.secret().await {
            Ok(text) => Secret::parse(&text, self.place.route)
                .map_err(|wanting| SinkAnswer::Refused(wanting.to_string())),
            Err(error @ SecretStoreError::Refused { .. }) => {
                Err(SinkAnswer::Refused(error.to_string()))
            }
            // An old secret may still do; it is asked for again next time.
            Err(error @ SecretStoreError::Unavailable { .. }) => {
                return match &self.kept {
                    Some(CachedSecret {
                        secret: Ok(old), ..
                    }) => Ok(old.clone()),
                    _ => Err(SinkAnswer::Unreachable(error.to_string())),
                };
            }
        };
        self.is_doubted = false;
        self.kept = Some(CachedSecret {
            secret: secret.clone(),
            since: Instant::now(),
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
                let made = self.place.client().map_err(SinkAnswer::Refused)?;
                self.client.get_or_init(|| made)
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(request.content_type()),
        );
        if let Some(key) = secret.api_key().filter(|_| !request.is_lines()) {
            let mut key = HeaderValue::from_str(key)
                .map_err(|_| SinkAnswer::Refused("the api_key fits in no header".to_owned()))?;
            key.set_sensitive(true);
            headers.insert(API_KEY, key);
        }
        let mut body = request.body().as_bytes().to_vec();
        if request.is_lines() && body.len() >= PACKED_BYTES_MIN {
            body = gzip(&body);
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let url = self.place.url(request, secret);
        let sent = client.post(url).headers(headers).body(body).send().await;
        let answer = sent.map_err(|error| failed(error, &self.place.endpoint))?;
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
    /// Returns the URL of a request. It has the secret in it and is shown to nobody.
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
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("no TLS: {error}"))?
            .with_root_certificates(self.trusted()?)
            .with_no_client_auth();
        let client = Client::builder()
            .use_preconfigured_tls(tls)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_SECONDS)
            .timeout(self.patience)
            .dns_resolver(Arc::new(Checked(self.allowed)));
        client
            .build()
            .map_err(|error| format!("no HTTP client: {}", told(error)))
    }

    /// Returns the certificates that are trusted.
    fn trusted(&self) -> Result<RootCertStore, String> {
        let mut trusted = RootCertStore::empty();
        // One that cannot be read is none to trust; if none is left, no connection can be made.
        trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
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

/// Resolves names, and hands over no address that must not be connected to: what was looked at is
/// what is connected to.
struct Checked(AllowedHosts);

/// A name that leads to an address that must not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("its name leads to {0}, which must not be connected to")]
struct Forbidden(IpAddr);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut forbidden = found.iter().filter(|one| !may_connect(one.ip(), allowed));
            match forbidden.next() {
                Some(one) => Err(Forbidden(one.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// Reads an answer, but not for ever: what does not come in time or is too long is left.
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
                let room = ANSWER_BYTES_MAX - response.body.len();
                response
                    .body
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
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

/// Says what a request that got no answer means.
fn failed(error: reqwest::Error, endpoint: &Endpoint) -> SinkAnswer {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return SinkAnswer::Refused(format!("{}: {forbidden}", endpoint.host()));
        }
        source = cause.source();
    }
    SinkAnswer::Unreachable(format!("{}: {}", endpoint.host(), told(error)))
}

/// Returns an error in words, without the URL.
fn told(error: reqwest::Error) -> String {
    let what = match &error {
        error if error.is_timeout() => "no answer in time",
        error if error.is_connect() => "cannot be connected to",
        error if error.is_body() => "the answer broke off",
        _ => "the request failed",
    };
    let told = with_causes(what, &error.without_url());
    sanitize(&told, WHY_CHARS_MAX)
}
