//! The token that shows who may ask: whoever could read the address that `serve` printed.
//!
//! Everybody who is logged in to this machine can connect to it, and so can each of its programs. So the address
//! that is printed has a token. The first visit trades it for a cookie, and leads to the address without it.
//! Scripts send the token in a header, `Authorization: token …`. A cookie is sent to every port of this machine,
//! so its name has the port: two servers do not take each other's.

use std::hint::black_box;
use std::io;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, Uri};

use crate::machine::secret;

/// The token of one run. It has no `Debug`, so nothing logs it by accident.
pub struct Token {
    text: String,
    cookie: String,
}

impl Token {
    /// Makes a token for the server on a port.
    pub fn new(port: u16) -> io::Result<Self> {
        Ok(Self {
            text: secret()?,
            cookie: format!("cloudtrail-inspector-{port}"),
        })
    }

    /// Returns the query of the address that is printed.
    pub fn query(&self) -> String {
        format!("token={}", self.text)
    }

    /// Tells whether an address has the token.
    pub fn is_in_address(&self, address: &Uri) -> bool {
        let query = address.query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.any(|(name, value)| name == "token" && self.is(value))
    }

    /// Tells whether headers have it, as a cookie or as an authorization.
    pub fn is_in_headers(&self, headers: &HeaderMap) -> bool {
        let texts = |name| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|of| of.to_str().ok())
        };
        let mut cookies =
            texts(COOKIE).flat_map(|of| of.split(';').filter_map(|of| of.split_once('=')));
        let mut authorizations = texts(AUTHORIZATION).filter_map(|of| of.split_once(' '));
        cookies.any(|(name, value)| name.trim() == self.cookie && self.is(value.trim()))
            || authorizations.any(|(scheme, value)| {
                scheme.eq_ignore_ascii_case("token") && self.is(value.trim())
            })
    }

    /// Returns the header that makes a browser send it from now on. No script can read it, and no request that
    /// another site makes brings it.
    pub fn set_cookie(&self) -> String {
        let Self { text, cookie } = self;
        format!("{cookie}={text}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Compares in a time that does not tell how much of it is right.
    fn is(&self, given: &str) -> bool {
        let (known, given) = (self.text.as_bytes(), given.as_bytes());
        let pairs = known.iter().zip(given);
        let different = pairs.fold(0, |different, (known, given)| {
            black_box(different | (known ^ given))
        });
        known.len() == given.len() && different == 0
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_whole_token_in_its_place_counts() {
        let token = Token::new(8765).unwrap();
        let text = token.text.clone();
        assert_eq!(text.len(), 32);
        assert_ne!(text, Token::new(8765).unwrap().text);
        let short = &text[..31];
        for (address, is_in) in [
            (format!("/?token={text}"), true),
            (format!("/?a=b&token={text}"), true),
            (format!("/?token={short}"), false),
            (format!("/?token={text}0"), false),
            (format!("/?other={text}"), false),
            ("/?token=".to_owned(), false),
            (format!("/{text}"), false),
        ] {
            let uri: Uri = address.parse().unwrap();
            assert_eq!(token.is_in_address(&uri), is_in, "{address}");
        }
        for (name, value, is_in) in [
            (COOKIE, format!("cloudtrail-inspector-8765={text}"), true),
            (
                COOKIE,
                format!("a=b; cloudtrail-inspector-8765={text}; c=d"),
                true,
            ),
            (COOKIE, format!("cloudtrail-inspector-8766={text}"), false),
            (COOKIE, format!("cloudtrail-inspector-8765={short}"), false),
            (COOKIE, "cloudtrail-inspector-8765=".to_owned(), false),
            (AUTHORIZATION, format!("token {text}"), true),
            (AUTHORIZATION, format!("Token {text}"), true),
            (AUTHORIZATION, format!("Bearer {text}"), false),
            (AUTHORIZATION, text.clone(), false),
            (AUTHORIZATION, format!("token {short}"), false),
        ] {
            assert_eq!(
                token.is_in_headers(&headers(name, &value)),
                is_in,
                "{value}"
            );
        }
    }
}
