//! Small parts in the reader's language: statuses, decisions and times.

use alerts::terms;
use clusters::lifecycle::Status;
use clusters::triage::TriageStatus;
use maud::{Markup, html};
use records::time::Timestamp;

use super::Frame;
use crate::moment;

/// Returns one of two texts by a number: that of one, or that of many.
pub(super) fn by_number<'t>(count: u64, one: &'t str, many: &'t str) -> &'t str {
    if count == 1 { one } else { many }
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
    let name = triage_status.word()?;
    Some(terms::decision_name(name, frame.locale.language))
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
                div.abs { (moment(Some(at), frame.locale)) }
            }
            None => div.abs { (moment(None, frame.locale)) },
        }
    }
}
