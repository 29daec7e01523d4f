//! The page with the list of clusters: a search form, the incidents, the first sensitive calls, and one page of rows.

use std::collections::BTreeMap;

use alerts::terms;
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::least_values::LeastValues;
use clusters::triage::TriageStatus;
use clusters::{ClusterFacts, short_name};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};

use super::calls::CallSection;
use super::incident;
use super::parts::{account_link, caller_link, head, not_understood, search_fields};
use super::phrase::{ago, by_number, status_word, triage_word};
use super::spark::row_bars;
use super::words::{ListWords, as_of, page_of};
use super::{ClickTarget, Frame, failed, top};
use crate::card::badge;
use crate::listing::{CallsPage, FrequentCluster, ListPage, ListQuery, ListedCluster, Show, Sort};
use crate::search::DECISIONS;
use crate::{fill, moment, number, shown};

/// The maximum length of the error message in a row, in characters.
const MESSAGE_CHARS_MAX: usize = 120;

/// The maximum length of a resource in a row, in characters.
const RESOURCE_CHARS_MAX: usize = 100;

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
    /// The clusters with most events in the shown range, for the section above the list; empty on a page without it.
    pub frequent: Vec<FrequentCluster<'a>>,
    /// The identity and the template of the clusters in `page`, by id, for the error messages on the page. Clusters may
    /// be missing.
    pub facts: BTreeMap<ClusterId, &'a ClusterFacts>,
    /// The triages of the clusters in `page`, by cluster id.
    pub triages: BTreeMap<ClusterId, TriageStatus<'a>>,
    /// The moment of event time up to which the list includes events.
    pub as_of: Timestamp,
    /// Sentences about events that are missing in the list, because they could not be read or are not inspected yet.
    pub missing: Vec<String>,
    /// Whether the store has no cluster and no sensitive call at all.
    pub is_empty: bool,
    /// Whether the store is a file, which gets no events by itself.
    pub is_past: bool,
    /// Whether the clusters of incidents are listed although they could be folded.
    pub is_unfolded: bool,
}

impl List<'_> {
    /// Returns the page with the list of clusters as HTML.
    pub fn html(&self) -> String {
        if let Some(problem) = &self.question.problem {
            let content =
                html! { (self.form()) (not_understood(&self.frame, self.question, problem)) };
            return self.frame.page(&content);
        }
        let content = html! {
            (self.form())
            (self.shortcuts())
            (incident::section(&self.frame, self.incidents, self.question))
            @if let Some(calls) = &self.calls { (self.calls(calls)) }
            (top::section(&self.frame, &self.frequent, &self.facts))
            @if !self.has_only_others() { (self.result_line()) }
            @for sentence in &self.missing { p.missing { (shown(sentence)) } }
            (self.folding())
            @if self.page.rows.is_empty() {
                @if !self.has_only_others() { (self.empty()) }
            } @else {
                table.list {
                    (self.heads())
                    tbody { @for (id, listed) in &self.page.rows { (self.row(*id, listed)) } }
                }
                (self.pages())
            }
        };
        self.frame.page(&content)
    }

    fn calls(&self, page: &CallsPage<'_>) -> Markup {
        let params = |sort, is_reversed| self.params(sort, is_reversed, 1);
        let section = CallSection {
            frame: &self.frame,
            question: self.question,
            page,
            as_of: self.as_of,
            is_past: self.is_past,
            is_alone: self.has_only_others(),
        };
        section.html(params)
    }

    fn words(&self) -> &'static ListWords {
        ListWords::of(self.frame.locale.language)
    }

    /// Checks whether a search or a filter finds sensitive calls or incidents, and no cluster of any status and time. Nothing is said
    /// about clusters then.
    fn has_only_others(&self) -> bool {
        let has_calls = self.calls.as_ref().is_some_and(|of| of.found > 0);
        let counts = [self.page.found, self.page.outside, self.page.folded].into_iter();
        let has_clusters = counts.chain(self.page.by_show).any(|count| count > 0);
        self.question.is_narrowed() && (has_calls || !self.incidents.is_empty()) && !has_clusters
    }

    /// Returns the parameters of a call that shows the list in an order and at a page.
    ///
    /// CloudWatch adds the values of the form, so they are not included.
    fn params(&self, sort: Sort, is_reversed: bool, page: usize) -> Value {
        let mut params = json!({"sort": sort.name(), "page": page});
        if is_reversed {
            params["reversed"] = Value::Bool(true);
        }
        if self.is_unfolded {
            params["unfolded"] = Value::Bool(true);
        }
        params
    }

    /// Returns an element that shows the list in another way when it is clicked.
    fn go(&self, element: &Markup, params: &Value) -> Markup {
        html! { (element) (self.frame.call(ClickTarget::Widget, params, None)) }
    }

    fn button(&self, text: &Markup, params: &Value) -> Markup {
        self.go(&html! { a.btn { (text) } }, params)
    }

    fn form(&self) -> Markup {
        let words = self.words();
        let ListQuery {
            show,
            decision,
            sort,
            is_reversed,
            ..
        } = self.question;
        let language = self.frame.locale.language;
        let decided = |of| {
            let decision = terms::decision_name(of, language);
            words.decided.replace("{decision}", decision)
        };
        html! {
            form.ask {
                (search_fields(&self.frame, self.question, &self.page.choices))
                select name="status" aria-label=(words.status) {
                    @for (one, count) in Show::ALL.into_iter().zip(self.page.by_show) {
                        option value=(one.name()) selected[decision.is_none() && one == *show] {
                            (one.label(language)) " (" (crate::grouped(count as u64)) ")"
                        }
                    }
                    @for one in DECISIONS {
                        option value=(one) selected[*decision == Some(one)] { (decided(one)) }
                    }
                }
                (self.go(&html! { a.btn.btn-primary { (words.search) } }, &self.params(*sort, *is_reversed, 1)))
                @if !self.page.rows.is_empty() || self.has_only_others() { (self.clear()) }
            }
        }
    }

    /// Returns the links to two searches that auditors ask for; empty with a search or a filter.
    fn shortcuts(&self) -> Markup {
        let words = self.words();
        let sign_ins = json!({"only": true, "search": "class:signin", "status": Show::All.name()});
        let users = json!({"only": true, "search": "iam:CreateUser", "list": "calls"});
        html! {
            @if !self.question.is_narrowed() && self.page.number == 1 {
                p.acts {
                    (self.go(&html! { a { (words.failed_sign_ins) } }, &sign_ins))
                    (self.go(&html! { a { (words.new_users) } }, &users))
                }
            }
        }
    }

    /// Returns the button that removes the search and all filters but that by status; empty without any.
    fn clear(&self) -> Markup {
        let words = self.words();
        let ListQuery {
            severity,
            class,
            service,
            account_id,
            show,
            decision,
            ..
        } = self.question;
        let has_filter = severity.is_some()
            || class.is_some()
            || service.is_some()
            || account_id.is_some()
            || decision.is_some();
        let params = match decision {
            Some(_) => json!({"only": true}),
            None => json!({"only": true, "status": show.name()}),
        };
        let text = if has_filter {
            words.clear_filters
        } else {
            words.clear_search
        };
        html! {
            @if self.question.is_narrowed() {
                (self.button(&html! { (text) }, &params))
            }
        }
    }

    /// Returns the sentence about the number of clusters, and about the times.
    fn result_line(&self) -> Markup {
        let words = self.words();
        let ListPage { found, outside, .. } = self.page;
        let show = match self.question.show {
            Show::All => None,
            Show::Open => Some(words.is_open),
            Show::New => Some(words.is_new),
            Show::Recovered => Some(words.is_recovered),
        };
        let count = found as u64;
        let text = match show {
            Some(_) => by_number(count, words.cluster, words.clusters_found),
            None => by_number(count, words.any_cluster, words.any_clusters),
        };
        let parts = [
            ("count", number(count)),
            ("show", html! { (show.unwrap_or_default()) }),
        ];
        html! {
            p.said {
                (fill(text, &parts))
                @if let Some((from, until)) = self.question.range {
                    " · "
                    (fill(words.range, &[("from", moment(Some(from), self.frame.locale)), ("until", moment(Some(until), self.frame.locale))]))
                }
                @if outside > 0 {
                    " · " (fill(words.outside, &[("count", number(outside as u64))]))
                }
                " · " (as_of(&self.frame, self.as_of))
            }
        }
    }

    /// Returns the sentence about the clusters that are folded into incidents.
    fn folding(&self) -> Markup {
        let words = self.words();
        let folded = self.page.folded as u64;
        let text = by_number(folded, words.folded_one, words.folded);
        html! {
            @if folded > 0 {
                p.said.folded {
                    (fill(text, &[("count", number(folded))])) " "
                    (self.go(&html! { a { (words.unfold) } }, &json!({"unfolded": true})))
                }
            } @else if self.is_unfolded {
                p.said.folded { (self.go(&html! { a { (words.fold) } }, &json!({}))) }
            }
        }
    }

    /// Returns what to do if no cluster was found.
    fn empty(&self) -> Markup {
        let words = self.words();
        let question = self.question;
        if self.is_empty && self.missing.is_empty() {
            let text = if self.is_past {
                words.nothing_in_file
            } else {
                words.nothing_in_stack
            };
            return html! { p.empty { (text) } };
        }
        let reason = match (question.is_search(), question.is_narrowed(), question.show) {
            (true, ..) => {
                let search = html! { bdi.code { (sanitize(&question.search, 200)) } };
                fill(words.none_found, &[("search", search)])
            }
            (false, true, _) => html! { (words.none_filtered) },
            (false, false, Show::Open) => html! { (words.none_open) },
            (false, false, Show::New) => html! { (words.none_new) },
            (false, false, Show::Recovered) => html! { (words.none_recovered) },
            (false, false, Show::All) => html! { (words.none_at_all) },
        };
        let others = [
            (Show::Open, words.show_open),
            (Show::New, words.show_new),
            (Show::Recovered, words.show_recovered),
            (Show::All, words.show_all),
        ];
        let has_keys = question.words.iter().any(|word| word.contains(':'));
        html! {
            @if self.page.folded == 0 {
                div.empty {
                    p { (reason) }
                    @if has_keys { p.soft { (words.keys) } }
                    @if self.page.outside > 0 {
                        p { (fill(words.widen, &[("count", number(self.page.outside as u64))])) }
                    }
                    p.acts {
                        (self.clear())
                        @for ((show, text), (_, count)) in others.iter().zip(Show::ALL.iter().zip(self.page.by_show)) {
                            @if *show != question.show && count > 0 {
                                (self.button(&fill(text, &[("count", number(count as u64))]), &json!({"show": show.name()})))
                            }
                        }
                    }
                }
            }
        }
    }

    fn heads(&self) -> Markup {
        let words = self.words();
        let zone = self.frame.locale.zone_name();
        let last = words.last.replace("{zone}", &zone);
        html! {
            thead { tr {
                (self.head("severity", &[(Sort::Severity, words.severity)]))
                (self.head("what", &[(Sort::What, words.what), (Sort::Class, words.class)]))
                (self.head("who", &[(Sort::Caller, words.who)]))
                th.trend scope="col" { (words.trend) }
                (self.head("last", &[(Sort::Last, &last)]))
                (self.head("n", &[(Sort::Count, words.events)]))
                (self.head("state", &[(Sort::State, words.status)]))
                (self.head("account", &[(Sort::Account, words.account)]))
            } }
        }
    }

    fn head(&self, class: &str, sorts: &[(Sort, &str)]) -> Markup {
        let params = |sort, is_reversed| self.params(sort, is_reversed, 1);
        head(&self.frame, self.question, (class, sorts), params)
    }

    fn row(&self, id: ClusterId, listed: &ListedCluster) -> Markup {
        let (frame, subject) = (&self.frame, &*listed.subject);
        let call = format!("{}:{}", subject.service, subject.action);
        let message = self.facts.get(&id).map(|facts| facts.template.as_str());
        let mark = self.triages.get(&id).and_then(|of| triage_word(frame, of));
        html! {
            tr {
                td.severity { (badge(listed.assessment().severity, frame.locale.language)) }
                th.what scope="row" {
                    a.open { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (failed(frame, subject, listed.code.as_deref())) } }
                    (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                    @if let Some(message) = message.filter(|of| !of.is_empty()) {
                        div.message { bdi { (sanitize(message, MESSAGE_CHARS_MAX)) } }
                    }
                    div.where {
                        span.class { (terms::class(subject.class, frame.locale.language)) }
                        (values(frame, &listed.resources, &subject.account_id))
                        (values(frame, &listed.regions, &subject.account_id))
                    }
                }
                td.who { (self.who(listed)) }
                td.trend { (row_bars(frame, &listed.hours, self.as_of.window())) }
                td.last { (ago(frame, listed.last, self.as_of)) }
                td.n { (number(listed.total)) }
                td.state {
                    (status_word(frame, listed.status()))
                    @if let Some(word) = mark { " " span.mark { (word) } }
                }
                td.account { (account_link(frame, &subject.account_id)) }
            }
        }
    }

    /// Returns the first caller, which links to its page, and the number of other callers.
    fn who(&self, listed: &ListedCluster) -> Markup {
        let Some(caller) = &listed.caller else {
            return Markup::default();
        };
        let link = caller_link(&self.frame, &listed.subject.account_id, caller);
        match listed.callers {
            ..2 => link,
            of => fill(
                self.words().others,
                &[("who", link), ("count", number(of - 1))],
            ),
        }
    }

    fn pages(&self) -> Markup {
        let words = self.words();
        let ListPage {
            number: at, pages, ..
        } = self.page;
        let ListQuery {
            sort, is_reversed, ..
        } = *self.question;
        let go = |text: &str, page| {
            self.button(&html! { (text) }, &self.params(sort, is_reversed, page))
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

/// Returns the first of some values with the number of others, as a part of a line; empty without a value.
fn values(frame: &Frame<'_>, of: &LeastValues, account_id: &str) -> Markup {
    let words = ListWords::of(frame.locale.language);
    let mut values = of.values();
    let more = values.len().saturating_sub(1) as u64;
    html! {
        @if let Some(value) = values.next() {
            span.value {
                bdi { (sanitize(short_name(value, account_id), RESOURCE_CHARS_MAX)) }
                @if of.has_more() {
                    " " (words.several)
                } @else if more > 0 {
                    " " (fill(words.plus, &[("count", number(more))]))
                }
            }
        }
    }
}
