//! The secret of a workspace, which is never shown: neither by `Debug` nor in what is told of an
//! answer that repeats it.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::guance::route::Route;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// How short a part of a secret is still masked where it turns up.
const MASKED_BYTES_MIN: usize = 6;

/// The secret of a workspace: what each route needs of it.
#[derive(Clone, Default)]
pub struct Secret {
    /// The workspace's token, for points.
    token: Option<Zeroizing<String>>,
    /// The key of the Open API.
    api_key: Option<Zeroizing<String>>,
    /// What a monitor for external events is found by: its secret and the rest of its path.
    push_secret: Option<Zeroizing<String>>,
}

/// A secret that does not have what a route needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MissingFields(&'static str);

/// A secret with several parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    token: Option<String>,
    api_key: Option<String>,
    push_secret: Option<String>,
}

impl Secret {
    /// Reads a secret as it is kept: a token alone, or JSON with `token`, `api_key` and
    /// `push_secret`.
    ///
    /// # Errors
    /// What is wanting for this route. It repeats nothing of the secret.
    pub fn parse(kept: &str, route: Route) -> Result<Self, MissingFields> {
        let kept = kept.trim();
        let secret = if kept.starts_with('{') {
            let parts: Parts = serde_json::from_str(kept).map_err(|_| {
                MissingFields(
                    "the secret is no JSON object of token, api_key and push_secret alone",
                )
            })?;
            let [token, api_key, push_secret] = [parts.token, parts.api_key, parts.push_secret]
                .map(|part| {
                    part.map(Zeroizing::new)
                        .filter(|part| !part.trim().is_empty())
                });
            Self {
                token,
                api_key,
                push_secret,
            }
        } else {
            Self {
                token: (!kept.is_empty()).then(|| Zeroizing::new(kept.to_owned())),
                ..Self::default()
            }
        };
        secret.checked(route)
    }

    fn checked(self, route: Route) -> Result<Self, MissingFields> {
        let is_there = |part: &Option<Zeroizing<String>>| part.is_some();
        let wanting = match route {
            Route::Dataway if !is_there(&self.token) => "the secret has no token",
            Route::CustomEvent if !is_there(&self.api_key) => "the secret has no api_key",
            Route::PushEvent if !is_there(&self.push_secret) => "the secret has no push_secret",
            Route::PushEvent if !self.push_path().is_some_and(is_path) => {
                "push_secret of the secret is not the monitor's secret and the rest of its path, \
                 such as 0a1b2c3d4e5f/aws/cloudtrail"
            }
            _ if !self.parts().all(is_plain) => "the secret has spaces or control characters in it",
            _ => return Ok(self),
        };
        Err(MissingFields(wanting))
    }

    /// Returns the workspace's token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|part| part.as_str())
    }

    /// Returns the key of the Open API.
    pub fn api_key(&self) -> Option<&str> {
        self.api_key.as_ref().map(|part| part.as_str())
    }

    /// Returns what a monitor for external events is found by.
    pub fn push_path(&self) -> Option<&str> {
        self.push_secret.as_ref().map(|part| part.as_str())
    }

    /// Returns a text with every part of the secret masked in it.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        let parts = self.parts().flat_map(|part| {
            // Of a path the monitor's secret alone as well.
            [Some(part), part.split('/').next()].into_iter().flatten()
        });
        for part in parts.filter(|part| part.len() >= MASKED_BYTES_MIN) {
            masked = masked.replace(part, MASK);
        }
        masked
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        [self.token(), self.api_key(), self.push_path()]
            .into_iter()
            .flatten()
    }
}

/// Tells whether a part may stand in a header or a path.
fn is_plain(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte))
    };
    path.contains('/') && path.split('/').all(is_name)
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tkn_0123456789abcdef0123456789abcdef";

    #[test]
    fn a_token_alone_and_one_in_json_are_the_same() {
        let json = format!(r#"{{"token": "{TOKEN}"}}"#);
        for kept in [TOKEN, &format!(" {TOKEN}\n"), &json] {
            let secret = Secret::parse(kept, Route::Dataway).unwrap();
            assert_eq!(secret.token(), Some(TOKEN));
        }
    }

    #[test]
    fn what_a_route_needs_and_the_secret_has_not_is_told_without_the_secret() {
        for (kept, route, says) in [
            ("", Route::Dataway, "no token"),
            (r#"{"api_key": "hush-hush"}"#, Route::Dataway, "no token"),
            ("hush-hush", Route::CustomEvent, "no api_key"),
            ("hush-hush", Route::PushEvent, "no push_secret"),
            (r#"{"push_secret": "hush-hush"}"#, Route::PushEvent, "rest"),
            (r#"{"push_secret": "a/../hush"}"#, Route::PushEvent, "rest"),
            (r#"{"password": "hush-hush"}"#, Route::Dataway, "alone"),
            ("{hush-hush", Route::Dataway, "no JSON"),
            ("hush hush", Route::Dataway, "spaces"),
        ] {
            let wanting = Secret::parse(kept, route).unwrap_err().to_string();
            assert!(wanting.contains(says), "{kept}: {wanting}");
            assert!(!wanting.contains("hush"), "{wanting}");
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let kept = r#"{"token": "first-part", "push_secret": "second/aws/cloudtrail"}"#;
        let secret = Secret::parse(kept, Route::PushEvent).unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        let masked = secret.mask("no first-part, and no second; at /second/aws/cloudtrail");
        assert_eq!(masked, "no ***, and no ***; at /***");
    }
}
