//! What an answer means: whether the alerts are taken, are wrong, come too often, or whether a person
//! has to look.
//!
//! The status alone does not tell: the Open API says with 401 that it is asked too often, and with
//! 200 that an event was not taken.

use jiff::fmt::rfc2822::DateTimeParser;
use records::redact::sanitize;
use serde::Deserialize;

use crate::guance::route::Route;
use crate::outbox::SinkAnswer;

/// How much of an answer is repeated.
const WHY_CHARS_MAX: usize = 200;

/// For how long the Open API is left alone when it is asked too often, in seconds.
const LIMITED_SECONDS: i64 = 60;

/// The shortest and the longest wait that an answer may ask for, in seconds.
const AFTER_SECONDS: (i64, i64) = (1, 900);

/// What came back, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Date`: the other side's clock, which its dates are compared with.
    pub date: Option<String>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Whether that is the whole body.
    pub is_whole: bool,
}

/// What the bodies have in common: `DataWay` and the Open API spell a name one way, `DataKit` the
/// other.
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
    /// Returns what the answer means to what was sent by a route.
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
            200..=299 if route.takes_lines() => SinkAnswer::Accepted(why),
            // A monitor says in the body whether it took the event.
            200..=299 if !self.is_whole => {
                SinkAnswer::Unreachable(format!("{why}, and the rest of the answer does not come"))
            }
            200..=299 if is_taken(route, &body) => SinkAnswer::Accepted(why),
            200..=299 => SinkAnswer::Rejected(format!("{why}, but the event was not taken")),
            400 | 422 => SinkAnswer::Rejected(why),
            413 => SinkAnswer::TooLong(why),
            408 | 429 => SinkAnswer::Busy {
                after: self.after(),
                why,
            },
            500.. => SinkAnswer::Unreachable(why),
            // A redirect is not followed, and what else is refused says that the settings are wrong.
            _ => SinkAnswer::Refused(why),
        }
    }

    /// Returns the status, or the one in the body where the Open API hides it there.
    fn status_within(&self, route: Route, body: &Body) -> u16 {
        let code = body.code.and_then(|code| u16::try_from(code).ok());
        match code {
            Some(code @ 400..=599) if !route.takes_lines() && self.status < 300 => code,
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
            // No answer of Guance; perhaps one of something before it.
            why = format!("{why} {}", String::from_utf8_lossy(&self.body));
        }
        sanitize(why.trim_end(), WHY_CHARS_MAX)
    }

    /// Returns how many seconds the answer asks to wait, within bounds; `None` where it does not say.
    fn after(&self) -> Option<i64> {
        let said = self.retry_after.as_deref()?.trim();
        let seconds = if said.bytes().all(|byte| byte.is_ascii_digit()) && !said.is_empty() {
            // More digits than fit are as long as can be.
            said.parse().unwrap_or(i64::MAX)
        } else {
            seconds_of(said)?.checked_sub(seconds_of(self.date.as_deref()?)?)?
        };
        Some(seconds.clamp(AFTER_SECONDS.0, AFTER_SECONDS.1))
    }
}

fn seconds_of(date: &str) -> Option<i64> {
    let date = DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    Some(date.as_second())
}

/// Tells whether an event was taken, as the body says.
fn is_taken(route: Route, body: &Body) -> bool {
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
    fn each_status_means_one_thing() {
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
    fn a_401_that_means_too_often_is_waited_out_and_others_are_for_a_person() {
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
    fn a_monitor_has_taken_an_event_only_if_it_says_so() {
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
    fn a_wait_is_taken_in_seconds_or_as_a_date_and_within_bounds() {
        let date = "Sat, 21 Nov 2026 08:00:00 GMT";
        for (said, after) in [
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
                retry_after: Some(said.to_owned()),
                date: Some(date.to_owned()),
                ..response(429, "")
            };
            let SinkAnswer::Busy { after: found, .. } = answered.answered(Route::Dataway) else {
                unreachable!("429 means busy");
            };
            assert_eq!(found, after, "{said}");
        }
    }

    #[test]
    fn what_is_told_of_an_answer_is_short_and_says_what_guance_says() {
        let told = |response: Response| match response.answered(Route::Dataway) {
            SinkAnswer::Refused(why) => why,
            other => unreachable!("{other:?}"),
        };
        let body = r#"{"code":403,"errorCode":"kodo.tokenNotFound","message":"token not found"}"#;
        let why = told(response(403, body));
        assert_eq!(why, "HTTP 403 kodo.tokenNotFound token not found");
        let body = r#"{"error_code":"datakit.publicAccessDisabled","message":"no"}"#;
        let why = told(response(403, body));
        assert_eq!(why, "HTTP 403 datakit.publicAccessDisabled no");
        assert_eq!(
            told(response(403, "error code: 1010")),
            "HTTP 403 error code: 1010"
        );
        assert!(told(response(403, &"x".repeat(70_000))).chars().count() <= WHY_CHARS_MAX);
    }
}
