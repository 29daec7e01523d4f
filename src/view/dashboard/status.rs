//! The page with the health of a stack, which is the first row of the dashboard.

use alerts::locale::Language;
use maud::{Markup, html};

use super::Frame;
use crate::shown;
use crate::status::{RowState, StatusReport, StatusRow};

/// Returns the health of a stack as a page of HTML.
pub fn page(frame: &Frame<'_>, report: &StatusReport) -> String {
    let language = frame.locale.language;
    frame.page(&html! {
        h2 { (badge(report.state(), language)) " " (shown(&report.summary)) }
        table {
            tbody { @for row in &report.rows { (line(row, language)) } }
        }
    })
}

fn line(row: &StatusRow, language: Language) -> Markup {
    html! {
        tr {
            th scope="row" { (shown(&row.name)) }
            td { (badge(row.state, language)) }
            td {
                (shown(&row.value))
                @if !row.advice.is_empty() { br; span.soft { (shown(&row.advice)) } }
            }
        }
    }
}

fn badge(state: RowState, language: Language) -> Markup {
    let class = match state {
        RowState::Ok => "badge recovered",
        RowState::Warn => "badge warning",
        RowState::Unknown => "badge error",
        RowState::Bad => "badge critical",
    };
    html! { span class=(class) { (state.word(language)) } }
}
