//! Routes of the server: the page with script and style, information about the store, and answers to widget events.

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
use crate::{error_text, output};

/// Content security policy: the page may only run its own script and send requests to its own server.
///
/// Inline styles are allowed, because the HTML of widgets contains its styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// The widget, which answers one request after another.
type Answers = Arc<Mutex<LocalWidget>>;

/// Returns the routes of the local server: the page with its files, `/about` and `/widget`. `function` answers the
/// last two.
///
/// [`guard::check`] checks every request first, with the port and the token of `server`.
pub fn router(server: Server, function: Answers) -> Router {
    let page = || file(HTML, include_str!("dashboard.html"));
    let script = || file(SCRIPT, include_str!("dashboard.js"));
    let words = || file(SCRIPT, include_str!("words.js"));
    let style = || file(STYLE, include_str!("dashboard.css"));
    let about = |State(function): State<Answers>| ask(function, LocalWidget::about);
    let answer =
        |State(function): State<Answers>, event: String| ask(function, move |of| of.answer(&event));
    Router::new()
        .route("/", get(page))
        .route("/dashboard.js", get(script))
        .route("/words.js", get(words))
        .route("/dashboard.css", get(style))
        // Browsers request this path by themselves.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/about", get(about))
        .route("/widget", post(answer))
        .with_state(function)
        // `guard::check` has already limited the size of the body.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(server, guard::check))
        .layer(map_response(harden))
}

async fn file(content_type: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], content).into_response()
}

/// Runs a request on a thread for blocking calls. The lock lets only one request run at the same time.
async fn ask(
    function: Answers,
    question: impl FnOnce(&mut LocalWidget) -> anyhow::Result<String> + Send + 'static,
) -> Response {
    let asked = spawn_blocking(move || {
        // After a panic the widget can still be used: an incomplete list is never cached.
        let mut function = function.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut function)
    });
    match asked.await {
        Ok(Ok(json)) => ([(CONTENT_TYPE, JSON)], json).into_response(),
        Ok(Err(error)) => {
            let text = error_text(&error);
            output::complain(&text);
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Adds security headers and `Cache-Control: no-store` to a response.
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
