//! Checks each request to the server: it must have the token and must not come from another site.
//!
//! Any page that is open in a browser can send requests to this machine. If the owner of a site lets its name point to
//! 127.0.0.1 (DNS rebinding), the browser even treats them as requests to that site. So the `Host` header must be the
//! address of this server, and the headers that name the sending page, if present, must name this server too.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, LOCATION, ORIGIN, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::serve::Server;

/// Maximum size of a request body in bytes. Requests of the page are much smaller.
const EVENT_BYTES_MAX: usize = 256 << 10;

/// Header in which a browser states how the sending page is related to the server.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const TOKEN_MISSING: &str = "The token is missing or wrong. Open the address that serve printed when it started. \
                             Scripts send the header Authorization: token TOKEN.\n";

/// Passes a request on to `next` if it has the token and does not come from another site. Answers any other request
/// with a refusal.
///
/// A visit with the token in the address gets the token as a cookie and is redirected to the address without it.
pub async fn check(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (method, headers) = (request.method(), request.headers());
    if let Some(refusal) = foreign(server.port, headers) {
        return refusal.into_response();
    }
    if request.uri().path() == "/"
        && method == Method::GET
        && server.token.is_in_address(request.uri())
    {
        let cookie = server.token.set_cookie();
        let location = tokenless(request.uri());
        return (
            StatusCode::SEE_OTHER,
            [(LOCATION, location), (SET_COOKIE, cookie.as_str())],
        )
            .into_response();
    }
    if !server.token.is_in_headers(headers) {
        let scheme = [(WWW_AUTHENTICATE, HeaderValue::from_static("token"))];
        return (StatusCode::UNAUTHORIZED, scheme, TOKEN_MISSING).into_response();
    }
    if let Some(refusal) = unreadable(method, headers) {
        return refusal.into_response();
    }
    match whole(request, server.patience).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Returns the address of the page without the token. The choice of a language stays.
fn tokenless(address: &Uri) -> &'static str {
    let query = address.query().unwrap_or_default();
    let language = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
    match language {
        Some("zh") => "/?lang=zh",
        Some("en") => "/?lang=en",
        _ => "/",
    }
}

type RejectedRequest = (StatusCode, &'static str);

/// Returns the refusal of a request that has another host or comes from another page; `None` if it is accepted.
fn foreign(port: u16, headers: &HeaderMap) -> Option<RejectedRequest> {
    let host = one(headers, &HOST).unwrap_or_default();
    let is_this_server = |name: &str| {
        // A browser omits the default port.
        host.eq_ignore_ascii_case(&format!("{name}:{port}"))
            || (port == 80 && host.eq_ignore_ascii_case(name))
    };
    if !is_this_server("127.0.0.1") && !is_this_server("localhost") {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "Wrong Host header: use the address that serve printed.\n",
        ));
    }
    if headers.contains_key(ORIGIN) {
        let origin = one(headers, &ORIGIN).unwrap_or_default();
        if !origin.eq_ignore_ascii_case(&format!("http://{host}")) {
            return Some((
                StatusCode::FORBIDDEN,
                "Requests from other pages are not allowed.\n",
            ));
        }
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if sites.any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site")) {
        return Some((
            StatusCode::FORBIDDEN,
            "Links from other sites are not allowed. Copy the address into the browser.\n",
        ));
    }
    None
}

/// Returns the refusal of a `POST` request without the content type `application/json`; `None` if it is accepted.
fn unreadable(method: &Method, headers: &HeaderMap) -> Option<RejectedRequest> {
    let content = one(headers, &CONTENT_TYPE).unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    if method == Method::POST && !content.eq_ignore_ascii_case("application/json") {
        return Some((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content type must be application/json.\n",
        ));
    }
    None
}

/// Receives the body of a request completely.
///
/// # Errors
/// Returns a refusal if the body is too large or takes too long.
async fn whole(request: Request, patience: Duration) -> Result<Request, RejectedRequest> {
    let (head, body) = request.into_parts();
    match timeout(patience, to_bytes(body, EVENT_BYTES_MAX)).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Body::from(body))),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "The request took too long.\n")),
    }
}

/// Returns the value of a header; `None` if the header is missing or repeated.
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
        let refusal = foreign(port, &map).or_else(|| unreadable(&method, &map));
        refusal.map(|(code, _)| code.as_u16())
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    /// Headers, and the code of the refusal.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<u16>);

    fn assert_refused(cases: &[Case<'_>]) {
        for (headers, code) in cases {
            assert_eq!(refused(8765, "POST", headers), *code, "{headers:?}");
        }
    }

    #[test]
    fn only_the_page_itself_may_ask() {
        const HOST: (&str, &str) = ("host", "127.0.0.1:8765");
        let origin = |of| ("origin", of);
        let site = |of| ("sec-fetch-site", of);
        assert_refused(&[
            (&[HOST, JSON], None),
            (&[HOST, origin("http://127.0.0.1:8765"), JSON], None),
            (&[HOST, origin("http://localhost:8765"), JSON], Some(403)),
            (&[HOST, origin("https://127.0.0.1:8765"), JSON], Some(403)),
            (&[HOST, origin("http://127.0.0.1:8766"), JSON], Some(403)),
            (&[HOST, origin("null"), JSON], Some(403)),
            (&[HOST, origin(""), JSON], Some(403)),
            (&[HOST, site("same-origin"), JSON], None),
            (&[HOST, site("none"), JSON], None),
            (&[HOST, site("cross-site"), JSON], Some(403)),
            (&[HOST, site("none"), site("Cross-Site"), JSON], Some(403)),
            (&[HOST], Some(415)),
            (&[HOST, ("content-type", "text/plain")], Some(415)),
        ]);
        assert_eq!(refused(8765, "GET", &[("host", "localhost:8765")]), None);
    }

    #[test]
    fn only_this_address_is_answered() {
        let host = |of| ("host", of);
        assert_refused(&[
            (&[host("LocalHost:8765"), JSON], None),
            (&[JSON], Some(421)),
            (&[host("127.0.0.1"), JSON], Some(421)),
            (&[host("127.0.0.1:80"), JSON], Some(421)),
            (&[host("evil.example:8765"), JSON], Some(421)),
            (&[host("127.0.0.1:8765.evil.example"), JSON], Some(421)),
            (
                &[host("127.0.0.1:8765"), host("evil.example"), JSON],
                Some(421),
            ),
        ]);
        assert_eq!(refused(80, "GET", &[host("127.0.0.1")]), None);
    }
}
