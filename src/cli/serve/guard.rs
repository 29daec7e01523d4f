//! Who may ask the page's server: the page itself, in a browser on this machine.
//!
//! Any page that is open in a browser can send requests to this machine, and a name that its owner
//! points here makes them look like its own. So a request has to be meant for this very address, and
//! to come from it where it says where from.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Answers a request that the page has sent, and refuses any other.
pub async fn check(State(port): State<u16>, request: Request, next: Next) -> Response {
    match refusal(port, request.method(), request.headers()) {
        Some((code, why)) => (code, why).into_response(),
        None => next.run(request).await,
    }
}

/// Returns why a request is refused.
fn refusal(port: u16, method: &Method, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let host = one(headers, &HOST).unwrap_or_default();
    let is_ours = |name: &str| {
        // A browser leaves the usual port out.
        host.eq_ignore_ascii_case(&format!("{name}:{port}"))
            || (port == 80 && host.eq_ignore_ascii_case(name))
    };
    if !is_ours("127.0.0.1") && !is_ours("localhost") {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "This is the address of another server.\n",
        ));
    }
    if headers.contains_key(ORIGIN) {
        let origin = one(headers, &ORIGIN).unwrap_or_default();
        if !origin.eq_ignore_ascii_case(&format!("http://{host}")) {
            return Some((StatusCode::FORBIDDEN, "Another page may not ask.\n"));
        }
    }
    let content = one(headers, &CONTENT_TYPE).unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    if method == Method::POST && !content.eq_ignore_ascii_case("application/json") {
        return Some((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "An event is application/json.\n",
        ));
    }
    None
}

/// Returns a header that is there once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(port: u16, method: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        refusal(port, &method, &map).map(|(code, _)| code.as_u16())
    }

    #[test]
    fn only_the_page_itself_may_ask() {
        const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
        let host = |of| ("host", of);
        let origin = |of| ("origin", of);
        for (headers, code) in [
            (vec![host("127.0.0.1:8765"), JSON], None),
            (vec![host("LocalHost:8765"), JSON], None),
            (vec![JSON], Some(421)),
            (vec![host("127.0.0.1"), JSON], Some(421)),
            (vec![host("127.0.0.1:80"), JSON], Some(421)),
            (vec![host("evil.example:8765"), JSON], Some(421)),
            (vec![host("127.0.0.1:8765.evil.example"), JSON], Some(421)),
            (
                vec![host("127.0.0.1:8765"), host("evil.example"), JSON],
                Some(421),
            ),
            (
                vec![
                    host("127.0.0.1:8765"),
                    origin("http://127.0.0.1:8765"),
                    JSON,
                ],
                None,
            ),
            (
                vec![
                    host("127.0.0.1:8765"),
                    origin("http://localhost:8765"),
                    JSON,
                ],
                Some(403),
            ),
            (
                vec![
                    host("127.0.0.1:8765"),
                    origin("https://127.0.0.1:8765"),
                    JSON,
                ],
                Some(403),
            ),
            (
                vec![
                    host("127.0.0.1:8765"),
                    origin("http://127.0.0.1:8766"),
                    JSON,
                ],
                Some(403),
            ),
            (
                vec![host("127.0.0.1:8765"), origin("null"), JSON],
                Some(403),
            ),
            (vec![host("127.0.0.1:8765"), origin(""), JSON], Some(403)),
            (vec![host("127.0.0.1:8765")], Some(415)),
            (
                vec![host("127.0.0.1:8765"), ("content-type", "text/plain")],
                Some(415),
            ),
        ] {
            assert_eq!(refused(8765, "POST", &headers), code, "{headers:?}");
        }
        assert_eq!(refused(80, "GET", &[host("127.0.0.1")]), None);
        assert_eq!(refused(8765, "GET", &[host("localhost:8765")]), None);
    }
}
