//! The secret token that a request needs. Only a user who can read the output of `serve` gets it.
//!
//! Every user and program of this machine can connect to the server. So the printed address contains a token. The first
//! visit exchanges the token for a cookie and redirects to the address without it. Scripts send the header
//! `Authorization: token …`. A browser sends a cookie to every port of a host. So the name of the cookie contains the
//! port, and two servers do not mix up their cookies.

use std::hint::black_box;
use std::io;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, Uri};

use crate::machine::secret;

/// The secret token that requests to one run of `serve` must have. It has no `Debug`, so nothing logs it by accident.
pub struct Token {
    text: String,
    cookie: String,
}

impl Token {
    /// Creates a random token for the server that listens on `port`.
    ///
    /// # Errors
    /// Fails if the operating system has no random bytes.
    pub fn new(port: u16) -> io::Result<Self> {
        Ok(Self {
            text: secret()?,
            cookie: format!("cloudtrail-inspector-{port}"),
        })
    }

    /// Returns the query part of the address that `serve` prints, `token=…`.
    pub fn query(&self) -> String {
        format!("token={}", self.text)
    }

    /// Checks whether the query of the address of a request contains the token, as `token=…`.
    pub fn is_in_address(&self, address: &Uri) -> bool {
        let query = address.query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.any(|(name, value)| name == "token" && self.is(value))
    }

    /// Checks whether the headers of a request contain the token, as a cookie or as `Authorization: token …`.
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

    /// Returns the value of a `Set-Cookie` header that stores the token in the browser.
    ///
    /// No script can read the cookie, and the browser does not send it with requests from other sites.
    pub fn set_cookie(&self) -> String {
        let Self { text, cookie } = self;
        format!("{cookie}={text}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Checks whether a text is the token, in a time that does not depend on the number of equal characters.
    fn is(&self, given: &str) -> bool {
        let (expected, given) = (self.text.as_bytes(), given.as_bytes());
        let pairs = expected.iter().zip(given);
        let different = pairs.fold(0, |different, (expected, given)| {
            black_box(different | (expected ^ given))
        });
        expected.len() == given.len() && different == 0
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
