//! `serve`: shows the custom widget of the CloudWatch dashboard in a browser, from a server on this machine.
//!
//! The page of the server does for the widget what the CloudWatch console does.

mod function;
mod guard;
mod site;
mod token;

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use clap::Args;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::machine::runtime;
use crate::open_store::StoreArguments;
use crate::output;
use crate::serve::function::LocalWidget;
use crate::serve::token::Token;

/// Default port.
const PORT: u16 = 8765;

/// Time limit for receiving the head of a request, and again for its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum number of connections at once. A browser opens about six. Further clients wait until a connection ends.
const CONNECTIONS_MAX: usize = 64;

/// Time after which a connection ends: after its current request, or one such time later in any case. A client that does
/// not read its answer cannot hold its connection longer.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// Pause after a connection could not be accepted, for example because too many files are open.
const PAUSE: Duration = Duration::from_secs(1);

/// Settings of one server.
#[derive(Clone)]
struct Server {
    port: u16,
    token: Arc<Token>,
    patience: Duration,
}

/// Show clusters in a browser, as the CloudWatch dashboard does, and manage them there
///
/// Serves the page on 127.0.0.1 only and prints its address. The address contains a secret token, so that other users
/// of this machine cannot open the page: do not share it. Stop with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector scan --db trail.db AWSLogs/ && cloudtrail-inspector serve --db trail.db\n  \
    cloudtrail-inspector serve --stack errors\n  \
    cloudtrail-inspector serve --table errors-Table-1X2Y3Z --port 0")]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    /// The port to listen on; 0 uses a free port
    #[arg(long, value_name = "N", default_value_t = PORT)]
    port: u16,
}

/// Runs `serve`: prints the address of the page and answers requests until Ctrl-C or SIGTERM.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let function = LocalWidget::open(&arguments.store)?;
    let function = Arc::new(Mutex::new(function));
    let runtime = runtime()?;
    let served = runtime.block_on(serve(arguments.port, &function));
    // Every write to the store is a transaction, so it is safe to stop without waiting for open requests.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(port: u16, function: &Arc<Mutex<LocalWidget>>) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener
        .with_context(|| format!("cannot listen on port {port}; use --port 0 for a free port"))?;
    let port = listener.local_addr()?.port();
    let token = Arc::new(Token::new(port)?);
    let address = format!("http://127.0.0.1:{port}/?{}\n", token.query());
    let server = Server {
        port,
        token,
        patience: PATIENCE,
    };
    let site = site::router(server, Arc::clone(function));
    // Before the address is printed, so that a signal sent right after it is handled.
    let end = end()?;
    output::print(&address)?;
    tokio::select! {
        () = accept(&listener, &site, PATIENCE) => {}
        () = end => {}
    }
    Ok(())
}

/// Accepts connections and answers their requests; does not return. A client that is silent too long is disconnected.
async fn accept(listener: &TcpListener, site: &Router, patience: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed, so there is always a place in the end.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(site.clone());
                let connection = http.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    let mut connection = pin!(connection);
                    // An error of one connection does not concern the others.
                    if timeout(CONNECTION_LIFE, &mut connection).await.is_err() {
                        connection.as_mut().graceful_shutdown();
                        drop(timeout(CONNECTION_LIFE, connection).await);
                    }
                    drop(place);
                });
            }
            // Only this client has left.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                output::complain(&format!(
                    "error: cannot accept new connections for now: {error}"
                ));
                sleep(PAUSE).await;
            }
        }
    }
}

/// Returns a future that completes at Ctrl-C (SIGINT) or SIGTERM; both are caught from the call on.
#[cfg(unix)]
fn end() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Returns a future that completes at Ctrl-C.
#[cfg(not(unix))]
fn end() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::thread;

    use axum::middleware::from_fn_with_state;
    use axum::routing::post;

    use super::*;

    /// Sends the beginning of a request and returns all bytes received until the connection is closed.
    fn answered(port: u16, beginning: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn a_client_that_sends_half_a_request_is_disconnected() {
        let runtime = runtime().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server {
            port,
            token: Arc::new(Token::new(port).unwrap()),
            patience: Duration::from_millis(200),
        };
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {}\r\nContent-Type: application/json\r\n",
            server.token.set_cookie()
        );
        let site = Router::new().route("/", post(async || "all of it"));
        let site = site.layer(from_fn_with_state(server, guard::check));
        runtime.spawn(async move { accept(&listener, &site, Duration::from_millis(200)).await });
        // Without the time limits each of these would wait for ever.
        let silent: Vec<_> = ["", "POST / HT", &head]
            .map(str::to_owned)
            .into_iter()
            .map(|beginning| thread::spawn(move || answered(port, &beginning)))
            .collect();
        let slow = answered(port, &format!("{head}Content-Length: 2\r\n\r\n{{"));
        assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
        for answer in silent {
            let answer = answer.join().unwrap();
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        let whole = answered(
            port,
            &format!("{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"),
        );
        assert!(whole.ends_with("all of it"), "{whole}");
    }
}
