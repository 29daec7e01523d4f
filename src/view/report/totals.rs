//! The end of the report: what could not be read, and the totals of records, whose sums a reader can check.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Report, Unread};
use crate::{fill, more, number, plural, shown};

/// The maximum number of unreadable records in the table.
const UNREAD_MAX: usize = 200;

impl Report<'_> {
    /// Returns the section of what could not be read.
    pub(super) fn unread(&self) -> Markup {
        let words = self.words();
        let records = self.record_counts.quarantined();
        html! {
            section aria-labelledby="unread" {
                h2 id="unread" { (words.unread) }
                @if self.failed.is_empty() && records == 0 { p { (words.all_read) } }
                @if !self.failed.is_empty() {
                    h3 { (plural(self.failed.len() as u64, words.one_input, words.inputs)) }
                    (self.unread_table(self.failed, self.failed.len()))
                }
                @if records > 0 {
                    h3 { (plural(records, words.one_record, words.records)) }
                    (self.unread_table(self.quarantined, usize::try_from(records).unwrap_or(usize::MAX)))
                }
            }
        }
    }

    fn unread_table(&self, unread: &[Unread], count: usize) -> Markup {
        let words = self.words();
        let listed = unread.len().min(UNREAD_MAX);
        let numbered = unread.iter().any(|unread| unread.record.is_some());
        html! {
            table.stacked {
                thead { tr {
                    th scope="col" { (words.file) }
                    @if numbered { th.n scope="col" { (words.record) } }
                    th scope="col" { (words.reason) }
                } }
                tbody {
                    @for unread in unread.iter().take(UNREAD_MAX) {
                        tr {
                            th scope="row" { bdi { (shown(&unread.file)) } }
                            @if let Some(record) = unread.record { td.n.place { (number(record)) } }
                            td { bdi { (shown(&unread.reason)) } }
                        }
                    }
                }
            }
            (more(count, listed, self.locale.language))
        }
    }

    /// Returns the section with the totals of records.
    pub(super) fn totals(&self) -> Markup {
        let words = self.words();
        let counts = self.record_counts;
        html! {
            section aria-labelledby="totals" {
                h2 id="totals" { (words.totals) }
                table.totals {
                    thead { tr {
                        th scope="col" { (words.totals_head) } th.n scope="col" { (words.totals_count) }
                    } }
                    tbody {
                        (line("all", words.read, counts.read))
                        (line("part", words.not_selected, counts.not_selected()))
                        (reasons(&counts.not_selected))
                        (line("part", words.selected, counts.selected))
                        (line("detail", words.clustered, counts.clustered))
                        (line("detail", words.duplicate, counts.duplicate))
                        (line("detail", words.ignored, counts.ignored()))
                        (reasons(&counts.ignored))
                        (line("detail", words.quarantined, counts.quarantined()))
                        (reasons(&counts.quarantined))
                    }
                }
                p.note { (self.totals_note()) }
            }
        }
    }

    fn totals_note(&self) -> Markup {
        let words = self.words();
        let counts = self.record_counts;
        let events: u64 = self.snapshot.rows().map(|(_, span)| span.count).sum();
        let store = [
            ("events", plural(events, words.one_event, words.events)),
            ("clustered", number(counts.clustered)),
            ("before", number(events.saturating_sub(counts.clustered))),
        ];
        html! {
            (words.totals_rule)
            (fill(words.totals_store, &store))
            @for (count, text) in [
                (counts.unknown_codes, words.unknown_codes),
                (counts.unknown_denials, words.unknown_denials),
            ] {
                @if count > 0 { " " (fill(text, &[("count", number(count))])) }
            }
            @if let Some(accounts) = counts.excluded_text(EXCLUDED_SHOWN) {
                " " (fill(words.excluded, &[("count", number(counts.excluded())), ("accounts", html! { (accounts) })]))
            }
        }
    }
}

/// The number of excluded accounts that the totals name.
const EXCLUDED_SHOWN: usize = 20;

fn line(class: &str, name: &str, count: u64) -> Markup {
    html! { tr class=(class) { th scope="row" { (name) } td.n { (number(count)) } } }
}

/// Returns the counts by reason. A reason is a code of the JSON output.
fn reasons(counts: &BTreeMap<&'static str, u64>) -> Markup {
    html! {
        @for (reason, count) in counts {
            tr.reason { th scope="row" { code { (reason) } } td.n { (number(*count)) } }
        }
    }
}
