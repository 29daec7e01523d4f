//! The tables of clusters and of sensitive calls. A row leads to the card with the details, which is closed at first.
//!
//! The script of the page adds fields to filter and to sort a table. It finds the words for them in data attributes.

use alerts::severity::Severity;
use clusters::Span;
use maud::{Markup, html};

use super::{CARDS_MAX, Contents, Report};
use crate::call::DescribedCall;
use crate::card::{DescribedCluster, badge, card};
use crate::{call, fill, moment, more, number, shown};

impl Report<'_> {
    /// Returns the section of clusters: a table with links to the cards, and the cards.
    pub(super) fn clusters(&self, described: &[DescribedCluster]) -> Markup {
        let words = self.words();
        let shown = &described[..described.len().min(CARDS_MAX)];
        html! {
            section aria-labelledby="failing" {
                h2 id="failing" { (words.failing) }
                @if described.is_empty() {
                    p { (words.nothing_failed) }
                } @else {
                    nav aria-label=(words.failing) {
                        (self.table("failing", words.count, words.status, &html! {
                            @for one in shown { (self.cluster_line(one)) }
                        }))
                    }
                    (more(described.len(), CARDS_MAX, self.locale.language))
                    details.cards {
                        summary { (words.details) }
                        @for one in shown { (card(one, self.locale)) }
                    }
                }
            }
        }
    }

    /// Returns a table whose rows are clusters or sensitive calls.
    fn table(&self, section: &str, count: &str, status: &str, rows: &Markup) -> Markup {
        let words = self.words();
        let zone = || html! { (self.locale.zone_name()) };
        html! {
            table.summary data-section=(section) data-search=(words.search) data-any=(words.any)
                data-shown=(words.shown) data-none=(words.none) {
                thead { tr {
                    th.choice scope="col" { (words.severity) }
                    th.what scope="col" { (words.what) }
                    th.n scope="col" { (count) }
                    th.wide.who scope="col" { (words.who) }
                    th.wide.choice scope="col" { (status) }
                    th.wide.choice scope="col" { (words.account) }
                    th.wide scope="col" { (fill(words.first, &[("zone", zone())])) }
                    th.wide scope="col" { (fill(words.last, &[("zone", zone())])) }
                } }
                tbody { (rows) }
            }
        }
    }

    fn cluster_line(&self, one: &DescribedCluster) -> Markup {
        let language = self.locale.language;
        html! {
            tr {
                td data-order=(order(one.assessment.severity)) { (badge(one.assessment.severity, language)) }
                th scope="row" { a href={ "#" (one.anchor()) } { (one.what(language)) } (one.cause()) }
                td.n.count { (number(one.cluster.span.count)) }
                td.wide { (one.who(language)) }
                td.wide.status { (one.status(language)) }
                (self.account_and_times(&one.cluster.facts.identity.account_id, one.cluster.span))
            }
        }
    }

    fn account_and_times(&self, account_id: &str, span: Span) -> Markup {
        html! {
            td.wide { bdi.nowrap { (shown(account_id)) } }
            td.wide { (moment(span.first_seen, self.locale)) }
            td.wide { (moment(span.last_seen, self.locale)) }
        }
    }

    /// Returns the section of sensitive calls: a table with links to the cards, and the cards.
    ///
    /// A sensitive call has no status, because it succeeded: nothing lasts, and nothing recovers.
    pub(super) fn sensitive_calls(&self, contents: &Contents) -> Markup {
        let words = self.words();
        html! {
            section aria-labelledby="sensitive" {
                h2 id="sensitive" { (words.sensitive) }
                @if contents.calls.is_empty() {
                    p { (words.none_seen) }
                } @else {
                    p { (words.sensitive_note) }
                    nav aria-label=(words.sensitive) {
                        (self.table("sensitive", words.call_count, words.weight, &html! {
                            @for one in &contents.calls { (self.call_line(one)) }
                        }))
                    }
                    (more(contents.calls_count, CARDS_MAX, self.locale.language))
                    details.cards {
                        summary { (words.details) }
                        @for one in &contents.calls { (call::card(one, self.locale)) }
                    }
                }
            }
        }
    }

    fn call_line(&self, one: &DescribedCall) -> Markup {
        let language = self.locale.language;
        html! {
            tr {
                td data-order=(order(one.assessment.severity)) { (badge(one.assessment.severity, language)) }
                th scope="row" { a href={ "#" (one.anchor()) } { (one.what(language)) } (one.deciding(language)) }
                td.n.count { (number(one.call.span.count)) }
                td.wide { (one.who()) }
                td.wide { @if one.is_strong() { strong { (self.words().strong) } } }
                (self.account_and_times(&one.call.facts.identity.account_id, one.call.span))
            }
        }
    }
}

/// Returns the place of a severity in the order of a table, the least severe first.
fn order(severity: Severity) -> u8 {
    severity as u8
}
