//! What the server has: the page with its script and its style, what is shown in it, and answers to
//! events.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::task::spawn_blocking;

use crate::serve::function::LocalWidget;
use crate::serve::{Server, guard};
use crate::{output, said};

/// What the page may do: run its own script, ask its own server, and nothing else. Widgets bring
/// their style within.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// What answers; one after another.
type Answers = Arc<Mutex<LocalWidget>>;

/// Returns what a server has.
pub fn router(server: Server, function: Answers) -> Router {
    let page = || file(HTML, include_str!("dashboard.html"));
    let script = || file(SCRIPT, include_str!("dashboard.js"));
    let style = || file(STYLE, include_str!("dashboard.css"));
    let about = |State(function): State<Answers>| ask(function, LocalWidget::about);
    let answer =
        |State(function): State<Answers>, event: String| ask(function, move |of| of.answer(&event));
    Router::new()
        .route("/", get(page))
        .route("/dashboard.js", get(script))
        .route("/dashboard.css", get(style))
        // A browser asks for it without being told to.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/about", get(about))
        .route("/widget", post(answer))
        .with_state(function)
        // Whatever comes so far has been measured.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(server, guard::check))
        .layer(map_response(harden))
}

async fn file(content_type: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], content).into_response()
}

/// Runs a request on the store's thread. Requests are answered one at a time.
async fn ask(
    function: Answers,
    question: impl FnOnce(&mut LocalWidget) -> anyhow::Result<String> + Send + 'static,
) -> Response {
    let asked = spawn_blocking(move || {
        // Whatever panicked has left nothing half-done that is used again.
        let mut function = function.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut function)
    });
    match asked.await {
        Ok(Ok(json)) => ([(CONTENT_TYPE, JSON)], json).into_response(),
        Ok(Err(error)) => {
            let said = said(&error);
            output::complain(&said);
            (StatusCode::INTERNAL_SERVER_ERROR, said).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Adds to an answer what a browser is to do with it, and what not.
async fn harden(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
