//! A Guance workspace over real TLS. The server of each test answers by a script, or not at all.

use std::cell::{Cell, RefCell};
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use alerts::guance::endpoint::{AllowedHosts, Endpoint};
use alerts::guance::route::Route;
use alerts::outbox::SinkAnswer;
use aws::workspace::{PATIENCE, Workspace, WorkspaceConfig, WorkspaceRequest};
use flate2::bufread::MultiGzDecoder;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use service::ports::{SecretStore, SecretStoreError};
use zeroize::Zeroizing;

use crate::{fixtures, http};

const TOKEN: &str = "tkn_0123456789abcdef0123456789abcdef";

const KEYS: &str =
    r#"{"api_key": "key-of-the-open-api", "push_secret": "0a1b2c3d4e5f/aws/cloudtrail"}"#;

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The certificate authority of the servers; `tests/fixtures/tls/make.sh` creates it.
const AUTHORITY: &str = "tls/authority.pem";

/// Returns the TLS configuration of a server with the certificate of a name.
fn showing(certificate: &str) -> Arc<ServerConfig> {
    let pem = |name: &str| fixtures::path("tls").join(name).with_extension("pem");
    let certificate = CertificateDer::from_pem_file(pem(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(pem("server-key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// Returns the decompressed body of a request.
fn body_of(request: &http::Request) -> String {
    let mut body = String::new();
    let read = match request.header("content-encoding") {
        Some("gzip") => MultiGzDecoder::new(&*request.body).read_to_string(&mut body),
        _ => (&*request.body).read_to_string(&mut body),
    };
    read.unwrap();
    body
}

type Connection = StreamOwned<ServerConnection, TcpStream>;

/// A server that answers each connection with a given behaviour.
struct Server {
    port: u16,
    arrived: Receiver<http::Request>,
}

impl Server {
    fn start(answer: impl Fn(&mut Connection) + Send + 'static) -> Self {
        Self::with(showing("localhost"), answer)
    }

    fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |stream| stream.write_all(answer.as_bytes()).unwrap())
    }

    fn with(config: Arc<ServerConfig>, answer: impl Fn(&mut Connection) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, arrived) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, stream.unwrap());
                // Who does not trust the certificate goes without a request.
                if let Some(arrived) = http::Request::read(&mut BufReader::new(&mut stream)) {
                    // A test that is over has heard enough.
                    let _ = send.send(arrived);
                    answer(&mut stream);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Self { port, arrived }
    }

    fn place(&self, route: Route) -> WorkspaceConfig {
        place(route, self.port)
    }
}

fn place(route: Route, port: u16) -> WorkspaceConfig {
    let allowed = AllowedHosts {
        custom: true,
        private: true,
    };
    let url = format!("https://localhost:{port}");
    WorkspaceConfig {
        route,
        endpoint: Endpoint::parse(&url, route, allowed).unwrap(),
        allowed,
        ca_file: Some(fixtures::path(AUTHORITY)),
        patience: PATIENCE,
    }
}

/// A secret store that counts the requests.
#[derive(Default)]
struct Counted {
    asked: Cell<u32>,
    says: RefCell<String>,
}

impl Counted {
    fn of(secret: &str) -> Self {
        Self {
            says: RefCell::new(secret.to_owned()),
            ..Self::default()
        }
    }
}

impl SecretStore for &Counted {
    async fn secret(&self) -> Result<Zeroizing<String>, SecretStoreError> {
        self.asked.set(self.asked.get() + 1);
        Ok(Zeroizing::new(self.says.borrow().clone()))
    }
}

/// Sends once, and asserts that no error or log contains the token.
fn post(place: WorkspaceConfig, secret: &str, request: WorkspaceRequest<'_>) -> SinkAnswer {
    let vault = Counted::of(secret);
    let mut workspace = Workspace::new(place, &vault);
    let answered = block_on(workspace.post(request));
    let told = format!("{answered:?} {workspace:?}", workspace = workspace.route());
    assert!(
        !told.contains("0123456789abcdef") && !told.contains("0a1b2c3d4e5f"),
        "{told}"
    );
    answered
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

#[test]
fn points_go_to_the_gateway_with_the_token_and_packed_if_they_are_long() {
    let server = Server::answering(ACCEPTED);
    let short = "monitor,df_source=monitor df_title=\"a\" 1700000000000000000";
    let long = short.repeat(100);
    for (request, path) in [
        (WorkspaceRequest::Events(short), "keyevent"),
        (WorkspaceRequest::Events(&long), "keyevent"),
        (WorkspaceRequest::Logs(short), "logging"),
    ] {
        let answered = post(server.place(Route::Dataway), TOKEN, request);
        assert_eq!(answered, SinkAnswer::Accepted("HTTP 200".to_owned()));
        let arrived = server.arrived.recv().unwrap();
        let line = format!("POST /v1/write/{path}?token={TOKEN} HTTP/1.1");
        assert_eq!(arrived.line, line);
        assert_eq!(
            arrived.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let agent = arrived.header("user-agent").unwrap();
        assert!(agent.starts_with("cloudtrail-inspector/"), "{agent}");
        let (WorkspaceRequest::Events(body)
        | WorkspaceRequest::Logs(body)
        | WorkspaceRequest::Event(body)) = request;
        assert_eq!(body_of(&arrived), body);
        assert_eq!(
            arrived.header("content-encoding").is_some(),
            body.len() > 1000
        );
        assert_eq!(arrived.header("df-api-key"), None);
    }
}

#[test]
fn a_datakit_is_sent_no_token() {
    let server = Server::answering(ACCEPTED);
    let answered = post(
        server.place(Route::Datakit),
        TOKEN,
        WorkspaceRequest::Events("m f=1i"),
    );
    assert_eq!(answered, SinkAnswer::Accepted("HTTP 200".to_owned()));
    let arrived = server.arrived.recv().unwrap();
    assert_eq!(arrived.line, "POST /v1/write/keyevent HTTP/1.1");
}

#[test]
fn events_of_the_open_api_have_the_key_in_a_header() {
    let body = r#"{"code":200,"content":{"ok":true,"error":200},"success":true}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Server::answering(answer);
    for (route, path) in [
        (
            Route::PushEvent,
            "/api/v1/push-events/0a1b2c3d4e5f/aws/cloudtrail",
        ),
        (Route::CustomEvent, "/api/v1/events/create"),
    ] {
        let answered = post(server.place(route), KEYS, WorkspaceRequest::Event("{}"));
        assert_eq!(answered, SinkAnswer::Accepted("HTTP 200".to_owned()));
        let arrived = server.arrived.recv().unwrap();
        assert_eq!(arrived.line, format!("POST {path} HTTP/1.1"));
        assert_eq!(arrived.header("df-api-key"), Some("key-of-the-open-api"));
        assert_eq!(
            arrived.header("content-type"),
            Some("application/json;charset=UTF-8")
        );
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering(ACCEPTED);
    let answer = format!(
        "HTTP/1.1 301 Moved\r\nLocation: https://localhost:{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.port
    );
    let server = Server::answering(answer);
    let answered = post(
        server.place(Route::Dataway),
        TOKEN,
        WorkspaceRequest::Events("m f=1i"),
    );
    assert_eq!(answered, SinkAnswer::Refused("HTTP 301".to_owned()));
    assert!(elsewhere.arrived.try_recv().is_err());
}

#[test]
fn an_answer_that_repeats_the_secret_is_masked_even_where_it_is_cut() {
    for offset in 150..200 {
        let message = format!("{}{TOKEN}", "x".repeat(offset));
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{message}",
            message.len()
        );
        let server = Server::answering(answer);
        let answered = post(
            server.place(Route::Dataway),
            TOKEN,
            WorkspaceRequest::Events("m f=1i"),
        );
        assert!(!format!("{answered:?}").contains("tkn_"), "{answered:?}");
    }
}

#[test]
fn what_does_not_come_in_time_is_not_waited_for() {
    let hurried = |server: &Server, route| WorkspaceConfig {
        patience: Duration::from_millis(500),
        ..server.place(route)
    };
    let hang = || std::thread::sleep(Duration::from_secs(30));
    let never = Server::start(move |_| hang());
    let half = Server::start(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap();
        hang();
    });
    let drops = Server::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"x").is_ok() && stream.flush().is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    for (server, route, is_accepted) in [
        (&never, Route::Dataway, false),
        (&half, Route::Dataway, false),
        // The gateway has already sent the status line, which is enough; for a monitor it is not.
        (&drops, Route::Dataway, true),
        (&drops, Route::PushEvent, false),
    ] {
        let started = Instant::now();
        let (secret, request) = match route {
            Route::PushEvent => (KEYS, WorkspaceRequest::Event("{}")),
            _ => (TOKEN, WorkspaceRequest::Events("m f=1i")),
        };
        let answered = post(hurried(server, route), secret, request);
        assert!(started.elapsed() < Duration::from_secs(5), "{answered:?}");
        match answered {
            SinkAnswer::Accepted(_) => assert!(is_accepted),
            SinkAnswer::Unreachable(_) => assert!(!is_accepted),
            other => unreachable!("{other:?}"),
        }
    }
}

#[test]
fn of_an_answer_without_an_end_only_the_beginning_is_read() {
    let (send, written) = channel();
    let server = Server::start(move |stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        let mut bytes = 0;
        while stream.write_all(&[b'x'; 4096]).is_ok() {
            bytes += 4096;
        }
        send.send(bytes).unwrap();
    });
    let started = Instant::now();
    let answered = post(
        server.place(Route::Dataway),
        TOKEN,
        WorkspaceRequest::Events("m f=1i"),
    );
    assert!(matches!(answered, SinkAnswer::Rejected(_)), "{answered:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // What the network holds in between comes on top of what was read.
    let bytes: u64 = written.recv().unwrap();
    assert!(bytes < 32 * 1024 * 1024, "{bytes}");
}

#[test]
fn who_cannot_be_trusted_or_reached_is_sent_nothing() {
    let expired = showing("expired");
    let misnamed = showing("elsewhere");
    let nothing = |_: &mut Connection| {};
    let expired = Server::with(expired, nothing);
    let misnamed = Server::with(misnamed, nothing);
    let untrusted = Server::start(nothing);
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let allowed = place(Route::Dataway, 1).allowed;
    let nowhere = Endpoint::parse("https://nowhere.invalid", Route::Dataway, allowed).unwrap();
    for place in [
        expired.place(Route::Dataway),
        misnamed.place(Route::Dataway),
        WorkspaceConfig {
            ca_file: None,
            ..untrusted.place(Route::Dataway)
        },
        place(Route::Dataway, closed),
        WorkspaceConfig {
            endpoint: nowhere,
            ..place(Route::Dataway, closed)
        },
    ] {
        let answered = post(place, TOKEN, WorkspaceRequest::Events("m f=1i"));
        assert!(
            matches!(answered, SinkAnswer::Unreachable(_)),
            "{answered:?}"
        );
    }
    for server in [expired, misnamed, untrusted] {
        assert!(server.arrived.try_recv().is_err());
    }
}

#[test]
fn a_name_that_leads_into_a_private_network_is_not_connected_to() {
    let server = Server::answering(ACCEPTED);
    let place = WorkspaceConfig {
        allowed: AllowedHosts {
            custom: true,
            private: false,
        },
        ..server.place(Route::Dataway)
    };
    let answered = post(place, TOKEN, WorkspaceRequest::Events("m f=1i"));
    let SinkAnswer::Refused(why) = &answered else {
        unreachable!("{answered:?}");
    };
    assert!(why.contains("must not be connected to"), "{why}");
    assert!(server.arrived.try_recv().is_err());
}

#[test]
fn what_is_too_long_is_not_sent() {
    let server = Server::answering(ACCEPTED);
    let long = "x".repeat(1024 * 1024 + 1);
    let answered = post(
        server.place(Route::Dataway),
        TOKEN,
        WorkspaceRequest::Events(&long),
    );
    assert!(matches!(answered, SinkAnswer::TooLong(_)), "{answered:?}");
    assert!(server.arrived.try_recv().is_err());
}

#[test]
fn a_file_of_certificates_that_is_none_is_told() {
    let server = Server::answering(ACCEPTED);
    let place = WorkspaceConfig {
        ca_file: Some("/nowhere/authority.pem".into()),
        ..server.place(Route::Dataway)
    };
    let answered = post(place, TOKEN, WorkspaceRequest::Events("m f=1i"));
    let SinkAnswer::Refused(why) = &answered else {
        unreachable!("{answered:?}");
    };
    assert!(why.starts_with("GUANCE_CA_FILE"), "{why}");
}

#[test]
fn the_secret_is_kept_and_not_fetched_more_than_once_a_minute() {
    let server = Server::answering(ACCEPTED);
    let vault = Counted::of(TOKEN);
    let mut workspace = Workspace::new(server.place(Route::Dataway), &vault);
    for _ in 0..3 {
        block_on(workspace.post(WorkspaceRequest::Events("m f=1i")));
        workspace.refresh_secret();
    }
    assert_eq!(vault.asked.get(), 1);
    let debug = format!(
        "{:?}",
        block_on(workspace.post(WorkspaceRequest::Events("m f=1i")))
    );
    assert!(!debug.contains(TOKEN));
}

#[test]
fn a_secret_that_does_not_do_is_told_and_not_fetched_for_each_alert() {
    let server = Server::answering(ACCEPTED);
    let vault = Counted::of("");
    let mut workspace = Workspace::new(server.place(Route::Dataway), &vault);
    for _ in 0..3 {
        let answered = block_on(workspace.post(WorkspaceRequest::Events("m f=1i")));
        assert_eq!(
            answered,
            SinkAnswer::Refused("the secret has no token".to_owned())
        );
    }
    assert_eq!(vault.asked.get(), 1);
    assert!(server.arrived.try_recv().is_err());
}
