//! The list of sensitive calls: a section of the page with the list of clusters, and a page with all of them.

use clusters::fingerprint::{ClusterId, ClusterSubject, STRONG};
use clusters::inspection_state::CallHistory;
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};

use super::parts::{
    account_link, call_name, caller_link, head, not_understood, search_fields, target,
};
use super::phrase::{ago, by_number};
use super::words::{ListWords, as_of, page_of};
use super::{ClickTarget, Frame};
use crate::card::badge;
use crate::listing::{CallsPage, Choices, ListQuery, Sort, call_assessment};
use crate::{call, fill, number, shown};

/// The maximum number of sensitive calls in the section of the page with the list of clusters.
pub const SECTION_ROWS_MAX: usize = 5;

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
    /// The values that the search form offers.
    pub choices: Choices<'a>,
    /// The moment of event time up to which the list includes events.
    pub as_of: Timestamp,
    /// Sentences about events that are missing in the list.
    pub missing: Vec<String>,
    /// Whether the store is a file, whose calls are all listed.
    pub is_past: bool,
}

impl CallList<'_> {
    /// Returns the page with the list of sensitive calls as HTML.
    pub fn html(&self) -> String {
        let frame = &self.frame;
        let words = words(frame);
        let content = html! {
            form.ask {
                (search_fields(frame, self.question, &self.choices))
                a.btn.btn-primary { (words.search) }
                (frame.call(ClickTarget::Widget, &params(self.question, 1), None))
                a.btn { (words.clusters) }
                (frame.call(ClickTarget::Widget, &json!({}), None))
            }
            @if let Some(problem) = &self.question.problem {
                (not_understood(frame, self.question, problem))
            } @else { (self.found()) }
        };
        frame.page(&content)
    }

    fn found(&self) -> Markup {
        let (frame, words) = (&self.frame, words(&self.frame));
        html! {
            h3 { (words.calls) }
            (found(frame, &self.page, Some(self.as_of), self.is_past))
            @for sentence in &self.missing { p.missing { (shown(sentence)) } }
            @if !self.page.rows.is_empty() { (self.table()) }
            (self.pages())
        }
    }

    fn table(&self) -> Markup {
        let params = |sort, is_reversed| {
            let question = &ListQuery {
                sort,
                is_reversed,
                ..self.question.clone()
            };
            params(question, 1)
        };
        table(&self.frame, self.question, (&self.page, self.as_of), params)
    }

    fn pages(&self) -> Markup {
        let CallsPage {
            number: at, pages, ..
        } = self.page;
        let words = words(&self.frame);
        let go = |text: &str, page| {
            html! {
                a.btn { (text) }
                (self.frame.call(ClickTarget::Widget, &params(self.question, page), None))
            }
        };
        html! {
            @if pages > 1 {
                p.pages {
                    @if at > 1 { (go(words.previous, at - 1)) " " }
                    span { (page_of(&self.frame, at, pages)) }
                    @if at < pages { " " (go(words.next, at + 1)) }
                }
            }
        }
    }
}

fn words(frame: &Frame<'_>) -> &'static ListWords {
    ListWords::of(frame.locale.language)
}

/// Returns the parameters of a call that shows a page of the list of sensitive calls in the order of a query.
fn params(question: &ListQuery, page: usize) -> Value {
    let mut params = json!({"list": "calls", "page": page});
    if question.sort != Sort::Severity || question.is_reversed {
        params["sort"] = json!(question.sort.name());
    }
    if question.is_reversed {
        params["reversed"] = Value::Bool(true);
    }
    params
}

/// The section with the first sensitive calls, for the page with the list of clusters.
pub(super) struct CallSection<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) question: &'a ListQuery,
    pub(super) page: &'a CallsPage<'a>,
    pub(super) as_of: Timestamp,
    /// Whether the store is a file, whose calls are all listed.
    pub(super) is_past: bool,
    /// Whether no clusters follow.
    pub(super) is_alone: bool,
}

impl CallSection<'_> {
    /// Returns the section as HTML; empty if no call matches the query. `sorted` returns the parameters of a call that shows
    /// the list in an order, reversed or not.
    pub(super) fn html(&self, sorted: impl Fn(Sort, bool) -> Value) -> Markup {
        let (frame, page) = (self.frame, self.page);
        let words = words(frame);
        let left = page.found.saturating_sub(page.rows.len());
        let folded = page.folded as u64;
        html! {
            @if page.found > 0 || page.outside > 0 || folded > 0 {
                h3 { (words.calls) }
                (found(frame, page, None, self.is_past))
                @if folded > 0 {
                    p.said.folded {
                        (fill(by_number(folded, words.folded_call, words.folded_calls), &[("count", number(folded))])) " "
                        a { (words.unfold) }
                        (frame.call(ClickTarget::Widget, &json!({"unfolded": true}), None))
                    }
                }
            }
            @if page.found > 0 {
                (table(frame, self.question, (page, self.as_of), sorted))
                @if left > 0 {
                    p.pages {
                        a.btn { (fill(words.more_calls, &[("count", number(left as u64))])) }
                        (frame.call(ClickTarget::Widget, &params(self.question, 1), None))
                    }
                }
            }
            @if !self.is_alone && (page.found > 0 || folded > 0) { h3 { (words.clusters) } }
        }
    }
}

/// Returns the sentence about the number of sensitive calls. A stack keeps the calls of the last days, a file all.
fn found(frame: &Frame<'_>, page: &CallsPage<'_>, at: Option<Timestamp>, is_past: bool) -> Markup {
    let words = words(frame);
    let count = page.found as u64;
    let text = by_number(count, words.call_found, words.calls_found);
    html! {
        p.said {
            (fill(text, &[("count", number(count))]))
            @if page.outside > 0 {
                " · " (fill(words.outside, &[("count", number(page.outside as u64))]))
            }
            @if !is_past { " · " (words.calls_kept) }
            @if let Some(at) = at { " · " (as_of(frame, at)) }
        }
    }
}

fn table(
    frame: &Frame<'_>,
    question: &ListQuery,
    (page, as_of): (&CallsPage<'_>, Timestamp),
    sorted: impl Fn(Sort, bool) -> Value,
) -> Markup {
    let words = words(frame);
    let last = words.last.replace("{zone}", &frame.locale.zone_name());
    let heads = [
        ("severity", Sort::Severity, words.severity),
        ("what", Sort::What, words.call),
        ("target", Sort::Target, words.target),
        ("who", Sort::Caller, words.who),
        ("last", Sort::Last, &last),
        ("n", Sort::Count, words.times),
        ("account", Sort::Account, words.account),
    ];
    html! {
        table.calls {
            thead { tr { @for (class, sort, title) in heads { (head(frame, question, (class, &[(sort, title)]), &sorted)) } } }
            tbody { @for (id, call) in &page.rows { (row(frame, *id, call, as_of)) } }
        }
    }
}

fn row(frame: &Frame<'_>, id: ClusterId, history: &CallHistory, as_of: Timestamp) -> Markup {
    let subject = &*history.subject;
    let words = words(frame);
    let deciding = |of| call::deciding(of, &subject.account_id, frame.locale.language);
    let deciding = subject.call.as_ref().map(deciding).unwrap_or_default();
    html! {
        tr {
            td.severity {
                (badge(call_assessment(history).severity, frame.locale.language))
                @if weight(subject).is_some() { " " span.mark { (words.strong) } }
                @if history.is_silent { " " span.mark { (words.no_alert) } }
            }
            th.what scope="row" {
                a.open { bdi.call { (call_name(subject)) } }
                (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                @if !deciding.is_empty() {
                    div.message { bdi { (sanitize(&deciding, PARAMETERS_CHARS_MAX)) } }
                }
            }
            td.target { (target(frame, subject)) }
            td.who { (caller_link(frame, &subject.account_id, &history.caller)) }
            td.last { (ago(frame, Some(history.last), as_of)) }
            td.n { (number(history.count())) }
            td.account { (account_link(frame, &subject.account_id)) }
        }
    }
}

/// Returns `strong` for a call that weighs as much as an attack step on its own.
pub(super) fn weight(subject: &ClusterSubject) -> Option<&'static str> {
    (subject.code == STRONG).then_some("strong")
}
