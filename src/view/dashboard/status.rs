//! The page with the health of a stack, which is the first row of the dashboard.

use maud::{Markup, html};

use super::Frame;
use crate::shown;
use crate::status::{RowState, StatusReport, StatusRow};

alerts::words! {
    /// The words of the page, beside those of the rows.
    struct StatusWords {
        ok: "ok", "正常";
        warn: "look", "留意";
        unknown: "unknown", "未知";
        bad: "bad", "异常";
    }
}

/// Returns the health of a stack as a page of HTML.
pub fn page(frame: &Frame<'_>, report: &StatusReport) -> String {
    let words = StatusWords::of(frame.locale.language);
    frame.page(&html! {
        h2 { (badge(report.state(), words)) " " (shown(&report.summary)) }
        table {
            tbody { @for row in &report.rows { (line(row, words)) } }
        }
    })
}

fn line(row: &StatusRow, words: &StatusWords) -> Markup {
    html! {
        tr {
            th scope="row" { (shown(&row.name)) }
            td { (badge(row.state, words)) }
            td {
                (shown(&row.value))
                @if !row.advice.is_empty() { br; span.soft { (shown(&row.advice)) } }
            }
        }
    }
}

fn badge(state: RowState, words: &StatusWords) -> Markup {
    let (class, word) = match state {
        RowState::Ok => ("badge recovered", words.ok),
        RowState::Warn => ("badge warning", words.warn),
        RowState::Unknown => ("badge error", words.unknown),
        RowState::Bad => ("badge critical", words.bad),
    };
    html! { span class=(class) { (word) } }
}
