//! `serve`: the custom widget of a dashboard on this machine, with a page that does what the dashboard's
//! console does.

mod function;
mod guard;
mod site;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use crate::kept::KeptArguments;
use crate::machine::runtime;
use crate::output;
use crate::serve::function::Function;

/// Where the page is unless somebody wants it elsewhere.
const PORT: u16 = 8765;

/// Look at clusters in a browser, as a dashboard's widget shows them, and decide about them
///
/// The page is on this machine alone, at the address that is printed. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector scan --db trail.db AWSLogs/ && cloudtrail-inspector serve --db trail.db\n  \
    cloudtrail-inspector serve --stack errors\n  \
    cloudtrail-inspector serve --table errors-Table-1X2Y3Z --port 0")]
pub struct Arguments {
    #[command(flatten)]
    kept: KeptArguments,
    /// The port on this machine; 0 takes one that is free
    #[arg(long, value_name = "N", default_value_t = PORT)]
    port: u16,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let function = Function::open(&arguments.kept)?;
    let function = Arc::new(Mutex::new(function));
    let runtime = runtime()?;
    let served = runtime.block_on(serve(arguments.port, &function));
    // What is written is written as a whole, so nothing has to be waited for.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(port: u16, function: &Arc<Mutex<Function>>) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| {
        format!(
            "port {port} of this machine cannot be listened on; --port 0 takes one that is free"
        )
    })?;
    let port = listener.local_addr()?.port();
    let site = site::router(port, Arc::clone(function));
    // Whoever ends it right after it has said where it is ends it as told.
    let end = end()?;
    output::print(&format!("http://127.0.0.1:{port}/\n"))?;
    tokio::select! {
        served = axum::serve(listener, site) => served?,
        () = end => {}
    }
    Ok(())
}

/// Waits for Ctrl-C, or for what ends a process politely.
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

/// Waits for Ctrl-C.
#[cfg(not(unix))]
fn end() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
