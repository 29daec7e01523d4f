//! The secret of a workspace. It is never shown: `Debug` prints a mask, and [`Secret::mask`] removes it from
//! answers that repeat it.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::guance::route::Route;

/// The text that is shown in place of a secret.
pub const MASK: &str = "***";

/// The shortest part of a secret, in bytes, that [`Secret::mask`] replaces. Shorter parts could match
/// ordinary words.
const MASKED_BYTES_MIN: usize = 6;

/// The secret of a Guance workspace, with the parts that the routes need. Its memory is erased when it is
/// dropped.
#[derive(Clone, Default)]
pub struct Secret {
    /// The token of the workspace, for line protocol.
    token: Option<Zeroizing<String>>,
    /// The key of the Open API.
    api_key: Option<Zeroizing<String>>,
    /// The path of a monitor for external events: the monitor's secret, a `/`, and the rest of the path.
    push_secret: Option<Zeroizing<String>>,
}

/// The error of a stored secret that cannot be used for a route. The text names the problem, and never
/// contains the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(&'static str);

/// A secret with several parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    token: Option<String>,
    api_key: Option<String>,
    push_secret: Option<String>,
}

impl Secret {
    /// Parses a stored secret for a route: a token, or a JSON object with some of the fields `token`,
    /// `api_key` and `push_secret`.
    ///
    /// # Errors
    /// [`SecretError`] if the JSON is malformed or has other fields, if the part for `route` is missing,
    /// or if a part has an invalid character. The user has to correct the stored secret.
    pub fn parse(stored: &str, route: Route) -> Result<Self, SecretError> {
        let stored = stored.trim();
        let secret = if stored.starts_with('{') {
            let parts: Parts = serde_json::from_str(stored).map_err(|_| {
                SecretError(
                    "the secret is not a JSON object with only token, api_key and push_secret",
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
                token: (!stored.is_empty()).then(|| Zeroizing::new(stored.to_owned())),
                ..Self::default()
            }
        };
        secret.checked(route)
    }

    fn checked(self, route: Route) -> Result<Self, SecretError> {
        let problem = match route {
            Route::Dataway if self.token.is_none() => "the secret has no token",
            Route::CustomEvent if self.api_key.is_none() => "the secret has no api_key",
            Route::PushEvent if self.push_secret.is_none() => "the secret has no push_secret",
            Route::PushEvent if !self.push_path().is_some_and(is_path) => {
                "push_secret must be the secret of the monitor and the rest of its path, \
                 such as 0a1b2c3d4e5f/aws/cloudtrail"
            }
            _ if !self.parts().all(is_printable) => {
                "the secret contains spaces, control characters or characters other than ASCII"
            }
            _ => return Ok(self),
        };
        Err(SecretError(problem))
    }

    /// Returns the token of the workspace, for line protocol; `None` if the secret has none.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|part| part.as_str())
    }

    /// Returns the key of the Open API; `None` if the secret has none.
    pub fn api_key(&self) -> Option<&str> {
        self.api_key.as_ref().map(|part| part.as_str())
    }

    /// Returns the URL path of a monitor for external events, which contains the monitor's own secret.
    /// `None` if the secret has none.
    pub fn push_path(&self) -> Option<&str> {
        self.push_secret.as_ref().map(|part| part.as_str())
    }

    /// Returns a copy of `text` in which each part of the secret is replaced with [`MASK`]. Parts shorter
    /// than six bytes are not replaced.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        let parts = self.parts().flat_map(|part| {
            // A text may contain the monitor's secret without the rest of the path.
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

/// Returns `true` if a part is allowed in an HTTP header and in a path.
fn is_printable(part: &str) -> bool {
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
    fn a_token_is_read_alone_and_from_json() {
        let json = format!(r#"{{"token": "{TOKEN}"}}"#);
        for stored in [TOKEN, &format!(" {TOKEN}\n"), &json] {
            let secret = Secret::parse(stored, Route::Dataway).unwrap();
            assert_eq!(secret.token(), Some(TOKEN));
        }
    }

    #[test]
    fn an_error_names_the_problem_without_the_secret() {
        for (stored, route, text) in [
            ("", Route::Dataway, "no token"),
            (r#"{"api_key": "hush-hush"}"#, Route::Dataway, "no token"),
            ("hush-hush", Route::CustomEvent, "no api_key"),
            ("hush-hush", Route::PushEvent, "no push_secret"),
            (
                r#"{"push_secret": "hush-hush"}"#,
                Route::PushEvent,
                "the rest",
            ),
            (
                r#"{"push_secret": "a/../hush"}"#,
                Route::PushEvent,
                "the rest",
            ),
            (r#"{"password": "hush-hush"}"#, Route::Dataway, "with only"),
            ("{hush-hush", Route::Dataway, "not a JSON"),
            ("hush hush", Route::Dataway, "spaces"),
        ] {
            let error = Secret::parse(stored, route).unwrap_err().to_string();
            assert!(error.contains(text), "{stored}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn debug_and_masked_texts_do_not_show_the_secret() {
        let stored = r#"{"token": "first-part", "push_secret": "second/aws/cloudtrail"}"#;
        let secret = Secret::parse(stored, Route::PushEvent).unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        let masked = secret.mask("no first-part, and no second; at /second/aws/cloudtrail");
        assert_eq!(masked, "no ***, and no ***; at /***");
    }
}
