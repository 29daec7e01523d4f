//! Reads an answer of Guance: whether it accepted the alerts, rejected them, is busy, or has wrong settings.
//!
//! The HTTP status is not enough. The Open API uses 401 also for rate limits, and 200 also for events
//! without success.

use jiff::fmt::rfc2822::DateTimeParser;
use records::redact::sanitize;
use serde::Deserialize;

use crate::guance::route::Route;
use crate::outbox::SinkAnswer;

/// The longest part of an answer in an explanation, in characters.
const WHY_CHARS_MAX: usize = 200;

/// The shortest wait after a rate limit of the Open API, in seconds.
const LIMITED_SECONDS: i64 = 60;

/// The shortest and the longest wait that an answer may request, in seconds.
const AFTER_SECONDS: (i64, i64) = (1, 900);

/// An HTTP response of Guance, reduced to the parts that show whether it accepted the alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The value of the header `Retry-After`: seconds or a date; `None` if it is missing.
    pub retry_after: Option<String>,
    /// The value of the header `Date`, by the clock of the server; `None` if it is missing. The wait until
    /// a date in `Retry-After` is counted from this date.
    pub date: Option<String>,
    /// The body of the response, or only its beginning if it is too long or incomplete.
    pub body: Vec<u8>,
    /// Whether [`Self::body`] is the complete body.
    pub is_whole: bool,
}

/// The common fields of the JSON bodies. `DataWay` and the Open API write `errorCode`, and `DataKit` writes
/// `error_code`.
#[derive(Debug, Default, Deserialize)]
struct Body {
    code: Option<i64>,
    #[serde(default, alias = "error_code", rename = "errorCode")]
    error_code: String,
    #[serde(default)]
    message: String,
    success: Option<bool>,
    content: Option<serde_json::Value>,
}

impl Response {
    /// Returns whether Guance accepted the alerts of a request on `route`, according to this response. The
    /// routes of the Open API report that in the body, the other routes by the status.
    pub fn answered(&self, route: Route) -> SinkAnswer {
        let body: Body = serde_json::from_slice(&self.body).unwrap_or_default();
        let status = self.status_within(route, &body);
        let why = self.why(status, &body);
        if matches!(status, 401 | 403) && body.error_code.starts_with("ft.TriggerApi") {
            let after = self.after().unwrap_or_default().max(LIMITED_SECONDS);
            return SinkAnswer::Busy {
                after: Some(after),
                why,
            };
        }
        match status {
            200..=299 if route.uses_line_protocol() => SinkAnswer::Accepted(why),
            // The Open API reports in the body whether it accepted the event.
            200..=299 if !self.is_whole => {
                SinkAnswer::Unreachable(format!("{why}, but the answer is incomplete"))
            }
            200..=299 if is_accepted(route, &body) => SinkAnswer::Accepted(why),
            200..=299 => SinkAnswer::Rejected(format!("{why}, but the event was not accepted")),
            400 | 422 => SinkAnswer::Rejected(why),
            413 => SinkAnswer::TooLong(why),
            408 | 429 => SinkAnswer::Busy {
                after: self.after(),
                why,
            },
            500.. => SinkAnswer::Unreachable(why),
            // A redirect is not followed. Any other status means that the settings are wrong.
            _ => SinkAnswer::Refused(why),
        }
    }

    /// Returns the HTTP status, or the error status in the body if the Open API answers 2xx with one.
    fn status_within(&self, route: Route, body: &Body) -> u16 {
        let code = body.code.and_then(|code| u16::try_from(code).ok());
        match code {
            Some(code @ 400..=599) if !route.uses_line_protocol() && self.status < 300 => code,
            _ => self.status,
        }
    }

    fn why(&self, status: u16, body: &Body) -> String {
        let mut why = format!("HTTP {status}");
        for more in [&body.error_code, &body.message] {
            if !more.is_empty() && more != "success" {
                why = format!("{why} {more}");
            }
        }
        if body.code.is_none() && body.error_code.is_empty() && status >= 300 {
            // Not an answer of Guance, but perhaps of a proxy before it.
            why = format!("{why} {}", String::from_utf8_lossy(&self.body));
        }
        sanitize(why.trim_end(), WHY_CHARS_MAX)
    }

    /// Returns the seconds to wait from `Retry-After`, between the limits; `None` if the header is missing or
    /// malformed.
    fn after(&self) -> Option<i64> {
        let header = self.retry_after.as_deref()?.trim();
        let seconds = if header.bytes().all(|byte| byte.is_ascii_digit()) && !header.is_empty() {
            // A number that is too large for the type means the longest wait.
            header.parse().unwrap_or(i64::MAX)
        } else {
            seconds_of(header)?.checked_sub(seconds_of(self.date.as_deref()?)?)?
        };
        Some(seconds.clamp(AFTER_SECONDS.0, AFTER_SECONDS.1))
    }
}

fn seconds_of(date: &str) -> Option<i64> {
    let date = DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    Some(date.as_second())
}

/// Returns `true` if the body reports that the event was accepted.
fn is_accepted(route: Route, body: &Body) -> bool {
    let content = body.content.as_ref();
    let is_ok = content.and_then(|content| content.get("ok")?.as_bool());
    let error = content.and_then(|content| content.get("error")?.as_i64());
    match route {
        Route::PushEvent => {
            body.code == Some(200) && is_ok == Some(true) && error.is_none_or(|error| error == 200)
        }
        _ => body.success != Some(false) && body.code.is_none_or(|code| (200..300).contains(&code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            body: body.into(),
            is_whole: true,
            ..Response::default()
        }
    }

    fn name(answered: &SinkAnswer) -> &'static str {
        match answered {
            SinkAnswer::Accepted(_) => "accepted",
            SinkAnswer::Rejected(_) => "rejected",
            SinkAnswer::TooLong(_) => "too long",
            SinkAnswer::Refused(_) => "refused",
            SinkAnswer::Busy { .. } => "busy",
            SinkAnswer::Unreachable(_) => "unreachable",
        }
    }

    #[test]
    fn each_http_status_has_one_meaning() {
        for (statuses, means) in [
            (&[200, 204][..], "accepted"),
            (&[301, 302, 307, 308], "refused"),
            (&[401, 403, 404, 405, 406, 410], "refused"),
            (&[400, 422], "rejected"),
            (&[413], "too long"),
            (&[408, 429], "busy"),
            (&[500, 502, 503, 504, 520], "unreachable"),
        ] {
            for status in statuses {
                let answered = response(*status, "").answered(Route::Dataway);
                assert_eq!(name(&answered), means, "{status}");
            }
        }
    }

    #[test]
    fn a_401_for_a_rate_limit_means_busy_and_others_mean_refused() {
        for (code, means) in [
            ("ft.TriggerApiAkCurrentLimiting", "busy"),
            ("ft.TriggerApiWorkspaceCurrentLimiting", "busy"),
            ("ft.InvalidAPIKey", "refused"),
            ("kodo.tokenNotFound", "refused"),
        ] {
            for status in [401, 403] {
                let body = format!(r#"{{"code":{status},"errorCode":"{code}","message":"no"}}"#);
                let answered = response(status, &body).answered(Route::CustomEvent);
                assert_eq!(name(&answered), means, "{code}");
                if let SinkAnswer::Busy { after, .. } = answered {
                    assert_eq!(after, Some(60));
                }
            }
        }
        let hidden = r#"{"code":401,"errorCode":"ft.TriggerApiAkCurrentLimiting"}"#;
        let answered = response(200, hidden).answered(Route::PushEvent);
        assert_eq!(name(&answered), "busy");
    }

    #[test]
    fn an_event_is_accepted_only_if_the_body_says_so() {
        for (body, means) in [
            (
                r#"{"code":200,"content":{"ok":true,"error":200},"success":true}"#,
                "accepted",
            ),
            (
                r#"{"code":200,"content":{"ok":true},"success":true}"#,
                "accepted",
            ),
            (
                r#"{"code":200,"content":{"ok":false,"error":400},"success":true}"#,
                "rejected",
            ),
            (
                r#"{"code":200,"content":{"ok":true,"error":400}}"#,
                "rejected",
            ),
            (r#"{"code":200,"content":true}"#, "rejected"),
            (r#"{"code":500}"#, "unreachable"),
            ("<html>", "rejected"),
        ] {
            let answered = response(200, body).answered(Route::PushEvent);
            assert_eq!(name(&answered), means, "{body}");
        }
        for (body, means) in [
            (r#"{"code":200,"content":true,"success":true}"#, "accepted"),
            (r#"{"code":200,"content":null,"success":false}"#, "rejected"),
        ] {
            let answered = response(200, body).answered(Route::CustomEvent);
            assert_eq!(name(&answered), means, "{body}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date_within_limits() {
        let date = "Sat, 21 Nov 2026 08:00:00 GMT";
        for (header, after) in [
            ("30", Some(30)),
            ("0", Some(1)),
            ("999999", Some(900)),
            ("99999999999999999999999", Some(900)),
            ("Sat, 21 Nov 2026 08:02:00 GMT", Some(120)),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some(1)),
            ("Sun, 22 Nov 2026 08:00:00 GMT", Some(900)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            let answered = Response {
                retry_after: Some(header.to_owned()),
                date: Some(date.to_owned()),
                ..response(429, "")
            };
            let SinkAnswer::Busy { after: found, .. } = answered.answered(Route::Dataway) else {
                unreachable!("429 means busy");
            };
            assert_eq!(found, after, "{header}");
        }
    }

    #[test]
    fn an_explanation_is_short_and_contains_the_message_of_guance() {
        let explanation = |response: Response| match response.answered(Route::Dataway) {
            SinkAnswer::Refused(why) => why,
            other => unreachable!("{other:?}"),
        };
        let body = r#"{"code":403,"errorCode":"kodo.tokenNotFound","message":"token not found"}"#;
        let why = explanation(response(403, body));
        assert_eq!(why, "HTTP 403 kodo.tokenNotFound token not found");
        let body = r#"{"error_code":"datakit.publicAccessDisabled","message":"no"}"#;
        let why = explanation(response(403, body));
        assert_eq!(why, "HTTP 403 datakit.publicAccessDisabled no");
        assert_eq!(
            explanation(response(403, "error code: 1010")),
            "HTTP 403 error code: 1010"
        );
        assert!(
            explanation(response(403, &"x".repeat(70_000)))
                .chars()
                .count()
                <= WHY_CHARS_MAX
        );
    }
}
