//! The page with the list of clusters: a search form, the first sensitive calls, columns to sort by, and one page of rows.

use std::collections::{BTreeMap, BTreeSet};

use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::triage::TriageStatus;
use clusters::{ClusterFacts, short_name};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};

use super::calls::section;
use super::incident;
use super::parts::search_fields;
use super::{ClickTarget, Frame, failed};
use crate::listing::{CallsPage, ListPage, ListQuery, ListedCluster, Show, Sort};
use crate::{counted, minute, number, shown};

/// The maximum length of the error message in a row, in characters.
const MESSAGE_CHARS_MAX: usize = 140;

/// All data that the page with the list of clusters shows.
#[derive(Debug)]
pub struct List<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The query that found the clusters. The search form shows its filters, and the column heads show its order.
    pub question: &'a ListQuery,
    /// The clusters that the query found: one page of them, with the number of all.
    pub page: ListPage<'a>,
    /// The incidents, the most severe first, for the section on top; empty on a page without it.
    pub incidents: &'a [Incident],
    /// The sensitive calls that the query found, for the section above the clusters; `None` on a page without it.
    pub calls: Option<CallsPage<'a>>,
    /// The ids of the accounts that the search form offers as a filter.
    pub accounts: BTreeSet<&'a str>,
    /// The identity and the template of the clusters in `page`, by id, for the error messages in the list. Clusters may
    /// be missing.
    pub facts: BTreeMap<ClusterId, &'a ClusterFacts>,
    /// The triages of the clusters in `page`, by cluster id.
    pub triages: BTreeMap<ClusterId, TriageStatus<'a>>,
    /// The moment of event time up to which the list includes events.
    pub as_of: Timestamp,
    /// Sentences about events that are missing in the list, because they could not be read or are not inspected yet.
    pub missing: Vec<String>,
}

/// The columns: the order that a click selects, the title, and the CSS class of the cells.
const COLUMNS: [(Option<Sort>, &str, &str); 8] = [
    (Some(Sort::Severity), "Severity", "severity"),
    (Some(Sort::State), "Status", "state"),
    (Some(Sort::What), "What fails", "what"),
    (None, "Who", "who"),
    (Some(Sort::Account), "Account", "account"),
    (Some(Sort::Began), "Since (UTC)", "began"),
    (Some(Sort::Last), "Last (UTC)", "last"),
    (Some(Sort::Count), "Events", "n"),
];

impl List<'_> {
    /// Returns the page with the list of clusters as HTML.
    pub fn html(&self) -> String {
        let content = html! {
            (self.form())
            (incident::section(&self.frame, self.incidents, self.question))
            @if let Some(calls) = &self.calls { (section(&self.frame, calls)) }
            (self.result_line())
            @if !self.page.rows.is_empty() {
                table.list {
                    thead { tr { @for column in COLUMNS { (self.head(column)) } } }
                    tbody { @for (id, listed) in &self.page.rows { (self.row(*id, listed)) } }
                }
                (self.pages())
            }
        };
        self.frame.page(&content)
    }

    /// Returns the parameters of a call that shows the list in an order and at a page.
    ///
    /// CloudWatch adds the values of the form, so they are not included.
    fn params(&self, sort: Sort, is_reversed: bool, page: usize) -> Value {
        let mut params = json!({"sort": sort.name(), "page": page});
        if is_reversed {
            params["reversed"] = Value::Bool(true);
        }
        params
    }

    fn form(&self) -> Markup {
        let ListQuery {
            show,
            sort,
            is_reversed,
            ..
        } = self.question;
        html! {
            form.ask {
                (search_fields(&self.frame, self.question, &self.accounts))
                select name="status" aria-label="Status" {
                    @for one in Show::ALL {
                        option value=(one.name()) selected[one == *show] { (one.name()) }
                    }
                }
                a.btn.btn-primary { "Search" }
                (self.frame.call(ClickTarget::Widget, &self.params(*sort, *is_reversed, 1), None))
            }
        }
    }

    /// Returns the sentence about the number of clusters, and the sentences about missing data.
    fn result_line(&self) -> Markup {
        let ListPage { found, outside, .. } = self.page;
        let show = match self.question.show {
            Show::All => String::new(),
            show => format!("{} ", show.name()),
        };
        html! {
            p.said {
                (number(found as u64)) " " (show) @if found == 1 { "cluster" } @else { "clusters" }
                @if let Some((from, until)) = self.question.range {
                    " failed from " (minute(Some(from))) " to " (minute(Some(until)))
                }
                @if outside > 0 { "; " (number(outside as u64)) " more at other times" }
                ". As of " (minute(Some(self.as_of))) " UTC."
            }
            @for sentence in &self.missing { p.missing { (shown(sentence)) } }
        }
    }

    fn head(&self, (sort, words, class): (Option<Sort>, &str, &str)) -> Markup {
        let ListQuery {
            sort: by,
            is_reversed,
            ..
        } = self.question;
        let is_by = sort == Some(*by);
        let order = match (is_by, self.is_ascending()) {
            (false, _) => None,
            (true, true) => Some("ascending"),
            (true, false) => Some("descending"),
        };
        html! {
            th class=(class) scope="col" aria-sort=[order] {
                @match sort {
                    Some(sort) => {
                        a.sort {
                            (words)
                            @if let Some(order) = order {
                                span aria-hidden="true" { @if order == "ascending" { " ▲" } @else { " ▼" } }
                            }
                        }
                        (self.frame.call(ClickTarget::Widget, &self.params(sort, is_by && !is_reversed, 1), None))
                    }
                    None => (words),
                }
            }
        }
    }

    fn is_ascending(&self) -> bool {
        let is_usual = matches!(self.question.sort, Sort::State | Sort::What | Sort::Account);
        is_usual != self.question.is_reversed
    }

    fn row(&self, id: ClusterId, listed: &ListedCluster) -> Markup {
        let subject = &*listed.subject;
        let call = format!("{}:{}", subject.service, subject.action);
        let message = self.facts.get(&id).map(|facts| facts.template.as_str());
        let (severity, status) = (listed.assessment().severity, listed.status());
        let triage_status = self.triages.get(&id).and_then(TriageStatus::word);
        html! {
            tr {
                td.severity { span.badge.(severity.name()) { (severity.name()) } }
                td.state {
                    span.badge.(status.name()) { (status.name()) }
                    @if let Some(word) = triage_status { " " span.mark { (word) } }
                }
                th.what scope="row" {
                    a.open { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (failed(subject, listed.code.as_deref())) } }
                    (self.frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                    @if let Some(message) = message.filter(|of| !of.is_empty()) {
                        div.message { bdi { (sanitize(message, MESSAGE_CHARS_MAX)) } }
                    }
                }
                td.who { (who(listed)) }
                td.account { (self.frame.account(&subject.account_id)) }
                td.began { (minute(listed.began)) }
                td.last { (minute(listed.last)) }
                td.n { (number(listed.total)) }
            }
        }
    }

    fn pages(&self) -> Markup {
        let ListPage {
            number: at,
            pages,
            found,
            ..
        } = self.page;
        let ListQuery {
            sort, is_reversed, ..
        } = *self.question;
        let go = |words: &str, page| {
            html! {
                a.btn { (words) }
                (self.frame.call(ClickTarget::Widget, &self.params(sort, is_reversed, page), None))
            }
        };
        html! {
            @if pages > 1 {
                p.pages {
                    @if at > 1 { (go("Previous", at - 1)) " " }
                    span { "Page " (number(at as u64)) " of " (number(pages as u64)) ", " (counted(found as u64, "cluster")) }
                    @if at < pages { " " (go("Next", at + 1)) }
                }
            }
        }
    }
}

/// Returns the first caller, without the prefix that repeats the account, and the number of other callers.
fn who(listed: &ListedCluster) -> Markup {
    html! {
        @if let Some(caller) = &listed.caller {
            bdi { (sanitize(short_name(caller, &listed.subject.account_id), 160)) }
            @if listed.callers > 1 { " and " (number(listed.callers - 1)) " more" }
        }
    }
}
