//! The list of sensitive calls: a section of the page with the list of clusters, and a page with all of them.

use std::collections::BTreeSet;

use alerts::locale::Language;
use clusters::fingerprint::{ClusterId, ClusterSubject, STRONG};
use clusters::inspection_state::CallHistory;
use clusters::short_name;
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};

use super::parts::{call_name, search_fields, target};
use super::{ClickTarget, Frame};
use crate::listing::{CallsPage, ListQuery, call_assessment};
use crate::{call, counted, minute, number, shown};

/// The maximum number of sensitive calls in the section of the page with the list of clusters.
pub const SECTION_ROWS_MAX: usize = 20;

/// The maximum length of the parameters in a row, in characters.
const PARAMETERS_CHARS_MAX: usize = 140;

/// All data that the page with the list of sensitive calls shows.
#[derive(Debug)]
pub struct CallList<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The query that found the calls. The search form shows its filters.
    pub question: &'a ListQuery,
    /// The calls that the query found: one page of them, with the number of all.
    pub page: CallsPage<'a>,
    /// The ids of the accounts that the search form offers as a filter.
    pub accounts: BTreeSet<&'a str>,
    /// The moment of event time up to which the list includes events.
    pub as_of: Timestamp,
    /// Sentences about events that are missing in the list.
    pub missing: Vec<String>,
}

impl CallList<'_> {
    /// Returns the page with the list of sensitive calls as HTML.
    pub fn html(&self) -> String {
        let frame = &self.frame;
        let content = html! {
            form.ask {
                (search_fields(frame, self.question, &self.accounts))
                a.btn.btn-primary { "Search" }
                (frame.call(ClickTarget::Widget, &params(1), None))
                a.btn { "Clusters" }
                (frame.call(ClickTarget::Widget, &json!({}), None))
            }
            h3 { "Sensitive calls" }
            (found(&self.page, Some(self.as_of)))
            @for sentence in &self.missing { p.missing { (shown(sentence)) } }
            @if !self.page.rows.is_empty() { (table(frame, &self.page)) }
            (self.pages())
        };
        frame.page(&content)
    }

    fn pages(&self) -> Markup {
        let CallsPage {
            number: at, pages, ..
        } = self.page;
        let go = |words: &str, page| {
            html! {
                a.btn { (words) }
                (self.frame.call(ClickTarget::Widget, &params(page), None))
            }
        };
        html! {
            @if pages > 1 {
                p.pages {
                    @if at > 1 { (go("Previous", at - 1)) " " }
                    span { "Page " (number(at as u64)) " of " (number(pages as u64)) }
                    @if at < pages { " " (go("Next", at + 1)) }
                }
            }
        }
    }
}

/// Returns the parameters of a call that shows a page of the list of sensitive calls.
fn params(page: usize) -> Value {
    json!({"list": "calls", "page": page})
}

/// Returns the section with the first sensitive calls, for the page with the list of clusters. Empty if no call matches
/// the query.
pub(super) fn section(frame: &Frame<'_>, page: &CallsPage<'_>) -> Markup {
    let left = page.found.saturating_sub(page.rows.len());
    html! {
        @if page.found > 0 || page.outside > 0 {
            h3 { "Sensitive calls" }
            (found(page, None))
        }
        @if page.found > 0 {
            (table(frame, page))
            @if left > 0 {
                p.pages {
                    a.btn { "All " (number(page.found as u64)) " sensitive calls" }
                    (frame.call(ClickTarget::Widget, &params(1), None))
                }
            }
            h3 { "Clusters" }
        }
    }
}

/// Returns the sentence about the number of sensitive calls.
fn found(page: &CallsPage<'_>, as_of: Option<Timestamp>) -> Markup {
    html! {
        p.said {
            (counted(page.found as u64, "sensitive call")) " succeeded"
            @if page.outside > 0 { "; " (number(page.outside as u64)) " more at other times" }
            "."
            @if let Some(as_of) = as_of { " As of " (minute(Some(as_of))) " UTC." }
        }
    }
}

fn table(frame: &Frame<'_>, page: &CallsPage<'_>) -> Markup {
    const HEADS: [(&str, &str); 7] = [
        ("severity", "Severity"),
        ("last", "Last (UTC)"),
        ("what", "Call"),
        ("target", "To what or whom"),
        ("who", "Who"),
        ("account", "Account"),
        ("n", "Times"),
    ];
    html! {
        table.calls {
            thead { tr { @for (class, title) in HEADS { th.(class) scope="col" { (title) } } } }
            tbody { @for (id, call) in &page.rows { (row(frame, *id, call)) } }
        }
    }
}

fn row(frame: &Frame<'_>, id: ClusterId, history: &CallHistory) -> Markup {
    let subject = &*history.subject;
    let severity = call_assessment(history).severity;
    let deciding = |of| call::deciding(of, &subject.account_id, Language::En);
    let deciding = subject.call.as_ref().map(deciding).unwrap_or_default();
    html! {
        tr {
            td.severity {
                span.badge.(severity.name()) { (severity.name()) }
                @if let Some(word) = weight(subject) { " " span.mark { (word) } }
                @if history.is_silent { " " span.mark { "no alert" } }
            }
            td.last { (minute(Some(history.last))) }
            th.what scope="row" {
                a.open { bdi.call { (call_name(subject)) } }
                (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                @if !deciding.is_empty() {
                    div.message { bdi { (sanitize(&deciding, PARAMETERS_CHARS_MAX)) } }
                }
            }
            td.target { (target(subject)) }
            td.who { bdi { (sanitize(short_name(&history.caller, &subject.account_id), 160)) } }
            td.account { (frame.account(&subject.account_id)) }
            td.n { (number(history.count())) }
        }
    }
}

/// Returns `strong` for a call that weighs as much as an attack step on its own.
pub(super) fn weight(subject: &ClusterSubject) -> Option<&'static str> {
    (subject.code == STRONG).then_some("strong")
}
