//! Sentences and small parts in the reader's language: texts with placeholders, times, severities and statuses.

use alerts::locale::Language;
use alerts::severity::Severity;
use alerts::terms;
use clusters::lifecycle::Status;
use clusters::triage::{Decision, TriageStatus};
use maud::{Markup, PreEscaped, html};
use records::time::Timestamp;

use super::Frame;

/// Returns a text in which each placeholder, such as `{count}`, is replaced by the part of that name.
pub(super) fn phrase(text: &str, parts: &[(&str, Markup)]) -> Markup {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = split(rest) {
        let part = parts.iter().find(|(of, _)| *of == name);
        let part = part.map(|(_, part)| part);
        made.push_str(&html! { (before) @if let Some(part) = part { (part) } }.into_string());
        rest = after;
    }
    made.push_str(&html! { (rest) }.into_string());
    PreEscaped(made)
}

/// Splits a text at its first placeholder; `None` without one.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inside) = text.split_once('{')?;
    let (name, after) = inside.split_once('}')?;
    Some((before, name, after))
}

/// Returns one of two texts by a number: that of one, or that of many.
pub(super) fn by_number<'t>(count: u64, one: &'t str, many: &'t str) -> &'t str {
    if count == 1 { one } else { many }
}

/// Returns a severity as a coloured word.
pub(super) fn severity_badge(frame: &Frame<'_>, of: Severity) -> Markup {
    html! { span.badge.(of.name()) { (terms::severity(of, frame.locale.language)) } }
}

/// Returns the status of a cluster as a word.
pub(super) fn status_word(frame: &Frame<'_>, of: Status) -> Markup {
    html! { span.status.(of.name()) { (terms::status(of, frame.locale.language)) } }
}

/// Returns the decision about a cluster as one word; `None` if it has ended.
pub(super) fn triage_word(
    frame: &Frame<'_>,
    triage_status: &TriageStatus<'_>,
) -> Option<&'static str> {
    let word = triage_status.word()?;
    let chinese = match triage_status.triage.decision {
        Decision::Acknowledged => "已确认",
        Decision::Muted { .. } => "已静音",
        Decision::Expected => "标为预期",
        Decision::Archived { .. } => "已归档",
        Decision::Resolved => "已解决",
    };
    Some(frame.locale.language.pick(word, chinese))
}

/// Returns a time to the minute in the reader's time zone, without the zone.
pub(super) fn time(frame: &Frame<'_>, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (frame.locale.minute(at)) } }
}

/// Returns a time to the second in the reader's time zone, without the zone.
pub(super) fn exact(frame: &Frame<'_>, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (frame.locale.second(at)) } }
}

/// Returns how long before `as_of` a time was, and below it the time itself; a word for an event without a time.
pub(super) fn ago(frame: &Frame<'_>, at: Option<Timestamp>, as_of: Timestamp) -> Markup {
    html! {
        @match at {
            Some(at) => {
                span.ago { (frame.locale.ago(as_of.seconds_since(at))) }
                div.abs { (time(frame, at)) }
            }
            None => div.abs { (undated(frame.locale.language)) },
        }
    }
}

/// Returns the word for the time of an event without a time.
pub(super) fn undated(language: Language) -> &'static str {
    language.pick("undated", "时间未知")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_by_their_parts() {
        let parts = [("a", html! { b { "<" } }), ("c", html! { "2" })];
        let text = phrase("x {a}, {c}{d} y}", &parts).into_string();
        assert_eq!(text, "x <b>&lt;</b>, 2 y}");
        assert_eq!(phrase("{", &parts).into_string(), "{");
    }
}
